//! A* against a plain search that knows nothing of it: random graphs, turns, closures, speeds.

use std::collections::{BTreeMap, BTreeSet};

use kernel::Coordinate;
use proptest::prelude::*;
use routing::graph::Edge;
use routing::snap::SNAP_LIMIT_M;
use routing::{
    Closure, ClosureClass, Constraints, EdgeId, Extent, Resolved, RoadClass, RoadGraph, RouteError, RouteRequest,
    SizeLimits, Snap,
};

use crate::fixture::at;

/// Nodes lie in a square of some 2 km.
const STEP: f64 = 1e-4;

#[derive(Debug, Clone)]
struct World {
    graph_of: (Vec<Coordinate>, Vec<Edge>, BTreeSet<(EdgeId, EdgeId)>),
    places: (Coordinate, Coordinate),
    closures: Vec<(Vec<prop::sample::Index>, ClosureClass)>,
    max_speed_mps: Option<f64>,
}

impl World {
    fn graph(&self) -> RoadGraph {
        let (nodes, edges, turns) = self.graph_of.clone();
        RoadGraph::new(nodes, edges, turns)
    }

    fn constraints(&self, graph: &RoadGraph) -> Constraints {
        let closure = |(place, (edges, class)): (usize, &(Vec<prop::sample::Index>, ClosureClass))| Closure {
            id: format!("closure {place}"),
            extent: Extent::Edges(edges.iter().map(|edge| EdgeId(edge.index(graph.edge_count()) as u32)).collect()),
            class: *class,
        };
        let closures = self.closures.iter().enumerate().map(closure).collect();
        Constraints { closures, max_speed_mps: self.max_speed_mps, ..Constraints::default() }
    }
}

fn place() -> impl Strategy<Value = Coordinate> {
    (0..200i32, 0..200i32).prop_map(|(lat, lon)| at(f64::from(lat) * STEP, f64::from(lon) * STEP))
}

fn world() -> impl Strategy<Value = World> {
    let node_count = 4..14usize;
    let class = prop_oneof![Just(ClosureClass::NoEntry), Just(ClosureClass::Stop), Just(ClosureClass::Evacuate)];
    let closures = prop::collection::vec((prop::collection::vec(any::<prop::sample::Index>(), 1..5), class), 0..3);
    let speed = prop::option::of(2.0..20.0f64);
    (prop::collection::vec(place(), node_count), closures, speed).prop_flat_map(|(nodes, closures, max_speed_mps)| {
        let count = nodes.len() as u32;
        let link = (0..count, 0..count, any::<bool>(), 3.0..30.0f64, 0.0..40.0f64, prop::option::of(place()));
        let turns = prop::collection::btree_set((0..40u32, 0..40u32), 0..200);
        (Just(nodes), prop::collection::vec(link, 8..30), turns, place(), place()).prop_map(
            move |(nodes, links, turns, from, to)| World {
                graph_of: graph_of(nodes, &links, turns),
                places: (from, to),
                closures: closures.clone(),
                max_speed_mps,
            },
        )
    })
}

/// From, to, whether both ways, metres per second, seconds at its end, a bend.
type Link = (u32, u32, bool, f64, f64, Option<Coordinate>);

fn graph_of(
    nodes: Vec<Coordinate>,
    links: &[Link],
    turns: BTreeSet<(u32, u32)>,
) -> (Vec<Coordinate>, Vec<Edge>, BTreeSet<(EdgeId, EdgeId)>) {
    let mut edges = Vec::new();
    for (source, &(from, to, both_ways, speed_mps, delay_s, bend)) in links.iter().enumerate() {
        let ends = [nodes[from as usize], nodes[to as usize]];
        let mut points: Vec<Coordinate> = [Some(ends[0]), bend, Some(ends[1])].into_iter().flatten().collect();
        let length_m = points.windows(2).map(|ends| ends[0].distance_m(ends[1])).sum();
        let edge = |from, to, points| Edge {
            from,
            to,
            length_m,
            speed_mps,
            delay_s: if source % 2 == 0 { delay_s } else { 0.0 },
            class: RoadClass::Road,
            lanes: 0,
            limits: SizeLimits::default(),
            no_stop: None,
            source: source as i64,
            name: (source % 3 == 0).then(|| format!("road {}", source % 5).into()),
            points,
        };
        edges.push(edge(from, to, points.clone()));
        if both_ways {
            points.reverse();
            edges.push(edge(to, from, points));
        }
    }
    let turns = turns.into_iter().map(|(from, to)| (EdgeId(from), EdgeId(to))).collect();
    (nodes, edges, turns)
}

/// How far along a shape, from 0 to 1, it comes within a metre of a place.
fn fractions_near(points: &[Coordinate], place: Coordinate) -> Vec<f64> {
    let whole: f64 = points.windows(2).map(|ends| ends[0].distance_m(ends[1])).sum();
    let mut before = 0.0;
    let mut near = Vec::new();
    for ends in points.windows(2) {
        let along = place.foot_on(ends[0], ends[1]);
        let distance_m = place.distance_m(ends[0].towards(ends[1], along));
        let length = ends[0].distance_m(ends[1]);
        if distance_m <= 1.0 {
            near.push(if whole > 0.0 { (before + length * along) / whole } else { 0.0 });
        }
        before += length;
    }
    near
}

/// The seconds of the quickest way by relaxing every turn until nothing changes, on states that say outright whether a
/// vehicle is still inside of what it began in.
fn oracle(graph: &RoadGraph, constraints: &Constraints, from: Snap, to: Snap) -> Option<f64> {
    let ids: Vec<EdgeId> = (0..graph.edge_count() as u32).map(EdgeId).collect();
    let closed = |closure: &Closure| match &closure.extent {
        Extent::Edges(edges) => edges.clone(),
        Extent::Polygon(_) => BTreeSet::new(),
    };
    let is_open = |id: EdgeId| !constraints.closures.iter().any(|closure| closed(closure).contains(&id));
    let ends = |snap: Snap| {
        let near =
            |&id: &EdgeId| fractions_near(&graph.edge(id).points, snap.point).into_iter().map(move |at| (id, at));
        let all: Vec<_> = ids.iter().flat_map(near).collect();
        let is_of_one_road = |id: EdgeId| id == snap.edge || graph.twin(snap.edge) == Some(id);
        let is_crossing = all.iter().any(|&(id, _)| is_open(id) && !is_of_one_road(id));
        let is_meant = |id: EdgeId| if is_crossing { is_open(id) } else { is_of_one_road(id) };
        all.into_iter().filter(|(id, _)| is_meant(*id)).collect::<Vec<_>>()
    };
    let (starts, targets) = (ends(from), ends(to));
    let around: Vec<&Closure> = constraints
        .closures
        .iter()
        .filter(|closure| starts.iter().any(|(id, _)| closed(closure).contains(id)))
        .collect();
    if around.iter().any(|closure| closure.class == ClosureClass::Stop) {
        return None;
    }
    let is_only_around = |id: EdgeId| {
        constraints
            .closures
            .iter()
            .filter(|closure| closed(closure).contains(&id))
            .all(|closure| around.contains(&closure))
    };
    let seconds = |id: EdgeId| {
        let edge = graph.edge(id);
        edge.length_m / edge.speed_mps.min(constraints.max_speed_mps.unwrap_or(f64::INFINITY))
    };
    let mut best = f64::INFINITY;
    for &(edge, begin) in starts.iter().filter(|(edge, _)| is_open(*edge)) {
        for &(_, end) in targets.iter().filter(|(target, end)| *target == edge && *end >= begin) {
            best = best.min(seconds(edge) * (end - begin));
        }
    }
    // (edge, still inside) -> seconds at its end.
    let mut at_end: BTreeMap<(EdgeId, bool), f64> = BTreeMap::new();
    for &(edge, begin) in &starts {
        let known = at_end.entry((edge, !is_open(edge))).or_insert(f64::INFINITY);
        *known = known.min(seconds(edge) * (1.0 - begin));
    }
    loop {
        let mut changed = false;
        for ((edge, inside), reached) in at_end.clone() {
            for (next, turn) in ids.iter().filter_map(|&next| Some((next, graph.turn_s(edge, next)?))) {
                let may_enter = is_open(next) || (inside && is_only_around(next));
                if !may_enter {
                    continue;
                }
                for &(_, end) in targets.iter().filter(|(target, _)| *target == next && is_open(next)) {
                    best = best.min(reached + turn + seconds(next) * end);
                }
                let total = reached + turn + seconds(next);
                let state = (next, !is_open(next));
                if at_end.get(&state).is_none_or(|known| total < *known) {
                    at_end.insert(state, total);
                    changed = true;
                }
            }
        }
        if !changed {
            return best.is_finite().then_some(best);
        }
    }
}

fn obeys(graph: &RoadGraph, rules: &Resolved, edges: &[EdgeId]) -> Result<(), TestCaseError> {
    let first_open = edges.iter().position(|&edge| rules.open(edge)).unwrap_or(edges.len());
    for (place, &edge) in edges.iter().enumerate() {
        prop_assert!(place < first_open || rules.open(edge), "back into a closure: {edges:?}");
    }
    for pair in edges.windows(2) {
        prop_assert!(graph.may_turn(pair[0], pair[1]), "a forbidden turn: {pair:?}");
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_route_is_as_quick_as_any_and_obeys(world in world()) {
        let graph = world.graph();
        prop_assume!(graph.edge_count() > 0);
        let (from, to) = world.places;
        let constraints = world.constraints(&graph);
        let rules = graph.resolve(&constraints).unwrap();
        let snap = |place| graph.snap_under(place, SNAP_LIMIT_M, &rules);
        let (Ok(begin), Ok(end)) = (snap(from), snap(to)) else {
            return Ok(());
        };
        let expected = oracle(&graph, &constraints, begin, end).map(|seconds| seconds * 1e3);
        let found = graph.route(&RouteRequest { from, to, constraints: constraints.clone() });
        prop_assert!(found.is_ok() || !constraints.closures.is_empty(), "a part that can not be left: {found:?}");
        match (expected, &found) {
            (Some(expected), Ok(route)) => {
                prop_assert!((route.duration_ms as f64 - expected).abs() < 2.0, "{} {expected}", route.duration_ms);
                let edges: Vec<EdgeId> = route.steps.iter().map(|step| step.edge).collect();
                obeys(&graph, &rules, &edges)?;
            }
            (None, Err(RouteError::Unroutable { .. })) => {}
            other => prop_assert!(false, "{other:?}"),
        }
        // Searched backwards from the target, and forwards from the start where there are more targets.
        for targets in [&[to][..], &[to, from]] {
            let told = graph.matrix(&[from], targets, &rules, u64::MAX).unwrap()[0][0];
            match (told, &found) {
                (Some(told), Ok(route)) => prop_assert!(told.abs_diff(route.duration_ms) <= 1),
                (None, Err(_)) => {}
                other => prop_assert!(false, "matrix and route disagree: {other:?}"),
            }
        }
    }

    #[test]
    fn every_graph_comes_back_from_its_bytes(world in world()) {
        let graph = world.graph();
        let again = RoadGraph::from_bytes(&graph.to_bytes()).unwrap();
        prop_assert_eq!(again.edges(), graph.edges());
        prop_assert_eq!(again.digest(), graph.digest());
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = RoadGraph::from_bytes(&bytes);
        let _ = routing::import::osm_pbf(&bytes);
        let _ = routing::import::decompress(&bytes);
        let text = String::from_utf8_lossy(&bytes);
        let _ = routing::import::csv(&text, &text, Some(&text), Some(&text));
    }
}

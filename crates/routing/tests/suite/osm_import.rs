//! OpenStreetMap extracts made here: what comes out, and that no damage panics or slips through.

use routing::import::{ImportError, ImportReport, osm_pbf};
use routing::{Constraints, NoStop, RoadGraph, RouteRequest};

use crate::fixture::at;
use crate::pbf::Extract;

const ROAD: &[(&str, &str)] = &[("highway", "residential")];
const NO_LEFT: &[(&str, &str)] = &[("type", "restriction"), ("restriction", "no_left_turn")];
const ONLY_ON: &[(&str, &str)] = &[("type", "restriction"), ("restriction", "only_straight_on")];

/// Nodes of a grid with a step of 0.001 degrees: node `10 * row + column`, rows to the north.
fn nodes(rows: i64, columns: i64) -> Extract {
    let all = (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column)));
    all.fold(Extract::default(), |extract, (row, column)| {
        extract.node(10 * row + column, row as f64 * 1e-3, column as f64 * 1e-3, &[])
    })
}

/// A cross of two roads at node 11, four ways that end there, within a ring road.
fn cross() -> Extract {
    nodes(3, 3).way(1, &[1, 11], ROAD).way(2, &[11, 21], ROAD).way(3, &[10, 11], ROAD).way(4, &[11, 12], ROAD).way(
        5,
        &[0, 1, 2, 12, 22, 21, 20, 10, 0],
        ROAD,
    )
}

fn read(extract: &Extract) -> (RoadGraph, ImportReport) {
    osm_pbf(&extract.to_bytes()).unwrap()
}

/// The nodes that a route from one node's surroundings to another's passes, as `10 * row + column`.
fn passes(graph: &RoadGraph, from: (f64, f64), to: (f64, f64)) -> Vec<i64> {
    let place = |(row, column): (f64, f64)| at(row * 1e-3, column * 1e-3);
    let request = RouteRequest { from: place(from), to: place(to), constraints: Constraints::default() };
    let route = graph.route(&request).unwrap();
    let is_node = |degrees: f64| (degrees * 1e3 - (degrees * 1e3).round()).abs() < 1e-6;
    let on_nodes = route.points.iter().filter(|point| is_node(point.lat()) && is_node(point.lon()));
    on_nodes.map(|point| ((point.lat() * 1e3).round() * 10.0 + (point.lon() * 1e3).round()) as i64).collect()
}

#[test]
fn ways_are_cut_where_they_meet() {
    let (graph, report) = read(&cross());
    // The ring is cut at its four crossings and where it closes; each piece has two directions.
    assert_eq!((report.nodes, report.edges), (6, 2 * (4 + 5)));
    assert_eq!(passes(&graph, (0.5, 1.0), (1.5, 1.0)), [11], "straight on");
    assert_eq!(passes(&graph, (0.5, 1.0), (1.0, 0.5)), [11], "left");
}

#[test]
fn turns_that_are_forbidden_are_not_made() {
    let restricted = |tags, members: &[(&str, u64, i64)]| read(&cross().relation(1, tags, members));
    let (graph, report) = restricted(NO_LEFT, &[("from", 1, 1), ("via", 0, 11), ("to", 1, 3)]);
    assert_eq!((report.forbidden_turns, report.skipped_turns), (1, 0));
    assert_ne!(passes(&graph, (0.5, 1.0), (1.0, 0.5)), [11]);
    assert_eq!(passes(&graph, (1.0, 0.5), (0.5, 1.0)), [11], "the other way round it is allowed");
    let (graph, report) = restricted(ONLY_ON, &[("from", 1, 1), ("via", 0, 11), ("to", 1, 2)]);
    assert_eq!(report.forbidden_turns, 3, "left, right and back");
    assert_eq!(passes(&graph, (0.5, 1.0), (1.5, 1.0)), [11]);
    assert_ne!(passes(&graph, (0.5, 1.0), (1.0, 1.5)), [11]);
}

#[test]
fn restrictions_that_are_not_read_are_counted() {
    let check = |given: &str, extract: Extract| {
        let (_, report) = read(&extract);
        assert_eq!((report.forbidden_turns, report.skipped_turns), (0, 1), "{given}");
    };
    check("via a way", cross().relation(1, NO_LEFT, &[("from", 1, 1), ("via", 1, 2), ("to", 1, 3)]));
    check("no from", cross().relation(1, NO_LEFT, &[("via", 0, 11), ("to", 1, 3)]));
    let conditional = &[("type", "restriction"), ("restriction:conditional", "no_left_turn @ (07:00-09:00)")];
    check("conditional", cross().relation(1, conditional, &[("from", 1, 1), ("via", 0, 11), ("to", 1, 3)]));
    let through =
        cross().way(6, &[1, 11, 21], ROAD).relation(1, NO_LEFT, &[("from", 1, 6), ("via", 0, 11), ("to", 1, 3)]);
    check("from a way that goes on beyond", through);
}

#[test]
fn one_ways_are_driven_one_way() {
    let loop_of = |tags| read(&nodes(2, 2).way(1, &[0, 1, 11, 10, 0], tags)).0;
    let forward = [("highway", "primary"), ("oneway", "yes")];
    assert_eq!(passes(&loop_of(&forward), (0.5, 1.0), (0.0, 0.5)), [11, 10, 0]);
    let backward = [("highway", "primary"), ("oneway", "-1")];
    assert_eq!(passes(&loop_of(&backward), (0.5, 1.0), (0.0, 0.5)), [1]);
    assert_eq!(passes(&loop_of(&backward), (0.0, 0.5), (0.5, 1.0)), [0, 10, 11]);
    let roundabout = [("highway", "primary"), ("junction", "roundabout")];
    let graph = loop_of(&roundabout);
    assert_eq!(passes(&graph, (0.5, 1.0), (0.0, 0.5)), [11, 10, 0]);
    assert!(graph.edges().iter().all(|edge| edge.no_stop == Some(NoStop::Junction)));
}

#[test]
fn no_way_leads_through_a_closed_node_and_both_sides_lead_to_it() {
    let street = |tags: &[(&str, &str)]| {
        let extract = nodes(1, 3).node(1, 0.0, 1e-3, tags).node(12, 1e-3, 2e-3, &[]).node(10, 1e-3, 0.0, &[]);
        read(&extract.way(1, &[0, 1, 2], ROAD).way(2, &[2, 12, 10, 0], ROAD))
    };
    let (open, report) = street(&[("barrier", "gate")]);
    assert_eq!((report.closed_nodes, passes(&open, (0.0, 0.5), (0.0, 1.5))), (0, vec![1]));
    for tags in [("barrier", "bollard"), ("barrier", "block"), ("motor_vehicle", "no"), ("access", "private")] {
        let (graph, report) = street(&[tags]);
        assert_eq!((report.closed_nodes, report.disconnected_edges), (1, 0), "{tags:?}");
        assert_eq!(passes(&graph, (0.0, 0.5), (0.0, 1.5)), [0, 10, 12, 2], "around {tags:?}");
        assert!(passes(&graph, (0.0, 0.5), (0.0, 0.99)).is_empty(), "up to {tags:?}");
        assert!(passes(&graph, (0.0, 1.5), (0.0, 1.01)).is_empty(), "up to {tags:?} from the other side");
    }
}

#[test]
fn signals_and_gates_take_their_time_in_the_direction_they_are_for() {
    let street = |tags: &[(&str, &str)]| {
        let extract = nodes(1, 4).node(1, 0.0, 1e-3, tags);
        let graph = read(&extract.way(1, &[0, 1, 2], ROAD).way(2, &[2, 3], ROAD)).0;
        let bytes = graph.to_bytes();
        let version = if tags.is_empty() { b"AMROAD01" } else { b"AMROAD03" };
        assert!(bytes.starts_with(version), "a map without delays keeps the bytes of older programs");
        let again = RoadGraph::from_bytes(&bytes).unwrap();
        assert_eq!((again.edges(), again.digest()), (graph.edges(), graph.digest()));
        let ms = |from: f64, to: f64| {
            let request = RouteRequest { from: at(0.0, from), to: at(0.0, to), constraints: Constraints::default() };
            graph.route(&request).unwrap().duration_ms
        };
        [ms(0.0, 3e-3), ms(3e-3, 0.0)]
    };
    let [plain, _] = street(&[]);
    let check = |tags: &[(&str, &str)], then: [u64; 2]| {
        for (ms, then) in street(tags).map(|ms| ms - plain).into_iter().zip(then) {
            assert!(ms.abs_diff(then) <= 1, "{tags:?}: {ms}");
        }
    };
    check(&[("barrier", "gate")], [30_000, 30_000]);
    check(&[("highway", "traffic_signals")], [2_000, 2_000]);
    check(&[("highway", "traffic_signals"), ("traffic_signals:direction", "backward")], [0, 2_000]);
}

#[test]
fn level_crossings_are_kept_free_on_both_sides_only() {
    let rails = [("railway", "level_crossing")];
    let road: Vec<i64> = (100..110).collect();
    let places = road.iter().map(|&id| (id, (id - 100) as f64 * 1e-4));
    let extract = places.fold(Extract::default(), |extract, (id, lon)| {
        extract.node(id, 0.0, lon, if id == 105 { &rails } else { &[] })
    });
    let (graph, _) = read(&extract.way(1, &road, ROAD));
    let free: Vec<_> = graph.edges().iter().filter(|edge| edge.no_stop == Some(NoStop::LevelCrossing)).collect();
    assert_eq!(free.len(), 2, "one piece, in both directions");
    assert!((free[0].length_m - 22.2).abs() < 0.1, "from the node before to the node behind: {}", free[0].length_m);
}

#[test]
fn a_clipped_way_ends_where_the_extract_ends() {
    let (graph, report) = read(&nodes(1, 4).way(1, &[0, 1, 99, 2, 3], ROAD).way(2, &[0, 1], ROAD));
    assert_eq!(report.clipped_ways, 1);
    assert!(graph.edges().iter().all(|edge| edge.length_m < 120.0), "nothing is made up across the gap");
}

#[test]
fn an_extract_without_roads_is_told() {
    let error = osm_pbf(&nodes(2, 2).way(1, &[0, 1], &[("highway", "footway")]).to_bytes()).unwrap_err();
    assert!(matches!(error, ImportError::Empty), "{error}");
    assert!(matches!(osm_pbf(b"").unwrap_err(), ImportError::Empty));
    assert!(matches!(osm_pbf(b"not an extract").unwrap_err(), ImportError::Extract { .. }));
}

#[test]
fn a_cut_off_extract_is_refused_wherever_it_was_cut() {
    let extract = cross().relation(1, NO_LEFT, &[("from", 1, 1), ("via", 0, 11), ("to", 1, 3)]);
    let ends: Vec<usize> = extract
        .blocks()
        .iter()
        .scan(0, |at, block| {
            *at += block.len();
            Some(*at)
        })
        .collect();
    let bytes = extract.to_bytes();
    for length in 1..bytes.len() {
        let read = osm_pbf(&bytes[..length]);
        if ends.contains(&length) {
            continue;
        }
        assert!(matches!(read, Err(ImportError::Extract { .. })), "{length} of {} bytes: {read:?}", bytes.len());
    }
}

#[test]
fn a_changed_byte_never_panics() {
    // What a change gives depends on where it is; that it comes back at all is what counts.
    let extract = cross().relation(1, NO_LEFT, &[("from", 1, 1), ("via", 0, 11), ("to", 1, 3)]);
    let bytes = extract.to_bytes();
    let mut refused = 0;
    for place in 0..bytes.len() {
        for change in [0x01, 0x80, 0xff] {
            let mut changed = bytes.clone();
            changed[place] ^= change;
            refused += usize::from(osm_pbf(&changed).is_err());
        }
    }
    assert!(refused > bytes.len(), "most changes are found: {refused} of {}", 3 * bytes.len());
}

#[test]
fn made_up_members_are_refused_without_a_panic() {
    let unknown_kind = cross().relation(1, NO_LEFT, &[("from", 9, 1), ("via", 0, 11), ("to", 1, 3)]);
    assert!(matches!(osm_pbf(&unknown_kind.to_bytes()), Err(ImportError::Extract { .. })));
}

//! A* over edges, so that turns count: the state is the edge that was driven last.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use kernel::Coordinate;

use super::{Way, append};
use crate::constraints::{Ban, ClosureClass, Resolved};
use crate::graph::{EdgeId, RoadGraph};
use crate::snap::{Place, SAME_PLACE_M};

/// How much shorter than the straight line the rest of a way is taken to be: a place inside an edge is found by its
/// shape, whose length differs from the edge's by rounding, and on each of several edges at the same place.
const SLACK_M: f64 = 1.0 + SAME_PLACE_M;

/// An edge whose end can be reached: how soon, and how soon the target could be at best.
struct Open {
    at_best_s: f64,
    seconds: f64,
    edge: EdgeId,
}

impl Ord for Open {
    fn cmp(&self, other: &Self) -> Ordering {
        // The heap gives the largest first; equal ones in the order of their ids, so that every run goes alike.
        other.at_best_s.total_cmp(&self.at_best_s).then(other.edge.cmp(&self.edge))
    }
}
impl PartialOrd for Open {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl PartialEq for Open {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Open {}

/// The labels of a search.
struct Labels {
    /// Seconds until the end of each edge.
    seconds: Vec<f64>,
    before: Vec<Option<EdgeId>>,
}

pub(crate) fn quickest(graph: &RoadGraph, rules: &Resolved, from: &Place, to: &Place) -> Option<Way> {
    let starts = starts(graph, rules, from);
    let leaving = Leaving::from(rules, &starts, from.point)?;
    let targets = to.edges(graph, rules);
    let direct = directly(graph, rules, &starts, &targets);
    let mut labels =
        Labels { seconds: vec![f64::INFINITY; graph.edge_count()], before: vec![None; graph.edge_count()] };
    let fastest = rules.fastest_mps(graph);
    let at_best = |place: Coordinate| (place.distance_m(to.point) - SLACK_M).max(0.0) / fastest;
    let mut open = BinaryHeap::new();
    // Whoever stands on a closed road may leave it, so the first edge need not be open.
    for &(edge, fraction) in &starts {
        let seconds = rules.seconds(graph, edge) * (1.0 - fraction);
        if seconds < labels.seconds[edge.0 as usize] {
            labels.seconds[edge.0 as usize] = seconds;
            open.push(Open { at_best_s: seconds + at_best(end_of(graph, edge)), seconds, edge });
        }
    }
    let mut best: Option<(f64, EdgeId, EdgeId, f64)> = None;
    while let Some(Open { at_best_s, seconds, edge }) = open.pop() {
        if best.is_some_and(|(arrival, ..)| at_best_s >= arrival) {
            break;
        }
        if seconds > labels.seconds[edge.0 as usize] {
            continue;
        }
        for (next, turn_s) in continuations(graph, edge).filter(|(next, _)| leaving.admits(rules, edge, *next)) {
            let whole = rules.seconds(graph, next);
            for &(_, fraction) in targets.iter().filter(|(target, _)| *target == next && rules.open(next)) {
                let arrival = seconds + turn_s + whole * fraction;
                if best.is_none_or(|(earliest, ..)| arrival < earliest) {
                    best = Some((arrival, edge, next, fraction));
                }
            }
            let reached = seconds + turn_s + whole;
            if reached < labels.seconds[next.0 as usize] {
                labels.seconds[next.0 as usize] = reached;
                labels.before[next.0 as usize] = Some(edge);
                open.push(Open { at_best_s: reached + at_best(end_of(graph, next)), seconds: reached, edge: next });
            }
        }
    }
    let found = best.map(|(seconds, before_last, last, last_fraction)| {
        let mut edges = vec![last];
        let mut edge = Some(before_last);
        while let Some(id) = edge {
            edges.push(id);
            edge = labels.before[id.0 as usize];
        }
        edges.reverse();
        let on_first = starts.iter().filter(|(start, _)| *start == edges[0]);
        let first_fraction = on_first.map(|&(_, fraction)| fraction).fold(0.0, f64::max);
        Way { edges, first_fraction, last_fraction, seconds }
    });
    match (direct, found) {
        (Some(direct), Some(found)) if direct.seconds <= found.seconds => Some(direct),
        (direct, None) => direct,
        (_, found) => found,
    }
}

/// The directions in which the road may be driven from a place. Whoever stands before a closed area on its road does not
/// drive into it.
fn starts(graph: &RoadGraph, rules: &Resolved, from: &Place) -> Vec<(EdgeId, f64)> {
    let enters = |&(edge, fraction): &(EdgeId, f64)| {
        let concerned = rules.bans.iter().filter(|ban| ban.edges.contains(&edge) && !ban.holds(edge, from.point));
        let mut rest = Vec::new();
        append(&mut rest, &graph.edge(edge).points, fraction, 1.0);
        concerned.into_iter().any(|ban| ban.is_ahead(edge, &rest))
    };
    from.edges(graph, rules).into_iter().filter(|start| rules.open(start.0) || !enters(start)).collect()
}

/// Who begins on a closed road: it may be left over closed edges, but no other closure may be entered on the way, and
/// once outside nobody comes back in.
struct Leaving<'a> {
    others: Vec<&'a Ban>,
}

impl<'a> Leaving<'a> {
    /// `None` where those inside have to stand still.
    fn from(rules: &'a Resolved, starts: &[(EdgeId, f64)], place: Coordinate) -> Option<Self> {
        let (around, others): (Vec<&Ban>, Vec<&Ban>) =
            rules.bans.iter().partition(|ban| starts.iter().any(|(edge, _)| ban.holds(*edge, place)));
        around.iter().all(|ban| ban.class != ClosureClass::Stop).then_some(Self { others })
    }

    fn admits(&self, rules: &Resolved, edge: EdgeId, next: EdgeId) -> bool {
        rules.open(next) || (!rules.open(edge) && self.others.iter().all(|ban| !ban.edges.contains(&next)))
    }
}

/// The way that never leaves the edge where it begins.
pub(crate) fn directly(
    graph: &RoadGraph,
    rules: &Resolved,
    starts: &[(EdgeId, f64)],
    targets: &[(EdgeId, f64)],
) -> Option<Way> {
    starts
        .iter()
        .filter(|(edge, _)| rules.open(*edge))
        .flat_map(|&(edge, begin)| {
            let ends = targets.iter().filter(move |(target, end)| *target == edge && *end >= begin);
            ends.map(move |&(_, end)| (edge, begin, end))
        })
        .map(|(edge, first_fraction, last_fraction)| Way {
            edges: vec![edge],
            first_fraction,
            last_fraction,
            seconds: rules.seconds(graph, edge) * (last_fraction - first_fraction),
        })
        .min_by(|a, b| a.seconds.total_cmp(&b.seconds))
}

fn end_of(graph: &RoadGraph, edge: EdgeId) -> Coordinate {
    graph.nodes[graph.edge(edge).to as usize]
}

/// The edges that may follow an edge, and what the turn takes in seconds.
pub(crate) fn continuations(graph: &RoadGraph, edge: EdgeId) -> impl Iterator<Item = (EdgeId, f64)> + '_ {
    graph.outgoing(graph.edge(edge).to).filter_map(move |next| Some((next, graph.turn_s(edge, next)?)))
}

/// The edges that an edge may follow, and what the turn takes in seconds.
pub(crate) fn predecessors(graph: &RoadGraph, edge: EdgeId) -> impl Iterator<Item = (EdgeId, f64)> + '_ {
    graph.incoming(graph.edge(edge).from).iter().filter_map(move |&before| Some((before, graph.turn_s(before, edge)?)))
}

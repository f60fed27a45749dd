//! How long it takes from many places to one: one search backwards from the one, over the same turns and constraints
//! as a route, so that what dispatch compares and what is driven never disagree.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use super::{Way, astar, to_ms};
use crate::constraints::Resolved;
use crate::graph::{EdgeId, RoadGraph};
use crate::snap::Place;

/// An edge from whose end the target is `seconds` away.
struct Reached {
    seconds: f64,
    edge: EdgeId,
}

impl Ord for Reached {
    fn cmp(&self, other: &Self) -> Ordering {
        other.seconds.total_cmp(&self.seconds).then(other.edge.cmp(&self.edge))
    }
}
impl PartialOrd for Reached {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl PartialEq for Reached {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Reached {}

pub(crate) fn to(
    graph: &RoadGraph,
    rules: &Resolved,
    target: &Place,
    from: &[Option<Place>],
    limit_ms: u64,
) -> Vec<Option<u64>> {
    let targets: Vec<_> = target.edges(graph, rules).into_iter().filter(|(edge, _)| rules.open(*edge)).collect();
    let remaining = search(graph, rules, &targets, limit_ms);
    let duration = |place: &Place| {
        let starts = place.edges(graph, rules);
        // Who stands on a closed road leaves it by rules of its own, which only a search from there knows.
        if starts.iter().any(|(edge, _)| !rules.open(*edge)) {
            return astar::quickest(graph, rules, place, target).map(|way: Way| to_ms(way.seconds));
        }
        let direct = astar::directly(graph, rules, &starts, &targets).map(|way| way.seconds);
        let onward = starts
            .iter()
            .map(|&(edge, fraction)| rules.seconds(graph, edge) * (1.0 - fraction) + remaining[edge.0 as usize]);
        let quickest = onward.chain(direct).fold(f64::INFINITY, f64::min);
        quickest.is_finite().then(|| to_ms(quickest))
    };
    let within = |duration: &u64| *duration <= limit_ms;
    from.iter().map(|place| place.as_ref().and_then(duration).filter(within)).collect()
}

/// Seconds from the end of each edge to the target, as far as the limit.
fn search(graph: &RoadGraph, rules: &Resolved, targets: &[(EdgeId, f64)], limit_ms: u64) -> Vec<f64> {
    let mut remaining = vec![f64::INFINITY; graph.edge_count()];
    let mut open = BinaryHeap::new();
    let mut reach = |open: &mut BinaryHeap<Reached>, edge: EdgeId, seconds: f64| {
        if seconds < remaining[edge.0 as usize] {
            remaining[edge.0 as usize] = seconds;
            open.push(Reached { seconds, edge });
        }
    };
    for &(target, fraction) in targets {
        let last_part = rules.seconds(graph, target) * fraction;
        for (before, turn_s) in astar::predecessors(graph, target) {
            reach(&mut open, before, turn_s + last_part);
        }
    }
    // What is beyond the limit is left out; a second more hides what rounding does at its edge.
    let limit_s = limit_ms as f64 / 1e3 + 1.0;
    let mut settled = vec![false; graph.edge_count()];
    while let Some(Reached { seconds, edge }) = open.pop() {
        if seconds > limit_s {
            break;
        }
        if std::mem::replace(&mut settled[edge.0 as usize], true) || !rules.open(edge) {
            continue;
        }
        let whole = rules.seconds(graph, edge);
        for (before, turn_s) in astar::predecessors(graph, edge) {
            reach(&mut open, before, turn_s + whole + seconds);
        }
    }
    remaining
}

//! How long it takes from many places to one, or from one to many: one search from the one, backwards or forwards, over
//! the same turns and constraints as a route, so that what dispatch compares and what is driven never disagree.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use super::{Way, astar, to_ms};
use crate::constraints::Resolved;
use crate::graph::{EdgeId, RoadGraph};
use crate::snap::Place;

/// An edge whose end is `seconds` away, from the start or from the target.
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

pub(crate) fn from(
    graph: &RoadGraph,
    rules: &Resolved,
    start: &Place,
    to: &[Option<Place>],
    limit_ms: u64,
) -> Vec<Option<u64>> {
    let starts = start.edges(graph, rules);
    let within = |duration: &u64| *duration <= limit_ms;
    // Who stands on a closed road leaves it by rules of its own.
    if starts.iter().any(|(edge, _)| !rules.open(*edge)) {
        let leaves = |target: &Place| astar::quickest(graph, rules, start, target).map(|way: Way| to_ms(way.seconds));
        return to.iter().map(|target| target.as_ref().and_then(leaves).filter(within)).collect();
    }
    let driven = search_on(graph, rules, &starts, limit_ms);
    let duration = |target: &Place| {
        let targets: Vec<_> = target.edges(graph, rules).into_iter().filter(|(edge, _)| rules.open(*edge)).collect();
        let direct = astar::directly(graph, rules, &starts, &targets).map(|way| way.seconds);
        let arrivals = targets.iter().flat_map(|&(edge, fraction)| {
            let last_part = rules.seconds(graph, edge) * fraction;
            let driven = &driven;
            astar::predecessors(graph, edge).map(move |(before, turn_s)| driven[before.0 as usize] + turn_s + last_part)
        });
        let quickest = arrivals.chain(direct).fold(f64::INFINITY, f64::min);
        quickest.is_finite().then(|| to_ms(quickest))
    };
    to.iter().map(|target| target.as_ref().and_then(duration).filter(within)).collect()
}

/// Seconds from the start to the end of each edge, as far as the limit.
fn search_on(graph: &RoadGraph, rules: &Resolved, starts: &[(EdgeId, f64)], limit_ms: u64) -> Vec<f64> {
    let first = starts.iter().map(|&(edge, fraction)| (edge, rules.seconds(graph, edge) * (1.0 - fraction)));
    spread(graph, first, limit_ms, |edge, seconds, reach| {
        for (next, turn_s) in astar::continuations(graph, edge).filter(|(next, _)| rules.open(*next)) {
            reach(next, seconds + turn_s + rules.seconds(graph, next));
        }
    })
}

/// Seconds from the end of each edge to the target, as far as the limit.
fn search(graph: &RoadGraph, rules: &Resolved, targets: &[(EdgeId, f64)], limit_ms: u64) -> Vec<f64> {
    let last = targets.iter().flat_map(|&(target, fraction)| {
        let last_part = rules.seconds(graph, target) * fraction;
        astar::predecessors(graph, target).map(move |(before, turn_s)| (before, turn_s + last_part))
    });
    spread(graph, last, limit_ms, |edge, seconds, reach| {
        if rules.open(edge) {
            let whole = rules.seconds(graph, edge);
            for (before, turn_s) in astar::predecessors(graph, edge) {
                reach(before, turn_s + whole + seconds);
            }
        }
    })
}

/// The least seconds to each edge (Dijkstra 1959) from those that it begins at, as far as the limit; `on` reaches the
/// edges beside one that is settled.
fn spread(
    graph: &RoadGraph,
    begin: impl Iterator<Item = (EdgeId, f64)>,
    limit_ms: u64,
    on: impl Fn(EdgeId, f64, &mut dyn FnMut(EdgeId, f64)),
) -> Vec<f64> {
    let mut least = vec![f64::INFINITY; graph.edge_count()];
    let mut open = BinaryHeap::new();
    let mut settled = vec![false; graph.edge_count()];
    let reach = |least: &mut Vec<f64>, open: &mut BinaryHeap<Reached>, edge: EdgeId, seconds: f64| {
        if seconds < least[edge.0 as usize] {
            least[edge.0 as usize] = seconds;
            open.push(Reached { seconds, edge });
        }
    };
    for (edge, seconds) in begin {
        reach(&mut least, &mut open, edge, seconds);
    }
    // What is beyond the limit is left out; a second more hides what rounding does at its edge.
    let limit_s = limit_ms as f64 / 1e3 + 1.0;
    while let Some(Reached { seconds, edge }) = open.pop() {
        if seconds > limit_s {
            break;
        }
        if !std::mem::replace(&mut settled[edge.0 as usize], true) {
            on(edge, seconds, &mut |next, seconds| reach(&mut least, &mut open, next, seconds));
        }
    }
    least
}

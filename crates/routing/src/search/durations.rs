//! How long it takes from many places to one: one search backwards from the one.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use kernel::Coordinate;

use super::{Rules, both_directions};
use crate::graph::RoadGraph;
use crate::snap::{SNAP_LIMIT_M, Snap};

pub(crate) fn to(
    graph: &RoadGraph,
    rules: &Rules,
    target: Snap,
    from: &[Coordinate],
    limit_ms: u64,
) -> Vec<Option<u64>> {
    let targets = both_directions(graph, target);
    let ms = |seconds: f64| (seconds * 1_000.0).round() as u64;
    let mut reached = vec![u64::MAX; graph.node_count()];
    let mut open = BinaryHeap::new();
    for &(edge, fraction) in targets.iter().filter(|(edge, _)| rules.open(*edge)) {
        let node = graph.edge(edge).from;
        let cost = ms(rules.seconds(graph, edge) * fraction);
        if cost < reached[node as usize] {
            reached[node as usize] = cost;
            open.push(Reverse((cost, node)));
        }
    }
    while let Some(Reverse((cost, node))) = open.pop() {
        if cost > limit_ms {
            break;
        }
        if cost > reached[node as usize] {
            continue;
        }
        for &edge in graph.incoming(node).iter().filter(|edge| rules.open(**edge)) {
            let before = graph.edge(edge).from;
            let total = cost + ms(rules.seconds(graph, edge));
            if total < reached[before as usize] {
                reached[before as usize] = total;
                open.push(Reverse((total, before)));
            }
        }
    }
    from.iter()
        .map(|&place| {
            let snap = graph.snap(place, SNAP_LIMIT_M).ok()?;
            both_directions(graph, snap)
                .into_iter()
                .filter(|(edge, _)| rules.open(*edge))
                .filter_map(|(edge, fraction)| {
                    let whole = rules.seconds(graph, edge);
                    let ahead = targets.iter().find(|(target, end)| *target == edge && *end >= fraction);
                    let onward = reached[graph.edge(edge).to as usize].checked_add(ms(whole * (1.0 - fraction)));
                    let direct = ahead.map(|&(_, end)| ms(whole * (end - fraction)));
                    direct.into_iter().chain(onward).min()
                })
                .min()
                .filter(|&total| total <= limit_ms)
        })
        .collect()
}

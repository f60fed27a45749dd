//! Which constraints made a difference: found by asking again without them.

use super::{Way, astar};
use crate::constraints::{MAX_SPEED, Resolved};
use crate::graph::{EdgeId, RoadGraph};
use crate::snap::Place;

/// The most bans that are lifted one by one to find which one cuts the way: each costs a search of the whole graph.
const LIFTED_MAX: usize = 32;

/// The constraints without which the way would be another, or quicker.
pub(crate) fn binding(graph: &RoadGraph, rules: &Resolved, from: &Place, to: &Place, way: &Way) -> Vec<String> {
    let Some(unconstrained) = astar::quickest(graph, &Resolved::free(graph), from, to) else { return Vec::new() };
    let mut binding = if unconstrained.edges == way.edges { Vec::new() } else { touched(rules, &unconstrained.edges) };
    let faster = |edge: &EdgeId, limit: f64| graph.edge(*edge).speed_mps > limit;
    if way.edges.iter().any(|edge| faster(edge, rules.max_speed_mps)) {
        binding.push(MAX_SPEED.into());
    }
    for slow in &rules.slows {
        let slower = |edge: &EdgeId| slow.edges.contains(edge) && faster(edge, slow.max_speed_mps);
        if way.edges.iter().chain(&unconstrained.edges).any(slower) {
            binding.push(slow.id.clone());
        }
    }
    binding
}

/// The constraints that cut the way: each one that alone has to go for a way to open or, where more than one has to,
/// all that lie on the way that there would be without any. None where there is no way at all.
pub(crate) fn cut_by(graph: &RoadGraph, rules: &Resolved, from: &Place, to: &Place) -> Vec<String> {
    let Some(unconstrained) = astar::quickest(graph, &Resolved::free(graph), from, to) else { return Vec::new() };
    let opens = |ban: &usize| astar::quickest(graph, &rules.without(graph, *ban), from, to).is_some();
    let alone: Vec<String> =
        (0..rules.bans.len()).take(LIFTED_MAX).filter(opens).map(|ban| rules.bans[ban].id.clone()).collect();
    if alone.is_empty() { touched(rules, &unconstrained.edges) } else { alone }
}

fn touched(rules: &Resolved, edges: &[EdgeId]) -> Vec<String> {
    let on_the_way = rules.bans.iter().filter(|ban| edges.iter().any(|edge| ban.edges.contains(edge)));
    on_the_way.map(|ban| ban.id.clone()).collect()
}

//! Which constraints made a difference: found by asking again without them.

use super::{Rules, Way, astar};
use crate::area::{Area, Constraints};
use crate::graph::{EdgeId, RoadGraph};
use crate::snap::Snap;

/// The name under which the limit on the speed anywhere is reported.
const MAX_SPEED: &str = "max_speed_mps";

/// The constraints without which the way would be another, or quicker.
pub(crate) fn binding(graph: &RoadGraph, constraints: &Constraints, from: Snap, to: Snap, way: &Way) -> Vec<String> {
    let free = Rules::new(graph, &Constraints::default());
    let Some(unconstrained) = astar::quickest(graph, &free, from, to) else { return Vec::new() };
    let mut binding = touched(graph, constraints, &unconstrained.edges);
    let slowed = |limit: f64| way.edges.iter().any(|&edge| graph.edge(edge).speed_mps > limit);
    if constraints.max_speed_mps.is_some_and(slowed) {
        binding.push(MAX_SPEED.into());
    }
    for cap in &constraints.speed_caps {
        let inside = graph.edges_in(&cap.area);
        let slower = |edge: &EdgeId| inside.contains(edge) && graph.edge(*edge).speed_mps > cap.max_speed_mps;
        if way.edges.iter().chain(&unconstrained.edges).any(slower) {
            binding.push(cap.area.id.clone());
        }
    }
    binding
}

/// The constraints that cut the way that there would be without them.
pub(crate) fn cut_by(graph: &RoadGraph, constraints: &Constraints, from: Snap, to: Snap) -> Vec<String> {
    let free = Rules::new(graph, &Constraints::default());
    astar::quickest(graph, &free, from, to).map_or(Vec::new(), |way| touched(graph, constraints, &way.edges))
}

fn touched(graph: &RoadGraph, constraints: &Constraints, edges: &[EdgeId]) -> Vec<String> {
    let touches = |area: &&Area| {
        let inside = graph.edges_in(area);
        edges.iter().any(|edge| inside.contains(edge))
    };
    constraints.avoided.iter().chain(&constraints.closures).filter(touches).map(|area| area.id.clone()).collect()
}

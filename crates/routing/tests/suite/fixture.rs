//! The made-up grid of `data/fixtures`, and words to ask it with.

use kernel::Coordinate;
use routing::graph::Edge;
use routing::import::{ImportReport, csv};
use routing::{Area, EdgeId, RoadGraph, Route};

pub const NODES: &str = include_str!("../../../../data/fixtures/nodes.csv");
pub const LINKS: &str = include_str!("../../../../data/fixtures/links.csv");
pub const TURNS: &str = include_str!("../../../../data/fixtures/turns.csv");

pub fn grid() -> (RoadGraph, ImportReport) {
    csv(NODES, LINKS, Some(TURNS), None).unwrap()
}

pub fn at(lat: f64, lon: f64) -> Coordinate {
    Coordinate::new(lat, lon).unwrap()
}

/// The edges of a link, in both directions where there are two.
pub fn edges_of(graph: &RoadGraph, link: i64) -> Vec<(EdgeId, &Edge)> {
    (0u32..).map(EdgeId).zip(graph.edges()).filter(|(_, edge)| edge.source == link).collect()
}

/// A place in the middle of a link.
pub fn on(graph: &RoadGraph, link: i64) -> Coordinate {
    let (_, edge) = edges_of(graph, link)[0];
    edge.points[0].towards(edge.points[1], 0.5)
}

/// A small square about a place; half its side is some 30 m.
pub fn around(id: &str, place: Coordinate) -> Area {
    let corner = |north: f64, east: f64| at(place.lat() + north * 3e-4, place.lon() + east * 3e-4);
    Area { id: id.into(), corners: vec![corner(-1.0, -1.0), corner(-1.0, 1.0), corner(1.0, 1.0), corner(1.0, -1.0)] }
}

/// The links that a route drives over.
pub fn links(graph: &RoadGraph, route: &Route) -> Vec<i64> {
    route.steps.iter().map(|step| graph.edge(step.edge).source).collect()
}

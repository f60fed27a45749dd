//! From what others publish to a road graph: OpenStreetMap extracts, and nodes and links as CSV. Either a whole graph
//! comes out or one error that says where the input is wrong.

mod csv_network;
mod osm;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use kernel::Coordinate;
use serde::Serialize;

use crate::graph::{Edge, EdgeId, NoStop, RoadGraph};

pub use csv_network::csv;
pub use osm::osm_pbf;

/// The largest text or extract after decompression, in bytes: a region of some million links.
pub const INPUT_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// What is wrong with an input.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// A row of a table.
    #[error("{table} line {line}: {problem}")]
    Row {
        /// nodes, links, turns or no_stop.
        table: &'static str,
        /// The line, from 1, the heading included.
        line: u64,
        /// What is wrong.
        problem: String,
    },
    /// A column is missing.
    #[error("{table} has no column {column}")]
    Column {
        /// Which table.
        table: &'static str,
        /// Which column.
        column: &'static str,
    },
    /// The extract cannot be read.
    #[error("the extract is damaged or cut off: download it again")]
    Extract(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The compressed text cannot be read.
    #[error("the compressed text is damaged or cut off")]
    Compression(#[from] std::io::Error),
    /// Larger than what is taken.
    #[error("the input is larger than {INPUT_BYTES_MAX} bytes")]
    TooLarge,
    /// No road in it.
    #[error("there is no road that a vehicle can drive, in both directions of time, in this network")]
    Empty,
}

/// What an import took and left.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct ImportReport {
    /// Nodes of the graph.
    pub nodes: usize,
    /// Directed edges of the graph.
    pub edges: usize,
    /// Links or ways that no vehicle may drive.
    pub skipped_links: usize,
    /// Directed edges outside the part in which every node reaches every other.
    pub disconnected_edges: usize,
    /// Turns that are forbidden.
    pub forbidden_turns: usize,
    /// Turn restrictions of a form that is not read, such as over a way.
    pub skipped_turns: usize,
}

/// Decompresses gzip; anything else is passed on as it is.
///
/// # Errors
/// When the compressed text is damaged or too large.
pub fn decompress(bytes: &[u8]) -> Result<Vec<u8>, ImportError> {
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return Ok(bytes.to_vec());
    }
    let mut text = Vec::new();
    flate2::read::GzDecoder::new(bytes).take(INPUT_BYTES_MAX + 1).read_to_end(&mut text)?;
    if text.len() as u64 > INPUT_BYTES_MAX { Err(ImportError::TooLarge) } else { Ok(text) }
}

/// Speed in metres per second on a class of road whose speed nobody wrote down; `None` for what vehicles do not drive.
fn default_speed_mps(class: &str) -> Option<f64> {
    let kmh = match class {
        "motorway" => 100.0,
        "trunk" => 80.0,
        "motorway_link" | "trunk_link" | "primary" => 60.0,
        "primary_link" | "secondary" | "secondary_link" | "tertiary" | "tertiary_link" | "unclassified" | "haul" => {
            50.0
        }
        "residential" | "road" => 30.0,
        "service" | "track" => 20.0,
        "living_street" => 10.0,
        _ => return None,
    };
    Some(kmh / 3.6)
}

/// Which ways a link may be driven.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    Both,
    Forward,
    Backward,
}

/// A road between two nodes as an input tells it.
#[derive(Debug, Clone)]
struct Link {
    source: i64,
    from: i64,
    to: i64,
    direction: Direction,
    forward_mps: f64,
    backward_mps: f64,
    no_stop: Option<NoStop>,
    points: Vec<Coordinate>,
}

/// A turn as an input tells it: from one link over a node into another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Turn {
    from: i64,
    via: i64,
    to: i64,
    rule: TurnRule,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TurnRule {
    /// This turn is forbidden.
    Forbidden,
    /// Every other turn from there is forbidden.
    Only,
}

/// Puts links and turns together.
fn build(
    places: &BTreeMap<i64, Coordinate>,
    links: Vec<Link>,
    turns: &[Turn],
    mut report: ImportReport,
) -> Result<(RoadGraph, ImportReport), ImportError> {
    let ends: BTreeSet<i64> = links.iter().flat_map(|link| [link.from, link.to]).collect();
    let numbers: BTreeMap<i64, u32> = ends.iter().enumerate().map(|(place, &id)| (id, place as u32)).collect();
    let nodes: Vec<Coordinate> = ends.iter().filter_map(|id| places.get(id).copied()).collect();
    let mut edges = Vec::with_capacity(links.len() * 2);
    for link in links {
        let (Some(&from), Some(&to)) = (numbers.get(&link.from), numbers.get(&link.to)) else { continue };
        let length_m = link.points.windows(2).map(|ends| ends[0].distance_m(ends[1])).sum();
        let edge = |from, to, speed_mps, points| Edge {
            from,
            to,
            length_m,
            speed_mps,
            no_stop: link.no_stop,
            source: link.source,
            points,
        };
        if link.direction != Direction::Backward {
            edges.push(edge(from, to, link.forward_mps, link.points.clone()));
        }
        if link.direction != Direction::Forward {
            edges.push(edge(to, from, link.backward_mps, link.points.iter().rev().copied().collect()));
        }
    }
    let forbidden = forbidden_turns(&edges, &numbers, turns);
    report.forbidden_turns = forbidden.len();
    let directed = edges.len();
    let graph = RoadGraph::new(nodes, edges, forbidden);
    if graph.edge_count() == 0 {
        return Err(ImportError::Empty);
    }
    report.nodes = graph.node_count();
    report.edges = graph.edge_count();
    report.disconnected_edges = directed - graph.edge_count();
    Ok((graph, report))
}

fn forbidden_turns(edges: &[Edge], numbers: &BTreeMap<i64, u32>, turns: &[Turn]) -> BTreeSet<(EdgeId, EdgeId)> {
    let (mut ending, mut beginning): (BTreeMap<u32, Vec<u32>>, BTreeMap<u32, Vec<u32>>) = Default::default();
    for (place, edge) in edges.iter().enumerate() {
        ending.entry(edge.to).or_default().push(place as u32);
        beginning.entry(edge.from).or_default().push(place as u32);
    }
    let mut forbidden = BTreeSet::new();
    for turn in turns {
        let Some(via) = numbers.get(&turn.via) else { continue };
        let from = ending.get(via).into_iter().flatten().filter(|edge| edges[**edge as usize].source == turn.from);
        for &from in from {
            let onward = beginning.get(via).into_iter().flatten().filter(|to| {
                let is_named = edges[**to as usize].source == turn.to;
                is_named == (turn.rule == TurnRule::Forbidden)
            });
            forbidden.extend(onward.map(|&to| (EdgeId(from), EdgeId(to))));
        }
    }
    forbidden
}

//! From what others publish to a road graph: OpenStreetMap extracts, and nodes and links as CSV. Either a whole graph
//! comes out or one error that says where the input is wrong.

mod csv_network;
mod osm;
mod osm_access;
mod osm_tags;
mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::sync::Arc;

use kernel::Coordinate;
use schemars::JsonSchema;
use serde::Serialize;

use crate::graph::{Edge, EdgeId, NoStop, RoadGraph};
use crate::road::{RoadClass, SizeLimits};

pub use csv_network::csv;
pub use osm::osm_pbf;

/// The largest text or extract after decompression, in bytes: a region of some million links.
pub const INPUT_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// The most rows of a table, or ways, nodes and relations of an extract: a country has a tenth of it, a site a thousandth.
/// What is read of an extract is kept in memory until the graph is made, some 50 bytes each.
pub const ITEMS_MAX: usize = 20_000_000;

/// What is wrong with an input.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    #[error("{table} line {line}: {problem}")]
    Row {
        table: &'static str,
        /// The line, from 1, the heading included.
        line: u64,
        problem: String,
    },
    #[error("{table} has no column {column}")]
    Column { table: &'static str, column: &'static str },
    #[error("the extract is damaged or cut off behind byte {byte}: download it again")]
    Extract {
        /// The place of the last block that could be read.
        byte: u64,
        /// What the reader says of it, if it says anything.
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// The compressed text cannot be read.
    #[error("the compressed text is damaged or cut off")]
    Compression(#[from] std::io::Error),
    #[error("the input is larger than {INPUT_BYTES_MAX} bytes")]
    TooLarge,
    /// More rows, ways or nodes than are taken.
    #[error("the input has more than {ITEMS_MAX} {what}")]
    TooMany { what: &'static str },
    #[error("no part of this network can be driven from one end to the other and back")]
    Empty,
}

/// What an import took and left.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct ImportReport {
    pub nodes: usize,
    pub edges: usize,
    /// Links or ways that no vehicle may drive.
    pub skipped_links: usize,
    /// Nodes of roads that a barrier or their access closes: the road ends there on both sides.
    pub closed_nodes: usize,
    /// Directed edges outside the part in which every edge reaches every other.
    pub disconnected_edges: usize,
    pub forbidden_turns: usize,
    /// Turn restrictions that are not read: over a way, conditional, or not saying which part of a way is meant.
    pub skipped_turns: usize,
    /// Ways with nodes that the extract does not hold: they end where it ends.
    pub clipped_ways: usize,
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
    /// What one waits for at the end of it, in seconds, forward and backward.
    delays_s: [f64; 2],
    class: RoadClass,
    lanes: [u8; 2],
    limits: SizeLimits,
    no_stop: Option<NoStop>,
    name: Option<Arc<str>>,
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
    Forbidden,
    /// Every other turn from there is forbidden.
    Only,
}

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
        let edge = |from, to, speed_mps, delay_s, lanes, points| Edge {
            from,
            to,
            length_m,
            speed_mps,
            delay_s,
            class: link.class,
            lanes,
            limits: link.limits,
            no_stop: link.no_stop,
            source: link.source,
            name: link.name.clone(),
            points,
        };
        if link.direction != Direction::Backward {
            edges.push(edge(from, to, link.forward_mps, link.delays_s[0], link.lanes[0], link.points.clone()));
        }
        if link.direction != Direction::Forward {
            let points = link.points.iter().rev().copied().collect();
            edges.push(edge(to, from, link.backward_mps, link.delays_s[1], link.lanes[1], points));
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

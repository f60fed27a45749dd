//! A site's road graph: directed edges between nodes, with their length, speed, shape and whether a vehicle may stop.

use data_encoding::HEXLOWER;
use std::collections::BTreeSet;
use std::sync::Arc;

use kernel::Coordinate;
use rstar::RTree;
use sha2::{Digest, Sha256};

use crate::bytes::{milli, rounded};
use crate::components;
use crate::road::{RoadClass, SizeLimits};
use crate::snap::{Segment, segments_of};
use crate::turns::Turns;

/// The longest name of a road, in bytes; what is longer is no name.
pub(crate) const NAME_BYTES_MAX: usize = 255;

/// The place of an edge in its graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EdgeId(pub u32);

/// Why a vehicle must not stop on an edge (SAFE-5). Only a stop of class NOW may.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    serde::Serialize,
    serde::Deserialize,
    strum::EnumString,
    strum::IntoStaticStr,
    strum::VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum NoStop {
    Tunnel,
    LevelCrossing,
    Junction,
    Bridge,
    /// On a ramp above the site's grade.
    Ramp,
    /// On an access of emergency services.
    EmergencyAccess,
    BlastZone,
}

impl NoStop {
    /// Every reason; its place here is its number in a graph's bytes.
    pub const ALL: &'static [Self] = <Self as strum::VariantArray>::VARIANTS;

    /// The name in files and messages.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    pub fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

/// A directed edge.
#[derive(Debug, Clone, PartialEq)]
pub struct Edge {
    pub from: u32,
    pub to: u32,
    /// Its length in metres.
    pub length_m: f64,
    /// The speed that applies on it, in metres per second.
    pub speed_mps: f64,
    /// What a vehicle waits for at its end, in seconds: signals, signs, gates.
    pub delay_s: f64,
    pub class: RoadClass,
    /// Lanes in this direction; 0 where nobody counted.
    pub lanes: u8,
    /// How large a vehicle may be on it.
    pub limits: SizeLimits,
    /// Whether a vehicle must not stop on it.
    pub no_stop: Option<NoStop>,
    /// The link or way that it came from, as its source names it; both directions of a road share it.
    pub source: i64,
    /// What people call the road, where it has a name.
    pub name: Option<Arc<str>>,
    /// Its shape, from the first node to the last.
    pub points: Vec<Coordinate>,
}

/// A road graph. Every edge can be reached from every other over turns that are allowed: what could not was left out.
#[derive(Debug)]
pub struct RoadGraph {
    pub(crate) nodes: Vec<Coordinate>,
    /// Sorted by the node where they begin.
    pub(crate) edges: Vec<Edge>,
    /// Where each node's edges begin in `edges`; one longer than `nodes`.
    first_out: Vec<u32>,
    /// Edges that end at each node.
    incoming: Vec<Vec<EdgeId>>,
    /// Pairs of edges that must not follow each other.
    pub(crate) forbidden_turns: BTreeSet<(EdgeId, EdgeId)>,
    pub(crate) segments: RTree<Segment>,
    pub(crate) turns: Turns,
    fastest_mps: f64,
    digest: String,
}

impl RoadGraph {
    /// A graph of nodes, edges in any order, and turns forbidden between edges, both by their place in `edges`.
    /// Everything outside the largest part in which each edge reaches each other is left out.
    pub fn new(nodes: Vec<Coordinate>, edges: Vec<Edge>, forbidden_turns: BTreeSet<(EdgeId, EdgeId)>) -> Self {
        let kept = components::largest(nodes.len(), &edges, &forbidden_turns);
        let mut in_use = vec![false; nodes.len()];
        for (edge, _) in edges.iter().zip(&kept).filter(|(_, kept)| **kept) {
            in_use[edge.from as usize] = true;
            in_use[edge.to as usize] = true;
        }
        let mut new_place = vec![u32::MAX; nodes.len()];
        let mut kept_nodes = Vec::new();
        for (old, coordinate) in nodes.into_iter().enumerate().filter(|(old, _)| in_use[*old]) {
            new_place[old] = kept_nodes.len() as u32;
            kept_nodes.push(rounded(coordinate));
        }
        let mut numbered: Vec<(usize, Edge)> = edges
            .into_iter()
            .zip(kept)
            .enumerate()
            .filter(|(_, (_, kept))| *kept)
            .map(|(old, (mut edge, _))| {
                edge.from = new_place[edge.from as usize];
                edge.to = new_place[edge.to as usize];
                (old, as_held(edge))
            })
            .collect();
        numbered.sort_by_key(|(old, edge)| (edge.from, edge.to, *old));
        let renumbered: std::collections::BTreeMap<u32, EdgeId> =
            numbered.iter().enumerate().map(|(new, (old, _))| (*old as u32, EdgeId(new as u32))).collect();
        let turns = forbidden_turns
            .into_iter()
            .filter_map(|(from, to)| Some((*renumbered.get(&from.0)?, *renumbered.get(&to.0)?)))
            .collect();
        Self::of_sorted(kept_nodes, numbered.into_iter().map(|(_, edge)| edge).collect(), turns)
    }

    /// A graph whose edges are sorted by their first node already, as its own bytes hold them.
    pub(crate) fn of_sorted(
        nodes: Vec<Coordinate>,
        edges: Vec<Edge>,
        forbidden_turns: BTreeSet<(EdgeId, EdgeId)>,
    ) -> Self {
        let mut first_out = vec![0u32; nodes.len() + 1];
        let mut incoming = vec![Vec::new(); nodes.len()];
        for (place, edge) in edges.iter().enumerate() {
            first_out[edge.from as usize + 1] += 1;
            incoming[edge.to as usize].push(EdgeId(place as u32));
        }
        for node in 0..nodes.len() {
            first_out[node + 1] += first_out[node];
        }
        let segments = RTree::bulk_load(segments_of(&edges));
        let turns = Turns::of(nodes.len(), &edges);
        let fastest_mps = edges.iter().map(|edge| edge.speed_mps).fold(1.0, f64::max);
        let digest = String::new();
        let mut graph =
            Self { nodes, edges, first_out, incoming, forbidden_turns, segments, turns, fastest_mps, digest };
        graph.digest = HEXLOWER.encode(&Sha256::digest(graph.to_bytes()));
        graph
    }

    /// Hex SHA-256 of the graph's bytes: its name.
    pub fn digest(&self) -> String {
        self.digest.clone()
    }

    pub(crate) fn digest_text(&self) -> &str {
        &self.digest
    }

    pub fn node_count(&self) -> usize {
        self.nodes.len()
    }

    pub fn edge_count(&self) -> usize {
        self.edges.len()
    }

    pub fn nodes(&self) -> &[Coordinate] {
        &self.nodes
    }

    pub fn edges(&self) -> &[Edge] {
        &self.edges
    }

    /// The highest speed on any edge, in metres per second.
    pub fn fastest_mps(&self) -> f64 {
        self.fastest_mps
    }

    /// An edge; ids come from this graph alone.
    pub fn edge(&self, id: EdgeId) -> &Edge {
        &self.edges[id.0 as usize]
    }

    /// The edges that begin at a node.
    pub(crate) fn outgoing(&self, node: u32) -> impl Iterator<Item = EdgeId> + use<> {
        (self.first_out[node as usize]..self.first_out[node as usize + 1]).map(EdgeId)
    }

    /// The edges that end at a node.
    pub(crate) fn incoming(&self, node: u32) -> &[EdgeId] {
        &self.incoming[node as usize]
    }

    /// Whether one edge may follow another: they meet, and no restriction forbids the turn.
    pub fn may_turn(&self, from: EdgeId, to: EdgeId) -> bool {
        self.turn_s(from, to).is_some()
    }

    /// The same road in the other direction.
    pub fn twin(&self, id: EdgeId) -> Option<EdgeId> {
        let edge = self.edge(id);
        self.outgoing(edge.to).find(|&other| {
            let candidate = self.edge(other);
            other != id && candidate.to == edge.from && candidate.source == edge.source
        })
    }
}

/// An edge as its bytes hold it. Never shorter than the straight line between its ends: the search relies on that.
fn as_held(mut edge: Edge) -> Edge {
    edge.points.iter_mut().for_each(|point| *point = rounded(*point));
    let straight_m = match (edge.points.first(), edge.points.last()) {
        (Some(first), Some(last)) => first.distance_m(*last),
        _ => 0.0,
    };
    let straight_mm = (straight_m * 1e3).ceil() as u32;
    edge.length_m = f64::from(milli(edge.length_m).max(straight_mm)) / 1e3;
    edge.speed_mps = f64::from(milli(edge.speed_mps).max(1)) / 1e3;
    edge.delay_s = f64::from(milli(edge.delay_s)) / 1e3;
    edge.limits = SizeLimits::of_milli(edge.limits.to_milli());
    edge.name = edge.name.filter(|name| !name.is_empty() && name.len() <= NAME_BYTES_MAX);
    edge
}

//! A graph as bytes, and back: what a graph's file holds and what its digest names. Little endian; coordinates in
//! 1e-7 degrees, lengths in millimetres, speeds in millimetres per second. A graph without names of roads or without
//! delays has the bytes, and so the digest, that it had before there were any: what an older program stored is read.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kernel::Coordinate;
use sha2::{Digest, Sha256};

use crate::graph::{Edge, EdgeId, NAME_BYTES_MAX, NoStop, RoadGraph};
use crate::road::{RoadClass, SizeLimits};

/// Without names and delays.
const MAGIC_PLAIN: &[u8; 8] = b"AMROAD01";
/// With a table of names before the nodes, and each edge's number in it, from 1, behind its source.
const MAGIC_NAMED: &[u8; 8] = b"AMROAD02";
/// As named, even without any name, and each edge's delay in milliseconds behind its name.
const MAGIC_DELAYED: &[u8; 8] = b"AMROAD03";
const CHECKSUM_BYTES: usize = 32;
/// The most nodes, edges, points or turns of a graph: a metropolitan region has a tenth of it.
pub(crate) const COUNT_MAX: usize = 50_000_000;

/// Bytes that are not a graph.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GraphError {
    /// Not a graph of a version that this program reads.
    #[error("not a road graph of a known version")]
    UnknownVersion,
    /// The checksum does not fit, or a part is missing.
    #[error("the road graph is damaged")]
    Damaged,
}

/// Degrees rounded to what the bytes hold.
pub(crate) fn e7(degrees: f64) -> i32 {
    (degrees * 1e7).round() as i32
}

/// A number of units rounded to thousandths, as the bytes hold it.
pub(crate) fn milli(value: f64) -> u32 {
    (value * 1e3).round() as u32
}

/// A place as the bytes hold it: what was imported and what is read back are the same.
pub(crate) fn rounded(place: Coordinate) -> Coordinate {
    from_e7(e7(place.lat()), e7(place.lon())).unwrap_or(place)
}

fn from_e7(lat: i32, lon: i32) -> Option<Coordinate> {
    Coordinate::new(f64::from(lat) / 1e7, f64::from(lon) / 1e7).ok()
}

impl RoadGraph {
    /// The graph as bytes: equal graphs give equal bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let names: BTreeSet<&Arc<str>> = self.edges.iter().filter_map(|edge| edge.name.as_ref()).collect();
        let is_delayed = self.edges.iter().any(|edge| edge.delay_s > 0.0);
        let is_named = is_delayed || !names.is_empty();
        let magic = [MAGIC_PLAIN, MAGIC_NAMED, MAGIC_DELAYED][usize::from(is_named) + usize::from(is_delayed)];
        let mut out = magic.to_vec();
        if is_named {
            out.extend_from_slice(&(names.len() as u32).to_le_bytes());
            for name in &names {
                out.extend_from_slice(&(name.len() as u32).to_le_bytes());
                out.extend_from_slice(name.as_bytes());
            }
        }
        let numbers: BTreeMap<&Arc<str>, u32> = names.into_iter().zip(1..).collect();
        let mut number = |value: u32| out.extend_from_slice(&value.to_le_bytes());
        number(self.nodes.len() as u32);
        number(self.edges.len() as u32);
        number(self.forbidden_turns.len() as u32);
        let place = |coordinate: &Coordinate| [e7(coordinate.lat()) as u32, e7(coordinate.lon()) as u32];
        self.nodes.iter().flat_map(place).for_each(&mut number);
        for edge in &self.edges {
            let no_stop = edge.no_stop.and_then(|reason| NoStop::ALL.iter().position(|&other| other == reason));
            [edge.from, edge.to, milli(edge.length_m), milli(edge.speed_mps)].into_iter().for_each(&mut number);
            number(no_stop.map_or(0, |place| place as u32 + 1));
            number(edge.class.number());
            number(u32::from(edge.lanes));
            edge.limits.to_milli().into_iter().for_each(&mut number);
            number(edge.source as u64 as u32);
            number((edge.source as u64 >> 32) as u32);
            if is_named {
                number(edge.name.as_ref().and_then(|name| numbers.get(name)).copied().unwrap_or(0));
            }
            if is_delayed {
                number(milli(edge.delay_s));
            }
            number(edge.points.len() as u32);
            edge.points.iter().flat_map(place).for_each(&mut number);
        }
        for (from, to) in &self.forbidden_turns {
            number(from.0);
            number(to.0);
        }
        let checksum = Sha256::digest(&out);
        out.extend_from_slice(&checksum);
        out
    }

    /// The graph of some bytes.
    ///
    /// # Errors
    /// When they are of another version, or anything of them was changed.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, GraphError> {
        let (magic, body) = bytes.split_first_chunk::<8>().ok_or(GraphError::UnknownVersion)?;
        let (is_named, is_delayed) = match magic {
            MAGIC_PLAIN => (false, false),
            MAGIC_NAMED => (true, false),
            MAGIC_DELAYED => (true, true),
            _ => return Err(GraphError::UnknownVersion),
        };
        let split = body.len().checked_sub(CHECKSUM_BYTES).ok_or(GraphError::Damaged)?;
        let (body, checksum) = body.split_at(split);
        if Sha256::digest(&bytes[..bytes.len() - CHECKSUM_BYTES]).as_slice() != checksum {
            return Err(GraphError::Damaged);
        }
        read(&mut Reader { rest: body, is_named, is_delayed }).ok_or(GraphError::Damaged)
    }
}

struct Reader<'a> {
    rest: &'a [u8],
    is_named: bool,
    is_delayed: bool,
}

impl Reader<'_> {
    fn number(&mut self) -> Option<u32> {
        let (number, rest) = self.rest.split_first_chunk::<4>()?;
        self.rest = rest;
        Some(u32::from_le_bytes(*number))
    }

    fn count(&mut self) -> Option<usize> {
        usize::try_from(self.number()?).ok().filter(|&count| count <= COUNT_MAX)
    }

    fn place(&mut self) -> Option<Coordinate> {
        let (lat, lon) = (self.number()? as i32, self.number()? as i32);
        from_e7(lat, lon)
    }

    fn name(&mut self) -> Option<Arc<str>> {
        let length = usize::try_from(self.number()?).ok().filter(|&length| length <= NAME_BYTES_MAX)?;
        let (name, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        std::str::from_utf8(name).ok().map(Arc::from)
    }

    fn edge(&mut self, node_count: usize, names: &[Arc<str>]) -> Option<Edge> {
        let node = |number: u32| ((number as usize) < node_count).then_some(number);
        let (from, to) = (node(self.number()?)?, node(self.number()?)?);
        let (length_m, speed_mps) = (f64::from(self.number()?) / 1e3, f64::from(self.number()?) / 1e3);
        let no_stop = match self.number()? {
            0 => None,
            number => Some(*NoStop::ALL.get(number as usize - 1)?),
        };
        let class = RoadClass::of_number(self.number()?)?;
        let lanes = u8::try_from(self.number()?).ok()?;
        let limits = SizeLimits::of_milli([self.number()?, self.number()?, self.number()?]);
        let (low, high) = (u64::from(self.number()?), u64::from(self.number()?));
        let name = match if self.is_named { self.number()? } else { 0 } {
            0 => None,
            number => Some(Arc::clone(names.get(number as usize - 1)?)),
        };
        let delay_s = if self.is_delayed { f64::from(self.number()?) / 1e3 } else { 0.0 };
        let points = (0..self.count()?).map(|_| self.place()).collect::<Option<Vec<_>>>()?;
        let usable = speed_mps > 0.0 && points.len() >= 2;
        let source = (high << 32 | low) as i64;
        usable.then_some(Edge {
            from,
            to,
            length_m,
            speed_mps,
            delay_s,
            class,
            lanes,
            limits,
            no_stop,
            source,
            name,
            points,
        })
    }
}

fn read(reader: &mut Reader<'_>) -> Option<RoadGraph> {
    let name_count = if reader.is_named { reader.count()? } else { 0 };
    let names = (0..name_count).map(|_| reader.name()).collect::<Option<Vec<_>>>()?;
    let (node_count, edge_count, turn_count) = (reader.count()?, reader.count()?, reader.count()?);
    let nodes = (0..node_count).map(|_| reader.place()).collect::<Option<Vec<_>>>()?;
    let edges = (0..edge_count).map(|_| reader.edge(node_count, &names)).collect::<Option<Vec<_>>>()?;
    let edge = |number: u32| ((number as usize) < edge_count).then_some(EdgeId(number));
    let turns = (0..turn_count)
        .map(|_| Some((edge(reader.number()?)?, edge(reader.number()?)?)))
        .collect::<Option<BTreeSet<_>>>()?;
    let sorted = edges.is_sorted_by_key(|edge| edge.from);
    (sorted && reader.rest.is_empty()).then(|| RoadGraph::of_sorted(nodes, edges, turns))
}

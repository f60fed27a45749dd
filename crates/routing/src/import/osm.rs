//! OpenStreetMap extracts (`.osm.pbf`): drivable ways, one-ways, speeds, access, turn restrictions over a node, and
//! where a vehicle must not stop.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use kernel::Coordinate;
use osmpbf::{BlobDecode, BlobReader, Element, RelMemberType};

use super::osm_tags::{Road, Tags, road};
use super::{
    Direction, INPUT_BYTES_MAX, ITEMS_MAX, ImportError, ImportReport, Link, Turn, TurnRule, build, osm_access,
};
use crate::graph::{NoStop, RoadGraph};

struct Way {
    id: i64,
    nodes: Vec<i64>,
    name: Option<Arc<str>>,
    road: Road,
}

#[derive(Default)]
struct Extract {
    places: BTreeMap<i64, Coordinate>,
    level_crossings: BTreeSet<i64>,
    closed: BTreeSet<i64>,
    /// What passing a node takes, in seconds, along its way and against it, where it takes anything.
    delays_s: BTreeMap<i64, [f64; 2]>,
    ways: Vec<Way>,
    turns: Vec<Turn>,
    items: usize,
    report: ImportReport,
}

/// Imports an extract.
///
/// # Errors
/// When the extract is damaged, cut off, too large, or holds no road. One that was cut off exactly between two of its
/// blocks looks like a smaller extract: the format has no end mark, so who sends it must say its length.
pub fn osm_pbf(bytes: &[u8]) -> Result<(RoadGraph, ImportReport), ImportError> {
    if bytes.len() as u64 > INPUT_BYTES_MAX {
        return Err(ImportError::TooLarge);
    }
    whole_blocks(bytes)?;
    let mut extract = Extract::default();
    // The reader adds and unwraps what it reads; made-up numbers must not take more than this import down.
    catch_unwind(AssertUnwindSafe(|| extract.read(bytes)))
        .unwrap_or_else(|_| Err(ImportError::Extract { byte: 0, source: None }))?;
    let (links, turns) = extract.links();
    build(&extract.places, links, &turns, extract.report)
}

/// Walks over the blocks of an extract: the last one must end where the bytes end.
fn whole_blocks(bytes: &[u8]) -> Result<(), ImportError> {
    let mut at = 0u64;
    let damaged = |byte: u64, source| ImportError::Extract { byte, source };
    let mut blocks = BlobReader::new_seekable(Cursor::new(bytes)).map_err(|error| damaged(0, Some(Box::new(error))))?;
    while let Some(block) = blocks.next_header_skip_blob() {
        let (header, _) = block.map_err(|error| damaged(at, Some(Box::new(error))))?;
        let begin = usize::try_from(at).map_err(|_| ImportError::TooLarge)?;
        let size = bytes.get(begin..).and_then(|rest| rest.first_chunk::<4>()).ok_or_else(|| damaged(at, None))?;
        let body = u64::try_from(header.get_blob_size()).map_err(|_| damaged(at, None))?;
        let end = at + 4 + u64::from(u32::from_be_bytes(*size)) + body;
        if end > bytes.len() as u64 {
            return Err(damaged(at, None));
        }
        at = end;
    }
    if at == bytes.len() as u64 { Ok(()) } else { Err(damaged(at, None)) }
}

impl Extract {
    fn read(&mut self, bytes: &[u8]) -> Result<(), ImportError> {
        let damaged = |byte, error| ImportError::Extract { byte, source: Some(Box::new(error)) };
        let mut byte = 0;
        for block in BlobReader::new_seekable(Cursor::new(bytes)).map_err(|error| damaged(0, error))? {
            let block = block.map_err(|error| damaged(byte, error))?;
            byte = block.offset().map_or(byte, |offset| offset.0);
            if let BlobDecode::OsmData(data) = block.decode().map_err(|error| damaged(byte, error))? {
                data.for_each_element(|element| self.take(&element));
            }
            if self.items > ITEMS_MAX {
                return Err(ImportError::TooMany { what: "nodes, ways and relations" });
            }
        }
        Ok(())
    }

    fn take(&mut self, element: &Element<'_>) {
        self.items += 1;
        match element {
            Element::Node(node) => self.node(node.id(), node.lat(), node.lon(), node.tags()),
            Element::DenseNode(node) => self.node(node.id(), node.lat(), node.lon(), node.tags()),
            Element::Way(way) => {
                let tags: Tags<'_> = way.tags().collect();
                match road(&tags) {
                    Some(road) => {
                        let nodes: Vec<i64> = way.refs().collect();
                        self.items += nodes.len();
                        let name = tags.get("name").or_else(|| tags.get("ref")).map(|name| Arc::from(*name));
                        self.ways.push(Way { id: way.id(), nodes, name, road });
                    }
                    None => self.report.skipped_links += usize::from(tags.contains_key("highway")),
                }
            }
            Element::Relation(relation) => self.relation(relation),
        }
    }

    fn node<'a>(&mut self, id: i64, lat: f64, lon: f64, tags: impl Iterator<Item = (&'a str, &'a str)>) {
        if let Ok(place) = Coordinate::new(lat, lon) {
            self.places.insert(id, place);
        }
        let tags: Tags<'_> = tags.collect();
        if tags.get("railway") == Some(&"level_crossing") {
            self.level_crossings.insert(id);
        }
        match osm_access::node(&tags) {
            None => _ = self.closed.insert(id),
            Some([0.0, 0.0]) => {}
            Some(delays_s) => _ = self.delays_s.insert(id, delays_s),
        }
    }

    fn relation(&mut self, relation: &osmpbf::Relation<'_>) {
        let tags: Tags<'_> = relation.tags().collect();
        if tags.get("type") != Some(&"restriction") {
            return;
        }
        let rule = match tags.get("restriction").or_else(|| tags.get("restriction:motorcar")) {
            Some(kind) if kind.starts_with("no_") => TurnRule::Forbidden,
            Some(kind) if kind.starts_with("only_") => TurnRule::Only,
            _ => {
                self.report.skipped_turns += 1;
                return;
            }
        };
        let member = |role: &str, kind: RelMemberType| {
            relation
                .members()
                .find(|member| member.role().is_ok_and(|found| found == role) && member.member_type == kind)
                .map(|member| member.member_id)
        };
        let from = member("from", RelMemberType::Way);
        let via = member("via", RelMemberType::Node);
        let to = member("to", RelMemberType::Way);
        match (from, via, to) {
            (Some(from), Some(via), Some(to)) => self.turns.push(Turn { from, via, to, rule }),
            _ => self.report.skipped_turns += 1,
        }
    }

    /// The ways as runs of nodes that the extract holds: where it was clipped, a way ends, and nothing is made up across.
    fn runs(&mut self) -> Vec<(usize, Vec<i64>)> {
        let mut runs = Vec::new();
        for (place, way) in self.ways.iter().enumerate() {
            let pieces = way.nodes.split(|node| !self.places.contains_key(node));
            runs.extend(pieces.filter(|nodes| nodes.len() >= 2).map(|nodes| (place, nodes.to_vec())));
            self.report.clipped_ways += usize::from(way.nodes.iter().any(|node| !self.places.contains_key(node)));
        }
        runs
    }

    /// Where ways are cut: at their ends, where they meet, at what is closed or holds one up, and on both sides of a level
    /// crossing.
    fn cuts(&self, runs: &[(usize, Vec<i64>)]) -> BTreeSet<i64> {
        let (mut seen, mut cuts) = (BTreeSet::new(), BTreeSet::new());
        for (_, nodes) in runs {
            cuts.extend(nodes.first().into_iter().chain(nodes.last()));
            let is_cut = |node: &i64| self.closed.contains(node) || self.delays_s.contains_key(node);
            cuts.extend(nodes.iter().filter(|node| !seen.insert(**node) || is_cut(node)));
            let around = |place: usize| [place.checked_sub(1), place.checked_add(1)].into_iter().flatten();
            for (place, _) in nodes.iter().enumerate().filter(|(_, node)| self.level_crossings.contains(node)) {
                cuts.extend(around(place).filter_map(|place| nodes.get(place)));
            }
        }
        cuts
    }

    /// The node where a piece ends: one of its own, at the same place, before what is closed, so that no way leads through.
    /// No node of an extract has such a low number.
    fn end(&self, node: i64, ends: &mut Ends) -> i64 {
        let Some(&place) = self.places.get(&node).filter(|_| self.closed.contains(&node)) else { return node };
        ends.closed.insert(node);
        let own = i64::MIN + ends.places.len() as i64;
        ends.places.insert(own, place);
        own
    }

    /// Ways cut to pieces. A piece's source is its own number; turns name pieces then.
    fn links(&mut self) -> (Vec<Link>, Vec<Turn>) {
        let runs = self.runs();
        let cuts = self.cuts(&runs);
        let mut links: Vec<Link> = Vec::new();
        let mut pieces = Pieces::default();
        let mut ends = Ends::default();
        let delay_s = |node: i64, sense: usize| self.delays_s.get(&node).map_or(0.0, |delays_s| delays_s[sense]);
        for (way, nodes) in &runs {
            let Way { id, name, road, .. } = &self.ways[*way];
            let mut begin = 0;
            for end in (1..nodes.len()).filter(|&end| cuts.contains(&nodes[end])) {
                let piece = &nodes[begin..=end];
                begin = end;
                let source = links.len() as i64;
                let [from, to] = [piece[0], piece[piece.len() - 1]].map(|node| self.end(node, &mut ends));
                pieces.add(*id, source, from, to, road.direction);
                let crosses_rails = piece.iter().any(|node| self.level_crossings.contains(node));
                links.push(Link {
                    source,
                    from,
                    to,
                    direction: road.direction,
                    forward_mps: road.forward_mps,
                    backward_mps: road.backward_mps,
                    delays_s: [delay_s(piece[piece.len() - 1], 0), delay_s(piece[0], 1)],
                    class: road.class,
                    lanes: road.lanes,
                    limits: road.limits,
                    no_stop: if crosses_rails { Some(NoStop::LevelCrossing) } else { road.no_stop },
                    name: name.clone(),
                    points: piece.iter().filter_map(|node| self.places.get(node).copied()).collect(),
                });
            }
        }
        self.report.closed_nodes = ends.closed.len();
        self.places.extend(ends.places);
        let mut turns = Vec::new();
        for turn in &self.turns {
            match pieces.of(turn) {
                Some(of_pieces) => turns.extend(of_pieces),
                None => self.report.skipped_turns += 1,
            }
        }
        (links, turns)
    }
}

/// The ends of roads before what is closed.
#[derive(Default)]
struct Ends {
    closed: BTreeSet<i64>,
    places: BTreeMap<i64, Coordinate>,
}

/// Which pieces of a way lead to a node, and which away from it.
#[derive(Default)]
struct Pieces {
    into: BTreeMap<(i64, i64), BTreeSet<i64>>,
    out_of: BTreeMap<(i64, i64), BTreeSet<i64>>,
}

impl Pieces {
    fn add(&mut self, way: i64, piece: i64, from: i64, to: i64, direction: Direction) {
        if direction != Direction::Backward {
            self.out_of.entry((way, from)).or_default().insert(piece);
            self.into.entry((way, to)).or_default().insert(piece);
        }
        if direction != Direction::Forward {
            self.out_of.entry((way, to)).or_default().insert(piece);
            self.into.entry((way, from)).or_default().insert(piece);
        }
    }

    /// A turn between ways as turns between pieces. `None` if a way goes on beyond the node in both senses: then the
    /// relation does not say which half it means, and forbidding both would close turns that are open.
    fn of(&self, turn: &Turn) -> Option<Vec<Turn>> {
        let none = BTreeSet::new();
        let from = self.into.get(&(turn.from, turn.via)).unwrap_or(&none);
        let to = self.out_of.get(&(turn.to, turn.via)).unwrap_or(&none);
        if turn.from == turn.to && turn.rule == TurnRule::Forbidden {
            // A turn back: from each piece into itself.
            return Some(from.intersection(to).map(|&piece| Turn { from: piece, to: piece, ..*turn }).collect());
        }
        if from.len() > 1 || to.len() > 1 {
            return None;
        }
        Some(from.iter().zip(to).map(|(&from, &to)| Turn { from, to, ..*turn }).collect())
    }
}

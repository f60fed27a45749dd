//! OpenStreetMap extracts (`.osm.pbf`): drivable ways, one-ways, speeds, access, turn restrictions over a node, and
//! where a vehicle must not stop.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Cursor;

use kernel::Coordinate;
use osmpbf::{Element, ElementReader, RelMemberType};

use super::{Direction, ImportError, ImportReport, Link, Turn, TurnRule, build, default_speed_mps};
use crate::graph::{NoStop, RoadGraph};

struct Way {
    id: i64,
    nodes: Vec<i64>,
    direction: Direction,
    speed_mps: f64,
    no_stop: Option<NoStop>,
}

#[derive(Default)]
struct Extract {
    places: BTreeMap<i64, Coordinate>,
    level_crossings: BTreeSet<i64>,
    ways: Vec<Way>,
    turns: Vec<Turn>,
    skipped_links: usize,
    skipped_turns: usize,
}

/// Imports an extract.
///
/// # Errors
/// When the extract is damaged, cut off, or holds no road.
pub fn osm_pbf(bytes: &[u8]) -> Result<(RoadGraph, ImportReport), ImportError> {
    let mut extract = Extract::default();
    ElementReader::new(Cursor::new(bytes))
        .for_each(|element| extract.take(&element))
        .map_err(|error| ImportError::Extract(Box::new(error)))?;
    let report = ImportReport {
        skipped_links: extract.skipped_links,
        skipped_turns: extract.skipped_turns,
        ..ImportReport::default()
    };
    let (links, turns) = extract.links();
    build(&extract.places, links, &turns, report)
}

impl Extract {
    fn take(&mut self, element: &Element<'_>) {
        match element {
            Element::Node(node) => self.node(node.id(), node.lat(), node.lon(), node.tags()),
            Element::DenseNode(node) => self.node(node.id(), node.lat(), node.lon(), node.tags()),
            Element::Way(way) => {
                let tags: BTreeMap<&str, &str> = way.tags().collect();
                match drivable(&tags) {
                    Some((direction, speed_mps)) => {
                        let nodes = way.refs().collect();
                        self.ways.push(Way { id: way.id(), nodes, direction, speed_mps, no_stop: no_stop(&tags) });
                    }
                    None => self.skipped_links += usize::from(tags.contains_key("highway")),
                }
            }
            Element::Relation(relation) => self.relation(relation),
        }
    }

    fn node<'a>(&mut self, id: i64, lat: f64, lon: f64, mut tags: impl Iterator<Item = (&'a str, &'a str)>) {
        if let Ok(place) = Coordinate::new(lat, lon) {
            self.places.insert(id, place);
        }
        if tags.any(|tag| tag == ("railway", "level_crossing")) {
            self.level_crossings.insert(id);
        }
    }

    fn relation(&mut self, relation: &osmpbf::Relation<'_>) {
        let tags: BTreeMap<&str, &str> = relation.tags().collect();
        if tags.get("type") != Some(&"restriction") {
            return;
        }
        let rule = match tags.get("restriction") {
            Some(kind) if kind.starts_with("no_") => TurnRule::Forbidden,
            Some(kind) if kind.starts_with("only_") => TurnRule::Only,
            _ => return,
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
            _ => self.skipped_turns += 1,
        }
    }

    /// Ways cut at every node where they meet. A piece's source is its own number; turns name pieces then.
    fn links(&self) -> (Vec<Link>, Vec<Turn>) {
        let mut uses: BTreeMap<i64, usize> = BTreeMap::new();
        for way in &self.ways {
            way.nodes.iter().for_each(|&node| *uses.entry(node).or_default() += 1);
            way.nodes.first().into_iter().chain(way.nodes.last()).for_each(|&end| *uses.entry(end).or_default() += 1);
        }
        let mut links: Vec<Link> = Vec::new();
        let mut pieces: BTreeMap<(i64, i64), Vec<i64>> = BTreeMap::new();
        for way in &self.ways {
            let nodes: Vec<i64> = way.nodes.iter().copied().filter(|node| self.places.contains_key(node)).collect();
            let mut begin = 0;
            for end in 1..nodes.len() {
                let is_junction = uses.get(&nodes[end]).is_some_and(|&uses| uses > 1);
                if !is_junction && end + 1 < nodes.len() {
                    continue;
                }
                let piece = &nodes[begin..=end];
                begin = end;
                let (Some(&from), Some(&to)) = (piece.first(), piece.last()) else { continue };
                let source = links.len() as i64;
                pieces.entry((way.id, from)).or_default().push(source);
                pieces.entry((way.id, to)).or_default().push(source);
                let crosses_rails = piece.iter().any(|node| self.level_crossings.contains(node));
                links.push(Link {
                    source,
                    from,
                    to,
                    direction: way.direction,
                    forward_mps: way.speed_mps,
                    backward_mps: way.speed_mps,
                    no_stop: if crosses_rails { Some(NoStop::LevelCrossing) } else { way.no_stop },
                    points: piece.iter().filter_map(|node| self.places.get(node).copied()).collect(),
                });
            }
        }
        let at = |way: i64, via: i64| pieces.get(&(way, via)).cloned().unwrap_or_default();
        let turns = self.turns.iter().flat_map(|turn| {
            let onward = at(turn.to, turn.via);
            at(turn.from, turn.via).into_iter().flat_map(move |from| {
                let turn = *turn;
                onward.clone().into_iter().map(move |to| Turn { from, to, ..turn })
            })
        });
        let turns = turns.collect();
        (links, turns)
    }
}

fn drivable(tags: &BTreeMap<&str, &str>) -> Option<(Direction, f64)> {
    let class = tags.get("highway")?;
    let default_mps = default_speed_mps(class)?;
    let access = ["motor_vehicle", "vehicle", "access"].iter().find_map(|key| tags.get(key));
    if matches!(access, Some(&"no" | &"private" | &"agricultural" | &"forestry")) || tags.get("area") == Some(&"yes") {
        return None;
    }
    let is_loop = matches!(tags.get("junction"), Some(&"roundabout" | &"circular"));
    let direction = match tags.get("oneway") {
        Some(&"yes" | &"1" | &"true") => Direction::Forward,
        Some(&"-1" | &"reverse") => Direction::Backward,
        Some(&"no") => Direction::Both,
        _ if is_loop || *class == "motorway" => Direction::Forward,
        _ => Direction::Both,
    };
    let speed_mps = tags.get("maxspeed").and_then(|text| speed_mps(text)).unwrap_or(default_mps);
    Some((direction, speed_mps))
}

/// A speed as OpenStreetMap writes it: a number in km/h, or with `mph` or `knots`.
fn speed_mps(text: &str) -> Option<f64> {
    let (number, per_unit) = if let Some(number) = text.strip_suffix("mph") {
        (number, 0.447_04)
    } else if let Some(number) = text.strip_suffix("knots") {
        (number, 0.514_444)
    } else {
        (text.strip_suffix("km/h").unwrap_or(text), 1.0 / 3.6)
    };
    let value: f64 = number.trim().parse().ok()?;
    (value > 0.0 && value <= 200.0).then_some(value * per_unit)
}

fn no_stop(tags: &BTreeMap<&str, &str>) -> Option<NoStop> {
    let is = |key: &str| tags.get(key).is_some_and(|value| *value != "no");
    if is("tunnel") {
        Some(NoStop::Tunnel)
    } else if is("bridge") {
        Some(NoStop::Bridge)
    } else if tags.contains_key("junction") {
        Some(NoStop::Junction)
    } else {
        None
    }
}

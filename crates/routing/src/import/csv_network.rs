//! Nodes and links as CSV with a heading, as planners and geographers export them. Columns are found by name; those that
//! are not known are passed over.
//!
//! nodes: `node_id`, `lon`, `lat`. links: `link_id`, `a_node`, `b_node`, `direction` (0 both, 1 from a to b, -1 from b
//! to a), `link_type` (a class of OpenStreetMap's `highway`; others are left out), optional `speed_ab`, `speed_ba`
//! (km/h), `lanes_ab`, `lanes_ba`, `geometry` or `geometry_lonlat` (`lon lat;lon lat…`), `access` (`no` and `private`
//! are left out), `name`, `max_mass_kg`, `max_width_m`, `max_height_m`, `no_stop`. turns: `from_link`, `via_node`, `to_link`,
//! `rule` (`no`, `only`). no_stop: `link_id`, `reason`.

use std::collections::BTreeMap;

use kernel::Coordinate;

use super::table::{Row, rows};
use super::{Direction, INPUT_BYTES_MAX, ImportError, ImportReport, Link, Turn, TurnRule, build};
use crate::graph::{NoStop, RoadGraph};
use crate::road::{RoadClass, SizeLimits};

/// The highest speed that is believed, in km/h.
const SPEED_KMH_MAX: f64 = 150.0;

/// How far from its node a link's shape may begin or end, in metres: further away it is the shape of something else.
const SHAPE_GAP_M: f64 = 100.0;

/// The two ends of every link, those that are left out too.
type Ends = BTreeMap<i64, [i64; 2]>;

/// Imports a network.
///
/// # Errors
/// One error that names the table, the line and the problem; nothing else comes out then.
pub fn csv(
    nodes: &str,
    links: &str,
    turns: Option<&str>,
    no_stop: Option<&str>,
) -> Result<(RoadGraph, ImportReport), ImportError> {
    let (turns, no_stop) = (turns.unwrap_or_default(), no_stop.unwrap_or_default());
    if [nodes, links, turns, no_stop].iter().map(|text| text.len() as u64).sum::<u64>() > INPUT_BYTES_MAX {
        return Err(ImportError::TooLarge);
    }
    let mut places = BTreeMap::new();
    rows("nodes", nodes, &["node_id", "lon", "lat"], |row| {
        let (lat, lon) = (row.number("lat")?, row.number("lon")?);
        let place = Coordinate::new(lat, lon).map_err(|error| row.problem(error.to_string()))?;
        let id = row.number::<i64>("node_id")?;
        places.insert(id, place).map_or(Ok(()), |_| Err(row.problem(format!("node_id {id} is there twice"))))
    })?;
    let mut reasons = BTreeMap::new();
    rows("no_stop", no_stop, &["link_id", "reason"], |row| {
        reasons.insert(row.number::<i64>("link_id")?, (reason(row, "reason")?, row.line()));
        Ok(())
    })?;
    let (mut report, mut taken, mut ends) = (ImportReport::default(), Vec::new(), Ends::new());
    rows("links", links, &["link_id", "a_node", "b_node", "direction", "link_type"], |row| {
        let id = row.number::<i64>("link_id")?;
        match link(row, id, &places, &reasons)? {
            Some(link) => taken.push(link),
            None => report.skipped_links += 1,
        }
        let both = [row.number("a_node")?, row.number("b_node")?];
        ends.insert(id, both).map_or(Ok(()), |_| Err(row.problem(format!("link_id {id} is there twice"))))
    })?;
    if let Some((id, (_, line))) = reasons.iter().find(|(id, _)| !ends.contains_key(id)) {
        let problem = format!("link_id {id} is not among the links");
        return Err(ImportError::Row { table: "no_stop", line: *line, problem });
    }
    let mut restrictions = Vec::new();
    rows("turns", turns, &["from_link", "via_node", "to_link", "rule"], |row| {
        restrictions.push(turn(row, &ends)?);
        Ok(())
    })?;
    build(&places, taken, &restrictions, report)
}

fn turn(row: &Row<'_>, ends: &Ends) -> Result<Turn, ImportError> {
    let rule = match row.text("rule") {
        "no" => TurnRule::Forbidden,
        "only" => TurnRule::Only,
        other => return Err(row.problem(format!("rule {other:?} is neither no nor only"))),
    };
    let via: i64 = row.number("via_node")?;
    let at_via = |column: &str| {
        let id: i64 = row.number(column)?;
        match ends.get(&id) {
            Some(ends) if ends.contains(&via) => Ok(id),
            Some(_) => Err(row.problem(format!("{column} {id} does not touch via_node {via}"))),
            None => Err(row.problem(format!("{column} {id} is not among the links"))),
        }
    };
    Ok(Turn { from: at_via("from_link")?, via, to: at_via("to_link")?, rule })
}

fn link(
    row: &Row<'_>,
    source: i64,
    places: &BTreeMap<i64, Coordinate>,
    reasons: &BTreeMap<i64, (NoStop, u64)>,
) -> Result<Option<Link>, ImportError> {
    let (from, to) = (row.number::<i64>("a_node")?, row.number::<i64>("b_node")?);
    let place = |column: &str, node: i64| {
        places.get(&node).copied().ok_or_else(|| row.problem(format!("{column} {node} is not among the nodes")))
    };
    let (begin, end) = (place("a_node", from)?, place("b_node", to)?);
    let direction = match row.text("direction") {
        "0" => Direction::Both,
        "1" => Direction::Forward,
        "-1" => Direction::Backward,
        other => return Err(row.problem(format!("direction {other:?} is none of 0, 1, -1"))),
    };
    let Some(class) = RoadClass::parse(row.text("link_type")) else { return Ok(None) };
    if matches!(row.text("access"), "no" | "private") {
        return Ok(None);
    }
    let no_stop = match row.text("no_stop") {
        "" => reasons.get(&source).map(|(reason, _)| *reason),
        _ => Some(reason(row, "no_stop")?),
    };
    let default_mps = class.default_speed_mps();
    Ok(Some(Link {
        source,
        from,
        to,
        direction,
        forward_mps: speed_mps(row, "speed_ab")?.unwrap_or(default_mps),
        backward_mps: speed_mps(row, "speed_ba")?.unwrap_or(default_mps),
        delays_s: [0.0; 2],
        class,
        lanes: [lanes(row, "lanes_ab")?, lanes(row, "lanes_ba")?],
        limits: SizeLimits {
            max_mass_kg: size(row, "max_mass_kg")?,
            max_width_m: size(row, "max_width_m")?,
            max_height_m: size(row, "max_height_m")?,
        },
        no_stop,
        name: Some(row.text("name")).filter(|name| !name.is_empty()).map(Into::into),
        points: shape(row, begin, end)?,
    }))
}

/// A number if there is one, which must lie above zero and not above `most`.
fn amount(row: &Row<'_>, column: &str, most: f64) -> Result<Option<f64>, ImportError> {
    if row.text(column).is_empty() {
        return Ok(None);
    }
    let value: f64 = row.number(column)?;
    let problem = || row.problem(format!("{column} {value} is not above 0 and at most {most}"));
    if value > 0.0 && value <= most { Ok(Some(value)) } else { Err(problem()) }
}

fn speed_mps(row: &Row<'_>, column: &str) -> Result<Option<f64>, ImportError> {
    Ok(amount(row, column, SPEED_KMH_MAX)?.map(|kmh| kmh / 3.6))
}

/// Half lanes are what a lane for both directions counts in each: a vehicle has all of it.
fn lanes(row: &Row<'_>, column: &str) -> Result<u8, ImportError> {
    Ok(amount(row, column, f64::from(u8::MAX))?.map_or(0, |lanes| lanes.ceil() as u8))
}

fn size(row: &Row<'_>, column: &str) -> Result<Option<f64>, ImportError> {
    amount(row, column, 1e6)
}

fn reason(row: &Row<'_>, column: &str) -> Result<NoStop, ImportError> {
    let text = row.text(column);
    NoStop::parse(text).ok_or_else(|| {
        let known: Vec<&str> = NoStop::ALL.iter().map(|reason| reason.as_str()).collect();
        row.problem(format!("{column} {text:?} is none of {}", known.join(", ")))
    })
}

/// The shape of a link, from node to node.
fn shape(row: &Row<'_>, begin: Coordinate, end: Coordinate) -> Result<Vec<Coordinate>, ImportError> {
    let column = if row.text("geometry").is_empty() { "geometry_lonlat" } else { "geometry" };
    let text = row.text(column);
    if text.is_empty() {
        return Ok(vec![begin, end]);
    }
    let point = |pair: &str| {
        let (lon, lat) = pair.trim().split_once(' ')?;
        Coordinate::new(lat.trim().parse().ok()?, lon.trim().parse().ok()?).ok()
    };
    let mut points = text
        .split(';')
        .map(|pair| point(pair).ok_or_else(|| row.problem(format!("{column}: {pair:?} is not lon lat"))))
        .collect::<Result<Vec<_>, _>>()?;
    let [first, .., last] = points.as_mut_slice() else {
        return Err(row.problem(format!("{column} has one point only")));
    };
    if first.distance_m(begin) > SHAPE_GAP_M || last.distance_m(end) > SHAPE_GAP_M {
        return Err(row.problem(format!("{column} does not lead from a_node to b_node")));
    }
    // The shape begins and ends at the nodes, whatever its own last digits say.
    (*first, *last) = (begin, end);
    Ok(points)
}

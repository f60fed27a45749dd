//! Nodes and links as CSV with a heading. Columns are found by name; those that are not known are passed over.
//!
//! nodes: `node_id`, `lon`, `lat`. links: `link_id`, `a_node`, `b_node`, `direction` (0 both, 1 from a to b, -1 from b
//! to a), `link_type` (a class of OpenStreetMap's `highway`), optional `speed_ab`, `speed_ba` (km/h), `geometry_lonlat`
//! (`lon lat;lon lat…`), `access` (`no`, `private`), `no_stop`. turns: `from_link`, `via_node`, `to_link`, `rule`
//! (`no`, `only`). no_stop: `link_id`, `reason`.

use std::collections::BTreeMap;
use std::str::FromStr;

use csv::{Reader, StringRecord};
use kernel::Coordinate;

use super::{Direction, ImportError, ImportReport, Link, Turn, TurnRule, build, default_speed_mps};
use crate::graph::{NoStop, RoadGraph};

/// The highest speed that is believed, in km/h.
const SPEED_KMH_MAX: f64 = 150.0;

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
    let mut places = BTreeMap::new();
    rows("nodes", nodes, &["node_id", "lon", "lat"], |row| {
        let (lat, lon) = (row.number("lat")?, row.number("lon")?);
        let place = Coordinate::new(lat, lon).map_err(|error| row.problem(error.to_string()))?;
        places.insert(row.number("node_id")?, place);
        Ok(())
    })?;
    let mut reasons = BTreeMap::new();
    rows("no_stop", no_stop.unwrap_or_default(), &["link_id", "reason"], |row| {
        reasons.insert(row.number::<i64>("link_id")?, row.reason("reason")?);
        Ok(())
    })?;
    let mut report = ImportReport::default();
    let mut taken = Vec::new();
    rows("links", links, &["link_id", "a_node", "b_node", "direction", "link_type"], |row| {
        match link(row, &places, &reasons)? {
            Some(link) => taken.push(link),
            None => report.skipped_links += 1,
        }
        Ok(())
    })?;
    let mut restrictions = Vec::new();
    rows("turns", turns.unwrap_or_default(), &["from_link", "via_node", "to_link", "rule"], |row| {
        let rule = match row.text("rule") {
            "no" => TurnRule::Forbidden,
            "only" => TurnRule::Only,
            other => return Err(row.problem(format!("rule {other:?} is neither no nor only"))),
        };
        let (from, via, to) = (row.number("from_link")?, row.number("via_node")?, row.number("to_link")?);
        restrictions.push(Turn { from, via, to, rule });
        Ok(())
    })?;
    build(&places, taken, &restrictions, report)
}

fn link(
    row: &Row<'_>,
    places: &BTreeMap<i64, Coordinate>,
    reasons: &BTreeMap<i64, NoStop>,
) -> Result<Option<Link>, ImportError> {
    let source = row.number::<i64>("link_id")?;
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
    let Some(default_mps) = default_speed_mps(row.text("link_type")) else { return Ok(None) };
    if matches!(row.text("access"), "no" | "private") {
        return Ok(None);
    }
    let no_stop = match row.text("no_stop") {
        "" => reasons.get(&source).copied(),
        _ => Some(row.reason("no_stop")?),
    };
    let (forward_mps, backward_mps) = (row.speed("speed_ab", default_mps)?, row.speed("speed_ba", default_mps)?);
    let points = row.shape("geometry_lonlat", begin, end)?;
    Ok(Some(Link { source, from, to, direction, forward_mps, backward_mps, no_stop, points }))
}

/// One row, with the places of its table's columns.
struct Row<'a> {
    table: &'static str,
    line: u64,
    columns: &'a BTreeMap<String, usize>,
    record: &'a StringRecord,
}

impl Row<'_> {
    fn text(&self, column: &str) -> &str {
        self.columns.get(column).and_then(|&place| self.record.get(place)).unwrap_or_default().trim()
    }

    fn problem(&self, problem: String) -> ImportError {
        ImportError::Row { table: self.table, line: self.line, problem }
    }

    fn number<T: FromStr>(&self, column: &str) -> Result<T, ImportError> {
        let text = self.text(column);
        text.parse().map_err(|_| self.problem(format!("{column} {text:?} is not a number")))
    }

    fn speed(&self, column: &str, default_mps: f64) -> Result<f64, ImportError> {
        if self.text(column).is_empty() {
            return Ok(default_mps);
        }
        let kmh: f64 = self.number(column)?;
        if kmh > 0.0 && kmh <= SPEED_KMH_MAX {
            Ok(kmh / 3.6)
        } else {
            Err(self.problem(format!("{column} {kmh} is not a speed from 1 to {SPEED_KMH_MAX} km/h")))
        }
    }

    fn reason(&self, column: &str) -> Result<NoStop, ImportError> {
        let text = self.text(column);
        NoStop::parse(text).ok_or_else(|| {
            let known: Vec<&str> = NoStop::ALL.iter().map(|reason| reason.as_str()).collect();
            self.problem(format!("{column} {text:?} is none of {}", known.join(", ")))
        })
    }

    fn shape(&self, column: &str, begin: Coordinate, end: Coordinate) -> Result<Vec<Coordinate>, ImportError> {
        let text = self.text(column);
        if text.is_empty() {
            return Ok(vec![begin, end]);
        }
        let point = |pair: &str| {
            let (lon, lat) = pair.trim().split_once(' ')?;
            Coordinate::new(lat.trim().parse().ok()?, lon.trim().parse().ok()?).ok()
        };
        let mut points = text
            .split(';')
            .map(|pair| point(pair).ok_or_else(|| self.problem(format!("{column}: {pair:?} is not lon lat"))))
            .collect::<Result<Vec<_>, _>>()?;
        // The shape begins and ends at the nodes, whatever its own last digits say.
        if let Some(first) = points.first_mut() {
            *first = begin;
        }
        match points.last_mut() {
            Some(last) if text.contains(';') => *last = end,
            _ => points.push(end),
        }
        Ok(points)
    }
}

fn rows(
    table: &'static str,
    text: &str,
    required: &[&'static str],
    mut each: impl FnMut(&Row<'_>) -> Result<(), ImportError>,
) -> Result<(), ImportError> {
    if text.is_empty() {
        return Ok(());
    }
    let unreadable = |error: csv::Error| {
        let line = error.position().map_or(1, csv::Position::line);
        ImportError::Row {
            table,
            line,
            problem: "the row cannot be read: columns are missing or a quote is open".into(),
        }
    };
    let mut reader = Reader::from_reader(text.as_bytes());
    let headings = reader.headers().map_err(unreadable)?;
    let columns: BTreeMap<String, usize> =
        headings.iter().enumerate().map(|(place, name)| (name.trim().to_owned(), place)).collect();
    if let Some(column) = required.iter().find(|column| !columns.contains_key(**column)) {
        return Err(ImportError::Column { table, column });
    }
    for record in reader.records() {
        let record = record.map_err(unreadable)?;
        let line = record.position().map_or(0, csv::Position::line);
        each(&Row { table, line, columns: &columns, record: &record })?;
    }
    Ok(())
}

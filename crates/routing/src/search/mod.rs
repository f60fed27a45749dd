//! Routes: the quickest way between two places under constraints, with the shape and speeds that a vehicle drives and
//! the constraints that made a difference.

mod astar;
mod durations;
mod explain;

use kernel::Coordinate;

use crate::constraints::{Constraints, Resolved};
use crate::graph::{EdgeId, NoStop, RoadGraph};
use crate::snap::{Place, SNAP_LIMIT_M};

/// Energy per metre in watt-hours: a light electric vehicle in a city. An estimate to compare routes by.
const ENERGY_WH_PER_M: f64 = 0.18;

/// The most pairs of one matrix: a thousand trips with a thousand vehicles each; its answer takes 16 MB.
pub const MATRIX_CELLS_MAX: usize = 1_000_000;

/// A question.
#[derive(Debug, Clone, PartialEq)]
pub struct RouteRequest {
    pub from: Coordinate,
    pub to: Coordinate,
    pub constraints: Constraints,
}

/// A part of a route on one edge.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    pub edge: EdgeId,
    /// The place of its first point in the route's points.
    pub first_point: usize,
    /// The place of its last point in the route's points.
    pub last_point: usize,
    /// Its length in metres.
    pub length_m: f64,
    /// The speed to drive, in metres per second.
    pub speed_mps: f64,
    /// Whether a vehicle must not stop there.
    pub no_stop: Option<NoStop>,
}

/// An answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    pub points: Vec<Coordinate>,
    /// The parts, in order; together they cover the shape.
    pub steps: Vec<Step>,
    /// The length in metres.
    pub distance_m: f64,
    /// The time in milliseconds at the speeds of the steps, with what each turn takes ([`RoadGraph::turn_s`]). Traffic,
    /// speeding up and slowing down are not in it.
    pub duration_ms: u64,
    /// The energy in watt-hours, an estimate.
    pub energy_wh: f64,
    /// The constraints without which the route would be another or quicker, by their ids.
    pub binding: Vec<String>,
}

/// Why there is no route.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RouteError {
    /// A place is too far from any road.
    #[error("no road within {limit_m:.0} m of {lat:.6}, {lon:.6}")]
    OffMap {
        /// Latitude of the place, in degrees.
        lat: f64,
        /// Longitude of the place, in degrees.
        lon: f64,
        /// The limit in metres.
        limit_m: f64,
    },
    /// There is no way under the constraints.
    #[error("{}", unroutable(cut_by))]
    Unroutable {
        /// The constraints that cut the way, by their ids; none if there is no way at all.
        cut_by: Vec<String>,
    },
    /// More than is taken at once.
    #[error("more than {limit} {what}")]
    TooMany { what: &'static str, limit: usize },
    /// A limit on the speed that is not above zero.
    #[error("a speed of {speed_mps} m/s is no limit: say a number above 0, or close the road")]
    Speed {
        /// The limit as it was given, in metres per second.
        speed_mps: f64,
    },
    /// The constraints name edges of another graph.
    #[error("the constraints were resolved for another map: resolve them for this one")]
    OtherMap,
}

fn unroutable(cut_by: &[String]) -> String {
    match cut_by {
        [] => "no road leads from the one place to the other".into(),
        ids => format!("every way is cut by {}", ids.join(", ")),
    }
}

impl RoadGraph {
    /// The quickest route.
    ///
    /// # Errors
    /// When a place is off the map, no way is open (the error names what cut it), or the constraints cannot be resolved.
    pub fn route(&self, request: &RouteRequest) -> Result<Route, RouteError> {
        self.route_under(request.from, request.to, &self.resolve(&request.constraints)?)
    }

    /// The quickest route under constraints that were resolved before.
    ///
    /// # Errors
    /// As [`RoadGraph::route`], and when the constraints were resolved for another graph.
    pub fn route_under(&self, from: Coordinate, to: Coordinate, rules: &Resolved) -> Result<Route, RouteError> {
        self.same_map(rules)?;
        let place = |place| self.place_under(place, SNAP_LIMIT_M, rules);
        let (from, to) = (place(from)?, place(to)?);
        let Some(way) = astar::quickest(self, rules, &from, &to) else {
            return Err(RouteError::Unroutable { cut_by: explain::cut_by(self, rules, &from, &to) });
        };
        let mut route = self.along(&way, rules);
        if !rules.is_empty() {
            route.binding = explain::binding(self, rules, &from, &to, &way);
        }
        Ok(route)
    }

    /// Milliseconds from each of many places to one, as [`RoadGraph::route`] would take. `None` for a place that is off
    /// the map, from which no way is open, or that needs longer than `limit_ms`.
    ///
    /// # Errors
    /// When the one place is off the map or the constraints cannot be resolved.
    pub fn durations_to(
        &self,
        to: Coordinate,
        from: &[Coordinate],
        constraints: &Constraints,
        limit_ms: u64,
    ) -> Result<Vec<Option<u64>>, RouteError> {
        let rules = self.resolve(constraints)?;
        let place = |place| self.place_under(place, SNAP_LIMIT_M, &rules);
        let target = place(to)?;
        let from: Vec<Option<Place>> = from.iter().map(|&from| place(from).ok()).collect();
        Ok(durations::to(self, &rules, &target, &from, limit_ms))
    }

    /// Milliseconds from each of many places (rows) to each of many others (columns), as [`RoadGraph::route_under`] would
    /// take; `None` as in [`RoadGraph::durations_to`]. One search for each row or for each column, whichever are fewer.
    ///
    /// # Errors
    /// When there are more than [`MATRIX_CELLS_MAX`] pairs, or the constraints were resolved for another graph.
    pub fn matrix(
        &self,
        from: &[Coordinate],
        to: &[Coordinate],
        rules: &Resolved,
        limit_ms: u64,
    ) -> Result<Vec<Vec<Option<u64>>>, RouteError> {
        self.same_map(rules)?;
        if from.len().saturating_mul(to.len()) > MATRIX_CELLS_MAX {
            return Err(RouteError::TooMany { what: "pairs of places", limit: MATRIX_CELLS_MAX });
        }
        let place = |place| self.place_under(place, SNAP_LIMIT_M, rules).ok();
        let from: Vec<Option<Place>> = from.iter().map(|&from| place(from)).collect();
        let to: Vec<Option<Place>> = to.iter().map(|&to| place(to)).collect();
        if from.len() < to.len() {
            let row = |start: Option<Place>| match start {
                Some(start) => durations::from(self, rules, &start, &to, limit_ms),
                None => vec![None; to.len()],
            };
            return Ok(from.into_iter().map(row).collect());
        }
        let mut rows = vec![vec![None; to.len()]; from.len()];
        for (column, target) in to.iter().enumerate() {
            let Some(target) = target else { continue };
            let durations = durations::to(self, rules, target, &from, limit_ms);
            rows.iter_mut().zip(durations).for_each(|(row, duration)| row[column] = duration);
        }
        Ok(rows)
    }

    fn same_map(&self, rules: &Resolved) -> Result<(), RouteError> {
        if rules.digest() == self.digest_text() { Ok(()) } else { Err(RouteError::OtherMap) }
    }

    fn along(&self, way: &Way, rules: &Resolved) -> Route {
        let mut route = Route {
            points: Vec::new(),
            steps: Vec::with_capacity(way.edges.len()),
            distance_m: 0.0,
            duration_ms: to_ms(way.seconds),
            energy_wh: 0.0,
            binding: Vec::new(),
        };
        let last = way.edges.len().saturating_sub(1);
        for (place, &id) in way.edges.iter().enumerate() {
            let edge = self.edge(id);
            let begin = if place == 0 { way.first_fraction } else { 0.0 };
            let end = if place == last { way.last_fraction } else { 1.0 };
            let length_m = edge.length_m * (end - begin);
            let first_point = route.points.len().saturating_sub(1);
            append(&mut route.points, &edge.points, begin, end);
            let speed_mps = rules.speed_mps(self, id);
            route.steps.push(Step {
                edge: id,
                first_point,
                last_point: route.points.len() - 1,
                length_m,
                speed_mps,
                no_stop: edge.no_stop,
            });
            route.distance_m += length_m;
        }
        route.energy_wh = route.distance_m * ENERGY_WH_PER_M;
        route
    }
}

/// Appends the shape of a part of an edge; a point that is there already is not repeated.
fn append(points: &mut Vec<Coordinate>, shape: &[Coordinate], begin: f64, end: f64) {
    let whole: f64 = shape.windows(2).map(|ends| ends[0].distance_m(ends[1])).sum();
    let (begin_m, end_m) = (whole * begin, whole * end);
    let mut push = |point: Coordinate| {
        if points.last() != Some(&point) {
            points.push(point);
        }
    };
    let mut at = 0.0;
    for ends in shape.windows(2) {
        let length = ends[0].distance_m(ends[1]);
        let on = |metres: f64| ends[0].towards(ends[1], if length > 0.0 { (metres - at) / length } else { 0.0 });
        if at + length >= begin_m && at <= end_m {
            push(if at < begin_m { on(begin_m) } else { ends[0] });
            push(if at + length > end_m { on(end_m) } else { ends[1] });
        }
        at += length;
    }
    if points.is_empty() {
        points.extend(shape.first());
    }
}

/// A way as the search finds it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Way {
    pub edges: Vec<EdgeId>,
    pub first_fraction: f64,
    pub last_fraction: f64,
    pub seconds: f64,
}

pub(crate) fn to_ms(seconds: f64) -> u64 {
    (seconds * 1_000.0).round() as u64
}

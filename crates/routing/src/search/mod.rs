//! Routes: the quickest way between two places under constraints, with the shape and speeds that a vehicle drives and
//! the constraints that made a difference.

mod astar;
mod durations;
mod explain;

use kernel::Coordinate;

use crate::area::Constraints;
use crate::graph::{EdgeId, NoStop, RoadGraph};
use crate::snap::{SNAP_LIMIT_M, Snap};

/// What a turn back on the road costs, in seconds: a vehicle does it where there is no better way.
const TURN_BACK_S: f64 = 30.0;

/// Energy per metre in watt-hours: a light electric vehicle in a city. An estimate to compare routes by.
const ENERGY_WH_PER_M: f64 = 0.18;

/// A question.
#[derive(Debug, Clone, PartialEq)]
pub struct RouteRequest {
    /// From where.
    pub from: Coordinate,
    /// To where.
    pub to: Coordinate,
    /// Under which constraints.
    pub constraints: Constraints,
}

/// A part of a route on one edge.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// The edge.
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
    /// The shape.
    pub points: Vec<Coordinate>,
    /// The parts, in order; together they cover the shape.
    pub steps: Vec<Step>,
    /// The length in metres.
    pub distance_m: f64,
    /// The time in milliseconds at the speeds of the steps.
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
    /// When a place is off the map, or no way is open; the error names what cut it.
    pub fn route(&self, request: &RouteRequest) -> Result<Route, RouteError> {
        let from = self.snap(request.from, SNAP_LIMIT_M)?;
        let to = self.snap(request.to, SNAP_LIMIT_M)?;
        let rules = Rules::new(self, &request.constraints);
        let Some(way) = astar::quickest(self, &rules, from, to) else {
            return Err(RouteError::Unroutable { cut_by: explain::cut_by(self, &request.constraints, from, to) });
        };
        let mut route = self.along(&way, &rules);
        if !request.constraints.is_empty() {
            route.binding = explain::binding(self, &request.constraints, from, to, &way);
        }
        Ok(route)
    }

    /// Milliseconds from each of many places to one, without regard to turns: good for comparing vehicles. `None` for a
    /// place that is off the map or needs longer than `limit_ms`.
    ///
    /// # Errors
    /// When the one place is off the map.
    pub fn durations_to(
        &self,
        to: Coordinate,
        from: &[Coordinate],
        constraints: &Constraints,
        limit_ms: u64,
    ) -> Result<Vec<Option<u64>>, RouteError> {
        let target = self.snap(to, SNAP_LIMIT_M)?;
        let rules = Rules::new(self, constraints);
        Ok(durations::to(self, &rules, target, from, limit_ms))
    }

    fn along(&self, way: &Way, rules: &Rules) -> Route {
        let mut route = Route {
            points: Vec::new(),
            steps: Vec::with_capacity(way.edges.len()),
            distance_m: 0.0,
            duration_ms: 0,
            energy_wh: 0.0,
            binding: Vec::new(),
        };
        let mut seconds = 0.0;
        let last = way.edges.len().saturating_sub(1);
        for (place, &id) in way.edges.iter().enumerate() {
            let edge = self.edge(id);
            let begin = if place == 0 { way.first_fraction } else { 0.0 };
            let end = if place == last { way.last_fraction } else { 1.0 };
            let length_m = edge.length_m * (end - begin);
            let first_point = route.points.len().saturating_sub(1);
            append(&mut route.points, &edge.points, begin, end);
            let speed_mps = edge.speed_mps.min(rules.cap(id));
            route.steps.push(Step {
                edge: id,
                first_point,
                last_point: route.points.len() - 1,
                length_m,
                speed_mps,
                no_stop: edge.no_stop,
            });
            route.distance_m += length_m;
            seconds += length_m / speed_mps;
        }
        route.duration_ms = (seconds * 1_000.0).round() as u64;
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

/// Constraints resolved to edges.
pub(crate) struct Rules {
    blocked: std::collections::BTreeSet<EdgeId>,
    caps: std::collections::BTreeMap<EdgeId, f64>,
    max_speed_mps: f64,
}

impl Rules {
    pub fn new(graph: &RoadGraph, constraints: &Constraints) -> Self {
        let areas = constraints.avoided.iter().chain(&constraints.closures);
        let blocked = areas.flat_map(|area| graph.edges_in(area)).collect();
        let mut caps = std::collections::BTreeMap::new();
        for cap in &constraints.speed_caps {
            for edge in graph.edges_in(&cap.area) {
                let lowest: &mut f64 = caps.entry(edge).or_insert(f64::INFINITY);
                *lowest = lowest.min(cap.max_speed_mps);
            }
        }
        let limit = constraints.max_speed_mps.unwrap_or(f64::INFINITY);
        Self { blocked, caps, max_speed_mps: limit }
    }

    pub fn open(&self, edge: EdgeId) -> bool {
        !self.blocked.contains(&edge)
    }

    pub fn cap(&self, edge: EdgeId) -> f64 {
        self.caps.get(&edge).copied().unwrap_or(f64::INFINITY).min(self.max_speed_mps)
    }

    pub fn seconds(&self, graph: &RoadGraph, edge: EdgeId) -> f64 {
        graph.edge(edge).seconds(self.cap(edge))
    }

    /// The highest speed that anything can have under these rules.
    pub fn fastest_mps(&self, graph: &RoadGraph) -> f64 {
        graph.fastest_mps().min(self.max_speed_mps)
    }
}

/// A point on a road may be driven from, or to, in both directions of it.
pub(crate) fn both_directions(graph: &RoadGraph, snap: Snap) -> Vec<(EdgeId, f64)> {
    let twin = graph.twin(snap.edge).map(|twin| (twin, 1.0 - snap.fraction));
    std::iter::once((snap.edge, snap.fraction)).chain(twin).collect()
}

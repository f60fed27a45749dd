//! A route as a vehicle may follow it: a line, what holds along it, and how far it is released. Reading one proves
//! that the line is continuous and as long as its steps say, so that "12 m along the route" has one meaning.

use kernel::{Coordinate, RouteId};

use crate::check::{self, Checked, bad, required};
use crate::v1;

/// Points of one leg; with [`MESSAGE_BYTES_MAX`](crate::MESSAGE_BYTES_MAX) the tighter of the two limits decides.
const LEG_POINTS_MAX: usize = 50_000;
/// The line and the sum of the steps may differ by so much (projection, rounding): a part and a constant in metres.
const LENGTH_TOLERANCE: f64 = 0.02;
const LENGTH_TOLERANCE_M: f64 = 20.0;
/// The gap between the end of the approach and the start of the trip leg that is still continuous, in metres.
const JOINT_M_MAX: f64 = 30.0;

/// What holds on a stretch of the line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// Its length in metres.
    pub length_m: f64,
    /// The speed planned there, in metres per second; more than zero.
    pub speed_mps: f64,
    /// Only a stop NOW may end here (SAFE-5).
    pub no_stop: bool,
}

/// A line with its steps. Empty means that the vehicle is there already.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Leg {
    /// At least two points, or none.
    pub points: Vec<Coordinate>,
    /// At least one, or none.
    pub steps: Vec<Step>,
}

impl Leg {
    /// Length in metres, by its steps.
    pub fn length_m(&self) -> f64 {
        self.steps.iter().map(|step| step.length_m).sum()
    }

    /// Length of the line itself in metres.
    pub fn line_m(&self) -> f64 {
        self.points.windows(2).map(|pair| pair[0].distance_m(pair[1])).sum()
    }
}

/// An immutable version of a route.
#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    /// Its id.
    pub id: RouteId,
    /// Its version.
    pub version: u64,
    /// SHA-256 of the map it was found on, in hexadecimal.
    pub map_digest: String,
    /// SHA-256 of the policy bundle behind its constraints, in hexadecimal, or empty.
    pub policy_digest: String,
    /// To the pickup; may be empty.
    pub approach: Leg,
    /// From the pickup to the drop-off; may be empty for a trip that ends where it begins.
    pub trip: Leg,
    /// How far the vehicle may drive along both, in metres.
    pub released_to_m: f64,
    /// Stops between the pickup and the drop-off, in metres along both, ascending.
    pub stops_m: Vec<f64>,
}

impl Route {
    /// Length of both legs in metres.
    pub fn length_m(&self) -> f64 {
        self.approach.length_m() + self.trip.length_m()
    }

    /// Where the route begins, if it has a line at all.
    pub fn start(&self) -> Option<Coordinate> {
        self.approach.points.first().or_else(|| self.trip.points.first()).copied()
    }
}

pub(crate) fn route(m: v1::Route, field: &str) -> Checked<Route> {
    let approach = leg(m.approach.unwrap_or_default(), &format!("{field}.approach"))?;
    let trip = leg(m.trip.unwrap_or_default(), &format!("{field}.trip"))?;
    if let (Some(end), Some(start)) = (approach.points.last(), trip.points.first())
        && end.distance_m(*start) > JOINT_M_MAX
    {
        return bad(format!("{field}.trip"), "expected to begin where the approach ends");
    }
    let map_digest = check::digest(m.map_digest, &format!("{field}.map_digest"))?;
    if map_digest.is_empty() {
        return bad(format!("{field}.map_digest"), "is missing");
    }
    Ok(Route {
        id: check::id(&m.route_id, &format!("{field}.route_id"))?,
        version: m.version,
        map_digest,
        policy_digest: check::digest(m.policy_digest, &format!("{field}.policy_digest"))?,
        approach,
        trip,
        released_to_m: check::distance(m.released_to_m, &format!("{field}.released_to_m"))?,
        stops_m: stops(m.stops_m, &format!("{field}.stops_m"))?,
    })
}

fn stops(stops_m: Vec<f64>, field: &str) -> Checked<Vec<f64>> {
    let stops_m = check::list(stops_m, field)?;
    let stops_m = stops_m.into_iter().map(|stop_m| check::distance(stop_m, field)).collect::<Checked<Vec<_>>>()?;
    if stops_m.is_sorted() { Ok(stops_m) } else { bad(field, "expected ascending metres") }
}

pub(crate) fn required_route(m: Option<v1::Route>, field: &str) -> Checked<Route> {
    route(required(m, field)?, field)
}

fn leg(m: v1::Leg, field: &str) -> Checked<Leg> {
    if m.points.len() > LEG_POINTS_MAX || m.steps.len() > LEG_POINTS_MAX {
        return bad(field, "expected at most 50000 points and steps");
    }
    if m.points.is_empty() && m.steps.is_empty() {
        return Ok(Leg::default());
    }
    if m.points.len() < 2 || m.steps.is_empty() {
        return bad(field, "expected at least two points and one step, or neither");
    }
    let at = |p: v1::Point| check::coordinate(p.lat, p.lon, &format!("{field}.points"));
    let points = m.points.into_iter().map(at).collect::<Checked<Vec<_>>>()?;
    let steps = m.steps.into_iter().map(|s| step(s, field)).collect::<Checked<Vec<_>>>()?;
    let leg = Leg { points, steps };
    let (line_m, length_m) = (leg.line_m(), leg.length_m());
    if (line_m - length_m).abs() > LENGTH_TOLERANCE_M.max(LENGTH_TOLERANCE * line_m) {
        return bad(format!("{field}.steps"), "expected lengths that add up to the line's length");
    }
    Ok(leg)
}

fn step(m: v1::Step, field: &str) -> Checked<Step> {
    Ok(Step {
        length_m: check::distance(m.length_m, &format!("{field}.steps.length_m"))?,
        speed_mps: check::driving_speed(m.speed_mps, &format!("{field}.steps.speed_mps"))?,
        no_stop: m.no_stop,
    })
}

impl From<&Leg> for v1::Leg {
    fn from(leg: &Leg) -> Self {
        Self {
            points: leg.points.iter().map(|p| v1::Point { lat: p.lat(), lon: p.lon() }).collect(),
            steps: leg
                .steps
                .iter()
                .map(|s| v1::Step { length_m: s.length_m, speed_mps: s.speed_mps, no_stop: s.no_stop })
                .collect(),
        }
    }
}

impl From<&Route> for v1::Route {
    fn from(route: &Route) -> Self {
        Self {
            route_id: route.id.to_string(),
            version: route.version,
            map_digest: route.map_digest.clone(),
            policy_digest: route.policy_digest.clone(),
            approach: Some((&route.approach).into()),
            trip: Some((&route.trip).into()),
            released_to_m: route.released_to_m,
            stops_m: route.stops_m.clone(),
        }
    }
}

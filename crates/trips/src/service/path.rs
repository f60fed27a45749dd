//! The whole path of a vehicle on a trip as one line: the version of its route that it began with, then each that took its
//! place, from where it begins. Every place on it is named by its metres from the start, as the vehicle itself does.

use kernel::{Coordinate, RouteId, TenantId};
use store::CommandError;

use super::{Leg, RouteVersion, Trips};
use crate::ports::{PlannedSpeed, RouteStep};

/// The most versions of one path that are looked back on: a trip of a day that is led another route every few minutes.
const VERSIONS_MAX: usize = 200;
/// Two places on the line closer than this are the same, in metres.
const SAME_M: f64 = 0.01;
/// How far the end of a step may be off along the line, in metres: steps are measured on the road, the line on the map.
const STEP_END_M: f64 = 5.0;
/// A place is nearer than another by at least this, in metres.
const NEARER_M: f64 = 0.2;

/// A line with the rules along it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct VehiclePath {
    points: Vec<(f64, Coordinate)>,
    /// Where each step ends, and the step.
    steps: Vec<(f64, RouteStep)>,
    /// Where the trip's stops are, from its first on.
    stops: Vec<f64>,
    length_m: f64,
    leads_to: Option<Coordinate>,
}

impl VehiclePath {
    /// The path by versions, the first one first.
    pub fn of<'a>(versions: impl IntoIterator<Item = &'a RouteVersion>) -> Self {
        let mut path = Self::default();
        for version in versions {
            path.truncated(version.begins_at_m);
            let from_m = path.length_m;
            path.append(&version.approach);
            path.append(&version.trip_leg);
            path.leads_to = version.leads_to;
            path.stops.extend(version.stops_m().into_iter().map(|stop_m| from_m + stop_m));
        }
        path
    }

    fn truncated(&mut self, at_m: f64) {
        if at_m >= self.length_m {
            return;
        }
        let end = self.at(at_m);
        self.points.retain(|(m, _)| *m < at_m);
        self.points.extend(end.map(|end| (at_m, end)));
        let last = self.steps.partition_point(|(end_m, _)| *end_m < at_m);
        self.steps.truncate(last + 1);
        if let Some((end_m, step)) = self.steps.last_mut() {
            step.length_m -= *end_m - at_m;
            *end_m = at_m;
        }
        self.stops.retain(|stop_m| *stop_m <= at_m);
        self.length_m = at_m;
    }

    /// The steps' lengths are the measure; the line is stretched to it (they differ by the projection only).
    fn append(&mut self, leg: &Leg) {
        let line_m: f64 = leg.points.windows(2).map(|pair| pair[0].distance_m(pair[1])).sum();
        let stretch = leg.length_m() / line_m.max(SAME_M);
        let mut along_m = self.length_m;
        for (n, point) in leg.points.iter().enumerate() {
            if n > 0 {
                along_m += leg.points[n - 1].distance_m(*point) * stretch;
            }
            self.points.push((along_m, *point));
        }
        for step in &leg.steps {
            self.length_m += step.length_m;
            self.steps.push((self.length_m, *step));
        }
    }

    pub fn length_m(&self) -> f64 {
        self.length_m
    }

    /// The destination that it was found for; `None` where it was written before versions said so.
    pub fn leads_to(&self) -> Option<Coordinate> {
        self.leads_to
    }

    /// How many of the trip's stops lie no farther than this.
    pub fn stops_until(&self, at_m: f64) -> usize {
        self.stops.iter().filter(|stop_m| **stop_m <= at_m).count()
    }

    /// The place at so many metres.
    pub fn at(&self, at_m: f64) -> Option<Coordinate> {
        let after = self.points.partition_point(|(m, _)| *m <= at_m);
        let (Some((from_m, from)), Some((to_m, to))) = (self.points.get(after.wrapping_sub(1)), self.points.get(after))
        else {
            return if after == 0 { self.points.first() } else { self.points.last() }.map(|(_, point)| *point);
        };
        let span_m = to_m - from_m;
        Some(from.towards(*to, if span_m > 0.0 { (at_m - from_m) / span_m } else { 1.0 }))
    }

    /// How far along it the place nearest to this one is, from `from_m` on; of places that are as near, the first.
    pub fn nearest(&self, place: Coordinate, from_m: f64) -> f64 {
        let off_m = |at_m: f64| self.at(at_m).map_or(f64::INFINITY, |at| at.distance_m(place));
        let mut best = (from_m, off_m(from_m));
        for pair in self.points.windows(2) {
            let ((a_m, a), (b_m, b)) = (pair[0], pair[1]);
            let at_m = (a_m + (b_m - a_m) * place.foot_on(a, b)).max(from_m);
            if b_m >= from_m && off_m(at_m) < best.1 - NEARER_M {
                best = (at_m, off_m(at_m));
            }
        }
        best.0
    }

    /// The line between two places on it.
    pub fn line(&self, from_m: f64, to_m: f64) -> Vec<Coordinate> {
        let between = self.points.iter().filter(|(m, _)| from_m < *m && *m < to_m).map(|(_, point)| *point);
        self.at(from_m).into_iter().chain(between).chain(self.at(to_m)).collect()
    }

    pub fn points(&self) -> impl Iterator<Item = Coordinate> + '_ {
        self.points.iter().map(|(_, point)| *point)
    }

    /// Its steps, each with where it begins and ends.
    pub fn steps(&self) -> impl Iterator<Item = (f64, f64, &RouteStep)> + '_ {
        let begins = std::iter::once(0.0).chain(self.steps.iter().map(|(end_m, _)| *end_m));
        begins.zip(&self.steps).map(|(begin_m, (end_m, step))| (begin_m, *end_m, step))
    }

    /// What is planned between two places on it, in pieces of one speed each, without their ends.
    pub fn planned_speeds(&self, from_m: f64, to_m: f64) -> Vec<PlannedSpeed> {
        let piece = |(begin_m, end_m, step): (f64, f64, &RouteStep)| {
            let (begin_m, end_m) = (begin_m.max(from_m) + STEP_END_M, end_m.min(to_m) - STEP_END_M);
            (begin_m < end_m).then(|| PlannedSpeed { line: self.line(begin_m, end_m), speed_mps: step.speed_mps })
        };
        self.steps().filter_map(piece).collect()
    }

    /// Where the road that it is on at so many metres ends: the next crossing.
    pub fn step_end(&self, at_m: f64) -> f64 {
        self.steps().map(|(_, end_m, _)| end_m).find(|end_m| *end_m > at_m + SAME_M).unwrap_or(self.length_m)
    }

    /// The first place from there on where a vehicle may stand (SAFE-5).
    pub fn standing_place_from(&self, from_m: f64) -> Option<f64> {
        let ahead = self.steps().filter(|(_, end_m, step)| *end_m > from_m + SAME_M && !step.no_stop);
        ahead.map(|(begin_m, _, _)| begin_m.max(from_m)).next()
    }
}

impl Trips {
    /// The path that a version of a route is part of; `None` where the version is not known.
    pub(crate) async fn vehicle_path(
        &self,
        tenant: &TenantId,
        newest: RouteId,
    ) -> Result<Option<VehiclePath>, CommandError> {
        let mut versions: Vec<RouteVersion> = Vec::new();
        let mut next = Some(newest);
        while let Some(route) = next.filter(|_| versions.len() < VERSIONS_MAX) {
            let Some(version) = self.route_version(tenant, route).await? else { return Ok(None) };
            next = version.continues;
            versions.push(version);
        }
        Ok(Some(VehiclePath::of(versions.iter().rev())))
    }
}

#[cfg(test)]
mod tests {
    use kernel::TripId;
    use kernel::id::TypedId;
    use kernel::testing::START;

    use super::*;
    use crate::trip::types::RouteSummary;

    fn east(m: f64) -> Coordinate {
        Coordinate::new(0.0, m / kernel::geo::EARTH_RADIUS_M.to_radians()).unwrap()
    }

    fn leg(from_m: f64, steps: &[(f64, bool)]) -> Leg {
        let mut points = vec![east(from_m)];
        let mut along_m = from_m;
        for (length_m, _) in steps {
            along_m += length_m;
            points.push(east(along_m));
        }
        let step = |&(length_m, no_stop): &(f64, bool)| RouteStep { length_m, speed_mps: 10.0, no_stop };
        Leg { points, steps: steps.iter().map(step).collect() }
    }

    fn version(approach: Leg, trip_leg: Leg, begins_at_m: f64, stops_m: Vec<f64>) -> RouteVersion {
        let summary = RouteSummary {
            route: RouteId::from_u128(1),
            version: 1,
            digest: String::new(),
            distance_m: 0.0,
            duration_ms: 0,
            approach_m: 0.0,
            approach_ms: 0,
            energy_wh: None,
            map_digest: String::new(),
            policy_digest: String::new(),
            policy_bundle: String::new(),
            binding: Vec::new(),
            zones: Default::default(),
        };
        let (trip, constraints, found_at) = (TripId::from_u128(1), Default::default(), START);
        let (first_stop, leads_to, continues) = (0, None, None);
        RouteVersion {
            trip,
            summary,
            approach,
            trip_leg,
            constraints,
            found_at,
            begins_at_m,
            first_stop,
            stops_m,
            leads_to,
            continues,
        }
    }

    /// 100 m to the pickup, 300 m on; from 250 m another route, 500 m long.
    fn path() -> VehiclePath {
        let first = version(leg(0.0, &[(100.0, false)]), leg(100.0, &[(100.0, false), (200.0, true)]), 0.0, Vec::new());
        let second = version(Leg::default(), leg(250.0, &[(400.0, true), (100.0, false)]), 250.0, vec![400.0, 500.0]);
        VehiclePath::of([&first, &second])
    }

    #[test]
    fn a_drive_is_one_line_over_its_versions() {
        let path = path();
        assert_eq!((path.length_m(), path.steps().count()), (750.0, 5));
        let steps: Vec<(f64, f64)> = path.steps().map(|(begin_m, end_m, _)| (begin_m, end_m)).collect();
        assert_eq!(steps[2..4], [(200.0, 250.0), (250.0, 650.0)]);
        for at_m in [0.0, 50.0, 249.0, 251.0, 700.0, 750.0] {
            assert!(path.at(at_m).unwrap().distance_m(east(at_m)) < 0.1, "{at_m}");
        }
        let line = path.line(50.0, 240.0);
        assert_eq!((line.len(), line[0].distance_m(east(50.0)) < 0.1), (5, true), "{line:?}");
    }

    #[test]
    fn a_place_beside_it_is_nearest_where_it_lies() {
        let path = path();
        for (east_m, from_m, nearest_m) in
            [(50.0, 0.0, 50.0), (300.0, 0.0, 300.0), (50.0, 200.0, 200.0), (2e3, 0.0, 750.0)]
        {
            let beside = Coordinate::new(0.0001, east(east_m).lon()).unwrap();
            let found_m = path.nearest(beside, from_m);
            assert!((found_m - nearest_m).abs() < 0.5, "{east_m} from {from_m}: {found_m}");
        }
    }

    #[test]
    fn stops_and_standing_places_lie_along_it() {
        let path = path();
        // The stop of the first version behind the splice is none of the path's any more.
        let passed = [99.0, 100.0, 400.0, 650.0, 750.0].map(|at_m| path.stops_until(at_m));
        assert_eq!(passed, [0, 1, 1, 2, 3]);
        let places = [150.0, 210.0, 700.0, 750.0].map(|from_m| path.standing_place_from(from_m));
        assert_eq!(places, [Some(150.0), Some(650.0), Some(700.0), None]);
        assert_eq!([0.0, 100.0, 260.0].map(|at_m| path.step_end(at_m)), [100.0, 200.0, 650.0]);
    }
}

//! A route as one line to drive along: approach and trip leg joined, every place on it named by its metres from the
//! start. Where a vehicle may stand is a property of the line (SAFE-5), so a stop finds its place without a network.

use kernel::{Bearing, Coordinate, RouteId, polygon};
use link::{Position, Route, Step};

/// Two places on the line closer than this are the same, in metres.
const SAME_M: f64 = 0.01;

/// Where the last place of a step is from its end, in metres: at the end itself the next one counts already.
const FROM_END_M: f64 = 1.0;

/// A place is nearer than another by at least this, in metres.
const NEARER_M: f64 = 0.2;

/// The highest speed on a stretch of a line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SlowStretch {
    pub begin_m: f64,
    pub end_m: f64,
    pub max_speed_mps: f64,
}

/// A line with the rules along it.
#[derive(Debug, Clone, PartialEq)]
pub struct Path {
    id: RouteId,
    points: Vec<(f64, Coordinate)>,
    /// Where each step ends, and the step.
    steps: Vec<(f64, Step)>,
    pickup_m: f64,
    /// Stops between the pickup and the drop-off, in order.
    stops_m: Vec<f64>,
    length_m: f64,
    released_m: f64,
}

impl Path {
    /// The line of a route; `None` where it has no line at all.
    pub fn new(route: &Route) -> Option<Self> {
        let start = route.start()?;
        let mut path = Self {
            id: route.id,
            points: vec![(0.0, start)],
            steps: Vec::new(),
            pickup_m: 0.0,
            stops_m: route.stops_m.clone(),
            length_m: 0.0,
            released_m: 0.0,
        };
        path.append(&route.approach);
        path.pickup_m = path.length_m;
        path.append(&route.trip);
        path.released_m = route.released_to_m.min(path.length_m);
        Some(path)
    }

    /// The steps' lengths are the measure; the line is stretched to it (they differ by the projection only).
    fn append(&mut self, leg: &link::Leg) {
        let from_m = self.length_m;
        let stretch = leg.length_m() / leg.line_m().max(SAME_M);
        let mut along_m = from_m;
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

    /// This line up to `at_m`, then the whole of `next`; places already passed keep their metres.
    pub fn spliced(&self, at_m: f64, next: &Path) -> Self {
        let at_m = at_m.clamp(0.0, self.length_m);
        let mut points: Vec<_> = self.points.iter().copied().filter(|(m, _)| *m < at_m).collect();
        points.push((at_m, self.position_at(at_m).at));
        points.extend(next.points.iter().map(|(m, p)| (m + at_m, *p)));
        let mut steps = Vec::new();
        let mut from_m = 0.0;
        for &(to_m, step) in &self.steps {
            if from_m < at_m {
                let to_m = to_m.min(at_m);
                steps.push((to_m, Step { length_m: to_m - from_m, ..step }));
            }
            from_m = to_m;
        }
        steps.extend(next.steps.iter().map(|(m, s)| (m + at_m, *s)));
        let pickup_m = if self.pickup_m <= at_m { self.pickup_m } else { at_m + next.pickup_m };
        let passed = self.stops_m.iter().copied().filter(|stop_m| *stop_m <= at_m);
        let stops_m = passed.chain(next.stops_m.iter().map(|stop_m| stop_m + at_m)).collect();
        Self {
            id: next.id,
            points,
            steps,
            pickup_m,
            stops_m,
            length_m: at_m + next.length_m,
            released_m: at_m + next.released_m,
        }
    }

    /// This line, driven no faster than some stretches allow.
    pub fn slowed(&self, slow: &[SlowStretch]) -> Self {
        let mut steps = Vec::new();
        let mut from_m = 0.0;
        for &(to_m, step) in &self.steps {
            let ends = slow.iter().flat_map(|slow| [slow.begin_m, slow.end_m]);
            let mut cuts: Vec<f64> = ends.filter(|at_m| *at_m > from_m + SAME_M && *at_m < to_m - SAME_M).collect();
            cuts.sort_by(f64::total_cmp);
            for end_m in cuts.into_iter().chain([to_m]) {
                let middle_m = (from_m + end_m) / 2.0;
                let holds = slow.iter().filter(|slow| slow.begin_m < middle_m && middle_m < slow.end_m);
                let speed_mps = holds.map(|slow| slow.max_speed_mps).fold(step.speed_mps, f64::min);
                steps.push((end_m, Step { length_m: end_m - from_m, speed_mps, ..step }));
                from_m = end_m;
            }
        }
        Self { steps, ..self.clone() }
    }

    /// The route that it comes from.
    pub fn id(&self) -> RouteId {
        self.id
    }

    pub fn pickup_m(&self) -> f64 {
        self.pickup_m
    }

    /// Where the stop is that comes when `served` stops behind the pickup are served; `None`: the drop-off.
    pub fn stop_m(&self, served: usize) -> Option<f64> {
        self.stops_m.get(served).copied()
    }

    pub fn length_m(&self) -> f64 {
        self.length_m
    }

    /// How far the vehicle may drive.
    pub fn released_m(&self) -> f64 {
        self.released_m
    }

    /// The highest planned speed, in metres per second.
    pub fn top_speed_mps(&self) -> f64 {
        self.steps.iter().map(|(_, s)| s.speed_mps).fold(0.0, f64::max)
    }

    /// The place and direction at so many metres.
    pub fn position_at(&self, at_m: f64) -> Position {
        let after = self.points.partition_point(|(m, _)| *m <= at_m).clamp(1, self.points.len().max(2) - 1);
        let Some((&(from_m, from), &(to_m, to))) = self.points.get(after - 1).zip(self.points.get(after)) else {
            let at = self.points[0].1;
            return Position { at, heading: Bearing::from_degrees(0.0) };
        };
        let span_m = to_m - from_m;
        let fraction = if span_m > 0.0 { (at_m - from_m) / span_m } else { 1.0 };
        Position { at: from.towards(to, fraction), heading: from.bearing_to(to) }
    }

    fn step_at(&self, at_m: f64) -> Option<&(f64, Step)> {
        let n = self.steps.partition_point(|(end_m, _)| *end_m <= at_m + SAME_M);
        self.steps.get(n).or(self.steps.last())
    }

    /// The planned speed at so many metres, in metres per second.
    pub fn speed_at(&self, at_m: f64) -> f64 {
        self.step_at(at_m).map_or(0.0, |(_, s)| s.speed_mps)
    }

    /// The next places after `at_m` where another speed begins, and that speed.
    pub fn speeds_after(&self, at_m: f64) -> impl Iterator<Item = (f64, f64)> + '_ {
        let n = self.steps.partition_point(|(end_m, _)| *end_m <= at_m + SAME_M);
        let rest = self.steps.get(n..).unwrap_or_default();
        rest.windows(2).map(|pair| (pair[0].0, pair[1].1.speed_mps))
    }

    /// Whether a vehicle may stand there.
    pub fn may_stand_at(&self, at_m: f64) -> bool {
        self.step_at(at_m).is_none_or(|(_, s)| !s.no_stop)
    }

    /// The first place from `from_m` on where a vehicle may stand, no farther than it is released.
    pub fn standing_place_from(&self, from_m: f64) -> f64 {
        let limit_m = self.released_m.max(from_m.min(self.length_m));
        let n = self.steps.partition_point(|(end_m, _)| *end_m <= from_m + SAME_M);
        let mut at_m = from_m;
        for (end_m, step) in self.steps.get(n..).unwrap_or_default() {
            if !step.no_stop {
                return at_m.min(limit_m);
            }
            at_m = *end_m;
        }
        at_m.min(limit_m)
    }

    /// The last place between two where a vehicle may stand.
    pub fn standing_place_between(&self, from_m: f64, to_m: f64) -> Option<f64> {
        let begins = std::iter::once(0.0).chain(self.steps.iter().map(|(end_m, _)| *end_m));
        let allowed = begins.zip(&self.steps).filter(|(_, (_, step))| !step.no_stop);
        let places = allowed.map(|(begin_m, (end_m, _))| (begin_m, (end_m - FROM_END_M).min(to_m)));
        places.filter(|(begin_m, last_m)| begin_m <= last_m && from_m <= *last_m).last().map(|(_, last_m)| last_m)
    }

    /// The stretches of the line inside an area, each from and to in metres.
    pub fn stretches_in(&self, area: &[Coordinate]) -> Vec<(f64, f64)> {
        polygon::stretches(area, &self.points)
    }

    /// The place on the line nearest to `place`, from `from_m` on: its metres, and how far off the line it is. Of places
    /// that are as near, as where the line comes back by the same road, the first.
    pub fn nearest(&self, place: Coordinate, from_m: f64) -> (f64, f64) {
        let mut best = (from_m, self.position_at(from_m).at.distance_m(place));
        for pair in self.points.windows(2) {
            let ((a_m, a), (b_m, b)) = (pair[0], pair[1]);
            if b_m < from_m || b_m - a_m < SAME_M {
                continue;
            }
            let at_m = (a_m + (b_m - a_m) * place.foot_on(a, b)).max(from_m);
            let off_m = self.position_at(at_m).at.distance_m(place);
            if off_m < best.1 - NEARER_M {
                best = (at_m, off_m);
            }
        }
        best
    }

    /// Milliseconds to drive from one place to another as planned, no faster than `cap_mps`.
    pub fn duration_ms(&self, from_m: f64, to_m: f64, cap_mps: f64) -> u64 {
        let mut seconds = 0.0;
        let mut begin_m = 0.0;
        for &(end_m, step) in &self.steps {
            let driven_m = end_m.min(to_m) - f64::max(begin_m, from_m);
            if driven_m > 0.0 {
                seconds += driven_m / step.speed_mps.min(cap_mps).max(0.1);
            }
            begin_m = end_m;
        }
        (seconds * 1_000.0) as u64
    }
}

//! Where a vehicle may stop on its route (SAFE-5): never inside a tunnel, on a crossing, in a junction, on a bridge.

use crate::search::Route;

/// The first admissible place to stand, as metres along the route, at or behind `from_m` (the vehicle's place plus its
/// braking distance). `None` when none is left: then only a stop of class NOW is possible, which raises an assist.
pub fn nearest_admissible_m(route: &Route, from_m: f64) -> Option<f64> {
    let mut begin = 0.0;
    for step in &route.steps {
        let end = begin + step.length_m;
        if step.no_stop.is_none() && end >= from_m {
            return Some(from_m.max(begin));
        }
        begin = end;
    }
    None
}

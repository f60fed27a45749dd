//! A sample against the line of its path: how far off, and how fast it should be there.

use kernel::Coordinate;
use kernel::geo::EARTH_RADIUS_M;

use crate::service::VehiclePath;

/// How far before and behind the reported progress a slower or faster step still counts, in metres: progress is as
/// exact as the satellite fix that it comes from, and a vehicle brakes before a slower step, not at it.
const PROGRESS_TOLERANCE_M: f64 = 25.0;

/// Distance from the line of a path, in metres; 0 where it has none.
pub fn off_route_m(path: &VehiclePath, at: Coordinate) -> f64 {
    distance_to_line_m(&path.points().collect::<Vec<_>>(), at).unwrap_or_default()
}

/// The highest speed planned near `progress_m` along a path, in metres per second; `None` beyond the end.
pub fn planned_speed_mps(path: &VehiclePath, progress_m: f64) -> Option<f64> {
    let (from, to) = (progress_m - PROGRESS_TOLERANCE_M, progress_m + PROGRESS_TOLERANCE_M);
    let near = path.steps().filter(|(begins, ends, _)| *begins <= to && *ends >= from);
    near.map(|(_, _, step)| step.speed_mps).reduce(f64::max)
}

fn distance_to_line_m(line: &[Coordinate], at: Coordinate) -> Option<f64> {
    match line {
        [] => None,
        [only] => Some(only.distance_m(at)),
        _ => {
            Some(line.windows(2).map(|pair| distance_to_segment_m(pair[0], pair[1], at)).fold(f64::INFINITY, f64::min))
        }
    }
}

/// On the plane that touches the Earth at `at`: exact to a millimetre over the length of a road segment.
fn distance_to_segment_m(from: Coordinate, to: Coordinate, at: Coordinate) -> f64 {
    let scale = at.lat().to_radians().cos();
    let plane = |place: Coordinate| {
        let x = (place.lon() - at.lon()).to_radians() * scale * EARTH_RADIUS_M;
        let y = (place.lat() - at.lat()).to_radians() * EARTH_RADIUS_M;
        (x, y)
    };
    let ((ax, ay), (bx, by)) = (plane(from), plane(to));
    let (dx, dy) = (bx - ax, by - ay);
    let length_squared = dx * dx + dy * dy;
    let t = if length_squared > 0.0 { (-(ax * dx + ay * dy) / length_squared).clamp(0.0, 1.0) } else { 0.0 };
    (ax + t * dx).hypot(ay + t * dy)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(lat: f64, lon: f64) -> Coordinate {
        Coordinate::new(lat, lon).unwrap()
    }

    fn check(line: &[Coordinate], place: Coordinate, then_m: f64) {
        let found = distance_to_line_m(line, place).unwrap();
        assert!((found - then_m).abs() < 0.5, "{found} m, not {then_m} m");
    }

    #[test]
    fn distance_from_a_line() {
        let degree_m = EARTH_RADIUS_M.to_radians();
        let line = [at(0.0, 0.0), at(0.0, 0.01), at(0.01, 0.01)];
        check(&line, at(0.0, 0.005), 0.0);
        check(&line, at(0.001, 0.005), degree_m * 0.001);
        check(&line, at(-0.001, -0.0), degree_m * 0.001);
        check(&line, at(0.012, 0.01), degree_m * 0.002);
        check(&line[..1], at(0.0, 0.002), degree_m * 0.002);
        assert_eq!(distance_to_line_m(&[], at(0.0, 0.0)), None);
    }
}

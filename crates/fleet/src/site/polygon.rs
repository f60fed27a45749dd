//! Whether corners are the outline of an area that a person can have meant.

use kernel::Coordinate;

use super::CORNERS_MAX;

/// The smallest area of a zone or closure, in square metres: less is a slip of the hand, not a piece of road.
const AREA_MIN_M2: f64 = 1.0;
/// Metres of a degree of latitude, well enough to tell an area from a line.
const METRES_PER_DEGREE: f64 = 111_195.0;

type Point = (f64, f64);

/// What is wrong with an outline, if anything is.
pub(super) fn problem(corners: &[Coordinate]) -> Option<&'static str> {
    if !(3..=CORNERS_MAX).contains(&corners.len()) {
        return Some("must have 3 to 500 corners");
    }
    let points = flat(corners);
    let area = points.iter().zip(points.iter().cycle().skip(1)).map(|(a, b)| a.0 * b.1 - b.0 * a.1).sum::<f64>() / 2.0;
    if crosses_itself(&points) {
        return Some("must not cross itself: name its corners in the order in which one walks around it");
    }
    (area.abs() < AREA_MIN_M2).then_some("must enclose an area: its corners are one place or lie in one line")
}

/// Metres east and north of the first corner; a corner that is named again at once, or again as the last, is one.
fn flat(corners: &[Coordinate]) -> Vec<Point> {
    let Some(first) = corners.first() else { return Vec::new() };
    let shrink = first.lat().to_radians().cos();
    let metres = |degrees: f64| degrees * METRES_PER_DEGREE;
    let point = |at: &Coordinate| (metres(at.lon() - first.lon()) * shrink, metres(at.lat() - first.lat()));
    let mut points: Vec<Point> = corners.iter().map(point).collect();
    points.dedup();
    if points.len() > 1 && points.first() == points.last() {
        points.pop();
    }
    points
}

fn crosses_itself(points: &[Point]) -> bool {
    let edges: Vec<(Point, Point)> = points.iter().copied().zip(points.iter().copied().cycle().skip(1)).collect();
    edges.iter().enumerate().any(|(n, edge)| edges[..n].iter().any(|other| cross(*edge, *other)))
}

/// Whether two edges cross; those that only touch, as neighbours do, cross nowhere.
fn cross((a, b): (Point, Point), (c, d): (Point, Point)) -> bool {
    let side = |a: Point, b: Point, p: Point| (b.0 - a.0) * (p.1 - a.1) - (b.1 - a.1) * (p.0 - a.0);
    side(a, b, c) * side(a, b, d) < 0.0 && side(c, d, a) * side(c, d, b) < 0.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_encloses_an_area_without_crossing_itself_is_an_outline() {
        let outline = |corners: &[(i32, i32)]| {
            let place = |&(x, y): &(i32, i32)| Coordinate::new(51.0 + f64::from(y) * 1e-3, 7.0 + f64::from(x) * 1e-3);
            problem(&corners.iter().map(|corner| place(corner).unwrap()).collect::<Vec<_>>())
        };
        let square = [(0, 0), (1, 0), (1, 1), (0, 1)];
        assert_eq!(outline(&square), None);
        assert_eq!(outline(&[(0, 0), (1, 0), (1, 1), (0, 1), (0, 0)]), None, "GeoJSON names the first again");
        assert_eq!(outline(&[(0, 0), (2, 0), (2, 2), (1, 1), (0, 2)]), None, "it need not be convex");
        for (corners, words) in [
            (&[(0, 0), (1, 1)][..], "3 to 500"),
            (&[(1, 1), (1, 1), (1, 1)], "area"),
            (&[(0, 0), (1, 1), (0, 0)], "area"),
            (&[(0, 0), (1, 1), (2, 2)], "area"),
            (&[(0, 0), (1, 1), (1, 0), (0, 1)], "cross"),
        ] {
            assert!(outline(corners).is_some_and(|problem| problem.contains(words)), "{corners:?}");
        }
    }
}

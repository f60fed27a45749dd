//! Areas that people draw on the map, by their corners; the last corner is joined to the first. One geometry for whoever
//! asks: the router, the watch over routes, and the vehicle that keeps out by itself. Fewer than three corners hold
//! nothing.

use crate::geo::Coordinate;

/// Two stretches with less between them are one, in the measure of the line.
const SAME: f64 = 0.01;

/// Whether a place lies inside.
pub fn contains(corners: &[Coordinate], place: Coordinate) -> bool {
    let mut inside = false;
    for (a, b) in sides(corners) {
        let crosses = (a.lat() > place.lat()) != (b.lat() > place.lat());
        if crosses {
            let at = a.lon() + (place.lat() - a.lat()) / (b.lat() - a.lat()) * (b.lon() - a.lon());
            if place.lon() < at {
                inside = !inside;
            }
        }
    }
    inside
}

/// Whether a line touches it.
pub fn touches(corners: &[Coordinate], line: &[Coordinate]) -> bool {
    line.first().is_some_and(|&start| contains(corners, start))
        || line.windows(2).any(|piece| crosses(corners, piece[0], piece[1]))
}

/// Whether a straight piece touches it.
pub fn crosses(corners: &[Coordinate], from: Coordinate, to: Coordinate) -> bool {
    contains(corners, from) || contains(corners, to) || sides(corners).any(|(a, b)| meet(from, to, a, b))
}

/// The stretches of a line that lie inside, each from and to, in the measure that the line's points carry.
pub fn stretches(corners: &[Coordinate], line: &[(f64, Coordinate)]) -> Vec<(f64, f64)> {
    let Some(extent) = Extent::of(corners) else { return Vec::new() };
    let mut found: Vec<(f64, f64)> = Vec::new();
    for piece in line.windows(2) {
        let ((begin, from), (end, to)) = (piece[0], piece[1]);
        if !extent.may_touch(from, to) {
            continue;
        }
        let mut cuts: Vec<f64> = sides(corners).filter_map(|(a, b)| cut(from, to, a, b)).chain([0.0, 1.0]).collect();
        cuts.sort_by(f64::total_cmp);
        for ends in cuts.windows(2) {
            if !contains(corners, from.towards(to, f64::midpoint(ends[0], ends[1]))) {
                continue;
            }
            let (enters, leaves) = (begin + (end - begin) * ends[0], begin + (end - begin) * ends[1]);
            match found.last_mut() {
                Some(last) if enters - last.1 < SAME => last.1 = leaves,
                _ => found.push((enters, leaves)),
            }
        }
    }
    found
}

fn sides(corners: &[Coordinate]) -> impl Iterator<Item = (Coordinate, Coordinate)> + '_ {
    let next = corners.iter().cycle().skip(1);
    let count = if corners.len() < 3 { 0 } else { corners.len() };
    corners.iter().copied().zip(next.copied()).take(count)
}

/// Whether two straight pieces meet.
fn meet(a: Coordinate, b: Coordinate, c: Coordinate, d: Coordinate) -> bool {
    // Two pieces of one line have no sides to tell them apart; whether they overlap shows in their extents.
    let overlap = |a: f64, b: f64, c: f64, d: f64| a.min(b) <= c.max(d) && c.min(d) <= a.max(b);
    if !overlap(a.lon(), b.lon(), c.lon(), d.lon()) || !overlap(a.lat(), b.lat(), c.lat(), d.lat()) {
        return false;
    }
    let side = |p: Coordinate, q: Coordinate, r: Coordinate| {
        (q.lon() - p.lon()) * (r.lat() - p.lat()) - (q.lat() - p.lat()) * (r.lon() - p.lon())
    };
    side(a, b, c) * side(a, b, d) <= 0.0 && side(c, d, a) * side(c, d, b) <= 0.0
}

/// How far along the piece from `from` to `to`, 0 to 1, the piece from `a` to `b` cuts it.
fn cut(from: Coordinate, to: Coordinate, a: Coordinate, b: Coordinate) -> Option<f64> {
    let towards = |p: Coordinate, q: Coordinate| (q.lon() - p.lon(), q.lat() - p.lat());
    let cross = |p: (f64, f64), q: (f64, f64)| p.0 * q.1 - p.1 * q.0;
    let (along, side, offset) = (towards(from, to), towards(a, b), towards(from, a));
    let turn = cross(along, side);
    let (on_line, on_side) = (cross(offset, side) / turn, cross(offset, along) / turn);
    // Pieces of one direction give no number, and cut nowhere.
    ((0.0..=1.0).contains(&on_line) && (0.0..=1.0).contains(&on_side)).then_some(on_line)
}

/// The rectangle around some corners: most of a long line is nowhere near.
struct Extent {
    low: (f64, f64),
    high: (f64, f64),
}

impl Extent {
    fn of(corners: &[Coordinate]) -> Option<Self> {
        let first = corners.first().filter(|_| corners.len() >= 3)?;
        let start = (first.lat(), first.lon());
        let all = || corners.iter().map(|corner| (corner.lat(), corner.lon()));
        let low = all().fold(start, |low, at| (low.0.min(at.0), low.1.min(at.1)));
        let high = all().fold(start, |high, at| (high.0.max(at.0), high.1.max(at.1)));
        Some(Self { low, high })
    }

    fn may_touch(&self, from: Coordinate, to: Coordinate) -> bool {
        let overlap = |a: f64, b: f64, low: f64, high: f64| a.min(b) <= high && low <= a.max(b);
        overlap(from.lat(), to.lat(), self.low.0, self.high.0) && overlap(from.lon(), to.lon(), self.low.1, self.high.1)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(lat: f64, lon: f64) -> Coordinate {
        Coordinate::new(lat, lon).unwrap()
    }

    fn square() -> Vec<Coordinate> {
        vec![at(0.0, 0.0), at(0.0, 1.0), at(1.0, 1.0), at(1.0, 0.0)]
    }

    #[test]
    fn inside_and_crossing() {
        let square = square();
        assert!(contains(&square, at(0.5, 0.5)));
        assert!(!contains(&square, at(1.5, 0.5)) && !contains(&square, at(0.5, -0.1)));
        assert!(crosses(&square, at(0.5, -1.0), at(0.5, 2.0)), "right through, no end inside");
        assert!(!crosses(&square, at(2.0, -1.0), at(2.0, 2.0)));
        assert!(!crosses(&square, at(0.0, 1.5), at(0.0, 2.0)), "on the line of a side, beyond its end");
        assert!(touches(&square, &[at(2.0, 2.0), at(0.5, 2.0), at(0.5, 0.5)]) && touches(&square, &[at(0.5, 0.5)]));
        assert!(!touches(&square, &[at(2.0, 2.0), at(2.0, -2.0)]) && !touches(&square, &[]));
        let line = [at(0.0, 0.0), at(1.0, 1.0)];
        assert!(!crosses(&line, at(0.5, -1.0), at(0.5, 2.0)), "two corners are no area");
    }

    #[test]
    fn stretches_of_a_line() {
        let check = |line: &[(f64, f64, f64)], expected: &[(f64, f64)]| {
            let line: Vec<_> = line.iter().map(|&(m, lat, lon)| (m, at(lat, lon))).collect();
            let found = stretches(&square(), &line);
            let close = |a: f64, b: f64| (a - b).abs() < 1e-6;
            let equal = found.len() == expected.len()
                && found.iter().zip(expected).all(|(a, b)| close(a.0, b.0) && close(a.1, b.1));
            assert!(equal, "{found:?} where {expected:?} was expected");
        };
        check(&[], &[]);
        check(&[(0.0, 2.0, 2.0), (10.0, 2.0, 3.0)], &[]);
        check(&[(0.0, 0.5, -1.0), (30.0, 0.5, 2.0)], &[(10.0, 20.0)]);
        check(&[(0.0, 0.5, 0.5), (10.0, 0.5, 1.5)], &[(0.0, 5.0)]);
        // A corner of the line inside joins what lies before and behind it.
        check(&[(0.0, 0.5, -0.5), (10.0, 0.5, 0.5), (20.0, 1.5, 0.5)], &[(5.0, 15.0)]);
        check(&[(0.0, 0.5, -1.0), (30.0, 0.5, 2.0), (60.0, 0.5, -1.0)], &[(10.0, 20.0), (40.0, 50.0)]);
        check(&[(0.0, 0.0, -1.0), (30.0, 0.0, -0.5)], &[]);
        assert_eq!(stretches(&square()[..2], &[(0.0, at(0.5, -1.0)), (3.0, at(0.5, 2.0))]), []);
    }

    proptest! {
        /// What a stretch says of a place on the line is what the area itself says.
        #[test]
        fn stretches_and_contains_agree(
            places in prop::collection::vec((-0.5..1.5, -0.5..1.5), 2..8),
            piece in 0usize..7,
            fraction in 0.01..0.99,
        ) {
            let line: Vec<(f64, Coordinate)> =
                places.iter().enumerate().map(|(n, &(lat, lon))| (n as f64 * 10.0, at(lat, lon))).collect();
            let piece = piece.min(line.len() - 2);
            let place = line[piece].1.towards(line[piece + 1].1, fraction);
            let place_m = line[piece].0 + 10.0 * fraction;
            let found = stretches(&square(), &line);
            let is_near_an_end = found.iter().any(|(a, b)| (a - place_m).abs() < 1e-3 || (b - place_m).abs() < 1e-3);
            let told = found.iter().any(|(a, b)| (*a..=*b).contains(&place_m));
            prop_assert!(is_near_an_end || told == contains(&square(), place), "{:?} at {}", found, place_m);
        }
    }
}

//! Polygons that people draw on the map, and the edges that they touch.

use std::collections::BTreeSet;

use kernel::Coordinate;
use rstar::AABB;

use crate::graph::{EdgeId, RoadGraph};

/// A polygon with the id under which people know it. Fewer than three corners touch nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct Area {
    /// Its id or name.
    pub id: String,
    /// Its corners; the last is joined to the first.
    pub corners: Vec<Coordinate>,
}

impl Area {
    /// Whether a place lies inside.
    pub fn contains(&self, place: Coordinate) -> bool {
        let mut inside = false;
        for (a, b) in self.sides() {
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
    pub fn touches(&self, line: &[Coordinate]) -> bool {
        line.first().is_some_and(|&start| self.contains(start))
            || line.windows(2).any(|piece| self.crosses(piece[0], piece[1]))
    }

    fn sides(&self) -> impl Iterator<Item = (Coordinate, Coordinate)> + '_ {
        let next = self.corners.iter().cycle().skip(1);
        let sides = if self.corners.len() < 3 { 0 } else { self.corners.len() };
        self.corners.iter().copied().zip(next.copied()).take(sides)
    }

    fn crosses(&self, from: Coordinate, to: Coordinate) -> bool {
        self.contains(from) || self.contains(to) || self.sides().any(|(a, b)| cross(from, to, a, b))
    }
}

/// Whether two straight pieces meet.
fn cross(a: Coordinate, b: Coordinate, c: Coordinate, d: Coordinate) -> bool {
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

impl RoadGraph {
    /// The edges that touch a polygon.
    pub fn edges_in(&self, area: &Area) -> BTreeSet<EdgeId> {
        let Some(first) = area.corners.first().filter(|_| area.corners.len() >= 3) else { return BTreeSet::new() };
        let mut low = [first.lon(), first.lat()];
        let mut high = low;
        for corner in &area.corners {
            low = [low[0].min(corner.lon()), low[1].min(corner.lat())];
            high = [high[0].max(corner.lon()), high[1].max(corner.lat())];
        }
        self.segments
            .locate_in_envelope_intersecting(AABB::from_corners(low, high))
            .filter(|segment| {
                let (id, piece) = segment.data;
                let points = &self.edge(id).points;
                area.crosses(points[piece as usize], points[piece as usize + 1])
            })
            .map(|segment| segment.data.0)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(lat: f64, lon: f64) -> Coordinate {
        Coordinate::new(lat, lon).unwrap()
    }

    #[test]
    fn inside_and_crossing() {
        let square = Area { id: "a".into(), corners: vec![at(0.0, 0.0), at(0.0, 1.0), at(1.0, 1.0), at(1.0, 0.0)] };
        assert!(square.contains(at(0.5, 0.5)));
        assert!(!square.contains(at(1.5, 0.5)) && !square.contains(at(0.5, -0.1)));
        assert!(square.crosses(at(0.5, -1.0), at(0.5, 2.0)), "right through, no end inside");
        assert!(!square.crosses(at(2.0, -1.0), at(2.0, 2.0)));
        assert!(!square.crosses(at(0.0, 1.5), at(0.0, 2.0)), "on the line of a side, beyond its end");
        assert!(square.touches(&[at(2.0, 2.0), at(0.5, 2.0), at(0.5, 0.5)]) && square.touches(&[at(0.5, 0.5)]));
        assert!(!square.touches(&[at(2.0, 2.0), at(2.0, -2.0)]) && !square.touches(&[]));
        let line = Area { id: "b".into(), corners: vec![at(0.0, 0.0), at(1.0, 1.0)] };
        assert!(!line.crosses(at(0.5, -1.0), at(0.5, 2.0)), "two corners are no area");
    }
}

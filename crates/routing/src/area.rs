//! Polygons that people draw on the map, and the edges that they touch.

use std::collections::BTreeSet;

use kernel::{Coordinate, polygon};
use rstar::AABB;

use crate::graph::{EdgeId, RoadGraph};

/// A polygon with the id under which people know it. Fewer than three corners touch nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct Area {
    pub id: String,
    /// Its corners; the last is joined to the first.
    pub corners: Vec<Coordinate>,
}

impl Area {
    pub fn contains(&self, place: Coordinate) -> bool {
        polygon::contains(&self.corners, place)
    }

    pub fn touches(&self, line: &[Coordinate]) -> bool {
        polygon::touches(&self.corners, line)
    }
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
                polygon::crosses(&area.corners, points[piece as usize], points[piece as usize + 1])
            })
            .map(|segment| segment.data.0)
            .collect()
    }
}

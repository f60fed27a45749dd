//! The roads as Mapbox Vector Tiles, so that people see on their map the graph that vehicles are routed on, and nothing
//! else: no outside service draws what this one decides about.

mod encode;

use kernel::Coordinate;
use rstar::AABB;
use std::collections::BTreeSet;

use crate::graph::{Edge, EdgeId, RoadGraph};
use crate::road::RoadClass;

/// The name of the one layer.
pub const LAYER: &str = "roads";
/// The deepest zoom that is drawn anew; a map shows the same lines larger beyond it.
pub const ZOOM_MAX: u8 = 16;
/// Units along a tile's side.
const EXTENT: f64 = 4096.0;
/// How far lines go on beyond the tile, in units, so that their ends are not seen.
const MARGIN: f64 = 128.0;
/// How far a line may be off its true course where it is simplified, in units: a quarter of a pixel.
const TOLERANCE: f64 = 2.0;

/// Which tile of the pyramid, counted from the north-west.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TileId {
    zoom: u8,
    x: u32,
    y: u32,
}

impl TileId {
    /// The tile with this place in the pyramid, if there is one.
    pub fn new(zoom: u8, x: u32, y: u32) -> Option<Self> {
        (zoom <= ZOOM_MAX && x < 1 << zoom && y < 1 << zoom).then_some(Self { zoom, x, y })
    }

    /// Where a place lies, in units from the tile's north-west corner.
    fn project(self, place: Coordinate) -> [f64; 2] {
        let tiles = f64::from(1u32 << self.zoom);
        let lat = place.lat().clamp(-85.051_128, 85.051_128).to_radians();
        let x = (place.lon() + 180.0) / 360.0;
        let y = 0.5 - lat.tan().asinh() / std::f64::consts::TAU;
        [(x * tiles - f64::from(self.x)) * EXTENT, (y * tiles - f64::from(self.y)) * EXTENT]
    }

    /// Longitude and latitude of a point of the tile.
    fn unproject(self, [x, y]: [f64; 2]) -> [f64; 2] {
        let tiles = f64::from(1u32 << self.zoom);
        let lon = (f64::from(self.x) + x / EXTENT) / tiles * 360.0 - 180.0;
        let north = (0.5 - (f64::from(self.y) + y / EXTENT) / tiles) * std::f64::consts::TAU;
        [lon, north.sinh().atan().to_degrees()]
    }

    fn shows(self, class: RoadClass) -> bool {
        self.zoom >= first_zoom(class)
    }
}

/// From which zoom a road is drawn: what would only blacken the map is left out.
fn first_zoom(class: RoadClass) -> u8 {
    use RoadClass as C;
    match class {
        C::Motorway | C::Trunk => 0,
        C::Primary | C::Haul => 8,
        C::MotorwayLink | C::TrunkLink | C::Secondary => 10,
        C::PrimaryLink | C::SecondaryLink | C::Tertiary => 11,
        C::TertiaryLink | C::Unclassified | C::Road => 12,
        C::Residential => 13,
        C::LivingStreet | C::Service | C::Track => 14,
    }
}

impl RoadGraph {
    /// The roads of a tile as a Mapbox Vector Tile (version 2.1) with one layer, [`LAYER`]. A road that may be driven both
    /// ways is one line; one that may be driven one way only says `oneway`, and its line runs that way. The same graph
    /// gives the same bytes.
    pub fn tile(&self, tile: TileId) -> Vec<u8> {
        let mut layer = encode::Layer::new(LAYER, EXTENT as u32);
        for id in self.edges_about(tile) {
            let edge = self.edge(id);
            let twin = self.twin(id);
            if !tile.shows(edge.class) || twin.is_some_and(|twin| twin < id) {
                continue;
            }
            let lines = lines_of(tile, edge);
            if lines.is_empty() {
                continue;
            }
            let mut feature = layer.feature(u64::from(id.0) + 1);
            feature.text("class", edge.class.as_str());
            if let Some(name) = &edge.name {
                feature.text("name", name);
            }
            if let Some(reason) = edge.no_stop {
                feature.text("no_stop", reason.as_str());
            }
            if twin.is_none() {
                feature.yes("oneway");
            }
            feature.lines(&lines);
        }
        layer.into_tile()
    }

    fn edges_about(&self, tile: TileId) -> BTreeSet<EdgeId> {
        let [west, north] = tile.unproject([-MARGIN, -MARGIN]);
        let [east, south] = tile.unproject([EXTENT + MARGIN, EXTENT + MARGIN]);
        let about = AABB::from_corners([west, south], [east, north]);
        self.segments.locate_in_envelope_intersecting(about).map(|segment| segment.data.0).collect()
    }

    /// The smallest box that holds every node: west, south, east, north. `None` without nodes.
    pub fn bounds(&self) -> Option<[f64; 4]> {
        let first = self.nodes().first()?;
        let start = [first.lon(), first.lat(), first.lon(), first.lat()];
        Some(self.nodes().iter().fold(start, |[west, south, east, north], place| {
            [west.min(place.lon()), south.min(place.lat()), east.max(place.lon()), north.max(place.lat())]
        }))
    }
}

/// An edge's course inside a tile: clipped, simplified, in whole units. What shrinks to a point is left out.
fn lines_of(tile: TileId, edge: &Edge) -> Vec<Vec<[i32; 2]>> {
    let points: Vec<[f64; 2]> = edge.points.iter().map(|place| tile.project(*place)).collect();
    let whole = |line: Vec<[f64; 2]>| {
        let mut line: Vec<[i32; 2]> =
            simplified(&line).into_iter().map(|[x, y]| [x.round() as i32, y.round() as i32]).collect();
        line.dedup();
        line
    };
    clipped(&points).into_iter().map(whole).filter(|line| line.len() >= 2).collect()
}

/// The parts of a line that lie inside the tile and its margin.
fn clipped(points: &[[f64; 2]]) -> Vec<Vec<[f64; 2]>> {
    let mut lines: Vec<Vec<[f64; 2]>> = Vec::new();
    for ends in points.windows(2) {
        let Some([from, to]) = inside(ends[0], ends[1]) else { continue };
        match lines.last_mut() {
            Some(line) if line.last() == Some(&from) => line.push(to),
            _ => lines.push(vec![from, to]),
        }
    }
    lines
}

/// The part of a straight piece that lies inside, after Liang and Barsky.
fn inside(from: [f64; 2], to: [f64; 2]) -> Option<[[f64; 2]; 2]> {
    let (mut enter, mut leave) = (0.0f64, 1.0f64);
    for axis in 0..2 {
        let along = to[axis] - from[axis];
        for (way, room) in [(-along, from[axis] + MARGIN), (along, EXTENT + MARGIN - from[axis])] {
            if way == 0.0 {
                if room < 0.0 {
                    return None;
                }
            } else if way < 0.0 {
                enter = enter.max(room / way);
            } else {
                leave = leave.min(room / way);
            }
        }
    }
    let at = |part: f64| [from[0] + (to[0] - from[0]) * part, from[1] + (to[1] - from[1]) * part];
    // An end that lies inside stays exactly where it is, so that the pieces of a line still meet.
    let begin = if enter == 0.0 { from } else { at(enter) };
    let end = if leave == 1.0 { to } else { at(leave) };
    (enter < leave).then_some([begin, end])
}

/// A line without the points that lie within the tolerance of its course, after Douglas and Peucker.
fn simplified(points: &[[f64; 2]]) -> Vec<[f64; 2]> {
    let mut kept = vec![false; points.len()];
    let mut waiting = vec![(0, points.len().saturating_sub(1))];
    while let Some((first, last)) = waiting.pop() {
        kept[first] = true;
        kept[last] = true;
        let off = |place: usize| distance(points[place], points[first], points[last]);
        let farthest = (first + 1..last).max_by(|a, b| off(*a).total_cmp(&off(*b)));
        if let Some(place) = farthest.filter(|place| off(*place) > TOLERANCE) {
            waiting.extend([(first, place), (place, last)]);
        }
    }
    points.iter().zip(kept).filter(|(_, kept)| *kept).map(|(point, _)| *point).collect()
}

/// From a point to a straight piece.
fn distance(point: [f64; 2], from: [f64; 2], to: [f64; 2]) -> f64 {
    let (dx, dy) = (to[0] - from[0], to[1] - from[1]);
    let square = dx * dx + dy * dy;
    let (px, py) = (point[0] - from[0], point[1] - from[1]);
    let along = if square > 0.0 { ((px * dx + py * dy) / square).clamp(0.0, 1.0) } else { 0.0 };
    (px - dx * along).hypot(py - dy * along)
}

#[cfg(test)]
mod tests;

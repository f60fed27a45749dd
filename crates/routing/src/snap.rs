//! From a place to the road: the nearest point of any edge, within a limit.

use kernel::Coordinate;
use rstar::primitives::{GeomWithData, Line};

use crate::graph::{Edge, EdgeId, RoadGraph};
use crate::search::RouteError;

/// How far from a road a place may be, in metres, where the caller says nothing else: across a yard or a parking lot,
/// not across a valley.
pub const SNAP_LIMIT_M: f64 = 250.0;

/// A straight piece of an edge: which edge, and which piece of it.
pub(crate) type Segment = GeomWithData<Line<[f64; 2]>, (EdgeId, u32)>;

/// Metres per degree of latitude.
const METRES_PER_DEGREE: f64 = kernel::geo::EARTH_RADIUS_M * std::f64::consts::PI / 180.0;

/// The straight pieces of all edges, in degrees: boxes around a place find them, exact distances are then measured.
pub(crate) fn segments_of(edges: &[Edge]) -> Vec<Segment> {
    let flat = |place: Coordinate| [place.lon(), place.lat()];
    edges
        .iter()
        .enumerate()
        .flat_map(|(place, edge)| {
            edge.points.windows(2).enumerate().map(move |(piece, ends)| {
                GeomWithData::new(Line::new(flat(ends[0]), flat(ends[1])), (EdgeId(place as u32), piece as u32))
            })
        })
        .collect()
}

/// A point on an edge.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Snap {
    /// The edge.
    pub edge: EdgeId,
    /// How far along it, from 0 to 1.
    pub fraction: f64,
    /// How far from the place that was asked for, in metres.
    pub distance_m: f64,
    /// The point.
    pub point: Coordinate,
}

impl RoadGraph {
    /// The nearest point of a road.
    ///
    /// # Errors
    /// [`RouteError::OffMap`] when no road is within `limit_m`.
    pub fn snap(&self, place: Coordinate, limit_m: f64) -> Result<Snap, RouteError> {
        let wide = limit_m / METRES_PER_DEGREE / place.lat().to_radians().cos().max(0.01);
        let envelope = rstar::AABB::from_corners(
            [place.lon() - wide, place.lat() - wide],
            [place.lon() + wide, place.lat() + wide],
        );
        let nearest = self
            .segments
            .locate_in_envelope_intersecting(envelope)
            .map(|segment| self.on_piece(place, segment.data.0, segment.data.1))
            .min_by(|a, b| a.distance_m.total_cmp(&b.distance_m).then(a.edge.cmp(&b.edge)));
        nearest.filter(|snap| snap.distance_m <= limit_m).ok_or(RouteError::OffMap {
            lat: place.lat(),
            lon: place.lon(),
            limit_m,
        })
    }

    fn on_piece(&self, place: Coordinate, id: EdgeId, piece: u32) -> Snap {
        let edge = self.edge(id);
        let piece = piece as usize;
        let (a, b) = (edge.points[piece], edge.points[piece + 1]);
        let shrink = place.lat().to_radians().cos();
        let (dx, dy) = ((b.lon() - a.lon()) * shrink, b.lat() - a.lat());
        let (px, py) = ((place.lon() - a.lon()) * shrink, place.lat() - a.lat());
        let square = dx * dx + dy * dy;
        let along = if square > 0.0 { ((px * dx + py * dy) / square).clamp(0.0, 1.0) } else { 0.0 };
        let point = a.towards(b, along);
        let before: f64 = edge.points[..=piece].windows(2).map(|ends| ends[0].distance_m(ends[1])).sum();
        let whole: f64 = edge.points.windows(2).map(|ends| ends[0].distance_m(ends[1])).sum();
        let at = before + a.distance_m(b) * along;
        let fraction = if whole > 0.0 { (at / whole).clamp(0.0, 1.0) } else { 0.0 };
        Snap { edge: id, fraction, distance_m: place.distance_m(point), point }
    }
}

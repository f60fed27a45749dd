//! From a place to the road: the nearest point of any edge, within a limit.

use kernel::Coordinate;
use rstar::primitives::{GeomWithData, Line};

use crate::constraints::Resolved;
use crate::graph::{Edge, EdgeId, RoadGraph};
use crate::search::RouteError;

/// How far from a road a place may be, in metres, where the caller says nothing else: across a yard or a parking lot,
/// not across a valley.
pub const SNAP_LIMIT_M: f64 = 250.0;

/// Roads whose distances from a place differ by less are equally near, in metres: coordinates are rounded.
pub(crate) const SAME_PLACE_M: f64 = 1.0;

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
    pub edge: EdgeId,
    /// How far along it, from 0 to 1.
    pub fraction: f64,
    /// How far from the place that was asked for, in metres.
    pub distance_m: f64,
    pub point: Coordinate,
}

/// A place on the roads, with how far along each edge that leads over it it lies: at a crossing there are many, and an
/// edge that comes back to where it began is there twice.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// The place on the first of its edges; on the others it is the same but for [`SAME_PLACE_M`].
    pub point: Coordinate,
    edges: Vec<(EdgeId, f64)>,
}

impl Place {
    /// Where a way may begin or end. At a crossing on every edge that is open, as whoever stands there is not inside the
    /// closure of one of its roads; elsewhere in both directions of the road, closed or not.
    pub fn edges(&self, graph: &RoadGraph, rules: &Resolved) -> Vec<(EdgeId, f64)> {
        let open: Vec<_> = self.edges.iter().filter(|(edge, _)| rules.open(*edge)).copied().collect();
        let Some(&(main, _)) = open.first().or(self.edges.first()) else { return open };
        let twin = graph.twin(main);
        let is_of_main = |edge: EdgeId| edge == main || Some(edge) == twin;
        if open.iter().any(|(edge, _)| !is_of_main(*edge)) {
            return open;
        }
        self.edges.iter().filter(|(edge, _)| is_of_main(*edge)).copied().collect()
    }
}

impl RoadGraph {
    /// The nearest point of a road.
    ///
    /// # Errors
    /// [`RouteError::OffMap`] when no road is within `limit_m`.
    pub fn snap(&self, place: Coordinate, limit_m: f64) -> Result<Snap, RouteError> {
        let off_map = RouteError::OffMap { lat: place.lat(), lon: place.lon(), limit_m };
        self.nearest(place, limit_m, |_| true).ok_or(off_map)
    }

    /// The nearest point of a road; of roads that are equally near, one that is open. Roads meet at crossings, and whoever
    /// stands at one is not inside the closure of one of them.
    ///
    /// # Errors
    /// As [`RoadGraph::snap`].
    pub fn snap_under(&self, place: Coordinate, limit_m: f64, rules: &Resolved) -> Result<Snap, RouteError> {
        let nearest = self.snap(place, limit_m)?;
        if rules.open(nearest.edge) {
            return Ok(nearest);
        }
        let as_near_m = (nearest.distance_m + SAME_PLACE_M).min(limit_m);
        Ok(self.nearest(place, as_near_m, |edge| rules.open(edge)).unwrap_or(nearest))
    }

    /// The place on the roads that is asked for: as [`RoadGraph::snap_under`], with every road that meets it there.
    pub(crate) fn place_under(&self, place: Coordinate, limit_m: f64, rules: &Resolved) -> Result<Place, RouteError> {
        let snap = self.snap_under(place, limit_m, rules)?;
        let edges = std::iter::once(snap).chain(self.near(snap.point, SAME_PLACE_M, |_| true));
        Ok(Place { point: snap.point, edges: edges.map(|snap| (snap.edge, snap.fraction)).collect() })
    }

    fn nearest(&self, place: Coordinate, limit_m: f64, is_meant: impl Fn(EdgeId) -> bool) -> Option<Snap> {
        self.near(place, limit_m, is_meant)
            .min_by(|a, b| a.distance_m.total_cmp(&b.distance_m).then(a.edge.cmp(&b.edge)))
    }

    /// The nearest points of all pieces of road within a limit.
    fn near(&self, place: Coordinate, limit_m: f64, is_meant: impl Fn(EdgeId) -> bool) -> impl Iterator<Item = Snap> {
        let wide = limit_m / METRES_PER_DEGREE / place.lat().to_radians().cos().max(0.01);
        let envelope = rstar::AABB::from_corners(
            [place.lon() - wide, place.lat() - wide],
            [place.lon() + wide, place.lat() + wide],
        );
        self.segments
            .locate_in_envelope_intersecting(envelope)
            .filter(move |segment| is_meant(segment.data.0))
            .map(move |segment| self.on_piece(place, segment.data.0, segment.data.1))
            .filter(move |snap| snap.distance_m <= limit_m)
    }

    fn on_piece(&self, place: Coordinate, id: EdgeId, piece: u32) -> Snap {
        let edge = self.edge(id);
        let piece = piece as usize;
        let (a, b) = (edge.points[piece], edge.points[piece + 1]);
        let along = place.foot_on(a, b);
        let point = a.towards(b, along);
        let before: f64 = edge.points[..=piece].windows(2).map(|ends| ends[0].distance_m(ends[1])).sum();
        let whole: f64 = edge.points.windows(2).map(|ends| ends[0].distance_m(ends[1])).sum();
        let at = before + a.distance_m(b) * along;
        let fraction = if whole > 0.0 { (at / whole).clamp(0.0, 1.0) } else { 0.0 };
        Snap { edge: id, fraction, distance_m: place.distance_m(point), point }
    }
}

//! What a route must obey: zones, closures, speeds and the vehicle's size; and the same, resolved once to the edges of
//! one graph, so that many routes and durations can be asked under one set of constraints.

use std::collections::BTreeSet;

use kernel::{Coordinate, polygon};

use crate::area::Area;
use crate::graph::{EdgeId, RoadGraph};
use crate::road::VehicleShape;
use crate::search::RouteError;

/// The most zones, closures and caps of one question: a site has tens, and each is looked up in the graph.
pub const AREAS_MAX: usize = 1_000;
/// The most corners of one polygon: each is compared with each road nearby.
pub const CORNERS_MAX: usize = 2_000;
/// The name under which the limit on the speed anywhere is reported.
pub const MAX_SPEED: &str = "max_speed_mps";
/// The name under which the vehicle's size is reported.
pub const VEHICLE_SIZE: &str = "vehicle_size";

/// A limit on the speed inside a polygon.
#[derive(Debug, Clone, PartialEq)]
pub struct SpeedCap {
    pub area: Area,
    /// The highest speed there, in metres per second.
    pub max_speed_mps: f64,
}

/// What a closure asks of those inside (SAFE-9). Nobody may enter, whatever the class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ClosureClass {
    /// Those inside leave on their way.
    #[default]
    NoEntry,
    /// Those inside stand still: no route leads out.
    Stop,
    Evacuate,
}

/// What is closed.
#[derive(Debug, Clone, PartialEq)]
pub enum Extent {
    /// Every edge that touches a polygon.
    Polygon(Vec<Coordinate>),
    /// Edges of the graph that is asked.
    Edges(BTreeSet<EdgeId>),
}

/// A closed part of the road.
#[derive(Debug, Clone, PartialEq)]
pub struct Closure {
    pub id: String,
    pub extent: Extent,
    /// What it asks of those inside.
    pub class: ClosureClass,
}

impl From<Area> for Closure {
    fn from(area: Area) -> Self {
        Self { id: area.id, extent: Extent::Polygon(area.corners), class: ClosureClass::NoEntry }
    }
}

/// What a route must obey.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Constraints {
    /// The highest speed anywhere, in metres per second.
    pub max_speed_mps: Option<f64>,
    /// Zones not to be driven through; who stands in one leaves it.
    pub avoided: Vec<Area>,
    pub closures: Vec<Closure>,
    pub speed_caps: Vec<SpeedCap>,
    pub vehicle: VehicleShape,
}

impl Constraints {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn check(&self) -> Result<(), RouteError> {
        let areas = self.avoided.len() + self.closures.len() + self.speed_caps.len();
        if areas > AREAS_MAX {
            return Err(RouteError::TooMany { what: "zones, closures and caps", limit: AREAS_MAX });
        }
        let drawn = self.closures.iter().filter_map(|closure| match &closure.extent {
            Extent::Polygon(corners) => Some(corners),
            Extent::Edges(_) => None,
        });
        let polygons = self.avoided.iter().chain(self.speed_caps.iter().map(|cap| &cap.area)).map(|area| &area.corners);
        if polygons.chain(drawn).any(|corners| corners.len() > CORNERS_MAX) {
            return Err(RouteError::TooMany { what: "corners of a polygon", limit: CORNERS_MAX });
        }
        let mut speeds = self.max_speed_mps.into_iter().chain(self.speed_caps.iter().map(|cap| cap.max_speed_mps));
        match speeds.find(|speed| !(*speed > 0.0 && speed.is_finite())) {
            Some(speed_mps) => Err(RouteError::Speed { speed_mps }),
            None => Ok(()),
        }
    }
}

/// Edges that may not be entered, and on whose word.
#[derive(Debug, Clone)]
pub(crate) struct Ban {
    pub id: String,
    pub edges: BTreeSet<EdgeId>,
    pub class: ClosureClass,
    /// The area that was drawn; a closure of edges has none.
    pub area: Option<Vec<Coordinate>>,
}

impl Ban {
    /// Whether somebody on one of its edges is inside: in the area itself, where there is one.
    pub fn holds(&self, edge: EdgeId, place: Coordinate) -> bool {
        self.edges.contains(&edge) && self.area.as_ref().is_none_or(|area| polygon::contains(area, place))
    }

    /// Whether the rest of one of its edges leads into it.
    pub fn is_ahead(&self, edge: EdgeId, rest: &[Coordinate]) -> bool {
        let enters = |area: &Vec<Coordinate>| polygon::touches(area, rest);
        self.edges.contains(&edge) && self.area.as_ref().is_some_and(enters)
    }
}

/// Edges with a lower speed, and on whose word.
#[derive(Debug, Clone)]
pub(crate) struct Slow {
    pub id: String,
    pub edges: BTreeSet<EdgeId>,
    pub max_speed_mps: f64,
}

/// Constraints resolved to the edges of one graph, which it names by digest.
#[derive(Debug, Clone)]
pub struct Resolved {
    digest: String,
    pub(crate) bans: Vec<Ban>,
    pub(crate) slows: Vec<Slow>,
    pub(crate) max_speed_mps: f64,
    /// By edge; empty where nothing is banned.
    blocked: Vec<bool>,
    /// By edge, in metres per second; empty where nothing is capped.
    caps: Vec<f64>,
}

impl Resolved {
    pub(crate) fn free(graph: &RoadGraph) -> Self {
        Self::of(graph, Vec::new(), Vec::new(), f64::INFINITY)
    }

    fn of(graph: &RoadGraph, bans: Vec<Ban>, slows: Vec<Slow>, max_speed_mps: f64) -> Self {
        let (mut blocked, mut caps) = (Vec::new(), Vec::new());
        for edge in bans.iter().flat_map(|ban| &ban.edges) {
            blocked.resize(graph.edge_count(), false);
            blocked[edge.0 as usize] = true;
        }
        for slow in &slows {
            caps.resize(graph.edge_count(), f64::INFINITY);
            for edge in &slow.edges {
                let lowest: &mut f64 = &mut caps[edge.0 as usize];
                *lowest = lowest.min(slow.max_speed_mps);
            }
        }
        Self { digest: graph.digest(), bans, slows, max_speed_mps, blocked, caps }
    }

    pub(crate) fn without(&self, graph: &RoadGraph, ban: usize) -> Self {
        let kept = self.bans.iter().enumerate().filter(|(place, _)| *place != ban).map(|(_, ban)| ban.clone());
        Self::of(graph, kept.collect(), self.slows.clone(), self.max_speed_mps)
    }

    /// The digest of the graph whose edges these are.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    pub fn is_empty(&self) -> bool {
        self.bans.is_empty() && self.slows.is_empty() && self.max_speed_mps == f64::INFINITY
    }

    /// Whether an edge may be entered.
    pub fn open(&self, edge: EdgeId) -> bool {
        !self.blocked.get(edge.0 as usize).copied().unwrap_or(false)
    }

    /// The speed to drive on an edge, in metres per second.
    pub fn speed_mps(&self, graph: &RoadGraph, edge: EdgeId) -> f64 {
        let cap = self.caps.get(edge.0 as usize).copied().unwrap_or(f64::INFINITY);
        graph.edge(edge).speed_mps.min(cap).min(self.max_speed_mps)
    }

    pub(crate) fn seconds(&self, graph: &RoadGraph, edge: EdgeId) -> f64 {
        graph.edge(edge).length_m / self.speed_mps(graph, edge)
    }

    /// The highest speed that anything can have.
    pub(crate) fn fastest_mps(&self, graph: &RoadGraph) -> f64 {
        graph.fastest_mps().min(self.max_speed_mps)
    }
}

impl RoadGraph {
    /// Looks up which edges some constraints concern, once for many questions.
    ///
    /// # Errors
    /// When there are too many of them, a speed is not above zero, or a closure names edges that this graph has not.
    pub fn resolve(&self, constraints: &Constraints) -> Result<Resolved, RouteError> {
        constraints.check()?;
        let ban = |id: &str, edges, class, area| Ban { id: id.to_owned(), edges, class, area };
        let mut bans = Vec::new();
        for area in &constraints.avoided {
            bans.push(ban(&area.id, self.edges_in(area), ClosureClass::NoEntry, Some(area.corners.clone())));
        }
        for closure in &constraints.closures {
            let (edges, area) = match &closure.extent {
                Extent::Polygon(corners) => {
                    let area = Area { id: closure.id.clone(), corners: corners.clone() };
                    (self.edges_in(&area), Some(area.corners))
                }
                Extent::Edges(edges) => (edges.clone(), None),
            };
            if edges.last().is_some_and(|last| last.0 as usize >= self.edge_count()) {
                return Err(RouteError::OtherMap);
            }
            bans.push(ban(&closure.id, edges, closure.class, area));
        }
        let vehicle = constraints.vehicle;
        if vehicle != VehicleShape::default() {
            let narrow = (0u32..).zip(self.edges()).filter(|(_, edge)| !edge.limits.admit(&vehicle));
            let narrow = narrow.map(|(place, _)| EdgeId(place)).collect();
            bans.push(ban(VEHICLE_SIZE, narrow, ClosureClass::NoEntry, None));
        }
        bans.retain(|ban| !ban.edges.is_empty());
        let slow = |cap: &SpeedCap| Slow {
            id: cap.area.id.clone(),
            edges: self.edges_in(&cap.area),
            max_speed_mps: cap.max_speed_mps,
        };
        let slows = constraints.speed_caps.iter().map(slow).filter(|slow| !slow.edges.is_empty()).collect();
        Ok(Resolved::of(self, bans, slows, constraints.max_speed_mps.unwrap_or(f64::INFINITY)))
    }
}

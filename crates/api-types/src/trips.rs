//! Trips: asked for, listed, followed, explained, cancelled.

use std::collections::{BTreeMap, BTreeSet};

use kernel::id::{BootId, StandingId};
use kernel::{Coordinate, DecisionId, SiteId, Timestamp, TripId, VehicleId};
use policy::Constraints;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trips::limits::{CAPABILITIES_MAX, PASSENGERS_MAX, PAYLOAD_KG_MAX, PRIORITY_MAX, STOPS_BETWEEN_MAX};
use trips::trip::types::{
    Assignment, Blocked, Diversion, Ending, Exclusion, Kind, OpenViolation, Requirements as Required, Rerouting,
    Resuming, RouteSummary, Stop, Summary, Wait, Window, Withdrawal,
};
use trips::{Leg, Progress, RouteVersion, Status};

use super::vehicles::Recorded;
use super::{PageLimit, Place, WaitMs};

view! {
    Trip of trip: trips::Trip {
        id: TripId,
        status: Status,
        /// The state to which an interrupted trip returns.
        left: Option<Status>,
        /// Whether people or load are aboard, whatever the status says.
        occupied: bool,
        site: SiteId,
        kind: Kind,
        /// Origin first, destination last.
        stops: Vec<Stop>,
        /// The stop that the vehicle drives to.
        stop_index: u64,
        requirements: Required,
        priority: u8,
        window: Window,
        /// The limits in force: the request's, and the vehicle's too once one is assigned.
        constraints: Constraints,
        /// The limits that the request was allowed under.
        request_constraints: Constraints,
        /// The decision that allowed the request.
        decision: DecisionId,
        policy_bundle: String,
        requested_by: String,
        /// The standing order that asked.
        #[serde(skip_serializing_if = "Option::is_none")]
        standing: Option<StandingId>,
        created_at: Timestamp,
        /// When it expires without a vehicle.
        expires_at: Timestamp,
        route: Option<RouteSummary>,
        route_versions: u64,
        /// A new version that the vehicle has not taken yet.
        #[serde(skip_serializing_if = "Option::is_none")]
        rerouting: Option<Rerouting>,
        /// Why the vehicle was told to stop before the rest of its way.
        #[serde(skip_serializing_if = "Option::is_none")]
        blocked: Option<Blocked>,
        /// An order to go on that the vehicle has not answered yet.
        #[serde(skip_serializing_if = "Option::is_none")]
        resuming: Option<Resuming>,
        /// Where the vehicle stands by itself before a zone or closure.
        #[serde(skip_serializing_if = "Option::is_none")]
        held_back_at: Option<Coordinate>,
        /// That it was called off with people or load aboard.
        #[serde(skip_serializing_if = "Option::is_none")]
        diversion: Option<Diversion>,
        /// That it is taken back from its vehicle, which has not left it yet.
        #[serde(skip_serializing_if = "Option::is_none")]
        withdrawal: Option<Withdrawal>,
        /// The vehicle; of an ended trip the one that drove it.
        vehicle: Option<VehicleId> = trip.assignment.as_ref().map(|assignment| assignment.vehicle),
        claim_epoch: Option<u64> = trip.assignment.as_ref().map(|assignment| assignment.claim_epoch),
        assignment: Option<Assignment>,
        /// Vehicles that are not asked for a while.
        excluded: Vec<Exclusion>,
        wait: Option<Wait>,
        /// Rules that the vehicle violates now.
        violations: BTreeMap<String, OpenViolation>,
        /// Per boot of a vehicle the newest report that counted.
        reports: BTreeMap<BootId, u64>,
        summary: Option<Summary>,
        ended: Option<Ending>,
        /// When it must be looked at.
        due: Option<Timestamp>,
        changed_at: Timestamp,
        /// How far it is, where one trip is shown.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(extend("may-be-null" = true))]
        progress: Option<Option<Progress>> = None,
        /// Whether it was called off and ends where its people or load leave.
        #[serde(skip_serializing_if = "Option::is_none")]
        diverted: Option<bool> = None,
        /// Where its cancellation is kept.
        #[serde(skip_serializing_if = "Option::is_none")]
        recorded: Option<Recorded> = None,
    }
}

/// What a client asks for.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TripRequest {
    site: SiteId,
    kind: Kind,
    origin: Coordinate,
    destination: Coordinate,
    requirements: Option<Requirements>,
    /// What the sector's work needs to know: `job` of a yard, `classification` of a mission.
    #[schemars(extend("maxProperties" = ATTRIBUTES_MAX))]
    attributes: Option<BTreeMap<String, AttributeText>>,
    /// Higher goes first; 0 is the everyday one.
    #[schemars(range(max = PRIORITY_MAX))]
    priority: Option<u8>,
    /// Places between the two ends.
    #[schemars(length(max = STOPS_BETWEEN_MAX))]
    stops: Option<Vec<Coordinate>>,
    /// When it may begin.
    window: Option<Window>,
}

/// The most attributes of a trip.
const ATTRIBUTES_MAX: usize = 8;
/// The value of an attribute.
type AttributeText = super::Text<100>;

/// What the vehicle must be able to do and carry.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Requirements {
    /// Names of capabilities, all of them needed.
    #[schemars(length(max = CAPABILITIES_MAX), inner(regex(pattern = kernel::text::WORD)))]
    capabilities: Option<BTreeSet<String>>,
    #[schemars(range(min = 0, max = PAYLOAD_KG_MAX))]
    payload_kg: Option<f64>,
    #[schemars(range(max = PASSENGERS_MAX))]
    passengers: Option<u32>,
}

impl From<TripRequest> for trips::TripRequest {
    fn from(asked: TripRequest) -> Self {
        let between = asked.stops.into_iter().flatten();
        let places = [asked.origin].into_iter().chain(between).chain([asked.destination]);
        let needs = asked.requirements.unwrap_or_default();
        Self {
            site: asked.site,
            kind: asked.kind,
            stops: places.map(|at| Stop { at }).collect(),
            requirements: Required {
                capabilities: needs.capabilities.unwrap_or_default(),
                payload_kg: needs.payload_kg.unwrap_or_default(),
                passengers: needs.passengers.unwrap_or_default(),
                attributes: asked.attributes.into_iter().flatten().map(|(name, text)| (name, text.0)).collect(),
            },
            priority: asked.priority.unwrap_or_default(),
            window: asked.window.unwrap_or_default(),
        }
    }
}

/// What a route is asked for by: a trip at a site without priority and window, and perhaps a vehicle.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RouteRequest {
    kind: Kind,
    origin: Coordinate,
    destination: Coordinate,
    requirements: Option<Requirements>,
    #[schemars(length(max = STOPS_BETWEEN_MAX))]
    stops: Option<Vec<Coordinate>>,
    pub vehicle: Option<VehicleId>,
}

impl RouteRequest {
    pub fn at(self, site: SiteId) -> TripRequest {
        let Self { kind, origin, destination, requirements, stops, vehicle: _ } = self;
        let (attributes, priority, window) = (None, None, None);
        TripRequest { site, kind, origin, destination, requirements, attributes, stops, priority, window }
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct TripFilter {
    pub status: Option<Status>,
    pub vehicle: Option<VehicleId>,
    pub after: Option<TripId>,
    pub limit: Option<PageLimit>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct Since {
    pub after: Option<Place>,
    pub wait_ms: Option<WaitMs>,
}

view! {
    /// A version of a trip's route.
    Route of found: RouteVersion {
        /// The stops of the trip that it leads to, in metres along approach and trip leg.
        stops_m: Vec<f64> = found.stops_m(),
        #[serde(flatten)]
        summary: RouteSummary,
        trip: TripId,
        /// From the pickup to the drop-off.
        #[serde(flatten)]
        trip_leg: Leg,
        /// To the pickup; empty without a vehicle.
        approach: Leg,
        constraints: Constraints,
        found_at: Timestamp,
        /// Where it begins, in metres along the vehicle's whole drive.
        begins_at_m: f64,
    }
}

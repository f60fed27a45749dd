//! What trips need of their neighbours, in their own words. The binary wires each to the domain that owns it; a
//! simulation or a test wires something smaller. A port that refuses answers [`CommandError::Reject`], one that cannot
//! answer now [`CommandError::Fault`].

use std::collections::{BTreeMap, BTreeSet};

use kernel::{BoxFuture, Coordinate, Ctx, Envelope, Sector, SiteId, TenantId, Timestamp, TripId, VehicleId};
use policy::{Constraints, Fact};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::{CommandError, Fault};

use crate::trip::TripRequest;
use crate::trip::types::{FrozenSector, Requirements};

/// What every port answers with.
pub type Answer<'a, T> = BoxFuture<'a, Result<T, CommandError>>;

/// A tenant, as far as trips are concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantFacts {
    pub sector: Sector,
    /// Whether its vehicles are simulated (SAFE-15).
    pub simulated: bool,
    pub entitlements: BTreeSet<String>,
}

pub trait Tenants: Send + Sync {
    fn tenant<'a>(&'a self, tenant: &'a TenantId) -> Answer<'a, Option<TenantFacts>>;
}

/// Whether a vehicle can be given a trip, as the fleet defines it (SAFE-17).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Availability {
    /// It is READY: dispatch may choose it.
    Ready,
    /// It will be READY once the trip that it serves is over.
    Busy,
    /// Something else keeps it from being READY: its connection, its mode, a hold or a stop.
    Unavailable,
}

/// A vehicle, as far as dispatch is concerned.
#[derive(Debug, Clone, PartialEq)]
pub struct VehicleFacts {
    pub vehicle: VehicleId,
    pub name: String,
    pub site: SiteId,
    pub availability: Availability,
    pub online: bool,
    /// Driving mode: AUTONOMOUS, REMOTE, MANUAL, SERVICE, ESTOP.
    pub mode: String,
    pub holds: BTreeSet<String>,
    /// Whether a trip has a claim on it.
    pub claimed: bool,
    /// When it last told mode and battery.
    pub seen_at: Timestamp,
    /// State of charge, 0 to 100.
    pub battery_pct: f64,
    /// Usable energy when full, in watt-hours.
    pub energy_capacity_wh: f64,
    pub consumption_wh_per_m: f64,
    /// How far it may drive before the chance that a part fails whose failure is unsafe exceeds 5 %, in metres; none:
    /// nothing is predicted.
    pub safe_range_m: Option<f64>,
    pub capabilities: BTreeSet<String>,
    /// The heaviest load that it may carry, in kilograms: the lesser of profile and admission.
    pub payload_max_kg: f64,
    pub seats: u32,
    /// Its own speed limit in metres per second, where it has one.
    pub max_speed_mps: Option<f64>,
    /// Sectors that it was admitted to.
    pub allowed_sectors: BTreeSet<Sector>,
    /// Zones that it must stay out of.
    pub avoided_zones: BTreeSet<String>,
    /// Whether its admission is still valid.
    pub admission_valid: bool,
    pub on_probation: bool,
    pub simulated: bool,
    /// Its newest position, if one is known.
    pub position: Option<LastPosition>,
    /// What the sector's own work says of it, as facts that policy knows.
    pub sector_facts: Vec<Fact>,
}

impl VehicleFacts {
    /// Whether dispatch may choose it now.
    pub fn is_ready(&self) -> bool {
        self.availability == Availability::Ready
    }

    /// Whether it is READY, or will be once the trip that it serves is over.
    pub fn is_in_service(&self) -> bool {
        self.availability != Availability::Unavailable
    }
}

/// What an event of the fleet means for trips.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FleetEvent {
    /// A hold takes effect on a vehicle before the end of its trip.
    VehicleHeld {
        vehicle: VehicleId,
        kind: String,
        /// Why it was placed, for a person.
        reason: String,
    },
    /// The connection to a vehicle ended.
    VehicleOffline(VehicleId),
    /// A vehicle may be READY after it, although it was not before.
    VehicleMayBeReady(VehicleId),
    /// A zone, closure or speed limit of a site was announced or came into force, which may cut or slow the routes there.
    RoadsRestricted(SiteId),
    /// The map of a site changed, or a zone, closure or speed limit ended: trips that wait there may find a route.
    RoadsChanged(SiteId),
}

/// What the vehicles of a fleet can do, one of them this and another that.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Abilities {
    pub capabilities: BTreeSet<String>,
    /// The most seats that one has; `None` while there is no vehicle.
    pub seats_max: Option<u32>,
    /// The heaviest load that one may carry, in kilograms; `None` while there is no vehicle.
    pub payload_max_kg: Option<f64>,
}

impl Abilities {
    /// Whether for each thing that is needed there is a vehicle that can do it. Of a fleet without vehicles only
    /// capabilities are known to be missing: those that come may have any size.
    pub fn suffice(&self, needs: &Requirements) -> bool {
        needs.capabilities.is_subset(&self.capabilities)
            && self.seats_max.is_none_or(|seats| needs.passengers <= seats)
            && self.payload_max_kg.is_none_or(|payload_kg| needs.payload_kg <= payload_kg)
    }
}

/// What is known of the claim that a trip has or had on a vehicle.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ClaimFacts {
    /// Whether the trip's claim is the vehicle's current one.
    pub is_current: bool,
    /// Until when the vehicle may move under the trip's newest claim: the last renewal plus the validity, also after
    /// the claim was taken away from a vehicle that may not have heard of it. `None` when the trip never had one.
    pub valid_until: Option<Timestamp>,
}

/// A site, as far as a request is concerned.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SiteFacts {
    /// Closures and closed zones at the stops, by id or name.
    pub closed_at_stops: BTreeSet<String>,
    /// Kinds of zone that the stops lie in.
    pub zone_kinds_at_stops: BTreeSet<String>,
    /// Zones that are closed to motion now.
    pub avoided_zones: BTreeSet<String>,
}

pub trait Fleet: Send + Sync {
    /// What an entry of the journal means for trips; `None` where it is not the fleet's, or means nothing to them.
    ///
    /// # Errors
    /// [`Fault::Corrupt`] where it is an event of the fleet that cannot be read: a hold is never stepped over.
    fn event(&self, event: &Envelope) -> Result<Option<FleetEvent>, Fault>;

    /// A site with regard to stops; `None` when there is no such site.
    fn site<'a>(&'a self, ctx: &'a Ctx, site: &'a SiteId, stops: &'a [Coordinate]) -> Answer<'a, Option<SiteFacts>>;

    /// What the vehicles of the tenant can do, where that is less than what is needed; `None` where it suffices.
    fn falls_short<'a>(&'a self, ctx: &'a Ctx, needs: &'a Requirements) -> Answer<'a, Option<Abilities>>;

    /// The vehicles of a site, ready or not, in order of id: of those that are not ready a waiting trip says why.
    fn vehicles<'a>(&'a self, ctx: &'a Ctx, site: &'a SiteId) -> Answer<'a, Vec<VehicleFacts>>;

    fn vehicle<'a>(&'a self, ctx: &'a Ctx, vehicle: VehicleId) -> Answer<'a, Option<VehicleFacts>>;

    /// Takes a vehicle for a trip and answers the claim's epoch. Idempotent by trip. Refused with
    /// `VEHICLE_UNAVAILABLE` when the vehicle is held or another's.
    fn take_claim<'a>(&'a self, ctx: &'a Ctx, trip: TripId, vehicle: VehicleId, valid_for_s: u64) -> Answer<'a, u64>;

    /// Ends the trip's claim on the vehicle, and with it its epoch; with `claim_epoch` only that claim, without
    /// whichever the trip has. Idempotent: a claim that is another's, or newer, is left alone.
    fn release_claim<'a>(
        &'a self,
        ctx: &'a Ctx,
        trip: TripId,
        vehicle: VehicleId,
        claim_epoch: Option<u64>,
    ) -> Answer<'a, ()>;

    /// Ends the epoch of a trip's claim and keeps the vehicle from other trips: the claim is renewed no more and lapses.
    /// Idempotent, like [`Fleet::release_claim`].
    fn withdraw_claim<'a>(&'a self, ctx: &'a Ctx, trip: TripId, vehicle: VehicleId, claim_epoch: u64)
    -> Answer<'a, ()>;

    /// What is known of the trip's claim on the vehicle.
    fn claim<'a>(&'a self, ctx: &'a Ctx, trip: TripId, vehicle: VehicleId) -> Answer<'a, ClaimFacts>;

    /// The names of the closed or avoided zones that a place lies in, of those that `names` lists or that are closed
    /// to everybody.
    fn closed_zones_at<'a>(
        &'a self,
        ctx: &'a Ctx,
        site: &'a SiteId,
        at: Coordinate,
        names: &'a BTreeSet<String>,
    ) -> Answer<'a, BTreeSet<String>>;
}

/// A piece of a route on which the same holds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RouteStep {
    pub length_m: f64,
    /// The speed planned there, in metres per second.
    pub speed_mps: f64,
    /// Whether only a stop NOW may end here (SAFE-5).
    pub no_stop: bool,
}

/// A route that was found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RouteFound {
    /// The line; at least two points, or none where both ends are one place.
    pub points: Vec<Coordinate>,
    pub steps: Vec<RouteStep>,
    pub distance_m: f64,
    pub duration_ms: u64,
    /// Which constraints made it longer or slower than it would be without.
    pub binding: Vec<String>,
    pub zones: BTreeSet<String>,
    /// SHA-256 of the map that it was found on.
    pub map_digest: String,
}

impl RouteFound {
    /// This route, and from its end on the next one.
    pub(crate) fn then(mut self, next: Self) -> Self {
        self.points.extend(next.points);
        self.steps.extend(next.steps);
        self.distance_m += next.distance_m;
        self.duration_ms += next.duration_ms;
        self.binding.extend(next.binding);
        self.zones.extend(next.zones);
        self.map_digest = next.map_digest;
        self
    }
}

/// What to find a route for.
#[derive(Debug, Clone, Copy)]
pub struct RouteQuery<'a> {
    /// The site whose road graph holds.
    pub site: &'a SiteId,
    pub from: Coordinate,
    pub to: Coordinate,
    /// The limits that it keeps to.
    pub constraints: &'a Constraints,
    /// The vehicle that will drive it, if one is chosen.
    pub vehicle: Option<&'a VehicleFacts>,
}

/// The answer to a query for a route.
#[derive(Debug, Clone, PartialEq)]
pub enum RouteAnswer {
    Found(RouteFound),
    /// There is none under these limits.
    Unroutable {
        /// Why, for a person: what is closed or cut off.
        reason: String,
    },
    /// An end is too far from any road.
    OffMap {
        is_origin: bool,
        /// How far, and how far is allowed, for a person.
        reason: String,
    },
}

/// A zone or closure in force that a line touches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Obstacle {
    pub name: String,
    pub holds_start: bool,
    /// Whether those inside must stand still (SAFE-9).
    pub stops_inside: bool,
}

/// A piece of a path with the speed that is planned on it, in metres per second.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedSpeed {
    pub line: Vec<Coordinate>,
    pub speed_mps: f64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DriveEstimate {
    pub duration_ms: u64,
    pub distance_m: f64,
}

/// Routes on a site's road graph.
pub trait Routing: Send + Sync {
    /// For each place why it is off the map, that is farther than `limit_m` from any road; `None` when it is on it. No
    /// limits but the map's own apply.
    fn off_map<'a>(
        &'a self,
        ctx: &'a Ctx,
        site: &'a SiteId,
        places: &'a [Coordinate],
        limit_m: f64,
    ) -> Answer<'a, Vec<Option<String>>>;

    fn route<'a>(&'a self, ctx: &'a Ctx, query: RouteQuery<'a>) -> Answer<'a, RouteAnswer>;

    /// Driving from each of `from` to each of `to`, as `[from][to]`; `None` where there is no route.
    fn drive_estimates<'a>(
        &'a self,
        ctx: &'a Ctx,
        site: &'a SiteId,
        from: &'a [Coordinate],
        to: &'a [Coordinate],
        constraints: &'a Constraints,
    ) -> Answer<'a, Vec<Vec<Option<DriveEstimate>>>>;

    /// The zones and closures in force that a line touches.
    fn obstacles<'a>(&'a self, ctx: &'a Ctx, site: &'a SiteId, line: &'a [Coordinate]) -> Answer<'a, Vec<Obstacle>>;

    /// A speed limit of a part of the site that is lower than what is planned there, for a person.
    fn exceeded_limit<'a>(
        &'a self,
        ctx: &'a Ctx,
        site: &'a SiteId,
        planned: &'a [PlannedSpeed],
    ) -> Answer<'a, Option<String>>;

    /// SHA-256 of the map in force at the site; `None` without one.
    fn map_digest<'a>(&'a self, ctx: &'a Ctx, site: &'a SiteId) -> Answer<'a, Option<String>>;
}

/// Where a vehicle was seen last.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LastPosition {
    pub at: Coordinate,
    /// Speed in metres per second.
    pub speed_mps: f64,
    pub seen_at: Timestamp,
}

/// How far a vehicle is on its trip.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RouteProgress {
    pub progress_m: f64,
    /// Speed in metres per second.
    pub speed_mps: f64,
    pub seen_at: Timestamp,
}

pub trait Positions: Send + Sync {
    /// How far a vehicle is on a trip, by its newest sample; `None` when that is of no trip or of another.
    fn route_progress<'a>(
        &'a self,
        ctx: &'a Ctx,
        vehicle: VehicleId,
        trip: TripId,
    ) -> Answer<'a, Option<RouteProgress>>;
}

/// What the sector's own work says of a trip, as facts that policy knows.
pub trait SectorWork: Send + Sync {
    /// Of a trip that is asked for.
    fn trip_facts<'a>(&'a self, ctx: &'a Ctx, request: &'a TripRequest) -> Answer<'a, Vec<Fact>>;

    /// What is in force of the tenant's sector, to be kept with a trip; `None` where it activated none.
    fn frozen<'a>(&'a self, ctx: &'a Ctx) -> Answer<'a, Option<FrozenSector>>;

    /// Of vehicles that may take a trip; of whom it says nothing, none.
    fn vehicle_facts<'a>(
        &'a self,
        ctx: &'a Ctx,
        vehicles: &'a [VehicleId],
    ) -> Answer<'a, BTreeMap<VehicleId, Vec<Fact>>>;

    /// Of what a trip asks of the vehicle that takes it, by the trip's attributes.
    fn needed_facts(&self, ctx: &Ctx, attributes: &BTreeMap<String, String>) -> Vec<Fact>;
}

/// Whether vehicles can be heard (SAFE-8).
pub trait Listener: Send + Sync {
    /// Since when vehicles can connect to this deployment; `None` while they cannot.
    fn up_since(&self) -> Option<Timestamp>;
}

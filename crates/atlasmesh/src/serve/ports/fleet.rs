//! What trips asks of vehicles and sites.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use fleet::KnownVehicle;
use fleet::site::{Restriction, Site, ZoneKind};
use fleet::vehicle::{Status, Vehicle};
use kernel::{Coordinate, Ctx, Envelope, SiteId, TenantId, Timestamp, TripId, VehicleId};
use routing::Area;
use store::{CommandError, Fault};
use trips::ports::{
    Abilities, Answer, Availability, ClaimFacts, Fleet, FleetEvent, LastPosition, SiteFacts, VehicleFacts,
};
use trips::trip::types::Requirements;

use super::Neighbours;
use super::fleet_events::fleet_event;

/// Consumption where nothing better is known, in watt-hours per metre: a light electric vehicle in a city.
const CONSUMPTION_WH_PER_M: f64 = 0.18;

fn facts(
    known: &KnownVehicle,
    position: Option<LastPosition>,
    safe_range_m: Option<f64>,
    now: Timestamp,
) -> VehicleFacts {
    let (vehicle, profile, constraints) = (&known.vehicle, &known.vehicle.profile, &known.vehicle.constraints);
    let limit = constraints.max_speed_mps.map_or(profile.max_speed_mps, |limit| limit.min(profile.max_speed_mps));
    let stop = vehicle.stops.first().map(|_| "stopped".to_owned());
    VehicleFacts {
        vehicle: known.id,
        name: profile.name.clone(),
        site: vehicle.site.clone(),
        availability: availability(vehicle),
        online: vehicle.status == Status::Online,
        mode: vehicle.mode.as_str().into(),
        holds: vehicle.holds.iter().map(|hold| hold.kind.as_str().to_owned()).chain(stop).collect(),
        claimed: vehicle.claim.is_some(),
        seen_at: known.seen.as_ref().map_or(vehicle.registered_at, |seen| seen.at),
        battery_pct: known.seen.as_ref().map_or(0.0, |seen| seen.battery_pct),
        energy_capacity_wh: profile.energy_capacity_wh,
        consumption_wh_per_m: CONSUMPTION_WH_PER_M,
        safe_range_m,
        capabilities: vehicle.capabilities.clone(),
        payload_max_kg: constraints
            .max_payload_kg
            .map_or(profile.payload_max_kg, |limit| limit.min(profile.payload_max_kg)),
        seats: constraints.max_passengers.map_or(profile.seats, |limit| limit.min(profile.seats)),
        max_speed_mps: Some(limit),
        allowed_sectors: known.sectors(),
        avoided_zones: constraints.avoided_zones.clone(),
        admission_valid: constraints.valid_for_s.is_none_or(|valid_s| {
            let valid_ms = i64::try_from(valid_s.saturating_mul(1_000)).unwrap_or(i64::MAX);
            now < vehicle.registered_at.plus_ms(valid_ms)
        }),
        on_probation: constraints.probation_trips.is_some_and(|trips| trips > 0),
        simulated: profile.simulated,
        position,
        sector_facts: Vec::new(),
    }
}

fn availability(vehicle: &Vehicle) -> Availability {
    match vehicle.is_ready() {
        true => Availability::Ready,
        false if vehicle.is_ready_but_for_claim() => Availability::Busy,
        false => Availability::Unavailable,
    }
}

/// The name under which policy knows a zone or closure: a zone's own, a closure's id. It asks nothing about speed limits.
pub(super) fn name_of<'a>(id: &'a str, restriction: &'a Restriction) -> &'a str {
    match restriction {
        Restriction::Zone { name, .. } => name,
        Restriction::Closure { .. } | Restriction::SpeedLimit { .. } => id,
    }
}

fn contains(restriction: &Restriction, place: Coordinate) -> bool {
    Area { id: String::new(), corners: restriction.polygon().to_vec() }.contains(place)
}

fn site_facts(site: &Site, stops: &[Coordinate], now: Timestamp) -> SiteFacts {
    let closes = |restriction: &Restriction| restriction.class().is_some() && restriction.in_force(now);
    let in_force = || site.restrictions.iter().filter(move |(_, restriction)| closes(restriction));
    let at_stops = || in_force().filter(|(_, restriction)| stops.iter().any(|&stop| contains(restriction, stop)));
    let zone_kinds = at_stops().filter_map(|(_, restriction)| match restriction {
        Restriction::Zone { kind, .. } => Some(zone_kind(*kind).to_owned()),
        Restriction::Closure { .. } | Restriction::SpeedLimit { .. } => None,
    });
    let zones = in_force().filter(|(_, restriction)| matches!(restriction, Restriction::Zone { .. }));
    SiteFacts {
        closed_at_stops: at_stops().map(|(id, restriction)| name_of(id, restriction).to_owned()).collect(),
        zone_kinds_at_stops: zone_kinds.collect(),
        avoided_zones: zones.map(|(id, restriction)| name_of(id, restriction).to_owned()).collect(),
    }
}

fn zone_kind(kind: ZoneKind) -> &'static str {
    match kind {
        ZoneKind::Avoided => "avoided",
        ZoneKind::Blast => "blast",
        ZoneKind::Exclusive => "exclusive",
    }
}

/// What fleets could do a moment ago, so that a request costs no look at every vehicle. Only that it suffices is
/// answered from here: that it does not is looked up.
#[derive(Debug, Default)]
pub struct KnownAbilities(Mutex<BTreeMap<TenantId, (Timestamp, Abilities)>>);

/// How long what a fleet could do is believed, in milliseconds: a vehicle that left meanwhile makes a trip wait.
const ABILITIES_KNOWN_MS: i64 = 60_000;

impl KnownAbilities {
    fn suffice(&self, tenant: &TenantId, needs: &Requirements, now: Timestamp) -> bool {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(tenant).is_some_and(|(at, can)| now.since_ms(*at) < ABILITIES_KNOWN_MS && can.suffice(needs))
    }

    /// A fleet without vehicles is looked at again: the first may come any moment.
    fn keep(&self, tenant: &TenantId, can: Abilities, now: Timestamp) {
        if can.seats_max.is_none() {
            return;
        }
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(tenant.clone(), (now, can));
    }
}

impl Neighbours {
    async fn abilities_of(&self, ctx: &Ctx) -> Result<Abilities, CommandError> {
        let mut all = Abilities::default();
        for known in self.fleet.serving(&ctx.tenant).await? {
            let facts = facts(&known, None, None, ctx.now);
            all.seats_max = all.seats_max.max(Some(facts.seats));
            all.payload_max_kg = Some(all.payload_max_kg.unwrap_or(0.0).max(facts.payload_max_kg));
            all.capabilities.extend(facts.capabilities);
        }
        Ok(all)
    }
}

impl Fleet for Neighbours {
    fn event(&self, event: &Envelope) -> Result<Option<FleetEvent>, Fault> {
        fleet_event(event)
    }

    fn site<'a>(&'a self, ctx: &'a Ctx, site: &'a SiteId, stops: &'a [Coordinate]) -> Answer<'a, Option<SiteFacts>> {
        Box::pin(async move {
            let known = self.fleet.site(&ctx.tenant, site).await?;
            Ok(known.map(|known| site_facts(&known, stops, ctx.now)))
        })
    }

    fn falls_short<'a>(&'a self, ctx: &'a Ctx, needs: &'a Requirements) -> Answer<'a, Option<Abilities>> {
        Box::pin(async move {
            if self.abilities.suffice(&ctx.tenant, needs, ctx.now) {
                return Ok(None);
            }
            let known = self.abilities_of(ctx).await?;
            let falls_short = !known.suffice(needs);
            self.abilities.keep(&ctx.tenant, known.clone(), ctx.now);
            Ok(falls_short.then_some(known))
        })
    }

    fn vehicles<'a>(&'a self, ctx: &'a Ctx, site: &'a SiteId) -> Answer<'a, Vec<VehicleFacts>> {
        Box::pin(async move {
            let known = self.fleet.in_service(&ctx.tenant, site).await?;
            let ranges = self.maintenance.safe_ranges(&ctx.tenant).await?;
            let facts_of = |known: &KnownVehicle| {
                let position = self.position(&ctx.tenant, known)?;
                Ok(facts(known, position, ranges.get(&known.id).copied(), ctx.now))
            };
            known.iter().map(facts_of).collect()
        })
    }

    fn vehicle<'a>(&'a self, ctx: &'a Ctx, vehicle: VehicleId) -> Answer<'a, Option<VehicleFacts>> {
        Box::pin(async move {
            let Some(known) = self.fleet.vehicle(&ctx.tenant, vehicle).await? else { return Ok(None) };
            let range_m = self.maintenance.safe_range(&ctx.tenant, vehicle).await?;
            Ok(Some(facts(&known, self.position(&ctx.tenant, &known)?, range_m, ctx.now)))
        })
    }

    fn take_claim<'a>(&'a self, ctx: &'a Ctx, trip: TripId, vehicle: VehicleId, valid_for_s: u64) -> Answer<'a, u64> {
        Box::pin(self.fleet.take_claim(ctx, trip, vehicle, valid_for_s))
    }

    fn release_claim<'a>(
        &'a self,
        ctx: &'a Ctx,
        trip: TripId,
        vehicle: VehicleId,
        claim_epoch: Option<u64>,
    ) -> Answer<'a, ()> {
        Box::pin(self.fleet.release_claim(ctx, trip, vehicle, claim_epoch))
    }

    fn withdraw_claim<'a>(
        &'a self,
        ctx: &'a Ctx,
        trip: TripId,
        vehicle: VehicleId,
        claim_epoch: u64,
    ) -> Answer<'a, ()> {
        Box::pin(self.fleet.withdraw_claim(ctx, trip, vehicle, claim_epoch))
    }

    fn claim<'a>(&'a self, ctx: &'a Ctx, trip: TripId, vehicle: VehicleId) -> Answer<'a, ClaimFacts> {
        Box::pin(async move {
            let (is_current, valid_until) = self.fleet.claim(&ctx.tenant, trip, vehicle).await?;
            Ok(ClaimFacts { is_current, valid_until })
        })
    }

    fn closed_zones_at<'a>(
        &'a self,
        ctx: &'a Ctx,
        site: &'a SiteId,
        at: Coordinate,
        names: &'a BTreeSet<String>,
    ) -> Answer<'a, BTreeSet<String>> {
        Box::pin(async move {
            let Some(site) = self.fleet.site(&ctx.tenant, site).await? else { return Ok(BTreeSet::new()) };
            let in_force = site.restrictions.iter().filter(|(_, restriction)| restriction.in_force(ctx.now));
            let inside = in_force.filter(|(_, restriction)| contains(restriction, at));
            let named = inside.map(|(id, restriction)| (name_of(id, restriction).to_owned(), restriction));
            // Zones are closed to everybody; a closure counts where the trip was told of it.
            Ok(named
                .filter(|(name, restriction)| matches!(restriction, Restriction::Zone { .. }) || names.contains(name))
                .map(|(name, _)| name)
                .collect())
        })
    }
}

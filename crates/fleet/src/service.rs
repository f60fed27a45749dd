//! Vehicles as the edges and the neighbours use them. Each method is one command or one read.

use std::collections::BTreeSet;
use std::sync::Arc;

use kernel::ctx::About;
use kernel::id::{BootId, HoldId, TypedId};
use kernel::{
    BoxFuture, Code, CommandId, Ctx, CtxSource, Reject, Sector, SiteId, Subject, TenantId, Timestamp, TripId, VehicleId,
};
use policy::{Engine, PolicyAnswer, Request};
use store::due::DueHandler;
use store::port::{Fault, Guard, ListQuery, Store};
use store::{CommandError, Extras, Outcome, Row, TableSpec, execute, execute_plain, load, personal};

use crate::actions;
use crate::facts::{HoldReleaseFacts, RegistrationFacts, StopClearFacts};
use crate::names;
use crate::seen::{self, Renewal, Seen, VEHICLE_SEEN};
use crate::vehicle::decide;
use crate::vehicle::profile::Registration;
use crate::vehicle::{Claim, Component, HoldKind, HoldTiming, Mode, RequestedStop, Status, Stop, Vehicle};

/// Of how many vehicles of a site that are not connected is read what was last seen.
const AWAY_SEEN_MAX: usize = 64;

/// How the fleet is watched.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Silence after which a vehicle is OFFLINE, in milliseconds.
    pub offline_after_ms: i64,
}

/// Vehicles and sites.
pub struct Fleet {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) engine: Arc<Engine>,
    pub(crate) source: Arc<dyn CtxSource>,
    tenants: Arc<dyn Tenants>,
    settings: Settings,
    /// Since when vehicles can reach this process (SAFE-8).
    listening_since: Timestamp,
}

/// Who the tenants are, for what the fleet does by itself.
pub trait Tenants: Send + Sync {
    /// What a tenant is; a tenant that is not known has no sector.
    fn about<'a>(&'a self, tenant: &'a TenantId) -> BoxFuture<'a, Result<About, Fault>>;
}

/// What a registration answers.
#[derive(Debug)]
pub struct Registered {
    pub vehicle: VehicleId,
    pub constraints: policy::Constraints,
}

/// A vehicle with its id, as answers show it.
#[derive(Debug, Clone)]
pub struct KnownVehicle {
    pub id: VehicleId,
    pub vehicle: Vehicle,
    pub version: u64,
    /// What was last seen of it.
    pub seen: Option<Seen>,
}

impl Fleet {
    /// The service over a store; `listening_since` is when vehicles could first reach this process.
    pub fn new(
        store: Arc<dyn Store>,
        engine: Arc<Engine>,
        source: Arc<dyn CtxSource>,
        tenants: Arc<dyn Tenants>,
        settings: Settings,
    ) -> Self {
        let listening_since = source.now();
        Self { store, engine, source, tenants, settings, listening_since }
    }

    /// The context of something that the fleet does by itself, by a named rule.
    pub(crate) async fn automation(&self, tenant: &TenantId, rule: &str) -> Result<Ctx, Fault> {
        Ok(Ctx::automation(&*self.source, tenant.clone(), self.tenants.about(tenant).await?, rule))
    }

    /// Since when vehicles can reach this process and its time has run without a step (SAFE-8).
    pub fn listening_since(&self) -> Timestamp {
        self.source.state().steady_since.map_or(self.listening_since, |steady| steady.max(self.listening_since))
    }

    pub(crate) fn ask(&self, request: Request) -> PolicyAnswer {
        self.engine.decide(&request).into()
    }

    async fn command<R: Send>(
        &self,
        ctx: &Ctx,
        id: VehicleId,
        extras: Extras,
        decide: impl Fn(Option<&Vehicle>) -> kernel::Decided<crate::vehicle::VehicleEvent, R> + Send + Sync,
    ) -> Result<Outcome<Vehicle, R>, CommandError> {
        execute_plain(&*self.store, ctx, &id, extras, decide).await
    }

    /// Registers a vehicle (ONB-1, ONB-2, ONB-5). Takes no key for doing so once: its name is free only once.
    ///
    /// # Errors
    /// One entry per wrong field; `CONFLICT` for a name that is taken; `POLICY_VIOLATION`; a fault.
    pub async fn register(&self, ctx: &Ctx, registration: &Registration) -> Result<Registered, CommandError> {
        registration.validate()?;
        if self.site(&ctx.tenant, &registration.site).await?.is_none() {
            let text = format!("is unknown: import the map of {} first", registration.site);
            return Err(Reject::invalid_field("/site", text).into());
        }
        let id: VehicleId = ctx.new_id();
        let mut rows = Vec::new();
        let commitment = match &registration.vin {
            None => None,
            Some(vin) => {
                let (commitment, row) = personal::keep(ctx, &Subject::new(kind(), id), "vin", vin)?;
                rows.push(row);
                Some(commitment)
            }
        };
        let profile = registration.profile(commitment);
        rows.push(names::reserve(&*self.store, &ctx.tenant, &profile.name, id).await?);
        let gather = |_| async {
            names::check_is_free(&*self.store, &ctx.tenant, &profile.name).await?;
            let facts = RegistrationFacts {
                vehicle_simulated: registration.simulated,
                vin_present: registration.vin.is_some(),
                sectors: profile.sectors.clone(),
                capabilities: profile.capabilities.clone(),
                components: registration.components.iter().map(|component| component.name.clone()).collect(),
                max_speed_mps: profile.max_speed_mps,
                payload_max_kg: profile.payload_max_kg,
                seats: profile.seats,
                energy_capacity_wh: profile.energy_capacity_wh,
            };
            let request =
                Request::new(ctx, actions::REGISTER_VEHICLE, Subject::new(kind(), id)).facts(facts.facts(ctx.now));
            Ok(self.ask(request))
        };
        let extras = Extras { rows, ..Extras::default() };
        let outcome =
            execute(&*self.store, ctx, &id, extras, gather, |state: Option<&Vehicle>, asked: &PolicyAnswer| {
                decide::register(
                    state,
                    asked,
                    registration.site.clone(),
                    profile.clone(),
                    registration.components.clone(),
                )
            })
            .await?;
        Ok(Registered { vehicle: id, constraints: outcome.reply })
    }

    /// Takes a vehicle out of the fleet for good. The name is free again.
    ///
    /// # Errors
    /// `NOT_FOUND`, `ILLEGAL_TRANSITION` while it serves a trip, a fault.
    pub async fn decommission(&self, ctx: &Ctx, id: VehicleId, reason: &str) -> Result<(), CommandError> {
        let decide = |state: Option<&Vehicle>| decide::decommission(state, id, reason);
        self.command(ctx, id, Extras::default(), decide).await.map(drop)
    }

    /// The vehicle connected and says what it can do (ONB-8).
    ///
    /// # Errors
    /// `NOT_FOUND`, `ILLEGAL_TRANSITION`, a fault.
    pub async fn come_online(
        &self,
        ctx: &Ctx,
        id: VehicleId,
        boot: BootId,
        capabilities: BTreeSet<String>,
        components: Vec<Component>,
        mode: Mode,
    ) -> Result<(), CommandError> {
        let decide = |state: Option<&Vehicle>| {
            decide::come_online(state, id, boot, capabilities.clone(), components.clone(), mode)
        };
        self.command(ctx, id, Extras::default(), decide).await?;
        Ok(())
    }

    /// What was seen of a vehicle (ONB-9): kept as an observation; what crossed a threshold becomes an event.
    ///
    /// # Errors
    /// `NOT_FOUND`, a fault.
    pub async fn heartbeat(&self, ctx: &Ctx, id: VehicleId, seen: Seen) -> Result<(), CommandError> {
        let silent_at = seen.at.plus_ms(self.settings.offline_after_ms);
        seen::keep(&*self.store, &ctx.tenant, id, &seen, Some(silent_at)).await?;
        let decide = |state: Option<&Vehicle>| decide::observe(state, id, seen.boot, seen.mode, seen.battery_pct);
        self.command(ctx, id, Extras::default(), decide).await?;
        Ok(())
    }

    /// Places a hold (SAFE-17). The id is the caller's, so that one that left from memory is journaled under the same one
    /// (SAFE-2).
    ///
    /// # Errors
    /// `NOT_FOUND`, `ILLEGAL_TRANSITION`, a fault.
    pub async fn place_hold(
        &self,
        ctx: &Ctx,
        id: VehicleId,
        hold: HoldId,
        kind: HoldKind,
        timing: HoldTiming,
        reason: &str,
    ) -> Result<HoldId, CommandError> {
        let decide = |state: Option<&Vehicle>| decide::place_hold(state, id, hold, kind, timing, &ctx.actor.id, reason);
        Ok(self.command(ctx, id, Extras::default(), decide).await?.reply)
    }

    /// Releases a hold (SAFE-17).
    ///
    /// # Errors
    /// `NOT_FOUND`, `FORBIDDEN` for another's hold, `ILLEGAL_TRANSITION` for a lockout, `POLICY_VIOLATION`, a fault.
    pub async fn release_hold(&self, ctx: &Ctx, id: VehicleId, hold: HoldId, reason: &str) -> Result<(), CommandError> {
        let gather = |state: Option<Arc<Vehicle>>| async move {
            let held = state.as_ref().and_then(|vehicle| vehicle.holds.iter().find(|other| other.id == hold));
            let facts = HoldReleaseFacts {
                hold_kind: held.map_or_else(String::new, |hold| hold.kind.as_str().into()),
                caller_is_owner: held.is_some_and(|hold| hold.owner == ctx.actor.id),
                second_person: ctx.actor.second_approver.is_some(),
                caller_at_vehicle: false,
            };
            let request =
                Request::new(ctx, actions::RELEASE_HOLD, Subject::new(kind(), id)).facts(facts.facts(ctx.now));
            Ok(self.ask(request))
        };
        execute(&*self.store, ctx, &id, Extras::default(), gather, |state: Option<&Vehicle>, asked: &PolicyAnswer| {
            decide::release_hold(state, id, hold, &ctx.actor, asked, reason)
        })
        .await?;
        Ok(())
    }

    /// Claims a vehicle for a trip; answers the epoch.
    ///
    /// # Errors
    /// `VEHICLE_UNAVAILABLE`, `NOT_FOUND`, a fault.
    pub async fn take_claim(
        &self,
        ctx: &Ctx,
        trip: TripId,
        id: VehicleId,
        valid_for_s: u64,
    ) -> Result<u64, CommandError> {
        let decide = |state: Option<&Vehicle>| decide::take_claim(state, id, trip, valid_for_s);
        Ok(self.command(ctx, id, Extras::default(), decide).await?.reply)
    }

    /// Ends a trip's claim and its epoch.
    pub async fn release_claim(
        &self,
        ctx: &Ctx,
        trip: TripId,
        id: VehicleId,
        epoch: Option<u64>,
    ) -> Result<(), CommandError> {
        let decide = |state: Option<&Vehicle>| decide::release_claim(state, trip, epoch);
        self.command(ctx, id, Extras::default(), decide).await?;
        Ok(())
    }

    /// Ends the epoch of a trip's claim; the vehicle stays the trip's, whose claim lapses.
    pub async fn withdraw_claim(
        &self,
        ctx: &Ctx,
        trip: TripId,
        id: VehicleId,
        claim_epoch: u64,
    ) -> Result<(), CommandError> {
        let decide = |state: Option<&Vehicle>| decide::withdraw_claim(state, trip, claim_epoch);
        self.command(ctx, id, Extras::default(), decide).await?;
        Ok(())
    }

    /// Renews the claim in force over the link: kept first, then answered. `None` when there is none to renew.
    pub async fn renew_claim(&self, tenant: &TenantId, id: VehicleId, now: Timestamp) -> Result<Option<Claim>, Fault> {
        let Some(known) = load::<Vehicle>(&*self.store, tenant, &id).await? else { return Ok(None) };
        let current = known.state.claim.filter(|claim| claim.epoch == known.state.claim_epoch);
        if let Some(claim) = current {
            seen::keep_renewal(&*self.store, tenant, id, Renewal { epoch: claim.epoch, at: now }).await?;
        }
        Ok(current)
    }

    /// Whether a trip's claim is the vehicle's current one, and until when the vehicle may move under the newest one.
    pub async fn claim(
        &self,
        tenant: &TenantId,
        trip: TripId,
        id: VehicleId,
    ) -> Result<(bool, Option<Timestamp>), Fault> {
        let Some(known) = load::<Vehicle>(&*self.store, tenant, &id).await? else { return Ok((false, None)) };
        let vehicle = known.state;
        let is_current = vehicle.claim.is_some_and(|claim| claim.trip == trip && claim.epoch == vehicle.claim_epoch);
        let Some(claim) = vehicle.last_claim.filter(|claim| claim.trip == trip) else { return Ok((is_current, None)) };
        let renewed =
            seen::last_renewal(&*self.store, tenant, id).await?.filter(|renewal| renewal.epoch == claim.epoch);
        let since = renewed.map_or(claim.taken_at, |renewal| renewal.at.max(claim.taken_at));
        let valid_ms = i64::try_from(claim.valid_for_s.saturating_mul(1_000)).unwrap_or(i64::MAX);
        Ok((is_current, Some(since.plus_ms(valid_ms))))
    }

    /// Orders a stop; asks nobody (SAFE-1). The id is the caller's, so that a stop that left from memory is journaled
    /// under the same one (SAFE-2).
    ///
    /// # Errors
    /// `NOT_FOUND`, a fault.
    pub async fn order_stop(
        &self,
        ctx: &Ctx,
        id: VehicleId,
        stop: CommandId,
        requested: RequestedStop,
        reason: &str,
        from_emergency_record: FromRecord,
    ) -> Result<CommandId, CommandError> {
        let ordered = decide::stop_of(stop, requested, &ctx.actor, reason, from_emergency_record == FromRecord::Yes);
        Ok(self
            .command(ctx, id, Extras::default(), |state: Option<&Vehicle>| {
                decide::order_stop(state, id, ordered.clone())
            })
            .await?
            .reply)
    }

    /// Says why a stop in force was ordered, after it has left.
    ///
    /// # Errors
    /// `NOT_FOUND`, a fault.
    pub async fn explain_stop(
        &self,
        ctx: &Ctx,
        id: VehicleId,
        stop: CommandId,
        reason: &str,
    ) -> Result<(), CommandError> {
        let explain = |state: Option<&Vehicle>| decide::explain_stop(state, id, stop, reason);
        self.command(ctx, id, Extras::default(), explain).await.map(drop)
    }

    /// Clears a stop (SAFE-6, SAFE-13).
    ///
    /// # Errors
    /// `NOT_FOUND`, `POLICY_VIOLATION`, `FORBIDDEN` for another's stop, a fault.
    pub async fn clear_stop(&self, ctx: &Ctx, id: VehicleId, stop: CommandId) -> Result<(), CommandError> {
        let gather = |state: Option<Arc<Vehicle>>| async move {
            let holds: BTreeSet<String> =
                state.iter().flat_map(|vehicle| &vehicle.holds).map(|hold| hold.kind.as_str().to_owned()).collect();
            let trip = state.as_ref().and_then(|vehicle| vehicle.claim).map(|claim| Subject::new("trip", claim.trip));
            let ordered = state.as_ref().and_then(|vehicle| vehicle.stops.iter().find(|other| other.id == stop));
            let facts = StopClearFacts {
                holds,
                ordered_by_another: ordered.is_some_and(|ordered| decide::is_of_another(ordered, &ctx.actor)),
                second_person: ctx.actor.second_approver.is_some(),
            };
            let request = Request::new(ctx, actions::CLEAR_STOP, Subject::new(kind(), id)).facts(facts.facts(ctx.now));
            Ok(self.ask(trip.into_iter().fold(request, Request::about)))
        };
        execute(&*self.store, ctx, &id, Extras::default(), gather, |state: Option<&Vehicle>, asked: &PolicyAnswer| {
            decide::clear_stop(state, id, stop, &ctx.actor, asked)
        })
        .await?;
        Ok(())
    }

    /// The commands that hold a vehicle by its own state: its stops, and its holds, whose commands have their ids.
    pub async fn restrictions_of(&self, tenant: &TenantId, id: VehicleId) -> Result<BTreeSet<CommandId>, Fault> {
        let Some(known) = load::<Vehicle>(&*self.store, tenant, &id).await? else { return Ok(BTreeSet::new()) };
        let Vehicle { stops, holds, .. } = known.state;
        let holds = holds.iter().map(|hold| CommandId::from_u128(hold.id.as_u128()));
        Ok(stops.iter().map(|stop| stop.id).chain(holds).collect())
    }

    pub async fn vehicle(&self, tenant: &TenantId, id: VehicleId) -> Result<Option<KnownVehicle>, Fault> {
        let Some(loaded) = load::<Vehicle>(&*self.store, tenant, &id).await? else { return Ok(None) };
        let seen = seen::last_seen(&*self.store, tenant, id).await?;
        Ok(Some(KnownVehicle { id, vehicle: loaded.state, version: loaded.version, seen }))
    }

    /// A page of vehicles, by id.
    pub async fn vehicles(&self, tenant: &TenantId, query: ListQuery) -> Result<Vec<KnownVehicle>, Fault> {
        self.known(tenant, self.store.list(TableSpec::of::<Vehicle>(), tenant, query).await?, |_| true).await
    }

    /// Every vehicle that there ever was, by id.
    pub async fn all(&self, tenant: &TenantId) -> Result<Vec<KnownVehicle>, Fault> {
        self.known(tenant, self.rows(tenant, ListQuery::all()).await?, |_| true).await
    }

    /// Every vehicle that is not decommissioned, by id.
    pub async fn serving(&self, tenant: &TenantId) -> Result<Vec<KnownVehicle>, Fault> {
        let rows = self.rows(tenant, ListQuery::all()).await?;
        self.known(tenant, rows, |vehicle| vehicle.status != Status::Decommissioned).await
    }

    pub async fn vehicles_of(&self, tenant: &TenantId, site: &SiteId) -> Result<Vec<KnownVehicle>, Fault> {
        self.known(tenant, self.rows(tenant, ListQuery::of("site", site.as_str())).await?, |_| true).await
    }

    async fn rows(&self, tenant: &TenantId, query: ListQuery) -> Result<Vec<Row>, Fault> {
        store::list_all(&*self.store, TableSpec::of::<Vehicle>(), tenant, query).await
    }

    /// The vehicles of these rows that are kept; what was last seen is read of them alone.
    async fn known(
        &self,
        tenant: &TenantId,
        rows: Vec<Row>,
        is_kept: impl Fn(&Vehicle) -> bool,
    ) -> Result<Vec<KnownVehicle>, Fault> {
        let mut known = Vec::with_capacity(rows.len());
        for row in rows {
            let (Ok(id), vehicle) = (row.key.parse(), row.decode::<Vehicle>()?) else { continue };
            if is_kept(&vehicle) {
                let seen = seen::last_seen(&*self.store, tenant, id).await?;
                known.push(KnownVehicle { id, vehicle, version: row.version, seen });
            }
        }
        Ok(known)
    }

    /// The vehicles of a site that are in service, by id. What was last seen is read of those that are connected, and of
    /// some of the others, as many as one asks about to learn why none of them can drive.
    pub async fn in_service(&self, tenant: &TenantId, site: &SiteId) -> Result<Vec<KnownVehicle>, Fault> {
        let mut all = Vec::new();
        let mut away = 0;
        for status in [Status::Online, Status::Offline, Status::Registered] {
            let filters = vec![("status", status.as_str().to_owned()), ("site", site.to_string())];
            for row in self.rows(tenant, ListQuery { filters, ..ListQuery::all() }).await? {
                let Ok(id) = row.key.parse() else { continue };
                away += usize::from(status != Status::Online);
                let seen = match away <= AWAY_SEEN_MAX {
                    true => seen::last_seen(&*self.store, tenant, id).await?,
                    false => None,
                };
                all.push(KnownVehicle { id, vehicle: row.decode()?, version: row.version, seen });
            }
        }
        // One that connected or fell silent in between is in two lists.
        all.sort_by_key(|known| known.id);
        all.dedup_by_key(|known| known.id);
        Ok(all)
    }

    /// What is due when a vehicle is silent.
    pub fn silence(self: &Arc<Self>) -> Arc<dyn DueHandler> {
        Arc::new(Silence(Arc::clone(self)))
    }

    /// A vehicle whose identity was taken away is not heard any more: it is OFFLINE at once, so that nothing is assigned to it.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn cut_off(&self, ctx: &Ctx, id: VehicleId) -> Result<(), CommandError> {
        let seen = seen::last_seen(&*self.store, &ctx.tenant, id).await?;
        let seen_at = seen.map_or(ctx.now, |seen| seen.at);
        self.command(ctx, id, Extras::default(), |state: Option<&Vehicle>| decide::go_offline(state, seen_at)).await?;
        Ok(())
    }
}

/// Whether a stop left before the journal had it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FromRecord {
    /// It left from the emergency record.
    Yes,
    No,
}

fn kind() -> &'static str {
    <Vehicle as kernel::Aggregate>::KIND
}

/// Silence (ONB-9), which counts only while we listened (SAFE-8).
struct Silence(Arc<Fleet>);

impl Silence {
    async fn decide(&self, tenant: &TenantId, key: &str, guard: Guard) -> Result<(), CommandError> {
        let fleet = &self.0;
        let id: VehicleId = key.parse().map_err(|_| Fault::Misuse("a row of a vehicle has another key"))?;
        let now = fleet.source.now();
        let Some(row) = seen::row_of(&*fleet.store, tenant, id).await? else { return Ok(()) };
        let seen: Seen = row.decode()?;
        let silent_at = seen.at.max(fleet.listening_since()).plus_ms(fleet.settings.offline_after_ms);
        if now < silent_at {
            seen::watch_until(&*fleet.store, tenant, row, Some(silent_at)).await?;
            return Ok(());
        }
        let ctx = fleet.automation(tenant, "fleet.silence").await?;
        let extras = Extras { guard: Some(guard), ..Extras::default() };
        fleet.command(&ctx, id, extras, |state: Option<&Vehicle>| decide::go_offline(state, seen.at)).await?;
        seen::watch_until(&*fleet.store, tenant, row, None).await?;
        Ok(())
    }
}

impl DueHandler for Silence {
    fn table(&self) -> TableSpec {
        VEHICLE_SEEN
    }

    fn due<'a>(&'a self, tenant: &'a TenantId, key: &'a str, guard: Guard) -> BoxFuture<'a, Result<(), CommandError>> {
        Box::pin(self.decide(tenant, key, guard))
    }
}

impl KnownVehicle {
    /// The stop that was ordered first and still holds.
    pub fn stop(&self) -> Option<&Stop> {
        self.vehicle.stops.first()
    }

    /// Sectors that it may work in: what it is built for and what policy admitted it to.
    pub fn sectors(&self) -> BTreeSet<Sector> {
        let built_for = &self.vehicle.profile.sectors;
        match &self.vehicle.constraints.allowed_sectors {
            Some(admitted) => built_for.intersection(admitted).copied().collect(),
            None => built_for.clone(),
        }
    }
}

/// The refusal for a vehicle that is not there, as edges tell it.
pub fn no_vehicle(id: VehicleId) -> Reject {
    Reject::new(Code::NotFound, format!("there is no vehicle {id}"))
}

//! The fleet over a store: silence with its grace, how long a claim lasts, what the journal keeps.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::collections::{BTreeSet, VecDeque};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use fleet::site::{ClosureClass, NewMap, SiteRoadsClosed};
use fleet::vehicle::events::VehicleDecommissioned;
use fleet::vehicle::profile::Registration;
use fleet::vehicle::{HoldKind, HoldTiming, Mode, RequestedStop, Status};
use fleet::{Fleet, FromRecord, KnownVehicle, MapSource, Registered, Seen, Settings, Tenants, Vehicle};
use journal::Entry;
use kernel::ctx::About;
use kernel::id::{BootId, PrincipalId, TypedId};
use kernel::testing::HandClock;
use kernel::{
    Actor, BoxFuture, Clock, Code, Coordinate, Ctx, Reject, Sector, SiteId, TenantId, Timestamp, TripId, VehicleId,
};
use policy::{Bundle, Engine};
use pollster::block_on;
use serde_json::{Value, json};
use store::conformance::PlainSigner;
use store::port::{ListQuery, PAGE_LIMIT_MAX};
use store::{CommandError, Extras, Fault, MemoryStore, Store, due};

const OFFLINE_AFTER_MS: i64 = 10_000;
const VIN: &str = "1HGBH41JXMN109186";

struct World {
    store: Arc<dyn Store>,
    clock: Arc<HandClock>,
    fleet: Arc<Fleet>,
}

/// Every tenant is a simulated mine.
struct Simulated;

impl Tenants for Simulated {
    fn about<'a>(&'a self, _: &'a TenantId) -> BoxFuture<'a, Result<About, Fault>> {
        Box::pin(async { Ok(About { sector: Some(Sector::Mining), simulated: true }) })
    }
}

fn start_on(store: &Arc<dyn Store>, clock: &Arc<HandClock>) -> Arc<Fleet> {
    let engine = Arc::new(Engine::new(Bundle::shipped(&[fleet::actions::POLICY, trips::actions::POLICY]).unwrap()));
    let settings = Settings { offline_after_ms: OFFLINE_AFTER_MS };
    Arc::new(Fleet::new(Arc::clone(store), engine, clock.clone(), Arc::new(Simulated), settings))
}

/// A road network, and the trips that are open each time they are counted; the last count stays.
#[derive(Default)]
struct Sent {
    open: Mutex<VecDeque<u32>>,
    is_broken: bool,
    reads: AtomicUsize,
}

impl Sent {
    fn while_open(open: impl Into<VecDeque<u32>>) -> Self {
        Self { open: Mutex::new(open.into()), ..Self::default() }
    }
}

impl MapSource for Sent {
    fn trips_open(&self) -> BoxFuture<'_, Result<u32, CommandError>> {
        let mut open = self.open.lock().unwrap();
        let now = if open.len() > 1 { open.pop_front() } else { open.front().copied() };
        Box::pin(async move { Ok(now.unwrap_or_default()) })
    }

    fn read(&self) -> BoxFuture<'_, Result<Result<NewMap, Reject>, Fault>> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        let map = NewMap { digest: "a".into(), nodes: 4, edges: 6 };
        let read = if self.is_broken { Err(Reject::invalid_field("/", "no roads")) } else { Ok(map) };
        Box::pin(async move { Ok(read) })
    }
}

#[test]
fn policy_is_asked_before_a_map_is_read_and_again_if_trips_came_meanwhile() {
    let world = world();
    let check = |sent: Sent, code: Option<Code>, reads: usize, decisions: &[bool]| {
        let before = world.journal().len();
        let done = block_on(world.fleet.import_map(&world.ctx(), &pit(), &sent));
        assert_eq!(done.err().map(|error| refusal::<()>(Err(error)).code), code);
        assert_eq!(sent.reads.into_inner(), reads);
        let told = block_on(world.store.entries(&tenant(), before as u64, PAGE_LIMIT_MAX)).unwrap();
        let verdict = |entry: &Entry| entry.envelope().unwrap().body["verdict"] == "allow";
        let verdicts: Vec<bool> = told.iter().map(verdict).collect();
        assert_eq!(verdicts, decisions);
    };
    check(Sent::while_open([3]), Some(Code::PolicyViolation), 0, &[false]);
    world.clock.pass_ms(60_000);
    check(Sent::while_open([0, 1]), Some(Code::PolicyViolation), 1, &[true, false]);
    world.clock.pass_ms(60_000);
    check(Sent { is_broken: true, ..Sent::default() }, Some(Code::InvalidRequest), 1, &[true]);
    world.clock.pass_ms(60_000);
    check(Sent::default(), None, 1, &[true]);
}

#[test]
fn of_vehicles_that_are_registered_at_once_under_one_name_one_is_and_a_name_is_free_after_its_vehicle() {
    let world = world();
    let all: Vec<_> = std::thread::scope(|scope| {
        let begun: Vec<_> = (0..8).map(|_| scope.spawn(|| world.register(json!({})))).collect();
        begun.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let (made, refused): (Vec<_>, Vec<_>) = all.into_iter().partition(Result::is_ok);
    assert_eq!((made.len(), refused.len()), (1, 7));
    let id = made.into_iter().next().unwrap().unwrap().vehicle;
    for result in refused {
        let reject = refusal(result);
        assert_eq!((reject.code, reject.fields[0].field.as_str()), (Code::Conflict, "/name"));
        assert!(reject.message.contains(&id.to_string()), "{}", reject.message);
    }
    let other = world.register(json!({ "name": "Truck 8" })).unwrap().vehicle;
    assert_ne!(id, other);
    let sold = |_: Option<&Vehicle>, (): &()| {
        kernel::Decided::accept([VehicleDecommissioned { reason: "sold".into() }.into()], ())
    };
    let gather = |_| async { Ok(()) };
    block_on(store::execute(&*world.store, &world.ctx(), &id, Extras::default(), gather, sold)).unwrap();
    let successor = world.register(json!({})).unwrap().vehicle;
    assert_eq!(refusal(world.register(json!({ "name": "Truck 7  " }))).code, Code::Conflict);
    assert_ne!(id, successor);
}

/// A store with one mapped site.
fn world() -> World {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new(Arc::new(PlainSigner)));
    let clock = Arc::new(HandClock::default());
    let world = World { fleet: start_on(&store, &clock), store, clock };
    assert_eq!(block_on(world.fleet.import_map(&world.ctx(), &pit(), &Sent::default())).unwrap(), 1);
    world
}

fn tenant() -> TenantId {
    "north-pit".parse().unwrap()
}

fn pit() -> SiteId {
    "pit-1".parse().unwrap()
}

fn trip(n: u128) -> TripId {
    TripId::from_u128(n)
}

fn registration(changes: Value) -> Registration {
    let mut profile = json!({
        "site": "pit-1", "name": " Truck 7 ", "capabilities": ["haul"], "payload_max_kg": 90_000.0,
        "max_speed_mps": 16.5, "energy_capacity_wh": 1_800_000.0, "simulated": true,
    });
    profile.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    serde_json::from_value(profile).unwrap()
}

fn refusal<T>(result: Result<T, CommandError>) -> kernel::Reject {
    match result.err() {
        Some(CommandError::Reject(reject)) => reject,
        other => panic!("expected a refusal, found {other:?}"),
    }
}

impl World {
    fn ctx_of(&self, person: u128) -> Ctx {
        let actor = Actor::principal(PrincipalId::from_u128(person), "administrator");
        let mut ctx = Ctx::new(&*self.clock, tenant(), actor).at_site(pit()).in_sector(Sector::Mining);
        ctx.simulated = true;
        ctx
    }

    fn ctx(&self) -> Ctx {
        self.ctx_of(1)
    }

    fn register(&self, changes: Value) -> Result<Registered, CommandError> {
        block_on(self.fleet.register(&self.ctx(), &registration(changes)))
    }

    /// A vehicle that is ONLINE and was heard once.
    fn online(&self) -> VehicleId {
        let name = format!("Truck {}", 100 + block_on(self.fleet.vehicles(&tenant(), ListQuery::all())).unwrap().len());
        let id = self.register(json!({ "name": name })).unwrap().vehicle;
        let capabilities = BTreeSet::from(["haul".to_owned()]);
        let boot = BootId::from_u128(1);
        block_on(self.fleet.come_online(&self.ctx(), id, boot, capabilities, Vec::new(), Mode::Autonomous)).unwrap();
        self.beat(id);
        id
    }

    fn beat(&self, id: VehicleId) {
        let seen = Seen {
            at: self.clock.now(),
            boot: BootId::from_u128(1),
            battery_pct: 80.0,
            mode: Mode::Autonomous,
            position: None,
            parked: true,
            odometer_m: 10.0,
            clock_ahead_ms: 0,
            health: Vec::new(),
        };
        block_on(self.fleet.heartbeat(&self.ctx(), id, seen)).unwrap();
    }

    /// Does what is due, as the worker does it.
    fn work(&self) {
        let lease = due::take_lease(&*self.store, "due", "test", self.clock.now(), 60_000);
        let guard = block_on(lease).unwrap().unwrap();
        block_on(due::run_due(&*self.store, &*self.clock, &*self.fleet.silence(), &guard)).unwrap();
    }

    fn known(&self, id: VehicleId) -> KnownVehicle {
        block_on(self.fleet.vehicle(&tenant(), id)).unwrap().unwrap()
    }

    fn status(&self, id: VehicleId) -> Status {
        self.known(id).vehicle.status
    }

    fn claim(&self, n: u128, id: VehicleId) -> (bool, Option<Timestamp>) {
        block_on(self.fleet.claim(&tenant(), trip(n), id)).unwrap()
    }

    /// The types of the tenant's events; and the rows are what the journal says.
    fn journal(&self) -> Vec<String> {
        let entries = block_on(self.store.entries(&tenant(), 0, PAGE_LIMIT_MAX)).unwrap();
        for mut fold in fleet::DOMAIN.folds() {
            entries.iter().for_each(|entry| fold.take(&entry.envelope().unwrap()).unwrap());
            assert_eq!(block_on(fold.compare(&*self.store, &tenant(), &|_| ControlFlow::Continue(()))).unwrap(), None);
        }
        let events: Vec<_> = entries.iter().map(|entry| entry.envelope().unwrap()).collect();
        for event in &events {
            let about = (event.simulated, event.sector.as_option());
            assert_eq!(about, (true, Some(&Sector::Mining)), "{} by {:?}", event.r#type, event.actor);
        }
        events.into_iter().map(|event| event.r#type).collect()
    }
}

#[test]
fn a_vehicle_is_registered_with_its_decision() {
    let world = world();
    let registered = world.register(json!({})).unwrap();
    let known = world.known(registered.vehicle);
    assert_eq!((known.vehicle.status, known.vehicle.profile.name.as_str()), (Status::Registered, "Truck 7"));
    assert_eq!(known.vehicle.constraints, registered.constraints);
    assert_eq!(known.sectors(), [Sector::Mining].into(), "built for all, admitted to its tenant's");
    let imported = ["policy.decided", "site.map_imported"];
    assert_eq!(world.journal(), [&imported[..], &["policy.decided", "vehicle.registered"]].concat());
    let ctx = world.ctx();
    block_on(world.fleet.decommission(&ctx, registered.vehicle, "sold")).unwrap();
    assert_eq!(world.known(registered.vehicle).vehicle.status, Status::Decommissioned);
    world.register(json!({})).unwrap();
}

#[test]
fn what_is_wrong_with_a_registration_is_said_field_by_field() {
    let world = world();
    let before = world.journal();
    let rows = [
        (json!({ "name": "  " }), "/name"),
        (json!({ "name": "x".repeat(61) }), "/name"),
        (json!({ "max_speed_mps": 0.0 }), "/max_speed_mps"),
        (json!({ "max_speed_mps": 60.1 }), "/max_speed_mps"),
        (json!({ "payload_max_kg": -1.0 }), "/payload_max_kg"),
        (json!({ "energy_capacity_wh": 0.0 }), "/energy_capacity_wh"),
        (json!({ "seats": 501 }), "/seats"),
        (json!({ "capabilities": ["Haul"] }), "/capabilities"),
        (json!({ "capabilities": (0..65).map(|n| format!("c{n}")).collect::<Vec<_>>() }), "/capabilities"),
        (json!({ "components": [{ "name": "ads", "version": "" }] }), "/components/0"),
        (json!({ "vin": "1HGBH41JXMN10918O" }), "/vin"),
        (json!({ "vin": "1HGBH41JXMN10918" }), "/vin"),
        (json!({ "site": "pit-2" }), "/site"),
    ];
    for (changes, field) in rows {
        let reject = refusal(world.register(changes.clone()));
        assert_eq!(reject.code, Code::InvalidRequest, "{changes}");
        assert_eq!(reject.fields.iter().map(|wrong| wrong.field.as_str()).collect::<Vec<_>>(), [field], "{changes}");
    }
    let many = refusal(world.register(json!({ "name": "", "seats": 501, "vin": "x" })));
    assert_eq!(many.fields.len(), 3);
    assert_eq!(world.journal(), before, "bad input changes nothing");
}

#[test]
fn a_registration_that_policy_denies_leaves_the_decision_and_no_vehicle() {
    let world = world();
    let reject = refusal(world.register(json!({ "capabilities": [] })));
    assert!(reject.code == Code::PolicyViolation && reject.decision.is_some());
    assert_eq!(block_on(world.fleet.vehicles(&tenant(), ListQuery::all())).unwrap().len(), 0);
    assert_eq!(world.journal().last().unwrap(), "policy.decided");
}

#[test]
fn a_vehicle_identification_number_never_enters_the_journal() {
    let world = world();
    let id = world.register(json!({ "vin": VIN })).unwrap().vehicle;
    let commitment = world.known(id).vehicle.profile.vin_commitment.unwrap();
    let again = world.register(json!({ "name": "Truck 8", "vin": VIN })).unwrap().vehicle;
    assert_ne!(world.known(again).vehicle.profile.vin_commitment, Some(commitment), "salted: two never tell alike");
    for entry in block_on(world.store.entries(&tenant(), 0, PAGE_LIMIT_MAX)).unwrap() {
        assert!(!entry.envelope_json.contains(VIN), "{}", entry.envelope_json);
    }
}

#[test]
fn silence_makes_a_vehicle_offline_and_its_voice_online_again() {
    let world = world();
    let id = world.online();
    for _ in 0..3 {
        world.clock.pass_ms(OFFLINE_AFTER_MS - 1);
        world.work();
        assert_eq!(world.status(id), Status::Online);
        world.beat(id);
    }
    world.clock.pass_ms(OFFLINE_AFTER_MS);
    world.work();
    assert_eq!(world.status(id), Status::Offline);
    let told = world.journal();
    world.clock.pass_ms(OFFLINE_AFTER_MS * 9);
    world.work();
    assert_eq!(world.journal(), told, "silence is told once");
    world.beat(id);
    assert_eq!(world.status(id), Status::Online);
    world.clock.pass_ms(OFFLINE_AFTER_MS);
    world.work();
    assert_eq!(world.status(id), Status::Offline, "and watched again");
    assert_eq!(world.journal()[told.len()..], ["vehicle.came_online", "vehicle.went_offline"]);
}

#[test]
fn silence_while_nobody_listened_gets_a_grace() {
    let mut world = world();
    let id = world.online();
    world.clock.pass_ms(OFFLINE_AFTER_MS * 100);
    world.fleet = start_on(&world.store, &world.clock);
    world.work();
    assert_eq!(world.status(id), Status::Online, "no mass OFFLINE after a restart (SAFE-8)");
    world.clock.pass_ms(OFFLINE_AFTER_MS - 1);
    world.work();
    assert_eq!(world.status(id), Status::Online);
    world.clock.pass_ms(1);
    world.work();
    assert_eq!(world.status(id), Status::Offline);
}

#[test]
fn a_claim_lasts_from_its_taking_or_last_renewal_also_after_its_end() {
    let world = world();
    let id = world.online();
    let begin = world.clock.now();
    assert_eq!(world.claim(2, id), (false, None));
    assert_eq!(block_on(world.fleet.take_claim(&world.ctx(), trip(2), id, 120)).unwrap(), 1);
    assert_eq!(world.claim(2, id), (true, Some(begin.plus_ms(120_000))));
    assert_eq!(world.claim(3, id), (false, None));
    world.clock.pass_ms(30_000);
    let renewed = block_on(world.fleet.renew_claim(&tenant(), id, world.clock.now())).unwrap();
    assert_eq!(renewed.map(|claim| (claim.trip, claim.epoch)), Some((trip(2), 1)));
    let until = begin.plus_ms(150_000);
    assert_eq!(world.claim(2, id), (true, Some(until)));
    block_on(world.fleet.release_claim(&world.ctx(), trip(2), id, Some(1))).unwrap();
    assert_eq!(world.claim(2, id), (false, Some(until)), "a vehicle that did not hear of the end may move until then");
    assert!(block_on(world.fleet.renew_claim(&tenant(), id, world.clock.now())).unwrap().is_none());
    assert_eq!(block_on(world.fleet.take_claim(&world.ctx(), trip(3), id, 60)).unwrap(), 3);
    let (is_current, until) = world.claim(3, id);
    assert_eq!((is_current, until), (true, Some(world.clock.now().plus_ms(60_000))), "the old renewal is not its own");
    assert_eq!(world.claim(2, id), (false, None));
    world.journal();
}

#[test]
fn a_hold_that_takes_effect_ends_renewals_and_only_its_owner_ends_the_hold() {
    let world = world();
    let id = world.online();
    block_on(world.fleet.take_claim(&world.ctx(), trip(2), id, 120)).unwrap();
    let later = block_on(world.fleet.place_hold(
        &world.ctx(),
        id,
        world.ctx().new_id(),
        HoldKind::Grounded,
        HoldTiming::AfterTrip,
        "worn",
    ));
    assert!(block_on(world.fleet.renew_claim(&tenant(), id, world.clock.now())).unwrap().is_some());
    let now = block_on(world.fleet.place_hold(
        &world.ctx(),
        id,
        world.ctx().new_id(),
        HoldKind::Quarantine,
        HoldTiming::Now,
        "strange",
    ));
    assert!(block_on(world.fleet.renew_claim(&tenant(), id, world.clock.now())).unwrap().is_none());
    assert!(!world.claim(2, id).0);
    for hold in [later.unwrap(), now.unwrap()] {
        let by_another = block_on(world.fleet.release_hold(&world.ctx_of(2), id, hold, "mine"));
        assert!(matches!(refusal(by_another).code, Code::Forbidden | Code::PolicyViolation));
        block_on(world.fleet.release_hold(&world.ctx(), id, hold, "repaired")).unwrap();
    }
    let lock = block_on(world.fleet.place_hold(
        &world.ctx(),
        id,
        world.ctx().new_id(),
        HoldKind::Lockout,
        HoldTiming::Now,
        "inside",
    ))
    .unwrap();
    let from_afar = block_on(world.fleet.release_hold(&world.ctx(), id, lock, "gone"));
    assert!(matches!(refusal(from_afar).code, Code::IllegalTransition | Code::PolicyViolation));
    assert_eq!(world.known(id).vehicle.holds.len(), 1);
    world.journal();
}

#[test]
fn a_stop_is_journaled_once_under_the_id_with_which_it_left() {
    let world = world();
    let id = world.online();
    let stop = world.ctx().new_id();
    let order = |record| {
        let ctx = world.ctx();
        block_on(world.fleet.order_stop(&ctx, id, stop, RequestedStop::NOW, "a person on the road", record))
    };
    assert_eq!(order(FromRecord::Yes).unwrap(), stop);
    assert_eq!(order(FromRecord::Yes).unwrap(), stop);
    assert_eq!(world.known(id).stop().map(|held| held.id), Some(stop));
    assert_eq!(world.journal().iter().filter(|kind| *kind == "vehicle.stop_ordered").count(), 1);
    block_on(world.fleet.clear_stop(&world.ctx(), id, stop)).unwrap();
    assert_eq!(world.known(id).stop(), None);
    assert_eq!(refusal(block_on(world.fleet.clear_stop(&world.ctx(), id, stop))).code, Code::NotFound);
    let nobody = VehicleId::from_u128(9);
    let unknown =
        block_on(world.fleet.order_stop(&world.ctx(), nobody, stop, RequestedStop::NOW, "why", FromRecord::No));
    assert_eq!(refusal(unknown).code, Code::NotFound);
}

#[test]
fn a_site_keeps_what_was_closed_and_vehicles_are_found_by_site() {
    let world = world();
    let corners = [(-22.25, -68.9), (-22.25, -68.5), (-22.0, -69.0)];
    let ctx = world.ctx();
    let closed = SiteRoadsClosed {
        restriction: ctx.new_id(),
        class: ClosureClass::NoEntry,
        polygon: corners.map(|(lat, lon)| Coordinate::new(lat, lon).unwrap()).into(),
        owner: ctx.actor.id.clone(),
        reason: "a grader works".into(),
        from: ctx.now,
        until: None,
    };
    let id = block_on(world.fleet.close_roads(&ctx, &pit(), closed)).unwrap();
    let site = block_on(world.fleet.site(&tenant(), &pit())).unwrap().unwrap();
    assert!(site.restrictions[&id.to_string()].in_force(ctx.now));
    block_on(world.fleet.lift(&world.ctx(), &pit(), id)).unwrap();
    assert_eq!(refusal(block_on(world.fleet.lift(&world.ctx(), &pit(), id))).code, Code::NotFound);
    let vehicles: Vec<VehicleId> = (0..3).map(|_| world.online()).collect();
    let found = block_on(world.fleet.vehicles_of(&tenant(), &pit())).unwrap();
    assert_eq!(found.iter().map(|known| known.id).collect::<BTreeSet<_>>(), vehicles.into_iter().collect());
    let in_service = block_on(world.fleet.in_service(&tenant(), &pit())).unwrap();
    let told = |known: &fleet::KnownVehicle| (known.id, known.version, known.seen.clone());
    assert_eq!(in_service.iter().map(told).collect::<Vec<_>>(), found.iter().map(told).collect::<Vec<_>>());
    assert!(block_on(world.fleet.vehicles_of(&tenant(), &"pit-2".parse().unwrap())).unwrap().is_empty());
    assert!(block_on(world.fleet.vehicles_of(&"east-port".parse().unwrap(), &pit())).unwrap().is_empty());
    world.journal();
}

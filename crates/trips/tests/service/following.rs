//! What follows: deadlines under a lease, claims that end, vehicles that are held, violations over many samples.

use std::ops::ControlFlow;
use std::sync::Arc;

use kernel::envelope::NewEvent;
use kernel::id::{BootId, TypedId};
use kernel::testing::START;
use kernel::{Actor, Ctx, Subject, TripId};
use pollster::block_on;
use serde_json::{Value, json};
use store::Store;
use store::due::{run_due, take_lease};
use store::port::Commit;
use store::subscribe::{Subscriber, pump};
use trips::trip::types::Summary;
use trips::{CheckVerdict, ReportKind, SampleFacts, Status, VehicleReport};

use crate::world::{World, able, tenant, vehicle};

impl World {
    pub fn looks_at_the_clock(&self) {
        let guard = block_on(take_lease(&*self.store, "due", "me", self.now(), 60_000)).unwrap().unwrap();
        for handler in self.services.workers().due {
            block_on(run_due(&*self.store, &*self.neighbours, &*handler, &guard)).unwrap();
        }
    }

    /// Lets the subscribers read the journal to its end.
    pub fn follows(&self) {
        let subscribers = self.services.workers().subscribers;
        let pump = |subscriber: &Arc<dyn Subscriber>| block_on(pump(&*self.store, &**subscriber, &tenant())).unwrap();
        while subscribers.iter().map(pump).sum::<usize>() > 0 {}
    }

    fn happens(&self, event: &str, body: Value) {
        self.happens_to(Subject::new("vehicle", vehicle(0)), event, body);
    }

    pub fn happens_to(&self, whom: Subject, event: &str, body: Value) {
        let event = NewEvent::new(&self.ctx(), whom, event, 1, body);
        block_on(self.store.commit(Commit::new(tenant(), Vec::new(), vec![event]).unwrap())).unwrap();
        self.follows();
    }

    pub fn reports(&self, trip: TripId, seq: u64, kind: ReportKind) {
        let boot = "boot_01kdr000000000000000000009".parse().unwrap();
        let report = VehicleReport {
            vehicle: vehicle(0),
            trip,
            boot,
            seq,
            claim_epoch: 1,
            vehicle_time: self.now(),
            at: kernel::Coordinate::new(0.0, 0.0).unwrap(),
            odometer_m: 1.0,
            mode: "AUTONOMOUS".into(),
            occupied: false,
            kind,
        };
        block_on(self.services.trips.report(&self.ctx(), &report)).unwrap();
    }

    /// The journal alone, read back and folded, gives the rows.
    pub fn is_explained_by_its_journal(&self) {
        let entries = block_on(self.store.entries(&tenant(), 0, 1_000)).unwrap();
        let mut aggregates = 0;
        for mut fold in trips::DOMAIN.folds() {
            entries.iter().for_each(|entry| fold.take(&entry.envelope().unwrap()).unwrap());
            assert_eq!(block_on(fold.compare(&*self.store, &tenant(), &|_| ControlFlow::Continue(()))).unwrap(), None);
            aggregates += fold.aggregates().unwrap_or_default();
        }
        assert!(aggregates > 0);
    }

    /// Vehicle 0 says that it is not on the trip any more.
    pub fn leaves(&self, trip: TripId) {
        let ctx = Ctx { actor: Actor::vehicle(vehicle(0)), ..self.ctx() };
        block_on(self.services.trips.vehicle_left(&ctx, trip, 1)).unwrap();
    }

    pub fn accepts(&self, trip: TripId) {
        let route = self.trip(trip).route.unwrap().route;
        self.reports(trip, 1, ReportKind::Accepted { eta_ms: 60_000, route });
    }
}

/// A trip that vehicle 0 has.
pub fn assigned() -> (World, TripId) {
    let world = World::with(vec![able(0)]);
    let trip = world.asks_for(0);
    assert_eq!(world.dispatches(), 1);
    (world, trip)
}

#[test]
fn a_vehicle_that_does_not_answer_loses_trip_and_claim() {
    let (world, trip) = assigned();
    world.passes(14_999);
    world.looks_at_the_clock();
    assert_eq!(world.trip(trip).status, Status::Assigned);
    // It is connected and was heard since it was asked.
    world.told().vehicles[0].seen_at = world.now();
    world.passes(1);
    world.looks_at_the_clock();
    world.follows();
    assert_eq!(world.trip(trip).status, Status::Assigned, "it may have taken the trip");
    assert_eq!(world.told().claims.len(), 1, "it may drive by its claim");
    assert_eq!(world.told().withdrawn.len(), 1);
    world.leaves(trip);
    world.follows();
    assert_eq!((world.trip(trip).status, world.told().claims.len()), (Status::Waiting, 0));
    // It is not asked again for a while, and then it is.
    assert_eq!(world.dispatches(), 0);
    world.told().withdrawn.clear();
    world.told().vehicles[0].seen_at = START.plus_ms(150_000);
    world.passes(120_000);
    assert_eq!(world.dispatches(), 1);
}

#[test]
fn a_vehicle_loses_its_trip_however_many_younger_ones_it_had_before() {
    let world = World::with(vec![able(0)]);
    let lifts = trips::trip::types::Requirements { capabilities: ["lift".to_owned()].into(), ..Default::default() };
    let trip = world.asks(0, 0, lifts);
    for n in 1..=51 {
        world.passes(1);
        let younger = world.asks_for(n);
        assert_eq!((world.dispatches(), world.vehicle_of(younger)), (1, Some(0)));
        block_on(world.services.trips.cancel(&world.ctx(), younger, "not needed")).unwrap();
        world.follows();
    }
    world.told().vehicles[0].capabilities.insert("lift".into());
    assert_eq!((world.dispatches(), world.vehicle_of(trip)), (1, Some(0)));
    let before = world.history(trip).len();
    world.happens("vehicle.hold_placed", json!({ "kind": "grounded", "reason": "x", "timing": "now" }));
    assert!(world.history(trip).len() > before, "the hold concerns this trip");
}

#[test]
fn a_restart_believes_only_in_vehicles_that_came_back() {
    let (mut world, trip) = assigned();
    world.passes(300_000);
    world.told().up_since = Some(world.now());
    world.restarts();
    world.passes(20_000);
    // The fleet still calls it online, as it was when we went down.
    world.looks_at_the_clock();
    assert_eq!(world.trip(trip).status, Status::Assigned);
    world.happens("vehicle.hold_placed", json!({ "kind": "grounded", "reason": "x", "timing": "now" }));
    assert_eq!(world.trip(trip).status, Status::Assigned, "its claim may be valid on the vehicle");
    world.passes(40_000);
    world.looks_at_the_clock();
    assert_eq!(world.trip(trip).status, Status::Waiting);
}

#[test]
fn a_trip_without_a_vehicle_expires() {
    let world = World::with(vec![]);
    let trip = world.asks_for(0);
    world.looks_at_the_clock();
    assert_eq!(world.history(trip), ["trip.created", "trip.route_found"]);
    world.dispatches();
    world.passes(1_800_000);
    world.looks_at_the_clock();
    let ended = world.trip(trip).ended.unwrap();
    assert_eq!((ended.code.as_str(), ended.reason.as_str()), ("EXPIRED", "the site has no vehicles"));
}

#[test]
fn a_hold_takes_the_trip_from_its_vehicle_unless_it_waits_for_the_end() {
    let (world, trip) = assigned();
    world.accepts(trip);
    world.happens("vehicle.hold_placed", json!({ "kind": "cleaning", "reason": "x", "timing": "after_trip" }));
    assert_eq!(world.trip(trip).status, Status::Dispatched);
    world.happens("vehicle.went_offline", json!({}));
    assert!(world.trip(trip).assignment.unwrap().silence_reported);
    world.happens("vehicle.hold_placed", json!({ "kind": "grounded", "reason": "Brake FAULT", "timing": "now" }));
    assert_eq!(world.trip(trip).status, Status::Dispatched, "until the vehicle has said that it left");
    world.leaves(trip);
    world.follows();
    let waiting = world.trip(trip);
    assert_eq!(waiting.status, Status::Waiting);
    assert_eq!(waiting.wait.unwrap().reason, "the vehicle is held (grounded): Brake FAULT");
    assert!(world.told().claims.is_empty(), "the claim ended with it");
}

#[test]
fn open_trips_are_counted_behind_any_number_of_ended_ones() {
    let world = World::with(vec![able(0)]);
    let open = [world.asks_for(0), world.asks_for(1)];
    for _ in 0..=store::port::PAGE_LIMIT_MAX {
        let ended = world.asks_for(2);
        block_on(world.services.trips.cancel(&world.ctx(), ended, "not needed")).unwrap();
    }
    let count = || block_on(world.services.trips.open_at(&tenant(), &crate::world::site())).unwrap();
    assert_eq!((count(), world.dispatches(), count()), (2, 1, 2));
    block_on(world.services.trips.cancel(&world.ctx(), open[1], "not needed")).unwrap();
    assert_eq!(count(), 1);
    assert_eq!(block_on(world.services.trips.open_at(&tenant(), &"elsewhere".parse().unwrap())).unwrap(), 0);
}

#[test]
fn a_completed_trip_gives_its_vehicle_back() {
    let (world, trip) = assigned();
    world.accepts(trip);
    let summary = Summary { distance_m: 1_000.0, duration_ms: 125_000, energy_wh: 200.0 };
    let way = [ReportKind::Departed, ReportKind::ArrivedPickup, ReportKind::Boarded, ReportKind::ArrivedDropoff];
    for (kind, seq) in way.into_iter().chain([ReportKind::Completed(summary)]).zip(2..) {
        world.reports(trip, seq, kind.clone());
        world.reports(trip, seq, kind);
    }
    world.follows();
    assert_eq!((world.trip(trip).status, world.told().claims.len()), (Status::Completed, 0));
    let way = ["departed", "arrived_pickup", "boarded", "arrived_dropoff", "completed"];
    let story: Vec<String> = world.history(trip).split_off(4);
    assert_eq!(story, way.map(|step| format!("trip.{step}")), "each once");
    world.is_explained_by_its_journal();
}

#[test]
fn progress_of_an_old_report_is_forgotten() {
    let (world, trip) = assigned();
    let progress = |remaining_m, eta_ms| ReportKind::Progress { distance_m: 1.0, remaining_m, eta_ms };
    world.reports(trip, 5, progress(400.0, 50_000));
    world.reports(trip, 4, progress(900.0, 90_000));
    let known = || block_on(world.services.trips.progress(&tenant(), trip)).unwrap().unwrap();
    assert_eq!((known().remaining_m, known().eta), (400.0, START.plus_ms(50_000)));
    world.reports(trip, 6, progress(300.0, u64::MAX));
    assert_eq!(known().eta, START.plus_ms(86_400_000), "and can be read back");
}

#[test]
fn a_violation_is_an_entry_only_when_it_opens_and_closes() {
    let (mut world, trip) = assigned();
    world.accepts(trip);
    let check = |world: &World, speed_mps: f64| {
        world.passes(1_000);
        world.told().vehicles[0].seen_at = world.now();
        let sample = SampleFacts {
            vehicle: vehicle(0),
            boot: BootId::from_u128(1),
            sampled_at: world.now(),
            at: kernel::Coordinate::new(0.0, 0.0).unwrap(),
            speed_mps,
            battery_pct: 80.0,
            mode: "AUTONOMOUS".into(),
            occupied: false,
            progress_m: 10.0,
        };
        block_on(world.services.compliance.monitor(&world.ctx(), trip, &sample)).unwrap().unwrap()
    };
    let entries = |world: &World| world.history(trip).iter().filter(|event| event.contains("violation")).count();
    // Planned are 8 m/s; 10 are too fast, 3 are not.
    assert_eq!(check(&world, 10.0).verdict, CheckVerdict::Violating);
    assert_eq!((check(&world, 3.0).verdict, entries(&world)), (CheckVerdict::Compliant, 0));
    check(&world, 10.0);
    check(&world, 10.0);
    assert_eq!((entries(&world), world.trip(trip).violations.len()), (1, 1));
    // A restart begins from the open violation: it opens no second one.
    world.restarts();
    (0..3).for_each(|_| drop(check(&world, 10.0)));
    (0..4).for_each(|_| drop(check(&world, 3.0)));
    assert_eq!(entries(&world), 1);
    check(&world, 3.0);
    assert_eq!((entries(&world), world.trip(trip).violations.len()), (2, 0));
    let elsewhere =
        block_on(world.services.compliance.monitor(&world.ctx(), world.asks_for(1), &sample_of_nobody())).unwrap();
    assert_eq!(elsewhere, None, "a sample is evidence of its own trip only");
    world.is_explained_by_its_journal();
}

fn sample_of_nobody() -> SampleFacts {
    SampleFacts {
        vehicle: vehicle(7),
        boot: BootId::from_u128(1),
        sampled_at: START,
        at: kernel::Coordinate::new(0.0, 0.0).unwrap(),
        speed_mps: 0.0,
        battery_pct: 80.0,
        mode: "AUTONOMOUS".into(),
        occupied: false,
        progress_m: 0.0,
    }
}

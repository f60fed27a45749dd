//! What the agent stores while there is no link and how it gives it back (SAFE-16), and that no order of events makes
//! it drive without a claim.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed test may panic")]

mod world;

use agent::core::Event;
use agent::durable::SAMPLES_MAX;
use agent::vehicle::{Vehicle, VehicleCommand};
use kernel::CommandId;
use kernel::id::{BootId, TypedId};
use link::v1::command::Body;
use link::v1::from_vehicle::Message as Said;
use link::v1::to_vehicle::Message as Told;
use link::{Mode, v1};
use proptest::prelude::*;
use world::{World, route, trip};

fn boot(n: u128) -> String {
    BootId::from_u128(n).to_string()
}

fn batches(world: &World) -> Vec<&v1::TelemetryBatch> {
    world.said.iter().filter_map(|said| if let Said::Telemetry(batch) = said { Some(batch) } else { None }).collect()
}

#[test]
fn reports_return_first_and_in_order_then_samples_newest_first() {
    let mut world = World::new();
    world.connect();
    world.dispatch(1, 1);
    world.until("report boarded");
    world.step(Event::Disconnected);
    world.said.clear();
    // The trip ends without a link, within the claim's validity; ten minutes pass.
    world.pass_s(600);
    assert_eq!(world.said, []);
    assert!(world.agent.memory().trip.is_none());
    let reports: Vec<_> = world.agent.memory().reports.iter().map(|r| r.report_seq).collect();
    assert!(reports.windows(2).all(|pair| pair[0] + 1 == pair[1]), "without gaps: {reports:?}");

    world.step(Event::Connected);
    let Some(Said::Hello(hello)) = world.said.pop() else { panic!("{:?}", world.said) };
    assert_eq!((hello.boot_id, hello.trip_id.as_str(), hello.protocol_version), (boot(1), "", link::PROTOCOL_VERSION));
    world.welcome(None, 0);
    world.pass_s(5);
    let order: Vec<u8> = world
        .said
        .iter()
        .filter_map(|said| match said {
            Said::Online(_) => Some(0),
            Said::TripReport(_) => Some(1),
            Said::CommandState(_) => Some(2),
            Said::Telemetry(batch) if batch.historical => Some(3),
            _ => None,
        })
        .collect();
    assert!(order.is_sorted(), "{order:?}");
    let sent: Vec<_> = world
        .said
        .iter()
        .filter_map(|said| if let Said::TripReport(report) = said { Some(report.report_seq) } else { None })
        .collect();
    assert_eq!(sent, reports);
    let stored: Vec<_> = batches(&world).into_iter().filter(|b| b.historical).map(|b| b.first_seq).collect();
    assert!(stored.len() > 2 && stored.is_sorted_by(|a, b| a > b), "{stored:?}");
    let mut seqs: Vec<_> = batches(&world).iter().flat_map(|b| b.samples.iter().map(|s| s.seq)).collect();
    seqs.sort_unstable();
    assert!(seqs.iter().copied().eq(1..=seqs.len() as u64), "each once: {seqs:?}");
    assert!(world.agent.memory().sample_seq - seqs.len() as u64 <= 1, "the newest waits for its second");
    for batch in batches(&world) {
        let message = v1::FromVehicle { message: Some(Said::Telemetry(batch.clone())) };
        assert!(link::from_vehicle(message).is_ok(), "the other end reads it");
    }
}

#[test]
fn nothing_is_forgotten_before_it_is_acknowledged_and_nothing_sent_again_after() {
    let mut world = World::new();
    world.connect();
    world.pass_s(60);
    world.dispatch(1, 1);
    world.pass_s(5);
    let samples = world.agent.memory().samples.len();
    assert!(samples > 60, "{samples}");
    world.told(Told::TelemetryAck(v1::TelemetryAck { boot_id: boot(1), through_seq: 20 }));
    world.told(Told::ReportAck(v1::ReportAck { boot_id: boot(1), through_report_seq: 1 }));
    assert_eq!(world.agent.memory().samples.len(), samples - 20);
    let left: Vec<_> = world.agent.memory().reports.iter().map(|r| r.report_seq).collect();
    assert!(!left.is_empty() && left[0] == 2, "{left:?}");
    // Another boot's acknowledgement is not this boot's.
    world.told(Told::TelemetryAck(v1::TelemetryAck { boot_id: boot(9), through_seq: 1_000 }));
    assert_eq!(world.agent.memory().samples.len(), samples - 20);

    world.restart();
    world.step(Event::Connected);
    let Some(Said::Hello(hello)) = world.said.last().cloned() else { panic!() };
    assert_eq!((hello.boot_id, hello.pending_boot_ids, hello.boot_counter), (boot(2), vec![boot(1)], 2));
    // A restart before the pickup ended the trip.
    assert_eq!((hello.trip_id.as_str(), hello.claim_epoch), ("", 0));
    world.said.clear();
    world.told(Told::Welcome(v1::Welcome {
        token: None,
        trust_bundle_sequence: 0,
        server_time_us: world.server_time().as_us(),
        heartbeat_interval_ms: 5_000,
        watermarks: vec![v1::Watermark { boot_id: boot(1), telemetry_through_seq: 40, report_through_seq: 2 }],
        claim: Some(v1::Claim { trip_id: trip(1).to_string(), claim_epoch: 1, valid_for_ms: 60_000 }),
        ..Default::default()
    }));
    world.pass_s(3);
    let of_boot_1 = |batch: &&&v1::TelemetryBatch| batch.boot_id == boot(1);
    let lowest = batches(&world).iter().filter(of_boot_1).map(|b| b.first_seq).min();
    assert_eq!(lowest, Some(41));
    let first_report = world.said.iter().find_map(|said| if let Said::TripReport(r) = said { Some(r) } else { None });
    let first_report = first_report.unwrap();
    assert_eq!((first_report.boot_id.clone(), first_report.report_seq), (boot(1), 3));
}

#[test]
fn the_buffer_is_bounded_the_oldest_samples_go_and_the_server_is_told() {
    let mut world = World::new();
    let state = world.vehicle.state();
    world.step(Event::Vehicle(state));
    for _ in 0..SAMPLES_MAX + 50 {
        world.ms += 1_000;
        world.step(Event::Tick);
    }
    assert_eq!(world.agent.memory().samples.len(), SAMPLES_MAX);
    world.connect();
    world.pass_s(1);
    let kept_from = world.agent.memory().samples[0].1.seq;
    assert!(kept_from > 50, "{kept_from}");
    let stored: Vec<_> = batches(&world).into_iter().filter(|b| b.historical).collect();
    assert!(
        !stored.is_empty() && stored.iter().all(|b| b.kept_from_seq + 5 > kept_from && b.kept_from_seq <= kept_from)
    );
}

#[test]
fn heartbeats_are_given_while_connected_and_tell_of_the_vehicle() {
    let mut world = World::new();
    world.pass_s(30);
    assert_eq!(world.said, []);
    world.connect();
    world.pass_s(30);
    let beats: Vec<_> =
        world.said.iter().filter_map(|said| if let Said::Heartbeat(h) = said { Some(h) } else { None }).collect();
    assert_eq!(beats.iter().map(|h| h.counter).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6]);
    assert!(beats.iter().all(|h| h.parked && h.battery_pct > 50.0 && h.position.is_some()));
    for said in &world.said {
        assert!(link::from_vehicle(v1::FromVehicle { message: Some(said.clone()) }).is_ok(), "{said:?}");
    }
}

/// What may happen to an agent, in any order.
#[derive(Debug, Clone)]
enum Happens {
    Pass(u64),
    Dispatch { trip: u128, epoch: u64, valid_ms: u64 },
    Renew { trip: u128, epoch: u64 },
    Stop(i32),
    Slow(f64),
    Quarantine,
    Cancel(u128),
    Clear(u128),
    Resume { trip: u128, epoch: u64 },
    Disconnect,
    Welcome(Option<(u128, u64)>),
    Restart,
    Mode(Mode),
}

fn happens() -> impl Strategy<Value = Happens> {
    let mode = prop_oneof![Just(Mode::Autonomous), Just(Mode::Manual), Just(Mode::Estop)];
    prop_oneof![
        4 => (1u64..40).prop_map(Happens::Pass),
        4 => (1u128..4, 1u64..4, 1_000u64..60_000).prop_map(|(trip, epoch, valid_ms)| Happens::Dispatch { trip, epoch, valid_ms }),
        2 => (1u128..4, 1u64..4).prop_map(|(trip, epoch)| Happens::Renew { trip, epoch }),
        1 => (0i32..5).prop_map(Happens::Stop),
        1 => (0.0f64..8.0).prop_map(Happens::Slow),
        1 => Just(Happens::Quarantine),
        1 => (1u128..4).prop_map(Happens::Cancel),
        2 => (1u128..12).prop_map(Happens::Clear),
        2 => (1u128..4, 1u64..4).prop_map(|(trip, epoch)| Happens::Resume { trip, epoch }),
        1 => Just(Happens::Disconnect),
        2 => proptest::option::of((1u128..4, 1u64..4)).prop_map(Happens::Welcome),
        1 => Just(Happens::Restart),
        1 => mode.prop_map(Happens::Mode),
    ]
}

/// An independent account of what the server ever granted: until when, by the world's time, each claim may hold.
#[derive(Default)]
struct Grants(std::collections::BTreeMap<(u128, u64), i64>);

impl Grants {
    fn give(&mut self, trip: u128, epoch: u64, until_ms: i64) {
        let until = self.0.entry((trip, epoch)).or_default();
        *until = (*until).max(until_ms);
    }
}

fn perform(world: &mut World, grants: &mut Grants, event: &Happens) {
    let server_ms = |world: &World| world.server_time().as_ms();
    match *event {
        Happens::Pass(s) => world.pass_s(s),
        Happens::Dispatch { trip, epoch, valid_ms } => {
            let mut body = world.dispatch_body(trip, &route());
            body.claim_valid_for_ms = valid_ms;
            grants.give(trip, epoch, server_ms(world) + valid_ms as i64);
            world.command(epoch, Body::Dispatch(body));
        }
        Happens::Renew { trip, epoch } => {
            grants.give(trip, epoch, server_ms(world) + 120_000);
            world.renew(trip, epoch);
        }
        Happens::Stop(class) => _ = world.command(0, Body::Stop(v1::Stop { class, ..Default::default() })),
        Happens::Slow(max_speed_mps) => {
            _ = world.command(0, Body::Slow(v1::Slow { max_speed_mps, ..Default::default() }))
        }
        Happens::Quarantine => _ = world.command(0, Body::Quarantine(v1::QuarantineNotice::default())),
        Happens::Cancel(n) => {
            _ = world.command(0, Body::Cancel(v1::Cancel { trip_id: trip(n).to_string(), ..Default::default() }));
        }
        Happens::Clear(n) => {
            let of = Some(v1::clearance::Of::CommandId(CommandId::from_u128(n).to_string()));
            world.command(0, Body::Clearance(v1::Clearance { of, trip_id: String::new() }));
        }
        Happens::Resume { trip: n, epoch } => {
            _ = world.command(epoch, Body::Resume(v1::Resume { trip_id: trip(n).to_string(), ..Default::default() }));
        }
        Happens::Disconnect => world.step(Event::Disconnected),
        Happens::Welcome(claim) => {
            if let Some((trip, epoch)) = claim {
                grants.give(trip, epoch, server_ms(world) + 60_000);
            }
            world.step(Event::Connected);
            world.welcome(claim.map(|(n, epoch)| (trip(n), epoch)), 60_000);
        }
        Happens::Restart => world.restart(),
        Happens::Mode(mode) => {
            world.vehicle.switch_mode(mode);
            let state = world.vehicle.state();
            world.step(Event::Vehicle(state));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    /// SAFE-7, -6, -17 whatever happens in whatever order: whoever is told to drive has a claim that the server gave,
    /// of the newest epoch heard of, in force at that moment, no stop holds, and the mode takes motion. What is
    /// written folds to what is known.
    #[test]
    fn nobody_drives_without_a_valid_claim(events in proptest::collection::vec(happens(), 1..40)) {
        let (mut world, mut grants) = (World::new(), Grants::default());
        world.connect();
        let mut ordered = false;
        for event in &events {
            // SAFE-13: after a restart only an order moves it.
            ordered = match event {
                Happens::Restart => false,
                Happens::Dispatch { .. } | Happens::Resume { .. } => true,
                _ => ordered,
            };
            // Small steps, so that what holds at the moment of a command can be seen.
            let parts = if let Happens::Pass(s) = event { vec![Happens::Pass(1); *s as usize] } else { vec![event.clone()] };
            for part in parts {
                let before = world.drives.len();
                perform(&mut world, &mut grants, &part);
                let follows = world.drives[before..].iter().any(|d| matches!(d, VehicleCommand::FollowRoute { .. }));
                if !follows {
                    continue;
                }
                prop_assert!(ordered, "a restarted vehicle drives on without an order");
                let memory = world.agent.memory().clone();
                let now_ms = world.server_time().as_ms();
                prop_assert!(world.vehicle.state().mode.takes_motion());
                prop_assert!(memory.holding.strictest(memory.trip_id()).stop.is_none());
                let trip = memory.trip.as_ref().map(|trip| (trip.id().unwrap().as_u128(), trip.dispatch.claim_epoch));
                prop_assert!(trip.is_some(), "drives on a trip");
                let until_ms = trip.and_then(|claim| grants.0.get(&claim)).copied().unwrap_or(0);
                // The look comes up to a second after the command.
                prop_assert!(until_ms + 1_000 > now_ms, "{trip:?} until {until_ms} at {now_ms}");
                prop_assert_eq!(trip.map(|t| t.1), Some(memory.epoch));
            }
        }
        let mut folded = agent::durable::Memory::default();
        world.records.iter().cloned().for_each(|record| folded.apply(record));
        prop_assert_eq!(&folded, world.agent.memory());
        let mut compacted = agent::durable::Memory::default();
        folded.records().into_iter().for_each(|record| compacted.apply(record));
        // The counters of this boot matter to nobody after a restart; everything else is the same.
        compacted.sample_seq = folded.sample_seq;
        compacted.report_seq = folded.report_seq;
        prop_assert_eq!(compacted, folded);
    }

    /// Once its claim is over and nobody speaks to it, every vehicle stands.
    #[test]
    fn silence_ends_in_standing(events in proptest::collection::vec(happens(), 1..20)) {
        let (mut world, mut grants) = (World::new(), Grants::default());
        world.connect();
        for event in &events {
            perform(&mut world, &mut grants, event);
        }
        world.step(Event::Disconnected);
        world.vehicle.switch_mode(Mode::Autonomous);
        world.pass_s(300);
        prop_assert_eq!(world.speed_mps(), 0.0);
    }
}

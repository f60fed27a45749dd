//! Arbitrary commands in arbitrary order: every answer is an answer, every change is one that the specification lists,
//! and what must hold of a trip holds after each.

use kernel::testing::START;
use kernel::{Aggregate, Decided, DomainEvent, EventMeta, Reject, Timestamp};
use policy::Response;
use proptest::prelude::*;
use proptest::sample::select;
use trips::trip::decide::{ComplianceEdge, NewAssignment, VehicleLoss, WaitReason, decide};
use trips::trip::due::DueFacts;
use trips::trip::events::TripComplianceSummary;
use trips::trip::reroute::{NoRouteFound, RerouteAnswer, RouteOffer};
use trips::trip::status::leads_to;
use trips::trip::types::{Milestone, Summary};
use trips::trip::{Command, Done, ReportKind, Status, Trip, TripEvent, VehicleReport};

use crate::support::*;

fn facts() -> impl Strategy<Value = DueFacts> {
    let times = || proptest::option::of((-200_000i64..200_000).prop_map(|ms| NOW.plus_ms(ms)));
    (any::<bool>(), times(), any::<bool>(), times(), times()).prop_map(
        |(current, valid_until, online, heard_at, up)| DueFacts {
            claim_is_current: current,
            claim_valid_until: valid_until,
            vehicle_online: online,
            vehicle_heard_at: heard_at,
            listener_up_since: up,
            timing: Default::default(),
        },
    )
}

fn kinds() -> impl Strategy<Value = ReportKind> {
    let summary = (any::<f64>(), any::<u64>(), any::<f64>()).prop_map(|(distance_m, duration_ms, energy_wh)| Summary {
        distance_m,
        duration_ms,
        energy_wh,
    });
    prop_oneof![
        4 => any::<u64>().prop_map(|eta_ms| ReportKind::Accepted { eta_ms, route: route_id(2) }),
        1 => ".*".prop_map(|text| ReportKind::Rejected { code: text.clone(), reason: text }),
        4 => Just(ReportKind::Departed),
        4 => Just(ReportKind::ArrivedPickup),
        4 => Just(ReportKind::Boarded),
        4 => Just(ReportKind::ArrivedDropoff),
        1 => summary.prop_map(ReportKind::Completed),
        1 => Just(ReportKind::Completed(crate::support::summary())),
        1 => ".*".prop_map(|reason| ReportKind::Paused { reason }),
        1 => ".*".prop_map(|kind| ReportKind::AssistNeeded { kind, snapshot: None }),
        1 => (".*", any::<bool>()).prop_map(|(text, admissible)| ReportKind::SafeStopped {
            class: text.clone(), reason: text, admissible
        }),
        2 => Just(ReportKind::Resumed),
        1 => ".*".prop_map(|reason| ReportKind::Ended { reason }),
    ]
}

/// Mostly of the vehicle and claim that the trip has, with rising numbers.
fn report() -> impl Strategy<Value = VehicleReport> {
    let vehicles = prop_oneof![8 => Just(vehicle()), 1 => Just(other_vehicle())];
    let epochs = prop_oneof![8 => Just(EPOCH), 1 => EPOCH - 1..EPOCH + 3];
    let seqs = prop_oneof![8 => 1u64..60, 1 => any::<u64>()];
    let odometers = prop_oneof![8 => Just(12_000.0), 1 => any::<f64>()];
    (vehicles, epochs, seqs, odometers, any::<bool>(), 4u128..24, kinds()).prop_map(
        |(vehicle, claim_epoch, seq, odometer_m, occupied, boot, kind)| VehicleReport {
            vehicle,
            claim_epoch,
            odometer_m,
            occupied,
            boot: id(boot),
            ..report_of(seq, kind)
        },
    )
}

fn commands() -> impl Strategy<Value = Command> {
    let edge = (0u128..4, any::<bool>()).prop_map(|(n, opens)| ComplianceEdge {
        violation: violation(n),
        rule: format!("rule-{}", n % 2),
        opened: opens.then(|| (Response::Slow, "too fast".into())),
        max_speed_mps: None,
        sampled_at: NOW,
    });
    let loss = facts().prop_map(|facts| {
        Command::LoseVehicle(VehicleLoss { vehicle: vehicle(), code: "HELD".into(), reason: "held".into(), facts })
    });
    let summary = TripComplianceSummary {
        vehicle: vehicle(),
        from: NOW,
        to: NOW,
        compliant: 1,
        violating: 0,
        unknown: 0,
        segment_digest: "e1".into(),
        chunks: Vec::new(),
    };
    let assign = (EPOCH..EPOCH + 2, any::<bool>()).prop_map(|(claim_epoch, other)| {
        let vehicle = if other { other_vehicle() } else { vehicle() };
        Command::Assign(Box::new(NewAssignment { claim_epoch, vehicle, ..new_assignment() }))
    });
    prop_oneof![
        1 => Just(Command::RouteFound(Box::new(route(1)))),
        1 => select(vec!["NO_VEHICLE", "POLICY"])
            .prop_map(|code| Command::Wait(WaitReason { code: code.into(), ..WaitReason::default() })),
        6 => assign,
        24 => report().prop_map(|report| Command::Report(Box::new(report))),
        1 => loss,
        2 => (select(vec![vehicle(), other_vehicle()]), EPOCH - 1..EPOCH + 2)
            .prop_map(|(vehicle, claim_epoch)| Command::VehicleLeft { vehicle, claim_epoch }),
        1 => select(vec![vehicle(), other_vehicle()]).prop_map(Command::VehicleOffline),
        1 => Just(Command::Strand { reason: "x".into() }),
        1 => (proptest::option::of(Just(id(70))), proptest::option::of(Just(vec![]))).prop_map(|(by, stops)| {
            Command::Cancel { reason: "x".into(), by, stops: stops.map(|_: Vec<()>| drop_off()) }
        }),
        4 => ways(),
        1 => Just(Command::Fail { code: "X".into(), reason: "x".into() }),
        1 => proptest::collection::vec(edge, 0..4).prop_map(Command::Compliance),
        1 => Just(Command::Summary(Box::new(summary))),
        3 => facts().prop_map(Command::Due),
    ]
}

/// Another route, in the order in which versions are found or not, and what the vehicle says to it.
fn ways() -> impl Strategy<Value = Command> {
    let offer = (1u64..6).prop_map(|version| {
        let (route, reason) = (route(version), "closed".into());
        Command::Reroute(Box::new(RouteOffer { vehicle: vehicle(), route, begins_at_m: 400.0, reason }))
    });
    let answer = (1u64..6, any::<bool>()).prop_map(|(version, takes)| {
        let refused = (!takes).then(|| ("HELD".to_owned(), "held".to_owned()));
        Command::RerouteAnswered(RerouteAnswer { vehicle: vehicle(), route: route_id(version), refused })
    });
    let none = NoRouteFound { vehicle: vehicle(), code: "NO_LEGAL_EXIT".into(), reason: "closed".into() };
    prop_oneof![4 => offer, 4 => answer, 1 => Just(Command::NoRoute(none))]
}

/// What must hold of every trip.
fn holds(trip: &Trip) {
    let status = trip.status;
    if !status.is_terminal() {
        assert_eq!(trip.assignment.is_some(), HELD.contains(&status), "{status}: a claim exactly where a vehicle is");
        assert!(trip.due.is_some(), "{status}: every wait has a deadline");
        assert_eq!(trip.ended, None);
    } else {
        assert_eq!((trip.due, trip.left, &trip.wait), (None, None, &None), "{status}: nothing is to come");
        assert!(trip.ended.is_some() && trip.violations.is_empty(), "{status}");
    }
    assert_eq!(trip.vehicle().is_some(), HELD.contains(&status), "{status}");
    assert!(HELD.contains(&status) || trip.violations.is_empty(), "{status}: only a vehicle violates");
    if status.is_interrupted() {
        let left = trip.left.expect("an interrupted trip knows where it was");
        assert!(matches!(left, Status::ToPickup | Status::AtPickup | Status::OnTrip | Status::AtDropoff));
    }
    let before_pickup = [Status::Scheduled, Status::Created, Status::Waiting].contains(&status)
        || trip.assignment.as_ref().is_some_and(|held| held.milestone < Milestone::ArrivedPickup);
    assert!(!before_pickup || !trip.occupied, "{status}: nobody is aboard before the pickup");
    let under_way = [Status::OnTrip, Status::AtDropoff].contains(&status);
    assert!(!under_way || !trip.kind.carries() || trip.occupied, "{status}: its load is aboard");
    assert!(
        trip.rerouting.is_none() && trip.blocked.is_none() || HELD.contains(&status),
        "{status}: of a vehicle only"
    );
    assert!(trip.due_at().is_none() || !status.is_terminal(), "{status}: nothing is to come");
    assert!(trip.excluded.len() <= 32 && trip.reports.len() <= 16 && trip.violations.len() <= 64);
    let row = serde_json::to_string(trip).unwrap();
    assert_eq!(&serde_json::from_str::<Trip>(&row).unwrap(), trip, "a row is read back");
}

/// What the journal gives back of an event is the event.
fn is_read_back(event: &TripEvent) {
    let canonical = serde_json_canonicalizer::to_vec(&event.body()).unwrap();
    let body = serde_json::from_slice(&canonical).unwrap();
    let read = TripEvent::decode(event.event_type(), event.version(), &body).unwrap();
    assert_eq!(&read, event);
}

/// The trip after the events of a decision, each step of which the table of transitions has.
fn follows(trip: &Trip, events: &[TripEvent], now: Timestamp) -> Trip {
    events.iter().fold(trip.clone(), |before, event| {
        is_read_back(event);
        let after = Trip::evolve(Some(before.clone()), event, &EventMeta { recorded_at: now }).unwrap();
        let is_step = before.status == after.status || leads_to(before.status, after.status);
        assert!(is_step, "{} → {} by {event:?}", before.status, after.status);
        after
    })
}

fn step(trip: &Trip, command: &Command, now: Timestamp) -> Trip {
    let Decided { events, reply } = decide(Some(trip), command, now);
    if let Err(Reject { message, .. }) = &reply {
        assert!(events.is_empty() && !message.is_empty());
    }
    let after = follows(trip, &events, now);
    if let Ok(Done { trip: id, status, changed }) = reply {
        assert_eq!((id, status, changed), (trip.id, after.status, !events.is_empty()), "{command:?}");
    }
    assert!(!trip.status.is_terminal() || events.is_empty(), "{} is the end: {events:?}", trip.status);
    holds(&after);
    keeps_people(trip, command, &after);
    leaves_by_its_word_or_after_the_lapse(trip, command, &events, now);
    // The same report again changes nothing, whatever it did.
    if let Command::Report(_) = command {
        let again = decide(Some(&after), command, now);
        assert!(events.is_empty() || again.events.is_empty() && again.reply.is_ok_and(|done| !done.changed));
    }
    after
}

/// SAFE-7: with people or load aboard no trip goes to another vehicle, and one that is called off ends where they left.
fn keeps_people(before: &Trip, command: &Command, after: &Trip) {
    let lost = [Status::Waiting, Status::Cancelled].contains(&after.status) && before.status != after.status;
    let diverted = before.diversion.is_some() && before.status == Status::AtDropoff;
    assert!(!before.occupied || !lost || diverted && after.status == Status::Cancelled, "{command:?}");
}

/// SAFE-7: a trip leaves its vehicle by that vehicle's own word, or once the claim has lapsed with its margin.
fn leaves_by_its_word_or_after_the_lapse(before: &Trip, command: &Command, events: &[TripEvent], now: Timestamp) {
    if !events.iter().any(|event| matches!(event, TripEvent::Unassigned(_))) {
        return;
    }
    let held = before.assignment.as_ref().unwrap();
    let own_word = match command {
        Command::Report(report) => (report.vehicle, report.claim_epoch) == (held.vehicle, held.claim_epoch),
        Command::VehicleLeft { vehicle, claim_epoch } => {
            before.withdrawal.is_some() && (*vehicle, *claim_epoch) == (held.vehicle, held.claim_epoch)
        }
        Command::Due(facts) | Command::LoseVehicle(VehicleLoss { facts, .. }) => {
            facts.claim_valid_until.is_none_or(|until| until.plus_ms(30_000) <= now)
                && facts.listener_up_since.is_some_and(|since| now.since_ms(since) >= 60_000)
        }
        _ => false,
    };
    assert!(own_word, "{command:?}");
}

fn begun() -> impl Strategy<Value = Trip> {
    let histories: Vec<Vec<TripEvent>> =
        Status::all().flat_map(|status| [to(status), empty_to(status)]).chain([with_three_stops()]).collect();
    select(histories).prop_map(|history| after(&history))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn whatever_is_commanded_a_trip_stays_a_trip(
        begun in begun(),
        commands in proptest::collection::vec((commands(), 0i64..200_000), 1..40),
    ) {
        let mut now = START.plus_ms(30_000);
        commands.iter().fold(begun, |trip, (command, later_ms)| {
            now = now.plus_ms(*later_ms);
            step(&trip, command, now)
        });
    }

    #[test]
    fn whatever_is_commanded_of_no_trip_is_refused(command in commands()) {
        let Decided { events, reply } = decide(None, &command, NOW);
        prop_assert!(events.is_empty() && reply.is_err());
    }
}

//! What a vehicle tells: each report counts once, under the current claim, where the trip's state allows it (TRIP-7,
//! TRIP-9, TRIP-10, SAFE-7).

use kernel::Code;
use kernel::testing::{Then, accepts, refuses, unchanged};
use trips::trip::events::*;
use trips::trip::types::{Milestone, ReportRef, Summary};
use trips::trip::{Command, Done, ReportKind, Status, TripEvent, VehicleReport};

use crate::support::*;

const LOOK: kernel::Timestamp = NOW.plus_ms(LOOK_AGAIN_MS);

fn accepted() -> ReportKind {
    ReportKind::Accepted { eta_ms: 45_000, route: route_id(2) }
}

fn rejected() -> ReportKind {
    ReportKind::Rejected { code: "MAP_STALE".into(), reason: "the map is older".into() }
}

fn stopped() -> ReportKind {
    let class = "nearest_admissible".into();
    ReportKind::SafeStopped { class, reason: "CLAIM_LAPSED".into(), admissible: true }
}

fn pauses() -> ReportKind {
    ReportKind::Paused { reason: "traffic".into() }
}

fn asks_for_help() -> ReportKind {
    ReportKind::AssistNeeded { kind: "OBSTACLE".into(), snapshot: None }
}

fn leaves() -> ReportKind {
    ReportKind::Ended { reason: "GROUNDED".into() }
}

fn every_kind() -> Vec<ReportKind> {
    let progress = ReportKind::Progress { distance_m: 1.0, remaining_m: 1.0, eta_ms: 1 };
    vec![
        accepted(),
        rejected(),
        ReportKind::Departed,
        ReportKind::ArrivedPickup,
        ReportKind::Boarded,
        progress,
        ReportKind::ArrivedDropoff,
        ReportKind::Completed(summary()),
        pauses(),
        asks_for_help(),
        stopped(),
        ReportKind::Resumed,
        leaves(),
    ]
}

fn gives(event: impl Into<TripEvent>, status: Status) -> Then<TripEvent, Done> {
    accepts([event.into()], done(status))
}

#[test]
fn the_way_of_a_trip() {
    let report = || said(NEXT);
    let pickup_expected_at = NOW.plus_ms(45_000);
    let dispatched = TripDispatched { pickup_expected_at, report: report(), due_at: LOOK };
    check(to(Status::Assigned), reports(accepted()), gives(dispatched, Status::Dispatched));
    let departed = TripDeparted { report: report(), due_at: LOOK };
    check(to(Status::Dispatched), reports(ReportKind::Departed), gives(departed, Status::ToPickup));
    let arrived = TripArrivedPickup { report: report(), due_at: LOOK };
    check(to(Status::ToPickup), reports(ReportKind::ArrivedPickup), gives(arrived, Status::AtPickup));
    let boarded = |occupied, report| TripBoarded { occupied, stop_index: 1, report, due_at: LOOK };
    let boards = || reports(ReportKind::Boarded);
    check(to(Status::AtPickup), boards(), gives(boarded(true, report()), Status::OnTrip));
    check(empty_to(Status::AtPickup), boards(), gives(boarded(false, report()), Status::OnTrip));
    let with_somebody = boarded(true, said_occupied(NEXT));
    check(empty_to(Status::AtPickup), reports_occupied(ReportKind::Boarded), gives(with_somebody, Status::OnTrip));
    let dropoff = TripArrivedDropoff { stop_index: 1, report: report(), due_at: LOOK };
    check(to(Status::OnTrip), reports(ReportKind::ArrivedDropoff), gives(dropoff, Status::AtDropoff));
    let completed = TripCompleted { vehicle: vehicle(), claim_epoch: EPOCH, summary: summary(), report: report() };
    let ended =
        check(to(Status::AtDropoff), reports(ReportKind::Completed(summary())), gives(completed, Status::Completed));
    let ended = ended.unwrap();
    assert_eq!((ended.due, ended.occupied, ended.summary), (None, false, Some(summary())));
    assert_eq!(ended.ended.unwrap().code, "COMPLETED");
}

#[test]
fn a_trip_with_a_next_stop_goes_on_to_it_and_completes_at_the_last() {
    let at_second = || then(with_three_stops(), [at_dropoff(5, 1)]);
    let goes_on = TripBoarded { occupied: true, stop_index: 2, report: said(NEXT), due_at: LOOK };
    check(at_second(), reports(ReportKind::Boarded), gives(goes_on, Status::OnTrip));
    check(at_second(), reports(ReportKind::Completed(summary())), refuses(Code::IllegalTransition));
    let at_last = then(at_second(), [boarded(6, true, 2), at_dropoff(7, 2)]);
    check(at_last.clone(), reports(ReportKind::Boarded), unchanged(same(Status::AtDropoff)));
    let completed = TripCompleted { vehicle: vehicle(), claim_epoch: EPOCH, summary: summary(), report: said(NEXT) };
    check(at_last, reports(ReportKind::Completed(summary())), gives(completed, Status::Completed));
}

#[test]
fn a_milestone_counts_where_it_is_next() {
    let milestones = [
        (accepted(), Milestone::Accepted, Status::Assigned),
        (ReportKind::Departed, Milestone::Departed, Status::Dispatched),
        (ReportKind::ArrivedPickup, Milestone::ArrivedPickup, Status::ToPickup),
        (ReportKind::Boarded, Milestone::Boarded, Status::AtPickup),
        (ReportKind::ArrivedDropoff, Milestone::ArrivedDropoff, Status::OnTrip),
        (ReportKind::Completed(summary()), Milestone::Completed, Status::AtDropoff),
    ];
    for (kind, milestone, allowed_in) in milestones {
        for status in HELD.into_iter().filter(|status| *status != allowed_in) {
            let reached = after(&to(status)).assignment.unwrap().milestone;
            let then = match milestone <= reached {
                // It was reached before: said again, or late.
                true => unchanged(same(status)),
                false => refuses(Code::IllegalTransition),
            };
            check(to(status), reports(kind.clone()), then);
        }
    }
}

#[test]
fn a_vehicle_accepts_the_route_that_it_was_given() {
    let other = ReportKind::Accepted { eta_ms: 1, route: route_id(9) };
    check(to(Status::Assigned), reports(other), refuses(Code::Conflict));
}

#[test]
fn an_estimate_is_believed_to_a_day() {
    let never = ReportKind::Accepted { eta_ms: u64::MAX, route: route_id(2) };
    let pickup_expected_at = NOW.plus_ms(86_400_000);
    let dispatched = TripDispatched { pickup_expected_at, report: said(NEXT), due_at: LOOK };
    check(to(Status::Assigned), reports(never), gives(dispatched, Status::Dispatched));
}

/// Whatever counted once, said again, changes nothing, by the same report or an earlier one.
#[test]
fn a_doubled_or_late_report_changes_nothing() {
    for status in Status::all() {
        let heard = after(&to(status)).reports.get(&boot()).copied().unwrap_or_default();
        for seq in 0..=heard {
            for kind in every_kind() {
                let again = Command::Report(Box::new(report_of(seq, kind)));
                check(to(status), again, unchanged(same(status)));
            }
        }
    }
}

#[test]
fn a_report_of_another_boot_counts_by_itself() {
    let report = VehicleReport { boot: id(5), ..report_of(1, ReportKind::ArrivedPickup) };
    let arrived = TripArrivedPickup { report: ReportRef { boot: id(5), ..said(1) }, due_at: LOOK };
    let when = Command::Report(Box::new(report));
    let trip = check(to(Status::ToPickup), when, gives(arrived, Status::AtPickup)).unwrap();
    assert_eq!(trip.reports, [(boot(), 2), (id(5), 1)].into());
}

/// Ids of boots sort by time, so the oldest are forgotten.
#[test]
fn a_trip_remembers_its_newest_16_boots() {
    let of_boot = |n: u128| -> TripEvent {
        let report = ReportRef { boot: id(1_000 + n), ..said(1) };
        TripPaused { reason: "traffic".into(), report, due_at: DUE }.into()
    };
    let trip = after(&then(to(Status::OnTrip), (0..20).map(of_boot)));
    assert_eq!(trip.reports.keys().copied().collect::<Vec<_>>(), (4..20).map(|n| id(1_000 + n)).collect::<Vec<_>>());
}

#[test]
fn a_report_under_another_claim_never_counts() {
    for kind in every_kind() {
        let wrong = [
            VehicleReport { claim_epoch: EPOCH - 1, ..report_of(NEXT, kind.clone()) },
            VehicleReport { claim_epoch: EPOCH + 1, ..report_of(NEXT, kind.clone()) },
            VehicleReport { vehicle: other_vehicle(), ..report_of(NEXT, kind.clone()) },
        ];
        for status in Status::all() {
            for report in &wrong {
                check(to(status), Command::Report(Box::new(report.clone())), refuses(Code::StaleClaim));
            }
        }
        for status in [Status::Scheduled, Status::Created, Status::Waiting, Status::Expired] {
            check(to(status), reports(kind.clone()), refuses(Code::StaleClaim));
        }
    }
}

#[test]
fn what_the_journal_could_not_give_back_is_refused() {
    let largest = (1 << 53) - 1;
    let completes = |change: fn(&mut Summary)| {
        let mut summary = summary();
        change(&mut summary);
        report_of(NEXT, ReportKind::Completed(summary))
    };
    let bad = [
        completes(|summary| summary.distance_m = f64::NAN),
        completes(|summary| summary.energy_wh = f64::INFINITY),
        completes(|summary| summary.duration_ms = u64::MAX),
        VehicleReport { odometer_m: f64::NEG_INFINITY, ..report_of(NEXT, pauses()) },
        report_of(largest + 1, pauses()),
    ];
    for report in bad {
        check(to(Status::AtDropoff), Command::Report(Box::new(report)), refuses(Code::InvalidRequest));
    }
    let last = TripPaused { reason: "traffic".into(), report: said(largest), due_at: LOOK };
    let when = Command::Report(Box::new(report_of(largest, pauses())));
    check(to(Status::AtDropoff), when, gives(last, Status::Paused));
}

#[test]
fn texts_of_a_vehicle_are_cut_and_negative_zero_is_zero() {
    let mode: String = "M".repeat(2_000);
    let report = VehicleReport { mode, odometer_m: -0.0, ..report_of(NEXT, pauses()) };
    let told = ReportRef { mode: "M".repeat(500), odometer_m: 0.0, ..said(NEXT) };
    let paused = TripPaused { reason: "traffic".into(), report: told, due_at: LOOK };
    let when = Command::Report(Box::new(report));
    let trip = check(to(Status::OnTrip), when, gives(paused, Status::Paused)).unwrap();
    assert!(!serde_json::to_string(&trip).unwrap().contains("-0.0"));
}

#[test]
fn an_interrupted_trip_returns_to_the_state_that_it_left() {
    for left in [Status::ToPickup, Status::AtPickup, Status::OnTrip, Status::AtDropoff] {
        let (report, due_at) = (said(NEXT), LOOK);
        let paused = TripPaused { reason: "traffic".into(), report: report.clone(), due_at };
        check(to(left), reports(pauses()), gives(paused.clone(), Status::Paused));
        let assist = TripAssistNeeded { kind: "OBSTACLE".into(), snapshot: None, report: report.clone(), due_at };
        check(to(left), reports(asks_for_help()), gives(assist, Status::AwaitingAssist));
        let (class, reason) = ("nearest_admissible".into(), "CLAIM_LAPSED".into());
        let stop = TripSafeStopped { class, reason, admissible: true, report: report.clone(), due_at };
        check(to(left), reports(stopped()), gives(stop, Status::SafeStopped));
        let interruptions: Vec<Vec<TripEvent>> = vec![
            vec![paused.clone().into()],
            vec![safe_stopped(said(10)), assist_needed(11)],
            vec![paused.into(), safe_stopped(said(11)), assist_needed(12), safe_stopped(said(13))],
        ];
        for events in interruptions {
            let history = then(to(left), events);
            assert_eq!(after(&history).left, Some(left));
            let report = ReportRef { seq: NEXT + 1, ..said(NEXT) };
            let resumed = TripResumed { to: left, report, due_at };
            let when = Command::Report(Box::new(report_of(NEXT + 1, ReportKind::Resumed)));
            assert_eq!(check(history, when, gives(resumed, left)).unwrap().left, None);
        }
    }
}

#[test]
fn a_standing_vehicle_can_stand_for_a_stronger_reason() {
    let (report, due_at) = (said(NEXT), LOOK);
    let assist = TripAssistNeeded { kind: "OBSTACLE".into(), snapshot: None, report: report.clone(), due_at };
    let (class, reason) = ("nearest_admissible".into(), "CLAIM_LAPSED".into());
    let stop = TripSafeStopped { class, reason, admissible: true, report, due_at };
    for status in [Status::Paused, Status::AwaitingAssist, Status::SafeStopped] {
        check(to(status), reports(pauses()), unchanged(same(status)));
        let help = match status {
            Status::AwaitingAssist => unchanged(same(status)),
            _ => gives(assist.clone(), Status::AwaitingAssist),
        };
        check(to(status), reports(asks_for_help()), help);
        let stands = match status {
            Status::SafeStopped => unchanged(same(status)),
            _ => gives(stop.clone(), Status::SafeStopped),
        };
        check(to(status), reports(stopped()), stands);
    }
    for status in [Status::Assigned, Status::Dispatched, Status::Stranded] {
        for kind in [pauses(), asks_for_help(), stopped(), ReportKind::Resumed] {
            check(to(status), reports(kind), refuses(Code::IllegalTransition));
        }
    }
    for status in [Status::ToPickup, Status::AtPickup, Status::OnTrip, Status::AtDropoff] {
        check(to(status), reports(ReportKind::Resumed), refuses(Code::IllegalTransition));
    }
}

fn unassigned(code: &str, reason: &str) -> TripEvent {
    TripUnassigned {
        vehicle: vehicle(),
        claim_epoch: EPOCH,
        code: code.into(),
        reason: reason.into(),
        excluded_until: NOW.plus_ms(EXCLUDED_MS),
        report: Some(said(NEXT)),
        due_at: EXPIRES,
    }
    .into()
}

#[test]
fn a_vehicle_gives_an_empty_trip_back() {
    for status in HELD {
        let then = match status {
            Status::Assigned | Status::Dispatched | Status::ToPickup | Status::Stranded => {
                gives(unassigned("REJECTED_MAP_STALE", "the map is older"), Status::Waiting)
            }
            _ => refuses(Code::IllegalTransition),
        };
        check(empty_to(status), reports(rejected()), then);
    }
    let loaded = then(to(Status::OnTrip), [paused(10), stranded()]);
    check(loaded, reports(rejected()), refuses(Code::IllegalTransition));
}

#[test]
fn a_vehicle_leaves_a_trip() {
    let given_up = || unassigned("VEHICLE_LEFT_TRIP", "GROUNDED");
    let failed = || TripFailed {
        code: "VEHICLE_LEFT_TRIP".into(),
        reason: "GROUNDED".into(),
        vehicle: Some(vehicle()),
        claim_epoch: Some(EPOCH),
        report: Some(said(NEXT)),
    };
    for status in HELD {
        let then = match status {
            Status::AtPickup | Status::OnTrip | Status::AtDropoff => gives(failed(), Status::Failed),
            Status::Paused | Status::AwaitingAssist | Status::SafeStopped => {
                let stands = TripStranded { reason: "GROUNDED".into(), due_at: NOW };
                accepts([stands.into(), given_up()], done(Status::Waiting))
            }
            _ => gives(given_up(), Status::Waiting),
        };
        check(empty_to(status), reports(leaves()), then);
    }
}

#[test]
fn a_vehicle_that_leaves_people_or_load_needs_a_person() {
    let needs = |report| {
        let kind = "vehicle_left_trip: GROUNDED".into();
        gives(TripAssistNeeded { kind, snapshot: None, report, due_at: LOOK }, Status::AwaitingAssist)
    };
    check(to(Status::OnTrip), reports(leaves()), needs(said(NEXT)));
    check(to(Status::AtDropoff), reports(leaves()), needs(said(NEXT)));
    check(then(to(Status::OnTrip), [paused(10)]), reports(leaves()), needs(said(NEXT)));
    check(to(Status::AtPickup), reports_occupied(leaves()), needs(said_occupied(NEXT)));
    let awaiting = then(to(Status::OnTrip), [assist_needed(10)]);
    check(awaiting, reports(leaves()), unchanged(same(Status::AwaitingAssist)));
    let standing = then(to(Status::OnTrip), [paused(10), stranded()]);
    check(standing, reports(leaves()), unchanged(same(Status::Stranded)));
}

#[test]
fn who_got_in_meanwhile_keeps_the_vehicle_that_gives_up() {
    let standing = then(empty_to(Status::AtPickup), [paused(10), stranded()]);
    check(standing, reports_occupied(rejected()), refuses(Code::IllegalTransition));
}

#[test]
fn an_ended_trip_hears_nothing_more() {
    for status in ENDED.into_iter().filter(|status| *status != Status::Expired) {
        for kind in every_kind() {
            let reached = after(&to(status)).assignment.unwrap().milestone;
            let is_news = match kind {
                ReportKind::Rejected { .. } => true,
                ReportKind::ArrivedPickup => reached < Milestone::ArrivedPickup,
                ReportKind::Boarded => reached < Milestone::Boarded,
                ReportKind::ArrivedDropoff => reached < Milestone::ArrivedDropoff,
                ReportKind::Completed(_) => reached < Milestone::Completed,
                _ => false,
            };
            let then = if is_news { refuses(Code::IllegalTransition) } else { unchanged(same(status)) };
            check(to(status), reports(kind), then);
        }
    }
}

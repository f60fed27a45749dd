//! What a deadline does to a trip: release, expiry, a vehicle that does not answer, one that falls silent (SAFE-7), and
//! silence that does not count because nobody could be heard (SAFE-8).

use kernel::Timestamp;
use kernel::testing::{Then, accepts, unchanged};
use trips::ClaimTiming;
use trips::trip::due::DueFacts;
use trips::trip::events::*;
use trips::trip::{Command, Done, Status, TripEvent};

use crate::support::*;

/// A vehicle that talks, under a claim that is renewed; vehicles could be heard for an hour.
const TALKS: DueFacts = DueFacts {
    claim_is_current: true,
    claim_valid_until: Some(NOW.plus_ms(100_000)),
    vehicle_online: true,
    vehicle_heard_at: Some(NOW.plus_ms(-1)),
    listener_up_since: Some(NOW.plus_ms(-3_600_000)),
    timing: ClaimTiming::of(120),
};

/// A vehicle that fell silent a moment ago: it may still drive.
const QUIET: DueFacts = DueFacts { vehicle_online: false, vehicle_heard_at: Some(NOW.plus_ms(-3_600_000)), ..TALKS };

/// A vehicle whose claim lapsed, and the margin behind it.
const LAPSED: DueFacts = DueFacts { claim_valid_until: Some(NOW.plus_ms(-30_000)), ..QUIET };

const ALMOST_LAPSED: DueFacts = DueFacts { claim_valid_until: Some(NOW.plus_ms(-29_999)), ..QUIET };

/// The server came up ten seconds ago.
const RESTARTED: Option<Timestamp> = Some(NOW.plus_ms(-10_000));

/// When vehicles could be heard for long enough after that.
const HEARD_LONG_ENOUGH: Timestamp = NOW.plus_ms(50_000);

const LOOK: Timestamp = NOW.plus_ms(LOOK_AGAIN_MS);

fn due(facts: DueFacts) -> Command {
    Command::Due(facts)
}

fn moved(reason: &str, heard: bool, due_at: Timestamp) -> TripEvent {
    TripDeadlineMoved { reason: reason.into(), heard, due_at }.into()
}

fn unassigned(code: &str, reason: &str) -> TripEvent {
    TripUnassigned {
        vehicle: vehicle(),
        claim_epoch: EPOCH,
        code: code.into(),
        reason: reason.into(),
        excluded_until: NOW.plus_ms(EXCLUDED_MS),
        report: None,
        due_at: EXPIRES,
    }
    .into()
}

const SILENT: &str = "nothing was heard of the vehicle until its claim had lapsed";

fn silent() -> TripEvent {
    unassigned("VEHICLE_SILENT", SILENT)
}

fn no_answer() -> TripEvent {
    unassigned("NO_ANSWER", "the vehicle did not answer in time")
}

fn withdrawn(code: &str, reason: &str, due_at: Timestamp) -> TripEvent {
    let (code, reason) = (code.into(), reason.into());
    TripWithdrawn { vehicle: vehicle(), claim_epoch: EPOCH, code, reason, due_at }.into()
}

/// When a claim that is valid for 100 s more has lapsed with its margin.
const LAPSES: Timestamp = NOW.plus_ms(130_000);

fn left() -> Command {
    Command::VehicleLeft { vehicle: vehicle(), claim_epoch: EPOCH }
}

fn told_silent_at(at: Timestamp) -> TripEvent {
    let TripEvent::VehicleSilent(event) = told_silent(true) else { panic!("a silence") };
    TripVehicleSilent { due_at: at.plus_ms(LOOK_AGAIN_MS), ..event }.into()
}

fn told_silent(occupied: bool) -> TripEvent {
    let reason = format!("{SILENT}; a person must look, the trip is not given to another by itself");
    TripVehicleSilent { vehicle: vehicle(), occupied, reason, due_at: LOOK }.into()
}

fn not_lapsed(heard: bool, due_at: Timestamp) -> TripEvent {
    moved("the vehicle's claim has not lapsed", heard, due_at)
}

fn unheard(due_at: Timestamp) -> TripEvent {
    moved("vehicles could not be heard for long enough", false, due_at)
}

fn waits(events: impl Into<Vec<TripEvent>>) -> Then<TripEvent, Done> {
    accepts(events, done(Status::Waiting))
}

#[test]
fn nothing_happens_before_the_deadline() {
    for status in Status::all() {
        let early = DUE.plus_ms(-1);
        check_at(early, to(status), due(LAPSED), unchanged(same(status)));
    }
    for status in ENDED {
        check(to(status), due(LAPSED), unchanged(same(status)));
    }
}

#[test]
fn a_scheduled_trip_is_released_and_a_waiting_one_expires() {
    let released = TripReleased { due_at: NOW }.into();
    check(to(Status::Scheduled), due(QUIET), accepts([released], done(Status::Created)));
    for status in [Status::Created, Status::Waiting] {
        check_at(EXPIRES.plus_ms(-1), to(status), due(QUIET), unchanged(same(status)));
        let expired = TripExpired { reason: "no vehicle was found in time".into() }.into();
        check_at(EXPIRES, to(status), due(QUIET), accepts([expired], done(Status::Expired)));
    }
    let (code, reason) = ("POLICY".into(), "policy forbids every vehicle".to_owned());
    let (policies, ready, filtered) = Default::default();
    let waited = TripWaits { code, reason: reason.clone(), policies, ready, filtered, due_at: EXPIRES }.into();
    let expired = TripExpired { reason }.into();
    check_at(EXPIRES, then(to(Status::Waiting), [waited]), due(QUIET), accepts([expired], done(Status::Expired)));
}

#[test]
fn who_waited_while_no_vehicle_could_be_asked_waits_for_those_that_come_back() {
    let up = EXPIRES.plus_ms(5_000);
    let restarted = DueFacts { listener_up_since: Some(up), ..QUIET };
    let asked = up.plus_ms(60_000);
    let grace = moved("vehicles could not be heard for long enough", false, asked);
    let expired: TripEvent = TripExpired { reason: "no vehicle was found in time".into() }.into();
    check_at(up, to(Status::Waiting), due(restarted), accepts([grace.clone()], done(Status::Waiting)));
    let given = || then(to(Status::Waiting), [grace.clone()]);
    check_at(asked, given(), due(restarted), accepts([expired.clone()], done(Status::Expired)));
    // Up when it expired: it waited for nothing else.
    let up_before = DueFacts { listener_up_since: Some(EXPIRES.plus_ms(-1)), ..QUIET };
    check_at(EXPIRES, to(Status::Waiting), due(up_before), accepts([expired], done(Status::Expired)));
}

#[test]
fn a_vehicle_that_does_not_answer_is_told_to_leave_and_loses_the_trip_by_its_own_word() {
    let assigned = || to(Status::Assigned);
    let no_answer_text = "the vehicle did not answer in time";
    let asked_back = || withdrawn("NO_ANSWER", no_answer_text, LAPSES);
    check(assigned(), due(TALKS), accepts([asked_back()], done(Status::Assigned)));
    check(assigned(), due(LAPSED), waits([no_answer()]));
    let taken_back = || then(assigned(), [asked_back()]);
    check(taken_back(), left(), waits([no_answer()]));
    // Nobody else's word counts, and none of before it was told to leave.
    let other = Command::VehicleLeft { vehicle: other_vehicle(), claim_epoch: EPOCH };
    check(taken_back(), other, unchanged(same(Status::Assigned)));
    let before = Command::VehicleLeft { vehicle: vehicle(), claim_epoch: EPOCH - 1 };
    check(taken_back(), before, unchanged(same(Status::Assigned)));
    check(assigned(), left(), unchanged(same(Status::Assigned)));
    // Told once; then its claim lapses.
    let told = moved(
        &format!("{no_answer_text}; the vehicle has not said that it left, its claim has not lapsed"),
        false,
        LAPSES.plus_ms(1),
    );
    let almost = DueFacts { claim_valid_until: Some(LAPSES.plus_ms(-29_999)), ..QUIET };
    check_at(LAPSES, taken_back(), due(almost), accepts([told], done(Status::Assigned)));
}

/// SAFE-7: the vehicle took the dispatch and its link died with the answer, while it counts as connected for 30 s more.
#[test]
fn a_vehicle_that_was_not_heard_since_it_was_asked_keeps_the_trip_until_its_claim_has_lapsed() {
    let assigned = || to(Status::Assigned);
    let unanswered = "the vehicle has neither answered nor been heard since it was asked, its claim has not lapsed";
    let keeps = |at| accepts([moved(unanswered, false, at)], done(Status::Assigned));
    let asked_at = after(&assigned()).assignment.unwrap().assigned_at;
    let swallowed = DueFacts { vehicle_online: true, vehicle_heard_at: Some(asked_at), ..QUIET };
    for facts in [QUIET, swallowed] {
        check(assigned(), due(facts), keeps(NOW.plus_ms(15_000)));
    }
    check(assigned(), due(ALMOST_LAPSED), keeps(NOW.plus_ms(1)));
    // What it says when it is back counts.
    let back = then(assigned(), [moved(unanswered, false, NOW.plus_ms(15_000))]);
    let trip = after(&back);
    assert_eq!((trip.status, trip.withdrawal), (Status::Assigned, None));
}

#[test]
fn a_trip_that_is_taken_back_stays_with_a_vehicle_that_has_people_aboard() {
    let asked_back = withdrawn("NO_ANSWER", "the vehicle did not answer in time", LAPSES);
    let boarded = then(to(Status::OnTrip), [asked_back]);
    check(boarded.clone(), left(), unchanged(same(Status::OnTrip)));
    check_at(LAPSES, boarded, due(LAPSED), accepts([told_silent_at(LAPSES)], done(Status::OnTrip)));
}

#[test]
fn a_restart_gives_time_to_come_back_and_answer() {
    let assigned = || to(Status::Assigned);
    let could_not = || unheard(HEARD_LONG_ENOUGH);
    let restarted = DueFacts { listener_up_since: RESTARTED, ..TALKS };
    check(assigned(), due(restarted), accepts([could_not()], done(Status::Assigned)));
    let reason = "the vehicle did not answer in time";
    let back_for_a_minute = DueFacts { listener_up_since: Some(NOW.plus_ms(-60_000)), ..TALKS };
    check(
        assigned(),
        due(back_for_a_minute),
        accepts([withdrawn("NO_ANSWER", reason, LAPSES)], done(Status::Assigned)),
    );
    // The answer to what was asked after the restart was awaited in full.
    let asked_at = after(&assigned()).assignment.unwrap().assigned_at;
    let heard_at = Some(asked_at.plus_ms(1));
    let up_when_asked = DueFacts { listener_up_since: Some(asked_at), vehicle_heard_at: heard_at, ..TALKS };
    let asked_back = withdrawn("NO_ANSWER", reason, LAPSES);
    check_at(asked_at.plus_ms(58_000), assigned(), due(up_when_asked), accepts([asked_back], done(Status::Assigned)));
}

#[test]
fn a_silent_vehicle_loses_an_empty_trip_once_its_claim_has_lapsed_with_a_margin() {
    let strands = |reason: &str| TripStranded { reason: reason.into(), due_at: NOW }.into();
    for status in [Status::Dispatched, Status::ToPickup] {
        check(to(status), due(LAPSED), waits([silent()]));
        check(to(status), due(ALMOST_LAPSED), accepts([not_lapsed(false, NOW.plus_ms(1))], done(status)));
        check(to(status), due(QUIET), accepts([not_lapsed(false, NOW.plus_ms(130_000))], done(status)));
        check(to(status), due(TALKS), accepts([not_lapsed(true, NOW.plus_ms(130_000))], done(status)));
        // A claim that never was lets nobody drive.
        let never = DueFacts { claim_valid_until: None, ..QUIET };
        check(to(status), due(never), waits([silent()]));
    }
    for status in [Status::Paused, Status::AwaitingAssist, Status::SafeStopped] {
        check(to(status), due(LAPSED), waits([strands(SILENT), silent()]));
        check(to(status), due(ALMOST_LAPSED), accepts([not_lapsed(false, NOW.plus_ms(1))], done(status)));
        let ended = "the vehicle stands and its claim has ended";
        let claim_ended = DueFacts { claim_is_current: false, ..TALKS };
        let asked_back = || withdrawn("CLAIM_ENDED", ended, LAPSES);
        check(to(status), due(claim_ended), accepts([asked_back()], done(status)));
        let gone = waits([strands(ended), unassigned("CLAIM_ENDED", ended)]);
        check(then(to(status), [asked_back()]), left(), gone);
    }
}

#[test]
fn a_stranded_empty_trip_goes_to_another_vehicle() {
    let reason = "the vehicle cannot go on and nobody is aboard";
    let gone = || waits([unassigned("VEHICLE_STRANDED", reason)]);
    let asked_back = || withdrawn("VEHICLE_STRANDED", reason, LAPSES);
    for facts in [TALKS, QUIET] {
        check(to(Status::Stranded), due(facts), accepts([asked_back()], done(Status::Stranded)));
    }
    check(then(to(Status::Stranded), [asked_back()]), left(), gone());
    check(to(Status::Stranded), due(LAPSED), gone());
    let loaded = then(to(Status::OnTrip), [paused(10), stranded()]);
    check(loaded.clone(), due(TALKS), accepts([not_lapsed(true, NOW.plus_ms(130_000))], done(Status::Stranded)));
    check(loaded, due(LAPSED), accepts([told_silent(true)], done(Status::Stranded)));
}

#[test]
fn an_occupied_trip_is_never_given_to_another_by_itself() {
    let boarding = then(to(Status::AtPickup), [safe_stopped(said_occupied(10))]);
    let loaded = [
        to(Status::OnTrip),
        to(Status::AtDropoff),
        then(to(Status::OnTrip), [paused(10)]),
        then(to(Status::OnTrip), [assist_needed(10)]),
        then(to(Status::OnTrip), [safe_stopped(said(10))]),
        boarding,
    ];
    for history in loaded {
        let status = after(&history).status;
        check(history.clone(), due(LAPSED), accepts([told_silent(true)], done(status)));
        let claim_ended = DueFacts { claim_is_current: false, ..TALKS };
        check(history.clone(), due(claim_ended), accepts([not_lapsed(true, NOW.plus_ms(130_000))], done(status)));
        let told = then(history, [told_silent(true)]);
        let still = moved("the vehicle is still silent", false, LOOK.plus_ms(LOOK_AGAIN_MS));
        check_at(LOOK, told, due(LAPSED), accepts([still], done(status)));
    }
}

#[test]
fn where_people_may_be_aboard_a_person_looks() {
    for history in [empty_to(Status::AtPickup), empty_to(Status::OnTrip), empty_to(Status::AtDropoff)] {
        let status = after(&history).status;
        check(history, due(LAPSED), accepts([told_silent(false)], done(status)));
    }
}

#[test]
fn silence_counts_only_while_vehicles_can_be_heard() {
    // One that is stranded is lost by its own word, not by its silence.
    for status in HELD.into_iter().filter(|status| ![Status::Assigned, Status::Stranded].contains(status)) {
        let restarted = DueFacts { listener_up_since: RESTARTED, ..LAPSED };
        check(to(status), due(restarted), accepts([unheard(HEARD_LONG_ENOUGH)], done(status)));
        let deaf = DueFacts { listener_up_since: None, ..LAPSED };
        check(to(status), due(deaf), accepts([unheard(NOW.plus_ms(60_000))], done(status)));
    }
    let heard_for_a_minute = DueFacts { listener_up_since: Some(NOW.plus_ms(-60_000)), ..LAPSED };
    check(to(Status::ToPickup), due(heard_for_a_minute), waits([silent()]));
}

#[test]
fn a_silence_is_told_once_until_the_vehicle_is_heard_of() {
    let loaded = || then(to(Status::OnTrip), [told_silent(true)]);
    let is_told = |history: &[TripEvent]| after(history).assignment.unwrap().silence_reported;
    assert!(is_told(&loaded()));
    // Neither a restart nor a look at a claim that has not lapsed hears of it.
    let restarted = DueFacts { listener_up_since: Some(LOOK.plus_ms(-10_000)), ..LAPSED };
    let looked = accepts([unheard(LOOK.plus_ms(50_000))], done(Status::OnTrip));
    assert!(check_at(LOOK, loaded(), due(restarted), looked).unwrap().assignment.unwrap().silence_reported);
    let quiet = DueFacts { claim_valid_until: Some(LOOK), ..QUIET };
    let looked = accepts([not_lapsed(false, LOOK.plus_ms(30_000))], done(Status::OnTrip));
    assert!(check_at(LOOK, loaded(), due(quiet), looked).unwrap().assignment.unwrap().silence_reported);
    let heard = then(loaded(), [not_lapsed(true, LOOK)]);
    assert!(!is_told(&heard));
    let reported = then(loaded(), [at_dropoff(11, 1)]);
    assert!(!is_told(&reported));
}

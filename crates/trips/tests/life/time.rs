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
    listener_up_since: Some(NOW.plus_ms(-3_600_000)),
    timing: ClaimTiming::of(120),
};

/// A vehicle that fell silent a moment ago: it may still drive.
const QUIET: DueFacts = DueFacts { vehicle_online: false, ..TALKS };

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
    for status in Status::ALL {
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
fn a_vehicle_that_does_not_answer_loses_the_trip() {
    let assigned = || to(Status::Assigned);
    check(assigned(), due(TALKS), waits([no_answer()]));
    check(assigned(), due(LAPSED), waits([no_answer()]));
    // It does not hear that it lost the trip: it keeps it until it certainly stands.
    let look = NOW.plus_ms(130_000);
    check(assigned(), due(QUIET), accepts([not_lapsed(false, look)], done(Status::Assigned)));
    check(assigned(), due(ALMOST_LAPSED), accepts([not_lapsed(false, NOW.plus_ms(1))], done(Status::Assigned)));
}

#[test]
fn a_restart_gives_time_to_come_back_and_answer() {
    let assigned = || to(Status::Assigned);
    let could_not = || unheard(HEARD_LONG_ENOUGH);
    let restarted = DueFacts { listener_up_since: RESTARTED, ..TALKS };
    check(assigned(), due(restarted), accepts([could_not()], done(Status::Assigned)));
    let back_for_a_minute = DueFacts { listener_up_since: Some(NOW.plus_ms(-60_000)), ..TALKS };
    check(assigned(), due(back_for_a_minute), waits([no_answer()]));
    // The answer to what was asked after the restart was awaited in full.
    let asked_at = after(&assigned()).assignment.unwrap().assigned_at;
    let up_when_asked = DueFacts { listener_up_since: Some(asked_at), ..TALKS };
    check_at(asked_at.plus_ms(58_000), assigned(), due(up_when_asked), {
        let TripEvent::Unassigned(event) = no_answer() else { panic!("an end") };
        waits([TripUnassigned { excluded_until: asked_at.plus_ms(58_000 + EXCLUDED_MS), ..event }.into()])
    });
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
        check(to(status), due(claim_ended), waits([strands(ended), unassigned("CLAIM_ENDED", ended)]));
    }
}

#[test]
fn a_stranded_empty_trip_goes_to_another_vehicle() {
    let gone = || waits([unassigned("VEHICLE_STRANDED", "the vehicle cannot go on and nobody is aboard")]);
    check(to(Status::Stranded), due(TALKS), gone());
    check(to(Status::Stranded), due(LAPSED), gone());
    check(to(Status::Stranded), due(QUIET), accepts([not_lapsed(false, NOW.plus_ms(130_000))], done(Status::Stranded)));
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
    for status in HELD.into_iter().filter(|status| *status != Status::Assigned) {
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
    let is_told = |history: &[TripEvent]| after(history).assignment.unwrap().silence_told;
    assert!(is_told(&loaded()));
    // Neither a restart nor a look at a claim that has not lapsed hears of it.
    let restarted = DueFacts { listener_up_since: Some(LOOK.plus_ms(-10_000)), ..LAPSED };
    let looked = accepts([unheard(LOOK.plus_ms(50_000))], done(Status::OnTrip));
    assert!(check_at(LOOK, loaded(), due(restarted), looked).unwrap().assignment.unwrap().silence_told);
    let quiet = DueFacts { claim_valid_until: Some(LOOK), ..QUIET };
    let looked = accepts([not_lapsed(false, LOOK.plus_ms(30_000))], done(Status::OnTrip));
    assert!(check_at(LOOK, loaded(), due(quiet), looked).unwrap().assignment.unwrap().silence_told);
    let heard = then(loaded(), [not_lapsed(true, LOOK)]);
    assert!(!is_told(&heard));
    let reported = then(loaded(), [at_dropoff(11, 1)]);
    assert!(!is_told(&reported));
}

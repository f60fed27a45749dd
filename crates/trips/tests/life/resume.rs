//! Going on after a stop (SAFE-13).

use kernel::testing::{accepts, refuses, unchanged};
use kernel::{Aggregate, Code, Reject, Timestamp};
use policy::Response;
use trips::ClaimTiming;
use trips::trip::decide::decide;
use trips::trip::due::DueFacts;
use trips::trip::events::*;
use trips::trip::resume::{ResumeAnswer, ResumeOrder};
use trips::trip::types::RouteSummary;
use trips::trip::{Command, Status, TripEvent};

use crate::support::*;

/// The command is valid for 10 s, and its answer has 2 s more.
const ANSWER_MS: i64 = 12_000;
const STANDING: [Status; 3] = [Status::Paused, Status::AwaitingAssist, Status::SafeStopped];

fn order_by(route: Option<RouteSummary>) -> ResumeOrder {
    let (reason, by, assist) = ("the rock is gone".into(), None, Some(id(80)));
    ResumeOrder { reason, by, assist, allowed: Ok(id(62)), route, clears: vec![id(90)] }
}

fn order() -> Command {
    Command::Resume(Box::new(order_by(None)))
}

fn ordered(route: Option<RouteSummary>, due_at: Timestamp) -> TripEvent {
    let ResumeOrder { reason, by, assist, clears, .. } = order_by(None);
    let (vehicle, claim_epoch, decision) = (vehicle(), EPOCH, id(62));
    TripResumeOrdered { vehicle, claim_epoch, reason, by, decision, assist, route, clears, due_at }.into()
}

fn says(route: Option<RouteSummary>, refused: Option<(&str, &str)>) -> Command {
    let refused = refused.map(|(code, reason)| (code.to_owned(), reason.to_owned()));
    Command::ResumeAnswered(Box::new(ResumeAnswer { vehicle: vehicle(), route, refused }))
}

fn taken(route: Option<RouteSummary>) -> TripEvent {
    TripResumeTaken { route, due_at: NOW.plus_ms(LOOK_AGAIN_MS) }.into()
}

fn refused(code: &str, reason: &str) -> TripEvent {
    let (code, reason, due_at) = (code.into(), reason.into(), NOW.plus_ms(LOOK_AGAIN_MS));
    TripResumeRefused { vehicle: vehicle(), assist: Some(id(80)), code, reason, due_at }.into()
}

#[test]
fn only_a_vehicle_that_stands_is_told_to_go_on() {
    for status in Status::all() {
        let then = match STANDING.contains(&status) {
            true => accepts([ordered(None, NOW.plus_ms(ANSWER_MS))], done(status)),
            false => refuses(Code::IllegalTransition),
        };
        check(to(status), order(), then);
    }
}

#[test]
fn what_forbids_going_on_is_said() {
    let stands = to(Status::SafeStopped);
    let denied = ResumeOrder { allowed: Err(Reject::new(Code::PolicyViolation, "it is held")), ..order_by(None) };
    check(stands.clone(), Command::Resume(Box::new(denied)), refuses(Code::PolicyViolation));
    let twice = then(stands.clone(), [ordered(None, NOW)]);
    check(twice, order(), refuses(Code::Conflict));
    let late = Command::Resume(Box::new(order_by(Some(route(2)))));
    check(stands.clone(), late, refuses(Code::Conflict));
    let violates = |response| TripViolationOpened {
        violation: violation(1),
        vehicle: vehicle(),
        claim_epoch: EPOCH,
        rule: "base.monitoring.battery-empty".into(),
        response,
        max_speed_mps: None,
        text: "the battery is at 2 %".into(),
        sampled_at: NOW,
    };
    let stopped = then(stands.clone(), [violates(Response::Stop).into()]);
    check(stopped, order(), refuses(Code::IllegalTransition));
    let warned = then(stands, [violates(Response::Warn).into()]);
    check(warned, order(), accepts([ordered(None, NOW.plus_ms(ANSWER_MS))], done(Status::SafeStopped)));
}

#[test]
fn the_vehicle_has_the_last_word() {
    let waits = then(to(Status::SafeStopped), [ordered(None, NOW)]);
    let stands = check(waits.clone(), says(None, None), accepts([taken(None)], done(Status::SafeStopped))).unwrap();
    assert_eq!((stands.resuming, stands.status), (None, Status::SafeStopped));
    let no = says(None, Some(("HELD", "a stop holds it")));
    check(waits.clone(), no, accepts([refused("HELD", "a stop holds it")], done(Status::SafeStopped)));
    // Nobody asked, or another vehicle speaks.
    check(to(Status::SafeStopped), says(None, None), unchanged(same(Status::SafeStopped)));
    let other = ResumeAnswer { vehicle: other_vehicle(), route: None, refused: None };
    check(waits, Command::ResumeAnswered(Box::new(other)), unchanged(same(Status::SafeStopped)));
}

#[test]
fn another_way_holds_once_it_is_taken_however_late_its_word_comes() {
    let waits = then(to(Status::AwaitingAssist), [ordered(Some(route(3)), NOW)]);
    let trip = after(&waits);
    assert_eq!((trip.route.as_ref().unwrap().version, trip.route_versions), (2, 3));
    let yes = says(Some(route(3)), None);
    let goes = check(waits.clone(), yes.clone(), accepts([taken(Some(route(3)))], done(Status::AwaitingAssist)));
    assert_eq!(goes.unwrap().route, Some(route(3)));
    let gave_up = then(waits, [refused("NO_ANSWER", "late")]);
    check(gave_up.clone(), yes.clone(), accepts([taken(Some(route(3)))], done(Status::AwaitingAssist)));
    check(then(gave_up, [taken(Some(route(3)))]), yes, unchanged(same(Status::AwaitingAssist)));
}

#[test]
fn an_order_that_nobody_answers_is_over_once_vehicles_could_be_heard() {
    let timing = ClaimTiming::of(120);
    let heard = DueFacts { listener_up_since: Some(Timestamp::from_us(0)), timing, ..DueFacts::default() };
    let waits = then(to(Status::SafeStopped), [ordered(None, NOW)]);
    assert_eq!(after(&waits).due_at(), Some(DUE.min(NOW)));
    let reason = "the vehicle did not answer the order to go on in time";
    check(waits.clone(), Command::Due(heard), accepts([refused("NO_ANSWER", reason)], done(Status::SafeStopped)));
    let just_up = DueFacts { listener_up_since: Some(NOW), ..heard };
    let decided = decide(Some(&after(&waits)), &Command::Due(just_up), NOW);
    let gave_up = |event: &TripEvent| matches!(event, TripEvent::ResumeRefused(_));
    assert!(!decided.events.iter().any(gave_up), "SAFE-8: nobody could be heard: {decided:?}");
}

//! The same trip again and again (TRIP-10).

use kernel::id::StandingId;
use kernel::testing::{self, START, Then, accepts, refuses, unchanged};
use kernel::{Code, Reject, Timestamp, TripId};
use trips::TripRequest;
use trips::standing_order::decide::NewStandingOrder;
use trips::standing_order::events::*;
use trips::standing_order::{Command, Done, Goal, StandingOrder, StandingOrderEvent, Status, decide};
use trips::trip;
use trips::trip::types::{Kind, Requirements, Stop, Window};

use crate::support::{id, place};

const NOW: Timestamp = START.plus_ms(120_000);
/// How long it waits after a refusal.
const RETRY_MS: i64 = 60_000;

fn order() -> StandingId {
    id(95)
}

fn nth(n: u128) -> TripId {
    id(200 + n)
}

const DONE: fn() -> Done = || Done { standing: order() };

fn request() -> TripRequest {
    TripRequest {
        site: "pit".parse().unwrap(),
        kind: Kind::Haul,
        stops: vec![Stop { at: place(1.0) }, Stop { at: place(1.01) }],
        requirements: Requirements { payload_kg: 200.0, ..Requirements::default() },
        priority: 2,
        window: Window::default(),
    }
}

fn new(answer: Result<(), Reject>) -> Command {
    let (goal, at_once, requested_by) = (Goal::QuantityKg(500.0), 2, "prin_client".to_owned());
    Command::Open(Box::new(NewStandingOrder { request: request(), goal, at_once, requested_by, answer }))
}

fn opened(goal: Goal) -> StandingOrderEvent {
    let TripRequest { site, kind, stops, requirements, priority, .. } = request();
    let (standing, at_once, requested_by, due_at) = (order(), 2, "prin_client".into(), NOW);
    StandingOpened { standing, site, kind, stops, requirements, priority, goal, at_once, requested_by, due_at }.into()
}

fn asked(n: u128, payload_kg: f64, due_at: Option<Timestamp>) -> StandingOrderEvent {
    StandingTripAsked { trip: nth(n), payload_kg, due_at }.into()
}

fn ended(n: u128, status: trip::Status, moved_kg: f64, due_at: Option<Timestamp>) -> StandingOrderEvent {
    StandingTripEnded { trip: nth(n), status, moved_kg, due_at }.into()
}

fn paused(code: &str, reason: &str) -> StandingOrderEvent {
    StandingPaused { code: code.into(), reason: reason.into(), due_at: NOW.plus_ms(RETRY_MS) }.into()
}

fn ends(n: u128, status: trip::Status) -> Command {
    Command::Ended { trip: nth(n), status, why: ("WHY".into(), "because".into()) }
}

#[track_caller]
fn check(given: &[StandingOrderEvent], when: Command, then: Then<StandingOrderEvent, Done>) -> Option<StandingOrder> {
    testing::check(given.to_vec(), |state| decide(order(), state, &when, NOW), then)
}

#[test]
fn it_opens_where_one_of_its_trips_is_allowed() {
    check(&[], new(Ok(())), accepts([opened(Goal::QuantityKg(500.0))], DONE()));
    let denied = Reject::new(Code::PolicyViolation, "too heavy");
    check(&[], new(Err(denied)), refuses(Code::PolicyViolation));
    check(&[], ends(1, trip::Status::Completed), refuses(Code::NotFound));
}

#[test]
fn loads_follow_each_other_until_the_quantity_is_moved_and_no_more() {
    let begin = vec![opened(Goal::QuantityKg(500.0))];
    let asks = |n, payload_kg| Command::Asked { trip: nth(n), payload_kg };
    let one = check(&begin, asks(1, 200.0), accepts([asked(1, 200.0, Some(NOW))], DONE())).unwrap();
    assert_eq!(one.next().unwrap().requirements.payload_kg, 200.0);
    let one = [begin, vec![asked(1, 200.0, Some(NOW))]].concat();
    let two = check(&one, asks(2, 200.0), accepts([asked(2, 200.0, None)], DONE())).unwrap();
    assert_eq!((two.next(), two.due), (None, None), "two are open, and no more may be");
    let two = [one.clone(), vec![asked(2, 200.0, None)]].concat();
    check(&one, asks(1, 200.0), unchanged(DONE()));
    let completed = trip::Status::Completed;
    let third = check(&two, ends(1, completed), accepts([ended(1, completed, 200.0, Some(NOW))], DONE())).unwrap();
    assert_eq!(third.next().unwrap().requirements.payload_kg, 100.0, "what is left, not a full load");
    let last = [two, vec![ended(1, completed, 200.0, Some(NOW)), asked(3, 100.0, None)]].concat();
    check(&last, ends(1, completed), unchanged(DONE()));
    let last = [last, vec![ended(2, completed, 200.0, None)]].concat();
    let over: StandingOrderEvent = StandingCompleted { trips_done: 3, moved_kg: 500.0 }.into();
    let done = check(&last, ends(3, completed), accepts([ended(3, completed, 100.0, None), over], DONE())).unwrap();
    assert_eq!((done.status, done.due, done.next()), (Status::Completed, None, None));
}

#[test]
fn what_is_not_done_is_tried_again_a_little_later() {
    let open = vec![opened(Goal::Trips(2)), asked(1, 200.0, None)];
    let failed = trip::Status::Failed;
    let events = [ended(1, failed, 0.0, Some(NOW)), paused("WHY", "because")];
    let after = check(&open, ends(1, failed), accepts(events, DONE())).unwrap();
    assert_eq!((after.moved_kg, after.trips_done, after.due), (0.0, 0, Some(NOW.plus_ms(RETRY_MS))));
    assert!(after.next().is_some());
    let reject = Reject::new(Code::PolicyViolation, "the road is closed");
    let refused = Command::Refused(reject);
    let begin = [opened(Goal::Trips(2))];
    let waits = check(&begin, refused, accepts([paused("POLICY_VIOLATION", "the road is closed")], DONE())).unwrap();
    assert_eq!(waits.pause.unwrap().code, "POLICY_VIOLATION");
}

#[test]
fn called_off_it_asks_no_more_and_counts_what_still_arrives() {
    let open = vec![opened(Goal::Trips(5)), asked(1, 200.0, Some(NOW))];
    let off: StandingOrderEvent = StandingCancelled { reason: "rain".into(), by: None }.into();
    let cancel = Command::Cancel { reason: "rain".into(), by: None };
    let after = check(&open, cancel.clone(), accepts([off.clone()], DONE())).unwrap();
    assert_eq!((after.status, after.next(), after.due), (Status::Cancelled, None, None));
    let open = [open, vec![off]].concat();
    check(&open, cancel.clone(), unchanged(DONE()));
    let completed = trip::Status::Completed;
    let counted = check(&open, ends(1, completed), accepts([ended(1, completed, 200.0, None)], DONE())).unwrap();
    assert_eq!((counted.moved_kg, counted.trips_done, counted.due), (200.0, 1, None));
    let reached = [opened(Goal::Trips(1)), StandingCompleted { trips_done: 1, moved_kg: 200.0 }.into()];
    check(&reached, cancel, refuses(Code::IllegalTransition));
}

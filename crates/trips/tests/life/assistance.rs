//! A vehicle that asks for a person (TRIP-13).

use kernel::id::{AssistId, PrincipalId};
use kernel::testing::{self, START, Then, accepts, refuses, unchanged};
use kernel::{Code, Reject, Timestamp};
use trips::assistance::decide::{LeaseHolder, NewAnswer};
use trips::assistance::events::*;
use trips::assistance::{Answer, AssistEvent, Assistance, Command, Done, Outcome, Status, decide};

use crate::support::{id, place, trip, vehicle};

const NOW: Timestamp = START.plus_ms(120_000);
/// A lease without a word, and how long a vehicle may take to speak.
const LEASE_MS: i64 = 300_000;
const SPEAK_MS: i64 = 15_000;

fn request() -> AssistId {
    id(80)
}

fn ada() -> PrincipalId {
    id(5)
}

fn bob() -> PrincipalId {
    id(6)
}

#[track_caller]
fn check_at(now: Timestamp, given: &[AssistEvent], when: Command, then: Then<AssistEvent, Done>) -> Option<Assistance> {
    testing::check(given.to_vec(), |state| decide(request(), state, &when, now), then)
}

#[track_caller]
fn check(given: &[AssistEvent], when: Command, then: Then<AssistEvent, Done>) -> Option<Assistance> {
    check_at(NOW, given, when, then)
}

const fn done(assist: AssistId) -> Done {
    Done { assist }
}

fn asked() -> AssistAsked {
    AssistAsked {
        assist: request(),
        trip: trip(),
        vehicle: vehicle(),
        claim_epoch: 7,
        site: "pit".parse().unwrap(),
        kind: "OBSTACLE".into(),
        at: place(1.0),
        occupied: true,
        snapshot: None,
    }
}

fn taken(by: PrincipalId, lease: u64, until: Timestamp) -> AssistEvent {
    AssistTaken { by, lease, until }.into()
}

fn adas() -> Vec<AssistEvent> {
    vec![asked().into(), taken(ada(), 1, NOW.plus_ms(LEASE_MS))]
}

fn answer(by: PrincipalId, lease: u64, answer: Answer) -> Command {
    let order = answer.moves().then(|| Ok(Order { decision: id(62), route: None, clears: Vec::new() }));
    Command::Answer(Box::new(NewAnswer { under: LeaseHolder { by, lease }, answer, reason: "seen".into(), order }))
}

fn answered(answer: Answer, now: Timestamp) -> AssistEvent {
    AssistAnswered {
        trip: trip(),
        vehicle: vehicle(),
        claim_epoch: 7,
        answer,
        by: ada(),
        lease: 1,
        reason: "seen".into(),
        order: answer.moves().then(|| Order { decision: id(62), route: None, clears: Vec::new() }),
        until: now.plus_ms(LEASE_MS),
        due_at: now.plus_ms(SPEAK_MS),
    }
    .into()
}

fn over() -> AssistEvent {
    AssistDone { code: "RESUMED".into(), reason: "the vehicle goes on".into() }.into()
}

#[test]
fn one_person_has_it_at_a_time() {
    let asks = vec![asked().into()];
    let until = NOW.plus_ms(LEASE_MS);
    check(&[], Command::Take(ada()), refuses(Code::NotFound));
    check(&asks, Command::Take(ada()), accepts([taken(ada(), 1, until)], done(request())));
    check(&adas(), Command::Take(bob()), refuses(Code::Conflict));
    // The same person renews the same lease; when it has run out another may take it, under the next number.
    let later = NOW.plus_ms(60_000);
    check_at(
        later,
        &adas(),
        Command::Take(ada()),
        accepts([taken(ada(), 1, later.plus_ms(LEASE_MS))], done(request())),
    );
    check_at(
        until,
        &adas(),
        Command::Take(bob()),
        accepts([taken(bob(), 2, until.plus_ms(LEASE_MS))], done(request())),
    );
    let back = Command::HandBack(LeaseHolder { by: ada(), lease: 1 });
    check(&adas(), back.clone(), accepts([AssistHandedBack { by: ada(), lease: 1 }.into()], done(request())));
    check(&asks, back, refuses(Code::Conflict));
    check(&[adas(), vec![over()]].concat(), Command::Take(bob()), refuses(Code::IllegalTransition));
}

#[test]
fn an_answer_needs_the_lease_that_it_names() {
    for given in [Answer::Wait, Answer::Proceed, Answer::ChoosePath, Answer::Stop, Answer::SendCrew] {
        check(&adas(), answer(ada(), 1, given), accepts([answered(given, NOW)], done(request())));
        check(&adas(), answer(bob(), 1, given), refuses(Code::Conflict));
        check(&adas(), answer(ada(), 2, given), refuses(Code::Conflict));
        check(&[asked().into()], answer(ada(), 1, given), refuses(Code::Conflict));
        check_at(NOW.plus_ms(LEASE_MS), &adas(), answer(ada(), 1, given), refuses(Code::Conflict));
    }
    let pending = [adas(), vec![answered(Answer::Wait, NOW)]].concat();
    check(&pending, answer(ada(), 1, Answer::Stop), refuses(Code::Conflict));
    // Until the vehicle has spoken, or its time is up, nobody moves that time.
    check(&pending, Command::HandBack(LeaseHolder { by: ada(), lease: 1 }), refuses(Code::Conflict));
    let waits = check(&pending, Command::Take(ada()), unchanged(done(request()))).unwrap();
    assert_eq!(waits.due, Some(NOW.plus_ms(SPEAK_MS)));
    let denied = NewAnswer {
        under: LeaseHolder { by: ada(), lease: 1 },
        answer: Answer::Proceed,
        reason: "seen".into(),
        order: Some(Err(Reject::new(Code::PolicyViolation, "it is held"))),
    };
    check(&adas(), Command::Answer(Box::new(denied)), refuses(Code::PolicyViolation));
}

#[test]
fn the_vehicle_speaks_to_each_answer_once() {
    let pending = [adas(), vec![answered(Answer::Proceed, NOW)]].concat();
    let vehicle_answered = |answer, refused: Option<(&str, &str)>| Command::VehicleAnswered {
        answer,
        refused: refused.map(|(code, reason)| (code.to_owned(), reason.to_owned())),
    };
    let accepted: AssistEvent = AssistAccepted { answer: Answer::Proceed }.into();
    let yes = vehicle_answered(Answer::Proceed, None);
    check(&pending, yes.clone(), accepts([accepted.clone()], done(request())));
    check(&[pending.clone(), vec![accepted]].concat(), yes.clone(), unchanged(done(request())));
    check(&pending, vehicle_answered(Answer::Wait, None), unchanged(done(request())));
    check(&adas(), yes, unchanged(done(request())));
    let (code, reason) = ("HELD".to_owned(), "a stop holds it".to_owned());
    let refused: AssistEvent = AssistRefused { answer: Answer::Proceed, code, reason }.into();
    let no = vehicle_answered(Answer::Proceed, Some(("HELD", "a stop holds it")));
    let after = check(&pending, no, accepts([refused], done(request()))).unwrap();
    // Another answer is needed, from the same person.
    assert_eq!((after.status, after.pending()), (Status::Taken, None));
    assert!(matches!(&after.answers[0].outcome, Outcome::Refused { code, .. } if code == "HELD"));
}

#[test]
fn what_the_vehicle_does_is_its_word() {
    let close = |code| Command::Close { code, reason: "the vehicle goes on".into() };
    let pending = [adas(), vec![answered(Answer::Proceed, NOW)]].concat();
    let accepted: AssistEvent = AssistAccepted { answer: Answer::Proceed }.into();
    check(&pending, close("RESUMED"), accepts([accepted, over()], done(request())));
    let closed = check(&adas(), close("RESUMED"), accepts([over()], done(request()))).unwrap();
    assert_eq!((closed.status, closed.lease, closed.due), (Status::Done, None, None));
    check(&[adas(), vec![over()]].concat(), close("ENDED"), unchanged(done(request())));
}

#[test]
fn leases_and_answers_run_out() {
    let lapsed: AssistEvent = AssistLapsed { by: ada(), lease: 1 }.into();
    let until = NOW.plus_ms(LEASE_MS);
    check_at(until.plus_ms(-1), &adas(), Command::Due, unchanged(done(request())));
    let free = check_at(until, &adas(), Command::Due, accepts([lapsed], done(request()))).unwrap();
    assert_eq!((free.status, free.leases), (Status::Asked, 1));
    let pending = [adas(), vec![answered(Answer::Wait, NOW)]].concat();
    let reason = "the vehicle did not answer in time; it may not be connected".into();
    let refused = AssistRefused { answer: Answer::Wait, code: "NO_ANSWER".into(), reason };
    let due = NOW.plus_ms(SPEAK_MS);
    let after = check_at(due, &pending, Command::Due, accepts([refused.into()], done(request()))).unwrap();
    assert_eq!((after.status, after.due), (Status::Taken, Some(until)));
}

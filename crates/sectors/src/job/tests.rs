//! How a job goes on, and what ends it.

use kernel::Code;
use kernel::id::TypedId;
use kernel::testing::{accepts, check, refuses, unchanged};
use policy::PolicyAnswer;

use super::decide::{ask, begin, cancel, fall_back, finish, move_away, release};
use super::events::*;
use super::*;
use crate::Word;

fn allowed() -> PolicyAnswer {
    PolicyAnswer { records: Vec::new(), refusal: None, constraints: policy::Constraints::default() }
}

fn asked() -> JobAsked {
    JobAsked {
        site: "yard".parse().unwrap(),
        container: "MSKU1".into(),
        from: PlaceId::from_u128(1),
        to: PlaceId::from_u128(2),
        hazards: ["3".to_owned()].into(),
        mass_kg: 24_000.0,
        by: "dora".into(),
    }
}

fn word() -> Word<'static> {
    Word { by: "dora", reason: "so" }
}

fn trip(n: u128) -> TripId {
    TripId::from_u128(n)
}

fn released() -> JobEvent {
    JobReleased { seal: "S1".into(), by: "dora".into(), reason: "so".into() }.into()
}

#[test]
fn a_job_is_released_and_ends_by_its_trip() {
    let yes = allowed();
    let begun: JobEvent = JobBegun { trip: trip(1) }.into();
    let back: JobEvent = JobFellBack { trip: trip(1) }.into();
    let done: JobEvent = JobDone { trip: trip(1) }.into();
    let mut history = vec![JobEvent::from(asked())];
    check(history.clone(), |state| begin(state, trip(1)), unchanged(()));
    check(history.clone(), |state| release(state, "S1", word(), &yes), accepts([released()], ()));
    history.push(released());
    check(history.clone(), |state| release(state, "S1", word(), &yes), unchanged(()));
    check(history.clone(), |state| release(state, "S2", word(), &yes), refuses(Code::IllegalTransition));
    check(history.clone(), |state| begin(state, trip(1)), accepts([begun.clone()], ()));
    history.push(begun);
    check(history.clone(), |state| finish(state, trip(2)), unchanged(()));
    check(history.clone(), |state| cancel(state, word()), refuses(Code::IllegalTransition));
    let after = check(history.clone(), |state| fall_back(state, trip(1)), accepts([back], ())).unwrap();
    assert_eq!((after.status, after.trip), (Status::Released, None));
    let after = check(history.clone(), |state| finish(state, trip(1)), accepts([done.clone()], ())).unwrap();
    assert!(after.stands() && after.index_values()[1] == PlaceId::from_u128(2).to_string());
    history.push(done);
    check(history.clone(), |state| finish(state, trip(1)), unchanged(()));
    let by_job = JobId::from_u128(9);
    let moved: JobEvent = JobMovedAway { by_job }.into();
    let after = check(history.clone(), |state| move_away(state, by_job), accepts([moved.clone()], ())).unwrap();
    assert!(!after.stands());
    history.push(moved);
    check(history, |state| move_away(state, by_job), unchanged(()));
}

#[test]
fn what_cannot_be_is_refused_and_cancelling_is_repeated() {
    let no = PolicyAnswer { refusal: Some(kernel::Reject::new(Code::PolicyViolation, "no")), ..allowed() };
    for wrong in [
        JobAsked { hazards: ["12".to_owned()].into(), ..asked() },
        JobAsked { hazards: ["3".to_owned(), "5.1".to_owned()].into(), ..asked() },
        JobAsked { mass_kg: f64::NAN, ..asked() },
        JobAsked { to: PlaceId::from_u128(1), ..asked() },
    ] {
        check([], |state| ask(state, &wrong), refuses(Code::InvalidRequest));
    }
    check([], |state| ask(state, &asked()), accepts([asked().into()], ()));
    check([asked().into()], |state| release(state, "S1", word(), &no), refuses(Code::PolicyViolation));
    let cancelled: JobEvent = JobCancelled { by: "dora".into(), reason: "so".into() }.into();
    check([asked().into()], |state| cancel(state, word()), accepts([cancelled.clone()], ()));
    check([asked().into(), cancelled.clone()], |state| cancel(state, word()), unchanged(()));
    check(
        [asked().into(), cancelled],
        |state| release(state, "S1", word(), &allowed()),
        refuses(Code::IllegalTransition),
    );
    check([], |state| cancel(state, word()), refuses(Code::NotFound));
}

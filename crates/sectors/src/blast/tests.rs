//! Which step follows which, by whom, and what time does.

use kernel::id::TypedId;
use kernel::testing::{START, accepts, check, refuses, unchanged};
use kernel::{Code, Reject};
use policy::PolicyAnswer;

use super::decide::{call_off, clear, due, examine, fire, guard, plan, release};
use super::events::*;
use super::*;
use crate::Word;

fn allowed() -> PolicyAnswer {
    PolicyAnswer { records: Vec::new(), refusal: None, constraints: policy::Constraints::default() }
}

fn denied() -> PolicyAnswer {
    PolicyAnswer { refusal: Some(Reject::new(Code::PolicyViolation, "no")), ..allowed() }
}

fn by(who: &'static str) -> Word<'static> {
    Word { by: who, reason: "so" }
}

fn at(lat: f64, lon: f64) -> Coordinate {
    Coordinate::new(lat, lon).unwrap()
}

fn planned() -> BlastPlanned {
    BlastPlanned {
        site: "pit".parse().unwrap(),
        name: "bench 7".into(),
        area: vec![at(0.0, 0.0), at(0.0, 0.01), at(0.01, 0.01)],
        fire_at: START.plus_ms(60_000),
        by: "dora".into(),
    }
}

fn restriction() -> RestrictionId {
    RestrictionId::from_u128(7)
}

/// The history of a blast that all went well with, to its end.
fn history() -> Vec<BlastEvent> {
    let word = |who: &str| (who.to_owned(), "so".to_owned());
    let [(dora, so), (sam, _), (sue, _)] = [word("dora"), word("sam"), word("sue")];
    vec![
        planned().into(),
        BlastClearing { restriction: restriction(), by: dora.clone(), reason: so.clone() }.into(),
        BlastGuarded { posts: vec!["north gate".into()], by: dora, reason: so.clone() }.into(),
        BlastFired { by: sam.clone(), reason: so.clone() }.into(),
        BlastExamined { by: sue, reason: so.clone() }.into(),
        BlastReleased { by: sam, reason: so }.into(),
    ]
}

fn first(steps: usize) -> Vec<BlastEvent> {
    history().into_iter().take(steps).collect()
}

#[test]
fn each_step_follows_the_one_before_and_repeating_it_changes_nothing() {
    let posts = vec!["north gate".to_owned()];
    type Step<'a> = Box<dyn Fn(Option<&Blast>) -> kernel::Decided<BlastEvent, ()> + 'a>;
    let yes = allowed();
    let steps: Vec<Step<'_>> = vec![
        Box::new(|state| plan(state, &planned())),
        Box::new(|state| clear(state, restriction(), by("dora"))),
        Box::new(|state| guard(state, &posts, by("dora"), &yes)),
        Box::new(|state| fire(state, by("sam"), &yes)),
        Box::new(|state| examine(state, true, by("sue"), START, &yes)),
        Box::new(|state| release(state, by("sam"), &yes)),
    ];
    for (place, step) in steps.iter().enumerate() {
        let event = history()[place].clone();
        check(first(place), step, accepts([event], ()));
        check(first(place + 1), step, unchanged(()));
        // No step is passed over.
        for earlier in 1..place {
            check(first(earlier), step, refuses(Code::IllegalTransition));
        }
    }
    let end = check(history(), |state| release(state, by("sam"), &yes), unchanged(())).unwrap();
    assert_eq!((end.phase, end.next(), end.steps.len()), (Phase::Released, [].as_slice(), 6));
    assert_eq!(end.index_values(), [""]);
}

#[test]
fn two_people_fire_and_examine_and_policy_is_asked() {
    let (yes, no) = (allowed(), denied());
    check(first(3), |state| fire(state, by("dora"), &yes), refuses(Code::Forbidden));
    check(first(4), |state| examine(state, true, by("sam"), START, &yes), refuses(Code::Forbidden));
    check(first(2), |state| guard(state, &[], by("dora"), &no), refuses(Code::PolicyViolation));
    check(first(3), |state| fire(state, by("sam"), &no), refuses(Code::PolicyViolation));
    check(first(4), |state| examine(state, true, by("sue"), START, &no), refuses(Code::PolicyViolation));
    check(first(5), |state| release(state, by("sam"), &no), refuses(Code::PolicyViolation));
    check(first(2), |state| call_off(state, by("dora"), &no), refuses(Code::PolicyViolation));
    check([], |state| fire(state, by("sam"), &yes), refuses(Code::NotFound));
}

#[test]
fn after_a_misfire_nobody_goes_near_for_half_an_hour() {
    let yes = allowed();
    let again_from = START.plus_ms(MISFIRE_WAIT_MS);
    let misfired: BlastEvent = BlastMisfired { again_from, by: "sue".into(), reason: "so".into() }.into();
    check(first(4), |state| examine(state, false, by("sue"), START, &yes), accepts([misfired.clone()], ()));
    let mut waits = first(4);
    waits.push(misfired);
    let early = |state: Option<&Blast>| examine(state, true, by("sue"), again_from.plus_ms(-1), &yes);
    let state = check(waits.clone(), early, refuses(Code::IllegalTransition)).unwrap();
    assert_eq!((state.next(), state.due_at()), ([].as_slice(), Some(again_from)));
    check(waits.clone(), |state| examine(state, false, by("sue"), START, &yes), unchanged(()));
    check(waits.clone(), |state| release(state, by("sue"), &yes), refuses(Code::IllegalTransition));
    check(waits.clone(), |state| due(state, again_from.plus_ms(-1)), unchanged(()));
    let over: BlastEvent = BlastExaminationDue {}.into();
    let state = check(waits.clone(), |state| due(state, again_from), accepts([over.clone()], ())).unwrap();
    assert_eq!((state.phase, state.next(), state.due_at()), (Phase::Misfire, ["examine"].as_slice(), None));
    waits.push(over);
    let examined: BlastEvent = BlastExamined { by: "sue".into(), reason: "so".into() }.into();
    check(waits, |state| examine(state, true, by("sue"), again_from, &yes), accepts([examined], ()));
}

#[test]
fn a_blast_that_is_not_fired_is_overdue_once_and_stays_closed() {
    let late = START.plus_ms(60_000 + OVERDUE_AFTER_MS);
    let overdue: BlastEvent = BlastOverdue {}.into();
    check(first(3), |state| due(state, late.plus_ms(-1)), unchanged(()));
    let state = check(first(3), |state| due(state, late), accepts([overdue.clone()], ())).unwrap();
    assert_eq!((state.phase, state.due_at(), state.index_values()), (Phase::Guarded, None, vec!["pit".to_owned()]));
    let mut overdue_one = first(3);
    overdue_one.push(overdue);
    check(overdue_one, |state| due(state, late.plus_ms(1)), unchanged(()));
}

#[test]
fn it_is_called_off_until_it_is_fired() {
    let yes = allowed();
    let called_off: BlastEvent = BlastCalledOff { by: "sam".into(), reason: "so".into() }.into();
    for steps in 1..=3 {
        check(first(steps), |state| call_off(state, by("sam"), &yes), accepts([called_off.clone()], ()));
        let mut ended = first(steps);
        ended.push(called_off.clone());
        check(ended.clone(), |state| call_off(state, by("sam"), &yes), unchanged(()));
        check(ended, |state| clear(state, restriction(), by("dora")), refuses(Code::IllegalTransition));
    }
    check(first(4), |state| call_off(state, by("sam"), &yes), refuses(Code::IllegalTransition));
    let flat = BlastPlanned { area: vec![at(0.0, 0.0), at(0.0, 1.0), at(0.0, 2.0)], ..planned() };
    check([], |state| plan(state, &flat), refuses(Code::InvalidRequest));
}

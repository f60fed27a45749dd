//! The one way in which a command changes anything: conflicts, decisions, refusals, keys that do a thing once.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod common;

use std::sync::atomic::{AtomicUsize, Ordering};

use common::{Asked, Tally, TallyRaised, World, id, raise, refuse, tenant, world};
use kernel::{Actor, Code, Ctx, Decided, Reject, Subject};
use pollster::block_on;
use store::command::ATTEMPTS_MAX;
use store::{
    CommandError, Expected, Extras, Fault, Guard, Idempotency, Once, RowBody, RowWrite, TableSpec, execute,
    execute_once,
};

const NOTES: TableSpec = TableSpec::machinery("test_notes", &["colour"]);

fn key(request: &str) -> Option<Idempotency> {
    Some(Idempotency { key: "somebody/1".into(), request: request.into() })
}

/// Raises a tally once for a request. Answers the tally that was raised and whether it was now.
fn raise_once(world: &World, n: u128, request: &str) -> Result<(String, bool), CommandError> {
    let (ctx, id, gather) = (world.ctx(), id(n), |_| async { Ok(()) });
    let done = block_on(execute_once(&*world.store, &ctx, &id, key(request), Extras::default(), gather, raise))?;
    Ok(match done {
        Once::Now(outcome) => (id.to_string(), outcome.state.is_some()),
        Once::Before { key } => (key, false),
    })
}

/// Asks once for something that policy denies, each time for another thing.
fn ask_denied_once(world: &World, n: u128, request: &str, reason: &str) -> Reject {
    let (ctx, id) = (world.ctx(), id(n));
    let gather = |_| async { Ok(Asked(vec![world.decision(&ctx, reason)])) };
    let asked = execute_once(&*world.store, &ctx, &id, key(request), Extras::default(), gather, refuse);
    match block_on(asked) {
        Err(CommandError::Reject(reject)) => reject,
        other => panic!("expected a refusal, not {other:?}"),
    }
}

fn note(expected: Expected) -> RowWrite {
    RowWrite::put(NOTES, "n", expected, RowBody::new(&1, vec!["red".into()]).unwrap())
}

#[test]
fn a_conflict_gathers_and_decides_again() {
    let world = world();
    let gathered = AtomicUsize::new(0);
    let gather = |state: Option<std::sync::Arc<Tally>>| {
        let first = gathered.fetch_add(1, Ordering::Relaxed) == 0;
        if first {
            world.raise(1, Extras::default()).unwrap();
        }
        assert_eq!(state.is_none(), first, "what was loaded again is seen");
        async { Ok(()) }
    };
    let outcome = block_on(execute(&*world.store, &world.ctx(), &id(1), Extras::default(), gather, raise)).unwrap();
    assert_eq!((gathered.into_inner(), outcome.state.unwrap().count, world.count(1)), (2, 2, 2));
    assert_eq!(outcome.receipt.unwrap().head.size, 2);
}

#[test]
fn who_never_wins_is_told_to_come_again_and_changes_nothing() {
    let world = world();
    let gather = |_| {
        world.raise(1, Extras::default()).unwrap();
        async { Ok(()) }
    };
    let result = block_on(execute(&*world.store, &world.ctx(), &id(1), Extras::default(), gather, raise));
    assert!(matches!(result, Err(CommandError::Fault(Fault::Overloaded))));
    assert_eq!(world.count(1), ATTEMPTS_MAX as u64);
}

#[test]
fn a_denied_command_leaves_its_decision_and_no_row() {
    let world = world();
    let denied = world.ask_denied(1, "r", Extras::default());
    assert!(matches!(denied, CommandError::Reject(reject) if reject.code == Code::PolicyViolation));
    assert_eq!(world.count(1), 0);
    let journal = world.journal();
    assert_eq!((journal[0].0.kind(), journal[0].1.as_str(), journal.len()), ("request", "policy.decided", 1));
    world.raise(2, Extras::default()).unwrap();
    world.ask_denied(2, "of an aggregate that exists", Extras::default());
    assert_eq!(world.journal()[2], (Subject::new("tally", id(2)), "policy.decided".into()));
    assert_eq!(world.count(2), 1);
}

#[test]
fn the_same_denial_is_journaled_once_a_minute_and_another_at_once() {
    let world = world();
    let ask = |reason: &str, expected: usize| {
        assert!(matches!(world.ask_denied(1, reason, Extras::default()), CommandError::Reject(_)));
        assert_eq!(world.journal().len(), expected, "{reason}");
    };
    ask("a", 1);
    ask("a", 1);
    ask("b", 2);
    world.clock.pass_ms(59_999);
    ask("a", 2);
    world.clock.pass_ms(1);
    ask("a", 3);
    ask("a", 3);
    // A clock that was set back must not silence decisions until it catches up.
    world.clock.pass_ms(-600_000);
    ask("a", 4);
}

#[test]
fn denials_of_new_things_are_equal_whatever_their_ids_and_name_the_one_that_is_journaled() {
    let world = world();
    let ask = |ctx: &Ctx, n: u128, expected: usize| {
        let CommandError::Reject(told) = world.ask_denied_as(ctx, n, "r", Extras::default()) else {
            panic!("accepted")
        };
        assert_eq!(world.journal().len(), expected, "{n}");
        told.decision.unwrap()["id"].clone()
    };
    let first = ask(&world.ctx(), 1, 1);
    assert_eq!(ask(&world.ctx(), 2, 1), first);
    let other = Actor { id: "somebody else".into(), ..Actor::automation("test") };
    assert_ne!(ask(&Ctx { actor: other, ..world.ctx() }, 3, 2), first);
    assert_ne!(ask(&world.ctx().at_site("pit".parse().unwrap()), 4, 3), first);
    // Things that exist are told apart.
    (5..=6).for_each(|n| drop(world.raise(n, Extras::default()).unwrap()));
    assert_ne!(ask(&world.ctx(), 5, 6), ask(&world.ctx(), 6, 7));
    world.clock.pass_ms(60_000);
    assert_ne!(ask(&world.ctx(), 7, 8), first);
}

#[test]
fn events_name_the_decision_that_decided_and_none_where_several_did() {
    for (asked, deciding) in [(1, Some(0)), (2, None)] {
        let world = world();
        let ctx = world.ctx();
        let decisions: Vec<_> = (0..asked).map(|n| world.decision(&ctx, &n.to_string())).collect();
        let gather = |_| async { Ok(Asked(decisions.clone())) };
        let decide = |_: Option<&Tally>, _: &Asked| Decided::accept([TallyRaised { by: 1 }.into()], ());
        block_on(execute::<Tally, _, _, _, _, _>(&*world.store, &ctx, &id(1), Extras::default(), gather, decide))
            .unwrap();
        let raised = block_on(world.store.entries(&tenant(), asked, 1)).unwrap()[0].envelope().unwrap();
        assert_eq!(raised.decision_id, deciding.map(|n: usize| decisions[n].id));
    }
}

#[test]
fn a_command_that_changes_state_always_journals_its_decision_first() {
    let world = world();
    for _ in 0..2 {
        let ctx = world.ctx();
        let gather = |_| async { Ok(Asked(vec![world.decision(&ctx, "r")])) };
        let decide = |_: Option<&Tally>, _: &Asked| Decided::accept([TallyRaised { by: 1 }.into()], ());
        block_on(execute::<Tally, _, _, _, _, _>(&*world.store, &ctx, &id(1), Extras::default(), gather, decide))
            .unwrap();
    }
    let types: Vec<String> = world.journal().into_iter().map(|(_, r#type)| r#type).collect();
    assert_eq!(types, ["policy.decided", "tally.raised", "policy.decided", "tally.raised"]);
    let entries = block_on(world.store.entries(&tenant(), 0, 9)).unwrap();
    let events: Vec<_> = entries.iter().map(|entry| entry.envelope().unwrap()).collect();
    assert!(events[0].decision_id.is_some() && events[0].decision_id == events[1].decision_id);
    assert_eq!(events.iter().map(|event| event.stream_seq).collect::<Vec<_>>(), [1, 2, 3, 4]);
}

#[test]
fn a_refusal_may_have_to_be_remembered() {
    let world = world();
    let decide = |_: Option<&Tally>, (): &()| Decided::<_, ()> {
        events: vec![TallyRaised { by: 5 }.into()],
        reply: Err(Reject::new(Code::Conflict, "too many")),
    };
    let gather = |_| async { Ok(()) };
    let result = block_on(execute(&*world.store, &world.ctx(), &id(1), Extras::default(), gather, decide));
    assert!(matches!(result, Err(CommandError::Reject(reject)) if reject.code == Code::Conflict));
    assert_eq!(world.count(1), 5);
}

#[test]
fn a_key_gives_the_same_answer_and_stands_for_one_request() {
    let world = world();
    assert_eq!(raise_once(&world, 1, "a").unwrap(), (id(1).to_string(), true));
    // A repeated request has another id, and another version of the aggregate before it.
    for n in [2, 1] {
        assert_eq!(raise_once(&world, n, "a").unwrap(), (id(1).to_string(), false));
    }
    let other = raise_once(&world, 3, "b");
    assert!(matches!(other, Err(CommandError::Reject(reject)) if reject.code == Code::Conflict));
    assert_eq!((world.count(1), world.count(2), world.count(3)), (1, 0, 0));
}

#[test]
fn a_key_remembers_a_denial_also_when_its_decision_is_only_counted() {
    for asked_before in [false, true] {
        let world = world();
        if asked_before {
            world.ask_denied(1, "r", Extras::default());
        }
        let told = ask_denied_once(&world, 2, "a", "r");
        assert_eq!(ask_denied_once(&world, 3, "a", "meanwhile another"), told, "{asked_before}");
        assert_eq!(world.journal().len(), 1);
        assert_eq!(ask_denied_once(&world, 3, "b", "r").code, Code::Conflict);
    }
}

/// Equal denials that are asked at the same moment meet at their count, each under its own key.
#[test]
fn no_denial_is_forgotten_under_its_key_because_another_was_counted_meanwhile() {
    let world = &world();
    world.ask_denied(1, "r", Extras::default());
    let ask = |thread: usize, n: usize, reason: &str| {
        let (ctx, key) = (world.ctx(), Idempotency { key: format!("{thread}/{n}"), request: "a".into() });
        let (id, gather) = (id(2), |_| async { Ok(Asked(vec![world.decision(&ctx, reason)])) });
        let asked = execute_once(&*world.store, &ctx, &id, Some(key), Extras::default(), gather, refuse);
        assert!(matches!(block_on(asked), Err(CommandError::Reject(_))));
    };
    std::thread::scope(|scope| {
        for thread in 0..4 {
            scope.spawn(move || (0..200).for_each(|n| ask(thread, n, "r")));
        }
    });
    assert_eq!(world.journal().len(), 1);
    (0..4).for_each(|thread| (0..200).for_each(|n| ask(thread, n, "another, which would be journaled")));
    assert_eq!(world.journal().len(), 1);
}

#[test]
fn a_refusal_under_a_key_is_given_again_with_its_fields() {
    let world = world();
    let decide =
        |_: Option<&Tally>, (): &()| -> Decided<_, ()> { Decided::reject(Reject::invalid_field("/by", "is odd")) };
    let gather = |_| async { Ok(()) };
    let ask = |decide: &(dyn Fn(Option<&Tally>, &()) -> Decided<_, ()> + Send + Sync)| {
        let ctx = world.ctx();
        block_on(execute_once(&*world.store, &ctx, &id(1), key("a"), Extras::default(), gather, decide)).err()
    };
    let refusals = [ask(&decide), ask(&raise)].map(|error| match error {
        Some(CommandError::Reject(reject)) => reject.fields,
        other => panic!("{other:?}"),
    });
    assert_eq!(refusals[0].len(), 1);
    assert_eq!(refusals[0], refusals[1]);
}

/// Between the look under the key and the commit the same request comes in another way: the second is no second trip.
#[test]
fn of_two_requests_under_one_key_at_the_same_moment_one_is_carried_out() {
    for denied in [false, true] {
        let world = world();
        let (ctx, meddled) = (world.ctx(), AtomicUsize::new(0));
        let gather = |_| {
            if meddled.fetch_add(1, Ordering::Relaxed) == 0 {
                match denied {
                    false => drop(raise_once(&world, 1, "a").unwrap()),
                    true => drop(ask_denied_once(&world, 1, "a", "r")),
                }
            }
            async { Ok(Asked(vec![world.decision(&ctx, "r")])) }
        };
        let decide = |state: Option<&Tally>, asked: &Asked| match denied {
            false => Decided::accept([TallyRaised { by: 1 }.into()], ()),
            true => refuse(state, asked),
        };
        let done = block_on(execute_once(&*world.store, &ctx, &id(2), key("a"), Extras::default(), gather, decide));
        match denied {
            false => assert!(matches!(done, Ok(Once::Before { key }) if key == id(1).to_string())),
            true => assert!(matches!(done, Err(CommandError::Reject(_)))),
        }
        assert_eq!((world.count(2), meddled.into_inner()), (0, 1));
        assert_eq!(world.journal().len(), 1, "{denied}");
    }
}

#[test]
fn rows_beside_the_aggregate_change_with_it_or_not_at_all() {
    let world = world();
    let with = |row| Extras { rows: vec![row], ..Extras::default() };
    let noted = || block_on(world.store.get(NOTES, &tenant(), "n")).unwrap().map(|row| row.version);
    let never = world.raise(1, with(note(Expected::Version(7))));
    assert!(matches!(never, Err(CommandError::Fault(Fault::Overloaded))));
    assert_eq!((world.count(1), noted()), (0, None));
    world.raise(1, with(note(Expected::Absent))).unwrap();
    assert_eq!((world.count(1), noted()), (1, Some(1)));
}

#[test]
fn who_lost_the_lease_changes_nothing() {
    let world = world();
    block_on(world.store.write(&tenant(), vec![note(Expected::Absent)])).unwrap();
    let guarded = |value: &str| Extras {
        guard: Some(Guard { tenant: tenant(), table: NOTES, key: "n".into(), value: value.into() }),
        ..Extras::default()
    };
    assert!(matches!(world.raise(1, guarded("blue")), Err(CommandError::Fenced(_))));
    assert_eq!(world.count(1), 0);
    world.raise(1, guarded("red")).unwrap();
    assert_eq!(world.count(1), 1);
}

//! How every aggregate is tested: rows of `check(given, when, then)`, and [`golden`] fixtures.
//!
//! This is test code that lives in the library so that every domain can use it. A cargo feature of its own would build
//! the kernel, and all that stands on it, once for the demo and once more for the tests. A finding is a panic.
#![expect(clippy::expect_used, reason = "a finding is a panic")]

pub mod golden;

use std::fmt::Debug;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use crate::{Aggregate, Clock, Code, CtxSource, Decided, DomainEvent, EventMeta, Timestamp};

/// When the first event of a tested history is recorded; each further one is a second later.
pub const START: Timestamp = Timestamp::from_ms(1_795_489_212_000);

/// A clock that stands at [`START`] until it is moved, and entropy that counts: the same test writes the same bytes.
#[derive(Debug, Default)]
pub struct HandClock {
    passed_ms: AtomicI64,
    drawn: AtomicU64,
}

impl HandClock {
    /// Lets time pass, or takes it back.
    pub fn pass_ms(&self, ms: i64) {
        self.passed_ms.fetch_add(ms, Ordering::Relaxed);
    }
}

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        START.plus_ms(self.passed_ms.load(Ordering::Relaxed))
    }
}

impl CtxSource for HandClock {
    fn entropy(&self) -> u128 {
        u128::from(self.drawn.fetch_add(1, Ordering::Relaxed)) + 1
    }
}

/// What is expected of a decision. Texts for people are left out: they may change.
#[derive(Debug, Clone, PartialEq)]
pub struct Then<E, R> {
    /// What happens.
    pub events: Vec<E>,
    /// What the caller is told.
    pub reply: Result<R, Code>,
}

/// These events happen and this is answered.
pub fn accepts<E, R>(events: impl Into<Vec<E>>, reply: R) -> Then<E, R> {
    Then { events: events.into(), reply: Ok(reply) }
}

/// Nothing happens and this is answered.
pub fn unchanged<E, R>(reply: R) -> Then<E, R> {
    Then { events: Vec::new(), reply: Ok(reply) }
}

/// Nothing happens and the caller is refused with this code.
pub fn refuses<E, R>(code: Code) -> Then<E, R> {
    Then { events: Vec::new(), reply: Err(code) }
}

/// Given a history, when this is decided, then these events happen and this is answered. Gives the state afterwards,
/// for rows that say more of it.
#[track_caller]
pub fn check<A, R>(
    given: impl IntoIterator<Item = A::Event>,
    when: impl FnOnce(Option<&A>) -> Decided<A::Event, R>,
    then: Then<A::Event, R>,
) -> Option<A>
where
    A: Aggregate,
    A::Event: Debug + PartialEq,
    R: Debug + PartialEq,
{
    let mut history: Vec<A::Event> = given.into_iter().collect();
    let decided = when(fold::<A>(&history).as_ref());
    history.extend(decided.events.iter().cloned());
    let found = Then { events: decided.events, reply: decided.reply.map_err(|reject| reject.code) };
    assert!(found == then, "expected {then:?}\nbut found {found:?}\nafter {history:?}");
    fold::<A>(&history)
}

/// The state after a history. Each event and the state must read back as they were written.
#[track_caller]
pub fn fold<A>(history: &[A::Event]) -> Option<A>
where
    A: Aggregate,
    A::Event: Debug + PartialEq,
{
    for event in history {
        let read = A::Event::decode(event.event_type(), event.version(), &event.body());
        assert!(read.as_ref() == Ok(event), "{event:?} reads back as {read:?}");
    }
    let state = history.iter().zip(0..).fold(None, |state, (event, place)| evolve::<A>(state, event, place));
    let written = serde_json::to_string(&state).expect("a state is written");
    let again = serde_json::to_string(&serde_json::from_str::<Option<A>>(&written).expect("a state is read"));
    assert!(again.as_ref().ok() == Some(&written), "{written} reads back as {again:?}");
    state
}

/// The state after the event at a place of a tested history, from 0.
fn evolve<A: Aggregate>(state: Option<A>, event: &A::Event, place: i64) -> Option<A> {
    A::evolve(state, event, &EventMeta { recorded_at: START.plus_ms(1_000 * place) })
}

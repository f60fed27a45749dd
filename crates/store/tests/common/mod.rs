//! A tally over the memory engine: the smallest aggregate that can be raised, refused and conflicted over.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::sync::Arc;

use kernel::decided::Facts;
use kernel::envelope::DecisionRecord;
use kernel::testing::HandClock;
use kernel::{Actor, Aggregate, Code, Ctx, Decided, EventMeta, Reject, Subject, TenantId, Timestamp, TripId};
use pollster::block_on;
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::conformance::PlainSigner;
use store::port::PAGE_LIMIT_MAX;
use store::{CommandError, Extras, MemoryStore, Outcome, Store, execute};

kernel::domain_events! {
    /// What happens to a tally.
    pub enum TallyEvent {
        "tally.raised" 1 => Raised(TallyRaised),
    }
}

/// It is more.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TallyRaised {
    pub by: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tally {
    pub count: u64,
}

impl Aggregate for Tally {
    type Id = TripId;
    type Event = TallyEvent;
    const KIND: &'static str = "tally";
    const FOLD_VERSION: u32 = 1;
    const INDEXES: &'static [&'static str] = &["parity"];

    fn evolve(state: Option<Self>, event: &TallyEvent, _: &EventMeta) -> Option<Self> {
        let TallyEvent::Raised(raised) = event;
        Some(Self { count: state.map_or(0, |tally| tally.count) + raised.by })
    }
    fn due_at(&self) -> Option<Timestamp> {
        (self.count > 0).then_some(Timestamp::from_ms(1_000 * self.count as i64))
    }
    fn index_values(&self) -> Vec<String> {
        vec![if self.count.is_multiple_of(2) { "even".into() } else { "odd".into() }]
    }
    fn about(_: &TallyEvent, _: Option<&Self>) -> Vec<Subject> {
        Vec::new()
    }
}

/// Decisions that `gather` brought.
pub struct Asked(pub Vec<DecisionRecord>);

impl Facts for Asked {
    fn decisions(&self) -> &[DecisionRecord] {
        &self.0
    }
}

pub struct World {
    pub store: Arc<dyn Store>,
    pub clock: HandClock,
}

pub fn world() -> World {
    World { store: Arc::new(MemoryStore::new(Arc::new(PlainSigner))), clock: HandClock::default() }
}

pub fn tenant() -> TenantId {
    "north-pit".parse().unwrap()
}

pub fn id(n: u128) -> TripId {
    kernel::id::TypedId::from_u128(n)
}

pub fn raise(_: Option<&Tally>, _: &()) -> Decided<TallyEvent, ()> {
    Decided::accept([TallyRaised { by: 1 }.into()], ())
}

pub fn refuse(_: Option<&Tally>, asked: &Asked) -> Decided<TallyEvent, ()> {
    let decision = asked.0.last().map(|decision| json!({ "id": decision.id, "reasons": ["r"] }));
    Decided::reject(Reject::new(Code::PolicyViolation, "no").with_decision(decision.unwrap_or_default()))
}

impl World {
    pub fn ctx(&self) -> Ctx {
        Ctx::new(&self.clock, tenant(), Actor::automation("test"))
    }

    /// A decision for a reason; each has its own id.
    pub fn decision(&self, ctx: &Ctx, reason: &str) -> DecisionRecord {
        let body = json!({ "action": "raise", "subjects": ["tally"], "reasons": [reason], "facts": ctx.now });
        DecisionRecord { id: ctx.new_id(), bundle: "ab".into(), allowed: false, about: Vec::new(), body }
    }

    pub fn raise(&self, n: u128, extras: Extras) -> Result<Outcome<Tally, ()>, CommandError> {
        block_on(execute(&*self.store, &self.ctx(), &id(n), extras, |_| async { Ok(()) }, raise))
    }

    /// Asks for something that policy denies for a reason.
    pub fn ask_denied(&self, n: u128, reason: &str, extras: Extras) -> CommandError {
        self.ask_denied_as(&self.ctx(), n, reason, extras)
    }

    /// The same, in a context; the refusal carries the decision.
    pub fn ask_denied_as(&self, ctx: &Ctx, n: u128, reason: &str, extras: Extras) -> CommandError {
        let gather = |_| async {
            let decision = self.decision(ctx, reason);
            Ok(Asked(vec![DecisionRecord { about: vec![Subject::new("tally", id(n))], ..decision }]))
        };
        block_on(execute(&*self.store, ctx, &id(n), extras, gather, refuse)).unwrap_err()
    }

    /// Stream and type of every event.
    pub fn journal(&self) -> Vec<(Subject, String)> {
        let entries = block_on(self.store.entries(&tenant(), 0, PAGE_LIMIT_MAX)).unwrap();
        entries.iter().map(|entry| entry.envelope().unwrap()).map(|event| (event.stream, event.r#type)).collect()
    }

    pub fn count(&self, n: u128) -> u64 {
        block_on(store::load::<Tally>(&*self.store, &tenant(), &id(n))).unwrap().map_or(0, |found| found.state.count)
    }
}

//! What follows from judgements of a component, step by step.

use std::collections::BTreeMap;

use kernel::id::TypedId;
use kernel::{Aggregate, Code, EventMeta, Timestamp};
use policy::PolicyAnswer;
use prognostics::catalog::ComponentClass;
use prognostics::rul::Label;
use serde_json::json;

use super::decide::{self, CaseEnd, NewAssessment, TOLD_AGAIN_AFTER_MS};
use super::{Assessment, Basis, GroundingStatus, HealthEvent, Timing, VehicleHealth, Verdict, hold_of};
use crate::order::{ClosingCode, OrderId};

fn at(ms: i64) -> Timestamp {
    Timestamp::from_ms(ms)
}

fn new(verdict: Verdict, now: i64, order: u128) -> NewAssessment {
    NewAssessment {
        component: "brake-front-left".into(),
        class: ComponentClass::BrakePads,
        usage: 24_000.0,
        assessment: Assessment {
            verdict,
            readings_at: at(now),
            age: 24_000.0,
            remaining: None,
            hours_left: Some(10.0),
            basis: Basis::Nothing,
            confidence: 1.0,
            reasons: Vec::new(),
            codes: Vec::new(),
            features: BTreeMap::new(),
        },
        order: OrderId::from_u128(order),
        within_budget: true,
        now: at(now),
    }
}

fn answer(refusal: Option<kernel::Reject>) -> PolicyAnswer {
    PolicyAnswer { records: Vec::new(), refusal, constraints: policy::Constraints::default() }
}

#[derive(Default)]
struct Story(Option<VehicleHealth>);

impl Story {
    fn go<R>(&mut self, step: impl Fn(Option<&VehicleHealth>) -> kernel::Decided<HealthEvent, R>) -> Vec<&'static str> {
        let decided = step(self.0.as_ref());
        for event in &decided.events {
            self.0 = VehicleHealth::evolve(self.0.take(), event, &EventMeta { recorded_at: at(0) });
        }
        use kernel::DomainEvent;
        decided.events.iter().map(HealthEvent::event_type).collect()
    }

    fn state(&self) -> &VehicleHealth {
        self.0.as_ref().unwrap()
    }
}

#[test]
fn a_verdict_is_told_when_it_changes_and_from_time_to_time() {
    let mut story = Story::default();
    let told = story.go(|state| decide::assess(state, &new(Verdict::Healthy, 0, 1)));
    assert_eq!(told, ["component.fitted", "component.assessed"]);
    assert!(story.go(|state| decide::assess(state, &new(Verdict::Healthy, 1_000, 2))).is_empty());
    let told = story.go(|state| decide::assess(state, &new(Verdict::Healthy, TOLD_AGAIN_AFTER_MS, 2)));
    assert_eq!(told, ["component.assessed"], "healthy is logged too");
    assert_eq!(story.go(|state| decide::assess(state, &new(Verdict::Advise, 9, 3))), ["component.assessed"]);
    assert_eq!(story.state().worst(), Some(Verdict::Advise));
}

#[test]
fn a_component_has_one_case_at_a_time() {
    let mut story = Story::default();
    let told = story.go(|state| decide::assess(state, &new(Verdict::Plan, 0, 1)));
    assert_eq!(told, ["component.fitted", "component.assessed", "component.case_opened"]);
    // Two judgements at once: the second finds the case of the first.
    assert_eq!(story.go(|state| decide::assess(state, &new(Verdict::Ground, 5, 2))), ["component.assessed"]);
    assert_eq!(story.state().components["brake-front-left"].case, Some(OrderId::from_u128(1)));
}

#[test]
fn the_days_budget_holds_back_what_does_not_ground() {
    let mut story = Story::default();
    let over = |verdict| NewAssessment { within_budget: false, ..new(verdict, 0, 1) };
    assert_eq!(story.go(|state| decide::assess(state, &over(Verdict::Plan))).len(), 2);
    let told = story.go(|state| decide::assess(state, &over(Verdict::Ground)));
    assert_eq!(told, ["component.assessed", "component.case_opened"]);
}

#[test]
fn a_grounding_is_ordered_once_confirmed_by_the_vehicle_and_ends_with_its_case() {
    let mut story = Story::default();
    let order = OrderId::from_u128(1);
    story.go(|state| decide::assess(state, &new(Verdict::Ground, 0, 1)));
    let refusal = || Some(kernel::Reject::new(Code::PolicyViolation, "breaker"));
    let ground = |refusal: Option<kernel::Reject>| {
        move |state: Option<&VehicleHealth>| {
            decide::ground(state, order, Timing::AfterTrip, "worn", &answer(refusal.clone()))
        }
    };
    assert_eq!(story.go(ground(refusal())), ["grounding.refused"]);
    assert_eq!(story.state().grounding.as_ref().unwrap().status, GroundingStatus::WaitsForPerson);
    assert!(story.go(ground(refusal())).is_empty(), "it waits once");
    assert_eq!(story.go(ground(None)), ["grounding.ordered"]);
    assert!(story.go(ground(None)).is_empty());
    let hold = hold_of(order);
    let other = hold_of(OrderId::from_u128(9));
    assert!(decide::confirm(story.0.as_ref(), other, at(1), json!({})).reply.is_err());
    assert_eq!(story.go(|state| decide::confirm(state, hold, at(1), json!({}))), ["grounding.confirmed"]);
    assert!(story.go(|state| decide::confirm(state, hold, at(2), json!({}))).is_empty());
    let end = CaseEnd {
        order,
        label: Label::ReplacedWorn,
        closing: Some(ClosingCode::WornReplaced),
        replaced_at_usage: Some(0.0),
        age: 24_100.0,
        reason: "returned".into(),
    };
    let told = story.go(|state| decide::end_case(state, &end));
    assert_eq!(told, ["component.case_closed", "component.fitted", "grounding.ended"]);
    assert!(story.go(|state| decide::end_case(state, &end)).is_empty(), "a crash in between repeats nothing");
    let state = story.state();
    assert_eq!((state.grounding.clone(), state.components["brake-front-left"].unit), (None, 2));
    assert_eq!(state.components["brake-front-left"].assessment, None, "nothing of the old part counts");
    assert!(decide::ground(Some(state), order, Timing::AfterTrip, "worn", &answer(None)).reply.is_err());
}

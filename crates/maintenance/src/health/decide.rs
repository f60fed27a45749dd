//! The rules of a vehicle's components.

use kernel::{Code, Decided, Reject, Timestamp};
use policy::PolicyAnswer;
use prognostics::catalog::ComponentClass;
use prognostics::rul::Label;
use serde_json::Value;

use super::events::{
    ComponentAssessed, ComponentCaseClosed, ComponentCaseOpened, ComponentFitted, GroundingConfirmed, GroundingEnded,
    GroundingOrdered, GroundingRefused,
};
use super::{
    Assessment, COMPONENTS_MAX, Component, GroundingStatus, HealthEvent, Timing, VehicleHealth, Verdict, hold_of,
};
use crate::order::{ClosingCode, OrderId};

/// A verdict that stays the same is told again after this time, so that the journal shows that somebody looked.
pub const TOLD_AGAIN_AFTER_MS: i64 = 3_600_000;

type Answer<R> = Decided<HealthEvent, R>;

/// What is new about a component.
#[derive(Debug, Clone, PartialEq)]
pub struct NewAssessment {
    pub component: String,
    pub class: ComponentClass,
    /// The usage counter of the newest reading.
    pub usage: f64,
    pub assessment: Assessment,
    /// The id of the order, if one becomes necessary.
    pub order: OrderId,
    /// Whether the day's alerts are not used up; what grounds a vehicle is always told.
    pub within_budget: bool,
    pub now: Timestamp,
}

/// Judges a component: tells it where it is news, and opens at most one case for it (PDM-4, PDM-5).
pub fn assess(state: Option<&VehicleHealth>, new: &NewAssessment) -> Answer<()> {
    let known = state.and_then(|health| health.components.get(&new.component));
    let many = state.is_some_and(|health| health.components.len() >= COMPONENTS_MAX);
    let mut events: Vec<HealthEvent> = Vec::new();
    match known {
        None if many => {
            let text = format!("this vehicle has {COMPONENTS_MAX} components already");
            return Decided::reject(Reject::new(Code::Conflict, text));
        }
        Some(known) if known.class != new.class => {
            let text = format!("{} is not of the class that it was fitted as", new.component);
            return Decided::reject(Reject::new(Code::Conflict, text));
        }
        None => {
            let usage = (new.usage - new.assessment.age).max(0.0);
            let (component, class) = (new.component.clone(), new.class);
            events.push(ComponentFitted { component, class, unit: 1, usage, order: None }.into());
        }
        Some(_) => {}
    }
    if is_news(known, &new.assessment, new.now) {
        let assessment = new.assessment.clone();
        events.push(ComponentAssessed { component: new.component.clone(), assessment }.into());
    }
    let verdict = new.assessment.verdict;
    let has_case = known.is_some_and(|known| known.case.is_some());
    if !has_case && (verdict == Verdict::Ground || verdict == Verdict::Plan && new.within_budget) {
        let opened = ComponentCaseOpened {
            component: new.component.clone(),
            order: new.order,
            class: new.class,
            assessment: new.assessment.clone(),
        };
        events.push(opened.into());
    }
    Decided::accept(events, ())
}

fn is_news(known: Option<&Component>, new: &Assessment, now: Timestamp) -> bool {
    let Some((before, told_at)) = known.and_then(|known| known.assessment.as_ref().zip(known.assessed_at)) else {
        return true;
    };
    before.verdict != new.verdict
        || before.codes != new.codes
        || before.basis != new.basis
        || now.as_ms() - told_at.as_ms() >= TOLD_AGAIN_AFTER_MS
}

/// The component that a case is about.
fn of_case(health: &VehicleHealth, order: OrderId) -> Option<(&String, &Component)> {
    health.components.iter().find(|(_, component)| component.case == Some(order))
}

/// Grounds the vehicle for an open case, once, or notes that policy leaves it to a person (PDM-6).
pub fn ground(
    state: Option<&VehicleHealth>,
    order: OrderId,
    timing: Timing,
    reason: &str,
    asked: &PolicyAnswer,
) -> Answer<bool> {
    let Some((health, (component, _))) = state.and_then(|health| Some((health, of_case(health, order)?))) else {
        return Decided::reject(Reject::new(Code::IllegalTransition, "this case is over"));
    };
    match &health.grounding {
        Some(known) if known.status != GroundingStatus::WaitsForPerson => return Decided::unchanged(true),
        Some(_) if asked.refusal.is_some() => return Decided::unchanged(false),
        _ => {}
    }
    let (component, hold, reason) = (component.clone(), hold_of(order), reason.to_owned());
    match &asked.refusal {
        None => Decided::accept([GroundingOrdered { component, order, hold, timing, reason }.into()], true),
        Some(refusal) => {
            let refused = refusal.message.clone();
            let event = GroundingRefused { component, order, hold, timing, reason, refused };
            Decided::accept([event.into()], false)
        }
    }
}

/// Takes the vehicle's signed word that it stands (PDM-8).
pub fn confirm(
    state: Option<&VehicleHealth>,
    hold: kernel::id::HoldId,
    vehicle_time: Timestamp,
    signed: Value,
) -> Answer<()> {
    match state.and_then(|health| health.grounding.as_ref()).filter(|known| known.hold == hold) {
        None => Decided::reject(Reject::new(Code::NotFound, format!("no grounding has the hold {hold}"))),
        Some(known) if known.status == GroundingStatus::Confirmed => Decided::unchanged(()),
        Some(_) => Decided::accept([GroundingConfirmed { hold, vehicle_time, signed }.into()], ()),
    }
}

/// What an order's end means for the component.
#[derive(Debug, Clone, PartialEq)]
pub struct CaseEnd {
    pub order: OrderId,
    pub label: Label,
    pub closing: Option<ClosingCode>,
    /// The usage counter now, where a new part was fitted.
    pub replaced_at_usage: Option<f64>,
    pub age: f64,
    pub reason: String,
}

/// Ends a case: the case, the part where it was replaced, and the grounding.
pub fn end_case(state: Option<&VehicleHealth>, end: &CaseEnd) -> Answer<()> {
    let Some((health, (name, component))) = state.and_then(|health| Some((health, of_case(health, end.order)?))) else {
        return Decided::unchanged(());
    };
    let closed = ComponentCaseClosed {
        component: name.clone(),
        order: end.order,
        label: end.label,
        closing: end.closing,
        age: end.age,
    };
    let mut events: Vec<HealthEvent> = vec![closed.into()];
    if let Some(usage) = end.replaced_at_usage {
        let (component, class, unit) = (name.clone(), component.class, component.unit.saturating_add(1));
        events.push(ComponentFitted { component, class, unit, usage, order: Some(end.order) }.into());
    }
    if let Some(known) = health.grounding.as_ref().filter(|known| known.order == end.order) {
        let ended = GroundingEnded { hold: known.hold, order: end.order, reason: end.reason.clone() };
        events.push(ended.into());
    }
    Decided::accept(events, ())
}

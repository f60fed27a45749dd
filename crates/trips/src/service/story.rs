//! The story of a trip, read from the journal alone: every step, who took it, and the decision behind it (TRIP-11).

use std::collections::BTreeMap;

use kernel::envelope::DecisionRecord;
use kernel::{Actor, Aggregate, DecisionId, DomainEvent, Envelope, Subject, TenantId, Timestamp, TripId};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use store::CommandError;

use super::{Trips, no_such_trip};
use crate::assistance::AssistEvent;
use crate::trip::{Status, Trip, TripEvent};

/// The most entries that one page of a history answers: a long trip fits with room.
pub const HISTORY_PAGE_MAX: usize = 500;
/// The most entries that a story tells: a trip of a day with a summary each minute and many interruptions.
pub(crate) const STORY_ENTRIES_MAX: usize = 5_000;

/// A page of a trip's timeline.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct History {
    pub items: Vec<HistoryItem>,
    /// Whether the trip is over, so that nothing more will come of it.
    pub ended: bool,
}

/// One entry of a trip's timeline.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct HistoryItem {
    /// The place in the timeline, from 1.
    pub n: u64,
    pub at: Timestamp,
    pub event: String,
    pub summary: String,
    pub body: Value,
}

/// How a trip came to be what it is.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "Why")]
pub struct Story {
    pub trip: TripId,
    pub status: Status,
    pub steps: Vec<StoryStep>,
}

/// One step of a story.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct StoryStep {
    /// The place in the timeline, from 1.
    pub n: u64,
    pub at: Timestamp,
    pub event: String,
    pub summary: String,
    pub actor: Actor,
    /// The decision behind it, with verdict, reasons, constraints and facts.
    #[schemars(with = "Option<policy::Decision>")]
    pub decision: Option<Value>,
}

impl Trips {
    /// A page of a trip's timeline behind place `after`.
    ///
    /// # Errors
    /// `NOT_FOUND`; [`CommandError::Fault`] when the store cannot answer.
    pub async fn history(&self, tenant: &TenantId, trip: TripId, after: u64) -> Result<History, CommandError> {
        let known = self.get(tenant, trip).await?.ok_or_else(no_such_trip)?;
        let events = self.timeline(tenant, trip, after, HISTORY_PAGE_MAX).await?;
        let is_last_page = events.len() < HISTORY_PAGE_MAX;
        let items = events
            .into_iter()
            .map(|(n, event)| HistoryItem {
                n,
                at: event.recorded_at,
                summary: summary(&event),
                event: event.r#type,
                body: event.body,
            })
            .collect();
        Ok(History { items, ended: known.status.is_terminal() && is_last_page })
    }

    /// The story of a trip.
    ///
    /// # Errors
    /// `NOT_FOUND`; [`CommandError::Fault`] when the store cannot answer.
    pub async fn why(&self, tenant: &TenantId, trip: TripId) -> Result<Story, CommandError> {
        let known = self.get(tenant, trip).await?.ok_or_else(no_such_trip)?;
        let events = self.timeline(tenant, trip, 0, STORY_ENTRIES_MAX).await?;
        Ok(Story { trip, status: known.status, steps: tell(&events) })
    }

    pub(crate) async fn timeline(
        &self,
        tenant: &TenantId,
        trip: TripId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<(u64, Envelope)>, CommandError> {
        let subject = Subject::new(Trip::KIND, trip);
        let mut events = Vec::new();
        let mut behind = after;
        while events.len() < limit {
            let page = self.store.timeline(tenant, &subject, behind, limit - events.len()).await?;
            if page.is_empty() {
                break;
            }
            for entry in &page {
                behind += 1;
                events.push((behind, store::sequence::envelope(entry)?));
            }
        }
        Ok(events)
    }
}

/// Decisions are told with the step that they led to; one that led to nothing is a step of its own.
fn tell(events: &[(u64, Envelope)]) -> Vec<StoryStep> {
    let is_decision = |event: &Envelope| event.r#type == DecisionRecord::EVENT_TYPE;
    let mut decisions: BTreeMap<DecisionId, &Value> = BTreeMap::new();
    for (_, event) in events.iter().filter(|(_, event)| is_decision(event)) {
        decisions.extend(event.decision_id.map(|id| (id, &event.body)));
    }
    let told: std::collections::BTreeSet<DecisionId> =
        events.iter().filter(|(_, event)| !is_decision(event)).filter_map(|(_, event)| event.decision_id).collect();
    events
        .iter()
        .filter(|(_, event)| !is_decision(event) || event.decision_id.is_none_or(|id| !told.contains(&id)))
        .map(|(n, event)| StoryStep {
            n: *n,
            at: event.recorded_at,
            event: event.r#type.clone(),
            summary: summary(event),
            actor: event.actor.clone(),
            decision: event.decision_id.and_then(|id| decisions.get(&id)).map(|body| (*body).clone()),
        })
        .collect()
}

/// What an entry says, for a person.
pub fn summary(event: &Envelope) -> String {
    if event.r#type == DecisionRecord::EVENT_TYPE {
        return decision_summary(&event.body);
    }
    let of_trip = TripEvent::decode(&event.r#type, event.version, &event.body).map(|body| sentence(&body));
    let of_either = of_trip
        .or_else(|_| AssistEvent::decode(&event.r#type, event.version, &event.body).map(|body| assist_sentence(&body)));
    match of_either {
        Ok(sentence) => sentence,
        Err(_) => match event.r#type.split_once('.') {
            Some((kind, what)) => format!("{kind} {}", what.replace('_', " ")),
            None => event.r#type.clone(),
        },
    }
}

fn decision_summary(body: &Value) -> String {
    let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let reasons: Vec<&str> = body
        .get("reasons")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|reason| reason.get("text").and_then(Value::as_str))
        .collect();
    let verdict = if text("/verdict") == "allow" { "policy allows" } else { "policy forbids" };
    format!("{verdict} {} for {}: {}", text("/action"), text("/resource"), reasons.join("; "))
}

fn sentence(event: &TripEvent) -> String {
    match event {
        TripEvent::Created(body) => {
            format!("asked for by {}, {} at {}", body.requested_by, body.kind.as_str(), body.site)
        }
        TripEvent::Released(_) => "its time has come".into(),
        TripEvent::RouteFound(body) => {
            format!("route of {:.0} m found, {} s", body.route.distance_m, body.route.duration_ms / 1_000)
        }
        TripEvent::Waits(body) if body.policies.is_empty() => format!("waits: {}", body.reason),
        TripEvent::Waits(body) => {
            let policies: Vec<&str> = body.policies.iter().map(String::as_str).collect();
            format!("waits: {} ({})", body.reason, policies.join(", "))
        }
        TripEvent::Assigned(body) => {
            let (feasible, ready) = (body.choice.feasible, body.choice.ready);
            let approach_s = body.choice.cost.approach_ms / 1_000;
            let others = match &body.choice.runner_up {
                Some(other) => {
                    format!("; next best {} at {} s: {}", other.vehicle, other.approach_ms / 1_000, other.why)
                }
                None => "; no other could take it".into(),
            };
            format!("{} chosen of {feasible} able ({ready} ready), {approach_s} s away{others}", body.vehicle)
        }
        TripEvent::Unassigned(body) => format!("{} loses the trip: {}", body.vehicle, body.reason),
        TripEvent::Dispatched(body) => format!("the vehicle accepts, at the pickup by {}", body.pickup_expected_at),
        TripEvent::Departed(_) => "the vehicle sets out".into(),
        TripEvent::ArrivedPickup(_) => "the vehicle is at the pickup".into(),
        TripEvent::Boarded(body) if body.occupied => "the vehicle goes on with what it carries".into(),
        TripEvent::Boarded(_) => "the vehicle goes on, empty".into(),
        TripEvent::ArrivedDropoff(_) => "the vehicle is at the drop-off".into(),
        TripEvent::Completed(body) => {
            format!("done: {:.0} m in {} s", body.summary.distance_m, body.summary.duration_ms / 1_000)
        }
        TripEvent::Paused(body) => format!("the vehicle pauses: {}", body.reason),
        TripEvent::AssistNeeded(body) => format!("the vehicle needs a person: {}", body.kind),
        TripEvent::SafeStopped(body) => format!("the vehicle stopped for safety ({}): {}", body.class, body.reason),
        TripEvent::Resumed(body) => format!("the vehicle goes on, {}", body.to),
        TripEvent::Stranded(body) => format!("the vehicle cannot go on: {}", body.reason),
        TripEvent::Cancelled(body) => format!("called off: {}", body.reason),
        TripEvent::Failed(body) => format!("failed: {}", body.reason),
        TripEvent::Expired(body) => format!("expired: {}", body.reason),
        TripEvent::Withdrawn(body) => format!("taken back from {}: {}", body.vehicle, body.reason),
        TripEvent::VehicleSilent(body) => format!("{} is silent: {}", body.vehicle, body.reason),
        TripEvent::DeadlineMoved(body) => format!("looked at: {}", body.reason),
        TripEvent::ViolationOpened(body) => {
            format!("violation of {}: {} (response: {})", body.rule, body.text, response_name(body.response))
        }
        TripEvent::ViolationClosed(body) => format!("violation of {} ended", body.rule),
        TripEvent::Rerouted(body) => {
            format!("another way is offered from {:.0} m on: {}", body.begins_at_m, body.reason)
        }
        TripEvent::RerouteTaken(_) => "the vehicle takes the other way".into(),
        TripEvent::RerouteFailed(body) => {
            format!("no other way ({}): {}; the vehicle is told to stop", body.code, body.reason)
        }
        TripEvent::Diverted(body) => format!("called off with people or load aboard, diverted: {}", body.reason),
        TripEvent::ResumeOrdered(body) => {
            let way = if body.route.is_some() { ", by another way" } else { "" };
            format!("the vehicle is told to go on{way}: {}", body.reason)
        }
        TripEvent::ResumeTaken(_) => "the vehicle will go on".into(),
        TripEvent::ResumeRefused(body) => format!("the vehicle does not go on ({}): {}", body.code, body.reason),
        TripEvent::ComplianceSummary(body) => {
            let (compliant, violating, unknown) = (body.compliant, body.violating, body.unknown);
            let all = compliant + violating + unknown;
            format!("{all} checks: {compliant} compliant, {violating} violating, {unknown} unknown")
        }
    }
}

fn assist_sentence(event: &AssistEvent) -> String {
    match event {
        AssistEvent::Asked(body) => format!("{} asks for a person: {}", body.vehicle, body.kind),
        AssistEvent::Taken(body) => format!("{} looks, until {}", body.by, body.until),
        AssistEvent::HandedBack(body) => format!("{} gives the request back", body.by),
        AssistEvent::Lapsed(body) => format!("the lease of {} ran out", body.by),
        AssistEvent::Answered(body) => format!("{} answers {}: {}", body.by, body.answer.as_str(), body.reason),
        AssistEvent::Accepted(body) => format!("the vehicle takes the answer {}", body.answer.as_str()),
        AssistEvent::Refused(body) => {
            format!("the vehicle does not take the answer {} ({}): {}", body.answer.as_str(), body.code, body.reason)
        }
        AssistEvent::Done(body) => format!("nobody is needed any more: {}", body.reason),
    }
}

fn response_name(response: policy::Response) -> &'static str {
    match response {
        policy::Response::Warn => "warn",
        policy::Response::Slow => "slow",
        policy::Response::Reroute => "reroute",
        policy::Response::Stop => "stop",
    }
}

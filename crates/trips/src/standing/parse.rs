//! Reading a standing order: every wrong field is named, in one answer.

use kernel::{FieldError, Reject, Timestamp};
use serde_json::Value;

use super::Goal;
use crate::limits::{STANDING_AT_ONCE_MAX, STANDING_QUANTITY_KG_MAX, STANDING_TRIPS_MAX};
use crate::trip::TripRequest;

/// What a client asks for, well-formed.
#[derive(Debug, Clone, PartialEq)]
pub struct StandingRequest {
    /// Each of its trips.
    pub request: TripRequest,
    /// When it is done.
    pub goal: Goal,
    /// How many trips are open at once, at most.
    pub at_once: u64,
}

const FIELDS: [&str; 3] = ["trip", "goal", "at_once"];

impl StandingRequest {
    /// Reads a request: `{ trip, goal: { quantity_kg } | { trips }, at_once? }`.
    ///
    /// # Errors
    /// `INVALID_REQUEST` with one entry per wrong field.
    pub fn parse(body: &Value, now: Timestamp) -> Result<Self, Reject> {
        let Some(object) = body.as_object() else {
            return Err(Reject::invalid_field("", "expected a JSON object"));
        };
        let mut wrong: Vec<FieldError> = Vec::new();
        let mut add = |field: String, message: String| wrong.push(FieldError { field, message });
        for name in object.keys().filter(|name| !FIELDS.contains(&name.as_str())).take(20) {
            add(format!("/{name}"), format!("is not a field; the fields are {}", FIELDS.join(", ")));
        }
        let request = TripRequest::parse(object.get("trip").unwrap_or(&Value::Null), now);
        let goal = goal(object.get("goal").unwrap_or(&Value::Null));
        let at_once = match object.get("at_once").filter(|value| !value.is_null()) {
            None => Some(1),
            Some(value) => value.as_u64().filter(|number| (1..=STANDING_AT_ONCE_MAX).contains(number)),
        };
        if let Err(reject) = &request {
            reject.fields.iter().for_each(|error| add(format!("/trip{}", error.field), error.message.clone()));
        }
        if let Err(message) = &goal {
            add("/goal".into(), message.clone());
        }
        if at_once.is_none() {
            add("/at_once".into(), format!("expected a whole number from 1 to {STANDING_AT_ONCE_MAX}"));
        }
        if let Ok(request) = &request {
            if request.window != Default::default() {
                add(
                    "/trip/window".into(),
                    "a standing order has no window: it goes on until its goal is reached".into(),
                );
            }
            if matches!(goal, Ok(Goal::QuantityKg(_))) && request.requirements.payload_kg <= 0.0 {
                add("/trip/requirements/payload_kg".into(), "expected the kilograms of one full load".into());
            }
        }
        match (request, goal, at_once) {
            (Ok(request), Ok(goal), Some(at_once)) if wrong.is_empty() => Ok(Self { request, goal, at_once }),
            _ => Err(Reject::invalid(wrong)),
        }
    }
}

fn goal(value: &Value) -> Result<Goal, String> {
    let kilograms = |value: &Value| value.as_f64().filter(|kg| *kg > 0.0 && *kg <= STANDING_QUANTITY_KG_MAX);
    let trips = |value: &Value| value.as_u64().filter(|trips| (1..=STANDING_TRIPS_MAX).contains(trips));
    let fields = value.as_object().map(|object| (object.len(), object.get("quantity_kg"), object.get("trips")));
    let read = match fields {
        Some((1, Some(value), None)) => kilograms(value).map(Goal::QuantityKg),
        Some((1, None, Some(value))) => trips(value).map(Goal::Trips),
        _ => None,
    };
    read.ok_or_else(|| {
        format!(
            "expected {{ \"quantity_kg\": more than 0, at most {STANDING_QUANTITY_KG_MAX} }} or \
             {{ \"trips\": 1 to {STANDING_TRIPS_MAX} }}"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_wrong_field_is_named_in_one_answer() {
        let now = Timestamp::from_ms(1_795_489_212_000);
        let good = json!({
            "trip": {
                "site": "pit", "kind": "haul", "origin": { "lat": 1, "lon": 2 }, "destination": { "lat": 1.1, "lon": 2 },
                "requirements": { "payload_kg": 1000 },
            },
            "goal": { "quantity_kg": 2500 },
        });
        let check = |pointer: &str, value: Value, fields: &[&str]| {
            let mut body = good.clone();
            let (parent, name) = pointer.rsplit_once('/').unwrap();
            body.pointer_mut(parent).unwrap()[name] = value;
            let found = match StandingRequest::parse(&body, now) {
                Ok(_) => Vec::new(),
                Err(reject) => reject.fields.into_iter().map(|error| error.field).collect(),
            };
            assert_eq!(found, fields, "{body}");
        };
        check("/at_once", json!(null), &[]);
        check("/at_once", json!(32), &[]);
        for at_once in [json!(0), json!(33), json!("2"), json!(1.5)] {
            check("/at_once", at_once, &["/at_once"]);
        }
        for goal in [
            json!(null),
            json!({}),
            json!({ "trips": 0 }),
            json!({ "quantity_kg": 0 }),
            json!({ "trips": 1, "quantity_kg": 1 }),
        ] {
            check("/goal", goal, &["/goal"]);
        }
        check("/goal", json!({ "trips": 3 }), &[]);
        check("/colour", json!(1), &["/colour"]);
        check("/trip/kind", json!("taxi"), &["/trip/kind"]);
        check("/trip/requirements", json!({}), &["/trip/requirements/payload_kg"]);
        check("/trip/window", json!({ "latest": "2026-12-01T00:00:00Z" }), &["/trip/window"]);
        assert_eq!(StandingRequest::parse(&json!([]), now).unwrap_err().fields.len(), 1);
    }
}

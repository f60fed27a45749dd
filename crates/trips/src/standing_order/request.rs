//! What a client asks a standing order for.

use kernel::{FieldError, Reject, Timestamp};

use super::Goal;
use crate::trip::TripRequest;

/// What a client asks for, well-formed.
#[derive(Debug, Clone, PartialEq)]
pub struct StandingOrderRequest {
    pub request: TripRequest,
    pub goal: Goal,
    /// How many trips are open at once, at most.
    pub at_once: u64,
}

impl StandingOrderRequest {
    /// The request, if nothing about it is wrong now.
    ///
    /// # Errors
    /// `INVALID_REQUEST` with one entry per wrong field.
    pub fn checked(self, now: Timestamp) -> Result<Self, Reject> {
        let mut wrong = self.request.wrong(now);
        wrong.iter_mut().for_each(|error| error.field.insert_str(0, "/trip"));
        if wrong.is_empty() {
            let mut add = |field: &str, message: &str| {
                wrong.push(FieldError { field: field.into(), message: message.into() });
            };
            if self.request.window != Default::default() {
                add("/trip/window", "a standing order has no window: it goes on until its goal is reached");
            }
            if matches!(self.goal, Goal::QuantityKg(_)) && self.request.requirements.payload_kg <= 0.0 {
                add("/trip/requirements/payload_kg", "expected the kilograms of one full load");
            }
        }
        if wrong.is_empty() { Ok(self) } else { Err(Reject::invalid(wrong)) }
    }
}

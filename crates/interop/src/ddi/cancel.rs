//! The answer to `GET /cancelAction/{id}`: which action is to stop.

use serde::{Serialize, Serializer};
use serde_json::{Value, json};

/// A cancellation. What the controller says to it is read with [`super::feedback::Feedback::answers_cancel`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cancel {
    /// The id of the cancellation. hawkBit gives it the id of the action, and so should the caller.
    pub id: i32,
    /// The id of the action that is to stop.
    pub stop: i32,
}

impl Cancel {
    /// The cancellation of an action under the action's own id, as hawkBit does it.
    pub fn of(action: i32) -> Self {
        Self { id: action, stop: action }
    }

    /// The answer as a JSON value; ids are strings, as all DDI ids that a server sends.
    pub fn json(&self) -> Value {
        json!({"id": self.id.to_string(), "cancelAction": {"stopId": self.stop.to_string()}})
    }
}

impl Serialize for Cancel {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.json().serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_hawkbits_form() {
        let golden: Value = serde_json::from_str(r#"{"id":"11","cancelAction":{"stopId":"11"}}"#).unwrap();
        assert_eq!(Cancel::of(11).json(), golden);
        assert_eq!(serde_json::to_value(Cancel { id: 12, stop: 11 }).unwrap()["cancelAction"]["stopId"], "11");
    }
}

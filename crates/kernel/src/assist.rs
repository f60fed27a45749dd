//! What a person may answer to a vehicle that asks for help (TRIP-13): a closed set, so that a vehicle of another maker
//! can check every answer before it acts. One set for the request's own record and for the wire.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An answer.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, strum::IntoStaticStr, strum::VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "AssistAnswer")]
#[strum(serialize_all = "snake_case")]
pub enum Answer {
    /// Stand; somebody is looking.
    Wait,
    /// Go on.
    Proceed,
    /// Go on by way of places that the person chose.
    ChoosePath,
    /// Stay: the trip cannot go on with this vehicle.
    Stop,
    /// Stand; people are on their way.
    SendCrew,
}

impl Answer {
    /// Every answer.
    pub const ALL: &'static [Self] = <Self as strum::VariantArray>::VARIANTS;
    /// What is told to whoever sends another text.
    pub const EXPECTED: &'static str = "expected wait, proceed, choose_path, stop or send_crew";

    /// Its name.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Whether the vehicle goes on by it, which policy must allow.
    pub fn moves(self) -> bool {
        matches!(self, Answer::Proceed | Answer::ChoosePath)
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{}", Answer::EXPECTED)]
pub struct AnswerError;

impl FromStr for Answer {
    type Err = AnswerError;
    fn from_str(text: &str) -> Result<Self, AnswerError> {
        Self::ALL.iter().copied().find(|answer| answer.as_str() == text).ok_or(AnswerError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_written_as_they_are_read() {
        for &answer in Answer::ALL {
            assert_eq!(answer.as_str().parse(), Ok(answer));
            assert_eq!(serde_json::to_value(answer).unwrap(), answer.as_str());
            assert!(Answer::EXPECTED.contains(answer.as_str()));
        }
        assert_eq!("go".parse::<Answer>(), Err(AnswerError));
    }
}

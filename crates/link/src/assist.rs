//! What a person may answer to a vehicle that asks for help: a closed set, so that a vehicle of another maker can check
//! every answer before it acts.

use std::fmt;
use std::str::FromStr;

/// An answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Stand and ask again later; somebody is looking.
    Wait,
    /// Go on.
    Proceed,
    /// Go on by the path that comes with the answer.
    ChoosePath,
    /// Stay until the trip ends.
    Stop,
    /// Stand; people are on their way.
    SendCrew,
}

impl Answer {
    /// Every answer.
    pub const ALL: [Answer; 5] = [Answer::Wait, Answer::Proceed, Answer::ChoosePath, Answer::Stop, Answer::SendCrew];
    /// What is told to whoever sends another text.
    pub const EXPECTED: &'static str = "expected wait, proceed, choose_path, stop or send_crew";

    /// Its name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Answer::Wait => "wait",
            Answer::Proceed => "proceed",
            Answer::ChoosePath => "choose_path",
            Answer::Stop => "stop",
            Answer::SendCrew => "send_crew",
        }
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
        Self::ALL.into_iter().find(|answer| answer.as_str() == text).ok_or(AnswerError)
    }
}

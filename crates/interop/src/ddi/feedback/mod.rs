//! `POST /deploymentBase/{id}/feedback` and `POST /cancelAction/{id}/feedback`: what a controller says about an action.
//!
//! The reader forgives form, because a refusal makes clients repeat themselves for ever or stop before the download; it
//! forgives no unknown meaning. Which action is meant is said by the path, so `id` is not read, and neither are the
//! clocks of clients (`time`, `timestamp`) and their progress, of which each has its own form.

use serde::Deserialize;
use serde_json::Value;

use super::BodyError;
use super::text::{beginning, parse, plain};

/// The most messages that are kept of one feedback, as in hawkBit.
pub const MESSAGES: usize = 50;
/// The most characters that are kept of one message, as in hawkBit.
pub const MESSAGE_CHARACTERS: usize = 512;

/// How far the action has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "these are DDI's words")]
pub enum Execution {
    Closed,
    Proceeding,
    Canceled,
    Scheduled,
    Rejected,
    Resumed,
    Downloaded,
    Download,
}

/// How it ended, if it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[expect(missing_docs, reason = "these are DDI's words")]
pub enum Finished {
    Success,
    Failure,
    #[default]
    None,
}

/// What a controller said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feedback {
    /// How far the action has come.
    pub execution: Execution,
    /// How it ended; [`Finished::None`] where the client leaves it out.
    pub finished: Finished,
    /// A number of the client's own, where it is whole.
    pub code: Option<i64>,
    /// The last [`MESSAGES`] messages, each with at most [`MESSAGE_CHARACTERS`] characters, without control characters
    /// other than newline and tab. SWUpdate sends its whole log, and the reason of a failure is at its end.
    pub details: Vec<String>,
    /// How many messages were left out.
    pub dropped: usize,
    /// How many of the kept messages were cut.
    pub cut: usize,
}

/// What a feedback on a deployment means for the action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Meaning {
    /// It is being downloaded.
    Downloading,
    /// All of it has been downloaded.
    Downloaded,
    /// It is under way in another manner: proceeding, scheduled or resumed. Never a way back from a later state.
    Installing,
    /// The controller does not want it now: a note and a longer sleep, no end.
    Rejected,
    /// The controller says that it has cancelled of its own accord: a note, unless a cancellation is open.
    Canceled,
    /// The controller says that it is done: a claim and **never** success. SWUpdate says so ("Skipped Update.") of an
    /// update that it did not install because the maintenance window was closed, and rauc-hawkbit-updater before its
    /// reboot. Only a report of the new version or a signed manifest makes a success of it.
    Claimed,
    /// It has failed.
    Failed,
}

/// What a feedback on a cancellation means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CancelMeaning {
    /// The action has been cancelled.
    Canceled,
    /// To cancel has failed: hawkBit's `ERROR`.
    Failed,
    /// The controller goes on with the action, which returns to the state before. rauc-hawkbit always says so.
    Rejected,
    /// Nothing is decided yet: a note.
    Open,
}

#[derive(Deserialize)]
struct Body {
    status: Status,
}

#[derive(Deserialize)]
struct Status {
    execution: String,
    result: Option<Outcome>,
    code: Option<Value>,
    details: Option<Value>,
}

#[derive(Deserialize)]
struct Outcome {
    finished: Option<String>,
}

impl Feedback {
    /// Reads a body.
    ///
    /// # Errors
    /// [`BodyError`]: too large, no JSON with a `status`, or a word of `execution` or `finished` that DDI does not
    /// know.
    pub fn read(body: &[u8]) -> Result<Self, BodyError> {
        let Status { execution, result, code, details } = parse::<Body>(body)?.status;
        let finished = result.and_then(|result| result.finished).unwrap_or_default();
        let (execution, finished) = (Execution::of(&execution)?, Finished::of(&finished)?);
        let code = code.and_then(|code| code.as_i64().or_else(|| code.as_str()?.trim().parse().ok()));
        let messages = match details {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(messages)) => messages,
            Some(message) => vec![message],
        };
        let dropped = messages.len().saturating_sub(MESSAGES);
        let mut cut = 0;
        let details = messages.iter().skip(dropped).map(|message| kept(message, &mut cut)).collect();
        Ok(Self { execution, finished, code, details, dropped, cut })
    }

    /// What it means for an action when it is said about its deployment. A failure counts only where the action is
    /// closed, as in hawkBit: until then the client may try again.
    pub fn means(&self) -> Meaning {
        match (self.execution, self.finished) {
            (Execution::Closed, Finished::Failure) => Meaning::Failed,
            (Execution::Closed, Finished::Success | Finished::None) => Meaning::Claimed,
            (Execution::Download, _) => Meaning::Downloading,
            (Execution::Downloaded, _) => Meaning::Downloaded,
            (Execution::Proceeding | Execution::Scheduled | Execution::Resumed, _) => Meaning::Installing,
            (Execution::Rejected, _) => Meaning::Rejected,
            (Execution::Canceled, _) => Meaning::Canceled,
        }
    }

    /// What it means when it is said about a cancellation.
    pub fn answers_cancel(&self) -> CancelMeaning {
        match (self.execution, self.finished) {
            (Execution::Closed, Finished::Failure) => CancelMeaning::Failed,
            (Execution::Closed, Finished::Success | Finished::None) => CancelMeaning::Canceled,
            (Execution::Rejected, _) => CancelMeaning::Rejected,
            _ => CancelMeaning::Open,
        }
    }
}

impl Execution {
    /// The word of DDI in any case.
    fn of(word: &str) -> Result<Self, BodyError> {
        Ok(match word.to_ascii_lowercase().as_str() {
            "closed" => Self::Closed,
            "proceeding" => Self::Proceeding,
            "canceled" => Self::Canceled,
            "scheduled" => Self::Scheduled,
            "rejected" => Self::Rejected,
            "resumed" => Self::Resumed,
            "downloaded" => Self::Downloaded,
            "download" => Self::Download,
            _ => return Err(BodyError::Word { field: "execution", word: beginning(word, 32) }),
        })
    }
}

impl Finished {
    /// The word of DDI in any case; nothing is `none`.
    fn of(word: &str) -> Result<Self, BodyError> {
        Ok(match word.to_ascii_lowercase().as_str() {
            "success" => Self::Success,
            "failure" => Self::Failure,
            "none" | "" => Self::None,
            _ => return Err(BodyError::Word { field: "finished", word: beginning(word, 32) }),
        })
    }
}

/// What is kept of a message; counts it when it was cut.
fn kept(message: &Value, cut: &mut usize) -> String {
    let text = plain(message);
    *cut += usize::from(text.chars().nth(MESSAGE_CHARACTERS).is_some());
    let printable = |character: char| match character {
        '\n' | '\t' => character,
        control if control.is_control() => '\u{fffd}',
        other => other,
    };
    text.chars().take(MESSAGE_CHARACTERS).map(printable).collect()
}

#[cfg(test)]
mod tests;

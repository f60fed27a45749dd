//! Bodies of the OpenFeature Remote Evaluation Protocol (OFREP) 0.3. Members that the specification leaves open are always
//! sent where a client in use fails without them: `variant`, `errorDetails`, `key` and `errorCode`.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::definition::Metadata;
use crate::evaluate::{ErrorCode, Reason, Resolution};

/// A question after one flag or after all.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct EvaluationRequest {
    /// Some clients send none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<Value>,
}

/// A flag that answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Success {
    pub key: String,
    pub reason: Reason,
    /// Empty where the client's own default holds.
    #[serde(default)]
    pub variant: String,
    /// None where the client's own default holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
    #[serde(default)]
    pub metadata: Metadata,
}

/// A flag that did not answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    pub key: String,
    pub error_code: ErrorCode,
    #[serde(default)]
    pub error_details: String,
}

/// One flag, whether it answered or not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Evaluated {
    Failure(Failure),
    Success(Success),
}

/// All flags.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Bulk {
    pub flags: Vec<Evaluated>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub event_streams: Vec<EventStream>,
    #[serde(default, skip_serializing_if = "Metadata::is_empty")]
    pub metadata: Metadata,
}

/// Where a client hears of changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EventStream {
    /// `sse`.
    #[serde(rename = "type")]
    pub kind: String,
    pub endpoint: StreamEndpoint,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inactivity_delay_sec: Option<u32>,
}

/// The address of a stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StreamEndpoint {
    pub request_uri: String,
}

/// What a stream tells: that the answers may be others now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RefetchEvaluation {
    /// `refetchEvaluation`.
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// In seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_modified: Option<i64>,
}

impl RefetchEvaluation {
    /// The event.
    #[must_use]
    pub fn new(etag: Option<String>, last_modified: Option<i64>) -> Self {
        Self { kind: "refetchEvaluation".to_owned(), etag, last_modified }
    }
}

/// The question after all flags was wrong as a whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BulkFailure {
    pub error_code: ErrorCode,
    #[serde(default)]
    pub error_details: String,
}

impl Failure {
    /// The status that a failure is answered with.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self.error_code {
            ErrorCode::FlagNotFound => 404,
            _ => 400,
        }
    }

    /// A fault of ours. The specification has `errorDetails` alone; one client reads nothing without the rest.
    #[must_use]
    pub fn internal(key: &str) -> Self {
        let error_details = "the flag could not be evaluated; try again".to_owned();
        Self { key: key.to_owned(), error_code: ErrorCode::General, error_details }
    }
}

impl From<Resolution> for Evaluated {
    fn from(resolution: Resolution) -> Self {
        let Resolution { key, value, variant, reason, error_code, error_details, metadata } = resolution;
        match error_code {
            Some(error_code) => {
                let error_details = error_details.unwrap_or_default();
                Self::Failure(Failure { key, error_code, error_details })
            }
            None => Self::Success(Success { key, reason, variant: variant.unwrap_or_default(), value, metadata }),
        }
    }
}

impl Bulk {
    /// The answers of all flags. One that did not answer stands among the others.
    #[must_use]
    pub fn of(resolutions: Vec<Resolution>, metadata: Metadata) -> Self {
        let flags = resolutions.into_iter().map(Evaluated::from).collect();
        Self { flags, event_streams: Vec::new(), metadata }
    }
}

/// Whether `If-None-Match` names the tag: `*`, one or several, weak or not.
#[must_use]
pub fn none_match(if_none_match: &str, etag: &str) -> bool {
    let bare = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    if_none_match.split(',').any(|tag| tag.trim() == "*" || bare(tag) == bare(etag))
}

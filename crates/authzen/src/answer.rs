//! What is answered. The order of members is the published one.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use crate::BAD_REQUEST;
use crate::question::Properties;
use crate::read::Refusal;

/// The answer to one evaluation.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "AccessAnswer")]
pub struct Answer {
    /// Whether it may be done.
    pub decision: bool,
    /// What there is to say beside.
    #[schemars(with = "Option<std::collections::BTreeMap<String, Value>>")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<Properties>,
}

impl Answer {
    /// Yes or no, and nothing to add.
    pub fn plain(decision: bool) -> Self {
        Self { decision, context: None }
    }

    /// Yes or no with what there is to say, if there is anything.
    pub fn with(decision: bool, context: Properties) -> Self {
        Self { decision, context: Some(context).filter(|context| !context.is_empty()) }
    }

    /// The denial of an item of a batch that cannot be evaluated.
    pub fn of_refusal(refusal: &Refusal) -> Self {
        let error = json!({ "status": BAD_REQUEST, "message": refusal.to_string() });
        Self::with(false, std::iter::once(("error".to_owned(), error)).collect())
    }
}

/// The answer to the body of a batch, which may be none.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "AccessAnswers")]
#[serde(untagged)]
pub enum Decided {
    /// To one evaluation.
    One(Answer),
    /// To each, in the order of the question; fewer where the batch ended before.
    Many {
        /// The answers.
        evaluations: Vec<Answer>,
    },
}

/// One result of a search.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "AccessHit")]
#[serde(untagged)]
pub enum Hit {
    /// A subject or a resource.
    Entity {
        /// Its type.
        #[serde(rename = "type")]
        kind: String,
        /// Its id.
        id: String,
    },
    /// An action.
    Action {
        /// Its name.
        name: String,
    },
}

/// Where a page of results stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "AccessPage")]
pub struct PageFound {
    /// What the next page is asked with; empty at the end.
    pub next_token: String,
    /// How many results this page has.
    pub count: usize,
}

/// The answer to a search.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "AccessFound")]
pub struct Found {
    /// What would be permitted.
    pub results: Vec<Hit>,
    /// There where pages were asked for, and where there is more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page: Option<PageFound>,
}

impl Found {
    /// The answer as JSON, for servers that send values.
    pub fn to_json(&self) -> Value {
        // Texts and numbers serialize without failure.
        serde_json::to_value(self).unwrap_or(Value::Null)
    }
}

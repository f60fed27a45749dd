//! Policies: drafts, replays, waivers, and what a rule would say.

use std::collections::BTreeMap;

use governance::DraftId;
use governance::waiver::{KnownWaiver, WaiverId, WaiverState};
use kernel::Timestamp;
use policy::{ActionWords, FactValue};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Name, Sentence};

/// A Cedar text; the limit of bytes is the domain's.
const TEXT_CHARS_MAX: usize = 20 * 1024;

/// A text to be checked, with cases or without.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyText {
    #[schemars(length(max = TEXT_CHARS_MAX))]
    pub text: String,
    #[schemars(length(max = TEXT_CHARS_MAX))]
    pub cases: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewDraft {
    pub name: Name,
    /// Cedar: rules that forbid and limit, with ids that begin with `tenant.`.
    #[schemars(length(min = 1, max = TEXT_CHARS_MAX))]
    pub text: String,
    /// Cases as JSON text.
    #[schemars(length(max = TEXT_CHARS_MAX))]
    pub cases: String,
    pub reason: Sentence,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NextRevision {
    #[schemars(length(min = 1, max = TEXT_CHARS_MAX))]
    pub text: String,
    #[schemars(length(max = TEXT_CHARS_MAX))]
    pub cases: String,
    pub reason: Option<Sentence>,
}

/// How many of the newest decisions are asked again.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplayAsked {
    #[schemars(range(min = 1, max = 100_000))]
    pub limit: Option<u64>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ShadowAsked {
    pub on: bool,
    pub reason: Sentence,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyRollback {
    /// Of those that are kept; 0: no rules of one's own.
    pub generation: u64,
    pub reason: Sentence,
}

/// What would be decided.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Explained {
    #[schemars(length(min = 1, max = 100))]
    pub action: String,
    /// `kind/id`, e.g. `trip/t1`.
    #[schemars(length(min = 3, max = 100))]
    pub resource: String,
    /// The role that asks; one's own where none is said.
    #[schemars(length(max = 40))]
    pub role: Option<String>,
    #[serde(default)]
    pub facts: BTreeMap<String, FactValue>,
    /// Rules that would be in force instead of one's own.
    pub draft: Option<DraftId>,
}

/// What rules can speak of.
#[derive(Serialize, JsonSchema)]
pub struct PolicyVocabulary {
    pub actions: Vec<ActionWords>,
    pub annotations: Vec<Annotation>,
    pub roles: Vec<String>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "PolicyAnnotation")]
pub struct Annotation {
    pub name: &'static str,
    pub meaning: &'static str,
}

/// What can stand above a rule.
pub const ANNOTATIONS: &[(&str, &str)] = &[
    ("id", "unique; begins with `tenant.`; stands in every decision that the rule determines"),
    ("version", "raised with every change of the rule"),
    ("purpose", "why the rule exists"),
    ("reason", "on a forbid: what whoever is refused is told; {fact} is replaced by the fact's value"),
    ("advice", "what can be done about it"),
    ("response", "on a forbid of trip.monitor: warn, slow, reroute or stop"),
    ("constrain", "on a permit, with value or fact: it grants nothing but sets a limit"),
    ("value", "the limit's value"),
    ("fact", "the fact whose value is the limit"),
    (
        "modify",
        "on a forbid: fact<=value, fact>=value or fact=value, which would help; offered only if it is allowed then",
    ),
    ("waivable", "\"true\": the rule reads context.request.waivers and can be lifted for a time"),
];

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewWaiver {
    /// The id of a rule in force.
    #[schemars(length(min = 1, max = 200))]
    pub rule: String,
    pub until: Timestamp,
    pub reason: Sentence,
}

/// A rule that is lifted for a time.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "PolicyWaiver")]
pub struct WaiverView {
    pub id: WaiverId,
    pub rule: String,
    pub until: Timestamp,
    pub reason: String,
    pub granted_by: String,
    pub approved_by: Option<String>,
    pub granted_at: Timestamp,
    pub state: WaiverState,
}

impl From<(WaiverId, KnownWaiver)> for WaiverView {
    fn from((id, known): (WaiverId, KnownWaiver)) -> Self {
        let KnownWaiver { rule, until, reason, granted_by, approved_by, granted_at, state } = known;
        Self { id, rule, until, reason, granted_by, approved_by, granted_at, state }
    }
}

//! What a point of decision says of itself.

use schemars::JsonSchema;
use serde::Serialize;

/// Where the metadata of a point without a path of its own stands.
pub const WELL_KNOWN: &str = "/.well-known/authzen-configuration";

/// The metadata of a point of decision. Clients refuse one whose own address is not the one that they asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "AccessMetadata")]
pub struct Metadata {
    /// The point's address, without a slash at its end.
    pub policy_decision_point: String,
    /// Where one evaluation is asked for.
    pub access_evaluation_endpoint: String,
    /// Where many are.
    pub access_evaluations_endpoint: String,
    /// Where subjects are searched.
    pub search_subject_endpoint: String,
    /// Where resources are.
    pub search_resource_endpoint: String,
    /// Where actions are.
    pub search_action_endpoint: String,
}

impl Metadata {
    /// Of a point at an address, with every operation where the specification puts it.
    pub fn at(address: &str) -> Self {
        let address = address.trim_end_matches('/');
        let under = |path: &str| format!("{address}/access/v1/{path}");
        Self {
            policy_decision_point: address.to_owned(),
            access_evaluation_endpoint: under("evaluation"),
            access_evaluations_endpoint: under("evaluations"),
            search_subject_endpoint: under("search/subject"),
            search_resource_endpoint: under("search/resource"),
            search_action_endpoint: under("search/action"),
        }
    }
}

//! Refusals: what a domain says no with. A refusal has a stable code that programs match on and that has a page of
//! documentation; its text is for people and may change.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What went wrong, as a stable code. The HTTP status follows from it at the edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, strum::IntoStaticStr, strum::VariantArray)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum Code {
    /// One or more fields of the request are wrong; each is named.
    InvalidRequest,
    /// No valid credential came with the request.
    Unauthenticated,
    /// The credential is valid but its role does not allow this.
    Forbidden,
    /// No such thing in this tenant.
    NotFound,
    /// The address is right and takes other methods.
    MethodNotAllowed,
    /// Policy forbids it; reasons and policies are named.
    PolicyViolation,
    /// The tenant's subscription does not allow it; what would is named.
    EntitlementRequired,
    /// The feature is not in use for this tenant: its sector does not have it, or a flag or a rule switched it off.
    FeatureOff,
    /// The thing's state does not allow this step.
    IllegalTransition,
    /// The thing exists already, or the idempotency key was used for another request.
    Conflict,
    /// The thing is not of the version that the request names.
    PreconditionFailed,
    /// The place is too far from any road that may be used.
    OffMap,
    /// No way exists between the places under the constraints in force.
    Unroutable,
    /// No vehicle of the tenant can do what is asked for: none has the capability, the seats, or the payload.
    UnknownCapability,
    /// The claim epoch is not the current one.
    StaleClaim,
    /// The vehicle may not take this now.
    VehicleUnavailable,
    /// The body is larger than the limit.
    PayloadTooLarge,
    /// The body is of a type that this operation does not read.
    UnsupportedMediaType,
    /// More work waits than the limit allows.
    Overloaded,
    /// A part of the product cannot answer now; nothing was changed; try again.
    Unavailable,
}

impl Code {
    /// The code as it stands in answers and in the documentation.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Every code, for the documentation test.
    pub const ALL: &'static [Self] = <Self as strum::VariantArray>::VARIANTS;
}

/// One field that is wrong, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FieldError {
    /// JSON pointer (RFC 6901) of the field, e.g. `/origin/lat`.
    pub field: String,
    /// What is wrong and what would be right.
    pub message: String,
}

/// A refusal of the domain.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{}: {message}", code.as_str())]
pub struct Reject {
    /// The stable code.
    pub code: Code,
    /// One sentence for a person: what is wrong and what to do next.
    pub message: String,
    /// The fields that are wrong, if any.
    pub fields: Vec<FieldError>,
    /// The policy decision behind the refusal, if it was one: reasons and policies, as the journal has them.
    /// Boxed, because refusals travel in every `Result` and few have one.
    pub decision: Option<Box<serde_json::Value>>,
    /// What the subscription lacks, and the ways to upgrade, if that is why.
    pub entitlement: Option<Box<serde_json::Value>>,
}

impl Reject {
    /// A refusal with a code and a sentence.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), fields: Vec::new(), decision: None, entitlement: None }
    }

    /// A refusal because fields are wrong; each is named.
    pub fn invalid(fields: Vec<FieldError>) -> Self {
        let message = match fields.as_slice() {
            [only] => format!("{} {}", only.field, only.message),
            many => format!("{} fields are wrong", many.len()),
        };
        Self { code: Code::InvalidRequest, message, fields, decision: None, entitlement: None }
    }

    /// A refusal because one field is wrong.
    pub fn invalid_field(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::invalid(vec![FieldError { field: field.into(), message: message.into() }])
    }

    /// The same refusal with what the subscription lacks.
    pub fn with_entitlement(mut self, lacking: serde_json::Value) -> Self {
        self.entitlement = Some(Box::new(lacking));
        self
    }

    /// The same refusal with the policy decision behind it.
    pub fn with_decision(mut self, decision: serde_json::Value) -> Self {
        self.decision = Some(Box::new(decision));
        self
    }
}

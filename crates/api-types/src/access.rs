//! Bodies of the AuthZEN Authorization API 1.0. What they look like stands here, for the document and the check; what they
//! mean, the crate `authzen` reads from the same JSON. Members that nobody knows are ignored, as the standard asks.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::WHOLE_MAX;

type Said = Option<BTreeMap<String, Value>>;

/// A subject or a resource.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct AccessEntity {
    /// Subjects: `principal` or `role`. Resources: the kind of a thing, such as `vehicle`.
    r#type: String,
    id: String,
    properties: Said,
}

/// A type of subjects or resources that are searched; an id is ignored.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct AccessKind {
    r#type: String,
    properties: Said,
}

/// An action of policy, by its name.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct AccessAction {
    name: String,
    properties: Said,
}

/// May the subject do this to the resource?
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct AccessEvaluation {
    subject: AccessEntity,
    action: AccessAction,
    resource: AccessEntity,
    context: Said,
}

/// How far a batch goes.
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
#[expect(dead_code, reason = "only its schema is used")]
enum AccessSemantic {
    ExecuteAll,
    DenyOnFirstDeny,
    PermitOnFirstPermit,
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct AccessOptions {
    evaluations_semantic: Option<AccessSemantic>,
}

/// Many evaluations with defaults for what each leaves out, or one.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "only its schema is used")]
enum AccessEvaluations {
    Many {
        subject: Option<AccessEntity>,
        action: Option<AccessAction>,
        resource: Option<AccessEntity>,
        context: Said,
        /// Each like one evaluation; one that is wrong is denied.
        #[schemars(length(min = 1, max = 1000))]
        evaluations: Vec<Value>,
        options: Option<AccessOptions>,
    },
    One {
        subject: AccessEntity,
        action: AccessAction,
        resource: AccessEntity,
        context: Said,
        #[schemars(length(max = 0))]
        evaluations: Option<Vec<Value>>,
        options: Option<AccessOptions>,
    },
}

/// Which page of the results.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct AccessPageAsked {
    /// `next_token` of the page before.
    token: Option<String>,
    #[schemars(range(min = 1, max = WHOLE_MAX))]
    limit: Option<u64>,
    properties: Said,
}

/// Who may do it?
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct AccessSubjectSearch {
    subject: AccessKind,
    action: AccessAction,
    resource: AccessEntity,
    context: Said,
    page: Option<AccessPageAsked>,
}

/// To what may it be done?
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct AccessResourceSearch {
    subject: AccessEntity,
    action: AccessAction,
    resource: AccessKind,
    context: Said,
    page: Option<AccessPageAsked>,
}

/// What may be done?
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct AccessActionSearch {
    subject: AccessEntity,
    resource: AccessEntity,
    context: Said,
    page: Option<AccessPageAsked>,
}

/// Bodies that are kept as the JSON that they are.
macro_rules! bodies {
    ($($(#[$of:meta])* $body:ident as $shape:literal),* $(,)?) => {$(
        $(#[$of])*
        #[derive(Deserialize, JsonSchema)]
        #[serde(transparent)]
        #[schemars(inline)]
        pub struct $body(#[schemars(with = $shape)] Value);

        impl From<$body> for Value {
            fn from(body: $body) -> Self {
                body.0
            }
        }
    )*};
}

bodies! {
    /// Of `POST /access/v1/evaluation`.
    EvaluationBody as "AccessEvaluation",
    /// Of `POST /access/v1/evaluations`.
    EvaluationsBody as "AccessEvaluations",
    /// Of `POST /access/v1/search/subject`.
    SubjectSearchBody as "AccessSubjectSearch",
    /// Of `POST /access/v1/search/resource`.
    ResourceSearchBody as "AccessResourceSearch",
    /// Of `POST /access/v1/search/action`.
    ActionSearchBody as "AccessActionSearch",
}

//! What the API takes and answers, as types: the OpenAPI document, the check of bodies and the handlers read the same ones.
//! A view names each public field of what a domain keeps; a value that is the field's word already stands as it is.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use store::ListQuery;
use store::port::PAGE_LIMIT_MAX;

pub use schema::WHOLE_MAX;

/// A view of a domain's value: fields of the same name are taken as they are, others say what they are made of.
macro_rules! view {
    ($(#[$of_view:meta])* $view:ident of $it:ident: $domain:ty {
        $($(#[$of_field:meta])* $field:ident: $kind:ty $(= $made:expr)?),* $(,)?
    }) => {
        $(#[$of_view])*
        #[derive(Serialize, JsonSchema)]
        pub struct $view { $($(#[$of_field])* pub $field: $kind),* }

        impl From<$domain> for $view {
            fn from($it: $domain) -> Self {
                Self { $($field: view!(@ $it.$field $(, $made)?)),* }
            }
        }
    };
    (@ $same:expr) => { $same };
    (@ $same:expr, $made:expr) => { $made };
}

pub mod access;
pub mod approvals;
pub mod assistance;
pub mod blasts;
pub mod evidence;
pub mod health;
pub mod identities;
pub mod incidents;
pub mod journal;
pub mod maintenance;
pub mod places;
pub mod policies;
pub mod principals;
pub mod reports;
pub mod schema;
pub mod sectors;
pub mod session;
pub mod sites;
pub mod standing;
pub mod tenants;
pub mod trips;
pub mod units;
pub mod updates;
pub mod users;
pub mod vehicles;

/// A page of things, which goes on at a cursor.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
pub struct List<T, N = String> {
    pub items: Vec<T>,
    pub next: Option<N>,
}

impl<T, N> List<T, N> {
    /// Things of which there are no more.
    pub fn whole(items: impl IntoIterator<Item = impl Into<T>>) -> Self {
        Self { items: items.into_iter().map(Into::into).collect(), next: None }
    }

    /// A page of at most `limit`, which goes on behind its last if it is full.
    pub fn page<D: Into<T>>(items: Vec<D>, limit: usize, key: impl Fn(&D) -> N) -> Self {
        let next = items.last().filter(|_| items.len() == limit).map(key);
        Self { next, ..Self::whole(items) }
    }
}

/// Where a list goes on.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct Page<C = String> {
    pub after: Option<C>,
    pub limit: Option<PageLimit>,
}

impl Page {
    pub fn query(self) -> ListQuery {
        let all = ListQuery::all();
        ListQuery { after: self.after, limit: self.limit.map_or(all.limit, Within::as_usize), ..all }
    }
}

/// The id of what was made, changed or taken away.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
pub struct Named<I> {
    pub id: I,
}

/// Why somebody does something, as they say it.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReasonGiven {
    /// A sentence for the journal.
    pub reason: Sentence,
}

/// A reason: a sentence for the journal, not a report.
pub type Sentence = Text<500>;
/// A name as a person gives it. The journal keeps it for ever, so that it names a duty rather than a person.
pub type Name = Text<60>;

/// A text with something to read in it, without the space around it.
pub struct Text<const MOST: usize>(pub String);

impl<const MOST: usize> std::ops::Deref for Text<MOST> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'de, const MOST: usize> Deserialize<'de> for Text<MOST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.trim() {
            "" => Err(D::Error::custom("must not be empty")),
            text => Ok(Self(text.to_owned())),
        }
    }
}

impl<const MOST: usize> JsonSchema for Text<MOST> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("Text{MOST}").into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": r"\S", "minLength": 1, "maxLength": MOST })
    }
}

/// A whole number of a query, within limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Within<const LEAST: u64, const MOST: u64>(pub u64);

/// How many items an answer may have.
pub type PageLimit = Within<1, { PAGE_LIMIT_MAX as u64 }>;
/// A place in a log, or in what an aggregate has of it.
pub type Place = Within<0, WHOLE_MAX>;
/// How long a reader may be kept waiting for news, in milliseconds: below what proxies cut off.
pub type WaitMs = Within<0, 30_000>;

impl<const LEAST: u64, const MOST: u64> Within<LEAST, MOST> {
    /// As a length.
    pub fn as_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl<'de, const LEAST: u64, const MOST: u64> Deserialize<'de> for Within<LEAST, MOST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = u64::deserialize(deserializer)?;
        let is_within = (LEAST..=MOST).contains(&number);
        is_within.then_some(Self(number)).ok_or_else(|| D::Error::custom(format!("must be {LEAST} to {MOST}")))
    }
}

impl<const LEAST: u64, const MOST: u64> JsonSchema for Within<LEAST, MOST> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("Within{LEAST}To{MOST}").into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": LEAST, "maximum": MOST })
    }
}

/// A refusal (RFC 9457).
#[derive(Serialize, JsonSchema)]
pub struct Problem {
    /// The page that says what it means and what to do next.
    pub r#type: String,
    pub title: &'static str,
    pub status: u16,
    /// A stable word for programs.
    #[schemars(with = "String")]
    pub code: kernel::Code,
    /// What is wrong and what to do.
    pub detail: String,
    /// The fields that are wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<kernel::FieldError>,
    /// The decision, where policy refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<policy::Decision>")]
    pub decision: Option<Box<serde_json::Value>>,
    /// What the subscription lacks and what would help, where that is why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entitlement: Option<Box<serde_json::Value>>,
    /// The same in the words of the sector in force.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sector: Option<Box<SaidInSector>>,
}

/// A refusal, as the sector in force says it.
#[derive(Serialize, JsonSchema)]
pub struct SaidInSector {
    pub sector: kernel::Sector,
    /// SHA-256 of the overlay in force.
    pub overlay: String,
    pub generation: u64,
    /// `detail` in the sector's words.
    pub detail: String,
    /// The rules of the sector among those that refused.
    pub policies: Vec<String>,
    /// What would be allowed instead, as the decision has it.
    pub alternatives: Vec<serde_json::Value>,
    /// What the rules advise, in the sector's words.
    pub advice: Vec<String>,
}

impl SaidInSector {
    /// `None` where no overlay is in force, so that there are no other words.
    pub fn of(reject: &kernel::Reject, spoken: &tenancy::sectors::Spoken) -> Option<Self> {
        let (terms, overlay) = (spoken.terms.as_ref()?, spoken.digest.clone()?);
        let list = |pointer: &str| {
            let decision = reject.decision.as_ref().and_then(|decision| decision.pointer(pointer)?.as_array());
            decision.cloned().unwrap_or_default()
        };
        let reasons = list("/reasons");
        let text = |reason: &serde_json::Value, name: &str| {
            reason.get(name).and_then(serde_json::Value::as_str).map(str::to_owned)
        };
        let is_sectors =
            |reason: &&serde_json::Value| text(reason, "layer").is_some_and(|layer| layer.starts_with("sector:"));
        Some(Self {
            sector: spoken.sector,
            overlay,
            generation: spoken.generation,
            detail: terms.translate(&reject.message),
            policies: reasons.iter().filter(is_sectors).filter_map(|reason| text(reason, "policy_id")).collect(),
            alternatives: list("/alternatives"),
            advice: reasons
                .iter()
                .filter_map(|reason| text(reason, "advice"))
                .map(|text| terms.translate(&text))
                .collect(),
        })
    }
}

//! The journal for those who want to check: entries, the signed head, proofs, verification.

use journal::Hash;
use journal::receipt::InclusionReceipt;
use kernel::Envelope;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::port::Head as Kept;

use super::{PageLimit, Place, WHOLE_MAX, WaitMs, Within};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct EntriesFrom {
    pub from: Option<Place>,
    pub limit: Option<PageLimit>,
    /// A subject: kind/id.
    #[schemars(regex(pattern = "^[!-.0-~]+/[!-~]+$"), length(max = 128))]
    pub about: Option<String>,
    pub wait_ms: Option<WaitMs>,
}

view! {
    Entry of entry: journal::Entry {
        index: u64,
        #[schemars(with = "String")]
        leaf: Hash,
        #[schemars(with = "Envelope")]
        event: Value = text(&entry.envelope_json),
        links: Value = text(&entry.links_json),
    }
}

fn text(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_default()
}

#[derive(Serialize, JsonSchema)]
pub struct Head {
    pub size: u64,
    #[schemars(with = "String")]
    pub root: Hash,
    /// The signed note (C2SP tlog-checkpoint).
    pub checkpoint: String,
    /// What checks its signature (C2SP signed-note).
    pub vkey: String,
}

impl Head {
    pub fn of(head: Kept, vkey: String) -> Self {
        Self { size: head.size, root: head.root, checkpoint: head.note, vkey }
    }
}

view! {
    /// The proof that an event is in the journal.
    Receipt of receipt: InclusionReceipt {
        #[schemars(with = "String")]
        level: journal::receipt::Level,
        /// Who vouches.
        trust: &'static str,
        index: u64,
        /// The envelope in canonical form.
        envelope: String,
        /// The links in canonical form.
        links: String,
        /// From the leaf to the root.
        #[schemars(with = "Vec<String>")]
        path: Vec<Hash>,
        checkpoint: String,
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct WhichCheckpoint {
    /// Whether it is the newest that witnesses cosigned, with their lines (C2SP tlog-cosignature).
    #[serde(default)]
    pub witnessed: bool,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct Sizes {
    pub from: Option<Size>,
    pub to: Option<Size>,
}

/// How many entries a journal has or had, once it has some.
pub type Size = Within<1, WHOLE_MAX>;

/// The proof that one tree is a beginning of another (RFC 6962 §2.1.2).
#[derive(Serialize, JsonSchema)]
pub struct Consistency {
    pub from: u64,
    pub to: u64,
    #[schemars(with = "Vec<String>")]
    pub path: Vec<Hash>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VerificationOrder {
    /// Whether every row is compared too.
    #[serde(default)]
    pub replay: bool,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct EventsAfter {
    pub after: Option<Place>,
    /// How their types begin, with commas between.
    pub types: Option<String>,
}

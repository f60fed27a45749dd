//! A bundle: the entries of a time or of a thing with everything by which a stranger verifies them, in one signed archive.

pub mod decide;
pub mod events;

use std::collections::BTreeSet;

use kernel::id::BundleId;
use kernel::{Aggregate, EventMeta, Subject, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use events::BundleEvent;

/// Disclosures of one bundle that are listed; the others are counted, and in the journal.
pub const DISCLOSURES_MAX: usize = 100;
/// Reasons for which a bundle is incomplete that are listed.
pub const REASONS_MAX: usize = 50;

/// What a bundle is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Wanted {
    /// Clauses of these frameworks are assessed; of all where none is named.
    #[serde(default)]
    pub frameworks: BTreeSet<String>,
    /// The vehicle, trip, incident or rollout that it is about, as `kind/id`; everything of the tenant where nothing is said.
    pub about: Option<Subject>,
    /// From when on entries were recorded.
    pub from: Timestamp,
    /// Up to when, not included.
    pub until: Timestamp,
    /// Why it is made.
    pub purpose: String,
    /// Whether personal values that the entries only commit to come with it.
    #[serde(default)]
    pub disclose: bool,
}

/// How many clauses have which verdict.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Verdicts {
    pub satisfied: u32,
    pub not_satisfied: u32,
    pub not_evaluable: u32,
}

/// The archive that was made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Archive {
    /// Of the archive, in hexadecimal.
    pub sha256: String,
    /// Of its manifest, which is what the signature is over.
    pub manifest_sha256: String,
    pub bytes: u64,
    pub events: u64,
    /// The first and the last entry.
    pub first: Option<u64>,
    pub last: Option<u64>,
    /// The size of the log whose signed head the archive carries.
    pub log_size: u64,
    /// The key that signed it.
    pub key: String,
    /// Of the mapping by which clauses were assessed.
    pub mapping: String,
    pub verdicts: Verdicts,
    /// Adhering among adhering and violating events, from 0 to 1; nothing where there are none.
    pub adherence: Option<f64>,
    /// Why it is sealed as incomplete; nothing where it is complete.
    pub incomplete: Vec<String>,
    /// Whether the head has cosignatures of witnesses.
    pub witnessed: bool,
}

/// Who took a bundle, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Disclosure {
    pub to: String,
    pub role: String,
    pub at: Timestamp,
}

/// How far a bundle is.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, strum::IntoStaticStr, strum::EnumString,
)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schemars(rename = "BundleStatus")]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// It is being collected.
    Requested,
    Complete,
    /// It is signed, and says what is missing or cannot be verified.
    Incomplete,
    Failed,
}

impl Status {
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// A bundle.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EvidenceBundle {
    pub wanted: Wanted,
    pub status: Status,
    pub requested_by: String,
    pub requested_at: Timestamp,
    pub archive: Option<Archive>,
    pub archived_at: Option<Timestamp>,
    pub failure: Option<String>,
    pub disclosures: Vec<Disclosure>,
    pub disclosures_total: u64,
}

impl Aggregate for EvidenceBundle {
    type Id = BundleId;
    type Event = BundleEvent;
    const KIND: &'static str = "bundle";
    const FOLD_VERSION: u32 = 1;
    const INDEXES: &'static [&'static str] = &["about"];

    fn evolve(state: Option<Self>, event: &BundleEvent, meta: &EventMeta) -> Option<Self> {
        let at = meta.recorded_at;
        if let BundleEvent::Requested(requested) = event {
            return Some(Self {
                wanted: requested.wanted.clone(),
                status: Status::Requested,
                requested_by: requested.by.clone(),
                requested_at: at,
                archive: None,
                archived_at: None,
                failure: None,
                disclosures: Vec::new(),
                disclosures_total: 0,
            });
        }
        let mut bundle = state?;
        match event {
            BundleEvent::Requested(_) => {}
            BundleEvent::Archived(archived) => {
                let is_whole = archived.archive.incomplete.is_empty();
                bundle.status = if is_whole { Status::Complete } else { Status::Incomplete };
                bundle.archive = Some(archived.archive.clone());
                bundle.archived_at = Some(at);
            }
            BundleEvent::Failed(failed) => {
                bundle.status = Status::Failed;
                bundle.failure = Some(failed.reason.clone());
            }
            BundleEvent::Disclosed(disclosed) => {
                bundle.disclosures_total += 1;
                if bundle.disclosures.len() < DISCLOSURES_MAX {
                    let (to, role) = (disclosed.to.clone(), disclosed.role.clone());
                    bundle.disclosures.push(Disclosure { to, role, at });
                }
            }
        }
        Some(bundle)
    }

    /// One that is wanted is made at once.
    fn due_at(&self) -> Option<Timestamp> {
        (self.status == Status::Requested).then_some(self.requested_at)
    }

    fn index_values(&self) -> Vec<String> {
        vec![self.wanted.about.as_ref().map(ToString::to_string).unwrap_or_default()]
    }

    fn about(event: &BundleEvent, state: Option<&Self>) -> Vec<Subject> {
        let wanted = match event {
            BundleEvent::Requested(requested) => Some(&requested.wanted),
            _ => state.map(|bundle| &bundle.wanted),
        };
        wanted.and_then(|wanted| wanted.about.clone()).into_iter().collect()
    }
}

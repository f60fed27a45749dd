//! Evidence and compliance: clauses, bundles, issues, legal holds, collisions.

use std::collections::{BTreeMap, BTreeSet};

use evidence::bundle::{Archive, Disclosure, Status as BundleStatus, Verdicts, Wanted};
use evidence::collision::{Injury, Reporting};
use evidence::issue::{IssueKind, Mitigation, Status as IssueStatus, Step};
use evidence::{ComplianceIssue, ComplianceProfile, EvidenceBundle, FrameworkView, KnownCollision, LegalHold, Profile};
use kernel::id::{BundleId, CollisionId, EventId, IssueId, LegalHoldId};
use kernel::{Subject, Timestamp, TripId, VehicleId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{PageLimit, Sentence, Text};

/// Every framework with its clauses, as far as the journal tells.
#[derive(Serialize, JsonSchema)]
pub struct Compliance {
    pub frameworks: Vec<FrameworkView>,
    /// Adhering among adhering and violating entries, from 0 to 1.
    pub adherence: Option<f64>,
    pub open_issues: u64,
}

view! {
    /// What applies to the tenant, as it was said.
    AppliesView of it: Profile {
        frameworks: BTreeSet<String>,
        forms: BTreeSet<String>,
        settings: BTreeMap<String, String>,
        assess_every_minutes: u32,
        bundle_every_days: Option<u32>,
    }
}

view! {
    ProfileView of it: ComplianceProfile {
        profile: AppliesView = it.profile.into(),
        set_at: Timestamp = it.set_at,
        assessed_at: Option<Timestamp> = it.assessed_at,
        verdicts: Verdicts = it.verdicts,
        adherence: Option<f64> = it.adherence,
        /// Up to when the schedule's bundles reach.
        bundled_until: Timestamp = it.bundled_until,
    }
}

view! {
    BundleView of it: (BundleId, EvidenceBundle) {
        id: BundleId = it.0,
        status: BundleStatus = it.1.status,
        wanted: Wanted = it.1.wanted,
        requested_by: String = it.1.requested_by,
        requested_at: Timestamp = it.1.requested_at,
        archive: Option<Archive> = it.1.archive,
        archived_at: Option<Timestamp> = it.1.archived_at,
        failure: Option<String> = it.1.failure,
        /// Who took it.
        disclosures: Vec<Disclosure> = it.1.disclosures,
        disclosures_total: u64 = it.1.disclosures_total,
    }
}

/// What a bundle is to hold.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BundleRequest {
    /// Clauses of these frameworks are assessed; of all where none is named.
    #[serde(default)]
    #[schemars(length(max = 40))]
    pub frameworks: Vec<String>,
    /// The vehicle, trip, incident or the like that it is about, as `kind/id`; everything where nothing is said.
    pub about: Option<Subject>,
    /// From when on; the beginning where nothing is said.
    pub from: Option<Timestamp>,
    /// Up to when; now where nothing is said.
    pub until: Option<Timestamp>,
    pub purpose: Sentence,
    /// Whether personal values that entries commit to come with it, with their salts.
    #[serde(default)]
    pub disclose: bool,
}

view! {
    IssueView of it: (IssueId, ComplianceIssue) {
        id: IssueId = it.0,
        kind: IssueKind = it.1.kind,
        status: IssueStatus = it.1.status,
        title: String = it.1.title,
        /// As `framework:clause`.
        clauses: Vec<String> = it.1.clauses,
        /// The place in the journal of the entry that it follows from, and its event.
        entry: Option<u64> = it.1.entry,
        event: Option<EventId> = it.1.event,
        about: Option<Subject> = it.1.about,
        /// The role that answers for it.
        owner: String = it.1.owner,
        due_at: Timestamp = it.1.due_at,
        overdue: bool = it.1.overdue,
        raised_at: Timestamp = it.1.raised_at,
        steps: Vec<Step> = it.1.steps,
        resolved_at: Option<Timestamp> = it.1.resolved_at,
        resolved_by: Option<String> = it.1.resolved_by,
        resolution: Option<String> = it.1.resolution,
    }
}

/// Which issues.
#[derive(Deserialize, JsonSchema)]
#[schemars(inline)]
#[serde(deny_unknown_fields)]
pub struct IssuePage {
    /// Only those that are open.
    pub open: Option<bool>,
    pub after: Option<IssueId>,
    pub limit: Option<PageLimit>,
}

/// What is to be done about an issue.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MitigationRequest {
    pub mitigation: Mitigation,
}

view! {
    LegalHoldView of it: (LegalHoldId, LegalHold) {
        id: LegalHoldId = it.0,
        /// Everything of the tenant where nothing is said.
        subject: Option<Subject> = it.1.subject,
        reason: String = it.1.reason,
        placed_by: String = it.1.placed_by,
        placed_at: Timestamp = it.1.placed_at,
        released_at: Option<Timestamp> = it.1.released_at,
        released_by: Option<String> = it.1.released_by,
        /// The fields that were erased, where it is an erasure and no hold.
        erased: Vec<String> = it.1.erased,
    }
}

/// What must stay, and why.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LegalHoldRequest {
    /// As `kind/id`; everything of the tenant where nothing is said.
    pub subject: Option<Subject>,
    pub reason: Sentence,
}

/// Whose personal values are erased, and why.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ErasureRequest {
    /// A vehicle or a person, as `vehicle/…` or `user/…`.
    pub subject: Subject,
    pub reason: Sentence,
}

/// What is gone. The entries that commit to it, and every proof, stay.
#[derive(Serialize, JsonSchema)]
pub struct Erased {
    pub subject: Subject,
    pub fields: Vec<String>,
}

view! {
    CollisionView of it: (CollisionId, KnownCollision) {
        id: CollisionId = it.0,
        vehicle: VehicleId = it.1.known.vehicle,
        trip: Option<TripId> = it.1.known.trip,
        occurred_at: Timestamp = it.1.known.occurred_at,
        noticed_at: Timestamp = it.1.known.noticed_at,
        lat: f64 = it.1.known.lat,
        lon: f64 = it.1.known.lon,
        crash_with: String = it.1.known.crash_with,
        injury: Injury = it.1.known.injury,
        vulnerable_road_user: bool = it.1.known.vulnerable_road_user,
        airbags: bool = it.1.known.airbags,
        towed: bool = it.1.known.towed,
        /// Whether the automated system drove within 30 seconds before it.
        engaged: bool = it.1.known.engaged,
        property_damage: bool = it.1.known.property_damage,
        narrative: String = it.1.known.narrative,
        /// How soon it is reported under NHTSA's Standing General Order.
        report: Reporting = it.1.report,
        recorded_at: Timestamp = it.1.recorded_at,
        recorded_by: String = it.1.recorded_by,
    }
}

/// How an issue ended.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Resolution {
    pub how: Text<500>,
}

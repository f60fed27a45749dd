//! Events that were ever written can be read for ever.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};

use evidence::authority::AuthorityKeyRegistered;
use evidence::bundle::events::{BundleArchived, BundleDisclosed, BundleFailed, BundleRequested};
use evidence::bundle::{Archive, Verdicts, Wanted};
use evidence::collision::{Collision, CollisionRecorded, Injury};
use evidence::issue::events::{IssueOverdue, IssueRaised, IssueResolved, MitigationExecuted, MitigationOrdered};
use evidence::issue::{IssueKind, Mitigation};
use evidence::legal_hold::{LegalHoldPlaced, LegalHoldReleased, PersonalErased};
use evidence::obligation::{ObligationMet, ObligationMissed, ObligationOpened, ObligationReminded};
use evidence::profile::{Profile, ProfileAssessed, ProfileSet};
use evidence::report::events::{
    InternalAuditLogged, ReportAccepted, ReportChecked, ReportCorrected, ReportCorrectionOverdue, ReportDrafted,
    ReportRejected, ReportSigned, ReportSubmitted, ReportValuesGiven,
};
use evidence::report::{Check, Covered, Document, Documents, Signed};
use evidence::{
    Authority, ComplianceIssue, ComplianceProfile, ComplianceReport, EvidenceBundle, KnownCollision, LegalHold,
    Obligation,
};
use kernel::id::{BundleId, CollisionId, EventId, ObligationId, ReportId, TypedId};
use kernel::testing::golden;
use kernel::{Subject, Timestamp, TripId, VehicleId};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

fn at(ms: i64) -> Timestamp {
    Timestamp::from_ms(ms)
}

#[test]
fn a_bundle_is_read_as_it_was_written() {
    let wanted = Wanted {
        frameworks: ["un-r155".to_owned()].into(),
        about: Some(Subject::new("vehicle", VehicleId::from_u128(7))),
        from: at(0),
        until: at(9_000),
        purpose: "the quarter".into(),
        disclose: true,
    };
    let archive = Archive {
        sha256: "a".repeat(64),
        manifest_sha256: "b".repeat(64),
        bytes: 512,
        events: 3,
        first: Some(1),
        last: Some(9),
        log_size: 12,
        key: "key_1".into(),
        mapping: "c".repeat(64),
        verdicts: Verdicts { satisfied: 1, not_satisfied: 2, not_evaluable: 3 },
        adherence: Some(0.5),
        incomplete: vec!["the policies d that decided are not at hand".into()],
        witnessed: true,
    };
    golden::check::<EvidenceBundle>(
        &folder("bundle"),
        &[
            BundleRequested { wanted, by: "sara".into() }.into(),
            BundleArchived { archive }.into(),
            BundleDisclosed { to: "rita".into(), role: "regulator".into() }.into(),
            BundleFailed { reason: "the log is empty".into() }.into(),
        ],
    );
}

#[test]
fn an_issue_is_read_as_it_was_written() {
    let raised = IssueRaised {
        kind: IssueKind::Violation,
        title: "trip.violation_opened of vehicle/veh_7".into(),
        clauses: vec!["un-r157:8.2".into()],
        entry: Some(4),
        event: Some(EventId::from_u128(3)),
        about: Some(Subject::new("vehicle", VehicleId::from_u128(7))),
        owner: "safety_officer".into(),
        due_at: at(9_000),
    };
    let executed = MitigationExecuted {
        mitigation: Mitigation::CollectEvidence,
        outcome: "a bundle is made".into(),
        succeeded: true,
    };
    golden::check::<ComplianceIssue>(
        &folder("issue"),
        &[
            raised.into(),
            MitigationOrdered { mitigation: Mitigation::CollectEvidence, by: "atlasmesh".into() }.into(),
            executed.into(),
            IssueOverdue {}.into(),
            IssueResolved { by: "sara".into(), how: "the limit was wrong".into() }.into(),
        ],
    );
}

#[test]
fn a_profile_is_read_as_it_was_written() {
    let profile = Profile {
        frameworks: ["un-r155".to_owned()].into(),
        forms: ["un-r155-yearly".to_owned()].into(),
        settings: [("reporting_entity".to_owned(), "North Mine".to_owned())].into(),
        assess_every_minutes: 60,
        bundle_every_days: Some(7),
    };
    let assessed = ProfileAssessed {
        verdicts: Verdicts { satisfied: 1, not_satisfied: 0, not_evaluable: 2 },
        adherence: Some(0.75),
        open_issues: 1,
        bundle: Some(BundleId::from_u128(1)),
    };
    golden::check::<ComplianceProfile>(&folder("profile"), &[ProfileSet { profile }.into(), assessed.into()]);
}

#[test]
fn a_legal_hold_is_read_as_it_was_written() {
    let erased = PersonalErased {
        subject: Subject::new("vehicle", VehicleId::from_u128(8)),
        fields: vec!["vin".into()],
        reason: "the owner asked".into(),
        by: "anna".into(),
    };
    golden::check::<LegalHold>(
        &folder("legal_hold"),
        &[
            LegalHoldPlaced { subject: None, reason: "the court asked".into(), by: "anna".into() }.into(),
            LegalHoldReleased { reason: "it is over".into(), by: "anna".into() }.into(),
            erased.into(),
        ],
    );
}

#[test]
fn a_collision_is_read_as_it_was_written() {
    let known = Collision {
        vehicle: VehicleId::from_u128(7),
        trip: Some(TripId::from_u128(8)),
        occurred_at: at(1_000),
        noticed_at: at(2_000),
        lat: -29.95,
        lon: -71.34,
        crash_with: "passenger car".into(),
        injury: Injury::Minor,
        vulnerable_road_user: false,
        airbags: true,
        towed: false,
        engaged: true,
        property_damage: true,
        narrative: "It was hit from behind.".into(),
    };
    let report = known.reporting();
    let recorded = CollisionRecorded { collision: CollisionId::from_u128(1), known, report, by: "sara".into() };
    golden::check::<KnownCollision>(&folder("collision"), &[recorded.into()]);
}

#[test]
fn an_obligation_is_read_as_it_was_written() {
    let opened = ObligationOpened {
        form: "nhtsa-sgo".into(),
        title: "Standing General Order".into(),
        authority: "NHTSA".into(),
        about: Some(Subject::new("collision", CollisionId::from_u128(1))),
        covered: Some(Covered { from: at(0), until: at(9_000) }),
        noticed_at: at(1_000),
        due_at: at(432_000_000),
        due_day: "1970-01-05".into(),
        zone: "America/New_York".into(),
    };
    golden::check::<Obligation>(
        &folder("obligation"),
        &[
            opened.into(),
            ObligationReminded {}.into(),
            ObligationMissed {}.into(),
            ObligationMet { report: ReportId::from_u128(1) }.into(),
        ],
    );
}

#[test]
fn an_authority_is_read_as_it_was_written() {
    let registered = AuthorityKeyRegistered { key: "MFkw".into(), fingerprint: "d".repeat(64) };
    golden::check::<Authority>(&folder("authority"), &[registered.into()]);
}

#[test]
#[expect(clippy::too_many_lines, reason = "one history from its beginning to its end")]
fn a_report_is_read_as_it_was_written() {
    let document = |n: u64| Document { sha256: n.to_string().repeat(64), bytes: n };
    let drafted = ReportDrafted {
        form: "nhtsa-sgo".into(),
        title: "Standing General Order".into(),
        covered: Covered { from: at(0), until: at(9_000) },
        collision: Some(CollisionId::from_u128(1)),
        obligation: Some(ObligationId::from_u128(1)),
        values: [("report_version".to_owned(), "1".to_owned())].into(),
        by: "sara".into(),
    };
    let signed = ReportSigned {
        form: "nhtsa-sgo".into(),
        version: 1,
        bundle: BundleId::from_u128(1),
        bundle_complete: true,
        documents: Documents { html: document(1), pdf: document(2), csv: document(3), signature: document(4) },
        missing: vec!["vin".into()],
        key: "key_1".into(),
        by: "sara".into(),
    };
    let submitted = ReportSubmitted {
        form: "nhtsa-sgo".into(),
        version: 1,
        collision: Some(CollisionId::from_u128(1)),
        obligation: Some(ObligationId::from_u128(1)),
        due_at: Some(at(432_000_000)),
        late: false,
        by: "sara".into(),
    };
    let check = Check {
        format_valid: true,
        signature_valid: false,
        problems: vec!["the PDF is not what was signed".into()],
        chain: vec!["signed by key_1".into()],
        by: "rita".into(),
    };
    let act = Signed { by: "rita".into(), statement: "{}".into(), signature: "AA==".into(), key: "MFkw".into() };
    let rejected = ReportRejected {
        form: "nhtsa-sgo".into(),
        version: 1,
        reason: "the narrative says too little".into(),
        correction: "say where it was hit".into(),
        owner: "safety_officer".into(),
        due_at: at(864_000_000),
        act: act.clone(),
    };
    let accepted = ReportAccepted {
        form: "nhtsa-sgo".into(),
        version: 2,
        confirmation: "N-17".into(),
        next_due_at: Some(at(999_000_000)),
        act,
    };
    let logged = InternalAuditLogged {
        form: "internal-audit".into(),
        version: 1,
        findings: "1 satisfied".into(),
        by: "sara".into(),
    };
    golden::check::<ComplianceReport>(
        &folder("report"),
        &[
            drafted.into(),
            ReportValuesGiven { values: [("vin".to_owned(), "1".to_owned())].into(), by: "sara".into() }.into(),
            signed.into(),
            submitted.into(),
            ReportChecked { version: 1, check }.into(),
            rejected.into(),
            ReportCorrectionOverdue {}.into(),
            ReportCorrected { what: "the narrative".into(), by: "sara".into() }.into(),
            accepted.into(),
            logged.into(),
        ],
    );
}

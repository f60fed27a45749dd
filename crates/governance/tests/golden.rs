//! Events that were ever written can be read for ever.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};

use governance::draft::{
    DraftActivated, DraftReplayed, DraftShadowStarted, DraftShadowStopped, DraftTested, DraftWithdrawn, DraftWritten,
    ReplayCounts,
};
use governance::own_policies::{OwnPoliciesActivated, OwnPoliciesRolledBack};
use governance::waiver::{WaiverEnded, WaiverExpired, WaiverGranted};
use governance::{DraftId, KnownWaiver, OwnPolicies, PolicyDraft};
use kernel::Timestamp;
use kernel::id::TypedId;
use kernel::testing::golden;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

#[test]
fn a_draft_is_read_as_it_was_written() {
    let (by, reason, digest) = ("prin_1".to_owned(), "wet ramps".to_owned(), "d".repeat(64));
    let counts = ReplayCounts { evaluated: 9, unchanged: 7, allow_to_deny: 1, tighter: 1, ..ReplayCounts::default() };
    let history = [
        DraftWritten {
            name: "no heavy loads".into(),
            reason: reason.clone(),
            text: "forbid (principal, action, resource);".into(),
            cases: "[]".into(),
            digest: digest.clone(),
            by: by.clone(),
        }
        .into(),
        DraftTested {
            digest: digest.clone(),
            passed: 2,
            failed: 1,
            untested: vec!["tenant.heavy".into()],
            by: by.clone(),
        }
        .into(),
        DraftReplayed { digest, counts, by: by.clone() }.into(),
        DraftShadowStarted { from: 12, reason: reason.clone(), by: by.clone() }.into(),
        DraftShadowStopped { counts, reason: reason.clone(), by: by.clone() }.into(),
        DraftActivated { generation: 3 }.into(),
        DraftWithdrawn { reason, by }.into(),
    ];
    golden::check::<PolicyDraft>(&folder("policy_draft"), &history);
}

#[test]
fn rules_in_force_are_read_as_they_were_written() {
    let history = [
        OwnPoliciesActivated {
            generation: 1,
            name: "no heavy loads".into(),
            text: "forbid (principal, action, resource);".into(),
            digest: "d".repeat(64),
            draft: DraftId::from_u128(7),
            reason: "wet ramps".into(),
            by: "prin_1".into(),
            approved_by: Some("prin_2".into()),
        }
        .into(),
        OwnPoliciesRolledBack {
            generation: 2,
            to: 0,
            reason: "the ramps are dry".into(),
            by: "prin_1".into(),
            approved_by: Some("prin_2".into()),
        }
        .into(),
    ];
    golden::check::<OwnPolicies>(&folder("own_policies"), &history);
}

#[test]
fn a_waiver_is_read_as_it_was_written() {
    let history = [
        WaiverGranted {
            rule: "ride-hail.rides.hours".into(),
            until: Timestamp::from_ms(9_000),
            reason: "night festival".into(),
            by: "prin_1".into(),
            approved_by: Some("prin_2".into()),
        }
        .into(),
        WaiverEnded { reason: "it rains".into(), by: "prin_1".into() }.into(),
        WaiverExpired {}.into(),
    ];
    golden::check::<KnownWaiver>(&folder("waiver"), &history);
}

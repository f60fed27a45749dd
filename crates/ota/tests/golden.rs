//! Events that were ever written can be read for ever.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use kernel::id::{HoldId, TypedId};
use kernel::testing::golden;
use kernel::{Timestamp, VehicleId};
use ota::ports::StoredImage;
use ota::repository::{ReleasePublished, Repository, UpdateRootPublished, Which};
use ota::rollout::events::{
    RolloutAborted, RolloutCompleted, RolloutHeld, RolloutOutcomeCounted, RolloutPaused, RolloutPlanned,
    RolloutResumed, RolloutReverted, RolloutStageOpened,
};
use ota::rollout::{Advance, Counts, GateRules, HoldReason, Plan, Rollout, RolloutId, Stage, Truth, Window};
use ota::update::events::{
    SoftwareAttackNoticed, SoftwareReported, UpdateCancelConfirmed, UpdateCancelled, UpdateChecked, UpdateDeferred,
    UpdateFailed, UpdateOffered, UpdateProgressed, UpdateRejected, UpdateScheduled, UpdateSucceeded, UpdateTokenIssued,
};
use ota::update::{Installed, Status, VehicleUpdates};
use ota::{ReleaseContent, ReleaseId};
use serde_json::json;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

fn digest(with: &str) -> String {
    with.repeat(64)
}

#[test]
fn a_repository_is_read_as_it_was_written() {
    let image = StoredImage {
        length: 3,
        sha256: digest("a"),
        sha1: "b".repeat(40),
        md5: "c".repeat(32),
        chunk_size: 1_048_576,
        chunk_root: digest("d"),
    };
    let content = ReleaseContent {
        name: "av-os-2.0".into(),
        file: "av-os-2.0.img".into(),
        image,
        hardware_ids: BTreeSet::from(["av-compute-1".to_owned()]),
        counter: 10,
        rxswin: BTreeMap::from([("R157".to_owned(), "R157 1A".to_owned())]),
        depends_on: BTreeSet::from(["av-os-1.9".to_owned()]),
        conflicts_with: BTreeSet::new(),
        notes: "smoother braking".into(),
        estimated_s: 60,
        estimated_wh: 50.0,
        reverts_to: Some(ReleaseId::from_u128(2)),
    };
    let root = UpdateRootPublished { repository: Which::Director, version: 1, document: "{}".into() };
    let published =
        ReleasePublished { release: ReleaseId::from_u128(1), content, targets_version: 1, targets_sha256: digest("e") };
    golden::check::<Repository>(&folder("update_repository"), &[root.into(), published.into()]);
}

#[test]
fn a_rollout_is_read_as_it_was_written() {
    let plan = Plan {
        name: "spring".into(),
        release: ReleaseId::from_u128(1),
        sites: BTreeSet::new(),
        first_vehicles: BTreeSet::from([VehicleId::from_u128(7)]),
        excluded: BTreeSet::new(),
        stages: vec![Stage { share_ppm: None, with_control: false, soak_s: 60, advance: Advance::Person }],
        control_ppm: 20_000,
        gate: GateRules::default(),
        truth: Truth::Attested,
        proof_deadline_s: 1_800,
        window: Some(Window { from_minute: 1_320, until_minute: 300 }),
        at_once: 5,
        bandwidth_max: Some(1_000_000),
        only_from: None,
    };
    let counts = Counts { proven: 1, failed: 0 };
    let outcome = RolloutOutcomeCounted {
        vehicle: VehicleId::from_u128(7),
        number: 1,
        stage: 0,
        proven: true,
        code: None,
        log_index: 12,
    };
    let paused = RolloutPaused { code: "PERSON".into(), reason: "a strange noise".into(), counts };
    let resumed = RolloutResumed { reason: "the fan".into(), by: "prn_1".into(), second_person: Some("prn_2".into()) };
    golden::check::<Rollout>(
        &folder("rollout"),
        &[
            RolloutPlanned { plan, plan_digest: digest("f"), salt: "0".repeat(32) }.into(),
            RolloutStageOpened { stage: 0, members: Some(1), counts: Counts::default() }.into(),
            outcome.into(),
            RolloutHeld { reason: HoldReason::Soak, counts }.into(),
            paused.into(),
            resumed.into(),
            RolloutCompleted { counts }.into(),
            RolloutAborted { reason: "not needed".into() }.into(),
            RolloutReverted { by: RolloutId::from_u128(9), reason: "brakes squeal".into() }.into(),
        ],
    );
}

#[test]
fn a_vehicles_updates_are_read_as_they_were_written() {
    let installed = Installed {
        release: "av-os-2.0".into(),
        release_counter: 10,
        sha256: digest("a"),
        hardware_id: "av-compute-1".into(),
        ecu_serial: "ecu-1".into(),
        slot: "B".into(),
        truth: Truth::Attested,
    };
    let (rollout, manifest) = (RolloutId::from_u128(3), json!({ "signed": {}, "signatures": [] }));
    let scheduled = |number| UpdateScheduled {
        number,
        rollout,
        release: ReleaseId::from_u128(1),
        release_name: "av-os-2.0".into(),
        sha256: digest("a"),
        stage: 0,
        attempt: 1,
        hold: HoldId::from_u128(4),
        plan_digest: digest("f"),
        truth: Truth::Attested,
        place_ppm: 1_234,
    };
    let deadline = Timestamp::from_ms(1_764_000_000_000);
    let (before, some) = (Some(manifest.clone()), Some(manifest.clone()));
    let attack = SoftwareAttackNoticed {
        attack: "ROLLBACK".into(),
        number: Some(1),
        rollout: Some(rollout),
        report_counter: 3,
        manifest: manifest.clone(),
    };
    let failed = UpdateFailed {
        number: 1,
        rollout,
        stage: 0,
        code: "SELF_TEST_FAILED".into(),
        detail: Some("no start".into()),
        manifest: some.clone(),
    };
    let rejected =
        UpdateRejected { number: 1, rollout, stage: 0, code: "ROLLBACK".into(), detail: None, manifest: some.clone() };
    let checked = UpdateChecked {
        number: 1,
        step: "install".into(),
        allowed: true,
        vehicle_state: json!({ "standstill": true }),
    };
    golden::check::<VehicleUpdates>(
        &folder("vehicle_updates"),
        &[
            UpdateTokenIssued { sha256: digest("9") }.into(),
            SoftwareReported { installed, report_counter: 2, manifest }.into(),
            scheduled(1).into(),
            UpdateDeferred { number: 1, code: "NOT_PARKED".into(), detail: None }.into(),
            UpdateOffered { number: 1, deadline, before, director_targets: "{}".into() }.into(),
            UpdateProgressed { number: 1, status: Status::Downloading, detail: Some("1 of 3".into()) }.into(),
            checked.into(),
            attack.into(),
            UpdateCancelled { number: 1, rollout, reason: "paused".into() }.into(),
            UpdateCancelConfirmed { number: 1 }.into(),
            failed.into(),
            rejected.into(),
            UpdateSucceeded { number: 1, rollout, stage: 0, truth: Truth::Attested, manifest: some }.into(),
        ],
    );
}

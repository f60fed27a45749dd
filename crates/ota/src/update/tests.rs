//! The rules of a vehicle's updates.

use kernel::id::{HoldId, TypedId};
use kernel::{Aggregate, Code, EventMeta, Timestamp, VehicleId};
use serde_json::{Value, json};

use super::*;
use crate::update::decide;

const SHA: &str = "aa";

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_ms(seconds * 1_000)
}

fn fold(state: Option<VehicleUpdates>, events: &[UpdateEvent]) -> Option<VehicleUpdates> {
    events.iter().fold(state, |state, event| VehicleUpdates::evolve(state, event, &EventMeta { recorded_at: at(1) }))
}

fn installed(release: &str, sha256: &str) -> Installed {
    Installed {
        release: release.into(),
        release_counter: 1,
        sha256: sha256.into(),
        hardware_id: "hw".into(),
        ecu_serial: "ecu".into(),
        slot: "A".into(),
        truth: Truth::Attested,
    }
}

fn report(counter: u64, sha256: &str, told: Option<(u32, Status)>) -> Report {
    let installation = told.map(|(number, status)| InstallationReport { number, status, code: None, detail: None });
    Report {
        installed: installed("r", sha256),
        report_counter: counter,
        attack: String::new(),
        installation,
        manifest: json!({ "counter": counter, "runs": sha256 }),
    }
}

fn scheduled() -> VehicleUpdates {
    let assignment = Assignment {
        vehicle: VehicleId::from_u128(1),
        rollout: RolloutId::from_u128(2),
        release: ReleaseId::from_u128(3),
        release_name: "new".into(),
        sha256: SHA.into(),
        stage: 0,
        attempt: 1,
        hold: HoldId::from_u128(4),
        plan_digest: "p".into(),
        truth: Truth::Attested,
        place_ppm: 1,
    };
    fold(None, &decide::schedule(None, &assignment).events).unwrap()
}

fn offered() -> VehicleUpdates {
    let offered = events::UpdateOffered { number: 1, deadline: at(100), before: None, director_targets: "t".into() };
    fold(Some(scheduled()), &[offered.into()]).unwrap()
}

fn told(state: &VehicleUpdates, report: &Report) -> Vec<&'static str> {
    let decided = decide::report(Some(state), report);
    decided.reply.unwrap();
    decided.events.iter().map(kernel::DomainEvent::event_type).collect()
}

#[test]
fn only_the_image_that_was_booted_is_success() {
    let state = offered();
    assert_eq!(told(&state, &report(5, SHA, Some((1, Status::Succeeded)))).last(), Some(&"update.succeeded"));
    // "Done", and another image runs: the claim of a client that skipped the update.
    let lies = report(5, "other", Some((1, Status::Succeeded)));
    let decided = decide::report(Some(&state), &lies);
    let failed = decided.events.iter().find_map(|event| match event {
        UpdateEvent::Failed(failed) => Some(failed.code.as_str()),
        _ => None,
    });
    assert_eq!(failed, Some("OTHER_IMAGE"));
}

#[test]
fn an_update_goes_forward_only_and_late_words_change_nothing() {
    let state =
        fold(Some(offered()), &decide::report(Some(&offered()), &report(5, "x", Some((1, Status::Installing)))).events);
    let state = state.unwrap();
    assert_eq!(state.current.as_ref().map(|update| update.status), Some(Status::Installing));
    assert_eq!(told(&state, &report(6, "x", Some((1, Status::Downloading)))), Vec::<&str>::new());
    assert_eq!(told(&state, &report(6, "x", Some((2, Status::Succeeded)))), Vec::<&str>::new());
}

#[test]
fn a_report_that_counts_back_is_a_copy() {
    let first = report(5, "x", None);
    let state = fold(None, &decide::report(None, &first).events).unwrap();
    // The same again is no copy: its answer was lost.
    decide::report(Some(&state), &first).reply.unwrap();
    let refused = decide::report(Some(&state), &report(5, "y", None)).reply.unwrap_err();
    assert_eq!(refused.code, Code::Conflict);
}

#[test]
fn no_proof_in_time_is_a_failure_and_counts() {
    let state = offered();
    assert!(decide::expire(Some(&state), at(99)).events.is_empty());
    let events = decide::expire(Some(&state), at(100)).events;
    let state = fold(Some(state), &events).unwrap();
    let last = state.history.last().unwrap();
    assert_eq!((last.status, last.code.as_deref()), (Status::Failed, Some(NO_PROOF)));
    assert_eq!(state.next_attempt(last.rollout), None);
}

#[test]
fn what_policy_refused_may_be_tried_again_and_what_failed_may_not() {
    let failed = |code: &str| {
        let failed = events::UpdateFailed {
            number: 1,
            rollout: RolloutId::from_u128(2),
            stage: 0,
            code: code.into(),
            detail: None,
            manifest: None,
        };
        fold(Some(offered()), &[failed.into()]).unwrap().next_attempt(RolloutId::from_u128(2))
    };
    assert_eq!(failed("POLICY_VIOLATION"), Some(2));
    assert_eq!(failed("SELF_TEST_FAILED"), None);
}

#[test]
fn what_is_being_installed_comes_to_its_end() {
    let state = offered();
    assert_eq!(decide::cancel(Some(&state), Status::Installing, "paused").events.len(), 1);
    let installing = decide::report(Some(&state), &report(5, "x", Some((1, Status::Installing)))).events;
    let state = fold(Some(state), &installing).unwrap();
    assert!(decide::cancel(Some(&state), Status::Installing, "paused").events.is_empty());
}

#[test]
fn a_client_that_signs_nothing_proves_by_the_version_that_it_names() {
    let state = offered();
    let claimed = InstallationReport { number: 1, status: Status::Claimed, code: None, detail: None };
    let state = fold(Some(state.clone()), &decide::claim(Some(&state), &claimed).events).unwrap();
    assert_eq!(state.current.as_ref().map(|update| update.status), Some(Status::Claimed));
    let old = Installed { truth: Truth::Reported, ..installed("old", "") };
    let events = decide::report_version(Some(&state), &old, 0).events;
    assert!(events.iter().all(|event| !matches!(event, UpdateEvent::Succeeded(_))));
    let new = Installed { truth: Truth::Reported, ..installed("new", SHA) };
    let events = decide::report_version(Some(&state), &new, 0).events;
    let truth = events.iter().find_map(|event| match event {
        UpdateEvent::Succeeded(done) => Some((done.truth, done.manifest.clone())),
        _ => None,
    });
    assert_eq!(truth, Some((Truth::Reported, None::<Value>)));
}

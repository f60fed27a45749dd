//! The guides' commands, each as it is printed: whoever copies them gets what the page says.
//!
//! Blocks of `sh` are run one after the other, in one environment and folder; `sh server` is the other terminal, until it
//! says that it is ready; `sh build` is what the test's own build stands for.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

#[path = "support/guide.rs"]
mod guide;
mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use guide::Reader;
use support::foreign::root;

/// ONB-5
#[test]
fn the_quick_start_leads_from_nothing_to_a_trip() {
    let mut reader = Reader::new();
    let said = reader.follows("quick-start.md");
    for text in ["trip.completed", "is COMPLETED", "base.trip.permit", "ride-hail.trip.haul", "equal the fold"] {
        assert!(said.contains(text), "`{text}` is not said:\n{said}");
    }
}

/// ONB-3, ONB-6, ONB-10
#[test]
fn the_guide_onboards_a_vehicle_with_openssl_and_curl_alone() {
    let mut reader = Reader::new();
    let said = reader.follows("onboarding.md");
    for text in ["svid.pem: OK", "STATUS", "is revoked", "certificate_authority"] {
        assert!(said.contains(text), "`{text}` is not said:\n{said}");
    }
}

#[test]
fn operations_back_up_stop_and_restore_a_server() {
    let mut reader = Reader::new();
    let said = reader.follows("operations.md");
    // The tenant's and the platform's log, in the copy and in what was made of it.
    assert_eq!(said.matches("equal the fold").count(), 4, "{said}");
    assert!(reader.servers[0].ended().success(), "the first one was told to stop");
    assert!(reader.servers[1].runs(), "the second one stands on the copy");
    let listed = reader.types("atlasmesh site list");
    assert!(listed.contains("SITE"), "the token of before the copy is good: {listed}");
}

/// OTA-1, OTA-7
#[test]
fn the_guide_of_updates_leads_from_an_image_to_an_attested_vehicle() {
    let mut reader = Reader::new();
    let said = reader.follows("updates.md");
    for text in ["COMPLETED", "attested", "every signature and proof holds", "Signature Verified Successfully"] {
        assert!(said.contains(text), "`{text}` is not said:\n{said}");
    }
}

/// PDM-5, PDM-6, PDM-8
#[test]
fn the_guide_of_maintenance_leads_from_a_reading_to_a_vehicle_that_is_back() {
    let mut reader = Reader::new();
    let said = reader.follows("maintenance.md");
    for text in ["GROUND", "CONFIRMED", "brake-front-left", "CLOSED", "champion 1"] {
        assert!(said.contains(text), "`{text}` is not said:\n{said}");
    }
}

/// EVD-1, EVD-3, EVD-4, EVD-5, EVD-6, EVD-7
#[test]
fn the_guide_of_evidence_leads_from_an_entry_to_an_accepted_report() {
    let mut reader = Reader::new();
    let said = reader.follows("evidence.md");
    for expected in
        ["the bundle is as it was signed", "entries are in the log", "every file, signature and proof holds"]
    {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    assert!(said.contains("rejected: the assessment is thin") && said.contains("accepted as N-17"), "{said}");
}

/// SECTOR-5, SECTOR-7
#[test]
fn the_page_of_policies_leads_from_an_idea_to_a_rule_in_force() {
    let mut reader = Reader::new();
    let said = reader.follows("../policies.md");
    for text in [
        "passengers: Long",
        "2 passed, 0 failed",
        "1 would be denied",
        "own rules: generation 1",
        "passengers are too many while the pier is repaired",
        "own rules: none",
    ] {
        assert!(said.contains(text), "`{text}` is not said:\n{said}");
    }
}

/// SECTOR-1, SECTOR-2, SECTOR-3, SECTOR-4
#[test]
fn the_guide_of_sectors_leads_from_a_refusal_to_a_sector_in_force() {
    let mut reader = Reader::new();
    let said = reader.follows("sectors.md");
    for text in [
        "SECTOR_NOT_INCLUDED",
        "Policies of one's own",
        "trip = haul cycle",
        "haul.autonomous-reverse is off",
        "\"variant\":\"on\"",
    ] {
        assert!(said.contains(text), "`{text}` is not said:\n{said}");
    }
}

/// SEC-3, SEC-4, SEC-6, SEC-7, SEC-8
#[test]
fn the_guide_of_incidents_leads_from_a_stolen_key_to_a_vehicle_that_is_back() {
    let mut reader = Reader::new();
    let said = reader.follows("incidents.md");
    for text in ["a07_dead_certificate", "CONTAINED", "incident.called", "CLOSED", "alerts in entries", "drill inc_"] {
        assert!(said.contains(text), "`{text}` is not said:\n{said}");
    }
}

/// Every name that begins with `atlasmesh_` in a text.
fn metrics_in(text: &str) -> BTreeSet<String> {
    let names = text.split(|c: char| c != '_' && !c.is_ascii_alphanumeric());
    names.filter(|name| name.starts_with("atlasmesh_")).map(str::to_owned).collect()
}

fn sources(folder: &Path, text: &mut String) {
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            sources(&path, text);
        } else if path.extension().is_some_and(|end| end == "rs") {
            let source = fs::read_to_string(&path).unwrap();
            // The name is the first text behind the macro.
            for counted in source.split("metrics::").skip(1) {
                text.push_str(counted.split('"').nth(1).unwrap_or_default());
                text.push('\n');
            }
        }
    }
}

#[test]
fn every_metric_is_explained() {
    let mut counted = String::new();
    for folder in fs::read_dir(root().join("crates")).unwrap().map(|entry| entry.unwrap().path().join("src")) {
        sources(&folder, &mut counted);
    }
    let guide = fs::read_to_string(root().join("docs/guides/operations.md")).unwrap();
    assert_eq!(metrics_in(&counted), metrics_in(&guide));
}

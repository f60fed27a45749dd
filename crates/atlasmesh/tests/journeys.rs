//! The page in a browser, before a live fleet: what people come to it for, walked by Playwright.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod support;

use std::path::Path;
use std::process::Command;

use support::foreign::root;
use support::server::demo;

/// Enough for a list that is longer than one looks at, and for every name that a journey asks for.
const VEHICLES: usize = 12;
const SPEEDUP: u32 = 20;

/// SAFE-15
#[test]
fn people_find_what_they_come_to_the_page_for() {
    let folder = tempfile::tempdir().unwrap();
    let mut demo = demo(folder.path(), VEHICLES, SPEEDUP);
    let mut node = Command::new("node");
    let report = folder.path().join("journeys.txt");
    node.args(["--test", "--test-reporter=tap", "--test-reporter-destination=stdout", "--test-reporter=spec"]);
    node.arg(format!("--test-reporter-destination={}", report.display())).env("ATLASMESH_DEMO", folder.path());
    // Only those whose names this matches, for `cargo xtask pictures`.
    if let Ok(names) = std::env::var("ATLASMESH_JOURNEYS") {
        node.args(["--test-name-pattern", &names]);
    }
    node.arg("tests/journeys.test.mjs");
    let walked = node.current_dir(root().join("ui")).status().unwrap();
    assert!(walked.success(), "{walked}\n{}", failures(&report));
    demo.signal("TERM");
    assert!(demo.ended().success(), "{}", demo.said());
}

/// Why each journey failed that did, as its reporter says it at the end.
fn failures(report: &Path) -> String {
    let report = std::fs::read_to_string(report).unwrap_or_default();
    report.split_once("failing tests:").map_or(String::new(), |(_, failures)| failures.to_owned())
}

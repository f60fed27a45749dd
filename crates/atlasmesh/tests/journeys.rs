//! The page in a browser, before a live fleet: what people come to it for, walked by Playwright.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod support;

use std::process::Command;

use support::foreign::root;
use support::server::demo;

/// Enough for a list that is longer than one looks at, and for every name that a journey asks for.
const VEHICLES: usize = 12;
const SPEEDUP: u32 = 20;

#[test]
fn people_find_what_they_come_to_the_page_for() {
    let folder = tempfile::tempdir().unwrap();
    let mut demo = demo(folder.path(), VEHICLES, SPEEDUP);
    let mut node = Command::new("node");
    node.arg("--test").env("ATLASMESH_DEMO", folder.path());
    // Only those whose names this matches, for `cargo xtask pictures`.
    if let Ok(names) = std::env::var("ATLASMESH_JOURNEYS") {
        node.args(["--test-name-pattern", &names]);
    }
    node.arg("tests/journeys.test.mjs");
    let walked = node.current_dir(root().join("ui")).status().unwrap();
    assert!(walked.success(), "{walked}");
    demo.signal("TERM");
    assert!(demo.ended().success(), "{}", demo.said());
}

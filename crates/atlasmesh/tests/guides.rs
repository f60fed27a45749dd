//! The guides' commands, each as it is printed: whoever copies them gets what the page says.
//!
//! Blocks of `sh` are run one after the other, in one environment and folder; `sh server` is the other terminal, until it
//! says that it is ready; `sh build` is what the test's own build stands for.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use support::agent::program;
use support::foreign::root;
use support::process::Process;
use tempfile::TempDir;

/// Seconds that a block may take: the longest one drives through a town.
const BLOCK_LIMIT_S: &str = "150";

/// Whoever reads a guide and types.
struct Reader {
    folder: TempDir,
    servers: Vec<Process>,
    /// Every process of a block is in a group that has the block's own id.
    groups: Vec<u32>,
}

impl Reader {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["data", "docs"] {
            symlink(root().join(name), folder.path().join(name)).unwrap();
        }
        fs::write(folder.path().join("environment"), "").unwrap();
        Self { folder, servers: Vec::new(), groups: Vec::new() }
    }

    /// A shell with what earlier blocks exported and defined.
    fn shell(&self, script: &str) -> Command {
        let mut command = Command::new("timeout");
        let script = format!("set -eo pipefail\n. ./environment\n{script}\n{{ export -p; declare -f; }} > environment");
        command.args(["--signal=KILL", BLOCK_LIMIT_S, "bash", "-c", &script]).current_dir(self.folder.path());
        let programs = program().parent().unwrap().to_owned();
        command.env("PATH", format!("{}:{}", programs.display(), std::env::var("PATH").unwrap()));
        command.env_remove("ATLASMESH_URL").env_remove("ATLASMESH_TOKEN").process_group(0);
        command
    }

    #[track_caller]
    fn types(&mut self, lines: &str) -> String {
        // What is to fail must fail; the shell itself would not mind.
        let line = |line: &str| match line.strip_prefix("! ") {
            Some(fails) => format!("if {fails}; then exit 1; fi\n"),
            None => format!("{line}\n"),
        };
        let script: String = lines.lines().map(line).collect();
        let mut command = self.shell(&script);
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        let child = command.spawn().unwrap();
        self.groups.push(child.id());
        let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&stdout).into_owned() + &String::from_utf8_lossy(&stderr);
        assert!(status.success(), "{lines}\n{said}");
        said
    }

    fn serves(&mut self, lines: &str) {
        let elsewhere = lines.replace(
            "atlasmesh serve",
            "atlasmesh serve --http 127.0.0.1:0 --link 127.0.0.1:0 --enrol 127.0.0.1:0 --updates 127.0.0.1:0",
        );
        assert_ne!(elsewhere, lines, "the block starts no server");
        let mut command = Command::new("bash");
        command.args(["-c", &elsewhere]).current_dir(self.folder.path()).process_group(0);
        command.env("PATH", self.shell("").get_envs().find(|(name, _)| *name == "PATH").unwrap().1.unwrap());
        let server = Process::start("server", &mut command);
        self.groups.push(server.pid());
        server.line_with(" ready");
        self.servers.push(server);
        let endpoints = fs::read(self.folder.path().join("fleet-data/endpoints.json")).unwrap();
        let endpoints: Value = serde_json::from_slice(&endpoints).unwrap();
        self.types(&format!("export ATLASMESH_URL={}", endpoints["http"].as_str().unwrap()));
    }

    /// Does all that a guide says; what was printed.
    fn follows(&mut self, guide: &str) -> String {
        let text = fs::read_to_string(root().join("docs/guides").join(guide)).unwrap();
        let mut said = String::new();
        let (mut fence, mut block) = (None, String::new());
        for line in text.lines() {
            match (fence, line.strip_prefix("```")) {
                (None, Some(kind)) => fence = Some(kind),
                (None, None) => {}
                (Some(_), None) => block += &format!("{line}\n"),
                (Some(kind), Some(_)) => {
                    match kind {
                        "sh" => said += &self.types(&block),
                        "sh server" => self.serves(&block),
                        _ => {}
                    }
                    (fence, block) = (None, String::new());
                }
            }
        }
        said
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        for group in &self.groups {
            // Most have ended by themselves.
            let _ = Command::new("kill").args(["-KILL", "--", &format!("-{group}")]).output();
        }
    }
}

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

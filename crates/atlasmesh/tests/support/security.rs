//! Security incidents through the public surface: copied keys, and what people decide about them.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::{Http, World};

/// Connects to the vehicles' listener with a certificate and its key from one file; what it answers is on record there.
pub fn present(world: &World, certificate: &Path) {
    let mut command = Command::new("timeout");
    command.args(["2", "openssl", "s_client", "-connect", &world.server.link, "-alpn", "h2", "-ign_eof", "-cert"]);
    command.arg(certificate).arg("-key").arg(certificate).stdin(Stdio::null());
    let output = command.output().unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains("CONNECTED"));
}

pub fn until_incident(world: &World, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    world.until(&format!("an incident is {what}"), || {
        let incidents = world.http.get("/v1/incidents").ok();
        let found = incidents["items"].as_array().unwrap().iter().find(|incident| wanted(incident)).cloned();
        found.ok_or(incidents)
    })
}

/// Asks that access be restored; another person approves. Answers what became of it.
pub fn restored_by_two(world: &World, incident: &str, analyst: &Http, other: &Http) -> Value {
    let reason = json!({ "reason": "its key was replaced" });
    let asked = analyst.post(&format!("/v1/incidents/{incident}/recover"), &reason).ok();
    let approval = asked["id"].as_str().unwrap().to_owned();
    analyst.post(&format!("/v1/approvals/{approval}/approve"), &reason).problem(403, "FORBIDDEN");
    other.post(&format!("/v1/approvals/{approval}/approve"), &reason).ok();
    world.until("the approval is carried out", || {
        let shown = world.http.get(&format!("/v1/approvals/{approval}")).ok();
        if shown["state"] == "done" || shown["state"] == "failed" { Ok(shown) } else { Err(shown) }
    })
}

//! Folders that earlier versions wrote: today's server starts on each of them, reads what is in it, and every entry and row
//! verifies. A version that is released adds its own to `stores/`; none is ever removed.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use support::{Serve, Server};

/// Unpacks a store into a folder; where the server's data are.
fn unpacked(archive: &Path, into: &Path) -> PathBuf {
    let status = Command::new("tar").arg("--zstd").arg("-xf").arg(archive).arg("-C").arg(into).status().unwrap();
    assert!(status.success(), "{}", archive.display());
    into.join("server")
}

#[test]
fn a_folder_of_an_earlier_version_is_taken_over_and_verifies() {
    let stores = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stores");
    let archives: Vec<PathBuf> = std::fs::read_dir(stores).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(!archives.is_empty());
    for archive in archives {
        let folder = tempfile::tempdir().unwrap();
        let data = unpacked(&archive, folder.path());
        let token = std::fs::read_to_string(data.join("tenant.token")).unwrap();
        let mut server = Server::on(data, Serve::default());
        let http = server.http(&token);
        let trips = http.get("/v1/trips?status=COMPLETED").ok();
        let trip =
            trips["items"][0]["id"].as_str().unwrap_or_else(|| panic!("{}: {trips}", archive.display())).to_owned();
        let story = http.get(&format!("/v1/trips/{trip}/why")).ok();
        assert!(story["steps"].as_array().unwrap().len() > 5, "{story:#}");
        // It goes on: what is written now stands behind what was there.
        let made =
            http.post("/v1/principals", &serde_json::json!({ "role": "viewer", "name": "after the upgrade" })).ok();
        server.http(made["token"].as_str().unwrap()).get(&format!("/v1/trips/{trip}")).ok();
        server.stop();
        server.verify_stopped();
    }
}

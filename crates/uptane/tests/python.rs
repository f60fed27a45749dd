//! Metadata that python-tuf 7 wrote (`tests/ngclient.py write tests/python`) verifies here.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use uptane::key::SeedKey;
use uptane::{RoleSigner, TrustedRepository};

#[test]
fn metadata_of_python_tuf_verifies() {
    let now = "2026-11-30T00:00:00Z".parse().unwrap();
    let mut trusted = TrustedRepository::new(include_bytes!("python/1.root.json")).unwrap();
    trusted.update_timestamp(include_bytes!("python/timestamp.json"), now).unwrap();
    trusted.update_snapshot(include_bytes!("python/4.snapshot.json"), now).unwrap();
    trusted.update_targets(include_bytes!("python/3.targets.json"), now).unwrap();
    let target = &trusted.current(now).unwrap().targets["av-os-2.0.0.img"];
    assert_eq!((target.length, target.custom.as_ref().unwrap().release_counter), (8, 42));
}

#[test]
fn ids_of_keys_are_those_of_securesystemslib() {
    let trusted = TrustedRepository::new(include_bytes!("python/1.root.json")).unwrap();
    for seed in 1..=5 {
        let id = SeedKey::from_seed(&[seed; 32]).unwrap().public().id();
        assert!(trusted.root().keys.contains_key(&id), "{seed}");
    }
}

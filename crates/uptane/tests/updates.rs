//! The client workflow of TUF against an attacker who serves whatever helps him (research note "OTA", §10).

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod common;

use common::{Repository, at, director, images, key, now, signed_by};
use serde_json::Value;
use uptane::document::{Draft, SIGNATURES_MAX, Signed};
use uptane::metadata::{RoleKeys, Snapshot, TARGETS_FILE, Targets};
use uptane::trusted::{Change, Wanted};
use uptane::{Attack, Refused, Role, RoleSigner, TrustedRepository};

fn attack<T: std::fmt::Debug>(result: Result<T, Refused>) -> Attack {
    result.unwrap_err().attack
}

/// The document with one part of its JSON changed.
fn changed(document: &str, change: impl FnOnce(&mut Value)) -> String {
    let mut value: Value = serde_json::from_str(document).unwrap();
    change(&mut value);
    value.to_string()
}

fn new_at_root(repository: &Repository) -> TrustedRepository {
    TrustedRepository::new(repository.root().as_bytes()).unwrap()
}

#[test]
fn a_repository_is_taken_role_by_role_and_survives_storage() {
    let repository = director();
    let mut trusted = new_at_root(&repository);
    assert_eq!(trusted.wanted(Role::Root).unwrap().file, "2.root.json");
    assert_eq!(trusted.wanted(Role::Timestamp), Some(Wanted { file: "timestamp.json".into(), bytes_max: 16 * 1_024 }));
    assert_eq!(trusted.wanted(Role::Snapshot), None);
    assert_eq!(attack(trusted.current(now())), Attack::Incomplete);
    assert_eq!(attack(trusted.update_snapshot(repository.snapshot().as_bytes(), now())), Attack::Incomplete);
    assert_eq!(trusted.update_timestamp(repository.timestamp().as_bytes(), now()), Ok(Change::Taken));
    let bytes_max = repository.snapshot().len() as u64;
    assert_eq!(trusted.wanted(Role::Snapshot), Some(Wanted { file: "1.snapshot.json".into(), bytes_max }));
    assert_eq!(attack(trusted.update_targets(repository.targets().as_bytes(), now())), Attack::Incomplete);
    assert_eq!(trusted.update_snapshot(repository.snapshot().as_bytes(), now()), Ok(Change::Taken));
    assert_eq!(trusted.update_targets(repository.targets().as_bytes(), now()), Ok(Change::Taken));
    assert_eq!((trusted.wanted(Role::Snapshot), trusted.wanted(Role::Targets)), (None, None));
    assert_eq!(trusted.current(now()).unwrap(), &repository.targets_role());

    let stored = serde_json::to_string(&trusted).unwrap();
    let mut trusted: TrustedRepository = serde_json::from_str(&stored).unwrap();
    assert_eq!(trusted.current(now()).unwrap(), &repository.targets_role());
    assert_eq!(trusted.update_timestamp(repository.timestamp().as_bytes(), now()), Ok(Change::Same));
    assert_eq!(trusted.update_snapshot(repository.snapshot().as_bytes(), now()), Ok(Change::Same));
    assert_eq!(trusted.update_targets(repository.targets().as_bytes(), now()), Ok(Change::Same));
    repository.next().refresh(&mut trusted, now()).unwrap();
    assert_eq!(Role::ALL.map(|role| trusted.version(role)), [Some(1), Some(2), Some(2), Some(2)]);
    assert_eq!(trusted.document(Role::Targets), Some(repository.next().targets().as_str()));
}

#[test]
fn arbitrary_software_put_into_the_store_is_refused() {
    let stored = serde_json::to_string(&director().trusted()).unwrap();
    let mut forged: Value = serde_json::from_str(&stored).unwrap();
    forged["targets"] = images().targets().into();
    assert!(serde_json::from_value::<TrustedRepository>(forged).is_err());
}

#[test]
fn the_wire_is_what_python_tuf_reads() {
    let root: Value = serde_json::from_str(&director().root()).unwrap();
    let signed = &root["signed"];
    assert_eq!((&signed["_type"], &signed["spec_version"]), (&"root".into(), &"1.0.34".into()));
    assert_eq!((&signed["expires"], &signed["consistent_snapshot"]), (&"2027-11-30T00:00:00Z".into(), &true.into()));
    let id = key(10).public().id();
    assert_eq!(signed["keys"][&id]["keytype"], "ed25519");
    assert!(signed["roles"]["root"]["keyids"].as_array().unwrap().contains(&id.into()));
    let targets: Value = serde_json::from_str(&director().targets()).unwrap();
    let custom = &targets["signed"]["targets"][common::IMAGE_NAME]["custom"];
    assert_eq!(custom["ecuIdentifiers"]["ECU-1"]["hardwareId"], "avcompute-r1");
    assert_eq!(custom["releaseCounter"], 42);
    assert_eq!(targets["signed"]["custom"]["planHash"], "ab".repeat(32));
}

#[test]
fn rollback_of_each_role_is_refused() {
    let old = director();
    let newer = old.next();
    let mut trusted = new_at_root(&newer);
    newer.refresh(&mut trusted, now()).unwrap();
    assert_eq!(attack(trusted.update_timestamp(old.timestamp().as_bytes(), now())), Attack::Rollback);

    // A timestamp key in wrong hands signs a newer timestamp that pins the old snapshot.
    let mut forged = newer.next();
    forged.versions[2] = 1;
    assert_eq!(attack(trusted.update_timestamp(forged.timestamp().as_bytes(), now())), Attack::Rollback);

    // So does a snapshot key: a newer snapshot that pins old targets.
    let mut forged = newer.next();
    forged.versions[3] = 1;
    trusted.update_timestamp(forged.timestamp().as_bytes(), now()).unwrap();
    assert_eq!(attack(trusted.update_snapshot(forged.snapshot().as_bytes(), now())), Attack::Rollback);

    // The root of before, or the trusted one again.
    assert_eq!(attack(trusted.update_root(old.root().as_bytes())), Attack::Rollback);
}

#[test]
fn rollback_by_a_snapshot_that_drops_a_file_is_refused() {
    let repository = director();
    let with = |version: u64, files: &[&str]| {
        let mut role = Signed::<Snapshot>::read(repository.snapshot().as_bytes()).unwrap().signed;
        let pin = role.meta[TARGETS_FILE].clone();
        role.version = version;
        role.meta.extend(files.iter().map(|file| ((*file).to_owned(), pin.clone())));
        let mut stamped = repository.clone();
        (stamped.versions[1], stamped.versions[2]) = (version, version);
        let snapshot = signed_by(&role, &repository.seeds[2]);
        (stamped.timestamp_of(&snapshot), snapshot)
    };
    let mut trusted = new_at_root(&repository);
    let (timestamp, snapshot) = with(1, &["supplier.json"]);
    trusted.update_timestamp(timestamp.as_bytes(), now()).unwrap();
    trusted.update_snapshot(snapshot.as_bytes(), now()).unwrap();
    let (timestamp, snapshot) = with(2, &[]);
    trusted.update_timestamp(timestamp.as_bytes(), now()).unwrap();
    assert_eq!(attack(trusted.update_snapshot(snapshot.as_bytes(), now())), Attack::Rollback);
}

#[test]
fn freeze_of_each_role_is_refused() {
    for role in Role::ALL {
        let mut repository = director();
        repository.set_role(role, 1, now());
        let mut trusted = new_at_root(&repository);
        assert_eq!(attack(repository.refresh(&mut trusted, now())), Attack::Freeze, "{role:?}");
        // One second before it expires, it is good.
        repository.refresh(&mut trusted, at("2026-11-29T23:59:59Z")).unwrap();
        assert_eq!(attack(trusted.current(now())), Attack::Freeze, "{role:?}");
    }
}

#[test]
fn freeze_is_refused_at_the_role_that_expired() {
    for (role, taken) in [(Role::Root, 0), (Role::Timestamp, 0), (Role::Snapshot, 1), (Role::Targets, 2)] {
        let mut repository = director();
        repository.set_role(role, 1, now());
        let mut trusted = new_at_root(&repository);
        repository.refresh(&mut trusted, now()).unwrap_err();
        let others = [Role::Timestamp, Role::Snapshot, Role::Targets];
        let versions = others.iter().filter_map(|role| trusted.version(*role)).count();
        assert_eq!(versions, taken, "{role:?}: nothing expired is taken");
    }
}

#[test]
fn freeze_by_serving_the_same_timestamp_for_ever_ends_when_it_expires() {
    let repository = director();
    let mut trusted = repository.trusted();
    let later = at("2027-12-01T00:00:00Z");
    let mut root = repository.clone();
    root.set_role(Role::Root, 2, at("2030-01-01T00:00:00Z"));
    trusted.update_root(root.root().as_bytes()).unwrap();
    assert_eq!(attack(trusted.update_timestamp(repository.timestamp().as_bytes(), later)), Attack::Freeze);
}

#[test]
fn expired_stored_metadata_does_not_hinder_an_update() {
    let old = director();
    let mut trusted = old.trusted();
    let later = at("2029-01-01T00:00:00Z");
    assert_eq!(attack(trusted.current(later)), Attack::Freeze);
    let mut new = old.next();
    new.versions[0] = 2;
    new.expires = [at("2030-01-01T00:00:00Z"); 4];
    trusted.update_root(new.root_after(&old).as_bytes()).unwrap();
    new.refresh(&mut trusted, later).unwrap();
}

#[test]
fn fast_forward_is_recovered_from_by_rotating_keys() {
    let good = director();
    let mut trusted = good.trusted();
    let mut attacker = good.clone();
    attacker.versions[1..].fill(1 << 31);
    attacker.refresh(&mut trusted, now()).unwrap();
    assert_eq!(attack(good.next().refresh(&mut trusted, now())), Attack::Rollback);

    let mut recovered = good.next();
    recovered.versions[0] = 2;
    (recovered.seeds[1], recovered.seeds[2]) = (vec![23], vec![24]);
    trusted.update_root(recovered.root_after(&good).as_bytes()).unwrap();
    assert_eq!((trusted.version(Role::Timestamp), trusted.version(Role::Snapshot)), (None, None));
    recovered.refresh(&mut trusted, now()).unwrap();
    assert_eq!(trusted.version(Role::Targets), Some(2));
}

#[test]
fn fast_forward_is_recovered_from_by_rotating_one_of_the_two_keys() {
    for role in [1, 2] {
        let good = director();
        let mut trusted = good.trusted();
        let mut attacker = good.clone();
        attacker.versions[2..].fill(1 << 31);
        attacker.next().refresh(&mut trusted, now()).unwrap();
        let mut recovered = good.next().next();
        (recovered.versions[0], recovered.seeds[role]) = (2, vec![23]);
        trusted.update_root(recovered.root_after(&good).as_bytes()).unwrap();
        recovered.refresh(&mut trusted, now()).unwrap();
        assert_eq!(trusted.version(Role::Snapshot), Some(3));
    }
}

#[test]
fn rollback_stays_refused_after_a_root_that_rotates_other_keys() {
    let old = director();
    let mut trusted = old.next().trusted();
    let mut root = old.clone();
    (root.versions[0], root.seeds[0]) = (2, vec![20, 21, 22]);
    trusted.update_root(root.root_after(&old).as_bytes()).unwrap();
    assert_eq!(attack(trusted.update_timestamp(old.timestamp().as_bytes(), now())), Attack::Rollback);
}

#[test]
fn rollback_stays_refused_after_a_root_that_only_adds_keys() {
    let old = director();
    let mut trusted = old.next().trusted();
    let mut root = old.clone();
    root.versions[0] = 2;
    (root.seeds[1], root.seeds[2]) = (vec![13, 23], vec![14, 24]);
    trusted.update_root(root.root_after(&old).as_bytes()).unwrap();
    assert_eq!(attack(trusted.update_timestamp(old.timestamp().as_bytes(), now())), Attack::Rollback);
}

#[test]
fn rollback_of_the_snapshot_stays_refused_after_a_higher_threshold_of_the_timestamp() {
    let old = director();
    let mut trusted = old.next().trusted();
    let mut root = old.clone();
    (root.versions[0], root.seeds[1], root.thresholds[1]) = (2, vec![13, 23], 2);
    trusted.update_root(root.root_after(&old).as_bytes()).unwrap();
    assert_eq!(trusted.version(Role::Timestamp), None, "one key signed it and two must");
    trusted.update_timestamp(root.timestamp().as_bytes(), now()).unwrap();
    assert_eq!(attack(trusted.update_snapshot(old.snapshot().as_bytes(), now())), Attack::Rollback);
}

#[test]
fn targets_of_revoked_keys_are_dropped() {
    let old = director();
    let mut trusted = old.trusted();
    let mut root = old.clone();
    (root.versions[0], root.seeds[3]) = (2, vec![25, 26]);
    trusted.update_root(root.root_after(&old).as_bytes()).unwrap();
    assert_eq!(attack(trusted.current(now())), Attack::Incomplete);
    assert_eq!(attack(trusted.update_targets(old.targets().as_bytes(), now())), Attack::ArbitrarySoftware);
}

#[test]
fn endless_data_of_each_role_is_refused() {
    let repository = director();
    let mut trusted = repository.trusted();
    let endless = |role: Role| vec![b' '; role.bytes_max() + 1];
    assert_eq!(attack(TrustedRepository::new(&endless(Role::Root))), Attack::EndlessData);
    assert_eq!(attack(trusted.update_root(&endless(Role::Root))), Attack::EndlessData);
    assert_eq!(attack(trusted.update_timestamp(&endless(Role::Timestamp), now())), Attack::EndlessData);
    assert_eq!(attack(trusted.update_snapshot(&endless(Role::Snapshot), now())), Attack::EndlessData);
    assert_eq!(attack(trusted.update_targets(&endless(Role::Targets), now())), Attack::EndlessData);
    // White space is not signed, but the length is.
    let longer = format!("{} ", repository.targets());
    assert_eq!(attack(trusted.update_targets(longer.as_bytes(), now())), Attack::EndlessData);
}

#[test]
fn mix_and_match_of_old_targets_and_a_new_snapshot_is_refused() {
    let old = director();
    let mut trusted = old.trusted();
    let mut new = old.next();
    new.targets.clear();
    trusted.update_timestamp(new.timestamp().as_bytes(), now()).unwrap();
    assert_eq!(attack(trusted.current(now())), Attack::MixAndMatch);
    assert_eq!(attack(trusted.update_targets(old.targets().as_bytes(), now())), Attack::MixAndMatch);
    assert_eq!(attack(trusted.update_snapshot(old.snapshot().as_bytes(), now())), Attack::EndlessData, "it is longer");
    trusted.update_snapshot(new.snapshot().as_bytes(), now()).unwrap();
    assert_eq!(attack(trusted.current(now())), Attack::MixAndMatch);
    let mut shorter = old.clone();
    shorter.targets.clear();
    assert_eq!(attack(trusted.update_targets(shorter.targets().as_bytes(), now())), Attack::MixAndMatch);
}

#[test]
fn mix_and_match_by_a_pin_without_digest_is_refused() {
    let repository = director();
    let mut role = Signed::<Snapshot>::read(repository.snapshot().as_bytes()).unwrap().signed;
    for pin in role.meta.values_mut() {
        (pin.version, pin.length, pin.hashes) = (2, None, None);
    }
    let snapshot = signed_by(&role, &repository.seeds[2]);
    let mut trusted = new_at_root(&repository);
    trusted.update_timestamp(repository.timestamp_of(&snapshot).as_bytes(), now()).unwrap();
    trusted.update_snapshot(snapshot.as_bytes(), now()).unwrap();
    assert_eq!(attack(trusted.update_targets(repository.targets().as_bytes(), now())), Attack::MixAndMatch);
}

#[test]
fn damaged_bytes_are_told_from_mixed_ones() {
    let repository = director();
    let mut trusted = repository.trusted();
    let damaged = repository.targets().replace("av-os", "av-0s");
    assert_eq!(attack(trusted.update_targets(damaged.as_bytes(), now())), Attack::Integrity);
}

/// What a director with stolen online keys but one serves: the targets signed otherwise, the rest as it must be.
fn targets_refused(repository: &Repository, targets: &str) -> Attack {
    let snapshot = repository.snapshot_of(targets);
    let mut trusted = new_at_root(repository);
    trusted.update_timestamp(repository.timestamp_of(&snapshot).as_bytes(), now()).unwrap();
    trusted.update_snapshot(snapshot.as_bytes(), now()).unwrap();
    attack(trusted.update_targets(targets.as_bytes(), now()))
}

#[test]
fn arbitrary_software_without_enough_signatures_is_refused() {
    let repository = director();
    let role = repository.targets_role();
    let [ota, policy] = [repository.seeds[3][0], repository.seeds[3][1]];
    let whole = repository.targets();
    let unsigned = signed_by(&role, &[]);
    let director_key_alone = signed_by(&role, &[ota]);
    let policy_key_alone = signed_by(&role, &[policy]);
    let wrong_key = signed_by(&role, &[ota, 99]);
    let keys_of_other_roles =
        signed_by(&role, &[ota, repository.seeds[0][0], repository.seeds[1][0], repository.seeds[2][0]]);
    let duplicate_keyid = changed(&director_key_alone, |document| {
        let signature = document["signatures"][0].clone();
        document["signatures"].as_array_mut().unwrap().push(signature);
    });
    let under_the_other_keyid = changed(&director_key_alone, |document| {
        let mut signature = document["signatures"][0].clone();
        signature["keyid"] = key(policy).public().id().into();
        document["signatures"].as_array_mut().unwrap().push(signature);
    });
    let truncated = changed(&whole, |document| {
        let signature = document["signatures"][1]["sig"].as_str().unwrap()[..126].to_owned();
        document["signatures"][1]["sig"] = signature.into();
    });
    let no_hex = changed(&whole, |document| document["signatures"][1]["sig"] = "zz".repeat(64).into());
    let empty = changed(&whole, |document| document["signatures"][1]["sig"] = "".into());
    let altered = changed(&whole, |document| document["signed"]["version"] = 3.into());
    let unknown_member_added = changed(&whole, |document| document["signed"]["x"] = 3.into());
    for (name, document) in [
        ("unsigned", unsigned),
        ("director key alone", director_key_alone),
        ("policy key alone", policy_key_alone),
        ("wrong key", wrong_key),
        ("keys of other roles", keys_of_other_roles),
        ("duplicate keyid", duplicate_keyid),
        ("under the other keyid", under_the_other_keyid),
        ("truncated signature", truncated),
        ("no hex", no_hex),
        ("empty signature", empty),
        ("altered", altered),
        ("unknown member added", unknown_member_added),
    ] {
        assert_eq!(targets_refused(&repository, &document), Attack::ArbitrarySoftware, "{name}");
    }
}

#[test]
fn arbitrary_software_by_one_key_under_two_ids_counts_once() {
    let repository = director();
    let ota = repository.seeds[3][0];
    let mut root = repository.root_role();
    let listed = root.keys[&key(ota).public().id()].clone();
    root.keys.insert("another-id".to_owned(), listed);
    root.roles.targets = RoleKeys { keyids: [key(ota).public().id(), "another-id".to_owned()].into(), threshold: 2 };
    let twice = changed(&signed_by(&repository.targets_role(), &[ota]), |document| {
        let mut signature = document["signatures"][0].clone();
        signature["keyid"] = "another-id".into();
        document["signatures"].as_array_mut().unwrap().push(signature);
    });
    let read = Signed::<Targets>::read(twice.as_bytes()).unwrap();
    assert_eq!(attack(read.verify(&root)), Attack::ArbitrarySoftware);
}

#[test]
fn algorithm_confusion_does_not_count() {
    let repository = director();
    let targets = Signed::<Targets>::read(repository.targets().as_bytes()).unwrap();
    let mut root = repository.root_role();
    targets.verify(&root).unwrap();
    for listed in root.keys.values_mut() {
        listed.keytype = "rsa".to_owned();
    }
    assert_eq!(attack(targets.verify(&root)), Attack::ArbitrarySoftware);
}

#[test]
fn unknown_members_are_covered_by_signatures() {
    let repository = director();
    let mut document: Value = serde_json::from_str(&signed_by(&repository.targets_role(), &[])).unwrap();
    document["signed"]["of-a-later-version"] = serde_json::json!({"b": [1, "é\n"], "a": null});
    let mut draft = Draft::read::<Targets>(document.to_string().as_bytes()).unwrap();
    for seed in &repository.seeds[3] {
        let signature = key(*seed).sign(draft.message()).unwrap();
        draft.add(&key(*seed).public(), &signature).unwrap();
    }
    let text = draft.document().unwrap();
    assert!(text.contains("of-a-later-version"));
    let root = repository.root_role();
    Signed::<Targets>::read(text.as_bytes()).unwrap().verify(&root).unwrap();
    let altered = text.replace("[1,", "[2,");
    assert_eq!(attack(Signed::<Targets>::read(altered.as_bytes()).unwrap().verify(&root)), Attack::ArbitrarySoftware);
}

#[test]
fn a_policy_service_signs_the_same_bytes_later() {
    let repository = director();
    let [ota, policy] = [repository.seeds[3][0], repository.seeds[3][1]];
    let first = signed_by(&repository.targets_role(), &[ota]);
    let mut draft = Draft::read::<Targets>(first.as_bytes()).unwrap();
    let signature = key(policy).sign(draft.message()).unwrap();
    assert!(draft.add(&key(ota).public(), &signature).is_err(), "it is another key's");
    draft.add(&key(policy).public(), &signature).unwrap();
    draft.add(&key(policy).public(), &signature).unwrap();
    assert_eq!(draft.document().unwrap(), repository.targets());
}

#[test]
fn root_rotation_signed_by_the_old_keys_only_is_refused() {
    let old = director();
    let mut new = old.clone();
    (new.versions[0], new.seeds[0]) = (2, vec![20, 21, 22]);
    let mut trusted = old.trusted();
    let by_old_only = signed_by(&new.root_role(), &old.seeds[0]);
    assert_eq!(attack(trusted.update_root(by_old_only.as_bytes())), Attack::ArbitrarySoftware);
    let by_new_only = new.root();
    assert_eq!(attack(trusted.update_root(by_new_only.as_bytes())), Attack::ArbitrarySoftware);
    let by_one_old = signed_by(&new.root_role(), &[old.seeds[0][0], 20, 21, 22]);
    assert_eq!(attack(trusted.update_root(by_one_old.as_bytes())), Attack::ArbitrarySoftware);
    assert_eq!(trusted.version(Role::Root), Some(1));
    trusted.update_root(new.root_after(&old).as_bytes()).unwrap();
}

#[test]
fn root_rotation_that_skips_a_version_is_refused() {
    let old = director();
    let mut new = old.clone();
    new.versions[0] = 3;
    let mut trusted = old.trusted();
    assert_eq!(attack(trusted.update_root(new.root().as_bytes())), Attack::FastForward);
    new.versions[0] = u64::MAX;
    assert_eq!(attack(trusted.update_root(new.root().as_bytes())), Attack::FastForward);
}

#[test]
fn root_rotations_are_followed_three_times_by_a_vehicle_that_was_away() {
    let first = director();
    let mut trusted = first.trusted();
    let (mut before, later) = (first, at("2029-01-01T00:00:00Z"));
    for version in 2..=4_u8 {
        let mut next = before.next();
        next.versions[0] = version.into();
        next.seeds[0] = [0, 1, 2].map(|more| 30 + 10 * version + more).to_vec();
        // Those between have expired when the vehicle comes back.
        let expires = if version == 4 { "2030-01-01T00:00:00Z" } else { "2028-01-01T00:00:00Z" };
        next.expires = [at(expires); 4];
        assert_eq!(trusted.wanted(Role::Root).unwrap().file, format!("{version}.root.json"));
        trusted.update_root(next.root_after(&before).as_bytes()).unwrap();
        before = next;
    }
    before.refresh(&mut trusted, later).unwrap();
    assert_eq!(trusted.root().version, 4);
}

#[test]
fn documents_of_another_role_are_refused() {
    let mut repository = director();
    repository.seeds = [vec![10, 11], vec![10], vec![10], vec![10, 11]];
    let mut trusted = repository.trusted();
    assert_eq!(attack(trusted.update_timestamp(repository.snapshot().as_bytes(), now())), Attack::Malformed);
    assert_eq!(attack(trusted.update_root(repository.timestamp().as_bytes())), Attack::Malformed);
}

#[test]
fn malformed_documents_are_refused() {
    let targets = director().targets();
    let many = changed(&targets, |document| {
        let signature = document["signatures"][0].clone();
        document["signatures"] = vec![signature; SIGNATURES_MAX + 1].into();
    });
    let documents = [
        String::new(),
        "{}".into(),
        "null".into(),
        "[".repeat(100_000),
        many,
        changed(&targets, |document| document["signed"]["version"] = 0.into()),
        changed(&targets, |document| document["signed"]["version"] = (-1).into()),
        changed(&targets, |document| document["signed"]["x"] = 1.5.into()),
        changed(&targets, |document| document["signed"]["_type"] = "Targets".into()),
        changed(&targets, |document| document["signed"]["spec_version"] = "2.0.0".into()),
        changed(&targets, |document| document["signed"]["expires"] = "2027-11-30T00:00:00.5Z".into()),
        changed(&targets, |document| document["signed"]["expires"] = "soon".into()),
    ];
    for document in documents {
        let read = Signed::<Targets>::read(document.as_bytes());
        assert_eq!(read.unwrap_err().attack, Attack::Malformed, "{}", &document[..document.len().min(200)]);
    }
    assert_eq!(attack(Signed::<Targets>::read(b"\"\xff\"")), Attack::Malformed);
    let mut root = director();
    root.thresholds[1] = 0;
    let text = changed(&director().root(), |document| document["signed"]["roles"]["timestamp"]["threshold"] = 0.into());
    assert_eq!(attack(TrustedRepository::new(text.as_bytes())), Attack::Malformed);
}

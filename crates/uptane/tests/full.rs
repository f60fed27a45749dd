//! Full verification against an attacker who holds the director's keys, and against honest mistakes.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod common;

use common::{IMAGE, IMAGE_NAME, Repository, assigned, at, director, image_target, images, now, vehicle};
use uptane::metadata::{Chunking, EcuIdentifier, Target, TargetCustom};
use uptane::verify::{Assigned, VehicleInventory, assignment, full};
use uptane::{Attack, Refused, Sha256Digest};

fn verify(director: &Repository, images: &Repository, vehicle: &VehicleInventory) -> Result<Vec<Assigned>, Refused> {
    full(&director.trusted(), &images.trusted(), vehicle, now())
}

fn attack(director: &Repository, images: &Repository, vehicle: &VehicleInventory) -> Attack {
    verify(director, images, vehicle).unwrap_err().attack
}

fn custom(repository: &mut Repository) -> &mut TargetCustom {
    repository.targets.get_mut(IMAGE_NAME).unwrap().custom.as_mut().unwrap()
}

/// Both repositories with one more image, assigned to the second ECU.
fn with_second(image: &Target) -> (Repository, Repository) {
    let (mut director, mut images) = (director(), images());
    director.targets.insert("lidar.img".to_owned(), assigned(image, &["ECU-2"]));
    images.targets.insert("lidar.img".to_owned(), image.clone());
    (director, images)
}

#[test]
fn an_assignment_that_both_repositories_agree_on_is_returned() {
    let assigned = verify(&director(), &images(), &vehicle()).unwrap();
    assert_eq!(assigned.len(), 1);
    assert_eq!((assigned[0].ecu_serial.as_str(), assigned[0].name.as_str()), ("ECU-1", IMAGE_NAME));
    assert_eq!(assigned[0].target, images().targets[IMAGE_NAME]);
    assert!(!assigned[0].is_installed);
    let trusted = director().trusted();
    assert_eq!(assignment(&trusted, now()).unwrap().unwrap().update.as_deref(), Some("upd_1"));
}

#[test]
fn what_is_installed_already_is_said_to_be() {
    let mut vehicle = vehicle();
    let ecu = vehicle.ecus.get_mut("ECU-1").unwrap();
    (ecu.installed_counter, ecu.installed_sha256) = (42, Some(Sha256Digest::of(IMAGE)));
    assert!(verify(&director(), &images(), &vehicle).unwrap()[0].is_installed);
}

#[test]
fn nothing_to_do_is_no_error() {
    let mut director = director();
    director.targets.clear();
    assert_eq!(verify(&director, &images(), &vehicle()), Ok(Vec::new()));
}

#[test]
fn one_image_for_two_ecus_is_assigned_to_both() {
    let mut director = director();
    director.targets.insert(IMAGE_NAME.to_owned(), assigned(&images().targets[IMAGE_NAME], &["ECU-1", "ECU-2"]));
    assert_eq!(verify(&director, &images(), &vehicle()).unwrap().len(), 2);
}

#[test]
fn freeze_of_stored_metadata_is_refused_in_either_repository() {
    let (director, images) = (director(), images());
    let later = at("2028-01-01T00:00:00Z");
    let refused = full(&director.trusted(), &images.trusted(), &vehicle(), later);
    assert_eq!(refused.unwrap_err().attack, Attack::Freeze);
    let mut short = images.clone();
    short.expires[1] = at("2026-12-01T00:00:00Z");
    let refused = full(&director.trusted(), &short.trusted(), &vehicle(), at("2026-12-01T00:00:00Z"));
    assert_eq!(refused.unwrap_err().attack, Attack::Freeze);
}

#[test]
fn arbitrary_software_that_the_image_repository_does_not_know_is_refused() {
    let mut director = director();
    director.targets.insert("evil.img".to_owned(), assigned(&image_target(b"evil", "evil", 99), &["ECU-2"]));
    assert_eq!(attack(&director, &images(), &vehicle()), Attack::ArbitrarySoftware);
}

#[test]
fn arbitrary_software_under_a_known_name_is_refused() {
    let mut director = director();
    director.targets.insert(IMAGE_NAME.to_owned(), assigned(&image_target(b"evil", "av-os-2.0.0", 42), &["ECU-1"]));
    assert_eq!(attack(&director, &images(), &vehicle()), Attack::ArbitrarySoftware);
    let mut longer = common::director();
    longer.targets.get_mut(IMAGE_NAME).unwrap().length += 1;
    assert_eq!(attack(&longer, &images(), &vehicle()), Attack::ArbitrarySoftware);
}

#[test]
fn rollback_below_the_installed_counter_is_refused() {
    let mut vehicle = vehicle();
    vehicle.ecus.get_mut("ECU-1").unwrap().installed_counter = 43;
    assert_eq!(attack(&director(), &images(), &vehicle), Attack::Rollback);
}

#[test]
fn rollback_by_a_director_that_states_a_higher_counter_is_refused() {
    let mut director = director();
    custom(&mut director).release_counter = 50;
    assert_eq!(attack(&director, &images(), &vehicle()), Attack::MixAndMatch);
}

#[test]
fn mix_and_match_of_two_images_with_one_counter_is_refused() {
    let mut vehicle = vehicle();
    vehicle.ecus.get_mut("ECU-1").unwrap().installed_counter = 42;
    assert_eq!(attack(&director(), &images(), &vehicle), Attack::MixAndMatch);
}

#[test]
fn mix_and_match_of_custom_parts_is_refused() {
    let changes: [fn(&mut TargetCustom); 6] = [
        |custom| custom.release = "av-os-2.0.1".to_owned(),
        |custom| custom.rxswin = [("R157SWIN".to_owned(), "R157-0099".to_owned())].into(),
        |custom| custom.chunk = Some(Chunking { size: 4, root: Sha256Digest::of(b"") }),
        |custom| custom.depends_on = vec!["x".to_owned()],
        |custom| custom.conflicts_with = vec!["x".to_owned()],
        |custom| custom.hardware_ids = vec!["avcompute-r1".to_owned()],
    ];
    for change in changes {
        let mut director = director();
        change(custom(&mut director));
        assert_eq!(attack(&director, &images(), &vehicle()), Attack::MixAndMatch);
    }
}

#[test]
fn mix_and_match_of_conflicting_images_is_refused() {
    let mut lidar = image_target(b"lidar", "lidar-4.0", 50);
    lidar.custom.as_mut().unwrap().conflicts_with = vec!["av-os-2.0.0".to_owned()];
    let (director, images) = with_second(&lidar);
    assert_eq!(attack(&director, &images, &vehicle()), Attack::MixAndMatch);
    lidar.custom.as_mut().unwrap().conflicts_with = vec!["av-os-1.9.0".to_owned()];
    let (director, images) = with_second(&lidar);
    assert!(verify(&director, &images, &vehicle()).is_ok(), "that release is replaced by the same assignment");
}

#[test]
fn mix_and_match_with_an_image_that_stays_is_refused() {
    let (director, mut images) = (director(), images());
    custom(&mut images).conflicts_with = vec!["lidar-3.1".to_owned()];
    assert_eq!(attack(&director, &images, &vehicle()), Attack::MixAndMatch);
}

#[test]
fn mix_and_match_without_what_an_image_needs_is_refused() {
    let (director, mut images) = (director(), images());
    custom(&mut images).depends_on = vec!["lidar-4.0".to_owned()];
    assert_eq!(attack(&director, &images, &vehicle()), Attack::MixAndMatch);
    let (director, mut images) = with_second(&image_target(b"lidar", "lidar-4.0", 50));
    custom(&mut images).depends_on = vec!["lidar-4.0".to_owned()];
    assert_eq!(verify(&director, &images, &vehicle()).unwrap().len(), 2);
    custom(&mut images).depends_on = vec!["av-os-1.9.0".to_owned()];
    assert_eq!(attack(&director, &images, &vehicle()), Attack::MixAndMatch, "the update itself removes it");
}

#[test]
fn mix_and_match_of_two_images_for_one_ecu_is_refused() {
    let (mut director, images) = with_second(&image_target(b"lidar", "lidar-4.0", 50));
    director.targets.insert("lidar.img".to_owned(), assigned(&images.targets["lidar.img"], &["ECU-1"]));
    assert_eq!(attack(&director, &images, &vehicle()), Attack::MixAndMatch);
}

#[test]
fn wrong_hardware_is_refused_whoever_says_so() {
    let mut images_for_other = images();
    custom(&mut images_for_other).hardware_ids = vec!["avcompute-r9".to_owned()];
    assert_eq!(attack(&director(), &images_for_other, &vehicle()), Attack::WrongHardware);
    custom(&mut images_for_other).hardware_ids.clear();
    assert_eq!(attack(&director(), &images_for_other, &vehicle()), Attack::WrongHardware);

    let mut mistaken = director();
    let other = EcuIdentifier { hardware_id: "avcompute-r2".to_owned() };
    custom(&mut mistaken).ecu_identifiers.insert("ECU-1".to_owned(), other);
    assert_eq!(attack(&mistaken, &images(), &vehicle()), Attack::WrongHardware);

    let mut vehicle = vehicle();
    vehicle.ecus.get_mut("ECU-1").unwrap().hardware_id = "avcompute-r2".to_owned();
    assert_eq!(attack(&director(), &images(), &vehicle), Attack::WrongHardware);
}

#[test]
fn wrong_vehicle_is_refused_also_with_nothing_to_do() {
    let mut vehicle = vehicle();
    vehicle.vehicle = "veh_other".to_owned();
    assert_eq!(attack(&director(), &images(), &vehicle), Attack::WrongVehicle);
    let mut empty = director();
    empty.targets.clear();
    assert_eq!(attack(&empty, &images(), &vehicle), Attack::WrongVehicle);
    empty.custom = None;
    assert_eq!(attack(&empty, &images(), &vehicle), Attack::WrongVehicle);
}

#[test]
fn wrong_vehicle_by_an_ecu_of_another_is_refused() {
    let mut director = director();
    director.targets.insert(IMAGE_NAME.to_owned(), assigned(&images().targets[IMAGE_NAME], &["ECU-1", "ECU-77"]));
    assert_eq!(attack(&director, &images(), &vehicle()), Attack::WrongVehicle);
}

#[test]
fn path_traversal_by_a_name_is_refused_even_when_both_repositories_have_it() {
    for name in ["../../etc/passwd", "a/b.img", "a%2e%2e.img", "a#b", "a?b", "a\nb", ".."] {
        let (mut director, mut images) = (director(), images());
        let image = images.targets[IMAGE_NAME].clone();
        director.targets = [(name.to_owned(), assigned(&image, &["ECU-1"]))].into();
        images.targets = [(name.to_owned(), image)].into();
        assert_eq!(attack(&director, &images, &vehicle()), Attack::PathTraversal, "{name}");
    }
}

#[test]
fn malformed_assignments_are_refused() {
    let mut for_no_ecu = director();
    custom(&mut for_no_ecu).ecu_identifiers.clear();
    assert_eq!(attack(&for_no_ecu, &images(), &vehicle()), Attack::Malformed);
    let mut without_custom = director();
    without_custom.targets.get_mut(IMAGE_NAME).unwrap().custom = None;
    assert_eq!(attack(&without_custom, &images(), &vehicle()), Attack::Malformed);
    let mut images_without_custom = images();
    images_without_custom.targets.get_mut(IMAGE_NAME).unwrap().custom = None;
    assert_eq!(attack(&director(), &images_without_custom, &vehicle()), Attack::Malformed);
}

#[test]
fn malformed_director_with_delegations_is_refused() {
    let repository = director();
    let mut role = repository.targets_role();
    role.delegations = Some(serde_json::json!({"keys": {}, "roles": []}));
    let targets = common::signed_by(&role, &repository.seeds[3]);
    let snapshot = repository.snapshot_of(&targets);
    let mut trusted = uptane::TrustedRepository::new(repository.root().as_bytes()).unwrap();
    trusted.update_timestamp(repository.timestamp_of(&snapshot).as_bytes(), now()).unwrap();
    trusted.update_snapshot(snapshot.as_bytes(), now()).unwrap();
    trusted.update_targets(targets.as_bytes(), now()).unwrap();
    let refused = full(&trusted, &images().trusted(), &vehicle(), now());
    assert_eq!(refused.unwrap_err().attack, Attack::Malformed);
}

#[test]
fn arbitrary_software_by_a_director_served_as_the_image_repository_is_refused() {
    let mut trusted = uptane::TrustedRepository::new(images().root().as_bytes()).unwrap();
    let refused = director().refresh(&mut trusted, now());
    assert_eq!(refused.unwrap_err().attack, Attack::ArbitrarySoftware);
}

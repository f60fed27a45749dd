//! Images, their chunks and the vehicle's report.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod common;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use common::{IMAGE, IMAGE_NAME, VEHICLE, image_target, now};
use uptane::chunks::ChunkList;
use uptane::image::ImageCheck;
use uptane::manifest::{
    EcuManifest, FileInfo, InstallationReport, InstalledImage, MANIFEST_BYTES_MAX, SignedManifest, VehicleManifest,
};
use uptane::metadata::{Hashes, Target};
use uptane::{Attack, Refused, Sha256Digest};

fn attack<T: std::fmt::Debug>(result: Result<T, Refused>) -> Attack {
    result.unwrap_err().attack
}

#[test]
fn endless_data_and_damage_of_an_image_are_refused() {
    let target = image_target(IMAGE, "av-os-2.0.0", 42);
    let check = |pieces: &[&[u8]]| {
        let mut check = ImageCheck::new(&target);
        pieces.iter().try_for_each(|piece| check.push(piece))?;
        check.finish()
    };
    assert_eq!(check(&[&IMAGE[..5], b"", &IMAGE[5..]]), Ok(()));
    assert_eq!(attack(check(&[IMAGE, b"x"])), Attack::EndlessData);
    assert_eq!(attack(check(&[&IMAGE[1..]])), Attack::Integrity);
    assert_eq!(attack(check(&[&IMAGE[1..], b"x"])), Attack::Integrity);
}

fn chunked(image: &[u8], size: u64) -> (Target, Vec<u8>) {
    let list = ChunkList::of(size, image.chunks(7));
    let mut target = image_target(image, "av-os-2.0.0", 42);
    target.custom.as_mut().unwrap().chunk = Some(list.chunking());
    (target, list.to_bytes())
}

#[test]
fn chunks_are_checked_one_by_one() {
    for size in [1, 5, 10, 34, 35, 36, 1_000] {
        let (target, bytes) = chunked(IMAGE, size);
        assert_eq!(ChunkList::bytes_of(&target), Some(bytes.len() as u64));
        let list = ChunkList::read(&bytes, &target).unwrap();
        let chunks: Vec<&[u8]> = IMAGE.chunks(usize::try_from(size).unwrap()).collect();
        assert_eq!(list.count(), chunks.len() as u64);
        for (index, chunk) in (0..).zip(&chunks) {
            assert_eq!(list.check(index, chunk), Ok(()), "{size}");
            assert_eq!(attack(list.check(index, &[chunk, &b"x"[..]].concat())), Attack::EndlessData);
            assert_eq!(attack(list.check(index, &chunk[1..])), Attack::Integrity);
        }
        assert_eq!(attack(list.check(chunks.len() as u64, b"")), Attack::EndlessData);
        assert_eq!(attack(list.check(u64::MAX, b"")), Attack::EndlessData);
    }
    assert_eq!(ChunkList::of(8, [b""; 3]).count(), 0);
}

#[test]
fn a_list_of_chunks_that_is_not_the_signed_one_is_refused() {
    let (mut target, bytes) = chunked(IMAGE, 10);
    assert_eq!(attack(ChunkList::read(&bytes[..96], &target)), Attack::Integrity);
    assert_eq!(attack(ChunkList::read(&bytes[1..], &target)), Attack::Integrity);
    let mut swapped = bytes.clone();
    swapped.rotate_left(32);
    assert_eq!(attack(ChunkList::read(&swapped, &target)), Attack::Integrity);
    target.custom.as_mut().unwrap().chunk.as_mut().unwrap().size = 0;
    assert_eq!(attack(ChunkList::read(&bytes, &target)), Attack::Malformed);
    assert_eq!(ChunkList::bytes_of(&target), None);
    target.length = u64::MAX;
    target.custom.as_mut().unwrap().chunk.as_mut().unwrap().size = 1;
    assert_eq!(attack(ChunkList::read(&bytes, &target)), Attack::Malformed);
}

fn manifest() -> VehicleManifest {
    let fileinfo = FileInfo { length: IMAGE.len() as u64, hashes: Hashes { sha256: Sha256Digest::of(IMAGE) } };
    let ecu = EcuManifest {
        ecu_serial: "ECU-1".to_owned(),
        hardware_id: "av-compute".to_owned(),
        installed_image: InstalledImage { filepath: IMAGE_NAME.to_owned(), fileinfo },
        attacks_detected: Attack::Rollback.to_string(),
        report_counter: 7,
        release: "av-os-2.0.0".to_owned(),
        release_counter: 42,
        booted_slot: "b".to_owned(),
        boot_id: "boot-1".to_owned(),
    };
    VehicleManifest {
        vehicle: VEHICLE.to_owned(),
        primary_ecu_serial: "ECU-1".to_owned(),
        ecu_version_manifests: [("ECU-1".to_owned(), ecu)].into(),
        installation_report: Some(InstallationReport {
            update: "upd_1".to_owned(),
            attempt: 1,
            state: "COMMITTED".to_owned(),
            code: "OK".to_owned(),
            detail: "é: \"done\"\n".to_owned(),
        }),
        report_counter: 7,
        vehicle_time: now(),
    }
}

fn key() -> EcdsaKeyPair {
    EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap()
}

fn signed(manifest: &VehicleManifest, key: &EcdsaKeyPair) -> SignedManifest {
    let sign = |message: &[u8]| key.sign(&SystemRandom::new(), message).map(|signature| signature.as_ref().to_vec());
    SignedManifest::sign(manifest, "vehicle-key", sign).unwrap()
}

#[test]
fn a_report_comes_back_as_it_was_signed() {
    use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
    let (key, manifest) = (key(), manifest());
    let document = serde_json::to_vec(&signed(&manifest, &key)).unwrap();
    let read = SignedManifest::read(&document).unwrap();
    assert_eq!(read.verify(key.public_key().as_ref()).unwrap(), manifest);
    let spki: PublicKeyX509Der<'_> = key.public_key().as_der().unwrap();
    assert_eq!(read.verify(spki.as_ref()).unwrap(), manifest);
}

#[test]
fn a_forged_report_is_refused() {
    let (key, other) = (key(), self::key());
    let good = signed(&manifest(), &key);
    let public = key.public_key().as_ref();
    assert_eq!(attack(good.verify(other.public_key().as_ref())), Attack::ArbitrarySoftware);
    assert_eq!(attack(good.verify(b"no key")), Attack::ArbitrarySoftware);
    let mut altered = good.clone();
    altered.signed["report_counter"] = 8.into();
    assert_eq!(attack(altered.verify(public)), Attack::ArbitrarySoftware);
    let mut unsigned = good.clone();
    unsigned.signatures.clear();
    assert_eq!(attack(unsigned.verify(public)), Attack::ArbitrarySoftware);
    let mut confused = good.clone();
    confused.signatures[0].method = "none".to_owned();
    assert_eq!(attack(confused.verify(public)), Attack::ArbitrarySoftware);
    let mut truncated = good.clone();
    truncated.signatures[0].sig.truncate(40);
    assert_eq!(attack(truncated.verify(public)), Attack::ArbitrarySoftware);
    let mut many = good.clone();
    many.signatures = vec![good.signatures[0].clone(); 100];
    assert_eq!(attack(many.verify(public)), Attack::Malformed);
}

#[test]
fn a_report_that_contradicts_itself_is_refused() {
    let key = key();
    let mut other_serial = manifest();
    other_serial.ecu_version_manifests.get_mut("ECU-1").unwrap().ecu_serial = "ECU-2".to_owned();
    let mut no_primary = manifest();
    no_primary.primary_ecu_serial = "ECU-9".to_owned();
    for manifest in [other_serial, no_primary] {
        assert_eq!(attack(signed(&manifest, &key).verify(key.public_key().as_ref())), Attack::Malformed);
    }
    assert_eq!(attack(SignedManifest::read(b"{}")), Attack::Malformed);
    assert_eq!(attack(SignedManifest::read(&vec![b' '; MANIFEST_BYTES_MAX + 1])), Attack::EndlessData);
}

//! Whatever byte of a document changes: it is refused, or it says what it said before.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod common;

use common::{Repository, director};
use proptest::prelude::*;
use uptane::document::Signed;
use uptane::metadata::{RoleDocument, Root, Snapshot, Targets, TimestampRole};

/// Changes the byte at a share of the document's length and compares what still verifies.
fn stays<T: RoleDocument + PartialEq + std::fmt::Debug>(document: &str, repository: &Repository, place: f64, mask: u8) {
    let root = repository.root_role();
    let before = Signed::<T>::read(document.as_bytes()).unwrap();
    before.verify(&root).unwrap();
    let mut bytes = document.as_bytes().to_vec();
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let index = ((bytes.len() as f64 * place) as usize).min(bytes.len() - 1);
    bytes[index] ^= mask;
    if let Ok(after) = Signed::<T>::read(&bytes)
        && after.verify(&root).is_ok()
    {
        assert_eq!(after.signed, before.signed, "byte {index} with mask {mask}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_flipped_byte_never_verifies_as_something_else(place in 0.0..1.0_f64, mask in 1..=255_u8) {
        let mut repository = director();
        // One signature more than needed, so that a broken one does not hide what else is let through.
        repository.seeds[3].push(17);
        stays::<Targets>(&repository.targets(), &repository, place, mask);
        stays::<Root>(&repository.root(), &repository, place, mask);
        stays::<Snapshot>(&repository.snapshot(), &repository, place, mask);
        stays::<TimestampRole>(&repository.timestamp(), &repository, place, mask);
    }
}

#[test]
fn no_single_bit_of_targets_verifies_as_something_else() {
    let repository = director();
    let document = repository.targets();
    let root = repository.root_role();
    let before = Signed::<Targets>::read(document.as_bytes()).unwrap();
    for index in 0..document.len() {
        for bit in 0..8 {
            let mut bytes = document.as_bytes().to_vec();
            bytes[index] ^= 1 << bit;
            if let Ok(after) = Signed::<Targets>::read(&bytes)
                && after.verify(&root).is_ok()
            {
                assert_eq!(after.signed, before.signed, "byte {index}, bit {bit}");
            }
        }
    }
}

//! Events and states of identities and keys as they were first written; they are read for ever.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::path::Path;

use identity::keyring::register::{KeyChanged, KeyPrepared, KeyRegister};
use identity::vehicles::identity::{
    IdentityEnrolled, IdentityJoinTokenIssued, IdentityQuarantined, IdentityRefused, IdentityRegistered,
    IdentityRetired, IdentityRevoked, IdentitySvidIssued, IdentitySvidUsed,
};
use identity::vehicles::{KeyOrigin, Refusal, VehicleIdentity};
use kernel::testing::{START, golden};
use keys::{KeyState, Purpose};

fn folder(aggregate: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(aggregate)
}

#[test]
fn an_identity_is_read_as_it_was_written() {
    let spiffe_id = "spiffe://fleet.example/tenant/north-pit/vehicle/veh_01m8mjdxvdewgttkcq8fcmk5r2".parse().unwrap();
    let svid = IdentitySvidIssued {
        serial: "01".into(),
        key_sha256: "ef".into(),
        not_after: START.plus_ms(3_600_000),
        authority: "key_01".into(),
    };
    let history = [
        IdentityRegistered { spiffe_id }.into(),
        IdentityJoinTokenIssued { token: "0123".into(), expires_at: START.plus_ms(60_000) }.into(),
        IdentityEnrolled {
            token: Some("0123".into()),
            serial: "ab".into(),
            key_sha256: "cd".into(),
            key_origin: KeyOrigin::Device,
            not_after: START.plus_ms(86_400_000),
        }
        .into(),
        svid.into(),
        IdentitySvidUsed { serial: "01".into() }.into(),
        IdentityRefused { why: Refusal::Superseded, presented: "01".into() }.into(),
        IdentityQuarantined { reason: "opened".into(), epoch: 2 }.into(),
        IdentityRevoked { reason: "opened".into(), epoch: 3 }.into(),
        IdentityRetired { reason: "sold".into(), epoch: 4 }.into(),
    ];
    golden::check::<VehicleIdentity>(&folder("identity"), &history);
}

#[test]
fn the_register_of_keys_is_read_as_it_was_written() {
    let prepared = KeyPrepared {
        key: "key_01".into(),
        purpose: Purpose::CertificateAuthority,
        public: "cHVibGlj".into(),
        certificate: Some("Y2VydA==".into()),
        not_after: Some(START.plus_ms(86_400_000)),
    };
    let changed = KeyChanged { key: "key_01".into(), to: KeyState::Active, reason: "the first one".into() };
    let history = [prepared.into(), changed.into()];
    golden::check::<KeyRegister>(&folder("keys"), &history);
}

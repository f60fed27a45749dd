//! What is signed, as `@sigstore/verify` and others read it, and what is refused.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod common;

use bundles::Sha256Digest;
use bundles::statement::{Bundle, EVIDENCE_BUNDLE, Statement, Unverified, sign};
use common::Key;
use serde_json::{Value, json};

fn signed() -> Bundle {
    let predicate = json!({"complete": true});
    sign(&Statement::about("manifest.json", Sha256Digest::of(b"x"), EVIDENCE_BUNDLE, predicate), &Key::new(1)).unwrap()
}

#[test]
fn the_bundle_has_the_shape_of_version_0_3() {
    let mut bundle = signed();
    bundle.add_timestamp(b"response");
    let text = bundle.text().unwrap();
    let expected = json!({
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {
            "publicKey": {"hint": "evidence-2026"},
            "tlogEntries": [],
            "timestampVerificationData": {"rfc3161Timestamps": [{"signedTimestamp": "cmVzcG9uc2U="}]},
        },
        "dsseEnvelope": {
            "payload": bundle.dsse_envelope.payload,
            "payloadType": "application/vnd.in-toto+json",
            "signatures": [{"keyid": "evidence-2026", "sig": bundle.dsse_envelope.signatures[0].sig}],
        },
    });
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), expected);
    assert_eq!(Bundle::parse(text.as_bytes()).unwrap(), bundle);
    assert_eq!(bundle.signature().unwrap().len(), 64);
}

#[test]
fn the_statement_comes_back_only_when_the_key_signed_it() {
    let (bundle, key) = (signed(), Key::new(1));
    let statement = bundle.verify(|_, message, signature| key.verifies(message, signature)).unwrap();
    assert_eq!(statement.check_about("manifest.json", Sha256Digest::of(b"x")), Ok(()));
    assert!(statement.check_about("manifest.json", Sha256Digest::of(b"y")).is_err());
    assert!(statement.check_about("other.json", Sha256Digest::of(b"x")).is_err());
    let other = Key::new(2);
    let refused = bundle.verify(|_, message, signature| other.verifies(message, signature));
    assert_eq!(refused.unwrap_err(), Unverified::Signature { key_id: "evidence-2026".into() });
}

#[test]
fn what_has_another_shape_is_refused() {
    let good: Value = serde_json::from_str(&signed().text().unwrap()).unwrap();
    let key = Key::new(1);
    let changes: [(&str, Value); 8] = [
        ("/mediaType", json!("application/vnd.dev.sigstore.bundle+json;version=0.1")),
        ("/verificationMaterial/tlogEntries", json!([{}])),
        ("/verificationMaterial/publicKey/hint", json!("another")),
        ("/dsseEnvelope/payloadType", json!("text/plain")),
        ("/dsseEnvelope/payload", json!("####")),
        ("/dsseEnvelope/signatures", json!([])),
        ("/dsseEnvelope/signatures/0/sig", json!("####")),
        ("/dsseEnvelope/signatures/0", json!({"keyid": "evidence-2026", "sig": "", "more": 1})),
    ];
    for (at, value) in changes {
        let mut changed = good.clone();
        *changed.pointer_mut(at).unwrap() = value;
        let verified = Bundle::parse(changed.to_string().as_bytes())
            .and_then(|bundle| bundle.verify(|_, message, signature| key.verifies(message, signature)));
        assert!(matches!(verified, Err(Unverified::Malformed(_))), "{at}: {verified:?}");
    }
    assert!(Bundle::parse(&vec![b' '; 5 << 20]).is_err());
}

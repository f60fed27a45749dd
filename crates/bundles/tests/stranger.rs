//! `VERIFY.md` as a stranger follows it: its blocks run in one shell, with programs that are not ours.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bundles::archive::Writer;
use bundles::statement::{EVIDENCE_BUNDLE, Signer, Statement, sign};
use bundles::verify_md::{KeyKind, Names, verify_md};
use common::{Key, bundle, files_of, journal, repacked, unpacked};

/// A directory of the test's own, empty.
fn directory(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).unwrap();
    path
}

/// The blocks of the `VERIFY.md` in a bundle.
fn script(tar: &[u8]) -> String {
    let (_, from, size) = files_of(tar).into_iter().find(|(name, ..)| name == "VERIFY.md").unwrap();
    let text = String::from_utf8(tar[from..from + size].to_vec()).unwrap();
    let blocks = text.split("```sh\n").skip(1).map(|block| block.split("```").next().unwrap());
    blocks.collect()
}

/// Runs a script on an archive, and returns whether it succeeds and what it says.
fn follow(name: &str, script: &str, archive: &[u8], spki: &[u8]) -> (bool, String) {
    let directory = directory(name);
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(spki));
    fs::write(directory.join("key.pem"), pem).unwrap();
    fs::write(directory.join("bundle.tar.zst"), archive).unwrap();
    let output = Command::new("sh").args(["-c", script]).current_dir(&directory).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

#[test]
fn a_stranger_verifies_and_finds_what_was_changed() {
    let key = Key::new(1);
    let archive = bundle(&journal(300), &key);
    let tar = unpacked(&archive);
    let script = script(&tar);
    let (is_good, said) = follow("good", &script, &archive, &key.spki());
    assert!(is_good && said.contains("the bundle is as it was signed"), "{said}");

    let (is_good, said) = follow("other-key", &script, &archive, &Key::new(2).spki());
    assert!(!is_good, "{said}");
    for (name, from, size) in files_of(&tar) {
        let mut changed = tar.clone();
        // In the signature a byte of its own text: others of it are the payload or the hint.
        let at = if name == "bundle.sigstore.json" { from + size / 2 } else { from + size / 3 };
        changed[at] ^= 0x01;
        let (is_good, said) = follow("changed", &script, &repacked(&changed), &key.spki());
        assert!(!is_good, "{name}: {said}");
        if !["manifest.json", "bundle.sigstore.json"].contains(&name.as_str()) {
            assert!(said.contains(&format!("{name}: FAILED")), "{name}: {said}");
        }
    }
}

/// A key on P-256.
struct P256(EcdsaKeyPair);

impl Signer for P256 {
    type Error = aws_lc_rs::error::Unspecified;

    fn key_id(&self) -> &str {
        "p256"
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Self::Error> {
        Ok(self.0.sign(&SystemRandom::new(), message)?.as_ref().to_vec())
    }
}

#[test]
fn a_stranger_verifies_a_key_on_p256_too() {
    let key = P256(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap());
    let spki = AsDer::<PublicKeyX509Der<'_>>::as_der(key.0.public_key()).unwrap();
    let names =
        Names { archive: "bundle.tar.zst", key: "key.pem", key_kind: KeyKind::P256, timestamp_roots: None, log: false };
    let mut writer = Writer::new(Vec::new()).unwrap();
    writer.add_bytes("VERIFY.md", verify_md(&names).unwrap().as_bytes()).unwrap();
    let sealed = writer.seal().unwrap();
    let statement = Statement::about("manifest.json", sealed.digest, EVIDENCE_BUNDLE, serde_json::json!({}));
    let text = sign(&statement, &key).unwrap().text().unwrap();
    let archive = sealed.finish(Some(text.as_bytes())).unwrap();
    let (is_good, said) = follow("p256", &script(&unpacked(&archive)), &archive, spki.as_ref());
    assert!(is_good && said.contains("the bundle is as it was signed"), "{said}");
    let (is_good, said) = follow("p256-other", &script(&unpacked(&archive)), &archive, &Key::new(1).spki());
    assert!(!is_good, "{said}");
}

/// An authority of the test's own in a directory, by `openssl ts`. Its reply holds the certificate because the request asks.
const AUTHORITY: &str = r#"
set -eu
cat > ts.cnf <<'END'
[tsa]
default_tsa = here
[here]
serial = serial
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
accuracy = secs:1
ess_cert_id_alg = sha256
[ext]
basicConstraints = critical,CA:FALSE
extendedKeyUsage = critical,timeStamping
[ca]
basicConstraints = critical,CA:TRUE
[req]
distinguished_name = dn
[dn]
END
echo 01 > serial
openssl req -config ts.cnf -x509 -newkey ed25519 -nodes -keyout ca.key -out roots.pem -subj /CN=roots -days 9 -extensions ca 2>&1
openssl req -config ts.cnf -newkey rsa:2048 -nodes -keyout tsa.key -out tsa.csr -subj /CN=authority 2>&1
openssl x509 -req -in tsa.csr -CA roots.pem -CAkey ca.key -set_serial 2 -days 9 -extfile ts.cnf -extensions ext -out tsa.pem 2>&1
openssl ts -query -data signature -sha256 -cert -out query.tsq 2>&1
openssl ts -reply -config ts.cnf -section here -queryfile query.tsq -signer tsa.pem -inkey tsa.key -out reply.tsr 2>&1
"#;

#[test]
fn a_stranger_verifies_the_timestamp() {
    let key = Key::new(1);
    let names = Names {
        archive: "bundle.tar.zst",
        key: "key.pem",
        key_kind: KeyKind::Ed25519,
        timestamp_roots: Some("roots.pem"),
        log: false,
    };
    let mut writer = Writer::new(Vec::new()).unwrap();
    writer.add_bytes("VERIFY.md", verify_md(&names).unwrap().as_bytes()).unwrap();
    let sealed = writer.seal().unwrap();
    let statement = Statement::about("manifest.json", sealed.digest, EVIDENCE_BUNDLE, serde_json::json!({}));
    let mut signed = sign(&statement, &key).unwrap();
    let authority = directory("authority");
    fs::write(authority.join("signature"), signed.signature().unwrap()).unwrap();
    let output = Command::new("sh").args(["-c", AUTHORITY]).current_dir(&authority).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    signed.add_timestamp(&fs::read(authority.join("reply.tsr")).unwrap());
    let archive = sealed.finish(Some(signed.text().unwrap().as_bytes())).unwrap();
    let followed = script(&unpacked(&archive));
    let with_roots = format!("cp '{}' .\n{followed}", authority.join("roots.pem").display());
    let (is_good, said) = follow("timestamp", &with_roots, &archive, &key.spki());
    assert!(is_good && said.contains("Verification: OK") && said.contains("Time stamp:"), "{said}");
    // Roots of another make.
    let others = format!("cp '{}' roots.pem\n{followed}", authority.join("tsa.pem").display());
    let (is_good, said) = follow("timestamp-other", &others, &archive, &key.spki());
    assert!(!is_good, "{said}");
}

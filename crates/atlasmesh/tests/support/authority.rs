//! Somebody of an authority, who signs what they decide by a key of their own: with `openssl`, as a stranger would.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::Http;

/// A key on P-256 that `openssl` made, for this process.
static KEY: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap().keep();
    let path = folder.join("authority.pem");
    let made = openssl(&["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"], b"");
    std::fs::write(&path, made).unwrap();
    path
});

fn openssl(arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let mut child = Command::new("openssl")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "openssl {arguments:?}");
    output.stdout
}

/// The public half: SubjectPublicKeyInfo in base 64.
pub fn public_key() -> String {
    STANDARD.encode(openssl(&["pkey", "-in", KEY.to_str().unwrap(), "-pubout", "-outform", "DER"], b""))
}

/// A signature over a text in base 64.
pub fn sign(text: &str) -> String {
    STANDARD.encode(openssl(&["dgst", "-sha256", "-sign", KEY.to_str().unwrap()], text.as_bytes()))
}

/// A rejection that nobody signed.
pub fn unsigned() -> Value {
    json!({
        "version": 1, "verdict": "reject", "reason": "it says too little", "correction": "say more",
        "due_at": "2099-01-01T00:00:00Z", "statement": "{}", "signature": "AA==",
    })
}

/// What is said of the newest submitted version, signed.
pub fn signed(http: &Http, report: &str, mut said: Value) -> Value {
    let shown = http.get(&format!("/v1/submissions/{report}")).ok();
    let versions = shown["versions"].as_array().unwrap();
    let version = versions.iter().rfind(|version| !version["submitted_at"].is_null()).unwrap();
    let statement = json!({
        "report": report,
        "version": version["version"],
        "verdict": said["verdict"],
        "digest": version["documents"]["signature"]["sha256"],
    });
    said["version"] = version["version"].clone();
    said["signature"] = sign(&statement.to_string()).into();
    said["statement"] = statement.to_string().into();
    said
}

/// A rejection of the newest submitted version, signed.
pub fn decision(http: &Http, report: &str) -> Value {
    signed(http, report, unsigned())
}

//! Checks evidence of an update without a server: whoever has the public key and the file needs nothing else.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bundles::statement::pae;
use journal::NoteVerifier;
use journal::receipt::{InclusionReceipt, Level, SELF_ASSERTED};
use keys::{Evidence, VerifyingKey};
use pki::{PeerCertificate, Term};
use serde_json::{Value, json};
use uptane::document::Signed;
use uptane::manifest::SignedManifest;
use uptane::metadata::{Root, Targets};

use super::output::{self, Format};

/// The key that signs evidence, from its PEM.
pub(super) fn key_of(path: &Path) -> Result<VerifyingKey<Evidence>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
    VerifyingKey::from_pem(&text).with_context(|| format!("{} is no key", path.display()))
}

fn text<'a>(value: &'a Value, pointer: &str) -> Result<&'a str> {
    value.pointer(pointer).and_then(Value::as_str).with_context(|| format!("{pointer} is missing"))
}

fn base64_of(value: &Value, pointer: &str) -> Result<Vec<u8>> {
    STANDARD.decode(text(value, pointer)?).with_context(|| format!("{pointer} is not base 64"))
}

/// Checks the envelope and answers what it holds (DSSE v1).
fn opened(envelope: &Value, key: &VerifyingKey<Evidence>) -> Result<Value> {
    let (payload, kind) = (base64_of(envelope, "/payload")?, text(envelope, "/payloadType")?);
    let signature = base64_of(envelope, "/signatures/0/sig")?;
    let signature = signature.try_into().ok().context("the signature has not 64 bytes")?;
    key.verify(&pae(kind, &payload), &signature)
        .ok()
        .context("the signature is not that of this key over this evidence")?;
    serde_json::from_slice(&payload).context("the statement is not JSON")
}

/// The metadata by which the vehicle knew what to install: both repositories', each by its own root.
fn check_metadata(predicate: &Value, sha256: &str) -> Result<()> {
    let last = |pointer: &str| {
        let roots = predicate.pointer(pointer).and_then(Value::as_array);
        roots.and_then(|roots| roots.last()).and_then(Value::as_str).context("a root is missing")
    };
    let offered = events(predicate, "update.offered").next().context("the update was never offered")?;
    let director = text(&offered, "/body/director_targets")?;
    for (name, root, targets) in [
        ("the list of releases", last("/metadata/imageRoots")?, text(predicate, "/metadata/imageTargets")?),
        ("the vehicle's assignment", last("/metadata/directorRoots")?, director),
    ] {
        let root = Signed::<Root>::read(root.as_bytes()).with_context(|| name.to_owned())?;
        let targets = Signed::<Targets>::read(targets.as_bytes()).with_context(|| name.to_owned())?;
        targets.verify(&root.signed).with_context(|| format!("{name} is not signed as its root asks"))?;
        let has_it = targets.signed.targets.values().any(|target| target.hashes.sha256.to_string() == sha256);
        ensure!(has_it, "{name} does not have this image");
    }
    Ok(())
}

/// The events of one type: an entry is the event's canonical text, which is what the log has proven.
fn events<'a>(predicate: &'a Value, kind: &'a str) -> impl Iterator<Item = Value> + 'a {
    let entries = predicate["timeline"].as_array().into_iter().flatten();
    let events = entries.filter_map(|entry| serde_json::from_str::<Value>(entry["envelope"].as_str()?).ok());
    events.filter(move |event| event["type"] == kind)
}

/// The vehicle's own signed word that it runs the image, where it succeeded by that; how many reports were checked.
fn check_reports(predicate: &Value, sha256: &str) -> Result<usize> {
    let mut checked = 0;
    for kind in ["update.succeeded", "update.failed", "update.rejected"] {
        for event in events(predicate, kind) {
            let manifest = &event["body"]["manifest"];
            if manifest.is_null() {
                continue;
            }
            let certificate = base64_of(manifest, "/certificate")?;
            let key = Term::read(&certificate).context("a report's certificate cannot be read")?.public_key;
            let signed: SignedManifest =
                serde_json::from_value(json!({ "signed": manifest["signed"], "signatures": manifest["signatures"] }))?;
            let report = signed.verify(&key).context("a report is not signed by the vehicle")?;
            let (vehicle, tenant) = (text(predicate, "/vehicle")?, text(predicate, "/tenant")?);
            let peer = PeerCertificate::read(&certificate).context("a report's certificate cannot be read")?;
            let is_theirs = peer.id.to_string().ends_with(&format!("/tenant/{tenant}/vehicle/{vehicle}"));
            ensure!(is_theirs && report.vehicle == vehicle, "a report is another vehicle's");
            let images = || report.ecu_version_manifests.values().map(|ecu| ecu.installed_image.fileinfo.hashes.sha256);
            let runs = images().any(|image| image.to_string() == sha256);
            ensure!(kind != "update.succeeded" || runs, "the proof names another image");
            checked += 1;
        }
    }
    Ok(checked)
}

/// Every entry is in the log whose key the evidence names.
fn check_proofs(predicate: &Value) -> Result<usize> {
    let entries = predicate["timeline"].as_array().map(Vec::as_slice).unwrap_or_default();
    ensure!(!entries.is_empty(), "the evidence has no entries of the journal");
    let verifier: NoteVerifier = text(predicate, "/log")?.parse().context("the log's key has another form")?;
    for entry in entries {
        check_proof(entry, &verifier)
            .with_context(|| format!("the proof of entry {} does not hold", entry["index"]))?;
    }
    Ok(entries.len())
}

fn check_proof(entry: &Value, verifier: &NoteVerifier) -> Result<()> {
    let receipt = InclusionReceipt {
        level: Level::Provable,
        trust: SELF_ASSERTED,
        index: entry["index"].as_u64().context("the entry has no position")?,
        envelope: text(entry, "/envelope")?.to_owned(),
        links: text(entry, "/links")?.to_owned(),
        path: serde_json::from_value(entry["path"].clone()).context("the path has another form")?,
        checkpoint: text(entry, "/checkpoint")?.to_owned(),
    };
    receipt.verify(verifier)?;
    Ok(())
}

/// Checks evidence; says what was checked.
pub fn verify(format: Format, file: &Path, key: &Path) -> Result<()> {
    let bytes = std::fs::read(file).with_context(|| format!("{} cannot be read", file.display()))?;
    let envelope: Value = serde_json::from_slice(&bytes).context("the evidence is not JSON")?;
    let statement = opened(&envelope, &key_of(key)?)?;
    let sha256 = text(&statement, "/subject/0/digest/sha256")?.to_owned();
    let predicate = &statement["predicate"];
    check_metadata(predicate, &sha256)?;
    let reports = check_reports(predicate, &sha256)?;
    let entries = check_proofs(predicate)?;
    let status = text(predicate, "/update/status")?;
    if status == "SUCCEEDED" {
        let number = &predicate["update"]["number"];
        let entry = events(predicate, "update.succeeded").find(|event| event["body"]["number"] == *number);
        let entry = entry.context("no entry says that the update succeeded")?;
        let is_attested = entry["body"]["truth"] == "attested";
        ensure!(!is_attested || !entry["body"]["manifest"].is_null(), "it is said to be attested, without a report");
    }
    let verdict = json!({
        "vehicle": predicate["vehicle"], "release": predicate["update"]["release_name"], "image_sha256": sha256,
        "status": status, "entries_proven": entries, "reports_verified": reports, "holds": true,
    });
    output::answer(format, &verdict, |verdict| {
        let cell = |pointer| output::cell(verdict, pointer);
        output::summary(&[
            ("VEHICLE", cell("/vehicle")),
            ("RELEASE", cell("/release")),
            ("IMAGE", cell("/image_sha256")),
            ("STATUS", cell("/status")),
            ("ENTRIES PROVEN", cell("/entries_proven")),
            ("REPORTS VERIFIED", cell("/reports_verified")),
        ]);
        output::line("every signature and proof holds");
    });
    Ok(())
}

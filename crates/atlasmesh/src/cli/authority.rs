//! `atlasmesh evidence …` as the authority: what was submitted, and answers under the authority's own key.

use std::path::Path;

use anyhow::{Context, Result, bail};
use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject;
use serde_json::{Value, json};

use super::Session;
use super::args::EvidenceCommand;
use super::evidence::{download, print_report};
use super::output::{self, cell, line};

pub async fn run(session: &Session, command: EvidenceCommand) -> Result<()> {
    use EvidenceCommand as Command;
    match command {
        Command::Submissions => submissions(session).await,
        Command::RegisterKey { key } => register(session, &key).await,
        Command::Check { report } => check(session, &report).await,
        Command::SubmittedBundle { report, out } => {
            download(session, &format!("/v1/submissions/{report}/bundle"), &out).await
        }
        Command::Accept { report, confirmation, next_due, key } => {
            let mut said = json!({ "verdict": "accept", "confirmation": confirmation });
            if let Some(next_due) = next_due {
                said["next_due_at"] = next_due.into();
            }
            decide(session, &report, said, &key).await
        }
        Command::Reject { report, reason, correction, due, key } => {
            let said = json!({ "verdict": "reject", "reason": reason, "correction": correction, "due_at": due });
            decide(session, &report, said, &key).await
        }
        _ => bail!("this is no command of an authority"),
    }
}

fn key_of(path: &Path) -> Result<Ed25519KeyPair> {
    let key = PrivatePkcs8KeyDer::from_pem_file(path)
        .map_err(|_| anyhow::anyhow!("{} has no private key in PEM (PKCS #8)", path.display()))?;
    let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(key.secret_pkcs8_der());
    pair.ok().with_context(|| format!("{} is no Ed25519 key: openssl genpkey -algorithm ed25519", path.display()))
}

async fn submissions(session: &Session) -> Result<()> {
    let shown = session.client.get("/v1/submissions").await?;
    output::answer(session.format, &shown, |shown| {
        let items = shown["items"].as_array().into_iter().flatten();
        let row = |report: &Value| {
            let names = ["/id", "/form", "/status", "/version", "/title"];
            names.iter().map(|name| cell(report, name)).collect::<Vec<_>>()
        };
        let rows: Vec<Vec<String>> = items.map(row).collect();
        output::table(&["REPORT", "FORM", "STATUS", "VERSION", "TITLE"], &rows);
    });
    Ok(())
}

async fn register(session: &Session, key: &Path) -> Result<()> {
    let pair = key_of(key)?;
    let spki = AsDer::<PublicKeyX509Der<'_>>::as_der(pair.public_key()).ok().context("the key has no public half")?;
    let body = serde_json::to_vec(&json!({ "key": STANDARD.encode(spki.as_ref()) }))?;
    let known = session.client.put("/v1/submissions/key", body, "application/json").await?;
    output::answer(session.format, &known, |known| line(format!("fingerprint {}", cell(known, "/fingerprint"))));
    Ok(())
}

async fn check(session: &Session, report: &str) -> Result<()> {
    let found = session.client.post(&format!("/v1/submissions/{report}/check"), &json!({})).await?;
    output::answer(session.format, &found, |found| {
        let (format, signature) = (cell(found, "/format_valid"), cell(found, "/signature_valid"));
        line(format!("format valid: {format}, signature valid: {signature}"));
        for name in ["problems", "chain"] {
            let texts = found[name].as_array().into_iter().flatten().filter_map(Value::as_str);
            texts.for_each(|text| line(format!("  {text}")));
        }
    });
    Ok(())
}

/// The statement says what is decided on which bytes; the key signs it.
async fn decide(session: &Session, report: &str, mut said: Value, key: &Path) -> Result<()> {
    let pair = key_of(key)?;
    let shown = session.client.get(&format!("/v1/submissions/{report}")).await?;
    let mut submitted = shown["versions"].as_array().into_iter().flatten().filter(|of| !of["submitted_at"].is_null());
    let version = submitted.next_back().context("no version was submitted")?;
    let mut statement = said.clone();
    statement["report"] = report.into();
    statement["version"] = version["version"].clone();
    statement["digest"] = version["documents"]["signature"]["sha256"].clone();
    let statement = statement.to_string();
    said["version"] = version["version"].clone();
    said["signature"] = STANDARD.encode(pair.sign(statement.as_bytes()).as_ref()).into();
    said["statement"] = statement.into();
    let decided = session.client.post(&format!("/v1/submissions/{report}/decision"), &said).await?;
    print_report(session, &decided);
    Ok(())
}

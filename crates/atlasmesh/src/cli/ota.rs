//! `atlasmesh ota …`: software updates.

use data_encoding::HEXLOWER;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use anyhow::{Context, Result, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::args::{OtaCommand, PlanOptions, ReleaseOptions, UpdateEvidenceCommand};
use super::output::Format;
use super::pages::List;
use super::{Session, names, ota_evidence, output};

/// Bytes of an image in one request.
const PART_BYTES: usize = 4 << 20;
/// Parts per million in one percent.
const PPM_PER_PERCENT: f64 = 10_000.0;

pub async fn run(session: &Session, command: OtaCommand) -> Result<()> {
    match command {
        OtaCommand::Release(options) => release(session, options).await,
        OtaCommand::Releases => releases(session).await,
        OtaCommand::Plan(options) => plan(session, options).await,
        OtaCommand::Preview { rollout } => preview(session, &rollout).await,
        OtaCommand::Start { rollout } => change(session, &rollout, "start", json!({}), "started").await,
        OtaCommand::Advance { rollout } => change(session, &rollout, "advance", json!({}), "went on").await,
        OtaCommand::Pause { rollout, reason } => {
            change(session, &rollout, "pause", json!({ "reason": reason }), "paused: nobody is offered it any more")
                .await
        }
        OtaCommand::Abort { rollout, reason } => {
            change(session, &rollout, "abort", json!({ "reason": reason }), "aborted").await
        }
        OtaCommand::Resume { rollout, reason } => resume(session, &rollout, &reason).await,
        OtaCommand::Revert { rollout, reason } => revert(session, &rollout, &reason).await,
        OtaCommand::Status { rollout: Some(rollout), .. } => status(session, &rollout).await,
        OtaCommand::Status { rollout: None, most } => statuses(session, most.limit).await,
        OtaCommand::Watch { rollout } => watch(session, &rollout).await,
        OtaCommand::Vehicle { vehicle } => vehicle_software(session, &vehicle).await,
        OtaCommand::Token { vehicle } => token(session, &vehicle).await,
        OtaCommand::Evidence(command) => evidence(session, command).await,
    }
}

async fn evidence(session: &Session, command: UpdateEvidenceCommand) -> Result<()> {
    match command {
        UpdateEvidenceCommand::Save { vehicle, number, out } => {
            let vehicle = names::vehicle(&session.client, &vehicle).await?;
            let path = format!("/v1/vehicles/{vehicle}/updates/{number}/evidence");
            let envelope = session.client.get(&path).await?;
            write(&out, serde_json::to_string_pretty(&envelope)?.as_bytes())?;
            output::line(format!("{}: check it with `atlasmesh ota evidence verify`", out.display()));
            Ok(())
        }
        UpdateEvidenceCommand::Key { out } => {
            let key = session.client.get("/v1/evidence-key").await?;
            write(&out, output::text(&key, "/public_pem").as_bytes())?;
            output::line(format!("{}: {}", out.display(), output::text(&key, "/keyid")));
            Ok(())
        }
        UpdateEvidenceCommand::Verify { file, key } => ota_evidence::verify(session.format, &file, &key),
    }
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    std::fs::write(path, bytes).with_context(|| format!("{} cannot be written", path.display()))
}

/// Uploads an image from where the server has it; its SHA-256.
async fn upload(session: &Session, path: &Path) -> Result<String> {
    let unreadable = || format!("{} cannot be read", path.display());
    let mut file = File::open(path).with_context(unreadable)?;
    let length = file.metadata().with_context(unreadable)?.len();
    let mut hasher = Sha256::new();
    let mut part = vec![0; PART_BYTES];
    loop {
        let read = file.read(&mut part).with_context(unreadable)?;
        let Some(bytes) = part.get(..read).filter(|bytes| !bytes.is_empty()) else { break };
        hasher.update(bytes);
    }
    let digest = HEXLOWER.encode(&hasher.finalize());
    let address = format!("/v1/images/{digest}");
    let state = session.client.get(&address).await?;
    let mut at = state["received"].as_u64().unwrap_or(0);
    let bar = progress(session.format, path, length);
    bar.set_position(at);
    if state["image"].is_object() {
        bar.finish_with_message("is there already");
        return Ok(digest);
    }
    while at < length {
        file.seek(SeekFrom::Start(at)).with_context(unreadable)?;
        let read = file.read(&mut part).with_context(unreadable)?;
        let bytes = part.get(..read).unwrap_or_default();
        if bytes.is_empty() {
            bail!("{} became shorter while it was read", path.display());
        }
        let body = json!({ "length": length, "at": at, "data": STANDARD.encode(bytes) });
        let state = session.client.put(&address, serde_json::to_vec(&body)?, "application/json").await?;
        at = state["received"].as_u64().unwrap_or(at);
        bar.set_position(at);
    }
    bar.finish();
    Ok(digest)
}

fn progress(format: Format, path: &Path, length: u64) -> ProgressBar {
    if format == Format::Json {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(length).with_message(path.display().to_string());
    // A template without a mistake; a wrong one would only be drawn differently.
    if let Ok(style) = ProgressStyle::with_template("{msg}  {bar:30}  {bytes} of {total_bytes}, {bytes_per_sec}") {
        bar.set_style(style);
    }
    bar
}

async fn publish(
    session: &Session,
    options: &ReleaseOptions,
    name: &str,
    image: &Path,
    changes: Value,
) -> Result<Value> {
    let sha256 = upload(session, image).await?;
    // SWUpdate takes no file that is called otherwise.
    let is_swu = image.extension().and_then(|end| end.to_str()) == Some("swu");
    let file = is_swu.then(|| format!("{name}.swu"));
    let mut rxswin = BTreeMap::new();
    for pair in &options.rxswin {
        let (regulation, number) = pair.split_once('=').context("--rxswin is REGULATION=NUMBER")?;
        rxswin.insert(regulation, number);
    }
    let mut body = json!({
        "name": name, "file": file, "sha256": sha256, "hardware_ids": options.hardware, "counter": options.counter,
        "notes": options.notes, "depends_on": options.depends_on, "rxswin": rxswin,
        "estimated_s": options.estimated_s, "estimated_wh": options.estimated_wh, "reverts_to": options.reverts_to,
    });
    for (field, value) in changes.as_object().into_iter().flatten() {
        body[field.as_str()] = value.clone();
    }
    session.client.post("/v1/releases", &body).await
}

async fn release(session: &Session, options: ReleaseOptions) -> Result<()> {
    let mut changes = json!({});
    if let Some(image) = &options.back_image {
        let name = format!("{}-back", options.name);
        let back = json!({
            "counter": options.counter + 1, "notes": format!("takes {} back", options.name), "reverts_to": null,
            "depends_on": [],
        });
        publish(session, &options, &name, image, back).await?;
        changes = json!({ "reverts_to": name });
    }
    let made = publish(session, &options, &options.name, &options.image, changes).await?;
    output::answer(session.format, &made, |made| {
        let text = |pointer| output::text(made, pointer);
        output::line(format!("release {} ({}), counter {}", text("/name"), text("/id"), text("/counter")));
        output::line(format!("next: atlasmesh ota plan --release {} --first VEHICLE,VEHICLE", text("/name")));
    });
    Ok(())
}

async fn releases(session: &Session) -> Result<()> {
    let found = session.client.get("/v1/releases").await?;
    output::answer(session.format, &found, |found| {
        let rows = super::items(found, &["/name", "/counter", "/image/length", "/published_at", "/notes"]);
        output::table(&["RELEASE", "COUNTER", "BYTES", "PUBLISHED", "NOTES"], &rows);
    });
    Ok(())
}

/// The id of a release that was typed.
async fn release_id(session: &Session, typed: &str) -> Result<String> {
    let found = session.client.get("/v1/releases").await?;
    let all = found["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    let is_it = |release: &&Value| release["name"] == typed || release["id"] == typed;
    match all.iter().find(is_it) {
        Some(release) => Ok(output::text(release, "/id")),
        None => bail!("there is no release {typed}: `atlasmesh ota releases` lists them"),
    }
}

async fn rollouts(session: &Session, limit: u64) -> Result<super::pages::Listed> {
    List::of("/v1/rollouts").first(&session.client, limit).await
}

/// The id of a rollout that was typed: its id, or the newest of its name.
async fn rollout_id(session: &Session, typed: &str) -> Result<String> {
    let found = rollouts(session, u64::MAX).await?;
    let all = found.page["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    let is_it = |rollout: &&Value| rollout["id"] == typed || rollout["name"] == typed;
    match all.iter().find(is_it) {
        Some(rollout) => Ok(output::text(rollout, "/id")),
        None => bail!("there is no rollout {typed}: `atlasmesh ota status` lists them"),
    }
}

async fn vehicle_ids(session: &Session, typed: &[String]) -> Result<Vec<String>> {
    let mut ids = Vec::new();
    for name in typed {
        ids.push(names::vehicle(&session.client, name).await?);
    }
    Ok(ids)
}

async fn plan(session: &Session, options: PlanOptions) -> Result<()> {
    let release = release_id(session, &options.release).await?;
    let first = vehicle_ids(session, &options.first).await?;
    let advance = if options.by_person { "person" } else { "automatic" };
    let stage = |share: Option<f64>| {
        let share_ppm = share.map(|percent| (percent * PPM_PER_PERCENT).round() as u64);
        json!({ "share_ppm": share_ppm, "soak_s": options.soak_s, "advance": advance })
    };
    let named = (!first.is_empty()).then(|| stage(None));
    let shares = if options.stages.is_empty() { &[0.1, 1.0, 5.0, 25.0, 100.0][..] } else { &options.stages };
    let stages: Vec<Value> = named.into_iter().chain(shares.iter().map(|share| stage(Some(*share)))).collect();
    let body = json!({
        "name": options.name.as_deref().unwrap_or(&options.release), "release": release, "first_vehicles": first,
        "excluded": vehicle_ids(session, &options.exclude).await?, "stages": stages, "at_once": options.at_once,
        "control_ppm": (options.control * PPM_PER_PERCENT).round() as u64,
        "proof_deadline_s": options.proof_deadline_s, "bandwidth_max": options.bandwidth,
    });
    let made = session.client.post("/v1/rollouts", &body).await?;
    let id = output::text(&made, "/id");
    if options.start {
        return change(session, &id, "start", json!({}), "started").await;
    }
    output::answer(session.format, &made, |_| {
        output::line(format!("rollout {id}: nobody gets anything yet"));
        output::line(format!("next: atlasmesh ota preview {id}, then atlasmesh ota start {id}"));
    });
    Ok(())
}

async fn preview(session: &Session, rollout: &str) -> Result<()> {
    let id = rollout_id(session, rollout).await?;
    let found = session.client.get(&format!("/v1/rollouts/{id}/preview")).await?;
    output::answer(session.format, &found, |found| {
        let all = found["vehicles"].as_array().map(Vec::as_slice).unwrap_or_default();
        let row = |vehicle: &Value| {
            let stage = vehicle["stage"].as_u64().map_or("-".to_owned(), |stage| (stage + 1).to_string());
            let reasons = vehicle["reasons"].as_array().into_iter().flatten();
            let reasons: Vec<&str> = reasons.filter_map(Value::as_str).collect();
            let state = if vehicle["ready"] == true { "ready".to_owned() } else { reasons.join("; ") };
            vec![output::cell(vehicle, "/name"), stage, state]
        };
        output::table(&["VEHICLE", "STAGE", "NOW"], &all.iter().map(row).collect::<Vec<_>>());
    });
    Ok(())
}

async fn change(session: &Session, rollout: &str, verb: &str, body: Value, done: &str) -> Result<()> {
    let id = rollout_id(session, rollout).await?;
    let shown = session.client.post(&format!("/v1/rollouts/{id}/{verb}"), &body).await?;
    output::answer(session.format, &shown, |shown| {
        output::line(format!("rollout {} {done}", output::text(shown, "/name")));
        print(shown);
    });
    Ok(())
}

async fn resume(session: &Session, rollout: &str, reason: &str) -> Result<()> {
    let id = rollout_id(session, rollout).await?;
    let asked = session.client.post(&format!("/v1/rollouts/{id}/resume"), &json!({ "reason": reason })).await?;
    output::answer(session.format, &asked, |asked| {
        let approval = output::text(asked, "/id");
        output::line(format!("asked for: another person decides with `atlasmesh approvals approve {approval}`"));
    });
    Ok(())
}

async fn revert(session: &Session, rollout: &str, reason: &str) -> Result<()> {
    let id = rollout_id(session, rollout).await?;
    let done = session.client.post(&format!("/v1/rollouts/{id}/revert"), &json!({ "reason": reason })).await?;
    output::answer(session.format, &done, |done| {
        output::line(format!("taken back by rollout {}", output::text(done, "/reverted_by")));
    });
    Ok(())
}

/// Why a rollout holds, in words.
fn why(rollout: &Value) -> String {
    let (proven, failed) = (output::cell(rollout, "/counts/proven"), output::cell(rollout, "/counts/failed"));
    match rollout["hold"].as_str() {
        None => output::cell(rollout, "/pause/reason"),
        Some("WAITING_FOR_PROOF") => format!("waits for proof: {proven} proven, {failed} failed"),
        Some("SOAK") => "the least time of the stage is not over".into(),
        Some("FAILURES_IN_SMALL_STAGE") => format!("{failed} failed in a stage too small to tell: a person decides"),
        Some("NEEDS_PERSON") => "a person opens the next stage: atlasmesh ota advance".into(),
        Some(other) => other.into(),
    }
}

fn print(rollout: &Value) {
    let cell = |pointer| output::cell(rollout, pointer);
    output::summary(&[
        ("STATUS", cell("/status")),
        ("HOLDS", why(rollout)),
        ("PROVEN", cell("/counts/proven")),
        ("FAILED", cell("/counts/failed")),
        ("REVERTED BY", cell("/reverted_by")),
    ]);
    let open = rollout["stage"].as_u64().unwrap_or(0);
    let stages = rollout["stages"].as_array().map(Vec::as_slice).unwrap_or_default();
    let row = |(n, stage): (usize, &Value)| {
        let share = stage["share_ppm"].as_f64();
        let who = share.map_or("named first".into(), |ppm| format!("{} %", ppm / PPM_PER_PERCENT));
        let mark = if n as u64 == open && rollout["status"] == "RUNNING" { "open" } else { "" };
        vec![
            (n + 1).to_string(),
            who,
            output::cell(stage, "/counts/proven"),
            output::cell(stage, "/counts/failed"),
            mark.to_owned(),
        ]
    };
    output::table(&["STAGE", "WHO", "PROVEN", "FAILED", ""], &stages.iter().enumerate().map(row).collect::<Vec<_>>());
    for (status, count) in rollout["open"].as_object().into_iter().flatten() {
        output::line(format!("{count} vehicles {status}"));
    }
}

async fn status(session: &Session, rollout: &str) -> Result<()> {
    let id = rollout_id(session, rollout).await?;
    let shown = session.client.get(&format!("/v1/rollouts/{id}")).await?;
    output::answer(session.format, &shown, print);
    Ok(())
}

/// How often a rollout that is followed is looked at.
const LOOK_EVERY: std::time::Duration = std::time::Duration::from_secs(1);

async fn watch(session: &Session, rollout: &str) -> Result<()> {
    let id = rollout_id(session, rollout).await?;
    let mut last = String::new();
    loop {
        let shown = session.client.get(&format!("/v1/rollouts/{id}")).await?;
        let cell = |pointer| output::cell(&shown, pointer);
        let stage = shown["stage"].as_u64().unwrap_or(0) + 1;
        let open = shown["open"].as_object().into_iter().flatten();
        let open: Vec<String> = open.map(|(status, count)| format!("{count} {status}")).collect();
        let now = format!(
            "{}  stage {stage}  {} proven, {} failed  {}",
            cell("/status"),
            cell("/counts/proven"),
            cell("/counts/failed"),
            open.join(", ")
        );
        if now != last {
            output::note(now.trim_end());
            last = now;
        }
        if shown["status"] != "RUNNING" {
            output::answer(session.format, &shown, print);
            return Ok(());
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

async fn statuses(session: &Session, limit: u64) -> Result<()> {
    let found = rollouts(session, limit).await?;
    found.print(session.format, |found| {
        let all = found["items"].as_array().map(Vec::as_slice).unwrap_or_default();
        let row = |rollout: &Value| {
            let cell = |pointer| output::cell(rollout, pointer);
            vec![cell("/name"), cell("/status"), cell("/counts/proven"), cell("/counts/failed"), why(rollout)]
        };
        output::table(&["ROLLOUT", "STATUS", "PROVEN", "FAILED", "WHY"], &all.iter().map(row).collect::<Vec<_>>());
    });
    Ok(())
}

async fn vehicle_software(session: &Session, typed: &str) -> Result<()> {
    let vehicle = names::vehicle(&session.client, typed).await?;
    let shown = session.client.get(&format!("/v1/vehicles/{vehicle}/updates")).await?;
    output::answer(session.format, &shown, |shown| {
        let cell = |pointer| output::cell(shown, pointer);
        output::summary(&[
            ("RUNS", cell("/installed/release")),
            ("COUNTER", cell("/installed/release_counter")),
            ("SLOT", cell("/installed/slot")),
            ("SHA-256", cell("/installed/sha256")),
            ("KNOWN BY", cell("/installed/truth")),
            ("UPDATE", cell("/current/release_name")),
            ("IS", cell("/current/status")),
            ("WAITS FOR", cell("/current/detail")),
        ]);
        let history = shown["history"].as_array().map(Vec::as_slice).unwrap_or_default();
        let row = |update: &Value| {
            ["/number", "/release_name", "/status", "/code", "/since"].map(|at| output::cell(update, at)).to_vec()
        };
        if !history.is_empty() {
            let rows = history.iter().map(row).collect::<Vec<_>>();
            output::table(&["UPDATE", "RELEASE", "STATUS", "WHY", "AT"], &rows);
        }
    });
    Ok(())
}

async fn token(session: &Session, typed: &str) -> Result<()> {
    let vehicle = names::vehicle(&session.client, typed).await?;
    let made = session.client.post(&format!("/v1/vehicles/{vehicle}/update-token"), &json!({})).await?;
    output::answer(session.format, &made, |made| {
        let text = |pointer| output::text(made, pointer);
        output::line(format!("token, shown this once: {}", text("/token")));
        output::line(format!(
            "at {}, tenant {}, controller {}",
            text("/base_url"),
            text("/tenant"),
            text("/controller")
        ));
    });
    Ok(())
}

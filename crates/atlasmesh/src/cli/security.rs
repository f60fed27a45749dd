//! `atlasmesh security …`: incidents, detections, and who is on call.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use clap::ValueEnum;
use serde_json::{Value, json};

use super::args::{SecurityCommand, Severity};
use super::pages::List;
use super::{Session, names, output};

/// The least of an incident's id that is taken for it.
const SHORT_MIN: usize = 4;

pub async fn run(session: &Session, command: SecurityCommand) -> Result<()> {
    use SecurityCommand as Command;
    match command {
        Command::Incidents { most } => incidents(session, most.limit).await,
        Command::Show { incident } => show(session, &incident).await,
        Command::Timeline { incident } => timeline(session, &incident).await,
        Command::Report { incident, out } => report(session, &incident, out.as_deref()).await,
        Command::Acknowledge { incident } => change(session, &incident, "acknowledge", json!({})).await,
        Command::Severity { incident, severity, reason } => {
            change(session, &incident, "severity", json!({ "severity": name_of(severity), "reason": reason })).await
        }
        Command::Isolate { incident } => change(session, &incident, "isolate", json!({})).await,
        Command::Revoke { incident } => change(session, &incident, "revoke", json!({})).await,
        Command::Investigate { incident } => change(session, &incident, "investigate", json!({})).await,
        Command::Diagnostics { incident } => change(session, &incident, "diagnostics", json!({})).await,
        Command::Artefact { incident, sha256, out } => artefact(session, &incident, &sha256, &out).await,
        Command::Recover { incident, reason } => recover(session, &incident, reason).await,
        Command::Escalate { incident, team, reason } => {
            change(session, &incident, "escalate", json!({ "team": team, "reason": reason })).await
        }
        Command::Close { incident, lessons } => {
            change(session, &incident, "close", json!({ "lessons": lessons })).await
        }
        Command::Drill { vehicle, severity } => drill(session, &vehicle, severity).await,
        Command::Rules => rules(session).await,
        Command::Replay { from, until } => replay(session, from, until).await,
        Command::OnCall { set } => on_call(session, set.as_deref()).await,
    }
}

fn name_of(severity: Severity) -> String {
    severity.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

fn items<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    value[name].as_array().into_iter().flatten()
}

async fn incidents(session: &Session, limit: u64) -> Result<()> {
    let found = List::of("/v1/incidents").first(&session.client, limit).await?;
    let names = names::of_vehicles(&session.client).await;
    found.print(session.format, |found| {
        let row = |incident: &Value| {
            let cell = |pointer| output::cell(incident, pointer);
            let id = cell("/id");
            let subject = cell("/subject");
            let name = subject.strip_prefix("vehicle/").and_then(|id| names.get(id)).cloned().unwrap_or(subject);
            let drill = if incident["exercise"] == true { "drill" } else { "" };
            let short = id.get(id.len().saturating_sub(6)..).unwrap_or(&id).to_owned();
            vec![short, name, cell("/severity"), cell("/status"), cell("/title"), cell("/opened_at"), drill.into()]
        };
        let rows = items(found, "items").map(row).collect::<Vec<_>>();
        output::table(&["INCIDENT", "ABOUT", "SEVERITY", "STATUS", "TITLE", "OPENED", ""], &rows);
    });
    Ok(())
}

/// The id of an incident that was typed.
async fn incident_id(session: &Session, typed: &str) -> Result<String> {
    if typed.parse::<kernel::id::IncidentId>().is_ok() {
        return Ok(typed.to_owned());
    }
    ensure!(typed.len() >= SHORT_MIN, "type at least {SHORT_MIN} characters of the end of the incident's id");
    let found = List::of("/v1/incidents").first(&session.client, 10_000).await?;
    let ids: Vec<String> = items(&found.page, "items").map(|incident| output::text(incident, "/id")).collect();
    let alike: Vec<&String> = ids.iter().filter(|id| id.ends_with(typed)).collect();
    match alike.as_slice() {
        [one] => Ok((*one).clone()),
        [] => bail!("there is no incident {typed}: `atlasmesh security incidents` lists them"),
        _ => bail!("{typed} is the end of several incidents: type more of it"),
    }
}

async fn show(session: &Session, typed: &str) -> Result<()> {
    let id = incident_id(session, typed).await?;
    let shown = session.client.get(&format!("/v1/incidents/{id}")).await?;
    output::answer(session.format, &shown, print);
    Ok(())
}

fn print(incident: &Value) {
    let cell = |pointer| output::cell(incident, pointer);
    // A drill takes nothing away.
    let is_drill = incident["exercise"] == true;
    output::summary(&[
        ("INCIDENT", cell("/id")),
        ("TITLE", cell("/title")),
        ("ABOUT", cell("/subject")),
        ("SEVERITY", cell("/severity")),
        ("STATUS", cell("/status")),
        ("DRILL", cell("/exercise")),
        ("DROVE", cell("/moving")),
        (if is_drill { "ISOLATED (DRILL)" } else { "ISOLATED" }, cell("/contained/isolated_at")),
        (if is_drill { "REVOKED (DRILL)" } else { "REVOKED" }, cell("/contained/revoked_at")),
        ("PERSON DECIDES", cell("/waits_for_person")),
        ("WATCHED UNTIL", cell("/watch_until")),
        ("CALLED", cell("/call/called_at")),
        ("ANSWERED BY", cell("/call/acknowledged_by")),
        ("RESTORED", cell("/restored_at")),
        ("GIVEN TO", cell("/escalation/team")),
        ("LEARNED", cell("/lessons")),
    ]);
    for finding in items(incident, "findings") {
        let cell = |pointer| output::cell(finding, pointer);
        output::line(format!("found: {} ({}): {}", cell("/rule"), cell("/severity"), cell("/title")));
    }
    for kept in items(incident, "artefacts") {
        let cell = |pointer| output::cell(kept, pointer);
        output::line(format!("kept: {} {} ({} bytes)", cell("/name"), cell("/sha256"), cell("/bytes")));
    }
}

async fn timeline(session: &Session, typed: &str) -> Result<()> {
    let id = incident_id(session, typed).await?;
    let shown = session.client.get(&format!("/v1/incidents/{id}/timeline")).await?;
    output::answer(session.format, &shown, |shown| {
        for entry in items(shown, "entries") {
            let cell = |pointer| output::cell(entry, pointer);
            output::line(format!("{}  {:>6}  {:32}  {}", cell("/at"), cell("/index"), cell("/type"), cell("/by")));
        }
        for notice in items(shown, "notices") {
            let cell = |pointer| output::cell(notice, pointer);
            output::line(format!("call by {}: {} {}", cell("/channel/name"), cell("/delivered_at"), cell("/failure")));
        }
    });
    Ok(())
}

async fn report(session: &Session, typed: &str, out: Option<&Path>) -> Result<()> {
    let id = incident_id(session, typed).await?;
    let shown = session.client.get(&format!("/v1/incidents/{id}/report")).await?;
    let text = output::text(&shown, "/text");
    match out {
        Some(path) => {
            std::fs::write(path, &text).with_context(|| format!("{} cannot be written", path.display()))?;
            output::line(format!("{} (sha256 {})", path.display(), output::cell(&shown, "/sha256")));
        }
        None => output::answer(session.format, &shown, |_| output::line(&text)),
    }
    Ok(())
}

async fn change(session: &Session, typed: &str, verb: &str, body: Value) -> Result<()> {
    let id = incident_id(session, typed).await?;
    let shown = session.client.post(&format!("/v1/incidents/{id}/{verb}"), &body).await?;
    output::answer(session.format, &shown, print);
    Ok(())
}

async fn artefact(session: &Session, typed: &str, sha256: &str, out: &Path) -> Result<()> {
    let id = incident_id(session, typed).await?;
    let kept = session.client.get(&format!("/v1/incidents/{id}/artefacts/{sha256}")).await?;
    std::fs::write(out, output::text(&kept, "/text"))
        .with_context(|| format!("{} cannot be written", out.display()))?;
    output::line(out.display());
    Ok(())
}

async fn recover(session: &Session, typed: &str, reason: String) -> Result<()> {
    let id = incident_id(session, typed).await?;
    let asked = session.client.post(&format!("/v1/incidents/{id}/recover"), &json!({ "reason": reason })).await?;
    output::answer(session.format, &asked, |asked| {
        let approval = output::text(asked, "/id");
        output::line(format!("another person decides: `atlasmesh approvals approve {approval} --reason …`"));
    });
    Ok(())
}

async fn drill(session: &Session, typed: &str, severity: Severity) -> Result<()> {
    let vehicle = names::vehicle(&session.client, typed).await?;
    let body = json!({ "vehicle": vehicle, "severity": name_of(severity) });
    let made = session.client.post("/v1/drills", &body).await?;
    output::answer(session.format, &made, |made| output::line(format!("drill {}", output::text(made, "/id"))));
    Ok(())
}

async fn rules(session: &Session) -> Result<()> {
    let found = session.client.get("/v1/detections").await?;
    output::answer(session.format, &found, |found| {
        let list = |value: &Value| {
            let words = value.as_array().into_iter().flatten().filter_map(Value::as_str);
            words.collect::<Vec<_>>().join(" ")
        };
        let row = |rule: &Value| {
            let cell = |pointer| output::cell(rule, pointer);
            vec![
                cell("/rule"),
                cell("/severity"),
                cell("/hits"),
                list(&rule["attack"]),
                list(&rule["r155"]),
                cell("/title"),
            ]
        };
        let rows = items(found, "items").map(row).collect::<Vec<_>>();
        output::table(&["RULE", "SEVERITY", "HITS", "ATT&CK", "R155", "TITLE"], &rows);
    });
    Ok(())
}

async fn replay(session: &Session, from: u64, until: Option<u64>) -> Result<()> {
    let until = until.map(|until| format!("&until={until}")).unwrap_or_default();
    let found = session.client.get(&format!("/v1/detections/replay?from={from}{until}")).await?;
    output::answer(session.format, &found, |found| {
        let (from, until) = (output::cell(found, "/from"), output::cell(found, "/until"));
        for alert in items(found, "alerts") {
            let cell = |pointer| output::cell(alert, pointer);
            output::line(format!("{}  {}  {}  {}", cell("/last"), cell("/rule"), cell("/severity"), cell("/alert")));
        }
        output::line(format!("{} alerts in entries {from} to {until}", items(found, "alerts").count()));
    });
    Ok(())
}

async fn on_call(session: &Session, set: Option<&Path>) -> Result<()> {
    let shown = match set {
        None => session.client.get("/v1/on-call").await?,
        Some(path) => {
            let text = std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
            session.client.put("/v1/on-call", text, "application/json").await?
        }
    };
    output::answer(session.format, &shown, |shown| {
        for (n, level) in items(shown, "levels").enumerate() {
            let people = level["people"].as_array().into_iter().flatten().filter_map(Value::as_str);
            let people = people.collect::<Vec<_>>().join(", ");
            let minutes = output::cell(level, "/acknowledge_minutes");
            output::line(format!("level {}: {people}, {minutes} minutes", n + 1));
        }
        for channel in items(shown, "channels") {
            let cell = |pointer| output::cell(channel, pointer);
            output::line(format!("channel {}: {} {}", cell("/name"), cell("/kind"), cell("/url")));
        }
    });
    Ok(())
}

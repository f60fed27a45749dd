//! `atlasmesh maintenance …`: the health of vehicles, work orders, the workshop, and models.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressStyle};
use prognostics::catalog::ComponentClass;
use prognostics::wear::{Outcome, history};
use serde_json::{Value, json};

use super::args::{Class, Closing, MaintenanceCommand, RequestOptions};
use super::output::Format;
use super::pages::List;
use super::{Session, names, output};

/// Rows of one simulated life.
const ROWS_OF_A_LIFE: usize = 200;
/// How often a training is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// The least of an order's id that is taken for it.
const SHORT_MIN: usize = 4;

pub async fn run(session: &Session, command: MaintenanceCommand) -> Result<()> {
    use MaintenanceCommand as Command;
    let reason = |reason: String| json!({ "reason": reason });
    match command {
        Command::Health { vehicle: None } => fleet_health(session).await,
        Command::Health { vehicle: Some(vehicle) } => vehicle_health(session, &vehicle).await,
        Command::Orders { vehicle, most } => orders(session, vehicle, most.limit).await,
        Command::Order { order } => show(session, &order).await,
        Command::Request(options) => request(session, options).await,
        Command::Approve { order } => change(session, &order, "approve", json!({})).await,
        Command::Start { order } => change(session, &order, "start", json!({})).await,
        Command::Hold { order, reason: why } => change(session, &order, "hold", reason(why)).await,
        Command::Resume { order } => change(session, &order, "resume", json!({})).await,
        Command::Tick { order, step } => tick(session, &order, step).await,
        Command::Complete { order, closing, notes } => {
            let body = json!({ "closing": closing_name(closing), "notes": notes });
            change(session, &order, "complete", body).await
        }
        Command::Verify { order } => change(session, &order, "verify", json!({})).await,
        Command::Reopen { order, reason: why } => change(session, &order, "reopen", reason(why)).await,
        Command::Return { order } => change(session, &order, "return", json!({})).await,
        Command::Cancel { order, reason: why } => change(session, &order, "cancel", reason(why)).await,
        Command::Ground { vehicle } => ground(session, &vehicle).await,
        Command::Workshop { set } => workshop(session, set.as_deref()).await,
        Command::Models { class } => models(session, class).await,
        Command::Import { class, file } => import(session, class, &file).await,
        Command::Simulate { class, parts, seed, out } => simulate(class, parts, seed, &out),
        Command::Train { class } => train(session, class).await,
        Command::Promote { class, number, reason } => {
            move_model(session, class, "promote", json!({ "number": number, "reason": reason })).await
        }
        Command::Rollback { class, reason: why } => move_model(session, class, "roll-back", reason(why)).await,
        Command::Drift => drift(session).await,
    }
}

fn name_of(class: Class) -> String {
    class.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

fn closing_name(closing: Closing) -> String {
    closing.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

fn items(value: &Value) -> &[Value] {
    value["items"].as_array().map(Vec::as_slice).unwrap_or_default()
}

/// What is left of a component, with its uncertainty.
fn left(component: &Value) -> String {
    let remaining = &component["assessment"]["remaining"];
    match (remaining["lower80"].as_f64(), remaining["upper80"].as_f64()) {
        (Some(lower), Some(upper)) => format!("{lower:.0} to {upper:.0} {}", output::cell(component, "/unit")),
        _ => "-".into(),
    }
}

async fn fleet_health(session: &Session) -> Result<()> {
    let found = List::of("/v1/health").first(&session.client, u64::MAX).await?;
    let names = names::of_vehicles(&session.client).await;
    found.print(session.format, |found| {
        let mut rows = Vec::new();
        for vehicle in items(found) {
            let id = output::text(vehicle, "/vehicle");
            let name = names.get(&id).cloned().unwrap_or(id);
            for component in vehicle["components"].as_array().into_iter().flatten() {
                let verdict = output::cell(component, "/assessment/verdict");
                let rank =
                    ["GROUND", "PLAN", "ADVISE", "INSPECT", "UNKNOWN"].iter().position(|known| *known == verdict);
                let row = vec![
                    name.clone(),
                    output::cell(component, "/component"),
                    verdict,
                    left(component),
                    output::cell(component, "/assessment/hours_left"),
                    output::cell(component, "/order"),
                ];
                rows.push((rank.unwrap_or(usize::MAX), row));
            }
        }
        rows.sort();
        let rows: Vec<Vec<String>> = rows.into_iter().map(|(_, row)| row).collect();
        output::table(&["VEHICLE", "COMPONENT", "VERDICT", "LEFT (80 %)", "HOURS", "ORDER"], &rows);
    });
    Ok(())
}

async fn vehicle_health(session: &Session, typed: &str) -> Result<()> {
    let vehicle = names::vehicle(&session.client, typed).await?;
    let shown = session.client.get(&format!("/v1/vehicles/{vehicle}/health")).await?;
    output::answer(session.format, &shown, |shown| {
        output::summary(&[
            ("WORST", output::cell(shown, "/worst")),
            ("GROUNDED", output::cell(shown, "/grounding/status")),
            ("BECAUSE", output::cell(shown, "/grounding/reason")),
            ("PERSON DECIDES", output::cell(shown, "/grounding/refused")),
            ("SET ASIDE", output::cell(shown, "/set_aside_total")),
        ]);
        for component in shown["components"].as_array().into_iter().flatten() {
            let cell = |pointer| output::cell(component, pointer);
            output::line(format!("{}  {}  {}", cell("/component"), cell("/assessment/verdict"), left(component)));
            for reason in component["assessment"]["reasons"].as_array().into_iter().flatten() {
                output::line(format!("  {}", reason.as_str().unwrap_or_default()));
            }
        }
        for doubtful in shown["set_aside"].as_array().into_iter().flatten().rev().take(5) {
            let cell = |pointer| output::cell(doubtful, pointer);
            output::line(format!("set aside: {} {}: {}", cell("/component"), cell("/signal"), cell("/reason")));
        }
    });
    Ok(())
}

async fn orders(session: &Session, vehicle: Option<String>, limit: u64) -> Result<()> {
    let vehicle = match vehicle {
        Some(typed) => Some(names::vehicle(&session.client, &typed).await?),
        None => None,
    };
    let found = List::of("/v1/work-orders").filter("vehicle", vehicle).first(&session.client, limit).await?;
    found.print(session.format, |found| {
        let row = |order: &Value| {
            let cell = |pointer| output::cell(order, pointer);
            let id = cell("/id");
            let short = id.get(id.len().saturating_sub(6)..).unwrap_or(&id).to_owned();
            let from = cell("/slot/from");
            vec![
                short,
                cell("/vehicle_name"),
                cell("/component"),
                cell("/status"),
                cell("/priority"),
                cell("/slot/bay"),
                from,
            ]
        };
        let rows = items(found).iter().map(row).collect::<Vec<_>>();
        output::table(&["ORDER", "VEHICLE", "COMPONENT", "STATUS", "PRIORITY", "BAY", "FROM"], &rows);
    });
    Ok(())
}

/// The id of an order that was typed.
async fn order_id(session: &Session, typed: &str) -> Result<String> {
    if typed.parse::<maintenance::OrderId>().is_ok() {
        return Ok(typed.to_owned());
    }
    ensure!(typed.len() >= SHORT_MIN, "type at least {SHORT_MIN} characters of the end of the order's id");
    let found = List::of("/v1/work-orders").first(&session.client, 10_000).await?;
    let ids: Vec<String> = items(&found.page).iter().map(|order| output::text(order, "/id")).collect();
    let alike: Vec<&String> = ids.iter().filter(|id| id.ends_with(typed)).collect();
    match alike.as_slice() {
        [one] => Ok((*one).clone()),
        [] => bail!("there is no work order {typed}: `atlasmesh maintenance orders` lists them"),
        _ => bail!("{typed} is the end of several work orders: type more of it"),
    }
}

async fn show(session: &Session, typed: &str) -> Result<()> {
    let id = order_id(session, typed).await?;
    let shown = session.client.get(&format!("/v1/work-orders/{id}")).await?;
    output::answer(session.format, &shown, print);
    Ok(())
}

fn print(order: &Value) {
    let cell = |pointer| output::cell(order, pointer);
    output::summary(&[
        ("ORDER", cell("/id")),
        ("VEHICLE", cell("/vehicle_name")),
        ("COMPONENT", cell("/component")),
        ("STATUS", cell("/status")),
        ("PRIORITY", cell("/priority")),
        ("BECAUSE", cell("/summary")),
        ("BAY", cell("/slot/bay")),
        ("TECHNICIAN", cell("/slot/technician")),
        ("FROM", cell("/slot/from")),
        ("WHY THEN", cell("/slot/reason")),
        ("NO SLOT", cell("/unscheduled")),
        ("WAITS FOR", cell("/hold_reason")),
        ("FOUND", cell("/closing")),
        ("RETURNED BY", cell("/returned_by")),
    ]);
    for (n, step) in order["checklist"].as_array().into_iter().flatten().enumerate() {
        let mark = if step["done_by"].is_string() { "x" } else { " " };
        output::line(format!("[{mark}] {} {}", n + 1, output::cell(step, "/text")));
    }
}

async fn change(session: &Session, typed: &str, verb: &str, body: Value) -> Result<()> {
    let id = order_id(session, typed).await?;
    let shown = session.client.post(&format!("/v1/work-orders/{id}/{verb}"), &body).await?;
    output::answer(session.format, &shown, print);
    Ok(())
}

async fn tick(session: &Session, typed: &str, step: Option<u32>) -> Result<()> {
    let id = order_id(session, typed).await?;
    let known = session.client.get(&format!("/v1/work-orders/{id}")).await?;
    let steps = known["checklist"].as_array().map_or(0, Vec::len);
    let path = format!("/v1/work-orders/{id}/step");
    let chosen: Vec<usize> = match step {
        Some(0) => bail!("steps are counted from 1"),
        Some(step) => vec![step as usize - 1],
        None => (0..steps).collect(),
    };
    let mut shown = known;
    for step in chosen {
        shown = session.client.post(&path, &json!({ "step": step })).await?;
    }
    output::answer(session.format, &shown, print);
    Ok(())
}

async fn request(session: &Session, options: RequestOptions) -> Result<()> {
    let vehicle = names::vehicle(&session.client, &options.vehicle).await?;
    let body = json!({
        "vehicle": vehicle, "component": options.component, "class": name_of(options.class),
        "summary": options.summary, "priority": options.priority,
    });
    let made = session.client.post("/v1/work-orders", &body).await?;
    output::answer(session.format, &made, |made| {
        let id = output::text(made, "/id");
        output::line(format!("work order {id}: `atlasmesh maintenance approve {id}` lets the workshop plan it"));
    });
    Ok(())
}

async fn ground(session: &Session, typed: &str) -> Result<()> {
    let vehicle = names::vehicle(&session.client, typed).await?;
    let shown = session.client.post(&format!("/v1/vehicles/{vehicle}/ground"), &json!({})).await?;
    output::answer(session.format, &shown, |shown| {
        output::line(format!(
            "grounding {}: {}",
            output::cell(shown, "/grounding/status"),
            output::cell(shown, "/grounding/reason")
        ));
    });
    Ok(())
}

async fn workshop(session: &Session, set: Option<&Path>) -> Result<()> {
    let shown = match set {
        None => session.client.get("/v1/workshop").await?,
        Some(path) => {
            let text = std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
            session.client.put("/v1/workshop", text, "application/json").await?
        }
    };
    output::answer(session.format, &shown, |shown| {
        let list = |value: &Value| {
            let words = value.as_array().into_iter().flatten().filter_map(Value::as_str);
            words.collect::<Vec<_>>().join(", ")
        };
        let bays = shown["bays"].as_array().into_iter().flatten();
        let bays: Vec<_> = bays.map(|bay| vec![output::cell(bay, "/name"), list(&bay["kinds"])]).collect();
        output::table(&["BAY", "KINDS"], &bays);
        let people = shown["technicians"].as_array().into_iter().flatten();
        let people: Vec<_> = people.map(|one| vec![output::cell(one, "/name"), list(&one["skills"])]).collect();
        output::table(&["TECHNICIAN", "SKILLS"], &people);
        output::summary(&[
            ("KM A DAY", output::cell(shown, "/utilisation/km_per_day")),
            ("VEHICLES NEEDED", output::cell(shown, "/vehicles_needed")),
            ("ALERTS A DAY", output::cell(shown, "/alerts_a_day")),
        ]);
    });
    Ok(())
}

fn print_model(model: &Value) {
    let cell = |pointer| output::cell(model, pointer);
    output::line(format!("{}  champion {}", cell("/class"), cell("/champion")));
    let row = |version: &Value| {
        [
            "/number",
            "/metrics/units",
            "/metrics/rmse",
            "/metrics/coverage90",
            "/metrics/width90",
            "/calibrated",
            "/comparison/better",
            "/trained_at",
        ]
        .map(|pointer| output::cell(version, pointer))
        .to_vec()
    };
    let rows: Vec<_> = model["versions"].as_array().into_iter().flatten().map(row).collect();
    output::table(&["VERSION", "PARTS", "RMSE", "IN 90 %", "WIDTH", "CALIBRATED", "BETTER", "AT"], &rows);
    for reason in model["drift"]["reasons"].as_array().into_iter().flatten() {
        output::line(format!("drift: {}", reason.as_str().unwrap_or_default()));
    }
    if model["failed"].is_string() {
        output::line(format!("the newest training gave nothing: {}", cell("/failed")));
    }
}

async fn models(session: &Session, class: Option<Class>) -> Result<()> {
    let shown = match class {
        Some(class) => session.client.get(&format!("/v1/models/{}", name_of(class))).await?,
        None => session.client.get("/v1/models").await?,
    };
    output::answer(session.format, &shown, |shown| match class {
        Some(_) => print_model(shown),
        None => {
            let row = |model: &Value| {
                let champion = model["champion"].as_u64();
                let decides = model["versions"].as_array().into_iter().flatten();
                let decides =
                    decides.clone().find(|version| version["number"].as_u64() == champion && champion.is_some());
                let of = |pointer| decides.map_or("-".to_owned(), |version| output::cell(version, pointer));
                let drift = if model["drift"].is_object() { "yes" } else { "no" };
                vec![
                    output::cell(model, "/class"),
                    output::cell(model, "/champion"),
                    of("/metrics/rmse"),
                    of("/metrics/coverage90"),
                    drift.to_owned(),
                ]
            };
            let rows = items(shown).iter().map(row).collect::<Vec<_>>();
            output::table(&["CLASS", "CHAMPION", "RMSE", "IN 90 %", "DRIFT"], &rows);
        }
    });
    Ok(())
}

async fn drift(session: &Session) -> Result<()> {
    let shown = session.client.get("/v1/models").await?;
    output::answer(session.format, &shown, |shown| {
        let drifting: Vec<&Value> = items(shown).iter().filter(|model| model["drift"].is_object()).collect();
        if drifting.is_empty() {
            output::line("no model drifts");
        }
        drifting.into_iter().for_each(print_model);
    });
    Ok(())
}

async fn move_model(session: &Session, class: Class, verb: &str, body: Value) -> Result<()> {
    let shown = session.client.post(&format!("/v1/models/{}/{verb}", name_of(class)), &body).await?;
    output::answer(session.format, &shown, print_model);
    Ok(())
}

async fn train(session: &Session, class: Class) -> Result<()> {
    let path = format!("/v1/models/{}", name_of(class));
    let asked = session.client.post(&format!("{path}/train"), &json!({})).await?;
    let number = asked["number"].as_u64().unwrap_or(0);
    let bar = if session.format == Format::Json { ProgressBar::hidden() } else { ProgressBar::new(100) };
    // A template without a mistake; a wrong one would only be drawn differently.
    if let Ok(style) = ProgressStyle::with_template("version {msg}  {bar:30}  {percent} %") {
        bar.set_style(style);
    }
    bar.set_message(number.to_string());
    loop {
        let shown = session.client.get(&path).await?;
        if shown["training"]["number"].as_u64() != Some(number) {
            bar.finish_and_clear();
            output::answer(session.format, &shown, print_model);
            let there = shown["versions"].as_array().into_iter().flatten().any(|version| version["number"] == number);
            ensure!(there, "the training gave no model: {}", output::cell(&shown, "/failed"));
            return Ok(());
        }
        bar.set_position((shown["progress"].as_f64().unwrap_or(0.0) * 100.0) as u64);
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// The lives of parts in a CSV file, by part.
fn lives(file: &Path) -> Result<BTreeMap<String, Value>> {
    let mut reader = csv::Reader::from_path(file).with_context(|| format!("{} cannot be read", file.display()))?;
    let mut parts: BTreeMap<String, Value> = BTreeMap::new();
    for (n, record) in reader.records().enumerate() {
        let line = n + 2;
        let record = record.with_context(|| format!("line {line}"))?;
        let field = |at: usize, name: &str| record.get(at).with_context(|| format!("line {line}: {name} is missing"));
        let number = |at: usize, name: &str| -> Result<f64> {
            field(at, name)?.trim().parse().with_context(|| format!("line {line}: {name} is no number"))
        };
        let (part, label) = (field(0, "part")?.to_owned(), field(1, "label")?.to_owned());
        let end_usage = number(2, "end_usage")?;
        let life = parts.entry(part).or_insert_with(|| json!({ "label": label, "end_usage": end_usage, "rows": [] }));
        // A line without a time says only how long the part lived.
        if field(3, "at_ms")?.trim().is_empty() {
            continue;
        }
        let values: Vec<Value> = record
            .iter()
            .skip(5)
            .map(|text| text.trim().parse::<f64>().map_or(Value::Null, |value| json!(value)))
            .collect();
        let row = json!({ "at_ms": number(3, "at_ms")? as u64, "usage": number(4, "usage")?, "values": values });
        if let Some(rows) = life["rows"].as_array_mut() {
            rows.push(row);
        }
    }
    Ok(parts)
}

async fn import(session: &Session, class: Class, file: &Path) -> Result<()> {
    let parts = lives(file)?;
    let class = name_of(class);
    let bar = if session.format == Format::Json { ProgressBar::hidden() } else { ProgressBar::new(parts.len() as u64) };
    for (part, life) in &parts {
        let path = format!("/v1/models/{class}/histories/{part}");
        session.client.put(&path, serde_json::to_vec(life)?, "application/json").await?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    output::answer(session.format, &json!({ "parts": parts.len() }), |_| {
        output::line(format!("{} lives are known: `atlasmesh maintenance train {class}`", parts.len()));
    });
    Ok(())
}

fn simulate(class: Class, parts: u16, seed: u64, out: &Path) -> Result<()> {
    let class: ComponentClass = serde_json::from_value(json!(name_of(class)))?;
    let mut writer = csv::Writer::from_path(out).with_context(|| format!("{} cannot be written", out.display()))?;
    let signals = class.spec().signals.iter().map(|signal| signal.name);
    writer.write_record(["part", "label", "end_usage", "at_ms", "usage"].into_iter().chain(signals))?;
    for (n, life) in history(class, usize::from(parts), seed, ROWS_OF_A_LIFE).into_iter().enumerate() {
        let label = if life.outcome == Outcome::Failed { "failed" } else { "censored" };
        for row in &life.rows {
            let head = [
                format!("part-{n:04}"),
                label.to_owned(),
                life.end_usage.to_string(),
                row.at_ms.to_string(),
                row.usage.to_string(),
            ];
            let values =
                row.values.iter().map(|value| if value.is_finite() { value.to_string() } else { String::new() });
            writer.write_record(head.into_iter().chain(values))?;
        }
    }
    writer.flush()?;
    output::line(format!("{parts} lives in {}", out.display()));
    Ok(())
}

//! `atlasmesh sector …`, `subscription …`, `flags …`.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::args::{FlagCommand, SectorCommand, SubscriptionCommand};
use super::pages::Listed;
use super::{Session, items, output};

/// The most items of a list that is answered whole.
const WHOLE: u64 = 1_000;

fn joined(value: &Value, pointer: &str) -> String {
    let items = value.pointer(pointer).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
}

fn show(session: &Session, in_force: &Value) {
    output::answer(session.format, in_force, |known| {
        let text = |pointer: &str| output::text(known, pointer);
        if known.get("active") != Some(&Value::Bool(true)) {
            output::line(format!("no overlay is in force; the tenant's sector is {}", text("/sector")));
            return;
        }
        output::line(format!("{} {} (generation {})", text("/title"), text("/version"), text("/generation")));
        output::line(format!("overlay    {}", text("/digest")));
        output::line(format!("since      {} by {}", text("/activated_at"), text("/activated_by")));
        output::line(format!("features   {}", joined(known, "/features")));
        output::line(format!("modules    {}", joined(known, "/ui/modules")));
        let nouns = known.pointer("/terms/nouns").and_then(Value::as_object).into_iter().flatten();
        let words = nouns.map(|(noun, word)| format!("{noun} = {}", output::text(word, "/one")));
        output::line(format!("words      {}", words.collect::<Vec<_>>().join(", ")));
    });
}

pub async fn run(session: &Session, command: SectorCommand) -> Result<()> {
    let client = &session.client;
    match command {
        SectorCommand::Show => show(session, &client.get("/v1/sector").await?),
        SectorCommand::List => {
            let sectors = Listed::of_whole(client.get("/v1/sectors").await?, WHOLE);
            sectors.print(session.format, |sectors| {
                let rows = items(sectors, &["/sector", "/version", "/active", "/entitled", "/missing"]);
                output::table(&["SECTOR", "VERSION", "IN FORCE", "ENTITLED", "MISSING"], &rows);
            });
        }
        SectorCommand::Preview { sector } => {
            let preview = client.post(&format!("/v1/sectors/{sector}/preview"), &json!({})).await?;
            output::answer(session.format, &preview, preview_lines);
        }
        SectorCommand::Activate { sector, reason } => {
            let path = format!("/v1/sectors/{sector}/activate");
            show(session, &client.post(&path, &json!({ "reason": reason })).await?);
        }
        SectorCommand::Rollback { reason } => {
            show(session, &client.post("/v1/sector/rollback", &json!({ "reason": reason })).await?);
        }
        SectorCommand::Limits => {
            let known = client.get("/v1/sector").await?;
            let limits = Listed::of_whole(json!({ "items": known["limits"] }), WHOLE);
            limits.print(session.format, |limits| {
                let rows = items(limits, &["/limit", "/scope", "/value", "/kept_by", "/rules"]);
                output::table(&["LIMIT", "PLACE", "VALUE", "KEPT BY", "RULES"], &rows);
            });
        }
        SectorCommand::Features => {
            let features = Listed::of_whole(client.get("/v1/sector/features").await?, WHOLE);
            features.print(session.format, |features| {
                let rows =
                    items(features, &["/feature", "/effective", "/installed", "/entitled", "/flag", "/policy", "/why"]);
                let heads = ["FEATURE", "EFFECTIVE", "INSTALLED", "ENTITLED", "FLAG", "POLICY", "WHY"];
                output::table(&heads, &rows);
            });
        }
    }
    Ok(())
}

fn preview_lines(preview: &Value) {
    let list = |pointer: &str| preview.pointer(pointer).and_then(Value::as_array).cloned().unwrap_or_default();
    if preview.get("allowed") != Some(&Value::Bool(true)) {
        output::line(format!("the subscription does not allow it: it needs {}", joined(preview, "/denial/required")));
    }
    for part in list("/parts") {
        output::line(output::text(&part, "/part"));
        for change in part.get("changes").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
            output::line(format!("  {change}"));
        }
    }
    for trip in list("/trips") {
        output::line(format!("trip {} would be refused: {}", output::text(&trip, "/trip"), joined(&trip, "/loses")));
    }
    let (outside, all) = (list("/vehicles_not_admitted").len(), output::text(preview, "/vehicles"));
    if outside > 0 {
        output::line(format!("{outside} of {all} vehicles were not admitted to it and get no trips there"));
    }
}

pub async fn subscription(session: &Session, command: SubscriptionCommand) -> Result<()> {
    let client = &session.client;
    match command {
        SubscriptionCommand::Show => subscribed(session, &client.get("/v1/subscription").await?),
        SubscriptionCommand::Check { feature, sector, requested } => {
            let body = json!({ "feature": feature, "sector": sector, "requested": requested });
            let answer = client.post("/v1/entitlements/check", &body).await?;
            output::answer(session.format, &answer, |answer| {
                if answer.get("allowed") == Some(&Value::Bool(true)) {
                    output::line(format!("{feature}: allowed, limit {}", output::cell(answer, "/limit")));
                } else {
                    let (reason, needs) = (output::text(answer, "/reason"), joined(answer, "/required"));
                    output::line(format!("{feature}: denied ({reason}); it needs {needs}"));
                    for option in answer.get("upgrade_options").and_then(Value::as_array).into_iter().flatten() {
                        let (kind, title) = (output::text(option, "/kind"), output::text(option, "/title"));
                        output::line(format!("  {kind} {title}: {}", joined(option, "/unlocks")));
                    }
                }
            });
        }
        SubscriptionCommand::Set { tenant, plan, sectors, add_ons, until, suspended, reason } => {
            let mut counted = BTreeMap::new();
            for text in &add_ons {
                let (name, count) = text.split_once('=').context("an add-on is NAME=COUNT")?;
                let count: u32 = count.parse().with_context(|| format!("{count} is no number of {name}"))?;
                counted.insert(name, count);
            }
            let body = json!({
                "plan": plan, "sectors": sectors, "add_ons": counted, "valid_until": until, "suspended": suspended,
                "reason": reason,
            });
            subscribed(
                session,
                &client
                    .put(&format!("/v1/tenants/{tenant}/subscription"), serde_json::to_vec(&body)?, "application/json")
                    .await?,
            );
        }
    }
    Ok(())
}

fn subscribed(session: &Session, known: &Value) {
    output::answer(session.format, known, |known| {
        let text = |pointer: &str| output::text(known, pointer);
        output::line(format!("{} ({}), for {}", text("/title"), text("/plan"), joined(known, "/sectors")));
        let features = known.get("features").and_then(Value::as_array).cloned().unwrap_or_default();
        let granted = features.iter().filter(|feature| feature.get("granted") == Some(&Value::Bool(true)));
        let rows: Vec<Vec<String>> = granted
            .map(|feature| ["/id", "/title", "/limit"].map(|pointer| output::cell(feature, pointer)).to_vec())
            .collect();
        output::table(&["FEATURE", "WHAT", "LIMIT"], &rows);
    });
}

pub async fn flags(session: &Session, command: FlagCommand) -> Result<()> {
    let client = &session.client;
    let (flag, variant, reason) = match command {
        FlagCommand::List => {
            let flags = Listed::of_whole(client.get("/v1/flags").await?, WHOLE);
            flags.print(session.format, |flags| {
                let columns = ["/key", "/class", "/variant", "/reason", "/owner", "/expires", "/chosen/by"];
                let heads = ["FLAG", "CLASS", "VARIANT", "REASON", "OWNER", "EXPIRES", "CHOSEN BY"];
                output::table(&heads, &items(flags, &columns));
            });
            return Ok(());
        }
        FlagCommand::Choose { flag, variant, reason } => (flag, Some(variant), reason),
        FlagCommand::Clear { flag, reason } => (flag, None, reason),
    };
    let body = json!({ "variant": variant, "reason": reason });
    let done = client.put(&format!("/v1/flags/{flag}"), serde_json::to_vec(&body)?, "application/json").await?;
    output::answer(session.format, &done, |done| match done.get("key") {
        Some(_) => output::line(format!("{flag} is {}", output::cell(done, "/variant"))),
        None => {
            output::line(format!("a second person decides: atlasmesh approvals approve {}", output::text(done, "/id")))
        }
    });
    Ok(())
}

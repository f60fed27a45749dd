//! `atlasmesh policy …`: the life of a policy.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::{Map, Value, json};

use super::args::PolicyCommand;
use super::pages::Listed;
use super::{Session, items, output, read};
use crate::serve::policies;

/// The most items of a list that is answered whole.
const WHOLE: u64 = 1_000;

fn text_of(path: &Path) -> Result<String> {
    String::from_utf8(read(path)?).with_context(|| format!("{} is not UTF-8", path.display()))
}

fn list(value: &Value, pointer: &str) -> Vec<Value> {
    value.pointer(pointer).and_then(Value::as_array).cloned().unwrap_or_default()
}

fn words(value: &Value, pointer: &str) -> String {
    list(value, pointer).iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
}

/// `NAME=VALUE`s, each a JSON value or a word.
fn facts_of(texts: &[String]) -> Result<Map<String, Value>> {
    let fact = |text: &String| {
        let (name, value) = text.split_once('=').with_context(|| format!("{text} is not NAME=VALUE"))?;
        let value = serde_json::from_str(value).unwrap_or_else(|_| value.into());
        Ok((name.to_owned(), value))
    };
    texts.iter().map(fact).collect()
}

#[expect(clippy::too_many_lines, reason = "one list of everything that can be typed")]
pub async fn run(session: &Session, command: PolicyCommand) -> Result<()> {
    use PolicyCommand as Command;
    let client = &session.client;
    let of_draft = |draft: &str, what: &str| format!("/v1/policy-drafts/{draft}/{what}");
    match command {
        Command::Export { folder } => return policies::export(&folder),
        Command::Show { rule } => show(session, rule.as_deref()).await?,
        Command::Vocabulary { action } => vocabulary(session, action.as_deref()).await?,
        Command::Check { text, cases } => {
            let cases = cases.as_deref().map(text_of).transpose()?;
            let body = json!({ "text": text_of(&text)?, "cases": cases });
            let checked = client.post("/v1/policies/check", &body).await?;
            output::answer(session.format, &checked, print_check);
            ensure!(checked.get("ok") == Some(&Value::Bool(true)), "the text is wrong");
            let failed = checked.pointer("/tested/failed").and_then(Value::as_u64).unwrap_or_default();
            ensure!(failed == 0, "{failed} cases fail");
        }
        Command::Draft { text, cases, name, revise, reason } => {
            let (text, cases) = (text_of(&text)?, text_of(&cases)?);
            let draft = match revise {
                Some(draft) => {
                    let body = json!({ "text": text, "cases": cases, "reason": reason });
                    let path = format!("/v1/policy-drafts/{draft}");
                    client.put(&path, serde_json::to_vec(&body)?, "application/json").await?
                }
                None => {
                    let body = json!({ "name": name, "text": text, "cases": cases, "reason": reason });
                    client.post("/v1/policy-drafts", &body).await?
                }
            };
            output::answer(session.format, &draft, print_draft);
        }
        Command::Drafts => {
            let drafts = Listed::of_whole(client.get("/v1/policy-drafts").await?, WHOLE);
            drafts.print(session.format, |drafts| {
                let columns = ["/id", "/name", "/state", "/revision", "/changed_at"];
                output::table(&["DRAFT", "NAME", "STATE", "REVISION", "CHANGED"], &items(drafts, &columns));
            });
        }
        Command::Test { draft } => {
            let report = client.post(&of_draft(&draft, "test"), &json!({})).await?;
            output::answer(session.format, &report, print_cases);
        }
        Command::Diff { draft, limit } => {
            let report = client.post(&of_draft(&draft, "replay"), &json!({ "limit": limit })).await?;
            output::answer(session.format, &report, print_replay);
        }
        Command::Shadow { draft, off, reason } => {
            let body = json!({ "on": !off, "reason": reason });
            output::answer(session.format, &client.post(&of_draft(&draft, "shadow"), &body).await?, print_draft);
        }
        Command::Activate { draft, reason } => {
            asked(session, &client.post(&of_draft(&draft, "activate"), &json!({ "reason": reason })).await?);
        }
        Command::Withdraw { draft, reason } => {
            let done = client.post(&of_draft(&draft, "withdraw"), &json!({ "reason": reason })).await?;
            output::answer(session.format, &done, print_draft);
        }
        Command::Rollback { generation, reason } => {
            let body = json!({ "generation": generation, "reason": reason });
            asked(session, &client.post("/v1/policies/rollback", &body).await?);
        }
        Command::Explain { action, resource, role, facts, draft } => {
            let body = json!({
                "action": action, "resource": resource, "role": role, "facts": facts_of(&facts)?, "draft": draft,
            });
            output::answer(session.format, &client.post("/v1/policies/explain", &body).await?, print_decision);
        }
        Command::Waivers => {
            let waivers = Listed::of_whole(client.get("/v1/waivers").await?, WHOLE);
            waivers.print(session.format, |waivers| {
                let columns = ["/id", "/rule", "/state", "/until", "/granted_by", "/approved_by"];
                output::table(&["WAIVER", "RULE", "STATE", "UNTIL", "BY", "APPROVED BY"], &items(waivers, &columns));
            });
        }
        Command::Waive { rule, until, reason } => {
            let body = json!({ "rule": rule, "until": until, "reason": reason });
            asked(session, &client.post("/v1/waivers", &body).await?);
        }
        Command::Unwaive { waiver, reason } => {
            let done = client.post(&format!("/v1/waivers/{waiver}/end"), &json!({ "reason": reason })).await?;
            output::answer(session.format, &done, |done| {
                output::line(format!("{} holds again", output::text(done, "/rule")));
            });
        }
    }
    Ok(())
}

/// Says what a second person does next.
fn asked(session: &Session, approval: &Value) {
    output::answer(session.format, approval, |approval| {
        output::line(output::text(approval, "/summary"));
        output::line(format!(
            "a second person approves: atlasmesh approvals approve {} --reason …",
            output::text(approval, "/id")
        ));
    });
}

async fn show(session: &Session, rule: Option<&str>) -> Result<()> {
    let known = session.client.get("/v1/policies").await?;
    let rules = list(&known, "/rules");
    if let Some(id) = rule {
        let found = rules.iter().find(|rule| output::text(rule, "/id") == id);
        let found = found.with_context(|| format!("no rule {id} is in force: atlasmesh policy show lists them"))?;
        output::answer(session.format, found, |rule| output::line(output::text(rule, "/text")));
        return Ok(());
    }
    output::answer(session.format, &known, |known| {
        output::line(format!("bundle {}", output::text(known, "/bundle")));
        match known.get("own").filter(|own| !own.is_null()) {
            Some(own) => {
                let text = |pointer: &str| output::text(own, pointer);
                output::line(format!(
                    "own rules: generation {} \"{}\" by {}",
                    text("/generation"),
                    text("/name"),
                    text("/activated_by")
                ));
            }
            None => output::line("own rules: none"),
        }
        let columns = ["/id", "/layer", "/effect", "/purpose"];
        let rows: Vec<Vec<String>> =
            rules.iter().map(|rule| columns.map(|pointer| output::cell(rule, pointer)).to_vec()).collect();
        output::table(&["RULE", "LAYER", "EFFECT", "PURPOSE"], &rows);
    });
    Ok(())
}

async fn vocabulary(session: &Session, action: Option<&str>) -> Result<()> {
    let mut known = session.client.get("/v1/policies/vocabulary").await?;
    if let Some(name) = action {
        let wanted: Vec<Value> =
            list(&known, "/actions").into_iter().filter(|of| output::text(of, "/action") == name).collect();
        ensure!(!wanted.is_empty(), "no act is named {name}: atlasmesh policy vocabulary lists them");
        known["actions"] = wanted.into();
    }
    output::answer(session.format, &known, |known| {
        for action in list(known, "/actions") {
            output::line(format!("{} ({})", output::text(&action, "/action"), words(&action, "/resources")));
            for fact in list(&action, "/facts") {
                let optional = if fact.get("required") == Some(&Value::Bool(true)) { "" } else { "?" };
                output::line(format!("  {}{optional}: {}", output::text(&fact, "/name"), output::text(&fact, "/type")));
            }
        }
    });
    Ok(())
}

fn print_check(checked: &Value) {
    for (word, pointer) in [("wrong", "/faults"), ("look at", "/warnings")] {
        for fault in list(checked, pointer) {
            let policy = fault.get("policy").and_then(Value::as_str).map(|id| format!("{id}: ")).unwrap_or_default();
            output::line(format!(
                "{word}, line {}: {policy}{}",
                output::text(&fault, "/line"),
                output::text(&fault, "/problem")
            ));
        }
    }
    for rule in list(checked, "/rules") {
        output::line(format!(
            "{} ({}) of {}",
            output::text(&rule, "/id"),
            output::text(&rule, "/effect"),
            words(&rule, "/actions")
        ));
    }
    if let Some(tested) = checked.get("tested").filter(|tested| !tested.is_null()) {
        print_cases(tested);
    }
}

fn print_cases(report: &Value) {
    for case in list(report, "/cases") {
        let text = |pointer: &str| output::text(&case, pointer);
        match case.get("passed") == Some(&Value::Bool(true)) {
            true => output::line(format!("ok    {}", text("/name"))),
            false => output::line(format!(
                "FAIL  {}: expected {}, found {}",
                text("/name"),
                text("/expected"),
                text("/found")
            )),
        }
    }
    let (passed, failed) = (output::text(report, "/passed"), output::text(report, "/failed"));
    output::line(format!("{passed} passed, {failed} failed"));
    let untested = words(report, "/untested");
    if !untested.is_empty() {
        output::line(format!("rules that fire in no case: {untested}"));
    }
}

fn print_replay(report: &Value) {
    let text = |pointer: &str| output::text(report, pointer);
    output::line(format!(
        "{} decisions: {} unchanged, {} would be denied, {} would be allowed, {} tighter, {} looser, {} not replayable",
        text("/evaluated"),
        text("/unchanged"),
        text("/allow_to_deny"),
        text("/deny_to_allow"),
        text("/tighter"),
        text("/looser"),
        text("/not_replayable")
    ));
    for row in list(report, "/rows") {
        let text = |pointer: &str| output::text(&row, pointer);
        output::line(format!(
            "{}  {:14}  {}  {}: {}",
            text("/at"),
            text("/change"),
            text("/action"),
            text("/resource"),
            text("/text")
        ));
    }
}

fn print_draft(draft: &Value) {
    let text = |pointer: &str| output::text(draft, pointer);
    output::line(format!(
        "draft {} \"{}\" ({}, revision {})",
        text("/id"),
        text("/name"),
        text("/state"),
        text("/revision")
    ));
    if let Some(shadow) = draft.get("shadow").filter(|shadow| !shadow.is_null()) {
        let text = |pointer: &str| output::text(shadow, pointer);
        output::line(format!(
            "in shadow since {}: of {} decisions {} would be denied, {} limited more",
            text("/since"),
            text("/decisions"),
            text("/would_deny"),
            text("/would_tighten")
        ));
    }
}

fn print_decision(decision: &Value) {
    output::line(output::text(decision, "/verdict"));
    for reason in list(decision, "/reasons") {
        let text = |pointer: &str| output::text(&reason, pointer);
        output::line(format!("  {} ({}, {})", text("/text"), text("/policy_id"), text("/layer")));
        if let Some(advice) = reason.get("advice").and_then(Value::as_str) {
            output::line(format!("    {advice}"));
        }
    }
    for change in list(decision, "/alternatives").iter().flat_map(|alternative| list(alternative, "/changes")) {
        let text = |pointer: &str| output::text(&change, pointer);
        output::line(format!("  allowed with {} {} instead of {}", text("/fact"), text("/to"), text("/from")));
    }
    for limit in list(decision, "/constraint_sources") {
        output::line(format!(
            "  limit {} ({})",
            limit.get("constraint").unwrap_or(&Value::Null),
            output::text(&limit, "/policy_id")
        ));
    }
}

//! `atlasmesh evidence …`: clauses, bundles, reports, issues and legal holds.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use clap::ValueEnum;
use hyper::body::Bytes;
use serde_json::{Map, Value, json};

use super::args::EvidenceCommand;
use super::authority;
use super::client::Call;
use super::output::{self, cell, line};
use super::pages::List;
use super::{Session, evidence_offline};

/// How long a bundle may take before the command says where to look for it.
const BUNDLE_LIMIT: Duration = Duration::from_secs(300);
/// How often it is asked how far a bundle is.
const BUNDLE_EVERY: Duration = Duration::from_millis(200);

#[expect(clippy::too_many_lines, reason = "one list of everything that can be typed")]
pub async fn run(session: &Session, command: EvidenceCommand) -> Result<()> {
    use EvidenceCommand as Command;
    match command {
        Command::Frameworks { framework } => frameworks(session, framework.as_deref()).await,
        Command::Classify { event } => classify(session, &event).await,
        Command::Profile { set } => profile(session, set.as_deref()).await,
        Command::Bundles { most } => bundles(session, most.limit).await,
        Command::Bundle { frameworks, about, from, until, purpose, out } => {
            let body = without_null(&json!({
                "frameworks": frameworks, "about": about, "from": from, "until": until, "purpose": purpose,
            }));
            bundle(session, &body, out.as_deref()).await
        }
        Command::Download { bundle, out } => {
            download(session, &format!("/v1/evidence/bundles/{bundle}/archive"), &out).await
        }
        Command::Key { out } => key(session, &out).await,
        Command::Verify { archive, key } => evidence_offline::verify(session.format, &archive, &key),
        Command::Forms { form } => forms(session, form.as_deref()).await,
        Command::Due => due(session).await,
        Command::Collision { file } => collision(session, &file).await,
        Command::Reports { most } => reports(session, most.limit).await,
        Command::Report { form, obligation, collision, from, until, values } => {
            let covered = match (from, until) {
                (Some(from), Some(until)) => json!({ "from": from, "until": until }),
                (None, None) => Value::Null,
                _ => bail!("a period has both --from and --until"),
            };
            let body = without_null(&json!({
                "form": form, "obligation": obligation, "collision": collision, "covered": covered,
                "values": given(&values)?,
            }));
            let made = session.client.post("/v1/evidence/reports", &body).await?;
            print_report(session, &made);
            Ok(())
        }
        Command::Show { report } => show(session, &report).await,
        Command::Give { report, values } => give(session, &report, &values).await,
        Command::Sign { report } => sign(session, &report).await,
        Command::Submit { report } => change(session, &report, "submit", &json!({})).await,
        Command::Correct { report, what } => change(session, &report, "correct", &json!({ "what": what })).await,
        Command::Document { report, format, out } => {
            let format = format.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
            download(session, &format!("/v1/evidence/reports/{report}/document?format={format}"), &out).await
        }
        Command::Issues => issues(session).await,
        Command::Mitigate { issue, mitigation } => {
            let name = mitigation.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
            let path = format!("/v1/compliance/issues/{issue}/mitigate");
            print_issue(session, &session.client.post(&path, &json!({ "mitigation": name })).await?);
            Ok(())
        }
        Command::Resolve { issue, how } => {
            let path = format!("/v1/compliance/issues/{issue}/resolve");
            print_issue(session, &session.client.post(&path, &json!({ "how": how })).await?);
            Ok(())
        }
        Command::Holds { most } => holds(session, most.limit).await,
        Command::Hold { subject, reason } => {
            let body = without_null(&json!({ "subject": subject, "reason": reason }));
            named(session, "hold", &session.client.post("/v1/evidence/holds", &body).await?)
        }
        Command::Release { hold, reason } => {
            let path = format!("/v1/evidence/holds/{hold}/release");
            named(session, "released", &session.client.post(&path, &json!({ "reason": reason })).await?)
        }
        Command::Erase { subject, reason } => erase(session, &subject, &reason).await,
        Command::Submissions
        | Command::RegisterKey { .. }
        | Command::Check { .. }
        | Command::SubmittedBundle { .. }
        | Command::Accept { .. }
        | Command::Reject { .. } => authority::run(session, command).await,
    }
}

fn items<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    value[name].as_array().into_iter().flatten()
}

fn without_null(value: &Value) -> Value {
    let known = value.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
    Value::Object(known.map(|(name, value)| (name.clone(), value.clone())).collect())
}

/// Values as they were typed: field=value.
fn given(values: &[String]) -> Result<Map<String, Value>> {
    let pair = |value: &String| {
        let (field, value) = value.split_once('=').with_context(|| format!("{value} is not field=value"))?;
        Ok((field.to_owned(), Value::from(value)))
    };
    values.iter().map(pair).collect()
}

fn named(session: &Session, what: &str, made: &Value) -> Result<()> {
    output::answer(session.format, made, |made| line(format!("{what} {}", cell(made, "/id"))));
    Ok(())
}

async fn frameworks(session: &Session, framework: Option<&str>) -> Result<()> {
    let shown = session.client.get("/v1/compliance").await?;
    let Some(framework) = framework else {
        output::answer(session.format, &shown, |shown| {
            let row = |of: &Value| {
                let applies = if of["applies"] == true { "yes" } else { "" };
                let names = ["/framework", "/satisfied", "/not_satisfied", "/not_evaluable", "/title"];
                let mut cells: Vec<String> = names.iter().map(|name| cell(of, name)).collect();
                cells.insert(1, applies.to_owned());
                cells
            };
            let rows: Vec<Vec<String>> = items(shown, "frameworks").map(row).collect();
            output::table(&["FRAMEWORK", "APPLIES", "SATISFIED", "NOT", "NOT EVALUABLE", "TITLE"], &rows);
            line(format!("adherence {}, {} open issues", cell(shown, "/adherence"), cell(shown, "/open_issues")));
        });
        return Ok(());
    };
    let found = items(&shown, "frameworks").find(|of| of["framework"] == framework);
    let found = found.with_context(|| format!("there is no framework {framework}: `atlasmesh evidence frameworks`"))?;
    output::answer(session.format, found, |found| {
        let row = |clause: &Value| {
            let names = ["/clause", "/verdict", "/evidence", "/open", "/mitigations", "/reason", "/words"];
            names.iter().map(|name| cell(clause, name)).collect::<Vec<_>>()
        };
        let rows: Vec<Vec<String>> = items(found, "clauses").map(row).collect();
        output::table(&["CLAUSE", "VERDICT", "EVIDENCE", "OPEN", "MITIGATED", "WHY", "ASKS FOR"], &rows);
        line(cell(found, "/disclaimer"));
    });
    Ok(())
}

async fn classify(session: &Session, event: &str) -> Result<()> {
    let shown = session.client.get(&format!("/v1/evidence/entries/{event}")).await?;
    output::answer(session.format, &shown, |shown| {
        line(format!("entry {} {} decision {}", cell(shown, "/index"), cell(shown, "/type"), cell(shown, "/decision")));
        items(shown, "clauses")
            .for_each(|clause| line(format!("  {} {}", cell(clause, "/role"), cell(clause, "/clause"))));
        let signature = shown.pointer("/signature/dsseEnvelope/signatures/0/keyid").and_then(Value::as_str);
        line(format!("signed by {}", signature.unwrap_or("nobody")));
    });
    Ok(())
}

async fn profile(session: &Session, set: Option<&Path>) -> Result<()> {
    let shown = match set {
        None => session.client.get("/v1/compliance/profile").await?,
        Some(path) => {
            let text = std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
            session.client.put("/v1/compliance/profile", text, "application/json").await?
        }
    };
    output::answer(session.format, &shown, |shown| {
        let words = |pointer: &str| {
            let words = shown.pointer(pointer).and_then(Value::as_array).into_iter().flatten();
            words.filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
        };
        output::summary(&[
            ("FRAMEWORKS", words("/profile/frameworks")),
            ("FORMS", words("/profile/forms")),
            ("ASSESSED EVERY", format!("{} minutes", cell(shown, "/profile/assess_every_minutes"))),
            ("BUNDLE EVERY", format!("{} days", cell(shown, "/profile/bundle_every_days"))),
            ("ASSESSED", cell(shown, "/assessed_at")),
            ("SATISFIED", cell(shown, "/verdicts/satisfied")),
            ("NOT SATISFIED", cell(shown, "/verdicts/not_satisfied")),
            ("NOT EVALUABLE", cell(shown, "/verdicts/not_evaluable")),
        ]);
    });
    Ok(())
}

async fn bundles(session: &Session, limit: u64) -> Result<()> {
    let found = List::of("/v1/evidence/bundles").first(&session.client, limit).await?;
    found.print(session.format, |found| {
        let row = |bundle: &Value| {
            let names = ["/id", "/status", "/archive/events", "/archive/adherence", "/requested_at", "/wanted/purpose"];
            names.iter().map(|name| cell(bundle, name)).collect::<Vec<_>>()
        };
        let rows: Vec<Vec<String>> = items(found, "items").map(row).collect();
        output::table(&["BUNDLE", "STATUS", "EVENTS", "ADHERENCE", "ASKED", "PURPOSE"], &rows);
    });
    Ok(())
}

async fn bundle(session: &Session, body: &Value, out: Option<&Path>) -> Result<()> {
    let asked = session.client.post("/v1/evidence/bundles", body).await?;
    let path = format!("/v1/evidence/bundles/{}", output::text(&asked, "/id"));
    let began = Instant::now();
    let made = loop {
        let shown = session.client.get(&path).await?;
        match shown["status"].as_str() {
            Some("REQUESTED") if began.elapsed() < BUNDLE_LIMIT => tokio::time::sleep(BUNDLE_EVERY).await,
            Some("REQUESTED") => bail!("it is still being made: look at `atlasmesh evidence bundles`"),
            Some("FAILED") => bail!("it could not be made: {}", cell(&shown, "/failure")),
            _ => break shown,
        }
    };
    if let Some(out) = out {
        download(session, &format!("{path}/archive"), out).await?;
    }
    output::answer(session.format, &made, |made| {
        output::summary(&[
            ("BUNDLE", cell(made, "/id")),
            ("STATUS", cell(made, "/status")),
            ("EVENTS", cell(made, "/archive/events")),
            ("SATISFIED", cell(made, "/archive/verdicts/satisfied")),
            ("NOT SATISFIED", cell(made, "/archive/verdicts/not_satisfied")),
            ("NOT EVALUABLE", cell(made, "/archive/verdicts/not_evaluable")),
            ("WITNESSED", cell(made, "/archive/witnessed")),
            ("SHA-256", cell(made, "/archive/sha256")),
        ]);
        let why = made.pointer("/archive/incomplete").and_then(Value::as_array).into_iter().flatten();
        why.filter_map(Value::as_str).for_each(|reason| line(format!("incomplete: {reason}")));
    });
    Ok(())
}

pub(super) async fn download(session: &Session, path: &str, out: &Path) -> Result<()> {
    let call = Call { method: "GET".into(), path: path.to_owned(), body: None, headers: Vec::new() };
    let bytes: Bytes = session.client.call(call).await?;
    std::fs::write(out, &bytes).with_context(|| format!("{} cannot be written", out.display()))?;
    line(format!("{} ({} bytes)", out.display(), bytes.len()));
    Ok(())
}

async fn key(session: &Session, out: &Path) -> Result<()> {
    let key = session.client.get("/v1/evidence-key").await?;
    std::fs::write(out, output::text(&key, "/public_pem"))
        .with_context(|| format!("{} cannot be written", out.display()))?;
    line(format!("{} ({})", out.display(), cell(&key, "/keyid")));
    Ok(())
}

async fn forms(session: &Session, form: Option<&str>) -> Result<()> {
    let shown = session.client.get("/v1/evidence/forms").await?;
    let Some(form) = form else {
        output::answer(session.format, &shown, |shown| {
            let row = |form: &Value| ["/form", "/authority", "/title"].iter().map(|name| cell(form, name)).collect();
            let rows: Vec<Vec<String>> = items(shown, "items").map(row).collect();
            output::table(&["FORM", "AUTHORITY", "TITLE"], &rows);
        });
        return Ok(());
    };
    let found = items(&shown, "items").find(|of| of["form"] == form);
    let found = found.with_context(|| format!("there is no form {form}: `atlasmesh evidence forms` lists them"))?;
    output::answer(session.format, found, |found| {
        let row = |field: &Value| {
            let names = ["/id", "/required", "/setting", "/title"];
            names.iter().map(|name| cell(field, name)).collect::<Vec<_>>()
        };
        let rows: Vec<Vec<String>> = items(found, "fields").map(row).collect();
        output::table(&["FIELD", "REQUIRED", "SETTING", "TITLE"], &rows);
        line(cell(found, "/disclaimer"));
    });
    Ok(())
}

async fn due(session: &Session) -> Result<()> {
    let shown = session.client.get("/v1/evidence/obligations").await?;
    output::answer(session.format, &shown, |shown| {
        let row = |due: &Value| {
            let names = ["/id", "/form", "/status", "/due_day", "/due_at", "/zone", "/about"];
            names.iter().map(|name| cell(due, name)).collect::<Vec<_>>()
        };
        let rows: Vec<Vec<String>> = items(shown, "items").map(row).collect();
        output::table(&["OBLIGATION", "FORM", "STATUS", "LAST DAY", "BEFORE", "ZONE", "ABOUT"], &rows);
    });
    Ok(())
}

async fn collision(session: &Session, file: &Path) -> Result<()> {
    let text = std::fs::read(file).with_context(|| format!("{} cannot be read", file.display()))?;
    let body: Value = serde_json::from_slice(&text).with_context(|| format!("{} is no JSON", file.display()))?;
    let made = session.client.post("/v1/collisions", &body).await?;
    output::answer(session.format, &made, |made| {
        line(format!("{}: report {}", cell(made, "/id"), cell(made, "/report")));
    });
    Ok(())
}

async fn reports(session: &Session, limit: u64) -> Result<()> {
    let found = List::of("/v1/evidence/reports").first(&session.client, limit).await?;
    found.print(session.format, |found| {
        let row = |report: &Value| {
            let names = ["/id", "/form", "/status", "/version", "/drafted_at"];
            names.iter().map(|name| cell(report, name)).collect::<Vec<_>>()
        };
        let rows: Vec<Vec<String>> = items(found, "items").map(row).collect();
        output::table(&["REPORT", "FORM", "STATUS", "VERSION", "BEGUN"], &rows);
    });
    Ok(())
}

pub(super) fn print_report(session: &Session, report: &Value) {
    output::answer(session.format, report, |report| {
        output::summary(&[
            ("REPORT", cell(report, "/id")),
            ("FORM", cell(report, "/form")),
            ("STATUS", cell(report, "/status")),
            ("VERSION", cell(report, "/version")),
            ("TO CORRECT", cell(report, "/correction/what")),
            ("BY", cell(report, "/correction/owner")),
            ("UNTIL", cell(report, "/correction/due_at")),
            ("CORRECTED", cell(report, "/correction/done")),
        ]);
        for version in items(report, "versions") {
            let answer = match version["answer"]["accepted"].as_bool() {
                Some(true) => format!("accepted as {}", cell(version, "/answer/confirmation")),
                Some(false) => format!("rejected: {}", cell(version, "/answer/reason")),
                None => String::new(),
            };
            let (number, submitted) = (cell(version, "/version"), cell(version, "/submitted_at"));
            line(format!("version {number}: signed {}, submitted {submitted} {answer}", cell(version, "/signed_at")));
        }
    });
}

async fn show(session: &Session, report: &str) -> Result<()> {
    let shown = session.client.get(&format!("/v1/evidence/reports/{report}")).await?;
    print_report(session, &shown);
    let preview = session.client.get(&format!("/v1/evidence/reports/{report}/preview")).await?;
    let row = |field: &Value| {
        let names = ["/id", "/value", "/from", "/counted"];
        names.iter().map(|name| cell(field, name)).collect::<Vec<_>>()
    };
    let rows: Vec<Vec<String>> = items(&preview, "fields").map(row).collect();
    if session.format == output::Format::Human {
        output::table(&["FIELD", "VALUE", "FROM", "ENTRIES"], &rows);
        let missing = items(&preview, "missing").filter_map(Value::as_str).collect::<Vec<_>>().join(", ");
        if !missing.is_empty() {
            line(format!("missing: {missing}"));
        }
    }
    Ok(())
}

async fn give(session: &Session, report: &str, values: &[String]) -> Result<()> {
    let shown = session.client.get(&format!("/v1/evidence/reports/{report}")).await?;
    let mut known = shown["values"].as_object().cloned().unwrap_or_default();
    known.extend(given(values)?);
    let body = serde_json::to_vec(&json!({ "values": known }))?;
    let shown = session.client.put(&format!("/v1/evidence/reports/{report}/values"), body, "application/json").await?;
    print_report(session, &shown);
    Ok(())
}

/// The bundle of a report may still be made.
async fn sign(session: &Session, report: &str) -> Result<()> {
    let began = Instant::now();
    loop {
        match session.client.post(&format!("/v1/evidence/reports/{report}/sign"), &json!({})).await {
            Ok(signed) => {
                print_report(session, &signed);
                return Ok(());
            }
            Err(error) if error.to_string().contains("being made") => {
                ensure!(began.elapsed() < BUNDLE_LIMIT, "its bundle is still being made: try again later");
                tokio::time::sleep(BUNDLE_EVERY).await;
            }
            Err(error) => return Err(error),
        }
    }
}

async fn change(session: &Session, report: &str, verb: &str, body: &Value) -> Result<()> {
    let shown = session.client.post(&format!("/v1/evidence/reports/{report}/{verb}"), body).await?;
    print_report(session, &shown);
    Ok(())
}

fn print_issue(session: &Session, issue: &Value) {
    output::answer(session.format, issue, |issue| {
        output::summary(&[
            ("ISSUE", cell(issue, "/id")),
            ("KIND", cell(issue, "/kind")),
            ("STATUS", cell(issue, "/status")),
            ("TITLE", cell(issue, "/title")),
            ("OWNER", cell(issue, "/owner")),
            ("UNTIL", cell(issue, "/due_at")),
        ]);
        for step in items(issue, "steps") {
            line(format!("{}: {}", cell(step, "/mitigation"), cell(step, "/outcome")));
        }
    });
}

async fn issues(session: &Session) -> Result<()> {
    let shown = session.client.get("/v1/compliance/issues?open=true").await?;
    output::answer(session.format, &shown, |shown| {
        let row = |issue: &Value| {
            let names = ["/id", "/kind", "/status", "/owner", "/due_at", "/title"];
            names.iter().map(|name| cell(issue, name)).collect::<Vec<_>>()
        };
        let rows: Vec<Vec<String>> = items(shown, "items").map(row).collect();
        output::table(&["ISSUE", "KIND", "STATUS", "OWNER", "UNTIL", "TITLE"], &rows);
    });
    Ok(())
}

async fn holds(session: &Session, limit: u64) -> Result<()> {
    let found = List::of("/v1/evidence/holds").first(&session.client, limit).await?;
    found.print(session.format, |found| {
        let row = |hold: &Value| {
            let names = ["/id", "/subject", "/placed_at", "/released_at", "/reason"];
            names.iter().map(|name| cell(hold, name)).collect::<Vec<_>>()
        };
        let rows: Vec<Vec<String>> = items(found, "items").map(row).collect();
        output::table(&["HOLD", "SUBJECT", "PLACED", "RELEASED", "REASON"], &rows);
    });
    Ok(())
}

async fn erase(session: &Session, subject: &str, reason: &str) -> Result<()> {
    let body = json!({ "subject": subject, "reason": reason });
    let erased = session.client.post("/v1/evidence/erasures", &body).await?;
    output::answer(session.format, &erased, |erased| {
        let fields = items(erased, "fields").filter_map(Value::as_str).collect::<Vec<_>>().join(", ");
        line(format!("erased {fields} of {}", cell(erased, "/subject")));
    });
    Ok(())
}

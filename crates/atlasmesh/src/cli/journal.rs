//! `atlasmesh journal` and `atlasmesh verify`.

use std::time::Duration;

use anyhow::{Result, bail};
use indicatif::{ProgressBar, ProgressFinish, ProgressStyle};
use serde::Deserialize;
use serde_json::{Value, json};
use store::verify::Progress;

use super::args::{JournalOptions, VerifyOptions};
use super::client::Client;
use super::pages::List;
use super::{Session, items, names, output};
use crate::serve;

/// How often it is asked how far a verification is.
const LOOK_EVERY: Duration = Duration::from_millis(200);

pub async fn show(session: &Session, options: JournalOptions) -> Result<()> {
    let about = match options.about {
        Some(subject) => Some(names::subject(&session.client, &subject).await?),
        None => None,
    };
    let entries = List::of("/v1/journal").filter("about", about).begins("from", options.from.to_string());
    entries.first(&session.client, options.most.limit).await?.print(session.format, |page| {
        let columns = ["/index", "/event/recorded_at", "/event/type", "/event/stream", "/event/actor/id"];
        output::table(&["POSITION", "RECORDED", "EVENT", "STREAM", "ACTOR"], &items(page, &columns));
    });
    Ok(())
}

/// Asks the running server to verify its tenant's log, or reads a stopped server's folder.
pub async fn verify(session: &Session, options: VerifyOptions) -> Result<()> {
    let bar = Bar::new();
    let report = match options.data {
        Some(folder) => {
            let told = |progress| bar.show(progress);
            serve::verify::folder(&folder, options.master_key.as_deref(), options.replay, told).await?
        }
        None => verified(&session.client, options.replay, &bar).await?,
    };
    drop(bar);
    output::answer(session.format, &report, print_report);
    match report.get("ok").and_then(Value::as_bool) {
        Some(true) => Ok(()),
        _ => bail!("the journal or the rows were changed: {}", output::text(&report, "/finding")),
    }
}

/// Has the server verify its tenant's log, and waits for the verdict.
///
/// # Errors
/// When the server gives none.
pub async fn verified(client: &Client, replay: bool, bar: &Bar) -> Result<Value> {
    let body = json!({ "replay": replay });
    let begin = || client.post("/v1/journal/verify", &body);
    let mut job: Job = serde_json::from_value(begin().await?)?;
    loop {
        bar.show(job.progress);
        match (job.state.as_str(), job.verdict) {
            // One that was under way already, and compares no rows.
            ("done", Some(_)) if replay && !job.replay => job = serde_json::from_value(begin().await?)?,
            ("done", Some(verdict)) => return Ok(verdict),
            ("failed", _) => bail!("the journal was not verified: {}", job.problem.unwrap_or_default()),
            _ => {
                tokio::time::sleep(LOOK_EVERY).await;
                job = serde_json::from_value(client.get(&format!("/v1/journal/verify/{}", job.id)).await?)?;
            }
        }
    }
}

/// A verification as the server tells it.
#[derive(Deserialize)]
struct Job {
    id: String,
    state: String,
    replay: bool,
    progress: Progress,
    verdict: Option<Value>,
    problem: Option<String>,
}

/// How far a verification is, on a terminal; nothing anywhere else.
pub struct Bar(ProgressBar);

impl Bar {
    pub fn new() -> Self {
        let style = ProgressStyle::with_template("{bar:30} {pos} of {len} entries, {msg} rows");
        let bar = ProgressBar::new(0).with_finish(ProgressFinish::AndClear);
        Self(style.map_or(bar.clone(), |style| bar.with_style(style)))
    }

    fn show(&self, progress: Progress) {
        self.0.set_length(progress.entries_total);
        self.0.set_position(progress.entries_done);
        self.0.set_message(progress.rows_compared.to_string());
    }
}

fn print_report(report: &Value) {
    for log in report.get("logs").and_then(Value::as_array).into_iter().flatten() {
        let text = |pointer| output::text(log, pointer);
        let verdict = if log.get("ok") == Some(&Value::Bool(true)) { "intact" } else { "CHANGED" };
        let verdict = output::painted(verdict);
        output::line(format!("{:20} {:>8} entries  root {}  {verdict}", text("/tenant"), text("/size"), text("/root")));
        if let Some(finding) = log.get("finding").and_then(Value::as_str) {
            output::line(format!("  {finding}"));
        }
        if let Some(rows) = log.get("rows_replayed").and_then(Value::as_u64) {
            output::line(format!("  {rows} rows of state equal the fold of the journal"));
        }
    }
    output::line(format!("trust: {}", output::text(report, "/trust")));
}

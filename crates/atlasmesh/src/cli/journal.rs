//! `atlasmesh journal` and `atlasmesh verify`.

use anyhow::{Result, bail};
use serde_json::Value;

use super::args::{JournalOptions, VerifyOptions};
use super::{Session, items, output};
use crate::serve;

pub async fn show(session: &Session, options: JournalOptions) -> Result<()> {
    let about = options.about.map(|subject| format!("&about={subject}")).unwrap_or_default();
    let path = format!("/v1/journal?from={}&limit={}{about}", options.from, options.limit);
    let page = session.client.get(&path).await?;
    output::answer(session.format, &page, |page| {
        let columns = ["/index", "/event/recorded_at", "/event/type", "/event/stream", "/event/actor/id"];
        output::table(&["POSITION", "RECORDED", "EVENT", "STREAM", "ACTOR"], &items(page, &columns));
    });
    Ok(())
}

/// Asks the running server to verify its tenant's log, or reads a stopped server's folder.
pub async fn verify(session: &Session, options: VerifyOptions) -> Result<()> {
    let report = match options.data {
        Some(folder) => serve::verify::folder(&folder, options.master_key.as_deref(), options.replay).await?,
        None => session.client.post("/v1/journal/verify", &serde_json::json!({ "replay": options.replay })).await?,
    };
    output::answer(session.format, &report, print_report);
    match report.get("ok").and_then(Value::as_bool) {
        Some(true) => Ok(()),
        _ => bail!("the journal or the rows were changed: {}", output::text(&report, "/finding")),
    }
}

fn print_report(report: &Value) {
    for log in report.get("logs").and_then(Value::as_array).into_iter().flatten() {
        let text = |pointer| output::text(log, pointer);
        let verdict = if log.get("ok") == Some(&Value::Bool(true)) { "intact" } else { "CHANGED" };
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

//! `atlasmesh assist …`

use anyhow::Result;
use serde_json::{Value, json};

use super::args::AssistCommand;
use super::{Session, items, output, place};

pub async fn run(session: &Session, command: AssistCommand) -> Result<()> {
    let client = &session.client;
    match command {
        AssistCommand::List { all } => {
            let which = if all { "all" } else { "open" };
            let requests = client.get(&format!("/v1/assistance?which={which}")).await?;
            output::answer(session.format, &requests, |requests| {
                let columns = ["/id", "/status", "/kind", "/vehicle", "/trip", "/asked_at"];
                let heads = ["REQUEST", "STATUS", "KIND", "VEHICLE", "TRIP", "ASKED AT"];
                output::table(&heads, &items(requests, &columns));
            });
        }
        AssistCommand::Show { assistance } => {
            let request = client.get(&format!("/v1/assistance/{assistance}")).await?;
            output::answer(session.format, &request, |request| {
                output::line(serde_json::to_string_pretty(request).unwrap_or_default());
            });
        }
        AssistCommand::Take { assistance } => {
            let taken = client.post(&format!("/v1/assistance/{assistance}/take"), &Value::Null).await?;
            output::answer(session.format, &taken, |taken| {
                let text = |pointer| output::text(taken, pointer);
                output::line(format!("{} is yours until {}", text("/id"), text("/lease/until")));
                output::line(format!("answer it with: --lease {}", text("/lease/number")));
            });
        }
        AssistCommand::HandBack { assistance, lease } => {
            let path = format!("/v1/assistance/{assistance}/hand-back");
            print(session, &client.post(&path, &json!({ "lease": lease })).await?);
        }
        AssistCommand::Answer { assistance, answer, lease, reason, via } => {
            let via: Vec<Value> = via.iter().map(|text| place(text)).collect::<Result<_>>()?;
            let mut body = json!({ "lease": lease, "answer": answer, "reason": reason });
            if !via.is_empty() {
                body["via"] = json!(via);
            }
            print(session, &client.post(&format!("/v1/assistance/{assistance}/answer"), &body).await?);
        }
    }
    Ok(())
}

fn print(session: &Session, request: &Value) {
    output::answer(session.format, request, |request| {
        output::line(format!("{} is {}", output::text(request, "/id"), output::text(request, "/status")));
    });
}

//! `atlasmesh assist …`

use anyhow::Result;
use serde_json::{Value, json};

use super::args::AssistCommand;
use super::pages::List;
use super::{Session, items, names, output, place};

pub async fn run(session: &Session, command: AssistCommand) -> Result<()> {
    let client = &session.client;
    match command {
        AssistCommand::List { most, all } => {
            let which = if all { "all" } else { "open" };
            let requests = List::of("/v1/assistance").filter("which", Some(which.into()));
            let requests = requests.first(client, most.limit).await?;
            let vehicles = session.vehicles_of(&requests.page, "/vehicle").await;
            requests.print(session.format, |requests| {
                let columns = ["/id", "/status", "/kind", "/vehicle", "/trip", "/asked_at"];
                let heads = ["REQUEST", "STATUS", "KIND", "VEHICLE", "TRIP", "ASKED AT"];
                output::table(&heads, &names::told(items(requests, &columns), &vehicles));
            });
        }
        AssistCommand::Show { assistance } => {
            let request = client.get(&format!("/v1/assistance/{assistance}")).await?;
            output::answer(session.format, &request, show);
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

fn show(request: &Value) {
    let cell = |pointer| output::cell(request, pointer);
    output::summary(&[
        ("REQUEST", cell("/id")),
        ("STATUS", cell("/status")),
        ("KIND", cell("/kind")),
        ("VEHICLE", cell("/vehicle")),
        ("TRIP", cell("/trip")),
        ("STANDS AT", place(request, "/at")),
        ("OCCUPIED", cell("/occupied")),
        ("TAKEN BY", cell("/lease/by")),
        ("UNTIL", cell("/lease/until")),
        ("ASKED AT", cell("/asked_at")),
        ("ENDED", cell("/closing/reason")),
    ]);
    let answers = request["answers"].as_array().map(Vec::as_slice).unwrap_or_default();
    for answer in answers {
        let text = |pointer| output::cell(answer, pointer);
        output::line(format!("{}  {} by {}: {}", text("/at"), text("/answer"), text("/by"), text("/reason")));
    }
}

//! `atlasmesh principals …`

use anyhow::Result;
use serde_json::json;

use super::args::PrincipalCommand;
use super::pages::List;
use super::{Session, items, output};

pub async fn run(session: &Session, command: PrincipalCommand) -> Result<()> {
    let client = &session.client;
    match command {
        PrincipalCommand::Create { role, name } => {
            let made = client.post("/v1/principals", &json!({ "role": role, "name": name })).await?;
            output::answer(session.format, &made, |made| {
                let text = |pointer| output::text(made, pointer);
                output::line(format!("principal {} ({}, {})", text("/id"), text("/role"), text("/name")));
                output::line(format!("token, shown this once: {}", text("/token")));
            });
        }
        PrincipalCommand::List(most) => {
            let principals = List::of("/v1/principals").first(client, most.limit).await?;
            principals.print(session.format, |principals| {
                let columns = ["/id", "/role", "/name", "/revoked", "/created_at"];
                output::table(&["PRINCIPAL", "ROLE", "NAME", "REVOKED", "SINCE"], &items(principals, &columns));
            });
        }
        PrincipalCommand::Revoke { principal } => {
            let done = client.delete(&format!("/v1/principals/{principal}")).await?;
            output::answer(session.format, &done, |done| {
                output::line(format!("principal {} may do nothing any more", output::text(done, "/id")));
            });
        }
    }
    Ok(())
}

//! `atlasmesh keys …`: the keys of the installation, by the platform's administrator.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::args::{KeyCommand, KeyPurpose};
use super::client::Refused;
use super::{Session, items, output};

/// How often it is looked again while a rotation waits for vehicles.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

pub async fn run(session: &Session, command: KeyCommand) -> Result<()> {
    let client = &session.client;
    match command {
        KeyCommand::List => {
            let keys = client.get("/v1/keys").await?;
            output::answer(session.format, &keys, |keys| {
                let columns = ["/id", "/purpose", "/state", "/not_after"];
                output::table(&["KEY", "PURPOSE", "STATE", "UNTIL"], &items(keys, &columns));
                output::line(format!("trust bundle {}", output::text(keys, "/bundle_sequence")));
                for vehicle in keys["behind"].as_array().into_iter().flatten().filter_map(Value::as_str) {
                    output::line(format!("not known yet to {vehicle}"));
                }
            });
        }
        KeyCommand::History { key } => {
            let known = find(&client.get("/v1/keys").await?, |known| known["id"] == key.as_str());
            let known = known.with_context(|| format!("there is no key {key}: list them first"))?;
            output::answer(session.format, &known, |known| {
                let steps = json!({ "items": known["history"] });
                output::table(&["AT", "STATE", "REASON"], &items(&steps, &["/at", "/state", "/reason"]));
            });
        }
        KeyCommand::Rotate { purpose, reason, emergency } => rotate(session, purpose, &reason, emergency).await?,
        KeyCommand::Change { key, to, reason, force } => {
            let done = change(session, &key, &to, &reason, force).await?;
            output::answer(session.format, &done, |done| {
                output::line(format!("{} is {}", output::text(done, "/id"), output::text(done, "/state")));
            });
        }
    }
    Ok(())
}

fn find(keys: &Value, is_it: impl Fn(&Value) -> bool) -> Option<Value> {
    keys["items"].as_array().into_iter().flatten().find(|known| is_it(known)).cloned()
}

async fn change(session: &Session, key: &str, to: &str, reason: &str, force: bool) -> Result<Value> {
    let body = json!({ "to": to, "reason": reason, "force": force });
    session.client.post(&format!("/v1/keys/{key}"), &body).await
}

/// Every step looks at what is there, so that a rotation that was ended goes on where it was.
async fn rotate(session: &Session, purpose: KeyPurpose, reason: &str, emergency: bool) -> Result<()> {
    let purpose = purpose.as_str();
    let of = |keys: &Value, state: &str| {
        let known = find(keys, |known| known["purpose"] == purpose && known["state"] == state);
        known.map(|known| output::text(&known, "/id"))
    };
    let keys = session.client.get("/v1/keys").await?;
    let is_leaving = |keys: &Value| of(keys, "retiring").or_else(|| of(keys, "tainted"));
    if is_leaving(&keys).is_none() {
        let next = match of(&keys, "prepared") {
            Some(next) => next,
            None => output::text(&session.client.post("/v1/keys", &json!({ "purpose": purpose })).await?, "/id"),
        };
        output::note(format!("{next} is prepared"));
        until_done(session, &next, "active", reason, emergency).await?;
        output::note(format!("{next} signs from here on"));
    }
    let keys = session.client.get("/v1/keys").await?;
    let old = is_leaving(&keys).context("the key before it has left already")?;
    if purpose == "device_authority" {
        // What it signed is good for years: it vouches until the last vehicle has enrolled anew.
        output::line(format!("{old} signs no more; revoke it once every vehicle has a certificate of its successor"));
        return Ok(());
    }
    if emergency && of(&keys, "retiring").is_some() {
        change(session, &old, "tainted", reason, true).await?;
        output::note(format!("{old} is tainted: what it signed is being replaced"));
    }
    until_done(session, &old, "revoked", reason, false).await?;
    output::line(format!("{old} is revoked: nothing that it signed is accepted any more"));
    Ok(())
}

/// Takes a key on as soon as no vehicle is left behind by it.
async fn until_done(session: &Session, key: &str, to: &str, reason: &str, force: bool) -> Result<()> {
    let mut told = String::new();
    loop {
        match change(session, key, to, reason, force).await {
            Ok(_) => return Ok(()),
            Err(error) => {
                let refused = error.downcast_ref::<Refused>().filter(|refused| refused.code == "ILLEGAL_TRANSITION");
                let Some(refused) = refused.filter(|refused| refused.to_string().contains("vehicles")) else {
                    return Err(error);
                };
                let text = refused.to_string();
                if text != told {
                    output::note(format!("waiting: {text}"));
                    told = text;
                }
            }
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

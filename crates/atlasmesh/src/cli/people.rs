//! `atlasmesh login | logout | whoami | users … | approvals …`

use std::fs;
use std::io::{IsTerminal, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::args::{ApprovalCommand, UserCommand};
use super::pages::List;
use super::{Session, items, names, output};

/// A session that `login` opened.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    url: String,
    secret: String,
}

/// Where it is kept: the user's configuration folder (XDG Base Directory).
fn file() -> Result<PathBuf> {
    let config = std::env::var_os("XDG_CONFIG_HOME").filter(|path| !path.is_empty()).map(PathBuf::from);
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".config"));
    let config = config.or_else(home).context("there is no home folder: set XDG_CONFIG_HOME")?;
    Ok(config.join("atlasmesh/session.json"))
}

/// The session for a server, where one is kept.
pub fn kept(url: &str) -> Option<String> {
    let kept: Kept = serde_json::from_slice(&fs::read(file().ok()?).ok()?).ok()?;
    (kept.url == url).then_some(kept.secret)
}

/// A password from the terminal, which does not show it, or a line of standard input.
fn password() -> Result<String> {
    if std::io::stdin().is_terminal() {
        return rpassword::prompt_password("Password: ").context("the password cannot be read");
    }
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).context("the password cannot be read from standard input")?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

pub async fn login(session: &Session, url: &str, tenant: &str, email: &str) -> Result<()> {
    let body = json!({ "tenant": tenant, "email": email, "password": password()? });
    let (who, secret) = session.client.sign_in(&body).await?;
    let path = file()?;
    if let Some(folder) = path.parent() {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    let kept = serde_json::to_vec(&Kept { url: url.to_owned(), secret })?;
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path)?;
    file.write_all(&kept).with_context(|| format!("{} cannot be written", path.display()))?;
    show(session, &who);
    Ok(())
}

pub async fn logout(session: &Session) -> Result<()> {
    let ended = session.client.delete("/v1/session").await;
    let path = file()?;
    if path.exists() {
        fs::remove_file(&path).with_context(|| format!("{} cannot be removed", path.display()))?;
    }
    output::answer(session.format, &ended?, |_| output::line("signed out"));
    Ok(())
}

pub async fn whoami(session: &Session) -> Result<()> {
    show(session, &session.client.get("/v1/session").await?);
    Ok(())
}

fn show(session: &Session, who: &Value) {
    output::answer(session.format, who, |who| {
        let text = |pointer| output::text(who, pointer);
        output::line(format!(
            "{} ({}) of {}, as {}",
            text("/name"),
            text("/principal"),
            text("/tenant"),
            text("/role")
        ));
    });
}

pub async fn users(session: &Session, url: &str, command: UserCommand) -> Result<()> {
    let client = &session.client;
    let link = |made: &Value| {
        let address = output::text(made, "/invitation");
        output::line(format!("one-time link, shown this once: {}{address}", url.trim_end_matches('/')));
    };
    match command {
        UserCommand::Add { name, email, roles } => {
            let body = json!({ "name": name, "email": email, "roles": roles });
            let made = client.post("/v1/users", &body).await?;
            output::answer(session.format, &made, |made| {
                output::line(format!("user {}", output::text(made, "/id")));
                link(made);
            });
        }
        UserCommand::List(most) => {
            let users = List::of("/v1/users").first(client, most.limit).await?;
            users.print(session.format, |users| {
                let columns = ["/id", "/name", "/email", "/roles", "/status", "/last_sign_in_at"];
                output::table(&["USER", "NAME", "E-MAIL", "ROLES", "STATUS", "LAST SEEN"], &items(users, &columns));
            });
        }
        UserCommand::Roles { user, roles } => {
            ensure!(!roles.is_empty(), "name at least one --role");
            let body = serde_json::to_vec(&json!({ "roles": roles }))?;
            let changed = client
                .put(&format!("/v1/users/{}/roles", names::user(client, &user).await?), body, "application/json")
                .await?;
            output::answer(session.format, &changed, |user| {
                output::line(format!("{} has the roles {}", output::cell(user, "/name"), output::cell(user, "/roles")));
            });
        }
        UserCommand::Reset { user } => {
            let made =
                client.post(&format!("/v1/users/{}/reset", names::user(client, &user).await?), &json!({})).await?;
            output::answer(session.format, &made, link);
        }
        UserCommand::Disable { user } => {
            let done = client.delete(&format!("/v1/users/{}", names::user(client, &user).await?)).await?;
            output::answer(session.format, &done, |done| {
                output::line(format!("user {} may do nothing any more", output::text(done, "/id")));
            });
        }
    }
    Ok(())
}

pub async fn approvals(session: &Session, command: ApprovalCommand) -> Result<()> {
    let client = &session.client;
    let decide = async |approval: String, what: &str, reason: String| {
        client.post(&format!("/v1/approvals/{approval}/{what}"), &json!({ "reason": reason })).await
    };
    let answered = match command {
        ApprovalCommand::List { most, all } => {
            let which = if all { "all" } else { "open" };
            let found = List::of("/v1/approvals").filter("which", Some(which.into()));
            found.first(client, most.limit).await?.print(session.format, |found| {
                let columns = ["/id", "/state", "/summary", "/reason", "/asked_by/role", "/expires_at"];
                output::table(&["APPROVAL", "STATE", "WHAT", "WHY", "ASKED BY", "UNTIL"], &items(found, &columns));
            });
            return Ok(());
        }
        ApprovalCommand::Release { vehicle, hold, reason } => {
            let vehicle = names::vehicle(client, &vehicle).await?;
            let path = format!("/v1/vehicles/{vehicle}/holds/{hold}/release");
            client.post(&path, &json!({ "reason": reason })).await?
        }
        ApprovalCommand::Approve { approval, reason } => decide(approval, "approve", reason).await?,
        ApprovalCommand::Reject { approval, reason } => decide(approval, "reject", reason).await?,
    };
    output::answer(session.format, &answered, |approval| {
        let text = |pointer| output::text(approval, pointer);
        output::line(format!("approval {} is {}: {}", text("/id"), text("/state"), text("/summary")));
    });
    Ok(())
}

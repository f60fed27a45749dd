//! The command line as a client of the HTTP API.

pub mod args;
pub mod client;
pub mod output;

mod assist;
mod authority;
mod call;
mod evidence;
mod evidence_offline;
mod garage;
pub mod journal;
mod keys;
mod maintenance;
mod names;
mod ota;
mod ota_evidence;
mod pages;
mod people;
mod policy;
mod principals;
mod roles;
mod sector;
mod sectors;
mod security;
mod sites;
mod standing;
mod trips;
mod vehicles;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use self::args::{ClientCommand, Connection, TenantCommand};
use self::client::{Client, Refused};
use self::output::Format;
use self::pages::Listed;

/// Where a client command runs: against which server, printing how.
pub struct Session {
    pub client: Client,
    pub format: Format,
}

impl Session {
    /// The names of the vehicles that the items of a page have at a pointer, for people.
    async fn vehicles_of(&self, page: &Value, pointer: &str) -> BTreeMap<String, String> {
        let mut items = page["items"].as_array().into_iter().flatten();
        let is_needed = items.any(|item| item.pointer(pointer).is_some_and(Value::is_string));
        match self.format == Format::Human && is_needed {
            true => names::of_vehicles(&self.client).await,
            false => BTreeMap::new(),
        }
    }
}

pub async fn run(command: ClientCommand, connection: Connection) -> Result<()> {
    let format = if connection.json { Format::Json } else { Format::Human };
    let token = connection.token.or_else(|| people::kept(&connection.url));
    let session = Session { client: Client::new(&connection.url, token)?, format };
    match command {
        ClientCommand::Tenant(command) => tenants(&session, command).await,
        ClientCommand::Principals(command) => principals::run(&session, command).await,
        ClientCommand::Login { tenant, email } => people::login(&session, &connection.url, &tenant, &email).await,
        ClientCommand::Logout => people::logout(&session).await,
        ClientCommand::Whoami => people::whoami(&session).await,
        ClientCommand::Roles { role } => roles::run(&session, role.as_deref()),
        ClientCommand::Garage(command) => garage::run(&session, command).await,
        ClientCommand::Keys(command) => keys::run(&session, command).await,
        ClientCommand::Ota(command) => ota::run(&session, command).await,
        ClientCommand::Maintenance(command) => maintenance::run(&session, command).await,
        ClientCommand::Evidence(command) => evidence::run(&session, *command).await,
        ClientCommand::Security(command) => security::run(&session, command).await,
        ClientCommand::Policy(command) => policy::run(&session, *command).await,
        ClientCommand::Sector(command) => sector::run(&session, command).await,
        ClientCommand::Subscription(command) => sector::subscription(&session, command).await,
        ClientCommand::Flags(command) => sector::flags(&session, command).await,
        ClientCommand::Users(command) => people::users(&session, &connection.url, command).await,
        ClientCommand::Approvals(command) => people::approvals(&session, command).await,
        ClientCommand::Place(command) => sectors::place(&session, command).await,
        ClientCommand::Blast(command) => sectors::blast(&session, command).await,
        ClientCommand::Job(command) => sectors::job(&session, command).await,
        ClientCommand::Area(command) => sectors::area(&session, command).await,
        ClientCommand::Emission(command) => sectors::emission(&session, command).await,
        ClientCommand::Clearance(command) => sectors::clearance(&session, command).await,
        ClientCommand::Site(command) => sites::run(&session, command).await,
        ClientCommand::Vehicles(command) => vehicles::run(&session, command).await,
        ClientCommand::Trips(command) => trips::run(&session, command).await,
        ClientCommand::Standing(command) => standing::run(&session, command).await,
        ClientCommand::Assist(command) => assist::run(&session, command).await,
        ClientCommand::Call { words } => call::run(&session, &words).await,
        ClientCommand::Journal(options) => journal::show(&session, options).await,
        ClientCommand::Verify(options) => journal::verify(&session, options).await,
    }
}

async fn tenants(session: &Session, command: TenantCommand) -> Result<()> {
    match command {
        TenantCommand::Create { name, sector, real_vehicles } => {
            let body = json!({ "name": name, "sector": sector, "simulated": !real_vehicles });
            let made = session.client.post("/v1/tenants", &body).await?;
            output::answer(session.format, &made, |made| {
                output::line(format!("tenant {} ({})", output::text(made, "/name"), output::text(made, "/sector")));
                output::line(format!("administrator's token, shown this once: {}", output::text(made, "/token")));
            });
        }
        TenantCommand::Delete { name, reason } => {
            let asked =
                session.client.post(&format!("/v1/tenants/{name}/delete"), &json!({ "reason": reason })).await?;
            output::answer(session.format, &asked, |asked| {
                let id = output::text(asked, "/id");
                output::line(format!(
                    "another administrator of the platform decides: atlasmesh approvals approve {id}"
                ));
            });
        }
        TenantCommand::List(most) => {
            let tenants = Listed::of_whole(session.client.get("/v1/tenants").await?, most.limit);
            tenants.print(session.format, |tenants| {
                let rows = items(tenants, &["/name", "/sector", "/simulated", "/deleted_at"]);
                output::table(&["TENANT", "SECTOR", "SIMULATED", "DELETED"], &rows);
            });
        }
    }
    Ok(())
}

/// The items of a page, each as the texts at some pointers.
pub fn items(page: &Value, pointers: &[&str]) -> Vec<Vec<String>> {
    let items = page.get("items").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    items.iter().map(|item| pointers.iter().map(|pointer| output::cell(item, pointer)).collect()).collect()
}

/// A place as people type it.
pub fn place(value: &Value, pointer: &str) -> String {
    let degrees = |name: &str| value.pointer(&format!("{pointer}/{name}")).and_then(Value::as_f64);
    match (degrees("lat"), degrees("lon")) {
        (Some(lat), Some(lon)) => format!("{lat:.6},{lon:.6}"),
        _ => "-".into(),
    }
}

/// `3.4 km`
pub fn kilometres(metres: f64) -> String {
    format!("{:.1} km", metres / 1_000.0)
}

/// Reads a file, or standard input for `-`.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    if path.as_os_str() == "-" {
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut std::io::stdin().lock(), &mut bytes)
            .context("standard input cannot be read")?;
        return Ok(bytes);
    }
    std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()))
}

/// Says on standard error what went wrong, once, with its causes; a refusal with its fields and reasons.
pub fn fail(error: &anyhow::Error) -> ExitCode {
    let text = match error.downcast_ref::<Refused>() {
        Some(refused) => refusal(refused),
        None => {
            let causes = error.chain().skip(1).map(|cause| format!("\n  because {cause}"));
            format!("error: {error}{}", causes.collect::<String>())
        }
    };
    output::note(text);
    ExitCode::FAILURE
}

fn refusal(refused: &Refused) -> String {
    let mut text = format!("refused ({}): {refused}", refused.code);
    let parts = |pointer: &str| refused.problem.pointer(pointer).and_then(Value::as_array).into_iter().flatten();
    for field in parts("/errors") {
        let told = format!("{} {}", output::text(field, "/field"), output::text(field, "/message"));
        // One wrong field is the sentence itself.
        if told != refused.detail {
            text.push_str(&format!("\n  {told}"));
        }
    }
    for reason in parts("/decision/reasons") {
        text.push_str(&format!("\n  {}: {}", output::text(reason, "/policy_id"), output::text(reason, "/text")));
    }
    if let Some(change) = refused.problem.pointer("/decision/alternatives/0/changes").and_then(Value::as_array) {
        let one = |change: &Value| format!("{} {}", output::text(change, "/fact"), output::text(change, "/to"));
        text.push_str(&format!("\n  allowed with {}", change.iter().map(one).collect::<Vec<_>>().join(", ")));
    }
    if let Some(reason) = refused.problem.pointer("/entitlement/reason").and_then(Value::as_str) {
        text.push_str(&format!("\n  {reason}"));
        for option in parts("/entitlement/upgrade_options") {
            let (kind, title) = (output::text(option, "/kind"), output::text(option, "/title"));
            text.push_str(&format!("\n  {kind} {title}"));
        }
    }
    if let Some(hint) = refused.hint {
        text.push_str(&format!("\n  {hint}"));
    }
    text
}

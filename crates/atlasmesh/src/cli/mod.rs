//! The command line as a client of the HTTP API.

pub mod args;
pub mod client;
pub mod output;

mod assist;
mod call;
pub mod journal;
mod people;
mod principals;
mod sites;
mod standing;
mod trips;
mod vehicles;

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use self::args::{ClientCommand, Connection, TenantCommand};
use self::client::{Client, Refused};
use self::output::Format;

/// Where a client command runs: against which server, printing how.
pub struct Session {
    pub client: Client,
    pub format: Format,
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
        ClientCommand::Users(command) => people::users(&session, &connection.url, command).await,
        ClientCommand::Approvals(command) => people::approvals(&session, command).await,
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
        TenantCommand::List => {
            let tenants = session.client.get("/v1/tenants").await?;
            output::answer(session.format, &tenants, |tenants| {
                let rows = items(tenants, &["/name", "/sector", "/simulated"]);
                output::table(&["TENANT", "SECTOR", "SIMULATED"], &rows);
            });
        }
    }
    Ok(())
}

/// The items of a page, each as the texts at some pointers.
pub fn items(page: &Value, pointers: &[&str]) -> Vec<Vec<String>> {
    let items = page.get("items").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    items.iter().map(|item| pointers.iter().map(|pointer| output::text(item, pointer)).collect()).collect()
}

/// Reads a place typed as `lat,lon`.
pub fn place(text: &str) -> Result<Value> {
    let Some((lat, lon)) = text.split_once(',') else { bail!("a place is typed as lat,lon, not {text}") };
    let degrees = |part: &str| part.trim().parse::<f64>().with_context(|| format!("{part} in {text} is not a number"));
    Ok(json!({ "lat": degrees(lat)?, "lon": degrees(lon)? }))
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
    let mut text = format!("error: {error}");
    for cause in error.chain().skip(1) {
        text.push_str(&format!("\n  because {cause}"));
    }
    if let Some(refused) = error.downcast_ref::<Refused>() {
        text = format!("refused ({}): {refused}", refused.code);
        for field in refused.problem.get("errors").and_then(Value::as_array).into_iter().flatten() {
            text.push_str(&format!("\n  {} {}", output::text(field, "/field"), output::text(field, "/message")));
        }
        for reason in refused.problem.pointer("/decision/reasons").and_then(Value::as_array).into_iter().flatten() {
            text.push_str(&format!("\n  {}: {}", output::text(reason, "/policy_id"), output::text(reason, "/text")));
        }
    }
    use std::io::Write;
    // Nobody is left to be told when standard error is gone.
    let _ = writeln!(std::io::stderr().lock(), "{text}");
    ExitCode::FAILURE
}

//! What the demo's server is given before anything drives: a tenant, a map, vehicles.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::child::{GuardedChild, Lines, watch_for};
use super::folder::{DemoFolder, Notes};
use super::worlds::{Facts, World};
use crate::cli::args::DemoOptions;
use crate::cli::client::{Client, Refused};

/// The tenant of the demo's city.
pub const TENANT: &str = "coquimbo-city";
/// Its site.
pub const SITE: &str = "coquimbo";
/// What each of its vehicles can do.
pub const CAPABILITIES: [&str; 2] = ["passenger", "delivery"];
/// One vehicle in so many meets something on its way that it asks a person about, so that there is somebody to help.
pub const ASKING: usize = 12;
/// After how many metres.
const OBSTACLE_AFTER_M: f64 = 3_000.0;
/// One taxi in so many takes a wheelchair.
const RAMPS: usize = 4;
/// The taxi whose brake pads are near their end.
pub const WORN: usize = 4;
/// How the server tells its first administrator's token.
const TOKEN_LINE: &str = "platform administrator's token, shown this once: ";
/// How long a server may take until it is ready: making keys and a store, or reading a large one.
const READY_LIMIT: Duration = Duration::from_secs(60);
/// How often an observation is asked for that nothing announces.
const ASK_AGAIN: Duration = Duration::from_millis(50);

/// A running server.
pub struct Server {
    pub child: GuardedChild,
    pub url: String,
    pub link: String,
}

/// A port that is free.
const ANY_PORT: &str = "127.0.0.1:0";
/// Seconds between two polls for updates: the demo's rollouts take a minute, not a week.
const UPDATE_POLL_S: &str = "3";

/// How long a vehicle's certificate is good for, in seconds: a copied one is found when its vehicle has the next.
const SVID_VALID_S: &str = "60";

/// Starts a server on the demo's folder and waits until it is ready. The platform's token and the addresses are noted at
/// the first start; a later one listens where the first one did.
pub async fn start_server(folder: &DemoFolder, notes: &mut Notes) -> Result<Server> {
    let data = folder.path("server");
    let endpoints = data.join("endpoints.json");
    // What an earlier, killed server left says nothing about this one.
    let _ = std::fs::remove_file(&endpoints);
    let program = std::env::current_exe().context("this program cannot be found")?;
    let data = data.to_str().context("the folder's name is not UTF-8")?;
    let port = |noted: &Option<String>| noted.clone().unwrap_or_else(|| ANY_PORT.to_owned());
    let (http, link, enrol) = (port(&notes.http), port(&notes.link), port(&notes.enrol));
    let updates = port(&notes.updates);
    let listen = ["--http", &http, "--link", &link, "--enrol", &enrol, "--updates", &updates];
    let arguments =
        [&["serve", "--data", data, "--update-poll-s", UPDATE_POLL_S, "--svid-valid-s", SVID_VALID_S][..], &listen]
            .concat();
    let mut child = GuardedChild::start("server", &program, &arguments, &folder.path("server.log"), Lines::Read)?;
    let (found, mut token) = tokio::sync::mpsc::channel(1);
    if let Some(lines) = child.lines() {
        watch_for(TOKEN_LINE, lines, found);
    }
    let ready = async {
        loop {
            if let Some(status) = child.ended()? {
                anyhow::bail!("the server ended before it was ready ({status})");
            }
            if let Ok(bytes) = std::fs::read(&endpoints) {
                return serde_json::from_slice::<Value>(&bytes).context("the server's endpoints.json is damaged");
            }
            tokio::time::sleep(ASK_AGAIN).await;
        }
    };
    let told = tokio::time::timeout(READY_LIMIT, ready).await.context("the server took too long to become ready")??;
    let text = |name: &str| told.get(name).and_then(Value::as_str).map(str::to_owned);
    let text = |name: &str| text(name).with_context(|| format!("the server's endpoints.json has no {name}"));
    if notes.platform_token.is_none() {
        let told = tokio::time::timeout(ASK_AGAIN * 20, token.recv()).await.ok().flatten();
        notes.platform_token = Some(told.context("the server told no token: its folder was made by someone else")?);
        folder.note(notes)?;
    }
    let server = Server { child, url: text("http")?, link: text("link")? };
    if notes.http.is_none() {
        notes.http = Some(server.url.trim_start_matches("http://").to_owned());
        notes.link = Some(server.link.clone());
        notes.enrol = Some(text("enrol")?);
        notes.updates = Some(text("updates")?);
        folder.note(notes)?;
    }
    Ok(server)
}

/// The client of the demo's tenant, which is made where there is none.
pub async fn tenant(server: &Server, facts: &Facts, folder: &DemoFolder, notes: &mut Notes) -> Result<Client> {
    if notes.tenant_token.is_none() {
        let platform = Client::new(&server.url, notes.platform_token.clone())?;
        let body = json!({ "name": facts.tenant, "sector": facts.sector, "simulated": true });
        let made = platform.post("/v1/tenants", &body).await.context("the tenant cannot be made")?;
        let token = made.get("token").and_then(Value::as_str).context("the new tenant has no token")?;
        notes.tenant_token = Some(token.to_owned());
        folder.note(notes)?;
    }
    Client::new(&server.url, notes.tenant_token.clone())
}

/// Who signs in to the demo: name and role.
pub const PEOPLE: [(&str, &str); 7] = [
    ("dana", "dispatcher"),
    ("sofia", "safety_officer"),
    ("tomas", "technician"),
    ("simon", "security_analyst"),
    ("aida", "auditor"),
    ("adam", "administrator"),
    ("renata", "regulator"),
];
/// Their password. It opens a fleet that does not exist.
pub const PASSWORD: &str = "coquimbo by the sea";

/// The address under which somebody signs in.
pub fn email(name: &str) -> String {
    format!("{name}@demo.example")
}

/// Everybody who signs in, with role, for people to read.
pub fn people_text() -> String {
    PEOPLE.map(|(name, role)| format!("{} ({role})", email(name))).join(", ")
}

/// Invites those who are not there yet, and chooses their password for them.
pub async fn people(server: &Server, client: &Client, tenant: &str) -> Result<()> {
    let known = client.get("/v1/users?limit=1000").await?;
    let has = |name: &str| count(&known, |user| user.get("name").and_then(Value::as_str) == Some(name)) > 0;
    for (name, role) in PEOPLE.into_iter().filter(|(name, _)| !has(name)) {
        let body = json!({ "name": name, "email": email(name), "roles": [role] });
        let invited = client.post("/v1/users", &body).await.with_context(|| format!("{name} cannot be invited"))?;
        let link = invited.get("invitation").and_then(Value::as_str).unwrap_or_default();
        let code = link.rsplit('/').next().unwrap_or_default();
        let accept = json!({ "tenant": tenant, "code": code, "password": PASSWORD });
        Client::new(&server.url, None)?.post("/v1/session/invitation", &accept).await?;
    }
    Ok(())
}

/// Imports a world's map, unless it is there.
pub async fn map(client: &Client, facts: &Facts) -> Result<Value> {
    let path = format!("/v1/sites/{}", facts.site);
    match client.get(&path).await {
        Ok(site) if site.pointer("/map/digest").is_some() => return Ok(site),
        Ok(_) => {}
        Err(error) if error.downcast_ref::<Refused>().is_some_and(|refused| refused.status == 404) => {}
        Err(error) => return Err(error),
    }
    let body = serde_json::to_vec(&facts.network()?)?;
    client.put(&format!("{path}/map"), body, "application/json").await.context("the map cannot be imported")
}

/// Onboards what is missing of the fleet, as a garage does it, and writes the file that its agents are started from.
pub async fn vehicles(
    options: &DemoOptions,
    client: &Client,
    world: &mut dyn World,
    folder: &DemoFolder,
    notes: &mut Notes,
) -> Result<()> {
    ensure!(options.vehicles > 0, "--vehicles must be 1 or more");
    for n in notes.vehicles.len()..options.vehicles {
        let profile = world.profile(n);
        let made = client.post("/v1/vehicles", &profile).await.context("a vehicle cannot be registered")?;
        let id = made.get("id").and_then(Value::as_str).context("a registered vehicle has no id")?;
        let invited = client.post(&format!("/v1/vehicles/{id}/join-token"), &json!({})).await;
        let invited = invited.context("a vehicle gets no join token")?;
        notes.vehicles.push(json!({
            "bootstrap": invited.get("bootstrap"), "start": world.start(n).to_json(),
            "capabilities": profile.get("capabilities"),
            "obstacle_after_m": (n % ASKING == ASKING - 1).then_some(OBSTACLE_AFTER_M),
            "wear": (world.worn() == Some(n)).then(worn),
        }));
        folder.note(notes)?;
    }
    let bundle = json!({
        "speedup": options.speedup,
        "vehicles": notes.vehicles[..options.vehicles],
    });
    folder.write_private("fleet.json", &serde_json::to_vec_pretty(&bundle)?)
}

/// Brake pads that last for a few minutes of the demo: their kilometres count sixty times.
fn worn() -> Value {
    json!({ "used": { "brake-front-left": 0.955 }, "seed": 3, "faster": 60.0, "every_ms": 2_000 })
}

/// Says what the workshop has, unless somebody did.
pub async fn workshop(client: &Client) -> Result<()> {
    let known = client.get("/v1/workshop").await?;
    if known.get("bays").and_then(Value::as_array).is_some_and(|bays| !bays.is_empty()) {
        return Ok(());
    }
    let all_day = |name: &str, skills: &[&str]| json!({ "name": name, "skills": skills, "shift_from_minute": 0, "shift_until_minute": 0 });
    let workshop = json!({
        "bays": [
            { "name": "lift-1", "kinds": ["lift", "pit"] },
            { "name": "tyres-1", "kinds": ["tyre_bay"] },
            { "name": "hv-1", "kinds": ["high_voltage_bay"] },
        ],
        "technicians": [all_day("tomas", &["mechanic", "tyre_fitter"]), all_day("teresa", &["mechanic", "high_voltage_technician"])],
        // Taxis that drive day and night, in a world whose time runs faster than the workshop's.
        "utilisation": { "km_per_day": 3_000.0, "hours_per_day": 24.0, "cycles_per_day": 300.0 },
        "vehicles_needed": 1, "alerts_a_day": 20,
    });
    let body = serde_json::to_vec(&workshop)?;
    client.put("/v1/workshop", body, "application/json").await.context("the workshop cannot be set up")?;
    Ok(())
}

/// Starts the vehicles' agents: one program, one task and one connection for each.
pub fn start_agents(folder: &DemoFolder) -> Result<GuardedChild> {
    let this = std::env::current_exe().context("this program cannot be found")?;
    let program = this.with_file_name("atlasmesh-agent");
    let (bundle, state) = (folder.path("fleet.json"), folder.path("agents"));
    let arguments = ["fleet", "--bundle", path_text(&bundle)?, "--state", path_text(&state)?];
    GuardedChild::start("agents", &program, &arguments, &folder.path("agents.log"), Lines::ToLog)
}

/// Waits until this many vehicles are ready, or as many as will be by then.
pub async fn ready(client: &Client, wanted: usize) -> Result<usize> {
    let look = async {
        loop {
            let vehicles = client.get("/v1/vehicles?limit=1000").await?;
            let online = count(&vehicles, |vehicle| vehicle.get("status").and_then(Value::as_str) == Some("ONLINE"));
            if online >= wanted {
                return Ok::<usize, anyhow::Error>(online);
            }
            tokio::time::sleep(ASK_AGAIN * 4).await;
        }
    };
    tokio::time::timeout(READY_LIMIT, look).await.context("the vehicles took too long to come online")?
}

fn count(page: &Value, wanted: impl Fn(&Value) -> bool) -> usize {
    page.get("items").and_then(Value::as_array).into_iter().flatten().filter(|item| wanted(item)).count()
}

fn path_text(path: &Path) -> Result<&str> {
    path.to_str().with_context(|| format!("the name of {} is not UTF-8", path.display()))
}

/// What the vehicle of a number is called.
pub fn taxi(n: usize) -> String {
    format!("taxi-{:02}", n + 1)
}

/// Whether the taxi of a number has a ramp and a place for a wheelchair.
fn has_ramp(n: usize) -> bool {
    n % RAMPS == RAMPS - 1
}

/// A robotaxi of a common size.
pub fn profile(n: usize) -> Value {
    let ramp = has_ramp(n).then_some("wheelchair");
    let capabilities: Vec<&str> = CAPABILITIES.into_iter().chain(ramp).collect();
    json!({
        "site": SITE,
        "name": taxi(n),
        "simulated": true,
        "sectors": ["ride-hail"],
        "capabilities": capabilities,
        "max_speed_mps": 27.0,
        "payload_max_kg": 500.0,
        "seats": 4,
        "energy_capacity_wh": 75_000.0,
        "components": [{ "name": "ads", "version": "1.0.0" }, { "name": "brake", "version": "1.0.0" }],
    })
}

//! What a world's people do once before anything drives, where the server has it: the platform gives the tenant its
//! subscription, the administrator activates the sector, places get names, and the sector's own work is begun.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use kernel::Timestamp;
use serde_json::{Value, json};

use super::{Facts, World};
use crate::cli::client::{Client, Refused};
use crate::demo::folder::Notes;
use crate::demo::setup::Server;

/// What a sector's first work refers to.
pub struct Known {
    /// Ids of places by name.
    pub places: BTreeMap<String, String>,
    pub vehicles: Vec<String>,
    /// Ids of the people who sign in, by name.
    pub people: BTreeMap<String, String>,
    pub now: Timestamp,
}

/// One thing that is done once.
pub struct Step {
    pub path: String,
    pub body: Value,
    /// The field by which it is found in the list at its path again; without one it is put there, whatever was before.
    pub known_by: Option<&'static str>,
    /// What is done with it right after it was made: a word behind its address, and the body.
    pub then: Option<(&'static str, Value)>,
}

impl Step {
    pub fn put(path: String, body: Value) -> Self {
        Self { path, body, known_by: None, then: None }
    }

    pub fn post(path: &str, known_by: &'static str, body: Value) -> Self {
        Self { path: path.into(), body, known_by: Some(known_by), then: None }
    }
}

/// Does what is not done yet; answers what could not be done, each with the server's reason.
///
/// # Errors
/// The server is away, or refuses the subscription or the sector.
pub async fn begin(
    (server, client): (&Server, &Client),
    world: &dyn World,
    notes: &Notes,
    now: Timestamp,
) -> Result<Vec<String>> {
    let facts = world.facts();
    let sector = match client.get("/v1/sector").await {
        Ok(sector) => sector,
        Err(error) if is_missing(&error) => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    if sector.get("active") != Some(&Value::Bool(true)) {
        let platform = Client::new(&server.url, notes.platform_token.clone())?;
        subscribe(&platform, facts).await?;
        let reason = json!({ "reason": "the demo begins" });
        let path = format!("/v1/sectors/{}/activate", facts.sector);
        client.post(&path, &reason).await.context("the sector cannot be activated")?;
    }
    let places = format!("/v1/places?site={}", facts.site);
    match client.get(&places).await {
        Err(error) if is_missing(&error) => return Ok(vec!["this server has no places, blasts, jobs".into()]),
        answer => answer.map(drop)?,
    }
    let mut undone = Vec::new();
    for place in world.places() {
        done_once(client, &Step::post("/v1/places", "name", place), &mut undone).await?;
    }
    let ids = |page: Value| -> BTreeMap<String, String> {
        let items = page.get("items").and_then(Value::as_array).cloned().unwrap_or_default();
        let text = |item: &Value, field: &str| item.get(field).and_then(Value::as_str).map(str::to_owned);
        items.iter().filter_map(|item| Some((text(item, "name")?, text(item, "id")?))).collect()
    };
    let vehicle = |vehicle: &Value| vehicle.pointer("/bootstrap/vehicle")?.as_str().map(str::to_owned);
    let known = Known {
        places: ids(client.get(&places).await?),
        vehicles: notes.vehicles.iter().filter_map(vehicle).collect(),
        people: ids(client.get("/v1/users?limit=1000").await?),
        now,
    };
    for step in world.first_work(&known) {
        done_once(client, &step, &mut undone).await?;
    }
    Ok(undone)
}

async fn subscribe(platform: &Client, facts: &Facts) -> Result<()> {
    let body = json!({ "plan": facts.plan, "sectors": [facts.sector], "reason": "the demo begins" });
    let path = format!("/v1/tenants/{}/subscription", facts.tenant);
    let body = serde_json::to_vec(&body)?;
    platform.put(&path, body, "application/json").await.context("the tenant gets no subscription")?;
    Ok(())
}

async fn done_once(client: &Client, step: &Step, undone: &mut Vec<String>) -> Result<()> {
    match attempt(client, step).await {
        Err(error) if error.downcast_ref::<Refused>().is_some() => {
            undone.push(format!("{}: {error:#}", step.path));
            Ok(())
        }
        done => done,
    }
}

async fn attempt(client: &Client, step: &Step) -> Result<()> {
    let Some(field) = step.known_by else {
        client.put(&step.path, serde_json::to_vec(&step.body)?, "application/json").await?;
        return Ok(());
    };
    let list = client.get(&format!("{}?limit=1000", step.path)).await?;
    let mut items = list.get("items").and_then(Value::as_array).into_iter().flatten();
    if items.any(|item| item.get(field) == step.body.get(field)) {
        return Ok(());
    }
    let made = client.post(&step.path, &step.body).await?;
    if let (Some((word, body)), Some(id)) = (&step.then, made.get("id").and_then(Value::as_str)) {
        client.post(&format!("{}/{id}/{word}", step.path), body).await?;
    }
    Ok(())
}

/// Whether the server has no such address: one that has no sectors of tenants.
fn is_missing(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Refused>().is_some_and(|refused| refused.status == 404)
}

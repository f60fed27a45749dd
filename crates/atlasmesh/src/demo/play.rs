//! The demo while it runs: asks for trips, follows them through the journal, and tells what happens.

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::worlds::{Capabilities, World};
use crate::cli::client::{Client, Refused};
use crate::cli::output;

/// Entries of the journal in one page.
const PAGE: usize = 500;
/// How long one request waits for the next entry, in milliseconds.
const WAIT_MS: u32 = 10_000;
/// Steps that the live view remembers.
const NEWS_MAX: usize = 8;
/// Refusals in a row after which it is not the pair of places: rules or closures allow no trip at all.
const REFUSALS_MAX: usize = 40;
/// How long a server may be away.
const AWAY_MAX: Duration = Duration::from_secs(60);
/// How soon a server that does not answer is asked again.
const ASK_AGAIN: Duration = Duration::from_millis(200);
/// How many seconds after the start it is looked for vehicles that wait because they restarted.
const LOOKS_FOR_RESTARTED: usize = 120;
/// Pages read ahead of the view.
const PAGES_AHEAD: usize = 4;

/// An entry of the journal about a trip.
#[derive(Debug)]
pub struct Step {
    pub trip: String,
    /// The event's type.
    pub event: String,
}

/// Follows the tenant's journal from a position on; each page of steps is sent once.
pub fn follow(client: Client, from: u64) -> mpsc::Receiver<Result<Vec<Step>>> {
    let (sender, receiver) = mpsc::channel(PAGES_AHEAD);
    tokio::spawn(async move {
        let mut from = from;
        while !sender.is_closed() {
            let path = format!("/v1/journal?from={from}&limit={PAGE}&wait_ms={WAIT_MS}");
            let page = patiently(|| client.get(&path)).await;
            let ended = page.is_err();
            let steps = page.map(|page| {
                from = page.get("next").and_then(Value::as_u64).unwrap_or(from);
                steps(&page)
            });
            if sender.send(steps).await.is_err() || ended {
                return;
            }
        }
    });
    receiver
}

/// Asks again while nobody answers: a server that was ended is started again meanwhile.
pub async fn patiently<T, Asked: Future<Output = Result<T>>>(ask: impl Fn() -> Asked) -> Result<T> {
    let began = Instant::now();
    loop {
        match ask().await {
            Err(error) if error.downcast_ref::<Refused>().is_none() && began.elapsed() < AWAY_MAX => {
                tokio::time::sleep(ASK_AGAIN).await;
            }
            answer => return answer,
        }
    }
}

fn steps(page: &Value) -> Vec<Step> {
    let entries = page.get("items").and_then(Value::as_array).into_iter().flatten();
    let step = |entry: &Value| {
        let stream = entry.pointer("/event/stream").and_then(Value::as_str)?;
        let event = entry.pointer("/event/type").and_then(Value::as_str)?;
        let trip = stream.strip_prefix("trip/")?;
        Some(Step { trip: trip.to_owned(), event: event.to_owned() })
    };
    entries.filter_map(step).collect()
}

/// The demo's trips as they stand.
#[derive(Debug)]
pub struct Play {
    client: Client,
    world: Box<dyn World>,
    fleet: Capabilities,
    trips: BTreeMap<String, String>,
    pub news: VecDeque<String>,
    refused_in_a_row: usize,
    /// How often it is still looked for vehicles that restarted with the demo and wait for a person.
    looks_for_restarted: usize,
}

impl Play {
    /// The trips of a tenant that may have some from before.
    pub async fn new(client: Client, world: Box<dyn World>, fleet: Capabilities) -> Result<Self> {
        let mut play = Self {
            client,
            world,
            fleet,
            trips: BTreeMap::new(),
            news: VecDeque::new(),
            refused_in_a_row: 0,
            looks_for_restarted: 0,
        };
        let page = play.client.get("/v1/trips?limit=1000").await?;
        for trip in page.get("items").and_then(Value::as_array).into_iter().flatten() {
            let id = output::text(trip, "/id");
            let status = output::text(trip, "/status");
            // Trips that ended in an earlier run are not this run's.
            if !is_over(&status) {
                play.trips.insert(id, status);
                play.looks_for_restarted = LOOKS_FOR_RESTARTED;
            }
        }
        Ok(play)
    }

    pub fn tenant(&self) -> &'static str {
        self.world.facts().tenant
    }

    /// Trips that ended well in this run.
    pub fn completed(&self) -> impl Iterator<Item = &str> {
        self.trips.iter().filter(|(_, status)| *status == "COMPLETED").map(|(id, _)| id.as_str())
    }

    pub fn open(&self) -> usize {
        self.trips.values().filter(|status| !is_over(status)).count()
    }

    /// How many trips there are by status.
    pub fn by_status(&self) -> BTreeMap<&str, usize> {
        self.trips.values().fold(BTreeMap::new(), |mut counts, status| {
            *counts.entry(status.as_str()).or_default() += 1;
            counts
        })
    }

    pub fn status(&self, trip: &str) -> &str {
        self.trips.get(trip).map_or("", String::as_str)
    }

    /// Asks for trips until this many are open. A pair of places between which policy or streets allow none is skipped.
    pub async fn ask_for(&mut self, open: usize) -> Result<()> {
        while self.open() < open {
            let body = self.world.ask(&self.fleet);
            match self.client.post("/v1/trips", &body).await {
                Ok(made) => {
                    self.refused_in_a_row = 0;
                    let id = made.get("id").and_then(Value::as_str).context("the new trip has no id")?;
                    self.trips.entry(id.to_owned()).or_insert_with(|| output::text(&made, "/status"));
                }
                Err(error) => {
                    // A server that is away is not asked for more; whether the trip is there shows in the journal.
                    let Some(refused) = error.downcast_ref::<Refused>() else { return Ok(()) };
                    self.refused_in_a_row += 1;
                    if self.refused_in_a_row == REFUSALS_MAX {
                        self.news.push_back(format!("no trip is possible now: {refused}"));
                    }
                    // Whoever changed the rules or closed the roads may take that back: one is asked for at each look.
                    if self.refused_in_a_row >= REFUSALS_MAX || matches!(refused.status, 429 | 503) {
                        return Ok(());
                    }
                }
            }
        }
        Ok(())
    }

    /// Does what a person at the desk does after a power cut: lets vehicles go on that stand because their computers
    /// started anew with people aboard (SAFE-13).
    pub async fn let_restarted_go_on(&mut self) -> Result<()> {
        let Some(left) = self.looks_for_restarted.checked_sub(1) else { return Ok(()) };
        self.looks_for_restarted = left;
        let Ok(page) = self.client.get("/v1/assistance?limit=1000").await else { return Ok(()) };
        for request in page.get("items").and_then(Value::as_array).into_iter().flatten() {
            if output::text(request, "/kind") == "RESTARTED" {
                let path = format!("/v1/trips/{}/resume", output::text(request, "/trip"));
                // A vehicle that is not back yet is asked again with the next look.
                if let Err(error) = self.client.post(&path, &json!({ "reason": "the demo was started again" })).await {
                    tracing::debug!(%error, "a vehicle does not go on yet");
                }
            }
        }
        Ok(())
    }

    /// Takes steps in; answers one line for each trip that is in a new state.
    pub async fn take(&mut self, steps: Vec<Step>) -> Result<Vec<String>> {
        let mut touched: Vec<(String, String)> = Vec::new();
        for step in steps {
            match touched.iter_mut().find(|(trip, _)| *trip == step.trip) {
                Some(known) => known.1 = step.event,
                None => touched.push((step.trip, step.event)),
            }
        }
        let mut lines = Vec::new();
        for (id, event) in touched {
            let path = format!("/v1/trips/{id}");
            let trip = patiently(|| self.client.get(&path)).await?;
            let (before, now) = (self.status(&id).to_owned(), output::text(&trip, "/status"));
            if before != now {
                let vehicle = trip.get("vehicle").and_then(Value::as_str).unwrap_or_default();
                lines.push(line(&id, &before, &now, &event, vehicle));
                self.trips.insert(id, now);
            }
        }
        self.news.extend(lines.iter().cloned());
        while self.news.len() > NEWS_MAX {
            self.news.pop_front();
        }
        Ok(lines)
    }
}

fn line(trip: &str, before: &str, now: &str, event: &str, vehicle: &str) -> String {
    let before = if before.is_empty() { "asked for" } else { before };
    let with = if vehicle.is_empty() { String::new() } else { format!("  by {}", short(vehicle)) };
    format!("trip {}  {before} → {now}  ({event}){with}", short(trip))
}

/// The end of an id, enough to tell things apart on a screen.
pub fn short(id: &str) -> &str {
    id.len().checked_sub(8).and_then(|from| id.get(from..)).unwrap_or(id)
}

fn is_over(status: &str) -> bool {
    matches!(status, "COMPLETED" | "CANCELLED" | "FAILED" | "EXPIRED")
}

/// How often a live view is drawn.
pub const REDRAW: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_steps_of_trips_are_followed() {
        let entry = |stream: &str, event: &str| json!({ "index": 1, "event": { "stream": stream, "type": event } });
        let page = json!({ "items": [entry("trip/trip_1", "trip.created"), entry("vehicle/veh_1", "vehicle.online")] });
        let steps = steps(&page);
        assert_eq!(steps.len(), 1);
        assert_eq!((steps[0].trip.as_str(), steps[0].event.as_str()), ("trip_1", "trip.created"));
    }

    #[test]
    fn a_line_tells_where_a_trip_came_from_and_got() {
        let told = line("trip_0123456789abcdef", "ASSIGNED", "DISPATCHED", "trip.accepted", "veh_00000000000000001");
        assert_eq!(told, "trip 89abcdef  ASSIGNED → DISPATCHED  (trip.accepted)  by 00000001");
        assert!(line("trip_1", "", "CREATED", "trip.created", "").contains("asked for → CREATED"));
    }
}

//! `atlasmesh demo`: a whole fleet on real streets, from nothing, over the same programs and the same protocol that a
//! real one runs on. It shows that the product works and proves it: the journal is verified at the end.

pub mod child;
pub mod city;
mod evidence;
pub mod folder;
mod play;
pub mod setup;
mod tries;
mod view;
pub mod worlds;

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use kernel::Clock as _;
use serde_json::Value;
use tokio::signal::unix::{Signal, SignalKind, signal};

use self::child::GuardedChild;
use self::folder::{DemoFolder, Notes};
use self::play::{Play, REDRAW};
use self::setup::Server;
use self::view::View;
use self::worlds::{Stand, World, work};
use crate::cli::args::DemoOptions;
use crate::cli::client::Client;
use crate::cli::journal;
use crate::cli::output::{self, line, text};
use crate::system_clock::SystemSource;

/// How long the demo may take to its last trip: many times what a slow machine needs.
const LIMIT: Duration = Duration::from_secs(5 * 60);
/// Where the lines to try are, in the demo's folder.
const TRY_FILE: &str = "try.txt";
/// Lines of a log that are shown when the demo fails.
const LOG_LINES: usize = 20;

/// Runs the demo until its trips are done, or until it is interrupted.
pub async fn run(options: DemoOptions) -> Result<()> {
    let folder = DemoFolder::open(options.data.as_deref())?;
    let done = perform(&options, &folder).await;
    if done.is_err() {
        for log in ["server.log", "agents.log"] {
            show_end(&folder, log);
        }
    }
    done
}

async fn perform(options: &DemoOptions, folder: &DemoFolder) -> Result<()> {
    let began = Instant::now();
    let mut end = End::watch()?;
    let prepared = tokio::select! {
        prepared = prepare(options, folder, began) => prepared?,
        () = end.asked() => return Ok(()),
    };
    let (mut stage, mut play) = prepared;
    let outcome = perform_trips(options, folder, (&mut stage, &mut play), &mut end, began).await?;
    if let Outcome::Done = outcome {
        prove(&stage.client, &play, began).await?;
    }
    say(began, "ending the agents and the server");
    Ok(())
}

/// What runs beside the demo. Agents first: a server that leaves before them would look like an outage in their log.
struct Stage {
    agents: GuardedChild,
    server: Server,
    client: Client,
    notes: Notes,
    /// The journal's length when the demo began to watch.
    from: u64,
}

async fn prepare(options: &DemoOptions, folder: &DemoFolder, began: Instant) -> Result<(Stage, Play)> {
    let mut world = worlds::of(options.sector)?;
    let facts = world.facts();
    let mut notes = folder.notes()?;
    folder.play_in(&mut notes, options.sector)?;
    let server = setup::start_server(folder, &mut notes).await?;
    say(began, format!("server at {}, vehicles connect to {}", server.url, server.link));
    let client = setup::tenant(&server, facts, folder, &mut notes).await?;
    setup::people(&server, &client, facts.tenant).await?;
    setup::workshop(&client).await?;
    let map = setup::map(&client, facts).await?;
    say(began, format!("map of {}: digest {}", text(&map, "/site"), map_digest(&map)));
    setup::vehicles(options, &client, world.as_mut(), folder, &mut notes).await?;
    say(began, format!("{} vehicles registered", options.vehicles));
    if options.sector.is_some() {
        let now = SystemSource::start().now();
        for undone in work::begin((&server, &client), world.as_ref(), &notes, now).await? {
            say(began, format!("not set up: {undone}"));
        }
    }
    let agents = setup::start_agents(folder)?;
    let online = setup::ready(&client, options.vehicles).await?;
    say(began, format!("{online} vehicles online"));
    let head = client.get("/v1/journal/head").await?;
    let from = head.get("size").and_then(Value::as_u64).unwrap_or_default();
    if options.until_trips.is_none() {
        let sector = options.sector.is_some() && client.get("/v1/places?limit=1").await.is_ok();
        invite(folder, &server, &notes, sector, world.as_mut())?;
        if options.tour {
            tour(&server, &notes);
        }
    }
    let play = Play::new(client.clone(), world, notes.can_do(options.vehicles)).await?;
    Ok((Stage { agents, server, client, notes, from }, play))
}

/// Prints what can be tried, and keeps it in a file for those whose terminal shows the fleet.
fn invite(folder: &DemoFolder, server: &Server, notes: &Notes, sector: bool, world: &mut dyn World) -> Result<()> {
    let token = notes.tenant_token.as_deref().unwrap_or_default();
    let stand = Stand { folder, url: &server.url, link: &server.link, token, vehicles: notes.vehicles.len(), sector };
    let lines = world.tries(&stand)?;
    folder.write_private(TRY_FILE, lines.join("\n").as_bytes())?;
    lines.iter().for_each(line);
    Ok(())
}

/// Opens the page with its tour, where this machine has a browser that can be asked; prints its address in any case.
fn tour(server: &Server, notes: &Notes) {
    let address = format!("{}/#token={}&tour", server.url, notes.tenant_token.as_deref().unwrap_or_default());
    line(format!("the tour: {address}"));
    let mut browser = tokio::process::Command::new("xdg-open");
    let nothing = std::process::Stdio::null;
    if let Err(error) = browser.arg(&address).stdout(nothing()).stderr(nothing()).spawn() {
        tracing::debug!(%error, "no browser is opened");
    }
}

fn map_digest(map: &Value) -> String {
    let digest = map.pointer("/digest").or_else(|| map.pointer("/map/digest")).and_then(Value::as_str);
    digest.map_or_else(|| "-".into(), |digest| digest.chars().take(16).collect())
}

enum Outcome {
    /// The trips that were asked for are done.
    Done,
    Ended,
}

async fn perform_trips(
    options: &DemoOptions,
    folder: &DemoFolder,
    (stage, play): (&mut Stage, &mut Play),
    end: &mut End,
    began: Instant,
) -> Result<Outcome> {
    let view = if options.headless { None } else { View::open(folder.path(TRY_FILE)) };
    let open = options.vehicles.div_ceil(2);
    let mut steps = play::follow(stage.client.clone(), stage.from);
    let mut tick = tokio::time::interval(REDRAW);
    loop {
        tokio::select! {
            page = steps.recv() => {
                let page = page.context("the journal is followed no more")??;
                for told in attended(folder, stage, began, play.take(page)).await? {
                    if view.is_none() {
                        say(began, told);
                    }
                }
            }
            _ = tick.tick() => {
                keep_alive(folder, stage, began).await?;
                play.ask_for(open).await?;
                play.let_restarted_go_on().await?;
                if let Some(view) = &view {
                    let client = stage.client.clone();
                    let vehicles = play::patiently(|| client.get("/v1/vehicles?limit=1000"));
                    let vehicles = attended(folder, stage, began, vehicles).await?;
                    view.draw(began.elapsed().as_secs(), &vehicles, play);
                }
            }
            () = end.asked() => return Ok(Outcome::Ended),
        }
        if options.until_trips.is_some_and(|trips| play.completed().count() >= trips) {
            return Ok(Outcome::Done);
        }
        if options.until_trips.is_some() && began.elapsed() > LIMIT {
            let states = play.by_status();
            bail!("only {} trips were done in {} s: {states:?}", play.completed().count(), LIMIT.as_secs());
        }
    }
}

/// Does something that waits for a server, which is kept alive meanwhile: nobody else would start it again.
async fn attended<T>(
    folder: &DemoFolder,
    stage: &mut Stage,
    began: Instant,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    let mut work = std::pin::pin!(work);
    let mut tick = tokio::time::interval(REDRAW);
    loop {
        tokio::select! {
            done = &mut work => return done,
            _ = tick.tick() => keep_alive(folder, stage, began).await?,
        }
    }
}

/// Starts a server that was ended again, where it was: what it acknowledged is there, and its vehicles drove on.
async fn keep_alive(folder: &DemoFolder, stage: &mut Stage, began: Instant) -> Result<()> {
    if let Some(status) = stage.agents.ended()? {
        bail!("the agents ended by themselves ({status})");
    }
    if let Some(status) = stage.server.child.ended()? {
        say(began, format!("the server was ended ({status}) and starts again; its vehicles drive on"));
        stage.server = setup::start_server(folder, &mut stage.notes).await?;
        say(began, format!("the server is back at {}", stage.server.url));
    }
    Ok(())
}

/// Tells one trip's story and verifies the whole journal, every row of state against it.
async fn prove(client: &Client, play: &Play, began: Instant) -> Result<()> {
    let trip = play.completed().next().context("no trip is done")?.to_owned();
    let story = client.get(&format!("/v1/trips/{trip}/why")).await?;
    let steps = story.get("steps").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    ensure!(!steps.is_empty(), "trip {trip} is done and has no story");
    line(format!("\nwhy trip {} is {}:", play::short(&trip), text(&story, "/status")));
    for step in steps {
        line(format!("  {}  {:24}  {}", text(step, "/at"), text(step, "/event"), text(step, "/summary")));
    }
    let verdict = journal::verified(client, true, &journal::Bar::new()).await?;
    line("");
    for log in verdict.get("logs").and_then(Value::as_array).into_iter().flatten() {
        let (entries, rows) = (text(log, "/size"), text(log, "/rows_replayed"));
        line(format!("log of {}: {entries} entries, {rows} rows equal to their fold", text(log, "/tenant")));
    }
    if verdict.get("ok") != Some(&Value::Bool(true)) {
        bail!("the journal does not verify: {}", output::text(&verdict, "/finding"));
    }
    say(began, format!("{} trips done and verified ({})", play.completed().count(), text(&verdict, "/trust")));
    Ok(())
}

/// The wish of the terminal or of a supervisor that the demo ends.
struct End {
    interrupt: Signal,
    terminate: Signal,
}

impl End {
    fn watch() -> Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn asked(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

fn say(began: Instant, what: impl std::fmt::Display) {
    line(format!("{:6.1} s  {what}", began.elapsed().as_secs_f64()));
}

fn show_end(folder: &DemoFolder, log: &str) {
    let Ok(text) = std::fs::read_to_string(folder.path(log)) else { return };
    let lines: Vec<&str> = text.lines().collect();
    line(format!("\nthe end of {log}:"));
    for text in &lines[lines.len().saturating_sub(LOG_LINES)..] {
        line(format!("  {text}"));
    }
}

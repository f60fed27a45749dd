//! Security incidents over a running server: how soon an attack in the journal is an incident, its vehicle is refused
//! everywhere, and a pager has taken the call; and the forensic timeline of one vehicle with the proof of each entry. Against
//! requests that do nothing, over the same connections.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use gateway::Gateway;
use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use identity::vehicles::{Refusal, Standing};
use kernel::{Actor, Ctx, TenantId, Timestamp, VehicleId};
use pki::{PeerCertificate, SubjectKey};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::page::{serve, tenant};
use super::{Bar, bar, percentile_ms};
use crate::cli::client::{Call, Client, Refused};
use crate::cli::output::{line, text};
use crate::demo::city;
use crate::demo::setup;

/// Vehicles whose key is copied, one after the other.
const COPIED: usize = 30;
/// Entries of the vehicle that is looked into, at least.
const ENTRIES: usize = 3_000;
/// Connections that fetch proofs beside one another, each with one request at a time.
const CONNECTIONS: usize = 8;
/// How often the timeline is fetched with its proofs.
const ROUNDS: usize = 5;
/// More wrong passwords than anybody may give.
const GUESSES_MAX: usize = 20;
const PASSWORD: &str = "a horse with a battery";
/// How long something may take that follows from something else.
const WITHIN: Duration = Duration::from_secs(60);
/// How often it is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(1);
/// For how long join tokens and the certificates of a bench are good, in milliseconds.
const VALID_MS: i64 = 3_600_000;

struct Bench {
    gateway: Arc<Gateway>,
    tenant: TenantId,
    client: Client,
    url: String,
    token: String,
}

/// What the journal has of a vehicle whose key was copied, and when others knew of it.
struct Contained {
    /// From the entry of the refused copy to the incident.
    detected: Duration,
    /// From that entry to the moment when the vehicle's own certificate is refused too.
    refused: Duration,
    /// From the incident to the end of its containment.
    contained: Duration,
    /// From the incident to the answer of the pager.
    called: Duration,
}

pub async fn run(count: usize) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (gateway, url, _stop) = serve(folder.path()).await?;
    let (tenant, token) = tenant(&gateway, "coquimbo-city").await?;
    let client = Client::new(&url, Some(token.clone()))?;
    setup::map(&client, &city::FACTS).await?;
    let bench = Bench { gateway, tenant, client, url, token };
    line(format!(
        "incidents: {count} people whose sign-in is blocked, {COPIED} vehicles whose key is copied, a timeline of {ENTRIES} entries, SQLite synchronous=FULL"
    ));
    bench.people(count).await?;
    bench.copies().await?;
    bench.timeline().await
}

/// The time between two moments that the server noted.
fn between(from: Timestamp, to: Timestamp) -> Duration {
    Duration::from_micros(to.as_us().saturating_sub(from.as_us()).max(0).unsigned_abs())
}

fn time(value: &Value, pointer: &str) -> Result<Timestamp> {
    let at = value.pointer(pointer).with_context(|| format!("{pointer} is missing in {value}"))?;
    Ok(serde_json::from_value(at.clone())?)
}

/// Prints a row, and answers the 99th percentile.
fn told(name: &str, took: &mut [Duration]) -> f64 {
    let [p50, p99, max] = [0.5, 0.99, 1.0].map(|share| percentile_ms(took, share));
    line(format!("{name:56} p50 {p50:7.1} ms  p99 {p99:7.1} ms  max {max:7.1} ms"));
    p99
}

/// Asks until there is an answer.
async fn until<T, F: Future<Output = Result<Option<T>>>>(what: &str, mut look: impl FnMut() -> F) -> Result<T> {
    let began = Instant::now();
    loop {
        if let Some(found) = look().await? {
            return Ok(found);
        }
        ensure!(began.elapsed() < WITHIN, "{what} did not come about");
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

impl Bench {
    fn ctx(&self) -> Ctx {
        Ctx::new(&*self.gateway.source, self.tenant.clone(), Actor::automation("bench"))
    }

    /// The journal, or what it has about somebody.
    async fn journal(&self, about: Option<&str>) -> Result<Vec<Value>> {
        let about = about.map(|about| format!("&about={about}")).unwrap_or_default();
        let (mut all, mut from) = (Vec::new(), 0);
        loop {
            let page = self.client.get(&format!("/v1/journal?from={from}&limit=500{about}")).await?;
            let Some(next) = page["next"].as_u64() else { return Ok(all) };
            from = next;
            all.extend(page["items"].as_array().into_iter().flatten().map(|item| item["event"].clone()));
        }
    }

    /// People guess passwords until they have to wait: the journal has the block, and the incident that a rule opens.
    async fn people(&self, count: usize) -> Result<()> {
        for n in 0..count {
            self.invite(n).await?;
        }
        for n in 0..count {
            self.guess(n).await?;
        }
        let all_found = || async {
            let found = opened_after(&self.journal(None).await?)?;
            Ok(Some(found).filter(|found| found.0.len() >= count))
        };
        let (mut opened, mut triaged) = until("an incident about each person", all_found).await?;
        let p99 = told("wrong passwords: entry to incident", &mut opened);
        told("  the same until it is triaged, after a commit", &mut triaged);
        bar("incidents.detected_p99", p99, "ms from entry to incident", Bar::AtMost(1_000.0));
        Ok(())
    }

    async fn invite(&self, n: usize) -> Result<()> {
        let body = json!({ "name": format!("person-{n}"), "email": email(n), "roles": ["viewer"] });
        let invited = self.client.post("/v1/users", &body).await?;
        let link = text(&invited, "/invitation");
        let code = link.rsplit('/').next().unwrap_or_default();
        let accept = json!({ "tenant": self.tenant, "code": code, "password": PASSWORD });
        Client::new(&self.url, None)?.post("/v1/session/invitation", &accept).await?;
        Ok(())
    }

    /// Each person from an address of its own, as a proxy on this machine names it: one address for all would be blocked.
    async fn guess(&self, n: usize) -> Result<()> {
        let body = serde_json::to_vec(&json!({ "tenant": self.tenant, "email": email(n), "password": "a wrong one" }))?;
        let from = format!("10.0.{}.{}", n / 250, n % 250 + 1);
        let headers = [("x-forwarded-for", from.as_str()), ("x-forwarded-proto", "https")];
        let headers: Vec<_> = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let client = Client::new(&self.url, None)?;
        for _ in 0..GUESSES_MAX {
            let (method, path) = ("POST".to_owned(), "/v1/session".to_owned());
            let call = Call { method, path, body: Some(body.clone()), headers: headers.clone() };
            let Err(refused) = client.call(call).await else { bail!("a wrong password opened a session") };
            if refused.downcast_ref::<Refused>().is_some_and(|refused| refused.status == 429) {
                return Ok(());
            }
        }
        bail!("nobody is blocked after {GUESSES_MAX} wrong passwords")
    }

    /// Copies of keys are used: each is contained by a rule, and on call is somebody's webhook.
    async fn copies(&self) -> Result<()> {
        let pager = Pager::start(Arc::clone(&self.gateway)).await?;
        let on_call = json!({
            "levels": [{ "people": ["person-0"], "acknowledge_minutes": 5 }],
            "channels": [{ "name": "pager", "kind": "webhook", "url": pager.url }],
            "secrets": { "pager": "secret" },
        });
        self.client.put("/v1/on-call", serde_json::to_vec(&on_call)?, "application/json").await?;
        let mut all = Vec::with_capacity(COPIED);
        for n in 0..COPIED {
            all.push(self.copied(&pager, n).await?);
        }
        let column = |of: fn(&Contained) -> Duration| all.iter().map(of).collect::<Vec<_>>();
        told("a copied key: entry to incident", &mut column(|one| one.detected));
        let refused = told("  entry to the vehicle's own certificate being refused", &mut column(|one| one.refused));
        let contained = told("  incident to contained", &mut column(|one| one.contained));
        let called = told("  incident to the pager's answer", &mut column(|one| one.called));
        bar("incidents.refused_p99", refused, "ms from entry to refused", Bar::AtMost(1_000.0));
        bar("incidents.contained_p99", contained, "ms from incident to contained", Bar::AtMost(1_000.0));
        bar("incidents.called_p99", called, "ms from incident to the pager's answer", Bar::AtMost(30_000.0));
        Ok(())
    }

    async fn vehicle(&self, n: usize) -> Result<VehicleId> {
        let made = self.client.post("/v1/vehicles", &setup::profile(n)).await?;
        text(&made, "/id").parse().ok().context("the new vehicle has no id")
    }

    /// A vehicle with two certificates: the older was replaced by the newer.
    async fn certificates(&self, vehicle: VehicleId) -> Result<(PeerCertificate, PeerCertificate)> {
        let identities = &self.gateway.identities;
        let key = || -> Result<SubjectKey> { Ok(pki::request::public_of(&pki::request::new_key()?)?) };
        let invited = identities.invite(&self.ctx(), vehicle, VALID_MS).await?;
        let device = PeerCertificate::read(&identities.enrol(vehicle, invited.token.expose(), &key()?).await?)?;
        let mut used = Vec::with_capacity(2);
        for _ in 0..2 {
            let svid = PeerCertificate::read(&identities.issue_svid(&device, &key()?).await?)?;
            identities.note_used(&self.tenant, vehicle, &svid.serial).await?;
            used.push(svid);
        }
        let newer = used.pop().context("no certificate")?;
        Ok((used.pop().context("no certificate")?, newer))
    }

    fn standing(&self, certificate: &PeerCertificate) -> Result<Standing> {
        Ok(self.gateway.identities.of_svid(certificate).context("this is no vehicle's certificate")?.standing)
    }

    /// Somebody uses a copy of a vehicle's replaced certificate, as the vehicles' listener notes it.
    async fn copied(&self, pager: &Pager, n: usize) -> Result<Contained> {
        let vehicle = self.vehicle(n).await?;
        let (older, newer) = self.certificates(vehicle).await?;
        let superseded = self.standing(&older)?;
        ensure!(
            matches!(superseded, Standing::Refused(Refusal::Superseded)),
            "the older certificate is {superseded:?}"
        );
        self.gateway.identities.note_refused(&self.tenant, vehicle, Refusal::Superseded, &older.serial).await?;
        let is_out = || async { Ok(matches!(self.standing(&newer)?, Standing::Refused(_)).then_some(())) };
        until("that a vehicle is refused", is_out).await?;
        let refused_at = self.gateway.source.now();
        let about = format!("vehicle/{vehicle}");
        let entries = self.journal(Some(&about)).await?;
        let entry = |kind: &str| {
            let found = entries.iter().find(|entry| entry["type"] == kind);
            found.with_context(|| format!("{about} has no {kind}"))
        };
        let (copy, opened) = (time(entry("identity.refused")?, "/recorded_at")?, entry("incident.opened")?);
        let incident = text(opened, "/stream").trim_start_matches("incident/").to_owned();
        let opened_at = time(opened, "/recorded_at")?;
        let shown = self.until_contained(&incident).await?;
        ensure!(shown["contained"]["revoked_at"].is_string(), "no access was revoked: {shown}");
        let answered = until("the call", || async { Ok(pager.answered(&incident)) }).await?;
        // Contained by rules within a minute may be few vehicles: one that somebody looks into is not counted.
        self.client.post(&format!("/v1/incidents/{incident}/investigate"), &json!({})).await?;
        Ok(Contained {
            detected: between(copy, opened_at),
            refused: between(copy, refused_at),
            contained: between(opened_at, time(&shown, "/contained_at")?),
            called: between(opened_at, answered),
        })
    }

    async fn until_contained(&self, incident: &str) -> Result<Value> {
        let path = format!("/v1/incidents/{incident}");
        until("containment", || async {
            let shown = self.client.get(&path).await?;
            Ok((shown["status"] == "CONTAINED").then_some(shown))
        })
        .await
    }

    /// A vehicle of which the journal has much is looked into: everything about it, with the proof of each entry.
    async fn timeline(&self) -> Result<()> {
        let vehicle = self.vehicle(COPIED).await?;
        for _ in 0..ENTRIES {
            self.gateway.identities.invite(&self.ctx(), vehicle, VALID_MS).await?;
        }
        let drill = self.client.post("/v1/drills", &json!({ "vehicle": vehicle, "severity": "high" })).await?;
        let incident = text(&drill, "/id");
        self.until_contained(&incident).await?;
        let path = format!("/v1/incidents/{incident}/timeline");
        let (mut timelines, mut proofs, mut both) = (Vec::new(), Vec::new(), Vec::new());
        let mut count = 0;
        for _ in 0..ROUNDS {
            let began = Instant::now();
            let timeline = self.client.get(&path).await?;
            timelines.push(began.elapsed());
            let of = |entry: &Value| format!("/v1/journal/{}/proof", text(entry, "/event"));
            let paths: Vec<String> = timeline["entries"].as_array().into_iter().flatten().map(of).collect();
            count = paths.len();
            ensure!(count >= ENTRIES, "the timeline has only {count} entries");
            proofs.push(self.get_all(paths).await?);
            both.push(began.elapsed());
        }
        let idle = self.get_all(vec!["/healthz".to_owned(); count]).await?;
        told(&format!("timeline of {count} entries"), &mut timelines);
        told(&format!("  all its proofs, over {CONNECTIONS} connections"), &mut proofs);
        let each_us = percentile_ms(&mut proofs, 0.5) * 1_000.0 / count as f64;
        let idle_us = idle.as_secs_f64() * 1e6 / count as f64;
        line(format!(
            "  a proof {each_us:.0} µs, a request that does nothing {idle_us:.0} µs: {:.1} x",
            each_us / idle_us.max(0.001)
        ));
        bar("incidents.timeline_with_proofs", percentile_ms(&mut both, 0.5), "ms", Bar::AtMost(2_000.0));
        Ok(())
    }

    /// Fetches all of these, and answers how long that takes.
    async fn get_all(&self, paths: Vec<String>) -> Result<Duration> {
        let (paths, next, mut getting) = (Arc::new(paths), Arc::new(AtomicUsize::new(0)), JoinSet::new());
        let began = Instant::now();
        for _ in 0..CONNECTIONS {
            let mut connection = Connection::open(&self.url, &self.token).await?;
            let (paths, next) = (Arc::clone(&paths), Arc::clone(&next));
            getting.spawn(async move {
                while let Some(path) = paths.get(next.fetch_add(1, Ordering::Relaxed)) {
                    connection.get(path).await?;
                }
                anyhow::Ok(())
            });
        }
        while let Some(done) = getting.join_next().await {
            done??;
        }
        Ok(began.elapsed())
    }
}

fn email(n: usize) -> String {
    format!("person-{n}@bench.example")
}

/// From each block of a person's sign-in to the incident about that person, and to its triage.
fn opened_after(journal: &[Value]) -> Result<(Vec<Duration>, Vec<Duration>)> {
    let (mut blocked, mut open) = (BTreeMap::new(), BTreeMap::new());
    let (mut opened, mut triaged) = (Vec::new(), Vec::new());
    for entry in journal {
        let (stream, at) = (text(entry, "/stream"), time(entry, "/recorded_at")?);
        match entry["type"].as_str().unwrap_or_default() {
            "user.sign_in_blocked" => {
                let user = stream.split('/').next_back().unwrap_or_default();
                blocked.entry(format!("principal/{user}")).or_insert(at);
            }
            "incident.opened" => {
                if let Some(blocked_at) = blocked.get(&text(entry, "/body/subject")) {
                    opened.push(between(*blocked_at, at));
                    open.insert(stream, *blocked_at);
                }
            }
            "incident.triaged" => triaged.extend(open.get(&stream).map(|blocked_at| between(*blocked_at, at))),
            _ => {}
        }
    }
    Ok((opened, triaged))
}

/// A connection that is kept.
struct Connection {
    sender: SendRequest<Empty<Bytes>>,
    authority: String,
    token: String,
}

impl Connection {
    async fn open(url: &str, token: &str) -> Result<Self> {
        let authority = url.trim_start_matches("http://").to_owned();
        let stream = TcpStream::connect(&authority).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Self { sender, authority, token: token.to_owned() })
    }

    async fn get(&mut self, path: &str) -> Result<()> {
        self.sender.ready().await.context("the server closed the connection")?;
        let request = Request::builder()
            .uri(path)
            .header("host", &self.authority)
            .header("authorization", format!("Bearer {}", self.token))
            .body(Empty::new())?;
        let response = self.sender.send_request(request).await?;
        let status = response.status();
        let answer = response.into_body().collect().await?.to_bytes();
        ensure!(status.is_success(), "{path}: {status} {}", String::from_utf8_lossy(&answer));
        Ok(())
    }
}

/// Somebody outside who is called over HTTP, and takes each call.
struct Pager {
    url: String,
    /// When which incident's call was answered.
    answered: Arc<Mutex<BTreeMap<String, Timestamp>>>,
}

impl Pager {
    async fn start(gateway: Arc<Gateway>) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let answered = Arc::new(Mutex::new(BTreeMap::new()));
        let kept = Arc::clone(&answered);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // A call that cannot be read is not answered: the server calls again.
                let Ok(incident) = take_call(stream).await else { continue };
                let now = gateway.source.now();
                kept.lock().unwrap_or_else(PoisonError::into_inner).entry(incident).or_insert(now);
            }
        });
        Ok(Self { url, answered })
    }

    fn answered(&self, incident: &str) -> Option<Timestamp> {
        self.answered.lock().unwrap_or_else(PoisonError::into_inner).get(incident).copied()
    }
}

/// Reads one call and answers 202; the incident that it is about.
async fn take_call(stream: TcpStream) -> Result<String> {
    let (mut stream, mut length) = (BufReader::new(stream), 0);
    loop {
        let mut header = String::new();
        stream.read_line(&mut header).await?;
        let header = header.trim_end().to_lowercase();
        if header.is_empty() {
            break;
        }
        if let Some(given) = header.strip_prefix("content-length:") {
            length = given.trim().parse()?;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    stream.write_all(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await?;
    stream.flush().await?;
    let message: Value = serde_json::from_slice(&body)?;
    Ok(text(&message, "/data/incident"))
}

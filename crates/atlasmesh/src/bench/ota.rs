//! Updates: making a rollout, the gate over simulated releases, checking an image, and the listener as clients of hawkBit use it:
//! idle polls and the bytes of an image, over TLS, with client and server on the same cores.

use data_encoding::HEXLOWER;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::SendRequest;
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use kernel::Timestamp;
use ota::rollout::gate::{OpenStage, Verdict, evaluate};
use ota::rollout::{Advance, Counts, GateRules};
use pki::SpiffeId;
use pki::verifier::{Trust, client_config};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use uptane::Sha256Digest;
use uptane::image::ImageCheck;
use uptane::metadata::{Hashes, Target};

use super::{Bar, bar, percentile_ms};
use crate::cli::client::Client;
use crate::cli::output::line;
use crate::demo::city;
use crate::demo::folder::DemoFolder;
use crate::demo::setup;

/// Simulated rollouts of the gate.
const SIMULATED: u64 = 10_000;
/// The size of a stage of them; it is never reached where the gate pauses.
const STAGE: u64 = 20_000;
/// Connections that poll.
const POLLERS: usize = 64;
/// How long is polled.
const POLL_FOR: Duration = Duration::from_secs(6);
/// Bytes of the image that is downloaded.
const IMAGE_BYTES: usize = 512 << 20;
const MIB: f64 = 1_048_576.0;

pub async fn run(vehicles: usize) -> Result<()> {
    gate();
    verification()?;
    let folder = tempfile::tempdir()?;
    let demo = DemoFolder::open(Some(folder.path()))?;
    let mut notes = demo.notes()?;
    let server = setup::start_server(&demo, &mut notes).await?;
    let client = setup::tenant(&server, &city::FACTS, &demo, &mut notes).await?;
    setup::map(&client, &city::FACTS).await?;
    let updates = notes.updates.clone().context("the server names no place for updates")?;
    let mut clients = Vec::new();
    for n in 0..vehicles.max(POLLERS) {
        let made = client.post("/v1/vehicles", &setup::profile(n)).await?;
        let id = made["id"].as_str().context("a vehicle has no id")?.to_owned();
        if n < POLLERS {
            clients.push(client.post(&format!("/v1/vehicles/{id}/update-token"), &json!({})).await?);
        }
    }
    let release = publish(&client, IMAGE_BYTES).await?;
    created(&client, &release, vehicles).await?;
    let clients: Vec<Arc<Ddi>> =
        clients.iter().map(|told| Ddi::of(told, &updates).map(Arc::new)).collect::<Result<_>>()?;
    polls(&clients).await?;
    egress(&client, &release, &clients, server.child.id()).await
}

/// A number from 0 to 1 that follows from a counter (SplitMix64): the same run each time.
fn uniform(seed: u64) -> f64 {
    let mut z = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
}

/// How many vehicles were exposed before the gate paused; `None`: it did not.
fn exposed(rate: f64, seed: u64, vehicles: u64) -> Option<u64> {
    let (rules, mut counts) = (GateRules::default(), Counts::default());
    for n in 0..vehicles {
        match uniform(seed.wrapping_mul(1_000_003).wrapping_add(n)) < rate {
            true => counts.failed += 1,
            false => counts.proven += 1,
        }
        let stage = OpenStage {
            counts,
            members: None,
            since: Timestamp::from_us(0),
            soak_s: 0,
            advance: Advance::Automatic,
            is_last: false,
        };
        match evaluate(&rules, &stage, counts, Timestamp::from_us(0)) {
            Verdict::Pause => return Some(counts.finished()),
            Verdict::GoOn => return None,
            Verdict::Hold(_) => {}
        }
    }
    None
}

fn gate() {
    let of = |rate: f64| {
        let paused: Vec<u64> = (0..SIMULATED).filter_map(|seed| exposed(rate, seed, STAGE)).collect();
        let share = paused.len() as f64 / SIMULATED as f64 * 100.0;
        (paused.iter().sum::<u64>() as f64 / paused.len().max(1) as f64, share)
    };
    line(format!("gate: {SIMULATED} simulated rollouts for each rate of failures"));
    for rate in [0.01, 0.05, 0.1, 0.3, 1.0] {
        let (exposed, share) = of(rate);
        line(format!("  {:5.1} % fail: paused {share:5.1} %, after {exposed:5.1} vehicles", rate * 100.0));
    }
    let (exposed, _) = of(0.1);
    bar("ota.exposed_at_10_percent", exposed, "vehicles", Bar::AtMost(60.0));
    let (_, share) = of(0.01);
    bar("ota.false_pauses_at_1_percent", share, "%", Bar::AtMost(1.0));
}

fn verification() -> Result<()> {
    let block = vec![7_u8; 1 << 20];
    let blocks = 1_024;
    let mut whole = Sha256::new();
    (0..blocks).for_each(|_| whole.update(&block));
    let digest: [u8; 32] = whole.finalize().into();
    let length = (blocks * block.len()) as u64;
    let target = Target { length, hashes: Hashes { sha256: Sha256Digest(digest) }, custom: None };
    let began = Instant::now();
    let mut check = ImageCheck::new(&target);
    for _ in 0..blocks {
        check.push(&block)?;
    }
    check.finish()?;
    let rate = length as f64 / began.elapsed().as_secs_f64() / 1e9;
    bar("ota.verify", rate, "GB/s of an image of 1 GiB", Bar::AtLeast(1.0));
    Ok(())
}

async fn publish(client: &Client, length: usize) -> Result<String> {
    let bytes = vec![b'.'; length];
    let digest = HEXLOWER.encode(&Sha256::digest(&bytes));
    let began = Instant::now();
    let mut at = 0;
    for part in bytes.chunks(4 << 20) {
        let body = json!({ "length": length, "at": at, "data": STANDARD.encode(part) });
        client.put(&format!("/v1/images/{digest}"), serde_json::to_vec(&body)?, "application/json").await?;
        at += part.len();
    }
    line(format!("upload  {:.0} MiB/s with its check", length as f64 / MIB / began.elapsed().as_secs_f64()));
    let of = |name: &str, counter: u64, back: Value| {
        json!({
            "name": name, "sha256": digest, "hardware_ids": ["bench"], "counter": counter, "notes": "a bench",
            "reverts_to": back,
        })
    };
    client.post("/v1/releases", &of("back", 2, Value::Null)).await?;
    let made = client.post("/v1/releases", &of("new", 1, json!("back"))).await?;
    Ok(made["id"].as_str().context("a release has no id")?.to_owned())
}

/// Nothing is written per vehicle: what a rollout of a large fleet costs is what one costs.
async fn created(client: &Client, release: &str, vehicles: usize) -> Result<()> {
    let mut took = Vec::new();
    for _ in 0..50 {
        let plan = json!({ "name": "bench", "release": release });
        let began = Instant::now();
        client.post("/v1/rollouts", &plan).await?;
        took.push(began.elapsed());
    }
    let p50 = percentile_ms(&mut took, 0.5);
    line(format!("rollouts made with {vehicles} vehicles registered; no vehicle is read or written for one"));
    bar("ota.rollout_created_p50", p50, "ms", Bar::AtMost(100.0));
    Ok(())
}

/// A client of hawkBit's interface.
struct Ddi {
    address: String,
    path: String,
    token: String,
    trust: Vec<Vec<u8>>,
}

impl Ddi {
    fn of(told: &Value, address: &str) -> Result<Self> {
        let text = |name: &str| told[name].as_str().unwrap_or_default().to_owned();
        let pem = text("authority_pem");
        let trust = CertificateDer::pem_slice_iter(pem.as_bytes());
        let trust = trust.map(|der| Ok(der?.to_vec())).collect::<Result<_>>()?;
        let path = format!("/{}/controller/v1/{}", text("tenant"), text("controller"));
        Ok(Self { address: address.to_owned(), path, token: text("token"), trust })
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>> {
        let server = SpiffeId::service(&"atlasmesh.local".parse()?, "updates");
        let config = client_config(&Trust::Authorities(self.trust.clone()), server, None, &[b"http/1.1"])?;
        let tcp = TcpStream::connect(&self.address).await?;
        tcp.set_nodelay(true)?;
        let tls = TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost")?, tcp).await?;
        let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(tls)).await?;
        tokio::spawn(connection);
        Ok(sender)
    }

    fn request(&self, method: Method, rest: &str, body: Bytes) -> Result<Request<Full<Bytes>>> {
        let request = Request::builder().method(method).uri(format!("{}{rest}", self.path));
        let request =
            request.header("host", &self.address).header("authorization", format!("TargetToken {}", self.token));
        Ok(request.header("content-type", "application/json").body(Full::new(body))?)
    }

    /// Names the version that it runs.
    async fn tell(&self, sender: &mut SendRequest<Full<Bytes>>, version: &str) -> Result<()> {
        let told = json!({ "mode": "merge", "data": { "sw_version": version, "hw_revision": "bench" } });
        let request = self.request(Method::PUT, "/configData", serde_json::to_vec(&told)?.into())?;
        sender.send_request(request).await?.into_body().collect().await?;
        Ok(())
    }

    async fn ask(&self, sender: &mut SendRequest<Full<Bytes>>, rest: &str) -> Result<Value> {
        let answer = sender.send_request(self.request(Method::GET, rest, Bytes::new())?).await?;
        let (status, body) = (answer.status(), answer.into_body().collect().await?.to_bytes());
        ensure!(status.is_success(), "{rest}: {status} {}", String::from_utf8_lossy(&body));
        Ok(serde_json::from_slice(&body)?)
    }
}

async fn polls(clients: &[Arc<Ddi>]) -> Result<()> {
    let polled = Arc::new(AtomicU64::new(0));
    let mut tasks = tokio::task::JoinSet::new();
    let began = Instant::now();
    for client in clients {
        let (client, polled) = (Arc::clone(client), Arc::clone(&polled));
        tasks.spawn(async move {
            let mut sender = client.connect().await?;
            // A vehicle of which nothing is known would be answered sooner.
            client.tell(&mut sender, "old").await?;
            let mut took = Vec::new();
            while began.elapsed() < POLL_FOR {
                let asked = Instant::now();
                client.ask(&mut sender, "").await?;
                took.push(asked.elapsed());
                polled.fetch_add(1, Ordering::Relaxed);
            }
            Ok::<_, anyhow::Error>(took)
        });
    }
    let mut took = Vec::new();
    while let Some(done) = tasks.join_next().await {
        took.extend(done??);
    }
    let rate = polled.load(Ordering::Relaxed) as f64 / began.elapsed().as_secs_f64();
    line(format!("idle polls over TLS, {} connections: p99 {:.1} ms", clients.len(), percentile_ms(&mut took, 0.99)));
    bar("ota.idle_polls", rate, "polls/s", Bar::AtLeast(20_000.0));
    Ok(())
}

/// The most memory that a process has taken so far, in MiB.
fn peak_mib(pid: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|kib| kib.parse::<f64>().ok()).unwrap_or(0.0) / 1_024.0
}

async fn egress(client: &Client, release: &str, clients: &[Arc<Ddi>], pid: u32) -> Result<()> {
    let ddi = clients.first().context("there is no client")?;
    let mut sender = ddi.connect().await?;
    let id = ddi.path.rsplit('/').next().unwrap_or_default();
    let plan = json!({ "name": "egress", "release": release, "first_vehicles": [id], "control_ppm": 0,
        "stages": [{ "soak_s": 0 }] });
    let made = client.post("/v1/rollouts", &plan).await?;
    let rollout = made["id"].as_str().context("a rollout has no id")?;
    client.post(&format!("/v1/rollouts/{rollout}/start"), &json!({})).await?;
    let before = peak_mib(pid);
    let path = "/softwaremodules/1/artifacts/new.img";
    // A vehicle that was never connected is not parked: its update waits, and its image is given all the same.
    ddi.ask(&mut sender, "").await?;
    let began = Instant::now();
    let answer = sender.send_request(ddi.request(Method::GET, path, Bytes::new())?).await?;
    ensure!(answer.status().is_success(), "the image is not given: {}", answer.status());
    let (mut body, mut bytes) = (answer.into_body(), 0);
    while let Some(frame) = body.frame().await {
        bytes += frame?.data_ref().map_or(0, Bytes::len);
    }
    ensure!(bytes == IMAGE_BYTES, "{bytes} of {IMAGE_BYTES} bytes came");
    let rate = bytes as f64 / began.elapsed().as_secs_f64() / 1e9;
    bar("ota.egress", rate, "GB/s over TLS", Bar::AtLeast(1.0));
    bar("ota.egress_memory", (peak_mib(pid) - before).max(0.0), "MiB more at the peak", Bar::AtMost(64.0));
    Ok(())
}

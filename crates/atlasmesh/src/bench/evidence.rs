//! Evidence over a running server: bundles of 10,000 entries and of many more, with the memory that they take; checking one,
//! classifying entries, and how soon a commit is under a head that a witness has cosigned.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bundles::archive::Limits;
use bundles::{Event, Mapping, shipped};
use gateway::Gateway;
use journal::{Hash, NoteVerifier};
use kernel::envelope::NewEvent;
use kernel::{Actor, Ctx, Subject, TenantId};
use serde_json::{Value, json};
use store::cosigned::newest_cosigned;
use store::port::{COMMIT_EVENTS_MAX, Commit};

use super::page::{serve_with, tenant};
use super::{Bar, bar, percentile_ms};
use crate::cli::client::{Call, Client};
use crate::cli::output::{line, text};
use crate::demo::child::{GuardedChild, Lines, watch_for};
use crate::serve::folder::DataFolder;
use crate::serve::signer::AuditSigner;
use crate::serve::witnesses::WitnessAt;

/// Entries of the small bundle.
const SMALL: usize = 10_000;
/// Entries that are classified.
const CLASSIFIED: usize = 1_000_000;
/// Commits of which the witness is waited for.
const WITNESSED: usize = 60;
/// How long something may take that follows from something else.
const WITHIN: Duration = Duration::from_secs(600);
/// How often it is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(5);
const NAME: &str = "coquimbo-city";

struct Bench {
    gateway: Arc<Gateway>,
    tenant: TenantId,
    client: Client,
}

pub async fn run(count: usize) -> Result<()> {
    classify()?;
    let folder = tempfile::tempdir()?;
    let (witness, at) = start_witness(folder.path()).await?;
    let (gateway, url, _stop) = serve_with(folder.path(), vec![at]).await?;
    let (tenant, token) = tenant(&gateway, NAME).await?;
    let bench = Bench { gateway, tenant, client: Client::new(&url, Some(token))? };
    line(format!("evidence: bundles of {SMALL} and of {count} entries, SQLite synchronous=FULL, one witness"));
    bench.witnessed().await?;
    bench.fill(SMALL).await?;
    let (took, bytes, _) = bench.bundle(folder.path()).await?;
    bar("evidence.bundle_10k", took.as_secs_f64(), "s", Bar::AtMost(3.0));
    bar("evidence.bundle_10k_size", bytes as f64 / 1e6, "MB", Bar::AtMost(2.0));
    bench.fill(count.saturating_sub(SMALL)).await?;
    let (took, bytes, events) = bench.bundle(folder.path()).await?;
    line(format!("  {events} entries in {} MB", bytes / 1_000_000));
    bar("evidence.bundle_large", took.as_secs_f64() * 1e6 / events as f64, "s for 1,000,000", Bar::AtMost(180.0));
    bar("evidence.memory", peak_mib(), "MiB of the whole server at most", Bar::AtMost(500.0));
    verify(&folder.path().join("bundle.tar.zst"), events)?;
    drop(witness);
    Ok(())
}

/// A witness of its own program that knows the log of the tenant to come.
async fn start_witness(folder: &Path) -> Result<(GuardedChild, WitnessAt)> {
    let (signer, _) = AuditSigner::under(&DataFolder::open(folder)?.keys(), None)?;
    let log = NoteVerifier::new(&NAME.parse()?, signer.verifying_key()).vkey();
    let (data, program) = (folder.join("witness"), std::env::current_exe()?);
    let arguments = ["witness", "--http", "127.0.0.1:0", "--log", &log, "--data"];
    let data = data.to_str().context("the folder's name is no text")?;
    let arguments = [&arguments[..], &[data]].concat();
    let mut child = GuardedChild::start("witness", &program, &arguments, &folder.join("witness.log"), Lines::Read)?;
    let (sender, mut found) = tokio::sync::mpsc::channel(1);
    watch_for("witness: ", child.lines().context("the witness says nothing")?, sender);
    let said = tokio::time::timeout(WITHIN, found.recv()).await?.context("the witness did not start")?;
    let at = said.trim().parse().map_err(|error| anyhow::anyhow!("{said}: {error}"))?;
    Ok((child, at))
}

/// The body of an entry: half of what real ones are is digests, which no compression makes smaller.
fn body(n: usize) -> (&'static str, &'static str, Value) {
    let digest = |name: &str| Hash::of_bytes(format!("{name}{n}").as_bytes()).to_string();
    match n % 6 {
        0 => ("trip", "trip.created", json!({ "purpose": "passenger", "route": digest("route") })),
        1 => (
            "trip",
            "policy.decided",
            json!({ "action": "trip.request", "verdict": "allow", "bundle": digest("bundle"), "facts": [n, 7] }),
        ),
        2 => ("trip", "trip.compliance_summary", json!({ "compliant": 60, "violating": 0, "unknown": 0, "n": n })),
        3 => ("vehicle", "vehicle.mode_changed", json!({ "from": "manual", "to": "autonomous", "n": n })),
        4 => ("identity", "identity.svid_issued", json!({ "serial": digest("serial") })),
        _ => ("trip", "trip.completed", json!({ "distance_m": n, "summary": digest("summary") })),
    }
}

impl Bench {
    fn ctx(&self) -> Ctx {
        Ctx::new(&*self.gateway.source, self.tenant.clone(), Actor::automation("bench"))
    }

    async fn fill(&self, count: usize) -> Result<()> {
        let began = Instant::now();
        for first in (0..count).step_by(COMMIT_EVENTS_MAX) {
            let ctx = self.ctx();
            let made = |n: usize| {
                let (kind, name, body) = body(n);
                let stream = Subject::new(kind, format!("{kind}_{:026}", n / 6 % 5_000));
                NewEvent::new(&ctx, stream, name, 1, body)
            };
            let events = (first..count.min(first + COMMIT_EVENTS_MAX)).map(made).collect();
            self.gateway.store.commit(Commit::new(self.tenant.clone(), Vec::new(), events)?).await?;
        }
        line(format!("  filled with {count} entries in {:.0} s", began.elapsed().as_secs_f64()));
        Ok(())
    }

    /// Asks for a bundle of everything and takes it: how long until it is archived, its bytes, its entries.
    async fn bundle(&self, folder: &Path) -> Result<(Duration, u64, u64)> {
        let began = Instant::now();
        let asked = self.client.post("/v1/evidence/bundles", &json!({ "purpose": "the bench" })).await?;
        let path = format!("/v1/evidence/bundles/{}", text(&asked, "/id"));
        let made = loop {
            let shown = self.client.get(&path).await?;
            if shown["status"] != "REQUESTED" {
                break shown;
            }
            ensure!(began.elapsed() < WITHIN, "the bundle is not made");
            tokio::time::sleep(LOOK_EVERY).await;
        };
        let took = began.elapsed();
        let number = |pointer: &str| made.pointer(pointer).and_then(Value::as_u64).context("it has no archive");
        let call = Call { method: "GET".into(), path: format!("{path}/archive"), body: None, headers: Vec::new() };
        std::fs::write(folder.join("bundle.tar.zst"), self.client.call(call).await?)?;
        Ok((took, number("/archive/bytes")?, number("/archive/events")?))
    }

    /// From a commit to a head that the witness has cosigned.
    async fn witnessed(&self) -> Result<()> {
        let mut took = Vec::with_capacity(WITNESSED);
        for n in 0..WITNESSED {
            let ctx = self.ctx();
            let event = NewEvent::new(&ctx, Subject::new("bench", n), "trip.created", 1, json!({ "n": n }));
            let store = &*self.gateway.store;
            store.commit(Commit::new(self.tenant.clone(), Vec::new(), vec![event])?).await?;
            let (began, size) = (Instant::now(), store.head(&self.tenant).await?.map_or(0, |head| head.size));
            while newest_cosigned(store, &self.tenant).await?.is_none_or(|head| head.size < size) {
                ensure!(began.elapsed() < WITHIN, "no witness cosigned it");
                tokio::time::sleep(LOOK_EVERY).await;
            }
            took.push(began.elapsed());
        }
        let p50 = percentile_ms(&mut took, 0.5);
        line(format!("  from a commit to a cosigned head: p50 {p50:.0} ms"));
        bar("evidence.witnessed_p99", percentile_ms(&mut took, 0.99), "ms", Bar::AtMost(2_000.0));
        Ok(())
    }
}

/// Which clauses entries speak to.
fn classify() -> Result<()> {
    let mapping = Mapping::compile(&shipped()).map_err(|errors| anyhow::anyhow!("{errors:?}"))?;
    let events: Vec<Event> = (0..6)
        .map(|n| {
            let (kind, name, body) = body(n);
            let subjects = vec![bundles::Subject::new(kind, "1")];
            Event { index: 0, id: String::new(), r#type: name.into(), at_ms: 0, body, actor: String::new(), subjects }
        })
        .collect();
    let began = Instant::now();
    let named: usize = (0..CLASSIFIED).filter_map(|n| events.get(n % 6)).map(|event| mapping.roles(event).len()).sum();
    line(format!("  {named} roles of {CLASSIFIED} entries"));
    bar("evidence.classify_1m", began.elapsed().as_secs_f64(), "s", Bar::AtMost(20.0));
    Ok(())
}

/// Reads a bundle as a verifier does: every digest, the signature, every event.
fn verify(archive: &Path, events: u64) -> Result<()> {
    let began = Instant::now();
    // Whose signature it is costs the same for one event as for a million.
    let signed = |_: &str, _: &[u8], _: &[u8]| true;
    let read = |_: &str, _: u64, file: &mut dyn std::io::Read| std::io::copy(file, &mut std::io::sink()).map(drop);
    bundles::verify::verify(File::open(archive)?, &Limits::default(), signed, read)
        .map_err(|error| anyhow::anyhow!("{error}"))?;
    bar("evidence.verify", events as f64 / began.elapsed().as_secs_f64(), "events/s", Bar::AtLeast(100_000.0));
    Ok(())
}

/// The most memory that this process ever had, in MiB.
fn peak_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kib =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse::<f64>().ok());
    kib.unwrap_or_default() / 1_024.0
}

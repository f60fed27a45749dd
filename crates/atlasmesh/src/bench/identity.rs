//! Identities: enrolments and renewals that are durable, against verifying and signing alone; the check of each message and
//! a revocation, with nothing and with a million identities revoked before.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use identity::keyring::Keyring;
use identity::vehicles::{VehicleIdentities, VehicleMotion};
use kernel::ctx::About;
use kernel::id::{TypedId, uuid_v7};
use kernel::{Actor, BoxFuture, Clock, Ctx, CtxSource, TenantId, VehicleId};
use pki::{PeerCertificate, SubjectKey};
use store::CommandError;
use store::port::{Fault, Store};
use store_sqlite::{Options, SqliteStore};

use super::{Bar, bar, percentile_ms};
use crate::cli::output::line;
use crate::serve::signer::AuditSigner;
use crate::system_clock::SystemSource;

/// Enrolments and renewals at once.
const AT_ONCE: usize = 64;
/// Renewals for each enrolment.
const RENEWALS: usize = 3;
/// Identities that were revoked before.
const REVOKED_BEFORE: usize = 1_000_000;
/// Lookups for the figure of one.
const LOOKUPS: usize = 2_000_000;

/// Vehicles that stand in a shed.
struct Parked;

impl VehicleMotion for Parked {
    fn proven_parked<'a>(&'a self, _: &'a TenantId, _: VehicleId) -> BoxFuture<'a, Result<bool, Fault>> {
        Box::pin(async { Ok(true) })
    }

    fn stop_for_quarantine<'a>(
        &'a self,
        _: &'a Ctx,
        _: VehicleId,
        _: &'a str,
    ) -> BoxFuture<'a, Result<(), CommandError>> {
        Box::pin(async { Ok(()) })
    }

    fn holds_stop<'a>(&'a self, _: &'a TenantId, _: VehicleId) -> BoxFuture<'a, Result<bool, Fault>> {
        Box::pin(async { Ok(true) })
    }

    fn cut<'a>(&'a self, _: &'a Ctx, _: VehicleId) -> BoxFuture<'a, Result<(), CommandError>> {
        Box::pin(async { Ok(()) })
    }

    fn about<'a>(&'a self, _: &'a TenantId) -> BoxFuture<'a, Result<About, Fault>> {
        Box::pin(async { Ok(About { sector: None, simulated: true }) })
    }
}

/// A vehicle with its requests made in advance: what they cost the vehicle is not ours.
struct Device {
    id: VehicleId,
    token: keys::Secret,
    requests: Vec<Vec<u8>>,
}

struct Bench {
    identities: Arc<VehicleIdentities>,
    source: Arc<SystemSource>,
    tenant: TenantId,
}

impl Bench {
    fn ctx(&self) -> Ctx {
        Ctx::new(&*self.source, self.tenant.clone(), Actor::automation("bench"))
    }

    fn new_vehicle(&self) -> VehicleId {
        VehicleId::from_u128(uuid_v7(self.source.now().as_ms().unsigned_abs(), self.source.entropy()))
    }

    async fn device(&self) -> Result<Device> {
        let id = self.new_vehicle();
        let invited = self.identities.invite(&self.ctx(), id, 3_600_000).await?;
        let request = || -> Result<Vec<u8>> { Ok(pki::request::request_of(&pki::request::new_key()?)?) };
        let requests = (0..=RENEWALS).map(|_| request()).collect::<Result<Vec<_>>>()?;
        Ok(Device { id, token: invited.token, requests })
    }

    async fn enrol(&self, device: &Device) -> Result<PeerCertificate> {
        let key = SubjectKey::of_body(&device.requests[0])?;
        let der = self.identities.enrol(device.id, device.token.expose(), &key).await?;
        Ok(PeerCertificate::read(&der)?)
    }
}

pub async fn run(count: usize) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let signer = AuditSigner::under(&folder.path().join("keys"), None)?;
    let options = Options { folder: folder.path().join("store"), pages_max: None };
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&options, Arc::new(signer.0))?);
    let source = Arc::new(SystemSource::start());
    let keyring = Keyring::new(Arc::clone(&store), source.clone(), signer.1, "bench.local".parse()?);
    keyring.start().await?;
    let (keyring, motion) = (Arc::new(keyring), Arc::new(Parked));
    let identities = VehicleIdentities::new(store, source.clone(), keyring, motion, 3_600_000);
    let bench = Arc::new(Bench { identities: Arc::new(identities), source, tenant: "north-pit".parse()? });
    line(format!("identity: {count} vehicles, {AT_ONCE} at once, P-256, SQLite synchronous=FULL"));
    let mut devices = Vec::with_capacity(count);
    for _ in 0..count {
        devices.push(bench.device().await?);
    }
    let devices = Arc::new(devices);
    let peers = issue(&bench, &devices).await?;
    one_of_many(&bench).await?;
    lookups(&bench, &peers)?;
    revocations(&bench, &devices).await
}

/// Runs one task per vehicle, so many at once; the results in any order.
async fn each<T: Send + 'static, F: Future<Output = Result<T>> + Send + 'static>(
    count: usize,
    work: impl Fn(usize) -> F + Send + Sync + 'static,
) -> Result<(Duration, Vec<T>)> {
    let (next, work, began) = (Arc::new(AtomicUsize::new(0)), Arc::new(work), Instant::now());
    let workers: Vec<_> = (0..AT_ONCE)
        .map(|_| {
            let (next, work) = (Arc::clone(&next), Arc::clone(&work));
            tokio::spawn(async move {
                let mut done = Vec::new();
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    if n >= count {
                        return anyhow::Ok(done);
                    }
                    done.push(work(n).await?);
                }
            })
        })
        .collect();
    let mut all = Vec::with_capacity(count);
    for worker in workers {
        all.extend(worker.await??);
    }
    Ok((began.elapsed(), all))
}

async fn issue(bench: &Arc<Bench>, devices: &Arc<Vec<Device>>) -> Result<Arc<Vec<(usize, PeerCertificate)>>> {
    let count = devices.len();
    let signing = bench.identities.keyring().signing()?;
    let began = Instant::now();
    for device in devices.iter() {
        let key = SubjectKey::of_body(&device.requests[0])?;
        let id = bench.identities.spiffe_id(&bench.tenant, device.id);
        let _der = signing.devices.issue_device(&key, &id, bench.source.entropy(), bench.ctx().now, 3_600_000)?;
    }
    let alone = count as f64 / began.elapsed().as_secs_f64();
    let (work, all) = (Arc::clone(bench), Arc::clone(devices));
    let (took, peers) = each(count, move |n| {
        let (bench, devices) = (Arc::clone(&work), Arc::clone(&all));
        async move { Ok((n, bench.enrol(&devices[n]).await?)) }
    })
    .await?;
    let enrolled = count as f64 / took.as_secs_f64();
    let (work, all, peers) = (Arc::clone(bench), Arc::clone(devices), Arc::new(peers));
    let known = Arc::clone(&peers);
    let (took, _) = each(count * RENEWALS, move |n| {
        let (bench, devices, peers) = (Arc::clone(&work), Arc::clone(&all), Arc::clone(&known));
        async move {
            let (device, peer) = &peers[n % peers.len()];
            let key = SubjectKey::of_body(&devices[*device].requests[1 + n / peers.len()])?;
            Ok(bench.identities.issue_svid(peer, &key).await?)
        }
    })
    .await?;
    let renewed = (count * RENEWALS) as f64 / took.as_secs_f64();
    line(format!("verify and sign alone  {alone:.0}/s on one core"));
    bar("identity.enrol", enrolled, "enrolments/s", Bar::AtLeast(300.0));
    bar("identity.renew", renewed, "renewals/s", Bar::AtLeast(1_000.0));
    bar("identity.renew_ratio_to_signing", renewed / alone, "x", Bar::AtLeast(0.25));
    Ok(peers)
}

/// Of many keys that use one token at once, one is enrolled.
async fn one_of_many(bench: &Arc<Bench>) -> Result<()> {
    const ROUNDS: usize = 50;
    for _ in 0..ROUNDS {
        let device = Arc::new(bench.device().await?);
        let work = Arc::clone(bench);
        let (_, enrolled) = each(AT_ONCE, move |_| {
            let (bench, device) = (Arc::clone(&work), Arc::clone(&device));
            async move {
                let key = pki::request::public_of(&pki::request::new_key()?)?;
                Ok(bench.identities.enrol(device.id, device.token.expose(), &key).await.is_ok())
            }
        })
        .await?;
        let won = enrolled.into_iter().filter(|won| *won).count();
        ensure!(won == 1, "{won} of {AT_ONCE} keys were enrolled by one token");
    }
    bar("identity.one_of_64", 1.0, "enrolled by one token", Bar::AtMost(1.0));
    Ok(())
}

fn lookups(bench: &Bench, peers: &[(usize, PeerCertificate)]) -> Result<()> {
    let (_, peer) = peers.first().context("nobody was enrolled")?;
    let (tenant, vehicle) = bench.identities.of_device(peer).map_err(|reject| anyhow::anyhow!("{reject}"))?;
    let began = Instant::now();
    for _ in 0..LOOKUPS {
        std::hint::black_box(bench.identities.registry().svid(&tenant, vehicle, std::hint::black_box(&peer.serial)));
    }
    let each_us = began.elapsed().as_secs_f64() * 1e6 / LOOKUPS as f64;
    bar("identity.check", each_us, "µs per message", Bar::AtMost(1.0));
    Ok(())
}

async fn revocations(bench: &Arc<Bench>, devices: &[Device]) -> Result<()> {
    let half = devices.len() / 2;
    let (few, many) = devices.split_at(half);
    let mut before = revoke(bench, few).await?;
    let revoked = bench.identities.get(&bench.tenant, few[0].id).await?.context("an identity is gone")?;
    for _ in 0..REVOKED_BEFORE {
        bench.identities.registry().set(&bench.tenant, bench.new_vehicle(), &revoked);
    }
    let mut after = revoke(bench, many).await?;
    bar("identity.revoke_p99", percentile_ms(&mut before, 0.99), "ms", Bar::AtMost(250.0));
    bar("identity.revoke_p99_after_1000000", percentile_ms(&mut after, 0.99), "ms", Bar::AtMost(250.0));
    Ok(())
}

async fn revoke(bench: &Arc<Bench>, devices: &[Device]) -> Result<Vec<Duration>> {
    let mut took = Vec::with_capacity(devices.len());
    for device in devices {
        let began = Instant::now();
        bench.identities.revoke(&bench.ctx(), device.id, "bench").await?;
        took.push(began.elapsed());
    }
    Ok(took)
}

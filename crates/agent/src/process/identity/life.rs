//! The life of an identity: enrolled once, renewed in time, and its trust bundle never older than before. Nothing that
//! fails here takes away what is held: it is tried again, and a person hears of it in time.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use kernel::Timestamp;
use pki::SpiffeId;
use pki::bundle::Bundle;
use pki::verifier::Trust;
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256};
use tokio::sync::{mpsc, watch};
use tokio::task::block_in_place;
use tokio::time::{Instant, sleep_until};

use super::est::Exchange;
use super::failure::{Failure, chain};
use super::folder::{BundleRefused, Folder};
use super::pair::Pair;
use super::{Ask, Held, renewal};
use crate::process::bootstrap::Bootstrap;
use crate::process::clock;
use crate::process::entropy::Jitter;

/// Within this time the vehicles of one process enrol one after the other, in milliseconds.
const SPREAD_MS: f64 = 200.0;
/// The longest time between two looks at the clock, which may be set meanwhile, in milliseconds.
const LOOK_MS: i64 = 30_000;
/// Within this time vehicles ask for new SVIDs once authorities have changed, in milliseconds.
const RENEWAL_SPREAD_MS: f64 = 5_000.0;
/// How much longer the pauses are where a person has to do something first.
const PERSON_PAUSES: i64 = 10;
/// The time of what has not happened yet, and is due therefore.
const NEVER: Timestamp = Timestamp::from_ms(0);
/// An SVID that a server refuses is replaced at most so often.
const REFUSED_EVERY: Duration = Duration::from_secs(60);

pub(super) struct Life {
    bootstrap: Bootstrap,
    folder: Folder,
    device: Option<Pair>,
    device_due: Timestamp,
    svid: Option<Pair>,
    svid_due: Timestamp,
    bundle: Option<Bundle>,
    /// The newest trust bundle that was named.
    named: u64,
    /// Someone was vouched for by nobody in the trust bundle.
    doubted: bool,
    refused_last: Option<Instant>,
    /// Somebody brought another join token than the one that it enrolled by: what it had before is used no more (SAFE-3),
    /// unless the server refuses the token.
    brought_token: bool,
    jitter: Jitter,
    holds: watch::Sender<Option<Arc<Held>>>,
}

impl Life {
    pub fn open(
        bootstrap: Bootstrap,
        state: &Path,
        jitter: Jitter,
        holds: watch::Sender<Option<Arc<Held>>>,
    ) -> Result<Self, Failure> {
        let folder = Folder::open(state)?;
        let (device, bundle) = (folder.device(&bootstrap.device_id())?, folder.bundle()?);
        let svid = folder.svid(&bootstrap.vehicle_id())?;
        let used = folder.used_token()?;
        let brought_token = used.is_some_and(|used| used.trim() != bootstrap.token_sha256()) && device.is_some();
        let mut life = Self {
            bootstrap,
            folder,
            device_due: device
                .as_ref()
                .map_or(NEVER, |held| renewal::device_due(held.term.issued(), held.term.not_after)),
            device,
            svid: None,
            svid_due: NEVER,
            bundle,
            named: 0,
            doubted: false,
            refused_last: None,
            brought_token,
            jitter,
            holds,
        };
        if let Some(svid) = svid.filter(|svid| !brought_token && svid.term.not_after > clock::now()) {
            life.present(svid, NEVER);
        }
        life.publish();
        Ok(life)
    }

    /// Keeps the identity good until nobody uses it any more.
    pub async fn keep(mut self, mut asks: mpsc::Receiver<Ask>) {
        let mut failures = 0;
        let mut pause_ms = match self.svid {
            Some(_) => 0,
            None => (SPREAD_MS * 2.0 * (self.jitter.factor() - 0.5)) as i64,
        };
        loop {
            let until = Instant::now() + Duration::from_millis(u64::try_from(pause_ms).unwrap_or(0));
            loop {
                tokio::select! {
                    () = sleep_until(until) => break,
                    ask = asks.recv() => match ask {
                        None => return,
                        // After a failure its pause comes first, whoever asks.
                        Some(ask) => if self.hears(ask) && failures == 0 { break },
                    }
                }
            }
            pause_ms = match self.step().await {
                Ok(()) => {
                    failures = 0;
                    self.svid_due.min(self.device_due).since_ms(clock::now()).clamp(0, LOOK_MS)
                }
                Err(failure) => {
                    let pause_ms = self.report(&failure, failures);
                    failures += 1;
                    pause_ms
                }
            };
        }
    }

    /// Whether something is to be done.
    fn hears(&mut self, ask: Ask) -> bool {
        match ask {
            Ask::Bundle { sequence } => self.named = self.named.max(sequence),
            Ask::Untrusted => self.doubted = true,
            Ask::Refused { certificate } => {
                let is_held = self.svid.as_ref().is_some_and(|svid| svid.certificate == certificate);
                let is_time = self.refused_last.is_none_or(|last| last.elapsed() >= REFUSED_EVERY);
                if is_held && is_time {
                    self.refused_last = Some(Instant::now());
                    self.svid_due = clock::now();
                }
                return is_held && is_time;
            }
        }
        self.wants_bundle()
    }

    fn wants_bundle(&self) -> bool {
        self.doubted || self.bundle.as_ref().is_none_or(|bundle| bundle.sequence < self.named)
    }

    /// Does what is due. What one part cannot do does not keep the others from theirs.
    async fn step(&mut self) -> Result<(), Failure> {
        let device = self.tend_device().await;
        let svid = if self.device.is_some() && clock::now() >= self.svid_due { self.renew().await } else { Ok(()) };
        let bundle = if self.wants_bundle() && self.device.is_some() { self.fetch_bundle().await } else { Ok(()) };
        self.publish();
        device.and(svid).and(bundle)
    }

    async fn tend_device(&mut self) -> Result<(), Failure> {
        if self.brought_token {
            match self.enrol("another bootstrap file was brought").await {
                Err(Failure::Refused { detail, .. }) => {
                    tracing::warn!(vehicle = %self.bootstrap.vehicle, detail, "the new join token is of no use");
                    self.brought_token = false;
                    let svid = self.folder.svid(&self.bootstrap.vehicle_id())?;
                    if let Some(svid) = svid.filter(|svid| svid.term.not_after > clock::now()) {
                        self.present(svid, NEVER);
                    }
                }
                enrolled => {
                    self.brought_token = enrolled.is_err();
                    return enrolled;
                }
            }
        }
        let now = clock::now();
        match self.device.as_ref().map(|device| device.term.not_after) {
            None => self.enrol("there is none").await,
            Some(ends) if ends <= now => {
                self.enrol(&format!("it ended at {ends}, and the vehicle's clock says {now}")).await
            }
            Some(ends) if self.device_due <= now => {
                if let Err(failure) = self.enrol_again().await {
                    // There is time, and the SVID must not wait for it.
                    self.device_due = now.plus_ms(renewal::device_pause_ms(ends, now));
                    let (vehicle, error) = (self.bootstrap.vehicle, chain(&failure));
                    tracing::error!(%vehicle, error, %ends, "the device certificate could not be renewed");
                }
                Ok(())
            }
            Some(_) => Ok(()),
        }
    }

    fn hold_device(&mut self, device: Pair) {
        let from = device.term.issued().max(clock::now());
        self.device_due = renewal::device_due(from, device.term.not_after);
        self.device = Some(device);
    }

    async fn enrol(&mut self, why: &str) -> Result<(), Failure> {
        let token_sha256 = self.bootstrap.token_sha256();
        let was_used = self.folder.used_token()?.is_some_and(|used| used.trim() == token_sha256);
        if self.device.is_some() && was_used {
            return Err(Failure::NeedsToken(why.to_owned()));
        }
        let key = block_in_place(|| self.folder.next_device_key(&token_sha256, self.device.as_ref()))?;
        let pinned = Trust::Pinned(self.bootstrap.device_authority_sha256.0);
        let mut exchange = Exchange::open(&self.bootstrap, &pinned, None).await?;
        let certificate = exchange.enrol(&self.bootstrap, &key).await?;
        let device = checked(&key, certificate, &self.bootstrap.device_id())?;
        let authorities = exchange.device_authorities().await?;
        let document = exchange.bundle().await?;
        let bundle = block_in_place(|| {
            self.folder.keep_device_authorities(&authorities)?;
            self.folder.enrolled(&device, &token_sha256)?;
            self.folder.keep_bundle(&document, None)
        })
        .map_err(bundle_failure)?;
        tracing::info!(vehicle = %self.bootstrap.vehicle, ends = %device.term.not_after, "enrolled");
        self.hold_device(device);
        self.bundle = Some(bundle);
        self.svid_due = clock::now();
        Ok(())
    }

    async fn enrol_again(&mut self) -> Result<(), Failure> {
        let Some(device) = &self.device else { return Ok(()) };
        let by = pki::certificate::fingerprint(&device.certificate);
        let key = block_in_place(|| self.folder.next_device_key(&by, Some(device)))?;
        let mut exchange = Exchange::open(&self.bootstrap, &self.trust()?, Some(&device.credential())).await?;
        let certificate = exchange.enrol_again(&key).await?;
        let device = checked(&key, certificate, &self.bootstrap.device_id())?;
        block_in_place(|| self.folder.keep_device(&device))?;
        tracing::info!(vehicle = %self.bootstrap.vehicle, ends = %device.term.not_after, "device certificate renewed");
        self.hold_device(device);
        Ok(())
    }

    /// A new SVID; where the device certificate is worth nothing any more, by way of a new one.
    async fn renew(&mut self) -> Result<(), Failure> {
        let svid = match self.fetch_svid().await {
            Err(failure) if failure.refuses_certificate() => {
                self.enrol(&failure.to_string()).await?;
                self.fetch_svid().await?
            }
            fetched => fetched?,
        };
        block_in_place(|| self.folder.keep_svid(&svid))?;
        tracing::info!(vehicle = %self.bootstrap.vehicle, ends = %svid.term.not_after, "SVID received");
        self.present(svid, clock::now());
        Ok(())
    }

    async fn fetch_svid(&self) -> Result<Pair, Failure> {
        let Some(device) = &self.device else { return Err(Failure::NeedsToken("there is none".into())) };
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let mut exchange = Exchange::open(&self.bootstrap, &self.trust()?, Some(&device.credential())).await?;
        let certificate = exchange.svid(&key).await?;
        checked(&key, certificate, &self.bootstrap.vehicle_id())
    }

    /// The newest trust bundle, and by the way the newest device authorities.
    async fn fetch_bundle(&mut self) -> Result<(), Failure> {
        let mut exchange = Exchange::open(&self.bootstrap, &self.trust()?, None).await?;
        let authorities = exchange.device_authorities().await?;
        let document = exchange.bundle().await?;
        self.doubted = false;
        let bundle = block_in_place(|| {
            self.folder.keep_device_authorities(&authorities)?;
            self.folder.keep_bundle(&document, self.bundle.as_ref())
        })
        .map_err(bundle_failure)?;
        let sequence = bundle.sequence;
        if self.bundle.as_ref().is_some_and(|before| before.sequence < sequence) {
            // Authorities changed: what the one before signed is replaced before it is revoked, vehicle by vehicle.
            let spread_ms = (RENEWAL_SPREAD_MS * 2.0 * (self.jitter.factor() - 0.5)) as i64;
            self.svid_due = self.svid_due.min(clock::now().plus_ms(spread_ms));
        }
        tracing::info!(vehicle = %self.bootstrap.vehicle, sequence, "trust bundle received");
        self.bundle = Some(bundle);
        if sequence < self.named {
            return Err(Failure::Answer(format!("trust bundle {} was named and {sequence} given", self.named)));
        }
        Ok(())
    }

    fn trust(&self) -> Result<Trust, Failure> {
        let authorities = self.folder.device_authorities()?;
        let pinned = Trust::Pinned(self.bootstrap.device_authority_sha256.0);
        Ok(if authorities.is_empty() { pinned } else { Trust::Authorities(authorities) })
    }

    /// A clock that is ahead must not make an SVID due that has just come.
    fn present(&mut self, svid: Pair, received: Timestamp) {
        let from = svid.term.issued().max(received);
        self.svid_due = renewal::svid_due(from, svid.term.not_after, self.jitter.factor());
        self.svid = Some(svid);
    }

    fn publish(&self) {
        let (Some(svid), Some(bundle)) = (&self.svid, &self.bundle) else { return };
        let device_authorities = self.folder.device_authorities().unwrap_or_default();
        self.holds.send_if_modified(|held| {
            let is_same = held.as_ref().is_some_and(|held| {
                held.svid.certificate == svid.certificate
                    && held.bundle == *bundle
                    && held.device_authorities == device_authorities
            });
            if !is_same {
                let (svid, bundle) = (svid.clone(), bundle.clone());
                *held = Some(Arc::new(Held { svid, bundle, device_authorities }));
            }
            !is_same
        });
    }

    /// Says what failed, the louder the less time is left; returns the pause before the next attempt.
    fn report(&mut self, failure: &Failure, failures: u32) -> i64 {
        let (vehicle, now) = (self.bootstrap.vehicle, clock::now());
        let ends = self.svid.as_ref().map(|svid| svid.term.not_after);
        let needs_person = failure.needs_person();
        let pause_ms = renewal::pause_ms(failures, ends, now, self.jitter.factor());
        let pause_ms = if needs_person { pause_ms * PERSON_PAUSES } else { pause_ms };
        let is_late = ends
            .is_some_and(|ends| now >= self.svid_due && renewal::alarms(self.svid_due, ends, now.plus_ms(pause_ms)));
        let error = chain(failure);
        match ends.filter(|_| is_late) {
            Some(ends) => {
                tracing::error!(%vehicle, error, %ends, "the SVID could not be renewed: the link is lost when it ends");
            }
            None if needs_person || matches!(failure, Failure::Clock { .. }) => {
                tracing::error!(%vehicle, error, "the identity of the vehicle needs a person");
            }
            None => tracing::warn!(%vehicle, error, pause_ms, "the identity of the vehicle is not up to date"),
        }
        pause_ms
    }
}

/// A certificate that was just received, with its key.
fn checked(key: &KeyPair, certificate: Vec<u8>, id: &SpiffeId) -> Result<Pair, Failure> {
    let pair = Pair::new(key, certificate, id).map_err(|error| Failure::Answer(error.to_string()))?;
    let now = clock::now();
    if now < pair.term.not_before || now >= pair.term.not_after {
        let (from, to) = (pair.term.not_before, pair.term.not_after);
        return Err(Failure::Clock {
            what: format!("a certificate that was just made is valid from {from} to {to}"),
            now,
        });
    }
    Ok(pair)
}

fn bundle_failure(refused: BundleRefused) -> Failure {
    match refused {
        BundleRefused::Folder(error) => Failure::Folder(error),
        refused => Failure::Answer(refused.to_string()),
    }
}

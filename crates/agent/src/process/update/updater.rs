//! One vehicle's updates, step by step. Each step reports first and does then what the slots and the server allow; whatever is
//! cut in between, the next step finds it in the slots.

use std::path::Path;
use std::sync::Arc;

use kernel::VehicleId;
use kernel::id::IncidentId;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::watch;
use tokio::task::block_in_place;
use tokio::time::{Duration, Instant};
use uptane::Attack;
use uptane::chunks::ChunkList;
use uptane::manifest::InstallationReport;
use uptane::verify::{Assigned, Ecu, VehicleInventory};

use super::World;
use super::client::{Client, ClientError};
use super::image::{self, HARDWARE_ID};
use super::report::{self, Counter, Told};
use super::trust::{DirectorDocuments, OfferError, TrustStore};
use crate::process::bootstrap::Bootstrap;
use crate::process::identity::Held;
use crate::process::{clock, forensics};
use crate::slots::{Booted, FolderDisk, Machine, SlotError, Stage, Update};

/// Boots that may try a new image before the old one comes back.
const TRIES: u8 = 1;
/// The longest list of chunk digests, in bytes: an image of 64 GiB.
const CHUNK_LIST_BYTES_MAX: u64 = 2 << 20;

/// When the next step is.
pub enum Next {
    Soon,
    /// In so many seconds.
    After(u64),
}

/// What keeps an update from going on.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error(transparent)]
    Slots(#[from] SlotError),
    #[error("the folder of updates cannot be used")]
    Folder(#[from] std::io::Error),
    #[error("no report can be signed: {0}")]
    Report(String),
}

#[derive(Deserialize)]
struct Polled {
    sleep_s: u64,
    update: Option<Offer>,
    #[serde(default)]
    forensics: Option<IncidentId>,
}

/// What the server offers.
#[derive(Debug, Clone, Deserialize)]
struct Offer {
    number: u32,
    attempt: u32,
    bandwidth_max: Option<u64>,
    director: DirectorDocuments,
}

#[derive(Deserialize)]
struct Verification {
    valid: bool,
    reason: Option<String>,
}

#[derive(Deserialize)]
struct Address {
    path: String,
    chunks_path: String,
}

#[derive(Serialize)]
struct VehicleState {
    standstill: bool,
    parking_brake: bool,
    occupied: bool,
    on_trip: bool,
    grade_pct: f64,
    place_admissible: bool,
    battery_pct: f64,
}

impl From<World> for VehicleState {
    fn from(world: World) -> Self {
        let World { standstill, parking_brake, occupied, on_trip, grade_pct, place_admissible, battery_pct } = world;
        Self { standstill, parking_brake, occupied, on_trip, grade_pct, place_admissible, battery_pct }
    }
}

/// How an update that is not in the slots yet ended.
#[derive(Debug, Clone)]
struct Refusal {
    number: u32,
    attempt: u32,
    code: String,
    detail: String,
    attack: String,
}

/// The updater of one vehicle.
pub struct Updater {
    bootstrap: Bootstrap,
    vehicle: VehicleId,
    world: watch::Receiver<World>,
    boot_id: String,
    machine: Machine<FolderDisk>,
    disk: FolderDisk,
    booted: Booted,
    trust: TrustStore,
    counter: Counter,
    refusal: Option<Refusal>,
    /// Why the vehicle waits, as a code for the server.
    waits: Option<String>,
    /// The offer that was verified last, by number and attempt.
    verified: Option<(u32, u32)>,
}

impl Updater {
    /// Opens the slots below the vehicle's state and boots, as a boot loader would.
    ///
    /// # Errors
    /// The folder cannot be used, or no slot can be booted.
    pub fn open(
        bootstrap: &Bootstrap,
        state: &Path,
        world: watch::Receiver<World>,
        boot_id: String,
    ) -> Result<Self, StepError> {
        let folder = state.join("updates");
        let slots = folder.join("slots");
        std::fs::create_dir_all(&slots)?;
        let disk = FolderDisk::open(&slots)?;
        let factory = image::factory(&disk)?;
        let mut machine = Machine::open(FolderDisk::open(&slots)?, Some(factory))?;
        let booted = machine.boot()?;
        let mut updater = Self {
            vehicle: bootstrap.vehicle,
            bootstrap: bootstrap.clone(),
            world,
            boot_id,
            machine,
            disk,
            booted,
            trust: TrustStore::open(&folder, bootstrap.update_root_key.clone())?,
            counter: Counter::open(&folder, clock::now())?,
            refusal: None,
            waits: None,
            verified: None,
        };
        updater.test_trial()?;
        Ok(updater)
    }

    /// Reports, and does the next thing.
    ///
    /// # Errors
    /// [`StepError`]: nothing was lost, the next step tries again.
    pub async fn step(&mut self, held: &Arc<Held>) -> Result<Next, StepError> {
        block_in_place(|| self.machine.refresh())?;
        let mut client = Client::open(&self.bootstrap, held).await?;
        let manifest = self.report(held)?;
        let polled: Polled = client.post("/v1/poll", &manifest).await?;
        if let Some(incident) = polled.forensics {
            self.tell(&mut client, held, incident).await?;
        }
        let Some(offer) = polled.update else {
            self.forget(None)?;
            return Ok(Next::After(polled.sleep_s));
        };
        self.forget(Some(&offer))?;
        match self.go_on(&mut client, &offer).await {
            Ok(next) => Ok(next.unwrap_or(Next::After(polled.sleep_s))),
            Err(StepError::Slots(error)) => self.on_slot_error(&error),
            Err(error) => Err(error),
        }
    }

    /// Tells of itself, once it stands.
    async fn tell(&self, client: &mut Client, held: &Arc<Held>, incident: IncidentId) -> Result<(), StepError> {
        let world = *self.world.borrow();
        if !world.standstill || !world.parking_brake {
            return Ok(());
        }
        let software = serde_json::json!({ "slot": format!("{:?}", self.booted.slot), "image": self.booted.image });
        let asked = forensics::Asked { vehicle: self.vehicle, incident, boot_id: &self.boot_id, software };
        forensics::send(client, held, &asked, world).await?;
        Ok(())
    }

    /// What the slots refuse ends the attempt, unless the disk is only full or broken for now.
    fn on_slot_error(&mut self, error: &SlotError) -> Result<Next, StepError> {
        match error {
            SlotError::Integrity { .. } | SlotError::Rollback { .. } => {
                let reason = format!("INTEGRITY: {error}");
                // The slots may have given the update up themselves already.
                if let Err(error) = block_in_place(|| self.machine.discard(&reason)) {
                    tracing::debug!(vehicle = %self.vehicle, %error, "there was nothing to discard");
                }
                Ok(Next::Soon)
            }
            SlotError::Full { .. } => {
                self.waits = Some("DISK_FULL".into());
                Ok(Next::After(30))
            }
            SlotError::Io { .. } | SlotError::OutOfOrder { .. } => {
                tracing::warn!(vehicle = %self.vehicle, %error, "an update waits for the disk");
                self.waits = Some("DISK".into());
                Ok(Next::After(30))
            }
        }
    }

    fn report(&mut self, held: &Held) -> Result<uptane::manifest::SignedManifest, StepError> {
        let told = Told {
            vehicle: self.vehicle,
            boot_id: &self.boot_id,
            slot: self.booted.slot,
            image: &self.booted.image,
            attack: self.refusal.as_ref().map_or("", |refusal| &refusal.attack),
            installation: self.installation(),
            counter: block_in_place(|| self.counter.next())?,
            now: clock::now(),
        };
        report::signed(told, held).map_err(StepError::Report)
    }

    /// How the update under way goes.
    fn installation(&self) -> Option<InstallationReport> {
        let told = |number: u64, attempt, state: &str, code: &str, detail: &str| InstallationReport {
            update: number.to_string(),
            attempt,
            state: state.into(),
            code: code.into(),
            detail: detail.into(),
        };
        if let Some(refusal) = &self.refusal {
            let number = u64::from(refusal.number);
            return Some(told(number, refusal.attempt, "REJECTED", &refusal.code, &refusal.detail));
        }
        let waits = self.waits.as_deref().unwrap_or_default();
        let Some(update) = self.machine.update() else {
            let (number, attempt) = self.verified?;
            return Some(told(u64::from(number), attempt, "RETRIEVED", waits, ""));
        };
        let (state, code, detail) = match self.machine.stage() {
            Stage::Idle => ("RETRIEVED", waits.to_owned(), String::new()),
            Stage::Downloading { received } => {
                ("DOWNLOADING", waits.to_owned(), format!("{received} of {} bytes", update.image.length))
            }
            Stage::Downloaded => ("DOWNLOADED", waits.to_owned(), String::new()),
            Stage::Installing => ("INSTALLING", String::new(), String::new()),
            Stage::Installed | Stage::Armed | Stage::Trial | Stage::FallingBack { .. } => {
                ("INSTALLED", waits.to_owned(), String::new())
            }
            Stage::Committed { .. } => ("SUCCEEDED", String::new(), String::new()),
            Stage::FellBack { reason } => ("FAILED", "SELF_TEST_FAILED".into(), reason),
            Stage::Failed { reason } => {
                let (code, detail) = reason.split_once(": ").unwrap_or(("FAILED", &reason));
                ("FAILED", code.to_owned(), detail.to_owned())
            }
        };
        Some(told(update.number, update.attempt, state, &code, &detail))
    }

    /// Drops what the server has closed: an outcome of which it has proof, or an update that it took back.
    fn forget(&mut self, offer: Option<&Offer>) -> Result<(), StepError> {
        let is_offered = |number: u64| offer.is_some_and(|offer| u64::from(offer.number) == number);
        if self.refusal.as_ref().is_some_and(|refusal| !is_offered(refusal.number.into())) {
            self.refusal = None;
        }
        if self.verified.is_some_and(|(number, _)| !is_offered(number.into())) {
            self.verified = None;
            self.waits = None;
        }
        let Some((number, attempt)) = self.machine.update().map(|update| (update.number, update.attempt)) else {
            return Ok(());
        };
        if is_offered(number) {
            return Ok(());
        }
        self.waits = None;
        // What is on trial, or about to be, is brought to its end first.
        if matches!(self.machine.stage(), Stage::Armed | Stage::Trial | Stage::FallingBack { .. }) {
            self.boot()?;
        }
        block_in_place(|| {
            if !self.machine.stage().is_outcome() {
                self.machine.discard("CANCELLED: the server took it back")?;
            }
            self.machine.acknowledge_outcome(number, attempt)
        })?;
        tracing::info!(vehicle = %self.vehicle, update = number, "an update is over");
        Ok(())
    }

    async fn go_on(&mut self, client: &mut Client, offer: &Offer) -> Result<Option<Next>, StepError> {
        let is_this = self.machine.update().is_none_or(|update| update.number == u64::from(offer.number));
        if !is_this || self.refusal.is_some() {
            return Ok(None);
        }
        match self.machine.stage() {
            Stage::Idle => self.begin(client, offer).await,
            Stage::Downloading { .. } => self.download(client, offer).await,
            Stage::Downloaded | Stage::Installing => self.install(client, offer).await,
            Stage::Installed => self.switch(client, offer).await,
            Stage::Armed | Stage::FallingBack { .. } | Stage::Trial => {
                self.boot()?;
                Ok(Some(Next::Soon))
            }
            // Told already, and the server has not closed it yet: it does with the next report.
            Stage::Committed { .. } | Stage::FellBack { .. } | Stage::Failed { .. } => Ok(Some(Next::Soon)),
        }
    }

    fn inventory(&self) -> VehicleInventory {
        let image = &self.booted.image;
        let ecu = Ecu {
            hardware_id: HARDWARE_ID.into(),
            installed_counter: self.machine.rollback_floor().max(image.counter),
            installed_sha256: Some(uptane::Sha256Digest(image.sha256)),
            installed_release: Some(image.release.clone()),
        };
        let ecus = [(report::ecu_serial(self.vehicle), ecu)].into();
        VehicleInventory { vehicle: self.vehicle.to_string(), ecus }
    }

    fn refuse(&mut self, offer: &Offer, code: &str, detail: String, attack: &str) -> Option<Next> {
        tracing::error!(vehicle = %self.vehicle, update = offer.number, code, detail, "an update is rejected");
        let (number, attempt) = (offer.number, offer.attempt);
        self.refusal = Some(Refusal { number, attempt, code: code.into(), detail, attack: attack.into() });
        Some(Next::Soon)
    }

    /// Verifies an offer, by itself and by key management (OTA-4), and begins.
    async fn begin(&mut self, client: &mut Client, offer: &Offer) -> Result<Option<Next>, StepError> {
        let (inventory, now) = (self.inventory(), clock::now());
        let assigned = match self.trust.verify(client, &offer.director, &inventory, now).await {
            Ok(assigned) => assigned,
            // Nothing is wrong with it: something could not be fetched.
            Err(OfferError::Refused(refused)) if refused.attack == Attack::Incomplete => {
                self.waits = Some("INCOMPLETE".into());
                return Ok(None);
            }
            Err(OfferError::Refused(refused)) => {
                let code = refused.attack.as_str();
                return Ok(self.refuse(offer, code, refused.text, code));
            }
            Err(OfferError::Client(error)) => return Err(error.into()),
            Err(OfferError::Keep(error)) => return Err(error.into()),
        };
        let path = format!("/v1/updates/{}/verify", offer.number);
        let verification: Verification = client.post(&path, &json!({ "targets": offer.director.targets })).await?;
        if !verification.valid {
            let detail = verification.reason.unwrap_or_default();
            return Ok(self.refuse(offer, "SIGNATURE_NOT_IN_FORCE", detail, ""));
        }
        let Some(assigned) = assigned.into_iter().find(|assigned| !assigned.is_installed) else {
            return Ok(self.refuse(offer, "NOTHING_TO_INSTALL", "the vehicle runs this image already".into(), ""));
        };
        self.verified = Some((offer.number, offer.attempt));
        let update = self.update_of(client, offer, &assigned).await?;
        let Some(update) = update else { return Ok(Some(Next::Soon)) };
        block_in_place(|| self.machine.begin(update))?;
        tracing::info!(vehicle = %self.vehicle, update = offer.number, release = assigned.custom.release, "an update begins");
        self.waits = None;
        Ok(Some(Next::Soon))
    }

    async fn address(&self, client: &mut Client, offer: &Offer) -> Result<Address, StepError> {
        Ok(client.post(&format!("/v1/updates/{}/download", offer.number), &json!({})).await?)
    }

    async fn update_of(
        &mut self,
        client: &mut Client,
        offer: &Offer,
        assigned: &Assigned,
    ) -> Result<Option<Update>, StepError> {
        let Address { chunks_path, .. } = self.address(client, offer).await?;
        let list = client.document(&chunks_path, CHUNK_LIST_BYTES_MAX).await?;
        let list = match ChunkList::read(&list, &assigned.target) {
            Ok(list) => list,
            Err(refused) => {
                self.refuse(offer, refused.attack.as_str(), refused.text, refused.attack.as_str());
                return Ok(None);
            }
        };
        let image = crate::slots::Image {
            release: assigned.custom.release.clone(),
            counter: assigned.custom.release_counter,
            sha256: assigned.target.hashes.sha256.0,
            length: assigned.target.length,
        };
        let digests = list.to_bytes().chunks_exact(32).filter_map(|digest| digest.try_into().ok()).collect();
        Ok(Some(Update {
            number: offer.number.into(),
            attempt: offer.attempt,
            image,
            chunk_size: list.chunking().size,
            chunk_digests: digests,
        }))
    }

    /// Downloads chunk by chunk, each checked as it comes; what broke goes on at the last whole chunk (OTA-5).
    async fn download(&mut self, client: &mut Client, offer: &Offer) -> Result<Option<Next>, StepError> {
        let Some(update) = self.machine.update().cloned() else { return Ok(None) };
        let Address { path, .. } = self.address(client, offer).await?;
        let from = self.machine.download_offset();
        let mut bytes = client.image(&path, from).await?;
        let (mut chunk, mut at) = (Vec::new(), from);
        let mut pace = Pace::new(offer.bandwidth_max);
        let mut slow = SlowRetrieval::new(offer.bandwidth_max);
        while at < update.image.length {
            let Some(received) = bytes.next().await? else { break };
            slow.check(received.len())?;
            pace.wait(&received).await;
            let mut received = &received[..];
            while !received.is_empty() && at < update.image.length {
                let whole = update.chunk_size.min(update.image.length - at);
                let missing = usize::try_from(whole).unwrap_or(usize::MAX) - chunk.len();
                let (now, rest) = received.split_at(missing.min(received.len()));
                chunk.extend_from_slice(now);
                received = rest;
                if chunk.len() as u64 == whole {
                    let index = at / update.chunk_size;
                    block_in_place(|| self.machine.write_chunk(index, &chunk))?;
                    at += whole;
                    chunk.clear();
                }
            }
        }
        drop(bytes);
        if at >= update.image.length {
            block_in_place(|| self.machine.finish_download())?;
            tracing::info!(vehicle = %self.vehicle, update = offer.number, bytes = at - from, "downloaded");
        }
        Ok(Some(Next::Soon))
    }

    /// Whether the vehicle may do the next step: its own look first, then policy's answer. No answer is no (OTA-6).
    async fn may(&mut self, client: &mut Client, offer: &Offer, step: &str) -> Result<bool, StepError> {
        let world = *self.world.borrow();
        if !world.is_parked_and_free() {
            self.waits = Some("NOT_PARKED".into());
            return Ok(false);
        }
        let path = format!("/v1/updates/{}/{step}", offer.number);
        match client.post::<serde_json::Value>(&path, &VehicleState::from(world)).await {
            Ok(_) => {
                self.waits = None;
                Ok(true)
            }
            Err(error) => match error.refusal() {
                Some(("POLICY_VIOLATION", detail)) => {
                    let reason = format!("POLICY_VIOLATION: {detail}");
                    tracing::warn!(vehicle = %self.vehicle, update = offer.number, step, detail, "policy forbids the update");
                    block_in_place(|| self.machine.discard(&reason))?;
                    Ok(false)
                }
                _ => Err(error.into()),
            },
        }
    }

    async fn install(&mut self, client: &mut Client, offer: &Offer) -> Result<Option<Next>, StepError> {
        if !self.may(client, offer, "install").await? {
            return Ok(None);
        }
        let vehicle = self.vehicle;
        block_in_place(|| self.machine.install(|done, total| tracing::debug!(%vehicle, done, total, "installing")))?;
        tracing::info!(%vehicle, update = offer.number, "installed in the slot that does not run");
        Ok(Some(Next::Soon))
    }

    async fn switch(&mut self, client: &mut Client, offer: &Offer) -> Result<Option<Next>, StepError> {
        if !self.may(client, offer, "switch").await? {
            return Ok(None);
        }
        // Policy took its time: the vehicle looks once more at what may have changed meanwhile.
        if !self.world.borrow().is_parked_and_free() {
            return Ok(None);
        }
        block_in_place(|| self.machine.arm(TRIES))?;
        self.boot()?;
        Ok(Some(Next::Soon))
    }

    /// Boots the slot that is to be booted, and tests it.
    fn boot(&mut self) -> Result<(), StepError> {
        self.booted = block_in_place(|| self.machine.boot())?;
        let (slot, release) = (self.booted.slot, &self.booted.image.release);
        tracing::info!(vehicle = %self.vehicle, %slot, release, trial = self.booted.is_trial, "booted");
        self.test_trial()
    }

    /// The self-test of what is on trial: it stays, or the old image comes back.
    fn test_trial(&mut self) -> Result<(), StepError> {
        if self.machine.stage() != Stage::Trial {
            return Ok(());
        }
        match image::self_test(&self.disk, self.booted.slot, &self.booted.image) {
            Ok(()) => block_in_place(|| self.machine.self_test_passed())?,
            Err(reason) => {
                tracing::error!(vehicle = %self.vehicle, reason, "the self-test failed: the old image comes back");
                block_in_place(|| self.machine.self_test_failed(&reason))?;
                self.booted = block_in_place(|| self.machine.boot())?;
            }
        }
        Ok(())
    }
}

/// Ends a download that gives a byte now and then (Uptane's slow retrieval): the next connection may be a better one.
struct SlowRetrieval {
    since: Instant,
    bytes: u64,
    least: u64,
}

/// In this time the least must have come.
const SLOW_WITHIN: Duration = Duration::from_secs(60);

impl SlowRetrieval {
    fn new(bytes_per_s: Option<u64>) -> Self {
        let least = bytes_per_s.map_or(u64::MAX, |limit| limit.saturating_mul(SLOW_WITHIN.as_secs() / 2));
        Self { since: Instant::now(), bytes: 0, least: least.min(64 * 1024) }
    }

    fn check(&mut self, received: usize) -> Result<(), StepError> {
        self.bytes += received as u64;
        if self.since.elapsed() < SLOW_WITHIN {
            return Ok(());
        }
        if self.bytes < self.least {
            let text = format!("{} bytes came in {} s", self.bytes, SLOW_WITHIN.as_secs());
            return Err(ClientError::Answer(format!("the image comes too slowly: {text}")).into());
        }
        (self.since, self.bytes) = (Instant::now(), 0);
        Ok(())
    }
}

/// Keeps a download below a speed.
struct Pace {
    began: Instant,
    bytes_per_s: Option<u64>,
    taken: u64,
}

impl Pace {
    fn new(bytes_per_s: Option<u64>) -> Self {
        Self { began: Instant::now(), bytes_per_s, taken: 0 }
    }

    async fn wait(&mut self, bytes: &[u8]) {
        self.taken += bytes.len() as u64;
        if let Some(limit) = self.bytes_per_s {
            let due = self.began + Duration::from_secs_f64(self.taken as f64 / limit.max(1) as f64);
            tokio::time::sleep_until(due).await;
        }
    }
}

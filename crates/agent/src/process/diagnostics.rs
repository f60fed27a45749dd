//! Diagnostics (PDM-1): frames of readings leave in order and stay here until the server has them durably; the answer says which
//! parts are fitted, and of which grounding the vehicle is to say that it stands (PDM-8). What fails here never stops the
//! vehicle from driving.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kernel::CommandId;
use kernel::id::{BootId, HoldId, TypedId};
use pki::statement::SignedStatement;
use prognostics::messages::{Ack, Batch, FRAMES_MAX, Frame, Standstill};
use rustls::pki_types::PrivateKeyDer;
use tokio::sync::watch;
use tokio::time::Instant;

use super::bootstrap::Bootstrap;
use super::clock;
use super::entropy::Jitter;
use super::identity::{Held, Holds};
use super::update::client::{Client, ClientError};
use crate::wear::Components;

/// Frames that wait for the server: beyond them the oldest go, as a vehicle without a link for weeks keeps the newest.
const WAITING_MAX: usize = 20_000;
/// The pause after a failure, at first and at most.
const PAUSE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// What the vehicle knows of itself, as far as a grounding must know.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Stand {
    pub standstill: bool,
    pub parking_brake: bool,
    /// The restrictive commands that hold it.
    pub held: Vec<CommandId>,
}

/// What is needed to tell how components are.
pub(super) struct Setup {
    pub bootstrap: Bootstrap,
    pub holds: Holds,
    pub components: Arc<Mutex<Components>>,
    pub every: Duration,
    pub stand: watch::Receiver<Stand>,
    pub boot: BootId,
    pub jitter: Jitter,
}

struct Reporter {
    setup: Setup,
    waiting: VecDeque<Frame>,
    seq: u64,
    client: Option<Client>,
    confirmed: Option<HoldId>,
}

/// Tells how components are until the task is ended.
pub(super) async fn keep(setup: Setup) {
    if setup.bootstrap.updates.is_none() {
        return;
    }
    let vehicle = setup.bootstrap.vehicle;
    let mut holds = setup.holds.clone();
    let mut reporter = Reporter { setup, waiting: VecDeque::new(), seq: 0, client: None, confirmed: None };
    let logged = reporter.with_components(Components::take_logged);
    reporter.take(logged);
    let mut pause = PAUSE.0;
    let mut next_look = Instant::now();
    loop {
        if Instant::now() >= next_look {
            next_look = Instant::now() + reporter.setup.every;
            let frames = reporter.with_components(|components| components.frames(clock::now()));
            reporter.take(frames);
        }
        let Ok(held) = holds.wait_for(Option::is_some).await.map(|held| held.clone()) else { return };
        let Some(held) = held else { continue };
        match reporter.send(&held).await {
            Ok(true) => pause = PAUSE.0,
            Ok(false) => {
                pause = PAUSE.0;
                tokio::time::sleep_until(next_look).await;
            }
            Err(error) => {
                reporter.client = None;
                tracing::warn!(%vehicle, %error, waiting = reporter.waiting.len(), "diagnostics wait");
                let now = pause.mul_f64(reporter.setup.jitter.factor() * 1.3);
                pause = (pause * 2).min(PAUSE.1);
                tokio::time::sleep(now).await;
            }
        }
    }
}

impl Reporter {
    fn with_components<T>(&self, use_them: impl FnOnce(&mut Components) -> T) -> T {
        use_them(&mut self.setup.components.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn take(&mut self, frames: Vec<Frame>) {
        for frame in frames {
            self.seq += 1;
            self.waiting.push_back(Frame { seq: self.seq, ..frame });
        }
        let over = self.waiting.len().saturating_sub(WAITING_MAX);
        self.waiting.drain(..over);
    }

    /// Sends the oldest frames; answers whether more wait.
    async fn send(&mut self, held: &Arc<Held>) -> Result<bool, ClientError> {
        let batch = Batch { boot: self.setup.boot, frames: self.waiting.iter().take(FRAMES_MAX).cloned().collect() };
        let ack: Ack = self.client(held).await?.post("/v1/diagnostics", &batch).await?;
        if ack.boot == self.setup.boot {
            self.waiting.retain(|frame| frame.seq > ack.through_seq);
        }
        if self.with_components(|components| components.fit(&ack.parts)) {
            tracing::info!(vehicle = %self.setup.bootstrap.vehicle, "a new part is fitted");
        }
        if let Some(hold) = ack.confirm.filter(|hold| self.confirmed != Some(*hold)) {
            self.confirm(held, hold).await?;
        }
        Ok(!self.waiting.is_empty())
    }

    async fn client(&mut self, held: &Arc<Held>) -> Result<&mut Client, ClientError> {
        match &mut self.client {
            Some(_) => {}
            none => *none = Some(Client::open(&self.setup.bootstrap, held).await?),
        }
        self.client.as_mut().ok_or_else(|| ClientError::Answer("there is no connection".into()))
    }

    /// Says that the vehicle stands, once it does and the grounding's own command holds it: from then on it is in maintenance
    /// mode, in which every command that moves it is refused.
    async fn confirm(&mut self, held: &Arc<Held>, hold: HoldId) -> Result<(), ClientError> {
        let stand = self.setup.stand.borrow().clone();
        let is_held = stand.held.contains(&CommandId::from_u128(hold.as_u128()));
        if !stand.standstill || !stand.parking_brake || !is_held {
            return Ok(());
        }
        let statement = Standstill {
            vehicle: self.setup.bootstrap.vehicle,
            boot: self.setup.boot,
            hold,
            at: clock::now(),
            standstill: stand.standstill,
            parking_brake: stand.parking_brake,
            maintenance_mode: true,
        };
        let text = serde_json::to_string(&statement).map_err(|error| ClientError::Answer(error.to_string()))?;
        let signed = sign(text, held).map_err(ClientError::Answer)?;
        let path = format!("/v1/groundings/{hold}");
        self.client(held).await?.post::<serde_json::Value>(&path, &signed).await?;
        self.confirmed = Some(hold);
        tracing::info!(vehicle = %self.setup.bootstrap.vehicle, %hold, "the vehicle is in maintenance mode");
        Ok(())
    }
}

/// Signs a text with the key of the vehicle's SVID.
pub(super) fn sign(text: String, held: &Held) -> Result<SignedStatement, String> {
    let key = held.svid.key_der().ok_or("the vehicle's key cannot be read")?;
    let key = rustls::crypto::aws_lc_rs::sign::any_supported_type(&PrivateKeyDer::Pkcs8(key.into()))
        .map_err(|error| error.to_string())?;
    let signer = key
        .choose_scheme(&[rustls::SignatureScheme::ECDSA_NISTP256_SHA256])
        .ok_or("the vehicle's key is of another kind")?;
    SignedStatement::sign(text, |message| signer.sign(message)).map_err(|error| error.to_string())
}

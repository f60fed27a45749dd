//! Software updates (OTA-4 … OTA-8): the vehicle polls with a signed report of what it runs, checks every signature of an offer
//! itself and has key management check them too, downloads, asks before it installs and again before it switches, and
//! proves afterwards what it booted. What fails here never stops the vehicle from driving with what it has.

pub(super) mod client;
mod image;
mod report;
mod trust;
mod updater;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::bootstrap::Bootstrap;
use super::entropy::Jitter;
use super::identity::Holds;
use updater::Updater;

/// What the vehicle does now, as far as updates must know (SAFE-12).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct World {
    pub standstill: bool,
    pub parking_brake: bool,
    pub occupied: bool,
    pub on_trip: bool,
    pub grade_pct: f64,
    pub place_admissible: bool,
    pub battery_pct: f64,
}

impl World {
    /// Whether the vehicle itself sees nothing against an update; policy is asked besides.
    fn is_parked_and_free(&self) -> bool {
        self.standstill && self.parking_brake && !self.occupied && !self.on_trip && self.place_admissible
    }
}

/// What is needed to keep a vehicle's software up to date.
pub(super) struct Setup {
    pub bootstrap: Bootstrap,
    /// The folder of the vehicle's state.
    pub state: PathBuf,
    pub holds: Holds,
    pub world: watch::Receiver<World>,
    pub boot_id: String,
    pub jitter: Jitter,
}

/// The pause after a failure, at first and at most.
const PAUSE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(120));
/// While an update goes on, the next step is soon.
const STEP_PAUSE: Duration = Duration::from_millis(500);

/// Keeps the software up to date until the task is ended.
pub(super) async fn keep(setup: Setup) {
    let vehicle = setup.bootstrap.vehicle;
    if setup.bootstrap.updates.is_none() {
        tracing::warn!(%vehicle, "the bootstrap file names no place to fetch updates from: this vehicle is not updated");
        return;
    }
    let mut holds = setup.holds.clone();
    let mut jitter = setup.jitter;
    let mut updater = match Updater::open(&setup.bootstrap, &setup.state, setup.world, setup.boot_id) {
        Ok(updater) => updater,
        Err(error) => {
            tracing::error!(%vehicle, %error, "the slots of this vehicle cannot be used: it is not updated");
            return;
        }
    };
    let mut pause = PAUSE.0;
    loop {
        let Ok(held) = holds.wait_for(Option::is_some).await.map(|held| held.clone()) else { return };
        let Some(held) = held else { continue };
        let sleep = match updater.step(&Arc::clone(&held)).await {
            Ok(updater::Next::Soon) => {
                pause = PAUSE.0;
                STEP_PAUSE
            }
            Ok(updater::Next::After(seconds)) => {
                pause = PAUSE.0;
                // Around the wanted pause, so that a fleet does not poll in step.
                Duration::from_secs_f64(seconds as f64 * (0.9 + 0.4 * (jitter.factor() - 0.5)))
            }
            Err(error) => {
                tracing::warn!(%vehicle, %error, pause_ms = pause.as_millis() as u64, "updates are deferred");
                let now = pause.mul_f64(jitter.factor() * 1.3);
                pause = (pause * 2).min(PAUSE.1);
                now
            }
        };
        tokio::time::sleep(sleep).await;
    }
}

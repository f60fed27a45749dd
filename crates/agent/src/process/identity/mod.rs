//! Who this vehicle is to others: a device certificate, with which it enrols, and a short-lived SVID, which it presents.

mod est;
mod failure;
mod folder;
mod life;
mod pair;
mod renewal;

use std::path::Path;
use std::sync::Arc;

use pki::bundle::Bundle;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

pub(super) use failure::{Failure, chain};
pub(super) use pair::Pair;

use super::bootstrap::Bootstrap;
use super::entropy::Jitter;
use life::Life;

/// Questions that may wait: each is asked again where it still matters.
const ASKS_MAX: usize = 8;

/// What the vehicle presents, and by what it checks others.
#[derive(Debug)]
pub(super) struct Held {
    pub svid: Pair,
    pub bundle: Bundle,
    /// Certificates of the authority by which enrolment and updates are known.
    pub device_authorities: Vec<Vec<u8>>,
}

/// `None` until there is an identity.
pub(super) type Holds = watch::Receiver<Option<Arc<Held>>>;

/// What whoever uses the identity has noticed.
#[derive(Debug)]
pub(super) enum Ask {
    /// There is a trust bundle of this sequence.
    Bundle { sequence: u64 },
    /// A server is vouched for by nobody in the kept trust bundle.
    Untrusted,
    /// The server does not accept this SVID.
    Refused { certificate: Vec<u8> },
}

/// The identity of one vehicle, which is kept good in the background while `asks` is there.
pub(super) struct Identity {
    pub holds: Holds,
    pub asks: mpsc::Sender<Ask>,
    pub task: JoinHandle<()>,
}

/// Opens what is kept below `state`, and enrols where there is nothing.
///
/// # Errors
/// The folder cannot be used or is another vehicle's.
pub(super) fn start(bootstrap: Bootstrap, state: &Path, jitter: Jitter) -> Result<Identity, Failure> {
    let (sender, holds) = watch::channel(None);
    let (asks, asked) = mpsc::channel(ASKS_MAX);
    let life = Life::open(bootstrap, state, jitter, sender)?;
    Ok(Identity { holds, asks, task: tokio::spawn(life.keep(asked)) })
}

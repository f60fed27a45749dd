//! The newest published head of each log, kept beside the keys before anybody else learns it. A store that was put back
//! to an older state, or went on from another one, is found out by it at the next start, and by vehicles that were given
//! a head.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use journal::{Checkpoint, Hash};
use kernel::TenantId;
use serde::{Deserialize, Serialize};
use store::port::{Fault, Head, Store};
use store::seen::{self, Seen};
use tenancy::log::{Difference, LogAlarm};

use crate::Gateway;
use crate::vehicles::backend::Known;

/// A head that was published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptHead {
    pub size: u64,
    pub root: Hash,
    pub note: String,
}

/// Heads by tenant.
pub type KeptHeads = BTreeMap<TenantId, KeptHead>;

#[derive(Debug, Default)]
struct State {
    kept: KeptHeads,
    /// Logs that do not fit the head that is kept: it stays until somebody accepts that.
    withheld: BTreeSet<TenantId>,
    alarmed: BTreeSet<TenantId>,
}

/// The heads on the disk and in memory.
#[derive(Debug)]
pub struct Heads {
    path: PathBuf,
    /// Whether there was a file of heads when the server started.
    pub were_kept: bool,
    state: Mutex<State>,
}

/// Where heads are kept in the folder of the keys.
pub fn path_in(keys: &Path) -> PathBuf {
    keys.join("heads.json")
}

/// The heads that a file keeps; `None` where there is no file.
///
/// # Errors
/// The file cannot be read.
pub fn read(path: &Path) -> io::Result<Option<KeptHeads>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

impl Heads {
    /// Opens the heads in a folder of keys.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn open(keys: &Path) -> io::Result<Self> {
        let path = path_in(keys);
        let kept = read(&path)?;
        let were_kept = kept.is_some();
        let state = State { kept: kept.unwrap_or_default(), ..State::default() };
        Ok(Self { path, were_kept, state: Mutex::new(state) })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The head that is kept of a log.
    pub fn kept(&self, tenant: &TenantId) -> Option<KeptHead> {
        self.lock().kept.get(tenant).cloned()
    }

    /// The newest published head of a log; `None` for a log that does not fit what was published of it.
    pub fn newest(&self, tenant: &TenantId) -> Option<String> {
        let state = self.lock();
        state.kept.get(tenant).filter(|_| !state.withheld.contains(tenant)).map(|kept| kept.note.clone())
    }

    /// The published heads that are asked for, up to a number of them; none of a log that does not fit what was published.
    pub fn published(&self, most: usize, is_wanted: impl Fn(&TenantId, u64) -> bool) -> Vec<(TenantId, KeptHead)> {
        let state = self.lock();
        let fits = state.kept.iter().filter(|(tenant, _)| !state.withheld.contains(*tenant));
        let wanted = fits.filter(|(tenant, kept)| is_wanted(tenant, kept.size)).take(most);
        wanted.map(|(tenant, kept)| (tenant.clone(), kept.clone())).collect()
    }

    /// Publishes no head of a log any more: the one that is kept is the evidence.
    pub fn withhold(&self, tenant: &TenantId) {
        self.lock().withheld.insert(tenant.clone());
    }

    /// Notes that a log has an alarm.
    pub fn alarmed(&self, tenant: &TenantId) {
        let alarmed = {
            let mut state = self.lock();
            state.alarmed.insert(tenant.clone());
            state.alarmed.len()
        };
        metrics::gauge!("atlasmesh_log_alarms").set(alarmed as f64);
    }

    /// How many logs have an alarm.
    pub fn alarms(&self) -> usize {
        self.lock().alarmed.len()
    }

    /// Publishes the newest head of every log: on the disk first.
    ///
    /// # Errors
    /// The store or the disk cannot answer; then nothing new is published.
    pub async fn publish(&self, store: &dyn Store) -> Result<(), Fault> {
        let (mut kept, withheld) = {
            let state = self.lock();
            (state.kept.clone(), state.withheld.clone())
        };
        let mut changed = false;
        for tenant in store.logs().await?.into_iter().filter(|tenant| !withheld.contains(tenant)) {
            let Some(Head { size, root, note }) = store.head(&tenant).await? else { continue };
            if kept.get(&tenant).is_none_or(|known| (known.size, known.root) != (size, root)) {
                kept.insert(tenant, KeptHead { size, root, note });
                changed = true;
            }
        }
        if changed || !self.path.exists() {
            // A disk that hangs must hold up nothing else that this thread has to do, such as a stop.
            tokio::task::block_in_place(|| write(&self.path, &kept))
                .map_err(|source| Fault::Unavailable { what: "keep the newest heads", source: Box::new(source) })?;
            self.lock().kept = kept;
        }
        Ok(())
    }
}

fn write(path: &Path, kept: &KeptHeads) -> io::Result<()> {
    let part = path.with_extension("part");
    let mut file = File::create(&part)?;
    file.write_all(&serde_json::to_vec(kept)?)?;
    file.sync_all()?;
    fs::rename(&part, path)?;
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

/// How a log differs from a head that was seen of it, if it does.
pub async fn difference(
    store: &dyn Store,
    tenant: &TenantId,
    seen_size: u64,
    seen_root: Hash,
    seen_by: String,
) -> Result<Option<LogAlarm>, Fault> {
    let (difference, size) = match seen::compare(store, tenant, seen_size, seen_root).await? {
        Seen::Fits => return Ok(None),
        Seen::Shorter { size } => (Difference::Shorter, size),
        Seen::Other { size } => (Difference::Other, size),
    };
    Ok(Some(LogAlarm { difference, seen_size, seen_root, size, seen_by }))
}

impl Gateway {
    /// Journals an alarm, shows it, and answers whether somebody accepted it before.
    pub async fn raise_log_alarm(&self, tenant: &TenantId, alarm: &LogAlarm) -> Result<bool, store::CommandError> {
        let what = alarm.difference.text();
        let LogAlarm { seen_size, size, seen_by, .. } = alarm;
        let accepted = self.tenancy.raise_log_alarm(tenant, alarm).await;
        if let Ok(true) = accepted {
            tracing::info!(%tenant, seen_by, seen_size, size, "the log {what}; that was accepted");
            return Ok(true);
        }
        // It is told also where it cannot be journaled now.
        tracing::error!(%tenant, seen_by, seen_size, size, "the log {what}");
        metrics::counter!("atlasmesh_log_alarms_total").increment(1);
        self.heads.alarmed(tenant);
        accepted
    }

    /// Compares the log with the head that a vehicle presents. Answers whether the vehicle may be given a newer one: what does
    /// not fit stays with it as evidence.
    pub(crate) async fn check_presented(&self, vehicle: &Known, note: &[u8]) -> Result<bool, store::CommandError> {
        if note.is_empty() {
            return Ok(true);
        }
        let Known { tenant, id, .. } = vehicle;
        let seen_by = format!("vehicle/{id}");
        let text = std::str::from_utf8(note).unwrap_or_default();
        let alarm = match Checkpoint::open(text, &self.note_verifier(tenant)) {
            Ok(seen) => difference(&*self.store, tenant, seen.size, seen.root, seen_by).await?,
            Err(error) => {
                tracing::warn!(%tenant, vehicle = %id, %error, "a vehicle presents what is no head of the log");
                let size = self.store.head(tenant).await?.map_or(0, |head| head.size);
                let (difference, seen_root) = (Difference::Unsigned, Hash::of_bytes(note));
                Some(LogAlarm { difference, seen_size: 0, seen_root, size, seen_by })
            }
        };
        match alarm {
            Some(alarm) => self.raise_log_alarm(tenant, &alarm).await,
            None => Ok(true),
        }
    }

    /// Compares every log with what was published of it, and the keys with the newest that were used; before anything else
    /// happens.
    pub async fn check_heads_at_start(&self) -> Result<(), store::CommandError> {
        // The first start of a server that keeps heads finds none.
        let kept_before = self.tenancy.log(&TenantId::platform()).await?.keys_generation > 0;
        for tenant in self.store.logs().await? {
            let seen_by = "keys/heads.json".to_owned();
            let alarm = match self.heads.kept(&tenant) {
                Some(kept) => difference(&*self.store, &tenant, kept.size, kept.root, seen_by).await?,
                None if kept_before && !self.heads.were_kept => {
                    let size = self.store.head(&tenant).await?.map_or(0, |head| head.size);
                    let (difference, seen_root) = (Difference::Unknown, Hash::ZERO);
                    Some(LogAlarm { difference, seen_size: 0, seen_root, size, seen_by })
                }
                None => None,
            };
            if let Some(alarm) = alarm
                && !self.raise_log_alarm(&tenant, &alarm).await.is_ok_and(|accepted| accepted)
                && alarm.difference != Difference::Unknown
            {
                self.heads.withhold(&tenant);
            }
            if !self.tenancy.log(&tenant).await?.alarms.is_empty() {
                self.heads.alarmed(&tenant);
            }
        }
        Ok(())
    }
}

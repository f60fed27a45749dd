//! What others saw of the logs: the heads that are kept beside the keys, and vehicles. Looked at when the server starts and
//! by verification.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use gateway::heads;
use kernel::{BoxFuture, Envelope, TenantId};
use store::port::{Fault, Store};
use store::replay::{Fold, ReplayFinding};
use store::{CommandError, load};
use tenancy::Log;

use super::wiring::Parts;

/// Compares keys and logs with what was seen of them. Older keys are refused; a log that is not what was seen raises an
/// alarm, and the server runs: vehicles that drive must be heard, and can be stopped.
pub async fn check_at_start(parts: &Parts) -> Result<()> {
    let tenancy = &parts.gateway.tenancy;
    let known = tenancy.log(&TenantId::platform()).await?.keys_generation;
    parts
        .gateway
        .identities
        .keyring()
        .require_generation(known)
        .context("put the newest keys back: nothing was started")?;
    parts.gateway.check_heads_at_start().await.context("the logs cannot be compared with what was seen of them")?;
    parts.gateway.identities.keyring().start().await.context("the keys cannot be used")?;
    if let Err(error) = parts.gateway.evidence.keep_policies().await {
        tracing::error!(%error, "the policies in force cannot be kept for later evidence");
    }
    // A server whose disk is full must start all the same, to stop vehicles; it is noted at the next start.
    if let Err(error) = note_keys(parts).await {
        tracing::error!(%error, "the keys that are used cannot be noted");
    }
    Ok(())
}

/// First the heads, then the note that heads are kept: whoever finds the note alone has a copy.
async fn note_keys(parts: &Parts) -> Result<(), CommandError> {
    parts.gateway.heads.publish(&*parts.store).await?;
    parts.gateway.tenancy.see_keys(parts.gateway.identities.keyring().generation()).await
}

/// Finds a log that is not what was seen of it, and alarms that nobody accepted.
pub struct SeenFold {
    heads: PathBuf,
    keys_generation: u64,
}

impl SeenFold {
    /// Over the folder of the keys, which are of this generation.
    pub fn new(keys: &Path, keys_generation: u64) -> Self {
        Self { heads: heads::path_in(keys), keys_generation }
    }

    async fn finding(&self, store: &dyn Store, tenant: &TenantId) -> Result<Option<String>, Fault> {
        let log = load::<Log>(store, tenant, tenant).await?.map(|loaded| loaded.state).unwrap_or_default();
        if tenant.is_platform() && log.keys_generation > self.keys_generation {
            let (found, known) = (self.keys_generation, log.keys_generation);
            return Ok(Some(format!("the keys are of generation {found}, but generation {known} was used")));
        }
        if let Some(alarm) = log.alarms.first() {
            return Ok(Some(format!("alarm: {} (seen by {})", alarm.difference.text(), alarm.seen_by)));
        }
        let unreadable = |source| Fault::Unavailable { what: "read the newest heads", source: Box::new(source) };
        let kept = heads::read(&self.heads).map_err(unreadable)?.unwrap_or_default();
        let Some(kept) = kept.get(tenant).filter(|kept| kept.size > log.accepted_size) else { return Ok(None) };
        let alarm = heads::difference(store, tenant, kept.size, kept.root, "keys/heads.json".into()).await?;
        Ok(alarm.map(|alarm| {
            format!("it {} ({} entries, {} were published)", alarm.difference.text(), alarm.size, alarm.seen_size)
        }))
    }
}

impl Fold for SeenFold {
    fn take(&mut self, _: &Envelope) -> Result<(), ReplayFinding> {
        Ok(())
    }

    fn compare<'a>(
        &'a self,
        store: &'a dyn Store,
        tenant: &'a TenantId,
        _: &'a (dyn Fn(u64) -> ControlFlow<()> + Send + Sync),
    ) -> BoxFuture<'a, Result<Option<ReplayFinding>, Fault>> {
        Box::pin(async move {
            let finding = self.finding(store, tenant).await?;
            Ok(finding.map(|difference| ReplayFinding {
                tenant: tenant.clone(),
                table: "log",
                key: tenant.to_string(),
                difference,
            }))
        })
    }

    fn aggregates(&self) -> Option<usize> {
        None
    }
}

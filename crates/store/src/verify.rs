//! Verification of a whole log: every entry's hash and place, every chain, the signed head, and — with replay — every
//! row of state against the fold of the journal. Runs on a store that is in use: it follows the log until rows and
//! head agree.

use journal::receipt::SELF_ASSERTED;
use journal::{Finding, LogVerifier, NoteVerifier};
use kernel::TenantId;
use serde::Serialize;

use crate::port::{Fault, Head, PAGE_LIMIT_MAX, Store};
use crate::replay::{Fold, ReplayFinding};
use crate::sequence::envelope;

/// How often the rows are compared again because the log grew meanwhile. A log that grows faster than one comparison
/// takes is verified up to a head, but its rows must be compared when it is quieter.
const COMPARISONS_MAX: usize = 20;

/// What was verified of one log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogReport {
    /// Whose log.
    pub tenant: TenantId,
    /// The number of entries.
    pub size: u64,
    /// The root over them.
    pub root: journal::Hash,
    /// The number of rows that equal the fold, if it was compared.
    pub rows_replayed: Option<usize>,
}

/// Why a verification did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The log is not as it was written.
    #[error(transparent)]
    Log(#[from] Finding),
    /// The rows are not what the journal says.
    #[error(transparent)]
    Rows(#[from] ReplayFinding),
    /// The store cannot be read.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// What a verification found, as it is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// Whether everything is as it was written.
    pub ok: bool,
    /// Who vouches for the heads.
    pub trust: &'static str,
    /// The first finding.
    pub finding: Option<String>,
    /// Each log.
    pub logs: Vec<LogVerdict>,
}

/// What a verification found in one log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogVerdict {
    /// Whose log.
    pub tenant: TenantId,
    /// Whether it is as it was written.
    pub ok: bool,
    /// The number of entries, if all hold.
    pub size: Option<u64>,
    /// The root over them, if all hold.
    pub root: Option<journal::Hash>,
    /// The first finding.
    pub finding: Option<String>,
    /// The number of rows that equal the fold, if it was compared.
    pub rows_replayed: Option<usize>,
}

/// Verifies several logs; a finding in one does not end the others.
///
/// # Errors
/// A fault of the store.
pub async fn verify_all(
    store: &dyn Store,
    tenants: &[TenantId],
    key: &(dyn Fn(&TenantId) -> NoteVerifier + Send + Sync),
    folds: &(dyn Fn() -> Vec<Box<dyn Fold>> + Send + Sync),
) -> Result<Verdict, Fault> {
    let mut logs = Vec::with_capacity(tenants.len());
    for tenant in tenants {
        let failed = |finding: String| LogVerdict {
            tenant: tenant.clone(),
            ok: false,
            size: None,
            root: None,
            finding: Some(finding),
            rows_replayed: None,
        };
        logs.push(match verify(store, tenant, &key(tenant), folds()).await {
            Ok(report) => LogVerdict {
                tenant: report.tenant,
                ok: true,
                size: Some(report.size),
                root: Some(report.root),
                finding: None,
                rows_replayed: report.rows_replayed,
            },
            Err(VerifyError::Fault(fault)) => return Err(fault),
            Err(VerifyError::Log(finding)) => failed(finding.to_string()),
            Err(VerifyError::Rows(finding)) => failed(finding.to_string()),
        });
    }
    let finding = logs.iter().find_map(|log| log.finding.clone());
    Ok(Verdict { ok: finding.is_none(), trust: SELF_ASSERTED, finding, logs })
}

/// Verifies a tenant's log and, if folds are given, its rows.
///
/// # Errors
/// The first finding, or a fault of the store.
pub async fn verify(
    store: &dyn Store,
    tenant: &TenantId,
    key: &NoteVerifier,
    mut folds: Vec<Box<dyn Fold>>,
) -> Result<LogReport, VerifyError> {
    let mut log = LogVerifier::new(tenant.clone());
    let mut read = 0;
    let mut comparisons = 0;
    loop {
        let head = required_head(store, tenant).await?;
        read_up_to(store, tenant, &head, &mut read, &mut log, &mut folds).await?;
        let finding = compare(store, tenant, &folds).await?;
        comparisons += 1;
        match finding {
            Some(finding) if required_head(store, tenant).await? == head => return Err(finding.into()),
            Some(finding) if comparisons == COMPARISONS_MAX => return Err(finding.into()),
            Some(_) => {}
            None => {
                let report = log.finish(&head.note, key)?;
                let rows_replayed = folds.iter().filter_map(|fold| fold.aggregates()).reduce(|all, some| all + some);
                return Ok(LogReport { tenant: tenant.clone(), size: report.size, root: report.root, rows_replayed });
            }
        }
    }
}

async fn required_head(store: &dyn Store, tenant: &TenantId) -> Result<Head, VerifyError> {
    let missing = || Finding { tenant: tenant.clone(), index: None, event: None, what: "there is none".into() };
    Ok(store.head(tenant).await?.ok_or_else(missing)?)
}

async fn read_up_to(
    store: &dyn Store,
    tenant: &TenantId,
    head: &Head,
    read: &mut u64,
    log: &mut LogVerifier,
    folds: &mut [Box<dyn Fold>],
) -> Result<(), VerifyError> {
    while *read < head.size {
        let left = usize::try_from(head.size - *read).unwrap_or(usize::MAX);
        let page = store.entries(tenant, *read, PAGE_LIMIT_MAX.min(left)).await?;
        if page.is_empty() {
            let what = format!("the log ends at entry {read} where the head covers {}", head.size);
            return Err(Finding { tenant: tenant.clone(), index: None, event: None, what }.into());
        }
        for entry in &page {
            log.take(entry)?;
            *read += 1;
            if folds.is_empty() {
                continue;
            }
            let event = envelope(entry)?;
            for fold in folds.iter_mut() {
                fold.take(&event)?;
            }
        }
    }
    Ok(())
}

async fn compare(
    store: &dyn Store,
    tenant: &TenantId,
    folds: &[Box<dyn Fold>],
) -> Result<Option<ReplayFinding>, Fault> {
    for fold in folds {
        if let Some(finding) = fold.compare(store, tenant).await? {
            return Ok(Some(finding));
        }
    }
    Ok(None)
}

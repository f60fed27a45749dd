//! Verification of a whole log: every entry's hash and place, every chain, the signed head, and — with replay — every
//! row of state against the fold of the journal. Runs on a store that is in use: it follows the log until rows and
//! head agree.

use std::ops::ControlFlow;

use journal::receipt::SELF_ASSERTED;
use journal::{Finding, LogVerifier, NoteVerifier};
use kernel::TenantId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::port::{Fault, Head, PAGE_LIMIT_MAX, Store};
use crate::replay::{Fold, Part, ReplayFinding};
use crate::sequence::envelope;

/// How often the rows are compared again because the log grew meanwhile. The rows of a log that grows faster than one
/// comparison takes must be compared when it is quieter: what differs then says nothing.
const COMPARISONS_MAX: usize = 20;

/// States that are folded at once: some kilobytes each.
const STATES_MAX: usize = 100_000;

/// Fresh folds of what must agree with the log; without those of rows, if rows are not to be compared.
pub type Folds<'a> = &'a (dyn Fn() -> Vec<Box<dyn Fold>> + Send + Sync);

/// Told after each page how far a verification is; says whether it goes on. Who once said no says no again.
pub type Watch<'a> = &'a (dyn Fn(Progress) -> ControlFlow<()> + Send + Sync);

/// How far the verification of a log is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "VerificationProgress")]
pub struct Progress {
    /// Entries that were read.
    pub entries_done: u64,
    /// Entries that are to be read, as far as is known: the log may grow meanwhile, and may have to be read again.
    pub entries_total: u64,
    /// Rows that were compared with their fold.
    pub rows_compared: u64,
}

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
    pub rows_replayed: Option<u64>,
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
    /// The log grew whenever the rows were compared, so that a difference may be no more than the growth.
    #[error("the journal grew during each of {COMPARISONS_MAX} comparisons, verify when it is quieter; at last {0}")]
    Unsettled(ReplayFinding),
    /// Whoever watched did not want it to go on.
    #[error("the verification was ended before it was done")]
    Ended,
}

/// What a verification found, as it is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LogVerdict {
    /// Whose log.
    pub tenant: TenantId,
    /// Whether it is as it was written.
    pub ok: bool,
    /// The number of entries, if all hold.
    pub size: Option<u64>,
    /// The root over them, if all hold.
    #[schemars(with = "Option<String>")]
    pub root: Option<journal::Hash>,
    /// The first finding.
    pub finding: Option<String>,
    /// The number of rows that equal the fold, if it was compared.
    pub rows_replayed: Option<u64>,
}

/// Verifies several logs; a finding in one does not end the others.
///
/// # Errors
/// A fault of the store, a log that did not settle, or that it was ended: a finding is part of the verdict.
pub async fn verify_all(
    store: &dyn Store,
    tenants: &[TenantId],
    key: &(dyn Fn(&TenantId) -> NoteVerifier + Send + Sync),
    folds: Folds<'_>,
    watch: Watch<'_>,
) -> Result<Verdict, VerifyError> {
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
        logs.push(match verify(store, tenant, &key(tenant), folds, watch).await {
            Ok(report) => LogVerdict {
                tenant: report.tenant,
                ok: true,
                size: Some(report.size),
                root: Some(report.root),
                finding: None,
                rows_replayed: report.rows_replayed,
            },
            Err(VerifyError::Log(finding)) => failed(finding.to_string()),
            Err(VerifyError::Rows(finding)) => failed(finding.to_string()),
            Err(unfinished) => return Err(unfinished),
        });
    }
    let finding = logs.iter().find_map(|log| log.finding.clone());
    Ok(Verdict { ok: finding.is_none(), trust: SELF_ASSERTED, finding, logs })
}

/// Verifies a tenant's log and what the folds compare with it.
///
/// # Errors
/// The first finding, or why it did not come to an end.
pub async fn verify(
    store: &dyn Store,
    tenant: &TenantId,
    key: &NoteVerifier,
    folds: Folds<'_>,
    watch: Watch<'_>,
) -> Result<LogReport, VerifyError> {
    verify_holding(STATES_MAX, store, tenant, key, folds, watch).await
}

/// Like [`verify`], with so many states in memory at most: where there are more, the log is read again for each part of
/// them.
///
/// # Errors
/// The first finding, or why it did not come to an end.
pub async fn verify_holding(
    states_max: usize,
    store: &dyn Store,
    tenant: &TenantId,
    key: &NoteVerifier,
    folds: Folds<'_>,
    watch: Watch<'_>,
) -> Result<LogReport, VerifyError> {
    let (mut log, mut part) = (LogVerifier::new(tenant.clone()), Part::WHOLE);
    let mut run = Run { store, tenant, watch, states_max, progress: Progress::default() };
    let head = run.pass(&mut part, folds(), Some(&mut log)).await?;
    let report = log.finish(&head.note, key)?;
    let of_rows = || folds().into_iter().filter(|fold| fold.aggregates().is_some()).collect::<Vec<_>>();
    while let Some(mut next) = part.next() {
        run.pass(&mut next, of_rows(), None).await?;
        part = next;
    }
    let rows_replayed = (!of_rows().is_empty()).then_some(run.progress.rows_compared);
    Ok(LogReport { tenant: tenant.clone(), size: report.size, root: report.root, rows_replayed })
}

/// A verification under way.
struct Run<'a> {
    store: &'a dyn Store,
    tenant: &'a TenantId,
    watch: Watch<'a>,
    states_max: usize,
    progress: Progress,
}

impl Run<'_> {
    fn tell(&self) -> Result<(), VerifyError> {
        if (self.watch)(self.progress).is_break() { Err(VerifyError::Ended) } else { Ok(()) }
    }

    /// Reads the log up to a head at which a part of the rows is what was folded; the head. In the first pass, which checks
    /// the log, the part becomes smaller where there are too many states.
    async fn pass(
        &mut self,
        part: &mut Part,
        mut folds: Vec<Box<dyn Fold>>,
        mut log: Option<&mut LogVerifier>,
    ) -> Result<Head, VerifyError> {
        folds.iter_mut().for_each(|fold| fold.keep(*part));
        let (mut read, mut comparisons, before) = (0, 0, self.progress.rows_compared);
        loop {
            let head = required_head(self.store, self.tenant).await?;
            while read < head.size {
                read += self.page(read, &head, &mut folds, log.as_deref_mut()).await?;
                while log.is_some() && held(&folds) > self.states_max {
                    *part = part.half();
                    folds.iter_mut().for_each(|fold| fold.keep(*part));
                }
                self.progress.entries_done = part.index * head.size + read;
                self.progress.entries_total = part.of * head.size;
                self.tell()?;
            }
            let finding = self.compare(before, &folds).await?;
            self.tell()?;
            comparisons += 1;
            match finding {
                None => return Ok(head),
                Some(finding) if required_head(self.store, self.tenant).await? == head => return Err(finding.into()),
                Some(finding) if comparisons == COMPARISONS_MAX => return Err(VerifyError::Unsettled(finding)),
                Some(_) => {}
            }
        }
    }

    /// Takes a page of entries; how many.
    async fn page(
        &self,
        from: u64,
        head: &Head,
        folds: &mut [Box<dyn Fold>],
        mut log: Option<&mut LogVerifier>,
    ) -> Result<u64, VerifyError> {
        let left = usize::try_from(head.size - from).unwrap_or(usize::MAX);
        let page = self.store.entries(self.tenant, from, PAGE_LIMIT_MAX.min(left)).await?;
        if page.is_empty() {
            let what = format!("the log ends at entry {from} where the head covers {}", head.size);
            return Err(Finding { tenant: self.tenant.clone(), index: None, event: None, what }.into());
        }
        for entry in &page {
            if let Some(log) = &mut log {
                log.take(entry)?;
            }
            if folds.is_empty() {
                continue;
            }
            let event = envelope(entry)?;
            for fold in folds.iter_mut() {
                fold.take(&event)?;
            }
        }
        Ok(page.len() as u64)
    }

    /// Compares rows with what was folded; the first difference.
    async fn compare(&mut self, before: u64, folds: &[Box<dyn Fold>]) -> Result<Option<ReplayFinding>, Fault> {
        let mut compared = before;
        for fold in folds {
            let told = |rows: u64| (self.watch)(Progress { rows_compared: compared + rows, ..self.progress });
            if let Some(finding) = fold.compare(self.store, self.tenant, &told).await? {
                return Ok(Some(finding));
            }
            compared += fold.aggregates().unwrap_or_default() as u64;
        }
        self.progress.rows_compared = compared;
        Ok(None)
    }
}

fn held(folds: &[Box<dyn Fold>]) -> usize {
    folds.iter().filter_map(|fold| fold.aggregates()).sum()
}

async fn required_head(store: &dyn Store, tenant: &TenantId) -> Result<Head, VerifyError> {
    let missing = || Finding { tenant: tenant.clone(), index: None, event: None, what: "there is none".into() };
    Ok(store.head(tenant).await?.ok_or_else(missing)?)
}

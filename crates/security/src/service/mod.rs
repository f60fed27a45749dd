//! Security over the store: what the journal shows, what is done about it, who is called, and how access comes back.

mod investigate;
mod monitor;
mod notices;
mod respond;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use detections::Engine;
use kernel::id::IncidentId;
use kernel::{Ctx, CtxSource, Decided, Subject, TenantId};
use policy::{Engine as Policy, PolicyAnswer, Request};
use store::port::{CommitError, Fault, Guard, ListQuery, Order, Store};
use store::{CommandError, Extras, RowWrite, TableSpec, execute_plain, load};

pub use investigate::{Report, TimelineEntry};
pub use notices::{Notice, OnCallSecrets};

use crate::incident::{Incident, IncidentEvent, Severity};
use crate::ports::{Reader, Sender, Subjects};

/// Calls that leave the process: due until they are delivered or refused.
pub const NOTICES: TableSpec = TableSpec::observations("notices", &["incident"]);
/// The secrets of channels, by the channel's name. Nobody reads them back.
pub const CHANNEL_SECRETS: TableSpec = TableSpec::observations("channel_secrets", &[]);
/// What vehicles sent of themselves, by digest.
pub const ARTEFACTS: TableSpec = TableSpec::observations("artefacts", &[]);

/// The rule by which detections open incidents and triage them.
pub(crate) const DETECT_RULE: &str = "security.detect";
/// The rule by which emergencies are contained: it owns the holds.
pub(crate) const CONTAIN_RULE: &str = "security.contain";
/// The rule by which people are called.
pub(crate) const CALL_RULE: &str = "security.call";

/// What the service is made of.
pub struct Parts {
    pub store: Arc<dyn Store>,
    pub policy: Arc<Policy>,
    pub source: Arc<dyn CtxSource>,
    pub reader: Arc<dyn Reader>,
    pub subjects: Arc<dyn Subjects>,
    pub sender: Arc<dyn Sender>,
}

/// The service.
pub struct Security {
    pub(crate) parts: Parts,
    /// What detections remember, by tenant. It follows from the journal, and is made from it again after a start.
    pub(crate) engines: Mutex<BTreeMap<TenantId, Engine>>,
}

impl Security {
    /// The service over a store.
    pub fn new(parts: Parts) -> Self {
        Self { parts, engines: Mutex::default() }
    }

    pub(crate) fn ask(&self, request: Request) -> PolicyAnswer {
        self.parts.policy.decide(&request).into()
    }

    /// The context of something that security does by itself, by a named rule.
    pub(crate) async fn automation(&self, tenant: &TenantId, rule: &str) -> Result<Ctx, Fault> {
        let about = self.parts.subjects.about(tenant).await?;
        Ok(Ctx::automation(&*self.parts.source, tenant.clone(), about, rule))
    }

    pub(crate) async fn command<R: Send>(
        &self,
        ctx: &Ctx,
        id: IncidentId,
        guard: Option<Guard>,
        decide: impl Fn(Option<&Incident>) -> Decided<IncidentEvent, R> + Send + Sync,
    ) -> Result<R, CommandError> {
        let extras = Extras { guard, ..Extras::default() };
        Ok(execute_plain(&*self.parts.store, ctx, &id, extras, decide).await?.reply)
    }

    /// Writes rows of observation; another writer was first is no failure.
    pub(crate) async fn write(&self, tenant: &TenantId, rows: Vec<RowWrite>) -> Result<(), Fault> {
        match self.parts.store.write(tenant, rows).await {
            Ok(()) | Err(CommitError::Conflict { .. } | CommitError::Fenced(_)) => Ok(()),
            Err(CommitError::Fault(fault)) => Err(fault),
        }
    }

    /// One incident.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn incident(&self, tenant: &TenantId, id: IncidentId) -> Result<Option<Incident>, Fault> {
        Ok(load::<Incident>(&*self.parts.store, tenant, &id).await?.map(|known| known.state))
    }

    /// A page of incidents, the newest first.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn incidents(
        &self,
        tenant: &TenantId,
        after: Option<IncidentId>,
        limit: usize,
    ) -> Result<Vec<(IncidentId, Incident)>, Fault> {
        let query =
            ListQuery { filters: Vec::new(), after: after.map(|id| id.to_string()), limit, order: Order::Descending };
        let rows = self.parts.store.list(TableSpec::of::<Incident>(), tenant, query).await?;
        rows.iter().filter_map(|row| row.key.parse().ok().map(|id| Ok((id, row.decode()?)))).collect()
    }

    /// The open incident about somebody.
    pub(crate) async fn open_about(
        &self,
        tenant: &TenantId,
        subject: &Subject,
    ) -> Result<Option<(IncidentId, Incident)>, Fault> {
        let query = ListQuery::of("open_about", subject.to_string());
        let rows = self.parts.store.list(TableSpec::of::<Incident>(), tenant, query).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let Ok(id) = row.key.parse() else { return Ok(None) };
        Ok(Some((id, row.decode()?)))
    }

    /// A person says how bad an incident is, and why.
    ///
    /// # Errors
    /// `NOT_FOUND`, `ILLEGAL_TRANSITION`, a fault.
    pub async fn set_severity(
        &self,
        ctx: &Ctx,
        id: IncidentId,
        severity: Severity,
        reason: &str,
    ) -> Result<(), CommandError> {
        self.command(ctx, id, None, |state| crate::incident::decide::set_severity(state, severity, reason)).await
    }
}

/// Answers of policy, for what is decided with them.
pub(crate) struct Asked<T> {
    pub decisions: Vec<kernel::envelope::DecisionRecord>,
    pub with: T,
}

impl<T: Send + Sync> kernel::decided::Facts for Asked<T> {
    fn decisions(&self) -> &[kernel::envelope::DecisionRecord] {
        &self.decisions
    }
}

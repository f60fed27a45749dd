//! Every entry of the journal goes through the detections (SEC-1, SEC-2, SEC-3). What detections remember follows from the
//! journal alone: after a start they read a day of it again, and what they find again has the same ids and changes nothing.

use std::sync::{Arc, PoisonError};

use detections::{Alert, Engine, shipped};
use journal::{Entry, Hash};
use kernel::id::{IncidentId, TypedId};
use kernel::{BoxFuture, Code, Ctx, Envelope, Reject, Subject, TenantId, Timestamp};
use store::CommandError;
use store::port::{Fault, ListQuery};
use store::subscribe::{Subscriber, step_over_refusal};
use store::{RowWrite, TableSpec};

use super::{DETECT_RULE, Security};
use crate::incident::decide;
use crate::incident::{Finding, Incident, Severity};

/// The name of the cursor.
const NAME: &str = "security.monitor";
/// Entries that are read again at most after a start.
const WARM_MAX: u64 = 50_000;
/// How much of the journal detections look back on, in milliseconds.
const WARM_MS: i64 = 24 * 3_600_000;
/// Entries of the journal in one read.
const PAGE: usize = 500;

struct Monitor(Arc<Security>);

impl Subscriber for Monitor {
    fn name(&self) -> &'static str {
        NAME
    }

    fn handle<'a>(&'a self, index: u64, event: &'a Envelope) -> BoxFuture<'a, Result<Vec<RowWrite>, Fault>> {
        Box::pin(async move {
            step_over_refusal(NAME, self.0.on_entry(index, event).await)?;
            Ok(Vec::new())
        })
    }
}

/// What follows from an alert for an incident.
fn finding_of(alert: &Alert) -> Finding {
    Finding {
        alert: alert.id.clone(),
        rule: alert.rule.clone(),
        title: alert.title.clone(),
        severity: alert.level.into(),
        first: Timestamp::from_ms(alert.first_ms),
        last: Timestamp::from_ms(alert.last_ms),
        records: alert.records.clone(),
        count: alert.count,
        attack: alert.attack.clone(),
        r155: alert.r155.clone(),
    }
}

/// Whom an alert is about: the vehicle, else the program or person, else the tenant's journal.
fn subject_of(alert: &Alert, tenant: &TenantId) -> Subject {
    let named = ["vehicle", "principal"].into_iter().find_map(|kind| alert.group.get(kind).map(|id| (kind, id)));
    match named {
        // A vehicle is a principal too.
        Some((_, id)) if id.starts_with("veh_") => Subject::new("vehicle", id),
        Some((kind, id)) => Subject::new(kind, id),
        None => Subject::new("log", tenant),
    }
}

/// The incident that an alert opens: the same however often it is found.
fn incident_of(alert: &str) -> IncidentId {
    let hash = Hash::of_bytes(alert.as_bytes());
    let mut first = [0_u8; 16];
    first.copy_from_slice(&hash.as_bytes()[..16]);
    IncidentId::from_u128(u128::from_be_bytes(first))
}

impl Security {
    pub(crate) fn monitor(self: &Arc<Self>) -> Arc<dyn Subscriber> {
        Arc::new(Monitor(Arc::clone(self)))
    }

    async fn on_entry(&self, index: u64, event: &Envelope) -> Result<(), CommandError> {
        let seen = self.parts.reader.read(event)?;
        if let Some(vehicle) = seen.revoked {
            self.note_revoked(event, vehicle).await?;
        }
        let Some(record) = seen.record else { return Ok(()) };
        self.warm(&event.tenant, index, event.recorded_at).await?;
        let alerts = {
            let mut engines = self.engines.lock().unwrap_or_else(PoisonError::into_inner);
            engines.get_mut(&event.tenant).map(|engine| engine.push(&record)).unwrap_or_default()
        };
        for alert in alerts {
            metrics::counter!("atlasmesh_security_alerts_total", "rule" => alert.rule.clone()).increment(1);
            self.raise(event, &alert).await?;
        }
        Ok(())
    }

    /// Reads the day before an entry again, once after a start.
    async fn warm(&self, tenant: &TenantId, index: u64, now: Timestamp) -> Result<(), Fault> {
        if self.engines.lock().unwrap_or_else(PoisonError::into_inner).contains_key(tenant) {
            return Ok(());
        }
        let mut engine = engine()?;
        let mut from = index.saturating_sub(WARM_MAX);
        while from < index {
            let entries = self.parts.store.entries(tenant, from, PAGE).await?;
            let Some(last) = entries.last() else { break };
            from = last.index + 1;
            for entry in entries.iter().filter(|entry| entry.index < index) {
                let event = envelope_of(entry)?;
                if now.since_ms(event.recorded_at) > WARM_MS {
                    continue;
                }
                if let Some(record) = self.parts.reader.read(&event)?.record {
                    engine.push(&record);
                }
            }
        }
        self.engines.lock().unwrap_or_else(PoisonError::into_inner).entry(tenant.clone()).or_insert(engine);
        Ok(())
    }

    /// What detections find in a part of the journal, from nothing: the same entries give the same alerts.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn replay(&self, tenant: &TenantId, from: u64, until: u64) -> Result<Vec<Alert>, Fault> {
        let (mut engine, mut from, mut found) = (engine()?, from, Vec::new());
        while from < until {
            let entries = self.parts.store.entries(tenant, from, PAGE).await?;
            let Some(last) = entries.last() else { break };
            from = last.index + 1;
            for entry in entries.iter().filter(|entry| entry.index < until) {
                if let Some(record) = self.parts.reader.read(&envelope_of(entry)?)?.record {
                    found.extend(engine.push(&record));
                }
            }
        }
        Ok(found)
    }

    /// An alert joins the open incident about the same subject, or opens one.
    async fn raise(&self, event: &Envelope, alert: &Alert) -> Result<(), CommandError> {
        let subject = subject_of(alert, &event.tenant);
        let ctx = self.automation(&event.tenant, DETECT_RULE).await?.caused_by(event.id);
        let open = self.open_about(&event.tenant, &subject).await?;
        let id = open.map_or_else(|| incident_of(&alert.id), |(id, _)| id);
        self.find(&ctx, id, &subject, &finding_of(alert), event.exercise).await
    }

    async fn find(
        &self,
        ctx: &Ctx,
        id: IncidentId,
        subject: &Subject,
        finding: &Finding,
        exercise: bool,
    ) -> Result<(), CommandError> {
        let moving = match subject.kind() {
            "vehicle" => match subject.id().parse() {
                Ok(vehicle) => self.parts.subjects.vehicle(&ctx.tenant, vehicle).await?.map(|facts| facts.moving),
                Err(_) => None,
            },
            _ => None,
        };
        let decide = |state: Option<&Incident>| decide::find(state, subject, finding, moving, exercise);
        self.command(ctx, id, None, decide).await?;
        tracing::warn!(tenant = %ctx.tenant, incident = %id, %subject, rule = finding.rule, "a detection fired");
        Ok(())
    }

    /// A drill: the same way as an attack, marked everywhere, and nothing of the subject is taken away.
    ///
    /// # Errors
    /// `CONFLICT` where an incident about it is open, `/subject` where there is no such vehicle, a fault.
    pub async fn drill(
        &self,
        ctx: &Ctx,
        vehicle: kernel::VehicleId,
        severity: Severity,
    ) -> Result<IncidentId, CommandError> {
        let known = self.parts.subjects.vehicle(&ctx.tenant, vehicle).await?;
        known.ok_or_else(|| Reject::invalid_field("/vehicle", format!("there is no vehicle {vehicle}")))?;
        let subject = Subject::new("vehicle", vehicle);
        if self.open_about(&ctx.tenant, &subject).await?.is_some() {
            let text = "an incident about this vehicle is open: close it first";
            return Err(Reject::new(Code::Conflict, text).into());
        }
        let id: IncidentId = ctx.new_id();
        let finding = Finding {
            alert: format!("drill/{id}"),
            rule: "drill".into(),
            title: "Drill: somebody uses a copy of the vehicle's key".into(),
            severity,
            first: ctx.now,
            last: ctx.now,
            records: Vec::new(),
            count: 1,
            attack: Vec::new(),
            r155: Vec::new(),
        };
        self.find(ctx, id, &subject, &finding, true).await?;
        Ok(id)
    }

    /// How often each rule found something in the incidents that are known, with what it is.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn hits(&self, tenant: &TenantId) -> Result<std::collections::BTreeMap<String, u64>, Fault> {
        let mut hits = std::collections::BTreeMap::new();
        let mut query = ListQuery::all();
        loop {
            let page = self.parts.store.list(TableSpec::of::<Incident>(), tenant, query.clone()).await?;
            let Some(last) = page.last() else { return Ok(hits) };
            query.after = Some(last.key.clone());
            for row in &page {
                for finding in row.decode::<Incident>()?.findings {
                    *hits.entry(finding.rule).or_insert(0) += 1;
                }
            }
        }
    }
}

/// The event of an entry.
pub(super) fn envelope_of(entry: &Entry) -> Result<Envelope, Fault> {
    let corrupt = |error| Fault::Corrupt { what: format!("entry {}", entry.index), source: Box::new(error) };
    entry.envelope().map_err(corrupt)
}

fn engine() -> Result<Engine, Fault> {
    Engine::new(&shipped()).map_err(|_| Fault::Misuse("the shipped detections are not as they must be"))
}

//! Looking into an incident (SEC-6), bringing access back (SEC-7), and what is left of it afterwards (SEC-8).

use std::sync::Arc;

use journal::Hash;
use kernel::decided::Facts;
use kernel::id::{EventId, IncidentId};
use kernel::{Aggregate, Ctx, Subject, TenantId, Timestamp, VehicleId};
use policy::Request;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::port::Fault;
use store::{CommandError, Expected, Extras, RowBody, RowWrite, execute};

use super::monitor::envelope_of;
use super::respond::missing;
use super::{ARTEFACTS, Asked, Security};
use crate::actions::RESTORE;
use crate::incident::decide;
use crate::incident::{Artefact, Incident, Status};

/// Before the first record of an incident its subject's timeline begins so much earlier, in milliseconds.
const BEFORE_MS: i64 = 3_600_000;
/// Entries of a timeline in one read.
const PAGE: usize = 500;
/// The largest artefact, in bytes.
pub const ARTEFACT_BYTES_MAX: usize = 256 * 1024;

/// An entry of the journal in an incident's timeline.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct TimelineEntry {
    /// The entry's place in the log; its proof is at `/v1/journal/{event}/proof`.
    pub index: u64,
    #[schemars(with = "String")]
    pub event: EventId,
    pub at: Timestamp,
    pub r#type: String,
    /// Who did it.
    pub by: String,
    /// Whether it is an entry of the incident itself.
    pub of_incident: bool,
    pub body: Value,
}

/// What is known of an incident, drafted from the journal. Times are in seconds; `None` where that has not come.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Report {
    /// From the first record to the incident.
    pub detected_after_s: Option<f64>,
    /// From the incident to somebody's answer.
    pub acknowledged_after_s: Option<f64>,
    /// To the end of containment.
    pub contained_after_s: Option<f64>,
    /// To the restored access.
    pub restored_after_s: Option<f64>,
    /// The report as text, in Markdown.
    pub text: String,
    /// SHA-256 of the text, in hexadecimal.
    pub sha256: String,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    text: String,
}

fn seconds(from: Timestamp, to: Option<Timestamp>) -> Option<f64> {
    to.map(|to| (to.since_ms(from).max(0) as f64) / 1_000.0)
}

impl Security {
    /// Somebody looks into it.
    ///
    /// # Errors
    /// `NOT_FOUND`, `ILLEGAL_TRANSITION`, a fault.
    pub async fn investigate(&self, ctx: &Ctx, id: IncidentId) -> Result<(), CommandError> {
        self.command(ctx, id, None, |state| decide::investigate(state, &ctx.actor.id)).await
    }

    /// Asks the vehicle for its state, logs and metrics; it sends them where it stands.
    ///
    /// # Errors
    /// `NOT_FOUND`, `ILLEGAL_TRANSITION`, a fault.
    pub async fn ask_diagnostics(&self, ctx: &Ctx, id: IncidentId) -> Result<(), CommandError> {
        self.command(ctx, id, None, |state| decide::ask_diagnostics(state, &ctx.actor.id)).await
    }

    /// The incident for which a vehicle is to send its diagnostics.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn wanted_of(&self, tenant: &TenantId, vehicle: VehicleId) -> Result<Option<IncidentId>, Fault> {
        let open = self.open_about(tenant, &Subject::new("vehicle", vehicle)).await?;
        let wants = |incident: &Incident| {
            let asked = incident.diagnostics_asked_at;
            let answered =
                incident.artefacts.iter().filter(|kept| kept.signed && kept.complete).map(|kept| kept.at).max();
            asked.is_some_and(|asked| answered.is_none_or(|answered| answered < asked))
        };
        Ok(open.filter(|(_, incident)| wants(incident)).map(|(id, _)| id))
    }

    /// Whether an incident takes what a vehicle tells of itself.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn takes_from(&self, tenant: &TenantId, vehicle: VehicleId, id: IncidentId) -> Result<bool, Fault> {
        let incident = self.incident(tenant, id).await?;
        let takes = |incident: Incident| {
            let is_asked = incident.diagnostics_asked_at.is_some() && !incident.status.is_over();
            is_asked && incident.vehicle() == Some(vehicle)
        };
        Ok(incident.is_some_and(takes))
    }

    /// Keeps what a vehicle sent, by its digest, and notes it in the incident.
    ///
    /// # Errors
    /// `/statement` where it is too long, `NOT_FOUND`, a fault.
    pub async fn keep_artefact(
        &self,
        ctx: &Ctx,
        id: IncidentId,
        name: &str,
        text: String,
        complete: bool,
    ) -> Result<String, CommandError> {
        if text.len() > ARTEFACT_BYTES_MAX {
            let limit = format!("must be at most {ARTEFACT_BYTES_MAX} bytes");
            return Err(kernel::Reject::invalid_field("/statement", limit).into());
        }
        let sha256 = Hash::of_bytes(text.as_bytes()).to_string();
        let bytes = text.len() as u64;
        let row = RowBody::new(&Kept { text }, Vec::new())?;
        self.write(&ctx.tenant, vec![RowWrite::put(ARTEFACTS, sha256.clone(), Expected::Any, row)]).await?;
        let by = ctx.actor.id.clone();
        let artefact =
            Artefact { name: name.into(), sha256: sha256.clone(), bytes, by, at: ctx.now, signed: true, complete };
        self.command(ctx, id, None, |state| decide::keep(state, &artefact)).await?;
        Ok(sha256)
    }

    /// What is kept under a digest, if the incident names it.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn artefact(&self, tenant: &TenantId, id: IncidentId, sha256: &str) -> Result<Option<String>, Fault> {
        let incident = self.incident(tenant, id).await?;
        if !incident.is_some_and(|incident| incident.artefacts.iter().any(|kept| kept.sha256 == sha256)) {
            return Ok(None);
        }
        let row = self.parts.store.get(ARTEFACTS, tenant, sha256).await?;
        Ok(row.map(|row| row.decode::<Kept>()).transpose()?.map(|kept| kept.text))
    }

    /// Every entry of the journal about the incident and its subject, from an hour before its first record, in order.
    ///
    /// # Errors
    /// `NOT_FOUND`, a fault.
    pub async fn timeline(&self, tenant: &TenantId, id: IncidentId) -> Result<Vec<TimelineEntry>, CommandError> {
        let incident = self.incident(tenant, id).await?.ok_or_else(missing)?;
        let own = Subject::new(Incident::KIND, id);
        let from_ms = incident.began_at.as_ms() - BEFORE_MS;
        let mut all = std::collections::BTreeMap::new();
        for subject in [&incident.subject, &own] {
            // Places in the subject's chain, which has no gaps; not places in the log.
            let mut behind = 0;
            loop {
                let entries = self.parts.store.timeline(tenant, subject, behind, PAGE).await?;
                if entries.is_empty() {
                    break;
                }
                behind += entries.len() as u64;
                for entry in entries {
                    let event = envelope_of(&entry)?;
                    let at = event.recorded_at;
                    if at.as_ms() < from_ms || incident.closed_at.is_some_and(|closed| at > closed) {
                        continue;
                    }
                    let shown = TimelineEntry {
                        index: entry.index,
                        event: event.id,
                        at,
                        r#type: event.r#type.clone(),
                        by: event.actor.id.clone(),
                        of_incident: event.stream.to_string() == own.to_string(),
                        body: event.body.clone(),
                    };
                    all.insert(entry.index, shown);
                }
            }
        }
        Ok(all.into_values().collect())
    }

    /// A second person is asked whether the access is restored.
    ///
    /// # Errors
    /// `NOT_FOUND`, `ILLEGAL_TRANSITION`, a fault.
    pub async fn begin_recovery(&self, ctx: &Ctx, id: IncidentId) -> Result<Incident, CommandError> {
        self.command(ctx, id, None, |state| decide::begin_recovery(state, &ctx.actor.id)).await?;
        Ok(self.incident(&ctx.tenant, id).await?.ok_or_else(missing)?)
    }

    /// Restores the access, once two people want it and policy allows it.
    ///
    /// # Errors
    /// `NOT_FOUND`, `ILLEGAL_TRANSITION`, `POLICY_VIOLATION`, a fault.
    pub async fn restore(&self, ctx: &Ctx, id: IncidentId, reason: &str) -> Result<(), CommandError> {
        let gather = |state: Option<Arc<Incident>>| async move {
            let incident = state.ok_or_else(missing)?;
            let facts = match incident.vehicle() {
                Some(vehicle) => self.parts.subjects.vehicle(&ctx.tenant, vehicle).await?,
                None => None,
            };
            let enrolled_at = facts.as_ref().filter(|facts| !facts.revoked).and_then(|facts| facts.enrolled_at);
            let revoked = incident.contained.as_ref().is_some_and(|known| known.ordered.revoke);
            let question = Request::new(ctx, RESTORE, Subject::new(Incident::KIND, id))
                .about(incident.subject.clone())
                .fact("subject", incident.subject.kind())
                .fact("two_people", ctx.actor.second_approver.is_some())
                .fact("access_revoked", revoked && !incident.exercise)
                .fact("identity_is_newer", enrolled_at.is_some_and(|enrolled| enrolled > incident.opened_at))
                .fact("diagnostics_received", incident.has_diagnostics());
            let answer = self.ask(question);
            Ok(Asked { decisions: answer.decisions().to_vec(), with: answer })
        };
        let decide = |state: Option<&Incident>, asked: &Asked<policy::PolicyAnswer>| {
            decide::restore(state, &ctx.actor.id, reason, &asked.with)
        };
        execute(&*self.parts.store, ctx, &id, Extras::default(), gather, decide).await?;
        tracing::info!(tenant = %ctx.tenant, incident = %id, "access is restored");
        Ok(())
    }

    /// Gives it to an expert team; what is isolated stays so.
    ///
    /// # Errors
    /// `NOT_FOUND`, `ILLEGAL_TRANSITION`, a fault.
    pub async fn escalate(&self, ctx: &Ctx, id: IncidentId, reason: &str, team: &str) -> Result<(), CommandError> {
        self.command(ctx, id, None, |state| decide::escalate(state, reason, team, &ctx.actor.id)).await
    }

    /// Ends it, with what was learned.
    ///
    /// # Errors
    /// `NOT_FOUND`, `ILLEGAL_TRANSITION`, a fault.
    pub async fn close(&self, ctx: &Ctx, id: IncidentId, lessons: &str) -> Result<(), CommandError> {
        self.command(ctx, id, None, |state| decide::close(state, &ctx.actor.id, lessons)).await
    }

    /// The report, drafted from the journal.
    ///
    /// # Errors
    /// `NOT_FOUND`, a fault.
    pub async fn report(&self, tenant: &TenantId, id: IncidentId) -> Result<Report, CommandError> {
        let incident = self.incident(tenant, id).await?.ok_or_else(missing)?;
        let timeline = self.timeline(tenant, id).await?;
        let acknowledged = incident.call.as_ref().and_then(|call| call.acknowledged_at);
        let text = draft(id, &incident, &timeline);
        Ok(Report {
            detected_after_s: seconds(incident.began_at, Some(incident.opened_at)),
            acknowledged_after_s: seconds(incident.opened_at, acknowledged),
            contained_after_s: seconds(incident.opened_at, incident.contained_at),
            restored_after_s: seconds(incident.opened_at, incident.restored_at),
            sha256: Hash::of_bytes(text.as_bytes()).to_string(),
            text,
        })
    }
}

fn draft(id: IncidentId, incident: &Incident, timeline: &[TimelineEntry]) -> String {
    let drill = if incident.exercise { " (drill)" } else { "" };
    let mut lines = vec![
        format!("# Incident {id}{drill}: {}", incident.title),
        String::new(),
        format!("- about: {}", incident.subject),
        format!("- severity: {}", incident.severity.as_str()),
        format!("- status: {}", incident.status.as_str()),
        format!("- first record: {}, opened: {}", incident.began_at, incident.opened_at),
    ];
    let mut push = |name: &str, value: Option<String>| lines.extend(value.map(|value| format!("- {name}: {value}")));
    let call = incident.call.as_ref();
    push("acknowledged by", call.and_then(|call| call.acknowledged_by.clone()));
    let contained = incident.contained.as_ref();
    push("isolated", contained.and_then(|known| known.isolated_at).map(|at| at.to_string()));
    push("access revoked", contained.and_then(|known| known.revoked_at).map(|at| at.to_string()));
    push("access restored", incident.restored_at.map(|at| at.to_string()));
    push("given to", incident.escalation.as_ref().map(|given| format!("{}: {}", given.team, given.reason)));
    push("closed by", incident.closed_by.clone().filter(|_| incident.status == Status::Closed));
    push("learned", incident.lessons.clone());
    lines.extend([String::new(), "## Findings".into(), String::new()]);
    for finding in &incident.findings {
        let (attack, r155) = (finding.attack.join(", "), finding.r155.join(", "));
        lines.push(format!(
            "- {} ({}): {}; ATT&CK {attack}; UN R155 annex 5 {r155}",
            finding.rule,
            finding.severity.as_str(),
            finding.title
        ));
    }
    lines.extend([String::new(), "## Artefacts".into(), String::new()]);
    let artefact =
        |kept: &Artefact| format!("- {} sha256:{} ({} bytes, by {})", kept.name, kept.sha256, kept.bytes, kept.by);
    lines.extend(incident.artefacts.iter().map(artefact));
    lines.extend([String::new(), "## Timeline".into(), String::new()]);
    lines.extend(
        timeline.iter().map(|entry| format!("- {} [{}] {} by {}", entry.at, entry.index, entry.r#type, entry.by)),
    );
    lines.push(String::new());
    lines.join("\n")
}

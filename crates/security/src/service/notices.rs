//! Calls that leave the process: one row for each channel, written with the cursor that read the call, sent until the receiver
//! took it. One cause has one key, so that a receiver that was told twice pages nobody twice.

use std::collections::BTreeMap;
use std::sync::Arc;

use kernel::id::IncidentId;
use kernel::{BoxFuture, Envelope, TenantId, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::due::DueHandler;
use store::port::{Fault, Guard, ListQuery};
use store::{CommandError, Expected, Row, RowBody, RowWrite, TableSpec};

use super::{CHANNEL_SECRETS, NOTICES, Security};
use crate::incident::Incident;
use crate::incident::events::IncidentCalled;
use crate::on_call::{Channel, ChannelKind};
use crate::ports::{Delivery, Outgoing, Signed};

/// How long a notice is tried: a page of yesterday helps nobody.
const TRIED_FOR_MS: i64 = 6 * 3_600_000;
/// The longest pause between two tries, in milliseconds.
const PAUSE_MAX_MS: i64 = 300_000;

/// Secrets of channels by the channel's name: a routing key, or what signs a webhook.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct OnCallSecrets(pub BTreeMap<String, String>);

#[derive(Serialize, Deserialize)]
struct Secret {
    secret: String,
}

/// The secrets as rows. They are in no event and in no answer.
pub(super) fn secret_rows(secrets: &OnCallSecrets) -> Result<Vec<RowWrite>, Fault> {
    let row = |(name, secret): (&String, &String)| {
        let body = RowBody::new(&Secret { secret: secret.clone() }, Vec::new())?;
        Ok(RowWrite::put(CHANNEL_SECRETS, name.clone(), Expected::Any, body))
    };
    secrets.0.iter().map(row).collect()
}

/// How far a notice is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Notice {
    #[schemars(with = "String")]
    pub incident: IncidentId,
    pub channel: Channel,
    pub people: Vec<String>,
    /// One cause has one key.
    pub key: String,
    pub asked_at: Timestamp,
    pub tries: u32,
    pub delivered_at: Option<Timestamp>,
    /// Why it was not delivered, or not yet.
    pub failure: Option<String>,
    /// Whether it is not tried any more.
    pub given_up: bool,
}

impl Security {
    /// A row for each channel that a call goes to.
    pub(super) async fn notices_for(
        &self,
        event: &Envelope,
        incident: IncidentId,
        called: &IncidentCalled,
    ) -> Result<Vec<RowWrite>, Fault> {
        let rotation = self.rotation(&event.tenant).await?;
        let row = |channel: &Channel| {
            let notice = Notice {
                incident,
                channel: channel.clone(),
                people: called.people.clone(),
                key: format!("atlasmesh/{}/{incident}", event.tenant),
                asked_at: event.recorded_at,
                tries: 0,
                delivered_at: None,
                failure: None,
                given_up: false,
            };
            let key = format!("{incident}/{:06}/{}", event.stream_seq, channel.name);
            let due_at = Some(event.recorded_at);
            let body = RowBody { due_at, ..RowBody::new(&notice, vec![incident.to_string()])? };
            Ok(RowWrite::put(NOTICES, key, Expected::Any, body))
        };
        rotation.channels.iter().map(row).collect()
    }

    /// The notices of an incident.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn notices(&self, tenant: &TenantId, incident: IncidentId) -> Result<Vec<Notice>, Fault> {
        let query = ListQuery::of("incident", incident.to_string());
        let rows = self.parts.store.list(NOTICES, tenant, query).await?;
        rows.iter().map(Row::decode).collect()
    }

    async fn message(&self, tenant: &TenantId, notice: &Notice) -> Result<Option<Outgoing>, Fault> {
        let Some(incident) = self.incident(tenant, notice.incident).await? else { return Ok(None) };
        let secret = self.parts.store.get(CHANNEL_SECRETS, tenant, &notice.channel.name).await?;
        let secret = secret.map(|row| row.decode::<Secret>()).transpose()?.map(|kept| kept.secret).unwrap_or_default();
        Ok(Some(match notice.channel.kind {
            ChannelKind::PagerDuty => pager_duty(notice, &incident, &secret),
            ChannelKind::Webhook => webhook(notice, &incident, &secret),
        }))
    }

    async fn deliver(&self, tenant: &TenantId, row: &Row) -> Result<RowWrite, Fault> {
        let mut notice: Notice = row.decode()?;
        let now = self.parts.source.now();
        notice.tries = notice.tries.saturating_add(1);
        let delivery = match self.message(tenant, &notice).await? {
            Some(message) => self.parts.sender.send(message).await,
            None => Delivery::Refused { reason: "the incident is gone".into() },
        };
        let mut again = None;
        match delivery {
            Delivery::Accepted => (notice.delivered_at, notice.failure) = (Some(now), None),
            Delivery::Refused { reason } => (notice.failure, notice.given_up) = (Some(reason), true),
            Delivery::Later { reason, after_s } => {
                let pause_ms = 1_000_i64.saturating_mul(1 << notice.tries.min(12)).min(PAUSE_MAX_MS);
                let asked_ms = after_s.and_then(|after_s| i64::try_from(after_s.saturating_mul(1_000)).ok());
                let next = now.plus_ms(asked_ms.unwrap_or(0).max(pause_ms));
                notice.failure = Some(reason);
                notice.given_up = now.since_ms(notice.asked_at) > TRIED_FOR_MS;
                again = Some(next).filter(|_| !notice.given_up);
            }
        }
        let outcome = match (&notice.delivered_at, notice.given_up) {
            (Some(_), _) => "delivered",
            (None, true) => "given_up",
            (None, false) => "later",
        };
        metrics::counter!("atlasmesh_security_notices_total", "outcome" => outcome).increment(1);
        if notice.delivered_at.is_none() {
            tracing::warn!(%tenant, incident = %notice.incident, channel = notice.channel.name, failure = ?notice.failure, "a notice was not delivered");
        }
        let body = RowBody { due_at: again, ..RowBody::new(&notice, vec![notice.incident.to_string()])? };
        Ok(RowWrite::put(NOTICES, row.key.clone(), Expected::Version(row.version), body))
    }
}

/// PagerDuty's Events API v2: the same key again changes the same incident there.
fn pager_duty(notice: &Notice, incident: &Incident, routing_key: &str) -> Outgoing {
    let severity = if incident.severity.is_emergency() { "critical" } else { "warning" };
    let drill = if incident.exercise { "DRILL: " } else { "" };
    let summary: String = format!("{drill}{} ({})", incident.title, incident.subject).chars().take(1_000).collect();
    let body = json!({
        "routing_key": routing_key,
        "event_action": "trigger",
        "dedup_key": notice.key,
        "payload": {
            "summary": summary,
            "source": incident.subject.to_string(),
            "severity": severity,
            "timestamp": incident.opened_at,
            "component": "atlasmesh",
            "class": incident.findings.first().map(|finding| finding.rule.clone()),
            "custom_details": { "incident": notice.incident, "people": notice.people, "moving": incident.moving },
        },
    });
    Outgoing { url: notice.channel.url.clone(), signed: None, body }
}

/// JSON signed as Standard Webhooks have it; the signature is made where the message leaves.
fn webhook(notice: &Notice, incident: &Incident, secret: &str) -> Outgoing {
    let body = json!({
        "type": "incident.called",
        "timestamp": notice.asked_at,
        "data": {
            "incident": notice.incident, "key": notice.key, "title": incident.title,
            "severity": incident.severity, "status": incident.status, "subject": incident.subject,
            "exercise": incident.exercise, "people": notice.people,
        },
    });
    let id = format!("{}/{}", notice.key, notice.asked_at.as_ms());
    Outgoing { url: notice.channel.url.clone(), signed: Some(Signed { id, secret: secret.to_owned() }), body }
}

/// Delivers what is due.
struct Delivering(Arc<Security>);

impl DueHandler for Delivering {
    fn table(&self) -> TableSpec {
        NOTICES
    }

    fn due<'a>(&'a self, tenant: &'a TenantId, key: &'a str, _: Guard) -> BoxFuture<'a, Result<(), CommandError>> {
        Box::pin(async move {
            let Some(row) = self.0.parts.store.get(NOTICES, tenant, key).await? else { return Ok(()) };
            let written = self.0.deliver(tenant, &row).await?;
            self.0.write(tenant, vec![written]).await?;
            Ok(())
        })
    }
}

impl Security {
    pub(crate) fn delivering(self: &Arc<Self>) -> Arc<dyn DueHandler> {
        Arc::new(Delivering(Arc::clone(self)))
    }
}

//! What security asks of its neighbours: what their events mean for detections, whom incidents are about, and two people who
//! restore access.

use std::sync::Arc;

use ::fleet::vehicle::{HoldKind, HoldTiming, Status};
use ::identity::UserEvent;
use ::identity::vehicles::identity::IdentityEvent;
use ::identity::vehicles::{IdentityStatus, Refusal, Revocation, VehicleIdentities, VehicleIdentity};
use ::ota::update::{UpdateEvent, VehicleUpdates};
use ::security::actions::RESTORE;
use ::security::ports::{Reader, Seen, Subjects, VehicleFacts};
use approvals::ApprovedCommand;
use detections::Record;
use kernel::ctx::About;
use kernel::id::{HoldId, PrincipalId};
use kernel::{Aggregate, BoxFuture, Code, Ctx, Envelope, Reject, Subject, TenantId, VehicleId};
use serde_json::Value;
use store::CommandError;
use store::port::Fault;
use tenancy::Log;
use tenancy::log::LogEvent;

/// What the events of other domains mean for detections.
pub struct EventReader;

/// A record of an entry, by the kind that rules know it by.
fn record(event: &Envelope, kind: &str) -> Record {
    let record = Record::new(event.id.to_string(), event.recorded_at.as_ms(), kind);
    record.with("actor", event.actor.id.clone()).with("tenant", event.tenant.to_string())
}

fn of_identity(event: &Envelope, vehicle: VehicleId, happened: IdentityEvent) -> Seen {
    let of_vehicle =
        |kind: &str| record(event, kind).with("vehicle", vehicle.to_string()).with("principal", vehicle.to_string());
    match happened {
        IdentityEvent::SvidUsed(used) => Seen {
            record: Some(of_vehicle("vehicle.handshake").with("serial", used.serial).with("outcome", "first_use")),
            revoked: None,
        },
        IdentityEvent::Refused(refused) => {
            let (kind, reason) = match refused.why {
                Refusal::Superseded => ("vehicle.handshake_refused", "superseded"),
                // The vehicle itself, most likely: whoever took its identity away knows of it.
                Refusal::Revoked => ("vehicle.handshake_refused", "after_revocation"),
                // One from before it was enrolled anew, most likely: the identity remembers no older ones.
                Refusal::Unknown => ("vehicle.handshake_refused", "unknown"),
                Refusal::TokenUsed => ("enrolment.refused", "token_used"),
                Refusal::TokenExpired => ("enrolment.refused", "token_expired"),
                Refusal::OldKey => ("enrolment.refused", "old_key"),
                Refusal::CountedBack => ("heartbeat.refused", "counted_back"),
            };
            Seen {
                record: Some(of_vehicle(kind).with("serial", refused.presented).with("reason", reason)),
                revoked: None,
            }
        }
        IdentityEvent::Revoked(_) => Seen { record: Some(of_vehicle("certificate.revoked")), revoked: Some(vehicle) },
        IdentityEvent::Enrolled(_) => Seen { record: Some(of_vehicle("vehicle.enrolled")), revoked: None },
        _ => Seen::default(),
    }
}

fn of_user(event: &Envelope, user: PrincipalId, happened: UserEvent) -> Option<Record> {
    let of_user = |kind: &str| record(event, kind).with("principal", user.to_string());
    match happened {
        UserEvent::SignedIn(signed_in) => Some(of_user("session.signed_in").with("source_ip", signed_in.address)),
        UserEvent::SignInBlocked(blocked) => {
            let failures = i64::from(blocked.failures);
            Some(of_user("session.blocked").with("source_ip", blocked.address).with("failures", failures))
        }
        _ => None,
    }
}

fn of_update(event: &Envelope, vehicle: VehicleId, happened: UpdateEvent) -> Option<Record> {
    let UpdateEvent::AttackNoticed(noticed) = happened else { return None };
    let artefact = noticed.rollout.map_or_else(|| "-".to_owned(), |rollout| rollout.to_string());
    let record = record(event, "update.attack").with("vehicle", vehicle.to_string());
    Some(record.with("principal", vehicle.to_string()).with("artefact", artefact).with("reason", noticed.attack))
}

impl Reader for EventReader {
    fn read(&self, event: &Envelope) -> Result<Seen, Fault> {
        let plain = |record: Option<Record>| Seen { record, revoked: None };
        Ok(match event.stream.kind() {
            kind if kind == VehicleIdentity::KIND => VehicleIdentity::event_in(event)
                .map_or_else(Seen::default, |(vehicle, happened)| of_identity(event, vehicle, happened)),
            kind if kind == ::identity::User::KIND => {
                plain(::identity::User::event_in(event).and_then(|(user, happened)| of_user(event, user, happened)))
            }
            kind if kind == VehicleUpdates::KIND => plain(
                VehicleUpdates::event_in(event).and_then(|(vehicle, happened)| of_update(event, vehicle, happened)),
            ),
            kind if kind == Log::KIND => plain(match Log::event_in(event) {
                Some((_, LogEvent::AlarmRaised(_))) => {
                    Some(record(event, "journal.root_mismatch").with("stream", event.stream.to_string()))
                }
                _ => None,
            }),
            _ => Seen::default(),
        })
    }
}

/// Whom incidents are about.
pub struct IncidentSubjects {
    pub fleet: Arc<::fleet::Fleet>,
    pub tenancy: Arc<tenancy::Tenancy>,
    pub people: Arc<::identity::People>,
    pub identities: Arc<VehicleIdentities>,
}

impl Subjects for IncidentSubjects {
    fn vehicle<'a>(
        &'a self,
        tenant: &'a TenantId,
        vehicle: VehicleId,
    ) -> BoxFuture<'a, Result<Option<VehicleFacts>, Fault>> {
        Box::pin(async move {
            let Some(known) = self.fleet.vehicle(tenant, vehicle).await? else { return Ok(None) };
            let identity = self.identities.get(tenant, vehicle).await?;
            let stands = known.seen.as_ref().is_none_or(|seen| seen.parked) && known.vehicle.claim.is_none();
            let is_gone = |status| matches!(status, IdentityStatus::Revoked | IdentityStatus::Quarantined);
            Ok(Some(VehicleFacts {
                name: known.vehicle.profile.name.clone(),
                moving: !stands,
                enrolled_at: identity.as_ref().and_then(|known| known.device.as_ref()).map(|device| device.enrolled_at),
                revoked: identity.is_some_and(|known| is_gone(known.status)),
            }))
        })
    }

    fn online<'a>(&'a self, tenant: &'a TenantId) -> BoxFuture<'a, Result<u64, Fault>> {
        Box::pin(async move {
            let serving = self.fleet.serving(tenant).await?;
            Ok(serving.iter().filter(|known| known.vehicle.status == Status::Online).count() as u64)
        })
    }

    fn isolate<'a>(
        &'a self,
        ctx: &'a Ctx,
        vehicle: VehicleId,
        hold: HoldId,
        reason: &'a str,
    ) -> BoxFuture<'a, Result<(), CommandError>> {
        Box::pin(async move {
            let (kind, timing) = (HoldKind::Quarantine, HoldTiming::NextAdmissible);
            self.fleet.place_hold(ctx, vehicle, hold, kind, timing, reason).await.map(drop)
        })
    }

    fn release<'a>(
        &'a self,
        ctx: &'a Ctx,
        vehicle: VehicleId,
        hold: HoldId,
        reason: &'a str,
    ) -> BoxFuture<'a, Result<(), CommandError>> {
        Box::pin(super::release(&self.fleet, ctx, vehicle, hold, reason))
    }

    fn revoke_vehicle<'a>(
        &'a self,
        ctx: &'a Ctx,
        vehicle: VehicleId,
        reason: &'a str,
    ) -> BoxFuture<'a, Result<bool, CommandError>> {
        Box::pin(async move { Ok(self.identities.revoke(ctx, vehicle, reason).await? == Revocation::InForce) })
    }

    fn revoke_principal<'a>(
        &'a self,
        ctx: &'a Ctx,
        principal: PrincipalId,
        reason: &'a str,
    ) -> BoxFuture<'a, Result<(), CommandError>> {
        Box::pin(async move {
            if self.people.user(&ctx.tenant, principal).await?.is_some() {
                return self.people.end_sessions(ctx, principal, "", true, reason).await.map(drop);
            }
            self.tenancy.revoke(ctx, principal, reason).await
        })
    }

    fn about<'a>(&'a self, tenant: &'a TenantId) -> BoxFuture<'a, Result<About, Fault>> {
        Box::pin(super::about(&self.tenancy, tenant))
    }
}

/// Restores the access of an incident's subject.
pub struct RestoreAccess(pub Arc<::security::Security>);

impl ApprovedCommand for RestoreAccess {
    fn command(&self) -> &'static str {
        RESTORE.as_str()
    }

    fn carry_out<'a>(
        &'a self,
        ctx: &'a Ctx,
        subject: &'a Subject,
        _: &'a Value,
        reason: &'a str,
    ) -> BoxFuture<'a, Result<(), CommandError>> {
        Box::pin(async move {
            let unreadable = || Reject::new(Code::IllegalTransition, "this approval is of another version: ask again");
            let incident = subject.id().parse().map_err(|_| unreadable())?;
            self.0.restore(ctx, incident, reason).await
        })
    }
}

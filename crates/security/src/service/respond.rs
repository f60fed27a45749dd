//! What is done about an incident: triage, containment by emergency policy (SEC-4), watching (SEC-5), and calling people, level
//! after level. Each step is ordered in the journal first and done behind it, so that a crash repeats it and skips nothing.

use std::sync::Arc;

use kernel::decided::Facts;
use kernel::id::IncidentId;
use kernel::{Aggregate, BoxFuture, Code, Ctx, Envelope, Reject, Subject, TenantId, VehicleId};
use policy::Request;
use store::port::{Fault, Guard, ListQuery};
use store::subscribe::{Subscriber, step_over_refusal};
use store::{CommandError, Extras, RowWrite, TableSpec, execute};

use super::{Asked, CALL_RULE, CONTAIN_RULE, DETECT_RULE, Security};
use crate::actions::{ISOLATE, REVOKE};
use crate::incident::decide::{self, Allowed};
use crate::incident::events::IncidentContainmentOrdered;
use crate::incident::{Containment, Incident, IncidentEvent, Status, WATCH_MS, hold_of};
use crate::on_call::OnCall;

/// The name of the cursor.
const NAME: &str = "security.effects";
/// The time in which containments by rules are counted (SAFE-10), in milliseconds.
const BREAKER_MS: i64 = 60_000;

struct Effects(Arc<Security>);

impl Subscriber for Effects {
    fn name(&self) -> &'static str {
        NAME
    }

    fn handle<'a>(&'a self, _: u64, event: &'a Envelope) -> BoxFuture<'a, Result<Vec<RowWrite>, Fault>> {
        Box::pin(async move {
            let Some((id, happened)) = Incident::event_in(event) else { return Ok(Vec::new()) };
            if let IncidentEvent::Called(called) = &happened {
                return self.0.notices_for(event, id, called).await;
            }
            step_over_refusal(NAME, self.0.after(event, id, &happened).await)?;
            Ok(Vec::new())
        })
    }
}

impl Security {
    pub(crate) fn effects(self: &Arc<Self>) -> Arc<dyn Subscriber> {
        Arc::new(Effects(Arc::clone(self)))
    }

    async fn after(&self, event: &Envelope, id: IncidentId, happened: &IncidentEvent) -> Result<(), CommandError> {
        let tenant = &event.tenant;
        match happened {
            IncidentEvent::Opened(_) => {
                let ctx = self.automation(tenant, DETECT_RULE).await?.caused_by(event.id);
                self.command(&ctx, id, None, |state| decide::triage(state, ctx.now)).await
            }
            IncidentEvent::Triaged(_) | IncidentEvent::SeverityChanged(_) => self.respond(event, id).await,
            IncidentEvent::ContainmentOrdered(ordered) => self.carry_out(event, id, ordered).await,
            IncidentEvent::Restored(restored) => self.let_go(event, id, &restored.reason).await,
            _ => Ok(()),
        }
    }

    /// An emergency is contained as far as policy lets a rule do it, and people are called either way.
    async fn respond(&self, event: &Envelope, id: IncidentId) -> Result<(), CommandError> {
        let Some(incident) = self.incident(&event.tenant, id).await? else { return Ok(()) };
        if incident.status == Status::New {
            return Ok(());
        }
        if incident.severity.is_emergency() {
            let ctx = self.automation(&event.tenant, CONTAIN_RULE).await?.caused_by(event.id);
            self.contain(&ctx, id, Containment { isolate: true, revoke: true }, true).await?;
        }
        self.call(event, id, &incident).await
    }

    /// Contains an incident as far as policy allows.
    ///
    /// # Errors
    /// `NOT_FOUND`, `ILLEGAL_TRANSITION`, `POLICY_VIOLATION`, a fault.
    pub async fn contain(
        &self,
        ctx: &Ctx,
        id: IncidentId,
        wanted: Containment,
        by_rule: bool,
    ) -> Result<(), CommandError> {
        let gather = |state: Option<Arc<Incident>>| async move {
            let Some(incident) = state else { return Ok(Asked { decisions: Vec::new(), with: Allowed::default() }) };
            let recent = self.recently_contained(&ctx.tenant, ctx, id).await?;
            let most = (self.parts.subjects.online(&ctx.tenant).await? / 20).max(2);
            let ask = |action| {
                let question = Request::new(ctx, action, Subject::new(Incident::KIND, id))
                    .about(incident.subject.clone())
                    .fact("severity", incident.severity.as_str())
                    .fact("subject", incident.subject.kind())
                    .fact("moving", incident.moving.unwrap_or(false))
                    .fact("contained_in_minute", u32::try_from(recent).unwrap_or(u32::MAX))
                    .fact("contained_max", u32::try_from(most).unwrap_or(u32::MAX));
                self.ask(question)
            };
            let isolate = wanted.isolate.then(|| ask(ISOLATE));
            let revoke = wanted.revoke.then(|| ask(REVOKE));
            let answers = [&isolate, &revoke].into_iter().flatten();
            let decisions = answers.flat_map(|answer| answer.decisions().to_vec()).collect();
            Ok(Asked { decisions, with: Allowed { isolate, revoke } })
        };
        let decide = |state: Option<&Incident>, asked: &Asked<Allowed>| {
            decide::contain(state, hold_of(id), by_rule, &asked.with)
        };
        execute(&*self.parts.store, ctx, &id, Extras::default(), gather, decide).await?;
        Ok(())
    }

    /// How many other incidents were contained within the last minute.
    async fn recently_contained(&self, tenant: &TenantId, ctx: &Ctx, but: IncidentId) -> Result<usize, Fault> {
        let mut recent = 0;
        for status in [Status::Containing, Status::Contained] {
            let query = ListQuery::of("status", status.as_str());
            for row in self.parts.store.list(TableSpec::of::<Incident>(), tenant, query).await? {
                let incident: Incident = row.decode()?;
                let since = incident.contained.filter(|_| row.key != but.to_string()).map(|known| known.ordered_at);
                recent += usize::from(since.is_some_and(|since| ctx.now.since_ms(since) < BREAKER_MS));
            }
        }
        Ok(recent)
    }

    /// Does what was ordered. A drill takes nothing away.
    async fn carry_out(
        &self,
        event: &Envelope,
        id: IncidentId,
        ordered: &IncidentContainmentOrdered,
    ) -> Result<(), CommandError> {
        let Some(incident) = self.incident(&event.tenant, id).await? else { return Ok(()) };
        let ctx = self.automation(&event.tenant, CONTAIN_RULE).await?.caused_by(event.id);
        let reason = format!("incident {id}: {}", incident.title);
        if ordered.containment.isolate {
            if let Some(vehicle) = incident.vehicle().filter(|_| !incident.exercise) {
                self.parts.subjects.isolate(&ctx, vehicle, ordered.hold, &reason).await?;
            }
            self.command(&ctx, id, None, decide::isolated).await?;
        }
        if !ordered.containment.revoke {
            return Ok(());
        }
        let ended = match (incident.vehicle(), incident.principal()) {
            _ if incident.exercise => Some("nothing: this is a drill"),
            (Some(vehicle), _) => {
                let is_gone = self.parts.subjects.revoke_vehicle(&ctx, vehicle, &reason).await?;
                // One that drives is stopped first: it is gone when it stands (SAFE-3).
                is_gone.then_some("the vehicle's certificates and tokens")
            }
            (None, Some(principal)) => {
                self.parts.subjects.revoke_principal(&ctx, principal, &reason).await?;
                Some("tokens and sessions")
            }
            (None, None) => None,
        };
        match ended {
            Some(what) => self.command(&ctx, id, None, |state| decide::access_revoked(state, what)).await,
            None => Ok(()),
        }
    }

    /// A vehicle's identity is gone: where an incident ordered that, it is done.
    pub(crate) async fn note_revoked(&self, event: &Envelope, vehicle: VehicleId) -> Result<(), CommandError> {
        let subject = Subject::new("vehicle", vehicle);
        let Some((id, _)) = self.open_about(&event.tenant, &subject).await? else { return Ok(()) };
        let ctx = self.automation(&event.tenant, CONTAIN_RULE).await?.caused_by(event.id);
        let what = "the vehicle's certificates and tokens";
        self.command(&ctx, id, None, |state| decide::access_revoked(state, what)).await
    }

    async fn let_go(&self, event: &Envelope, id: IncidentId, reason: &str) -> Result<(), CommandError> {
        let Some(incident) = self.incident(&event.tenant, id).await? else { return Ok(()) };
        let isolated = incident.contained.as_ref().is_some_and(|known| known.ordered.isolate) && !incident.exercise;
        let Some(vehicle) = incident.vehicle().filter(|_| isolated) else { return Ok(()) };
        let ctx = self.automation(&event.tenant, CONTAIN_RULE).await?.caused_by(event.id);
        self.parts.subjects.release(&ctx, vehicle, hold_of(id), reason).await
    }

    async fn on_call(&self, tenant: &TenantId) -> Result<OnCall, Fault> {
        let known = store::load::<OnCall>(&*self.parts.store, tenant, tenant).await?;
        Ok(known.map(|known| known.state).unwrap_or_default())
    }

    /// Calls the first level, or tells the team of what is only watched: nobody else is called about that.
    async fn call(&self, event: &Envelope, id: IncidentId, incident: &Incident) -> Result<(), CommandError> {
        let ctx = self.automation(&event.tenant, CALL_RULE).await?.caused_by(event.id);
        let (level, people, minutes) = self.on_call(&event.tenant).await?.level(0);
        let within_ms = if incident.severity.is_emergency() { i64::from(minutes) * 60_000 } else { WATCH_MS };
        let next_at = ctx.now.plus_ms(within_ms);
        let decide = |state: Option<&Incident>| decide::call(state, (level, &people), next_at, ctx.now);
        self.command(&ctx, id, None, decide).await
    }

    /// Nobody answered in time: the next level is called. Or a watch is over.
    pub(crate) async fn due(&self, tenant: &TenantId, id: IncidentId, guard: Guard) -> Result<(), CommandError> {
        let Some(incident) = self.incident(tenant, id).await? else { return Ok(()) };
        let ctx = self.automation(tenant, CALL_RULE).await?;
        if incident.watch_until.is_some_and(|until| ctx.now >= until) {
            return self.command(&ctx, id, Some(guard), |state| decide::end_watch(state, ctx.now)).await;
        }
        let Some(call) = incident.call.filter(|call| call.acknowledged_at.is_none()) else { return Ok(()) };
        let (level, people, minutes) = self.on_call(tenant).await?.level(call.calls);
        let next_at = ctx.now.plus_ms(i64::from(minutes) * 60_000);
        metrics::counter!("atlasmesh_security_calls_unanswered_total").increment(1);
        let decide = |state: Option<&Incident>| decide::call(state, (level, &people), next_at, ctx.now);
        self.command(&ctx, id, Some(guard), decide).await
    }

    /// Somebody has it: nobody else is called.
    ///
    /// # Errors
    /// `NOT_FOUND`, `ILLEGAL_TRANSITION`, a fault.
    pub async fn acknowledge(&self, ctx: &Ctx, id: IncidentId) -> Result<(), CommandError> {
        self.command(ctx, id, None, |state| decide::acknowledge(state, &ctx.actor.id)).await
    }

    /// The rotation, with secrets for channels that are new; those that are left out stay.
    ///
    /// # Errors
    /// One entry per wrong field; a fault.
    pub async fn set_on_call(
        &self,
        ctx: &Ctx,
        on_call: OnCall,
        secrets: super::OnCallSecrets,
    ) -> Result<(), CommandError> {
        check(&on_call)?;
        let rows = super::notices::secret_rows(&secrets)?;
        if !rows.is_empty() {
            self.write(&ctx.tenant, rows).await?;
        }
        let set = |state: Option<&OnCall>| match state == Some(&on_call) {
            true => kernel::Decided::unchanged(()),
            false => {
                let event: crate::on_call::OnCallEvent = crate::on_call::OnCallSet { on_call: on_call.clone() }.into();
                kernel::Decided::accept([event], ())
            }
        };
        store::execute_plain(&*self.parts.store, ctx, &ctx.tenant, Extras::default(), set).await?;
        Ok(())
    }

    /// The rotation of a tenant.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn rotation(&self, tenant: &TenantId) -> Result<OnCall, Fault> {
        self.on_call(tenant).await
    }
}

fn check(on_call: &OnCall) -> Result<(), Reject> {
    let mut names: Vec<&str> = on_call.channels.iter().map(|channel| channel.name.as_str()).collect();
    names.sort_unstable();
    if names.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(Reject::invalid_field("/channels", "each channel must have a name of its own"));
    }
    for (n, channel) in on_call.channels.iter().enumerate() {
        if !channel.url.starts_with("http://") && !channel.url.starts_with("https://") {
            let text = "must begin with http:// or https://";
            return Err(Reject::invalid_field(format!("/channels/{n}/url"), text));
        }
    }
    Ok(())
}

/// What is asked about an incident that is not there.
pub(crate) fn missing() -> Reject {
    Reject::new(Code::NotFound, "there is no such incident")
}

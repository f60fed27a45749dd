//! What follows from the journal: a case becomes a work order and grounds its vehicle where it must, an approved order is planned,
//! an order that is over ends its case, its hold, and the life of the part.

use std::sync::Arc;

use kernel::{Aggregate, BoxFuture, Ctx, Envelope, VehicleId};
use prognostics::rul::Label;
use store::port::{CommitError, Fault};
use store::subscribe::{Subscriber, step_over_refusal};
use store::{CommandError, Expected, Extras, RowBody, RowWrite, execute_plain};

use super::orders::{priority_of, work_of};
use super::{DIAGNOSTICS, FEATURES, GROUND_RULE, JUDGE_RULE, Maintenance, PLAN_RULE, component_key};
use crate::diagnostics::empty_window;
use crate::health::decide::CaseEnd;
use crate::health::{self, Assessment, HealthEvent, VehicleHealth, Verdict, hold_of};
use crate::order::events::WorkOrderRequested;
use crate::order::{self, OrderEvent, OrderId, Status, WorkOrder};
use crate::workshop::Workshop;

/// The name of the cursor.
const NAME: &str = "maintenance.effects";

struct Effects(Arc<Maintenance>);

impl Subscriber for Effects {
    fn name(&self) -> &'static str {
        NAME
    }

    fn handle<'a>(&'a self, _: u64, event: &'a Envelope) -> BoxFuture<'a, Result<Vec<RowWrite>, Fault>> {
        Box::pin(async move {
            if let Some((vehicle, happened)) = VehicleHealth::event_in(event) {
                step_over_refusal(NAME, self.0.after_health(event, vehicle, &happened).await)?;
            } else if let Some((order, happened)) = WorkOrder::event_in(event) {
                step_over_refusal(NAME, self.0.after_order(event, order, &happened).await)?;
            } else if Workshop::event_in(event).is_some() {
                step_over_refusal(NAME, self.0.plan_workshop(&event.tenant).await)?;
            }
            Ok(Vec::new())
        })
    }
}

impl Maintenance {
    pub(crate) fn effects(self: &Arc<Self>) -> Arc<dyn Subscriber> {
        Arc::new(Effects(Arc::clone(self)))
    }

    async fn after_health(
        &self,
        event: &Envelope,
        vehicle: VehicleId,
        happened: &HealthEvent,
    ) -> Result<(), CommandError> {
        match happened {
            HealthEvent::CaseOpened(opened) => {
                let ctx = self.automation(&event.tenant, JUDGE_RULE).await?.caused_by(event.id);
                self.request_for_case(&ctx, vehicle, opened).await?;
                match opened.assessment.verdict {
                    Verdict::Ground => self.ground_for(event, vehicle, opened.order).await,
                    _ => Ok(()),
                }
            }
            HealthEvent::Assessed(assessed) if assessed.assessment.verdict == Verdict::Ground => {
                let health = self.health(&event.tenant, vehicle).await?.unwrap_or_default();
                let case = health.components.get(&assessed.component).and_then(|component| component.case);
                // Where the case opens with this very judgement, its own event follows.
                let Some(order) = case else { return Ok(()) };
                self.make_urgent(event, order, &assessed.assessment).await?;
                self.ground_for(event, vehicle, order).await
            }
            HealthEvent::GroundingOrdered(ordered) => {
                let ctx = self.automation(&event.tenant, GROUND_RULE).await?.caused_by(event.id);
                self.vehicles.ground(&ctx, vehicle, ordered.hold, ordered.timing, &ordered.reason).await
            }
            HealthEvent::GroundingEnded(ended) => {
                let ctx = self.automation(&event.tenant, GROUND_RULE).await?.caused_by(event.id);
                self.vehicles.release(&ctx, vehicle, ended.hold, &ended.reason).await
            }
            _ => Ok(()),
        }
    }

    /// Grounds the vehicle once its order is there; a case that is over needs nothing.
    async fn ground_for(&self, event: &Envelope, vehicle: VehicleId, order: OrderId) -> Result<(), CommandError> {
        let is_open = self.order(&event.tenant, order).await?.is_some_and(|order| !order.status.is_over());
        if !is_open {
            return Ok(());
        }
        let ctx = self.automation(&event.tenant, GROUND_RULE).await?.caused_by(event.id);
        self.ground(&ctx, vehicle, order).await.map(drop)
    }

    async fn request_for_case(
        &self,
        ctx: &Ctx,
        vehicle: VehicleId,
        opened: &health::events::ComponentCaseOpened,
    ) -> Result<(), CommandError> {
        let name = self.vehicles.vehicle(&ctx.tenant, vehicle).await?.map(|facts| facts.name);
        let assessment = &opened.assessment;
        let summary: String = format!("Replace {}: {}", opened.component, assessment.reasons.join("; "));
        let summary = summary.chars().take(500).collect();
        let name = name.unwrap_or_else(|| vehicle.to_string());
        let (work, checklist) = work_of(vehicle, name, opened.component.clone(), opened.class, summary);
        let requested = WorkOrderRequested {
            priority: priority_of(assessment, work.safety_critical),
            work,
            hours_left: assessment.hours_left,
            latest_start: latest_start(ctx, assessment),
            requested_by: ctx.actor.id.clone(),
            checklist,
        };
        self.order_command(ctx, opened.order, |state| order::decide::request(state, &requested)).await?;
        metrics::counter!("atlasmesh_work_orders_total", "by" => "prediction").increment(1);
        Ok(())
    }

    async fn make_urgent(&self, event: &Envelope, order: OrderId, assessment: &Assessment) -> Result<(), CommandError> {
        let ctx = self.automation(&event.tenant, JUDGE_RULE).await?.caused_by(event.id);
        let priority = priority_of(assessment, true);
        let latest = latest_start(&ctx, assessment);
        let hours = assessment.hours_left;
        self.order_command(&ctx, order, |state| order::decide::prioritise(state, priority, hours, latest)).await
    }

    async fn after_order(&self, event: &Envelope, id: OrderId, happened: &OrderEvent) -> Result<(), CommandError> {
        match happened {
            OrderEvent::Requested(_) => {
                let Some(order) = self.order(&event.tenant, id).await? else { return Ok(()) };
                if order.requested_by != "atlasmesh" || order.status != Status::Requested {
                    return Ok(());
                }
                let ctx = self.automation(&event.tenant, PLAN_RULE).await?.caused_by(event.id);
                // Where policy leaves it to people, the order waits for one.
                self.approve_order(&ctx, id).await
            }
            OrderEvent::Approved(_) | OrderEvent::Prioritised(_) | OrderEvent::Started(_) => {
                self.plan_workshop(&event.tenant).await
            }
            OrderEvent::Closed(_) | OrderEvent::Cancelled(_) => {
                self.end_case(event, id).await?;
                self.plan_workshop(&event.tenant).await
            }
            _ => Ok(()),
        }
    }

    /// Ends the case of an order that is over: label, life of the part, a new part, and the grounding, in this order, so that a
    /// crash in between repeats it and loses nothing.
    async fn end_case(&self, event: &Envelope, id: OrderId) -> Result<(), CommandError> {
        let tenant = &event.tenant;
        let Some(order) = self.order(tenant, id).await? else { return Ok(()) };
        let vehicle = order.work.vehicle;
        let health = self.health(tenant, vehicle).await?.unwrap_or_default();
        let found = health.components.iter().find(|(_, component)| component.case == Some(id));
        let of_person = || health.components.get_key_value(&order.work.component);
        let replaced = order.closing.is_some_and(|closing| closing.is_replaced());
        let label = order.closing.map_or(Label::Censored, |closing| closing.label());
        let Some((name, component)) = found.or_else(of_person) else { return Ok(()) };
        let kept = self.kept(tenant, vehicle).await?;
        let usage = kept.as_ref().and_then(|(kept, _)| kept.components.get(name)).map_or(0.0, |known| known.usage);
        if replaced && usage > 0.0 {
            self.keep_life(tenant, vehicle, (name, component), (label, usage)).await?;
            self.refit(event, vehicle, name, component.unit.saturating_add(1)).await?;
        }
        if found.is_none() {
            return Ok(());
        }
        let ctx = self.automation(tenant, GROUND_RULE).await?.caused_by(event.id);
        let reason = match (&order.returned_by, &order.cancelled) {
            (Some(by), _) => format!("returned to service by {by}"),
            (None, Some(reason)) => format!("the order was cancelled: {reason}"),
            (None, None) => "the order is over".to_owned(),
        };
        let end = CaseEnd {
            order: id,
            label,
            closing: order.closing,
            replaced_at_usage: replaced.then_some(0.0),
            age: usage,
            reason,
        };
        let decide = |state: Option<&VehicleHealth>| health::decide::end_case(state, &end);
        execute_plain(&*self.store, &ctx, &vehicle, Extras::default(), decide).await?;
        tracing::info!(%tenant, %vehicle, order = %id, hold = %hold_of(id), "a case is over");
        Ok(())
    }

    /// The features of a place begin anew with a new part: its readings jump, and nothing of the old part counts.
    async fn refit(&self, event: &Envelope, vehicle: VehicleId, name: &str, unit: u32) -> Result<(), CommandError> {
        // A vehicle that speaks meanwhile changes the row: then it is read again.
        loop {
            let Some((mut kept, version)) = self.kept(&event.tenant, vehicle).await? else { return Ok(()) };
            let Some(known) = kept.components.get(name).filter(|known| known.unit < unit) else { return Ok(()) };
            let window =
                empty_window(known.class).map_err(|_| Fault::Misuse("a class of the catalogue has no features"))?;
            kept.refit(name, unit);
            let rows = vec![
                RowWrite::put(
                    DIAGNOSTICS,
                    vehicle.to_string(),
                    Expected::Version(version),
                    RowBody::new(&kept, Vec::new())?,
                ),
                RowWrite::put(
                    FEATURES,
                    component_key(vehicle, name),
                    Expected::Any,
                    RowBody::new(&window, Vec::new())?,
                ),
            ];
            match self.store.write(&event.tenant, rows).await {
                Ok(()) => return Ok(()),
                Err(CommitError::Conflict { .. } | CommitError::Fenced(_)) => {}
                Err(CommitError::Fault(fault)) => return Err(fault.into()),
            }
        }
    }
}

/// Until when the work should begin, by the lower bound.
fn latest_start(ctx: &Ctx, assessment: &Assessment) -> Option<kernel::Timestamp> {
    let hours = assessment.hours_left?.clamp(0.0, 24.0 * 365.0);
    Some(ctx.now.plus_ms((hours * 3_600_000.0) as i64))
}

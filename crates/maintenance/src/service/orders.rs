//! Work orders as people run them.

use std::sync::Arc;

use kernel::{Aggregate, Code, Ctx, Decided, Reject, Subject, TenantId, VehicleId};
use policy::Request;
use prognostics::catalog::ComponentClass;
use store::port::{Fault, ListQuery, Order};
use store::{CommandError, Extras, TableSpec, execute, execute_plain, load};

use super::{Asked, Maintenance};
use crate::actions::{APPROVE_ORDER, RETURN_VEHICLE};
use crate::health::{Assessment, GroundingStatus, Verdict, hold_of};
use crate::order::decide;
use crate::order::events::{OrderEvent, WorkOrderRequested};
use crate::order::{ClosingCode, OrderId, Part, Priority, Status, Work, WorkOrder};
use crate::workshop::{Workshop, WorkshopEvent, WorkshopSet};

/// What somebody asks the workshop for.
#[derive(Debug, Clone, PartialEq)]
pub struct NewOrder {
    pub vehicle: VehicleId,
    pub component: String,
    pub class: ComponentClass,
    pub summary: String,
    pub priority: Priority,
}

/// The work on a component, as the catalogue has it.
pub(super) fn work_of(
    vehicle: VehicleId,
    vehicle_name: String,
    component: String,
    class: ComponentClass,
    summary: String,
) -> (Work, Vec<String>) {
    let spec = class.spec();
    let part = |name: &&str| Part { name: (*name).to_owned(), quantity: 1 };
    let (skill, bay): (&str, &str) = (spec.repair.skill.into(), spec.repair.bay.into());
    let work = Work {
        vehicle,
        vehicle_name,
        component,
        class,
        summary,
        skill: skill.into(),
        bay_kind: bay.into(),
        parts: spec.repair.parts.iter().map(part).collect(),
        duration_min: spec.repair.duration_min,
        safety_critical: spec.safety_critical,
    };
    (work, spec.repair.checklist.iter().map(|step| (*step).to_owned()).collect())
}

/// How urgent a verdict is.
pub(super) fn priority_of(assessment: &Assessment, safety_critical: bool) -> Priority {
    match assessment.verdict {
        Verdict::Ground => Priority::Critical,
        Verdict::Plan if safety_critical => Priority::High,
        Verdict::Plan => Priority::Medium,
        _ => Priority::Low,
    }
}

impl Maintenance {
    pub(super) async fn order_command<R: Send>(
        &self,
        ctx: &Ctx,
        id: OrderId,
        decide: impl Fn(Option<&WorkOrder>) -> Decided<OrderEvent, R> + Send + Sync,
    ) -> Result<R, CommandError> {
        Ok(execute_plain(&*self.store, ctx, &id, Extras::default(), decide).await?.reply)
    }

    /// One order.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn order(&self, tenant: &TenantId, id: OrderId) -> Result<Option<WorkOrder>, Fault> {
        Ok(load::<WorkOrder>(&*self.store, tenant, &id).await?.map(|known| known.state))
    }

    /// A page of orders, the newest first.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn orders(
        &self,
        tenant: &TenantId,
        vehicle: Option<VehicleId>,
        after: Option<OrderId>,
        limit: usize,
    ) -> Result<Vec<(OrderId, WorkOrder)>, Fault> {
        let filters = vehicle.map(|vehicle| ("vehicle", vehicle.to_string())).into_iter().collect();
        let query = ListQuery { filters, after: after.map(|id| id.to_string()), limit, order: Order::Descending };
        let rows = self.store.list(TableSpec::of::<WorkOrder>(), tenant, query).await?;
        rows.iter().filter_map(|row| row.key.parse().ok().map(|id| Ok((id, row.decode()?)))).collect()
    }

    /// Every order that is not over, the oldest first.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn open_orders(&self, tenant: &TenantId) -> Result<Vec<(OrderId, WorkOrder)>, Fault> {
        let query = ListQuery::of("open", "yes");
        let rows = store::list_all(&*self.store, TableSpec::of::<WorkOrder>(), tenant, query).await?;
        rows.iter().filter_map(|row| row.key.parse().ok().map(|id| Ok((id, row.decode()?)))).collect()
    }

    /// Asks for an order, as a person does.
    ///
    /// # Errors
    /// One entry per wrong field; a fault.
    pub async fn request_order(&self, ctx: &Ctx, new: NewOrder) -> Result<OrderId, CommandError> {
        let facts = self.vehicles.vehicle(&ctx.tenant, new.vehicle).await?;
        let unknown = || Reject::invalid_field("/vehicle", format!("there is no vehicle {}", new.vehicle));
        let facts = facts.filter(|facts| !facts.decommissioned).ok_or_else(unknown)?;
        let id: OrderId = ctx.new_id();
        let (work, checklist) = work_of(new.vehicle, facts.name, new.component, new.class, new.summary);
        let requested = WorkOrderRequested {
            work,
            priority: new.priority,
            hours_left: None,
            latest_start: None,
            requested_by: ctx.actor.id.clone(),
            checklist,
        };
        self.order_command(ctx, id, |state| decide::request(state, &requested)).await?;
        tracing::info!(tenant = %ctx.tenant, order = %id, vehicle = %new.vehicle, "a work order was asked for");
        Ok(id)
    }

    /// Lets the workshop plan an order (PDM-5).
    ///
    /// # Errors
    /// `NOT_FOUND`, `ILLEGAL_TRANSITION`, `POLICY_VIOLATION`, a fault.
    pub async fn approve_order(&self, ctx: &Ctx, id: OrderId) -> Result<(), CommandError> {
        let gather = |state: Option<Arc<WorkOrder>>| async move {
            let (mut predicted, mut critical, mut grounded) = (false, false, false);
            let mut about = None;
            if let Some(order) = &state {
                let vehicle = order.work.vehicle;
                let health = self.health(&ctx.tenant, vehicle).await?;
                predicted = order.requested_by == "atlasmesh";
                critical = order.work.safety_critical;
                grounded = health.is_some_and(|health| health.grounding.is_some_and(|known| known.order == id));
                about = Some(Subject::new("vehicle", vehicle));
            }
            let question = Request::new(ctx, APPROVE_ORDER, Subject::new(WorkOrder::KIND, id))
                .fact("predicted", predicted)
                .fact("safety_critical", critical)
                .fact("vehicle_grounded", grounded);
            let question = about.into_iter().fold(question, Request::about);
            Ok(Asked { answer: self.ask(question), with: () })
        };
        let decide =
            |state: Option<&WorkOrder>, asked: &Asked<()>| decide::approve(state, &ctx.actor.id, &asked.answer);
        execute(&*self.store, ctx, &id, Extras::default(), gather, decide).await?;
        tracing::info!(tenant = %ctx.tenant, order = %id, "a work order was approved");
        Ok(())
    }

    /// A technician begins.
    ///
    /// # Errors
    /// `NOT_FOUND`, `ILLEGAL_TRANSITION`, a fault.
    pub async fn start_order(&self, ctx: &Ctx, id: OrderId) -> Result<(), CommandError> {
        self.order_command(ctx, id, |state| decide::start(state, &ctx.actor.id)).await
    }

    /// The work waits for something.
    ///
    /// # Errors
    /// `NOT_FOUND`, `ILLEGAL_TRANSITION`, a fault.
    pub async fn put_order_on_hold(&self, ctx: &Ctx, id: OrderId, reason: &str) -> Result<(), CommandError> {
        self.order_command(ctx, id, |state| decide::put_on_hold(state, reason)).await
    }

    /// The work goes on.
    ///
    /// # Errors
    /// `NOT_FOUND`, `ILLEGAL_TRANSITION`, a fault.
    pub async fn resume_order(&self, ctx: &Ctx, id: OrderId) -> Result<(), CommandError> {
        self.order_command(ctx, id, decide::resume).await
    }

    /// Ticks a step of the checklist.
    ///
    /// # Errors
    /// `NOT_FOUND`, `ILLEGAL_TRANSITION`, a fault.
    pub async fn tick_step(&self, ctx: &Ctx, id: OrderId, step: usize) -> Result<(), CommandError> {
        self.order_command(ctx, id, |state| decide::tick(state, step, &ctx.actor.id)).await
    }

    /// The work is done, with what was found.
    ///
    /// # Errors
    /// `NOT_FOUND`, `ILLEGAL_TRANSITION`, a fault.
    pub async fn complete_order(
        &self,
        ctx: &Ctx,
        id: OrderId,
        closing: ClosingCode,
        notes: Option<&str>,
    ) -> Result<(), CommandError> {
        self.order_command(ctx, id, |state| decide::complete(state, closing, notes, &ctx.actor.id)).await
    }

    /// Somebody checks the work.
    ///
    /// # Errors
    /// `NOT_FOUND`, `ILLEGAL_TRANSITION`, `FORBIDDEN` for one's own safety-critical work, a fault.
    pub async fn verify_order(&self, ctx: &Ctx, id: OrderId) -> Result<(), CommandError> {
        self.order_command(ctx, id, |state| decide::verify(state, &ctx.actor.id)).await
    }

    /// The work goes on, because it was not good enough.
    ///
    /// # Errors
    /// `NOT_FOUND`, `ILLEGAL_TRANSITION`, a fault.
    pub async fn reopen_order(&self, ctx: &Ctx, id: OrderId, reason: &str) -> Result<(), CommandError> {
        self.order_command(ctx, id, |state| decide::reopen(state, reason)).await
    }

    /// It is not needed any more.
    ///
    /// # Errors
    /// `NOT_FOUND`, `ILLEGAL_TRANSITION`, a fault.
    pub async fn cancel_order(&self, ctx: &Ctx, id: OrderId, reason: &str) -> Result<(), CommandError> {
        self.order_command(ctx, id, |state| decide::cancel(state, reason)).await
    }

    /// A named technician returns the vehicle to service (PDM-8): the hold ends, and the vehicle is ready at most.
    ///
    /// # Errors
    /// `NOT_FOUND`, `ILLEGAL_TRANSITION`, `POLICY_VIOLATION`, a fault.
    pub async fn return_vehicle(&self, ctx: &Ctx, id: OrderId) -> Result<(), CommandError> {
        let order = self.order(&ctx.tenant, id).await?;
        let order = order.ok_or_else(|| Reject::new(Code::NotFound, "there is no such work order"))?;
        let vehicle = order.work.vehicle;
        let gather = |state: Option<Arc<WorkOrder>>| async move {
            let order = state.as_deref();
            let facts = self.vehicles.vehicle(&ctx.tenant, vehicle).await?;
            let health = self.health(&ctx.tenant, vehicle).await?.unwrap_or_default();
            let grounding = health.grounding.filter(|known| known.order == id);
            let ours = hold_of(id);
            let others = facts.into_iter().flat_map(|facts| facts.holds).filter(|(hold, _)| *hold != ours);
            let open = order.map_or(0, |order| order.checklist.iter().filter(|item| item.done_by.is_none()).count());
            let confirmed = grounding.as_ref().is_some_and(|known| known.status == GroundingStatus::Confirmed);
            let question = Request::new(ctx, RETURN_VEHICLE, Subject::new("vehicle", vehicle))
                .about(Subject::new(WorkOrder::KIND, id))
                .fact("work_done", order.is_some_and(|order| order.completed_by.is_some()))
                .fact("work_verified", order.is_some_and(|order| order.status == Status::Verified))
                .fact("safety_critical", order.is_some_and(|order| order.work.safety_critical))
                .fact("steps_open", u32::try_from(open).unwrap_or(u32::MAX))
                .fact("grounded", grounding.is_some())
                .fact("standstill_confirmed", confirmed)
                .fact("other_holds", others.map(|(_, kind)| kind).collect::<std::collections::BTreeSet<String>>());
            Ok(Asked { answer: self.ask(question), with: () })
        };
        let decide = |state: Option<&WorkOrder>, asked: &Asked<()>| {
            decide::return_to_service(state, &ctx.actor.id, &asked.answer)
        };
        execute(&*self.store, ctx, &id, Extras::default(), gather, decide).await?;
        tracing::info!(tenant = %ctx.tenant, order = %id, %vehicle, by = ctx.actor.id, "a vehicle returns to service");
        Ok(())
    }

    /// Says what the workshop has, all of it.
    ///
    /// # Errors
    /// One entry per wrong field; a fault.
    pub async fn set_workshop(&self, ctx: &Ctx, workshop: Workshop) -> Result<(), CommandError> {
        check_workshop(&workshop)?;
        let set = |state: Option<&Workshop>| match state == Some(&workshop) {
            true => Decided::unchanged(()),
            false => {
                let event: WorkshopEvent = WorkshopSet { workshop: workshop.clone() }.into();
                Decided::accept([event], ())
            }
        };
        execute_plain(&*self.store, ctx, &ctx.tenant, Extras::default(), set).await?;
        Ok(())
    }
}

fn check_workshop(workshop: &Workshop) -> Result<(), Reject> {
    let twice = |names: Vec<&String>| {
        let mut sorted = names.clone();
        sorted.sort();
        sorted.windows(2).any(|pair| pair[0] == pair[1]) || names.iter().any(|name| name.trim().is_empty())
    };
    if twice(workshop.bays.iter().map(|bay| &bay.name).collect()) {
        return Err(Reject::invalid_field("/bays", "each bay must have a name of its own"));
    }
    if twice(workshop.technicians.iter().map(|technician| &technician.name).collect()) {
        return Err(Reject::invalid_field("/technicians", "each technician must have a name of their own"));
    }
    Ok(())
}

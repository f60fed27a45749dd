//! Planning the workshop: bays, technicians and the vehicles that the operation needs, with the reason of each slot (PDM-5,
//! PDM-6).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use kernel::{Ctx, TenantId, Timestamp};
use prognostics::schedule::{self, Bay, Demand, Plan, Problem, Search, Window};
use store::CommandError;
use store::port::Guard;

use super::{Maintenance, PLAN_RULE};
use crate::order::{OrderId, Priority, Slot, Status, WorkOrder, decide};
use crate::workshop::{Technician, Workshop};

/// How far ahead the workshop is planned, in milliseconds.
const HORIZON_MS: i64 = 14 * 86_400_000;
/// What begins within this time is left as it is: people and vehicles are on their way.
const FROZEN_MS: i64 = 1_800_000;
const DAY_MS: i64 = 86_400_000;
const MINUTE_MS: i64 = 60_000;
/// Money that a late hour costs, before the order's weight: the ratio to a missing vehicle is what counts.
const LATE_HOUR: f64 = 20.0;
const MISSING_VEHICLE_HOUR: f64 = 60.0;
const UNPLANNED: f64 = 2_000.0;
/// An order without a prediction should begin within a week.
const WITHIN_A_WEEK_MS: i64 = 7 * DAY_MS;

fn weight(priority: Priority) -> u8 {
    match priority {
        Priority::Low => 0,
        Priority::Medium => 1,
        Priority::High => 4,
        Priority::Critical => 20,
    }
}

/// A technician's shifts from yesterday on.
fn shifts(technician: &Technician, from: Timestamp, until_ms: i64) -> Vec<Window> {
    let (begin, end) = (i64::from(technician.shift_from_minute), i64::from(technician.shift_until_minute));
    if begin == end {
        return vec![Window { from_ms: from.as_ms() - DAY_MS, to_ms: until_ms }];
    }
    let length = (end - begin).rem_euclid(1_440) * MINUTE_MS;
    let midnight = from.as_ms().div_euclid(DAY_MS) * DAY_MS - DAY_MS;
    let days = (until_ms - midnight).div_euclid(DAY_MS) + 1;
    let shift = |day: i64| {
        let from_ms = midnight + day * DAY_MS + begin * MINUTE_MS;
        Window { from_ms, to_ms: from_ms + length }
    };
    (0..days).map(shift).collect()
}

/// What the scheduler looks at. Orders that somebody works on, and those that begin at once, stay as they are.
fn problem_of(now: Timestamp, workshop: &Workshop, orders: &[(OrderId, WorkOrder)], fleet_size: u64) -> Problem {
    let (from_ms, to_ms) = (now.as_ms(), now.as_ms() + HORIZON_MS);
    let open = vec![Window { from_ms: from_ms - DAY_MS, to_ms }];
    let bay = |bay: &crate::workshop::Bay| Bay { id: bay.name.clone(), kinds: bay.kinds.clone(), open: open.clone() };
    let technician = |technician: &Technician| schedule::Technician {
        id: technician.name.clone(),
        skills: technician.skills.clone(),
        shifts: shifts(technician, now, to_ms),
    };
    let mut problem = Problem {
        horizon_start_ms: from_ms,
        horizon_end_ms: to_ms,
        frozen_until_ms: from_ms,
        bays: workshop.bays.iter().map(bay).collect(),
        technicians: workshop.technicians.iter().map(technician).collect(),
        orders: Vec::new(),
        demand: vec![Demand { from_ms, to_ms, vehicles_needed: workshop.vehicles_needed, vehicles_available: None }],
        fleet_size: u32::try_from(fleet_size).unwrap_or(u32::MAX),
        cost_of_missing_vehicle_per_hour: MISSING_VEHICLE_HOUR,
        cost_of_unplanned_order: UNPLANNED,
    };
    for (id, order) in orders {
        let fixed = fixed_slot(*id, order, now, workshop);
        let is_planned = matches!(order.status, Status::Approved | Status::Scheduled);
        if !is_planned && fixed.is_none() {
            continue;
        }
        let latest = order.latest_start.unwrap_or(order.requested_at.plus_ms(WITHIN_A_WEEK_MS));
        problem.orders.push(schedule::Order {
            id: id.to_string(),
            vehicle: order.work.vehicle.to_string(),
            duration_ms: i64::from(order.work.duration_min.max(1)) * MINUTE_MS,
            skill: order.work.skill.clone(),
            bay_kind: order.work.bay_kind.clone(),
            priority: weight(order.priority),
            parts_ready_ms: from_ms,
            latest_safe_start_ms: latest.as_ms(),
            failure_cost_per_hour: LATE_HOUR,
            failure_cost_growth: LATE_HOUR / 24.0,
            fixed,
        });
    }
    problem
}

/// The slot that an order keeps: somebody works on it, or it begins at once.
fn fixed_slot(id: OrderId, order: &WorkOrder, now: Timestamp, workshop: &Workshop) -> Option<schedule::Slot> {
    let slot = order.slot.as_ref()?;
    let is_worked_on = matches!(order.status, Status::InProgress | Status::OnHold);
    let begins = order.status == Status::Scheduled && slot.from.as_ms() - now.as_ms() < FROZEN_MS;
    let is_coming = slot.until > now && slot.from.as_ms() >= now.as_ms() - FROZEN_MS;
    let is_known = workshop.bays.iter().any(|bay| bay.name == slot.bay)
        && workshop.technicians.iter().any(|technician| technician.name == slot.technician);
    (is_known && (is_worked_on && slot.until > now || begins && is_coming)).then(|| schedule::Slot {
        order: id.to_string(),
        bay: slot.bay.clone(),
        technician: slot.technician.clone(),
        start_ms: slot.from.as_ms(),
        end_ms: slot.until.as_ms(),
        reason: schedule::Reason::Fixed,
    })
}

impl Maintenance {
    /// Plans the workshop anew, and tells each order what is new for it.
    ///
    /// # Errors
    /// A fault.
    pub(crate) async fn plan_workshop(&self, tenant: &TenantId) -> Result<(), CommandError> {
        let ctx = self.automation(tenant, PLAN_RULE).await?;
        let (orders, workshop) = (self.open_orders(tenant).await?, self.workshop(tenant).await?);
        let Some((_, first)) = orders.first() else { return Ok(()) };
        let site = self.vehicles.vehicle(tenant, first.work.vehicle).await?.map(|facts| facts.site);
        let fleet_size = match site {
            Some(site) => self.vehicles.counts(tenant, &site).await?.in_service,
            None => 0,
        };
        let problem = problem_of(ctx.now, &workshop, &orders, fleet_size);
        let Some(plan) = self.compute_plan(problem).await else {
            tracing::error!(%tenant, "the workshop cannot be planned");
            return Ok(());
        };
        metrics::histogram!("atlasmesh_workshop_plan_gap").record(plan.gap);
        self.tell_plan(&ctx, &orders, &plan).await
    }

    async fn compute_plan(&self, problem: Problem) -> Option<Plan> {
        let found: Arc<Mutex<Option<Plan>>> = Arc::default();
        let there = Arc::clone(&found);
        let job = move || match schedule::plan(&problem, &Search { iterations: 1_000, ..Search::default() }) {
            Ok(plan) => *there.lock().unwrap_or_else(PoisonError::into_inner) = Some(plan),
            Err(error) => tracing::error!(%error, "the workshop cannot be planned"),
        };
        self.compute.run(Box::new(job)).await;
        found.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    async fn tell_plan(&self, ctx: &Ctx, orders: &[(OrderId, WorkOrder)], plan: &Plan) -> Result<(), CommandError> {
        let slots: BTreeMap<&str, &schedule::Slot> =
            plan.slots.iter().map(|slot| (slot.order.as_str(), slot)).collect();
        let unplanned: BTreeMap<&str, String> =
            plan.unplanned.iter().map(|left| (left.order.as_str(), left.why.to_string())).collect();
        for (id, order) in
            orders.iter().filter(|(_, order)| matches!(order.status, Status::Approved | Status::Scheduled))
        {
            let key = id.to_string();
            if let Some(slot) = slots.get(key.as_str()) {
                let slot = Slot {
                    bay: slot.bay.clone(),
                    technician: slot.technician.clone(),
                    from: Timestamp::from_ms(slot.start_ms),
                    until: Timestamp::from_ms(slot.end_ms),
                    reason: slot.reason.to_string(),
                };
                // A slot in the next minutes may not wander with each plan.
                let near = order.slot.as_ref().filter(|known| same_but_a_little(known, &slot));
                let slot = near.cloned().unwrap_or(slot);
                self.order_command(ctx, *id, |state| decide::schedule(state, &slot)).await?;
            } else if let Some(why) = unplanned.get(key.as_str()) {
                self.order_command(ctx, *id, |state| decide::unschedule(state, why)).await?;
            }
        }
        Ok(())
    }

    /// Nobody used a slot: the workshop is planned anew.
    pub(crate) async fn slot_missed(&self, tenant: &TenantId, id: OrderId, _: Guard) -> Result<(), CommandError> {
        let ctx = self.automation(tenant, PLAN_RULE).await?;
        let reason = "nobody began at the planned time";
        self.order_command(&ctx, id, |state| decide::unschedule(state, reason)).await?;
        self.plan_workshop(tenant).await
    }
}

/// The same bay and technician, later or earlier by less than a quarter of an hour.
fn same_but_a_little(known: &Slot, slot: &Slot) -> bool {
    let apart = (known.from.as_ms() - slot.from.as_ms()).abs();
    known.bay == slot.bay && known.technician == slot.technician && apart < 15 * MINUTE_MS
}

//! An independent check of any plan. It shares no code with the search, so that a mistake there can not hide itself.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Bay, HOUR_MS, Order, Plan, Problem, Slot, Technician, Window};

/// One rule that a plan breaks.
#[derive(Clone, Debug, PartialEq, thiserror::Error, Serialize, Deserialize)]
pub enum Violation {
    #[error("the order {order} is neither planned nor named as unplanned, or both, or more than once")]
    Count { order: String },
    #[error("the plan names the order {order}, which is not in the problem")]
    UnknownOrder { order: String },
    #[error("the order {order} is at an unknown bay or with an unknown technician")]
    UnknownPlace { order: String },
    #[error("the slot of order {order} is not as long as the order takes")]
    Duration { order: String },
    #[error("the order {order} has a fixed slot that was moved or dropped")]
    FixedMoved { order: String },
    #[error("the order {order} starts before its parts are there")]
    Parts { order: String },
    #[error("the order {order} lies outside the horizon or starts inside the frozen span")]
    Horizon { order: String },
    #[error("the bay of order {order} does not host work of its kind")]
    Kind { order: String },
    #[error("the technician of order {order} does not have the skill")]
    Skill { order: String },
    #[error("the bay of order {order} is not open all the time")]
    Closed { order: String },
    #[error("the order {order} does not lie inside one shift of its technician")]
    Shift { order: String },
    #[error("the orders {order} and {other} share a bay, a technician or a vehicle at the same time")]
    Overlap { order: String, other: String },
    #[error("the plan says it costs {said}, but it costs {found}")]
    Cost { said: f64, found: f64 },
    #[error("the lower bound {bound} is above the cost {cost}")]
    Bound { bound: f64, cost: f64 },
}

/// Lists every rule that the plan breaks; an empty list means that it can be carried out as it is.
#[must_use]
pub fn check(problem: &Problem, plan: &Plan) -> Vec<Violation> {
    let mut found = Vec::new();
    for order in &problem.orders {
        let planned = plan.slots.iter().filter(|s| s.order == order.id).count();
        let unplanned = plan.unplanned.iter().filter(|u| u.order == order.id).count();
        if planned + unplanned != 1 {
            found.push(Violation::Count { order: order.id.clone() });
        }
        if order.fixed.is_some() && planned == 0 {
            found.push(Violation::FixedMoved { order: order.id.clone() });
        }
    }
    let orders: BTreeMap<&str, &Order> = problem.orders.iter().map(|o| (o.id.as_str(), o)).collect();
    for name in plan.slots.iter().map(|s| &s.order).chain(plan.unplanned.iter().map(|u| &u.order)) {
        if !orders.contains_key(name.as_str()) {
            found.push(Violation::UnknownOrder { order: name.clone() });
        }
    }
    for slot in &plan.slots {
        if let Some(order) = orders.get(slot.order.as_str()) {
            check_slot(problem, order, slot, &mut found);
        }
    }
    check_overlaps(&orders, &plan.slots, &mut found);
    let real = cost(problem, &plan.slots);
    let margin = 1e-9 * real.abs().max(1.0);
    if (real - plan.cost).abs() > margin || !plan.cost.is_finite() {
        found.push(Violation::Cost { said: plan.cost, found: real });
    }
    if plan.lower_bound > real + margin || plan.lower_bound.is_nan() {
        found.push(Violation::Bound { bound: plan.lower_bound, cost: real });
    }
    found
}

fn check_slot(problem: &Problem, order: &Order, slot: &Slot, found: &mut Vec<Violation>) {
    let id = || order.id.clone();
    if let Some(fixed) = &order.fixed {
        let same = fixed.bay == slot.bay && fixed.technician == slot.technician;
        if !(same && fixed.start_ms == slot.start_ms && fixed.end_ms == slot.end_ms) {
            found.push(Violation::FixedMoved { order: id() });
        }
        return;
    }
    let bay: Option<&Bay> = problem.bays.iter().find(|b| b.id == slot.bay);
    let technician: Option<&Technician> = problem.technicians.iter().find(|t| t.id == slot.technician);
    let (Some(bay), Some(technician)) = (bay, technician) else {
        found.push(Violation::UnknownPlace { order: id() });
        return;
    };
    if slot.end_ms - slot.start_ms != order.duration_ms {
        found.push(Violation::Duration { order: id() });
    }
    if slot.start_ms < order.parts_ready_ms {
        found.push(Violation::Parts { order: id() });
    }
    let early = slot.start_ms < problem.horizon_start_ms || slot.start_ms < problem.frozen_until_ms;
    if early || slot.end_ms > problem.horizon_end_ms {
        found.push(Violation::Horizon { order: id() });
    }
    if !bay.kinds.contains(&order.bay_kind) {
        found.push(Violation::Kind { order: id() });
    }
    if !technician.skills.contains(&order.skill) {
        found.push(Violation::Skill { order: id() });
    }
    if !covered(&bay.open, slot) {
        found.push(Violation::Closed { order: id() });
    }
    if !covered(&technician.shifts, slot) {
        found.push(Violation::Shift { order: id() });
    }
}

/// Whether the windows together cover the slot without a hole.
fn covered(windows: &[Window], slot: &Slot) -> bool {
    let mut reached = slot.start_ms;
    while reached < slot.end_ms {
        let on = windows.iter().filter(|w| w.from_ms <= reached && reached < w.to_ms).map(|w| w.to_ms).max();
        match on {
            Some(to) => reached = to,
            None => return false,
        }
    }
    true
}

fn check_overlaps(orders: &BTreeMap<&str, &Order>, slots: &[Slot], found: &mut Vec<Violation>) {
    for (i, a) in slots.iter().enumerate() {
        for b in slots.iter().skip(i + 1) {
            let vehicle = |s: &Slot| orders.get(s.order.as_str()).map(|o| o.vehicle.as_str());
            let same_vehicle = vehicle(a).is_some() && vehicle(a) == vehicle(b);
            let shared = a.bay == b.bay || a.technician == b.technician || same_vehicle;
            if shared && a.start_ms < b.end_ms && b.start_ms < a.end_ms {
                found.push(Violation::Overlap { order: a.order.clone(), other: b.order.clone() });
            }
        }
    }
}

/// The cost of a plan: lateness, orders without a slot, and missing vehicles inside the horizon.
#[must_use]
pub fn cost(problem: &Problem, slots: &[Slot]) -> f64 {
    let starts: BTreeMap<&str, i64> = slots.iter().map(|s| (s.order.as_str(), s.start_ms)).collect();
    let mut sum = 0.0;
    for order in &problem.orders {
        let weight = 1.0 + f64::from(order.priority);
        let start = starts.get(order.id.as_str()).copied();
        if start.is_none() {
            sum += weight * problem.cost_of_unplanned_order;
        }
        let at = start.unwrap_or(problem.horizon_end_ms);
        let late = at.saturating_sub(order.latest_safe_start_ms).max(0) as f64 / HOUR_MS;
        sum += weight * (order.failure_cost_per_hour * late + order.failure_cost_growth * late * late / 2.0);
    }
    sum + missing_vehicle_hours(problem, slots) * problem.cost_of_missing_vehicle_per_hour
}

/// The needed vehicle-hours inside the horizon that the fleet can not give while these slots hold vehicles.
fn missing_vehicle_hours(problem: &Problem, slots: &[Slot]) -> f64 {
    let mut missing = 0.0;
    for demand in &problem.demand {
        let (from, to) = (demand.from_ms.max(problem.horizon_start_ms), demand.to_ms.min(problem.horizon_end_ms));
        if from >= to {
            continue;
        }
        let mut times: Vec<i64> = slots.iter().flat_map(|s| [s.start_ms, s.end_ms]).collect();
        times.retain(|t| *t > from && *t < to);
        times.extend([from, to]);
        times.sort_unstable();
        let available = i64::from(demand.vehicles_available.unwrap_or(problem.fleet_size));
        for pair in times.windows(2) {
            let [a, b] = pair else { continue };
            let away = slots.iter().filter(|s| s.start_ms <= *a && *a < s.end_ms).count() as i64;
            let short = (i64::from(demand.vehicles_needed) + away - available).max(0);
            missing += short as f64 * (b - a).max(0) as f64 / HOUR_MS;
        }
    }
    missing
}

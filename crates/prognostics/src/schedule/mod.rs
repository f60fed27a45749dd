//! The workshop scheduler: gives each work order a bay, a technician and a start, so that failures while waiting, missing
//! vehicles and orders left over cost the least.
//!
//! The method is a greedy plan by latest safe start, improved by large-neighbourhood search (Shaw 1998) under a number of
//! iterations, not a clock, so that the same problem and seed always give the same plan. A Lagrangian relaxation gives a lower
//! bound that no plan can beat, so that the distance from the best plan is known. [`check`] verifies any plan with separate,
//! plain code.
//!
//! Times are milliseconds on one clock of the caller's choice. An order is not interrupted: it needs one bay and one technician
//! from start to end, inside one open window of the bay and one shift of the technician (windows that touch count as one).

mod bound;
mod calendar;
mod check;
mod model;
mod reason;
mod search;
mod state;

use serde::{Deserialize, Serialize};

pub use check::{Violation, check, cost};
pub use reason::{Reason, Why};

/// The milliseconds in one hour.
pub(crate) const HOUR_MS: f64 = 3_600_000.0;

/// A span of time from `from_ms` until just before `to_ms`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    pub from_ms: i64,
    pub to_ms: i64,
}

/// A place in the workshop that holds one vehicle at a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bay {
    pub id: String,
    /// The kinds of work it can host, for example "lift" or "high-voltage".
    pub kinds: Vec<String>,
    /// When it is open.
    pub open: Vec<Window>,
}

/// A person who works on one order at a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Technician {
    pub id: String,
    pub skills: Vec<String>,
    /// When this person works.
    pub shifts: Vec<Window>,
}

/// One work order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Order {
    pub id: String,
    pub vehicle: String,
    pub duration_ms: i64,
    /// The skill that its technician must have.
    pub skill: String,
    /// The kind of bay that it needs.
    pub bay_kind: String,
    /// The weight of lateness and of being left over: both costs are multiplied by `1 + priority`.
    pub priority: u8,
    /// The earliest start, because its parts are there from then on.
    pub parts_ready_ms: i64,
    /// The last start at which the risk is still acceptable. A later start costs.
    pub latest_safe_start_ms: i64,
    /// The cost of each hour of start after the latest safe start.
    pub failure_cost_per_hour: f64,
    /// By how much the cost of an hour grows with each late hour, because the hazard grows: `h` late hours cost
    /// `failure_cost_per_hour * h + failure_cost_growth * h * h / 2`.
    pub failure_cost_growth: f64,
    /// A slot that must stay as it is: work that runs already, lies inside the frozen horizon, or was pinned by a person. It may
    /// break shifts and skills, because a person decided so, but must not share a bay, a technician or a vehicle with another.
    pub fixed: Option<Slot>,
}

/// How many vehicles the dispatch plan needs in a span of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Demand {
    pub from_ms: i64,
    pub to_ms: i64,
    pub vehicles_needed: u32,
    /// How many vehicles there are in this span if none is in the workshop, or nothing for the whole fleet.
    pub vehicles_available: Option<u32>,
}

/// All that the scheduler may look at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Problem {
    pub horizon_start_ms: i64,
    /// Every slot that is not fixed ends at or before this time.
    pub horizon_end_ms: i64,
    /// No slot that is not fixed starts before this time, so that people and dispatch can rely on the near plan.
    pub frozen_until_ms: i64,
    pub bays: Vec<Bay>,
    pub technicians: Vec<Technician>,
    pub orders: Vec<Order>,
    /// Spans that do not overlap, in any order. No vehicle is needed outside them.
    pub demand: Vec<Demand>,
    pub fleet_size: u32,
    /// The cost of one needed vehicle that is not available for one hour.
    pub cost_of_missing_vehicle_per_hour: f64,
    /// The cost of an order that gets no slot, besides the lateness cost of a start at the end of the horizon.
    pub cost_of_unplanned_order: f64,
}

/// One planned order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    pub order: String,
    pub bay: String,
    pub technician: String,
    pub start_ms: i64,
    pub end_ms: i64,
    pub reason: Reason,
}

/// An order that gets no slot, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unplanned {
    pub order: String,
    pub why: Why,
}

/// The result of [`plan`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The slots by start, then by order.
    pub slots: Vec<Slot>,
    pub unplanned: Vec<Unplanned>,
    /// The cost of this plan, as [`cost`] computes it.
    pub cost: f64,
    /// A cost that no plan can be below.
    pub lower_bound: f64,
    /// The part of `cost` that a better plan could save at most: `(cost - lower_bound) / cost`, or 0 when the cost is 0.
    pub gap: f64,
}

/// How hard to search.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Search {
    /// The number of times that a few orders are taken out and put back better.
    pub iterations: u32,
    /// The number of steps that sharpen the lower bound.
    pub bound_iterations: u32,
    pub seed: u64,
}

impl Default for Search {
    fn default() -> Self {
        Self { iterations: 20_000, bound_iterations: 300, seed: 1 }
    }
}

/// Why a problem has no meaning. A problem that merely has no room gives a plan with unplanned orders instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum Error {
    #[error("the horizon from {from_ms} to {to_ms} ms is empty, or its times are out of range")]
    Horizon { from_ms: i64, to_ms: i64 },
    #[error("the {what} {id} is there twice")]
    Duplicate { what: String, id: String },
    #[error("the duration of order {order} is not positive, or out of range")]
    Duration { order: String },
    #[error("a cost of {of} is negative or not finite")]
    Cost { of: String },
    #[error("a window of {of} ends before it starts")]
    Window { of: String },
    #[error("a number of vehicles is out of range")]
    Fleet,
    #[error("two spans of demand overlap at {at_ms} ms")]
    DemandOverlap { at_ms: i64 },
    #[error("the fixed slot of order {order} names another order, an unknown bay or technician, or impossible times")]
    FixedSlot { order: String },
    #[error(
        "the fixed slots of the orders {order} and {other} share a bay, a technician or a vehicle at the same time"
    )]
    FixedConflict { order: String, other: String },
}

/// Makes a plan. The work grows with `search.iterations`; nothing else limits it.
pub fn plan(problem: &Problem, search: &Search) -> Result<Plan, Error> {
    let model = model::Model::build(problem)?;
    let state = search::search(&model, search);
    let cost = state.cost();
    let bound = bound::lower_bound(&state, search.bound_iterations);
    let (slots, unplanned) = reason::explain(problem, &model, &state);
    let gap = if cost > 0.0 { ((cost - bound) / cost).max(0.0) } else { 0.0 };
    Ok(Plan { slots, unplanned, cost, lower_bound: bound, gap })
}

//! Why each order is where it is, in a form for programs and as a sentence.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::model::Model;
use super::state::{Place, State};
use super::{HOUR_MS, Problem, Slot, Unplanned};

/// Why an order has its slot, given all other slots of the same plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Reason {
    /// The slot was given and must not move.
    Fixed,
    /// The first time at which a bay of that kind and a technician with that skill are both free.
    EarliestFree { bay_kind: String, skill: String, waits_ms: i64 },
    /// The order starts as soon as its parts are there.
    WaitsForParts { until_ms: i64 },
    /// The vehicle is in the workshop for another order until then.
    WaitsForVehicle { until_ms: i64 },
    /// An earlier start was possible but would have kept more needed vehicles from the road.
    MovedOutOfDemandPeak { possible_from_ms: i64, saves_vehicle_ms: i64 },
    /// A later start would keep fewer needed vehicles from the road, but the risk of waiting past the latest safe start costs more.
    LatestSafeStartBinds { latest_safe_start_ms: i64, misses_vehicle_ms: i64 },
    /// Nothing was free in time, so the order starts after its latest safe start.
    StartsLate { latest_safe_start_ms: i64, late_ms: i64 },
}

fn hours(ms: i64) -> f64 {
    ms as f64 / HOUR_MS
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed => write!(f, "The slot was fixed before planning and stays as it is."),
            Self::EarliestFree { bay_kind, skill, waits_ms: 0 } => {
                write!(f, "A {bay_kind} bay and a technician with the skill {skill} are free at once.")
            }
            Self::EarliestFree { bay_kind, skill, waits_ms } => write!(
                f,
                "This is the earliest time at which a {bay_kind} bay and a technician with the skill {skill} are both free, after \
                 a wait of {:.1} h.",
                hours(*waits_ms)
            ),
            Self::WaitsForParts { until_ms } => {
                write!(f, "The order waits for its parts until {until_ms} ms and starts then.")
            }
            Self::WaitsForVehicle { until_ms } => {
                write!(f, "The vehicle is in the workshop for another order until {until_ms} ms.")
            }
            Self::MovedOutOfDemandPeak { possible_from_ms, saves_vehicle_ms } => write!(
                f,
                "It could start at {possible_from_ms} ms, but was moved out of a demand peak, which keeps {:.1} vehicle-hours on \
                 the road.",
                hours(*saves_vehicle_ms)
            ),
            Self::LatestSafeStartBinds { latest_safe_start_ms, misses_vehicle_ms } => write!(
                f,
                "The latest safe start at {latest_safe_start_ms} ms binds: a later start would spare some of {:.1} missing \
                 vehicle-hours but risk a failure that costs more.",
                hours(*misses_vehicle_ms)
            ),
            Self::StartsLate { latest_safe_start_ms, late_ms } => write!(
                f,
                "Nothing that fits was free in time: it starts {:.1} h after the latest safe start at {latest_safe_start_ms} ms.",
                hours(*late_ms)
            ),
        }
    }
}

/// Why an order has no slot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Why {
    NoBayOfKind { bay_kind: String },
    NoTechnicianWithSkill { skill: String },
    PartsTooLate { parts_ready_ms: i64 },
    NoOpeningLongEnough { duration_ms: i64 },
    NoFreeTime,
    CostsMoreThanWaiting,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoBayOfKind { bay_kind } => write!(f, "No bay hosts work of the kind {bay_kind}."),
            Self::NoTechnicianWithSkill { skill } => write!(f, "No technician has the skill {skill}."),
            Self::PartsTooLate { parts_ready_ms } => {
                write!(f, "The parts arrive at {parts_ready_ms} ms, too late to finish inside the horizon.")
            }
            Self::NoOpeningLongEnough { duration_ms } => write!(
                f,
                "After its parts arrive, no open bay and shift that fit overlap for the {:.1} h that it takes.",
                hours(*duration_ms)
            ),
            Self::NoFreeTime => {
                write!(f, "All bays or technicians that fit are taken by orders whose delay costs more.")
            }
            Self::CostsMoreThanWaiting => {
                write!(
                    f,
                    "Every free time would cost more in missing vehicles and lateness than leaving the order for later."
                )
            }
        }
    }
}

/// Turns the state into slots and unplanned orders, each with its reason.
pub(super) fn explain(problem: &Problem, model: &Model, state: &State<'_>) -> (Vec<Slot>, Vec<Unplanned>) {
    let mut state = state.clone();
    let (mut slots, mut unplanned) = (Vec::new(), Vec::new());
    for (index, order) in problem.orders.iter().enumerate() {
        if let Some(slot) = &order.fixed {
            slots.push(Slot { reason: Reason::Fixed, ..slot.clone() });
        } else if let Some(place) = state.remove(index) {
            if let Some(reason) = placed(problem, model, &state, index, place) {
                let bay = problem.bays.get(place.bay).map(|b| b.id.clone()).unwrap_or_default();
                let technician = problem.technicians.get(place.technician).map(|t| t.id.clone()).unwrap_or_default();
                let (start_ms, end_ms) = (place.start, place.start + order.duration_ms);
                slots.push(Slot { order: order.id.clone(), bay, technician, start_ms, end_ms, reason });
            }
            state.put(index, place);
        } else if let Some(why) = left_out(problem, model, &state, index) {
            unplanned.push(Unplanned { order: order.id.clone(), why });
        }
    }
    slots.sort_by(|a, b| a.start_ms.cmp(&b.start_ms).then_with(|| a.order.cmp(&b.order)));
    (slots, unplanned)
}

/// The reason of a place, seen from the state without this order. The first that applies is given.
fn placed(problem: &Problem, model: &Model, state: &State<'_>, index: usize, place: Place) -> Option<Reason> {
    let (job, order) = (model.jobs.get(index)?, problem.orders.get(index)?);
    let here = state.offer(index, place)?;
    let first = state.first(index, job.earliest).and_then(|first| state.offer(index, first)).unwrap_or(here);
    if first.place.start < place.start && first.missing_ms > here.missing_ms {
        return Some(Reason::MovedOutOfDemandPeak {
            possible_from_ms: first.place.start,
            saves_vehicle_ms: first.missing_ms - here.missing_ms,
        });
    }
    if place.start > job.latest_safe {
        let late_ms = place.start.saturating_sub(job.latest_safe);
        return Some(Reason::StartsLate { latest_safe_start_ms: job.latest_safe, late_ms });
    }
    let mut later = state.turns(place.start, job.duration).into_iter().filter_map(|at| state.first(index, at));
    if here.missing_ms > 0 && later.any(|p| state.offer(index, p).is_some_and(|o| o.missing_ms < here.missing_ms)) {
        return Some(Reason::LatestSafeStartBinds {
            latest_safe_start_ms: job.latest_safe,
            misses_vehicle_ms: here.missing_ms,
        });
    }
    if place.start == order.parts_ready_ms && place.start > model.start {
        return Some(Reason::WaitsForParts { until_ms: place.start });
    }
    let vehicle_free = state.vehicles.get(job.vehicle)?;
    if place.start > job.earliest && vehicle_free.0.iter().any(|gap| gap.0 == place.start) {
        return Some(Reason::WaitsForVehicle { until_ms: place.start });
    }
    let waits_ms = place.start - job.earliest;
    Some(Reason::EarliestFree { bay_kind: order.bay_kind.clone(), skill: order.skill.clone(), waits_ms })
}

/// Why an order has no place: first what no plan could change, then what this plan decided.
fn left_out(problem: &Problem, model: &Model, state: &State<'_>, index: usize) -> Option<Why> {
    let (job, order) = (model.jobs.get(index)?, problem.orders.get(index)?);
    let class = model.classes.get(job.class)?;
    if class.bays.is_empty() {
        return Some(Why::NoBayOfKind { bay_kind: order.bay_kind.clone() });
    }
    if class.technicians.is_empty() {
        return Some(Why::NoTechnicianWithSkill { skill: order.skill.clone() });
    }
    if order.parts_ready_ms.saturating_add(order.duration_ms) > model.end {
        return Some(Why::PartsTooLate { parts_ready_ms: order.parts_ready_ms });
    }
    if State::new(model).first(index, job.earliest).is_none() {
        return Some(Why::NoOpeningLongEnough { duration_ms: order.duration_ms });
    }
    let free = state.first(index, job.earliest).is_some();
    Some(if free { Why::CostsMoreThanWaiting } else { Why::NoFreeTime })
}

//! The problem in numbers: names become indices, windows become free time, and fixed slots are taken out.

use std::collections::{BTreeMap, BTreeSet};

use super::calendar::{Free, NO_DEMAND, Profile};
use super::{Error, HOUR_MS, Order, Problem, Slot, Window};

/// No time and no duration may be beyond this, so that sums of times never overflow.
const LIMIT_MS: i64 = 1 << 52;

/// The longest horizon (8.7 years) and the largest fleet, so that vehicle-milliseconds never overflow.
const LIMIT_HORIZON_MS: i64 = 1 << 38;
const LIMIT_FLEET: u32 = 1 << 24;

/// What the search needs to know of one order.
#[derive(Clone, Debug)]
pub(super) struct Job {
    pub(super) duration: i64,
    /// The earliest start: parts, horizon and frozen span together.
    pub(super) earliest: i64,
    pub(super) latest_safe: i64,
    pub(super) cost_per_hour: f64,
    pub(super) cost_growth: f64,
    /// The cost of giving it no slot.
    pub(super) unplanned: f64,
    pub(super) vehicle: usize,
    /// Which bays and technicians fit, as an index into the classes.
    pub(super) class: usize,
    pub(super) fixed: Option<i64>,
}

impl Job {
    /// The cost of starting at this time, apart from missing vehicles. It never falls with the time.
    pub(super) fn late_cost(&self, start: i64) -> f64 {
        if start <= self.latest_safe {
            return 0.0;
        }
        let hours = start.saturating_sub(self.latest_safe) as f64 / HOUR_MS;
        hours * (self.cost_per_hour + 0.5 * self.cost_growth * hours)
    }
}

/// The orders that need the same kind of bay and the same skill.
#[derive(Clone, Debug)]
pub(super) struct Class {
    pub(super) kind: usize,
    pub(super) skill: usize,
    /// The bays that fit, the least versatile first, so that versatile ones stay free.
    pub(super) bays: Vec<usize>,
    /// The technicians that fit, the least versatile first.
    pub(super) technicians: Vec<usize>,
}

/// The whole problem in numbers.
#[derive(Clone, Debug)]
pub(super) struct Model {
    pub(super) jobs: Vec<Job>,
    pub(super) classes: Vec<Class>,
    /// The number of distinct kinds and skills that orders ask for.
    pub(super) kinds: usize,
    pub(super) skills: usize,
    pub(super) bays: Vec<Free>,
    pub(super) technicians: Vec<Free>,
    pub(super) vehicles: Vec<Free>,
    pub(super) profile: Profile,
    /// The first time at which a slot may start, and the last at which it may end.
    pub(super) start: i64,
    pub(super) end: i64,
    pub(super) missing_per_ms: f64,
}

impl Model {
    pub(super) fn build(problem: &Problem) -> Result<Self, Error> {
        validate(problem)?;
        let start = problem.horizon_start_ms.max(problem.frozen_until_ms).min(problem.horizon_end_ms);
        let end = problem.horizon_end_ms;
        let free = |windows: &[Window]| Free::new(windows, start, end);
        let mut model = Self {
            jobs: Vec::with_capacity(problem.orders.len()),
            classes: Vec::new(),
            kinds: 0,
            skills: 0,
            bays: problem.bays.iter().map(|b| free(&b.open)).collect(),
            technicians: problem.technicians.iter().map(|t| free(&t.shifts)).collect(),
            vehicles: Vec::new(),
            profile: demand_profile(problem),
            start,
            end,
            missing_per_ms: problem.cost_of_missing_vehicle_per_hour / HOUR_MS,
        };
        let (mut kinds, mut skills, mut vehicles) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let mut classes = BTreeMap::new();
        for order in &problem.orders {
            let kind = number(&mut kinds, &order.bay_kind);
            let skill = number(&mut skills, &order.skill);
            let vehicle = number(&mut vehicles, &order.vehicle);
            let class = *classes.entry((kind, skill)).or_insert_with(|| {
                model.classes.push(class(problem, order, kind, skill));
                model.classes.len() - 1
            });
            model.jobs.push(job(problem, order, start, vehicle, class));
        }
        (model.kinds, model.skills) = (kinds.len(), skills.len());
        model.vehicles = vec![Free(vec![(start, end)]); vehicles.len()];
        model.take_fixed(problem);
        Ok(model)
    }

    /// Takes the time of the fixed slots away from bays, technicians, vehicles and demand.
    fn take_fixed(&mut self, problem: &Problem) {
        for (job, order) in self.jobs.iter().zip(&problem.orders) {
            let Some(slot) = &order.fixed else { continue };
            let (from, to) = (slot.start_ms, slot.end_ms);
            let bay = problem.bays.iter().position(|b| b.id == slot.bay);
            let technician = problem.technicians.iter().position(|t| t.id == slot.technician);
            let bay = bay.and_then(|i| self.bays.get_mut(i));
            let technician = technician.and_then(|i| self.technicians.get_mut(i));
            for free in [bay, technician, self.vehicles.get_mut(job.vehicle)].into_iter().flatten() {
                free.take(from, to);
            }
            self.profile.add(from, to, 1);
        }
    }
}

/// Gives each distinct name the next number.
fn number<'a>(numbers: &mut BTreeMap<&'a str, usize>, name: &'a str) -> usize {
    let next = numbers.len();
    *numbers.entry(name).or_insert(next)
}

fn class(problem: &Problem, order: &Order, kind: usize, skill: usize) -> Class {
    let fits = |(i, versatility, fit): (usize, usize, bool)| fit.then_some((versatility, i));
    let bays = problem.bays.iter().enumerate().map(|(i, b)| (i, b.kinds.len(), b.kinds.contains(&order.bay_kind)));
    let mut bays: Vec<_> = bays.filter_map(fits).collect();
    let technicians = problem.technicians.iter().enumerate();
    let technicians = technicians.map(|(i, t)| (i, t.skills.len(), t.skills.contains(&order.skill)));
    let mut technicians: Vec<_> = technicians.filter_map(fits).collect();
    bays.sort_unstable();
    technicians.sort_unstable();
    let indices = |pairs: Vec<(usize, usize)>| pairs.into_iter().map(|pair| pair.1).collect();
    Class { kind, skill, bays: indices(bays), technicians: indices(technicians) }
}

fn job(problem: &Problem, order: &Order, start: i64, vehicle: usize, class: usize) -> Job {
    let weight = 1.0 + f64::from(order.priority);
    let mut job = Job {
        duration: order.duration_ms,
        earliest: order.parts_ready_ms.clamp(start, LIMIT_MS),
        latest_safe: order.latest_safe_start_ms,
        cost_per_hour: weight * order.failure_cost_per_hour,
        cost_growth: weight * order.failure_cost_growth,
        unplanned: 0.0,
        vehicle,
        class,
        fixed: order.fixed.as_ref().map(|slot| slot.start_ms),
    };
    job.unplanned = weight * problem.cost_of_unplanned_order + job.late_cost(problem.horizon_end_ms);
    job
}

/// The demand inside the horizon, with no vehicle in the workshop.
fn demand_profile(problem: &Problem) -> Profile {
    let mut profile = Profile::new();
    for demand in &problem.demand {
        let available = i64::from(demand.vehicles_available.unwrap_or(problem.fleet_size));
        let from = demand.from_ms.max(problem.horizon_start_ms);
        let to = demand.to_ms.min(problem.horizon_end_ms);
        profile.add(from, to, i64::from(demand.vehicles_needed) - available - NO_DEMAND);
    }
    profile
}

fn validate(problem: &Problem) -> Result<(), Error> {
    let (from_ms, to_ms) = (problem.horizon_start_ms, problem.horizon_end_ms);
    if from_ms >= to_ms || from_ms < -LIMIT_MS || to_ms > LIMIT_MS || to_ms - from_ms > LIMIT_HORIZON_MS {
        return Err(Error::Horizon { from_ms, to_ms });
    }
    unique("bay", problem.bays.iter().map(|b| &b.id))?;
    unique("technician", problem.technicians.iter().map(|t| &t.id))?;
    unique("order", problem.orders.iter().map(|o| &o.id))?;
    let windows = problem.bays.iter().map(|b| (&b.id, &b.open));
    for (of, windows) in windows.chain(problem.technicians.iter().map(|t| (&t.id, &t.shifts))) {
        if windows.iter().any(|w| w.from_ms > w.to_ms) {
            return Err(Error::Window { of: of.clone() });
        }
    }
    for order in &problem.orders {
        if order.duration_ms <= 0 || order.duration_ms > LIMIT_MS {
            return Err(Error::Duration { order: order.id.clone() });
        }
        costs(&order.id, [order.failure_cost_per_hour, order.failure_cost_growth])?;
    }
    costs("the problem", [problem.cost_of_missing_vehicle_per_hour, problem.cost_of_unplanned_order])?;
    let mut demand = problem.demand.clone();
    demand.sort_by_key(|d| (d.from_ms, d.to_ms));
    let vehicles = demand.iter().flat_map(|d| [d.vehicles_needed, d.vehicles_available.unwrap_or(0)]);
    if vehicles.chain([problem.fleet_size]).any(|v| v > LIMIT_FLEET) {
        return Err(Error::Fleet);
    }
    if demand.iter().any(|d| d.from_ms > d.to_ms) {
        return Err(Error::Window { of: "the demand".into() });
    }
    match demand.windows(2).find(|pair| matches!(pair, [a, b] if b.from_ms < a.to_ms)) {
        Some([_, b]) => Err(Error::DemandOverlap { at_ms: b.from_ms }),
        _ => validate_fixed(problem),
    }
}

fn unique<'a>(what: &str, ids: impl Iterator<Item = &'a String>) -> Result<(), Error> {
    let mut seen = BTreeSet::new();
    for id in ids {
        if !seen.insert(id) {
            return Err(Error::Duplicate { what: what.into(), id: id.clone() });
        }
    }
    Ok(())
}

fn costs(of: &str, costs: [f64; 2]) -> Result<(), Error> {
    let good = costs.iter().all(|c| c.is_finite() && *c >= 0.0);
    if good { Ok(()) } else { Err(Error::Cost { of: of.into() }) }
}

fn validate_fixed(problem: &Problem) -> Result<(), Error> {
    let fixed = problem.orders.iter().filter_map(|o| o.fixed.as_ref().map(|slot| (o, slot)));
    let fixed: Vec<(&Order, &Slot)> = fixed.collect();
    for (i, (order, slot)) in fixed.iter().enumerate() {
        let known = slot.order == order.id
            && problem.bays.iter().any(|b| b.id == slot.bay)
            && problem.technicians.iter().any(|t| t.id == slot.technician);
        let times = slot.start_ms < slot.end_ms && slot.start_ms >= -LIMIT_MS && slot.end_ms <= LIMIT_MS;
        if !(known && times) {
            return Err(Error::FixedSlot { order: order.id.clone() });
        }
        for (other, that) in fixed.iter().take(i) {
            let shared = slot.bay == that.bay || slot.technician == that.technician || order.vehicle == other.vehicle;
            if shared && slot.start_ms < that.end_ms && that.start_ms < slot.end_ms {
                return Err(Error::FixedConflict { order: order.id.clone(), other: other.id.clone() });
            }
        }
    }
    Ok(())
}

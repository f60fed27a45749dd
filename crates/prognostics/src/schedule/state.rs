//! A plan under construction: who has which slot, what is still free, and what it costs.

use super::calendar::{Free, Profile};
use super::model::Model;

/// Where and when one order is done, in indices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) bay: usize,
    pub(super) technician: usize,
    pub(super) start: i64,
}

/// A possible place and what it would add to the cost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Offer {
    pub(super) place: Place,
    pub(super) cost: f64,
    /// The vehicle-milliseconds that this place would make missing.
    pub(super) missing_ms: i64,
}

#[derive(Clone, Debug)]
pub(super) struct State<'a> {
    pub(super) model: &'a Model,
    /// The place of each order that is not fixed and has one.
    pub(super) places: Vec<Option<Place>>,
    bays: Vec<Free>,
    technicians: Vec<Free>,
    pub(super) vehicles: Vec<Free>,
    profile: Profile,
    /// Where to begin in the lists of bays and technicians, which decides among equal starts.
    pub(super) turn: usize,
}

impl<'a> State<'a> {
    pub(super) fn new(model: &'a Model) -> Self {
        Self {
            model,
            places: vec![None; model.jobs.len()],
            bays: model.bays.clone(),
            technicians: model.technicians.clone(),
            vehicles: model.vehicles.clone(),
            profile: model.profile.clone(),
            turn: 0,
        }
    }

    /// The cost of the plan as it stands.
    pub(super) fn cost(&self) -> f64 {
        let jobs = self.model.jobs.iter().zip(&self.places);
        let orders: f64 = jobs
            .map(|(job, place)| match (job.fixed, place) {
                (Some(start), _) => job.late_cost(start),
                (None, Some(place)) => job.late_cost(place.start),
                (None, None) => job.unplanned,
            })
            .sum();
        orders + self.profile.missing_ms as f64 * self.model.missing_per_ms
    }

    /// The part of the cost that goes away when this order is taken out, without the cost of leaving it out.
    pub(super) fn share(&self, job: usize) -> f64 {
        let Some(this) = self.model.jobs.get(job) else { return 0.0 };
        let Some(place) = self.places.get(job).copied().flatten() else { return this.unplanned };
        let end = place.start + this.duration;
        let missing: i64 = self.profile.span(place.start, end).filter(|step| step.2 > 0).map(|(a, b, _)| b - a).sum();
        this.late_cost(place.start) + missing as f64 * self.model.missing_per_ms
    }

    pub(super) fn put(&mut self, job: usize, place: Place) {
        self.change(job, place, true);
        if let Some(slot) = self.places.get_mut(job) {
            *slot = Some(place);
        }
    }

    /// Takes the order out and returns where it was.
    pub(super) fn remove(&mut self, job: usize) -> Option<Place> {
        let place = self.places.get_mut(job)?.take()?;
        self.change(job, place, false);
        Some(place)
    }

    fn change(&mut self, job: usize, place: Place, take: bool) {
        let Some(this) = self.model.jobs.get(job) else { return };
        let (from, to) = (place.start, place.start + this.duration);
        let bay = self.bays.get_mut(place.bay);
        let technician = self.technicians.get_mut(place.technician);
        let vehicle = self.vehicles.get_mut(this.vehicle);
        for free in [bay, technician, vehicle].into_iter().flatten() {
            if take { free.take(from, to) } else { free.give(from, to) }
        }
        self.profile.add(from, to, if take { 1 } else { -1 });
    }

    /// The first place at or after this time.
    pub(super) fn first(&self, job: usize, at: i64) -> Option<Place> {
        let this = self.model.jobs.get(job)?;
        let class = self.model.classes.get(this.class)?;
        let vehicle = self.vehicles.get(this.vehicle)?;
        let (mut best, mut limit) = (None, self.model.end);
        for &bay in turned(&class.bays, self.turn) {
            let open = self.bays.get(bay)?;
            let Some(at) = open.next(at, this.duration, limit) else { continue };
            for &technician in turned(&class.technicians, self.turn) {
                if limit <= at {
                    break;
                }
                let shift = self.technicians.get(technician)?;
                if let Some(start) = common_start([open, vehicle, shift], at, this.duration, limit) {
                    best = Some(Place { bay, technician, start });
                    limit = start;
                }
            }
        }
        best
    }

    /// The last place at or before this time and after `limit`.
    fn last(&self, job: usize, at: i64, mut limit: i64) -> Option<Place> {
        let this = self.model.jobs.get(job)?;
        let class = self.model.classes.get(this.class)?;
        let vehicle = self.vehicles.get(this.vehicle)?;
        let mut best = None;
        for &bay in turned(&class.bays, self.turn) {
            let open = self.bays.get(bay)?;
            let Some(at) = open.last(at, this.duration, limit) else { continue };
            for &technician in turned(&class.technicians, self.turn) {
                let all = [open, vehicle, self.technicians.get(technician)?];
                if let Some(start) = common_last(all, at, this.duration, limit) {
                    best = Some(Place { bay, technician, start });
                    limit = start;
                }
            }
        }
        best
    }

    /// What this place would add to the cost.
    pub(super) fn offer(&self, job: usize, place: Place) -> Option<Offer> {
        let this = self.model.jobs.get(job)?;
        let missing_ms = self.profile.extra_ms(place.start, place.start + this.duration);
        let cost = this.late_cost(place.start) + missing_ms as f64 * self.model.missing_per_ms;
        Some(Offer { place, cost, missing_ms })
    }

    /// The cheapest place, the earliest among equals, if it costs less than `limit`. The cost of missing vehicles has its local
    /// minima where the order starts as a shortage ends or ends as one begins, so only those starts are tried, or their
    /// possible neighbours on both sides.
    pub(super) fn best(&self, job: usize, limit: f64) -> Option<Offer> {
        let this = self.model.jobs.get(job)?;
        let first = self.offer(job, self.first(job, this.earliest)?)?;
        if first.missing_ms == 0 {
            return (first.cost < limit).then_some(first);
        }
        let (mut best, mut limit) = ((first.cost < limit).then_some(first), limit.min(first.cost));
        let mut reached = first.place.start;
        for at in self.turns(reached, this.duration) {
            if this.late_cost(at) >= limit {
                break;
            }
            if at <= reached {
                continue;
            }
            let next = self.first(job, at);
            if next.is_none_or(|place| place.start > at)
                && let Some(offer) = self.last(job, at, reached).and_then(|place| self.offer(job, place))
                && offer.cost < limit
            {
                (best, limit) = (Some(offer), offer.cost);
            }
            let Some(offer) = next.and_then(|place| self.offer(job, place)) else { break };
            reached = offer.place.start;
            if offer.cost < limit {
                (best, limit) = (Some(offer), offer.cost);
                if offer.missing_ms == 0 {
                    break;
                }
            }
        }
        best
    }

    /// The starts after this time at which a shortage has just ended, or the order would end as a shortage begins.
    pub(super) fn turns(&self, after: i64, duration: i64) -> Vec<i64> {
        let first = self.profile.index(after);
        let steps = self.profile.steps.get(first..).unwrap_or_default();
        let mut turns = Vec::new();
        for pair in steps.windows(2) {
            let [a, b] = pair else { continue };
            match (a.1 >= 0, b.1 >= 0) {
                (true, false) => turns.push(b.0),
                (false, true) => turns.push(b.0 - duration),
                _ => {}
            }
        }
        turns.retain(|at| *at > after);
        turns.sort_unstable();
        turns
    }
}

/// The items from this place on, then those before it.
fn turned(items: &[usize], turn: usize) -> impl Iterator<Item = &usize> {
    let (before, from) = items.split_at(turn % items.len().max(1));
    from.iter().chain(before)
}

/// The last time after `limit` from which all three are free for the duration.
fn common_last(all: [&Free; 3], at: i64, duration: i64, limit: i64) -> Option<i64> {
    let mut start = at;
    loop {
        let before = start;
        for free in all {
            start = free.last(start, duration, limit)?;
        }
        if start == before {
            return Some(start);
        }
    }
}

/// The first time before `limit` from which all three are free for the duration.
fn common_start(all: [&Free; 3], at: i64, duration: i64, limit: i64) -> Option<i64> {
    let mut start = at;
    loop {
        let before = start;
        for free in all {
            start = free.next(start, duration, limit)?;
        }
        if start == before {
            return Some(start);
        }
    }
}

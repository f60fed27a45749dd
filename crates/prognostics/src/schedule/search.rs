//! Greedy construction by latest safe start, then large-neighbourhood search: take a few orders out, put them back better.

use crate::rng::SplitMix64;

use super::Search;
use super::model::Model;
use super::state::{Place, State};

/// How many orders one iteration takes out: at least the first number, and fewer than the sum.
const REMOVE: (usize, usize) = (2, 8);

/// How many unplanned orders one iteration tries to place again.
const RETRY: usize = 2;

/// The greatest rise in cost that is taken at the start, as a part of the mean cost of an order. It falls to zero.
const RISE: f64 = 0.5;

/// Every so many iterations, one in so many orders is left out on trial, and two in so many are put beside their cheapest place, by up to the next number.
const LOOSE_EVERY: u32 = 4;
const LOOSE: usize = 12;
const ASIDE_MS: usize = 8 * 3_600_000;

/// How often the final shift to the left is repeated while it still changes something.
const SETTLE_PASSES: usize = 4;

/// Runs the whole search.
pub(super) fn search<'a>(model: &'a Model, search: &Search) -> State<'a> {
    let mut state = State::new(model);
    let mut movable: Vec<usize> = (0..model.jobs.len()).filter(|i| is_movable(model, *i)).collect();
    by_urgency(model, &mut movable);
    insert_all(&mut state, &movable);
    improve(&mut state, &movable, search);
    settle(&mut state);
    state
}

fn is_movable(model: &Model, job: usize) -> bool {
    model.jobs.get(job).is_some_and(|j| j.fixed.is_none())
}

/// Sorts by latest safe start, then by the cost of lateness, then as given.
fn by_urgency(model: &Model, jobs: &mut [usize]) {
    let key = |i: &usize| model.jobs.get(*i).map_or((i64::MAX, 0.0), |j| (j.latest_safe, -j.cost_per_hour));
    jobs.sort_by(|a, b| key(a).0.cmp(&key(b).0).then(key(a).1.total_cmp(&key(b).1)).then(a.cmp(b)));
}

/// Puts each order at its cheapest place, if that is cheaper than leaving it out.
fn insert_all(state: &mut State<'_>, jobs: &[usize]) {
    for &job in jobs {
        let limit = state.model.jobs.get(job).map_or(0.0, |j| j.unplanned);
        if let Some(offer) = state.best(job, limit) {
            state.put(job, offer.place);
        }
    }
}

/// Like [`insert_all`], but now and then puts an order a little beside its cheapest place, at another bay, or leaves it out, so that others fit:
/// the cheapest place for one can be the wrong one for all.
fn insert_loosely(state: &mut State<'_>, jobs: &[usize], rng: &mut SplitMix64) {
    for &job in jobs {
        let Some(this) = state.model.jobs.get(job) else { continue };
        state.turn = rng.below(16);
        let Some(offer) = state.best(job, this.unplanned) else { continue };
        let beside = match rng.below(LOOSE) {
            0 => continue,
            1 | 2 => {
                let at = offer.place.start + rng.below(ASIDE_MS * 2) as i64 - ASIDE_MS as i64;
                state.first(job, at.max(this.earliest))
            }
            _ => None,
        };
        let beside = beside.and_then(|place| state.offer(job, place)).filter(|o| o.cost < this.unplanned);
        state.put(job, beside.unwrap_or(offer).place);
    }
    state.turn = 0;
}

fn improve(state: &mut State<'_>, movable: &[usize], search: &Search) {
    let mut rng = SplitMix64::new(search.seed);
    let mut cost = state.cost();
    let (mut best_cost, mut best) = (cost, state.places.clone());
    let rise = RISE * cost / movable.len().max(1) as f64;
    let mut before: Vec<(usize, Option<Place>)> = Vec::new();
    for iteration in 0..search.iterations {
        if movable.is_empty() || cost <= 0.0 {
            break;
        }
        let left = 1.0 - f64::from(iteration) / f64::from(search.iterations);
        let mut out = choose(state, movable, &mut rng);
        before.clear();
        before.extend(out.iter().map(|job| (*job, state.places.get(*job).copied().flatten())));
        for &job in &out {
            state.remove(job);
        }
        arrange(state.model, &mut out, &mut rng);
        if iteration % LOOSE_EVERY == 0 {
            insert_loosely(state, &out, &mut rng);
        } else {
            insert_all(state, &out);
        }
        let new = state.cost();
        if new <= cost + rise * left * left * rng.unit() {
            cost = new;
            if new < best_cost {
                best_cost = new;
                best.clone_from(&state.places);
            }
        } else {
            restore(state, &before);
        }
    }
    let all: Vec<_> = movable.iter().map(|job| (*job, best.get(*job).copied().flatten())).collect();
    restore(state, &all);
}

/// Puts these orders back to where they were.
fn restore(state: &mut State<'_>, places: &[(usize, Option<Place>)]) {
    for (job, _) in places {
        state.remove(*job);
    }
    for (job, place) in places {
        if let Some(place) = place {
            state.put(*job, *place);
        }
    }
}

/// Chooses the orders to take out: at random, the costly ones, or those that lie near a costly one.
fn choose(state: &State<'_>, movable: &[usize], rng: &mut SplitMix64) -> Vec<usize> {
    let count = (REMOVE.0 + rng.below(REMOVE.1)).min(movable.len());
    let pick = |rng: &mut SplitMix64| movable.get(rng.below(movable.len())).copied().unwrap_or_default();
    let mut out: Vec<usize> = match rng.below(4) {
        0 => (0..count).map(|_| pick(rng)).collect(),
        1 => (0..count).map(|_| costly(state, 4, rng, pick)).collect(),
        _ => {
            let centre = costly(state, 6, rng, pick);
            near(state, movable, centre, count, rng)
        }
    };
    for _ in 0..RETRY {
        let job = pick(rng);
        if state.places.get(job).is_some_and(Option::is_none) {
            out.push(job);
        }
    }
    out.sort_unstable();
    out.dedup();
    out
}

/// The costliest of some orders picked at random.
fn costly(state: &State<'_>, tries: usize, rng: &mut SplitMix64, pick: impl Fn(&mut SplitMix64) -> usize) -> usize {
    let mut best = (f64::NEG_INFINITY, 0);
    for _ in 0..tries {
        let job = pick(rng);
        let share = state.share(job);
        if share > best.0 {
            best = (share, job);
        }
    }
    best.1
}

/// The orders nearest to this one in time, where the same class counts as nearer; a little noise varies the choice.
fn near(state: &State<'_>, movable: &[usize], centre: usize, count: usize, rng: &mut SplitMix64) -> Vec<usize> {
    let model = state.model;
    let time = |job: usize| {
        let wanted = model.jobs.get(job).map_or(0, |j| j.latest_safe.clamp(j.earliest, model.end.max(j.earliest)));
        state.places.get(job).copied().flatten().map_or(wanted, |place| place.start)
    };
    let class = |job: usize| model.jobs.get(job).map(|j| j.class);
    let (at, kind) = (time(centre), class(centre));
    let mut ranked: Vec<(u64, usize)> = Vec::with_capacity(movable.len());
    for &job in movable {
        let distance = time(job).abs_diff(at);
        let other = if class(job) == kind { 1 } else { 3 };
        ranked.push((distance.saturating_mul(other * (4 + rng.below(8) as u64)), job));
    }
    let count = count.min(ranked.len());
    if count > 0 && count < ranked.len() {
        ranked.select_nth_unstable(count - 1);
    }
    let mut out: Vec<usize> = ranked.iter().take(count).map(|pair| pair.1).collect();
    out.push(centre);
    out
}

/// Brings the orders into the order in which they are put back.
fn arrange(model: &Model, out: &mut [usize], rng: &mut SplitMix64) {
    match rng.below(4) {
        0 => by_urgency(model, out),
        1 => {
            let weight = |i: &usize| model.jobs.get(*i).map_or(0.0, |j| j.unplanned / j.duration as f64);
            out.sort_by(|a, b| weight(b).total_cmp(&weight(a)).then(a.cmp(b)));
        }
        _ => rng.shuffle(out),
    }
}

/// Moves each order to its cheapest and then earliest place while that changes anything. The cost can only fall.
fn settle(state: &mut State<'_>) {
    for _ in 0..SETTLE_PASSES {
        let mut order: Vec<(i64, usize)> = Vec::new();
        order.extend(state.places.iter().enumerate().filter_map(|(job, place)| place.map(|p| (p.start, job))));
        order.sort_unstable();
        let mut changed = false;
        for (_, job) in order {
            let Some(old) = state.remove(job) else { continue };
            let old_cost = state.offer(job, old).map_or(f64::INFINITY, |offer| offer.cost);
            let found = state.best(job, f64::INFINITY);
            let better = found.filter(|o| o.cost < old_cost || (o.cost <= old_cost && o.place.start < old.start));
            changed |= better.is_some();
            state.put(job, better.map_or(old, |offer| offer.place));
        }
        let left_out: Vec<usize> = (0..state.places.len())
            .filter(|j| is_movable(state.model, *j) && state.places.get(*j) == Some(&None))
            .collect();
        insert_all(state, &left_out);
        changed |= left_out.iter().any(|job| state.places.get(*job) != Some(&None));
        if !changed {
            break;
        }
    }
}

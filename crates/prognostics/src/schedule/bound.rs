//! A lower bound by Lagrangian relaxation (Fisher, "The Lagrangian relaxation method for solving integer programming problems",
//! 1981). Bays and technicians are pooled: in each span of time the orders that need one of a set of kinds, or of a set of skills,
//! can together not use more time than their bays, or technicians, are open. Instead of holding these limits, each order pays a price for the time
//! it uses and the open time is paid back. For any prices that are not negative this costs at most what a real plan costs. A
//! price between zero and the full cost of a missing vehicle likewise stands for the demand. Then every order is free to choose
//! its own best start, which is exact; subgradient steps look for the prices that raise the bound the most.

use std::collections::{BTreeMap, BTreeSet};

use super::HOUR_MS;
use super::calendar::{Free, NO_DEMAND};
use super::model::{Job, Model};
use super::state::State;

/// The most spans of equal length into which the horizon is cut, besides the steps of the demand.
const MOST_SPANS: i64 = 512;

/// Steps without a much better bound after which the step length is cut.
const PATIENCE: u32 = 8;

/// What is taken off for rounding, as a part of the sums involved.
const ROUNDING: f64 = 1e-11;

/// How much of each new choice of the orders goes into the mean that gives the direction.
const FRESH: f64 = 0.1;

/// The parts of the estimated prices that are tried as a start.
const SCALES: [f64; 6] = [0.0, 0.15, 0.3, 0.5, 0.75, 1.0];

/// The bound, from this many steps of the volume algorithm (Barahona and Anbil, 2000): subgradient steps from the best prices so
/// far, along the mean of the imbalances seen. The plan only tells where to start and how long the steps are.
pub(super) fn lower_bound(state: &State<'_>, iterations: u32) -> f64 {
    let (model, upper) = (state.model, state.cost());
    let mut relaxation = Relaxation::new(model);
    let estimate = estimate(&relaxation, state);
    let mut best = f64::NEG_INFINITY;
    for scale in SCALES {
        for (pool, price) in relaxation.pools.iter_mut().zip(&estimate) {
            pool.price = price.iter().map(|p| p * scale).collect();
        }
        let value = relaxation.evaluate(model);
        if value > best {
            best = value;
            relaxation.all().for_each(Pool::restart);
        }
    }
    let (mut theta, mut stale) = (0.5, 0);
    for _ in 0..iterations {
        if best >= upper || !relaxation.step(model, theta * (upper - best)) {
            break;
        }
        let value = relaxation.evaluate(model);
        relaxation.all().for_each(Pool::mix);
        if value > best {
            stale = if value > best + 1e-3 * (upper - best) { 0 } else { stale + 1 };
            theta = (theta * 1.1_f64).min(1.5);
            best = value;
            relaxation.all().for_each(Pool::keep);
        } else {
            stale += 1;
        }
        if stale >= PATIENCE {
            (theta, stale) = (theta * 0.66, 0);
        }
    }
    best.max(0.0)
}

/// One pooled resource: its price for an hour, its open hours, and the hours used at the current prices, for each span.
#[derive(Clone)]
struct Pool {
    price: Vec<f64>,
    /// The prices of the best bound so far.
    best: Vec<f64>,
    open: Vec<f64>,
    used: Vec<f64>,
    /// The mean of the hours used at the prices seen, the newer the heavier.
    mean: Vec<f64>,
}

impl Pool {
    fn new(spans: usize) -> Self {
        let zero = vec![0.0; spans];
        Self { price: zero.clone(), best: zero.clone(), open: zero.clone(), used: zero.clone(), mean: zero }
    }

    fn keep(&mut self) {
        self.best.clone_from(&self.price);
    }

    fn restart(&mut self) {
        self.keep();
        self.mean.clone_from(&self.used);
    }

    fn mix(&mut self) {
        for (mean, used) in self.mean.iter_mut().zip(&self.used) {
            *mean += FRESH * (used - *mean);
        }
    }
}

/// Estimates what one more hour of each pool is worth in each span, from a plan: the late orders that follow in the same busy
/// stretch would all start earlier. Any estimate gives a valid bound; a good one saves steps.
fn estimate(relaxation: &Relaxation, state: &State<'_>) -> Vec<Vec<f64>> {
    let model = state.model;
    let spans = relaxation.wanted.len();
    let mut used = vec![vec![0.0; spans]; relaxation.pools.len()];
    for ((job, place), uses) in
        model.jobs.iter().zip(&state.places).filter_map(|(j, p)| Some(((j, (*p)?), relaxation.uses.get(j.class)?)))
    {
        for (span, hours) in overlaps(&relaxation.borders, place.start, place.start + job.duration) {
            for pool in uses {
                used[*pool][span] += hours;
            }
        }
    }
    let load = |pool: usize| used[pool].iter().sum::<f64>() / relaxation.pools[pool].open.iter().sum::<f64>().max(1e-9);
    // What an hour less of waiting saves in each span, for the fullest pool that each order uses.
    let mut saves = vec![vec![0.0; spans]; relaxation.pools.len()];
    for ((job, place), uses) in model
        .jobs
        .iter()
        .zip(&state.places)
        .filter_map(|(j, p)| Some(((j, p), relaxation.uses.get(j.class).filter(|_| j.fixed.is_none())?)))
    {
        let start = place.map_or(model.end - 1, |p| p.start);
        let late = start.saturating_sub(job.latest_safe);
        let fullest = uses.iter().copied().max_by(|a, b| load(*a).total_cmp(&load(*b)));
        if let (Some(pool), true) = (fullest, late > 0) {
            let rate = job.cost_per_hour + job.cost_growth * late as f64 / HOUR_MS;
            for (span, _) in overlaps(&relaxation.borders, job.earliest, start) {
                saves[pool][span] += rate;
            }
        }
    }
    for (pool, saves) in saves.iter_mut().enumerate() {
        for (span, save) in saves.iter_mut().enumerate() {
            let open = relaxation.pools[pool].open[span];
            let hours = (relaxation.borders[span + 1] - relaxation.borders[span]) as f64 / HOUR_MS;
            *save = if open > 0.0 { *save * hours / open } else { 0.0 };
        }
    }
    saves
}

struct Relaxation {
    /// The borders of the spans in milliseconds; one more than there are spans.
    borders: Vec<i64>,
    /// First one for each set of kinds, then one for each set of skills.
    pools: Vec<Pool>,
    /// The pools that the orders of each class use.
    uses: Vec<Vec<usize>>,
    /// The demand; `open` is the number of spare vehicle-hours, negative when some are missing already.
    demand: Pool,
    /// Whether there is a demand in the span.
    wanted: Vec<bool>,
    /// The starts that each order could have if it were alone.
    starts: Vec<Vec<(i64, i64)>>,
    /// The cost that no plan can change.
    constant: f64,
}

impl Relaxation {
    fn new(model: &Model) -> Self {
        let borders = borders(model);
        let spans = borders.len().saturating_sub(1);
        let empty = Pool::new(spans);
        let mut pools = vec![empty.clone(); sets(model.kinds).len() + sets(model.skills).len()];
        let kinds = model.classes.iter().flat_map(|c| c.bays.iter().map(|b| (c.kind, *b)));
        let skills = model.classes.iter().flat_map(|c| c.technicians.iter().map(|t| (c.skill, *t)));
        let (of_kinds, of_skills) = (sets(model.kinds), sets(model.skills));
        open_hours(&mut pools, 0, &of_kinds, &kinds.collect::<Vec<_>>(), &model.bays, &borders);
        let first = of_kinds.len();
        open_hours(&mut pools, first, &of_skills, &skills.collect::<Vec<_>>(), &model.technicians, &borders);
        let numbered = |sets: &[Vec<usize>], first: usize, wanted: usize| -> Vec<usize> {
            (first..).zip(sets).filter(|(_, set)| set.contains(&wanted)).map(|(i, _)| i).collect()
        };
        let uses = model.classes.iter().map(|c| {
            let mut uses = numbered(&of_kinds, 0, c.kind);
            uses.extend(numbered(&of_skills, first, c.skill));
            uses
        });
        let uses = uses.collect();
        let mut demand = empty;
        let mut wanted = vec![false; spans];
        let per_hour = model.missing_per_ms * HOUR_MS;
        for (i, pair) in borders.windows(2).enumerate() {
            let [from, to] = pair else { continue };
            let excess = model.profile.steps.get(model.profile.index(*from)).map_or(NO_DEMAND, |step| step.1);
            if excess > NO_DEMAND / 2 {
                demand.open[i] = -(excess as f64) * (to - from) as f64 / HOUR_MS;
                demand.price[i] = if excess >= 0 { per_hour } else { 0.0 };
                wanted[i] = true;
            } else {
                // Never short: it has no price and does not turn the direction.
                demand.open[i] = -(NO_DEMAND as f64);
            }
        }
        let fixed: f64 = model.jobs.iter().filter_map(|j| j.fixed.map(|start| j.late_cost(start))).sum();
        let before = model.profile.span(i64::MIN, model.start).filter(|s| s.2 > 0);
        let before: f64 = before.map(|(a, b, excess)| (b - a) as f64 * excess as f64).sum();
        let constant = fixed + before * model.missing_per_ms;
        Self { borders, pools, demand, wanted, starts: own_starts(model), uses, constant }
    }

    /// The bound at the current prices. It also notes the hours that the orders would use.
    fn evaluate(&mut self, model: &Model) -> f64 {
        let mut plus = self.constant;
        let mut minus = 0.0;
        for pool in self.pools.iter_mut().chain([&mut self.demand]) {
            pool.used.fill(0.0);
            for (price, open) in pool.price.iter().zip(&pool.open) {
                let paid_back = price * open;
                if paid_back > 0.0 { minus += paid_back } else { plus -= paid_back }
            }
        }
        let lines: Vec<Line> = self.uses.iter().map(|uses| self.line(uses)).collect();
        for (job, starts) in model.jobs.iter().zip(&self.starts) {
            let (Some(line), Some(uses)) = (lines.get(job.class), self.uses.get(job.class)) else { continue };
            if job.fixed.is_some() {
                continue;
            }
            let (cost, start) = line.cheapest(&self.borders, job, starts);
            plus += cost;
            let Some(start) = start else { continue };
            for (span, hours) in overlaps(&self.borders, start, start + job.duration) {
                for pool in uses {
                    self.pools[*pool].used[span] += hours;
                }
                self.demand.used[span] += hours;
            }
        }
        plus - minus - ROUNDING * (plus + minus)
    }

    /// The price of time for this class.
    fn line(&self, uses: &[usize]) -> Line {
        let mut price = self.demand.price.clone();
        for pool in uses {
            for (sum, more) in price.iter_mut().zip(&self.pools[*pool].price) {
                *sum += more;
            }
        }
        let mut total = vec![0.0];
        for (price, pair) in price.iter().zip(self.borders.windows(2)) {
            let hours = pair.last().zip(pair.first()).map_or(0.0, |(b, a)| (b - a) as f64 / HOUR_MS);
            total.push(total.last().copied().unwrap_or(0.0) + price * hours);
        }
        Line { price, total }
    }

    fn all(&mut self) -> impl Iterator<Item = &mut Pool> {
        self.pools.iter_mut().chain([&mut self.demand])
    }

    /// Moves the prices away from the best ones along the mean imbalance, by `length` over its square (Polyak). Says whether
    /// anything can move.
    fn step(&mut self, model: &Model, length: f64) -> bool {
        let most = model.missing_per_ms * HOUR_MS;
        let mut square = 0.0;
        for (pool, highest) in self.pools.iter().map(|p| (p, f64::INFINITY)).chain([(&self.demand, most)]) {
            for ((price, mean), open) in pool.best.iter().zip(&pool.mean).zip(&pool.open) {
                let slope = mean - open;
                let free = if slope > 0.0 { *price < highest } else { *price > 0.0 };
                square += if free { slope * slope } else { 0.0 };
            }
        }
        if square <= 0.0 || length <= 0.0 {
            return false;
        }
        let step = length / square;
        for pool in &mut self.pools {
            for i in 0..pool.price.len() {
                pool.price[i] = (pool.best[i] + step * (pool.mean[i] - pool.open[i])).max(0.0);
            }
        }
        for i in (0..self.wanted.len()).filter(|i| self.wanted[*i]) {
            let slope = self.demand.mean[i] - self.demand.open[i];
            self.demand.price[i] = (self.demand.best[i] + step * slope).clamp(0.0, most);
        }
        true
    }
}

/// The price of one hour in each span, and its sum from the first border up to each border.
struct Line {
    price: Vec<f64>,
    total: Vec<f64>,
}

impl Line {
    /// The cost of the time from the first border up to this time, which lies in the span `i`.
    fn until(&self, borders: &[i64], i: usize, at: i64) -> f64 {
        self.total[i] + self.price[i] * (at - borders[i]) as f64 / HOUR_MS
    }

    /// The cheapest start of this order, or none when leaving it out is cheaper. Between two turning points the price of its
    /// time is a straight line and lateness is a parabola, so the minimum is known exactly.
    fn cheapest(&self, borders: &[i64], job: &Job, starts: &[(i64, i64)]) -> (f64, Option<i64>) {
        let (mut best, mut best_start) = (job.unplanned, None);
        let last = self.price.len().saturating_sub(1);
        for &(low, high) in starts {
            let mut at = low;
            let mut i = borders.partition_point(|b| *b <= at).saturating_sub(1).min(last);
            let mut j = borders.partition_point(|b| *b <= at + job.duration).saturating_sub(1).min(last);
            loop {
                let late = job.late_cost(at);
                if late >= best {
                    return (best, best_start);
                }
                let here = late + self.until(borders, j, at + job.duration) - self.until(borders, i, at);
                if here < best {
                    (best, best_start) = (here, Some(at));
                }
                if at >= high {
                    break;
                }
                let mut next = high;
                if i < last {
                    next = next.min(borders[i + 1]);
                }
                if j < last {
                    next = next.min(borders[j + 1] - job.duration);
                }
                if at < job.latest_safe {
                    next = next.min(job.latest_safe);
                } else if let Some((cost, start)) = vertex(job, at, next, self.price[j] - self.price[i], here)
                    && cost < best
                {
                    (best, best_start) = (cost, Some(start));
                }
                at = next;
                while i < last && borders[i + 1] <= at {
                    i += 1;
                }
                while j < last && borders[j + 1] <= at + job.duration {
                    j += 1;
                }
            }
        }
        (best, best_start)
    }
}

/// The minimum inside a piece where the order is late, if it lies strictly inside: its cost and the start next to it.
fn vertex(job: &Job, at: i64, next: i64, price_slope: f64, here: f64) -> Option<(f64, i64)> {
    let late = at.saturating_sub(job.latest_safe) as f64 / HOUR_MS;
    let slope = price_slope + job.cost_per_hour + job.cost_growth * late;
    if slope >= 0.0 || job.cost_growth <= 0.0 {
        return None;
    }
    let hours = -slope / job.cost_growth;
    let start = at + (hours * HOUR_MS) as i64;
    (start < next).then_some((here - 0.5 * slope * slope / job.cost_growth, start))
}

/// The spans that overlap this time, each with the hours of overlap.
fn overlaps(borders: &[i64], from: i64, to: i64) -> impl Iterator<Item = (usize, f64)> + '_ {
    let first = borders.partition_point(|b| *b <= from).saturating_sub(1);
    let spans = borders.windows(2).enumerate().skip(first);
    let cut = spans.map_while(move |(i, pair)| match pair {
        [a, b] if *a < to => Some((i, (to.min(*b) - from.max(*a)).max(0) as f64 / HOUR_MS)),
        _ => None,
    });
    cut.filter(|(_, hours)| *hours > 0.0)
}

/// Cuts the time that can be planned into equal spans of one hour or more, and at every step of the demand.
fn borders(model: &Model) -> Vec<i64> {
    let length = ((model.end - model.start) / MOST_SPANS).max(HOUR_MS as i64);
    let mut borders: Vec<i64> = model.profile.steps.iter().map(|step| step.0).collect();
    borders.retain(|at| *at > model.start && *at < model.end);
    let mut at = model.start;
    while at < model.end {
        borders.push(at);
        at += length;
    }
    borders.push(model.end);
    borders.sort_unstable();
    borders.dedup();
    borders
}

/// The sets of kinds (or skills) whose bays (or technicians) are pooled: all sets when they are few, which is as strong as pricing
/// each bay alone (by Hall's theorem); else the single ones, the pairs when these are not too many, and all together.
fn sets(count: usize) -> Vec<Vec<usize>> {
    if count <= 5 {
        let bits = |mask: usize| (0..count).filter(|i| mask >> i & 1 == 1).collect();
        return (1..1 << count).map(bits).collect();
    }
    let mut sets: Vec<Vec<usize>> = (0..count).map(|i| vec![i]).collect();
    if count <= 12 {
        sets.extend((0..count).flat_map(|i| (0..i).map(move |j| vec![j, i])));
    }
    sets.push((0..count).collect());
    sets
}

/// Adds the open hours of all that serve a member of each set. The pairs are (kind or skill, bay or technician).
fn open_hours(
    pools: &mut [Pool],
    first: usize,
    sets: &[Vec<usize>],
    pairs: &[(usize, usize)],
    free: &[Free],
    borders: &[i64],
) {
    for (pool, set) in pools.iter_mut().skip(first).zip(sets) {
        let members: BTreeSet<usize> = pairs.iter().filter(|(wanted, _)| set.contains(wanted)).map(|p| p.1).collect();
        for gap in members.iter().filter_map(|m| free.get(*m)).flat_map(|free| &free.0) {
            for (span, hours) in overlaps(borders, gap.0, gap.1) {
                pool.open[span] += hours;
            }
        }
    }
}

/// The starts that each order could have if it were alone with the fixed slots, as joined spans from first to last start.
fn own_starts(model: &Model) -> Vec<Vec<(i64, i64)>> {
    let mut common: BTreeMap<usize, Vec<(i64, i64)>> = BTreeMap::new();
    for (index, class) in model.classes.iter().enumerate() {
        let gaps = common.entry(index).or_default();
        for bay in class.bays.iter().filter_map(|b| model.bays.get(*b)) {
            for technician in class.technicians.iter().filter_map(|t| model.technicians.get(*t)) {
                gaps.extend(both(&bay.0, &technician.0));
            }
        }
        gaps.sort_unstable();
        gaps.dedup();
    }
    let mut all = Vec::with_capacity(model.jobs.len());
    for job in &model.jobs {
        let (Some(gaps), Some(vehicle)) = (common.get(&job.class), model.vehicles.get(job.vehicle)) else { continue };
        let mut starts = Free::default();
        for (from, to) in gaps.iter().flat_map(|gap| both(&[*gap], &vehicle.0)) {
            // One millisecond is added so that a single start is a span, and taken off again below.
            starts.give(from.max(job.earliest), to - job.duration + 1);
        }
        all.push(starts.0.into_iter().map(|(from, to)| (from, to - 1)).collect());
    }
    all
}

/// The spans that lie in both lists.
fn both(a: &[(i64, i64)], b: &[(i64, i64)]) -> Vec<(i64, i64)> {
    let (mut i, mut j, mut out) = (0, 0, Vec::new());
    while let (Some(x), Some(y)) = (a.get(i), b.get(j)) {
        let (from, to) = (x.0.max(y.0), x.1.min(y.1));
        if from < to {
            out.push((from, to));
        }
        if x.1 <= y.1 { i += 1 } else { j += 1 }
    }
    out
}

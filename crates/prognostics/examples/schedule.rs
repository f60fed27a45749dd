//! `cargo xtask bench schedule [ITERATIONS] [PROBLEMS]`: plans 500 orders over 14 days and prints the cost, the lower bound, the gap and the seconds.

#![allow(
    clippy::print_stdout,
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "an example prints, and fails loudly"
)]

use std::time::Instant;

use prognostics::rng::SplitMix64;
use prognostics::schedule::{Bay, Demand, Order, Problem, Search, Technician, Window, check, plan};

const HOUR: i64 = 3_600_000;
const DAYS: i64 = 14;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let iterations = arguments.next().and_then(|a| a.parse().ok()).unwrap_or(Search::default().iterations);
    let problems: u64 = arguments.next().and_then(|a| a.parse().ok()).unwrap_or(3);
    println!("load   orders  planned  greedy cost        cost       bound    gap  greedy s  search s  bound s");
    for bays in [11, 9, 7, 5, 4] {
        for seed in 1..=problems {
            let problem = fleet(500, bays, seed);
            let timed = |iterations, bound_iterations| {
                let begin = Instant::now();
                let made =
                    plan(&problem, &Search { iterations, bound_iterations, seed }).expect("the problem is valid");
                (made, begin.elapsed().as_secs_f64())
            };
            let (greedy, greedy_seconds) = timed(0, 1);
            let (_, search_seconds) = timed(iterations, 1);
            let (made, seconds) = timed(iterations, Search::default().bound_iterations);
            assert_eq!(check(&problem, &made), []);
            println!(
                "{bays:2} bays {:6} {:8} {:12.1} {:11.1} {:11.1} {:5.1}% {:9.3} {:9.3} {:8.3}",
                problem.orders.len(),
                made.slots.len(),
                greedy.cost,
                made.cost,
                made.lower_bound,
                100.0 * made.gap,
                greedy_seconds,
                search_seconds,
                seconds - search_seconds,
            );
        }
    }
}

/// A workshop with two shifts on all days, four kinds of bay and four skills, and a fleet with two demand peaks a day.
fn fleet(orders: usize, bays: usize, seed: u64) -> Problem {
    let mut rng = SplitMix64::new(seed);
    let kinds = ["lift", "high-voltage", "sensor", "body"];
    let skills = ["mechanic", "high-voltage", "calibration", "body"];
    let day = |from: i64, to: i64, d: i64| Window { from_ms: (24 * d + from) * HOUR, to_ms: (24 * d + to) * HOUR };
    let names = |all: [&str; 4], i: usize| {
        let own = [all[i % 4], all[(i + 1) % 4]];
        own[..if i.is_multiple_of(3) { 2 } else { 1 }].iter().map(|s| (*s).to_string()).collect()
    };
    let bay =
        |i| Bay { id: format!("bay-{i}"), kinds: names(kinds, i), open: (0..DAYS).map(|d| day(6, 22, d)).collect() };
    let shifts =
        |i: usize| (0..DAYS).map(|d| if i.is_multiple_of(2) { day(6, 14, d) } else { day(14, 22, d) }).collect();
    let technician = |i: usize| Technician { id: format!("tech-{i}"), skills: names(skills, i / 2), shifts: shifts(i) };
    let mut order = |i: usize| {
        let kind = rng.below(4);
        let parts = if rng.below(3) == 0 { rng.below(7 * 24) as i64 * HOUR } else { 0 };
        Order {
            id: format!("order-{i:03}"),
            vehicle: format!("vehicle-{}", rng.below(400)),
            duration_ms: (2 + rng.below(7) as i64) * HOUR / 2,
            skill: skills[kind].into(),
            bay_kind: kinds[kind].into(),
            priority: rng.below(4) as u8,
            parts_ready_ms: parts,
            latest_safe_start_ms: parts.max(24 * HOUR) + rng.below(11 * 24) as i64 * HOUR,
            failure_cost_per_hour: 5.0 + 40.0 * rng.unit(),
            failure_cost_growth: rng.unit(),
            fixed: None,
        }
    };
    let hours = (0..DAYS * 24).map(|h| (h, [7, 8, 9, 16, 17, 18, 19].contains(&(h % 24))));
    let demand = hours.map(|(h, peak)| Demand {
        from_ms: h * HOUR,
        to_ms: (h + 1) * HOUR,
        vehicles_needed: if peak { 396 } else { 380 } + (h % 3) as u32,
        vehicles_available: None,
    });
    Problem {
        horizon_start_ms: 0,
        horizon_end_ms: DAYS * 24 * HOUR,
        frozen_until_ms: 4 * HOUR,
        orders: (0..orders).map(&mut order).collect(),
        bays: (0..bays).map(bay).collect(),
        technicians: (0..2 * bays).map(technician).collect(),
        demand: demand.collect(),
        fleet_size: 400,
        cost_of_missing_vehicle_per_hour: 40.0,
        cost_of_unplanned_order: 2_000.0,
    }
}

//! Random problems: every plan can be carried out, costs no less than the bound, and is the same every time; tiny problems are
//! compared with trying everything.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use prognostics::rng::SplitMix64;
use prognostics::schedule::{
    Bay, Demand, Error, Order, Plan, Problem, Reason, Search, Slot, Technician, Violation, Why, Window, check, cost,
    plan,
};

const HOUR: i64 = 3_600_000;

fn window(from: i64, to: i64) -> Window {
    Window { from_ms: from * HOUR, to_ms: to * HOUR }
}

fn pick(rng: &mut SplitMix64, names: &[&str]) -> Vec<String> {
    let mut chosen: Vec<String> = names.iter().filter(|_| rng.below(3) > 0).map(|s| (*s).to_string()).collect();
    if chosen.is_empty() {
        chosen.push(names[0].into());
    }
    chosen
}

fn order(rng: &mut SplitMix64, i: usize, hours: usize) -> Order {
    Order {
        id: format!("o{i}"),
        vehicle: format!("v{}", rng.below(6)),
        duration_ms: (1 + rng.below(4) as i64) * HOUR,
        skill: ["s0", "s1"][rng.below(2)].into(),
        bay_kind: ["k0", "k1"][rng.below(2)].into(),
        priority: rng.below(3) as u8,
        parts_ready_ms: rng.below(hours / 2) as i64 * HOUR,
        latest_safe_start_ms: rng.below(hours) as i64 * HOUR,
        failure_cost_per_hour: rng.below(20) as f64,
        failure_cost_growth: 0.0,
        fixed: None,
    }
}

/// A random problem on whole hours, so that trying every hour tries everything that matters.
fn random(seed: u64, orders: usize, hours: usize) -> Problem {
    let mut rng = SplitMix64::new(seed);
    let end = hours as i64;
    let cut = |rng: &mut SplitMix64| {
        let at = rng.below(hours - 3) as i64;
        vec![window(0, at), window(at + rng.below(3) as i64, end)]
    };
    let bays = (0..2).map(|i| Bay { id: format!("b{i}"), kinds: pick(&mut rng, &["k0", "k1"]), open: cut(&mut rng) });
    let bays = bays.collect();
    let technicians = (0..2).map(|i| {
        let skills = pick(&mut rng, &["s0", "s1"]);
        Technician { id: format!("t{i}"), skills, shifts: cut(&mut rng) }
    });
    let technicians = technicians.collect();
    let demand = (0..end / 2).map(|i| Demand {
        from_ms: 2 * i * HOUR,
        to_ms: (2 * i + 2) * HOUR,
        vehicles_needed: 3 + rng.below(5) as u32,
        vehicles_available: (rng.below(4) == 0).then_some(5),
    });
    let demand = demand.collect();
    Problem {
        horizon_start_ms: 0,
        horizon_end_ms: end * HOUR,
        frozen_until_ms: rng.below(3) as i64 * HOUR,
        bays,
        technicians,
        orders: (0..orders).map(|i| order(&mut rng, i, hours)).collect(),
        demand,
        fleet_size: 6,
        cost_of_missing_vehicle_per_hour: rng.below(15) as f64,
        cost_of_unplanned_order: rng.below(200) as f64,
    }
}

/// Makes times odd and costs curved, and pins one order, which the comparison on whole hours could not do.
fn roughen(problem: &mut Problem, seed: u64) {
    let mut rng = SplitMix64::new(seed ^ 0xABCD);
    for order in &mut problem.orders {
        order.duration_ms += rng.below(1_000_000) as i64;
        order.parts_ready_ms += rng.below(5_000_000) as i64 - 2_500_000;
        order.latest_safe_start_ms -= rng.below(9_000_000) as i64;
        order.failure_cost_growth = 3.0 * rng.unit();
    }
    let (bay, technician) = (problem.bays[rng.below(2)].id.clone(), problem.technicians[rng.below(2)].id.clone());
    if let Some(order) = problem.orders.first_mut() {
        let start_ms = rng.below(4) as i64 * HOUR - HOUR;
        let end_ms = start_ms + order.duration_ms;
        order.fixed = Some(Slot { order: order.id.clone(), bay, technician, start_ms, end_ms, reason: Reason::Fixed });
    }
}

fn search(iterations: u32, seed: u64) -> Search {
    Search { iterations, bound_iterations: 30, seed }
}

#[test]
fn every_plan_can_be_carried_out_and_costs_no_less_than_its_bound() {
    for seed in 0..150 {
        let mut problem = random(seed, 4 + seed as usize % 14, 24 + seed as usize % 30);
        roughen(&mut problem, seed);
        let made = plan(&problem, &search(60, seed)).unwrap();
        assert_eq!(check(&problem, &made), [], "seed {seed}");
        assert!((0.0..=1.0).contains(&made.gap), "seed {seed}");
        assert!(made.slots.iter().all(|s| s.reason.to_string().ends_with('.')));
        assert!(made.unplanned.iter().all(|u| u.why.to_string().ends_with('.')));
    }
}

#[test]
fn more_search_never_costs_more_than_greedy_and_is_repeatable() {
    for seed in 0..30 {
        let problem = random(seed, 16, 48);
        let greedy = plan(&problem, &search(0, seed)).unwrap();
        let made = plan(&problem, &search(150, seed)).unwrap();
        assert!(made.cost <= greedy.cost * (1.0 + 1e-12), "seed {seed}: {} {}", made.cost, greedy.cost);
        assert_eq!(made, plan(&problem, &search(150, seed)).unwrap());
    }
}

/// Tries every bay, technician and hour for each order, and leaving it out.
fn least(problem: &Problem, index: usize, slots: &mut Vec<Slot>, best: &mut f64) {
    let Some(order) = problem.orders.get(index) else {
        *best = best.min(cost(problem, slots));
        return;
    };
    least(problem, index + 1, slots, best);
    let hours = (problem.horizon_end_ms - order.duration_ms) / HOUR;
    for bay in problem.bays.iter().filter(|b| b.kinds.contains(&order.bay_kind)) {
        for technician in problem.technicians.iter().filter(|t| t.skills.contains(&order.skill)) {
            for hour in 0..=hours {
                let (start_ms, end_ms) = (hour * HOUR, hour * HOUR + order.duration_ms);
                slots.push(Slot {
                    order: order.id.clone(),
                    bay: bay.id.clone(),
                    technician: technician.id.clone(),
                    start_ms,
                    end_ms,
                    reason: Reason::Fixed,
                });
                let trial = Plan { slots: slots.clone(), unplanned: vec![], cost: 0.0, lower_bound: 0.0, gap: 0.0 };
                let broken = |v: &Violation| !matches!(v, Violation::Count { .. } | Violation::Cost { .. });
                if !check(problem, &trial).iter().any(broken) {
                    least(problem, index + 1, slots, best);
                }
                slots.pop();
            }
        }
    }
}

#[test]
fn tiny_plans_are_as_good_as_trying_everything() {
    let (mut optimal, total) = (0, 40);
    for seed in 0..total {
        let problem = random(1000 + seed, 3, 10);
        let made = plan(&problem, &search(600, seed)).unwrap();
        let mut best = f64::INFINITY;
        least(&problem, 0, &mut Vec::new(), &mut best);
        assert!(made.cost >= best - 1e-9, "seed {seed}: the plan costs {} but the least is {best}", made.cost);
        assert!(made.lower_bound <= best + 1e-9, "seed {seed}: the bound {} is above {best}", made.lower_bound);
        optimal += u32::from(made.cost <= best + 1e-9);
    }
    assert!(u64::from(optimal) >= total - 1, "only {optimal} of {total} tiny plans are optimal");
}

/// One bay, one technician and one order at leisure: the start of each test of reasons.
fn simple() -> Problem {
    let mut rng = SplitMix64::new(1);
    let mut only = order(&mut rng, 0, 24);
    (only.skill, only.bay_kind, only.vehicle) = ("s".into(), "k".into(), "v".into());
    (only.duration_ms, only.parts_ready_ms, only.latest_safe_start_ms) = (2 * HOUR, 0, 20 * HOUR);
    only.failure_cost_per_hour = 10.0;
    Problem {
        horizon_start_ms: 0,
        horizon_end_ms: 24 * HOUR,
        frozen_until_ms: 0,
        bays: vec![Bay { id: "b".into(), kinds: vec!["k".into()], open: vec![window(0, 24)] }],
        technicians: vec![Technician { id: "t".into(), skills: vec!["s".into()], shifts: vec![window(0, 24)] }],
        orders: vec![only],
        demand: vec![],
        fleet_size: 1,
        cost_of_missing_vehicle_per_hour: 5.0,
        cost_of_unplanned_order: 1000.0,
    }
}

fn only_slot(problem: &Problem) -> Slot {
    let made = plan(problem, &search(20, 1)).unwrap();
    assert_eq!(check(problem, &made), []);
    made.slots[0].clone()
}

#[test]
fn each_slot_says_why_it_is_there() {
    let free = |waits_ms| Reason::EarliestFree { bay_kind: "k".into(), skill: "s".into(), waits_ms };
    assert_eq!(only_slot(&simple()).reason, free(0));
    let mut closed = simple();
    closed.bays[0].open = vec![window(3, 24)];
    assert_eq!(only_slot(&closed).reason, free(3 * HOUR));
    let mut parts = simple();
    parts.orders[0].parts_ready_ms = 5 * HOUR;
    assert_eq!(only_slot(&parts).reason, Reason::WaitsForParts { until_ms: 5 * HOUR });
    let mut peak = simple();
    let demand =
        |from, to| Demand { from_ms: from * HOUR, to_ms: to * HOUR, vehicles_needed: 1, vehicles_available: None };
    peak.demand = vec![demand(0, 6)];
    let slot = only_slot(&peak);
    assert_eq!(slot.start_ms, 6 * HOUR);
    assert_eq!(slot.reason, Reason::MovedOutOfDemandPeak { possible_from_ms: 0, saves_vehicle_ms: 2 * HOUR });
    peak.orders[0].latest_safe_start_ms = HOUR;
    let slot = only_slot(&peak);
    assert_eq!(slot.start_ms, 0);
    assert_eq!(slot.reason, Reason::LatestSafeStartBinds { latest_safe_start_ms: HOUR, misses_vehicle_ms: 2 * HOUR });
    let mut late = simple();
    late.bays[0].open = vec![window(22, 24)];
    let slot = only_slot(&late);
    assert_eq!(slot.reason, Reason::StartsLate { latest_safe_start_ms: 20 * HOUR, late_ms: 2 * HOUR });
}

#[test]
fn fixed_slots_stay_and_the_vehicle_waits() {
    let mut problem = simple();
    problem.bays.push(Bay { id: "b2".into(), kinds: vec![], open: vec![] });
    problem.technicians.push(Technician { id: "t2".into(), skills: vec![], shifts: vec![] });
    let mut pinned = problem.orders[0].clone();
    pinned.id = "pinned".into();
    let (bay, technician) = ("b2".to_string(), "t2".to_string());
    let (start_ms, end_ms, reason) = (-HOUR, 4 * HOUR, Reason::Fixed);
    pinned.fixed = Some(Slot { order: "pinned".into(), bay, technician, start_ms, end_ms, reason });
    problem.orders.push(pinned);
    let made = plan(&problem, &search(20, 1)).unwrap();
    assert_eq!(check(&problem, &made), []);
    assert_eq!(made.slots[0].reason, Reason::Fixed);
    assert_eq!(made.slots[1].reason, Reason::WaitsForVehicle { until_ms: 4 * HOUR });
    problem.orders[0].fixed = Some(Slot { order: "o0".into(), ..made.slots[0].clone() });
    assert!(matches!(plan(&problem, &search(0, 1)), Err(Error::FixedConflict { .. })));
}

#[test]
fn each_unplanned_order_says_why() {
    let why = |change: &dyn Fn(&mut Problem)| {
        let mut problem = simple();
        change(&mut problem);
        let made = plan(&problem, &search(20, 1)).unwrap();
        assert_eq!(check(&problem, &made), []);
        made.unplanned.last().unwrap().why.clone()
    };
    assert_eq!(why(&|p| p.bays[0].kinds.clear()), Why::NoBayOfKind { bay_kind: "k".into() });
    assert_eq!(why(&|p| p.technicians[0].skills.clear()), Why::NoTechnicianWithSkill { skill: "s".into() });
    assert_eq!(why(&|p| p.orders[0].parts_ready_ms = i64::MAX), Why::PartsTooLate { parts_ready_ms: i64::MAX });
    let short = |p: &mut Problem| p.technicians[0].shifts = vec![window(0, 1), window(2, 3)];
    assert_eq!(why(&short), Why::NoOpeningLongEnough { duration_ms: 2 * HOUR });
    let second = |p: &mut Problem| {
        p.bays[0].open = vec![window(0, 2)];
        p.orders.push(Order { id: "o1".into(), vehicle: "w".into(), ..p.orders[0].clone() });
    };
    assert_eq!(why(&second), Why::NoFreeTime);
    let dear = |p: &mut Problem| {
        (p.cost_of_unplanned_order, p.orders[0].failure_cost_per_hour) = (1.0, 0.0);
        p.demand = vec![Demand { from_ms: 0, to_ms: 24 * HOUR, vehicles_needed: 1, vehicles_available: None }];
    };
    assert_eq!(why(&dear), Why::CostsMoreThanWaiting);
}

#[test]
fn the_check_finds_what_is_broken() {
    let mut problem = simple();
    problem.orders.push(Order { id: "o1".into(), vehicle: "w".into(), ..problem.orders[0].clone() });
    let good = plan(&problem, &search(20, 1)).unwrap();
    let broken = |change: &dyn Fn(&mut Plan)| {
        let mut plan = good.clone();
        change(&mut plan);
        check(&problem, &plan)
    };
    assert!(matches!(broken(&|p| p.cost += 1.0)[..], [Violation::Cost { .. }]));
    assert!(matches!(broken(&|p| p.lower_bound = 1e9)[..], [Violation::Bound { .. }]));
    assert!(broken(&|p| p.slots.truncate(1)).contains(&Violation::Count { order: good.slots[1].order.clone() }));
    let (order, other) = (good.slots[0].order.clone(), good.slots[1].order.clone());
    let together = broken(&|p| (p.slots[1].start_ms, p.slots[1].end_ms) = (p.slots[0].start_ms, p.slots[0].end_ms));
    assert_eq!(together, [Violation::Overlap { order: order.clone(), other }]);
    assert_eq!(broken(&|p| p.slots[0].end_ms -= 1)[0], Violation::Duration { order });
}

#[test]
fn refuses_problems_without_meaning() {
    let refused = |change: &dyn Fn(&mut Problem)| {
        let mut problem = simple();
        change(&mut problem);
        plan(&problem, &search(0, 1)).unwrap_err()
    };
    assert!(matches!(refused(&|p| p.horizon_end_ms = 0), Error::Horizon { .. }));
    assert!(matches!(refused(&|p| p.orders[0].duration_ms = 0), Error::Duration { .. }));
    assert!(matches!(refused(&|p| p.orders[0].failure_cost_per_hour = f64::NAN), Error::Cost { .. }));
    assert!(matches!(refused(&|p| p.orders.push(p.orders[0].clone())), Error::Duplicate { .. }));
    let overlap = |p: &mut Problem| {
        let demand = Demand { from_ms: 0, to_ms: 9, vehicles_needed: 1, vehicles_available: None };
        p.demand = vec![demand, Demand { from_ms: 5, to_ms: 20, ..demand }];
    };
    assert_eq!(refused(&overlap), Error::DemandOverlap { at_ms: 5 });
}

#[test]
fn an_empty_problem_has_an_empty_plan() {
    let mut problem = simple();
    problem.orders.clear();
    let made = plan(&problem, &Search::default()).unwrap();
    assert_eq!((made.slots.len(), made.cost, made.lower_bound), (0, 0.0, 0.0));
    problem.frozen_until_ms = i64::MAX;
    assert!(plan(&problem, &Search::default()).is_ok());
}

//! A mine: a pit of two turns of ramp, two load faces, a crusher, a dump, a workshop and the go-line.

use super::{Plan, Road, moved};

/// The radius at the rim and at the bottom, in metres.
const RIM_M: f64 = 950.0;
const BOTTOM_M: f64 = 330.0;
/// How far beside the way up the way down is.
const BESIDE_M: f64 = 35.0;
/// Degrees between two nodes of the ramp, and nodes of it.
const STEP_DEG: f64 = 45.0;
const STEPS: usize = 16;
/// Where the ramp begins at the rim.
const RIM_BEARING_DEG: f64 = 90.0;
/// Every so many nodes the ramp is level: a landing, where vehicles turn and may stop.
const LANDING: usize = 4;

const DOWN: Road = Road::one_way("Ramp down", "haul", 25).no_stop("ramp");
const UP: Road = Road::one_way("Ramp up", "haul", 30).no_stop("ramp");
const CROSSING: Road = Road::both("Landing", "haul", 15);
const HAUL: Road = Road::both("Haul road", "haul", 50);
const FACE: Road = Road::one_way("Load face", "haul", 15);
const DUMP: Road = Road::one_way("Tip head", "haul", 15);
const YARD: Road = Road::both("Workshop road", "service", 20);
const LIGHT: Road = Road::both("Light vehicle road", "track", 40);

pub fn plan() -> Plan {
    let mut plan = Plan::new(-23.62, -69.58);
    let (down, up) = ramp(&mut plan);
    // The faces are reached from landings: a loop beside the shovel, so that nobody reverses in a lane.
    let upper = face(&mut plan, up[LANDING * 2], bearing(LANDING * 2));
    let deep = face(&mut plan, up[STEPS], bearing(STEPS));
    plan.place("load_face", "Face 7 North", upper);
    plan.place("load_face", "Face 12 Deep", deep);
    surface(&mut plan, down[0], up[0]);
    plan
}

fn bearing(step: usize) -> f64 {
    RIM_BEARING_DEG + STEP_DEG * step as f64
}

/// The two ways between rim and bottom; the nodes of each from the rim down.
fn ramp(plan: &mut Plan) -> (Vec<usize>, Vec<usize>) {
    let radius = |step: f64| RIM_M + (BOTTOM_M - RIM_M) * step / STEPS as f64;
    let on = |step: f64, beside: f64| moved((0.0, 0.0), RIM_BEARING_DEG + STEP_DEG * step, radius(step) + beside);
    let lane = |plan: &mut Plan, beside: f64| (0..=STEPS).map(|step| plan.node(on(step as f64, beside))).collect();
    let (down, up): (Vec<usize>, Vec<usize>) = (lane(plan, BESIDE_M), lane(plan, 0.0));
    for step in 0..STEPS {
        let between = |beside: f64| [0.25, 0.5, 0.75].map(|part| on(step as f64 + part, beside));
        let mut back = between(0.0);
        back.reverse();
        // From a landing on one piece is level.
        let level = step % LANDING == 0;
        plan.bent(down[step], &between(BESIDE_M), down[step + 1], if level { DOWN.stop() } else { DOWN });
        plan.bent(up[step + 1], &back, up[step], if level { UP.stop() } else { UP });
    }
    for step in (0..=STEPS).step_by(LANDING) {
        plan.road(down[step], up[step], CROSSING);
    }
    (down, up)
}

/// A spur from a landing into the pit's wall, towards the pit's middle; answers where trucks are loaded.
fn face(plan: &mut Plan, landing: usize, bearing_deg: f64) -> usize {
    let entry = plan.node(moved(plan.at(landing), bearing_deg + 180.0, 60.0));
    plan.road(landing, entry, CROSSING);
    plan.turning_loop(entry, bearing_deg + 180.0, 45.0, FACE)
}

/// What lies around the pit: the rim's crossroads, and the roads from it.
fn surface(plan: &mut Plan, down: usize, up: usize) {
    let rim = plan.node((RIM_M + 130.0, 0.0));
    plan.road(rim, down, HAUL);
    plan.road(up, rim, HAUL);
    // The crusher in the east.
    let east = [(1_450.0, 120.0), (1_850.0, 160.0), (2_250.0, 140.0)].map(|at| plan.node(at));
    plan.chain(&[rim, east[0], east[1], east[2]], HAUL);
    let crusher = plan.turning_loop(east[2], 80.0, 55.0, DUMP);
    plan.place("dump", "Primary crusher", crusher);
    // The waste dump in the north, with two tip heads.
    let north = [(1_250.0, 620.0), (1_200.0, 1_150.0), (950.0, 1_600.0), (520.0, 1_850.0)].map(|at| plan.node(at));
    plan.chain(&[rim, north[0], north[1], north[2], north[3]], HAUL);
    for (name, node, bearing_deg) in [("Waste dump West", north[3], 290.0), ("Waste dump North", north[2], 20.0)] {
        let tip = plan.turning_loop(node, bearing_deg, 70.0, DUMP);
        plan.place("dump", name, tip);
    }
    // The haul roads are a ring: a closure on one leaves the other way.
    plan.bent(north[1], &[(1_550.0, 1_050.0), (1_800.0, 700.0)], east[1], HAUL);
    // The workshop, the go-line and the office in the south-east.
    let south = [(1_250.0, -420.0), (1_500.0, -800.0), (1_850.0, -950.0)].map(|at| plan.node(at));
    plan.chain(&[rim, south[0], south[1]], HAUL);
    plan.road(south[1], south[2], YARD);
    plan.bent(south[2], &[(2_150.0, -700.0), (2_300.0, -250.0)], east[2], LIGHT);
    for (kind, name, bearing_deg) in
        [("go_line", "Go-line", 60.0), ("workshop", "Workshop", 150.0), ("charger", "Charging bay", 105.0)]
    {
        let entry = plan.node(moved(plan.at(south[2]), bearing_deg, 120.0));
        plan.road(south[2], entry, YARD);
        let stand = plan.turning_loop(entry, bearing_deg, 35.0, Road::one_way(name, "service", 15));
        plan.place(kind, name, stand);
    }
    let gate = plan.node((2_450.0, -1_150.0));
    plan.bent(south[2], &[(2_150.0, -1_100.0)], gate, LIGHT);
    let office = plan.turning_loop(gate, 120.0, 30.0, Road::one_way("Mine office", "service", 15));
    plan.place("gate", "Mine office", office);
}

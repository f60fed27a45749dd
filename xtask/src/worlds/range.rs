//! A range: tracks in loops over hills, a base, a supply point, a bridge over a dry river and waypoints, ten kilometres
//! across.

use super::{Plan, Point, Road};

/// Crossings of tracks from west to east and from south to north.
const COLUMNS: usize = 6;
const ROWS: usize = 5;
const SPACING_M: f64 = 1_900.0;
/// How far the hills push a crossing or a bend aside, in metres.
const ASIDE_M: f64 = 420.0;
const BEND_M: f64 = 150.0;

const ROAD: Road = Road::both("Supply road", "unclassified", 60);
const TRACK: Road = Road::both("Track", "track", 35);
const HILL: Road = Road::both("Hill track", "track", 20);
const FORD: Road = Road::both("Bridge", "track", 20).no_stop("bridge");
const BASE: Road = Road::one_way("Base yard", "service", 15);
const WAYPOINT: Road = Road::one_way("Halt", "track", 15);

pub fn plan() -> Plan {
    let mut plan = Plan::new(-28.63, 129.62);
    let mut draws = Draws(0x7261_6e67);
    let grid = crossings(&mut plan, &mut draws);
    for column in 0..COLUMNS {
        for row in 0..ROWS {
            if column + 1 < COLUMNS && !(row == 3 && column == 2) {
                // The road along the south is graded; everything else is a track.
                let road = if row == 0 { ROAD } else { TRACK };
                connect(&mut plan, &mut draws, (grid[column][row], grid[column + 1][row]), road);
            }
            if row + 1 < ROWS && (column + row) % 4 != 3 {
                connect(&mut plan, &mut draws, (grid[column][row], grid[column][row + 1]), HILL);
            }
        }
    }
    let halts = [
        ("base", "Base Camp", 0, 0, 225.0, BASE),
        ("supply", "Supply Point Ochre", 4, 0, 160.0, BASE),
        ("waypoint", "Waypoint Anvil", 1, 1, 300.0, WAYPOINT),
        ("waypoint", "Waypoint Birch", 2, 2, 20.0, WAYPOINT),
        ("waypoint", "Waypoint Cairn", 0, 3, 280.0, WAYPOINT),
        ("waypoint", "Waypoint Dune", 3, 1, 70.0, WAYPOINT),
        ("waypoint", "Waypoint Ember", 4, 3, 45.0, WAYPOINT),
        ("waypoint", "Waypoint Flint", 5, 2, 100.0, WAYPOINT),
        ("waypoint", "Waypoint Gully", 2, 4, 350.0, WAYPOINT),
    ];
    for (kind, name, column, row, heading_deg, road) in halts {
        let stand = plan.turning_loop(grid[column][row], heading_deg, 45.0, road);
        plan.place(kind, name, stand);
    }
    plan
}

fn crossings(plan: &mut Plan, draws: &mut Draws) -> Vec<Vec<usize>> {
    let middle = |count: usize| (count - 1) as f64 / 2.0;
    let mut at = |column: usize, row: usize| -> Point {
        let east = (column as f64 - middle(COLUMNS)) * SPACING_M + draws.within(ASIDE_M);
        (east, (row as f64 - middle(ROWS)) * SPACING_M + draws.within(ASIDE_M))
    };
    (0..COLUMNS).map(|column| (0..ROWS).map(|row| plan.node(at(column, row))).collect()).collect()
}

/// A way that winds between two crossings; every way north over the dry river in the middle has a bridge.
fn connect(plan: &mut Plan, draws: &mut Draws, (from, to): (usize, usize), road: Road) {
    let (a, b) = (plan.at(from), plan.at(to));
    let mut between = |part: f64| -> Point {
        let (east, north) = (a.0 + (b.0 - a.0) * part, a.1 + (b.1 - a.1) * part);
        (east + draws.within(BEND_M), north + draws.within(BEND_M))
    };
    let bends = [0.15, 0.3, 0.45, 0.55, 0.7, 0.85].map(&mut between);
    let crosses_river = a.1 < 0.0 && b.1 > 0.0 && road.name == HILL.name;
    if crosses_river {
        let banks = [plan.node(bends[2]), plan.node(bends[3])];
        plan.bent(from, &bends[..2], banks[0], road);
        plan.road(banks[0], banks[1], FORD);
        plan.bent(banks[1], &bends[4..], to, road);
    } else {
        plan.bent(from, &bends, to, road);
    }
}

/// Numbers that look drawn and are the same each time.
struct Draws(u64);

impl Draws {
    /// A number from `-most` to `most`.
    fn within(&mut self, most: f64) -> f64 {
        // Knuth's MMIX constants; the high bits are good enough to place hills.
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 40) as f64 / f64::from(1_u32 << 24) * 2.0 - 1.0) * most
    }
}

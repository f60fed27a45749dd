//! A container terminal: a quay lane, a grid of one-way lanes between blocks, a reefer area and two gates.

use super::{Plan, Road};

/// Lanes along the quay and across it.
const COLUMNS: usize = 9;
const ROWS: usize = 6;
/// Metres between two lanes: a block of containers and its lanes.
const COLUMN_M: f64 = 150.0;
const ROW_M: f64 = 90.0;
/// Metres from the quay lane to the first lane of the blocks.
const APRON_M: f64 = 80.0;

const QUAY: Road = Road::one_way("Quay lane", "service", 25);
const MAIN: Road = Road::one_way("Perimeter road", "unclassified", 30);
const AISLE: Road = Road::one_way("Aisle", "service", 25);
const LANE: Road = Road::one_way("Block lane", "service", 20);
const APPROACH: Road = Road::both("Gate road", "unclassified", 30);
const RAIL: Road = Road::both("Gate road", "unclassified", 15).no_stop("level_crossing");
const GATE: Road = Road::one_way("Gate lane", "service", 10);
const REEFER: Road = Road::one_way("Reefer lane", "service", 15);

pub fn plan() -> Plan {
    let mut plan = Plan::new(-26.62, -70.695);
    let grid = grid(&mut plan);
    blocks(&mut plan, &grid);
    quay(&mut plan, &grid);
    gate(&mut plan, grid[COLUMNS - 1][1], "Gate North");
    gate(&mut plan, grid[COLUMNS - 1][ROWS - 2], "Gate South");
    plan
}

/// Lanes in a grid, each one way and the next the other way; the outermost lead around all.
fn grid(plan: &mut Plan) -> Vec<Vec<usize>> {
    let at = |column: usize, row: usize| (APRON_M + COLUMN_M * column as f64, -ROW_M * row as f64);
    let nodes: Vec<Vec<usize>> =
        (0..COLUMNS).map(|column| (0..ROWS).map(|row| plan.node(at(column, row))).collect()).collect();
    for row in 0..ROWS {
        let mut along: Vec<usize> = nodes.iter().map(|column| column[row]).collect();
        // Eastward in the north, westward in the south: with the columns' ends it is a ring.
        if row % 2 == 1 {
            along.reverse();
        }
        plan.chain(&along, if row == 0 || row == ROWS - 1 { MAIN } else { LANE });
    }
    for (column, mut along) in nodes.iter().cloned().enumerate() {
        // Southward in the east, northward in the west.
        if column % 2 == 1 || column == 0 {
            along.reverse();
        }
        plan.chain(&along, if column == 0 || column == COLUMNS - 1 { MAIN } else { AISLE });
    }
    nodes
}

/// Names places at crossings of lanes inside the grid: blocks for boxes, and loops with power for reefers.
fn blocks(plan: &mut Plan, grid: &[Vec<usize>]) {
    let named = [
        ("Block A1", 1, 1),
        ("Block A2", 3, 1),
        ("Block B1", 1, 2),
        ("Block B2", 3, 2),
        ("Block C1", 1, 3),
        ("Block C2", 3, 3),
        ("Block D1", 5, 2),
        ("Block D2", 5, 3),
        ("Block DG", 5, 4),
        ("Empty stack", 6, 4),
    ];
    for (name, column, row) in named {
        // Half way along the block's lane, where a crane sets boxes down.
        let (east, north) = plan.at(grid[column][row]);
        let (from, to) = if row % 2 == 1 { (column + 1, column) } else { (column, column + 1) };
        let stand = plan.node((east + COLUMN_M / 2.0, north - 14.0));
        plan.road(grid[from][row], stand, LANE);
        plan.road(stand, grid[to][row], LANE);
        plan.place("block", name, stand);
    }
    for (name, row) in [("Reefer rack 1", 2), ("Reefer rack 2", 3)] {
        let stand = plan.turning_loop(grid[7][row], if row == 2 { 45.0 } else { 135.0 }, 20.0, REEFER);
        plan.place("block", name, stand);
    }
    let power = plan.turning_loop(grid[6][ROWS - 1], 180.0, 25.0, REEFER);
    plan.place("charger", "Charging park", power);
    let workshop = plan.turning_loop(grid[2][ROWS - 1], 180.0, 25.0, Road::one_way("Workshop", "service", 15));
    plan.place("workshop", "Workshop", workshop);
}

/// The lane under the quay cranes, northward, with a way in at its south end and out at its north end.
fn quay(plan: &mut Plan, grid: &[Vec<usize>]) {
    let stands: Vec<usize> = (0..ROWS).rev().map(|row| plan.node((0.0, -ROW_M * row as f64))).collect();
    let (south, north) = (grid[0][ROWS - 1], grid[0][0]);
    plan.road(south, stands[0], QUAY);
    plan.chain(&stands, QUAY);
    plan.road(stands[ROWS - 1], north, QUAY);
    for (crane, &stand) in stands.iter().skip(1).take(4).enumerate() {
        plan.place("quay", &format!("Quay crane {}", crane + 1), stand);
    }
}

/// A gate beyond the port's railway.
fn gate(plan: &mut Plan, from: usize, name: &str) {
    let (east, north) = plan.at(from);
    let [before, behind, square] = [60.0, 90.0, 240.0].map(|metres| plan.node((east + metres, north)));
    plan.road(from, before, APPROACH);
    plan.road(before, behind, RAIL);
    plan.road(behind, square, APPROACH);
    let stand = plan.turning_loop(square, 90.0, 30.0, GATE);
    plan.place("gate", name, stand);
}

//! A small town: a 4 × 4 grid of two-way streets, about a kilometre square; a road east of it with a long tunnel; and a
//! street that nothing connects to the rest.
//!
//! ```text
//! n12 n13 n14 n15
//! n8  n9  n10 n11
//! n4  n5  n6  n7
//! n0  n1  n2  n3 ─ n16 ═══ tunnel ═══ n17 ─ n18          n20 ─ n21
//! ```

use serde_json::{Value, json};

/// The south-west corner.
const LAT: f64 = -29.9000;
const LON: f64 = -71.2500;
/// Metres between neighbours of the grid.
pub const BLOCK_M: f64 = 300.0;
const METRES_PER_DEGREE: f64 = 111_320.0;

pub const NAME: &str = "town";

/// A place by metres east and north of the corner.
pub fn at(east_m: f64, north_m: f64) -> Value {
    let (lat, lon) = degrees(east_m, north_m);
    json!({ "lat": lat, "lon": lon })
}

pub fn degrees(east_m: f64, north_m: f64) -> (f64, f64) {
    let lat = LAT + north_m / METRES_PER_DEGREE;
    (lat, LON + east_m / (METRES_PER_DEGREE * LAT.to_radians().cos()))
}

/// Metres east of the corner.
pub fn east_m(lon: f64) -> f64 {
    (lon - LON) * METRES_PER_DEGREE * LAT.to_radians().cos()
}

/// A crossing of the grid, by column and row from the corner.
pub fn crossing(column: u32, row: u32) -> (f64, f64) {
    (f64::from(column) * BLOCK_M, f64::from(row) * BLOCK_M)
}

pub const TUNNEL_FROM_M: f64 = 1_500.0;
pub const TUNNEL_TO_M: f64 = 4_000.0;
pub const ROAD_END_M: f64 = 5_500.0;
/// The street that nothing leads to.
pub const ISLAND_M: (f64, f64) = (9_000.0, 0.0);

fn places() -> Vec<(u32, f64, f64)> {
    let grid = (0..16).map(|n| (n, f64::from(n % 4) * BLOCK_M, f64::from(n / 4) * BLOCK_M));
    let road = [(16, TUNNEL_FROM_M, 0.0), (17, TUNNEL_TO_M, 0.0), (18, ROAD_END_M, 0.0)];
    grid.chain(road).chain([(20, ISLAND_M.0, ISLAND_M.1), (21, ISLAND_M.0 + BLOCK_M, ISLAND_M.1)]).collect()
}

/// From, to, kilometres per hour.
fn streets() -> Vec<(u32, u32, u32)> {
    let across = (0..16).filter(|n| n % 4 < 3).map(|n| (n, n + 1, 50));
    let up = (0..12).map(|n| (n, n + 4, 50));
    across.chain(up).chain([(3, 16, 50), (16, 17, 50), (17, 18, 50), (20, 21, 50)]).collect()
}

/// The body of an import.
pub fn network() -> Value {
    let places = places();
    let mut nodes = String::from("node_id,lon,lat,is_centroid\n");
    for (id, east, north) in &places {
        let (lat, lon) = degrees(*east, *north);
        nodes += &format!("{id},{lon:.7},{lat:.7},0\n");
    }
    let mut links = String::from(
        "link_id,a_node,b_node,direction,distance_m,link_type,modes,speed_ab,speed_ba,lanes_ab,lanes_ba,name,osm_id,geometry_lonlat\n",
    );
    let mut tunnel = 0;
    for (n, (from, to, kmh)) in streets().into_iter().enumerate() {
        let place = |id: u32| places.iter().find(|place| place.0 == id).unwrap();
        let (a, b) = (place(from), place(to));
        let length = (b.1 - a.1).hypot(b.2 - a.2);
        let point = |place: &(u32, f64, f64)| {
            let (lat, lon) = degrees(place.1, place.2);
            format!("{lon:.7} {lat:.7}")
        };
        let id = n + 1;
        if from == 16 {
            tunnel = id;
        }
        links +=
            &format!("{id},{from},{to},0,{length:.1},residential,c,{kmh},{kmh},1,1,,{id},{};{}\n", point(a), point(b));
    }
    json!({ "nodes": nodes, "links": links, "no_stop": format!("link_id,reason\n{tunnel},tunnel\n") })
}

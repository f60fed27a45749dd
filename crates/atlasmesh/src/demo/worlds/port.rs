//! A container terminal on a coast that was invented for the demo: terminal tractors between quay, blocks and gates.

use anyhow::Result;
use kernel::Sector;
use serde_json::{Value, json};

use super::lines::{self, Stand, Words};
use super::named::Places;
use super::{Capabilities, Facts, World, profile, trip};
use crate::demo::city::Place;

static FACTS: Facts = Facts {
    sector: Sector::Logistics,
    tenant: "puerto-sereno",
    site: "port",
    plan: "professional",
    nodes: include_bytes!("../../../../../data/port/nodes.csv"),
    links: include_bytes!("../../../../../data/port/links.csv"),
    no_stop: include_str!("../../../../../data/port/no_stop.csv"),
};
const PLACES: &str = include_str!("../../../../../data/port/places.csv");

/// What kinds of way a box takes: discharged, loaded, brought by road, fetched by road, moved between blocks.
const MOVES: [(&[&str], &[&str]); 5] = [
    (&["quay"], &["block"]),
    (&["block"], &["quay"]),
    (&["gate"], &["block"]),
    (&["block"], &["gate"]),
    (&["block"], &["block"]),
];
/// One box in so many is kept cold.
const REEFERS: usize = 8;
/// One tractor in so many has power for reefers, the second first; one in so many may carry dangerous goods, the first first.
const POWERED: usize = 3;
const DANGEROUS: usize = 4;

#[derive(Debug)]
pub struct Port {
    places: Places,
    asked: usize,
}

impl Port {
    pub fn read() -> Result<Self> {
        Ok(Self { places: Places::read(PLACES)?, asked: 0 })
    }
}

impl World for Port {
    fn facts(&self) -> &'static Facts {
        &FACTS
    }

    fn profile(&self, n: usize) -> Value {
        let mut capabilities = vec!["delivery"];
        if n % POWERED == 1 {
            capabilities.push("reefer-power");
        }
        if n.is_multiple_of(DANGEROUS) {
            capabilities.extend(["dg-3", "dg-8"]);
        }
        let rest = json!({
            "max_speed_mps": 11.1, "payload_max_kg": 65_000.0, "seats": 0, "energy_capacity_wh": 280_000.0,
        });
        profile(&FACTS, &format!("TT-{:02}", n + 1), &capabilities, &rest)
    }

    fn start(&mut self, n: usize) -> Place {
        self.places.in_turn(n)
    }

    fn ask(&mut self, fleet: &Capabilities) -> Value {
        self.asked += 1;
        let (from, to) = MOVES[self.places.draws.below(MOVES.len())];
        let ends = self.places.pair(from, to);
        let payload_kg = 4_000 + 500 * self.places.draws.below(53);
        let cold = self.asked.is_multiple_of(REEFERS) && fleet.contains("reefer-power");
        trip(&FACTS, "delivery", ends, payload_kg, if cold { &["reefer-power"] } else { &[] })
    }

    fn tries(&mut self, stand: &Stand<'_>) -> Result<Vec<String>> {
        let (from, to) = (self.places.first("quay"), self.places.first("block"));
        let job = format!("--kind delivery --payload-kg 28000 {}", lines::ends(from, to));
        let heavy = format!("--kind delivery --payload-kg 70000 {}", lines::ends(from, to));
        lines::of(stand, &FACTS, &Words { trips: "the jobs", ask: "ask for a move", wish: &job, refused: &heavy })
    }
}

//! A mine in the Atacama that was invented for the demo: haul trucks between load faces, crusher and dumps, and a few light
//! vehicles among them.

use anyhow::Result;
use kernel::Sector;
use serde_json::{Value, json};

use super::lines::{self, Stand, Words};
use super::named::Places;
use super::{Capabilities, Facts, World, profile, trip};
use crate::demo::city::Place;

static FACTS: Facts = Facts {
    sector: Sector::Mining,
    tenant: "cerro-claro",
    site: "pit",
    plan: "professional",
    nodes: include_bytes!("../../../../../data/pit/nodes.csv"),
    links: include_bytes!("../../../../../data/pit/links.csv"),
    no_stop: include_str!("../../../../../data/pit/no_stop.csv"),
};
const PLACES: &str = include_str!("../../../../../data/pit/places.csv");

/// One vehicle in so many is a light one, the fourth first.
const LIGHT: usize = 10;
const FIRST_LIGHT: usize = 3;
/// What a full truck carries, in kilograms.
const FULL_KG: usize = 220_000;
/// One trip in so many is for a light vehicle, and one in so many brings an empty truck back to a face.
const LIGHT_TRIPS: usize = 8;
const EMPTY_TRIPS: usize = 4;

#[derive(Debug)]
pub struct Pit {
    places: Places,
    asked: usize,
}

impl Pit {
    pub fn read() -> Result<Self> {
        Ok(Self { places: Places::read(PLACES)?, asked: 0 })
    }
}

fn is_light(n: usize) -> bool {
    n % LIGHT == FIRST_LIGHT
}

impl World for Pit {
    fn facts(&self) -> &'static Facts {
        &FACTS
    }

    fn profile(&self, n: usize) -> Value {
        let light_before = (n + LIGHT - 1 - FIRST_LIGHT) / LIGHT;
        if is_light(n) {
            let rest =
                json!({ "max_speed_mps": 19.4, "payload_max_kg": 900.0, "seats": 2, "energy_capacity_wh": 110_000.0 });
            return profile(&FACTS, &format!("LV-{}", 201 + light_before), &["delivery", "transponder"], &rest);
        }
        let rest = json!({
            "max_speed_mps": 16.7, "payload_max_kg": FULL_KG, "seats": 0, "energy_capacity_wh": 1_900_000.0,
        });
        profile(&FACTS, &format!("HT-{}", 101 + n - light_before), &["haul"], &rest)
    }

    fn start(&mut self, n: usize) -> Place {
        self.places.in_turn(n)
    }

    fn ask(&mut self, fleet: &Capabilities) -> Value {
        self.asked += 1;
        if self.asked.is_multiple_of(LIGHT_TRIPS) && fleet.contains("transponder") {
            let ends =
                self.places.pair(&["workshop", "gate", "go_line"], &["workshop", "gate", "go_line", "load_face"]);
            return trip(&FACTS, "delivery", ends, 400, &["transponder"]);
        }
        if self.asked % EMPTY_TRIPS == 2 {
            let back = self.places.pair(&["dump"], &["load_face"]);
            return trip(&FACTS, "reposition", back, 0, &["haul"]);
        }
        let loaded = self.places.pair(&["load_face"], &["dump"]);
        let payload_kg = FULL_KG - 1_000 * self.places.draws.below(25);
        trip(&FACTS, "haul", loaded, payload_kg, &["haul"])
    }

    fn tries(&mut self, stand: &Stand<'_>) -> Result<Vec<String>> {
        let (from, to) = (self.places.first("load_face"), self.places.first("dump"));
        let haul = format!("--kind haul --payload-kg 218000 --capability haul {}", lines::ends(from, to));
        let loaded = format!("--kind charge --payload-kg 218000 {}", lines::ends(from, self.places.first("charger")));
        lines::of(stand, &FACTS, &Words { trips: "the cycles", ask: "ask for a haul", wish: &haul, refused: &loaded })
    }
}

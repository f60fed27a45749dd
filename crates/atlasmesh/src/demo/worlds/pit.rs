//! A mine in the Atacama that was invented for the demo: haul trucks between load faces, crusher and dumps, and a few light
//! vehicles among them.

use anyhow::Result;
use kernel::Sector;
use serde_json::{Value, json};

use super::lines::{self, Stand, Words};
use super::named::{Named, Places};
use super::work::{Known, Step};
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
/// What the shovel at a face lifts in one pass, in kilograms, and how many passes a truck gets.
const BUCKET_KG: usize = 45_000;
const PASSES_MAX: usize = 6;
/// Half the side of the planned blast's area, in degrees: some 130 m.
const BLAST_HALF_SIDE_DEG: f64 = 0.0012;
/// In how many milliseconds it is fired: two hours.
const FIRE_IN_MS: i64 = 2 * 60 * 60 * 1_000;
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

    fn places(&self) -> Vec<Value> {
        let kind = |named: &Named| match named.kind {
            "load_face" => "load_face",
            "dump" => "dump",
            "gate" => "gate",
            _ => "waypoint",
        };
        let mut places = self.places.to_json(FACTS.site, kind);
        for face in places.iter_mut().filter(|place| place["kind"] == "load_face") {
            face["loader"] = json!({ "bucket_kg": BUCKET_KG, "passes_max": PASSES_MAX });
        }
        places
    }

    fn first_work(&self, known: &Known) -> Vec<Step> {
        let middle = self.places.of(&["load_face"]).last().map_or(self.places.first("load_face"), |face| face.at);
        let corner = |north: f64, east: f64| {
            let half = BLAST_HALF_SIDE_DEG;
            Place { lat: middle.lat + north * half, lon: middle.lon + east * half }.to_json()
        };
        let area = [corner(-1.0, -1.0), corner(-1.0, 1.0), corner(1.0, 1.0), corner(1.0, -1.0)];
        let fire_at = known.now.plus_ms(FIRE_IN_MS);
        let blast = json!({ "site": FACTS.site, "name": "Bench 12, pattern 4", "area": area, "fire_at": fire_at });
        vec![Step::post("/v1/blasts", "name", blast)]
    }

    fn tries(&mut self, stand: &Stand<'_>) -> Result<Vec<String>> {
        let (from, to) = (self.places.first("load_face"), self.places.first("dump"));
        let haul = format!("--kind haul --payload-kg 218000 --capability haul {}", lines::ends(from, to));
        let loaded = format!("--kind charge --payload-kg 218000 {}", lines::ends(from, self.places.first("charger")));
        let newest = lines::newest("blast", "/v1/blasts");
        let step = |word: &str, reason: &str| {
            let body = format!("'{{\"reason\": \"{reason}\"}}'");
            format!("{newest} && {}", lines::curl("POST", &format!("/v1/blasts/$blast/{word}"), Some(&body)))
        };
        let work = [
            ("clear a blast", step("clear", "the pattern is charged")),
            ("call it off", step("call-off", "lightning")),
        ];
        let words = Words { trips: "the cycles", ask: "ask for a haul", wish: &haul, refused: &loaded, work: &work };
        lines::of(stand, &FACTS, &words)
    }
}

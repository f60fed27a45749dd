//! A range in a desert that was invented for the demo: unmanned carriers that bring supplies over hills. Movement only.

use anyhow::Result;
use kernel::Sector;
use serde_json::{Value, json};

use super::lines::{self, Stand, Words};
use super::named::Places;
use super::work::{Known, Step};
use super::{Capabilities, Facts, World, profile, trip};
use crate::demo::city::Place;

static FACTS: Facts = Facts {
    sector: Sector::Defense,
    tenant: "ochre-range",
    site: "range",
    plan: "sovereign",
    nodes: include_bytes!("../../../../../data/range/nodes.csv"),
    links: include_bytes!("../../../../../data/range/links.csv"),
    no_stop: include_str!("../../../../../data/range/no_stop.csv"),
};
const PLACES: &str = include_str!("../../../../../data/range/places.csv");

/// How long a clearance holds, in milliseconds: 90 days.
const CLEARED_FOR_MS: i64 = 90 * 24 * 60 * 60 * 1_000;
const DEPOTS: &[&str] = &["base", "supply"];
/// One mission in so many brings an empty carrier back, and one in so many keeps silent on its way.
const EMPTY: usize = 3;
const SILENT: usize = 5;

#[derive(Debug)]
pub struct Range {
    places: Places,
    asked: usize,
}

impl Range {
    pub fn read() -> Result<Self> {
        Ok(Self { places: Places::read(PLACES)?, asked: 0 })
    }
}

impl World for Range {
    fn facts(&self) -> &'static Facts {
        &FACTS
    }

    fn profile(&self, n: usize) -> Value {
        let rest = json!({
            "max_speed_mps": 16.7, "payload_max_kg": 1_500.0, "seats": 0, "energy_capacity_wh": 120_000.0,
        });
        let capabilities = ["delivery", "emission-control", "disconnected", "classified-load"];
        profile(&FACTS, &format!("UGV-{}", n + 1), &capabilities, &rest)
    }

    fn start(&mut self, n: usize) -> Place {
        self.places.in_turn(n)
    }

    fn ask(&mut self, _fleet: &Capabilities) -> Value {
        self.asked += 1;
        if self.asked.is_multiple_of(EMPTY) {
            let back = self.places.pair(&["waypoint"], DEPOTS);
            return trip(&FACTS, "reposition", back, 0, &[]);
        }
        let ends = self.places.pair(DEPOTS, &["waypoint"]);
        let payload_kg = 200 + 50 * self.places.draws.below(25);
        let silent: &[&str] = if self.asked.is_multiple_of(SILENT) { &["emission-control"] } else { &[] };
        trip(&FACTS, "delivery", ends, payload_kg, silent)
    }

    fn places(&self) -> Vec<Value> {
        self.places.to_json(FACTS.site, |_| "waypoint")
    }

    fn first_work(&self, known: &Known) -> Vec<Step> {
        let until = known.now.plus_ms(CLEARED_FOR_MS);
        let cleared = |kind: &str, id: &str, level: &str| {
            let body = json!({ "level": level, "until": until, "reason": "cleared for the exercise" });
            Step::put(format!("/v1/clearances/{kind}/{id}"), body)
        };
        let people = [("dana", "restricted"), ("sofia", "confidential"), ("adam", "secret")];
        let people =
            people.iter().filter_map(|(name, level)| Some(cleared("principal", known.people.get(*name)?, level)));
        // One carrier in four is left without: it takes unclassified missions only.
        let vehicles = known.vehicles.iter().enumerate().filter(|(n, _)| n % 4 != 3);
        let vehicles = vehicles.map(|(_, vehicle)| cleared("vehicle", vehicle, "confidential"));
        let emission = json!({ "state": "reduced", "reason": "the exercise begins" });
        let emission = Step::put(format!("/v1/sites/{}/emission", FACTS.site), emission);
        people.chain(vehicles).chain([emission]).collect()
    }

    fn tries(&mut self, stand: &Stand<'_>) -> Result<Vec<String>> {
        let (from, to) = (self.places.first("base"), self.places.first("waypoint"));
        let mission = format!("--kind delivery --payload-kg 600 {}", lines::ends(from, to));
        let bulk = format!("--kind haul --payload-kg 600 {}", lines::ends(from, to));
        let emission = format!("/v1/sites/{}/emission", FACTS.site);
        let tighter = r#"'{"state": "restricted", "reason": "an aircraft passes"}'"#;
        let work = [
            ("see clearances", lines::curl("GET", "/v1/clearances", None)),
            ("emit less", lines::curl("PUT", &emission, Some(tighter))),
        ];
        let words =
            Words { trips: "the missions", ask: "order a mission", wish: &mission, refused: &bulk, work: &work };
        lines::of(stand, &FACTS, &words)
    }
}

//! A container terminal on a coast that was invented for the demo: terminal tractors between quay, blocks and gates.

use anyhow::Result;
use kernel::Sector;
use serde_json::{Value, json};

use super::lines::{self, Stand, Words};
use super::named::{Named, Places};
use super::work::{Known, Step};
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
/// Where dangerous goods stand.
const DANGEROUS_BLOCK: &str = "Block DG";
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
            "max_speed_mps": 11.1, "payload_max_kg": 70_000.0, "seats": 0, "energy_capacity_wh": 280_000.0,
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

    fn places(&self) -> Vec<Value> {
        let kind = |named: &Named| match named.kind {
            "gate" => "gate",
            "block" => "block",
            _ => "waypoint",
        };
        let mut places = self.places.to_json(FACTS.site, kind);
        for block in places.iter_mut().filter(|place| place["kind"] == "block" && place["name"] != DANGEROUS_BLOCK) {
            block["hazards_refused"] = json!(["1", "7"]);
        }
        places
    }

    fn first_work(&self, known: &Known) -> Vec<Step> {
        let jobs: [(&str, &str, &str, &[&str], u32); 3] = [
            ("MSKU4821173", "Gate North", "Block A1", &[], 22_400),
            ("TGHU7702914", "Gate South", "Block C1", &[], 18_900),
            ("HLXU3365508", "Gate North", DANGEROUS_BLOCK, &["3"], 19_600),
        ];
        let job = |(container, from, to, hazards, mass_kg): (&str, &str, &str, &[&str], u32)| {
            let body = json!({
                "site": FACTS.site, "container": container, "from": known.places.get(from), "to": known.places.get(to),
                "hazards": hazards, "mass_kg": mass_kg,
            });
            let release =
                json!({ "seal": format!("SL-{}", &container[4..]), "reason": "papers and seal are in order" });
            Step { then: Some(("release", release)), ..Step::post("/v1/jobs", "container", body) }
        };
        jobs.map(job).into()
    }

    fn tries(&mut self, stand: &Stand<'_>) -> Result<Vec<String>> {
        let (from, to) = (self.places.first("quay"), self.places.first("block"));
        let job = format!("--kind delivery --payload-kg 28000 {}", lines::ends(from, to));
        let heavy = format!("--kind delivery --payload-kg 66000 {}", lines::ends(from, to));
        let dangerous = self.places.of(&["block"]).find(|block| block.name == DANGEROUS_BLOCK).map_or(to, |it| it.at);
        let (gate, dangerous) = (self.places.first("gate").to_json(), dangerous.to_json());
        // The newest job is the one with dangerous goods.
        let body = format!(
            "'{{\"site\": \"{}\", \"kind\": \"delivery\", \"origin\": {gate}, \"destination\": {dangerous}, \
             \"requirements\": {{\"payload_kg\": 19600, \"capabilities\": [\"dg-3\"]}}, \
             \"attributes\": {{\"job\": \"'\"$job\"'\"}}}}'",
            FACTS.site
        );
        let newest = lines::newest("job", "/v1/jobs");
        let work = [
            ("see the gate", lines::curl("GET", "/v1/jobs", None)),
            ("move a job", format!("{newest} && {}", lines::curl("POST", "/v1/trips", Some(&body)))),
        ];
        let words = Words { trips: "the moves", ask: "ask for a move", wish: &job, refused: &heavy, work: &work };
        lines::of(stand, &FACTS, &words)
    }
}

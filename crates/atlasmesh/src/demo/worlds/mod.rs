//! The worlds that the demo plays: a city and three invented sites, each with its map, its vehicles, what is asked of them,
//! and what a newcomer can try there.

pub mod lines;
mod named;
mod pit;
mod port;
mod range;
pub mod work;

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use kernel::Sector;
use serde_json::{Value, json};

pub use self::lines::Stand;
use self::work::{Known, Step};
use super::city::{City, Place};

/// What a world is called, and the texts of its map.
#[derive(Debug)]
pub struct Facts {
    pub sector: Sector,
    pub tenant: &'static str,
    pub site: &'static str,
    /// The plan that its tenant has subscribed to.
    pub plan: &'static str,
    /// Nodes as CSV, which may be compressed by gzip.
    pub nodes: &'static [u8],
    /// Links as CSV, which may be compressed by gzip.
    pub links: &'static [u8],
    /// Links where a vehicle must not stop, as CSV.
    pub no_stop: &'static str,
}

impl Facts {
    /// The texts that the server imports.
    pub fn network(&self) -> Result<Value> {
        let (nodes, links) = (unpacked(self.nodes)?, unpacked(self.links)?);
        Ok(json!({ "nodes": nodes, "links": links, "no_stop": self.no_stop }))
    }
}

pub fn unpacked(bytes: &[u8]) -> Result<String> {
    let bytes = routing::import::decompress(bytes).context("the demo's map is damaged")?;
    String::from_utf8(bytes).context("the demo's map is not UTF-8")
}

/// What the vehicles of a fleet can do, each of them something.
pub type Capabilities = BTreeSet<String>;

/// A site at work.
pub trait World: std::fmt::Debug + Send + Sync {
    fn facts(&self) -> &'static Facts;

    /// The vehicle of a number as it is registered.
    fn profile(&self, n: usize) -> Value;

    /// Where the vehicle of a number stands at first.
    fn start(&mut self, n: usize) -> Place;

    /// The next trip to ask for, of a fleet whose vehicles together can do this.
    fn ask(&mut self, fleet: &Capabilities) -> Value;

    /// What can be tried, in lines that work as they are printed.
    fn tries(&mut self, stand: &Stand<'_>) -> Result<Vec<String>>;

    /// The places that its people have names for, as they are told to the server.
    fn places(&self) -> Vec<Value>;

    /// The sector's own work that is begun before anything drives.
    fn first_work(&self, known: &Known) -> Vec<Step>;

    /// The vehicle whose brake pads are near their end, where the lines speak of one.
    fn worn(&self) -> Option<usize> {
        None
    }
}

/// The world of a sector; where none is named the city, whose rides begin and end anywhere.
pub fn of(sector: Option<Sector>) -> Result<Box<dyn World>> {
    Ok(match sector {
        None => Box::new(City::read()?),
        Some(Sector::Mining) => Box::new(pit::Pit::read()?),
        Some(Sector::Logistics) => Box::new(port::Port::read()?),
        Some(Sector::RideHail) => Box::new(City::with_pick_up_places()?),
        Some(Sector::Defense) => Box::new(range::Range::read()?),
    })
}

/// Numbers that look drawn and are the same in each run.
#[derive(Debug)]
pub struct Draws(u64);

impl Draws {
    pub fn new() -> Self {
        Self(0x5eed)
    }

    /// A number below `count`, which is not 0.
    pub fn below(&mut self, count: usize) -> usize {
        // Knuth's MMIX constants: the high bits of this generator are good enough to scatter vehicles over a city.
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % count
    }
}

/// What a profile says in every world.
fn profile(facts: &Facts, name: &str, capabilities: &[&str], rest: &Value) -> Value {
    let mut profile = json!({
        "site": facts.site,
        "name": name,
        "simulated": true,
        "sectors": [facts.sector],
        "capabilities": capabilities,
        "components": [{ "name": "ads", "version": "1.0.0" }, { "name": "brake", "version": "1.0.0" }],
    });
    if let (Value::Object(profile), Value::Object(rest)) = (&mut profile, rest) {
        profile.extend(rest.clone());
    }
    profile
}

/// A trip without people aboard.
fn trip(facts: &Facts, kind: &str, (from, to): (Place, Place), payload_kg: usize, capabilities: &[&str]) -> Value {
    json!({
        "site": facts.site, "kind": kind, "origin": from.to_json(), "destination": to.to_json(),
        "requirements": { "payload_kg": payload_kg, "capabilities": capabilities },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::Coordinate;

    fn worlds() -> impl Iterator<Item = Box<dyn World>> {
        [Sector::Mining, Sector::Logistics, Sector::Defense].into_iter().map(|sector| of(Some(sector)).unwrap())
    }

    #[test]
    fn every_part_of_an_invented_site_is_reached_and_left() {
        for world in worlds() {
            let facts = world.facts();
            let text = |bytes| std::str::from_utf8(bytes).unwrap();
            let (graph, report) =
                routing::import::csv(text(facts.nodes), text(facts.links), None, Some(facts.no_stop)).unwrap();
            assert_eq!((report.skipped_links, report.disconnected_edges), (0, 0), "{}: {report:?}", facts.site);
            assert!(graph.edge_count() > 60, "{}", facts.site);
        }
    }

    #[test]
    fn what_is_asked_begins_and_ends_at_different_places_and_somebody_can_do_it() {
        for mut world in worlds() {
            let profiles: Vec<Value> = (0..4).map(|n| world.profile(n)).collect();
            let lists = profiles.iter().flat_map(|profile| profile["capabilities"].as_array().unwrap());
            let fleet: Capabilities = lists.map(|name| name.as_str().unwrap().to_owned()).collect();
            let names: BTreeSet<String> = (0..40).map(|n| world.profile(n)["name"].to_string()).collect();
            assert_eq!(names.len(), 40, "two vehicles have one name");
            for _ in 0..100 {
                let asked = world.ask(&fleet);
                assert_ne!(asked["origin"], asked["destination"]);
                let fits = |profile: &Value| {
                    let has = |wanted: &Value| profile["capabilities"].as_array().unwrap().contains(wanted);
                    let needed = asked["requirements"]["capabilities"].as_array().unwrap();
                    needed.iter().all(has)
                        && profile["payload_max_kg"].as_f64() >= asked["requirements"]["payload_kg"].as_f64()
                };
                assert!(profiles.iter().any(fits), "nobody can do {asked}");
            }
        }
    }

    #[test]
    fn places_lie_within_ten_kilometres_of_each_other() {
        for mut world in worlds() {
            let at = |place: Place| Coordinate::new(place.lat, place.lon).unwrap();
            let first = at(world.start(0));
            assert!((1..30).all(|n| at(world.start(n)).distance_m(first) < 12_000.0));
        }
    }
}

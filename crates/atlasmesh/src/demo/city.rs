//! The streets that the demo's vehicles drive on: Coquimbo and La Serena, Chile, kept in the repository, with licence and
//! attribution beside the data. Only places are read here; the server imports the same files as its map.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use kernel::Sector;
use serde_json::{Value, json};

use super::setup::{self, SITE, TENANT, WORN};
use super::tries;
use super::worlds::work::{Known, Step};
use super::worlds::{Capabilities, Draws, Facts, Stand, World, unpacked};

/// The city as a world.
pub static FACTS: Facts = Facts {
    sector: Sector::RideHail,
    tenant: TENANT,
    site: SITE,
    plan: "professional",
    nodes: include_bytes!("../../../../data/coquimbo/nodes.csv.gz"),
    links: include_bytes!("../../../../data/coquimbo/links.csv.gz"),
    no_stop: include_str!("../../../../data/coquimbo/no_stop.csv"),
};

/// The Plaza de Armas of La Serena, about which the demo plays.
const CENTRE: Place = Place { lat: -29.9027, lon: -71.2519 };
/// Far enough for trips of a few minutes, near enough that vehicles are at hand.
const RADIUS_M: f64 = 3_000.0;
/// Trips are at least this long as the crow flies: shorter ones are walked.
const TRIP_MIN_M: f64 = 700.0;
/// Tries to draw a pair of places far enough apart before the nearest miss is taken.
const DRAWS_MAX: usize = 64;
/// Named places, where the demo has some.
const PICK_UP_PLACES: usize = 24;
/// Half the side of the service area, in degrees: more than the radius about which the demo plays.
const AREA_HALF_DEG: f64 = 0.05;
/// One ride in so many is for somebody with a wheelchair.
const WHEELCHAIR_RIDES: usize = 8;

/// A place in WGS 84 degrees.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place {
    pub lat: f64,
    pub lon: f64,
}

impl Place {
    /// Metres to another place of the same city: on so small a piece of the earth it is flat.
    fn distance_m(self, other: Self) -> f64 {
        const METRES_PER_DEGREE: f64 = 111_320.0;
        let north = (other.lat - self.lat) * METRES_PER_DEGREE;
        let east = (other.lon - self.lon) * METRES_PER_DEGREE * self.lat.to_radians().cos();
        north.hypot(east)
    }

    pub fn to_json(self) -> serde_json::Value {
        serde_json::json!({ "lat": self.lat, "lon": self.lon })
    }
}

/// Places from which every other one can be reached, and draws among them that are the same each time.
#[derive(Debug)]
pub struct City {
    places: Vec<Place>,
    draws: Draws,
    asked: usize,
}

impl City {
    /// Reads the places of the city's centre.
    pub fn read() -> Result<Self> {
        Self::from_csv(&unpacked(FACTS.nodes)?, &unpacked(FACTS.links)?)
    }

    /// The same city, whose rides begin and end at a few places that have names.
    pub fn with_pick_up_places() -> Result<Self> {
        let mut city = Self::read()?;
        city.places = (0..PICK_UP_PLACES).map(|_| city.place()).collect();
        Ok(city)
    }

    fn from_csv(nodes: &str, links: &str) -> Result<Self> {
        let nodes = read_nodes(nodes)?;
        let (onward, back) = read_links(links)?;
        let in_use = nodes.iter().filter(|(node, _)| onward.contains_key(*node));
        let nearest = in_use.min_by(|(_, a), (_, b)| CENTRE.distance_m(**a).total_cmp(&CENTRE.distance_m(**b)));
        let (start, _) = nearest.context("the demo's map has no streets")?;
        let there = reached(start, &onward);
        let and_back = reached(start, &back);
        let places: Vec<Place> = there
            .intersection(&and_back)
            .filter_map(|node| nodes.get(node))
            .filter(|place| CENTRE.distance_m(**place) < RADIUS_M)
            .copied()
            .collect();
        anyhow::ensure!(places.len() >= 2, "the demo's map has no two places that reach each other near its centre");
        Ok(Self { places, draws: Draws::new(), asked: 0 })
    }

    /// A place; the n-th draw is the same in each run.
    pub fn place(&mut self) -> Place {
        self.places[self.draws.below(self.places.len())]
    }

    /// Where a trip begins and ends.
    pub fn pair(&mut self) -> (Place, Place) {
        let from = self.place();
        let mut to = self.place();
        for _ in 0..DRAWS_MAX {
            if from.distance_m(to) >= TRIP_MIN_M {
                break;
            }
            to = self.place();
        }
        (from, to)
    }
}

impl World for City {
    fn facts(&self) -> &'static Facts {
        &FACTS
    }

    fn profile(&self, n: usize) -> Value {
        setup::profile(n)
    }

    fn start(&mut self, _n: usize) -> Place {
        self.place()
    }

    fn ask(&mut self, fleet: &Capabilities) -> Value {
        self.asked += 1;
        let (from, to) = self.pair();
        let wheelchair = self.asked.is_multiple_of(WHEELCHAIR_RIDES) && fleet.contains("wheelchair");
        let capabilities: &[&str] = if wheelchair { &["wheelchair"] } else { &[] };
        json!({
            "site": SITE, "kind": "passenger", "origin": from.to_json(), "destination": to.to_json(),
            "requirements": { "passengers": 1, "capabilities": capabilities },
        })
    }

    fn places(&self) -> Vec<Value> {
        let named = |(n, place): (usize, &Place)| {
            json!({
                "site": SITE, "name": format!("Pick-up {:02}", n + 1), "kind": "pick_up_place", "at": place.to_json(),
                "radius_m": 40, "wheelchair": n % 8 != 7,
            })
        };
        self.places.iter().enumerate().map(named).collect()
    }

    fn first_work(&self, _known: &Known) -> Vec<Step> {
        let corner = |north: f64, east: f64| {
            Place { lat: CENTRE.lat + north * AREA_HALF_DEG, lon: CENTRE.lon + east * AREA_HALF_DEG }.to_json()
        };
        let area = [corner(-1.0, -1.0), corner(-1.0, 1.0), corner(1.0, 1.0), corner(1.0, -1.0)];
        let days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
        let body = json!({
            "site": SITE, "name": "La Serena centre", "area": area, "wheelchair": true, "utc_offset_min": -180,
            "hours": [{ "days": days, "from": "00:00", "to": "24:00" }],
        });
        vec![Step::post("/v1/service-areas", "name", body)]
    }

    fn tries(&mut self, stand: &Stand<'_>) -> Result<Vec<String>> {
        tries::lines(stand, self)
    }

    fn worn(&self) -> Option<usize> {
        Some(WORN)
    }
}

fn read_nodes(csv: &str) -> Result<BTreeMap<&str, Place>> {
    let read = |line: &'_ str| -> Option<Place> {
        let mut fields = line.split(',').skip(1);
        let (lon, lat) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
        Some(Place { lat, lon })
    };
    csv.lines()
        .skip(1)
        .map(|line| {
            let id = line.split(',').next().unwrap_or_default();
            read(line).map(|place| (id, place)).with_context(|| format!("`{line}` is no node of the demo's map"))
        })
        .collect()
}

type Neighbours<'a> = BTreeMap<&'a str, Vec<&'a str>>;

/// Which node leads to which, and the reverse. Motorways are left out: nobody is picked up there.
fn read_links(csv: &str) -> Result<(Neighbours<'_>, Neighbours<'_>)> {
    let (mut onward, mut back) = (Neighbours::new(), Neighbours::new());
    for line in csv.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').take(6).collect();
        let [_, from, to, direction, _, kind] = fields[..] else {
            anyhow::bail!("`{line}` is no link of the demo's map");
        };
        if matches!(kind, "centroid_connector" | "motorway" | "motorway_link" | "trunk" | "trunk_link") {
            continue;
        }
        if direction != "-1" {
            onward.entry(from).or_default().push(to);
            back.entry(to).or_default().push(from);
        }
        if direction != "1" {
            onward.entry(to).or_default().push(from);
            back.entry(from).or_default().push(to);
        }
    }
    Ok((onward, back))
}

fn reached<'a>(start: &'a str, neighbours: &Neighbours<'a>) -> BTreeSet<&'a str> {
    let mut seen = BTreeSet::from([start]);
    let mut waiting = vec![start];
    while let Some(node) = waiting.pop() {
        for next in neighbours.get(node).into_iter().flatten() {
            if seen.insert(next) {
                waiting.push(next);
            }
        }
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_places_with_a_way_there_and_back_are_used() {
        let at = |n: f64| format!("{},{}", CENTRE.lon + n * 0.001, CENTRE.lat);
        let nodes = format!(
            "node_id,lon,lat,is_centroid\n1,{},0\n2,{},0\n3,{},0\n4,{},0\n",
            at(0.0),
            at(9.0),
            at(1.0),
            at(2.0)
        );
        let links = "link_id,a_node,b_node,direction,distance_m,link_type,rest\n\
                     1,1,2,0,900,residential,\n2,1,3,1,100,residential,\n3,1,4,0,200,motorway,\n";
        let mut city = City::from_csv(&nodes, links).unwrap();
        assert_eq!(city.places.len(), 2, "3 has no way back, 4 lies on a motorway");
        let (from, to) = city.pair();
        assert!(from.distance_m(to) > TRIP_MIN_M, "{from:?} {to:?}");
    }

    #[test]
    fn the_city_has_places_and_draws_the_same_ones_each_time() {
        let (mut one, mut two) = (City::read().unwrap(), City::read().unwrap());
        assert!(one.places.len() > 1_000, "{}", one.places.len());
        for _ in 0..100 {
            let (from, to) = one.pair();
            assert_eq!((from, to), two.pair());
            assert!(from.distance_m(to) >= TRIP_MIN_M, "{from:?} {to:?}");
        }
    }

    #[test]
    fn a_damaged_map_is_named() {
        let error = City::from_csv("node_id,lon,lat\n1,x,2\n", "").unwrap_err();
        assert!(error.to_string().contains("1,x,2"), "{error}");
    }
}

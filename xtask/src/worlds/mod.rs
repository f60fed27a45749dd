//! Writes the invented sites that the demo plays in beside the city: a mine, a port and a range, each as nodes, links,
//! no-stop links and named places in CSV, the same each time.

mod pit;
mod port;
mod range;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};

/// Metres in a degree of latitude.
const METRES_PER_DEGREE: f64 = 111_320.0;

/// Metres east and north of the site's middle.
type Point = (f64, f64);

/// A road as a site's plan says it.
#[derive(Clone, Copy)]
struct Road {
    name: &'static str,
    class: &'static str,
    kmh: u32,
    one_way: bool,
    no_stop: Option<&'static str>,
}

impl Road {
    const fn both(name: &'static str, class: &'static str, kmh: u32) -> Self {
        Self { name, class, kmh, one_way: false, no_stop: None }
    }

    const fn one_way(name: &'static str, class: &'static str, kmh: u32) -> Self {
        Self { name, class, kmh, one_way: true, no_stop: None }
    }

    const fn no_stop(self, reason: &'static str) -> Self {
        Self { no_stop: Some(reason), ..self }
    }

    /// The same road where vehicles may stop, as on a landing.
    const fn stop(self) -> Self {
        Self { no_stop: None, ..self }
    }
}

/// A site while it is drawn.
struct Plan {
    lat: f64,
    lon: f64,
    points: Vec<Point>,
    links: String,
    link_count: usize,
    no_stop: String,
    places: String,
}

impl Plan {
    fn new(lat: f64, lon: f64) -> Self {
        Self {
            lat,
            lon,
            points: Vec::new(),
            links:
                "link_id,a_node,b_node,direction,link_type,speed_ab,speed_ba,lanes_ab,lanes_ba,name,geometry_lonlat\n"
                    .into(),
            link_count: 0,
            no_stop: "link_id,reason\n".into(),
            places: "kind,name,lat,lon\n".into(),
        }
    }

    fn node(&mut self, at: Point) -> usize {
        self.points.push(at);
        self.points.len()
    }

    fn at(&self, node: usize) -> Point {
        self.points[node - 1]
    }

    fn degrees(&self, (east, north): Point) -> (f64, f64) {
        let lat = self.lat + north / METRES_PER_DEGREE;
        (lat, self.lon + east / METRES_PER_DEGREE / self.lat.to_radians().cos())
    }

    /// A straight road.
    fn road(&mut self, from: usize, to: usize, road: Road) {
        self.bent(from, &[], to, road);
    }

    /// A road over points between its ends.
    fn bent(&mut self, from: usize, between: &[Point], to: usize, road: Road) {
        self.link_count += 1;
        let id = self.link_count;
        let shape = [self.at(from)].into_iter().chain(between.iter().copied()).chain([self.at(to)]);
        let shape: Vec<String> =
            shape.map(|point| self.degrees(point)).map(|(lat, lon)| format!("{lon:.6} {lat:.6}")).collect();
        let (direction, back_kmh, back_lanes) =
            if road.one_way { (1, String::new(), 0) } else { (0, road.kmh.to_string(), 1) };
        let back_lanes = if back_lanes == 0 { String::new() } else { back_lanes.to_string() };
        let (Road { name, class, kmh, .. }, shape) = (road, shape.join(";"));
        let _ =
            writeln!(self.links, "{id},{from},{to},{direction},{class},{kmh},{back_kmh},1,{back_lanes},{name},{shape}");
        if let Some(reason) = road.no_stop {
            let _ = writeln!(self.no_stop, "{id},{reason}");
        }
    }

    /// Roads from node to node.
    fn chain(&mut self, nodes: &[usize], road: Road) {
        for ends in nodes.windows(2) {
            self.road(ends[0], ends[1], road);
        }
    }

    /// A one-way loop in which a vehicle turns around, from a node over a circle and back to it; answers the node at its far
    /// end, where vehicles stop.
    fn turning_loop(&mut self, from: usize, heading_deg: f64, radius_m: f64, road: Road) -> usize {
        let start = self.at(from);
        let centre = moved(start, heading_deg, radius_m);
        let on = |turned_deg: f64| moved(centre, heading_deg + 180.0 + turned_deg, radius_m);
        let far = self.node(on(180.0));
        self.bent(from, &[on(45.0), on(90.0), on(135.0)], far, road);
        self.bent(far, &[on(225.0), on(270.0), on(315.0)], from, road);
        far
    }

    fn place(&mut self, kind: &str, name: &str, node: usize) {
        let (lat, lon) = self.degrees(self.at(node));
        let _ = writeln!(self.places, "{kind},{name},{lat:.6},{lon:.6}");
    }

    /// The files by name.
    fn files(&self) -> [(&'static str, String); 4] {
        let mut nodes = String::from("node_id,lon,lat\n");
        for (place, &point) in self.points.iter().enumerate() {
            let (lat, lon) = self.degrees(point);
            let _ = writeln!(nodes, "{},{lon:.6},{lat:.6}", place + 1);
        }
        [
            ("nodes.csv", nodes),
            ("links.csv", self.links.clone()),
            ("no_stop.csv", self.no_stop.clone()),
            ("places.csv", self.places.clone()),
        ]
    }
}

/// A point so many metres away, at a compass bearing.
fn moved((east, north): Point, bearing_deg: f64, distance_m: f64) -> Point {
    let bearing = bearing_deg.to_radians();
    (east + distance_m * bearing.sin(), north + distance_m * bearing.cos())
}

fn plans() -> [(&'static str, Plan); 3] {
    [("pit", pit::plan()), ("port", port::plan()), ("range", range::plan())]
}

/// Writes the sites' files.
pub fn run(root: &Path) -> Result<ExitCode> {
    for (site, plan) in plans() {
        let folder = root.join("data").join(site);
        fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
        for (name, text) in plan.files() {
            fs::write(folder.join(name), text).with_context(|| format!("write {name} of {site}"))?;
        }
        println!("data/{site}: {} nodes, {} links", plan.points.len(), plan.link_count);
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kept_sites_are_those_that_are_drawn() {
        let data = crate::repo::root().unwrap().join("data");
        for (site, plan) in plans() {
            for (name, text) in plan.files() {
                let kept = fs::read_to_string(data.join(site).join(name)).unwrap();
                assert!(kept == text, "data/{site}/{name} is not what is drawn: run `cargo xtask worlds`");
                assert!(text.len() < 100_000, "{site}/{name} is long: {}", text.len());
            }
        }
    }
}

//! How long it takes to import a network, to load its graph, and to find routes over it. Without an argument the network
//! is the demo's city; otherwise the argument is the path of an OpenStreetMap extract (`.osm.pbf`).

#![allow(clippy::print_stdout, reason = "a benchmark is a command that prints figures")]

use std::error::Error;
use std::hint::black_box;
use std::time::{Duration, Instant};

use kernel::Coordinate;
use routing::import::{ImportError, ImportReport, csv, decompress, osm_pbf};
use routing::{Area, Constraints, RoadGraph};

const NODES: &[u8] = include_bytes!("../../../data/coquimbo/nodes.csv.gz");
const LINKS: &[u8] = include_bytes!("../../../data/coquimbo/links.csv.gz");
const NO_STOP: &str = include_str!("../../../data/coquimbo/no_stop.csv");

/// Routes per figure.
const ROUTES: usize = 200;
/// Loads of which the median counts.
const LOADS: usize = 5;

fn main() -> Result<(), Box<dyn Error>> {
    let begin = Instant::now();
    let (graph, report) = match std::env::args().nth(1) {
        Some(path) => osm_pbf(&std::fs::read(path)?)?,
        None => city()?,
    };
    println!("import {:.0} ms: {report:?}", ms(begin.elapsed()));
    let bytes = graph.to_bytes();
    println!("graph {} nodes, {} directed edges, {} bytes", graph.node_count(), graph.edge_count(), bytes.len());
    let mut loads = Vec::new();
    for _ in 0..LOADS {
        let begin = Instant::now();
        black_box(RoadGraph::from_bytes(&bytes)?);
        loads.push(ms(begin.elapsed()));
    }
    loads.sort_by(f64::total_cmp);
    let load_ms = loads[LOADS / 2];
    println!("load {load_ms:.1} ms, median of {LOADS}");

    let pairs = pairs(graph.nodes());
    let free = Constraints::default();
    let route_us = mean_us(&pairs, |from, to| {
        black_box(graph.route_under(from, to, &graph.resolve(&free).ok()?).ok()?);
        Some(())
    })?;
    let avoiding = Constraints { avoided: vec![square_about_the_middle(graph.nodes())], ..Constraints::default() };
    let rules = graph.resolve(&avoiding)?;
    // A route that ends inside the zone has none, and finding that out is part of the work.
    let avoid_us = mean_us(&pairs, |from, to| {
        let _ = black_box(graph.route_under(from, to, &rules));
        Some(())
    })?;
    let whole_us = mean_us(&pairs, |from, to| {
        black_box(graph.durations_to(to, &[from], &free, u64::MAX).ok()?);
        Some(())
    })?;
    println!(
        "route {route_us:.0} us, around a zone of 1 km² {avoid_us:.0} us, search of the whole graph {whole_us:.0} us"
    );
    println!("(means of {ROUTES}, with snapping, shape and explanation; one thread)");
    bar("routing.load", load_ms, "ms", 1_000.0);
    bar("routing.route_over_whole_search", route_us / whole_us, "ratio", 1.0);
    Ok(())
}

fn city() -> Result<(RoadGraph, ImportReport), ImportError> {
    let text = |packed| decompress(packed).map(|text| String::from_utf8_lossy(&text).into_owned());
    csv(&text(NODES)?, &text(LINKS)?, None, Some(NO_STOP))
}

/// Pairs of nodes, the same in every run.
fn pairs(nodes: &[Coordinate]) -> Vec<(Coordinate, Coordinate)> {
    let mut state = 1u64;
    let mut node = || {
        // Knuth's MMIX constants: its high bits scatter well enough over a city.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        nodes[(state >> 33) as usize % nodes.len()]
    };
    (0..ROUTES).map(|_| (node(), node())).collect()
}

/// A square with sides of some 1 km about the mean of all nodes.
fn square_about_the_middle(nodes: &[Coordinate]) -> Area {
    let mean = |of: fn(Coordinate) -> f64| nodes.iter().map(|&node| of(node)).sum::<f64>() / nodes.len() as f64;
    let (lat, lon) = (mean(Coordinate::lat), mean(Coordinate::lon));
    let half = 0.0045;
    let wide = half / lat.to_radians().cos();
    let corners = [(-half, -wide), (-half, wide), (half, wide), (half, -wide)];
    let corners =
        corners.into_iter().filter_map(|(north, east)| Coordinate::new(lat + north, lon + east).ok()).collect();
    Area { id: "middle".into(), corners }
}

fn mean_us(
    pairs: &[(Coordinate, Coordinate)],
    mut each: impl FnMut(Coordinate, Coordinate) -> Option<()>,
) -> Result<f64, Box<dyn Error>> {
    let begin = Instant::now();
    for &(from, to) in pairs {
        each(from, to).ok_or("there is no route between two nodes of one part")?;
    }
    Ok(ms(begin.elapsed()) * 1e3 / pairs.len() as f64)
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn bar(name: &str, value: f64, unit: &str, most: f64) {
    println!("bar {name} {value:.2} {unit} <= {most} {}", if value <= most { "holds" } else { "short" });
}

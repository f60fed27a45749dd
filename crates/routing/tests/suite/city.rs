//! The demo's city: a real network of some forty thousand edges.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use kernel::Coordinate;
use routing::import::{ImportReport, csv, decompress};
use routing::stop::nearest_admissible_m;
use routing::{Constraints, NoStop, RoadGraph, RouteError, RouteRequest};

use crate::fixture::{at, edges_of, on};

fn city() -> &'static (RoadGraph, ImportReport) {
    static CITY: OnceLock<(RoadGraph, ImportReport)> = OnceLock::new();
    CITY.get_or_init(|| {
        let text = |packed: &[u8]| String::from_utf8(decompress(packed).unwrap()).unwrap();
        let nodes = text(include_bytes!("../../../../data/coquimbo/nodes.csv.gz"));
        let links = text(include_bytes!("../../../../data/coquimbo/links.csv.gz"));
        csv(&nodes, &links, None, Some(include_str!("../../../../data/coquimbo/no_stop.csv"))).unwrap()
    })
}

#[test]
fn nearly_all_of_it_is_taken() {
    let (graph, report) = city();
    assert_eq!(report.skipped_links, 137, "the connectors of zones are no streets");
    assert!(graph.node_count() > 14_000 && graph.edge_count() > 32_000, "{report:?}");
    assert!(report.disconnected_edges * 20 < graph.edge_count(), "{report:?}");
    assert_eq!(RoadGraph::from_bytes(&graph.to_bytes()).unwrap().digest(), graph.digest());
}

#[test]
fn every_link_where_no_vehicle_stops_is_in_the_graph() {
    let (graph, _) = city();
    let mut reasons: BTreeMap<NoStop, usize> = BTreeMap::new();
    for edge in graph.edges() {
        edge.no_stop.into_iter().for_each(|reason| *reasons.entry(reason).or_default() += 1);
    }
    // Puente Fiscal is one-way; the other two bridges and the junction are not.
    assert_eq!(reasons, BTreeMap::from([(NoStop::Bridge, 5), (NoStop::Junction, 2)]));
}

#[test]
fn a_stop_asked_for_on_the_bridge_comes_after_it() {
    let (graph, _) = city();
    let bridge = edges_of(graph, 23739)[0].1;
    let (begin, end) = (bridge.points[0], bridge.points[bridge.points.len() - 1]);
    let past = |from: Coordinate, to: Coordinate| {
        from.towards(at(2.0 * to.lat() - from.lat(), 2.0 * to.lon() - from.lon()), 1.0)
    };
    let request = RouteRequest { from: past(end, begin), to: past(begin, end), constraints: Constraints::default() };
    let route = graph.route(&request).unwrap();
    let on_bridge = route.steps.iter().position(|step| step.no_stop == Some(NoStop::Bridge)).expect("over the bridge");
    let before_m: f64 = route.steps[..on_bridge].iter().map(|step| step.length_m).sum();
    let bridge_m = route.steps[on_bridge].length_m;
    assert_eq!(nearest_admissible_m(&route, before_m + 5.0), Some(before_m + bridge_m));
    assert_eq!(nearest_admissible_m(&route, before_m - 5.0), Some(before_m - 5.0));
}

#[test]
fn places_in_the_sea_and_abroad_are_off_the_map() {
    let (graph, _) = city();
    let road = on(graph, 23739);
    for away in [at(-29.95, -71.40), at(0.0, 0.0), at(-90.0, 0.0), at(29.9, 71.25), at(-29.95, 180.0)] {
        for (from, to) in [(away, road), (road, away)] {
            let error = graph.route(&RouteRequest { from, to, constraints: Constraints::default() }).unwrap_err();
            assert!(matches!(error, RouteError::OffMap { lat, .. } if lat == away.lat()), "{away:?}: {error}");
        }
    }
}

#[test]
fn a_matrix_says_what_routes_take() {
    let (graph, _) = city();
    let places: Vec<Coordinate> = (0..12).map(|n| graph.nodes()[n * graph.node_count() / 12]).collect();
    let rules = graph.resolve(&Constraints { max_speed_mps: Some(12.0), ..Constraints::default() }).unwrap();
    let matrix = graph.matrix(&places, &places, &rules, 36_000_000).unwrap();
    for (row, &from) in places.iter().enumerate() {
        for (column, &to) in places.iter().enumerate() {
            let route = graph.route_under(from, to, &rules).unwrap();
            let told = matrix[row][column].expect("the city is connected");
            assert!(told.abs_diff(route.duration_ms) <= 1, "{row} {column}: {told} {}", route.duration_ms);
        }
    }
    let minutes = graph.matrix(&places, &places, &rules, 60_000).unwrap();
    let near = minutes.iter().flatten().filter(|duration| duration.is_some()).count();
    assert!((12..144).contains(&near), "a limit leaves out what is further away: {near}");
    assert!(minutes.iter().flatten().flatten().all(|duration| *duration <= 60_000));
}

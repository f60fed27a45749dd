//! Routes over the grid: turns, access, one-ways, zones, closures by their class, speeds, sizes, stops.

use std::collections::BTreeSet;

use kernel::Coordinate;
use routing::constraints::{AREAS_MAX, CORNERS_MAX};
use routing::import::csv;
use routing::stop::nearest_admissible_m;
use routing::{
    Area, Closure, ClosureClass, Constraints, EdgeId, Extent, NoStop, RoadGraph, Route, RouteError, RouteRequest,
    SpeedCap, VehicleShape,
};

use crate::fixture::{LINKS, NODES, around, at, edges_of, grid, links, on};

fn route(graph: &RoadGraph, from: i64, to: i64, constraints: Constraints) -> Result<Route, RouteError> {
    graph.route(&RouteRequest { from: on(graph, from), to: on(graph, to), constraints })
}

/// A route from the middle of one link to the middle of another drives over these links.
fn check(from: i64, to: i64, constraints: Constraints, then: &[i64], binding: &[&str]) {
    let (graph, _) = grid();
    let route = route(&graph, from, to, constraints).unwrap();
    assert_eq!((links(&graph, &route).as_slice(), route.binding.as_slice()), (then, names(binding).as_slice()));
    coherent(&graph, &route, on(&graph, from), on(&graph, to));
}

/// There is no route, and this is why.
fn check_cut(from: i64, to: i64, constraints: Constraints, then: &[&str]) {
    let (graph, _) = grid();
    let error = route(&graph, from, to, constraints).unwrap_err();
    assert_eq!(error, RouteError::Unroutable { cut_by: names(then) });
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

fn coherent(graph: &RoadGraph, route: &Route, from: Coordinate, to: Coordinate) {
    let steps_m: f64 = route.steps.iter().map(|step| step.length_m).sum();
    assert!((steps_m - route.distance_m).abs() < 1e-6 && route.energy_wh >= 0.0);
    let shape_m: f64 = route.points.windows(2).map(|ends| ends[0].distance_m(ends[1])).sum();
    assert!((shape_m - route.distance_m).abs() < 1.0, "{shape_m} {}", route.distance_m);
    assert!(route.points[0].distance_m(from) < 0.1 && route.points[route.points.len() - 1].distance_m(to) < 0.1);
    assert_eq!(
        (route.steps[0].first_point, route.steps[route.steps.len() - 1].last_point),
        (0, route.points.len() - 1)
    );
    for pair in route.steps.windows(2) {
        assert_eq!(pair[0].last_point, pair[1].first_point);
        assert!(graph.may_turn(pair[0].edge, pair[1].edge));
    }
}

fn none() -> Constraints {
    Constraints::default()
}

fn avoiding(areas: Vec<Area>) -> Constraints {
    Constraints { avoided: areas, ..none() }
}

fn closing(id: &str, at: Coordinate, class: ClosureClass) -> Constraints {
    let extent = Extent::Polygon(around(id, at).corners);
    Constraints { closures: vec![Closure { id: id.into(), extent, class }], ..none() }
}

fn middle(link: i64) -> Coordinate {
    on(&grid().0, link)
}

#[test]
fn the_quickest_way_obeys_turns_one_ways_and_access() {
    check(101, 107, none(), &[101, 103, 105, 107], &[]);
    check(119, 125, none(), &[119, 121, 123, 125], &[]);
    check(102, 102, none(), &[102], &[]);
    // The turn from 116 into 117 is forbidden: on to 13, back, and straight in.
    check(116, 117, none(), &[116, 114, 114, 117], &[]);
    // From 131 at 32 only 130 may follow, so not straight on over 122.
    let (graph, _) = grid();
    let only = route(&graph, 131, 122, none()).unwrap();
    assert!(!links(&graph, &only).windows(2).any(|pair| pair == [131, 122]), "{:?}", links(&graph, &only));
    // 21 to 22 is one-way the other way: nobody drives it backwards.
    let back = route(&graph, 125, 119, none()).unwrap();
    let against = back.steps.iter().any(|step| {
        graph.edge(step.edge).points[0].lon() > -71.2881 && step.length_m > 200.0 && {
            let edge = graph.edge(step.edge);
            edge.points[0].lat() == edge.points[1].lat() && edge.points[0].lat() == -29.944
        }
    });
    assert!(!against, "{:?}", links(&graph, &back));
    // The private road between 12 and 13 is not there to be driven.
    let around_it = route(&graph, 110, 114, none()).unwrap();
    assert_eq!(links(&graph, &around_it), [110, 104, 103, 106, 114]);
}

#[test]
fn durations_and_speeds_follow_from_the_roads_and_turns() {
    let (graph, _) = grid();
    let straight = route(&graph, 101, 107, none()).unwrap();
    assert!((straight.distance_m - 3.0 * 289.1).abs() < 1.0, "{}", straight.distance_m);
    // Straight on over three crossings takes next to nothing.
    let turns_ms = |route: &Route| (driven_ms(route) - route.duration_ms as f64).abs();
    assert!(turns_ms(&straight) < 50.0, "{}", turns_ms(&straight));
    let slow = Constraints { max_speed_mps: Some(5.0), ..none() };
    let slow = route(&graph, 101, 107, slow).unwrap();
    assert_eq!(slow.binding, names(&["max_speed_mps"]));
    assert!(slow.steps.iter().all(|step| step.speed_mps == 5.0) && turns_ms(&slow) < 50.0);
    let fast = route(&graph, 101, 107, Constraints { max_speed_mps: Some(50.0), ..none() }).unwrap();
    assert_eq!((fast.binding, fast.duration_ms), (Vec::new(), straight.duration_ms), "a limit that slows nobody");
    let there_and_back = route(&graph, 116, 117, none()).unwrap();
    assert!((33_700.0..34_000.0).contains(&turns_ms(&there_and_back)), "a turn back, then one of 90 degrees");
    let corner = route(&graph, 101, 104, none()).unwrap();
    assert_eq!(links(&graph, &corner), [101, 104]);
    assert!((3_700.0..3_800.0).contains(&turns_ms(&corner)), "{}", turns_ms(&corner));
}

/// What the steps of a route take, in milliseconds.
fn driven_ms(route: &Route) -> f64 {
    route.steps.iter().map(|step| step.length_m / step.speed_mps * 1e3).sum()
}

#[test]
fn whoever_stands_at_a_crossing_takes_the_quickest_of_its_roads() {
    // At 23 a one-way street arrives from 22 and another leaves for 24; roads lead north and south.
    let (graph, _) = grid();
    let crossing = at(-29.944, -71.294);
    let rules = graph.resolve(&none()).unwrap();
    for link in [115, 121, 123, 124] {
        let there = on(&graph, link);
        if link != 121 {
            let away = graph.route_under(crossing, there, &rules).unwrap();
            assert_eq!(links(&graph, &away), [link], "straight into {link}");
        }
        if link != 123 {
            let back = graph.route_under(there, crossing, &rules).unwrap();
            assert_eq!(links(&graph, &back), [link], "no further than the end of {link}");
        }
        assert_eq!(
            graph.matrix(&[there], &[crossing], &rules, u64::MAX).unwrap()[0][0],
            Some(graph.route_under(there, crossing, &rules).unwrap().duration_ms)
        );
    }
}

#[test]
fn zones_and_closures_are_gone_around_and_named() {
    check(101, 107, avoiding(vec![around("zone", middle(103))]), &[101, 104, 113, 121, 115, 106, 105, 107], &["zone"]);
    check(
        101,
        107,
        closing("works", middle(103), ClosureClass::NoEntry),
        &[101, 104, 113, 121, 115, 106, 105, 107],
        &["works"],
    );
    check(101, 107, avoiding(vec![around("elsewhere", middle(140))]), &[101, 103, 105, 107], &[]);
}

#[test]
fn closures_may_name_edges() {
    let (graph, _) = grid();
    let eastward: BTreeSet<EdgeId> = edges_of(&graph, 103)
        .into_iter()
        .filter(|(_, edge)| edge.points[0].lon() < edge.points[1].lon())
        .map(|(id, _)| id)
        .collect();
    assert_eq!(eastward.len(), 1);
    let closed = |edges| Constraints {
        closures: vec![Closure { id: "lane".into(), extent: Extent::Edges(edges), class: ClosureClass::NoEntry }],
        ..none()
    };
    let there = route(&graph, 101, 107, closed(eastward.clone())).unwrap();
    assert_eq!(there.binding, ["lane"]);
    let back = route(&graph, 107, 101, closed(eastward)).unwrap();
    assert_eq!((links(&graph, &back), back.binding), (vec![107, 105, 103, 101], Vec::new()), "the other lane is open");
    let unknown = BTreeSet::from([EdgeId(u32::MAX)]);
    assert_eq!(route(&graph, 101, 107, closed(unknown)).unwrap_err(), RouteError::OtherMap);
}

#[test]
fn what_cuts_the_way_is_named() {
    let island = || around("moat", middle(140));
    check_cut(101, 140, avoiding(vec![island()]), &["moat"]);
    check_cut(101, 140, avoiding(vec![island(), around("elsewhere", middle(111))]), &["moat"]);
    let both = vec![island(), Area { id: "also".into(), ..island() }];
    check_cut(101, 140, avoiding(both), &["moat", "also"]);
}

#[test]
fn those_inside_a_closure_leave_it_or_stand() {
    // The two middle squares about 13 and 23, so that whoever stands at 115 drives over closed edges to get out.
    let block = |class| {
        let corners =
            vec![at(-29.9475, -71.2945), at(-29.9475, -71.2935), at(-29.9435, -71.2935), at(-29.9435, -71.2945)];
        Constraints {
            closures: vec![Closure { id: "blast".into(), extent: Extent::Polygon(corners), class }],
            ..none()
        }
    };
    let (graph, _) = grid();
    for class in [ClosureClass::NoEntry, ClosureClass::Evacuate] {
        let out = route(&graph, 115, 126, block(class)).unwrap();
        assert_eq!(links(&graph, &out), [115, 123, 126], "out over closed edges");
        let closed = graph.resolve(&block(class)).unwrap();
        let open: Vec<bool> = out.steps.iter().map(|step| closed.open(step.edge)).collect();
        assert_eq!(open, [false, false, true]);
        check_cut(126, 115, block(class), &["blast"]);
        check_cut(115, 115, block(class), &["blast"]);
    }
    check_cut(115, 126, block(ClosureClass::Stop), &["blast"]);
    // Out of one closure, but not through another.
    let mut two = block(ClosureClass::NoEntry);
    two.closures.push(Closure::from(around("gate", middle(123))));
    let out = route(&graph, 115, 126, two.clone()).unwrap();
    assert!(
        !links(&graph, &out).contains(&123) && out.binding.contains(&"gate".to_owned()),
        "{:?}",
        links(&graph, &out)
    );
    // Dispatch is told the same.
    let told = graph.durations_to(on(&graph, 126), &[on(&graph, 115)], &two, u64::MAX).unwrap();
    assert_eq!(told, [Some(out.duration_ms)]);
}

#[test]
fn vehicles_go_where_they_fit() {
    let heavy = LINKS.replace("no_stop\n", "no_stop,max_mass_kg\n").replace(",bridge\n", ",bridge,3500\n");
    let heavy: String = heavy
        .lines()
        .map(|line| if line.matches(',').count() == 8 { format!("{line},\n") } else { format!("{line}\n") })
        .collect();
    let (graph, _) = csv(NODES, &heavy, None, None).unwrap();
    let of_mass =
        |mass_kg| Constraints { vehicle: VehicleShape { mass_kg: Some(mass_kg), ..VehicleShape::default() }, ..none() };
    let light = route(&graph, 101, 107, of_mass(3_500.0)).unwrap();
    assert_eq!((links(&graph, &light), light.binding), (vec![101, 103, 105, 107], Vec::new()));
    let truck = route(&graph, 101, 107, of_mass(20_000.0)).unwrap();
    assert!(!links(&graph, &truck).contains(&103));
    assert_eq!(truck.binding, ["vehicle_size"]);
    let error = route(&graph, 101, 103, of_mass(20_000.0)).unwrap_err();
    assert_eq!(error, RouteError::Unroutable { cut_by: names(&["vehicle_size"]) });
}

#[test]
fn slow_zones_slow_and_divert() {
    let school = |max_speed_mps| Constraints {
        speed_caps: vec![SpeedCap { area: around("school", middle(103)), max_speed_mps }],
        ..none()
    };
    let (graph, _) = grid();
    let through = route(&graph, 101, 107, school(5.0)).unwrap();
    assert_eq!((links(&graph, &through), &through.binding), (vec![101, 103, 105, 107], &names(&["school"])));
    assert_eq!(through.steps[1].speed_mps, 5.0);
    let about = route(&graph, 101, 107, school(0.5)).unwrap();
    assert!(!links(&graph, &about).contains(&103));
    assert_eq!(about.binding, ["school"]);
}

#[test]
fn what_is_no_constraint_is_refused() {
    let (graph, _) = grid();
    for speed_mps in [0.0, -1.0, f64::INFINITY] {
        let error = graph.resolve(&Constraints { max_speed_mps: Some(speed_mps), ..none() }).unwrap_err();
        assert_eq!(error, RouteError::Speed { speed_mps });
    }
    assert!(matches!(
        graph.resolve(&Constraints { max_speed_mps: Some(f64::NAN), ..none() }),
        Err(RouteError::Speed { .. })
    ));
    let areas = vec![around("a", middle(140)); AREAS_MAX + 1];
    assert!(matches!(graph.resolve(&avoiding(areas)), Err(RouteError::TooMany { limit: AREAS_MAX, .. })));
    let jagged = Area { id: "a".into(), corners: vec![middle(140); CORNERS_MAX + 1] };
    assert!(matches!(graph.resolve(&avoiding(vec![jagged])), Err(RouteError::TooMany { limit: CORNERS_MAX, .. })));
    let (other, _) = csv(NODES, LINKS, None, None).unwrap();
    let rules = other.resolve(&none()).unwrap();
    assert_eq!(graph.route_under(middle(101), middle(107), &rules).unwrap_err(), RouteError::OtherMap);
    let many = vec![middle(101); 1_001];
    let own = graph.resolve(&none()).unwrap();
    assert!(matches!(graph.matrix(&many, &many, &own, 1), Err(RouteError::TooMany { .. })));
}

#[test]
fn a_place_is_brought_to_the_nearest_road_within_the_limit() {
    let (graph, _) = grid();
    let beside = at(-29.9501, -71.2985);
    let snap = graph.snap(beside, 50.0).unwrap();
    assert_eq!(graph.edge(snap.edge).source, 101);
    assert!((snap.distance_m - 11.1).abs() < 0.1 && (snap.fraction - 0.5).abs() < 0.01, "{snap:?}");
    assert!((snap.point.lat() - -29.95).abs() < 1e-9);
    assert_eq!(graph.snap(beside, 11.0), Err(RouteError::OffMap { lat: -29.9501, lon: -71.2985, limit_m: 11.0 }));
}

#[test]
fn a_crossing_is_not_inside_the_closure_of_one_of_its_roads() {
    let (graph, _) = grid();
    let closed: BTreeSet<EdgeId> = edges_of(&graph, 101).into_iter().map(|(id, _)| id).collect();
    let crossing = edges_of(&graph, 101)[0].1.points[1];
    let closure = Closure { id: "works".into(), extent: Extent::Edges(closed.clone()), class: ClosureClass::NoEntry };
    let rules = graph.resolve(&Constraints { closures: vec![closure], ..none() }).unwrap();
    let from = on(&graph, 107);
    let route = graph.route_under(from, crossing, &rules).unwrap();
    assert!(route.steps.iter().all(|step| !closed.contains(&step.edge)), "{route:?}");
    assert_eq!(graph.matrix(&[from], &[crossing], &rules, u64::MAX).unwrap()[0][0], Some(route.duration_ms));
    assert!(graph.route_under(crossing, from, &rules).is_ok());
    let behind = graph.route_under(crossing, on(&graph, 102), &rules).unwrap();
    assert_eq!(behind.binding, ["works"], "the closed road at the crossing would be the quickest");
}

#[test]
fn stops_wait_for_the_end_of_what_admits_none() {
    let (graph, _) = grid();
    let route = route(&graph, 101, 107, none()).unwrap();
    assert_eq!(
        route.steps.iter().map(|step| step.no_stop).collect::<Vec<_>>(),
        [None, Some(NoStop::Bridge), Some(NoStop::Tunnel), None]
    );
    let ends: Vec<f64> = route
        .steps
        .iter()
        .scan(0.0, |at, step| {
            *at += step.length_m;
            Some(*at)
        })
        .collect();
    let check =
        |from_m: f64, then: Option<f64>| assert_eq!(nearest_admissible_m(&route, from_m), then, "from {from_m}");
    check(0.0, Some(0.0));
    check(10.0, Some(10.0));
    check(ends[0] + 1.0, Some(ends[2]));
    check(ends[1] + 1.0, Some(ends[2]));
    check(ends[2] + 1.0, Some(ends[2] + 1.0));
    check(ends[3] + 1.0, None);
}

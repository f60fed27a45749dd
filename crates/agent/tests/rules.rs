//! The vehicle keeps out of zones and closures by itself (SAFE-9): transcripts of what it says and does.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed test may panic")]

mod world;

use agent::vehicle::Vehicle;
use kernel::Timestamp;
use kernel::id::{RestrictionId, TypedId};
use link::v1::command::Body;
use link::v1::from_vehicle::Message as Said;
use link::v1::to_vehicle::Message as Told;
use link::{Route, issue, v1};
use world::{World, at_m, connected, driving_to, leg, route, trip};

const NO_ENTRY: v1::RuleClass = v1::RuleClass::NoEntry;

/// A rule over some metres of the road, for the whole of time.
fn rule(n: u128, class: v1::RuleClass, from_m: f64, to_m: f64) -> v1::SiteRule {
    let corner = |(m, lat): (f64, f64)| v1::Point { lat, lon: at_m(m).lon() };
    v1::SiteRule {
        rule_id: RestrictionId::from_u128(n).to_string(),
        class: class.into(),
        area: [(from_m, -1e-4), (to_m, -1e-4), (to_m, 1e-4), (from_m, 1e-4)].map(corner).into(),
        ..Default::default()
    }
}

fn rules(revision: u64, rules: Vec<v1::SiteRule>) -> Body {
    Body::SiteRules(v1::SiteRules { site_id: "pit-1".into(), revision, rules, ..Default::default() })
}

fn in_s(world: &World, s: i64) -> i64 {
    Timestamp::from_ms(world.server_time().as_us() / 1_000 + s * 1_000).as_us()
}

fn stands_between(world: &World, from_m: f64, to_m: f64) {
    let state = world.vehicle.state();
    assert!(state.stands() && (from_m..=to_m).contains(&world.east_m()), "{} m: {state:?}", world.east_m());
}

/// Straight on from so many metres, by a road of its own.
fn around(from_m: f64) -> v1::Reroute {
    let other = Route {
        id: kernel::RouteId::from_u128(2),
        version: 2,
        approach: link::Leg::default(),
        trip: leg(from_m, &[(100.0, 10.0, false)]),
        ..route()
    };
    v1::Reroute { trip_id: trip(1).to_string(), route: Some((&other).into()) }
}

#[test]
fn it_stands_before_a_closed_road_until_another_way_leads_on() {
    let mut world = driving_to(210.0);
    let id = world.command(0, rules(1, vec![rule(1, NO_ENTRY, 350.0, 390.0)])).as_u128();
    assert_eq!(world.heard(), ["drive follow to 340".to_owned(), format!("command {id} done")]);
    world.until("report safe_stopped ROAD_CLOSED admissible");
    stands_between(&world, 335.0, 341.0);
    // Reopened, it stays where it is (SAFE-13).
    world.command(0, rules(2, vec![]));
    world.pass_s(5);
    stands_between(&world, 335.0, 341.0);
    // Another way frees it; the one through what is closed again does not.
    world.command(0, rules(3, vec![rule(2, NO_ENTRY, 350.0, 390.0)]));
    let through = world.command(1, Body::Reroute(around(340.0))).as_u128();
    world.pass_s(1);
    assert!(world.heard().contains(&format!("command {through} rejected ROAD_CLOSED")));
    world.command(0, rules(4, vec![rule(3, NO_ENTRY, 500.0, 600.0)]));
    world.command(1, Body::Reroute(around(340.0)));
    world.until("report arrived_dropoff");
    assert!(world.heard().contains(&"report resumed".to_owned()));
    stands_between(&world, 437.0, 441.0);
}

#[test]
fn it_asks_for_a_person_where_no_other_way_comes() {
    let mut world = driving_to(210.0);
    world.command(0, rules(1, vec![rule(1, NO_ENTRY, 350.0, 390.0)]));
    world.until("report safe_stopped ROAD_CLOSED admissible");
    world.pass_s(14);
    assert!(!world.heard().iter().any(|line| line.contains("assist")));
    world.pass_s(40);
    assert_eq!(world.heard(), ["report assist ROAD_CLOSED"], "once");
}

#[test]
fn what_is_announced_holds_from_its_time_on_also_without_a_link() {
    let mut world = driving_to(210.0);
    let later = v1::SiteRule { from_us: in_s(&world, 8), ..rule(1, NO_ENTRY, 350.0, 390.0) };
    world.command(0, rules(1, vec![later]));
    world.step(agent::core::Event::Disconnected);
    world.pass_s(7);
    assert!(world.speed_mps() > 5.0 && !world.heard().iter().any(|line| line.contains("follow")));
    world.until("drive stop NearestAdmissible");
    stands_between(&world, 335.0, 350.0);
    world.connect_to(1, 1);
    assert!(world.heard().contains(&"report safe_stopped ROAD_CLOSED admissible".to_owned()));
}

#[test]
fn what_is_reopened_or_over_before_it_stands_leaves_no_trace() {
    let mut world = driving_to(210.0);
    world.command(0, rules(1, vec![rule(1, NO_ENTRY, 350.0, 390.0)]));
    world.pass_s(3);
    world.command(0, rules(2, vec![]));
    world.until("report arrived_dropoff");
    assert!(!world.heard().iter().any(|line| line.contains("safe_stopped")));
    let mut world = driving_to(210.0);
    let short = v1::SiteRule { until_us: in_s(&world, 5), ..rule(1, NO_ENTRY, 390.0, 395.0) };
    world.command(0, rules(1, vec![short]));
    world.until("report arrived_dropoff");
    assert!(!world.heard().iter().any(|line| line.contains("safe_stopped")));
}

#[test]
fn those_inside_leave_or_stop_by_its_class() {
    for class in [NO_ENTRY, v1::RuleClass::Evacuate] {
        let mut world = driving_to(300.0);
        world.command(0, rules(1, vec![rule(1, class, 250.0, 390.0)]));
        world.until("report arrived_dropoff");
        assert!(!world.heard().iter().any(|line| line.contains("safe_stopped")), "{class:?}");
    }
    let mut world = driving_to(300.0);
    world.command(0, rules(1, vec![rule(1, v1::RuleClass::Stop, 250.0, 390.0)]));
    world.until("report safe_stopped ROAD_CLOSED admissible");
    stands_between(&world, 300.0, 360.0);
    // Who cannot stop before it any more counts as inside.
    let mut world = driving_to(300.0);
    world.command(0, rules(1, vec![rule(1, NO_ENTRY, 310.0, 390.0)]));
    world.until("report arrived_dropoff");
    assert!(!world.heard().iter().any(|line| line.contains("safe_stopped")));
}

#[test]
fn before_a_closed_road_behind_a_tunnel_it_stands_before_the_tunnel() {
    let mut world = driving_to(210.0);
    world.command(0, rules(1, vec![rule(1, NO_ENTRY, 605.0, 700.0)]));
    world.until("report safe_stopped ROAD_CLOSED admissible");
    stands_between(&world, 395.0, 401.0);
    // In the tunnel already, it stands where nobody may stand rather than enter, and says so.
    let mut world = driving_to(450.0);
    world.command(0, rules(1, vec![rule(1, NO_ENTRY, 605.0, 700.0)]));
    world.until("report safe_stopped ROAD_CLOSED inadmissible");
    stands_between(&world, 590.0, 600.0);
}

#[test]
fn it_reaches_a_stop_right_before_a_closed_road() {
    let mut world = connected();
    world.command(0, rules(1, vec![]));
    world.dispatch(1, 1);
    world.pass_s(2);
    world.command(0, rules(2, vec![rule(1, NO_ENTRY, 203.0, 210.0)]));
    world.until("report boarded");
    stands_between(&world, 198.0, 201.0);
    world.until("report safe_stopped ROAD_CLOSED admissible");
    stands_between(&world, 198.0, 201.0);
}

#[test]
fn a_late_repetition_of_rules_changes_nothing_and_a_clock_that_was_set_back_does_not_matter() {
    let mut world = driving_to(210.0);
    world.command(0, rules(2, vec![rule(1, NO_ENTRY, 350.0, 390.0)]));
    world.heard();
    let mut told_earlier = |body: Body| {
        let (id, earlier) = (world.next_command(), world.server_time().plus_ms(-60_000));
        world.told(Told::Command(issue::command(id, 0, earlier, body)));
        (format!("command {} done", id.as_u128()), world.heard())
    };
    let (done, heard) = told_earlier(rules(1, vec![]));
    assert_eq!(heard, [done]);
    let (done, heard) = told_earlier(rules(3, vec![]));
    assert_eq!(heard, ["drive follow to 800".to_owned(), done]);
}

#[test]
fn a_closed_road_behind_the_next_stop_waits_for_its_turn() {
    let mut world = connected();
    world.command(0, rules(1, vec![]));
    world.dispatch(1, 1);
    world.pass_s(2);
    world.command(0, rules(2, vec![rule(1, NO_ENTRY, 300.0, 310.0)]));
    world.until("report boarded");
    assert!(!world.heard().iter().any(|line| line.contains("safe_stopped")));
    world.until("report safe_stopped ROAD_CLOSED admissible");
    stands_between(&world, 285.0, 291.0);
}

#[test]
fn rules_survive_a_restart_and_forbid_a_trip_into_them() {
    let mut world = connected();
    world.command(0, rules(7, vec![rule(1, NO_ENTRY, 350.0, 390.0)]));
    world.restart();
    world.connect();
    let kept = world.said.iter().rev().find_map(|said| match said {
        Said::Hello(hello) => Some(hello.site_rules_revision),
        _ => None,
    });
    assert_eq!(kept, Some(7));
    let id = world.dispatch(1, 1).as_u128();
    world.pass_s(1);
    let heard = world.heard();
    assert!(heard.contains(&"report rejected ROAD_CLOSED".to_owned()), "{heard:?}");
    assert!(heard.contains(&format!("command {id} rejected ROAD_CLOSED")), "{heard:?}");
    // What was said before changes nothing any more; what cannot be read is refused and changes nothing.
    let mut older = link::issue::command(world.next_command(), 0, Timestamp::from_ms(1), rules(3, vec![]));
    world.told(v1::to_vehicle::Message::Command(older.clone()));
    assert_eq!(world.agent.memory().rules.as_ref().unwrap().rules.revision, 7);
    older.command_id = world.next_command().to_string();
    older.body = Some(rules(9, vec![v1::SiteRule { area: vec![], ..rule(1, NO_ENTRY, 0.0, 1.0) }]));
    older.issued_at_us = world.server_time().as_us();
    let refused: kernel::CommandId = older.command_id.parse().unwrap();
    world.told(v1::to_vehicle::Message::Command(older));
    assert!(world.heard().contains(&format!("command {} rejected INVALID", refused.as_u128())));
    assert_eq!(world.agent.memory().rules.as_ref().unwrap().rules.revision, 7);
}

#[test]
fn a_stop_for_another_reason_outlasts_another_way() {
    let mut world = driving_to(210.0);
    world.command(0, rules(1, vec![rule(1, NO_ENTRY, 350.0, 390.0)]));
    world.until("report safe_stopped ROAD_CLOSED admissible");
    let stop = world.command(0, Body::Stop(v1::Stop { scope: v1::Scope::Vehicle.into(), ..Default::default() }));
    let of = Some(v1::clearance::Of::CommandId(stop.to_string()));
    world.command(0, Body::Clearance(v1::Clearance { of, trip_id: String::new() }));
    world.command(0, rules(2, vec![rule(2, NO_ENTRY, 500.0, 600.0)]));
    world.command(1, Body::Reroute(around(340.0)));
    world.pass_s(5);
    stands_between(&world, 335.0, 341.0);
    world.command(1, Body::Resume(v1::Resume { trip_id: trip(1).to_string(), ..Default::default() }));
    world.until("report arrived_dropoff");
}

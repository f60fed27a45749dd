//! The vehicle keeps the speed limits of areas by itself (SAFE-14): how fast it drives where.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed test may panic")]

mod world;

use agent::core::Event;
use kernel::id::{RestrictionId, TypedId};
use link::v1;
use link::v1::command::Body;
use world::{World, at_m, driving_to};

/// What the vehicle brakes with where a limit begins to hold around it, in metres per second squared.
const GENTLE_MPS2: f64 = 3.0;
/// How often its speed is looked at, in milliseconds.
const LOOK_MS: u64 = 100;

/// Nobody is faster than 4 m/s on some metres of the road, for the whole of time.
fn limit(from_m: f64, to_m: f64) -> v1::SpeedLimit {
    let corner = |(m, lat): (f64, f64)| v1::Point { lat, lon: at_m(m).lon() };
    v1::SpeedLimit {
        rule_id: RestrictionId::from_u128(1).to_string(),
        max_speed_mps: 4.0,
        area: [(from_m, -1e-4), (to_m, -1e-4), (to_m, 1e-4), (from_m, 1e-4)].map(corner).into(),
        ..Default::default()
    }
}

fn rules(revision: u64, speed_limits: Vec<v1::SpeedLimit>) -> Body {
    Body::SiteRules(v1::SiteRules { site_id: "pit-1".into(), revision, speed_limits, ..Default::default() })
}

/// Where the vehicle was and how fast, until it arrives; it slows down gently and stops nowhere.
fn drive_on(world: &mut World) -> Vec<(f64, f64)> {
    world.renew(1, 1);
    let mut driven = vec![(world.east_m(), world.speed_mps())];
    while !world.heard().contains(&"report arrived_dropoff".to_owned()) {
        world.pass_ms(LOOK_MS);
        let (before_mps, now_mps) = (driven.last().unwrap().1, world.speed_mps());
        assert!(before_mps - now_mps <= GENTLE_MPS2 * LOOK_MS as f64 / 1_000.0 + 0.05, "{before_mps} to {now_mps} m/s");
        driven.push((world.east_m(), now_mps));
        assert!(driven.len() < 10_000, "it never arrives: {:?}", driven.last());
    }
    driven
}

fn speeds(driven: &[(f64, f64)], from_m: f64, to_m: f64) -> impl Iterator<Item = f64> {
    driven.iter().filter(move |(east_m, _)| (from_m..to_m).contains(east_m)).map(|(_, speed_mps)| *speed_mps)
}

#[test]
fn it_is_slow_where_the_limit_begins_and_fast_again_behind_it() {
    let mut world = driving_to(210.0);
    world.command(0, rules(1, vec![limit(350.0, 450.0)]));
    let driven = drive_on(&mut world);
    assert!(speeds(&driven, 350.5, 449.5).all(|speed_mps| speed_mps <= 4.0), "{driven:?}");
    for (from_m, to_m) in [(280.0, 320.0), (500.0, 700.0)] {
        assert!(speeds(&driven, from_m, to_m).any(|speed_mps| speed_mps > 8.0), "{driven:?}");
    }
}

#[test]
fn where_it_drives_already_it_slows_down_and_is_not_in_violation() {
    let mut world = driving_to(300.0);
    let fast_mps = world.speed_mps();
    assert!(fast_mps > 8.0);
    world.command(0, rules(1, vec![limit(250.0, 450.0)]));
    let driven = drive_on(&mut world);
    let slow_from_m = 300.0 + fast_mps * fast_mps / (2.0 * GENTLE_MPS2) + 1.0;
    assert!(speeds(&driven, slow_from_m, 449.5).all(|speed_mps| speed_mps <= 4.0), "{driven:?}");
}

#[test]
fn an_announced_one_holds_from_its_time_to_its_end_also_without_a_link() {
    let mut world = driving_to(210.0);
    let in_s = |s: i64| world.server_time().plus_ms(s * 1_000).as_us();
    let announced = v1::SpeedLimit { from_us: in_s(5), until_us: in_s(25), ..limit(0.0, 790.0) };
    world.command(0, rules(1, vec![announced]));
    world.step(Event::Disconnected);
    world.pass_s(4);
    assert!(world.speed_mps() > 8.0);
    world.pass_s(10);
    assert!(world.speed_mps() <= 4.0);
    world.pass_s(20);
    assert!(world.speed_mps() > 8.0);
}

#[test]
fn a_lifted_one_leaves_the_speed_of_the_route_and_a_restart_forgets_none() {
    let mut world = driving_to(210.0);
    world.command(0, rules(1, vec![limit(0.0, 790.0)]));
    world.pass_s(10);
    assert!(world.speed_mps() <= 4.0);
    world.command(0, rules(2, vec![]));
    world.pass_s(10);
    assert!(world.speed_mps() > 8.0);
    world.command(0, rules(3, vec![limit(0.0, 790.0)]));
    world.restart();
    world.connect_to(1, 1);
    world.command(1, world::resume(1));
    world.pass_s(10);
    assert!((3.0..=4.0).contains(&world.speed_mps()), "{}", world.speed_mps());
}

#[test]
fn what_the_server_said_of_the_site_holds_without_a_link() {
    let mut world = World::new();
    world.step(Event::Connected);
    let site = v1::SiteConfig { site_id: "pit-1".into(), max_speed_mps: 5.0, telemetry_interval_ms: 500 };
    world.told(v1::to_vehicle::Message::Welcome(v1::Welcome {
        server_time_us: world.server_time().as_us(),
        heartbeat_interval_ms: 5_000,
        map_digest: world::map(),
        site: Some(site),
        ..Default::default()
    }));
    world.dispatch(1, 1);
    world.until("report boarded");
    world.step(Event::Disconnected);
    let sampled = world.agent.memory().sample_seq;
    let mut fastest_mps: f64 = 0.0;
    for _ in 0..100 {
        world.pass_ms(200);
        fastest_mps = fastest_mps.max(world.speed_mps());
    }
    assert!((4.0..=5.0).contains(&fastest_mps), "{fastest_mps} m/s");
    let sampled = world.agent.memory().sample_seq - sampled;
    assert!((39..=41).contains(&sampled), "{sampled} samples in 20 s");
}

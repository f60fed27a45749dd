//! The agent as the last gate of motion: transcripts of what it says and does (SAFE-5, -6, -7, -13, -17, TRIP-7).
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed test may panic")]

mod world;

use agent::vehicle::Vehicle;
use kernel::RouteId;
use kernel::id::TypedId;
use link::v1::command::Body;
use link::v1::to_vehicle::Message as Told;
use link::{Mode, Route, issue, v1};
use world::{World, at_m, clearance_of, connected, driving_to, leg, map, resume, route, stop, trip};

#[test]
fn a_trip_from_dispatch_to_completion() {
    let mut world = connected();
    world.dispatch(1, 1);
    world.until("command 1 done");
    let then = [
        "report accepted",
        "command 1 accepted",
        "report departed",
        "drive follow to 200",
        "report arrived_pickup",
        "drive serve Pickup",
        "report boarded",
        "drive follow to 800",
        "report arrived_dropoff",
        "drive serve Dropoff",
        "report completed",
        "command 1 done",
        "drive hold",
    ];
    assert_eq!(world.heard(), then);
    assert!((world.east_m() - 800.0).abs() < 2.5, "{}", world.east_m());
    assert!(world.agent.memory().trip.is_none());
    let completed = world.said.iter().find_map(|said| match said {
        v1::from_vehicle::Message::TripReport(v1::TripReport {
            kind: Some(v1::trip_report::Kind::Completed(k)),
            ..
        }) => Some(*k),
        _ => None,
    });
    let completed = completed.unwrap();
    assert!((completed.distance_m - 800.0).abs() < 5.0 && completed.energy_wh > 100.0, "{completed:?}");
    assert!((80_000..150_000).contains(&completed.duration_ms), "{completed:?}");
    world.pass_s(30);
    assert_eq!(world.heard(), [""; 0]);
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn a_dispatch_is_refused_by_name() {
    let check = |given: &dyn Fn(&mut World), when: &dyn Fn(&mut v1::Dispatch), epoch: u64, then: &str| {
        let mut world = connected();
        given(&mut world);
        world.heard();
        let mut dispatch = world.dispatch_body(9, &route());
        when(&mut dispatch);
        let id = world.command(epoch, Body::Dispatch(dispatch)).as_u128();
        world.pass_s(2);
        let heard = world.heard();
        assert!(
            heard.starts_with(&[format!("report rejected {then}"), format!("command {id} rejected {then}")]),
            "{then}: {heard:?}"
        );
        assert!(!heard.iter().any(|line| line.contains("follow")), "{heard:?}");
    };
    let nothing = |_: &mut World| {};
    let as_it_is = |_: &mut v1::Dispatch| {};
    let with_route = |change: fn(&mut Route)| {
        move |dispatch: &mut v1::Dispatch| {
            let mut changed = route();
            change(&mut changed);
            dispatch.route = Some((&changed).into());
        }
    };
    let in_mode = |mode: Mode| {
        move |world: &mut World| {
            world.vehicle.switch_mode(mode);
            world.pass_s(1);
        }
    };
    check(&nothing, &with_route(|r| r.map_digest = "b".repeat(64)), 1, "MAP_MISMATCH");
    check(&nothing, &with_route(|r| r.approach = leg(60.0, &[(140.0, 9.0, false)])), 1, "FAR_FROM_START");
    check(&nothing, &with_route(|r| r.trip = leg(300.0, &[(100.0, 9.0, false)])), 1, "INVALID");
    check(
        &nothing,
        &|d| d.constraints = Some(v1::Constraints { max_speed_mps: 9.0, ..Default::default() }),
        1,
        "TOO_FAST",
    );
    check(
        &nothing,
        &|d| d.constraints = Some(v1::Constraints { valid_until_us: 1_000, ..Default::default() }),
        1,
        "CONSTRAINTS_EXPIRED",
    );
    check(&nothing, &|d| d.claim_valid_for_ms = 0, 1, "CLAIM_OVER");
    check(&nothing, &as_it_is, 0, "STALE_CLAIM");
    check(
        &|w| {
            w.told(Told::ClaimRenewal(v1::ClaimRenewal {
                trip_id: trip(1).to_string(),
                claim_epoch: 5,
                valid_for_ms: 1,
                server_time_us: 1,
            }))
        },
        &as_it_is,
        4,
        "STALE_CLAIM",
    );
    check(&in_mode(Mode::Manual), &as_it_is, 1, "MODE");
    check(&in_mode(Mode::Service), &as_it_is, 1, "MODE");
    check(&in_mode(Mode::Estop), &as_it_is, 1, "MODE");
    check(&|w| _ = w.command(0, stop(v1::StopClass::NearestAdmissible)), &as_it_is, 1, "HELD");
    check(
        &|w| {
            _ = w.command(0, Body::Ground(v1::Ground { when: v1::GroundWhen::AfterTrip.into(), ..Default::default() }))
        },
        &as_it_is,
        1,
        "HELD",
    );
    check(
        &|w| _ = w.command(0, Body::Cancel(v1::Cancel { trip_id: trip(9).to_string(), ..Default::default() })),
        &as_it_is,
        1,
        "CANCELLED",
    );
    check(&|w| _ = w.dispatch(1, 1), &as_it_is, 1, "BUSY");
    // A late repetition of a trip that is over never drives it again.
    check(
        &|w| {
            w.dispatch(9, 1);
            w.until("report completed");
        },
        &as_it_is,
        1,
        "STALE_CLAIM",
    );
}

#[test]
fn permissive_commands_expire_by_the_monotonic_clock_and_an_unknown_clock_refuses_them() {
    // Written 25 s ago by the server's clock.
    let mut world = connected();
    let body = Body::Dispatch(world.dispatch_body(1, &route()));
    let id = world.next_command();
    let late = issue::command(id, 1, world.server_time(), body);
    world.pass_s(25);
    world.told(Told::Command(late));
    assert_eq!(world.heard(), ["report rejected EXPIRED", "command 1 expired EXPIRED"]);
    // The same without any word of the server's time since the start.
    let mut world = World::new();
    world.step(agent::core::Event::Connected);
    world.heard();
    world.dispatch(1, 1);
    world.pass_s(1);
    assert_eq!(world.heard(), ["command 1 rejected CLOCK_UNKNOWN"]);
    assert_eq!(world.agent.memory().reports.len(), 1, "the report waits for a welcome");
}

#[test]
fn a_claim_that_lapses_without_a_network_stops_the_vehicle_where_it_may_stand() {
    // SAFE-7: driving, in front of the tunnel (400 … 600 m), when the claim's 120 s are over.
    let mut world = connected();
    let mut slow = route();
    slow.trip = leg(200.0, &[(200.0, 4.0, false), (200.0, 1.5, true), (200.0, 5.0, false)]);
    let body = world.dispatch_body(1, &slow);
    world.command(1, Body::Dispatch(body));
    world.until("report boarded");
    world.step(agent::core::Event::Disconnected);
    world.heard();
    world.until("drive stop NearestAdmissible");
    assert!((119_000..=121_000).contains(&world.ms), "{}", world.ms);
    assert!((400.0..600.0).contains(&world.east_m()), "in the tunnel: {}", world.east_m());
    world.pass_s(150);
    assert_eq!(world.speed_mps(), 0.0);
    assert!((600.0..610.0).contains(&world.east_m()), "behind the tunnel: {}", world.east_m());
    // The same epoch in the welcome lets it go on; the stop is reported first.
    world.heard();
    world.step(agent::core::Event::Connected);
    world.welcome(Some((trip(1), 1)), 120_000);
    world.until("report completed");
    let heard = world.heard();
    let at = |line: &str| heard.iter().position(|l| l == line).unwrap_or_else(|| panic!("{line}: {heard:?}"));
    assert!(at("report safe_stopped CLAIM_LAPSED admissible") < at("report resumed"));
    assert!(at("report resumed") < at("report arrived_dropoff"));
}

#[test]
fn renewals_keep_a_claim_and_a_delayed_one_extends_nothing() {
    let mut world = driving_to(210.0);
    let stale = Told::ClaimRenewal(v1::ClaimRenewal {
        trip_id: trip(1).to_string(),
        claim_epoch: 1,
        valid_for_ms: 10_000,
        server_time_us: world.server_time().as_us(),
    });
    world.told(stale.clone());
    world.pass_s(5);
    assert!(world.speed_mps() > 5.0);
    // Held back for six seconds by the network, it is still about the same ten seconds.
    world.told(stale);
    world.pass_s(6);
    assert_eq!(world.heard(), ["drive stop NearestAdmissible"]);
    world.renew(1, 1);
    world.pass_s(1);
    assert_eq!(world.heard(), ["drive follow to 800"], "it did not stand yet, so there was nothing to report");
}

#[test]
fn a_vehicle_that_returns_under_an_old_epoch_stops_and_gives_the_trip_up() {
    for claim in [None, Some((trip(1), 2)), Some((trip(2), 2))] {
        let mut world = driving_to(210.0);
        world.step(agent::core::Event::Disconnected);
        world.pass_s(2);
        world.step(agent::core::Event::Connected);
        world.heard();
        world.welcome(claim, 120_000);
        world.until("report ended CLAIM_LOST");
        let heard = world.heard();
        assert!(heard.contains(&"drive stop NearestAdmissible".into()), "{heard:?}");
        assert!(!heard.iter().any(|line| line.contains("follow")), "{heard:?}");
        assert!(world.agent.memory().trip.is_none());
    }
}

#[test]
fn a_restrictive_command_needs_no_epoch_and_holds_until_it_is_named() {
    let mut world = driving_to(220.0);
    let id = world.command(0, stop(v1::StopClass::NearestAdmissible));
    world.until("report safe_stopped COMMANDED admissible");
    assert_eq!(world.heard()[..2], ["drive stop NearestAdmissible", "command 2 accepted"]);
    // A repetition is answered, and changes nothing.
    world.told(Told::Command(issue::command(id, 0, world.server_time(), stop(v1::StopClass::NearestAdmissible))));
    assert_eq!(world.heard(), ["command 2 accepted"]);
    // Resume and dispatch lose against it, reconnecting does not end it, nor does another command's clearance.
    world.command(1, resume(1));
    assert_eq!(world.heard(), ["command 3 rejected HELD"]);
    world.step(agent::core::Event::Disconnected);
    world.step(agent::core::Event::Connected);
    world.welcome(Some((trip(1), 1)), 120_000);
    world.command(0, clearance_of(kernel::CommandId::from_u128(99)));
    world.pass_s(5);
    assert!(world.speed_mps() == 0.0 && world.agent.memory().holding.holds(id));
    world.heard();
    // SAFE-13: its own clearance ends the hold and moves nothing; Resume does.
    world.command(0, clearance_of(id));
    world.pass_s(5);
    assert_eq!(world.heard(), ["command 2 done", "command 5 done"]);
    assert_eq!(world.speed_mps(), 0.0);
    world.command(1, resume(1));
    world.pass_s(2);
    assert_eq!(world.heard(), ["command 6 done", "report resumed", "drive follow to 800"]);
}

#[test]
fn a_hold_survives_a_restart_and_a_restart_alone_moves_nothing() {
    let mut world = driving_to(220.0);
    let id = world.command(0, stop(v1::StopClass::Now));
    world.pass_s(5);
    world.restart();
    assert!(world.agent.memory().holding.holds(id));
    world.step(agent::core::Event::Connected);
    world.welcome(Some((trip(1), 1)), 120_000);
    world.command(0, clearance_of(id));
    world.pass_s(5);
    assert_eq!(world.speed_mps(), 0.0);
}

#[test]
fn a_vehicle_that_was_stopped_at_its_stop_goes_on_before_it_has_arrived() {
    let mut world = connected();
    world.dispatch(1, 1);
    while world.east_m() < 185.0 {
        world.pass_ms(world::STEP_MS);
    }
    // Its stopping distance leads it to its stop.
    let id = world.command(0, stop(v1::StopClass::NearestAdmissible));
    world.until("report safe_stopped COMMANDED admissible");
    world.command(0, clearance_of(id));
    world.heard();
    world.command(1, resume(1));
    world.until("report boarded");
    let reports: Vec<String> = world.heard().into_iter().filter(|line| line.starts_with("report")).collect();
    assert_eq!(reports, ["resumed", "arrived_pickup", "boarded"].map(|report| format!("report {report}")));
}

#[test]
fn now_stops_in_a_tunnel_and_asks_for_help_and_the_default_drives_out_of_it() {
    // SAFE-5: the tunnel is 400 … 600 m.
    let mut world = driving_to(450.0);
    world.command(0, stop(v1::StopClass::Now));
    world.until("report assist STOPPED_INADMISSIBLE");
    let then = [
        "drive stop Now",
        "command 2 accepted",
        "report safe_stopped COMMANDED inadmissible",
        "report assist STOPPED_INADMISSIBLE",
    ];
    assert_eq!(world.heard(), then);
    assert!(world.east_m() < 480.0, "{}", world.east_m());

    for class in [v1::StopClass::NearestAdmissible, v1::StopClass::Unspecified] {
        let mut world = driving_to(450.0);
        world.command(0, stop(class));
        world.until("report safe_stopped COMMANDED admissible");
        assert!((600.0..605.0).contains(&world.east_m()), "{}", world.east_m());
    }

    let mut world = driving_to(250.0);
    let place = at_m(350.0);
    let place = Some(v1::Point { lat: place.lat(), lon: place.lon() });
    let body = v1::Stop {
        class: v1::StopClass::AtPlace.into(),
        place,
        scope: v1::Scope::Vehicle.into(),
        ..Default::default()
    };
    world.command(0, Body::Stop(body));
    world.until("report safe_stopped COMMANDED admissible");
    assert!((345.0..355.0).contains(&world.east_m()), "{}", world.east_m());
}

#[test]
fn a_stricter_stop_takes_over_and_a_looser_one_does_not() {
    let mut world = driving_to(450.0);
    world.command(0, stop(v1::StopClass::NearestAdmissible));
    world.command(0, stop(v1::StopClass::Now));
    world.command(0, stop(v1::StopClass::NearestAdmissible));
    world.until("report safe_stopped COMMANDED inadmissible");
    let drives: Vec<_> = world.heard().into_iter().filter(|line| line.starts_with("drive")).collect();
    assert_eq!(drives, ["drive stop NearestAdmissible", "drive stop Now"]);
}

#[test]
fn modes_of_people_end_motion_and_do_not_give_it_back() {
    for mode in [Mode::Manual, Mode::Service, Mode::Estop] {
        let mut world = driving_to(220.0);
        world.vehicle.switch_mode(mode);
        world.pass_s(1);
        world.command(1, resume(1));
        assert!(world.heard().contains(&"command 2 rejected MODE".into()));
        world.vehicle.switch_mode(Mode::Autonomous);
        world.pass_s(20);
        assert_eq!(world.speed_mps(), 0.0, "{mode:?}");
        assert!(!world.heard().iter().any(|line| line.contains("follow")), "{mode:?}");
        world.renew(1, 1);
        world.command(1, resume(1));
        world.pass_s(5);
        assert!(world.speed_mps() > 1.0, "{mode:?}");
    }
}

#[test]
fn quarantine_cancel_and_ground_end_motion() {
    let check = |when: Body, then: &[&str]| {
        let mut world = driving_to(220.0);
        world.command(0, when);
        world.pass_s(20);
        // The link goes on renewing; that is no way out.
        world.renew(1, 1);
        world.pass_s(5);
        assert_eq!(world.heard(), then);
        assert_eq!(world.speed_mps(), 0.0);
    };
    let stopped = ["drive stop NearestAdmissible", "command 2 accepted", "report safe_stopped COMMANDED admissible"];
    check(Body::Quarantine(v1::QuarantineNotice::default()), &stopped);
    check(Body::Ground(v1::Ground { when: v1::GroundWhen::NextAdmissible.into(), ..Default::default() }), &stopped);
    let cancelled = [
        "drive stop NearestAdmissible",
        "command 2 accepted",
        "report ended CANCELLED",
        "command 1 done",
        "command 2 done",
        "drive hold",
    ];
    check(Body::Cancel(v1::Cancel { trip_id: trip(1).to_string(), ..Default::default() }), &cancelled);
    // AFTER_TRIP lets the trip end and no other begin.
    let mut world = driving_to(220.0);
    world.command(0, Body::Ground(v1::Ground { when: v1::GroundWhen::AfterTrip.into(), ..Default::default() }));
    world.until("report completed");
    world.heard();
    world.dispatch(2, 2);
    assert!(world.heard().contains(&"command 3 rejected HELD".into()));
}

#[test]
fn people_leave_a_simulated_vehicle_whose_trip_was_ended() {
    let mut world = driving_to(220.0);
    world.command(0, Body::Cancel(v1::Cancel { trip_id: trip(1).to_string(), ..Default::default() }));
    world.until("drive hold");
    assert!(world.is_occupied(), "nobody leaves while it drives");
    world.pass_s(30);
    assert!(!world.is_occupied());
}

#[test]
fn slow_holds_for_its_trip_and_tightens_gently() {
    let mut world = driving_to(620.0);
    world.renew(1, 1);
    let slow = v1::Slow {
        max_speed_mps: 3.0,
        scope: v1::Scope::Trip.into(),
        trip_id: trip(1).to_string(),
        ..Default::default()
    };
    world.command(0, Body::Slow(slow));
    let before_mps = world.speed_mps();
    world.pass_ms(100);
    assert!(before_mps - world.speed_mps() < 0.5, "bounded deceleration");
    world.pass_s(10);
    assert!(world.speed_mps() < 3.1 && world.speed_mps() > 2.0, "{}", world.speed_mps());
    world.renew(1, 1);
    world.until("report completed");
    let heard = world.heard();
    assert!(!heard.iter().any(|line| line.contains("SPEED")), "{heard:?}");
    world.pass_s(1);
    assert!(world.agent.memory().held.is_empty(), "its scope ended with the trip");
}

#[test]
fn a_vehicle_that_is_too_fast_stops_itself() {
    let mut world = driving_to(250.0);
    // The vehicle's own system goes on at its speed though the limit is lower now: it is never told.
    let mut state = world.vehicle.state();
    state.speed_mps = 14.0;
    for _ in 0..30 {
        world.ms += 100;
        world.step(agent::core::Event::Vehicle(state));
    }
    let memory = world.agent.memory().trip.as_ref().unwrap();
    assert_eq!(memory.latch_reason, "SPEED_VIOLATION");
    assert_eq!(world.heard(), ["drive stop NearestAdmissible"]);
}

#[test]
fn a_route_is_driven_only_as_far_as_it_is_released() {
    let mut world = connected();
    let mut part = route();
    part.released_to_m = 300.0;
    let body = world.dispatch_body(1, &part);
    world.command(1, Body::Dispatch(body));
    world.until("drive follow to 300");
    world.pass_s(40);
    assert_eq!(world.speed_mps(), 0.0);
    assert!((297.0..=300.1).contains(&world.east_m()), "{}", world.east_m());
    // The rest is released as another version that begins where the vehicle stands.
    let rest = Route {
        id: RouteId::from_u128(2),
        version: 2,
        map_digest: map(),
        policy_digest: String::new(),
        approach: link::Leg::default(),
        trip: leg(300.0, &[(500.0, 10.0, false)]),
        released_to_m: 1e6,
        stops_m: Vec::new(),
    };
    world.renew(1, 1);
    world.command(1, Body::Reroute(v1::Reroute { trip_id: trip(1).to_string(), route: Some((&rest).into()) }));
    world.until("report completed");
    assert!((world.east_m() - 800.0).abs() < 5.0, "{}", world.east_m());
}

#[test]
fn a_reroute_begins_beyond_the_stopping_distance_or_the_old_route_holds() {
    let by = |from_m: f64| Route {
        id: RouteId::from_u128(2),
        version: 2,
        map_digest: map(),
        policy_digest: String::new(),
        approach: link::Leg::default(),
        trip: leg(from_m, &[(300.0, 10.0, false)]),
        released_to_m: 1e6,
        stops_m: Vec::new(),
    };
    let reroute =
        |route: Route| Body::Reroute(v1::Reroute { trip_id: trip(1).to_string(), route: Some((&route).into()) });
    let mut world = driving_to(300.0);
    world.command(1, reroute(by(200.0)));
    assert_eq!(world.heard(), ["command 2 rejected REROUTE_TOO_CLOSE"]);
    world.command(1, reroute(by(380.0)));
    world.until("report arrived_dropoff");
    assert_eq!(world.heard()[..2], ["command 3 done", "drive follow to 680"]);
    assert!((world.east_m() - 680.0).abs() < 5.0, "{}", world.east_m());
}

#[test]
fn a_trip_by_several_stops_serves_each_once_also_across_a_restart() {
    let mut world = connected();
    let by_stops = Route { stops_m: vec![400.0, 600.0], ..route() };
    let body = world.dispatch_body(1, &by_stops);
    world.command(1, Body::Dispatch(body));
    world.until("drive follow to 400");
    world.until("report arrived_dropoff");
    world.until("drive follow to 600");
    world.heard();
    // What is compacted on the disk knows as much as the records that it came from.
    let mut compacted = agent::durable::Memory::default();
    world.agent.memory().records().into_iter().for_each(|record| compacted.apply(record));
    assert_eq!(compacted.trip.as_ref().unwrap().stops_served, 1);
    world.restart();
    world.connect_to(1, 1);
    world.until("report safe_stopped RESTARTED inadmissible");
    world.command(1, resume(1));
    world.until("report completed");
    let steps: Vec<String> =
        world.heard().into_iter().filter(|line| line.contains("arrived") || line.contains("follow")).collect();
    // First come the reports that nobody had acknowledged.
    let steps = &steps[steps.iter().position(|line| line.contains("follow")).unwrap()..];
    let then = ["drive follow to 600", "report arrived_dropoff", "drive follow to 800", "report arrived_dropoff"];
    assert_eq!(steps, then);
}

#[test]
fn another_way_takes_its_own_stops_in_place_of_those_that_were_to_come() {
    let mut world = connected();
    let by_stops = Route { stops_m: vec![400.0, 600.0], ..route() };
    let body = world.dispatch_body(1, &by_stops);
    world.command(1, Body::Dispatch(body));
    world.until("drive follow to 600");
    // On the same road, with the next stop 50 m before where it was.
    let other = Route {
        id: RouteId::from_u128(2),
        version: 2,
        approach: link::Leg::default(),
        trip: leg(480.0, &[(200.0, 10.0, false)]),
        stops_m: vec![70.0],
        ..route()
    };
    world.heard();
    world.command(1, Body::Reroute(v1::Reroute { trip_id: trip(1).to_string(), route: Some((&other).into()) }));
    world.until("report completed");
    let steps: Vec<String> = world.heard().into_iter().filter(|line| line.contains("follow")).collect();
    assert_eq!(steps, ["drive follow to 550", "drive follow to 680"]);
}

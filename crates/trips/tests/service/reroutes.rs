//! Another route under a vehicle: from where it begins, why there is none, and what is looked at again when.

use kernel::{Coordinate, Subject, TripId};
use pollster::block_on;
use serde_json::json;
use store::CommandError;
use trips::ports::{Obstacle, RouteProgress};
use trips::trip::types::Summary;
use trips::{AssistanceFilter, ReportKind, RerouteAnswer, Status};

use crate::following::assigned;
use crate::world::{World, able, site, tenant, vehicle};

fn works() -> Vec<Obstacle> {
    vec![Obstacle { name: "works".into(), holds_start: false, stops_inside: false }]
}

fn inside(stops_inside: bool) -> Vec<Obstacle> {
    vec![Obstacle { name: "works".into(), holds_start: true, stops_inside }]
}

/// Vehicle 0 drives: 500 m to the pickup, 500 m to the drop-off.
fn progress(progress_m: f64) -> (World, TripId) {
    let (world, trip) = assigned();
    world.accepts(trip);
    world.reports(trip, 2, ReportKind::Departed);
    world.told().under_way = Some(RouteProgress { progress_m, speed_mps: 10.0, seen_at: world.now() });
    (world, trip)
}

/// The same behind the pickup, with a load.
fn loaded(progress_m: f64) -> (World, TripId) {
    let (world, trip) = progress(progress_m);
    world.reports(trip, 3, ReportKind::ArrivedPickup);
    world.reports(trip, 4, ReportKind::Boarded);
    (world, trip)
}

impl World {
    /// Roads close, and the lines that are asked about then touch this, one after the other.
    fn closes(&self, touched: impl IntoIterator<Item = Vec<Obstacle>>) {
        self.told().obstacles.extend(touched);
        self.happens_to(Subject::new("site", site()), "site.roads_closed", json!({}));
        assert!(self.told().obstacles.is_empty(), "a line was not asked about");
    }

    fn newest(&self, trip: TripId) -> String {
        self.history(trip).pop().unwrap()
    }

    fn answers(&self, trip: TripId, refused: Option<(&str, &str)>) {
        let route = self.trip(trip).rerouting.unwrap().route.route;
        let refused = refused.map(|(code, reason)| (code.to_owned(), reason.to_owned()));
        let answer = RerouteAnswer { vehicle: vehicle(0), route, refused };
        block_on(self.services.trips.reroute_answered(&self.ctx(), trip, answer)).unwrap();
        self.follows();
    }

    fn cancels(&self, trip: TripId) -> Result<trips::Trip, CommandError> {
        block_on(self.services.trips.cancel(&self.ctx(), trip, "not needed"))
    }
}

#[test]
fn it_begins_at_the_next_crossing_or_as_soon_as_the_vehicle_can_turn() {
    // 100 m, two seconds at 10 m/s, 25 m to stop and 30 m of margin make 175 m; the road ends at the pickup.
    let rows = [
        (vec![works()], 500.0, 1),
        // The crossing lies behind the works: from there on none, but from the road itself there is one.
        (vec![works(), works()], 175.0, 0),
        // The route from the crossing leads through them.
        (vec![works(), vec![], works()], 175.0, 0),
    ];
    for (touched, begins_at_m, first_stop) in rows {
        let (world, trip) = progress(100.0);
        let old = world.trip(trip).route.unwrap();
        world.closes(touched.clone());
        let waits = world.trip(trip);
        let offered = waits.rerouting.clone().unwrap();
        assert_eq!((offered.begins_at_m, waits.route), (begins_at_m, Some(old.clone())), "{touched:?}");
        let version = block_on(world.services.trips.route_version(&tenant(), offered.route.route)).unwrap().unwrap();
        assert_eq!((version.first_stop, version.continues), (first_stop, Some(old.route)));
        let approach_m = if first_stop == 0 { 500.0 } else { 0.0 };
        assert_eq!((version.approach.length_m(), version.trip_leg.length_m()), (approach_m, 500.0));
        world.answers(trip, None);
        assert_eq!((world.trip(trip).route, world.newest(trip)), (Some(offered.route), "trip.reroute_taken".into()));
        world.is_explained_by_its_journal();
    }
}

#[test]
fn where_there_is_none_the_vehicle_is_told_to_stop() {
    let rows = [
        (vec![works(), works(), works()], "TOO_CLOSE"),
        (vec![works(), vec![], works(), vec![], works()], "NO_LEGAL_EXIT"),
        (vec![inside(true)], "INSIDE_CLOSURE"),
    ];
    for (touched, code) in rows {
        let (world, trip) = loaded(100.0);
        world.closes(touched.clone());
        let told = world.trip(trip);
        assert_eq!((told.blocked.unwrap().code.as_str(), told.status), (code, Status::OnTrip), "{touched:?}");
        // Told once; a vehicle that is stopping gets no other route.
        world.closes([]);
        assert_eq!(world.newest(trip), "trip.reroute_failed");
        // Before the pickup another vehicle takes over.
        let (world, trip) = progress(100.0);
        world.closes(touched);
        assert_eq!(world.trip(trip).withdrawal.unwrap().code, code);
        world.leaves(trip);
        assert_eq!(world.trip(trip).status, Status::Waiting);
        world.is_explained_by_its_journal();
    }
}

#[test]
fn what_does_not_concern_the_rest_of_a_way_changes_nothing() {
    let (world, trip) = loaded(100.0);
    let before = world.history(trip);
    world.closes([vec![]]);
    // Those inside leave on their way.
    world.closes([inside(false)]);
    assert_eq!(world.history(trip), before);
    // It is about to arrive.
    let (world, trip) = loaded(950.0);
    world.closes([vec![]]);
    block_on(world.services.trips.reroute(&world.ctx(), trip, "off the road")).unwrap();
    assert_eq!(world.newest(trip), "trip.boarded");
}

#[test]
fn a_vehicle_that_refuses_is_told_to_stop_and_one_that_went_on_is_looked_at_again() {
    let (world, trip) = loaded(100.0);
    world.closes([works()]);
    // Closed meanwhile: looked at when the vehicle has answered.
    world.closes([]);
    assert_eq!(world.history(trip).iter().filter(|event| *event == "trip.rerouted").count(), 1);
    world.told().obstacles.push_back(works());
    world.answers(trip, None);
    assert_eq!(world.newest(trip), "trip.rerouted");
    world.answers(trip, Some(("REROUTE_TOO_CLOSE", "too close")));
    assert_eq!(world.trip(trip).blocked.unwrap().code, "REJECTED_REROUTE_TOO_CLOSE");
}

#[test]
fn a_vehicle_that_waits_before_a_closed_road_is_led_on_from_where_it_stands() {
    let stops = |reason: &str| ReportKind::SafeStopped {
        class: "nearest_admissible".into(),
        reason: reason.into(),
        admissible: true,
    };
    let (world, trip) = loaded(100.0);
    world.reports(trip, 5, stops("COMMANDED"));
    world.closes([]);
    assert_eq!(world.newest(trip), "trip.safe_stopped", "who stands for another reason is not led anywhere");
    let (world, trip) = loaded(100.0);
    // The rest of the route, the line to the crossing, the one to where it stands, the route from there.
    world.told().obstacles.extend([works(), works(), vec![], vec![]]);
    world.reports(trip, 5, stops("ROAD_CLOSED"));
    world.follows();
    assert!(world.told().obstacles.is_empty());
    let waits = world.trip(trip);
    let (stands_at, offered) = (waits.held_back_at.unwrap(), waits.rerouting.clone().unwrap());
    let version = block_on(world.services.trips.route_version(&tenant(), offered.route.route)).unwrap().unwrap();
    assert!((waits.status, offered.begins_at_m) == (Status::SafeStopped, version.begins_at_m));
    let path = block_on(world.services.trips.route_version(&tenant(), version.continues.unwrap())).unwrap().unwrap();
    let near_m = path.approach.points.iter().chain(&path.trip_leg.points).map(|at| at.distance_m(stands_at));
    assert!(near_m.fold(f64::INFINITY, f64::min) < 1.0, "it stands on its way");
    world.answers(trip, None);
    world.reports(trip, 6, ReportKind::Resumed);
    let goes_on = world.trip(trip);
    assert_eq!((goes_on.status, goes_on.held_back_at), (Status::OnTrip, None));
    // Where there is no other route, it needs a person.
    let (world, trip) = loaded(100.0);
    world.told().obstacles.extend([works(), works(), works()]);
    world.reports(trip, 5, stops("ROAD_CLOSED"));
    world.follows();
    assert_eq!(world.newest(trip), "trip.reroute_failed");
    world.reports(trip, 6, ReportKind::AssistNeeded { kind: "ROAD_CLOSED".into(), snapshot: None });
    assert_eq!(world.trip(trip).status, Status::AwaitingAssist);
    world.is_explained_by_its_journal();
}

/// Who sees a trip wait for a person finds its request, however far behind the journal its subscriber is.
#[test]
fn a_trip_that_waits_for_a_person_has_its_request_in_the_queue() {
    let (world, trip) = loaded(100.0);
    world.reports(trip, 5, ReportKind::AssistNeeded { kind: "OBSTACLE".into(), snapshot: None });
    let queue = || block_on(world.services.assistance.list(&tenant(), AssistanceFilter::Open, None, 10)).unwrap();
    let first = queue();
    assert_eq!((first.len(), first[0].trip, world.trip(trip).status), (1, trip, Status::AwaitingAssist));
    world.follows();
    assert_eq!(queue(), first, "it is asked once");
    world.is_explained_by_its_journal();
}

#[test]
fn a_vehicle_that_nobody_hears_of_is_not_led_around_a_closure_from_a_guess() {
    let (world, trip) = loaded(100.0);
    world.passes(10_001);
    world.closes([works()]);
    assert_eq!(world.newest(trip), "trip.boarded");
    // Who is heard of is.
    world.told().under_way = Some(RouteProgress { progress_m: 100.0, speed_mps: 10.0, seen_at: world.now() });
    world.closes([works()]);
    assert_eq!(world.newest(trip), "trip.rerouted");
}

#[test]
fn what_was_announced_is_looked_at_when_it_begins() {
    let (world, trip) = loaded(100.0);
    world.told().obstacles.push_back(works());
    world.happens_to(Subject::new("site", site()), "site.restriction_began", json!({}));
    assert_eq!(world.newest(trip), "trip.rerouted");
    world.happens_to(Subject::new("site", site()), "site.restriction_ended", json!({}));
    assert_eq!(world.newest(trip), "trip.rerouted");
}

#[test]
fn an_answer_that_never_comes_is_a_refusal() {
    let (world, trip) = loaded(100.0);
    world.closes([works()]);
    world.passes(11_999);
    world.looks_at_the_clock();
    assert_eq!(world.newest(trip), "trip.rerouted");
    world.passes(1);
    world.looks_at_the_clock();
    assert_eq!(world.trip(trip).blocked.unwrap().code, "NO_ANSWER");
}

#[test]
fn the_route_of_a_trip_that_waits_is_found_again_where_it_is_cut() {
    let world = World::with(vec![]);
    let trip = world.asks_for(0);
    world.looks_at_the_clock();
    let first = world.trip(trip).route.unwrap();
    world.closes([vec![]]);
    assert_eq!(world.trip(trip).route, Some(first));
    world.told().unroutable = true;
    world.closes([works()]);
    assert_eq!(world.trip(trip).wait.unwrap().code, "NO_ROUTE");
}

#[test]
fn a_loaded_trip_that_is_called_off_is_led_to_a_drop_off_ahead() {
    let (world, trip) = loaded(600.0);
    let called_off = world.cancels(trip).unwrap();
    assert_eq!((called_off.status, called_off.stops.len()), (Status::OnTrip, 2));
    // 675 m is the first place where it can turn; 50 m and five seconds farther on people can leave.
    let (from, to) = (called_off.stops[0].at, Coordinate::new(2.0, 0.0).unwrap());
    let (leave, whole_m) = (called_off.stops[1].at, from.distance_m(to));
    let part = from.distance_m(leave) / whole_m;
    assert!((part - 275.0 / 500.0).abs() < 0.01, "{part} of the way");
    world.follows();
    assert_eq!(world.newest(trip), "trip.rerouted");
    assert_eq!(world.cancels(trip).unwrap().status, Status::OnTrip, "asked again it changes nothing");
    world.answers(trip, None);
    world.reports(trip, 5, ReportKind::ArrivedDropoff);
    assert_eq!(world.trip(trip).status, Status::AtDropoff);
    world.reports(trip, 6, ReportKind::Completed(Summary { distance_m: 1.0, duration_ms: 1, energy_wh: 1.0 }));
    world.follows();
    let ended = world.trip(trip);
    assert_eq!((ended.status, ended.ended.unwrap().reason.as_str()), (Status::Cancelled, "not needed"));
    assert!(world.told().claims.is_empty(), "the vehicle is free");
    world.is_explained_by_its_journal();
}

#[test]
fn a_standing_vehicle_is_led_to_the_drop_off_once_it_goes_on() {
    let (world, trip) = loaded(600.0);
    world.reports(trip, 5, ReportKind::Paused { reason: "people on the road".into() });
    world.cancels(trip).unwrap();
    world.follows();
    assert_eq!(world.newest(trip), "trip.diverted");
    world.reports(trip, 6, ReportKind::Resumed);
    world.follows();
    assert_eq!(world.newest(trip), "trip.rerouted");
}

#[test]
fn a_way_leads_by_every_stop() {
    let world = World::with(vec![able(0)]);
    let trip = world.asks_by_stops(3);
    assert_eq!(world.dispatches(), 1);
    let route = world.trip(trip).route.unwrap();
    let version = block_on(world.services.trips.route_version(&tenant(), route.route)).unwrap().unwrap();
    assert_eq!(version.stops_m(), [500.0, 1_000.0, 1_500.0]);
    assert_eq!((version.stops_between_m(), route.distance_m), (vec![1_000.0], 1_000.0));
}

//! Events and states of this domain as they were first written; they are read for ever.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};

use fleet::site::{
    ClosureClass, SiteMapImported, SiteRestrictionBegan, SiteRestrictionEnded, SiteRestrictionLifted, SiteRoadsClosed,
    SiteSpeedLimited, SiteZoneDrawn, ZoneKind,
};
use fleet::vehicle::events::{
    VehicleBatteryCrossed, VehicleCameOnline, VehicleClaimReleased, VehicleClaimTaken, VehicleClaimWithdrawn,
    VehicleDecommissioned, VehicleHoldPlaced, VehicleHoldReleased, VehicleModeChanged, VehicleRegistered,
    VehicleStopCleared, VehicleStopExplained, VehicleStopOrdered, VehicleWentOffline,
};
use fleet::vehicle::{Component, HoldKind, HoldTiming, Mode, Profile, RequestedStop, Status, StopClass};
use fleet::{Site, Vehicle};
use kernel::id::TypedId;
use kernel::testing::{START, golden};
use kernel::{Coordinate, Sector, TripId};
use serde::Serialize;
use serde_json::{Value, json};

const PERSON: &str = "prin_01kdr000000000000000000005";

fn folder(aggregate: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(aggregate)
}

fn id<T: TypedId>(n: u128) -> T {
    T::from_u128((0x019b << 112) | n)
}

fn words<C: FromIterator<String>>(words: &[&str]) -> C {
    words.iter().map(|&word| word.to_owned()).collect()
}

fn registered() -> VehicleRegistered {
    VehicleRegistered {
        site: "pit-1".parse().unwrap(),
        profile: Profile {
            name: "Truck 7".into(),
            vin_commitment: Some("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".into()),
            capabilities: words(&["haul", "passengers"]),
            sectors: [Sector::Mining, Sector::RideHail].into(),
            payload_max_kg: 90_000.0,
            seats: 2,
            max_speed_mps: 16.7,
            energy_capacity_wh: 1_800_000.0,
            simulated: true,
        },
        components: vec![Component { name: "ads".into(), version: "4.2.0".into(), serial: "A-17".into() }],
        constraints: policy::Constraints {
            max_speed_mps: Some(13.5),
            max_payload_kg: Some(80_000.0),
            max_passengers: Some(0),
            max_trip_distance_m: Some(25_000.5),
            valid_for_s: Some(7_776_000),
            min_battery_pct: Some(12.5),
            probation_trips: Some(5),
            avoided_zones: words(&["workshop"]),
            required_capabilities: words(&["haul"]),
            allowed_modes: Some(words(&["AUTONOMOUS"])),
            allowed_zones: Some(words(&["pit"])),
            allowed_sectors: Some([Sector::Mining].into()),
        },
    }
}

fn came_online() -> VehicleCameOnline {
    VehicleCameOnline {
        boot: id(1),
        capabilities: words(&["haul"]),
        components: vec![Component { name: "brake".into(), version: "2".into(), serial: String::new() }],
        mode: Mode::Autonomous,
    }
}

fn held(trip: TripId) -> VehicleHoldPlaced {
    VehicleHoldPlaced {
        hold: id(4),
        kind: HoldKind::PreStartCheck,
        owner: PERSON.into(),
        reason: "the check of the day is missing".into(),
        timing: HoldTiming::NextAdmissible,
        trip: Some(trip),
        claim_epoch: 2,
    }
}

fn stopped() -> VehicleStopOrdered {
    VehicleStopOrdered {
        stop: id(6),
        requested: RequestedStop::NEAREST_ADMISSIBLE,
        reason: "a person on the road".into(),
        from_emergency_record: true,
        owner: None,
    }
}

#[test]
fn a_vehicle_is_read_as_it_was_written() {
    let trip = id(2);
    let history = [
        registered().into(),
        came_online().into(),
        VehicleBatteryCrossed { low: true, battery_pct: 14.5 }.into(),
        VehicleClaimTaken { trip, claim_epoch: 1, valid_for_s: 120 }.into(),
        VehicleModeChanged { from: Mode::Autonomous, to: Mode::Estop }.into(),
        held(trip).into(),
        stopped().into(),
        VehicleWentOffline { last_seen_at: START, trip: Some(trip) }.into(),
        VehicleClaimReleased { trip, claim_epoch: 3 }.into(),
        VehicleStopCleared { stop: id(6) }.into(),
        VehicleHoldReleased { hold: id(4), reason: "checked".into() }.into(),
        VehicleDecommissioned { reason: "sold".into() }.into(),
        VehicleClaimWithdrawn { trip, claim_epoch: 4 }.into(),
        VehicleStopExplained { stop: id(6), reason: "smoke on the road".into() }.into(),
    ];
    golden::check::<Vehicle>(&folder("vehicle"), &history);
}

#[test]
fn a_site_is_read_as_it_was_written() {
    let polygon: Vec<Coordinate> =
        [(-22.25, -68.9), (-22.25, -68.5), (-22.0, -69.0)].map(|(lat, lon)| Coordinate::new(lat, lon).unwrap()).into();
    let zone = SiteZoneDrawn {
        restriction: id(1),
        name: "Bench 4".into(),
        kind: ZoneKind::Blast,
        polygon: polygon.clone(),
        owner: PERSON.into(),
        class: None,
        reason: None,
        from: None,
        until: None,
    };
    let closure = SiteRoadsClosed {
        restriction: id(2),
        class: ClosureClass::NoEntry,
        polygon: polygon.clone(),
        owner: PERSON.into(),
        reason: "a grader works".into(),
        from: START,
        until: Some(START.plus_ms(3_600_000)),
    };
    let limit = SiteSpeedLimited {
        restriction: id(3),
        max_speed_mps: 8.0,
        place: Some("haul-road".into()),
        polygon,
        owner: PERSON.into(),
        reason: "a grader works".into(),
        from: START,
        until: Some(START.plus_ms(3_600_000)),
    };
    let history = [
        SiteMapImported { version: 1, digest: "ab".repeat(32), nodes: 1_200, edges: 2_900 }.into(),
        zone.into(),
        closure.into(),
        SiteRestrictionLifted { restriction: id(1) }.into(),
        SiteRestrictionBegan { restriction: id(2) }.into(),
        SiteRestrictionEnded { restriction: id(2) }.into(),
        limit.into(),
    ];
    golden::check::<Site>(&folder("site"), &history);
}

/// A fixture shows one value of each kind, but every value's name stands in bodies and rows, and is for ever too.
#[test]
fn values_keep_their_names() {
    fn names<T: Serialize>(values: &[T]) -> Value {
        json!(values)
    }
    let statuses = [Status::Registered, Status::Online, Status::Offline, Status::Decommissioned];
    assert_eq!(names(&statuses), json!(statuses.map(Status::as_str)));
    assert_eq!(names(&statuses), json!(["REGISTERED", "ONLINE", "OFFLINE", "DECOMMISSIONED"]));
    assert_eq!(names(Mode::ALL), json!(Mode::ALL.iter().map(|mode| mode.as_str()).collect::<Vec<_>>()));
    assert_eq!(names(Mode::ALL), json!(["AUTONOMOUS", "REMOTE", "MANUAL", "SERVICE", "ESTOP"]));
    let holds = [
        HoldKind::Grounded,
        HoldKind::Lockout,
        HoldKind::PreStartCheck,
        HoldKind::Update,
        HoldKind::Quarantine,
        HoldKind::Cleaning,
    ];
    assert_eq!(names(&holds), json!(holds.map(HoldKind::as_str)));
    assert_eq!(names(&holds), json!(["grounded", "lockout", "pre_start_check", "update", "quarantine", "cleaning"]));
    let timings = [HoldTiming::AfterTrip, HoldTiming::NextAdmissible, HoldTiming::Now];
    assert_eq!(names(&timings), json!(["after_trip", "next_admissible", "now"]));
    let stops = [StopClass::Now, StopClass::NearestAdmissible, StopClass::AtPlace];
    assert_eq!(names(&stops), json!(stops.map(StopClass::as_str)));
    assert_eq!(names(&stops), json!(["now", "nearest_admissible", "at_place"]));
    let zones = [ZoneKind::Avoided, ZoneKind::Blast, ZoneKind::Exclusive];
    assert_eq!(names(&zones), json!(["avoided", "blast", "exclusive"]));
    let closures = [ClosureClass::NoEntry, ClosureClass::Stop, ClosureClass::Evacuate];
    assert_eq!(names(&closures), json!(["no_entry", "stop", "evacuate"]));
}

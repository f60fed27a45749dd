//! Events that were ever written can be read for ever.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};

use kernel::id::{RestrictionId, TypedId};
use kernel::testing::golden;
use kernel::{Coordinate, Timestamp, TripId};
use sectors::area::{Day, Hours, NewServiceArea, ServiceAreaDrawn, ServiceAreaGivenUp};
use sectors::blast::events::{
    BlastCalledOff, BlastClearing, BlastExaminationDue, BlastExamined, BlastFired, BlastGuarded, BlastMisfired,
    BlastOverdue, BlastPlanned, BlastReleased,
};
use sectors::clearance::{ClearanceGranted, Cleared, Level};
use sectors::emission::{EmissionRelaxed, EmissionTightened, Emissions};
use sectors::job::events::{JobAsked, JobBegun, JobCancelled, JobDone, JobFellBack, JobMovedAway, JobReleased};
use sectors::place::{Loader, NewPlace, PlaceGivenUp, PlaceKind, PlaceNamed};
use sectors::{Blast, Clearance, Emission, Job, JobId, Place, PlaceId, ServiceArea};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

fn at(ms: i64) -> Timestamp {
    Timestamp::from_ms(ms)
}

fn area() -> Vec<Coordinate> {
    [(0.0, 0.0), (0.0, 0.01), (0.01, 0.01)].map(|(lat, lon)| Coordinate::new(lat, lon).unwrap()).to_vec()
}

#[test]
fn a_place_is_read_as_it_was_written() {
    let place = NewPlace {
        site: "pit".parse().unwrap(),
        name: "face 3".into(),
        kind: PlaceKind::LoadFace,
        at: Coordinate::new(1.0, 2.0).unwrap(),
        radius_m: 40.0,
        loader: Some(Loader { bucket_kg: 45_000.0, passes_max: 5 }),
        wheelchair: false,
        hazards_refused: ["5.1".to_owned()].into(),
    };
    golden::check::<Place>(
        &folder("place"),
        &[PlaceNamed { place, by: "ana".into() }.into(), PlaceGivenUp { by: "ana".into() }.into()],
    );
}

#[test]
fn a_blast_is_read_as_it_was_written() {
    let planned = BlastPlanned {
        site: "pit".parse().unwrap(),
        name: "bench 7".into(),
        area: area(),
        fire_at: at(60_000),
        by: "dora".into(),
    };
    let restriction = RestrictionId::from_u128(7);
    let (by, reason) = (|| "sam".to_owned(), || "as announced".to_owned());
    golden::check::<Blast>(
        &folder("blast"),
        &[
            planned.into(),
            BlastClearing { restriction, by: by(), reason: reason() }.into(),
            BlastGuarded { posts: vec!["north gate".into()], by: by(), reason: reason() }.into(),
            BlastOverdue {}.into(),
            BlastFired { by: by(), reason: reason() }.into(),
            BlastMisfired { again_from: at(90_000), by: by(), reason: reason() }.into(),
            BlastExaminationDue {}.into(),
            BlastExamined { by: by(), reason: reason() }.into(),
            BlastReleased { by: by(), reason: reason() }.into(),
            BlastCalledOff { by: by(), reason: reason() }.into(),
        ],
    );
}

#[test]
fn a_job_is_read_as_it_was_written() {
    let asked = JobAsked {
        site: "yard".parse().unwrap(),
        container: "MSKU1234565".into(),
        from: PlaceId::from_u128(1),
        to: PlaceId::from_u128(2),
        hazards: ["3".to_owned()].into(),
        mass_kg: 24_500.5,
        by: "dora".into(),
    };
    let trip = TripId::from_u128(3);
    golden::check::<Job>(
        &folder("job"),
        &[
            asked.into(),
            JobReleased { seal: "S1".into(), by: "dora".into(), reason: "the papers are there".into() }.into(),
            JobBegun { trip }.into(),
            JobFellBack { trip }.into(),
            JobDone { trip }.into(),
            JobMovedAway { by_job: JobId::from_u128(4) }.into(),
            JobCancelled { by: "dora".into(), reason: "the ship has left".into() }.into(),
        ],
    );
}

#[test]
fn a_service_area_is_read_as_it_was_written() {
    let hours = Hours { days: [Day::Mon, Day::Sun].into(), from: "06:00".into(), to: "23:30".into() };
    let area = NewServiceArea {
        site: "city".parse().unwrap(),
        name: "centre".into(),
        area: area(),
        hours: vec![hours],
        utc_offset_min: -480,
        wheelchair: true,
    };
    golden::check::<ServiceArea>(
        &folder("service_area"),
        &[ServiceAreaDrawn { area, by: "ana".into() }.into(), ServiceAreaGivenUp { by: "ana".into() }.into()],
    );
}

#[test]
fn an_emission_state_is_read_as_it_was_written() {
    let (by, reason) = (|| "ana".to_owned(), || "as ordered".to_owned());
    let approved_by = Some("bob".to_owned());
    golden::check::<Emission>(
        &folder("emission"),
        &[
            EmissionTightened { state: Emissions::Silent, by: by(), reason: reason() }.into(),
            EmissionRelaxed { state: Emissions::Reduced, by: by(), approved_by, reason: reason() }.into(),
        ],
    );
}

#[test]
fn a_clearance_is_read_as_it_was_written() {
    let granted = ClearanceGranted {
        kind: Cleared::Vehicle,
        id: "veh_1".into(),
        level: Level::Confidential,
        until: at(90_000),
        by: "sue".into(),
        reason: "for the exercise".into(),
    };
    golden::check::<Clearance>(&folder("clearance"), &[granted.into()]);
}

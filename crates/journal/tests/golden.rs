//! The frozen envelope: these files were written by another program (RFC 8785, RFC 6962) and are never changed. A
//! failure here means that what was written yesterday would not verify tomorrow.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use journal::{Entry, Hash, JournalError, Link};
use kernel::ctx::{ActorKind, Authentication};
use kernel::envelope::{
    ClockSource, ConfigurationDigests, Custody, MotionFacts, NoticedAt, OccurredAt, RetentionClass, VehicleDigests,
};
use kernel::{Actor, Envelope, Known, Sector, Subject, Timestamp};
use serde_json::json;

struct Golden {
    envelope: &'static str,
    links: &'static str,
    leaf: &'static str,
}

const FULL: Golden = Golden {
    envelope: include_str!("golden/full.envelope.json"),
    links: include_str!("golden/full.links.json"),
    leaf: include_str!("golden/full.leaf"),
};

const SPARSE: Golden = Golden {
    envelope: include_str!("golden/sparse.envelope.json"),
    links: include_str!("golden/sparse.links.json"),
    leaf: include_str!("golden/sparse.leaf"),
};

fn known(text: &str) -> Known<String> {
    Known::Known(text.into())
}

/// Every field is named here, so that a field more or less does not compile.
fn full() -> Envelope {
    let vehicle = "veh_01m85qy9k0e008000000000002";
    let at = |text: &str| -> Timestamp { text.parse().unwrap() };
    Envelope {
        id: "evt_01m85qy9k0e008000000000003".parse().unwrap(),
        tenant: "north-pit".parse().unwrap(),
        site: Known::Known("pit-1".parse().unwrap()),
        sector: Known::Known(Sector::Mining),
        stream: Subject::new("trip", "trip_01m85qy9k0e008000000000001"),
        stream_seq: 7,
        about: vec![Subject::new("vehicle", vehicle), Subject::new("site", "pit-1")],
        r#type: "trip.completed".into(),
        version: 2,
        actor: Actor {
            kind: ActorKind::Vehicle,
            id: vehicle.into(),
            role: "vehicle".into(),
            authentication: Authentication::VehicleSecret,
            second_approver: Some("prin_x".into()),
            rule: Some("r".into()),
        },
        caused_by: Some("evt_01m85qy9k0e008000000000004".parse().unwrap()),
        decision_id: Some("dec_01m85qy9k0e008000000000005".parse().unwrap()),
        incident_id: Some("inc_01m85qy9k0e008000000000006".parse().unwrap()),
        occurred_at: OccurredAt {
            at: at("2026-11-24T03:00:12.000001Z"),
            clock: ClockSource::Vehicle,
            offset_us: Known::Known(-1_500),
            uncertainty_us: Known::Known(250),
        },
        noticed_at: Some(NoticedAt {
            at: at("2026-11-24T03:00:13Z"),
            by: "dispatcher".into(),
            channel: "radio".into(),
        }),
        recorded_at: at("2026-11-24T03:00:12.345678Z"),
        digests: ConfigurationDigests {
            server_build: known("atlasmesh 0.1.0"),
            policy_bundle: known("ab"),
            map: known("cd"),
            vehicle: Known::Known(VehicleDigests {
                vin_commitment: known("ef"),
                rxswin: known("R156"),
                agent: known("agent 0.1.0"),
                ads: known("ads 1"),
                calibration: Known::unknown("not reported"),
            }),
        },
        motion: Some(MotionFacts {
            odometer_m: Known::Known(1234.5),
            jurisdiction: known("CL"),
            mode: known("automated"),
            occupied: Known::Known(true),
        }),
        exercise: true,
        simulated: true,
        retention: RetentionClass::Safety,
        body: json!({
            "energy_kwh": 0.1, "stops": [1, 2, 3], "note": "café — \"quoted\"\n", "distance_m": 1000.0,
            "nested": { "b": null, "a": false },
        }),
        custody: vec![Custody {
            actor: vehicle.into(),
            action: "produced".into(),
            at: at("2026-11-24T03:00:12.000001Z"),
            signature: Known::unknown("no identity yet"),
        }],
    }
}

#[test]
fn a_full_envelope_is_written_as_it_always_was() {
    let links: Vec<Link> = serde_json::from_str(FULL.links).unwrap();
    let entry = Entry::build(3, &full(), &links).unwrap();
    assert_eq!((entry.envelope_json.as_str(), entry.links_json.as_str()), (FULL.envelope, FULL.links));
    assert_eq!(entry.leaf.to_string(), FULL.leaf.trim());
}

#[test]
fn frozen_texts_are_read_and_written_again_unchanged() {
    for golden in [FULL, SPARSE] {
        let data = [golden.envelope, golden.links].concat();
        let entry = Entry::from_leaf_data(0, data.as_bytes()).unwrap();
        assert_eq!((entry.envelope_json.as_str(), entry.links_json.as_str()), (golden.envelope, golden.links));
        assert_eq!(entry.leaf, golden.leaf.trim().parse::<Hash>().unwrap());
        assert_eq!(Hash::of_leaf(&entry.leaf_data()), entry.leaf);
        let again = Entry::build(0, &entry.envelope().unwrap(), &entry.links().unwrap()).unwrap();
        assert_eq!(again, entry);
    }
}

#[test]
fn an_envelope_with_a_field_more_or_less_is_none() {
    let text = |change: fn(&mut serde_json::Map<String, serde_json::Value>)| {
        let mut value: serde_json::Value = serde_json::from_str(SPARSE.envelope).unwrap();
        change(value.as_object_mut().unwrap());
        let json = value.to_string();
        Entry { index: 0, leaf: Hash::ZERO, envelope_json: json, links_json: SPARSE.links.into() }.envelope()
    };
    text(|_| {}).unwrap();
    for changed in [
        text(|fields| drop(fields.insert("signature".into(), json!("x")))),
        text(|fields| drop(fields.remove("retention"))),
        text(|fields| drop(fields.remove("site"))),
    ] {
        assert!(matches!(changed, Err(JournalError::Json { .. })), "{changed:?}");
    }
}

#[test]
fn what_would_not_read_back_the_same_is_not_written() {
    let links: Vec<Link> = serde_json::from_str(FULL.links).unwrap();
    let build = |change: &dyn Fn(&mut Envelope)| {
        let mut envelope = full();
        change(&mut envelope);
        Entry::build(0, &envelope, &links)
    };
    build(&|_| {}).unwrap();
    let too_large = |result: &Result<Entry, JournalError>| matches!(result, Err(JournalError::NumberTooLarge { .. }));
    assert!(too_large(&build(&|envelope| envelope.body = json!({ "serial": u64::MAX }))));
    assert!(too_large(&build(&|envelope| envelope.occurred_at.offset_us = Known::Known(i64::MIN))));
    assert!(too_large(&build(&|envelope| envelope.occurred_at.uncertainty_us = Known::Known(1 << 53))));
    let odometer = |metres: f64| {
        build(&|envelope| envelope.motion.as_mut().unwrap().odometer_m = Known::Known(metres)).map(|_| ())
    };
    odometer(9.1e15).unwrap();
    assert!(odometer(f64::NAN).is_err(), "RFC 8785 has no NaN");
    let late = build(&|envelope| envelope.occurred_at.at = Timestamp::from_us(i64::MAX));
    assert!(matches!(late, Err(JournalError::Json { .. })), "a year of six digits is no RFC 3339 time: {late:?}");
    let large = build(&|envelope| envelope.body = json!("x".repeat(65_000)));
    assert!(matches!(large, Err(JournalError::TooLarge { .. })), "{large:?}");
    for links_of_another in [&links[..2], &links[1..], &[]] {
        assert!(matches!(Entry::build(0, &full(), links_of_another), Err(JournalError::Links)));
    }
    assert!(matches!(build(&|envelope| envelope.stream_seq = 8), Err(JournalError::Links)));
    assert!(matches!(build(&|envelope| envelope.about.swap(0, 1)), Err(JournalError::Links)));
}

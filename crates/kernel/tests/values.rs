//! What the words of the kernel hold for every value: texts read back, and nothing that is given breaks them.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use kernel::envelope::{DecisionRecord, NewEvent};
use kernel::id::{TypedId, decode_base32, encode_base32};
use kernel::personal::commitment_preimage;
use kernel::testing::HandClock;
use kernel::{
    Actor, Code, Coordinate, Ctx, FieldError, Known, Reject, Sector, SiteId, Subject, TenantId, Timestamp, TripId,
    VehicleId,
};
use proptest::prelude::*;
use serde_json::json;

fn place() -> impl Strategy<Value = Coordinate> {
    (-90.0..=90.0, -180.0..=180.0).prop_map(|(lat, lon)| Coordinate::new(lat, lon).unwrap())
}

proptest! {
    #[test]
    fn ids_read_back_and_sort_like_their_bytes(a in any::<u128>(), b in any::<u128>()) {
        prop_assert_eq!(decode_base32(&encode_base32(a)), Some(a));
        let (one, other) = (TripId::from_u128(a), TripId::from_u128(b));
        prop_assert_eq!(one.to_string().parse(), Ok(one));
        prop_assert_eq!(one.to_string().cmp(&other.to_string()), a.cmp(&b));
        prop_assert!(one.to_string().parse::<VehicleId>().is_err());
    }

    #[test]
    fn any_text_is_an_id_or_a_name_or_none(text in "\\PC{0,45}") {
        prop_assert!(decode_base32(&text).is_none_or(|value| encode_base32(value) == text));
        prop_assert!(text.parse::<TripId>().is_err());
        prop_assert!(text.parse::<SiteId>().is_ok_and(|name| name.as_str() == text) || text.parse::<SiteId>().is_err());
        prop_assert!(text.parse::<Timestamp>().is_err());
        prop_assert!(Subject::parse(&text).is_none_or(|subject| subject.as_str() == text));
    }

    /// Years 0 to 9999, which RFC 3339 can write.
    #[test]
    fn times_read_back_and_sort_like_their_texts(
        a in -62_167_219_200_000_000i64..=253_402_300_799_999_999,
        b in -62_167_219_200_000_000i64..=253_402_300_799_999_999,
    ) {
        let (one, other) = (Timestamp::from_us(a), Timestamp::from_us(b));
        prop_assert_eq!(one.to_string().parse(), Ok(one));
        prop_assert_eq!(one.to_string().cmp(&other.to_string()), one.cmp(&other));
        prop_assert!(one.since_ms(other).abs_diff((a - b) / 1_000) <= 1);
    }

    #[test]
    fn no_arithmetic_of_times_fails(a in any::<i64>(), b in any::<i64>()) {
        let (one, other) = (Timestamp::from_us(a), Timestamp::from_us(b));
        prop_assert_eq!(one.since_ms(other) > 0, a.saturating_sub(b) >= 1_000);
        prop_assert_eq!(one.plus_ms(b) >= one, b >= 0 || a == i64::MIN);
        prop_assert!(Timestamp::from_ms(a).as_ms().abs() <= a.saturating_abs());
        prop_assert!(!one.to_string().is_empty());
    }

    #[test]
    fn distances_are_those_of_a_sphere(a in place(), b in place(), fraction in -1.0..=2.0) {
        let half_way_round = std::f64::consts::PI * kernel::geo::EARTH_RADIUS_M;
        prop_assert!((0.0..=half_way_round + 1.0).contains(&a.distance_m(b)));
        prop_assert!((a.distance_m(b) - b.distance_m(a)).abs() < 1e-6);
        prop_assert_eq!(a.distance_m(a), 0.0);
        prop_assert!((0.0..360.0).contains(&a.bearing_to(b).degrees()));
        let between = a.towards(b, fraction);
        prop_assert!(Coordinate::new(between.lat(), between.lon()).is_ok());
    }

    #[test]
    fn no_two_personal_values_have_one_commitment(
        a in ("[a-z]{0,4}", prop::collection::vec(any::<u8>(), 0..6)),
        b in ("[a-z]{0,4}", prop::collection::vec(any::<u8>(), 0..6)),
    ) {
        let salt = [7; 32];
        let same = commitment_preimage(&a.0, &salt, &a.1) == commitment_preimage(&b.0, &salt, &b.1);
        prop_assert_eq!(same, a == b);
    }
}

#[test]
fn the_preimage_of_a_commitment_is_for_ever() {
    let preimage = commitment_preimage("vin", &[1; 32], b"X");
    let expected = [&b"\0\0\0\x15atlasmesh/personal/v1\0\0\0\x03vin\0\0\0\x20"[..], &[1; 32], b"\0\0\0\x01X"].concat();
    assert_eq!(preimage, expected);
}

#[test]
fn a_code_has_one_name_everywhere() {
    assert_eq!(json!(Code::ALL), json!(Code::ALL.iter().map(|code| code.as_str()).collect::<Vec<_>>()));
    assert_eq!(Code::ALL.iter().map(|code| code.as_str()).collect::<BTreeSet<_>>().len(), Code::ALL.len());
    for &sector in Sector::ALL {
        assert_eq!(sector.as_str().parse::<Sector>().ok(), Some(sector));
        assert_eq!(json!(sector), json!(sector.as_str()));
    }
    assert!("Mining".parse::<Sector>().is_err());
}

#[test]
fn a_refusal_names_one_wrong_field_or_counts_many() {
    let wrong = |field: &str| FieldError { field: field.into(), message: "is wrong".into() };
    assert_eq!(Reject::invalid_field("/a", "is wrong").to_string(), "INVALID_REQUEST: /a is wrong");
    let many = Reject::invalid(vec![wrong("/a"), wrong("/b")]);
    assert_eq!((many.message.as_str(), many.fields.len()), ("2 fields are wrong", 2));
    let decided = Reject::new(Code::PolicyViolation, "no").with_decision(json!({ "id": 1 }));
    assert_eq!(decided.decision.as_deref(), Some(&json!({ "id": 1 })));
}

#[test]
fn what_is_known_and_what_is_not_read_back() {
    let rows: [(Known<f64>, _); 2] =
        [(Known::Known(1.5), json!(1.5)), (Known::unknown("not reported"), json!({ "unknown": "not reported" }))];
    for (value, text) in rows {
        assert_eq!(serde_json::to_value(&value).unwrap(), text);
        assert_eq!(serde_json::from_value::<Known<f64>>(text).unwrap(), value);
    }
    let permissive: Known<serde_json::Value> = serde_json::from_value(json!({ "unknown": "why" })).unwrap();
    assert_eq!(permissive.as_option(), None, "not known is preferred over a value that looks like it");
}

#[test]
fn a_subject_is_a_kind_and_an_id() {
    let subject = Subject::parse("trip/a/b").unwrap();
    assert_eq!((subject.kind(), subject.id()), ("trip", "a/b"));
    for none in ["", "trip", "/a", "trip/", &format!("trip/{}", "a".repeat(130))] {
        assert_eq!(Subject::parse(none), None, "{none}");
    }
}

#[test]
fn an_event_is_about_everything_once_and_carries_its_decision() {
    let ctx = Ctx::new(&HandClock::default(), TenantId::platform(), Actor::automation("test"));
    let stream = Subject::new("trip", 1);
    let (vehicle, site) = (Subject::new("vehicle", 2), Subject::new("site", 3));
    let event = NewEvent::new(&ctx, stream.clone(), "trip.created", 1, json!({}))
        .about(vec![vehicle.clone(), stream.clone(), vehicle.clone()])
        .about(vec![site.clone(), vehicle.clone()]);
    assert_eq!(event.unsequenced().about, [vehicle.clone(), site]);
    assert_eq!(event.unsequenced().digests.policy_bundle, Known::unknown("no policy was asked"));
    let decision = DecisionRecord {
        id: ctx.new_id(),
        bundle: "ab".into(),
        allowed: true,
        about: vec![vehicle.clone()],
        body: json!({ "verdict": "allowed" }),
    };
    let decided = event.decided_by(&decision).sequenced(7);
    assert_eq!((decided.decision_id, decided.stream_seq), (Some(decision.id), 7));
    assert_eq!(decided.digests.policy_bundle, Known::Known("ab".into()));
    let journaled = decision.to_event(&ctx, stream.clone());
    let header = journaled.unsequenced();
    assert_eq!((header.r#type.as_str(), &header.stream, &header.about), ("policy.decided", &stream, &vec![vehicle]));
    assert_eq!(header.decision_id, Some(decision.id));
}

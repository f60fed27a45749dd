//! A bundle that is not right is refused with one error that says where and why; a layer can only take away.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod common;

use std::sync::LazyLock;

use kernel::{Authentication, Sector, Subject};
use policy::{Bundle, BundleError, Engine, Request};
use proptest::prelude::*;
use trips::actions::{ASSIGN_VEHICLE, REQUEST_TRIP};
use trips::{AssignmentFacts, TripFacts};

fn load(extra: &[(&str, &str)]) -> Result<Bundle, BundleError> {
    let mut sources = common::sources();
    sources.extend_from_slice(extra);
    common::load(&sources)
}

#[test]
fn a_wrong_bundle_is_refused_with_file_policy_and_line() {
    let check = |file: &str, text: &str, parts: &[&str]| {
        let error = load(&[(file, text)]).unwrap_err().to_string();
        for part in parts {
            assert!(error.contains(part), "{file}: {error:?} lacks {part:?}");
        }
    };
    let head = r#"@id("t.x") @version("1") @purpose("p") @reason("r")"#;
    let mine = "tenants/north/x.cedar";
    let on_trip = r#"(principal, action == Fleet::Action::"trip.request", resource)"#;

    // Does not type-check: the line is that of the mistake, not of the file.
    let typed = format!("\n\n{head}\nforbid {on_trip}\nwhen {{ context.passengers > \"two\" }};");
    check(mine, &typed, &["tenants/north/x.cedar:5", "policy t.x", "type"]);
    let unknown = format!("{head}\nforbid {on_trip}\nwhen {{ context.colour == \"red\" }};");
    check(mine, &unknown, &["x.cedar:3", "t.x", "colour"]);
    // An optional fact without asking whether it is there.
    let optional = format!(
        "{head}\nforbid (principal, action == Fleet::Action::\"vehicle.assign\", resource)\nwhen {{ \
         context.vehicle_max_speed_mps.lessThan(decimal(\"1.0\")) }};"
    );
    check(mine, &optional, &["x.cedar:3", "t.x", "vehicle_max_speed_mps"]);
    // Names a role that nobody has.
    for role in ["principal.role == Fleet::Role::\"operator\"", "[Fleet::Role::\"operator\"].contains(principal.role)"]
    {
        check(mine, &format!("{head}\nforbid {on_trip}\nwhen {{ {role} }};"), &["x.cedar:3", "t.x", "operator"]);
    }
    check(mine, &format!("{head}\nforbid {on_trip}\nwhen {{ principal.role == \"viewer\" }};"), &["x.cedar:3", "t.x"]);
    check(mine, &format!("{head}\nforbid {on_trip} when {{ ;"), &["x.cedar:2", "not valid Cedar"]);
    // Names an action that is none, such as the one that must never be denied.
    let stop = format!(r#"{head} forbid (principal, action == Fleet::Action::"vehicle.stop", resource);"#);
    check(mine, &stop, &["t.x", "vehicle.stop"]);

    check(
        mine,
        &format!("{head} permit {on_trip};"),
        &["t.x", "permit in layer tenant:north", "only forbid or constrain"],
    );
    check("sectors/mining/x.cedar", &format!("{head} permit {on_trip};"), &["permit in layer sector:mining"]);
    check(mine, &format!("forbid {on_trip};"), &["lacks the annotation @id"]);
    check(mine, &format!(r#"@id("t.x") @version("1") @purpose("p") forbid {on_trip};"#), &["t.x", "@reason"]);
    check(
        mine,
        &format!(r#"@id("base.trip.kind") @version("1") @purpose("p") @reason("r") forbid {on_trip};"#),
        &["base.trip.kind", "id of another policy, at"],
    );
    let unnamed = head.replace("\"r\"", "\"{colour}\"");
    check(mine, &format!("{unnamed} forbid {on_trip};"), &["t.x", "{colour}"]);
    let blanket = format!("{head} forbid (principal, action, resource);");
    check(mine, &blanket, &["t.x", "@response"]);
    check(mine, &format!("{head} @response(\"shout\") forbid {on_trip};"), &["t.x", "shout"]);
    for (annotations, part) in [
        (r#"@constrain("max_sped_mps") @value("3")"#, "names no limit"),
        (r#"@constrain("max_speed_mps") @value("fast")"#, "is no value of max_speed_mps"),
        (r#"@constrain("max_speed_mps") @value("inf")"#, "is no value of max_speed_mps"),
        (r#"@constrain("max_speed_mps") @value("0.1")"#, "below the least usable"),
        (r#"@constrain("allowed_modes") @value("")"#, "no mode is left"),
        (r#"@constrain("max_speed_mps")"#, "either @value"),
        (r#"@constrain("max_speed_mps") @fact("distance")"#, "not declared for trip.request"),
        (r#"@constrain("max_speed_mps") @fact("kind")"#, "needs a decimal"),
    ] {
        check(mine, &format!("{head} {annotations} permit {on_trip};"), &["t.x", part]);
    }
    check(
        mine,
        &format!(r#"{head} @constrain("max_speed_mps") @value("3") forbid {on_trip};"#),
        &["forbids and constrains"],
    );
    check("sectors/space/x.cedar", "", &["sectors/space/x.cedar", "not a policy file"]);
    check("../base/x.cedar", "", &["not a policy file"]);
    check("base/trip.cedar", "", &["base/trip.cedar", "twice"]);
    check(mine, &" ".repeat(5_000_000), &["limit is"]);
}

#[test]
fn a_bundle_without_schema_or_base_is_refused() {
    let without = |part: &str| {
        let mut sources = common::sources();
        sources.retain(|(name, _)| !name.contains(part));
        common::load(&sources).unwrap_err().to_string()
    };
    assert!(without(".cedarschema").contains("no schema"));
    assert!(without("base/").contains("no base layer"));
    let with_schema = |from: &str, to: &str| {
        let mut sources: Vec<(&str, String)> =
            common::sources().into_iter().map(|(name, text)| (name, text.to_owned())).collect();
        sources[0].1 = sources[0].1.replacen(from, to, 1);
        common::load(&sources).unwrap_err().to_string()
    };
    assert!(with_schema("\"viewer\"", "\"viewer\", \"operator\"").contains("the role operator, which nobody can have"));
    assert!(with_schema("\"viewer\", ", "").contains("does not declare the role viewer"));
    assert!(with_schema("role: Role", "role: String").contains("policy"));
    let none: &[(&str, &str)] = &[];
    assert!(common::load(none).is_err());
}

#[test]
fn the_digest_depends_on_names_and_texts_but_not_on_their_order() {
    let shipped = common::shipped();
    let mut sources = common::sources();
    sources.reverse();
    assert_eq!(common::load(&sources).unwrap().digest(), shipped.digest());
    assert_eq!(shipped.digest().len(), 64);
    assert_ne!(load(&[("tenants/north/empty.cedar", "")]).unwrap().digest(), shipped.digest());
}

static PLAIN: LazyLock<Engine> = LazyLock::new(|| Engine::new(common::shipped()));

fn trip(kind: &str, payload_kg: f64, passengers: u32, entitled: bool, sector: Sector, role: &str) -> Request {
    let facts = TripFacts {
        kind: kind.into(),
        closed_at_stops: [].into(),
        zone_kinds_at_stops: [].into(),
        avoided_zones: ["z1".to_owned()].into(),
        passengers,
        payload_kg,
        required_capabilities: [].into(),
        distance_m: 900.0,
    };
    let ctx = common::ctx(Some(sector), role, Authentication::Token);
    Request::new(&ctx, REQUEST_TRIP, Subject::new("trip", "t1"))
        .entitled_to(entitled.then(|| "trips".to_owned()))
        .facts(facts.facts(common::NOW))
}

fn assignment(battery_pct: f64, payload_kg: f64, holds: usize, sector: Sector, role: &str) -> Request {
    let facts = AssignmentFacts {
        vehicle_seen_at: common::NOW.plus_ms(-1_000),
        online: true,
        mode: "AUTONOMOUS".into(),
        battery_pct,
        energy_margin_wh: 10.0,
        holds: ["grounded".to_owned()].into_iter().take(holds).collect(),
        claimed: false,
        vehicle_simulated: false,
        capabilities: ["haul".to_owned()].into(),
        required_capabilities: [].into(),
        trip_kind: "delivery".into(),
        passengers: 0,
        seats: 0,
        payload_kg,
        payload_max_kg: 1_000.0,
        allowed_sectors: [Sector::Mining, Sector::RideHail].into(),
        trip_zones: [].into(),
        vehicle_avoided_zones: [].into(),
        admission_valid: true,
        on_probation: false,
        vehicle_max_speed_mps: None,
    };
    let ctx = common::ctx(Some(sector), role, Authentication::Token);
    Request::new(&ctx, ASSIGN_VEHICLE, Subject::new("vehicle", "v1")).facts(facts.facts(common::NOW))
}

/// A rule that a tenant or a sector may add: it forbids or constrains something, sometimes with an error in it.
fn rules() -> impl Strategy<Value = String> {
    let condition = prop::sample::select(vec![
        "true",
        "false",
        "principal.role == Fleet::Role::\"dispatcher\"",
        "context.request.sector == \"mining\"",
        "context.payload_kg.greaterThan(decimal(\"500.0\"))",
        "!(context.passengers > 0)",
        "context.passengers * 9223372036854775807 < 0",
        "resource.tenant != principal.tenant",
    ]);
    let effect = prop::sample::select(vec![
        "forbid",
        "@constrain(\"max_speed_mps\") @value(\"4.5\") permit",
        "@constrain(\"allowed_modes\") @value(\"MANUAL\") permit",
        "@constrain(\"avoided_zones\") @value(\"a, b\") permit",
    ]);
    let clause = prop::sample::select(vec!["when", "unless"]);
    let action = prop::sample::select(vec!["trip.request", "vehicle.assign"]);
    prop::collection::vec((effect, action, clause, condition), 1..5).prop_map(|rules| {
        let rules = rules.into_iter().enumerate().map(|(n, (effect, action, clause, condition))| {
            format!(
                "@id(\"overlay.{n}\") @version(\"1\") @purpose(\"p\") @reason(\"r\")\n{effect} (principal, action == \
                 Fleet::Action::\"{action}\", resource) {clause} {{ {condition} }};\n"
            )
        });
        rules.collect()
    })
}

fn requests() -> impl Strategy<Value = Request> {
    let sector = prop::sample::select(vec![Sector::Mining, Sector::RideHail]);
    let role = prop::sample::select(vec!["technician", "dispatcher", "automation", "viewer"]);
    let kind = prop::sample::select(vec!["haul", "delivery", "passenger"]);
    let load = prop::sample::select(vec![0.0, 400.0, 900.0, 2_000.0]);
    let battery = prop::sample::select(vec![5.0, 12.0, 18.0, 90.0]);
    (any::<bool>(), sector, role, kind, load, battery, 0..3u32, prop::bool::weighted(0.8)).prop_map(
        |(asks_trip, sector, role, kind, load, battery, people, entitled)| match asks_trip {
            true => trip(kind, load, people, entitled, sector, role),
            false => assignment(battery, load, people.saturating_sub(1) as usize, sector, role),
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// SECTOR-7: an overlay can only tighten what the base allows.
    #[test]
    fn no_overlay_allows_what_was_denied_or_loosens_a_limit(
        overlay in rules(),
        layer in prop::sample::select(vec!["tenants/north/o.cedar", "sectors/mining/o.cedar", "sectors/ride-hail/o.cedar"]),
        asked in prop::collection::vec(requests(), 1..12),
    ) {
        let tightened = Engine::new(load(&[(layer, &overlay)]).unwrap());
        for request in asked {
            let (before, after) = (PLAIN.decide(&request), tightened.decide(&request));
            prop_assert!(before.is_allowed() || !after.is_allowed(), "{overlay}\n{}", after.reason_text());
            if after.is_allowed() {
                prop_assert_eq!(&before.constraints.meet(&after.constraints), &after.constraints);
            }
            prop_assert_eq!(after.is_allowed(), after.reasons.iter().all(|r| r.policy_id.ends_with(".permit")));
        }
    }
}

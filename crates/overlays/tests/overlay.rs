//! What is wrong with an overlay is told by file and field, and limits only ever tighten.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeSet;

use kernel::Sector;
use overlays::limits::{Bound, Kind, LIMITS, Limits, Place, Windows};
use overlays::terms::TermError;
use overlays::{Fault, Files, Overlay, digest_of, shipped};
use proptest::prelude::*;

/// The overlay for mines with one text replaced, and the manifest made right again.
fn changed(file: &str, from: &str, to: &str) -> Files {
    let mut files = shipped(Sector::Mining);
    let text = String::from_utf8(files[file].clone()).unwrap();
    assert!(text.contains(from), "{file} has no {from}");
    files.insert(file.to_owned(), text.replacen(from, to, 1).into_bytes());
    listed(files)
}

fn listed(mut files: Files) -> Files {
    let text = String::from_utf8(files["overlay.yaml"].clone()).unwrap();
    let mut text = text.split_once("files:").unwrap().0.to_owned() + "files:\n";
    for (name, bytes) in files.iter().filter(|(name, _)| *name != "overlay.yaml") {
        text.push_str(&format!("  {name}: {}\n", digest_of(bytes)));
    }
    files.insert("overlay.yaml".into(), text.into_bytes());
    files
}

fn faults(files: &Files) -> Vec<Fault> {
    Overlay::read(files).expect_err("read")
}

#[test]
fn every_fault_names_its_file_and_field() {
    let rows = [
        ("policies/haul.cedar", "forbid (", "permit (", "mining.haul.distance", "may only forbid or constrain"),
        (
            "policies/haul.cedar",
            "@id(\"mining.haul.load\")",
            "@id(\"base.trip.kind\")",
            "base.trip.kind",
            "begins with mining.",
        ),
        (
            "policies/haul.cedar",
            "@id(\"mining.haul.load\")",
            "@id(\"mining.haul.distance\")",
            "mining.haul.distance",
            "twice",
        ),
        ("policies/haul.cedar", "@version(\"1\")\n", "", "mining.haul.distance", "lacks @version"),
        (
            "policies/haul.cedar",
            "forbid (principal,",
            "forbid (principal == ?principal,",
            "mining.haul.distance",
            "template",
        ),
        ("policies/haul.cedar", "forbid (", "forbid ((", "(cedar)", ""),
        ("policies/haul.json", "mining.haul.load", "mining.haul.distance", "mining.haul.load", "fires in no case"),
        ("constraints.yaml", "value: 16.7", "value: .nan", "(yaml)", "non-finite"),
        ("constraints.yaml", "value: 16.7", "value: -1", "limits[0].value", "no number"),
        ("constraints.yaml", "value: 16.7", "value: [a]", "limits[0].value", "no number"),
        ("constraints.yaml", "limit: max_speed_mps", "limit: max_sped", "limits[0].limit", "max_sped"),
        ("constraints.yaml", "id: mining.limit.speed\n", "id: base.limit.speed\n", "limits[0].id", "mining."),
        ("constraints.yaml", "purpose:", "porpoise:", "limits[0].porpoise", "unknown field"),
        ("constraints.yaml", "[\"AUTONOMOUS\"]", "[]", "limits[9].value", "empty"),
        ("constraints.yaml", "value: 4.2", "value: 0", "limits[3].value", "slower than"),
        ("parameters.yaml", "default: 11.1", "default: 99", "parameters[0].default", "not within"),
        ("terms.yaml", "  trip: {", "  tripp: {", "nouns.trip", "missing"),
        ("terms.yaml", "many: \"trucks\"", "many: \"truck\"", "nouns.vehicle.many", "same"),
        ("terms.yaml", "one: \"truck\"", "one: \"<b>\"", "nouns.vehicle.one", "marks"),
        ("terms.yaml", "one: \"truck\"", "one: \"auto\"", "nouns.vehicle.article", "does not go before"),
        ("ui.yaml", "text: \"#14181f\"", "text: \"#999999\"", "themes.light.text", "contrast"),
        ("ui.yaml", "text: \"#14181f\"", "text: \"red\"", "themes.light.text", "colour"),
        ("ui.yaml", "blast-clock", "blast-clok", "modules[1]", "blast-clok"),
        ("ui.yaml", "speed: \"km/h\"", "speed: \"furlongs\"", "units.speed", "furlongs"),
        ("logo.svg", "<title>", "<script/><title>", "(svg)", "script"),
        ("flags.json", "\"state\": \"ENABLED\"", "\"state\": \"ON\"", "(flags)", "dust.ml-visibility"),
        ("telemetry.yaml", "max_age_ms: 10000", "max_age_ms: 0", "signals[0].max_age_ms", "nothing"),
        ("compliance.yaml", "mining.limit.speed-haul", "mining.limit.gone", "clauses[0].rules", "mining.limit.gone"),
        ("entitlements.yaml", "requires", "require", "require", "unknown field"),
    ];
    for (file, from, to, field, part) in rows {
        let found = faults(&changed(file, from, to));
        let hit = found.iter().any(|fault| fault.file == file && fault.field == field && fault.reason.contains(part));
        assert!(hit, "{file} {field} {part}: {found:#?}");
    }
}

#[test]
fn a_file_that_is_not_the_listed_one_is_refused() {
    let mut files = shipped(Sector::Mining);
    files.get_mut("terms.yaml").unwrap().push(b'\n');
    assert_eq!(faults(&files)[0].field, "files.terms.yaml");
    let mut files = shipped(Sector::Mining);
    files.insert("../evil.yaml".into(), Vec::new());
    files.insert("run.sh".into(), Vec::new());
    let found = faults(&files);
    for name in ["../evil.yaml", "run.sh"] {
        assert!(found.iter().any(|fault| fault.file == name && fault.reason.contains("no place")), "{name}: {found:?}");
    }
    let mut files = shipped(Sector::Mining);
    files.remove("ui.yaml");
    assert!(faults(&listed(files)).iter().any(|fault| fault.file == "ui.yaml" && fault.reason == "is missing"));
    assert!(faults(&Files::new())[0].file == "overlay.yaml");
    let mut files = shipped(Sector::Mining);
    files.insert("ui.yaml".into(), vec![0xff; 8]);
    assert!(faults(&listed(files)).iter().any(|fault| fault.reason.contains("UTF-8")));
    let mut files = shipped(Sector::Mining);
    files.insert("ui.yaml".into(), vec![b'['; overlays::FILE_BYTES_MAX]);
    assert!(!faults(&listed(files.clone())).is_empty());
    files.insert("ui.yaml".into(), vec![b'['; overlays::FILE_BYTES_MAX + 1]);
    assert!(faults(&listed(files))[0].reason.contains("bytes"));
}

#[test]
fn everything_wrong_is_told_at_once() {
    let mut files = changed("ui.yaml", "blast-clock", "blast-clok");
    files.extend(
        changed("terms.yaml", "many: \"trucks\"", "many: \"truck\"")
            .into_iter()
            .filter(|(name, _)| name == "terms.yaml"),
    );
    let files: BTreeSet<String> = faults(&listed(files)).into_iter().map(|fault| fault.file).collect();
    assert_eq!(files, BTreeSet::from(["terms.yaml".to_owned(), "ui.yaml".to_owned()]));
}

#[test]
fn a_parameter_only_tightens_within_its_bounds() {
    let overlay = Overlay::read(&shipped(Sector::Mining)).unwrap();
    assert_eq!(overlay.parameters.tightened("haul.max-speed", 8.0), Ok(8.0));
    assert!(overlay.parameters.tightened("haul.max-speed", 12.0).unwrap_err().contains("looser"));
    assert!(overlay.parameters.tightened("haul.max-speed", 1.0).unwrap_err().contains("not within"));
    assert!(overlay.parameters.tightened("haul.max-speed", f64::NAN).is_err());
    assert!(overlay.parameters.tightened("blast.clear-distance", 400.0).unwrap_err().contains("looser"));
    assert!(overlay.parameters.tightened("gone", 1.0).is_err());
    assert_eq!(overlay.terms.say("{trip.one"), Err(TermError::Open));
    assert_eq!(overlay.terms.say("{trip.verb}"), Err(TermError::Unknown("trip.verb".into())));
}

fn at(limit: &str, scope: Option<&str>) -> Place {
    Place { limit: limit.to_owned(), scope: scope.map(str::to_owned) }
}

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

#[test]
fn limits_that_contradict_each_other_name_both_rules() {
    let rows = [
        (("min_speed_mps", Bound::AtLeast(9.0)), ("max_speed_mps", Bound::AtMost(8.0))),
        (("allowed_modes", Bound::OneOf(names(&["REMOTE"]))), ("allowed_modes", Bound::OneOf(names(&["AUTONOMOUS"])))),
        (("allowed_zones", Bound::OneOf(names(&["a"]))), ("avoided_zones", Bound::AllOf(names(&["a", "b"])))),
        (
            ("service_hours", Bound::Within(Windows::daily([0], 0, 60))),
            ("service_hours", Bound::Within(Windows::daily([0], 60, 120))),
        ),
    ];
    for ((a, bound_a), (b, bound_b)) in rows {
        // One holds everywhere, the other at one place: they meet there.
        let limits = Limits::of([(at(a, None), bound_a, "one".into()), (at(b, Some("ramp")), bound_b, "two".into())]);
        let error = limits.check().unwrap_err();
        assert_eq!(
            (error.rules.clone(), error.scope.as_deref()),
            (vec!["one".to_owned(), "two".to_owned()], Some("ramp")),
            "{error}"
        );
        assert!(error.to_string().contains("one and two"), "{error}");
    }
    let apart = [
        (at("min_speed_mps", Some("a")), Bound::AtLeast(9.0), "one".to_owned()),
        (at("max_speed_mps", Some("b")), Bound::AtMost(8.0), "two".to_owned()),
    ];
    assert_eq!(Limits::of(apart).check(), Ok(()));
}

#[test]
fn the_rule_that_binds_is_told() {
    let limits = Limits::of([
        (at("max_speed_mps", None), Bound::AtMost(16.7), "loose".into()),
        (at("max_speed_mps", Some("ramp")), Bound::AtMost(6.9), "tight".into()),
    ]);
    assert_eq!(limits.at("max_speed_mps", Some("ramp")).unwrap().rules, names(&["tight"]));
    assert_eq!(limits.at("max_speed_mps", Some("elsewhere")).unwrap().rules, names(&["loose"]));
    assert!(Limits::of([(at("max_speed_mps", None), Bound::Needed, "wrong".into())]).iter().next().is_none());
}

fn bound(kind: Kind) -> BoxedStrategy<Bound> {
    let number = || (0u32..8).prop_map(|number| f64::from(number) / 2.0);
    let some = || prop::collection::btree_set("[a-d]", 0..4);
    match kind {
        Kind::Max => number().prop_map(Bound::AtMost).boxed(),
        Kind::Min => number().prop_map(Bound::AtLeast).boxed(),
        Kind::Union => some().prop_map(Bound::AllOf).boxed(),
        Kind::Intersection => some().prop_map(Bound::OneOf).boxed(),
        Kind::Needed => Just(Bound::Needed).boxed(),
        Kind::Windows => (0u16..7, 0u16..1_440, 0u16..1_440)
            .prop_map(|(day, from, to)| Bound::Within(Windows::daily([day, (day + 1) % 7], from, to)))
            .boxed(),
    }
}

fn limits() -> impl Strategy<Value = Limits> {
    let rule = (0..LIMITS.len(), prop::option::of("[pq]"), "[a-z]{2}").prop_flat_map(|(index, scope, rule)| {
        let (name, kind) = LIMITS[index];
        bound(kind).prop_map(move |bound| (at(name, scope.as_deref()), bound, rule.clone()))
    });
    prop::collection::vec(rule, 0..12).prop_map(Limits::of)
}

proptest! {
    #[test]
    fn an_overlay_never_loosens(a in limits(), b in limits(), c in limits()) {
        let met = a.meet(&b);
        prop_assert!(met.is_within(&a) && met.is_within(&b));
        prop_assert_eq!(&met, &b.meet(&a));
        prop_assert_eq!(a.meet(&b).meet(&c), a.meet(&b.meet(&c)));
        prop_assert_eq!(&a.meet(&a), &a);
        prop_assert_eq!(&met.meet(&a), &met);
        // What could not be kept before cannot be kept after.
        prop_assert!(a.check().is_ok() || met.check().is_err());
        // What holds at a place is within what holds everywhere.
        for (name, _) in LIMITS {
            if let (Some(there), Some(everywhere)) = (met.at(name, Some("p")), met.at(name, None)) {
                prop_assert!(there.bound.is_within(&everywhere.bound));
            }
        }
    }
}

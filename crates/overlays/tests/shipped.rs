//! The shipped overlays: read whole, their rules type-check beside the product's own, and every case of theirs holds.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use flags::{Context, Layers};
use kernel::ctx::CtxSource;
use kernel::{Actor, ActorKind, Authentication, Clock, Ctx, Sector, Subject, Timestamp};
use overlays::limits::{Bound, KeptBy};
use overlays::{Overlay, digest_of, shipped};
use policy::{Action, Bundle, Engine, Fact, FactValue, PolicyModule, Request};
use serde::Deserialize;
use serde_json::{Value, json};

const NOW: Timestamp = Timestamp::from_ms(1_795_489_212_000);
const TODAY: &str = "2026-11-30";
const MODULES: [PolicyModule; 3] = [fleet::actions::POLICY, trips::actions::POLICY, ota::actions::POLICY];
const SECTORS: [Sector; 4] = [Sector::Mining, Sector::Logistics, Sector::RideHail, Sector::Defense];

struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        NOW
    }
}

impl CtxSource for Fixed {
    fn entropy(&self) -> u128 {
        7
    }
}

fn overlay(sector: Sector) -> Overlay {
    Overlay::read(&shipped(sector)).unwrap_or_else(|faults| {
        let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
        panic!("{sector}:\n{}", faults.join("\n"))
    })
}

/// `ATLASMESH_BLESS=1` writes the digests of files that were changed on purpose.
#[test]
fn the_manifests_list_the_files_as_they_are() {
    for sector in SECTORS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("sectors").join(sector.as_str());
        let manifest = folder.join("overlay.yaml");
        let text = std::fs::read_to_string(&manifest).unwrap();
        let (head, _) = text.split_once("files:").unwrap();
        let mut listed = format!("{head}files:\n");
        for name in shipped(sector).keys().filter(|name| *name != "overlay.yaml") {
            let digest = digest_of(&std::fs::read(folder.join(name)).unwrap());
            listed.push_str(&format!("  {name}: {digest}\n"));
        }
        if std::env::var_os("ATLASMESH_BLESS").is_some() {
            std::fs::write(&manifest, &listed).unwrap();
        }
        assert_eq!(std::fs::read_to_string(&manifest).unwrap(), listed, "{sector}: run with ATLASMESH_BLESS=1");
    }
}

#[test]
fn every_overlay_is_whole_and_sold() {
    let catalogue = entitlements::shipped().unwrap();
    for sector in SECTORS {
        let overlay = overlay(sector);
        assert_eq!(overlay.manifest.sector, sector);
        assert_eq!(overlay.faults_with(&catalogue, TODAY), []);
        assert!(overlay.limits.iter().count() >= 8 && overlay.parameters.iter().count() >= 4);
        let layers = Layers::new([(sector.as_str(), &overlay.flags)]).unwrap();
        for resolution in layers
            .evaluate_all(&Context::default().with("entitlements", json!([])).with("targetingKey", "v1"), NOW.as_ms())
        {
            assert_eq!(resolution.error_code, None, "{sector}: {resolution:?}");
        }
        let said = overlay.terms.say("{trip.A} that was {cancel.past}: {vehicle.many} of the {site.one}").unwrap();
        assert!(!said.contains('{'), "{said}");
    }
    let said = overlay(Sector::Defense).terms.say("{vehicle.A} takes {trip.a}.").unwrap();
    assert_eq!(said, "An asset takes a mission.");
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    action: String,
    resource: String,
    role: String,
    authentication: Authentication,
    sector: Sector,
    simulated: bool,
    entitlements: BTreeSet<String>,
    facts: BTreeMap<String, FactValue>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    #[serde(default)]
    given: Given,
    then: Value,
    #[serde(default)]
    limits: BTreeSet<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Given {
    role: Option<String>,
    entitlements: Option<BTreeSet<String>>,
    facts: BTreeMap<String, FactValue>,
}

fn request(group: &Group, case: &Case) -> Request {
    let actor = Actor {
        kind: ActorKind::Principal,
        id: "prin_test".into(),
        role: case.given.role.clone().unwrap_or_else(|| group.role.clone()),
        authentication: group.authentication,
        second_approver: None,
        rule: None,
    };
    let mut ctx =
        Ctx::new(&Fixed, "north".parse().unwrap(), actor).at_site("pit".parse().unwrap()).in_sector(group.sector);
    ctx.simulated = group.simulated;
    let mut actions = MODULES.into_iter().flat_map(|module| module.actions).copied();
    let action: Action = actions.find(|action| action.as_str() == group.action).unwrap();
    let mut facts = group.facts.clone();
    facts.extend(case.given.facts.clone());
    let facts = facts.into_iter().map(|(name, value)| Fact { name, value, observed_at: NOW });
    let entitlements = case.given.entitlements.clone().unwrap_or_else(|| group.entitlements.clone());
    Request::new(&ctx, action, Subject::parse(&group.resource).unwrap()).entitled_to(entitlements).facts(facts)
}

#[test]
fn every_case_holds_beside_the_rules_of_the_product_and_never_allows_more() {
    let actions: Vec<Action> = MODULES.iter().flat_map(|module| module.actions).copied().collect();
    let own: Vec<(String, String)> =
        policy::shipped_sources(&MODULES).into_iter().map(|(name, text)| (name.to_owned(), text.to_owned())).collect();
    let without = Engine::new(Bundle::load(&actions, &own).unwrap());
    for sector in SECTORS {
        let overlay = overlay(sector);
        let mut sources = own.clone();
        sources.extend(overlay.policy_sources().into_iter().map(|(name, text)| (name, text.to_owned())));
        let engine = Engine::new(Bundle::load(&actions, &sources).unwrap());
        let mut fired = BTreeSet::new();
        for file in &overlay.policies {
            let groups: Vec<Group> = serde_json::from_str(&file.cases).unwrap();
            for group in &groups {
                for case in &group.cases {
                    let name = format!("{sector}: {}: {}", group.action, case.name);
                    let decision = engine.decide(&request(group, case));
                    let ids: BTreeSet<&str> = decision.policy_ids().into_iter().collect();
                    let before = without.decide(&request(group, case));
                    assert!(before.is_allowed() || !decision.is_allowed(), "{name}: the overlay allows more");
                    match case.then.as_array() {
                        None => assert!(decision.is_allowed(), "{name}: {ids:?} {}", decision.reason_text()),
                        Some(expected) => {
                            let expected: BTreeSet<&str> = expected.iter().filter_map(Value::as_str).collect();
                            assert!(!decision.is_allowed(), "{name}: allowed");
                            assert_eq!(ids, expected, "{name}: {}", decision.reason_text());
                            fired.extend(expected.into_iter().map(str::to_owned));
                        }
                    }
                    if decision.is_allowed() {
                        let met = before.constraints.meet(&decision.constraints);
                        assert_eq!(met, decision.constraints, "{name}: a limit is looser");
                    }
                    let limits: BTreeSet<String> =
                        decision.constraint_sources.into_iter().map(|source| source.policy_id).collect();
                    assert!(limits.is_superset(&case.limits), "{name}: {limits:?}");
                    fired.extend(case.limits.iter().cloned());
                }
            }
            let silent: Vec<&String> = file.rules.difference(&fired).collect();
            assert!(silent.is_empty(), "{sector}: no case makes these fire: {silent:?}");
        }
    }
}

/// A limit that is said to be kept by policy binds, at the limit's own value, and those that people wrote by hand stay.
#[test]
fn what_is_kept_by_policy_binds() {
    let actions: Vec<Action> = MODULES.iter().flat_map(|module| module.actions).copied().collect();
    let mut sources: Vec<(String, String)> =
        policy::shipped_sources(&MODULES).into_iter().map(|(name, text)| (name.to_owned(), text.to_owned())).collect();
    let overlays: Vec<Overlay> = SECTORS.into_iter().map(overlay).collect();
    let written = overlays.iter().flat_map(Overlay::policy_sources);
    sources.extend(written.map(|(name, text)| (name, text.to_owned())));
    let engine = Engine::new(Bundle::load(&actions, &sources).unwrap());
    let mut kept = BTreeSet::new();
    for overlay in &overlays {
        let groups = overlay.policies.iter().flat_map(|file| serde_json::from_str::<Vec<Group>>(&file.cases).unwrap());
        let group = groups.into_iter().find(|group| group.action == "trip.request").unwrap();
        let with = |facts: BTreeMap<String, FactValue>| {
            let given = Given { facts, ..Given::default() };
            engine
                .decide(&request(&group, &Case { name: String::new(), given, then: json!("allow"), limits: [].into() }))
        };
        for (place, limit) in overlay.limits.iter().filter(|(place, _)| place.kept_by() == KeptBy::Policy) {
            let bound = match (place.limit.as_str(), &limit.bound) {
                ("max_trip_distance_m", Bound::AtMost(most)) => {
                    let far =
                        |distance_m: f64| BTreeMap::from([("distance_m".to_owned(), FactValue::Decimal(distance_m))]);
                    let refused =
                        |distance_m| with(far(distance_m)).policy_ids().iter().any(|id| limit.rules.contains(*id));
                    assert!(!refused(*most), "{}: {most} m itself", overlay.manifest.sector);
                    refused(most + 1.0)
                }
                _ => with(BTreeMap::new()).constraint_sources.iter().any(|of| limit.rules.contains(&of.policy_id)),
            };
            assert!(bound, "{}: {place:?} does not bind", overlay.manifest.sector);
            kept.insert(place.limit.clone());
        }
    }
    let expected = ["avoided_zones", "max_speed_mps", "max_trip_distance_m", "min_battery_pct"];
    assert_eq!(kept, expected.map(str::to_owned).into());
}

//! The shipped catalogue, what it allows, how it is counted, and what a site without a link believes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::collections::{BTreeMap, BTreeSet};

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use entitlements::lease::{At, Lease, LeaseError, SignedLease, Signer, Standing, Verifier};
use entitlements::{
    Ask, Catalogue, Decision, Denied, Limit, Meter, MeterError, OptionKind, Outcome, Period, Reason, Subscription,
    check, shipped,
};
use proptest::prelude::*;

const NOW: i64 = 1_795_489_212_000;
const DAY: i64 = 86_400_000;

fn subscription(plan: &str) -> Subscription {
    Subscription::new("north", plan, &["mining", "ride-hail", "defense"], NOW - DAY)
}

fn ask(plan: &Subscription, ask: Ask<'_>) -> Decision {
    check(&shipped().unwrap(), plan, &ask, NOW)
}

fn denied(decision: Decision) -> Denied {
    match decision {
        Decision::Denied(denied) => denied,
        Decision::Allowed(allowed) => panic!("{allowed:?}"),
    }
}

#[test]
fn every_sector_has_features_and_every_plan_more_than_the_one_below() {
    let catalogue = shipped().unwrap();
    for sector in ["mining", "logistics", "ride-hail", "defense"] {
        let own = catalogue.features().filter(|feature| feature.sectors.contains(sector)).count();
        assert!(own >= 3, "{sector}: {own}");
    }
    for pair in catalogue.plans().windows(2) {
        for (feature, grant) in &pair[0].grants {
            assert!(pair[1].grants.contains_key(feature), "{} loses {feature}: {grant:?}", pair[1].id);
        }
    }
    let granted: BTreeSet<&String> = catalogue.plans().iter().flat_map(|plan| plan.grants.keys()).collect();
    let unsold: Vec<&str> = catalogue
        .features()
        .map(|feature| feature.id.as_str())
        .filter(|id| !granted.contains(&id.to_string()))
        .collect();
    assert_eq!(unsold, [""; 0]);
}

#[test]
fn what_is_denied_says_what_would_help() {
    let starter = subscription("starter");
    let Decision::Allowed(allowed) = ask(&starter, Ask::feature("vehicles.active").in_sector("mining").using(9, 1))
    else {
        panic!()
    };
    let limits = allowed.limits.unwrap();
    assert_eq!((limits.limit, limits.remaining), (Limit::Most(10), Some(1)));

    let denial = denied(ask(&starter, Ask::feature("vehicles.active").in_sector("mining").using(9, 25)));
    assert_eq!((denial.reason, denial.required), (Reason::UsageLimitExceeded, vec!["vehicles.active>=34".to_owned()]));
    let options: Vec<(&str, u32, &str)> = denial
        .upgrade_options
        .iter()
        .map(|option| (option.id.as_str(), option.count, option.unlocks[0].as_str()))
        .collect();
    let expected = [
        ("professional", 1, "vehicles.active=50"),
        ("enterprise", 1, "vehicles.active=500"),
        ("sovereign", 1, "vehicles.active=2000"),
        ("vehicles-10", 3, "vehicles.active=40"),
    ];
    assert_eq!(options, expected);

    let denial = denied(ask(&subscription("professional"), Ask::feature("policies.own")));
    let kinds: Vec<(&str, OptionKind)> =
        denial.upgrade_options.iter().map(|option| (option.id.as_str(), option.kind)).collect();
    assert_eq!(
        kinds,
        [("enterprise", OptionKind::Plan), ("sovereign", OptionKind::Plan), ("own-policies", OptionKind::AddOn)]
    );
    assert!(ask(&subscription("professional").with("own-policies", 1), Ask::feature("policies.own")).is_allowed());
    // An add-on that does not go with the plan, or more of it than there can be, grants nothing more.
    assert!(!ask(&starter.clone().with("own-policies", 1), Ask::feature("policies.own")).is_allowed());
    assert!(!ask(&starter.with("vehicles-10", 9_999), Ask::feature("vehicles.active").using(210, 1)).is_allowed());
}

#[test]
fn time_sector_and_standing_count() {
    let base = subscription("starter");
    let reason = |subscription: &Subscription, question: Ask<'_>| denied(ask(subscription, question)).reason;
    let trips = Ask::feature("trips");
    assert_eq!(reason(&Subscription { suspended: true, ..base.clone() }, trips), Reason::Suspended);
    assert_eq!(reason(&Subscription { valid_from_ms: NOW + 1, ..base.clone() }, trips), Reason::NotYetValid);
    assert_eq!(reason(&Subscription { valid_until_ms: Some(NOW), ..base.clone() }, trips), Reason::Expired);
    assert_eq!(reason(&Subscription { plan: "gone".into(), ..base.clone() }, trips), Reason::PlanUnknown);
    assert_eq!(reason(&base, trips.in_sector("logistics")), Reason::SectorNotIncluded);
    // The starter plan is not for defense, whatever the subscription lists.
    assert_eq!(reason(&base, trips.in_sector("defense")), Reason::SectorNotIncluded);
    assert_eq!(reason(&base, Ask::feature("emcon").in_sector("mining")), Reason::NotInThisSector);
    assert_eq!(reason(&base, Ask::feature("teleport")), Reason::FeatureUnknown);
    let late = Subscription { valid_until_ms: Some(NOW - 1), grace_ms: 10, ..base };
    let Decision::Allowed(allowed) = ask(&late, trips) else { panic!() };
    assert!(allowed.in_grace);
}

#[test]
fn a_limit_never_stops_what_moves() {
    let catalogue = shipped().unwrap();
    let gone =
        Subscription { suspended: true, valid_until_ms: Some(0), plan: "gone".into(), ..subscription("starter") };
    for operation in ["vehicle.stop", "vehicle.return", "trip.continue", "trip.cancel", "evidence.export"] {
        let question = Ask::feature("trips").using(u64::MAX, u64::MAX).to(operation);
        assert!(check(&catalogue, &gone, &question, NOW).is_allowed(), "{operation}");
    }
    assert!(!check(&catalogue, &gone, &Ask::feature("trips").to("trip.request"), NOW).is_allowed());
    let mut meter = Meter::new(Limit::Most(0), Period::None, NOW);
    assert!(meter.reserve("k", 1, DAY, NOW).is_err());
    assert_eq!(meter.reserve_exempt("k", 1, DAY, NOW), Ok(Outcome::Done));
}

#[test]
fn a_catalogue_that_promises_what_nobody_keeps_is_refused() {
    let good = "version: '1'\nexempt: [vehicle.stop, vehicle.hold, vehicle.return, trip.cancel, trip.continue, evidence.export]\nfeatures:\n  - {id: a, title: A, kind: boolean}\n  - {id: n, title: N, kind: metered, unit: x}\nplans:\n  - {id: p, title: P, rank: 1, grants: {a: true, n: 3}}\n";
    assert!(Catalogue::parse(good).is_ok());
    let rows = [
        (good.replace("a: true", "b: true"), "plans.p.grants.b"),
        (good.replace("n: 3", "n: true"), "plans.p.grants.n"),
        (good.replace("n: 3", "n: -3"), "(file)"),
        (good.replace("a: true", "a: 3"), "plans.p.grants.a"),
        (good.replace("rank: 1,", "rank: 1, includes: p,"), "plans.p.includes"),
        (good.replace("rank: 1,", "rank: 1, includes: q,"), "plans.p.includes"),
        (good.replace("vehicle.stop, ", ""), "exempt"),
        (good.replace("evidence.export", "evidence.import"), "exempt"),
        (good.replace("kind: boolean", "kind: boolean, unit: x"), "features.a.unit"),
        (good.replace("id: a,", "id: A!,"), "features.A!"),
        (good.replace("title: A,", "title: A, price: 3,"), "(file)"),
        (
            format!("{good}add_ons:\n  - {{id: o, title: O, plans: [q], grants: {{n: 1}}, most: 1}}\n"),
            "add_ons.o.plans",
        ),
        (format!("{good}add_ons:\n  - {{id: o, title: O, grants: {{}}, most: 1}}\n"), "add_ons.o"),
        ("a: &a [*a]".to_owned(), "(yaml)"),
        ("[".repeat(9_999), "(yaml)"),
        ("x".repeat(entitlements::CATALOGUE_BYTES_MAX + 1), "(file)"),
    ];
    for (text, field) in rows {
        let fault = Catalogue::parse(&text).unwrap_err();
        assert_eq!(fault.field, field, "{fault}");
    }
}

#[test]
fn a_step_that_is_repeated_counts_once() {
    let mut meter = Meter::new(Limit::Most(10), Period::Month, NOW);
    assert_eq!(meter.reserve("t1", 4, DAY, NOW), Ok(Outcome::Done));
    assert_eq!(meter.reserve("t1", 4, DAY, NOW), Ok(Outcome::Repeated));
    assert_eq!(meter.reserve("t1", 5, DAY, NOW), Err(MeterError::Conflict("t1".into())));
    assert_eq!(meter.used(NOW), 4);
    assert!(matches!(meter.reserve("t2", 7, DAY, NOW), Err(MeterError::LimitExceeded { used: 4, requested: 7, .. })));
    assert!(matches!(meter.commit("t1", 5, NOW), Err(MeterError::MoreThanReserved { .. })));
    assert_eq!(meter.commit("t1", 3, NOW).unwrap().outcome, Outcome::Done);
    assert_eq!(meter.commit("t1", 3, NOW).unwrap().outcome, Outcome::Repeated);
    assert_eq!((meter.used(NOW), meter.committed()), (3, 3));
    assert_eq!(meter.release("t1", NOW), Err(MeterError::Conflict("t1".into())));
    assert_eq!(meter.commit("gone", 1, NOW), Err(MeterError::Unknown("gone".into())));
    assert_eq!(meter.release("gone", NOW), Ok(Outcome::Repeated));
    let stored: Meter = serde_json::from_str(&serde_json::to_string(&meter).unwrap()).unwrap();
    assert_eq!(stored, meter);
}

#[test]
fn a_reservation_expires_and_a_month_ends() {
    let mut meter = Meter::new(Limit::Most(10), Period::Month, NOW);
    meter.reserve("t1", 10, 1_000, NOW).unwrap();
    assert_eq!((meter.used(NOW + 999), meter.used(NOW + 1_000)), (10, 0));
    assert_eq!(meter.commit("t1", 10, NOW + 1_000), Err(MeterError::Unknown("t1".into())));
    meter.reserve("t2", 6, 60 * DAY, NOW).unwrap();
    meter.commit("t2", 6, NOW).unwrap();
    let next = NOW + 31 * DAY;
    assert_eq!(meter.used(next), 0);
    meter.roll(next);
    assert_eq!(meter.committed(), 0);
    // Going back to the month before does not bring it back, and ends nothing.
    meter.reserve("t3", 1, DAY, NOW).unwrap();
    assert_eq!(meter.used(NOW), 1);
}

#[test]
fn what_is_there_at_the_same_time_can_be_given_back() {
    let mut meter = Meter::new(Limit::Most(1), Period::None, NOW);
    meter.reserve("v1", 1, DAY, NOW).unwrap();
    meter.commit("v1", 1, NOW).unwrap();
    assert!(meter.reserve("v2", 1, DAY, NOW + 900 * DAY).is_err());
    assert_eq!(meter.release("v1", NOW), Ok(Outcome::Done));
    assert_eq!(meter.release("v1", NOW), Ok(Outcome::Repeated));
    assert_eq!(meter.reserve("v2", 1, DAY, NOW), Ok(Outcome::Done));
    assert_eq!(meter.used(NOW), 1);
}

#[derive(Debug, Clone)]
enum Step {
    Reserve(u8, u64, i64),
    Commit(u8, u64),
    Release(u8),
    Wait(i64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (0u8..6, prop_oneof![0u64..8, Just(u64::MAX)], -5i64..4_000)
            .prop_map(|(key, amount, ms)| Step::Reserve(key, amount, ms)),
        (0u8..6, 0u64..9).prop_map(|(key, amount)| Step::Commit(key, amount)),
        (0u8..6).prop_map(Step::Release),
        (-2_000i64..40 * DAY).prop_map(Step::Wait),
    ];
    prop::collection::vec(step, 0..60)
}

proptest! {
    #[test]
    fn the_count_is_never_above_its_limit_and_repeating_changes_nothing(steps in steps(), gauge: bool) {
        let period = if gauge { Period::None } else { Period::Month };
        let mut meter = Meter::new(Limit::Most(10), period, NOW);
        let mut now = NOW;
        for step in steps {
            let act = |meter: &mut Meter| match step {
                Step::Reserve(key, amount, ms) => meter.reserve(&key.to_string(), amount, ms, now).is_ok(),
                Step::Commit(key, amount) => meter.commit(&key.to_string(), amount, now).is_ok(),
                Step::Release(key) => meter.release(&key.to_string(), now).is_ok(),
                Step::Wait(_) => false,
            };
            if let Step::Wait(ms) = step {
                now += ms;
                continue;
            }
            // A reservation that has expired at once is another one each time.
            if act(&mut meter) && !matches!(step, Step::Reserve(_, _, ..1)) {
                let before = meter.clone();
                act(&mut meter);
                prop_assert_eq!(&before, &meter);
            }
            prop_assert!(meter.used(now) <= 10, "{:?}", meter);
        }
    }
}

struct Key(Ed25519KeyPair);

impl Signer for Key {
    type Error = aws_lc_rs::error::Unspecified;

    fn key_id(&self) -> &str {
        "lease-1"
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Self::Error> {
        Ok(self.0.sign(message).as_ref().to_vec())
    }
}

impl Verifier for Key {
    fn verifies(&self, key_id: &str, message: &[u8], signature: &[u8]) -> bool {
        key_id == "lease-1"
            && UnparsedPublicKey::new(&ED25519, self.0.public_key().as_ref()).verify(message, signature).is_ok()
    }
}

fn lease() -> Lease {
    Lease {
        tenant: "north".into(),
        site: "camp".into(),
        sequence: 7,
        sectors: BTreeSet::from(["defense".to_owned()]),
        features: BTreeSet::from(["emcon".to_owned()]),
        limits: BTreeMap::from([
            ("vehicles.active".to_owned(), Limit::Most(12)),
            ("trips".to_owned(), Limit::UNLIMITED),
        ]),
        catalogue: shipped().unwrap().digest().to_owned(),
        issued_at_ms: NOW,
        valid_from_ms: NOW,
        valid_until_ms: NOW + 3 * DAY,
        grace_ms: DAY,
    }
}

const AT: At<'static> = At { tenant: "north", site: "camp", now_ms: NOW, latest_seen_ms: NOW, sequence: 7 };

#[test]
fn a_site_believes_its_own_lease_while_it_lasts() {
    let key = Key(Ed25519KeyPair::generate().unwrap());
    let signed = lease().sign(&key).unwrap();
    let signed = SignedLease::parse(&serde_json::to_vec(&signed).unwrap()).unwrap();
    let verify = |at: &At<'_>| signed.verify(&key, at).map(|(_, standing)| standing);
    let (read, _) = signed.verify(&key, &AT).unwrap();
    assert_eq!(read, lease());
    assert!(read.allows("emcon", 1) && read.allows("vehicles.active", 12) && read.allows("trips", u64::MAX));
    assert!(!read.allows("vehicles.active", 13) && !read.allows("airgap", 1));
    let at = |now_ms| At { now_ms, ..AT };
    assert_eq!(verify(&at(NOW + 3 * DAY - 1)), Ok(Standing::Valid));
    assert_eq!(verify(&at(NOW + 3 * DAY)), Ok(Standing::Grace { left_ms: DAY }));
    assert_eq!(verify(&at(NOW + 4 * DAY - 1)), Ok(Standing::Grace { left_ms: 1 }));
    assert_eq!(verify(&at(NOW + 4 * DAY)), Err(LeaseError::Ended));
    assert_eq!(verify(&At { now_ms: NOW - 1, latest_seen_ms: 0, ..AT }), Err(LeaseError::NotYet));
    assert_eq!(verify(&At { latest_seen_ms: NOW + 1, ..AT }), Err(LeaseError::ClockWentBack));
    assert_eq!(verify(&At { sequence: 8, ..AT }), Err(LeaseError::Superseded { found: 7, known: 8 }));
    assert!(matches!(verify(&At { site: "depot", ..AT }), Err(LeaseError::Elsewhere { .. })));
    assert!(matches!(verify(&At { tenant: "south", ..AT }), Err(LeaseError::Elsewhere { .. })));
}

#[test]
fn a_lease_that_was_changed_or_has_no_end_is_none() {
    let key = Key(Ed25519KeyPair::generate().unwrap());
    let signed = lease().sign(&key).unwrap();
    let text = serde_json::to_vec(&signed).unwrap();
    for at in 0..text.len() {
        let mut bytes = text.clone();
        bytes[at] ^= 1;
        let believed = SignedLease::parse(&bytes).ok().and_then(|signed| signed.verify(&key, &AT).ok());
        assert!(believed.is_none(), "byte {at}");
    }
    let another = Key(Ed25519KeyPair::generate().unwrap());
    assert_eq!(signed.verify(&another, &AT).unwrap_err(), LeaseError::Signature("lease-1".into()));
    for endless in [
        Lease { valid_until_ms: i64::MAX, ..lease() },
        Lease { grace_ms: i64::MAX, ..lease() },
        Lease { valid_until_ms: NOW, ..lease() },
        Lease { grace_ms: -1, ..lease() },
    ] {
        assert!(endless.sign(&key).is_err(), "{endless:?}");
    }
    assert!(SignedLease::parse(&vec![b' '; entitlements::lease::LEASE_BYTES_MAX + 1]).is_err());
}

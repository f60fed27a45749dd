//! Events and states of this domain as they were first written; they are read for ever.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::path::Path;

use kernel::Sector;
use kernel::testing::golden;
use tenancy::log::{Difference, LogAlarm, LogAlarmsAccepted, LogKeysSeen, WitnessCosigned, WitnessRefused};
use tenancy::principal::{PrincipalCreated, PrincipalNamed, PrincipalRevoked, PrincipalTokenIssued};
use tenancy::tenant::TenantCreated;
use tenancy::tenant::deletion::{DeletionAsked, TenantDeleted, TenantErased};
use tenancy::tenant::sector::{
    AppearanceApplied, FlagChosen, FlagsActivated, PoliciesLoaded, SectorActivated, SectorEntitled, SectorRefused,
    SectorRolledBack,
};
use tenancy::tenant::subscription::{Subscribed, SubscriptionChanged};
use tenancy::{Log, Principal, Role, Tenant};

fn folder(aggregate: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(aggregate)
}

#[test]
fn a_tenant_is_read_as_it_was_written() {
    let created = TenantCreated {
        name: "north-pit".parse().unwrap(),
        sector: Some(Sector::RideHail),
        entitlements: ["trips".to_owned()].into(),
        simulated: true,
    };
    let subscribed = Subscribed {
        plan: "professional".into(),
        add_ons: [("own-policies".to_owned(), 1)].into(),
        sectors: [Sector::Mining, Sector::RideHail].into(),
        valid_until: Some(kernel::Timestamp::from_ms(9_000)),
        suspended: false,
    };
    let features: BTreeSet<String> = ["haul.cycles".to_owned()].into();
    let (sector, by, reason) = (Sector::Mining, "prin_1".to_owned(), "the pit opens".to_owned());
    let history = [
        created.into(),
        SubscriptionChanged { subscribed, reason: "order 1204".into(), by: by.clone() }.into(),
        SectorRefused {
            sector: Sector::Defense,
            reason: "SECTOR_NOT_INCLUDED".into(),
            required: vec!["sector:defense".into()],
            upgrade_options: vec!["sovereign".into()],
            by: by.clone(),
        }
        .into(),
        SectorEntitled { sector, plan: "professional".into(), features: features.clone() }.into(),
        PoliciesLoaded { sector, rules: ["mining.haul.load".to_owned()].into(), bundle: "b".repeat(64) }.into(),
        FlagsActivated {
            sector,
            digest: "f".repeat(64),
            values: [("dust.ml-visibility".to_owned(), false.into())].into(),
        }
        .into(),
        AppearanceApplied {
            sector,
            files: [("terms.yaml".to_owned(), "a".repeat(64))].into(),
            modules: vec!["map".into(), "blast-clock".into()],
        }
        .into(),
        SectorActivated {
            generation: 1,
            sector,
            version: "1.0.0".into(),
            digest: "d".repeat(64),
            plan: "professional".into(),
            features,
            reason: reason.clone(),
            by: by.clone(),
        }
        .into(),
        FlagChosen {
            flag: "dust.ml-visibility".into(),
            variant: Some("on".into()),
            reason: "a trial".into(),
            by: by.clone(),
        }
        .into(),
        SectorRolledBack { generation: 3, from: sector, to: Some(Sector::RideHail), reason, by }.into(),
        DeletionAsked { reason: "the lease ended".into(), by: "prin_1".into() }.into(),
        TenantDeleted { reason: "the lease ended".into(), by: "prin_1".into() }.into(),
        TenantErased { rows: 7 }.into(),
    ];
    golden::check::<Tenant>(&folder("tenant"), &history);
}

#[test]
fn a_principal_is_read_as_it_was_written() {
    let history = [
        PrincipalCreated { role: Role::SafetyOfficer }.into(),
        PrincipalTokenIssued { purpose: "tenant created".into(), expires_at: None }.into(),
        PrincipalRevoked { reason: "left the company".into() }.into(),
        PrincipalNamed { name: "screen at gate 3".into() }.into(),
    ];
    golden::check::<Principal>(&folder("principal"), &history);
}

#[test]
fn a_log_is_read_as_it_was_written() {
    let history = [
        LogKeysSeen { generation: 3 }.into(),
        LogAlarm {
            difference: Difference::Shorter,
            seen_size: 90,
            seen_root: journal::Hash::of_bytes(b"seen"),
            size: 40,
            seen_by: "vehicle/veh_0000000000000000000000000a".into(),
        }
        .into(),
        LogAlarmsAccepted { reason: "restored after a fire".into() }.into(),
        WitnessCosigned {
            size: 91,
            root: journal::Hash::of_bytes(b"cosigned"),
            witnesses: vec!["witness.example/w1".into()],
        }
        .into(),
        WitnessRefused { witness: "witness.example/w2".into(), reason: "the log has other entries".into() }.into(),
    ];
    golden::check::<Log>(&folder("log"), &history);
    let names = serde_json::json!([Difference::Shorter, Difference::Other, Difference::Unsigned, Difference::Unknown]);
    assert_eq!(names, serde_json::json!(["shorter", "other", "unsigned", "unknown"]));
}

/// A fixture shows one role and one sector, but every name stands in bodies, rows and policies, and is for ever.
#[test]
fn roles_and_sectors_keep_their_names() {
    let roles = [
        "administrator",
        "dispatcher",
        "safety_officer",
        "technician",
        "security_analyst",
        "auditor",
        "viewer",
        "regulator",
    ];
    assert_eq!(serde_json::json!(Role::ALL), serde_json::json!(roles));
    assert!(Role::ALL.iter().map(|role| role.as_str()).eq(roles));
    let sectors = ["mining", "logistics", "ride-hail", "defense"];
    assert_eq!(serde_json::json!(Sector::ALL), serde_json::json!(sectors));
    assert!(Sector::ALL.iter().map(|sector| sector.as_str()).eq(sectors));
}

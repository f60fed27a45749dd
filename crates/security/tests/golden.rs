//! Events that were ever written can be read for ever.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};

use kernel::id::{HoldId, TypedId};
use kernel::testing::golden;
use kernel::{Subject, Timestamp, VehicleId};
use security::incident::events::{
    IncidentAccessRevoked, IncidentAcknowledged, IncidentArtefactKept, IncidentCalled, IncidentClosed,
    IncidentContainmentOrdered, IncidentContainmentRefused, IncidentDiagnosticsAsked, IncidentEscalated,
    IncidentFindingJoined, IncidentInvestigationBegan, IncidentIsolated, IncidentOpened, IncidentRecoveryBegan,
    IncidentRestored, IncidentSeverityChanged, IncidentTriaged, IncidentWatchBegan, IncidentWatchEnded,
};
use security::incident::{Artefact, Containment, Finding, Severity};
use security::on_call::{Channel, ChannelKind, Level, OnCallSet};
use security::{Incident, OnCall};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

fn finding(alert: &str, severity: Severity) -> Finding {
    Finding {
        alert: alert.into(),
        rule: "a07_dead_certificate".into(),
        title: "A certificate that must not be used".into(),
        severity,
        first: Timestamp::from_ms(1_000),
        last: Timestamp::from_ms(2_000),
        records: vec!["evt_1".into()],
        count: 1,
        attack: vec!["T1649".into()],
        r155: vec!["20.2".into()],
    }
}

#[test]
fn an_incident_is_read_as_it_was_written() {
    let opened = IncidentOpened {
        subject: Subject::new("vehicle", VehicleId::from_u128(7)),
        finding: finding("a", Severity::Medium),
        moving: Some(true),
        exercise: false,
    };
    let artefact = Artefact {
        name: "vehicle-1-of-1".into(),
        sha256: "a".repeat(64),
        bytes: 512,
        by: "veh_7".into(),
        at: Timestamp::from_ms(9_000),
        signed: true,
        complete: true,
    };
    let called = IncidentCalled { level: 0, people: vec!["simon".into()], next_at: Timestamp::from_ms(300_000) };
    let containment = Containment { isolate: true, revoke: true };
    golden::check::<Incident>(
        &folder("incident"),
        &[
            opened.into(),
            IncidentTriaged {}.into(),
            IncidentWatchBegan { until: Timestamp::from_ms(86_400_000) }.into(),
            IncidentFindingJoined { finding: finding("b", Severity::Critical) }.into(),
            IncidentSeverityChanged { severity: Severity::Critical, reason: "a07_dead_certificate".into() }.into(),
            IncidentContainmentRefused { reason: "three vehicles within a minute".into() }.into(),
            IncidentContainmentOrdered { containment, hold: HoldId::from_u128(1) }.into(),
            IncidentIsolated {}.into(),
            IncidentAccessRevoked { what: "the vehicle's certificates and tokens".into() }.into(),
            called.into(),
            IncidentAcknowledged { by: "simon".into() }.into(),
            IncidentWatchEnded {}.into(),
            IncidentInvestigationBegan { by: "simon".into() }.into(),
            IncidentDiagnosticsAsked { by: "simon".into() }.into(),
            IncidentArtefactKept { artefact }.into(),
            IncidentEscalated { reason: "the module was opened".into(), team: "forensics".into(), by: "simon".into() }
                .into(),
            IncidentRecoveryBegan { by: "simon".into() }.into(),
            IncidentRestored { by: "simon".into(), reason: "its key was replaced".into() }.into(),
            IncidentClosed { by: "simon".into(), lessons: "its key is in a module now".into() }.into(),
        ],
    );
}

#[test]
fn a_rotation_is_read_as_it_was_written() {
    let on_call = OnCall {
        levels: vec![Level { people: vec!["simon".into()], acknowledge_minutes: 5 }],
        channels: vec![Channel {
            name: "pager".into(),
            kind: ChannelKind::PagerDuty,
            url: "https://pager.example/v2/enqueue".into(),
        }],
    };
    golden::check::<OnCall>(&folder("on_call"), &[OnCallSet { on_call }.into()]);
}

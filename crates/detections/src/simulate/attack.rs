//! Labelled attacks, each with the alerts that it must raise and no others.

use super::benign::Fleet;
use crate::record::Record;

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const DAY: i64 = 24 * 60 * MINUTE;

/// An attack by the rule that finds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Attack {
    BruteForce,
    SlowBruteForce,
    Spray,
    SuccessAfterFailures,
    ClonedKey,
    ManyNetworks,
    ImpossibleTravel,
    PlaceMismatch,
    DeadCertificate,
    SupersededIdentity,
    TokenReplay,
    Clock,
    UnusualAction,
    OutsideOverlay,
    CommandFlood,
    MalformedCommands,
    CommandRate,
    Operator,
    TelemetrySilent,
    AuthenticationSilent,
    UpdateRefused,
    FleetWide,
    Intelligence,
    JournalTampered,
}

/// Every attack.
pub const ATTACKS: [Attack; 24] = [
    Attack::BruteForce,
    Attack::SlowBruteForce,
    Attack::Spray,
    Attack::SuccessAfterFailures,
    Attack::ClonedKey,
    Attack::ManyNetworks,
    Attack::ImpossibleTravel,
    Attack::PlaceMismatch,
    Attack::DeadCertificate,
    Attack::SupersededIdentity,
    Attack::TokenReplay,
    Attack::Clock,
    Attack::UnusualAction,
    Attack::OutsideOverlay,
    Attack::CommandFlood,
    Attack::MalformedCommands,
    Attack::CommandRate,
    Attack::Operator,
    Attack::TelemetrySilent,
    Attack::AuthenticationSilent,
    Attack::UpdateRefused,
    Attack::FleetWide,
    Attack::Intelligence,
    Attack::JournalTampered,
];

impl Attack {
    /// The alerts that the attack raises, by rule.
    #[must_use]
    pub fn expected(self) -> &'static [(&'static str, usize)] {
        match self {
            Self::BruteForce => &[("a01_brute_force", 1)],
            Self::SlowBruteForce => &[("a01_slow_brute_force", 1)],
            Self::Spray => &[("a02_spray", 1)],
            Self::SuccessAfterFailures => &[("a03_success_after_failures", 1)],
            Self::ClonedKey => &[("a04_cloned_key", 1)],
            Self::ManyNetworks => &[("a04_many_networks", 1)],
            // There, and back to where the vehicle really is.
            Self::ImpossibleTravel => &[("a05_impossible_travel", 2)],
            Self::PlaceMismatch => &[("a06_place_mismatch", 1)],
            Self::DeadCertificate => &[("a07_dead_certificate", 1)],
            Self::SupersededIdentity => &[("a08_superseded_identity", 1)],
            Self::TokenReplay => &[("a09_token_replay", 1)],
            Self::Clock => &[("a10_clock", 1)],
            Self::UnusualAction => &[("a11_unusual_action", 1)],
            Self::OutsideOverlay => &[("a11_outside_overlay", 1)],
            Self::CommandFlood => &[("a12_command_flood", 1)],
            Self::MalformedCommands => &[("a12_malformed", 1)],
            Self::CommandRate => &[("a12_command_rate", 1)],
            Self::Operator => &[("a13_operator", 1)],
            Self::TelemetrySilent => &[("a14_telemetry_silent", 1)],
            Self::AuthenticationSilent => &[("a14_authentication_silent", 1)],
            Self::UpdateRefused => &[("a15_update_refused", 1)],
            Self::FleetWide => &[("a07_dead_certificate", 3), ("a16_fleet_wide", 1)],
            Self::Intelligence => &[("a17_intelligence", 1)],
            Self::JournalTampered => &[("a18_journal_tampered", 1)],
        }
    }

    /// The records of the attack on a vehicle of the fleet, beginning at `start_ms`, which lies at the start of an hour.
    #[must_use]
    pub fn records(self, start_ms: i64, vehicle: u64) -> Vec<Record> {
        let target = Target { attack: self, start_ms, vehicle };
        match self {
            Self::BruteForce => target.each(8, 10 * SECOND, "vehicle.handshake_refused", guessed),
            Self::SlowBruteForce => target.each(30, 40 * MINUTE, "session.refused", guessed),
            Self::Spray => target.each(5, MINUTE, "session.refused", |r, n| {
                r.with("principal", format!("guessed-{n}")).with("source_ip", "203.0.113.9")
            }),
            Self::SuccessAfterFailures => target.each(6, 20 * SECOND, "session.refused", |r, n| {
                let kind = if n == 5 { "session.signed_in" } else { "session.refused" };
                r.with("kind", kind).with("principal", "person-guessed")
            }),
            Self::ClonedKey => target.each(3, MINUTE, "vehicle.handshake", |r, _| {
                r.with("boot", "boot-of-the-copy").with("other_boot", format!("boot-{vehicle}")).with("overlap_s", 90)
            }),
            Self::ManyNetworks => target.each(3, MINUTE, "vehicle.handshake", |r, n| {
                r.with("overlap_s", 90).with("network", format!("AS{}", 65_000 + n))
            }),
            Self::ImpossibleTravel => {
                target.each(1, 0, "vehicle.handshake", |r, _| r.with("latitude", -33.9).with("longitude", 151.2))
            }
            Self::PlaceMismatch => target.each(2, 2 * MINUTE, "vehicle.handshake", |r, _| {
                r.with("place_gap_km", 900).with("outside_place_radius", true).with("network_kind", "fixed")
            }),
            _ => self.more_records(&target),
        }
    }

    fn more_records(self, target: &Target) -> Vec<Record> {
        match self {
            Self::DeadCertificate => {
                target.each(3, MINUTE, "vehicle.handshake_refused", |r, _| r.with("reason", "revoked"))
            }
            Self::SupersededIdentity => target.each(2, MINUTE, "token.used", |r, _| r.with("superseded_s", 4_000)),
            Self::TokenReplay => {
                target.each(2, MINUTE, "token.refused", |r, _| r.with("reason", "jti_seen").with("token", "token-1"))
            }
            Self::Clock => target.each(3, MINUTE, "vehicle.handshake", |r, _| r.with("clock_excess_ms", 9_000)),
            Self::UnusualAction => target.each(2, 15 * DAY, "operator.acted", |r, n| {
                let action = if n == 0 { "trip.assign" } else { "policy.edit" };
                let r = r.with("role", "auditor").with("tenant", "tenant-odd").with("action", action);
                Record { at_ms: r.at_ms - 15 * DAY, ..r }
            }),
            Self::OutsideOverlay => target.each(2, MINUTE, "operator.refused", |r, _| {
                r.with("reason", "not_in_overlay").with("action", "site.import")
            }),
            Self::CommandFlood => {
                let flood = |r: Record, n| r.with("principal", "intruder").with("vehicle", format!("vehicle-{n}"));
                target.each(120, 200, "command.issued", flood)
            }
            Self::MalformedCommands => target.each(10, SECOND, "command.refused", |r, _| r.with("reason", "malformed")),
            Self::CommandRate => target.each(40, 3 * SECOND, "command.issued", |r, _| r.with("principal", "intruder")),
            Self::Operator => target.each(1, 0, "operator.acted", |r, _| r.with("action", "break_glass")),
            Self::TelemetrySilent => target.each(2, 30 * SECOND, "telemetry.gap", |r, n| {
                let kind = if n == 1 { "vehicle.handshake" } else { "telemetry.gap" };
                r.with("kind", kind).with("gap_s", 75).with("moving", true)
            }),
            Self::AuthenticationSilent => target.each(1, 0, "authentication.gap", |r, _| {
                r.with("gap_s", 75).with("moving", true).with("telemetry_live", true)
            }),
            Self::UpdateRefused => target.each(3, MINUTE, "update.attack", |r, n| {
                r.with("vehicle", format!("vehicle-{n}")).with("artefact", "sha256:00ff")
            }),
            Self::FleetWide => target.each(3, MINUTE, "vehicle.handshake_refused", |r, n| {
                let name = format!("vehicle-x{n}");
                r.with("vehicle", name.clone()).with("principal", name).with("reason", "never_issued")
            }),
            Self::Intelligence => target
                .each(1, 0, "intelligence.match", |r, _| r.with("indicator", "indicator--1").with("confidence", 90)),
            _ => target.each(2, MINUTE, "journal.witness_refused", |r, _| r.with("stream", "fleet")),
        }
    }
}

/// A name that nobody of the fleet has.
fn guessed(record: Record, _: u64) -> Record {
    record.with("principal", "guessed").with("source_ip", "203.0.113.8")
}

/// Where and when an attack happens.
struct Target {
    attack: Attack,
    start_ms: i64,
    vehicle: u64,
}

impl Target {
    /// `count` records, `step` milliseconds apart.
    fn each(&self, count: u64, step: i64, kind: &str, change: impl Fn(Record, u64) -> Record) -> Vec<Record> {
        let record = |number: u64| {
            let id = format!("attack-{:?}-{}-{number}", self.attack, self.vehicle);
            let at = self.start_ms + number as i64 * step;
            change(Fleet::vehicle(id, at, kind, self.vehicle), number)
        };
        (0..count).map(record).collect()
    }
}

//! A rollout: who gets a release, in which stages, and whether it goes on. Nothing is written per vehicle when it is made:
//! a vehicle that asks is admitted by the open stage or not.

pub mod cohort;
pub mod decide;
pub mod events;
pub mod gate;
mod state;

use std::collections::BTreeSet;

use kernel::{SiteId, Timestamp, VehicleId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use events::RolloutEvent;
pub use gate::{Counts, GateRules, HoldReason};

use crate::repository::ReleaseId;

kernel::typed_id!(
    /// A rollout of a release.
    RolloutId, "rollout"
);

/// Who opens the next stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Advance {
    /// The gate, when the counts allow it.
    Automatic,
    /// A person, when the counts allow it.
    Person,
}

/// A part of the fleet that gets the release together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Stage {
    /// The share of the fleet, in parts per million; none: the vehicles that the plan names first.
    pub share_ppm: Option<u32>,
    /// Whether the vehicles that are held back for comparison get it too.
    pub with_control: bool,
    /// How long it stays open at least, in seconds.
    pub soak_s: u64,
    pub advance: Advance,
}

/// What counts as success.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema, strum::IntoStaticStr,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Truth {
    /// The vehicle's client says that it is done. Never enough by itself for a rollout.
    Claimed,
    /// The vehicle's client names the version that it runs.
    Reported,
    /// A report that the vehicle signed names the image that it booted.
    Attested,
}

/// A time of day in which vehicles may be updated, in minutes of a day in UTC; from 1320 until 300 is the night.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Window {
    #[schemars(range(min = 0, max = 1439))]
    pub from_minute: u32,
    #[schemars(range(min = 0, max = 1439))]
    pub until_minute: u32,
}

impl Window {
    /// Whether the window is open at a time.
    pub fn is_open(self, now: Timestamp) -> bool {
        let minute = now.as_ms().div_euclid(60_000).rem_euclid(1_440);
        let (from, until) = (i64::from(self.from_minute), i64::from(self.until_minute));
        if from <= until { (from..until).contains(&minute) } else { minute >= from || minute < until }
    }
}

/// What a person plans; it does not change once the rollout is made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    pub name: String,
    pub release: ReleaseId,
    /// The sites whose vehicles get it; empty: all.
    pub sites: BTreeSet<SiteId>,
    /// The vehicles of a stage without a share.
    pub first_vehicles: BTreeSet<VehicleId>,
    pub excluded: BTreeSet<VehicleId>,
    pub stages: Vec<Stage>,
    /// The share of the fleet that is held back until the last stage, in parts per million.
    pub control_ppm: u32,
    pub gate: GateRules,
    /// What counts as success for vehicles that sign their reports; the others can do no better than report.
    pub truth: Truth,
    /// How long a vehicle may take from the offer to the proof, in seconds.
    pub proof_deadline_s: u64,
    pub window: Option<Window>,
    /// How many vehicles are held for this rollout at once: the others go on working.
    pub at_once: u32,
    /// The fastest that one vehicle downloads, in bytes per second.
    pub bandwidth_max: Option<u64>,
    /// Only vehicles that run this release, as a revert has it.
    pub only_from: Option<String>,
}

impl Plan {
    #[cfg(test)]
    pub fn example() -> Self {
        use kernel::id::TypedId;
        Self {
            name: "spring".into(),
            release: ReleaseId::from_u128(1),
            sites: BTreeSet::new(),
            first_vehicles: BTreeSet::new(),
            excluded: BTreeSet::new(),
            stages: vec![Stage {
                share_ppm: Some(cohort::WHOLE),
                with_control: true,
                soak_s: 0,
                advance: Advance::Automatic,
            }],
            control_ppm: 0,
            gate: GateRules::default(),
            truth: Truth::Attested,
            proof_deadline_s: 1_800,
            window: None,
            at_once: 5,
            bandwidth_max: None,
            only_from: None,
        }
    }
}

/// Where a rollout stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, strum::IntoStaticStr)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schemars(rename = "RolloutStatus")]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    Planned,
    Running,
    /// Offered to nobody.
    Paused,
    Completed,
    Aborted,
}

/// Why a rollout was paused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "RolloutPause")]
pub struct Pause {
    /// `FAILURES`, `STOP_THE_LINE` or `PERSON`.
    pub code: String,
    pub reason: String,
    pub at: Timestamp,
    /// The counts of the whole rollout then.
    pub counts: Counts,
}

/// A rollout.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rollout {
    pub plan: Plan,
    /// SHA-256 of the plan, hexadecimal: what every offer names.
    pub plan_digest: String,
    /// The key of the hash by which vehicles are chosen, hexadecimal.
    pub salt: String,
    pub status: Status,
    /// The open stage, counted from 0.
    pub stage: usize,
    pub stage_since: Timestamp,
    /// How many vehicles the open stage admits, where that was counted.
    pub members: Option<u64>,
    /// Outcomes by stage.
    pub counts: Vec<Counts>,
    /// How far outcomes of the tenant's log were counted; 0: none was.
    pub counted_to: u64,
    /// Why it holds, as of the last look.
    pub hold: Option<HoldReason>,
    pub pause: Option<Pause>,
    /// The rollout that takes it back.
    pub reverted_by: Option<RolloutId>,
    pub planned_at: Timestamp,
    pub ended_at: Option<Timestamp>,
}

impl Rollout {
    /// All outcomes.
    pub fn whole(&self) -> Counts {
        self.counts.iter().fold(Counts::default(), |sum, stage| Counts {
            proven: sum.proven + stage.proven,
            failed: sum.failed + stage.failed,
        })
    }

    /// The salt as a number; a text of another form, which is never written, is zero.
    pub fn salt(&self) -> u128 {
        u128::from_str_radix(&self.salt, 16).unwrap_or(0)
    }

    /// The stage that admits the vehicle now; `None`: not yet, or never.
    pub fn admits(&self, vehicle: VehicleId) -> Option<usize> {
        cohort::first_stage(&self.plan, self.salt(), vehicle).filter(|stage| *stage <= self.stage)
    }

    fn open_stage(&self) -> Option<gate::OpenStage> {
        let stage = self.plan.stages.get(self.stage)?;
        Some(gate::OpenStage {
            counts: self.counts.get(self.stage).copied().unwrap_or_default(),
            members: self.members,
            since: self.stage_since,
            soak_s: stage.soak_s,
            advance: stage.advance,
            is_last: self.stage + 1 >= self.plan.stages.len(),
        })
    }
}

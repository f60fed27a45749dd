//! How much an engine remembers, and what it had to let go.

use serde::{Deserialize, Serialize};

/// The most bytes of one rule file.
pub const RULE_BYTES_MAX: usize = 64 * 1_024;
/// The most selections of one rule.
pub const SELECTIONS_MAX: usize = 200;
/// The deepest nesting of selections and of conditions.
pub const DEPTH_MAX: usize = 32;
/// The most bytes of one compiled pattern. A pattern over it is refused when the rule is read.
pub const PATTERN_BYTES_MAX: usize = 256 * 1_024;
/// The most bytes of a field's value that a group or a counted value keeps; a longer one is cut and told apart by a digest.
pub const KEPT_BYTES_MAX: usize = 256;

/// The bounds of an engine's memory. A smaller bound changes what is found only where [`Dropped`] counts something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// How much older than the newest record a record may be and still change nothing by being late. In milliseconds.
    pub lateness_ms: i64,
    /// A record this much newer than all before is a clock step, believed only when more records confirm it or
    /// [`crate::Engine::advance`] does. In milliseconds.
    pub step_ms: i64,
    /// How many records confirm a step forward.
    pub step_records: u32,
    /// How many records in a row must be too late before the engine believes that the clock stepped back.
    pub back_records: u32,
    /// Groups of one correlation or baseline.
    pub groups: usize,
    /// Records of one group of a correlation.
    pub samples: usize,
    /// Ids of records and of alerts, each, that are remembered against duplicates.
    pub ids: usize,
    /// How long ids are remembered beyond the lateness. In milliseconds.
    pub ids_ms: i64,
    /// Records of one baseline that wait for the watermark.
    pub pending: usize,
    /// Ids of records that an alert names.
    pub evidence: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            lateness_ms: 60_000,
            step_ms: 600_000,
            step_records: 8,
            back_records: 64,
            groups: 20_000,
            samples: 256,
            ids: 262_144,
            ids_ms: 600_000,
            pending: 65_536,
            evidence: 32,
        }
    }
}

/// What was let go, since the engine began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dropped {
    /// Records that came again.
    pub duplicates: u64,
    /// Records older than the lateness allows: rules of single events saw them, correlations and baselines did not.
    pub late: u64,
    /// Times that the engine followed a clock backwards.
    pub steps_back: u64,
    /// Groups forgotten because there were too many.
    pub groups: u64,
    /// Records of a group forgotten because there were too many.
    pub samples: u64,
    /// Ids forgotten before their time.
    pub ids: u64,
    /// Records that a baseline had to take before the watermark passed.
    pub hurried: u64,
    /// Alerts held back because their group has one of the same rule in the same span.
    pub suppressed: u64,
}

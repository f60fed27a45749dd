//! Whether the process lives and whether it can serve.

use kernel::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

#[derive(Serialize, JsonSchema)]
pub struct Alive {
    pub status: AliveWord,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum AliveWord {
    Alive,
}

#[derive(Serialize, JsonSchema)]
pub struct Ready {
    pub status: ReadyWord,
    pub vehicles_connected: usize,
    pub log_alarms: usize,
    pub clock: Clock,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum ReadyWord {
    Ready,
}

/// How well the time runs.
#[derive(Serialize, JsonSchema)]
pub struct Clock {
    pub steady_since: Option<Timestamp>,
    /// How far the time is ahead of the machine's clock, which was set back.
    pub ahead_ms: i64,
    /// How often the machine's clock stepped since the start.
    pub steps: u64,
}

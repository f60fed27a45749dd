//! Who is called, in which order, and how.

use kernel::{Aggregate, EventMeta, TenantId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How long somebody has to answer where nothing is said, in minutes.
const ACKNOWLEDGE_MINUTES: u32 = 5;

kernel::domain_events! {
    /// What can happen to a rotation.
    pub enum OnCallEvent {
        "on_call.set" 1 => Set(OnCallSet),
    }
}

/// People who are called together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Level {
    /// Names of people.
    #[schemars(length(min = 1, max = 20))]
    pub people: Vec<String>,
    /// How long they have to answer before the next level is called, in minutes.
    #[schemars(range(min = 1, max = 120))]
    pub acknowledge_minutes: u32,
}

/// The protocol of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, strum::IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "ChannelKind")]
#[strum(serialize_all = "snake_case")]
pub enum ChannelKind {
    /// PagerDuty Events API v2: the address is that of `enqueue`, the secret is the routing key.
    PagerDuty,
    /// JSON with the headers of Standard Webhooks, signed with HMAC-SHA256 by the secret.
    Webhook,
}

/// Where calls go, beside the page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Channel {
    #[schemars(length(min = 1, max = 60))]
    pub name: String,
    pub kind: ChannelKind,
    /// Begins with `http://` or `https://`.
    #[schemars(length(min = 8, max = 500))]
    pub url: String,
}

/// The rotation of a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OnCall {
    /// The first is called first.
    #[schemars(length(max = 10))]
    pub levels: Vec<Level>,
    #[schemars(length(max = 10))]
    pub channels: Vec<Channel>,
}

impl OnCall {
    /// The level that is called at the n-th call: after the last one the first is called again.
    pub fn level(&self, calls: u32) -> (u32, Vec<String>, u32) {
        let count = u32::try_from(self.levels.len()).unwrap_or(1).max(1);
        let number = calls % count;
        match self.levels.get(number as usize) {
            Some(level) => (number, level.people.clone(), level.acknowledge_minutes),
            None => (0, Vec::new(), ACKNOWLEDGE_MINUTES),
        }
    }
}

impl Default for OnCall {
    /// Before anybody said anything: whoever looks at the page.
    fn default() -> Self {
        Self { levels: Vec::new(), channels: Vec::new() }
    }
}

/// The rotation was said, all of it. Secrets are not here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OnCallSet {
    pub on_call: OnCall,
}

impl Aggregate for OnCall {
    type Id = TenantId;
    type Event = OnCallEvent;
    const KIND: &'static str = "on_call";
    const FOLD_VERSION: u32 = 1;

    fn evolve(_: Option<Self>, event: &OnCallEvent, _: &EventMeta) -> Option<Self> {
        let OnCallEvent::Set(set) = event;
        Some(set.on_call.clone())
    }
}

//! Who is called, in which order, and how.

use kernel::{Aggregate, EventMeta, TenantId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How long somebody has to answer where nothing is said, in minutes.
const ACKNOWLEDGE_MINUTES: u32 = 5;
/// The longest time between two calls that nobody answers, in minutes.
const CALLS_APART_MAX: u32 = 240;

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

/// The rotation of a tenant. Before anybody said anything it is empty: whoever looks at the page is told.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OnCall {
    /// The first is called first.
    #[schemars(length(max = 10))]
    pub levels: Vec<Level>,
    #[schemars(length(max = 10))]
    pub channels: Vec<Channel>,
}

impl OnCall {
    /// The level that is called after so many calls, its people, and how long they have, in minutes: after the last level the
    /// first is called again, and each round leaves twice the time of the one before.
    pub fn level(&self, calls: u32) -> (u32, Vec<String>, u32) {
        let count = u32::try_from(self.levels.len()).unwrap_or(1).max(1);
        let (number, round) = (calls % count, (calls / count).min(16));
        let level = self.levels.get(number as usize);
        let minutes = level.map_or(ACKNOWLEDGE_MINUTES, |level| level.acknowledge_minutes);
        let minutes = minutes.saturating_mul(1 << round).min(CALLS_APART_MAX.max(minutes));
        (number, level.map(|level| level.people.clone()).unwrap_or_default(), minutes)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_follow_each_other_and_rounds_leave_more_time() {
        let level = |name: &str, minutes: u32| Level { people: vec![name.into()], acknowledge_minutes: minutes };
        let on_call = OnCall { levels: vec![level("simon", 5), level("sara", 10)], channels: Vec::new() };
        let called = |calls: u32| {
            let (number, people, minutes) = on_call.level(calls);
            (number, people.join(","), minutes)
        };
        assert_eq!(called(0), (0, "simon".into(), 5));
        assert_eq!(called(1), (1, "sara".into(), 10));
        assert_eq!(called(2), (0, "simon".into(), 10));
        assert_eq!(called(1_000), (0, "simon".into(), 240));
        assert_eq!(OnCall::default().level(3), (0, Vec::new(), 40), "nobody is called ever more rarely");
    }
}

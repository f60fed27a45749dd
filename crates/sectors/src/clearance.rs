//! Up to which level a person or a vehicle is cleared, and until when.

use std::str::FromStr;

use kernel::{Aggregate, Decided, EventMeta, Reject, Subject, Timestamp};
use policy::PolicyAnswer;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

kernel::typed_id!(
    /// A clearance; it follows from whose it is.
    ClearanceId, "clear"
);

/// How classified something is, the least first.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Default,
    Serialize,
    Deserialize,
    JsonSchema,
    strum::IntoStaticStr,
    strum::EnumString,
)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "ClearanceLevel")]
#[strum(serialize_all = "snake_case")]
pub enum Level {
    #[default]
    Unclassified,
    Restricted,
    Confidential,
    Secret,
}

impl Level {
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// As facts have it, from 0.
    pub fn rank(self) -> i64 {
        match self {
            Self::Unclassified => 0,
            Self::Restricted => 1,
            Self::Confidential => 2,
            Self::Secret => 3,
        }
    }

    /// What a trip names; what nobody knows is taken for the highest.
    pub fn of_trip(named: Option<&str>) -> Self {
        named.map_or_else(Self::default, |text| Self::from_str(text).unwrap_or(Self::Secret))
    }
}

/// Who is cleared.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, strum::IntoStaticStr, strum::EnumString,
)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "ClearedKind")]
#[strum(serialize_all = "snake_case")]
pub enum Cleared {
    Principal,
    Vehicle,
}

impl Cleared {
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

kernel::domain_events! {
    /// What can happen to a clearance.
    pub enum ClearanceEvent {
        "clearance.granted" 1 => Granted(ClearanceGranted),
    }
}

/// Somebody is cleared up to a level; a lower one takes the higher one away.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClearanceGranted {
    pub kind: Cleared,
    pub id: String,
    pub level: Level,
    pub until: Timestamp,
    pub by: String,
    pub reason: String,
}

/// A clearance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Clearance {
    #[serde(flatten)]
    pub of: ClearanceGranted,
    pub granted_at: Timestamp,
}

impl Clearance {
    /// Up to which level, at a time.
    pub fn level_at(&self, now: Timestamp) -> Level {
        if now < self.of.until { self.of.level } else { Level::default() }
    }
}

impl Aggregate for Clearance {
    type Id = ClearanceId;
    type Event = ClearanceEvent;
    const KIND: &'static str = "clearance";
    const FOLD_VERSION: u32 = 1;

    fn evolve(_: Option<Self>, event: &ClearanceEvent, meta: &EventMeta) -> Option<Self> {
        let ClearanceEvent::Granted(granted) = event;
        Some(Self { of: granted.clone(), granted_at: meta.recorded_at })
    }

    fn about(event: &ClearanceEvent, _: Option<&Self>) -> Vec<Subject> {
        let ClearanceEvent::Granted(granted) = event;
        vec![Subject::new(granted.kind.as_str(), &granted.id)]
    }
}

/// Clears somebody, where policy allows it.
pub fn grant(
    state: Option<&Clearance>,
    granted: &ClearanceGranted,
    now: Timestamp,
    answer: &PolicyAnswer,
) -> Decided<ClearanceEvent, ()> {
    let is_same = |known: &Clearance| known.of.level == granted.level && known.of.until == granted.until;
    if state.is_some_and(is_same) {
        return Decided::unchanged(());
    }
    if let Some(refusal) = &answer.refusal {
        return Decided::reject(refusal.clone());
    }
    if granted.until <= now {
        return Decided::reject(Reject::invalid_field("/until", "must be later than now"));
    }
    Decided::accept([granted.clone().into()], ())
}

#[cfg(test)]
mod tests {
    use kernel::Code;
    use kernel::testing::{START, accepts, check, refuses, unchanged};

    use super::*;

    #[test]
    fn it_holds_until_its_time_and_policy_is_asked() {
        let answer =
            |refusal| PolicyAnswer { records: Vec::new(), refusal, constraints: policy::Constraints::default() };
        let (yes, no) = (answer(None), answer(Some(Reject::new(Code::PolicyViolation, "no"))));
        let granted = ClearanceGranted {
            kind: Cleared::Vehicle,
            id: "veh_1".into(),
            level: Level::Confidential,
            until: START.plus_ms(60_000),
            by: "sue".into(),
            reason: "so".into(),
        };
        let event: ClearanceEvent = granted.clone().into();
        check([], |state| grant(state, &granted, START, &no), refuses(Code::PolicyViolation));
        check([], |state| grant(state, &granted, granted.until, &yes), refuses(Code::InvalidRequest));
        let after = check([], |state| grant(state, &granted, START, &yes), accepts([event.clone()], ())).unwrap();
        assert_eq!((after.level_at(START), after.level_at(granted.until)), (Level::Confidential, Level::Unclassified));
        check([event], |state| grant(state, &granted, START, &no), unchanged(()));
        let ranks = [None, Some("restricted"), Some("top_secret")].map(|named| Level::of_trip(named).rank());
        assert_eq!(ranks, [0, 1, 3]);
    }
}

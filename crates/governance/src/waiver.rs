//! A waiver: a rule that says that it can be waived is lifted for a tenant until a time.

use kernel::{Aggregate, Code, Decided, EventMeta, Reject, Timestamp};
use policy::PolicyAnswer;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

kernel::typed_id!(
    /// A rule that is lifted for a time.
    WaiverId, "waiver"
);

kernel::domain_events! {
    /// What happens to a waiver.
    pub enum WaiverEvent {
        "waiver.granted" 1 => Granted(WaiverGranted),
        "waiver.ended" 1 => Ended(WaiverEnded),
        "waiver.expired" 1 => Expired(WaiverExpired),
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WaiverGranted {
    pub rule: String,
    pub until: Timestamp,
    pub reason: String,
    pub by: String,
    pub approved_by: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WaiverEnded {
    pub reason: String,
    pub by: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WaiverExpired {}

/// Whether it still lifts the rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, strum::IntoStaticStr)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
#[schemars(inline)]
pub enum WaiverState {
    Active,
    Ended,
    Expired,
}

/// A waiver.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KnownWaiver {
    pub rule: String,
    pub until: Timestamp,
    pub reason: String,
    pub granted_by: String,
    pub approved_by: Option<String>,
    pub granted_at: Timestamp,
    pub state: WaiverState,
}

impl Aggregate for KnownWaiver {
    type Id = WaiverId;
    type Event = WaiverEvent;
    const KIND: &'static str = "waiver";
    const FOLD_VERSION: u32 = 1;
    const INDEXES: &'static [&'static str] = &["state"];

    fn evolve(state: Option<Self>, event: &WaiverEvent, meta: &EventMeta) -> Option<Self> {
        match (state, event) {
            (None, WaiverEvent::Granted(granted)) => Some(Self {
                rule: granted.rule.clone(),
                until: granted.until,
                reason: granted.reason.clone(),
                granted_by: granted.by.clone(),
                approved_by: granted.approved_by.clone(),
                granted_at: meta.recorded_at,
                state: WaiverState::Active,
            }),
            (Some(state), WaiverEvent::Ended(_)) => Some(Self { state: WaiverState::Ended, ..state }),
            (Some(state), WaiverEvent::Expired(_)) => Some(Self { state: WaiverState::Expired, ..state }),
            (state, _) => state,
        }
    }

    fn due_at(&self) -> Option<Timestamp> {
        (self.state == WaiverState::Active).then_some(self.until)
    }

    fn index_values(&self) -> Vec<String> {
        let state: &str = self.state.into();
        vec![state.to_owned()]
    }
}

/// Grants a waiver.
pub fn grant(state: Option<&KnownWaiver>, policy: &PolicyAnswer, granted: &WaiverGranted) -> Decided<WaiverEvent, ()> {
    match (&policy.refusal, state) {
        (Some(refusal), _) => Decided::reject(refusal.clone()),
        (None, Some(_)) => Decided::unchanged(()),
        (None, None) => Decided::accept([granted.clone().into()], ()),
    }
}

/// Ends a waiver before its time.
pub fn end(state: Option<&KnownWaiver>, reason: &str, by: &str) -> Decided<WaiverEvent, ()> {
    match state {
        None => Decided::reject(Reject::new(Code::NotFound, "there is no such waiver: list them first")),
        Some(waiver) if waiver.state != WaiverState::Active => Decided::unchanged(()),
        Some(_) => Decided::accept([WaiverEnded { reason: reason.into(), by: by.into() }.into()], ()),
    }
}

/// Ends a waiver whose time is over.
pub fn expire(state: Option<&KnownWaiver>, now: Timestamp) -> Decided<WaiverEvent, ()> {
    match state {
        Some(waiver) if waiver.state == WaiverState::Active && waiver.until <= now => {
            Decided::accept([WaiverExpired {}.into()], ())
        }
        _ => Decided::unchanged(()),
    }
}

//! A draft: rules of the tenant's own that are not in force. Whatever was tested or replayed counts for the very text that it
//! was done with; another revision is tested anew.

use kernel::{Aggregate, Code, Decided, EventMeta, Reject, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

kernel::typed_id!(
    /// Rules that are not in force.
    DraftId, "pdraft"
);

kernel::domain_events! {
    /// What happens to a draft.
    pub enum DraftEvent {
        "policy_draft.written" 1 => Written(DraftWritten),
        "policy_draft.tested" 1 => Tested(DraftTested),
        "policy_draft.replayed" 1 => Replayed(DraftReplayed),
        "policy_draft.shadow_started" 1 => ShadowStarted(DraftShadowStarted),
        "policy_draft.shadow_stopped" 1 => ShadowStopped(DraftShadowStopped),
        "policy_draft.activated" 1 => Activated(DraftActivated),
        "policy_draft.withdrawn" 1 => Withdrawn(DraftWithdrawn),
    }
}

/// Its text is this from now on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DraftWritten {
    pub name: String,
    pub reason: String,
    /// Cedar.
    pub text: String,
    /// As JSON.
    pub cases: String,
    /// SHA-256 of text and cases.
    pub digest: String,
    pub by: String,
}

/// Its cases were run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DraftTested {
    pub digest: String,
    pub passed: usize,
    pub failed: usize,
    /// Rules that fire in no case.
    pub untested: Vec<String>,
    pub by: String,
}

/// Past decisions were asked again under it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DraftReplayed {
    pub digest: String,
    pub counts: ReplayCounts,
    pub by: String,
}

/// What came of past decisions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReplayCounts {
    pub evaluated: u64,
    pub unchanged: u64,
    pub allow_to_deny: u64,
    pub deny_to_allow: u64,
    pub tighter: u64,
    pub looser: u64,
    pub not_replayable: u64,
}

/// From here on every decision is asked again under it, and nothing follows from that.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DraftShadowStarted {
    /// The position in the log behind which decisions count.
    pub from: u64,
    pub reason: String,
    pub by: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DraftShadowStopped {
    pub counts: ReplayCounts,
    pub reason: String,
    pub by: String,
}

/// It is in force, as a generation of the tenant's rules.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DraftActivated {
    pub generation: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DraftWithdrawn {
    pub reason: String,
    pub by: String,
}

/// Where a draft is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, strum::IntoStaticStr)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
#[schemars(rename = "PolicyDraftState")]
pub enum DraftState {
    Draft,
    Shadow,
    /// It was put in force.
    Active,
    Withdrawn,
}

/// The result of its cases.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "PolicyDraftTested")]
pub struct Tested {
    pub digest: String,
    pub passed: usize,
    pub failed: usize,
    pub untested: Vec<String>,
    pub at: Timestamp,
}

/// The result of a replay.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "PolicyDraftReplayed")]
pub struct ReplayedDraft {
    pub digest: String,
    #[serde(flatten)]
    pub counts: ReplayCounts,
    pub at: Timestamp,
}

/// Since when decisions are asked again under it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Shadow {
    pub from: u64,
    pub since: Timestamp,
}

/// A draft.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PolicyDraft {
    pub name: String,
    pub reason: String,
    pub text: String,
    pub cases: String,
    pub digest: String,
    pub revision: u64,
    pub state: DraftState,
    pub created_by: String,
    pub created_at: Timestamp,
    pub changed_at: Timestamp,
    pub tested: Option<Tested>,
    pub replayed: Option<ReplayedDraft>,
    pub shadow: Option<Shadow>,
    /// The generation as which it was put in force.
    pub generation: Option<u64>,
}

impl PolicyDraft {
    fn written(before: Option<Self>, written: &DraftWritten, at: Timestamp) -> Self {
        let (created_by, created_at, revision) = match &before {
            Some(known) => (known.created_by.clone(), known.created_at, known.revision + 1),
            None => (written.by.clone(), at, 1),
        };
        Self {
            name: written.name.clone(),
            reason: written.reason.clone(),
            text: written.text.clone(),
            cases: written.cases.clone(),
            digest: written.digest.clone(),
            revision,
            state: DraftState::Draft,
            created_by,
            created_at,
            changed_at: at,
            tested: None,
            replayed: None,
            shadow: None,
            generation: None,
        }
    }

    fn with(self, event: &DraftEvent, at: Timestamp) -> Self {
        match event {
            DraftEvent::Written(written) => Self::written(Some(self), written, at),
            DraftEvent::Tested(done) => {
                let DraftTested { digest, passed, failed, untested, .. } = done.clone();
                Self { tested: Some(Tested { digest, passed, failed, untested, at }), ..self }
            }
            DraftEvent::Replayed(done) => {
                let (digest, counts) = (done.digest.clone(), done.counts);
                Self { replayed: Some(ReplayedDraft { digest, counts, at }), ..self }
            }
            DraftEvent::ShadowStarted(started) => {
                let shadow = Some(Shadow { from: started.from, since: at });
                Self { shadow, state: DraftState::Shadow, ..self }
            }
            DraftEvent::ShadowStopped(_) => Self { shadow: None, state: DraftState::Draft, ..self },
            DraftEvent::Activated(activated) => {
                Self { generation: Some(activated.generation), state: DraftState::Active, shadow: None, ..self }
            }
            DraftEvent::Withdrawn(_) => Self { state: DraftState::Withdrawn, shadow: None, ..self },
        }
    }
}

impl Aggregate for PolicyDraft {
    type Id = DraftId;
    type Event = DraftEvent;
    const KIND: &'static str = "policy_draft";
    const FOLD_VERSION: u32 = 1;

    fn evolve(state: Option<Self>, event: &DraftEvent, meta: &EventMeta) -> Option<Self> {
        match (state, event) {
            (None, DraftEvent::Written(written)) => Some(Self::written(None, written, meta.recorded_at)),
            (Some(state), event) => Some(state.with(event, meta.recorded_at)),
            (None, _) => None,
        }
    }
}

fn missing() -> Reject {
    Reject::new(Code::NotFound, "there is no such draft: list them to see which there are")
}

/// The draft, if it can still change.
///
/// # Errors
/// `NOT_FOUND`; `ILLEGAL_TRANSITION` once it was put in force or withdrawn.
pub fn open(state: Option<&PolicyDraft>) -> Result<&PolicyDraft, Reject> {
    let draft = state.ok_or_else(missing)?;
    match draft.state {
        DraftState::Draft | DraftState::Shadow => Ok(draft),
        DraftState::Active => Err(Reject::new(Code::IllegalTransition, "this draft is in force: write another one")),
        DraftState::Withdrawn => {
            Err(Reject::new(Code::IllegalTransition, "this draft was withdrawn: write another one"))
        }
    }
}

/// Writes a draft, or its next revision.
pub fn write(state: Option<&PolicyDraft>, is_new: bool, written: &DraftWritten) -> Decided<DraftEvent, ()> {
    if !is_new && let Err(reject) = open(state) {
        return Decided::reject(reject);
    }
    if state.is_some_and(|draft| draft.digest == written.digest && draft.name == written.name) {
        return Decided::unchanged(());
    }
    Decided::accept([written.clone().into()], ())
}

/// Notes what came of the cases, or of a replay, unless the text is another one meanwhile.
pub fn note(state: Option<&PolicyDraft>, digest: &str, event: DraftEvent) -> Decided<DraftEvent, ()> {
    match open(state) {
        Err(reject) => Decided::reject(reject),
        Ok(draft) if draft.digest != digest => {
            Decided::reject(Reject::new(Code::Conflict, "the draft was changed meanwhile: try again"))
        }
        Ok(_) => Decided::accept([event], ()),
    }
}

/// Begins or ends the shadow.
pub fn shadow(state: Option<&PolicyDraft>, event: DraftEvent) -> Decided<DraftEvent, ()> {
    let draft = match open(state) {
        Ok(draft) => draft,
        Err(reject) => return Decided::reject(reject),
    };
    let begins = matches!(event, DraftEvent::ShadowStarted(_));
    if draft.shadow.is_some() == begins { Decided::unchanged(()) } else { Decided::accept([event], ()) }
}

/// Withdraws a draft.
pub fn withdraw(state: Option<&PolicyDraft>, reason: &str, by: &str) -> Decided<DraftEvent, ()> {
    match open(state) {
        Err(reject) => Decided::reject(reject),
        Ok(_) => Decided::accept([DraftWithdrawn { reason: reason.into(), by: by.into() }.into()], ()),
    }
}

/// Notes that it is in force.
pub fn activated(state: Option<&PolicyDraft>, generation: u64) -> Decided<DraftEvent, ()> {
    match state {
        None => Decided::reject(missing()),
        Some(draft) if draft.generation == Some(generation) => Decided::unchanged(()),
        Some(_) => Decided::accept([DraftActivated { generation }.into()], ()),
    }
}

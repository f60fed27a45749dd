//! The rules of a tenant's own that are in force, and those that were: generations, each with its text.

use kernel::{Aggregate, Code, Decided, EventMeta, Reject, TenantId, Timestamp};
use policy::PolicyAnswer;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::draft::DraftId;

/// How many generations can be put in force again.
pub const GENERATIONS_KEPT: usize = 20;

kernel::domain_events! {
    /// What happens to a tenant's own rules.
    pub enum OwnPoliciesEvent {
        "own_policies.activated" 1 => Activated(OwnPoliciesActivated),
        "own_policies.rolled_back" 1 => RolledBack(OwnPoliciesRolledBack),
    }
}

/// These rules are in force.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OwnPoliciesActivated {
    pub generation: u64,
    pub name: String,
    pub text: String,
    /// SHA-256 of the text.
    pub digest: String,
    pub draft: DraftId,
    pub reason: String,
    pub by: String,
    pub approved_by: Option<String>,
}

/// Rules of before are in force again, or none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OwnPoliciesRolledBack {
    pub generation: u64,
    /// The generation whose text it is; 0: none.
    pub to: u64,
    pub reason: String,
    pub by: String,
    pub approved_by: Option<String>,
}

/// A text that was put in force.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "PolicyGeneration")]
pub struct Generation {
    pub generation: u64,
    pub name: String,
    /// SHA-256 of the text; empty where it is none.
    pub digest: String,
    pub text: String,
    pub draft: Option<DraftId>,
    pub reason: String,
    pub activated_by: String,
    pub approved_by: Option<String>,
    pub activated_at: Timestamp,
}

/// A tenant's own rules.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OwnPolicies {
    pub generation: u64,
    /// The newest last; the last one is in force.
    pub generations: Vec<Generation>,
}

impl OwnPolicies {
    /// What is in force.
    pub fn in_force(&self) -> Option<&Generation> {
        self.generations.last().filter(|known| !known.text.is_empty())
    }

    /// A generation that is kept.
    pub fn kept(&self, generation: u64) -> Option<&Generation> {
        self.generations.iter().find(|known| known.generation == generation)
    }

    fn push(mut self, next: Generation) -> Self {
        self.generation = next.generation;
        self.generations.push(next);
        let surplus = self.generations.len().saturating_sub(GENERATIONS_KEPT);
        self.generations.drain(..surplus);
        self
    }
}

impl Aggregate for OwnPolicies {
    type Id = TenantId;
    type Event = OwnPoliciesEvent;
    const KIND: &'static str = "own_policies";
    const FOLD_VERSION: u32 = 1;

    fn evolve(state: Option<Self>, event: &OwnPoliciesEvent, meta: &EventMeta) -> Option<Self> {
        let state = state.unwrap_or(Self { generation: 0, generations: Vec::new() });
        let at = meta.recorded_at;
        Some(match event {
            OwnPoliciesEvent::Activated(activated) => state.push(Generation {
                generation: activated.generation,
                name: activated.name.clone(),
                digest: activated.digest.clone(),
                text: activated.text.clone(),
                draft: Some(activated.draft),
                reason: activated.reason.clone(),
                activated_by: activated.by.clone(),
                approved_by: activated.approved_by.clone(),
                activated_at: at,
            }),
            OwnPoliciesEvent::RolledBack(back) => {
                let before = state.kept(back.to).cloned();
                let text = |of: fn(&Generation) -> String| before.as_ref().map(of).unwrap_or_default();
                let next = Generation {
                    generation: back.generation,
                    name: text(|known| known.name.clone()),
                    digest: text(|known| known.digest.clone()),
                    text: text(|known| known.text.clone()),
                    draft: before.as_ref().and_then(|known| known.draft),
                    reason: back.reason.clone(),
                    activated_by: back.by.clone(),
                    approved_by: back.approved_by.clone(),
                    activated_at: at,
                };
                state.push(next)
            }
        })
    }
}

/// Puts rules in force. The same draft with the same text again changes nothing.
pub fn activate(
    state: Option<&OwnPolicies>,
    policy: &PolicyAnswer,
    next: &OwnPoliciesActivated,
) -> Decided<OwnPoliciesEvent, u64> {
    if let Some(refusal) = &policy.refusal {
        return Decided::reject(refusal.clone());
    }
    let is_same = |known: &&Generation| known.digest == next.digest && known.draft == Some(next.draft);
    if let Some(known) = state.and_then(OwnPolicies::in_force).filter(is_same) {
        return Decided::unchanged(known.generation);
    }
    let generation = state.map_or(0, |state| state.generation) + 1;
    Decided::accept([OwnPoliciesActivated { generation, ..next.clone() }.into()], generation)
}

/// Puts rules of before in force again; generation 0 is none.
pub fn roll_back(
    state: Option<&OwnPolicies>,
    policy: &PolicyAnswer,
    back: &OwnPoliciesRolledBack,
) -> Decided<OwnPoliciesEvent, u64> {
    if let Some(refusal) = &policy.refusal {
        return Decided::reject(refusal.clone());
    }
    let Some(known) = state else {
        return Decided::reject(Reject::new(Code::IllegalTransition, "there are no rules of your own to take back"));
    };
    if back.to != 0 && known.kept(back.to).is_none() {
        let text = format!("generation {} is not kept: list them to see which are", back.to);
        return Decided::reject(Reject::new(Code::NotFound, text));
    }
    let wanted = known.kept(back.to).map(|kept| kept.digest.as_str()).unwrap_or_default();
    let now = known.in_force().map(|now| now.digest.as_str()).unwrap_or_default();
    if wanted == now {
        return Decided::unchanged(known.generation);
    }
    let generation = known.generation + 1;
    Decided::accept([OwnPoliciesRolledBack { generation, ..back.clone() }.into()], generation)
}

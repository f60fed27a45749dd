//! Records that must stay: while a hold is in force nothing personal of its subject is erased.

use kernel::id::LegalHoldId;
use kernel::{Aggregate, Code, Decided, EventMeta, Reject, Subject, Timestamp};
use policy::PolicyAnswer;
use serde::{Deserialize, Serialize};

kernel::domain_events! {
    /// What can happen to a legal hold.
    pub enum LegalHoldEvent {
        "legal_hold.placed" 1 => Placed(LegalHoldPlaced),
        "legal_hold.released" 1 => Released(LegalHoldReleased),
        "personal.erased" 1 => Erased(PersonalErased),
    }
}

/// Records of a subject must stay.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LegalHoldPlaced {
    /// Everything of the tenant where nothing is said.
    pub subject: Option<Subject>,
    pub reason: String,
    pub by: String,
}

/// They need not stay any more.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LegalHoldReleased {
    pub reason: String,
    pub by: String,
}

/// Personal values of a subject are gone; the entries that commit to them, and every proof, stay.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PersonalErased {
    pub subject: Subject,
    pub fields: Vec<String>,
    pub reason: String,
    pub by: String,
}

/// A legal hold, or an erasure, which is one that is over at once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LegalHold {
    pub subject: Option<Subject>,
    pub reason: String,
    pub placed_by: String,
    pub placed_at: Timestamp,
    pub released_at: Option<Timestamp>,
    pub released_by: Option<String>,
    /// The fields that were erased, where it is an erasure.
    pub erased: Vec<String>,
}

impl LegalHold {
    pub fn is_in_force(&self) -> bool {
        self.released_at.is_none()
    }

    /// Whether records of a subject must stay by it.
    pub fn keeps(&self, subject: &Subject) -> bool {
        self.is_in_force() && self.subject.as_ref().is_none_or(|held| held == subject)
    }
}

impl Aggregate for LegalHold {
    type Id = LegalHoldId;
    type Event = LegalHoldEvent;
    const KIND: &'static str = "legal_hold";
    const FOLD_VERSION: u32 = 1;
    const INDEXES: &'static [&'static str] = &["in_force"];

    fn evolve(state: Option<Self>, event: &LegalHoldEvent, meta: &EventMeta) -> Option<Self> {
        let at = meta.recorded_at;
        match event {
            LegalHoldEvent::Placed(placed) => Some(Self {
                subject: placed.subject.clone(),
                reason: placed.reason.clone(),
                placed_by: placed.by.clone(),
                placed_at: at,
                released_at: None,
                released_by: None,
                erased: Vec::new(),
            }),
            LegalHoldEvent::Released(released) => {
                state.map(|held| Self { released_at: Some(at), released_by: Some(released.by.clone()), ..held })
            }
            LegalHoldEvent::Erased(erased) => Some(Self {
                subject: Some(erased.subject.clone()),
                reason: erased.reason.clone(),
                placed_by: erased.by.clone(),
                placed_at: at,
                released_at: Some(at),
                released_by: Some(erased.by.clone()),
                erased: erased.fields.clone(),
            }),
        }
    }

    fn index_values(&self) -> Vec<String> {
        vec![if self.is_in_force() { "yes" } else { "" }.to_owned()]
    }

    fn about(event: &LegalHoldEvent, state: Option<&Self>) -> Vec<Subject> {
        let subject = match event {
            LegalHoldEvent::Placed(placed) => placed.subject.clone(),
            LegalHoldEvent::Released(_) => state.and_then(|held| held.subject.clone()),
            LegalHoldEvent::Erased(erased) => Some(erased.subject.clone()),
        };
        subject.into_iter().collect()
    }
}

/// Places a hold.
pub fn place(
    state: Option<&LegalHold>,
    subject: Option<&Subject>,
    reason: &str,
    by: &str,
) -> Decided<LegalHoldEvent, ()> {
    match state {
        Some(_) => Decided::unchanged(()),
        None => {
            let placed = LegalHoldPlaced { subject: subject.cloned(), reason: reason.into(), by: by.into() };
            Decided::accept([placed.into()], ())
        }
    }
}

/// Releases it.
pub fn release(state: Option<&LegalHold>, reason: &str, by: &str) -> Decided<LegalHoldEvent, ()> {
    match state {
        None => Decided::reject(Reject::new(Code::NotFound, "there is no such legal hold")),
        Some(held) if !held.is_in_force() => Decided::unchanged(()),
        Some(_) => Decided::accept([LegalHoldReleased { reason: reason.into(), by: by.into() }.into()], ()),
    }
}

/// Erases the personal values of a subject.
pub fn erase(
    subject: &Subject,
    fields: &[String],
    reason: &str,
    by: &str,
    answer: &PolicyAnswer,
) -> Decided<LegalHoldEvent, ()> {
    if let Some(refusal) = &answer.refusal {
        return Decided::reject(refusal.clone());
    }
    if fields.is_empty() {
        let text = format!("nothing personal of {subject} is kept");
        return Decided::reject(Reject::invalid_field("/subject", text));
    }
    let (subject, fields) = (subject.clone(), fields.to_vec());
    Decided::accept([PersonalErased { subject, fields, reason: reason.into(), by: by.into() }.into()], ())
}

//! What an authority must have by a date: from the notice of an occurrence, or at the end of a period (EVD-6).

use kernel::id::{ObligationId, ReportId};
use kernel::{Aggregate, Decided, EventMeta, Subject, Timestamp};
use serde::{Deserialize, Serialize};

use crate::report::Covered;

const DAY_MS: i64 = 86_400_000;

kernel::domain_events! {
    /// What can happen to an obligation.
    pub enum ObligationEvent {
        "obligation.opened" 1 => Opened(ObligationOpened),
        "obligation.reminded" 1 => Reminded(ObligationReminded),
        "obligation.missed" 1 => Missed(ObligationMissed),
        "obligation.met" 1 => Met(ObligationMet),
    }
}

/// Something is due.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ObligationOpened {
    pub form: String,
    pub title: String,
    pub authority: String,
    pub about: Option<Subject>,
    pub covered: Option<Covered>,
    pub noticed_at: Timestamp,
    /// What arrives at this instant or after it is late.
    pub due_at: Timestamp,
    /// The last day that is in time, in the authority's zone.
    pub due_day: String,
    pub zone: String,
}

/// It is due within a day.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ObligationReminded {}

/// The authority did not get it in time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ObligationMissed {}

/// The authority has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ObligationMet {
    pub report: ReportId,
}

/// How far an obligation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema, strum::IntoStaticStr)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schemars(rename = "ObligationStatus")]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    Open,
    /// It is due within a day.
    DueSoon,
    Missed,
    Met,
}

/// An obligation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Obligation {
    pub form: String,
    pub title: String,
    pub authority: String,
    pub status: Status,
    pub about: Option<Subject>,
    pub covered: Option<Covered>,
    pub noticed_at: Timestamp,
    pub due_at: Timestamp,
    pub due_day: String,
    pub zone: String,
    pub report: Option<ReportId>,
    pub met_at: Option<Timestamp>,
}

impl Obligation {
    pub fn is_open(&self) -> bool {
        self.status != Status::Met
    }
}

impl Aggregate for Obligation {
    type Id = ObligationId;
    type Event = ObligationEvent;
    const KIND: &'static str = "obligation";
    const FOLD_VERSION: u32 = 1;
    const INDEXES: &'static [&'static str] = &["open"];

    fn evolve(state: Option<Self>, event: &ObligationEvent, meta: &EventMeta) -> Option<Self> {
        if let ObligationEvent::Opened(opened) = event {
            let opened = opened.clone();
            return Some(Self {
                form: opened.form,
                title: opened.title,
                authority: opened.authority,
                status: Status::Open,
                about: opened.about,
                covered: opened.covered,
                noticed_at: opened.noticed_at,
                due_at: opened.due_at,
                due_day: opened.due_day,
                zone: opened.zone,
                report: None,
                met_at: None,
            });
        }
        let mut obligation = state?;
        match event {
            ObligationEvent::Opened(_) => {}
            ObligationEvent::Reminded(_) => obligation.status = Status::DueSoon,
            ObligationEvent::Missed(_) => obligation.status = Status::Missed,
            ObligationEvent::Met(met) => {
                obligation.status = Status::Met;
                obligation.report = Some(met.report);
                obligation.met_at = Some(meta.recorded_at);
            }
        }
        Some(obligation)
    }

    fn due_at(&self) -> Option<Timestamp> {
        match self.status {
            Status::Open => Some(self.due_at.plus_ms(-DAY_MS)),
            Status::DueSoon => Some(self.due_at),
            Status::Missed | Status::Met => None,
        }
    }

    fn index_values(&self) -> Vec<String> {
        vec![if self.is_open() { "open" } else { "" }.to_owned()]
    }

    fn about(event: &ObligationEvent, state: Option<&Self>) -> Vec<Subject> {
        let about = match event {
            ObligationEvent::Opened(opened) => opened.about.clone(),
            _ => state.and_then(|obligation| obligation.about.clone()),
        };
        about.into_iter().collect()
    }
}

/// Opens one; the same again changes nothing.
pub fn open(state: Option<&Obligation>, opened: &ObligationOpened) -> Decided<ObligationEvent, ()> {
    match state {
        Some(_) => Decided::unchanged(()),
        None => Decided::accept([opened.clone().into()], ()),
    }
}

/// Time passes. After a long stop both steps are taken at once.
pub fn due(state: Option<&Obligation>, now: Timestamp) -> Decided<ObligationEvent, bool> {
    match state {
        Some(known) if known.is_open() && known.status != Status::Missed && now >= known.due_at => {
            Decided::accept([ObligationMissed {}.into()], true)
        }
        Some(known) if known.status == Status::Open && now >= known.due_at.plus_ms(-DAY_MS) => {
            Decided::accept([ObligationReminded {}.into()], false)
        }
        _ => Decided::unchanged(false),
    }
}

/// The authority has the report.
pub fn meet(state: Option<&Obligation>, report: ReportId) -> Decided<ObligationEvent, ()> {
    match state {
        Some(known) if known.is_open() => Decided::accept([ObligationMet { report }.into()], ()),
        _ => Decided::unchanged(()),
    }
}

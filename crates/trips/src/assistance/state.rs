//! The fold: a request after each event. Total; holds no rule.

use kernel::id::AssistId;
use kernel::{Aggregate, EventMeta, Subject, Timestamp};

use super::events::{AssistAsked, AssistEvent};
use super::{Assistance, Closing, GivenAnswer, Lease, Outcome, Status};
use crate::limits::ANSWERS_MAX;

impl Aggregate for Assistance {
    type Id = AssistId;
    type Event = AssistEvent;
    const KIND: &'static str = "assist";
    const FOLD_VERSION: u32 = 1;
    const INDEXES: &'static [&'static str] = &["open", "trip"];
    const READ_BY: &'static [&'static [&'static str]] = &[&["open"], &["open", "trip"]];

    fn evolve(state: Option<Self>, event: &AssistEvent, meta: &EventMeta) -> Option<Self> {
        match (state, event) {
            (None, AssistEvent::Asked(body)) => Some(Self::asked(body, meta)),
            (None, _) => None,
            (Some(mut assistance), event) => {
                assistance.apply(event, meta.recorded_at);
                Some(assistance)
            }
        }
    }

    fn due_at(&self) -> Option<Timestamp> {
        self.due
    }

    fn index_values(&self) -> Vec<String> {
        let open = if self.status == Status::Done { "no" } else { "yes" };
        vec![open.into(), self.trip.to_string()]
    }

    fn about(_event: &AssistEvent, state: Option<&Self>) -> Vec<Subject> {
        let named = |known: &Self| [Subject::new("trip", known.trip), Subject::new("vehicle", known.vehicle)];
        state.map(named).into_iter().flatten().collect()
    }
}

impl Assistance {
    fn asked(body: &AssistAsked, meta: &EventMeta) -> Self {
        Self {
            id: body.assist,
            status: Status::Asked,
            trip: body.trip,
            vehicle: body.vehicle,
            claim_epoch: body.claim_epoch,
            site: body.site.clone(),
            kind: body.kind.clone(),
            at: body.at,
            occupied: body.occupied,
            snapshot: body.snapshot.clone(),
            lease: None,
            leases: 0,
            answers: Vec::new(),
            closing: None,
            asked_at: meta.recorded_at,
            due: None,
        }
    }

    fn apply(&mut self, event: &AssistEvent, at: Timestamp) {
        match event {
            AssistEvent::Asked(_) => {}
            AssistEvent::Taken(body) => {
                self.status = Status::Taken;
                self.leases = body.lease;
                self.lease = Some(Lease { number: body.lease, by: body.by, until: body.until });
            }
            AssistEvent::HandedBack(_) | AssistEvent::Lapsed(_) => {
                self.status = Status::Asked;
                self.lease = None;
            }
            AssistEvent::Answered(body) => {
                let (answer, by, reason, outcome) = (body.answer, body.by, body.reason.clone(), Outcome::Pending);
                self.answers.push(GivenAnswer { answer, by, at, reason, outcome });
                if self.answers.len() > ANSWERS_MAX {
                    self.answers.remove(0);
                }
                self.lease = Some(Lease { number: body.lease, by: body.by, until: body.until });
                self.due = Some(body.due_at);
                return;
            }
            AssistEvent::Accepted(_) => self.vehicle_answered(Outcome::Accepted),
            AssistEvent::Refused(body) => {
                self.vehicle_answered(Outcome::Refused { code: body.code.clone(), reason: body.reason.clone() });
            }
            AssistEvent::Done(body) => {
                self.status = Status::Done;
                self.lease = None;
                self.closing = Some(Closing { code: body.code.clone(), reason: body.reason.clone(), at });
            }
        }
        self.due = self.lease.as_ref().map(|lease| lease.until);
    }

    fn vehicle_answered(&mut self, outcome: Outcome) {
        if let Some(given) = self.answers.last_mut() {
            given.outcome = outcome;
        }
    }
}

//! The fold: a standing order after each event. Total; holds no rule.

use kernel::id::StandingId;
use kernel::{Aggregate, EventMeta, Subject, Timestamp};

use super::events::{StandingOpened, StandingOrderEvent};
use super::{Pause, StandingOrder, Status};
use crate::trip;

impl Aggregate for StandingOrder {
    type Id = StandingId;
    type Event = StandingOrderEvent;
    const KIND: &'static str = "standing";
    const FOLD_VERSION: u32 = 1;
    const INDEXES: &'static [&'static str] = &["active"];

    fn evolve(state: Option<Self>, event: &StandingOrderEvent, meta: &EventMeta) -> Option<Self> {
        match (state, event) {
            (None, StandingOrderEvent::Opened(body)) => Some(Self::opened(body, meta)),
            (None, _) => None,
            (Some(mut standing), event) => {
                standing.apply(event);
                Some(standing)
            }
        }
    }

    fn due_at(&self) -> Option<Timestamp> {
        self.due
    }

    fn index_values(&self) -> Vec<String> {
        vec![if self.status == Status::Active { "yes" } else { "no" }.into()]
    }

    fn about(event: &StandingOrderEvent, _state: Option<&Self>) -> Vec<Subject> {
        match event {
            StandingOrderEvent::TripAsked(body) => vec![Subject::new("trip", body.trip)],
            StandingOrderEvent::TripEnded(body) => vec![Subject::new("trip", body.trip)],
            _ => Vec::new(),
        }
    }
}

impl StandingOrder {
    fn opened(body: &StandingOpened, meta: &EventMeta) -> Self {
        Self {
            id: body.standing,
            status: Status::Active,
            site: body.site.clone(),
            kind: body.kind,
            stops: body.stops.clone(),
            requirements: body.requirements.clone(),
            priority: body.priority,
            goal: body.goal,
            at_once: body.at_once,
            asked: 0,
            open: Default::default(),
            trips_done: 0,
            moved_kg: 0.0,
            pause: None,
            requested_by: body.requested_by.clone(),
            created_at: meta.recorded_at,
            due: Some(body.due_at),
        }
    }

    fn apply(&mut self, event: &StandingOrderEvent) {
        match event {
            StandingOrderEvent::Opened(_) => {}
            StandingOrderEvent::TripAsked(body) => {
                self.asked += 1;
                self.open.insert(body.trip, body.payload_kg);
                self.pause = None;
                self.due = body.due_at;
            }
            StandingOrderEvent::TripEnded(body) => {
                self.open.remove(&body.trip);
                self.moved_kg += body.moved_kg;
                self.trips_done += u64::from(body.status == trip::Status::Completed);
                self.due = body.due_at;
            }
            StandingOrderEvent::Paused(body) => {
                let (code, reason, until) = (body.code.clone(), body.reason.clone(), body.due_at);
                self.pause = Some(Pause { code, reason, until });
                self.due = Some(until);
            }
            StandingOrderEvent::Completed(_) => self.status = Status::Completed,
            StandingOrderEvent::Cancelled(_) => self.status = Status::Cancelled,
        }
        if self.status != Status::Active {
            (self.due, self.pause) = (None, None);
        }
    }
}

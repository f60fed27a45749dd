//! The fold of a work order.

use kernel::{Aggregate, EventMeta, Subject, Timestamp};

use super::events::OrderEvent;
use super::{ChecklistItem, OrderId, Status, WorkOrder};

/// How long after its slot's begin an order that nobody started is planned anew, in milliseconds.
const MISSED_AFTER_MS: i64 = 3_600_000;

impl Aggregate for WorkOrder {
    type Id = OrderId;
    type Event = OrderEvent;
    const KIND: &'static str = "work_order";
    const FOLD_VERSION: u32 = 1;
    const INDEXES: &'static [&'static str] = &["open", "vehicle"];

    fn evolve(state: Option<Self>, event: &OrderEvent, meta: &EventMeta) -> Option<Self> {
        let at = meta.recorded_at;
        if let OrderEvent::Requested(requested) = event {
            let item = |text: &String| ChecklistItem { text: text.clone(), done_by: None, done_at: None };
            return Some(Self {
                work: requested.work.clone(),
                status: Status::Requested,
                priority: requested.priority,
                hours_left: requested.hours_left,
                latest_start: requested.latest_start,
                requested_by: requested.requested_by.clone(),
                requested_at: at,
                approved_by: None,
                slot: None,
                unscheduled: None,
                hold_reason: None,
                technician: None,
                started_at: None,
                checklist: requested.checklist.iter().map(item).collect(),
                closing: None,
                notes: None,
                completed_by: None,
                verified_by: None,
                returned_by: None,
                cancelled: None,
                since: at,
            });
        }
        let mut order = state?;
        order.go_on(event.clone(), at);
        Some(order)
    }

    /// When a slot that nobody used is planned anew.
    fn due_at(&self) -> Option<Timestamp> {
        let slot = self.slot.as_ref().filter(|_| self.status == Status::Scheduled)?;
        Some(slot.from.plus_ms(MISSED_AFTER_MS))
    }

    /// Whether it is open, and its vehicle.
    fn index_values(&self) -> Vec<String> {
        let open = if self.status.is_over() { "no" } else { "yes" };
        vec![open.into(), self.work.vehicle.to_string()]
    }

    fn about(event: &OrderEvent, state: Option<&Self>) -> Vec<Subject> {
        let vehicle = match event {
            OrderEvent::Requested(requested) => Some(requested.work.vehicle),
            _ => state.map(|order| order.work.vehicle),
        };
        vehicle.map(|vehicle| Subject::new("vehicle", vehicle)).into_iter().collect()
    }
}

impl WorkOrder {
    fn go_on(&mut self, event: OrderEvent, at: Timestamp) {
        let before = self.status;
        match event {
            OrderEvent::Requested(_) => {}
            OrderEvent::Prioritised(new) => {
                self.priority = new.priority;
                self.hours_left = new.hours_left;
                self.latest_start = new.latest_start;
            }
            OrderEvent::Approved(approved) => {
                self.status = Status::Approved;
                self.approved_by = Some(approved.by);
            }
            OrderEvent::Scheduled(scheduled) => {
                self.status = Status::Scheduled;
                self.slot = Some(scheduled.slot);
                self.unscheduled = None;
            }
            OrderEvent::Unscheduled(unscheduled) => {
                self.status = Status::Approved;
                self.slot = None;
                self.unscheduled = Some(unscheduled.reason);
            }
            OrderEvent::Started(started) => {
                self.status = Status::InProgress;
                self.technician = Some(started.technician);
                self.started_at = Some(at);
            }
            OrderEvent::PutOnHold(held) => {
                self.status = Status::OnHold;
                self.hold_reason = Some(held.reason);
            }
            OrderEvent::Resumed(_) => {
                self.status = Status::InProgress;
                self.hold_reason = None;
            }
            OrderEvent::StepDone(done) => {
                if let Some(item) = self.checklist.get_mut(done.step) {
                    (item.done_by, item.done_at) = (Some(done.by), Some(at));
                }
            }
            OrderEvent::Completed(completed) => {
                self.status = Status::Completed;
                self.closing = Some(completed.closing);
                self.notes = completed.notes;
                self.completed_by = Some(completed.by);
            }
            OrderEvent::Verified(verified) => {
                self.status = Status::Verified;
                self.verified_by = Some(verified.by);
            }
            OrderEvent::Reopened(reopened) => {
                self.status = Status::InProgress;
                (self.closing, self.completed_by) = (None, None);
                self.notes = Some(reopened.reason);
            }
            OrderEvent::Closed(closed) => {
                self.status = Status::Closed;
                self.returned_by = Some(closed.returned_by);
            }
            OrderEvent::Cancelled(cancelled) => {
                self.status = Status::Cancelled;
                self.cancelled = Some(cancelled.reason);
            }
        }
        if self.status != before {
            self.since = at;
        }
    }
}

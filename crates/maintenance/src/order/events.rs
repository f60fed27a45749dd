//! What happens to a work order.

use kernel::Timestamp;
use serde::{Deserialize, Serialize};

use super::{ClosingCode, Priority, Slot, Work};

kernel::domain_events! {
    /// What can happen to a work order.
    pub enum OrderEvent {
        "work_order.requested" 1 => Requested(WorkOrderRequested),
        "work_order.prioritised" 1 => Prioritised(WorkOrderPrioritised),
        "work_order.approved" 1 => Approved(WorkOrderApproved),
        "work_order.scheduled" 1 => Scheduled(WorkOrderScheduled),
        "work_order.unscheduled" 1 => Unscheduled(WorkOrderUnscheduled),
        "work_order.started" 1 => Started(WorkOrderStarted),
        "work_order.put_on_hold" 1 => PutOnHold(WorkOrderPutOnHold),
        "work_order.resumed" 1 => Resumed(WorkOrderResumed),
        "work_order.step_done" 1 => StepDone(WorkOrderStepDone),
        "work_order.completed" 1 => Completed(WorkOrderCompleted),
        "work_order.verified" 1 => Verified(WorkOrderVerified),
        "work_order.reopened" 1 => Reopened(WorkOrderReopened),
        "work_order.closed" 1 => Closed(WorkOrderClosed),
        "work_order.cancelled" 1 => Cancelled(WorkOrderCancelled),
    }
}

/// Somebody, or a prediction, asks for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorkOrderRequested {
    pub work: Work,
    pub priority: Priority,
    pub hours_left: Option<f64>,
    pub latest_start: Option<Timestamp>,
    pub requested_by: String,
    pub checklist: Vec<String>,
}

/// A newer prediction makes it more urgent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorkOrderPrioritised {
    pub priority: Priority,
    pub hours_left: Option<f64>,
    pub latest_start: Option<Timestamp>,
}

/// The workshop may plan it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorkOrderApproved {
    pub by: String,
}

/// It has a bay, a technician and a time (PDM-5, PDM-6), or another one than before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorkOrderScheduled {
    pub slot: Slot,
}

/// There is no slot for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorkOrderUnscheduled {
    pub reason: String,
}

/// A technician began.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorkOrderStarted {
    pub technician: String,
}

/// The work waits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorkOrderPutOnHold {
    pub reason: String,
}

/// It goes on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorkOrderResumed {}

/// A step of the checklist was ticked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorkOrderStepDone {
    pub step: usize,
    pub by: String,
}

/// The work is done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorkOrderCompleted {
    pub closing: ClosingCode,
    pub notes: Option<String>,
    pub by: String,
}

/// Somebody checked the work.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorkOrderVerified {
    pub by: String,
}

/// The work was not good enough.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorkOrderReopened {
    pub reason: String,
}

/// A named technician returned the vehicle to service (PDM-8).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorkOrderClosed {
    pub returned_by: String,
}

/// It is not needed any more.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorkOrderCancelled {
    pub reason: String,
}

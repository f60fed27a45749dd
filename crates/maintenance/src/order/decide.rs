//! The rules of a work order.

use kernel::{Code, Decided, Reject, Timestamp};
use policy::PolicyAnswer;

use super::events::{
    OrderEvent, WorkOrderApproved, WorkOrderCancelled, WorkOrderClosed, WorkOrderCompleted, WorkOrderPrioritised,
    WorkOrderPutOnHold, WorkOrderReopened, WorkOrderRequested, WorkOrderResumed, WorkOrderScheduled, WorkOrderStarted,
    WorkOrderStepDone, WorkOrderUnscheduled, WorkOrderVerified,
};
use super::{ClosingCode, Priority, Slot, Status, WorkOrder};

type Answer<R> = Decided<OrderEvent, R>;

fn missing() -> Reject {
    Reject::new(Code::NotFound, "there is no such work order")
}

fn in_status<'a>(state: Option<&'a WorkOrder>, allowed: &[Status], what: &str) -> Result<&'a WorkOrder, Reject> {
    let order = state.ok_or_else(missing)?;
    match allowed.contains(&order.status) {
        true => Ok(order),
        false => {
            let text = format!("this work order is {}: {what}", order.status.as_str());
            Err(Reject::new(Code::IllegalTransition, text))
        }
    }
}

macro_rules! in_status {
    ($state:expr, $allowed:expr, $what:expr) => {
        match in_status($state, $allowed, $what) {
            Ok(order) => order,
            Err(reject) => return Decided::reject(reject),
        }
    };
}

/// Asks for an order, once by its id.
pub fn request(state: Option<&WorkOrder>, requested: &WorkOrderRequested) -> Answer<()> {
    match state {
        Some(_) => Decided::unchanged(()),
        None => Decided::accept([requested.clone().into()], ()),
    }
}

/// Makes it more urgent by a newer prediction; never less.
pub fn prioritise(
    state: Option<&WorkOrder>,
    priority: Priority,
    hours_left: Option<f64>,
    latest_start: Option<Timestamp>,
) -> Answer<()> {
    match state {
        Some(order) if !order.status.is_over() && priority > order.priority => {
            Decided::accept([WorkOrderPrioritised { priority, hours_left, latest_start }.into()], ())
        }
        _ => Decided::unchanged(()),
    }
}

/// Lets the workshop plan it.
pub fn approve(state: Option<&WorkOrder>, by: &str, asked: &PolicyAnswer) -> Answer<()> {
    let order = match state {
        Some(order) if order.status == Status::Requested => order,
        Some(order) if order.approved_by.is_some() && !order.status.is_over() => return Decided::unchanged(()),
        other => {
            return Decided::reject(
                match in_status(other, &[Status::Requested], "only one that is asked for is approved") {
                    Err(reject) => reject,
                    Ok(_) => missing(),
                },
            );
        }
    };
    debug_assert_eq!(order.status, Status::Requested);
    match &asked.refusal {
        Some(refusal) => Decided::reject(refusal.clone()),
        None => Decided::accept([WorkOrderApproved { by: by.into() }.into()], ()),
    }
}

/// Gives it a bay, a technician and a time. One that somebody works on keeps what it has.
pub fn schedule(state: Option<&WorkOrder>, slot: &Slot) -> Answer<()> {
    match state {
        Some(order) if matches!(order.status, Status::Approved | Status::Scheduled) => match &order.slot {
            Some(known) if same_place(known, slot) => Decided::unchanged(()),
            _ => Decided::accept([WorkOrderScheduled { slot: slot.clone() }.into()], ()),
        },
        _ => Decided::unchanged(()),
    }
}

/// Another reason alone is no news.
fn same_place(known: &Slot, slot: &Slot) -> bool {
    (&known.bay, &known.technician, known.from, known.until) == (&slot.bay, &slot.technician, slot.from, slot.until)
}

/// Says why there is no slot for it.
pub fn unschedule(state: Option<&WorkOrder>, reason: &str) -> Answer<()> {
    match state {
        Some(order) if order.status == Status::Approved && order.unscheduled.as_deref() == Some(reason) => {
            Decided::unchanged(())
        }
        Some(order) if matches!(order.status, Status::Approved | Status::Scheduled) => {
            Decided::accept([WorkOrderUnscheduled { reason: reason.into() }.into()], ())
        }
        _ => Decided::unchanged(()),
    }
}

/// A technician begins, at the planned time or another.
pub fn start(state: Option<&WorkOrder>, technician: &str) -> Answer<()> {
    in_status!(state, &[Status::Approved, Status::Scheduled], "work begins on one that is approved");
    Decided::accept([WorkOrderStarted { technician: technician.into() }.into()], ())
}

/// The work waits.
pub fn put_on_hold(state: Option<&WorkOrder>, reason: &str) -> Answer<()> {
    in_status!(state, &[Status::InProgress], "only work that is under way waits");
    Decided::accept([WorkOrderPutOnHold { reason: reason.into() }.into()], ())
}

/// The work goes on.
pub fn resume(state: Option<&WorkOrder>) -> Answer<()> {
    in_status!(state, &[Status::OnHold], "only work that waits goes on");
    Decided::accept([WorkOrderResumed {}.into()], ())
}

/// Ticks a step of the checklist.
pub fn tick(state: Option<&WorkOrder>, step: usize, by: &str) -> Answer<()> {
    let order = in_status!(
        state,
        &[Status::InProgress, Status::Completed, Status::Verified],
        "steps are ticked while somebody works on it"
    );
    match order.checklist.get(step) {
        None => Decided::reject(Reject::invalid_field("/step", "the checklist has no such step")),
        Some(item) if item.done_by.is_some() => Decided::unchanged(()),
        Some(_) => Decided::accept([WorkOrderStepDone { step, by: by.into() }.into()], ()),
    }
}

/// The work is done, with what was found.
pub fn complete(state: Option<&WorkOrder>, closing: ClosingCode, notes: Option<&str>, by: &str) -> Answer<()> {
    in_status!(state, &[Status::InProgress], "only work that is under way is completed");
    let notes = notes.map(Into::into);
    Decided::accept([WorkOrderCompleted { closing, notes, by: by.into() }.into()], ())
}

/// Somebody else looks at the work; safety-critical work is never checked by who did it.
pub fn verify(state: Option<&WorkOrder>, by: &str) -> Answer<()> {
    let order = in_status!(state, &[Status::Completed], "only work that is done is checked");
    if order.work.safety_critical && order.completed_by.as_deref() == Some(by) {
        let text = "safety-critical work is checked by another person than the one who did it";
        return Decided::reject(Reject::new(Code::Forbidden, text));
    }
    Decided::accept([WorkOrderVerified { by: by.into() }.into()], ())
}

/// The work was not good enough: it goes on.
pub fn reopen(state: Option<&WorkOrder>, reason: &str) -> Answer<()> {
    in_status!(state, &[Status::Completed, Status::Verified], "only work that is done is opened again");
    Decided::accept([WorkOrderReopened { reason: reason.into() }.into()], ())
}

/// A named technician returns the vehicle to service (PDM-8).
pub fn return_to_service(state: Option<&WorkOrder>, by: &str, asked: &PolicyAnswer) -> Answer<()> {
    match state {
        Some(order) if order.status == Status::Closed => return Decided::unchanged(()),
        _ => {}
    }
    in_status!(state, &[Status::Completed, Status::Verified], "a vehicle returns when the work is done and checked");
    match &asked.refusal {
        Some(refusal) => Decided::reject(refusal.clone()),
        None => Decided::accept([WorkOrderClosed { returned_by: by.into() }.into()], ()),
    }
}

/// It is not needed; what was begun is completed instead.
pub fn cancel(state: Option<&WorkOrder>, reason: &str) -> Answer<()> {
    match state {
        Some(order) if order.status == Status::Cancelled => return Decided::unchanged(()),
        _ => {}
    }
    in_status!(
        state,
        &[Status::Requested, Status::Approved, Status::Scheduled],
        "one that somebody works on is completed, with what was found"
    );
    Decided::accept([WorkOrderCancelled { reason: reason.into() }.into()], ())
}

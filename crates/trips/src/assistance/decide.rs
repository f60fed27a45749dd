//! The rules of a request for assistance. Pure: state, command and time in; events and an answer out.

use kernel::id::{AssistId, PrincipalId};
use kernel::{Code, Decided, Reject, Timestamp};

use super::events::{
    AssistAccepted, AssistAnswered, AssistAsked, AssistDone, AssistEvent, AssistHandedBack, AssistLapsed,
    AssistRefused, AssistTaken, Order,
};
use super::{Answer, Assistance, Lease, Status};
use crate::limits::{ASSIST_ANSWER_TIMEOUT_MS, ASSIST_LEASE_MS, truncated};

/// What somebody wants of a request, with the facts that were gathered for it.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    Ask(Box<AssistAsked>),
    /// A person takes it, or goes on having it.
    Take(PrincipalId),
    HandBack(LeaseHolder),
    Answer(Box<NewAnswer>),
    /// What the vehicle said to the answer: why not, as stable code and for a person, or nothing.
    VehicleAnswered {
        answer: Answer,
        /// Why it does not do so.
        refused: Option<(String, String)>,
    },
    Close {
        code: &'static str,
        reason: String,
    },
    Due,
}

/// A person under a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaseHolder {
    pub by: PrincipalId,
    pub lease: u64,
}

/// An answer that a person wants to give, with what was found for it.
#[derive(Debug, Clone, PartialEq)]
pub struct NewAnswer {
    pub under: LeaseHolder,
    pub answer: Answer,
    pub reason: String,
    /// What the trip is to be ordered, where the vehicle goes on by it; the refusal where that cannot be.
    pub order: Option<Result<Order, Reject>>,
}

/// The answer to a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Done {
    pub assist: AssistId,
}

type Verdict = Result<Vec<AssistEvent>, Reject>;

/// Decides a command on the request `id`.
pub fn decide(
    id: AssistId,
    state: Option<&Assistance>,
    command: &Command,
    now: Timestamp,
) -> Decided<AssistEvent, Done> {
    let verdict = match (state, command) {
        (None, Command::Ask(asked)) => Ok(vec![(**asked).clone().into()]),
        (None, _) => Err(Reject::new(Code::NotFound, "there is no such request for assistance")),
        (Some(known), command) => of_known(known, command, now),
    };
    match verdict {
        Ok(events) => Decided::accept(events, Done { assist: id }),
        Err(reject) => Decided::reject(reject),
    }
}

fn of_known(known: &Assistance, command: &Command, now: Timestamp) -> Verdict {
    match command {
        Command::Ask(_) => Ok(Vec::new()),
        Command::Take(by) => take(known, *by, now),
        Command::HandBack(under) => {
            held(known, *under, now)?;
            settled(known)?;
            Ok(vec![AssistHandedBack { by: under.by, lease: under.lease }.into()])
        }
        Command::Answer(new) => answer(known, new, now),
        Command::VehicleAnswered { answer, refused } => Ok(vehicle_answered(known, *answer, refused.as_ref())),
        Command::Close { .. } if known.status == Status::Done => Ok(Vec::new()),
        Command::Close { code, reason } => Ok(close(known, code, reason)),
        Command::Due => Ok(due(known, now)),
    }
}

fn open(known: &Assistance) -> Result<(), Reject> {
    match &known.closing {
        Some(closing) => {
            let message = format!("the request needs nobody any more: {}", closing.reason);
            Err(Reject::new(Code::IllegalTransition, message))
        }
        None => Ok(()),
    }
}

fn take(known: &Assistance, by: PrincipalId, now: Timestamp) -> Verdict {
    open(known)?;
    let until = now.plus_ms(ASSIST_LEASE_MS);
    match known.lease.as_ref().filter(|lease| now < lease.until) {
        // The answer renewed the lease, and its own deadline comes first.
        Some(lease) if lease.by == by && known.pending().is_some() => Ok(Vec::new()),
        Some(lease) if lease.by == by => Ok(vec![AssistTaken { by, lease: lease.number, until }.into()]),
        Some(lease) => {
            let message = format!("{} has it until {}: ask them to give it back, or wait", lease.by, lease.until);
            Err(Reject::new(Code::Conflict, message))
        }
        None => Ok(vec![AssistTaken { by, lease: known.leases + 1, until }.into()]),
    }
}

/// The lease under which somebody acts.
fn held(known: &Assistance, under: LeaseHolder, now: Timestamp) -> Result<&Lease, Reject> {
    open(known)?;
    let current = known.lease.as_ref().filter(|lease| now < lease.until);
    match current {
        Some(lease) if lease.by == under.by && lease.number == under.lease => Ok(lease),
        Some(lease) if lease.by == under.by => {
            let message = format!("lease {} is over, yours is {} now: look again", under.lease, lease.number);
            Err(Reject::new(Code::Conflict, message))
        }
        Some(lease) => Err(Reject::new(Code::Conflict, format!("{} has it until {}", lease.by, lease.until))),
        None => Err(Reject::new(Code::Conflict, "nobody has taken it, or the lease ran out: take it first")),
    }
}

/// Checks that the vehicle has responded to the last answer: it is given one at a time.
fn settled(known: &Assistance) -> Result<(), Reject> {
    match known.pending() {
        Some(pending) => {
            let message = format!("the vehicle has not answered `{}` yet", pending.answer.as_str());
            Err(Reject::new(Code::Conflict, message))
        }
        None => Ok(()),
    }
}

fn answer(known: &Assistance, new: &NewAnswer, now: Timestamp) -> Verdict {
    held(known, new.under, now)?;
    settled(known)?;
    let order = new.order.clone().transpose()?;
    let event = AssistAnswered {
        trip: known.trip,
        vehicle: known.vehicle,
        claim_epoch: known.claim_epoch,
        answer: new.answer,
        by: new.under.by,
        lease: new.under.lease,
        reason: truncated(&new.reason),
        order,
        until: now.plus_ms(ASSIST_LEASE_MS),
        due_at: now.plus_ms(ASSIST_ANSWER_TIMEOUT_MS),
    };
    Ok(vec![event.into()])
}

fn vehicle_answered(known: &Assistance, answer: Answer, refused: Option<&(String, String)>) -> Vec<AssistEvent> {
    if known.pending().is_none_or(|pending| pending.answer != answer) {
        return Vec::new();
    }
    match refused {
        Some((code, reason)) => vec![AssistRefused { answer, code: truncated(code), reason: truncated(reason) }.into()],
        None => vec![AssistAccepted { answer }.into()],
    }
}

/// What a vehicle did before its response came is its response.
fn close(known: &Assistance, code: &str, reason: &str) -> Vec<AssistEvent> {
    let did_so = |answer: Answer| code == "RESUMED" && answer.moves() || code == "STRANDED" && answer == Answer::Stop;
    let accepted = known.pending().filter(|pending| did_so(pending.answer));
    let accepted = accepted.map(|pending| AssistAccepted { answer: pending.answer }.into());
    accepted.into_iter().chain([AssistDone { code: code.into(), reason: truncated(reason) }.into()]).collect()
}

fn due(known: &Assistance, now: Timestamp) -> Vec<AssistEvent> {
    if known.due.is_none_or(|due| now < due) {
        return Vec::new();
    }
    let mut events: Vec<AssistEvent> = Vec::new();
    if let Some(pending) = known.pending() {
        let reason = "the vehicle did not answer in time; it may not be connected".to_owned();
        events.push(AssistRefused { answer: pending.answer, code: "NO_ANSWER".into(), reason }.into());
    }
    if let Some(lease) = known.lease.as_ref().filter(|lease| lease.until <= now) {
        events.push(AssistLapsed { by: lease.by, lease: lease.number }.into());
    }
    events
}

//! The states of a trip and the one table of transitions. `decide`, the text of a refusal and the documentation all
//! read this table, so that they cannot disagree.

use kernel::{Code, Reject};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use Status::{
    Assigned, AtDropoff, AtPickup, AwaitingAssist, Cancelled, Completed, Created, Dispatched, Expired, Failed, OnTrip,
    Paused, SafeStopped, Scheduled, Stranded, ToPickup, Waiting,
};

/// Where a trip is in its life.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
    strum::Display,
    strum::EnumIter,
    strum::EnumString,
    strum::IntoStaticStr,
)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schemars(rename = "TripStatus")]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE", parse_err_ty = StatusError, parse_err_fn = StatusError::of)]
pub enum Status {
    Scheduled,
    /// Allowed and stored; no route yet.
    Created,
    Waiting,
    /// A vehicle is chosen and claimed; it has not answered.
    Assigned,
    Dispatched,
    /// The vehicle drives to the pickup.
    ToPickup,
    /// The vehicle stands at the pickup.
    AtPickup,
    /// The vehicle drives to the drop-off.
    OnTrip,
    /// The vehicle stands for a while.
    Paused,
    /// The vehicle needs a person's answer.
    AwaitingAssist,
    SafeStopped,
    Stranded,
    /// The vehicle stands at the drop-off.
    AtDropoff,
    Completed,
    Cancelled,
    Failed,
    Expired,
}

impl Status {
    /// Every state, in the order of a trip's life.
    pub fn all() -> impl DoubleEndedIterator<Item = Status> + Clone {
        <Self as strum::IntoEnumIterator>::iter()
    }

    /// The name, as in answers and in the journal.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Whether nothing can happen to the trip any more.
    pub fn is_terminal(self) -> bool {
        matches!(self, Completed | Cancelled | Failed | Expired)
    }

    /// Whether a vehicle holds the trip.
    pub fn has_vehicle(self) -> bool {
        !self.is_terminal() && !matches!(self, Scheduled | Created | Waiting)
    }

    /// Whether a vehicle holds the trip and has not reached its people or load.
    pub fn is_before_pickup(self) -> bool {
        matches!(self, Assigned | Dispatched | ToPickup)
    }

    /// Whether the vehicle stands and remembers the state that it left.
    pub fn is_interrupted(self) -> bool {
        STOPPED.contains(&self)
    }
}

/// A text that names no state of a trip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a trip's status is one of SCHEDULED, CREATED, WAITING, ASSIGNED, DISPATCHED, TO_PICKUP, AT_PICKUP, ON_TRIP, \
         PAUSED, AWAITING_ASSIST, SAFE_STOPPED, STRANDED, AT_DROPOFF, COMPLETED, CANCELLED, FAILED, EXPIRED"
)]
pub struct StatusError;

impl StatusError {
    fn of(_text: &str) -> Self {
        Self
    }
}

/// What moves a trip from one state to another, with its words as they complete "it may …".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, strum::Display, strum::EnumIter)]
pub enum Step {
    #[strum(to_string = "be released")]
    Release,
    #[strum(to_string = "wait for a vehicle")]
    Wait,
    #[strum(to_string = "be assigned")]
    Assign,
    #[strum(to_string = "lose its vehicle")]
    Unassign,
    #[strum(to_string = "be accepted")]
    Accept,
    #[strum(to_string = "depart")]
    Depart,
    #[strum(to_string = "arrive at the pickup")]
    ArrivePickup,
    #[strum(to_string = "board")]
    Board,
    #[strum(to_string = "arrive at the drop-off")]
    ArriveDropoff,
    #[strum(to_string = "go on to the next stop")]
    NextStop,
    #[strum(to_string = "complete")]
    Complete,
    #[strum(to_string = "pause")]
    Pause,
    #[strum(to_string = "wait for assistance")]
    AwaitAssist,
    #[strum(to_string = "stop for safety")]
    SafeStop,
    #[strum(to_string = "resume")]
    Resume,
    #[strum(to_string = "strand")]
    Strand,
    #[strum(to_string = "be cancelled")]
    Cancel,
    #[strum(to_string = "fail")]
    Fail,
    #[strum(to_string = "expire")]
    Expire,
}

impl Step {
    pub fn all() -> impl Iterator<Item = Step> {
        <Self as strum::IntoEnumIterator>::iter()
    }
}

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Transition {
    /// From any of these states …
    pub from: &'static [Status],
    /// … this step …
    pub step: Step,
    /// … leads to this state, or to one of these.
    pub to: &'static [Status],
    pub when: &'static str,
}

const DRIVING: &[Status] = &[ToPickup, AtPickup, OnTrip, AtDropoff];
const STOPPED: &[Status] = &[Paused, AwaitingAssist, SafeStopped];
const OPEN: &[Status] = &[
    Scheduled,
    Created,
    Waiting,
    Assigned,
    Dispatched,
    ToPickup,
    AtPickup,
    OnTrip,
    Paused,
    AwaitingAssist,
    SafeStopped,
    Stranded,
    AtDropoff,
];

/// The rule under which an open trip may be cancelled.
pub const CANCEL_RULE: &str = "nobody and nothing is aboard, or they left at the drop-off of its diversion";

pub const TRANSITIONS: &[Transition] = &[
    row(&[Scheduled], Step::Release, &[Created], "its time has come"),
    row(&[Created], Step::Wait, &[Waiting], "its route was found, or why there is none"),
    row(&[Created, Waiting], Step::Assign, &[Assigned], "policy allows the pair and the vehicle is claimed"),
    row(&[Assigned], Step::Accept, &[Dispatched], "the vehicle's acceptance is committed"),
    row(
        &[Assigned, Dispatched, ToPickup],
        Step::Unassign,
        &[Waiting],
        "the vehicle says that it refuses or has left, or its claim has lapsed with a margin",
    ),
    row(&[Dispatched], Step::Depart, &[ToPickup], "the vehicle says so"),
    row(&[ToPickup], Step::ArrivePickup, &[AtPickup], "the vehicle says so"),
    row(&[AtPickup], Step::Board, &[OnTrip], "the vehicle says so"),
    row(&[OnTrip], Step::ArriveDropoff, &[AtDropoff], "the vehicle says so"),
    row(&[AtDropoff], Step::NextStop, &[OnTrip], "the trip has a next stop"),
    row(&[AtDropoff], Step::Complete, &[Completed], "the vehicle says so, at the last stop"),
    row(DRIVING, Step::Pause, &[Paused], "the state that it leaves is remembered"),
    row(DRIVING, Step::AwaitAssist, &[AwaitingAssist], "the state that it leaves is remembered"),
    row(DRIVING, Step::SafeStop, &[SafeStopped], "the state that it leaves is remembered"),
    row(&[Paused, SafeStopped], Step::AwaitAssist, &[AwaitingAssist], "a standing vehicle needs a person"),
    row(&[Paused, AwaitingAssist], Step::SafeStop, &[SafeStopped], "a standing vehicle must stay where it is"),
    row(STOPPED, Step::Resume, DRIVING, "back to the state that it left"),
    row(STOPPED, Step::Strand, &[Stranded], "the vehicle cannot go on"),
    row(&[Stranded], Step::Unassign, &[Waiting], "nobody and nothing is aboard"),
    row(OPEN, Step::Cancel, &[Cancelled], CANCEL_RULE),
    row(OPEN, Step::Fail, &[Failed], "it cannot be done"),
    row(&[Scheduled, Created, Waiting], Step::Expire, &[Expired], "no vehicle came in time"),
];

const fn row(from: &'static [Status], step: Step, to: &'static [Status], when: &'static str) -> Transition {
    Transition { from, step, to, when }
}

/// The transition that `step` makes from a state, if there is one.
pub fn transition(from: Status, step: Step) -> Option<&'static Transition> {
    TRANSITIONS.iter().find(|row| row.step == step && row.from.contains(&from))
}

/// Whether a state can follow another.
pub fn leads_to(from: Status, to: Status) -> bool {
    TRANSITIONS.iter().any(|row| row.from.contains(&from) && row.to.contains(&to))
}

/// Checks that a step exists from a state.
///
/// # Errors
/// `ILLEGAL_TRANSITION`, naming the state, the step and what is allowed instead.
pub fn check(from: Status, step: Step) -> Result<(), Reject> {
    match transition(from, step) {
        Some(_) => Ok(()),
        None => Err(refusal(from, step)),
    }
}

/// The refusal of a step: from which state, which step, what is allowed.
pub fn refusal(from: Status, step: Step) -> Reject {
    let allowed: Vec<String> = TRANSITIONS
        .iter()
        .filter(|row| row.from.contains(&from))
        .map(|row| format!("{} ({})", row.step, names(row.to)))
        .collect();
    let targets: Vec<&str> =
        TRANSITIONS.iter().filter(|row| row.step == step).flat_map(|row| row.to).map(|to| to.as_str()).collect();
    let target = targets.first().copied().unwrap_or("any other state");
    let rest = match allowed.is_empty() {
        true => "nothing can happen to it any more".to_owned(),
        false => format!("from here it may {}", allowed.join(", ")),
    };
    let message = format!("a trip that is {from} cannot {step} ({from} → {target}): {rest}");
    Reject::new(Code::IllegalTransition, message)
}

fn names(states: &[Status]) -> String {
    states.iter().map(|status| status.as_str()).collect::<Vec<_>>().join(" | ")
}

/// The table as Markdown, for the documentation.
pub fn state_table_markdown() -> String {
    let mut text = String::from("| from | step | to | when |\n|---|---|---|---|\n");
    for row in TRANSITIONS {
        let from = if row.from.len() == OPEN.len() { "every open state".to_owned() } else { names(row.from) };
        let line = [&*from, &row.step.to_string(), &names(row.to), row.when].map(|cell| cell.replace('|', "or"));
        text.push_str(&format!("| {} |\n", line.join(" | ")));
    }
    text
}

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
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schemars(rename = "TripStatus")]
pub enum Status {
    /// Its time has not come.
    Scheduled,
    /// Allowed and stored; no route yet.
    Created,
    /// It waits for a vehicle.
    Waiting,
    /// A vehicle is chosen and claimed; it has not answered.
    Assigned,
    /// The vehicle accepted.
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
    /// The vehicle stopped for safety.
    SafeStopped,
    /// The vehicle cannot go on.
    Stranded,
    /// The vehicle stands at the drop-off.
    AtDropoff,
    /// Done.
    Completed,
    /// Called off.
    Cancelled,
    /// It could not be done.
    Failed,
    /// No vehicle came in time.
    Expired,
}

impl Status {
    /// Every state, in the order of a trip's life.
    pub const ALL: [Status; 17] = [
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
        Completed,
        Cancelled,
        Failed,
        Expired,
    ];

    /// The name, as in answers and in the journal.
    pub fn as_str(self) -> &'static str {
        match self {
            Scheduled => "SCHEDULED",
            Created => "CREATED",
            Waiting => "WAITING",
            Assigned => "ASSIGNED",
            Dispatched => "DISPATCHED",
            ToPickup => "TO_PICKUP",
            AtPickup => "AT_PICKUP",
            OnTrip => "ON_TRIP",
            Paused => "PAUSED",
            AwaitingAssist => "AWAITING_ASSIST",
            SafeStopped => "SAFE_STOPPED",
            Stranded => "STRANDED",
            AtDropoff => "AT_DROPOFF",
            Completed => "COMPLETED",
            Cancelled => "CANCELLED",
            Failed => "FAILED",
            Expired => "EXPIRED",
        }
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

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for Status {
    type Err = StatusError;
    fn from_str(text: &str) -> Result<Self, StatusError> {
        Self::ALL.into_iter().find(|status| status.as_str() == text).ok_or(StatusError)
    }
}

/// A text that names no state of a trip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a trip's status is one of SCHEDULED, CREATED, WAITING, ASSIGNED, DISPATCHED, TO_PICKUP, AT_PICKUP, ON_TRIP, \
         PAUSED, AWAITING_ASSIST, SAFE_STOPPED, STRANDED, AT_DROPOFF, COMPLETED, CANCELLED, FAILED, EXPIRED"
)]
pub struct StatusError;

/// What moves a trip from one state to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// A scheduled trip's time has come.
    Release,
    /// A route was found, or the reason of a wait.
    Wait,
    /// A vehicle was chosen and claimed.
    Assign,
    /// The vehicle gives the trip back, or loses it.
    Unassign,
    /// The vehicle accepted.
    Accept,
    /// The vehicle set out.
    Depart,
    /// The vehicle is at the pickup.
    ArrivePickup,
    /// People or load are aboard, or nothing has to be.
    Board,
    /// The vehicle is at the drop-off.
    ArriveDropoff,
    /// The vehicle goes on to the next stop.
    NextStop,
    /// The trip is done.
    Complete,
    /// The vehicle stands for a while.
    Pause,
    /// The vehicle asks for a person.
    AwaitAssist,
    /// The vehicle stops for safety.
    SafeStop,
    /// The vehicle goes on.
    Resume,
    /// The vehicle cannot go on.
    Strand,
    /// The trip is called off.
    Cancel,
    /// The trip cannot be done.
    Fail,
    /// No vehicle came in time.
    Expire,
}

impl Step {
    /// Every step.
    pub const ALL: [Step; 19] = [
        Step::Release,
        Step::Wait,
        Step::Assign,
        Step::Unassign,
        Step::Accept,
        Step::Depart,
        Step::ArrivePickup,
        Step::Board,
        Step::ArriveDropoff,
        Step::NextStop,
        Step::Complete,
        Step::Pause,
        Step::AwaitAssist,
        Step::SafeStop,
        Step::Resume,
        Step::Strand,
        Step::Cancel,
        Step::Fail,
        Step::Expire,
    ];

    /// The step in words, as it completes "it may …".
    pub fn as_str(self) -> &'static str {
        match self {
            Step::Release => "be released",
            Step::Wait => "wait for a vehicle",
            Step::Assign => "be assigned",
            Step::Unassign => "lose its vehicle",
            Step::Accept => "be accepted",
            Step::Depart => "depart",
            Step::ArrivePickup => "arrive at the pickup",
            Step::Board => "board",
            Step::ArriveDropoff => "arrive at the drop-off",
            Step::NextStop => "go on to the next stop",
            Step::Complete => "complete",
            Step::Pause => "pause",
            Step::AwaitAssist => "wait for assistance",
            Step::SafeStop => "stop for safety",
            Step::Resume => "resume",
            Step::Strand => "strand",
            Step::Cancel => "be cancelled",
            Step::Fail => "fail",
            Step::Expire => "expire",
        }
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
    /// Under this condition.
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

/// Every transition that exists.
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
        .map(|row| format!("{} ({})", row.step.as_str(), names(row.to)))
        .collect();
    let targets: Vec<&str> =
        TRANSITIONS.iter().filter(|row| row.step == step).flat_map(|row| row.to).map(|to| to.as_str()).collect();
    let target = targets.first().copied().unwrap_or("any other state");
    let rest = match allowed.is_empty() {
        true => "nothing can happen to it any more".to_owned(),
        false => format!("from here it may {}", allowed.join(", ")),
    };
    let message = format!("a trip that is {from} cannot {} ({from} → {target}): {rest}", step.as_str());
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
        let line = [from.as_str(), row.step.as_str(), &names(row.to), row.when].map(|cell| cell.replace('|', "or"));
        text.push_str(&format!("| {} |\n", line.join(" | ")));
    }
    text
}

//! The transitions of a trip against the specification's list, pair by pair.

use std::collections::BTreeSet;

use kernel::Code;
use trips::trip::Status;
use trips::trip::Step;
use trips::trip::status::{TRANSITIONS, check, leads_to, refusal, transition};

use crate::support::{ENDED, after, empty_to, to};

use Status::*;

/// `spec/FLOWS.md`, TRIP.
fn specified() -> BTreeSet<(Status, Status)> {
    let mut pairs: BTreeSet<(Status, Status)> = [
        (Scheduled, Created),
        (Created, Waiting),
        (Created, Assigned),
        (Waiting, Assigned),
        (Assigned, Dispatched),
        (Assigned, Waiting),
        (Dispatched, ToPickup),
        (Dispatched, Waiting),
        (ToPickup, AtPickup),
        (ToPickup, Waiting),
        (AtPickup, OnTrip),
        (OnTrip, AtDropoff),
        (AtDropoff, OnTrip),
        (AtDropoff, Completed),
        (Stranded, Waiting),
        (Scheduled, Expired),
        (Created, Expired),
        (Waiting, Expired),
    ]
    .into();
    let stopped = [Paused, AwaitingAssist, SafeStopped];
    for progress in [ToPickup, AtPickup, OnTrip, AtDropoff] {
        pairs.extend(stopped.iter().flat_map(|&stopped| [(progress, stopped), (stopped, progress)]));
    }
    pairs.extend(stopped.iter().map(|&stopped| (stopped, Stranded)));
    for open in Status::all().filter(|status| !ENDED.contains(status)) {
        pairs.extend([(open, Cancelled), (open, Failed)]);
    }
    pairs
}

/// A vehicle that stands can come to stand for a stronger reason: where only a stop NOW may end it needs a person at
/// once (SAFE-5), and a paused one can be told to stay.
const STRONGER: [(Status, Status); 4] =
    [(Paused, AwaitingAssist), (SafeStopped, AwaitingAssist), (Paused, SafeStopped), (AwaitingAssist, SafeStopped)];

#[test]
fn every_pair_of_states_is_as_specified() {
    let mut allowed = specified();
    allowed.extend(STRONGER);
    for from in Status::all() {
        for to in Status::all() {
            assert_eq!(leads_to(from, to), allowed.contains(&(from, to)), "{from} → {to}");
        }
    }
}

#[test]
fn a_step_that_does_not_exist_is_refused_and_says_why() {
    for from in Status::all() {
        for step in Step::all() {
            let Err(reject) = check(from, step) else {
                assert!(transition(from, step).is_some(), "{from}, {step:?}");
                continue;
            };
            assert_eq!(reject.code, Code::IllegalTransition, "{from}, {step:?}");
            let names = [from.to_string(), step.to_string()];
            assert!(names.iter().all(|name| reject.message.contains(name)), "{reject}");
            let onward: Vec<String> =
                TRANSITIONS.iter().filter(|row| row.from.contains(&from)).map(|row| row.step.to_string()).collect();
            assert!(onward.iter().all(|step| reject.message.contains(step)), "{reject}");
            assert_eq!(onward.is_empty(), ENDED.contains(&from), "{from}");
        }
    }
    assert!(refusal(Completed, Step::Cancel).message.contains("nothing can happen to it any more"));
}

#[test]
fn names_of_states_are_read_back() {
    for status in Status::all() {
        assert_eq!(status.as_str().parse(), Ok(status));
        assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
    }
    assert!("waiting".parse::<Status>().is_err());
}

/// Every other test stands on these histories.
#[test]
fn histories_lead_where_they_say() {
    for status in Status::all() {
        let (loaded, empty) = (after(&to(status)), after(&empty_to(status)));
        assert_eq!((loaded.status, empty.status), (status, status));
        assert!(!empty.occupied);
        assert_eq!(loaded.occupied, matches!(status, OnTrip | AtDropoff), "{status}");
    }
}

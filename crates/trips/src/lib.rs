//! Trips and dispatch: the life of a trip from a request to its end, the choice of its vehicle, and its compliance
//! under way.
//!
//! A trip moves only by commands through one pure `decide` ([`trip`]) over one table of transitions
//! ([`trip::status`]); vehicles are chosen for all trips that wait together ([`dispatch`]); samples of moving vehicles
//! are checked ([`compliance`]); a vehicle that stands asks a person ([`assistance`]); a standing order asks for the same
//! trip again and again ([`standing`]); [`Trips`] joins them over the store and the neighbours' [`ports`].

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod actions;
pub mod assistance;
pub mod compliance;
pub mod dispatch;
mod facts;
pub mod limits;
pub mod ports;
pub mod service;
pub mod standing;
pub mod trip;

use std::sync::Arc;

use domain::{AggregateSpec, Domain, Workers};
use store::due::DueHandler;
use store::subscribe::Subscriber;

pub use assistance::{AssistEvent, Assistance};
pub use compliance::{Check, CheckVerdict, SampleFacts, Seal};
pub use dispatch::{BATCH_WINDOW_MS, BatchReport};
pub use facts::{AssignmentFacts, MonitorFacts, ResumeFacts, TripFacts};
pub use limits::{CLAIM_VALID_FOR_S, ClaimTiming};
pub use service::{
    AnswerWish, History, Leg, Ports, Progress, RoutePreview, RouteVersion, Settings, Snapshot, Story, TripFilter,
    Trips, Which, cancel_body,
};
pub use standing::request::StandingRequest;
pub use standing::{Standing, StandingEvent};
pub use trip::events::RecordedChunks;
pub use trip::way::WayAnswer;
pub use trip::{Done, ReportKind, Status, Trip, TripEvent, TripRequest, VehicleReport, state_table_markdown};

/// What the domain consists of.
pub const DOMAIN: Domain = Domain {
    name: "trips",
    aggregates: &[AggregateSpec::of::<Trip>(), AggregateSpec::of::<Assistance>(), AggregateSpec::of::<Standing>()],
    tables: &[
        dispatch::claims::CLAIM_INTENTS,
        service::assist::ASSIST_SNAPSHOTS,
        service::reports::TRIP_PROGRESS,
        service::routes::ROUTE_VERSIONS,
    ],
    policy: actions::POLICY,
};

/// What the domain does without being asked.
pub fn workers(trips: &Arc<Trips>) -> Workers {
    Workers { due: due_handlers(trips), subscribers: subscribers(trips), commands: vec![trips.clone()] }
}

/// The handlers of this crate's due rows.
fn due_handlers(trips: &Arc<Trips>) -> Vec<Arc<dyn DueHandler>> {
    let assistance = service::assist::AssistDue(Arc::clone(trips));
    let standing = service::standing::StandingDue(Arc::clone(trips));
    vec![Arc::new(service::due::TripDue(Arc::clone(trips))), Arc::new(assistance), Arc::new(standing)]
}

/// The subscribers of this crate.
fn subscribers(trips: &Arc<Trips>) -> Vec<Arc<dyn Subscriber>> {
    let releaser = service::subscribers::ClaimReleaser(Arc::clone(trips));
    let watcher = service::subscribers::VehicleWatcher(Arc::clone(trips));
    let ways = service::ways::WayWatcher(Arc::clone(trips));
    let assistance = service::assist::AssistWatcher(Arc::clone(trips));
    let standing = service::standing::StandingWatcher(Arc::clone(trips));
    vec![Arc::new(releaser), Arc::new(watcher), Arc::new(ways), Arc::new(assistance), Arc::new(standing)]
}

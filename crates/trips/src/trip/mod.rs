//! The trip: from a request to its end. [`status`] is the table of transitions; [`events`] is what can happen;
//! [`state`] is the fold; [`decide`], [`report`], [`due`], [`reroute`] and [`resume`] are the rules for clients and
//! dispatch, for vehicles, for time, for a route that changes and for going on after a stop; [`request`] is what a client
//! asks for.

pub mod decide;
pub mod due;
mod event_subjects;
pub mod events;
pub mod report;
pub mod request;
pub mod reroute;
pub mod resume;
pub mod state;
pub mod status;
pub mod types;

pub use decide::{Command, Done, decide};
pub use events::TripEvent;
pub use report::{ReportKind, VehicleReport};
pub use request::TripRequest;
pub use state::Trip;
pub use status::{Status, Step, state_table_markdown};

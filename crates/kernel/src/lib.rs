//! The words that every part of the product shares: typed ids, time, geography, units, who acts and why, what was
//! decided and the frozen envelope that each event travels in.
//!
//! This crate knows no clock, no randomness, no storage and no network: time and ids are values that arrive in a
//! [`Ctx`], so that the same inputs always give the same outputs.

#![warn(missing_docs)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod assist;
pub mod codes;
pub mod ctx;
pub mod decided;
pub mod digest;
pub mod envelope;
pub mod geo;
pub mod id;
pub mod mode;
pub mod personal;
pub mod polygon;
pub mod role;
pub mod schema;
pub mod sector;
pub mod testing;
pub mod text;
pub mod time;

pub use codes::{Code, FieldError, Reject};
pub use ctx::{Actor, ActorKind, Authentication, Ctx, CtxSource, IdGenerator};
pub use decided::{Aggregate, Decided, DomainEvent, EventMeta};
pub use envelope::{Envelope, EventRef, Known, NewEvent, StreamId, Subject};
pub use geo::{Bearing, Coordinate};
pub use id::{CommandId, DecisionId, EventId, RouteId, TripId, VehicleId};
pub use mode::Mode;
pub use personal::Personal;
pub use role::{Permission, Role};
pub use sector::Sector;
pub use text::{SiteId, TenantId};
pub use time::{Clock, ClockState, Timestamp};

/// A boxed future: what an object-safe asynchronous port returns, with no runtime in its signature.
pub type BoxFuture<'a, T> = std::pin::Pin<Box<dyn std::future::Future<Output = T> + Send + 'a>>;

//! Road graphs and routes under constraints. Pure computation over values: bytes of a network in, a graph named by its
//! digest out; two places and constraints in, a route out. No files, no clock, no randomness.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod area;
pub mod constraints;
pub mod graph;
pub mod import;
pub mod road;
pub mod search;
pub mod snap;
pub mod stop;
pub mod tiles;
pub mod turns;

mod bytes;
mod components;

pub use area::Area;
pub use bytes::GraphError;
pub use constraints::{Closure, ClosureClass, Constraints, Extent, Resolved, SpeedCap};
pub use graph::{EdgeId, NoStop, RoadGraph};
pub use road::{RoadClass, SizeLimits, VehicleShape};
pub use search::{Route, RouteError, RouteRequest, Step};
pub use snap::Snap;
pub use tiles::TileId;

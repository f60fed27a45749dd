//! The process around the core: clocks, sockets, files and the command line. Everything that may fail from outside
//! fails here, and always towards standing still.

mod bundle;
mod connection;
mod entropy;
mod runner;
mod tls;

pub use bundle::{Bundle, BundleError, VehicleEntry};
pub use runner::{Setup, run, run_fleet};
pub use tls::{Pin, PinError};

//! The process around the core: clocks, sockets, files and the command line. Everything that may fail from outside
//! fails here, and always towards standing still.

mod bootstrap;
mod bundle;
mod clock;
mod connection;
mod diagnostics;
mod entropy;
mod forensics;
mod identity;
pub mod log_tail;
mod runner;
mod tls;
mod update;
mod workload;

pub use bootstrap::{Bootstrap, BootstrapError, Fingerprint, FingerprintError};
pub use bundle::{Bundle, BundleError, VehicleEntry};
pub use runner::{Setup, run, run_fleet};
pub use workload::api as workload_api;

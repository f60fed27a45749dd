//! Identities of vehicles: enrolled by a one-time token, proven by certificates, taken away at once.

pub mod decide;
pub mod identity;
pub mod registry;
mod service;

pub use decide::{Enrolment, Revocation};
pub use identity::{IdentityStatus, KeyOrigin, Refusal, VehicleIdentity};
pub use registry::{Registry, Standing};
pub use service::{Admitted, Invitation, ServerMade, VehicleIdentities, VehicleMotion};
pub use service::{DEVICE_CERTIFICATES, JOIN_TOKENS};

//! The policy engine: every flow asks here before it moves anything, and every answer explains itself.
//!
//! Cedar decides (see <https://docs.cedarpolicy.com>), behind one small interface, because forbids compose
//! monotonically (a layer above the base can only take away), policies are type-checked before they are in force and
//! evaluation always ends. Cedar skips a rule that fails to evaluate; this crate denies instead, and likewise when a
//! fact is missing, stale or of the wrong type.
//!
//! A second rule set, which can never grant, yields [`Constraints`] that are merged so that the tighter wins.
//! What only reduces risk (stopping, grounding, cancelling) is never denied: see [`Action::is_restrictive`] (SAFE-1).
//!
//! The crate reads no clock and no file: bundles arrive as text, time and ids in a [`kernel::Ctx`].
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking"))]

mod action;
mod alternatives;
mod bundle;
mod cases;
mod compile;
mod constraints;
mod decision;
mod digest;
mod engine;
mod error;
mod fact;
mod facts;
mod monitor;
mod own_layer;
mod replay;
mod request;
mod schema;
mod shipped;
mod vocabulary;

pub use action::Action;
pub use alternatives::{Alternative, Change as AlternativeChange};
pub use bundle::{Bundle, Layer};
pub use cases::{CaseReport, CaseResult};
pub use constraints::{Constraint, ConstraintSource, Constraints, MAX_SPEED_FLOOR_MPS, Unsatisfiable};
pub use decision::{Decision, FactUsed, PolicyAnswer, Reason, Verdict};
pub use digest::digest_of;
pub use engine::{Engine, Waiver};
pub use error::BundleError;
pub use fact::{Fact, FactValue};
pub use facts::{Facts, sector_names};
pub use monitor::{Checked, Compliance, Debounce, DebounceLimits, Edge, Response, Violation};
pub use own_layer::{OWN_BYTES_MAX, OWN_FILE, OWN_ID_PREFIX, OwnLayer};
pub use replay::{Change as ReplayChange, Replayed};
pub use request::Request;
pub use shipped::{PolicyModule, shipped_sources};
pub use vocabulary::{ActionWords, FactWords, RuleWords};

//! Traffic to try rules on: a fleet that does nothing wrong, and labelled attacks on it. The same seed gives the same
//! records on every machine.

mod attack;
mod benign;
mod random;

pub use attack::{ATTACKS, Attack};
pub use benign::{Fleet, START_MS, merged};
pub use random::Random;

//! What the agent must still know after its process dies at any moment: a fold over small records, and the file that
//! keeps them. The core lives on the same fold, so that what is restored cannot differ from what was.

mod file;
mod memory;
mod record;

pub use file::{FileError, StateFile};
pub use memory::{Memory, RulesMemory, SAMPLES_MAX, TripMemory};
pub use record::{Latch, Phase, Record, records};

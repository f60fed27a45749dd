//! Who drives a vehicle.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Who drives. In MANUAL, SERVICE and ESTOP every motion command is refused (SAFE-17).
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
    strum::EnumString,
    strum::IntoStaticStr,
    strum::VariantArray,
)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum Mode {
    /// Its own driving system.
    Autonomous,
    /// A person far away.
    Remote,
    /// A person aboard.
    Manual,
    /// A technician, in the workshop.
    Service,
    /// Nobody: the emergency stop is pressed.
    Estop,
}

impl Mode {
    /// Every mode.
    pub const ALL: &'static [Self] = <Self as strum::VariantArray>::VARIANTS;

    /// The name in answers, policies and the journal.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Whether a motion command may be taken in this mode (SAFE-17).
    pub fn takes_motion(self) -> bool {
        matches!(self, Mode::Autonomous | Mode::Remote)
    }
}

//! The four kinds of operation that a tenant can be.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A tenant's sector; its overlay can only tighten what the base policy allows.
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
    strum::IntoStaticStr,
    strum::VariantArray,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Sector {
    /// Open-pit and underground mines.
    Mining,
    /// Ports and yards.
    Logistics,
    /// Passenger service in a city.
    RideHail,
    /// Movement and clearance, nothing else.
    Defense,
}

impl Sector {
    /// Every sector, in the order in which people list them.
    pub const ALL: &'static [Self] = <Self as strum::VariantArray>::VARIANTS;

    /// The name in files, addresses and policies.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

impl std::fmt::Display for Sector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for Sector {
    type Err = SectorError;
    fn from_str(text: &str) -> Result<Self, SectorError> {
        Self::ALL.iter().copied().find(|sector| sector.as_str() == text).ok_or(SectorError)
    }
}

/// A text that names no sector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a sector is one of mining, logistics, ride-hail, defense")]
pub struct SectorError;

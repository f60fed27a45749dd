//! A file that names a whole fleet for one process: the demo's vehicles, or a load generator's.

use std::path::Path;

use kernel::Coordinate;
use serde::Deserialize;

use super::bootstrap::Bootstrap;
use crate::wear::Wearing;

/// The longest file that is read: ten thousand vehicles.
const FILE_BYTES_MAX: u64 = 16 << 20;

/// The fleet of one process.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bundle {
    /// How much faster than the clock the vehicles' world runs.
    #[serde(default = "real_time")]
    pub speedup: f64,
    pub vehicles: Vec<VehicleEntry>,
}

fn real_time() -> f64 {
    1.0
}

/// One vehicle of a fleet.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VehicleEntry {
    pub bootstrap: Bootstrap,
    /// Where it stands when it has no state yet.
    pub start: Coordinate,
    #[serde(default)]
    pub capabilities: Vec<String>,
    /// After how many metres something stands on its way, once; `None`: never.
    #[serde(default)]
    pub obstacle_after_m: Option<f64>,
    /// How its components wear; `None`: they do not, and it says nothing of them.
    #[serde(default)]
    pub wear: Option<Wearing>,
}

/// A bundle that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    #[error("cannot read the bundle")]
    Read(#[source] std::io::Error),
    #[error("the bundle has {bytes} bytes; at most {FILE_BYTES_MAX} are read")]
    TooLong { bytes: u64 },
    #[error("the bundle is not of the expected form")]
    Form(#[source] serde_json::Error),
}

impl Bundle {
    /// Reads a bundle.
    ///
    /// # Errors
    /// The file cannot be read, is too long or has another form.
    pub fn read(path: &Path) -> Result<Self, BundleError> {
        let bytes = std::fs::metadata(path).map_err(BundleError::Read)?.len();
        if bytes > FILE_BYTES_MAX {
            return Err(BundleError::TooLong { bytes });
        }
        let text = std::fs::read(path).map_err(BundleError::Read)?;
        serde_json::from_slice(&text).map_err(BundleError::Form)
    }
}

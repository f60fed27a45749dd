//! The overlays that the product ships with, in the binary.

use kernel::Sector;

use crate::files::Files;

macro_rules! overlay {
    ($sector:literal, $($name:literal),+ $(,)?) => {
        &[
            $(($name, include_str!(concat!("../sectors/", $sector, "/", $name))),)+
            ("overlay.yaml", include_str!(concat!("../sectors/", $sector, "/overlay.yaml"))),
            ("constraints.yaml", include_str!(concat!("../sectors/", $sector, "/constraints.yaml"))),
            ("parameters.yaml", include_str!(concat!("../sectors/", $sector, "/parameters.yaml"))),
            ("terms.yaml", include_str!(concat!("../sectors/", $sector, "/terms.yaml"))),
            ("ui.yaml", include_str!(concat!("../sectors/", $sector, "/ui.yaml"))),
            ("flags.json", include_str!(concat!("../sectors/", $sector, "/flags.json"))),
            ("telemetry.yaml", include_str!(concat!("../sectors/", $sector, "/telemetry.yaml"))),
            ("compliance.yaml", include_str!(concat!("../sectors/", $sector, "/compliance.yaml"))),
            ("entitlements.yaml", include_str!(concat!("../sectors/", $sector, "/entitlements.yaml"))),
            ("logo.svg", include_str!(concat!("../sectors/", $sector, "/logo.svg"))),
        ]
    };
}

type Shipped = &'static [(&'static str, &'static str)];

const MINING: Shipped = overlay!("mining", "policies/haul.cedar", "policies/haul.json");
const LOGISTICS: Shipped = overlay!("logistics", "policies/yard.cedar", "policies/yard.json");
const RIDE_HAIL: Shipped = overlay!("ride-hail", "policies/rides.cedar", "policies/rides.json");
const DEFENSE: Shipped = overlay!("defense", "policies/movement.cedar", "policies/movement.json");

/// The files of a sector's overlay.
#[must_use]
pub fn shipped(sector: Sector) -> Files {
    let files = match sector {
        Sector::Mining => MINING,
        Sector::Logistics => LOGISTICS,
        Sector::RideHail => RIDE_HAIL,
        Sector::Defense => DEFENSE,
    };
    files.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect()
}

//! The bundle that the product ships, carried by the binary.

macro_rules! sources {
    ($($name:literal),+ $(,)?) => {
        /// Names and texts, as [`Bundle::load`](crate::Bundle::load) takes them.
        pub(crate) const SOURCES: &[(&str, &str)] =
            &[$(($name, include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../policies/", $name)))),+];
    };
}

sources!(
    "schema.cedarschema",
    "base/assignment.cedar",
    "base/commands.cedar",
    "base/monitoring.cedar",
    "base/registration.cedar",
    "base/trip.cedar",
    "sectors/defense/defense.cedar",
    "sectors/logistics/logistics.cedar",
    "sectors/mining/mining.cedar",
    "sectors/ride-hail/ride-hail.cedar",
);

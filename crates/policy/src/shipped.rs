//! What the product ships of a bundle: the common vocabulary and the sectors' rules, to which each domain adds its own.

use crate::action::Action;

/// What a domain adds to the shipped bundle.
#[derive(Debug, Clone, Copy)]
pub struct PolicyModule {
    /// The acts that it asks about.
    pub actions: &'static [Action],
    /// Names and texts of its vocabulary (`<domain>.cedarschema`) and of its rules (`base/*.cedar`).
    pub sources: &'static [(&'static str, &'static str)],
}

macro_rules! sources {
    ($($name:literal),+ $(,)?) => {
        /// What all domains share.
        pub(crate) const COMMON: &[(&str, &str)] =
            &[$(($name, include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../policies/", $name)))),+];
    };
}

sources!(
    "schema.cedarschema",
    "sectors/defense/defense.cedar",
    "sectors/logistics/logistics.cedar",
    "sectors/mining/mining.cedar",
    "sectors/ride-hail/ride-hail.cedar",
);

/// The sources of the bundle that the product ships with these domains.
pub fn shipped_sources(modules: &[PolicyModule]) -> Vec<(&'static str, &'static str)> {
    COMMON.iter().chain(modules.iter().flat_map(|module| module.sources)).copied().collect()
}

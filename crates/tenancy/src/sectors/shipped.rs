//! The overlays that are installed, read once.

use std::collections::{BTreeMap, BTreeSet};

use flags::FlagSet;
use kernel::Sector;
use overlays::Overlay;
use serde_json::{Map, Value};

use crate::tenant::sector::FlagChoice;

/// An overlay that is installed.
#[derive(Debug)]
pub struct Installed {
    pub overlay: Overlay,
    /// The text of its flags, over which a tenant's choices are laid.
    flags: Value,
}

/// Every sector's overlay.
///
/// # Errors
/// What is wrong with an overlay, by sector, file and field.
pub fn installed() -> Result<BTreeMap<Sector, Installed>, String> {
    Sector::ALL.iter().map(|&sector| Ok((sector, Installed::read(sector)?))).collect()
}

impl Installed {
    fn read(sector: Sector) -> Result<Self, String> {
        let files = overlays::shipped(sector);
        let overlay = Overlay::read(&files).map_err(|faults| {
            let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
            format!("the overlay of {sector}: {}", faults.join("; "))
        })?;
        let text = files.get("flags.json").map(Vec::as_slice).unwrap_or_default();
        let flags = serde_json::from_slice(text).map_err(|error| format!("the flags of {sector}: {error}"))?;
        Ok(Self { overlay, flags })
    }

    /// The features that the overlay has a use for.
    pub fn features(&self) -> BTreeSet<&str> {
        self.overlay.requires.iter().chain(&self.overlay.uses).map(String::as_str).collect()
    }

    /// The overlay's flags, with the variants that a tenant chose instead of their rules. A choice of a flag or a variant that
    /// the overlay does not have (any more) says nothing.
    pub fn flags_with(&self, choices: &BTreeMap<String, FlagChoice>) -> FlagSet {
        if choices.is_empty() {
            return self.overlay.flags.clone();
        }
        let mut text = self.flags.clone();
        for (key, choice) in choices {
            let flag = text.pointer_mut("/flags").and_then(|flags| flags.get_mut(key)).and_then(Value::as_object_mut);
            if let Some(flag) = flag.filter(|flag| has_variant(flag, &choice.variant)) {
                flag.remove("targeting");
                flag.insert("defaultVariant".into(), choice.variant.clone().into());
            }
        }
        // What was read as a whole is read with another default, too.
        FlagSet::parse(&text.to_string()).unwrap_or_else(|_| self.overlay.flags.clone())
    }
}

fn has_variant(flag: &Map<String, Value>, name: &str) -> bool {
    flag.get("variants").and_then(|variants| variants.get(name)).is_some()
}

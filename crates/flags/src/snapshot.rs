//! Values frozen for a trip: what a trip began with holds until it ends. Only a switch to the safe side works meanwhile, and
//! it never switches back.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::digest::sha256_of;
use crate::evaluate::{Reason, Resolution};
use crate::governed::Class;
use crate::layers::Layers;

/// The answers of all flags at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snapshot {
    /// In milliseconds since 1970.
    pub taken_at_ms: i64,
    /// Of the layers that answered.
    pub rules: String,
    pub values: BTreeMap<String, Resolution>,
}

/// A switch that went to the safe side during the trip.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Switched {
    pub flag: String,
    pub from: Option<String>,
    pub to: String,
}

impl Layers {
    /// The answers of all flags, to be kept with a trip.
    #[must_use]
    pub fn snapshot(&self, context: &Context, now_ms: i64) -> Snapshot {
        let values = self.evaluate_all(context, now_ms);
        let values = values.into_iter().map(|resolution| (resolution.key.clone(), resolution)).collect();
        Snapshot { taken_at_ms: now_ms, rules: self.digest().to_owned(), values }
    }
}

impl Snapshot {
    /// What a flag answered when the snapshot was taken.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Resolution> {
        self.values.get(key)
    }

    /// SHA-256 over the canonical JSON, in hexadecimal: what the record of a trip names.
    #[must_use]
    pub fn digest(&self) -> String {
        // Plain fields always have a canonical text.
        sha256_of([serde_json_canonicalizer::to_vec(self).unwrap_or_default().as_slice()])
    }

    /// Applies the switches to the safe side that are on now and tells which went over. Flags of every other class, flags that
    /// are new, and flags that would switch back stay as they are. A switch that cannot be evaluated counts as on.
    pub fn switch(&mut self, live: &Layers, context: &Context, now_ms: i64) -> Vec<Switched> {
        let mut switched = Vec::new();
        for flag in live.flags().filter(|flag| flag.class() == Some(Class::OpsKill)) {
            let (Some(safe), Some(frozen)) = (flag.safe_variant(), self.values.get_mut(&*flag.key)) else { continue };
            let now = flag.evaluate(context, now_ms);
            let is_on = now.variant.as_deref() == Some(safe) || now.reason == Reason::Error;
            if is_on && frozen.variant.as_deref() != Some(safe) {
                let to = Resolution { metadata: flag.metadata.clone(), ..flag.with(safe, now.reason) };
                let from = std::mem::replace(frozen, to).variant;
                switched.push(Switched { flag: flag.key.to_string(), from, to: safe.to_owned() });
            }
        }
        switched
    }
}

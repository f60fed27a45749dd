//! A tenant's flags over its sector's. The upper layer replaces a flag as a whole, and only flags whose class allows it: a
//! tenant can neither disarm a switch to the safe side nor give itself what it does not pay for.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::context::Context;
use crate::definition::{Flag, FlagSet};
use crate::digest::sha256_of;
use crate::evaluate::Resolution;
use crate::governed::Class;

/// Why one layer does not go over another.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LayerError {
    #[error("flag `{flag}` of {layer}: {below} has it as {class}, which no layer above may change")]
    Kept { flag: String, layer: String, below: String, class: Class },
    #[error("flag `{flag}` of {layer}: its class is another one than in {below}")]
    Class { flag: String, layer: String, below: String },
    #[error(
        "flag `{flag}` of {layer}: variant `{variant}` has another value than in {below}, or {below} does not have it"
    )]
    Variant { flag: String, layer: String, below: String, variant: String },
}

/// The flags that hold for a tenant in a sector.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Layers {
    flags: BTreeMap<Arc<str>, Arc<Flag>>,
    /// The layer that each flag is from.
    from: BTreeMap<Arc<str>, String>,
    digest: String,
}

impl Layers {
    /// Puts layers with their names over each other, the lowest first.
    ///
    /// # Errors
    /// [`LayerError`] for the first flag that may not be replaced so.
    pub fn new<'a>(layers: impl IntoIterator<Item = (&'a str, &'a FlagSet)>) -> Result<Self, LayerError> {
        let (mut flags, mut from) = (BTreeMap::<Arc<str>, Arc<Flag>>::new(), BTreeMap::<Arc<str>, String>::new());
        let mut parts: Vec<&'a [u8]> = Vec::new();
        for (layer, set) in layers {
            parts.extend([layer.as_bytes(), set.digest().as_bytes()]);
            for (key, flag) in &set.flags {
                if let Some(below) = flags.get(key) {
                    may_replace(below, flag, layer, from.get(key).map_or("", String::as_str))?;
                }
                flags.insert(Arc::clone(key), Arc::clone(flag));
                from.insert(Arc::clone(key), layer.to_owned());
            }
        }
        Ok(Self { flags, from, digest: sha256_of(parts) })
    }

    /// SHA-256 over the names and the texts of the layers, in hexadecimal.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// One flag.
    #[must_use]
    pub fn flag(&self, key: &str) -> Option<&Flag> {
        self.flags.get(key).map(AsRef::as_ref)
    }

    /// The flags by their keys.
    pub fn flags(&self) -> impl Iterator<Item = &Flag> {
        self.flags.values().map(AsRef::as_ref)
    }

    /// The layer that a flag is from.
    #[must_use]
    pub fn layer_of(&self, key: &str) -> Option<&str> {
        self.from.get(key).map(String::as_str)
    }

    /// What one flag answers.
    #[must_use]
    pub fn evaluate(&self, key: &str, context: &Context, now_ms: i64) -> Resolution {
        self.flag(key).map_or_else(|| Resolution::not_found(key), |flag| flag.evaluate(context, now_ms))
    }

    /// What all flags answer, by their keys.
    #[must_use]
    pub fn evaluate_all(&self, context: &Context, now_ms: i64) -> Vec<Resolution> {
        self.flags().map(|flag| flag.evaluate(context, now_ms)).collect()
    }

    /// The ETag of all answers: over the rules, the context and the version of the entitlements, because a client sends the old
    /// tag with a new context. What a rule says of the time is part of it, or a change by time alone would never be seen.
    #[must_use]
    pub fn etag(&self, context: &Context, entitlements: &str, now_ms: i64) -> String {
        let timed: Vec<(&str, Option<String>, bool)> = self
            .flags()
            .filter(|flag| flag.uses_time)
            .map(|flag| {
                let resolution = flag.evaluate(context, now_ms);
                (&*flag.key, resolution.variant, resolution.error_code.is_some())
            })
            .collect();
        // Texts and booleans always have a JSON.
        let timed = serde_json::to_vec(&timed).unwrap_or_default();
        let parts = [self.digest.as_bytes(), &context.canonical(), entitlements.as_bytes(), &timed];
        format!("\"{}\"", sha256_of(parts))
    }
}

fn may_replace(below: &Flag, flag: &Flag, layer: &str, from: &str) -> Result<(), LayerError> {
    let (key, layer, from) = (flag.key.to_string(), layer.to_owned(), from.to_owned());
    match below.class() {
        Some(class) if !class.may_be_overridden() => {
            return Err(LayerError::Kept { flag: key, layer, below: from, class });
        }
        class if class != flag.class() => return Err(LayerError::Class { flag: key, layer, below: from }),
        _ => {}
    }
    match flag.variants.iter().find(|(name, value)| below.variants.get(*name) != Some(*value)) {
        Some((variant, _)) => Err(LayerError::Variant { flag: key, layer, below: from, variant: variant.clone() }),
        None => Ok(()),
    }
}

//! Short names that people choose: tenants and sites. They appear in addresses and file names, so their alphabet is
//! narrow, and they are never personal data.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The longest name, in bytes: it fits a DNS label with room for a suffix.
pub const NAME_LENGTH_MAX: usize = 40;

/// A word of a closed vocabulary that the product does not know, such as a capability, as a pattern.
pub const WORD: &str = "^[a-z0-9_-]{1,40}$";

/// A text that is not a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a name has 1 to 40 characters: a lower-case letter, then lower-case letters, digits or single hyphens")]
pub struct NameError;

fn is_name(text: &str) -> bool {
    let well_formed = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    well_formed
        && text.len() <= NAME_LENGTH_MAX
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && !text.ends_with('-')
        && !text.contains("--")
}

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The name as it is written.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl FromStr for $name {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, NameError> {
                if is_name(text) { Ok(Self(text.into())) } else { Err(NameError) }
            }
        }
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(de::Error::custom)
            }
        }
        crate::text_schema!($name, { "pattern": "^[a-z][a-z0-9]*(-[a-z0-9]+)*$", "maxLength": NAME_LENGTH_MAX });
    };
}

name_type!(
    /// A tenant: whose data, whose log, whose policies.
    TenantId
);
name_type!(
    /// A site: an operating place with one road graph.
    SiteId
);

impl TenantId {
    /// The reserved tenant of what belongs to none: authorities, base policy, refused authentication.
    pub fn platform() -> Self {
        Self("platform".into())
    }

    /// Whether this is the reserved tenant.
    pub fn is_platform(&self) -> bool {
        &*self.0 == "platform"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_narrow() {
        for good in ["a", "north-pit", "port4", "platform"] {
            assert!(good.parse::<TenantId>().is_ok(), "{good}");
        }
        let long = "a".repeat(41);
        for bad in ["", "4port", "-a", "a-", "a--b", "A", "a b", "a/../b", "ä", &long] {
            assert_eq!(bad.parse::<SiteId>(), Err(NameError), "{bad}");
        }
    }
}

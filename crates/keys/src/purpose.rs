//! What a key may be used for, as types: a `Key<Audit>` is not a `Key<Token>`, so a key of the wrong purpose is a
//! compile error and never a review comment.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::key::KeyPair;
use crate::{EcKey, Key};

/// What a key is for, as a value: in files, listings and events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// Certificates by which vehicles, services and garage tools prove who they are.
    CertificateAuthority,
    /// Long-lived certificates with which vehicles enrol, and nothing else.
    DeviceAuthority,
    /// Tokens.
    Token,
    /// Heads of the journal's logs.
    Audit,
    /// The list of releases.
    Update,
    /// Which keys sign for updates, and for what.
    UpdateRoot,
    /// Which vehicle gets which release, and how fresh the lists are.
    Director,
    /// What policy allowed, where a vehicle must be able to check it.
    Policy,
    /// Evidence bundles.
    Evidence,
    /// Compliance reports.
    Report,
    /// What a witness has seen of logs that are not its own.
    Witness,
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CertificateAuthority => "certificate_authority",
            Self::DeviceAuthority => "device_authority",
            Self::Token => "token",
            Self::Audit => "audit",
            Self::Update => "update",
            Self::UpdateRoot => "update_root",
            Self::Director => "director",
            Self::Policy => "policy",
            Self::Evidence => "evidence",
            Self::Report => "report",
            Self::Witness => "witness",
        })
    }
}

mod closed {
    pub trait Closed {}
}

/// A purpose as a type. Closed: a new purpose is a decision of this crate.
pub trait HasPurpose: closed::Closed + fmt::Debug + Clone + Copy + PartialEq + Eq + Send + Sync + 'static {
    /// The purpose as a value.
    const PURPOSE: Purpose;
    /// The kind of key that serves it.
    type Key: KeyPair;
}

macro_rules! purposes {
    ($($(#[$doc:meta])* $name:ident by $key:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name {}
        impl closed::Closed for $name {}
        impl HasPurpose for $name {
            const PURPOSE: Purpose = Purpose::$name;
            type Key = $key<$name>;
        }
    )*};
}

purposes!(
    /// For keys that sign the certificates of vehicles, services and garage tools.
    CertificateAuthority by EcKey,
    /// For keys that sign the long-lived certificates with which vehicles enrol.
    DeviceAuthority by EcKey,
    /// For keys that sign tokens.
    Token by EcKey,
    /// For keys that sign heads of the journal's logs.
    Audit by Key,
    /// For keys that sign the list of releases.
    Update by Key,
    /// For keys that say which keys sign for updates.
    UpdateRoot by Key,
    /// For keys that sign which vehicle gets which release.
    Director by Key,
    /// For keys that sign what policy allowed.
    Policy by Key,
    /// For keys that sign evidence bundles.
    Evidence by Key,
    /// For keys that sign compliance reports.
    Report by Key,
    /// For keys that cosign the heads of others' logs.
    Witness by Key,
);

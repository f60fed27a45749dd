//! The key by which a person of an authority signs what they decide. Only its public half is here.

use kernel::id::PrincipalId;
use kernel::{Aggregate, Decided, EventMeta, Timestamp};
use serde::{Deserialize, Serialize};

kernel::domain_events! {
    /// What can happen to an authority's key.
    pub enum AuthorityEvent {
        "authority.key_registered" 1 => KeyRegistered(AuthorityKeyRegistered),
    }
}

/// They sign with this key from now on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AuthorityKeyRegistered {
    /// SubjectPublicKeyInfo in base 64, Ed25519 or P-256.
    pub key: String,
    /// SHA-256 of its DER in hexadecimal, to be compared over another way.
    pub fingerprint: String,
}

/// Somebody of an authority.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Authority {
    pub key: String,
    pub fingerprint: String,
    pub registered_at: Timestamp,
}

impl Aggregate for Authority {
    type Id = PrincipalId;
    type Event = AuthorityEvent;
    const KIND: &'static str = "authority";
    const FOLD_VERSION: u32 = 1;

    fn evolve(_: Option<Self>, event: &AuthorityEvent, meta: &EventMeta) -> Option<Self> {
        let AuthorityEvent::KeyRegistered(registered) = event;
        let AuthorityKeyRegistered { key, fingerprint } = registered.clone();
        Some(Self { key, fingerprint, registered_at: meta.recorded_at })
    }
}

/// Registers a key; the same again changes nothing.
pub fn register(state: Option<&Authority>, registered: &AuthorityKeyRegistered) -> Decided<AuthorityEvent, ()> {
    match state.is_some_and(|known| known.key == registered.key) {
        true => Decided::unchanged(()),
        false => Decided::accept([registered.clone().into()], ()),
    }
}

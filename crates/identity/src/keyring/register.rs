//! What became of each key of the installation: its whole life, in the platform's log, by names and public halves.

use kernel::{Aggregate, Code, Decided, EventMeta, Reject, TenantId, Timestamp};
use keys::{KeyState, Purpose};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

kernel::domain_events! {
    /// What happens to the keys of the installation.
    pub enum KeyEvent {
        "key.prepared" 1 => Prepared(KeyPrepared),
        "key.changed" 1 => Changed(KeyChanged),
    }
}

/// A key was made; it signs nothing yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyPrepared {
    pub key: String,
    pub purpose: Purpose,
    /// Its public half, base 64.
    pub public: String,
    /// The authority's certificate in base 64 of DER, where the key signs certificates.
    pub certificate: Option<String>,
    pub not_after: Option<Timestamp>,
}

/// A key went on in its life.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyChanged {
    pub key: String,
    pub to: KeyState,
    pub reason: String,
}

/// A step of a key's life.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct KeyStep {
    #[schemars(with = "String")]
    pub state: KeyState,
    pub at: Timestamp,
    pub reason: String,
}

/// A key as the register knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownKey {
    pub key: String,
    pub purpose: Purpose,
    pub public: String,
    pub certificate: Option<String>,
    pub not_after: Option<Timestamp>,
    pub state: KeyState,
    /// Every step, the first at first.
    pub history: Vec<KeyStep>,
}

/// Every key that there ever was, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct KeyRegister {
    pub keys: Vec<KnownKey>,
    /// Counts changes of what vehicles and servers trust; the number of the trust bundle.
    pub bundle_sequence: u64,
}

impl KeyRegister {
    /// The keys of a purpose in any of these states.
    pub fn of(&self, purpose: Purpose, states: &[KeyState]) -> impl Iterator<Item = &KnownKey> {
        self.keys.iter().filter(move |known| known.purpose == purpose && states.contains(&known.state))
    }

    pub fn key(&self, key: &str) -> Option<&KnownKey> {
        self.keys.iter().find(|known| known.key == key)
    }
}

impl Aggregate for KeyRegister {
    type Id = TenantId;
    type Event = KeyEvent;
    const KIND: &'static str = "keys";
    const FOLD_VERSION: u32 = 1;

    fn evolve(state: Option<Self>, event: &KeyEvent, meta: &EventMeta) -> Option<Self> {
        let mut register = state.unwrap_or_default();
        let at = meta.recorded_at;
        let purpose = match event {
            KeyEvent::Prepared(prepared) => {
                register.keys.push(KnownKey {
                    key: prepared.key.clone(),
                    purpose: prepared.purpose,
                    public: prepared.public.clone(),
                    certificate: prepared.certificate.clone(),
                    not_after: prepared.not_after,
                    state: KeyState::Prepared,
                    history: vec![KeyStep { state: KeyState::Prepared, at, reason: "made".into() }],
                });
                Some(prepared.purpose)
            }
            KeyEvent::Changed(changed) => {
                let known = register.keys.iter_mut().find(|known| known.key == changed.key);
                known.map(|known| {
                    known.state = changed.to;
                    known.history.push(KeyStep { state: changed.to, at, reason: changed.reason.clone() });
                    known.purpose
                })
            }
        };
        if matches!(purpose, Some(Purpose::CertificateAuthority | Purpose::Token)) {
            register.bundle_sequence += 1;
        }
        Some(register)
    }
}

/// Enters a key that the keystore has.
pub fn prepare(state: Option<&KeyRegister>, prepared: &KeyPrepared) -> Decided<KeyEvent, ()> {
    match state.and_then(|register| register.key(&prepared.key)) {
        Some(_) => Decided::unchanged(()),
        None => Decided::accept([prepared.clone().into()], ()),
    }
}

/// Takes a key on in its life; one that becomes active lets the one before it retire in the same step.
pub fn change(state: Option<&KeyRegister>, key: &str, to: KeyState, reason: &str) -> Decided<KeyEvent, ()> {
    let Some((register, known)) = state.and_then(|register| Some((register, register.key(key)?))) else {
        return Decided::reject(Reject::new(Code::NotFound, format!("there is no key {key}: list them first")));
    };
    if known.state == to {
        return Decided::unchanged(());
    }
    if let Err(illegal) = known.state.transition(to) {
        return Decided::reject(Reject::new(Code::IllegalTransition, illegal.to_string()));
    }
    let mut events = Vec::new();
    if to == KeyState::Active {
        for former in register.of(known.purpose, &[KeyState::Active]) {
            let (key, to) = (former.key.clone(), KeyState::Retiring);
            events.push(KeyChanged { key, to, reason: format!("{} follows it", known.key) }.into());
        }
    }
    events.push(KeyChanged { key: key.into(), to, reason: reason.into() }.into());
    Decided::accept(events, ())
}

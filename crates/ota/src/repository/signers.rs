//! The keys that stand behind updates, one purpose each, so that none of them alone can do anything to a vehicle: a list of
//! releases needs the update key and the policy engine's, and a vehicle's assignment the director's and the policy engine's.

use keys::{Director, HasPurpose, Key, KeyPair, Policy, Signer, Update, UpdateRoot};
use uptane::key::{SIGNATURE_BYTES, SignError};
use uptane::{PublicKey, RoleSigner};

/// The keys.
#[derive(Clone)]
pub struct Signers {
    pub root: Key<UpdateRoot>,
    pub update: Key<Update>,
    pub director: Key<Director>,
    pub policy: Key<Policy>,
}

impl std::fmt::Debug for Signers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Signers")
    }
}

/// A key as it signs for a role.
pub struct ForRole<'a, P: HasPurpose<Key = Key<P>>>(pub &'a Key<P>);

impl<P: HasPurpose<Key = Key<P>>> RoleSigner for ForRole<'_, P> {
    fn public(&self) -> PublicKey {
        PublicKey::from_bytes(*self.0.verifying_key().as_bytes())
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; SIGNATURE_BYTES], SignError> {
        Signer::sign(self.0, message).map_err(|error| SignError(error.to_string()))
    }
}

impl Signers {
    /// The names of the keys in the register of keys, with what each is for.
    pub fn names(&self) -> [(&'static str, String); 4] {
        [
            ("update_root", KeyPair::id(&self.root).to_string()),
            ("update", KeyPair::id(&self.update).to_string()),
            ("director", KeyPair::id(&self.director).to_string()),
            ("policy", KeyPair::id(&self.policy).to_string()),
        ]
    }

    /// The id of the root key in metadata: what a vehicle is told when it is set up.
    pub fn root_key_id(&self) -> String {
        ForRole(&self.root).public().id()
    }
}

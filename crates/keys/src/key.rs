//! Key pairs and what is known of them in public.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;
use std::sync::Arc;

use aws_lc_rs::digest;
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kernel::id::{decode_base32, encode_base32};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use zeroize::Zeroizing;

use crate::{HasPurpose, KeyError, Purpose, entropy};

/// The length of a private key's seed in bytes (RFC 8032 §5.1.5).
pub const SEED_BYTES: usize = 32;

/// The length of a signature in bytes (RFC 8032 §5.1.6).
pub const SIGNATURE_BYTES: usize = 64;

/// The name of a key: `key_` and 128 bits of a digest of its purpose and its public half, so that the same bytes used
/// for two purposes are two keys.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(u128);

impl KeyId {
    pub(crate) fn of(purpose: Purpose, public: &[u8]) -> Self {
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(purpose.to_string().as_bytes());
        context.update(&[0]);
        context.update(public);
        let digest = context.finish();
        Self(digest.as_ref().iter().take(16).fold(0, |value, byte| value << 8 | u128::from(*byte)))
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "key_{}", encode_base32(self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for KeyId {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let value = text.strip_prefix("key_").and_then(decode_base32);
        value.map(Self).ok_or(KeyError::Text("a key id like key_… (26 characters of base 32 after the prefix)"))
    }
}

impl Serialize for KeyId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for KeyId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

/// The first bytes of an Ed25519 key as SubjectPublicKeyInfo (RFC 8410 §4).
pub const SPKI_HEAD: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// The public half of a key for one purpose; base 64 as text.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct VerifyingKey<P> {
    public: [u8; 32],
    purpose: PhantomData<fn() -> P>,
}

impl<P: HasPurpose> VerifyingKey<P> {
    /// From the 32 bytes of RFC 8032 §5.1.5. That they are a point of the curve shows when a signature is checked.
    pub const fn from_bytes(public: [u8; 32]) -> Self {
        Self { public, purpose: PhantomData }
    }

    /// Its bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.public
    }

    /// The key's name.
    pub fn id(&self) -> KeyId {
        KeyId::of(P::PURPOSE, &self.public)
    }

    /// As SubjectPublicKeyInfo in PEM, which is how other programs take it (RFC 8410 §4, RFC 7468).
    pub fn to_pem(&self) -> String {
        let spki = STANDARD.encode([&SPKI_HEAD[..], &self.public].concat());
        format!("-----BEGIN PUBLIC KEY-----\n{spki}\n-----END PUBLIC KEY-----\n")
    }

    /// From the PEM of [`VerifyingKey::to_pem`].
    ///
    /// # Errors
    /// [`KeyError::Text`] for what is no Ed25519 key in PEM.
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        let body: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
        let der = STANDARD.decode(body.trim()).ok();
        let bytes = der.as_deref().and_then(|der| der.strip_prefix(&SPKI_HEAD[..]));
        let bytes = bytes.and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self::from_bytes).ok_or(KeyError::Text("an Ed25519 public key in PEM"))
    }

    /// Checks a signature.
    ///
    /// # Errors
    /// [`KeyError::BadSignature`] when it does not match the message and this key.
    pub fn verify(&self, message: &[u8], signature: &[u8; SIGNATURE_BYTES]) -> Result<(), KeyError> {
        let key = UnparsedPublicKey::new(&ED25519, &self.public);
        key.verify(message, signature).map_err(|_| KeyError::BadSignature)
    }
}

impl<P: HasPurpose> fmt::Display for VerifyingKey<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD.encode(self.public))
    }
}

impl<P: HasPurpose> fmt::Debug for VerifyingKey<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{self}", P::PURPOSE)
    }
}

impl<P: HasPurpose> FromStr for VerifyingKey<P> {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let bytes = STANDARD.decode(text).ok().and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self::from_bytes).ok_or(KeyError::Text("a public key of 32 bytes in base 64"))
    }
}

/// A key pair as a keystore keeps it: from a seed, under a name.
pub trait KeyPair: Sized {
    /// Its public half, as text in files and listings.
    type Public: fmt::Display + FromStr<Err = KeyError> + Clone + PartialEq + Eq + fmt::Debug;

    /// The key of a seed: the same seed always gives the same key.
    ///
    /// # Errors
    /// [`KeyError::Unusable`] when the cryptographic library refuses it.
    fn from_seed(seed: &[u8; SEED_BYTES]) -> Result<Self, KeyError>;

    /// Its public half.
    fn public(&self) -> Self::Public;

    /// Its name.
    fn id(&self) -> KeyId;
}

/// Whatever signs for one purpose: a key in memory, in a hardware module, at a cloud service.
pub trait Signer<P: HasPurpose>: Send + Sync {
    /// The public half of the key that signs.
    fn verifying_key(&self) -> VerifyingKey<P>;

    /// The Ed25519 signature (RFC 8032, PureEdDSA) over a message.
    ///
    /// # Errors
    /// When the key cannot be used.
    fn sign(&self, message: &[u8]) -> Result<[u8; SIGNATURE_BYTES], KeyError>;

    /// The name of the key that signs.
    fn key_id(&self) -> KeyId {
        self.verifying_key().id()
    }
}

/// A key pair in memory, for one purpose. A key for another purpose does not sign for this one:
///
/// ```compile_fail
/// fn sign_head(signer: &dyn keys::Signer<keys::Audit>) {}
/// let update: keys::Key<keys::Update> = keys::Key::generate().unwrap();
/// sign_head(&update);
/// ```
///
/// The one for this purpose does:
///
/// ```
/// fn sign_head(signer: &dyn keys::Signer<keys::Audit>) {}
/// let audit: keys::Key<keys::Audit> = keys::Key::generate().unwrap();
/// sign_head(&audit);
/// ```
#[derive(Clone)]
pub struct Key<P> {
    pair: Arc<Ed25519KeyPair>,
    verifying: VerifyingKey<P>,
}

impl<P: HasPurpose> Key<P> {
    /// A new key from the operating system's randomness, which is kept nowhere.
    ///
    /// # Errors
    /// [`KeyError::Entropy`] when there is none.
    pub fn generate() -> Result<Self, KeyError> {
        Self::from_seed(&*new_seed()?)
    }
}

impl<P: HasPurpose> KeyPair for Key<P> {
    type Public = VerifyingKey<P>;

    fn from_seed(seed: &[u8; SEED_BYTES]) -> Result<Self, KeyError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| KeyError::Unusable("the seed was refused"))?;
        let public = pair.public_key().as_ref().try_into();
        let public = public.map_err(|_| KeyError::Unusable("a public key has 32 bytes"))?;
        Ok(Self { pair: Arc::new(pair), verifying: VerifyingKey::from_bytes(public) })
    }

    fn public(&self) -> VerifyingKey<P> {
        self.verifying
    }

    fn id(&self) -> KeyId {
        self.verifying.id()
    }
}

/// A fresh seed, wiped when dropped.
pub(crate) fn new_seed() -> Result<Zeroizing<[u8; SEED_BYTES]>, KeyError> {
    let mut seed = Zeroizing::new([0; SEED_BYTES]);
    entropy::fill(&mut *seed)?;
    Ok(seed)
}

impl<P: HasPurpose> Signer<P> for Key<P> {
    fn verifying_key(&self) -> VerifyingKey<P> {
        self.verifying
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; SIGNATURE_BYTES], KeyError> {
        let signature = self.pair.try_sign(message).map_err(|_| KeyError::Unusable("signing failed"))?;
        signature.as_ref().try_into().map_err(|_| KeyError::Unusable("a signature has 64 bytes"))
    }
}

impl<P: HasPurpose> fmt::Debug for Key<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({} for {})", self.verifying.id(), P::PURPOSE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Audit, Update};

    /// The key of RFC 8410 §10.1.
    #[test]
    fn a_key_is_read_from_the_pem_that_other_programs_write() {
        let pem = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";
        let key = VerifyingKey::<Audit>::from_pem(pem).unwrap();
        assert_eq!(key.to_pem(), pem);
        for wrong in ["", "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7", &pem.replace("MCow", "MCox")] {
            assert!(VerifyingKey::<Audit>::from_pem(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn signatures_are_those_of_rfc_8032() {
        // RFC 8032 §7.1, test 2: one byte, 0x72.
        let bytes = |hex: &str| -> Vec<u8> {
            (0..hex.len() / 2).map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap()).collect()
        };
        let seed = bytes("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb");
        let key = Key::<Audit>::from_seed(&seed.try_into().unwrap()).unwrap();
        let public = bytes("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
        assert_eq!(key.verifying_key().as_bytes().as_slice(), public);
        let signature = "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
                         085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00";
        assert_eq!(key.sign(&[0x72]).unwrap().as_slice(), bytes(signature));
    }

    #[test]
    fn a_signature_fits_one_message_and_one_key() {
        let (key, other) = (Key::<Audit>::generate().unwrap(), Key::<Audit>::generate().unwrap());
        let signature = key.sign(b"message").unwrap();
        key.verifying_key().verify(b"message", &signature).unwrap();
        assert!(matches!(key.verifying_key().verify(b"massage", &signature), Err(KeyError::BadSignature)));
        assert!(matches!(other.verifying_key().verify(b"message", &signature), Err(KeyError::BadSignature)));
        for at in 0..SIGNATURE_BYTES {
            let mut flipped = signature;
            flipped[at] ^= 1;
            assert!(key.verifying_key().verify(b"message", &flipped).is_err(), "byte {at}");
        }
    }

    #[test]
    fn the_same_bytes_for_two_purposes_are_two_keys() {
        let (audit, update) = (Key::<Audit>::from_seed(&[7; 32]).unwrap(), Key::<Update>::from_seed(&[7; 32]).unwrap());
        assert_ne!(audit.key_id(), update.key_id());
        assert_eq!(audit.key_id().to_string().parse::<KeyId>().unwrap(), audit.key_id());
        let text = audit.verifying_key().to_string();
        assert_eq!(text.parse::<VerifyingKey<Audit>>().unwrap(), audit.verifying_key());
        assert!(format!("{audit:?}").starts_with("Key(key_") && !format!("{audit:?}").contains("BwcH"));
    }
}

//! Keys on the curve P-256, for certificates and tokens: what other people's programs verify knows no Ed25519 (SPIFFE
//! JWT-SVID §3 allows none, and few X.509 stacks of vehicles have it).

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;
use std::sync::Arc;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm, KeyPair as _, UnparsedPublicKey,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::key::{KeyPair, new_seed};
use crate::{HasPurpose, KeyError, KeyId, SEED_BYTES, SIGNATURE_BYTES};

/// The length of a public key: an uncompressed point (SEC 1 §2.3.3).
pub const EC_PUBLIC_BYTES: usize = 65;

/// What stands before and after the scalar in an `ECPrivateKey` of P-256 without its public half (RFC 5915 §3).
const PRIVATE_KEY_HEAD: [u8; 7] = [0x30, 0x31, 0x02, 0x01, 0x01, 0x04, 0x20];
const PRIVATE_KEY_TAIL: [u8; 12] = [0xa0, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];

/// The public half of a P-256 key for one purpose; base 64 as text.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct EcPublicKey<P> {
    point: [u8; EC_PUBLIC_BYTES],
    purpose: PhantomData<fn() -> P>,
}

impl<P: HasPurpose> EcPublicKey<P> {
    /// The uncompressed point.
    pub const fn as_bytes(&self) -> &[u8; EC_PUBLIC_BYTES] {
        &self.point
    }

    /// The key's name.
    pub fn id(&self) -> KeyId {
        KeyId::of(P::PURPOSE, &self.point)
    }

    /// Checks a signature `r ‖ s` over a message's SHA-256 (RFC 7518 §3.4).
    ///
    /// # Errors
    /// [`KeyError::BadSignature`] when it does not match the message and this key.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), KeyError> {
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &self.point);
        key.verify(message, signature).map_err(|_| KeyError::BadSignature)
    }
}

impl<P: HasPurpose> fmt::Display for EcPublicKey<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD.encode(self.point))
    }
}

impl<P: HasPurpose> fmt::Debug for EcPublicKey<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{self}", P::PURPOSE)
    }
}

impl<P: HasPurpose> FromStr for EcPublicKey<P> {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let point = STANDARD.decode(text).ok().and_then(|bytes| bytes.try_into().ok());
        let point = point.filter(|point: &[u8; EC_PUBLIC_BYTES]| point[0] == 4);
        point
            .map(|point| Self { point, purpose: PhantomData })
            .ok_or(KeyError::Text("a public key of P-256, an uncompressed point of 65 bytes in base 64"))
    }
}

/// A P-256 key pair in memory, for one purpose.
#[derive(Clone)]
pub struct EcKey<P> {
    /// Signs as ASN.1, for certificates.
    asn1: Arc<EcdsaKeyPair>,
    /// Signs as `r ‖ s`, for tokens.
    fixed: Arc<EcdsaKeyPair>,
    public: EcPublicKey<P>,
}

impl<P: HasPurpose> EcKey<P> {
    /// A new key from the operating system's randomness, which is kept nowhere.
    ///
    /// # Errors
    /// [`KeyError::Entropy`] when there is none.
    pub fn generate() -> Result<Self, KeyError> {
        Self::from_seed(&*new_seed()?)
    }

    /// Its public half.
    pub const fn public_key(&self) -> EcPublicKey<P> {
        self.public
    }

    /// The signature over a message's SHA-256, as an `ECDSA-Sig-Value` (RFC 5480 appendix A).
    ///
    /// # Errors
    /// When the key cannot be used.
    pub fn sign_asn1(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let signature = self.asn1.sign(&SystemRandom::new(), message);
        Ok(signature.map_err(|_| KeyError::Unusable("signing failed"))?.as_ref().to_vec())
    }

    /// The signature over a message's SHA-256, as `r ‖ s` (RFC 7518 §3.4).
    ///
    /// # Errors
    /// When the key cannot be used.
    pub fn sign(&self, message: &[u8]) -> Result<[u8; SIGNATURE_BYTES], KeyError> {
        let signature = self.fixed.sign(&SystemRandom::new(), message);
        let signature = signature.map_err(|_| KeyError::Unusable("signing failed"))?;
        signature.as_ref().try_into().map_err(|_| KeyError::Unusable("a signature has 64 bytes"))
    }
}

impl<P: HasPurpose> KeyPair for EcKey<P> {
    type Public = EcPublicKey<P>;

    /// The seed is the scalar: one in 2³² random ones is none, and refused.
    fn from_seed(seed: &[u8; SEED_BYTES]) -> Result<Self, KeyError> {
        let der = Zeroizing::new([&PRIVATE_KEY_HEAD[..], seed, &PRIVATE_KEY_TAIL].concat());
        let pair = |algorithm: &'static EcdsaSigningAlgorithm| {
            EcdsaKeyPair::from_private_key_der(algorithm, &der).map_err(|_| KeyError::Unusable("the seed was refused"))
        };
        let (asn1, fixed) = (pair(&ECDSA_P256_SHA256_ASN1_SIGNING)?, pair(&ECDSA_P256_SHA256_FIXED_SIGNING)?);
        let point = asn1.public_key().as_ref().try_into();
        let point = point.map_err(|_| KeyError::Unusable("a public key has 65 bytes"))?;
        let public = EcPublicKey { point, purpose: PhantomData };
        Ok(Self { asn1: Arc::new(asn1), fixed: Arc::new(fixed), public })
    }

    fn public(&self) -> EcPublicKey<P> {
        self.public
    }

    fn id(&self) -> KeyId {
        self.public.id()
    }
}

impl<P: HasPurpose> fmt::Debug for EcKey<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EcKey({} for {})", self.public.id(), P::PURPOSE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DeviceAuthority, Token};

    #[test]
    fn a_seed_is_the_key_of_rfc_6979() {
        // RFC 6979 appendix A.2.5: the private key and its public point.
        let bytes = |hex: &str| -> Vec<u8> {
            (0..hex.len() / 2).map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap()).collect()
        };
        let seed = bytes("c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721");
        let key = EcKey::<Token>::from_seed(&seed.try_into().unwrap()).unwrap();
        let x = bytes("60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6");
        let y = bytes("7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299");
        assert_eq!(key.public_key().as_bytes()[1..], [x, y].concat());
    }

    #[test]
    fn a_signature_fits_one_message_and_one_key() {
        let (key, other) = (EcKey::<Token>::generate().unwrap(), EcKey::<Token>::generate().unwrap());
        let signature = key.sign(b"message").unwrap();
        key.public_key().verify(b"message", &signature).unwrap();
        assert!(matches!(key.public_key().verify(b"massage", &signature), Err(KeyError::BadSignature)));
        assert!(matches!(other.public_key().verify(b"message", &signature), Err(KeyError::BadSignature)));
        assert!(key.public_key().verify(b"message", &signature[..63]).is_err());
        assert_eq!(key.sign_asn1(b"message").unwrap()[0], 0x30);
    }

    #[test]
    fn no_scalar_is_no_key_and_two_purposes_are_two_keys() {
        assert!(EcKey::<Token>::from_seed(&[0; 32]).is_err() && EcKey::<Token>::from_seed(&[0xff; 32]).is_err());
        let (token, device) = (EcKey::<Token>::from_seed(&[7; 32]), EcKey::<DeviceAuthority>::from_seed(&[7; 32]));
        let (token, device) = (token.unwrap(), device.unwrap());
        assert_ne!(token.id(), device.id());
        assert_eq!(token.public().to_string().parse::<EcPublicKey<Token>>().unwrap(), token.public());
        assert!("AAAA".parse::<EcPublicKey<Token>>().is_err());
    }
}

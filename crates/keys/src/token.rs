//! Bearer tokens and shared secrets: 256 random bits as text, of which only a hash is kept.
//!
//! The hash is one round of SHA-256. Slow password hashes exist because people choose passwords that can be guessed;
//! 256 random bits cannot be, so slowness would only cost the server on every request (NIST SP 800-63B §5.1.2.2 asks
//! for a slow hash below 112 bits of entropy).

use data_encoding::HEXLOWER;
use std::fmt;
use std::str::FromStr;

use aws_lc_rs::{constant_time, digest};
use kernel::TenantId;
use kernel::id::{decode_base32, encode_base32};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use zeroize::Zeroizing;

use crate::{KeyError, Secret, entropy};

/// What every token begins with, so that scanners for leaked secrets recognise one.
pub const PREFIX: &str = "amt_";

/// Half of a token: 128 bits are 26 characters of base 32.
const HALF_LENGTH: usize = 26;

/// The length of a token's text in bytes.
pub const LENGTH: usize = PREFIX.len() + 2 * HALF_LENGTH;

/// A new token from the operating system's randomness.
///
/// # Errors
/// [`KeyError::Entropy`] when there is none.
pub fn generate() -> Result<Secret, KeyError> {
    let mut bits = Zeroizing::new([0; 32]);
    entropy::fill(&mut *bits)?;
    Ok(from_entropy(&bits))
}

/// The token of 256 bits that somebody else drew, e.g. a simulation from its seed.
pub fn from_entropy(entropy: &[u8; 32]) -> Secret {
    let half = |at: usize| entropy[at..at + 16].iter().fold(0u128, |value, byte| value << 8 | u128::from(*byte));
    Secret::new(format!("{PREFIX}{}{}", encode_base32(half(0)), encode_base32(half(16))))
}

/// A token that names its tenant, so that it is looked up there alone: `prefix_tenant_secret`.
pub fn of_tenant(prefix: &str, tenant: &TenantId, secret: &Secret) -> Secret {
    let digits = secret.expose().trim_start_matches(PREFIX);
    Secret::new(format!("{prefix}_{tenant}_{digits}"))
}

/// What is kept of a token: enough to recognise it, useless to whoever steals it.
#[derive(Clone, Copy)]
pub struct TokenHash([u8; 32]);

/// The hash of a token that somebody presents.
///
/// # Errors
/// [`KeyError::TokenText`] when the text cannot be a token; nothing is hashed then, however long it is.
pub fn hash(text: &str) -> Result<TokenHash, KeyError> {
    let digits = text.strip_prefix(PREFIX).filter(|_| text.len() == LENGTH);
    let halves = digits.and_then(|digits| digits.split_at_checked(HALF_LENGTH));
    let well_formed = halves.is_some_and(|(a, b)| decode_base32(a).is_some() && decode_base32(b).is_some());
    if !well_formed {
        return Err(KeyError::TokenText);
    }
    TokenHash::of(text.as_bytes())
}

impl TokenHash {
    fn of(bytes: &[u8]) -> Result<Self, KeyError> {
        let digest = digest::digest(&digest::SHA256, bytes);
        let bytes = digest.as_ref().try_into().map_err(|_| KeyError::Unusable("SHA-256 has 32 bytes"))?;
        Ok(Self(bytes))
    }

    /// Its bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// In constant time, so that the time of a refusal does not tell how much of a guess was right.
impl PartialEq for TokenHash {
    fn eq(&self, other: &Self) -> bool {
        constant_time::verify_slices_are_equal(&self.0, &other.0).is_ok()
    }
}

impl Eq for TokenHash {}

impl fmt::Display for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&HEXLOWER.encode_display(&self.0), f)
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for TokenHash {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        const EXPECTED: KeyError = KeyError::Text("a SHA-256 digest of 64 lower-case hexadecimal digits");
        if text.len() != 64 || !text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)) {
            return Err(EXPECTED);
        }
        let mut bytes = [0; 32];
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).map_err(|_| EXPECTED)?;
        }
        Ok(Self(bytes))
    }
}

impl Serialize for TokenHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TokenHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_recognised_by_its_hash_alone() {
        let token = generate().unwrap();
        assert_eq!((token.expose().len(), &token.expose()[..4]), (LENGTH, "amt_"));
        let kept = hash(token.expose()).unwrap();
        assert_eq!(hash(token.expose()).unwrap(), kept);
        assert_eq!(kept.to_string().parse::<TokenHash>().unwrap(), kept);
        assert_eq!(serde_json::from_str::<TokenHash>(&serde_json::to_string(&kept).unwrap()).unwrap(), kept);
        assert_ne!(hash(generate().unwrap().expose()).unwrap(), kept);
        assert!(!format!("{kept:?}").contains(&token.expose()[4..]));
    }

    /// Both texts were computed by another program.
    #[test]
    fn text_and_hash_of_known_entropy() {
        let token = from_entropy(&std::array::from_fn(|n| n as u8));
        assert_eq!(token.expose(), "amt_00041061050r3gg28a1c60t3gf0g2491650n2rbhg68t3ce1t7gz");
        let kept = hash(token.expose()).unwrap().to_string();
        assert_eq!(kept, "fec7fc97affe3b48028d43a845cfd9bf7dbc6b56f6b6a4edfd0c7d4cb122a6cd");
    }

    #[test]
    fn what_cannot_be_a_token_is_refused_before_it_is_hashed() {
        let token = generate().unwrap();
        let good = token.expose();
        let (upper, long) = (good.to_uppercase(), "amt_".to_owned() + &"0".repeat(1 << 20));
        let other_prefix = good.replacen("amt_", "amx_", 1);
        let umlaut = format!("amt_{}ä{}", "0".repeat(25), "0".repeat(25));
        for bad in ["", "amt_", &good[..LENGTH - 1], &good[1..], &upper, &long, &other_prefix, &umlaut] {
            assert!(matches!(hash(bad), Err(KeyError::TokenText)), "{bad}");
        }
    }

    #[test]
    fn every_bit_of_the_entropy_counts() {
        let base = from_entropy(&[0; 32]);
        for bit in 0..256 {
            let mut entropy = [0u8; 32];
            entropy[bit / 8] = 1 << (bit % 8);
            assert_ne!(from_entropy(&entropy).expose(), base.expose(), "bit {bit}");
        }
    }
}

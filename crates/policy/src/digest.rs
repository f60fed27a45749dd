//! Digests of texts.

use sha2::{Digest, Sha256};

use crate::constraints::hex;

/// SHA-256 (hexadecimal) over texts, each with its length.
pub fn digest_of<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let mut hash = Sha256::new();
    for text in texts {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text.as_bytes());
    }
    hex(&hash.finalize())
}

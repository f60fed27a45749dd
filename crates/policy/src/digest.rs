//! Digests of texts.

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

/// SHA-256 (hexadecimal) over texts, each with its length.
pub fn digest_of<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let mut hash = Sha256::new();
    for text in texts {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text.as_bytes());
    }
    HEXLOWER.encode(&hash.finalize())
}

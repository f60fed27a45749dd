//! SHA-256 in lower-case hexadecimal, over parts with their lengths, so that no two lists of parts look the same.

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

/// The digest of all parts in their order.
pub(crate) fn sha256_of<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    HEXLOWER.encode(&hash.finalize())
}

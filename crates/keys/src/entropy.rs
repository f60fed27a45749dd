//! Randomness of the operating system. Edges and this crate alone draw it; everything else receives values.

use aws_lc_rs::rand;

use crate::KeyError;

/// Fills bytes with randomness.
pub(crate) fn fill(bytes: &mut [u8]) -> Result<(), KeyError> {
    rand::fill(bytes).map_err(|_| KeyError::Entropy)
}

/// 128 unpredictable bits, for the seed of a command's ids.
///
/// # Panics
/// When the operating system gives no randomness: no id would be safe to hand out, and nothing would mend it.
pub fn entropy_128() -> u128 {
    let mut bytes = [0; 16];
    #[expect(clippy::expect_used, reason = "a process without randomness must not go on")]
    fill(&mut bytes).expect("the operating system gives randomness");
    u128::from_be_bytes(bytes)
}

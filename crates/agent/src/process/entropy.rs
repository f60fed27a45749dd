//! Entropy of the operating system, by way of the TLS library that is here anyway.

use rustls::crypto::GetRandomFailed;

/// 128 unpredictable bits.
pub(super) fn bits() -> Result<u128, GetRandomFailed> {
    let mut bytes = [0; 16];
    rustls::crypto::aws_lc_rs::default_provider().secure_random.fill(&mut bytes)?;
    Ok(u128::from_le_bytes(bytes))
}

/// Numbers that only have to differ between vehicles, so that a fleet does not reconnect in step (SplitMix64).
#[derive(Debug)]
pub(super) struct Jitter(pub u64);

impl Jitter {
    /// From 0.5 up to 1.
    pub fn factor(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        0.5 + ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 54) as f64
    }
}

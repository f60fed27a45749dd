//! The clock and the entropy of the real world. The one place of the server that reads either.

use std::time::{SystemTime, UNIX_EPOCH};

use kernel::{Clock, CtxSource, Timestamp};

/// The machine's clock and its entropy.
#[derive(Debug, Clone, Copy)]
pub struct SystemSource;

impl Clock for SystemSource {
    fn now(&self) -> Timestamp {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_us(i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX))
    }
}

impl CtxSource for SystemSource {
    fn entropy(&self) -> u128 {
        keys::entropy_128()
    }
}

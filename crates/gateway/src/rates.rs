//! How fast a tenant and each of its principals may ask: token buckets in memory. A client that runs wild is told to
//! wait, and the others do not notice. Stops are not counted (SAFE-1, SAFE-2).

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use kernel::id::PrincipalId;
use kernel::{Code, Reject, TenantId};

/// Requests per second of one principal where the operator says nothing: what one machine answers at its best, so that
/// only a client in a loop meets it.
pub const PER_SECOND: u32 = 500;
/// A tenant may ask as fast as so many of its principals together.
const TENANT_FACTOR: f64 = 4.0;
/// Seconds of its rate that may come at once: a page that opens asks for much, then for little.
const BURST_S: f64 = 2.0;
/// Buckets that are remembered; beyond it those that are full, which say nothing, are forgotten.
const BUCKETS_MAX: usize = 10_000;

/// A tenant as a whole, or one of its principals.
type Key = (TenantId, Option<PrincipalId>);

/// The buckets of a process.
#[derive(Debug)]
pub struct Rates {
    /// Of one principal; 0 counts nothing.
    per_second: f64,
    buckets: Mutex<BTreeMap<Key, Bucket>>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

impl Bucket {
    fn filled(self, rate: f64, now: Instant) -> f64 {
        let since_s = now.saturating_duration_since(self.at).as_secs_f64();
        (self.tokens + since_s * rate).min(rate * BURST_S)
    }
}

impl Rates {
    /// Full buckets; `per_second` is the rate of one principal, 0 for no limit.
    pub fn new(per_second: u32) -> Self {
        Self { per_second: f64::from(per_second), buckets: Mutex::default() }
    }

    /// Counts one request.
    ///
    /// # Errors
    /// `OVERLOADED` when the principal or its tenant asks faster than it may.
    pub fn count(&self, tenant: &TenantId, principal: PrincipalId, now: Instant) -> Result<(), Reject> {
        if self.per_second == 0.0 {
            return Ok(());
        }
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() > BUCKETS_MAX {
            buckets.retain(|key, bucket| bucket.filled(self.rate(key), now) < self.rate(key) * BURST_S);
        }
        for key in [(tenant.clone(), Some(principal)), (tenant.clone(), None)] {
            let rate = self.rate(&key);
            let bucket = buckets.entry(key).or_insert(Bucket { tokens: rate * BURST_S, at: now });
            let tokens = bucket.filled(rate, now);
            *bucket = Bucket { tokens: if tokens < 1.0 { tokens } else { tokens - 1.0 }, at: now };
            if tokens < 1.0 {
                let text = format!("more than {rate} requests per second: wait a second and go slower");
                return Err(Reject::new(Code::Overloaded, text));
            }
        }
        Ok(())
    }

    fn rate(&self, (_, principal): &Key) -> f64 {
        if principal.is_some() { self.per_second } else { self.per_second * TENANT_FACTOR }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use kernel::id::TypedId;

    use super::*;

    #[test]
    fn who_asks_too_fast_waits_and_the_others_do_not_notice() {
        let rates = Rates::new(10);
        let (tenant, other): (TenantId, TenantId) = ("north-pit".parse().unwrap(), "south-pit".parse().unwrap());
        let began = Instant::now();
        let asks = |tenant: &TenantId, who: u128, times: usize, at_ms: u64| {
            let now = began + Duration::from_millis(at_ms);
            (0..times).filter(|_| rates.count(tenant, PrincipalId::from_u128(who), now).is_ok()).count()
        };
        assert_eq!(asks(&tenant, 1, 100, 0), 20, "a burst of two seconds");
        assert_eq!(asks(&tenant, 1, 100, 500), 5, "then its rate");
        assert_eq!(asks(&tenant, 2, 1, 500), 1, "another principal has its own");
        for who in 3..=10 {
            asks(&tenant, who, 20, 500);
        }
        assert_eq!(asks(&tenant, 11, 20, 500), 0, "all of them together have the tenant's");
        assert_eq!(asks(&other, 1, 20, 500), 20, "which is not another tenant's");
        assert_eq!(Rates::new(0).count(&tenant, PrincipalId::from_u128(1), began), Ok(()));
    }
}

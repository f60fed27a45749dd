//! Wrong passwords are counted by e-mail address and by the client's address together: whoever guesses has to wait, and
//! the person at another address does not. What is counted does not depend on whether the e-mail address is anybody's.

use std::sync::Arc;

use kernel::{BoxFuture, Code, Reject, TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use store::due::DueHandler;
use store::port::{CommitError, Fault, Guard, Store};
use store::{CommandError, Expected, RowBody, RowWrite, TableSpec};

use crate::one_time::digest;

/// Wrong passwords of late, by digests of e-mail address and client's address.
pub const SIGN_IN_FAILURES: TableSpec = TableSpec::machinery("user_sign_in_failures", &[]);

/// So many wrong passwords for one person are typing errors; then each makes the client wait twice as long …
pub(crate) const FREE_PER_PERSON: u32 = 5;
/// … and so many from one address for anybody: behind one address there may be a whole control room.
pub(crate) const FREE_PER_ADDRESS: u32 = 50;
/// From a minute on …
const WAIT_MS: i64 = 60_000;
/// … up to this, after which all is forgotten.
const WAIT_MAX_MS: i64 = 15 * 60_000;

#[derive(Debug, Default, Serialize, Deserialize)]
struct Failures {
    count: u32,
    blocked_until: Option<Timestamp>,
}

/// How often a count is tried against others at the same moment.
const ATTEMPTS_MAX: usize = 32;

/// A try to sign in, which is counted before the password is looked at, so that many at once are many.
#[derive(Debug, Clone)]
pub(crate) struct Attempt {
    key: String,
    free: u32,
    /// The wait that begins unless the password is right.
    pub(crate) blocked: Option<Blocked>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Blocked {
    pub(crate) failures: u32,
    pub(crate) until: Timestamp,
}

fn wait_ms(failures: u32, free: u32) -> Option<i64> {
    let over = failures.checked_sub(free)?;
    Some(WAIT_MS.saturating_mul(1 << over.min(10)).min(WAIT_MAX_MS))
}

fn blocked(failures: u32, free: u32, now: Timestamp) -> Option<Blocked> {
    wait_ms(failures, free).map(|wait| Blocked { failures, until: now.plus_ms(wait) })
}

impl Attempt {
    /// Counts a try by these parts: organisation, e-mail address, client's address. The rows are the platform's, because
    /// whoever tries may name an organisation that there is not.
    ///
    /// # Errors
    /// `OVERLOADED` while the client has to wait; a fault of the store.
    pub(crate) async fn begin(
        store: &dyn Store,
        parts: &[&str],
        free: u32,
        now: Timestamp,
    ) -> Result<Self, CommandError> {
        let key = digest(&parts.join("\n"));
        for _ in 0..ATTEMPTS_MAX {
            let (known, expected) = read(store, &key).await?;
            if let Some(until) = known.blocked_until.filter(|until| now < *until) {
                let seconds = until.since_ms(now).max(0) / 1_000 + 1;
                let text = format!("too many wrong passwords from here: wait {seconds} s, or ask an administrator");
                return Err(Reject::new(Code::Overloaded, text).into());
            }
            let failures = known.count.saturating_add(1);
            let blocked = blocked(failures, free, now);
            let kept = Failures { count: failures, blocked_until: blocked.map(|blocked| blocked.until) };
            if write(store, kept_row(&key, expected, &kept, now)?).await? {
                return Ok(Self { key, free, blocked });
            }
        }
        Err(Fault::Overloaded.into())
    }

    /// Forgets every try: the right password came.
    pub(crate) async fn forget(&self, store: &dyn Store) -> Result<(), Fault> {
        write(store, RowWrite::delete(SIGN_IN_FAILURES, self.key.clone(), Expected::Any)).await.map(drop)
    }

    /// Takes this try back and leaves the others: the right password came, for one of many people.
    pub(crate) async fn take_back(&self, store: &dyn Store, now: Timestamp) -> Result<(), Fault> {
        for _ in 0..ATTEMPTS_MAX {
            let (known, expected) = read(store, &self.key).await?;
            let failures = known.count.saturating_sub(1);
            let until = blocked(failures, self.free, now).and(known.blocked_until);
            let kept = Failures { count: failures, blocked_until: until };
            if write(store, kept_row(&self.key, expected, &kept, now)?).await? {
                break;
            }
        }
        Ok(())
    }
}

async fn read(store: &dyn Store, key: &str) -> Result<(Failures, Expected), Fault> {
    let row = store.get(SIGN_IN_FAILURES, &TenantId::platform(), key).await?;
    let known = row.as_ref().map(store::Row::decode).transpose()?.unwrap_or_default();
    Ok((known, row.map_or(Expected::Absent, |row| Expected::Version(row.version))))
}

fn kept_row(key: &str, expected: Expected, kept: &Failures, now: Timestamp) -> Result<RowWrite, Fault> {
    let body = RowBody { due_at: Some(now.plus_ms(WAIT_MAX_MS)), ..RowBody::new(kept, Vec::new())? };
    Ok(RowWrite::put(SIGN_IN_FAILURES, key, expected, body))
}

/// Whether it was written; not, where another wrote at the same moment.
async fn write(store: &dyn Store, row: RowWrite) -> Result<bool, Fault> {
    match store.write(&TenantId::platform(), vec![row]).await {
        Ok(()) => Ok(true),
        Err(CommitError::Conflict { .. } | CommitError::Fenced(_)) => Ok(false),
        Err(CommitError::Fault(fault)) => Err(fault),
    }
}

/// Forgets failures whose time is over.
pub(crate) struct Forgetting(pub(crate) Arc<dyn Store>);

impl DueHandler for Forgetting {
    fn table(&self) -> TableSpec {
        SIGN_IN_FAILURES
    }

    fn due<'a>(&'a self, tenant: &'a TenantId, key: &'a str, _: Guard) -> BoxFuture<'a, Result<(), CommandError>> {
        Box::pin(async move {
            match self.0.write(tenant, vec![RowWrite::delete(SIGN_IN_FAILURES, key, Expected::Any)]).await {
                Ok(()) | Err(CommitError::Conflict { .. } | CommitError::Fenced(_)) => Ok(()),
                Err(CommitError::Fault(fault)) => Err(fault.into()),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typing_errors_are_free_and_guesses_wait_ever_longer() {
        let wait_ms = |failures| wait_ms(failures, FREE_PER_PERSON);
        assert_eq!([1, 4].map(wait_ms), [None, None]);
        assert_eq!([5, 6, 8, 9, 60].map(wait_ms), [60, 120, 480, 900, 900].map(|s| Some(s * 1_000)));
    }
}

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

/// Where somebody tries to sign in, and as whom.
#[derive(Debug, Clone)]
pub(crate) struct Attempt {
    key: String,
    free: u32,
    failures: u32,
    expected: Expected,
}

/// A wait that begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Blocked {
    pub(crate) failures: u32,
    pub(crate) until: Timestamp,
}

fn wait_ms(failures: u32, free: u32) -> Option<i64> {
    let over = failures.checked_sub(free)?;
    Some(WAIT_MS.saturating_mul(1 << over.min(10)).min(WAIT_MAX_MS))
}

impl Attempt {
    /// Looks up what went wrong before.
    ///
    /// # Errors
    /// `OVERLOADED` while the client has to wait; a fault of the store.
    pub(crate) async fn begin(
        store: &dyn Store,
        tenant: &TenantId,
        (email, address): (&str, &str),
        free: u32,
        now: Timestamp,
    ) -> Result<Self, CommandError> {
        let key = digest(&format!("{email}\n{address}"));
        let row = store.get(SIGN_IN_FAILURES, tenant, &key).await?;
        let known: Failures = row.as_ref().map(store::Row::decode).transpose()?.unwrap_or_default();
        if let Some(until) = known.blocked_until.filter(|until| now < *until) {
            let seconds = until.since_ms(now).max(0) / 1_000 + 1;
            let text =
                format!("too many wrong passwords from here: wait {seconds} s, or ask an administrator for a reset");
            return Err(Reject::new(Code::Overloaded, text).into());
        }
        let expected = row.map_or(Expected::Absent, |row| Expected::Version(row.version));
        Ok(Self { key, free, failures: known.count, expected })
    }

    /// Counts a wrong password; answers the wait that begins. Two at the same moment count as one.
    pub(crate) async fn failed(
        &self,
        store: &dyn Store,
        tenant: &TenantId,
        now: Timestamp,
    ) -> Result<Option<Blocked>, Fault> {
        let failures = self.failures + 1;
        let blocked = wait_ms(failures, self.free).map(|wait| Blocked { failures, until: now.plus_ms(wait) });
        let kept = Failures { count: failures, blocked_until: blocked.map(|blocked| blocked.until) };
        let body = RowBody { due_at: Some(now.plus_ms(WAIT_MAX_MS)), ..RowBody::new(&kept, Vec::new())? };
        let row = RowWrite::put(SIGN_IN_FAILURES, self.key.clone(), self.expected, body);
        match store.write(tenant, vec![row]).await {
            Ok(()) => Ok(blocked),
            Err(CommitError::Conflict { .. } | CommitError::Fenced(_)) => Ok(None),
            Err(CommitError::Fault(fault)) => Err(fault),
        }
    }

    /// What forgets the failures, once the right password came; none where there is nothing to forget.
    pub(crate) fn forget(&self) -> Option<RowWrite> {
        (self.failures > 0).then(|| RowWrite::delete(SIGN_IN_FAILURES, self.key.clone(), Expected::Any))
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

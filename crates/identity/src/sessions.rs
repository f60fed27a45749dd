//! Sessions of people who signed in. A cookie holds the secret; the row its digest.

use kernel::id::PrincipalId;
use kernel::{Role, TenantId, Timestamp};
use keys::{Secret, token};
use serde::{Deserialize, Serialize};
use store::port::{Fault, ListQuery, Store};
use store::{Expected, Row, RowBody, RowWrite, TableSpec};

use crate::one_time::digest;

/// Sessions, by the digest of their secret.
pub const SESSIONS: TableSpec = TableSpec::machinery("user_sessions", &["user"]);

/// A session that nobody used for so long is over (OWASP ASVS 3.3.2 allows 12 h at the second level).
pub const IDLE_MS: i64 = 2 * 3_600_000;
/// A session is over after this however much it was used: a shift.
pub const LIFETIME_MS: i64 = 12 * 3_600_000;
/// How often it is written down that a session is used.
const USED_EVERY_MS: i64 = 60_000;
/// What every session's secret begins with; then the tenant, then the secret.
const PREFIX: &str = "ams";
/// Sessions of one user; the oldest ends for the next.
pub(crate) const SESSIONS_MAX: usize = 20;

/// A session as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Session {
    pub user: PrincipalId,
    /// The role in which the person acts, one of the user's.
    pub role: Role,
    pub created_at: Timestamp,
    /// When it was used last, to the minute.
    pub last_used_at: Timestamp,
    /// When it is over however much it is used.
    pub expires_at: Timestamp,
    /// What the browser calls itself.
    pub user_agent: String,
    /// The client's address when it began.
    pub address: String,
}

impl Session {
    /// When it is over, if nobody uses it before.
    pub fn ends_at(&self) -> Timestamp {
        self.expires_at.min(self.last_used_at.plus_ms(IDLE_MS))
    }

    pub(crate) fn is_over(&self, now: Timestamp) -> bool {
        now >= self.ends_at()
    }
}

/// A session that was just opened, with the secret that is kept nowhere.
#[derive(Debug)]
pub struct OpenSession {
    pub session: Session,
    pub secret: Secret,
}

/// What names a session without opening it.
pub(crate) fn name_of(digest: &str) -> String {
    digest.chars().take(16).collect()
}

pub(crate) fn open(tenant: &TenantId, session: Session) -> Result<(OpenSession, String, RowWrite), Fault> {
    let secret =
        token::generate().map_err(|source| Fault::Unavailable { what: "open a session", source: Box::new(source) })?;
    let secret = token::of_tenant(PREFIX, tenant, &secret);
    let key = digest(secret.expose());
    let row = RowWrite::put(SESSIONS, key.clone(), Expected::Absent, body(&session)?);
    Ok((OpenSession { session, secret }, name_of(&key), row))
}

pub(crate) fn body(session: &Session) -> Result<RowBody, Fault> {
    RowBody::new(session, vec![session.user.to_string()])
}

/// The session that a secret opens, with its row; `None` if it is over or never was.
pub(crate) async fn find(
    store: &dyn Store,
    secret: &str,
    now: Timestamp,
) -> Result<Option<(TenantId, Row, Session)>, Fault> {
    let tenant = secret.strip_prefix(PREFIX).and_then(|rest| rest.strip_prefix('_')?.split_once('_'));
    let Some(tenant) = tenant.and_then(|(tenant, _)| tenant.parse::<TenantId>().ok()) else { return Ok(None) };
    let Some(row) = store.get(SESSIONS, &tenant, &digest(secret)).await? else { return Ok(None) };
    let session: Session = row.decode()?;
    Ok((!session.is_over(now)).then_some((tenant, row, session)))
}

/// What writes down that a session is used, where that was not lately.
pub(crate) fn used(row: &Row, session: &Session, now: Timestamp) -> Result<Option<RowWrite>, Fault> {
    if now.since_ms(session.last_used_at) < USED_EVERY_MS {
        return Ok(None);
    }
    let session = Session { last_used_at: now, ..session.clone() };
    Ok(Some(RowWrite::put(SESSIONS, row.key.clone(), Expected::Version(row.version), body(&session)?)))
}

/// A user's sessions with their rows, the oldest first.
pub(crate) async fn of_user(
    store: &dyn Store,
    tenant: &TenantId,
    user: PrincipalId,
) -> Result<Vec<(Row, Session)>, Fault> {
    let query = ListQuery { filters: vec![("user", user.to_string())], ..ListQuery::all() };
    let rows = store.list(SESSIONS, tenant, query).await?;
    let mut sessions = rows
        .into_iter()
        .map(|row| row.decode().map(|session| (row, session)))
        .collect::<Result<Vec<(Row, Session)>, _>>()?;
    sessions.sort_by_key(|(_, session)| session.created_at);
    Ok(sessions)
}

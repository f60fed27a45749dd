//! One-time codes: an invitation or a reset that an administrator hands over. Used once, within two days; a newer one of
//! the same user takes the place of the older.

use kernel::id::PrincipalId;
use kernel::{TenantId, Timestamp};
use keys::{Secret, token};
use serde::{Deserialize, Serialize};
use store::port::{Fault, Store};
use store::{Expected, Row, RowBody, RowWrite, TableSpec};

/// Digests of one-time codes, by user: one is in force.
pub const ONE_TIME_CODES: TableSpec = TableSpec::machinery("user_one_time_codes", &[]);

/// How long a code is good for.
pub const VALID_MS: i64 = 48 * 3_600_000;
/// What every code begins with; then the tenant and the user, then the secret.
const PREFIX: &str = "amc";

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct OneTimeCode {
    digest: String,
    pub(crate) purpose: String,
    expires_at: Timestamp,
}

/// A new code for a user, and the row that knows it.
pub(crate) fn issue(
    tenant: &TenantId,
    user: PrincipalId,
    purpose: &str,
    now: Timestamp,
) -> Result<(Secret, RowWrite), Fault> {
    let secret = token::generate()
        .map_err(|source| Fault::Unavailable { what: "make a one-time code", source: Box::new(source) })?;
    let code = token::of_tenant(&format!("{PREFIX}-{user}"), tenant, &secret);
    let kept =
        OneTimeCode { digest: digest(code.expose()), purpose: purpose.into(), expires_at: now.plus_ms(VALID_MS) };
    let row = RowWrite::put(ONE_TIME_CODES, user.to_string(), Expected::Any, RowBody::new(&kept, Vec::new())?);
    Ok((code, row))
}

/// The row of a code and what it is good for, if it is one of this tenant, in force and not used.
pub(crate) async fn find(
    store: &dyn Store,
    tenant: &TenantId,
    code: &str,
    now: Timestamp,
) -> Result<Option<(PrincipalId, Row, OneTimeCode)>, Fault> {
    let rest = code.strip_prefix(PREFIX).and_then(|rest| rest.strip_prefix('-'));
    // An id has one underscore of its own.
    let user = rest.and_then(|rest| rest.match_indices('_').nth(1).and_then(|(at, _)| rest[..at].parse().ok()));
    let Some(user) = user else { return Ok(None) };
    let user: PrincipalId = user;
    let Some(row) = store.get(ONE_TIME_CODES, tenant, &user.to_string()).await? else { return Ok(None) };
    let kept: OneTimeCode = row.decode()?;
    Ok((kept.digest == digest(code) && now < kept.expires_at).then_some((user, row, kept)))
}

pub(crate) fn digest(text: &str) -> String {
    journal::Hash::of_bytes(text.as_bytes()).to_string()
}

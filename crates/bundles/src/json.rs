//! Canonical JSON (RFC 8785), the only form in which this crate writes JSON: one text per value, so that a digest over the
//! text is a digest over the value.

use serde::Serialize;
use serde_json::Value;

/// A value that has no canonical JSON.
#[derive(Debug, thiserror::Error)]
#[error("{what} cannot be written as canonical JSON: {source}")]
pub struct JsonError {
    pub what: &'static str,
    #[source]
    pub source: serde_json::Error,
}

/// The canonical text of `value`.
///
/// # Errors
/// [`JsonError`] where it has none.
pub fn canonical(what: &'static str, value: &impl Serialize) -> Result<String, JsonError> {
    serde_json_canonicalizer::to_string(value).map_err(|source| JsonError { what, source })
}

/// What lies at a path of member names with dots between them.
pub(crate) fn at<'a>(body: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(body, |value, name| value.as_object()?.get(name))
}

//! What is wrong with a form, said so that its author finds the place.

/// A form that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {field}: {reason}")]
pub struct FormError {
    /// The file as the caller named it.
    pub file: String,
    /// The path of the field, such as `fields[3].source`.
    pub field: String,
    pub reason: String,
}

impl FormError {
    pub(crate) fn new(file: &str, field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { file: file.to_owned(), field: field.into(), reason: reason.into() }
    }
}

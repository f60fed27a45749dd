//! What is wrong with a mapping, said so that its author finds the place.

/// A mapping that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {field}: {reason}")]
pub struct MappingError {
    /// The file as the caller named it.
    pub file: String,
    /// The path of the field, such as `maps[3].clauses[0]`.
    pub field: String,
    pub reason: String,
}

impl MappingError {
    pub(crate) fn new(file: &str, field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { file: file.to_owned(), field: field.into(), reason: reason.into() }
    }
}

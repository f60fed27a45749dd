//! What is wrong with a rule, said so that its author finds the place.

/// A rule that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {field}: {reason}")]
pub struct RuleError {
    /// The file as the caller named it; with `#2` and so on for later documents of one file.
    pub file: String,
    /// The path of the field, such as `detection.selection.reason|re`.
    pub field: String,
    pub reason: String,
}

impl RuleError {
    pub(crate) fn new(file: &str, field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { file: file.to_owned(), field: field.into(), reason: reason.into() }
    }
}

/// A fault inside one document, before it is known which file it stands in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub field: String,
    pub reason: String,
}

impl Fault {
    pub(crate) fn new(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { field: field.into(), reason: reason.into() }
    }

    pub(crate) fn within(mut self, parent: &str) -> Self {
        self.field = if self.field.is_empty() { parent.to_owned() } else { format!("{parent}.{}", self.field) };
        self
    }

    pub(crate) fn at(self, file: &str) -> RuleError {
        RuleError::new(file, self.field, self.reason)
    }
}

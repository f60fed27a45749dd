//! What is wrong with an overlay, and where: whoever writes one is told everything at once.

use std::fmt;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    pub file: String,
    pub field: String,
    pub reason: String,
}

impl Fault {
    pub(crate) fn new(file: &str, field: impl Into<String>, reason: impl ToString) -> Self {
        Self { file: file.to_owned(), field: field.into(), reason: reason.to_string() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.file, self.field, self.reason)
    }
}

/// The faults found so far.
#[derive(Debug, Default)]
pub(crate) struct Faults(pub(crate) Vec<Fault>);

impl Faults {
    pub(crate) fn add(&mut self, file: &str, field: impl Into<String>, reason: impl ToString) {
        self.0.push(Fault::new(file, field, reason));
    }
}

//! Why a bundle cannot be used.

/// What is wrong with a bundle. Nothing was changed: the bundle in force stays in force.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// A source has a name that no layer has.
    #[error(
        "{file}: not a policy file: expected schema.cedarschema, base/*.cedar, sectors/<sector>/*.cedar or \
         tenants/<tenant>/*.cedar"
    )]
    UnknownSource {
        /// The source's name.
        file: String,
    },
    /// A source that every bundle needs is absent, or there twice.
    #[error("{file}: {problem}")]
    Incomplete {
        /// The source's name.
        file: String,
        /// What is wrong.
        problem: String,
    },
    /// The bundle is larger than is sensible.
    #[error("{file}: {bytes} bytes; the limit is {limit} bytes")]
    TooLarge {
        /// The source's name, or the whole bundle.
        file: String,
        /// How large it is.
        bytes: usize,
        /// How large it may be.
        limit: usize,
    },
    /// A text is not Cedar.
    #[error("{file}:{line}: not valid Cedar: {problem}")]
    Syntax {
        /// The source's name.
        file: String,
        /// The line, from 1.
        line: usize,
        /// What the parser says.
        problem: String,
    },
    /// A rule breaks a rule of ours or does not type-check.
    #[error("{file}:{line}: policy {policy_id}: {problem}")]
    Rule {
        /// The source's name.
        file: String,
        /// The rule's id.
        policy_id: String,
        /// The line, from 1.
        line: usize,
        /// What is wrong and what would be right.
        problem: String,
    },
}

//! What can go wrong with keys, said so that whoever operates the server knows what to do.

use crate::{IllegalTransition, KeyId, Purpose};

/// Why a key could not be read, made or used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The operating system gives no randomness.
    #[error("the operating system gives no randomness")]
    Entropy,
    /// The cryptographic library refused a key.
    #[error("the key could not be used: {0}")]
    Unusable(&'static str),
    /// A file could not be read or written.
    #[error("{path}: could not {action}")]
    File {
        /// Which file.
        path: String,
        /// What was tried.
        action: &'static str,
        /// What the system says.
        source: std::io::Error,
    },
    /// Others may read a file that must be secret.
    #[error(
        "{path} has mode {mode:04o}, so others on this machine can reach it: run `chmod 0600 {path}` and consider its keys known"
    )]
    Permissions {
        /// Which file.
        path: String,
        /// Its mode.
        mode: u32,
    },
    /// A file does not hold what it should: damaged, or sealed with another master key.
    #[error("{path} is damaged or belongs to another master key: restore both files from the same backup ({why})")]
    Corrupt {
        /// Which file.
        path: String,
        /// What does not fit.
        why: &'static str,
    },
    /// There are sealed keys but not what opens them.
    #[error(
        "{path} is missing, without which the keys in {sealed} cannot be opened: put it back from where you keep it, or name it with --master-key"
    )]
    MasterKeyMissing {
        /// Where the master key should be.
        path: String,
        /// Which keys it opens.
        sealed: String,
    },
    /// Somebody else wrote the keys since they were opened.
    #[error("{path} was changed by another process: nothing was written; stop that process and start again")]
    Changed {
        /// Which file.
        path: String,
    },
    /// The keys are older than what is known of them.
    #[error("the keys are of generation {found}, but generation {known} existed: an old copy was put back")]
    RolledBack {
        /// The generation in the file.
        found: u64,
        /// The newest generation that is known.
        known: u64,
    },
    /// A state that a key cannot come to.
    #[error(transparent)]
    Transition(#[from] IllegalTransition),
    /// There is no such key of this purpose.
    #[error("there is no key {id} for {purpose}")]
    NoSuchKey {
        /// The key asked for.
        id: KeyId,
        /// The purpose asked for.
        purpose: Purpose,
    },
    /// No key of this purpose signs.
    #[error("no key for {purpose} is active")]
    NoActiveKey {
        /// The purpose asked for.
        purpose: Purpose,
    },
    /// Too many keys.
    #[error("a keystore holds at most {max} keys")]
    TooManyKeys {
        /// The most keys.
        max: usize,
    },
    /// A signature does not match.
    #[error("the signature does not match the message and the key")]
    BadSignature,
    /// A text is not a token.
    #[error("expected a token: amt_ and 52 characters of base 32")]
    TokenText,
    /// A text is not a key id, a public key or a digest.
    #[error("expected {0}")]
    Text(&'static str),
}

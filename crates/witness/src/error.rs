//! Why a text or a reply of somebody outside does not vouch for anything.

use journal::JournalError;

/// What is wrong with it.
#[derive(Debug, thiserror::Error)]
pub enum WitnessError {
    /// It is no signed note, no key or no name, as the journal's formats have them.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The witness's key cannot sign.
    #[error("the checkpoint could not be cosigned")]
    Signing(#[source] keys::KeyError),
    /// A line in the name of a known witness does not match the checkpoint.
    #[error("the cosignature of {name} does not match the checkpoint")]
    Cosignature {
        /// Whose line.
        name: String,
    },
    /// A text is not a request to cosign.
    #[error("not a request to a witness: {0}")]
    Request(&'static str),
    /// A text is not a policy of witnesses.
    #[error("not a policy of witnesses, line {line}: {what}")]
    Policy {
        /// Where, from 1.
        line: usize,
        /// What is wrong there.
        what: &'static str,
    },
    /// Bytes are not the reply of a timestamping authority.
    #[error("not a timestamp: {0}")]
    Timestamp(&'static str),
    /// The authority answered, and gave no timestamp.
    #[error("the authority gives no timestamp: status {status}")]
    NotGranted {
        /// Its status (RFC 3161 §2.4.2); 0 and 1 are grants.
        status: u8,
    },
}

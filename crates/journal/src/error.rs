//! What can be wrong with a value that should become part of the log, or that claims to be one.

/// Why a value is not one of the log's.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// A text is not a hash.
    #[error("expected a hash of 64 lower-case hexadecimal digits")]
    HashText,
    /// Bytes are not the frontier of a tree.
    #[error("expected the frontier of a tree: 8 bytes of size and one hash per bit of it, not {length} bytes")]
    FrontierBytes {
        /// How many bytes there were.
        length: usize,
    },
    /// A number cannot be written exactly in canonical JSON (RFC 8785 §3.2.2.3: IEEE 754 doubles).
    #[error("{at}: {value} is no whole number that a double holds exactly (at most 2^53 - 1); write it as text")]
    NumberTooLarge {
        /// Where it stands.
        at: &'static str,
        /// The number.
        value: String,
    },
    /// A body nests deeper than a reader would follow.
    #[error("the body nests deeper than {max} levels")]
    TooDeep {
        /// The most levels.
        max: usize,
    },
    /// An entry is larger than an entry may be.
    #[error("the entry has {bytes} bytes; an entry of the log has at most {max}")]
    TooLarge {
        /// Its size in bytes.
        bytes: usize,
        /// The most bytes.
        max: usize,
    },
    /// A value has no form in JSON, or a text is not what it should be.
    #[error("{what} cannot be read or written as JSON")]
    Json {
        /// Which value.
        what: &'static str,
        /// What the JSON library says.
        source: serde_json::Error,
    },
    /// A value is written as one text and, read back, as another.
    #[error("the envelope holds a value that does not read back as it was written")]
    Unstable,
    /// The links do not belong to the envelope.
    #[error(
        "the links must be one for the stream, whose place must be the event's, and one for each subject in `about`, in that order"
    )]
    Links,
    /// A text is not a signed checkpoint.
    #[error("not a signed checkpoint: {0}")]
    Note(&'static str),
    /// A text is not a verifier key.
    #[error("not a verifier key (name+hash+key): {0}")]
    VerifierKey(&'static str),
    /// A name that a log or a witness cannot have.
    #[error("a name of a log has 1 to 255 printable characters without spaces and plus signs")]
    OriginName,
    /// The signature of a known key does not match.
    #[error("the signature of {name} does not match the checkpoint")]
    Signature {
        /// Whose signature.
        name: String,
    },
    /// No known key signed.
    #[error("the checkpoint carries no signature of {name} under a known key")]
    NotSigned {
        /// Whose signature is missing.
        name: String,
    },
    /// A checkpoint is another log's.
    #[error("the checkpoint is of {found}, not of {expected}")]
    OtherLog {
        /// Whose it is.
        found: String,
        /// Whose it should be.
        expected: String,
    },
    /// The signer failed.
    #[error("the checkpoint could not be signed")]
    Signing(#[source] keys::KeyError),
    /// A proof does not lead where it should.
    #[error("the proof does not lead from the entry to the root of the checkpoint")]
    Proof,
}

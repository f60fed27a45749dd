//! DDI v1 as Eclipse hawkBit 1.1 speaks it: the bodies below `/{tenant}/controller/v1/{controllerId}`.
//!
//! The forms follow hawkBit's; where the clients out there (SWUpdate, rauc-hawkbit, hawkbit-rs, Zephyr) want more than
//! its description says, they get it: positive ids of 32 bits, `?c=`, all three hashes and `_links` in every answer.

pub mod cancel;
pub mod config_data;
pub mod deployment;
pub mod feedback;
pub mod poll;
mod text;

/// The most bytes of a body that a client may send; longer ones are refused unread.
pub const BODY_LIMIT: usize = 64 * 1024;

/// The type of every DDI answer. A client that asks for `application/hal+json` reads it as well.
pub const CONTENT_TYPE: &str = "application/json";

/// The id of an action as it stands in a path: decimal, positive, no sign, no leading zero, at most `i32::MAX`.
///
/// SWUpdate keeps ids in 32 bits and answers a larger one to `/deploymentBase/2147483647/feedback`, so larger ones are
/// never given out and a path that holds one belongs to nobody (`None`, answer 404).
pub fn action_id(segment: &str) -> Option<i32> {
    let decimal = segment.starts_with(|first: char| matches!(first, '1'..='9'))
        && segment.bytes().all(|byte| byte.is_ascii_digit());
    decimal.then(|| segment.parse().ok()).flatten()
}

/// A body that is refused. The answer is 400 (413 for [`BodyError::TooLarge`]); it never changes an action.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// It is longer than [`BODY_LIMIT`].
    #[error("the body has {0} bytes, more than {BODY_LIMIT}")]
    TooLarge(usize),
    /// It is no JSON of the expected form, even after what clients get wrong was put right.
    #[error("the body is not of the expected form: {0}")]
    Form(String),
    /// A word that DDI does not know stands in this field.
    #[error("{field} is no word of DDI: {word:?}")]
    Word {
        /// The field.
        field: &'static str,
        /// The beginning of what stands there.
        word: String,
    },
    /// There are more attributes than the limit.
    #[error("{count} attributes are more than {limit}")]
    TooManyAttributes {
        /// How many there would be.
        count: usize,
        /// How many there may be.
        limit: usize,
    },
    /// The name or the value of an attribute is empty or too long.
    #[error("attribute {key:?}: its {part} must have {limit} characters or fewer and a name at least one")]
    Attribute {
        /// The beginning of its name.
        key: String,
        /// `name` or `value`.
        part: &'static str,
        /// The most characters.
        limit: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_positive_and_fit_32_bits() {
        assert_eq!(action_id("8"), Some(8));
        assert_eq!(action_id("2147483647"), Some(i32::MAX));
        for bad in ["", "0", "-1", "+1", "08", "2147483648", "5000000000", "8 ", "8a", "٣"] {
            assert_eq!(action_id(bad), None, "{bad}");
        }
    }
}

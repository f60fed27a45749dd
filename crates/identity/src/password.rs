//! Passwords, kept as Argon2id hashes (RFC 9106) with the parameters that OWASP's password storage guide names: 19 MiB,
//! two passes, one lane. Hashing takes tens of milliseconds of a core: callers run it on a thread of its own.

use std::sync::LazyLock;

use argon2::Argon2;
use argon2::password_hash::{PasswordHasher, PasswordVerifier, phc};
use kernel::Reject;
use serde::{Deserialize, Serialize};
use store::TableSpec;

/// Hashes of passwords, by user.
pub const PASSWORDS: TableSpec = TableSpec::machinery("user_passwords", &[]);

/// The least length of a password, in characters (NIST SP 800-63B-4 asks for 15 without a second factor, 8 with one; 12
/// is what reviewers of SOC 2 accept).
pub const PASSWORD_CHARS_MIN: usize = 12;
/// The greatest, so that nobody has megabytes hashed.
pub const PASSWORD_CHARS_MAX: usize = 128;

/// A hash in PHC text form, which says its parameters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PasswordHash(String);

/// Refuses what is too short, too long, or the name or address of its user.
///
/// # Errors
/// `INVALID_REQUEST` that names `/password`.
pub fn check_password(password: &str, not: &[&str]) -> Result<(), Reject> {
    let chars = password.chars().count();
    if !(PASSWORD_CHARS_MIN..=PASSWORD_CHARS_MAX).contains(&chars) {
        let text = format!("must have {PASSWORD_CHARS_MIN} to {PASSWORD_CHARS_MAX} characters");
        return Err(Reject::invalid_field("/password", text));
    }
    let is_guessed = |word: &&str| !word.is_empty() && password.to_lowercase().contains(&word.to_lowercase());
    let first = password.chars().next();
    if password.chars().all(|char| Some(char) == first) || not.iter().any(is_guessed) {
        return Err(Reject::invalid_field("/password", "is too easy to guess: name, address and one letter are out"));
    }
    Ok(())
}

impl PasswordHash {
    /// Hashes a password with a salt of the system's entropy; `None` where there is none.
    pub fn of(password: &str) -> Option<Self> {
        Argon2::default().hash_password(password.as_bytes()).ok().map(|hash| Self(hash.to_string()))
    }

    /// Whether this is the password.
    pub fn verify(&self, password: &str) -> bool {
        let hash = phc::PasswordHash::new(&self.0);
        hash.is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
    }

    /// Whether this is the password of whoever has the hash; where nobody has one it takes as long and is never so.
    pub fn verify_of(hash: Option<&Self>, password: &str) -> bool {
        static NOBODY: LazyLock<Option<PasswordHash>> =
            LazyLock::new(|| PasswordHash::of(keys::token::generate().ok()?.expose()));
        let is_right = hash.or(NOBODY.as_ref()).is_some_and(|hash| hash.verify(password));
        is_right && hash.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_verified_and_every_hash_has_a_salt_of_its_own() {
        let [one, two] = [(); 2].map(|()| PasswordHash::of("correct horse battery").unwrap());
        assert!(one.verify("correct horse battery") && !one.verify("correct horse batterz"));
        assert!(one != two && one.0.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{one:?}");
        assert!(PasswordHash::verify_of(Some(&one), "correct horse battery") && !PasswordHash::verify_of(None, ""));
    }

    #[test]
    fn what_is_easily_guessed_is_refused() {
        let name = ["Ana Diaz", "ana@mine.example"];
        for wrong in ["short", &"x".repeat(129), "aaaaaaaaaaaaaaaa", "ana@mine.example1"] {
            assert!(check_password(wrong, &name).is_err(), "{wrong}");
        }
        assert!(check_password("correct horse battery", &name).is_ok());
    }
}

//! Checks an image while its bytes arrive.

use sha2::{Digest, Sha256};

use crate::attack::{Attack, Refused};
use crate::metadata::Target;
use kernel::digest::Sha256Digest;

/// The check of one image. It stops at the signed length, so that an endless body ends, and compares the digest at the end.
#[derive(Debug, Clone)]
pub struct ImageCheck {
    expected: Sha256Digest,
    length: u64,
    seen: u64,
    hasher: Sha256,
}

impl ImageCheck {
    /// Of the image that `target` signs for.
    pub fn new(target: &Target) -> Self {
        Self { expected: target.hashes.sha256, length: target.length, seen: 0, hasher: Sha256::new() }
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// [`Attack::EndlessData`] when there are more than signed.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), Refused> {
        let seen = self.seen.saturating_add(bytes.len() as u64);
        if seen > self.length {
            let text = format!("the image has more than its signed length of {} bytes", self.length);
            return Err(Attack::EndlessData.refused(text));
        }
        self.seen = seen;
        self.hasher.update(bytes);
        Ok(())
    }

    /// Ends the image.
    ///
    /// # Errors
    /// [`Attack::Integrity`] when it is too short or has another digest.
    pub fn finish(self) -> Result<(), Refused> {
        if self.seen != self.length {
            let text = format!("the image has {} bytes where {} are signed", self.seen, self.length);
            return Err(Attack::Integrity.refused(text));
        }
        if Sha256Digest(self.hasher.finalize().into()) != self.expected {
            return Err(Attack::Integrity.refused("the image has another digest than the signed one"));
        }
        Ok(())
    }
}

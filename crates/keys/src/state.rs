//! The life of a key. A key is made before it is needed and remembered after it is gone, because what it signed
//! outlives it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Where a key stands in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyState {
    /// Made and made known, so that verifiers have it before it signs.
    Prepared,
    /// Signs. One key of a purpose at a time.
    Active,
    /// Signs nothing new; its successor is active while what it signed is still in circulation.
    Retiring,
    /// Signs nothing; what it signed in its time stays valid.
    Retired,
    /// Somebody else may have used it: what it signed needs other evidence.
    Tainted,
    /// Nothing that it signed may be relied on.
    Revoked,
    /// The private half is gone for good.
    Destroyed,
}

/// A change of state that a key's life does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a key that is {from} cannot become {to}")]
pub struct IllegalTransition {
    /// The state that it is in.
    pub from: KeyState,
    /// The state that it should have come to.
    pub to: KeyState,
}

impl KeyState {
    /// Every state, in the order of a life.
    pub const ALL: [Self; 7] =
        [Self::Prepared, Self::Active, Self::Retiring, Self::Retired, Self::Tainted, Self::Revoked, Self::Destroyed];

    /// The state after a change.
    ///
    /// # Errors
    /// [`IllegalTransition`] when a key's life does not have that change.
    pub const fn transition(self, to: Self) -> Result<Self, IllegalTransition> {
        use KeyState::{Active, Destroyed, Prepared, Retired, Retiring, Revoked, Tainted};
        let legal = match (self, to) {
            (Prepared, Active | Tainted | Revoked | Destroyed) => true,
            // An active key is never destroyed in one step: something would be left that nobody signs.
            (Active, Retiring | Tainted | Revoked) => true,
            (Retiring, Retired | Tainted | Revoked) => true,
            (Retired, Tainted | Revoked | Destroyed) => true,
            (Tainted, Revoked) => true,
            (Revoked, Destroyed) => true,
            _ => false,
        };
        if legal { Ok(to) } else { Err(IllegalTransition { from: self, to }) }
    }

    /// Whether the key signs.
    pub const fn signs(self) -> bool {
        matches!(self, Self::Active)
    }

    /// Whether a signature of the key, made while it was active, is to be accepted without other evidence. A destroyed
    /// key's is not: that state does not tell whether the key was retired or revoked before.
    pub const fn vouches(self) -> bool {
        matches!(self, Self::Active | Self::Retiring | Self::Retired)
    }
}

impl fmt::Display for KeyState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Prepared => "prepared",
            Self::Active => "active",
            Self::Retiring => "retiring",
            Self::Retired => "retired",
            Self::Tainted => "tainted",
            Self::Revoked => "revoked",
            Self::Destroyed => "destroyed",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use KeyState::{Active, Destroyed, Prepared, Retired, Retiring, Revoked, Tainted};

    #[test]
    fn transitions_are_exactly_these() {
        let legal = [
            (Prepared, vec![Active, Tainted, Revoked, Destroyed]),
            (Active, vec![Retiring, Tainted, Revoked]),
            (Retiring, vec![Retired, Tainted, Revoked]),
            (Retired, vec![Tainted, Revoked, Destroyed]),
            (Tainted, vec![Revoked]),
            (Revoked, vec![Destroyed]),
            (Destroyed, vec![]),
        ];
        for (from, targets) in legal {
            for to in KeyState::ALL {
                let expected = if targets.contains(&to) { Ok(to) } else { Err(IllegalTransition { from, to }) };
                assert_eq!(from.transition(to), expected, "{from} to {to}");
            }
        }
    }

    #[test]
    fn no_life_leads_back_to_signing_after_doubt() {
        for doubted in [Tainted, Revoked, Destroyed] {
            let mut reachable = vec![doubted];
            for _ in 0..KeyState::ALL.len() {
                let next = KeyState::ALL.into_iter().filter(|to| reachable.iter().any(|s| s.transition(*to).is_ok()));
                let next: Vec<_> = next.collect();
                reachable.extend(next);
            }
            assert!(reachable.iter().all(|state| !state.signs() && !state.vouches()), "{doubted}: {reachable:?}");
        }
    }
}

//! Why metadata, an image or a report is refused. Each refusal names the class of attack that it stops (Uptane 2.1.0 §4.3),
//! because the vehicle reports that class and an operator acts on it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The longest explanation, in characters.
pub const TEXT_CHARS_MAX: usize = 500;

/// A class of attack. The codes are stable: reports of vehicles carry them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Attack {
    /// Something that too few of the right keys signed, or that the image repository does not know.
    ArbitrarySoftware,
    /// Metadata that has expired: someone may be hiding newer metadata.
    Freeze,
    /// A version or release counter below one that was seen before.
    Rollback,
    /// A version that skips others.
    FastForward,
    /// More bytes than the role or the signed length allows.
    EndlessData,
    /// Parts that are genuine each but do not belong together.
    MixAndMatch,
    /// An image for other hardware than the ECU's.
    WrongHardware,
    /// Metadata for another vehicle, or for an ECU that this vehicle does not have.
    WrongVehicle,
    /// A target's name that could leave its folder or change an address.
    PathTraversal,
    /// Bytes whose length or digest is not the signed one.
    Integrity,
    /// A document that cannot be read.
    Malformed,
    /// Metadata that was not fetched yet, so that nothing can be decided.
    Incomplete,
}

impl Attack {
    /// All classes, in the order of their declaration.
    pub const ALL: [Self; 12] = [
        Self::ArbitrarySoftware,
        Self::Freeze,
        Self::Rollback,
        Self::FastForward,
        Self::EndlessData,
        Self::MixAndMatch,
        Self::WrongHardware,
        Self::WrongVehicle,
        Self::PathTraversal,
        Self::Integrity,
        Self::Malformed,
        Self::Incomplete,
    ];

    /// The stable code, as in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ArbitrarySoftware => "ARBITRARY_SOFTWARE",
            Self::Freeze => "FREEZE",
            Self::Rollback => "ROLLBACK",
            Self::FastForward => "FAST_FORWARD",
            Self::EndlessData => "ENDLESS_DATA",
            Self::MixAndMatch => "MIX_AND_MATCH",
            Self::WrongHardware => "WRONG_HARDWARE",
            Self::WrongVehicle => "WRONG_VEHICLE",
            Self::PathTraversal => "PATH_TRAVERSAL",
            Self::Integrity => "INTEGRITY",
            Self::Malformed => "MALFORMED",
            Self::Incomplete => "INCOMPLETE",
        }
    }

    /// A refusal of this class, explained by `text`. Attackers choose parts of the text, so it is cut and control characters
    /// are replaced before it reaches a log.
    pub fn refused(self, text: impl AsRef<str>) -> Refused {
        let shown = |c: char| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c };
        Refused { attack: self, text: text.as_ref().chars().take(TEXT_CHARS_MAX).map(shown).collect() }
    }
}

impl fmt::Display for Attack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why something was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("{attack}: {text}")]
pub struct Refused {
    /// The class of attack that the refusal stops.
    pub attack: Attack,
    /// What was wrong, as a sentence for an operator.
    pub text: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_and_the_serialised_form_are_one() {
        for attack in Attack::ALL {
            assert_eq!(serde_json::to_value(attack).unwrap(), attack.as_str());
        }
    }

    #[test]
    fn an_explanation_cannot_flood_or_forge_a_log() {
        let refused = Attack::Malformed.refused("a\nb".repeat(10_000));
        assert_eq!((refused.text.chars().count(), refused.text.contains('\n')), (TEXT_CHARS_MAX, false));
    }
}

//! One id type per entity, so that a trip can never be passed where a vehicle is expected.
//!
//! An id is a UUID version 7 (RFC 9562 §5.7): 48 bits of Unix milliseconds, then randomness. It is printed as
//! `prefix_` and 26 characters of Crockford base 32, which sorts like the bytes and survives being read aloud.

use std::fmt;
use std::str::FromStr;

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const TEXT_LENGTH: usize = 26;

/// A text that is not an id of the expected kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected an id like {prefix}_… (26 characters of base 32 after the prefix)")]
pub struct IdError {
    /// The prefix that was expected.
    pub prefix: &'static str,
}

/// Writes 128 bits as 26 characters of Crockford base 32, most significant first.
pub fn encode_base32(value: u128) -> String {
    (0..TEXT_LENGTH)
        .map(|place| {
            let shift = 5 * (TEXT_LENGTH - 1 - place);
            char::from(ALPHABET[((value >> shift) & 31) as usize])
        })
        .collect()
}

/// Reads what [`encode_base32`] wrote; `None` for anything else.
pub fn decode_base32(text: &str) -> Option<u128> {
    if text.len() != TEXT_LENGTH || text.as_bytes()[0] > b'7' {
        return None;
    }
    text.bytes().try_fold(0u128, |value, byte| {
        let digit = ALPHABET.iter().position(|&symbol| symbol == byte)?;
        Some((value << 5) | digit as u128)
    })
}

/// Builds the 128 bits of a UUID version 7 from Unix milliseconds and randomness.
pub fn uuid_v7(unix_ms: u64, random: u128) -> u128 {
    let time = u128::from(unix_ms & 0xffff_ffff_ffff) << 80;
    let rand_a = ((random >> 64) & 0x0fff) << 64;
    let rand_b = random & 0x3fff_ffff_ffff_ffff;
    time | (7 << 76) | rand_a | (2 << 62) | rand_b
}

/// What every typed id can do; implemented by [`typed_id!`](crate::typed_id) alone.
pub trait TypedId: Copy {
    /// The prefix of the text form, without the underscore.
    const PREFIX: &'static str;
    /// Wraps the 128 bits of a UUID.
    fn from_u128(value: u128) -> Self;
    /// The 128 bits of the UUID.
    fn as_u128(&self) -> u128;
}

/// Writes an id's text form.
pub fn format_id<T: TypedId>(id: &T, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "{}_{}", T::PREFIX, encode_base32(id.as_u128()))
}

/// Reads an id's text form.
pub fn parse_id<T: TypedId>(text: &str) -> Result<T, IdError> {
    text.strip_prefix(T::PREFIX)
        .and_then(|rest| rest.strip_prefix('_'))
        .and_then(decode_base32)
        .map(T::from_u128)
        .ok_or(IdError { prefix: T::PREFIX })
}

/// Declares the id type of one entity: `typed_id!(/// A trip. TripId, "trip");`
#[macro_export]
macro_rules! typed_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u128);

        impl $crate::id::TypedId for $name {
            const PREFIX: &'static str = $prefix;
            fn from_u128(value: u128) -> Self {
                Self(value)
            }
            fn as_u128(&self) -> u128 {
                self.0
            }
        }
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                $crate::id::format_id(self, f)
            }
        }
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                $crate::id::format_id(self, f)
            }
        }
        impl std::str::FromStr for $name {
            type Err = $crate::id::IdError;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                $crate::id::parse_id(text)
            }
        }
        impl $crate::id::serde::Serialize for $name {
            fn serialize<S: $crate::id::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> $crate::id::serde::Deserialize<'de> for $name {
            fn deserialize<D: $crate::id::serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str> as $crate::id::serde::Deserialize>::deserialize(deserializer)?;
                text.parse().map_err($crate::id::serde::de::Error::custom)
            }
        }
        // 128 bits: the first of 26 digits has three.
        $crate::text_schema!($name, { "pattern": concat!("^", $prefix, "_[0-7][0-9a-hjkmnp-tv-z]{25}$") });
    };
}

#[doc(hidden)]
pub use ::serde;

typed_id!(
    /// A trip, of any kind.
    TripId, "trip"
);
typed_id!(
    /// A vehicle.
    VehicleId, "veh"
);
typed_id!(
    /// An immutable version of a route.
    RouteId, "route"
);
typed_id!(
    /// An entry of the journal, known before it has a position.
    EventId, "evt"
);
typed_id!(
    /// A decision of the policy engine.
    DecisionId, "dec"
);
typed_id!(
    /// A command on its way to a vehicle.
    CommandId, "cmd"
);
typed_id!(
    /// One request of a client, the stream of decisions that no aggregate exists for.
    RequestId, "req"
);
typed_id!(
    /// A hold on a vehicle.
    HoldId, "hold"
);
typed_id!(
    /// A principal: a person or a program that acts for a tenant.
    PrincipalId, "prin"
);
typed_id!(
    /// A zone or closure of a site.
    RestrictionId, "restr"
);
typed_id!(
    /// A security or safety incident.
    IncidentId, "inc"
);
typed_id!(
    /// A violation of a compliance rule, from its opening to its closing.
    ViolationId, "viol"
);
typed_id!(
    /// One start of a vehicle's computer.
    BootId, "boot"
);
typed_id!(
    /// A standing order for trips.
    StandingId, "stand"
);
typed_id!(
    /// A vehicle's request for a person's help, from the question to its end.
    AssistId, "assist"
);
typed_id!(
    /// A bundle of evidence.
    BundleId, "bundle"
);
typed_id!(
    /// A report to an authority, with all its versions.
    ReportId, "report"
);
typed_id!(
    /// Something that an authority must have by a date.
    ObligationId, "oblig"
);
typed_id!(
    /// Something that is wrong with compliance or with its evidence.
    IssueId, "issue"
);
typed_id!(
    /// A collision.
    CollisionId, "coll"
);
typed_id!(
    /// A legal hold: records that must stay.
    LegalHoldId, "lhold"
);

/// Reads any typed id, for callers that only know the type.
pub fn parse<T: TypedId + FromStr<Err = IdError>>(text: &str) -> Result<T, IdError> {
    text.parse()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_form_round_trips_and_names_its_kind() {
        let id = TripId::from_u128(uuid_v7(1_795_489_212_000, 0x0123_4567_89ab_cdef_0123_4567_89ab_cdef));
        let text = id.to_string();
        assert!(text.starts_with("trip_") && text.len() == 31, "{text}");
        assert_eq!(text.parse::<TripId>(), Ok(id));
        assert_eq!(text.parse::<VehicleId>(), Err(IdError { prefix: "veh" }));
        for bad in ["", "trip_", "trip_zz", "trip_8zzzzzzzzzzzzzzzzzzzzzzzzz", &text.to_uppercase()] {
            assert!(bad.parse::<TripId>().is_err(), "{bad}");
        }
        assert_eq!(encode_base32(u128::MAX), "7zzzzzzzzzzzzzzzzzzzzzzzzz");
    }

    #[test]
    fn version_and_variant_bits_are_those_of_rfc_9562() {
        let value = uuid_v7(u64::MAX, u128::MAX);
        assert_eq!((value >> 76) & 0xf, 7);
        assert_eq!((value >> 62) & 0x3, 2);
    }
}

//! The checks that both directions share. A number on the wire may be anything, NaN included; what leaves here is in
//! range, and what is not names its field.

use std::str::FromStr;

use kernel::{Bearing, Coordinate, Timestamp};

use crate::from_vehicle::Position;
use crate::v1;

/// The longest short text (reasons, names, versions) in bytes: one line for a person.
pub(crate) const TEXT_BYTES_MAX: usize = 1_024;
/// The longest list of small things in one message: capabilities, metrics, boots.
pub(crate) const LIST_MAX: usize = 256;
/// No land vehicle of the product goes faster, in metres per second.
pub(crate) const SPEED_MPS_MAX: f64 = 100.0;
/// The lowest limit that anything drives at, in metres per second.
const DRIVING_MPS_MIN: f64 = 0.1;
/// The longest distance on one route or odometer that is plausible, in metres: five million kilometres.
pub(crate) const DISTANCE_M_MAX: f64 = 5e9;

/// A message that nobody may act on.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// Longer than [`MESSAGE_BYTES_MAX`](crate::MESSAGE_BYTES_MAX).
    #[error("the message has {bytes} bytes; at most {} are allowed", crate::MESSAGE_BYTES_MAX)]
    TooLarge {
        /// Its length.
        bytes: usize,
    },
    /// Not a message of this protocol at all.
    #[error("not a message of this protocol")]
    Decode(#[source] prost::DecodeError),
    /// One field is wrong.
    #[error("{field}: {problem}")]
    Field {
        /// Its path, as in the protocol file: `trip_report.position.lat`.
        field: String,
        /// What is expected there.
        problem: &'static str,
    },
}

pub(crate) type Checked<T> = Result<T, LinkError>;

pub(crate) fn bad<T>(field: impl Into<String>, problem: &'static str) -> Checked<T> {
    Err(LinkError::Field { field: field.into(), problem })
}

pub(crate) fn decode<M: prost::Message + Default>(bytes: &[u8]) -> Checked<M> {
    if bytes.len() > crate::MESSAGE_BYTES_MAX {
        return Err(LinkError::TooLarge { bytes: bytes.len() });
    }
    M::decode(bytes).map_err(LinkError::Decode)
}

/// A checkpoint: some hundred bytes, with the signatures of witnesses some thousand.
pub(crate) fn checkpoint(note: Vec<u8>, field: &str) -> Checked<Vec<u8>> {
    if note.len() > TEXT_BYTES_MAX * 4 { bad(field, "expected at most 4096 bytes") } else { Ok(note) }
}

pub(crate) fn id<T: FromStr>(text: &str, field: &str) -> Checked<T> {
    text.parse().or_else(|_| bad(field, "expected a typed id, like trip_…"))
}

pub(crate) fn optional_id<T: FromStr>(text: &str, field: &str) -> Checked<Option<T>> {
    if text.is_empty() { Ok(None) } else { id(text, field).map(Some) }
}

pub(crate) fn text(value: String, field: &str) -> Checked<String> {
    if value.len() <= TEXT_BYTES_MAX { Ok(value) } else { bad(field, "expected at most 1024 bytes") }
}

/// A SHA-256 in lower-case hexadecimal, or nothing.
pub(crate) fn digest(value: String, field: &str) -> Checked<String> {
    let hex = value.len() == 64 && value.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    if hex || value.is_empty() { Ok(value) } else { bad(field, "expected 64 lower-case hexadecimal digits") }
}

pub(crate) fn list<T>(values: Vec<T>, field: &str) -> Checked<Vec<T>> {
    if values.len() <= LIST_MAX { Ok(values) } else { bad(field, "expected at most 256 entries") }
}

pub(crate) fn number(value: f64, max: f64, field: &str) -> Checked<f64> {
    if (0.0..=max).contains(&value) { Ok(value) } else { bad(field, "expected a number from 0 to the limit") }
}

pub(crate) fn speed(value: f64, field: &str) -> Checked<f64> {
    number(value, SPEED_MPS_MAX, field)
}

/// A speed that something drives at: one that is too low would be a standstill which nothing ends.
pub(crate) fn driving_speed(value: f64, field: &str) -> Checked<f64> {
    let value = speed(value, field)?;
    if value < DRIVING_MPS_MIN { bad(field, "expected at least 0.1") } else { Ok(value) }
}

pub(crate) fn distance(value: f64, field: &str) -> Checked<f64> {
    number(value, DISTANCE_M_MAX, field)
}

pub(crate) fn percent(value: f64, field: &str) -> Checked<f64> {
    number(value, 100.0, field)
}

/// A time that an RFC 3339 text of four-digit years can hold.
pub(crate) fn time(us: i64, field: &str) -> Checked<Timestamp> {
    const YEAR_9999_US: i64 = 253_402_300_800_000_000;
    if (0..YEAR_9999_US).contains(&us) {
        Ok(Timestamp::from_us(us))
    } else {
        bad(field, "expected microseconds since 1970, before the year 10000")
    }
}

pub(crate) fn coordinate(lat: f64, lon: f64, field: &str) -> Checked<Coordinate> {
    Coordinate::new(lat, lon).or_else(|_| bad(field, "expected lat from -90 to 90 and lon from -180 to 180 degrees"))
}

pub(crate) fn heading(degrees: f64, field: &str) -> Checked<Bearing> {
    if degrees.is_finite() { Ok(Bearing::from_degrees(degrees)) } else { bad(field, "expected degrees") }
}

pub(crate) fn position(value: Option<v1::Position>, field: &str) -> Checked<Position> {
    let Some(value) = value else { return bad(field, "is missing") };
    Ok(Position {
        at: coordinate(value.lat, value.lon, field)?,
        heading: heading(value.heading_deg, &format!("{field}.heading_deg"))?,
    })
}

pub(crate) fn required<T>(value: Option<T>, field: &str) -> Checked<T> {
    value.map_or_else(|| bad(field, "is missing"), Ok)
}

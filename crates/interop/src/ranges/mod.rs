//! Byte ranges (RFC 9110 §14): which part of a file a `GET` is answered with. `HEAD` and every other method ignore
//! `Range` (§14.2), so their handlers do not ask.

/// The most ranges that are served in one answer. SWUpdate's delta handler asks for ten at most.
pub const RANGES: usize = 16;
/// The longest `Range` that is read, in bytes: sixteen ranges of two numbers of twenty digits, and spaces.
const FIELD_BYTES: usize = 1024;

/// A part of a file: the first and the last byte, both included, counted from 0. Never empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ByteRange {
    first: u64,
    last: u64,
}

/// What a request is answered with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Served {
    /// The whole file, 200.
    Full,
    /// One part, 206 with [`ByteRange::content_range`].
    Partial(ByteRange),
    /// Two parts or more in the order asked for, 206 with [`crate::multipart::Multipart`].
    Multiple(Vec<ByteRange>),
    /// None of the parts exists, 416 with [`unsatisfied`].
    NotSatisfiable,
}

impl ByteRange {
    /// The first byte.
    pub fn first(&self) -> u64 {
        self.first
    }

    /// The last byte.
    pub fn last(&self) -> u64 {
        self.last
    }

    /// How many bytes it has, at least one. It lies within a file, so the number never saturates.
    pub fn bytes(&self) -> u64 {
        (self.last - self.first).saturating_add(1)
    }

    /// Its `Content-Range` in a file of that many bytes (§14.4).
    pub fn content_range(&self, length: u64) -> String {
        format!("bytes {}-{}/{length}", self.first, self.last)
    }
}

/// The `Content-Range` of a 416 (§15.5.17).
pub fn unsatisfied(length: u64) -> String {
    format!("bytes */{length}")
}

/// What a `GET` of a file is answered with: its `Range`, its `If-Range`, the file's strong entity tag with its quotes,
/// and the file's length in bytes.
///
/// A `Range` is ignored, which §14.2 allows, if it is malformed, of another unit, has more than [`RANGES`] ranges, or
/// asks for more bytes in all than the file has (§17.15: many overlapping ranges are an attack). It is also ignored if
/// `If-Range` does not hold the very tag: a date or a weak tag never does (§13.1.5), because files here have no dates.
pub fn serve(range: Option<&str>, if_range: Option<&str>, etag: &str, length: u64) -> Served {
    let Some(asked) = range.and_then(specs) else { return Served::Full };
    if if_range.is_some_and(|validator| validator.trim() != etag || !is_strong(etag)) {
        return Served::Full;
    }
    let ranges: Vec<ByteRange> = asked.iter().filter_map(|spec| spec.within(length)).collect();
    let total = ranges.iter().try_fold(0_u64, |total, range| total.checked_add(range.bytes()));
    match ranges[..] {
        // A suffix of an empty file can be satisfied (§14.1.2) but not be written as a part.
        [] if length == 0 && asked.iter().any(|spec| matches!(spec, Spec::Suffix(1..))) => Served::Full,
        [] => Served::NotSatisfiable,
        _ if total.is_none_or(|total| total > length) => Served::Full,
        [only] => Served::Partial(only),
        _ => Served::Multiple(ranges),
    }
}

/// Whether this is a strong entity tag (§8.8.3).
fn is_strong(etag: &str) -> bool {
    let inner = etag.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    inner.is_some_and(|inner| inner.bytes().all(|byte| byte > 0x20 && byte != b'"' && byte != 0x7f))
}

/// A range as it is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spec {
    /// From a byte up to another, if one is named.
    From(u64, Option<u64>),
    /// So many bytes at the end.
    Suffix(u64),
}

impl Spec {
    /// The part of a file of that many bytes, if there is one.
    fn within(self, length: u64) -> Option<ByteRange> {
        let end = length.checked_sub(1)?;
        let (first, last) = match self {
            Self::From(first, last) => (first, last.unwrap_or(end).min(end)),
            Self::Suffix(0) => return None,
            Self::Suffix(bytes) => (length.saturating_sub(bytes), end),
        };
        (first <= end).then_some(ByteRange { first, last })
    }
}

/// The ranges of a `Range` field (§14.1.1, §14.2); nothing if it is to be ignored.
fn specs(field: &str) -> Option<Vec<Spec>> {
    let (unit, set) = field.trim().split_once('=')?;
    if field.len() > FIELD_BYTES || !unit.eq_ignore_ascii_case("bytes") {
        return None;
    }
    // A list may have empty elements (§5.6.1.2).
    let elements =
        set.split(',').map(|element| element.trim_matches([' ', '\t'])).filter(|element| !element.is_empty());
    let specs: Vec<Spec> = elements.map(spec).collect::<Option<_>>()?;
    (1..=RANGES).contains(&specs.len()).then_some(specs)
}

/// One range (§14.1.2).
fn spec(element: &str) -> Option<Spec> {
    match element.split_once('-')? {
        ("", bytes) => Some(Spec::Suffix(number(bytes)?)),
        (first, "") => Some(Spec::From(number(first)?, None)),
        (first, last) => {
            let (first_byte, last_byte) = (number(first)?, number(last)?);
            (first_byte <= last_byte).then_some(Spec::From(first_byte, Some(last_byte)))
        }
    }
}

/// A number of digits only; one that is too large for 64 bits is the largest, because it lies beyond every file.
fn number(digits: &str) -> Option<u64> {
    let decimal = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    decimal.then(|| digits.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests;

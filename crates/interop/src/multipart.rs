//! `multipart/byteranges` (RFC 9110 §14.6): several parts of one file in one answer. The bytes themselves are the
//! caller's: it writes each head, the bytes of its range, and at last the tail.

use crate::ranges::ByteRange;

/// The most characters of a boundary (RFC 2046 §5.1.1).
pub const BOUNDARY_CHARACTERS: usize = 70;

/// An answer of several parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Multipart<'a> {
    boundary: &'a str,
    part_type: &'a str,
    length: u64,
    ranges: &'a [ByteRange],
}

/// What can not be written as several parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MultipartError {
    /// SWUpdate turns the boundary into lower case before it looks for it, and splits it at `=`.
    #[error("a boundary has 1 to {BOUNDARY_CHARACTERS} lower-case letters and digits")]
    Boundary,
    /// The type of the parts has characters that no field has.
    #[error("the type of the parts is empty or has characters that no field has")]
    PartType,
    /// A part is not within the file.
    #[error("a part ends beyond the file")]
    Range,
    /// Together they have more than `u64::MAX` bytes.
    #[error("the parts are too long to be counted")]
    TooLong,
}

impl<'a> Multipart<'a> {
    /// Parts of a file of that many bytes. The boundary must not occur in the file: make it of 128 random bits for each
    /// answer, so that nobody who writes a file can know it. `part_type` is the `Content-Type` of the file.
    ///
    /// # Errors
    /// [`MultipartError`].
    pub fn new(
        boundary: &'a str,
        part_type: &'a str,
        length: u64,
        ranges: &'a [ByteRange],
    ) -> Result<Self, MultipartError> {
        let plain = boundary.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        if !plain || !(1..=BOUNDARY_CHARACTERS).contains(&boundary.len()) {
            return Err(MultipartError::Boundary);
        }
        if part_type.is_empty() || !part_type.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) {
            return Err(MultipartError::PartType);
        }
        if ranges.iter().any(|range| range.last() >= length) {
            return Err(MultipartError::Range);
        }
        Ok(Self { boundary, part_type, length, ranges })
    }

    /// The `Content-Type` of the answer. SWUpdate wants exactly this: one space, and no quotes around the boundary.
    pub fn content_type(&self) -> String {
        format!("multipart/byteranges; boundary={}", self.boundary)
    }

    /// The parts in their order: what stands before the bytes, and which bytes.
    pub fn parts(&self) -> impl Iterator<Item = (String, ByteRange)> + '_ {
        self.ranges.iter().enumerate().map(|(at, range)| (self.head(at == 0, range), *range))
    }

    /// What stands after the last bytes.
    pub fn tail(&self) -> String {
        format!("\r\n--{}--\r\n", self.boundary)
    }

    /// The `Content-Length` of the answer: heads, bytes and tail.
    ///
    /// # Errors
    /// [`MultipartError::TooLong`].
    pub fn content_length(&self) -> Result<u64, MultipartError> {
        let text = |text: &str| u64::try_from(text.len()).ok();
        let add = |total: u64, (head, range): (String, ByteRange)| {
            total.checked_add(text(&head)?)?.checked_add(range.bytes())
        };
        let total = text(&self.tail()).and_then(|tail| self.parts().try_fold(tail, add));
        total.ok_or(MultipartError::TooLong)
    }

    /// What stands before a part. The newline before a boundary belongs to the boundary; the first one has none,
    /// because the parser that SWUpdate contains begins with the first hyphen.
    fn head(&self, is_first: bool, range: &ByteRange) -> String {
        let newline = if is_first { "" } else { "\r\n" };
        let Self { boundary, part_type, length, .. } = self;
        let content_range = range.content_range(*length);
        format!("{newline}--{boundary}\r\nContent-Type: {part_type}\r\nContent-Range: {content_range}\r\n\r\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ranges::{Served, serve};

    fn multiple(field: &str, length: u64) -> Vec<ByteRange> {
        match serve(Some(field), None, "\"a\"", length) {
            Served::Multiple(ranges) => ranges,
            other => panic!("{other:?}"),
        }
    }

    /// The answer as the caller writes it.
    fn written(multipart: &Multipart, file: &[u8]) -> Vec<u8> {
        let mut body = Vec::new();
        for (head, range) in multipart.parts() {
            body.extend(head.into_bytes());
            body.extend(&file[range.first() as usize..=range.last() as usize]);
        }
        body.extend(multipart.tail().into_bytes());
        body
    }

    #[test]
    fn the_example_of_the_rfc() {
        // §14.6, with a boundary that SWUpdate can find.
        let ranges = multiple("bytes=500-999,7000-7999", 8_000);
        let multipart = Multipart::new("thisstringseparates", "application/pdf", 8_000, &ranges).unwrap();
        assert_eq!(multipart.content_type(), "multipart/byteranges; boundary=thisstringseparates");
        let heads: Vec<String> = multipart.parts().map(|(head, _)| head).collect();
        let first =
            "--thisstringseparates\r\nContent-Type: application/pdf\r\nContent-Range: bytes 500-999/8000\r\n\r\n";
        let second =
            "\r\n--thisstringseparates\r\nContent-Type: application/pdf\r\nContent-Range: bytes 7000-7999/8000\r\n\r\n";
        assert_eq!(heads, [first, second]);
        assert_eq!(multipart.tail(), "\r\n--thisstringseparates--\r\n");
    }

    #[test]
    fn the_length_is_what_is_written() {
        let file: Vec<u8> = (0..=255).cycle().take(10_000).collect();
        for field in ["bytes=0-0,-1", "bytes=0-999,4500-5499,-1000", "bytes=9-99,100-100,7-7,9990-"] {
            let ranges = multiple(field, 10_000);
            let multipart = Multipart::new("b0", "application/octet-stream", 10_000, &ranges).unwrap();
            let body = written(&multipart, &file);
            assert_eq!(multipart.content_length(), Ok(body.len() as u64), "{field}");
            // An independent reading: what stands between the boundaries, after the empty line.
            let text: String = body.iter().map(|byte| char::from(*byte)).collect();
            let found: Vec<&str> =
                text.split("--b0").filter_map(|part| part.split_once("\r\n\r\n")).map(|(_, data)| data).collect();
            let cut = |range: &ByteRange| -> String {
                file[range.first() as usize..=range.last() as usize].iter().map(|byte| char::from(*byte)).collect()
            };
            let expected: Vec<String> = ranges.iter().map(|range| cut(range) + "\r\n").collect();
            assert_eq!(found, expected, "{field}");
        }
    }

    #[test]
    fn what_can_not_be_written_is_refused() {
        let ranges = multiple("bytes=0-0,-1", 100);
        let new = |boundary, part_type, length| Multipart::new(boundary, part_type, length, &ranges).err();
        let long = "a".repeat(BOUNDARY_CHARACTERS + 1);
        for boundary in ["", "THIS", "a b", "a\r\nb", "a=b", long.as_str()] {
            assert_eq!(new(boundary, "text/plain", 100), Some(MultipartError::Boundary), "{boundary}");
        }
        for part_type in ["", "text/plain\r\nX: y", "té"] {
            assert_eq!(new("b", part_type, 100), Some(MultipartError::PartType), "{part_type}");
        }
        assert_eq!(new("b", "text/plain", 99), Some(MultipartError::Range));
        let huge = multiple("bytes=0-9223372036854775806,9223372036854775807-18446744073709551613", u64::MAX);
        let multipart = Multipart::new("b", "text/plain", u64::MAX, &huge).unwrap();
        assert_eq!(multipart.content_length(), Err(MultipartError::TooLong));
    }
}

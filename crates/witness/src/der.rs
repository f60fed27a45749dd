//! As much of DER (X.690) as a timestamp needs: values with one byte of type and a definite length. Every length is checked
//! against the bytes that there are before anything is read.

use crate::WitnessError;

pub const BOOLEAN: u8 = 0x01;
pub const INTEGER: u8 = 0x02;
pub const OCTETS: u8 = 0x04;
pub const NULL: u8 = 0x05;
pub const OBJECT_ID: u8 = 0x06;
pub const GENERALIZED_TIME: u8 = 0x18;
pub const SEQUENCE: u8 = 0x30;
pub const SET: u8 = 0x31;
/// The first explicitly tagged field of a sequence.
pub const EXPLICIT_0: u8 = 0xA0;

/// A value with its type and length before it.
pub fn value(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let mut bytes = vec![tag];
    match u8::try_from(length) {
        Ok(short) if short < 0x80 => bytes.push(short),
        _ => {
            let long: Vec<u8> = length.to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect();
            bytes.push(0x80 | long.len() as u8);
            bytes.extend(long);
        }
    }
    bytes.extend_from_slice(content);
    bytes
}

/// A sequence of values.
pub fn sequence(values: &[Vec<u8>]) -> Vec<u8> {
    value(SEQUENCE, &values.concat())
}

/// A number that is not negative, in as few bytes as it needs.
pub fn unsigned(number: u64) -> Vec<u8> {
    let mut content: Vec<u8> = number.to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect();
    if content.first().is_none_or(|first| first & 0x80 != 0) {
        content.insert(0, 0);
    }
    value(INTEGER, &content)
}

/// Values one after the other.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub fn is_at_end(&self) -> bool {
        self.0.is_empty()
    }

    /// The content of the next value, whatever it is, with its type.
    pub fn any(&mut self) -> Result<(u8, &'a [u8]), WitnessError> {
        const CUT: WitnessError = WitnessError::Timestamp("it ends within a value");
        let (&[tag, first], mut rest) = self.0.split_first_chunk::<2>().ok_or(CUT)?;
        if tag & 0x1F == 0x1F {
            return Err(WitnessError::Timestamp("a value is of a type that no timestamp has"));
        }
        let length = if first < 0x80 {
            usize::from(first)
        } else {
            let width = usize::from(first & 0x7F);
            let (bytes, behind) = rest.split_at_checked(width).ok_or(CUT)?;
            let length = bytes.iter().fold(0usize, |length, byte| (length << 8) | usize::from(*byte));
            if !(1..=4).contains(&width) || length < 0x80 || bytes.first() == Some(&0) {
                return Err(WitnessError::Timestamp("a length is not in its one form"));
            }
            rest = behind;
            length
        };
        let (content, behind) = rest.split_at_checked(length).ok_or(CUT)?;
        self.0 = behind;
        Ok((tag, content))
    }

    /// The content of the next value, which must be of a type.
    pub fn expect(&mut self, tag: u8) -> Result<&'a [u8], WitnessError> {
        match self.any()? {
            (found, content) if found == tag => Ok(content),
            _ => Err(WitnessError::Timestamp("a value is not of the type that stands there in a timestamp")),
        }
    }

    /// The values within the next one, which must be of a type.
    pub fn within(&mut self, tag: u8) -> Result<Self, WitnessError> {
        self.expect(tag).map(Self)
    }

    /// The content of the next value, if it is of a type.
    pub fn optional(&mut self, tag: u8) -> Result<Option<&'a [u8]>, WitnessError> {
        match self.0.first() {
            Some(found) if *found == tag => self.expect(tag).map(Some),
            _ => Ok(None),
        }
    }
}

//! Diagnostic trouble codes as three standards write them: UDS (ISO 14229-1), OBD (SAE J1979) and J1939-73.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The diagnostic protocol that a code came by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    Uds,
    Obd,
    J1939,
}

/// Why a code is no code.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CodeError {
    #[error("a code of SAE J2012 is one of P, C, B, U, a digit 0 to 3 and three hexadecimal digits, and not {0:?}")]
    NotJ2012(String),
    #[error("a code of J1939 is SPN/FMI, at most 524287/31, and not {0:?}")]
    NotJ1939(String),
    #[error("only UDS has a failure-type byte")]
    NoFailureType,
    #[error("the name of the control unit is empty")]
    NoEcu,
}

/// The status byte of ISO 14229-1, annex D.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Status(pub u8);

impl Status {
    pub const TEST_FAILED: u8 = 1;
    pub const TEST_FAILED_THIS_OPERATION_CYCLE: u8 = 1 << 1;
    pub const PENDING: u8 = 1 << 2;
    pub const CONFIRMED: u8 = 1 << 3;
    pub const TEST_NOT_COMPLETED_SINCE_LAST_CLEAR: u8 = 1 << 4;
    pub const TEST_FAILED_SINCE_LAST_CLEAR: u8 = 1 << 5;
    pub const TEST_NOT_COMPLETED_THIS_OPERATION_CYCLE: u8 = 1 << 6;
    pub const WARNING_INDICATOR_REQUESTED: u8 = 1 << 7;

    pub fn has(self, bit: u8) -> bool {
        self.0 & bit == bit
    }

    /// Bit 0: the last test found the fault.
    pub fn test_failed(self) -> bool {
        self.has(Self::TEST_FAILED)
    }

    /// Bit 2: the fault was found in this or the last complete operation cycle.
    pub fn pending(self) -> bool {
        self.has(Self::PENDING)
    }

    /// Bit 3: the fault was found often enough to be stored.
    pub fn confirmed(self) -> bool {
        self.has(Self::CONFIRMED)
    }

    /// Bit 7: the vehicle asks for the warning lamp.
    pub fn warning(self) -> bool {
        self.has(Self::WARNING_INDICATOR_REQUESTED)
    }
}

/// A checked trouble code with its status.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct TroubleCode {
    source: Source,
    ecu: String,
    code: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure_type: Option<u8>,
    status: Status,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Unchecked {
    source: Source,
    ecu: String,
    code: String,
    #[serde(default)]
    failure_type: Option<u8>,
    status: Status,
}

impl TryFrom<Unchecked> for TroubleCode {
    type Error = CodeError;

    fn try_from(raw: Unchecked) -> Result<Self, CodeError> {
        Self::new(raw.source, &raw.ecu, &raw.code, raw.failure_type, raw.status)
    }
}

impl TroubleCode {
    /// A code from its parts. With UDS and OBD the code has the five characters of SAE J2012, with J1939 it is
    /// `SPN/FMI` in decimal, because J1939 has no five characters. Small letters become capitals, leading zeros go.
    pub fn new(
        source: Source,
        ecu: &str,
        code: &str,
        failure_type: Option<u8>,
        status: Status,
    ) -> Result<Self, CodeError> {
        if ecu.trim().is_empty() {
            return Err(CodeError::NoEcu);
        }
        if failure_type.is_some() && source != Source::Uds {
            return Err(CodeError::NoFailureType);
        }
        let code = match source {
            Source::Uds | Source::Obd => j2012(code)?,
            Source::J1939 => j1939(code)?,
        };
        Ok(Self { source, ecu: ecu.trim().to_owned(), code, failure_type, status })
    }

    /// A UDS code from the three bytes of service 0x19: two bytes of SAE J2012 and the failure type.
    pub fn from_uds(ecu: &str, bytes: [u8; 3], status: Status) -> Result<Self, CodeError> {
        let letter = match bytes[0] >> 6 {
            0 => 'P',
            1 => 'C',
            2 => 'B',
            _ => 'U',
        };
        let code = format!("{letter}{:X}{:X}{:02X}", (bytes[0] >> 4) & 0b11, bytes[0] & 0xf, bytes[1]);
        Self::new(Source::Uds, ecu, &code, Some(bytes[2]), status)
    }

    pub fn source(&self) -> Source {
        self.source
    }

    pub fn ecu(&self) -> &str {
        &self.ecu
    }

    pub fn code(&self) -> &str {
        &self.code
    }

    pub fn failure_type(&self) -> Option<u8> {
        self.failure_type
    }

    pub fn status(&self) -> Status {
        self.status
    }
}

/// The five characters of SAE J2012.
fn j2012(code: &str) -> Result<String, CodeError> {
    let upper = code.trim().to_ascii_uppercase();
    let valid = match upper.as_bytes() {
        [letter, first, rest @ ..] => {
            b"PCBU".contains(letter)
                && (b'0'..=b'3').contains(first)
                && rest.len() == 3
                && rest.iter().all(u8::is_ascii_hexdigit)
        }
        _ => false,
    };
    if valid { Ok(upper) } else { Err(CodeError::NotJ2012(code.to_owned())) }
}

/// Suspect parameter number (19 bits) and failure mode identifier (5 bits).
fn j1939(code: &str) -> Result<String, CodeError> {
    let wrong = || CodeError::NotJ1939(code.to_owned());
    let (spn, fmi) = code.trim().split_once('/').ok_or_else(wrong)?;
    let spn: u32 = spn.parse().map_err(|_| wrong())?;
    let fmi: u32 = fmi.parse().map_err(|_| wrong())?;
    if spn > 524_287 || fmi > 31 {
        return Err(wrong());
    }
    Ok(format!("{spn}/{fmi}"))
}

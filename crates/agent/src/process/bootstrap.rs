//! What a technician carries to a vehicle: where to enrol, whom to trust there, and the token that is good for once.

use data_encoding::HEXLOWER;
use std::fmt;
use std::path::Path;
use std::str::FromStr;

use kernel::{TenantId, VehicleId};
use keys::Secret;
use pki::{SpiffeId, TrustDomain};
use serde::{Deserialize, Deserializer, de};
use sha2::{Digest, Sha256};

/// The longest file that is read, in bytes.
const FILE_BYTES_MAX: u64 = 64 << 10;

/// A text that is no SHA-256.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected the SHA-256 of the device authority's certificate: 64 hexadecimal digits")]
pub struct FingerprintError;

/// The SHA-256 of a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint(pub [u8; 32]);

impl FromStr for Fingerprint {
    type Err = FingerprintError;

    fn from_str(text: &str) -> Result<Self, FingerprintError> {
        let digits: Vec<u8> = text.chars().map_while(|digit| digit.to_digit(16)).map(|digit| digit as u8).collect();
        if text.len() != 64 || digits.len() != 64 {
            return Err(FingerprintError);
        }
        let bytes: Vec<u8> =
            digits.chunks(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect();
        bytes.try_into().map(Self).map_err(|_| FingerprintError)
    }
}

/// The bootstrap file of one vehicle.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bootstrap {
    pub vehicle: VehicleId,
    pub tenant: TenantId,
    #[serde(deserialize_with = "parsed")]
    pub trust_domain: TrustDomain,
    /// The enrolment listener, as `host:port`.
    pub enrol: String,
    /// The vehicle listener, as `host:port`.
    pub link: String,
    /// Where software updates are fetched, as `host:port`; none: this vehicle is not updated.
    #[serde(default)]
    pub updates: Option<String>,
    /// The id of the key that says which keys sign for updates.
    #[serde(default)]
    pub update_root_key: Option<String>,
    #[serde(deserialize_with = "parsed")]
    pub device_authority_sha256: Fingerprint,
    #[serde(deserialize_with = "secret")]
    pub join_token: Secret,
}

fn parsed<'de, T: FromStr<Err: fmt::Display>, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
}

fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
    String::deserialize(deserializer).map(Secret::new)
}

impl fmt::Debug for Bootstrap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bootstrap").field("vehicle", &self.vehicle).field("enrol", &self.enrol).finish_non_exhaustive()
    }
}

/// A bootstrap file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BootstrapError {
    #[error("cannot read the bootstrap file")]
    Read(#[source] std::io::Error),
    #[error("the bootstrap file has {bytes} bytes; at most {FILE_BYTES_MAX} are read")]
    TooLong { bytes: u64 },
    #[error("the bootstrap file is not of the expected form")]
    Form(#[source] serde_json::Error),
}

impl Bootstrap {
    /// Reads a file.
    ///
    /// # Errors
    /// The file cannot be read, is too long or has another form.
    pub fn read(path: &Path) -> Result<Self, BootstrapError> {
        let bytes = std::fs::metadata(path).map_err(BootstrapError::Read)?.len();
        if bytes > FILE_BYTES_MAX {
            return Err(BootstrapError::TooLong { bytes });
        }
        serde_json::from_slice(&std::fs::read(path).map_err(BootstrapError::Read)?).map_err(BootstrapError::Form)
    }

    pub(super) fn device_id(&self) -> SpiffeId {
        SpiffeId::device(&self.trust_domain, &self.tenant, self.vehicle)
    }

    pub(super) fn vehicle_id(&self) -> SpiffeId {
        SpiffeId::vehicle(&self.trust_domain, &self.tenant, self.vehicle)
    }

    /// By what the token is known again without being kept.
    pub(super) fn token_sha256(&self) -> String {
        HEXLOWER.encode(&Sha256::digest(self.join_token.expose()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_64_hexadecimal_digits() {
        let hex = "ab".repeat(32);
        assert_eq!(hex.parse(), Ok(Fingerprint([0xab; 32])));
        assert_eq!(hex.to_uppercase().parse(), Ok(Fingerprint([0xab; 32])));
        for bad in ["", "ab", &hex[1..], &format!("{hex}0"), &"g".repeat(64)] {
            assert_eq!(bad.parse::<Fingerprint>(), Err(FingerprintError), "{bad}");
        }
    }

    #[test]
    fn a_bootstrap_file_says_what_is_wrong_and_never_the_token() {
        let good = serde_json::json!({
            "vehicle": "veh_01m8mjdxvdewgttkcq8fcmk5r2", "tenant": "north-pit", "trust_domain": "fleet.example",
            "enrol": "host:1", "link": "host:2", "device_authority_sha256": "ab".repeat(32), "join_token": "amj_secret",
        });
        let read: Bootstrap = serde_json::from_value(good.clone()).unwrap();
        assert!(!format!("{read:?}").contains("amj_secret"));
        assert_eq!(
            read.device_id().to_string(),
            "spiffe://fleet.example/tenant/north-pit/device/veh_01m8mjdxvdewgttkcq8fcmk5r2"
        );
        for (field, value, why) in [
            ("secret", "x", "unknown field `secret`"),
            ("trust_domain", "Fleet", "is no SPIFFE id"),
            ("device_authority_sha256", "12", "64 hexadecimal digits"),
        ] {
            let mut bad = good.clone();
            bad[field] = value.into();
            let error = serde_json::from_value::<Bootstrap>(bad).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
    }
}

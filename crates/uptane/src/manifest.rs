//! The vehicle version report (Uptane 2.1.0 §5.4.2.1): what is installed where, signed by the vehicle's key on P-256. The
//! member names are those of aktualizr, with `vehicle` for `vin`.

use data_encoding::HEXLOWER;
use std::collections::BTreeMap;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use kernel::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::attack::{Attack, Refused};
use crate::canonical::canonical;
use crate::metadata::Hashes;

/// The method of our signatures: ECDSA on P-256 with SHA-256, the signature in ASN.1 DER.
pub const METHOD: &str = "ecdsa-p256-sha256";
/// The most bytes of a signed report.
pub const MANIFEST_BYTES_MAX: usize = 256 * 1_024;
/// The most signatures of a report.
const SIGNATURES_MAX: usize = 8;

/// What a vehicle reports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VehicleManifest {
    /// The vehicle's id.
    pub vehicle: String,
    /// The ECU that made the report.
    pub primary_ecu_serial: String,
    /// By serial number.
    pub ecu_version_manifests: BTreeMap<String, EcuManifest>,
    /// How the last update ended, when there was one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub installation_report: Option<InstallationReport>,
    /// Grows with each report, so that an old one cannot be given again.
    pub report_counter: u64,
    /// The vehicle's own time.
    pub vehicle_time: Timestamp,
}

/// What is installed on an ECU.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EcuManifest {
    pub ecu_serial: String,
    /// What images must be for.
    pub hardware_id: String,
    pub installed_image: InstalledImage,
    /// The codes of attacks that the ECU detected since its last report, with commas between; empty when there were none.
    #[serde(default)]
    pub attacks_detected: String,
    /// Grows with each report of the ECU.
    pub report_counter: u64,
    pub release: String,
    pub release_counter: u64,
    /// The slot that the ECU runs from.
    pub booted_slot: String,
    /// Changes with each start of the ECU.
    pub boot_id: String,
}

/// An image as it lies in the slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstalledImage {
    /// The target's name.
    pub filepath: String,
    pub fileinfo: FileInfo,
}

/// What the ECU read back from the slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileInfo {
    /// In bytes.
    pub length: u64,
    pub hashes: Hashes,
}

/// How an update ended or how far it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstallationReport {
    /// The update's id, as in the director's metadata.
    pub update: String,
    pub attempt: u32,
    pub state: String,
    /// The stable code of the reason.
    pub code: String,
    /// The reason as a sentence.
    pub detail: String,
}

/// A signature of a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestSignature {
    pub keyid: String,
    pub method: String,
    /// In hexadecimal.
    pub sig: String,
}

/// A report with its signatures. Nothing in it is to be believed before [`SignedManifest::verify`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedManifest {
    pub signed: Value,
    pub signatures: Vec<ManifestSignature>,
}

/// A report could not be signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError<E> {
    #[error("the report cannot be written: {0}")]
    Write(String),
    #[error("the vehicle's key could not sign the report")]
    Sign(#[source] E),
}

fn malformed(why: impl std::fmt::Display) -> Refused {
    Attack::Malformed.refused(format!("this is no vehicle version report: {why}"))
}

impl SignedManifest {
    /// Signs `manifest`. `signer` gets the canonical bytes and returns the ECDSA signature over them in ASN.1 DER.
    ///
    /// # Errors
    /// [`ManifestError`].
    pub fn sign<E>(
        manifest: &VehicleManifest,
        keyid: &str,
        signer: impl FnOnce(&[u8]) -> Result<Vec<u8>, E>,
    ) -> Result<Self, ManifestError<E>> {
        let signed = serde_json::to_value(manifest).map_err(|error| ManifestError::Write(error.to_string()))?;
        let message = canonical(&signed).map_err(|error| ManifestError::Write(error.to_string()))?;
        let sig = HEXLOWER.encode(&signer(&message).map_err(ManifestError::Sign)?);
        let signature = ManifestSignature { keyid: keyid.to_owned(), method: METHOD.to_owned(), sig };
        Ok(Self { signed, signatures: vec![signature] })
    }

    /// Reads a report as it was received.
    ///
    /// # Errors
    /// [`Attack::EndlessData`] or [`Attack::Malformed`].
    pub fn read(document: &[u8]) -> Result<Self, Refused> {
        if document.len() > MANIFEST_BYTES_MAX {
            let text = format!("the report has more than {MANIFEST_BYTES_MAX} bytes");
            return Err(Attack::EndlessData.refused(text));
        }
        serde_json::from_slice(document).map_err(malformed)
    }

    /// The report, when the key signed it. The key is the vehicle's that the connection proved: an uncompressed point on P-256
    /// or a SubjectPublicKeyInfo in DER. Counters and the time are the caller's to compare.
    ///
    /// # Errors
    /// [`Attack::ArbitrarySoftware`] without a signature of the key, otherwise [`Attack::Malformed`].
    pub fn verify(&self, public_key: &[u8]) -> Result<VehicleManifest, Refused> {
        if self.signatures.len() > SIGNATURES_MAX {
            return Err(malformed("it has too many signatures"));
        }
        let message = canonical(&self.signed).map_err(malformed)?;
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, public_key);
        let is_signed = self.signatures.iter().filter(|signature| signature.method == METHOD).any(|signature| {
            HEXLOWER.decode(signature.sig.as_bytes()).is_ok_and(|signature| key.verify(&message, &signature).is_ok())
        });
        if !is_signed {
            return Err(Attack::ArbitrarySoftware.refused("the report has no signature by the vehicle's key"));
        }
        let manifest: VehicleManifest = serde_json::from_value(self.signed.clone()).map_err(malformed)?;
        if let Some((serial, _)) =
            manifest.ecu_version_manifests.iter().find(|(serial, ecu)| **serial != ecu.ecu_serial)
        {
            return Err(malformed(format_args!("{serial} reports under another serial number")));
        }
        if !manifest.ecu_version_manifests.contains_key(&manifest.primary_ecu_serial) {
            return Err(malformed("the Primary is not among the ECUs"));
        }
        Ok(manifest)
    }
}

//! The signed report of what the vehicle runs (Uptane's vehicle version manifest), with a counter that never goes back.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use kernel::{Timestamp, VehicleId};
use rustls::pki_types::PrivateKeyDer;
use uptane::Sha256Digest;
use uptane::manifest::{EcuManifest, FileInfo, InstallationReport, InstalledImage, SignedManifest, VehicleManifest};
use uptane::metadata::Hashes;

use super::image::HARDWARE_ID;
use crate::process::identity::Held;
use crate::slots::{Image, Slot};

/// The counter of reports, on disk before a report leaves.
#[derive(Debug)]
pub struct Counter {
    path: PathBuf,
    value: u64,
}

impl Counter {
    /// Opens the counter; one that is missing or damaged begins at the time, which is beyond any that was counted.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn open(folder: &Path, now: Timestamp) -> io::Result<Self> {
        let path = folder.join("reports");
        let value = match fs::read_to_string(&path) {
            Ok(text) => text.trim().parse().ok(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let time = u64::try_from(now.as_ms() / 1_000).unwrap_or(0);
        Ok(Self { path, value: value.unwrap_or(time) })
    }

    /// The next value, which is safe on disk.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn next(&mut self) -> io::Result<u64> {
        let (value, part) = (self.value + 1, self.path.with_extension("part"));
        let mut file = File::create(&part)?;
        write!(file, "{value}")?;
        file.sync_all()?;
        fs::rename(&part, &self.path)?;
        self.value = value;
        Ok(value)
    }
}

/// What a report says.
pub struct Told<'a> {
    pub vehicle: VehicleId,
    pub boot_id: &'a str,
    pub slot: Slot,
    pub image: &'a Image,
    /// The classes of attacks that were noticed since the last report.
    pub attack: &'a str,
    pub installation: Option<InstallationReport>,
    pub counter: u64,
    pub now: Timestamp,
}

/// The serial number of the vehicle's computer.
pub fn ecu_serial(vehicle: VehicleId) -> String {
    format!("ecu-{vehicle}")
}

/// A report, signed with the key of the vehicle's SVID.
///
/// # Errors
/// The key cannot sign.
pub fn signed(told: Told<'_>, held: &Held) -> Result<SignedManifest, String> {
    let serial = ecu_serial(told.vehicle);
    let ecu = EcuManifest {
        ecu_serial: serial.clone(),
        hardware_id: HARDWARE_ID.into(),
        installed_image: InstalledImage {
            filepath: format!("{}.img", told.image.release),
            fileinfo: FileInfo {
                length: told.image.length,
                hashes: Hashes { sha256: Sha256Digest(told.image.sha256) },
            },
        },
        attacks_detected: told.attack.to_owned(),
        report_counter: told.counter,
        release: told.image.release.clone(),
        release_counter: told.image.counter,
        booted_slot: told.slot.to_string(),
        boot_id: told.boot_id.to_owned(),
    };
    let manifest = VehicleManifest {
        vehicle: told.vehicle.to_string(),
        primary_ecu_serial: serial.clone(),
        ecu_version_manifests: BTreeMap::from([(serial, ecu)]),
        installation_report: told.installation,
        report_counter: told.counter,
        vehicle_time: told.now,
    };
    let key = held.svid.key_der().ok_or("the vehicle's key cannot be read")?;
    let key = rustls::crypto::aws_lc_rs::sign::any_supported_type(&PrivateKeyDer::Pkcs8(key.into()))
        .map_err(|error| error.to_string())?;
    let signer = key
        .choose_scheme(&[rustls::SignatureScheme::ECDSA_NISTP256_SHA256])
        .ok_or("the vehicle's key is of another kind")?;
    let keyid = pki::certificate::fingerprint(&held.svid.certificate);
    SignedManifest::sign(&manifest, &keyid, |message| signer.sign(message)).map_err(|error| error.to_string())
}

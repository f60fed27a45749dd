//! Full verification (Uptane 2.1.0 §5.4.4.2): what the director assigned to this vehicle, if the image repository knows the same
//! images. Whoever steals the director's keys can only choose among images that the offline keys of the image repository
//! signed, that fit the hardware and that are not older than what is installed.

use std::collections::{BTreeMap, BTreeSet};

use kernel::Timestamp;

use crate::attack::{Attack, Refused};
use crate::metadata::{DirectorCustom, Target, TargetCustom, Targets, is_safe_name};
use crate::trusted::TrustedRepository;
use kernel::digest::Sha256Digest;

/// The vehicle, as its Primary knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VehicleInventory {
    /// The vehicle's id, as the director names it.
    pub vehicle: String,
    /// By serial number.
    pub ecus: BTreeMap<String, Ecu>,
}

/// An ECU and what is installed on it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ecu {
    pub hardware_id: String,
    /// The highest release counter that was committed; 0 when none was.
    pub installed_counter: u64,
    /// The digest of the installed image, where it is known.
    pub installed_sha256: Option<Sha256Digest>,
    /// The release of the installed image, where it is known.
    pub installed_release: Option<String>,
}

/// An image that an ECU shall have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assigned {
    pub ecu_serial: String,
    pub hardware_id: String,
    /// The target's name in both repositories.
    pub name: String,
    /// The target as the image repository's offline keys signed it.
    pub target: Target,
    /// `target.custom`, which is always there after full verification.
    pub custom: TargetCustom,
    /// Whether the ECU has this very image already.
    pub is_installed: bool,
}

/// Verifies the director's assignment against the images and the vehicle. The result is sorted by serial number; it is empty
/// when there is nothing to do.
///
/// # Errors
/// [`Refused`]: nothing of the assignment may be installed.
pub fn full(
    director: &TrustedRepository,
    images: &TrustedRepository,
    vehicle: &VehicleInventory,
    now: Timestamp,
) -> Result<Vec<Assigned>, Refused> {
    let (director, images) = (director.current(now)?, images.current(now)?);
    check_director(director, vehicle)?;
    let mut assigned = BTreeMap::new();
    for (name, target) in &director.targets {
        let (image, custom) = matching_image(name, target, images)?;
        let ecus = target.custom.iter().flat_map(|custom| &custom.ecu_identifiers);
        for (serial, identifier) in ecus {
            let ecu = vehicle.ecus.get(serial).ok_or_else(|| {
                Attack::WrongVehicle.refused(format!("{name} is assigned to {serial}, which is not in this vehicle"))
            })?;
            check_hardware(name, serial, ecu, &identifier.hardware_id, custom)?;
            check_counter(name, serial, ecu, image, custom)?;
            let item = Assigned {
                ecu_serial: serial.clone(),
                hardware_id: ecu.hardware_id.clone(),
                name: name.clone(),
                target: image.clone(),
                custom: custom.clone(),
                is_installed: ecu.installed_sha256 == Some(image.hashes.sha256),
            };
            if assigned.insert(serial.clone(), item).is_some() {
                return Err(Attack::MixAndMatch.refused(format!("{serial} is assigned two images")));
            }
        }
    }
    check_dependencies(&assigned, vehicle)?;
    Ok(assigned.into_values().collect())
}

/// What the director says of the assignment as a whole. It is to be believed once [`full`] accepted the same metadata; whether
/// the time is right for an installation (`not_before`, `deadline`) is the caller's to decide.
///
/// # Errors
/// As [`TrustedRepository::current`].
pub fn assignment(director: &TrustedRepository, now: Timestamp) -> Result<Option<&DirectorCustom>, Refused> {
    Ok(director.current(now)?.custom.as_ref())
}

fn check_director(director: &Targets, vehicle: &VehicleInventory) -> Result<(), Refused> {
    match &director.custom {
        Some(custom) if custom.vehicle == vehicle.vehicle => {}
        Some(custom) => {
            let text = format!("the director's metadata is for {:?}, not {:?}", custom.vehicle, vehicle.vehicle);
            return Err(Attack::WrongVehicle.refused(text));
        }
        None => return Err(Attack::WrongVehicle.refused("the director's metadata names no vehicle")),
    }
    if director.delegations.is_some() {
        return Err(Attack::Malformed.refused("the director's targets delegate to other roles"));
    }
    Ok(())
}

/// The image repository's target of the same name, when both repositories say the same of it.
fn matching_image<'a>(
    name: &str,
    target: &Target,
    images: &'a Targets,
) -> Result<(&'a Target, &'a TargetCustom), Refused> {
    if !is_safe_name(name) {
        return Err(Attack::PathTraversal.refused(format!("{name:?} is no safe name of a target")));
    }
    let image = images.targets.get(name).ok_or_else(|| {
        Attack::ArbitrarySoftware.refused(format!("the image repository does not know {name}, which is assigned"))
    })?;
    if (image.length, image.hashes) != (target.length, target.hashes) {
        let text = format!("{name} has another length or digest in the image repository than in the director's");
        return Err(Attack::ArbitrarySoftware.refused(text));
    }
    let (Some(assigned), Some(custom)) = (&target.custom, &image.custom) else {
        return Err(Attack::Malformed.refused(format!("{name} has no custom part in one of the repositories")));
    };
    if assigned.ecu_identifiers.is_empty() {
        return Err(Attack::Malformed.refused(format!("{name} is assigned to no ECU")));
    }
    if let Some(member) = differing(assigned, custom) {
        let text = format!("{name} has another {member} in the image repository than in the director's");
        return Err(Attack::MixAndMatch.refused(text));
    }
    Ok((image, custom))
}

/// The first member in which the repositories differ. The director must state the release and its counter; of the others only
/// what it states must be equal.
fn differing(director: &TargetCustom, image: &TargetCustom) -> Option<&'static str> {
    let members = [
        ("release", director.release == image.release),
        ("releaseCounter", director.release_counter == image.release_counter),
        ("hardwareIds", director.hardware_ids.is_empty() || director.hardware_ids == image.hardware_ids),
        ("rxswin", director.rxswin.is_empty() || director.rxswin == image.rxswin),
        ("chunk", director.chunk.is_none() || director.chunk == image.chunk),
        ("dependsOn", director.depends_on.is_empty() || director.depends_on == image.depends_on),
        ("conflictsWith", director.conflicts_with.is_empty() || director.conflicts_with == image.conflicts_with),
    ];
    members.into_iter().find(|(_, is_equal)| !is_equal).map(|(member, _)| member)
}

fn check_hardware(name: &str, serial: &str, ecu: &Ecu, stated: &str, image: &TargetCustom) -> Result<(), Refused> {
    if ecu.hardware_id != stated {
        let text = format!("{serial} is {:?}, but the director takes it for {stated:?}", ecu.hardware_id);
        return Err(Attack::WrongHardware.refused(text));
    }
    if !image.hardware_ids.contains(&ecu.hardware_id) {
        let text = format!("{name} is not for {:?}, which {serial} is", ecu.hardware_id);
        return Err(Attack::WrongHardware.refused(text));
    }
    Ok(())
}

/// The release counter never goes down, and one counter stands for one image.
fn check_counter(name: &str, serial: &str, ecu: &Ecu, image: &Target, custom: &TargetCustom) -> Result<(), Refused> {
    let (counter, installed) = (custom.release_counter, ecu.installed_counter);
    if counter < installed {
        let text = format!("{name} has release counter {counter}, but {serial} has {installed} already");
        return Err(Attack::Rollback.refused(text));
    }
    if counter == installed && ecu.installed_sha256.is_some_and(|digest| digest != image.hashes.sha256) {
        let text = format!("{name} has the release counter of what {serial} has, {counter}, but is another image");
        return Err(Attack::MixAndMatch.refused(text));
    }
    Ok(())
}

/// Whether the releases that the vehicle's ECUs have after the update go together, as the offline keys signed it.
fn check_dependencies(assigned: &BTreeMap<String, Assigned>, vehicle: &VehicleInventory) -> Result<(), Refused> {
    let release_after = |(serial, ecu): (&String, &'_ Ecu)| match assigned.get(serial) {
        Some(item) => Some(item.custom.release.clone()),
        None => ecu.installed_release.clone(),
    };
    let releases: BTreeSet<String> = vehicle.ecus.iter().filter_map(release_after).collect();
    for item in assigned.values() {
        if let Some(needed) = item.custom.depends_on.iter().find(|release| !releases.contains(*release)) {
            let text = format!("{} needs {needed:?}, which no ECU would have", item.name);
            return Err(Attack::MixAndMatch.refused(text));
        }
        if let Some(other) = item.custom.conflicts_with.iter().find(|release| releases.contains(*release)) {
            let text = format!("{} conflicts with {other:?}, which an ECU would have", item.name);
            return Err(Attack::MixAndMatch.refused(text));
        }
    }
    Ok(())
}

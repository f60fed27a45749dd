//! What a simulated vehicle takes for an image: any bytes, whose first lines may say how the self-test after its boot ends.

use crate::slots::{Disk, FolderDisk, Image, Slot};

/// The hardware of a simulated vehicle.
pub const HARDWARE_ID: &str = "sim-compute-1";
/// The release that a simulated vehicle left its factory with.
pub const FACTORY_RELEASE: &str = "factory";
/// Bytes of the image that are looked at.
const HEAD_BYTES: u64 = 256;
/// The line by which an image says that it does not work.
const FAILS: &str = "self-test: fail";

/// The image that is in slot A when the vehicle is new; written at its first start.
///
/// # Errors
/// The disk cannot be written.
pub fn factory(disk: &FolderDisk) -> std::io::Result<Image> {
    use sha2::{Digest, Sha256};
    let bytes = format!("atlasmesh simulated image\nrelease: {FACTORY_RELEASE}\nself-test: pass\n").into_bytes();
    let file = Slot::A.file();
    if disk.length(file)?.is_none() {
        disk.create(file)?;
        disk.write_at(file, 0, &bytes)?;
        disk.fsync(file)?;
        disk.fsync_folder()?;
    }
    let (length, sha256) = (bytes.len() as u64, Sha256::digest(&bytes).into());
    Ok(Image { release: FACTORY_RELEASE.into(), counter: 0, sha256, length })
}

/// The self-test of a simulated vehicle: what the image in the slot says of itself.
///
/// # Errors
/// What does not work.
pub fn self_test(disk: &FolderDisk, slot: Slot, image: &Image) -> Result<(), String> {
    let mut head = vec![0; usize::try_from(image.length.min(HEAD_BYTES)).unwrap_or(0)];
    disk.read_at(slot.file(), 0, &mut head).map_err(|error| format!("the slot cannot be read: {error}"))?;
    let text = String::from_utf8_lossy(&head);
    match text.lines().any(|line| line.trim() == FAILS) {
        true => Err("the driving system does not start".into()),
        false => Ok(()),
    }
}

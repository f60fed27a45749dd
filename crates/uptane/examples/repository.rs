//! Writes an image repository to the folder that is named as the argument, in the layout that TUF clients fetch:
//! `metadata/` with a root that was rotated once, and `targets/`. `tests/ngclient.py` lets python-tuf read it.

use std::error::Error;
use std::fs;
use std::path::PathBuf;

use kernel::Timestamp;
use uptane::chunks::ChunkList;
use uptane::document::sign;
use uptane::key::SeedKey;
use uptane::metadata::{
    DirectorCustom, Hashes, MetaFile, Root, Snapshot, TARGETS_FILE, Target, TargetCustom, Targets, TimestampMeta,
    TimestampRole,
};
use uptane::{Role, RoleSigner, Sha256Digest};

const NAME: &str = "av-os-2.0.0.img";

fn root(version: u64, expires: Timestamp, root: [&SeedKey; 2], others: [&SeedKey; 4]) -> Root {
    let [timestamp, snapshot, targets_1, targets_2] = others.map(RoleSigner::public);
    let root = root.map(RoleSigner::public);
    Root::new(version, expires, [(&root, 2), (&[timestamp], 1), (&[snapshot], 1), (&[targets_1, targets_2], 2)])
}

fn target(image: &[u8]) -> Target {
    let custom = TargetCustom {
        release: "av-os-2.0.0".to_owned(),
        release_counter: 42,
        hardware_ids: vec!["avcompute-r1".to_owned()],
        rxswin: [("R157SWIN".to_owned(), "R157-0042 é \"quoted\" \\".to_owned())].into(),
        chunk: Some(ChunkList::of(1_024, [image]).chunking()),
        ..TargetCustom::default()
    };
    Target { length: image.len() as u64, hashes: Hashes { sha256: Sha256Digest::of(image) }, custom: Some(custom) }
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(std::env::args_os().nth(1).ok_or("the folder is the argument")?);
    fs::create_dir_all(folder.join("metadata"))?;
    fs::create_dir_all(folder.join("targets"))?;
    let write = |file: String, text: &str| fs::write(folder.join("metadata").join(file), text);
    // Keys of a demonstration: whoever reads this can sign with them.
    let key = |seed: u8| SeedKey::from_seed(&[seed; 32]);
    let (root_1, root_2, root_3) = (key(1)?, key(2)?, key(3)?);
    let (timestamp, snapshot, targets_1, targets_2) = (key(4)?, key(5)?, key(6)?, key(7)?);
    let others = [&timestamp, &snapshot, &targets_1, &targets_2];
    let expires: Timestamp = "2099-01-01T00:00:00Z".parse()?;

    let first = root(1, expires, [&root_1, &root_2], others);
    write(Role::Root.file(1), &sign(&first, &[&root_1, &root_2])?)?;
    let second = root(2, expires, [&root_2, &root_3], others);
    write(Role::Root.file(2), &sign(&second, &[&root_1, &root_2, &root_3])?)?;

    let image = b"an image ".repeat(1_000);
    let target = target(&image);
    fs::write(folder.join("targets").join(target.file(NAME)), &image)?;
    let targets = [(NAME.to_owned(), target)].into();
    let custom = Some(DirectorCustom { vehicle: "veh_1".to_owned(), attempt: Some(1), ..DirectorCustom::default() });
    let targets = Targets { version: 3, expires, targets, custom, delegations: None };
    let targets = sign(&targets, &[&targets_1, &targets_2])?;
    write(Role::Targets.file(3), &targets)?;
    let meta = [(TARGETS_FILE.to_owned(), MetaFile::of(3, targets.as_bytes()))].into();
    let listed = sign(&Snapshot { version: 4, expires, meta }, &[&snapshot])?;
    write(Role::Snapshot.file(4), &listed)?;
    let meta = TimestampMeta { snapshot: MetaFile::of(4, listed.as_bytes()) };
    write(Role::Timestamp.file(5), &sign(&TimestampRole { version: 5, expires, meta }, &[&timestamp])?)?;
    Ok(())
}

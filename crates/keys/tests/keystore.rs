//! The sealed file on a real disk: it comes back as it was, and whatever else comes back is one clear error.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use keys::{Audit, DiskKeyFile, KeyError, KeyFile, KeyPair, KeyState, Keystore, MasterKey, Signer, Token, Update};
use tempfile::TempDir;

struct Installation {
    folder: TempDir,
}

impl Installation {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn keys(&self) -> PathBuf {
        self.folder.path().join("keys")
    }

    fn sealed(&self) -> PathBuf {
        self.keys().join("keys.sealed")
    }

    fn master(&self) -> PathBuf {
        self.keys().join("master.key")
    }

    fn open(&self) -> Result<Keystore, KeyError> {
        Keystore::open_in(&self.keys())
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn keys_come_back_as_they_were() {
    let installation = Installation::new();
    let mut keystore = installation.open().unwrap();
    assert_eq!(keystore.generation(), 1);
    let audit = keystore.active_or_first::<Audit>().unwrap();
    let token = keystore.active_or_first::<Token>().unwrap();
    assert_ne!(audit.key_id(), token.id());
    let signature = audit.sign(b"head").unwrap();
    let generation = keystore.generation();
    drop(keystore);

    let mut again = installation.open().unwrap();
    assert_eq!(again.generation(), generation);
    assert_eq!(again.active_or_first::<Audit>().unwrap().verifying_key(), audit.verifying_key());
    assert_eq!(again.active_or_first::<Token>().unwrap().public(), token.public());
    assert_eq!(again.by_id::<Token>(token.id()).unwrap().public(), token.public());
    assert_eq!(again.generation(), generation, "nothing was written for what existed");
    again.active::<Audit>().unwrap().verifying_key().verify(b"head", &signature).unwrap();
    assert!(matches!(again.active::<Update>(), Err(KeyError::NoActiveKey { .. })));
    assert_eq!(
        (mode(&installation.keys()), mode(&installation.master()), mode(&installation.sealed())),
        (0o700, 0o600, 0o600)
    );
    let names: Vec<_> = fs::read_dir(installation.keys()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 2, "no draft is left: {names:?}");
}

#[test]
fn no_seed_stands_in_the_file() {
    let installation = Installation::new();
    let mut keystore = installation.open().unwrap();
    let key = keystore.active_or_first::<Audit>().unwrap();
    let sealed = fs::read(installation.sealed()).unwrap();
    let contains = |part: &[u8]| sealed.windows(part.len()).any(|window| window == part);
    assert!(!contains(b"seed") && !contains(key.verifying_key().to_string().as_bytes()));
    assert!(!format!("{keystore:?} {key:?}").contains("seed"));
}

#[test]
fn every_changed_byte_is_found() {
    let installation = Installation::new();
    installation.open().unwrap().active_or_first::<Audit>().unwrap();
    let good = fs::read(installation.sealed()).unwrap();
    let check = |content: &[u8], what: &str| {
        fs::write(installation.sealed(), content).unwrap();
        let refused = installation.open().map(|_| ());
        assert!(matches!(&refused, Err(KeyError::Corrupt { .. })), "{what}: {refused:?}");
    };
    for at in 0..good.len() {
        for bit in [0x01, 0x80] {
            let mut changed = good.clone();
            changed[at] ^= bit;
            check(&changed, &format!("byte {at}"));
        }
    }
    for length in 0..good.len() {
        check(&good[..length], &format!("cut to {length}"));
    }
    check(&[&good[..], b"\0"].concat(), "longer by a byte");
    fs::write(installation.sealed(), &good).unwrap();
    installation.open().unwrap();
}

#[test]
fn a_damaged_or_foreign_master_key_opens_nothing() {
    let installation = Installation::new();
    installation.open().unwrap().active_or_first::<Audit>().unwrap();
    let good = fs::read(installation.master()).unwrap();
    let refused = |what: &str| {
        let result = installation.open().map(|_| ());
        assert!(matches!(&result, Err(KeyError::Corrupt { .. })), "{what}: {result:?}");
        let text = result.unwrap_err().to_string();
        assert!(text.contains("keys") && text.contains("backup"), "it says where and what to do: {text}");
    };
    for at in 0..good.len() {
        let mut changed = good.clone();
        changed[at] ^= 1;
        fs::write(installation.master(), changed).unwrap();
        refused(&format!("byte {at}"));
    }
    let other = Installation::new();
    other.open().unwrap();
    fs::copy(other.master(), installation.master()).unwrap();
    refused("another installation's");
}

#[test]
fn a_missing_master_key_is_never_replaced() {
    let installation = Installation::new();
    installation.open().unwrap();
    fs::remove_file(installation.master()).unwrap();
    assert!(matches!(installation.open(), Err(KeyError::MasterKeyMissing { .. })));
    assert!(!installation.master().exists());
}

#[test]
fn files_that_others_can_reach_are_refused() {
    let installation = Installation::new();
    installation.open().unwrap();
    for path in [installation.master(), installation.sealed()] {
        for open_to_others in [0o640, 0o604, 0o666, 0o601] {
            fs::set_permissions(&path, fs::Permissions::from_mode(open_to_others)).unwrap();
            match installation.open() {
                Err(error @ KeyError::Permissions { .. }) => {
                    assert!(error.to_string().contains("chmod 0600"), "{error}")
                }
                other => panic!("{open_to_others:o}: {other:?}"),
            }
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }
    installation.open().unwrap();
}

#[test]
fn a_folder_in_place_of_a_file_and_a_huge_file_are_refused() {
    let installation = Installation::new();
    installation.open().unwrap();
    let file = fs::File::options().write(true).open(installation.sealed()).unwrap();
    file.set_len(5 << 20).unwrap();
    assert!(matches!(installation.open(), Err(KeyError::Corrupt { .. })));
    fs::remove_file(installation.sealed()).unwrap();
    fs::create_dir(installation.sealed()).unwrap();
    fs::set_permissions(installation.sealed(), fs::Permissions::from_mode(0o700)).unwrap();
    assert!(matches!(installation.open(), Err(KeyError::Corrupt { .. })));
}

#[test]
fn an_old_copy_that_was_put_back_is_found_out() {
    let installation = Installation::new();
    let mut keystore = installation.open().unwrap();
    let old = fs::read(installation.sealed()).unwrap();
    keystore.active_or_first::<Audit>().unwrap();
    let known = keystore.generation();
    fs::write(installation.sealed(), old).unwrap();
    let restored = installation.open().unwrap();
    match restored.require_generation(known) {
        Err(KeyError::RolledBack { found: 1, known: 3 }) => {}
        other => panic!("{other:?}"),
    }
    restored.require_generation(1).unwrap();
}

#[test]
fn rotation_keeps_one_signing_key_and_the_history() {
    let installation = Installation::new();
    let mut keystore = installation.open().unwrap();
    let first = keystore.active_or_first::<Audit>().unwrap().key_id();
    let second = keystore.prepare::<Audit>().unwrap();
    assert_eq!(keystore.active::<Audit>().unwrap().key_id(), first, "a prepared key does not sign");
    assert_eq!(keystore.activate::<Audit>(second).unwrap().key_id(), second);
    let states = |keystore: &Keystore| -> Vec<_> {
        keystore.keys::<Audit>().into_iter().map(|key| (key.id, key.state)).collect()
    };
    assert_eq!(states(&keystore), [(first, KeyState::Retiring), (second, KeyState::Active)]);
    keystore.transition::<Audit>(first, KeyState::Retired).unwrap();
    keystore.transition::<Audit>(first, KeyState::Destroyed).unwrap();
    assert_eq!(states(&installation.open().unwrap()), [(first, KeyState::Destroyed), (second, KeyState::Active)]);

    let generation = keystore.generation();
    for (id, to) in [(first, KeyState::Active), (second, KeyState::Destroyed), (second, KeyState::Prepared)] {
        assert!(matches!(keystore.transition::<Audit>(id, to), Err(KeyError::Transition(_))), "{id} to {to}");
    }
    assert!(matches!(keystore.transition::<Token>(second, KeyState::Revoked), Err(KeyError::NoSuchKey { .. })));
    assert_eq!(keystore.generation(), generation, "a refused change writes nothing");

    keystore.transition::<Audit>(second, KeyState::Revoked).unwrap();
    assert!(matches!(keystore.active_or_first::<Audit>(), Err(KeyError::NoActiveKey { .. })), "none is made in secret");
}

#[test]
fn two_processes_never_overwrite_each_other() {
    let installation = Installation::new();
    let (mut one, mut other) = (installation.open().unwrap(), installation.open().unwrap());
    let key = one.active_or_first::<Audit>().unwrap();
    assert!(matches!(other.active_or_first::<Audit>(), Err(KeyError::Changed { .. })));
    assert_eq!(installation.open().unwrap().active::<Audit>().unwrap().key_id(), key.key_id());
}

#[test]
fn a_master_key_is_made_once_however_many_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("master.key");
    let contents: Vec<Vec<u8>> = std::thread::scope(|scope| {
        let start = |_| {
            scope.spawn(|| {
                MasterKey::load_or_create(&DiskKeyFile::new(&path)).unwrap();
                fs::read(&path).unwrap()
            })
        };
        let threads: Vec<_> = (0..8).map(start).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(contents.iter().all(|content| *content == contents[0]));
}

/// A file whose disk is full from some write on.
#[derive(Clone, Default)]
struct FullDisk {
    content: Arc<Mutex<Option<Vec<u8>>>>,
    writes_left: Arc<Mutex<usize>>,
}

impl FullDisk {
    fn take_write(&self) -> Result<(), KeyError> {
        let mut left = self.writes_left.lock().unwrap();
        *left = left.checked_sub(1).ok_or_else(|| KeyError::File {
            path: self.name(),
            action: "write it",
            source: std::io::ErrorKind::StorageFull.into(),
        })?;
        Ok(())
    }
}

impl KeyFile for FullDisk {
    fn name(&self) -> String {
        "keys on a full disk".into()
    }

    fn read(&self) -> Result<Option<zeroize::Zeroizing<Vec<u8>>>, KeyError> {
        Ok(self.content.lock().unwrap().clone().map(Into::into))
    }

    fn create(&self, content: &[u8]) -> Result<bool, KeyError> {
        self.write_atomically(content).map(|()| true)
    }

    fn write_atomically(&self, content: &[u8]) -> Result<(), KeyError> {
        self.take_write()?;
        *self.content.lock().unwrap() = Some(content.to_vec());
        Ok(())
    }
}

#[test]
fn a_change_that_could_not_be_written_did_not_happen() {
    let master = FullDisk { writes_left: Arc::new(Mutex::new(1)), ..FullDisk::default() };
    let file = FullDisk { writes_left: Arc::new(Mutex::new(3)), ..FullDisk::default() };
    let mut keystore = Keystore::open(&master, Box::new(file.clone())).unwrap();
    let key = keystore.active_or_first::<Audit>().unwrap();
    let generation = keystore.generation();
    assert!(matches!(keystore.prepare::<Audit>(), Err(KeyError::File { .. })));
    assert!(matches!(keystore.transition::<Audit>(key.key_id(), KeyState::Revoked), Err(KeyError::File { .. })));
    assert_eq!((keystore.generation(), keystore.keys::<Audit>().len()), (generation, 1));
    keystore.active::<Audit>().unwrap();
    *file.writes_left.lock().unwrap() = 1;
    keystore.prepare::<Audit>().unwrap();
}

//! All keys of an installation in one sealed file. Every change writes the file anew with the next generation number
//! inside the seal, so that whoever remembers a generation finds out when an old copy was put back.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use zeroize::Zeroizing;

use crate::file::make_private_folder;
use crate::key::{KeyPair, new_seed};
use crate::{DiskKeyFile, HasPurpose, KeyError, KeyFile, KeyId, KeyState, MasterKey, Purpose, SEED_BYTES};

/// The most keys in a keystore: seven purposes, each renewed weekly, for ten years.
pub const KEYS_MAX: usize = 4_096;

/// What is known of a key without its private half.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyInfo<P: HasPurpose> {
    /// Its name.
    pub id: KeyId,
    /// Where it stands in its life.
    pub state: KeyState,
    /// Its public half.
    pub public: <P::Key as KeyPair>::Public,
}

/// The sealed keys of an installation.
pub struct Keystore {
    file: Box<dyn KeyFile>,
    master: MasterKey,
    content: Content,
    /// The sealed bytes as they stand in the file, to notice when somebody else changed it.
    sealed: Vec<u8>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    generation: u64,
    keys: Vec<Record>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    id: KeyId,
    purpose: Purpose,
    state: KeyState,
    public: String,
    /// Gone when the key is destroyed.
    seed: Option<Seed>,
}

/// A seed, base 64 as text, wiped when dropped.
#[derive(Clone)]
struct Seed(Zeroizing<[u8; SEED_BYTES]>);

impl Serialize for Seed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&Zeroizing::new(STANDARD.encode(*self.0)))
    }
}

impl<'de> Deserialize<'de> for Seed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        let bytes = Zeroizing::new(STANDARD.decode(&*text).map_err(|_| de::Error::custom("a seed is base 64"))?);
        let seed = bytes.as_slice().try_into().map_err(|_| de::Error::custom("a seed has 32 bytes"))?;
        Ok(Self(Zeroizing::new(seed)))
    }
}

impl Keystore {
    /// Opens the keys in a folder, `keys.sealed` under `master.key`, and makes both where there are none.
    ///
    /// # Errors
    /// As [`Keystore::open`].
    pub fn open_in(folder: &Path) -> Result<Self, KeyError> {
        Self::open_under(folder, &folder.join("master.key"))
    }

    /// Opens the keys in a folder under a master key that is kept elsewhere, and makes both where there are none.
    ///
    /// # Errors
    /// As [`Keystore::open`].
    pub fn open_under(folder: &Path, master: &Path) -> Result<Self, KeyError> {
        make_private_folder(folder)?;
        let sealed = folder.join("keys.sealed");
        Self::open(&DiskKeyFile::new(master), Box::new(DiskKeyFile::new(sealed)))
    }

    /// Opens the sealed keys, and makes an empty keystore where there is none.
    ///
    /// # Errors
    /// [`KeyError::Permissions`] when others may read one of the files, [`KeyError::Corrupt`] when one of them is
    /// damaged, [`KeyError::MasterKeyMissing`] when only the sealed one exists, [`KeyError::File`] for whatever the file
    /// system says.
    pub fn open(master: &dyn KeyFile, file: Box<dyn KeyFile>) -> Result<Self, KeyError> {
        if file.read()?.is_none() {
            let key = MasterKey::load_or_create(master)?;
            file.create(&key.seal(&plain_text(&Content { generation: 1, keys: Vec::new() })?)?)?;
        }
        // Read back what is there now, by this process or a faster one: one way in, and a check that it can be opened.
        let sealed = file.read()?.ok_or_else(|| corrupt(&*file, "it vanished while it was read"))?.to_vec();
        let master = MasterKey::load(master)?
            .ok_or_else(|| KeyError::MasterKeyMissing { path: master.name(), sealed: file.name() })?;
        let plain = master.open(&sealed).map_err(|why| corrupt(&*file, why))?;
        let content: Content = serde_json::from_slice(&plain)
            .map_err(|_| corrupt(&*file, "its keys are in a form that this version does not know"))?;
        Ok(Self { file, master, content, sealed })
    }

    /// How often the keys were written, from 1. It only ever grows.
    pub fn generation(&self) -> u64 {
        self.content.generation
    }

    /// Checks that these keys are not older than what is known of them, e.g. from the journal.
    ///
    /// # Errors
    /// [`KeyError::RolledBack`] when they are.
    pub fn require_generation(&self, known: u64) -> Result<(), KeyError> {
        let found = self.generation();
        if found < known { Err(KeyError::RolledBack { found, known }) } else { Ok(()) }
    }

    /// The key of a purpose that signs.
    ///
    /// # Errors
    /// [`KeyError::NoActiveKey`] when there is none.
    pub fn active<P: HasPurpose>(&self) -> Result<P::Key, KeyError> {
        let of_purpose = |record: &&Record| record.purpose == P::PURPOSE && record.state.signs();
        let record = self.content.keys.iter().find(of_purpose).ok_or(KeyError::NoActiveKey { purpose: P::PURPOSE })?;
        self.key::<P>(record)
    }

    /// The key of a purpose that signs; the purpose's first one is made here.
    ///
    /// # Errors
    /// Whatever making or keeping it fails with. A purpose that had keys, of which none is active now, is left alone:
    /// [`KeyError::NoActiveKey`], because somebody took the last one out of service for a reason.
    pub fn active_or_first<P: HasPurpose>(&mut self) -> Result<P::Key, KeyError> {
        if self.keys::<P>().is_empty() {
            let id = self.prepare::<P>()?;
            return self.activate::<P>(id);
        }
        self.active::<P>()
    }

    /// Makes a key that does not sign yet.
    ///
    /// # Errors
    /// [`KeyError::TooManyKeys`], or whatever making or keeping it fails with.
    pub fn prepare<P: HasPurpose>(&mut self) -> Result<KeyId, KeyError> {
        if self.content.keys.len() >= KEYS_MAX {
            return Err(KeyError::TooManyKeys { max: KEYS_MAX });
        }
        let seed = new_seed()?;
        let key = P::Key::from_seed(&seed)?;
        let id = key.id();
        let (public, seed) = (key.public().to_string(), Some(Seed(seed)));
        self.change(|keys| {
            keys.push(Record { id, purpose: P::PURPOSE, state: KeyState::Prepared, public, seed });
            Ok(())
        })?;
        Ok(id)
    }

    /// Lets a prepared key sign; in the same write the one that signed so far retires.
    ///
    /// # Errors
    /// [`KeyError::NoSuchKey`], [`KeyError::Transition`], or whatever keeping it fails with.
    pub fn activate<P: HasPurpose>(&mut self, id: KeyId) -> Result<P::Key, KeyError> {
        self.change(|keys| {
            let state = find::<P>(keys, id)?.state.transition(KeyState::Active)?;
            for former in keys.iter_mut().filter(|key| key.purpose == P::PURPOSE && key.state.signs()) {
                former.state = former.state.transition(KeyState::Retiring)?;
            }
            find::<P>(keys, id)?.state = state;
            Ok(())
        })?;
        self.active::<P>()
    }

    /// Takes a key on in its life. A destroyed key's private half is gone from the file with this write.
    ///
    /// # Errors
    /// [`KeyError::NoSuchKey`], [`KeyError::Transition`], or whatever keeping it fails with.
    pub fn transition<P: HasPurpose>(&mut self, id: KeyId, to: KeyState) -> Result<(), KeyError> {
        if to == KeyState::Active {
            return self.activate::<P>(id).map(|_| ());
        }
        self.change(|keys| {
            let key = find::<P>(keys, id)?;
            key.state = key.state.transition(to)?;
            if key.state == KeyState::Destroyed {
                key.seed = None;
            }
            Ok(())
        })
    }

    /// The key of a name, whether it signs or not: one that retires still signs what its successor cannot yet.
    ///
    /// # Errors
    /// [`KeyError::NoSuchKey`].
    pub fn by_id<P: HasPurpose>(&self, id: KeyId) -> Result<P::Key, KeyError> {
        let is_it = |record: &&Record| record.purpose == P::PURPOSE && record.id == id;
        let record = self.content.keys.iter().find(is_it).ok_or(KeyError::NoSuchKey { id, purpose: P::PURPOSE })?;
        self.key::<P>(record)
    }

    /// Every key of every purpose, oldest first: its name, purpose, state and public half as text.
    pub fn all(&self) -> Vec<(KeyId, Purpose, KeyState, String)> {
        let info = |record: &Record| (record.id, record.purpose, record.state, record.public.clone());
        self.content.keys.iter().map(info).collect()
    }

    /// Every key that a purpose ever had, oldest first.
    pub fn keys<P: HasPurpose>(&self) -> Vec<KeyInfo<P>> {
        let records = self.content.keys.iter().filter(|record| record.purpose == P::PURPOSE);
        let info =
            |record: &Record| Some(KeyInfo { id: record.id, state: record.state, public: record.public.parse().ok()? });
        records.filter_map(info).collect()
    }

    fn key<P: HasPurpose>(&self, record: &Record) -> Result<P::Key, KeyError> {
        let seed = record.seed.as_ref().ok_or_else(|| corrupt(&*self.file, "a key has lost its private half"))?;
        let key = P::Key::from_seed(&seed.0)?;
        if key.id() != record.id {
            return Err(corrupt(&*self.file, "a key does not match its name"));
        }
        Ok(key)
    }

    /// Changes the keys in the file, and here only when the file has them.
    fn change(&mut self, change: impl FnOnce(&mut Vec<Record>) -> Result<(), KeyError>) -> Result<(), KeyError> {
        let mut content = self.content.clone();
        change(&mut content.keys)?;
        content.generation += 1;
        let sealed = self.master.seal(&plain_text(&content)?)?;
        if self.file.read()?.is_none_or(|present| *present != self.sealed) {
            return Err(KeyError::Changed { path: self.file.name() });
        }
        self.file.write_atomically(&sealed)?;
        (self.content, self.sealed) = (content, sealed);
        Ok(())
    }
}

impl std::fmt::Debug for Keystore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Keystore({}, generation {}, {} keys)", self.file.name(), self.generation(), self.content.keys.len())
    }
}

fn plain_text(content: &Content) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    // Sized in advance, so that growing leaves no copies of the seeds behind: a record has less than 512 bytes.
    let mut text = Zeroizing::new(Vec::with_capacity(512 * (content.keys.len() + 1)));
    serde_json::to_writer(&mut *text, content).map_err(|_| KeyError::Unusable("the keys have no form in JSON"))?;
    Ok(text)
}

fn find<P: HasPurpose>(keys: &mut [Record], id: KeyId) -> Result<&mut Record, KeyError> {
    let found = keys.iter_mut().find(|record| record.purpose == P::PURPOSE && record.id == id);
    found.ok_or(KeyError::NoSuchKey { id, purpose: P::PURPOSE })
}

fn corrupt(file: &dyn KeyFile, why: &'static str) -> KeyError {
    KeyError::Corrupt { path: file.name(), why }
}

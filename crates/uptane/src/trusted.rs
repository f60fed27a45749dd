//! What a vehicle trusts of one repository: the newest root, timestamp, snapshot and targets that it verified (TUF §5.3–5.6).
//!
//! What has expired is kept as history, because versions are compared with it, and never keeps a vehicle from fetching newer
//! metadata. It is not used: [`TrustedRepository::current`] refuses it.

use kernel::Timestamp;
use serde::{Deserialize, Serialize};

use crate::attack::{Attack, Refused};
use crate::document::Signed;
use crate::key::PublicKey;
use crate::metadata::{MetaFile, Role, RoleDocument, Root, Snapshot, TARGETS_FILE, Targets, TimestampRole};

/// Whether an update changed anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// The document is newer and was taken.
    Taken,
    /// The version is the one that is trusted already; that one stays.
    Same,
}

/// What to fetch next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The file's name in the repository.
    pub file: String,
    /// The most bytes to read of it.
    pub bytes_max: u64,
}

/// The trusted metadata of one repository. It is stored as JSON; reading it back checks all signatures again.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct TrustedRepository {
    root: Signed<Root>,
    timestamp: Option<Signed<TimestampRole>>,
    snapshot: Option<Signed<Snapshot>>,
    targets: Option<Signed<Targets>>,
}

/// The documents as they were fetched.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Stored {
    root: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    timestamp: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    snapshot: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    targets: Option<String>,
}

impl From<TrustedRepository> for Stored {
    fn from(trusted: TrustedRepository) -> Self {
        Self {
            root: trusted.root.text().to_owned(),
            timestamp: trusted.timestamp.map(|role| role.text().to_owned()),
            snapshot: trusted.snapshot.map(|role| role.text().to_owned()),
            targets: trusted.targets.map(|role| role.text().to_owned()),
        }
    }
}

impl TryFrom<Stored> for TrustedRepository {
    type Error = Refused;

    fn try_from(stored: Stored) -> Result<Self, Refused> {
        let mut trusted = Self::new(stored.root.as_bytes())?;
        let root = &trusted.root.signed;
        let (timestamp, snapshot, targets) = (
            read_stored(stored.timestamp, root)?,
            read_stored(stored.snapshot, root)?,
            read_stored(stored.targets, root)?,
        );
        (trusted.timestamp, trusted.snapshot, trusted.targets) = (timestamp, snapshot, targets);
        Ok(trusted)
    }
}

fn read_stored<T: RoleDocument>(document: Option<String>, root: &Root) -> Result<Option<Signed<T>>, Refused> {
    document.map(|text| verified(text.as_bytes(), root)).transpose()
}

/// Reads a document that the keys of its role in `root` signed.
fn verified<T: RoleDocument>(document: &[u8], root: &Root) -> Result<Signed<T>, Refused> {
    let document = Signed::read(document)?;
    document.verify(root)?;
    Ok(document)
}

/// A document is valid until, and not at, its time of expiry (TUF §5.3.10).
fn check_fresh<T: RoleDocument>(document: &Signed<T>, now: Timestamp) -> Result<(), Refused> {
    let expires = document.signed.expires();
    if now < expires {
        return Ok(());
    }
    let text = format!("{} {} expired at {expires}", T::ROLE.as_str(), document.signed.version());
    Err(Attack::Freeze.refused(text))
}

fn check_not_lower(what: &str, new: u64, trusted: u64) -> Result<(), Refused> {
    if new >= trusted {
        return Ok(());
    }
    Err(Attack::Rollback.refused(format!("{what} {new} is older than {trusted}, which was seen before")))
}

fn missing(role: Role) -> Refused {
    Attack::Incomplete.refused(format!("{} was not fetched yet", role.as_str()))
}

/// Reads the document that `pin` names. Bytes that are not the pinned ones are told apart: a genuine document of another
/// version is a mix, anything else is damage.
fn read_pinned<T: RoleDocument>(document: &[u8], pin: &MetaFile, root: &Root) -> Result<Signed<T>, Refused> {
    let role = T::ROLE.as_str();
    if pin.length.is_some_and(|length| document.len() as u64 > length) {
        return Err(Attack::EndlessData.refused(format!("the {role} document has more bytes than its signed length")));
    }
    let read = verified::<T>(document, root);
    if !pin.fits(document) {
        return Err(match read {
            Ok(_) => Attack::MixAndMatch.refused(format!("this {role} document is genuine but not the pinned one")),
            Err(_) => Attack::Integrity.refused(format!("the {role} document has not the signed length and digest")),
        });
    }
    let read = read?;
    if read.signed.version() != pin.version {
        let text = format!("{role} {} was given where {} is pinned", read.signed.version(), pin.version);
        return Err(Attack::MixAndMatch.refused(text));
    }
    Ok(read)
}

fn is_pinned<T: RoleDocument>(document: &Signed<T>, pin: &MetaFile) -> bool {
    document.signed.version() == pin.version && pin.fits(document.text().as_bytes())
}

/// Whether a key of a role was taken away. An added key or another threshold is no rotation: what was signed before is still
/// good then, and forgetting it would let an attacker serve it again.
fn is_rotated(role: Role, old: &Root, new: &Root) -> bool {
    let new: Vec<PublicKey> = new.keys_of(role).into_values().collect();
    old.keys_of(role).values().any(|key| !new.contains(key))
}

impl TrustedRepository {
    /// Trusts `root`, a document that came with the vehicle. Its own keys must have signed it.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn new(root: &[u8]) -> Result<Self, Refused> {
        let root: Signed<Root> = Signed::read(root)?;
        root.verify(&root.signed)?;
        Ok(Self { root, timestamp: None, snapshot: None, targets: None })
    }

    /// Takes the next version of the root, which both the keys of the trusted one and its own must have signed (TUF §5.3.4).
    /// A vehicle that was away for long takes one version after the other; none may be skipped, and it does not matter that
    /// those between have expired.
    ///
    /// A key of timestamp or snapshot that is gone drops what these roles said before, so that a repository recovers from an attacker
    /// who set their versions to a high number (TUF §5.3.11). Whatever the new root no longer vouches for is dropped too.
    ///
    /// # Errors
    /// [`Refused`]; the trusted root stays.
    pub fn update_root(&mut self, document: &[u8]) -> Result<(), Refused> {
        let new: Signed<Root> = verified(document, &self.root.signed)?;
        new.verify(&new.signed)?;
        let (trusted, offered) = (self.root.signed.version, new.signed.version);
        if offered <= trusted {
            return Err(
                Attack::Rollback.refused(format!("root {offered} is not newer than {trusted}, which is trusted"))
            );
        }
        if offered - trusted != 1 {
            return Err(Attack::FastForward.refused(format!("root {offered} skips versions after {trusted}")));
        }
        if [Role::Timestamp, Role::Snapshot].iter().any(|role| is_rotated(*role, &self.root.signed, &new.signed)) {
            (self.timestamp, self.snapshot) = (None, None);
        }
        self.timestamp.take_if(|role| role.verify(&new.signed).is_err());
        self.snapshot.take_if(|role| role.verify(&new.signed).is_err());
        self.targets.take_if(|role| role.verify(&new.signed).is_err());
        self.root = new;
        Ok(())
    }

    /// Takes a timestamp. This is the moment at which the root must not have expired: all newer ones were taken before.
    ///
    /// # Errors
    /// [`Refused`]; the trusted timestamp stays.
    pub fn update_timestamp(&mut self, document: &[u8], now: Timestamp) -> Result<Change, Refused> {
        check_fresh(&self.root, now)?;
        let new: Signed<TimestampRole> = verified(document, &self.root.signed)?;
        if let Some(trusted) = &self.timestamp {
            check_not_lower("timestamp", new.signed.version, trusted.signed.version)?;
            let (pin, trusted_pin) = (&new.signed.meta.snapshot, &trusted.signed.meta.snapshot);
            check_not_lower("the timestamp's snapshot", pin.version, trusted_pin.version)?;
            if new.signed.version == trusted.signed.version {
                check_fresh(trusted, now)?;
                return Ok(Change::Same);
            }
        }
        check_fresh(&new, now)?;
        self.timestamp = Some(new);
        Ok(Change::Taken)
    }

    /// Takes the snapshot that the timestamp pins. It must list all that the one before listed, at no lower versions.
    ///
    /// # Errors
    /// [`Refused`]; the trusted snapshot stays.
    pub fn update_snapshot(&mut self, document: &[u8], now: Timestamp) -> Result<Change, Refused> {
        check_fresh(&self.root, now)?;
        let timestamp = self.timestamp.as_ref().ok_or_else(|| missing(Role::Timestamp))?;
        check_fresh(timestamp, now)?;
        let new: Signed<Snapshot> = read_pinned(document, &timestamp.signed.meta.snapshot, &self.root.signed)?;
        if let Some(trusted) = &self.snapshot {
            check_not_lower("snapshot", new.signed.version, trusted.signed.version)?;
            for (file, before) in &trusted.signed.meta {
                let Some(pin) = new.signed.meta.get(file) else {
                    return Err(Attack::Rollback.refused(format!("the snapshot no longer lists {file}")));
                };
                check_not_lower(file, pin.version, before.version)?;
            }
        }
        check_fresh(&new, now)?;
        let is_same = self.snapshot.as_ref().is_some_and(|trusted| trusted.text() == new.text());
        self.snapshot = Some(new);
        Ok(if is_same { Change::Same } else { Change::Taken })
    }

    /// Takes the targets that the snapshot pins.
    ///
    /// # Errors
    /// [`Refused`]; the trusted targets stay.
    pub fn update_targets(&mut self, document: &[u8], now: Timestamp) -> Result<Change, Refused> {
        check_fresh(&self.root, now)?;
        let snapshot = self.pinned_snapshot(now)?;
        let new: Signed<Targets> = read_pinned(document, targets_pin(snapshot)?, &self.root.signed)?;
        check_fresh(&new, now)?;
        let is_same = self.targets.as_ref().is_some_and(|trusted| trusted.text() == new.text());
        self.targets = Some(new);
        Ok(if is_same { Change::Same } else { Change::Taken })
    }

    /// The snapshot, when it is the one that the timestamp pins and both are fresh.
    fn pinned_snapshot(&self, now: Timestamp) -> Result<&Signed<Snapshot>, Refused> {
        let timestamp = self.timestamp.as_ref().ok_or_else(|| missing(Role::Timestamp))?;
        check_fresh(timestamp, now)?;
        let snapshot = self.snapshot.as_ref().ok_or_else(|| missing(Role::Snapshot))?;
        if !is_pinned(snapshot, &timestamp.signed.meta.snapshot) {
            let text = format!("the snapshot is not the one that timestamp {} pins", timestamp.signed.version);
            return Err(Attack::MixAndMatch.refused(text));
        }
        check_fresh(snapshot, now)?;
        Ok(snapshot)
    }

    /// The trusted targets, when all four roles are there, belong together and are fresh at `now`.
    ///
    /// # Errors
    /// [`Attack::Incomplete`], [`Attack::MixAndMatch`] or [`Attack::Freeze`].
    pub fn current(&self, now: Timestamp) -> Result<&Targets, Refused> {
        check_fresh(&self.root, now)?;
        let snapshot = self.pinned_snapshot(now)?;
        let targets = self.targets.as_ref().ok_or_else(|| missing(Role::Targets))?;
        if !is_pinned(targets, targets_pin(snapshot)?) {
            let text = format!("the targets are not those that snapshot {} pins", snapshot.signed.version);
            return Err(Attack::MixAndMatch.refused(text));
        }
        check_fresh(targets, now)?;
        Ok(&targets.signed)
    }

    /// What to fetch for a role, and how much of it to read. `None` when the trusted document is the pinned one already, or
    /// when nothing pins one yet.
    pub fn wanted(&self, role: Role) -> Option<Wanted> {
        let limit = role.bytes_max() as u64;
        let pinned = |pin: &MetaFile| Wanted {
            file: role.file(pin.version),
            bytes_max: pin.length.map_or(limit, |length| length.min(limit)),
        };
        match role {
            Role::Root => {
                Some(Wanted { file: role.file(self.root.signed.version.saturating_add(1)), bytes_max: limit })
            }
            Role::Timestamp => Some(Wanted { file: role.file(1), bytes_max: limit }),
            Role::Snapshot => {
                let pin = &self.timestamp.as_ref()?.signed.meta.snapshot;
                let is_there = self.snapshot.as_ref().is_some_and(|snapshot| is_pinned(snapshot, pin));
                (!is_there).then(|| pinned(pin))
            }
            Role::Targets => {
                let pin = self.snapshot.as_ref()?.signed.meta.get(TARGETS_FILE)?;
                let is_there = self.targets.as_ref().is_some_and(|targets| is_pinned(targets, pin));
                (!is_there).then(|| pinned(pin))
            }
        }
    }

    /// The trusted root.
    pub const fn root(&self) -> &Root {
        &self.root.signed
    }

    /// The version of a role's trusted document; `None` when there is none.
    pub fn version(&self, role: Role) -> Option<u64> {
        match role {
            Role::Root => Some(self.root.signed.version),
            Role::Timestamp => self.timestamp.as_ref().map(|document| document.signed.version),
            Role::Snapshot => self.snapshot.as_ref().map(|document| document.signed.version),
            Role::Targets => self.targets.as_ref().map(|document| document.signed.version),
        }
    }

    /// The trusted document of a role as it was fetched, to be passed on to the vehicle's other ECUs.
    pub fn document(&self, role: Role) -> Option<&str> {
        match role {
            Role::Root => Some(self.root.text()),
            Role::Timestamp => self.timestamp.as_ref().map(Signed::text),
            Role::Snapshot => self.snapshot.as_ref().map(Signed::text),
            Role::Targets => self.targets.as_ref().map(Signed::text),
        }
    }
}

fn targets_pin(snapshot: &Signed<Snapshot>) -> Result<&MetaFile, Refused> {
    // Reading a snapshot checked that the entry is there.
    let pin = snapshot.signed.meta.get(TARGETS_FILE);
    pin.ok_or_else(|| Attack::Malformed.refused("the snapshot does not list targets.json"))
}

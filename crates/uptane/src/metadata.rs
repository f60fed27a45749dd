//! What the roles of a repository say (TUF §4.3–4.6), and what Uptane adds to targets. The member names on the wire are those
//! that python-tuf reads; members that are unknown here are ignored, but signatures cover them.

use std::collections::{BTreeMap, BTreeSet};

use kernel::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::attack::{Attack, Refused};
use crate::key::{ListedKey, PublicKey};
use kernel::digest::Sha256Digest;

/// The version of the TUF specification that documents state.
pub const SPEC_VERSION: &str = "1.0.34";
/// The name by which a snapshot lists the targets role.
pub const TARGETS_FILE: &str = "targets.json";
/// The longest name of a target, in bytes: with its digest (64) and a dot before it, it fills the 255 that file systems take.
pub const TARGET_NAME_BYTES_MAX: usize = 190;

/// A role of a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    Root,
    Timestamp,
    Snapshot,
    Targets,
}

impl Role {
    /// All roles, in the order in which a client updates them.
    pub const ALL: [Self; 4] = [Self::Root, Self::Timestamp, Self::Snapshot, Self::Targets];

    /// The name, as in `_type`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Timestamp => "timestamp",
            Self::Snapshot => "snapshot",
            Self::Targets => "targets",
        }
    }

    /// The most bytes that a document of this role may have. A reader stops there, so that an endless body ends.
    pub const fn bytes_max(self) -> usize {
        match self {
            Self::Root => 512 * 1_024,
            Self::Timestamp => 16 * 1_024,
            Self::Snapshot => 2 * 1_024 * 1_024,
            Self::Targets => 5 * 1_024 * 1_024,
        }
    }

    /// The file of this role's `version` in a repository with consistent snapshots (TUF §6.2).
    pub fn file(self, version: u64) -> String {
        match self {
            Self::Timestamp => "timestamp.json".to_owned(),
            role => format!("{version}.{}.json", role.as_str()),
        }
    }
}

/// What the documents of all roles have in common.
pub trait RoleDocument: Serialize + DeserializeOwned {
    /// The role that signs such documents.
    const ROLE: Role;

    /// Which version of the document this is; the first is 1.
    fn version(&self) -> u64;

    /// When the document ceases to be valid.
    fn expires(&self) -> Timestamp;

    /// What of the content could never be right.
    ///
    /// # Errors
    /// [`Refused`] as [`Attack::Malformed`].
    fn check(&self) -> Result<(), Refused> {
        Ok(())
    }
}

macro_rules! role_document {
    ($document:ty, $role:expr) => {
        impl RoleDocument for $document {
            const ROLE: Role = $role;

            fn version(&self) -> u64 {
                self.version
            }

            fn expires(&self) -> Timestamp {
                self.expires
            }
        }
    };
}

/// Who may sign for each role (TUF §4.3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Root {
    pub version: u64,
    #[serde(with = "expiry")]
    pub expires: Timestamp,
    /// Whether files carry their version or digest in their names; ours always do.
    pub consistent_snapshot: bool,
    /// By key id.
    pub keys: BTreeMap<String, ListedKey>,
    pub roles: Roles,
}

/// The keys of the four roles.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Roles {
    pub root: RoleKeys,
    pub timestamp: RoleKeys,
    pub snapshot: RoleKeys,
    pub targets: RoleKeys,
}

/// Which keys sign for a role, and how many of them must.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleKeys {
    pub keyids: BTreeSet<String>,
    pub threshold: u32,
}

impl RoleKeys {
    /// `threshold` of `keys`.
    pub fn new(keys: &[PublicKey], threshold: u32) -> Self {
        Self { keyids: keys.iter().map(PublicKey::id).collect(), threshold }
    }
}

impl Root {
    /// The root that names `keys` by role, each with its threshold.
    pub fn new(version: u64, expires: Timestamp, roles: [(&[PublicKey], u32); 4]) -> Self {
        let keys =
            roles.iter().flat_map(|(keys, _)| keys.iter()).map(|key| (key.id(), ListedKey::from(*key))).collect();
        let [root, timestamp, snapshot, targets] = roles.map(|(keys, threshold)| RoleKeys::new(keys, threshold));
        let roles = Roles { root, timestamp, snapshot, targets };
        Self { version, expires, consistent_snapshot: true, keys, roles }
    }

    /// The keys of a role.
    pub const fn role(&self, role: Role) -> &RoleKeys {
        match role {
            Role::Root => &self.roles.root,
            Role::Timestamp => &self.roles.timestamp,
            Role::Snapshot => &self.roles.snapshot,
            Role::Targets => &self.roles.targets,
        }
    }

    /// The keys of a role with their ids; keys that cannot be used are left out.
    pub fn keys_of(&self, role: Role) -> BTreeMap<&str, PublicKey> {
        let keyids = &self.role(role).keyids;
        keyids.iter().filter_map(|id| Some((id.as_str(), self.keys.get(id)?.public_key()?))).collect()
    }
}

impl RoleDocument for Root {
    const ROLE: Role = Role::Root;

    fn version(&self) -> u64 {
        self.version
    }

    fn expires(&self) -> Timestamp {
        self.expires
    }

    fn check(&self) -> Result<(), Refused> {
        match Role::ALL.iter().find(|role| self.role(**role).threshold == 0) {
            Some(role) => Err(Attack::Malformed.refused(format!("the threshold of {} is zero", role.as_str()))),
            None => Ok(()),
        }
    }
}

/// Which snapshot is the newest (TUF §4.6).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimestampRole {
    pub version: u64,
    #[serde(with = "expiry")]
    pub expires: Timestamp,
    pub meta: TimestampMeta,
}

/// The one entry of a timestamp.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimestampMeta {
    #[serde(rename = "snapshot.json")]
    pub snapshot: MetaFile,
}

role_document!(TimestampRole, Role::Timestamp);

/// Which versions of targets belong together (TUF §4.4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    pub version: u64,
    #[serde(with = "expiry")]
    pub expires: Timestamp,
    /// By file, without the version; [`TARGETS_FILE`] is always there.
    pub meta: BTreeMap<String, MetaFile>,
}

impl RoleDocument for Snapshot {
    const ROLE: Role = Role::Snapshot;

    fn version(&self) -> u64 {
        self.version
    }

    fn expires(&self) -> Timestamp {
        self.expires
    }

    fn check(&self) -> Result<(), Refused> {
        let listed = self.meta.contains_key(TARGETS_FILE);
        listed.then_some(()).ok_or_else(|| Attack::Malformed.refused("the snapshot does not list targets.json"))
    }
}

/// A document that another one pins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetaFile {
    pub version: u64,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub length: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub hashes: Option<Hashes>,
}

impl MetaFile {
    /// Pins `document` as `version`, with its length and digest.
    pub fn of(version: u64, document: &[u8]) -> Self {
        let hashes = Some(Hashes { sha256: Sha256Digest::of(document) });
        Self { version, length: Some(document.len() as u64), hashes }
    }

    /// Whether `document` has the length and the digest that are stated.
    pub fn fits(&self, document: &[u8]) -> bool {
        self.length.is_none_or(|length| length == document.len() as u64)
            && self.hashes.is_none_or(|hashes| hashes.sha256 == Sha256Digest::of(document))
    }
}

/// Digests of a file. Other algorithms than SHA-256 are ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hashes {
    pub sha256: Sha256Digest,
}

/// The images of a repository; in the director's, those that one vehicle shall have (TUF §4.5, Uptane §5.2.3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Targets {
    pub version: u64,
    #[serde(with = "expiry")]
    pub expires: Timestamp,
    /// By name.
    pub targets: BTreeMap<String, Target>,
    /// What the director says of the whole assignment.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub custom: Option<DirectorCustom>,
    /// Other roles that may name targets. They are kept for signature checks only: nothing here follows them, and the
    /// director must have none (Uptane §5.2.3.2).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub delegations: Option<serde_json::Value>,
}

role_document!(Targets, Role::Targets);

/// An image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// In bytes.
    pub length: u64,
    pub hashes: Hashes,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub custom: Option<TargetCustom>,
}

impl Target {
    /// The file of this target in a repository with consistent snapshots (TUF §6.2).
    pub fn file(&self, name: &str) -> String {
        format!("{}.{name}", self.hashes.sha256)
    }
}

/// What Uptane and this product add to a target.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TargetCustom {
    /// The release that the image belongs to.
    pub release: String,
    /// Grows with each release of an image; a vehicle never goes below the one that it has.
    pub release_counter: u64,
    /// The hardware that can run the image; stated by the image repository.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub hardware_ids: Vec<String>,
    /// The ECUs that shall install the image, by serial number; stated by the director.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub ecu_identifiers: BTreeMap<String, EcuIdentifier>,
    /// Software identification numbers (UN R156 §2.6) by the regulation that they stand for.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub rxswin: BTreeMap<String, String>,
    /// How the image is cut, when chunks can be checked one by one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub chunk: Option<Chunking>,
    /// Releases of which each must be on some ECU of the vehicle after the update.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub depends_on: Vec<String>,
    /// Releases that no ECU of the vehicle may have after the update.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub conflicts_with: Vec<String>,
}

/// What the director knows of an ECU.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EcuIdentifier {
    pub hardware_id: String,
}

/// How an image is cut into chunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chunking {
    /// The bytes of each chunk but the last.
    pub size: u64,
    /// The SHA-256 of the concatenated SHA-256 digests of the chunks.
    pub root: Sha256Digest,
}

/// What the director says of an assignment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DirectorCustom {
    /// The vehicle that the metadata is for. Stated also when there are no targets, so that "nothing to do" of one vehicle
    /// cannot be given to another (Uptane §5.2.3.2).
    pub vehicle: String,
    /// The id of the update that the assignment belongs to.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub update: Option<String>,
    /// The digest of the plan that people approved.
    #[serde(rename = "planHash", skip_serializing_if = "Option::is_none", default)]
    pub plan_digest: Option<String>,
    /// The id of the policy decision that allowed the assignment.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub policy_decision: Option<String>,
    /// Which try of the update this is; the first is 1.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub attempt: Option<u32>,
    /// Not to be installed before.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub not_before: Option<Timestamp>,
    /// Not to be installed after.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub deadline: Option<Timestamp>,
}

/// Whether a target's name is one plain file name: it can neither leave a folder nor change an address in which it stands.
pub fn is_safe_name(name: &str) -> bool {
    let is_plain = |c: char| !c.is_control() && !matches!(c, '/' | '\\' | '%' | '#' | '?');
    !name.is_empty()
        && name.len() <= TARGET_NAME_BYTES_MAX
        && name != "."
        && !name.contains("..")
        && name.chars().all(is_plain)
}

/// Times of expiry are whole seconds with `Z` (TUF §4.2); python-tuf refuses fractions.
mod expiry {
    use super::{Deserialize, Deserializer, Serializer, Timestamp, de};

    pub fn serialize<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
        let text = time.to_string();
        serializer.collect_str(&format_args!("{}Z", text.split('.').next().unwrap_or_default()))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.contains('.') {
            return Err(de::Error::custom("a time of expiry has whole seconds"));
        }
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_traversal_names_are_unsafe() {
        let long = "a".repeat(TARGET_NAME_BYTES_MAX + 1);
        for bad in [
            "", ".", "..", "../a", "a/b", "/a", "a\\b", "%2e%2e", "a#b", "a?b", "a\0", "a\nb", "a\u{85}", "a..b", &long,
        ] {
            assert!(!is_safe_name(bad), "{bad}");
        }
        assert!(is_safe_name("av-os-2.0.0.img") && is_safe_name(&long[1..]));
    }

    #[test]
    fn a_pin_holds_whichever_of_length_and_digest_it_states() {
        let whole = MetaFile::of(1, b"document");
        let only_length = MetaFile { hashes: None, ..whole.clone() };
        let only_digest = MetaFile { length: None, ..whole.clone() };
        for pin in [whole, only_length, only_digest] {
            assert!(pin.fits(b"document") && !pin.fits(b"documents"), "{pin:?}");
        }
    }
}

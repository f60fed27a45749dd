//! Metadata as they are signed: roots that name the keys, the list of releases, what pins them together, and one vehicle's
//! assignment. Timestamps and snapshots are made when they are asked for; their versions are the second in which they are
//! made, or one more than the last.

use std::collections::BTreeMap;

use kernel::{Timestamp, VehicleId};
use store::port::Fault;
use uptane::document::sign;
use uptane::metadata::{
    Chunking, DirectorCustom, EcuIdentifier, Hashes, MetaFile, Root, Snapshot, TARGETS_FILE, Target, TargetCustom,
    Targets, TimestampMeta, TimestampRole,
};
use uptane::{PublicKey, Role, RoleSigner, Sha256Digest};

use crate::repository::signers::ForRole;
use crate::repository::{ReleaseContent, Repository, Signers, UpdateRootPublished, Which};
use crate::update::{Installed, Update};

const DAY_MS: i64 = 86_400_000;
/// How long a root lasts.
const ROOT_VALID_MS: i64 = 2 * 365 * DAY_MS;
/// How long the list of releases lasts; every release renews it.
const TARGETS_VALID_MS: i64 = 2 * 365 * DAY_MS;
/// How long what is made on demand lasts (Uptane's guidance for a director: about a day).
const FRESH_VALID_MS: i64 = DAY_MS;

fn unsignable(source: impl std::error::Error + Send + Sync + 'static) -> Fault {
    Fault::Unavailable { what: "sign update metadata", source: Box::new(source) }
}

/// The root documents that a repository needs and does not have: the first ones, or new ones where keys have changed.
///
/// # Errors
/// A key cannot be used.
pub fn missing_roots(
    repository: &Repository,
    signers: &Signers,
    now: Timestamp,
) -> Result<Vec<UpdateRootPublished>, Fault> {
    let mut missing = Vec::new();
    for which in [Which::Images, Which::Director] {
        let known = repository.roots(which);
        // Keys for updates are not replaced yet, so that the first root is the last one too.
        if known.is_empty() {
            let document = root(which, 1, signers, now)?;
            missing.push(UpdateRootPublished { repository: which, version: 1, document });
        }
    }
    Ok(missing)
}

fn root(which: Which, version: u64, signers: &Signers, now: Timestamp) -> Result<String, Fault> {
    let of = |key: &dyn RoleSigner| key.public();
    let (root, director, policy) =
        (of(&ForRole(&signers.root)), of(&ForRole(&signers.director)), of(&ForRole(&signers.policy)));
    let releases = match which {
        Which::Images => of(&ForRole(&signers.update)),
        Which::Director => director,
    };
    let targets: [PublicKey; 2] = [releases, policy];
    let roles = [(&[root][..], 1), (&[director][..], 1), (&[director][..], 1), (&targets[..], 2)];
    let root = Root::new(version, now.plus_ms(ROOT_VALID_MS), roles);
    sign(&root, &[&ForRole(&signers.root)]).map_err(unsignable)
}

fn target(content: &ReleaseContent) -> Result<Target, Fault> {
    let digest = |text: &str| text.parse::<Sha256Digest>().map_err(unsignable);
    Ok(Target {
        length: content.image.length,
        hashes: Hashes { sha256: digest(&content.image.sha256)? },
        custom: Some(TargetCustom {
            release: content.name.clone(),
            release_counter: content.counter,
            hardware_ids: content.hardware_ids.iter().cloned().collect(),
            ecu_identifiers: BTreeMap::new(),
            rxswin: content.rxswin.clone(),
            chunk: Some(Chunking { size: content.image.chunk_size, root: digest(&content.image.chunk_root)? }),
            depends_on: content.depends_on.iter().cloned().collect(),
            conflicts_with: content.conflicts_with.iter().cloned().collect(),
        }),
    })
}

/// A tenant's list of releases, signed by the update key and, because policy allowed each of them, by the policy engine's.
/// The same releases give the same bytes, so that nobody has to keep them: signatures of Ed25519 have no random part.
///
/// # Errors
/// A key cannot be used.
pub fn targets(repository: &Repository, signers: &Signers) -> Result<String, Fault> {
    let known = repository.releases.values();
    let newest = known.clone().map(|release| release.published_at).max().unwrap_or(Timestamp::from_us(0));
    let all = known.map(|release| Ok((release.content.file.clone(), target(&release.content)?)));
    let targets = Targets {
        version: repository.targets_version,
        expires: newest.plus_ms(TARGETS_VALID_MS),
        targets: all.collect::<Result<_, Fault>>()?,
        custom: None,
        delegations: None,
    };
    sign(&targets, &[&ForRole(&signers.update), &ForRole(&signers.policy)]).map_err(unsignable)
}

/// The version of what is made now, after what had `last`.
pub fn next_version(last: Option<u64>, now: Timestamp) -> u64 {
    let second = u64::try_from(now.as_ms() / 1_000).unwrap_or(1);
    second.max(last.unwrap_or(0) + 1)
}

/// What pins a list of targets.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Fresh {
    pub snapshot_version: u64,
    pub snapshot: String,
    pub timestamp: String,
}

/// Pins a list of targets.
///
/// # Errors
/// A key cannot be used.
pub fn fresh(
    version: u64,
    (targets_version, targets): (u64, &str),
    signers: &Signers,
    now: Timestamp,
) -> Result<Fresh, Fault> {
    let expires = now.plus_ms(FRESH_VALID_MS);
    let pinned = MetaFile::of(targets_version, targets.as_bytes());
    let snapshot = Snapshot { version, expires, meta: BTreeMap::from([(TARGETS_FILE.to_owned(), pinned)]) };
    let signer = ForRole(&signers.director);
    let snapshot = sign(&snapshot, &[&signer]).map_err(unsignable)?;
    let meta = TimestampMeta { snapshot: MetaFile::of(version, snapshot.as_bytes()) };
    let timestamp = sign(&TimestampRole { version, expires, meta }, &[&signer]).map_err(unsignable)?;
    Ok(Fresh { snapshot_version: version, snapshot, timestamp })
}

/// One vehicle's assignment: the director's documents.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Directed {
    pub targets_version: u64,
    pub targets: String,
    #[serde(flatten)]
    pub fresh: Fresh,
}

/// What an assignment is about.
#[derive(Debug, Clone, Copy)]
pub struct About<'a> {
    pub vehicle: VehicleId,
    pub update: &'a Update,
    pub content: &'a ReleaseContent,
    pub installed: &'a Installed,
    pub decision: Option<&'a str>,
}

/// Signs an update's assignment. The decision is that of the policy engine, whose key signs because it allowed it.
///
/// # Errors
/// A key cannot be used.
pub fn directed(about: &About<'_>, version: u64, signers: &Signers, now: Timestamp) -> Result<Directed, Fault> {
    let About { vehicle, update, content, installed, decision } = about;
    let mut assigned = target(content)?;
    if let Some(custom) = &mut assigned.custom {
        let hardware_id = installed.hardware_id.clone();
        custom.ecu_identifiers = BTreeMap::from([(installed.ecu_serial.clone(), EcuIdentifier { hardware_id })]);
        custom.hardware_ids = Vec::new();
    }
    let custom = DirectorCustom {
        vehicle: vehicle.to_string(),
        update: Some(update.number.to_string()),
        plan_digest: Some(update.plan_digest.clone()),
        policy_decision: decision.map(ToOwned::to_owned),
        attempt: Some(update.attempt),
        not_before: None,
        deadline: update.deadline,
    };
    let targets = Targets {
        version,
        expires: now.plus_ms(FRESH_VALID_MS),
        targets: BTreeMap::from([(content.file.clone(), assigned)]),
        custom: Some(custom),
        delegations: None,
    };
    let text = sign(&targets, &[&ForRole(&signers.director), &ForRole(&signers.policy)]).map_err(unsignable)?;
    let fresh = fresh(version, (version, &text), signers, now)?;
    Ok(Directed { targets_version: version, targets: text, fresh })
}

/// The name under which a repository's file is asked for: `1.root.json`, `timestamp.json`.
pub fn parse_file(name: &str) -> Option<(Role, Option<u64>)> {
    if name == "timestamp.json" {
        return Some((Role::Timestamp, None));
    }
    let (version, rest) = name.split_once('.')?;
    let role =
        Role::ALL.into_iter().find(|role| *role != Role::Timestamp && rest == format!("{}.json", role.as_str()))?;
    Some((role, Some(version.parse().ok()?)))
}

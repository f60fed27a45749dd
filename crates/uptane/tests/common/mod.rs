//! A repository that tests change at will, and the vehicle of all tests.

#![allow(dead_code, reason = "no test file uses everything")]

use std::collections::BTreeMap;

use kernel::Timestamp;
use uptane::document::sign;
use uptane::key::SeedKey;
use uptane::metadata::{
    DirectorCustom, EcuIdentifier, Hashes, MetaFile, Root, Snapshot, TARGETS_FILE, Target, TargetCustom, Targets,
    TimestampMeta, TimestampRole,
};
use uptane::verify::{Ecu, VehicleInventory};
use uptane::{PublicKey, Refused, Role, RoleSigner, Sha256Digest, TrustedRepository};

pub const VEHICLE: &str = "veh_01m8mjdxvdewgttkcq8fcmk5r2";
pub const IMAGE: &[u8] = b"the operating system, release 2.0.0";
pub const IMAGE_NAME: &str = "av-os-2.0.0.img";

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub fn now() -> Timestamp {
    at("2026-11-30T00:00:00Z")
}

pub fn key(seed: u8) -> SeedKey {
    SeedKey::from_seed(&[seed; 32]).unwrap()
}

/// Signs by the keys of some seeds.
pub fn signed_by<T: uptane::metadata::RoleDocument>(role: &T, seeds: &[u8]) -> String {
    let keys: Vec<SeedKey> = seeds.iter().map(|seed| key(*seed)).collect();
    let signers: Vec<&dyn RoleSigner> = keys.iter().map(|key| key as &dyn RoleSigner).collect();
    sign(role, &signers).unwrap()
}

/// Arrays are in the order of [`Role::ALL`]: root, timestamp, snapshot, targets.
#[derive(Clone)]
pub struct Repository {
    pub seeds: [Vec<u8>; 4],
    pub thresholds: [u32; 4],
    pub versions: [u64; 4],
    pub expires: [Timestamp; 4],
    pub targets: BTreeMap<String, Target>,
    pub custom: Option<DirectorCustom>,
}

impl Repository {
    pub fn new(first_seed: u8) -> Self {
        let seed = |more: u8| first_seed + more;
        Self {
            seeds: [vec![seed(0), seed(1), seed(2)], vec![seed(3)], vec![seed(4)], vec![seed(5), seed(6)]],
            thresholds: [2, 1, 1, 2],
            versions: [1; 4],
            expires: [at("2027-11-30T00:00:00Z"); 4],
            targets: BTreeMap::new(),
            custom: None,
        }
    }

    pub fn root_role(&self) -> Root {
        let keys: Vec<Vec<PublicKey>> =
            self.seeds.iter().map(|seeds| seeds.iter().map(|seed| key(*seed).public()).collect()).collect();
        let [a, b, c, d] = [0, 1, 2, 3].map(|role| (keys[role].as_slice(), self.thresholds[role]));
        Root::new(self.versions[0], self.expires[0], [a, b, c, d])
    }

    pub fn root(&self) -> String {
        signed_by(&self.root_role(), &self.seeds[0])
    }

    /// The next root, signed by the keys of `before` too, as a rotation must be.
    pub fn root_after(&self, before: &Self) -> String {
        signed_by(&self.root_role(), &[&before.seeds[0][..], &self.seeds[0]].concat())
    }

    pub fn targets_role(&self) -> Targets {
        Targets {
            version: self.versions[3],
            expires: self.expires[3],
            targets: self.targets.clone(),
            custom: self.custom.clone(),
            delegations: None,
        }
    }

    pub fn targets(&self) -> String {
        signed_by(&self.targets_role(), &self.seeds[3])
    }

    pub fn snapshot_of(&self, targets: &str) -> String {
        let meta = [(TARGETS_FILE.to_owned(), MetaFile::of(self.versions[3], targets.as_bytes()))].into();
        let role = Snapshot { version: self.versions[2], expires: self.expires[2], meta };
        signed_by(&role, &self.seeds[2])
    }

    pub fn timestamp_of(&self, snapshot: &str) -> String {
        let meta = TimestampMeta { snapshot: MetaFile::of(self.versions[2], snapshot.as_bytes()) };
        let role = TimestampRole { version: self.versions[1], expires: self.expires[1], meta };
        signed_by(&role, &self.seeds[1])
    }

    pub fn snapshot(&self) -> String {
        self.snapshot_of(&self.targets())
    }

    pub fn timestamp(&self) -> String {
        self.timestamp_of(&self.snapshot())
    }

    /// The same with all online versions one higher.
    pub fn next(&self) -> Self {
        let mut next = self.clone();
        next.versions[1..].iter_mut().for_each(|version| *version += 1);
        next
    }

    pub fn set_role(&mut self, role: Role, version: u64, expires: Timestamp) {
        let index = Role::ALL.iter().position(|other| *other == role).unwrap();
        (self.versions[index], self.expires[index]) = (version, expires);
    }

    /// What a client does after the roots.
    pub fn refresh(&self, trusted: &mut TrustedRepository, now: Timestamp) -> Result<(), Refused> {
        trusted.update_timestamp(self.timestamp().as_bytes(), now)?;
        trusted.update_snapshot(self.snapshot().as_bytes(), now)?;
        trusted.update_targets(self.targets().as_bytes(), now)?;
        trusted.current(now).map(drop)
    }

    pub fn trusted(&self) -> TrustedRepository {
        let mut trusted = TrustedRepository::new(self.root().as_bytes()).unwrap();
        self.refresh(&mut trusted, now()).unwrap();
        trusted
    }
}

pub fn image_target(bytes: &[u8], release: &str, counter: u64) -> Target {
    Target {
        length: bytes.len() as u64,
        hashes: Hashes { sha256: Sha256Digest::of(bytes) },
        custom: Some(TargetCustom {
            release: release.to_owned(),
            release_counter: counter,
            hardware_ids: vec!["avcompute-r1".to_owned(), "avcompute-r2".to_owned()],
            rxswin: [("R157SWIN".to_owned(), "R157-0042".to_owned())].into(),
            ..TargetCustom::default()
        }),
    }
}

/// The same target as the director states it, for some ECUs on the first hardware.
pub fn assigned(image: &Target, serials: &[&str]) -> Target {
    let custom = image.custom.clone().unwrap();
    let identifier = EcuIdentifier { hardware_id: "avcompute-r1".to_owned() };
    let ecu_identifiers = serials.iter().map(|serial| ((*serial).to_owned(), identifier.clone())).collect();
    let custom = TargetCustom { ecu_identifiers, hardware_ids: Vec::new(), ..custom };
    Target { custom: Some(custom), ..image.clone() }
}

pub fn images() -> Repository {
    let mut images = Repository::new(100);
    images.targets.insert(IMAGE_NAME.to_owned(), image_target(IMAGE, "av-os-2.0.0", 42));
    images
}

pub fn director() -> Repository {
    let mut director = Repository::new(10);
    director.targets.insert(IMAGE_NAME.to_owned(), assigned(&image_target(IMAGE, "av-os-2.0.0", 42), &["ECU-1"]));
    director.custom = Some(DirectorCustom {
        vehicle: VEHICLE.to_owned(),
        update: Some("upd_1".to_owned()),
        plan_digest: Some("ab".repeat(32)),
        policy_decision: Some("dec_1".to_owned()),
        attempt: Some(1),
        not_before: Some(now()),
        deadline: Some(at("2026-12-07T00:00:00Z")),
    });
    director
}

pub fn vehicle() -> VehicleInventory {
    let ecu = |hardware: &str, release: &str| Ecu {
        hardware_id: hardware.to_owned(),
        installed_counter: 41,
        installed_sha256: Some(Sha256Digest::of(release.as_bytes())),
        installed_release: Some(release.to_owned()),
    };
    let ecus = [("ECU-1", ecu("avcompute-r1", "av-os-1.9.0")), ("ECU-2", ecu("avcompute-r1", "lidar-3.1"))];
    VehicleInventory {
        vehicle: VEHICLE.to_owned(),
        ecus: ecus.into_iter().map(|(serial, ecu)| (serial.to_owned(), ecu)).collect(),
    }
}

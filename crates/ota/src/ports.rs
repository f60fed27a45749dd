//! What updates need of their neighbours.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use kernel::ctx::About;
use kernel::id::HoldId;
use kernel::{BoxFuture, Ctx, Reject, SiteId, TenantId, VehicleId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::CommandError;
use store::port::Fault;

/// A vehicle as updates see it.
#[derive(Debug, Clone, PartialEq)]
pub struct VehicleFacts {
    pub name: String,
    pub site: SiteId,
    /// The kinds of its holds, without that of the update itself.
    pub holds: BTreeSet<String>,
    pub on_trip: bool,
    /// Whether it was last seen standing with its brake set.
    pub parked: bool,
    pub online: bool,
    /// Whether it left the fleet.
    pub decommissioned: bool,
    pub battery_pct: f64,
    pub energy_capacity_wh: f64,
}

/// Vehicles.
pub trait Vehicles: Send + Sync {
    /// One vehicle.
    fn vehicle<'a>(
        &'a self,
        tenant: &'a TenantId,
        vehicle: VehicleId,
    ) -> BoxFuture<'a, Result<Option<VehicleFacts>, Fault>>;

    /// A page of vehicles, by id.
    fn vehicles<'a>(
        &'a self,
        tenant: &'a TenantId,
        after: Option<VehicleId>,
    ) -> BoxFuture<'a, Result<Vec<(VehicleId, VehicleFacts)>, Fault>>;

    /// Keeps the vehicle from being dispatched, after the trip that it is on.
    fn hold<'a>(
        &'a self,
        ctx: &'a Ctx,
        vehicle: VehicleId,
        hold: HoldId,
        reason: &'a str,
    ) -> BoxFuture<'a, Result<(), CommandError>>;

    /// Ends the hold; one that is over already is no error.
    fn release<'a>(
        &'a self,
        ctx: &'a Ctx,
        vehicle: VehicleId,
        hold: HoldId,
        reason: &'a str,
    ) -> BoxFuture<'a, Result<(), CommandError>>;

    /// What every context of the tenant says.
    fn about<'a>(&'a self, tenant: &'a TenantId) -> BoxFuture<'a, Result<About, Fault>>;
}

/// The register of keys.
pub trait KeyStates: Send + Sync {
    /// The state of every key, such as `active`, by its name.
    fn states(&self) -> BoxFuture<'_, Result<BTreeMap<String, String>, Fault>>;
}

/// An image that is whole and was checked against its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StoredImage {
    pub length: u64,
    /// Hexadecimal, as are the others.
    pub sha256: String,
    /// For clients of hawkBit, which ask for it; nobody trusts it.
    pub sha1: String,
    /// For clients of hawkBit, which ask for it; nobody trusts it.
    pub md5: String,
    /// Bytes of each chunk but the last.
    pub chunk_size: u64,
    /// SHA-256 over the digests of the chunks, one after another.
    pub chunk_root: String,
}

/// How much of an image is here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Upload {
    /// So many bytes from the beginning.
    Partial(u64),
    Whole(StoredImage),
}

/// Images by their digest. A tenant sees its own only.
pub trait Images: Send + Sync {
    /// How much is here of the image with this SHA-256.
    fn state<'a>(&'a self, tenant: &'a TenantId, sha256: &'a str) -> BoxFuture<'a, Result<Upload, Fault>>;

    /// Adds bytes behind those that are here; with the last ones the whole is checked against its name.
    fn append<'a>(
        &'a self,
        tenant: &'a TenantId,
        sha256: &'a str,
        length: u64,
        at: u64,
        bytes: Vec<u8>,
    ) -> BoxFuture<'a, Result<Result<Upload, Reject>, Fault>>;

    /// Bytes of a whole image.
    fn read<'a>(
        &'a self,
        tenant: &'a TenantId,
        sha256: &'a str,
        range: Range<u64>,
    ) -> BoxFuture<'a, Result<Vec<u8>, Fault>>;

    /// The digests of the chunks of a whole image, one after another.
    fn chunks<'a>(&'a self, tenant: &'a TenantId, sha256: &'a str) -> BoxFuture<'a, Result<Vec<u8>, Fault>>;
}

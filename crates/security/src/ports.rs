//! What security needs of its neighbours.

use detections::Record;
use kernel::ctx::About;
use kernel::id::{HoldId, PrincipalId};
use kernel::{BoxFuture, Ctx, Envelope, TenantId, Timestamp, VehicleId};
use serde_json::Value;
use store::CommandError;
use store::port::Fault;

/// An entry of the journal as security reads it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Seen {
    /// What detections look at; `None` where it says nothing about access.
    pub record: Option<Record>,
    /// A vehicle whose identity ended with it.
    pub revoked: Option<VehicleId>,
}

/// Translates what other domains write.
pub trait Reader: Send + Sync {
    /// What an entry means.
    ///
    /// # Errors
    /// The entry cannot be read.
    fn read(&self, event: &Envelope) -> Result<Seen, Fault>;
}

/// A vehicle as security sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct VehicleFacts {
    pub name: String,
    /// Whether it may be driving: it is not proven to stand.
    pub moving: bool,
    /// When the identity that it has now was enrolled; `None` while it has none.
    pub enrolled_at: Option<Timestamp>,
    pub revoked: bool,
}

/// Those whom incidents are about.
pub trait Subjects: Send + Sync {
    /// One vehicle.
    fn vehicle<'a>(
        &'a self,
        tenant: &'a TenantId,
        vehicle: VehicleId,
    ) -> BoxFuture<'a, Result<Option<VehicleFacts>, Fault>>;

    /// How many vehicles are connected.
    fn online<'a>(&'a self, tenant: &'a TenantId) -> BoxFuture<'a, Result<u64, Fault>>;

    /// Stops the vehicle where it may stand, and keeps it (SAFE-3).
    fn isolate<'a>(
        &'a self,
        ctx: &'a Ctx,
        vehicle: VehicleId,
        hold: HoldId,
        reason: &'a str,
    ) -> BoxFuture<'a, Result<(), CommandError>>;

    /// Ends the isolation; one that is over already is no error.
    fn release<'a>(
        &'a self,
        ctx: &'a Ctx,
        vehicle: VehicleId,
        hold: HoldId,
        reason: &'a str,
    ) -> BoxFuture<'a, Result<(), CommandError>>;

    /// Takes the vehicle's identity away; answers whether it is gone already, or is when the vehicle stands.
    fn revoke_vehicle<'a>(
        &'a self,
        ctx: &'a Ctx,
        vehicle: VehicleId,
        reason: &'a str,
    ) -> BoxFuture<'a, Result<bool, CommandError>>;

    /// Ends the tokens and sessions of a program or a person.
    fn revoke_principal<'a>(
        &'a self,
        ctx: &'a Ctx,
        principal: PrincipalId,
        reason: &'a str,
    ) -> BoxFuture<'a, Result<(), CommandError>>;

    /// What every context of the tenant says.
    fn about<'a>(&'a self, tenant: &'a TenantId) -> BoxFuture<'a, Result<About, Fault>>;
}

/// A message to somebody outside.
#[derive(Debug, Clone, PartialEq)]
pub struct Outgoing {
    pub url: String,
    /// Signed as Standard Webhooks have it, where the receiver checks that.
    pub signed: Option<Signed>,
    pub body: Value,
}

/// What signs a message, and the id by which the receiver knows it again.
#[derive(Clone, PartialEq, Eq)]
pub struct Signed {
    pub id: String,
    pub secret: String,
}

impl std::fmt::Debug for Signed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signed").field("id", &self.id).finish_non_exhaustive()
    }
}

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    Accepted,
    /// Not now; after so many seconds, where the receiver said so.
    Later {
        reason: String,
        after_s: Option<u64>,
    },
    /// Never: the receiver does not take it as it is.
    Refused {
        reason: String,
    },
}

/// Where messages leave the process.
pub trait Sender: Send + Sync {
    /// Sends a message. Takes no longer than ten seconds.
    fn send(&self, message: Outgoing) -> BoxFuture<'_, Delivery>;
}

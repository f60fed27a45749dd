//! What a change of the sector meets, and what leads a switch away from its safe side.

use std::sync::Arc;

use approvals::ApprovedCommand;
use commands::{CommandSource, NewCommand};
use gateway::http::flags::RESTORE_FLAG;
use kernel::{Aggregate, BoxFuture, Ctx, Envelope, Reject, Subject, TenantId};
use serde::Deserialize;
use serde_json::Value;
use store::CommandError;
use store::port::{Fault, Store};
use tenancy::sectors::{InService, RunningTrip, ServingVehicle};
use tenancy::tenant::{Tenant, TenantEvent};
use trips::{Trip, Trips};

/// The most trips that a preview looks at.
const LOOKED_AT_MAX: usize = 1_000;

/// The trips and vehicles of a tenant.
pub struct InServiceNow {
    pub store: Arc<dyn Store>,
    pub fleet: Arc<::fleet::Fleet>,
}

impl InServiceNow {
    /// The decision that let a trip begin, as the journal has it.
    async fn decision(&self, tenant: &TenantId, trip: &kernel::TripId) -> Result<Option<Value>, Fault> {
        let subject = Subject::new(Trip::KIND, trip);
        let entries = self.store.timeline(tenant, &subject, 0, 8).await?;
        for entry in &entries {
            let envelope = store::sequence::envelope(entry)?;
            if envelope.r#type == kernel::envelope::DecisionRecord::EVENT_TYPE {
                return Ok(Some(envelope.body));
            }
        }
        Ok(None)
    }
}

impl InService for InServiceNow {
    fn trips<'a>(&'a self, tenant: &'a TenantId) -> BoxFuture<'a, Result<Vec<RunningTrip>, Fault>> {
        Box::pin(async move {
            let mut running = Vec::new();
            for trip in Trips::open(&*self.store, tenant, LOOKED_AT_MAX).await? {
                running.push(RunningTrip { trip, decision: self.decision(tenant, &trip).await? });
            }
            Ok(running)
        })
    }

    fn vehicles<'a>(&'a self, tenant: &'a TenantId) -> BoxFuture<'a, Result<Vec<ServingVehicle>, Fault>> {
        Box::pin(async move {
            let named = self.fleet.serving(tenant).await?.into_iter().map(|known| {
                let allowed = known.vehicle.constraints.allowed_sectors.iter().flatten().copied();
                ServingVehicle { name: known.vehicle.profile.name.clone(), sectors: allowed.collect() }
            });
            Ok(named.collect())
        })
    }
}

/// Leads a switch away from its safe side.
pub struct RestoreFlag(pub Arc<tenancy::Sectors>);

#[derive(Deserialize)]
struct WhichFlag {
    flag: String,
    variant: Option<String>,
}

impl ApprovedCommand for RestoreFlag {
    fn command(&self) -> &'static str {
        RESTORE_FLAG
    }

    fn carry_out<'a>(
        &'a self,
        ctx: &'a Ctx,
        _: &'a Subject,
        arguments: &'a Value,
        reason: &'a str,
    ) -> BoxFuture<'a, Result<(), CommandError>> {
        Box::pin(async move {
            let WhichFlag { flag, variant } = Deserialize::deserialize(arguments).map_err(|_| {
                Reject::new(kernel::Code::IllegalTransition, "this approval is of another version: ask again")
            })?;
            self.0.choose_flag(ctx, &flag, variant.as_deref(), reason, true).await.map(drop)
        })
    }
}

/// A sector that comes into force may lower the speed limits of places that vehicles keep, or raise them again.
pub struct SectorChanges;

impl CommandSource for SectorChanges {
    fn command_for<'a>(&'a self, _event: &'a Envelope) -> BoxFuture<'a, Result<Option<NewCommand>, Fault>> {
        Box::pin(async { Ok(None) })
    }

    fn concerns_all(&self, event: &Envelope) -> bool {
        let event = Tenant::event_in(event).map(|(_, event)| event);
        matches!(event, Some(TenantEvent::SectorActivated(_) | TenantEvent::SectorRolledBack(_)))
    }
}

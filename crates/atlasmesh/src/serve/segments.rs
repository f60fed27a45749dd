//! Telemetry's segments against the journal: what the summaries of trips name of each boot must be what the segments hold.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::PathBuf;

use kernel::{Aggregate, BoxFuture, DomainEvent, Envelope, TenantId};
use store::port::{Fault, Store};
use store::replay::{Fold, ReplayFinding};
use telemetry::Named;
use trips::{Trip, TripEvent};

/// What findings call telemetry, where others name a table.
const TELEMETRY: &str = "telemetry";

/// Gathers what the journal names, then reads the segments.
pub struct SegmentFold {
    folder: PathBuf,
    named: Named,
}

impl SegmentFold {
    /// Over the folder of all tenants' telemetry.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder, named: BTreeMap::new() }
    }
}

impl Fold for SegmentFold {
    fn take(&mut self, event: &Envelope) -> Result<(), ReplayFinding> {
        if event.stream.kind() != Trip::KIND || event.r#type != "trip.compliance_summary" {
            return Ok(());
        }
        let finding = |difference: String| ReplayFinding {
            tenant: event.tenant.clone(),
            table: TELEMETRY,
            key: event.stream.id().into(),
            difference,
        };
        match TripEvent::decode(&event.r#type, event.version, &event.body) {
            Ok(TripEvent::ComplianceSummary(summary)) => {
                for recorded in summary.chunks {
                    let roots = self.named.entry((summary.vehicle, recorded.boot)).or_default();
                    let known = *roots.entry(recorded.chunks).or_insert(recorded.root);
                    if known != recorded.root {
                        return Err(finding(format!("two digests of the same {} chunks", recorded.chunks)));
                    }
                }
                Ok(())
            }
            Ok(_) => Ok(()),
            Err(error) => Err(finding(error.to_string())),
        }
    }

    fn compare<'a>(
        &'a self,
        _: &'a dyn Store,
        tenant: &'a TenantId,
        told: &'a (dyn Fn(u64) -> ControlFlow<()> + Send + Sync),
    ) -> BoxFuture<'a, Result<Option<ReplayFinding>, Fault>> {
        Box::pin(async move {
            let checked = telemetry::verify_segments(&self.folder, tenant, &self.named, &|| told(0));
            let unreadable = |error| Fault::Unavailable { what: "read telemetry", source: Box::new(error) };
            Ok(checked.map_err(unreadable)?.err().map(|damage| ReplayFinding {
                tenant: tenant.clone(),
                table: TELEMETRY,
                key: damage.place,
                difference: damage.what,
            }))
        })
    }

    fn aggregates(&self) -> Option<usize> {
        None
    }
}

//! Predictive maintenance: what vehicles say of their components, how long those last, with how much certainty, and what follows:
//! a work order, a grounding, a repair, and a named technician who returns the vehicle. Decisions look at the lower bound.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking"))]

pub mod actions;
pub mod diagnostics;
pub mod health;
pub mod judge;
pub mod model;
pub mod order;
pub mod ports;
mod service;
pub mod workshop;

use std::sync::Arc;

use domain::{AggregateSpec, Domain, Workers};
use store::due::due_handler;

pub use health::VehicleHealth;
pub use model::Models;
pub use order::{OrderId, WorkOrder};
pub use service::{
    DIAGNOSTICS, FEATURES, HISTORIES, HistoryRow, MET, MODELS, Maintenance, NewHistory, NewOrder, READINGS, ReadingRow,
};
pub use workshop::Workshop;

/// What the domain consists of.
pub const DOMAIN: Domain = Domain {
    name: "maintenance",
    aggregates: &[
        AggregateSpec::of::<VehicleHealth>(),
        AggregateSpec::of::<WorkOrder>(),
        AggregateSpec::of::<Models>(),
        AggregateSpec::of::<Workshop>(),
    ],
    tables: &[DIAGNOSTICS, FEATURES, READINGS, HISTORIES, MODELS, MET],
    policy: actions::POLICY,
};

impl Maintenance {
    /// What the domain does without being asked.
    pub fn workers(self: &Arc<Self>) -> Workers {
        let missed = due_handler::<WorkOrder, _, _>(self, |maintenance: &Self, tenant, order, guard| {
            Box::pin(maintenance.slot_missed(tenant, order, guard))
        });
        let train = due_handler::<Models, _, _>(self, |maintenance: &Self, tenant, _, guard| {
            Box::pin(maintenance.train_due(tenant, guard))
        });
        Workers { due: vec![self.judging(), missed, train], subscribers: vec![self.effects()], ..Workers::default() }
    }
}

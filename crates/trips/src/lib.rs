//! Trips and dispatch: the life of a trip from a request to its end, the choice of its vehicle, and its compliance
//! under way.
//!
//! A trip moves only by commands through one pure `decide` ([`trip`]) over one table of transitions
//! ([`trip::status`]); vehicles are chosen for all trips that wait together ([`dispatch`]); samples of moving vehicles
//! are checked ([`compliance`]); a vehicle that stands asks a person ([`assistance`]); a standing order asks for the same
//! trip again and again ([`standing_order`]); [`service`] joins them over the store and the
//! neighbours' [`ports`].

#![allow(missing_docs, reason = "names say it; a comment is there where it tells more")]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod actions;
pub mod assistance;
pub mod compliance;
pub mod dispatch;
mod facts;
pub mod limits;
pub mod ports;
pub mod service;
pub mod standing_order;
pub mod trip;

use std::sync::Arc;

use commands::CommandSource;
use domain::{AggregateSpec, Domain, Workers};
use store::due::{DueHandler, due_handler};
use store::subscribe::{Subscriber, subscriber};

pub use assistance::{AssistEvent, Assistance};
pub use compliance::{Check, CheckVerdict, ComplianceMonitor, SampleFacts, Seal};
pub use dispatch::{BATCH_WINDOW_MS, BatchReport, Dispatch};
pub use facts::{AssignmentFacts, MonitorFacts, ResumeFacts, TripFacts};
pub use limits::{CLAIM_VALID_FOR_S, ClaimTiming};
pub use service::{
    AssistanceAnswer, AssistanceFilter, AssistanceService, History, Leg, Ports, Progress, RoutePreview, RouteVersion,
    Settings, Snapshot, StandingOrders, Story, TripFilter, Trips, cancel_body,
};
pub use standing_order::request::StandingOrderRequest;
pub use standing_order::{StandingOrder, StandingOrderEvent};
pub use trip::events::RecordedChunks;
pub use trip::reroute::RerouteAnswer;
pub use trip::{Done, ReportKind, Status, Trip, TripEvent, TripRequest, VehicleReport, state_table_markdown};

/// What the domain consists of.
pub const DOMAIN: Domain = Domain {
    name: "trips",
    aggregates: &[AggregateSpec::of::<Trip>(), AggregateSpec::of::<Assistance>(), AggregateSpec::of::<StandingOrder>()],
    tables: &[
        dispatch::claims::CLAIM_INTENTS,
        service::assistance::ASSIST_SNAPSHOTS,
        service::reports::TRIP_PROGRESS,
        service::routes::ROUTE_VERSIONS,
    ],
    policy: actions::POLICY,
};

/// The services of this crate, each over the same trips.
#[derive(Debug, Clone)]
pub struct Services {
    /// Trips: asked for, changed, read.
    pub trips: Arc<Trips>,
    /// Requests for assistance of vehicles that stand.
    pub assistance: Arc<AssistanceService>,
    /// Orders that ask for the same trip again and again.
    pub standing_orders: Arc<StandingOrders>,
    pub dispatch: Arc<Dispatch>,
    /// The checks of samples of vehicles under way.
    pub compliance: Arc<ComplianceMonitor>,
}

impl Services {
    pub fn new(trips: Trips) -> Self {
        let trips = Arc::new(trips);
        Self {
            assistance: Arc::new(AssistanceService::new(Arc::clone(&trips))),
            standing_orders: Arc::new(StandingOrders::new(Arc::clone(&trips))),
            dispatch: Arc::new(Dispatch::new(Arc::clone(&trips))),
            compliance: Arc::new(ComplianceMonitor::new(Arc::clone(&trips))),
            trips,
        }
    }

    /// What the domain does without being asked.
    pub fn workers(&self) -> Workers {
        let commands: Vec<Arc<dyn CommandSource>> = vec![self.trips.clone(), self.assistance.clone()];
        Workers { due: self.due_handlers(), subscribers: self.subscribers(), commands }
    }

    /// What is done with rows whose deadline came.
    fn due_handlers(&self) -> Vec<Arc<dyn DueHandler>> {
        vec![
            due_handler::<Trip, _, _>(&self.trips, |trips, tenant, id, guard| {
                Box::pin(trips.on_due(tenant, id, guard))
            }),
            due_handler::<Assistance, _, _>(&self.assistance, |assistance, tenant, id, guard| {
                Box::pin(assistance.on_due(tenant, id, guard))
            }),
            due_handler::<StandingOrder, _, _>(&self.standing_orders, |orders, tenant, id, guard| {
                Box::pin(orders.on_due(tenant, id, guard))
            }),
        ]
    }

    /// What follows from entries of the journal. The names are those of durable cursors and never change.
    fn subscribers(&self) -> Vec<Arc<dyn Subscriber>> {
        vec![
            subscriber("trips.claims", &self.trips, |trips, entry| Box::pin(trips.end_claim(entry))),
            subscriber("trips.vehicles", &self.trips, |trips, entry| Box::pin(trips.on_vehicle_event(entry))),
            subscriber("trips.ways", &self.trips, |trips, entry| Box::pin(trips.check_routes(entry))),
            subscriber("trips.assistance", &self.assistance, |assistance, entry| Box::pin(assistance.on_entry(entry))),
            subscriber("trips.standing", &self.standing_orders, |orders, entry| Box::pin(orders.on_entry(entry))),
        ]
    }
}

//! Updates over the store: releases and rollouts by people, polls by vehicles, and what follows from both.

mod effects;
mod evidence;
mod releases;
mod rollouts;
mod vehicles;

use std::sync::Arc;

use kernel::{Ctx, CtxSource, TenantId};
use policy::{Engine, PolicyAnswer, Request};
use store::TableSpec;
use store::port::{Fault, Store};

pub use evidence::Evidence;
pub use releases::NewRelease;
pub use rollouts::{Funnel, Preview, PreviewRow, RevertedBy};
pub use vehicles::{Directive, Permission, VehicleState, Verification};

use crate::ports::{Images, KeyStates, Vehicles};
use crate::repository::Signers;

/// Each vehicle's assignment as it was signed, by vehicle: given again until it is a day old.
pub const DIRECTED: TableSpec = TableSpec::machinery("director_documents", &[]);
/// What pins a tenant's list of releases, as it was signed last.
pub const FRESH: TableSpec = TableSpec::machinery("update_freshness", &[]);

/// How vehicles are served.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// How long a vehicle sleeps between two polls, in seconds.
    pub poll_s: u64,
    /// How long a download address is good for, in seconds.
    pub address_valid_s: u64,
}

/// Who answers what updates need of others.
pub struct Neighbours {
    pub vehicles: Arc<dyn Vehicles>,
    pub images: Arc<dyn Images>,
    pub keys: Arc<dyn KeyStates>,
}

/// The service.
pub struct Ota {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) engine: Arc<Engine>,
    pub(crate) source: Arc<dyn CtxSource>,
    pub(crate) vehicles: Arc<dyn Vehicles>,
    pub(crate) images: Arc<dyn Images>,
    pub(crate) keys: Arc<dyn KeyStates>,
    pub(crate) signers: Signers,
    pub(crate) settings: Settings,
}

impl Ota {
    /// The service over a store.
    pub fn new(
        store: Arc<dyn Store>,
        engine: Arc<Engine>,
        source: Arc<dyn CtxSource>,
        neighbours: Neighbours,
        signers: Signers,
        settings: Settings,
    ) -> Self {
        let Neighbours { vehicles, images, keys } = neighbours;
        Self { store, engine, source, vehicles, images, keys, signers, settings }
    }

    /// Images by their digests.
    pub fn images(&self) -> &dyn Images {
        &*self.images
    }

    /// How vehicles are served.
    pub fn settings(&self) -> Settings {
        self.settings
    }

    /// The id of the root key in metadata: what a vehicle is told when it is set up.
    pub fn root_key_id(&self) -> String {
        self.signers.root_key_id()
    }

    pub(crate) fn ask(&self, request: Request) -> PolicyAnswer {
        self.engine.decide(&request).into()
    }

    /// The context of something that updates do by themselves, by a named rule.
    pub(crate) async fn automation(&self, tenant: &TenantId, rule: &str) -> Result<Ctx, Fault> {
        Ok(Ctx::automation(&*self.source, tenant.clone(), self.vehicles.about(tenant).await?, rule))
    }
}

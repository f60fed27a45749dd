//! The edges: the HTTP API for people and programs, the listener that vehicles connect to, and the effects that leave
//! the process. Data travels one way: request → handler → domain service → store and journal → subscribers here →
//! vehicles.
//!
//! Nothing here decides anything about trips or vehicles: handlers translate, domains decide.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod acceptor;
pub mod connections;
pub mod heads;
pub mod http;
pub mod maps;
pub mod positions;
pub mod rates;
pub mod sockets;
pub mod streams;
pub mod tail;
pub mod vehicles;
pub mod verifications;

use std::sync::Arc;

use domain::Domain;
use journal::NoteVerifier;
use kernel::{CtxSource, Sector, TenantId, Timestamp};
use overlays::Overlay;
use policy::PolicyModule;
use store::port::Store;
use store::replay::Fold;

use crate::maps::Maps;
use crate::vehicles::emergency::EmergencyRecord;
use crate::vehicles::sessions::Sessions;

/// Everything that a handler or a vehicle's session may use. Wired once by the binary.
pub struct Gateway {
    pub store: Arc<dyn Store>,
    pub tenancy: Arc<tenancy::Tenancy>,
    /// The end of tenants.
    pub deletions: Arc<tenancy::Deletions>,
    /// What is in force of tenants' sectors.
    pub sectors: Arc<tenancy::Sectors>,
    /// The life of policies.
    pub governance: Arc<governance::Governance>,
    /// What decides.
    pub engine: Arc<policy::Engine>,
    pub people: Arc<identity::People>,
    pub identities: Arc<identity::vehicles::VehicleIdentities>,
    /// Which trust bundle each vehicle keeps, by its own word.
    pub bundles: vehicles::acknowledgements::Acknowledgements,
    pub approvals: Arc<approvals::Approvals>,
    pub fleet: Arc<fleet::Fleet>,
    pub trips: Arc<trips::Trips>,
    pub assistance: Arc<trips::AssistanceService>,
    pub standing_orders: Arc<trips::StandingOrders>,
    /// The checks of samples of vehicles under way.
    pub compliance: Arc<trips::ComplianceMonitor>,
    /// Software updates.
    pub ota: Arc<ota::Ota>,
    pub maintenance: Arc<maintenance::Maintenance>,
    /// Security incidents.
    pub security: Arc<security::Security>,
    /// Evidence and compliance.
    pub evidence: Arc<evidence::Evidence>,
    /// The sectors' own work.
    pub work: Arc<sectors::Sectors>,
    /// The key that signs evidence.
    pub evidence_key: keys::Key<keys::Evidence>,
    /// Addresses of downloads that end.
    pub downloads: http::updates::Addresses,
    /// What each domain tells vehicles, and hears of it.
    pub commands: commands::Sources,
    pub telemetry: Arc<telemetry::Ingest>,
    pub maps: Arc<dyn Maps>,
    /// Map tiles that were encoded before.
    pub tiles: http::tiles::TileCache,
    /// Clock and entropy of this process.
    pub source: Arc<dyn CtxSource>,
    pub sessions: Arc<Sessions>,
    /// Stops that the store could not take.
    pub emergency: Arc<EmergencyRecord>,
    pub heads: Arc<heads::Heads>,
    /// The public half of the key that signs heads.
    pub audit_key: keys::VerifyingKey<keys::Audit>,
    /// What a log must agree with beside itself: telemetry's segments and, for replay, the rows of every domain.
    pub folds: Arc<dyn Fn(bool) -> Vec<Box<dyn Fold>> + Send + Sync>,
    /// What a vehicle must know to connect.
    pub link: LinkEndpoint,
    pub link_settings: vehicles::Settings,
    pub rates: rates::Rates,
    /// Answers that do not end by themselves.
    pub streams: streams::Streams,
    /// Ends of journals that somebody follows.
    pub tails: tail::Tails,
    pub verifications: verifications::Verifications,
    pub positions: positions::Feeds,
    /// How many passwords are hashed at once: each takes a core and 19 MiB.
    pub hashing: http::turns::Turns,
    /// How many replays of a journal run at once: each reads up to 200,000 entries and decides anew.
    pub replaying: http::turns::Turns,
    /// What the data folder takes, and what its disk has left.
    pub disk: Arc<dyn Fn() -> Disk + Send + Sync>,
    /// Since when this process serves.
    pub started_at: Timestamp,
    /// The process's metrics as Prometheus text.
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
}

/// Bytes on a disk.
#[derive(Debug, Clone, Copy, Default)]
pub struct Disk {
    pub used: u64,
    pub free: u64,
}

/// Where vehicles connect.
#[derive(Debug, Clone)]
pub struct LinkEndpoint {
    pub address: String,
    /// Where they enrol.
    pub enrolment: String,
    /// Where they fetch updates.
    pub updates: String,
}

impl std::fmt::Debug for Gateway {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gateway").field("link", &self.link).finish_non_exhaustive()
    }
}

/// Every domain of the product.
pub const DOMAINS: &[Domain] = &[
    tenancy::DOMAIN,
    identity::DOMAIN,
    approvals::DOMAIN,
    governance::DOMAIN,
    fleet::DOMAIN,
    ota::DOMAIN,
    maintenance::DOMAIN,
    security::DOMAIN,
    evidence::DOMAIN,
    sectors::DOMAIN,
    trips::DOMAIN,
];

/// What the shipped policy bundle is made of, beside the sectors' overlays.
pub fn policy_modules() -> Vec<PolicyModule> {
    DOMAINS.iter().map(|domain| domain.policy).collect()
}

/// The texts of the shipped policy bundle by their names: what all share, each domain's part, and the sectors' overlays.
///
/// # Errors
/// What is wrong with an overlay.
pub fn policy_texts() -> Result<Vec<(String, String)>, String> {
    let own = policy::shipped_sources(&policy_modules()).into_iter();
    let mut texts: Vec<(String, String)> = own.map(|(name, text)| (name.to_owned(), text.to_owned())).collect();
    for &sector in Sector::ALL {
        let overlay = Overlay::read(&overlays::shipped(sector))
            .map_err(|faults| faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))?;
        texts.extend(overlay.policy_sources().into_iter().map(|(name, text)| (name, text.to_owned())));
    }
    Ok(texts)
}

impl Gateway {
    /// What checks the signatures on a tenant's log.
    pub fn note_verifier(&self, tenant: &TenantId) -> NoteVerifier {
        NoteVerifier::new(tenant, self.audit_key)
    }
}

//! Every part, put together once.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use commands::{Outbox, Retirement, Sources};
use domain::Workers;
use gateway::heads::Heads;
use gateway::http::turns::Turns;
use gateway::maps::Maps;
use gateway::positions::Feeds;
use gateway::rates::Rates;
use gateway::streams::Streams;
use gateway::tail::Tails;
use gateway::vehicles::emergency::EmergencyRecord;
use gateway::vehicles::sessions::Sessions;
use gateway::vehicles::tls::{DeviceAdmission, Door, ListenerTls, VehicleAdmission, names_of};
use gateway::verifications::Verifications;
use gateway::{Gateway, LinkEndpoint, vehicles};
use identity::keyring::Keyring;
use identity::vehicles::VehicleIdentities;
use kernel::CtxSource;
use keys::{Evidence, Key, Keystore};
use metrics_exporter_prometheus::PrometheusBuilder;
use pki::verifier::Admission;
use policy::Engine;
use store::port::Store;
use store_sqlite::{Options, SqliteStore};
use tokio::sync::watch;

use super::archives::ArchiveFolder;
use super::folder::DataFolder;
use super::images::ImageFolder;
use super::loops::{DueHandlers, Subscribers};
use super::maps::MapFolder;
use super::outside::Outside;
use super::policies;
use super::ports::{
    ActivatePolicy, ClearStop, DeleteTenant, EventReader, EvidenceKeys, FeaturesOf, GrantWaiver, InServiceNow,
    IncidentSubjects, MaintainedVehicles, Motion, Neighbours, ObservedVehicles, OneAtATime, PERSONAL_TABLES, PeopleOf,
    RegisteredKeys, RelaxEmissions, ReleaseHold, RemainsOf, RestoreAccess, RestoreFlag, ResumeRollout, RollBackPolicy,
    SectorChanges, TenantsOf, TripsOfJobs, UpdatedVehicles, Vouchers, WorkOfTrips,
};
use super::sender::HttpSender;
use super::signer::AuditSigner;
use super::verify;
use super::witnesses;
use crate::cli::args::ServeOptions;
use crate::system_clock::SystemSource;

/// Passwords that are hashed at once: more would take the cores from vehicles.
const HASHING_AT_ONCE: usize = 2;

/// Replays of a journal at once.
const REPLAYS_AT_ONCE: usize = 1;

/// How long an address to download an image from is good for, in seconds.
const ADDRESS_VALID_S: u64 = 600;

/// Pages of the database in a mebibyte.
const PAGES_PER_MIB: u64 = 256;

/// What the server's loops and listeners run on.
#[derive(Clone)]
pub struct Parts {
    /// Everything that a request may use.
    pub gateway: Arc<Gateway>,
    pub dispatch: Arc<trips::Dispatch>,
    pub store: Arc<dyn Store>,
    pub source: Arc<dyn CtxSource>,
    pub clock: Arc<SystemSource>,
    pub due: DueHandlers,
    /// What follows from the journal, beside the outbox.
    pub subscribers: Subscribers,
    pub outbox: Arc<Outbox>,
    /// Whom is asked to vouch for the logs.
    pub vouching: Arc<witnesses::Settings>,
    pub outside: Outside,
    /// What vehicles find at the listeners.
    pub link_tls: Arc<ListenerTls>,
    pub enrolment_tls: Arc<ListenerTls>,
    pub updates_tls: Arc<ListenerTls>,
}

/// Where the listeners of vehicles listen.
#[derive(Debug, Clone, Copy)]
pub struct Listeners {
    pub link: SocketAddr,
    pub enrolment: SocketAddr,
    pub updates: SocketAddr,
}

impl Listeners {
    fn endpoint(self) -> LinkEndpoint {
        LinkEndpoint {
            address: self.link.to_string(),
            enrolment: self.enrolment.to_string(),
            updates: self.updates.to_string(),
        }
    }
}

/// What the folder holds: the store, and the keys by what they are for.
struct Opened {
    store: Arc<dyn Store>,
    audit_key: keys::VerifyingKey<keys::Audit>,
    updates: UpdateParts,
    evidence_key: Key<Evidence>,
    report_key: Key<keys::Report>,
    key_generation: u64,
}

fn open(options: &ServeOptions, folder: &DataFolder, source: &Arc<dyn CtxSource>) -> Result<Opened> {
    let (signer, mut keystore) = AuditSigner::under(&folder.keys(), options.master_key.as_deref())?;
    let audit_key = signer.verifying_key();
    let pages_max = options.store_mib_max.map(|mib| mib * PAGES_PER_MIB);
    let store = SqliteStore::open(&Options { folder: folder.store(), pages_max }, Arc::new(signer))?;
    let store: Arc<dyn Store> = Arc::new(store);
    let (signers, evidence_key) = update_keys(&mut keystore).context("there are no keys for updates")?;
    let report_key = keystore.active_or_first::<keys::Report>().context("there is no key for reports")?;
    let key_generation = keystore.generation();
    let keyring = Keyring::new(Arc::clone(&store), Arc::clone(source), keystore, options.trust_domain.clone());
    let updates = UpdateParts { keyring: Arc::new(keyring), signers };
    Ok(Opened { store, audit_key, updates, evidence_key, report_key, key_generation })
}

/// Opens what the folder holds and puts the parts together.
#[expect(clippy::too_many_lines, reason = "one list of everything that there is")]
pub fn wire(
    options: &ServeOptions,
    folder: &DataFolder,
    listeners: Listeners,
    stopping: watch::Receiver<bool>,
) -> Result<Parts> {
    let clock = Arc::new(SystemSource::start());
    let source: Arc<dyn CtxSource> = clock.clone();
    let outside = Outside::new();
    let engine = Arc::new(Engine::new(policies::load(options.policies.as_deref())?));
    let Opened { store, audit_key, updates, evidence_key, report_key, key_generation } =
        open(options, folder, &source)?;
    let keyring = Arc::clone(&updates.keyring);
    let keyring_of_evidence = Arc::clone(&keyring);
    let services = services(options, folder, &store, &source, &engine, updates)?;
    let Services { maps, telemetry, tenancy, people, fleet, trips, ota, maintenance, sectors, work } = services;
    let sessions = Arc::new(Sessions::default());
    let motion = Motion {
        fleet: Arc::clone(&fleet),
        tenancy: Arc::clone(&tenancy),
        sessions: Arc::clone(&sessions),
        store: Arc::clone(&store),
    };
    let Onboarding { identities, link_tls, enrolment_tls, updates_tls } =
        onboarding(options, &store, &source, keyring, motion);
    let subjects = IncidentSubjects {
        fleet: Arc::clone(&fleet),
        tenancy: Arc::clone(&tenancy),
        people: Arc::clone(&people),
        identities: Arc::clone(&identities),
    };
    let security = Arc::new(security::Security::new(security::Parts {
        store: Arc::clone(&store),
        policy: Arc::clone(&engine),
        source: Arc::clone(&source),
        reader: Arc::new(EventReader),
        subjects: Arc::new(subjects),
        sender: Arc::new(HttpSender::new(outside.clone(), Arc::clone(&source))),
    }));
    let evidence = evidence::Evidence::new(evidence::Parts {
        store: Arc::clone(&store),
        policy: Arc::clone(&engine),
        source: Arc::clone(&source),
        vehicles: Arc::new(ObservedVehicles { fleet: Arc::clone(&fleet), tenancy: Arc::clone(&tenancy) }),
        signing: Arc::new(EvidenceKeys {
            evidence: evidence_key.clone(),
            report: report_key,
            audit: audit_key,
            keyring: Arc::clone(&keyring_of_evidence),
        }),
        archives: Arc::new(ArchiveFolder::open(folder.archives()).context("the archives cannot be read")?),
        witnesses: Arc::new(Vouchers {
            store: Arc::clone(&store),
            witnesses: options.witness.iter().map(|witness| witness.verifier.clone()).collect(),
            audit: audit_key,
        }),
        policy_texts: policies::texts(options.policies.as_deref())?,
    });
    let evidence = Arc::new(evidence.map_err(|error| anyhow!("the shipped mapping to clauses is wrong: {error}"))?);
    let governance = Arc::new(governance::Governance::new(governance::GovernanceParts {
        store: Arc::clone(&store),
        source: Arc::clone(&source),
        policy: Arc::clone(&engine),
        tenants: Arc::new(TenantsOf(Arc::clone(&tenancy))),
    }));
    let deletions = Arc::new(tenancy::Deletions::new(tenancy::deletion::DeletionParts {
        store: Arc::clone(&store),
        source: Arc::clone(&source),
        policy: Arc::clone(&engine),
        remains: Arc::new(RemainsOf { store: Arc::clone(&store), fleet: Arc::clone(&fleet) }),
        personal: PERSONAL_TABLES.to_vec(),
    }));
    let two_people: Vec<Arc<dyn approvals::ApprovedCommand>> = vec![
        Arc::new(RestoreFlag(Arc::clone(&sectors))),
        Arc::new(ActivatePolicy(Arc::clone(&governance))),
        Arc::new(RollBackPolicy(Arc::clone(&governance))),
        Arc::new(GrantWaiver(Arc::clone(&governance))),
        Arc::new(ReleaseHold(Arc::clone(&fleet))),
        Arc::new(ClearStop(Arc::clone(&fleet))),
        Arc::new(ResumeRollout(Arc::clone(&ota))),
        Arc::new(RestoreAccess(Arc::clone(&security))),
        Arc::new(RelaxEmissions(Arc::clone(&work))),
        Arc::new(DeleteTenant(Arc::clone(&deletions))),
    ];
    let tenants = Arc::new(PeopleOf { tenancy: Arc::clone(&tenancy), people: Arc::clone(&people) });
    let approvals = approvals::Approvals::new(Arc::clone(&store), Arc::clone(&source), tenants, two_people);
    let approvals = Arc::new(approvals);
    let mut workers = Workers { due: vec![Arc::new(Retirement(Arc::clone(&store)))], ..Workers::default() };
    workers.extend([people.workers(), approvals.workers(), fleet.workers(), trips.workers(), ota.workers()]);
    workers.extend([maintenance.workers(), security.workers(), evidence.workers()]);
    workers.extend([governance.workers(), work.workers()]);
    workers.commands.push(Arc::new(SectorChanges));
    let Workers { due, subscribers, commands } = workers;
    let commands = Sources::new(commands);
    let outbox = Arc::new(Outbox::new(Arc::clone(&store), commands.clone()));
    let gateway = Arc::new(Gateway {
        store: Arc::clone(&store),
        tenancy,
        deletions,
        sectors,
        governance,
        engine: Arc::clone(&engine),
        people,
        identities,
        bundles: Default::default(),
        approvals,
        fleet: Arc::clone(&fleet),
        trips: Arc::clone(&trips.trips),
        assistance: Arc::clone(&trips.assistance),
        standing_orders: Arc::clone(&trips.standing_orders),
        compliance: Arc::clone(&trips.compliance),
        ota,
        maintenance,
        security,
        evidence,
        work,
        evidence_key,
        downloads: gateway::http::updates::Addresses::new(source.entropy()),
        commands,
        telemetry,
        maps,
        tiles: gateway::http::tiles::TileCache::default(),
        source: Arc::clone(&source),
        sessions,
        emergency: Arc::new(EmergencyRecord::open(folder.root()).context("the emergency record cannot be prepared")?),
        heads: Arc::new(Heads::open(&folder.keys()).context("the newest heads cannot be read")?),
        audit_key,
        folds: verify::folds(folder, key_generation),
        link: listeners.endpoint(),
        link_settings: link_settings(options),
        rates: Rates::new(options.rate_limit),
        verifications: Verifications::new(stopping.clone()),
        streams: Streams::new(options.streams_max, stopping),
        tails: Tails::default(),
        positions: Feeds::default(),
        hashing: Turns::new(HASHING_AT_ONCE),
        replaying: Turns::new(REPLAYS_AT_ONCE),
        disk: {
            let folder = folder.clone();
            Arc::new(move || folder.disk())
        },
        started_at: source.now(),
        metrics: metrics()?,
    });
    let dispatch = trips.dispatch;
    Ok(Parts {
        gateway,
        dispatch,
        store,
        source,
        clock,
        due,
        subscribers,
        outbox,
        vouching: Arc::new(vouching(options)),
        outside,
        link_tls,
        enrolment_tls,
        updates_tls,
    })
}

/// What updates need of the keys.
struct UpdateParts {
    keyring: Arc<Keyring>,
    signers: ota::Signers,
}

/// The keys that sign updates, and the one that signs evidence; made at the first start.
fn update_keys(keystore: &mut Keystore) -> Result<(ota::Signers, Key<Evidence>), keys::KeyError> {
    let signers = ota::Signers {
        root: keystore.active_or_first::<keys::UpdateRoot>()?,
        update: keystore.active_or_first::<keys::Update>()?,
        director: keystore.active_or_first::<keys::Director>()?,
        policy: keystore.active_or_first::<keys::Policy>()?,
    };
    Ok((signers, keystore.active_or_first::<Evidence>()?))
}

/// Identities of vehicles, and the TLS of the listeners that they come to.
struct Onboarding {
    identities: Arc<VehicleIdentities>,
    link_tls: Arc<ListenerTls>,
    enrolment_tls: Arc<ListenerTls>,
    updates_tls: Arc<ListenerTls>,
}

fn onboarding(
    options: &ServeOptions,
    store: &Arc<dyn Store>,
    source: &Arc<dyn CtxSource>,
    keyring: Arc<Keyring>,
    motion: Motion,
) -> Onboarding {
    let svid_valid_ms = i64::from(options.svid_valid_s) * 1_000;
    let (ours, motion) = (Arc::clone(&keyring), Arc::new(motion));
    let identities = VehicleIdentities::new(Arc::clone(store), Arc::clone(source), ours, motion, svid_valid_ms);
    let identities = Arc::new(identities);
    let runtime = tokio::runtime::Handle::current();
    let admission = Arc::new(VehicleAdmission { identities: Arc::clone(&identities), runtime });
    let tls = |door, admission: Arc<dyn Admission>, address: &str| {
        let names = names_of(address);
        Arc::new(ListenerTls::new(door, Arc::clone(&keyring), Arc::clone(source), admission, names))
    };
    let link_tls = tls(Door::Link, admission.clone(), &options.link);
    let updates_tls = tls(Door::Updates, admission, &options.updates);
    let enrolment_tls = tls(Door::Enrolment, Arc::new(DeviceAdmission), &options.enrol);
    Onboarding { identities, link_tls, enrolment_tls, updates_tls }
}

/// The domains' services, each with what it needs of its neighbours.
struct Services {
    maps: Arc<dyn Maps>,
    telemetry: Arc<telemetry::Ingest>,
    tenancy: Arc<tenancy::Tenancy>,
    people: Arc<identity::People>,
    fleet: Arc<fleet::Fleet>,
    trips: trips::Services,
    ota: Arc<ota::Ota>,
    maintenance: Arc<maintenance::Maintenance>,
    /// What is in force of tenants' sectors.
    sectors: Arc<tenancy::Sectors>,
    /// The sectors' own work.
    work: Arc<sectors::Sectors>,
}

fn services(
    options: &ServeOptions,
    folder: &DataFolder,
    store: &Arc<dyn Store>,
    source: &Arc<dyn CtxSource>,
    engine: &Arc<Engine>,
    updates: UpdateParts,
) -> Result<Services> {
    let maps: Arc<dyn Maps> = Arc::new(MapFolder::new(folder.maps()));
    let telemetry = Arc::new(telemetry::Ingest::new(folder.telemetry()));
    let tenancy = Arc::new(tenancy::Tenancy::new(Arc::clone(store), Arc::clone(source)));
    let settings = fleet::Settings { offline_after_ms: i64::from(options.offline_after_s) * 1_000 };
    let tenants = Arc::new(TenantsOf(Arc::clone(&tenancy)));
    let fleet = fleet::Fleet::new(Arc::clone(store), Arc::clone(engine), Arc::clone(source), tenants.clone(), settings);
    let fleet = Arc::new(fleet);
    let people = Arc::new(identity::People::new(Arc::clone(store), Arc::clone(source)));
    let vehicles = Arc::new(UpdatedVehicles { fleet: Arc::clone(&fleet), tenancy: Arc::clone(&tenancy) });
    let images = Arc::new(ImageFolder::new(folder.images()));
    let served = ota::Settings { poll_s: u64::from(options.update_poll_s), address_valid_s: ADDRESS_VALID_S };
    let ota_neighbours = ota::Neighbours { vehicles, images, keys: Arc::new(RegisteredKeys(updates.keyring)) };
    let of = (Arc::clone(store), Arc::clone(engine), Arc::clone(source));
    let ota = Arc::new(ota::Ota::new(of.0, of.1, of.2, ota_neighbours, updates.signers, served));
    let maintained = Arc::new(MaintainedVehicles { fleet: Arc::clone(&fleet), tenancy: Arc::clone(&tenancy) });
    let of = (Arc::clone(store), Arc::clone(engine), Arc::clone(source));
    let compute = Arc::new(OneAtATime::new());
    let maintenance = Arc::new(maintenance::Maintenance::new(of.0, of.1, of.2, maintained, compute));
    let in_service = Arc::new(InServiceNow { store: Arc::clone(store), fleet: Arc::clone(&fleet) });
    let sectors = tenancy::Sectors::new(tenancy::sectors::SectorParts {
        store: Arc::clone(store),
        source: Arc::clone(source),
        policy: Arc::clone(engine),
        in_service,
    });
    let sectors = Arc::new(sectors.map_err(|error| anyhow!("what is shipped of sectors is wrong: {error}"))?);
    let neighbours = Arc::new(Neighbours {
        fleet: Arc::clone(&fleet),
        tenancy: Arc::clone(&tenancy),
        telemetry: Arc::clone(&telemetry),
        maps: Arc::clone(&maps),
        maintenance: Arc::clone(&maintenance),
        sectors: Arc::clone(&sectors),
        abilities: Default::default(),
    });
    let work = Arc::new(sectors::Sectors::new(sectors::Parts {
        store: Arc::clone(store),
        policy: Arc::clone(engine),
        source: Arc::clone(source),
        grounds: neighbours.clone(),
        features: Arc::new(FeaturesOf(Arc::clone(&sectors))),
        trips: Arc::new(TripsOfJobs),
    }));
    let ports = trips::Ports {
        tenants: neighbours.clone(),
        fleet: neighbours.clone(),
        routing: neighbours.clone(),
        positions: neighbours.clone(),
        listener: neighbours,
        sector_work: Arc::new(WorkOfTrips { work: Arc::clone(&work), sectors: Arc::clone(&sectors) }),
    };
    let chosen = trips::Settings { claim_valid_for_s: u64::from(options.claim_valid_s) };
    let trips = trips::Trips::new(Arc::clone(store), Arc::clone(engine), ports, Arc::clone(source), chosen);
    let trips = trips::Services::new(trips);
    Ok(Services { maps, telemetry, tenancy, people, fleet, trips, ota, maintenance, sectors, work })
}

/// The process's one recorder of metrics, and how it is read.
fn metrics() -> Result<Arc<dyn Fn() -> String + Send + Sync>> {
    let recorder = PrometheusBuilder::new().install_recorder().context("metrics cannot be recorded")?;
    Ok(Arc::new(move || {
        recorder.run_upkeep();
        recorder.render()
    }))
}

fn vouching(options: &ServeOptions) -> witnesses::Settings {
    witnesses::Settings {
        witnesses: options.witness.clone(),
        authority: options.timestamps.clone(),
        timestamps_every_ms: i64::from(options.timestamps_every) * 1_000,
    }
}

fn link_settings(options: &ServeOptions) -> vehicles::Settings {
    let claim_valid_ms = u64::from(options.claim_valid_s) * 1_000;
    vehicles::Settings {
        // A vehicle is silent after four missed heartbeats, and OFFLINE after the time that the operator chose.
        heartbeat: Duration::from_millis((u64::from(options.offline_after_s) * 1_000 / 4).clamp(500, 10_000)),
        claim_renewal: Duration::from_millis((claim_valid_ms / 4).clamp(500, 30_000)),
        claim_valid_ms,
        telemetry_interval_ms: options.sample_every_ms.into(),
    }
}

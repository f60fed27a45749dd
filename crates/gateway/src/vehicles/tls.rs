//! The TLS of the listeners that vehicles connect to: certificates that this process makes for itself from the authorities
//! in force, replaced in time and whenever the authorities change; and who is let in.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use identity::keyring::Keyring;
use identity::vehicles::{Refusal, Standing, VehicleIdentities};
use kernel::{CtxSource, Timestamp};
use pki::peer::PeerError;
use pki::verifier::{Admission, ClientCertificate, Credential, server_config};
use pki::{PeerCertificate, ServerNames, SpiffeId};
use rustls::ServerConfig;
use store::port::Fault;

/// How long a listener's own certificate lasts; it is replaced after half of that.
const CERTIFICATE_VALID_MS: i64 = 24 * 3_600_000;

/// The name of the service that vehicles drive by, in SPIFFE ids.
pub const GATEWAY: &str = "gateway";
/// The name of the service that vehicles enrol at.
pub const ENROLMENT: &str = "enrolment";
/// The name of the service that vehicles fetch updates from.
pub const UPDATES: &str = "updates";

/// Which listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// For vehicles with an X509-SVID; by the authorities of the trust bundle.
    Link,
    /// For devices that enrol; by the authority that they keep for years.
    Enrolment,
    /// For vehicles with an X509-SVID, and for update clients of others with a token.
    Updates,
}

struct Cached {
    sequence: u64,
    authorities: usize,
    until: Timestamp,
    config: Arc<ServerConfig>,
}

/// The settings of one listener, as the authorities are now.
pub struct ListenerTls {
    door: Door,
    keyring: Arc<Keyring>,
    source: Arc<dyn CtxSource>,
    admission: Arc<dyn Admission>,
    names: ServerNames,
    cached: Mutex<Option<Cached>>,
}

fn unmakable(source: impl std::error::Error + Send + Sync + 'static) -> Fault {
    Fault::Unavailable { what: "make the listener's certificate", source: Box::new(source) }
}

/// What a listener is called: its host's name or address.
pub fn names_of(address: &str) -> ServerNames {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host).trim_matches(['[', ']']);
    match host.parse::<IpAddr>() {
        Ok(address) => ServerNames { dns: vec!["localhost".into()], addresses: vec![address] },
        Err(_) => ServerNames { dns: vec![host.to_owned()], addresses: Vec::new() },
    }
}

impl ListenerTls {
    pub fn new(
        door: Door,
        keyring: Arc<Keyring>,
        source: Arc<dyn CtxSource>,
        admission: Arc<dyn Admission>,
        names: ServerNames,
    ) -> Self {
        Self { door, keyring, source, admission, names, cached: Mutex::default() }
    }

    /// The settings for the next connection.
    ///
    /// # Errors
    /// A fault of the keys.
    pub fn config(&self) -> Result<Arc<ServerConfig>, Fault> {
        let signing = self.keyring.signing()?;
        let now = self.source.now();
        let (sequence, authorities) = (signing.bundle.sequence, signing.device_authorities.len());
        let mut cached = self.cached.lock().unwrap_or_else(PoisonError::into_inner);
        let is_fresh =
            |known: &&Cached| known.sequence == sequence && known.authorities == authorities && now < known.until;
        if let Some(known) = cached.as_ref().filter(is_fresh) {
            return Ok(Arc::clone(&known.config));
        }
        let pair = pki::request::new_key().map_err(unmakable)?;
        let key = pki::request::public_of(&pair).map_err(unmakable)?;
        let domain = self.keyring.trust_domain();
        let (random, valid_ms) = (self.source.entropy(), CERTIFICATE_VALID_MS);
        let config = match self.door {
            Door::Link => {
                let id = SpiffeId::service(domain, GATEWAY);
                let issued = signing.svids.issue_server(&key, &id, &self.names, random, now, valid_ms);
                let certificate = issued.map_err(unmakable)?.der;
                let key_pem = keys::Secret::new(pair.serialize_pem());
                let credential = Credential { certificate, authority: None, key_pem };
                let admission = Arc::clone(&self.admission);
                let trusted = &signing.bundle.authorities;
                server_config(&credential, trusted, ClientCertificate::Required, admission, &[b"h2"])
            }
            Door::Enrolment | Door::Updates => {
                let (name, trusted) = match self.door {
                    Door::Updates => (UPDATES, &signing.bundle.authorities),
                    _ => (ENROLMENT, &signing.device_authorities),
                };
                let id = SpiffeId::service(domain, name);
                let issued = signing.devices.issue_server(&key, &id, &self.names, random, now, valid_ms);
                let certificate = issued.map_err(unmakable)?.der;
                let key_pem = keys::Secret::new(pair.serialize_pem());
                // Sent along: at first contact a vehicle knows its digest only.
                let authority = Some(signing.devices.certificate().to_vec());
                let credential = Credential { certificate, authority, key_pem };
                let admission = Arc::clone(&self.admission);
                server_config(&credential, trusted, ClientCertificate::Optional, admission, &[b"http/1.1"])
            }
        };
        let config = Arc::new(config.map_err(unmakable)?);
        let until = now.plus_ms(valid_ms / 2);
        *cached = Some(Cached { sequence, authorities, until, config: Arc::clone(&config) });
        Ok(config)
    }
}

/// Lets vehicles in by what is in force of their identity.
pub struct VehicleAdmission {
    pub identities: Arc<VehicleIdentities>,
    pub runtime: tokio::runtime::Handle,
}

impl Admission for VehicleAdmission {
    fn admits(&self, peer: Result<&PeerCertificate, &PeerError>) -> bool {
        let refused = |why: &str| {
            metrics::counter!("atlasmesh_link_unauthenticated_total", "why" => why.to_owned()).increment(1);
        };
        let peer = match peer {
            Ok(peer) => peer,
            Err(error) => {
                tracing::warn!(%error, "a certificate was refused");
                refused("form");
                return false;
            }
        };
        let Some(admitted) = self.identities.of_svid(peer) else {
            tracing::warn!(id = %peer.id, serial = peer.serial, "a certificate of no vehicle was refused");
            refused("no_vehicle");
            return false;
        };
        let Standing::Refused(why) = admitted.standing else { return true };
        tracing::warn!(tenant = %admitted.tenant, vehicle = %admitted.vehicle, serial = admitted.serial, ?why, "a certificate was refused");
        refused(why.into());
        if self.identities.is_new_refusal(admitted.vehicle, why) {
            self.remember(admitted.tenant, admitted.vehicle, why, admitted.serial);
        }
        false
    }
}

impl VehicleAdmission {
    /// Behind the handshake: nobody waits for the store.
    fn remember(&self, tenant: kernel::TenantId, vehicle: kernel::VehicleId, why: Refusal, serial: String) {
        let identities = Arc::clone(&self.identities);
        self.runtime.spawn(async move {
            if let Err(error) = identities.note_refused(&tenant, vehicle, why, &serial).await {
                tracing::warn!(%tenant, %vehicle, %error, "a refusal is not in the journal");
            }
        });
    }
}

/// Lets whoever has a certificate of a device come in: what it is good for is asked with each request.
pub struct DeviceAdmission;

impl Admission for DeviceAdmission {
    fn admits(&self, peer: Result<&PeerCertificate, &PeerError>) -> bool {
        peer.is_ok_and(|peer| matches!(peer.id.named, pki::spiffe::Named::Device { .. }))
    }
}

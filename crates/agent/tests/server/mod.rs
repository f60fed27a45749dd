//! The server as a vehicle sees it: the enrolment listener over HTTPS and the vehicle listener over mutual TLS, with
//! authorities that are made here.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use kernel::id::TypedId;
use kernel::{Timestamp, VehicleId};
use keys::{CertificateAuthority, DeviceAuthority, EcKey, KeyPair as _, Secret, Token};
use link::v1;
use link::v1::from_vehicle::Message as Said;
use link::v1::link_server::{Link, LinkServer};
use pki::bundle::Bundle;
use pki::peer::PeerError;
use pki::verifier::{Admission, ClientCertificate, Credential, server_config};
use pki::{Authority, PeerCertificate, ServerNames, SpiffeId, SubjectKey, TrustDomain};
use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

/// Nothing here takes longer than a few seconds; a hanging test says so.
pub const PATIENCE: Duration = Duration::from_secs(60);
pub const HOUR_MS: i64 = 3_600_000;

/// The key that came with a join token, and the certificate that it got.
pub type Used = ([u8; 32], Vec<u8>);

/// What may be changed while a test runs.
pub struct State {
    pub svids: Authority<CertificateAuthority>,
    /// Those of which SVIDs are still taken.
    pub older: Vec<Vec<u8>>,
    pub sequence: u64,
    pub svid_ms: i64,
    pub device_ms: i64,
    /// How far the server's clock is ahead.
    pub ahead_ms: i64,
    /// So many answers to enrolments get lost.
    pub lost_answers: usize,
    /// Join tokens, with the key that came with each and its certificate.
    pub tokens: HashMap<String, Option<Used>>,
    pub revoked: Vec<String>,
    /// What was asked: path, and SHA-256 of the key that a certificate was asked for.
    pub asked: Vec<(String, Option<[u8; 32]>)>,
}

pub struct Played {
    pub enrol: String,
    pub link: String,
    devices: Authority<DeviceAuthority>,
    pub token_key: EcKey<Token>,
    pub state: Mutex<State>,
    sessions: mpsc::Sender<Session>,
}

/// One session as the server sees it.
pub struct Session {
    pub who: PeerCertificate,
    said: mpsc::Receiver<Said>,
    tell: mpsc::Sender<Result<v1::ToVehicle, Status>>,
}

pub fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Timestamp::from_us(since.as_micros() as i64)
}

pub fn domain() -> TrustDomain {
    "fleet.example".parse().unwrap()
}

pub fn vehicle() -> SpiffeId {
    SpiffeId::vehicle(&domain(), &"north-pit".parse().unwrap(), VehicleId::from_u128(1))
}

fn device() -> SpiffeId {
    SpiffeId::device(&domain(), &"north-pit".parse().unwrap(), VehicleId::from_u128(1))
}

pub fn new_authority() -> Authority<CertificateAuthority> {
    Authority::new(EcKey::generate().unwrap(), &domain(), keys::entropy_128(), now(), 48 * HOUR_MS).unwrap()
}

fn new_key() -> (KeyPair, SubjectKey) {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let subject = SubjectKey::of_request(CertificateParams::default().serialize_request(&key).unwrap().der());
    (key, subject.unwrap())
}

struct Admits(Vec<String>);

impl Admission for Admits {
    fn admits(&self, peer: Result<&PeerCertificate, &PeerError>) -> bool {
        peer.is_ok_and(|peer| !self.0.contains(&peer.serial))
    }
}

pub async fn serve() -> (Arc<Played>, mpsc::Receiver<Session>) {
    let (enrol, link) =
        (TcpListener::bind("127.0.0.1:0").await.unwrap(), TcpListener::bind("127.0.0.1:0").await.unwrap());
    let (sender, sessions) = mpsc::channel(8);
    let state = State {
        svids: new_authority(),
        older: vec![],
        sequence: 1,
        svid_ms: HOUR_MS,
        device_ms: 24 * HOUR_MS,
        ahead_ms: 0,
        lost_answers: 0,
        tokens: HashMap::from([("amj_first".to_owned(), None)]),
        revoked: vec![],
        asked: vec![],
    };
    let devices = Authority::new(EcKey::generate().unwrap(), &domain(), 9, now(), 48 * HOUR_MS).unwrap();
    let played = Arc::new(Played {
        enrol: enrol.local_addr().unwrap().to_string(),
        link: link.local_addr().unwrap().to_string(),
        devices,
        token_key: EcKey::generate().unwrap(),
        state: Mutex::new(state),
        sessions: sender,
    });
    tokio::spawn(Arc::clone(&played).enrolment(enrol));
    tokio::spawn(Arc::clone(&played).vehicles(link));
    (played, sessions)
}

impl Played {
    pub fn bootstrap(&self, token: &str) -> serde_json::Value {
        serde_json::json!({
            "vehicle": VehicleId::from_u128(1), "tenant": "north-pit", "trust_domain": "fleet.example",
            "enrol": self.enrol, "link": self.link,
            "device_authority_sha256": pki::certificate::fingerprint(self.devices.certificate()),
            "join_token": token,
        })
    }

    pub fn write_bootstrap(&self, folder: &Path, token: &str) -> PathBuf {
        let file = folder.join("bootstrap.json");
        std::fs::write(&file, self.bootstrap(token).to_string()).unwrap();
        file
    }

    /// How often a path was asked.
    pub fn asked(&self, path: &str) -> usize {
        self.state.lock().unwrap().asked.iter().filter(|(asked, _)| asked == path).count()
    }

    /// A new authority signs from now on; the older one still counts.
    pub fn replace_authority(&self) {
        let mut state = self.state.lock().unwrap();
        let old = std::mem::replace(&mut state.svids, new_authority());
        state.older.push(old.certificate().to_vec());
        state.sequence += 1;
    }

    fn bundle(&self) -> Bundle {
        let state = self.state.lock().unwrap();
        let newest = std::iter::once(state.svids.certificate().to_vec());
        let token_key = (self.token_key.id().to_string(), self.token_key.public_key().as_bytes().to_vec());
        Bundle {
            sequence: state.sequence,
            refresh_hint_s: 60,
            authorities: newest.chain(state.older.clone()).collect(),
            token_keys: vec![token_key],
        }
    }

    fn acceptor(&self, name: &str) -> TlsAcceptor {
        let (key, subject) = new_key();
        let (id, names) = (SpiffeId::service(&domain(), name), ServerNames::default());
        let at = |state: &State| now().plus_ms(state.ahead_ms);
        let state = self.state.lock().unwrap();
        let (issued, authority, trusted, client, protocol) = if name == "enrolment" {
            let issued = self.devices.issue_server(&subject, &id, &names, keys::entropy_128(), at(&state), HOUR_MS);
            let authority = self.devices.certificate().to_vec();
            (issued, Some(authority.clone()), vec![authority], ClientCertificate::Optional, b"http/1.1".as_slice())
        } else {
            let issued = state.svids.issue_server(&subject, &id, &names, keys::entropy_128(), at(&state), HOUR_MS);
            let newest = std::iter::once(state.svids.certificate().to_vec());
            let trusted = newest.chain(state.older.clone()).collect();
            (issued, None, trusted, ClientCertificate::Required, b"h2".as_slice())
        };
        let credential =
            Credential { certificate: issued.unwrap().der, authority, key_pem: Secret::new(key.serialize_pem()) };
        let admission = Arc::new(Admits(state.revoked.clone()));
        TlsAcceptor::from(Arc::new(server_config(&credential, &trusted, client, admission, &[protocol]).unwrap()))
    }

    async fn enrolment(self: Arc<Self>, listener: TcpListener) {
        loop {
            let (tcp, _) = listener.accept().await.unwrap();
            let me = Arc::clone(&self);
            tokio::spawn(async move {
                // A handshake that fails is the client's affair.
                let Ok(tls) = me.acceptor("enrolment").accept(tcp).await else { return };
                let who = peer(&tls);
                let service = service_fn(move |request| Arc::clone(&me).enrol_answer(request, who.clone()));
                let _hung_up =
                    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(tls), service).await;
            });
        }
    }

    async fn enrol_answer(
        self: Arc<Self>,
        request: hyper::Request<Incoming>,
        who: Option<PeerCertificate>,
    ) -> Result<hyper::Response<Full<Bytes>>, std::io::Error> {
        let path = request.uri().path().to_owned();
        assert!(request.headers().contains_key("host"));
        let basic = request.headers().get("authorization").map(|value| {
            let value = value.to_str().unwrap().strip_prefix("Basic ").unwrap().to_owned();
            String::from_utf8(STANDARD.decode(value).unwrap()).unwrap()
        });
        let body = request.into_body().collect().await.unwrap().to_bytes();
        let subject = (!body.is_empty()).then(|| SubjectKey::of_body(&body).unwrap());
        self.state.lock().unwrap().asked.push((path.clone(), subject.as_ref().map(SubjectKey::sha256)));
        let certificate = match (path.as_str(), subject, who.map(|who| who.id)) {
            ("/bundle", None, _) => return Ok(ok(self.bundle().jwks().to_string())),
            ("/.well-known/est/cacerts", None, _) => Some(self.devices.certificate().to_vec()),
            ("/.well-known/est/simpleenroll", Some(key), None) => self.enrolled(&basic.unwrap(), &key)?,
            ("/.well-known/est/simplereenroll", Some(key), Some(id)) if id == device() => {
                let life_ms = self.state.lock().unwrap().device_ms;
                Some(self.device(&key, life_ms))
            }
            ("/.well-known/est/svid/simpleenroll", Some(key), Some(id)) if id == device() => {
                let state = self.state.lock().unwrap();
                let issued = state.svids.issue_svid(&key, &vehicle(), keys::entropy_128(), now(), state.svid_ms);
                Some(issued.unwrap().der)
            }
            _ => None,
        };
        Ok(match certificate {
            Some(certificate) => ok(pki::est::certificates([certificate.as_slice()])),
            None => {
                let problem = r#"{"code":"join_token_unknown","detail":"this token was never given","status":401}"#;
                hyper::Response::builder().status(401).body(Full::from(problem)).unwrap()
            }
        })
    }

    fn device(&self, key: &SubjectKey, life_ms: i64) -> Vec<u8> {
        self.devices.issue_device(key, &device(), keys::entropy_128(), now(), life_ms).unwrap().der
    }

    fn enrolled(&self, basic: &str, key: &SubjectKey) -> Result<Option<Vec<u8>>, std::io::Error> {
        let mut state = self.state.lock().unwrap();
        let (who, token) = basic.split_once(':').unwrap();
        assert_eq!(who, VehicleId::from_u128(1).to_string());
        let certificate = match state.tokens.get(token) {
            None => return Ok(None),
            Some(Some((known, certificate))) if *known == key.sha256() => certificate.clone(),
            Some(Some(_)) => return Ok(None),
            Some(None) => self.device(key, state.device_ms),
        };
        state.tokens.insert(token.to_owned(), Some((key.sha256(), certificate.clone())));
        if state.lost_answers > 0 {
            state.lost_answers -= 1;
            return Err(std::io::Error::other("the answer gets lost"));
        }
        Ok(Some(certificate))
    }

    async fn vehicles(self: Arc<Self>, listener: TcpListener) {
        let (accepted, streams) = mpsc::channel(8);
        let service = LinkServer::new(Linked(Arc::clone(&self)));
        let server = tonic::transport::Server::builder().add_service(service);
        tokio::spawn(server.serve_with_incoming(ReceiverStream::new(streams)));
        loop {
            let (tcp, _) = listener.accept().await.unwrap();
            if let Ok(tls) = self.acceptor("gateway").accept(tcp).await {
                accepted.send(Ok::<_, std::io::Error>(tls)).await.unwrap();
            }
        }
    }
}

fn peer(tls: &TlsStream<TcpStream>) -> Option<PeerCertificate> {
    let certificates = tls.get_ref().1.peer_certificates()?;
    Some(PeerCertificate::read(&certificates[0]).unwrap())
}

fn ok(body: String) -> hyper::Response<Full<Bytes>> {
    hyper::Response::new(Full::from(body))
}

struct Linked(Arc<Played>);

fn who<T>(request: &Request<T>) -> PeerCertificate {
    PeerCertificate::read(&request.peer_certs().expect("mutual TLS")[0]).unwrap()
}

#[tonic::async_trait]
impl Link for Linked {
    type SessionStream = ReceiverStream<Result<v1::ToVehicle, Status>>;

    async fn session(
        &self,
        request: Request<Streaming<v1::FromVehicle>>,
    ) -> Result<Response<Self::SessionStream>, Status> {
        let who = who(&request);
        assert_eq!(who.id, vehicle());
        assert!(request.metadata().get("authorization").is_none());
        let (say, said) = mpsc::channel(1_000);
        let (tell, told) = mpsc::channel(1_000);
        let mut inbound = request.into_inner();
        tokio::spawn(async move {
            while let Ok(Some(message)) = inbound.message().await {
                if say.send(message.message.unwrap()).await.is_err() {
                    return;
                }
            }
        });
        self.0.sessions.send(Session { who, said, tell }).await.unwrap();
        Ok(Response::new(ReceiverStream::new(told)))
    }

    async fn issue_token(&self, request: Request<v1::TokenRequest>) -> Result<Response<v1::Token>, Status> {
        let who = who(&request);
        let audience = request.into_inner().audience;
        let new = pki::jwt::NewToken { subject: &who.id, audience, epoch: 1, certificate_sha256: &who.sha256 };
        let token = pki::jwt::sign(&self.0.token_key, new, now()).unwrap();
        let expires_at_us = now().plus_ms(pki::jwt::VALID_MS).as_us();
        Ok(Response::new(v1::Token { token, expires_at_us }))
    }
}

impl Session {
    pub async fn tell(&self, told: v1::to_vehicle::Message) {
        self.tell.send(Ok(v1::ToVehicle { message: Some(told) })).await.unwrap();
    }

    /// `None` when the vehicle has hung up.
    pub async fn heard(&mut self) -> Option<Said> {
        timeout(PATIENCE, self.said.recv()).await.expect("in time")
    }

    pub async fn next(&mut self) -> Said {
        self.heard().await.expect("an open session")
    }

    pub async fn hello(&mut self) -> v1::Hello {
        match self.next().await {
            Said::Hello(hello) => hello,
            other => panic!("{other:?}"),
        }
    }
}

//! The agent as a process, over real sockets and TLS, against a server that this test plays.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed test may panic")]

mod world;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use kernel::id::TypedId;
use kernel::{CommandId, Timestamp, VehicleId};
use link::v1::from_vehicle::Message as Said;
use link::v1::link_server::{Link, LinkServer};
use link::v1::to_vehicle::Message as Told;
use link::v1::trip_report::Kind;
use link::{issue, v1};
use rustls::pki_types::PrivatePkcs8KeyDer;
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Server;
use tonic::{Request, Response, Status, Streaming};

/// Nothing here takes longer than a few seconds; a hanging test says so.
const PATIENCE: Duration = Duration::from_secs(60);

/// One session as the server sees it.
struct Session {
    authorization: String,
    said: mpsc::Receiver<Said>,
    tell: mpsc::Sender<Result<v1::ToVehicle, Status>>,
}

struct Played(mpsc::Sender<Session>);

#[tonic::async_trait]
impl Link for Played {
    type SessionStream = ReceiverStream<Result<v1::ToVehicle, Status>>;

    async fn session(
        &self,
        request: Request<Streaming<v1::FromVehicle>>,
    ) -> Result<Response<Self::SessionStream>, Status> {
        let text = |key| request.metadata().get(key).and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned();
        assert_eq!(text(link::METADATA_VEHICLE), VehicleId::from_u128(1).to_string());
        let authorization = text(link::METADATA_AUTHORIZATION);
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
        self.0.send(Session { authorization, said, tell }).await.unwrap();
        Ok(Response::new(ReceiverStream::new(told)))
    }

    async fn issue_token(&self, _: Request<v1::TokenRequest>) -> Result<Response<v1::Token>, Status> {
        Err(Status::unimplemented("not asked for here"))
    }
}

impl Session {
    async fn tell(&self, told: Told) {
        self.tell.send(Ok(v1::ToVehicle { message: Some(told) })).await.unwrap();
    }

    async fn next(&mut self) -> Said {
        timeout(PATIENCE, self.said.recv()).await.expect("in time").expect("an open session")
    }

    /// Reads on, acknowledging and renewing as a server does, until the report comes; returns what was reported.
    async fn until(&mut self, last: fn(&Kind) -> bool) -> Vec<v1::TripReport> {
        let mut reports = vec![];
        loop {
            match self.next().await {
                Said::TripReport(report) => {
                    self.tell(Told::ReportAck(v1::ReportAck {
                        boot_id: report.boot_id.clone(),
                        through_report_seq: report.report_seq,
                    }))
                    .await;
                    let is_last = last(report.kind.as_ref().unwrap());
                    reports.push(report);
                    if is_last {
                        return reports;
                    }
                }
                Said::Heartbeat(heartbeat) => {
                    let server_time_us = now().as_us();
                    self.tell(Told::HeartbeatAck(v1::HeartbeatAck {
                        trust_bundle_sequence: 0,
                        server_time_us,
                        counter: heartbeat.counter,
                        ..Default::default()
                    }))
                    .await;
                }
                Said::Telemetry(batch) => {
                    let through_seq = batch.samples.last().unwrap().seq;
                    self.tell(Told::TelemetryAck(v1::TelemetryAck { boot_id: batch.boot_id, through_seq })).await;
                }
                _ => {}
            }
        }
    }

    async fn hello(&mut self) -> v1::Hello {
        match self.next().await {
            Said::Hello(hello) => hello,
            other => panic!("{other:?}"),
        }
    }

    async fn welcome(&self, claim: Option<v1::Claim>) {
        self.tell(Told::Welcome(v1::Welcome {
            token: None,
            trust_bundle_sequence: 0,
            server_time_us: now().as_us(),
            heartbeat_interval_ms: 1_000,
            claim_epoch: claim.as_ref().map_or(0, |claim| claim.claim_epoch),
            claim,
            map_digest: world::map(),
            ..Default::default()
        }))
        .await;
    }

    async fn resume(&self) {
        let resume = v1::Resume { trip_id: world::trip(1).to_string(), ..Default::default() };
        let body = v1::command::Body::Resume(resume);
        self.tell(Told::Command(issue::command(CommandId::from_u128(2), 1, now(), body))).await;
    }

    async fn dispatch(&self) {
        let body = v1::command::Body::Dispatch(v1::Dispatch {
            trip_id: world::trip(1).to_string(),
            route: Some((&world::route()).into()),
            claim_valid_for_ms: 120_000,
            pickup_dwell_ms: 2_000,
            dropoff_dwell_ms: 2_000,
            ..Default::default()
        });
        self.tell(Told::Command(issue::command(CommandId::from_u128(1), 1, now(), body))).await;
    }
}

fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Timestamp::from_us(since.as_micros() as i64)
}

/// The server's address, its certificate's digest, and its sessions.
async fn serve() -> (String, String, mpsc::Receiver<Session>) {
    let made = rcgen::generate_simple_self_signed(vec!["atlasmesh.local".to_owned()]).unwrap();
    let certificate = made.cert.der().clone();
    let sha256: String = Sha256::digest(&certificate).iter().map(|byte| format!("{byte:02x}")).collect();
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()).into();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (accepted, streams) = mpsc::channel(8);
    tokio::spawn(async move {
        loop {
            let (tcp, _) = listener.accept().await.unwrap();
            // A handshake that fails is the client's affair.
            if let Ok(tls) = acceptor.accept(tcp).await {
                accepted.send(Ok::<_, std::io::Error>(tls)).await.unwrap();
            }
        }
    });
    let (sender, sessions) = mpsc::channel(8);
    let server = Server::builder().add_service(LinkServer::new(Played(sender)));
    tokio::spawn(server.serve_with_incoming(ReceiverStream::new(streams)));
    (address, sha256, sessions)
}

fn agent(folder: &Path, server: &str, sha256: &str) -> Child {
    let secret = folder.join("secret");
    std::fs::write(&secret, "not told to anybody\n").unwrap();
    Command::new(env!("CARGO_BIN_EXE_atlasmesh-agent"))
        .args(["run", "--server", server, "--ca-sha256", sha256, "--simulate", "--start", "0.0,0.0", "--speedup", "5"])
        .args(["--vehicle", &VehicleId::from_u128(1).to_string(), "--secret-file"])
        .arg(secret)
        .arg("--state")
        .arg(folder.join("state"))
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

async fn next_session(sessions: &mut mpsc::Receiver<Session>) -> Session {
    timeout(PATIENCE, sessions.recv()).await.expect("in time").expect("a session")
}

fn claim() -> Option<v1::Claim> {
    Some(v1::Claim { trip_id: world::trip(1).to_string(), claim_epoch: 1, valid_for_ms: 120_000 })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trip_survives_a_lost_link_and_a_killed_agent_and_ends_once() {
    let (server, sha256, mut sessions) = serve().await;
    let folder = tempfile::tempdir().unwrap();
    let mut child = agent(folder.path(), &server, &sha256);
    let mut session = next_session(&mut sessions).await;
    assert_eq!(session.authorization, "Bearer not told to anybody");
    let hello = session.hello().await;
    assert!(hello.simulated && hello.boot_counter == 1 && hello.trip_id.is_empty(), "{hello:?}");
    session.welcome(None).await;
    session.dispatch().await;
    let mut reports = session.until(|kind| matches!(kind, Kind::Boarded(_))).await;

    // The link breaks: the agent comes back by itself and goes on.
    drop(session);
    let mut session = next_session(&mut sessions).await;
    let hello = session.hello().await;
    assert_eq!((hello.trip_id, hello.claim_epoch, hello.boot_counter), (world::trip(1).to_string(), 1, 1));
    session.welcome(claim()).await;
    reports.extend(session.until(|kind| matches!(kind, Kind::Progress(_))).await);

    // The agent is killed; what it knew comes back with it.
    child.kill().await.unwrap();
    let mut child = agent(folder.path(), &server, &sha256);
    let mut session = next_session(&mut sessions).await;
    let hello = session.hello().await;
    assert_eq!((hello.trip_id, hello.claim_epoch, hello.boot_counter), (world::trip(1).to_string(), 1, 2));
    session.welcome(claim()).await;
    reports.extend(session.until(|kind| matches!(kind, Kind::AssistNeeded(_))).await);
    session.resume().await;
    reports.extend(session.until(|kind| matches!(kind, Kind::Completed(_))).await);

    let count = |is: fn(&Kind) -> bool| {
        let mut seen: Vec<_> =
            reports.iter().filter(|r| is(r.kind.as_ref().unwrap())).map(|r| (&r.boot_id, r.report_seq)).collect();
        seen.sort();
        seen.dedup();
        seen.len()
    };
    assert_eq!(count(|kind| matches!(kind, Kind::Accepted(_))), 1);
    assert_eq!(count(|kind| matches!(kind, Kind::Boarded(_))), 1);
    assert_eq!(count(|kind| matches!(kind, Kind::ArrivedDropoff(_))), 1);
    assert_eq!(count(|kind| matches!(kind, Kind::Completed(_))), 1);
    assert_eq!(count(|kind| matches!(kind, Kind::SafeStopped(_))), 1, "it stood until it was ordered to go on");

    // SIGTERM ends it in order.
    let pid = child.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().await.unwrap().success());
    assert!(timeout(PATIENCE, child.wait()).await.unwrap().unwrap().success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_certificate_than_the_pinned_one_gets_no_secret() {
    let (impostor, _, mut seen_by_impostor) = serve().await;
    let (_server, sha256, _sessions) = serve().await;
    let folder = tempfile::tempdir().unwrap();
    let mut child = agent(folder.path(), &impostor, &sha256);
    // Several attempts fit into this time; each has to fail before a request is sent.
    let session = timeout(Duration::from_secs(2), seen_by_impostor.recv()).await;
    assert!(session.is_err(), "a session was opened");
    assert!(child.try_wait().unwrap().is_none(), "it goes on trying");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_command_line_says_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = folder.path().join("fleet.json");
    std::fs::write(&bundle, r#"{"server": "localhost:1", "vehicles": []}"#).unwrap();
    let run = |args: Vec<String>| async move {
        let output = Command::new(env!("CARGO_BIN_EXE_atlasmesh-agent")).args(args).output().await.unwrap();
        (output.status.success(), String::from_utf8(output.stderr).unwrap())
    };
    let state = folder.path().join("state").display().to_string();
    let (ok, text) =
        run(vec!["fleet".into(), "--bundle".into(), bundle.display().to_string(), "--state".into(), state]).await;
    assert!(!ok && text.contains("missing field `ca_sha256`"), "{text}");
    let (ok, text) = run(vec!["run".into(), "--ca-sha256".into(), "12".into()]).await;
    assert!(!ok && text.contains("64 hexadecimal digits"), "{text}");
}

//! The agent as a process, over real sockets and TLS, against a server that this test plays.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed test may panic")]

mod server;
mod world;

use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::process::Stdio;
use std::sync::Arc;
use std::task::{Context, Poll};

use agent::process::workload_api as api;
use agent::process::workload_api::spiffe_workload_api_client::SpiffeWorkloadApiClient;
use hyper_util::rt::TokioIo;
use kernel::CommandId;
use kernel::id::TypedId;
use link::v1::from_vehicle::Message as Said;
use link::v1::to_vehicle::Message as Told;
use link::v1::trip_report::Kind;
use link::{issue, v1};
use pki::PeerCertificate;
use server::{PATIENCE, Played, Session, now, serve};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::UnixStream;
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tonic::codegen::Service;
use tonic::codegen::http::Uri;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request};

const ENROL: &str = "/.well-known/est/simpleenroll";
const AGAIN: &str = "/.well-known/est/simplereenroll";
const SVID: &str = "/.well-known/est/svid/simpleenroll";

impl Session {
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
                    self.acknowledge(heartbeat.counter, 0).await;
                }
                Said::Telemetry(batch) => {
                    let through_seq = batch.samples.last().unwrap().seq;
                    self.tell(Told::TelemetryAck(v1::TelemetryAck { boot_id: batch.boot_id, through_seq })).await;
                }
                _ => {}
            }
        }
    }

    async fn acknowledge(&self, counter: u64, trust_bundle_sequence: u64) {
        let server_time_us = now().as_us();
        let ack = v1::HeartbeatAck { trust_bundle_sequence, server_time_us, counter, ..Default::default() };
        self.tell(Told::HeartbeatAck(ack)).await;
    }

    /// Answers heartbeats, naming a trust bundle, until one says that this one is kept.
    /// Until the vehicle keeps this bundle, or hangs up because it has another certificate by it already.
    async fn until_bundle(&mut self, sequence: u64) {
        while let Some(said) = self.heard().await {
            if let Said::Heartbeat(heartbeat) = said {
                if heartbeat.trust_bundle_sequence == sequence {
                    return;
                }
                self.acknowledge(heartbeat.counter, sequence).await;
            }
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

fn agent(folder: &Path, server: &Played, token: &str) -> Child {
    command(folder, server, token).spawn().unwrap()
}

fn command(folder: &Path, server: &Played, token: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_atlasmesh-agent"));
    command.args(["run", "--simulate", "--start", "0.0,0.0", "--speedup", "5", "--bootstrap"]);
    command.arg(server.write_bootstrap(folder, token)).arg("--state").arg(folder.join("state")).kill_on_drop(true);
    command
}

/// Waits for a line of the agent's log.
async fn says(child: &mut Child, what: &str) {
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let found = async {
        loop {
            let line = lines.next_line().await.unwrap().unwrap_or_else(|| panic!("the log ended without: {what}"));
            if line.contains(what) {
                return;
            }
        }
    };
    timeout(PATIENCE, found).await.unwrap_or_else(|_| panic!("not said: {what}"));
    // Whoever logs must not find the pipe closed.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
}

async fn next_session(sessions: &mut mpsc::Receiver<Session>) -> Session {
    timeout(PATIENCE, sessions.recv()).await.expect("in time").expect("a session")
}

fn claim() -> Option<v1::Claim> {
    Some(v1::Claim { trip_id: world::trip(1).to_string(), claim_epoch: 1, valid_for_ms: 120_000 })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trip_survives_a_lost_link_and_a_killed_agent_and_ends_once() {
    let (server, mut sessions) = serve().await;
    let folder = tempfile::tempdir().unwrap();
    let mut child = agent(folder.path(), &server, "amj_first");
    let mut session = next_session(&mut sessions).await;
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
    let mut child = agent(folder.path(), &server, "amj_first");
    let mut session = next_session(&mut sessions).await;
    assert_eq!((server.asked(ENROL), server.asked(SVID)), (1, 1), "what was kept is used");
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
async fn another_authority_than_the_pinned_one_gets_no_token() {
    let (impostor, _sessions) = serve().await;
    let (server, _sessions) = serve().await;
    let folder = tempfile::tempdir().unwrap();
    let mut agent = command(folder.path(), &server, "amj_first");
    let mut bootstrap = server.bootstrap("amj_first");
    bootstrap["enrol"] = impostor.enrol.clone().into();
    std::fs::write(folder.path().join("bootstrap.json"), bootstrap.to_string()).unwrap();
    let mut child = agent.stderr(Stdio::piped()).spawn().unwrap();
    says(&mut child, "the server does not prove that it is the one").await;
    assert!(impostor.state.lock().unwrap().asked.is_empty(), "it was asked nothing");
    assert!(child.try_wait().unwrap().is_none(), "it goes on trying");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_got_lost_is_asked_for_again_with_the_same_key() {
    let (server, mut sessions) = serve().await;
    server.state.lock().unwrap().lost_answers = 1;
    let folder = tempfile::tempdir().unwrap();
    let _child = agent(folder.path(), &server, "amj_first");
    next_session(&mut sessions).await;
    let state = server.state.lock().unwrap();
    let keys: Vec<_> = state.asked.iter().filter(|(path, _)| path == ENROL).map(|(_, key)| key).collect();
    assert_eq!(keys.len(), 2);
    assert_eq!(keys[0], keys[1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_certificate_opens_the_session_again_before_the_old_one_ends() {
    let (server, mut sessions) = serve().await;
    (server.state.lock().unwrap().svid_ms, server.state.lock().unwrap().device_ms) = (5_000, 6_000);
    let folder = tempfile::tempdir().unwrap();
    let _child = agent(folder.path(), &server, "amj_first");
    let mut seen: Vec<PeerCertificate> = vec![];
    for _ in 0..4 {
        let mut session = next_session(&mut sessions).await;
        let ends_ms = session.who.not_after_s * 1_000;
        assert!(now().as_ms() < ends_ms, "a certificate that has ended is not presented");
        assert!(seen.iter().all(|before| before.sha256 != session.who.sha256), "one that has a successor is not used");
        seen.push(session.who.clone());
        session.welcome(None).await;
        while let Some(said) = session.heard().await {
            if let Said::Heartbeat(heartbeat) = said {
                session.acknowledge(heartbeat.counter, 0).await;
            }
        }
        assert!(now().as_ms() < ends_ms, "it hangs up in time");
    }
    assert!(server.asked(ENROL) == 1 && server.asked(AGAIN) >= 1, "the device certificate has a successor too");
    let state = server.state.lock().unwrap();
    let mut keys: Vec<_> = state.asked.iter().filter(|(path, _)| path == SVID).map(|(_, key)| key).collect();
    let asked = keys.len();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), asked, "each is for a new key");
}

/// The session under the next certificate: a vehicle asks for one whenever authorities change.
async fn renewed(sessions: &mut mpsc::Receiver<Session>, before: &str) -> Session {
    loop {
        let session = next_session(sessions).await;
        session.welcome(None).await;
        if session.who.serial != before {
            return session;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn trust_follows_the_authorities_while_connected_and_after_a_sleep() {
    let (server, mut sessions) = serve().await;
    let folder = tempfile::tempdir().unwrap();
    let mut child = agent(folder.path(), &server, "amj_first");
    let mut session = next_session(&mut sessions).await;
    session.welcome(None).await;
    session.until_bundle(1).await;
    let before = session.who.serial.clone();
    server.replace_authority();
    session.until_bundle(2).await;
    let session = renewed(&mut sessions, &before).await;
    let before = session.who.serial.clone();

    // While it sleeps the authority is replaced: its server is vouched for by nobody that it knows.
    child.kill().await.unwrap();
    drop(session);
    server.replace_authority();
    let _child = agent(folder.path(), &server, "amj_first");
    let mut session = renewed(&mut sessions, &before).await;
    session.until_bundle(3).await;

    // A server that was set back is not followed.
    server.state.lock().unwrap().sequence = 2;
    let asked = server.asked("/bundle");
    let mut then = 0;
    while then < 2 {
        if let Said::Heartbeat(heartbeat) = session.next().await {
            assert_eq!(heartbeat.trust_bundle_sequence, 3);
            session.acknowledge(heartbeat.counter, 4).await;
            then += u64::from(server.asked("/bundle") > asked);
        }
    }
    assert_eq!(server.asked(ENROL), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_that_is_refused_needs_a_new_token() {
    let (server, mut sessions) = serve().await;
    let folder = tempfile::tempdir().unwrap();
    let mut child = agent(folder.path(), &server, "amj_first");
    next_session(&mut sessions).await;
    child.kill().await.unwrap();
    {
        let mut state = server.state.lock().unwrap();
        let certificate = state.tokens["amj_first"].clone().unwrap().1;
        state.revoked.push(PeerCertificate::read(&certificate).unwrap().serial);
        state.tokens.insert("amj_second".into(), None);
    }
    std::fs::remove_file(folder.path().join("state/identity/svid.pem")).unwrap();
    let mut child = command(folder.path(), &server, "amj_first").stderr(Stdio::piped()).spawn().unwrap();
    says(&mut child, "bring a new bootstrap file").await;
    child.kill().await.unwrap();
    assert_eq!(server.asked(ENROL), 1, "a used token is not sent again");

    let _child = agent(folder.path(), &server, "amj_second");
    next_session(&mut sessions).await;
    assert_eq!(server.asked(ENROL), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_svid_that_is_refused_is_replaced() {
    let (server, mut sessions) = serve().await;
    let folder = tempfile::tempdir().unwrap();
    let _child = agent(folder.path(), &server, "amj_first");
    let session = next_session(&mut sessions).await;
    let refused = session.who.serial.clone();
    server.state.lock().unwrap().revoked.push(refused.clone());
    drop(session);
    assert_ne!(next_session(&mut sessions).await.who.serial, refused);
    assert_eq!((server.asked(ENROL), server.asked(SVID)), (1, 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_server_says_and_what_the_clock_says_stand_in_the_log() {
    let (server, _sessions) = serve().await;
    let folder = tempfile::tempdir().unwrap();
    let mut child = command(folder.path(), &server, "amj_other").stderr(Stdio::piped()).spawn().unwrap();
    says(&mut child, "this token was never given").await;
    server.state.lock().unwrap().ahead_ms = 24 * server::HOUR_MS;
    child.kill().await.unwrap();
    let mut child = command(folder.path(), &server, "amj_first").stderr(Stdio::piped()).spawn().unwrap();
    says(&mut child, "set the clock of the vehicle").await;
}

struct ToSocket(PathBuf);

impl Service<Uri> for ToSocket {
    type Response = TokioIo<UnixStream>;
    type Error = std::io::Error;
    type Future = Pin<Box<dyn Future<Output = std::io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let path = self.0.clone();
        Box::pin(async move { UnixStream::connect(path).await.map(TokioIo::new) })
    }
}

async fn workload_client(socket: &Path) -> SpiffeWorkloadApiClient<Channel> {
    let socket = socket.to_path_buf();
    let channel = Endpoint::from_static("http://workload").connect_with_connector(ToSocket(socket)).await;
    SpiffeWorkloadApiClient::new(channel.unwrap())
}

fn marked<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("workload.spiffe.io", "true".parse().unwrap());
    request
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn programs_on_the_vehicle_get_its_identity_by_the_standard() {
    let (server, mut sessions) = serve().await;
    server.state.lock().unwrap().svid_ms = 8_000;
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("workload.sock");
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    let mut command = command(folder.path(), &server, "amj_first");
    let _child = command.arg("--workload-socket").arg(&socket).spawn().unwrap();
    let session = next_session(&mut sessions).await;
    session.welcome(None).await;
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&socket).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o660);

    let mut client = workload_client(&socket).await;
    let unmarked = client.fetch_x509svid(api::X509svidRequest {}).await.unwrap_err();
    assert_eq!(unmarked.code(), Code::InvalidArgument);
    let mut svids = client.fetch_x509svid(marked(api::X509svidRequest {})).await.unwrap().into_inner();
    let first = timeout(PATIENCE, svids.message()).await.unwrap().unwrap().unwrap().svids.remove(0);
    assert_eq!(first.spiffe_id, server::vehicle().to_string());
    let certificate = PeerCertificate::read(&first.x509_svid).unwrap();
    assert_eq!(certificate.sha256, session.who.sha256);
    let key = rcgen::KeyPair::try_from(first.x509_svid_key.as_slice()).unwrap();
    assert_eq!(pki::Term::read(&first.x509_svid).unwrap().public_key, key.public_key_raw());
    assert_eq!(first.bundle, server.state.lock().unwrap().svids.certificate());
    let mut bundles = client.fetch_x509_bundles(marked(api::X509BundlesRequest {})).await.unwrap().into_inner();
    let bundles = bundles.message().await.unwrap().unwrap().bundles;
    assert_eq!(bundles["spiffe://fleet.example"], first.bundle);

    tokens_are_given_and_checked(&mut client, &server).await;

    let second = timeout(PATIENCE, svids.message()).await.unwrap().unwrap().unwrap().svids.remove(0);
    assert_ne!(first.x509_svid_key, second.x509_svid_key, "after the renewal the successor comes by itself");
    assert_eq!(next_session(&mut sessions).await.who.sha256, PeerCertificate::read(&second.x509_svid).unwrap().sha256);
}

async fn tokens_are_given_and_checked(client: &mut SpiffeWorkloadApiClient<Channel>, server: &Arc<Played>) {
    let mut bundles = client.fetch_jwt_bundles(marked(api::JwtBundlesRequest {})).await.unwrap().into_inner();
    let bundles = bundles.message().await.unwrap().unwrap().bundles;
    let jwks: serde_json::Value = serde_json::from_slice(&bundles["spiffe://fleet.example"]).unwrap();
    assert_eq!(jwks["keys"].as_array().unwrap().len(), 1);
    let kid = keys::KeyPair::id(&server.token_key).to_string();
    assert_eq!((&jwks["keys"][0]["use"], &jwks["keys"][0]["kid"]), (&"jwt-svid".into(), &kid.into()));

    let ask = |audience: Vec<String>| marked(api::JwtsvidRequest { audience, spiffe_id: String::new() });
    assert_eq!(client.fetch_jwtsvid(ask(vec![])).await.unwrap_err().code(), Code::InvalidArgument);
    let other = api::JwtsvidRequest { audience: vec!["maps".into()], spiffe_id: "spiffe://fleet.example/svc/x".into() };
    assert_eq!(client.fetch_jwtsvid(marked(other)).await.unwrap_err().code(), Code::PermissionDenied);
    let given = client.fetch_jwtsvid(ask(vec!["maps".into()])).await.unwrap().into_inner().svids.remove(0);
    let check = |audience: &str| {
        marked(api::ValidateJwtsvidRequest { audience: audience.to_owned(), svid: given.svid.clone() })
    };
    let checked = client.validate_jwtsvid(check("maps")).await.unwrap().into_inner();
    assert_eq!(
        (&checked.spiffe_id, &given.spiffe_id),
        (&server::vehicle().to_string(), &server::vehicle().to_string())
    );
    assert!(checked.claims.unwrap().fields.contains_key("exp"));
    assert_eq!(client.validate_jwtsvid(check("others")).await.unwrap_err().code(), Code::InvalidArgument);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_an_identity_programs_are_denied() {
    let (server, _sessions) = serve().await;
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("workload.sock");
    let mut command = command(folder.path(), &server, "amj_other");
    let mut child = command.arg("--workload-socket").arg(&socket).stderr(Stdio::piped()).spawn().unwrap();
    says(&mut child, "this token was never given").await;
    let mut client = workload_client(&socket).await;
    let denied = client.fetch_x509svid(marked(api::X509svidRequest {})).await.unwrap_err();
    assert_eq!(denied.code(), Code::PermissionDenied);
    let pid = child.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().await.unwrap().success());
    assert!(timeout(PATIENCE, child.wait()).await.unwrap().unwrap().success());
    assert!(!socket.exists(), "the socket goes with the agent");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fleet_gives_each_vehicle_an_identity_of_its_own() {
    let (server, mut sessions) = serve().await;
    let folder = tempfile::tempdir().unwrap();
    let bundle = folder.path().join("fleet.json");
    let entry = serde_json::json!({
        "bootstrap": server.bootstrap("amj_first"), "start": { "lat": 0.0, "lon": 0.0 }, "obstacle_after_m": null,
    });
    std::fs::write(&bundle, serde_json::json!({ "speedup": 20, "vehicles": [entry] }).to_string()).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_atlasmesh-agent"));
    command.arg("fleet").arg("--bundle").arg(bundle).arg("--state").arg(folder.path()).kill_on_drop(true);
    let _child = command.spawn().unwrap();
    next_session(&mut sessions).await;
    let vehicle = kernel::VehicleId::from_u128(1).to_string();
    assert!(folder.path().join(vehicle).join("identity/svid.pem").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_command_line_says_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = folder.path().join("fleet.json");
    let entry = serde_json::json!({ "vehicles": [{ "bootstrap": {}, "start": { "lat": 0.0, "lon": 0.0 } }] });
    std::fs::write(&bundle, entry.to_string()).unwrap();
    let run = |args: Vec<String>| async move {
        let output = Command::new(env!("CARGO_BIN_EXE_atlasmesh-agent")).args(args).output().await.unwrap();
        (output.status.success(), String::from_utf8(output.stderr).unwrap())
    };
    let state = folder.path().join("state").display().to_string();
    let (ok, text) =
        run(vec!["fleet".into(), "--bundle".into(), bundle.display().to_string(), "--state".into(), state]).await;
    assert!(!ok && text.contains("missing field `vehicle`"), "{text}");
    let missing = folder.path().join("bootstrap.json").display().to_string();
    let args = ["run", "--simulate", "--start", "0,0", "--state", "x", "--bootstrap", &missing];
    let (ok, text) = run(args.map(str::to_owned).to_vec()).await;
    assert!(!ok && text.contains("cannot read the bootstrap file"), "{text}");
}

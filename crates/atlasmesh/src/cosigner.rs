//! `atlasmesh witness`: cosigns the heads of others' logs that go on from what it saw of them before (C2SP tlog-witness).
//! Meant to run at somebody else's, with a key and a folder of its own. What it cosigned is on the disk before anybody is
//! answered.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, bail};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path as InPath, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use gateway::connections::Limits;
use gateway::{http, sockets};
use journal::{Hash, NoteVerifier};
use kernel::Clock;
use keys::{Key, Keystore, Signer, Witness};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::sync::{Mutex, watch};
use witness::{
    AddCheckpoint, REQUEST_BYTES_MAX, Refusal, SeenHead, WitnessVerifier, cosign, decide, with_cosignatures,
};

use crate::cli::args::WitnessOptions;
use crate::cli::output;
use crate::serve::StopSignals;
use crate::serve::traces::Observed;
use crate::system_clock::SystemSource;

/// The newest head of a log that was cosigned, as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Cosigned {
    size: u64,
    root: Hash,
    /// The log's note with the cosignature.
    note: String,
}

/// A log, and what was seen of it; whoever holds the lock decides, keeps and signs.
struct Log {
    file: PathBuf,
    newest: Mutex<Option<Cosigned>>,
}

struct Cosigner {
    name: String,
    key: Key<Witness>,
    trusted: Vec<NoteVerifier>,
    /// By name.
    logs: BTreeMap<String, Log>,
    clock: SystemSource,
    /// Held while it runs: two programs with one memory each would sign what does not fit.
    _folder: File,
}

/// Runs the witness until SIGTERM or SIGINT.
pub async fn run(options: WitnessOptions) -> Result<()> {
    let mut signals = StopSignals::watch()?;
    let observed = Observed::start()?;
    let cosigner = Arc::new(Cosigner::open(&options)?);
    let listener = TcpListener::bind(&options.http).await;
    let listener = listener.with_context(|| format!("--http {} cannot be listened on", options.http))?;
    let vkey = WitnessVerifier::new(&cosigner.name, cosigner.key.verifying_key())?.vkey();
    fs::write(options.data.join("vkey"), format!("{vkey}\n")).context("the public key cannot be written")?;
    let address = listener.local_addr()?;
    output::line(format!("witness: {vkey}@http://{address}"));
    let (stop, stopping) = watch::channel(false);
    let routes = Router::new()
        .route("/add-checkpoint", post(add_checkpoint))
        .route("/{log}/checkpoint", get(newest))
        .layer(DefaultBodyLimit::max(REQUEST_BYTES_MAX))
        .with_state(cosigner);
    let limits = Limits::for_files(sockets::file_limit()).for_short();
    let server = tokio::spawn(http::listen_with("witness", routes, listener, limits, stopping));
    tracing::info!(http = %address, "ready");
    signals.received().await;
    stop.send_replace(true);
    server.await.context("the listener failed")?;
    observed.flush();
    Ok(())
}

impl Cosigner {
    fn open(options: &WitnessOptions) -> Result<Self> {
        let folder = &options.data;
        let unusable = || format!("the folder {} cannot be used: choose another with --data", folder.display());
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder.join("logs")).with_context(unusable)?;
        let lock = File::create(folder.join("lock")).with_context(unusable)?;
        if lock.try_lock().is_err() {
            bail!("another witness uses the folder {}", folder.display());
        }
        let mut keystore = Keystore::open_in(&folder.join("keys")).context("the key cannot be opened")?;
        let key = keystore.active_or_first::<Witness>().context("there is no key to cosign with")?;
        let mut logs = BTreeMap::new();
        for verifier in &options.log {
            let origin = verifier.name().to_owned();
            let file = folder.join("logs").join(format!("{}.json", Hash::of_bytes(origin.as_bytes())));
            let newest = read(&file).with_context(|| format!("what was seen of {origin} cannot be read"))?;
            logs.insert(origin, Log { file, newest: Mutex::new(newest) });
        }
        let (name, trusted, clock) = (options.name.clone(), options.log.clone(), SystemSource::start());
        Ok(Self { name, key, trusted, logs, clock, _folder: lock })
    }

    /// Decides, keeps, and only then signs; the answer is the line for the log's note.
    async fn cosign(&self, asked: &AddCheckpoint) -> Result<Result<String, Refusal>> {
        let Some(log) = self.logs.get(&asked.head.origin) else { return Ok(Err(Refusal::UnknownLog)) };
        let mut newest = log.newest.lock().await;
        let known = newest.as_ref().map(|kept| SeenHead { size: kept.size, root: kept.root });
        let head = match decide(known, asked, &self.trusted) {
            Ok(head) => head,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let at_s = u64::try_from(self.clock.now().as_ms() / 1_000).map_err(|_| anyhow!("the clock is before 1970"))?;
        let line = cosign(&self.key, &self.name, &asked.note, at_s)?;
        let note = with_cosignatures(&asked.note, [line.as_str()]);
        let kept = Cosigned { size: head.size, root: head.root, note };
        tokio::task::block_in_place(|| write(&log.file, &kept)).context("the newest head cannot be kept")?;
        *newest = Some(kept);
        Ok(Ok(line))
    }
}

fn read(path: &Path) -> io::Result<Option<Cosigned>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn write(path: &Path, kept: &Cosigned) -> io::Result<()> {
    let part = path.with_extension("part");
    let mut file = File::create(&part)?;
    file.write_all(&serde_json::to_vec(kept)?)?;
    file.sync_all()?;
    fs::rename(&part, path)?;
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

const TEXT: &str = "text/plain; charset=utf-8";

fn refused(refusal: &Refusal) -> Response {
    tracing::warn!(status = refusal.status(), reason = %refusal, "not cosigned");
    let status = StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::BAD_REQUEST);
    (status, [(header::CONTENT_TYPE, refusal.content_type())], refusal.body()).into_response()
}

/// `POST /add-checkpoint`
async fn add_checkpoint(State(cosigner): State<Arc<Cosigner>>, body: Bytes) -> Response {
    let asked = match std::str::from_utf8(&body).map(AddCheckpoint::parse) {
        Ok(Ok(asked)) => asked,
        Ok(Err(error)) => return refused(&error.into()),
        Err(_) => return refused(&Refusal::Malformed { what: "the request is no text".into() }),
    };
    match cosigner.cosign(&asked).await {
        Ok(Ok(line)) => ([(header::CONTENT_TYPE, TEXT)], format!("{line}\n")).into_response(),
        Ok(Err(refusal)) => refused(&refusal),
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "not cosigned");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// `GET /<SHA-256 of the log's name>/checkpoint`
async fn newest(State(cosigner): State<Arc<Cosigner>>, InPath(digest): InPath<String>) -> Response {
    let is_it = |origin: &&String| Hash::of_bytes(origin.as_bytes()).to_string() == digest;
    let Some(log) = cosigner.logs.keys().find(is_it).and_then(|origin| cosigner.logs.get(origin)) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    match log.newest.lock().await.as_ref() {
        Some(kept) => ([(header::CONTENT_TYPE, TEXT)], kept.note.clone()).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

//! One witness asked about one head (C2SP tlog-witness), and what it has seen instead where it refuses.

use std::fmt;
use std::time::Duration;

use gateway::heads::{KeptHead, difference};
use hyper::StatusCode;
use journal::{Checkpoint, Hash};
use kernel::TenantId;
use store::port::Fault;
use store::tiles;
use tenancy::log::{Difference, LogAlarm};
use witness::{AddCheckpoint, WitnessVerifier, monitoring_path};

use super::outside::Message;
use super::wiring::Parts;
use super::witnesses::WitnessAt;

/// How long a witness may take.
const LIMIT: Duration = Duration::from_secs(5);
/// What is read of an answer.
const ANSWER_BYTES_MAX: usize = journal::checkpoint::NOTE_BYTES_MAX;

/// What a witness said.
#[derive(Debug)]
pub enum Answer {
    /// Its line for the note, which was checked.
    Cosigned { line: String },
    /// The head does not go on from what it has seen.
    Refused { reason: &'static str, seen_size: u64, body: Vec<u8> },
    /// It does not know the log: its operator has to add the key.
    UnknownLog,
    /// It could not be asked, or made no sense.
    Failed(String),
}

impl Answer {
    /// Its name in metrics.
    pub fn outcome(&self) -> &'static str {
        match self {
            Self::Cosigned { .. } => "cosigned",
            Self::Refused { .. } => "refused",
            Self::UnknownLog => "unknown_log",
            Self::Failed(_) => "failed",
        }
    }

    /// Whether asking again soon changes nothing.
    pub fn is_lasting(&self) -> bool {
        matches!(self, Self::Refused { .. } | Self::UnknownLog)
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cosigned { .. } => f.write_str("cosigned"),
            Self::Refused { reason, .. } => f.write_str(reason),
            Self::UnknownLog => f.write_str("it does not know the log: start it with --log and the log's vkey"),
            Self::Failed(why) => f.write_str(why),
        }
    }
}

const SHORTER: &str = "the log has fewer entries than the witness has seen";
const OTHER: &str = "the log is no continuation of what the witness has seen";

/// Asks a witness that has seen the log up to a size, as far as is known; where it has seen another one, once more.
pub async fn ask(parts: &Parts, witness: &WitnessAt, tenant: &TenantId, head: &KeptHead, seen: u64) -> Answer {
    let mut old_size = seen;
    for _ in 0..2 {
        let (status, body) = match send(parts, witness, tenant, head, old_size).await {
            Ok(answered) => answered,
            Err(error) => return Answer::Failed(format!("{error:#}")),
        };
        match status {
            StatusCode::OK => return cosigned(&witness.verifier, &head.note, &body),
            StatusCode::NOT_FOUND => return Answer::UnknownLog,
            StatusCode::UNPROCESSABLE_ENTITY => {
                return Answer::Refused { reason: OTHER, seen_size: old_size, body };
            }
            StatusCode::CONFLICT => {
                let size = std::str::from_utf8(&body).ok().and_then(|text| text.trim_end().parse::<u64>().ok());
                match size {
                    None => return Answer::Failed("it has seen another size, and does not say which".into()),
                    Some(size) if size > head.size => {
                        return Answer::Refused { reason: SHORTER, seen_size: size, body };
                    }
                    Some(size) if size == old_size && size == head.size => {
                        return Answer::Refused { reason: OTHER, seen_size: size, body };
                    }
                    Some(size) => old_size = size,
                }
            }
            other => return Answer::Failed(format!("it answered {}", other.as_u16())),
        }
    }
    Answer::Failed("it says another size each time that it is asked".into())
}

async fn send(
    parts: &Parts,
    witness: &WitnessAt,
    tenant: &TenantId,
    head: &KeptHead,
    old_size: u64,
) -> anyhow::Result<(StatusCode, Vec<u8>)> {
    let proof = match old_size {
        0 => Some(Vec::new()),
        // A tree of a size that the log does not have has no proof; the witness will say so.
        old => tiles::consistency(&*parts.store, tenant, old, head.size).await?,
    };
    let asked = AddCheckpoint::new(old_size, proof.unwrap_or_default(), &head.note)?;
    let url = format!("{}/add-checkpoint", witness.url);
    let message = Message::post(&url, "text/plain; charset=utf-8", asked.to_text().into_bytes());
    let answer = parts.outside.send(message, ANSWER_BYTES_MAX, LIMIT).await?;
    Ok((answer.status(), answer.body().to_vec()))
}

/// The witness's line among those that it answered, if it fits the note. Lines of keys that are not known are passed over.
fn cosigned(verifier: &WitnessVerifier, note: &str, body: &[u8]) -> Answer {
    let Some(end) = note.rfind("\n\n") else { return Answer::Failed("the head is no note".into()) };
    for line in std::str::from_utf8(body).unwrap_or_default().lines().take(64) {
        match verifier.check_line(&note[..=end], line) {
            Ok(Some(_)) => return Answer::Cosigned { line: line.into() },
            Ok(None) => {}
            Err(error) => return Answer::Failed(error.to_string()),
        }
    }
    Answer::Failed("its answer has no cosignature of its key".into())
}

/// How the log differs from what a witness that refused has seen: by the head that it shows, which this server must have
/// signed, or where it shows none by its word alone.
pub async fn difference_seen(
    parts: &Parts,
    witness: &WitnessAt,
    tenant: &TenantId,
    answer: &Answer,
) -> Result<Option<LogAlarm>, Fault> {
    let Answer::Refused { seen_size, body, .. } = answer else { return Ok(None) };
    let verifier = parts.gateway.note_verifier(tenant);
    let seen_by = format!("witness/{}", witness.verifier.name());
    let url = format!("{}/{}", witness.url, monitoring_path(verifier.name()));
    let shown = parts.outside.send(Message::get(&url), ANSWER_BYTES_MAX, LIMIT).await.ok();
    let shown = shown.filter(|shown| shown.status() == StatusCode::OK).map(|shown| shown.body().to_vec());
    let note = shown.and_then(|bytes| String::from_utf8(bytes).ok());
    if let Some(Ok(head)) = note.map(|note| Checkpoint::open(&note, &verifier)) {
        return difference(&*parts.store, tenant, head.size, head.root, seen_by).await;
    }
    let size = parts.store.head(tenant).await?.map_or(0, |head| head.size);
    let difference = if *seen_size > size { Difference::Shorter } else { Difference::Other };
    Ok(Some(LogAlarm { difference, seen_size: *seen_size, seen_root: Hash::of_bytes(body), size, seen_by }))
}

//! Asks others to vouch for the logs: each published head that grew goes to the witnesses, and once an hour to a
//! timestamping authority. A tenant's log waits for nobody else's, and a witness that does not answer is asked later.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use gateway::heads::KeptHead;
use journal::Hash;
use kernel::{TenantId, Timestamp};
use store::cosigned::{NoteTimestamp, keep_cosigned, keep_timestamp, newest_cosigned};
use tenancy::log::{WitnessCosigned, WitnessRefused};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};
use witness::{WitnessVerifier, timestamp, with_cosignatures};

use super::loops::TENANTS_AT_ONCE;
use super::outside::Message;
use super::wiring::Parts;
use super::witness_client::{Answer, ask, difference_seen};

/// How often heads that grew are sent.
const EVERY: Duration = Duration::from_secs(1);
/// How soon a witness that did not cosign is asked again; each time twice as late …
const PAUSE: Duration = Duration::from_secs(1);
/// … up to this.
const PAUSE_MAX: Duration = Duration::from_secs(60);
/// How long an authority may take.
const AUTHORITY_LIMIT: Duration = Duration::from_secs(10);
/// How soon an authority that gave no timestamp is asked again, in milliseconds.
const AUTHORITY_PAUSE_MS: i64 = 60_000;

/// A witness, and where it is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WitnessAt {
    pub verifier: WitnessVerifier,
    /// Without a slash at its end.
    pub url: String,
}

impl FromStr for WitnessAt {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let at = text.find("@http://").or_else(|| text.find("@https://"));
        let (vkey, url) = at.map(|at| text.split_at(at)).ok_or("a witness is NAME+ID+KEY@http://host:port")?;
        let verifier = vkey.parse().map_err(|error: journal::JournalError| error.to_string())?;
        Ok(Self { verifier, url: url[1..].trim_end_matches('/').to_owned() })
    }
}

/// Whom to ask.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    pub witnesses: Vec<WitnessAt>,
    /// The address of a timestamping authority.
    pub authority: Option<String>,
    pub timestamps_every_ms: i64,
}

/// How a witness stands to a log.
#[derive(Debug, Clone, Default)]
struct Standing {
    /// The size up to which it has seen the log, as far as is known.
    seen: u64,
    /// The size of the newest head that it cosigned.
    cosigned: u64,
    failures: u32,
    retry_at: Option<Instant>,
}

/// What others said of a tenant's log.
#[derive(Debug, Clone, Default)]
struct Vouched {
    standings: BTreeMap<String, Standing>,
    /// The newest head that somebody cosigned, and their lines by name.
    head: Option<(u64, Hash)>,
    lines: BTreeMap<String, String>,
    /// The size under the newest timestamp, and when the next one is asked for; `None` until the store was asked.
    stamped: Option<(u64, Timestamp)>,
}

impl Vouched {
    fn is_wanted(&self, settings: &Settings, size: u64, now: Timestamp) -> bool {
        let open = |witness: &WitnessAt| {
            self.standings.get(witness.verifier.name()).is_none_or(|standing| {
                standing.cosigned < size && standing.retry_at.is_none_or(|at| at <= Instant::now())
            })
        };
        settings.witnesses.iter().any(open) || self.is_stamp_due(settings, size, now)
    }

    fn is_stamp_due(&self, settings: &Settings, size: u64, now: Timestamp) -> bool {
        settings.authority.is_some() && self.stamped.is_none_or(|(stamped, at)| stamped < size && at <= now)
    }
}

/// Sends heads until the server stops.
pub async fn run(parts: Parts) {
    let settings = Arc::clone(&parts.vouching);
    if settings.witnesses.is_empty() && settings.authority.is_none() {
        return;
    }
    let mut known: BTreeMap<TenantId, Vouched> = BTreeMap::new();
    let mut busy: BTreeSet<TenantId> = BTreeSet::new();
    let mut working: JoinSet<(TenantId, Vouched)> = JoinSet::new();
    let mut tick = tokio::time::interval(EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            Some(done) = working.join_next() => match done {
                Ok((tenant, vouched)) => {
                    busy.remove(&tenant);
                    known.insert(tenant, vouched);
                }
                Err(panicked) => {
                    tracing::error!(error = %panicked, "asking the witnesses panicked");
                    busy.clear();
                }
            },
            _ = tick.tick() => {
                let now = parts.source.now();
                let free = TENANTS_AT_ONCE.saturating_sub(busy.len());
                let heads = parts.gateway.heads.published(free, |tenant, size| {
                    !busy.contains(tenant)
                        && known.get(tenant).is_none_or(|vouched| vouched.is_wanted(&settings, size, now))
                });
                for (tenant, head) in heads {
                    busy.insert(tenant.clone());
                    let vouched = known.get(&tenant).cloned().unwrap_or_default();
                    working.spawn(round(parts.clone(), tenant, head, vouched));
                }
            }
        }
    }
}

/// Asks everybody who is to be asked about one head.
async fn round(parts: Parts, tenant: TenantId, head: KeptHead, mut vouched: Vouched) -> (TenantId, Vouched) {
    cosign(&parts, &tenant, &head, &mut vouched).await;
    stamp(&parts, &tenant, &head, &mut vouched).await;
    (tenant, vouched)
}

async fn cosign(parts: &Parts, tenant: &TenantId, head: &KeptHead, vouched: &mut Vouched) {
    let mut asking = JoinSet::new();
    for witness in &parts.vouching.witnesses {
        let standing = vouched.standings.entry(witness.verifier.name().to_owned()).or_default();
        if standing.cosigned >= head.size || standing.retry_at.is_some_and(|at| at > Instant::now()) {
            continue;
        }
        let (parts, tenant, head) = (parts.clone(), tenant.clone(), head.clone());
        let (witness, seen) = (witness.clone(), standing.seen);
        asking.spawn(async move {
            let answer = ask(&parts, &witness, &tenant, &head, seen).await;
            (witness, answer)
        });
    }
    let mut gained = false;
    while let Some(Ok((witness, answer))) = asking.join_next().await {
        let name = witness.verifier.name();
        metrics::counter!("atlasmesh_cosignatures_total", "outcome" => answer.outcome()).increment(1);
        let standing = vouched.standings.entry(name.to_owned()).or_default();
        if let Answer::Cosigned { line } = answer {
            *standing = Standing { seen: head.size, cosigned: head.size, ..Standing::default() };
            if vouched.head != Some((head.size, head.root)) {
                vouched.head = Some((head.size, head.root));
                vouched.lines.clear();
            }
            vouched.lines.insert(name.to_owned(), line);
            gained = true;
            continue;
        }
        let pause = match answer.is_lasting() {
            true => PAUSE_MAX,
            false => PAUSE.saturating_mul(1 << standing.failures.min(6)).min(PAUSE_MAX),
        };
        // A witness that was never reached says so once; one that comes back after a failure begins anew.
        if standing.failures == 0 {
            tracing::warn!(%tenant, witness = name, answer = %answer, "a witness did not cosign: it is asked again");
        }
        standing.failures = standing.failures.saturating_add(1);
        standing.retry_at = Some(Instant::now() + pause);
        if let Answer::Refused { .. } = answer {
            standing.seen = 0;
            note_refusal(parts, tenant, &witness, &answer).await;
        }
    }
    if gained {
        keep(parts, tenant, head, vouched).await;
    }
}

/// Keeps the note with all lines over its head, and journals that now and then.
async fn keep(parts: &Parts, tenant: &TenantId, head: &KeptHead, vouched: &Vouched) {
    let note = with_cosignatures(&head.note, vouched.lines.values().map(String::as_str));
    if let Err(error) = keep_cosigned(&*parts.store, tenant, head.size, head.root, &note).await {
        tracing::warn!(%tenant, %error, "a cosigned head is not kept");
    }
    let witnesses = vouched.lines.keys().cloned().collect();
    let cosigned = WitnessCosigned { size: head.size, root: head.root, witnesses };
    if let Err(error) = parts.gateway.tenancy.witnesses_cosigned(tenant, &cosigned).await {
        tracing::warn!(%tenant, %error, "a cosigned head is not journaled");
    }
}

/// A log that does not go on from what a witness saw of it is an alarm, as where a vehicle saw another one.
async fn note_refusal(parts: &Parts, tenant: &TenantId, witness: &WitnessAt, answer: &Answer) {
    let Answer::Refused { reason, .. } = answer else { return };
    let refused = WitnessRefused { witness: witness.verifier.name().into(), reason: (*reason).into() };
    if let Err(error) = parts.gateway.tenancy.witness_refused(tenant, &refused).await {
        tracing::warn!(%tenant, %error, "a witness's refusal is not journaled");
    }
    match difference_seen(parts, witness, tenant, answer).await {
        Ok(Some(alarm)) => {
            if let Err(error) = parts.gateway.raise_log_alarm(tenant, &alarm).await {
                tracing::warn!(%tenant, %error, "an alarm is not journaled");
            }
        }
        Ok(None) => tracing::warn!(%tenant, witness = witness.verifier.name(), "what the witness keeps fits the log"),
        Err(fault) => tracing::warn!(%tenant, error = %fault, "a refusal cannot be compared with the log"),
    }
}

async fn stamp(parts: &Parts, tenant: &TenantId, head: &KeptHead, vouched: &mut Vouched) {
    let Some(authority) = parts.vouching.authority.as_deref() else { return };
    let (now, every_ms) = (parts.source.now(), parts.vouching.timestamps_every_ms);
    if vouched.stamped.is_none() {
        let kept = match newest_cosigned(&*parts.store, tenant).await {
            Ok(kept) => kept,
            Err(fault) => return tracing::warn!(%tenant, error = %fault, "a timestamp must wait"),
        };
        let newest = kept.and_then(|kept| kept.timestamps.into_iter().next());
        vouched.stamped = Some(newest.map_or((0, now), |newest| (newest.size, newest.at.plus_ms(every_ms))));
    }
    if !vouched.is_stamp_due(&parts.vouching, head.size, now) {
        return;
    }
    let lines = vouched.lines.values().map(String::as_str).take_while(|_| vouched.head == Some((head.size, head.root)));
    let note = with_cosignatures(&head.note, lines);
    let stamped = vouched.stamped.map_or(0, |(size, _)| size);
    let outcome = match stamp_note(parts, authority, &note).await {
        Ok((at, der)) => {
            let timestamp = NoteTimestamp { at, note, size: head.size, der };
            if let Err(error) = keep_timestamp(&*parts.store, tenant, head.root, timestamp).await {
                tracing::warn!(%tenant, %error, "a timestamp is not kept");
            }
            vouched.stamped = Some((head.size, now.plus_ms(every_ms)));
            "granted"
        }
        Err(error) => {
            tracing::warn!(%tenant, error = format!("{error:#}"), "no timestamp: the authority is asked again");
            vouched.stamped = Some((stamped, now.plus_ms(AUTHORITY_PAUSE_MS.min(every_ms))));
            "failed"
        }
    };
    metrics::counter!("atlasmesh_timestamps_total", "outcome" => outcome).increment(1);
}

/// When an authority says that a note existed, and its reply in base 64.
async fn stamp_note(parts: &Parts, authority: &str, note: &str) -> anyhow::Result<(Timestamp, String)> {
    let digest = Hash::of_bytes(note.as_bytes());
    let nonce = parts.source.entropy() as u64;
    let query = timestamp::request(digest.as_bytes(), nonce);
    let message = Message::post(authority, timestamp::QUERY_TYPE, query);
    let answer = parts.outside.send(message, timestamp::REPLY_BYTES_MAX, AUTHORITY_LIMIT).await?;
    anyhow::ensure!(answer.status().is_success(), "the authority answered {}", answer.status().as_u16());
    let at = timestamp::read(answer.body(), digest.as_bytes(), nonce)?;
    Ok((at, STANDARD.encode(answer.body())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_witness_is_typed_with_its_key_and_its_address() {
        let key = keys::VerifyingKey::from_bytes([7; 32]);
        let verifier = WitnessVerifier::new("witness.example/w1", key).unwrap();
        let typed = format!("{}@http://127.0.0.1:8090/", verifier.vkey());
        let parsed: WitnessAt = typed.parse().unwrap();
        assert_eq!(parsed, WitnessAt { verifier, url: "http://127.0.0.1:8090".into() });
        for wrong in ["", "http://127.0.0.1:8090", "w1+00000000+AAAA@http://127.0.0.1", &typed.replace("http", "ftp")] {
            assert!(wrong.parse::<WitnessAt>().is_err(), "{wrong}");
        }
    }
}

//! The journal for those who want to check: entries, the signed head, proofs, verification.

use std::sync::Arc;
use std::time::Duration;

use api_types::journal::{EntriesFrom, Entry, Head, Receipt, VerificationOrder};
use api_types::{List, WaitMs, Within};
use axum::Json;
use axum::extract::State;
use axum::handler::Handler;
use axum::http::{HeaderName, StatusCode, header};
use kernel::{Code, EventId, Reject, Subject, TenantId};
use tenancy::MAY_READ_JOURNAL;

use super::auth::Caller;
use super::endpoint::{self, Endpoint};
use super::extract::{Body, Id, Parameters};
use super::problem::Problem;
use crate::Gateway;
use crate::tail::Line;
use crate::verifications::{Verification, VerificationId};

/// What can be asked here.
pub const ENDPOINTS: &[Endpoint] = &[
    Endpoint {
        summary: "Entries of the journal; waits up to `wait_ms`, at most 30000, for the first",
        query: endpoint::takes::<EntriesFrom>(),
        answer: endpoint::list::<Entry, u64>(),
        handle: |request, gateway| Handler::call(list, request, gateway),
        ..endpoint::get("/v1/journal", MAY_READ_JOURNAL)
    },
    Endpoint {
        summary: "The signed head of the journal",
        answer: endpoint::json::<Head>(),
        handle: |request, gateway| Handler::call(head, request, gateway),
        ..endpoint::get("/v1/journal/head", MAY_READ_JOURNAL)
    },
    Endpoint {
        summary: "The proof that an event is in the journal",
        answer: endpoint::json::<Receipt>(),
        handle: |request, gateway| Handler::call(prove, request, gateway),
        ..endpoint::get("/v1/journal/{event}/proof", MAY_READ_JOURNAL)
    },
    Endpoint {
        summary: "Begin to verify the journal, with `replay` also every row against it; the one under way is answered where there is one",
        body: endpoint::takes::<VerificationOrder>(),
        status: 202,
        answer: endpoint::json::<Verification>(),
        handle: |request, gateway| Handler::call(verify, request, gateway),
        ..endpoint::post("/v1/journal/verify", MAY_READ_JOURNAL)
    },
    Endpoint {
        summary: "How far a verification is, and what it found",
        answer: endpoint::json::<Verification>(),
        handle: |request, gateway| Handler::call(verification, request, gateway),
        ..endpoint::get("/v1/journal/verify/{verification}", MAY_READ_JOURNAL)
    },
];

/// Entries of one answer where the caller says nothing.
const ENTRIES_DEFAULT: usize = 100;

/// How long to wait, where the caller wants that.
pub fn wait(wait_ms: Option<WaitMs>) -> Option<Duration> {
    wait_ms.filter(|Within(ms)| *ms > 0).map(|Within(ms)| Duration::from_millis(ms))
}

/// `GET /v1/journal`
pub async fn list(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Parameters(page): Parameters<EntriesFrom>,
) -> Result<Json<List<Entry, u64>>, Problem> {
    let tenant = &caller.authenticated.tenant;
    let (from, limit) =
        (page.from.map_or(0, |Within(from)| from), page.limit.map_or(ENTRIES_DEFAULT, Within::as_usize));
    let entries = match &page.about {
        None => {
            let entries = gateway.store.entries(tenant, from, limit).await?;
            match wait(page.wait_ms) {
                Some(wait) if entries.is_empty() => {
                    gateway.wait_for_entry(tenant, from, wait, |_| true).await?;
                    gateway.store.entries(tenant, from, limit).await?
                }
                _ => entries,
            }
        }
        Some(about) => {
            let subject = Subject::parse(about).filter(|_| about.bytes().all(|byte| byte.is_ascii_graphic()));
            let wrong = || Reject::invalid_field("/query/about", "must be kind/id, e.g. vehicle/veh_…");
            gateway.store.timeline(tenant, &subject.ok_or_else(wrong)?, from, limit).await?
        }
    };
    // Of a subject a page goes on behind a place of its chain, which has no gaps.
    let next = match &page.about {
        Some(_) => (!entries.is_empty()).then(|| from + entries.len() as u64),
        None => entries.last().map(|entry| entry.index + 1),
    };
    Ok(Json(List { next, ..List::whole(entries) }))
}

/// `GET /v1/journal/head`
pub async fn head(State(gateway): State<Arc<Gateway>>, caller: Caller) -> Result<Json<Head>, Problem> {
    let tenant = &caller.authenticated.tenant;
    let head = gateway.head_of(tenant).await?;
    Ok(Json(Head::of(head, gateway.note_verifier(tenant).vkey())))
}

/// `GET /v1/journal/{event}/proof`
pub async fn prove(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(event): Id<EventId>,
) -> Result<Json<Receipt>, Problem> {
    Ok(Json(gateway.receipt(&caller.authenticated.tenant, event).await?.into()))
}

/// `POST /v1/journal/verify`
pub async fn verify(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    body: Body<VerificationOrder>,
) -> (StatusCode, [(HeaderName, String); 1], Json<Verification>) {
    let begun = gateway.begin_verification(&caller.authenticated.tenant, body.value.replay);
    let location = format!("/v1/journal/verify/{}", begun.id);
    (StatusCode::ACCEPTED, [(header::LOCATION, location)], Json(begun))
}

/// `GET /v1/journal/verify/{verification}`
pub async fn verification(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<VerificationId>,
) -> Result<Json<Verification>, Problem> {
    let unknown = || {
        let text =
            format!("there is no verification {id}: only the newest are kept, until the server ends; begin another");
        Problem::new(Code::NotFound, text)
    };
    gateway.verifications.of(&caller.authenticated.tenant, id).map(Json).ok_or_else(unknown)
}

impl Gateway {
    /// Returns once the log has an entry from `from` on that concerns somebody, or after `wait`; whether it has. Who
    /// waits has a stream meanwhile: it ends with the others, and counts among those that its tenant may have.
    pub async fn wait_for_entry(
        &self,
        tenant: &TenantId,
        from: u64,
        wait: Duration,
        concerns: impl Fn(&Line) -> bool,
    ) -> Result<bool, Problem> {
        let slot = self.streams.open(tenant)?;
        let tail = self.tails.of(&self.store, tenant);
        let (mut from, mut news) = (from, tail.news());
        let found = async {
            loop {
                news.mark_unchanged();
                let page = tail.page(&*self.store, from).await?;
                if page.lines.iter().any(|line| concerns(line)) {
                    return Ok(true);
                }
                match page.lines.last() {
                    Some(last) => from = last.index + 1,
                    // Its sender lives as long as the tail.
                    None => drop(news.changed().await),
                }
            }
        };
        tokio::select! {
            biased;
            () = slot.stopped() => Ok(false),
            // Nothing new within the time is an empty page, not an error.
            found = tokio::time::timeout(wait, found) => found.unwrap_or(Ok(false)),
        }
    }
}

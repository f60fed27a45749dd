//! The one way in which a command changes anything: gather facts, load, decide, fold, commit. A conflict discards the
//! attempt and gathers again; a decision of policy is journaled whatever the reply.

use std::future::Future;
use std::sync::Arc;

use kernel::decided::Facts;
use kernel::envelope::{DecisionRecord, NewEvent, RetentionClass};
use kernel::id::RequestId;
use kernel::{Aggregate, Code, Ctx, Decided, DomainEvent, EventMeta, FieldError, Reject, Subject, TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::decision_dedup::{self, RepeatedDecision};
use crate::port::{Commit, CommitError, Fault, Guard, ListQuery, PAGE_LIMIT_MAX, Receipt, Store};
use crate::table::{Expected, Row, RowBody, RowWrite, TableSpec};

/// How often a command is tried when others keep changing its aggregate. Conflicts need another commit each, so this
/// many in a row mean a fault of the caller, not bad luck.
pub const ATTEMPTS_MAX: usize = 16;

/// Replies that were given under an idempotency key.
pub const IDEMPOTENCY: TableSpec = TableSpec::machinery("idempotency", &[]);

/// Why a command was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The domain refuses.
    #[error(transparent)]
    Reject(#[from] Reject),
    /// The infrastructure failed; nothing acknowledged was lost.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// The worker's lease went to another; the command is the other's now.
    #[error("the lease {0} is held by another")]
    Fenced(String),
}

/// A client's key for doing a thing once, with the digest of the request that it stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idempotency {
    /// Principal and key, as one text.
    pub key: String,
    /// Digest of the request.
    pub request: String,
}

/// What is remembered under an idempotency key: the request's digest and the stream that answers it, or the refusal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RememberedReply {
    /// Digest of the request.
    pub request: String,
    /// The aggregate that the command created or changed, as its key.
    pub key: String,
    /// The refusal, if it was one: code, message, decision.
    pub refused: Option<RememberedRefusal>,
    /// When it was remembered.
    pub at: Timestamp,
}

/// A refusal that was remembered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RememberedRefusal {
    /// The stable code.
    pub code: String,
    /// The sentence.
    pub message: String,
    /// The fields that are wrong, if any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldError>,
    /// The policy decision behind it.
    pub decision: Option<Value>,
}

/// What goes into a command's transaction besides its aggregate.
#[derive(Debug, Clone, Default)]
pub struct Extras {
    /// The lease under which a worker acts.
    pub guard: Option<Guard>,
    /// Rows of machinery or observation that must change together with the aggregate.
    pub rows: Vec<RowWrite>,
    /// How long the events must be kept, where it is not the everyday class.
    pub retention: Option<RetentionClass>,
}

/// What a command did.
#[derive(Debug)]
pub struct Outcome<A, R> {
    /// The domain's answer.
    pub reply: R,
    /// The aggregate afterwards.
    pub state: Option<A>,
    /// The entries, if there were any.
    pub receipt: Option<Receipt>,
}

/// What a command that is done once came to.
#[derive(Debug)]
pub enum Once<T> {
    /// It was carried out now.
    Now(T),
    /// The same request was carried out before, under the same key: the aggregate that it created or changed.
    Before {
        /// The aggregate's key.
        key: String,
    },
}

/// An aggregate with the version of its row.
#[derive(Debug, Clone)]
pub struct Loaded<A> {
    /// The state.
    pub state: A,
    /// The row's version.
    pub version: u64,
}

/// Loads an aggregate.
pub async fn load<A: Aggregate>(store: &dyn Store, tenant: &TenantId, id: &A::Id) -> Result<Option<Loaded<A>>, Fault> {
    let row = store.get(TableSpec::of::<A>(), tenant, &id.to_string()).await?;
    row.map(|row: Row| Ok(Loaded { state: row.decode()?, version: row.version })).transpose()
}

/// Every row that a query finds, read page by page from the store. A page is one look at the table, the whole is not: a row
/// whose columns change meanwhile may be met twice or not at all.
///
/// # Errors
/// A fault of the store.
pub async fn list_all(
    store: &dyn Store,
    table: TableSpec,
    tenant: &TenantId,
    mut query: ListQuery,
) -> Result<Vec<Row>, Fault> {
    query.limit = query.limit.min(PAGE_LIMIT_MAX);
    let mut all = Vec::new();
    loop {
        let page = store.list(table, tenant, query.clone()).await?;
        let next = page.last().filter(|_| page.len() == query.limit).map(|row| row.key.clone());
        all.extend(page);
        if next.is_none() {
            return Ok(all);
        }
        query.after = next;
    }
}

/// A page of aggregates, as many as one page may have.
///
/// # Errors
/// Any fault of the store; a row that cannot be read is one.
pub async fn load_page<A: Aggregate>(store: &dyn Store, tenant: &TenantId, query: ListQuery) -> Result<Vec<A>, Fault> {
    let query = ListQuery { limit: query.limit.min(PAGE_LIMIT_MAX), ..query };
    store.list(TableSpec::of::<A>(), tenant, query).await?.iter().map(Row::decode).collect()
}

/// The stream of an aggregate.
pub fn stream_of<A: Aggregate>(id: &A::Id) -> Subject {
    Subject::new(A::KIND, id)
}

/// Carries out one command on the aggregate `id`.
///
/// `gather` reads whatever the decision needs, given the state as loaded; `decide` is pure. Both run again after a
/// conflict.
///
/// # Errors
/// [`CommandError::Reject`] with the domain's refusal (its policy decision is journaled all the same), or with
/// `PRECONDITION_FAILED` where the context names another version than the aggregate has,
/// [`CommandError::Fault`] when the infrastructure failed, [`CommandError::Fenced`] when a worker lost its lease.
pub async fn execute<A, F, R, G, Gathering, D>(
    store: &dyn Store,
    ctx: &Ctx,
    id: &A::Id,
    extras: Extras,
    gather: G,
    decide: D,
) -> Result<Outcome<A, R>, CommandError>
where
    A: Aggregate,
    F: Facts,
    R: Send,
    G: Fn(Option<Arc<A>>) -> Gathering + Send + Sync,
    Gathering: Future<Output = Result<F, CommandError>> + Send,
    D: Fn(Option<&A>, &F) -> Decided<A::Event, R> + Send + Sync,
{
    let command = Command { store, ctx, id, extras, key: None, gather, decide };
    for _ in 0..ATTEMPTS_MAX {
        match command.attempt().await {
            Err(AttemptError::Conflict) => tracing::debug!(stream = %stream_of::<A>(id), "conflict, gathering again"),
            Err(AttemptError::Command(error)) => return Err(error),
            Ok(outcome) => return Ok(outcome),
        }
    }
    Err(CommandError::Fault(Fault::Overloaded))
}

/// Carries out one command whose decision needs nothing but the aggregate's state.
///
/// # Errors
/// Those of [`execute`].
pub async fn execute_plain<A: Aggregate, R: Send>(
    store: &dyn Store,
    ctx: &Ctx,
    id: &A::Id,
    extras: Extras,
    decide: impl Fn(Option<&A>) -> Decided<A::Event, R> + Send + Sync,
) -> Result<Outcome<A, R>, CommandError> {
    execute(store, ctx, id, extras, |_| async { Ok(()) }, |state, ()| decide(state)).await
}

/// Carries out one command on the aggregate `id` once for a client's key, whoever else asks under it meanwhile: its
/// reply is remembered with what it changes, and given again to the same request. Without a key it is carried out as
/// [`execute`] does. What `gather` refuses was not decided and is not remembered: a request that was wrong is mended under
/// its key.
///
/// # Errors
/// Those of [`execute`]; the same refusal where the same request was refused before; `CONFLICT` where the key stands for
/// another request.
pub async fn execute_once<A, F, R, G, Gathering, D>(
    store: &dyn Store,
    ctx: &Ctx,
    id: &A::Id,
    key: Option<Idempotency>,
    extras: Extras,
    gather: G,
    decide: D,
) -> Result<Once<Outcome<A, R>>, CommandError>
where
    A: Aggregate,
    F: Facts,
    R: Send,
    G: Fn(Option<Arc<A>>) -> Gathering + Send + Sync,
    Gathering: Future<Output = Result<F, CommandError>> + Send,
    D: Fn(Option<&A>, &F) -> Decided<A::Event, R> + Send + Sync,
{
    let command = Command { store, ctx, id, extras, key, gather, decide };
    for _ in 0..ATTEMPTS_MAX {
        if let Some(key) = &command.key
            && let Some(key) = recall(store, &ctx.tenant, key).await?
        {
            return Ok(Once::Before { key });
        }
        match command.attempt().await {
            // Another may have asked under the same key: look again.
            Err(AttemptError::Conflict) => tracing::debug!(stream = %stream_of::<A>(id), "conflict, gathering again"),
            Err(AttemptError::Command(error)) => return Err(error),
            Ok(outcome) => return Ok(Once::Now(outcome)),
        }
    }
    Err(CommandError::Fault(Fault::Overloaded))
}

/// A command with everything that an attempt at it needs.
struct Command<'a, A: Aggregate, G, D> {
    store: &'a dyn Store,
    ctx: &'a Ctx,
    id: &'a A::Id,
    extras: Extras,
    key: Option<Idempotency>,
    gather: G,
    decide: D,
}

impl<A: Aggregate, G, D> Command<'_, A, G, D> {
    async fn attempt<F, R, Gathering>(&self) -> Result<Outcome<A, R>, AttemptError>
    where
        F: Facts,
        R: Send,
        G: Fn(Option<Arc<A>>) -> Gathering + Send + Sync,
        Gathering: Future<Output = Result<F, CommandError>> + Send,
        D: Fn(Option<&A>, &F) -> Decided<A::Event, R> + Send + Sync,
    {
        let &Self { store, ctx, id, ref extras, ref key, ref gather, ref decide } = self;
        let loaded = load::<A>(store, &ctx.tenant, id).await?;
        let version = loaded.as_ref().map(|loaded| loaded.version);
        if ctx.if_version.is_some() && ctx.if_version != version {
            let text = "it has another version than the one named: read it again";
            return Err(AttemptError::Command(Reject::new(Code::PreconditionFailed, text).into()));
        }
        let state = loaded.map(|loaded| Arc::new(loaded.state));
        let facts = gather(state.clone()).await.map_err(AttemptError::Command)?;
        let decided = decide(state.as_deref(), &facts);
        let attempt = Attempt {
            ctx,
            id,
            version,
            state: state.as_deref(),
            extras,
            key: key.as_ref(),
            decisions: facts.decisions(),
            deciding: facts.deciding(),
        };
        attempt.commit(store, decided).await
    }
}

enum AttemptError {
    Conflict,
    Command(CommandError),
}

impl From<Fault> for AttemptError {
    fn from(fault: Fault) -> Self {
        Self::Command(CommandError::Fault(fault))
    }
}

impl From<CommitError> for AttemptError {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Conflict { .. } => Self::Conflict,
            CommitError::Fenced(lease) => Self::Command(CommandError::Fenced(lease)),
            CommitError::Fault(fault) => fault.into(),
        }
    }
}

struct Attempt<'a, A: Aggregate> {
    ctx: &'a Ctx,
    id: &'a A::Id,
    version: Option<u64>,
    state: Option<&'a A>,
    extras: &'a Extras,
    key: Option<&'a Idempotency>,
    decisions: &'a [DecisionRecord],
    deciding: Option<&'a DecisionRecord>,
}

impl<A: Aggregate> Attempt<'_, A> {
    async fn commit<R>(self, store: &dyn Store, decided: Decided<A::Event, R>) -> Result<Outcome<A, R>, AttemptError> {
        let Decided { events, reply } = decided;
        let repeats = match events.is_empty() {
            true => decision_dedup::look_up(store, self.ctx, self.decisions, self.state.is_some()).await?,
            false => Vec::new(),
        };
        let unchanged = events.is_empty() && repeats.iter().all(RepeatedDecision::is_recent);
        let reply = match unchanged {
            true => reply.map_err(|reject| decision_dedup::as_journaled(reject, &repeats)),
            false => reply,
        };
        let outcome = if unchanged {
            let remembered = self.remembered(reply.as_ref().err())?;
            decision_dedup::count(store, self.ctx, &repeats, remembered).await?;
            Outcome { reply: (), state: self.state.cloned(), receipt: None }
        } else {
            let (commit, state) = self.transaction(&events, reply.as_ref().err(), &repeats)?;
            Outcome { reply: (), state, receipt: Some(store.commit(commit).await?) }
        };
        match reply {
            Ok(reply) => Ok(Outcome { reply, state: outcome.state, receipt: outcome.receipt }),
            Err(reject) => Err(AttemptError::Command(reject.into())),
        }
    }

    fn transaction(
        &self,
        events: &[A::Event],
        reject: Option<&Reject>,
        repeats: &[RepeatedDecision],
    ) -> Result<(Commit, Option<A>), Fault> {
        let ctx = self.ctx;
        let is_about_nothing = self.state.is_none() && events.is_empty();
        let stream = match is_about_nothing {
            true => Subject::new("request", ctx.new_id::<RequestId>()),
            false => stream_of::<A>(self.id),
        };
        let retention = self.extras.retention.unwrap_or(RetentionClass::Operational);
        let mut journal: Vec<NewEvent> =
            self.decisions.iter().map(|decision| decision.to_event(ctx, stream.clone()).retention(retention)).collect();
        let meta = EventMeta { recorded_at: ctx.now };
        let mut state = self.state.cloned();
        for event in events {
            state = A::evolve(state, event, &meta);
            let entry = NewEvent::new(ctx, stream.clone(), event.event_type(), event.version(), event.body())
                .about(A::about(event, state.as_ref()))
                .motion(A::motion(event, state.as_ref()))
                .retention(retention);
            journal.push(match self.deciding {
                Some(decision) => entry.decided_by(decision),
                None => entry,
            });
        }
        let rows = if events.is_empty() { Vec::new() } else { self.state_rows(state.as_ref())? };
        // What must change together with the aggregate stays where it is when a denied command journals its decision.
        let mut machinery = if events.is_empty() { Vec::new() } else { self.extras.rows.clone() };
        machinery.extend(self.remembered(reject)?);
        for repeat in repeats {
            machinery.push(repeat.restarted(ctx.now)?);
        }
        let commit = Commit::new(ctx.tenant.clone(), rows, journal)?
            .with_machinery(machinery)?
            .with_guard(self.extras.guard.clone());
        Ok((commit, state))
    }

    fn state_rows(&self, state: Option<&A>) -> Result<Vec<RowWrite>, Fault> {
        let table = TableSpec::of::<A>();
        let expected = self.version.map_or(Expected::Absent, Expected::Version);
        Ok(match state {
            Some(state) => vec![RowWrite::put(table, self.id.to_string(), expected, RowBody::of(state)?)],
            None => Vec::new(),
        })
    }

    fn remembered(&self, reject: Option<&Reject>) -> Result<Option<RowWrite>, Fault> {
        let Some(idempotency) = self.key else { return Ok(None) };
        let reply = RememberedReply {
            request: idempotency.request.clone(),
            key: self.id.to_string(),
            refused: reject.map(|reject| RememberedRefusal {
                code: reject.code.as_str().into(),
                message: reject.message.clone(),
                fields: reject.fields.clone(),
                decision: reject.decision.as_deref().cloned(),
            }),
            at: self.ctx.now,
        };
        let body = RowBody::new(&reply, Vec::new())?;
        Ok(Some(RowWrite::put(IDEMPOTENCY, idempotency.key.clone(), Expected::Absent, body)))
    }
}

/// What was answered under an idempotency key: the key of the aggregate, if the same request was accepted before.
///
/// # Errors
/// The refusal, if the same request was refused before; `CONFLICT` if the key stands for another request.
async fn recall(
    store: &dyn Store,
    tenant: &TenantId,
    idempotency: &Idempotency,
) -> Result<Option<String>, CommandError> {
    let Some(row) = store.get(IDEMPOTENCY, tenant, &idempotency.key).await? else { return Ok(None) };
    let reply: RememberedReply = row.decode()?;
    if reply.request != idempotency.request {
        let message = "this idempotency key was used for another request: use a new key";
        return Err(Reject::new(Code::Conflict, message).into());
    }
    match reply.refused {
        None => Ok(Some(reply.key)),
        Some(refused) => {
            let code = Code::ALL.iter().copied().find(|code| code.as_str() == refused.code).unwrap_or(Code::Conflict);
            let reject = Reject { fields: refused.fields, ..Reject::new(code, refused.message) };
            Err(refused.decision.map_or(reject.clone(), |decision| reject.with_decision(decision)).into())
        }
    }
}

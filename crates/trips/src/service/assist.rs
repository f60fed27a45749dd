//! Requests for assistance (TRIP-13): opened when a trip's vehicle says that it needs a person, answered by one person at
//! a time, closed when the trip goes on, strands or ends.

use std::sync::Arc;

use kernel::envelope::RetentionClass;
use kernel::id::{AssistId, PrincipalId, TypedId};
use kernel::{Aggregate, BoxFuture, Code, Coordinate, Ctx, DomainEvent, Envelope, Reject, TenantId, TripId};
use serde::{Deserialize, Serialize};
use store::due::DueHandler;
use store::port::PAGE_LIMIT_MAX;
use store::subscribe::Subscriber;
use store::{
    CommandError, Expected, Extras, Fault, Guard, ListQuery, Order, RowBody, RowWrite, TableSpec, execute, load,
    load_page,
};

use super::reroute::safety;
use super::resume::Prepared;
use super::story::STORY_ENTRIES_MAX;
use super::subscribers::settle;
use super::{Gathered, RouteVersion, TripFilter, Trips, no_such_trip};
use crate::assistance::decide::{Under, Wish};
use crate::assistance::events::{AssistAnswered, AssistAsked};
use crate::assistance::{Answer, AssistEvent, Assistance, Command, decide, events};
use crate::trip::events::TripAssistNeeded;
use crate::trip::{self, Status, Trip, TripEvent};

/// What vehicles show to whoever helps them, by SHA-256 of the bytes.
pub const ASSIST_SNAPSHOTS: TableSpec = TableSpec::observations("assist_snapshots", &[]);

/// A picture or text of a vehicle, as its row holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Media type (RFC 6838).
    pub media_type: String,
    /// The bytes, base64 (RFC 4648, 4).
    pub base64: String,
}

/// Which requests to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// Those that need somebody.
    Open,
    /// All.
    All,
}

/// A person's answer as it was asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct AnswerWish {
    /// The lease under which it is given.
    pub lease: u64,
    /// Which.
    pub answer: Answer,
    /// Why.
    pub reason: String,
    /// With `choose_path`: places that the way leads by, in order.
    pub via: Vec<Coordinate>,
}

impl Trips {
    /// A request, if the tenant has it.
    ///
    /// # Errors
    /// [`CommandError::Fault`] when the store cannot answer.
    pub async fn assistance(&self, tenant: &TenantId, id: AssistId) -> Result<Option<Assistance>, CommandError> {
        Ok(load::<Assistance>(&*self.store, tenant, &id).await?.map(|loaded| loaded.state))
    }

    /// A page of requests, newest first, behind `after`.
    ///
    /// # Errors
    /// [`CommandError::Fault`] when the store cannot answer.
    pub async fn assistances(
        &self,
        tenant: &TenantId,
        which: Which,
        after: Option<AssistId>,
        limit: usize,
    ) -> Result<Vec<Assistance>, CommandError> {
        if which == Which::Open && after.is_none() {
            self.ask_what_is_due(tenant).await?;
        }
        let filters = match which {
            Which::Open => vec![("open", "yes".to_owned())],
            Which::All => Vec::new(),
        };
        let after = after.map(|id| id.to_string());
        let query = ListQuery { filters, after, order: Order::Descending, limit };
        Ok(load_page(&*self.store, tenant, query).await?)
    }

    /// What a vehicle showed, by its digest.
    ///
    /// # Errors
    /// [`CommandError::Fault`] when the store cannot answer.
    pub async fn snapshot(&self, tenant: &TenantId, sha256: &str) -> Result<Option<Snapshot>, CommandError> {
        let row = self.store.get(ASSIST_SNAPSHOTS, tenant, sha256).await?;
        Ok(row.map(|row| row.decode()).transpose()?)
    }

    /// Takes a request for one person, or renews the lease that it has.
    ///
    /// # Errors
    /// `NOT_FOUND`; `CONFLICT` while another person has it; `ILLEGAL_TRANSITION` when it needs nobody any more.
    pub async fn take_assistance(&self, ctx: &Ctx, id: AssistId) -> Result<Assistance, CommandError> {
        self.assist(ctx, id, &Command::Take(person(ctx)?), Extras::default()).await
    }

    /// Gives a request back.
    ///
    /// # Errors
    /// `NOT_FOUND`; `CONFLICT` when the lease is not the caller's, or the vehicle has not spoken to the last answer;
    /// `ILLEGAL_TRANSITION`.
    pub async fn hand_back_assistance(&self, ctx: &Ctx, id: AssistId, lease: u64) -> Result<Assistance, CommandError> {
        let under = Under { by: person(ctx)?, lease };
        self.assist(ctx, id, &Command::HandBack(under), Extras::default()).await
    }

    /// Answers a request. Policy is asked where the vehicle goes on by it; every other answer leaves it standing.
    ///
    /// # Errors
    /// `NOT_FOUND`; `CONFLICT` without the lease, or while the vehicle has not spoken to the last answer;
    /// `ILLEGAL_TRANSITION`; `POLICY_VIOLATION`; `VEHICLE_UNAVAILABLE`; `UNROUTABLE` where no way leads on.
    pub async fn answer_assistance(
        &self,
        ctx: &Ctx,
        id: AssistId,
        wish: &AnswerWish,
    ) -> Result<Assistance, CommandError> {
        let under = Under { by: person(ctx)?, lease: wish.lease };
        let known = self.assistance(&ctx.tenant, id).await?.ok_or_else(no_such_request)?;
        // Whoever may not answer is told so before anything is searched for.
        let plain = |order| Wish { under, answer: wish.answer, reason: wish.reason.clone(), order };
        let dry = Command::Answer(Box::new(plain(None)));
        decide(id, Some(&known), &dry, ctx.now).reply.map_err(CommandError::Reject)?;
        if !wish.answer.moves() {
            return self.assist(ctx, id, &dry, safety()).await;
        }
        let trip = self.get(&ctx.tenant, known.trip).await?.ok_or_else(no_such_trip)?;
        let Prepared { decision, allowed, way, clears } = self.prepare_resume(ctx, &trip, &wish.via).await?;
        let rows = way.as_ref().map(RouteVersion::row).transpose()?.into_iter().collect();
        let route = way.map(|way| way.summary);
        let order = allowed.map(|decision| events::Order { decision, route, clears });
        let command = &Command::Answer(Box::new(plain(Some(order))));
        let decisions = &vec![decision];
        let gather = |_| async move { Ok::<_, CommandError>(Gathered::of(command.clone(), decisions.clone())) };
        self.execute_assist(ctx, id, Extras { rows, ..safety() }, gather).await
    }

    /// Takes what a vehicle said to an answer.
    ///
    /// # Errors
    /// [`CommandError::Fault`] when the store cannot answer.
    pub async fn assistance_spoken(
        &self,
        ctx: &Ctx,
        id: AssistId,
        answer: Answer,
        refused: Option<(String, String)>,
    ) -> Result<(), CommandError> {
        self.assist(ctx, id, &Command::Spoken { answer, refused }, safety()).await.map(drop)
    }

    async fn assist(
        &self,
        ctx: &Ctx,
        id: AssistId,
        command: &Command,
        extras: Extras,
    ) -> Result<Assistance, CommandError> {
        let gather = |_| async move { Ok::<_, CommandError>(Gathered::of(command.clone(), [])) };
        self.execute_assist(ctx, id, extras, gather).await
    }

    async fn execute_assist<G, Gathering>(
        &self,
        ctx: &Ctx,
        id: AssistId,
        extras: Extras,
        gather: G,
    ) -> Result<Assistance, CommandError>
    where
        G: Fn(Option<Arc<Assistance>>) -> Gathering + Send + Sync,
        Gathering: Future<Output = Result<Gathered<Command>, CommandError>> + Send,
    {
        let rules =
            |state: Option<&Assistance>, gathered: &Gathered<Command>| decide(id, state, &gathered.what, ctx.now);
        execute(&*self.store, ctx, &id, extras, gather, rules).await?.state.ok_or_else(no_such_request)
    }

    /// The requests of a trip that need somebody.
    async fn open_of(&self, tenant: &TenantId, trip: TripId) -> Result<Vec<Assistance>, CommandError> {
        let filters = vec![("open", "yes".to_owned()), ("trip", trip.to_string())];
        let query = ListQuery { filters, limit: PAGE_LIMIT_MAX, ..ListQuery::all() };
        Ok(load_page(&*self.store, tenant, query).await?)
    }
}

fn no_such_request() -> CommandError {
    Reject::new(Code::NotFound, "there is no such request for assistance").into()
}

fn person(ctx: &Ctx) -> Result<PrincipalId, CommandError> {
    let message = "a request for assistance is answered by a principal of the tenant";
    ctx.actor.id.parse().map_err(|_| Reject::new(Code::Forbidden, message).into())
}

/// The row of what a vehicle shows. The same bytes are one row.
pub(crate) fn snapshot_row(sha256: &str, snapshot: &Snapshot) -> Result<RowWrite, Fault> {
    let body = RowBody::new(snapshot, Vec::new())?;
    Ok(RowWrite::put(ASSIST_SNAPSHOTS, sha256, Expected::Any, body))
}

/// Opens and closes requests as their trips stand and go on, and carries answers out.
pub(crate) struct AssistWatcher(pub(crate) Arc<Trips>);

impl Subscriber for AssistWatcher {
    fn name(&self) -> &'static str {
        "trips.assistance"
    }

    fn handle<'a>(&'a self, _index: u64, event: &'a Envelope) -> BoxFuture<'a, Result<Vec<RowWrite>, Fault>> {
        Box::pin(async move {
            let done = match event.stream.kind() {
                Trip::KIND => self.0.assist_after_trip(event).await,
                Assistance::KIND => self.0.carry_out_answer(event).await,
                _ => Ok(()),
            };
            settle("what follows for assistance", done)?;
            Ok(Vec::new())
        })
    }
}

impl Trips {
    async fn assist_after_trip(&self, event: &Envelope) -> Result<(), CommandError> {
        let (Ok(trip), Ok(body)) =
            (event.stream.id().parse(), TripEvent::decode(&event.r#type, event.version, &event.body))
        else {
            return Ok(());
        };
        let refused = |code: &String, reason: &String| Some((code.clone(), reason.clone()));
        match &body {
            TripEvent::AssistNeeded(needed) => self.ask_person(event, trip, needed).await,
            TripEvent::Resumed(_) => self.close(event, trip, "RESUMED", "the vehicle goes on").await,
            TripEvent::Stranded(body) => self.close(event, trip, "STRANDED", &body.reason).await,
            TripEvent::Unassigned(body) => self.close(event, trip, "LEFT", &body.reason).await,
            TripEvent::Cancelled(body) => self.close(event, trip, "ENDED", &body.reason).await,
            TripEvent::Failed(body) => self.close(event, trip, "ENDED", &body.reason).await,
            TripEvent::Completed(_) => self.close(event, trip, "ENDED", "the trip is done").await,
            TripEvent::ResumeTaken(_) => self.spoken(event, trip, None).await,
            TripEvent::ResumeRefused(body) if body.assist.is_some() => {
                self.spoken(event, trip, refused(&body.code, &body.reason)).await
            }
            _ => Ok(()),
        }
    }

    /// Opens the requests that the subscriber has not come to yet: who sees a trip wait for a person finds its request.
    async fn ask_what_is_due(&self, tenant: &TenantId) -> Result<(), CommandError> {
        let waiting = TripFilter { status: Some(Status::AwaitingAssist), site: None, vehicle: None };
        let mut trips: Vec<TripId> = Vec::new();
        self.each_trip(tenant, waiting.query(), |trip| trips.push(trip.id)).await?;
        for trip in trips {
            if !self.open_of(tenant, trip).await?.is_empty() {
                continue;
            }
            let events = self.timeline(tenant, trip, 0, STORY_ENTRIES_MAX).await?;
            for (_, event) in events.iter().rev() {
                if let Ok(TripEvent::AssistNeeded(needed)) =
                    TripEvent::decode(&event.r#type, event.version, &event.body)
                {
                    settle("a request for assistance", self.ask_person(event, trip, &needed).await)?;
                    break;
                }
            }
        }
        Ok(())
    }

    /// The event that tells of the need names the request, so that the same need asks once.
    async fn ask_person(&self, event: &Envelope, trip: TripId, needed: &TripAssistNeeded) -> Result<(), CommandError> {
        let Some(known) = self.get(&event.tenant, trip).await? else { return Ok(()) };
        let claim_epoch = needed.report.claim_epoch;
        let still = known.assignment.as_ref().filter(|held| held.claim_epoch == claim_epoch);
        let (Some(assignment), true) = (still, self.open_of(&event.tenant, trip).await?.is_empty()) else {
            return Ok(());
        };
        let id = AssistId::from_u128(event.id.as_u128());
        let asked = AssistAsked {
            assist: id,
            trip,
            vehicle: assignment.vehicle,
            claim_epoch,
            site: known.site.clone(),
            kind: needed.kind.clone(),
            at: needed.report.at,
            occupied: needed.report.occupied,
            snapshot: needed.snapshot.clone(),
        };
        let ctx = self.consequence(event, "trip.assist").await?;
        self.assist(&ctx, id, &Command::Ask(Box::new(asked)), safety()).await.map(drop)
    }

    async fn close(
        &self,
        event: &Envelope,
        trip: TripId,
        code: &'static str,
        reason: &str,
    ) -> Result<(), CommandError> {
        for open in self.open_of(&event.tenant, trip).await? {
            let ctx = self.consequence(event, "trip.assist").await?;
            self.assist(&ctx, open.id, &Command::Close { code, reason: reason.into() }, safety()).await?;
        }
        Ok(())
    }

    /// The vehicle spoke to an order to go on.
    async fn spoken(
        &self,
        event: &Envelope,
        trip: TripId,
        refused: Option<(String, String)>,
    ) -> Result<(), CommandError> {
        for open in self.open_of(&event.tenant, trip).await? {
            let Some(answer) = open.pending().map(|given| given.answer).filter(|answer| answer.moves()) else {
                continue;
            };
            let ctx = self.consequence(event, "trip.assist").await?;
            self.assistance_spoken(&ctx, open.id, answer, refused.clone()).await?;
        }
        Ok(())
    }

    /// What an answer means for the trip; the vehicle hears of it through the trip's own events, or directly.
    async fn carry_out_answer(&self, event: &Envelope) -> Result<(), CommandError> {
        let body = AssistEvent::decode(&event.r#type, event.version, &event.body);
        let (Ok(id), Ok(AssistEvent::Answered(answered))) = (event.stream.id().parse::<AssistId>(), body) else {
            return Ok(());
        };
        let AssistAnswered { trip, answer, reason, .. } = &answered;
        let ctx = self.consequence(event, "trip.assist").await?;
        let command = match answered.to_resume(id) {
            Some(order) => trip::Command::Resume(Box::new(order)),
            None if *answer == Answer::Stop => trip::Command::Strand { reason: reason.clone() },
            None => return Ok(()),
        };
        match self.command(&ctx, *trip, &command, &[], safety()).await {
            Ok(_) => Ok(()),
            // The trip changed meanwhile: whoever answered must look again.
            Err(CommandError::Reject(reject)) => {
                let refused = Some((reject.code.as_str().to_owned(), reject.message));
                self.assistance_spoken(&ctx, id, *answer, refused).await
            }
            Err(other) => Err(other),
        }
    }
}

/// Ends leases that ran out and answers that no vehicle spoke to.
pub(crate) struct AssistDue(pub(crate) Arc<Trips>);

impl DueHandler for AssistDue {
    fn table(&self) -> TableSpec {
        TableSpec::of::<Assistance>()
    }

    fn due<'a>(&'a self, tenant: &'a TenantId, key: &'a str, guard: Guard) -> BoxFuture<'a, Result<(), CommandError>> {
        Box::pin(async move {
            let Ok(id) = key.parse::<AssistId>() else { return Ok(()) };
            let Some(known) = self.0.assistance(tenant, id).await? else { return Ok(()) };
            let (ctx, _) = self.0.automation(tenant, Some(&known.site), "assist.due").await?;
            let extras = Extras { guard: Some(guard), retention: Some(RetentionClass::Safety), ..Extras::default() };
            self.0.assist(&ctx, id, &Command::Due, extras).await.map(drop)
        })
    }
}

//! Requests for assistance (TRIP-13): opened when a trip's vehicle says that it needs a person, answered by one person at
//! a time, closed when the trip goes on, strands or ends.

use std::sync::Arc;

use kernel::id::{AssistId, PrincipalId, TypedId};
use kernel::{Aggregate, Code, Coordinate, Ctx, Envelope, Reject, TenantId, TripId};
use serde::{Deserialize, Serialize};
use store::port::PAGE_LIMIT_MAX;
use store::subscribe::step_over_refusal;
use store::{
    CommandError, Expected, Extras, Fault, Guard, ListQuery, Order, RowBody, RowWrite, TableSpec, execute, load,
    load_page,
};

use super::resume::ResumePlan;
use super::story::STORY_ENTRIES_MAX;
use super::{Gathered, RouteVersion, TripFilter, Trips, no_such_trip, safety_extras};
use crate::assistance::decide::{LeaseHolder, NewAnswer};
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

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AssistanceFilter {
    Open,
    All,
}

/// A person's answer as it was asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct AssistanceAnswer {
    /// The lease under which it is given.
    pub lease: u64,
    pub answer: Answer,
    pub reason: String,
    /// With `choose_path`: places that the route leads by, in order.
    pub via: Vec<Coordinate>,
}

/// Requests for assistance: who asks, who answers, and what the answer means for the trip.
#[derive(Debug)]
pub struct AssistanceService {
    trips: Arc<Trips>,
}

impl AssistanceService {
    pub fn new(trips: Arc<Trips>) -> Self {
        Self { trips }
    }

    /// A request, if the tenant has it.
    pub async fn get(&self, tenant: &TenantId, id: AssistId) -> Result<Option<Assistance>, CommandError> {
        Ok(load::<Assistance>(&*self.trips.store, tenant, &id).await?.map(|loaded| loaded.state))
    }

    /// A page of requests, newest first, behind `after`.
    pub async fn list(
        &self,
        tenant: &TenantId,
        which: AssistanceFilter,
        after: Option<AssistId>,
        limit: usize,
    ) -> Result<Vec<Assistance>, CommandError> {
        if which == AssistanceFilter::Open && after.is_none() {
            self.ask_what_is_due(tenant).await?;
        }
        let filters = match which {
            AssistanceFilter::Open => vec![("open", "yes".to_owned())],
            AssistanceFilter::All => Vec::new(),
        };
        let after = after.map(|id| id.to_string());
        let query = ListQuery { filters, after, order: Order::Descending, limit };
        Ok(load_page(&*self.trips.store, tenant, query).await?)
    }

    /// What a vehicle showed, by its digest.
    pub async fn snapshot(&self, tenant: &TenantId, sha256: &str) -> Result<Option<Snapshot>, CommandError> {
        let row = self.trips.store.get(ASSIST_SNAPSHOTS, tenant, sha256).await?;
        Ok(row.map(|row| row.decode()).transpose()?)
    }

    /// Takes a request for one person, or renews the lease that it has.
    ///
    /// # Errors
    /// `NOT_FOUND`; `CONFLICT` while another person has it; `ILLEGAL_TRANSITION` when it needs nobody any more.
    pub async fn take(&self, ctx: &Ctx, id: AssistId) -> Result<Assistance, CommandError> {
        self.command(ctx, id, &Command::Take(person(ctx)?), Extras::default()).await
    }

    /// Gives a request back.
    ///
    /// # Errors
    /// `NOT_FOUND`; `CONFLICT` when the lease is not the caller's, or the vehicle has not responded to the last answer;
    /// `ILLEGAL_TRANSITION`.
    pub async fn hand_back(&self, ctx: &Ctx, id: AssistId, lease: u64) -> Result<Assistance, CommandError> {
        let under = LeaseHolder { by: person(ctx)?, lease };
        self.command(ctx, id, &Command::HandBack(under), Extras::default()).await
    }

    /// Answers a request. Policy is asked where the vehicle goes on by it; every other answer leaves it standing.
    ///
    /// # Errors
    /// `NOT_FOUND`; `CONFLICT` without the lease, or while the vehicle has not responded to the last answer;
    /// `ILLEGAL_TRANSITION`; `POLICY_VIOLATION`; `VEHICLE_UNAVAILABLE`; `UNROUTABLE` where no route leads on.
    pub async fn answer(&self, ctx: &Ctx, id: AssistId, answer: &AssistanceAnswer) -> Result<Assistance, CommandError> {
        let under = LeaseHolder { by: person(ctx)?, lease: answer.lease };
        let known = self.get(&ctx.tenant, id).await?.ok_or_else(no_such_request)?;
        // Whoever may not answer is told so before anything is searched for.
        let with_order = |order| NewAnswer { under, answer: answer.answer, reason: answer.reason.clone(), order };
        let dry = Command::Answer(Box::new(with_order(None)));
        decide(id, Some(&known), &dry, ctx.now).reply.map_err(CommandError::Reject)?;
        if !answer.answer.moves() {
            return self.command(ctx, id, &dry, safety_extras()).await;
        }
        let trip = self.trips.get(&ctx.tenant, known.trip).await?.ok_or_else(no_such_trip)?;
        let ResumePlan { decision, allowed, route, clears } = self.trips.plan_resume(ctx, &trip, &answer.via).await?;
        let rows = route.as_ref().map(RouteVersion::row).transpose()?.into_iter().collect();
        let route = route.map(|version| version.summary);
        let order = allowed.map(|decision| events::Order { decision, route, clears });
        let command = &Command::Answer(Box::new(with_order(Some(order))));
        let decisions = &vec![decision];
        let gather = |_| async move { Ok::<_, CommandError>(Gathered::of(command.clone(), decisions.clone())) };
        self.execute(ctx, id, Extras { rows, ..safety_extras() }, gather).await
    }

    /// Takes what a vehicle said to an answer.
    pub async fn vehicle_answered(
        &self,
        ctx: &Ctx,
        id: AssistId,
        answer: Answer,
        refused: Option<(String, String)>,
    ) -> Result<(), CommandError> {
        self.command(ctx, id, &Command::VehicleAnswered { answer, refused }, safety_extras()).await.map(drop)
    }

    async fn command(
        &self,
        ctx: &Ctx,
        id: AssistId,
        command: &Command,
        extras: Extras,
    ) -> Result<Assistance, CommandError> {
        let gather = |_| async move { Ok::<_, CommandError>(Gathered::of(command.clone(), [])) };
        self.execute(ctx, id, extras, gather).await
    }

    async fn execute<G, Gathering>(
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
            |state: Option<&Assistance>, gathered: &Gathered<Command>| decide(id, state, &gathered.command, ctx.now);
        execute(&*self.trips.store, ctx, &id, extras, gather, rules).await?.state.ok_or_else(no_such_request)
    }

    /// The requests of a trip that need somebody.
    async fn open_of(&self, tenant: &TenantId, trip: TripId) -> Result<Vec<Assistance>, CommandError> {
        let filters = vec![("open", "yes".to_owned()), ("trip", trip.to_string())];
        let query = ListQuery { filters, limit: PAGE_LIMIT_MAX, ..ListQuery::all() };
        Ok(load_page(&*self.trips.store, tenant, query).await?)
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

impl AssistanceService {
    /// Opens and closes requests as their trips stand and go on, and carries answers out.
    pub(crate) async fn on_entry(&self, entry: &Envelope) -> Result<(), CommandError> {
        if let Some((trip, event)) = Trip::event_in(entry) {
            return self.on_trip_event(entry, trip, &event).await;
        }
        match Assistance::event_in(entry) {
            Some((id, AssistEvent::Answered(answered))) => self.carry_out(entry, id, &answered).await,
            _ => Ok(()),
        }
    }

    async fn on_trip_event(&self, event: &Envelope, trip: TripId, body: &TripEvent) -> Result<(), CommandError> {
        let refused = |code: &String, reason: &String| Some((code.clone(), reason.clone()));
        match body {
            TripEvent::AssistNeeded(needed) => self.ask_person(event, trip, needed).await,
            TripEvent::Resumed(_) => self.close(event, trip, "RESUMED", "the vehicle goes on").await,
            TripEvent::Stranded(body) => self.close(event, trip, "STRANDED", &body.reason).await,
            TripEvent::Unassigned(body) => self.close(event, trip, "LEFT", &body.reason).await,
            TripEvent::Cancelled(body) => self.close(event, trip, "ENDED", &body.reason).await,
            TripEvent::Failed(body) => self.close(event, trip, "ENDED", &body.reason).await,
            TripEvent::Completed(_) => self.close(event, trip, "ENDED", "the trip is done").await,
            TripEvent::ResumeTaken(_) => self.resume_answered(event, trip, None).await,
            TripEvent::ResumeRefused(body) if body.assist.is_some() => {
                self.resume_answered(event, trip, refused(&body.code, &body.reason)).await
            }
            _ => Ok(()),
        }
    }

    /// Opens the requests that the subscriber has not come to yet: who sees a trip wait for a person finds its request.
    async fn ask_what_is_due(&self, tenant: &TenantId) -> Result<(), CommandError> {
        let waiting = TripFilter { status: Some(Status::AwaitingAssist), site: None, vehicle: None };
        let mut trips: Vec<TripId> = Vec::new();
        self.trips.each_trip(tenant, waiting.query(), |trip| trips.push(trip.id)).await?;
        for trip in trips {
            if !self.open_of(tenant, trip).await?.is_empty() {
                continue;
            }
            let events = self.trips.timeline(tenant, trip, 0, STORY_ENTRIES_MAX).await?;
            for (_, event) in events.iter().rev() {
                if let Some((_, TripEvent::AssistNeeded(needed))) = Trip::event_in(event) {
                    step_over_refusal("trips.assistance", self.ask_person(event, trip, &needed).await)?;
                    break;
                }
            }
        }
        Ok(())
    }

    /// The event that tells of the need names the request, so that the same need asks once.
    async fn ask_person(&self, event: &Envelope, trip: TripId, needed: &TripAssistNeeded) -> Result<(), CommandError> {
        let Some(known) = self.trips.get(&event.tenant, trip).await? else { return Ok(()) };
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
        let ctx = self.trips.consequence(event, "trip.assist").await?;
        self.command(&ctx, id, &Command::Ask(Box::new(asked)), safety_extras()).await.map(drop)
    }

    async fn close(
        &self,
        event: &Envelope,
        trip: TripId,
        code: &'static str,
        reason: &str,
    ) -> Result<(), CommandError> {
        for open in self.open_of(&event.tenant, trip).await? {
            let ctx = self.trips.consequence(event, "trip.assist").await?;
            self.command(&ctx, open.id, &Command::Close { code, reason: reason.into() }, safety_extras()).await?;
        }
        Ok(())
    }

    /// Takes what the vehicle said to an order to go on, which an answer gave.
    async fn resume_answered(
        &self,
        event: &Envelope,
        trip: TripId,
        refused: Option<(String, String)>,
    ) -> Result<(), CommandError> {
        for open in self.open_of(&event.tenant, trip).await? {
            let Some(answer) = open.pending().map(|given| given.answer).filter(|answer| answer.moves()) else {
                continue;
            };
            let ctx = self.trips.consequence(event, "trip.assist").await?;
            self.vehicle_answered(&ctx, open.id, answer, refused.clone()).await?;
        }
        Ok(())
    }

    /// What an answer means for the trip; the vehicle hears of it through the trip's own events, or directly.
    async fn carry_out(&self, event: &Envelope, id: AssistId, answered: &AssistAnswered) -> Result<(), CommandError> {
        let AssistAnswered { trip, answer, reason, .. } = answered;
        let ctx = self.trips.consequence(event, "trip.assist").await?;
        let command = match answered.to_resume(id) {
            Some(order) => trip::Command::Resume(Box::new(order)),
            None if *answer == Answer::Stop => trip::Command::Strand { reason: reason.clone() },
            None => return Ok(()),
        };
        match self.trips.command(&ctx, *trip, &command, &[], safety_extras()).await {
            Ok(_) => Ok(()),
            // The trip changed meanwhile: whoever answered must look again.
            Err(CommandError::Reject(reject)) => {
                let refused = Some((reject.code.as_str().to_owned(), reject.message));
                self.vehicle_answered(&ctx, id, *answer, refused).await
            }
            Err(other) => Err(other),
        }
    }

    /// Ends a lease that ran out, and an answer to which the vehicle said nothing.
    pub(crate) async fn on_due(&self, tenant: &TenantId, id: AssistId, guard: Guard) -> Result<(), CommandError> {
        let Some(known) = self.get(tenant, id).await? else { return Ok(()) };
        let (ctx, _) = self.trips.automation(tenant, Some(&known.site), "assist.due").await?;
        let extras = Extras { guard: Some(guard), ..safety_extras() };
        self.command(&ctx, id, &Command::Due, extras).await.map(drop)
    }
}

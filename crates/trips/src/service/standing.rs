//! Standing orders (TRIP-10): opened after policy's word on one of their trips, and carried out by time and by the ends
//! of their trips. Every trip is asked for under an idempotency key of its number, so that none is asked for twice.

use std::sync::Arc;

use kernel::id::StandingId;
use kernel::{Aggregate, BoxFuture, Code, Ctx, DomainEvent, Envelope, Reject, Subject, TenantId, TripId};
use store::due::DueHandler;
use store::subscribe::Subscriber;
use store::{
    CommandError, Extras, Fault, Guard, Idempotency, ListQuery, Once, Order, RowWrite, TableSpec, execute,
    execute_once, load, load_page,
};

use super::subscribers::settle;
use super::{Gathered, Trips};
use crate::standing::decide::NewStanding;
use crate::standing::request::StandingRequest;
use crate::standing::{Command, Standing, decide};
use crate::trip::{Trip, TripEvent};

impl Trips {
    /// Opens a standing order, if policy allows one of its trips now. The same key gives the same order.
    ///
    /// # Errors
    /// Those of [`Trips::request`].
    pub async fn open_standing(
        &self,
        ctx: &Ctx,
        wish: StandingRequest,
        idempotency: Option<Idempotency>,
    ) -> Result<Standing, CommandError> {
        let tenant = self.tenant(&ctx.tenant).await?;
        let id: StandingId = ctx.new_id();
        let (wish, entitlements) = (&wish, &tenant.entitlements);
        let gather = |_| async move {
            let subject = Subject::new(Trip::KIND, ctx.new_id::<TripId>());
            let (decision, answer) = self.ask_policy(ctx, &wish.request, entitlements, subject).await?;
            let (request, requested_by) = (wish.request.clone(), ctx.actor.id.clone());
            let new = NewStanding { request, goal: wish.goal, at_once: wish.at_once, requested_by, answer };
            Ok::<_, CommandError>(Gathered::of(Command::Open(Box::new(new)), [decision.to_record()]))
        };
        let rules = |state: Option<&Standing>, gathered: &Gathered<Command>| decide(id, state, &gathered.what, ctx.now);
        match execute_once(&*self.store, ctx, &id, idempotency, Extras::default(), gather, rules).await? {
            Once::Now(outcome) => outcome.state,
            Once::Before { key } => self.standing(&ctx.tenant, key.parse().map_err(|_| no_such_order())?).await?,
        }
        .ok_or_else(no_such_order)
    }

    /// A standing order, if the tenant has it.
    ///
    /// # Errors
    /// [`CommandError::Fault`] when the store cannot answer.
    pub async fn standing(&self, tenant: &TenantId, id: StandingId) -> Result<Option<Standing>, CommandError> {
        Ok(load::<Standing>(&*self.store, tenant, &id).await?.map(|loaded| loaded.state))
    }

    /// A page of standing orders, newest first, behind `after`.
    ///
    /// # Errors
    /// [`CommandError::Fault`] when the store cannot answer.
    pub async fn standings(
        &self,
        tenant: &TenantId,
        after: Option<StandingId>,
        limit: usize,
    ) -> Result<Vec<Standing>, CommandError> {
        let after = after.map(|id| id.to_string());
        let query = ListQuery { filters: Vec::new(), after, order: Order::Descending, limit };
        Ok(load_page(&*self.store, tenant, query).await?)
    }

    /// Calls a standing order off. Its trips under way go on; each can be cancelled by itself.
    ///
    /// # Errors
    /// `NOT_FOUND`; `ILLEGAL_TRANSITION` when its goal is reached.
    pub async fn cancel_standing(&self, ctx: &Ctx, id: StandingId, reason: &str) -> Result<Standing, CommandError> {
        let command = Command::Cancel { reason: reason.into(), by: ctx.actor.id.parse().ok() };
        self.of_standing(ctx, id, &command, None).await
    }

    async fn of_standing(
        &self,
        ctx: &Ctx,
        id: StandingId,
        command: &Command,
        guard: Option<Guard>,
    ) -> Result<Standing, CommandError> {
        let gather = |_| async move { Ok::<_, CommandError>(Gathered::of(command.clone(), [])) };
        let rules = |state: Option<&Standing>, gathered: &Gathered<Command>| decide(id, state, &gathered.what, ctx.now);
        let extras = Extras { guard, ..Extras::default() };
        execute(&*self.store, ctx, &id, extras, gather, rules).await?.state.ok_or_else(no_such_order)
    }

    /// Asks for the next trip of an order that is due.
    async fn carry_on(&self, tenant: &TenantId, id: StandingId, guard: Guard) -> Result<(), CommandError> {
        let Some(known) = self.standing(tenant, id).await? else { return Ok(()) };
        let (ctx, _) = self.automation(tenant, Some(&known.site), "standing.next").await?;
        let Some(request) = known.next().filter(|_| known.due.is_some_and(|due| due <= ctx.now)) else {
            return Ok(());
        };
        let payload_kg = request.requirements.payload_kg;
        // What was refused is asked again under another key: a denial is remembered under its own.
        let tries = known.pause.as_ref().map_or(0, |pause| pause.until.as_us());
        let key = format!("standing/{id}/{}/{tries}", known.asked + 1);
        let idempotency = Some(Idempotency { request: key.clone(), key });
        let trip = match self.request_for(&ctx, request, idempotency, Some(id)).await {
            Ok(trip) => trip.id,
            Err(CommandError::Reject(reject)) => {
                return self.of_standing(&ctx, id, &Command::Refused(reject), Some(guard)).await.map(drop);
            }
            Err(other) => return Err(other),
        };
        self.of_standing(&ctx, id, &Command::Asked { trip, payload_kg }, Some(guard)).await?;
        // Asked for before a crash it may have ended already, when nobody knew that it was the order's.
        match self.get(tenant, trip).await?.and_then(|trip| Some((trip.status, trip.ended?))) {
            Some((status, ending)) => {
                let why = (ending.code, ending.reason);
                self.of_standing(&ctx, id, &Command::Ended { trip, status, why }, None).await.map(drop)
            }
            None => Ok(()),
        }
    }

    /// Counts the end of a trip that a standing order asked for.
    async fn count_end(&self, event: &Envelope, trip: TripId, code: &str, reason: &str) -> Result<(), CommandError> {
        let Some(known) = self.get(&event.tenant, trip).await? else { return Ok(()) };
        let Some(standing) = known.standing else { return Ok(()) };
        let ctx = self.consequence(event, "standing.count").await?;
        let ended = Command::Ended { trip, status: known.status, why: (code.into(), reason.into()) };
        self.of_standing(&ctx, standing, &ended, None).await.map(drop)
    }
}

fn no_such_order() -> CommandError {
    Reject::new(Code::NotFound, "there is no such standing order").into()
}

/// Counts what the trips of standing orders moved.
pub(crate) struct StandingWatcher(pub(crate) Arc<Trips>);

impl Subscriber for StandingWatcher {
    fn name(&self) -> &'static str {
        "trips.standing"
    }

    fn handle<'a>(&'a self, _index: u64, event: &'a Envelope) -> BoxFuture<'a, Result<Vec<RowWrite>, Fault>> {
        Box::pin(async move {
            if let Some((trip, code, reason)) = end_of(event) {
                settle("the count of a standing order", self.0.count_end(event, trip, &code, &reason).await)?;
            }
            Ok(Vec::new())
        })
    }
}

fn end_of(event: &Envelope) -> Option<(TripId, String, String)> {
    if event.stream.kind() != Trip::KIND {
        return None;
    }
    let trip = event.stream.id().parse().ok()?;
    let (code, reason) = match TripEvent::decode(&event.r#type, event.version, &event.body).ok()? {
        TripEvent::Completed(_) => ("COMPLETED".into(), "done".into()),
        TripEvent::Cancelled(body) => ("CANCELLED".into(), body.reason),
        TripEvent::Failed(body) => (body.code, body.reason),
        TripEvent::Expired(body) => ("EXPIRED".into(), body.reason),
        _ => return None,
    };
    Some((trip, code, reason))
}

/// Asks for the next trips of standing orders.
pub(crate) struct StandingDue(pub(crate) Arc<Trips>);

impl DueHandler for StandingDue {
    fn table(&self) -> TableSpec {
        TableSpec::of::<Standing>()
    }

    fn due<'a>(&'a self, tenant: &'a TenantId, key: &'a str, guard: Guard) -> BoxFuture<'a, Result<(), CommandError>> {
        Box::pin(async move {
            match key.parse() {
                Ok(id) => self.0.carry_on(tenant, id, guard).await,
                Err(_) => Ok(()),
            }
        })
    }
}

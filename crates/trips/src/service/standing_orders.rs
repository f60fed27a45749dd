//! Standing orders (TRIP-10): opened after policy's decision on one of their trips, and carried out by time and by the ends
//! of their trips. Every trip is asked for under an idempotency key of its number, so that none is asked for twice.

use std::sync::Arc;

use kernel::id::StandingId;
use kernel::{Aggregate, Code, Ctx, Envelope, Reject, Subject, TenantId, TripId};
use store::{CommandError, Extras, Guard, Idempotency, ListQuery, Once, Order, execute, execute_once, load, load_page};

use super::{Gathered, Trips};
use crate::standing_order::decide::NewStandingOrder;
use crate::standing_order::request::StandingOrderRequest;
use crate::standing_order::{Command, StandingOrder, decide};
use crate::trip::{Trip, TripEvent};

/// Standing orders over the trips that they ask for.
#[derive(Debug)]
pub struct StandingOrders {
    trips: Arc<Trips>,
}

impl StandingOrders {
    /// The standing orders of these trips.
    pub fn new(trips: Arc<Trips>) -> Self {
        Self { trips }
    }

    /// Opens a standing order, if policy allows one of its trips now. The same key gives the same order.
    ///
    /// # Errors
    /// Those of [`Trips::request`].
    pub async fn open(
        &self,
        ctx: &Ctx,
        order: StandingOrderRequest,
        idempotency: Option<Idempotency>,
    ) -> Result<StandingOrder, CommandError> {
        let tenant = self.trips.tenant(&ctx.tenant).await?;
        let id: StandingId = ctx.new_id();
        let (order, entitlements) = (&order, &tenant.entitlements);
        let gather = |_| async move {
            let subject = Subject::new(Trip::KIND, ctx.new_id::<TripId>());
            let (decision, answer) = self.trips.ask_policy(ctx, &order.request, entitlements, subject).await?;
            let (request, requested_by) = (order.request.clone(), ctx.actor.id.clone());
            let new = NewStandingOrder { request, goal: order.goal, at_once: order.at_once, requested_by, answer };
            Ok::<_, CommandError>(Gathered::of(Command::Open(Box::new(new)), [decision.to_record()]))
        };
        let rules =
            |state: Option<&StandingOrder>, gathered: &Gathered<Command>| decide(id, state, &gathered.command, ctx.now);
        match execute_once(&*self.trips.store, ctx, &id, idempotency, Extras::default(), gather, rules).await? {
            Once::Now(outcome) => outcome.state,
            Once::Before { key } => self.get(&ctx.tenant, key.parse().map_err(|_| no_such_order())?).await?,
        }
        .ok_or_else(no_such_order)
    }

    pub async fn get(&self, tenant: &TenantId, id: StandingId) -> Result<Option<StandingOrder>, CommandError> {
        Ok(load::<StandingOrder>(&*self.trips.store, tenant, &id).await?.map(|loaded| loaded.state))
    }

    /// A page of standing orders, newest first, behind `after`.
    pub async fn list(
        &self,
        tenant: &TenantId,
        after: Option<StandingId>,
        limit: usize,
    ) -> Result<Vec<StandingOrder>, CommandError> {
        let after = after.map(|id| id.to_string());
        let query = ListQuery { filters: Vec::new(), after, order: Order::Descending, limit };
        Ok(load_page(&*self.trips.store, tenant, query).await?)
    }

    /// Calls a standing order off. Its trips under way go on; each can be cancelled by itself.
    ///
    /// # Errors
    /// `NOT_FOUND`; `ILLEGAL_TRANSITION` when its goal is reached.
    pub async fn cancel(&self, ctx: &Ctx, id: StandingId, reason: &str) -> Result<StandingOrder, CommandError> {
        let command = Command::Cancel { reason: reason.into(), by: ctx.actor.id.parse().ok() };
        self.command(ctx, id, &command, None).await
    }

    async fn command(
        &self,
        ctx: &Ctx,
        id: StandingId,
        command: &Command,
        guard: Option<Guard>,
    ) -> Result<StandingOrder, CommandError> {
        let gather = |_| async move { Ok::<_, CommandError>(Gathered::of(command.clone(), [])) };
        let rules =
            |state: Option<&StandingOrder>, gathered: &Gathered<Command>| decide(id, state, &gathered.command, ctx.now);
        let extras = Extras { guard, ..Extras::default() };
        execute(&*self.trips.store, ctx, &id, extras, gather, rules).await?.state.ok_or_else(no_such_order)
    }

    /// Asks for the next trip of an order that is due.
    pub(crate) async fn on_due(&self, tenant: &TenantId, id: StandingId, guard: Guard) -> Result<(), CommandError> {
        let Some(known) = self.get(tenant, id).await? else { return Ok(()) };
        let (ctx, _) = self.trips.automation(tenant, Some(&known.site), "standing.next").await?;
        let Some(request) = known.next().filter(|_| known.due.is_some_and(|due| due <= ctx.now)) else {
            return Ok(());
        };
        let payload_kg = request.requirements.payload_kg;
        // What was refused is asked again under another key: a denial is remembered under its own.
        let tries = known.pause.as_ref().map_or(0, |pause| pause.until.as_us());
        let key = format!("standing/{id}/{}/{tries}", known.asked + 1);
        let idempotency = Some(Idempotency { request: key.clone(), key });
        let trip = match self.trips.request_for(&ctx, request, idempotency, Some(id)).await {
            Ok(trip) => trip.id,
            Err(CommandError::Reject(reject)) => {
                return self.command(&ctx, id, &Command::Refused(reject), Some(guard)).await.map(drop);
            }
            Err(other) => return Err(other),
        };
        self.command(&ctx, id, &Command::Asked { trip, payload_kg }, Some(guard)).await?;
        // Asked for before a crash it may have ended already, when nobody knew that it was the order's.
        match self.trips.get(tenant, trip).await?.and_then(|trip| Some((trip.status, trip.ended?))) {
            Some((status, ending)) => {
                let why = (ending.code, ending.reason);
                self.command(&ctx, id, &Command::Ended { trip, status, why }, None).await.map(drop)
            }
            None => Ok(()),
        }
    }

    /// Counts the end of a trip that a standing order asked for.
    pub(crate) async fn on_entry(&self, entry: &Envelope) -> Result<(), CommandError> {
        let Some((trip, why)) = end_of(entry) else { return Ok(()) };
        let Some(known) = self.trips.get(&entry.tenant, trip).await? else { return Ok(()) };
        let Some(standing) = known.standing else { return Ok(()) };
        let ctx = self.trips.consequence(entry, "standing.count").await?;
        self.command(&ctx, standing, &Command::Ended { trip, status: known.status, why }, None).await.map(drop)
    }
}

/// The trip that ended with an entry, and why, as stable code and for a person.
fn end_of(entry: &Envelope) -> Option<(TripId, (String, String))> {
    let (trip, event) = Trip::event_in(entry)?;
    let why = match event {
        TripEvent::Completed(_) => ("COMPLETED".into(), "done".into()),
        TripEvent::Cancelled(body) => ("CANCELLED".into(), body.reason),
        TripEvent::Failed(body) => (body.code, body.reason),
        TripEvent::Expired(body) => ("EXPIRED".into(), body.reason),
        _ => return None,
    };
    Some((trip, why))
}

fn no_such_order() -> CommandError {
    Reject::new(Code::NotFound, "there is no such standing order").into()
}

//! What people and the product itself do with a trip that exists.

use std::sync::Arc;

use kernel::{Aggregate, Ctx, Subject, TripId};
use policy::Request;
use store::{CommandError, Extras, Guard};

use super::{Gathered, Trips, no_such_trip, safety_extras};
use crate::actions;
use crate::trip::{Command, Status, Trip};

impl Trips {
    /// Calls a trip off. Always allowed by policy, because it only reduces risk (SAFE-1). With people or load aboard the
    /// trip is diverted: they are brought to a drop-off ahead, and there it ends.
    ///
    /// # Errors
    /// `NOT_FOUND`; `ILLEGAL_TRANSITION` when the trip is over, or occupied and stranded.
    pub async fn cancel(&self, ctx: &Ctx, trip: TripId, reason: &str) -> Result<Trip, CommandError> {
        let known = self.get(&ctx.tenant, trip).await?.ok_or_else(no_such_trip)?;
        if known.status == Status::Cancelled || known.diversion.is_some() && !known.status.is_terminal() {
            return Ok(known);
        }
        let question = Request::new(ctx, actions::CANCEL_TRIP, Subject::new(Trip::KIND, trip));
        let decision = &self.policy.decide(&question).to_record();
        let by = ctx.actor.id.parse().ok();
        let gather = |state: Option<Arc<Trip>>| async move {
            let stops = match state.filter(|trip| trip.occupied) {
                Some(trip) => self.stops_of_diversion(ctx, &trip).await?,
                None => None,
            };
            let command = Command::Cancel { reason: reason.into(), by, stops };
            Ok(Gathered::new(command, vec![decision.clone()]))
        };
        self.execute(ctx, trip, Extras::default(), gather).await?.state.ok_or_else(no_such_trip)
    }

    /// Takes a vehicle's report that it is not on a trip under a claim, or not any more.
    pub async fn vehicle_left(&self, ctx: &Ctx, trip: TripId, claim_epoch: u64) -> Result<(), CommandError> {
        let Ok(vehicle) = ctx.actor.id.parse() else { return Ok(()) };
        self.command(ctx, trip, &Command::VehicleLeft { vehicle, claim_epoch }, &[], safety_extras()).await.map(drop)
    }

    /// Says that a trip's standing vehicle cannot go on.
    ///
    /// # Errors
    /// `NOT_FOUND`; `ILLEGAL_TRANSITION` when the vehicle does not stand.
    pub async fn strand(&self, ctx: &Ctx, trip: TripId, reason: &str) -> Result<Trip, CommandError> {
        let command = Command::Strand { reason: reason.into() };
        self.command(ctx, trip, &command, &[], safety_extras()).await?.state.ok_or_else(no_such_trip)
    }

    /// Says that a trip cannot be done.
    ///
    /// # Errors
    /// `NOT_FOUND`; `ILLEGAL_TRANSITION` when the trip is over.
    pub async fn fail(&self, ctx: &Ctx, trip: TripId, code: &str, reason: &str) -> Result<Trip, CommandError> {
        let command = Command::Fail { code: code.into(), reason: reason.into() };
        self.command(ctx, trip, &command, &[], Extras::default()).await?.state.ok_or_else(no_such_trip)
    }

    /// Finds the route of a trip that waits (TRIP-5), and says why when there is none. Answers the trip afterwards.
    pub(crate) async fn plan(&self, ctx: &Ctx, trip: &Trip, guard: Option<Guard>) -> Result<Trip, CommandError> {
        let extras = Extras { guard, ..Extras::default() };
        let (command, extras) = match self.find_route(ctx, trip, &trip.request_constraints, None).await {
            Ok(version) => {
                let rows = vec![version.row()?];
                (Command::RouteFound(Box::new(version.summary)), Extras { rows, ..extras })
            }
            Err(none) => (Command::Wait(none.into_wait_reason()?), extras),
        };
        self.command(ctx, trip.id, &command, &[], extras).await?.state.ok_or_else(no_such_trip)
    }
}

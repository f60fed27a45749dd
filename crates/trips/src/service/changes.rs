//! What people and the product itself do with a trip that exists.

use kernel::envelope::RetentionClass;
use kernel::{Aggregate, Ctx, Subject, TripId};
use policy::{Action, Request};
use store::{CommandError, Extras, Guard};

use super::{Trips, no_such_trip};
use crate::trip::{Command, Status, Trip};

impl Trips {
    /// Calls a trip off. Always allowed by policy, because it only reduces risk (SAFE-1); not with people or load
    /// aboard, who are brought to their drop-off first.
    ///
    /// # Errors
    /// `NOT_FOUND`; `ILLEGAL_TRANSITION` when the trip is over or occupied.
    pub async fn cancel(&self, ctx: &Ctx, trip: TripId, reason: &str) -> Result<Trip, CommandError> {
        let known = self.get(&ctx.tenant, trip).await?.ok_or_else(no_such_trip)?;
        if known.status == Status::Cancelled {
            return Ok(known);
        }
        let question = Request::new(ctx, Action::CancelTrip, Subject::new(Trip::KIND, trip));
        let decision = self.policy.decide(&question).to_record();
        let command = Command::Cancel { reason: reason.into(), by: ctx.actor.id.parse().ok() };
        let outcome = self.command(ctx, trip, &command, &[decision], Extras::default()).await?;
        outcome.state.ok_or_else(no_such_trip)
    }

    /// Says that a trip's standing vehicle cannot go on.
    ///
    /// # Errors
    /// `NOT_FOUND`; `ILLEGAL_TRANSITION` when the vehicle does not stand.
    pub async fn strand(&self, ctx: &Ctx, trip: TripId, reason: &str) -> Result<Trip, CommandError> {
        let extras = Extras { retention: Some(RetentionClass::Safety), ..Extras::default() };
        let command = Command::Strand { reason: reason.into() };
        self.command(ctx, trip, &command, &[], extras).await?.state.ok_or_else(no_such_trip)
    }

    /// Says that a trip cannot be done.
    ///
    /// # Errors
    /// `NOT_FOUND`; `ILLEGAL_TRANSITION` when the trip is over.
    pub async fn fail(&self, ctx: &Ctx, trip: TripId, code: &str, reason: &str) -> Result<Trip, CommandError> {
        let command = Command::Fail { code: code.into(), reason: reason.into() };
        self.command(ctx, trip, &command, &[], Extras::default()).await?.state.ok_or_else(no_such_trip)
    }

    /// Finds the route of a trip that has none (TRIP-5), and says why when there is none. Answers the trip afterwards.
    pub(crate) async fn plan(&self, ctx: &Ctx, trip: &Trip, guard: Option<Guard>) -> Result<Trip, CommandError> {
        let extras = Extras { guard, ..Extras::default() };
        let (command, extras) = match self.find_route(ctx, trip, &trip.request_constraints, None).await? {
            Ok(version) => {
                let rows = vec![version.row()?];
                (Command::RouteFound(Box::new(version.summary)), Extras { rows, ..extras })
            }
            Err(reason) => (Command::Wait(reason), extras),
        };
        self.command(ctx, trip.id, &command, &[], extras).await?.state.ok_or_else(no_such_trip)
    }
}

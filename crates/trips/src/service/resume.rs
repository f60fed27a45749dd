//! Letting a standing vehicle go on (SAFE-13): policy's decision, the route that it goes on by, and the stops that end with
//! it are gathered here; the trip's rules decide, the vehicle has the last word.

use kernel::envelope::DecisionRecord;
use kernel::{Aggregate, Code, Coordinate, Ctx, DecisionId, EventId, Reject, RouteId, Subject, TripId};
use policy::Request;
use store::{CommandError, Extras};

use super::reroute::{VehicleOnRoute, cut_by, elsewhere};
use super::routes::NoRoute;
use super::story::STORY_ENTRIES_MAX;
use super::{RouteVersion, Trips, no_such_trip, safety_extras};
use crate::actions;
use crate::facts::ResumeFacts;
use crate::trip::resume::{ResumeAnswer, ResumeOrder, may_resume};
use crate::trip::{Command, Trip, TripEvent};

/// Slower than this a vehicle stands, in metres per second: the noise of a wheel's sensor.
const STANDS_MPS: f64 = 0.1;

/// What was found for an order to go on.
pub(crate) struct ResumePlan {
    /// Policy's decision, which is journaled whatever follows.
    pub(crate) decision: DecisionRecord,
    pub(crate) allowed: Result<DecisionId, Reject>,
    /// Another route, where the present one is cut or one was chosen.
    pub(crate) route: Option<RouteVersion>,
    /// The event that told the vehicle to stop because no route led on, if one did.
    pub(crate) clears: Vec<EventId>,
}

impl Trips {
    /// Orders a trip's standing vehicle to go on: by its route where that may be driven, else by another one. The vehicle
    /// may refuse, which the trip's story tells.
    ///
    /// # Errors
    /// `NOT_FOUND`; `ILLEGAL_TRANSITION` where the vehicle does not stand or still violates what it was stopped for;
    /// `VEHICLE_UNAVAILABLE` while it is not connected; `POLICY_VIOLATION`; `UNROUTABLE` where no route leads on.
    pub async fn resume(&self, ctx: &Ctx, id: TripId, reason: &str) -> Result<Trip, CommandError> {
        let trip = self.get(&ctx.tenant, id).await?.ok_or_else(no_such_trip)?;
        let ResumePlan { decision, allowed, route, clears } = self.plan_resume(ctx, &trip, &[]).await?;
        let rows = route.as_ref().map(RouteVersion::row).transpose()?.into_iter().collect();
        let order = ResumeOrder {
            reason: reason.into(),
            by: ctx.actor.id.parse().ok(),
            assist: None,
            allowed,
            route: route.map(|version| version.summary),
            clears,
        };
        let extras = Extras { rows, ..safety_extras() };
        let command = Command::Resume(Box::new(order));
        self.command(ctx, id, &command, &[decision], extras).await?.state.ok_or_else(no_such_trip)
    }

    /// Takes what a vehicle said to an order to go on.
    pub async fn resume_answered(
        &self,
        ctx: &Ctx,
        trip: TripId,
        route: Option<RouteId>,
        refused: Option<(String, String)>,
    ) -> Result<(), CommandError> {
        let version = match route {
            Some(route) => self.route_version(&ctx.tenant, route).await?,
            None => None,
        };
        let Some(vehicle) = ctx.actor.id.parse().ok() else { return Ok(()) };
        let answer = ResumeAnswer { vehicle, route: version.map(|version| version.summary), refused };
        let command = Command::ResumeAnswered(Box::new(answer));
        self.command(ctx, trip, &command, &[], safety_extras()).await.map(drop)
    }

    /// Gathers what an order to go on needs; `via` are places that a person chose.
    pub(crate) async fn plan_resume(
        &self,
        ctx: &Ctx,
        trip: &Trip,
        via: &[Coordinate],
    ) -> Result<ResumePlan, CommandError> {
        may_resume(trip, ctx.now)?;
        let Some(on_route) = self.on_route(ctx, trip).await? else {
            return Err(Reject::new(Code::IllegalTransition, "nothing is known of the vehicle's way").into());
        };
        if !on_route.vehicle.online {
            let message = "the vehicle is not connected: it could not be told, and an order to go on lasts seconds";
            return Err(Reject::new(Code::VehicleUnavailable, message).into());
        }
        let facts = ResumeFacts { holds: on_route.vehicle.holds.clone(), mode: on_route.vehicle.mode.clone() };
        let question = Request::new(ctx, actions::RESUME_TRIP, Subject::new(Trip::KIND, trip.id))
            .about(Subject::new("vehicle", on_route.vehicle.vehicle))
            .facts(facts.facts(ctx.now));
        let decided = self.policy.decide(&question);
        let decision = decided.to_record();
        if !decided.is_allowed() {
            return Ok(ResumePlan { decision, allowed: Err(decided.to_reject()), route: None, clears: Vec::new() });
        }
        let route = self.route_onward(ctx, trip, &on_route, via).await?;
        let clears = match trip.blocked {
            Some(_) => self.stop_of_block(ctx, trip.id).await?.into_iter().collect(),
            None => Vec::new(),
        };
        Ok(ResumePlan { decision, allowed: Ok(decided.id), route, clears })
    }

    /// The route on for a vehicle that stands; `None` where the one that it has may be driven.
    async fn route_onward(
        &self,
        ctx: &Ctx,
        trip: &Trip,
        on_route: &VehicleOnRoute,
        via: &[Coordinate],
    ) -> Result<Option<RouteVersion>, CommandError> {
        let here_m = on_route.here.progress_m;
        let rest = on_route.path.line(here_m, on_route.path.length_m());
        let obstacles = self.ports.routing.obstacles(ctx, &trip.site, &rest).await?;
        if let Some(inside) = obstacles.iter().find(|obstacle| obstacle.holds_start && obstacle.stops_inside) {
            let message = format!("the vehicle is inside {}, where all must stand still", inside.name);
            return Err(Reject::new(Code::IllegalTransition, message).into());
        }
        let why = cut_by(&obstacles).or_else(|| elsewhere(trip, on_route));
        if why.is_none() && via.is_empty() {
            return Ok(None);
        }
        if on_route.here.speed_mps > STANDS_MPS {
            let message = "the place where the vehicle stands is not told yet: ask again in a second";
            return Err(Reject::new(Code::Conflict, message).into());
        }
        match self.find_from(ctx, trip, on_route, here_m, via).await {
            Ok(version) => Ok(Some(version)),
            Err(NoRoute::Failed(error)) => Err(error),
            Err(NoRoute::Because(reason)) => {
                let why = why.map(|why| format!("{why}; ")).unwrap_or_default();
                Err(Reject::new(Code::Unroutable, format!("no way leads on: {why}{reason}")).into())
            }
        }
    }

    /// The event that told the vehicle of a blocked trip to stop: the last one of its kind.
    async fn stop_of_block(&self, ctx: &Ctx, trip: TripId) -> Result<Option<EventId>, CommandError> {
        let events = self.timeline(&ctx.tenant, trip, 0, STORY_ENTRIES_MAX).await?;
        let is_stop =
            |event: &kernel::Envelope| matches!(Trip::event_in(event), Some((_, TripEvent::RerouteFailed(_))));
        Ok(events.iter().rev().find(|(_, event)| is_stop(event)).map(|(_, event)| event.id))
    }
}

//! Another route for a vehicle under way (SAFE-9): where its present one is cut by a zone or closure, is faster than a speed
//! limit (SAFE-14), does not lead where the trip goes any more, or a violation asks for it. It begins beyond what the
//! vehicle needs to stop; where there is none the vehicle is told to stop. A vehicle that waits by itself before a closed
//! road is led on in the same way.

use kernel::{Code, Coordinate, Ctx, TripId, VehicleId};
use store::{CommandError, Extras};

use super::path::VehiclePath;
use super::routes::{NoRoute, Start};
use super::{RouteVersion, Trips, safety_extras};
use crate::limits::without_negative_zero;
use crate::ports::{Obstacle, RouteProgress, VehicleFacts};
use crate::trip::reroute::{NoRouteFound, RerouteAnswer, RouteOffer};
use crate::trip::types::Stop;
use crate::trip::{Command, Status, Trip};

/// Deceleration that a planned stop counts on, in metres per second squared.
const DECELERATION_MPS2: f64 = 2.0;
/// Time until a command has reached the vehicle and acts, in seconds.
const REACTION_S: f64 = 2.0;
/// What positions may be wrong by, in metres.
const MARGIN_M: f64 = 30.0;
/// How far behind the place from which another route may begin people or load leave at the earliest: the vehicle drives on
/// while that route is found. In metres, and in seconds of its present speed.
const DROP_OFF_AHEAD: (f64, f64) = (50.0, 5.0);
/// A vehicle under way that was not heard of for so long may be anywhere on its route, in milliseconds: some ten samples.
const UNHEARD_MS: i64 = 10_000;
/// How often a route is found anew because the trip changed meanwhile.
const ATTEMPTS_MAX: usize = 4;

/// What is known of a vehicle on its path.
pub(super) struct VehicleOnRoute {
    pub(super) vehicle: VehicleFacts,
    pub(super) path: VehiclePath,
    pub(super) here: RouteProgress,
    /// The first place where it can turn to another route, in metres along its path.
    earliest_m: f64,
}

impl VehicleOnRoute {
    /// Whether nobody knows where the vehicle is. It is not led around a zone or closure from a guess: it keeps out by
    /// itself, told before it went out of reach or when it comes back, and says so when it stands.
    fn is_unheard(&self, ctx: &Ctx) -> bool {
        ctx.now.since_ms(self.here.seen_at) > UNHEARD_MS
    }
}

/// What a search for another route came to.
enum RerouteSearch {
    /// The route from a place that the vehicle can still turn at.
    Found(Box<RouteVersion>),
    /// The vehicle is too close to its end to be led anywhere else.
    NearEnd,
    /// No other route may be driven.
    None {
        /// The stable code of the reason.
        code: &'static str,
        reason: String,
    },
}

impl Trips {
    /// Leads a trip's vehicle by another route.
    ///
    /// # Errors
    /// [`CommandError::Fault`] when the store or a neighbour cannot answer.
    pub async fn reroute(&self, ctx: &Ctx, trip: TripId, why: &str) -> Result<(), CommandError> {
        self.check_route(ctx, trip, Some(why)).await
    }

    /// Takes what a vehicle said to another route that it was offered.
    pub async fn reroute_answered(&self, ctx: &Ctx, trip: TripId, answer: RerouteAnswer) -> Result<(), CommandError> {
        self.command(ctx, trip, &Command::RerouteAnswered(answer), &[], safety_extras()).await.map(drop)
    }

    /// Checks whether the rest of a trip's route may be driven and leads where the trip goes; finds another one where not,
    /// or where somebody says why.
    pub(crate) async fn check_route(&self, ctx: &Ctx, trip: TripId, why: Option<&str>) -> Result<(), CommandError> {
        for _ in 0..ATTEMPTS_MAX {
            let Some(known) = self.get(&ctx.tenant, trip).await? else { return Ok(()) };
            match self.reroute_or_stop(ctx, &known, why).await {
                Err(CommandError::Reject(reject)) if reject.code == Code::Conflict => {}
                other => return other,
            }
        }
        Ok(())
    }

    async fn reroute_or_stop(&self, ctx: &Ctx, trip: &Trip, why: Option<&str>) -> Result<(), CommandError> {
        if trip.status == Status::Waiting {
            return self.replan(ctx, trip).await;
        }
        let Some(on_route) = self.on_route(ctx, trip).await?.filter(|_| trip.may_reroute()) else { return Ok(()) };
        let rest = on_route.path.line(on_route.here.progress_m, on_route.path.length_m());
        let obstacles = self.ports.routing.obstacles(ctx, &trip.site, &rest).await?;
        if why.is_none() && elsewhere(trip, &on_route).is_none() && on_route.is_unheard(ctx) {
            return Ok(());
        }
        if let Some(inside) = obstacles.iter().find(|obstacle| obstacle.holds_start && obstacle.stops_inside) {
            let reason = format!("the vehicle is inside {}, where all must stand still", inside.name);
            return self.record_no_route(ctx, trip, on_route.vehicle.vehicle, "INSIDE_CLOSURE", reason).await;
        }
        let asked = why.map(str::to_owned).or_else(|| cut_by(&obstacles)).or_else(|| elsewhere(trip, &on_route));
        let is_asked = asked.is_some();
        // Closer than that it would be led anew again and again while it slows down.
        let (from_m, to_m) = (on_route.earliest_m + MARGIN_M, on_route.path.length_m());
        let why = match asked {
            Some(why) => Some(why),
            None => self.exceeded_limit(ctx, trip, &on_route.path, from_m, to_m).await?,
        };
        let Some(why) = why else { return Ok(()) };
        match self.find_reroute(ctx, trip, &on_route).await? {
            RerouteSearch::Found(version) => self.offer(ctx, trip.id, on_route.vehicle.vehicle, *version, why).await,
            // It is about to arrive, and what is left may be driven.
            RerouteSearch::NearEnd if ahead(&obstacles).next().is_none() => Ok(()),
            RerouteSearch::NearEnd => self.record_no_route(ctx, trip, on_route.vehicle.vehicle, "TOO_CLOSE", why).await,
            // The limit alone stops nobody.
            RerouteSearch::None { reason, .. } if !is_asked => {
                tracing::warn!(tenant = %ctx.tenant, trip = %trip.id, why, reason, "a vehicle keeps its speed");
                Ok(())
            }
            RerouteSearch::None { code, reason } => {
                let reason = format!("{why}; {reason}");
                self.record_no_route(ctx, trip, on_route.vehicle.vehicle, code, reason).await
            }
        }
    }

    /// A speed limit in force that is lower than what is planned between two places on a path.
    async fn exceeded_limit(
        &self,
        ctx: &Ctx,
        trip: &Trip,
        path: &VehiclePath,
        from_m: f64,
        to_m: f64,
    ) -> Result<Option<String>, CommandError> {
        let planned = path.planned_speeds(from_m, to_m);
        self.ports.routing.exceeded_limit(ctx, &trip.site, &planned).await
    }

    /// A trip that waits gets its route found again where a zone or closure cuts it.
    async fn replan(&self, ctx: &Ctx, trip: &Trip) -> Result<(), CommandError> {
        let Some(route) = &trip.route else { return Ok(()) };
        let Some(path) = self.vehicle_path(&ctx.tenant, route.route).await? else { return Ok(()) };
        let line: Vec<Coordinate> = path.points().collect();
        match self.ports.routing.obstacles(ctx, &trip.site, &line).await?.is_empty() {
            true => Ok(()),
            false => self.plan(ctx, trip, None).await.map(drop),
        }
    }

    pub(super) async fn on_route(&self, ctx: &Ctx, trip: &Trip) -> Result<Option<VehicleOnRoute>, CommandError> {
        let (Some(vehicle), Some(route)) = (trip.vehicle(), &trip.route) else { return Ok(None) };
        let Some(path) = self.vehicle_path(&ctx.tenant, route.route).await? else { return Ok(None) };
        let Some(facts) = self.ports.fleet.vehicle(ctx, vehicle).await? else { return Ok(None) };
        let seen = self.ports.positions.route_progress(ctx, vehicle, trip.id).await?;
        // A vehicle that has not told anything of this trip yet stands where its path begins, or just set out.
        let here = seen.unwrap_or(RouteProgress { progress_m: 0.0, speed_mps: 0.0, seen_at: ctx.now });
        // What it reported when it stopped is newer than its last sample can be trusted to be.
        let stands_at =
            |at| RouteProgress { progress_m: path.nearest(at, here.progress_m), speed_mps: 0.0, seen_at: ctx.now };
        let here = trip.held_back_at.map_or(here, stands_at);
        let unseen_s = ctx.now.since_ms(here.seen_at).max(0) as f64 / 1_000.0;
        let stopping_m = here.speed_mps * here.speed_mps / (2.0 * DECELERATION_MPS2);
        // Who stands before a closed road turns where it stands.
        let margin_m = if trip.held_back_at.is_some() { 0.0 } else { MARGIN_M };
        let earliest_m = here.progress_m + here.speed_mps * (REACTION_S + unseen_s) + stopping_m + margin_m;
        Ok(Some(VehicleOnRoute { vehicle: facts, path, here, earliest_m }))
    }

    /// Searches for another route: from the next crossing if that can be reached, else from as soon as the vehicle can turn.
    async fn find_reroute(
        &self,
        ctx: &Ctx,
        trip: &Trip,
        on_route: &VehicleOnRoute,
    ) -> Result<RerouteSearch, CommandError> {
        let (path, earliest_m) = (&on_route.path, on_route.earliest_m);
        if earliest_m >= path.length_m() {
            return Ok(RerouteSearch::NearEnd);
        }
        let crossing_m = Some(path.step_end(earliest_m)).filter(|crossing_m| *crossing_m < path.length_m());
        let (mut code, mut why) = ("TOO_CLOSE", String::new());
        for begins_at_m in crossing_m.into_iter().chain([earliest_m]) {
            let until = path.line(on_route.here.progress_m, begins_at_m);
            let before = self.ports.routing.obstacles(ctx, &trip.site, &until).await?;
            if let Some(cut) = cut_by(&before) {
                why = format!("{cut}, before the vehicle can turn");
                continue;
            }
            // What is too fast is slowed as soon as that can be done gently, and not at the next crossing.
            if self.exceeded_limit(ctx, trip, path, earliest_m, begins_at_m).await?.is_some() {
                continue;
            }
            match self.find_from(ctx, trip, on_route, begins_at_m, &[]).await {
                Ok(version) => return Ok(RerouteSearch::Found(Box::new(version))),
                Err(NoRoute::Because(reason)) => (code, why) = ("NO_LEGAL_EXIT", reason),
                Err(NoRoute::Failed(error)) => return Err(error),
            }
        }
        Ok(RerouteSearch::None { code, reason: why })
    }

    /// Another route from a place on the path, by way of the places that somebody chose; else why there is none.
    pub(super) async fn find_from(
        &self,
        ctx: &Ctx,
        trip: &Trip,
        on_route: &VehicleOnRoute,
        begins_at_m: f64,
        via: &[Coordinate],
    ) -> Result<RouteVersion, NoRoute> {
        let (Some(from), Some(route)) = (on_route.path.at(begins_at_m), &trip.route) else {
            return Err(NoRoute::Because("the present way has no line".into()));
        };
        // The stops of a diversion are fewer than those of the path until then.
        let first_stop = on_route.path.stops_until(begins_at_m).min(trip.stops.len().saturating_sub(1));
        let continues = Some((route.route, begins_at_m));
        let start = Start { vehicle: &on_route.vehicle, from, via, first_stop, continues };
        let version = self.find_route(ctx, trip, &trip.constraints, Some(start)).await?;
        if version.approach.points.is_empty() && version.trip_leg.points.is_empty() {
            return Err(NoRoute::Because("it ends where it begins".into()));
        }
        // Roads are closed as a whole, and one that is left may lead through what is drawn farther on.
        let line: Vec<Coordinate> = version.approach.points.iter().chain(&version.trip_leg.points).copied().collect();
        let obstacles = self.ports.routing.obstacles(ctx, &trip.site, &line).await?;
        cut_by(&obstacles).map_or(Ok(version), |cut| Err(NoRoute::Because(cut)))
    }

    async fn offer(
        &self,
        ctx: &Ctx,
        trip: TripId,
        vehicle: VehicleId,
        version: RouteVersion,
        reason: String,
    ) -> Result<(), CommandError> {
        let extras = Extras { rows: vec![version.row()?], ..safety_extras() };
        let new = RouteOffer { vehicle, begins_at_m: version.begins_at_m, route: version.summary, reason };
        self.command(ctx, trip, &Command::Reroute(Box::new(new)), &[], extras).await.map(drop)
    }

    async fn record_no_route(
        &self,
        ctx: &Ctx,
        trip: &Trip,
        vehicle: VehicleId,
        code: &str,
        reason: String,
    ) -> Result<(), CommandError> {
        let none = NoRouteFound { vehicle, code: code.into(), reason };
        self.command(ctx, trip.id, &Command::NoRoute(none), &[], safety_extras()).await.map(drop)
    }

    /// The stops of an occupied trip that is called off: those that its vehicle cannot pass by any more, then the place
    /// where people or load leave. `None` where nothing is known of its path.
    pub(crate) async fn stops_of_diversion(&self, ctx: &Ctx, trip: &Trip) -> Result<Option<Vec<Stop>>, CommandError> {
        let Some(on_route) = self.on_route(ctx, trip).await? else { return Ok(None) };
        let kept = on_route.path.stops_until(on_route.earliest_m);
        let Some(next) = trip.stops.get(kept) else { return Ok(Some(trip.stops.clone())) };
        let ahead_m = on_route.earliest_m + DROP_OFF_AHEAD.0 + on_route.here.speed_mps * DROP_OFF_AHEAD.1;
        let on_way = on_route.path.standing_place_from(ahead_m);
        let at = match on_way.filter(|place_m| on_route.path.stops_until(*place_m) == kept) {
            Some(place_m) => {
                let until = on_route.path.line(on_route.here.progress_m, place_m);
                let obstacles = self.ports.routing.obstacles(ctx, &trip.site, &until).await?;
                cut_by(&obstacles).is_none().then(|| on_route.path.at(place_m)).flatten()
            }
            // The next stop comes first.
            None => Some(next.at),
        };
        let stop = match at {
            Some(at) => Stop {
                at: Coordinate::new(without_negative_zero(at.lat()), without_negative_zero(at.lon())).unwrap_or(at),
            },
            None => self.nearest_stop(ctx, trip, &on_route).await?.unwrap_or(*next),
        };
        Ok(Some(trip.stops.iter().take(kept).copied().chain([stop]).collect()))
    }

    /// The stop of the trip that is nearest by road: people were let in or out there.
    async fn nearest_stop(
        &self,
        ctx: &Ctx,
        trip: &Trip,
        on_route: &VehicleOnRoute,
    ) -> Result<Option<Stop>, CommandError> {
        let Some(from) = on_route.path.at(on_route.earliest_m) else { return Ok(None) };
        let places: Vec<Coordinate> = trip.stops.iter().map(|stop| stop.at).collect();
        let reach = self.ports.routing.drive_estimates(ctx, &trip.site, &[from], &places, &trip.constraints).await?;
        let reached = reach.into_iter().flatten().zip(&trip.stops);
        let nearest = reached.filter_map(|(reach, stop)| Some((reach?.duration_ms, *stop))).min_by_key(|(ms, _)| *ms);
        Ok(nearest.map(|(_, stop)| stop))
    }
}

/// What a line leads into; what it begins in it leads out of.
fn ahead(obstacles: &[Obstacle]) -> impl Iterator<Item = &str> {
    obstacles.iter().filter(|obstacle| !obstacle.holds_start).map(|obstacle| obstacle.name.as_str())
}

pub(super) fn cut_by(obstacles: &[Obstacle]) -> Option<String> {
    let names: Vec<&str> = ahead(obstacles).collect();
    (!names.is_empty()).then(|| format!("the way is cut by {}", names.join(", ")))
}

/// Why a path does not lead where its trip goes any more.
pub(super) fn elsewhere(trip: &Trip, on_route: &VehicleOnRoute) -> Option<String> {
    let diversion = trip.diversion.as_ref()?;
    let leads_there = on_route.path.leads_to().is_some_and(|place| Some(place) == trip.destination());
    (!leads_there).then(|| format!("the trip is diverted: {}", diversion.reason))
}

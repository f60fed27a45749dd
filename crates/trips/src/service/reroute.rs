//! Another way for a vehicle under way (SAFE-9): where its present one is cut by a zone or closure, does not lead where
//! the trip goes any more, or a violation asks for it. It begins beyond what the vehicle needs to stop; where there is
//! none the vehicle is told to stop. A vehicle that waits by itself before a closed road is led on in the same way.

use kernel::envelope::RetentionClass;
use kernel::{Code, Coordinate, Ctx, TripId, VehicleId};
use store::{CommandError, Extras};

use super::drive::Drive;
use super::routes::Start;
use super::{RouteVersion, Trips};
use crate::limits::plain;
use crate::ports::{Obstacle, UnderWay, VehicleFacts};
use crate::trip::types::Stop;
use crate::trip::way::{NewWay, NoWay, WayAnswer};
use crate::trip::{Command, Status, Trip};

/// Deceleration that a planned stop counts on, in metres per second squared.
const DECELERATION_MPS2: f64 = 2.0;
/// Time until a command has reached the vehicle and acts, in seconds.
const REACTION_S: f64 = 2.0;
/// What positions may be wrong by, in metres.
const MARGIN_M: f64 = 30.0;
/// How far behind the place from which another way may begin people or load leave at the earliest: the vehicle drives on
/// while that way is found. In metres, and in seconds of its present speed.
const DROP_OFF_AHEAD: (f64, f64) = (50.0, 5.0);
/// A vehicle under way that was not heard of for so long may be anywhere on its way, in milliseconds: some ten samples.
const UNHEARD_MS: i64 = 10_000;
/// How often a way is found anew because the trip changed meanwhile.
const ATTEMPTS_MAX: usize = 4;

/// What is known of a vehicle on its drive.
pub(super) struct Driving {
    pub(super) vehicle: VehicleFacts,
    pub(super) drive: Drive,
    pub(super) here: UnderWay,
    /// The first place where it can turn to another way, in metres along its drive.
    earliest_m: f64,
}

impl Driving {
    /// Whether nobody knows where the vehicle is. It is not led around a zone or closure from a guess: it keeps out by
    /// itself, told before it went out of reach or when it comes back, and says so when it stands.
    fn is_unheard(&self, ctx: &Ctx) -> bool {
        ctx.now.since_ms(self.here.seen_at) > UNHEARD_MS
    }
}

impl Trips {
    /// Leads a trip's vehicle another way.
    ///
    /// # Errors
    /// [`CommandError::Fault`] when the store or a neighbour cannot answer.
    pub async fn reroute(&self, ctx: &Ctx, trip: TripId, why: &str) -> Result<(), CommandError> {
        self.look_at_way(ctx, trip, Some(why)).await
    }

    /// Takes what a vehicle said to another way that it was offered.
    ///
    /// # Errors
    /// [`CommandError::Fault`] when the store cannot answer.
    pub async fn reroute_answered(&self, ctx: &Ctx, trip: TripId, answer: WayAnswer) -> Result<(), CommandError> {
        self.command(ctx, trip, &Command::RerouteAnswered(answer), &[], safety()).await.map(drop)
    }

    /// Looks whether the rest of a trip's way may be driven and leads where the trip goes; finds another one where not,
    /// or where somebody says why.
    pub(crate) async fn look_at_way(&self, ctx: &Ctx, trip: TripId, why: Option<&str>) -> Result<(), CommandError> {
        for _ in 0..ATTEMPTS_MAX {
            let Some(known) = self.get(&ctx.tenant, trip).await? else { return Ok(()) };
            match self.change_way(ctx, &known, why).await {
                Err(CommandError::Reject(reject)) if reject.code == Code::Conflict => {}
                other => return other,
            }
        }
        Ok(())
    }

    async fn change_way(&self, ctx: &Ctx, trip: &Trip, why: Option<&str>) -> Result<(), CommandError> {
        if trip.status == Status::Waiting {
            return self.find_again(ctx, trip).await;
        }
        let Some(driving) = self.driving(ctx, trip).await?.filter(|_| trip.may_change_way()) else { return Ok(()) };
        let rest = driving.drive.line(driving.here.progress_m, driving.drive.length_m());
        let obstacles = self.ports.routing.obstacles(ctx, &trip.site, &rest).await?;
        if why.is_none() && elsewhere(trip, &driving).is_none() && driving.is_unheard(ctx) {
            return Ok(());
        }
        if let Some(inside) = obstacles.iter().find(|obstacle| obstacle.holds_start && obstacle.stops_inside) {
            let reason = format!("the vehicle is inside {}, where all must stand still", inside.name);
            return self.no_way(ctx, trip, driving.vehicle.vehicle, "INSIDE_CLOSURE", reason).await;
        }
        let Some(why) = why.map(str::to_owned).or_else(|| cut_by(&obstacles)).or_else(|| elsewhere(trip, &driving))
        else {
            return Ok(());
        };
        match self.find_another(ctx, trip, &driving).await? {
            Ok(Some(version)) => self.offer(ctx, trip.id, driving.vehicle.vehicle, version, why).await,
            // It is about to arrive, and what is left may be driven.
            Ok(None) if ahead(&obstacles).next().is_none() => Ok(()),
            Ok(None) => self.no_way(ctx, trip, driving.vehicle.vehicle, "TOO_CLOSE", why).await,
            Err((code, reason)) => {
                let reason = format!("{why}; {reason}");
                self.no_way(ctx, trip, driving.vehicle.vehicle, code, reason).await
            }
        }
    }

    /// A trip that waits gets its route found again where a zone or closure cuts it.
    async fn find_again(&self, ctx: &Ctx, trip: &Trip) -> Result<(), CommandError> {
        let Some(route) = &trip.route else { return Ok(()) };
        let Some(drive) = self.drive(&ctx.tenant, route.route).await? else { return Ok(()) };
        let line: Vec<Coordinate> = drive.points().collect();
        match self.ports.routing.obstacles(ctx, &trip.site, &line).await?.is_empty() {
            true => Ok(()),
            false => self.plan(ctx, trip, None).await.map(drop),
        }
    }

    pub(super) async fn driving(&self, ctx: &Ctx, trip: &Trip) -> Result<Option<Driving>, CommandError> {
        let (Some(vehicle), Some(route)) = (trip.vehicle(), &trip.route) else { return Ok(None) };
        let Some(drive) = self.drive(&ctx.tenant, route.route).await? else { return Ok(None) };
        let Some(facts) = self.ports.fleet.vehicle(ctx, vehicle).await? else { return Ok(None) };
        let seen = self.ports.positions.under_way(ctx, vehicle, trip.id).await?;
        // A vehicle that has not told anything of this trip yet stands where its drive begins, or just set out.
        let here = seen.unwrap_or(UnderWay { progress_m: 0.0, speed_mps: 0.0, seen_at: ctx.now });
        // What it reported when it stopped is newer than its last sample can be trusted to be.
        let stands_at =
            |at| UnderWay { progress_m: drive.nearest(at, here.progress_m), speed_mps: 0.0, seen_at: ctx.now };
        let here = trip.held_back_at.map_or(here, stands_at);
        let unseen_s = ctx.now.since_ms(here.seen_at).max(0) as f64 / 1_000.0;
        let stopping_m = here.speed_mps * here.speed_mps / (2.0 * DECELERATION_MPS2);
        // Who stands before a closed road turns where it stands.
        let margin_m = if trip.held_back_at.is_some() { 0.0 } else { MARGIN_M };
        let earliest_m = here.progress_m + here.speed_mps * (REACTION_S + unseen_s) + stopping_m + margin_m;
        Ok(Some(Driving { vehicle: facts, drive, here, earliest_m }))
    }

    /// Another way: from the next crossing if that can be reached, else from as soon as the vehicle can turn. `None` where
    /// it is too close to its end for either; else why there is none, as stable code and for a person.
    async fn find_another(
        &self,
        ctx: &Ctx,
        trip: &Trip,
        driving: &Driving,
    ) -> Result<Result<Option<RouteVersion>, (&'static str, String)>, CommandError> {
        let (drive, earliest_m) = (&driving.drive, driving.earliest_m);
        if earliest_m >= drive.length_m() {
            return Ok(Ok(None));
        }
        let crossing_m = Some(drive.step_end(earliest_m)).filter(|crossing_m| *crossing_m < drive.length_m());
        let mut why = ("TOO_CLOSE", String::new());
        for begins_at_m in crossing_m.into_iter().chain([earliest_m]) {
            let until = drive.line(driving.here.progress_m, begins_at_m);
            let before = self.ports.routing.obstacles(ctx, &trip.site, &until).await?;
            if let Some(cut) = cut_by(&before) {
                why.1 = format!("{cut}, before the vehicle can turn");
                continue;
            }
            match self.find_from(ctx, trip, driving, begins_at_m, &[]).await? {
                Ok(version) => return Ok(Ok(Some(version))),
                Err(reason) => why = ("NO_LEGAL_EXIT", reason),
            }
        }
        Ok(Err(why))
    }

    /// Another way from a place on the drive, by way of the places that somebody chose; else why there is none.
    pub(super) async fn find_from(
        &self,
        ctx: &Ctx,
        trip: &Trip,
        driving: &Driving,
        begins_at_m: f64,
        via: &[Coordinate],
    ) -> Result<Result<RouteVersion, String>, CommandError> {
        let (Some(from), Some(route)) = (driving.drive.at(begins_at_m), &trip.route) else {
            return Ok(Err("the present way has no line".into()));
        };
        // The stops of a diversion are fewer than those of the drive until then.
        let first_stop = driving.drive.stops_until(begins_at_m).min(trip.stops.len().saturating_sub(1));
        let continues = Some((route.route, begins_at_m));
        let start = Start { vehicle: &driving.vehicle, from, via, first_stop, continues };
        let version = match self.find_route(ctx, trip, &trip.constraints, Some(start)).await? {
            Ok(version) => version,
            Err(wait) => return Ok(Err(wait.reason)),
        };
        if version.approach.points.is_empty() && version.way.points.is_empty() {
            return Ok(Err("it ends where it begins".into()));
        }
        // Roads are closed as a whole, and one that is left may lead through what is drawn farther on.
        let line: Vec<Coordinate> = version.approach.points.iter().chain(&version.way.points).copied().collect();
        let obstacles = self.ports.routing.obstacles(ctx, &trip.site, &line).await?;
        Ok(cut_by(&obstacles).map_or(Ok(version), Err))
    }

    async fn offer(
        &self,
        ctx: &Ctx,
        trip: TripId,
        vehicle: VehicleId,
        version: RouteVersion,
        reason: String,
    ) -> Result<(), CommandError> {
        let extras = Extras { rows: vec![version.row()?], ..safety() };
        let new = NewWay { vehicle, begins_at_m: version.begins_at_m, route: version.summary, reason };
        self.command(ctx, trip, &Command::Reroute(Box::new(new)), &[], extras).await.map(drop)
    }

    async fn no_way(
        &self,
        ctx: &Ctx,
        trip: &Trip,
        vehicle: VehicleId,
        code: &str,
        reason: String,
    ) -> Result<(), CommandError> {
        let none = NoWay { vehicle, code: code.into(), reason };
        self.command(ctx, trip.id, &Command::NoWay(none), &[], safety()).await.map(drop)
    }

    /// The stops of an occupied trip that is called off: those that its vehicle cannot pass by any more, then the place
    /// where people or load leave. `None` where nothing is known of its drive.
    pub(crate) async fn stops_of_diversion(&self, ctx: &Ctx, trip: &Trip) -> Result<Option<Vec<Stop>>, CommandError> {
        let Some(driving) = self.driving(ctx, trip).await? else { return Ok(None) };
        let kept = driving.drive.stops_until(driving.earliest_m);
        let Some(next) = trip.stops.get(kept) else { return Ok(Some(trip.stops.clone())) };
        let ahead_m = driving.earliest_m + DROP_OFF_AHEAD.0 + driving.here.speed_mps * DROP_OFF_AHEAD.1;
        let on_way = driving.drive.standing_place_from(ahead_m);
        let at = match on_way.filter(|place_m| driving.drive.stops_until(*place_m) == kept) {
            Some(place_m) => {
                let until = driving.drive.line(driving.here.progress_m, place_m);
                let obstacles = self.ports.routing.obstacles(ctx, &trip.site, &until).await?;
                cut_by(&obstacles).is_none().then(|| driving.drive.at(place_m)).flatten()
            }
            // The next stop comes first.
            None => Some(next.at),
        };
        let stop = match at {
            Some(at) => Stop { at: Coordinate::new(plain(at.lat()), plain(at.lon())).unwrap_or(at) },
            None => self.nearest_stop(ctx, trip, &driving).await?.unwrap_or(*next),
        };
        Ok(Some(trip.stops.iter().take(kept).copied().chain([stop]).collect()))
    }

    /// The stop of the trip that is nearest by road: people were let in or out there.
    async fn nearest_stop(&self, ctx: &Ctx, trip: &Trip, driving: &Driving) -> Result<Option<Stop>, CommandError> {
        let Some(from) = driving.drive.at(driving.earliest_m) else { return Ok(None) };
        let places: Vec<Coordinate> = trip.stops.iter().map(|stop| stop.at).collect();
        let reach = self.ports.routing.reach(ctx, &trip.site, &[from], &places, &trip.constraints).await?;
        let reached = reach.into_iter().flatten().zip(&trip.stops);
        let nearest = reached.filter_map(|(reach, stop)| Some((reach?.duration_ms, *stop))).min_by_key(|(ms, _)| *ms);
        Ok(nearest.map(|(_, stop)| stop))
    }
}

pub(super) fn safety() -> Extras {
    Extras { retention: Some(RetentionClass::Safety), ..Extras::default() }
}

/// What a line leads into; what it begins in it leads out of.
fn ahead(obstacles: &[Obstacle]) -> impl Iterator<Item = &str> {
    obstacles.iter().filter(|obstacle| !obstacle.holds_start).map(|obstacle| obstacle.name.as_str())
}

pub(super) fn cut_by(obstacles: &[Obstacle]) -> Option<String> {
    let names: Vec<&str> = ahead(obstacles).collect();
    (!names.is_empty()).then(|| format!("the way is cut by {}", names.join(", ")))
}

/// Why a drive does not lead where its trip goes any more.
pub(super) fn elsewhere(trip: &Trip, driving: &Driving) -> Option<String> {
    let diversion = trip.diversion.as_ref()?;
    let leads_there = driving.drive.leads_to().is_some_and(|place| Some(place) == trip.destination());
    (!leads_there).then(|| format!("the trip is diverted: {}", diversion.reason))
}

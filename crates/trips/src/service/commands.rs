//! The commands of trips to vehicles: to drive, to take another route, to go on, to leave, to stop or slow down for a violation; and what
//! follows from their answers.

use commands::{CLEARANCE, CommandSource, NewCommand, Outcome, clearance, id_of_event};
use kernel::assist::Answer;
use kernel::id::{AssistId, TypedId, ViolationId};
use kernel::{Aggregate, BoxFuture, CommandId, Ctx, Envelope, RouteId, TenantId, Timestamp, TripId};
use link::delivery::Delivery;
use link::v1::{self, command::Body};
use store::port::Fault;
use store::{CommandError, sequence};

use super::{AssistanceService, Leg, RouteVersion, Trips};
use crate::assistance::events::AssistAnswered;
use crate::assistance::{AssistEvent, Assistance};
use crate::trip::events::{TripAssigned, TripRerouted, TripResumeOrdered, TripViolationOpened};
use crate::trip::reroute::RerouteAnswer;
use crate::trip::{Trip, TripEvent};

/// How long people get to board or leave, in milliseconds of the vehicle's own time.
const DWELL_MS: u64 = 20_000;

/// What a person's answer is called among commands.
const ASSIST: &str = "assist";

/// How many events of a trip are looked at in one read for the opening of a violation, which mostly is among the last.
const EVENTS_BACK: u64 = 64;

impl CommandSource for Trips {
    fn command_for<'a>(&'a self, event: &'a Envelope) -> BoxFuture<'a, Result<Option<NewCommand>, Fault>> {
        Box::pin(self.command_of_trip(event))
    }

    fn answered<'a>(
        &'a self,
        ctx: &'a Ctx,
        command: &'a v1::Command,
        outcome: &'a Outcome,
    ) -> BoxFuture<'a, Result<(), CommandError>> {
        Box::pin(async move {
            let refused = outcome.refused.clone();
            match asked(command) {
                Some(Question::Reroute(trip, route)) => {
                    let Ok(vehicle) = ctx.actor.id.parse() else { return Ok(()) };
                    self.reroute_answered(ctx, trip, RerouteAnswer { vehicle, route, refused }).await
                }
                Some(Question::Resume(trip, route)) => self.resume_answered(ctx, trip, route, refused).await,
                // Where it only obeys so far, it leaves the trip once it stands.
                Some(Question::Leave(trip, claim_epoch)) if outcome.state == Delivery::Done => {
                    self.vehicle_left(ctx, trip, claim_epoch).await
                }
                Some(Question::Leave(..) | Question::Assist(..)) | None => Ok(()),
            }
        })
    }
}

/// Answers by which the vehicle goes on reach it by the trip's order.
impl CommandSource for AssistanceService {
    fn command_for<'a>(&'a self, event: &'a Envelope) -> BoxFuture<'a, Result<Option<NewCommand>, Fault>> {
        let command = match Assistance::event_in(event) {
            Some((assist, AssistEvent::Answered(answered))) if !answered.answer.moves() => {
                let AssistAnswered { trip, vehicle, claim_epoch, answer, .. } = answered;
                let body = assist_answer(assist, answer.as_str(), trip.to_string(), None, Vec::new());
                Some(NewCommand { id: id_of_event(event.id), vehicle, kind: ASSIST, claim_epoch, body })
            }
            _ => None,
        };
        Box::pin(async { Ok(command) })
    }

    fn answered<'a>(
        &'a self,
        ctx: &'a Ctx,
        command: &'a v1::Command,
        outcome: &'a Outcome,
    ) -> BoxFuture<'a, Result<(), CommandError>> {
        Box::pin(async move {
            match asked(command) {
                Some(Question::Assist(assist, answer)) => {
                    self.vehicle_answered(ctx, assist, answer, outcome.refused.clone()).await
                }
                _ => Ok(()),
            }
        })
    }
}

/// A command whose answer somebody waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Question {
    Reroute(TripId, RouteId),
    /// Go on, by another route where there is one.
    Resume(TripId, Option<RouteId>),
    /// Do as a person answered, standing.
    Assist(AssistId, Answer),
    /// Leave the trip that was under this claim.
    Leave(TripId, u64),
}

fn asked(command: &v1::Command) -> Option<Question> {
    let route = |route: &Option<v1::Route>| route.as_ref().and_then(|route| route.route_id.parse().ok());
    match command.body.as_ref()? {
        Body::Reroute(body) => Some(Question::Reroute(body.trip_id.parse().ok()?, route(&body.route)?)),
        Body::Cancel(body) => Some(Question::Leave(body.trip_id.parse().ok()?, command.claim_epoch)),
        Body::Resume(body) => Some(Question::Resume(body.trip_id.parse().ok()?, route(&body.path))),
        Body::AssistAnswer(body) => match body.answer.parse::<Answer>().ok()? {
            moving if moving.moves() => Some(Question::Resume(body.trip_id.parse().ok()?, route(&body.path))),
            standing => Some(Question::Assist(body.request_id.parse().ok()?, standing)),
        },
        _ => None,
    }
}

impl Trips {
    async fn command_of_trip(&self, event: &Envelope) -> Result<Option<NewCommand>, Fault> {
        let Some((trip, body)) = Trip::event_in(event) else { return Ok(None) };
        let id = id_of_event(event.id);
        match body {
            TripEvent::Assigned(assigned) => self.dispatch(event, id, trip, &assigned).await,
            TripEvent::Rerouted(rerouted) => self.reroute_command(&event.tenant, id, trip, &rerouted).await,
            TripEvent::ResumeOrdered(ordered) => self.resume_command(&event.tenant, id, trip, ordered).await,
            TripEvent::ViolationClosed(closed) if !self.restricted(event, closed.violation).await? => Ok(None),
            other => Ok(of_trip(id, trip, other)),
        }
    }

    async fn dispatch(
        &self,
        event: &Envelope,
        id: CommandId,
        trip: TripId,
        assigned: &TripAssigned,
    ) -> Result<Option<NewCommand>, Fault> {
        let tenant = &event.tenant;
        let Some(version) = self.version(tenant, assigned.route.route).await? else { return Ok(None) };
        // The window of a trip never changes.
        let earliest = allowed(self.get(tenant, trip).await)?.flatten().and_then(|trip| trip.window.earliest);
        let dispatch = v1::Dispatch {
            trip_id: trip.to_string(),
            route: Some(wire_route(&version)),
            constraints: Some(v1::Constraints {
                max_speed_mps: assigned.constraints.max_speed_mps.unwrap_or(0.0),
                valid_until_us: assigned.constraints.ends_at(event.recorded_at).map_or(0, Timestamp::as_us),
                policy_digest: version.summary.policy_digest.clone(),
            }),
            claim_valid_for_ms: assigned.claim_valid_for_s * 1_000,
            pickup_dwell_ms: DWELL_MS,
            dropoff_dwell_ms: DWELL_MS,
            leave_not_before_us: earliest.map_or(0, Timestamp::as_us),
        };
        Ok(Some(NewCommand {
            id,
            vehicle: assigned.vehicle,
            kind: "dispatch",
            claim_epoch: assigned.claim_epoch,
            body: Body::Dispatch(dispatch),
        }))
    }

    async fn reroute_command(
        &self,
        tenant: &TenantId,
        id: CommandId,
        trip: TripId,
        rerouted: &TripRerouted,
    ) -> Result<Option<NewCommand>, Fault> {
        let Some(version) = self.version(tenant, rerouted.route.route).await? else { return Ok(None) };
        let reroute = v1::Reroute { trip_id: trip.to_string(), route: Some(wire_route(&version)) };
        Ok(Some(NewCommand {
            id,
            vehicle: rerouted.vehicle,
            kind: "reroute",
            claim_epoch: rerouted.claim_epoch,
            body: Body::Reroute(reroute),
        }))
    }

    async fn resume_command(
        &self,
        tenant: &TenantId,
        id: CommandId,
        trip: TripId,
        ordered: TripResumeOrdered,
    ) -> Result<Option<NewCommand>, Fault> {
        let path = match &ordered.route {
            Some(summary) => self.version(tenant, summary.route).await?.as_ref().map(wire_route),
            None => None,
        };
        let (trip_id, vehicle, claim_epoch) = (trip.to_string(), ordered.vehicle, ordered.claim_epoch);
        let cleared_command_ids = ordered.clears.into_iter().map(|event| id_of_event(event).to_string()).collect();
        let (kind, body) = match ordered.assist {
            None => ("resume", Body::Resume(v1::Resume { trip_id, cleared_command_ids, path })),
            Some(assist) => {
                let answer = if path.is_some() { Answer::ChoosePath } else { Answer::Proceed };
                (ASSIST, assist_answer(assist, answer.as_str(), trip_id, path, cleared_command_ids))
            }
        };
        Ok(Some(NewCommand { id, vehicle, kind, claim_epoch, body }))
    }

    /// Whether the vehicle was told anything when a violation was opened: of a warning there is nothing to end. Where the
    /// opening is not found it counts as told, because an end too many moves nothing.
    async fn restricted(&self, closed: &Envelope, violation: ViolationId) -> Result<bool, Fault> {
        let mut end = closed.stream_seq.saturating_sub(1);
        while end > 0 {
            let begin = end.saturating_sub(EVENTS_BACK);
            let limit = usize::try_from(end - begin).unwrap_or(usize::MAX);
            let entries = self.store.timeline(&closed.tenant, &closed.stream, begin, limit).await?;
            for entry in entries.iter().rev() {
                match Trip::event_in(&sequence::envelope(entry)?) {
                    Some((_, TripEvent::ViolationOpened(opened))) if opened.violation == violation => {
                        return Ok(tells_vehicle(&opened));
                    }
                    _ => {}
                }
            }
            end = begin;
        }
        Ok(true)
    }

    async fn version(&self, tenant: &TenantId, route: RouteId) -> Result<Option<RouteVersion>, Fault> {
        match allowed(self.route_version(tenant, route).await)? {
            Some(None) => Err(Fault::Misuse("an event names a route that was not written with it")),
            version => Ok(version.flatten()),
        }
    }
}

/// The answer of a read; `None` where it was refused.
fn allowed<T>(answer: Result<T, CommandError>) -> Result<Option<T>, Fault> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(CommandError::Fault(fault)) => Err(fault),
        Err(CommandError::Reject(_) | CommandError::Fenced(_)) => Ok(None),
    }
}

fn of_trip(id: CommandId, trip: TripId, event: TripEvent) -> Option<NewCommand> {
    let cancel = |vehicle, claim_epoch, reason| NewCommand {
        id,
        vehicle,
        kind: "cancel",
        claim_epoch,
        body: cancel_body(trip, reason),
    };
    match event {
        TripEvent::Withdrawn(taken) => Some(cancel(taken.vehicle, taken.claim_epoch, taken.reason)),
        // A vehicle whose own report says that it left needs not be told.
        TripEvent::Unassigned(lost) if lost.report.is_none() => {
            Some(cancel(lost.vehicle, lost.claim_epoch, lost.reason))
        }
        TripEvent::Cancelled(cancelled) => Some(cancel(cancelled.vehicle?, cancelled.claim_epoch?, cancelled.reason)),
        TripEvent::Failed(failed) => Some(cancel(failed.vehicle?, failed.claim_epoch?, failed.reason)),
        TripEvent::RerouteFailed(failed) => Some(NewCommand {
            id,
            vehicle: failed.vehicle,
            kind: "stop",
            claim_epoch: failed.claim_epoch,
            body: stop_of_trip(trip, failed.reason),
        }),
        TripEvent::ViolationOpened(opened) => of_violation(trip, &opened),
        TripEvent::ViolationClosed(closed) => Some(NewCommand {
            id,
            vehicle: closed.vehicle,
            kind: CLEARANCE,
            claim_epoch: 0,
            body: clearance(violation_command(closed.violation)),
        }),
        _ => None,
    }
}

fn assist_answer(
    assist: AssistId,
    answer: &str,
    trip_id: String,
    path: Option<v1::Route>,
    cleared_command_ids: Vec<String>,
) -> Body {
    let (request_id, answer) = (assist.to_string(), answer.to_owned());
    Body::AssistAnswer(v1::AssistAnswer { request_id, answer, path, trip_id, cleared_command_ids })
}

/// The command that answers a violation has the violation's own id, so that its end can name it.
fn violation_command(violation: ViolationId) -> CommandId {
    CommandId::from_u128(violation.as_u128())
}

fn tells_vehicle(opened: &TripViolationOpened) -> bool {
    matches!((opened.response, opened.max_speed_mps), (policy::Response::Stop, _) | (policy::Response::Slow, Some(_)))
}

fn of_violation(trip: TripId, opened: &TripViolationOpened) -> Option<NewCommand> {
    let reason = opened.text.clone();
    let (kind, body) = match (opened.response, opened.max_speed_mps) {
        (policy::Response::Stop, _) => ("stop", stop_of_trip(trip, reason)),
        (policy::Response::Slow, Some(max_speed_mps)) => {
            let (scope, trip_id) = (v1::Scope::Trip.into(), trip.to_string());
            ("slow", Body::Slow(v1::Slow { max_speed_mps, reason, scope, trip_id }))
        }
        // Another route is found by trips, which tells of it by an event of its own; a warning is no command.
        _ => return None,
    };
    let id = violation_command(opened.violation);
    Some(NewCommand { id, vehicle: opened.vehicle, kind, claim_epoch: opened.claim_epoch, body })
}

/// A stop at the nearest admissible place that holds until the trip ends.
fn stop_of_trip(trip: TripId, reason: String) -> Body {
    let (class, scope) = (v1::StopClass::NearestAdmissible.into(), v1::Scope::Trip.into());
    Body::Stop(v1::Stop { class, reason, scope, trip_id: trip.to_string(), place: None })
}

/// The end of a trip for its vehicle, as it goes over the wire.
pub fn cancel_body(trip: TripId, reason: String) -> Body {
    Body::Cancel(v1::Cancel { trip_id: trip.to_string(), reason })
}

fn wire_route(version: &RouteVersion) -> v1::Route {
    let length_m: f64 = version.approach.steps.iter().chain(&version.trip_leg.steps).map(|step| step.length_m).sum();
    v1::Route {
        route_id: version.summary.route.to_string(),
        version: version.summary.version,
        map_digest: version.summary.map_digest.clone(),
        policy_digest: version.summary.policy_digest.clone(),
        approach: Some(wire_leg(&version.approach)),
        trip: Some(wire_leg(&version.trip_leg)),
        released_to_m: length_m,
        stops_m: version.stops_between_m(),
    }
}

fn wire_leg(leg: &Leg) -> v1::Leg {
    let points = leg.points.iter().map(|point| v1::Point { lat: point.lat(), lon: point.lon() });
    let steps = leg.steps.iter().map(|step| v1::Step {
        length_m: step.length_m,
        speed_mps: step.speed_mps,
        no_stop: step.no_stop,
    });
    v1::Leg { points: points.collect(), steps: steps.collect() }
}

//! What the journal implies for vehicles: reads events behind a durable cursor and writes one command row for each
//! that a vehicle must hear of. The same event always gives the same command.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kernel::assist::Answer;
use kernel::id::{AssistId, HoldId, TypedId, ViolationId};
use kernel::{Aggregate, BoxFuture, CommandId, DomainEvent, Envelope, RouteId, TenantId, Timestamp, VehicleId};
use link::v1::{self, command::Body};
use store::port::{Fault, Store};
use store::sequence;
use store::subscribe::Subscriber;
use store::{CommandError, RowWrite};
use trips::trip::events::{TripAssigned, TripRerouted, TripResumeOrdered, TripViolationOpened};
use trips::{AssistEvent, Assistance, Leg, RouteVersion, Trip, TripEvent, Trips};

use super::backend::trip_text;
use super::commands::{self, CLEARANCE, StoredCommand, clearance, id_of_event};
use crate::Gateway;
use fleet::vehicle::{HoldTiming, StopClass, VehicleEvent};
use fleet::{Site, Vehicle};

/// How long people get to board or leave, in milliseconds of the vehicle's own time.
const DWELL_MS: u64 = 20_000;

/// What a person's answer is called among commands.
const ASSIST: &str = "assist";

/// How many events of a trip are looked at in one read for the opening of a violation, which mostly is among the last.
const EVENTS_BACK: u64 = 64;

/// A command that an event implies.
struct Implied {
    id: CommandId,
    vehicle: VehicleId,
    kind: &'static str,
    claim_epoch: u64,
    body: Body,
}

/// The subscriber that turns events into commands.
pub struct Outbox {
    store: Arc<dyn Store>,
    trips: Arc<Trips>,
    /// Vehicles whose sessions must look, once the rows are written.
    touched: Mutex<BTreeMap<TenantId, Touched>>,
}

#[derive(Default)]
struct Touched {
    vehicles: Vec<VehicleId>,
    /// Something at one of the tenant's sites changed, which concerns every vehicle.
    all: bool,
}

impl Outbox {
    /// The outbox over a store; routes come from trips.
    pub fn new(store: Arc<dyn Store>, trips: Arc<Trips>) -> Self {
        Self { store, trips, touched: Mutex::default() }
    }

    /// Lets the sessions of a tenant's vehicles with new commands look. Called after the rows are written; a session that
    /// begins later looks by itself.
    pub fn notify_sessions(&self, gateway: &Gateway, tenant: &TenantId) {
        let Some(touched) = self.touched().remove(tenant) else { return };
        // First what holds at the site: no session may send an order by it before its vehicle knows it.
        if touched.all {
            gateway.sessions.ring_rules(tenant);
        }
        touched.vehicles.iter().for_each(|vehicle| gateway.sessions.ring(tenant, *vehicle));
    }

    fn touched(&self) -> MutexGuard<'_, BTreeMap<TenantId, Touched>> {
        self.touched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn implied(&self, event: &Envelope) -> Result<Option<Implied>, Fault> {
        let id = id_of_event(event.id);
        match event.stream.kind() {
            Trip::KIND => {
                let (Ok(trip), Ok(body)) =
                    (event.stream.id().parse(), TripEvent::decode(&event.r#type, event.version, &event.body))
                else {
                    return Ok(None);
                };
                match body {
                    TripEvent::Assigned(assigned) => self.dispatch(&event.tenant, id, trip, &assigned).await,
                    TripEvent::Rerouted(rerouted) => self.reroute(&event.tenant, id, trip, &rerouted).await,
                    TripEvent::ResumeOrdered(ordered) => self.resume(&event.tenant, id, trip, ordered).await,
                    TripEvent::ViolationClosed(closed) if !self.restricted(event, closed.violation).await? => Ok(None),
                    other => Ok(of_trip(id, trip, other)),
                }
            }
            Assistance::KIND => {
                let body = AssistEvent::decode(&event.r#type, event.version, &event.body);
                let assist = event.stream.id().parse();
                Ok(assist.ok().zip(body.ok()).and_then(|(assist, body)| of_assistance(id, assist, body)))
            }
            Vehicle::KIND => {
                let body = VehicleEvent::decode(&event.r#type, event.version, &event.body);
                let vehicle = event.stream.id().parse();
                Ok(vehicle.ok().zip(body.ok()).and_then(|(vehicle, body)| of_vehicle(id, vehicle, body)))
            }
            _ => Ok(None),
        }
    }

    async fn dispatch(
        &self,
        tenant: &TenantId,
        id: CommandId,
        trip: kernel::TripId,
        assigned: &TripAssigned,
    ) -> Result<Option<Implied>, Fault> {
        let Some(version) = self.version(tenant, assigned.route.route).await? else { return Ok(None) };
        // The window of a trip never changes.
        let earliest = answered(self.trips.get(tenant, trip).await)?.flatten().and_then(|trip| trip.window.earliest);
        let dispatch = v1::Dispatch {
            trip_id: trip.to_string(),
            route: Some(wire_route(&version)),
            constraints: Some(v1::Constraints {
                max_speed_mps: assigned.constraints.max_speed_mps.unwrap_or(0.0),
                valid_until_us: 0,
                policy_digest: version.summary.policy_digest.clone(),
            }),
            claim_valid_for_ms: assigned.claim_valid_for_s * 1_000,
            pickup_dwell_ms: DWELL_MS,
            dropoff_dwell_ms: DWELL_MS,
            leave_not_before_us: earliest.map_or(0, Timestamp::as_us),
        };
        Ok(Some(Implied {
            id,
            vehicle: assigned.vehicle,
            kind: "dispatch",
            claim_epoch: assigned.claim_epoch,
            body: Body::Dispatch(dispatch),
        }))
    }

    async fn reroute(
        &self,
        tenant: &TenantId,
        id: CommandId,
        trip: kernel::TripId,
        rerouted: &TripRerouted,
    ) -> Result<Option<Implied>, Fault> {
        let Some(version) = self.version(tenant, rerouted.route.route).await? else { return Ok(None) };
        let reroute = v1::Reroute { trip_id: trip.to_string(), route: Some(wire_route(&version)) };
        Ok(Some(Implied {
            id,
            vehicle: rerouted.vehicle,
            kind: "reroute",
            claim_epoch: rerouted.claim_epoch,
            body: Body::Reroute(reroute),
        }))
    }

    async fn resume(
        &self,
        tenant: &TenantId,
        id: CommandId,
        trip: kernel::TripId,
        ordered: TripResumeOrdered,
    ) -> Result<Option<Implied>, Fault> {
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
        Ok(Some(Implied { id, vehicle, kind, claim_epoch, body }))
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
                let event = sequence::envelope(entry)?;
                match TripEvent::decode(&event.r#type, event.version, &event.body) {
                    Ok(TripEvent::ViolationOpened(opened)) if opened.violation == violation => {
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
        match answered(self.trips.route_version(tenant, route).await)? {
            Some(None) => Err(Fault::Misuse("an event names a route that was not written with it")),
            version => Ok(version.flatten()),
        }
    }
}

/// The answer of a neighbour; `None` where it refused.
fn answered<T>(answer: Result<T, CommandError>) -> Result<Option<T>, Fault> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(CommandError::Fault(fault)) => Err(fault),
        Err(CommandError::Reject(_) | CommandError::Fenced(_)) => Ok(None),
    }
}

fn of_trip(id: CommandId, trip: kernel::TripId, event: TripEvent) -> Option<Implied> {
    let cancel = |vehicle, claim_epoch, reason| Implied {
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
        TripEvent::RerouteFailed(failed) => Some(Implied {
            id,
            vehicle: failed.vehicle,
            kind: "stop",
            claim_epoch: failed.claim_epoch,
            body: stop_of_trip(trip, failed.reason),
        }),
        TripEvent::ViolationOpened(opened) => of_violation(trip, &opened),
        TripEvent::ViolationClosed(closed) => Some(Implied {
            id,
            vehicle: closed.vehicle,
            kind: CLEARANCE,
            claim_epoch: 0,
            body: clearance(violation_command(closed.violation)),
        }),
        _ => None,
    }
}

/// Answers by which the vehicle goes on reach it by the trip's order.
fn of_assistance(id: CommandId, assist: AssistId, event: AssistEvent) -> Option<Implied> {
    let AssistEvent::Answered(answered) = event else { return None };
    if answered.answer.moves() {
        return None;
    }
    let body = assist_answer(assist, answered.answer.as_str(), answered.trip.to_string(), None, Vec::new());
    let (vehicle, claim_epoch) = (answered.vehicle, answered.claim_epoch);
    Some(Implied { id, vehicle, kind: ASSIST, claim_epoch, body })
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

fn of_violation(trip: kernel::TripId, opened: &TripViolationOpened) -> Option<Implied> {
    let reason = opened.text.clone();
    let (kind, body) = match (opened.response, opened.max_speed_mps) {
        (policy::Response::Stop, _) => ("stop", stop_of_trip(trip, reason)),
        (policy::Response::Slow, Some(max_speed_mps)) => {
            let (scope, trip_id) = (v1::Scope::Trip.into(), trip_text(Some(trip)));
            ("slow", Body::Slow(v1::Slow { max_speed_mps, reason, scope, trip_id }))
        }
        // Another way is found by trips, which tells of it by an event of its own; a warning is no command.
        _ => return None,
    };
    let id = violation_command(opened.violation);
    Some(Implied { id, vehicle: opened.vehicle, kind, claim_epoch: opened.claim_epoch, body })
}

/// A stop at the nearest admissible place that holds until the trip ends.
fn stop_of_trip(trip: kernel::TripId, reason: String) -> Body {
    let (class, scope) = (v1::StopClass::NearestAdmissible.into(), v1::Scope::Trip.into());
    Body::Stop(v1::Stop { class, reason, scope, trip_id: trip_text(Some(trip)), place: None })
}

fn of_vehicle(id: CommandId, vehicle: VehicleId, event: VehicleEvent) -> Option<Implied> {
    match event {
        VehicleEvent::StopOrdered(ordered) => {
            let body = stop_body(ordered.class, ordered.reason);
            Some(Implied { id: ordered.stop, vehicle, kind: "stop", claim_epoch: 0, body })
        }
        VehicleEvent::StopCleared(cleared) => {
            Some(Implied { id, vehicle, kind: CLEARANCE, claim_epoch: 0, body: clearance(cleared.stop) })
        }
        VehicleEvent::HoldPlaced(placed) => {
            // The command has the hold's own id, so that the release can name it.
            let id = CommandId::from_u128(placed.hold.as_u128());
            let body = ground_body(id, placed.timing, placed.reason);
            Some(Implied { id, vehicle, kind: "ground", claim_epoch: 0, body })
        }
        VehicleEvent::HoldReleased(released) => {
            let body = clearance(CommandId::from_u128(released.hold.as_u128()));
            Some(Implied { id, vehicle, kind: CLEARANCE, claim_epoch: 0, body })
        }
        _ => None,
    }
}

/// A hold, as it goes over the wire: the command has the hold's own id.
pub fn ground_body(id: CommandId, timing: HoldTiming, reason: String) -> Body {
    let when = match timing {
        HoldTiming::AfterTrip => v1::GroundWhen::AfterTrip,
        HoldTiming::NextAdmissible => v1::GroundWhen::NextAdmissible,
        HoldTiming::Now => v1::GroundWhen::Now,
    };
    let hold_id = HoldId::from_u128(id.as_u128()).to_string();
    Body::Ground(v1::Ground { when: when.into(), hold_id, reason })
}

/// The end of a trip for its vehicle, as it goes over the wire.
pub fn cancel_body(trip: kernel::TripId, reason: String) -> Body {
    Body::Cancel(v1::Cancel { trip_id: trip.to_string(), reason })
}

/// A stop of the whole vehicle, as it goes over the wire.
pub fn stop_body(class: StopClass, reason: String) -> Body {
    let class = match class {
        StopClass::Now => v1::StopClass::Now,
        StopClass::NearestAdmissible => v1::StopClass::NearestAdmissible,
    };
    Body::Stop(v1::Stop {
        class: class.into(),
        reason,
        scope: v1::Scope::Vehicle.into(),
        trip_id: String::new(),
        place: None,
    })
}

fn wire_route(version: &RouteVersion) -> v1::Route {
    let length_m: f64 = version.approach.steps.iter().chain(&version.way.steps).map(|step| step.length_m).sum();
    v1::Route {
        route_id: version.summary.route.to_string(),
        version: version.summary.version,
        map_digest: version.summary.map_digest.clone(),
        policy_digest: version.summary.policy_digest.clone(),
        approach: Some(wire_leg(&version.approach)),
        trip: Some(wire_leg(&version.way)),
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

impl Subscriber for Outbox {
    fn name(&self) -> &'static str {
        "vehicle-commands"
    }

    fn handle<'a>(&'a self, _index: u64, event: &'a Envelope) -> BoxFuture<'a, Result<Vec<RowWrite>, Fault>> {
        Box::pin(async move {
            metrics::counter!("atlasmesh_events_total", "type" => event.r#type.clone()).increment(1);
            let tenant = &event.tenant;
            if event.stream.kind() == Site::KIND {
                // What each vehicle lacks, its session finds by itself: now, or when the vehicle comes back.
                self.touched().entry(tenant.clone()).or_default().all = true;
            }
            let Some(implied) = self.implied(event).await? else { return Ok(Vec::new()) };
            let trip = (event.stream.kind() == Trip::KIND).then(|| event.stream.id());
            let (vehicle, command) = (implied.vehicle, implied.id);
            // A moment, not a time: the row is written with the cursor.
            drop(tracing::debug_span!("command.issue", %tenant, trip, %vehicle, %command, kind = implied.kind));
            self.touched().entry(tenant.clone()).or_default().vehicles.push(implied.vehicle);
            // A stop that left from memory is known already (SAFE-2).
            if commands::is_known(&*self.store, tenant, implied.vehicle, implied.id).await? {
                return Ok(Vec::new());
            }
            let Implied { id, vehicle, kind, claim_epoch, body } = implied;
            let command = StoredCommand::new(id, vehicle, kind, claim_epoch, event.recorded_at, body);
            Ok(vec![command.insert(id)?])
        })
    }
}

//! What the server says, checked by the vehicle. A permissive command with a wrong field is refused by name. A
//! restrictive one is never refused for a field: what is missing or wrong is read in the strictest sense, because a
//! stop with a bad place is still a stop. The one exception are a site's rules: an area that cannot be read says nothing of
//! where it is, so they are refused, and the server shows who does not keep them.

use kernel::assist::Answer;
use kernel::id::BootId;
use kernel::{CommandId, Coordinate, Timestamp, TripId};

use crate::check::{self, Checked, bad, required};
use crate::delivery::Class;
use crate::restrict::{Restriction, Scope};
use crate::route::{Route, required_route};
use crate::rules::{self, SiteRules};
use crate::{LinkError, v1};

/// The longest claim or waiting time that is plausible, in milliseconds: one day.
const DURATION_MS_MAX: u64 = 86_400_000;

/// How a stop is to be made (SAFE-5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StopClass {
    /// At a named place.
    AtPlace,
    /// At the next place where a vehicle may stand; the default.
    NearestAdmissible,
    /// At once, anywhere; in an inadmissible place it raises an assist.
    Now,
}

impl StopClass {
    pub(crate) fn from_wire(value: i32) -> Self {
        match v1::StopClass::try_from(value) {
            Ok(v1::StopClass::Now) => StopClass::Now,
            Ok(v1::StopClass::AtPlace) => StopClass::AtPlace,
            _ => StopClass::NearestAdmissible,
        }
    }
}

impl From<StopClass> for v1::StopClass {
    fn from(class: StopClass) -> Self {
        match class {
            StopClass::AtPlace => v1::StopClass::AtPlace,
            StopClass::NearestAdmissible => v1::StopClass::NearestAdmissible,
            StopClass::Now => v1::StopClass::Now,
        }
    }
}

/// When a grounding takes effect (SAFE-11).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GroundWhen {
    /// After the trip under way.
    AfterTrip,
    /// At the next admissible place.
    NextAdmissible,
    /// At once.
    Now,
}

/// The vehicle's claim as the server knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// The trip.
    pub trip: TripId,
    /// The epoch.
    pub epoch: u64,
    /// From the server time of the message that carried it.
    pub valid_for_ms: u64,
}

/// What the server holds durably of one boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watermark {
    /// The boot.
    pub boot: BootId,
    /// Every sample up to here.
    pub telemetry_through_seq: u64,
    /// Every report up to here.
    pub report_through_seq: u64,
}

/// What holds at the vehicle's site.
#[derive(Debug, Clone, PartialEq)]
pub struct Site {
    /// Its name, as text; empty: none.
    pub site_id: String,
    /// Metres per second; `None`: no limit beyond the routes' own.
    pub max_speed_mps: Option<f64>,
    /// Milliseconds; `None`: the vehicle's own choice.
    pub telemetry_interval_ms: Option<u64>,
}

/// The answer to Hello.
#[derive(Debug, Clone, PartialEq)]
pub struct Welcome {
    /// The server's time.
    pub server_time: Timestamp,
    /// How often to give a sign of life.
    pub heartbeat_interval_ms: u64,
    /// The vehicle's claim; `None`: it has no trip.
    pub claim: Option<Claim>,
    /// The current claim epoch, also without a claim.
    pub claim_epoch: u64,
    /// Per boot.
    pub watermarks: Vec<Watermark>,
    /// SHA-256 of the site's map in hexadecimal, or empty.
    pub map_digest: String,
    /// The site.
    pub site: Option<Site>,
}

/// What the decision behind a dispatch allows.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Constraints {
    /// Metres per second; `None`: no limit beyond the route's own.
    pub max_speed_mps: Option<f64>,
    /// Server time at which they end.
    pub valid_until: Option<Timestamp>,
}

/// A trip for this vehicle.
#[derive(Debug, Clone, PartialEq)]
pub struct Dispatch {
    /// The trip.
    pub trip: TripId,
    /// How to drive it.
    pub route: Route,
    /// Under which constraints.
    pub constraints: Constraints,
    /// Validity of the claim, from `issued_at`.
    pub claim_valid_for_ms: u64,
    /// How long to wait at the pickup.
    pub pickup_dwell_ms: u64,
    /// How long to wait at the drop-off.
    pub dropoff_dwell_ms: u64,
    /// Server time before which the vehicle does not leave the pickup; `None`: at any time.
    pub leave_not_before: Option<Timestamp>,
}

/// Going on after a stop: by an order, or as a person's answer to a request for help.
#[derive(Debug, Clone, PartialEq)]
pub struct Resume {
    /// With this trip.
    pub trip: TripId,
    /// Restrictive commands that end with this.
    pub clears: Vec<CommandId>,
    /// Another way from where the vehicle stands; `None`: the one that it has.
    pub path: Option<Route>,
}

/// What ends a restriction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clearance {
    /// The restrictive command with this id.
    Command(CommandId),
    /// Every restrictive command of this scope.
    Scope(Scope),
}

/// What a command wants.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// Drive a trip.
    Dispatch(Box<Dispatch>),
    /// Go on by another route.
    Reroute {
        /// On this trip.
        trip: TripId,
        /// By this route.
        route: Box<Route>,
    },
    /// Go on after a stop.
    Resume(Box<Resume>),
    /// A person's answer that moves nothing: wait, or a crew comes.
    Stay {
        /// Of this trip.
        trip: TripId,
    },
    /// End restrictions.
    Clearance(Clearance),
    /// Take motion away.
    Restrict(Restriction),
    /// Keep out of these areas from now on.
    Rules(SiteRules),
    /// A message that the protocol has had from its first version and that nothing here handles yet.
    Reserved(&'static str),
}

/// A command, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Command {
    /// Its id.
    pub id: CommandId,
    /// The claim that it acts under, if it is permissive.
    pub claim_epoch: u64,
    /// By its body, never by its claim to be one.
    pub class: Class,
    /// Server time; present on permissive commands.
    pub expires_at: Option<Timestamp>,
    /// Server time.
    pub issued_at: Timestamp,
    /// What it wants.
    pub body: Body,
}

/// A command that cannot be taken, and which one, so that it can be answered.
#[derive(Debug, thiserror::Error)]
#[error("a command cannot be read")]
pub struct CommandError {
    /// The command, if its id can be read.
    pub command: Option<CommandId>,
    /// What is wrong.
    #[source]
    pub cause: LinkError,
}

/// What the server says.
#[derive(Debug, Clone, PartialEq)]
pub enum ServerMessage {
    /// The answer to Hello.
    Welcome(Box<Welcome>),
    /// A command, not read yet: see [`read_command`].
    Command(Box<v1::Command>),
    /// Samples of that boot up to the number are durable.
    TelemetryAck {
        /// The boot.
        boot: BootId,
        /// Up to here.
        through_seq: u64,
    },
    /// Reports of that boot up to the number are durable.
    ReportAck {
        /// The boot.
        boot: BootId,
        /// Up to here.
        through_seq: u64,
    },
    /// The answer to a heartbeat.
    HeartbeatAck {
        /// The server's time.
        server_time: Timestamp,
        /// Of the heartbeat answered.
        counter: u64,
        /// The newest checkpoint of the tenant's log; empty: keep the one before.
        checkpoint: Vec<u8>,
    },
    /// The claim goes on.
    ClaimRenewal {
        /// The claim.
        claim: Claim,
        /// The server's time, from which the claim is valid.
        server_time: Timestamp,
    },
    /// The server is about to close the stream.
    Goodbye {
        /// Why.
        reason: String,
    },
}

/// Reads bytes of at most [`MESSAGE_BYTES_MAX`](crate::MESSAGE_BYTES_MAX).
///
/// # Errors
/// Too long, not of this protocol, or a field out of range.
pub fn decode_to_vehicle(bytes: &[u8]) -> Result<ServerMessage, LinkError> {
    to_vehicle(check::decode(bytes)?)
}

/// Checks every field of a message; a command is only unwrapped, because its errors are answered one by one.
///
/// # Errors
/// Names the field that is wrong.
pub fn to_vehicle(message: v1::ToVehicle) -> Result<ServerMessage, LinkError> {
    use v1::to_vehicle::Message as M;
    Ok(match required(message.message, "message")? {
        M::Welcome(m) => ServerMessage::Welcome(Box::new(welcome(m)?)),
        M::Command(m) => ServerMessage::Command(Box::new(m)),
        M::TelemetryAck(m) => ServerMessage::TelemetryAck {
            boot: check::id(&m.boot_id, "telemetry_ack.boot_id")?,
            through_seq: m.through_seq,
        },
        M::ReportAck(m) => ServerMessage::ReportAck {
            boot: check::id(&m.boot_id, "report_ack.boot_id")?,
            through_seq: m.through_report_seq,
        },
        M::HeartbeatAck(m) => ServerMessage::HeartbeatAck {
            server_time: check::time(m.server_time_us, "heartbeat_ack.server_time_us")?,
            counter: m.counter,
            checkpoint: check::checkpoint(m.checkpoint, "heartbeat_ack.checkpoint")?,
        },
        M::ClaimRenewal(m) => ServerMessage::ClaimRenewal {
            claim: Claim {
                trip: check::id(&m.trip_id, "claim_renewal.trip_id")?,
                epoch: m.claim_epoch,
                valid_for_ms: duration(m.valid_for_ms, "claim_renewal.valid_for_ms")?,
            },
            server_time: check::time(m.server_time_us, "claim_renewal.server_time_us")?,
        },
        M::Goodbye(m) => ServerMessage::Goodbye { reason: check::text(m.reason, "goodbye.reason")? },
    })
}

fn duration(ms: u64, field: &str) -> Checked<u64> {
    if ms <= DURATION_MS_MAX { Ok(ms) } else { bad(field, "expected at most one day") }
}

fn welcome(m: v1::Welcome) -> Checked<Welcome> {
    let claim = |c: v1::Claim| -> Checked<Claim> {
        Ok(Claim {
            trip: check::id(&c.trip_id, "welcome.claim.trip_id")?,
            epoch: c.claim_epoch,
            valid_for_ms: duration(c.valid_for_ms, "welcome.claim.valid_for_ms")?,
        })
    };
    let watermark = |w: v1::Watermark| -> Checked<Watermark> {
        Ok(Watermark {
            boot: check::id(&w.boot_id, "welcome.watermarks.boot_id")?,
            telemetry_through_seq: w.telemetry_through_seq,
            report_through_seq: w.report_through_seq,
        })
    };
    let watermarks = check::list(m.watermarks, "welcome.watermarks")?;
    if m.heartbeat_interval_ms == 0 {
        return bad("welcome.heartbeat_interval_ms", "expected more than 0");
    }
    Ok(Welcome {
        server_time: check::time(m.server_time_us, "welcome.server_time_us")?,
        heartbeat_interval_ms: duration(m.heartbeat_interval_ms, "welcome.heartbeat_interval_ms")?,
        claim: m.claim.map(claim).transpose()?,
        claim_epoch: m.claim_epoch,
        watermarks: watermarks.into_iter().map(watermark).collect::<Checked<_>>()?,
        map_digest: check::digest(m.map_digest, "welcome.map_digest")?,
        site: m.site.map(site).transpose()?,
    })
}

fn site(m: v1::SiteConfig) -> Checked<Site> {
    let max_speed_mps = check::speed(m.max_speed_mps, "welcome.site.max_speed_mps")?;
    let interval_ms = duration(m.telemetry_interval_ms, "welcome.site.telemetry_interval_ms")?;
    Ok(Site {
        site_id: check::text(m.site_id, "welcome.site.site_id")?,
        max_speed_mps: (max_speed_mps > 0.0).then_some(max_speed_mps),
        telemetry_interval_ms: (interval_ms > 0).then_some(interval_ms),
    })
}

/// Checks a command.
///
/// # Errors
/// Names the command and the field that is wrong. A restrictive command fails only without an id.
pub fn read_command(m: v1::Command) -> Result<Command, CommandError> {
    let command = m.command_id.parse::<CommandId>().ok();
    read(m).map_err(|cause| CommandError { command, cause })
}

fn read(m: v1::Command) -> Checked<Command> {
    let id = check::id(&m.command_id, "command.command_id")?;
    let body = body(required(m.body, "command.body")?)?;
    if let Body::Restrict(_) | Body::Rules(_) = body {
        let issued_at = Timestamp::from_us(m.issued_at_us);
        let class = Class::Restrictive;
        return Ok(Command { id, claim_epoch: m.claim_epoch, class, expires_at: None, issued_at, body });
    }
    if v1::CommandClass::try_from(m.class) != Ok(v1::CommandClass::Permissive) {
        return bad("command.class", "expected PERMISSIVE for this body");
    }
    Ok(Command {
        id,
        claim_epoch: m.claim_epoch,
        class: Class::Permissive,
        expires_at: Some(check::time(m.expires_at_us, "command.expires_at_us")?),
        issued_at: check::time(m.issued_at_us, "command.issued_at_us")?,
        body,
    })
}

fn body(body: v1::command::Body) -> Checked<Body> {
    use v1::command::Body as B;
    Ok(match body {
        B::Dispatch(m) => Body::Dispatch(Box::new(dispatch(m)?)),
        B::Reroute(m) => Body::Reroute {
            trip: check::id(&m.trip_id, "command.reroute.trip_id")?,
            route: Box::new(required_route(m.route, "command.reroute.route")?),
        },
        B::Resume(m) => Body::Resume(Box::new(resume(m.trip_id, m.cleared_command_ids, m.path, "command.resume")?)),
        B::Clearance(m) => Body::Clearance(clearance(m)?),
        B::Stop(m) => Body::Restrict(stop(m)),
        B::Slow(m) => Body::Restrict(slow(m)),
        B::Cancel(m) => Body::Restrict(m.trip_id.parse().map_or_else(
            // Which trip cannot be read: the vehicle has one at most, so that one is meant.
            |_| Restriction::Cancel { trip: None },
            |trip| Restriction::Cancel { trip: Some(trip) },
        )),
        B::Ground(m) => Body::Restrict(Restriction::Ground {
            when: match v1::GroundWhen::try_from(m.when) {
                Ok(v1::GroundWhen::AfterTrip) => GroundWhen::AfterTrip,
                Ok(v1::GroundWhen::Now) => GroundWhen::Now,
                _ => GroundWhen::NextAdmissible,
            },
        }),
        B::Quarantine(_) => Body::Restrict(Restriction::Quarantine),
        B::SiteRules(m) => Body::Rules(rules::read(m)?),
        B::Diagnose(_) => Body::Reserved("diagnose"),
        B::PolicyBundle(_) => Body::Reserved("policy_bundle"),
        B::UpdateOffered(_) => Body::Reserved("update_offered"),
        B::AssistAnswer(m) => assist_answer(m)?,
    })
}

fn resume(trip: String, clears: Vec<String>, path: Option<v1::Route>, field: &str) -> Checked<Resume> {
    let clears = check::list(clears, &format!("{field}.cleared_command_ids"))?;
    let id = |text: String| check::id(&text, &format!("{field}.cleared_command_ids"));
    Ok(Resume {
        trip: check::id(&trip, &format!("{field}.trip_id"))?,
        clears: clears.into_iter().map(id).collect::<Checked<_>>()?,
        path: path.map(|path| required_route(Some(path), &format!("{field}.path"))).transpose()?,
    })
}

/// `stop` is read in any state, like every restriction: which trip cannot be read holds the vehicle.
fn assist_answer(m: v1::AssistAnswer) -> Checked<Body> {
    const FIELD: &str = "command.assist_answer";
    match m.answer.parse::<Answer>() {
        Ok(Answer::Stop) => {
            let scope = m.trip_id.parse().map_or(Scope::Vehicle, Scope::Trip);
            let class = StopClass::NearestAdmissible;
            Ok(Body::Restrict(Restriction::Stop { class, place: None, scope }))
        }
        Ok(Answer::Wait | Answer::SendCrew) => {
            Ok(Body::Stay { trip: check::id(&m.trip_id, "command.assist_answer.trip_id")? })
        }
        Ok(Answer::Proceed) => Ok(Body::Resume(Box::new(resume(m.trip_id, m.cleared_command_ids, m.path, FIELD)?))),
        Ok(Answer::ChoosePath) => {
            let path = Some(required(m.path, "command.assist_answer.path")?);
            Ok(Body::Resume(Box::new(resume(m.trip_id, m.cleared_command_ids, path, FIELD)?)))
        }
        Err(_) => bad("command.assist_answer.answer", Answer::EXPECTED),
    }
}

fn dispatch(m: v1::Dispatch) -> Checked<Dispatch> {
    let limits = m.constraints.unwrap_or_default();
    let max_speed_mps = check::speed(limits.max_speed_mps, "command.dispatch.constraints.max_speed_mps")?;
    let valid_until = check::time(limits.valid_until_us, "command.dispatch.constraints.valid_until_us")?;
    let leave_not_before = check::time(m.leave_not_before_us, "command.dispatch.leave_not_before_us")?;
    Ok(Dispatch {
        trip: check::id(&m.trip_id, "command.dispatch.trip_id")?,
        route: required_route(m.route, "command.dispatch.route")?,
        constraints: Constraints {
            max_speed_mps: (max_speed_mps > 0.0).then_some(max_speed_mps),
            valid_until: (valid_until.as_us() > 0).then_some(valid_until),
        },
        claim_valid_for_ms: duration(m.claim_valid_for_ms, "command.dispatch.claim_valid_for_ms")?,
        pickup_dwell_ms: duration(m.pickup_dwell_ms, "command.dispatch.pickup_dwell_ms")?,
        dropoff_dwell_ms: duration(m.dropoff_dwell_ms, "command.dispatch.dropoff_dwell_ms")?,
        leave_not_before: (leave_not_before.as_us() > 0).then_some(leave_not_before),
    })
}

fn scope(value: i32, trip: &str) -> Scope {
    match (v1::Scope::try_from(value), trip.parse()) {
        (Ok(v1::Scope::Trip), Ok(trip)) => Scope::Trip(trip),
        _ => Scope::Vehicle,
    }
}

fn clearance(m: v1::Clearance) -> Checked<Clearance> {
    use v1::clearance::Of;
    match required(m.of, "command.clearance.of")? {
        Of::CommandId(id) => Ok(Clearance::Command(check::id(&id, "command.clearance.command_id")?)),
        Of::Scope(value) => match v1::Scope::try_from(value) {
            Ok(v1::Scope::Vehicle) => Ok(Clearance::Scope(Scope::Vehicle)),
            Ok(v1::Scope::Trip) => {
                Ok(Clearance::Scope(Scope::Trip(check::id(&m.trip_id, "command.clearance.trip_id")?)))
            }
            Ok(v1::Scope::Unspecified) | Err(_) => bad("command.clearance.scope", "expected a scope"),
        },
    }
}

fn stop(m: v1::Stop) -> Restriction {
    let place = m.place.and_then(|p| Coordinate::new(p.lat, p.lon).ok());
    let class = match (StopClass::from_wire(m.class), place) {
        (StopClass::AtPlace, None) => StopClass::NearestAdmissible,
        (class, _) => class,
    };
    Restriction::Stop { class, place, scope: scope(m.scope, &m.trip_id) }
}

fn slow(m: v1::Slow) -> Restriction {
    let max_speed_mps = check::speed(m.max_speed_mps, "").unwrap_or(0.0);
    Restriction::Slow { max_speed_mps, scope: scope(m.scope, &m.trip_id) }
}

//! The envelope that every event travels in. **Frozen from the first commit**: a field added later forks every
//! verifier, so what is not known yet is said to be unknown, with the reason.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ctx::{Actor, Ctx};
use crate::id::{DecisionId, EventId, IncidentId};
use crate::sector::Sector;
use crate::text::{SiteId, TenantId};
use crate::time::Timestamp;

/// A value, or why there is none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub enum Known<T> {
    /// Nobody knows the value, for this reason. First, so that reading prefers it over a permissive `T`.
    Unknown {
        /// Why it is not known.
        unknown: String,
    },
    /// The value.
    Known(T),
}

impl<T> Known<T> {
    /// Not known, for a reason.
    pub fn unknown(reason: &str) -> Self {
        Self::Unknown { unknown: reason.into() }
    }

    /// The value, if known.
    pub fn as_option(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Unknown { .. } => None,
        }
    }
}

/// A thing that has a timeline: `kind/id`, e.g. `vehicle/veh_…`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Subject(String);

impl Subject {
    /// The subject of a kind with an id.
    pub fn new(kind: &str, id: impl std::fmt::Display) -> Self {
        Self(format!("{kind}/{id}"))
    }

    /// The text form `kind/id`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// From the text form `kind/id`.
    pub fn parse(text: &str) -> Option<Self> {
        let (kind, id) = text.split_once('/')?;
        (!kind.is_empty() && !id.is_empty() && text.len() <= 128).then(|| Self(text.into()))
    }

    /// The part before the slash.
    pub fn kind(&self) -> &str {
        self.0.split_once('/').map_or("", |(kind, _)| kind)
    }

    /// The part after the slash.
    pub fn id(&self) -> &str {
        self.0.split_once('/').map_or("", |(_, id)| id)
    }
}

impl std::fmt::Debug for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::fmt::Display for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

crate::text_schema!(Subject, {});

/// The stream of an aggregate's own events is the subject of the aggregate.
pub type StreamId = Subject;

/// Where an event stands: which stream, and at which place of it (from 1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventRef {
    /// The stream.
    pub stream: StreamId,
    /// The place in the stream, from 1.
    pub stream_seq: u64,
}

/// Whose clock gave a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClockSource {
    /// The server's system clock.
    Server,
    /// The vehicle's clock, as reported.
    Vehicle,
}

/// When something happened, and how far to trust that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OccurredAt {
    /// The time.
    pub at: Timestamp,
    /// Whose clock.
    pub clock: ClockSource,
    /// That clock minus the server's, in microseconds.
    pub offset_us: Known<i64>,
    /// Half the width of the interval that holds the true time, in microseconds.
    pub uncertainty_us: Known<u64>,
}

/// Who noticed, and over which channel, where that differs from who acted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoticedAt {
    /// When it was noticed.
    pub at: Timestamp,
    /// By whom.
    pub by: String,
    /// Over which channel.
    pub channel: String,
}

/// Which versions of everything were in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfigurationDigests {
    /// The server's build.
    pub server_build: Known<String>,
    /// SHA-256 of the policy bundle.
    pub policy_bundle: Known<String>,
    /// SHA-256 of the map.
    pub map: Known<String>,
    /// The vehicle's, for events about one.
    pub vehicle: Known<VehicleDigests>,
}

/// Which versions of everything a vehicle ran.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VehicleDigests {
    /// Commitment to the vehicle identification number.
    pub vin_commitment: Known<String>,
    /// Software identification of the approved type (UN R156 RXSWIN).
    pub rxswin: Known<String>,
    /// The agent's build.
    pub agent: Known<String>,
    /// The automated driving system's version.
    pub ads: Known<String>,
    /// The sensors' calibration.
    pub calibration: Known<String>,
}

/// What is known of a vehicle's motion when an event describes an edge of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MotionFacts {
    /// Distance driven in the vehicle's life, in metres.
    pub odometer_m: Known<f64>,
    /// Whose traffic law applies.
    pub jurisdiction: Known<String>,
    /// The driving mode.
    pub mode: Known<String>,
    /// Whether people or load are aboard.
    pub occupied: Known<bool>,
}

/// How long an event must be kept, as a class that retention policy maps to years.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RetentionClass {
    /// Everyday operation.
    Operational,
    /// What a safety case or an accident inquiry rests on.
    Safety,
    /// Who was let in, what keys existed.
    Security,
}

/// One hop of the chain of custody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Custody {
    /// Who held it.
    pub actor: String,
    /// What was done: produced, received, stored, exported, disclosed.
    pub action: String,
    /// When.
    pub at: Timestamp,
    /// The holder's signature.
    pub signature: Known<String>,
}

/// An event with everything that explains it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("additionalProperties" = true))]
pub struct Envelope {
    /// The event's id.
    pub id: EventId,
    /// Whose log it stands in.
    pub tenant: TenantId,
    /// At which site it happened.
    pub site: Known<SiteId>,
    /// In which sector.
    pub sector: Known<Sector>,
    /// The stream: the aggregate whose state it changes.
    pub stream: StreamId,
    /// Its place in the stream, from 1; zero until it is sequenced.
    pub stream_seq: u64,
    /// Other things that it is about.
    pub about: Vec<Subject>,
    /// The type, e.g. `trip.created`.
    pub r#type: String,
    /// The version of the body's shape.
    pub version: u32,
    /// Who acted.
    pub actor: Actor,
    /// The event that it follows from.
    pub caused_by: Option<EventId>,
    /// The policy decision behind it.
    pub decision_id: Option<DecisionId>,
    /// The incident that it belongs to.
    pub incident_id: Option<IncidentId>,
    /// When it happened.
    pub occurred_at: OccurredAt,
    /// Who noticed it, where that is another.
    pub noticed_at: Option<NoticedAt>,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// Versions in force.
    pub digests: ConfigurationDigests,
    /// The vehicle's motion, where the event describes an edge of it.
    pub motion: Option<MotionFacts>,
    /// Whether it belongs to an exercise.
    pub exercise: bool,
    /// Whether the vehicles are simulated (SAFE-15).
    pub simulated: bool,
    /// How long it must be kept.
    pub retention: RetentionClass,
    /// What happened.
    pub body: Value,
    /// Who held the evidence.
    pub custody: Vec<Custody>,
}

impl Envelope {
    /// Where the event stands.
    pub fn event_ref(&self) -> EventRef {
        EventRef { stream: self.stream.clone(), stream_seq: self.stream_seq }
    }

    /// What `evolve` may know of it.
    pub fn meta(&self) -> crate::EventMeta {
        crate::EventMeta { recorded_at: self.recorded_at }
    }
}

/// An event that has no place in its stream yet; only the store's sequencer can give it one.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEvent(Envelope);

impl NewEvent {
    /// An event of `stream` in the context `ctx`. What the context does not tell is said to be unknown.
    pub fn new(ctx: &Ctx, stream: StreamId, r#type: &str, version: u32, body: Value) -> Self {
        let occurred_at = ctx.occurred.clone().unwrap_or(OccurredAt {
            at: ctx.now,
            clock: ClockSource::Server,
            offset_us: Known::Known(0),
            uncertainty_us: Known::unknown("the server's clock is not monitored yet"),
        });
        Self(Envelope {
            id: ctx.new_id(),
            tenant: ctx.tenant.clone(),
            site: ctx.site.clone(),
            sector: ctx.sector.clone(),
            stream,
            stream_seq: 0,
            about: Vec::new(),
            r#type: r#type.into(),
            version,
            actor: ctx.actor.clone(),
            caused_by: ctx.caused_by,
            decision_id: None,
            incident_id: ctx.incident_id,
            occurred_at,
            noticed_at: None,
            recorded_at: ctx.now,
            digests: ConfigurationDigests {
                server_build: Known::Known(concat!("atlasmesh ", env!("CARGO_PKG_VERSION")).into()),
                policy_bundle: Known::unknown("no policy was asked"),
                map: Known::unknown("no map was used"),
                vehicle: Known::unknown("no identity yet"),
            },
            motion: None,
            exercise: false,
            simulated: ctx.simulated,
            retention: RetentionClass::Operational,
            body,
            custody: Vec::new(),
        })
    }

    /// The event about further subjects. A subject named twice, or the stream itself, is kept once.
    pub fn about(mut self, subjects: Vec<Subject>) -> Self {
        for subject in subjects {
            if subject != self.0.stream && !self.0.about.contains(&subject) {
                self.0.about.push(subject);
            }
        }
        self
    }

    /// The event as a consequence of a policy decision.
    pub fn decided_by(mut self, decision: &DecisionRecord) -> Self {
        self.0.decision_id = Some(decision.id);
        self.0.digests.policy_bundle = Known::Known(decision.bundle.clone());
        self
    }

    /// The event with what is known of the vehicle's motion.
    pub fn motion(mut self, motion: Option<MotionFacts>) -> Self {
        self.0.motion = motion;
        self
    }

    /// The event under a retention class.
    pub fn retention(mut self, class: RetentionClass) -> Self {
        self.0.retention = class;
        self
    }

    /// The envelope as it will be, but for its place in the stream.
    pub fn unsequenced(&self) -> &Envelope {
        &self.0
    }

    /// The envelope at a place of its stream. Called by storage engines alone.
    pub fn sequenced(mut self, stream_seq: u64) -> Envelope {
        self.0.stream_seq = stream_seq;
        self.0
    }
}

/// A decision of the policy engine, ready for the journal: event `policy.decided` version 1.
#[derive(Debug, Clone, PartialEq)]
pub struct DecisionRecord {
    /// The decision's id.
    pub id: DecisionId,
    /// SHA-256 of the policy bundle that decided.
    pub bundle: String,
    /// Whether the action may go on.
    pub allowed: bool,
    /// Other things the decision is about, e.g. the vehicle of an assignment.
    pub about: Vec<Subject>,
    /// Action, subjects, facts with their ages, verdict, reasons, constraints.
    pub body: Value,
}

impl DecisionRecord {
    /// The type of the event that journals a decision.
    pub const EVENT_TYPE: &'static str = "policy.decided";

    /// The event that journals this decision in a stream.
    pub fn to_event(&self, ctx: &Ctx, stream: StreamId) -> NewEvent {
        NewEvent::new(ctx, stream, Self::EVENT_TYPE, 1, self.body.clone()).about(self.about.clone()).decided_by(self)
    }
}

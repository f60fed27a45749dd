//! The shape of every decision: state and facts in, events and a reply out, no side effect in between.

use std::str::FromStr;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::codes::Reject;
use crate::envelope::{DecisionRecord, Envelope, MotionFacts, Subject};
use crate::id::TypedId;
use crate::time::Timestamp;

/// What `decide` answers: the events to commit and what the caller is told. Events without a reply are committed too:
/// a refusal may have to be remembered.
#[derive(Debug)]
pub struct Decided<E, R> {
    /// What happened, in order.
    pub events: Vec<E>,
    /// What the caller is told.
    pub reply: Result<R, Reject>,
}

impl<E, R> Decided<E, R> {
    /// Events and an answer.
    pub fn accept(events: impl Into<Vec<E>>, reply: R) -> Self {
        Self { events: events.into(), reply: Ok(reply) }
    }

    /// An answer that changes nothing.
    pub fn unchanged(reply: R) -> Self {
        Self { events: Vec::new(), reply: Ok(reply) }
    }

    /// A refusal that changes nothing.
    pub fn reject(reject: Reject) -> Self {
        Self { events: Vec::new(), reply: Err(reject) }
    }
}

/// An event body that no version of `decode` knows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("event {event_type} version {version} cannot be read: {reason}")]
pub struct DecodeError {
    /// The type in the envelope.
    pub event_type: String,
    /// The version in the envelope.
    pub version: u32,
    /// What is wrong.
    pub reason: String,
}

/// One domain's closed set of events. Implemented by [`domain_events!`](crate::domain_events).
pub trait DomainEvent: Sized + Clone + Send + Sync + 'static {
    /// The type in the envelope, e.g. `trip.created`. Never changes.
    fn event_type(&self) -> &'static str;
    /// The version of the body's shape.
    fn version(&self) -> u32;
    /// The body as JSON.
    fn body(&self) -> Value;
    /// Reads a body of any version ever released.
    fn decode(event_type: &str, version: u32, body: &Value) -> Result<Self, DecodeError>;
    /// Every type and version that `decode` reads, for the golden fixtures.
    fn types() -> &'static [(&'static str, u32)];
}

/// What `evolve` may know of an event besides its body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventMeta {
    /// When it was recorded.
    pub recorded_at: Timestamp,
}

/// A thing with an identity, a state, and a stream of events that explains the state.
pub trait Aggregate: Clone + Send + Sync + Serialize + DeserializeOwned + 'static {
    /// Its id.
    type Id: TypedIdText;
    /// Its events.
    type Event: DomainEvent;
    /// The kind of its stream and the name of its table, e.g. `trip`.
    const KIND: &'static str;
    /// Counts changes of `evolve`; a change refolds the rows.
    const FOLD_VERSION: u32;
    /// The names of the columns that lists filter by.
    const INDEXES: &'static [&'static str] = &[];
    /// The sets of those columns that lists filter by, one index each; where none is named, each column alone.
    const READ_BY: &'static [&'static [&'static str]] = &[];

    /// The state after an event. Total: an event that does not fit leaves the state as it is.
    fn evolve(state: Option<Self>, event: &Self::Event, meta: &EventMeta) -> Option<Self>;
    /// When `Due` must be decided next; `None` where the aggregate waits for nothing.
    fn due_at(&self) -> Option<Timestamp> {
        None
    }
    /// The values of [`Aggregate::INDEXES`], in the same order.
    fn index_values(&self) -> Vec<String> {
        Vec::new()
    }
    /// Other things that the event is about; their timelines show it.
    fn about(_event: &Self::Event, _state: Option<&Self>) -> Vec<Subject> {
        Vec::new()
    }
    /// What is known of the vehicle's motion, where the event describes an edge of it.
    fn motion(_event: &Self::Event, _state: Option<&Self>) -> Option<MotionFacts> {
        None
    }
    /// The aggregate's id and event in an entry of the journal; `None` where the entry is of another stream, is no event
    /// of the domain, such as a decision, or was written by a newer program.
    fn event_in(entry: &Envelope) -> Option<(Self::Id, Self::Event)> {
        if entry.stream.kind() != Self::KIND {
            return None;
        }
        let event = Self::Event::decode(&entry.r#type, entry.version, &entry.body).ok()?;
        Some((entry.stream.id().parse().ok()?, event))
    }
}

/// An id that is written as text in keys of rows and streams.
pub trait TypedIdText: Clone + Send + Sync + FromStr + std::fmt::Display + std::fmt::Debug + 'static {}
impl<T: TypedId + Send + Sync + FromStr + std::fmt::Display + std::fmt::Debug + 'static> TypedIdText for T {}
impl TypedIdText for crate::text::TenantId {}
impl TypedIdText for crate::text::SiteId {}

/// Facts that `gather` brought; the policy decisions among them are journaled before the domain's own events.
pub trait Facts: Send + Sync {
    /// The decisions that were obtained, in the order in which they were asked.
    fn decisions(&self) -> &[DecisionRecord];

    /// The decision that the events rest on: the only one, where there is one. Facts with several say which.
    fn deciding(&self) -> Option<&DecisionRecord> {
        match self.decisions() {
            [only] => Some(only),
            _ => None,
        }
    }
}

impl Facts for () {
    fn decisions(&self) -> &[DecisionRecord] {
        &[]
    }
}

/// Declares a domain's events: one line per type, each wrapping the struct that is its body.
///
/// ```text
/// domain_events! {
///     /// What happens to a trip.
///     pub enum TripEvent {
///         "trip.created" 1 => Created(TripCreated),
///     }
/// }
/// ```
#[macro_export]
macro_rules! domain_events {
    ($(#[$doc:meta])* pub enum $name:ident { $($(#[$vdoc:meta])* $type:literal $version:literal => $variant:ident($body:ty)),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq)]
        pub enum $name {
            $(#[doc = concat!("`", $type, "` version ", stringify!($version), ".")] $(#[$vdoc])* $variant($body)),+
        }

        $(impl From<$body> for $name {
            fn from(body: $body) -> Self {
                Self::$variant(body)
            }
        })+

        impl $crate::decided::DomainEvent for $name {
            fn event_type(&self) -> &'static str {
                match self { $(Self::$variant(_) => $type),+ }
            }
            fn version(&self) -> u32 {
                match self { $(Self::$variant(_) => $version),+ }
            }
            fn body(&self) -> $crate::decided::serde_json::Value {
                let value = match self { $(Self::$variant(body) => $crate::decided::serde_json::to_value(body)),+ };
                // A body is a struct of plain fields; serialization of those has no failure.
                value.unwrap_or($crate::decided::serde_json::Value::Null)
            }
            fn decode(
                event_type: &str,
                version: u32,
                body: &$crate::decided::serde_json::Value,
            ) -> Result<Self, $crate::decided::DecodeError> {
                let failed = |reason: String| $crate::decided::DecodeError { event_type: event_type.into(), version, reason };
                match (event_type, version) {
                    $(($type, $version) => <$body as $crate::id::serde::Deserialize>::deserialize(body)
                        .map(Self::$variant)
                        .map_err(|error| failed(error.to_string())),)+
                    _ => Err(failed("no such type and version".into())),
                }
            }
            fn types() -> &'static [(&'static str, u32)] {
                &[$(($type, $version)),+]
            }
        }
    };
}

#[doc(hidden)]
pub use ::serde_json;

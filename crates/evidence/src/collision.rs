//! Collisions: what an operator knows of one, from the first notice on. Authorities have their terms from that notice.

use kernel::id::CollisionId;
use kernel::{Aggregate, Decided, EventMeta, Reject, Subject, Timestamp, TripId, VehicleId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

kernel::domain_events! {
    /// What can happen to a collision.
    pub enum CollisionEvent {
        "collision.recorded" 1 => Recorded(CollisionRecorded),
    }
}

/// The worst injury that is alleged.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema, strum::IntoStaticStr,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Injury {
    None,
    Minor,
    Moderate,
    /// Somebody was brought to a hospital.
    Hospital,
    Fatality,
}

/// What is known of a collision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Collision {
    pub vehicle: VehicleId,
    pub trip: Option<TripId>,
    pub occurred_at: Timestamp,
    /// When the operator was told of it.
    pub noticed_at: Timestamp,
    #[schemars(range(min = -90, max = 90))]
    pub lat: f64,
    #[schemars(range(min = -180, max = 180))]
    pub lon: f64,
    /// With whom or what, such as `pedestrian` or `passenger car`.
    #[schemars(length(min = 1, max = 100))]
    pub crash_with: String,
    pub injury: Injury,
    /// Somebody on foot, on a bicycle or the like was part of it.
    #[serde(default)]
    pub vulnerable_road_user: bool,
    #[serde(default)]
    pub airbags: bool,
    #[serde(default)]
    pub towed: bool,
    /// Whether the automated system drove within 30 seconds before it.
    pub engaged: bool,
    #[serde(default)]
    pub property_damage: bool,
    #[schemars(length(min = 1, max = 4000))]
    pub narrative: String,
}

/// To whom, and how soon, it is reported under NHTSA's Standing General Order, third amendment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, strum::IntoStaticStr)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Reporting {
    #[serde(rename = "sgo-5-day")]
    #[strum(serialize = "sgo-5-day")]
    SgoFiveDay,
    SgoMonthly,
    None,
}

impl Collision {
    /// Five days for a fatality, a hospital, somebody on foot or an airbag; the month's list for other damage.
    pub fn reporting(&self) -> Reporting {
        match self.engaged {
            false => Reporting::None,
            _ if self.injury >= Injury::Hospital || self.vulnerable_road_user || self.airbags => Reporting::SgoFiveDay,
            _ if self.property_damage || self.towed || self.injury > Injury::None => Reporting::SgoMonthly,
            _ => Reporting::None,
        }
    }
}

/// It was told, or is known better.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CollisionRecorded {
    pub collision: CollisionId,
    #[serde(flatten)]
    pub known: Collision,
    pub report: Reporting,
    pub by: String,
}

/// A collision that is known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KnownCollision {
    pub known: Collision,
    pub report: Reporting,
    pub recorded_at: Timestamp,
    pub recorded_by: String,
}

impl Aggregate for KnownCollision {
    type Id = CollisionId;
    type Event = CollisionEvent;
    const KIND: &'static str = "collision";
    const FOLD_VERSION: u32 = 1;

    fn evolve(_: Option<Self>, event: &CollisionEvent, meta: &EventMeta) -> Option<Self> {
        let CollisionEvent::Recorded(recorded) = event;
        Some(Self {
            known: recorded.known.clone(),
            report: recorded.report,
            recorded_at: meta.recorded_at,
            recorded_by: recorded.by.clone(),
        })
    }

    fn about(event: &CollisionEvent, _: Option<&Self>) -> Vec<Subject> {
        let CollisionEvent::Recorded(recorded) = event;
        let trip = recorded.known.trip.map(|trip| Subject::new("trip", trip));
        [Subject::new("vehicle", recorded.known.vehicle)].into_iter().chain(trip).collect()
    }
}

/// Records what is known.
pub fn record(
    state: Option<&KnownCollision>,
    collision: CollisionId,
    known: &Collision,
    by: &str,
    now: Timestamp,
) -> Decided<CollisionEvent, ()> {
    if known.occurred_at > now || known.noticed_at > now {
        return Decided::reject(Reject::invalid_field("/noticed_at", "lies in the future"));
    }
    if known.noticed_at < known.occurred_at {
        return Decided::reject(Reject::invalid_field("/noticed_at", "is before `occurred_at`"));
    }
    if state.is_some_and(|before| before.known == *known) {
        return Decided::unchanged(());
    }
    let recorded = CollisionRecorded { collision, known: known.clone(), report: known.reporting(), by: by.into() };
    Decided::accept([recorded.into()], ())
}

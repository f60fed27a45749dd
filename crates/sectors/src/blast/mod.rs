//! A blast and its clock: announced, cleared, guarded, fired, examined, released (30 CFR 56.6306).

pub mod decide;
pub mod events;
#[cfg(test)]
mod tests;

use kernel::id::RestrictionId;
use kernel::{Aggregate, Coordinate, EventMeta, SiteId, Subject, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use events::BlastEvent;

use crate::Step;

kernel::typed_id!(
    /// A blast.
    BlastId, "blast"
);

/// How long after its time a guarded blast is overdue, in milliseconds.
pub const OVERDUE_AFTER_MS: i64 = 30 * 60_000;
/// How long nobody goes near after a misfire, in milliseconds (30 CFR 56.6310).
pub const MISFIRE_WAIT_MS: i64 = 30 * 60_000;

/// How far a blast is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, strum::IntoStaticStr)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schemars(rename = "BlastState")]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum Phase {
    Planned,
    /// Its area is closed, and vehicles leave it.
    Clearing,
    /// Everybody is out, and every way in is guarded.
    Guarded,
    Fired,
    /// Not everything went off.
    Misfire,
    Examined,
    Released,
    CalledOff,
}

impl Phase {
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Whether its area is closed.
    pub fn closes_area(self) -> bool {
        !matches!(self, Self::Planned | Self::Released | Self::CalledOff)
    }
}

/// A blast.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Blast {
    pub site: SiteId,
    pub name: String,
    pub area: Vec<Coordinate>,
    pub fire_at: Timestamp,
    pub phase: Phase,
    /// Where access is guarded.
    pub posts: Vec<String>,
    /// The closure of its area.
    pub restriction: Option<RestrictionId>,
    pub guarded_by: Option<String>,
    pub fired_by: Option<String>,
    pub overdue: bool,
    /// Until when nobody examines it, after a misfire.
    pub examine_from: Option<Timestamp>,
    pub steps: Vec<Step>,
}

impl Blast {
    /// The steps that can be taken now, as the API names them.
    pub fn next(&self) -> &'static [&'static str] {
        match self.phase {
            Phase::Planned => &["clear", "call-off"],
            Phase::Clearing => &["guard", "call-off"],
            Phase::Guarded => &["fire", "call-off"],
            Phase::Misfire if self.examine_from.is_some() => &[],
            Phase::Fired | Phase::Misfire => &["examine"],
            Phase::Examined => &["release"],
            Phase::Released | Phase::CalledOff => &[],
        }
    }

    /// What it waits for, in words.
    pub fn waits_for(&self) -> Option<String> {
        match self.phase {
            Phase::Planned => Some("somebody who closes its area".into()),
            Phase::Clearing => Some("everybody to leave, and posts at every way in".into()),
            Phase::Guarded if self.overdue => {
                Some(format!("another person who fires; it was to be at {}", self.fire_at))
            }
            Phase::Guarded => Some("another person who fires".into()),
            Phase::Fired => Some("an examination by another than who fired".into()),
            Phase::Misfire => Some(self.examine_from.map_or_else(
                || "another examination".to_owned(),
                |from| format!("another examination, from {from} on"),
            )),
            Phase::Examined => Some("somebody who opens its area".into()),
            Phase::Released | Phase::CalledOff => None,
        }
    }

    fn planned(planned: &events::BlastPlanned, at: Timestamp) -> Self {
        Self {
            site: planned.site.clone(),
            name: planned.name.clone(),
            area: planned.area.clone(),
            fire_at: planned.fire_at,
            phase: Phase::Planned,
            posts: Vec::new(),
            restriction: None,
            guarded_by: None,
            fired_by: None,
            overdue: false,
            examine_from: None,
            steps: vec![Step::new("plan", &planned.by, "", at)],
        }
    }

    fn goes_on(mut self, phase: Phase, step: Step) -> Self {
        self.phase = phase;
        self.steps.push(step);
        self
    }
}

impl Aggregate for Blast {
    type Id = BlastId;
    type Event = BlastEvent;
    const KIND: &'static str = "blast";
    const FOLD_VERSION: u32 = 1;
    const INDEXES: &'static [&'static str] = &["closed_at"];

    fn evolve(state: Option<Self>, event: &BlastEvent, meta: &EventMeta) -> Option<Self> {
        use BlastEvent as E;
        let at = meta.recorded_at;
        if let E::Planned(planned) = event {
            return Some(Self::planned(planned, at));
        }
        let mut blast = state?;
        Some(match event {
            E::Planned(_) => blast,
            E::Clearing(step) => {
                blast.restriction = Some(step.restriction);
                blast.goes_on(Phase::Clearing, Step::new("clear", &step.by, &step.reason, at))
            }
            E::Guarded(step) => {
                blast.posts = step.posts.clone();
                blast.guarded_by = Some(step.by.clone());
                blast.goes_on(Phase::Guarded, Step::new("guard", &step.by, &step.reason, at))
            }
            E::Overdue(_) => Self { overdue: true, ..blast },
            E::Fired(step) => {
                blast.fired_by = Some(step.by.clone());
                blast.goes_on(Phase::Fired, Step::new("fire", &step.by, &step.reason, at))
            }
            E::Misfired(step) => {
                blast.examine_from = Some(step.again_from);
                blast.goes_on(Phase::Misfire, Step::new("misfire", &step.by, &step.reason, at))
            }
            E::ExaminationDue(_) => Self { examine_from: None, ..blast },
            E::Examined(step) => blast.goes_on(Phase::Examined, Step::new("examine", &step.by, &step.reason, at)),
            E::Released(step) => blast.goes_on(Phase::Released, Step::new("release", &step.by, &step.reason, at)),
            E::CalledOff(step) => blast.goes_on(Phase::CalledOff, Step::new("call-off", &step.by, &step.reason, at)),
        })
    }

    fn due_at(&self) -> Option<Timestamp> {
        match self.phase {
            Phase::Guarded if !self.overdue => Some(self.fire_at.plus_ms(OVERDUE_AFTER_MS)),
            Phase::Misfire => self.examine_from,
            _ => None,
        }
    }

    fn index_values(&self) -> Vec<String> {
        vec![if self.phase.closes_area() { self.site.to_string() } else { String::new() }]
    }

    fn about(event: &BlastEvent, state: Option<&Self>) -> Vec<Subject> {
        let site = match event {
            BlastEvent::Planned(planned) => Some(&planned.site),
            _ => state.map(|blast| &blast.site),
        };
        site.map(|site| Subject::new("site", site)).into_iter().collect()
    }
}

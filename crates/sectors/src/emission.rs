//! What the vehicles of a site may send out: the emission state (EMCON). Tighter at once, looser by two people.

use kernel::{Aggregate, Code, Decided, EventMeta, Reject, SiteId, Subject, Timestamp};
use policy::PolicyAnswer;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How much may be sent out, the loosest first.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Default,
    Serialize,
    Deserialize,
    JsonSchema,
    strum::IntoStaticStr,
)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "EmissionState")]
#[strum(serialize_all = "snake_case")]
pub enum Emissions {
    #[default]
    Unrestricted,
    Reduced,
    Restricted,
    /// Nothing is sent out.
    Silent,
}

impl Emissions {
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

kernel::domain_events! {
    /// What can happen to the emission state of a site.
    pub enum EmissionEvent {
        "emission.tightened" 1 => Tightened(EmissionTightened),
        "emission.relaxed" 1 => Relaxed(EmissionRelaxed),
    }
}

/// Less may be sent out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EmissionTightened {
    pub state: Emissions,
    pub by: String,
    pub reason: String,
}

/// More may be sent out; two people said so.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EmissionRelaxed {
    pub state: Emissions,
    pub by: String,
    /// The second person.
    pub approved_by: Option<String>,
    pub reason: String,
}

/// The emission state of a site.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Emission {
    pub state: Emissions,
    pub by: String,
    pub approved_by: Option<String>,
    pub reason: String,
    pub since: Timestamp,
}

impl Aggregate for Emission {
    type Id = SiteId;
    type Event = EmissionEvent;
    const KIND: &'static str = "emission";
    const FOLD_VERSION: u32 = 1;

    fn evolve(_: Option<Self>, event: &EmissionEvent, meta: &EventMeta) -> Option<Self> {
        let since = meta.recorded_at;
        Some(match event.clone() {
            EmissionEvent::Tightened(EmissionTightened { state, by, reason }) => {
                Self { state, by, approved_by: None, reason, since }
            }
            EmissionEvent::Relaxed(EmissionRelaxed { state, by, approved_by, reason }) => {
                Self { state, by, approved_by, reason, since }
            }
        })
    }
}

/// The subject of what is asked and told of a site's emissions.
pub fn subject(site: &SiteId) -> Subject {
    Subject::new(Emission::KIND, site)
}

fn now_of(state: Option<&Emission>) -> Emissions {
    state.map_or_else(Emissions::default, |known| known.state)
}

/// Lets less be sent out. Only takes away, so nobody is asked (SAFE-1).
pub fn tighten(state: Option<&Emission>, wanted: Emissions, by: &str, reason: &str) -> Decided<EmissionEvent, ()> {
    match now_of(state) {
        now if now == wanted => Decided::unchanged(()),
        now if wanted < now => {
            let text = format!("{} is looser than {}: two people are needed", wanted.as_str(), now.as_str());
            Decided::reject(Reject::new(Code::IllegalTransition, text))
        }
        _ => Decided::accept([EmissionTightened { state: wanted, by: by.into(), reason: reason.into() }.into()], ()),
    }
}

/// Lets more be sent out, where policy allows it. One that is tighter meanwhile than it was is left alone.
pub fn relax(
    state: Option<&Emission>,
    relaxed: &EmissionRelaxed,
    from: Emissions,
    answer: &PolicyAnswer,
) -> Decided<EmissionEvent, ()> {
    match (now_of(state), &answer.refusal) {
        (now, _) if now <= relaxed.state => Decided::unchanged(()),
        (now, _) if now > from => {
            let text =
                format!("it was {} when this was asked for and is {} now: ask again", from.as_str(), now.as_str());
            Decided::reject(Reject::new(Code::IllegalTransition, text))
        }
        (_, Some(refusal)) => Decided::reject(refusal.clone()),
        (_, None) => Decided::accept([relaxed.clone().into()], ()),
    }
}

#[cfg(test)]
mod tests {
    use kernel::testing::{accepts, check, refuses, unchanged};

    use super::*;

    fn answer(refusal: Option<Reject>) -> PolicyAnswer {
        PolicyAnswer { records: Vec::new(), refusal, constraints: policy::Constraints::default() }
    }

    fn tightened(state: Emissions) -> EmissionEvent {
        EmissionTightened { state, by: "ana".into(), reason: "so".into() }.into()
    }

    #[test]
    fn tighter_at_once_and_looser_by_two() {
        let (yes, no) = (answer(None), answer(Some(Reject::new(Code::PolicyViolation, "no"))));
        let by_ana = |wanted| move |state: Option<&Emission>| tighten(state, wanted, "ana", "so");
        check([], by_ana(Emissions::Unrestricted), unchanged(()));
        check([], by_ana(Emissions::Silent), accepts([tightened(Emissions::Silent)], ()));
        check([tightened(Emissions::Silent)], by_ana(Emissions::Silent), unchanged(()));
        check([tightened(Emissions::Silent)], by_ana(Emissions::Reduced), refuses(Code::IllegalTransition));
        let relaxed = EmissionRelaxed {
            state: Emissions::Reduced,
            by: "ana".into(),
            approved_by: Some("bob".into()),
            reason: "so".into(),
        };
        let silent = [tightened(Emissions::Silent)];
        let from = Emissions::Silent;
        let done: EmissionEvent = relaxed.clone().into();
        check(silent.clone(), |state| relax(state, &relaxed, from, &yes), accepts([done.clone()], ()));
        check(silent.clone(), |state| relax(state, &relaxed, from, &no), refuses(Code::PolicyViolation));
        check([silent[0].clone(), done], |state| relax(state, &relaxed, from, &no), unchanged(()));
        let earlier = Emissions::Restricted;
        check(silent, |state| relax(state, &relaxed, earlier, &yes), refuses(Code::IllegalTransition));
    }
}

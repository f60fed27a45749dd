//! The rules of models.

use kernel::{Code, Decided, Reject};
use policy::PolicyAnswer;
use prognostics::catalog::ComponentClass;

use super::events::{
    ModelDriftNoticed, ModelPromoted, ModelRolledBack, ModelTrained, ModelTrainingAsked, ModelTrainingFailed,
};
use super::{Line, ModelEvent, Models, Trigger};

type Answer<R> = Decided<ModelEvent, R>;

fn line(state: Option<&Models>, class: ComponentClass) -> Option<&Line> {
    state?.lines.get(&class)
}

/// Asks for a training; one at a time in a class.
pub fn ask_training(state: Option<&Models>, class: ComponentClass, trigger: Trigger) -> Answer<u32> {
    let line = line(state, class);
    if let Some(training) = line.and_then(|line| line.training.as_ref()) {
        return match trigger {
            Trigger::Drift => Decided::unchanged(training.number),
            Trigger::Person => {
                let text = "a model of this class is being trained: wait for its end";
                Decided::reject(Reject::new(Code::Conflict, text))
            }
        };
    }
    let number = line.map_or(0, |line| line.numbers).saturating_add(1);
    Decided::accept([ModelTrainingAsked { class, number, trigger }.into()], number)
}

fn is_training(state: Option<&Models>, class: ComponentClass, number: u32) -> bool {
    line(state, class).and_then(|line| line.training.as_ref()).is_some_and(|training| training.number == number)
}

/// A training ended with a version; once, whoever else ended it.
pub fn trained(state: Option<&Models>, trained: &ModelTrained) -> Answer<()> {
    match is_training(state, trained.class, trained.number) {
        true => Decided::accept([trained.clone().into()], ()),
        false => Decided::unchanged(()),
    }
}

/// A training ended without one.
pub fn training_failed(state: Option<&Models>, class: ComponentClass, number: u32, reason: &str) -> Answer<()> {
    match is_training(state, class, number) {
        true => Decided::accept([ModelTrainingFailed { class, number, reason: reason.into() }.into()], ()),
        false => Decided::unchanged(()),
    }
}

/// Lets a version decide (PDM-7).
pub fn promote(
    state: Option<&Models>,
    class: ComponentClass,
    number: u32,
    reason: &str,
    asked: &PolicyAnswer,
) -> Answer<()> {
    let Some(line) = line(state, class).filter(|line| line.version(number).is_some()) else {
        let text = format!("there is no version {number} of this class: train a model first");
        return Decided::reject(Reject::new(Code::NotFound, text));
    };
    if line.champion == Some(number) {
        return Decided::unchanged(());
    }
    match &asked.refusal {
        Some(refusal) => Decided::reject(refusal.clone()),
        None => {
            let promoted = ModelPromoted { class, number, before: line.champion, reason: reason.into() };
            Decided::accept([promoted.into()], ())
        }
    }
}

/// Lets what decided before decide again: one step, which needs no comparison.
pub fn roll_back(state: Option<&Models>, class: ComponentClass, reason: &str, asked: &PolicyAnswer) -> Answer<()> {
    let Some((line, from)) = line(state, class).and_then(|line| Some((line, line.champion?))) else {
        return Decided::reject(Reject::new(Code::IllegalTransition, "no model of this class decides"));
    };
    match &asked.refusal {
        Some(refusal) => Decided::reject(refusal.clone()),
        None => {
            let back = ModelRolledBack { class, from, to: line.previous, reason: reason.into() };
            Decided::accept([back.into()], ())
        }
    }
}

/// The champion drifts: told once for each champion, and a training is asked for.
pub fn notice_drift(state: Option<&Models>, class: ComponentClass, version: u32, reasons: &[String]) -> Answer<()> {
    let Some(line) = line(state, class).filter(|line| line.champion == Some(version)) else {
        return Decided::unchanged(());
    };
    if line.drift.is_some() {
        return Decided::unchanged(());
    }
    let noticed = ModelDriftNoticed { class, version, reasons: reasons.to_vec() };
    let mut events: Vec<ModelEvent> = vec![noticed.into()];
    events.extend(ask_training(state, class, Trigger::Drift).events);
    Decided::accept(events, ())
}

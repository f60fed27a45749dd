//! The fold of a tenant's models.

use kernel::{Aggregate, EventMeta, Subject, TenantId, Timestamp};
use prognostics::catalog::ComponentClass;

use super::events::ModelEvent;
use super::{Drift, Line, Models, Training, VERSIONS_MAX, Version};

impl Aggregate for Models {
    type Id = TenantId;
    type Event = ModelEvent;
    const KIND: &'static str = "models";
    const FOLD_VERSION: u32 = 1;

    fn evolve(state: Option<Self>, event: &ModelEvent, meta: &EventMeta) -> Option<Self> {
        let mut models = state.unwrap_or_default();
        let at = meta.recorded_at;
        let line = models.lines.entry(class_of(event)).or_default();
        line.go_on(event.clone(), at);
        Some(models)
    }

    /// When a training that was asked for begins.
    fn due_at(&self) -> Option<Timestamp> {
        self.lines.values().filter_map(|line| line.training.as_ref()).map(|training| training.asked_at).min()
    }

    fn about(event: &ModelEvent, _: Option<&Self>) -> Vec<Subject> {
        let class: &str = class_of(event).into();
        vec![Subject::new("model", class)]
    }
}

fn class_of(event: &ModelEvent) -> ComponentClass {
    match event {
        ModelEvent::TrainingAsked(asked) => asked.class,
        ModelEvent::Trained(trained) => trained.class,
        ModelEvent::TrainingFailed(failed) => failed.class,
        ModelEvent::Promoted(promoted) => promoted.class,
        ModelEvent::RolledBack(back) => back.class,
        ModelEvent::DriftNoticed(noticed) => noticed.class,
    }
}

impl Line {
    fn go_on(&mut self, event: ModelEvent, at: Timestamp) {
        match event {
            ModelEvent::TrainingAsked(asked) => {
                self.numbers = asked.number;
                self.training = Some(Training { number: asked.number, trigger: asked.trigger, asked_at: at });
            }
            ModelEvent::Trained(trained) => {
                let trigger = self.training.as_ref().map_or(super::Trigger::Person, |training| training.trigger);
                self.training = None;
                self.failed = None;
                self.challenger = Some(trained.number);
                self.versions.push(Version {
                    number: trained.number,
                    digest: trained.digest,
                    data_digest: trained.data_digest,
                    code: trained.code,
                    seed: trained.seed,
                    trigger,
                    calibrated: trained.calibrated,
                    metrics: trained.metrics,
                    comparison: trained.comparison,
                    trained_at: at,
                });
                let keeps = [self.champion, self.previous];
                if self.versions.len() > VERSIONS_MAX
                    && let Some(oldest) = self.versions.iter().position(|old| !keeps.contains(&Some(old.number)))
                {
                    self.versions.remove(oldest);
                }
            }
            ModelEvent::TrainingFailed(failed) => {
                self.training = None;
                self.failed = Some(failed.reason);
            }
            ModelEvent::Promoted(promoted) => {
                self.previous = promoted.before;
                self.champion = Some(promoted.number);
                self.challenger.take_if(|number| *number == promoted.number);
                self.drift = None;
            }
            ModelEvent::RolledBack(back) => {
                self.champion = back.to;
                self.previous = None;
                self.drift = None;
            }
            ModelEvent::DriftNoticed(noticed) => {
                self.drift = Some(Drift { version: noticed.version, reasons: noticed.reasons, at });
            }
        }
    }
}

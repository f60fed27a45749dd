//! What follows from trainings, promotions and drift.

use kernel::{Aggregate, Code, EventMeta, Timestamp};
use policy::PolicyAnswer;
use prognostics::catalog::ComponentClass;

use super::events::ModelTrained;
use super::{Comparison, Metrics, ModelEvent, Models, Trigger, decide};

const CLASS: ComponentClass = ComponentClass::BrakePads;

fn trained(number: u32) -> ModelTrained {
    ModelTrained {
        class: CLASS,
        number,
        digest: format!("{number:064}"),
        data_digest: "d".repeat(64),
        code: "0.1.0".into(),
        seed: 1,
        calibrated: true,
        metrics: Metrics {
            units: 60,
            examples: 3_000,
            rmse: 900.0,
            score: 10.0,
            coverage90: 0.9,
            coverage80: 0.8,
            width90: 3_000.0,
        },
        comparison: Comparison { champion_cost: None, challenger_cost: 1.0, units: 12, better: true },
    }
}

fn answer(refusal: Option<kernel::Reject>) -> PolicyAnswer {
    PolicyAnswer { records: Vec::new(), refusal, constraints: policy::Constraints::default() }
}

#[derive(Default)]
struct Story(Option<Models>);

impl Story {
    fn go<R>(&mut self, step: impl Fn(Option<&Models>) -> kernel::Decided<ModelEvent, R>) -> Result<R, kernel::Reject> {
        let decided = step(self.0.as_ref());
        for event in &decided.events {
            let meta = EventMeta { recorded_at: Timestamp::from_ms(1) };
            self.0 = Models::evolve(self.0.take(), event, &meta);
        }
        decided.reply
    }

    fn train(&mut self, number: u32) {
        assert_eq!(self.go(|state| decide::ask_training(state, CLASS, Trigger::Person)).unwrap(), number);
        self.go(|state| decide::trained(state, &trained(number))).unwrap();
    }

    fn line(&self) -> &super::Line {
        &self.0.as_ref().unwrap().lines[&CLASS]
    }

    fn promote(&mut self, number: u32) -> Result<(), kernel::Reject> {
        self.go(|state| decide::promote(state, CLASS, number, "better", &answer(None)))
    }
}

#[test]
fn one_training_of_a_class_runs_at_a_time() {
    let mut story = Story::default();
    story.go(|state| decide::ask_training(state, CLASS, Trigger::Person)).unwrap();
    let again = decide::ask_training(story.0.as_ref(), CLASS, Trigger::Person).reply;
    assert_eq!(again.unwrap_err().code, Code::Conflict);
    assert!(story.0.as_ref().unwrap().due_at().is_some(), "a server that was killed in it begins it again");
    story.go(|state| decide::training_failed(state, CLASS, 1, "too few")).unwrap();
    assert_eq!(story.0.as_ref().unwrap().due_at(), None);
    // What another worker ended is not ended twice.
    assert!(decide::trained(story.0.as_ref(), &trained(1)).events.is_empty());
    story.train(2);
    assert_eq!((story.line().challenger, story.line().failed.clone()), (Some(2), None));
}

#[test]
fn a_champion_goes_back_one_step() {
    let mut story = Story::default();
    story.train(1);
    story.promote(1).unwrap();
    story.train(2);
    let refusal = kernel::Reject::new(Code::PolicyViolation, "not better");
    let refused = story.go(|state| decide::promote(state, CLASS, 2, "x", &answer(Some(refusal.clone()))));
    assert!(refused.is_err());
    story.promote(2).unwrap();
    assert_eq!((story.line().champion, story.line().previous), (Some(2), Some(1)));
    story.go(|state| decide::roll_back(state, CLASS, "wrong", &answer(None))).unwrap();
    assert_eq!((story.line().champion, story.line().previous), (Some(1), None));
    assert_eq!(story.promote(9).unwrap_err().code, Code::NotFound);
}

#[test]
fn drift_is_noticed_once_for_a_champion_and_asks_for_a_training() {
    let mut story = Story::default();
    story.train(1);
    story.promote(1).unwrap();
    let notice = |state: Option<&Models>| decide::notice_drift(state, CLASS, 1, &["moved".to_owned()]);
    story.go(notice).unwrap();
    assert_eq!(story.line().training.as_ref().unwrap().trigger, Trigger::Drift);
    assert!(decide::notice_drift(story.0.as_ref(), CLASS, 1, &["again".to_owned()]).events.is_empty());
    story.go(|state| decide::trained(state, &trained(2))).unwrap();
    story.promote(2).unwrap();
    assert_eq!(story.line().drift, None, "another decides now");
}

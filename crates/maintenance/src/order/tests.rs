//! The life of a work order: which step is allowed when.

use kernel::id::TypedId;
use kernel::{Aggregate, EventMeta, Timestamp};
use kernel::{Code, VehicleId};
use policy::PolicyAnswer;
use prognostics::catalog::ComponentClass;

use super::decide;
use super::events::WorkOrderRequested;
use super::{ClosingCode, OrderEvent, Priority, Slot, Status, Work, WorkOrder};

fn at(minute: i64) -> Timestamp {
    Timestamp::from_ms(minute * 60_000)
}

fn requested() -> WorkOrderRequested {
    WorkOrderRequested {
        work: Work {
            vehicle: VehicleId::from_u128(7),
            vehicle_name: "truck-07".into(),
            component: "brake-front-left".into(),
            class: ComponentClass::BrakePads,
            summary: "worn".into(),
            skill: "mechanic".into(),
            bay_kind: "lift".into(),
            parts: Vec::new(),
            duration_min: 90,
            safety_critical: true,
        },
        priority: Priority::High,
        hours_left: Some(40.0),
        latest_start: Some(at(2_400)),
        requested_by: "atlasmesh".into(),
        checklist: vec!["torque".into(), "test drive".into()],
    }
}

fn allowed() -> PolicyAnswer {
    PolicyAnswer { records: Vec::new(), refusal: None, constraints: policy::Constraints::default() }
}

fn refused() -> PolicyAnswer {
    let refusal = kernel::Reject::new(Code::PolicyViolation, "no");
    PolicyAnswer { refusal: Some(refusal), ..allowed() }
}

struct Story(Option<WorkOrder>);

impl Story {
    fn new() -> Self {
        let mut story = Self(None);
        story.go(|state| decide::request(state, &requested())).unwrap();
        story
    }

    fn go<R>(
        &mut self,
        step: impl Fn(Option<&WorkOrder>) -> kernel::Decided<OrderEvent, R>,
    ) -> Result<R, kernel::Reject> {
        let decided = step(self.0.as_ref());
        for event in &decided.events {
            self.0 = WorkOrder::evolve(self.0.take(), event, &EventMeta { recorded_at: at(1) });
        }
        decided.reply
    }

    fn status(&self) -> Status {
        self.0.as_ref().unwrap().status
    }

    fn in_progress() -> Self {
        let mut story = Self::new();
        story.go(|state| decide::approve(state, "ines", &allowed())).unwrap();
        story.go(|state| decide::start(state, "ines")).unwrap();
        story
    }
}

fn slot(from: i64) -> Slot {
    Slot { bay: "b1".into(), technician: "ines".into(), from: at(from), until: at(from + 90), reason: "free".into() }
}

#[test]
fn an_order_goes_from_the_request_to_the_road() {
    let mut story = Story::new();
    assert!(story.go(|state| decide::start(state, "ines")).is_err(), "nobody approved it");
    assert!(story.go(|state| decide::approve(state, "atlasmesh", &refused())).is_err());
    assert_eq!(story.status(), Status::Requested);
    story.go(|state| decide::approve(state, "ines", &allowed())).unwrap();
    story.go(|state| decide::schedule(state, &slot(60))).unwrap();
    assert_eq!(story.status(), Status::Scheduled);
    assert_eq!(story.0.as_ref().unwrap().due_at(), Some(at(120)), "planned anew when nobody came");
    assert!(decide::schedule(story.0.as_ref(), &slot(60)).events.is_empty(), "no news");
    story.go(|state| decide::start(state, "ines")).unwrap();
    story.go(|state| decide::put_on_hold(state, "no part")).unwrap();
    assert!(story.go(|state| decide::complete(state, ClosingCode::WornReplaced, None, "ines")).is_err());
    story.go(decide::resume).unwrap();
    assert_eq!(story.go(|state| decide::tick(state, 2, "ines")).unwrap_err().code, Code::InvalidRequest);
    story.go(|state| decide::tick(state, 0, "ines")).unwrap();
    assert!(decide::tick(story.0.as_ref(), 0, "omar").events.is_empty(), "ticked once");
    story.go(|state| decide::complete(state, ClosingCode::WornReplaced, Some("thin"), "ines")).unwrap();
    story.go(|state| decide::verify(state, "omar")).unwrap();
    assert!(story.go(|state| decide::return_to_service(state, "ines", &refused())).is_err());
    story.go(|state| decide::return_to_service(state, "ines", &allowed())).unwrap();
    assert_eq!(story.status(), Status::Closed);
    assert!(decide::return_to_service(story.0.as_ref(), "ines", &refused()).events.is_empty(), "twice is once");
    assert!(story.go(|state| decide::cancel(state, "late")).is_err());
}

#[test]
fn who_did_safety_critical_work_does_not_check_it() {
    let mut story = Story::in_progress();
    story.go(|state| decide::complete(state, ClosingCode::FaultFound, None, "ines")).unwrap();
    assert_eq!(story.go(|state| decide::verify(state, "ines")).unwrap_err().code, Code::Forbidden);
    story.go(|state| decide::reopen(state, "squeals")).unwrap();
    assert_eq!((story.status(), story.0.as_ref().unwrap().closing), (Status::InProgress, None));
}

#[test]
fn work_under_way_is_neither_cancelled_nor_planned_elsewhere() {
    let mut story = Story::in_progress();
    assert!(story.go(|state| decide::cancel(state, "no")).is_err());
    assert!(decide::schedule(story.0.as_ref(), &slot(60)).events.is_empty());
    assert!(decide::unschedule(story.0.as_ref(), "full").events.is_empty());
}

#[test]
fn an_order_only_becomes_more_urgent() {
    let mut story = Story::new();
    story.go(|state| decide::prioritise(state, Priority::Critical, Some(3.0), None)).unwrap();
    assert_eq!(story.0.as_ref().unwrap().priority, Priority::Critical);
    assert!(decide::prioritise(story.0.as_ref(), Priority::Medium, None, None).events.is_empty());
    assert!(decide::request(story.0.as_ref(), &requested()).events.is_empty(), "asked for once by its id");
}

#[test]
fn closing_codes_teach_what_happened() {
    use prognostics::rul::Label;
    let label = |code: ClosingCode| (code.label(), code.is_replaced());
    assert_eq!(label(ClosingCode::FaultFound), (Label::Failed, true));
    assert_eq!(label(ClosingCode::WornReplaced), (Label::ReplacedWorn, true));
    assert_eq!(label(ClosingCode::SoundReplaced), (Label::ReplacedSound, true));
    assert_eq!(label(ClosingCode::NoFaultFound), (Label::ReplacedSound, false));
    assert_eq!(label(ClosingCode::Adjusted), (Label::Censored, false));
}

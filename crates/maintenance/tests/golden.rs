//! Events that were ever written can be read for ever.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use kernel::id::{HoldId, TypedId};
use kernel::testing::golden;
use kernel::{Timestamp, VehicleId};
use maintenance::health::events::{
    ComponentAssessed, ComponentCaseClosed, ComponentCaseOpened, ComponentFitted, GroundingConfirmed, GroundingEnded,
    GroundingOrdered, GroundingRefused,
};
use maintenance::health::{Assessment, Basis, RemainingLife, Timing, VehicleHealth, Verdict};
use maintenance::model::events::{
    ModelDriftNoticed, ModelPromoted, ModelRolledBack, ModelTrained, ModelTrainingAsked, ModelTrainingFailed,
};
use maintenance::model::{Comparison, Metrics, Models, Trigger};
use maintenance::order::events::{
    WorkOrderApproved, WorkOrderCancelled, WorkOrderClosed, WorkOrderCompleted, WorkOrderPrioritised,
    WorkOrderPutOnHold, WorkOrderReopened, WorkOrderRequested, WorkOrderResumed, WorkOrderScheduled, WorkOrderStarted,
    WorkOrderStepDone, WorkOrderUnscheduled, WorkOrderVerified,
};
use maintenance::order::{ClosingCode, OrderId, Part, Priority, Slot, Work, WorkOrder};
use maintenance::workshop::{Bay, Technician, Utilisation, Workshop, WorkshopSet};
use prognostics::catalog::ComponentClass;
use prognostics::rul::Label;
use serde_json::json;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

fn assessment(verdict: Verdict) -> Assessment {
    Assessment {
        verdict,
        readings_at: Timestamp::from_ms(1_000),
        age: 25_424.5,
        remaining: Some(RemainingLife {
            median: 4_331.5,
            lower80: 936.0,
            upper80: 6_283.5,
            lower90: 764.25,
            upper90: 6_987.0,
            calibrated: true,
        }),
        hours_left: Some(22.5),
        basis: Basis::Model { version: 1, digest: "a".repeat(64) },
        confidence: 0.95,
        reasons: vec!["936 to 6284 km left, most likely 4332".into()],
        codes: vec!["C1A10: Brake pads are near their wear limit.".into()],
        features: BTreeMap::from([("PadWear.mean15".to_owned(), 79.125)]),
    }
}

#[test]
fn a_vehicles_health_is_read_as_it_was_written() {
    let (component, order, hold) = ("brake-front-left".to_owned(), OrderId::from_u128(1), HoldId::from_u128(1));
    let (timing, reason) = (Timing::AfterTrip, "22 h left".to_owned());
    let fitted = ComponentFitted {
        component: component.clone(),
        class: ComponentClass::BrakePads,
        unit: 1,
        usage: 12.5,
        order: Some(OrderId::from_u128(9)),
    };
    let assessed = ComponentAssessed { component: component.clone(), assessment: assessment(Verdict::Ground) };
    let opened = ComponentCaseOpened {
        component: component.clone(),
        order,
        class: ComponentClass::BrakePads,
        assessment: assessment(Verdict::Ground),
    };
    let refused = GroundingRefused {
        component: component.clone(),
        order,
        hold,
        timing,
        reason: reason.clone(),
        refused: "the model is not calibrated".into(),
    };
    let ordered = GroundingOrdered { component: component.clone(), order, hold, timing, reason };
    let confirmed = GroundingConfirmed {
        hold,
        vehicle_time: Timestamp::from_ms(2_000),
        signed: json!({ "statement": "{}", "signature": "c2ln", "certificate": "Y2VydA" }),
    };
    let closed = ComponentCaseClosed {
        component,
        order,
        label: Label::ReplacedWorn,
        closing: Some(ClosingCode::WornReplaced),
        age: 25_424.5,
    };
    let ended = GroundingEnded { hold, order, reason: "a technician returned the vehicle".into() };
    golden::check::<VehicleHealth>(
        &folder("vehicle_health"),
        &[
            fitted.into(),
            assessed.into(),
            opened.into(),
            refused.into(),
            ordered.into(),
            confirmed.into(),
            closed.into(),
            ended.into(),
        ],
    );
}

fn requested() -> WorkOrderRequested {
    WorkOrderRequested {
        work: Work {
            vehicle: VehicleId::from_u128(7),
            vehicle_name: "truck-7".into(),
            component: "brake-front-left".into(),
            class: ComponentClass::BrakePads,
            summary: "Replace brake pads".into(),
            skill: "mechanic".into(),
            bay_kind: "lift".into(),
            parts: vec![Part { name: "brake pad set".into(), quantity: 1 }],
            duration_min: 90,
            safety_critical: true,
        },
        priority: Priority::High,
        hours_left: Some(70.5),
        latest_start: Some(Timestamp::from_ms(254_000_000)),
        requested_by: "rule:judge".into(),
        checklist: vec!["Set the parking brake".into(), "Torque the wheel".into()],
    }
}

#[test]
fn a_work_order_is_read_as_it_was_written() {
    let slot = Slot {
        bay: "lift-1".into(),
        technician: "ines".into(),
        from: Timestamp::from_ms(10_000_000),
        until: Timestamp::from_ms(15_400_000),
        reason: "the first time with a bay and a mechanic".into(),
    };
    golden::check::<WorkOrder>(
        &folder("work_order"),
        &[
            requested().into(),
            WorkOrderPrioritised { priority: Priority::Critical, hours_left: Some(22.5), latest_start: None }.into(),
            WorkOrderApproved { by: "sofia".into() }.into(),
            WorkOrderUnscheduled { reason: "no bay has a lift".into() }.into(),
            WorkOrderScheduled { slot }.into(),
            WorkOrderStarted { technician: "ines".into() }.into(),
            WorkOrderPutOnHold { reason: "the pads have not come".into() }.into(),
            WorkOrderResumed {}.into(),
            WorkOrderStepDone { step: 1, by: "ines".into() }.into(),
            WorkOrderCompleted {
                closing: ClosingCode::WornReplaced,
                notes: Some("2 mm left".into()),
                by: "ines".into(),
            }
            .into(),
            WorkOrderReopened { reason: "the wheel is loose".into() }.into(),
            WorkOrderVerified { by: "omar".into() }.into(),
            WorkOrderClosed { returned_by: "ines".into() }.into(),
            WorkOrderCancelled { reason: "the vehicle was sold".into() }.into(),
        ],
    );
}

#[test]
fn models_are_read_as_they_were_written() {
    let class = ComponentClass::BrakePads;
    let trained = ModelTrained {
        class,
        number: 1,
        digest: "a".repeat(64),
        data_digest: "b".repeat(64),
        code: "prognostics 0.1.0".into(),
        seed: 7,
        calibrated: true,
        metrics: Metrics {
            units: 100,
            examples: 4_000,
            rmse: 812.5,
            score: 31.25,
            coverage90: 0.9,
            coverage80: 0.8,
            width90: 3_200.0,
        },
        comparison: Comparison { champion_cost: None, challenger_cost: 1.5, units: 30, better: true },
    };
    let drift = ModelDriftNoticed { class, version: 1, reasons: vec!["PadWear.mean15: PSI 0.31".into()] };
    golden::check::<Models>(
        &folder("models"),
        &[
            ModelTrainingAsked { class, number: 1, trigger: Trigger::Person }.into(),
            trained.into(),
            ModelPromoted { class, number: 1, before: None, reason: "better than none".into() }.into(),
            drift.into(),
            ModelTrainingFailed { class, number: 2, reason: "9 lives are too few".into() }.into(),
            ModelRolledBack { class, from: 1, to: None, reason: "it grounds too much".into() }.into(),
        ],
    );
}

#[test]
fn a_workshop_is_read_as_it_was_written() {
    let workshop = Workshop {
        bays: vec![Bay { name: "lift-1".into(), kinds: vec!["lift".into(), "pit".into()] }],
        technicians: vec![Technician {
            name: "ines".into(),
            skills: vec!["mechanic".into()],
            shift_from_minute: 360,
            shift_until_minute: 840,
        }],
        utilisation: Utilisation { km_per_day: 300.0, hours_per_day: 16.0, cycles_per_day: 60.0 },
        vehicles_needed: 12,
        alerts_a_day: 20,
    };
    golden::check::<Workshop>(&folder("workshop"), &[WorkshopSet { workshop }.into()]);
}

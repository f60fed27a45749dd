//! The fold of what happens to a vehicle's components.

use kernel::{Aggregate, EventMeta, Subject, VehicleId};

use super::events::HealthEvent;
use super::{Component, Grounding, GroundingStatus, VehicleHealth};

impl Aggregate for VehicleHealth {
    type Id = VehicleId;
    type Event = HealthEvent;
    const KIND: &'static str = "vehicle_health";
    const FOLD_VERSION: u32 = 1;
    const INDEXES: &'static [&'static str] = &["worst", "grounded"];

    fn evolve(state: Option<Self>, event: &HealthEvent, meta: &EventMeta) -> Option<Self> {
        let mut health = state.unwrap_or_default();
        let at = meta.recorded_at;
        match event.clone() {
            HealthEvent::Fitted(fitted) => {
                let case = health.components.get(&fitted.component).and_then(|known| known.case);
                let component = Component {
                    class: fitted.class,
                    unit: fitted.unit,
                    fitted_usage: fitted.usage,
                    fitted_at: at,
                    assessment: None,
                    assessed_at: None,
                    case,
                };
                health.components.insert(fitted.component, component);
            }
            HealthEvent::Assessed(assessed) => {
                if let Some(component) = health.components.get_mut(&assessed.component) {
                    component.assessment = Some(assessed.assessment);
                    component.assessed_at = Some(at);
                }
            }
            HealthEvent::CaseOpened(opened) => {
                if let Some(component) = health.components.get_mut(&opened.component) {
                    component.case = Some(opened.order);
                }
            }
            HealthEvent::CaseClosed(closed) => {
                if let Some(component) = health.components.get_mut(&closed.component) {
                    component.case = None;
                }
            }
            HealthEvent::GroundingOrdered(ordered) => {
                health.grounding = Some(Grounding {
                    status: GroundingStatus::Ordered,
                    component: ordered.component,
                    order: ordered.order,
                    hold: ordered.hold,
                    timing: ordered.timing,
                    reason: ordered.reason,
                    refused: None,
                    ordered_at: at,
                    since: at,
                });
            }
            HealthEvent::GroundingRefused(refused) => {
                health.grounding = Some(Grounding {
                    status: GroundingStatus::WaitsForPerson,
                    component: refused.component,
                    order: refused.order,
                    hold: refused.hold,
                    timing: refused.timing,
                    reason: refused.reason,
                    refused: Some(refused.refused),
                    ordered_at: at,
                    since: at,
                });
            }
            HealthEvent::GroundingConfirmed(confirmed) => {
                if let Some(grounding) = health.grounding.as_mut().filter(|known| known.hold == confirmed.hold) {
                    grounding.status = GroundingStatus::Confirmed;
                    grounding.since = at;
                }
            }
            HealthEvent::GroundingEnded(ended) => {
                health.grounding.take_if(|known| known.hold == ended.hold);
            }
        }
        Some(health)
    }

    /// The most urgent verdict, and how far a grounding has come.
    fn index_values(&self) -> Vec<String> {
        let worst = self.worst().map(|verdict| verdict.as_str().to_owned());
        let grounded = self.grounding.as_ref().map(|grounding| {
            let status: &str = grounding.status.into();
            status.to_owned()
        });
        vec![worst.unwrap_or_default(), grounded.unwrap_or_default()]
    }

    fn about(event: &HealthEvent, _: Option<&Self>) -> Vec<Subject> {
        let order = match event {
            HealthEvent::CaseOpened(opened) => Some(opened.order),
            HealthEvent::CaseClosed(closed) => Some(closed.order),
            HealthEvent::GroundingOrdered(ordered) => Some(ordered.order),
            HealthEvent::GroundingRefused(refused) => Some(refused.order),
            HealthEvent::GroundingEnded(ended) => Some(ended.order),
            _ => None,
        };
        order.map(|order| Subject::new("work_order", order)).into_iter().collect()
    }
}

//! Taking a vehicle out of service because of what is predicted (PDM-6), and its own word that it stands (PDM-8).

use std::sync::Arc;

use kernel::id::HoldId;
use kernel::{Code, Ctx, Reject, SiteId, Subject, TenantId, Timestamp, VehicleId};
use policy::Request;
use serde_json::Value;
use store::port::{Fault, ListQuery};
use store::{CommandError, Extras, TableSpec, execute, execute_plain};

use super::{Asked, Maintenance};
use crate::actions::GROUND_PREDICTED;
use crate::health::{Assessment, Basis, GroundingStatus, Timing, VehicleHealth, decide};
use crate::order::OrderId;

/// The time in which groundings of a site are counted (SAFE-10), in milliseconds.
const BREAKER_MS: i64 = 60_000;
/// A vehicle that may fail within so many hours does not finish its trip.
const NOT_TO_THE_END_H: f64 = 2.0;

/// When a vehicle with this assessment stops (SAFE-11): never on the spot.
fn timing_of(assessment: &Assessment) -> Timing {
    let soon = assessment.hours_left.is_some_and(|hours| hours < NOT_TO_THE_END_H);
    if assessment.basis == Basis::TroubleCode || soon { Timing::NextAdmissible } else { Timing::AfterTrip }
}

impl Maintenance {
    /// Grounds a vehicle for an open case, if policy allows it; else it waits for a person.
    ///
    /// # Errors
    /// `ILLEGAL_TRANSITION` where the case is over, a fault.
    pub(super) async fn ground(&self, ctx: &Ctx, vehicle: VehicleId, order: OrderId) -> Result<bool, CommandError> {
        let gather = |state: Option<Arc<VehicleHealth>>| async move {
            let component = state
                .as_ref()
                .and_then(|health| health.components.values().find(|component| component.case == Some(order)).cloned());
            let assessment = component.and_then(|component| component.assessment);
            let over = || Reject::new(Code::IllegalTransition, "this case is over");
            let assessment = assessment.ok_or_else(over)?;
            let missing = || Reject::new(Code::NotFound, format!("there is no vehicle {vehicle}"));
            let facts = self.vehicles.vehicle(&ctx.tenant, vehicle).await?.ok_or_else(missing)?;
            let counts = self.vehicles.counts(&ctx.tenant, &facts.site).await?;
            let timing = timing_of(&assessment);
            let timing_name: &str = timing.into();
            let recent = self.recent_groundings(&ctx.tenant, &facts.site, ctx.now, vehicle).await?;
            let age_ms = ctx.now.as_ms() - assessment.readings_at.as_ms();
            let question = Request::new(ctx, GROUND_PREDICTED, Subject::new("vehicle", vehicle))
                .about(Subject::new("work_order", order))
                .fact("hours_left", assessment.hours_left.unwrap_or(0.0).min(100_000.0))
                .fact("readings_fresh", age_ms < 3_600_000)
                .fact("confidence", assessment.confidence)
                .fact("calibrated", assessment.remaining.is_some_and(|remaining| remaining.calibrated))
                .fact("safety_code", assessment.basis == Basis::TroubleCode)
                .fact("timing", timing_name)
                .fact("groundings_in_minute", u32::try_from(recent).unwrap_or(u32::MAX))
                .fact("groundings_max", u32::try_from((counts.online_at_site / 20).max(2)).unwrap_or(u32::MAX));
            let reason = format!("{}: {}", assessment.verdict.as_str(), assessment.reasons.join("; "));
            let reason: String = reason.chars().take(400).collect();
            Ok(Asked { answer: self.ask(question), with: (timing, reason) })
        };
        let decide = |state: Option<&VehicleHealth>, asked: &Asked<(Timing, String)>| {
            let (timing, reason) = &asked.with;
            decide::ground(state, order, *timing, reason, &asked.answer)
        };
        let grounded = execute(&*self.store, ctx, &vehicle, Extras::default(), gather, decide).await?.reply;
        let outcome = if grounded { "ordered" } else { "waits_for_person" };
        metrics::counter!("atlasmesh_groundings_total", "outcome" => outcome).increment(1);
        tracing::warn!(tenant = %ctx.tenant, %vehicle, %order, outcome, "a vehicle is predicted to fail");
        Ok(grounded)
    }

    /// How many other vehicles of a site were grounded of late.
    async fn recent_groundings(
        &self,
        tenant: &TenantId,
        site: &SiteId,
        now: Timestamp,
        but: VehicleId,
    ) -> Result<usize, Fault> {
        let mut recent = 0;
        for status in [GroundingStatus::Ordered, GroundingStatus::Confirmed] {
            let status: &str = status.into();
            let rows =
                self.store.list(TableSpec::of::<VehicleHealth>(), tenant, ListQuery::of("grounded", status)).await?;
            for row in rows {
                let Ok(vehicle) = row.key.parse::<VehicleId>() else { continue };
                let health: VehicleHealth = row.decode()?;
                let since = health.grounding.map(|known| known.ordered_at);
                let is_recent = since.is_some_and(|since| now.as_ms() - since.as_ms() < BREAKER_MS);
                if vehicle == but || !is_recent {
                    continue;
                }
                let facts = self.vehicles.vehicle(tenant, vehicle).await?;
                recent += usize::from(facts.is_some_and(|facts| facts.site == *site));
            }
        }
        Ok(recent)
    }

    /// A person grounds a vehicle where a rule may not by itself.
    ///
    /// # Errors
    /// `NOT_FOUND`, `ILLEGAL_TRANSITION`, `POLICY_VIOLATION`, a fault.
    pub async fn ground_by_person(&self, ctx: &Ctx, vehicle: VehicleId) -> Result<(), CommandError> {
        let health = self.health(&ctx.tenant, vehicle).await?.unwrap_or_default();
        let nothing =
            || Reject::new(Code::IllegalTransition, "no prediction waits for a person to ground this vehicle");
        let grounding = health.grounding.ok_or_else(nothing)?;
        match self.ground(ctx, vehicle, grounding.order).await? {
            true => Ok(()),
            false => Err(Reject::new(Code::PolicyViolation, "policy leaves this grounding to others").into()),
        }
    }

    /// Takes the vehicle's signed word that it stands with its parking brake set.
    ///
    /// # Errors
    /// `NOT_FOUND` where no grounding has this hold, a fault.
    pub async fn confirm_grounding(
        &self,
        ctx: &Ctx,
        vehicle: VehicleId,
        hold: HoldId,
        vehicle_time: Timestamp,
        signed: Value,
    ) -> Result<(), CommandError> {
        let decide = |state: Option<&VehicleHealth>| decide::confirm(state, hold, vehicle_time, signed.clone());
        execute_plain(&*self.store, ctx, &vehicle, Extras::default(), decide).await?;
        tracing::info!(tenant = %ctx.tenant, %vehicle, %hold, "a vehicle confirms that it is grounded");
        Ok(())
    }

    /// What a vehicle is to confirm: the hold of a grounding that was ordered.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn to_confirm(&self, tenant: &TenantId, vehicle: VehicleId) -> Result<Option<HoldId>, Fault> {
        let grounding = self.health(tenant, vehicle).await?.and_then(|health| health.grounding);
        Ok(grounding.filter(|known| known.status == GroundingStatus::Ordered).map(|known| known.hold))
    }
}

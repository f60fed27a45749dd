//! Rollouts as people run them.

use std::collections::BTreeMap;
use std::sync::Arc;

use journal::Hash;
use kernel::id::TypedId;
use kernel::{Aggregate, Code, Ctx, Decided, Reject, Subject, TenantId, VehicleId};
use policy::{PolicyAnswer, Request};
use schemars::JsonSchema;
use serde::Serialize;
use store::port::{Fault, Guard, ListQuery, Order};
use store::{CommandError, Extras, TableSpec, execute, execute_plain, load};

use super::Ota;
use super::vehicles::conflicts;
use crate::actions;
use crate::ports::VehicleFacts;
use crate::repository::{Release, ReleaseContent, ReleaseId};
use crate::rollout::decide;
use crate::rollout::events::{RolloutEvent, RolloutOutcomeCounted, RolloutPlanned, RolloutResumed};
use crate::rollout::{Advance, Plan, Rollout, RolloutId, Stage, Status, cohort};
use crate::update::VehicleUpdates;

/// Vehicles of a stage are counted in fleets up to this size; in larger ones statistics alone end a stage.
const COUNTED_MAX: usize = 5_000;

/// Who gets a release and who does not.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct Preview {
    /// How many vehicles each stage admits first.
    pub stages: Vec<u64>,
    /// How many get nothing, whatever stage is open.
    pub left_out: u64,
    pub vehicles: Vec<PreviewRow>,
}

/// What a rollout means for one vehicle.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct PreviewRow {
    pub vehicle: VehicleId,
    pub name: String,
    /// The first stage that admits it, counted from 0.
    pub stage: Option<usize>,
    /// Whether it could be offered the update now.
    pub ready: bool,
    /// Why it gets nothing, or not now; the rules that say so in brackets.
    pub reasons: Vec<String>,
}

/// How many vehicles are how far.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Funnel {
    /// By status of the update that is under way.
    pub open: BTreeMap<String, u64>,
}

/// The rollout that takes another back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RevertedBy(pub RolloutId);

impl Ota {
    async fn rollout_command<R: Send>(
        &self,
        ctx: &Ctx,
        id: RolloutId,
        guard: Option<Guard>,
        decide: impl Fn(Option<&Rollout>) -> Decided<RolloutEvent, R> + Send + Sync,
    ) -> Result<R, CommandError> {
        let extras = Extras { guard, ..Extras::default() };
        Ok(execute_plain(&*self.store, ctx, &id, extras, decide).await?.reply)
    }

    /// A release that a plan names.
    async fn release_of(&self, tenant: &TenantId, id: ReleaseId) -> Result<ReleaseContent, CommandError> {
        let repository = self.repository(tenant).await?;
        let unknown = || Reject::invalid_field("/release", "there is no such release: publish it first");
        let Release { content, .. } = repository.releases.get(&id).cloned().ok_or_else(unknown)?;
        Ok(content)
    }

    /// Plans a rollout; nobody gets anything yet.
    ///
    /// # Errors
    /// One entry per wrong field; a fault.
    pub async fn plan(&self, ctx: &Ctx, plan: Plan) -> Result<RolloutId, CommandError> {
        let id: RolloutId = ctx.new_id();
        self.plan_as(ctx, id, plan).await?;
        Ok(id)
    }

    async fn plan_as(&self, ctx: &Ctx, id: RolloutId, plan: Plan) -> Result<(), CommandError> {
        self.release_of(&ctx.tenant, plan.release).await?;
        for vehicle in decide::named(&plan) {
            if self.vehicles.vehicle(&ctx.tenant, vehicle).await?.is_none() {
                return Err(Reject::invalid_field("/first_vehicles", format!("there is no vehicle {vehicle}")).into());
            }
        }
        let bytes = serde_json::to_vec(&plan).map_err(|_| Fault::Misuse("a plan cannot be written"))?;
        let salt = format!("{:032x}", ctx.new_id::<RolloutId>().as_u128());
        let planned = RolloutPlanned { plan, plan_digest: Hash::of_bytes(&bytes).to_string(), salt };
        self.rollout_command(ctx, id, None, |state| decide::plan(state, planned.clone())).await?;
        tracing::info!(tenant = %ctx.tenant, rollout = %id, "a rollout was planned");
        Ok(())
    }

    /// One rollout.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn rollout(&self, tenant: &TenantId, id: RolloutId) -> Result<Option<Rollout>, Fault> {
        Ok(load::<Rollout>(&*self.store, tenant, &id).await?.map(|known| known.state))
    }

    /// A page of rollouts, the newest first.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn rollouts(
        &self,
        tenant: &TenantId,
        after: Option<RolloutId>,
        limit: usize,
    ) -> Result<Vec<(RolloutId, Rollout)>, Fault> {
        let after = after.map(|id| id.to_string());
        let query = ListQuery { filters: Vec::new(), after, limit, order: Order::Descending };
        let rows = self.store.list(TableSpec::of::<Rollout>(), tenant, query).await?;
        rows.iter().filter_map(|row| row.key.parse().ok().map(|id| Ok((id, row.decode()?)))).collect()
    }

    /// Every rollout that offers updates now, the oldest first.
    pub(super) async fn running(&self, tenant: &TenantId) -> Result<Vec<(RolloutId, Rollout)>, Fault> {
        let status: &str = Status::Running.into();
        let rows = self.store.list(TableSpec::of::<Rollout>(), tenant, ListQuery::of("status", status)).await?;
        rows.iter().filter_map(|row| row.key.parse().ok().map(|id| Ok((id, row.decode()?)))).collect()
    }

    /// Every vehicle that a plan may concern, as far as fleets are counted; `None`: there are too many.
    async fn counted(&self, tenant: &TenantId) -> Result<Option<Vec<(VehicleId, VehicleFacts)>>, Fault> {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let page = self.vehicles.vehicles(tenant, after).await?;
            let Some((last, _)) = page.last() else { return Ok(Some(all)) };
            after = Some(*last);
            all.extend(page.into_iter().filter(|(_, facts)| !facts.decommissioned));
            if all.len() > COUNTED_MAX {
                return Ok(None);
            }
        }
    }

    /// Who gets the release of a rollout, in which stage, and who does not and why (OTA-2).
    ///
    /// # Errors
    /// `NOT_FOUND`, a fault.
    pub async fn preview(&self, ctx: &Ctx, id: RolloutId) -> Result<Preview, CommandError> {
        let missing = || Reject::new(Code::NotFound, format!("there is no rollout {id}"));
        let rollout = self.rollout(&ctx.tenant, id).await?.ok_or_else(missing)?;
        let content = self.release_of(&ctx.tenant, rollout.plan.release).await?;
        let ctx = self.automation(&ctx.tenant, super::vehicles::OFFER_RULE).await?;
        let mut preview = Preview { stages: vec![0; rollout.plan.stages.len()], ..Preview::default() };
        let too_many = || {
            let text = format!("a preview lists at most {COUNTED_MAX} vehicles, and there are more");
            Reject::new(Code::IllegalTransition, text)
        };
        for (vehicle, facts) in self.counted(&ctx.tenant).await?.ok_or_else(too_many)? {
            let known = self.updates(&ctx.tenant, vehicle).await?.unwrap_or_default();
            let stage = cohort::first_stage(&rollout.plan, rollout.salt(), vehicle);
            let mut reasons = Vec::new();
            if let Some(reason) = left_out(&rollout.plan, &content, &facts, &known, stage) {
                reasons.push(reason);
            } else {
                let asked = self.ask_for_offer(&ctx, vehicle, &facts, &known, &rollout.plan, &content);
                reasons.extend(asked.refusal.map(|refusal| refusal.message));
                if let Some(counted) = stage.and_then(|stage| preview.stages.get_mut(stage)) {
                    *counted += 1;
                }
            }
            let ready = reasons.is_empty();
            preview.left_out += u64::from(stage.is_none());
            preview.vehicles.push(PreviewRow { vehicle, name: facts.name, stage, ready, reasons });
        }
        Ok(preview)
    }

    /// How many vehicles a stage admits first, in fleets that are counted.
    pub(super) async fn members(
        &self,
        tenant: &TenantId,
        rollout: &Rollout,
        stage: usize,
    ) -> Result<Option<u64>, Fault> {
        let Some(vehicles) = self.counted(tenant).await? else { return Ok(None) };
        let repository = self.repository(tenant).await?;
        let Some(release) = repository.releases.get(&rollout.plan.release) else { return Ok(None) };
        let mut members = 0;
        for (vehicle, facts) in vehicles {
            if cohort::first_stage(&rollout.plan, rollout.salt(), vehicle) != Some(stage) {
                continue;
            }
            let known = self.updates(tenant, vehicle).await?.unwrap_or_default();
            // What is to be taken back may still be on its way to a vehicle.
            let is_coming = rollout.plan.only_from.is_some()
                && known.current.as_ref().map(|update| &update.release_name) == rollout.plan.only_from.as_ref();
            let is_in = left_out(&rollout.plan, &release.content, &facts, &known, Some(stage)).is_none();
            members += u64::from(is_coming || is_in);
        }
        Ok(Some(members))
    }

    /// Starts a planned rollout.
    ///
    /// # Errors
    /// `NOT_FOUND`, `ILLEGAL_TRANSITION`, `POLICY_VIOLATION`, a fault.
    pub async fn start_rollout(&self, ctx: &Ctx, id: RolloutId) -> Result<(), CommandError> {
        let known = self.rollout(&ctx.tenant, id).await?;
        let content = match &known {
            Some(rollout) => Some(self.release_of(&ctx.tenant, rollout.plan.release).await?),
            None => None,
        };
        let has_way_back = content.is_some_and(|content| content.reverts_to.is_some());
        let ask = |rollout: &Rollout| {
            let first = rollout.plan.stages.first().and_then(|stage| stage.share_ppm).unwrap_or(0);
            // Only a stage of their own goes first.
            let has_stage = rollout.plan.stages.first().is_some_and(|stage| stage.share_ppm.is_none());
            let named = if has_stage { rollout.plan.first_vehicles.len() } else { 0 };
            let question = Request::new(ctx, actions::START_ROLLOUT, Subject::new(Rollout::KIND, id))
                .about(Subject::new("release", rollout.plan.release))
                .fact("first_share_ppm", first)
                .fact("vehicles_named_first", u32::try_from(named).unwrap_or(u32::MAX))
                .fact("has_way_back", has_way_back)
                .fact("is_revert", rollout.plan.only_from.is_some());
            self.ask(question)
        };
        self.open_first(ctx, id, ask).await?;
        tracing::info!(tenant = %ctx.tenant, rollout = %id, "a rollout was started");
        Ok(())
    }

    /// Opens the first stage, if `ask` allows it.
    async fn open_first(
        &self,
        ctx: &Ctx,
        id: RolloutId,
        ask: impl Fn(&Rollout) -> PolicyAnswer + Send + Sync,
    ) -> Result<(), CommandError> {
        let ask = &ask;
        let gather = |state: Option<Arc<Rollout>>| async move {
            let Some(rollout) = state else { return Ok((nobody_asked(), None)) };
            Ok((ask(&rollout), self.members(&ctx.tenant, &rollout, 0).await?))
        };
        let decide = |state: Option<&Rollout>, (asked, members): &(PolicyAnswer, Option<u64>)| {
            decide::start(state, asked, *members)
        };
        self.decided(ctx, id, gather, decide).await
    }

    /// Opens the next stage by a person's word; after the last one the rollout is complete.
    ///
    /// # Errors
    /// `NOT_FOUND`, `ILLEGAL_TRANSITION`, `POLICY_VIOLATION`, a fault.
    pub async fn advance_rollout(&self, ctx: &Ctx, id: RolloutId) -> Result<(), CommandError> {
        let gather = |state: Option<Arc<Rollout>>| async move {
            let Some(rollout) = state else { return Ok((nobody_asked(), None)) };
            let question = Request::new(ctx, actions::ADVANCE_ROLLOUT, Subject::new(Rollout::KIND, id));
            let members = self.members(&ctx.tenant, &rollout, rollout.stage + 1).await?;
            Ok((self.ask(question), members))
        };
        let decide = |state: Option<&Rollout>, (asked, members): &(PolicyAnswer, Option<u64>)| {
            decide::advance(state, asked, *members)
        };
        self.decided(ctx, id, gather, decide).await?;
        tracing::info!(tenant = %ctx.tenant, rollout = %id, "the next stage was opened by a person");
        Ok(())
    }

    async fn decided<G, Gathering, D>(&self, ctx: &Ctx, id: RolloutId, gather: G, decide: D) -> Result<(), CommandError>
    where
        G: Fn(Option<Arc<Rollout>>) -> Gathering + Send + Sync,
        Gathering: Future<Output = Result<(PolicyAnswer, Option<u64>), CommandError>> + Send,
        D: Fn(Option<&Rollout>, &(PolicyAnswer, Option<u64>)) -> Decided<RolloutEvent, ()> + Send + Sync,
    {
        let gather = |state| {
            let gathering = gather(state);
            async move {
                let (asked, members) = gathering.await?;
                Ok(Asked { facts: (asked, members) })
            }
        };
        let decide = |state: Option<&Rollout>, asked: &Asked| decide(state, &asked.facts);
        execute(&*self.store, ctx, &id, Extras::default(), gather, decide).await?;
        Ok(())
    }

    /// Pauses a rollout: after this commit no poll is answered with an offer of it.
    ///
    /// # Errors
    /// `NOT_FOUND`, `ILLEGAL_TRANSITION`, a fault.
    pub async fn pause_rollout(&self, ctx: &Ctx, id: RolloutId, code: &str, reason: &str) -> Result<(), CommandError> {
        self.rollout_command(ctx, id, None, |state| decide::pause(state, code, reason)).await?;
        metrics::counter!("atlasmesh_rollouts_paused_total", "code" => code.to_owned()).increment(1);
        tracing::warn!(tenant = %ctx.tenant, rollout = %id, code, reason, "a rollout was paused");
        Ok(())
    }

    /// Lets a paused rollout go on: two people want it.
    ///
    /// # Errors
    /// `NOT_FOUND`, `ILLEGAL_TRANSITION`, `POLICY_VIOLATION`, `FORBIDDEN`, a fault.
    pub async fn resume_rollout(&self, ctx: &Ctx, id: RolloutId, reason: &str) -> Result<(), CommandError> {
        let second_person = ctx.actor.second_approver.clone();
        let resumed = RolloutResumed { reason: reason.into(), by: ctx.actor.id.clone(), second_person };
        let gather = |_| async {
            let question = Request::new(ctx, actions::RESUME_ROLLOUT, Subject::new(Rollout::KIND, id))
                .fact("second_person", resumed.second_person.is_some());
            Ok((self.ask(question), None))
        };
        let decide = |state: Option<&Rollout>, (asked, _): &(PolicyAnswer, Option<u64>)| {
            decide::resume(state, asked, resumed.clone())
        };
        self.decided(ctx, id, gather, decide).await?;
        tracing::info!(tenant = %ctx.tenant, rollout = %id, reason, "a rollout goes on");
        Ok(())
    }

    /// Ends a rollout for good.
    ///
    /// # Errors
    /// `NOT_FOUND`, `ILLEGAL_TRANSITION`, a fault.
    pub async fn abort_rollout(&self, ctx: &Ctx, id: RolloutId, reason: &str) -> Result<(), CommandError> {
        self.rollout_command(ctx, id, None, |state| decide::abort(state, reason)).await?;
        tracing::warn!(tenant = %ctx.tenant, rollout = %id, reason, "a rollout was aborted");
        Ok(())
    }

    /// Takes a release back: plans and starts a rollout of the release that it reverts to, for the vehicles that run it.
    ///
    /// # Errors
    /// `NOT_FOUND`, `ILLEGAL_TRANSITION` without a way back, `POLICY_VIOLATION`, a fault.
    pub async fn revert_rollout(&self, ctx: &Ctx, id: RolloutId, reason: &str) -> Result<RevertedBy, CommandError> {
        let missing = || Reject::new(Code::NotFound, format!("there is no rollout {id}"));
        let rollout = self.rollout(&ctx.tenant, id).await?.ok_or_else(missing)?;
        let content = self.release_of(&ctx.tenant, rollout.plan.release).await?;
        let no_way = || Reject::new(Code::IllegalTransition, "the release names none that takes it back");
        let back = content.reverts_to.ok_or_else(no_way)?;
        // The same id however often a crash in between repeats it.
        let by = rollout.reverted_by.unwrap_or_else(|| RolloutId::from_u128(id.as_u128() ^ 1));
        let gather = |_| async {
            let question = Request::new(ctx, actions::REVERT_ROLLOUT, Subject::new(Rollout::KIND, id));
            Ok((self.ask(question), None))
        };
        let decide = |state: Option<&Rollout>, (asked, _): &(PolicyAnswer, Option<u64>)| {
            decide::revert(state, asked, by, reason)
        };
        self.decided(ctx, id, gather, decide).await?;
        let begun = self.rollout(&ctx.tenant, by).await?;
        if begun.is_none() {
            self.plan_as(ctx, by, reverting(&rollout.plan, back, &content.name)).await?;
        }
        if begun.is_none_or(|rollout| rollout.status == Status::Planned) {
            // Policy has allowed the revert, and this is all that it is.
            self.open_first(ctx, by, |_| nobody_asked()).await?;
        }
        tracing::warn!(tenant = %ctx.tenant, rollout = %id, %by, reason, "a rollout is taken back");
        Ok(RevertedBy(by))
    }

    /// An outcome, or time: what follows from the counts (OTA-9).
    pub(super) async fn look(
        &self,
        ctx: &Ctx,
        id: RolloutId,
        outcome: Option<&RolloutOutcomeCounted>,
        guard: Option<Guard>,
    ) -> Result<(), CommandError> {
        let Some(rollout) = self.rollout(&ctx.tenant, id).await? else { return Ok(()) };
        let likely = decide::look(Some(&rollout), outcome, None, ctx.now).events;
        let opens = likely.iter().any(|event| matches!(event, RolloutEvent::StageOpened(_)));
        // Counting looks at every vehicle: only where a stage is about to open.
        let next_members = match opens {
            true => self.members(&ctx.tenant, &rollout, rollout.stage + 1).await?,
            false => None,
        };
        self.rollout_command(ctx, id, guard, |state| decide::look(state, outcome, next_members, ctx.now)).await
    }

    /// The least time of a stage is over.
    pub(crate) async fn look_again(&self, tenant: &TenantId, id: RolloutId, guard: Guard) -> Result<(), CommandError> {
        let ctx = self.automation(tenant, "ota.gate").await?;
        self.look(&ctx, id, None, Some(guard)).await
    }

    /// How many vehicles of a rollout are how far.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn funnel(&self, tenant: &TenantId, id: RolloutId) -> Result<Funnel, Fault> {
        let mut funnel = Funnel::default();
        for (_, known) in self.open_updates(tenant, id).await? {
            if let Some(update) = known.current {
                *funnel.open.entry(update.status.as_str().to_owned()).or_default() += 1;
            }
        }
        Ok(funnel)
    }

    /// The vehicles whose update under way is of this rollout.
    pub(super) async fn open_updates(
        &self,
        tenant: &TenantId,
        id: RolloutId,
    ) -> Result<Vec<(VehicleId, VehicleUpdates)>, Fault> {
        let query = ListQuery::of("rollout", id.to_string());
        let rows = store::list_all(&*self.store, TableSpec::of::<VehicleUpdates>(), tenant, query).await?;
        rows.iter().filter_map(|row| row.key.parse().ok().map(|id| Ok((id, row.decode()?)))).collect()
    }
}

struct Asked {
    facts: (PolicyAnswer, Option<u64>),
}

impl kernel::decided::Facts for Asked {
    fn decisions(&self) -> &[kernel::envelope::DecisionRecord] {
        self.facts.0.decisions()
    }
}

/// Of a rollout that is not there nothing is asked.
fn nobody_asked() -> PolicyAnswer {
    PolicyAnswer { records: Vec::new(), refusal: None, constraints: policy::Constraints::default() }
}

/// Why a vehicle gets nothing of this plan, whatever it does.
pub(super) fn left_out(
    plan: &Plan,
    content: &ReleaseContent,
    facts: &VehicleFacts,
    known: &VehicleUpdates,
    stage: Option<usize>,
) -> Option<String> {
    let runs = known.installed.as_ref().map(|installed| installed.release.as_str());
    let hardware = known.installed.as_ref().map(|installed| installed.hardware_id.as_str());
    match stage {
        _ if facts.decommissioned => Some("it left the fleet".into()),
        None => Some("no stage of the plan admits it".into()),
        _ if !plan.sites.is_empty() && !plan.sites.contains(&facts.site) => Some("it is at another site".into()),
        _ if runs.is_none() => Some("it has not reported what it runs".into()),
        _ if runs == Some(content.name.as_str()) => Some("it runs the release already".into()),
        _ if hardware.is_some_and(|id| !content.hardware_ids.contains(id)) => {
            Some(format!("the release is not for its hardware, {}", hardware.unwrap_or_default()))
        }
        _ if !conflicts(content, known).is_empty() => {
            let conflicts: Vec<String> = conflicts(content, known).into_iter().collect();
            Some(format!("the release does not fit what it runs: {}", conflicts.join(", ")))
        }
        _ if plan.only_from.is_some() && plan.only_from.as_deref() != runs => {
            Some("it does not run the release that is taken back".into())
        }
        _ => None,
    }
}

fn reverting(plan: &Plan, back: ReleaseId, from: &str) -> Plan {
    let stage = Stage { share_ppm: Some(cohort::WHOLE), with_control: true, soak_s: 0, advance: Advance::Automatic };
    Plan {
        name: format!("{} taken back", plan.name).chars().take(60).collect(),
        release: back,
        first_vehicles: Default::default(),
        excluded: Default::default(),
        stages: vec![stage],
        control_ppm: 0,
        only_from: Some(from.to_owned()),
        ..plan.clone()
    }
}

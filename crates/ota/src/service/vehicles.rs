//! Updates as vehicles see them: they report, are offered, ask again before they install and before they switch, and prove.

use std::collections::BTreeSet;
use std::sync::Arc;

use journal::Hash;
use kernel::id::HoldId;
use kernel::{Code, Ctx, Decided, Reject, Subject, TenantId, Timestamp, VehicleId};
use keys::{Secret, token};
use policy::{Facts, PolicyAnswer, Request};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::port::{Fault, Guard};
use store::{CommandError, Expected, Extras, RowBody, RowWrite, execute, execute_plain, load};

use super::rollouts::left_out;
use super::{DIRECTED, Ota};
use crate::actions;
use crate::documents::{self, About, Directed};
use crate::ports::VehicleFacts;
use crate::repository::{ReleaseContent, Which};
use crate::rollout::{Plan, Rollout, RolloutId, Status as RolloutStatus, cohort};
use crate::update::decide::{self, Offer};
use crate::update::events::UpdateTokenIssued;
use crate::update::{
    Assignment, InstallationReport, Installed, Report, Status, Update, UpdateEvent, VehicleUpdates, takes_back_before,
};

/// What every token of an update client begins with; then the tenant, then the secret.
const TOKEN_PREFIX: &str = "amu";
/// The rule by which vehicles are offered updates.
pub(super) const OFFER_RULE: &str = "ota.offer";
/// How old an assignment may become before it is signed anew: half of its life.
const DIRECTED_FOR_MS: i64 = 12 * 3_600_000;
/// What stays in the battery beside what the update takes, in percent: for going back, and for the way to a charger.
const RESERVE_PCT: f64 = 10.0;

/// What a vehicle is to do.
#[derive(Debug, Clone, PartialEq)]
pub struct Directive {
    pub update: Update,
    pub content: ReleaseContent,
    pub directed: Directed,
    /// The fastest that it downloads, in bytes per second.
    pub bandwidth_max: Option<u64>,
}

/// A vehicle's own state before it installs or switches (SAFE-12).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VehicleState {
    pub standstill: bool,
    pub parking_brake: bool,
    pub occupied: bool,
    pub on_trip: bool,
    /// The slope that it stands on, in percent.
    pub grade_pct: f64,
    /// Whether it may be left standing where it is.
    pub place_admissible: bool,
    pub battery_pct: f64,
}

/// What a vehicle asks permission for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    Install,
    Switch,
}

/// What key management says of an assignment's signatures (OTA-4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verification {
    pub valid: bool,
    /// The state of each key that must have signed, by its name in the register of keys.
    pub keys: Vec<(String, String)>,
    /// What is wrong.
    pub reason: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct KeptDirected {
    number: u32,
    directed: Directed,
    made_at: Timestamp,
}

/// What an update and going back take of a vehicle's battery, in percent, with a reserve.
fn energy_needed_pct(content: &ReleaseContent, facts: &VehicleFacts) -> f64 {
    match facts.energy_capacity_wh > 0.0 {
        true => RESERVE_PCT + 1.5 * content.estimated_wh / facts.energy_capacity_wh * 100.0,
        false => 100.0,
    }
}

/// The rules that forbid, as one word.
fn rules_of(asked: &PolicyAnswer) -> String {
    let reasons = asked.records.iter().filter_map(|record| record.body.get("reasons")?.as_array());
    let ids: Vec<&str> = reasons.flatten().filter_map(|reason| reason.get("policy_id")?.as_str()).collect();
    ids.join(" ")
}

pub(super) fn conflicts(content: &ReleaseContent, known: &VehicleUpdates) -> BTreeSet<String> {
    let runs = known.installed.as_ref().map(|installed| installed.release.as_str()).unwrap_or_default();
    let mut conflicts = BTreeSet::new();
    if !content.depends_on.is_empty() && !content.depends_on.contains(runs) {
        conflicts.insert(format!("needs {}", content.depends_on.iter().cloned().collect::<Vec<_>>().join(" or ")));
    }
    if content.conflicts_with.contains(runs) {
        conflicts.insert(format!("not over {runs}"));
    }
    if known.installed.as_ref().is_some_and(|installed| installed.release_counter > content.counter) {
        conflicts.insert("runs a release with a higher counter".into());
    }
    conflicts
}

impl Ota {
    /// What a vehicle runs, and its updates.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn updates(&self, tenant: &TenantId, vehicle: VehicleId) -> Result<Option<VehicleUpdates>, Fault> {
        Ok(load::<VehicleUpdates>(&*self.store, tenant, &vehicle).await?.map(|known| known.state))
    }

    pub(super) async fn update_command<R: Send>(
        &self,
        ctx: &Ctx,
        vehicle: VehicleId,
        guard: Option<Guard>,
        decide: impl Fn(Option<&VehicleUpdates>) -> Decided<UpdateEvent, R> + Send + Sync,
    ) -> Result<R, CommandError> {
        let extras = Extras { guard, ..Extras::default() };
        Ok(execute_plain(&*self.store, ctx, &vehicle, extras, decide).await?.reply)
    }

    /// Takes a vehicle's signed report, whose signature was checked.
    ///
    /// # Errors
    /// `CONFLICT` for a report that is older than one that was taken; a fault.
    pub async fn report(&self, ctx: &Ctx, vehicle: VehicleId, report: &Report) -> Result<(), CommandError> {
        self.update_command(ctx, vehicle, None, |state| decide::report(state, report)).await?;
        if let Some(told) = &report.installation {
            tracing::info!(tenant = %ctx.tenant, %vehicle, update = told.number, status = told.status.as_str(), code = told.code, "an update goes on");
        }
        Ok(())
    }

    /// Takes what a client says that signs nothing.
    ///
    /// # Errors
    /// `ILLEGAL_TRANSITION` for an update that is over; a fault.
    pub async fn claim(&self, ctx: &Ctx, vehicle: VehicleId, told: &InstallationReport) -> Result<(), CommandError> {
        self.update_command(ctx, vehicle, None, |state| decide::claim(state, told)).await
    }

    /// Takes a client's word that it stopped what was taken back.
    ///
    /// # Errors
    /// A fault.
    pub async fn cancel_answered(&self, ctx: &Ctx, vehicle: VehicleId, number: u32) -> Result<(), CommandError> {
        self.update_command(ctx, vehicle, None, |state| decide::confirm_cancel(state, number)).await
    }

    /// Takes the version that a client names that signs nothing.
    ///
    /// # Errors
    /// A fault.
    pub async fn report_version(
        &self,
        ctx: &Ctx,
        vehicle: VehicleId,
        installed: &Installed,
    ) -> Result<(), CommandError> {
        self.update_command(ctx, vehicle, None, |state| decide::report_version(state, installed, 0)).await
    }

    /// Makes a token for a client of others, which is answered once.
    ///
    /// # Errors
    /// A fault.
    pub async fn issue_token(&self, ctx: &Ctx, vehicle: VehicleId) -> Result<Secret, CommandError> {
        let unmakable = |source| Fault::Unavailable { what: "make a token", source: Box::new(source) };
        let secret = token::generate().map_err(unmakable)?;
        let token = token::of_tenant(TOKEN_PREFIX, &ctx.tenant, &secret);
        let issued = UpdateTokenIssued { sha256: Hash::of_bytes(token.expose().as_bytes()).to_string() };
        self.update_command(ctx, vehicle, None, |_| Decided::accept([issued.clone().into()], ())).await?;
        Ok(token)
    }

    /// Whether a token is the vehicle's.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn knows_token(&self, tenant: &TenantId, vehicle: VehicleId, token: &str) -> Result<bool, Fault> {
        // Both are digests of 256 random bits: how long the comparison takes tells nothing about the token.
        let digest = Hash::of_bytes(token.as_bytes()).to_string();
        Ok(self.updates(tenant, vehicle).await?.and_then(|known| known.token_sha256) == Some(digest))
    }

    /// Answers a vehicle's poll: what it is to do, if anything (OTA-3, OTA-4).
    ///
    /// # Errors
    /// A fault.
    pub async fn next(&self, tenant: &TenantId, vehicle: VehicleId) -> Result<Option<Directive>, CommandError> {
        let Some(known) = self.updates(tenant, vehicle).await? else { return Ok(None) };
        let Some(installed) = known.installed.clone() else { return Ok(None) };
        let ctx = self.automation(tenant, OFFER_RULE).await?;
        let Some((rollout, update)) = self.open_or_schedule(&ctx, vehicle, known).await? else { return Ok(None) };
        let repository = self.repository(tenant).await?;
        let Some(release) = repository.releases.get(&update.release) else { return Ok(None) };
        let content = release.content.clone();
        let (plan, update) = (&rollout.plan, update);
        let Some(update) = self.offered(&ctx, vehicle, update, plan, &content, &installed).await? else {
            return Ok(None);
        };
        // A pause may have come meanwhile: after it nothing is offered.
        let now = self.rollout(tenant, update.rollout).await?;
        if let Some(now) =
            now.filter(|now| now.status != RolloutStatus::Running && update.status < takes_back_before(now))
        {
            self.take_back(&ctx, vehicle, &now).await?;
            return Ok(None);
        }
        let directed = self.directed(tenant, vehicle, &update, &content, &installed).await?;
        Ok(Some(Directive { update, content, directed, bandwidth_max: rollout.plan.bandwidth_max }))
    }

    /// The update under way, or the one that an open stage has for the vehicle.
    async fn open_or_schedule(
        &self,
        ctx: &Ctx,
        vehicle: VehicleId,
        known: VehicleUpdates,
    ) -> Result<Option<(Rollout, Update)>, CommandError> {
        if let Some(update) = known.current {
            let Some(rollout) = self.rollout(&ctx.tenant, update.rollout).await? else { return Ok(None) };
            if rollout.status != RolloutStatus::Running && update.status < takes_back_before(&rollout) {
                self.take_back(ctx, vehicle, &rollout).await?;
                return Ok(None);
            }
            return Ok(Some((rollout, update)));
        }
        for (id, rollout) in self.running(&ctx.tenant).await? {
            let Some(stage) = rollout.admits(vehicle) else { continue };
            let Some(attempt) = known.next_attempt(id) else { continue };
            let Some(update) = self.schedule(ctx, vehicle, &known, (id, &rollout), (stage, attempt)).await? else {
                continue;
            };
            return Ok(Some((rollout, update)));
        }
        Ok(None)
    }

    async fn take_back(&self, ctx: &Ctx, vehicle: VehicleId, rollout: &Rollout) -> Result<(), CommandError> {
        let status: &str = rollout.status.into();
        let (reason, before) = (format!("the rollout is {status}"), takes_back_before(rollout));
        self.update_command(ctx, vehicle, None, |state| decide::cancel(state, before, &reason)).await
    }

    async fn schedule(
        &self,
        ctx: &Ctx,
        vehicle: VehicleId,
        known: &VehicleUpdates,
        (id, rollout): (RolloutId, &Rollout),
        (stage, attempt): (usize, u32),
    ) -> Result<Option<Update>, CommandError> {
        let repository = self.repository(&ctx.tenant).await?;
        let Some(release) = repository.releases.get(&rollout.plan.release) else { return Ok(None) };
        let Some(facts) = self.vehicles.vehicle(&ctx.tenant, vehicle).await? else { return Ok(None) };
        if left_out(&rollout.plan, &release.content, &facts, known, Some(stage)).is_some() {
            return Ok(None);
        }
        let at_once = usize::try_from(rollout.plan.at_once).unwrap_or(usize::MAX);
        if self.open_updates(&ctx.tenant, id).await?.len() >= at_once {
            return Ok(None);
        }
        let hold: HoldId = ctx.new_id();
        let assignment = Assignment {
            vehicle,
            rollout: id,
            release: rollout.plan.release,
            release_name: release.content.name.clone(),
            sha256: release.content.image.sha256.clone(),
            stage,
            attempt,
            hold,
            plan_digest: rollout.plan_digest.clone(),
            truth: rollout.plan.truth,
            place_ppm: cohort::place(rollout.salt(), vehicle),
        };
        self.update_command(ctx, vehicle, None, |state| decide::schedule(state, &assignment)).await?;
        tracing::info!(tenant = %ctx.tenant, %vehicle, rollout = %id, stage, "an update is scheduled");
        Ok(self.updates(&ctx.tenant, vehicle).await?.and_then(|known| known.current))
    }

    /// Policy's answer to whether the vehicle may be offered the release now.
    pub(super) fn ask_for_offer(
        &self,
        ctx: &Ctx,
        vehicle: VehicleId,
        facts: &VehicleFacts,
        known: &VehicleUpdates,
        plan: &Plan,
        content: &ReleaseContent,
    ) -> PolicyAnswer {
        let hardware = known.installed.as_ref().map(|installed| installed.hardware_id.as_str());
        let observed = Facts::of(ctx.now)
            .with("hardware_fits", hardware.is_some_and(|id| content.hardware_ids.contains(id)))
            .with("conflicts", conflicts(content, known))
            .with("holds", facts.holds.clone())
            .with("on_trip", facts.on_trip)
            .with("parked", facts.parked)
            .with("battery_pct", facts.battery_pct)
            .with("energy_needed_pct", energy_needed_pct(content, facts))
            .with("window_open", plan.window.is_none_or(|window| window.is_open(ctx.now)));
        let question = Request::new(ctx, actions::OFFER_UPDATE, Subject::new("vehicle", vehicle));
        self.ask(question.about(Subject::new("release", plan.release)).facts(observed.collect()))
    }

    /// Offers a scheduled update when the vehicle is parked and free; `None`: not yet.
    async fn offered(
        &self,
        ctx: &Ctx,
        vehicle: VehicleId,
        update: Update,
        plan: &Plan,
        content: &ReleaseContent,
        installed: &Installed,
    ) -> Result<Option<Update>, CommandError> {
        if update.status != Status::Scheduled {
            return Ok(Some(update));
        }
        let number = update.number;
        let unheld = self.unless_held(ctx, vehicle, &update, plan, content).await?;
        let gather = |state: Option<Arc<VehicleUpdates>>| {
            let (update, unheld) = (&update, &unheld);
            async move {
                if let Some(asked) = unheld {
                    let (rules, asked) = (rules_of(asked), asked.clone());
                    return Ok(Offer { rules, asked, deadline: ctx.now, director_targets: String::new() });
                }
                let known = state.as_deref().cloned().unwrap_or_default();
                let facts = self.vehicles.vehicle(&ctx.tenant, vehicle).await?;
                let gone = || Reject::new(Code::NotFound, "the vehicle left the fleet");
                let asked = self.ask_for_offer(ctx, vehicle, &facts.ok_or_else(gone)?, &known, plan, content);
                let lasts_ms = i64::try_from(plan.proof_deadline_s.saturating_mul(1_000)).unwrap_or(i64::MAX);
                let deadline = ctx.now.plus_ms(lasts_ms);
                let decision = asked.records.first().map(|record| record.id.to_string());
                let update = &Update { deadline: Some(deadline), ..update.clone() };
                let about = About { vehicle, update, content, installed, decision: decision.as_deref() };
                let director_targets = match asked.refusal {
                    // The policy engine's key signs what policy allowed, and nothing else.
                    None => self.sign_directed(&ctx.tenant, &about).await?.targets,
                    Some(_) => String::new(),
                };
                Ok(Offer { rules: rules_of(&asked), asked, deadline, director_targets })
            }
        };
        let decide = |state: Option<&VehicleUpdates>, offer: &Offer| decide::offer(state, number, offer);
        let outcome = execute(&*self.store, ctx, &vehicle, Extras::default(), gather, decide).await?;
        if !outcome.reply {
            return Ok(None);
        }
        metrics::counter!("atlasmesh_updates_offered_total").increment(1);
        tracing::info!(tenant = %ctx.tenant, %vehicle, update = number, release = content.name, "an update is offered");
        Ok(outcome.state.and_then(|known| known.current))
    }

    /// Keeps the vehicle from being dispatched where it could be offered the update, now or after its trip; answers what
    /// policy said where it could not. Placed before policy decides about the offer, so that no trip comes in between, and
    /// under the same id after a crash.
    async fn unless_held(
        &self,
        ctx: &Ctx,
        vehicle: VehicleId,
        update: &Update,
        plan: &Plan,
        content: &ReleaseContent,
    ) -> Result<Option<PolicyAnswer>, CommandError> {
        let known = self.updates(&ctx.tenant, vehicle).await?.unwrap_or_default();
        let Some(facts) = self.vehicles.vehicle(&ctx.tenant, vehicle).await? else { return Ok(None) };
        let asked = self.ask_for_offer(ctx, vehicle, &facts, &known, plan, content);
        let passes = ["base.update-offer.on-trip", "base.update-offer.parked"];
        if asked.refusal.is_some() && !rules_of(&asked).split(' ').all(|rule| passes.contains(&rule)) {
            return Ok(Some(asked));
        }
        self.vehicles.hold(ctx, vehicle, update.hold, &format!("update to {}", content.name)).await?;
        let known = self.updates(&ctx.tenant, vehicle).await?.unwrap_or_default();
        if known.current.is_none_or(|current| current.number != update.number) {
            // It was taken back before the hold was placed, and nobody else knows of it.
            self.vehicles.release(ctx, vehicle, update.hold, "the update is over").await?;
        }
        Ok(None)
    }

    async fn sign_directed(&self, tenant: &TenantId, about: &About<'_>) -> Result<Directed, CommandError> {
        let now = self.source.now();
        let row = self.store.get(DIRECTED, tenant, &about.vehicle.to_string()).await?;
        let kept: Option<KeptDirected> = row.as_ref().map(store::Row::decode).transpose()?;
        let version = documents::next_version(kept.map(|kept| kept.directed.targets_version), now);
        // Of two that sign at once one wins: two assignments of one version would look like an attack.
        let expected = row.map_or(Expected::Absent, |row| Expected::Version(row.version));
        let directed = documents::directed(about, version, &self.signers, now)?;
        let kept = KeptDirected { number: about.update.number, directed, made_at: now };
        let body = RowBody::new(&kept, Vec::new())?;
        let write = RowWrite::put(DIRECTED, about.vehicle.to_string(), expected, body);
        match self.store.write(tenant, vec![write]).await {
            Ok(()) => Ok(kept.directed),
            Err(store::port::CommitError::Fault(fault)) => Err(fault.into()),
            Err(_) => Err(Fault::Overloaded.into()),
        }
    }

    /// The signed assignment of an update that is offered, no older than half a day.
    async fn directed(
        &self,
        tenant: &TenantId,
        vehicle: VehicleId,
        update: &Update,
        content: &ReleaseContent,
        installed: &Installed,
    ) -> Result<Directed, CommandError> {
        let row = self.store.get(DIRECTED, tenant, &vehicle.to_string()).await?;
        let kept: Option<KeptDirected> = row.as_ref().map(store::Row::decode).transpose()?;
        let now = self.source.now();
        let is_good =
            |kept: &KeptDirected| kept.number == update.number && now.since_ms(kept.made_at) < DIRECTED_FOR_MS;
        match kept.filter(is_good) {
            Some(kept) => Ok(kept.directed),
            None => {
                let about = About { vehicle, update, content, installed, decision: None };
                self.sign_directed(tenant, &about).await
            }
        }
    }

    /// Answers whether the vehicle may install, or switch (OTA-6, SAFE-12).
    ///
    /// # Errors
    /// `POLICY_VIOLATION`, after which the attempt has failed; `ILLEGAL_TRANSITION` for an update that is over or whose
    /// rollout does not run; a fault.
    pub async fn permit(
        &self,
        ctx: &Ctx,
        vehicle: VehicleId,
        number: u32,
        step: Permission,
        state: &VehicleState,
    ) -> Result<(), CommandError> {
        let (action, name) = match step {
            Permission::Install => (actions::INSTALL_UPDATE, "install"),
            Permission::Switch => (actions::SWITCH_UPDATE, "switch"),
        };
        let told = serde_json::to_value(state).map_err(|_| Fault::Misuse("a vehicle's state cannot be written"))?;
        let gather = |known: Option<Arc<VehicleUpdates>>| async move {
            let over = || Reject::new(Code::IllegalTransition, format!("update {number} of this vehicle is over"));
            let update = known.and_then(|known| known.current.clone()).filter(|update| update.number == number);
            let update = update.ok_or_else(over)?;
            let rollout = self.rollout(&ctx.tenant, update.rollout).await?;
            // By a person's pause what is in the slot comes to its end; what failed elsewhere is not booted.
            let is_over = |rollout: &Rollout| {
                let step = if step == Permission::Install { Status::Downloaded } else { Status::Installed };
                rollout.status != RolloutStatus::Running && step < takes_back_before(rollout)
            };
            if rollout.as_ref().is_none_or(is_over) {
                let text = "the rollout does not run: nothing of it is installed or booted";
                return Err(Reject::new(Code::IllegalTransition, text).into());
            }
            let repository = self.repository(&ctx.tenant).await?;
            let facts = self.vehicles.vehicle(&ctx.tenant, vehicle).await?.ok_or_else(over)?;
            let needed = repository
                .releases
                .get(&update.release)
                .map_or(100.0, |release| energy_needed_pct(&release.content, &facts));
            let observed = Facts::of(ctx.now)
                .with("standstill", state.standstill)
                .with("parking_brake", state.parking_brake)
                .with("occupied", state.occupied)
                // Both the vehicle and the fleet know of trips; either is reason enough.
                .with("on_trip", state.on_trip || facts.on_trip)
                .with("grade_pct", state.grade_pct)
                .with("place_admissible", state.place_admissible)
                .with("battery_pct", state.battery_pct)
                .with("energy_needed_pct", needed);
            let question = Request::new(ctx, action, Subject::new("vehicle", vehicle));
            Ok(self.ask(question.facts(observed.collect())))
        };
        let decide =
            |state: Option<&VehicleUpdates>, asked: &PolicyAnswer| decide::check(state, number, name, &told, asked);
        execute(&*self.store, ctx, &vehicle, Extras::default(), gather, decide).await?;
        Ok(())
    }

    /// Checks an assignment's signatures for a vehicle, which checks them itself too (OTA-4).
    ///
    /// # Errors
    /// A fault.
    pub async fn verify(&self, tenant: &TenantId, vehicle: VehicleId, targets: &str) -> Result<Verification, Fault> {
        let repository = self.repository(tenant).await?;
        let states = self.keys.states().await?;
        let names = self.signers.names();
        let keys: Vec<(String, String)> = names
            .into_iter()
            .map(|(purpose, key)| {
                let state = states.get(&key).cloned().unwrap_or_else(|| "unknown".into());
                (format!("{purpose} {key}"), state)
            })
            .collect();
        let in_force = keys.iter().all(|(_, state)| matches!(state.as_str(), "active" | "retiring"));
        let checked = repository.roots(Which::Director).last().map(|root| check_assignment(root, targets, vehicle));
        let reason = match checked {
            _ if !in_force => Some("a key that must sign is not in force".to_owned()),
            None => Some("nothing was published".to_owned()),
            Some(checked) => checked.err(),
        };
        Ok(Verification { valid: reason.is_none(), keys, reason })
    }

    /// No proof in time.
    pub(crate) async fn expire(&self, tenant: &TenantId, vehicle: VehicleId, guard: Guard) -> Result<(), CommandError> {
        let ctx = self.automation(tenant, "ota.proof").await?;
        self.update_command(&ctx, vehicle, Some(guard), |state| decide::expire(state, ctx.now)).await?;
        metrics::counter!("atlasmesh_updates_without_proof_total").increment(1);
        Ok(())
    }
}

fn check_assignment(root: &str, targets: &str, vehicle: VehicleId) -> Result<(), String> {
    use uptane::document::Signed;
    use uptane::metadata::{Root, Targets};
    let checked = Signed::<Root>::read(root.as_bytes()).and_then(|root| {
        let targets = Signed::<Targets>::read(targets.as_bytes())?;
        targets.verify(&root.signed).map(|()| targets.signed)
    });
    let targets = checked.map_err(|refused| refused.to_string())?;
    let named = targets.custom.map(|custom| custom.vehicle).unwrap_or_default();
    match named == vehicle.to_string() {
        true => Ok(()),
        false => Err(format!("it is the assignment of {named}")),
    }
}

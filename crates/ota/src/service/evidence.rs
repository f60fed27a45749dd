//! The evidence of one update of one vehicle (OTA-7): what was signed, who decided, what the vehicle said before and after,
//! as an in-toto statement that the caller signs and wraps (DSSE).

use kernel::{TenantId, VehicleId};
use serde::Serialize;
use serde_json::{Value, json};
use store::port::Fault;

use super::Ota;
use crate::repository::Which;
use crate::update::Update;

/// What an update's evidence is made of, beside the entries of the journal.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evidence {
    /// The image that was installed, as the subject of the statement.
    pub subject: Value,
    pub update: Update,
    /// The metadata by which the vehicle knew what to install.
    pub metadata: Value,
    /// Why the vehicle was in its stage: the salt and its place.
    pub cohort: Value,
    /// The rollout's plan and its digest.
    pub plan: Value,
}

impl Ota {
    /// What the evidence of an update is made of; `None`: the vehicle has no such update.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn evidence(
        &self,
        tenant: &TenantId,
        vehicle: VehicleId,
        number: u32,
    ) -> Result<Option<Evidence>, Fault> {
        let Some(known) = self.updates(tenant, vehicle).await? else { return Ok(None) };
        let mut all = known.history.into_iter().chain(known.current);
        let Some(update) = all.find(|update| update.number == number) else { return Ok(None) };
        let repository = self.repository(tenant).await?;
        let Some(release) = repository.releases.get(&update.release) else { return Ok(None) };
        let Some(rollout) = self.rollout(tenant, update.rollout).await? else { return Ok(None) };
        let content = &release.content;
        let subject = json!({ "name": content.file, "digest": { "sha256": content.image.sha256 } });
        let metadata = json!({
            "imageRoots": repository.roots(Which::Images),
            "directorRoots": repository.roots(Which::Director),
            "imageTargets": crate::documents::targets(&repository, &self.signers)?,
        });
        let place = crate::rollout::cohort::place(rollout.salt(), vehicle);
        let cohort = json!({ "salt": rollout.salt, "placePpm": place, "stage": update.stage });
        let plan = json!({ "digest": rollout.plan_digest, "plan": rollout.plan });
        Ok(Some(Evidence { subject, update, metadata, cohort, plan }))
    }
}

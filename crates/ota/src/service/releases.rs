//! Releases (OTA-1): an image that is whole, signed into the tenant's list because policy allowed it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use journal::Hash;
use kernel::{Aggregate, Ctx, Reject, Subject, TenantId, Timestamp};
use policy::Request;
use serde::{Deserialize, Serialize};
use store::port::Fault;
use store::{CommandError, Expected, Extras, RowBody, RowWrite, execute, load};

use super::{FRESH, Ota};
use crate::actions;
use crate::documents::{self, Fresh};
use crate::ports::Upload;
use crate::repository::decide::{self, Signed};
use crate::repository::{Release, ReleaseContent, ReleaseId, Repository, Which};

/// How old what pins the list of releases may become before it is made anew: half of its life.
const FRESH_FOR_MS: i64 = 12 * 3_600_000;

/// A release that somebody wants to publish.
#[derive(Debug, Clone, PartialEq)]
pub struct NewRelease {
    pub name: String,
    pub file: String,
    /// Of an image that is here.
    pub sha256: String,
    pub hardware_ids: BTreeSet<String>,
    pub counter: u64,
    pub rxswin: BTreeMap<String, String>,
    pub depends_on: BTreeSet<String>,
    pub conflicts_with: BTreeSet<String>,
    pub notes: String,
    pub estimated_s: u64,
    pub estimated_wh: f64,
    /// The name of the release that takes it back.
    pub reverts_to: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct KeptFresh {
    targets_version: u64,
    fresh: Fresh,
    made_at: Timestamp,
}

impl Ota {
    /// Publishes a release. The same one again changes nothing.
    ///
    /// # Errors
    /// One entry per wrong field, `CONFLICT` for a name that stands for another, `POLICY_VIOLATION`, a fault.
    pub async fn publish(&self, ctx: &Ctx, new: NewRelease) -> Result<(ReleaseId, Release), CommandError> {
        let image = match self.images.state(&ctx.tenant, &new.sha256).await? {
            Upload::Whole(image) => image,
            Upload::Partial(here) => {
                let text = format!("{here} bytes of this image are here: upload it whole first");
                return Err(Reject::invalid_field("/sha256", text).into());
            }
        };
        let known = self.repository(&ctx.tenant).await?;
        let reverts_to = match &new.reverts_to {
            None => None,
            Some(name) => {
                let unknown =
                    || Reject::invalid_field("/reverts_to", format!("there is no release {name}: publish it first"));
                Some(known.named(name).ok_or_else(unknown)?.0)
            }
        };
        let content = ReleaseContent {
            name: new.name,
            file: new.file,
            image,
            hardware_ids: new.hardware_ids,
            counter: new.counter,
            rxswin: new.rxswin,
            depends_on: new.depends_on,
            conflicts_with: new.conflicts_with,
            notes: new.notes,
            estimated_s: new.estimated_s,
            estimated_wh: new.estimated_wh,
            reverts_to,
        };
        let id = known.named(&content.name).map_or_else(|| ctx.new_id(), |(id, _)| id);
        let gather = |state: Option<Arc<Repository>>| {
            let content = &content;
            async move {
                let state = state.as_deref().cloned().unwrap_or_default();
                let question = Request::new(ctx, actions::PUBLISH_RELEASE, Subject::new("release", id))
                    .fact("notes_present", !content.notes.is_empty())
                    .fact("has_way_back", content.reverts_to.is_some());
                let asked = self.ask(question);
                let roots = documents::missing_roots(&state, &self.signers, ctx.now)?;
                // The policy engine's key signs what policy allowed, and nothing else.
                let targets_sha256 = match asked.refusal {
                    None => self.list_with(&state, id, content, ctx.now)?,
                    Some(_) => String::new(),
                };
                Ok(Signed { asked, roots, targets_version: state.targets_version + 1, targets_sha256 })
            }
        };
        let decide = |state: Option<&Repository>, signed: &Signed| decide::publish(state, id, &content, signed);
        let outcome = execute(&*self.store, ctx, &ctx.tenant, Extras::default(), gather, decide).await?;
        let release = outcome.state.and_then(|repository| repository.releases.get(&id).cloned());
        metrics::counter!("atlasmesh_releases_published_total").increment(1);
        tracing::info!(tenant = %ctx.tenant, release = %id, name = content.name, "a release was published");
        Ok((id, release.ok_or(Fault::Misuse("a release was published and is not there"))?))
    }

    /// The digest of the signed list of releases with one more.
    fn list_with(
        &self,
        state: &Repository,
        id: ReleaseId,
        content: &ReleaseContent,
        now: Timestamp,
    ) -> Result<String, Fault> {
        let mut next = state.clone();
        next.releases.insert(id, Release { content: content.clone(), published_at: now });
        next.targets_version += 1;
        Ok(Hash::of_bytes(documents::targets(&next, &self.signers)?.as_bytes()).to_string())
    }

    /// The tenant's repository; an empty one where nothing was published.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn repository(&self, tenant: &TenantId) -> Result<Repository, Fault> {
        Ok(load::<Repository>(&*self.store, tenant, tenant).await?.map(|known| known.state).unwrap_or_default())
    }

    /// What pins the tenant's list of releases, no older than half a day.
    ///
    /// # Errors
    /// A fault of the store or the keys.
    pub async fn fresh(&self, tenant: &TenantId, repository: &Repository) -> Result<Fresh, Fault> {
        let now = self.source.now();
        let row = self.store.get(FRESH, tenant, Repository::KIND).await?;
        let kept: Option<KeptFresh> = row.as_ref().map(store::Row::decode).transpose()?;
        let last = kept.as_ref().map(|kept| kept.fresh.snapshot_version);
        let is_new = |kept: &KeptFresh| {
            kept.targets_version == repository.targets_version && now.since_ms(kept.made_at) < FRESH_FOR_MS
        };
        if let Some(kept) = kept.filter(is_new) {
            return Ok(kept.fresh);
        }
        let version = documents::next_version(last, now);
        let targets = documents::targets(repository, &self.signers)?;
        let list = (repository.targets_version, targets.as_str());
        let fresh = documents::fresh(version, list, &self.signers, now)?;
        let kept = KeptFresh { targets_version: repository.targets_version, fresh, made_at: now };
        let expected = row.map_or(Expected::Absent, |row| Expected::Version(row.version));
        let write = RowWrite::put(FRESH, Repository::KIND, expected, RowBody::new(&kept, Vec::new())?);
        match self.store.write(tenant, vec![write]).await {
            Ok(()) => Ok(kept.fresh),
            Err(store::port::CommitError::Fault(fault)) => Err(fault),
            // Another made it in the same moment: whoever asks again gets that.
            Err(_) => Err(Fault::Overloaded),
        }
    }

    /// A file of the image repository, by its name in a repository with consistent snapshots; `None`: there is none.
    ///
    /// # Errors
    /// A fault of the store or the keys.
    pub async fn image_document(&self, tenant: &TenantId, name: &str) -> Result<Option<String>, Fault> {
        use uptane::Role;
        let Some((role, version)) = documents::parse_file(name) else { return Ok(None) };
        let repository = self.repository(tenant).await?;
        if repository.targets_version == 0 {
            return Ok(None);
        }
        Ok(match (role, version) {
            (Role::Root, Some(version)) => root_of(&repository, Which::Images, version),
            (Role::Targets, Some(version)) if version == repository.targets_version => {
                Some(documents::targets(&repository, &self.signers)?)
            }
            (Role::Timestamp, _) => Some(self.fresh(tenant, &repository).await?.timestamp),
            (Role::Snapshot, Some(version)) => {
                let fresh = self.fresh(tenant, &repository).await?;
                (fresh.snapshot_version == version).then_some(fresh.snapshot)
            }
            _ => None,
        })
    }

    /// A root of the director.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn director_root(&self, tenant: &TenantId, version: u64) -> Result<Option<String>, Fault> {
        Ok(root_of(&self.repository(tenant).await?, Which::Director, version))
    }
}

fn root_of(repository: &Repository, which: Which, version: u64) -> Option<String> {
    let place = usize::try_from(version.checked_sub(1)?).ok()?;
    repository.roots(which).get(place).cloned()
}

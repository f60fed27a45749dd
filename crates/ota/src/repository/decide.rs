//! The rules of a repository.

use kernel::decided::Facts;
use kernel::envelope::DecisionRecord;
use kernel::{Code, Decided, FieldError, Reject};
use policy::PolicyAnswer;

use super::{ReleaseContent, ReleaseId, ReleasePublished, Repository, RepositoryEvent, UpdateRootPublished};

/// The most releases of a tenant: the signed list of all of them is read by every vehicle.
pub const RELEASES_MAX: usize = 2_000;

/// What publishing rests on: policy's answer, and the documents that were signed because of it.
#[derive(Debug)]
pub struct Signed {
    pub asked: PolicyAnswer,
    /// Root documents that are not published yet.
    pub roots: Vec<UpdateRootPublished>,
    pub targets_version: u64,
    pub targets_sha256: String,
}

impl Facts for Signed {
    fn decisions(&self) -> &[DecisionRecord] {
        self.asked.decisions()
    }
}

/// What is wrong with a release, field by field.
pub fn faults(state: Option<&Repository>, content: &ReleaseContent) -> Vec<FieldError> {
    let empty = Repository::default();
    let repository = state.unwrap_or(&empty);
    let mut faults = Vec::new();
    let mut wrong = |field: &str, text: String| faults.push(FieldError { field: field.into(), message: text });
    if content.hardware_ids.is_empty() {
        wrong("/hardware_ids", "must name the hardware that the release is for".into());
    }
    if content.counter == 0 {
        wrong("/counter", "must be at least 1".into());
    }
    if !uptane::metadata::is_safe_name(&content.file) {
        wrong("/file", "must be a plain file name of letters, digits, dots, dashes and underscores".into());
    }
    if repository.releases.values().any(|known| known.content.file == content.file) {
        wrong("/file", "another release has a file of this name".into());
    }
    let unknown = |name: &&String| repository.named(name).is_none();
    if let Some(name) = content.depends_on.iter().find(unknown) {
        wrong("/depends_on", format!("there is no release {name}"));
    }
    match content.reverts_to.map(|id| repository.releases.get(&id)) {
        None => {}
        Some(None) => wrong("/reverts_to", "there is no such release: publish it first".into()),
        Some(Some(back)) if back.content.counter <= content.counter => {
            let text = format!(
                "its counter is {}: it must exceed {}, or no vehicle goes back to it",
                back.content.counter, content.counter
            );
            wrong("/reverts_to", text);
        }
        Some(Some(back)) if !content.hardware_ids.is_subset(&back.content.hardware_ids) => {
            wrong("/reverts_to", "it is not for the same hardware".into());
        }
        Some(Some(_)) => {}
    }
    faults
}

/// Publishes a release (OTA-1).
pub fn publish(
    state: Option<&Repository>,
    release: ReleaseId,
    content: &ReleaseContent,
    signed: &Signed,
) -> Decided<RepositoryEvent, ()> {
    if let Some((_, known)) = state.and_then(|repository| repository.named(&content.name)) {
        return match known.content == *content {
            true => Decided::unchanged(()),
            false => Decided::reject(Reject::new(
                Code::Conflict,
                format!(
                    "there is another release {}: a release never changes, give the new one a new name",
                    content.name
                ),
            )),
        };
    }
    if state.is_some_and(|repository| repository.releases.len() >= RELEASES_MAX) {
        return Decided::reject(Reject::new(Code::Conflict, "there are 2000 releases: no more can be published"));
    }
    let faults = faults(state, content);
    if !faults.is_empty() {
        return Decided::reject(Reject::invalid(faults));
    }
    if let Some(refusal) = &signed.asked.refusal {
        return Decided::reject(refusal.clone());
    }
    let published = ReleasePublished {
        release,
        content: content.clone(),
        targets_version: signed.targets_version,
        targets_sha256: signed.targets_sha256.clone(),
    };
    let mut events: Vec<RepositoryEvent> = signed.roots.iter().cloned().map(Into::into).collect();
    events.push(published.into());
    Decided::accept(events, ())
}

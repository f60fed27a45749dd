//! The rules of a bundle.

use kernel::{Code, Decided, Reject, Timestamp};

use super::events::{BundleArchived, BundleDisclosed, BundleEvent, BundleFailed, BundleRequested};
use super::{Archive, EvidenceBundle, Status, Wanted};

type Answer<R> = Decided<BundleEvent, R>;

/// The kinds of things that a bundle can be about.
pub const KINDS: &[&str] = &["vehicle", "trip", "incident", "rollout", "site", "work_order", "report", "collision"];
/// The longest time of a bundle, in days.
const DAYS_MAX: i64 = 3_700;
const DAY_MS: i64 = 86_400_000;

fn check(wanted: &Wanted, known: &[String], now: Timestamp) -> Result<(), Reject> {
    if let Some(unknown) = wanted.frameworks.iter().find(|framework| !known.contains(framework)) {
        let text = format!("there is no framework {unknown}: {} are known", known.join(", "));
        return Err(Reject::invalid_field("/frameworks", text));
    }
    if let Some(about) = wanted.about.as_ref().filter(|about| !KINDS.contains(&about.kind())) {
        let text = format!("{about} is none of {}, each as kind/id", KINDS.join(", "));
        return Err(Reject::invalid_field("/about", text));
    }
    if wanted.until <= wanted.from {
        return Err(Reject::invalid_field("/until", "must be after `from`"));
    }
    if wanted.from > now {
        return Err(Reject::invalid_field("/from", "lies in the future"));
    }
    if wanted.until.since_ms(wanted.from) > DAYS_MAX * DAY_MS {
        return Err(Reject::invalid_field("/until", format!("must be at most {DAYS_MAX} days after `from`")));
    }
    Ok(())
}

/// Asks for a bundle; asking again under the same id changes nothing.
pub fn request(
    state: Option<&EvidenceBundle>,
    wanted: &Wanted,
    known: &[String],
    by: &str,
    now: Timestamp,
) -> Answer<()> {
    if state.is_some() {
        return Decided::unchanged(());
    }
    match check(wanted, known, now) {
        Ok(()) => Decided::accept([BundleRequested { wanted: wanted.clone(), by: by.into() }.into()], ()),
        Err(reject) => Decided::reject(reject),
    }
}

fn is_wanted(state: Option<&EvidenceBundle>) -> bool {
    state.is_some_and(|bundle| bundle.status == Status::Requested)
}

/// Its archive is kept. A second one of the same bundle is the work of a worker that came too late.
pub fn archived(state: Option<&EvidenceBundle>, archive: &Archive) -> Answer<()> {
    match is_wanted(state) {
        true => Decided::accept([BundleArchived { archive: archive.clone() }.into()], ()),
        false => Decided::unchanged(()),
    }
}

/// It cannot be made.
pub fn failed(state: Option<&EvidenceBundle>, reason: &str) -> Answer<()> {
    match is_wanted(state) {
        true => Decided::accept([BundleFailed { reason: reason.into() }.into()], ()),
        false => Decided::unchanged(()),
    }
}

/// Somebody takes it.
pub fn disclose(state: Option<&EvidenceBundle>, to: &str, role: &str) -> Answer<Archive> {
    let Some(bundle) = state else { return Decided::reject(Reject::new(Code::NotFound, "there is no such bundle")) };
    match &bundle.archive {
        Some(archive) => {
            let disclosed = BundleDisclosed { to: to.into(), role: role.into() };
            Decided::accept([disclosed.into()], archive.clone())
        }
        None => {
            let text = format!("this bundle is {}: it has no archive yet", bundle.status.as_str());
            Decided::reject(Reject::new(Code::IllegalTransition, text))
        }
    }
}

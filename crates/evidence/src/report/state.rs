//! The fold of a report.

use kernel::id::ReportId;
use kernel::{Aggregate, EventMeta, Subject, Timestamp};

use super::events::{ReportDrafted, ReportEvent, ReportRejected, ReportSigned};
use super::{AuthorityAnswer, ComplianceReport, Correction, Status, VERSIONS_MAX, Version};

impl Aggregate for ComplianceReport {
    type Id = ReportId;
    type Event = ReportEvent;
    const KIND: &'static str = "report";
    const FOLD_VERSION: u32 = 1;
    const INDEXES: &'static [&'static str] = &["with_authority"];

    fn evolve(state: Option<Self>, event: &ReportEvent, meta: &EventMeta) -> Option<Self> {
        let at = meta.recorded_at;
        if let ReportEvent::Drafted(drafted) = event {
            return Some(Self::drafted(drafted.clone(), at));
        }
        let mut report = state?;
        report.go_on(event.clone(), at);
        Some(report)
    }

    /// When the correction should be made.
    fn due_at(&self) -> Option<Timestamp> {
        let correction =
            self.correction.as_ref().filter(|correction| correction.done_at.is_none() && !correction.overdue);
        correction.map(|correction| correction.due_at)
    }

    /// Whether an authority has it, now or before.
    fn index_values(&self) -> Vec<String> {
        vec![if self.submitted().is_some() { "yes" } else { "" }.to_owned()]
    }

    fn about(event: &ReportEvent, state: Option<&Self>) -> Vec<Subject> {
        let of = match event {
            ReportEvent::Drafted(drafted) => (drafted.collision, drafted.obligation),
            _ => state.map_or((None, None), |report| (report.collision, report.obligation)),
        };
        let collision = of.0.map(|id| Subject::new("collision", id));
        collision.into_iter().chain(of.1.map(|id| Subject::new("obligation", id))).collect()
    }
}

impl ComplianceReport {
    fn drafted(drafted: ReportDrafted, at: Timestamp) -> Self {
        Self {
            form: drafted.form,
            title: drafted.title,
            status: Status::Draft,
            covered: drafted.covered,
            collision: drafted.collision,
            obligation: drafted.obligation,
            values: drafted.values,
            drafted_at: at,
            drafted_by: drafted.by,
            version: 1,
            versions: Vec::new(),
            correction: None,
        }
    }

    fn go_on(&mut self, event: ReportEvent, at: Timestamp) {
        match event {
            ReportEvent::Drafted(_) => {}
            ReportEvent::ValuesGiven(given) => self.values = given.values,
            ReportEvent::Signed(signed) => self.signed(signed, at),
            ReportEvent::Submitted(submitted) => {
                self.status = Status::Submitted;
                self.with(submitted.version, |version| {
                    version.submitted_at = Some(at);
                    version.submitted_by = Some(submitted.by);
                    version.late = submitted.late;
                });
            }
            ReportEvent::Checked(checked) => self.with(checked.version, |version| {
                version.check = Some(checked.check);
                version.checked_at = Some(at);
            }),
            ReportEvent::Accepted(accepted) => {
                self.status = Status::Accepted;
                let (confirmation, next_due_at) = (Some(accepted.confirmation), accepted.next_due_at);
                let answer =
                    AuthorityAnswer { accepted: true, confirmation, next_due_at, reason: None, at, act: accepted.act };
                self.with(accepted.version, |version| version.answer = Some(answer));
            }
            ReportEvent::Rejected(rejected) => self.rejected(rejected, at),
            ReportEvent::CorrectionOverdue(_) => {
                if let Some(correction) = &mut self.correction {
                    correction.overdue = true;
                }
            }
            ReportEvent::Corrected(corrected) => {
                self.status = Status::Draft;
                self.version += 1;
                if let Some(correction) = &mut self.correction {
                    correction.done_at = Some(at);
                    correction.done_by = Some(corrected.by);
                    correction.done = Some(corrected.what);
                }
            }
            ReportEvent::AuditLogged(_) => self.status = Status::Logged,
        }
    }

    fn signed(&mut self, signed: ReportSigned, at: Timestamp) {
        // One that was signed anew before anybody had it replaces what was signed.
        self.versions.retain(|version| version.version != signed.version);
        if self.versions.len() == VERSIONS_MAX {
            self.versions.remove(0);
        }
        self.version = signed.version;
        self.status = Status::Signed;
        self.versions.push(Version {
            version: signed.version,
            bundle: signed.bundle,
            bundle_complete: signed.bundle_complete,
            documents: signed.documents,
            missing: signed.missing,
            key: signed.key,
            signed_at: at,
            signed_by: signed.by,
            submitted_at: None,
            submitted_by: None,
            late: false,
            check: None,
            checked_at: None,
            answer: None,
        });
    }

    fn rejected(&mut self, rejected: ReportRejected, at: Timestamp) {
        self.status = Status::Rejected;
        self.correction = Some(Correction {
            what: rejected.correction,
            owner: rejected.owner,
            due_at: rejected.due_at,
            ordered_at: at,
            overdue: false,
            done_at: None,
            done_by: None,
            done: None,
        });
        let reason = Some(rejected.reason);
        let answer =
            AuthorityAnswer { accepted: false, confirmation: None, next_due_at: None, reason, at, act: rejected.act };
        self.with(rejected.version, |version| version.answer = Some(answer));
    }

    fn with(&mut self, number: u32, change: impl FnOnce(&mut Version)) {
        if let Some(version) = self.versions.iter_mut().find(|version| version.version == number) {
            change(version);
        }
    }
}

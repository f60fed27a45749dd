//! Reports: drafted, written down from the journal, signed, and handed to the authority (EVD-5, EVD-6).

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;

use ::reports::form::Submission;
use ::reports::report::{Contents, Frame, Technical};
use ::reports::{Filled, Filler, Form, Period, Report};
use bundles::adherence::Adherence;
use bundles::compliance::{Assessor, ClauseResult};
use bundles::deadline::Zone;
use bundles::statement::{Bundle as SignedStatement, Statement, sign as sign_statement};
use bundles::{Mapping, Sha256Digest, canonical};
use kernel::id::{BundleId, CollisionId, ObligationId, ReportId};
use kernel::{Aggregate, Code, Ctx, Reject, Subject, TenantId, Timestamp};
use policy::Request;
use serde_json::{Value, json};
use store::port::{Fault, Guard, ListQuery};
use store::{CommandError, Extras, execute};

use super::classify::envelope_of;
use super::collect::{SigningKey, chosen_mapping};
use super::contents::verdict_name;
use super::entries::{Pages, part_of};
use super::{Asked, Evidence, MITIGATE_RULE, event_of, id_of};
use crate::actions::SUBMIT;
use crate::bundle::{self, Archive, EvidenceBundle, Wanted};
use crate::collision::KnownCollision;
use crate::obligation::Obligation;
use crate::ports::KeyPurpose;
use crate::profile::ComplianceProfile;
use crate::report::decide::{self, Submitting};
use crate::report::events::{ReportDrafted, ReportSigned};
use crate::report::{ComplianceReport, Covered, Document, Documents, Format, Status};

/// What is said of a signed report.
const COMPLIANCE_REPORT: &str = "https://atlasmesh.io/compliance-report/v1";
/// What the statement of a report is about.
const REPORT_JSON: &str = "report.json";
/// The most bytes of one document that is read into memory.
const DOCUMENT_BYTES_MAX: u64 = 64 << 20;

/// What a report is begun with.
#[derive(Debug, Clone)]
pub struct NewReport {
    pub form: String,
    pub covered: Option<Covered>,
    pub collision: Option<CollisionId>,
    pub obligation: Option<ObligationId>,
    pub values: BTreeMap<String, String>,
}

/// A report as it would be written down now.
pub struct Composed {
    pub report: Report,
    pub filled: Filled,
}

fn unwritable(what: &'static str, error: impl std::fmt::Display) -> CommandError {
    Fault::Unavailable { what, source: error.to_string().into() }.into()
}

impl Evidence {
    /// The ids of the forms that are known.
    pub fn forms(&self) -> Vec<String> {
        self.forms.iter().map(|form| form.id.clone()).collect()
    }

    /// Every form that is known.
    pub fn known_forms(&self) -> impl Iterator<Item = &Form> {
        self.forms.iter()
    }

    pub(crate) fn form(&self, id: &str) -> Result<&Form, Reject> {
        let unknown = || {
            let text = format!("there is no form {id}: {} are known", self.forms().join(", "));
            Reject::invalid_field("/form", text)
        };
        self.forms.get(id).ok_or_else(unknown)
    }

    /// Begins a report, and asks for the bundle that it rests on.
    ///
    /// # Errors
    /// The field that is wrong, a fault.
    pub async fn draft(&self, ctx: &Ctx, new: NewReport) -> Result<ReportId, CommandError> {
        let form = self.form(&new.form)?;
        let obligation = match new.obligation {
            Some(id) => {
                let known = self.one::<Obligation>(&ctx.tenant, &id).await?.filter(|known| known.form == new.form);
                let missing =
                    || Reject::invalid_field("/obligation", format!("there is no obligation {id} of this form"));
                Some(known.ok_or_else(missing)?)
            }
            None => None,
        };
        let of_obligation = obligation.as_ref().and_then(|known| known.about.as_ref());
        let of_obligation = of_obligation.filter(|about| about.kind() == KnownCollision::KIND);
        let collision = new.collision.or_else(|| of_obligation.and_then(|about| about.id().parse().ok()));
        let is_about_one = matches!(form.kind, ::reports::form::Kind::Occurrence);
        let known = match collision {
            Some(id) => {
                let known = self.one::<KnownCollision>(&ctx.tenant, &id).await?;
                Some(known.ok_or_else(|| Reject::invalid_field("/collision", format!("there is no collision {id}")))?)
            }
            None if is_about_one => {
                let text = "this form is about one collision: name it";
                return Err(Reject::invalid_field("/collision", text).into());
            }
            None => None,
        };
        let of_collision = known.map(|known| Covered { from: known.recorded_at, until: ctx.now.plus_ms(1) });
        let covered = new.covered.or(obligation.and_then(|known| known.covered)).or(of_collision);
        let missing = || Reject::invalid_field("/covered", "say which time the report is about");
        let drafted = ReportDrafted {
            form: form.id.clone(),
            title: form.title.clone(),
            covered: covered.ok_or_else(missing)?,
            collision,
            obligation: new.obligation,
            values: new.values,
            by: ctx.actor.id.clone(),
        };
        let id: ReportId = ctx.new_id();
        self.command(ctx, &id, None, |state| decide::draft(state, &drafted, ctx.now)).await?;
        self.request_report_bundle(ctx, id).await?;
        Ok(id)
    }

    /// The bundle of a version: its id follows from report and version.
    async fn request_report_bundle(&self, ctx: &Ctx, id: ReportId) -> Result<BundleId, CommandError> {
        let report = self.one::<ComplianceReport>(&ctx.tenant, &id).await?.ok_or_else(missing)?;
        let bundle: BundleId = id_of(&format!("report/{id}/{}", report.version));
        let form = self.form(&report.form)?;
        let wanted = Wanted {
            frameworks: form.framework.iter().cloned().collect(),
            about: report.collision.map(|collision| Subject::new(KnownCollision::KIND, collision)),
            from: report.covered.from,
            until: report.covered.until,
            purpose: format!("report {id}, version {}", report.version),
            disclose: false,
        };
        self.request_bundle(ctx, bundle, &wanted).await?;
        Ok(bundle)
    }

    /// Says what no entry says, all of it.
    ///
    /// # Errors
    /// The field that is wrong, `NOT_FOUND`, `ILLEGAL_TRANSITION`, a fault.
    pub async fn give_values(
        &self,
        ctx: &Ctx,
        id: ReportId,
        values: &BTreeMap<String, String>,
    ) -> Result<(), CommandError> {
        let report = self.one::<ComplianceReport>(&ctx.tenant, &id).await?.ok_or_else(missing)?;
        let with_values = ComplianceReport { values: values.clone(), ..report };
        let composed = self.compose(&ctx.tenant, id, &with_values, ctx.now).await?;
        if let Some(fault) = composed.filled.faults.iter().find(|fault| values.contains_key(&fault.field)) {
            return Err(Reject::invalid_field(format!("/values/{}", fault.field), fault.reason.clone()).into());
        }
        self.command(ctx, &id, None, |state| decide::give_values(state, values, &ctx.actor.id)).await
    }

    /// A report as it would be written down now.
    ///
    /// # Errors
    /// `NOT_FOUND`, a fault.
    pub async fn preview(&self, tenant: &TenantId, id: ReportId) -> Result<Composed, CommandError> {
        let report = self.one::<ComplianceReport>(tenant, &id).await?.ok_or_else(missing)?;
        self.compose(tenant, id, &report, self.parts.source.now()).await
    }

    /// Fills the form from the entries that the report is about, and sets it beside what they say of the clauses.
    async fn compose(
        &self,
        tenant: &TenantId,
        id: ReportId,
        report: &ComplianceReport,
        now: Timestamp,
    ) -> Result<Composed, CommandError> {
        let form = self.form(&report.form)?;
        let frameworks = form.framework.iter().cloned().collect();
        let mapping = chosen_mapping(&frameworks).map_err(|error| unwritable("read the mapping", error))?;
        let wanted = Wanted {
            frameworks,
            about: report.collision.map(|collision| Subject::new(KnownCollision::KIND, collision)),
            from: report.covered.from,
            until: report.covered.until,
            purpose: String::new(),
            disclose: false,
        };
        let archive = self.archive_of(tenant, id, report.version).await?;
        // A report says nothing that its bundle does not hold.
        let size = match &archive {
            Some(archive) => archive.log_size,
            None => self.parts.store.head(tenant).await?.map_or(0, |head| head.size),
        };
        let read = self.read_for_report(tenant, form, &mapping, &wanted, (size, now)).await?;
        let profile = self.one::<ComplianceProfile>(tenant, tenant).await?;
        let settings = profile.map(|known| known.profile.settings).unwrap_or_default();
        let filled = read.filler.finish(&settings, &report.values);
        let frame = Frame {
            period: Period { from_ms: report.covered.from.as_ms(), to_ms: report.covered.until.as_ms() },
            tenant: tenant.to_string(),
            made_at_ms: now.as_ms(),
            version: report.version,
            status: match report.status {
                Status::Draft => ::reports::Status::Draft,
                _ => ::reports::Status::Signed,
            },
        };
        let contents = Contents {
            filled: &filled,
            mapping: &mapping,
            results: &read.results,
            adherence: &read.adherence,
            corrections: &corrections(report),
            technical: &self.technical(tenant, id, report, archive),
        };
        let written = Report::new(form, frame, &contents);
        Ok(Composed { report: written, filled })
    }

    async fn read_for_report<'m>(
        &self,
        tenant: &TenantId,
        form: &'m Form,
        mapping: &'m Mapping,
        wanted: &Wanted,
        (size, now): (u64, Timestamp),
    ) -> Result<ReadForReport<'m>, CommandError> {
        let classes = self.parts.vehicles.classes(tenant).await?;
        let mut filler = Filler::new(form);
        let mut assessor = Assessor::new(mapping, wanted.until.as_ms().min(now.as_ms()));
        let mut adherence = Adherence::new(mapping, Zone::utc(), classes);
        let (from_ms, until_ms) = (wanted.from.as_ms(), wanted.until.as_ms());
        let part = part_of(&*self.parts.store, tenant, size, from_ms, until_ms).await?;
        let mut pages = Pages::new(&*self.parts.store, tenant, wanted.about.as_ref(), part);
        while let Some(entries) = pages.next().await? {
            for entry in entries {
                let event = event_of(entry.index, &envelope_of(&entry)?);
                filler.push(&event).map_err(|error| unwritable("fill a form", error))?;
                assessor.push(&event).map_err(|error| unwritable("assess clauses", error))?;
                adherence.push(&event).map_err(|error| unwritable("count adherence", error))?;
            }
        }
        Ok(ReadForReport { filler, results: assessor.finish(), adherence })
    }

    /// The bundle that a version rests on, once it is archived.
    async fn archive_of(&self, tenant: &TenantId, id: ReportId, version: u32) -> Result<Option<Archive>, Fault> {
        let bundle: BundleId = id_of(&format!("report/{id}/{version}"));
        Ok(self.one::<EvidenceBundle>(tenant, &bundle).await?.and_then(|bundle| bundle.archive))
    }

    fn technical(
        &self,
        tenant: &TenantId,
        id: ReportId,
        report: &ComplianceReport,
        archive: Option<Archive>,
    ) -> Technical {
        let bundle: BundleId = id_of(&format!("report/{id}/{}", report.version));
        let (verifier, _) = self.parts.signing.log(tenant);
        let others = [
            ("Report".to_owned(), id.to_string()),
            ("Bundle".to_owned(), bundle.to_string()),
            ("Key of the log".to_owned(), verifier.vkey()),
        ];
        Technical {
            bundle_digest: archive.as_ref().map(|archive| archive.sha256.clone()),
            checkpoint: archive.map(|archive| format!("{}, {} entries", verifier.name(), archive.log_size)),
            key_id: Some(self.parts.signing.key(KeyPurpose::Report).0.to_string()),
            others: others.into(),
        }
    }

    /// Writes the next version down and signs it.
    ///
    /// # Errors
    /// `NOT_FOUND`, `ILLEGAL_TRANSITION`, `CONFLICT` while its bundle is made, a fault.
    pub async fn sign(&self, ctx: &Ctx, id: ReportId) -> Result<(), CommandError> {
        let tenant = &ctx.tenant;
        let report = self.one::<ComplianceReport>(tenant, &id).await?.ok_or_else(missing)?;
        let bundle = self.request_report_bundle(ctx, id).await?;
        let made = self.one::<EvidenceBundle>(tenant, &bundle).await?;
        let made = made.ok_or_else(|| Reject::new(Code::Conflict, "its bundle is not there: try again"))?;
        match made.status {
            bundle::Status::Requested => {
                return Err(Reject::new(Code::Conflict, "its bundle is being made: try again in a moment").into());
            }
            bundle::Status::Failed => {
                let text = format!("its bundle could not be made: {}", made.failure.unwrap_or_default());
                return Err(Reject::new(Code::IllegalTransition, text).into());
            }
            bundle::Status::Complete | bundle::Status::Incomplete => {}
        }
        let signed_state = ComplianceReport { status: Status::Signed, ..report.clone() };
        let Composed { report: written, filled } = self.compose(tenant, id, &signed_state, ctx.now).await?;
        let html = self.keep(tenant, ::reports::html(&written).as_bytes())?;
        let pdf = ::reports::pdf(&written).map_err(|error| unwritable("write a report", error))?;
        let (pdf, csv) = (self.keep(tenant, &pdf)?, self.keep(tenant, ::reports::csv(&filled).as_bytes())?);
        let about = json!({
            "report": id, "form": report.form, "version": report.version, "tenant": tenant, "bundle": bundle,
            "bundleSha256": made.archive.as_ref().map(|archive| &archive.sha256),
            "html": html.sha256, "pdf": pdf.sha256, "csv": csv.sha256, "signedAt": ctx.now, "missing": filled.missing,
        });
        let digest = digest_of(&about).map_err(|error| unwritable("sign a report", error))?;
        let statement = Statement::about(REPORT_JSON, digest, COMPLIANCE_REPORT, about);
        let key = SigningKey::of(&*self.parts.signing, KeyPurpose::Report);
        let signature = sign_statement(&statement, &key).map_err(|error| unwritable("sign a report", error))?;
        let signature = signature.text().map_err(|error| unwritable("sign a report", error))?;
        let signed = ReportSigned {
            form: report.form.clone(),
            version: report.version,
            bundle,
            bundle_complete: made.status == bundle::Status::Complete,
            documents: Documents { html, pdf, csv, signature: self.keep(tenant, signature.as_bytes())? },
            missing: filled.missing,
            key: key.id().to_owned(),
            by: ctx.actor.id.clone(),
        };
        self.command(ctx, &id, None, |state| decide::sign(state, &signed)).await?;
        tracing::info!(%tenant, report = %id, version = report.version, "a report is signed");
        Ok(())
    }

    fn keep(&self, tenant: &TenantId, bytes: &[u8]) -> Result<Document, Fault> {
        let mut file = self.parts.archives.create(tenant)?;
        let unwritable = |source| Fault::Unavailable { what: "write a report", source: Box::new(source) };
        file.write_all(bytes).map_err(unwritable)?;
        let (sha256, bytes) = file.keep()?;
        Ok(Document { sha256, bytes })
    }

    /// Hands the newest version to the authority, where policy allows it; a form that stays in the house is logged.
    ///
    /// # Errors
    /// `NOT_FOUND`, `ILLEGAL_TRANSITION`, `POLICY_VIOLATION`, a fault.
    pub async fn submit(&self, ctx: &Ctx, id: ReportId) -> Result<(), CommandError> {
        let report = self.one::<ComplianceReport>(&ctx.tenant, &id).await?.ok_or_else(missing)?;
        let form = self.form(&report.form)?;
        let internal = match form.submission {
            Submission::Internal => Some(self.findings(&ctx.tenant, id).await?),
            Submission::Required => None,
        };
        let due_at = match report.obligation {
            Some(obligation) => self.one::<Obligation>(&ctx.tenant, &obligation).await?.map(|known| known.due_at),
            None => None,
        };
        let gather = |state: Option<Arc<ComplianceReport>>| async move {
            let newest = state.as_ref().and_then(|report| report.newest());
            let missing = newest.map_or(0, |version| version.missing.len());
            let is_signed = state.as_ref().is_some_and(|report| report.status == Status::Signed);
            let question = Request::new(ctx, SUBMIT, Subject::new(ComplianceReport::KIND, id))
                .fact("form", form.id.as_str())
                .fact("signed", is_signed)
                .fact("missing_fields", u32::try_from(missing).unwrap_or(u32::MAX))
                .fact("bundle_complete", newest.is_none_or(|version| version.bundle_complete));
            Ok(Asked { answer: self.ask(question) })
        };
        let decide = |state: Option<&ComplianceReport>, asked: &Asked| {
            let (now, by) = (ctx.now, ctx.actor.id.as_str());
            decide::submit(state, &Submitting { answer: &asked.answer, due_at, now, by, internal: internal.clone() })
        };
        execute(&*self.parts.store, ctx, &id, Extras::default(), gather, decide).await?;
        metrics::counter!("atlasmesh_reports_submitted_total", "form" => form.id.clone()).increment(1);
        tracing::info!(tenant = %ctx.tenant, report = %id, form = form.id, "a report is submitted");
        Ok(())
    }

    /// What an internal audit found, in one sentence.
    async fn findings(&self, tenant: &TenantId, id: ReportId) -> Result<String, CommandError> {
        let bundle = self.one::<ComplianceReport>(tenant, &id).await?;
        let bundle = bundle.and_then(|report| report.newest().map(|version| version.bundle));
        let archive = match bundle {
            Some(bundle) => self.one::<EvidenceBundle>(tenant, &bundle).await?.and_then(|bundle| bundle.archive),
            None => None,
        };
        Ok(archive.map_or_else(String::new, |archive| {
            let verdicts = archive.verdicts;
            format!(
                "{} {}, {} {}, {} {}",
                verdicts.satisfied,
                verdict_name(bundles::Verdict::Satisfied),
                verdicts.not_satisfied,
                verdict_name(bundles::Verdict::NotSatisfied),
                verdicts.not_evaluable,
                verdict_name(bundles::Verdict::NotEvaluable)
            )
        }))
    }

    /// Says what was corrected: the next version can be signed.
    ///
    /// # Errors
    /// `NOT_FOUND`, `ILLEGAL_TRANSITION`, a fault.
    pub async fn correct(&self, ctx: &Ctx, id: ReportId, what: &str) -> Result<(), CommandError> {
        self.command(ctx, &id, None, |state| decide::correct(state, what, &ctx.actor.id)).await?;
        self.request_report_bundle(ctx, id).await.map(drop)
    }

    /// Reports that an authority has, now or before; the newest first.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn submissions(&self, tenant: &TenantId) -> Result<Vec<(ReportId, ComplianceReport)>, Fault> {
        let mut found = self.list::<ComplianceReport>(tenant, ListQuery::of("with_authority", "yes")).await?;
        found.sort_by_key(|(_, report)| std::cmp::Reverse(report.submitted().and_then(|version| version.submitted_at)));
        Ok(found)
    }

    /// A document of a version, and which version it is; the newest one where none is named.
    ///
    /// # Errors
    /// `NOT_FOUND`, a fault.
    pub async fn document(
        &self,
        tenant: &TenantId,
        id: ReportId,
        number: Option<u32>,
        format: Format,
    ) -> Result<(Document, u32), CommandError> {
        let report = self.one::<ComplianceReport>(tenant, &id).await?.ok_or_else(missing)?;
        let version = match number {
            Some(number) => report.versions.iter().find(|version| version.version == number),
            None => report.newest(),
        };
        let version = version.ok_or_else(|| Reject::new(Code::NotFound, "no such version of this report is signed"))?;
        Ok((version.documents.of(format).clone(), version.version))
    }

    pub(crate) fn read_whole(&self, tenant: &TenantId, sha256: &str) -> Result<Vec<u8>, Fault> {
        let mut whole = Vec::new();
        loop {
            let part = self.read_archive(tenant, sha256, whole.len() as u64)?;
            if part.is_empty() || whole.len() as u64 > DOCUMENT_BYTES_MAX {
                return Ok(whole);
            }
            whole.extend(part);
        }
    }

    /// What a signed report says of itself, and who signed it; the reason where the signature says nothing.
    pub(crate) fn opened_statement(text: &[u8]) -> Result<(SignedStatement, Value), String> {
        let signed = SignedStatement::parse(text).map_err(|error| error.to_string())?;
        // Whose signature it is, is found out by its key's id; that it fits is checked by the caller.
        let statement = signed.verify(|_, _, _| true).map_err(|error| error.to_string())?;
        let about = statement.predicate.clone();
        let digest = digest_of(&about)?;
        statement.check_about(REPORT_JSON, digest).map_err(|error| error.to_string())?;
        Ok((signed, about))
    }

    pub(crate) async fn report_due(&self, tenant: &TenantId, id: ReportId, guard: Guard) -> Result<(), CommandError> {
        let ctx = self.automation(tenant, MITIGATE_RULE).await?;
        self.command(&ctx, &id, Some(guard), |state| decide::due(state, ctx.now)).await
    }
}

/// What the entries of a report say.
struct ReadForReport<'m> {
    filler: Filler<'m>,
    results: Vec<ClauseResult>,
    adherence: Adherence<'m>,
}

pub(super) fn missing() -> Reject {
    Reject::new(Code::NotFound, "there is no such report")
}

/// Of the canonical JSON (RFC 8785).
fn digest_of(about: &Value) -> Result<Sha256Digest, String> {
    canonical("a statement", about).map(|text| Sha256Digest::of(text.as_bytes())).map_err(|error| error.to_string())
}

/// What versions changed, and why.
fn corrections(report: &ComplianceReport) -> Vec<::reports::report::Correction> {
    let rejected = report.versions.iter().filter_map(|version| {
        let answer = version.answer.as_ref().filter(|answer| !answer.accepted)?;
        let done = report.correction.as_ref().and_then(|correction| correction.done.clone());
        Some(::reports::report::Correction {
            version: version.version + 1,
            at_ms: answer.at.as_ms(),
            what: done.unwrap_or_default(),
            why: answer.reason.clone().unwrap_or_default(),
        })
    });
    rejected.collect()
}

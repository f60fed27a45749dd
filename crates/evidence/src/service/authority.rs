//! The authority's side (EVD-6): it checks the format and the signatures of what it has, and answers under its own key.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bundles::Sha256Digest;
use bundles::statement::{PAYLOAD_TYPE, pae};
use kernel::id::{IssueId, PrincipalId, ReportId};
use kernel::{Aggregate, Code, Ctx, Envelope, Reject, Subject, TenantId};
use policy::Request;
use serde_json::Value;
use store::port::Fault;
use store::{CommandError, Extras, execute};

use super::reports::missing;
use super::{Asked, CLASSIFY_RULE, Evidence, id_of};
use crate::actions::DECIDE;
use crate::authority::{self, Authority, AuthorityKeyRegistered};
use crate::issue::IssueKind;
use crate::issue::events::IssueRaised;
use crate::report::decide::{self, Verdict};
use crate::report::events::ReportEvent;
use crate::report::{Check, ComplianceReport, Signed, Version};

/// The longest statement of an authority, in bytes.
const STATEMENT_BYTES_MAX: usize = 8_192;

impl Evidence {
    /// Somebody of an authority signs with this key from now on.
    ///
    /// # Errors
    /// `/key` where it is none, a fault.
    pub async fn register_authority(&self, ctx: &Ctx, key: &str) -> Result<Authority, CommandError> {
        let id = principal(ctx)?;
        let der = STANDARD.decode(key).ok().filter(|der| der.len() < 200);
        let der = der.ok_or_else(|| Reject::invalid_field("/key", "is no SubjectPublicKeyInfo in base 64"))?;
        self.parts.signing.check_foreign_key(&der).map_err(|reason| Reject::invalid_field("/key", reason))?;
        let registered =
            AuthorityKeyRegistered { key: key.to_owned(), fingerprint: Sha256Digest::of(&der).to_string() };
        self.command(ctx, &id, None, |state| authority::register(state, &registered)).await?;
        let known = self.one::<Authority>(&ctx.tenant, &id).await?;
        Ok(known.ok_or_else(|| Reject::new(Code::NotFound, "the key is not there"))?)
    }

    /// Checks the version that the authority has, and notes what was found.
    ///
    /// # Errors
    /// `NOT_FOUND`, `ILLEGAL_TRANSITION`, a fault.
    pub async fn check_submission(&self, ctx: &Ctx, id: ReportId) -> Result<Check, CommandError> {
        let report = self.one::<ComplianceReport>(&ctx.tenant, &id).await?.ok_or_else(missing)?;
        let none = || Reject::new(Code::NotFound, "this report was not submitted");
        let version = report.submitted().ok_or_else(none)?;
        let check = self.checked(&ctx.tenant, id, &report, version, &ctx.actor.id).await?;
        self.command(ctx, &id, None, |state| decide::checked(state, version.version, &check)).await?;
        Ok(check)
    }

    async fn checked(
        &self,
        tenant: &TenantId,
        id: ReportId,
        report: &ComplianceReport,
        version: &Version,
        by: &str,
    ) -> Result<Check, CommandError> {
        let documents = &version.documents;
        let mut problems = Vec::new();
        let mut bytes_of = |name: &str, sha256: &str| -> Result<Vec<u8>, Fault> {
            let bytes = self.read_whole(tenant, sha256)?;
            if Sha256Digest::of(&bytes).to_string() != sha256 {
                problems.push(format!("the {name} is not what was signed"));
            }
            Ok(bytes)
        };
        bytes_of("HTML", &documents.html.sha256)?;
        let pdf = bytes_of("PDF", &documents.pdf.sha256)?;
        bytes_of("table", &documents.csv.sha256)?;
        let signature = bytes_of("signature", &documents.signature.sha256)?;
        let mut wrong_format: Vec<String> = version.missing.iter().map(|field| format!("{field} is missing")).collect();
        if !pdf.starts_with(b"%PDF-") {
            wrong_format.push("the PDF is none".into());
        }
        let mut chain = Vec::new();
        match Self::opened_statement(&signature) {
            Err(reason) => problems.push(reason),
            Ok((signed, about)) => {
                problems.extend(differences(&about, id, report, version));
                let key = signed.verification_material.public_key.hint.clone();
                let payload = STANDARD.decode(&signed.dsse_envelope.payload).unwrap_or_default();
                let message = pae(PAYLOAD_TYPE, &payload);
                let raw = signed.signature().unwrap_or_default();
                match self.parts.signing.verify(&key, &message, &raw).await? {
                    Ok(found) => chain = found,
                    Err(reason) => problems.push(reason),
                }
            }
        }
        let (format_valid, signature_valid) = (wrong_format.is_empty(), problems.is_empty());
        problems.extend(wrong_format);
        Ok(Check { format_valid, signature_valid, problems, chain, by: by.to_owned() })
    }

    /// The authority accepts or rejects the version that it has, and signs that.
    ///
    /// # Errors
    /// `NOT_FOUND`, `ILLEGAL_TRANSITION`, `POLICY_VIOLATION`, `/statement` and `/signature` where they do not fit, a fault.
    pub async fn decide_submission(
        &self,
        ctx: &Ctx,
        id: ReportId,
        number: u32,
        verdict: &Verdict,
        signed: SignedText,
    ) -> Result<(), CommandError> {
        let report = self.one::<ComplianceReport>(&ctx.tenant, &id).await?.ok_or_else(missing)?;
        if let Verdict::Accept { next_due_at: Some(at), .. } | Verdict::Reject { due_at: at, .. } = verdict
            && *at <= ctx.now
        {
            return Err(Reject::invalid_field("/due_at", "lies in the past").into());
        }
        let act = self.act(ctx, id, &report, number, verdict, signed).await?;
        let gather = |state: Option<Arc<ComplianceReport>>| async move {
            let check = state.as_ref().and_then(|report| report.submitted()).and_then(|version| version.check.clone());
            let question = Request::new(ctx, DECIDE, Subject::new(ComplianceReport::KIND, id))
                .fact("verdict", verdict_word(verdict))
                .fact("checked", check.is_some())
                .fact("format_valid", check.as_ref().is_some_and(|check| check.format_valid))
                .fact("signature_valid", check.as_ref().is_some_and(|check| check.signature_valid));
            Ok(Asked { answer: self.ask(question) })
        };
        let decide = |state: Option<&ComplianceReport>, asked: &Asked| {
            decide::decide(state, number, verdict, &act, &asked.answer)
        };
        execute(&*self.parts.store, ctx, &id, Extras::default(), gather, decide).await?;
        metrics::counter!("atlasmesh_reports_decided_total", "verdict" => verdict_word(verdict)).increment(1);
        tracing::info!(tenant = %ctx.tenant, report = %id, verdict = verdict_word(verdict), "an authority decided");
        Ok(())
    }

    /// The act of an authority, once its text says what is decided and its key signed it.
    async fn act(
        &self,
        ctx: &Ctx,
        id: ReportId,
        report: &ComplianceReport,
        number: u32,
        verdict: &Verdict,
        signed: SignedText,
    ) -> Result<Signed, CommandError> {
        let SignedText { statement, signature } = signed;
        if statement.len() > STATEMENT_BYTES_MAX {
            return Err(Reject::invalid_field("/statement", "is too long").into());
        }
        let says: Value =
            serde_json::from_str(&statement).map_err(|_| Reject::invalid_field("/statement", "is no JSON"))?;
        let version = report.versions.iter().find(|version| version.version == number);
        let digest = version.map(|version| version.documents.signature.sha256.as_str()).unwrap_or_default();
        let expected = [
            ("report", Value::from(id.to_string())),
            ("version", Value::from(number)),
            ("verdict", Value::from(verdict_word(verdict))),
            ("digest", Value::from(digest)),
        ];
        if let Some((name, value)) = expected.iter().find(|(name, value)| says.get(name) != Some(value)) {
            return Err(Reject::invalid_field("/statement", format!("`{name}` must be {value}")).into());
        }
        let known = self.one::<Authority>(&ctx.tenant, &principal(ctx)?).await?;
        let no_key = || Reject::new(Code::IllegalTransition, "register your key first: the decision is signed by it");
        let known = known.ok_or_else(no_key)?;
        let key = STANDARD.decode(&known.key).unwrap_or_default();
        let raw = STANDARD.decode(&signature).map_err(|_| Reject::invalid_field("/signature", "is no base 64"))?;
        let verified = self.parts.signing.verify_foreign(&key, statement.as_bytes(), &raw);
        verified.map_err(|reason| Reject::invalid_field("/signature", reason))?;
        Ok(Signed { by: ctx.actor.id.clone(), statement, signature, key: known.key })
    }

    /// What follows from what happens to a report.
    pub(crate) async fn after_report(
        &self,
        event: &Envelope,
        id: ReportId,
        happened: &ReportEvent,
    ) -> Result<(), CommandError> {
        let tenant = &event.tenant;
        let Some(report) = self.one::<ComplianceReport>(tenant, &id).await? else { return Ok(()) };
        let ctx = self.automation(tenant, CLASSIFY_RULE).await?.caused_by(event.id);
        match happened {
            ReportEvent::Submitted(_) | ReportEvent::AuditLogged(_) => match report.obligation {
                Some(obligation) => self.meet_obligation(&ctx, obligation, id).await,
                None => Ok(()),
            },
            ReportEvent::Accepted(accepted) => {
                self.close_rejected(&ctx, id, "the authority accepted the corrected version").await?;
                match accepted.next_due_at {
                    Some(due_at) => {
                        let form = self.form(&report.form)?;
                        self.oblige_next(&ctx, form, report.covered, due_at).await
                    }
                    None => Ok(()),
                }
            }
            ReportEvent::Rejected(rejected) => {
                let raised = IssueRaised {
                    kind: IssueKind::Violation,
                    title: format!("{}: {}; {}", report.title, rejected.reason, rejected.correction),
                    clauses: Vec::new(),
                    entry: None,
                    event: Some(event.id),
                    about: Some(Subject::new(ComplianceReport::KIND, id)),
                    owner: rejected.owner.clone(),
                    due_at: rejected.due_at,
                };
                self.raise(&ctx, rejected_issue(id, rejected.version), &raised).await
            }
            _ => Ok(()),
        }
    }

    /// Corrections of a report are over.
    async fn close_rejected(&self, ctx: &Ctx, id: ReportId, how: &str) -> Result<(), CommandError> {
        let Some(report) = self.one::<ComplianceReport>(&ctx.tenant, &id).await? else { return Ok(()) };
        for version in &report.versions {
            let resolve = |state: Option<&crate::ComplianceIssue>| match state {
                Some(_) => crate::issue::decide::resolve(state, &ctx.actor.id, how, true),
                None => kernel::Decided::unchanged(()),
            };
            self.command(ctx, &rejected_issue(id, version.version), None, resolve).await?;
        }
        Ok(())
    }
}

/// A text with the signature of whoever decides, in base 64.
#[derive(Debug, Clone)]
pub struct SignedText {
    pub statement: String,
    pub signature: String,
}

fn rejected_issue(id: ReportId, version: u32) -> IssueId {
    id_of(&format!("rejected/{id}/{version}"))
}

fn verdict_word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Accept { .. } => "accept",
        Verdict::Reject { .. } => "reject",
    }
}

fn principal(ctx: &Ctx) -> Result<PrincipalId, Reject> {
    ctx.actor.id.parse().map_err(|_| Reject::new(Code::Forbidden, "only a person or a program decides"))
}

/// Where what was signed differs from what was submitted.
fn differences(about: &Value, id: ReportId, report: &ComplianceReport, version: &Version) -> Vec<String> {
    let documents = &version.documents;
    let expected = [
        ("report", Value::from(id.to_string())),
        ("form", Value::from(report.form.as_str())),
        ("version", Value::from(version.version)),
        ("bundle", Value::from(version.bundle.to_string())),
        ("html", Value::from(documents.html.sha256.as_str())),
        ("pdf", Value::from(documents.pdf.sha256.as_str())),
        ("csv", Value::from(documents.csv.sha256.as_str())),
    ];
    let differs = expected.into_iter().filter(|(name, value)| about.get(*name) != Some(value));
    differs.map(|(name, _)| format!("`{name}` of what was signed is another")).collect()
}

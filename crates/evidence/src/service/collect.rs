//! Bundles are made as soon as they are wanted (EVD-3, EVD-4): entries are read page by page, checked, assessed and packed;
//! what cannot be verified is said in the bundle, which is then incomplete. A crash makes it anew from the same entries.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ops::Range;
use std::sync::Arc;

use bundles::adherence::{Adherence, Dimension};
use bundles::archive::{EventParts, Limits, WriteError, Writer};
use bundles::compliance::{Assessor, ClauseResult};
use bundles::deadline::Zone;
use bundles::oscal::{Assessment, PoamItem, assessment_results, mapping_collection, poam};
use bundles::statement::{EVIDENCE_BUNDLE, Signer, Statement, sign};
use bundles::verify_md::{KeyKind, Names, verify_md};
use bundles::{Mapping, canonical, shipped};
use journal::proof::verify_inclusion;
use journal::{Checkpoint, Entry, Hash};
use kernel::id::BundleId;
use kernel::{Aggregate, BoxFuture, Ctx, Envelope, Subject, TenantId};
use keys::KeyError;
use serde_json::{Value, json};
use store::port::Fault;
use store::subscribe::{Subscriber, step_over_refusal};
use store::{CommandError, RowWrite, personal, tiles};

use super::classify::envelope_of;
use super::contents::{results_json, verdicts};
use super::entries::{Checks, Pages, READ_BYTES, Stored, part_of};
use super::{COLLECT_RULE, Evidence, event_of};
use crate::bundle::{Archive, BundleEvent, EvidenceBundle, REASONS_MAX, Wanted, decide};
use crate::ports::{KeyPurpose, NewArchive, Signing};

/// The name of the cursor.
const NAME: &str = "evidence.collect";
/// Entries of the journal in one read.
const PAGE: usize = 500;
/// Of so many entries one is proven under the head before the bundle is signed; the tiles prove all.
const PROVE_EVERY: usize = 64;
/// Subjects whose personal values are disclosed in one bundle.
const DISCLOSED_MAX: usize = 10_000;

/// The key that signs evidence, for the statement.
pub(crate) struct SigningKey<'a> {
    signing: &'a dyn Signing,
    purpose: KeyPurpose,
    id: String,
}

impl<'a> SigningKey<'a> {
    pub(crate) fn of(signing: &'a dyn Signing, purpose: KeyPurpose) -> Self {
        Self { signing, purpose, id: signing.key(purpose).0.to_string() }
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }
}

impl Signer for SigningKey<'_> {
    type Error = KeyError;

    fn key_id(&self) -> &str {
        &self.id
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        self.signing.sign(self.purpose, message)
    }
}

struct Collector(Arc<Evidence>);

impl Subscriber for Collector {
    fn name(&self) -> &'static str {
        NAME
    }

    fn handle<'a>(&'a self, _: u64, event: &'a Envelope) -> BoxFuture<'a, Result<Vec<RowWrite>, Fault>> {
        Box::pin(async move {
            let Some((id, BundleEvent::Requested(_))) = EvidenceBundle::event_in(event) else { return Ok(Vec::new()) };
            step_over_refusal(NAME, self.0.collect(event, id).await)?;
            Ok(Vec::new())
        })
    }
}

/// What stops the making of a bundle.
enum Stopped {
    /// It is tried again.
    Fault(Fault),
    /// It would fail again.
    Failed(String),
}

impl From<Fault> for Stopped {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<WriteError> for Stopped {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Io(source) if source.kind() == io::ErrorKind::StorageFull => Self::Fault(Fault::Full),
            WriteError::Io(source) => {
                Self::Fault(Fault::Unavailable { what: "write a bundle", source: Box::new(source) })
            }
            other => Self::Failed(other.to_string()),
        }
    }
}

/// What is known of the entries once all were read.
struct Collected {
    entries: Vec<u64>,
    results: Vec<ClauseResult>,
    adherence: Value,
    rate: Option<f64>,
    policies: BTreeSet<String>,
    subjects: BTreeSet<Subject>,
    problems: Vec<String>,
}

/// The head that the bundle's entries are proven under.
struct SignedHead {
    size: u64,
    root: Hash,
    note: String,
    timestamps: Vec<(String, Vec<u8>)>,
    witnessed: bool,
}

impl Evidence {
    pub(crate) fn collecting(self: &Arc<Self>) -> Arc<dyn Subscriber> {
        Arc::new(Collector(Arc::clone(self)))
    }

    /// Asks for a bundle, which is made at once.
    ///
    /// # Errors
    /// The field that is wrong, a fault.
    pub async fn request_bundle(&self, ctx: &Ctx, id: BundleId, wanted: &Wanted) -> Result<(), CommandError> {
        let known = self.frameworks();
        let decide = |state: Option<&EvidenceBundle>| decide::request(state, wanted, &known, &ctx.actor.id, ctx.now);
        self.command(ctx, &id, None, decide).await
    }

    /// Notes that somebody takes a bundle's archive; answers what is known of it.
    ///
    /// # Errors
    /// `NOT_FOUND`, `ILLEGAL_TRANSITION` while it is made, a fault.
    pub async fn disclose(&self, ctx: &Ctx, id: BundleId) -> Result<Archive, CommandError> {
        let decide = |state: Option<&EvidenceBundle>| decide::disclose(state, &ctx.actor.id, &ctx.actor.role);
        self.command(ctx, &id, None, decide).await
    }

    /// A part of a kept file.
    ///
    /// # Errors
    /// The disk cannot answer.
    pub fn read_archive(&self, tenant: &TenantId, sha256: &str, at: u64) -> Result<Vec<u8>, Fault> {
        self.parts.archives.read(tenant, sha256, at, READ_BYTES)
    }

    async fn collect(&self, event: &Envelope, id: BundleId) -> Result<(), CommandError> {
        let tenant = &event.tenant;
        let Some(bundle) = self.one::<EvidenceBundle>(tenant, &id).await? else { return Ok(()) };
        if bundle.status != crate::bundle::Status::Requested {
            return Ok(());
        }
        let ctx = self.automation(tenant, COLLECT_RULE).await?.caused_by(event.id);
        let began = self.parts.source.now();
        match self.make(tenant, id, &bundle).await {
            Ok(archive) => {
                self.command(&ctx, &id, None, |state| decide::archived(state, &archive)).await?;
                let took_ms = self.parts.source.now().since_ms(began);
                metrics::histogram!("atlasmesh_bundle_seconds").record(took_ms as f64 / 1_000.0);
                metrics::counter!("atlasmesh_bundles_total", "complete" => archive.incomplete.is_empty().to_string())
                    .increment(1);
                tracing::info!(%tenant, bundle = %id, events = archive.events, took_ms, "a bundle is archived");
                Ok(())
            }
            Err(Stopped::Fault(fault)) => Err(fault.into()),
            Err(Stopped::Failed(reason)) => {
                tracing::error!(%tenant, bundle = %id, reason, "a bundle cannot be made");
                self.command(&ctx, &id, None, |state| decide::failed(state, &reason)).await
            }
        }
    }

    /// The part of the log that is wanted, and the head under which it is proven: one that witnesses have cosigned, where it
    /// covers all of the part.
    async fn head_for(&self, tenant: &TenantId, wanted: &Wanted) -> Result<(SignedHead, Range<u64>), Stopped> {
        let head = self.parts.store.head(tenant).await?.ok_or_else(|| Stopped::Failed("the log is empty".into()))?;
        let (from_ms, until_ms) = (wanted.from.as_ms(), wanted.until.as_ms());
        let part = part_of(&*self.parts.store, tenant, head.size, from_ms, until_ms).await?;
        if let Some(seen) = self.parts.witnesses.newest(tenant).await? {
            let (verifier, _) = self.parts.signing.log(tenant);
            if let Ok(opened) = Checkpoint::open(&seen.note, &verifier)
                && opened.size >= part.end
            {
                let (size, root, note, timestamps) = (opened.size, opened.root, seen.note, seen.timestamps);
                let witnessed = self.parts.witnesses.are_configured();
                return Ok((SignedHead { size, root, note, timestamps, witnessed }, part));
            }
        }
        let (size, root, note) = (head.size, head.root, head.note);
        Ok((SignedHead { size, root, note, timestamps: Vec::new(), witnessed: false }, part))
    }

    async fn make(&self, tenant: &TenantId, id: BundleId, bundle: &EvidenceBundle) -> Result<Archive, Stopped> {
        let wanted = &bundle.wanted;
        let mapping = chosen_mapping(&wanted.frameworks).map_err(Stopped::Failed)?;
        let (head, part) = self.head_for(tenant, wanted).await?;
        let mut writer = Writer::new(self.parts.archives.create(tenant)?)?;
        let names = Names {
            archive: "bundle.tar.zst",
            key: "evidence.pem",
            key_kind: KeyKind::Ed25519,
            timestamp_roots: None,
            log: true,
        };
        let verify = verify_md(&names).map_err(|error| Stopped::Failed(error.to_string()))?;
        writer.add_bytes("VERIFY.md", verify.as_bytes())?;
        writer.add_bytes("checkpoint", head.note.as_bytes())?;
        let disclosed =
            |collected: &Collected| collected.subjects.iter().take(DISCLOSED_MAX).cloned().collect::<Vec<_>>();
        // Names stand in order, and "disclosures" come before "events": they are read first where they are wanted.
        let at_ms = wanted.until.as_ms().min(bundle.requested_at.as_ms());
        let mut events = Vec::new();
        let mut collected = self.read_entries(tenant, (wanted, part), &mapping, &head, at_ms, &mut events).await?;
        if wanted.disclose {
            let mut values = Vec::new();
            for subject in disclosed(&collected) {
                values.extend(personal::disclose(&*self.parts.store, tenant, &subject).await?);
            }
            writer.add_bytes("disclosures.json", text(&json!(values))?.as_bytes())?;
        }
        self.add_events(tenant, &events, &mut writer).await?;
        self.add_documents(tenant, bundle, &mapping, at_ms, &mut collected, &mut writer).await?;
        self.add_tiles(tenant, &collected.entries, &head, &mut writer).await?;
        for (number, (note, reply)) in head.timestamps.iter().enumerate() {
            writer.add_bytes(&format!("timestamps/{number:03}.note"), note.as_bytes())?;
            writer.add_bytes(&format!("timestamps/{number:03}.tsr"), reply)?;
        }
        if let Some(policy) = self.parts.witnesses.policy(tenant) {
            writer.add_bytes("witness.policy", policy.as_bytes())?;
        }
        self.seal(tenant, id, wanted, &mapping, &head, collected, writer).await
    }

    /// Reads every entry that is wanted, and checks and assesses it.
    async fn read_entries(
        &self,
        tenant: &TenantId,
        (wanted, part): (&Wanted, Range<u64>),
        mapping: &Mapping,
        head: &SignedHead,
        at_ms: i64,
        found: &mut Vec<u64>,
    ) -> Result<Collected, Stopped> {
        let classes = self.parts.vehicles.classes(tenant).await?;
        let mut assessor = Assessor::new(mapping, at_ms);
        let mut adherence = Adherence::new(mapping, Zone::utc(), classes);
        let mut checks = Checks::of(wanted.about.clone());
        let mut pages = Pages::new(&*self.parts.store, tenant, wanted.about.as_ref(), part);
        while let Some(entries) = pages.next().await? {
            for entry in entries {
                let envelope = envelope_of(&entry)?;
                checks.check(&entry, &envelope);
                if found.len().is_multiple_of(PROVE_EVERY) {
                    self.prove(tenant, &entry, head, &mut checks).await?;
                }
                let event = event_of(entry.index, &envelope);
                assessor.push(&event).map_err(|error| Stopped::Failed(error.to_string()))?;
                adherence.push(&event).map_err(|error| Stopped::Failed(error.to_string()))?;
                found.push(entry.index);
            }
        }
        let Checks { policies, subjects, mut problems, .. } = checks;
        if found.is_empty() {
            problems.push("no entry of that time is about it".into());
        }
        Ok(Collected {
            entries: found.clone(),
            results: assessor.finish(),
            adherence: adherence_json(&adherence),
            rate: adherence.total().rate(),
            policies,
            subjects,
            problems,
        })
    }

    async fn prove(
        &self,
        tenant: &TenantId,
        entry: &Entry,
        head: &SignedHead,
        checks: &mut Checks,
    ) -> Result<(), Fault> {
        let path = tiles::inclusion(&*self.parts.store, tenant, entry.index, head.size).await?;
        let holds = path.is_some_and(|path| verify_inclusion(entry.leaf, entry.index, head.size, &path, head.root));
        if !holds {
            checks.problem(format!("entry {} is not under the signed head", entry.index));
        }
        Ok(())
    }

    async fn add_events(
        &self,
        tenant: &TenantId,
        entries: &[u64],
        writer: &mut Writer<Box<dyn NewArchive>>,
    ) -> Result<(), Stopped> {
        let mut parts = EventParts::new("events");
        let mut rest = entries;
        while let Some(first) = rest.first() {
            let page = self.parts.store.entries(tenant, *first, PAGE).await?;
            let Some(last) = page.last().map(|entry| entry.index) else {
                return Err(Stopped::Failed(format!("entry {first} is not in the log any more")));
            };
            let (here, behind) = rest.split_at(rest.partition_point(|index| *index <= last));
            let mut here = here.iter().peekable();
            for entry in page {
                if here.next_if(|index| **index == entry.index).is_none() {
                    continue;
                }
                let line = json!({ "index": entry.index, "envelope": entry.envelope_json, "links": entry.links_json });
                parts.push(writer, entry.index, &line)?;
            }
            rest = behind;
        }
        parts.finish(writer)?;
        Ok(())
    }

    /// Keys, the mapping, OSCAL, policies and results: what stands between events and tiles.
    async fn add_documents(
        &self,
        tenant: &TenantId,
        bundle: &EvidenceBundle,
        mapping: &Mapping,
        at_ms: i64,
        collected: &mut Collected,
        writer: &mut Writer<Box<dyn NewArchive>>,
    ) -> Result<(), Stopped> {
        let (verifier, log_pem) = self.parts.signing.log(tenant);
        writer.add_bytes("keys/evidence.pem", self.parts.signing.key(KeyPurpose::Evidence).1.as_bytes())?;
        writer.add_bytes("keys/history.json", text(&json!(self.parts.signing.history().await?))?.as_bytes())?;
        writer.add_bytes("keys/log.pem", log_pem.as_bytes())?;
        writer.add_bytes("keys/log.vkey", format!("{}\n", verifier.vkey()).as_bytes())?;
        for file in shipped() {
            writer.add_bytes(&format!("mapping/{}", file.name), file.text.as_bytes())?;
        }
        let assessment = Assessment {
            system: tenant.as_str(),
            from_ms: bundle.wanted.from.as_ms(),
            to_ms: bundle.wanted.until.as_ms(),
            at_ms,
            mapping,
            results: &collected.results,
            proof: |index| format!("../events#{index}"),
        };
        let failed = |error: bundles::oscal::OscalError| Stopped::Failed(error.to_string());
        let corrections = self.corrections(tenant).await?;
        writer
            .add_bytes("oscal/assessment-results.json", assessment_results(&assessment).map_err(failed)?.as_bytes())?;
        writer.add_bytes(
            "oscal/mapping-collection.json",
            mapping_collection(mapping, at_ms).map_err(failed)?.as_bytes(),
        )?;
        if let Some(plan) = poam(&assessment, &corrections).map_err(failed)? {
            writer.add_bytes("oscal/poam.json", plan.as_bytes())?;
        }
        for digest in &collected.policies {
            match self.policy_texts(digest).await? {
                Some(files) => {
                    let files: BTreeMap<String, String> = files.into_iter().collect();
                    for (name, text) in files {
                        writer.add_bytes(&format!("policies/{digest}/{name}"), text.as_bytes())?;
                    }
                }
                None => collected.problems.push(format!("the policies {digest} that decided are not at hand")),
            }
        }
        writer.add_bytes("results/adherence.json", text(&collected.adherence)?.as_bytes())?;
        writer.add_bytes("results/clauses.json", text(&results_json(&collected.results))?.as_bytes())?;
        Ok(())
    }

    async fn add_tiles(
        &self,
        tenant: &TenantId,
        entries: &[u64],
        head: &SignedHead,
        writer: &mut Writer<Box<dyn NewArchive>>,
    ) -> Result<(), Stopped> {
        for (name, part) in bundles::tiles::of_entries(entries, head.size) {
            let hashes = tiles::hashes(&*self.parts.store, tenant, part.level, part.positions).await?;
            let bytes: Vec<u8> = hashes.iter().flat_map(|hash| *hash.as_bytes()).collect();
            writer.add_bytes(&name, &bytes)?;
        }
        Ok(())
    }

    #[expect(clippy::too_many_arguments, reason = "everything that the signature says")]
    async fn seal(
        &self,
        tenant: &TenantId,
        id: BundleId,
        wanted: &Wanted,
        mapping: &Mapping,
        head: &SignedHead,
        collected: Collected,
        writer: Writer<Box<dyn NewArchive>>,
    ) -> Result<Archive, Stopped> {
        let mut incomplete = collected.problems;
        incomplete.truncate(REASONS_MAX);
        let verdicts = verdicts(&collected.results);
        let sealed = writer.seal()?;
        let key = SigningKey::of(&*self.parts.signing, KeyPurpose::Evidence);
        let predicate = json!({
            "bundle": id,
            "tenant": tenant,
            "about": wanted.about,
            "from": wanted.from,
            "until": wanted.until,
            "purpose": wanted.purpose,
            "events": collected.entries.len(),
            "first": collected.entries.first(),
            "last": collected.entries.last(),
            "logSize": head.size,
            "witnessed": head.witnessed,
            "complete": incomplete.is_empty(),
            "incomplete": incomplete,
            "mapping": mapping.digest().to_string(),
            "verdicts": verdicts,
        });
        let statement = Statement::about("manifest.json", sealed.digest, EVIDENCE_BUNDLE, predicate);
        let unsignable = |error: String| Fault::Unavailable { what: "sign evidence", source: error.into() };
        let signed = sign(&statement, &key).map_err(|error| unsignable(error.to_string()))?;
        let text = signed.text().map_err(|error| Stopped::Failed(error.to_string()))?;
        let manifest_sha256 = sealed.digest.to_string();
        let (sha256, bytes) = sealed.finish(Some(text.as_bytes()))?.keep()?;
        self.validate(tenant, &sha256)?;
        Ok(Archive {
            sha256,
            manifest_sha256,
            bytes,
            events: collected.entries.len() as u64,
            first: collected.entries.first().copied(),
            last: collected.entries.last().copied(),
            log_size: head.size,
            key: key.id.clone(),
            mapping: mapping.digest().to_string(),
            verdicts,
            adherence: collected.rate,
            incomplete,
            witnessed: head.witnessed,
        })
    }

    /// Reads what is on the disk as a verifier would (EVD-4).
    fn validate(&self, tenant: &TenantId, sha256: &str) -> Result<(), Stopped> {
        let file = Stored { archives: &*self.parts.archives, tenant, sha256, at: 0, buffer: Vec::new() };
        let (id, _) = self.parts.signing.key(KeyPurpose::Evidence);
        let by_this_key = |key: &str, message: &[u8], signature: &[u8]| {
            // Ed25519 signs the same message the same way.
            key == id.to_string()
                && self.parts.signing.sign(KeyPurpose::Evidence, message).is_ok_and(|own| own == signature)
        };
        let limits = Limits::default();
        match bundles::verify::verify(file, &limits, by_this_key, |_, _, file| {
            io::copy(file, &mut io::sink()).map(drop)
        }) {
            Ok(_) => Ok(()),
            Err(error) => {
                let text = format!("the bundle on the disk is not what was signed: {error}");
                Err(Fault::Unavailable { what: "keep a bundle", source: text.into() }.into())
            }
        }
    }

    /// What is still to be done, as the plan of action names it.
    async fn corrections(&self, tenant: &TenantId) -> Result<Vec<PoamItem>, Fault> {
        let open = store::port::ListQuery::of("open", "open");
        let issues = self.list::<crate::ComplianceIssue>(tenant, open).await?;
        let item = |(id, issue): (kernel::id::IssueId, crate::ComplianceIssue)| PoamItem {
            id: id.to_string(),
            title: issue.title.clone(),
            description: format!("{} ({})", issue.kind.as_str(), issue.clauses.join(", ")),
            owner: issue.owner.clone(),
            due_ms: issue.due_at.as_ms(),
            status: "open".into(),
            entries: issue.entry.into_iter().collect(),
        };
        Ok(issues.into_iter().map(item).collect())
    }
}

/// The mapping of the frameworks that are wanted; all where none is named.
pub(super) fn chosen_mapping(frameworks: &BTreeSet<String>) -> Result<Mapping, String> {
    let is_wanted = |name: &str| {
        let id = name.strip_suffix(".yaml").unwrap_or(name);
        frameworks.is_empty() || frameworks.contains(id)
    };
    let files: Vec<_> = shipped().into_iter().filter(|file| is_wanted(&file.name)).collect();
    Mapping::compile(&files).map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
}

fn adherence_json(adherence: &Adherence<'_>) -> Value {
    let by = |dimension: Dimension| {
        let rows = adherence.by(dimension).into_iter().map(|(name, numbers)| {
            json!({
                "name": name,
                "rate": numbers.rate(),
                "adhering": numbers.adhering,
                "violations": numbers.violations,
                "mitigations": numbers.mitigations,
            })
        });
        rows.collect::<Vec<_>>()
    };
    json!({
        "rate": adherence.total().rate(),
        "byClause": by(Dimension::Clause),
        "bySite": by(Dimension::Site),
        "byVehicleClass": by(Dimension::VehicleClass),
        "byMonth": by(Dimension::Month),
    })
}

/// A document of the archive, in canonical JSON (RFC 8785).
fn text(value: &Value) -> Result<String, Stopped> {
    canonical("a document", value).map_err(|error| Stopped::Failed(error.to_string()))
}

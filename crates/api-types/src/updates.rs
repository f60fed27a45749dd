//! Software updates: images, releases, rollouts, and what vehicles run.

use std::collections::{BTreeMap, BTreeSet};

use kernel::{SiteId, Timestamp, VehicleId};
use ota::ports::{StoredImage, Upload};
use ota::rollout::{Advance, Counts, GateRules, HoldReason, Pause, Stage, Status, Truth, Window, cohort};
use ota::update::{Installed, Status as UpdateStatus};
use ota::{Funnel, Plan, Preview, PreviewRow, Release, ReleaseId, Rollout, RolloutId, VehicleUpdates};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Name, PageLimit, Text, Within};

/// Bytes of an image, behind those that are here.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ImagePart {
    /// How long the whole image is, in bytes.
    pub length: Within<1, { 1 << 40 }>,
    /// How many bytes are here already: the next ones are expected there.
    pub at: Within<0, { 1 << 40 }>,
    /// Base 64.
    #[schemars(with = "String", extend("contentEncoding" = "base64"))]
    pub data: Base64,
}

/// Bytes in base 64.
pub struct Base64(pub Vec<u8>);

impl<'de> Deserialize<'de> for Base64 {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use base64::Engine;
        let text = String::deserialize(deserializer)?;
        let bytes = base64::engine::general_purpose::STANDARD.decode(text);
        bytes.map(Self).map_err(|_| serde::de::Error::custom("must be base 64"))
    }
}

/// How much of an image is here.
#[derive(Serialize, JsonSchema)]
pub struct ImageState {
    /// Bytes that are here, from the beginning.
    pub received: u64,
    /// The image, when it is whole and was checked against its digest.
    pub image: Option<StoredImage>,
}

impl From<Upload> for ImageState {
    fn from(upload: Upload) -> Self {
        match upload {
            Upload::Partial(received) => Self { received, image: None },
            Upload::Whole(image) => Self { received: image.length, image: Some(image) },
        }
    }
}

/// A word that names software or hardware: letters, digits, dots, dashes, underscores.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, JsonSchema)]
#[schemars(inline)]
pub struct Word(#[schemars(regex(pattern = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"))] pub String);

impl<'de> Deserialize<'de> for Word {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
        let begins = text.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric);
        match begins && text.len() <= 100 && text.bytes().all(is_plain) {
            true => Ok(Self(text)),
            false => Err(serde::de::Error::custom("must be letters, digits, dots, dashes and underscores")),
        }
    }
}

fn words(words: Vec<Word>) -> BTreeSet<String> {
    words.into_iter().map(|word| word.0).collect()
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRelease {
    /// Such as `av-os-2.1.0`; a release never changes, so that a name stands for one image for ever.
    pub name: Word,
    /// The name of the image's file; without one the release's with `.img`. SWUpdate takes only what ends in `.swu`.
    pub file: Option<Word>,
    /// SHA-256 of an image that was uploaded, hexadecimal.
    #[schemars(regex(pattern = r"^[0-9a-f]{64}$"))]
    pub sha256: String,
    /// The hardware that it is for, as vehicles report it.
    #[schemars(length(min = 1, max = 50))]
    pub hardware_ids: Vec<Word>,
    /// Never goes down on a vehicle: each release has a higher one than those it follows.
    pub counter: Within<1, { i64::MAX as u64 }>,
    /// The software identification number of each regulation that is touched (UN R156).
    #[serde(default)]
    pub rxswin: BTreeMap<String, String>,
    /// Releases of which one must run before.
    #[serde(default)]
    #[schemars(length(max = 50))]
    pub depends_on: Vec<Word>,
    /// Releases over which it may not be installed.
    #[serde(default)]
    #[schemars(length(max = 50))]
    pub conflicts_with: Vec<Word>,
    /// What it changes, for whoever operates the vehicles.
    pub notes: Text<2000>,
    /// How long installing takes, in seconds.
    pub estimated_s: Option<Within<0, 86_400>>,
    /// What downloading and installing take, in watt-hours.
    #[schemars(range(min = 0.0, max = 100_000.0))]
    pub estimated_wh: Option<f64>,
    /// The release that takes it back, which has a higher counter.
    pub reverts_to: Option<Word>,
}

impl From<NewRelease> for ota::NewRelease {
    fn from(new: NewRelease) -> Self {
        Self {
            file: new.file.map_or_else(|| format!("{}.img", new.name.0), |file| file.0),
            name: new.name.0,
            sha256: new.sha256,
            hardware_ids: words(new.hardware_ids),
            counter: new.counter.0,
            rxswin: new.rxswin,
            depends_on: words(new.depends_on),
            conflicts_with: words(new.conflicts_with),
            notes: new.notes.0,
            estimated_s: new.estimated_s.map_or(60, |Within(seconds)| seconds),
            estimated_wh: new.estimated_wh.unwrap_or(50.0),
            reverts_to: new.reverts_to.map(|word| word.0),
        }
    }
}

view! {
    ReleaseView of it: (ReleaseId, Release) {
        id: ReleaseId = it.0,
        name: String = it.1.content.name,
        file: String = it.1.content.file,
        image: StoredImage = it.1.content.image,
        hardware_ids: BTreeSet<String> = it.1.content.hardware_ids,
        counter: u64 = it.1.content.counter,
        rxswin: BTreeMap<String, String> = it.1.content.rxswin,
        depends_on: BTreeSet<String> = it.1.content.depends_on,
        conflicts_with: BTreeSet<String> = it.1.content.conflicts_with,
        notes: String = it.1.content.notes,
        estimated_s: u64 = it.1.content.estimated_s,
        estimated_wh: f64 = it.1.content.estimated_wh,
        reverts_to: Option<ReleaseId> = it.1.content.reverts_to,
        published_at: Timestamp = it.1.published_at,
    }
}

/// A part of the fleet that gets a release together.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StageRequest {
    /// The share of the fleet in parts per million, more than in the stage before; none: the vehicles that are named first.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub share_ppm: Option<u32>,
    /// How long it stays open at least, in seconds.
    pub soak_s: Option<Within<0, 2_592_000>>,
    pub advance: Option<Advance>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RolloutRequest {
    pub name: Name,
    pub release: ReleaseId,
    /// The sites whose vehicles get it; none: all.
    #[serde(default)]
    #[schemars(length(max = 100))]
    pub sites: Vec<SiteId>,
    /// The vehicles that go first, in a stage of their own.
    #[serde(default)]
    #[schemars(length(max = 500))]
    pub first_vehicles: Vec<VehicleId>,
    #[serde(default)]
    #[schemars(length(max = 500))]
    pub excluded: Vec<VehicleId>,
    /// None: the vehicles named first, then 0.1 %, 1 %, 5 %, 25 % of the fleet, and all of it.
    #[serde(default)]
    #[schemars(length(max = 20))]
    pub stages: Vec<StageRequest>,
    /// The share of the fleet that is held back until the last stage, in parts per million; 20000 where nothing is said.
    #[schemars(range(min = 0, max = 500_000))]
    pub control_ppm: Option<u32>,
    pub gate: Option<GateRules>,
    /// How long a vehicle may take from the offer to the proof, in seconds; half an hour where nothing is said.
    pub proof_deadline_s: Option<Within<10, 2_592_000>>,
    pub window: Option<Window>,
    /// How many vehicles are kept from work for it at once; 5 where nothing is said.
    #[schemars(range(min = 1, max = 100_000))]
    pub at_once: Option<u32>,
    /// The fastest that one vehicle downloads, in bytes per second.
    #[schemars(range(min = 1024))]
    pub bandwidth_max: Option<u64>,
}

/// Shares of the stages of a rollout whose plan says nothing of them, in parts per million.
const DEFAULT_SHARES: [u32; 5] = [1_000, 10_000, 50_000, 250_000, cohort::WHOLE];
/// The least time of a stage whose plan says nothing of it, in seconds.
const DEFAULT_SOAK_S: u64 = 3_600;

impl From<RolloutRequest> for Plan {
    fn from(asked: RolloutRequest) -> Self {
        let stage = |share_ppm: Option<u32>, soak_s: u64, advance: Advance| {
            let with_control = share_ppm == Some(cohort::WHOLE);
            Stage { share_ppm, with_control, soak_s, advance }
        };
        let given = asked.stages.into_iter().map(|asked| {
            let soak_s = asked.soak_s.map_or(DEFAULT_SOAK_S, |Within(seconds)| seconds);
            stage(asked.share_ppm, soak_s, asked.advance.unwrap_or(Advance::Automatic))
        });
        let mut stages: Vec<Stage> = given.collect();
        if stages.is_empty() {
            let first = (!asked.first_vehicles.is_empty()).then(|| stage(None, DEFAULT_SOAK_S, Advance::Person));
            let shares = DEFAULT_SHARES.into_iter().map(|share| stage(Some(share), DEFAULT_SOAK_S, Advance::Automatic));
            stages = first.into_iter().chain(shares).collect();
        }
        Self {
            name: asked.name.0,
            release: asked.release,
            sites: asked.sites.into_iter().collect(),
            first_vehicles: asked.first_vehicles.into_iter().collect(),
            excluded: asked.excluded.into_iter().collect(),
            stages,
            control_ppm: asked.control_ppm.unwrap_or(20_000),
            gate: asked.gate.unwrap_or_default(),
            truth: Truth::Attested,
            proof_deadline_s: asked.proof_deadline_s.map_or(1_800, |Within(seconds)| seconds),
            window: asked.window,
            at_once: asked.at_once.unwrap_or(5),
            bandwidth_max: asked.bandwidth_max,
            only_from: None,
        }
    }
}

/// A stage with what came of it.
#[derive(Serialize, JsonSchema)]
pub struct StageView {
    pub share_ppm: Option<u32>,
    pub with_control: bool,
    pub soak_s: u64,
    pub advance: Advance,
    pub counts: Counts,
}

view! {
    RolloutView of it: (RolloutId, Rollout, Option<Funnel>) {
        id: RolloutId = it.0,
        name: String = it.1.plan.name.clone(),
        release: ReleaseId = it.1.plan.release,
        status: Status = it.1.status,
        /// The open stage, counted from 0.
        stage: usize = it.1.stage,
        stage_since: Timestamp = it.1.stage_since,
        /// How many vehicles the open stage admits, where that was counted.
        members: Option<u64> = it.1.members,
        stages: Vec<StageView> = it.1.plan.stages.iter().zip(&it.1.counts).map(|(stage, counts)| StageView {
            share_ppm: stage.share_ppm,
            with_control: stage.with_control,
            soak_s: stage.soak_s,
            advance: stage.advance,
            counts: *counts,
        }).collect(),
        /// Outcomes of all stages.
        counts: Counts = it.1.whole(),
        /// Why the gate holds.
        hold: Option<HoldReason> = it.1.hold,
        /// How much better the outcomes fit a bad release than a good one, as a logarithm; the gate pauses at 4.55 and
        /// opens at -2.99 by its usual rules.
        log_ratio: f64 = it.1.plan.gate.log_ratio(it.1.whole()),
        gate: GateRules = it.1.plan.gate,
        pause: Option<Pause> = it.1.pause.clone(),
        sites: BTreeSet<SiteId> = it.1.plan.sites.clone(),
        first_vehicles: BTreeSet<VehicleId> = it.1.plan.first_vehicles.clone(),
        excluded: BTreeSet<VehicleId> = it.1.plan.excluded.clone(),
        control_ppm: u32 = it.1.plan.control_ppm,
        proof_deadline_s: u64 = it.1.plan.proof_deadline_s,
        window: Option<Window> = it.1.plan.window,
        at_once: u32 = it.1.plan.at_once,
        /// Only vehicles that run this release, where it takes one back.
        only_from: Option<String> = it.1.plan.only_from.clone(),
        reverted_by: Option<RolloutId> = it.1.reverted_by,
        plan_digest: String = it.1.plan_digest.clone(),
        /// The key of the hash by which vehicles are chosen.
        salt: String = it.1.salt.clone(),
        planned_at: Timestamp = it.1.planned_at,
        ended_at: Option<Timestamp> = it.1.ended_at,
        /// How far vehicles are with it now, where one rollout is shown.
        open: Option<BTreeMap<String, u64>> = it.2.map(|funnel| funnel.open),
    }
}

view! {
    RolloutPreview of it: Preview {
        /// How many vehicles each stage admits first.
        stages: Vec<u64>,
        /// How many get nothing, whatever stage is open.
        left_out: u64,
        vehicles: Vec<PreviewRow>,
    }
}

/// Where a list of rollouts goes on.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct RolloutPage {
    pub after: Option<RolloutId>,
    pub limit: Option<PageLimit>,
}

/// The rollout that takes another back.
#[derive(Serialize, JsonSchema)]
pub struct Reverted {
    pub reverted_by: RolloutId,
}

view! {
    UpdateView of update: ota::Update {
        /// Counts the vehicle's updates.
        number: u32,
        rollout: RolloutId,
        release: ReleaseId,
        release_name: String,
        stage: usize,
        attempt: u32,
        status: UpdateStatus,
        /// What it waits for, or why it ended.
        code: Option<String>,
        detail: Option<String>,
        scheduled_at: Timestamp,
        since: Timestamp,
        /// Until when there must be proof.
        deadline: Option<Timestamp>,
    }
}

view! {
    Software of all: VehicleUpdates {
        installed: Option<Installed>,
        installed_at: Option<Timestamp>,
        current: Option<UpdateView> = all.current.map(Into::into),
        /// Updates that are over, the newest first.
        history: Vec<UpdateView> = all.history.into_iter().rev().map(Into::into).collect(),
    }
}

/// A token for an update client of others, answered once.
#[derive(Serialize, JsonSchema)]
pub struct UpdateToken {
    /// Where the client polls (hawkBit's DDI v1).
    pub base_url: String,
    /// The client's id, and the name that it uses in addresses.
    pub controller: VehicleId,
    pub tenant: String,
    /// Sent as `Authorization: TargetToken …`.
    pub token: String,
    /// The authority of the listener's certificate, PEM.
    pub authority_pem: String,
}

/// Evidence of one update: a DSSE envelope over an in-toto statement.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "EvidenceEnvelope")]
pub struct Envelope {
    /// Base 64.
    pub payload: String,
    pub payload_type: String,
    pub signatures: Vec<EnvelopeSignature>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
pub struct EnvelopeSignature {
    pub keyid: String,
    /// Base 64.
    pub sig: String,
}

/// The key that evidence is signed with.
#[derive(Serialize, JsonSchema)]
pub struct EvidenceKey {
    pub keyid: String,
    /// Ed25519, as SubjectPublicKeyInfo in PEM.
    pub public_pem: String,
}

//! Limits under which an allowed act may go on. Merging can only tighten, in any order.

use data_encoding::HEXLOWER;
use std::collections::BTreeSet;

use kernel::{Sector, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The lowest speed limit under which a vehicle can still do a trip, in metres per second. Below walking pace a
/// "limit" is a prohibition and must be written as one.
pub const MAX_SPEED_FLOOR_MPS: f64 = 0.5;

/// What is valid for longer has no end: a century, in seconds.
const FOR_GOOD_S: i64 = 36_525 * 86_400;

/// The limits of one act: of a vehicle since its registration, or of one trip. An absent limit does not limit.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("additionalProperties" = true))]
pub struct Constraints {
    /// Highest speed, in metres per second. The lowest wins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_speed_mps: Option<f64>,
    /// Heaviest load, in kilograms. The lowest wins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_payload_kg: Option<f64>,
    /// Most passengers. The lowest wins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_passengers: Option<u32>,
    /// Longest trip, in metres. The lowest wins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_trip_distance_m: Option<f64>,
    /// How long what was allowed stays allowed, in seconds. The lowest wins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid_for_s: Option<u64>,
    /// State of charge that must be left at the end, 0 to 100. The highest wins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_battery_pct: Option<f64>,
    /// Trips without people that a vehicle must complete before it leaves probation. The highest wins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probation_trips: Option<u32>,
    /// Zones to stay out of. All of them count.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub avoided_zones: BTreeSet<String>,
    /// What the vehicle must be able to do. All of them count.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub required_capabilities: BTreeSet<String>,
    /// Driving modes to choose from. Only those that all name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allowed_modes: Option<BTreeSet<String>>,
    /// Zones to stay in. Only those that all name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allowed_zones: Option<BTreeSet<String>>,
    /// Sectors to work in. Only those that all name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allowed_sectors: Option<BTreeSet<Sector>>,
}

/// One limit of [`Constraints`].
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", content = "value", rename_all = "snake_case")]
pub enum Constraint {
    /// See [`Constraints::max_speed_mps`].
    MaxSpeedMps(f64),
    /// See [`Constraints::max_payload_kg`].
    MaxPayloadKg(f64),
    /// See [`Constraints::max_passengers`].
    MaxPassengers(u32),
    /// See [`Constraints::max_trip_distance_m`].
    MaxTripDistanceM(f64),
    /// See [`Constraints::valid_for_s`].
    ValidForS(u64),
    /// See [`Constraints::min_battery_pct`].
    MinBatteryPct(f64),
    /// See [`Constraints::probation_trips`].
    ProbationTrips(u32),
    /// See [`Constraints::avoided_zones`].
    AvoidedZones(BTreeSet<String>),
    /// See [`Constraints::required_capabilities`].
    RequiredCapabilities(BTreeSet<String>),
    /// See [`Constraints::allowed_modes`].
    AllowedModes(BTreeSet<String>),
    /// See [`Constraints::allowed_zones`].
    AllowedZones(BTreeSet<String>),
    /// See [`Constraints::allowed_sectors`].
    AllowedSectors(BTreeSet<Sector>),
}

/// A limit and the rule that set it, so that a route or a refusal can say whose limit bound.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(extend("additionalProperties" = true))]
pub struct ConstraintSource {
    /// The rule's id.
    pub policy_id: String,
    /// The rule's layer, as text.
    pub layer: String,
    /// Why the rule sets it.
    pub purpose: String,
    /// What it sets.
    #[serde(flatten)]
    #[schemars(with = "AnyConstraint")]
    pub constraint: Constraint,
}

/// What every [`Constraint`] looks like to a reader.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct AnyConstraint {
    kind: String,
    value: serde_json::Value,
}

/// Limits under which nothing could move.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{limit}: {problem}")]
pub struct Unsatisfiable {
    /// The name of the limit, as in [`Constraints`].
    pub limit: &'static str,
    /// Why nothing satisfies it.
    pub problem: String,
}

impl From<Constraint> for Constraints {
    fn from(constraint: Constraint) -> Self {
        let mut all = Self::default();
        match constraint {
            Constraint::MaxSpeedMps(value) => all.max_speed_mps = Some(value),
            Constraint::MaxPayloadKg(value) => all.max_payload_kg = Some(value),
            Constraint::MaxPassengers(value) => all.max_passengers = Some(value),
            Constraint::MaxTripDistanceM(value) => all.max_trip_distance_m = Some(value),
            Constraint::ValidForS(value) => all.valid_for_s = Some(value),
            Constraint::MinBatteryPct(value) => all.min_battery_pct = Some(value),
            Constraint::ProbationTrips(value) => all.probation_trips = Some(value),
            Constraint::AvoidedZones(value) => all.avoided_zones = value,
            Constraint::RequiredCapabilities(value) => all.required_capabilities = value,
            Constraint::AllowedModes(value) => all.allowed_modes = Some(value),
            Constraint::AllowedZones(value) => all.allowed_zones = Some(value),
            Constraint::AllowedSectors(value) => all.allowed_sectors = Some(value),
        }
        all
    }
}

impl Constraint {
    /// The name of the limit, as in [`Constraints`] and in the rules' `@constrain`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::MaxSpeedMps(_) => "max_speed_mps",
            Self::MaxPayloadKg(_) => "max_payload_kg",
            Self::MaxPassengers(_) => "max_passengers",
            Self::MaxTripDistanceM(_) => "max_trip_distance_m",
            Self::ValidForS(_) => "valid_for_s",
            Self::MinBatteryPct(_) => "min_battery_pct",
            Self::ProbationTrips(_) => "probation_trips",
            Self::AvoidedZones(_) => "avoided_zones",
            Self::RequiredCapabilities(_) => "required_capabilities",
            Self::AllowedModes(_) => "allowed_modes",
            Self::AllowedZones(_) => "allowed_zones",
            Self::AllowedSectors(_) => "allowed_sectors",
        }
    }
}

/// The tighter of two limits, where an absent one does not limit.
fn tighter<T: Copy>(a: Option<T>, b: Option<T>, choose: impl Fn(T, T) -> T) -> Option<T> {
    match (a, b) {
        (Some(a), Some(b)) => Some(choose(a, b)),
        (one, other) => one.or(other),
    }
}

fn in_both<T: Ord + Clone>(a: &Option<BTreeSet<T>>, b: &Option<BTreeSet<T>>) -> Option<BTreeSet<T>> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.intersection(b).cloned().collect()),
        (one, other) => one.as_ref().or(other.as_ref()).cloned(),
    }
}

impl Constraints {
    /// When these limits end, of a decision that was made then.
    pub fn ends_at(&self, decided_at: Timestamp) -> Option<Timestamp> {
        let seconds = i64::try_from(self.valid_for_s?).ok().filter(|seconds| *seconds <= FOR_GOOD_S)?;
        Some(decided_at.plus_ms(seconds * 1_000))
    }

    /// Both at once: every limit as tight as the tighter of the two. Total, commutative, associative, idempotent;
    /// whether anything can still satisfy the result is what [`Constraints::check`] says.
    #[must_use]
    pub fn meet(&self, other: &Self) -> Self {
        Self {
            max_speed_mps: tighter(self.max_speed_mps, other.max_speed_mps, f64::min),
            max_payload_kg: tighter(self.max_payload_kg, other.max_payload_kg, f64::min),
            max_passengers: tighter(self.max_passengers, other.max_passengers, u32::min),
            max_trip_distance_m: tighter(self.max_trip_distance_m, other.max_trip_distance_m, f64::min),
            valid_for_s: tighter(self.valid_for_s, other.valid_for_s, u64::min),
            min_battery_pct: tighter(self.min_battery_pct, other.min_battery_pct, f64::max),
            probation_trips: tighter(self.probation_trips, other.probation_trips, u32::max),
            avoided_zones: self.avoided_zones.union(&other.avoided_zones).cloned().collect(),
            required_capabilities: self.required_capabilities.union(&other.required_capabilities).cloned().collect(),
            allowed_modes: in_both(&self.allowed_modes, &other.allowed_modes),
            allowed_zones: in_both(&self.allowed_zones, &other.allowed_zones),
            allowed_sectors: in_both(&self.allowed_sectors, &other.allowed_sectors),
        }
    }

    /// Whether anything can satisfy these limits.
    pub fn check(&self) -> Result<(), Unsatisfiable> {
        let fail = |limit, problem: String| Err(Unsatisfiable { limit, problem });
        if let Some(speed) = self.max_speed_mps.filter(|speed| speed.is_nan() || *speed < MAX_SPEED_FLOOR_MPS) {
            return fail("max_speed_mps", format!("{speed} m/s is below the least usable {MAX_SPEED_FLOOR_MPS} m/s"));
        }
        if let Some(payload) = self.max_payload_kg.filter(|payload| payload.is_nan() || *payload < 0.0) {
            return fail("max_payload_kg", format!("{payload} kg is below nothing"));
        }
        if let Some(distance) = self.max_trip_distance_m.filter(|distance| distance.is_nan() || *distance <= 0.0) {
            return fail("max_trip_distance_m", format!("{distance} m leaves no trip"));
        }
        if self.valid_for_s == Some(0) {
            return fail("valid_for_s", "0 s has lapsed at once".into());
        }
        if let Some(pct) = self.min_battery_pct.filter(|pct| !(0.0..=100.0).contains(pct)) {
            return fail("min_battery_pct", format!("{pct} is no percentage"));
        }
        if self.allowed_modes.as_ref().is_some_and(BTreeSet::is_empty) {
            return fail("allowed_modes", "no mode is left".into());
        }
        if self.allowed_sectors.as_ref().is_some_and(BTreeSet::is_empty) {
            return fail("allowed_sectors", "no sector is left".into());
        }
        match &self.allowed_zones {
            Some(zones) if zones.is_subset(&self.avoided_zones) => fail("allowed_zones", "no zone is left".into()),
            _ => Ok(()),
        }
    }

    /// SHA-256 (hexadecimal) over the canonical JSON (RFC 8785). Equal limits have equal digests.
    pub fn digest(&self) -> String {
        sha256_of(self)
    }
}

/// SHA-256 (hexadecimal) over the canonical JSON (RFC 8785) of a value of plain fields.
pub(crate) fn sha256_of(value: &impl Serialize) -> String {
    // Plain fields always serialize; should one ever not, an empty text still gives a stable digest.
    let canonical = serde_json_canonicalizer::to_vec(value).unwrap_or_default();
    HEXLOWER.encode(&Sha256::digest(&canonical))
}

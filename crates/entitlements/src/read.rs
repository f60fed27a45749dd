//! The YAML of a catalogue, read strictly: a grant that nothing reads is a promise that nobody keeps.

use data_encoding::HEXLOWER;
use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_saphyr::options::DuplicateKeyPolicy;
use sha2::{Digest, Sha256};

use crate::catalogue::{AddOn, Catalogue, Feature, Grant, Kind, Limit, Plan};
use crate::period::Period;

/// The most bytes of a catalogue.
pub const CATALOGUE_BYTES_MAX: usize = 512 * 1_024;
/// The deepest nesting.
const DEPTH_MAX: usize = 8;
/// How far plans include each other.
const INCLUDES_MAX: usize = 16;

/// What is wrong with a catalogue, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("catalogue: {field}: {reason}")]
pub struct CatalogueError {
    pub field: String,
    pub reason: String,
}

fn fault(field: impl Into<String>, reason: impl Into<String>) -> CatalogueError {
    CatalogueError { field: field.into(), reason: reason.into() }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileYaml {
    version: String,
    exempt: Vec<String>,
    features: Vec<FeatureYaml>,
    plans: Vec<PlanYaml>,
    #[serde(default)]
    add_ons: Vec<AddOnYaml>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FeatureYaml {
    id: String,
    title: String,
    kind: Kind,
    unit: Option<String>,
    #[serde(default)]
    period: Period,
    #[serde(default)]
    sectors: BTreeSet<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PlanYaml {
    id: String,
    title: String,
    rank: u32,
    #[serde(default)]
    sectors: BTreeSet<String>,
    includes: Option<String>,
    grants: BTreeMap<String, GrantYaml>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AddOnYaml {
    id: String,
    title: String,
    #[serde(default)]
    plans: BTreeSet<String>,
    grants: BTreeMap<String, GrantYaml>,
    most: u32,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(untagged)]
enum GrantYaml {
    Has(bool),
    Up(Limit),
}

/// The catalogue that the product ships with.
const SHIPPED: &str = include_str!("../catalogue.yaml");

/// The catalogue that the product ships with.
///
/// # Errors
/// None: a test reads it.
pub fn shipped() -> Result<Catalogue, CatalogueError> {
    Catalogue::parse(SHIPPED)
}

impl Catalogue {
    /// Reads a catalogue.
    ///
    /// # Errors
    /// The first thing that is wrong, with its place.
    pub fn parse(yaml: &str) -> Result<Self, CatalogueError> {
        read(yaml)
    }
}

fn read(yaml: &str) -> Result<Catalogue, CatalogueError> {
    if yaml.len() > CATALOGUE_BYTES_MAX {
        return Err(fault("(file)", format!("has more than {CATALOGUE_BYTES_MAX} bytes")));
    }
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_depth: DEPTH_MAX, max_aliases: 0, max_documents: 1 },
        duplicate_keys: DuplicateKeyPolicy::Error,
        strict_booleans: true,
        with_snippet: false,
    };
    let value: serde_json::Value =
        serde_saphyr::from_str_with_options(yaml, options).map_err(|error| fault("(yaml)", error.to_string()))?;
    let file: FileYaml = serde_json::from_value(value).map_err(|error| fault("(file)", error.to_string()))?;
    let digest = HEXLOWER.encode(&Sha256::digest(yaml.as_bytes()));
    let features = features(file.features)?;
    let plans = plans(file.plans, &features)?;
    let add_ons = add_ons(file.add_ons, &features, &plans)?;
    let exempt: BTreeSet<String> = file.exempt.into_iter().collect();
    // What may never be blocked is not up to whoever writes a catalogue.
    if let Some(missing) = EXEMPT.iter().find(|operation| !exempt.contains(**operation)) {
        return Err(fault("exempt", format!("lacks `{missing}`, which no limit may block")));
    }
    Ok(Catalogue { version: file.version, features, plans, add_ons, exempt, digest })
}

/// What every catalogue exempts.
const EXEMPT: [&str; 6] =
    ["vehicle.stop", "vehicle.hold", "vehicle.return", "trip.cancel", "trip.continue", "evidence.export"];

fn is_id(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-_".contains(&byte);
    (1..=64).contains(&text.len()) && text.bytes().all(allowed)
}

fn check_id(list: &str, id: &str, title: &str) -> Result<(), CatalogueError> {
    if !is_id(id) {
        return Err(fault(format!("{list}.{id}"), "is no lower-case id of letters, digits, dots and hyphens"));
    }
    match title.trim().is_empty() {
        true => Err(fault(format!("{list}.{id}.title"), "is empty")),
        false => Ok(()),
    }
}

fn features(read: Vec<FeatureYaml>) -> Result<BTreeMap<String, Feature>, CatalogueError> {
    let mut features = BTreeMap::new();
    for FeatureYaml { id, title, kind, unit, period, sectors } in read {
        check_id("features", &id, &title)?;
        let at = |field: &str| format!("features.{id}.{field}");
        if (kind == Kind::Boolean) == unit.is_some() {
            return Err(fault(at("unit"), "stands with what has a number, and with nothing else"));
        }
        if kind != Kind::Metered && period != Period::None {
            return Err(fault(at("period"), "stands with what is metered, and with nothing else"));
        }
        let feature = Feature { id: id.clone(), title, kind, unit, period, sectors };
        if features.insert(id.clone(), feature).is_some() {
            return Err(fault(format!("features.{id}"), "is there twice"));
        }
    }
    Ok(features)
}

fn grants(
    at: &str,
    read: &BTreeMap<String, GrantYaml>,
    features: &BTreeMap<String, Feature>,
) -> Result<BTreeMap<String, Grant>, CatalogueError> {
    let mut grants = BTreeMap::new();
    for (id, grant) in read {
        let at = format!("{at}.grants.{id}");
        let feature = features.get(id).ok_or_else(|| fault(&at, "is no feature"))?;
        let grant = match (feature.kind, *grant) {
            (Kind::Boolean, GrantYaml::Has(has)) => Grant::Has(has),
            (Kind::Static | Kind::Metered, GrantYaml::Up(limit)) => Grant::Up(limit),
            (Kind::Boolean, _) => return Err(fault(at, "is true or false")),
            _ => return Err(fault(at, "is a number or unlimited")),
        };
        grants.insert(id.clone(), grant);
    }
    Ok(grants)
}

/// The plans by rank, each with the grants of those that it includes under its own.
fn plans(read: Vec<PlanYaml>, features: &BTreeMap<String, Feature>) -> Result<Vec<Plan>, CatalogueError> {
    let mut by_id: BTreeMap<&str, &PlanYaml> = BTreeMap::new();
    for plan in &read {
        check_id("plans", &plan.id, &plan.title)?;
        if by_id.insert(&plan.id, plan).is_some() {
            return Err(fault(format!("plans.{}", plan.id), "is there twice"));
        }
    }
    if by_id.is_empty() {
        return Err(fault("plans", "is empty"));
    }
    let mut plans = Vec::new();
    for plan in &read {
        let mut chain = vec![plan];
        while let Some(included) = chain.last().and_then(|last| last.includes.as_deref()) {
            let at = || format!("plans.{}.includes", plan.id);
            let next = by_id.get(included).ok_or_else(|| fault(at(), format!("`{included}` is no plan")))?;
            if chain.len() > INCLUDES_MAX || chain.iter().any(|known| known.id == next.id) {
                return Err(fault(at(), format!("leads back to `{included}`, or too far")));
            }
            chain.push(next);
        }
        let mut all = BTreeMap::new();
        for included in chain.iter().rev() {
            all.extend(grants(&format!("plans.{}", included.id), &included.grants, features)?);
        }
        let (id, title, sectors) = (plan.id.clone(), plan.title.clone(), plan.sectors.clone());
        plans.push(Plan { id, title, rank: plan.rank, sectors, grants: all });
    }
    plans.sort_by(|a, b| (a.rank, &a.id).cmp(&(b.rank, &b.id)));
    Ok(plans)
}

fn add_ons(
    read: Vec<AddOnYaml>,
    features: &BTreeMap<String, Feature>,
    known: &[Plan],
) -> Result<BTreeMap<String, AddOn>, CatalogueError> {
    let mut add_ons = BTreeMap::new();
    for AddOnYaml { id, title, plans, grants: granted, most } in read {
        check_id("add_ons", &id, &title)?;
        let at = format!("add_ons.{id}");
        if let Some(unknown) = plans.iter().find(|plan| !known.iter().any(|known| known.id == **plan)) {
            return Err(fault(format!("{at}.plans"), format!("`{unknown}` is no plan")));
        }
        if most == 0 || granted.is_empty() {
            return Err(fault(at, "grants nothing"));
        }
        let grants = grants(&at, &granted, features)?;
        if add_ons.insert(id.clone(), AddOn { id, title, plans, grants, most }).is_some() {
            return Err(fault(at, "is there twice"));
        }
    }
    Ok(add_ons)
}

//! A bundle: the schema and every layer of rules, checked as a whole and compiled into one slice per action, sector
//! and tenant, because evaluation costs time per rule even where the rule's action does not match.

use std::collections::{BTreeMap, BTreeSet};

use cedar_policy::{EntityTypeName, PolicySet, Schema, ValidationMode, Validator};
use kernel::{Sector, TenantId};

use crate::action::Action;
use crate::compile::{Rule, line_of, rules_of};
use crate::digest::digest_of;
use crate::error::BundleError;
use crate::schema::{self, ActionSpec};
use crate::shipped::{PolicyModule, shipped_sources};

/// How the names of the vocabulary's parts end.
const SCHEMA_SUFFIX: &str = ".cedarschema";
/// The largest bundle, in bytes: a hundred times the shipped one, and parsed in seconds.
const BUNDLE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// A layer of rules. Those above the base can only take away.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layer {
    /// What holds for everybody; the only layer that can permit.
    Base,
    /// What a sector adds.
    Sector(Sector),
    /// What a tenant adds.
    Tenant(TenantId),
}

impl std::fmt::Display for Layer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Base => f.write_str("base"),
            Self::Sector(sector) => write!(f, "sector:{sector}"),
            Self::Tenant(tenant) => write!(f, "tenant:{tenant}"),
        }
    }
}

/// The rules that one request meets.
#[derive(Debug, Default)]
pub(crate) struct Slice {
    pub(crate) deciding: PolicySet,
    pub(crate) constraining: PolicySet,
}

/// Slices by action, sector and, where a tenant has a layer of its own, tenant.
type Slices = BTreeMap<(Action, Sector, Option<TenantId>), Slice>;

/// A checked set of rules, ready to decide. Immutable.
#[derive(Debug)]
pub struct Bundle {
    pub(crate) schema: Schema,
    /// The kinds of things of the schema: parsing their names costs as much as deciding by them.
    pub(crate) types: BTreeMap<String, EntityTypeName>,
    pub(crate) actions: BTreeMap<Action, ActionSpec>,
    pub(crate) rules: BTreeMap<String, Rule>,
    sectors: BTreeSet<Sector>,
    tenants: BTreeSet<TenantId>,
    slices: Slices,
    digest: String,
}

fn layer_of(file: &str) -> Option<Layer> {
    let parts: Vec<&str> = file.split('/').collect();
    match parts.as_slice() {
        ["base", name] if name.ends_with(".cedar") => Some(Layer::Base),
        ["sectors", sector, name] if name.ends_with(".cedar") => sector.parse().ok().map(Layer::Sector),
        ["tenants", tenant, name] if name.ends_with(".cedar") => tenant.parse().ok().map(Layer::Tenant),
        _ => None,
    }
}

impl Bundle {
    /// The bundle that the product ships with these domains.
    ///
    /// # Errors
    /// As [`Bundle::load`].
    pub fn shipped(modules: &[PolicyModule]) -> Result<Self, BundleError> {
        let actions: Vec<Action> = modules.iter().flat_map(|module| module.actions).copied().collect();
        Self::load(&actions, &shipped_sources(modules))
    }

    /// Checks and compiles a bundle for these actions from `(name, text)` pairs: `*.cedarschema`, `base/*.cedar`,
    /// `sectors/<sector>/*.cedar`, `tenants/<tenant>/*.cedar`. The order of the pairs does not matter.
    ///
    /// # Errors
    /// The first thing that is wrong, naming file, policy and line; see [`BundleError`].
    pub fn load<N: AsRef<str>, T: AsRef<str>>(actions: &[Action], sources: &[(N, T)]) -> Result<Self, BundleError> {
        let sources = unique(sources)?;
        let is_schema = |file: &str| file.ends_with(SCHEMA_SUFFIX) && !file.contains('/');
        let schemas = sources.iter().map(|(file, text)| (*file, *text)).filter(|(file, _)| is_schema(file));
        let vocabulary = schema::read(actions, &schemas.collect::<Vec<_>>())?;
        let mut rules: BTreeMap<String, Rule> = BTreeMap::new();
        let (mut sectors, mut tenants) = (BTreeSet::new(), BTreeSet::new());
        for (&file, &text) in sources.iter().filter(|(file, _)| !is_schema(file)) {
            let layer = layer_of(file).ok_or_else(|| BundleError::UnknownSource { file: file.into() })?;
            match &layer {
                Layer::Base => {}
                Layer::Sector(sector) => drop(sectors.insert(*sector)),
                Layer::Tenant(tenant) => drop(tenants.insert(tenant.clone())),
            }
            let of_file = rules_of(file, text, &layer, &vocabulary.actions)?;
            type_check(file, text, &of_file, &vocabulary.schema)?;
            for rule in of_file {
                insert_unique(&mut rules, rule)?;
            }
        }
        if !rules.values().any(|rule| rule.layer == Layer::Base) {
            return Err(BundleError::Incomplete {
                file: "base/".into(),
                problem: "the bundle has no base layer".into(),
            });
        }
        require_responses(&rules, &vocabulary.actions)?;
        let slices = slices_of(&vocabulary.actions, &rules, &sectors, &tenants)?;
        let digest = digest_of(sources.iter().flat_map(|(name, text)| [*name, *text]));
        let types = vocabulary.schema.entity_types().map(|of| (of.basename().to_owned(), of.clone())).collect();
        let (schema, actions) = (vocabulary.schema, vocabulary.actions);
        Ok(Self { schema, types, actions, rules, sectors, tenants, slices, digest })
    }

    /// SHA-256 (hexadecimal) over the sources, in the order of their names.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The sectors that the bundle has a layer for; a request of any other is denied.
    pub fn sectors(&self) -> &BTreeSet<Sector> {
        &self.sectors
    }

    /// The ids of all rules with their layers, in the order of the ids.
    pub fn rules(&self) -> impl Iterator<Item = (&str, &Layer)> {
        self.rules.iter().map(|(id, rule)| (id.as_str(), &rule.layer))
    }

    pub(crate) fn slice(&self, action: Action, sector: Sector, tenant: &TenantId) -> Option<&Slice> {
        let tenant = self.tenants.get(tenant).cloned();
        self.slices.get(&(action, sector, tenant))
    }
}

fn unique<N: AsRef<str>, T: AsRef<str>>(sources: &[(N, T)]) -> Result<BTreeMap<&str, &str>, BundleError> {
    let mut by_name = BTreeMap::new();
    let mut bytes = 0usize;
    for (name, text) in sources {
        let (name, text) = (name.as_ref(), text.as_ref());
        bytes = bytes.saturating_add(text.len());
        if bytes > BUNDLE_BYTES_MAX {
            return Err(BundleError::TooLarge { file: name.into(), bytes, limit: BUNDLE_BYTES_MAX });
        }
        if by_name.insert(name, text).is_some() {
            return Err(BundleError::Incomplete { file: name.into(), problem: "is there twice".into() });
        }
    }
    Ok(by_name)
}

pub(crate) fn insert_unique(rules: &mut BTreeMap<String, Rule>, rule: Rule) -> Result<(), BundleError> {
    if let Some(first) = rules.get(&rule.id) {
        return Err(BundleError::Rule {
            problem: format!("has the id of another policy, at {}:{}", first.file, first.line),
            file: rule.file,
            policy_id: rule.id,
            line: rule.line,
        });
    }
    rules.insert(rule.id.clone(), rule);
    Ok(())
}

/// Strict validation against the schema, file by file, so that the line can be told.
pub(crate) fn type_check(file: &str, text: &str, rules: &[Rule], schema: &Schema) -> Result<(), BundleError> {
    let wrong = |policy_id: String, line, problem| BundleError::Rule { file: file.into(), policy_id, line, problem };
    let mut set = PolicySet::new();
    for rule in rules {
        let added = set.add(rule.policy.clone());
        added.map_err(|_| wrong(rule.id.clone(), rule.line, "has the id of another policy of the file".into()))?;
    }
    let result = Validator::new(schema.clone()).validate(&set, ValidationMode::Strict);
    match result.validation_errors().next() {
        None => Ok(()),
        Some(error) => {
            let id = error.policy_id().to_string();
            let problem = error.to_string();
            // Cedar repeats the id, which the error tells already.
            let problem = problem.strip_prefix(&format!("for policy `{id}`, ")).unwrap_or(&problem).to_owned();
            Err(wrong(id, line_of(text, error), problem))
        }
    }
}

/// A rule that can be violated by what is under way must say what is to be done then.
pub(crate) fn require_responses(
    rules: &BTreeMap<String, Rule>,
    actions: &BTreeMap<Action, ActionSpec>,
) -> Result<(), BundleError> {
    for action in actions.keys().filter(|action| action.is_monitored()) {
        let forbids =
            |rule: &&Rule| rule.policy.effect() == cedar_policy::Effect::Forbid && rule.actions.contains(action);
        if let Some(rule) = rules.values().filter(forbids).find(|rule| rule.response.is_none()) {
            return Err(BundleError::Rule {
                file: rule.file.clone(),
                policy_id: rule.id.clone(),
                line: rule.line,
                problem: format!("forbids {action} and must say @response(\"warn|slow|reroute|stop\")"),
            });
        }
    }
    Ok(())
}

fn slices_of(
    actions: &BTreeMap<Action, ActionSpec>,
    rules: &BTreeMap<String, Rule>,
    sectors: &BTreeSet<Sector>,
    tenants: &BTreeSet<TenantId>,
) -> Result<Slices, BundleError> {
    let mut slices = BTreeMap::new();
    let tenants: Vec<Option<TenantId>> = std::iter::once(None).chain(tenants.iter().cloned().map(Some)).collect();
    for &action in actions.keys() {
        for (&sector, tenant) in sectors.iter().flat_map(|sector| tenants.iter().map(move |tenant| (sector, tenant))) {
            let mut slice = Slice::default();
            for rule in rules.values().filter(|rule| rule.actions.contains(&action)) {
                let in_layer = match &rule.layer {
                    Layer::Base => true,
                    Layer::Sector(of) => *of == sector,
                    Layer::Tenant(of) => Some(of) == tenant.as_ref(),
                };
                if in_layer {
                    let set = if rule.limit.is_some() { &mut slice.constraining } else { &mut slice.deciding };
                    set.add(rule.policy.clone()).map_err(|error| BundleError::Rule {
                        file: rule.file.clone(),
                        policy_id: rule.id.clone(),
                        line: rule.line,
                        problem: error.to_string(),
                    })?;
                }
            }
            slices.insert((action, sector, tenant.clone()), slice);
        }
    }
    Ok(slices)
}

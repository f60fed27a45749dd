//! The rules of one tenant, over the bundle that holds for everybody. They forbid and limit, and never permit, so that the
//! tenant can only tighten; they are compiled against the bundle's vocabulary and put in force beside it.

use data_encoding::HEXLOWER;
use std::collections::BTreeMap;

use kernel::TenantId;
use sha2::{Digest, Sha256};

use crate::action::Action;
use crate::bundle::{Bundle, Layer, Slice, insert_unique, require_responses, type_check};
use crate::compile::{Rule, rules_of};
use crate::error::BundleError;

/// How the ids of a tenant's own rules begin, so that none ever meets one that the product ships.
pub const OWN_ID_PREFIX: &str = "tenant.";
/// The name of a tenant's own text, in errors.
pub const OWN_FILE: &str = "own.cedar";
/// The largest text of a tenant's own rules, in bytes: it stands in one entry of the journal, with its cases.
pub const OWN_BYTES_MAX: usize = 20 * 1024;
/// The most rules of a tenant's own.
pub const OWN_RULES_MAX: usize = 200;

/// The rules of one tenant, checked and ready to decide. Immutable.
#[derive(Debug)]
pub struct OwnLayer {
    pub(crate) rules: BTreeMap<String, Rule>,
    slices: BTreeMap<Action, Slice>,
    digest: String,
}

impl Bundle {
    /// Checks and compiles a tenant's own rules against this bundle.
    ///
    /// # Errors
    /// The first thing that is wrong, naming policy and line; see [`BundleError`].
    pub fn own_layer(&self, tenant: &TenantId, text: &str) -> Result<OwnLayer, BundleError> {
        if text.len() > OWN_BYTES_MAX {
            return Err(BundleError::TooLarge { file: OWN_FILE.into(), bytes: text.len(), limit: OWN_BYTES_MAX });
        }
        let of_file = rules_of(OWN_FILE, text, &Layer::Tenant(tenant.clone()), &self.actions)?;
        if let Some(rule) = of_file.get(OWN_RULES_MAX) {
            return Err(wrong(rule, format!("is one too many: a tenant has at most {OWN_RULES_MAX}")));
        }
        if let Some(rule) = of_file.iter().find(|rule| !rule.id.starts_with(OWN_ID_PREFIX)) {
            return Err(wrong(rule, format!("has an id that does not begin with `{OWN_ID_PREFIX}`")));
        }
        type_check(OWN_FILE, text, &of_file, &self.schema)?;
        let mut rules = BTreeMap::new();
        for rule in of_file {
            if self.rules.contains_key(&rule.id) {
                return Err(wrong(&rule, "has the id of a rule that the product ships".into()));
            }
            insert_unique(&mut rules, rule)?;
        }
        require_responses(&rules, &self.actions)?;
        let digest = HEXLOWER.encode(&Sha256::digest(text.as_bytes()));
        Ok(OwnLayer { slices: slices_of(&rules, self)?, rules, digest })
    }
}

fn wrong(rule: &Rule, problem: String) -> BundleError {
    BundleError::Rule { file: rule.file.clone(), policy_id: rule.id.clone(), line: rule.line, problem }
}

fn slices_of(rules: &BTreeMap<String, Rule>, bundle: &Bundle) -> Result<BTreeMap<Action, Slice>, BundleError> {
    let mut slices: BTreeMap<Action, Slice> = BTreeMap::new();
    for (&action, rule) in bundle.actions.keys().flat_map(|action| rules.values().map(move |rule| (action, rule))) {
        if rule.actions.contains(&action) {
            let slice = slices.entry(action).or_default();
            let set = if rule.limit.is_some() { &mut slice.constraining } else { &mut slice.deciding };
            set.add(rule.policy.clone()).map_err(|error| wrong(rule, error.to_string()))?;
        }
    }
    Ok(slices)
}

impl OwnLayer {
    /// SHA-256 (hexadecimal) of the text.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    pub(crate) fn slice(&self, action: Action) -> Option<&Slice> {
        self.slices.get(&action)
    }
}

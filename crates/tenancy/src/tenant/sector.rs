//! The sector of a tenant: its overlay is put in force as a whole or not at all, in one entry beside one entry for each part
//! (SECTOR-1 to SECTOR-4), and taken back in one step.

use std::collections::{BTreeMap, BTreeSet};

use entitlements::Denied;
use kernel::{Code, Decided, Reject, Sector, Timestamp};
use policy::PolicyAnswer;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Tenant, TenantEvent};

/// The subscription does not allow the sector.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SectorRefused {
    pub sector: Sector,
    /// Such as `SECTOR_NOT_INCLUDED`.
    pub reason: String,
    pub required: Vec<String>,
    /// Ids of plans and add-ons that would allow it.
    pub upgrade_options: Vec<String>,
    pub by: String,
}

/// The subscription allows the sector, with these features.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SectorEntitled {
    pub sector: Sector,
    pub plan: String,
    pub features: BTreeSet<String>,
}

/// The sector's rules hold for the tenant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PoliciesLoaded {
    pub sector: Sector,
    /// Ids of the rules and limits that the overlay brings.
    pub rules: BTreeSet<String>,
    /// SHA-256 of the bundle that decides.
    pub bundle: String,
}

/// The sector's flags hold for the tenant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FlagsActivated {
    pub sector: Sector,
    /// SHA-256 of their rules.
    pub digest: String,
    /// What each answers now.
    pub values: BTreeMap<String, Value>,
}

/// The sector's words, colours and modules hold for the tenant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AppearanceApplied {
    pub sector: Sector,
    /// SHA-256 of words, colours and logo.
    pub files: BTreeMap<String, String>,
    pub modules: Vec<String>,
}

/// The overlay is in force.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SectorActivated {
    pub generation: u64,
    pub sector: Sector,
    pub version: String,
    /// SHA-256 of the overlay's manifest.
    pub digest: String,
    pub plan: String,
    pub features: BTreeSet<String>,
    pub reason: String,
    pub by: String,
}

/// What was in force before is in force again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SectorRolledBack {
    pub generation: u64,
    pub from: Sector,
    pub to: Option<Sector>,
    pub reason: String,
    pub by: String,
}

/// A variant of a flag was chosen, or is left to the flag's own rule again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FlagChosen {
    pub flag: String,
    pub variant: Option<String>,
    pub reason: String,
    pub by: String,
}

/// An overlay that is in force.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InForce {
    pub sector: Sector,
    pub version: String,
    pub digest: String,
    pub plan: String,
    pub features: BTreeSet<String>,
    pub reason: String,
    pub by: String,
    pub at: Timestamp,
}

/// What was in force before the overlay.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SectorBefore {
    pub sector: Option<Sector>,
    pub entitlements: BTreeSet<String>,
    pub in_force: Option<InForce>,
}

/// A variant that a tenant chose.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FlagChoice {
    pub variant: String,
    pub reason: String,
    pub by: String,
    pub at: Timestamp,
}

impl Tenant {
    /// The sector that the tenant was made for.
    pub fn home(&self) -> Option<Sector> {
        self.made_for.or(self.sector)
    }

    pub(super) fn activated(self, activated: &SectorActivated, at: Timestamp) -> Self {
        let made_for = self.home();
        let before = SectorBefore { sector: self.sector, entitlements: self.entitlements, in_force: self.in_force };
        let in_force = InForce {
            sector: activated.sector,
            version: activated.version.clone(),
            digest: activated.digest.clone(),
            plan: activated.plan.clone(),
            features: activated.features.clone(),
            reason: activated.reason.clone(),
            by: activated.by.clone(),
            at,
        };
        // What every tenant has, whatever it pays for.
        let always = before
            .entitlements
            .iter()
            .filter(|name| before.in_force.as_ref().is_none_or(|known| !known.features.contains(*name)));
        let entitlements = always.chain(&activated.features).cloned().collect();
        Self {
            sector: Some(activated.sector),
            made_for,
            entitlements,
            generation: activated.generation,
            in_force: Some(in_force),
            before: Some(before),
            ..self
        }
    }

    pub(super) fn rolled_back(self, back: &SectorRolledBack) -> Self {
        let Some(SectorBefore { sector, entitlements, in_force }) = self.before else { return self };
        Self { sector, entitlements, in_force, before: None, generation: back.generation, ..self }
    }

    pub(super) fn chosen(mut self, chosen: &FlagChosen, at: Timestamp) -> Self {
        match &chosen.variant {
            None => drop(self.flags.remove(&chosen.flag)),
            Some(variant) => {
                let (variant, reason, by) = (variant.clone(), chosen.reason.clone(), chosen.by.clone());
                self.flags.insert(chosen.flag.clone(), FlagChoice { variant, reason, by, at });
            }
        }
        self.generation += 1;
        self
    }
}

/// An overlay with everything that its activation journals.
#[derive(Debug, Clone)]
pub struct Proposal {
    pub entitled: SectorEntitled,
    pub policies: PoliciesLoaded,
    pub flags: FlagsActivated,
    pub appearance: AppearanceApplied,
    pub version: String,
    pub digest: String,
}

/// What an activation rests on.
#[derive(Debug, Clone)]
pub struct Asked {
    pub policy: PolicyAnswer,
    /// The proposal, or why the subscription does not allow it.
    pub proposed: Result<Proposal, Denied>,
    pub sector: Sector,
}

impl kernel::decided::Facts for Asked {
    fn decisions(&self) -> &[kernel::envelope::DecisionRecord] {
        &self.policy.records
    }
}

/// The refusal of what is not subscribed to, with what would help.
pub fn not_entitled(what: &str, denied: &Denied) -> Reject {
    let options: Vec<String> = denied.upgrade_options.iter().map(|option| option.title.clone()).collect();
    let help = match options.is_empty() {
        true => "ask the platform's administrator".to_owned(),
        false => format!("it comes with {}", options.join(" or ")),
    };
    let text = format!("the subscription does not allow {what} (needs {}): {help}", denied.required.join(", "));
    // Plain fields always have a JSON.
    let told = serde_json::to_value(denied).unwrap_or_default();
    Reject::new(Code::EntitlementRequired, text).with_entitlement(told)
}

/// Puts an overlay in force: every part, or none.
pub fn activate(state: Option<&Tenant>, asked: &Asked, reason: &str, by: &str) -> Decided<TenantEvent, ()> {
    let Some(tenant) = state else { return Decided::reject(super::no_tenant()) };
    if let Some(refusal) = &asked.policy.refusal {
        return Decided::reject(refusal.clone());
    }
    let proposal = match &asked.proposed {
        Ok(proposal) => proposal,
        Err(denied) => {
            let refused = SectorRefused {
                sector: asked.sector,
                // A unit variant always has a text.
                reason: serde_json::to_value(denied.reason)
                    .ok()
                    .and_then(|text| text.as_str().map(str::to_owned))
                    .unwrap_or_default(),
                required: denied.required.clone(),
                upgrade_options: denied.upgrade_options.iter().map(|option| option.id.clone()).collect(),
                by: by.into(),
            };
            let reply = Err(not_entitled(&format!("the sector {}", asked.sector), denied));
            return Decided { events: vec![refused.into()], reply };
        }
    };
    let is_same = |known: &InForce| known.digest == proposal.digest && known.features == proposal.entitled.features;
    if tenant.in_force.as_ref().is_some_and(is_same) {
        return Decided::unchanged(());
    }
    let activated = SectorActivated {
        generation: tenant.generation + 1,
        sector: asked.sector,
        version: proposal.version.clone(),
        digest: proposal.digest.clone(),
        plan: proposal.entitled.plan.clone(),
        features: proposal.entitled.features.clone(),
        reason: reason.into(),
        by: by.into(),
    };
    let parts: Vec<TenantEvent> = vec![
        proposal.entitled.clone().into(),
        proposal.policies.clone().into(),
        proposal.flags.clone().into(),
        proposal.appearance.clone().into(),
        activated.into(),
    ];
    Decided::accept(parts, ())
}

/// Puts what was in force before in force again.
pub fn roll_back(state: Option<&Tenant>, policy: &PolicyAnswer, reason: &str, by: &str) -> Decided<TenantEvent, ()> {
    let Some(tenant) = state else { return Decided::reject(super::no_tenant()) };
    if let Some(refusal) = &policy.refusal {
        return Decided::reject(refusal.clone());
    }
    let (Some(before), Some(now)) = (&tenant.before, &tenant.in_force) else {
        let text = "nothing was in force before: activate the sector that you want";
        return Decided::reject(Reject::new(Code::IllegalTransition, text));
    };
    let back = SectorRolledBack {
        generation: tenant.generation + 1,
        from: now.sector,
        to: before.sector,
        reason: reason.into(),
        by: by.into(),
    };
    Decided::accept([back.into()], ())
}

/// A flag with what is said of it, as far as a choice is concerned.
#[derive(Debug, Clone, Copy)]
pub struct ChosenFlag<'a> {
    pub key: &'a str,
    pub variants: &'a BTreeSet<String>,
    /// The variant to which a switch goes; only of those that are switches.
    pub safe: Option<&'a str>,
    /// Whether the tenant may choose at all: it mirrors no entitlement.
    pub may_be_chosen: bool,
    /// Whether the tenant has flags of its own, and a second person approved.
    pub is_entitled: bool,
    pub is_approved: bool,
}

/// Chooses a variant of a flag. A switch goes to its safe side by anybody's word, and back by two.
pub fn choose_flag(
    state: Option<&Tenant>,
    flag: ChosenFlag<'_>,
    variant: Option<&str>,
    (reason, by): (&str, &str),
) -> Decided<TenantEvent, ()> {
    let Some(tenant) = state else { return Decided::reject(super::no_tenant()) };
    if let Some(name) = variant.filter(|name| !flag.variants.contains(*name)) {
        let known: Vec<&str> = flag.variants.iter().map(String::as_str).collect();
        let text = format!("`{name}` is none of the variants {}", known.join(", "));
        return Decided::reject(Reject::invalid_field("/variant", text));
    }
    if tenant.flags.get(flag.key).map(|chosen| chosen.variant.as_str()) == variant {
        return Decided::unchanged(());
    }
    let refusal = match flag.safe {
        Some(safe) if variant == Some(safe) => None,
        Some(_) if flag.is_approved => None,
        Some(safe) => Some((Code::Forbidden, format!("away from `{safe}` it is switched by two people: ask for it"))),
        None if !flag.may_be_chosen => {
            Some((Code::IllegalTransition, "this flag follows the subscription: change that".to_owned()))
        }
        None if !flag.is_entitled => {
            Some((Code::EntitlementRequired, "the subscription does not allow flags of one's own".to_owned()))
        }
        None => None,
    };
    if let Some((code, text)) = refusal {
        return Decided::reject(Reject::new(code, text));
    }
    let chosen =
        FlagChosen { flag: flag.key.into(), variant: variant.map(str::to_owned), reason: reason.into(), by: by.into() };
    Decided::accept([chosen.into()], ())
}

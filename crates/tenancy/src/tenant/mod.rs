//! A tenant: an organisation with a fleet, a sector, and a log of its own; what it subscribed to, which sector's overlay is
//! in force for it, and which variants of flags it chose.

pub mod deletion;
pub mod sector;
pub mod subscription;

use std::collections::{BTreeMap, BTreeSet};

use kernel::ctx::About;
use kernel::decided::Aggregate;
use kernel::{Code, Decided, EventMeta, Reject, Sector, TenantId, Timestamp};
use serde::{Deserialize, Serialize};

use self::deletion::{Deletion, DeletionAsked, TenantDeleted, TenantErased};
use self::sector::{
    AppearanceApplied, FlagChoice, FlagChosen, FlagsActivated, InForce, PoliciesLoaded, SectorActivated, SectorBefore,
    SectorEntitled, SectorRefused, SectorRolledBack,
};
use self::subscription::{Subscribed, SubscriptionChanged};

kernel::domain_events! {
    /// What happens to a tenant.
    pub enum TenantEvent {
        "tenant.created" 1 => Created(TenantCreated),
        "tenant.subscription_changed" 1 => SubscriptionChanged(SubscriptionChanged),
        "tenant.sector_refused" 1 => SectorRefused(SectorRefused),
        "tenant.sector_entitled" 1 => SectorEntitled(SectorEntitled),
        "tenant.policies_loaded" 1 => PoliciesLoaded(PoliciesLoaded),
        "tenant.flags_activated" 1 => FlagsActivated(FlagsActivated),
        "tenant.appearance_applied" 1 => AppearanceApplied(AppearanceApplied),
        "tenant.sector_activated" 1 => SectorActivated(SectorActivated),
        "tenant.sector_rolled_back" 1 => SectorRolledBack(SectorRolledBack),
        "tenant.flag_chosen" 1 => FlagChosen(FlagChosen),
        "tenant.deletion_asked" 1 => DeletionAsked(DeletionAsked),
        "tenant.deleted" 1 => Deleted(TenantDeleted),
        "tenant.erased" 1 => Erased(TenantErased),
    }
}

/// The tenant exists from now on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TenantCreated {
    pub name: TenantId,
    /// Its sector; the platform has none.
    pub sector: Option<Sector>,
    pub entitlements: BTreeSet<String>,
    /// Whether its vehicles are simulated, all of them (SAFE-15).
    pub simulated: bool,
}

/// A tenant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tenant {
    pub name: TenantId,
    /// Its sector; the platform has none.
    pub sector: Option<Sector>,
    pub entitlements: BTreeSet<String>,
    pub simulated: bool,
    pub created_at: Timestamp,
    /// What it subscribed to; none: everything, in its own sector.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subscription: Option<Subscribed>,
    /// The sector that it was made for, once another may be in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made_for: Option<Sector>,
    /// Counts what was put in force, and taken back.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub generation: u64,
    /// The overlay in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_force: Option<InForce>,
    /// What was in force before it, for one step back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<SectorBefore>,
    /// Variants that the tenant chose, by flag.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub flags: BTreeMap<String, FlagChoice>,
    /// That nobody of it is let in any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted: Option<Deletion>,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Tenant {
    pub fn about(&self) -> About {
        About { sector: self.sector, simulated: self.simulated }
    }
}

impl Aggregate for Tenant {
    type Id = TenantId;
    type Event = TenantEvent;
    const KIND: &'static str = "tenant";
    const FOLD_VERSION: u32 = 1;

    fn evolve(state: Option<Self>, event: &TenantEvent, meta: &EventMeta) -> Option<Self> {
        match (state, event) {
            (None, TenantEvent::Created(created)) => Some(Self {
                name: created.name.clone(),
                sector: created.sector,
                entitlements: created.entitlements.clone(),
                simulated: created.simulated,
                created_at: meta.recorded_at,
                subscription: None,
                made_for: None,
                generation: 0,
                in_force: None,
                before: None,
                flags: BTreeMap::new(),
                deleted: None,
            }),
            (Some(state), TenantEvent::SubscriptionChanged(changed)) => {
                Some(Self { subscription: Some(changed.subscribed.clone()), ..state })
            }
            (Some(state), TenantEvent::SectorActivated(activated)) => {
                Some(state.activated(activated, meta.recorded_at))
            }
            (Some(state), TenantEvent::SectorRolledBack(back)) => Some(state.rolled_back(back)),
            (Some(state), TenantEvent::FlagChosen(chosen)) => Some(state.chosen(chosen, meta.recorded_at)),
            (Some(state), TenantEvent::Deleted(deleted)) => Some(state.deleted(deleted, meta.recorded_at)),
            (Some(state), TenantEvent::Erased(_)) => Some(state.erased(meta.recorded_at)),
            // What an activation consists of is for those who read the journal; the activation itself says what is in force.
            (state, _) => state,
        }
    }
}

/// Makes a tenant where there is none of that name.
pub fn create(state: Option<&Tenant>, created: TenantCreated) -> Decided<TenantEvent, ()> {
    if state.is_some() {
        return Decided::reject(taken(&created.name));
    }
    Decided::accept([created.into()], ())
}

/// The refusal where the caller's tenant is gone.
pub(crate) fn no_tenant() -> Reject {
    Reject::new(Code::NotFound, "there is no such tenant: list them first")
}

/// The refusal of a name that is in use.
pub(crate) fn taken(name: &TenantId) -> Reject {
    Reject::new(Code::Conflict, format!("the tenant {name} exists already: choose another name"))
}

#[cfg(test)]
mod tests {
    use kernel::testing::{START, accepts, check, refuses};

    use super::*;

    fn created(name: &str, sector: Option<Sector>) -> TenantCreated {
        let entitlements = ["trips".to_owned()].into();
        TenantCreated { name: name.parse().unwrap(), sector, entitlements, simulated: true }
    }

    #[test]
    fn a_name_is_given_once() {
        let pit = created("north-pit", Some(Sector::Mining));
        let create_one = |new: TenantCreated| move |state: Option<&Tenant>| create(state, new);
        let made = check([], create_one(pit.clone()), accepts([pit.clone().into()], ())).unwrap();
        assert_eq!((made.sector, made.simulated, made.created_at), (Some(Sector::Mining), true, START));
        check([pit.clone().into()], create_one(pit.clone()), refuses(Code::Conflict));
        let other = created("north-pit", Some(Sector::Defense));
        check([pit.clone().into()], create_one(other.clone()), refuses(Code::Conflict));
        let twice: Tenant = kernel::testing::fold(&[pit.into(), other.into()]).unwrap();
        assert_eq!(twice, made, "a second creation is none");
        assert!(twice.due_at().is_none() && twice.index_values().is_empty() && Tenant::INDEXES.is_empty());
    }
}

//! A tenant: an organisation with a fleet, a sector, and a log of its own.

use std::collections::BTreeSet;

use kernel::ctx::About;
use kernel::decided::Aggregate;
use kernel::{Code, Decided, EventMeta, Reject, Sector, TenantId, Timestamp};
use serde::{Deserialize, Serialize};

kernel::domain_events! {
    /// What happens to a tenant.
    pub enum TenantEvent {
        "tenant.created" 1 => Created(TenantCreated),
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
            }),
            (state, TenantEvent::Created(_)) => state,
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

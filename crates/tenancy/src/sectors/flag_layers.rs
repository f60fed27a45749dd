//! Flags with the variants that tenants chose, put together once for the same choices: to do it for each question costs
//! more than to answer it.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use flags::Layers;
use kernel::TenantId;

use super::Installed;
use crate::tenant::Tenant;
use crate::tenant::sector::FlagChoice;

/// Tenants that are remembered; beyond it all are forgotten, and each is put together again when it asks.
const KEPT_MAX: usize = 10_000;

/// What was put together, and of what.
#[derive(Debug)]
struct Kept {
    /// Of the overlay.
    digest: String,
    choices: BTreeMap<String, FlagChoice>,
    layers: Arc<Layers>,
}

/// The flags of the tenants that asked.
#[derive(Debug, Default)]
pub(crate) struct FlagLayers(RwLock<BTreeMap<TenantId, Kept>>);

impl FlagLayers {
    /// The flags that hold for a tenant with this overlay.
    pub(crate) fn of(&self, tenant: &Tenant, installed: &Installed) -> Arc<Layers> {
        let is_same = |kept: &&Kept| kept.choices == tenant.flags && kept.digest == installed.overlay.digest;
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = known.get(&tenant.name).filter(is_same) {
            return Arc::clone(&kept.layers);
        }
        drop(known);
        let own = installed.flags_with(&tenant.flags);
        let name = format!("tenant:{}", tenant.name);
        // One layer cannot contradict another.
        let layers = Arc::new(Layers::new([(name.as_str(), &own)]).unwrap_or_default());
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= KEPT_MAX {
            known.clear();
        }
        let (digest, choices) = (installed.overlay.digest.clone(), tenant.flags.clone());
        known.insert(tenant.name.clone(), Kept { digest, choices, layers: Arc::clone(&layers) });
        layers
    }
}

#[cfg(test)]
mod tests {
    use flags::Context;
    use kernel::{Sector, Timestamp};

    use super::*;
    use crate::tenant::TenantCreated;

    fn tenant() -> Tenant {
        let (sector, entitlements) = (Some(Sector::RideHail), ["trips".to_owned()].into());
        let created = TenantCreated { name: "north".parse().unwrap(), sector, entitlements, simulated: true };
        kernel::testing::fold(&[created.into()]).unwrap()
    }

    #[test]
    fn the_same_choices_are_put_together_once_and_others_hold_at_once() {
        let (known, installed, mut tenant) =
            (FlagLayers::default(), super::super::shipped::installed().unwrap(), tenant());
        let rides = &installed[&Sector::RideHail];
        let answer = |layers: &Layers| layers.evaluate("unprotected-left", &Context::default(), 0).variant;
        let first = known.of(&tenant, rides);
        assert!(Arc::ptr_eq(&first, &known.of(&tenant, rides)));
        assert_eq!(answer(&first).as_deref(), Some("on"));
        let at = Timestamp::from_ms(0);
        let off = FlagChoice { variant: "off".into(), reason: "ice".into(), by: "sofia".into(), at };
        tenant.flags.insert("unprotected-left".into(), off);
        assert_eq!(answer(&known.of(&tenant, rides)).as_deref(), Some("off"));
        tenant.flags.clear();
        assert_eq!(answer(&known.of(&tenant, rides)).as_deref(), Some("on"), "a choice taken back is none");
        let mine = known.of(&tenant, &installed[&Sector::Mining]);
        assert_eq!(answer(&mine), None, "another sector has other flags");
        let other = Tenant { name: "south".parse().unwrap(), ..tenant.clone() };
        assert!(!Arc::ptr_eq(&mine, &known.of(&other, &installed[&Sector::Mining])));
    }
}

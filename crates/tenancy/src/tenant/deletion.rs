//! The end of a tenant: asked for, decided by a second person, done. Its log stays, and can be verified for ever.

use kernel::{Code, Decided, Reject, Timestamp};
use policy::PolicyAnswer;
use serde::{Deserialize, Serialize};

use super::{Tenant, TenantEvent};

/// A platform's administrator asked that the tenant be deleted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeletionAsked {
    pub reason: String,
    pub by: String,
}

/// Nobody of the tenant is let in any more.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TenantDeleted {
    pub reason: String,
    pub by: String,
}

/// What said who its people were is gone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TenantErased {
    /// Personal values, e-mail addresses, passwords, sessions and tokens.
    pub rows: u64,
}

/// How far the end of a tenant is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Deletion {
    pub reason: String,
    pub by: String,
    pub at: Timestamp,
    /// When the personal values were gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub erased_at: Option<Timestamp>,
}

fn existing<'a>(state: Option<&'a Tenant>, policy: &PolicyAnswer) -> Result<&'a Tenant, Reject> {
    let tenant = state.ok_or_else(super::no_tenant)?;
    if tenant.name.is_platform() {
        return Err(Reject::new(Code::IllegalTransition, "the platform itself is no tenant: it stays"));
    }
    match &policy.refusal {
        Some(refusal) if tenant.deleted.is_none() => Err(refusal.clone()),
        _ => Ok(tenant),
    }
}

/// Asks that a tenant be deleted.
pub fn ask(state: Option<&Tenant>, policy: &PolicyAnswer, reason: &str, by: &str) -> Decided<TenantEvent, ()> {
    match existing(state, policy) {
        Err(reject) => Decided::reject(reject),
        Ok(tenant) if tenant.deleted.is_some() => {
            Decided::reject(Reject::new(Code::IllegalTransition, "this tenant is deleted already"))
        }
        Ok(_) => Decided::accept([DeletionAsked { reason: reason.into(), by: by.into() }.into()], ()),
    }
}

/// Ends every access; once.
pub fn delete(state: Option<&Tenant>, policy: &PolicyAnswer, reason: &str, by: &str) -> Decided<TenantEvent, ()> {
    match existing(state, policy) {
        Err(reject) => Decided::reject(reject),
        Ok(tenant) if tenant.deleted.is_some() => Decided::unchanged(()),
        Ok(_) => Decided::accept([TenantDeleted { reason: reason.into(), by: by.into() }.into()], ()),
    }
}

/// Writes down that the personal values are gone; once.
pub fn erased(state: Option<&Tenant>, rows: u64) -> Decided<TenantEvent, ()> {
    match state.and_then(|tenant| tenant.deleted.as_ref()) {
        Some(deletion) if deletion.erased_at.is_none() => Decided::accept([TenantErased { rows }.into()], ()),
        _ => Decided::unchanged(()),
    }
}

impl Tenant {
    pub(super) fn deleted(self, deleted: &TenantDeleted, at: Timestamp) -> Self {
        let (reason, by) = (deleted.reason.clone(), deleted.by.clone());
        Self { deleted: Some(Deletion { reason, by, at, erased_at: None }), ..self }
    }

    pub(super) fn erased(self, at: Timestamp) -> Self {
        let deleted = self.deleted.map(|deletion| Deletion { erased_at: Some(at), ..deletion });
        Self { deleted, ..self }
    }
}

#[cfg(test)]
mod tests {
    use kernel::Sector;
    use kernel::testing::{accepts, check, refuses, unchanged};

    use super::*;
    use crate::tenant::TenantCreated;

    fn made(name: &str) -> TenantEvent {
        let entitlements = ["trips".to_owned()].into();
        let sector = (name != "platform").then_some(Sector::Mining);
        TenantCreated { name: name.parse().unwrap(), sector, entitlements, simulated: true }.into()
    }

    fn answer(refusal: Option<Reject>) -> PolicyAnswer {
        PolicyAnswer { records: Vec::new(), refusal, constraints: policy::Constraints::default() }
    }

    #[test]
    fn a_tenant_is_deleted_once_where_policy_allows_it_and_the_platform_never() {
        let (allowed, denied) = (answer(None), answer(Some(Reject::new(Code::PolicyViolation, "vehicles"))));
        let with = |policy: &PolicyAnswer| {
            let policy = policy.clone();
            move |state: Option<&Tenant>| delete(state, &policy, "the lease ended", "prin_1")
        };
        let gone: TenantEvent = TenantDeleted { reason: "the lease ended".into(), by: "prin_1".into() }.into();
        check([], with(&allowed), refuses(Code::NotFound));
        check([made("pit")], with(&denied), refuses(Code::PolicyViolation));
        check([made("platform")], with(&allowed), refuses(Code::IllegalTransition));
        let after = check([made("pit")], with(&allowed), accepts([gone.clone()], ())).unwrap();
        assert_eq!(after.deleted.map(|deletion| (deletion.by, deletion.erased_at)), Some(("prin_1".into(), None)));
        // Done again after a crash, whatever policy says by then.
        check([made("pit"), gone.clone()], with(&denied), unchanged(()));
        let count = |state: Option<&Tenant>| erased(state, 7);
        let counted: TenantEvent = TenantErased { rows: 7 }.into();
        check([made("pit")], count, unchanged(()));
        check([made("pit"), gone.clone()], count, accepts([counted.clone()], ()));
        check([made("pit"), gone.clone(), counted], count, unchanged(()));
        check(
            [made("pit"), gone],
            |state: Option<&Tenant>| ask(state, &allowed, "again", "prin_1"),
            refuses(Code::IllegalTransition),
        );
    }
}

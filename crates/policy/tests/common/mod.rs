//! What the tests share: a context from plain values.
#![allow(dead_code, reason = "each test binary uses a part")]

use kernel::ctx::CtxSource;
use kernel::{Actor, ActorKind, Authentication, Clock, Ctx, Sector, Timestamp};
use policy::{Action, Bundle, BundleError, PolicyModule};

/// The time of every test.
pub const NOW: Timestamp = Timestamp::from_ms(1_795_489_212_000);

struct Fixed;
impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        NOW
    }
}
impl CtxSource for Fixed {
    fn entropy(&self) -> u128 {
        7
    }
}

/// A context of tenant `north` at the site `pit`, for an actor with a role.
pub fn ctx(sector: Option<Sector>, role: &str, authentication: Authentication) -> Ctx {
    let actor = Actor {
        kind: ActorKind::Principal,
        id: "prin_test".into(),
        role: role.into(),
        authentication,
        second_approver: None,
        rule: None,
    };
    let ctx = Ctx::new(&Fixed, "north".parse().unwrap(), actor).at_site("pit".parse().unwrap());
    match sector {
        Some(sector) => ctx.in_sector(sector),
        None => ctx,
    }
}

/// The domains that have rules.
pub const MODULES: [PolicyModule; 2] = [fleet::actions::POLICY, trips::actions::POLICY];

pub fn actions() -> impl Iterator<Item = Action> {
    MODULES.into_iter().flat_map(|module| module.actions).copied()
}

/// The sources of the shipped bundle.
pub fn sources() -> Vec<(&'static str, &'static str)> {
    policy::shipped_sources(&MODULES)
}

pub fn load<N: AsRef<str>, T: AsRef<str>>(sources: &[(N, T)]) -> Result<Bundle, BundleError> {
    Bundle::load(&actions().collect::<Vec<_>>(), sources)
}

pub fn shipped() -> Bundle {
    Bundle::shipped(&MODULES).unwrap()
}

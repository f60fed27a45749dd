//! Tenants and tokens over a store: what is made once, and whom a token stands for.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::ops::ControlFlow;
use std::sync::Arc;

use kernel::testing::HandClock;
use kernel::{Actor, Code, Ctx, Sector, TenantId};
use keys::Secret;
use pollster::block_on;
use proptest::prelude::*;
use store::conformance::PlainSigner;
use store::port::PAGE_LIMIT_MAX;
use store::{CommandError, Extras, MemoryStore, Store, execute};
use tenancy::{Authenticated, NewTenant, Principal, Role, Tenancy, principal};

struct World {
    store: Arc<dyn Store>,
    clock: Arc<HandClock>,
    tenancy: Tenancy,
}

fn world() -> World {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new(Arc::new(PlainSigner)));
    let clock = Arc::new(HandClock::default());
    World { tenancy: Tenancy::new(Arc::clone(&store), clock.clone()), store, clock }
}

impl World {
    fn create(&self, name: &str, sector: Sector) -> Result<Secret, CommandError> {
        let by = Ctx::new(&*self.clock, TenantId::platform(), Actor::automation("test"));
        let new = NewTenant { name: name.parse().unwrap(), sector, simulated: true };
        Ok(block_on(self.tenancy.create_tenant(&by, new))?.1)
    }

    fn who(&self, token: &str) -> Option<Authenticated> {
        block_on(self.tenancy.authenticate(token)).unwrap()
    }

    /// Folds each log and compares it with the rows.
    fn replay(&self) {
        for tenant in block_on(self.store.logs()).unwrap() {
            let entries = block_on(self.store.entries(&tenant, 0, PAGE_LIMIT_MAX)).unwrap();
            for mut fold in tenancy::DOMAIN.folds() {
                entries.iter().for_each(|entry| fold.take(&entry.envelope().unwrap()).unwrap());
                assert_eq!(
                    block_on(fold.compare(&*self.store, &tenant, &|_| ControlFlow::Continue(()))).unwrap(),
                    None
                );
            }
        }
    }
}

fn refusal<T>(result: Result<T, CommandError>) -> Code {
    match result.err() {
        Some(CommandError::Reject(reject)) => reject.code,
        other => panic!("expected a refusal, found {other:?}"),
    }
}

#[test]
fn the_platform_is_made_at_the_first_start_alone() {
    let world = world();
    let token = block_on(world.tenancy.ensure_platform()).unwrap().unwrap();
    assert!(block_on(world.tenancy.ensure_platform()).unwrap().is_none());
    let who = world.who(token.expose()).unwrap();
    assert_eq!((who.tenant, who.role, who.sector), (TenantId::platform(), Role::Administrator, None));
    assert_eq!(block_on(world.tenancy.tenants()).unwrap(), [], "the platform is no tenant that one lists");
    world.replay();
}

#[test]
fn a_tenant_is_made_once_and_its_administrator_with_it() {
    let world = world();
    let token = world.create("north-pit", Sector::Mining).unwrap();
    let who = world.who(token.expose()).unwrap();
    assert_eq!((who.tenant.as_str(), who.role, who.sector), ("north-pit", Role::Administrator, Some(Sector::Mining)));
    assert!(who.simulated && who.entitlements.contains("trips"));
    for taken in ["north-pit", "platform"] {
        assert_eq!(refusal(world.create(taken, Sector::Defense)), Code::Conflict);
    }
    world.create("east-port", Sector::Logistics).unwrap();
    let names: Vec<String> =
        block_on(world.tenancy.tenants()).unwrap().iter().map(|tenant| tenant.name.to_string()).collect();
    assert_eq!(names, ["east-port", "north-pit"]);
    assert_eq!(world.who(token.expose()), Some(who), "a refused second creation changes nothing");
    world.replay();
}

#[test]
fn a_token_is_worth_nothing_elsewhere_or_after_the_end_of_access() {
    let world = world();
    let token = world.create("north-pit", Sector::Mining).unwrap();
    world.create("east-port", Sector::Logistics).unwrap();
    let text = token.expose();
    let wrong = [
        text.replace("north-pit", "east-port"),
        text.replace("amt_", "ams_"),
        text.replace("amt_", ""),
        format!("{text}x"),
        text[..text.len() - 1].to_owned(),
        "amt_north-pit_".to_owned(),
        "amt_nobody_secret".to_owned(),
        String::new(),
    ];
    for presented in wrong {
        assert_eq!(world.who(&presented), None, "{presented}");
    }
    let who = world.who(text).unwrap();
    let ctx = Ctx::new(&*world.clock, who.tenant, Actor::automation("test"));
    block_on(execute::<Principal, (), (), _, _, _>(
        &*world.store,
        &ctx,
        &who.principal,
        Extras::default(),
        |_| async { Ok(()) },
        |state, ()| principal::revoke(state, false, "left"),
    ))
    .unwrap();
    assert_eq!(world.who(text), None);
    world.replay();
}

#[test]
fn neither_a_token_nor_its_digest_is_in_the_journal() {
    let world = world();
    let token = world.create("north-pit", Sector::Mining).unwrap();
    let digest = journal::Hash::of_bytes(token.expose().as_bytes()).to_string();
    let secret = token.expose().rsplit('_').next().unwrap();
    let entries = block_on(world.store.entries(&"north-pit".parse().unwrap(), 0, PAGE_LIMIT_MAX)).unwrap();
    assert_eq!(entries.len(), 4);
    for entry in entries {
        assert!(!entry.envelope_json.contains(secret) && !entry.envelope_json.contains(&digest));
    }
}

proptest! {
    #[test]
    fn whatever_is_presented_is_nobody_or_refused_in_peace(text in "(amt)?_?[a-z_-]{0,9}_?\\PC{0,40}") {
        prop_assert_eq!(world().who(&text), None);
    }
}

//! The context of one command: for whom, by whom, why, when, and with which ids. Taken once at the edge; a value from
//! then on, so that the same command in the same context always gives the same result.

use std::sync::atomic::{AtomicU64, Ordering};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::envelope::{Known, OccurredAt};
use crate::id::{EventId, IncidentId, TypedId, uuid_v7};
use crate::role;
use crate::sector::Sector;
use crate::text::{SiteId, TenantId};
use crate::time::{Clock, Timestamp};

/// What kind of thing acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ActorKind {
    /// A person, or a program with a person's token.
    Principal,
    /// A vehicle's agent.
    Vehicle,
    /// The product itself, by a named rule.
    Automation,
}

/// How the actor proved who it is, weakest last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Authentication {
    /// A certificate over mutual TLS.
    Certificate,
    /// A bearer token.
    Token,
    /// A session that began with a password.
    Session,
    /// A vehicle's secret over TLS, as long as there were no certificates.
    VehicleSecret,
    /// The process itself; nothing was presented.
    Internal,
    /// Somebody with access to the data folder, at the command line.
    LocalOperator,
}

/// Who acts, in the role held at that moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("additionalProperties" = true))]
pub struct Actor {
    /// The kind of actor.
    pub kind: ActorKind,
    /// Its id: a principal's, a vehicle's, or the name of the automation.
    pub id: String,
    /// The role at that moment, e.g. `administrator`, `dispatcher`, `vehicle`.
    pub role: String,
    /// How it proved who it is.
    pub authentication: Authentication,
    /// The second person, where two were needed.
    pub second_approver: Option<String>,
    /// For automation: the rule that acted.
    pub rule: Option<String>,
}

impl Actor {
    /// The product itself, acting by a named rule, e.g. `dispatch.batch`.
    pub fn automation(rule: &str) -> Self {
        Self {
            kind: ActorKind::Automation,
            id: "atlasmesh".into(),
            role: role::AUTOMATION.into(),
            authentication: Authentication::Internal,
            second_approver: None,
            rule: Some(rule.into()),
        }
    }

    /// A vehicle's agent that presented the vehicle's secret.
    pub fn vehicle(id: crate::VehicleId) -> Self {
        Self {
            kind: ActorKind::Vehicle,
            id: id.to_string(),
            role: role::VEHICLE.into(),
            authentication: Authentication::Certificate,
            second_approver: None,
            rule: None,
        }
    }

    /// A person who signed in.
    pub fn person(id: crate::id::PrincipalId, role: &str) -> Self {
        Self { authentication: Authentication::Session, ..Self::principal(id, role) }
    }

    /// A principal that presented its token.
    pub fn principal(id: crate::id::PrincipalId, role: &str) -> Self {
        Self {
            kind: ActorKind::Principal,
            id: id.to_string(),
            role: role.into(),
            authentication: Authentication::Token,
            second_approver: None,
            rule: None,
        }
    }
}

/// Where contexts come from: the edge's clock and entropy. A simulation gives both from a seed.
pub trait CtxSource: Clock {
    /// 128 unpredictable bits.
    fn entropy(&self) -> u128;
}

/// Ids derived from one seed: the first, second, … id of a command are always the same.
#[derive(Debug)]
pub struct IdGenerator {
    seed: u128,
    made: AtomicU64,
}

impl IdGenerator {
    /// A generator whose ids follow from `seed`.
    pub fn new(seed: u128) -> Self {
        Self { seed, made: AtomicU64::new(0) }
    }

    fn next(&self) -> u128 {
        let n = self.made.fetch_add(1, Ordering::Relaxed);
        let high = mix((self.seed >> 64) as u64 ^ mix(n));
        let low = mix(self.seed as u64 ^ mix(n.wrapping_add(0x9e37_79b9_7f4a_7c15)) ^ high);
        (u128::from(high) << 64) | u128::from(low)
    }
}

/// The finalizer of SplitMix64: a bijection that spreads every input bit.
fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Everything a command needs to know about its surroundings.
#[derive(Debug)]
pub struct Ctx {
    /// Whose command this is.
    pub tenant: TenantId,
    /// At which site.
    pub site: Known<SiteId>,
    /// The tenant's sector.
    pub sector: Known<Sector>,
    /// Who acts.
    pub actor: Actor,
    /// The event that this command follows from.
    pub caused_by: Option<EventId>,
    /// The incident that it belongs to.
    pub incident_id: Option<IncidentId>,
    /// The time, taken once.
    pub now: Timestamp,
    /// When the thing itself happened and by whose clock, if not now by ours.
    pub occurred: Option<OccurredAt>,
    /// Whether the tenant's vehicles are simulated (SAFE-15).
    pub simulated: bool,
    /// The version that the aggregate must have, where the client named the one that it saw.
    pub if_version: Option<u64>,
    /// Ids for what the command creates.
    pub ids: IdGenerator,
}

/// What every context of a tenant says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct About {
    /// Its sector; the platform has none.
    pub sector: Option<Sector>,
    /// Whether its vehicles are simulated (SAFE-15).
    pub simulated: bool,
}

impl Ctx {
    /// The context of something that the product does by itself for a tenant, by a named rule.
    pub fn automation(source: &dyn CtxSource, tenant: TenantId, about: About, rule: &str) -> Self {
        Self::new(source, tenant, Actor::automation(rule)).of(about)
    }

    /// The same context, of a tenant like this.
    pub fn of(mut self, about: About) -> Self {
        if let Some(sector) = about.sector {
            self.sector = Known::Known(sector);
        }
        self.simulated = about.simulated;
        self
    }

    /// A context for `actor` of `tenant`, with time and ids from `source`; site and sector are not known yet.
    pub fn new(source: &dyn CtxSource, tenant: TenantId, actor: Actor) -> Self {
        Self {
            tenant,
            site: Known::unknown("not bound to a site"),
            sector: Known::unknown("not bound to a sector"),
            actor,
            caused_by: None,
            incident_id: None,
            now: source.now(),
            occurred: None,
            simulated: false,
            if_version: None,
            ids: IdGenerator::new(source.entropy()),
        }
    }

    /// The same context at a site.
    pub fn at_site(mut self, site: SiteId) -> Self {
        self.site = Known::Known(site);
        self
    }

    /// The same context in a sector.
    pub fn in_sector(mut self, sector: Sector) -> Self {
        self.sector = Known::Known(sector);
        self
    }

    /// The same context as the consequence of an event.
    pub fn caused_by(mut self, event: EventId) -> Self {
        self.caused_by = Some(event);
        self
    }

    /// The same context for something that happened at another time or by another clock.
    pub fn occurred(mut self, occurred: OccurredAt) -> Self {
        self.occurred = Some(occurred);
        self
    }

    /// The same context for a command that an aggregate of another version refuses.
    pub fn if_version(mut self, version: Option<u64>) -> Self {
        self.if_version = version;
        self
    }

    /// A fresh id.
    pub fn new_id<T: TypedId>(&self) -> T {
        let unix_ms = u64::try_from(self.now.as_ms()).unwrap_or(0);
        T::from_u128(uuid_v7(unix_ms, self.ids.next()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::TripId;

    struct Fixed;
    impl Clock for Fixed {
        fn now(&self) -> Timestamp {
            Timestamp::from_ms(1_795_489_212_000)
        }
    }
    impl CtxSource for Fixed {
        fn entropy(&self) -> u128 {
            42
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_ids_and_no_id_twice() {
        let ctx = || Ctx::new(&Fixed, TenantId::platform(), Actor::automation("test"));
        let (a, b) = (ctx(), ctx());
        let from = |ctx: &Ctx| (0..1_000).map(|_| ctx.new_id::<TripId>()).collect::<Vec<_>>();
        let (first, second) = (from(&a), from(&b));
        assert_eq!(first, second);
        assert_eq!(first.iter().collect::<std::collections::BTreeSet<_>>().len(), 1_000);
    }
}

//! Zones, closures and speed limits on their way to vehicles (SAFE-9). A vehicle is sent the whole of its site in one command,
//! and only the newest: when a site changes every session looks, and a vehicle that was away looks when it comes back. What
//! each vehicle was sent and what it confirmed is an observation, so that who closes a road sees on which vehicles that holds
//! and who has not confirmed it.

use std::collections::{BTreeMap, BTreeSet};

use api_types::sites::{InForce, WaitingVehicle};
use commands::StoredCommand;
use fleet::site::ClosureClass;
use fleet::vehicle::Status;
use fleet::{KnownVehicle, Site};
use kernel::{CommandId, SiteId, TenantId, Timestamp, VehicleId};
use link::v1::{self, command::Body};
use link::{RuleClass, RuleKind, SiteRule, SiteRules};
use serde::{Deserialize, Serialize};
use store::port::{CommitError, Fault, Store};
use store::{Expected, Loaded, RowBody, RowWrite, TableSpec};

use super::backend::Known;
use crate::Gateway;

/// Which zones, closures and speed limits each vehicle was sent and confirmed, by vehicle.
pub const VEHICLE_RULES: TableSpec = TableSpec::observations("vehicle_rules", &[]);

/// How often a change of one vehicle's row is tried against another at the same moment.
const ATTEMPTS_MAX: usize = 8;

/// The most vehicles that are named as not having confirmed a rule: more than anybody calls one by one.
const WAITING_NAMED_MAX: usize = 100;

/// Rules of a site as a vehicle was sent them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct SentRules {
    revision: u64,
    /// What each rule says, by [`said_by`].
    rules: BTreeSet<String>,
}

/// What is known of one vehicle.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct VehicleRules {
    /// What the vehicle says that it keeps.
    confirmed: SentRules,
    /// The command on its way to it, and what that says.
    offered: Option<(CommandId, SentRules)>,
    /// The newest command, on its way or arrived: no older one is kept.
    newest: Option<CommandId>,
}

impl VehicleRules {
    /// What a vehicle that comes back says that it keeps: it may have lost it, or its answer got lost.
    fn acknowledge(&mut self, revision: u64) {
        if self.confirmed.revision == revision {
            return;
        }
        let offered = self.offered.as_ref().filter(|(_, sent)| sent.revision == revision);
        self.confirmed = offered.map(|(_, sent)| sent.clone()).unwrap_or_default();
    }

    fn confirm(&mut self, command: CommandId) {
        if let Some((_, sent)) = self.offered.take_if(|(offered, _)| *offered == command) {
            self.confirmed = sent;
        }
    }

    /// Whether the vehicle keeps other rules than these, and these are not on their way to it.
    fn lacks(&self, rules: &BTreeSet<String>) -> bool {
        let newest = self.offered.as_ref().map_or(&self.confirmed, |(_, sent)| sent);
        newest.rules != *rules
    }
}

/// What holds at a site from now on, as a vehicle is sent it. `of_places` are the speed limits of the sector in force.
fn rules_of(id: &SiteId, site: &Loaded<Site>, of_places: &BTreeMap<String, f64>, now: Timestamp) -> SiteRules {
    let lasting = site.state.restrictions.iter().filter(|(_, restriction)| !restriction.is_over(now));
    let rules = lasting.filter_map(|(id, restriction)| {
        let kind = match (restriction.class(), restriction.max_speed_mps(of_places)) {
            (Some(ClosureClass::NoEntry), _) => RuleKind::Closed(RuleClass::NoEntry),
            (Some(ClosureClass::Stop), _) => RuleKind::Closed(RuleClass::Stop),
            (Some(ClosureClass::Evacuate), _) => RuleKind::Closed(RuleClass::Evacuate),
            (None, max_speed_mps) => RuleKind::SpeedLimit(max_speed_mps?),
        };
        Some(SiteRule {
            id: id.parse().ok()?,
            kind,
            from: restriction.from().unwrap_or(Timestamp::from_us(0)),
            until: restriction.until(),
            area: restriction.polygon().to_vec(),
        })
    });
    SiteRules { site_id: id.to_string(), revision: site.version, rules: rules.collect() }
}

/// What a rule says: a zone or closure never changes, so that its id is enough; a speed limit changes with the sector.
fn said_by(rule: &SiteRule) -> String {
    match rule.kind {
        RuleKind::Closed(_) => rule.id.to_string(),
        RuleKind::SpeedLimit(max_speed_mps) => format!("{} {max_speed_mps}", rule.id),
    }
}

impl Gateway {
    /// Writes the command that tells a vehicle what holds at its site, unless it keeps that already or the command is on its
    /// way. `keeps` is the revision that it says it keeps, where it just said so; `protocol_version` says what it can keep.
    pub(super) async fn offer_rules(
        &self,
        vehicle: &Known,
        keeps: Option<u64>,
        protocol_version: u32,
    ) -> Result<(), Fault> {
        let Some(site) = self.fleet.site_version(&vehicle.tenant, &vehicle.site).await? else { return Ok(()) };
        let ctx = vehicle.ctx(self);
        let mut rules = self.site_rules(&vehicle.tenant, &vehicle.site, &site, ctx.now).await?;
        if protocol_version < link::SPEED_LIMITS_SINCE {
            // It would confirm what it passes over.
            rules.rules.retain(|rule| matches!(rule.kind, RuleKind::Closed(_)));
        }
        let sent = SentRules { revision: rules.revision, rules: rules.rules.iter().map(said_by).collect() };
        change(&*self.store, &vehicle.tenant, vehicle.id, |known| {
            keeps.into_iter().for_each(|revision| known.acknowledge(revision));
            if !known.lacks(&sent.rules) {
                return Ok(Vec::new());
            }
            let id: CommandId = ctx.new_id();
            let body = Body::SiteRules(v1::SiteRules::from(&rules));
            let command = StoredCommand::new(id, vehicle.id, "site_rules", 0, ctx.now, body);
            // Only the newest counts: what has not arrived until now need not arrive any more.
            known.offered = Some((id, sent.clone()));
            let older = known.newest.replace(id).map(|older| commands::forget(vehicle.id, older));
            Ok(older.into_iter().chain([command.insert(id)?]).collect())
        })
        .await
    }

    async fn site_rules(
        &self,
        tenant: &TenantId,
        id: &SiteId,
        site: &Loaded<Site>,
        now: Timestamp,
    ) -> Result<SiteRules, Fault> {
        let of_places = match site.state.has_speed_limits() {
            true => self.sectors.speed_limits(tenant).await?,
            false => BTreeMap::new(),
        };
        Ok(rules_of(id, site, &of_places, now))
    }

    /// Notes that a vehicle keeps what a command sent it, if that was the command.
    pub(super) async fn rules_confirmed(&self, vehicle: &Known, command: CommandId) -> Result<(), Fault> {
        change(&*self.store, &vehicle.tenant, vehicle.id, |known| {
            known.confirm(command);
            Ok(Vec::new())
        })
        .await
    }

    /// On which vehicles of a site each of its zones, closures and speed limits holds. Vehicles count that are connected,
    /// or may drive although they are not.
    pub async fn in_force(&self, tenant: &TenantId, id: &SiteId, site: &Loaded<Site>) -> Result<KeptRules, Fault> {
        let rules = self.site_rules(tenant, id, site, self.source.now()).await?;
        let vehicles = self.fleet.vehicles_of(tenant, id).await?;
        let counts = |known: &KnownVehicle| known.vehicle.status == Status::Online || known.vehicle.claim.is_some();
        let mut kept = Vec::new();
        for known in vehicles.into_iter().filter(counts) {
            let row = self.store.get(VEHICLE_RULES, tenant, &known.id.to_string()).await?;
            let rules: VehicleRules = row.map(|row| row.decode()).transpose()?.unwrap_or_default();
            kept.push((known.id, known.vehicle.profile.name, rules.confirmed.rules));
        }
        let rules = rules.rules.into_iter().map(|rule| (rule.id.to_string(), rule)).collect();
        Ok(KeptRules { rules, kept })
    }
}

/// What the vehicles of a site keep.
pub struct KeptRules {
    /// What they are to keep, by id.
    rules: BTreeMap<String, SiteRule>,
    /// Each vehicle: id, name, what it keeps.
    kept: Vec<(VehicleId, String, BTreeSet<String>)>,
}

impl KeptRules {
    /// On how many of them a rule holds, and who has not confirmed it.
    pub fn of(&self, id: &str) -> InForce {
        let rule = self.rules.get(id);
        let said = rule.map_or_else(|| id.to_owned(), said_by);
        let waiting: Vec<_> = self.kept.iter().filter(|(_, _, rules)| !rules.contains(&said)).collect();
        let named = waiting.iter().take(WAITING_NAMED_MAX);
        InForce {
            on: self.kept.len() - waiting.len(),
            of: self.kept.len(),
            max_speed_mps: rule.and_then(|rule| match rule.kind {
                RuleKind::SpeedLimit(max_speed_mps) => Some(max_speed_mps),
                RuleKind::Closed(_) => None,
            }),
            waiting: named.map(|(id, name, _)| WaitingVehicle { id: *id, name: name.clone() }).collect(),
        }
    }
}

/// Changes a vehicle's row together with the rows that `change` answers; nothing is written where nothing changes.
async fn change(
    store: &dyn Store,
    tenant: &TenantId,
    vehicle: VehicleId,
    mut change: impl FnMut(&mut VehicleRules) -> Result<Vec<RowWrite>, Fault> + Send,
) -> Result<(), Fault> {
    for _ in 0..ATTEMPTS_MAX {
        let row = store.get(VEHICLE_RULES, tenant, &vehicle.to_string()).await?;
        let before: VehicleRules = row.as_ref().map(|row| row.decode()).transpose()?.unwrap_or_default();
        let mut after = before.clone();
        let mut rows = change(&mut after)?;
        if after == before {
            return Ok(());
        }
        let expected = row.map_or(Expected::Absent, |row| Expected::Version(row.version));
        rows.push(RowWrite::put(VEHICLE_RULES, vehicle.to_string(), expected, RowBody::new(&after, Vec::new())?));
        match store.write(tenant, rows).await {
            Ok(()) => return Ok(()),
            Err(CommitError::Conflict { .. } | CommitError::Fenced(_)) => {}
            Err(CommitError::Fault(fault)) => return Err(fault),
        }
    }
    Err(Fault::Overloaded)
}

#[cfg(test)]
mod tests {
    use kernel::id::{RestrictionId, TypedId};

    use super::*;

    fn rules(ids: &[&str]) -> BTreeSet<String> {
        ids.iter().map(|&id| id.to_owned()).collect()
    }

    fn sent(revision: u64, ids: &[&str]) -> SentRules {
        SentRules { revision, rules: rules(ids) }
    }

    fn command(n: u128) -> CommandId {
        CommandId::from_u128(n)
    }

    #[test]
    fn a_vehicle_is_told_what_it_lacks_once() {
        let mut known = VehicleRules::default();
        assert!(!known.lacks(&rules(&[])), "who keeps nothing need not be sent of nothing");
        assert!(known.lacks(&rules(&["a"])));
        known.offered = Some((command(1), sent(3, &["a"])));
        assert!(!known.lacks(&rules(&["a"])), "it is on its way");
        assert!(known.lacks(&rules(&["a", "b"])), "what is on its way is not the newest");
        known.confirm(command(2));
        assert_eq!(known.confirmed, SentRules::default(), "that was another command");
        known.confirm(command(1));
        assert_eq!((&known.confirmed, &known.offered), (&sent(3, &["a"]), &None));
        assert!(known.lacks(&rules(&[])), "what is lifted must be sent too");
    }

    #[test]
    fn what_a_vehicle_says_that_it_keeps_counts() {
        let offered = Some((command(1), sent(5, &["b"])));
        let known = VehicleRules { confirmed: sent(3, &["a"]), offered, newest: None };
        let after = |revision| {
            let mut known = known.clone();
            known.acknowledge(revision);
            known.confirmed
        };
        assert_eq!(after(3), sent(3, &["a"]));
        assert_eq!(after(5), sent(5, &["b"]), "its answer got lost");
        assert_eq!((after(0), after(9)), (SentRules::default(), SentRules::default()), "it lost its storage");
    }

    #[test]
    fn who_has_not_confirmed_is_named() {
        let vehicle = |n: u128, ids: &[&str]| (VehicleId::from_u128(n), format!("car-{n}"), rules(ids));
        let slow = SiteRule {
            id: RestrictionId::from_u128(1),
            kind: RuleKind::SpeedLimit(5.0),
            from: Timestamp::from_us(0),
            until: None,
            area: Vec::new(),
        };
        let (id, now) = (slow.id.to_string(), said_by(&slow));
        let before = said_by(&SiteRule { kind: RuleKind::SpeedLimit(8.0), ..slow.clone() });
        let kept = |kept: Vec<_>| KeptRules { rules: BTreeMap::from([(id.clone(), slow.clone())]), kept };
        let few = kept(vec![vehicle(1, &["a", &now]), vehicle(2, &[&before]), vehicle(3, &[])]);
        let limit = few.of(&id);
        assert_eq!((limit.on, limit.max_speed_mps), (1, Some(5.0)), "one that was changed since does not count");
        let sent = few.of("a");
        assert_eq!((sent.on, sent.of), (1, 3));
        let names: Vec<&str> = sent.waiting.iter().map(|vehicle| vehicle.name.as_str()).collect();
        assert_eq!(names, ["car-2", "car-3"]);
        let many = kept((0..200).map(|n| vehicle(n, &[])).collect());
        let sent = many.of("a");
        assert_eq!((sent.on, sent.of), (0, 200));
        assert_eq!(sent.waiting.len(), WAITING_NAMED_MAX);
    }
}

//! What the server knows before it decides: who a subject is, and the things that are asked about. What another tenant has is
//! not found, like what nobody has.

use std::collections::{BTreeMap, BTreeSet};

use authzen::{Candidates, EVALUATIONS_MAX, Entity, Evaluation, Search, Wanted};
use identity::UserStatus;
use kernel::ctx::{ActorKind, Authentication};
use kernel::id::PrincipalId;
use kernel::{Actor, Role, SiteId, TenantId, TripId, VehicleId, role};
use store::ListQuery;
use trips::TripFilter;

use super::facts::{self, Thing};
use crate::Gateway;
use crate::http::auth::Caller;
use crate::http::problem::Problem;

/// A subject who is somebody of the tenant.
pub const PRINCIPAL: &str = "principal";
/// A subject who is anybody with a role.
pub const ROLE: &str = "role";

/// What was read for one request.
#[derive(Debug, Default)]
pub struct Known {
    /// By the principal's id: as whom they may act, one for each role.
    pub people: BTreeMap<String, Vec<Actor>>,
    /// By kind and id.
    pub things: BTreeMap<(String, String), Thing>,
    /// What a search looks at; those of actions follow from the vocabulary.
    pub candidates: Candidates,
}

/// As whom anybody with a role acts; `None` for a role that nobody has.
pub fn anybody(named: &str) -> Option<Actor> {
    let name = role::names().find(|name| *name == named)?;
    let (kind, authentication) = match name {
        role::VEHICLE => (ActorKind::Vehicle, Authentication::Certificate),
        role::AUTOMATION => (ActorKind::Automation, Authentication::Internal),
        _ => (ActorKind::Principal, Authentication::Token),
    };
    let id = format!("role:{name}");
    Some(Actor { kind, id, role: name.into(), authentication, second_approver: None, rule: None })
}

fn named(entity: &Entity) -> (String, String) {
    (entity.kind.clone(), entity.id.clone())
}

impl Gateway {
    /// What is known of the subjects and resources of evaluations.
    pub async fn known_of<'e>(
        &self,
        caller: &Caller,
        evaluations: impl IntoIterator<Item = &'e Evaluation>,
    ) -> Result<Known, Problem> {
        let (mut people, mut things) = (BTreeSet::new(), BTreeSet::new());
        for Evaluation { subject, resource, .. } in evaluations {
            people.extend((subject.kind == PRINCIPAL).then(|| subject.id.clone()));
            things.insert(named(resource));
        }
        let mut known = Known::default();
        for id in people {
            let actors = self.actors_of(&caller.authenticated.tenant, &id).await?;
            known.people.insert(id, actors);
        }
        for (kind, id) in things {
            if let Some(thing) = self.thing(caller, &kind, &id).await? {
                known.things.insert((kind, id), thing);
            }
        }
        Ok(known)
    }

    /// What is known of a search's inputs and of its candidates.
    pub async fn known_to_search(&self, caller: &Caller, search: &Search) -> Result<Known, Problem> {
        let mut known = self.known_of(caller, [&search.evaluation("")]).await?;
        match &search.wanted {
            Wanted::Subjects { like, .. } if like.kind == PRINCIPAL => {
                self.all_people(&caller.authenticated.tenant, search.after(), &mut known).await?;
            }
            Wanted::Subjects { like, .. } if like.kind == ROLE => {
                let roles = role::names().map(str::to_owned).collect::<BTreeSet<_>>();
                let names =
                    roles.into_iter().filter(|role| search.after().is_none_or(|after| **role > *after)).collect();
                known.candidates = Candidates { names, more: false };
            }
            Wanted::Resources { like, .. } => {
                let found = self.all_things(caller, &like.kind, search.after()).await?;
                let more = found.len() >= EVALUATIONS_MAX;
                known.candidates = Candidates { names: found.iter().map(|(id, _)| id.clone()).collect(), more };
                known.things.extend(found.into_iter().map(|(id, thing)| ((like.kind.clone(), id), thing)));
            }
            Wanted::Subjects { .. } | Wanted::Actions { .. } => {}
        }
        Ok(known)
    }

    /// As whom a principal of the tenant may act now: a program in its role, a person in each of theirs.
    async fn actors_of(&self, tenant: &TenantId, id: &str) -> Result<Vec<Actor>, Problem> {
        let Ok(id) = id.parse::<PrincipalId>() else { return Ok(Vec::new()) };
        if let Some(program) = self.tenancy.principal(tenant, id).await? {
            return Ok(self.as_program(id, &program));
        }
        Ok(self.people.user(tenant, id).await?.map(|profile| as_person(id, &profile.user)).unwrap_or_default())
    }

    fn as_program(&self, id: PrincipalId, program: &tenancy::Principal) -> Vec<Actor> {
        let is_active = program.is_active(self.source.now());
        is_active.then(|| Actor::principal(id, program.role.as_str())).into_iter().collect()
    }

    /// Programs and people behind an id, in the order of their ids.
    async fn all_people(&self, tenant: &TenantId, after: Option<&str>, known: &mut Known) -> Result<(), Problem> {
        let query = || ListQuery { after: after.map(str::to_owned), limit: EVALUATIONS_MAX, ..ListQuery::all() };
        let programs = self.tenancy.principals(tenant, query()).await?;
        let people = self.people.users(tenant, query()).await?;
        let mut more = programs.len() >= EVALUATIONS_MAX || people.len() >= EVALUATIONS_MAX;
        let mut all: BTreeMap<String, Vec<Actor>> = BTreeMap::new();
        for (id, program) in &programs {
            all.insert(id.to_string(), self.as_program(*id, program));
        }
        for profile in &people {
            all.insert(profile.id.to_string(), as_person(profile.id, &profile.user));
        }
        more |= all.len() > EVALUATIONS_MAX;
        known.candidates = Candidates { names: all.keys().take(EVALUATIONS_MAX).cloned().collect(), more };
        known.people.extend(all);
        Ok(())
    }

    /// A thing of the tenant of which facts are known.
    async fn thing(&self, caller: &Caller, kind: &str, id: &str) -> Result<Option<Thing>, Problem> {
        let (tenant, now) = (&caller.authenticated.tenant, self.source.now());
        Ok(match kind {
            "vehicle" => {
                let Ok(id) = id.parse::<VehicleId>() else { return Ok(None) };
                self.fleet.vehicle(tenant, id).await?.map(|known| facts::of_vehicle(&known, now))
            }
            "trip" => {
                let Ok(id) = id.parse::<TripId>() else { return Ok(None) };
                match self.trips.get(tenant, id).await? {
                    Some(trip) => Some(self.of_trip(tenant, &trip).await?),
                    None => None,
                }
            }
            "site" => {
                let Ok(id) = id.parse::<SiteId>() else { return Ok(None) };
                match self.fleet.site(tenant, &id).await? {
                    Some(_) => Some(self.of_site(tenant, &id).await?),
                    None => None,
                }
            }
            _ => None,
        })
    }

    async fn of_trip(&self, tenant: &TenantId, trip: &trips::Trip) -> Result<Thing, Problem> {
        let vehicle = match trip.vehicle() {
            Some(vehicle) => self.fleet.vehicle(tenant, vehicle).await?,
            None => None,
        };
        Ok(facts::of_trip(trip, vehicle.as_ref(), self.source.now()))
    }

    async fn of_site(&self, tenant: &TenantId, id: &SiteId) -> Result<Thing, Problem> {
        Ok(facts::of_site(id, self.trips.open_at(tenant, id).await?, self.source.now()))
    }

    /// The things of a kind behind an id, in the order in which lists have them: trips are the newest first.
    async fn all_things(
        &self,
        caller: &Caller,
        kind: &str,
        after: Option<&str>,
    ) -> Result<Vec<(String, Thing)>, Problem> {
        let (tenant, now) = (&caller.authenticated.tenant, self.source.now());
        let query = || ListQuery { after: after.map(str::to_owned), limit: EVALUATIONS_MAX, ..ListQuery::all() };
        let mut found = Vec::new();
        match kind {
            "vehicle" => {
                let vehicles = self.fleet.vehicles(tenant, query()).await?;
                found.extend(vehicles.iter().map(|known| (known.id.to_string(), facts::of_vehicle(known, now))));
            }
            "trip" => {
                let after = after.and_then(|after| after.parse().ok());
                for trip in self.trips.list(tenant, &TripFilter::default(), after, EVALUATIONS_MAX).await? {
                    found.push((trip.id.to_string(), self.of_trip(tenant, &trip).await?));
                }
            }
            "site" => {
                for (id, _) in self.fleet.sites(tenant, query()).await? {
                    found.push((id.to_string(), self.of_site(tenant, &id).await?));
                }
            }
            _ => {}
        }
        Ok(found)
    }
}

fn as_person(id: PrincipalId, user: &identity::User) -> Vec<Actor> {
    let roles = user.roles.iter().filter(|_| user.status == UserStatus::Active);
    roles.map(|role: &Role| Actor::person(id, role.as_str())).collect()
}

//! The service: every way in which a trip is asked for, changed or read, over the store and the ports.

pub mod assist;
mod changes;
mod commands;
pub mod drive;
pub(crate) mod due;
mod preview;
mod reading;
pub mod reports;
mod request;
mod reroute;
mod resume;
pub mod routes;
pub(crate) mod standing;
pub mod story;
pub(crate) mod subscribers;
pub(crate) mod ways;

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kernel::ctx::About;
use kernel::decided::Facts;
use kernel::envelope::DecisionRecord;
use kernel::{Code, Ctx, CtxSource, DecisionId, Known, Reject, SiteId, TenantId, TripId};
use store::{CommandError, Extras, Outcome, Store};

use crate::compliance::Monitors;
use crate::dispatch::batch::Watch;
use crate::ports::{Fleet, Listener, Positions, Routing, TenantFacts, Tenants};
use crate::trip::{Command, Done, Trip, decide};

pub use self::commands::cancel_body;
pub use assist::{AnswerWish, Snapshot, Which};
pub use drive::Drive;
pub use preview::RoutePreview;
pub use reading::TripFilter;
pub use reports::Progress;
pub use routes::{Leg, RouteVersion};
pub use story::{History, HistoryItem, Story, StoryStep};

/// The neighbours of trips.
#[derive(Clone)]
pub struct Ports {
    /// Who the tenants are.
    pub tenants: Arc<dyn Tenants>,
    /// Vehicles and sites.
    pub fleet: Arc<dyn Fleet>,
    /// Ways.
    pub routing: Arc<dyn Routing>,
    /// Where vehicles are.
    pub positions: Arc<dyn Positions>,
    /// Whether vehicles can be heard.
    pub listener: Arc<dyn Listener>,
}

/// What an operator may choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// How long a claim is valid without renewal, in seconds.
    pub claim_valid_for_s: u64,
}

/// Trips and dispatch.
pub struct Trips {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) policy: Arc<policy::Engine>,
    pub(crate) ports: Ports,
    pub(crate) source: Arc<dyn CtxSource>,
    pub(crate) settings: Settings,
    watches: Mutex<BTreeMap<TenantId, Watch>>,
    monitors: Mutex<Monitors>,
}

impl std::fmt::Debug for Trips {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Trips").finish_non_exhaustive()
    }
}

/// A command with the facts that were gathered for it.
pub(crate) struct Gathered<W = Box<Command>> {
    pub(crate) what: W,
    pub(crate) decisions: Vec<DecisionRecord>,
    /// The decision that what follows rests on, where there are several.
    pub(crate) deciding: Option<DecisionId>,
}

impl Gathered {
    pub(crate) fn new(command: Command, decisions: Vec<DecisionRecord>) -> Self {
        let deciding = match &command {
            Command::Assign(new) => Some(new.decision),
            _ => None,
        };
        Self { deciding, ..Self::of(Box::new(command), decisions) }
    }
}

impl<W> Gathered<W> {
    pub(crate) fn of(what: W, decisions: impl Into<Vec<DecisionRecord>>) -> Self {
        Self { what, decisions: decisions.into(), deciding: None }
    }
}

impl<W: Send + Sync> Facts for Gathered<W> {
    fn decisions(&self) -> &[DecisionRecord] {
        &self.decisions
    }

    fn deciding(&self) -> Option<&DecisionRecord> {
        match (self.deciding, self.decisions.as_slice()) {
            (Some(id), decisions) => decisions.iter().find(|decision| decision.id == id),
            (None, [only]) => Some(only),
            (None, _) => None,
        }
    }
}

impl Trips {
    /// The service over a store, a policy engine and its neighbours. `source` gives time and ids to what the product
    /// does by itself.
    pub fn new(
        store: Arc<dyn Store>,
        policy: Arc<policy::Engine>,
        ports: Ports,
        source: Arc<dyn CtxSource>,
        settings: Settings,
    ) -> Self {
        let (watches, monitors) = Default::default();
        Self { store, policy, ports, source, settings, watches, monitors }
    }

    pub(crate) fn watches(&self) -> MutexGuard<'_, BTreeMap<TenantId, Watch>> {
        self.watches.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn monitors(&self) -> MutexGuard<'_, Monitors> {
        self.monitors.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The context of something that the product does by itself, by a named rule.
    pub(crate) async fn automation(
        &self,
        tenant: &TenantId,
        site: Option<&SiteId>,
        rule: &str,
    ) -> Result<(Ctx, TenantFacts), CommandError> {
        let facts = self.tenant(tenant).await?;
        let about = About { sector: Some(facts.sector), simulated: facts.simulated };
        let mut ctx = Ctx::automation(&*self.source, tenant.clone(), about, rule);
        if let Some(site) = site {
            ctx.site = Known::Known(site.clone());
        }
        Ok((ctx, facts))
    }

    pub(crate) async fn tenant(&self, tenant: &TenantId) -> Result<TenantFacts, CommandError> {
        let facts = self.ports.tenants.tenant(tenant).await?;
        facts.ok_or_else(|| Reject::new(Code::NotFound, format!("there is no tenant {tenant}")).into())
    }

    /// Carries out a command whose facts do not depend on the trip's state.
    pub(crate) async fn command(
        &self,
        ctx: &Ctx,
        trip: TripId,
        command: &Command,
        decisions: &[DecisionRecord],
        extras: Extras,
    ) -> Result<Outcome<Trip, Done>, CommandError> {
        let gather = |_| async move { Ok(Gathered::new(command.clone(), decisions.to_vec())) };
        self.execute(ctx, trip, extras, gather).await
    }

    /// Carries out a command whose facts are gathered with the trip's state at hand.
    pub(crate) async fn execute<G, Gathering>(
        &self,
        ctx: &Ctx,
        trip: TripId,
        extras: Extras,
        gather: G,
    ) -> Result<Outcome<Trip, Done>, CommandError>
    where
        G: Fn(Option<Arc<Trip>>) -> Gathering + Send + Sync,
        Gathering: Future<Output = Result<Gathered, CommandError>> + Send,
    {
        let decide = |state: Option<&Trip>, gathered: &Gathered| decide(state, &gathered.what, ctx.now);
        store::execute(&*self.store, ctx, &trip, extras, gather, decide).await
    }
}

/// The refusal for a trip that does not exist in the tenant.
pub(crate) fn no_such_trip() -> CommandError {
    Reject::new(Code::NotFound, "there is no such trip").into()
}

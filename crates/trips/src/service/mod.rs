//! The service: every way in which a trip is asked for, changed or read, over the store and the ports.

pub mod assistance;
mod commands;
mod consequences;
pub(crate) mod due;
mod lifecycle;
pub mod path;
mod preview;
mod queries;
pub mod reports;
mod request;
mod reroute;
mod resume;
pub(crate) mod route_checks;
pub mod routes;
pub(crate) mod standing_orders;
pub mod story;

use std::future::Future;
use std::sync::Arc;

use kernel::ctx::About;
use kernel::decided::Facts;
use kernel::envelope::{DecisionRecord, RetentionClass};
use kernel::{Code, Ctx, CtxSource, DecisionId, Known, Reject, SiteId, TenantId, TripId};
use store::{CommandError, Extras, Outcome, Store};

use crate::ports::{Fleet, Listener, Positions, Routing, SectorWork, TenantFacts, Tenants};
use crate::trip::{Command, Done, Trip, decide};

pub use self::commands::cancel_body;
pub use assistance::{AssistanceAnswer, AssistanceFilter, AssistanceService, Snapshot};
pub use path::VehiclePath;
pub use preview::RoutePreview;
pub use queries::TripFilter;
pub use reports::Progress;
pub use routes::{Leg, RouteVersion};
pub use standing_orders::StandingOrders;
pub use story::{History, HistoryItem, Story, StoryStep};

#[derive(Clone)]
pub struct Ports {
    pub tenants: Arc<dyn Tenants>,
    pub fleet: Arc<dyn Fleet>,
    pub routing: Arc<dyn Routing>,
    pub positions: Arc<dyn Positions>,
    pub listener: Arc<dyn Listener>,
    pub sector_work: Arc<dyn SectorWork>,
}

/// What an operator may choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// How long a claim is valid without renewal, in seconds.
    pub claim_valid_for_s: u64,
}

pub struct Trips {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) policy: Arc<policy::Engine>,
    pub(crate) ports: Ports,
    pub(crate) source: Arc<dyn CtxSource>,
    pub(crate) settings: Settings,
}

impl std::fmt::Debug for Trips {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Trips").finish_non_exhaustive()
    }
}

/// A command with the facts that were gathered for it.
pub(crate) struct Gathered<W = Box<Command>> {
    pub(crate) command: W,
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
    pub(crate) fn of(command: W, decisions: impl Into<Vec<DecisionRecord>>) -> Self {
        Self { command, decisions: decisions.into(), deciding: None }
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
        Self { store, policy, ports, source, settings }
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
        let decide = |state: Option<&Trip>, gathered: &Gathered| decide(state, &gathered.command, ctx.now);
        store::execute(&*self.store, ctx, &trip, extras, gather, decide).await
    }
}

/// The refusal for a trip that does not exist in the tenant.
pub(crate) fn no_such_trip() -> CommandError {
    Reject::new(Code::NotFound, "there is no such trip").into()
}

/// The events of the command are kept as long as those of safety.
pub(crate) fn safety_extras() -> Extras {
    Extras { retention: Some(RetentionClass::Safety), ..Extras::default() }
}

//! How a domain is plugged into the product. It declares what it consists of as one [`Domain`], and its service hands over
//! as [`Workers`] what it does without being asked; `gateway::DOMAINS` and the wiring collect both, and everything else
//! (replay, due work, the policy bundle, traces, the documentation) reads them there.

#![warn(missing_docs)]
use std::sync::Arc;

use commands::CommandSource;
use kernel::{Aggregate, DomainEvent};
use policy::PolicyModule;
use store::TableSpec;
use store::due::DueHandler;
use store::replay::{Fold, fold_of};
use store::subscribe::Subscriber;

/// What a domain consists of.
#[derive(Debug, Clone, Copy)]
pub struct Domain {
    /// The name of its crate.
    pub name: &'static str,
    /// What has a stream of events.
    pub aggregates: &'static [AggregateSpec],
    /// Its other tables, of observations and of machinery.
    pub tables: &'static [TableSpec],
    /// What it asks policy about, with its rules.
    pub policy: PolicyModule,
}

/// One kind of aggregate: its table, its events, and how its rows follow from them.
#[derive(Debug, Clone, Copy)]
pub struct AggregateSpec {
    /// The table of its states.
    pub table: TableSpec,
    /// Types and versions of its events.
    pub events: fn() -> &'static [(&'static str, u32)],
    /// Folds its events, for replay.
    pub fold: fn() -> Box<dyn Fold>,
}

impl AggregateSpec {
    /// That of an aggregate.
    pub const fn of<A: Aggregate>() -> Self {
        Self { table: TableSpec::of::<A>(), events: <A::Event as DomainEvent>::types, fold: fold_of::<A> }
    }
}

impl Domain {
    /// The folds of its aggregates, for replay.
    pub fn folds(&self) -> impl Iterator<Item = Box<dyn Fold>> {
        self.aggregates.iter().map(|aggregate| (aggregate.fold)())
    }

    /// Every table of the domain.
    pub fn tables(&self) -> impl Iterator<Item = TableSpec> {
        self.aggregates.iter().map(|aggregate| aggregate.table).chain(self.tables.iter().copied())
    }
}

/// What a domain's service does without being asked.
#[derive(Default)]
pub struct Workers {
    /// What happens when time passes.
    pub due: Vec<Arc<dyn DueHandler>>,
    /// What follows from events in the journal.
    pub subscribers: Vec<Arc<dyn Subscriber>>,
    /// What it tells vehicles.
    pub commands: Vec<Arc<dyn CommandSource>>,
}

impl std::fmt::Debug for Workers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let subscribers: Vec<&str> = self.subscribers.iter().map(|subscriber| subscriber.name()).collect();
        let due: Vec<&str> = self.due.iter().map(|handler| handler.table().name).collect();
        f.debug_struct("Workers").field("due", &due).field("subscribers", &subscribers).finish_non_exhaustive()
    }
}

impl Extend<Workers> for Workers {
    fn extend<I: IntoIterator<Item = Workers>>(&mut self, others: I) {
        for other in others {
            self.due.extend(other.due);
            self.subscribers.extend(other.subscribers);
            self.commands.extend(other.commands);
        }
    }
}

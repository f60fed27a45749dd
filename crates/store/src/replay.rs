//! `evolve` as a check: fold a tenant's journal and compare with the rows. Whatever the rows say that the journal does
//! not explain is found here.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::ControlFlow;

use kernel::envelope::DecisionRecord;
use kernel::{Aggregate, BoxFuture, DomainEvent, Envelope, TenantId};

use crate::port::{Fault, ListQuery, PAGE_LIMIT_MAX, Store};
use crate::table::{RowBody, TableSpec};

/// The first difference between the journal and the rows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{tenant}: {table} {key}: {difference}")]
pub struct ReplayFinding {
    /// Whose.
    pub tenant: TenantId,
    /// The table.
    pub table: &'static str,
    /// The key of the row.
    pub key: String,
    /// What differs.
    pub difference: String,
}

/// A part of all aggregates, by their keys: what is folded and compared at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// Which part, from 0.
    pub index: u64,
    /// Of how many.
    pub of: u64,
}

impl Part {
    /// All of them.
    pub const WHOLE: Self = Self { index: 0, of: 1 };

    /// Half of it.
    pub fn half(self) -> Self {
        Self { index: self.index, of: self.of * 2 }
    }

    /// The part after it; none after the last.
    pub fn next(self) -> Option<Self> {
        let next = Self { index: self.index + 1, of: self.of };
        (next.index < next.of).then_some(next)
    }

    /// Whether an aggregate belongs to it.
    pub fn has(self, key: &str) -> bool {
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        hasher.finish() % self.of == self.index
    }
}

/// Folds one aggregate type's streams, or gathers what the journal says of something else that must agree with it.
/// Object-safe, so that the binary can list every domain's.
pub trait Fold: Send + Sync {
    /// Folds and compares a part of the aggregates only, from now on. What is no fold of aggregates has no parts.
    fn keep(&mut self, _: Part) {}
    /// Takes one event of the log; events of other kinds are passed over.
    fn take(&mut self, event: &Envelope) -> Result<(), ReplayFinding>;
    /// Compares the folded states with the tenant's rows, or what was gathered with what it is about. `told` hears after
    /// each page how many rows were compared, and may end it, without a finding.
    fn compare<'a>(
        &'a self,
        store: &'a dyn Store,
        tenant: &'a TenantId,
        told: &'a (dyn Fn(u64) -> ControlFlow<()> + Send + Sync),
    ) -> BoxFuture<'a, Result<Option<ReplayFinding>, Fault>>;
    /// How many aggregates were folded; `None` for a fold that compares something else than rows of state.
    fn aggregates(&self) -> Option<usize>;
}

/// The fold of one aggregate type.
pub struct FoldOf<A: Aggregate> {
    states: BTreeMap<String, A>,
    part: Part,
}

/// A fresh fold of an aggregate type.
pub fn fold_of<A: Aggregate>() -> Box<dyn Fold> {
    Box::new(FoldOf::<A> { states: BTreeMap::new(), part: Part::WHOLE })
}

impl<A: Aggregate> FoldOf<A> {
    fn finding(tenant: &TenantId, key: &str, difference: String) -> ReplayFinding {
        ReplayFinding { tenant: tenant.clone(), table: A::KIND, key: key.into(), difference }
    }
}

impl<A: Aggregate> Fold for FoldOf<A> {
    fn keep(&mut self, part: Part) {
        self.part = part;
        self.states.retain(|key, _| part.has(key));
    }

    fn take(&mut self, event: &Envelope) -> Result<(), ReplayFinding> {
        if event.stream.kind() != A::KIND || event.r#type == DecisionRecord::EVENT_TYPE {
            return Ok(());
        }
        let key = event.stream.id();
        if !self.part.has(key) {
            return Ok(());
        }
        let body = A::Event::decode(&event.r#type, event.version, &event.body)
            .map_err(|error| Self::finding(&event.tenant, key, error.to_string()))?;
        let before = self.states.remove(key);
        if let Some(after) = A::evolve(before, &body, &event.meta()) {
            self.states.insert(key.into(), after);
        }
        Ok(())
    }

    fn compare<'a>(
        &'a self,
        store: &'a dyn Store,
        tenant: &'a TenantId,
        told: &'a (dyn Fn(u64) -> ControlFlow<()> + Send + Sync),
    ) -> BoxFuture<'a, Result<Option<ReplayFinding>, Fault>> {
        Box::pin(async move {
            let table = TableSpec::of::<A>();
            let mut seen = 0;
            let mut query = ListQuery { limit: PAGE_LIMIT_MAX, ..ListQuery::all() };
            loop {
                let rows = store.list(table, tenant, query.clone()).await?;
                for row in rows.iter().filter(|row| self.part.has(&row.key)) {
                    seen += 1;
                    let Some(state) = self.states.get(&row.key) else {
                        return Ok(Some(Self::finding(
                            tenant,
                            &row.key,
                            "the row has no events in the journal".into(),
                        )));
                    };
                    let folded = RowBody::of(state)?;
                    if folded != row.body {
                        let difference = describe(&folded, &row.body);
                        return Ok(Some(Self::finding(tenant, &row.key, difference)));
                    }
                }
                if told(seen as u64).is_break() {
                    return Ok(None);
                }
                match rows.last() {
                    Some(last) if rows.len() == PAGE_LIMIT_MAX => query.after = Some(last.key.clone()),
                    _ => break,
                }
            }
            if seen == self.states.len() {
                return Ok(None);
            }
            for key in self.states.keys() {
                if store.get(table, tenant, key).await?.is_none() {
                    return Ok(Some(Self::finding(tenant, key, "the journal's events have no row".into())));
                }
            }
            Ok(None)
        })
    }

    fn aggregates(&self) -> Option<usize> {
        Some(self.states.len())
    }
}

fn describe(folded: &RowBody, row: &RowBody) -> String {
    if folded.doc != row.doc {
        format!("the row holds {} where the journal gives {}", row.doc, folded.doc)
    } else if folded.due_at != row.due_at {
        format!("the row is due at {:?} where the journal gives {:?}", row.due_at, folded.due_at)
    } else {
        format!("the row's columns are {:?} where the journal gives {:?}", row.index, folded.index)
    }
}

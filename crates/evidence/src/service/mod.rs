//! Evidence over the store: entries by clause as they come, bundles, issues and what is done about them.

mod authority;
mod classify;
mod collect;
mod contents;
mod entries;
mod holds;
mod issues;
mod obligations;
mod policies;
mod reports;
mod sweep;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use ::reports::Forms;
use bundles::{Event, Mapping, Subject as EventSubject, shipped};
use journal::Hash;
use kernel::id::TypedId;
use kernel::{Aggregate, Ctx, CtxSource, Decided, Envelope, TenantId};
use policy::{Engine as Policy, PolicyAnswer, Request};
use store::port::{Fault, Guard, ListQuery, Order, Store};
use store::{CommandError, Extras, TableSpec, execute_plain, load};

pub use authority::SignedText;
pub use classify::{Classified, ClauseView, FrameworkView, TALLIES};
pub use policies::POLICY_TEXTS;
pub use reports::{Composed, NewReport};

use crate::ports::{Archives, Signing, Vehicles, Witnesses};
use classify::Live;

/// The rule by which entries are classified and issues raised.
pub(crate) const CLASSIFY_RULE: &str = "evidence.classify";
/// The rule by which bundles are made.
pub(crate) const COLLECT_RULE: &str = "evidence.collect";
/// The rule by which something is done about issues.
pub(crate) const MITIGATE_RULE: &str = "evidence.mitigate";

/// What the service is made of.
pub struct Parts {
    pub store: Arc<dyn Store>,
    pub policy: Arc<Policy>,
    pub source: Arc<dyn CtxSource>,
    pub vehicles: Arc<dyn Vehicles>,
    pub signing: Arc<dyn Signing>,
    pub archives: Arc<dyn Archives>,
    pub witnesses: Arc<dyn Witnesses>,
    /// The texts of the policies that are in force.
    pub policy_texts: Vec<(String, String)>,
}

/// The service.
pub struct Evidence {
    pub(crate) parts: Parts,
    pub(crate) mapping: Arc<Mapping>,
    pub(crate) forms: Forms,
    /// What is counted of each clause, by tenant. It follows from the journal, and goes on from a row after a start.
    pub(crate) live: Mutex<BTreeMap<TenantId, Live>>,
}

impl Evidence {
    /// The service over a store.
    ///
    /// # Errors
    /// What is wrong with the shipped mapping.
    pub fn new(parts: Parts) -> Result<Self, String> {
        let mapping = Mapping::compile(&shipped())
            .map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))?;
        let forms = Forms::compile(&::reports::shipped(), &mapping)
            .map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))?;
        Ok(Self { parts, mapping: Arc::new(mapping), forms, live: Mutex::default() })
    }

    /// The frameworks that are known.
    pub fn frameworks(&self) -> Vec<String> {
        self.mapping.frameworks().iter().map(|framework| framework.id.to_string()).collect()
    }

    pub(crate) fn ask(&self, request: Request) -> PolicyAnswer {
        self.parts.policy.decide(&request).into()
    }

    /// The context of something that evidence does by itself, by a named rule.
    pub(crate) async fn automation(&self, tenant: &TenantId, rule: &str) -> Result<Ctx, Fault> {
        let about = self.parts.vehicles.about(tenant).await?;
        Ok(Ctx::automation(&*self.parts.source, tenant.clone(), about, rule))
    }

    pub(crate) async fn command<A: Aggregate, R: Send>(
        &self,
        ctx: &Ctx,
        id: &A::Id,
        guard: Option<Guard>,
        decide: impl Fn(Option<&A>) -> Decided<A::Event, R> + Send + Sync,
    ) -> Result<R, CommandError> {
        let extras = Extras { guard, ..Extras::default() };
        Ok(execute_plain(&*self.parts.store, ctx, id, extras, decide).await?.reply)
    }

    /// One aggregate of the domain.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn one<A: Aggregate>(&self, tenant: &TenantId, id: &A::Id) -> Result<Option<A>, Fault> {
        Ok(load::<A>(&*self.parts.store, tenant, id).await?.map(|known| known.state))
    }

    /// A page of aggregates of one kind, the newest first.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn page<A: Aggregate>(
        &self,
        tenant: &TenantId,
        after: Option<A::Id>,
        limit: usize,
    ) -> Result<Vec<(A::Id, A)>, Fault> {
        let after = after.map(|id| id.to_string());
        self.list::<A>(tenant, ListQuery { filters: Vec::new(), after, limit, order: Order::Descending }).await
    }

    pub(crate) async fn list<A: Aggregate>(
        &self,
        tenant: &TenantId,
        query: ListQuery,
    ) -> Result<Vec<(A::Id, A)>, Fault> {
        let rows = self.parts.store.list(TableSpec::of::<A>(), tenant, query).await?;
        rows.iter().filter_map(|row| row.key.parse().ok().map(|id| Ok((id, row.decode()?)))).collect()
    }
}

/// Answers of policy, for what is decided with them.
pub(crate) struct Asked {
    pub answer: PolicyAnswer,
}

impl kernel::decided::Facts for Asked {
    fn decisions(&self) -> &[kernel::envelope::DecisionRecord] {
        kernel::decided::Facts::decisions(&self.answer)
    }
}

/// An id that follows from what it stands for: the same however often it is found.
pub(crate) fn id_of<I: TypedId>(text: &str) -> I {
    let hash = Hash::of_bytes(text.as_bytes());
    let mut first = [0_u8; 16];
    first.copy_from_slice(&hash.as_bytes()[..16]);
    I::from_u128(u128::from_be_bytes(first))
}

/// An entry as clauses look at it.
pub(crate) fn event_of(index: u64, envelope: &Envelope) -> Event {
    let subject = |kind: &str, id: &str| EventSubject::new(kind, id);
    let mut subjects = vec![subject(envelope.stream.kind(), envelope.stream.id())];
    subjects.extend(envelope.about.iter().map(|about| subject(about.kind(), about.id())));
    subjects.extend(envelope.site.as_option().map(|site| subject("site", site.as_str())));
    Event {
        index,
        id: envelope.id.to_string(),
        r#type: envelope.r#type.clone(),
        at_ms: envelope.recorded_at.as_ms(),
        body: envelope.body.clone(),
        actor: envelope.actor.id.clone(),
        subjects,
    }
}

//! Approvals over the store, and what carries out what was approved.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use domain::Workers;
use kernel::ctx::About;
use kernel::id::PrincipalId;
use kernel::{
    Actor, Aggregate, Authentication, BoxFuture, Ctx, CtxSource, Decided, DomainEvent, Envelope, Reject, Role, Subject,
    TenantId,
};
use serde_json::Value;
use store::due::due_handler;
use store::port::{Fault, Guard, ListQuery, Order, Store};
use store::subscribe::subscriber;
use store::{CommandError, Extras, TableSpec, execute_plain, load};

use crate::approval::{
    self, Approval, ApprovalAsked, ApprovalEvent, ApprovalId, ApprovalState, Person, VALID_MS, Verdict,
};

/// A command that needs two people, to be asked for.
#[derive(Debug, Clone)]
pub struct NewApproval {
    pub command: &'static str,
    pub subject: Subject,
    pub summary: String,
    pub reason: String,
    pub arguments: Value,
    pub deciding_roles: BTreeSet<Role>,
}

/// Carries out a command that was approved. Doing it again changes nothing.
pub trait ApprovedCommand: Send + Sync {
    /// The name under which it is asked for.
    fn command(&self) -> &'static str;

    /// Does it; `ctx` acts for the person who asked and names the one who approved.
    fn carry_out<'a>(
        &'a self,
        ctx: &'a Ctx,
        subject: &'a Subject,
        arguments: &'a Value,
        reason: &'a str,
    ) -> BoxFuture<'a, Result<(), CommandError>>;
}

/// What is known of a tenant and of its people.
pub trait Tenants: Send + Sync {
    fn about<'a>(&'a self, tenant: &'a TenantId) -> BoxFuture<'a, Result<About, Fault>>;

    /// Whether a principal may act in a role now.
    fn may_act<'a>(&'a self, tenant: &'a TenantId, person: &'a Person) -> BoxFuture<'a, Result<bool, Fault>>;
}

/// The service.
pub struct Approvals {
    store: Arc<dyn Store>,
    source: Arc<dyn CtxSource>,
    tenants: Arc<dyn Tenants>,
    commands: BTreeMap<&'static str, Arc<dyn ApprovedCommand>>,
}

/// Streams by whose events somebody can lose access: of people, and of programs.
const ACCOUNTS: [&str; 2] = ["user", "principal"];

/// Why an approval was withdrawn, or is not carried out.
const GONE: &str = "who asked for this may no longer act in the role in which they asked: ask again";

/// How many open approvals are looked through for one that asks the same.
const OPEN_MAX: usize = 1_000;

/// The same with its members in the order of their names, as the journal writes them: a row is compared with its fold byte by
/// byte.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let members: BTreeMap<String, Value> =
                members.into_iter().map(|(name, member)| (name, sorted(member))).collect();
            Value::Object(members.into_iter().collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        other => other,
    }
}

fn person(actor: &Actor) -> Person {
    Person { id: actor.id.clone(), role: actor.role.clone() }
}

impl Approvals {
    /// The service over a store, with every command that needs two people.
    pub fn new(
        store: Arc<dyn Store>,
        source: Arc<dyn CtxSource>,
        tenants: Arc<dyn Tenants>,
        commands: Vec<Arc<dyn ApprovedCommand>>,
    ) -> Self {
        let commands = commands.into_iter().map(|command| (command.command(), command)).collect();
        Self { store, source, tenants, commands }
    }

    /// What the domain does without being asked.
    pub fn workers(self: &Arc<Self>) -> Workers {
        let expire = due_handler::<Approval, _, _>(self, |approvals: &Self, tenant, id, guard| {
            Box::pin(approvals.expire(tenant, id, guard))
        });
        let carry_out =
            subscriber("approvals.carry_out", self, |approvals: &Self, event| Box::pin(approvals.on_approved(event)));
        let withdraw =
            subscriber("approvals.withdraw", self, |approvals: &Self, event| Box::pin(approvals.on_access(event)));
        Workers { due: vec![expire], subscribers: vec![carry_out, withdraw], ..Workers::default() }
    }

    async fn command(
        &self,
        ctx: &Ctx,
        id: ApprovalId,
        guard: Option<Guard>,
        decide: impl Fn(Option<&Approval>) -> Decided<ApprovalEvent, ()> + Send + Sync,
    ) -> Result<Approval, CommandError> {
        let extras = Extras { guard, ..Extras::default() };
        let outcome = execute_plain(&*self.store, ctx, &id, extras, decide).await?;
        outcome.state.ok_or(CommandError::Fault(Fault::Misuse("an approval was decided and is not there")))
    }

    /// Asks for a command that needs two people. What is asked for already is not asked again: the answer is what waits.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn ask(&self, ctx: &Ctx, new: NewApproval) -> Result<(ApprovalId, Approval), CommandError> {
        let open = self.list(&ctx.tenant, true, None, OPEN_MAX).await?;
        let is_same = |(_, open): &(ApprovalId, Approval)| {
            open.command == new.command
                && open.subject == new.subject
                && open.arguments == new.arguments
                && ctx.now < open.expires_at
        };
        if let Some(waiting) = open.into_iter().find(is_same) {
            return Ok(waiting);
        }
        let id: ApprovalId = ctx.new_id();
        let asked = ApprovalAsked {
            command: new.command.into(),
            subject: new.subject,
            summary: new.summary,
            reason: new.reason,
            arguments: sorted(new.arguments),
            deciding_roles: new.deciding_roles,
            by: person(&ctx.actor),
            expires_at: ctx.now.plus_ms(VALID_MS),
        };
        let approval = self.command(ctx, id, None, |state| approval::ask(state, asked.clone())).await?;
        tracing::info!(tenant = %ctx.tenant, approval = %id, command = new.command, "approval asked");
        Ok((id, approval))
    }

    /// Approves what another person asked for; it is carried out behind the journal.
    ///
    /// # Errors
    /// `FORBIDDEN` for the person who asked and for other roles; `ILLEGAL_TRANSITION` once it is decided or expired.
    pub async fn approve(&self, ctx: &Ctx, id: ApprovalId, reason: &str) -> Result<Approval, CommandError> {
        self.decide(ctx, id, Verdict::Approve, reason).await
    }

    /// Rejects what another person asked for.
    ///
    /// # Errors
    /// Those of [`Approvals::approve`].
    pub async fn reject(&self, ctx: &Ctx, id: ApprovalId, reason: &str) -> Result<Approval, CommandError> {
        self.decide(ctx, id, Verdict::Reject, reason).await
    }

    async fn decide(
        &self,
        ctx: &Ctx,
        id: ApprovalId,
        verdict: Verdict,
        reason: &str,
    ) -> Result<Approval, CommandError> {
        let by = person(&ctx.actor);
        let decided =
            self.command(ctx, id, None, |state| approval::decide(state, &by, verdict, reason, ctx.now)).await?;
        tracing::info!(tenant = %ctx.tenant, approval = %id, ?verdict, "approval decided");
        Ok(decided)
    }

    async fn expire(&self, tenant: &TenantId, id: ApprovalId, guard: Guard) -> Result<(), CommandError> {
        let about = self.tenants.about(tenant).await?;
        let ctx = Ctx::automation(&*self.source, tenant.clone(), about, "approvals.expire");
        self.command(&ctx, id, Some(guard), |state| approval::expire(state, ctx.now)).await?;
        Ok(())
    }

    /// Withdraws what somebody asked for who has left, or lost the role in which they asked: nobody answers for it any more.
    async fn on_access(&self, event: &Envelope) -> Result<(), CommandError> {
        if !ACCOUNTS.contains(&event.stream.kind()) {
            return Ok(());
        }
        for (id, waiting) in self.list(&event.tenant, true, None, OPEN_MAX).await? {
            let is_theirs = waiting.asked_by.id == event.stream.id();
            if !is_theirs || self.tenants.may_act(&event.tenant, &waiting.asked_by).await? {
                continue;
            }
            let about = self.tenants.about(&event.tenant).await?;
            let ctx = Ctx::automation(&*self.source, event.tenant.clone(), about, "approvals.withdraw");
            self.command(&ctx.caused_by(event.id), id, None, |state| approval::withdraw(state, GONE)).await?;
            tracing::info!(tenant = %event.tenant, approval = %id, "approval withdrawn: who asked may no longer act");
        }
        Ok(())
    }

    /// Carries out what was approved. A crash in between does it again, which changes nothing.
    async fn on_approved(&self, event: &Envelope) -> Result<(), CommandError> {
        if event.stream.kind() != Approval::KIND {
            return Ok(());
        }
        let Ok(ApprovalEvent::Approved(_)) = ApprovalEvent::decode(&event.r#type, event.version, &event.body) else {
            return Ok(());
        };
        let Ok(id) = event.stream.id().parse::<ApprovalId>() else { return Ok(()) };
        let Some(approval) = self.get(&event.tenant, id).await? else { return Ok(()) };
        if approval.state != ApprovalState::Approved {
            return Ok(());
        }
        let about = self.tenants.about(&event.tenant).await?;
        let refused = match self.carry_out(event, &approval, about).await {
            Ok(()) => None,
            Err(CommandError::Reject(reject)) => Some(reject),
            Err(other) => return Err(other),
        };
        let ctx =
            Ctx::automation(&*self.source, event.tenant.clone(), about, "approvals.carry_out").caused_by(event.id);
        self.command(&ctx, id, None, |state| approval::carried_out(state, refused.as_ref())).await?;
        Ok(())
    }

    async fn carry_out(&self, event: &Envelope, approval: &Approval, about: About) -> Result<(), CommandError> {
        let Some(command) = self.commands.get(approval.command.as_str()) else {
            let text = format!("this server does not know the command {}", approval.command);
            return Err(Reject::new(kernel::Code::IllegalTransition, text).into());
        };
        // Approved in the moment in which they left.
        if !self.tenants.may_act(&event.tenant, &approval.asked_by).await? {
            return Err(Reject::new(kernel::Code::IllegalTransition, GONE).into());
        }
        let id: PrincipalId =
            approval.asked_by.id.parse().map_err(|_| Fault::Misuse("who asked for an approval is no principal"))?;
        // Both proved who they are when they asked and approved; now nothing is presented.
        let actor = Actor {
            authentication: Authentication::Internal,
            second_approver: approval.decided_by.as_ref().map(|by| by.id.clone()),
            ..Actor::principal(id, &approval.asked_by.role)
        };
        let ctx = Ctx::new(&*self.source, event.tenant.clone(), actor).of(about).caused_by(event.id);
        command.carry_out(&ctx, &approval.subject, &approval.arguments, &approval.reason).await
    }

    /// One approval.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn get(&self, tenant: &TenantId, id: ApprovalId) -> Result<Option<Approval>, Fault> {
        Ok(load::<Approval>(&*self.store, tenant, &id).await?.map(|loaded| loaded.state))
    }

    /// A page of approvals, the newest first; those that are pending, or all.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn list(
        &self,
        tenant: &TenantId,
        only_pending: bool,
        after: Option<ApprovalId>,
        limit: usize,
    ) -> Result<Vec<(ApprovalId, Approval)>, Fault> {
        let pending: &str = ApprovalState::Pending.into();
        let filters = if only_pending { vec![("state", pending.to_owned())] } else { Vec::new() };
        let after = after.map(|id| id.to_string());
        let query = ListQuery { filters, after, limit, order: Order::Descending };
        let rows = self.store.list(TableSpec::of::<Approval>(), tenant, query).await?;
        rows.iter().filter_map(|row| row.key.parse().ok().map(|id| Ok((id, row.decode()?)))).collect()
    }
}

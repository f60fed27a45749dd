//! Legal holds, and the erasure of personal values: the entries only commit to them, so every proof stays as it is.

use kernel::id::{CollisionId, LegalHoldId};
use kernel::{Ctx, Subject, TenantId};
use policy::Request;
use store::port::{Fault, ListQuery};
use store::{CommandError, Extras, execute, personal};

use super::{Asked, Evidence};
use crate::actions::ERASE;
use crate::collision::{self, Collision, KnownCollision};
use crate::legal_hold::{self, LegalHold, erase};

impl Evidence {
    /// Records of a subject, or of everything, must stay.
    ///
    /// # Errors
    /// A fault.
    pub async fn place_hold(
        &self,
        ctx: &Ctx,
        subject: Option<Subject>,
        reason: &str,
    ) -> Result<LegalHoldId, CommandError> {
        let id: LegalHoldId = ctx.new_id();
        let decide = |state: Option<&LegalHold>| legal_hold::place(state, subject.as_ref(), reason, &ctx.actor.id);
        self.command(ctx, &id, None, decide).await?;
        Ok(id)
    }

    /// They need not stay any more.
    ///
    /// # Errors
    /// `NOT_FOUND`, a fault.
    pub async fn release_hold(&self, ctx: &Ctx, id: LegalHoldId, reason: &str) -> Result<(), CommandError> {
        self.command(ctx, &id, None, |state| legal_hold::release(state, reason, &ctx.actor.id)).await
    }

    /// Records a collision.
    ///
    /// # Errors
    /// The field that is wrong, a fault.
    pub async fn record_collision(&self, ctx: &Ctx, known: &Collision) -> Result<CollisionId, CommandError> {
        let id: CollisionId = ctx.new_id();
        let record = |state: Option<&KnownCollision>| collision::record(state, id, known, &ctx.actor.id, ctx.now);
        self.command(ctx, &id, None, record).await?;
        tracing::warn!(tenant = %ctx.tenant, collision = %id, vehicle = %known.vehicle, "a collision is recorded");
        Ok(id)
    }

    /// How many holds keep a subject's records.
    pub(crate) async fn holds_on(&self, tenant: &TenantId, subject: &Subject) -> Result<usize, Fault> {
        let held = self.list::<LegalHold>(tenant, ListQuery::of("in_force", "yes")).await?;
        Ok(held.iter().filter(|(_, hold)| hold.keeps(subject)).count())
    }

    /// Erases the personal values of a subject, where policy allows it; answers the fields that are gone.
    ///
    /// # Errors
    /// `POLICY_VIOLATION`, `/subject` where nothing personal of it is kept, a fault.
    pub async fn erase(
        &self,
        ctx: &Ctx,
        subject: &Subject,
        reason: &str,
        in_use: bool,
    ) -> Result<Vec<String>, CommandError> {
        let fields = personal::fields(&*self.parts.store, &ctx.tenant, subject).await?;
        let id: LegalHoldId = ctx.new_id();
        let gather = |_| async {
            let holds = u32::try_from(self.holds_on(&ctx.tenant, subject).await?).unwrap_or(u32::MAX);
            let question = Request::new(ctx, ERASE, Subject::new("personal_data", subject.id()))
                .about(subject.clone())
                .fact("legal_holds", holds)
                .fact("in_use", in_use);
            Ok(Asked { answer: self.ask(question) })
        };
        let decide =
            |_: Option<&LegalHold>, asked: &Asked| erase(subject, &fields, reason, &ctx.actor.id, &asked.answer);
        let extras = Extras { rows: personal::erasing(subject, &fields), ..Extras::default() };
        execute(&*self.parts.store, ctx, &id, extras, gather, decide).await?;
        tracing::info!(tenant = %ctx.tenant, %subject, "personal values are erased");
        Ok(fields)
    }
}

//! People as the edges use them: invited, signed in, recognised by their session, and managed.

use std::collections::BTreeSet;
use std::sync::Arc;

use domain::Workers;
use kernel::ctx::About;
use kernel::id::{PrincipalId, TypedId};
use kernel::{Actor, Aggregate, Code, Ctx, CtxSource, Decided, Reject, Role, Subject, TenantId, Timestamp};
use keys::Secret;
use serde::{Deserialize, Serialize};
use store::port::{Fault, ListQuery, Store};
use store::{CommandError, Expected, Extras, RowBody, RowWrite, TableSpec, execute_plain, load, personal};

use crate::lockout::{Attempt, FREE_PER_ADDRESS, FREE_PER_PERSON, Forgetting};
use crate::one_time;
use crate::password::{PASSWORDS, PasswordHash};
use crate::sessions::{self, LIFETIME_MS, OpenSession, SESSIONS, SESSIONS_MAX, Session, name_of};
use crate::user::{
    self, Others, User, UserEvent, UserInvited, UserSessionEnded, UserSignInBlocked, UserSignedIn, UserStatus,
};

/// Which user has an e-mail address, by the digest of the address in lower case.
pub const USER_EMAILS: TableSpec = TableSpec::machinery("user_emails", &[]);

/// The longest e-mail address, in bytes (RFC 5321 §4.5.3.1.3).
const EMAIL_BYTES_MAX: usize = 254;

#[derive(Debug, Serialize, Deserialize)]
struct EmailOwner {
    user: PrincipalId,
}

/// People who sign in.
pub struct People {
    store: Arc<dyn Store>,
    source: Arc<dyn CtxSource>,
}

/// Who a session or a list shows.
#[derive(Debug, Clone)]
pub struct UserProfile {
    pub id: PrincipalId,
    pub user: User,
    /// None once it was erased.
    pub email: Option<String>,
}

/// A session that was recognised.
#[derive(Debug, Clone)]
pub struct Account {
    pub tenant: TenantId,
    pub id: PrincipalId,
    pub user: User,
    pub session: Session,
    /// What names the session without opening it.
    pub session_name: String,
}

/// A sign-in that waits for the password to be verified, which takes a thread of its own.
pub struct SignIn {
    tenant: TenantId,
    user: Option<(PrincipalId, User)>,
    attempt: Attempt,
    from_address: Attempt,
    address: String,
    /// What the password is verified against, where the person is known.
    pub hash: Option<PasswordHash>,
}

/// Where a session is opened from.
#[derive(Debug, Clone, Copy)]
pub struct Client<'a> {
    pub address: &'a str,
    /// What the browser calls itself.
    pub user_agent: &'a str,
}

fn email_of(text: &str) -> Result<String, Reject> {
    let email = text.trim().to_lowercase();
    let has_parts = email.split_once('@').is_some_and(|(user, host)| !user.is_empty() && host.contains('.'));
    let is_plain = email.bytes().all(|byte| byte.is_ascii_graphic()) && email.len() <= EMAIL_BYTES_MAX;
    if has_parts && is_plain { Ok(email) } else { Err(Reject::invalid_field("/email", "must be an e-mail address")) }
}

fn no_such_user() -> Reject {
    Reject::new(Code::NotFound, "there is no such user")
}

fn no_such_code() -> Reject {
    let text = "this one-time link is used, replaced or too old: ask an administrator for another";
    Reject::new(Code::NotFound, text)
}

impl People {
    /// The service over a store.
    pub fn new(store: Arc<dyn Store>, source: Arc<dyn CtxSource>) -> Self {
        Self { store, source }
    }

    /// What the domain does without being asked.
    pub fn workers(&self) -> Workers {
        Workers { due: vec![Arc::new(Forgetting(Arc::clone(&self.store)))], ..Workers::default() }
    }

    async fn command(
        &self,
        ctx: &Ctx,
        id: PrincipalId,
        rows: Vec<RowWrite>,
        decide: impl Fn(Option<&User>) -> Decided<UserEvent, ()> + Send + Sync,
    ) -> Result<User, CommandError> {
        let extras = Extras { rows, ..Extras::default() };
        let outcome = execute_plain(&*self.store, ctx, &id, extras, decide).await?;
        outcome.state.ok_or_else(|| no_such_user().into())
    }

    /// The context of what a user does to their own account.
    fn own_ctx(&self, tenant: &TenantId, about: About, id: PrincipalId, role: Role) -> Ctx {
        Ctx::new(&*self.source, tenant.clone(), Actor::person(id, role.as_str())).of(about)
    }

    /// Invites a person; the one-time code is answered and kept nowhere.
    ///
    /// # Errors
    /// One entry per wrong field; `CONFLICT` where the tenant has the address already; a fault of the store.
    pub async fn invite(
        &self,
        ctx: &Ctx,
        name: &str,
        email: &str,
        roles: BTreeSet<Role>,
    ) -> Result<(PrincipalId, Secret), CommandError> {
        let email = email_of(email)?;
        let id: PrincipalId = ctx.new_id();
        let key = one_time::digest(&email);
        if self.store.get(USER_EMAILS, &ctx.tenant, &key).await?.is_some() {
            return Err(
                Reject::new(Code::Conflict, format!("{email} is a user's address already: list the users")).into()
            );
        }
        let owner =
            RowWrite::put(USER_EMAILS, key, Expected::Absent, RowBody::new(&EmailOwner { user: id }, Vec::new())?);
        let (commitment, kept) = personal::keep(ctx, &subject(id), "email", &email)?;
        let (code, code_row) = one_time::issue(&ctx.tenant, id, "invitation", ctx.now)?;
        let invited = UserInvited { name: name.into(), email_commitment: commitment, roles };
        self.command(ctx, id, vec![owner, kept, code_row], |state| user::invite(state, invited.clone())).await?;
        Ok((id, code))
    }

    /// Gives out a one-time code for another password; the one before and every session end.
    ///
    /// # Errors
    /// `NOT_FOUND`; `ILLEGAL_TRANSITION` for a disabled user; a fault of the store.
    pub async fn reset(&self, ctx: &Ctx, id: PrincipalId) -> Result<Secret, CommandError> {
        let (code, row) = one_time::issue(&ctx.tenant, id, "reset", ctx.now)?;
        let mut rows = self.ending_sessions(&ctx.tenant, id, None).await?;
        rows.extend([row, RowWrite::delete(PASSWORDS, id.to_string(), Expected::Any)]);
        self.command(ctx, id, rows, user::reset_password).await?;
        Ok(code)
    }

    /// Whom a one-time code is for, so that the password can be checked against name and address before it is hashed.
    ///
    /// # Errors
    /// `NOT_FOUND` for a code that is not in force; a fault of the store.
    pub async fn invited(&self, tenant: &TenantId, code: &str) -> Result<UserProfile, CommandError> {
        let found = one_time::find(&*self.store, tenant, code, self.source.now()).await?;
        let (id, _, _) = found.ok_or_else(no_such_code)?;
        self.user(tenant, id).await?.ok_or_else(|| no_such_code().into())
    }

    /// Takes the password that the holder of a one-time code chose; the code is used then.
    ///
    /// # Errors
    /// `NOT_FOUND` for a code that is not in force; a fault of the store.
    pub async fn accept(
        &self,
        tenant: &TenantId,
        about: About,
        code: &str,
        hash: &PasswordHash,
    ) -> Result<(PrincipalId, Role), CommandError> {
        let found = one_time::find(&*self.store, tenant, code, self.source.now()).await?;
        let (id, row, kept) = found.ok_or_else(no_such_code)?;
        let used = RowWrite::delete(one_time::ONE_TIME_CODES, row.key, Expected::Version(row.version));
        let role = self.user(tenant, id).await?.and_then(|known| known.user.roles.first().copied());
        let role = role.ok_or_else(no_such_user)?;
        let ctx = self.own_ctx(tenant, about, id, role);
        let rows = vec![used, password_row(id, hash)?];
        self.command(&ctx, id, rows, |state| user::set_password(state, &kept.purpose)).await?;
        Ok((id, role))
    }

    /// Replaces the user's own password; every other session ends.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn change_password(&self, ctx: &Ctx, account: &Account, hash: &PasswordHash) -> Result<(), CommandError> {
        let mut rows = self.ending_sessions(&ctx.tenant, account.id, Some(&account.session_name)).await?;
        rows.push(password_row(account.id, hash)?);
        self.command(ctx, account.id, rows, |state| user::set_password(state, "password")).await?;
        Ok(())
    }

    /// The hash of a user's password, to verify the current one.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn password(&self, tenant: &TenantId, id: PrincipalId) -> Result<Option<PasswordHash>, Fault> {
        let row = self.store.get(PASSWORDS, tenant, &id.to_string()).await?;
        row.map(|row| row.decode()).transpose()
    }

    /// Begins a sign-in. An unknown person takes the same steps as a known one.
    ///
    /// # Errors
    /// `OVERLOADED` while the client has to wait; a fault of the store.
    pub async fn begin_sign_in(&self, tenant: &TenantId, email: &str, address: &str) -> Result<SignIn, CommandError> {
        let email = email.trim().to_lowercase();
        let (store, now) = (&*self.store, self.source.now());
        let from_address = Attempt::begin(store, &["", "", address], FREE_PER_ADDRESS, now).await?;
        let attempt = Attempt::begin(store, &[tenant.as_str(), &email, address], FREE_PER_PERSON, now).await?;
        let owner = self.store.get(USER_EMAILS, tenant, &one_time::digest(&email)).await?;
        let owner: Option<EmailOwner> = owner.map(|row| row.decode()).transpose()?;
        let id = owner.map_or(PrincipalId::from_u128(0), |owner| owner.user);
        let user = load::<User>(&*self.store, tenant, &id).await?.map(|loaded| (id, loaded.state));
        let hash = self.password(tenant, id).await?;
        let user = user.filter(|(_, user)| user.status == UserStatus::Active && hash.is_some());
        Ok(SignIn { tenant: tenant.clone(), user, attempt, from_address, address: address.into(), hash })
    }

    /// Ends a sign-in: a session where the password is right, `None` where it is not or the person is unknown.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn finish_sign_in(
        &self,
        about: About,
        sign_in: SignIn,
        is_right: bool,
        user_agent: &str,
    ) -> Result<Option<OpenSession>, CommandError> {
        let known = sign_in.user.and_then(|(id, user)| user.roles.first().map(|role| (id, *role)));
        let Some((id, role)) = known.filter(|_| is_right) else {
            if let Some((blocked, (id, _))) = sign_in.attempt.blocked.zip(known) {
                let ctx = Ctx::automation(&*self.source, sign_in.tenant, about, "sign_in.lockout");
                let event =
                    UserSignInBlocked { address: sign_in.address, failures: blocked.failures, until: blocked.until };
                self.command(&ctx, id, Vec::new(), |state| user::note(state, event.clone().into())).await?;
            }
            return Ok(None);
        };
        let client = Client { address: &sign_in.address, user_agent };
        let open = self.open_session(&sign_in.tenant, about, (id, role), client).await?;
        sign_in.attempt.forget(&*self.store).await?;
        sign_in.from_address.take_back(&*self.store, self.source.now()).await?;
        Ok(Some(open))
    }

    /// Opens a session for somebody who just proved who they are.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn open_session(
        &self,
        tenant: &TenantId,
        about: About,
        (id, role): (PrincipalId, Role),
        client: Client<'_>,
    ) -> Result<OpenSession, CommandError> {
        let now = self.source.now();
        let session = Session {
            user: id,
            role,
            created_at: now,
            last_used_at: now,
            expires_at: now.plus_ms(LIFETIME_MS),
            user_agent: client.user_agent.chars().take(200).collect(),
            address: client.address.into(),
        };
        let (open, name, row) = sessions::open(tenant, session)?;
        let mut rows = vec![row];
        let mut others = sessions::of_user(&*self.store, tenant, id).await?;
        let over = others.len().saturating_sub(SESSIONS_MAX - 1);
        let oldest: Vec<_> = others.drain(..over).collect();
        let ended = oldest.into_iter().chain(others.into_iter().filter(|(_, session)| session.is_over(now)));
        rows.extend(ended.map(|(row, _)| RowWrite::delete(SESSIONS, row.key, Expected::Any)));
        let event = UserSignedIn { session: name, address: client.address.into() };
        let ctx = self.own_ctx(tenant, about, id, role);
        self.command(&ctx, id, rows, |state| user::note(state, event.clone().into())).await?;
        Ok(open)
    }

    /// Who presents this session's secret, as the user is now; `None` when nobody does any more.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn authenticate(&self, secret: &str) -> Result<Option<Account>, Fault> {
        let now = self.source.now();
        let Some((tenant, row, mut session)) = sessions::find(&*self.store, secret, now).await? else {
            return Ok(None);
        };
        let Some(loaded) = load::<User>(&*self.store, &tenant, &session.user).await? else { return Ok(None) };
        let user = loaded.state;
        if user.status != UserStatus::Active {
            return Ok(None);
        }
        if let Some(used) = sessions::used(&row, &session, now)? {
            // Another request may have written it down at the same moment.
            self.write(&tenant, vec![used]).await?;
        }
        // A role that was taken away in the middle of a session is not used any more.
        if !user.roles.contains(&session.role) {
            let Some(role) = user.roles.first() else { return Ok(None) };
            session.role = *role;
        }
        Ok(Some(Account { tenant, id: session.user, user, session_name: name_of(&row.key), session }))
    }

    /// Acts in another of the user's roles from now on.
    ///
    /// # Errors
    /// `FORBIDDEN` for a role that the user does not have; a fault of the store.
    pub async fn switch_role(&self, account: &Account, secret: &str, role: Role) -> Result<(), CommandError> {
        if !account.user.roles.contains(&role) {
            return Err(
                Reject::new(Code::Forbidden, format!("{} does not have the role {role}", account.user.name)).into()
            );
        }
        let Some((tenant, row, session)) = sessions::find(&*self.store, secret, self.source.now()).await? else {
            return Err(Reject::new(Code::Unauthenticated, "the session has ended: sign in again").into());
        };
        let body = sessions::body(&Session { role, ..session })?;
        // A session that ends at this moment stays ended.
        Ok(self.write(&tenant, vec![RowWrite::put(SESSIONS, row.key, Expected::Version(row.version), body)]).await?)
    }

    /// The user's own sessions with their names, the oldest first.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn sessions(&self, tenant: &TenantId, id: PrincipalId) -> Result<Vec<(String, Session)>, Fault> {
        let now = self.source.now();
        let sessions = sessions::of_user(&*self.store, tenant, id).await?;
        let open = sessions.into_iter().filter(|(_, session)| !session.is_over(now));
        Ok(open.map(|(row, session)| (name_of(&row.key), session)).collect())
    }

    /// Ends the user's own sessions: the one with this name, or all but that one.
    ///
    /// # Errors
    /// `NOT_FOUND` where none is open; a fault of the store.
    pub async fn end_sessions(
        &self,
        ctx: &Ctx,
        id: PrincipalId,
        name: &str,
        others: bool,
        reason: &str,
    ) -> Result<usize, CommandError> {
        let open = sessions::of_user(&*self.store, &ctx.tenant, id).await?;
        let ended: Vec<_> = open.into_iter().filter(|(row, _)| (name_of(&row.key) == name) != others).collect();
        if ended.is_empty() && !others {
            return Err(Reject::new(Code::NotFound, "there is no such session: list them first").into());
        }
        let count = ended.len();
        for (row, _) in ended {
            let event = UserSessionEnded { session: name_of(&row.key), reason: reason.into() };
            let gone = vec![RowWrite::delete(SESSIONS, row.key, Expected::Any)];
            self.command(ctx, id, gone, |state| user::note(state, event.clone().into())).await?;
        }
        Ok(count)
    }

    async fn ending_sessions(
        &self,
        tenant: &TenantId,
        id: PrincipalId,
        but: Option<&str>,
    ) -> Result<Vec<RowWrite>, Fault> {
        let open = sessions::of_user(&*self.store, tenant, id).await?;
        let ended = open.into_iter().filter(|(row, _)| but != Some(name_of(&row.key).as_str()));
        Ok(ended.map(|(row, _)| RowWrite::delete(SESSIONS, row.key, Expected::Any)).collect())
    }

    /// Gives a user other roles, from the next request on.
    ///
    /// # Errors
    /// `NOT_FOUND`; `ILLEGAL_TRANSITION` for the tenant's last administrator; a fault of the store.
    pub async fn change_roles(
        &self,
        ctx: &Ctx,
        id: PrincipalId,
        roles: &BTreeSet<Role>,
        has_program_administrator: bool,
    ) -> Result<User, CommandError> {
        let others = self.others(&ctx.tenant, id, has_program_administrator).await?;
        self.command(ctx, id, Vec::new(), |state| user::change_roles(state, roles, others)).await
    }

    /// Ends a user's access, at once and for good.
    ///
    /// # Errors
    /// `NOT_FOUND`; `ILLEGAL_TRANSITION` for one's own and for the tenant's last administrator; a fault of the store.
    pub async fn disable(
        &self,
        ctx: &Ctx,
        id: PrincipalId,
        has_program_administrator: bool,
        reason: &str,
    ) -> Result<(), CommandError> {
        let others = self.others(&ctx.tenant, id, has_program_administrator).await?;
        let is_own = ctx.actor.id == id.to_string();
        let mut rows = self.ending_sessions(&ctx.tenant, id, None).await?;
        let gone = [PASSWORDS, one_time::ONE_TIME_CODES];
        rows.extend(gone.map(|table| RowWrite::delete(table, id.to_string(), Expected::Any)));
        // Whoever comes back is invited under the same address.
        let email = personal::read(&*self.store, &ctx.tenant, &subject(id), "email").await?;
        rows.extend(email.map(|email| RowWrite::delete(USER_EMAILS, one_time::digest(&email), Expected::Any)));
        self.command(ctx, id, rows, |state| user::disable(state, is_own, others, reason)).await?;
        Ok(())
    }

    async fn others(&self, tenant: &TenantId, id: PrincipalId, is_given: bool) -> Result<Others, Fault> {
        let active = vec![("status", UserStatus::Active.as_str().to_owned())];
        let users = self.list(tenant, ListQuery { filters: active, ..ListQuery::all() }).await?;
        let is_one = |(other, user): &(PrincipalId, User)| *other != id && user.roles.contains(&Role::Administrator);
        Ok(Others { have_administrator: is_given || users.iter().any(is_one) })
    }

    async fn list(&self, tenant: &TenantId, query: ListQuery) -> Result<Vec<(PrincipalId, User)>, Fault> {
        let rows = self.store.list(TableSpec::of::<User>(), tenant, query).await?;
        rows.iter().filter_map(|row| row.key.parse().ok().map(|id| Ok((id, row.decode()?)))).collect()
    }

    /// A page of a tenant's users, by id.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn users(&self, tenant: &TenantId, query: ListQuery) -> Result<Vec<UserProfile>, Fault> {
        let mut profiles = Vec::new();
        for (id, user) in self.list(tenant, query).await? {
            let email = personal::read(&*self.store, tenant, &subject(id), "email").await?;
            profiles.push(UserProfile { id, user, email });
        }
        Ok(profiles)
    }

    /// One user.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn user(&self, tenant: &TenantId, id: PrincipalId) -> Result<Option<UserProfile>, Fault> {
        let Some(loaded) = load::<User>(&*self.store, tenant, &id).await? else { return Ok(None) };
        let email = personal::read(&*self.store, tenant, &subject(id), "email").await?;
        Ok(Some(UserProfile { id, user: loaded.state, email }))
    }

    /// Whether there is a user who may act in a role.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn acts_as(&self, tenant: &TenantId, id: PrincipalId, role: &str) -> Result<bool, Fault> {
        let known = load::<User>(&*self.store, tenant, &id).await?;
        let may = |user: User| user.status == UserStatus::Active && user.roles.iter().any(|has| has.as_str() == role);
        Ok(known.is_some_and(|known| may(known.state)))
    }

    /// Whether a user may act, for what began when they could.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn is_active(&self, account: &Account, now: Timestamp) -> Result<bool, Fault> {
        let known = load::<User>(&*self.store, &account.tenant, &account.id).await?;
        let is_allowed = |user: &User| user.status == UserStatus::Active && user.roles.contains(&account.session.role);
        let open = self.sessions(&account.tenant, account.id).await?;
        let is_open = open.iter().any(|(name, _)| *name == account.session_name) && now < account.session.expires_at;
        Ok(is_open && known.is_some_and(|known| is_allowed(&known.state)))
    }

    async fn write(&self, tenant: &TenantId, rows: Vec<RowWrite>) -> Result<(), Fault> {
        use store::CommitError;
        match self.store.write(tenant, rows).await {
            Ok(()) | Err(CommitError::Conflict { .. } | CommitError::Fenced(_)) => Ok(()),
            Err(CommitError::Fault(fault)) => Err(fault),
        }
    }
}

fn subject(id: PrincipalId) -> Subject {
    Subject::new(User::KIND, id)
}

fn password_row(id: PrincipalId, hash: &PasswordHash) -> Result<RowWrite, Fault> {
    Ok(RowWrite::put(PASSWORDS, id.to_string(), Expected::Any, RowBody::new(hash, Vec::new())?))
}

//! One user: what happens to them, who they are, and the rules that lead from one to the other.

use std::collections::BTreeSet;

use kernel::id::PrincipalId;
use kernel::{Aggregate, Code, Decided, EventMeta, Reject, Role, Timestamp};
use serde::{Deserialize, Serialize};

kernel::domain_events! {
    /// What happens to a user.
    pub enum UserEvent {
        "user.invited" 1 => Invited(UserInvited),
        "user.password_set" 1 => PasswordSet(UserPasswordSet),
        "user.password_reset" 1 => PasswordReset(UserPasswordReset),
        "user.roles_changed" 1 => RolesChanged(UserRolesChanged),
        "user.signed_in" 1 => SignedIn(UserSignedIn),
        "user.sign_in_blocked" 1 => SignInBlocked(UserSignInBlocked),
        "user.session_ended" 1 => SessionEnded(UserSessionEnded),
        "user.disabled" 1 => Disabled(UserDisabled),
    }
}

/// Somebody may join, with a one-time code that the administrator hands over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UserInvited {
    /// The name by which the journal and colleagues know the person.
    pub name: String,
    /// SHA-256 commitment to the e-mail address (`kernel::personal`).
    pub email_commitment: String,
    pub roles: BTreeSet<Role>,
}

/// The person chose a password. The journal has neither it nor its hash.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UserPasswordSet {
    /// By what right: `invitation`, `reset` or `password`, the one before.
    pub by: String,
}

/// An administrator gave out a one-time code; the password before is worth nothing any more.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UserPasswordReset {}

/// From the next request on, also of open sessions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UserRolesChanged {
    pub roles: BTreeSet<Role>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UserSignedIn {
    /// The first characters of the session's digest, which name it and open nothing.
    pub session: String,
    /// The client's address.
    pub address: String,
}

/// So many wrong passwords came from one address that it has to wait; other addresses do not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UserSignInBlocked {
    pub address: String,
    pub failures: u32,
    pub until: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UserSessionEnded {
    pub session: String,
    /// `signed_out`, `ended_by_user`, `password_changed` or `expired`.
    pub reason: String,
}

/// Access ends at once and for good.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UserDisabled {
    pub reason: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UserStatus {
    /// Has a one-time code and no password.
    Invited,
    Active,
    Disabled,
}

impl UserStatus {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Invited => "invited",
            Self::Active => "active",
            Self::Disabled => "disabled",
        }
    }
}

/// A person who signs in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct User {
    pub name: String,
    pub email_commitment: String,
    pub roles: BTreeSet<Role>,
    pub status: UserStatus,
    pub created_at: Timestamp,
    pub last_sign_in_at: Option<Timestamp>,
}

impl Aggregate for User {
    type Id = PrincipalId;
    type Event = UserEvent;
    const KIND: &'static str = "user";
    const FOLD_VERSION: u32 = 1;
    const INDEXES: &'static [&'static str] = &["status"];

    fn evolve(state: Option<Self>, event: &UserEvent, meta: &EventMeta) -> Option<Self> {
        use UserEvent as E;
        match (state, event) {
            (None, E::Invited(invited)) => Some(Self {
                name: invited.name.clone(),
                email_commitment: invited.email_commitment.clone(),
                roles: invited.roles.clone(),
                status: UserStatus::Invited,
                created_at: meta.recorded_at,
                last_sign_in_at: None,
            }),
            (Some(user), _) if user.status == UserStatus::Disabled => Some(user),
            (Some(user), E::PasswordSet(_)) => Some(Self { status: UserStatus::Active, ..user }),
            (Some(user), E::PasswordReset(_)) => Some(Self { status: UserStatus::Invited, ..user }),
            (Some(user), E::RolesChanged(changed)) => Some(Self { roles: changed.roles.clone(), ..user }),
            (Some(user), E::SignedIn(_)) => Some(Self { last_sign_in_at: Some(meta.recorded_at), ..user }),
            (Some(user), E::Disabled(_)) => Some(Self { status: UserStatus::Disabled, ..user }),
            (state, _) => state,
        }
    }

    fn index_values(&self) -> Vec<String> {
        vec![self.status.as_str().into()]
    }
}

fn known(state: Option<&User>) -> Result<&User, Reject> {
    match state {
        None => Err(Reject::new(Code::NotFound, "there is no such user")),
        Some(user) if user.status == UserStatus::Disabled => {
            Err(Reject::new(Code::IllegalTransition, "the user is disabled for good: invite the person anew"))
        }
        Some(user) => Ok(user),
    }
}

fn decided(events: Result<Vec<UserEvent>, Reject>) -> Decided<UserEvent, ()> {
    match events {
        Ok(events) if events.is_empty() => Decided::unchanged(()),
        Ok(events) => Decided::accept(events, ()),
        Err(reject) => Decided::reject(reject),
    }
}

/// Invites a person.
pub fn invite(state: Option<&User>, invited: UserInvited) -> Decided<UserEvent, ()> {
    decided(match state {
        Some(_) => Err(Reject::new(Code::Conflict, "this user exists already")),
        None if invited.roles.is_empty() => Err(Reject::invalid_field("/roles", "must have at least one role")),
        None => Ok(vec![invited.into()]),
    })
}

/// Takes the password that the person chose.
pub fn set_password(state: Option<&User>, by: &str) -> Decided<UserEvent, ()> {
    decided(known(state).map(|_| vec![UserPasswordSet { by: by.into() }.into()]))
}

/// Gives out a one-time code; the password before ends.
pub fn reset_password(state: Option<&User>) -> Decided<UserEvent, ()> {
    decided(known(state).map(|_| vec![UserPasswordReset {}.into()]))
}

/// What an administrator's change must know of the others: a tenant is never left without one who can sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Others {
    /// Whether another administrator is active, user or program.
    pub have_administrator: bool,
}

fn keeps_an_administrator(user: &User, roles: &BTreeSet<Role>, others: Others) -> Result<(), Reject> {
    let loses = user.roles.contains(&Role::Administrator) && !roles.contains(&Role::Administrator);
    if loses && !others.have_administrator {
        let text = "is the tenant's last administrator: make another one first";
        return Err(Reject::new(Code::IllegalTransition, format!("{} {text}", user.name)));
    }
    Ok(())
}

/// Gives a user other roles.
pub fn change_roles(state: Option<&User>, roles: &BTreeSet<Role>, others: Others) -> Decided<UserEvent, ()> {
    decided(known(state).and_then(|user| {
        if roles.is_empty() {
            return Err(Reject::invalid_field("/roles", "must have at least one role"));
        }
        keeps_an_administrator(user, roles, others)?;
        let is_same = user.roles == *roles;
        Ok(if is_same { Vec::new() } else { vec![UserRolesChanged { roles: roles.clone() }.into()] })
    }))
}

/// Ends a user's access; never one's own.
pub fn disable(state: Option<&User>, is_own: bool, others: Others, reason: &str) -> Decided<UserEvent, ()> {
    if state.is_some_and(|user| user.status == UserStatus::Disabled) {
        return Decided::unchanged(());
    }
    decided(known(state).and_then(|user| {
        if is_own {
            let text = "nobody ends their own access: let another administrator do it";
            return Err(Reject::new(Code::IllegalTransition, text));
        }
        keeps_an_administrator(user, &BTreeSet::new(), others)?;
        Ok(vec![UserDisabled { reason: reason.into() }.into()])
    }))
}

/// Writes down what happened with the user's sessions and sign-ins; a user who is gone has no more history.
pub fn note(state: Option<&User>, event: UserEvent) -> Decided<UserEvent, ()> {
    decided(state.map(|_| vec![event]).ok_or_else(|| Reject::new(Code::NotFound, "there is no such user")))
}

#[cfg(test)]
mod tests {
    use kernel::testing::{accepts, check, refuses, unchanged};

    use super::*;

    fn invited(roles: &[Role]) -> UserInvited {
        UserInvited { name: "Ana".into(), email_commitment: "c".into(), roles: roles.iter().copied().collect() }
    }

    fn active(roles: &[Role]) -> Vec<UserEvent> {
        vec![invited(roles).into(), UserPasswordSet { by: "invitation".into() }.into()]
    }

    const ALONE: Others = Others { have_administrator: false };
    const NOT_ALONE: Others = Others { have_administrator: true };

    #[test]
    fn a_person_is_invited_once_with_a_role() {
        let invite_as = |roles: &'static [Role]| move |state: Option<&User>| invite(state, invited(roles));
        check([], invite_as(&[]), refuses(Code::InvalidRequest));
        let user = check([], invite_as(&[Role::Viewer]), accepts([invited(&[Role::Viewer]).into()], ())).unwrap();
        assert_eq!(user.status, UserStatus::Invited);
        check(active(&[Role::Viewer]), invite_as(&[Role::Viewer]), refuses(Code::Conflict));
    }

    #[test]
    fn a_tenant_keeps_an_administrator() {
        let to = |others| move |state: Option<&User>| change_roles(state, &[Role::Viewer].into(), others);
        let changed: UserEvent = UserRolesChanged { roles: [Role::Viewer].into() }.into();
        check(active(&[Role::Administrator]), to(ALONE), refuses(Code::IllegalTransition));
        check(active(&[Role::Administrator]), to(NOT_ALONE), accepts([changed], ()));
        check(active(&[Role::Viewer]), to(ALONE), unchanged(()));
        let end = |is_own, others| move |state: Option<&User>| disable(state, is_own, others, "left");
        let ended: UserEvent = UserDisabled { reason: "left".into() }.into();
        check(active(&[Role::Administrator]), end(false, ALONE), refuses(Code::IllegalTransition));
        check(active(&[Role::Viewer]), end(true, NOT_ALONE), refuses(Code::IllegalTransition));
        let gone = check(active(&[Role::Administrator]), end(false, NOT_ALONE), accepts([ended.clone()], ())).unwrap();
        assert_eq!(gone.status, UserStatus::Disabled);
        let mut after = active(&[Role::Viewer]);
        after.push(ended);
        check(after.clone(), |state: Option<&User>| set_password(state, "reset"), refuses(Code::IllegalTransition));
        check(after, end(false, NOT_ALONE), unchanged(()));
    }
}

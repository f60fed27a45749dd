//! A principal: a person or a program that acts for a tenant in one role.

use kernel::decided::Aggregate;
use kernel::id::PrincipalId;
use kernel::{Code, Decided, EventMeta, Reject, Role, Timestamp};
use serde::{Deserialize, Serialize};

kernel::domain_events! {
    /// What happens to a principal.
    pub enum PrincipalEvent {
        "principal.created" 1 => Created(PrincipalCreated),
        "principal.token_issued" 1 => TokenIssued(PrincipalTokenIssued),
        "principal.revoked" 1 => Revoked(PrincipalRevoked),
        "principal.named" 1 => Named(PrincipalNamed),
    }
}

/// The principal exists from now on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PrincipalCreated {
    pub role: Role,
}

/// It got a token. The journal has neither the token nor its digest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PrincipalTokenIssued {
    pub purpose: String,
    /// When it stops working by itself; never, where nobody said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

/// Its tokens are worth nothing any more.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PrincipalRevoked {
    pub reason: String,
}

/// It has a name. Whoever gives it knows that the journal keeps it: it names a duty, not a person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PrincipalNamed {
    pub name: String,
}

/// A principal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Principal {
    pub role: Role,
    /// What it is there for, if anybody said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    pub tokens_issued: u64,
    /// Whether its tokens are worth nothing any more.
    pub revoked: bool,
    pub created_at: Timestamp,
    /// When its token stops working by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

impl Principal {
    /// Whether its token lets it in at this moment.
    pub fn is_active(&self, now: Timestamp) -> bool {
        !self.revoked && self.expires_at.is_none_or(|end| now < end)
    }
}

impl Aggregate for Principal {
    type Id = PrincipalId;
    type Event = PrincipalEvent;
    const KIND: &'static str = "principal";
    const FOLD_VERSION: u32 = 1;
    const INDEXES: &'static [&'static str] = &["role"];

    fn evolve(state: Option<Self>, event: &PrincipalEvent, meta: &EventMeta) -> Option<Self> {
        match (state, event) {
            (None, PrincipalEvent::Created(created)) => {
                let (role, created_at) = (created.role, meta.recorded_at);
                Some(Self { role, name: None, tokens_issued: 0, revoked: false, created_at, expires_at: None })
            }
            (Some(state), PrincipalEvent::TokenIssued(issued)) => {
                Some(Self { tokens_issued: state.tokens_issued + 1, expires_at: issued.expires_at, ..state })
            }
            (Some(state), PrincipalEvent::Revoked(_)) => Some(Self { revoked: true, ..state }),
            (Some(state), PrincipalEvent::Named(named)) => Some(Self { name: Some(named.name.clone()), ..state }),
            (state, _) => state,
        }
    }

    fn index_values(&self) -> Vec<String> {
        vec![self.role.as_str().into()]
    }
}

/// Whether an event of this type can end what somebody was let in for: one of a principal, or of a person who signs in.
pub fn changes_access(event_type: &str) -> bool {
    event_type.split_once('.').is_some_and(|(kind, _)| kind == Principal::KIND || kind == "user")
}

/// Makes a principal with its first token.
pub fn create(
    state: Option<&Principal>,
    role: Role,
    name: Option<&str>,
    issued: &PrincipalTokenIssued,
) -> Decided<PrincipalEvent, ()> {
    if state.is_some() {
        return Decided::reject(Reject::new(Code::Conflict, "this principal exists already"));
    }
    let named = name.map(|name| PrincipalNamed { name: name.into() }.into());
    let events = [PrincipalCreated { role }.into()].into_iter().chain(named).chain([issued.clone().into()]);
    Decided::accept(events.collect::<Vec<PrincipalEvent>>(), ())
}

/// Ends a principal's access; never one's own, so that whoever ends another's is left.
pub fn revoke(state: Option<&Principal>, is_own: bool, reason: &str) -> Decided<PrincipalEvent, ()> {
    match state {
        Some(_) if is_own => {
            let text = "nobody ends their own access: let another administrator do it";
            Decided::reject(Reject::new(Code::IllegalTransition, text))
        }
        None => Decided::reject(Reject::new(Code::NotFound, "there is no such principal")),
        Some(principal) if principal.revoked => Decided::unchanged(()),
        Some(_) => Decided::accept([PrincipalRevoked { reason: reason.into() }.into()], ()),
    }
}

#[cfg(test)]
mod tests {
    use kernel::testing::{START, accepts, check, fold, refuses, unchanged};

    use super::*;

    fn created(role: Role) -> PrincipalEvent {
        PrincipalCreated { role }.into()
    }

    fn token() -> PrincipalTokenIssued {
        PrincipalTokenIssued { purpose: "why".into(), expires_at: None }
    }

    fn issued() -> PrincipalEvent {
        token().into()
    }

    fn revoked() -> PrincipalEvent {
        PrincipalRevoked { reason: "why".into() }.into()
    }

    #[test]
    fn a_principal_is_made_once_with_a_role_and_a_token() {
        for &role in Role::ALL {
            let make = |state: Option<&Principal>| create(state, role, None, &token());
            let made = check([], make, accepts([created(role), issued()], ())).unwrap();
            let (tokens_issued, created_at, expires_at) = (1, START, None);
            assert_eq!(made, Principal { role, name: None, tokens_issued, revoked: false, created_at, expires_at });
            assert_eq!((made.index_values(), made.due_at()), (vec![role.as_str().to_owned()], None));
            let name = PrincipalNamed { name: "gate 3".into() }.into();
            let named = |state: Option<&Principal>| create(state, role, Some("gate 3"), &token());
            let made = check([], named, accepts([created(role), name, issued()], ())).unwrap();
            assert_eq!((made.role, made.name.as_deref()), (role, Some("gate 3")));
            check([created(Role::Viewer), issued()], make, refuses(Code::Conflict));
            check([created(Role::Viewer), revoked()], make, refuses(Code::Conflict));
        }
    }

    #[test]
    fn every_event_of_a_principal_can_change_access_and_no_other() {
        for (event_type, _) in <PrincipalEvent as kernel::DomainEvent>::types() {
            assert!(changes_access(event_type), "{event_type}");
        }
        assert!(!changes_access("principals.counted") && !changes_access("trip.principal") && !changes_access(""));
    }

    #[test]
    fn a_token_with_an_end_works_until_then() {
        let end = START.plus_ms(60_000);
        let expiring = PrincipalTokenIssued { expires_at: Some(end), ..token() };
        let known: Principal = fold(&[created(Role::Viewer), expiring.into()]).unwrap();
        assert!(known.is_active(end.plus_ms(-1)) && !known.is_active(end));
        let lasting: Principal = fold(&[created(Role::Viewer), issued()]).unwrap();
        assert!(lasting.is_active(end.plus_ms(1_000_000_000_000)));
    }

    #[test]
    fn access_ends_once_and_for_good() {
        let end = |state: Option<&Principal>| revoke(state, false, "why");
        let own = |state: Option<&Principal>| revoke(state, true, "why");
        check([created(Role::Administrator), issued()], own, refuses(Code::IllegalTransition));
        check([], end, refuses(Code::NotFound));
        let before = [created(Role::Dispatcher), issued()];
        let ended = check(before, end, accepts([revoked()], ())).unwrap();
        assert!(ended.revoked && ended.role == Role::Dispatcher);
        check([created(Role::Dispatcher), revoked()], end, unchanged(()));
        for later in [issued(), created(Role::Administrator)] {
            let after: Principal = fold(&[created(Role::Viewer), revoked(), later]).unwrap();
            assert_eq!((after.revoked, after.role), (true, Role::Viewer), "nothing gives access back or another role");
        }
        for first in [issued(), revoked()] {
            assert_eq!(fold::<Principal>(&[first]), None);
        }
    }
}

//! Who is who. Vehicles: SPIFFE ids, enrolment, certificates and their end; the keys and authorities behind them. People:
//! users of a tenant with a name, an e-mail address and roles, who sign in with a password and hold sessions.
//!
//! A user is a principal, so that the journal's actors, permissions and policies make no difference between a person and
//! a program. Passwords, invitations and sessions are kept as digests only. The e-mail address is personal: the journal has
//! a commitment to it, and the address itself stands beside it.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking"))]

pub mod keyring;
mod lockout;
mod one_time;
mod password;
pub mod permissions;
mod service;
mod sessions;
mod user;
pub mod vehicles;

use domain::{AggregateSpec, Domain};
use policy::PolicyModule;

pub use lockout::SIGN_IN_FAILURES;
pub use one_time::ONE_TIME_CODES;
pub use password::{PASSWORD_CHARS_MAX, PASSWORD_CHARS_MIN, PASSWORDS, PasswordHash, check_password};
pub use permissions::MAY_MANAGE_USERS;
pub use service::{Account, Client, People, SignIn, USER_EMAILS, UserProfile};
pub use sessions::{IDLE_MS, LIFETIME_MS, OpenSession, SESSIONS, Session};
pub use user::{User, UserEvent, UserStatus};

/// What can happen to a user, for fixtures.
pub mod events {
    pub use crate::user::{
        UserDisabled, UserInvited, UserPasswordReset, UserPasswordSet, UserRolesChanged, UserSessionEnded,
        UserSignInBlocked, UserSignedIn,
    };
}

/// What the domain consists of.
pub const DOMAIN: Domain = Domain {
    name: "identity",
    aggregates: &[
        AggregateSpec::of::<User>(),
        AggregateSpec::of::<keyring::register::KeyRegister>(),
        AggregateSpec::of::<vehicles::VehicleIdentity>(),
    ],
    tables: &[
        ONE_TIME_CODES,
        SESSIONS,
        SIGN_IN_FAILURES,
        PASSWORDS,
        USER_EMAILS,
        vehicles::JOIN_TOKENS,
        vehicles::DEVICE_CERTIFICATES,
    ],
    policy: PolicyModule { actions: &[], sources: &[] },
};

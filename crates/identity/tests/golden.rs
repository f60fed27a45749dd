//! Events and states of this domain as they were first written; they are read for ever.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::path::Path;

use identity::User;
use identity::events::{
    UserDisabled, UserInvited, UserPasswordReset, UserPasswordSet, UserRolesChanged, UserSessionEnded,
    UserSignInBlocked, UserSignedIn,
};
use kernel::Role;
use kernel::testing::{START, golden};

#[test]
fn a_user_is_read_as_it_was_written() {
    let session = || "0123456789abcdef".to_owned();
    let history = [
        UserInvited {
            name: "Ana Diaz".into(),
            email_commitment: "ab".repeat(32),
            roles: [Role::Dispatcher, Role::SecurityAnalyst].into(),
        }
        .into(),
        UserPasswordSet { by: "invitation".into() }.into(),
        UserSignedIn { session: session(), address: "203.0.113.7".into() }.into(),
        UserSignInBlocked { address: "203.0.113.8".into(), failures: 5, until: START.plus_ms(60_000) }.into(),
        UserSessionEnded { session: session(), reason: "signed_out".into() }.into(),
        UserRolesChanged { roles: [Role::Viewer].into() }.into(),
        UserPasswordReset {}.into(),
        UserDisabled { reason: "left".into() }.into(),
    ];
    golden::check::<User>(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/user"), &history);
}

//! Events and states of this domain as they were first written; they are read for ever.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::path::Path;

use approvals::events::{
    ApprovalApproved, ApprovalAsked, ApprovalDone, ApprovalExpired, ApprovalFailed, ApprovalRejected, ApprovalWithdrawn,
};
use approvals::{Approval, Person, VALID_MS};
use kernel::testing::{START, golden};
use kernel::{Role, Subject};

#[test]
fn an_approval_is_read_as_it_was_written() {
    let person = |id: &str, role: &str| Person { id: id.into(), role: role.into() };
    let history = [
        ApprovalAsked {
            command: "hold.release".into(),
            subject: Subject::new("vehicle", "veh_0000000000000000000000000a"),
            summary: "Release the hold (grounded) of another on truck-07".into(),
            reason: "the brakes are new".into(),
            arguments: serde_json::json!({ "hold": "hold_0000000000000000000000000b" }),
            deciding_roles: [Role::Administrator, Role::SafetyOfficer].into(),
            by: person("prin_0000000000000000000000000c", "dispatcher"),
            expires_at: START.plus_ms(VALID_MS),
        }
        .into(),
        ApprovalApproved { by: person("prin_0000000000000000000000000d", "safety_officer"), reason: "ok".into() }
            .into(),
        ApprovalDone {}.into(),
        ApprovalRejected { by: person("prin_0000000000000000000000000d", "safety_officer"), reason: "no".into() }
            .into(),
        ApprovalExpired {}.into(),
        ApprovalFailed { code: "NOT_FOUND".into(), reason: "it is gone".into() }.into(),
        ApprovalWithdrawn { reason: "who asked has left".into() }.into(),
    ];
    golden::check::<Approval>(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/approval"), &history);
}

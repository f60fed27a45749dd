//! Commands as the server writes them. Class and expiry follow from the body, so that no caller can label a dispatch
//! restrictive or let a stop expire.

use kernel::assist::Answer;
use kernel::{CommandId, Timestamp};

use crate::delivery::Class;
use crate::v1;

/// How long a permissive command may be acted on, in milliseconds: long enough for one lost connection, shorter than
/// dispatch waits for an answer, so that a vehicle never acts on what was given to another.
pub const PERMISSIVE_VALID_MS: i64 = 10_000;

/// The class of a body.
pub fn class_of(body: &v1::command::Body) -> Class {
    use v1::command::Body as B;
    match body {
        B::Stop(_) | B::Slow(_) | B::Cancel(_) | B::Ground(_) | B::Quarantine(_) | B::SiteRules(_) => {
            Class::Restrictive
        }
        B::AssistAnswer(answer) if answer.answer == Answer::Stop.as_str() => Class::Restrictive,
        B::Dispatch(_)
        | B::Reroute(_)
        | B::Resume(_)
        | B::Clearance(_)
        | B::Diagnose(_)
        | B::PolicyBundle(_)
        | B::UpdateOffered(_)
        | B::AssistAnswer(_) => Class::Permissive,
    }
}

/// When a command issued at `issued_at` expires; `None`: never.
pub fn expires_at(body: &v1::command::Body, issued_at: Timestamp) -> Option<Timestamp> {
    (class_of(body) == Class::Permissive).then(|| issued_at.plus_ms(PERMISSIVE_VALID_MS))
}

/// A command that carries `body`, acting under `claim_epoch` (0 where none is needed).
pub fn command(id: CommandId, claim_epoch: u64, issued_at: Timestamp, body: v1::command::Body) -> v1::Command {
    let class = match class_of(&body) {
        Class::Permissive => v1::CommandClass::Permissive,
        Class::Restrictive => v1::CommandClass::Restrictive,
    };
    v1::Command {
        command_id: id.to_string(),
        claim_epoch,
        class: class.into(),
        expires_at_us: expires_at(&body, issued_at).map_or(0, Timestamp::as_us),
        issued_at_us: issued_at.as_us(),
        body: Some(body),
    }
}

/// The message that carries a command.
pub fn message(command: v1::Command) -> v1::ToVehicle {
    v1::ToVehicle { message: Some(v1::to_vehicle::Message::Command(command)) }
}

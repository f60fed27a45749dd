//! The life of a command: issued → delivered → accepted or rejected → done or expired. Both ends fold the same table,
//! so "was it delivered?" has one answer, and a report that comes late or twice changes nothing.

use kernel::Timestamp;

/// Whether a command gives motion or takes it (SAFE-6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Gives: expires, needs the current claim epoch.
    Permissive,
    /// Takes: never expires, is never refused.
    Restrictive,
}

/// How far a command got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Delivery {
    /// It is in the journal; nobody has seen it yet.
    Issued,
    /// The vehicle has it.
    Delivered,
    /// The vehicle acts on it.
    Accepted,
    /// The vehicle refuses it.
    Rejected,
    /// What it wanted is so.
    Done,
    /// Its time ran out before the vehicle acted on it.
    Expired,
}

/// A step that the life of a command does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a {class:?} command cannot go from {from:?} to {to:?}")]
pub struct IllegalMove {
    /// The class of the command.
    pub class: Class,
    /// Where it is.
    pub from: Delivery,
    /// Where it should have gone.
    pub to: Delivery,
}

/// What a report about a command changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Move {
    /// The command is now there.
    To(Delivery),
    /// Known already, or overtaken.
    Nothing,
}

impl Delivery {
    /// Whether nothing can follow.
    pub fn is_final(self) -> bool {
        matches!(self, Delivery::Rejected | Delivery::Done | Delivery::Expired)
    }

    /// Where a command is after the other end says `to`. Steps may be skipped forwards, because a later report implies
    /// the earlier ones; a report of an earlier step came late and changes nothing.
    ///
    /// # Errors
    /// An end that contradicts the end already reached or the class: accepted after expired, a refused restriction.
    pub fn advance(self, class: Class, to: Delivery) -> Result<Move, IllegalMove> {
        use Delivery::{Accepted, Delivered, Done, Expired, Issued, Rejected};
        let illegal = Err(IllegalMove { class, from: self, to });
        if class == Class::Restrictive && matches!(to, Rejected | Expired) {
            return illegal;
        }
        match (self, to) {
            (from, to) if from == to => Ok(Move::Nothing),
            (_, Issued) | (Accepted | Rejected | Done | Expired, Delivered) | (Done, Accepted) => Ok(Move::Nothing),
            (Issued | Delivered, _) | (Accepted, Done) => Ok(Move::To(to)),
            (Accepted | Rejected | Done | Expired, _) => illegal,
        }
    }
}

/// What the server does with a command when a session begins or time passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Redelivery {
    /// Send it, again.
    Send,
    /// Its time ran out: record EXPIRED, send nothing.
    Expire,
    /// Nothing to do.
    Nothing,
}

/// Whether a restrictive command holds the vehicle, by its own Hello.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// It is in the list.
    Yes,
    /// It is not.
    No,
}

/// What to do with a command in a new session. A restrictive command goes out until the vehicle holds it, also after
/// the vehicle lost its storage; a permissive one only while it is fresh and unanswered.
pub fn redeliver(
    class: Class,
    state: Delivery,
    expires_at: Option<Timestamp>,
    now: Timestamp,
    held: Held,
) -> Redelivery {
    match class {
        Class::Restrictive if state.is_final() || held == Held::Yes => Redelivery::Nothing,
        Class::Restrictive => Redelivery::Send,
        Class::Permissive if !matches!(state, Delivery::Issued | Delivery::Delivered) => Redelivery::Nothing,
        Class::Permissive if expires_at.is_none_or(|end| now >= end) => Redelivery::Expire,
        Class::Permissive => Redelivery::Send,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Class::{Permissive, Restrictive};
    use Delivery::{Accepted, Delivered, Done, Expired, Issued, Rejected};

    #[test]
    fn the_table() {
        let check = |class: Class, from: Delivery, to: Delivery, then: Option<Move>| {
            assert_eq!(from.advance(class, to).ok(), then, "{class:?} {from:?} {to:?}");
        };
        check(Permissive, Issued, Delivered, Some(Move::To(Delivered)));
        check(Permissive, Issued, Accepted, Some(Move::To(Accepted)));
        check(Permissive, Delivered, Rejected, Some(Move::To(Rejected)));
        check(Permissive, Delivered, Expired, Some(Move::To(Expired)));
        check(Permissive, Accepted, Done, Some(Move::To(Done)));
        check(Permissive, Accepted, Delivered, Some(Move::Nothing));
        check(Permissive, Done, Accepted, Some(Move::Nothing));
        check(Permissive, Done, Done, Some(Move::Nothing));
        check(Permissive, Expired, Accepted, None);
        check(Permissive, Rejected, Done, None);
        check(Permissive, Accepted, Expired, None);
        check(Restrictive, Issued, Expired, None);
        check(Restrictive, Delivered, Rejected, None);
        check(Restrictive, Delivered, Done, Some(Move::To(Done)));
    }

    #[test]
    fn restrictive_commands_go_out_until_they_hold_and_permissive_ones_only_while_fresh() {
        let (now, later) = (Timestamp::from_ms(1_000), Timestamp::from_ms(2_000));
        let check = |class, state, expires_at, held, then| {
            assert_eq!(redeliver(class, state, expires_at, now, held), then, "{class:?} {state:?}");
        };
        check(Restrictive, Issued, None, Held::No, Redelivery::Send);
        check(Restrictive, Accepted, None, Held::No, Redelivery::Send);
        check(Restrictive, Accepted, None, Held::Yes, Redelivery::Nothing);
        check(Restrictive, Done, None, Held::No, Redelivery::Nothing);
        check(Permissive, Issued, Some(later), Held::No, Redelivery::Send);
        check(Permissive, Issued, Some(now), Held::No, Redelivery::Expire);
        check(Permissive, Accepted, Some(later), Held::No, Redelivery::Nothing);
    }
}

//! Counting what is used: reserve before, commit after, release what was not needed. Every step is named by a key, so that a
//! step that is repeated counts once; what is never committed expires by itself.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::catalogue::Limit;
use crate::period::Period;

/// The longest that a reservation lasts.
pub const RESERVATION_MAX_MS: i64 = 7 * 86_400_000;
/// The most keys that are remembered at once.
pub const OPEN_MAX: usize = 100_000;

/// The count of one feature of one tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Meter {
    pub limit: Limit,
    pub period: Period,
    period_start_ms: i64,
    committed: u64,
    entries: BTreeMap<String, Entry>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Entry {
    Reserved { amount: u64, expires_at_ms: i64 },
    Committed { amount: u64 },
    Released,
}

/// What a step did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Done,
    /// The key has done it before; nothing changed.
    Repeated,
}

/// What a commit took, of what was reserved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settled {
    pub outcome: Outcome,
    pub amount: u64,
}

/// Why a step is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MeterError {
    #[error("{used} of {limit} are used, so {requested} more are too many")]
    LimitExceeded { limit: Limit, used: u64, requested: u64 },
    #[error("the key `{0}` has been used for something else")]
    Conflict(String),
    #[error("the key `{0}` reserves nothing, or not any more")]
    Unknown(String),
    #[error("the key `{key}` has reserved {reserved}, so {amount} cannot be taken")]
    MoreThanReserved { key: String, reserved: u64, amount: u64 },
    #[error("more than {OPEN_MAX} reservations are open")]
    TooMany,
}

impl Meter {
    /// A count that begins.
    #[must_use]
    pub fn new(limit: Limit, period: Period, now_ms: i64) -> Self {
        Self { limit, period, period_start_ms: period.start_of(now_ms), committed: 0, entries: BTreeMap::new() }
    }

    /// What is used for good in this period.
    #[must_use]
    pub fn committed(&self) -> u64 {
        self.committed
    }

    /// What is used, with what is reserved and has not expired.
    #[must_use]
    pub fn used(&self, now_ms: i64) -> u64 {
        let reserved = self.entries.values().map(|entry| match *entry {
            Entry::Reserved { amount, expires_at_ms } if expires_at_ms > now_ms => amount,
            _ => 0,
        });
        let committed = if self.period.start_of(now_ms) > self.period_start_ms { 0 } else { self.committed };
        reserved.fold(committed, u64::saturating_add)
    }

    /// Forgets what has expired and, where a period has ended, what was used in it. A clock that goes back ends no period.
    pub fn roll(&mut self, now_ms: i64) {
        self.entries
            .retain(|_, entry| !matches!(*entry, Entry::Reserved { expires_at_ms, .. } if expires_at_ms <= now_ms));
        let start = self.period.start_of(now_ms);
        if start > self.period_start_ms {
            self.period_start_ms = start;
            self.committed = 0;
            self.entries.retain(|_, entry| matches!(entry, Entry::Reserved { .. }));
        }
    }

    /// Keeps an amount for a key until it is committed, released, or `for_ms` have passed.
    ///
    /// # Errors
    /// [`MeterError::LimitExceeded`]; or the key is in use for another amount.
    pub fn reserve(&mut self, key: &str, amount: u64, for_ms: i64, now_ms: i64) -> Result<Outcome, MeterError> {
        self.hold(key, amount, for_ms, now_ms, false)
    }

    /// The same for an exempt operation: counted, never refused for the limit's sake.
    ///
    /// # Errors
    /// The key is in use for another amount, or too many are open.
    pub fn reserve_exempt(&mut self, key: &str, amount: u64, for_ms: i64, now_ms: i64) -> Result<Outcome, MeterError> {
        self.hold(key, amount, for_ms, now_ms, true)
    }

    fn hold(&mut self, key: &str, amount: u64, for_ms: i64, now_ms: i64, exempt: bool) -> Result<Outcome, MeterError> {
        self.roll(now_ms);
        match self.entries.get(key) {
            Some(&(Entry::Reserved { amount: had, .. } | Entry::Committed { amount: had })) if had == amount => {
                return Ok(Outcome::Repeated);
            }
            Some(_) => return Err(MeterError::Conflict(key.to_owned())),
            None => {}
        }
        let used = self.used(now_ms);
        if !exempt && !self.limit.covers(used.saturating_add(amount)) {
            return Err(MeterError::LimitExceeded { limit: self.limit, used, requested: amount });
        }
        self.make_room()?;
        let expires_at_ms = now_ms.saturating_add(for_ms.clamp(0, RESERVATION_MAX_MS));
        self.entries.insert(key.to_owned(), Entry::Reserved { amount, expires_at_ms });
        Ok(Outcome::Done)
    }

    /// Where too many keys are remembered, those that hold nothing are forgotten first.
    fn make_room(&mut self) -> Result<(), MeterError> {
        if self.entries.len() >= OPEN_MAX {
            self.entries.retain(|_, entry| !matches!(entry, Entry::Released));
        }
        if self.entries.len() >= OPEN_MAX { Err(MeterError::TooMany) } else { Ok(()) }
    }

    /// Uses an amount of what a key reserved; the rest is free again.
    ///
    /// # Errors
    /// Nothing is reserved under the key, or less.
    pub fn commit(&mut self, key: &str, amount: u64, now_ms: i64) -> Result<Settled, MeterError> {
        self.roll(now_ms);
        match self.entries.get(key).copied() {
            Some(Entry::Reserved { amount: reserved, .. }) if amount <= reserved => {
                self.committed = self.committed.saturating_add(amount);
                self.entries.insert(key.to_owned(), Entry::Committed { amount });
                Ok(Settled { outcome: Outcome::Done, amount })
            }
            Some(Entry::Reserved { amount: reserved, .. }) => {
                Err(MeterError::MoreThanReserved { key: key.to_owned(), reserved, amount })
            }
            Some(Entry::Committed { amount: had }) if had == amount => {
                Ok(Settled { outcome: Outcome::Repeated, amount })
            }
            Some(Entry::Committed { .. }) => Err(MeterError::Conflict(key.to_owned())),
            Some(Entry::Released) | None => Err(MeterError::Unknown(key.to_owned())),
        }
    }

    /// Gives back what a key holds: what it reserved, and what it committed where the count has no period, because there one
    /// counts what is there at the same time. A key that is not known holds nothing, which is as good as given back.
    ///
    /// # Errors
    /// It is used for good in this period.
    pub fn release(&mut self, key: &str, now_ms: i64) -> Result<Outcome, MeterError> {
        self.roll(now_ms);
        match self.entries.get(key).copied() {
            Some(Entry::Reserved { .. }) => {}
            Some(Entry::Committed { amount }) if self.period == Period::None => {
                self.committed = self.committed.saturating_sub(amount);
            }
            Some(Entry::Committed { .. }) => return Err(MeterError::Conflict(key.to_owned())),
            Some(Entry::Released) | None => return Ok(Outcome::Repeated),
        }
        self.entries.insert(key.to_owned(), Entry::Released);
        Ok(Outcome::Done)
    }
}

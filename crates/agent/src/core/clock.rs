//! The server's time as far as the vehicle can know it, and how long a claim lasts by the vehicle's own monotonic
//! clock (SAFE-6, -7, -9). Every estimate errs to the side on which the vehicle stops: what permits and what begins is
//! compared with the latest that the server's time can be, what ends a restriction with the earliest.

use kernel::{Timestamp, TripId};

/// After so long without an answer the server's time counts as unknown, in milliseconds: one hour of drift.
const KNOWN_FOR_MS: u64 = 3_600_000;
/// The drift allowed for, in parts per million: twice that of a cheap quartz.
const DRIFT_PPM: u64 = 200;

/// Between which times the server's time lies.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ServerClock {
    latest: Option<(u64, Timestamp)>,
    earliest: Option<(u64, Timestamp)>,
}

impl ServerClock {
    /// The latest that the server's time can be at `now_ms`; `None`: unknown.
    pub fn latest(&self, now_ms: u64) -> Option<Timestamp> {
        let (at_ms, latest) = self.latest?;
        let passed_ms = now_ms.saturating_sub(at_ms);
        let passed_ms = (passed_ms <= KNOWN_FOR_MS).then_some(passed_ms + passed_ms * DRIFT_PPM / 1_000_000 + 1)?;
        Some(latest.plus_ms(passed_ms as i64))
    }

    /// The earliest and the latest that the server's time can be at `now_ms`; `None`: unknown.
    pub fn between(&self, now_ms: u64) -> Option<(Timestamp, Timestamp)> {
        let latest = self.latest(now_ms)?;
        let (at_ms, earliest) = self.earliest?;
        let passed_ms = now_ms.saturating_sub(at_ms);
        let passed_ms = passed_ms - passed_ms * DRIFT_PPM / 1_000_000;
        Some((earliest.plus_ms(passed_ms as i64).min(latest), latest))
    }

    /// Takes the answer to a message that left at `sent_ms`: the server read its clock somewhere in between.
    pub fn answered(&mut self, server_time: Timestamp, sent_ms: u64, now_ms: u64) {
        let bound = server_time.plus_ms(now_ms.saturating_sub(sent_ms) as i64);
        let known = self.latest(now_ms).filter(|known| *known >= server_time);
        self.latest = Some((now_ms, known.map_or(bound, |known| known.min(bound))));
        self.not_before(server_time, now_ms);
    }

    /// Takes a time that came unasked. It may be old; but the server's time is at least that.
    pub fn at_least(&mut self, server_time: Timestamp, now_ms: u64) {
        if self.latest(now_ms).is_some_and(|known| known < server_time) {
            self.latest = Some((now_ms, server_time));
        }
        if self.latest.is_some() {
            self.not_before(server_time, now_ms);
        }
    }

    /// The server's time is at least this now.
    fn not_before(&mut self, server_time: Timestamp, now_ms: u64) {
        let known = self.between(now_ms).map(|(earliest, _)| earliest);
        self.earliest = Some((now_ms, known.map_or(server_time, |known| known.max(server_time))));
    }
}

/// A claim while it is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LiveClaim {
    pub trip: TripId,
    pub epoch: u64,
    pub until_ms: u64,
}

impl LiveClaim {
    /// A claim valid for so long from a server time; `None`: over already, or nobody can tell.
    pub fn new(
        (trip, epoch): (TripId, u64),
        from: Timestamp,
        valid_for_ms: u64,
        clock: &ServerClock,
        now_ms: u64,
    ) -> Option<Self> {
        let passed_ms = u64::try_from(clock.latest(now_ms)?.since_ms(from)).unwrap_or(0);
        let left_ms = valid_for_ms.checked_sub(passed_ms).filter(|left_ms| *left_ms > 0)?;
        Some(Self { trip, epoch, until_ms: now_ms + left_ms - left_ms * DRIFT_PPM / 1_000_000 })
    }
}

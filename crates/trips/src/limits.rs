//! Every deadline and every cap of this crate, each with its reason. Deadlines enter the journal as times, inside the
//! events that set them, so changing one here never changes how old events are read.

use kernel::Timestamp;

/// How long an assigned vehicle may take to answer, in milliseconds: a round trip over a slow mobile link with two
/// retries. Longer and the client waits for a vehicle that will not come.
pub const ACCEPT_TIMEOUT_MS: i64 = 15_000;
/// How long a vehicle may take to take another route, in milliseconds: as long as the command is valid (10 s), and what its
/// answer needs over a slow link.
pub const REROUTE_TIMEOUT_MS: i64 = 12_000;
/// How long one person may have a request for assistance without a word, in milliseconds: long enough to look around
/// through a camera, short enough that one who was called away keeps nobody waiting.
pub const ASSIST_LEASE_MS: i64 = 5 * 60_000;
/// How long a vehicle may take to speak to an answer, in milliseconds: longer than an order to go on, whose refusal tells
/// more.
pub const ASSIST_ANSWER_TIMEOUT_MS: i64 = 15_000;
/// How many answers a request remembers; the journal has them all.
pub const ANSWERS_MAX: usize = 32;
/// How long a standing order waits before it asks again after a refusal or a trip that was not done, in milliseconds:
/// closures and holds end in minutes, and each asking is a decision in the journal.
pub const STANDING_RETRY_MS: i64 = 60_000;
/// The most trips that a standing order has open at once: the vehicles of one loading point.
pub const STANDING_AT_ONCE_MAX: u64 = 32;
/// The most trips of one standing order: a shift of a large mine.
pub const STANDING_TRIPS_MAX: u64 = 10_000;
/// The most that one standing order moves, in kilograms: a month of a large mine.
pub const STANDING_QUANTITY_KG_MAX: f64 = 1e11;
/// How long a claim is valid without renewal, in seconds, where the operator says nothing (SAFE-7's default).
pub const CLAIM_VALID_FOR_S: u64 = 120;
/// The longest that a vehicle waits before it tries to connect again, in milliseconds, and a handshake more.
const RECONNECT_MS: i64 = 15_000;
/// How long a trip waits for a vehicle before it expires, in milliseconds, where its time window says nothing.
pub const WAIT_MAX_MS: i64 = 30 * 60_000;
/// How long a trip that lost its vehicle waits for another at least, in milliseconds: it was not late by its own fault.
pub const REASSIGN_WAIT_MS: i64 = 10 * 60_000;
/// How long before its earliest pickup a scheduled trip begins to look for a vehicle, in milliseconds.
pub const SCHEDULE_LEAD_MS: i64 = 10 * 60_000;
/// How far ahead a trip may be scheduled, in milliseconds: ninety days; maps and policies of then are not known.
pub const SCHEDULE_AHEAD_MAX_MS: i64 = 90 * 86_400_000;
/// The longest time of arrival that a vehicle's estimate is believed to, in milliseconds: a day; more is a fault of its
/// computer, and a time beyond the year 9999 could not be read back.
pub const ETA_MAX_MS: u64 = 86_400_000;
/// The largest whole number of a report: canonical JSON (RFC 8785) has no exact ones beyond.
pub const WHOLE_NUMBER_MAX: u64 = (1 << 53) - 1;
/// How long a vehicle that refused or did not answer is not asked again for the same trip, in milliseconds.
pub const EXCLUSION_MS: i64 = 120_000;
/// How many exclusions a trip remembers; the oldest go first.
pub const EXCLUSIONS_MAX: usize = 32;
/// How many boots of vehicles a trip remembers for finding doubled reports; boots sort by time, the oldest go first.
pub const BOOTS_MAX: usize = 16;
/// How many rules of a trip may be violated at once; a bundle has some twenty.
pub const VIOLATIONS_MAX: usize = 64;
/// The highest priority; 0 is the everyday one.
pub const PRIORITY_MAX: u8 = 9;
/// The most places between the ends of a trip: a round of a delivery van; longer ones are several trips.
pub const STOPS_BETWEEN_MAX: usize = 16;
/// The most capabilities that a request may name.
pub const CAPABILITIES_MAX: usize = 32;
/// The longest text that a person or a vehicle gives as a reason, in characters; the rest is cut.
pub const REASON_CHARS_MAX: usize = 500;
/// The most people that a request may carry; policy knows a lower limit and says why.
pub const PASSENGERS_MAX: u64 = 1_000;
/// The heaviest load that a request may name, in kilograms; policy knows a lower limit and says why.
pub const PAYLOAD_KG_MAX: f64 = 1_000_000.0;

/// The deadlines that follow from how long a claim is valid: 30 s, 60 s and 150 s for the default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClaimTiming {
    valid_for_ms: i64,
}

impl Default for ClaimTiming {
    fn default() -> Self {
        Self::of(CLAIM_VALID_FOR_S)
    }
}

impl ClaimTiming {
    /// Of claims that are valid for so many seconds.
    pub const fn of(claim_valid_for_s: u64) -> Self {
        const A_DAY_S: u64 = 86_400;
        let valid_for_s = if claim_valid_for_s < A_DAY_S { claim_valid_for_s } else { A_DAY_S };
        Self { valid_for_ms: valid_for_s as i64 * 1_000 }
    }

    /// How long after a claim has lapsed a silent vehicle certainly stands, in milliseconds: it stops at the nearest
    /// admissible place, and its clock may run late.
    pub fn lapse_margin_ms(self) -> i64 {
        self.valid_for_ms / 4
    }

    /// How long the listener must have been up before silence counts, in milliseconds (SAFE-8): every vehicle has had
    /// time to reconnect and to renew its claim.
    pub fn silence_grace_ms(self) -> i64 {
        (self.valid_for_ms / 2).max(RECONNECT_MS)
    }

    /// When a trip under way is looked at next, in milliseconds: claim and margin, so that a vehicle that keeps talking
    /// costs one look in this time.
    pub fn look_again_ms(self) -> i64 {
        self.valid_for_ms + self.lapse_margin_ms()
    }
}

/// Text from outside, cut to [`REASON_CHARS_MAX`].
pub(crate) fn truncated(text: &str) -> String {
    text.chars().take(REASON_CHARS_MAX).collect()
}

/// When a vehicle arrives by its own estimate.
pub(crate) fn eta(now: Timestamp, eta_ms: u64) -> Timestamp {
    now.plus_ms(i64::try_from(eta_ms.min(ETA_MAX_MS)).unwrap_or_default())
}

/// Canonical JSON has no negative zero, so a row that held one would differ from its fold.
pub(crate) fn without_negative_zero(value: f64) -> f64 {
    value + 0.0
}

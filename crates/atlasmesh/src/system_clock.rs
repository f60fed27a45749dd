//! The server's time: the machine's clock, carried on by the monotonic one. Deadlines, silences and lapses are compared
//! with it, so it never goes back and never races ahead unnoticed: a step of the machine's clock forward is followed and
//! gives every overdue deadline a fresh grace (SAFE-8); after a step back it runs at half its pace until the machine's
//! clock has caught up, so that nothing waits for longer than twice its time.

use std::sync::{Mutex, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use kernel::{Clock, ClockState, CtxSource, Timestamp};

/// A difference between the clocks that no drift explains, in microseconds: both are disciplined alike between two looks.
const STEP_US: i64 = 1_000_000;

/// The machine's clock and its entropy.
#[derive(Debug)]
pub struct SystemSource {
    began: Instant,
    steady: Mutex<Steady>,
}

impl SystemSource {
    /// The machine's clock from now on.
    pub fn start() -> Self {
        Self { began: Instant::now(), steady: Mutex::new(Steady::start(machine_time())) }
    }

    /// Time never falls behind what is written already: a clock that was set back while nobody ran is treated like one
    /// that is set back now.
    pub fn not_before(&self, written: Timestamp) {
        let mut steady = self.steady.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(step) = steady.not_before(written) {
            report(step);
        }
    }

    fn look(&self) -> (Timestamp, ClockState) {
        let mut steady = self.steady.lock().unwrap_or_else(PoisonError::into_inner);
        let elapsed_us = i64::try_from(self.began.elapsed().as_micros()).unwrap_or(i64::MAX);
        if let Some(step) = steady.look(elapsed_us, machine_time()) {
            report(step);
        }
        (steady.at, steady.state())
    }
}

impl Clock for SystemSource {
    fn now(&self) -> Timestamp {
        self.look().0
    }

    fn state(&self) -> ClockState {
        self.look().1
    }
}

impl CtxSource for SystemSource {
    fn entropy(&self) -> u128 {
        keys::entropy_128()
    }
}

fn machine_time() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_us(i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX))
}

fn report(step: Step) {
    let by_ms = step.by_us / 1_000;
    metrics::counter!("atlasmesh_clock_steps_total", "direction" => if by_ms > 0 { "forward" } else { "back" })
        .increment(1);
    if by_ms > 0 {
        tracing::error!(by_ms, "the machine's clock stepped forward: every overdue deadline gets a fresh grace");
    } else {
        tracing::error!(by_ms, "the machine's clock stepped back: the server's time runs at half its pace until then");
    }
}

/// A step of the machine's clock against the monotonic one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Step {
    by_us: i64,
}

/// The time, as a function of what both clocks said until now.
#[derive(Debug, Clone, Copy)]
struct Steady {
    /// The server's time at the last look.
    at: Timestamp,
    /// The monotonic clock at the last look, in microseconds.
    elapsed_us: i64,
    /// How far the server's time is ahead of the machine's, in microseconds.
    ahead_us: i64,
    /// Since when the time has run without a step forward.
    since: Timestamp,
    steps: u64,
}

impl Steady {
    fn start(machine: Timestamp) -> Self {
        Self { at: machine, elapsed_us: 0, ahead_us: 0, since: machine, steps: 0 }
    }

    fn look(&mut self, elapsed_us: i64, machine: Timestamp) -> Option<Step> {
        let passed_us = elapsed_us - self.elapsed_us;
        let expected = Timestamp::from_us(self.at.as_us() - self.ahead_us + passed_us);
        let by_us = machine.as_us() - expected.as_us();
        self.elapsed_us = elapsed_us;
        let paced_us = if self.ahead_us > 0 { passed_us / 2 } else { passed_us };
        // Half the pace, and never back.
        let paced = Timestamp::from_us(self.at.as_us() + paced_us);
        self.at = paced.max(machine);
        self.ahead_us = self.at.as_us() - machine.as_us();
        if by_us.abs() < STEP_US {
            return None;
        }
        self.steps += 1;
        if self.at == machine {
            self.since = self.at;
        }
        Some(Step { by_us })
    }

    fn not_before(&mut self, written: Timestamp) -> Option<Step> {
        let by_us = self.at.as_us() - written.as_us();
        if by_us >= 0 {
            return None;
        }
        self.ahead_us -= by_us;
        (self.at, self.since) = (written, written);
        self.steps += 1;
        Some(Step { by_us })
    }

    fn state(&self) -> ClockState {
        ClockState { steady_since: Some(self.since), ahead_ms: self.ahead_us / 1_000, steps: self.steps }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: i64 = 1_000_000;

    fn at(s: i64) -> Timestamp {
        Timestamp::from_us(s * S)
    }

    #[test]
    fn without_a_step_it_is_the_machines_clock() {
        let mut steady = Steady::start(at(1_000));
        for s in 1..10 {
            // Slewed by a tenth of a second: no step.
            let machine = Timestamp::from_us((1_000 + s) * S + 100_000);
            assert_eq!(steady.look(s * S, machine), None);
            assert_eq!((steady.at, steady.since, steady.ahead_us), (machine, at(1_000), 0));
        }
    }

    #[test]
    fn a_step_forward_is_followed_and_begins_a_new_grace() {
        let mut steady = Steady::start(at(1_000));
        assert_eq!(steady.look(S, at(1_301)), Some(Step { by_us: 300 * S }));
        assert_eq!((steady.at, steady.since, steady.steps), (at(1_301), at(1_301), 1));
        assert_eq!(steady.look(2 * S, at(1_302)), None);
        assert_eq!((steady.at, steady.since), (at(1_302), at(1_301)));
    }

    #[test]
    fn after_a_step_back_time_goes_on_at_half_its_pace_until_the_machine_has_caught_up() {
        let mut steady = Steady::start(at(1_000));
        steady.look(100 * S, at(1_100));
        assert_eq!(steady.look(101 * S, at(801)), Some(Step { by_us: -300 * S }));
        let mut before = steady.at;
        assert_eq!((before, steady.state().ahead_ms), (at(1_101), 300_000));
        for s in 1..=600 {
            assert_eq!(steady.look((101 + s) * S, at(801 + s)), None);
            let paced_us = (steady.at.as_us() - before.as_us()).abs();
            assert!((S / 2..=S).contains(&paced_us), "{paced_us} µs in a second");
            before = steady.at;
        }
        assert_eq!((steady.at, steady.ahead_us, steady.since), (at(1_401), 0, at(1_000)));
        // In step again: no grace began.
        assert_eq!((steady.look(702 * S, at(1_402)), steady.at), (None, at(1_402)));
    }

    #[test]
    fn a_clock_that_was_set_back_while_nobody_ran_stalls_nothing() {
        let mut steady = Steady::start(at(700));
        assert_eq!(steady.not_before(at(1_000)), Some(Step { by_us: -300 * S }));
        assert_eq!(steady.look(2 * S, at(702)), None);
        assert_eq!((steady.at, steady.ahead_us), (at(1_001), 299 * S));
        assert_eq!(steady.not_before(at(1_000)), None);
    }

    #[test]
    fn a_second_step_counts_from_where_the_clocks_are() {
        let mut steady = Steady::start(at(1_000));
        steady.look(S, at(701));
        assert_eq!(steady.look(2 * S, at(1_002)), Some(Step { by_us: 300 * S }));
        assert_eq!((steady.at, steady.ahead_us, steady.steps), (at(1_002), 0, 2));
    }
}

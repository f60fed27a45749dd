//! Which sequence numbers of one boot have arrived: everything up to a watermark, and some ahead of it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// How far ahead of the watermark a number may be before the gap is given up: a minute of samples at 20 Hz.
pub const AHEAD_MAX: usize = 1_200;

/// The numbers of one boot that have arrived.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sequence {
    through: u64,
    ahead: BTreeSet<u64>,
}

impl Sequence {
    /// Every number up to this one has arrived or was given up.
    pub fn through(&self) -> u64 {
        self.through
    }

    /// Whether a number has arrived or was given up.
    pub fn contains(&self, seq: u64) -> bool {
        seq <= self.through || self.ahead.contains(&seq)
    }

    pub fn note(&mut self, seq: u64) {
        if !self.contains(seq) {
            self.ahead.insert(seq);
            self.close_gap();
        }
        if self.ahead.len() > AHEAD_MAX
            && let Some(first) = self.ahead.first().copied()
        {
            self.give_up_below(first);
        }
    }

    /// Notes that numbers below this one will never arrive: the vehicle no longer has them.
    pub fn give_up_below(&mut self, seq: u64) {
        let through = seq.saturating_sub(1);
        if through > self.through {
            self.through = through;
            self.ahead = self.ahead.split_off(&seq);
            self.close_gap();
        }
    }

    fn close_gap(&mut self) {
        while self.ahead.remove(&(self.through + 1)) {
            self.through += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_order_of_any_repeats_ends_alike(mut numbers in proptest::collection::vec(1u64..60, 0..120)) {
            let mut sequence = Sequence::default();
            numbers.iter().for_each(|&n| sequence.note(n));
            let arrived: BTreeSet<u64> = numbers.iter().copied().collect();
            let through = (1..).take_while(|n| arrived.contains(n)).last().unwrap_or(0);
            prop_assert_eq!(sequence.through(), through);
            numbers.reverse();
            let mut again = Sequence::default();
            numbers.iter().for_each(|&n| again.note(n));
            prop_assert_eq!(again, sequence);
        }
    }

    #[test]
    fn a_gap_can_be_given_up() {
        let mut sequence = Sequence::default();
        [1, 2, 5, 6, 9].into_iter().for_each(|n| sequence.note(n));
        assert_eq!(sequence.through(), 2);
        sequence.give_up_below(5);
        assert_eq!(sequence.through(), 6);
        sequence.give_up_below(3);
        assert_eq!(sequence.through(), 6);
        assert!(sequence.contains(9) && !sequence.contains(8));
    }
}

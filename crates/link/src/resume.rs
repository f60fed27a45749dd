//! What the receiver of numbered things knows: which it has, and up to where there is no gap. Things come late, twice
//! and newest first (SAFE-16); none counts twice, and the acknowledgement never promises one that is missing.

use std::collections::BTreeMap;

use kernel::VehicleId;
use kernel::id::BootId;

/// Separate stretches kept above the watermark; beyond that a sender is broken, and the lowest stretch is given up as
/// a gap rather than remembered for ever.
const STRETCHES_MAX: usize = 1_024;

/// Whether a number is new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// Not seen before; it is now.
    New,
    /// Seen before.
    Repeat,
}

/// The numbers seen of one boot, from 1.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sequence {
    through: u64,
    /// Stretches above `through`, first → last, never touching one another.
    ahead: BTreeMap<u64, u64>,
}

impl Sequence {
    /// Everything up to `through` is there.
    pub fn from_watermark(through: u64) -> Self {
        Self { through, ahead: BTreeMap::new() }
    }

    /// Up to here nothing is missing; 0: nothing yet.
    pub fn through(&self) -> u64 {
        self.through
    }

    /// Whether the number was seen.
    pub fn contains(&self, seq: u64) -> bool {
        seq <= self.through || self.ahead.range(..=seq).next_back().is_some_and(|(_, last)| *last >= seq)
    }

    /// Notes a number.
    pub fn note(&mut self, seq: u64) -> Seen {
        if seq == 0 || self.contains(seq) {
            return Seen::Repeat;
        }
        let joins_below = self.ahead.range(..seq).next_back().map(|(f, l)| (*f, *l)).filter(|(_, l)| l + 1 == seq);
        let last = seq.checked_add(1).and_then(|next| self.ahead.remove(&next)).unwrap_or(seq);
        let first = joins_below.map_or(seq, |(first, _)| first);
        self.ahead.insert(first, last);
        self.close_gaps();
        if self.ahead.len() > STRETCHES_MAX
            && let Some((&first, _)) = self.ahead.first_key_value()
        {
            self.give_up_below(first);
        }
        Seen::New
    }

    /// The sender no longer has anything below `seq`: do not wait for it.
    pub fn give_up_below(&mut self, seq: u64) {
        self.through = self.through.max(seq.saturating_sub(1));
        self.close_gaps();
    }

    fn close_gaps(&mut self) {
        while let Some((&first, &last)) = self.ahead.first_key_value() {
            if first > self.through.saturating_add(1) {
                break;
            }
            self.ahead.pop_first();
            self.through = self.through.max(last);
        }
    }
}

/// What one receiver knows of every boot of every vehicle.
#[derive(Debug, Clone, Default)]
pub struct Received(BTreeMap<(VehicleId, BootId), Sequence>);

impl Received {
    /// The sequence of one boot, empty where nothing was seen.
    pub fn of(&mut self, vehicle: VehicleId, boot: BootId) -> &mut Sequence {
        self.0.entry((vehicle, boot)).or_default()
    }

    /// Up to where nothing of that boot is missing.
    pub fn through(&self, vehicle: VehicleId, boot: BootId) -> u64 {
        self.0.get(&(vehicle, boot)).map_or(0, Sequence::through)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn any_order_counts_each_number_once_and_the_watermark_is_the_first_gap(
            numbers in proptest::collection::vec(1u64..60, 0..120),
            kept_from in 0u64..20,
        ) {
            let mut sequence = Sequence::default();
            let mut model = BTreeSet::new();
            for seq in numbers {
                let new = model.insert(seq);
                prop_assert_eq!(sequence.note(seq) == Seen::New, new);
                let first_gap = (1..).find(|n| !model.contains(n)).unwrap_or(0);
                prop_assert_eq!(sequence.through(), first_gap - 1);
            }
            sequence.give_up_below(kept_from);
            model.extend(1..kept_from);
            let first_gap = (1..).find(|n| !model.contains(n)).unwrap_or(0);
            prop_assert_eq!(sequence.through(), first_gap - 1);
        }
    }

    #[test]
    fn boots_do_not_mix_and_the_ends_of_the_range_hold() {
        use kernel::id::TypedId;
        let (vehicle, a, b) = (VehicleId::from_u128(1), BootId::from_u128(2), BootId::from_u128(3));
        let mut received = Received::default();
        assert_eq!(received.of(vehicle, a).note(1), Seen::New);
        assert_eq!(received.of(vehicle, b).note(1), Seen::New);
        assert_eq!(received.of(vehicle, a).note(1), Seen::Repeat);
        assert_eq!((received.through(vehicle, a), received.through(vehicle, BootId::from_u128(4))), (1, 0));
        assert_eq!(received.of(vehicle, a).note(0), Seen::Repeat);
        assert_eq!(received.of(vehicle, a).note(u64::MAX), Seen::New);
        assert_eq!(received.through(vehicle, a), 1);
    }
}

//! Which denials the journal has already. Batches ask policy about the same pairs again and again while trips wait; the
//! journal says each answer once.

use std::collections::{BTreeMap, BTreeSet};

use kernel::envelope::DecisionRecord;
use kernel::{Timestamp, TripId, VehicleId};
use policy::Decision;

/// How long an unchanged denial is not journaled again, in milliseconds: as long as most trips wait.
const UNCHANGED_FOR_MS: i64 = 30 * 60_000;
/// The most denials that are remembered at a site: some megabytes.
const REMEMBERED_MAX: usize = 100_000;

/// Of which trip and vehicle the denial is; what forbids a vehicle every trip is of none.
pub(super) type About = (Option<TripId>, VehicleId);

/// The rules that forbade, and when that was journaled.
type Journaled = (BTreeSet<String>, Timestamp);

/// Denials of a site that the journal has.
#[derive(Debug, Clone, Default)]
pub(super) struct Denials {
    journaled: BTreeMap<About, Journaled>,
}

/// Denials that are to be journaled, and what to remember once they are.
#[derive(Debug, Default)]
pub(super) struct NewDenials {
    pub(super) records: Vec<DecisionRecord>,
    known: Vec<(About, Journaled)>,
}

impl Denials {
    /// Of the denials those that the journal does not have.
    pub(super) fn new_of<'a>(
        &self,
        denials: impl Iterator<Item = (About, &'a Decision)>,
        now: Timestamp,
    ) -> NewDenials {
        let mut new = NewDenials::default();
        for (about, decision) in denials {
            let rules: BTreeSet<String> = decision.policy_ids().into_iter().map(str::to_owned).collect();
            let is_known = |(known, at): &Journaled| *known == rules && now.since_ms(*at) < UNCHANGED_FOR_MS;
            if !self.journaled.get(&about).is_some_and(is_known) {
                new.records.push(decision.to_record());
                new.known.push((about, (rules, now)));
            }
        }
        new
    }

    /// These are in the journal now.
    pub(super) fn remember(&mut self, new: NewDenials) {
        if self.journaled.len() + new.known.len() <= REMEMBERED_MAX {
            self.journaled.extend(new.known);
        }
    }

    /// Forgets what concerns trips that do not wait any more, and what is old.
    pub(super) fn keep(&mut self, waiting: &BTreeSet<TripId>, now: Timestamp) {
        let is_new = |(_, at): &Journaled| now.since_ms(*at) < UNCHANGED_FOR_MS;
        self.journaled.retain(|(trip, _), known| is_new(known) && trip.is_none_or(|trip| waiting.contains(&trip)));
    }
}

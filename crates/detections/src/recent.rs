//! Ids that were seen lately, bounded by time and number.

use std::collections::{BTreeSet, HashSet};

use serde::{Deserialize, Serialize};

use crate::key::Id;

/// A set that forgets.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "BTreeSet<(i64, Id)>", into = "BTreeSet<(i64, Id)>")]
pub(crate) struct Recent {
    /// By the time when each is forgotten.
    until: BTreeSet<(i64, Id)>,
    /// Only ever asked, never walked, so that its order decides nothing.
    known: HashSet<Id>,
}

impl From<BTreeSet<(i64, Id)>> for Recent {
    fn from(until: BTreeSet<(i64, Id)>) -> Self {
        let known = until.iter().map(|(_, id)| *id).collect();
        Self { until, known }
    }
}

impl From<Recent> for BTreeSet<(i64, Id)> {
    fn from(recent: Recent) -> Self {
        recent.until
    }
}

impl Recent {
    pub(crate) fn contains(&self, id: &Id) -> bool {
        self.known.contains(id)
    }

    /// Whether the id is new. Counts in `dropped` what had to go for it.
    pub(crate) fn insert(&mut self, id: Id, until: i64, most: usize, dropped: &mut u64) -> bool {
        if !self.known.insert(id) {
            return false;
        }
        self.until.insert((until, id));
        if self.until.len() > most
            && let Some((_, oldest)) = self.until.pop_first()
        {
            self.known.remove(&oldest);
            *dropped += 1;
        }
        true
    }

    pub(crate) fn forget(&mut self, now: i64) {
        while let Some((until, id)) = self.until.first().copied() {
            if until >= now {
                return;
            }
            self.until.pop_first();
            self.known.remove(&id);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.until.len()
    }
}

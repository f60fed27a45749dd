//! What the facts of an action are put together from. Each domain has its facts as structs, so that a caller who forgets
//! one does not compile.

use std::collections::BTreeSet;

use kernel::{Sector, Timestamp};

use crate::fact::Fact;

/// Collects facts that share a time of observation.
#[derive(Debug)]
pub struct Facts(Vec<Fact>, Timestamp);

impl Facts {
    /// None yet; what follows was observed then.
    pub fn of(observed_at: Timestamp) -> Self {
        Self(Vec::new(), observed_at)
    }

    /// Adds a fact.
    pub fn with(mut self, name: &str, value: impl Into<crate::FactValue>) -> Self {
        self.0.push(Fact::new(name, value, self.1));
        self
    }

    /// Adds a fact if it is known.
    pub fn with_known<T: Into<crate::FactValue>>(self, name: &str, value: Option<T>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// What follows was observed at another time.
    pub fn observed(mut self, at: Timestamp) -> Self {
        self.1 = at;
        self
    }

    /// The facts.
    pub fn collect(self) -> Vec<Fact> {
        self.0
    }
}

/// The names of sectors, as a fact has them.
pub fn sector_names(sectors: &BTreeSet<Sector>) -> BTreeSet<String> {
    sectors.iter().map(|sector| sector.as_str().to_owned()).collect()
}

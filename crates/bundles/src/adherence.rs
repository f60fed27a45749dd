//! How far the fleet keeps to its clauses: rates, violations and mitigations by clause, site, class of vehicle and month,
//! each number with the entries that it counts.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::compliance::{ClauseRef, Mapping, Role};
use crate::deadline::Zone;
use crate::event::Event;

/// The most entries that a number names. The numbers themselves count all.
pub const ENTRIES_MAX: usize = 100;
/// The most cells, so that a journal with a site for every event does not fill the memory.
pub const CELLS_MAX: usize = 100_000;

/// What a number is about. A part that the event does not tell is missing and never guessed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Key {
    /// Nothing in the cells that count each event once, whatever clauses it speaks to.
    pub clause: Option<ClauseRef>,
    pub site: Option<String>,
    pub vehicle_class: Option<String>,
    /// Such as `2026-11`, in the zone that was given.
    pub month: Option<String>,
}

/// By what numbers are added up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dimension {
    Clause,
    Site,
    VehicleClass,
    Month,
}

/// A number and the first entries that it counts, in the order of the log.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Number {
    pub count: u64,
    /// At most [`ENTRIES_MAX`].
    pub entries: Vec<u64>,
}

/// The numbers of a cell.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Numbers {
    pub adhering: Number,
    pub violations: Number,
    pub mitigations: Number,
}

/// The events could not be counted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AdherenceError {
    #[error("there are more than {CELLS_MAX} clauses, sites, classes and months together")]
    TooManyCells,
    #[error("the entry {index} does not stand behind {last}")]
    OutOfOrder { index: u64, last: u64 },
}

/// Counts events that are given one by one in the order of the log.
#[derive(Debug)]
pub struct Adherence<'m> {
    mapping: &'m Mapping,
    zone: Zone,
    /// Classes by the vehicle's id.
    classes: BTreeMap<String, String>,
    cells: BTreeMap<Key, Numbers>,
    last: Option<u64>,
}

impl Number {
    fn add(&mut self, index: u64) {
        self.count += 1;
        if self.entries.len() < ENTRIES_MAX {
            self.entries.push(index);
        }
    }

    fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.entries.extend(&other.entries);
        self.entries.sort_unstable();
        self.entries.truncate(ENTRIES_MAX);
    }
}

impl Numbers {
    /// The part of adhering events among those that adhere or violate; nothing where there are none.
    #[must_use]
    pub fn rate(&self) -> Option<f64> {
        let (good, bad) = (self.adhering.count, self.violations.count);
        (good + bad > 0).then(|| good as f64 / (good + bad) as f64)
    }

    fn of(&mut self, role: Role) -> &mut Number {
        match role {
            Role::Evidence => &mut self.adhering,
            Role::Violation => &mut self.violations,
            Role::Mitigation => &mut self.mitigations,
        }
    }

    fn merge(&mut self, other: &Self) {
        self.adhering.merge(&other.adhering);
        self.violations.merge(&other.violations);
        self.mitigations.merge(&other.mitigations);
    }
}

impl<'m> Adherence<'m> {
    /// Counts by months of `zone`. `classes` are the classes of vehicles by their id.
    #[must_use]
    pub fn new(mapping: &'m Mapping, zone: Zone, classes: BTreeMap<String, String>) -> Self {
        Self { mapping, zone, classes, cells: BTreeMap::new(), last: None }
    }

    /// Counts the next event.
    ///
    /// # Errors
    /// [`AdherenceError`].
    pub fn push(&mut self, event: &Event) -> Result<(), AdherenceError> {
        if let Some(last) = self.last.filter(|last| *last >= event.index) {
            return Err(AdherenceError::OutOfOrder { index: event.index, last });
        }
        self.last = Some(event.index);
        let roles = self.mapping.roles(event);
        if roles.is_empty() {
            return Ok(());
        }
        let site = event.subject("site").map(str::to_owned);
        let vehicle_class = event.subject("vehicle").and_then(|vehicle| self.classes.get(vehicle)).cloned();
        let month = self.zone.date(event.at_ms).ok();
        let month = month.map(|day| format!("{:04}-{:02}", day.year(), u8::from(day.month())));
        let key =
            |clause| Key { clause, site: site.clone(), vehicle_class: vehicle_class.clone(), month: month.clone() };
        for role in [Role::Evidence, Role::Violation, Role::Mitigation] {
            if roles.iter().any(|(_, other)| *other == role) {
                self.count(key(None), role, event.index)?;
            }
        }
        for (clause, role) in roles {
            self.count(key(Some(clause)), role, event.index)?;
        }
        Ok(())
    }

    fn count(&mut self, key: Key, role: Role, index: u64) -> Result<(), AdherenceError> {
        if self.cells.len() >= CELLS_MAX && !self.cells.contains_key(&key) {
            return Err(AdherenceError::TooManyCells);
        }
        self.cells.entry(key).or_default().of(role).add(index);
        Ok(())
    }

    /// Every cell.
    #[must_use]
    pub fn cells(&self) -> &BTreeMap<Key, Numbers> {
        &self.cells
    }

    /// Everything, each event once.
    #[must_use]
    pub fn total(&self) -> Numbers {
        let mut total = Numbers::default();
        self.cells.iter().filter(|(key, _)| key.clause.is_none()).for_each(|(_, numbers)| total.merge(numbers));
        total
    }

    /// The numbers by one dimension. By clause, an event counts for each clause that it speaks to; otherwise once.
    #[must_use]
    pub fn by(&self, dimension: Dimension) -> BTreeMap<Option<String>, Numbers> {
        let mut sums: BTreeMap<Option<String>, Numbers> = BTreeMap::new();
        for (key, numbers) in &self.cells {
            if key.clause.is_some() != (dimension == Dimension::Clause) {
                continue;
            }
            let name = match dimension {
                Dimension::Clause => key.clause.as_ref().map(ToString::to_string),
                Dimension::Site => key.site.clone(),
                Dimension::VehicleClass => key.vehicle_class.clone(),
                Dimension::Month => key.month.clone(),
            };
            sums.entry(name).or_default().merge(numbers);
        }
        sums
    }
}

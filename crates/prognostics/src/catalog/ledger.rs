//! A trouble code is an interval and not a sample: snapshots of status bytes become the events that open, confirm and
//! close it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Source, Status, TroubleCode};

/// What makes two codes the same code.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CodeKey {
    pub source: Source,
    pub ecu: String,
    pub code: String,
    pub failure_type: Option<u8>,
}

impl From<&TroubleCode> for CodeKey {
    fn from(code: &TroubleCode) -> Self {
        Self {
            source: code.source(),
            ecu: code.ecu().to_owned(),
            code: code.code().to_owned(),
            failure_type: code.failure_type(),
        }
    }
}

/// Where a code is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CodeState {
    /// The fault was found, and is not yet confirmed.
    Set,
    Confirmed,
    /// The fault is neither found nor stored any more.
    Healed,
}

/// What happened to a code between two snapshots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    Set,
    Confirmed,
    Healed,
}

/// A change with the code it is about and the time of the snapshot that showed it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeEvent {
    pub key: CodeKey,
    pub change: Change,
    pub at_ms: u64,
}

/// The newest interval of a code. An older one is in the events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeInterval {
    pub state: CodeState,
    pub status: Status,
    pub set_at_ms: u64,
    pub confirmed_at_ms: Option<u64>,
    pub healed_at_ms: Option<u64>,
    pub last_seen_ms: u64,
    /// How often the code was set, this interval included.
    pub occurrences: u32,
}

/// The state that a status byte speaks of; `None` when it speaks of no fault. A test that passes does not heal a
/// confirmed code: the bit stays until the fault has aged out or somebody cleared it, and until then the vehicle counts
/// as faulty.
fn state_of(status: Status) -> Option<CodeState> {
    if status.confirmed() {
        Some(CodeState::Confirmed)
    } else if status.test_failed() || status.pending() {
        Some(CodeState::Set)
    } else {
        None
    }
}

/// The changes that lead from one open state to what a snapshot says.
fn changes(before: Option<CodeState>, now: Option<CodeState>) -> &'static [Change] {
    use CodeState::{Confirmed, Healed, Set};
    match (before, now) {
        (None | Some(Healed), Some(Set)) => &[Change::Set],
        (None | Some(Healed), Some(Confirmed)) => &[Change::Set, Change::Confirmed],
        (Some(Set), Some(Confirmed)) => &[Change::Confirmed],
        (Some(Set | Confirmed), None | Some(Healed)) => &[Change::Healed],
        // Confirmed can only become unconfirmed by clearing: what fails since is a new interval.
        (Some(Confirmed), Some(Set)) => &[Change::Healed, Change::Set],
        (Some(Set), Some(Set)) | (Some(Confirmed), Some(Confirmed)) | (None | Some(Healed), None | Some(Healed)) => &[],
    }
}

/// States by key. A code that a snapshot names twice has the worse of its two states.
fn states(snapshot: &[TroubleCode]) -> BTreeMap<CodeKey, (Option<CodeState>, Status)> {
    let mut states: BTreeMap<CodeKey, (Option<CodeState>, Status)> = BTreeMap::new();
    for code in snapshot {
        let entry = states.entry(CodeKey::from(code)).or_default();
        entry.1 = Status(entry.1.0 | code.status().0);
        entry.0 = state_of(entry.1);
    }
    states
}

/// The changes between two complete snapshots, ordered by key.
pub fn diff(before: &[TroubleCode], now: &[TroubleCode]) -> Vec<(CodeKey, Change)> {
    let (before, now) = (states(before), states(now));
    let mut keys: Vec<&CodeKey> = before.keys().chain(now.keys()).collect();
    keys.sort();
    keys.dedup();
    let state = |of: &BTreeMap<CodeKey, (Option<CodeState>, Status)>, key: &CodeKey| of.get(key).and_then(|at| at.0);
    keys.into_iter()
        .flat_map(|key| changes(state(&before, key), state(&now, key)).iter().map(|change| (key.clone(), *change)))
        .collect()
}

/// The codes of one vehicle over time.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Stored")]
pub struct CodeLedger {
    intervals: BTreeMap<CodeKey, CodeInterval>,
    seen_ms: BTreeMap<(Source, String), u64>,
}

/// JSON has no maps with keys that are not text.
#[derive(Serialize, Deserialize)]
struct Stored {
    intervals: Vec<(CodeKey, CodeInterval)>,
    seen_ms: Vec<((Source, String), u64)>,
}

impl From<Stored> for CodeLedger {
    fn from(stored: Stored) -> Self {
        Self { intervals: stored.intervals.into_iter().collect(), seen_ms: stored.seen_ms.into_iter().collect() }
    }
}

impl From<CodeLedger> for Stored {
    fn from(ledger: CodeLedger) -> Self {
        Self { intervals: ledger.intervals.into_iter().collect(), seen_ms: ledger.seen_ms.into_iter().collect() }
    }
}

impl CodeLedger {
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the complete list of codes of one control unit and returns what changed. A code of this unit that the list
    /// lacks is healed. A list that is older than the last one of this unit changes nothing, and codes of other units
    /// in the list are passed over.
    pub fn apply(&mut self, source: Source, ecu: &str, snapshot: &[TroubleCode], at_ms: u64) -> Vec<CodeEvent> {
        let seen_ms = self.seen_ms.entry((source, ecu.to_owned())).or_default();
        if at_ms < *seen_ms {
            return Vec::new();
        }
        *seen_ms = at_ms;
        let mine = |key: &CodeKey| key.source == source && key.ecu == ecu;
        let mut now = states(snapshot);
        now.retain(|key, _| mine(key));
        for key in self.intervals.keys().filter(|key| mine(key)) {
            now.entry(key.clone()).or_default();
        }
        let mut events = Vec::new();
        for (key, (state, status)) in now {
            let before = self.intervals.get(&key).map(|interval| interval.state);
            for change in changes(before, state) {
                self.change(&key, *change, at_ms);
                events.push(CodeEvent { key: key.clone(), change: *change, at_ms });
            }
            if let Some(interval) = self.intervals.get_mut(&key) {
                interval.status = status;
                if state.is_some() {
                    interval.last_seen_ms = at_ms;
                }
            }
        }
        events
    }

    fn change(&mut self, key: &CodeKey, change: Change, at_ms: u64) {
        let interval = self.intervals.entry(key.clone()).or_insert(CodeInterval {
            state: CodeState::Healed,
            status: Status(0),
            set_at_ms: at_ms,
            confirmed_at_ms: None,
            healed_at_ms: None,
            last_seen_ms: at_ms,
            occurrences: 0,
        });
        match change {
            Change::Set => {
                interval.state = CodeState::Set;
                interval.set_at_ms = at_ms;
                interval.confirmed_at_ms = None;
                interval.healed_at_ms = None;
                interval.occurrences = interval.occurrences.saturating_add(1);
            }
            Change::Confirmed => {
                interval.state = CodeState::Confirmed;
                interval.confirmed_at_ms = Some(at_ms);
            }
            Change::Healed => {
                interval.state = CodeState::Healed;
                interval.healed_at_ms = Some(at_ms);
            }
        }
    }

    /// The newest interval of a code.
    pub fn interval(&self, key: &CodeKey) -> Option<&CodeInterval> {
        self.intervals.get(key)
    }

    /// The codes that are set or confirmed, ordered by key.
    pub fn open(&self) -> impl Iterator<Item = (&CodeKey, &CodeInterval)> {
        self.intervals.iter().filter(|(_, interval)| interval.state != CodeState::Healed)
    }
}

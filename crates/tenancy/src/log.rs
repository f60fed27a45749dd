//! A tenant's log as others have seen it. Witnesses cosign its heads, or refuse to. Whoever keeps a signed head of the log (a vehicle, the folder of the keys)
//! notices when the store is put back to an older state or goes on from another one. That is an alarm; it stands until
//! somebody with access to the data folder accepts it.

use std::collections::BTreeMap;

use journal::Hash;
use kernel::decided::Aggregate;
use kernel::{Decided, EventMeta, Timestamp};
use serde::{Deserialize, Serialize};

/// How long after a cosigned head was journaled the next one is: a witness signs each second, and once an hour says as much.
pub const COSIGNED_EVERY_MS: i64 = 3_600_000;

/// The most witnesses whose refusals are told apart.
pub const WITNESSES_MAX: usize = 64;

/// The most alarms that stand at once: each vehicle of a large fleet would raise one, and one is enough.
pub const ALARMS_MAX: usize = 16;

kernel::domain_events! {
    /// What happens to a log as a whole.
    pub enum LogEvent {
        "log.alarm_raised" 1 => AlarmRaised(LogAlarm),
        "log.alarms_accepted" 1 => AlarmsAccepted(LogAlarmsAccepted),
        "log.keys_seen" 1 => KeysSeen(LogKeysSeen),
        "witness.cosigned" 1 => Cosigned(WitnessCosigned),
        "witness.refused" 1 => Refused(WitnessRefused),
    }
}

/// How the log differs from what was seen of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Difference {
    /// It has fewer entries than the signed head that was seen: an older state was put back.
    Shorter,
    /// It has other entries than those under the signed head: it went on from another state.
    Other,
    /// What was presented is no head that this server signed: the keys are others, or whoever presents it is wrong.
    Unsigned,
    /// Nothing is kept beside the keys of what was published: this is a copy, or the file was lost.
    Unknown,
}

impl Difference {
    pub fn text(self) -> &'static str {
        match self {
            Self::Shorter => "has fewer entries than were seen of it: an older state was put back",
            Self::Other => "has other entries than were seen of it: it went on from another state",
            Self::Unsigned => "was seen under a signature that is not this server's",
            Self::Unknown => "may be a copy: the newest published head is not kept beside the keys",
        }
    }
}

/// The log is not as somebody saw it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LogAlarm {
    pub difference: Difference,
    /// The entries under the head that was seen.
    pub seen_size: u64,
    /// The root over them, or the digest of what was presented instead of a head.
    pub seen_root: Hash,
    pub size: u64,
    /// Who saw it, e.g. `vehicle/veh_…`.
    pub seen_by: String,
}

/// Somebody looked into the alarms and lets the log go on as it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LogAlarmsAccepted {
    pub reason: String,
}

/// The server runs with keys that were written so often; older ones are not taken any more.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LogKeysSeen {
    /// How often the keys were written.
    pub generation: u64,
}

/// Witnesses cosigned a head: it goes on from all that they saw of the log before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WitnessCosigned {
    pub size: u64,
    pub root: Hash,
    /// Their names.
    pub witnesses: Vec<String>,
}

/// A witness refused a head, because it does not go on from what the witness saw of the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WitnessRefused {
    pub witness: String,
    pub reason: String,
}

/// The newest cosigned head that was journaled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CosignedSize {
    pub size: u64,
    pub at: Timestamp,
}

/// What is known of a log as a whole.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Log {
    pub alarms: Vec<LogAlarm>,
    /// Heads of up to so many entries that do not fit are known not to.
    pub accepted_size: u64,
    /// Whether heads that this server did not sign are known to exist.
    pub accepted_unsigned: bool,
    /// The newest generation of the keys; 0: none was seen.
    pub keys_generation: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cosigned: Option<CosignedSize>,
    /// Why witnesses refuse, by name, until they cosign again.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub refused: BTreeMap<String, String>,
}

impl Log {
    fn accepts(&self, alarm: &LogAlarm) -> bool {
        match alarm.difference {
            Difference::Shorter | Difference::Other => alarm.seen_size <= self.accepted_size,
            Difference::Unsigned => self.accepted_unsigned,
            Difference::Unknown => false,
        }
    }
}

impl Aggregate for Log {
    type Id = kernel::TenantId;
    type Event = LogEvent;
    const KIND: &'static str = "log";
    const FOLD_VERSION: u32 = 1;

    fn evolve(state: Option<Self>, event: &LogEvent, meta: &EventMeta) -> Option<Self> {
        let mut log = state.unwrap_or_default();
        match event {
            LogEvent::AlarmRaised(alarm) => log.alarms.push(alarm.clone()),
            LogEvent::AlarmsAccepted(_) => {
                for alarm in std::mem::take(&mut log.alarms) {
                    match alarm.difference {
                        Difference::Shorter | Difference::Other => {
                            log.accepted_size = log.accepted_size.max(alarm.seen_size);
                        }
                        Difference::Unsigned => log.accepted_unsigned = true,
                        Difference::Unknown => {}
                    }
                }
            }
            LogEvent::KeysSeen(keys) => log.keys_generation = log.keys_generation.max(keys.generation),
            LogEvent::Cosigned(head) => {
                log.cosigned = Some(CosignedSize { size: head.size, at: meta.recorded_at });
                log.refused.retain(|witness, _| !head.witnesses.contains(witness));
            }
            LogEvent::Refused(refused) => {
                log.refused.insert(refused.witness.clone(), refused.reason.clone());
            }
        }
        Some(log)
    }
}

/// Raises an alarm, unless enough stand or it was accepted. Answers whether it was accepted.
pub fn raise(state: Option<&Log>, alarm: &LogAlarm) -> Decided<LogEvent, bool> {
    let known = state.cloned().unwrap_or_default();
    // Each witness is heard for itself; how long the log is by now makes no other alarm.
    let same = |other: &LogAlarm| LogAlarm { size: alarm.size, ..other.clone() } == *alarm;
    let accepted = known.accepts(alarm);
    // An alarm of another kind is told however many of one kind stand.
    let of_kind = known.alarms.iter().filter(|other| other.difference == alarm.difference).count();
    if accepted || known.alarms.iter().any(same) || of_kind >= ALARMS_MAX / 4 {
        return Decided::accept([], accepted);
    }
    Decided::accept([alarm.clone().into()], false)
}

/// Accepts every alarm that stands; answers how many.
pub fn accept(state: Option<&Log>, reason: &str) -> Decided<LogEvent, usize> {
    let standing = state.map_or(0, |log| log.alarms.len());
    let event = (standing > 0).then(|| LogAlarmsAccepted { reason: reason.into() }.into());
    Decided::accept(event.into_iter().collect::<Vec<_>>(), standing)
}

/// Notes the keys that the server runs with.
pub fn see_keys(state: Option<&Log>, generation: u64) -> Decided<LogEvent, ()> {
    let is_newer = state.is_none_or(|log| generation > log.keys_generation);
    let event = is_newer.then(|| LogKeysSeen { generation }.into());
    Decided::accept(event.into_iter().collect::<Vec<_>>(), ())
}

/// Notes that witnesses cosigned a head: at most once an hour, if the log grew by more than that note, and at once where
/// one that refused cosigns again.
pub fn cosigned(state: Option<&Log>, head: &WitnessCosigned, now: Timestamp) -> Decided<LogEvent, ()> {
    let is_due =
        |known: &CosignedSize| head.size > known.size.saturating_add(1) && now.since_ms(known.at) >= COSIGNED_EVERY_MS;
    let known = state.and_then(|log| log.cosigned.as_ref());
    let again = |log: &Log| head.witnesses.iter().any(|witness| log.refused.contains_key(witness));
    let is_noted = known.is_none_or(is_due) || state.is_some_and(again);
    Decided::accept(is_noted.then(|| head.clone().into()).into_iter().collect::<Vec<_>>(), ())
}

/// Notes that a witness refused, once for each reason.
pub fn refused(state: Option<&Log>, refused: &WitnessRefused) -> Decided<LogEvent, ()> {
    let is_new = state.is_none_or(|log| {
        let known = log.refused.get(&refused.witness);
        known.map_or(log.refused.len() < WITNESSES_MAX, |reason| *reason != refused.reason)
    });
    Decided::accept(is_new.then(|| refused.clone().into()).into_iter().collect::<Vec<_>>(), ())
}

#[cfg(test)]
mod tests {
    use kernel::testing::{accepts, check};

    use super::*;

    fn alarm(difference: Difference, seen_size: u64) -> LogAlarm {
        let seen_root = Hash::of_bytes(&seen_size.to_be_bytes());
        LogAlarm { difference, seen_size, seen_root, size: 5, seen_by: "vehicle/veh_a".into() }
    }

    #[test]
    fn an_alarm_stands_once_until_it_is_accepted_and_then_comes_no_more() {
        let raised = alarm(Difference::Shorter, 9);
        let of = |alarm: LogAlarm| move |log: Option<&Log>| raise(log, &alarm);
        check([], of(raised.clone()), accepts([raised.clone().into()], false));
        check([raised.clone().into()], of(raised.clone()), accepts([], false));
        let accepted: LogEvent = LogAlarmsAccepted { reason: "restored".into() }.into();
        let done =
            check([raised.clone().into()], |log: Option<&Log>| accept(log, "restored"), accepts([accepted.clone()], 1));
        assert!(done.unwrap().alarms.is_empty());
        check([raised.clone().into(), accepted.clone()], of(raised.clone()), accepts([], true));
        check([raised.clone().into(), accepted.clone()], of(alarm(Difference::Other, 8)), accepts([], true));
        let later = alarm(Difference::Shorter, 10);
        check([raised.into(), accepted], of(later.clone()), accepts([later.into()], false));
        check([], |log: Option<&Log>| accept(log, "nothing"), accepts([], 0));
    }

    #[test]
    fn one_kind_of_alarm_never_hides_another() {
        let many: Vec<LogEvent> = (0..20).map(|n| alarm(Difference::Unsigned, n).into()).collect();
        let other = alarm(Difference::Other, 3);
        check(many.clone(), |log: Option<&Log>| raise(log, &alarm(Difference::Unsigned, 99)), accepts([], false));
        check(many, |log: Option<&Log>| raise(log, &other), accepts([other.clone().into()], false));
    }

    #[test]
    fn keys_only_become_newer() {
        let seen = |generation| LogEvent::from(LogKeysSeen { generation });
        check([], |log: Option<&Log>| see_keys(log, 3), accepts([seen(3)], ()));
        check([seen(3)], |log: Option<&Log>| see_keys(log, 3), accepts([], ()));
        check([seen(3)], |log: Option<&Log>| see_keys(log, 4), accepts([seen(4)], ()));
    }

    #[test]
    fn a_cosigned_head_is_noted_once_an_hour_if_the_log_grew() {
        let head = |size| WitnessCosigned { size, root: Hash::of_bytes(b"root"), witnesses: vec!["w1".into()] };
        let noted = |size| LogEvent::from(head(size));
        // The events of a test are recorded at one time.
        let begin = check([noted(5)], |log: Option<&Log>| see_keys(log, 0), accepts([], ())).unwrap();
        let at = begin.cosigned.unwrap().at;
        let later = |size, ms| move |log: Option<&Log>| cosigned(log, &head(size), at.plus_ms(ms));
        check([], later(5, 0), accepts([noted(5)], ()));
        check([noted(5)], later(50, COSIGNED_EVERY_MS - 1), accepts([], ()));
        check([noted(5)], later(6, COSIGNED_EVERY_MS), accepts([], ()));
        check([noted(5)], later(7, COSIGNED_EVERY_MS), accepts([noted(7)], ()));
    }

    #[test]
    fn a_refusal_is_noted_once_until_the_witness_cosigns_again() {
        let refusal = |reason: &str| WitnessRefused { witness: "w1".into(), reason: reason.into() };
        let noted = |reason: &str| LogEvent::from(refusal(reason));
        let of = |reason: &'static str| move |log: Option<&Log>| refused(log, &refusal(reason));
        check([], of("shorter"), accepts([noted("shorter")], ()));
        check([noted("shorter")], of("shorter"), accepts([], ()));
        check([noted("shorter")], of("other"), accepts([noted("other")], ()));
        let head = WitnessCosigned { size: 5, root: Hash::of_bytes(b"root"), witnesses: vec!["w1".into()] };
        let cosigns = |log: Option<&Log>| cosigned(log, &head, Timestamp::from_ms(0));
        let after = check([head.clone().into(), noted("other")], cosigns, accepts([head.clone().into()], ()));
        assert!(after.unwrap().refused.is_empty());
    }
}

//! A tenant's log as others have seen it. Whoever keeps a signed head of the log (a vehicle, the folder of the keys)
//! notices when the store is put back to an older state or goes on from another one. That is an alarm; it stands until
//! somebody with access to the data folder accepts it.

use journal::Hash;
use kernel::decided::Aggregate;
use kernel::{Decided, EventMeta};
use serde::{Deserialize, Serialize};

/// The most alarms that stand at once: each vehicle of a large fleet would raise one, and one is enough.
pub const ALARMS_MAX: usize = 16;

kernel::domain_events! {
    /// What happens to a log as a whole.
    pub enum LogEvent {
        "log.alarm_raised" 1 => AlarmRaised(LogAlarm),
        "log.alarms_accepted" 1 => AlarmsAccepted(LogAlarmsAccepted),
        "log.keys_seen" 1 => KeysSeen(LogKeysSeen),
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

    fn evolve(state: Option<Self>, event: &LogEvent, _: &EventMeta) -> Option<Self> {
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
}

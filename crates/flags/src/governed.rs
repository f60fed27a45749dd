//! What we ask of a flag beyond flagd's format: its class, who answers for it, and until when it is there. Flags that nobody
//! removes are how a system becomes one that nobody understands.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::definition::{Flag, FlagSet, Scalar};

/// What a flag is for, which decides what may change it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// Code that is not used by everybody yet; it expires.
    Release,
    /// A switch to the safe side, which also works during a trip.
    OpsKill,
    /// Mirrors what the tenant pays for.
    Entitlement,
    /// Compares; never where something moves. It expires.
    Experiment,
}

impl Class {
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "release" => Self::Release,
            "ops-kill" => Self::OpsKill,
            "entitlement" => Self::Entitlement,
            "experiment" => Self::Experiment,
            _ => return None,
        })
    }

    /// Whether such a flag must say when it ends.
    #[must_use]
    pub fn expires(self) -> bool {
        matches!(self, Self::Release | Self::Experiment)
    }

    /// Whether a tenant may define such a flag anew.
    #[must_use]
    pub fn may_be_overridden(self) -> bool {
        matches!(self, Self::Release | Self::Experiment)
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Release => "release",
            Self::OpsKill => "ops-kill",
            Self::Entitlement => "entitlement",
            Self::Experiment => "experiment",
        })
    }
}

/// What a flag lacks of what we ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub flag: String,
    pub field: &'static str,
    pub reason: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "flag `{}`: metadata.{}: {}", self.flag, self.field, self.reason)
    }
}

/// Whether a text is a date such as `2027-01-31`. Dates in this form compare as texts.
fn is_date(text: &str) -> bool {
    let Some((year, rest)) = text.split_once('-') else { return false };
    let Some((month, day)) = rest.split_once('-') else { return false };
    let number = |text: &str, digits: usize| {
        let plain = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
        plain.then(|| text.parse::<u32>().ok()).flatten()
    };
    let (Some(year), Some(month), Some(day)) = (number(year, 4), number(month, 2), number(day, 2)) else {
        return false;
    };
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    (1..=days).contains(&day)
}

impl Flag {
    fn text(&self, name: &str) -> Option<&str> {
        match self.metadata.get(name) {
            Some(Scalar::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// What the flag is for, where it says so.
    #[must_use]
    pub fn class(&self) -> Option<Class> {
        self.text("class").and_then(Class::parse)
    }

    /// Who answers for it.
    #[must_use]
    pub fn owner(&self) -> Option<&str> {
        self.text("owner").filter(|owner| !owner.trim().is_empty())
    }

    /// The last day on which it should be there.
    #[must_use]
    pub fn expires(&self) -> Option<&str> {
        self.text("expires").filter(|text| is_date(text))
    }

    /// The variant to which an `ops-kill` flag switches.
    #[must_use]
    pub fn safe_variant(&self) -> Option<&str> {
        self.text("safe").filter(|name| self.variants.contains_key(*name))
    }

    fn faults(&self, today: &str) -> Vec<Fault> {
        let mut faults = Vec::new();
        let mut fault = |field, reason: String| faults.push(Fault { flag: self.key.to_string(), field, reason });
        let class = self.class();
        if class.is_none() {
            fault("class", "is not release, ops-kill, entitlement or experiment".to_owned());
        }
        if self.owner().is_none() {
            fault("owner", "is missing".to_owned());
        }
        match self.expires() {
            None if class.is_some_and(Class::expires) || self.metadata.contains_key("expires") => {
                fault("expires", "is no date such as 2027-01-31".to_owned());
            }
            Some(date) if date < today => fault("expires", format!("was on {date}: remove the flag")),
            _ => {}
        }
        if class == Some(Class::OpsKill) && self.safe_variant().is_none() {
            fault("safe", "names no variant, so nobody knows what to switch to".to_owned());
        }
        faults
    }
}

impl FlagSet {
    /// What the flags lack of what we ask for, on a day such as `2026-11-30`.
    #[must_use]
    pub fn faults(&self, today: &str) -> Vec<Fault> {
        self.flags().flat_map(|flag| flag.faults(today)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_days_that_there_are() {
        assert!(["2027-01-31", "2028-02-29", "2000-02-29"].into_iter().all(is_date));
        let none = ["2027-02-29", "1900-02-29", "2027-13-01", "2027-00-10", "2027-1-01", "soon", "2027-01-31T00", ""];
        assert!(!none.into_iter().any(is_date));
    }
}

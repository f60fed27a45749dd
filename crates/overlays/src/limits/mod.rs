//! Limits as a lattice: every limit has a direction in which it tightens, and merging goes only there. Who merged first, how
//! often, and in which groups makes no difference. Limits that nothing can keep are told with the rules that set them.

mod read;
mod rules;
mod window;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

pub(crate) use read::{LimitsFile, read};
pub use rules::KeptBy;
pub use window::{DAYS, Windows};

/// How a limit tightens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The least wins.
    Max,
    /// The greatest wins.
    Min,
    /// All count.
    Union,
    /// Only what all name.
    Intersection,
    /// One that needs it is enough.
    Needed,
    /// Only when all are open.
    Windows,
}

/// The limit on the speed, in metres per second.
pub const MAX_SPEED: &str = "max_speed_mps";

/// Every limit that there is, by name.
pub const LIMITS: [(&str, Kind); 24] = [
    (MAX_SPEED, Kind::Max),
    ("max_payload_kg", Kind::Max),
    ("max_passengers", Kind::Max),
    ("max_grade_pct", Kind::Max),
    ("max_wind_mps", Kind::Max),
    ("max_dwell_s", Kind::Max),
    ("max_acceleration_mps2", Kind::Max),
    ("max_transmit_w", Kind::Max),
    ("max_offline_s", Kind::Max),
    ("max_trip_distance_m", Kind::Max),
    ("min_speed_mps", Kind::Min),
    ("min_gap_m", Kind::Min),
    ("min_battery_pct", Kind::Min),
    ("min_visibility_m", Kind::Min),
    ("min_separation_m", Kind::Min),
    ("avoided_zones", Kind::Union),
    ("required_capabilities", Kind::Union),
    ("allowed_zones", Kind::Intersection),
    ("allowed_modes", Kind::Intersection),
    ("allowed_bearers", Kind::Intersection),
    ("needs_beacon", Kind::Needed),
    ("needs_second_person", Kind::Needed),
    ("needs_consent", Kind::Needed),
    ("service_hours", Kind::Windows),
];

/// How a limit of this name tightens.
#[must_use]
pub fn kind_of(limit: &str) -> Option<Kind> {
    LIMITS.iter().find(|(name, _)| *name == limit).map(|(_, kind)| *kind)
}

/// The value of a limit. Numbers are finite.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    AtMost(f64),
    AtLeast(f64),
    AllOf(BTreeSet<String>),
    OneOf(BTreeSet<String>),
    Needed,
    Within(Windows),
}

/// A limit and the rules that make it what it is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Limit {
    pub bound: Bound,
    pub rules: BTreeSet<String>,
}

/// A limit, and the part of the site that it is for; none is everywhere.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Place {
    pub limit: String,
    pub scope: Option<String>,
}

/// The limits of one layer, or of several that were merged.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Limits(pub(crate) BTreeMap<Place, Limit>);

/// Limits that nothing can keep.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{limit}{}: {problem}, by {}", scope.as_ref().map(|scope| format!(" of {scope}")).unwrap_or_default(), rules.join(" and "))]
pub struct Unsatisfiable {
    pub limit: String,
    pub scope: Option<String>,
    pub problem: String,
    /// The rules that contradict each other.
    pub rules: Vec<String>,
}

impl Bound {
    fn is_of(&self, kind: Kind) -> bool {
        matches!(
            (self, kind),
            (Self::AtMost(_), Kind::Max)
                | (Self::AtLeast(_), Kind::Min)
                | (Self::AllOf(_), Kind::Union)
                | (Self::OneOf(_), Kind::Intersection)
                | (Self::Needed, Kind::Needed)
                | (Self::Within(_), Kind::Windows)
        )
    }

    /// Both at once; none where they are not of one kind, which reading never lets happen.
    fn meet(&self, other: &Self) -> Option<Self> {
        Some(match (self, other) {
            (Self::AtMost(a), Self::AtMost(b)) => Self::AtMost(a.min(*b)),
            (Self::AtLeast(a), Self::AtLeast(b)) => Self::AtLeast(a.max(*b)),
            (Self::AllOf(a), Self::AllOf(b)) => Self::AllOf(a.union(b).cloned().collect()),
            (Self::OneOf(a), Self::OneOf(b)) => Self::OneOf(a.intersection(b).cloned().collect()),
            (Self::Needed, Self::Needed) => Self::Needed,
            (Self::Within(a), Self::Within(b)) => Self::Within(a.meet(b)),
            _ => return None,
        })
    }

    /// Whether it allows nothing that the other does not.
    #[must_use]
    pub fn is_within(&self, other: &Self) -> bool {
        self.meet(other).as_ref() == Some(self)
    }

    /// Whether the rules behind both made the merged one, and not only the tighter.
    fn shares(&self) -> bool {
        matches!(self, Self::AllOf(_) | Self::OneOf(_) | Self::Within(_))
    }
}

impl Limit {
    fn meet(&self, other: &Self) -> Option<Self> {
        let bound = self.bound.meet(&other.bound)?;
        let mut rules = BTreeSet::new();
        for limit in [self, other] {
            if bound.shares() || limit.bound == bound {
                rules.extend(limit.rules.iter().cloned());
            }
        }
        Some(Self { bound, rules })
    }
}

impl Limits {
    /// Both at once: each limit as tight as the tighter of the two.
    #[must_use]
    pub fn meet(&self, other: &Self) -> Self {
        let mut merged = self.0.clone();
        for (place, limit) in &other.0 {
            let met = merged.get(place).and_then(|had| had.meet(limit));
            merged.insert(place.clone(), met.unwrap_or_else(|| limit.clone()));
        }
        Self(merged)
    }

    /// Whether everything that these limits allow, the others allow too.
    #[must_use]
    pub fn is_within(&self, other: &Self) -> bool {
        other.0.iter().all(|(place, limit)| self.0.get(place).is_some_and(|own| own.bound.is_within(&limit.bound)))
    }

    /// One limit as it holds at a part of the site: what holds everywhere, and what holds there.
    #[must_use]
    pub fn at(&self, limit: &str, scope: Option<&str>) -> Option<Limit> {
        let of = |scope: Option<&str>| {
            self.0.get(&Place { limit: limit.to_owned(), scope: scope.map(str::to_owned) }).cloned()
        };
        match (of(None), scope.and_then(|scope| of(Some(scope)))) {
            (Some(a), Some(b)) => a.meet(&b),
            (one, other) => one.or(other),
        }
    }

    /// The highest speed in each kind of place that has a limit of its own, in metres per second.
    #[must_use]
    pub fn speeds(&self) -> BTreeMap<String, f64> {
        let of_place = |(place, limit): (&Place, &Limit)| match (&place.scope, &limit.bound) {
            (Some(scope), Bound::AtMost(speed_mps)) if place.limit == MAX_SPEED => Some((scope.clone(), *speed_mps)),
            _ => None,
        };
        self.0.iter().filter_map(of_place).collect()
    }

    /// The limits by name and place.
    pub fn iter(&self) -> impl Iterator<Item = (&Place, &Limit)> {
        self.0.iter()
    }

    /// The limits with these bounds, each by one rule; what is not of its limit's kind is left out.
    #[must_use]
    pub fn of(bounds: impl IntoIterator<Item = (Place, Bound, String)>) -> Self {
        let mut limits = Self::default();
        for (place, bound, rule) in bounds {
            if kind_of(&place.limit).is_some_and(|kind| bound.is_of(kind)) {
                limits = limits.meet(&Self(BTreeMap::from([(place, Limit { bound, rules: BTreeSet::from([rule]) })])));
            }
        }
        limits
    }

    /// Whether anything can keep these limits, everywhere.
    ///
    /// # Errors
    /// The first that nothing can keep, with the rules that contradict each other.
    pub fn check(&self) -> Result<(), Unsatisfiable> {
        let scopes: BTreeSet<Option<&str>> =
            std::iter::once(None).chain(self.0.keys().map(|place| place.scope.as_deref())).collect();
        for scope in scopes {
            for (name, _) in LIMITS {
                if let Some(limit) = self.at(name, scope) {
                    self.check_one(name, scope, &limit)?;
                }
            }
        }
        Ok(())
    }

    fn check_one(&self, name: &str, scope: Option<&str>, limit: &Limit) -> Result<(), Unsatisfiable> {
        let fail = |problem: String, others: Option<&Limit>| {
            let rules: BTreeSet<String> =
                limit.rules.iter().chain(others.into_iter().flat_map(|other| &other.rules)).cloned().collect();
            let (limit, scope) = (name.to_owned(), scope.map(str::to_owned));
            Err(Unsatisfiable { limit, scope, problem, rules: rules.into_iter().collect() })
        };
        match &limit.bound {
            Bound::AtLeast(least) => {
                let most = name.strip_prefix("min_").and_then(|stem| self.at(&format!("max_{stem}"), scope));
                match most {
                    Some(most) if matches!(most.bound, Bound::AtMost(bound) if bound < *least) => {
                        fail(format!("{least} is above the greatest that is allowed"), Some(&most))
                    }
                    _ => Ok(()),
                }
            }
            Bound::OneOf(names) if names.is_empty() => fail("nothing is allowed by all".to_owned(), None),
            Bound::OneOf(names) if name == "allowed_zones" => match self.at("avoided_zones", scope) {
                Some(avoided) if matches!(&avoided.bound, Bound::AllOf(avoided) if names.is_subset(avoided)) => {
                    fail("every zone that is allowed is avoided".to_owned(), Some(&avoided))
                }
                _ => Ok(()),
            },
            Bound::Within(windows) if windows.is_empty() => fail("no time is left".to_owned(), None),
            _ => Ok(()),
        }
    }
}

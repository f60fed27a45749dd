//! Where nobody may drive at a site, as a vehicle keeps it by itself (SAFE-9): areas with a class and a time. The whole of
//! it is one message, so that a vehicle that comes back needs nothing but the newest.

use kernel::id::RestrictionId;
use kernel::{Coordinate, Timestamp};

use crate::check::{self, Checked, bad};
use crate::v1;

/// The most rules of one site.
pub const RULES_MAX: usize = 500;
/// The most corners of all rules of one site together: at some 20 bytes each they fill half of a message.
pub const CORNERS_MAX: usize = 25_000;

/// What a rule asks of those inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleClass {
    /// They leave on their way.
    NoEntry,
    /// They stop.
    Stop,
    /// They leave on their way, at once.
    Evacuate,
}

/// A closure or zone.
#[derive(Debug, Clone, PartialEq)]
pub struct SiteRule {
    /// Its id.
    pub id: RestrictionId,
    /// What it asks of those inside.
    pub class: RuleClass,
    /// Server time from which on it is in force.
    pub from: Timestamp,
    /// Server time at which it ends, if that is known.
    pub until: Option<Timestamp>,
    /// The corners of its area, at least three.
    pub area: Vec<Coordinate>,
}

impl SiteRule {
    /// Whether it may be in force at a server time that lies between two; `None`: nobody knows the time.
    pub fn may_be_in_force(&self, between: Option<(Timestamp, Timestamp)>) -> bool {
        between.is_none_or(|(earliest, latest)| self.from <= latest && self.until.is_none_or(|until| earliest < until))
    }
}

/// All rules of a site.
#[derive(Debug, Clone, PartialEq)]
pub struct SiteRules {
    /// The site's name.
    pub site_id: String,
    /// Grows with every change.
    pub revision: u64,
    /// The rules.
    pub rules: Vec<SiteRule>,
}

pub(crate) fn read(m: v1::SiteRules) -> Checked<SiteRules> {
    if m.rules.len() > RULES_MAX {
        return bad("command.site_rules.rules", "expected at most 500 rules");
    }
    if m.rules.iter().map(|rule| rule.area.len()).sum::<usize>() > CORNERS_MAX {
        return bad("command.site_rules.rules.area", "expected at most 25000 corners of all rules together");
    }
    Ok(SiteRules {
        site_id: check::text(m.site_id, "command.site_rules.site_id")?,
        revision: m.revision,
        rules: m.rules.into_iter().map(rule).collect::<Checked<_>>()?,
    })
}

fn rule(m: v1::SiteRule) -> Checked<SiteRule> {
    if m.area.len() < 3 {
        return bad("command.site_rules.rules.area", "expected at least three corners");
    }
    let until = check::time(m.until_us, "command.site_rules.rules.until_us")?;
    let corner = |p: v1::Point| check::coordinate(p.lat, p.lon, "command.site_rules.rules.area");
    Ok(SiteRule {
        id: check::id(&m.rule_id, "command.site_rules.rules.rule_id")?,
        class: match v1::RuleClass::try_from(m.class) {
            Ok(v1::RuleClass::Stop) => RuleClass::Stop,
            Ok(v1::RuleClass::Evacuate) => RuleClass::Evacuate,
            Ok(v1::RuleClass::NoEntry | v1::RuleClass::Unspecified) | Err(_) => RuleClass::NoEntry,
        },
        from: check::time(m.from_us, "command.site_rules.rules.from_us")?,
        until: (until.as_us() > 0).then_some(until),
        area: m.area.into_iter().map(corner).collect::<Checked<_>>()?,
    })
}

impl From<RuleClass> for v1::RuleClass {
    fn from(class: RuleClass) -> Self {
        match class {
            RuleClass::NoEntry => v1::RuleClass::NoEntry,
            RuleClass::Stop => v1::RuleClass::Stop,
            RuleClass::Evacuate => v1::RuleClass::Evacuate,
        }
    }
}

impl From<&SiteRules> for v1::SiteRules {
    fn from(rules: &SiteRules) -> Self {
        let rule = |rule: &SiteRule| v1::SiteRule {
            rule_id: rule.id.to_string(),
            class: v1::RuleClass::from(rule.class).into(),
            from_us: rule.from.as_us(),
            until_us: rule.until.map_or(0, Timestamp::as_us),
            area: rule.area.iter().map(|at| v1::Point { lat: at.lat(), lon: at.lon() }).collect(),
        };
        Self { site_id: rules.site_id.clone(), revision: rules.revision, rules: rules.rules.iter().map(rule).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::id::TypedId;
    use prost::Message as _;

    fn rules(count: u128, corners: usize) -> SiteRules {
        let area = |n: u128| {
            (0..corners).map(|c| Coordinate::new(n as f64 / 10.0, (c % 360) as f64 / 10.0).unwrap()).collect()
        };
        let rule = |n: u128| SiteRule {
            id: RestrictionId::from_u128(n),
            class: RuleClass::Stop,
            from: Timestamp::from_ms(1_000),
            until: n.is_multiple_of(2).then(|| Timestamp::from_ms(2_000)),
            area: area(n),
        };
        SiteRules { site_id: "pit-1".into(), revision: 7, rules: (0..count).map(rule).collect() }
    }

    #[test]
    fn what_is_written_is_read_and_the_most_fits_one_message() {
        for rules in [rules(0, 3), rules(3, 4), rules(RULES_MAX as u128, CORNERS_MAX / RULES_MAX)] {
            let wire = v1::SiteRules::from(&rules);
            assert!(wire.encoded_len() < crate::MESSAGE_BYTES_MAX * 6 / 10, "{}", wire.encoded_len());
            assert_eq!(read(wire).unwrap(), rules);
        }
    }

    #[test]
    fn what_says_nothing_of_where_it_is_is_refused_by_name() {
        let check = |change: &dyn Fn(&mut v1::SiteRules), field: &str| {
            let mut wire = v1::SiteRules::from(&rules(2, 3));
            change(&mut wire);
            let told = read(wire).unwrap_err().to_string();
            assert!(told.starts_with(&format!("command.site_rules.rules{field}: ")), "{told}");
        };
        check(&|m| m.rules = v1::SiteRules::from(&rules(RULES_MAX as u128 + 1, 3)).rules, "");
        check(&|m| m.rules = v1::SiteRules::from(&rules(2, CORNERS_MAX)).rules, ".area");
        check(&|m| m.rules[1].area.truncate(2), ".area");
        check(&|m| m.rules[0].area[0].lat = f64::NAN, ".area");
        check(&|m| m.rules[0].rule_id.clear(), ".rule_id");
        check(&|m| m.rules[0].from_us = -1, ".from_us");
        let mut unknown = v1::SiteRules::from(&rules(1, 3));
        unknown.rules[0].class = 99;
        assert_eq!(read(unknown).unwrap().rules[0].class, RuleClass::NoEntry);
    }

    #[test]
    fn a_rule_is_in_force_unless_the_time_certainly_forbids_it() {
        let (with_end, without) = (rules(1, 3).rules.remove(0), rules(2, 3).rules.remove(1));
        let check = |between: Option<(i64, i64)>, ends: bool, lasts: bool| {
            let between = between.map(|(a, b)| (Timestamp::from_ms(a), Timestamp::from_ms(b)));
            let found = (with_end.may_be_in_force(between), without.may_be_in_force(between));
            assert_eq!(found, (ends, lasts), "{between:?}");
        };
        check(Some((900, 999)), false, false);
        check(Some((900, 1_000)), true, true);
        check(Some((1_999, 2_500)), true, true);
        check(Some((2_000, 2_500)), false, true);
        check(None, true, true);
    }
}

//! Where nobody may drive at a site and where everybody drives slower, as a vehicle keeps it by itself (SAFE-9, SAFE-14):
//! areas with a time. The whole of it is one message, so that a vehicle that comes back needs nothing but the newest.

use kernel::id::RestrictionId;
use kernel::{Coordinate, Timestamp};

use crate::check::{self, Checked, bad};
use crate::v1;

/// The most rules of one site.
pub const RULES_MAX: usize = 500;
/// The most corners of all rules of one site together: at some 20 bytes each they fill half of a message.
pub const CORNERS_MAX: usize = 25_000;

/// What a rule asks for in its area.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RuleKind {
    /// Nobody enters; those inside do what the class says.
    Closed(RuleClass),
    /// Nobody is faster than so many metres per second.
    SpeedLimit(f64),
}

/// What a closed area asks of those inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleClass {
    /// They leave on their way.
    NoEntry,
    /// They stop.
    Stop,
    /// They leave on their way, at once.
    Evacuate,
}

/// A closure, zone or speed limit.
#[derive(Debug, Clone, PartialEq)]
pub struct SiteRule {
    /// Its id.
    pub id: RestrictionId,
    /// What it asks for.
    pub kind: RuleKind,
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

const RULES: &str = "command.site_rules.rules";
const SPEED_LIMITS: &str = "command.site_rules.speed_limits";

pub(crate) fn read(m: v1::SiteRules) -> Checked<SiteRules> {
    if m.rules.len() + m.speed_limits.len() > RULES_MAX {
        return bad(RULES, "expected at most 500 rules with speed limits");
    }
    let closed_corners = m.rules.iter().map(|rule| rule.area.len());
    if closed_corners.chain(m.speed_limits.iter().map(|limit| limit.area.len())).sum::<usize>() > CORNERS_MAX {
        return bad(format!("{RULES}.area"), "expected at most 25000 corners of all rules together");
    }
    let speed_limits = m.speed_limits.into_iter().map(speed_limit);
    Ok(SiteRules {
        site_id: check::text(m.site_id, "command.site_rules.site_id")?,
        revision: m.revision,
        rules: m.rules.into_iter().map(closed).chain(speed_limits).collect::<Checked<_>>()?,
    })
}

fn closed(m: v1::SiteRule) -> Checked<SiteRule> {
    let class = match v1::RuleClass::try_from(m.class) {
        Ok(v1::RuleClass::Stop) => RuleClass::Stop,
        Ok(v1::RuleClass::Evacuate) => RuleClass::Evacuate,
        Ok(v1::RuleClass::NoEntry | v1::RuleClass::Unspecified) | Err(_) => RuleClass::NoEntry,
    };
    rule(&m.rule_id, RuleKind::Closed(class), (m.from_us, m.until_us), m.area, RULES)
}

fn speed_limit(m: v1::SpeedLimit) -> Checked<SiteRule> {
    let max_speed_mps = check::driving_speed(m.max_speed_mps, &format!("{SPEED_LIMITS}.max_speed_mps"))?;
    rule(&m.rule_id, RuleKind::SpeedLimit(max_speed_mps), (m.from_us, m.until_us), m.area, SPEED_LIMITS)
}

fn rule(
    id: &str,
    kind: RuleKind,
    (from_us, until_us): (i64, i64),
    area: Vec<v1::Point>,
    field: &str,
) -> Checked<SiteRule> {
    if area.len() < 3 {
        return bad(format!("{field}.area"), "expected at least three corners");
    }
    let until = check::time(until_us, &format!("{field}.until_us"))?;
    let corner = |p: v1::Point| check::coordinate(p.lat, p.lon, &format!("{field}.area"));
    Ok(SiteRule {
        id: check::id(id, &format!("{field}.rule_id"))?,
        kind,
        from: check::time(from_us, &format!("{field}.from_us"))?,
        until: (until.as_us() > 0).then_some(until),
        area: area.into_iter().map(corner).collect::<Checked<_>>()?,
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
        let mut wire = Self { site_id: rules.site_id.clone(), revision: rules.revision, ..Self::default() };
        for SiteRule { id, kind, from, until, area } in &rules.rules {
            let (rule_id, from_us) = (id.to_string(), from.as_us());
            let until_us = until.map_or(0, Timestamp::as_us);
            let area = area.iter().map(|at| v1::Point { lat: at.lat(), lon: at.lon() }).collect();
            match *kind {
                RuleKind::Closed(class) => {
                    let class = v1::RuleClass::from(class).into();
                    wire.rules.push(v1::SiteRule { rule_id, class, from_us, until_us, area });
                }
                RuleKind::SpeedLimit(max_speed_mps) => {
                    wire.speed_limits.push(v1::SpeedLimit { rule_id, max_speed_mps, from_us, until_us, area });
                }
            }
        }
        wire
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
            kind: if n < count / 2 { RuleKind::Closed(RuleClass::Stop) } else { RuleKind::SpeedLimit(8.0) },
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
            let mut wire = v1::SiteRules::from(&rules(4, 3));
            change(&mut wire);
            let told = read(wire).unwrap_err().to_string();
            assert!(told.starts_with(&format!("command.site_rules.{field}: ")), "{told}");
        };
        check(&|m| *m = v1::SiteRules::from(&rules(RULES_MAX as u128 + 1, 3)), "rules");
        check(&|m| *m = v1::SiteRules::from(&rules(2, CORNERS_MAX)), "rules.area");
        check(&|m| m.rules[1].area.truncate(2), "rules.area");
        check(&|m| m.rules[0].area[0].lat = f64::NAN, "rules.area");
        check(&|m| m.rules[0].rule_id.clear(), "rules.rule_id");
        check(&|m| m.rules[0].from_us = -1, "rules.from_us");
        check(&|m| m.speed_limits[0].area.truncate(2), "speed_limits.area");
        check(&|m| m.speed_limits[0].max_speed_mps = 0.0, "speed_limits.max_speed_mps");
        let mut unknown = v1::SiteRules::from(&rules(2, 3));
        unknown.rules[0].class = 99;
        assert_eq!(read(unknown).unwrap().rules[0].kind, RuleKind::Closed(RuleClass::NoEntry));
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

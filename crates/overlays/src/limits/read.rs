//! `constraints.yaml`: limits with their ids and purposes.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::rules::rule_of;
use super::window::minute_of;
use super::{Bound, DAYS, Kind, Limit, Limits, MAX_SPEED, Place, Windows, kind_of};
use crate::fault::Faults;
use crate::files::{Files, is_id, is_plain, yaml};

const FILE: &str = "constraints.yaml";
/// The lowest speed limit of a place that routes and vehicles take, in metres per second.
const PLACE_SPEED_MPS_MIN: f64 = 0.1;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileYaml {
    limits: Vec<RuleYaml>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleYaml {
    id: String,
    limit: String,
    scope: Option<String>,
    value: ValueYaml,
    purpose: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum ValueYaml {
    Needed(bool),
    Number(f64),
    Names(BTreeSet<String>),
    Windows(Vec<WindowYaml>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WindowYaml {
    days: Vec<String>,
    from: String,
    to: String,
}

/// What the file says.
#[derive(Default)]
pub(crate) struct LimitsFile {
    pub limits: Limits,
    /// The ids of all of them: one that another makes useless is a limit as well.
    pub ids: BTreeSet<String>,
    /// The rules that keep those that a rule can keep, as Cedar.
    pub rules: String,
}

/// The limits of the overlay whose ids begin with `owner`.
pub(crate) fn read(files: &Files, owner: &str, faults: &mut Faults) -> LimitsFile {
    let LimitsFile { mut limits, mut ids, mut rules } = LimitsFile::default();
    let Some(file) = yaml::<FileYaml>(files, FILE, faults) else { return LimitsFile::default() };
    for (at, rule) in file.limits.iter().enumerate() {
        let field = |name: &str| format!("limits[{at}].{name}");
        if !is_id(&rule.id) || !rule.id.starts_with(&format!("{owner}.")) || !ids.insert(rule.id.clone()) {
            faults.add(FILE, field("id"), format!("is no id that begins with {owner}., or there twice"));
        }
        if !is_plain(&rule.purpose, 400) {
            faults.add(FILE, field("purpose"), "is no plain text");
        }
        if rule.scope.as_deref().is_some_and(|scope| !is_id(scope)) {
            faults.add(FILE, field("scope"), "is no id");
        }
        let Some(kind) = kind_of(&rule.limit) else {
            faults.add(FILE, field("limit"), format!("`{}` is no limit", rule.limit));
            continue;
        };
        match bound_of(kind, &rule.value) {
            Err(reason) => faults.add(FILE, field("value"), reason),
            Ok(Bound::AtMost(speed_mps)) if is_standstill(rule, speed_mps) => {
                faults.add(
                    FILE,
                    field("value"),
                    "is slower than 0.1 m/s: a place where nobody drives is a zone or closure",
                );
            }
            Ok(bound) => {
                let place = Place { limit: rule.limit.clone(), scope: rule.scope.clone() };
                rules.extend(rule_of(&rule.id, &place, &bound, &rule.purpose).map(|text| text + "\n"));
                let limit = Limit { bound, rules: BTreeSet::from([rule.id.clone()]) };
                limits = limits.meet(&Limits(BTreeMap::from([(place, limit)])));
            }
        }
    }
    if let Err(error) = limits.check() {
        faults.add(FILE, "limits", error);
    }
    LimitsFile { limits, ids, rules }
}

/// Whether nobody could drive in a place with this highest speed, in metres per second.
fn is_standstill(rule: &RuleYaml, speed_mps: f64) -> bool {
    rule.limit == MAX_SPEED && rule.scope.is_some() && speed_mps < PLACE_SPEED_MPS_MIN
}

fn bound_of(kind: Kind, value: &ValueYaml) -> Result<Bound, String> {
    let number = |value: f64| {
        if value.is_finite() && value >= 0.0 { Ok(value) } else { Err("is no number from 0 on".to_owned()) }
    };
    match (kind, value) {
        (Kind::Max, ValueYaml::Number(value)) => number(*value).map(Bound::AtMost),
        (Kind::Min, ValueYaml::Number(value)) => number(*value).map(Bound::AtLeast),
        (Kind::Union, ValueYaml::Names(names)) => names_of(names).map(Bound::AllOf),
        (Kind::Intersection, ValueYaml::Names(names)) => names_of(names).map(Bound::OneOf),
        (Kind::Needed, ValueYaml::Needed(true)) => Ok(Bound::Needed),
        (Kind::Windows, ValueYaml::Windows(windows)) => windows_of(windows).map(Bound::Within),
        (Kind::Max | Kind::Min, _) => Err("is no number".to_owned()),
        (Kind::Union | Kind::Intersection, _) => Err("is no list of names".to_owned()),
        (Kind::Needed, _) => Err("is not true; what is not needed is left out".to_owned()),
        (Kind::Windows, _) => Err("is no list of windows with days, from and to".to_owned()),
    }
}

fn names_of(names: &BTreeSet<String>) -> Result<BTreeSet<String>, String> {
    match names.iter().find(|name| !is_plain(name, 64)) {
        Some(wrong) => Err(format!("`{wrong}` is no name")),
        None if names.is_empty() => Err("is empty".to_owned()),
        None => Ok(names.clone()),
    }
}

fn windows_of(windows: &[WindowYaml]) -> Result<Windows, String> {
    let mut all = Windows::default();
    for WindowYaml { days, from, to } in windows {
        let time = |text: &str| minute_of(text).ok_or_else(|| format!("`{text}` is no time such as 06:30"));
        let mut numbers = Vec::new();
        for day in days {
            let at =
                DAYS.iter().position(|known| known == day).ok_or_else(|| format!("`{day}` is no day such as mon"))?;
            numbers.push(u16::try_from(at).unwrap_or_default());
        }
        all = all.join(&Windows::daily(numbers, time(from)?, time(to)?));
    }
    if all.is_empty() { Err("is never open".to_owned()) } else { Ok(all) }
}

//! Rule files, compiled into one set in which rules refer to each other by name.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value};

use crate::alert::Level;
use crate::baseline::Baseline;
use crate::correlation::Correlation;
use crate::error::{Fault, RuleError};
use crate::key::{RULE_FIELD, digest, hex};
use crate::limits::Limits;
use crate::sigma::{Detection, documents, header, known_level, labels, name_of, span, string_list, text_of};

/// The field by which rules are found quickly. A record that no rule names costs one look-up.
pub(crate) const INDEX_FIELD: &str = "kind";

/// A file with one or more rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleFile {
    pub name: Cow<'static, str>,
    pub text: Cow<'static, str>,
}

impl RuleFile {
    #[must_use]
    pub fn new(name: impl Into<Cow<'static, str>>, text: impl Into<Cow<'static, str>>) -> Self {
        Self { name: name.into(), text: text.into() }
    }
}

macro_rules! shipped_rules {
    ($($name:literal),* $(,)?) => {
        [$(RuleFile::new($name, include_str!(concat!("../detections/", $name)))),*]
    };
}

/// The rules that come with the crate.
#[must_use]
pub fn shipped() -> Vec<RuleFile> {
    shipped_rules!(
        "a01_brute_force.yml",
        "a02_spray.yml",
        "a03_success_after_failures.yml",
        "a04_cloned_key.yml",
        "a05_impossible_travel.yml",
        "a06_place_mismatch.yml",
        "a07_dead_certificate.yml",
        "a08_superseded_identity.yml",
        "a09_token_replay.yml",
        "a10_clock.yml",
        "a11_unusual_action.yml",
        "a12_command_flood.yml",
        "a13_operator.yml",
        "a14_silence.yml",
        "a15_update_refused.yml",
        "a16_fleet_wide.yml",
        "a17_intelligence.yml",
        "a18_journal_tampered.yml",
    )
    .into()
}

/// What alerts say of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleInfo {
    pub name: String,
    pub title: String,
    pub description: String,
    pub file: String,
    pub level: Level,
    pub attack: Vec<String>,
    pub r155: Vec<String>,
    pub false_positives: Vec<String>,
    /// Whether the rule alerts, and is not only part of another.
    pub alerts: bool,
    /// The fields that alerts of the rule are about.
    pub group_by: Vec<String>,
    /// One alert of a group in so many milliseconds.
    pub(crate) suppress: Option<i64>,
}

#[derive(Debug, Clone)]
pub(crate) enum Body {
    Detection(Detection),
    Correlation(Correlation),
    Baseline(Baseline),
}

#[derive(Debug, Clone)]
pub(crate) struct Rule {
    pub(crate) info: RuleInfo,
    pub(crate) body: Body,
    /// Which rules listen to this one, and as their how manieth.
    pub(crate) listeners: Vec<(usize, usize)>,
}

#[derive(Debug)]
pub(crate) struct RuleSet {
    pub(crate) rules: Vec<Rule>,
    /// Rules of single events by the value of [`INDEX_FIELD`] in lower case, and those that any value can match.
    by_kind: HashMap<String, Vec<usize>>,
    any_kind: Vec<usize>,
    /// Of all texts; a snapshot of other rules is not taken.
    pub(crate) digest: String,
}

impl RuleSet {
    /// Compiles all files, or tells everything that is wrong with them.
    pub(crate) fn compile(files: &[RuleFile], limits: &Limits) -> Result<Self, Vec<RuleError>> {
        let (mut rules, mut errors, mut names) = (Vec::new(), Vec::new(), BTreeMap::new());
        for file in files {
            let documents = documents(&file.name, &file.text).unwrap_or_else(|error| {
                errors.push(error);
                Vec::new()
            });
            for (place, document) in documents {
                match rule(&place, &document, limits) {
                    Err(fault) => errors.push(fault.at(&place)),
                    Ok((rule, ids)) => {
                        for id in ids {
                            if names.insert(id.clone(), rules.len()).is_some_and(|other| other != rules.len()) {
                                errors.push(RuleError::new(&place, "name", format!("`{id}` is taken by another rule")));
                            }
                        }
                        rules.push(rule);
                    }
                }
            }
        }
        errors.extend(link(&mut rules, &names));
        if !errors.is_empty() {
            return Err(errors);
        }
        let texts: Vec<&str> = files.iter().flat_map(|file| [file.name.as_ref(), file.text.as_ref()]).collect();
        let mut set = Self { rules, by_kind: HashMap::new(), any_kind: Vec::new(), digest: hex(digest(&texts)) };
        set.index();
        Ok(set)
    }

    fn index(&mut self) {
        for (index, rule) in self.rules.iter().enumerate() {
            let Body::Detection(detection) = &rule.body else { continue };
            match detection.required(INDEX_FIELD) {
                None => self.any_kind.push(index),
                Some(mut kinds) => {
                    kinds.sort_unstable();
                    kinds.dedup();
                    for kind in kinds {
                        self.by_kind.entry(kind).or_default().push(index);
                    }
                }
            }
        }
    }

    /// The rules of single events that a record of the kind may match.
    pub(crate) fn candidates(&self, kind: Option<&str>) -> impl Iterator<Item = usize> {
        let named = kind.and_then(|kind| self.by_kind.get(kind)).map(Vec::as_slice).unwrap_or_default();
        named.iter().chain(&self.any_kind).copied()
    }
}

/// A rule, with all that others may call it.
fn rule(file: &str, document: &Value, limits: &Limits) -> Result<(Rule, Vec<String>), Fault> {
    let map = header(document)?;
    let body = match (map.get("detection"), map.get("correlation"), map.get("baseline")) {
        (Some(_), None, None) => Body::Detection(Detection::compile(document)?),
        (None, Some(body), None) => {
            Body::Correlation(Correlation::compile(body, limits.samples).map_err(|fault| fault.within("correlation"))?)
        }
        (None, None, Some(body)) => {
            Body::Baseline(Baseline::compile(body, limits.lateness_ms).map_err(|fault| fault.within("baseline"))?)
        }
        (None, None, None) => return Err(Fault::new("detection", "is missing, and so are correlation and baseline")),
        _ => return Err(Fault::new("detection", "stands beside a correlation or baseline")),
    };
    let info = info(file, map, &body)?;
    let mut ids: Vec<String> = ["name", "id"].into_iter().filter_map(|field| text_of(map, field).ok()).collect();
    ids.push(info.name.clone());
    ids.dedup();
    Ok((Rule { info, body, listeners: Vec::new() }, ids))
}

fn info(file: &str, map: &Map<String, Value>, body: &Body) -> Result<RuleInfo, Fault> {
    let (attack, r155) = labels(map)?;
    let suppress = match map.get("suppress") {
        None => None,
        Some(_) => Some(span(&text_of(map, "suppress")?).ok_or_else(|| Fault::new("suppress", "is no span"))?),
    };
    let group_by = match body {
        Body::Detection(_) => string_list(map, "fields")?,
        Body::Correlation(correlation) => correlation.group_by.clone(),
        Body::Baseline(baseline) => baseline.group_by.clone(),
    };
    Ok(RuleInfo {
        name: name_of(map)?,
        title: text_of(map, "title")?,
        description: map.get("description").and_then(Value::as_str).unwrap_or_default().trim().to_owned(),
        file: file.to_owned(),
        level: known_level(map)?,
        attack,
        r155,
        false_positives: string_list(map, "falsepositives")?,
        alerts: true,
        group_by,
        suppress,
    })
}

/// Finds the rules that correlations and baselines name.
fn link(rules: &mut [Rule], names: &BTreeMap<String, usize>) -> Vec<RuleError> {
    let mut errors = Vec::new();
    let (mut links, mut quiet, mut loud) = (Vec::new(), Vec::new(), Vec::new());
    for (listener, rule) in rules.iter().enumerate() {
        let (field, inputs): (&str, Vec<&String>) = match &rule.body {
            Body::Detection(_) => continue,
            Body::Correlation(spec) => ("correlation.rules", spec.inputs.iter().map(|input| &input.rule).collect()),
            Body::Baseline(spec) => ("baseline.rules", spec.rules.iter().collect()),
        };
        let generates = matches!(&rule.body, Body::Correlation(spec) if spec.generates);
        for (position, name) in inputs.into_iter().enumerate() {
            let Some((source, heard)) = names.get(name).and_then(|index| Some((*index, rules.get(*index)?))) else {
                errors.push(RuleError::new(&rule.info.file, field, format!("names `{name}`, which is no rule")));
                continue;
            };
            if let Some(reason) = unfit(rule, position, heard, source >= listener) {
                errors.push(RuleError::new(&rule.info.file, field, format!("names `{name}`, {reason}")));
            }
            links.push((source, (listener, position)));
            if generates { loud.push(source) } else { quiet.push(source) }
        }
    }
    for (source, link) in links {
        if let Some(rule) = rules.get_mut(source) {
            rule.listeners.push(link);
            // A rule that others listen to is silent, unless one of them says that it is not.
            rule.info.alerts = loud.contains(&source) || !quiet.contains(&source);
        }
    }
    errors
}

/// Why a rule can not listen to another.
fn unfit(listener: &Rule, position: usize, heard: &Rule, is_later: bool) -> Option<&'static str> {
    match (&listener.body, &heard.body) {
        (_, Body::Detection(_)) => None,
        (Body::Correlation(_), Body::Correlation(_)) if is_later => Some("a correlation that does not stand before it"),
        (Body::Correlation(spec), Body::Correlation(inner)) => {
            let input = spec.inputs.get(position)?;
            let is_plain = matches!(inner.condition, crate::correlation::Bounds::AtLeast(_));
            let has_fields = input.group.iter().chain(&input.value).all(|field| inner.group_by.contains(field));
            if !is_plain {
                Some("a correlation with a condition other than gt or gte")
            } else if !has_fields || input.group.iter().any(|field| field == RULE_FIELD) {
                Some("a correlation that does not group by the fields it needs")
            } else {
                None
            }
        }
        _ => Some("which is no rule of single events"),
    }
}

//! What a correlation asks for.

use serde_json::{Map, Value};

use crate::error::Fault;
use crate::sigma::{span, string_list, text_of};

/// The most rules of one correlation.
const RULES_MAX: usize = 64;

/// A compiled correlation.
#[derive(Debug, Clone)]
pub(crate) struct Correlation {
    pub(crate) measure: Measure,
    /// By the order in the rule.
    pub(crate) inputs: Vec<Input>,
    /// The names that alerts give the group's values.
    pub(crate) group_by: Vec<String>,
    /// In milliseconds.
    pub(crate) span: i64,
    pub(crate) condition: Bounds,
    /// Whether the rules alert for themselves too.
    pub(crate) generates: bool,
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Measure {
    Events,
    Values,
    Rules,
    RulesInOrder,
}

/// A rule that a correlation listens to.
#[derive(Debug, Clone)]
pub(crate) struct Input {
    /// As the correlation names it.
    pub(crate) rule: String,
    /// The fields of its records that make the group.
    pub(crate) group: Vec<String>,
    /// The field whose values are counted.
    pub(crate) value: Option<String>,
}

/// What the measure must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Bounds {
    AtLeast(u64),
    /// Every one of them holds.
    Every(Vec<(Relation, u64)>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Relation {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    Unequal,
}

impl Bounds {
    fn read(condition: &Map<String, Value>) -> Result<Self, Fault> {
        let mut bounds = Vec::new();
        for (name, value) in condition.iter().filter(|(name, _)| *name != "field") {
            let relation = match name.as_str() {
                "lt" => Relation::Less,
                "lte" => Relation::LessOrEqual,
                "gt" => Relation::Greater,
                "gte" => Relation::GreaterOrEqual,
                "eq" => Relation::Equal,
                "neq" => Relation::Unequal,
                _ => return Err(Fault::new(format!("condition.{name}"), "is not known")),
            };
            let count = value.as_u64();
            bounds.push((relation, count.ok_or_else(|| Fault::new(format!("condition.{name}"), "is no count"))?));
        }
        match bounds.as_slice() {
            [] => Err(Fault::new("condition", "has none of lt, lte, gt, gte, eq, neq")),
            [(Relation::GreaterOrEqual, 0)] => Err(Fault::new("condition.gte", "holds always")),
            [(Relation::GreaterOrEqual, count)] => Ok(Self::AtLeast(*count)),
            [(Relation::Greater, count)] => Ok(Self::AtLeast(count.saturating_add(1))),
            _ => Ok(Self::Every(bounds)),
        }
    }

    pub(crate) fn hold(&self, count: u64) -> bool {
        match self {
            Self::AtLeast(least) => count >= *least,
            Self::Every(bounds) => bounds.iter().all(|(relation, bound)| match relation {
                Relation::Less => count < *bound,
                Relation::LessOrEqual => count <= *bound,
                Relation::Greater => count > *bound,
                Relation::GreaterOrEqual => count >= *bound,
                Relation::Equal => count == *bound,
                Relation::Unequal => count != *bound,
            }),
        }
    }
}

impl Correlation {
    /// Compiles what stands under `correlation`.
    pub(crate) fn compile(body: &Value, samples: usize) -> Result<Self, Fault> {
        let map = body.as_object().ok_or_else(|| Fault::new("", "is no map"))?;
        let measure = match text_of(map, "type")?.as_str() {
            "event_count" => Measure::Events,
            "value_count" => Measure::Values,
            "temporal" => Measure::Rules,
            "temporal_ordered" => Measure::RulesInOrder,
            other => return Err(Fault::new("type", format!("`{other}` is not supported"))),
        };
        let rules = string_list(map, "rules")?;
        if rules.is_empty() || rules.len() > RULES_MAX {
            return Err(Fault::new("rules", format!("has not between 1 and {RULES_MAX} rules")));
        }
        let span = span(&text_of(map, "timespan")?)
            .ok_or_else(|| Fault::new("timespan", "is no number with s, m, h or d, of at most 90 days"))?;
        let (condition, value) = condition(map, measure, rules.len())?;
        let most = match &condition {
            Bounds::AtLeast(least) => *least,
            Bounds::Every(bounds) => bounds.iter().map(|(_, bound)| *bound).max().unwrap_or(0),
        };
        if most > samples as u64 {
            return Err(Fault::new("condition", format!("is over the {samples} records that a group remembers")));
        }
        let group_by = string_list(map, "group-by")?;
        let aliases = match map.get("aliases") {
            None => Map::new(),
            Some(Value::Object(aliases)) => aliases.clone(),
            Some(_) => return Err(Fault::new("aliases", "is no map")),
        };
        let input = |rule: &String| {
            let group = group_by.iter().map(|field| aliased(&aliases, field, rule)).collect::<Result<_, Fault>>()?;
            let value = value.as_ref().map(|field| aliased(&aliases, field, rule)).transpose()?;
            Ok(Input { rule: rule.clone(), group, value })
        };
        let inputs = rules.iter().map(input).collect::<Result<Vec<Input>, Fault>>()?;
        let generates = match map.get("generate") {
            None => false,
            Some(value) => value.as_bool().ok_or_else(|| Fault::new("generate", "is neither true nor false"))?,
        };
        Ok(Self { measure, inputs, group_by, span, condition, generates })
    }
}

fn condition(map: &Map<String, Value>, measure: Measure, rules: usize) -> Result<(Bounds, Option<String>), Fault> {
    let is_temporal = matches!(measure, Measure::Rules | Measure::RulesInOrder);
    let condition = match map.get("condition") {
        None if is_temporal => return Ok((Bounds::AtLeast(rules as u64), None)),
        None => return Err(Fault::new("condition", "is missing")),
        Some(Value::Object(condition)) => condition,
        Some(_) => return Err(Fault::new("condition", "is no map")),
    };
    let field = match (condition.get("field"), measure) {
        (Some(Value::String(field)), Measure::Values) => Some(field.clone()),
        (_, Measure::Values) => return Err(Fault::new("condition.field", "must name the field whose values count")),
        (Some(_), _) => return Err(Fault::new("condition.field", "belongs to value_count only")),
        (None, _) => None,
    };
    Ok((Bounds::read(condition)?, field))
}

/// The field of a rule that a name in the correlation means.
fn aliased(aliases: &Map<String, Value>, name: &str, rule: &str) -> Result<String, Fault> {
    let Some(alias) = aliases.get(name) else { return Ok(name.to_owned()) };
    let field = alias.get(rule).and_then(Value::as_str);
    field.map(str::to_owned).ok_or_else(|| Fault::new(format!("aliases.{name}"), format!("says no field for `{rule}`")))
}

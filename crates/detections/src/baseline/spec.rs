//! What a baseline watches. It stands in a rule file under `baseline`, which is our addition to Sigma.

use serde_json::{Map, Value};

use crate::error::Fault;
use crate::sigma::{span, string_list, text_of};

/// A compiled baseline.
#[derive(Debug, Clone)]
pub(crate) struct Baseline {
    pub(crate) rules: Vec<String>,
    pub(crate) group_by: Vec<String>,
    /// The fields that entities of one cohort have in common; all entities are one cohort where there are none.
    pub(crate) cohort_by: Vec<String>,
    pub(crate) watch: Watch,
}

#[derive(Debug, Clone)]
pub(crate) enum Watch {
    Rate(Rate),
    NewValue(NewValue),
    Travel(Travel),
}

/// A count of records in each period, Poisson with a rate that is Gamma distributed over the cohort.
#[derive(Debug, Clone)]
pub(crate) struct Rate {
    /// In milliseconds.
    pub(crate) period: i64,
    /// Alerts where so many records or more are less likely than this.
    pub(crate) tail: f64,
    /// Fewer records are never unusual.
    pub(crate) minimum: u64,
    /// How many periods of the entity's own weigh as much as the cohort.
    pub(crate) prior_periods: f64,
    /// How many periods the cohort must have before anything is unusual.
    pub(crate) learning_periods: u64,
}

/// A value that the entity never had.
#[derive(Debug, Clone)]
pub(crate) struct NewValue {
    pub(crate) field: String,
    /// From the entity's first record on, in milliseconds.
    pub(crate) learning: i64,
    /// A value that so many others of the cohort have is not unusual; 0 where no cohort is asked.
    pub(crate) common_in: u64,
}

/// Two positions that nothing could travel between.
#[derive(Debug, Clone)]
pub(crate) struct Travel {
    pub(crate) latitude: String,
    pub(crate) longitude: String,
    /// In metres a second.
    pub(crate) speed: f64,
    /// In metres; shorter ways are never unusual.
    pub(crate) distance: f64,
}

fn number(map: &Map<String, Value>, field: &str, usual: f64) -> Result<f64, Fault> {
    let value = map.get(field).map_or(Some(usual), Value::as_f64);
    value.filter(|value| value.is_finite() && *value > 0.0).ok_or_else(|| Fault::new(field, "is no number over 0"))
}

fn count(map: &Map<String, Value>, field: &str, usual: u64) -> Result<u64, Fault> {
    map.get(field).map_or(Some(usual), Value::as_u64).ok_or_else(|| Fault::new(field, "is no count"))
}

fn time(map: &Map<String, Value>, field: &str) -> Result<i64, Fault> {
    span(&text_of(map, field)?).ok_or_else(|| Fault::new(field, "is no number with s, m, h or d, of at most 90 days"))
}

impl Baseline {
    /// Compiles what stands under `baseline`.
    pub(crate) fn compile(body: &Value, lateness: i64) -> Result<Self, Fault> {
        let map = body.as_object().ok_or_else(|| Fault::new("", "is no map"))?;
        let watch = match text_of(map, "type")?.as_str() {
            "rate" => Watch::Rate(rate(map, lateness)?),
            "new_value" => Watch::NewValue(NewValue {
                field: text_of(map, "field")?,
                learning: time(map, "learning")?,
                common_in: count(map, "common-in", 0)?,
            }),
            "travel" => Watch::Travel(Travel {
                latitude: text_of(map, "latitude")?,
                longitude: text_of(map, "longitude")?,
                speed: number(map, "speed", 70.0)?,
                distance: number(map, "distance", 2_000.0)?,
            }),
            other => return Err(Fault::new("type", format!("`{other}` is none of rate, new_value, travel"))),
        };
        let (rules, group_by) = (string_list(map, "rules")?, string_list(map, "group-by")?);
        if rules.is_empty() {
            return Err(Fault::new("rules", "is missing"));
        }
        if group_by.is_empty() {
            return Err(Fault::new("group-by", "is missing"));
        }
        Ok(Self { rules, group_by, cohort_by: string_list(map, "cohort-by")?, watch })
    }

    /// The fields whose values the baseline keeps with a record.
    pub(crate) fn fields(&self) -> Vec<&str> {
        match &self.watch {
            Watch::Rate(_) => Vec::new(),
            Watch::NewValue(watch) => vec![&watch.field],
            Watch::Travel(watch) => vec![&watch.latitude, &watch.longitude],
        }
    }
}

fn rate(map: &Map<String, Value>, lateness: i64) -> Result<Rate, Fault> {
    let period = time(map, "period")?;
    if period < lateness {
        return Err(Fault::new("period", "is shorter than records may be late"));
    }
    let tail = number(map, "tail", 1e-6)?;
    if !(1e-12..=0.1).contains(&tail) {
        return Err(Fault::new("tail", "is not between 1e-12 and 0.1"));
    }
    Ok(Rate {
        period,
        tail,
        minimum: count(map, "minimum", 10)?,
        prior_periods: number(map, "prior-periods", 24.0)?,
        learning_periods: count(map, "learning-periods", 48)?,
    })
}

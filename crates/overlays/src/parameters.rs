//! Numbers that a site sets for itself, within bounds and in one direction only.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::fault::Faults;
use crate::files::{Files, is_id, is_plain, yaml};

const FILE: &str = "parameters.yaml";

/// In which direction a parameter may be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Tighten {
    Lower,
    Higher,
}

/// A parameter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "SectorParameter")]
pub struct Parameter {
    pub id: String,
    pub unit: String,
    pub default: f64,
    pub min: f64,
    pub max: f64,
    pub tighten: Tighten,
    pub purpose: String,
}

/// The parameters of an overlay.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Parameters(BTreeMap<String, Parameter>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileYaml {
    parameters: Vec<Parameter>,
}

impl Parameters {
    /// One of them.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Parameter> {
        self.0.get(id)
    }

    /// All, by their ids.
    pub fn iter(&self) -> impl Iterator<Item = &Parameter> {
        self.0.values()
    }

    /// A value that a tenant or a site wants instead of the default.
    ///
    /// # Errors
    /// There is no such parameter, the value is out of its bounds, or it loosens.
    pub fn tightened(&self, id: &str, value: f64) -> Result<f64, String> {
        let Parameter { unit, default, min, max, tighten, .. } =
            self.0.get(id).ok_or_else(|| format!("{id} is no parameter"))?;
        if !(*min..=*max).contains(&value) {
            return Err(format!("{id}: {value} {unit} is not within {min} and {max}"));
        }
        let loosens = match tighten {
            Tighten::Lower => value > *default,
            Tighten::Higher => value < *default,
        };
        if loosens { Err(format!("{id}: {value} {unit} is looser than {default}")) } else { Ok(value) }
    }
}

pub(crate) fn read(files: &Files, faults: &mut Faults) -> Parameters {
    let Some(file) = yaml::<FileYaml>(files, FILE, faults) else { return Parameters::default() };
    let mut parameters = BTreeMap::new();
    for (at, parameter) in file.parameters.into_iter().enumerate() {
        let field = |name: &str| format!("parameters[{at}].{name}");
        if !is_id(&parameter.id) {
            faults.add(FILE, field("id"), "is no id");
        }
        if !is_plain(&parameter.unit, 16) || !is_plain(&parameter.purpose, 400) {
            faults.add(FILE, field("purpose"), "the unit and the purpose are plain texts");
        }
        let Parameter { min, max, default, .. } = parameter;
        if !(min.is_finite() && max.is_finite() && min <= max && (min..=max).contains(&default)) {
            faults.add(FILE, field("default"), format!("{default} is not within {min} and {max}"));
        }
        if let Some(twice) = parameters.insert(parameter.id.clone(), parameter) {
            faults.add(FILE, field("id"), format!("{} is there twice", twice.id));
        }
    }
    Parameters(parameters)
}

//! What can be asked and what rules say, for whoever writes a rule.

use schemars::JsonSchema;
use serde::Serialize;

use crate::bundle::Bundle;
use crate::compile::Rule;
use crate::own_layer::OwnLayer;

/// An act that rules can speak of.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "PolicyVocabularyAction")]
pub struct ActionWords {
    pub action: String,
    /// Kinds of things that it is done to.
    pub resources: Vec<String>,
    pub facts: Vec<FactWords>,
    /// Whether a forbid of it says what follows, by `@response`.
    pub monitored: bool,
}

/// A fact that rules of an act can read.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "PolicyVocabularyFact")]
pub struct FactWords {
    pub name: String,
    /// `Bool`, `Long`, `decimal`, `String`, `Set<String>`.
    #[serde(rename = "type")]
    pub type_name: String,
    /// Without it the act is denied; the others are read after `context has name`.
    pub required: bool,
    /// How old it may be.
    pub max_age_ms: Option<i64>,
}

/// A rule, as it is listed.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "PolicyRule")]
pub struct RuleWords {
    pub id: String,
    /// `base`, `sector:mining`, `tenant:north`.
    pub layer: String,
    /// `forbid`, `permit`, `limit`.
    pub effect: &'static str,
    pub version: String,
    pub purpose: String,
    /// What whoever is refused is told.
    pub reason: Option<String>,
    pub advice: Option<String>,
    /// Whether a waiver can lift it for a time.
    pub waivable: bool,
    /// The acts that it can apply to.
    pub actions: Vec<String>,
    pub file: String,
    pub line: usize,
    pub text: String,
}

impl Bundle {
    /// The acts and facts that rules can speak of, by name.
    pub fn vocabulary(&self) -> Vec<ActionWords> {
        let words = self.actions.iter().map(|(action, spec)| ActionWords {
            action: action.as_str().to_owned(),
            resources: spec.resource_types.iter().map(|of| of.rsplit("::").next().unwrap_or(of).to_owned()).collect(),
            facts: spec
                .facts
                .iter()
                .map(|(name, fact)| FactWords {
                    name: name.clone(),
                    type_name: fact.type_name.clone(),
                    required: fact.required,
                    max_age_ms: fact.max_age_ms,
                })
                .collect(),
            monitored: action.is_monitored(),
        });
        words.collect()
    }

    /// The rules, by id.
    pub fn rule_words(&self) -> Vec<RuleWords> {
        self.rules.values().map(words_of).collect()
    }

    /// The rules of a tenant, by id.
    pub fn own_rule_words(&self, own: &OwnLayer) -> Vec<RuleWords> {
        own.rules.values().map(words_of).collect()
    }

    /// What is worth a second look, by rule: it is no fault.
    pub fn warnings(&self, own: &OwnLayer) -> Vec<(String, String)> {
        let conditions =
            |rule: &Rule| rule.policy.to_json().ok().and_then(|json| Some(json.get("conditions")?.as_array()?.len()));
        let warn = own.rules.values().filter_map(|rule| {
            let acts = rule.actions.len();
            let problem = match (rule.limit.is_none(), conditions(rule)) {
                _ if acts == self.actions.len() => "applies to every act: name one by `action == Fleet::Action::\"…\"`",
                (true, Some(0)) => "has no condition: it forbids the act always, to everybody",
                _ => return None,
            };
            Some((rule.id.clone(), problem.to_owned()))
        });
        warn.collect()
    }
}

fn words_of(rule: &Rule) -> RuleWords {
    let forbids = rule.policy.effect() == cedar_policy::Effect::Forbid;
    let actions = rule.actions.iter();
    RuleWords {
        id: rule.id.clone(),
        layer: rule.layer.to_string(),
        effect: if rule.limit.is_some() {
            "limit"
        } else if forbids {
            "forbid"
        } else {
            "permit"
        },
        version: rule.version.clone(),
        purpose: rule.purpose.clone(),
        reason: forbids.then(|| rule.reason.clone()),
        advice: rule.advice.clone(),
        waivable: rule.waivable,
        actions: actions.map(|action| action.as_str().to_owned()).collect(),
        file: rule.file.clone(),
        line: rule.line,
        text: rule.policy.to_string(),
    }
}

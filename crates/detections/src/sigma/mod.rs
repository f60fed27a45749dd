//! Sigma rules (specification 2.0): read, compiled and matched against one record.
//!
//! Every pattern runs in time linear in the value: wildcards and regular expressions go through the `regex` crate's
//! automata or plain searches, and a pattern whose automaton would be large is refused when the rule is read.

mod condition;
mod document;
mod item;
mod pattern;
mod selection;

pub(crate) use document::{documents, header, known_level, labels, name_of, span, string_list, text_of};
pub(crate) use pattern::folded;

use serde_json::Value;

use crate::error::Fault;
use crate::record::{LogSource, Record};
use condition::Condition;

/// A compiled rule of single events.
#[derive(Debug, Clone)]
pub struct Detection {
    source: LogSource,
    condition: Condition,
}

impl Detection {
    /// Compiles `logsource` and `detection` of a rule.
    pub(crate) fn compile(rule: &Value) -> Result<Self, Fault> {
        let source = rule.get("logsource").ok_or_else(|| Fault::new("logsource", "is missing"))?;
        let part = |name: &str| match source.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(Fault::new(format!("logsource.{name}"), "is no text")),
        };
        let source = LogSource { category: part("category")?, product: part("product")?, service: part("service")? };
        if source == (LogSource { category: None, product: None, service: None }) {
            return Err(Fault::new("logsource", "names neither category, product nor service"));
        }
        let detection = rule.get("detection").and_then(Value::as_object);
        let detection = detection.ok_or_else(|| Fault::new("detection", "is missing or no map"))?;
        let condition = condition::compile(detection).map_err(|fault| fault.within("detection"))?;
        Ok(Self { source, condition })
    }

    /// Whether the rule is about the record.
    #[must_use]
    pub fn matches(&self, record: &Record) -> bool {
        let same = |rule: &Option<String>, record: &Option<String>| rule.is_none() || rule == record;
        same(&self.source.category, &record.logsource.category)
            && same(&self.source.product, &record.logsource.product)
            && same(&self.source.service, &record.logsource.service)
            && self.condition.matches(record)
    }

    /// The only values of `field` with which the rule can match, in lower case; nothing where any can.
    pub(crate) fn required(&self, field: &str) -> Option<Vec<String>> {
        self.condition.required(field)
    }
}

//! The rules that keep the limits of a sector: what holds everywhere becomes Cedar, beside the rules that people wrote.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::{Bound, MAX_SPEED, Place};

/// What keeps a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeptBy {
    /// A rule of policy, at each trip.
    Policy,
    /// Routes, where such places were drawn on the site's map.
    Routes,
    /// Nothing in the product: it is for people and for the vehicles' own systems.
    Nothing,
}

impl Place {
    /// What keeps this limit.
    #[must_use]
    pub fn kept_by(&self) -> KeptBy {
        match self.scope {
            Some(_) if self.limit == MAX_SPEED => KeptBy::Routes,
            None if form_of(&self.limit).is_some() => KeptBy::Policy,
            _ => KeptBy::Nothing,
        }
    }
}

/// How a limit becomes a rule.
enum Form {
    /// The trip has it among its constraints, except a trip of these kinds.
    Constrains { except: &'static str },
    /// The trip is refused where a fact is greater.
    Refuses { fact: &'static str, is_whole: bool, reason: &'static str, advice: &'static str },
}

fn form_of(limit: &str) -> Option<Form> {
    let refuses = |fact, is_whole, reason, advice| Some(Form::Refuses { fact, is_whole, reason, advice });
    match limit {
        MAX_SPEED | "avoided_zones" | "required_capabilities" | "allowed_modes" => {
            Some(Form::Constrains { except: "" })
        }
        // Whoever drives to a charger needs no reserve.
        "min_battery_pct" => Some(Form::Constrains { except: r#"["charge", "recovery"]"# }),
        "max_trip_distance_m" => {
            refuses("distance_m", false, "The stops are {distance_m} m apart", "Choose nearer stops.")
        }
        "max_payload_kg" => refuses("payload_kg", false, "{payload_kg} kg are too heavy", "Split the load."),
        "max_passengers" => refuses("passengers", true, "{passengers} passengers are too many", "Ask for two trips."),
        _ => None,
    }
}

/// The rule that keeps a limit everywhere; none where no rule can.
pub(super) fn rule_of(id: &str, place: &Place, bound: &Bound, purpose: &str) -> Option<String> {
    let form = form_of(&place.limit).filter(|_| place.kept_by() == KeptBy::Policy)?;
    let value = value_of(bound)?;
    let mut rule = format!("@id(\"{id}\")\n@version(\"1\")\n@purpose(\"{}\")\n", quoted(purpose));
    let asked = r#"(principal, action == Fleet::Action::"trip.request", resource)"#;
    // Writing to a text cannot fail.
    let _ = match form {
        Form::Constrains { except } => {
            let unless = if except.is_empty() {
                String::new()
            } else {
                format!("\nunless {{ {except}.contains(context.kind) }}")
            };
            write!(rule, "@constrain(\"{}\")\n@value(\"{value}\")\npermit {asked}{unless};\n", place.limit)
        }
        Form::Refuses { fact, is_whole, reason, advice } => {
            let value = if is_whole { value.trim_end_matches(".0").to_owned() } else { value };
            let exceeds = if is_whole {
                format!("context.{fact} > {value}")
            } else {
                format!("context.{fact}.greaterThan(decimal(\"{value}\"))")
            };
            write!(
                rule,
                "@reason(\"{reason}; at most {value} are allowed\")\n@advice(\"{advice}\")\nforbid {asked}\nwhen {{ {exceeds} }};\n"
            )
        }
    };
    Some(rule)
}

fn value_of(bound: &Bound) -> Option<String> {
    let names = |names: &BTreeSet<String>| names.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    match bound {
        // A decimal of Cedar has one to four places.
        Bound::AtMost(number) | Bound::AtLeast(number) => Some(decimal(*number)),
        Bound::AllOf(all) | Bound::OneOf(all) => Some(names(all)),
        Bound::Needed | Bound::Within(_) => None,
    }
}

fn decimal(number: f64) -> String {
    let text = format!("{number:.4}");
    let short = text.trim_end_matches('0');
    if short.ends_with('.') { format!("{short}0") } else { short.to_owned() }
}

fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

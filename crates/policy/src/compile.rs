//! From source texts to rules: parsing, our own rules about rules, and errors that name file, policy and line.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;
use std::sync::LazyLock;

use cedar_policy::{ActionConstraint, Effect, EntityId, EntityTypeName, EntityUid, Policy, PolicyId, PolicySet};

use crate::action::Action;
use crate::alternatives::Modify;
use crate::bundle::Layer;
use crate::constraints::{Constraint, Constraints};
use crate::error::BundleError;
use crate::fact::FactValue;
use crate::monitor::Response;
use crate::schema::{ActionSpec, NAMESPACE};

/// A rule and what its annotations say.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) policy: Policy,
    pub(crate) id: String,
    pub(crate) file: String,
    pub(crate) line: usize,
    pub(crate) layer: Layer,
    /// To which it can apply at all, by its scope.
    pub(crate) actions: BTreeSet<Action>,
    pub(crate) version: String,
    pub(crate) purpose: String,
    /// Why it forbids; its purpose when it does not.
    pub(crate) reason: String,
    pub(crate) advice: Option<String>,
    pub(crate) response: Option<Response>,
    /// What it limits, where it is a constraint rule.
    pub(crate) limit: Option<Limit>,
    /// What would have to change so that it does not forbid.
    pub(crate) modify: Option<Modify>,
    /// Whether a waiver can lift it for a time.
    pub(crate) waivable: bool,
}

/// What a constraint rule sets, and from where it takes the value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Limit {
    /// The value stands in the rule.
    Fixed(Constraint),
    /// The value is a fact of the request; without the fact there is no limit.
    FromFact { kind: String, fact: String },
}

/// The line, from 1, of the first place that an error points at.
pub(crate) fn line_of(text: &str, error: &dyn miette::Diagnostic) -> usize {
    let offset = error.labels().and_then(|mut labels| labels.next()).map_or(0, |label| label.offset());
    line_at(text, offset)
}

fn line_at(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|&byte| byte == b'\n').count()
}

/// The rules of one file.
pub(crate) fn rules_of(
    file: &str,
    text: &str,
    layer: &Layer,
    actions: &BTreeMap<Action, ActionSpec>,
) -> Result<Vec<Rule>, BundleError> {
    let parsed = PolicySet::from_str(text).map_err(|error| BundleError::Syntax {
        file: file.into(),
        line: line_of(text, &error),
        problem: error.to_string(),
    })?;
    if let Some(template) = parsed.templates().next() {
        return Err(BundleError::Rule {
            file: file.into(),
            policy_id: template.annotation("id").unwrap_or("without @id").into(),
            line: line_of_id(text, template.annotation("id")),
            problem: "is a template; write the rule out".into(),
        });
    }
    parsed.policies().map(|policy| rule_of(file, text, layer, policy, actions)).collect()
}

fn line_of_id(text: &str, id: Option<&str>) -> usize {
    id.and_then(|id| text.find(&format!("@id(\"{id}\")"))).map_or(1, |offset| line_at(text, offset))
}

fn rule_of(
    file: &str,
    text: &str,
    layer: &Layer,
    policy: &Policy,
    actions: &BTreeMap<Action, ActionSpec>,
) -> Result<Rule, BundleError> {
    let annotations = Annotations(policy.annotations().collect());
    let id = annotations.get("id").unwrap_or_default().to_owned();
    let line = line_of_id(text, annotations.get("id"));
    let wrong = |problem: String| BundleError::Rule {
        file: file.into(),
        policy_id: if id.is_empty() { policy.id().to_string() } else { id.clone() },
        line,
        problem,
    };
    let annotation = |key: &str| annotations.get(key).map(str::to_owned).filter(|text| !text.is_empty());
    let needed = |key: &str| annotation(key).ok_or_else(|| wrong(format!("lacks the annotation @{key}(\"…\")")));

    needed("id")?;
    let purpose = needed("purpose")?;
    let version = needed("version")?;
    let forbids = policy.effect() == Effect::Forbid;
    let constrains = annotation("constrain").is_some();
    if forbids && constrains {
        return Err(wrong("forbids and constrains; a constraint rule is a permit with @constrain".into()));
    }
    if !forbids && !constrains && *layer != Layer::Base {
        return Err(wrong(format!(
            "is a permit in layer {layer}; a layer above the base may only forbid or constrain"
        )));
    }
    let reason = if forbids { needed("reason")? } else { purpose.clone() };
    let response = match annotation("response") {
        None => None,
        Some(text) => {
            let response = Response::parse(&text);
            Some(response.ok_or_else(|| wrong(format!("@response(\"{text}\") is not warn, slow, reroute or stop")))?)
        }
    };
    let scope = actions_of(policy, actions);
    let asked = || actions.iter().filter(|(action, _)| scope.contains(action));
    known_placeholders(&reason, asked()).map_err(wrong)?;
    let limit = constrains.then(|| limit_of(&annotations, asked())).transpose().map_err(wrong)?;
    let modify = annotation("modify").filter(|_| forbids);
    let modify = modify.map(|text| Modify::parse(&text, |fact| type_for_all(fact, asked())));
    let modify = modify.transpose().map_err(wrong)?;
    let waivable = is_waivable(policy, &id, annotations.get("waivable") == Some("true")).map_err(wrong)?;
    Ok(Rule {
        policy: policy.new_id(PolicyId::new(&id)),
        file: file.into(),
        line,
        layer: layer.clone(),
        actions: scope,
        version,
        purpose,
        reason,
        advice: annotation("advice"),
        response,
        limit,
        modify,
        waivable,
        id,
    })
}

/// What a rule says of itself. Cedar parses the key anew at each look, so they are read once.
struct Annotations<'a>(BTreeMap<&'a str, &'a str>);

impl<'a> Annotations<'a> {
    fn get(&self, key: &str) -> Option<&'a str> {
        self.0.get(key).copied()
    }
}

/// An action to which a rule can apply, with what is asked then.
type Asked<'a> = (&'a Action, &'a ActionSpec);

/// The type that a fact has for every act that a rule can apply to; `None` where one of them does not have it.
fn type_for_all<'a>(fact: &str, asked: impl Iterator<Item = Asked<'a>>) -> Option<String> {
    let mut types = asked.map(|(_, spec)| spec.facts.get(fact).map(|fact| fact.type_name.clone()));
    let first = types.next()??;
    types.all(|other| other.as_ref() == Some(&first)).then_some(first)
}

/// A rule that says that it can be waived reads the waivers, and another one does not.
fn is_waivable(policy: &Policy, id: &str, says: bool) -> Result<bool, String> {
    let reads = policy.to_string().contains(&format!("context.request.waivers.contains(\"{id}\")"));
    match (says, reads) {
        (true, false) => {
            Err(format!("is @waivable and needs `unless {{ context.request.waivers.contains(\"{id}\") }}`"))
        }
        (false, true) => Err("reads its waiver and must say @waivable(\"true\")".into()),
        _ => Ok(says),
    }
}

/// A text may name what the request tells, by `{name}`; a name that the request cannot tell would reach a person as it is.
fn known_placeholders<'a>(text: &str, asked: impl Iterator<Item = Asked<'a>> + Clone) -> Result<(), String> {
    let of_request = |name: &&str| ["sector", "role", "action"].contains(name);
    let names = text.split('{').skip(1).map(|part| part.split('}').next().unwrap_or(part));
    for name in names.filter(|name| !of_request(name)) {
        let always = |spec: &ActionSpec| spec.facts.get(name).is_some_and(|fact| fact.required);
        if let Some((action, _)) = asked.clone().find(|(_, spec)| !always(spec)) {
            return Err(format!("@reason names {{{name}}}, which is no fact that {action} always has"));
        }
    }
    Ok(())
}

fn limit_of<'a>(annotations: &Annotations<'_>, asked: impl Iterator<Item = Asked<'a>>) -> Result<Limit, String> {
    let kind = annotations.get("constrain").unwrap_or_default();
    match (annotations.get("value"), annotations.get("fact")) {
        (Some(value), None) => {
            let constraint = constraint_from_text(kind, value)?;
            Constraints::from(constraint.clone()).check().map_err(|error| error.to_string())?;
            Ok(Limit::Fixed(constraint))
        }
        (None, Some(fact)) => {
            let wanted = fact_type_of(kind).ok_or_else(|| format!("@constrain(\"{kind}\") names no limit"))?;
            for (action, spec) in asked {
                match spec.facts.get(fact) {
                    Some(spec) if spec.type_name == wanted => {}
                    Some(spec) => {
                        return Err(format!(
                            "@fact(\"{fact}\") is a {} for {action}; {kind} needs a {wanted}",
                            spec.type_name
                        ));
                    }
                    None => return Err(format!("@fact(\"{fact}\") is not declared for {action}")),
                }
            }
            Ok(Limit::FromFact { kind: kind.into(), fact: fact.into() })
        }
        _ => Err("a constraint rule has either @value(\"…\") or @fact(\"…\")".into()),
    }
}

/// The actions to which a rule can apply at all, by its scope.
fn actions_of(policy: &Policy, actions: &BTreeMap<Action, ActionSpec>) -> BTreeSet<Action> {
    let is = |named: &EntityUid, action: Action| action_uid(action).is_none_or(|uid| *named == uid);
    let all = || actions.keys().copied();
    match policy.action_constraint() {
        ActionConstraint::Any => all().collect(),
        ActionConstraint::Eq(named) => all().filter(|action| is(&named, *action)).collect(),
        // A name that is none of our actions may be a group; such a rule is kept everywhere.
        ActionConstraint::In(named) if named.iter().any(|name| !all().any(|action| is(name, action))) => {
            all().collect()
        }
        ActionConstraint::In(named) => all().filter(|action| named.iter().any(|name| is(name, *action))).collect(),
    }
}

/// The action's name in Cedar. Parsing a name costs as much as deciding by it, so its type is parsed once.
pub(crate) fn action_uid(action: Action) -> Option<EntityUid> {
    static TYPE: LazyLock<Option<EntityTypeName>> = LazyLock::new(|| format!("{NAMESPACE}::Action").parse().ok());
    TYPE.as_ref().map(|of| EntityUid::from_type_name_and_id(of.clone(), EntityId::new(action.as_str())))
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|word| !word.is_empty())
}

/// The type of the fact that a limit can be taken from.
fn fact_type_of(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "max_speed_mps" | "max_payload_kg" | "max_trip_distance_m" | "min_battery_pct" => "decimal",
        "max_passengers" | "valid_for_s" | "probation_trips" => "Long",
        "avoided_zones" | "required_capabilities" | "allowed_modes" | "allowed_zones" | "allowed_sectors" => {
            "Set<String>"
        }
        _ => return None,
    })
}

fn constraint_from_text(kind: &str, text: &str) -> Result<Constraint, String> {
    let wanted = fact_type_of(kind).ok_or_else(|| format!("@constrain(\"{kind}\") names no limit"))?;
    let value = match wanted {
        "decimal" => text.parse().ok().filter(|value: &f64| value.is_finite()).map(FactValue::Decimal),
        "Long" => text.parse().ok().map(FactValue::Long),
        _ => Some(FactValue::Set(words(text).map(str::to_owned).collect())),
    };
    value
        .and_then(|value| constraint_from(kind, &value))
        .ok_or_else(|| format!("@value(\"{text}\") is no value of {kind} ({wanted})"))
}

/// A limit from a value; `None` when the value does not fit the kind.
pub(crate) fn constraint_from(kind: &str, value: &FactValue) -> Option<Constraint> {
    Some(match (kind, value) {
        ("max_speed_mps", FactValue::Decimal(value)) => Constraint::MaxSpeedMps(*value),
        ("max_payload_kg", FactValue::Decimal(value)) => Constraint::MaxPayloadKg(*value),
        ("max_trip_distance_m", FactValue::Decimal(value)) => Constraint::MaxTripDistanceM(*value),
        ("min_battery_pct", FactValue::Decimal(value)) => Constraint::MinBatteryPct(*value),
        ("max_passengers", FactValue::Long(value)) => Constraint::MaxPassengers(u32::try_from(*value).ok()?),
        ("probation_trips", FactValue::Long(value)) => Constraint::ProbationTrips(u32::try_from(*value).ok()?),
        ("valid_for_s", FactValue::Long(value)) => Constraint::ValidForS(u64::try_from(*value).ok()?),
        ("avoided_zones", FactValue::Set(values)) => Constraint::AvoidedZones(values.clone()),
        ("required_capabilities", FactValue::Set(values)) => Constraint::RequiredCapabilities(values.clone()),
        ("allowed_modes", FactValue::Set(values)) => Constraint::AllowedModes(values.clone()),
        ("allowed_zones", FactValue::Set(values)) => Constraint::AllowedZones(values.clone()),
        ("allowed_sectors", FactValue::Set(values)) => {
            Constraint::AllowedSectors(values.iter().map(|word| word.parse().ok()).collect::<Option<_>>()?)
        }
        _ => return None,
    })
}

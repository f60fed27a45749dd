//! The rules that the bench decides by: the product's, filled up to as many as a large sector has, and tenants' own.

use std::error::Error;
use std::fmt::Write as _;

use cedar_policy::{ActionConstraint, Policy, PolicySet, Schema, SchemaFragment};
use policy::{Action, Bundle, PolicyModule};

/// The domains whose rules are in the bundle.
const MODULES: [PolicyModule; 2] = [fleet::actions::POLICY, trips::actions::POLICY];
/// The act that is decided.
pub const ACT: &str = "trip.request";
/// Rules of the sector, whatever act they speak of.
pub const OF_SECTOR: usize = 200;
/// Rules that decide the act, over all layers of the bundle.
pub const DECIDING: usize = 20;
/// Rules that limit the act.
pub const LIMITING: usize = 5;
/// The layers that a request of the sector meets.
const LAYERS: [&str; 2] = ["base/", "sectors/logistics/"];

/// A bundle, with what bare Cedar needs to answer the same.
pub struct Ruled {
    pub bundle: Bundle,
    pub schema: Schema,
    pub deciding: PolicySet,
    pub limiting: PolicySet,
    /// Rules of the sector.
    pub of_sector: usize,
}

fn head(id: &str, rest: &str) -> String {
    format!("@id(\"{id}\")\n@version(\"1\")\n@purpose(\"A rule of the bench.\")\n{rest}\n")
}

fn act(name: &str) -> String {
    format!("(principal, action == Fleet::Action::\"{name}\", resource)")
}

/// A rule that does not hold the bench's trips back: by a number, a word of a set, or the kind, in turn.
fn forbid(id: &str, n: usize) -> String {
    let when = match n % 3 {
        0 => format!("context.payload_kg.greaterThan(decimal(\"{}.0\"))", 70_000 + n),
        1 => format!("context.required_capabilities.contains(\"capability-{n}\")"),
        _ => format!("context.kind == \"haul\" && context.passengers > {n}"),
    };
    head(id, "@reason(\"no\")") + &format!("forbid {} when {{ {when} }};\n", act(ACT))
}

fn limit(id: &str, n: usize) -> String {
    let rest = format!("@constrain(\"max_speed_mps\")\n@value(\"{}.5\")", 9 + n % 20);
    head(id, &rest) + &format!("permit {} when {{ context.passengers < {} }};\n", act(ACT), 50 + n)
}

fn of_another_act(id: &str, n: usize) -> String {
    let forbid = format!("forbid {} when {{ context.capabilities.contains(\"x{n}\") }};\n", act("vehicle.assign"));
    head(id, "@reason(\"no\")") + &forbid
}

/// Rules of a tenant's own, of which a tenth speaks of the act.
pub fn of_tenant(count: usize) -> String {
    let rule = |n: usize| {
        let id = format!("tenant.r{n}");
        if n.is_multiple_of(10) { forbid(&id, n) } else { of_another_act(&id, n) }
    };
    (0..count).map(rule).collect()
}

fn speaks_of_act(policy: &Policy) -> bool {
    let is_act = |uid: &cedar_policy::EntityUid| uid.id().unescaped() == ACT;
    match policy.action_constraint() {
        ActionConstraint::Any => true,
        ActionConstraint::Eq(uid) => is_act(&uid),
        ActionConstraint::In(uids) => uids.iter().any(is_act),
    }
}

/// The rules of the sources that decide the act, and those that limit it.
fn slice(sources: &[(String, String)]) -> Result<(PolicySet, PolicySet), Box<dyn Error>> {
    let (mut deciding, mut limiting) = (PolicySet::new(), PolicySet::new());
    for (_, text) in sources.iter().filter(|(name, _)| LAYERS.iter().any(|layer| name.starts_with(layer))) {
        for policy in text.parse::<PolicySet>()?.policies().filter(|policy| speaks_of_act(policy)) {
            let set = if policy.annotation("constrain").is_some() { &mut limiting } else { &mut deciding };
            set.add(policy.new_id(policy.annotation("id").unwrap_or_default().parse()?))?;
        }
    }
    Ok((deciding, limiting))
}

/// The product's rules, filled up.
pub fn ruled() -> Result<Ruled, Box<dyn Error>> {
    let actions: Vec<Action> = MODULES.iter().flat_map(|module| module.actions).copied().collect();
    let shipped = policy::shipped_sources(&MODULES).into_iter();
    let mut sources: Vec<(String, String)> = shipped.map(|(name, text)| (name.to_owned(), text.to_owned())).collect();
    let (deciding, limiting) = slice(&sources)?;
    let before = Bundle::load(&actions, &sources)?;
    let is_of_sector = |layer: &policy::Layer| layer.to_string() == "sector:logistics";
    let of_sector = before.rules().filter(|(_, layer)| is_of_sector(layer)).count();
    let (more, limits) =
        (DECIDING.saturating_sub(deciding.policies().count()), LIMITING.saturating_sub(limiting.policies().count()));
    let mut text = String::new();
    for n in 0..OF_SECTOR.saturating_sub(of_sector) {
        let id = format!("logistics.bench.r{n}");
        let rule = match n {
            n if n < more => forbid(&id, n),
            n if n < more + limits => limit(&id, n),
            n => of_another_act(&id, n),
        };
        write!(text, "{rule}")?;
    }
    sources.push(("sectors/logistics/bench.cedar".into(), text));
    let bundle = Bundle::load(&actions, &sources)?;
    let of_sector = bundle.rules().filter(|(_, layer)| is_of_sector(layer)).count();
    let schemas = sources.iter().filter(|(name, _)| name.ends_with(".cedarschema"));
    let fragments = schemas
        .map(|(_, text)| SchemaFragment::from_cedarschema_str(text).map(|(fragment, _)| fragment).map_err(Box::new));
    let schema = Schema::from_schema_fragments(fragments.collect::<Result<Vec<_>, _>>()?)?;
    let (deciding, limiting) = slice(&sources)?;
    Ok(Ruled { bundle, schema, deciding, limiting, of_sector })
}

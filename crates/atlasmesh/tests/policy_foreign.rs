//! The shipped rules, as they are exported, put to a Cedar that others built (cedarpy): it finds them valid, and decides
//! random requests as our engine does, by the same rules.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use kernel::testing::{HandClock, START};
use kernel::{Actor, ActorKind, Authentication, Ctx, Sector, Subject, TenantId};
use policy::{Action, ActionWords, Bundle, Engine, Fact, FactValue, FactWords, Request, RuleWords, Waiver, digest_of};
use serde::Deserialize;
use serde_json::{Value, json};
use support::foreign::{python, root, run, script};
use support::server::exported_policies;

/// How many requests of the acts that matter most, and of all others.
const OF_EACH: [usize; 2] = [500, 50];
const MATTER_MOST: [&str; 4] = ["trip.request", "vehicle.assign", "hold.release", "feature.use"];
const TENANT: &str = "north";
const AUTHENTICATIONS: [Authentication; 4] =
    [Authentication::Token, Authentication::Session, Authentication::Certificate, Authentication::Internal];
const KINDS: [ActorKind; 3] = [ActorKind::Principal, ActorKind::Vehicle, ActorKind::Automation];

/// Numbers that follow each other without pattern, the same in every run (splitmix64).
struct Lots(u64);

impl Lots {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(limit).unwrap()).unwrap()
    }

    fn happens(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }

    fn some(&mut self, of: &[String]) -> BTreeSet<String> {
        (0..self.below(4)).map(|_| self.one(of).clone()).collect()
    }
}

/// A row of the cases beside the rules, without what follows from it.
#[derive(Deserialize)]
struct Start {
    action: String,
    resource: String,
    role: String,
    authentication: Authentication,
    sector: Option<Sector>,
    simulated: bool,
    entitlements: BTreeSet<String>,
    facts: BTreeMap<String, FactValue>,
}

impl Start {
    /// Whether it is of the act; a row may also try a fact that there is not, or one of another type.
    fn can_be_asked(&self, words: &ActionWords) -> bool {
        let fits = |(name, value): (&String, &FactValue)| {
            let fact = words.facts.iter().find(|fact| fact.name == *name);
            let type_name = match value {
                FactValue::Bool(_) => "Bool",
                FactValue::Long(_) => "Long",
                FactValue::Decimal(_) => "decimal",
                FactValue::String(_) => "String",
                FactValue::Set(_) => "Set<String>",
            };
            fact.is_some_and(|fact| fact.type_name == type_name)
        };
        self.action == words.action && self.facts.iter().all(fits)
    }
}

/// The rows of a table of cases, but those that ask about what there is not.
fn rows(table: &Value) -> Vec<Value> {
    let mut rows = vec![table.clone()];
    for given in table["cases"].as_array().unwrap().iter().filter_map(|case| case["given"].as_object()) {
        let mut row = table.clone();
        for (name, value) in given {
            match (name.as_str(), value) {
                ("facts", Value::Object(facts)) => row[name].as_object_mut().unwrap().extend(facts.clone()),
                _ => row[name] = value.clone(),
            }
        }
        let is_role = kernel::role::names().any(|role| row["role"] == role);
        rows.extend((is_role && row["resource"] == table["resource"]).then_some(row));
    }
    rows
}

fn starts() -> Vec<Start> {
    let mut all: Vec<Start> = Vec::new();
    for domain in gateway::DOMAINS {
        let folder = root().join("crates").join(domain.name).join("policies");
        for entry in std::fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "json") {
                let read: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
                all.extend(read.iter().flat_map(rows).map(|row| serde_json::from_value(row).unwrap()));
            }
        }
    }
    all
}

/// Words and numbers that rules speak of.
#[derive(Clone, Default)]
struct Values {
    words: Vec<String>,
    numbers: Vec<i64>,
}

impl Values {
    /// Those of a rule's conditions.
    fn read(&mut self, rule: &str) {
        let conditions = rule.lines().filter(|line| !line.starts_with('@'));
        for (n, part) in conditions.flat_map(|line| line.split('"').enumerate()) {
            match part.parse::<f64>() {
                Ok(number) => self.numbers.push(format!("{number:.0}").parse().unwrap()),
                Err(_) if n % 2 == 1 => self.words.push(part.to_owned()),
                Err(_) => self.numbers.extend(part.split(|c: char| !c.is_ascii_digit()).flat_map(str::parse::<i64>)),
            }
        }
    }

    fn add(&mut self, value: &FactValue) {
        match value {
            FactValue::String(word) => self.words.push(word.clone()),
            FactValue::Set(words) => self.words.extend(words.iter().cloned()),
            FactValue::Long(number) => self.numbers.push(*number),
            FactValue::Decimal(number) => self.numbers.push(format!("{number:.0}").parse().unwrap()),
            FactValue::Bool(_) => {}
        }
    }

    /// A value of a type, often one at which a rule turns.
    fn value(&self, lots: &mut Lots, type_name: &str) -> FactValue {
        match type_name {
            "Bool" => FactValue::Bool(lots.happens(50)),
            "Long" => FactValue::Long(lots.one(&self.numbers) + lots.one(&[-1, 0, 1])),
            "decimal" => {
                let number = f64::from(i32::try_from(*lots.one(&self.numbers)).unwrap());
                FactValue::Decimal(number + lots.one(&[-1.0, -0.0001, 0.0, 0.0001, 1.0]))
            }
            "String" => FactValue::String(lots.one(&self.words).clone()),
            "Set<String>" => FactValue::Set(lots.some(&self.words)),
            other => unreachable!("no fact is a {other}"),
        }
    }
}

/// What a random request of an act is made of.
struct Pool {
    all: Values,
    /// Of the rules that read a fact.
    by_fact: BTreeMap<String, Values>,
    waivable: Vec<String>,
}

impl Pool {
    fn of(rules: &[RuleWords], starts: &[&Start], words: &ActionWords) -> Self {
        let none = Values { words: vec!["other".into()], numbers: vec![0, 1, 50] };
        let by_fact = words.facts.iter().map(|fact| (fact.name.clone(), none.clone())).collect();
        let mut pool = Self { all: none, by_fact, waivable: Vec::new() };
        for rule in rules.iter().filter(|rule| rule.actions.contains(&words.action)) {
            pool.all.read(&rule.text);
            for (name, values) in &mut pool.by_fact {
                if rule.text.contains(&format!("context.{name}")) || rule.text.contains(&format!("\"{name}\"")) {
                    values.read(&rule.text);
                }
            }
            pool.waivable.extend(rule.waivable.then(|| rule.id.clone()));
        }
        for (name, value) in starts.iter().flat_map(|start| &start.facts) {
            pool.all.add(value);
            pool.by_fact.get_mut(name).unwrap().add(value);
        }
        pool
    }

    fn value(&self, lots: &mut Lots, fact: &FactWords) -> FactValue {
        let values = if lots.happens(80) { &self.by_fact[&fact.name] } else { &self.all };
        values.value(lots, &fact.type_name)
    }
}

/// A request for our engine, and the same for the other.
struct Asked {
    request: Request,
    waived: BTreeSet<String>,
    question: Value,
    entities: [Value; 2],
}

fn cedar(value: &FactValue) -> Value {
    match value {
        FactValue::Decimal(number) => json!({ "__extn": { "fn": "decimal", "arg": format!("{number:.4}") } }),
        other => serde_json::to_value(other).unwrap(),
    }
}

fn text(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value).unwrap().as_str().unwrap().to_owned()
}

/// `work_order/w1` as Cedar names it.
fn thing(resource: &Subject) -> Value {
    let capital = |word: &str| format!("{}{}", word[..1].to_ascii_uppercase(), &word[1..]);
    let kind: String = resource.kind().split('_').map(capital).collect();
    json!({ "type": format!("Fleet::{kind}"), "id": resource.id() })
}

fn facts(lots: &mut Lots, start: &Start, pool: &Pool, words: &ActionWords) -> BTreeMap<String, FactValue> {
    let mut facts = start.facts.clone();
    for fact in words.facts.iter().filter(|fact| !fact.required) {
        facts.remove(&fact.name);
        if lots.happens(50) {
            facts.insert(fact.name.clone(), pool.value(lots, fact));
        }
    }
    for _ in 0..lots.below(5).min(words.facts.len()) {
        let fact = lots.one(&words.facts);
        facts.insert(fact.name.clone(), pool.value(lots, fact));
    }
    facts
}

fn ask(lots: &mut Lots, start: &Start, pool: &Pool, words: &ActionWords, action: Action) -> Asked {
    let roles: Vec<&str> = kernel::role::names().collect();
    let role = if lots.happens(75) { start.role.clone() } else { (*lots.one(&roles)).to_owned() };
    let (kind, authentication) = match lots.happens(75) {
        true => (ActorKind::Principal, start.authentication),
        false => (*lots.one(&KINDS), *lots.one(&AUTHENTICATIONS)),
    };
    let id = format!("{role}-{}-{}", text(&kind), text(&authentication));
    let actor = Actor { kind, id, role, authentication, second_approver: None, rule: None };
    let sector = start.sector.filter(|_| lots.happens(60)).unwrap_or_else(|| *lots.one(Sector::ALL));
    let mut ctx = Ctx::new(&HandClock::default(), TENANT.parse().unwrap(), actor.clone()).in_sector(sector);
    ctx.simulated = start.simulated != lots.happens(10);
    let mut about = json!({ "sector": sector, "simulated": ctx.simulated });
    if lots.happens(70) {
        ctx = ctx.at_site("pit".parse().unwrap());
        about["site"] = json!("pit");
    }
    let entitlements = if lots.happens(80) { start.entitlements.clone() } else { lots.some(&pool.all.words) };
    let waived = if pool.waivable.is_empty() { BTreeSet::new() } else { lots.some(&pool.waivable) };
    about["entitlements"] = json!(entitlements);
    about["waivers"] = json!(waived);
    let facts = facts(lots, start, pool, words);
    let mut context = json!({ "request": about });
    for (name, value) in &facts {
        context[name] = cedar(value);
    }
    let resource = Subject::parse(&start.resource).unwrap();
    let principal = json!({ "type": "Fleet::Principal", "id": actor.id });
    let role = json!({ "__entity": { "type": "Fleet::Role", "id": actor.role } });
    let attributes = json!({ "tenant": TENANT, "kind": kind, "role": role, "authentication": authentication });
    let act = json!({ "type": "Fleet::Action", "id": action.as_str() });
    let asked = json!({ "principal": principal, "action": act, "resource": thing(&resource), "context": context });
    let facts = facts.into_iter().map(|(name, value)| Fact { name, value, observed_at: ctx.now });
    Asked {
        entities: [
            json!({ "uid": principal, "attrs": attributes, "parents": [] }),
            json!({ "uid": thing(&resource), "attrs": { "tenant": TENANT }, "parents": [] }),
        ],
        question: json!({ "sector": sector, "request": asked }),
        request: Request::new(&ctx, action, resource).entitled_to(entitlements).facts(facts),
        waived,
    }
}

/// The bundle of the exported texts, which is the shipped one.
fn exported(folder: &Path) -> Bundle {
    let mut sources = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(within) = folders.pop() {
        for entry in std::fs::read_dir(within).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => {
                    let name = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
                    sources.push((name, std::fs::read_to_string(&path).unwrap()));
                }
            }
        }
    }
    let modules = gateway::policy_modules();
    let actions: Vec<Action> = modules.iter().flat_map(|module| module.actions).copied().collect();
    let bundle = Bundle::load(&actions, &sources).unwrap();
    let shipped: BTreeMap<String, String> = gateway::policy_texts().unwrap().into_iter().collect();
    assert_eq!(bundle.digest(), digest_of(shipped.iter().flat_map(|(name, text)| [name.as_str(), text])));
    bundle
}

fn all_asked(bundle: &Bundle) -> Vec<Asked> {
    let (mut lots, mut all) = (Lots(20_261_130), Vec::new());
    let (vocabulary, rules) = (bundle.vocabulary(), bundle.rule_words());
    let actions: Vec<Action> = gateway::policy_modules().iter().flat_map(|module| module.actions).copied().collect();
    let starts = starts();
    for words in &vocabulary {
        let action = *actions.iter().find(|action| action.as_str() == words.action).unwrap();
        let starts: Vec<&Start> = starts.iter().filter(|start| start.can_be_asked(words)).collect();
        let pool = Pool::of(&rules, &starts, words);
        for n in 0..OF_EACH[usize::from(!MATTER_MOST.contains(&action.as_str()))] {
            all.push(ask(&mut lots, starts[n % starts.len()], &pool, words, action));
        }
    }
    all
}

#[test]
fn a_cedar_of_others_finds_the_exported_rules_valid_and_decides_by_the_same_ones() {
    let folder = tempfile::tempdir().unwrap();
    let policies = exported_policies(folder.path());
    let engine = Engine::new(exported(&policies));
    let all = all_asked(&engine.active());
    let entities: BTreeMap<String, &Value> =
        all.iter().flat_map(|asked| &asked.entities).map(|entity| (entity["uid"].to_string(), entity)).collect();
    let questions: Vec<&Value> = all.iter().map(|asked| &asked.question).collect();
    let file = folder.path().join("questions.json");
    let asked = json!({ "entities": entities.values().collect::<Vec<_>>(), "questions": questions });
    std::fs::write(&file, asked.to_string()).unwrap();
    let (done, said) = run(python("python"), |command| {
        command.arg(script("cedar_client.py")).arg(&policies).arg(&file);
    });
    assert!(done, "{said}");
    let lines: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    let (files, answers) = lines.split_at(lines.len() - all.len());
    assert!(files.len() > Sector::ALL.len() && files.iter().all(|file| file["valid"] == true), "{files:#?}");
    compare(&engine, &all, answers);
}

fn compare(engine: &Engine, all: &[Asked], answers: &[Value]) {
    let tenant: TenantId = TENANT.parse().unwrap();
    let (mut allowed, mut unsatisfiable, mut fired) = (0, 0, BTreeSet::new());
    for (asked, answer) in all.iter().zip(answers) {
        let until = START.plus_ms(1);
        let waivers = asked.waived.iter().map(|rule| Waiver { rule: rule.clone(), until }).collect();
        engine.put_waivers(&tenant, waivers);
        let decision = engine.decide(&asked.request);
        let rules: Vec<&str> = decision.policy_ids().into_iter().filter(|id| *id != "builtin.no-permit").collect();
        assert_eq!(answer["errors"], json!([]), "{}", asked.question);
        // Limits of an allowed request that contradict each other are found after deciding.
        if rules == ["builtin.constraints-unsatisfiable"] {
            assert_eq!(answer["allowed"], true, "{}", asked.question);
            unsatisfiable += 1;
            continue;
        }
        let ours = json!({ "allowed": decision.is_allowed(), "rules": rules, "errors": [] });
        assert_eq!(ours, *answer, "{}", asked.question);
        allowed += usize::from(decision.is_allowed());
        fired.extend(rules.iter().map(|rule| (*rule).to_owned()));
    }
    let of_them = |share: usize| all.len() * share / 100;
    assert!((of_them(10)..of_them(90)).contains(&allowed), "{allowed} of {} are allowed", all.len());
    assert!(unsatisfiable < of_them(5), "{unsatisfiable}");
    let active = engine.active();
    let deciding = active.rule_words().into_iter().filter(|rule| rule.effect != "limit");
    let (known, silent): (Vec<String>, Vec<String>) = deciding.map(|rule| rule.id).partition(|id| fired.contains(id));
    assert!(known.len() > silent.len() * 4, "these rules decided nothing: {silent:?}");
}

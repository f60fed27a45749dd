//! Flags asked for by three clients that are not ours: the OFREP providers of OpenFeature's project for Python, for
//! servers in JavaScript and for pages, each for two tenants of two sectors.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod support;

use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};
use support::foreign::{node, python, run, script};
use support::process::Process;
use support::world::{TENANT, tenant};
use support::{Http, World};

/// The tenant of the other sector.
const PORT: &str = "port";
/// A token that nobody has.
const NOBODY: &str = "amt_nobody";

/// A mine with everything and a port with the least, each with its sector in force.
struct Two {
    world: World,
    port: Http,
    /// Tokens of programs that may read.
    tokens: [String; 2],
}

fn subscribe(world: &World, name: &str, plan: &str, sector: &str) {
    let body = json!({ "plan": plan, "sectors": [sector], "reason": "order 1204" });
    let path = format!("/v1/tenants/{name}/subscription");
    world.server.platform().put(&path, body.to_string().as_bytes(), "application/json").ok();
}

fn activate(http: &Http, sector: &str) {
    http.post(&format!("/v1/sectors/{sector}/activate"), &json!({ "reason": "a test" })).ok();
}

impl Two {
    fn new() -> Self {
        let world = World::new();
        let port = world.server.http(&tenant(&world.server, PORT, "logistics"));
        subscribe(&world, TENANT, "enterprise", "mining");
        subscribe(&world, PORT, "starter", "logistics");
        activate(&world.http, "mining");
        activate(&port, "logistics");
        let tokens = [&world.http, &port].map(|http| {
            let made = http.post("/v1/principals", &json!({ "role": "auditor", "name": "openfeature" })).ok();
            made["token"].as_str().unwrap().to_owned()
        });
        Self { world, port, tokens }
    }

    /// What each client makes of the questions, and what each said in doing so.
    fn told(&self, questions: &[Value]) -> [(&'static str, Vec<Value>, String); 3] {
        let file = self.world.server.folder.path().join("questions.json");
        std::fs::write(&file, json!(questions).to_string()).unwrap();
        let ask = |name, program: PathBuf, client: PathBuf, mode: &[&str]| {
            let (done, said) = run(program, |command| {
                command.arg(client).arg(&self.world.server.url).args(mode).arg(&file);
            });
            let lines = said.lines().filter(|line| line.starts_with('{'));
            let answers: Vec<Value> = lines.map(|line| serde_json::from_str(line).unwrap()).collect();
            assert!(done && answers.len() == questions.len(), "{name}:\n{said}");
            (name, answers, said)
        };
        [
            ask("Python", python("python"), script("flags_client.py"), &[]),
            ask("server", "node".into(), node("server.mjs"), &[]),
            ask("page", "node".into(), node("web.mjs"), &["ask"]),
        ]
    }

    /// Puts the questions to every client; what all of them must make of each.
    #[track_caller]
    fn all_are_told(&self, cases: &[Case]) {
        let questions: Vec<Value> = cases.iter().map(|case| case.question(&self.tokens)).collect();
        for (client, answers, said) in self.told(&questions) {
            for ((case, question), answer) in cases.iter().zip(&questions).zip(&answers) {
                let found = (&answer["value"], answer["variant"].as_str(), answer["error"].as_str());
                let fatal = case.who == Who::Nobody && client == "page";
                let error = if fatal { Some("PROVIDER_FATAL") } else { case.error };
                assert_eq!(found, (&case.value, case.variant, error), "{client}: {question} {answer}\n{said}");
            }
        }
    }

    /// A page's client that follows a flag; it polls every so often, or hears of changes.
    fn follow(&self, of: usize, flag: &str, poll_ms: u32) -> Process {
        let mut command = Command::new("node");
        command.arg(node("web.mjs")).arg(&self.world.server.url);
        command.args(["follow", &self.tokens[of], flag, &poll_ms.to_string()]);
        Process::start("page", &mut command)
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Who {
    Mine,
    Port,
    Nobody,
}

/// A question, and what its client is to make of the answer.
struct Case {
    who: Who,
    flag: &'static str,
    default: Value,
    context: Option<Value>,
    value: Value,
    variant: Option<&'static str>,
    error: Option<&'static str>,
}

impl Case {
    fn question(&self, [mine, port]: &[String; 2]) -> Value {
        let kind = match self.default {
            Value::Bool(_) => "boolean",
            Value::String(_) => "string",
            _ => "number",
        };
        let token = match self.who {
            Who::Mine => mine,
            Who::Port => port,
            Who::Nobody => NOBODY,
        };
        let mut question = json!({ "token": token, "flag": self.flag, "type": kind, "default": self.default });
        if let Some(context) = &self.context {
            question["context"] = context.clone();
        }
        question
    }
}

/// The flag answers; the caller's own default is the opposite.
fn is(who: Who, flag: &'static str, context: Option<Value>, value: bool) -> Case {
    let variant = Some(if value { "on" } else { "off" });
    Case { who, flag, default: json!(!value), context, value: json!(value), variant, error: None }
}

/// The flag does not answer: the caller's own default holds.
fn fails(who: Who, flag: &'static str, default: Value, error: &'static str) -> Case {
    let context = Some(json!({ "targetingKey": "car-1", "sector": "mining", "tenant": TENANT }));
    Case { who, flag, value: default.clone(), default, context, variant: None, error: Some(error) }
}

#[test]
fn three_clients_of_others_get_the_same_answers_of_each_tenant_and_never_of_another() {
    let two = Two::new();
    let context = |more: Value| {
        let mut context = json!({ "targetingKey": "car-1" });
        context.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        Some(context)
    };
    // What the server knows better stands over whatever a client says.
    let poor = json!({ "entitlements": [], "tenant": PORT, "sector": "logistics", "tier": "starter" });
    let rich =
        json!({ "entitlements": ["tos.integration"], "tenant": TENANT, "sector": "mining", "tier": "enterprise" });
    two.all_are_told(&[
        is(Who::Mine, "haul.autonomous-reverse", context(json!({})), true),
        is(Who::Mine, "haul.autonomous-reverse", None, true),
        is(Who::Mine, "haul.autonomous-reverse", Some(json!({ "site": "pit-north" })), true),
        is(Who::Mine, "fms.integration", None, true),
        is(Who::Mine, "fms.integration", context(poor), true),
        is(Who::Mine, "dispatch.shovel-match", context(json!({ "agent_version": "2.1.0" })), true),
        is(Who::Mine, "dispatch.shovel-match", context(json!({ "agent_version": "1.9.9" })), false),
        is(Who::Mine, "dispatch.shovel-match", None, false),
        is(Who::Mine, "dust.ml-visibility", context(json!({ "site": "nowhere" })), false),
        is(Who::Port, "twin-lift", context(json!({})), true),
        is(Who::Port, "dg.rules", None, true),
        is(Who::Port, "reefer.smart-charge", None, false),
        is(Who::Port, "tos.integration", None, false),
        is(Who::Port, "tos.integration", context(rich), false),
        fails(Who::Mine, "no.such.flag", json!(true), "FLAG_NOT_FOUND"),
        fails(Who::Mine, "twin-lift", json!(true), "FLAG_NOT_FOUND"),
        fails(Who::Port, "haul.autonomous-reverse", json!(true), "FLAG_NOT_FOUND"),
        fails(Who::Port, "fms.integration", json!(true), "FLAG_NOT_FOUND"),
        fails(Who::Mine, "haul.autonomous-reverse", json!("forwards"), "TYPE_MISMATCH"),
        fails(Who::Port, "twin-lift", json!("single"), "TYPE_MISMATCH"),
        fails(Who::Nobody, "haul.autonomous-reverse", json!(true), "GENERAL"),
    ]);
    // Where a rule draws lots, all draw the same.
    let question = |site: u32| {
        let (context, token) = (json!({ "site": format!("yard-{site}") }), &two.tokens[1]);
        json!({ "token": token, "flag": "yard.restack", "type": "boolean", "default": false, "context": context })
    };
    let [(_, python, _), (_, server, _), (_, page, _)] = two.told(&(0..20).map(question).collect::<Vec<_>>());
    let drawn = |answers: &[Value]| answers.iter().map(|answer| answer["variant"].clone()).collect::<Vec<_>>();
    assert!(drawn(&python).contains(&json!("on")) && drawn(&python).contains(&json!("off")), "{python:?}");
    assert_eq!((drawn(&python), drawn(&server)), (drawn(&server), drawn(&page)));
    // A choice and another plan answer at once.
    choose(&two.world.person("sofia", &["safety_officer"]), "dust.ml-visibility", "on");
    subscribe(&two.world, TENANT, "starter", "mining");
    two.all_are_told(&[
        is(Who::Mine, "dust.ml-visibility", context(json!({ "site": "nowhere" })), true),
        is(Who::Mine, "fms.integration", None, false),
        is(Who::Port, "twin-lift", None, true),
    ]);
    drop(two.port);
}

fn choose(by: &Http, flag: &str, variant: &str) {
    let body = json!({ "variant": variant, "reason": "a test" });
    by.put(&format!("/v1/flags/{flag}"), body.to_string().as_bytes(), "application/json").ok();
}

/// What a page's client asked with: the status of each answer, and whether it named a tag.
fn asked(said: &str) -> Vec<&str> {
    said.lines().filter_map(|line| line.strip_prefix("asked ")).collect()
}

#[test]
fn a_client_that_keeps_answers_gets_none_that_are_of_another_context() {
    let two = Two::new();
    let question = |version: &str| {
        let context = json!({ "targetingKey": "car-1", "agent_version": version });
        json!({
            "token": two.tokens[0], "flag": "dispatch.shovel-match", "type": "boolean", "default": false,
            "context": context,
        })
    };
    let versions = ["1.0.0", "1.0.0", "2.0.0", "2.0.0", "1.0.0"];
    let [.., (_, answers, said)] = two.told(&versions.map(question));
    let values: Vec<&Value> = answers.iter().map(|answer| &answer["value"]).collect();
    assert_eq!(json!(values), json!([false, false, true, true, false]), "{said}");
    assert_eq!(asked(&said), ["200 false", "304 true", "200 true", "304 true", "200 true"], "{said}");
}

#[test]
fn a_page_sees_a_choice_at_its_next_poll_or_as_soon_as_it_hears_and_after_it_was_away() {
    let mut two = Two::new();
    let sofia = two.world.person("sofia", &["safety_officer"]);
    let flag = "dust.ml-visibility";
    let (polls, hears, port) = (two.follow(0, flag, 200), two.follow(0, flag, 0), two.follow(1, "twin-lift", 0));
    for page in [&polls, &hears] {
        page.line_with("now false");
    }
    polls.line_with("asked 304 true");
    port.line_with("now true");
    for page in [&hears, &port] {
        page.line_with("hears");
        // Told to ask again as soon as it hears, for what it may have missed.
        page.line_with("asked 304 true");
    }
    choose(&sofia, flag, "on");
    polls.line_with("now true");
    hears.line_with("now true");
    // What happens while a page is away is not lost.
    two.world.server.kill();
    two.world.server.start_again();
    choose(&sofia, flag, "off");
    hears.line_with("now false");
    polls.line_with("now false");
    // The other tenant's page was told nothing of all this.
    port.line_with("hears");
    port.line_with("asked 304 true");
    let of_port = port.said();
    assert_eq!(asked(&of_port), ["200 false", "304 true", "304 true"], "{of_port}");
}

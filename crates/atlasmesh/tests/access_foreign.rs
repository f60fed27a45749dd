//! AuthZEN's published scenarios (todo, gateway, search, certification) put to the protocol, with a point of decision by Cedar
//! and a client that is not ours. The requests and what they are to be answered are of the scenarios of openid/authzen (MIT,
//! © Aserto, and the certification's tables), as tables of our own.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod support;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;

use authzen::{
    Answer, Candidates, DecisionPoint, Entity, Evaluation, Evaluations, Properties, Refusal, Search, Wanted,
};
use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use cedar_policy::{Authorizer, Context, Decision, Entities, EntityUid, PolicySet, Request};
use serde::Serialize;
use serde_json::{Value, json};
use support::foreign::{python, run, script};
use support::site;
use support::{Http, World};

/// Each scenario's rules over what is known (`has`) and said of subject, action and resource.
static RULES: LazyLock<PolicySet> = LazyLock::new(|| {
    r#"
    // Todo, and the gateway before it.
    permit (principal, action in [Action::"can_read_user", Action::"can_read_todos", Action::"GET"], resource) when { context.s has roles };
    permit (principal, action in [Action::"can_create_todo", Action::"POST", Action::"PUT", Action::"DELETE"], resource)
    when { context.s has roles && context.s.roles.containsAny(["admin", "editor"]) };
    permit (principal, action == Action::"can_update_todo", resource)
    when { context.s has roles && context.s.roles.contains("evil_genius") };
    permit (principal, action == Action::"can_delete_todo", resource)
    when { context.s has roles && context.s.roles.contains("admin") };
    permit (principal, action in [Action::"can_update_todo", Action::"can_delete_todo"], resource)
    when { context.s has roles && context.s.roles.contains("editor") && context.r has ownerID && context.r.ownerID == context.s.email };
    // Search.
    permit (principal, action in [Action::"view", Action::"edit", Action::"delete"], resource)
    when { context.r has owner && context.r.owner == context.s.id };
    permit (principal, action == Action::"view", resource)
    when { context.r has department && context.s has department && context.r.department == context.s.department };
    permit (principal, action == Action::"view", resource) when { context.r has owner && context.s has grade && context.s.grade == "manager" };
    permit (principal, action == Action::"edit", resource)
    when { context.r has department && context.s has grade && context.s.grade == "manager" && context.r.department == context.s.department };
    // Certification.
    permit (principal, action == Action::"read", resource == T::"record/record-1") when { ["alice", "bob"].contains(context.s.id) };
    permit (principal, action == Action::"write", resource) when { context.s.id == "alice" && context.r has status };
    permit (principal, action == Action::"write", resource)
    when { context.s has role && context.s.role == "admin" && context.r has status && context.r.status == "archived" };
    forbid (principal, action == Action::"write", resource)
    when { context.r has status && context.r.status == "archived" } unless { context.s has role && context.s.role == "admin" };
    permit (principal, action == Action::"delete", resource)
    when { context.s.id == "alice" && context.a has soft && context.a.soft };
    "#
    .parse()
    .unwrap()
});

/// The subject ids of the todo scenario: who, with their roles. Rick may everything, whoever edits what is theirs.
const PEOPLE: [(&str, &str, &[&str]); 5] = [
    ("CiRmZDA2MTRkMy1jMzlhLTQ3ODEtYjdiZC04Yjk2ZjVhNTEwMGQSBWxvY2Fs", "rick@the-citadel.com", &["admin", "evil_genius"]),
    ("CiRmZDE2MTRkMy1jMzlhLTQ3ODEtYjdiZC04Yjk2ZjVhNTEwMGQSBWxvY2Fs", "morty@the-citadel.com", &["editor"]),
    ("CiRmZDI2MTRkMy1jMzlhLTQ3ODEtYjdiZC04Yjk2ZjVhNTEwMGQSBWxvY2Fs", "summer@the-smiths.com", &["editor"]),
    ("CiRmZDM2MTRkMy1jMzlhLTQ3ODEtYjdiZC04Yjk2ZjVhNTEwMGQSBWxvY2Fs", "beth@the-smiths.com", &["viewer"]),
    ("CiRmZDQ2MTRkMy1jMzlhLTQ3ODEtYjdiZC04Yjk2ZjVhNTEwMGQSBWxvY2Fs", "jerry@the-smiths.com", &["viewer"]),
];

/// Users of the search scenario.
const USERS: [(&str, &str, &str); 6] = [
    ("alice", "manager", "Sales"),
    ("bob", "employee", "Legal"),
    ("carol", "contractor", "Legal"),
    ("dan", "manager", "Finance"),
    ("erin", "employee", "Finance"),
    ("felix", "contractor", "Accounting"),
];

/// Its first records: departments and owners.
const RECORDS: [(&str, &str, &str); 10] = [
    ("101", "Legal", "alice"),
    ("102", "Legal", "bob"),
    ("103", "Legal", "carol"),
    ("104", "Accounting", "dan"),
    ("105", "Legal", "erin"),
    ("106", "Accounting", "felix"),
    ("107", "Sales", "alice"),
    ("108", "Legal", "bob"),
    ("109", "Accounting", "carol"),
    ("110", "Sales", "dan"),
];

/// What the fixtures know of a thing; what a request says of it is added where nothing is known.
fn known(of: &Entity) -> Properties {
    let mut all = of.properties.clone();
    let mut put = |name: &str, value: Value| drop(all.insert(name.into(), value));
    put("id", json!(of.id));
    if let Some((_, email, roles)) = PEOPLE.iter().find(|(id, ..)| *id == of.id) {
        put("email", json!(email));
        put("roles", json!(roles));
    }
    if let Some((_, grade, department)) = USERS.iter().find(|(id, ..)| *id == of.id) {
        put("grade", json!(grade));
        put("department", json!(department));
    }
    if let Some((_, department, owner)) = RECORDS.iter().find(|(id, ..)| *id == of.id) {
        put("owner", json!(owner));
        put("department", json!(department));
    }
    if let Some((_, status)) = [("record-1", "active"), ("record-2", "archived")].iter().find(|(id, _)| *id == of.id) {
        put("status", json!(status));
    }
    all
}

struct Fixture;

impl DecisionPoint for Fixture {
    fn evaluate(&self, asked: &Evaluation) -> Answer {
        let uid = |kind: &str, id: &str| {
            EntityUid::from_type_name_and_id(kind.parse().unwrap(), cedar_policy::EntityId::new(id))
        };
        let said = json!({ "s": known(&asked.subject), "a": asked.action.properties, "r": known(&asked.resource) });
        let Ok(context) = Context::from_json_value(said, None) else { return Answer::plain(false) };
        let thing = format!("{}/{}", asked.resource.kind, asked.resource.id);
        let request = Request::new(
            uid("S", &asked.subject.id),
            uid("Action", &asked.action.name),
            uid("T", &thing),
            context,
            None,
        );
        let told = Authorizer::new().is_authorized(&request.unwrap(), &RULES, &Entities::empty());
        let failed = told.diagnostics().errors().next().is_some();
        Answer::plain(told.decision() == Decision::Allow && !failed)
    }

    fn candidates(&self, search: &Search, _: usize) -> Candidates {
        let names = match &search.wanted {
            Wanted::Subjects { like, .. } if like.kind == "user" => USERS.map(|user| user.0).to_vec(),
            Wanted::Resources { like, .. } if like.kind == "record" => {
                RECORDS.iter().map(|record| record.0).chain(["record-1", "record-2"]).collect()
            }
            Wanted::Actions { .. } => vec!["view", "edit", "delete", "read", "write"],
            _ => Vec::new(),
        };
        let at = search.after().and_then(|after| names.iter().position(|name| *name == after)).map_or(0, |at| at + 1);
        Candidates { names: names[at..].iter().map(|name| (*name).to_owned()).collect(), more: false }
    }
}

fn answer<T: Serialize>(headers: &HeaderMap, body: &Bytes, of: impl FnOnce(&Value) -> Result<T, Refusal>) -> Response {
    let named = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    match authzen::read(named, body).and_then(|body| of(&body)) {
        Ok(told) => axum::Json(told).into_response(),
        Err(refusal) => (StatusCode::BAD_REQUEST, refusal.to_string()).into_response(),
    }
}

/// A server of nothing but the protocol; its address.
fn serve() -> String {
    let (tell, told) = std::sync::mpsc::sync_channel(1);
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let find = |search: Search| authzen::find(&Fixture, &search);
            let router = Router::new()
                .route(
                    "/access/v1/evaluation",
                    post(|headers: HeaderMap, body: Bytes| async move {
                        answer(&headers, &body, |body| Evaluation::read(body).map(|asked| Fixture.evaluate(&asked)))
                    }),
                )
                .route(
                    "/access/v1/evaluations",
                    post(|headers: HeaderMap, body: Bytes| async move {
                        answer(&headers, &body, |body| {
                            Evaluations::read(body).map(|all| authzen::decide_all(&Fixture, &all))
                        })
                    }),
                )
                .route(
                    "/access/v1/search/subject",
                    post(move |headers: HeaderMap, body: Bytes| async move {
                        answer(&headers, &body, |body| Search::of_subjects(body).map(find))
                    }),
                )
                .route(
                    "/access/v1/search/resource",
                    post(move |headers: HeaderMap, body: Bytes| async move {
                        answer(&headers, &body, |body| Search::of_resources(body).map(find))
                    }),
                )
                .route(
                    "/access/v1/search/action",
                    post(move |headers: HeaderMap, body: Bytes| async move {
                        answer(&headers, &body, |body| Search::of_actions(body).map(find))
                    }),
                );
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            tell.send(listener.local_addr().unwrap()).unwrap();
            axum::serve(listener, router).await.unwrap();
        });
    });
    format!("http://{}", told.recv().unwrap())
}

fn asked(subject: &str, id: &str, action: &Value, resource: &Value) -> Value {
    json!({ "subject": { "type": subject, "id": id }, "action": action, "resource": resource })
}

/// Every question of todo, gateway and certification with its answer.
fn questions() -> Vec<(Value, bool)> {
    let mut all = Vec::new();
    for (id, email, roles) in PEOPLE {
        let may_write = !roles.contains(&"viewer");
        let mut todo = |action: &str, resource: Value, expected: bool| {
            all.push((asked("user", id, &json!({ "name": action }), &resource), expected));
        };
        for read in ["beth@the-smiths.com", email] {
            todo("can_read_user", json!({ "type": "user", "id": read }), true);
        }
        let item = |owner: &str| json!({ "type": "todo", "id": "7240d0db", "properties": { "ownerID": owner } });
        todo("can_read_todos", json!({ "type": "todo", "id": "todo-1" }), true);
        todo("can_create_todo", json!({ "type": "todo", "id": "todo-1" }), may_write);
        for action in ["can_update_todo", "can_delete_todo"] {
            todo(action, item("rick@the-citadel.com"), roles.contains(&"admin"));
            let other = if roles.contains(&"admin") { "morty@the-citadel.com" } else { email };
            todo(action, item(other), may_write);
        }
        for (method, route, expected) in [
            ("GET", "/users/{userId}", true),
            ("GET", "/todos", true),
            ("POST", "/todos", may_write),
            ("PUT", "/todos/{todoId}", may_write),
            ("DELETE", "/todos/{todoId}", may_write),
        ] {
            let route = json!({ "type": "route", "id": route });
            all.push((asked("identity", id, &json!({ "name": method }), &route), expected));
        }
    }
    let record = |id: &str, properties: Value| json!({ "type": "record", "id": id, "properties": properties });
    let (none, archived) = (json!({}), json!({ "status": "archived" }));
    for (who, action, resource, expected) in [
        ("alice", json!({ "name": "read" }), record("record-1", none.clone()), true),
        ("alice", json!({ "name": "write" }), record("record-1", none.clone()), true),
        ("bob", json!({ "name": "read" }), record("record-1", none.clone()), true),
        ("bob", json!({ "name": "write" }), record("record-1", none.clone()), false),
        ("alice", json!({ "name": "write" }), record("record-2", archived.clone()), false),
        ("alice", json!({ "name": "delete", "properties": { "soft": true } }), record("record-1", none.clone()), true),
        ("alice", json!({ "name": "delete", "properties": { "soft": false } }), record("record-1", none), false),
    ] {
        all.push((asked("user", who, &action, &resource), expected));
    }
    let mut admin = asked("user", "bob", &json!({ "name": "write" }), &record("record-2", archived));
    admin["subject"]["properties"] = json!({ "role": "admin" });
    all.push((admin, true));
    // What no rule needs changes no answer.
    for (question, _) in &mut all {
        question["context"] = json!({ "time": "2025-06-27T18:03-07:00", "ip": "192.168.1.1" });
    }
    all
}

fn decern(folder: &Path, url: &str, questions: &[Value], token: Option<&str>) -> Vec<Value> {
    let file = folder.join("questions.json");
    std::fs::write(&file, json!(questions).to_string()).unwrap();
    let (done, said) = run(python("python"), |command| {
        command.arg(script("decern_client.py")).arg(url).arg(&file).args(token);
    });
    assert!(done, "{said}");
    said.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn the_published_decisions_are_what_a_client_of_others_gets() {
    let (url, folder) = (serve(), tempfile::tempdir().unwrap());
    let (bodies, expected): (Vec<Value>, Vec<bool>) = questions().into_iter().unzip();
    let told = decern(folder.path(), &url, &bodies, None);
    let told: Vec<bool> = told.iter().map(|told| told["allowed"] == true).collect();
    assert_eq!(told.len(), 73);
    let wrong = bodies.iter().zip(told.iter().zip(&expected)).filter(|(_, (told, expected))| told != expected);
    assert_eq!(wrong.map(|(body, _)| body.to_string()).collect::<Vec<_>>(), Vec::<String>::new());
}

#[test]
fn batches_and_searches_are_answered_letter_by_letter() {
    let http = Http::new(&serve(), None);
    let letters = |path: &str, body: &Value| {
        let answer = http.post(path, body);
        assert_eq!(answer.status, 200, "{}", answer.body);
        String::from_utf8(answer.bytes).unwrap()
    };
    let item =
        |owner: &str| json!({ "resource": { "type": "todo", "id": "7240", "properties": { "ownerID": owner } } });
    let [rick, jerry] = ["rick@the-citadel.com", "jerry@the-smiths.com"].map(item);
    for (who, expected) in [(0, "true},{\"decision\":true"), (4, "false},{\"decision\":false")] {
        let body = json!({ "subject": { "type": "user", "id": PEOPLE[who].0 }, "action": { "name": "can_update_todo" },
            "evaluations": [rick, jerry] });
        let expected = format!("{{\"evaluations\":[{{\"decision\":{expected}}}]}}");
        assert_eq!(letters("/access/v1/evaluations", &body), expected);
    }
    let view = json!({ "subject": { "type": "user" }, "action": { "name": "view" },
        "resource": { "type": "record", "id": "101" } });
    let user = |id: &str| format!("{{\"type\":\"user\",\"id\":\"{id}\"}}");
    let expected = format!("{{\"results\":[{}]}}", ["alice", "bob", "carol", "dan"].map(user).join(","));
    assert_eq!(letters("/access/v1/search/subject", &view), expected);
    let actions =
        json!({ "subject": { "type": "user", "id": "alice" }, "resource": { "type": "record", "id": "101" } });
    let expected = r#"{"results":[{"name":"view"},{"name":"edit"},{"name":"delete"}]}"#;
    assert_eq!(letters("/access/v1/search/action", &actions), expected);
    // Every search of the table is what the scenario's sentences say.
    for (who, grade, department) in USERS {
        for action in ["view", "edit", "delete"] {
            let may = |&&(_, of, owner): &&(&str, &str, &str)| {
                let (own, same, manager) = (owner == who, of == department, grade == "manager");
                match action {
                    "view" => own || same || manager,
                    "edit" => own || manager && same,
                    _ => own,
                }
            };
            let expected: Vec<Value> =
                RECORDS.iter().filter(may).map(|record| json!({ "type": "record", "id": record.0 })).collect();
            let body = json!({ "subject": { "type": "user", "id": who }, "action": { "name": action },
                "resource": { "type": "record" } });
            assert_eq!(
                http.post("/access/v1/search/resource", &body).ok()["results"],
                json!(expected),
                "{who} {action}"
            );
        }
    }
    for (path, body) in [
        (
            "/access/v1/search/subject",
            json!({ "subject": { "type": "user" }, "resource": { "type": "record", "id": "1" } }),
        ),
        ("/access/v1/search/action", json!({ "subject": { "type": "user", "id": "alice" } })),
        ("/access/v1/evaluation", json!({ "subject": "alice" })),
    ] {
        assert_eq!(http.post(path, &body).status, 400, "{path}");
    }
}

#[test]
fn a_client_of_others_reads_what_our_policy_says() {
    let world = World::new();
    let body = |role: &str| {
        let resource = json!({ "type": "site", "id": site::NAME });
        asked("role", role, &json!({ "name": "site.import" }), &resource)
    };
    let told = decern(
        world.server.folder.path(),
        world.server.url.trim_end_matches('/'),
        &[body("administrator"), body("viewer")],
        Some(&world.token),
    );
    let expected: BTreeMap<usize, Value> = [
        (0, json!({ "allowed": true, "reasons": [] })),
        (1, json!({ "allowed": false, "reasons": ["builtin.no-permit"] })),
    ]
    .into();
    assert_eq!(told.into_iter().enumerate().collect::<BTreeMap<_, _>>(), expected);
}

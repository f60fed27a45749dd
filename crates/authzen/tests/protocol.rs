//! The protocol over a point of decision of a few lines: what each rule of the specification asks for.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use authzen::{
    Answer, Candidates, DecisionPoint, EVALUATIONS_MAX, Evaluation, Evaluations, Hit, Metadata, PAGE_LIMIT, Search,
    Wanted, decide_all, find, is_json, read,
};
use proptest::prelude::*;
use serde_json::{Value, json};

/// Permits `read` of everything with an even number, and says why not otherwise.
struct Even(usize);

impl DecisionPoint for Even {
    fn evaluate(&self, evaluation: &Evaluation) -> Answer {
        let is_even = evaluation.resource.id.parse::<u64>().is_ok_and(|number| number.is_multiple_of(2));
        match evaluation.action.name == "read" && is_even {
            true => Answer::plain(true),
            false => Answer::with(false, std::iter::once(("reason".to_owned(), json!("odd"))).collect()),
        }
    }

    fn candidates(&self, search: &Search, limit: usize) -> Candidates {
        let all: Vec<String> = match &search.wanted {
            Wanted::Resources { like, .. } if like.kind == "number" => {
                (1..=self.0).map(|number| format!("{number:05}")).collect()
            }
            Wanted::Actions { .. } => vec!["read".into(), "write".into()],
            _ => Vec::new(),
        };
        let all: Vec<String> =
            all.into_iter().filter(|name| search.after().is_none_or(|after| **name > *after)).collect();
        let more = all.len() > limit;
        Candidates { names: all.into_iter().take(limit).collect(), more }
    }
}

fn number(id: &str) -> Value {
    json!({ "type": "number", "id": id })
}

fn question(id: &str) -> Value {
    json!({ "subject": { "type": "user", "id": "a" }, "action": { "name": "read" }, "resource": number(id) })
}

fn batch(body: &Value) -> Value {
    serde_json::to_value(decide_all(&Even(0), &Evaluations::read(body).unwrap())).unwrap()
}

fn decisions(answer: &Value) -> Vec<bool> {
    answer["evaluations"].as_array().unwrap().iter().map(|item| item["decision"].as_bool().unwrap()).collect()
}

/// A question without one of its members, at a pointer.
fn without(pointer: &str) -> Value {
    let mut body = question("2");
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    body.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(name).unwrap();
    body
}

#[test]
fn what_is_missing_is_named() {
    for at in ["/subject", "/action", "/resource"] {
        assert_eq!(Evaluation::read(&without(at)).unwrap_err().faults[0].pointer, at);
    }
    for at in ["/subject/type", "/subject/id", "/action/name", "/resource/type", "/resource/id"] {
        let refusal = Evaluation::read(&without(at)).unwrap_err();
        assert_eq!((refusal.faults.len(), &*refusal.faults[0].pointer), (1, at), "{refusal}");
    }
}

#[test]
fn what_is_of_a_wrong_type_is_named_and_all_of_it() {
    let wrong = json!({ "subject": "alice", "action": { "name": 123 }, "resource": ["number", "2"], "context": [] });
    let refusal = Evaluation::read(&wrong).unwrap_err();
    let named: Vec<&str> = refusal.faults.iter().map(|fault| fault.pointer.as_str()).collect();
    assert_eq!(named, ["/subject", "/action/name", "/resource", "/context"]);
    for body in [json!([]), json!("x"), json!(null), json!(1)] {
        assert_eq!(Evaluation::read(&body).unwrap_err().faults[0].pointer, "/");
        assert!(Evaluations::read(&body).is_err() && Search::of_actions(&body).is_err());
    }
    let mut body = question("2");
    body["subject"]["properties"] = json!("tall");
    assert_eq!(Evaluation::read(&body).unwrap_err().faults[0].pointer, "/subject/properties");
}

#[test]
fn what_is_unknown_is_passed_over() {
    let mut body = question("2");
    body["foo"] = json!({ "bar": 1 });
    body["subject"]["name"] = json!("A");
    body["context"] = json!({ "time": "2025-06-27T18:03-07:00" });
    body["resource"]["properties"] = Value::Null;
    let read = Evaluation::read(&body).unwrap();
    assert_eq!((read.context.len(), read.resource.properties.len()), (1, 0));
    assert_eq!(serde_json::to_string(&Even(0).evaluate(&read)).unwrap(), r#"{"decision":true}"#);
}

#[test]
fn a_body_is_json_and_says_so() {
    for (named, is) in [
        (Some("application/json"), true),
        (Some("Application/JSON; charset=utf-8"), true),
        (Some("application/json-patch"), false),
        (Some("text/plain"), false),
        (Some(""), false),
        (None, false),
    ] {
        assert_eq!(is_json(named), is, "{named:?}");
    }
    let json = Some("application/json");
    assert!(read(json, b"{}").is_ok() && read(json, b"").is_err() && read(json, b"{").is_err());
    assert!(read(Some("text/plain"), b"{}").is_err());
}

#[test]
fn defaults_are_whole_members() {
    let body = json!({
        "subject": { "type": "user", "id": "a" }, "action": { "name": "read" }, "resource": number("2"),
        "context": { "a": 1 },
        "evaluations": [{}, { "resource": number("3") }, { "action": { "name": "write" } }, { "context": { "b": 2 } }],
    });
    assert_eq!(decisions(&batch(&body)), [true, false, false, true]);
    let Evaluations::Many(items, _) = Evaluations::read(&body).unwrap() else { panic!("many") };
    let contexts: Vec<Value> = items.iter().map(|item| item.as_ref().unwrap().context.clone().into()).collect();
    assert_eq!(contexts[0], json!({ "a": 1 }));
    assert_eq!(contexts[3], json!({ "b": 2 }));
    // An item's own member replaces the default, also where it lacks a part that the default has.
    let mut half = body;
    half["evaluations"] = json!([{ "resource": { "type": "number" } }, {}]);
    let answer = batch(&half);
    assert_eq!(decisions(&answer), [false, true]);
    let error = &answer["evaluations"][0]["context"]["error"];
    assert_eq!((&error["status"], &error["message"]), (&json!(400), &json!("/resource/id is missing")));
}

#[test]
fn an_item_that_is_wrong_denies_itself_only() {
    let mut body = question("2");
    body.as_object_mut().unwrap().remove("resource");
    body["evaluations"] = json!([{ "resource": number("2") }, {}, 7, { "resource": "2" }, { "resource": number("4") }]);
    assert_eq!(decisions(&batch(&body)), [true, false, false, false, true]);
}

#[test]
fn a_batch_without_items_is_one_evaluation() {
    for items in [Value::Null, json!([])] {
        let mut body = question("2");
        body["evaluations"] = items;
        assert_eq!(batch(&body), json!({ "decision": true }));
        body.as_object_mut().unwrap().remove("action");
        assert_eq!(Evaluations::read(&body).unwrap_err().faults[0].pointer, "/action");
    }
    assert_eq!(batch(&question("3")), json!({ "decision": false, "context": { "reason": "odd" } }));
}

#[test]
fn a_batch_ends_where_its_semantic_says() {
    let mut body = question("2");
    body["evaluations"] = ["2", "3", "4"].map(|id| json!({ "resource": number(id) })).into();
    for (semantic, expected) in [
        ("execute_all", &[true, false, true][..]),
        ("deny_on_first_deny", &[true, false]),
        ("permit_on_first_permit", &[true]),
    ] {
        body["options"] = json!({ "evaluations_semantic": semantic, "another": 1 });
        assert_eq!(decisions(&batch(&body)), expected, "{semantic}");
    }
    for (options, at) in [
        (json!({ "evaluations_semantic": "some" }), "/options/evaluations_semantic"),
        (json!({ "evaluations_semantic": 1 }), "/options/evaluations_semantic"),
        (json!("execute_all"), "/options"),
    ] {
        body["options"] = options;
        assert_eq!(Evaluations::read(&body).unwrap_err().faults[0].pointer, at);
    }
}

#[test]
fn a_batch_that_is_wrong_as_a_whole_is_refused() {
    for (name, value, at) in [
        ("evaluations", json!({}), "/evaluations"),
        ("evaluations", Value::Array(vec![json!({}); EVALUATIONS_MAX + 1]), "/evaluations"),
        ("subject", json!("alice"), "/subject"),
        ("action", json!({}), "/action/name"),
        ("resource", json!({ "type": "number" }), "/resource/id"),
        ("context", json!("now"), "/context"),
    ] {
        let mut body = question("2");
        body["evaluations"] = json!([question("2")]);
        body[name] = value;
        assert_eq!(Evaluations::read(&body).unwrap_err().faults[0].pointer, at, "{name}");
    }
}

fn resources(page: &Value) -> Value {
    json!({ "subject": { "type": "user", "id": "a" }, "action": { "name": "read" },
        "resource": { "type": "number", "id": "ignored" }, "page": page })
}

#[test]
fn a_search_has_what_is_permitted_and_no_page_unless_one_is_needed() {
    let found = find(&Even(5), &Search::of_resources(&resources(&Value::Null)).unwrap());
    let expected = r#"{"results":[{"type":"number","id":"00002"},{"type":"number","id":"00004"}]}"#;
    assert_eq!(serde_json::to_string(&found).unwrap(), expected);
    let mut body = question("2");
    body.as_object_mut().unwrap().remove("action");
    let found = find(&Even(5), &Search::of_actions(&body).unwrap());
    assert_eq!(found.to_json(), json!({ "results": [{ "name": "read" }] }));
    let strangers = json!({ "subject": { "type": "ship" }, "action": { "name": "read" }, "resource": number("2") });
    let found = find(&Even(5), &Search::of_subjects(&strangers).unwrap());
    assert_eq!(found.to_json(), json!({ "results": [] }));
    let found = find(&Even(5), &Search::of_resources(&resources(&json!({}))).unwrap());
    assert_eq!(found.page.map(|page| (page.next_token, page.count)), Some((String::new(), 2)));
}

#[test]
fn a_search_needs_what_it_searches_with() {
    let none = json!({});
    for (refusal, expected) in [
        (Search::of_subjects(&none).unwrap_err(), &["/subject", "/action", "/resource"][..]),
        (Search::of_resources(&none).unwrap_err(), &["/subject", "/action", "/resource"]),
        (Search::of_actions(&none).unwrap_err(), &["/subject", "/resource"]),
    ] {
        let named: Vec<&str> = refusal.faults.iter().map(|fault| fault.pointer.as_str()).collect();
        assert_eq!(named, expected);
    }
    // Which of two is searched is the operation's: the other one has an id.
    let kinds =
        json!({ "subject": { "type": "user" }, "action": { "name": "read" }, "resource": { "type": "number" } });
    assert_eq!(Search::of_subjects(&kinds).unwrap_err().faults[0].pointer, "/resource/id");
    assert_eq!(Search::of_resources(&kinds).unwrap_err().faults[0].pointer, "/subject/id");
    assert_eq!(Search::of_actions(&kinds).unwrap_err().faults[0].pointer, "/subject/id");
    for (page, at) in [
        (json!(1), "/page"),
        (json!({ "limit": 0 }), "/page/limit"),
        (json!({ "limit": "1" }), "/page/limit"),
        (json!({ "token": 1 }), "/page/token"),
    ] {
        assert_eq!(Search::of_resources(&resources(&page)).unwrap_err().faults[0].pointer, at, "{page}");
    }
}

#[test]
fn metadata_names_the_address_that_was_asked() {
    let metadata = serde_json::to_value(Metadata::at("https://fleet.example/")).unwrap();
    assert_eq!(metadata["policy_decision_point"], "https://fleet.example");
    assert_eq!(metadata["access_evaluation_endpoint"], "https://fleet.example/access/v1/evaluation");
    assert_eq!(metadata["search_action_endpoint"], "https://fleet.example/access/v1/search/action");
}

/// JSON of any shape, small.
fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "[a-z]{0,4}".prop_map(Value::from),
    ];
    let name = prop_oneof![
        4 => prop::sample::select(vec!["subject", "action", "resource", "type", "id", "name", "evaluations", "page"]),
        1 => Just("x"),
    ];
    leaf.prop_recursive(4, 24, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((name.clone(), inner), 0..5).prop_map(|members| members
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect::<Value>()),
        ]
    })
}

proptest! {
    #[test]
    fn whatever_is_sent_is_answered_or_refused_with_a_place(body in anything()) {
        for refusal in [
            Evaluation::read(&body).err(),
            Evaluations::read(&body).err(),
            Search::of_subjects(&body).err(),
            Search::of_resources(&body).err(),
            Search::of_actions(&body).err(),
        ].into_iter().flatten() {
            prop_assert!(!refusal.faults.is_empty());
            prop_assert!(refusal.faults.iter().all(|fault| fault.pointer.starts_with('/')));
        }
    }

    #[test]
    fn a_batch_answers_each_item_as_it_would_be_alone(ids in prop::collection::vec(0u8..20, 1..40), semantic in 0usize..3) {
        let mut body = question("2");
        body["evaluations"] = ids.iter().map(|id| json!({ "resource": number(&id.to_string()) })).collect();
        let (name, ends) = authzen::Semantic::NAMES[semantic];
        body["options"] = json!({ "evaluations_semantic": name });
        let alone: Vec<bool> = ids.iter().map(|id| id % 2 == 0).collect();
        let end = alone.iter().position(|decision| ends.ends_with(*decision)).map_or(alone.len(), |at| at + 1);
        prop_assert_eq!(decisions(&batch(&body)), &alone[..end]);
    }

    #[test]
    fn the_pages_of_a_search_are_the_whole_and_no_result_stands_twice(of in 0usize..2500, limit in 1usize..400) {
        let (mut token, mut all, mut pages) = (String::new(), Vec::new(), 0);
        loop {
            let body = resources(&json!({ "token": token, "limit": limit }));
            let found = find(&Even(of), &Search::of_resources(&body).unwrap());
            prop_assert!(found.results.len() <= limit);
            all.extend(found.results);
            pages += 1;
            token = found.page.unwrap().next_token;
            if token.is_empty() { break; }
            prop_assert!(pages <= of / limit + of / EVALUATIONS_MAX + 2);
        }
        let expected: Vec<Hit> = (1..=of).filter(|number| number % 2 == 0)
            .map(|number| Hit::Entity { kind: "number".into(), id: format!("{number:05}") }).collect();
        prop_assert_eq!(all, expected);
    }
}

#[test]
fn a_page_has_a_limit_of_its_own() {
    let found = find(&Even(500), &Search::of_resources(&resources(&Value::Null)).unwrap());
    assert_eq!(found.results.len(), PAGE_LIMIT);
    assert!(!found.page.unwrap().next_token.is_empty());
}

//! Definitions as flagd has them, what they answer, and what hostile ones meet.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use flags::ofrep::{self, Bulk, Evaluated, EvaluationRequest};
use flags::{Context, ErrorCode, FlagError, FlagSet, LayerError, Layers, Reason, Resolution};
use serde_json::{Value, json};

const NOW_MS: i64 = 1_795_489_212_000;

fn set(flags: Value) -> FlagSet {
    FlagSet::parse(&json!({ "flags": flags }).to_string()).unwrap()
}

fn targeted(targeting: Value) -> Value {
    json!({
        "state": "ENABLED", "variants": {"a": "A", "b": "B", "true": "T"}, "defaultVariant": "b", "targeting": targeting
    })
}

fn context(members: Value) -> Context {
    Context::from_client(Some(members)).unwrap()
}

fn ask(targeting: Value, members: Value) -> Resolution {
    let set = set(json!({ "f": targeted(targeting) }));
    set.flag("f").unwrap().evaluate(&context(members), NOW_MS)
}

/// What a rule is worth: whether it is true.
fn holds(rule: Value, members: Value) -> bool {
    let resolution = ask(json!({ "if": [rule, "a", "b"] }), members);
    assert_eq!(resolution.error_code, None, "{resolution:?}");
    resolution.variant.as_deref() == Some("a")
}

#[test]
fn the_reason_says_why() {
    let rows = [
        (
            json!({"state": "ENABLED", "variants": {"on": true}, "defaultVariant": "on"}),
            Reason::Static,
            Some(json!(true)),
        ),
        (
            json!({"state": "ENABLED", "variants": {"on": true}, "defaultVariant": "on", "targeting": {}}),
            Reason::Static,
            Some(json!(true)),
        ),
        (json!({"state": "DISABLED", "variants": {"on": true}, "defaultVariant": "on"}), Reason::Disabled, None),
        (json!({"state": "ENABLED", "variants": {"on": true}}), Reason::Default, None),
        (targeted(json!({"if": [true, "a"]})), Reason::TargetingMatch, Some(json!("A"))),
        (targeted(json!({"if": [false, "a"]})), Reason::Default, Some(json!("B"))),
        (targeted(json!({"==": [1, 1]})), Reason::TargetingMatch, Some(json!("T"))),
        (targeted(json!({"cat": ["no", "ne"]})), Reason::Error, None),
    ];
    for (flag, reason, value) in rows {
        let resolution = set(json!({ "f": flag.clone() })).flag("f").unwrap().evaluate(&Context::default(), NOW_MS);
        assert_eq!((resolution.reason, resolution.value), (reason, value), "{flag}");
    }
}

#[test]
fn rules_mean_what_json_logic_means() {
    let data = json!({"site": "s1", "n": 5, "list": [1, 2, 3], "who": {"tags": ["x", "y"], "age": 30}, "empty": ""});
    let rows = [
        json!({"==": [{"var": "n"}, "5"]}),
        json!({"!==": [{"var": "n"}, "5"]}),
        json!({"<": [1, {"var": "n"}, 9]}),
        json!({"in": [{"var": "site"}, ["s1", "s4"]]}),
        json!({"in": ["1", {"var": "site"}]}),
        json!({"==": [{"var": "who.tags.1"}, "y"]}),
        json!({"==": [{"var": ["nowhere.at.all", "d"]}, "d"]}),
        json!({"all": [{"var": "list"}, {">": [{"var": ""}, 0]}]}),
        json!({"!": {"all": [[], true]}}),
        json!({"some": [{"var": "list"}, {"===": [{"var": ""}, 2]}]}),
        json!({"none": [{"var": "list"}, {"===": [{"var": ""}, 7]}]}),
        json!({"==": [{"reduce": [{"var": "list"}, {"+": [{"var": "current"}, {"var": "accumulator"}]}, 0]}, 6]}),
        json!({"in": [4, {"map": [{"var": "list"}, {"+": [{"var": ""}, 1]}]}]}),
        json!({"==": [{"cat": [{"var": "site"}, "-", {"var": "n"}]}, "s1-5"]}),
        json!({"==": [{"substr": ["jsonlogic", -5]}, "logic"]}),
        json!({"==": [{"substr": ["jsonlogic", 1, -5]}, "son"]}),
        json!({"==": [{"max": [1, {"var": "n"}, 3]}, 5]}),
        json!({"==": [{"%": [7, 4]}, 3]}),
        json!({"==": [{"-": 3}, -3]}),
        json!({"missing": ["site", "empty"]}),
        json!({"!": {"missing_some": [1, ["site", "gone"]]}}),
        json!({"and": [{"or": [0, "x"]}, {"!!": [[0]]}]}),
        json!({"starts_with": [{"var": "site"}, "s"]}),
        json!({"!": {"ends_with": [{"var": "n"}, "5"]}}),
        json!({"sem_ver": ["1.9.0", "<", "1.10.0"]}),
        json!({"==": [{"var": "$flagd.flagKey"}, "f"]}),
        json!({"==": [{"var": "$flagd.timestamp"}, 1_795_489_212]}),
        json!({"==": [{"var": {"cat": ["si", "te"]}}, "s1"]}),
    ];
    for rule in rows {
        assert!(holds(rule.clone(), data.clone()), "{rule}");
    }
}

#[test]
fn shares_use_the_flag_and_the_targeting_key_where_nothing_else_is_said() {
    let rule = json!({"fractional": [["a", 50], ["b", 50]]});
    let explicit =
        json!({"fractional": [{"cat": [{"var": "$flagd.flagKey"}, {"var": "targetingKey"}]}, ["a", 50], ["b", 50]]});
    for vehicle in 0..50 {
        let members = json!({"targetingKey": format!("veh-{vehicle}")});
        assert_eq!(ask(rule.clone(), members.clone()).variant, ask(explicit.clone(), members).variant);
    }
    let missing = ask(rule, json!({}));
    assert_eq!(missing.error_code, Some(ErrorCode::TargetingKeyMissing));
    assert!(missing.error_details.unwrap().contains("flag `f`"));
    let unknown = ask(json!({"fractional": [{"var": "email"}, ["a", 1]]}), json!({}));
    assert_eq!((unknown.reason, unknown.variant.as_deref()), (Reason::Default, Some("b")));
}

#[test]
fn shared_rules_are_shared() {
    let text = json!({
        "$schema": "https://flagd.dev/schema/v0/flags.json",
        "metadata": {"flagSetId": "mining"},
        "$evaluators": {"pilot": {"in": [{"var": "site"}, ["s1"]]}, "both": {"and": [{"$ref": "pilot"}, true]}},
        "flags": {"f": targeted(json!({"if": [{"$ref": "both"}, "a", null]}))}
    });
    let set = FlagSet::parse(&text.to_string()).unwrap();
    let flag = set.flag("f").unwrap();
    assert_eq!(flag.evaluate(&context(json!({"site": "s1"})), NOW_MS).variant.as_deref(), Some("a"));
    assert_eq!(flag.evaluate(&context(json!({"site": "s2"})), NOW_MS).reason, Reason::Default);
    assert_eq!(serde_json::to_value(&flag.metadata).unwrap(), json!({"flagSetId": "mining"}));
}

fn refused(text: &str) -> String {
    FlagSet::parse(text).unwrap_err().to_string()
}

#[test]
fn what_is_too_deep_is_refused_by_the_name_of_its_flag() {
    for depth in [60, 200, 20_000] {
        let rule = format!("{}true{}", r#"{"!":["#.repeat(depth), "]}".repeat(depth));
        let text = format!(
            r#"{{"flags":{{"deep.one":{{"state":"ENABLED","variants":{{"a":1}},"defaultVariant":"a","targeting":{rule}}}}}}}"#
        );
        let fault = refused(&text);
        assert!(fault.starts_with("flag `deep.one`: ") && fault.contains("deeper"), "{fault}");
    }
    // A hundred references, each to the next, are as deep as if they were written out.
    let mut evaluators: serde_json::Map<String, Value> =
        (0..100).map(|n| (format!("e{n}"), json!({"!": {"$ref": format!("e{}", n + 1)}}))).collect();
    evaluators.insert("e100".into(), json!(true));
    let fault = refused(&json!({"$evaluators": evaluators, "flags": {}}).to_string());
    assert!(fault.starts_with("evaluator `") && fault.contains("deeper"), "{fault}");
}

#[test]
fn references_neither_explode_nor_lead_back() {
    let mut evaluators: serde_json::Map<String, Value> =
        (0..20).map(|n| (format!("e{n}"), json!({"and": vec![json!({"$ref": format!("e{}", n + 1)}); 10]}))).collect();
    evaluators.insert("e20".into(), json!(true));
    assert!(refused(&json!({"$evaluators": evaluators, "flags": {}}).to_string()).contains("nodes"));
    let circle = json!({"$evaluators": {"a": {"!": {"$ref": "b"}}, "b": {"!": {"$ref": "a"}}}, "flags": {}});
    assert!(refused(&circle.to_string()).contains("leads back to itself"));
    assert!(refused(&json!({"flags": {"f": targeted(json!({"$ref": "gone"}))}}).to_string()).contains("`gone`"));
}

#[test]
fn a_definition_that_does_not_mean_what_it_says_is_refused() {
    let flag = |change: Value| {
        let mut flag = targeted(json!(null));
        flag.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        json!({"flags": {"f": flag}}).to_string()
    };
    let rows = [
        (flag(json!({"defaultVariant": "c"})), "`c` is none of the variants"),
        (flag(json!({"variants": {"b": 1, "c": "x"}})), "one variant is"),
        (flag(json!({"variants": {}})), "0 variants"),
        (flag(json!({"variants": {"b": null}})), "null"),
        (flag(json!({"state": "MAYBE"})), "MAYBE"),
        (flag(json!({"targetting": {}})), "targetting"),
        (flag(json!({"targeting": {"javascript": []}})), "`javascript` is no operator"),
        (flag(json!({"targeting": {"sem_ver": ["1.0.0", "="]}})), "three operands"),
        (flag(json!({"metadata": {"nested": {"a": 1}}})), "f"),
        (r#"{"flags":{"a b":{}}}"#.to_owned(), "no key"),
        (r#"{"flags":{"f":{"state":"ENABLED","state":"DISABLED"}}}"#.to_owned(), "`state` twice"),
        (r#"{"flags":{}, "flags":{}}"#.to_owned(), "twice"),
        (r#"{"flagz":{}}"#.to_owned(), "flagz"),
        (r#"{}"#.to_owned(), "flags: is missing"),
        (r#"{"flags":{}} x"#.to_owned(), "trailing"),
        (r#"[]"#.to_owned(), "no JSON as flagd has it"),
    ];
    for (text, part) in rows {
        let fault = refused(&text);
        assert!(fault.contains(part), "{text}: {fault}");
    }
    assert_eq!(FlagSet::parse(&" ".repeat(flags::SET_BYTES_MAX + 1)), Err(FlagError::TooLarge));
}

#[test]
fn an_evaluation_ends_over_any_context() {
    let list: Vec<u32> = (0..2_000).collect();
    let rule = json!({"map": [{"var": "l"}, {"map": [{"var": "m"}, {"some": [[1, 2, 3], {"==": [{"var": ""}, 9]}]}]}]});
    let nested =
        json!({"some": [{"var": "l"}, {"none": [[1, 2, 3, 4, 5, 6, 7, 8, 9, 10], {"in": [{"var": ""}, [11, 12]]}]}]});
    let members = json!({"l": list, "m": list});
    assert!(matches!(ask(rule, members.clone()).reason, Reason::Error | Reason::Default));
    let stopped = ask(nested, members);
    assert_eq!(stopped.error_code, Some(ErrorCode::General));
    assert!(stopped.error_details.unwrap().contains("flag `f`: the evaluation takes more than"), "names the flag");
    // Each round doubles what it has, or wraps it once more.
    for body in [
        json!([{"var": "accumulator"}, {"var": "accumulator"}]),
        json!([{"var": "accumulator"}]),
        json!({"merge": [{"var": "accumulator"}, {"var": ""}]}),
    ] {
        let members = json!({"l": (0..2_000).collect::<Vec<u32>>()});
        let grown = ask(json!({"!!": {"reduce": [{"var": "l"}, body.clone(), [1]]}}), members);
        assert_eq!(grown.error_code, Some(ErrorCode::General), "{body}");
    }
    let long = json!({"cat": vec![json!({"var": "t"}); 100]});
    assert_eq!(ask(long, json!({"t": "x".repeat(1_000)})).error_code, Some(ErrorCode::General));
    assert_eq!(ask(json!({"/": [1, 0]}), json!({})).error_code, Some(ErrorCode::General));
}

fn classed(class: &str, more: Value) -> Value {
    let mut flag = json!({
        "state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": "on",
        "metadata": {"class": class, "owner": "pit", "expires": "2027-01-31", "safe": "off"}
    });
    flag.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    flag
}

#[test]
fn a_tenant_overrides_releases_and_nothing_that_protects() {
    let off = json!({"defaultVariant": "off"});
    let sector = set(
        json!({"r": classed("release", json!({})), "k": classed("ops-kill", json!({})), "e": classed("entitlement", json!({}))}),
    );
    let tenant = set(json!({"r": classed("release", off.clone()), "own": classed("release", json!({}))}));
    let layers = Layers::new([("sector:mining", &sector), ("tenant:north", &tenant)]).unwrap();
    assert!(!layers.evaluate("r", &Context::default(), NOW_MS).is_on());
    assert!(layers.evaluate("k", &Context::default(), NOW_MS).is_on());
    assert_eq!(layers.layer_of("r"), Some("tenant:north"));
    for (key, class) in [("k", "ops-kill"), ("e", "entitlement")] {
        let tenant = set(json!({ key: classed(class, off.clone()) }));
        let refused = Layers::new([("sector:mining", &sector), ("tenant:north", &tenant)]).unwrap_err();
        assert!(matches!(refused, LayerError::Kept { .. }), "{refused}");
    }
    let another = set(json!({"r": classed("experiment", json!({}))}));
    assert!(matches!(Layers::new([("s", &sector), ("t", &another)]), Err(LayerError::Class { .. })));
    let widened = set(json!({"r": classed("release", json!({"variants": {"on": true, "more": true}}))}));
    assert!(matches!(Layers::new([("s", &sector), ("t", &widened)]), Err(LayerError::Variant { .. })));
}

#[test]
fn our_flags_have_a_class_an_owner_and_an_end() {
    assert_eq!(set(json!({"r": classed("release", json!({}))})).faults("2027-01-31"), []);
    let texts = |flag: Value, today: &str| -> Vec<&'static str> {
        set(json!({ "f": flag })).faults(today).iter().map(|fault| fault.field).collect()
    };
    assert_eq!(texts(classed("release", json!({})), "2027-02-01"), ["expires"]);
    assert_eq!(texts(classed("wish", json!({"metadata": {"class": "wish"}})), "2026-01-01"), ["class", "owner"]);
    assert_eq!(
        texts(classed("x", json!({"metadata": {"class": "ops-kill", "owner": "o", "safe": "gone"}})), "2026-01-01"),
        ["safe"]
    );
    assert_eq!(
        texts(classed("x", json!({"metadata": {"class": "experiment", "owner": "o"}})), "2026-01-01"),
        ["expires"]
    );
}

#[test]
fn a_trip_keeps_its_values_except_a_switch_to_the_safe_side() {
    let before = set(json!({"r": classed("release", json!({})), "k": classed("ops-kill", json!({}))}));
    let off = json!({"defaultVariant": "off"});
    let after = set(json!({"r": classed("release", off.clone()), "k": classed("ops-kill", off)}));
    let layers = |set: &FlagSet| Layers::new([("sector:mining", set)]).unwrap();
    let context = Context::default();
    let mut snapshot = layers(&before).snapshot(&context, NOW_MS);
    let digest = snapshot.digest();
    assert_eq!(snapshot.switch(&layers(&before), &context, NOW_MS), []);
    let switched = snapshot.switch(&layers(&after), &context, NOW_MS + 1);
    assert_eq!(switched.len(), 1);
    assert_eq!((switched[0].flag.as_str(), switched[0].to.as_str()), ("k", "off"));
    assert!(snapshot.get("r").unwrap().is_on() && !snapshot.get("k").unwrap().is_on());
    assert_ne!(snapshot.digest(), digest);
    // It does not switch back, and what it says survives being stored.
    assert_eq!(snapshot.switch(&layers(&before), &context, NOW_MS + 2), []);
    assert!(!snapshot.get("k").unwrap().is_on());
    let stored: flags::Snapshot = serde_json::from_str(&serde_json::to_string(&snapshot).unwrap()).unwrap();
    assert_eq!(stored, snapshot);
    // A switch whose rule fails is on.
    let broken = set(json!({"k": classed("ops-kill", json!({"targeting": {"/": [1, 0]}}))}));
    let mut snapshot = layers(&before).snapshot(&context, NOW_MS);
    assert_eq!(snapshot.switch(&layers(&broken), &context, NOW_MS).len(), 1);
}

#[test]
fn the_tag_changes_with_rules_context_entitlements_and_time() {
    let one = set(json!({"r": classed("release", json!({}))}));
    let layers = Layers::new([("sector:mining", &one)]).unwrap();
    let tag = |members: Value, entitlements: &str, now: i64| layers.etag(&context(members), entitlements, now);
    let first = tag(json!({"targetingKey": "v1", "plan": "a"}), "7", NOW_MS);
    assert_eq!(first, tag(json!({"plan": "a", "targetingKey": "v1"}), "7", NOW_MS + 99_000));
    assert_ne!(first, tag(json!({"targetingKey": "v1", "plan": "b"}), "7", NOW_MS));
    assert_ne!(first, tag(json!({"targetingKey": "v1", "plan": "a"}), "8", NOW_MS));
    let timed = set(json!({"f": targeted(json!({"if": [{">": [{"var": "$flagd.timestamp"}, NOW_MS / 1_000]}, "a"]}))}));
    let layers = Layers::new([("sector:mining", &timed)]).unwrap();
    let at = |now| layers.etag(&Context::default(), "7", now);
    assert_eq!(at(NOW_MS), at(NOW_MS - 5_000));
    assert_ne!(at(NOW_MS), at(NOW_MS + 1_000));
    assert!(ofrep::none_match(&format!("\"x\", W/{first}"), &first) && ofrep::none_match("*", &first));
    assert!(!ofrep::none_match("\"x\"", &first));
}

#[test]
fn bodies_are_those_that_clients_read() {
    let set = set(json!({
        "ok": {"state": "ENABLED", "variants": {"low": 3, "high": 4.5}, "defaultVariant": "low"},
        "off": {"state": "DISABLED", "variants": {"on": true}, "defaultVariant": "on"},
        "share": targeted(json!({"fractional": [["a", 1], ["b", 1]]}))
    }));
    let layers = Layers::new([("sector:mining", &set)]).unwrap();
    let request: EvaluationRequest = serde_json::from_str("{}").unwrap();
    let context = Context::from_client(request.context).unwrap();
    let bulk = Bulk::of(layers.evaluate_all(&context, NOW_MS), flags::Metadata::new());
    let written = serde_json::to_value(&bulk).unwrap();
    assert_eq!(written["flags"][0], json!({"key": "off", "reason": "DISABLED", "variant": "", "metadata": {}}));
    assert_eq!(
        written["flags"][1],
        json!({"key": "ok", "reason": "STATIC", "variant": "low", "value": 3.0, "metadata": {}})
    );
    assert!(serde_json::to_string(&bulk).unwrap().contains("\"value\":3.0"), "a float has its point");
    assert_eq!(written["flags"][2]["errorCode"], "TARGETING_KEY_MISSING");
    assert!(written["flags"][2]["errorDetails"].is_string());
    assert_eq!(serde_json::from_value::<Bulk>(written).unwrap(), bulk);
    let Evaluated::Failure(failure) = Evaluated::from(layers.evaluate("gone", &context, NOW_MS)) else { panic!() };
    assert_eq!((failure.status(), failure.error_code), (404, ErrorCode::FlagNotFound));
    let event = serde_json::to_value(ofrep::RefetchEvaluation::new(Some("\"e\"".into()), Some(1))).unwrap();
    assert_eq!(event, json!({"type": "refetchEvaluation", "etag": "\"e\"", "lastModified": 1}));
}

//! Single rules: modifiers, conditions, and what is said of a bad rule.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use detections::{Engine, Record, RuleError, RuleFile};
use serde_json::json;

fn rule(detection: &str) -> String {
    let body: String = detection.trim().lines().map(|line| format!("  {line}\n")).collect();
    format!("title: t\nlogsource: {{product: atlasmesh}}\ndetection:\n{body}")
}

fn compile(text: String) -> Result<Engine, Vec<RuleError>> {
    Engine::new(&[RuleFile::new("rule.yml", text)])
}

fn matches(detection: &str, fields: serde_json::Value) -> bool {
    let record: Record = serde_json::from_value(json!({ "id": "1", "at_ms": 0, "fields": fields })).unwrap();
    !compile(rule(detection)).unwrap().push(&record).is_empty()
}

#[test]
#[allow(clippy::too_many_lines, reason = "one table")]
fn modifiers() {
    let table = [
        ("a: Foo", json!({"a": "fOO"}), true),
        ("a: foo", json!({"a": "foobar"}), false),
        ("a: foo", json!({"b": "foo"}), false),
        ("a: [foo, bar]", json!({"a": "bar"}), true),
        ("a: foo", json!({"a": ["x", "foo"]}), true),
        ("a: 30", json!({"a": 30}), true),
        ("a: 30", json!({"a": "30"}), true),
        ("a: '30'", json!({"a": 30}), true),
        ("a: 30", json!({"a": 30.0}), true),
        ("a: true", json!({"a": true}), true),
        ("a: 'f*o'", json!({"a": "fxxo"}), true),
        ("a: 'f?o'", json!({"a": "fxxo"}), false),
        ("a: 'f\\*o'", json!({"a": "fxo"}), false),
        ("a: 'f\\*o'", json!({"a": "f*o"}), true),
        ("a|contains: oba", json!({"a": "FOOBAR"}), true),
        ("a|contains: 'o?a'", json!({"a": "FOOBAR"}), true),
        ("a|startswith: foo", json!({"a": "FOOBAR"}), true),
        ("a|startswith: bar", json!({"a": "FOOBAR"}), false),
        ("a|endswith: bar", json!({"a": "FOOBAR"}), true),
        ("a|endswith: ['x', 'r']", json!({"a": "FOOBAR"}), true),
        ("a|contains|all: [foo, bar]", json!({"a": "foobar"}), true),
        ("a|contains|all: [foo, baz]", json!({"a": "foobar"}), false),
        ("a|cased: Foo", json!({"a": "foo"}), false),
        ("a|contains|cased: Foo", json!({"a": "xFoo"}), true),
        ("a|re: '^fo+$'", json!({"a": "fooo"}), true),
        ("a|re: '^fo+$'", json!({"a": "FOOO"}), false),
        ("a|re|i: '^fo+$'", json!({"a": "FOOO"}), true),
        ("a|re|m: '^b$'", json!({"a": "a\nb\nc"}), true),
        ("a|re: '^b$'", json!({"a": "a\nb\nc"}), false),
        ("a|re|s: 'a.b'", json!({"a": "a\nb"}), true),
        ("a|re|i|s: 'A.b'", json!({"a": "a\nb"}), true),
        ("a|re: 'a.b'", json!({"a": "a\nb"}), false),
        ("a|cidr: 10.0.0.0/8", json!({"a": "10.2.3.4"}), true),
        ("a|cidr: 10.0.0.0/8", json!({"a": "11.2.3.4"}), false),
        ("a|cidr: 10.0.0.0/8", json!({"a": "::ffff:10.2.3.4"}), true),
        ("a|cidr: ['192.0.2.0/25', '2001:db8::/32']", json!({"a": "2001:db8:1::1"}), true),
        ("a|cidr: 0.0.0.0/0", json!({"a": "1.2.3.4"}), true),
        ("a|cidr: 10.0.0.0/8", json!({"a": "no address"}), false),
        ("a|lt: 5", json!({"a": 4.9}), true),
        ("a|lte: 5", json!({"a": 5}), true),
        ("a|gt: 5", json!({"a": 5}), false),
        ("a|gte: 5", json!({"a": "5"}), true),
        ("a|gt: 5", json!({"a": "many"}), false),
        ("a|exists: true", json!({"a": ""}), true),
        ("a|exists: true", json!({"b": ""}), false),
        ("a|exists: false", json!({"b": ""}), true),
        ("a: null", json!({"b": 1}), true),
        ("a: null", json!({"a": null}), true),
        ("a: null", json!({"a": ""}), false),
        ("a: ''", json!({"a": ""}), true),
        ("a|fieldref: b", json!({"a": "X", "b": "x"}), true),
        ("a|fieldref: b", json!({"a": "x", "b": "y"}), false),
        ("a|fieldref: b", json!({"a": "x"}), false),
        ("a|fieldref|endswith: b", json!({"a": "xyz", "b": "yz"}), true),
        ("a|neq: x", json!({"a": "y"}), true),
        ("a|neq: x", json!({"a": "x"}), false),
        ("a|windash|contains: ' -all'", json!({"a": "run /all"}), true),
        ("a|windash|contains: ' -all'", json!({"a": "run –all"}), true),
        ("{a: x, b: y}", json!({"a": "x", "b": "y"}), true),
        ("{a: x, b: y}", json!({"a": "x", "b": "z"}), false),
        ("[{a: x}, {b: y}]", json!({"b": "y"}), true),
        ("[needle, other]", json!({"b": "hay NEEDLE hay"}), true),
        ("[needle, other]", json!({"b": "hay"}), false),
        ("'|all': ['*one*', '*two*']", json!({"a": "one", "b": "two"}), true),
        ("'|all': ['*one*', '*two*']", json!({"a": "one"}), false),
    ];
    for (selection, fields, expected) in table {
        let detection = if selection.starts_with(['{', '[']) {
            format!("s: {selection}\ncondition: s")
        } else {
            format!("s:\n  {selection}\ncondition: s")
        };
        assert_eq!(matches(&detection, fields.clone()), expected, "{selection} on {fields}");
    }
}

#[test]
fn conditions() {
    let selections = "sel_a: {a: 1}\nsel_b: {b: 1}\nother: {c: 1}\n_hidden: {d: 1}\ncondition: ";
    let table = [
        ("sel_a and sel_b", json!({"a": 1}), false),
        ("sel_a or sel_b", json!({"b": 1}), true),
        ("sel_a and not sel_b", json!({"a": 1}), true),
        ("not (sel_a or sel_b)", json!({}), true),
        ("not not sel_a", json!({"a": 1}), true),
        ("sel_a or sel_b and other", json!({"a": 1}), true),
        ("(sel_a or sel_b) and other", json!({"a": 1}), false),
        ("1 of sel_*", json!({"b": 1}), true),
        ("any of sel_*", json!({"c": 1}), false),
        ("all of sel_*", json!({"a": 1, "b": 1}), true),
        ("all of sel_*", json!({"a": 1}), false),
        ("1 of them", json!({"d": 1}), false),
        ("1 of them", json!({"c": 1}), true),
        ("all of them", json!({"a": 1, "b": 1, "c": 1}), true),
        ("NOT 1 OF them AND _hidden", json!({"d": 1}), true),
        ("not 1 of sel_* and other", json!({"c": 1}), true),
    ];
    for (condition, fields, expected) in table {
        assert_eq!(matches(&format!("{selections}{condition}"), fields.clone()), expected, "{condition} on {fields}");
    }
}

#[test]
fn a_bad_rule_is_named_with_file_and_field() {
    let deep = format!("s: {{a: 1}}\ncondition: {}s{}", "(".repeat(40), ")".repeat(40));
    let many: String = (0..201).map(|n| format!("s{n}: {{a: 1}}\n")).collect::<String>() + "condition: s1";
    let table = [
        (rule("s:\n  a|expand: '%x%'\ncondition: s"), "detection.s.a|expand", "`expand` is not supported"),
        (rule("s:\n  a|frobnicate: x\ncondition: s"), "detection.s.a|frobnicate", "is not known"),
        (rule("s:\n  a|re: '('\ncondition: s"), "detection.s.a|re", "no pattern of bounded size"),
        (rule("s:\n  a|re: '(\\w{1,900}){1,900}'\ncondition: s"), "detection.s.a|re", "no pattern of bounded size"),
        (rule("s:\n  a|re: '(?=x)'\ncondition: s"), "detection.s.a|re", "look-around"),
        (rule("s:\n  a|i: x\ncondition: s"), "detection.s.a|i", "may only follow `re`"),
        (rule("s:\n  a|re|contains: x\ncondition: s"), "detection.s.a|re|contains", "exclude each other"),
        (rule("s:\n  a|all: x\ncondition: s"), "detection.s.a|all", "two or more"),
        (rule("s:\n  a|cidr: 10.0.0.0/40\ncondition: s"), "detection.s.a|cidr", "takes a network"),
        (rule("s:\n  a|gt: many\ncondition: s"), "detection.s.a|gt", "takes a number"),
        (rule("s:\n  a: {b: c}\ncondition: s"), "detection.s.a", "takes a text"),
        (rule("s: {a: 1}\ncondition: s and t"), "detection.condition", "`t`, which is no selection"),
        (rule("s: {a: 1}\ncondition: 1 of t*"), "detection.condition", "`t*`"),
        (rule("s: {a: 1}\ncondition: 2 of s*"), "detection.condition", "`2 of`"),
        (rule("s: {a: 1}\ncondition: (s"), "detection.condition", "closing parenthesis"),
        (rule("s: {a: 1}\ncondition: s s"), "detection.condition", "does not go on"),
        (rule("s: {a: 1}\ncondition: s |  count() > 3"), "detection.condition", "correlation"),
        (rule("s: {a: 1}\ncondition: s and"), "detection.condition", "ends too early"),
        (rule(&deep), "detection.condition", "nested deeper"),
        (rule(&many), "detection", "more than 200 selections"),
        (rule("s: {}\ncondition: s"), "detection.s", "empty map"),
        (rule("s: {a: 1}"), "detection.condition", "is missing"),
        ("title: t\ndetection: {s: {a: 1}, condition: s}".to_owned(), "logsource", "is missing"),
        ("logsource: {product: x}\ndetection: {s: {a: 1}, condition: s}".to_owned(), "title", "is missing"),
        (rule("s: {a: 1}\ncondition: s") + "level: dire\n", "level", "none of"),
        (rule("s: {a: 1}\ncondition: s") + "tags: [nonsense]\n", "tags", "no namespace"),
        ("title: [".to_owned(), "(yaml)", "line"),
        ("title: a\ntitle: b".to_owned(), "(yaml)", "uplicate"),
        (
            format!(
                "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [{0}]\nc: &c [{1}]\nd: [{2}]",
                ["*a"; 30].join(","),
                ["*b"; 30].join(","),
                ["*c"; 30].join(",")
            ),
            "(yaml)",
            "",
        ),
        ("a: ".to_owned() + &"[".repeat(5_000), "(yaml)", ""),
        ("- 1".to_owned(), "(document)", "no map"),
        (String::new(), "(file)", ""),
        ("x".repeat(70_000), "(file)", "more than 65536 bytes"),
        ("title: t".to_owned(), "detection", "is missing"),
    ];
    for (text, field, reason) in table {
        let errors = compile(text.clone()).expect_err(&text);
        let error = &errors[0];
        assert_eq!(error.file, "rule.yml", "{error}");
        assert!(error.field == field || text.is_empty(), "{field}: {error}");
        assert!(error.reason.contains(reason), "{reason}: {error}");
    }
}

#[test]
fn a_correlation_that_is_wrong_is_named_too() {
    let base = "title: b\nname: b\nlogsource: {product: atlasmesh}\ndetection: {s: {a: 1}, condition: s}\n---\ntitle: c\nname: c\ncorrelation: ";
    let table = [
        ("{type: count, rules: [b], timespan: 1m}", "correlation.type"),
        ("{type: event_count, rules: [b], timespan: 1m}", "correlation.condition"),
        ("{type: event_count, rules: [b], timespan: 1y, condition: {gte: 2}}", "correlation.timespan"),
        ("{type: event_count, rules: [b], timespan: -1m, condition: {gte: 2}}", "correlation.timespan"),
        ("{type: event_count, rules: [b], timespan: 1m, condition: {gte: 5000}}", "correlation.condition"),
        ("{type: event_count, rules: [b], timespan: 1m, condition: {over: 5}}", "correlation.condition.over"),
        ("{type: event_count, rules: [x], timespan: 1m, condition: {gte: 5}}", "correlation.rules"),
        ("{type: event_count, rules: [c], timespan: 1m, condition: {gte: 5}}", "correlation.rules"),
        ("{type: value_count, rules: [b], timespan: 1m, condition: {gte: 5}}", "correlation.condition.field"),
        ("{type: temporal, rules: [], timespan: 1m}", "correlation.rules"),
        ("{type: temporal, rules: [b], timespan: 1m, group-by: [u], aliases: {u: {x: y}}}", "correlation.aliases.u"),
    ];
    for (body, field) in table {
        let errors = compile(format!("{base}{body}\n")).expect_err(body);
        assert_eq!((errors[0].file.as_str(), errors[0].field.as_str()), ("rule.yml#2", field), "{errors:?}");
    }
}

#[test]
fn a_rule_sees_only_its_source() {
    let mut engine = compile(
        "title: t\nlogsource: {product: atlasmesh, service: other}\ndetection: {s: {a: 1}, condition: s}".to_owned(),
    )
    .unwrap();
    assert!(engine.push(&Record::new("1", 0, "x").with("a", 1)).is_empty());
    let mut record = Record::new("2", 0, "x").with("a", 1);
    record.logsource.service = Some("other".to_owned());
    assert_eq!(engine.push(&record).len(), 1);
}

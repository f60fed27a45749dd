//! Forms: what is wrong with one is named with its file and field, and what the shipped ones ask for.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod common;

use std::collections::BTreeSet;

use bundles::deadline::{Calendar, Term, Zone};
use common::{DAY_MS, NOW_MS, form, mapping};
use reports::form::{DueError, Submission};
use reports::{FormFile, Forms, shipped};

const GOOD: &str = r#"
id: test-form
title: A form
authority: An authority
framework: un-r155
words: What is asked.
disclaimer: None.
submission: required
kind: occurrence
deadlines:
  - {calendar_days: 5, zone: America/New_York}
fields:
  - id: a
    title: Field A
    required: true
    max_chars: 10
    source: manual
  - id: b
    title: Field B
    choices: ["Yes", "No"]
    source: {event: door.closed, newest: locked, words: {"true": "Yes", "false": "No"}}
  - id: c
    title: Field C
    source: {event: door.closed, where: [{field: to, is: OPEN}], sum: metres, scale: 0.5, decimals: 1}
  - id: d
    title: Field D
    source: {setting: reporting_entity}
"#;

fn compile(text: &str) -> Result<Forms, Vec<String>> {
    let file = FormFile::new("test.yaml", text.to_owned());
    Forms::compile(&[file], &mapping()).map_err(|errors| errors.iter().map(ToString::to_string).collect())
}

#[test]
fn what_is_wrong_is_named_with_file_and_field() {
    compile(GOOD).unwrap();
    let faults = [
        ("id: test-form", "id: Test", "test.yaml: id: is no lower-case name"),
        ("title: A form", "titel: A form", "test.yaml: (file): unknown field `titel`"),
        ("title: A form", "title: \"\"", "test.yaml: title: is empty"),
        ("un-r155", "un-r199", "test.yaml: framework: `un-r199` is no framework of the mapping"),
        ("framework: un-r155\n", "", "test.yaml: framework: is missing"),
        ("kind: occurrence", "kind: accident", "test.yaml: (file): unknown variant `accident`"),
        ("submission: required", "submission: perhaps", "test.yaml: (file): unknown variant `perhaps`"),
        ("kind: occurrence", "kind: period", "test.yaml: deadlines[0]: a period has `every`"),
        ("America/New_York", "new york", "test.yaml: deadlines[0].zone: is no name of a zone"),
        ("calendar_days: 5", "working_days: 5", "test.yaml: deadlines[0]: unknown field `working_days`"),
        (
            "calendar_days: 5",
            "calendar_days: 5, day_of_next_month: 3",
            "test.yaml: deadlines[0]: a deadline has exactly",
        ),
        ("calendar_days: 5", "day_of_next_month: 32", "test.yaml: deadlines[0]: a deadline has exactly"),
        ("calendar_days: 5", "every: month", "test.yaml: deadlines[0]: a deadline has exactly"),
        ("deadlines:\n  - {calendar_days: 5, zone: America/New_York}\n", "", "test.yaml: deadlines: is empty"),
        ("id: b", "id: a", "test.yaml: fields[1].id: `a` is the id of another field too"),
        ("Field B", "Field A", "test.yaml: fields[1].title: `Field A` is the title of another field too"),
        ("id: a", "id: a-b", "test.yaml: fields[0].id: is no name"),
        ("required: true", "requierd: true", "test.yaml: fields[0]: unknown field `requierd`"),
        ("max_chars: 10", "max_chars: 0", "test.yaml: fields[0].max_chars: is zero"),
        ("[\"Yes\", \"No\"]", "[\"Yes\", \"Yes\", \"No\"]", "test.yaml: fields[1].choices[1]: is empty, begins"),
        (
            "\"false\": \"No\"",
            "\"false\": \"Never\"",
            "test.yaml: fields[1].source.words: `Never` is none of the choices",
        ),
        (
            "newest: locked",
            "newest: locked, count: true",
            "test.yaml: fields[1].source: is `manual` or has exactly one",
        ),
        ("newest: locked, ", "", "test.yaml: fields[1].source: is `manual` or has exactly one"),
        ("newest: locked", "newest: a..b", "test.yaml: fields[1].source: names no field"),
        ("event: door.closed, newest", "newest", "test.yaml: fields[1].source: has exactly one of `event`"),
        (
            "event: door.closed, newest",
            "event: closed, newest",
            "test.yaml: fields[1].source.events: `closed` is no type",
        ),
        ("is: OPEN", "is: OPEN, is_not: SHUT", "test.yaml: fields[2].source.where[0]: a test has exactly one"),
        ("is: OPEN", "is: [OPEN]", "test.yaml: fields[2].source.where[0]: a field is compared"),
        ("is: OPEN", "like: OPEN", "test.yaml: fields[2].source: unknown field `like`"),
        ("scale: 0.5", "scale: -1", "test.yaml: fields[2].source: names no field"),
        ("decimals: 1", "decimals: 7", "test.yaml: fields[2].source: names no field"),
        (
            "setting: reporting_entity",
            "setting: reporting_entity, count: true",
            "test.yaml: fields[3].source.setting: is no",
        ),
        ("source: manual", "source: automatic", "test.yaml: fields[0].source: "),
        ("words: What is asked.", "words: What is asked.\nwords: Twice.", "test.yaml: (yaml): "),
    ];
    for (from, to, expected) in faults {
        assert!(GOOD.contains(from), "{from}");
        let errors = compile(&GOOD.replacen(from, to, 1)).unwrap_err();
        assert!(errors.iter().any(|error| error.starts_with(expected)), "{to}: {errors:?}");
    }
    let both = GOOD.replacen("title: A form", "title: \"\"", 1).replacen("id: b", "id: a", 1);
    assert_eq!(compile(&both).unwrap_err().len(), 2, "every fault is told at once");
    for text in ["", "[]", "a: *b", "a: &a [*a]", &"[".repeat(100_000), &"x".repeat(600 * 1_024)] {
        compile(text).unwrap_err();
    }
    let twice = [FormFile::new("a.yaml", GOOD), FormFile::new("b.yaml", GOOD)];
    let errors = Forms::compile(&twice, &mapping()).unwrap_err();
    assert_eq!(errors[0].to_string(), "b.yaml: id: `test-form` is the form of another file too");
}

#[test]
fn the_shipped_forms_compile_and_are_those_that_the_mappings_name() {
    let forms = Forms::compile(&shipped(), &mapping()).unwrap();
    let ids: Vec<&str> = forms.iter().map(|form| form.id.as_str()).collect();
    assert_eq!(
        ids,
        [
            "ca-dmv-collision",
            "ca-dmv-disengagement",
            "cpuc-quarterly",
            "internal-audit",
            "nhtsa-sgo",
            "un-r155-yearly",
            "un-r156-updates"
        ]
    );
    for file in bundles::shipped() {
        for line in file.text.lines().filter(|line| line.contains("{field: \"form\", is: ")) {
            let id = line.split('"').nth(3).unwrap();
            assert!(forms.get(id).is_some(), "{}: {id}", file.name);
        }
    }
    for form in forms.iter() {
        assert_eq!(form.submission == Submission::Internal, form.id == "internal-audit");
        assert!(form.disclaimer.contains("no legal advice"), "{}", form.id);
        assert!(form.fields.len() >= 12, "{}", form.id);
    }
}

#[test]
fn the_events_of_the_shipped_forms_exist_or_are_known_to_come() {
    const EVENTS: &str = include_str!("../../../docs/events.md");
    let forms = Forms::compile(&shipped(), &mapping()).unwrap();
    let wanted: BTreeSet<&str> = forms.iter().flat_map(reports::Form::event_types).collect();
    let missing: Vec<&str> = wanted.into_iter().filter(|kind| !EVENTS.contains(&format!("| `{kind}` |"))).collect();
    assert!(missing.iter().all(|kind| *kind == "collision.recorded"), "{missing:?}");
}

#[test]
fn deadlines_are_those_of_the_authority() {
    let calendar = Calendar {
        authority: "test".into(),
        zone: Zone { name: "America/New_York".into(), offset_minutes: -300, changes: Vec::new() },
        weekend: [6, 7].into(),
        holidays: BTreeSet::new(),
        known_from: "2026-01-01".into(),
        known_to: "2027-12-31".into(),
    };
    let sgo = form("nhtsa-sgo");
    let due = |report: &str| sgo.deadline(Some(report)).unwrap().due(&calendar, NOW_MS).unwrap().day;
    // The notice is of 29 November in New York.
    assert_eq!((due("sgo-5-day").as_str(), due("sgo-monthly").as_str()), ("2026-12-04", "2026-12-15"));
    assert_eq!(sgo.deadline(Some("none")).unwrap().term(), Term::CalendarDays(5));
    let california = form("ca-dmv-disengagement");
    let deadline = california.deadline(None).unwrap();
    assert_eq!(deadline.term(), Term::CalendarDays(15));
    assert!(matches!(deadline.due(&calendar, NOW_MS + DAY_MS), Err(DueError::Zone { .. })));
}

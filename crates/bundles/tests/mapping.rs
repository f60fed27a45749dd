//! Mappings: what is wrong with one is named with its file and field, and what the shipped ones say of a journal.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod common;

use std::collections::BTreeMap;

use bundles::adherence::{Adherence, AdherenceError, Dimension};
use bundles::compliance::{Assessor, ClauseResult, EVIDENCE_MAX, Reason};
use bundles::deadline::Zone;
use bundles::{Event, Mapping, MappingFile, Role, Subject, Verdict, assess, shipped};
use common::{NOW_MS, journal, mapping, shuffled};
use serde_json::{Value, json};

const DAY_MS: i64 = 86_400_000;

const GOOD: &str = r#"
framework: test
title: A framework
version: "1"
date: "2026-11-23"
disclaimer: None.
clauses:
  - id: "1(a)"
    words: Doors are closed.
    freshness_days: 30
    population: all doors
  - id: "1(b)"
    words: Alarms are answered.
    on_occurrence: true
    population: all alarms
  - id: "2"
    words: People are trained.
    elsewhere: in the school's records
maps:
  - events: [door.closed]
    where:
      - {field: lock.state, is: locked}
      - {field: tries, below: 3}
    clauses: ["1(a)"]
  - events: [door.forced]
    role: violation
    pair: door
    clauses: ["1(a)"]
  - events: [door.mended]
    role: mitigation
    pair: door
    clauses: ["1(a)"]
  - events: [alarm.answered]
    clauses: ["1(b)"]
"#;

fn compile(text: &str) -> Result<Mapping, Vec<String>> {
    let file = MappingFile::new("test.yaml", text.to_owned());
    Mapping::compile(&[file]).map_err(|errors| errors.iter().map(ToString::to_string).collect())
}

#[test]
fn what_is_wrong_is_named_with_file_and_field() {
    assert!(compile(GOOD).is_ok());
    let faults = [
        (
            "clauses: [\"1(b)\"]",
            "clauses: [\"1(c)\"]",
            "test.yaml: maps[3].clauses[0]: `1(c)` is no clause of this file",
        ),
        ("id: \"2\"", "id: \"1(b)\"", "test.yaml: clauses[2].id: `1(b)` is the id of another clause too"),
        ("words: Alarms", "wrods: Alarms", "test.yaml: clauses[1]: unknown field `wrods`"),
        ("role: violation", "rôle: violation", "test.yaml: maps[1]: unknown field `rôle`"),
        ("role: violation", "role: break", "test.yaml: maps[1]: unknown variant `break`"),
        ("title: A framework", "titel: A framework", "test.yaml: (file): unknown field `titel`"),
        ("title: A framework", "title: \"\"", "test.yaml: title: is empty"),
        ("framework: test", "framework: Test", "test.yaml: framework: is no lower-case name"),
        ("\"2026-11-23\"", "\"2026-02-30\"", "test.yaml: date: is no date"),
        ("freshness_days: 30", "freshness_days: 0", "test.yaml: clauses[0].freshness_days: is zero"),
        ("freshness_days: 30", "freshness_days: -1", "test.yaml: clauses[0]: invalid value"),
        (
            "on_occurrence: true",
            "on_occurrence: true\n    freshness_days: 3",
            "test.yaml: clauses[1]: a clause has exactly one of",
        ),
        ("    population: all doors\n", "", "test.yaml: clauses[0].population: is missing"),
        ("is: locked", "is: locked, is_not: open", "test.yaml: maps[0].where[0]: a test has exactly one of"),
        (", is: locked", "", "test.yaml: maps[0].where[0]: a test has exactly one of"),
        ("is: locked", "is: [locked]", "test.yaml: maps[0].where[0]: a field is compared with"),
        ("is: locked", "like: locked", "test.yaml: maps[0]: unknown field `like`"),
        ("field: lock.state", "field: lock..state", "test.yaml: maps[0].where[0]: `field` is no path"),
        ("[door.closed]", "[closed]", "test.yaml: maps[0].events[0]: `closed` is no type of event"),
        ("[door.closed]", "[door.closed, door.closed]", "test.yaml: maps[0].events[1]: `door.closed` is named twice"),
        ("[door.closed]", "[]", "test.yaml: maps[0].events: is empty"),
        (
            "clauses: [\"1(b)\"]",
            "clauses: [\"1(b)\", \"1(b)\"]",
            "test.yaml: maps[3].clauses[1]: `1(b)` is named twice",
        ),
        ("clauses: [\"1(b)\"]", "clauses: [\"1(a)\"]", "test.yaml: clauses[1].id: no entry of `maps` gives evidence"),
        ("clauses: [\"1(b)\"]", "clauses: [\"1(b)\", \"2\"]", "test.yaml: clauses[2].id: the clause is `elsewhere`"),
        (
            "[alarm.answered]",
            "[alarm.answered]\n    pair: door",
            "test.yaml: maps[3].pair: evidence answers no violation",
        ),
        ("version: \"1\"", "version: \"1\"\nversion: \"2\"", "test.yaml: (yaml): "),
    ];
    for (from, to, expected) in faults {
        assert!(GOOD.contains(from), "{from}");
        let errors = compile(&GOOD.replacen(from, to, 1)).unwrap_err();
        assert!(errors.iter().any(|error| error.starts_with(expected)), "{to}: {errors:?}");
    }
    for text in ["", "[]", "a: *b", "a: &a [*a]", &"[".repeat(100_000), &"x".repeat(600 * 1_024)] {
        assert!(compile(text).is_err());
    }
    let twice = [MappingFile::new("a.yaml", GOOD), MappingFile::new("b.yaml", GOOD)];
    let errors = Mapping::compile(&twice).unwrap_err();
    assert_eq!(errors[0].to_string(), "b.yaml: framework: `test` is the framework of another file too");
}

fn event(index: u64, kind: &str, days_ago: i64, body: Value) -> Event {
    Event {
        index,
        id: format!("e{index}"),
        r#type: kind.into(),
        at_ms: NOW_MS - days_ago * DAY_MS,
        body,
        actor: "a".into(),
        subjects: vec![Subject::new("house", "h")],
    }
}

fn closed(index: u64, days_ago: i64) -> Event {
    event(index, "door.closed", days_ago, json!({"lock": {"state": "locked"}, "tries": 1}))
}

/// What is said of clause 1(a).
fn doors(events: &[Event]) -> ClauseResult {
    assess(&compile(GOOD).unwrap(), events, NOW_MS).unwrap().swap_remove(0)
}

#[test]
fn nothing_passes_because_nothing_was_said() {
    let said = |events: &[Event]| {
        let result = doors(events);
        (result.verdict, result.reason)
    };
    assert_eq!(said(&[]), (Verdict::NotEvaluable, Reason::NoEvidence));
    assert_eq!(said(&[closed(1, 3)]), (Verdict::Satisfied, Reason::Evidence));
    assert_eq!(said(&[closed(1, 30)]), (Verdict::Satisfied, Reason::Evidence));
    assert_eq!(said(&[closed(1, 31)]), (Verdict::NotEvaluable, Reason::Stale { age_days: 31, days: 30 }));
    assert_eq!(said(&[closed(1, -1)]), (Verdict::NotEvaluable, Reason::FromTheFuture));
    assert_eq!(said(&[closed(1, 3), closed(2, -1)]), (Verdict::Satisfied, Reason::Evidence));
    let open = event(1, "door.closed", 3, json!({"lock": {"state": "open"}, "tries": 1}));
    assert_eq!(said(&[open]), (Verdict::NotEvaluable, Reason::NoEvidence));
    let unreadable = event(2, "door.closed", 3, json!({"lock": "locked", "tries": 1}));
    assert_eq!(said(&[closed(1, 3), unreadable]), (Verdict::NotEvaluable, Reason::Unreadable { events: 1 }));
    let results = assess(&compile(GOOD).unwrap(), &[], NOW_MS).unwrap();
    assert_eq!(results[1].reason, Reason::NoOccurrence);
    assert_eq!(results[2].reason, Reason::Elsewhere { why: "in the school's records".into() });
    assert!(results.iter().all(|result| result.verdict == Verdict::NotEvaluable));
}

#[test]
fn a_violation_stays_open_until_a_later_mitigation_of_the_same_thing() {
    let forced = |index, door: &str| event(index, "door.forced", 3, json!({"door": door}));
    let mended = |index, door: &str| event(index, "door.mended", 3, json!({"door": door}));
    let result = doors(&[closed(1, 3), forced(2, "front"), forced(3, "back"), mended(4, "front")]);
    assert_eq!((result.verdict, result.reason), (Verdict::NotSatisfied, Reason::OpenViolations { open: 1 }));
    assert_eq!((result.open, result.mitigations, result.counts.violations), (vec![3], vec![4], 2));
    // A mitigation before the violation answers nothing, whatever the order in which they are given.
    let result = doors(&[forced(3, "front"), mended(2, "front"), closed(1, 3)]);
    assert_eq!(result.open, [3]);
    let result = doors(&[forced(2, "front"), mended(3, "front"), closed(1, 3)]);
    assert_eq!(result.verdict, Verdict::Satisfied);
    // Without evidence a closed violation is no evidence.
    assert_eq!(doors(&[forced(2, "front"), mended(3, "front")]).reason, Reason::NoEvidence);
}

#[test]
fn numbers_count_all_and_name_the_newest() {
    let events: Vec<Event> = (0..1_000).map(|index| closed(index, 1)).collect();
    let result = doors(&shuffled(events.clone()));
    assert_eq!(result.counts.evidence, 1_000);
    assert_eq!(result.evidence, (1_000 - EVIDENCE_MAX as u64..1_000).collect::<Vec<_>>());
    assert_eq!(result, doors(&events));
    let mapping = compile(GOOD).unwrap();
    let mut assessor = Assessor::new(&mapping, NOW_MS);
    assessor.push(&closed(5, 1)).unwrap();
    assert!(assessor.push(&closed(5, 1)).is_err());
    assert!(assess(&mapping, &[closed(5, 1), closed(5, 1)], NOW_MS).is_err());
}

#[test]
fn the_shipped_mappings_are_sound_and_say_what_they_must() {
    let mapping = mapping();
    assert_eq!(mapping.frameworks().len(), shipped().len());
    assert!(mapping.clauses().len() > 100, "{}", mapping.clauses().len());
    let named = |event: &Event| mapping.classify(event).iter().map(ToString::to_string).collect::<Vec<_>>();
    let incident = named(&event(1, "incident.opened", 0, json!({"severity": "high"})));
    for clause in ["un-r155:7.2.2.2(g)", "un-r155:7.3.7(a)", "iso-21434:8-monitoring", "soc2:CC7.2", "nist-800-53:SI-4"]
    {
        assert!(incident.iter().any(|named| named == clause), "{clause}: {incident:?}");
    }
    assert!(named(&event(1, "coffee.made", 0, json!({}))).is_empty());
    assert!(named(&event(1, "policy.decided", 0, json!({}))).iter().all(|clause| clause.starts_with("eu-ai-act")));
    assert!(mapping.event_types().is_sorted());
}

#[test]
fn every_type_that_is_named_exists() {
    let rows = include_str!("../../../docs/events.md").lines();
    let known: Vec<&str> = rows.filter_map(|row| row.split('`').nth(1)).collect();
    let mapping = mapping();
    let mut types = mapping.event_types();
    types.retain(|kind| !known.contains(kind));
    assert!(types.is_empty(), "{types:?}");
}

#[test]
fn a_journal_gives_the_same_results_in_any_order() {
    let mapping = mapping();
    let results = assess(&mapping, &journal(400), NOW_MS).unwrap();
    assert_eq!(results, assess(&mapping, &shuffled(journal(400)), NOW_MS).unwrap());
    let of = |clause: &str| results.iter().find(|result| result.clause.to_string() == clause).unwrap();
    assert_eq!(of("eu-2022-1426:AnnexII-3").verdict, Verdict::NotSatisfied);
    assert_eq!(of("eu-2022-1426:AnnexII-3").open, [35]);
    assert_eq!(of("un-r155:7.3.7(b)").verdict, Verdict::Satisfied);
    assert_eq!(of("un-r155:7.2.2.5").verdict, Verdict::NotEvaluable);
}

#[test]
fn adherence_adds_up_and_names_its_entries() {
    let mapping = mapping();
    let classes: BTreeMap<String, String> =
        (0..40).map(|n| (format!("vehicle-{n:03}"), if n < 20 { "truck" } else { "van" }.to_owned())).collect();
    let events = journal(4_000);
    let mut adherence = Adherence::new(&mapping, Zone::utc(), classes);
    events.iter().for_each(|event| adherence.push(event).unwrap());
    let total = adherence.total();
    let with =
        |role| events.iter().filter(|event| mapping.roles(event).iter().any(|(_, of)| *of == role)).count() as u64;
    assert_eq!(total.adhering.count, with(Role::Evidence));
    assert_eq!((total.violations.count, &total.violations.entries), (2, &vec![15, 35]));
    assert_eq!((total.mitigations.count, &total.mitigations.entries), (1, &vec![25]));
    assert!(total.rate().unwrap() > 0.99 && total.rate().unwrap() < 1.0);
    for dimension in [Dimension::Site, Dimension::VehicleClass, Dimension::Month] {
        let parts = adherence.by(dimension);
        assert_eq!(parts.values().map(|numbers| numbers.adhering.count).sum::<u64>(), total.adhering.count);
        assert!(
            parts.values().all(|numbers| numbers.adhering.entries.len() <= 100 && numbers.adhering.entries.is_sorted())
        );
        assert!(parts.keys().all(Option::is_some));
    }
    let clause = &adherence.by(Dimension::Clause)[&Some("eu-2022-1426:AnnexII-3".to_owned())];
    assert_eq!(clause.violations.entries, [15, 35]);
    assert_eq!(adherence.push(&events[7]), Err(AdherenceError::OutOfOrder { index: 7, last: 3_999 }));
    assert_eq!(bundles::adherence::Numbers::default().rate(), None);
}

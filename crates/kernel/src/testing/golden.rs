//! Golden fixtures: events as they stand in journals, and the states that they fold to. Whoever has such an event must
//! be able to read it for ever, so a fixture is written once and never changed; what grows gets a file of its own.
//!
//! One folder per aggregate:
//!
//! - `<event type>-<version>.json` is the body of one event, as the journal holds it;
//! - `fold-<fold version>.events-<n>.json` lists the states after each of the first `n` events of the history, as rows
//!   hold them. A new event goes to the end of the history and gets a new list; a changed `evolve` gets a new fold
//!   version.
//!
//! `ATLASMESH_BLESS=1` writes the files that are missing. It overwrites none.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::path::Path;

use serde_json::{Number, Value};

use super::evolve;
use crate::{Aggregate, DomainEvent};

/// Checks an aggregate's fixtures. `history` holds one event of each type and version, in an order in which they can
/// happen.
///
/// - Every type and version has a fixture, and every fixture is read as a type and version.
/// - The fixture is what the event of the history is written as, and reads back as that event.
/// - The fixtures, folded in the order of the history, give the listed states, byte by byte.
#[track_caller]
pub fn check<A>(folder: &Path, history: &[A::Event])
where
    A: Aggregate,
    A::Event: Debug + PartialEq,
{
    let names: Vec<String> = history.iter().map(name).collect();
    let known: Vec<String> = A::Event::types().iter().map(|(kind, version)| format!("{kind}-{version}")).collect();
    let sorted = |names: &[String]| names.iter().cloned().collect::<BTreeSet<_>>();
    assert_eq!(sorted(&names), sorted(&known), "the history and the types of {}", A::KIND);
    assert_eq!(names.len(), known.len(), "each type stands once in the history of {}", A::KIND);
    let events: Vec<A::Event> = history.iter().map(|event| as_fixed(folder, event)).collect();
    check_states::<A>(folder, &events);
    let strangers: Vec<String> =
        files(folder).into_iter().filter(|file| !names.contains(file) && !file.starts_with("fold-")).collect();
    assert!(strangers.is_empty(), "nothing reads {strangers:?} in {} any more", folder.display());
}

/// The event as its fixture gives it.
#[track_caller]
fn as_fixed<E: DomainEvent + Debug + PartialEq>(folder: &Path, event: &E) -> E {
    let name = name(event);
    let body = as_journaled(event.body());
    let text = fixture(folder, &name, &pretty(&body));
    let fixed: Value = serde_json::from_str(&text).expect("a fixture is JSON");
    assert_eq!(fixed, body, "{name}: the fixture and what is written now");
    let read = E::decode(event.event_type(), event.version(), &fixed).expect("a fixture is read");
    assert_eq!((read.event_type(), read.version()), (event.event_type(), event.version()), "{name}");
    assert_eq!(&read, event, "{name}: the fixture and the event of the history");
    read
}

/// Compares every list of states of this fold version, the one over all events among them.
#[track_caller]
fn check_states<A: Aggregate>(folder: &Path, events: &[A::Event]) {
    let mut states: Vec<Option<A>> = Vec::new();
    for (event, place) in events.iter().zip(0..) {
        states.push(evolve(states.last().cloned().flatten(), event, place));
    }
    let prefix = format!("fold-{}.events-", A::FOLD_VERSION);
    fixture(folder, &format!("{prefix}{}", events.len()), &pretty(&states));
    for file in files(folder) {
        let Some(counted) = file.strip_prefix(&prefix) else { continue };
        let listed: usize = counted.parse().expect("a list of states ends with a number");
        let now = pretty(&states.get(..listed).expect("the history only grows"));
        assert_eq!(fixture(folder, &file, &now), now, "{file}: states of {} have changed", A::KIND);
    }
}

fn name<E: DomainEvent>(event: &E) -> String {
    format!("{}-{}", event.event_type(), event.version())
}

fn pretty(value: &impl serde::Serialize) -> String {
    serde_json::to_string_pretty(value).expect("a fixture is written") + "\n"
}

/// A fixture's text. A missing one is written first if that is asked for.
#[track_caller]
fn fixture(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(format!("{name}.json"));
    if !path.exists() && std::env::var_os("ATLASMESH_BLESS").is_some() {
        std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&path, text)).expect("a fixture is written");
    }
    std::fs::read_to_string(&path).unwrap_or_else(|error| {
        let path = path.display();
        panic!("{path}: {error}; a new event needs a fixture: run this test once with ATLASMESH_BLESS=1")
    })
}

/// The names of a folder's fixtures, without `.json`.
#[track_caller]
fn files(folder: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder).expect("the folder of the fixtures is read");
    let names = entries.map(|entry| entry.expect("the folder is read").file_name().to_string_lossy().into_owned());
    names.map(|name| name.strip_suffix(".json").map_or(name.clone(), str::to_owned)).collect()
}

/// A body as the journal's canonical JSON (RFC 8785) gives it back: names are sorted, and a whole number has no fraction
/// also where the field is a float.
fn as_journaled(body: Value) -> Value {
    match body {
        Value::Number(number) => {
            let whole = number.as_f64().filter(|value| number.is_f64() && value.fract() == 0.0 && value.abs() < 9e15);
            Value::Number(whole.map_or(number, |value| Number::from(value as i64)))
        }
        Value::Array(items) => Value::Array(items.into_iter().map(as_journaled).collect()),
        Value::Object(fields) => {
            let sorted: BTreeMap<String, Value> = fields.into_iter().collect();
            Value::Object(sorted.into_iter().map(|(name, value)| (name, as_journaled(value))).collect())
        }
        other => other,
    }
}

//! The check of golden fixtures finds what it is made for: each fault is planted in a folder of its own.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use kernel::testing::{accepts, check, fold, golden, refuses};
use kernel::{Aggregate, Code, Decided, DomainEvent, EventMeta, Reject, Subject, Timestamp, TripId};
use serde::{Deserialize, Serialize};

kernel::domain_events! {
    /// What happens to a lamp.
    pub enum LampEvent {
        "lamp.hung" 1 => Hung(LampHung),
        "lamp.dimmed" 1 => Dimmed(LampDimmed),
    }
}

/// It hangs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LampHung {
    pub watts: f64,
}

/// It is less bright.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LampDimmed {
    pub watts: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Lamp {
    watts: f64,
    hung_at: Timestamp,
}

impl Aggregate for Lamp {
    type Id = TripId;
    type Event = LampEvent;
    const KIND: &'static str = "lamp";
    const FOLD_VERSION: u32 = 1;
    const INDEXES: &'static [&'static str] = &[];

    fn evolve(state: Option<Self>, event: &LampEvent, meta: &EventMeta) -> Option<Self> {
        match event {
            LampEvent::Hung(hung) => Some(Self { watts: hung.watts, hung_at: meta.recorded_at }),
            LampEvent::Dimmed(dimmed) => state.map(|lamp| Self { watts: dimmed.watts, ..lamp }),
        }
    }
    fn due_at(&self) -> Option<Timestamp> {
        None
    }
    fn index_values(&self) -> Vec<String> {
        Vec::new()
    }
    fn about(_: &LampEvent, _: Option<&Self>) -> Vec<Subject> {
        Vec::new()
    }
}

fn hung() -> LampEvent {
    LampHung { watts: 60.0 }.into()
}

fn dimmed(watts: f64) -> LampEvent {
    LampDimmed { watts }.into()
}

/// The first words of what a check finds; `None` if all is well.
fn finding<T>(check: impl FnOnce() -> T) -> Option<String> {
    let panic = catch_unwind(AssertUnwindSafe(check)).err()?;
    let text = panic.downcast_ref::<String>().cloned();
    Some(text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default())
}

fn written(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("golden").join(name);
    if folder.exists() {
        std::fs::remove_dir_all(&folder).unwrap();
    }
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("lamp.hung-1.json"), r#"{"watts": 60}"#).unwrap();
    std::fs::write(folder.join("lamp.dimmed-1.json"), r#"{"watts": 7.5}"#).unwrap();
    let at = "2026-11-24T03:00:12.000000Z";
    let states = format!(
        "[\n  {{\n    \"watts\": 60.0,\n    \"hung_at\": \"{at}\"\n  }},\n  \
         {{\n    \"watts\": 7.5,\n    \"hung_at\": \"{at}\"\n  }}\n]\n"
    );
    std::fs::write(folder.join("fold-1.events-2.json"), states).unwrap();
    folder
}

#[test]
fn every_planted_fault_is_found_and_nothing_else() {
    type Plant = fn(&Path);
    let rows: [(&str, Plant, Option<&str>); 8] = [
        ("nothing", |_| {}, None),
        ("an older fold's states", |folder| std::fs::write(folder.join("fold-0.events-1.json"), "[]").unwrap(), None),
        (
            "no fixture",
            |folder| std::fs::remove_file(folder.join("lamp.hung-1.json")).unwrap(),
            Some("a new event needs a fixture"),
        ),
        (
            "another body",
            |folder| std::fs::write(folder.join("lamp.hung-1.json"), r#"{"watts": 61}"#).unwrap(),
            Some("the fixture and what is written now"),
        ),
        (
            "a field more",
            |folder| std::fs::write(folder.join("lamp.hung-1.json"), r#"{"watts": 60, "hue": 1}"#).unwrap(),
            Some("the fixture and what is written now"),
        ),
        (
            "a type that is gone",
            |folder| std::fs::write(folder.join("lamp.lit-1.json"), "{}").unwrap(),
            Some("nothing reads"),
        ),
        (
            "no states",
            |folder| std::fs::remove_file(folder.join("fold-1.events-2.json")).unwrap(),
            Some("a new event needs a fixture"),
        ),
        (
            "other states",
            |folder| std::fs::write(folder.join("fold-1.events-1.json"), "[]").unwrap(),
            Some("states of lamp have changed"),
        ),
    ];
    for (fault, plant, expected) in rows {
        let folder = written(fault);
        plant(&folder);
        let found = finding(|| golden::check::<Lamp>(&folder, &[hung(), dimmed(7.5)]));
        assert_eq!(found.is_some(), expected.is_some(), "{fault}: {found:?}");
        assert!(found.unwrap_or_default().contains(expected.unwrap_or_default()), "{fault}");
    }
}

#[test]
fn a_history_shows_each_type_once() {
    let folder = written("history");
    for history in [vec![], vec![hung()], vec![hung(), dimmed(7.5), dimmed(7.5)]] {
        assert!(finding(|| golden::check::<Lamp>(&folder, &history)).is_some(), "{history:?}");
    }
}

#[test]
fn a_row_holds_or_tells_what_it_found() {
    let dim = |lamp: Option<&Lamp>| match lamp {
        Some(_) => Decided::accept([dimmed(1.0)], 1),
        None => Decided::reject(Reject::new(Code::NotFound, "there is none")),
    };
    let dark: Lamp = check([hung()], dim, accepts([dimmed(1.0)], 1)).unwrap();
    assert_eq!(dark.watts, 1.0);
    check([], dim, refuses(Code::NotFound));
    let wrong = [accepts([dimmed(1.0)], 2), accepts([dimmed(2.0)], 1), accepts([], 1), refuses(Code::NotFound)];
    for then in wrong {
        assert!(finding(|| check([hung()], dim, then)).is_some_and(|text| text.contains("but found")));
    }
}

#[test]
fn what_does_not_read_back_is_found() {
    assert!(finding(|| fold::<Lamp>(&[LampHung { watts: f64::NAN }.into()])).is_some());
    let unknown = LampEvent::decode("lamp.hung", 2, &hung().body()).unwrap_err();
    assert_eq!(unknown.to_string(), "event lamp.hung version 2 cannot be read: no such type and version");
    assert!(LampEvent::decode("lamp.lit", 1, &hung().body()).is_err());
    assert!(LampEvent::decode("lamp.hung", 1, &serde_json::json!({})).is_err());
    assert_eq!(LampEvent::types(), [("lamp.hung", 1), ("lamp.dimmed", 1)]);
}

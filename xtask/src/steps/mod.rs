//! Which steps of the product work, as its tests show: nobody types a verdict. A test through the public surface
//! (`crates/atlasmesh/tests/*.rs`) names its step by how its own name begins, `trip_7_…`, and further ones in a line of
//! its documentation that has nothing else, `/// TRIP-7, SAFE-7`.

mod list;

use std::collections::BTreeMap;

use anyhow::{Result, bail};

use self::list::{FLOWS, Flow, ShownBy, Step};
use crate::repo::{File, Repo};
use crate::tidy::Finding;

const TESTS: &str = "crates/atlasmesh/tests/";

/// A step by its flow and its number.
type Name = (&'static str, usize);

/// The tests that show each step.
type Shown<'a> = BTreeMap<Name, Vec<&'a str>>;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Works,
    Simulated,
    NotBuilt,
}

impl Verdict {
    const ALL: [Self; 3] = [Self::Works, Self::Simulated, Self::NotBuilt];

    fn of(step: &Step, tests: Option<&Vec<&str>>) -> Self {
        match (tests, step.shown_by) {
            (None, _) => Self::NotBuilt,
            (Some(_), ShownBy::Programs) => Self::Works,
            (Some(_), ShownBy::World) => Self::Simulated,
        }
    }

    fn text(self) -> &'static str {
        match self {
            Self::Works => "works",
            Self::Simulated => "simulated",
            Self::NotBuilt => "not built",
        }
    }
}

/// Steps that tests name and that do not exist.
pub fn check(repo: &Repo) -> Vec<Finding> {
    shown(repo).1
}

pub fn table(repo: &Repo) -> Result<String> {
    let shown = known(repo)?;
    let row = |flow: &'static Flow| {
        let cells = Verdict::ALL.map(|verdict| numbers(flow, &shown, verdict));
        format!("| {}, `{}` | {} |\n", flow.title, flow.name, cells.join(" | "))
    };
    let heads = Verdict::ALL.map(Verdict::text).join(" | ");
    Ok(format!("| flow | {heads} |\n|---|---|---|---|\n{}", FLOWS.iter().map(row).collect::<String>()))
}

pub fn every(repo: &Repo) -> Result<String> {
    let shown = known(repo)?;
    let row = |(name, step): (Name, &Step)| {
        let tests = shown.get(&name);
        let verdict = Verdict::of(step, tests).text();
        let tests = tests.map(|tests| tests.join(" ")).unwrap_or_default();
        format!("| {}-{} | {} | {verdict} | {tests} |\n", name.0, name.1, step.what)
    };
    let section = |flow: &'static Flow| {
        let rows = steps(flow).map(row).collect::<String>();
        format!("## {}\n\n| step | what is asked for | verdict | shown by |\n|---|---|---|---|\n{rows}\n", flow.title)
    };
    Ok(FLOWS.iter().map(section).collect())
}

fn steps(flow: &'static Flow) -> impl Iterator<Item = (Name, &'static Step)> {
    flow.steps.iter().enumerate().map(|(index, step)| ((flow.name, index + 1), step))
}

/// The numbers of a flow's steps with this verdict, such as `1–7, 10`.
fn numbers(flow: &'static Flow, shown: &Shown, verdict: Verdict) -> String {
    let mut ranges: Vec<(usize, usize)> = Vec::new();
    for (name, _) in steps(flow).filter(|(name, step)| Verdict::of(step, shown.get(name)) == verdict) {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == name.1 => *last = name.1,
            _ => ranges.push((name.1, name.1)),
        }
    }
    let text = |&(first, last): &(usize, usize)| match last - first {
        0 => first.to_string(),
        1 => format!("{first}, {last}"),
        _ => format!("{first}–{last}"),
    };
    ranges.iter().map(text).collect::<Vec<_>>().join(", ")
}

fn known(repo: &Repo) -> Result<Shown<'_>> {
    let (shown, findings) = shown(repo);
    if let Some(finding) = findings.first() {
        bail!("{finding}");
    }
    Ok(shown)
}

/// The tests that show each step, and what they name that is none.
fn shown(repo: &Repo) -> (Shown<'_>, Vec<Finding>) {
    let (mut shown, mut findings) = (Shown::new(), Vec::new());
    let is_public =
        |file: &&File| file.path.strip_prefix(TESTS).is_some_and(|rest| !rest.contains('/') && file.is_rust());
    for file in repo.files.iter().filter(is_public) {
        for test in tests(file.text().unwrap_or_default()) {
            for (line, name) in test.named {
                match step(&name) {
                    Some(name) => {
                        let tests = shown.entry(name).or_default();
                        if !tests.contains(&test.name) {
                            tests.push(test.name);
                        }
                    }
                    None => findings.push(Finding::new(
                        &file.path,
                        line,
                        format!(
                            "`{name}` is no step: xtask/src/steps/list.rs has them, and a test names them by how its \
                             name begins, `trip_7_…`, or in a line with nothing else, `/// TRIP-7, SAFE-7`"
                        ),
                    )),
                }
            }
        }
    }
    (shown, findings)
}

struct Test<'a> {
    name: &'a str,
    /// What it names as steps, each with its line.
    named: Vec<(usize, String)>,
}

fn tests(text: &str) -> Vec<Test<'_>> {
    let mut tests = Vec::new();
    let (mut named, mut is_test) = (Vec::new(), false);
    for (line, text) in text.lines().enumerate().map(|(index, line)| (index + 1, line.trim_start())) {
        if let Some(doc) = text.strip_prefix("///") {
            named.extend(in_doc(doc.trim()).into_iter().map(|name| (line, name.to_owned())));
        } else if text.starts_with("#[") {
            is_test |= text == "#[test]" || text.starts_with("#[tokio::test");
        } else {
            let function = text.strip_prefix("async ").unwrap_or(text).strip_prefix("fn ");
            if let (true, Some((name, _))) = (is_test, function.and_then(|rest| rest.split_once('('))) {
                named.extend(in_name(name).map(|step| (line, step)));
                tests.push(Test { name, named: std::mem::take(&mut named) });
            }
            named.clear();
            is_test = false;
        }
    }
    tests
}

/// The step that the name of a test begins with.
fn in_name(name: &str) -> Option<String> {
    let (flow, rest) = name.split_once('_')?;
    let number = rest.split('_').next()?;
    let flow = flow.to_ascii_uppercase();
    let is_step = FLOWS.iter().any(|known| known.name == flow) && number.parse::<usize>().is_ok();
    is_step.then(|| format!("{flow}-{number}"))
}

/// The steps that a line of documentation names: all of it, or nothing. One that begins as such a line and goes on
/// otherwise is wrong as a whole.
fn in_doc(line: &str) -> Vec<&str> {
    let words: Vec<&str> = line.trim_end_matches('.').split(", ").collect();
    let looks_like_step = |word: &&str| {
        word.split_once('-').is_some_and(|(flow, number)| {
            !flow.is_empty() && flow.bytes().all(|byte| byte.is_ascii_uppercase()) && number.parse::<usize>().is_ok()
        })
    };
    let first = line.split([' ', ',']).next().and_then(step);
    match (words.iter().all(looks_like_step), first) {
        (true, _) => words,
        (false, Some(_)) => vec![line],
        (false, None) => Vec::new(),
    }
}

fn step(name: &str) -> Option<Name> {
    let (flow, number) = name.split_once('-')?;
    let (flow, number) = (FLOWS.iter().find(|known| known.name == flow)?, number.parse::<usize>().ok()?);
    (1..=flow.steps.len()).contains(&number).then_some((flow.name, number))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Repo {
        Repo::of(&[("crates/atlasmesh/tests/a.rs", text), ("crates/atlasmesh/tests/support/b.rs", "/// TRIP-99\n")])
    }

    #[test]
    fn a_test_shows_the_steps_that_its_name_and_documentation_name() {
        let rows: [(&str, &[Name]); 8] = [
            ("#[test]\nfn trip_2_is_asked() {", &[("TRIP", 2)]),
            (
                "/// What it is.\n/// SAFE-7, TRIP-10.\n#[test]\nfn a_vehicle_is_silent() {",
                &[("SAFE", 7), ("TRIP", 10)],
            ),
            ("/// TRIP-2\n#[test]\nfn trip_2_is_asked() {", &[("TRIP", 2)]),
            ("/// TRIP-2\nfn helper() {}\n#[test]\nfn other() {", &[]),
            ("fn trip_2_helper() {", &[]),
            ("#[test]\nfn trip_is_asked() {", &[]),
            ("/// SHA-256 of it.\n#[test]\nfn other() {", &[]),
            ("/// As SAFE-7 says.\n#[test]\nfn other() {", &[]),
        ];
        for (text, expected) in rows {
            let repo = of(text);
            let mut found: Vec<Name> = known(&repo).unwrap().into_keys().collect();
            found.sort_unstable();
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn a_step_that_does_not_exist_is_an_error() {
        let rows = [
            ("#[test]\nfn trip_99_flies() {", 2),
            ("#[test]\nfn trip_0_flies() {", 2),
            ("/// TRIP-1, TRAP-1\n#[test]\nfn other() {", 1),
            ("/// TRIP-1 and SAFE-7\n#[test]\nfn other() {", 1),
            ("/// TRAP-1\n#[test]\nfn other() {", 1),
        ];
        for (text, line) in rows {
            let repo = of(text);
            let lines: Vec<usize> = check(&repo).iter().map(|finding| finding.line).collect();
            assert_eq!(lines, [line], "{text}");
            assert!(table(&repo).is_err() && every(&repo).is_err(), "{text}");
        }
    }

    #[test]
    fn verdicts_follow_from_the_tests() {
        let tests =
            "#[test]\nfn trip_1_a() {}\n/// TRIP-2, TRIP-3, TRIP-5, TRIP-6, TRIP-8, TRIP-10\n#[test]\nfn b() {}";
        let repo = of(tests);
        let table = table(&repo).unwrap();
        let row = "| Trips, `TRIP` | 1–3, 5, 6 | 8, 10 | 4, 7, 9, 11–13 |";
        assert!(table.lines().any(|line| line == row), "{row}\n{table}");
        let every = every(&repo).unwrap();
        assert!(every.contains(" | works | trip_1_a |\n") && every.contains(" | not built |  |\n"), "{every}");
    }
}

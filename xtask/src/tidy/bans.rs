//! What only the edges may do. Time, ids and entropy reach the rest as values in `Ctx`, so that one seed decides a whole
//! simulated day and a replay gives the same bytes.

use super::Finding;
use super::packages::pure;
use super::source::Source;
use crate::repo::{File, Repo};

/// The crates that touch the world.
const EDGES: [&str; 4] = ["gateway", "agent", "atlasmesh", "xtask"];

/// Where a ban holds; never in tests.
enum Scope {
    /// In every crate that is no edge.
    BehindTheEdges,
    /// In the crates without a runtime.
    Pure,
}

struct Ban {
    word: &'static str,
    scope: Scope,
    instead: &'static str,
}

const CLOCK: &str = "take the time from `Ctx`";
const ENTROPY: &str = "take ids and entropy from `Ctx`";
const SPAWN: &str = "let the binary run it, or give the caller a future";
const WAIT: &str = "make it due work with a deadline";
const ORDER: &str = "use a BTreeMap or BTreeSet, whose order is the same every time";

const BANS: &[Ban] = &[
    Ban { word: "SystemTime::now", scope: Scope::BehindTheEdges, instead: CLOCK },
    Ban { word: "Instant::now", scope: Scope::BehindTheEdges, instead: CLOCK },
    Ban { word: "Uuid::new", scope: Scope::BehindTheEdges, instead: ENTROPY },
    Ban { word: "Uuid::new_v4", scope: Scope::BehindTheEdges, instead: ENTROPY },
    Ban { word: "Uuid::now_v7", scope: Scope::BehindTheEdges, instead: ENTROPY },
    Ban { word: "rand::", scope: Scope::BehindTheEdges, instead: ENTROPY },
    Ban { word: "getrandom::", scope: Scope::BehindTheEdges, instead: ENTROPY },
    Ban { word: "tokio::spawn", scope: Scope::BehindTheEdges, instead: SPAWN },
    Ban { word: "thread::spawn", scope: Scope::BehindTheEdges, instead: SPAWN },
    Ban { word: "thread::Builder", scope: Scope::BehindTheEdges, instead: SPAWN },
    Ban { word: "thread::scope", scope: Scope::BehindTheEdges, instead: SPAWN },
    Ban { word: "thread::sleep", scope: Scope::BehindTheEdges, instead: WAIT },
    Ban { word: "HashMap", scope: Scope::Pure, instead: ORDER },
    Ban { word: "HashSet", scope: Scope::Pure, instead: ORDER },
];

/// A file, or all files below a folder, where one ban does not hold, with the reason.
struct Allowance {
    path: &'static str,
    word: &'static str,
    /// Why; for whoever reads this table.
    #[expect(dead_code, reason = "the reason is for people")]
    reason: &'static str,
}

const ALLOWED: &[Allowance] = &[
    Allowance {
        path: "crates/keys/src/",
        word: "rand::",
        reason: "secrets come from the operating system: one that follows from a seed is none",
    },
    Allowance {
        path: "crates/store-sqlite/src/lib.rs",
        word: "thread::Builder",
        reason: "the engine's one writer thread: a connection that writes belongs to one thread",
    },
    Allowance {
        path: "crates/store-sqlite/src/readers.rs",
        word: "thread::Builder",
        reason: "the engine's threads for long reads: the engine knows no runtime that could lend one",
    },
    Allowance {
        path: "crates/policy/src/engine.rs",
        word: "HashMap",
        reason: "Cedar takes an entity's attributes in one; nothing here walks over it",
    },
    Allowance {
        path: "crates/policy/src/engine.rs",
        word: "HashSet",
        reason: "Cedar takes an entity's parents in one; nothing here walks over it",
    },
];

pub fn check(repo: &Repo) -> Vec<Finding> {
    let (mut findings, pure) = (Vec::new(), pure(repo));
    for file in repo.files.iter().filter(|file| file.is_rust() && !file.is_test()) {
        let (Some(name), Some(text)) = (file.crate_name(), file.text()) else { continue };
        if EDGES.contains(&name) {
            continue;
        }
        let source = Source::of(text);
        for ban in BANS.iter().filter(|ban| matches!(ban.scope, Scope::BehindTheEdges) || pure.contains(&name)) {
            let allowed = |allowance: &Allowance| file.path.starts_with(allowance.path) && allowance.word == ban.word;
            if ALLOWED.iter().any(allowed) {
                continue;
            }
            findings.extend(source.find(ban.word).map(|at| {
                let what = format!("`{}` stands behind the edges: {}", ban.word, ban.instead);
                Finding::new(&file.path, source.line(at), what)
            }));
        }
    }
    findings.extend(ALLOWED.iter().filter_map(|allowance| stale(repo, allowance)));
    findings
}

/// An allowance that nothing needs any more would let the next use in silently.
fn stale(repo: &Repo, allowance: &Allowance) -> Option<Finding> {
    let mut texts =
        repo.files.iter().filter(|file| file.path.starts_with(allowance.path)).filter_map(File::text).peekable();
    texts.peek()?;
    let used = texts.any(|text| Source::of(text).find(allowance.word).next().is_some());
    let what =
        format!("`{}` is allowed here and no longer used: take it out of xtask/src/tidy/bans.rs", allowance.word);
    (!used).then(|| Finding::new(allowance.path, 1, what))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bans_hold_behind_the_edges_and_outside_tests() {
        let rows = [
            ("crates/trips/src/a.rs", "fn f() {\n  std::time::SystemTime::now();\n}", vec![2]),
            ("crates/trips/src/a.rs", "use std::time::Instant;\nfn f() { Instant::now(); }", vec![2]),
            ("crates/trips/src/a.rs", "use std::collections::HashMap;", vec![1]),
            ("crates/trips/src/a.rs", "fn f() { operand::f(); spawn(); } // SystemTime::now()", vec![]),
            ("crates/trips/src/a.rs", "#[cfg(test)]\nmod tests { fn f() { Instant::now(); } }", vec![]),
            ("crates/trips/tests/a.rs", "fn f() { Instant::now(); }", vec![]),
            ("crates/store-sqlite/src/rows.rs", "use std::collections::HashMap;", vec![]),
            ("crates/store-sqlite/src/rows.rs", "fn f() { std::thread::spawn(g); }", vec![1]),
            ("crates/gateway/src/a.rs", "fn f() { tokio::spawn(g()); Instant::now(); }", vec![]),
            ("crates/store-sqlite/src/lib.rs", "fn f() { std::thread::Builder::new(); }", vec![]),
            ("crates/store-sqlite/src/readers.rs", "fn f() { std::thread::Builder::new(); }", vec![]),
            ("crates/store-sqlite/src/writer.rs", "fn f() { std::thread::Builder::new(); }", vec![1]),
        ];
        for (path, text, expected) in rows {
            let lines: Vec<usize> = check(&Repo::of(&[("crates/trips/Cargo.toml", "room = \"domain\""), (path, text)]))
                .iter()
                .map(|finding| finding.line)
                .collect();
            assert_eq!(lines, expected, "{path}: {text}");
        }
    }

    #[test]
    fn an_allowance_without_a_use_is_found() {
        let findings = check(&Repo::of(&[("crates/store-sqlite/src/lib.rs", "fn f() {}")]));
        assert!(findings[0].what.contains("no longer used"), "{findings:?}");
    }
}

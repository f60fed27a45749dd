//! Rules of this repository that the compiler cannot hold. Each check is a function from the files to what it found, and
//! has a test that plants a fault for it.

use std::fmt;
use std::process::ExitCode;

use anyhow::Result;

use crate::process::Counts;
use crate::repo::Repo;
use crate::steps;

mod bans;
mod circles;
mod error_pages;
mod golden;
mod layers;
mod modules;
mod packages;
pub mod source;
mod tables;
mod words;

pub use error_pages::{Code, codes};
pub use golden::{LIST as GOLDEN_LIST, with_new as golden_with_new};
pub use layers::described;
pub use tables::tables;

/// Something that is not as it should be, and what to do about it.
#[derive(Debug, PartialEq, Eq)]
pub struct Finding {
    pub path: String,
    /// Counts from 1.
    pub line: usize,
    pub what: String,
}

impl Finding {
    pub fn new(path: impl Into<String>, line: usize, what: impl Into<String>) -> Self {
        Self { path: path.into(), line, what: what.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.what)
    }
}

/// A check's name and the check.
type Check = (&'static str, fn(&Repo) -> Result<Vec<Finding>>);

const CHECKS: &[Check] = &[
    ("crates depend only downwards", |repo| Ok(layers::check(repo))),
    ("pure crates link no runtime, nobody a second TLS stack, and nothing is built twice", packages::check),
    ("clocks, random ids, spawns and hash order stay at the edges", |repo| Ok(bans::check(repo))),
    ("every module says why it exists and fits one room", |repo| Ok(modules::check(repo))),
    ("modules use each other in no circle", |repo| Ok(circles::check(repo))),
    ("every table has a class and a line in the documentation", |repo| Ok(tables::check(repo))),
    ("every error code has a page", |repo| Ok(error_pages::check(repo))),
    ("no words, stubs or waits that do not belong here", |repo| Ok(words::check(repo))),
    ("tests name steps that exist", |repo| Ok(steps::check(repo))),
    ("golden fixtures are for ever", golden::check),
];

/// Runs every check and prints what it found.
pub fn run(repo: &Repo) -> Result<ExitCode> {
    let counts = check_all(repo)?;
    Ok(if counts.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs every check, prints what it found, and counts the checks.
pub fn check_all(repo: &Repo) -> Result<Counts> {
    let mut counts = Counts::default();
    for (name, check) in CHECKS {
        let findings = check(repo)?;
        if findings.is_empty() {
            counts.passed += 1;
            println!("holds   {name}");
        } else {
            counts.failed += 1;
            println!("broken  {name}");
            findings.iter().for_each(|finding| println!("{finding}"));
        }
    }
    Ok(counts)
}

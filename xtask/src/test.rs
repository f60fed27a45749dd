//! One command that says whether the product is well.

use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

use crate::lanes::{self, Lane, Limit, Step};
use crate::process::{self, Counts};
use crate::repo::{File, Repo};
use crate::{codegen, new_domain, package, page, setup, tidy};

#[derive(clap::Args)]
pub struct Args {
    /// Only these lanes, by name; without any, all of them.
    lanes: Vec<String>,
}

pub const FORMAT: Lane<'static> = Lane { name: "format", step: Step::Program(&format, Limit(2)) };
pub const TIDY: Lane<'static> = Lane { name: "tidy", step: Step::Own(&|root| tidy::check_all(&Repo::open(root)?)) };
pub const PAGE: Lane<'static> = Lane { name: "page", step: Step::Own(&page::check) };
pub const CLIPPY: Lane<'static> = Lane { name: "clippy", step: Step::Program(&clippy, Limit(20)) };
pub const TESTS_LIMIT: Limit = Limit(40);

/// In this order: what is quick and likely to fail comes first, what needs everything comes last.
const LANES: &[Lane<'static>] = &[
    Lane { name: "set-up", step: Step::Own(&setup::run) },
    FORMAT,
    TIDY,
    PAGE,
    CLIPPY,
    Lane { name: "tests", step: Step::Runner(&tests, TESTS_LIMIT) },
    Lane { name: "doc-tests", step: Step::Own(&doc_tests) },
    Lane { name: "new-domain", step: Step::Own(&new_domain::check) },
    Lane { name: "schemathesis", step: Step::Runner(&|root| Ok(apart(root, "schemathesis")), Limit(20)) },
    Lane { name: "journeys", step: Step::Runner(&journeys, Limit(35)) },
    Lane { name: "generated", step: Step::Own(&codegen::check) },
    Lane { name: "package", step: Step::Own(&package::check) },
    Lane { name: "demo", step: Step::Program(&demo, Limit(15)) },
];

pub fn run(root: &Path, args: &Args) -> Result<ExitCode> {
    if let Some(unknown) = args.lanes.iter().find(|name| LANES.iter().all(|lane| lane.name != **name)) {
        let known: Vec<&str> = LANES.iter().map(|lane| lane.name).collect();
        bail!("there is no lane named {unknown}: there are {}", known.join(", "));
    }
    let chosen = |lane: &&Lane| args.lanes.is_empty() || args.lanes.iter().any(|name| name == lane.name);
    Ok(lanes::run(root, LANES.iter().filter(chosen)))
}

fn format(root: &Path) -> Result<Command> {
    let mut command = process::cargo(root);
    command.args(["fmt", "--all", "--check"]);
    Ok(command)
}

fn clippy(root: &Path) -> Result<Command> {
    let mut command = process::cargo(root);
    command.args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]);
    Ok(command)
}

pub fn has_nextest(root: &Path) -> bool {
    process::works(process::cargo(root).args(["nextest", "--version"]))
}

pub fn tests(root: &Path) -> Result<Command> {
    let mut command = process::cargo(root);
    if has_nextest(root) {
        command.args(["nextest", "run", "--workspace", "--no-fail-fast"]);
        if std::env::var_os("CI").is_some() {
            command.args(["--profile", "ci"]);
        }
    } else {
        command.args(["test", "--workspace", "--lib", "--bins", "--tests", "--no-fail-fast"]);
    }
    Ok(command)
}

/// A test of the product that has a lane of its own: `test = false` in its Cargo.toml leaves it out of the others.
pub fn apart(root: &Path, name: &str) -> Command {
    let mut command = process::cargo(root);
    if has_nextest(root) {
        command.args(["nextest", "run", "--workspace", "--test", name, "--no-capture"]);
    } else {
        command.args(["test", "--workspace", "--test", name, "--", "--nocapture"]);
    }
    command
}

fn journeys(root: &Path) -> Result<Command> {
    // The program carries the page that was built before it.
    page::build(root)?;
    Ok(apart(root, "journeys"))
}

fn demo(root: &Path) -> Result<Command> {
    let mut command = Command::new(std::env::current_exe().context("find this program")?);
    command.current_dir(root).args(["demo", "--headless", "--until-trips", "5"]);
    Ok(command)
}

/// Runs the examples in documentation, which a run of all targets leaves out, where there are any.
fn doc_tests(root: &Path) -> Result<Counts> {
    let repo = Repo::open(root)?;
    let mut crates: Vec<&str> =
        repo.files.iter().filter(|file| has_doc_test(file)).filter_map(File::crate_name).collect();
    crates.dedup();
    if crates.is_empty() {
        println!("no documentation has an example that runs");
        return Ok(Counts::default());
    }
    let mut command = process::cargo(root);
    command.args(["test", "--doc", "--no-fail-fast"]).args(crates.iter().flat_map(|name| ["-p", name]));
    let (counts, ended) = process::stream_counting(&mut command, process::ANSWER_LIMIT);
    ended.map(|()| counts)
}

/// Whether a library's documentation has a fenced example that is Rust and is run.
fn has_doc_test(file: &File) -> bool {
    if !file.path.starts_with("crates/") || !file.path.contains("/src/") || !file.is_rust() {
        return false;
    }
    let mut inside = false;
    let fences = file.text().unwrap_or_default().lines().filter_map(|line| {
        let said = line.trim().strip_prefix("///").or_else(|| line.trim().strip_prefix("//!"))?;
        said.trim().strip_prefix("```")
    });
    fences.fold(false, |found, language| {
        inside = !inside;
        found || inside && matches!(language, "" | "rust" | "no_run")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_that_run_are_told_from_texts() {
        let rows = [
            ("/// ```\n/// f();\n/// ```\n", true),
            ("//! ```rust\n//! f();\n//! ```\n", true),
            ("/// ```text\n/// f();\n/// ```\n", false),
            ("// ```\n", false),
        ];
        for (text, expected) in rows {
            let repo = Repo::of(&[("crates/a/src/a.rs", text)]);
            assert_eq!(has_doc_test(&repo.files[0]), expected, "{text}");
        }
    }
}

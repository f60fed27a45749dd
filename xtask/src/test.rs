//! One command that says whether the product is well. Every lane runs, whatever the others found; the table at the end
//! says how long each took.

use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::process::{self, Counts};
use crate::repo::{File, Repo};
use crate::{codegen, page, setup, tidy};

#[derive(clap::Args)]
pub struct Args {
    /// Only these lanes, by name; without any, all of them.
    lanes: Vec<String>,
}

struct Lane {
    name: &'static str,
    step: Step,
}

enum Step {
    /// Part of this program, which limits what it waits for.
    Own(fn(&Path) -> Result<Counts>),
    /// Another program; one check.
    Program(fn(&Path) -> Result<Command>, Limit),
    /// A test runner, whose closing lines are counted.
    Runner(fn(&Path) -> Result<Command>, Limit),
}

/// Minutes; what takes longer on two cores with nothing built yet hangs.
struct Limit(u64);

/// In this order: what is quick and likely to fail comes first, what needs everything comes last.
const LANES: &[Lane] = &[
    Lane { name: "set-up", step: Step::Own(setup::run) },
    Lane { name: "format", step: Step::Program(format, Limit(2)) },
    Lane { name: "tidy", step: Step::Own(|root| tidy::check_all(&Repo::open(root)?)) },
    Lane { name: "page", step: Step::Own(page::check) },
    Lane { name: "clippy", step: Step::Program(clippy, Limit(20)) },
    Lane { name: "tests", step: Step::Runner(tests, Limit(40)) },
    Lane { name: "doc-tests", step: Step::Own(doc_tests) },
    Lane { name: "schemathesis", step: Step::Runner(|root| Ok(apart(root, "schemathesis")), Limit(20)) },
    Lane { name: "journeys", step: Step::Runner(journeys, Limit(20)) },
    Lane { name: "generated", step: Step::Own(codegen::check) },
    Lane { name: "demo", step: Step::Program(demo, Limit(15)) },
];

pub fn run(root: &Path, args: &Args) -> Result<ExitCode> {
    if let Some(unknown) = args.lanes.iter().find(|name| LANES.iter().all(|lane| lane.name != **name)) {
        let known: Vec<&str> = LANES.iter().map(|lane| lane.name).collect();
        bail!("there is no lane named {unknown}: there are {}", known.join(", "));
    }
    let chosen = |lane: &&Lane| args.lanes.is_empty() || args.lanes.iter().any(|name| name == lane.name);
    let mut total = Counts::default();
    let mut table = String::new();
    for lane in LANES.iter().filter(chosen) {
        println!("\n== {} ==", lane.name);
        let started = Instant::now();
        let counts = run_lane(root, lane);
        let minutes = started.elapsed().as_secs_f64() / 60.0;
        total += counts;
        let verdict = if counts.failed == 0 { "passed" } else { "FAILED" };
        table.push_str(&format!("{:<12}{minutes:>8.1} min  {verdict}\n", lane.name));
    }
    println!("\n{table}\n{} passed, {} failed", total.passed, total.failed);
    Ok(if total.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn run_lane(root: &Path, lane: &Lane) -> Counts {
    let minutes = |limit: &Limit| Duration::from_secs(limit.0 * 60);
    let none = |error| (Counts::default(), Err(error));
    let (mut counts, ended) = match &lane.step {
        Step::Own(step) => step(root).map_or_else(none, |counts| (counts, Ok(()))),
        Step::Program(command, limit) => {
            let ended = command(root).and_then(|mut command| process::stream(&mut command, minutes(limit)));
            (Counts { passed: u64::from(ended.is_ok()), failed: 0 }, ended)
        }
        Step::Runner(command, limit) => match command(root) {
            Ok(mut command) => process::stream_counting(&mut command, minutes(limit)),
            Err(error) => none(error),
        },
    };
    if let Err(error) = ended {
        println!("{}: {error:#}", lane.name);
        // What did not even start to count, such as tests that do not compile, is one failure.
        counts.failed = counts.failed.max(1);
    }
    counts
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

fn has_nextest(root: &Path) -> bool {
    process::works(process::cargo(root).args(["nextest", "--version"]))
}

fn tests(root: &Path) -> Result<Command> {
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
fn apart(root: &Path, name: &str) -> Command {
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

    #[test]
    fn a_lane_that_fails_counts_even_if_it_counted_nothing() {
        let fails = Lane { name: "fails", step: Step::Own(|_| bail!("broken")) };
        assert_eq!(run_lane(Path::new("."), &fails), Counts { passed: 0, failed: 1 });
        let counts = Lane { name: "counts", step: Step::Own(|_| Ok(Counts { passed: 3, failed: 2 })) };
        assert_eq!(run_lane(Path::new("."), &counts), Counts { passed: 3, failed: 2 });
    }
}

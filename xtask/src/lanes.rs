//! Steps of a check with names. Every lane runs, whatever the others found; the table at the end says how long each took.

use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::process::{self, Counts};

pub struct Lane<'a> {
    pub name: &'static str,
    pub step: Step<'a>,
}

pub enum Step<'a> {
    /// Part of this program, which limits what it waits for.
    Own(&'a dyn Fn(&Path) -> Result<Counts>),
    Program(&'a dyn Fn(&Path) -> Result<Command>, Limit),
    /// A test runner, whose closing lines are counted.
    Runner(&'a dyn Fn(&Path) -> Result<Command>, Limit),
}

/// Minutes; what takes longer on two cores with nothing built yet hangs.
#[derive(Clone, Copy)]
pub struct Limit(pub u64);

/// Runs the lanes in their order and prints the table.
pub fn run<'a>(root: &Path, lanes: impl IntoIterator<Item = &'a Lane<'a>>) -> ExitCode {
    let mut total = Counts::default();
    let mut table = String::new();
    for lane in lanes {
        println!("\n== {} ==", lane.name);
        let started = Instant::now();
        let counts = run_lane(root, lane);
        let minutes = started.elapsed().as_secs_f64() / 60.0;
        total += counts;
        let verdict = if counts.failed == 0 { "passed" } else { "FAILED" };
        table.push_str(&format!("{:<12}{minutes:>8.1} min  {verdict}\n", lane.name));
    }
    println!("\n{table}\n{} passed, {} failed", total.passed, total.failed);
    if total.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
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

#[cfg(test)]
mod tests {
    use anyhow::bail;

    use super::*;

    #[test]
    fn a_lane_that_fails_counts_even_if_it_counted_nothing() {
        let fails = Lane { name: "fails", step: Step::Own(&|_| bail!("broken")) };
        assert_eq!(run_lane(Path::new("."), &fails), Counts { passed: 0, failed: 1 });
        let counts = Lane { name: "counts", step: Step::Own(&|_| Ok(Counts { passed: 3, failed: 2 })) };
        assert_eq!(run_lane(Path::new("."), &counts), Counts { passed: 3, failed: 2 });
    }
}

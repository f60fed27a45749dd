//! Benchmarks are commands that print figures and ratios; this lists them and runs one in release.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::{page, process};

#[derive(clap::Args)]
pub struct Args {
    /// Which one; without it they are listed.
    name: Option<String>,
    /// What the benchmark itself takes.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,
}

/// A release build from nothing on two cores.
const BUILD_LIMIT: Duration = Duration::from_secs(40 * 60);

struct Bench {
    name: &'static str,
    /// What follows `cargo run --release`.
    command: &'static [&'static str],
    what: &'static str,
    /// What must be there before it is built.
    first: fn(&Path) -> Result<()>,
}

const BENCHES: &[Bench] = &[
    Bench {
        name: "api",
        command: &["-p", "atlasmesh", "--bin", "atlasmesh", "--", "bench", "api"],
        what: "reads and creations per second over HTTP, by 64 clients; events to 1,000 who follow",
        first: |_| Ok(()),
    },
    Bench {
        name: "backlog",
        command: &["-p", "atlasmesh", "--bin", "atlasmesh", "--", "bench", "backlog"],
        what: "trips per minute and journal entries a trip while 36 and while 330 trips wait",
        first: |_| Ok(()),
    },
    Bench {
        name: "commit",
        command: &["-p", "atlasmesh", "--bin", "atlasmesh", "--", "bench", "commit"],
        what: "commits per second of state, events and signed heads, on disk and in memory",
        first: |_| Ok(()),
    },
    Bench {
        name: "detect",
        command: &["-p", "detections", "--example", "detect", "--"],
        what: "records per second through every detection, and what each simulated attack raises",
        first: |_| Ok(()),
    },
    Bench {
        name: "evidence",
        command: &["-p", "atlasmesh", "--bin", "atlasmesh", "--", "bench", "evidence"],
        what: "bundles of 10,000 and of a million entries, checking them, classifying, from a commit to a witness",
        first: |_| Ok(()),
    },
    Bench {
        name: "flags",
        command: &["-p", "atlasmesh", "--bin", "atlasmesh", "--", "bench", "flags"],
        what: "a flag's evaluation in process, and evaluations per second over HTTP by 64 clients",
        first: |_| Ok(()),
    },
    Bench {
        name: "identity",
        command: &["-p", "atlasmesh", "--bin", "atlasmesh", "--", "bench", "identity"],
        what: "enrolments and renewals per second, the check of a message, revocations with a million before",
        first: |_| Ok(()),
    },
    Bench {
        name: "incidents",
        command: &["-p", "atlasmesh", "--bin", "atlasmesh", "--", "bench", "incidents"],
        what: "from an attack's entry to the incident, to refused everywhere and to the pager; a timeline with proofs",
        first: |_| Ok(()),
    },
    Bench {
        name: "ota",
        command: &["-p", "atlasmesh", "--bin", "atlasmesh", "--", "bench", "ota"],
        what: "making rollouts, the gate over simulated releases, checking images, idle polls and bytes over TLS",
        first: |_| Ok(()),
    },
    Bench {
        name: "pdm",
        command: &["-p", "maintenance", "--example", "pdm", "--"],
        what: "features, training, predictions and their errors, a fleet maintained by predictions and without",
        first: |_| Ok(()),
    },
    Bench {
        name: "policy",
        command: &["-p", "policy", "--example", "policy_bench", "--"],
        what: "a decision with its record against bare Cedar, with rules of 50 tenants, and decisions asked again a second",
        first: |_| Ok(()),
    },
    Bench {
        name: "schedule",
        command: &["-p", "prognostics", "--example", "schedule", "--"],
        what: "the workshop's plan of 500 orders over 14 days, with its distance to the bound",
        first: |_| Ok(()),
    },
    Bench {
        name: "tenants",
        command: &["-p", "atlasmesh", "--bin", "atlasmesh", "--", "bench", "tenants"],
        what: "memory of 10,000 tenants with rules of their own, and what a noisy one costs another",
        first: |_| Ok(()),
    },
    Bench {
        name: "trip",
        command: &["-p", "atlasmesh", "--bin", "atlasmesh", "--", "bench", "trip"],
        what: "whole trips through every layer, from request to completion",
        first: |_| Ok(()),
    },
    Bench {
        name: "page",
        command: &["-p", "atlasmesh", "--bin", "atlasmesh", "--", "bench", "page"],
        what: "the page in Chromium while 2,000 vehicles move: script per frame, and the first load",
        first: page::build,
    },
    Bench {
        name: "start",
        command: &["-p", "atlasmesh", "--bin", "atlasmesh", "--", "bench", "start"],
        what: "a server's start with the demo's site, and its memory in the demo",
        first: |_| Ok(()),
    },
    Bench {
        name: "routing",
        command: &["-p", "routing", "--example", "route_bench", "--"],
        what: "routes per second on a real road graph",
        first: |_| Ok(()),
    },
];

pub fn run(root: &Path, args: &Args) -> Result<ExitCode> {
    let Some(name) = &args.name else {
        for bench in BENCHES {
            println!("{:<10}{}", bench.name, bench.what);
        }
        return Ok(ExitCode::SUCCESS);
    };
    let Some(bench) = BENCHES.iter().find(|bench| bench.name == *name) else {
        bail!("there is no benchmark named {name}: `cargo xtask bench` lists them");
    };
    (bench.first)(root)?;
    // A bench of the product starts its programs as they stand beside each other.
    let mut build = process::cargo(root);
    build.args(["build", "--release", "-p", "atlasmesh", "-p", "agent", "--bins"]);
    process::stream(&mut build, BUILD_LIMIT)?;
    let error = process::cargo(root).args(["run", "--release"]).args(bench.command).args(&args.args).exec();
    Err(error).context("start cargo")
}

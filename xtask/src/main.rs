//! The project's own commands, so that nothing but cargo has to be installed. This file is the table of contents; every
//! command is one module.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line talks to its terminal")]

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

mod bench;
mod chaos;
mod check;
mod codegen;
mod demo;
mod lanes;
mod new_domain;
mod package;
mod page;
mod pictures;
mod process;
mod repo;
mod setup;
mod steps;
mod test;
mod tidy;
mod worlds;

use repo::Repo;

/// The project's own commands.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build the page and the product, and show a fleet at work.
    Demo(demo::Args),
    /// Check what changed since main: format, tidy, clippy, and the tests of the changed crates and their dependents.
    Check,
    /// Run every lane: set-up, format, tidy, clippy, tests, clients that others wrote, generated text, and last the demo.
    Test(test::Args),
    /// List the benchmarks, or run one in release.
    Bench(bench::Args),
    /// Kill the server and agents in the middle of trips, and check that nothing acknowledged is missing.
    Chaos(chaos::Args),
    /// Hold what the compiler cannot: layers, circles, bans, row classes, pages, lengths, words.
    Tidy,
    /// Add a domain that compiles, to be made into the one that is wanted.
    NewDomain(new_domain::Args),
    /// Write the generated parts of the documentation from the code.
    Codegen(codegen::Args),
    /// Make the Debian package, the archive and the container's folder in target/package.
    Package(package::Args),
    /// Take the pictures of the documentation anew, from the page before a live fleet.
    Pictures,
    /// Write the maps of the demo's invented sites.
    Worlds,
}

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<ExitCode> {
    let root = repo::root()?;
    match command {
        Command::Demo(args) => demo::run(&root, &args),
        Command::Check => check::run(&root),
        Command::Test(args) => test::run(&root, &args),
        Command::Bench(args) => bench::run(&root, &args),
        Command::Chaos(args) => chaos::run(&root, &args),
        Command::Tidy => tidy::run(&Repo::open(&root)?),
        Command::NewDomain(args) => new_domain::run(&root, &args),
        Command::Codegen(args) => codegen::run(&Repo::open(&root)?, &args),
        Command::Package(args) => package::run(&root, &args),
        Command::Pictures => pictures::run(&root),
        Command::Worlds => worlds::run(&root),
    }
}

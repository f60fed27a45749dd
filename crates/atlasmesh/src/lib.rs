//! `atlasmesh`: the server, and the command line as a client of its HTTP API.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod bench;
mod cli;
mod completions;
mod cosigner;
mod demo;
mod exchange;
mod print;
mod serve;
mod system_clock;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::args::{Arguments, Command};

/// Does what the command line asks. A library around the program, so that it compiles while the crates below it are still
/// being finished.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return cli::fail(&anyhow::Error::from(error).context("the runtime cannot start")),
    };
    let done = runtime.block_on(async {
        match arguments.command {
            Command::Serve(options) => serve::run(options).await,
            Command::Witness(options) => cosigner::run(options).await,
            Command::Demo(options) => demo::run(options).await,
            Command::Store(command) => serve::backup::run(command).await,
            Command::Bench(options) => bench::run(options).await,
            Command::Print(what) => print::run(what),
            Command::Completions { shell } => {
                completions::run(shell);
                Ok(())
            }
            Command::Client(command) => cli::run(command, arguments.connection).await,
        }
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => cli::fail(&error),
    }
}

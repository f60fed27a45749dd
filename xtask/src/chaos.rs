//! kill -9 of server and agents in the middle of trips, more often than the tests do it.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;

use crate::process;

#[derive(clap::Args)]
pub struct Args {
    /// How often something is killed.
    #[arg(long, default_value_t = 50)]
    kills: u32,
    /// The seed that a run printed, to repeat what it drew.
    #[arg(long)]
    seed: Option<u64>,
}

/// What one kill and its recovery may take at most, on a machine that also builds.
const KILL_LIMIT: Duration = Duration::from_secs(30);
/// Building, and the trips that are still open at the end.
const AROUND_LIMIT: Duration = Duration::from_secs(20 * 60);

pub fn run(root: &Path, args: &Args) -> Result<ExitCode> {
    let mut test = process::cargo(root);
    test.args(["test", "-p", "atlasmesh", "--test", "chaos", "--", "--nocapture"]);
    test.env("ATLASMESH_KILLS", args.kills.to_string());
    if let Some(seed) = args.seed {
        test.env("ATLASMESH_SEED", seed.to_string());
    }
    process::stream(&mut test, AROUND_LIMIT + KILL_LIMIT * args.kills)?;
    Ok(ExitCode::SUCCESS)
}

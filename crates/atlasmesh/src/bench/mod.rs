//! `atlasmesh bench NAME`: figures, each with a baseline of the same run, and one line per bar that a script can read.

mod api;
mod backlog;
mod commit;
mod evidence;
mod fill;
mod flags;
mod identity;
mod incidents;
mod load;
mod ota;
mod page;
mod start;
mod streams;
mod tenants;
mod tick;
mod trip;

use std::time::Duration;

use anyhow::{Result, bail};

use crate::cli::args::BenchOptions;
use crate::cli::output::line;

pub async fn run(options: BenchOptions) -> Result<()> {
    match options.name.as_str() {
        "api" => api::run(options.count.unwrap_or(5_000), options.filled).await,
        "backlog" => backlog::run(options.count.unwrap_or(60)).await,
        "commit" => commit::run(options.count.unwrap_or(40_000), options.filled).await,
        "evidence" => evidence::run(options.count.unwrap_or(1_000_000)).await,
        "flags" => flags::run(options.count.unwrap_or(100_000)).await,
        "identity" => identity::run(options.count.unwrap_or(2_000)).await,
        "incidents" => incidents::run(options.count.unwrap_or(100)).await,
        "ota" => ota::run(options.count.unwrap_or(1_000)).await,
        "start" => start::run(options.count.unwrap_or(60)).await,
        "tenants" => tenants::run(options.count.unwrap_or(10_000)).await,
        "trip" => trip::run(options.count.unwrap_or(50)).await,
        "page" => page::run(options.count.unwrap_or(2_000)).await,
        "policy" => bail!("policy is a bench of its crate: `cargo xtask bench policy`"),
        other => {
            bail!(
                "there is no bench {other}: api, backlog, commit, evidence, flags, identity, incidents, ota, page, policy, \
                 start, tenants or trip"
            )
        }
    }
}

/// A bar that a figure must hold.
#[derive(Debug, Clone, Copy)]
enum Bar {
    AtLeast(f64),
    AtMost(f64),
}

/// Prints `bar <bench>.<name> <value> <unit> <op> <limit> holds|short`.
fn bar(name: &str, value: f64, unit: &str, bar: Bar) {
    let (op, limit, holds) = match bar {
        Bar::AtLeast(limit) => (">=", limit, value >= limit),
        Bar::AtMost(limit) => ("<=", limit, value <= limit),
    };
    line(format!("bar {name} {value:.2} {unit} {op} {limit} {}", if holds { "holds" } else { "short" }));
}

/// The value below which a share of the durations lies, in milliseconds. Sorts them.
fn percentile_ms(durations: &mut [Duration], share: f64) -> f64 {
    durations.sort_unstable();
    let last = durations.len().saturating_sub(1);
    let at = ((last as f64) * share).round() as usize;
    durations.get(at).map_or(0.0, |duration| duration.as_secs_f64() * 1_000.0)
}

//! `atlasmesh-agent`: the vehicle agent as a process.

use std::path::PathBuf;
use std::process::ExitCode;

use agent::process::{Bootstrap, Bundle, Setup, run, run_fleet};
use agent::wear::Wearing;
use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};
use kernel::Coordinate;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// The vehicle agent of AtlasMesh Fleet OS.
#[derive(Parser)]
#[command(name = "atlasmesh-agent", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the agent of one vehicle.
    Run(RunArgs),
    /// Run many simulated vehicles in one process.
    Fleet(FleetArgs),
}

#[derive(Args)]
struct RunArgs {
    /// The vehicle's bootstrap file, as the server gave it: where to enrol, whom to trust there, and a join token.
    #[arg(long, value_name = "FILE")]
    bootstrap: PathBuf,
    /// The folder of the agent's state; it must survive restarts.
    #[arg(long, value_name = "DIR")]
    state: PathBuf,
    #[arg(long)]
    simulate: bool,
    /// Where the simulated vehicle stands at first, as lat,lon.
    #[arg(long, value_name = "LAT,LON", value_parser = coordinate, required_if_eq("simulate", "true"), allow_hyphen_values = true)]
    start: Option<Coordinate>,
    /// How much faster than the clock the simulated world runs.
    #[arg(long, default_value_t = 1.0)]
    speedup: f64,
    /// What the vehicle can do; may be given more than once.
    #[arg(long = "capability", value_name = "NAME")]
    capabilities: Vec<String>,
    /// After how many metres the simulated vehicle meets something, once, that it may not pass without a person's word.
    #[arg(long, value_name = "METRES")]
    obstacle_after_m: Option<f64>,
    /// How its components wear, as JSON: used {component: share of its life}, faster, every_ms. Without it the vehicle says
    /// nothing of its components.
    #[arg(long, value_name = "JSON", value_parser = wearing)]
    wear: Option<Wearing>,
    /// Give programs on this vehicle its identity at this Unix socket, by the SPIFFE Workload API.
    #[arg(long, value_name = "PATH")]
    workload_socket: Option<PathBuf>,
}

#[derive(Args)]
struct FleetArgs {
    /// A JSON file: speedup, vehicles [{bootstrap, start {lat, lon}, capabilities, obstacle_after_m, wear {used, faster, every_ms}}].
    #[arg(long, value_name = "FILE")]
    bundle: PathBuf,
    /// The folder of the agents' states; each vehicle gets one below it.
    #[arg(long, value_name = "DIR")]
    state: PathBuf,
}

fn coordinate(text: &str) -> Result<Coordinate, String> {
    let wrong = || "expected latitude and longitude in degrees, like -29.9533,-71.3395".to_owned();
    let (lat, lon) = text.split_once(',').ok_or_else(wrong)?;
    let number = |text: &str| text.trim().parse::<f64>().map_err(|_| wrong());
    Coordinate::new(number(lat)?, number(lon)?).map_err(|_| wrong())
}

fn wearing(text: &str) -> Result<Wearing, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

fn main() -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::try_from_env("ATLASMESH_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(agent::process::log_tail::Tee::default).init();
    match start(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn start(command: Command) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let stop = stop_signal()?;
        match command {
            Command::Run(args) => run(setup(args)?, stop).await,
            Command::Fleet(args) => {
                let read = Bundle::read(&args.bundle);
                let bundle = read.with_context(|| args.bundle.display().to_string())?;
                run_fleet(bundle, args.state, stop).await
            }
        }
    })
}

fn setup(args: RunArgs) -> anyhow::Result<Setup> {
    let start = args.start.filter(|_| args.simulate);
    let start = start.context("no driving system is built into this agent: give --simulate and --start")?;
    Ok(Setup {
        bootstrap: Bootstrap::read(&args.bootstrap).with_context(|| args.bootstrap.display().to_string())?,
        state: args.state,
        start,
        speedup: args.speedup,
        capabilities: args.capabilities,
        obstacle_after_m: args.obstacle_after_m,
        wear: args.wear,
        workload_socket: args.workload_socket,
    })
}

/// Turns true on SIGTERM or SIGINT.
fn stop_signal() -> anyhow::Result<watch::Receiver<bool>> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let (sender, receiver) = watch::channel(false);
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        // Every agent may have ended by itself.
        let _nobody_waits = sender.send(true);
    });
    Ok(receiver)
}

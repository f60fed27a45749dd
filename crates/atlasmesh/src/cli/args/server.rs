//! What serves, and what looks after what a server keeps.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use journal::NoteVerifier;

use crate::serve::witnesses::WitnessAt;

#[derive(Debug, Clone, Args)]
#[command(after_help = examples!["atlasmesh serve --data fleet-data --http 127.0.0.1:8080"])]
pub struct ServeOptions {
    /// The folder that holds everything the server keeps.
    #[arg(long, default_value = "atlasmesh-data")]
    pub data: PathBuf,
    /// Where people and programs connect. Plain HTTP: keep it on this machine or put a TLS proxy before it.
    #[arg(long, default_value = "127.0.0.1:8080")]
    pub http: String,
    /// Where vehicles connect (gRPC over TLS).
    #[arg(long, default_value = "127.0.0.1:8443")]
    pub link: String,
    /// Where vehicles enrol (EST over TLS).
    #[arg(long, default_value = "127.0.0.1:8444")]
    pub enrol: String,
    /// Where vehicles fetch software updates (HTTP over TLS).
    #[arg(long, default_value = "127.0.0.1:8445")]
    pub updates: String,
    /// Seconds between two polls for updates of a vehicle.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=86_399))]
    pub update_poll_s: u32,
    /// The SPIFFE trust domain; the first start decides it for good.
    #[arg(long, default_value = "atlasmesh.local")]
    pub trust_domain: pki::TrustDomain,
    /// Seconds for which a vehicle's certificate is good; it is renewed after half of that.
    #[arg(long, default_value_t = 3_600, value_parser = clap::value_parser!(u32).range(2..=86_400))]
    pub svid_valid_s: u32,
    /// The master key, where it is kept elsewhere than in the folder.
    #[arg(long)]
    pub master_key: Option<PathBuf>,
    /// A folder with policies instead of the shipped ones.
    #[arg(long)]
    pub policies: Option<PathBuf>,
    /// Seconds of silence after which a vehicle is OFFLINE.
    #[arg(long, default_value_t = 30)]
    pub offline_after_s: u32,
    /// Milliseconds between two samples of a vehicle.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(100..=60_000))]
    pub sample_every_ms: u32,
    /// Seconds for which a claim allows driving on without a link.
    #[arg(long, default_value_t = 120)]
    pub claim_valid_s: u32,
    /// The most mebibytes that the database may take.
    #[arg(long)]
    pub store_mib_max: Option<u64>,
    /// Requests per second of one principal; a tenant may four times that; 0 for no limit. Stops are never counted.
    #[arg(long, default_value_t = gateway::rates::PER_SECOND)]
    pub rate_limit: u32,
    /// Live streams and position feeds that one tenant may hold open.
    #[arg(long, default_value_t = gateway::streams::PER_TENANT)]
    pub streams_max: usize,
    /// A witness that is asked to cosign each head of the logs; again for each other one.
    #[arg(long, value_name = "NAME+ID+KEY@URL")]
    pub witness: Vec<WitnessAt>,
    /// A timestamping authority (RFC 3161) that dates the heads of logs that grew.
    #[arg(long, value_name = "URL")]
    pub timestamps: Option<String>,
    /// Seconds between two timestamps of a log.
    #[arg(long, default_value_t = 3_600, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub timestamps_every: u32,
}

#[derive(Debug, Clone, Args)]
#[command(after_help = examples![
    "atlasmesh witness --data witness-data --log atlasmesh.local/log/north-pit+4a1178a9+AXMwCHH0TBaOfJSd4sdQ5gwsm7j/UwAXxaJnI06ctNuO",
])]
pub struct WitnessOptions {
    /// The folder of its key and of what it has seen.
    #[arg(long, default_value = "atlasmesh-witness")]
    pub data: PathBuf,
    /// Where logs ask, and others read what was cosigned. Plain HTTP: put a TLS proxy before it.
    #[arg(long, default_value = "127.0.0.1:8090")]
    pub http: String,
    /// Its name in notes, an address without a scheme that you own.
    #[arg(long, default_value = "witness.atlasmesh.local", value_parser = witness_name)]
    pub name: String,
    /// The key of a log that it cosigns, as `GET /v1/journal/head` gives it; again for each other one.
    #[arg(long, value_name = "VKEY", required = true)]
    pub log: Vec<NoteVerifier>,
}

fn witness_name(name: &str) -> Result<String, String> {
    journal::checkpoint::check_name(name).map(|()| name.to_owned()).map_err(|error| error.to_string())
}

#[derive(Debug, Clone, Args)]
#[command(after_help = examples!["atlasmesh demo --vehicles 10", "atlasmesh demo --sector mining", "atlasmesh demo --headless --until-trips 5"])]
pub struct DemoOptions {
    /// Without a live view: one line per event that matters.
    #[arg(long)]
    pub headless: bool,
    /// Which world it plays: a mine, a port (logistics), a city (ride-hail, as without it) or a range (defense).
    #[arg(long)]
    pub sector: Option<kernel::Sector>,
    /// Begin the page with a walk through its screens, and open it where this machine has a browser for that.
    #[arg(long)]
    pub tour: bool,
    /// End when this many trips are done and verified.
    #[arg(long)]
    pub until_trips: Option<usize>,
    #[arg(long, default_value_t = 30)]
    pub vehicles: usize,
    /// How many times faster than the real ones they drive.
    #[arg(long, default_value_t = 20.0)]
    pub speedup: f64,
    /// Where the demo keeps its state; a folder of its own that goes away without it.
    #[arg(long)]
    pub data: Option<PathBuf>,
}

#[derive(Debug, Clone, Subcommand)]
pub enum StoreCommand {
    /// Copy everything that the server keeps into a new folder, while the server runs, but for the master key, which opens
    /// the keys: keep that apart.
    #[command(after_help = examples!["atlasmesh store backup --data atlasmesh-data --to copy"])]
    Backup {
        /// The server's data folder.
        #[arg(long)]
        data: PathBuf,
        /// The folder of the copy, which is made.
        #[arg(long)]
        to: PathBuf,
    },
    /// Accept that logs of a stopped server are not what was seen of them, after an older state was put back on purpose.
    #[command(after_help = examples![
        r#"atlasmesh store accept --data atlasmesh-data --reason "the disk was restored from Monday""#,
    ])]
    Accept {
        /// The server's data folder.
        #[arg(long)]
        data: PathBuf,
        #[arg(long)]
        reason: String,
        /// The master key, where it is kept elsewhere than in the folder.
        #[arg(long)]
        master_key: Option<PathBuf>,
    },
}

#[derive(Debug, Clone, Args)]
#[command(after_help = examples!["atlasmesh bench commit --count 10"])]
pub struct BenchOptions {
    /// Which bench: api, backlog, commit, evidence, flags, identity, incidents, ota, page, start, tenants or trip.
    pub name: String,
    /// How many different trips, seconds, commands, evaluations, vehicles, people, minutes of driving, tenants or trips.
    #[arg(long)]
    pub count: Option<usize>,
    /// Again with what a year leaves in the store: 200,000 ended trips, 5,000 vehicles, 1,000,000 commands.
    #[arg(long)]
    pub filled: bool,
}

#[derive(Debug, Clone, Args)]
#[command(after_help = examples!["atlasmesh print openapi"])]
pub struct PrintOptions {
    /// What to print: states, events, operations, roles, shapes, serve-options or openapi.
    pub what: String,
}

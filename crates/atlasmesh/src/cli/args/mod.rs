//! What can be typed.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Parser, Subcommand};
use serde::Serialize;

/// What `--help` shows below the options of a command.
macro_rules! examples {
    ($($line:literal),+ $(,)?) => { concat!("Examples:" $(, "\n  ", $line)+) };
}

mod evidence;
mod fleet;
mod garage;
mod maintenance;
mod ota;
mod people;
mod policy;
mod sector;
mod sectors;
mod security;
mod server;
mod work;

pub use evidence::EvidenceCommand;
pub use fleet::{SiteCommand, VehicleCommand};
pub use garage::{GarageCommand, KeyCommand, KeyPurpose};
pub use maintenance::{Class, Closing, MaintenanceCommand, RequestOptions};
pub use ota::{OtaCommand, PlanOptions, ReleaseOptions, UpdateEvidenceCommand};
pub use people::{ApprovalCommand, PrincipalCommand, TenantCommand, UserCommand};
pub use policy::PolicyCommand;
pub use sector::{FlagCommand, SectorCommand, SubscriptionCommand};
pub use sectors::{AreaCommand, BlastCommand, ClearanceCommand, EmissionCommand, JobCommand, PlaceCommand};
pub use security::{SecurityCommand, Severity};
pub use server::{BenchOptions, DemoOptions, PrintOptions, ServeOptions, StoreCommand, WitnessOptions};
pub use work::{AssistCommand, StandingCommand, TripCommand};

/// Control plane of an autonomous-vehicle fleet.
#[derive(Debug, Parser)]
#[command(name = "atlasmesh", version, propagate_version = true)]
pub struct Arguments {
    #[command(flatten)]
    pub connection: Connection,
    #[command(subcommand)]
    pub command: Command,
}

/// How the command line reaches a server.
#[derive(Debug, Clone, Args)]
pub struct Connection {
    /// The server's address.
    #[arg(long, global = true, env = "ATLASMESH_URL", default_value = "http://127.0.0.1:8080")]
    pub url: String,
    /// A program's token; without one the session of `login` is used.
    #[arg(long, global = true, env = "ATLASMESH_TOKEN", hide_env_values = true)]
    pub token: Option<String>,
    /// Print JSON for programs instead of text for people.
    #[arg(long, global = true)]
    pub json: bool,
}

/// How much of a list is printed.
#[derive(Debug, Clone, Copy, Args)]
pub struct Most {
    /// Print at most so many.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..))]
    pub limit: u64,
}

/// A place as people type it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Place {
    lat: f64,
    lon: f64,
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let degrees = |part: &str| part.trim().parse().ok().filter(|degrees: &f64| degrees.is_finite());
        let both = text.split_once(',').and_then(|(lat, lon)| Some(Self { lat: degrees(lat)?, lon: degrees(lon)? }));
        both.ok_or_else(|| "a place is latitude,longitude in degrees, e.g. -29.95,-71.34".into())
    }
}

#[derive(Debug, Subcommand)]
pub enum Command {
    Serve(ServeOptions),
    /// Cosign the heads of others' logs that go on from what was seen of them: run it where the log's operator cannot reach it.
    Witness(WitnessOptions),
    /// Run a whole simulated fleet on real streets.
    Demo(DemoOptions),
    /// What a server keeps on its disk.
    #[command(subcommand)]
    Store(StoreCommand),
    Bench(BenchOptions),
    /// Print what the documentation is generated from.
    Print(PrintOptions),
    /// Print what makes a shell complete commands and options.
    #[command(after_help = examples![
        "atlasmesh completions bash > ~/.local/share/bash-completion/completions/atlasmesh",
        "atlasmesh completions zsh > ~/.zfunc/_atlasmesh",
        "atlasmesh completions fish > ~/.config/fish/completions/atlasmesh.fish",
    ])]
    Completions {
        shell: Shell,
    },
    #[command(flatten)]
    Client(ClientCommand),
}

/// A shell that completes what is typed.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub enum Shell {
    Bash,
    Zsh,
    Fish,
}

#[derive(Debug, Subcommand)]
pub enum ClientCommand {
    #[command(subcommand)]
    Tenant(TenantCommand),
    /// People and programs that act for the tenant.
    #[command(subcommand)]
    Principals(PrincipalCommand),
    /// Sign in as a person; the session is kept in your configuration folder until `logout` or its end.
    #[command(after_help = examples!["atlasmesh login --tenant north-pit --email ana@mine.example"])]
    Login {
        /// The organisation.
        #[arg(long)]
        tenant: String,
        #[arg(long)]
        email: String,
    },
    /// End the session of `login`.
    #[command(after_help = examples!["atlasmesh logout"])]
    Logout,
    /// Who I am to the server, and in which role.
    #[command(after_help = examples!["atlasmesh whoami"])]
    Whoami,
    /// Who may do what: every operation of the API and the roles that may call it.
    #[command(after_help = examples!["atlasmesh roles", "atlasmesh roles --role dispatcher"])]
    Roles {
        /// Only what this role may do.
        #[arg(long)]
        role: Option<String>,
    },
    /// A vehicle's way into the fleet and out of it: register, enrol, revoke, decommission.
    #[command(subcommand)]
    Garage(GarageCommand),
    /// The keys of the installation, by the platform's administrator.
    #[command(subcommand)]
    Keys(KeyCommand),
    /// Software updates: releases, rollouts, what vehicles run, and the evidence of it.
    #[command(subcommand)]
    Ota(OtaCommand),
    /// Maintenance: the health of vehicles, work orders, the workshop, and models.
    #[command(subcommand)]
    Maintenance(MaintenanceCommand),
    /// Evidence and compliance: clauses, bundles, reports, issues, legal holds, and the authority's side.
    #[command(subcommand)]
    Evidence(Box<EvidenceCommand>),
    /// Security: incidents, detections, and who is on call.
    #[command(subcommand)]
    Security(SecurityCommand),
    /// The rules that every decision is made by: write, test, replay and activate rules of your own.
    #[command(subcommand)]
    Policy(Box<PolicyCommand>),
    /// The sector in force: rules, words, features; preview another, put it in force, take it back.
    #[command(subcommand)]
    Sector(SectorCommand),
    /// What the tenant subscribed to.
    #[command(subcommand)]
    Subscription(SubscriptionCommand),
    /// Feature flags of the sector in force.
    #[command(subcommand)]
    Flags(FlagCommand),
    /// People who sign in: invite, list, change roles, reset, disable.
    #[command(subcommand)]
    Users(UserCommand),
    /// What waits for a second person: list, approve, reject.
    #[command(subcommand)]
    Approvals(ApprovalCommand),
    #[command(subcommand)]
    Site(SiteCommand),
    /// Places of a site: load faces, dumps, gates, blocks, pick-up places.
    #[command(subcommand)]
    Place(PlaceCommand),
    /// Blasts of a mine: announce, clear, guard, fire, examine, release.
    #[command(subcommand)]
    Blast(BlastCommand),
    /// Jobs of a yard: ask for one, release it at the gate, call it off.
    #[command(subcommand)]
    Job(JobCommand),
    /// Service areas of a city, with their hours.
    #[command(subcommand)]
    Area(AreaCommand),
    /// The emission state of sites: tighter at once, looser by two people.
    #[command(subcommand)]
    Emission(EmissionCommand),
    /// Clearances of people and vehicles.
    #[command(subcommand)]
    Clearance(ClearanceCommand),
    /// Vehicles: register, list, hold, stop.
    #[command(subcommand)]
    Vehicles(VehicleCommand),
    /// Trips: ask for one, follow it, find out why.
    #[command(subcommand)]
    Trips(TripCommand),
    /// Standing orders: the same trip again and again, until a quantity is moved.
    #[command(subcommand)]
    Standing(StandingCommand),
    /// Vehicles that need a person: see who asks, take a request, answer it.
    #[command(subcommand)]
    Assist(AssistCommand),
    /// Any operation of the API, by its name: without one they are listed.
    #[command(disable_help_flag = true, after_help = examples![
        "atlasmesh call get_v1_trips --status WAITING",
        "atlasmesh call get_v1_trips --help",
    ])]
    Call {
        /// Its name, e.g. post_v1_trips, and its fields, e.g. `--trip trip_… --reason rain --origin.lat -29.9`; with
        /// `--help` behind the name, what it takes.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "OPERATION [--FIELD VALUE]")]
        words: Vec<String>,
    },
    /// Entries of the journal, oldest first.
    Journal(JournalOptions),
    /// Check the whole journal: hashes, chains, signatures, and with --replay every row against it.
    Verify(VerifyOptions),
}

#[derive(Debug, Clone, Args)]
#[command(after_help = examples![
    "atlasmesh journal --from 1200 --limit 50",
    "atlasmesh journal --about vehicle/taxi-07",
])]
pub struct JournalOptions {
    /// The position of the first one.
    #[arg(long, default_value_t = 0)]
    pub from: u64,
    #[command(flatten)]
    pub most: Most,
    /// Only entries about this subject, e.g. vehicle/taxi-07 or trip/x7k2mq.
    #[arg(long)]
    pub about: Option<String>,
}

#[derive(Debug, Clone, Args)]
#[command(after_help = examples![
    "atlasmesh verify --replay",
    "atlasmesh verify --replay --data copy --master-key master.key",
])]
pub struct VerifyOptions {
    /// Verify a stopped server's data folder instead of asking a running server.
    #[arg(long)]
    pub data: Option<PathBuf>,
    /// The master key, where it is kept elsewhere than in the folder.
    #[arg(long, requires = "data")]
    pub master_key: Option<PathBuf>,
    /// Also fold the journal and compare every row of state with it.
    #[arg(long)]
    pub replay: bool,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    /// The words of a line as a shell has them.
    fn words(line: &str) -> Vec<String> {
        let typed = line.split(" > ").next().unwrap();
        let pieces = typed.split('"').enumerate();
        let words = pieces.flat_map(|(n, piece)| match n % 2 {
            0 => piece.split_whitespace().map(str::to_owned).collect(),
            _ => vec![piece.to_owned()],
        });
        words.collect()
    }

    fn examples_of(command: &clap::Command, path: &str, found: &mut Vec<(String, String)>) {
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        let lines = help.lines().filter_map(|line| line.strip_prefix("  "));
        found.extend(lines.map(|line| (path.to_owned(), line.to_owned())));
        if command.has_subcommands() {
            command.get_subcommands().for_each(|one| examples_of(one, &format!("{path} {}", one.get_name()), found));
        } else {
            assert!(help.starts_with("Examples:"), "{path} has no example");
        }
    }

    #[test]
    fn every_command_has_examples_that_can_be_typed() {
        let mut found = Vec::new();
        examples_of(&Arguments::command(), "atlasmesh", &mut found);
        for (path, line) in found {
            assert!(line.starts_with(&path), "{line} is no example of {path}");
            if let Err(error) = Arguments::try_parse_from(words(&line)) {
                panic!("{line}: {error}");
            }
        }
    }

    #[test]
    fn what_is_no_place_is_named_once() {
        assert_eq!("-29.95, -71.34".parse(), Ok(Place { lat: -29.95, lon: -71.34 }));
        for wrong in ["here", "1,", "1;2", "nan,2", "1,2,3"] {
            let typed = format!("--from={wrong}");
            let line = ["atlasmesh", "trips", "create", "--site", "a", &typed, "--to=1,2"];
            let told = Arguments::try_parse_from(line).unwrap_err().to_string();
            assert_eq!(told.matches("--from").count(), 1, "{told}");
        }
    }
}

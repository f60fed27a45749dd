//! What can be typed.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

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
    #[arg(long, global = true, env = "ATLASMESH_TOKEN", hide_env_values = true)]
    pub token: Option<String>,
    /// Print JSON for programs instead of text for people.
    #[arg(long, global = true)]
    pub json: bool,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    Serve(ServeOptions),
    /// Run a whole simulated fleet on real streets.
    Demo(DemoOptions),
    /// What a server keeps on its disk.
    #[command(subcommand)]
    Store(StoreCommand),
    /// The rules that every decision is made by.
    #[command(subcommand)]
    Policy(PolicyCommand),
    Bench(BenchOptions),
    /// Print what the documentation is generated from.
    Print(PrintOptions),
    #[command(flatten)]
    Client(ClientCommand),
}

#[derive(Debug, Clone, Args)]
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
    /// The master key, where it is kept elsewhere than in the folder.
    #[arg(long)]
    pub master_key: Option<PathBuf>,
    /// A folder with policies instead of the shipped ones.
    #[arg(long)]
    pub policies: Option<PathBuf>,
    /// Seconds of silence after which a vehicle is OFFLINE.
    #[arg(long, default_value_t = 30)]
    pub offline_after_s: u32,
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
}

#[derive(Debug, Clone, Args)]
pub struct DemoOptions {
    /// Without a live view: one line per event that matters.
    #[arg(long)]
    pub headless: bool,
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
    Backup {
        /// The server's data folder.
        #[arg(long)]
        data: PathBuf,
        /// The folder of the copy, which is made.
        #[arg(long)]
        to: PathBuf,
    },
    /// Accept that logs of a stopped server are not what was seen of them, after an older state was put back on purpose.
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

#[derive(Debug, Clone, Subcommand)]
pub enum PolicyCommand {
    /// Write the shipped policies into a new folder, to change them and serve with `--policies`.
    Export { folder: PathBuf },
}

#[derive(Debug, Clone, Args)]
pub struct BenchOptions {
    /// Which bench: api, backlog, commit, page, start or trip.
    pub name: String,
    /// How many different trips, seconds, commands, vehicles, minutes of driving or trips.
    #[arg(long)]
    pub count: Option<usize>,
    /// Again with what a year leaves in the store: 200,000 ended trips, 5,000 vehicles, 1,000,000 commands.
    #[arg(long)]
    pub filled: bool,
}

#[derive(Debug, Clone, Args)]
pub struct PrintOptions {
    /// What to print: states, events, operations, roles, shapes, serve-options or openapi.
    pub what: String,
}

#[derive(Debug, Subcommand)]
pub enum ClientCommand {
    #[command(subcommand)]
    Tenant(TenantCommand),
    /// People and programs that act for the tenant.
    #[command(subcommand)]
    Principals(PrincipalCommand),
    /// Sign in as a person; the session is kept in your configuration folder until `logout` or its end.
    Login {
        /// The organisation.
        #[arg(long)]
        tenant: String,
        #[arg(long)]
        email: String,
    },
    /// End the session of `login`.
    Logout,
    /// Who I am to the server, and in which role.
    Whoami,
    /// People who sign in: invite, list, change roles, reset, disable.
    #[command(subcommand)]
    Users(UserCommand),
    /// What waits for a second person: list, approve, reject.
    #[command(subcommand)]
    Approvals(ApprovalCommand),
    #[command(subcommand)]
    Site(SiteCommand),
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
    #[command(disable_help_flag = true)]
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

#[derive(Debug, Subcommand)]
pub enum TenantCommand {
    /// Make a tenant and print its administrator's token, once.
    Create {
        /// The tenant's name, e.g. north-pit.
        name: String,
        #[arg(long)]
        sector: String,
        /// Its vehicles are real; without it they are simulated. Never both in one tenant.
        #[arg(long)]
        real_vehicles: bool,
    },
    List,
}

#[derive(Debug, Subcommand)]
pub enum PrincipalCommand {
    /// Make a principal and print its token, once.
    Create {
        /// administrator, dispatcher, safety_officer, technician, auditor or viewer.
        #[arg(long)]
        role: String,
        /// What it is there for; the journal keeps it for ever.
        #[arg(long)]
        name: String,
    },
    List,
    /// End a principal's access, at once and for good.
    Revoke {
        /// The principal's id.
        principal: String,
    },
}

#[derive(Debug, Subcommand)]
pub enum UserCommand {
    /// Invite a person and print the one-time link, once.
    Add {
        #[arg(long)]
        name: String,
        #[arg(long)]
        email: String,
        /// administrator, dispatcher, safety_officer, technician, security_analyst, auditor, viewer or regulator; may be
        /// given again.
        #[arg(long = "role", required = true)]
        roles: Vec<String>,
    },
    List,
    /// Give a user other roles, from the next request on.
    Roles {
        /// The user's id.
        user: String,
        #[arg(long = "role", required = true)]
        roles: Vec<String>,
    },
    /// Print a one-time link for another password; sessions end.
    Reset {
        /// The user's id.
        user: String,
    },
    /// End a user's access, at once and for good.
    Disable {
        /// The user's id.
        user: String,
    },
}

#[derive(Debug, Subcommand)]
pub enum ApprovalCommand {
    /// Ask for the release of a hold that another placed.
    Release {
        /// The vehicle's id.
        vehicle: String,
        /// The hold's id.
        hold: String,
        #[arg(long)]
        reason: String,
    },
    List {
        /// Those that were decided too.
        #[arg(long)]
        all: bool,
    },
    Approve {
        /// The approval's id.
        approval: String,
        #[arg(long)]
        reason: String,
    },
    Reject {
        /// The approval's id.
        approval: String,
        #[arg(long)]
        reason: String,
    },
}

#[derive(Debug, Subcommand)]
pub enum SiteCommand {
    /// Import a road network: an OpenStreetMap extract, or nodes and links as CSV (plain or gzip).
    Import {
        /// The site's name, e.g. coquimbo.
        site: String,
        /// An `.osm.pbf` extract.
        #[arg(long, conflicts_with_all = ["nodes", "links"])]
        osm: Option<PathBuf>,
        #[arg(long, requires = "links")]
        nodes: Option<PathBuf>,
        #[arg(long, requires = "nodes")]
        links: Option<PathBuf>,
        #[arg(long)]
        turns: Option<PathBuf>,
        /// Links where a vehicle must not stop, as CSV.
        #[arg(long)]
        no_stop: Option<PathBuf>,
    },
    List,
    /// Show a site: its map, zones and closures.
    Show {
        /// The site's name.
        site: String,
    },
    /// Close the roads inside a polygon.
    Close {
        /// The site's name.
        site: String,
        /// A corner; given three times or more.
        #[arg(long = "corner", required = true, value_name = "LAT,LON", allow_hyphen_values = true)]
        corners: Vec<String>,
        #[arg(long, default_value = "no_entry")]
        class: String,
        #[arg(long)]
        reason: String,
        /// From when on (RFC 3339); without it now.
        #[arg(long)]
        from: Option<String>,
        /// Until when (RFC 3339); without it until it is lifted.
        #[arg(long)]
        until: Option<String>,
    },
    /// Find the route that a trip would have: length, time, what bound it, or why there is none.
    Route {
        /// The site's name.
        site: String,
        #[arg(long, value_name = "LAT,LON", allow_hyphen_values = true)]
        from: String,
        #[arg(long, value_name = "LAT,LON", allow_hyphen_values = true)]
        to: String,
        /// A stop between, in order; may be given again.
        #[arg(long = "via", value_name = "LAT,LON", allow_hyphen_values = true)]
        via: Vec<String>,
        #[arg(long, default_value = "passenger")]
        kind: String,
        /// Under this vehicle's limits, and from where it is.
        #[arg(long)]
        vehicle: Option<String>,
    },
    /// List a site's closures and zones, and the vehicles on which each is in force.
    Closures {
        /// The site's name.
        site: String,
    },
    Lift {
        /// The site's name.
        site: String,
        /// The closure's or zone's id.
        restriction: String,
    },
}

#[derive(Debug, Subcommand)]
pub enum VehicleCommand {
    /// Register a vehicle and print its secret, once.
    Register {
        /// A JSON file with the profile, or - for standard input.
        #[arg(long)]
        profile: PathBuf,
    },
    List,
    Show {
        /// The vehicle's id.
        vehicle: String,
    },
    /// Stop a vehicle. Needs no policy decision and is carried out even if the store cannot commit.
    Stop {
        /// The vehicle's id.
        vehicle: String,
        #[arg(long, default_value = "nearest_admissible")]
        class: String,
        #[arg(long)]
        reason: String,
    },
    /// Clear a stop. The vehicle stays where it is until it is dispatched again.
    Clear {
        /// The vehicle's id.
        vehicle: String,
        /// The stop's id, as `stop` printed it.
        stop: String,
    },
    /// Place a hold: the vehicle is not dispatched until it is released.
    Hold {
        /// The vehicle's id.
        vehicle: String,
        /// grounded, lockout, pre_start_check, update, quarantine or cleaning.
        #[arg(long, default_value = "grounded")]
        kind: String,
        #[arg(long, default_value = "after_trip")]
        timing: String,
        #[arg(long)]
        reason: String,
    },
    /// Release a hold that you placed.
    Release {
        /// The vehicle's id.
        vehicle: String,
        /// The hold's id.
        hold: String,
    },
}

#[derive(Debug, Subcommand)]
pub enum TripCommand {
    Create {
        #[arg(long)]
        site: String,
        #[arg(long, allow_hyphen_values = true)]
        from: String,
        #[arg(long, allow_hyphen_values = true)]
        to: String,
        /// passenger, delivery, haul, charge, depot, reposition, maintenance or recovery.
        #[arg(long, default_value = "passenger")]
        kind: String,
        #[arg(long, default_value_t = 0)]
        passengers: u32,
        /// Payload in kilograms.
        #[arg(long, default_value_t = 0.0)]
        payload_kg: f64,
        /// A capability that the vehicle must have; may be repeated.
        #[arg(long = "capability")]
        capabilities: Vec<String>,
        /// Do this once, however often it is sent under the same key.
        #[arg(long)]
        idempotency_key: Option<String>,
    },
    List {
        #[arg(long)]
        status: Option<String>,
        #[arg(long, default_value_t = 20)]
        limit: usize,
    },
    Show {
        /// The trip's id.
        trip: String,
    },
    /// Follow a trip until it ends.
    Watch {
        /// The trip's id.
        trip: String,
    },
    /// Tell a trip's story from the journal: each step, and the decision behind it.
    Why {
        /// The trip's id.
        trip: String,
    },
    Cancel {
        /// The trip's id.
        trip: String,
        #[arg(long)]
        reason: String,
    },
    /// Let a trip's standing vehicle go on. Policy is asked, and the vehicle may refuse.
    Resume {
        /// The trip's id.
        trip: String,
        #[arg(long)]
        reason: String,
    },
    /// Say that a trip cannot be done: people looked after what its vehicle carries.
    Fail {
        /// The trip's id.
        trip: String,
        #[arg(long)]
        reason: String,
    },
}

#[derive(Debug, Subcommand)]
pub enum StandingCommand {
    Open {
        #[arg(long)]
        site: String,
        #[arg(long, allow_hyphen_values = true)]
        from: String,
        #[arg(long, allow_hyphen_values = true)]
        to: String,
        /// passenger, delivery, haul, charge, depot, reposition, maintenance or recovery.
        #[arg(long, default_value = "haul")]
        kind: String,
        /// One full load in kilograms.
        #[arg(long, default_value_t = 0.0)]
        payload_kg: f64,
        /// Done when so many kilograms are moved.
        #[arg(long, conflicts_with = "trips", required_unless_present = "trips")]
        quantity_kg: Option<f64>,
        /// Done when so many trips are.
        #[arg(long)]
        trips: Option<u64>,
        /// At most so many trips at once.
        #[arg(long, default_value_t = 1)]
        at_once: u64,
    },
    List,
    Show {
        /// The order's id.
        standing: String,
    },
    /// Call a standing order off; its trips under way go on.
    Cancel {
        /// The order's id.
        standing: String,
        #[arg(long)]
        reason: String,
    },
}

#[derive(Debug, Subcommand)]
pub enum AssistCommand {
    /// List requests that need somebody, newest first.
    List {
        #[arg(long)]
        all: bool,
    },
    Show {
        /// The request's id.
        assistance: String,
    },
    /// Take a request for five minutes, or renew the lease.
    Take {
        /// The request's id.
        assistance: String,
    },
    HandBack {
        /// The request's id.
        assistance: String,
        /// The lease's number, as `take` printed it.
        #[arg(long)]
        lease: u64,
    },
    /// Answer a request that you took.
    Answer {
        /// The request's id.
        assistance: String,
        /// wait, proceed, choose_path, stop or send_crew.
        answer: String,
        /// The lease's number, as `take` printed it.
        #[arg(long)]
        lease: u64,
        #[arg(long)]
        reason: String,
        /// With choose_path: a place that the way leads by; may be repeated.
        #[arg(long = "via", value_name = "LAT,LON", allow_hyphen_values = true)]
        via: Vec<String>,
    },
}

#[derive(Debug, Clone, Args)]
pub struct JournalOptions {
    #[arg(long, default_value_t = 0)]
    pub from: u64,
    #[arg(long, default_value_t = 100)]
    pub limit: usize,
    /// Only entries about this subject, e.g. vehicle/veh_….
    #[arg(long)]
    pub about: Option<String>,
}

#[derive(Debug, Clone, Args)]
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

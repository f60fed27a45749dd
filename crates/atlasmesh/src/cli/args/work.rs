//! Trips, standing orders, requests for assistance.

use clap::Subcommand;

use super::{Most, Place};

#[derive(Debug, Subcommand)]
pub enum TripCommand {
    #[command(after_help = examples![
        "atlasmesh trips create --site coquimbo --from=-29.9533,-71.3395 --to=-29.9078,-71.2542 --passengers 1",
    ])]
    Create {
        #[arg(long)]
        site: String,
        #[arg(long, value_name = "LAT,LON", allow_hyphen_values = true)]
        from: Place,
        #[arg(long, value_name = "LAT,LON", allow_hyphen_values = true)]
        to: Place,
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
    #[command(after_help = examples![
        "atlasmesh trips list --status WAITING",
        "atlasmesh trips list --vehicle taxi-07 --limit 20",
    ])]
    List {
        #[command(flatten)]
        most: Most,
        /// Only those in this state, e.g. WAITING or COMPLETED.
        #[arg(long)]
        status: Option<String>,
        /// Only those of this vehicle, by name or id.
        #[arg(long)]
        vehicle: Option<String>,
    },
    #[command(after_help = examples!["atlasmesh trips show x7k2mq"])]
    Show {
        /// The trip's id, or the end of it that `trips list` prints.
        trip: String,
    },
    /// Follow a trip until it ends.
    #[command(after_help = examples!["atlasmesh trips watch x7k2mq"])]
    Watch {
        /// The trip's id, or the end of it that `trips list` prints.
        trip: String,
    },
    /// Tell a trip's story from the journal: each step, and the decision behind it.
    #[command(after_help = examples!["atlasmesh trips why x7k2mq"])]
    Why {
        /// The trip's id, or the end of it that `trips list` prints.
        trip: String,
    },
    #[command(after_help = examples![r#"atlasmesh trips cancel x7k2mq --reason "changed my mind""#])]
    Cancel {
        /// The trip's id, or the end of it that `trips list` prints.
        trip: String,
        #[arg(long)]
        reason: String,
    },
    /// Let a trip's standing vehicle go on. Policy is asked, and the vehicle may refuse.
    #[command(after_help = examples![r#"atlasmesh trips resume x7k2mq --reason "the road is open""#])]
    Resume {
        /// The trip's id, or the end of it that `trips list` prints.
        trip: String,
        #[arg(long)]
        reason: String,
    },
    /// Say that a trip cannot be done: people looked after what its vehicle carries.
    #[command(after_help = examples![r#"atlasmesh trips fail x7k2mq --reason "the load was taken off""#])]
    Fail {
        /// The trip's id, or the end of it that `trips list` prints.
        trip: String,
        #[arg(long)]
        reason: String,
    },
}

#[derive(Debug, Subcommand)]
pub enum StandingCommand {
    #[command(after_help = examples![
        "atlasmesh standing open --site pit-1 --from=-29.95,-71.34 --to=-29.91,-71.25 --payload-kg 90000 --quantity-kg 5000000",
    ])]
    Open {
        #[arg(long)]
        site: String,
        #[arg(long, value_name = "LAT,LON", allow_hyphen_values = true)]
        from: Place,
        #[arg(long, value_name = "LAT,LON", allow_hyphen_values = true)]
        to: Place,
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
    #[command(after_help = examples!["atlasmesh standing list"])]
    List(Most),
    #[command(after_help = examples!["atlasmesh standing show stand_01k…"])]
    Show {
        /// The order's id.
        standing: String,
    },
    /// Call a standing order off; its trips under way go on.
    #[command(after_help = examples![r#"atlasmesh standing cancel stand_01k… --reason "the face is done""#])]
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
    #[command(after_help = examples!["atlasmesh assist list", "atlasmesh assist list --all --limit 500"])]
    List {
        #[command(flatten)]
        most: Most,
        /// Those that need nobody any more too.
        #[arg(long)]
        all: bool,
    },
    #[command(after_help = examples!["atlasmesh assist show assist_01k…"])]
    Show {
        /// The request's id.
        assistance: String,
    },
    /// Take a request for five minutes, or renew the lease.
    #[command(after_help = examples!["atlasmesh assist take assist_01k…"])]
    Take {
        /// The request's id.
        assistance: String,
    },
    #[command(after_help = examples!["atlasmesh assist hand-back assist_01k… --lease 1"])]
    HandBack {
        /// The request's id.
        assistance: String,
        /// The lease's number, as `take` printed it.
        #[arg(long)]
        lease: u64,
    },
    /// Answer a request that you took.
    #[command(after_help = examples![
        r#"atlasmesh assist answer assist_01k… proceed --lease 1 --reason "there is room""#,
        r#"atlasmesh assist answer assist_01k… choose_path --via=-29.95,-71.34 --lease 1 --reason "around the block""#,
    ])]
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
        via: Vec<Place>,
    },
}

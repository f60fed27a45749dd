//! Maintenance: the health of vehicles, work orders, the workshop, and models.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::Most;

/// A kind of component.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Class {
    BrakePads,
    Tyre,
    WheelBearing,
    TractionBattery,
    CoolantPump,
    AirCompressor,
}

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Closing {
    FaultFound,
    WornReplaced,
    SoundReplaced,
    NoFaultFound,
    Adjusted,
}

#[derive(Debug, Args)]
pub struct RequestOptions {
    /// The vehicle's name or id.
    pub vehicle: String,
    /// Such as brake-front-left.
    pub component: String,
    #[arg(long, value_enum)]
    pub class: Class,
    /// What is to be done and why.
    #[arg(long)]
    pub summary: String,
    /// low, medium, high or critical.
    #[arg(long, default_value = "medium")]
    pub priority: String,
}

#[derive(Debug, Subcommand)]
pub enum MaintenanceCommand {
    /// How the components of all vehicles are, the most urgent first; or of one vehicle, with the reasons.
    #[command(after_help = examples!["atlasmesh maintenance health", "atlasmesh maintenance health taxi-07"])]
    Health {
        /// The vehicle's name or id.
        vehicle: Option<String>,
    },
    /// List work orders, the newest first.
    #[command(after_help = examples!["atlasmesh maintenance orders", "atlasmesh maintenance orders --vehicle taxi-07"])]
    Orders {
        /// Only of this vehicle.
        #[arg(long)]
        vehicle: Option<String>,
        #[command(flatten)]
        most: Most,
    },
    /// Show a work order, with its slot and its checklist.
    #[command(after_help = examples!["atlasmesh maintenance order 8zq4k1"])]
    Order {
        /// The order's id, or the end of it.
        order: String,
    },
    /// Ask the workshop for work on a component.
    #[command(after_help = examples![
        r#"atlasmesh maintenance request taxi-07 coolant-pump --class coolant_pump --summary "it whistles""#,
    ])]
    Request(RequestOptions),
    /// Let the workshop plan a work order.
    #[command(after_help = examples!["atlasmesh maintenance approve 8zq4k1"])]
    Approve {
        /// The order's id, or the end of it.
        order: String,
    },
    /// Begin the work.
    #[command(after_help = examples!["atlasmesh maintenance start 8zq4k1"])]
    Start {
        /// The order's id, or the end of it.
        order: String,
    },
    /// Let the work wait.
    #[command(after_help = examples![r#"atlasmesh maintenance hold 8zq4k1 --reason "the part is not here""#])]
    Hold {
        /// The order's id, or the end of it.
        order: String,
        #[arg(long)]
        reason: String,
    },
    /// Go on with work that waited.
    #[command(after_help = examples!["atlasmesh maintenance resume 8zq4k1"])]
    Resume {
        /// The order's id, or the end of it.
        order: String,
    },
    /// Tick a step of the checklist, counted from 1; all of them without a number.
    #[command(after_help = examples!["atlasmesh maintenance tick 8zq4k1 2", "atlasmesh maintenance tick 8zq4k1"])]
    Tick {
        /// The order's id, or the end of it.
        order: String,
        step: Option<u32>,
    },
    /// The work is done; the closing code says what was found.
    #[command(after_help = examples!["atlasmesh maintenance complete 8zq4k1 --closing worn_replaced"])]
    Complete {
        /// The order's id, or the end of it.
        order: String,
        #[arg(long, value_enum)]
        closing: Closing,
        #[arg(long)]
        notes: Option<String>,
    },
    /// Check the work of another.
    #[command(after_help = examples!["atlasmesh maintenance verify 8zq4k1"])]
    Verify {
        /// The order's id, or the end of it.
        order: String,
    },
    /// The work was not good enough: it goes on.
    #[command(after_help = examples![r#"atlasmesh maintenance reopen 8zq4k1 --reason "the pads squeal""#])]
    Reopen {
        /// The order's id, or the end of it.
        order: String,
        #[arg(long)]
        reason: String,
    },
    /// Return the vehicle to service, in person.
    #[command(after_help = examples!["atlasmesh maintenance return 8zq4k1"])]
    Return {
        /// The order's id, or the end of it.
        order: String,
    },
    /// Cancel a work order that nobody works on.
    #[command(after_help = examples![r#"atlasmesh maintenance cancel 8zq4k1 --reason "asked for twice""#])]
    Cancel {
        /// The order's id, or the end of it.
        order: String,
        #[arg(long)]
        reason: String,
    },
    /// Ground a vehicle that is predicted to fail, where a rule may not do it by itself.
    #[command(after_help = examples!["atlasmesh maintenance ground taxi-07"])]
    Ground {
        /// The vehicle's name or id.
        vehicle: String,
    },
    /// What the workshop has; with a file, say it: bays, technicians, utilisation, vehicles_needed.
    #[command(after_help = examples!["atlasmesh maintenance workshop", "atlasmesh maintenance workshop --set workshop.json"])]
    Workshop {
        #[arg(long, value_name = "FILE")]
        set: Option<PathBuf>,
    },
    /// The models of every component class: errors, calibration, drift, and which version decides.
    #[command(after_help = examples!["atlasmesh maintenance models", "atlasmesh maintenance models brake_pads"])]
    Models {
        #[arg(value_enum)]
        class: Option<Class>,
    },
    /// Import the lives of parts for models to learn from: CSV with part, label, end_usage, at_ms, usage and the signals.
    #[command(after_help = examples!["atlasmesh maintenance import brake_pads lives.csv"])]
    Import {
        #[arg(value_enum)]
        class: Class,
        file: PathBuf,
    },
    /// Write the lives of simulated parts as such a file, to try models with.
    #[command(after_help = examples!["atlasmesh maintenance simulate brake_pads --parts 80 --out lives.csv"])]
    Simulate {
        #[arg(value_enum)]
        class: Class,
        #[arg(long, default_value_t = 80)]
        parts: u16,
        /// The same number gives the same lives.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        #[arg(long)]
        out: PathBuf,
    },
    /// Train a model, and wait for it; it decides only if it is better on lives that were held out.
    #[command(after_help = examples!["atlasmesh maintenance train brake_pads"])]
    Train {
        #[arg(value_enum)]
        class: Class,
    },
    /// Let a version decide.
    #[command(after_help = examples![r#"atlasmesh maintenance promote brake_pads 2 --reason "it was right all week""#])]
    Promote {
        #[arg(value_enum)]
        class: Class,
        number: u32,
        #[arg(long)]
        reason: String,
    },
    /// Let the version before decide again.
    #[command(after_help = examples![r#"atlasmesh maintenance rollback brake_pads --reason "it grounds sound trucks""#])]
    Rollback {
        #[arg(value_enum)]
        class: Class,
        #[arg(long)]
        reason: String,
    },
    /// What was noticed of the models that decide: drift, and what it rests on.
    #[command(after_help = examples!["atlasmesh maintenance drift"])]
    Drift,
}

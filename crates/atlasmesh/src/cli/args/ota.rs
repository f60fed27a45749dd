//! Software updates: releases, rollouts, what vehicles run, and the evidence of it.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Most;

#[derive(Debug, Args)]
pub struct ReleaseOptions {
    /// Such as av-os-2.1.0; a name stands for one image for ever.
    pub name: String,
    /// The image. What was uploaded before is not sent again.
    #[arg(long)]
    pub image: PathBuf,
    /// Never goes down on a vehicle: higher than that of every release that it follows.
    #[arg(long)]
    pub counter: u64,
    /// The hardware that it is for, as vehicles report it; may be given more than once.
    #[arg(long = "hardware", required = true)]
    pub hardware: Vec<String>,
    /// What it changes, for whoever operates the vehicles.
    #[arg(long)]
    pub notes: String,
    /// The release that takes it back, which is published already and has a higher counter.
    #[arg(long, conflicts_with = "back_image")]
    pub reverts_to: Option<String>,
    /// The image that takes it back, published along under the same name with `-back` and the next counter.
    #[arg(long)]
    pub back_image: Option<PathBuf>,
    /// A release of which one must run before; may be given more than once.
    #[arg(long)]
    pub depends_on: Vec<String>,
    /// The software identification number of a regulation, as R157=…; may be given more than once.
    #[arg(long)]
    pub rxswin: Vec<String>,
    /// How long installing takes, in seconds.
    #[arg(long)]
    pub estimated_s: Option<u64>,
    /// What downloading and installing take, in watt-hours.
    #[arg(long)]
    pub estimated_wh: Option<f64>,
}

#[derive(Debug, Args)]
pub struct PlanOptions {
    /// The release, by its name.
    #[arg(long)]
    pub release: String,
    /// What people call the rollout; the release's name where nothing is said.
    #[arg(long)]
    pub name: Option<String>,
    /// Vehicles that go first, by name or id, with commas between.
    #[arg(long, value_delimiter = ',')]
    pub first: Vec<String>,
    /// Vehicles that get nothing, by name or id, with commas between.
    #[arg(long, value_delimiter = ',')]
    pub exclude: Vec<String>,
    /// Shares of the fleet in percent, one stage each, with commas between; 0.1,1,5,25,100 where nothing is said.
    #[arg(long, value_delimiter = ',')]
    pub stages: Vec<f64>,
    /// How long each stage stays open at least, in seconds.
    #[arg(long, default_value_t = 3_600)]
    pub soak_s: u64,
    /// A person opens each further stage.
    #[arg(long)]
    pub by_person: bool,
    /// The share of the fleet that is held back until the last stage, in percent.
    #[arg(long, default_value_t = 2.0)]
    pub control: f64,
    /// How many vehicles are kept from work for it at once.
    #[arg(long, default_value_t = 5)]
    pub at_once: u32,
    /// How long a vehicle may take from the offer to the proof, in seconds.
    #[arg(long)]
    pub proof_deadline_s: Option<u64>,
    /// The fastest that one vehicle downloads, in bytes per second.
    #[arg(long)]
    pub bandwidth: Option<u64>,
    /// Start it at once.
    #[arg(long)]
    pub start: bool,
}

#[derive(Debug, Subcommand)]
pub enum OtaCommand {
    /// Upload an image and publish it as a release, signed into the list that vehicles trust.
    #[command(after_help = examples![
        r#"atlasmesh ota release av-os-2.0 --image av-os-2.0.img --counter 10 --hardware sim-compute-1 --notes "smoother braking" --back-image av-os-1.9.img"#,
    ])]
    Release(ReleaseOptions),
    /// List releases, the newest first.
    #[command(after_help = examples!["atlasmesh ota releases"])]
    Releases,
    /// Plan a rollout: who gets a release, in which stages. Nobody gets anything before it is started.
    #[command(after_help = examples![
        "atlasmesh ota plan --release av-os-2.0 --first taxi-01,taxi-02 --stages 10,100",
    ])]
    Plan(PlanOptions),
    /// Who gets the release of a rollout, in which stage, and who does not and why.
    #[command(after_help = examples!["atlasmesh ota preview av-os-2.0"])]
    Preview {
        /// The rollout's name or id.
        rollout: String,
    },
    /// Start a planned rollout: its first stage opens.
    #[command(after_help = examples!["atlasmesh ota start av-os-2.0"])]
    Start {
        /// The rollout's name or id.
        rollout: String,
    },
    /// Open the next stage.
    #[command(after_help = examples!["atlasmesh ota advance av-os-2.0"])]
    Advance {
        /// The rollout's name or id.
        rollout: String,
    },
    /// Pause a rollout: nobody is offered it any more.
    #[command(after_help = examples![r#"atlasmesh ota pause av-os-2.0 --reason "a strange noise""#])]
    Pause {
        /// The rollout's name or id.
        rollout: String,
        #[arg(long)]
        reason: String,
    },
    /// Ask that a paused rollout go on: a second person decides.
    #[command(after_help = examples![r#"atlasmesh ota resume av-os-2.0 --reason "it was the fan""#])]
    Resume {
        /// The rollout's name or id.
        rollout: String,
        #[arg(long)]
        reason: String,
    },
    /// End a rollout for good.
    #[command(after_help = examples![r#"atlasmesh ota abort av-os-2.0 --reason "not needed any more""#])]
    Abort {
        /// The rollout's name or id.
        rollout: String,
        #[arg(long)]
        reason: String,
    },
    /// Take a release back: vehicles that run it get the release that it reverts to.
    #[command(after_help = examples![r#"atlasmesh ota revert av-os-2.0 --reason "brakes squeal""#])]
    Revert {
        /// The rollout's name or id.
        rollout: String,
        #[arg(long)]
        reason: String,
    },
    /// How a rollout goes and why it holds; all rollouts without a name.
    #[command(after_help = examples!["atlasmesh ota status", "atlasmesh ota status av-os-2.0"])]
    Status {
        /// The rollout's name or id.
        rollout: Option<String>,
        #[command(flatten)]
        most: Most,
    },
    /// Follow a rollout until it is complete, paused or aborted: a line for each change.
    #[command(after_help = examples!["atlasmesh ota watch av-os-2.0"])]
    Watch {
        /// The rollout's name or id.
        rollout: String,
    },
    /// What a vehicle runs, and its updates.
    #[command(after_help = examples!["atlasmesh ota vehicle taxi-07"])]
    Vehicle {
        /// The vehicle's name or id.
        vehicle: String,
    },
    /// Make a token for an update client of others (hawkBit's DDI) and print it, once.
    #[command(after_help = examples!["atlasmesh ota token taxi-07"])]
    Token {
        /// The vehicle's name or id.
        vehicle: String,
    },
    /// The evidence of a vehicle's updates: written to a file, or checked.
    #[command(subcommand)]
    Evidence(UpdateEvidenceCommand),
}

#[derive(Debug, Subcommand)]
pub enum UpdateEvidenceCommand {
    /// Write the signed evidence of one update of a vehicle.
    #[command(after_help = examples!["atlasmesh ota evidence save taxi-07 1 --out taxi-07-1.json"])]
    Save {
        /// The vehicle's name or id.
        vehicle: String,
        /// Which of its updates, counted from 1.
        number: u32,
        #[arg(long)]
        out: PathBuf,
    },
    /// Write the public key that evidence is signed with, as PEM.
    #[command(after_help = examples!["atlasmesh ota evidence key --out evidence.pem"])]
    Key {
        #[arg(long)]
        out: PathBuf,
    },
    /// Check evidence without a server: its signature, the metadata's, the vehicle's reports, and the proofs of the journal.
    #[command(after_help = examples!["atlasmesh ota evidence verify taxi-07-1.json --key evidence.pem"])]
    Verify {
        file: PathBuf,
        /// The public key, which you trust by another way.
        #[arg(long)]
        key: PathBuf,
    },
}

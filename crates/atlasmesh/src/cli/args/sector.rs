//! The sector of a tenant, its subscription and its flags.

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub enum SectorCommand {
    /// What is in force: words, features, modules.
    #[command(after_help = examples!["atlasmesh sector show"])]
    Show,
    /// The sectors that are installed, with what the subscription lacks for each.
    #[command(after_help = examples!["atlasmesh sector list"])]
    List,
    /// What putting a sector in force would change, and which trips would lose what.
    #[command(after_help = examples!["atlasmesh sector preview mining"])]
    Preview {
        /// mining, logistics, ride-hail or defense.
        sector: String,
    },
    /// Put a sector in force: rules, flags, words and colours together, or none.
    #[command(after_help = examples![r#"atlasmesh sector activate mining --reason "the pit opens""#])]
    Activate {
        /// mining, logistics, ride-hail or defense.
        sector: String,
        /// Why; the journal keeps it.
        #[arg(long)]
        reason: String,
    },
    /// Put what was in force before in force again.
    #[command(after_help = examples![r#"atlasmesh sector rollback --reason "wrong words""#])]
    Rollback {
        #[arg(long)]
        reason: String,
    },
    /// The limits of the sector in force, and what keeps each.
    #[command(after_help = examples!["atlasmesh sector limits"])]
    Limits,
    /// Every feature, and which of installed, entitled, flag and policy says no.
    #[command(after_help = examples!["atlasmesh sector features"])]
    Features,
}

#[derive(Debug, Subcommand)]
pub enum SubscriptionCommand {
    /// What the tenant subscribed to, with what it comes to.
    #[command(after_help = examples!["atlasmesh subscription show"])]
    Show,
    /// Whether a feature may be used, and what would help.
    #[command(after_help = examples!["atlasmesh subscription check vehicles.active --requested 3 --sector mining"])]
    Check {
        /// Of the catalogue, e.g. blast.coordination.
        feature: String,
        #[arg(long)]
        sector: Option<String>,
        /// How much more of it.
        #[arg(long, default_value_t = 0)]
        requested: u64,
    },
    /// Change what a tenant subscribed to, by the platform's administrator.
    #[command(after_help = examples![
        r#"atlasmesh subscription set north-pit --plan professional --sector mining --add-on own-policies=1 --reason "order 1204""#,
    ])]
    Set {
        tenant: String,
        #[arg(long)]
        plan: String,
        /// May be given again.
        #[arg(long = "sector", required = true)]
        sectors: Vec<String>,
        /// NAME=COUNT; may be given again.
        #[arg(long = "add-on", value_name = "NAME=COUNT")]
        add_ons: Vec<String>,
        /// Until when, e.g. 2027-01-31T00:00:00Z.
        #[arg(long)]
        until: Option<String>,
        #[arg(long)]
        suspended: bool,
        #[arg(long)]
        reason: String,
    },
}

#[derive(Debug, Subcommand)]
pub enum FlagCommand {
    /// The flags of the sector in force, with what each answers and why.
    #[command(after_help = examples!["atlasmesh flags list"])]
    List,
    /// Choose a variant; a switch goes to its safe side at once, and back by a second person.
    #[command(after_help = examples![r#"atlasmesh flags choose haul.autonomous-reverse off --reason "spotter hurt""#])]
    Choose {
        flag: String,
        variant: String,
        #[arg(long)]
        reason: String,
    },
    /// Leave a flag to its own rule again.
    #[command(after_help = examples![r#"atlasmesh flags clear dust.ml-visibility --reason "trial is over""#])]
    Clear {
        flag: String,
        #[arg(long)]
        reason: String,
    },
}

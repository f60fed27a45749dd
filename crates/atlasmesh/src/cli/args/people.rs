//! Organisations, programs and people.

use clap::Subcommand;

use super::Most;

#[derive(Debug, Subcommand)]
pub enum TenantCommand {
    /// Make a tenant and print its administrator's token, once.
    #[command(after_help = examples!["atlasmesh tenant create north-pit --sector mining"])]
    Create {
        /// The tenant's name, e.g. north-pit.
        name: String,
        #[arg(long)]
        sector: String,
        /// Its vehicles are real; without it they are simulated. Never both in one tenant.
        #[arg(long)]
        real_vehicles: bool,
    },
    #[command(after_help = examples!["atlasmesh tenant list"])]
    List(Most),
    /// Ask that a tenant be deleted, once its vehicles are decommissioned and no legal hold is in force; another administrator
    /// of the platform decides.
    #[command(after_help = examples![r#"atlasmesh tenant delete north-pit --reason "the lease ended""#])]
    Delete {
        name: String,
        #[arg(long)]
        reason: String,
    },
}

#[derive(Debug, Subcommand)]
pub enum PrincipalCommand {
    /// Make a principal and print its token, once.
    #[command(after_help = examples!["atlasmesh principals create --role dispatcher --name gate"])]
    Create {
        /// administrator, dispatcher, safety_officer, technician, auditor or viewer.
        #[arg(long)]
        role: String,
        /// What it is there for; the journal keeps it for ever.
        #[arg(long)]
        name: String,
    },
    #[command(after_help = examples!["atlasmesh principals list --limit 20"])]
    List(Most),
    /// End a principal's access, at once and for good.
    #[command(after_help = examples!["atlasmesh principals revoke prin_01k…"])]
    Revoke {
        /// The principal's id.
        principal: String,
    },
}

#[derive(Debug, Subcommand)]
pub enum UserCommand {
    /// Invite a person and print the one-time link, once.
    #[command(after_help = examples![
        r#"atlasmesh users add --name "Ana Diaz" --email ana@mine.example --role dispatcher"#,
    ])]
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
    #[command(after_help = examples!["atlasmesh users list"])]
    List(Most),
    /// Give a user other roles, from the next request on.
    #[command(after_help = examples!["atlasmesh users roles prin_01k… --role dispatcher --role technician"])]
    Roles {
        /// The user's e-mail address, name or id.
        user: String,
        #[arg(long = "role", required = true)]
        roles: Vec<String>,
    },
    /// Print a one-time link for another password; sessions end.
    #[command(after_help = examples!["atlasmesh users reset prin_01k…"])]
    Reset {
        /// The user's e-mail address, name or id.
        user: String,
    },
    /// End a user's access, at once and for good.
    #[command(after_help = examples!["atlasmesh users disable prin_01k…"])]
    Disable {
        /// The user's e-mail address, name or id.
        user: String,
    },
}

#[derive(Debug, Subcommand)]
pub enum ApprovalCommand {
    /// Ask for the release of a hold that another placed.
    #[command(after_help = examples![
        r#"atlasmesh approvals release taxi-07 hold_01k… --reason "the brakes are new""#,
    ])]
    Release {
        /// The vehicle's name or id.
        vehicle: String,
        /// The hold's id.
        hold: String,
        #[arg(long)]
        reason: String,
    },
    #[command(after_help = examples!["atlasmesh approvals list", "atlasmesh approvals list --all --limit 500"])]
    List {
        #[command(flatten)]
        most: Most,
        /// Those that were decided too.
        #[arg(long)]
        all: bool,
    },
    #[command(after_help = examples![r#"atlasmesh approvals approve appr_01k… --reason "I looked at it""#])]
    Approve {
        /// The approval's id.
        approval: String,
        #[arg(long)]
        reason: String,
    },
    #[command(after_help = examples![r#"atlasmesh approvals reject appr_01k… --reason "it still squeals""#])]
    Reject {
        /// The approval's id.
        approval: String,
        #[arg(long)]
        reason: String,
    },
}

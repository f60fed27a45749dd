//! Vehicles' identities and the keys behind them.

use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};

#[derive(Debug, Subcommand)]
pub enum GarageCommand {
    /// Register a vehicle: its profile is checked, policy decides, and it gets its name.
    #[command(after_help = examples!["atlasmesh garage register --profile docs/guides/vehicle.json"])]
    Register {
        /// A JSON file with the profile, or - for standard input.
        #[arg(long)]
        profile: PathBuf,
    },
    /// Make a join token for a vehicle and print it, once; the one before is worth nothing then.
    #[command(after_help = examples!["atlasmesh garage token taxi-07 --minutes 15"])]
    Token {
        /// The vehicle's name or id.
        vehicle: String,
        /// How long it is good for: 5 to 1440.
        #[arg(long, default_value_t = 60)]
        minutes: u32,
    },
    /// Make a join token and write the file that the vehicle's agent starts from.
    #[command(after_help = examples!["atlasmesh garage bootstrap taxi-07 --out taxi-07.json"])]
    Bootstrap {
        /// The vehicle's name or id.
        vehicle: String,
        /// The file, readable by you alone.
        #[arg(long)]
        out: PathBuf,
        /// How long the join token is good for: 5 to 1440.
        #[arg(long, default_value_t = 60)]
        minutes: u32,
    },
    /// Let the server make key and certificate for a vehicle that cannot make its own, and write both, once.
    #[command(after_help = examples!["atlasmesh garage credentials taxi-07 --out taxi-07-identity"])]
    Credentials {
        /// The vehicle's name or id.
        vehicle: String,
        /// A new folder, readable by you alone.
        #[arg(long)]
        out: PathBuf,
    },
    /// Show a vehicle's identity: its certificates and what became of its join token.
    #[command(after_help = examples!["atlasmesh garage show taxi-07"])]
    Show {
        /// The vehicle's name or id.
        vehicle: String,
    },
    /// Take a vehicle's identity away: at once where it is parked, else as soon as it was stopped.
    #[command(after_help = examples![r#"atlasmesh garage revoke taxi-07 --reason "its computer was stolen""#])]
    Revoke {
        /// The vehicle's name or id.
        vehicle: String,
        #[arg(long)]
        reason: String,
    },
    /// Take a vehicle out of the fleet for good.
    #[command(after_help = examples![r#"atlasmesh garage decommission taxi-07 --reason sold"#])]
    Decommission {
        /// The vehicle's name or id.
        vehicle: String,
        #[arg(long)]
        reason: String,
    },
}

/// What a key signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum KeyPurpose {
    CertificateAuthority,
    DeviceAuthority,
    Token,
}

impl KeyPurpose {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CertificateAuthority => "certificate_authority",
            Self::DeviceAuthority => "device_authority",
            Self::Token => "token",
        }
    }
}

#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// List the keys of the installation, and the vehicles that do not know yet what is in force.
    #[command(after_help = examples!["atlasmesh keys list"])]
    List,
    /// Print what became of a key.
    #[command(after_help = examples!["atlasmesh keys history key_01k…"])]
    History {
        /// The key's id.
        key: String,
    },
    /// Replace the key of a purpose: prepare its successor, wait until every connected vehicle knows it, let it sign, wait
    /// until nothing in use was signed by the old one, revoke that. Ended in between, it goes on from there.
    #[command(after_help = examples![
        r#"atlasmesh keys rotate certificate_authority --reason "once a year""#,
        r#"atlasmesh keys rotate certificate_authority --emergency --reason "the key was seen elsewhere""#,
    ])]
    Rotate {
        #[arg(value_enum)]
        purpose: KeyPurpose,
        #[arg(long)]
        reason: String,
        /// Wait for no vehicle before the new key signs, and mark the old one as tainted.
        #[arg(long)]
        emergency: bool,
    },
    /// Take one key on in its life: active, retired, tainted or revoked.
    #[command(after_help = examples![r#"atlasmesh keys change key_01k… --to revoked --reason "its successor signs""#])]
    Change {
        /// The key's id.
        key: String,
        #[arg(long)]
        to: String,
        #[arg(long)]
        reason: String,
        /// Also where vehicles are left behind by it.
        #[arg(long)]
        force: bool,
    },
}

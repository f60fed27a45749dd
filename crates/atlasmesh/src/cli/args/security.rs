//! Security: incidents, detections, and who is on call.

use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};

use super::Most;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "lowercase")]
pub enum Severity {
    Low,
    Medium,
    High,
    Critical,
}

#[derive(Debug, Subcommand)]
pub enum SecurityCommand {
    /// List incidents, the newest first.
    #[command(after_help = examples!["atlasmesh security incidents", "atlasmesh security incidents --limit 5 --json"])]
    Incidents {
        #[command(flatten)]
        most: Most,
    },
    /// Show an incident: what was found, what is contained, who has it.
    #[command(after_help = examples!["atlasmesh security show 8zq4k1"])]
    Show {
        /// The incident's id, or the end of it.
        incident: String,
    },
    /// Every entry of the journal about an incident and its subject, and the calls.
    #[command(after_help = examples!["atlasmesh security timeline 8zq4k1"])]
    Timeline {
        /// The incident's id, or the end of it.
        incident: String,
    },
    /// The report, drafted from the journal.
    #[command(after_help = examples!["atlasmesh security report 8zq4k1", "atlasmesh security report 8zq4k1 --out report.md"])]
    Report {
        /// The incident's id, or the end of it.
        incident: String,
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Say that you have it: nobody else is called.
    #[command(after_help = examples!["atlasmesh security acknowledge 8zq4k1"])]
    Acknowledge {
        /// The incident's id, or the end of it.
        incident: String,
    },
    /// Say how bad it is; an emergency is contained.
    #[command(after_help = examples![r#"atlasmesh security severity 8zq4k1 high --reason "it is on three vehicles""#])]
    Severity {
        /// The incident's id, or the end of it.
        incident: String,
        #[arg(value_enum)]
        severity: Severity,
        #[arg(long)]
        reason: String,
    },
    /// Isolate the vehicle: it stops where it may stand, and is kept.
    #[command(after_help = examples!["atlasmesh security isolate 8zq4k1"])]
    Isolate {
        /// The incident's id, or the end of it.
        incident: String,
    },
    /// Revoke the access: certificates, tokens and sessions end; a vehicle that drives is stopped first.
    #[command(after_help = examples!["atlasmesh security revoke 8zq4k1"])]
    Revoke {
        /// The incident's id, or the end of it.
        incident: String,
    },
    /// Look into it.
    #[command(after_help = examples!["atlasmesh security investigate 8zq4k1"])]
    Investigate {
        /// The incident's id, or the end of it.
        incident: String,
    },
    /// Ask the vehicle for its state, logs and metrics; it sends them, signed, where it stands.
    #[command(after_help = examples!["atlasmesh security diagnostics 8zq4k1"])]
    Diagnostics {
        /// The incident's id, or the end of it.
        incident: String,
    },
    /// Write what is kept of an incident under a digest.
    #[command(after_help = examples!["atlasmesh security artefact 8zq4k1 9f2c…e1 --out vehicle.json"])]
    Artefact {
        /// The incident's id, or the end of it.
        incident: String,
        /// SHA-256 in hexadecimal, as `show` has it.
        sha256: String,
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Ask that the access be restored: a second person decides.
    #[command(after_help = examples![r#"atlasmesh security recover 8zq4k1 --reason "the key was replaced""#])]
    Recover {
        /// The incident's id, or the end of it.
        incident: String,
        #[arg(long)]
        reason: String,
    },
    /// Give it to an expert team; what is isolated stays so.
    #[command(after_help = examples![r#"atlasmesh security escalate 8zq4k1 --team forensics --reason "the module was opened""#])]
    Escalate {
        /// The incident's id, or the end of it.
        incident: String,
        #[arg(long)]
        team: String,
        #[arg(long)]
        reason: String,
    },
    /// Close it, with what was learned.
    #[command(after_help = examples![r#"atlasmesh security close 8zq4k1 --lessons "keys of this module are not safe""#])]
    Close {
        /// The incident's id, or the end of it.
        incident: String,
        #[arg(long)]
        lessons: String,
    },
    /// Begin a drill: the same way as an attack, marked everywhere, and nothing is taken away.
    #[command(after_help = examples!["atlasmesh security drill taxi-07"])]
    Drill {
        /// The vehicle's name or id.
        vehicle: String,
        #[arg(long, value_enum, default_value = "high")]
        severity: Severity,
    },
    /// The rules by which attacks are found, and how often each found something.
    #[command(after_help = examples!["atlasmesh security rules"])]
    Rules,
    /// Let a part of the journal go through the detections again: the same entries give the same alerts.
    #[command(after_help = examples!["atlasmesh security replay", "atlasmesh security replay --from 100 --until 900"])]
    Replay {
        /// The first entry.
        #[arg(long, default_value_t = 0)]
        from: u64,
        /// The first entry that is not read any more; the journal's end where nothing is said.
        #[arg(long)]
        until: Option<u64>,
    },
    /// Who is on call, in which order, and where calls go; with a file, say it: levels, channels, secrets.
    #[command(after_help = examples!["atlasmesh security on-call", "atlasmesh security on-call --set on-call.json"])]
    OnCall {
        #[arg(long, value_name = "FILE")]
        set: Option<PathBuf>,
    },
}

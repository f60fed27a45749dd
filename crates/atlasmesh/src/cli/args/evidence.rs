//! Evidence and compliance: clauses, bundles, reports, issues, legal holds, and the authority's side.

use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};

use super::Most;

/// What is done about an issue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Mitigation {
    Assign,
    CollectEvidence,
    VerifyJournal,
    HoldVehicle,
}

/// Which document of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum DocumentFormat {
    Html,
    Pdf,
    Csv,
    Signature,
}

#[derive(Debug, Subcommand)]
pub enum EvidenceCommand {
    /// Every framework, or the clauses of one: what is said of each, and how fresh its evidence is.
    #[command(after_help = examples!["atlasmesh evidence frameworks", "atlasmesh evidence frameworks un-r155"])]
    Frameworks { framework: Option<String> },
    /// An entry of the journal with the clauses that it speaks to, signed.
    #[command(after_help = examples!["atlasmesh evidence classify evt_01j…"])]
    Classify {
        /// The event's id.
        event: String,
    },
    /// What applies to this tenant, or say it: all of it, from a JSON file.
    #[command(after_help = examples!["atlasmesh evidence profile", "atlasmesh evidence profile --set profile.json"])]
    Profile {
        #[arg(long, value_name = "FILE")]
        set: Option<PathBuf>,
    },
    /// List bundles, the newest first.
    #[command(after_help = examples!["atlasmesh evidence bundles"])]
    Bundles {
        #[command(flatten)]
        most: Most,
    },
    /// Make a bundle, and take it when it is archived.
    #[command(after_help = examples![
        r#"atlasmesh evidence bundle --purpose "the quarter" --from 2026-10-01T00:00:00Z"#,
        r#"atlasmesh evidence bundle --about vehicle/veh_01j… --purpose "the accident" --out bundle.tar.zst"#
    ])]
    Bundle {
        /// Assess the clauses of this framework; of all where none is named.
        #[arg(long = "framework", value_name = "FRAMEWORK")]
        frameworks: Vec<String>,
        /// What it is about, as kind/id; everything where nothing is said.
        #[arg(long)]
        about: Option<String>,
        #[arg(long, value_name = "TIME")]
        from: Option<String>,
        #[arg(long, value_name = "TIME")]
        until: Option<String>,
        #[arg(long)]
        purpose: String,
        /// Where the archive is written.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Take a bundle's archive; its VERIFY.md says how to check it without us.
    #[command(after_help = examples!["atlasmesh evidence download bundle_01j… --out bundle.tar.zst"])]
    Download {
        bundle: String,
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Write the public key that signs bundles into a file.
    #[command(after_help = examples!["atlasmesh evidence key --out evidence.pem"])]
    Key {
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Check a bundle offline: every file, the signature, every entry in the log.
    #[command(after_help = examples!["atlasmesh evidence verify bundle.tar.zst --key evidence.pem"])]
    Verify {
        archive: PathBuf,
        /// The public key that signs bundles, in PEM.
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
    },
    /// The forms of authorities, or the fields of one.
    #[command(after_help = examples!["atlasmesh evidence forms", "atlasmesh evidence forms nhtsa-sgo"])]
    Forms { form: Option<String> },
    /// What is due to authorities, the soonest first.
    #[command(after_help = examples!["atlasmesh evidence due"])]
    Due,
    /// Record a collision from a JSON file: authorities have their terms from when it was noticed.
    #[command(after_help = examples!["atlasmesh evidence collision collision.json"])]
    Collision { file: PathBuf },
    /// List reports, the newest first.
    #[command(after_help = examples!["atlasmesh evidence reports"])]
    Reports {
        #[command(flatten)]
        most: Most,
    },
    /// Begin a report: for an obligation, a collision, or a period.
    #[command(after_help = examples![
        "atlasmesh evidence report nhtsa-sgo --obligation oblig_01j…",
        "atlasmesh evidence report internal-audit --from 2026-10-01T00:00:00Z --until 2027-01-01T00:00:00Z --value auditor=Anna"
    ])]
    Report {
        form: String,
        #[arg(long)]
        obligation: Option<String>,
        #[arg(long)]
        collision: Option<String>,
        #[arg(long, value_name = "TIME")]
        from: Option<String>,
        #[arg(long, value_name = "TIME")]
        until: Option<String>,
        /// What no entry says, as field=value.
        #[arg(long = "value", value_name = "FIELD=VALUE")]
        values: Vec<String>,
    },
    /// Show a report: its fields with where each value came from, its versions, and what the authority said.
    #[command(after_help = examples!["atlasmesh evidence show report_01j…"])]
    Show { report: String },
    /// Say what no entry says, beside what was said before.
    #[command(after_help = examples![r#"atlasmesh evidence give report_01j… --value vin=1FT… --value make=North"#])]
    Give {
        report: String,
        #[arg(long = "value", value_name = "FIELD=VALUE", required = true)]
        values: Vec<String>,
    },
    /// Write the next version of a report down and sign it.
    #[command(after_help = examples!["atlasmesh evidence sign report_01j…"])]
    Sign { report: String },
    /// Hand the signed version to the authority.
    #[command(after_help = examples!["atlasmesh evidence submit report_01j…"])]
    Submit { report: String },
    /// Say what was corrected after a rejection.
    #[command(after_help = examples![r#"atlasmesh evidence correct report_01j… --what "the narrative says where""#])]
    Correct {
        report: String,
        #[arg(long)]
        what: String,
    },
    /// Write a document of a report into a file.
    #[command(after_help = examples!["atlasmesh evidence document report_01j… pdf --out report.pdf"])]
    Document {
        report: String,
        #[arg(value_enum)]
        format: DocumentFormat,
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Open issues: violations, and evidence that is missing, late or cannot be verified.
    #[command(after_help = examples!["atlasmesh evidence issues"])]
    Issues,
    /// Have something done about an issue.
    #[command(after_help = examples!["atlasmesh evidence mitigate issue_01j… collect_evidence"])]
    Mitigate {
        issue: String,
        #[arg(value_enum)]
        mitigation: Mitigation,
    },
    /// Say that an issue is over, and how.
    #[command(after_help = examples![r#"atlasmesh evidence resolve issue_01j… --how "the limit was wrong""#])]
    Resolve {
        issue: String,
        #[arg(long)]
        how: String,
    },
    /// Legal holds and erasures, the newest first.
    #[command(after_help = examples!["atlasmesh evidence holds"])]
    Holds {
        #[command(flatten)]
        most: Most,
    },
    /// Place a legal hold: nothing personal of its subject is erased while it is in force.
    #[command(after_help = examples![r#"atlasmesh evidence hold --subject vehicle/veh_01j… --reason "the court asked""#])]
    Hold {
        /// As kind/id; everything where nothing is said.
        #[arg(long)]
        subject: Option<String>,
        #[arg(long)]
        reason: String,
    },
    /// Release a legal hold.
    #[command(after_help = examples![r#"atlasmesh evidence release lhold_01j… --reason "it is over""#])]
    Release {
        hold: String,
        #[arg(long)]
        reason: String,
    },
    /// Erase personal values of a vehicle or a person that is not in use any more.
    #[command(after_help = examples![r#"atlasmesh evidence erase user/prin_01j… --reason "she asked""#])]
    Erase {
        /// As vehicle/… or user/….
        subject: String,
        #[arg(long)]
        reason: String,
    },
    /// As the authority: what was submitted to it.
    #[command(after_help = examples!["atlasmesh evidence submissions"])]
    Submissions,
    /// As the authority: sign with this private key (PKCS #8 in PEM, Ed25519) from now on.
    #[command(after_help = examples!["atlasmesh evidence register-key authority.pem"])]
    RegisterKey { key: PathBuf },
    /// As the authority: check the format and the signatures of what was submitted.
    #[command(after_help = examples!["atlasmesh evidence check report_01j…"])]
    Check { report: String },
    /// As the authority: take the bundle that a submitted report rests on.
    #[command(after_help = examples!["atlasmesh evidence submitted-bundle report_01j… --out bundle.tar.zst"])]
    SubmittedBundle {
        report: String,
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// As the authority: accept a report, signed by the authority's key.
    #[command(after_help = examples!["atlasmesh evidence accept report_01j… --confirmation N-17 --key authority.pem"])]
    Accept {
        report: String,
        #[arg(long)]
        confirmation: String,
        /// By when the next report of this form is wanted.
        #[arg(long, value_name = "TIME")]
        next_due: Option<String>,
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
    },
    /// As the authority: reject a report, and say what is to be corrected and by when.
    #[command(after_help = examples![
        r#"atlasmesh evidence reject report_01j… --reason "the narrative is thin" --correction "say where" --due 2027-01-10T00:00:00Z --key authority.pem"#
    ])]
    Reject {
        report: String,
        #[arg(long)]
        reason: String,
        #[arg(long)]
        correction: String,
        #[arg(long, value_name = "TIME")]
        due: String,
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
    },
}

//! The life of a policy.

use std::path::PathBuf;

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub enum PolicyCommand {
    /// Write the shipped policies into a new folder, to change them and serve with `--policies`.
    #[command(after_help = examples!["atlasmesh policy export my-policies"])]
    Export { folder: PathBuf },
    /// The rules that decide for the tenant, and the generations of its own.
    #[command(after_help = examples!["atlasmesh policy show", "atlasmesh policy show --rule mining.haul.load"])]
    Show {
        /// Only this rule, with its text.
        #[arg(long)]
        rule: Option<String>,
    },
    /// The acts and facts that rules can speak of.
    #[command(after_help = examples!["atlasmesh policy vocabulary --action trip.request"])]
    Vocabulary {
        #[arg(long)]
        action: Option<String>,
    },
    /// Check a text, and run cases; nothing is kept.
    #[command(after_help = examples!["atlasmesh policy check own.cedar --cases own.json"])]
    Check {
        /// Cedar; `-` for standard input.
        text: PathBuf,
        #[arg(long)]
        cases: Option<PathBuf>,
    },
    /// Keep a text with its cases as a draft, or as the next revision of one.
    #[command(after_help = examples![
        r#"atlasmesh policy draft own.cedar --cases own.json --name "no heavy loads" --reason "wet ramps""#,
        "atlasmesh policy draft own.cedar --cases own.json --revise pdraft_01k…",
    ])]
    Draft {
        text: PathBuf,
        #[arg(long)]
        cases: PathBuf,
        #[arg(long, required_unless_present = "revise")]
        name: Option<String>,
        #[arg(long)]
        revise: Option<String>,
        #[arg(long, default_value = "as discussed")]
        reason: String,
    },
    #[command(after_help = examples!["atlasmesh policy drafts"])]
    Drafts,
    /// Run a draft's cases.
    #[command(after_help = examples!["atlasmesh policy test pdraft_01k…"])]
    Test { draft: String },
    /// Ask past decisions again under a draft: what would be denied, allowed, tighter, looser.
    #[command(after_help = examples!["atlasmesh policy diff pdraft_01k… --limit 10000"])]
    Diff {
        draft: String,
        /// How many of the newest decisions.
        #[arg(long, default_value_t = 10_000)]
        limit: u64,
    },
    /// Count what a draft would decide from now on; nothing follows from it.
    #[command(after_help = examples![
        r#"atlasmesh policy shadow pdraft_01k… --reason "one shift""#,
        r#"atlasmesh policy shadow pdraft_01k… --off --reason "seen enough""#,
    ])]
    Shadow {
        draft: String,
        #[arg(long)]
        off: bool,
        #[arg(long)]
        reason: String,
    },
    /// Ask for a draft to be put in force; a second person approves.
    #[command(after_help = examples![r#"atlasmesh policy activate pdraft_01k… --reason "wet ramps""#])]
    Activate {
        draft: String,
        #[arg(long)]
        reason: String,
    },
    #[command(after_help = examples![r#"atlasmesh policy withdraw pdraft_01k… --reason "not needed""#])]
    Withdraw {
        draft: String,
        #[arg(long)]
        reason: String,
    },
    /// Ask for rules of before to be put in force again; 0 takes all of one's own out of force.
    #[command(after_help = examples![r#"atlasmesh policy rollback 0 --reason "the ramps are dry""#])]
    Rollback {
        generation: u64,
        #[arg(long)]
        reason: String,
    },
    /// What would be decided, and why.
    #[command(after_help = examples![
        "atlasmesh policy explain closure.lift site/pit --role dispatcher",
        "atlasmesh policy explain waiver.grant tenant/north --fact second_person=true --fact waivable=false --fact hours=4",
    ])]
    Explain {
        action: String,
        /// KIND/ID.
        resource: String,
        #[arg(long)]
        role: Option<String>,
        /// NAME=VALUE, as JSON or a word; may be given again.
        #[arg(long = "fact", value_name = "NAME=VALUE")]
        facts: Vec<String>,
        /// Instead of the rules of one's own that are in force.
        #[arg(long)]
        draft: Option<String>,
    },
    #[command(after_help = examples!["atlasmesh policy waivers"])]
    Waivers,
    /// Ask for a rule to be lifted for a time; a second person approves.
    #[command(after_help = examples![
        r#"atlasmesh policy waive ride-hail.rides.hours --until 2027-01-31T06:00:00Z --reason "night festival""#,
    ])]
    Waive {
        rule: String,
        #[arg(long)]
        until: String,
        #[arg(long)]
        reason: String,
    },
    /// End a waiver before its time.
    #[command(after_help = examples![r#"atlasmesh policy unwaive waiver_01k… --reason "it is over""#])]
    Unwaive {
        waiver: String,
        #[arg(long)]
        reason: String,
    },
}

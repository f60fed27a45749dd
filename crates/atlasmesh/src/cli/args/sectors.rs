//! The sectors' own work: places, blasts, jobs, service areas, emission states and clearances.

use clap::Subcommand;

use super::{Most, Place};

#[derive(Debug, Subcommand)]
pub enum PlaceCommand {
    /// List places.
    #[command(after_help = examples!["atlasmesh place list --site pit-1"])]
    List {
        #[arg(long)]
        site: Option<String>,
        #[command(flatten)]
        most: Most,
    },
    /// Name a place of a site.
    #[command(after_help = examples![
        r#"atlasmesh place name --site pit-1 --name "face 3" --kind load_face --at=-29.95,-71.34 --bucket-kg 45000 --passes 5"#,
        r#"atlasmesh place name --site yard --name "block A" --kind block --at=-29.95,-71.34 --refuses 5.1"#,
    ])]
    Name {
        #[arg(long)]
        site: String,
        #[arg(long)]
        name: String,
        /// load_face, dump, gate, block, pick_up_place or waypoint.
        #[arg(long)]
        kind: String,
        #[arg(long, value_name = "LAT,LON", allow_hyphen_values = true)]
        at: Place,
        #[arg(long, default_value_t = 50.0)]
        radius_m: f64,
        /// What one pass of its loader moves, in kilograms.
        #[arg(long, requires = "passes")]
        bucket_kg: Option<f64>,
        /// Passes of its loader for one truck, at most.
        #[arg(long, requires = "bucket_kg")]
        passes: Option<u64>,
        /// People with a wheelchair can board.
        #[arg(long)]
        wheelchair: bool,
        /// A class of dangerous goods that is not set down; may be given again.
        #[arg(long = "refuses", value_name = "CLASS")]
        refuses: Vec<String>,
    },
    /// Give a place up.
    #[command(after_help = examples!["atlasmesh place remove place_0198…"])]
    Remove { place: String },
}

#[derive(Debug, Subcommand)]
pub enum BlastCommand {
    /// List blasts, the newest first.
    #[command(after_help = examples!["atlasmesh blast list"])]
    List(Most),
    /// Show a blast: its steps, and what it waits for.
    #[command(after_help = examples!["atlasmesh blast show blast_0198…"])]
    Show { blast: String },
    /// Announce a blast.
    #[command(after_help = examples![
        r#"atlasmesh blast plan --site pit-1 --name "bench 7" --fire-at 2026-12-01T12:00:00Z --corner=-29.95,-71.34 --corner=-29.95,-71.33 --corner=-29.94,-71.33"#,
    ])]
    Plan {
        #[arg(long)]
        site: String,
        #[arg(long)]
        name: String,
        /// When it is to be fired (RFC 3339).
        #[arg(long)]
        fire_at: String,
        /// A corner of its area; given three times or more.
        #[arg(long = "corner", required = true, value_name = "LAT,LON", allow_hyphen_values = true)]
        corners: Vec<Place>,
    },
    /// Close its area, and have everybody leave it.
    #[command(after_help = examples![r#"atlasmesh blast clear blast_0198… --reason "as announced""#])]
    Clear {
        blast: String,
        #[arg(long)]
        reason: String,
    },
    /// Say that everybody is out and every way in is guarded.
    #[command(after_help = examples![r#"atlasmesh blast guard blast_0198… --post "north gate" --reason "all out""#])]
    Guard {
        blast: String,
        /// Where access is guarded; may be given again.
        #[arg(long = "post", required = true)]
        posts: Vec<String>,
        #[arg(long)]
        reason: String,
    },
    /// Say that it is fired, as another than who guarded.
    #[command(after_help = examples![r#"atlasmesh blast fire blast_0198… --reason "as announced""#])]
    Fire {
        blast: String,
        #[arg(long)]
        reason: String,
    },
    /// Sign the examination, as another than who fired.
    #[command(after_help = examples![
        r#"atlasmesh blast examine blast_0198… --reason "the face stands""#,
        r#"atlasmesh blast examine blast_0198… --misfire --reason "hole 4 did not go off""#,
    ])]
    Examine {
        blast: String,
        /// Not everything went off.
        #[arg(long)]
        misfire: bool,
        #[arg(long)]
        reason: String,
    },
    /// Open its area again; nothing moves by it.
    #[command(after_help = examples![r#"atlasmesh blast release blast_0198… --reason "examined""#])]
    Release {
        blast: String,
        #[arg(long)]
        reason: String,
    },
    /// Call it off, and open its area.
    #[command(after_help = examples![r#"atlasmesh blast call-off blast_0198… --reason "lightning""#])]
    CallOff {
        blast: String,
        #[arg(long)]
        reason: String,
    },
}

#[derive(Debug, Subcommand)]
pub enum JobCommand {
    /// List jobs, the newest first.
    #[command(after_help = examples!["atlasmesh job list --site yard"])]
    List {
        #[arg(long)]
        site: Option<String>,
        #[command(flatten)]
        most: Most,
    },
    /// Show a job.
    #[command(after_help = examples!["atlasmesh job show job_0198…"])]
    Show { job: String },
    /// Ask for a container to be moved.
    #[command(after_help = examples![
        "atlasmesh job ask --site yard --container MSKU1234565 --from place_0198… --to place_0199… --mass-kg 24000 --hazard 3",
    ])]
    Ask {
        #[arg(long)]
        site: String,
        #[arg(long)]
        container: String,
        /// The place where it stands.
        #[arg(long)]
        from: String,
        /// The place where it is to stand.
        #[arg(long)]
        to: String,
        #[arg(long)]
        mass_kg: f64,
        /// A class of its dangerous goods; may be given again.
        #[arg(long = "hazard", value_name = "CLASS")]
        hazards: Vec<String>,
    },
    /// Let it go at the gate.
    #[command(after_help = examples![r#"atlasmesh job release job_0198… --seal S1234 --reason "the papers are there""#])]
    Release {
        job: String,
        #[arg(long)]
        seal: String,
        #[arg(long)]
        reason: String,
    },
    /// Call it off, as long as no trip moves it.
    #[command(after_help = examples![r#"atlasmesh job cancel job_0198… --reason "the ship has left""#])]
    Cancel {
        job: String,
        #[arg(long)]
        reason: String,
    },
}

#[derive(Debug, Subcommand)]
pub enum AreaCommand {
    /// List service areas, and whether each is open now.
    #[command(after_help = examples!["atlasmesh area list"])]
    List(Most),
    /// Draw a service area with hours that are the same on the days named.
    #[command(after_help = examples![
        "atlasmesh area draw --site city --name centre --corner=37.79,-122.42 --corner=37.79,-122.40 --corner=37.77,-122.40 --day mon --day tue --from 06:00 --to 23:30 --utc-offset-min=-480",
    ])]
    Draw {
        #[arg(long)]
        site: String,
        #[arg(long)]
        name: String,
        /// A corner; given three times or more.
        #[arg(long = "corner", required = true, value_name = "LAT,LON", allow_hyphen_values = true)]
        corners: Vec<Place>,
        /// mon, tue, wed, thu, fri, sat or sun; may be given again.
        #[arg(long = "day", required = true)]
        days: Vec<String>,
        #[arg(long, default_value = "00:00")]
        from: String,
        #[arg(long, default_value = "24:00")]
        to: String,
        #[arg(long, default_value_t = 0, allow_hyphen_values = true)]
        utc_offset_min: i64,
        /// Vehicles for people with a wheelchair serve it.
        #[arg(long)]
        wheelchair: bool,
    },
    /// Give a service area up.
    #[command(after_help = examples!["atlasmesh area remove area_0198…"])]
    Remove { area: String },
}

#[derive(Debug, Subcommand)]
pub enum EmissionCommand {
    /// The emission state of every site, or of one.
    #[command(after_help = examples!["atlasmesh emission show"])]
    Show {
        #[arg(long)]
        site: Option<String>,
    },
    /// Set it: tighter at once, looser where a second person agrees.
    #[command(after_help = examples![r#"atlasmesh emission set base silent --reason "as ordered""#])]
    Set {
        site: String,
        /// unrestricted, reduced, restricted or silent.
        state: String,
        #[arg(long)]
        reason: String,
    },
}

#[derive(Debug, Subcommand)]
pub enum ClearanceCommand {
    /// List clearances, those that ended too.
    #[command(after_help = examples!["atlasmesh clearance list"])]
    List(Most),
    /// The clearance of a person or a vehicle.
    #[command(after_help = examples!["atlasmesh clearance show vehicle veh_0198…"])]
    Show {
        /// principal or vehicle.
        kind: String,
        id: String,
    },
    /// Clear a person or a vehicle up to a level, until a time.
    #[command(after_help = examples![
        r#"atlasmesh clearance grant vehicle veh_0198… --level confidential --until 2027-01-01T00:00:00Z --reason "inspected""#,
    ])]
    Grant {
        /// principal or vehicle.
        kind: String,
        id: String,
        /// unclassified, restricted, confidential or secret.
        #[arg(long)]
        level: String,
        /// Until when (RFC 3339).
        #[arg(long)]
        until: String,
        #[arg(long)]
        reason: String,
    },
}

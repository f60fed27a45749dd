//! Sites and vehicles.

use std::path::PathBuf;

use clap::Subcommand;

use super::{Most, Place};

#[derive(Debug, Subcommand)]
pub enum SiteCommand {
    /// Import a road network: an OpenStreetMap extract, or nodes and links as CSV (plain or gzip).
    #[command(after_help = examples![
        "atlasmesh site import coquimbo --osm coquimbo.osm.pbf",
        "atlasmesh site import pit-1 --nodes nodes.csv --links links.csv",
    ])]
    Import {
        /// The site's name, e.g. coquimbo.
        site: String,
        /// An `.osm.pbf` extract.
        #[arg(long, conflicts_with_all = ["nodes", "links"])]
        osm: Option<PathBuf>,
        #[arg(long, requires = "links")]
        nodes: Option<PathBuf>,
        #[arg(long, requires = "nodes")]
        links: Option<PathBuf>,
        #[arg(long)]
        turns: Option<PathBuf>,
        /// Links where a vehicle must not stop, as CSV.
        #[arg(long)]
        no_stop: Option<PathBuf>,
    },
    #[command(after_help = examples!["atlasmesh site list"])]
    List(Most),
    /// Show a site: its map, zones, closures and speed limits.
    #[command(after_help = examples!["atlasmesh site show coquimbo"])]
    Show {
        /// The site's name.
        site: String,
    },
    /// Close the roads inside a polygon.
    #[command(after_help = examples![
        r#"atlasmesh site close coquimbo --reason "road works" --corner=-29.95,-71.34 --corner=-29.95,-71.33 --corner=-29.96,-71.33"#,
    ])]
    Close {
        /// The site's name.
        site: String,
        /// A corner; given three times or more.
        #[arg(long = "corner", required = true, value_name = "LAT,LON", allow_hyphen_values = true)]
        corners: Vec<Place>,
        #[arg(long, default_value = "no_entry")]
        class: String,
        #[arg(long)]
        reason: String,
        /// From when on (RFC 3339); without it now.
        #[arg(long)]
        from: Option<String>,
        /// Until when (RFC 3339); without it until it is lifted.
        #[arg(long)]
        until: Option<String>,
    },
    /// Limit the speed on the roads inside a polygon.
    #[command(after_help = examples![
        r#"atlasmesh site limit-speed coquimbo --to 8 --place school-zone --reason "school hours" --corner=-29.95,-71.34 --corner=-29.95,-71.33 --corner=-29.96,-71.33"#,
    ])]
    LimitSpeed {
        /// The site's name.
        site: String,
        /// The highest speed, in metres per second.
        #[arg(long = "to", value_name = "M/S")]
        max_speed_mps: f64,
        /// What the place is, such as haul-road: the sector's limit for such places holds there, too.
        #[arg(long)]
        place: Option<String>,
        /// A corner; given three times or more.
        #[arg(long = "corner", required = true, value_name = "LAT,LON", allow_hyphen_values = true)]
        corners: Vec<Place>,
        #[arg(long)]
        reason: String,
        /// From when on (RFC 3339); without it now.
        #[arg(long)]
        from: Option<String>,
        /// Until when (RFC 3339); without it until it is lifted.
        #[arg(long)]
        until: Option<String>,
    },
    /// List a site's speed limits.
    #[command(after_help = examples!["atlasmesh site speed-limits coquimbo"])]
    SpeedLimits {
        #[command(flatten)]
        most: Most,
        /// The site's name.
        site: String,
    },
    /// Find the route that a trip would have: length, time, what bound it, or why there is none.
    #[command(after_help = examples![
        "atlasmesh site route coquimbo --from=-29.9533,-71.3395 --to=-29.9078,-71.2542",
        "atlasmesh site route coquimbo --from=-29.9533,-71.3395 --to=-29.9078,-71.2542 --vehicle taxi-07",
    ])]
    Route {
        /// The site's name.
        site: String,
        #[arg(long, value_name = "LAT,LON", allow_hyphen_values = true)]
        from: Place,
        #[arg(long, value_name = "LAT,LON", allow_hyphen_values = true)]
        to: Place,
        /// A stop between, in order; may be given again.
        #[arg(long = "via", value_name = "LAT,LON", allow_hyphen_values = true)]
        via: Vec<Place>,
        #[arg(long, default_value = "passenger")]
        kind: String,
        /// Under the limits of this vehicle, by name or id, and from where it is.
        #[arg(long)]
        vehicle: Option<String>,
    },
    /// List a site's closures and zones, and the vehicles on which each is in force.
    #[command(after_help = examples!["atlasmesh site closures coquimbo"])]
    Closures {
        #[command(flatten)]
        most: Most,
        /// The site's name.
        site: String,
    },
    #[command(after_help = examples!["atlasmesh site lift coquimbo restr_01k…"])]
    Lift {
        /// The site's name.
        site: String,
        /// The id of the closure, zone or speed limit.
        restriction: String,
    },
}

#[derive(Debug, Subcommand)]
pub enum VehicleCommand {
    #[command(after_help = examples!["atlasmesh vehicles list", "atlasmesh vehicles list --limit 500 --json"])]
    List(Most),
    #[command(after_help = examples!["atlasmesh vehicles show taxi-07"])]
    Show {
        /// The vehicle's name or id.
        vehicle: String,
    },
    /// Stop a vehicle. Needs no policy decision and is carried out even if the store cannot commit. A name is looked up
    /// before it, an id is not.
    #[command(after_help = examples![
        r#"atlasmesh vehicles stop taxi-07 --reason "smoke on the road""#,
        r#"atlasmesh vehicles stop taxi-07 --class now --reason "a child""#,
        r#"atlasmesh vehicles stop taxi-07 --class at_place --place=-29.95,-71.34 --reason "a bag was left""#,
    ])]
    Stop {
        /// The vehicle's name or id.
        vehicle: String,
        /// nearest_admissible, now or at_place.
        #[arg(long, default_value = "nearest_admissible")]
        class: String,
        /// Where on its way, with `--class at_place`.
        #[arg(long, value_name = "LAT,LON", allow_hyphen_values = true)]
        place: Option<Place>,
        #[arg(long)]
        reason: String,
    },
    /// Clear a stop. The vehicle stays where it is until it is dispatched again.
    #[command(after_help = examples!["atlasmesh vehicles clear taxi-07 cmd_01k…"])]
    Clear {
        /// The vehicle's name or id.
        vehicle: String,
        /// The stop's id, as `stop` printed it.
        stop: String,
    },
    /// Place a hold: the vehicle is not dispatched until it is released.
    #[command(after_help = examples!["atlasmesh vehicles hold taxi-07 --kind cleaning --reason dust"])]
    Hold {
        /// The vehicle's name or id.
        vehicle: String,
        /// grounded, lockout, pre_start_check, update, quarantine or cleaning.
        #[arg(long, default_value = "grounded")]
        kind: String,
        #[arg(long, default_value = "after_trip")]
        timing: String,
        #[arg(long)]
        reason: String,
    },
    /// Release a hold that you placed.
    #[command(after_help = examples!["atlasmesh vehicles release taxi-07 hold_01k…"])]
    Release {
        /// The vehicle's name or id.
        vehicle: String,
        /// The hold's id.
        hold: String,
    },
}

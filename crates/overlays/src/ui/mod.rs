//! How the page looks for a sector: colours that everybody can read, a logo that is only a picture, and which of the product's
//! own modules and map layers are shown. Nothing here can bring code to the page.

mod colour;
mod svg;

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use colour::{CONTRAST_MIN, Colour};
pub use svg::{LOGO_BYTES_MAX, check_svg};

use crate::fault::Faults;
use crate::files::{Files, text, yaml};

const FILE: &str = "ui.yaml";
const LOGO: &str = "logo.svg";

/// Parts of the page that a sector can show.
pub const MODULES: [&str; 18] = [
    "map",
    "trips",
    "fleet",
    "evidence",
    "blast-clock",
    "haul-cycles",
    "visibility",
    "payload",
    "yard-blocks",
    "gate-queue",
    "dangerous-goods",
    "reefers",
    "pick-up-places",
    "wheelchair-board",
    "rider-support",
    "mission-overlay",
    "emission-banner",
    "lease-status",
];
/// Layers of the map that a sector can show.
pub const MAP_LAYERS: [&str; 14] = [
    "roads",
    "zones",
    "closures",
    "vehicles",
    "blast-zones",
    "grades",
    "dumps",
    "blocks",
    "gates",
    "pedestrian-lanes",
    "service-areas",
    "pick-up-places",
    "keep-out-areas",
    "phase-lines",
];
/// Pairs of colours that text and what lies behind it have: each must be readable.
const READABLE: [(&str, &str); 6] = [
    ("text", "background"),
    ("text", "surface"),
    ("muted", "background"),
    ("on_accent", "accent"),
    ("on_danger", "danger"),
    ("on_warning", "warning"),
];
/// Units by what they measure.
const UNITS: [(&str, &[&str]); 5] = [
    ("speed", &["km/h", "mph", "m/s", "kn"]),
    ("distance", &["km", "mi", "m", "nmi"]),
    ("mass", &["t", "kg", "st", "lb"]),
    ("temperature", &["°C", "°F"]),
    ("energy", &["kWh", "%"]),
];

/// How the page looks.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ui {
    /// By theme (`light`, `dark`), then by role.
    #[schemars(with = "BTreeMap<String, BTreeMap<String, String>>")]
    pub themes: BTreeMap<String, BTreeMap<String, Colour>>,
    /// In the order in which they stand.
    pub modules: Vec<String>,
    pub map_layers: Vec<String>,
    pub units: BTreeMap<String, String>,
    /// What stands above and below every page, such as a classification.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub banner: Option<Banner>,
}

/// A line above and below every page.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "SectorBanner")]
pub struct Banner {
    pub text: String,
    #[schemars(with = "String")]
    pub background: Colour,
    #[schemars(with = "String")]
    pub foreground: Colour,
}

/// The longest text of a banner.
const BANNER_CHARS_MAX: usize = 80;

/// The roles that every theme has a colour for.
fn roles() -> BTreeSet<&'static str> {
    READABLE.iter().flat_map(|(front, back)| [*front, *back]).collect()
}

pub(crate) fn read(files: &Files, faults: &mut Faults) -> (Ui, String) {
    let logo = text(files, LOGO, faults).unwrap_or_default();
    if files.contains_key(LOGO)
        && let Err(reason) = check_svg(logo)
    {
        faults.add(LOGO, "(svg)", reason);
    }
    let Some(ui) = yaml::<Ui>(files, FILE, faults) else { return (Ui::default(), logo.to_owned()) };
    if !ui.themes.contains_key("light") {
        faults.add(FILE, "themes.light", "is missing");
    }
    for (name, theme) in &ui.themes {
        check_theme(name, theme, faults);
    }
    ui.banner.iter().for_each(|banner| check_banner(banner, faults));
    for (list, named, known) in
        [("modules", &ui.modules, MODULES.as_slice()), ("map_layers", &ui.map_layers, MAP_LAYERS.as_slice())]
    {
        let mut seen = BTreeSet::new();
        for (at, name) in named.iter().enumerate() {
            if !known.contains(&name.as_str()) || !seen.insert(name) {
                faults.add(
                    FILE,
                    format!("{list}[{at}]"),
                    format!("`{name}` is not one of the product's, or there twice"),
                );
            }
        }
    }
    for (measure, known) in UNITS {
        match ui.units.get(measure) {
            None => faults.add(FILE, format!("units.{measure}"), "is missing"),
            Some(unit) if !known.contains(&unit.as_str()) => {
                faults.add(FILE, format!("units.{measure}"), format!("`{unit}` is none of {}", known.join(", ")));
            }
            Some(_) => {}
        }
    }
    for measure in ui.units.keys().filter(|measure| !UNITS.iter().any(|(known, _)| known == measure)) {
        faults.add(FILE, format!("units.{measure}"), "measures nothing that the page shows");
    }
    (ui, logo.to_owned())
}

fn check_banner(banner: &Banner, faults: &mut Faults) {
    let length = banner.text.chars().count();
    if length == 0 || length > BANNER_CHARS_MAX || banner.text.chars().any(char::is_control) {
        faults.add(FILE, "banner.text", format!("has 1 to {BANNER_CHARS_MAX} printable characters"));
    }
    let contrast = banner.foreground.contrast(banner.background);
    if contrast < CONTRAST_MIN {
        let told = format!("has a contrast of {contrast:.2} to the background; {CONTRAST_MIN} is the least");
        faults.add(FILE, "banner.foreground", told);
    }
}

fn check_theme(name: &str, theme: &BTreeMap<String, Colour>, faults: &mut Faults) {
    let field = |role: &str| format!("themes.{name}.{role}");
    if !["light", "dark"].contains(&name) {
        faults.add(FILE, format!("themes.{name}"), "is neither light nor dark");
    }
    let roles = roles();
    for role in roles.iter().filter(|role| !theme.contains_key(**role)) {
        faults.add(FILE, field(role), "is missing");
    }
    for role in theme.keys().filter(|role| !roles.contains(role.as_str())) {
        faults.add(FILE, field(role), "is no role of a colour");
    }
    for (front, back) in READABLE {
        let (Some(colour), Some(behind)) = (theme.get(front), theme.get(back)) else { continue };
        let contrast = colour.contrast(*behind);
        if contrast < CONTRAST_MIN {
            faults.add(
                FILE,
                field(front),
                format!("has a contrast of {contrast:.2} to {back}; {CONTRAST_MIN} is the least"),
            );
        }
    }
}

//! Sites: their maps, zones, closures and speed limits, and the tiles of their roads.

use fleet::site::{CORNERS_MAX, ClosureClass, MapVersion, Restriction as Kept, SPEED_LIMIT_MPS, ZoneKind};
use kernel::id::RestrictionId;
use kernel::{Coordinate, SiteId, Timestamp, VehicleId};
use routing::import::ImportReport;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Name, Sentence};

/// A road network as CSV texts.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NetworkTables {
    pub nodes: String,
    pub links: String,
    /// Turn restrictions.
    pub turns: Option<String>,
    /// Links where a vehicle must not stop.
    pub no_stop: Option<String>,
}

#[derive(Serialize, JsonSchema)]
pub struct Imported {
    pub site: SiteId,
    pub version: u64,
    pub digest: String,
    pub nodes: u64,
    pub edges: u64,
    pub report: ImportReport,
}

view! {
    Site of row: (SiteId, fleet::Site) {
        site: SiteId = row.0,
        map: MapVersion = row.1.map,
        restrictions: Vec<Restriction> = row.1.restrictions.into_iter().map(|(id, kept)| Restriction::of(id, kept, None)).collect(),
    }
}

#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Restriction {
    Zone(Zone),
    Closure(Closure),
    SpeedLimit(SpeedLimit),
}

impl Restriction {
    pub fn of(id: String, kept: Kept, in_force: Option<InForce>) -> Self {
        let class = kept.class().unwrap_or_default();
        match kept {
            Kept::Zone { name, kind, polygon, owner, class: _, reason, from, until } => {
                let r#type = ZoneWord::Zone;
                Self::Zone(Zone { id, r#type, name, kind, class, polygon, owner, reason, from, until, in_force })
            }
            Kept::Closure { class: _, polygon, owner, reason, from, until } => {
                let r#type = ClosureWord::Closure;
                Self::Closure(Closure { id, r#type, class, polygon, owner, reason, from, until, in_force })
            }
            Kept::SpeedLimit { max_speed_mps, place, polygon, owner, reason, from, until } => {
                let r#type = SpeedLimitWord::SpeedLimit;
                let limit =
                    SpeedLimit { id, r#type, max_speed_mps, place, polygon, owner, reason, from, until, in_force };
                Self::SpeedLimit(limit)
            }
        }
    }
}

#[derive(Serialize, JsonSchema)]
pub struct Zone {
    #[schemars(with = "RestrictionId")]
    pub id: String,
    pub r#type: ZoneWord,
    pub name: String,
    pub kind: ZoneKind,
    pub class: ClosureClass,
    pub polygon: Vec<Coordinate>,
    /// Who drew it.
    pub owner: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Since when, where that is not when it was drawn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_force: Option<InForce>,
}

#[derive(Serialize, JsonSchema)]
pub struct Closure {
    #[schemars(with = "RestrictionId")]
    pub id: String,
    pub r#type: ClosureWord,
    pub class: ClosureClass,
    pub polygon: Vec<Coordinate>,
    /// Who closed the roads.
    pub owner: String,
    pub reason: String,
    pub from: Timestamp,
    pub until: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_force: Option<InForce>,
}

/// A lower speed in an area. Routes keep it, and vehicles by themselves as well.
#[derive(Serialize, JsonSchema)]
pub struct SpeedLimit {
    #[schemars(with = "RestrictionId")]
    pub id: String,
    pub r#type: SpeedLimitWord,
    /// In metres per second. The limit of a sector in force for such places holds instead where it is lower.
    pub max_speed_mps: f64,
    /// What the place is, such as `haul-road`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    pub polygon: Vec<Coordinate>,
    /// Who set it.
    pub owner: String,
    pub reason: String,
    pub from: Timestamp,
    pub until: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_force: Option<InForce>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum SpeedLimitWord {
    SpeedLimit,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum ZoneWord {
    Zone,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum ClosureWord {
    Closure,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClosureOrder {
    #[serde(default)]
    pub class: ClosureClass,
    #[schemars(length(min = 3, max = CORNERS_MAX))]
    pub polygon: Vec<Coordinate>,
    pub reason: Sentence,
    /// Since when; now, where it is not said.
    pub from: Option<Timestamp>,
    pub until: Option<Timestamp>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ZoneOrder {
    pub name: Name,
    pub kind: ZoneKind,
    #[schemars(length(min = 3, max = CORNERS_MAX))]
    pub polygon: Vec<Coordinate>,
    pub class: Option<ClosureClass>,
    pub reason: Option<Sentence>,
    pub from: Option<Timestamp>,
    pub until: Option<Timestamp>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SpeedLimitOrder {
    /// In metres per second.
    #[schemars(range(min = SPEED_LIMIT_MPS.0, max = SPEED_LIMIT_MPS.1))]
    pub max_speed_mps: f64,
    /// What the place is, such as `haul-road`: the limit of the sector in force for such places holds there too, if it is lower.
    #[schemars(regex(pattern = kernel::text::WORD))]
    pub place: Option<String>,
    #[schemars(length(min = 3, max = CORNERS_MAX))]
    pub polygon: Vec<Coordinate>,
    pub reason: Sentence,
    /// Since when; now, where it is not said.
    pub from: Option<Timestamp>,
    pub until: Option<Timestamp>,
}

/// Where the tiles of a site's roads are and what they cover (TileJSON 3.0).
#[derive(Serialize, JsonSchema)]
pub struct Tiles {
    pub tilejson: &'static str,
    pub name: SiteId,
    /// The map's digest.
    pub version: String,
    /// West, south, east, north; none of a map without roads.
    pub bounds: Option<[f64; 4]>,
    pub minzoom: u8,
    pub maxzoom: u8,
    pub tiles: Vec<String>,
    pub vector_layers: Vec<Value>,
}

/// On how many of the vehicles that count a zone, closure or speed limit holds.
#[derive(Serialize, JsonSchema)]
pub struct InForce {
    pub on: usize,
    pub of: usize,
    /// What a speed limit comes to in metres per second: the sector's for such places where that is lower.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_speed_mps: Option<f64>,
    /// The first of those that have not confirmed it.
    pub waiting: Vec<WaitingVehicle>,
}

/// A vehicle that has not confirmed a rule.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
pub struct WaitingVehicle {
    pub id: VehicleId,
    pub name: String,
}

//! Places of a site, and the service areas of a city.

use std::collections::BTreeSet;

use kernel::{Coordinate, SiteId, Timestamp};
use schemars::JsonSchema;
use sectors::area::{HOURS_MAX, Hours, NewServiceArea, OFFSET_MIN_MAX, ServiceArea};
use sectors::place::{Loader, NewPlace, Place, PlaceKind, RADIUS_M_MAX};
use sectors::{PlaceId, ServiceAreaId};
use serde::{Deserialize, Serialize};

use super::{Name, PageLimit};

/// The most corners of an area.
pub const CORNERS_MAX: usize = 500;

/// Of which site, and where the list goes on.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct OfSite<C = String> {
    pub site: Option<SiteId>,
    pub after: Option<C>,
    pub limit: Option<PageLimit>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlaceRequest {
    site: SiteId,
    name: Name,
    kind: PlaceKind,
    at: Coordinate,
    #[schemars(range(min = 1, max = RADIUS_M_MAX))]
    radius_m: f64,
    /// What loads trucks, at a load face.
    loader: Option<Loader>,
    /// Whether people with a wheelchair can board.
    wheelchair: Option<bool>,
    /// Classes of dangerous goods that are not set down here.
    hazards_refused: Option<BTreeSet<String>>,
}

impl From<PlaceRequest> for NewPlace {
    fn from(asked: PlaceRequest) -> Self {
        let PlaceRequest { site, name, kind, at, radius_m, loader, wheelchair, hazards_refused } = asked;
        let (wheelchair, hazards_refused) = (wheelchair.unwrap_or_default(), hazards_refused.unwrap_or_default());
        Self { site, name: name.0, kind, at, radius_m, loader, wheelchair, hazards_refused }
    }
}

view! {
    PlaceView of it: (PlaceId, Place) {
        id: PlaceId = it.0,
        site: SiteId = it.1.of.site,
        name: String = it.1.of.name,
        kind: PlaceKind = it.1.of.kind,
        at: Coordinate = it.1.of.at,
        radius_m: f64 = it.1.of.radius_m,
        loader: Option<Loader> = it.1.of.loader,
        wheelchair: bool = it.1.of.wheelchair,
        hazards_refused: BTreeSet<String> = it.1.of.hazards_refused,
        named_by: String = it.1.named_by,
        named_at: Timestamp = it.1.named_at,
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServiceAreaRequest {
    site: SiteId,
    name: Name,
    #[schemars(length(min = 3, max = CORNERS_MAX))]
    area: Vec<Coordinate>,
    #[schemars(length(min = 1, max = HOURS_MAX))]
    hours: Vec<Hours>,
    /// What its clock is ahead of UTC, in minutes.
    #[schemars(range(min = -OFFSET_MIN_MAX, max = OFFSET_MIN_MAX))]
    utc_offset_min: i64,
    /// Whether vehicles for people with a wheelchair serve it.
    wheelchair: bool,
}

impl From<ServiceAreaRequest> for NewServiceArea {
    fn from(asked: ServiceAreaRequest) -> Self {
        let ServiceAreaRequest { site, name, area, hours, utc_offset_min, wheelchair } = asked;
        Self { site, name: name.0, area, hours, utc_offset_min, wheelchair }
    }
}

#[derive(Serialize, JsonSchema)]
pub struct ServiceAreaView {
    pub id: ServiceAreaId,
    pub site: SiteId,
    pub name: String,
    pub area: Vec<Coordinate>,
    pub hours: Vec<Hours>,
    pub utc_offset_min: i64,
    pub wheelchair: bool,
    pub drawn_by: String,
    pub drawn_at: Timestamp,
    pub open_now: bool,
}

impl ServiceAreaView {
    pub fn of(id: ServiceAreaId, area: ServiceArea, now: Timestamp) -> Self {
        let open_now = area.is_open(now);
        let NewServiceArea { site, name, area: corners, hours, utc_offset_min, wheelchair } = area.of;
        let (drawn_by, drawn_at) = (area.drawn_by, area.drawn_at);
        Self { id, site, name, area: corners, hours, utc_offset_min, wheelchair, drawn_by, drawn_at, open_now }
    }
}

//! Sites: their maps, zones and closures.

use std::sync::{Arc, OnceLock};

use api_types::sites::Restriction;
use api_types::{List, Named, Page, sites as api};
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::handler::Handler;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use fleet::MapSource;
use fleet::actions::{IMPORT_SITE, LIFT_CLOSURE, MAY_IMPORT_SITE, MAY_READ_FLEET, MAY_RESTRICT_SITE};
use fleet::site::{NewMap, SiteRoadsClosed, SiteSpeedLimited, SiteZoneDrawn};
use kernel::id::RestrictionId;
use kernel::{BoxFuture, Code, Reject, SiteId, TenantId};
use routing::import::{ImportError, ImportReport};
use store::{CommandError, Fault};

use super::MAP_BYTES_MAX;
use super::auth::Caller;
use super::endpoint::{self, EDIT, Endpoint, TAGGED};
use super::extract::{Body, Id, Ids, IfMatch, IfNoneMatch, Parameters, check_is_json};
use super::problem::Problem;
use crate::Gateway;
use crate::maps::{MapError, RoadNetwork};

/// What can be asked here.
pub const ENDPOINTS: &[Endpoint] = &[
    Endpoint {
        summary: "Import a road network as the site's map",
        headers: EDIT,
        body: endpoint::takes::<api::NetworkTables>(),
        status: 201,
        answer: endpoint::json::<api::Imported>(),
        asks: Some(IMPORT_SITE),
        body_bytes_max: MAP_BYTES_MAX,
        handle: |request, gateway| Handler::call(import, request, gateway),
        ..endpoint::put("/v1/sites/{site}/map", MAY_IMPORT_SITE)
    },
    Endpoint {
        summary: "List sites",
        query: endpoint::takes::<Page>(),
        answer: endpoint::list::<api::Site, SiteId>(),
        handle: |request, gateway| Handler::call(list, request, gateway),
        ..endpoint::get("/v1/sites", MAY_READ_FLEET)
    },
    Endpoint {
        summary: "Show a site: its map, zones, closures and speed limits",
        headers: TAGGED,
        answer: endpoint::json::<api::Site>(),
        handle: |request, gateway| Handler::call(show, request, gateway),
        ..endpoint::get("/v1/sites/{site}", MAY_READ_FLEET)
    },
    Endpoint {
        summary: "The closures of a site, and on which vehicles each is in force",
        answer: endpoint::list::<api::Closure, String>(),
        handle: |request, gateway| Handler::call(closures, request, gateway),
        ..endpoint::get("/v1/sites/{site}/closures", MAY_READ_FLEET)
    },
    Endpoint {
        summary: "Close the roads inside a polygon, now or from a time on",
        headers: EDIT,
        body: endpoint::takes::<api::ClosureOrder>(),
        status: 201,
        answer: endpoint::json::<Named<RestrictionId>>(),
        handle: |request, gateway| Handler::call(close, request, gateway),
        ..endpoint::post("/v1/sites/{site}/closures", MAY_RESTRICT_SITE)
    },
    Endpoint {
        summary: "The zones of a site, and on which vehicles each is in force",
        answer: endpoint::list::<api::Zone, String>(),
        handle: |request, gateway| Handler::call(zones, request, gateway),
        ..endpoint::get("/v1/sites/{site}/zones", MAY_READ_FLEET)
    },
    Endpoint {
        summary: "Draw a zone, for now or from a time on",
        headers: EDIT,
        body: endpoint::takes::<api::ZoneOrder>(),
        status: 201,
        answer: endpoint::json::<Named<RestrictionId>>(),
        handle: |request, gateway| Handler::call(draw_zone, request, gateway),
        ..endpoint::post("/v1/sites/{site}/zones", MAY_RESTRICT_SITE)
    },
    Endpoint {
        summary: "The speed limits in areas of a site, and on which vehicles each is in force",
        answer: endpoint::list::<api::SpeedLimit, String>(),
        handle: |request, gateway| Handler::call(speed_limits, request, gateway),
        ..endpoint::get("/v1/sites/{site}/speed-limits", MAY_READ_FLEET)
    },
    Endpoint {
        summary: "Limit the speed on the roads inside a polygon, now or from a time on",
        headers: EDIT,
        body: endpoint::takes::<api::SpeedLimitOrder>(),
        status: 201,
        answer: endpoint::json::<Named<RestrictionId>>(),
        handle: |request, gateway| Handler::call(limit_speed, request, gateway),
        ..endpoint::post("/v1/sites/{site}/speed-limits", MAY_RESTRICT_SITE)
    },
    Endpoint {
        summary: "Lift a closure, zone or speed limit",
        headers: EDIT,
        answer: endpoint::json::<Named<RestrictionId>>(),
        asks: Some(LIFT_CLOSURE),
        handle: |request, gateway| Handler::call(lift, request, gateway),
        ..endpoint::delete("/v1/sites/{site}/restrictions/{restriction}", MAY_RESTRICT_SITE)
    },
];

/// The type under which an OpenStreetMap extract is sent.
pub const OSM_PBF: &str = "application/vnd.openstreetmap.data+pbf";

impl From<MapError> for Problem {
    fn from(error: MapError) -> Self {
        match error {
            MapError::Import(error) => unreadable(&error).into(),
            other => {
                let cause = std::error::Error::source(&other).map(ToString::to_string);
                tracing::error!(error = %other, cause, "a map cannot be used");
                Problem::new(Code::Unavailable, other.to_string())
            }
        }
    }
}

fn unreadable(error: &ImportError) -> Reject {
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
    Reject::invalid_field("/", format!("{error}{cause}"))
}

/// A network that a client sent for a site. Read once, however often the import is decided.
struct Sent<'a> {
    gateway: &'a Gateway,
    tenant: &'a TenantId,
    site: &'a SiteId,
    network: RoadNetwork,
    read: OnceLock<(NewMap, ImportReport)>,
}

impl MapSource for Sent<'_> {
    fn trips_open(&self) -> BoxFuture<'_, Result<u32, CommandError>> {
        Box::pin(self.gateway.trips.open_at(self.tenant, self.site))
    }

    fn read(&self) -> BoxFuture<'_, Result<Result<NewMap, Reject>, Fault>> {
        Box::pin(async {
            if let Some((map, _)) = self.read.get() {
                return Ok(Ok(map.clone()));
            }
            let (graph, report) = match self.gateway.maps.import(&self.network).await {
                Ok(imported) => imported,
                Err(MapError::Import(error)) => return Ok(Err(unreadable(&error))),
                Err(other) => return Err(Fault::Unavailable { what: "keep the map", source: Box::new(other) }),
            };
            let map = NewMap { digest: graph.digest(), nodes: report.nodes as u64, edges: report.edges as u64 };
            Ok(Ok(self.read.get_or_init(|| (map, report)).0.clone()))
        })
    }
}

fn network(headers: &HeaderMap, bytes: Bytes) -> Result<RoadNetwork, Problem> {
    if headers.get(header::CONTENT_TYPE).is_some_and(|found| found == OSM_PBF) {
        return Ok(RoadNetwork::Osm(bytes.into()));
    }
    check_is_json(headers)?;
    let api::NetworkTables { nodes, links, turns, no_stop } = super::json::read(&bytes)?;
    Ok(RoadNetwork::Csv { nodes, links, turns, no_stop })
}

/// `PUT /v1/sites/{site}/map`
pub async fn import(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(site): Id<SiteId>,
    IfMatch(version): IfMatch,
    headers: HeaderMap,
    bytes: Bytes,
) -> Result<(StatusCode, Json<api::Imported>), Problem> {
    let ctx = caller.ctx_at(site.clone()).if_version(version);
    let network = network(&headers, bytes)?;
    let sent = Sent { gateway: &gateway, tenant: &ctx.tenant, site: &site, network, read: OnceLock::new() };
    let version = gateway.fleet.import_map(&ctx, &site, &sent).await?;
    let (NewMap { digest, nodes, edges }, report) =
        sent.read.into_inner().ok_or(Fault::Misuse("a map is in force that was not read"))?;
    Ok((StatusCode::CREATED, Json(api::Imported { site, version, digest, nodes, edges, report })))
}

/// `GET /v1/sites`
pub async fn list(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Parameters(page): Parameters<Page>,
) -> Result<Json<List<api::Site, SiteId>>, Problem> {
    let query = page.query();
    let limit = query.limit;
    let sites = gateway.fleet.sites(&caller.authenticated.tenant, query).await?;
    Ok(Json(List::page(sites, limit, |(id, _)| id.clone())))
}

/// `GET /v1/sites/{site}`
pub async fn show(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<SiteId>,
    known: IfNoneMatch,
) -> Result<Response, Problem> {
    let site = gateway.fleet.site_version(&caller.authenticated.tenant, &id).await?;
    let site = site.ok_or_else(|| Problem::not_found("site", &id))?;
    Ok(known.answer(site.version, None, api::Site::from((id, site.state))))
}

impl Gateway {
    /// The zones, closures and speed limits of a site, of which there are at most 500, with where they hold.
    async fn restrictions(&self, caller: &Caller, id: &SiteId) -> Result<impl Iterator<Item = Restriction>, Problem> {
        let tenant = &caller.authenticated.tenant;
        let site = self.fleet.site_version(tenant, id).await?.ok_or_else(|| Problem::not_found("site", id))?;
        let kept = self.in_force(tenant, id, &site).await?;
        Ok(site.state.restrictions.into_iter().map(move |(id, restriction)| {
            let in_force = kept.of(&id);
            Restriction::of(id, restriction, Some(in_force))
        }))
    }
}

/// `GET /v1/sites/{site}/closures`
pub async fn closures(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(site): Id<SiteId>,
) -> Result<Json<List<api::Closure>>, Problem> {
    let all = gateway.restrictions(&caller, &site).await?;
    Ok(Json(List::whole(all.filter_map(|one| if let Restriction::Closure(one) = one { Some(one) } else { None }))))
}

/// `GET /v1/sites/{site}/zones`
pub async fn zones(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(site): Id<SiteId>,
) -> Result<Json<List<api::Zone>>, Problem> {
    let all = gateway.restrictions(&caller, &site).await?;
    Ok(Json(List::whole(all.filter_map(|one| if let Restriction::Zone(one) = one { Some(one) } else { None }))))
}

/// `POST /v1/sites/{site}/closures`
pub async fn close(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(site): Id<SiteId>,
    IfMatch(version): IfMatch,
    body: Body<api::ClosureOrder>,
) -> Result<(StatusCode, Json<Named<RestrictionId>>), Problem> {
    let ctx = caller.ctx_at(site.clone()).if_version(version);
    let api::ClosureOrder { class, polygon, reason, from, until } = body.value;
    let restriction: RestrictionId = ctx.new_id();
    let (from, reason) = (from.unwrap_or(ctx.now), reason.0);
    let closed = SiteRoadsClosed { restriction, class, polygon, owner: ctx.actor.id.clone(), reason, from, until };
    let id = gateway.fleet.close_roads(&ctx, &site, closed).await?;
    Ok((StatusCode::CREATED, Json(Named { id })))
}

/// `POST /v1/sites/{site}/zones`
pub async fn draw_zone(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(site): Id<SiteId>,
    IfMatch(version): IfMatch,
    body: Body<api::ZoneOrder>,
) -> Result<(StatusCode, Json<Named<RestrictionId>>), Problem> {
    let ctx = caller.ctx_at(site.clone()).if_version(version);
    let api::ZoneOrder { name, kind, polygon, class, reason, from, until } = body.value;
    let (name, reason) = (name.0, reason.map(|reason| reason.0));
    let (restriction, owner) = (ctx.new_id(), ctx.actor.id.clone());
    let drawn = SiteZoneDrawn { restriction, name, kind, polygon, owner, class, reason, from, until };
    let id = gateway.fleet.draw_zone(&ctx, &site, drawn).await?;
    Ok((StatusCode::CREATED, Json(Named { id })))
}

/// `GET /v1/sites/{site}/speed-limits`
pub async fn speed_limits(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(site): Id<SiteId>,
) -> Result<Json<List<api::SpeedLimit>>, Problem> {
    let all = gateway.restrictions(&caller, &site).await?;
    Ok(Json(List::whole(all.filter_map(|one| if let Restriction::SpeedLimit(one) = one { Some(one) } else { None }))))
}

/// `POST /v1/sites/{site}/speed-limits`
pub async fn limit_speed(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(site): Id<SiteId>,
    IfMatch(version): IfMatch,
    body: Body<api::SpeedLimitOrder>,
) -> Result<(StatusCode, Json<Named<RestrictionId>>), Problem> {
    let ctx = caller.ctx_at(site.clone()).if_version(version);
    let api::SpeedLimitOrder { max_speed_mps, place, polygon, reason, from, until } = body.value;
    let (restriction, owner) = (ctx.new_id(), ctx.actor.id.clone());
    let (from, reason) = (from.unwrap_or(ctx.now), reason.0);
    let limited = SiteSpeedLimited { restriction, max_speed_mps, place, polygon, owner, reason, from, until };
    let id = gateway.fleet.limit_speed(&ctx, &site, limited).await?;
    Ok((StatusCode::CREATED, Json(Named { id })))
}

/// `DELETE /v1/sites/{site}/restrictions/{restriction}`
pub async fn lift(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Ids(site, id): Ids<SiteId, RestrictionId>,
    IfMatch(version): IfMatch,
) -> Result<Json<Named<RestrictionId>>, Problem> {
    gateway.fleet.lift(&caller.ctx_at(site.clone()).if_version(version), &site, id).await?;
    Ok(Json(Named { id }))
}

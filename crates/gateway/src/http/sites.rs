//! Sites: their maps, zones and closures.

use std::sync::{Arc, OnceLock};

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use fleet::site::{ClosureClass, NewMap, Restriction, SiteRoadsClosed, SiteZoneDrawn, ZoneKind};
use fleet::{MapSource, Site};
use kernel::id::RestrictionId;
use kernel::{BoxFuture, Code, Coordinate, Reject, SiteId, TenantId, Timestamp};
use routing::import::{ImportError, ImportReport};
use serde::Deserialize;
use serde_json::{Value, json};
use store::port::PAGE_LIMIT_MAX;
use store::{CommandError, Fault, ListQuery};

use super::auth::Caller;
use super::endpoints::MAP_BODY;
use super::extract::{Body, Id, Ids, IfMatch, IfNoneMatch, Limit, Parameters, check_is_json};
use super::principals;
use super::problem::Problem;
use super::vehicles;
use crate::Gateway;
use crate::maps::{MapError, RoadNetwork};

/// The type under which an OpenStreetMap extract is sent.
pub const OSM_PBF: &str = "application/vnd.openstreetmap.data+pbf";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CsvBody {
    nodes: String,
    links: String,
    turns: Option<String>,
    no_stop: Option<String>,
}

/// Where a list goes on.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Page {
    after: Option<String>,
    limit: Option<Limit<{ PAGE_LIMIT_MAX as u64 }>>,
}

impl Page {
    /// The query of the page.
    pub fn query(self, filters: Vec<(&'static str, String)>) -> ListQuery {
        let all = ListQuery::all();
        ListQuery { filters, after: self.after, limit: self.limit.map_or(all.limit, Limit::as_usize), ..all }
    }
}

fn shown(id: &SiteId, site: &Site) -> Value {
    let restrictions: Vec<Value> = site.restrictions.iter().map(|(id, restriction)| row(id, restriction)).collect();
    json!({ "site": id, "map": site.map, "restrictions": restrictions })
}

fn row(id: &str, restriction: &Restriction) -> Value {
    let mut shown = json!(restriction);
    shown["id"] = json!(id);
    shown["class"] = json!(restriction.class());
    shown
}

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
    let CsvBody { nodes, links, turns, no_stop } = super::json::read(MAP_BODY, &bytes)?;
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
) -> Result<(StatusCode, Json<Value>), Problem> {
    let ctx = caller.ctx_at(site.clone()).if_version(version);
    let network = network(&headers, bytes)?;
    let sent = Sent { gateway: &gateway, tenant: &ctx.tenant, site: &site, network, read: OnceLock::new() };
    let number = gateway.fleet.import_map(&ctx, &site, &sent).await?;
    let (NewMap { digest, nodes, edges }, report) =
        sent.read.into_inner().ok_or(Fault::Misuse("a map is in force that was not read"))?;
    let answer =
        json!({ "site": site, "version": number, "digest": digest, "nodes": nodes, "edges": edges, "report": report });
    Ok((StatusCode::CREATED, Json(answer)))
}

/// `GET /v1/sites`
pub async fn list(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Parameters(page): Parameters<Page>,
) -> Result<Json<Value>, Problem> {
    let query = page.query(Vec::new());
    let limit = query.limit;
    let sites = gateway.fleet.sites(&caller.authenticated.tenant, query).await?;
    let next = sites.last().filter(|_| sites.len() == limit).map(|(id, _)| id.to_string());
    Ok(Json(json!({ "items": sites.iter().map(|(id, site)| shown(id, site)).collect::<Vec<_>>(), "next": next })))
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
    Ok(known.answer(site.version, None, shown(&id, &site.state)))
}

/// The zones or closures of a site with where they hold.
async fn listed(
    gateway: &Gateway,
    caller: &Caller,
    id: &SiteId,
    wanted: fn(&Restriction) -> bool,
) -> Result<Json<Value>, Problem> {
    let tenant = &caller.authenticated.tenant;
    let site = gateway.fleet.site(tenant, id).await?.ok_or_else(|| Problem::not_found("site", id))?;
    let kept = gateway.in_force(tenant, id).await?;
    let items = site.restrictions.iter().filter(|(_, restriction)| wanted(restriction)).map(|(id, restriction)| {
        let mut shown = row(id, restriction);
        shown["in_force"] = kept.of(id);
        shown
    });
    // A site has at most 500 of both.
    Ok(Json(json!({ "items": items.collect::<Vec<_>>(), "next": null })))
}

/// `GET /v1/sites/{site}/closures`
pub async fn closures(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(site): Id<SiteId>,
) -> Result<Json<Value>, Problem> {
    listed(&gateway, &caller, &site, |restriction| matches!(restriction, Restriction::Closure { .. })).await
}

/// `GET /v1/sites/{site}/zones`
pub async fn zones(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(site): Id<SiteId>,
) -> Result<Json<Value>, Problem> {
    listed(&gateway, &caller, &site, |restriction| matches!(restriction, Restriction::Zone { .. })).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClosureBody {
    #[serde(default)]
    class: ClosureClass,
    polygon: Vec<Coordinate>,
    reason: String,
    from: Option<Timestamp>,
    until: Option<Timestamp>,
}

/// `POST /v1/sites/{site}/closures`
pub async fn close(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(site): Id<SiteId>,
    IfMatch(version): IfMatch,
    body: Body<ClosureBody>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let ctx = caller.ctx_at(site.clone()).if_version(version);
    let ClosureBody { class, polygon, reason, from, until } = body.value;
    let restriction: RestrictionId = ctx.new_id();
    let (from, reason) = (from.unwrap_or(ctx.now), vehicles::reason(&reason)?.to_owned());
    let closed = SiteRoadsClosed { restriction, class, polygon, owner: ctx.actor.id.clone(), reason, from, until };
    let id = gateway.fleet.close_roads(&ctx, &site, closed).await?;
    Ok((StatusCode::CREATED, Json(json!({ "id": id }))))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ZoneBody {
    name: String,
    kind: ZoneKind,
    polygon: Vec<Coordinate>,
    class: Option<ClosureClass>,
    reason: Option<String>,
    from: Option<Timestamp>,
    until: Option<Timestamp>,
}

/// `POST /v1/sites/{site}/zones`
pub async fn draw_zone(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(site): Id<SiteId>,
    IfMatch(version): IfMatch,
    body: Body<ZoneBody>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let ctx = caller.ctx_at(site.clone()).if_version(version);
    let ZoneBody { name, kind, polygon, class, reason, from, until } = body.value;
    let name = principals::name(&name)?.to_owned();
    let reason = reason.as_deref().map(vehicles::reason).transpose()?.map(str::to_owned);
    let (restriction, owner) = (ctx.new_id(), ctx.actor.id.clone());
    let drawn = SiteZoneDrawn { restriction, name, kind, polygon, owner, class, reason, from, until };
    let id = gateway.fleet.draw_zone(&ctx, &site, drawn).await?;
    Ok((StatusCode::CREATED, Json(json!({ "id": id }))))
}

/// `DELETE /v1/sites/{site}/restrictions/{restriction}`
pub async fn lift(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Ids(site, id): Ids<SiteId, RestrictionId>,
    IfMatch(version): IfMatch,
) -> Result<Json<Value>, Problem> {
    gateway.fleet.lift(&caller.ctx_at(site.clone()).if_version(version), &site, id).await?;
    Ok(Json(json!({ "id": id })))
}

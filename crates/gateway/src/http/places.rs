//! Places of a site, and the service areas of a city.

use std::sync::Arc;

use api_types::places as api;
use api_types::{List, Named, Within};
use axum::Json;
use axum::extract::State;
use axum::handler::Handler;
use axum::http::StatusCode;
use kernel::SiteId;
use sectors::actions::{MAY_READ_WORK, MAY_WORK};
use sectors::area::NewServiceArea;
use sectors::place::NewPlace;
use sectors::{Place, PlaceId, ServiceArea, ServiceAreaId};

use super::auth::Caller;
use super::endpoint::{self, Endpoint};
use super::extract::{Body, Id, Parameters};
use super::problem::Problem;
use crate::Gateway;

/// What can be asked here.
pub const ENDPOINTS: &[Endpoint] = &[
    Endpoint {
        summary: "The places of a site, or of all sites",
        query: endpoint::takes::<api::OfSite<PlaceId>>(),
        answer: endpoint::list::<api::PlaceView, PlaceId>(),
        handle: |request, gateway| Handler::call(list, request, gateway),
        ..endpoint::get("/v1/places", MAY_READ_WORK)
    },
    Endpoint {
        summary: "Name a place of a site: a load face, a dump, a gate, a block, a pick-up place",
        body: endpoint::takes::<api::PlaceRequest>(),
        status: 201,
        answer: endpoint::json::<api::PlaceView>(),
        handle: |request, gateway| Handler::call(name, request, gateway),
        ..endpoint::post("/v1/places", MAY_WORK)
    },
    Endpoint {
        summary: "Give a place up",
        answer: endpoint::json::<Named<PlaceId>>(),
        handle: |request, gateway| Handler::call(give_up, request, gateway),
        ..endpoint::delete("/v1/places/{place}", MAY_WORK)
    },
    Endpoint {
        summary: "The service areas of a site, or of all sites, and whether each is open now",
        query: endpoint::takes::<api::OfSite<ServiceAreaId>>(),
        answer: endpoint::list::<api::ServiceAreaView, ServiceAreaId>(),
        handle: |request, gateway| Handler::call(list_areas, request, gateway),
        ..endpoint::get("/v1/service-areas", MAY_READ_WORK)
    },
    Endpoint {
        summary: "Draw a service area with its hours",
        body: endpoint::takes::<api::ServiceAreaRequest>(),
        status: 201,
        answer: endpoint::json::<api::ServiceAreaView>(),
        handle: |request, gateway| Handler::call(draw_area, request, gateway),
        ..endpoint::post("/v1/service-areas", MAY_WORK)
    },
    Endpoint {
        summary: "Give a service area up",
        answer: endpoint::json::<Named<ServiceAreaId>>(),
        handle: |request, gateway| Handler::call(give_up_area, request, gateway),
        ..endpoint::delete("/v1/service-areas/{area}", MAY_WORK)
    },
];

/// Items of one answer where the caller says nothing.
const ITEMS_DEFAULT: usize = 100;

impl Gateway {
    /// Refuses a site that the tenant does not have.
    pub(super) async fn known_site(&self, caller: &Caller, site: &SiteId) -> Result<(), Problem> {
        let known = self.fleet.site(&caller.authenticated.tenant, site).await?;
        known.map(drop).ok_or_else(|| Problem::not_found("site", site))
    }
}

/// `GET /v1/places`
pub async fn list(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Parameters(asked): Parameters<api::OfSite<PlaceId>>,
) -> Result<Json<List<api::PlaceView, PlaceId>>, Problem> {
    let tenant = &caller.authenticated.tenant;
    if let Some(site) = &asked.site {
        return Ok(Json(List::whole(gateway.work.places_of(tenant, site).await?)));
    }
    let limit = asked.limit.map_or(ITEMS_DEFAULT, Within::as_usize);
    let page = gateway.work.page::<Place>(tenant, asked.after, limit).await?;
    let next = page.last().filter(|_| page.len() == limit).map(|(id, _)| *id);
    let used = page.into_iter().filter(|(_, place)| place.is_used());
    Ok(Json(List { next, ..List::whole(used) }))
}

/// `POST /v1/places`
pub async fn name(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    body: Body<api::PlaceRequest>,
) -> Result<(StatusCode, Json<api::PlaceView>), Problem> {
    let place = NewPlace::from(body.value);
    let ctx = caller.ctx_at(place.site.clone());
    let id = gateway.work.name_place(&ctx, &place).await?;
    let known = gateway.work.place(&ctx.tenant, id).await?;
    Ok((StatusCode::CREATED, Json((id, known).into())))
}

/// `DELETE /v1/places/{place}`
pub async fn give_up(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<PlaceId>,
) -> Result<Json<Named<PlaceId>>, Problem> {
    gateway.work.give_up_place(&caller.ctx(), id).await?;
    Ok(Json(Named { id }))
}

/// `GET /v1/service-areas`
pub async fn list_areas(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Parameters(asked): Parameters<api::OfSite<ServiceAreaId>>,
) -> Result<Json<List<api::ServiceAreaView, ServiceAreaId>>, Problem> {
    let ctx = caller.ctx();
    let limit = asked.limit.map_or(ITEMS_DEFAULT, Within::as_usize);
    let (found, next) = match &asked.site {
        Some(site) => (gateway.work.areas_of(&ctx.tenant, site).await?, None),
        None => {
            let page = gateway.work.page::<ServiceArea>(&ctx.tenant, asked.after, limit).await?;
            let next = page.last().filter(|_| page.len() == limit).map(|(id, _)| *id);
            (page, next)
        }
    };
    let served = found.into_iter().filter(|(_, area)| area.is_served());
    let items = served.map(|(id, area)| api::ServiceAreaView::of(id, area, ctx.now)).collect();
    Ok(Json(List { items, next }))
}

/// `POST /v1/service-areas`
pub async fn draw_area(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    body: Body<api::ServiceAreaRequest>,
) -> Result<(StatusCode, Json<api::ServiceAreaView>), Problem> {
    let drawn = NewServiceArea::from(body.value);
    let ctx = caller.ctx_at(drawn.site.clone());
    let id = gateway.work.draw_area(&ctx, &drawn).await?;
    let known = gateway.work.one::<ServiceArea>(&ctx.tenant, &id).await?;
    let known = known.ok_or_else(|| Problem::not_found("service area", id))?;
    Ok((StatusCode::CREATED, Json(api::ServiceAreaView::of(id, known, ctx.now))))
}

/// `DELETE /v1/service-areas/{area}`
pub async fn give_up_area(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<ServiceAreaId>,
) -> Result<Json<Named<ServiceAreaId>>, Problem> {
    gateway.work.give_up_area(&caller.ctx(), id).await?;
    Ok(Json(Named { id }))
}

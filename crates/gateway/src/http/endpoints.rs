//! Every operation of the API, once: what it is for, who may do it, what it takes and answers, and what carries it out.
//! The router, the OpenAPI document and the table of the guide are made from this.

use ::trips::actions::{
    CANCEL_TRIP, MAY_ASSIST, MAY_CANCEL_TRIP, MAY_REQUEST_TRIP, MAY_RESUME_TRIP, REQUEST_TRIP, RESUME_TRIP,
};
use ::trips::{History, RoutePreview, Story};
use axum::extract::DefaultBodyLimit;
use axum::routing::on;
use fleet::actions::{
    CLEAR_STOP, IMPORT_SITE, LIFT_CLOSURE, MAY_CLEAR_STOP, MAY_HOLD_VEHICLE, MAY_IMPORT_SITE, MAY_READ_FLEET,
    MAY_REGISTER_VEHICLE, MAY_RESTRICT_SITE, MAY_STOP_VEHICLE, REGISTER_VEHICLE, RELEASE_HOLD,
};
use fleet::vehicle::profile::Registration;
use kernel::id::{AssistId, HoldId, PrincipalId, RestrictionId, StandingId};
use kernel::{SiteId, Timestamp, TripId, VehicleId};
use serde_json::{Map, Value};
use tenancy::{MAY_MANAGE_PRINCIPALS, MAY_READ_JOURNAL};

pub use super::endpoint::{Access, Answer, Endpoint};
use super::endpoint::{delete, endpoint, get, json, list, open, post, put, takes};
use super::{
    MAP_BYTES_MAX, assistance, events, health, journal, openapi, positions, principals, problem, sites, standing,
    tenants, tiles, tlog, trips, vehicles,
};
use crate::api::assistance::{AnswerGiven, Assistance, AssistanceFilter, HandBack};
use crate::api::health::{Alive, Ready};
use crate::api::journal::{Consistency, EntriesFrom, Entry, EventsAfter, Head, Receipt, Sizes, VerificationOrder};
use crate::api::principals::{NewAdministrator, NewPrincipal, Principal, PrincipalCreated};
use crate::api::sites::{Closure, ClosureOrder, Imported, NetworkTables, Site, Tiles, Zone, ZoneOrder};
use crate::api::standing::{StandingOrder, StandingRequest};
use crate::api::tenants::{NewTenant, Tenant, TenantCreated};
use crate::api::trips::{Route, RouteRequest, Since, Trip, TripFilter, TripRequest};
use crate::api::vehicles::{
    Command, Explanation, HoldOrder, HoldPlaced, Registered, Sample, StopOrder, StopOrdered, TimeRange, Vehicle,
    WhichStop,
};
use crate::api::{Named, Page, Why};
use crate::verifications::Verification;

const ONCE: &[&str] = &["Idempotency-Key"];
const EDIT: &[&str] = &["If-Match"];
const TAGGED: &[&str] = &["If-None-Match"];

/// Every operation.
pub const ENDPOINTS: &[Endpoint] = &[
    Endpoint {
        summary: "Make a tenant and its administrator, whose token is answered once",
        body: takes::<NewTenant>(),
        status: 201,
        answer: json::<TenantCreated>(),
        route: |m| on(m, tenants::create),
        ..endpoint("post", "/v1/tenants", Access::Platform)
    },
    Endpoint {
        summary: "List tenants",
        answer: list::<Tenant, String>(),
        route: |m| on(m, tenants::list),
        ..endpoint("get", "/v1/tenants", Access::Platform)
    },
    Endpoint {
        summary: "Make another administrator for a tenant that lost its token",
        body: takes::<NewAdministrator>(),
        status: 201,
        answer: json::<PrincipalCreated>(),
        route: |m| on(m, tenants::add_administrator),
        ..endpoint("post", "/v1/tenants/{tenant}/administrators", Access::Platform)
    },
    Endpoint {
        summary: "Make a principal, whose token is answered once",
        body: takes::<NewPrincipal>(),
        status: 201,
        answer: json::<PrincipalCreated>(),
        route: |m| on(m, principals::create),
        ..post("/v1/principals", MAY_MANAGE_PRINCIPALS)
    },
    Endpoint {
        summary: "List principals",
        query: takes::<Page>(),
        answer: list::<Principal, PrincipalId>(),
        route: |m| on(m, principals::list),
        ..get("/v1/principals", MAY_MANAGE_PRINCIPALS)
    },
    Endpoint {
        summary: "Revoke a principal's access, at once and for good",
        answer: json::<Named<PrincipalId>>(),
        route: |m| on(m, principals::revoke),
        ..delete("/v1/principals/{principal}", MAY_MANAGE_PRINCIPALS)
    },
    Endpoint {
        summary: "Import a road network as the site's map",
        headers: EDIT,
        body: takes::<NetworkTables>(),
        status: 201,
        answer: json::<Imported>(),
        asks: Some(IMPORT_SITE),
        route: |m| on(m, sites::import).layer(DefaultBodyLimit::max(MAP_BYTES_MAX)),
        ..put("/v1/sites/{site}/map", MAY_IMPORT_SITE)
    },
    Endpoint {
        summary: "List sites",
        query: takes::<Page>(),
        answer: list::<Site, SiteId>(),
        route: |m| on(m, sites::list),
        ..get("/v1/sites", MAY_READ_FLEET)
    },
    Endpoint {
        summary: "Where the tiles of a site's roads are and what they cover, as TileJSON 3.0",
        answer: json::<Tiles>(),
        route: |m| on(m, tiles::index),
        ..get("/v1/sites/{site}/tiles", MAY_READ_FLEET)
    },
    Endpoint {
        summary: "A tile of a site's roads, zoom 0 to 16; the last part ends in .mvt and the ETag is the map's digest",
        headers: TAGGED,
        answer: Answer::Tile,
        route: |m| on(m, tiles::show),
        ..get("/v1/sites/{site}/tiles/{zoom}/{x}/{y}", MAY_READ_FLEET)
    },
    Endpoint {
        summary: "Show a site: its map, zones and closures",
        headers: TAGGED,
        answer: json::<Site>(),
        route: |m| on(m, sites::show),
        ..get("/v1/sites/{site}", MAY_READ_FLEET)
    },
    Endpoint {
        summary: "The closures of a site, and on which vehicles each is in force",
        answer: list::<Closure, String>(),
        route: |m| on(m, sites::closures),
        ..get("/v1/sites/{site}/closures", MAY_READ_FLEET)
    },
    Endpoint {
        summary: "Close the roads inside a polygon, now or from a time on",
        headers: EDIT,
        body: takes::<ClosureOrder>(),
        status: 201,
        answer: json::<Named<RestrictionId>>(),
        route: |m| on(m, sites::close),
        ..post("/v1/sites/{site}/closures", MAY_RESTRICT_SITE)
    },
    Endpoint {
        summary: "Find the route that a trip would have, for any vehicle or for one; nothing is kept",
        asks: Some(REQUEST_TRIP),
        body: takes::<RouteRequest>(),
        answer: json::<RoutePreview>(),
        route: |m| on(m, trips::preview),
        ..post("/v1/sites/{site}/routes", MAY_REQUEST_TRIP)
    },
    Endpoint {
        summary: "The zones of a site, and on which vehicles each is in force",
        answer: list::<Zone, String>(),
        route: |m| on(m, sites::zones),
        ..get("/v1/sites/{site}/zones", MAY_READ_FLEET)
    },
    Endpoint {
        summary: "Draw a zone, for now or from a time on",
        headers: EDIT,
        body: takes::<ZoneOrder>(),
        status: 201,
        answer: json::<Named<RestrictionId>>(),
        route: |m| on(m, sites::draw_zone),
        ..post("/v1/sites/{site}/zones", MAY_RESTRICT_SITE)
    },
    Endpoint {
        summary: "Lift a closure or zone",
        headers: EDIT,
        answer: json::<Named<RestrictionId>>(),
        asks: Some(LIFT_CLOSURE),
        route: |m| on(m, sites::lift),
        ..delete("/v1/sites/{site}/restrictions/{restriction}", MAY_RESTRICT_SITE)
    },
    Endpoint {
        summary: "Register a vehicle, whose secret is answered once",
        body: takes::<Registration>(),
        status: 201,
        answer: json::<Registered>(),
        asks: Some(REGISTER_VEHICLE),
        route: |m| on(m, vehicles::register),
        ..post("/v1/vehicles", MAY_REGISTER_VEHICLE)
    },
    Endpoint {
        summary: "List vehicles",
        query: takes::<Page>(),
        answer: list::<Vehicle, VehicleId>(),
        route: |m| on(m, vehicles::list),
        ..get("/v1/vehicles", MAY_READ_FLEET)
    },
    Endpoint {
        summary: "Show a vehicle",
        headers: TAGGED,
        answer: json::<Vehicle>(),
        route: |m| on(m, vehicles::show),
        ..get("/v1/vehicles/{vehicle}", MAY_READ_FLEET)
    },
    Endpoint {
        summary: "Stop a vehicle: asks no policy, counts against no limit, and leaves even if the store cannot commit",
        counted: false,
        body: takes::<StopOrder>(),
        status: 202,
        answer: json::<StopOrdered>(),
        route: |m| on(m, vehicles::stop),
        ..post("/v1/vehicles/{vehicle}/stop", MAY_STOP_VEHICLE)
    },
    Endpoint {
        summary: "Say why a vehicle was stopped, after the stop has left: the reason in place of the one of the order",
        body: takes::<Explanation>(),
        answer: json::<WhichStop>(),
        route: |m| on(m, vehicles::explain),
        ..post("/v1/vehicles/{vehicle}/explain", MAY_STOP_VEHICLE)
    },
    Endpoint {
        summary: "Clear a stop; the vehicle stays where it is until it is dispatched again",
        body: takes::<WhichStop>(),
        answer: json::<WhichStop>(),
        asks: Some(CLEAR_STOP),
        route: |m| on(m, vehicles::clear),
        ..post("/v1/vehicles/{vehicle}/clear", MAY_CLEAR_STOP)
    },
    Endpoint {
        summary: "Place a hold: the vehicle is not dispatched until it is released",
        headers: EDIT,
        body: takes::<HoldOrder>(),
        status: 201,
        answer: json::<HoldPlaced>(),
        route: |m| on(m, vehicles::hold),
        ..post("/v1/vehicles/{vehicle}/holds", MAY_HOLD_VEHICLE)
    },
    Endpoint {
        summary: "Release a hold that the caller placed",
        headers: EDIT,
        answer: json::<Named<HoldId>>(),
        asks: Some(RELEASE_HOLD),
        route: |m| on(m, vehicles::release),
        ..delete("/v1/vehicles/{vehicle}/holds/{hold}", MAY_HOLD_VEHICLE)
    },
    Endpoint {
        summary: "Samples of a vehicle in a time range, oldest first",
        query: takes::<TimeRange>(),
        answer: list::<Sample, Timestamp>(),
        route: |m| on(m, vehicles::telemetry),
        ..get("/v1/vehicles/{vehicle}/telemetry", MAY_READ_FLEET)
    },
    Endpoint {
        summary: "Commands to a vehicle and how far they came",
        answer: list::<Command, String>(),
        route: |m| on(m, vehicles::commands),
        ..get("/v1/vehicles/{vehicle}/commands", MAY_READ_FLEET)
    },
    Endpoint {
        summary: "Ask for a trip",
        headers: ONCE,
        body: takes::<TripRequest>(),
        status: 201,
        answer: json::<Trip>(),
        asks: Some(REQUEST_TRIP),
        route: |m| on(m, trips::create),
        ..post("/v1/trips", MAY_REQUEST_TRIP)
    },
    Endpoint {
        summary: "List trips, newest first",
        query: takes::<TripFilter>(),
        answer: list::<Trip, TripId>(),
        route: |m| on(m, trips::list),
        ..get("/v1/trips", MAY_READ_FLEET)
    },
    Endpoint {
        summary: "Show a trip, with its progress",
        answer: json::<Trip>(),
        route: |m| on(m, trips::show),
        ..get("/v1/trips/{trip}", MAY_READ_FLEET)
    },
    Endpoint {
        summary: "The version of a trip's route that is in force",
        answer: json::<Route>(),
        route: |m| on(m, trips::route),
        ..get("/v1/trips/{trip}/route", MAY_READ_FLEET)
    },
    Endpoint {
        summary: "Steps of a trip; waits up to `wait_ms`, at most 30000, for the next",
        query: takes::<Since>(),
        answer: json::<History>(),
        route: |m| on(m, trips::history),
        ..get("/v1/trips/{trip}/history", MAY_READ_FLEET)
    },
    Endpoint {
        summary: "A trip's story: each step, and the decision behind it",
        answer: json::<Story>(),
        route: |m| on(m, trips::why),
        ..get("/v1/trips/{trip}/why", MAY_READ_FLEET)
    },
    Endpoint {
        summary: "Cancel a trip; 202 and `diverted` while people or load are aboard: it ends where they leave",
        body: takes::<Why>(),
        also: Some(202),
        answer: json::<Trip>(),
        asks: Some(CANCEL_TRIP),
        route: |m| on(m, trips::cancel),
        ..post("/v1/trips/{trip}/cancel", MAY_CANCEL_TRIP)
    },
    Endpoint {
        summary: "Let a trip's standing vehicle go on; policy is asked, and the vehicle may refuse",
        body: takes::<Why>(),
        status: 202,
        answer: json::<Trip>(),
        asks: Some(RESUME_TRIP),
        route: |m| on(m, trips::resume),
        ..post("/v1/trips/{trip}/resume", MAY_RESUME_TRIP)
    },
    Endpoint {
        summary: "Say that a trip cannot be done: what its vehicle carries was looked after by people",
        body: takes::<Why>(),
        answer: json::<Trip>(),
        route: |m| on(m, trips::fail),
        ..post("/v1/trips/{trip}/fail", MAY_CANCEL_TRIP)
    },
    Endpoint {
        summary: "Open a standing order: the same trip again and again, until a quantity is moved or so many trips are done",
        headers: ONCE,
        body: takes::<StandingRequest>(),
        status: 201,
        answer: json::<StandingOrder>(),
        asks: Some(REQUEST_TRIP),
        route: |m| on(m, standing::open),
        ..post("/v1/standing-orders", MAY_REQUEST_TRIP)
    },
    Endpoint {
        summary: "List standing orders, the newest first",
        query: takes::<Page<StandingId>>(),
        answer: list::<StandingOrder, StandingId>(),
        route: |m| on(m, standing::list),
        ..get("/v1/standing-orders", MAY_READ_FLEET)
    },
    Endpoint {
        summary: "Show a standing order: what is moved, what is under way, why it pauses",
        answer: json::<StandingOrder>(),
        route: |m| on(m, standing::show),
        ..get("/v1/standing-orders/{standing}", MAY_READ_FLEET)
    },
    Endpoint {
        summary: "Call a standing order off; its trips under way go on",
        body: takes::<Why>(),
        answer: json::<StandingOrder>(),
        route: |m| on(m, standing::cancel),
        ..post("/v1/standing-orders/{standing}/cancel", MAY_CANCEL_TRIP)
    },
    Endpoint {
        summary: "List requests for assistance, the newest first; those that need somebody, or all",
        query: takes::<AssistanceFilter>(),
        answer: list::<Assistance, AssistId>(),
        route: |m| on(m, assistance::list),
        ..get("/v1/assistance", MAY_READ_FLEET)
    },
    Endpoint {
        summary: "Show a request for assistance, with what the vehicle shows",
        answer: json::<Assistance>(),
        route: |m| on(m, assistance::show),
        ..get("/v1/assistance/{assistance}", MAY_READ_FLEET)
    },
    Endpoint {
        summary: "Take a request for assistance for five minutes, or renew the lease",
        answer: json::<Assistance>(),
        route: |m| on(m, assistance::take),
        ..post("/v1/assistance/{assistance}/take", MAY_ASSIST)
    },
    Endpoint {
        summary: "Give a request for assistance back",
        body: takes::<HandBack>(),
        answer: json::<Assistance>(),
        route: |m| on(m, assistance::hand_back),
        ..post("/v1/assistance/{assistance}/hand-back", MAY_ASSIST)
    },
    Endpoint {
        summary: "Answer a request for assistance; the vehicle checks the answer and may refuse",
        body: takes::<AnswerGiven>(),
        answer: json::<Assistance>(),
        asks: Some(RESUME_TRIP),
        route: |m| on(m, assistance::answer),
        ..post("/v1/assistance/{assistance}/answer", MAY_ASSIST)
    },
    Endpoint {
        summary: "Entries of the journal; waits up to `wait_ms`, at most 30000, for the first",
        query: takes::<EntriesFrom>(),
        answer: list::<Entry, u64>(),
        route: |m| on(m, journal::list),
        ..get("/v1/journal", MAY_READ_JOURNAL)
    },
    Endpoint {
        summary: "The signed head of the journal",
        answer: json::<Head>(),
        route: |m| on(m, journal::head),
        ..get("/v1/journal/head", MAY_READ_JOURNAL)
    },
    Endpoint {
        summary: "The proof that an event is in the journal",
        answer: json::<Receipt>(),
        route: |m| on(m, journal::prove),
        ..get("/v1/journal/{event}/proof", MAY_READ_JOURNAL)
    },
    Endpoint {
        summary: "The same proof as a text that verifiers of transparency logs read (C2SP tlog-proof)",
        answer: Answer::Text,
        route: |m| on(m, tlog::prove),
        ..get("/v1/journal/{event}/tlog-proof", MAY_READ_JOURNAL)
    },
    Endpoint {
        summary: "The newest signed head as a checkpoint (C2SP tlog-checkpoint)",
        answer: Answer::Text,
        route: |m| on(m, tlog::checkpoint),
        ..get("/v1/journal/checkpoint", MAY_READ_JOURNAL)
    },
    Endpoint {
        summary: "Hashes or entries of the journal by the name of their tile, as 0/x001/234.p/5 or entries/000 (C2SP tlog-tiles)",
        answer: Answer::Bytes,
        route: |m| on(m, tlog::tile),
        ..get("/v1/journal/tile/{tile}", MAY_READ_JOURNAL)
    },
    Endpoint {
        summary: "The proof that the journal of `from` entries is a beginning of that of `to`, which is the newest where it is not said (RFC 6962)",
        query: takes::<Sizes>(),
        answer: json::<Consistency>(),
        route: |m| on(m, tlog::consistency),
        ..get("/v1/journal/consistency", MAY_READ_JOURNAL)
    },
    Endpoint {
        summary: "Begin to verify the journal, with `replay` also every row against it; the one under way is answered where there is one",
        body: takes::<VerificationOrder>(),
        status: 202,
        answer: json::<Verification>(),
        route: |m| on(m, journal::verify),
        ..post("/v1/journal/verify", MAY_READ_JOURNAL)
    },
    Endpoint {
        summary: "How far a verification is, and what it found",
        answer: json::<Verification>(),
        route: |m| on(m, journal::verification),
        ..get("/v1/journal/verify/{verification}", MAY_READ_JOURNAL)
    },
    Endpoint {
        summary: "The journal as it grows, as Server-Sent Events",
        query: takes::<EventsAfter>(),
        headers: &["Last-Event-ID"],
        answer: Answer::Events,
        route: |m| on(m, events::follow),
        ..get("/v1/events", MAY_READ_JOURNAL)
    },
    Endpoint {
        summary: "Positions of the vehicles, over a WebSocket",
        status: 101,
        answer: Answer::Socket,
        route: |m| on(m, positions::watch),
        ..get("/v1/positions", MAY_READ_FLEET)
    },
    Endpoint {
        summary: "This API as OpenAPI 3.1",
        answer: json::<Map<String, Value>>(),
        route: |m| on(m, openapi::show),
        ..open("/v1/openapi.json")
    },
    Endpoint {
        summary: "What a problem means and what to do next, as its `type` names it",
        answer: Answer::Text,
        route: |m| on(m, problem::page),
        ..open("/docs/errors/{code}")
    },
    Endpoint {
        summary: "Whether the process answers",
        answer: json::<Alive>(),
        route: |m| on(m, health::alive),
        ..open("/healthz")
    },
    Endpoint {
        summary: "Whether the store can be read",
        answer: json::<Ready>(),
        route: |m| on(m, health::ready),
        ..open("/readyz")
    },
    Endpoint {
        summary: "Metrics as Prometheus text",
        answer: Answer::Text,
        route: |m| on(m, health::metrics),
        ..open("/metrics")
    },
];

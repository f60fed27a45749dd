//! Every operation of the API, once: what it is for, who may do it, what it takes and answers, and what carries it out.
//! The router, the OpenAPI document and the table of the guide are made from this.

use std::sync::Arc;

use ::trips::actions::{
    CANCEL_TRIP, MAY_ASSIST, MAY_CANCEL_TRIP, MAY_REQUEST_TRIP, MAY_RESUME_TRIP, REQUEST_TRIP, RESUME_TRIP,
};
use axum::extract::DefaultBodyLimit;
use axum::routing::{MethodFilter, MethodRouter, on};
use fleet::actions::{
    CLEAR_STOP, IMPORT_SITE, LIFT_CLOSURE, MAY_CLEAR_STOP, MAY_HOLD_VEHICLE, MAY_IMPORT_SITE, MAY_READ_FLEET,
    MAY_REGISTER_VEHICLE, MAY_RESTRICT_SITE, MAY_STOP_VEHICLE, REGISTER_VEHICLE, RELEASE_HOLD,
};
use kernel::Permission;
use policy::Action;
use tenancy::{MAY_MANAGE_PRINCIPALS, MAY_READ_JOURNAL};

use super::{
    MAP_BYTES_MAX, assistance, events, health, journal, openapi, positions, principals, problem, sites, standing,
    tenants, tiles, tlog, trips, vehicles,
};
use crate::Gateway;

/// One operation.
pub struct Endpoint {
    /// Its method.
    pub method: &'static str,
    /// Its address, with parameters in braces.
    pub path: &'static str,
    /// What it is for, in one line.
    pub summary: &'static str,
    /// Who may do it.
    pub access: Access,
    /// What policy is asked before it is done, which permits it to the same roles.
    pub asks: Option<Action>,
    /// Whether it is counted against the limits of rates; stops are not (SAFE-1, SAFE-2).
    pub counted: bool,
    /// The shape of its query.
    pub query: &'static str,
    /// Headers that it reads.
    pub headers: &'static [&'static str],
    /// What its body is; empty for none.
    pub body: &'static str,
    /// The status of its success.
    pub status: u16,
    /// Another status of success, where there is one.
    pub also: Option<u16>,
    /// What it answers.
    pub answer: Answer,
    /// What carries it out.
    pub route: fn(MethodFilter) -> MethodRouter<Arc<Gateway>>,
}

/// Who may do something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anybody, without a token.
    Anyone,
    /// Roles that may do this.
    Tenant(Permission),
    /// The platform's administrator.
    Platform,
}

/// What an operation answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// JSON of a shape.
    Json(&'static str),
    /// A page of things of a shape, which goes on at a cursor.
    List(&'static str),
    /// A Mapbox Vector Tile.
    Tile,
    /// Plain text.
    Text,
    /// Bytes of a format of their own.
    Bytes,
    /// Server-Sent Events.
    Events,
    /// A WebSocket.
    Socket,
}

/// The body of an import, which is JSON or an OpenStreetMap extract.
pub const MAP_BODY: &str = "{ nodes: string, links: string, turns?: string | null, no_stop?: string | null }";

const PAGE: &str = "{ after?: string, limit?: integer(1..1000) }";
const ONCE: &[&str] = &["Idempotency-Key"];
const EDIT: &[&str] = &["If-Match"];
const TAGGED: &[&str] = &["If-None-Match"];

const fn endpoint(method: &'static str, path: &'static str, access: Access) -> Endpoint {
    Endpoint {
        method,
        path,
        summary: "",
        access,
        asks: None,
        counted: true,
        query: "{}",
        headers: &[],
        body: "",
        status: 200,
        also: None,
        answer: Answer::Json("any"),
        route: |_| MethodRouter::new(),
    }
}

const fn get(path: &'static str, may: Permission) -> Endpoint {
    endpoint("get", path, Access::Tenant(may))
}

const fn post(path: &'static str, may: Permission) -> Endpoint {
    endpoint("post", path, Access::Tenant(may))
}

const fn put(path: &'static str, may: Permission) -> Endpoint {
    endpoint("put", path, Access::Tenant(may))
}

const fn delete(path: &'static str, may: Permission) -> Endpoint {
    endpoint("delete", path, Access::Tenant(may))
}

const fn open(path: &'static str) -> Endpoint {
    endpoint("get", path, Access::Anyone)
}

/// Every operation.
pub const ENDPOINTS: &[Endpoint] = &[
    Endpoint {
        summary: "Make a tenant and its administrator, whose token is answered once",
        body: "{ name: name, sector: Sector, simulated: boolean }",
        status: 201,
        answer: Answer::Json("TenantCreated"),
        route: |m| on(m, tenants::create),
        ..endpoint("post", "/v1/tenants", Access::Platform)
    },
    Endpoint {
        summary: "List tenants",
        answer: Answer::List("Tenant"),
        route: |m| on(m, tenants::list),
        ..endpoint("get", "/v1/tenants", Access::Platform)
    },
    Endpoint {
        summary: "Make another administrator for a tenant that lost its token",
        body: "{ name: text(1..60) }",
        status: 201,
        answer: Answer::Json("PrincipalCreated"),
        route: |m| on(m, tenants::add_administrator),
        ..endpoint("post", "/v1/tenants/{tenant}/administrators", Access::Platform)
    },
    Endpoint {
        summary: "Make a principal, whose token is answered once",
        body: "{ role: Role, name: text(1..60) }",
        status: 201,
        answer: Answer::Json("PrincipalCreated"),
        route: |m| on(m, principals::create),
        ..post("/v1/principals", MAY_MANAGE_PRINCIPALS)
    },
    Endpoint {
        summary: "List principals",
        query: PAGE,
        answer: Answer::List("Principal"),
        route: |m| on(m, principals::list),
        ..get("/v1/principals", MAY_MANAGE_PRINCIPALS)
    },
    Endpoint {
        summary: "Revoke a principal's access, at once and for good",
        answer: Answer::Json("{ id: prin_… }"),
        route: |m| on(m, principals::revoke),
        ..delete("/v1/principals/{principal}", MAY_MANAGE_PRINCIPALS)
    },
    Endpoint {
        summary: "Import a road network as the site's map",
        headers: EDIT,
        body: MAP_BODY,
        status: 201,
        answer: Answer::Json("Imported"),
        asks: Some(IMPORT_SITE),
        route: |m| on(m, sites::import).layer(DefaultBodyLimit::max(MAP_BYTES_MAX)),
        ..put("/v1/sites/{site}/map", MAY_IMPORT_SITE)
    },
    Endpoint {
        summary: "List sites",
        query: PAGE,
        answer: Answer::List("Site"),
        route: |m| on(m, sites::list),
        ..get("/v1/sites", MAY_READ_FLEET)
    },
    Endpoint {
        summary: "Where the tiles of a site's roads are and what they cover, as TileJSON 3.0",
        answer: Answer::Json("Tiles"),
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
        answer: Answer::Json("Site"),
        route: |m| on(m, sites::show),
        ..get("/v1/sites/{site}", MAY_READ_FLEET)
    },
    Endpoint {
        summary: "The closures of a site, and on which vehicles each is in force",
        answer: Answer::List("Closure"),
        route: |m| on(m, sites::closures),
        ..get("/v1/sites/{site}/closures", MAY_READ_FLEET)
    },
    Endpoint {
        summary: "Close the roads inside a polygon, now or from a time on",
        headers: EDIT,
        body: "{ class?: RuleClass, polygon: [Coordinate](3..500), reason: text(1..500), from?: time | null, until?: time | null }",
        status: 201,
        answer: Answer::Json("{ id: restr_… }"),
        route: |m| on(m, sites::close),
        ..post("/v1/sites/{site}/closures", MAY_RESTRICT_SITE)
    },
    Endpoint {
        summary: "Find the route that a trip would have, for any vehicle or for one; nothing is kept",
        asks: Some(REQUEST_TRIP),
        body: "RouteRequest",
        answer: Answer::Json("RoutePreview"),
        route: |m| on(m, trips::preview),
        ..post("/v1/sites/{site}/routes", MAY_REQUEST_TRIP)
    },
    Endpoint {
        summary: "The zones of a site, and on which vehicles each is in force",
        answer: Answer::List("Zone"),
        route: |m| on(m, sites::zones),
        ..get("/v1/sites/{site}/zones", MAY_READ_FLEET)
    },
    Endpoint {
        summary: "Draw a zone, for now or from a time on",
        headers: EDIT,
        body: "{ name: text(1..60), kind: avoided | blast | exclusive, polygon: [Coordinate](3..500), class?: RuleClass | null, reason?: text(1..500) | null, from?: time | null, until?: time | null }",
        status: 201,
        answer: Answer::Json("{ id: restr_… }"),
        route: |m| on(m, sites::draw_zone),
        ..post("/v1/sites/{site}/zones", MAY_RESTRICT_SITE)
    },
    Endpoint {
        summary: "Lift a closure or zone",
        headers: EDIT,
        answer: Answer::Json("{ id: restr_… }"),
        asks: Some(LIFT_CLOSURE),
        route: |m| on(m, sites::lift),
        ..delete("/v1/sites/{site}/restrictions/{restriction}", MAY_RESTRICT_SITE)
    },
    Endpoint {
        summary: "Register a vehicle, whose secret is answered once",
        body: "Registration",
        status: 201,
        answer: Answer::Json("Registered"),
        asks: Some(REGISTER_VEHICLE),
        route: |m| on(m, vehicles::register),
        ..post("/v1/vehicles", MAY_REGISTER_VEHICLE)
    },
    Endpoint {
        summary: "List vehicles",
        query: PAGE,
        answer: Answer::List("Vehicle"),
        route: |m| on(m, vehicles::list),
        ..get("/v1/vehicles", MAY_READ_FLEET)
    },
    Endpoint {
        summary: "Show a vehicle",
        headers: TAGGED,
        answer: Answer::Json("Vehicle"),
        route: |m| on(m, vehicles::show),
        ..get("/v1/vehicles/{vehicle}", MAY_READ_FLEET)
    },
    Endpoint {
        summary: "Stop a vehicle: asks no policy, counts against no limit, and leaves even if the store cannot commit",
        counted: false,
        body: "{ class: StopClass, reason: text(1..500) }",
        status: 202,
        answer: Answer::Json("{ stop: cmd_…, delivery: sent | waiting, recorded: Recorded }"),
        route: |m| on(m, vehicles::stop),
        ..post("/v1/vehicles/{vehicle}/stop", MAY_STOP_VEHICLE)
    },
    Endpoint {
        summary: "Say why a vehicle was stopped, after the stop has left: the reason in place of the one of the order",
        body: "{ stop: cmd_…, reason: text(1..500) }",
        answer: Answer::Json("{ stop: cmd_… }"),
        route: |m| on(m, vehicles::explain),
        ..post("/v1/vehicles/{vehicle}/explain", MAY_STOP_VEHICLE)
    },
    Endpoint {
        summary: "Clear a stop; the vehicle stays where it is until it is dispatched again",
        body: "{ stop: cmd_… }",
        answer: Answer::Json("{ stop: cmd_… }"),
        asks: Some(CLEAR_STOP),
        route: |m| on(m, vehicles::clear),
        ..post("/v1/vehicles/{vehicle}/clear", MAY_CLEAR_STOP)
    },
    Endpoint {
        summary: "Place a hold: the vehicle is not dispatched until it is released",
        headers: EDIT,
        body: "{ kind: HoldKind, timing: HoldTiming, reason: text(1..500) }",
        status: 201,
        answer: Answer::Json("{ id: hold_…, recorded: Recorded }"),
        route: |m| on(m, vehicles::hold),
        ..post("/v1/vehicles/{vehicle}/holds", MAY_HOLD_VEHICLE)
    },
    Endpoint {
        summary: "Release a hold that the caller placed",
        headers: EDIT,
        answer: Answer::Json("{ id: hold_… }"),
        asks: Some(RELEASE_HOLD),
        route: |m| on(m, vehicles::release),
        ..delete("/v1/vehicles/{vehicle}/holds/{hold}", MAY_HOLD_VEHICLE)
    },
    Endpoint {
        summary: "Samples of a vehicle in a time range, oldest first",
        query: "{ from?: time, to?: time, limit?: integer(1..5000) }",
        answer: Answer::List("Sample"),
        route: |m| on(m, vehicles::telemetry),
        ..get("/v1/vehicles/{vehicle}/telemetry", MAY_READ_FLEET)
    },
    Endpoint {
        summary: "Commands to a vehicle and how far they came",
        answer: Answer::List("Command"),
        route: |m| on(m, vehicles::commands),
        ..get("/v1/vehicles/{vehicle}/commands", MAY_READ_FLEET)
    },
    Endpoint {
        summary: "Ask for a trip",
        headers: ONCE,
        body: "TripRequest",
        status: 201,
        answer: Answer::Json("Trip"),
        asks: Some(REQUEST_TRIP),
        route: |m| on(m, trips::create),
        ..post("/v1/trips", MAY_REQUEST_TRIP)
    },
    Endpoint {
        summary: "List trips, newest first",
        query: "{ status?: TripStatus, vehicle?: veh_…, after?: trip_…, limit?: integer(1..1000) }",
        answer: Answer::List("Trip"),
        route: |m| on(m, trips::list),
        ..get("/v1/trips", MAY_READ_FLEET)
    },
    Endpoint {
        summary: "Show a trip, with its progress",
        answer: Answer::Json("Trip"),
        route: |m| on(m, trips::show),
        ..get("/v1/trips/{trip}", MAY_READ_FLEET)
    },
    Endpoint {
        summary: "The version of a trip's route that is in force",
        answer: Answer::Json("Route"),
        route: |m| on(m, trips::route),
        ..get("/v1/trips/{trip}/route", MAY_READ_FLEET)
    },
    Endpoint {
        summary: "Steps of a trip; waits up to `wait_ms`, at most 30000, for the next",
        query: "{ after?: integer, wait_ms?: integer(0..30000) }",
        answer: Answer::Json("History"),
        route: |m| on(m, trips::history),
        ..get("/v1/trips/{trip}/history", MAY_READ_FLEET)
    },
    Endpoint {
        summary: "A trip's story: each step, and the decision behind it",
        answer: Answer::Json("Why"),
        route: |m| on(m, trips::why),
        ..get("/v1/trips/{trip}/why", MAY_READ_FLEET)
    },
    Endpoint {
        summary: "Cancel a trip; 202 and `diverted` while people or load are aboard: it ends where they leave",
        body: "{ reason: text(1..500) }",
        also: Some(202),
        answer: Answer::Json("Trip"),
        asks: Some(CANCEL_TRIP),
        route: |m| on(m, trips::cancel),
        ..post("/v1/trips/{trip}/cancel", MAY_CANCEL_TRIP)
    },
    Endpoint {
        summary: "Let a trip's standing vehicle go on; policy is asked, and the vehicle may refuse",
        body: "{ reason: text(1..500) }",
        status: 202,
        answer: Answer::Json("Trip"),
        asks: Some(RESUME_TRIP),
        route: |m| on(m, trips::resume),
        ..post("/v1/trips/{trip}/resume", MAY_RESUME_TRIP)
    },
    Endpoint {
        summary: "Say that a trip cannot be done: what its vehicle carries was looked after by people",
        body: "{ reason: text(1..500) }",
        answer: Answer::Json("Trip"),
        route: |m| on(m, trips::fail),
        ..post("/v1/trips/{trip}/fail", MAY_CANCEL_TRIP)
    },
    Endpoint {
        summary: "Open a standing order: the same trip again and again, until a quantity is moved or so many trips are done",
        headers: ONCE,
        body: "{ trip: TripRequest, goal: StandingGoal, at_once?: integer(1..32) | null }",
        status: 201,
        answer: Answer::Json("StandingOrder"),
        asks: Some(REQUEST_TRIP),
        route: |m| on(m, standing::open),
        ..post("/v1/standing-orders", MAY_REQUEST_TRIP)
    },
    Endpoint {
        summary: "List standing orders, the newest first",
        query: "{ after?: stand_…, limit?: integer(1..1000) }",
        answer: Answer::List("StandingOrder"),
        route: |m| on(m, standing::list),
        ..get("/v1/standing-orders", MAY_READ_FLEET)
    },
    Endpoint {
        summary: "Show a standing order: what is moved, what is under way, why it pauses",
        answer: Answer::Json("StandingOrder"),
        route: |m| on(m, standing::show),
        ..get("/v1/standing-orders/{standing}", MAY_READ_FLEET)
    },
    Endpoint {
        summary: "Call a standing order off; its trips under way go on",
        body: "{ reason: text(1..500) }",
        answer: Answer::Json("StandingOrder"),
        route: |m| on(m, standing::cancel),
        ..post("/v1/standing-orders/{standing}/cancel", MAY_CANCEL_TRIP)
    },
    Endpoint {
        summary: "List requests for assistance, the newest first; those that need somebody, or all",
        query: "{ which?: open | all, after?: assist_…, limit?: integer(1..1000) }",
        answer: Answer::List("Assistance"),
        route: |m| on(m, assistance::list),
        ..get("/v1/assistance", MAY_READ_FLEET)
    },
    Endpoint {
        summary: "Show a request for assistance, with what the vehicle shows",
        answer: Answer::Json("Assistance"),
        route: |m| on(m, assistance::show),
        ..get("/v1/assistance/{assistance}", MAY_READ_FLEET)
    },
    Endpoint {
        summary: "Take a request for assistance for five minutes, or renew the lease",
        answer: Answer::Json("Assistance"),
        route: |m| on(m, assistance::take),
        ..post("/v1/assistance/{assistance}/take", MAY_ASSIST)
    },
    Endpoint {
        summary: "Give a request for assistance back",
        body: "{ lease: integer }",
        answer: Answer::Json("Assistance"),
        route: |m| on(m, assistance::hand_back),
        ..post("/v1/assistance/{assistance}/hand-back", MAY_ASSIST)
    },
    Endpoint {
        summary: "Answer a request for assistance; the vehicle checks the answer and may refuse",
        body: "{ lease: integer, answer: AssistAnswer, reason: text(1..500), via?: [Coordinate](0..8) }",
        answer: Answer::Json("Assistance"),
        asks: Some(RESUME_TRIP),
        route: |m| on(m, assistance::answer),
        ..post("/v1/assistance/{assistance}/answer", MAY_ASSIST)
    },
    Endpoint {
        summary: "Entries of the journal; waits up to `wait_ms`, at most 30000, for the first",
        query: "{ from?: integer, limit?: integer(1..1000), about?: subject, wait_ms?: integer(0..30000) }",
        answer: Answer::List("Entry"),
        route: |m| on(m, journal::list),
        ..get("/v1/journal", MAY_READ_JOURNAL)
    },
    Endpoint {
        summary: "The signed head of the journal",
        answer: Answer::Json("Head"),
        route: |m| on(m, journal::head),
        ..get("/v1/journal/head", MAY_READ_JOURNAL)
    },
    Endpoint {
        summary: "The proof that an event is in the journal",
        answer: Answer::Json("Receipt"),
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
        query: "{ from?: integer(1..9007199254740991), to?: integer(1..9007199254740991) }",
        answer: Answer::Json("{ from: integer, to: integer, path: [string] }"),
        route: |m| on(m, tlog::consistency),
        ..get("/v1/journal/consistency", MAY_READ_JOURNAL)
    },
    Endpoint {
        summary: "Begin to verify the journal, with `replay` also every row against it; the one under way is answered where there is one",
        body: "{ replay?: boolean }",
        status: 202,
        answer: Answer::Json("Verification"),
        route: |m| on(m, journal::verify),
        ..post("/v1/journal/verify", MAY_READ_JOURNAL)
    },
    Endpoint {
        summary: "How far a verification is, and what it found",
        answer: Answer::Json("Verification"),
        route: |m| on(m, journal::verification),
        ..get("/v1/journal/verify/{verification}", MAY_READ_JOURNAL)
    },
    Endpoint {
        summary: "The journal as it grows, as Server-Sent Events",
        query: "{ after?: integer, types?: string }",
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
        answer: Answer::Json("{ … }"),
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
        answer: Answer::Json("{ status: alive }"),
        route: |m| on(m, health::alive),
        ..open("/healthz")
    },
    Endpoint {
        summary: "Whether the store can be read",
        answer: Answer::Json(
            "{ status: ready, vehicles_connected: integer, log_alarms: integer, clock: { steady_since: time | null, ahead_ms: integer, steps: integer } }",
        ),
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

impl Endpoint {
    /// Its method as the router has it.
    pub fn filter(&self) -> MethodFilter {
        match self.method {
            "post" => MethodFilter::POST,
            "put" => MethodFilter::PUT,
            "delete" => MethodFilter::DELETE,
            _ => MethodFilter::GET,
        }
    }

    /// Its address for the router: the name of a tile of the journal has slashes.
    pub fn route_path(&self) -> String {
        self.path.replace("{tile}", "{*tile}")
    }

    /// The names of the parameters in its address.
    pub fn path_parameters(&self) -> impl Iterator<Item = &'static str> {
        self.path.split('{').skip(1).filter_map(|rest| rest.split('}').next())
    }
}

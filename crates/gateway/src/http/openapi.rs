//! The API as OpenAPI 3.1 and as the table of the guide, made from the table of operations: an operation cannot exist
//! without its description.

use api_types::schema::{self, Schemas, text};
use api_types::sites::NetworkTables;
use axum::Json;
use axum::handler::Handler;
use kernel::id::{AssistId, HoldId, PrincipalId, RestrictionId, StandingId};
use kernel::{Code, EventId, Sector, SiteId, TenantId, TripId, VehicleId};
use serde_json::{Map, Value, json};
use tenancy::Role;

use super::endpoint::{self, Access, Answer, Endpoint};
use super::endpoints;
use super::extract::IDEMPOTENCY_KEY_BYTES_MAX;
use super::problem::Problem;
use super::sites::OSM_PBF;
use crate::verifications::VerificationId;

/// What can be asked here.
pub const ENDPOINTS: &[Endpoint] = &[Endpoint {
    summary: "This API as OpenAPI 3.1",
    answer: endpoint::json::<Map<String, Value>>(),
    handle: |request, gateway| Handler::call(show, request, gateway),
    ..endpoint::open("/v1/openapi.json")
}];

/// `GET /v1/openapi.json`
pub async fn show() -> Result<Json<Value>, Problem> {
    document().map(Json).map_err(|error| {
        tracing::error!(error, "the description of the API is wrong");
        Problem::new(Code::Unavailable, "the description of the API cannot be made")
    })
}

/// The document.
///
/// # Errors
/// Two types of one name: a defect, which a test finds.
pub fn document() -> Result<Value, String> {
    let (mut taken, mut answered) = (Schemas::taken(), Schemas::answered());
    let mut paths = json!({});
    for endpoint in endpoints() {
        paths[endpoint.path][endpoint.method] = operation(endpoint, &mut taken, &mut answered);
    }
    let problem = answered.of(schema::of::<api_types::Problem>());
    let mut schemas = answered.named();
    for (name, schema) in taken.named() {
        if schemas.get(&name).is_some_and(|other| *other != schema) {
            return Err(format!("{name} is taken as {schema} and answered as {}", schemas[&name]));
        }
        schemas.insert(name, schema);
    }
    Ok(json!({
        "openapi": "3.1.0",
        "info": {
            "title": "AtlasMesh Fleet OS",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Control plane of a fleet of automated vehicles. Another tenant's id is answered like one that does not exist.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": { "Problem": {
                "description": "A refusal (RFC 9457), with a code that has a page in docs/errors",
                "content": { "application/problem+json": { "schema": problem } },
            } },
            "securitySchemes": {
                "token": { "type": "http", "scheme": "bearer" },
                "session": { "type": "apiKey", "in": "cookie", "name": super::auth::COOKIE },
            },
        },
    }))
}

fn operation(endpoint: &Endpoint, taken: &mut Schemas, answered: &mut Schemas) -> Value {
    let security =
        if endpoint.access == Access::Anyone { json!([]) } else { json!([{ "token": [] }, { "session": [] }]) };
    let mut responses = json!({ "default": { "$ref": "#/components/responses/Problem" } });
    for status in std::iter::once(endpoint.status).chain(endpoint.also) {
        responses[status.to_string()] = answer(endpoint, answered);
    }
    if endpoint.headers.contains(&"If-None-Match") {
        responses["304"] = json!({ "description": "It has not changed" });
    }
    let mut operation = json!({
        "operationId": endpoint.operation_id(),
        "summary": endpoint.summary,
        "description": description(endpoint),
        "parameters": parameters(endpoint, taken),
        "responses": responses,
        "security": security,
    });
    if let Some(body) = endpoint.body {
        let mut content = json!({ "application/json": { "schema": taken.of(body) } });
        if body.id == schema::of::<NetworkTables>().id {
            content[OSM_PBF] = json!({});
        }
        operation["requestBody"] = json!({ "required": true, "content": content });
    }
    operation
}

fn description(endpoint: &Endpoint) -> String {
    let asks = endpoint.asks.map(|action| format!(" Asks policy for {action}.")).unwrap_or_default();
    who(endpoint.access) + &asks
}

fn who(access: Access) -> String {
    match access {
        Access::Anyone => "Anybody, without a token.".into(),
        Access::Authenticated => "Everybody with a token or a session.".into(),
        Access::Platform => "The platform's administrator.".into(),
        Access::Tenant(operation) => {
            let roles: Vec<&str> =
                Role::ALL.iter().copied().filter(|&role| operation.permits(role)).map(Role::as_str).collect();
            format!("Roles: {}.", roles.join(", "))
        }
    }
}

fn parameters(endpoint: &Endpoint, taken: &mut Schemas) -> Vec<Value> {
    let mut parameters = Vec::new();
    for name in endpoint.path_parameters() {
        let shape = match name {
            "vehicle" => schema::of::<VehicleId>(),
            "verification" => schema::of::<VerificationId>(),
            "trip" => schema::of::<TripId>(),
            "hold" => schema::of::<HoldId>(),
            "restriction" => schema::of::<RestrictionId>(),
            "event" => schema::of::<EventId>(),
            "principal" | "user" => schema::of::<PrincipalId>(),
            "approval" => schema::of::<approvals::ApprovalId>(),
            "standing" => schema::of::<StandingId>(),
            "assistance" => schema::of::<AssistId>(),
            "order" => schema::of::<::maintenance::OrderId>(),
            "class" => schema::of::<prognostics::catalog::ComponentClass>(),
            "component" => schema::of::<api_types::maintenance::ComponentName>(),
            "part" => schema::of::<api_types::maintenance::PartName>(),
            "incident" => schema::of::<kernel::id::IncidentId>(),
            "bundle" => schema::of::<kernel::id::BundleId>(),
            "issue" => schema::of::<kernel::id::IssueId>(),
            "legal_hold" => schema::of::<kernel::id::LegalHoldId>(),
            "report" => schema::of::<kernel::id::ReportId>(),
            "rollout" => schema::of::<ota::RolloutId>(),
            "release" => schema::of::<ota::ReleaseId>(),
            "sha256" => schema::of::<super::releases::Digest>(),
            "number" => schema::of::<u32>(),
            "site" => schema::of::<SiteId>(),
            "area" => schema::of::<sectors::ServiceAreaId>(),
            "blast" => schema::of::<sectors::BlastId>(),
            "draft" => schema::of::<governance::DraftId>(),
            "job" => schema::of::<sectors::JobId>(),
            "place" => schema::of::<sectors::PlaceId>(),
            "sector" => schema::of::<Sector>(),
            "waiver" => schema::of::<governance::WaiverId>(),
            "tenant" => schema::of::<TenantId>(),
            _ => schema::of::<String>(),
        };
        parameters.push(json!({ "name": name, "in": "path", "required": true, "schema": taken.of(shape) }));
    }
    for (name, schema) in endpoint.query.map(|query| taken.parameters(query)).into_iter().flatten() {
        parameters.push(json!({ "name": name, "in": "query", "required": false, "schema": schema }));
    }
    for name in endpoint.headers {
        let schema = match *name {
            "Idempotency-Key" => json!({ "type": "string", "minLength": 1, "maxLength": IDEMPOTENCY_KEY_BYTES_MAX }),
            _ => json!({ "type": "string" }),
        };
        parameters.push(json!({ "name": name, "in": "header", "required": false, "schema": schema }));
    }
    parameters
}

fn answer(endpoint: &Endpoint, answered: &mut Schemas) -> Value {
    let (media_type, schema) = match endpoint.answer {
        Answer::Json(shape) => ("application/json", answered.of(shape)),
        Answer::Tile => ("application/vnd.mapbox-vector-tile", json!({ "type": "string" })),
        Answer::Text => ("text/plain", json!({ "type": "string" })),
        Answer::Bytes => ("application/octet-stream", json!({ "type": "string" })),
        Answer::Events => ("text/event-stream", json!({ "type": "string" })),
        Answer::Socket => return json!({ "description": "The connection is a WebSocket now" }),
    };
    let content = json!({ media_type: { "schema": schema } });
    let mut answer = json!({ "description": endpoint.summary, "content": content });
    if endpoint.headers.contains(&"If-None-Match") {
        let description = "The version, for If-None-Match here and If-Match where it is changed";
        answer["headers"] = json!({ "ETag": { "description": description, "schema": { "type": "string" } } });
    }
    answer
}

/// Every role and every operation as a table for the guide: what a role may do.
pub fn roles_markdown() -> String {
    let names = Role::ALL.iter().map(|role| format!(" {} |", role.as_str().replace('_', " ")));
    let lines = Role::ALL.iter().map(|_| "---|");
    let mut table = format!("| operation |{}\n|---|{}\n", names.collect::<String>(), lines.collect::<String>());
    for endpoint in endpoints() {
        let Access::Tenant(permission) = endpoint.access else { continue };
        let cells = Role::ALL.iter().map(|role| if permission.permits(*role) { " ● |" } else { "  |" });
        let operation = format!("`{} {}`", endpoint.method.to_uppercase(), endpoint.path);
        table += &format!("| {operation} |{}\n", cells.collect::<String>());
    }
    table
}

/// The operations as a table for the guide.
pub fn operations_markdown() -> String {
    let (mut taken, mut answered) = (Schemas::taken(), Schemas::answered());
    let mut table = String::from("| operation | what for | answer |\n|---|---|---|\n");
    for endpoint in endpoints() {
        let query: Vec<String> =
            endpoint.query.map(|query| taken.parameters(query)).into_iter().flatten().map(|(name, _)| name).collect();
        let query = if query.is_empty() { String::new() } else { format!("?{}", query.join("&")) };
        let method = endpoint.method.to_uppercase();
        let body = endpoint.body.map(|body| format!(" `{}`", text(&taken.of(body)))).unwrap_or_default();
        let answer = match endpoint.answer {
            Answer::Json(shape) => format!("{} `{}`", endpoint.status, text(&answered.of(shape))),
            Answer::Tile => "a Mapbox Vector Tile, layer `roads`".into(),
            Answer::Text => "text".into(),
            Answer::Bytes => "bytes".into(),
            Answer::Events | Answer::Socket => "see Streams".into(),
        };
        let operation = format!("`{method} {}{query}`{body}", endpoint.path);
        // A bar inside a cell is escaped, also in code (GFM §4.10).
        table +=
            &format!("| {} | {} | {} |\n", operation.replace('|', "\\|"), endpoint.summary, answer.replace('|', "\\|"));
    }
    table
}

/// The types that have a name as a table for the guide.
///
/// # Errors
/// As [`document`].
pub fn shapes_markdown() -> Result<String, String> {
    let document = document()?;
    let schemas = document["components"]["schemas"].as_object().into_iter().flatten();
    let rows = schemas.map(|(name, schema)| format!("| `{name}` | `{}` |\n", text(schema).replace('|', "\\|")));
    Ok(format!("| shape | what it has |\n|---|---|\n{}", rows.collect::<String>()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_states_of_a_trip_are_those_that_it_has() {
        let document = document().unwrap();
        let mut states: Vec<&str> = trips::Status::all().map(trips::Status::as_str).collect();
        states.sort_unstable();
        assert_eq!(document["components"]["schemas"]["TripStatus"]["enum"], json!(states));
    }

    #[test]
    fn every_operation_is_described_and_every_shape_exists() {
        let document = document().unwrap();
        let text = document.to_string();
        let refs = text.split("#/components/schemas/").skip(1).filter_map(|rest| rest.split('"').next());
        for name in refs {
            assert!(document["components"]["schemas"][name].is_object(), "there is no shape {name}");
        }
        for name in document["components"]["schemas"].as_object().unwrap().keys() {
            assert!(!name.ends_with(|last: char| last.is_ascii_digit()), "two types are called {name}");
        }
        let count: usize =
            document["paths"].as_object().unwrap().values().map(|path| path.as_object().unwrap().len()).sum();
        assert_eq!(count, endpoints().count(), "an address and method stand once");
        for endpoint in endpoints() {
            assert!(endpoint.summary.len() > 5 && !endpoint.summary.ends_with('.'), "{}", endpoint.path);
            let described = document["paths"][endpoint.path][endpoint.method]["parameters"].as_array();
            let queries = described.into_iter().flatten().filter(|parameter| parameter["in"] == "query").count();
            assert_eq!(endpoint.query.is_some(), queries > 0, "{}: its query is described", endpoint.path);
        }
    }
}

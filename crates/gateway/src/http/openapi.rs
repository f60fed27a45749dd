//! The API as OpenAPI 3.1 and as the table of the guide, made from the table of operations: an operation cannot exist
//! without its description.

use axum::Json;
use kernel::Code;
use serde_json::{Map, Value, json};
use tenancy::Role;

use super::endpoints::{Access, Answer, ENDPOINTS, Endpoint, MAP_BODY};
use super::problem::Problem;
use super::shape::schema;
use super::shapes::SHAPES;
use super::sites::OSM_PBF;

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
/// A shape that cannot be read: a defect of the tables, which a test finds.
pub fn document() -> Result<Value, String> {
    let mut paths = json!({});
    for endpoint in ENDPOINTS {
        paths[endpoint.path][endpoint.method] = operation(endpoint)?;
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
            "schemas": schemas()?,
            "responses": { "Problem": {
                "description": "A refusal (RFC 9457), with a code that has a page in docs/errors",
                "content": { "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } },
            } },
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
        },
    }))
}

/// The schemas of the shapes that have a name.
///
/// # Errors
/// A shape that cannot be read.
pub fn schemas() -> Result<Map<String, Value>, String> {
    SHAPES.iter().map(|(name, shape)| Ok(((*name).to_owned(), schema(shape)?))).collect()
}

fn operation(endpoint: &Endpoint) -> Result<Value, String> {
    let words = endpoint.path.split(['/', '{', '}', '.']).filter(|word| !word.is_empty());
    let id: Vec<&str> = std::iter::once(endpoint.method).chain(words).collect();
    let security = if endpoint.access == Access::Anyone { json!([]) } else { json!([{ "token": [] }]) };
    let mut responses = json!({ "default": { "$ref": "#/components/responses/Problem" } });
    for status in std::iter::once(endpoint.status).chain(endpoint.also) {
        responses[status.to_string()] = answer(endpoint)?;
    }
    if endpoint.headers.contains(&"If-None-Match") {
        responses["304"] = json!({ "description": "It has not changed" });
    }
    let mut operation = json!({
        "operationId": id.join("_"),
        "summary": endpoint.summary,
        "description": description(endpoint),
        "parameters": parameters(endpoint)?,
        "responses": responses,
        "security": security,
    });
    if !endpoint.body.is_empty() {
        let mut content = json!({ "application/json": { "schema": schema(endpoint.body)? } });
        if endpoint.body == MAP_BODY {
            content[OSM_PBF] = json!({});
        }
        operation["requestBody"] = json!({ "required": true, "content": content });
    }
    Ok(operation)
}

fn description(endpoint: &Endpoint) -> String {
    let asks = endpoint.asks.map(|action| format!(" Asks policy for {action}.")).unwrap_or_default();
    who(endpoint.access) + &asks
}

fn who(access: Access) -> String {
    match access {
        Access::Anyone => "Anybody, without a token.".into(),
        Access::Platform => "The platform's administrator.".into(),
        Access::Tenant(operation) => {
            let roles: Vec<&str> =
                Role::ALL.into_iter().filter(|&role| operation.permits(role)).map(Role::as_str).collect();
            format!("Roles: {}.", roles.join(", "))
        }
    }
}

fn parameters(endpoint: &Endpoint) -> Result<Vec<Value>, String> {
    let mut parameters = Vec::new();
    for name in endpoint.path_parameters() {
        let shape = match name {
            "vehicle" => "veh_…",
            "verification" => "verif_…",
            "trip" => "trip_…",
            "hold" => "hold_…",
            "restriction" => "restr_…",
            "event" => "evt_…",
            "principal" => "prin_…",
            "standing" => "stand_…",
            "assistance" => "assist_…",
            "site" | "tenant" => "name",
            _ => "string",
        };
        parameters.push(json!({ "name": name, "in": "path", "required": true, "schema": schema(shape)? }));
    }
    let query = schema(endpoint.query)?;
    for (name, schema) in query["properties"].as_object().into_iter().flatten() {
        parameters.push(json!({ "name": name, "in": "query", "required": false, "schema": schema }));
    }
    for name in endpoint.headers {
        let schema = schema(if *name == "Idempotency-Key" { "string(1..255)" } else { "string" })?;
        parameters.push(json!({ "name": name, "in": "header", "required": false, "schema": schema }));
    }
    Ok(parameters)
}

fn answer(endpoint: &Endpoint) -> Result<Value, String> {
    let content = match endpoint.answer {
        Answer::Json(shape) => json!({ "application/json": { "schema": schema(shape)? } }),
        Answer::List(shape) => {
            let items = format!("{{ items: [{shape}], next: string | integer | null }}");
            json!({ "application/json": { "schema": schema(&items)? } })
        }
        Answer::Tile => json!({ "application/vnd.mapbox-vector-tile": { "schema": schema("string")? } }),
        Answer::Text => json!({ "text/plain": { "schema": schema("string")? } }),
        Answer::Bytes => json!({ "application/octet-stream": { "schema": schema("string")? } }),
        Answer::Events => json!({ "text/event-stream": { "schema": schema("string")? } }),
        Answer::Socket => return Ok(json!({ "description": "The connection is a WebSocket now" })),
    };
    let mut answer = json!({ "description": endpoint.summary, "content": content });
    if endpoint.headers.contains(&"If-None-Match") {
        let description = "The version, for If-None-Match here and If-Match where it is changed";
        answer["headers"] = json!({ "ETag": { "description": description, "schema": schema("string")? } });
    }
    Ok(answer)
}

/// The operations as a table for the guide.
pub fn operations_markdown() -> String {
    let mut table = String::from("| operation | what for | answer |\n|---|---|---|\n");
    for endpoint in ENDPOINTS {
        let query = endpoint.query.trim_matches(['{', '}', ' ']);
        let query: Vec<&str> = query.split(", ").filter_map(|field| field.split('?').next()).collect();
        let query = if query.concat().is_empty() { String::new() } else { format!("?{}", query.join("&")) };
        let method = endpoint.method.to_uppercase();
        let body = if endpoint.body.is_empty() { String::new() } else { format!(" `{}`", endpoint.body) };
        let answer = match endpoint.answer {
            Answer::Json(shape) => format!("{} `{shape}`", endpoint.status),
            Answer::List(shape) => format!("list of `{shape}`"),
            Answer::Tile => "a Mapbox Vector Tile, layer `roads`".into(),
            Answer::Text => "text".into(),
            Answer::Bytes => "bytes".into(),
            Answer::Events => "see Streams".into(),
            Answer::Socket => "see Streams".into(),
        };
        let operation = format!("`{method} {}{query}`{body}", endpoint.path);
        // A bar inside a cell is escaped, also in code (GFM §4.10).
        table +=
            &format!("| {} | {} | {} |\n", operation.replace('|', "\\|"), endpoint.summary, answer.replace('|', "\\|"));
    }
    table
}

/// The named shapes as a table for the guide.
pub fn shapes_markdown() -> String {
    let rows = SHAPES.iter().map(|(name, shape)| format!("| `{name}` | `{}` |\n", shape.replace('|', "\\|")));
    format!("| shape | what it has |\n|---|---|\n{}", rows.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_states_of_a_trip_are_those_that_it_has() {
        let document = document().unwrap();
        let states: Vec<&str> = trips::Status::ALL.iter().map(|status| status.as_str()).collect();
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
        for (name, _) in SHAPES {
            assert!(text.contains(&format!("schemas/{name}\"")), "nothing has the shape {name}");
        }
        let count: usize =
            document["paths"].as_object().unwrap().values().map(|path| path.as_object().unwrap().len()).sum();
        assert_eq!(count, ENDPOINTS.len(), "an address and method stand once");
        for endpoint in ENDPOINTS {
            assert!(endpoint.summary.len() > 5 && !endpoint.summary.ends_with('.'), "{}", endpoint.path);
        }
    }
}

//! Every operation with what a stranger gets.

use serde_json::{Value, json};

use super::support::authority;
use super::support::furnish::{self, CANARY, applies, collision, order_of};
use super::support::maintenance::workshop;
use super::support::site::{self, crossing};
use super::support::world::{PASSWORD, passenger, profile, square};

/// The tenant's name, which no stranger is told either.
pub const TENANT: &str = "town-cars";

/// What a stranger gets.
#[derive(Clone, Copy)]
pub enum Stranger {
    Refused(u16, &'static str),
    /// A page with nothing on it.
    Nothing,
    /// Something, in which there is nothing of the tenant.
    Own,
}

const UNKNOWN: Stranger = Stranger::Refused(404, "NOT_FOUND");
/// A program with a token has no session.
const NO_SESSION: Stranger = Stranger::Refused(409, "ILLEGAL_TRANSITION");
/// Without a model there is none to take back.
const NOTHING_DECIDES: Stranger = Stranger::Refused(409, "ILLEGAL_TRANSITION");
/// There are no rules of its own to take back.
const NO_OWN_RULES: Stranger = Stranger::Refused(409, "ILLEGAL_TRANSITION");
const FORBIDDEN: Stranger = Stranger::Refused(403, "FORBIDDEN");
/// The sector does not have it.
const FEATURE_OFF: Stranger = Stranger::Refused(403, "FEATURE_OFF");
/// What it names is a field of what is sent.
const WRONG_FIELD: Stranger = Stranger::Refused(400, "INVALID_REQUEST");

/// May the tenant's principal clear a stop of its vehicle? With an id of whom and of which, and the action, or without.
fn access(who: bool, action: bool, which: bool) -> Value {
    let mut body = json!({ "subject": { "type": "principal" }, "resource": { "type": "vehicle" } });
    for (member, id, is_named) in [("subject", "{principal}", who), ("resource", "{vehicle}", which)] {
        if is_named {
            body[member]["id"] = json!(id);
        }
    }
    if action {
        body["action"] = json!({ "name": "stop.clear" });
    }
    body
}

/// Method, address, query and body with ids in braces, and what a stranger gets. In this order, so that what undoes
/// comes after what it undoes.
#[expect(clippy::too_many_lines, reason = "one table")]
pub fn rows() -> Vec<(&'static str, &'static str, &'static str, Value, Stranger)> {
    let reason = json!({ "reason": CANARY });
    let hold = json!({ "kind": "grounded", "timing": "after_trip", "reason": CANARY });
    let polygon = square(450.0, 450.0, 20.0);
    let closure = json!({ "class": "no_entry", "polygon": polygon, "reason": CANARY });
    let zone = json!({ "name": CANARY, "kind": "avoided", "polygon": polygon });
    let limit = json!({ "max_speed_mps": 8.0, "polygon": polygon, "reason": CANARY });
    let wait = json!({ "lease": 1, "answer": "wait", "reason": CANARY });
    let [origin, destination] = [crossing(0, 0), crossing(1, 1)].map(|(east, north)| site::at(east, north));
    let route = json!({ "kind": "passenger", "origin": origin, "destination": destination });
    let release = json!({
        "name": CANARY, "sha256": "{sha256}", "hardware_ids": ["h1"], "counter": 1, "notes": CANARY,
    });
    let none = Value::Null;
    vec![
        ("get", "/healthz", "", none.clone(), Stranger::Own),
        ("get", "/readyz", "", none.clone(), Stranger::Own),
        ("get", "/metrics", "", none.clone(), Stranger::Own),
        ("get", "/docs/errors/{code}", "", none.clone(), Stranger::Own),
        ("get", "/v1/openapi.json", "", none.clone(), Stranger::Own),
        ("get", "/.well-known/authzen-configuration", "", none.clone(), Stranger::Own),
        ("post", "/v1/tenants", "", json!({ "name": "third", "sector": "mining", "simulated": true }), FORBIDDEN),
        ("get", "/v1/tenants", "", none.clone(), FORBIDDEN),
        ("post", "/v1/tenants/{tenant}/administrators", "", json!({ "name": "again" }), FORBIDDEN),
        ("post", "/v1/tenants/{tenant}/delete", "", json!({ "reason": CANARY }), FORBIDDEN),
        (
            "put",
            "/v1/tenants/{tenant}/subscription",
            "",
            json!({ "plan": "enterprise", "sectors": ["ride-hail"], "reason": CANARY }),
            FORBIDDEN,
        ),
        ("get", "/v1/subscription", "", none.clone(), Stranger::Own),
        ("post", "/v1/entitlements/check", "", json!({ "feature": "trips", "requested": 1 }), Stranger::Own),
        ("get", "/v1/sectors", "", none.clone(), Stranger::Own),
        ("post", "/v1/sectors/{sector}/preview", "", none.clone(), Stranger::Own),
        ("post", "/v1/sectors/{sector}/activate", "", json!({ "reason": "a new season" }), Stranger::Own),
        ("get", "/v1/sector", "", none.clone(), Stranger::Own),
        ("get", "/v1/sector/features", "", none.clone(), Stranger::Own),
        ("get", "/v1/flags", "", none.clone(), Stranger::Own),
        ("put", "/v1/flags/{flag}", "", json!({ "variant": "on", "reason": "a trial" }), Stranger::Own),
        ("post", "/ofrep/v1/evaluate/flags/{flag}", "", json!({ "context": {} }), Stranger::Own),
        ("post", "/ofrep/v1/evaluate/flags", "", json!({}), Stranger::Own),
        ("get", "/ofrep/v1/events", "", none.clone(), Stranger::Own),
        ("post", "/v1/sector/rollback", "", json!({ "reason": "the season is over" }), Stranger::Own),
        ("get", "/v1/policies", "", none.clone(), Stranger::Own),
        ("get", "/v1/policies/vocabulary", "", none.clone(), Stranger::Own),
        ("post", "/v1/policies/check", "", json!({ "text": "forbid (principal, action, resource);" }), Stranger::Own),
        (
            "post",
            "/v1/policies/explain",
            "",
            json!({ "action": "closure.lift", "resource": "site/any", "role": "dispatcher" }),
            Stranger::Own,
        ),
        ("get", "/v1/policy-drafts", "", none.clone(), Stranger::Nothing),
        ("get", "/v1/policy-drafts/{draft}", "", none.clone(), UNKNOWN),
        ("put", "/v1/policy-drafts/{draft}", "", furnish::own_rules(CANARY), UNKNOWN),
        ("post", "/v1/policy-drafts/{draft}/test", "", none.clone(), UNKNOWN),
        ("post", "/v1/policy-drafts/{draft}/replay", "", json!({ "limit": 10 }), UNKNOWN),
        ("post", "/v1/policy-drafts/{draft}/shadow", "", json!({ "on": true, "reason": CANARY }), UNKNOWN),
        ("post", "/v1/policy-drafts/{draft}/activate", "", reason.clone(), UNKNOWN),
        ("post", "/v1/policy-drafts/{draft}/withdraw", "", reason.clone(), UNKNOWN),
        ("post", "/v1/policy-drafts", "", furnish::new_draft("own"), Stranger::Own),
        ("post", "/v1/policies/rollback", "", json!({ "generation": 0, "reason": "dry" }), NO_OWN_RULES),
        ("get", "/v1/waivers", "", none.clone(), Stranger::Nothing),
        (
            "post",
            "/v1/waivers",
            "",
            json!({ "rule": "tenant.shift", "until": "{soon}", "reason": CANARY }),
            WRONG_FIELD,
        ),
        ("post", "/v1/waivers/{waiver}/end", "", reason.clone(), UNKNOWN),
        ("post", "/v1/principals", "", json!({ "role": "viewer", "name": "screen" }), Stranger::Own),
        ("get", "/v1/principals", "", none.clone(), Stranger::Own),
        ("delete", "/v1/principals/{principal}", "", none.clone(), UNKNOWN),
        ("get", "/v1/session", "", none.clone(), Stranger::Own),
        ("put", "/v1/session/role", "", json!({ "role": "administrator" }), NO_SESSION),
        ("get", "/v1/sessions", "", none.clone(), NO_SESSION),
        ("delete", "/v1/sessions/{session}", "", none.clone(), NO_SESSION),
        ("delete", "/v1/sessions", "", none.clone(), NO_SESSION),
        (
            "post",
            "/v1/session/password",
            "",
            json!({ "current": PASSWORD, "password": "another horse battery" }),
            NO_SESSION,
        ),
        ("delete", "/v1/session", "", none.clone(), NO_SESSION),
        (
            "post",
            "/v1/session/invitation",
            "",
            json!({ "tenant": "{tenant}", "code": "{code_of_user}", "password": PASSWORD }),
            UNKNOWN,
        ),
        (
            "post",
            "/v1/session",
            "",
            json!({ "tenant": "{tenant}", "email": "ana@mine.example", "password": "another horse battery" }),
            UNKNOWN,
        ),
        (
            "post",
            "/v1/users",
            "",
            json!({ "name": "eva", "email": "eva@mine.example", "roles": ["viewer"] }),
            Stranger::Own,
        ),
        ("get", "/v1/users", "", none.clone(), Stranger::Own),
        ("get", "/v1/users/{user}", "", none.clone(), UNKNOWN),
        ("put", "/v1/users/{user}/roles", "", json!({ "roles": ["viewer", "dispatcher"] }), UNKNOWN),
        ("post", "/v1/users/{user}/reset", "", none.clone(), UNKNOWN),
        ("delete", "/v1/users/{user}", "", none.clone(), UNKNOWN),
        ("get", "/v1/people", "", none.clone(), Stranger::Own),
        ("get", "/v1/system", "", none.clone(), Stranger::Own),
        ("get", "/v1/approvals", "?which=all", none.clone(), Stranger::Nothing),
        ("get", "/v1/approvals/{approval}", "", none.clone(), UNKNOWN),
        ("post", "/v1/approvals/{approval}/reject", "", reason.clone(), UNKNOWN),
        ("post", "/v1/approvals/{approval}/approve", "", reason.clone(), UNKNOWN),
        ("get", "/v1/sites", "", none.clone(), Stranger::Nothing),
        ("get", "/v1/sites/{site}", "", none.clone(), UNKNOWN),
        ("get", "/v1/sites/{site}/tiles", "", none.clone(), UNKNOWN),
        ("get", "/v1/sites/{site}/tiles/{zoom}/{x}/{y}", "", none.clone(), UNKNOWN),
        ("post", "/v1/sites/{site}/closures", "", closure, UNKNOWN),
        ("get", "/v1/sites/{site}/closures", "", none.clone(), UNKNOWN),
        ("post", "/v1/sites/{site}/speed-limits", "", limit, UNKNOWN),
        ("get", "/v1/sites/{site}/speed-limits", "", none.clone(), UNKNOWN),
        ("post", "/v1/sites/{site}/zones", "", zone, UNKNOWN),
        ("get", "/v1/sites/{site}/zones", "", none.clone(), UNKNOWN),
        ("post", "/v1/sites/{site}/routes", "", route, UNKNOWN),
        ("delete", "/v1/sites/{site}/restrictions/{restriction}", "", none.clone(), UNKNOWN),
        ("post", "/v1/vehicles", "", profile(&format!("{CANARY} the second")), WRONG_FIELD),
        ("get", "/v1/vehicles", "", none.clone(), Stranger::Nothing),
        ("get", "/v1/vehicles/{vehicle}", "", none.clone(), UNKNOWN),
        ("delete", "/v1/vehicles/{vehicle}/holds/{hold}", "", none.clone(), UNKNOWN),
        ("post", "/v1/vehicles/{vehicle}/holds/{hold}/release", "", reason.clone(), UNKNOWN),
        ("post", "/v1/vehicles/{vehicle}/explain", "", json!({ "stop": "{stop}", "reason": CANARY }), UNKNOWN),
        ("post", "/v1/vehicles/{vehicle}/stops/{stop}/clear", "", reason.clone(), UNKNOWN),
        ("post", "/v1/vehicles/{vehicle}/clear", "", json!({ "stop": "{stop}" }), UNKNOWN),
        ("post", "/v1/trips/{trip}/resume", "", reason.clone(), UNKNOWN),
        ("post", "/v1/vehicles/{vehicle}/stop", "", json!({ "class": "now", "reason": CANARY }), UNKNOWN),
        ("post", "/v1/vehicles/{vehicle}/holds", "", hold, UNKNOWN),
        ("get", "/v1/vehicles/{vehicle}/telemetry", "", none.clone(), UNKNOWN),
        ("get", "/v1/vehicles/{vehicle}/commands", "", none.clone(), UNKNOWN),
        ("post", "/v1/trips", "", passenger(crossing(0, 0), crossing(1, 1)), UNKNOWN),
        ("get", "/v1/trips", "?vehicle={vehicle}", none.clone(), Stranger::Nothing),
        ("get", "/v1/trips/{trip}", "", none.clone(), UNKNOWN),
        ("get", "/v1/trips/{trip}/route", "", none.clone(), UNKNOWN),
        ("get", "/v1/trips/{trip}/history", "", none.clone(), UNKNOWN),
        ("get", "/v1/trips/{trip}/why", "", none.clone(), UNKNOWN),
        ("post", "/v1/trips/{trip}/cancel", "", reason.clone(), UNKNOWN),
        (
            "post",
            "/v1/standing-orders",
            "",
            json!({ "trip": passenger(crossing(2, 2), crossing(1, 1)), "goal": { "trips": 2 } }),
            UNKNOWN,
        ),
        ("get", "/v1/standing-orders", "", none.clone(), Stranger::Nothing),
        ("get", "/v1/standing-orders/{standing}", "", none.clone(), UNKNOWN),
        ("post", "/v1/standing-orders/{standing}/cancel", "", reason.clone(), UNKNOWN),
        ("get", "/v1/assistance", "?which=all", none.clone(), Stranger::Nothing),
        ("get", "/v1/assistance/{assistance}", "", none.clone(), UNKNOWN),
        ("post", "/v1/assistance/{assistance}/take", "", none.clone(), UNKNOWN),
        ("post", "/v1/assistance/{assistance}/answer", "", wait, UNKNOWN),
        ("post", "/v1/assistance/{assistance}/hand-back", "", json!({ "lease": 1 }), UNKNOWN),
        ("post", "/v1/trips/{trip}/fail", "", reason.clone(), UNKNOWN),
        ("get", "/v1/images/{sha256}", "", none.clone(), Stranger::Own),
        ("put", "/v1/images/{sha256}", "", json!({ "length": 4, "at": 0, "data": "AAAA" }), Stranger::Own),
        ("post", "/v1/releases", "", release, WRONG_FIELD),
        ("get", "/v1/releases", "", none.clone(), Stranger::Nothing),
        ("get", "/v1/releases/{release}", "", none.clone(), UNKNOWN),
        ("post", "/v1/rollouts", "", json!({ "name": CANARY, "release": "{release}" }), WRONG_FIELD),
        ("get", "/v1/rollouts", "", none.clone(), Stranger::Nothing),
        ("get", "/v1/rollouts/{rollout}", "", none.clone(), UNKNOWN),
        ("get", "/v1/rollouts/{rollout}/preview", "", none.clone(), UNKNOWN),
        ("post", "/v1/rollouts/{rollout}/start", "", none.clone(), UNKNOWN),
        ("post", "/v1/rollouts/{rollout}/advance", "", none.clone(), UNKNOWN),
        ("post", "/v1/rollouts/{rollout}/pause", "", reason.clone(), UNKNOWN),
        ("post", "/v1/rollouts/{rollout}/resume", "", reason.clone(), UNKNOWN),
        ("post", "/v1/rollouts/{rollout}/revert", "", reason.clone(), UNKNOWN),
        ("post", "/v1/rollouts/{rollout}/abort", "", reason.clone(), UNKNOWN),
        ("get", "/v1/vehicles/{vehicle}/updates", "", none.clone(), UNKNOWN),
        ("get", "/v1/vehicles/{vehicle}/updates/{number}/evidence", "", none.clone(), UNKNOWN),
        ("post", "/v1/vehicles/{vehicle}/update-token", "", none.clone(), UNKNOWN),
        ("get", "/v1/health", "", none.clone(), Stranger::Nothing),
        ("get", "/v1/vehicles/{vehicle}/health", "", none.clone(), UNKNOWN),
        ("get", "/v1/vehicles/{vehicle}/components/{component}/readings", "", none.clone(), UNKNOWN),
        ("post", "/v1/vehicles/{vehicle}/ground", "", none.clone(), UNKNOWN),
        ("get", "/v1/workshop", "", none.clone(), Stranger::Own),
        ("put", "/v1/workshop", "", workshop(), Stranger::Own),
        ("post", "/v1/work-orders", "", order_of("{vehicle}"), WRONG_FIELD),
        ("get", "/v1/work-orders", "?vehicle={vehicle}", none.clone(), Stranger::Nothing),
        ("get", "/v1/work-orders/{order}", "", none.clone(), UNKNOWN),
        ("post", "/v1/work-orders/{order}/approve", "", none.clone(), UNKNOWN),
        ("post", "/v1/work-orders/{order}/start", "", none.clone(), UNKNOWN),
        ("post", "/v1/work-orders/{order}/hold", "", reason.clone(), UNKNOWN),
        ("post", "/v1/work-orders/{order}/resume", "", none.clone(), UNKNOWN),
        ("post", "/v1/work-orders/{order}/step", "", json!({ "step": 0 }), UNKNOWN),
        ("post", "/v1/work-orders/{order}/complete", "", json!({ "closing": "adjusted", "notes": CANARY }), UNKNOWN),
        ("post", "/v1/work-orders/{order}/verify", "", none.clone(), UNKNOWN),
        ("post", "/v1/work-orders/{order}/reopen", "", reason.clone(), UNKNOWN),
        ("post", "/v1/work-orders/{order}/return", "", none.clone(), UNKNOWN),
        ("post", "/v1/work-orders/{order}/cancel", "", reason.clone(), UNKNOWN),
        ("get", "/v1/models", "", none.clone(), Stranger::Own),
        ("get", "/v1/models/{class}", "", none.clone(), Stranger::Own),
        (
            "put",
            "/v1/models/{class}/histories/{part}",
            "",
            json!({ "label": "failed", "end_usage": 900.0 }),
            Stranger::Own,
        ),
        ("post", "/v1/models/{class}/roll-back", "", reason.clone(), NOTHING_DECIDES),
        ("post", "/v1/models/{class}/promote", "", json!({ "number": 1, "reason": CANARY }), UNKNOWN),
        ("post", "/v1/models/{class}/train", "", none.clone(), Stranger::Own),
        ("get", "/v1/incidents", "", none.clone(), Stranger::Nothing),
        ("get", "/v1/incidents/{incident}", "", none.clone(), UNKNOWN),
        ("get", "/v1/incidents/{incident}/timeline", "", none.clone(), UNKNOWN),
        ("get", "/v1/incidents/{incident}/report", "", none.clone(), UNKNOWN),
        ("get", "/v1/incidents/{incident}/artefacts/{sha256}", "", none.clone(), UNKNOWN),
        ("post", "/v1/incidents/{incident}/acknowledge", "", none.clone(), UNKNOWN),
        ("post", "/v1/incidents/{incident}/severity", "", json!({ "severity": "low", "reason": CANARY }), UNKNOWN),
        ("post", "/v1/incidents/{incident}/isolate", "", none.clone(), UNKNOWN),
        ("post", "/v1/incidents/{incident}/revoke", "", none.clone(), UNKNOWN),
        ("post", "/v1/incidents/{incident}/investigate", "", none.clone(), UNKNOWN),
        ("post", "/v1/incidents/{incident}/diagnostics", "", none.clone(), UNKNOWN),
        ("post", "/v1/incidents/{incident}/recover", "", reason.clone(), UNKNOWN),
        ("post", "/v1/incidents/{incident}/escalate", "", json!({ "team": CANARY, "reason": CANARY }), UNKNOWN),
        ("post", "/v1/incidents/{incident}/close", "", json!({ "lessons": CANARY }), UNKNOWN),
        ("post", "/v1/drills", "", json!({ "vehicle": "{vehicle}", "severity": "low" }), WRONG_FIELD),
        ("get", "/v1/detections", "", none.clone(), Stranger::Own),
        ("get", "/v1/detections/replay", "", none.clone(), Stranger::Own),
        ("get", "/v1/on-call", "", none.clone(), Stranger::Own),
        (
            "put",
            "/v1/on-call",
            "",
            json!({ "levels": [{ "people": ["simon"], "acknowledge_minutes": 5 }], "channels": [] }),
            Stranger::Own,
        ),
        ("get", "/v1/compliance", "", none.clone(), Stranger::Own),
        ("get", "/v1/compliance/issues", "", none.clone(), Stranger::Nothing),
        ("put", "/v1/compliance/profile", "", applies(), Stranger::Own),
        ("get", "/v1/compliance/profile", "", none.clone(), Stranger::Own),
        ("post", "/v1/compliance/issues/{issue}/mitigate", "", json!({ "mitigation": "collect_evidence" }), UNKNOWN),
        ("post", "/v1/compliance/issues/{issue}/resolve", "", json!({ "how": CANARY }), UNKNOWN),
        ("get", "/v1/evidence/entries/{event}", "", none.clone(), UNKNOWN),
        ("get", "/v1/evidence/bundles/{bundle}", "", none.clone(), UNKNOWN),
        ("get", "/v1/evidence/bundles/{bundle}/archive", "", none.clone(), UNKNOWN),
        ("get", "/v1/evidence/bundles", "", none.clone(), Stranger::Nothing),
        ("post", "/v1/evidence/bundles", "", json!({ "purpose": "the year" }), Stranger::Own),
        ("get", "/v1/evidence/holds", "", none.clone(), Stranger::Nothing),
        ("post", "/v1/evidence/holds/{legal_hold}/release", "", reason.clone(), UNKNOWN),
        (
            "post",
            "/v1/evidence/holds",
            "",
            json!({ "subject": "vehicle/{vehicle}", "reason": "a court" }),
            Stranger::Own,
        ),
        ("post", "/v1/evidence/erasures", "", json!({ "subject": "vehicle/{erased}", "reason": CANARY }), WRONG_FIELD),
        ("get", "/v1/evidence/forms", "", none.clone(), Stranger::Own),
        ("get", "/v1/evidence/obligations", "", none.clone(), Stranger::Own),
        ("post", "/v1/collisions", "", collision("{vehicle}"), UNKNOWN),
        ("get", "/v1/collisions", "", none.clone(), Stranger::Nothing),
        ("get", "/v1/evidence/reports", "", none.clone(), Stranger::Nothing),
        ("post", "/v1/evidence/reports", "", json!({ "form": "nhtsa-sgo", "collision": "{collision}" }), WRONG_FIELD),
        ("get", "/v1/evidence/reports/{report}", "", none.clone(), UNKNOWN),
        ("get", "/v1/evidence/reports/{report}/preview", "", none.clone(), UNKNOWN),
        ("put", "/v1/evidence/reports/{report}/values", "", json!({ "values": {} }), UNKNOWN),
        ("post", "/v1/evidence/reports/{report}/sign", "", none.clone(), UNKNOWN),
        ("post", "/v1/evidence/reports/{report}/submit", "", none.clone(), UNKNOWN),
        ("get", "/v1/evidence/reports/{report}/document", "?format=pdf", none.clone(), UNKNOWN),
        ("get", "/v1/submissions", "", none.clone(), Stranger::Nothing),
        ("put", "/v1/submissions/key", "", json!({ "key": authority::public_key() }), Stranger::Own),
        ("get", "/v1/submissions/{report}", "", none.clone(), UNKNOWN),
        ("get", "/v1/submissions/{report}/document", "?format=html", none.clone(), UNKNOWN),
        ("get", "/v1/submissions/{report}/bundle", "", none.clone(), UNKNOWN),
        ("post", "/v1/submissions/{report}/check", "", none.clone(), UNKNOWN),
        ("post", "/v1/submissions/{report}/decision", "", authority::unsigned(), UNKNOWN),
        ("post", "/v1/evidence/reports/{report}/correct", "", json!({ "what": CANARY }), UNKNOWN),
        // Whose it is, and what it has, is told to no stranger: it is denied like what nobody has.
        ("post", "/access/v1/evaluation", "", access(true, true, true), Stranger::Own),
        ("post", "/access/v1/evaluations", "", json!({ "evaluations": [access(true, true, true), {}] }), Stranger::Own),
        ("post", "/access/v1/search/subject", "", access(false, true, true), Stranger::Own),
        ("post", "/access/v1/search/resource", "", access(true, true, false), Stranger::Own),
        ("post", "/access/v1/search/action", "", access(true, false, true), Stranger::Own),
        ("post", "/v1/places", "", place_of_town(), UNKNOWN),
        ("get", "/v1/places", "", none.clone(), Stranger::Nothing),
        ("delete", "/v1/places/{place}", "", none.clone(), UNKNOWN),
        ("post", "/v1/service-areas", "", area_of_town(), UNKNOWN),
        ("get", "/v1/service-areas", "?site={site}", none.clone(), Stranger::Nothing),
        ("delete", "/v1/service-areas/{area}", "", none.clone(), UNKNOWN),
        (
            "post",
            "/v1/blasts",
            "",
            json!({ "site": "{site}", "name": CANARY, "area": polygon, "fire_at": "2027-01-01T00:00:00Z" }),
            FEATURE_OFF,
        ),
        ("get", "/v1/blasts", "", none.clone(), Stranger::Nothing),
        ("get", "/v1/blasts/{blast}", "", none.clone(), UNKNOWN),
        ("post", "/v1/blasts/{blast}/clear", "", reason.clone(), UNKNOWN),
        ("post", "/v1/blasts/{blast}/guard", "", json!({ "posts": ["gate"], "reason": CANARY }), UNKNOWN),
        ("post", "/v1/blasts/{blast}/fire", "", reason.clone(), UNKNOWN),
        ("post", "/v1/blasts/{blast}/examine", "", json!({ "safe": true, "reason": CANARY }), UNKNOWN),
        ("post", "/v1/blasts/{blast}/release", "", reason.clone(), UNKNOWN),
        ("post", "/v1/blasts/{blast}/call-off", "", reason.clone(), UNKNOWN),
        (
            "post",
            "/v1/jobs",
            "",
            json!({ "site": "{site}", "container": CANARY, "from": "{place}", "to": "{place}", "mass_kg": 9000 }),
            FEATURE_OFF,
        ),
        ("get", "/v1/jobs", "?site={site}", none.clone(), Stranger::Nothing),
        ("get", "/v1/jobs/{job}", "", none.clone(), UNKNOWN),
        ("post", "/v1/jobs/{job}/release", "", json!({ "seal": "S1", "reason": CANARY }), UNKNOWN),
        ("post", "/v1/jobs/{job}/cancel", "", reason.clone(), UNKNOWN),
        ("get", "/v1/emission", "", none.clone(), Stranger::Nothing),
        ("put", "/v1/sites/{site}/emission", "", json!({ "state": "reduced", "reason": CANARY }), UNKNOWN),
        ("get", "/v1/clearances", "", none.clone(), Stranger::Nothing),
        ("get", "/v1/clearances/{kind}/{id}", "", none.clone(), UNKNOWN),
        (
            "put",
            "/v1/clearances/{kind}/{id}",
            "",
            json!({ "level": "secret", "until": "2027-01-01T00:00:00Z", "reason": CANARY }),
            UNKNOWN,
        ),
        // What policy said to the stranger's own attempts is in its own journal.
        ("get", "/v1/journal", "?about=vehicle/{vehicle}", none.clone(), Stranger::Own),
        ("get", "/v1/journal/head", "", none.clone(), Stranger::Own),
        ("get", "/v1/journal/{event}/proof", "", none.clone(), UNKNOWN),
        ("get", "/v1/journal/{event}/tlog-proof", "", none.clone(), UNKNOWN),
        ("get", "/v1/journal/checkpoint", "", none.clone(), Stranger::Own),
        ("get", "/v1/journal/tile/{tile}", "", none.clone(), Stranger::Own),
        ("get", "/v1/journal/consistency", "?from=1", none.clone(), Stranger::Own),
        ("get", "/v1/journal/verify/{verification}", "", none.clone(), UNKNOWN),
        ("post", "/v1/journal/verify", "", json!({ "replay": true }), Stranger::Own),
        ("get", "/v1/events", "", none.clone(), Stranger::Own),
        ("get", "/v1/positions", "", none.clone(), Stranger::Own),
        ("get", "/v1/evidence-key", "", none.clone(), Stranger::Own),
        ("get", "/v1/trust-bundle", "", none.clone(), Stranger::Own),
        ("get", "/v1/keys", "", none.clone(), FORBIDDEN),
        ("post", "/v1/keys", "", json!({ "purpose": "token" }), FORBIDDEN),
        ("post", "/v1/keys/{key}", "", json!({ "to": "revoked", "reason": "why" }), FORBIDDEN),
        ("get", "/v1/vehicles/{vehicle}/identity", "", none.clone(), UNKNOWN),
        ("post", "/v1/vehicles/{vehicle}/join-token", "", json!({ "valid_minutes": 10 }), UNKNOWN),
        ("post", "/v1/vehicles/{vehicle}/credentials", "", none.clone(), UNKNOWN),
        ("post", "/v1/vehicles/{vehicle}/identity/revoke", "", json!({ "reason": CANARY }), UNKNOWN),
        ("post", "/v1/vehicles/{vehicle}/decommission", "", json!({ "reason": CANARY }), UNKNOWN),
        // Last: from here on the stranger has a site of the same name.
        ("put", "/v1/sites/{site}/map", "", site::network(), Stranger::Own),
    ]
}

pub fn place_of_town() -> Value {
    json!({ "site": site::NAME, "name": CANARY, "kind": "waypoint", "at": site::at(0.0, 0.0), "radius_m": 20 })
}

/// The whole town, at every hour.
pub fn area_of_town() -> Value {
    let days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    json!({
        "site": site::NAME, "name": CANARY, "area": square(0.0, 0.0, 20_000.0), "utc_offset_min": 0, "wheelchair": true,
        "hours": [{ "days": days, "from": "00:00", "to": "24:00" }],
    })
}

/// What this tenant's sector has none of, and the end of a tenant that has vehicles: `sector_work.rs` and `together.rs` walk them.
pub fn is_refused_here(method: &str, path: &str) -> bool {
    let is_list = method == "get" && !path.contains('{');
    path == "/v1/tenants/{tenant}/delete"
        || !is_list && ["/v1/blasts", "/v1/jobs", "/v1/clearances"].iter().any(|work| path.starts_with(work))
}

//! Every operation of the API, called by a stranger with a tenant's ids and by the tenant itself: the stranger learns and
//! changes nothing, and every answer is what the OpenAPI says. An operation without a row here fails.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]
#![allow(clippy::print_stdout, reason = "the row that failed is the last one printed")]

mod support;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use support::authority;
use support::furnish::{
    self, CANARY, applies, collision, evidence, incident, maintained, order_of, people_and_approvals,
};
use support::live::Frame;
use support::maintenance::workshop;
use support::site::{self, crossing};
use support::world::{FAST, PASSWORD, passenger, profile, square, tenant};
use support::{Answer, Http, World, openapi};

/// The tenant's name, which no stranger is told either.
const TENANT: &str = "town-cars";

/// What a stranger gets.
#[derive(Clone, Copy)]
enum Stranger {
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
fn rows() -> Vec<(&'static str, &'static str, &'static str, Value, Stranger)> {
    let reason = json!({ "reason": CANARY });
    let hold = json!({ "kind": "grounded", "timing": "after_trip", "reason": CANARY });
    let polygon = square(450.0, 450.0, 20.0);
    let closure = json!({ "class": "no_entry", "polygon": polygon, "reason": CANARY });
    let zone = json!({ "name": CANARY, "kind": "avoided", "polygon": polygon });
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
        ("post", "/v1/policies/rollback", "", json!({ "generation": 0, "reason": "dry" }), Stranger::Own),
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

fn place_of_town() -> Value {
    json!({ "site": site::NAME, "name": CANARY, "kind": "waypoint", "at": site::at(0.0, 0.0), "radius_m": 20 })
}

/// The whole town, at every hour.
fn area_of_town() -> Value {
    let days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    json!({
        "site": site::NAME, "name": CANARY, "area": square(0.0, 0.0, 20_000.0), "utc_offset_min": 0, "wheelchair": true,
        "hours": [{ "days": days, "from": "00:00", "to": "24:00" }],
    })
}

/// What this tenant's sector has none of: `sector_work.rs` walks it.
fn is_of_another_sector(method: &str, path: &str) -> bool {
    let is_list = method == "get" && !path.contains('{');
    !is_list && ["/v1/blasts", "/v1/jobs", "/v1/clearances"].iter().any(|work| path.starts_with(work))
}

/// The tenant with one of everything, named and reasoned with canaries; the ids of it all.
#[expect(clippy::too_many_lines, reason = "one of everything")]
fn furnished() -> (World, BTreeMap<&'static str, String>) {
    let mut world = World::new();
    let n = world.ready_vehicle(crossing(0, 0), 1.0);
    let vehicle = world.vehicle_id(n).to_owned();
    let trip = world.trip(crossing(3, 3), crossing(0, 3));
    world.until_trip(&trip, "on its way", |trip| trip["vehicle"] == vehicle.as_str() && trip["route"].is_object());
    let http = world.http.clone();
    let made = |path: &str, body: Value, id: &str| http.post(path, &body).ok()[id].as_str().unwrap().to_owned();
    let polygon = square(450.0, 450.0, 20.0);
    let site = format!("/v1/sites/{}", site::NAME);
    let restriction =
        made(&format!("{site}/zones"), json!({ "name": CANARY, "kind": "avoided", "polygon": polygon }), "id");
    let closure = json!({ "class": "no_entry", "polygon": square(850.0, 450.0, 20.0), "reason": CANARY });
    made(&format!("{site}/closures"), closure, "id");
    let spare = made("/v1/vehicles", profile(CANARY), "id");
    let principal = made("/v1/principals", json!({ "role": "viewer", "name": CANARY }), "id");
    let hold = json!({ "kind": "grounded", "timing": "after_trip", "reason": CANARY });
    let hold = made(&format!("/v1/vehicles/{vehicle}/holds"), hold, "id");
    let stop = json!({ "class": "now", "reason": CANARY });
    let stop = made(&format!("/v1/vehicles/{vehicle}/stop"), stop, "stop");
    world.until_status(&trip, &["SAFE_STOPPED"]);
    // Another one stands before something that it asks about.
    let asking = world.ready_vehicle_that(crossing(0, 0), FAST, &["--obstacle-after-m", "100"]);
    let updated = world.vehicle_id(asking).to_owned();
    let standing_trip = world.trip(crossing(0, 0), crossing(3, 0));
    world.until_status(&standing_trip, &["AWAITING_ASSIST"]);
    let assistance = world.until("it asks", || {
        let open = world.http.get("/v1/assistance").ok();
        open["items"][0]["id"].as_str().map(str::to_owned).ok_or(open)
    });
    let maintained = maintained(&mut world);
    let incident = incident(&world, &maintained[0].1);
    let evidence = evidence(&world, &spare);
    let standing = json!({ "trip": passenger(crossing(1, 1), crossing(2, 2)), "goal": { "trips": 1 } });
    let standing = made("/v1/standing-orders", standing, "id");
    let event = world.entries(0)[0]["event"]["id"].as_str().unwrap().to_owned();
    let site = site::NAME.to_owned();
    let tenant = TENANT.to_owned();
    let verification = made("/v1/journal/verify", json!({}), "id");
    let (release, _) = world.release("canary-os", 10, true);
    let by_person = json!({ "soak_s": 0, "advance": "person" });
    let stages = json!([by_person, { "share_ppm": 1_000_000, "soak_s": 0, "advance": "person" }]);
    let rollout = world.plan(&release, &[&spare], json!({ "stages": stages }));
    world.start_rollout(&world.plan(&release, &[&updated], json!({})));
    world.until("an update is scheduled", || {
        let shown = world.updates_of(&updated);
        if shown["current"]["number"] == 1 { Ok(()) } else { Err(shown) }
    });
    let people = people_and_approvals(&world, &spare);
    let policies = furnish::policies(&world);
    let place = made("/v1/places", place_of_town(), "id");
    let area = made("/v1/service-areas", area_of_town(), "id");
    let ids = [
        ("release", release),
        ("rollout", rollout),
        ("updated", updated),
        ("number", "1".to_owned()),
        ("sha256", support::updates::sha256(&support::updates::image("canary-os", true, 3_000_000))),
        ("verification", verification),
        ("vehicle", vehicle),
        ("trip", trip),
        ("standing_trip", standing_trip),
        ("assistance", assistance),
        ("standing", standing),
        ("site", site),
        ("restriction", restriction),
        ("principal", principal),
        ("hold", hold),
        ("stop", stop),
        ("event", event),
        ("tenant", tenant),
        // The tile that the town lies in.
        ("zoom", "14".to_owned()),
        ("x", "4949".to_owned()),
        ("y", "9618.mvt".to_owned()),
        // Each tenant's journal has a first entry.
        ("tile", "entries/000.p/1".to_owned()),
        ("code", "NOT_FOUND".to_owned()),
        ("part", "pump-7".to_owned()),
        ("place", place),
        ("area", area),
        ("blast", "blast_none".to_owned()),
        ("job", "job_none".to_owned()),
        ("kind", "vehicle".to_owned()),
        ("id", spare),
    ];
    (world, ids.into_iter().chain(policies).chain(people).chain(maintained).chain(incident).chain(evidence).collect())
}

fn filled(text: &str, ids: &BTreeMap<&str, String>) -> String {
    ids.iter().fold(text.to_owned(), |text, (name, id)| text.replace(&format!("{{{name}}}"), id))
}

fn call(http: &Http, method: &str, path: &str, body: &Value, ids: &BTreeMap<&str, String>) -> Answer {
    let body = (!body.is_null()).then(|| filled(&body.to_string(), ids));
    let headers = [("content-type", "application/json")];
    http.send(&method.to_uppercase(), &filled(path, ids), body.as_deref().map(str::as_bytes), &headers).unwrap()
}

/// Whoever asks for the release of a hold or the end of a stop is another than who placed it; and what ends an identity ends
/// that of a vehicle that nothing else needs.
fn with_hold(ids: &BTreeMap<&'static str, String>, path: &str) -> BTreeMap<&'static str, String> {
    let mut ids = ids.clone();
    if path.ends_with("/release") {
        ids.insert("hold", ids["others_hold"].clone());
        ids.insert("vehicle", ids["spare"].clone());
    }
    if path.contains("/stops/") {
        ids.insert("stop", ids["others_stop"].clone());
    }
    if path.starts_with("/v1/policy-drafts/") {
        ids.insert("draft", ids["policy_draft"].clone());
    }
    if path.ends_with("/evidence") {
        ids.insert("vehicle", ids["updated"].clone());
    }
    for (verb, order) in [("/return", "repaired"), ("/reopen", "doubted"), ("/cancel", "superfluous")] {
        if path.contains("/work-orders/") && path.ends_with(verb) {
            ids.insert("order", ids[order].clone());
        }
    }
    if path.starts_with("/v1/evidence/reports/")
        && ["/values", "/sign", "/submit"].iter().any(|verb| path.ends_with(verb))
    {
        ids.insert("report", ids["draft"].clone());
    }
    if path.contains("/artefacts/") {
        ids.insert("sha256", ids["artefact"].clone());
    }
    if path.contains("/components/") || path.ends_with("/ground") {
        ids.insert("vehicle", ids["worn"].clone());
    }
    let is_of_identity = ["/identity", "/join-token", "/credentials", "/decommission", "/stops/"];
    if is_of_identity.iter().any(|part| path.contains(part)) {
        ids.insert("vehicle", ids["spare"].clone());
    }
    ids
}

/// Signing in proves who one is, whoever the client was before.
fn is_sign_in(method: &str, path: &str) -> bool {
    method == "post" && matches!(path, "/v1/session" | "/v1/session/invitation")
}

fn is_stream(path: &str) -> bool {
    matches!(path, "/v1/events" | "/v1/positions" | "/ofrep/v1/events")
}

#[test]
fn every_operation_has_a_row() {
    let world = World::new();
    let document = world.server.http("").get("/v1/openapi.json").ok();
    let described: BTreeSet<(String, String)> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, methods)| methods.as_object().unwrap().keys().map(|method| (method.clone(), path.clone())))
        .collect();
    let held: BTreeSet<(String, String)> =
        rows().into_iter().map(|(method, path, ..)| (method.to_owned(), path.to_owned())).collect();
    assert_eq!(described, held);
}

/// SECTOR-7
#[test]
fn a_stranger_learns_and_changes_nothing() {
    let (world, ids) = furnished();
    let document = world.http.get("/v1/openapi.json").ok();
    let stranger = world.server.http(&tenant(&world.server, "other-cars", "ride-hail"));
    let regulator = json!({ "role": "regulator", "name": "an authority" });
    let regulator = stranger.post("/v1/principals", &regulator).ok();
    let regulator = world.server.http(regulator["token"].as_str().unwrap());
    // The vehicle stands, so that nothing but the stranger could add to the tenant's journal.
    let (mut events, mut positions) = (stranger.events("", &[]).unwrap(), stranger.positions().unwrap());
    let rows = rows().into_iter().filter(|row| !is_stream(row.1) && !is_sign_in(row.0, row.1));
    for (method, path, query, body, expected) in rows {
        println!("{method} {path}");
        let http = if path.starts_with("/v1/submissions") { &regulator } else { &stranger };
        let answer = call(http, method, &format!("{path}{query}"), &body, &ids);
        openapi::hold(&document, method, path, &answer);
        let told = answer.body.to_string();
        assert!(!told.contains(CANARY) && !told.contains(TENANT), "{told}");
        match expected {
            Stranger::Refused(status, code) => drop(answer.problem(status, code)),
            Stranger::Nothing => assert_eq!(answer.ok()["items"], json!([])),
            Stranger::Own => drop(answer.ok()),
        }
    }
    let by_stranger = world.entries(0).into_iter().filter(|entry| entry.to_string().contains("other-cars"));
    assert_eq!(by_stranger.collect::<Vec<_>>(), Vec::<Value>::new());
    for id in [&ids["hold"], &ids["stop"], &ids["restriction"]] {
        let [vehicle, site] =
            ["vehicle", "site"].map(|kind| world.http.get(&format!("/v1/{kind}s/{}", ids[kind])).ok());
        assert!(vehicle.to_string().contains(id) || site.to_string().contains(id), "{id} is still there");
    }
    // What the tenant did meanwhile did not reach the stranger's streams; what the stranger did, did.
    let told = events.next_event().unwrap();
    assert_eq!(told.data["event"]["tenant"], "other-cars");
    assert!(!told.data.to_string().contains(CANARY));
    assert_eq!(positions.next_frame().unwrap(), Frame::Text(json!({ "vehicles": [] })));
}

/// No map is imported while trips are under way. Standing orders first: they ask for the next trip as one ends.
fn cancel_all(world: &World) {
    let items = |path: &str| world.http.get(path).ok()["items"].as_array().unwrap().clone();
    let cancel = |kind: &str, one: &Value| {
        let path = format!("/v1/{kind}/{}/cancel", one["id"].as_str().unwrap());
        world.http.post(&path, &json!({ "reason": CANARY })).ok();
    };
    for order in items("/v1/standing-orders").iter().filter(|order| order["status"] == "ACTIVE") {
        cancel("standing-orders", order);
    }
    world.until("no trip is under way", || {
        let open: Vec<Value> = items("/v1/trips").into_iter().filter(|trip| trip["ended"].is_null()).collect();
        open.iter().for_each(|trip| cancel("trips", trip));
        if open.is_empty() { Ok(()) } else { Err(json!(open)) }
    });
}

#[test]
fn answers_are_what_the_openapi_says() {
    let (world, mut ids) = furnished();
    let (mut asked, mut told) = (BTreeSet::new(), BTreeSet::new());
    let document = world.http.get("/v1/openapi.json").ok();
    for (method, path, query, body, _) in rows().into_iter().filter(|row| !is_stream(row.1)) {
        println!("{method} {path}");
        if path.ends_with("/map") {
            cancel_all(&world);
        }
        if path.ends_with("/hand-back") {
            world.until_spoken(&ids["assistance"]);
        }
        if path.ends_with("/investigate") {
            let incident = format!("/v1/incidents/{}", ids["incident"]);
            world.until("it is contained", || {
                let shown = world.http.get(&incident).ok();
                if shown["status"] == "CONTAINED" { Ok(()) } else { Err(shown) }
            });
        }
        if path.ends_with("/fail") {
            ids.insert("trip", ids["standing_trip"].clone());
        }
        if path.ends_with("/approve") {
            ids.insert("approval", ids["second_approval"].clone());
        }
        let ids = &with_hold(&ids, path);
        let http = match path {
            _ if path.starts_with("/v1/tenants") || path.starts_with("/v1/keys") => world.server.platform(),
            _ if path.starts_with("/v1/session") => world.server.http(&ids["session_secret"]),
            _ if path.starts_with("/v1/submissions") => world.server.http(&ids["regulator_token"]),
            _ => world.http.clone(),
        };
        let body = match path {
            // What was given when it was begun is given again.
            _ if path.ends_with("/values") => {
                let shown = world.http.get(&format!("/v1/evidence/reports/{}", ids["draft"])).ok();
                json!({ "values": shown["values"] })
            }
            _ => body,
        };
        let body = if path.ends_with("/decision") { authority::decision(&http, &ids["report"]) } else { body };
        let before = world.journal_size();
        let answer = call(&http, method, &format!("{path}{query}"), &body, ids);
        openapi::hold(&document, method, path, &answer);
        if is_of_another_sector(method, path) {
            continue;
        }
        answer.ok();
        let described = asked_by(&document["paths"][path][method]);
        let decided = decided_for_people(&world, before);
        assert!(decided.iter().all(|action| Some(action) == described.as_ref()), "{decided:?} but {described:?}");
        asked.extend(decided);
        told.extend(described);
    }
    assert_eq!(asked, told);
}

/// The action that an operation's description says policy is asked for.
fn asked_by(operation: &Value) -> Option<String> {
    let (_, action) = operation["description"].as_str().unwrap().split_once("Asks policy for ")?;
    Some(action.trim_end_matches('.').to_owned())
}

/// The actions that policy was asked for since then, for people.
fn decided_for_people(world: &World, since: u64) -> BTreeSet<String> {
    let entries = world.entries(since).into_iter().map(|entry| entry["event"].clone());
    // What two people decided is carried out behind the journal, and asked for then.
    let by_one = |actor: &Value| actor["kind"] == "principal" && actor["second_approver"].is_null();
    let decided = entries.filter(|event| event["type"] == "policy.decided" && by_one(&event["actor"]));
    decided.map(|event| event["body"]["action"].as_str().unwrap().to_owned()).collect()
}

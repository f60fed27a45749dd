//! The life of a policy through the public surface: written, tested, replayed, run in shadow, put in force by two people, in
//! force after a kill, taken back; and a rule that is waived for a time.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod support;

use serde_json::{Value, json};
use support::site::crossing;
use support::time::{now_us, text};
use support::world::tenant;
use support::{Http, World};

/// A rule as a safety officer writes it.
const HEAVY: &str = r#"
@id("tenant.heavy-loads")
@version("1")
@purpose("Wet ramps: nothing over 300 kg.")
@reason("{payload_kg} kg are too heavy while the ramps are wet")
@advice("Split the load.")
@modify("payload_kg<=300.0")
forbid (principal, action == Fleet::Action::"trip.request", resource)
when { context.payload_kg.greaterThan(decimal("300.0")) };

@id("tenant.slow")
@version("1")
@purpose("Wet ramps: 5 m/s.")
@constrain("max_speed_mps")
@value("5.0")
permit (principal, action == Fleet::Action::"trip.request", resource);
"#;

fn cases(heavy: &str) -> String {
    json!([{
        "action": "trip.request", "resource": "trip/t1", "role": "dispatcher", "authentication": "token",
        "sector": "ride-hail",
        "facts": {
            "kind": "delivery", "closed_at_stops": [], "zone_kinds_at_stops": [], "avoided_zones": [],
            "passengers": 0, "payload_kg": 100.0, "required_capabilities": [], "distance_m": 900.0,
        },
        "cases": [
            { "name": "a light load", "then": "allow", "limits": ["tenant.slow"] },
            { "name": "a heavy load", "given": { "facts": { "payload_kg": 300.1 } }, "then": [heavy] },
        ],
    }])
    .to_string()
}

fn place(east: u32, north: u32) -> Value {
    let (east, north) = crossing(east, north);
    support::site::at(east, north)
}

/// Asks for a delivery of so many kilograms.
fn delivery(http: &Http, payload_kg: f64) -> support::Answer {
    let trip = json!({
        "site": support::site::NAME, "kind": "delivery", "origin": place(0, 0), "destination": place(2, 2),
        "requirements": { "payload_kg": payload_kg },
    });
    http.post("/v1/trips", &trip)
}

/// Has another person approve, and waits until it is done.
fn approved(world: &World, by: &Http, asked: &Value) -> Value {
    let path = format!("/v1/approvals/{}", asked["id"].as_str().unwrap());
    by.post(&format!("{path}/approve"), &json!({ "reason": "I read it" })).ok();
    world.until("it is carried out", || {
        let shown = by.get(&path).ok();
        if shown["state"] == "done" || shown["state"] == "failed" { Ok(shown) } else { Err(shown) }
    })
}

/// SECTOR-5, SECTOR-6, SECTOR-7
#[test]
#[expect(clippy::too_many_lines, reason = "one story from its beginning to its end")]
fn a_rule_is_written_tested_replayed_activated_by_two_survives_a_kill_and_is_taken_back() {
    let mut world = World::new();
    world.register("car");
    let (sofia, otto) = (world.person("sofia", &["safety_officer"]), world.person("otto", &["safety_officer"]));
    let dana = world.person("dana", &["dispatcher"]);
    // What was decided before there is a rule: two deliveries, one of them heavy.
    let light = delivery(&dana, 100.0).ok();
    delivery(&dana, 400.0).ok();
    assert_ne!(light["constraints"]["max_speed_mps"], 5.0);
    // What does not type-check is told with its line, and so is what would permit or take an id of the product.
    for (text, said) in [
        ("forbid (principal, action, resource)\nwhen { context.nonsense };", "lacks the annotation"),
        (&HEAVY.replace("payload_kg.greaterThan", "payload.greaterThan"), "payload"),
        (&HEAVY.replace("tenant.slow", "base.slow"), "begin with `tenant.`"),
        (&HEAVY.replace("@constrain(\"max_speed_mps\")\n@value(\"5.0\")\n", ""), "may only forbid or constrain"),
    ] {
        let checked = sofia.post("/v1/policies/check", &json!({ "text": text })).ok();
        assert_eq!(checked["ok"], false, "{checked}");
        assert!(checked["faults"][0]["problem"].as_str().unwrap().contains(said), "{said}: {checked}");
        assert!(checked["faults"][0]["line"].as_u64().unwrap() >= 1);
        let draft = json!({ "name": "wrong", "text": text, "cases": "[]", "reason": "why" });
        let problem = sofia.post("/v1/policy-drafts", &draft).problem(400, "INVALID_REQUEST");
        assert_eq!(problem["errors"][0]["field"], "/text");
    }
    let draft = json!({ "name": "wet ramps", "text": HEAVY, "cases": cases("tenant.wrong"), "reason": "rain" });
    dana.post("/v1/policy-drafts", &draft).problem(403, "FORBIDDEN");
    let made = sofia.post("/v1/policy-drafts", &draft).ok();
    let path = format!("/v1/policy-drafts/{}", made["id"].as_str().unwrap());
    let activate = |http: &Http| http.post(&format!("{path}/activate"), &json!({ "reason": "rain" }));
    // Neither tested nor replayed: policy says so.
    let refused = activate(&sofia).problem(403, "POLICY_VIOLATION");
    let told = refused["detail"].as_str().unwrap();
    assert!(told.contains("base.policy-activate.tested") && told.contains("base.policy-activate.replayed"), "{told}");
    // One case is wrong: it is seen, mended, and holds.
    let report = sofia.post(&format!("{path}/test"), &json!({})).ok();
    assert_eq!((&report["passed"], &report["failed"]), (&json!(1), &json!(1)), "{report}");
    let next = json!({ "text": HEAVY, "cases": cases("tenant.heavy-loads"), "reason": "mended" });
    let revised = sofia.send("PUT", &path, Some(next.to_string().as_bytes()), &[]).unwrap().ok();
    assert_eq!((&revised["revision"], &revised["tested"]), (&json!(2), &Value::Null));
    let report = sofia.post(&format!("{path}/test"), &json!({})).ok();
    assert_eq!((&report["failed"], &report["untested"]), (&json!(0), &json!([])), "{report}");
    // The replay says what it would have done, and allows nothing more.
    let replay = sofia.post(&format!("{path}/replay"), &json!({})).ok();
    assert_eq!(
        (&replay["allow_to_deny"], &replay["deny_to_allow"], &replay["looser"]),
        (&json!(1), &json!(0), &json!(0))
    );
    assert!(replay["tighter"].as_u64().unwrap() >= 1 && replay["not_replayable"] == 0, "{replay}");
    let denied = replay["rows"].as_array().unwrap().iter().find(|row| row["change"] == "allow_to_deny").unwrap();
    assert_eq!((&denied["action"], &denied["after"]), (&json!("trip.request"), &json!(["tenant.heavy-loads"])));
    // In shadow it counts and nothing follows.
    sofia.post(&format!("{path}/shadow"), &json!({ "on": true, "reason": "one shift" })).ok();
    delivery(&dana, 450.0).ok();
    let shadow = sofia.get(&path).ok()["shadow"].clone();
    assert!(shadow["would_deny"] == 1 && shadow["decisions"].as_u64().unwrap() >= 1, "{shadow}");
    // One person asks, another one approves, never the same.
    let asked = activate(&sofia).ok();
    let approve = format!("/v1/approvals/{}/approve", asked["id"].as_str().unwrap());
    sofia.post(&approve, &json!({ "reason": "mine" })).problem(403, "FORBIDDEN");
    assert_eq!(approved(&world, &otto, &asked)["state"], "done");
    let in_force = sofia.get("/v1/policies").ok();
    assert_eq!((&in_force["own"]["generation"], &in_force["own"]["name"]), (&json!(1), &json!("wet ramps")));
    // It decides: a limit, a denial with its reason, and what would be allowed instead.
    let check = |world: &World| {
        let allowed = delivery(&dana, 100.0).ok();
        assert_eq!(allowed["constraints"]["max_speed_mps"], 5.0, "{allowed}");
        let problem = delivery(&dana, 450.0).problem(403, "POLICY_VIOLATION");
        assert_eq!(problem["decision"]["reasons"][0]["policy_id"], "tenant.heavy-loads");
        let change = &problem["decision"]["alternatives"][0]["changes"][0];
        assert_eq!((&change["fact"], change["to"].as_f64()), (&json!("payload_kg"), Some(300.0)), "{problem}");
        world.verify();
    };
    check(&world);
    world.server.kill();
    world.server.start_again();
    check(&world);
    let activated = world.entries_of("own_policies.activated").pop().unwrap();
    assert!(activated["event"]["body"]["approved_by"].is_string() && activated["event"]["body"]["text"] == HEAVY);
    // Another tenant's rules are its own.
    let stranger = world.server.http(&tenant(&world.server, "other-cars", "ride-hail"));
    assert_eq!(stranger.get("/v1/policies").ok()["own"], Value::Null);
    stranger.get(&path).problem(404, "NOT_FOUND");
    // Taken back, by two.
    let back = sofia.post("/v1/policies/rollback", &json!({ "generation": 0, "reason": "the ramps are dry" })).ok();
    assert_eq!(approved(&world, &otto, &back)["state"], "done");
    assert_ne!(delivery(&dana, 450.0).ok()["constraints"]["max_speed_mps"], 5.0);
    assert_eq!(sofia.get("/v1/policies").ok()["own"], Value::Null);
}

#[test]
fn a_rule_that_allows_it_is_waived_for_a_time_by_two_people() {
    let world = World::new();
    let (sofia, otto) = (world.person("sofia", &["safety_officer"]), world.person("otto", &["safety_officer"]));
    let rule = r#"
@id("tenant.night")
@version("1")
@purpose("Nothing is imported during the shift.")
@reason("No map is imported during the shift")
@waivable("true")
forbid (principal, action == Fleet::Action::"closure.lift", resource)
unless { context.request.waivers.contains("tenant.night") };
"#;
    let cases = json!([{
        "action": "closure.lift", "resource": "site/pit", "role": "safety_officer", "authentication": "token",
        "sector": "ride-hail", "facts": {}, "cases": [{ "name": "always", "then": ["tenant.night"] }],
    }]);
    let draft = json!({ "name": "shift", "text": rule, "cases": cases.to_string(), "reason": "calm" });
    let path = format!("/v1/policy-drafts/{}", sofia.post("/v1/policy-drafts", &draft).ok()["id"].as_str().unwrap());
    sofia.post(&format!("{path}/test"), &json!({})).ok();
    sofia.post(&format!("{path}/replay"), &json!({})).ok();
    let asked = sofia.post(&format!("{path}/activate"), &json!({ "reason": "calm" })).ok();
    assert_eq!(approved(&world, &otto, &asked)["state"], "done");
    let explain = json!({ "action": "closure.lift", "resource": "site/pit" });
    let explained = || sofia.post("/v1/policies/explain", &explain).ok();
    assert_eq!(
        (&explained()["verdict"], &explained()["reasons"][0]["policy_id"]),
        (&json!("deny"), &json!("tenant.night"))
    );
    // A rule of safety is not lifted, nor any for a month.
    let waive = |rule: &str, until: &str| {
        sofia.post("/v1/waivers", &json!({ "rule": rule, "until": until, "reason": "a burst pipe" }))
    };
    let soon = text(now_us() + 3_600_000_000);
    waive("base.trip.stops-open", &soon).problem(403, "POLICY_VIOLATION");
    waive("tenant.night", "2099-01-01T00:00:00Z").problem(403, "POLICY_VIOLATION");
    waive("no.such.rule", &soon).problem(400, "INVALID_REQUEST");
    assert_eq!(approved(&world, &otto, &waive("tenant.night", &soon).ok())["state"], "done");
    assert_eq!(explained()["verdict"], "allow");
    let waiver = sofia.get("/v1/waivers").ok()["items"][0]["id"].as_str().unwrap().to_owned();
    sofia.post(&format!("/v1/waivers/{waiver}/end"), &json!({ "reason": "mended" })).ok();
    assert_eq!(explained()["verdict"], "deny");
    world.verify();
}

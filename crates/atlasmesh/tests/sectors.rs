//! A tenant's sector through the public surface: what the subscription allows, what is put in force as a whole, what the page
//! and programs get of it, and what takes it back.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod support;

use serde_json::{Value, json};
use support::site::crossing;
use support::world::{passenger, square};
use support::{Http, World};

fn subscribe(world: &World, plan: &str, sectors: &[&str]) -> support::Answer {
    let body = json!({ "plan": plan, "sectors": sectors, "reason": "order 1204" });
    let path = format!("/v1/tenants/{}/subscription", support::world::TENANT);
    world.server.platform().send("PUT", &path, Some(body.to_string().as_bytes()), &[]).unwrap()
}

fn activate(http: &Http, sector: &str) -> support::Answer {
    http.post(&format!("/v1/sectors/{sector}/activate"), &json!({ "reason": "the pit opens" }))
}

fn types_since(world: &World, from: u64) -> Vec<String> {
    world.entries(from).iter().map(|entry| entry["event"]["type"].as_str().unwrap().to_owned()).collect()
}

/// SECTOR-1, SECTOR-2, SECTOR-3, SECTOR-4, SECTOR-7
#[test]
fn a_sector_is_refused_with_what_would_help_then_put_in_force_as_a_whole_and_taken_back() {
    let mut world = World::new();
    world.register("car");
    let admin = world.http.clone();
    let dana = world.person("dana", &["dispatcher"]);
    let before = dana.get("/v1/sector").ok();
    assert_eq!((&before["active"], &before["generation"]), (&json!(false), &json!(0)));
    // SECTOR-1: the subscription does not have it: reason, what is required, ways to upgrade; logged.
    subscribe(&world, "starter", &["ride-hail"]).ok();
    subscribe(&world, "nothing", &["ride-hail"]).problem(400, "INVALID_REQUEST");
    subscribe(&world, "starter", &["defense"]).problem(400, "INVALID_REQUEST");
    let refused = activate(&admin, "mining").problem(403, "ENTITLEMENT_REQUIRED");
    assert_eq!(refused["entitlement"]["reason"], "SECTOR_NOT_INCLUDED", "{refused}");
    assert!(!refused["entitlement"]["required"].as_array().unwrap().is_empty());
    assert_eq!(world.entries_of("tenant.sector_refused").len(), 1);
    activate(&dana, "mining").problem(403, "FORBIDDEN");
    let offers = dana.get("/v1/sectors").ok();
    let offer =
        |sector: &str| offers["items"].as_array().unwrap().iter().find(|of| of["sector"] == sector).cloned().unwrap();
    assert!(offer("ride-hail")["entitled"] == true && offer("mining")["entitled"] == false);
    subscribe(&world, "professional", &["ride-hail", "mining"]).ok();
    // Previewed: nothing changes by it.
    let preview = admin.post("/v1/sectors/mining/preview", &json!({})).ok();
    assert_eq!((&preview["allowed"], &preview["parts"][0]["part"]), (&json!(true), &json!("policies")));
    assert_eq!(dana.get("/v1/sector").ok(), before);
    // SECTOR-2 … -4: rules, flags, words and colours in one act, each part logged.
    let from = world.journal_size();
    let answer = activate(&admin, "mining");
    let in_force = answer.ok();
    assert_eq!((&in_force["sector"], &in_force["generation"]), (&json!("mining"), &json!(1)));
    assert_eq!(in_force["terms"]["nouns"]["trip"]["one"], "haul cycle");
    assert!(in_force["features"].as_array().unwrap().contains(&json!("blast.coordination")));
    assert!(in_force["flags"]["blast.coordination"] == true && in_force["ui"]["themes"]["light"].is_object());
    let kept_by = |rule: &str| {
        let limits = in_force["limits"].as_array().unwrap().iter();
        limits.clone().find(|limit| limit["rules"] == json!([rule])).unwrap()["kept_by"].clone()
    };
    let rules = ["mining.limit.battery", "mining.limit.speed-haul", "mining.limit.gap"];
    assert_eq!(rules.map(kept_by), ["policy", "routes", "nothing"]);
    let parts =
        ["tenant.sector_entitled", "tenant.policies_loaded", "tenant.flags_activated", "tenant.appearance_applied"];
    let types = types_since(&world, from);
    assert_eq!(types[..1], ["policy.decided"]);
    assert_eq!(types[1..6], [parts[0], parts[1], parts[2], parts[3], "tenant.sector_activated"]);
    // The same again changes nothing.
    activate(&admin, "mining").ok();
    assert_eq!(world.entries_of("tenant.sector_activated").len(), 1);
    // Whoever keeps it knows by a header when to ask again.
    let shown = dana.get("/v1/sector");
    assert_eq!(shown.header("atlasmesh-sector"), Some("mining;generation=1"));
    let tag = shown.header("etag").unwrap().to_owned();
    let again = dana.send("GET", "/v1/sector", None, &[("If-None-Match", &tag)]).unwrap();
    assert_eq!(again.status, 304);
    // SECTOR-6: a denial names the sector's policy, in the sector's words.
    let trip = passenger(crossing(0, 0), crossing(2, 2));
    let denied = dana.post("/v1/trips", &trip).problem(403, "POLICY_VIOLATION");
    assert_eq!(denied["sector"]["policies"], json!(["mining.trip.kinds"]), "{denied}");
    assert!(denied["sector"]["detail"].as_str().unwrap().contains("haul cycles"), "{denied}");
    // It survives a kill, and is taken back in one step.
    world.server.kill();
    world.server.start_again();
    assert_eq!(dana.get("/v1/sector").ok(), in_force);
    let back = admin.post("/v1/sector/rollback", &json!({ "reason": "a test" })).ok();
    assert_eq!(
        (&back["sector"], &back["active"], &back["generation"]),
        (&json!("ride-hail"), &json!(false), &json!(2))
    );
    dana.post("/v1/trips", &trip).ok();
    admin.post("/v1/sector/rollback", &json!({ "reason": "again" })).problem(409, "ILLEGAL_TRANSITION");
    world.verify();
}

/// SECTOR-3
#[test]
fn flags_are_chosen_killed_at_once_and_restored_by_two_and_features_tell_who_says_no() {
    let world = World::new();
    let admin = world.http.clone();
    let (sofia, otto) = (world.person("sofia", &["safety_officer"]), world.person("otto", &["safety_officer"]));
    subscribe(&world, "enterprise", &["mining"]).ok();
    activate(&admin, "mining").ok();
    let choose = |http: &Http, flag: &str, variant: Value| {
        let body = json!({ "variant": variant, "reason": "spotter hurt" });
        http.send("PUT", &format!("/v1/flags/{flag}"), Some(body.to_string().as_bytes()), &[]).unwrap()
    };
    let value = |flag: &str| sofia.get("/v1/sector").ok()["flags"][flag].clone();
    // An experiment is the tenant's to choose, a mirror of the subscription is nobody's.
    assert_eq!(choose(&sofia, "dust.ml-visibility", json!("on")).ok()["value"], true);
    choose(&sofia, "blast.coordination", json!("off")).problem(409, "ILLEGAL_TRANSITION");
    choose(&sofia, "dust.ml-visibility", json!("perhaps")).problem(400, "INVALID_REQUEST");
    choose(&sofia, "no.such.flag", json!("on")).problem(404, "NOT_FOUND");
    // A switch goes to its safe side by one person's word, and back by two.
    assert_eq!(value("haul.autonomous-reverse"), true);
    choose(&sofia, "haul.autonomous-reverse", json!("off")).ok();
    assert_eq!(value("haul.autonomous-reverse"), false);
    let asked = choose(&sofia, "haul.autonomous-reverse", Value::Null);
    assert_eq!(asked.status, 202);
    let approve = format!("/v1/approvals/{}/approve", asked.ok()["id"].as_str().unwrap());
    sofia.post(&approve, &json!({ "reason": "mine" })).problem(403, "FORBIDDEN");
    assert_eq!(otto.post(&approve, &json!({ "reason": "I looked" })).ok()["state"], "done");
    assert_eq!(value("haul.autonomous-reverse"), true);
    // OFREP: what the server knows stands over what a client says of itself.
    let asked = json!({ "context": { "targetingKey": "v1", "tenant": "another", "entitlements": [] } });
    let evaluated = sofia.post("/ofrep/v1/evaluate/flags/blast.coordination", &asked).ok();
    assert_eq!((&evaluated["value"], &evaluated["variant"]), (&json!(true), &json!("on")), "{evaluated}");
    let missing = sofia.post("/ofrep/v1/evaluate/flags/none", &asked);
    assert_eq!((missing.status, &missing.body["errorCode"]), (404, &json!("FLAG_NOT_FOUND")));
    let all = sofia.post("/ofrep/v1/evaluate/flags", &asked);
    let tag = all.header("etag").unwrap().to_owned();
    let body = asked.to_string();
    let again =
        sofia.send("POST", "/ofrep/v1/evaluate/flags", Some(body.as_bytes()), &[("If-None-Match", &tag)]).unwrap();
    assert_eq!(again.status, 304);
    // Effective = installed, entitled, flag and policy.
    let feature = |id: &str| {
        let all = sofia.get("/v1/sector/features").ok();
        all["items"].as_array().unwrap().iter().find(|of| of["feature"] == id).cloned().unwrap()
    };
    assert_eq!(feature("blast.coordination")["effective"], true);
    subscribe(&world, "starter", &["mining"]).ok();
    assert_eq!(feature("fms.integration")["refused_by"], "entitled");
    let check = json!({ "feature": "fms.integration", "sector": "mining" });
    let answer = sofia.post("/v1/entitlements/check", &check).ok();
    assert_eq!((&answer["allowed"], &answer["reason"]), (&json!(false), &json!("FEATURE_NOT_INCLUDED")));
    assert_eq!(answer["upgrade_options"][0]["id"], "professional", "{answer}");
    world.verify();
}

/// SECTOR-1: a limit is told with what would raise it, and takes nothing away that is there.
#[test]
fn a_limit_refuses_the_vehicle_that_is_one_too_many_and_no_other() {
    let world = World::new();
    subscribe(&world, "starter", &["ride-hail"]).ok();
    let names: Vec<String> = (0..10).map(|n| format!("car-{n}")).collect();
    names.iter().for_each(|name| drop(world.register(name)));
    let one_more = || world.http.post("/v1/vehicles", &support::world::profile("car-10"));
    let refused = one_more().problem(403, "ENTITLEMENT_REQUIRED");
    assert_eq!(refused["entitlement"]["reason"], "USAGE_LIMIT_EXCEEDED", "{refused}");
    let options = refused["entitlement"]["upgrade_options"].as_array().unwrap();
    let ids: Vec<&str> = options.iter().map(|option| option["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["professional", "enterprise", "vehicles-10"], "{refused}");
    let body = json!({
        "plan": "starter", "sectors": ["ride-hail"], "add_ons": { "vehicles-10": 1 }, "reason": "order 1205",
    });
    let path = format!("/v1/tenants/{}/subscription", support::world::TENANT);
    world.server.platform().send("PUT", &path, Some(body.to_string().as_bytes()), &[]).unwrap().ok();
    one_more().ok();
    // Less is subscribed than is there: nothing is taken away, and nothing more is let in.
    subscribe(&world, "starter", &["ride-hail"]).ok();
    assert_eq!(world.http.get("/v1/vehicles").ok()["items"].as_array().unwrap().len(), 11);
    world.http.post("/v1/vehicles", &support::world::profile("car-11")).problem(403, "ENTITLEMENT_REQUIRED");
    world.verify();
}

/// Two activations at once: one after the other, and both are whole.
#[test]
fn two_activations_at_once_leave_one_in_force() {
    let world = World::new();
    subscribe(&world, "enterprise", &["mining", "logistics"]).ok();
    let (one, other) = (world.http.clone(), world.http.clone());
    let other = std::thread::spawn(move || activate(&other, "logistics").ok());
    activate(&one, "mining").ok();
    other.join().unwrap();
    let now = one.get("/v1/sector").ok();
    assert_eq!(now["generation"], 2);
    let words = if now["sector"] == "mining" { "haul cycle" } else { "job instruction" };
    assert_eq!(now["terms"]["nouns"]["trip"]["one"], words, "{now}");
    world.verify();
}

/// SECTOR-2, SECTOR-6
///
/// What an activation would take from work under way is told before it is done, and a blast's area is guarded only once no
/// vehicle is inside.
#[test]
fn a_preview_names_what_the_sector_would_refuse_and_a_blast_waits_for_a_vehicle_inside() {
    let mut world = World::new();
    let admin = world.http.clone();
    subscribe(&world, "enterprise", &["ride-hail", "mining"]).ok();
    world.ready_vehicle(crossing(0, 0), 1.0);
    let trip = world.trip(crossing(0, 0), crossing(2, 2));
    world.until_status(&trip, &["TO_PICKUP", "AT_PICKUP", "ON_TRIP"]);
    let preview = admin.post("/v1/sectors/mining/preview", &json!({})).ok();
    assert_eq!(preview["vehicles_not_admitted"], json!(["car-1"]), "{preview}");
    assert_eq!(preview["trips"][0]["trip"], json!(trip), "{preview}");
    assert!(preview["trips"][0]["loses"].to_string().contains("mining.trip.kinds"), "{preview}");
    // A trip under way is brought to its end by the rules that allowed it.
    activate(&admin, "mining").ok();
    assert_ne!(world.trip_now(&trip)["status"], "FAILED");
    let (dora, sam) = (world.person("dora", &["dispatcher"]), world.person("sam", &["safety_officer"]));
    let (east, north) = crossing(1, 1);
    let fire_at = support::time::text(support::time::now_us() + 3_600_000_000);
    let plan = json!({
        "site": support::site::NAME, "name": "bench 7", "area": square(east, north, 5_000.0), "fire_at": fire_at,
    });
    let blast = dora.post("/v1/blasts", &plan).ok()["id"].as_str().unwrap().to_owned();
    dora.post(&format!("/v1/blasts/{blast}/clear"), &json!({ "reason": "as announced" })).ok();
    let guard = json!({ "reason": "as announced", "posts": ["north gate"] });
    let refused = sam.post(&format!("/v1/blasts/{blast}/guard"), &guard).problem(403, "POLICY_VIOLATION");
    assert!(refused.to_string().contains("base.blast-guard.inside"), "{refused}");
    world.verify();
}

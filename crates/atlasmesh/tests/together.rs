//! What one flow does while another is under way, each with the server killed in the middle.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod support;

use prognostics::catalog::ComponentClass;
use serde_json::{Value, json};
use support::maintenance::{lives, work, workshop};
use support::security::{present, restored_by_two, until_incident};
use support::site::crossing;
use support::world::FAST;
use support::{Serve, World};

fn kill_and_start_again(world: &mut World) {
    world.server.kill();
    world.server.start_again();
}

fn kinds_of_holds(vehicle: &Value) -> Vec<&str> {
    vehicle["holds"].as_array().unwrap().iter().map(|hold| hold["kind"].as_str().unwrap()).collect()
}

/// SAFE-3, SAFE-7, SAFE-12, SAFE-13, SAFE-17
///
/// A vehicle with a passenger aboard waits for an update and for its brake when its key turns out to be copied: it is stopped
/// and isolated, keeps its passenger's trip, is not updated, and stands until each of those who hold it lets it go.
#[test]
#[expect(clippy::too_many_lines, reason = "one story from its beginning to its end")]
fn a_copied_key_is_contained_on_a_trip_while_an_update_and_a_worn_brake_wait() {
    let mut world = World::with(Serve::default().with("--svid-valid-s", 10));
    world.http.put("/v1/workshop", workshop().to_string().as_bytes(), "application/json").ok();
    world.import_lives("brake_pads", &lives(ComponentClass::BrakePads, 100, 200));
    world.train("brake_pads");
    let wear = json!({ "used": { "brake-front-left": 0.955 }, "seed": 3, "every_ms": 300 });
    let n = world.ready_vehicle_that(crossing(0, 0), 2.0, &["--wear", &wear.to_string()]);
    let vehicle = world.vehicle_id(n).to_owned();
    let trip = world.trip(crossing(0, 0), crossing(3, 3));
    world.until_status(&trip, &["ON_TRIP"]);

    // The update waits for the end of the trip, and the brake for the work on it.
    let (release, _) = world.release("av-os-2.0", 10, true);
    let rollout = world.plan(&release, &[&vehicle], json!({}));
    world.start_rollout(&rollout);
    world.until("the update waits", || {
        let shown = world.updates_of(&vehicle);
        let code = shown["current"]["code"].as_str().unwrap_or_default();
        if code.contains("base.update-offer.on-trip") { Ok(()) } else { Err(shown) }
    });
    world.until_component(&vehicle, "brake-front-left", |known| known["assessment"]["verdict"] == "GROUND");
    let grounding = || world.health(&vehicle)["grounding"].clone();
    world.until("the brake's grounding is asked for", || {
        let now = grounding();
        if now["order"].is_string() { Ok(()) } else { Err(now) }
    });
    let order = grounding()["order"].as_str().unwrap().to_owned();

    // Its copied key is presented once it has another.
    let copy = world.server.folder.path().join("copy.pem");
    std::fs::copy(world.agents[n].state().join("identity/svid.pem"), &copy).unwrap();
    let svids = |world: &World| world.http.get(&format!("/v1/vehicles/{vehicle}/identity")).ok()["svids"].clone();
    let first = svids(&world)[0]["serial"].clone();
    world.until("its certificate was renewed", || {
        let svids = svids(&world);
        let is_used = |svid: &Value| svid["serial"] != first && svid["first_used_at"].is_string();
        if svids.as_array().unwrap().iter().any(is_used) { Ok(()) } else { Err(svids) }
    });
    present(&world, &copy);
    world.until("its use is on record", || {
        if world.entries_of("identity.refused").is_empty() { Err(json!(world.journal_size())) } else { Ok(()) }
    });
    kill_and_start_again(&mut world);
    let contained = until_incident(&world, "contained", |incident| incident["status"] == "CONTAINED");
    let incident = contained["id"].as_str().unwrap().to_owned();
    assert_eq!(contained["subject"], format!("vehicle/{vehicle}"));

    // It stands, is held by each for itself, its passenger's trip is nobody else's, and nothing was installed.
    let held = world.vehicle_now(n);
    assert!(kinds_of_holds(&held).contains(&"quarantine") && held["ready"] == false, "{held:#}");
    let stopped = world.trip_now(&trip);
    assert_eq!(stopped["vehicle"], vehicle.as_str(), "{stopped:#}");
    assert!(
        ["SAFE_STOPPED", "STRANDED", "AWAITING_ASSIST"].contains(&stopped["status"].as_str().unwrap()),
        "{stopped:#}"
    );
    assert_eq!(world.updates_of(&vehicle)["installed"]["release"], "factory");

    // A person ends the trip, and two bring the vehicle's identity back: the brake still holds it.
    let (simon, sara) = (world.person("simon", &["security_analyst"]), world.person("sara", &["security_analyst"]));
    world.until("the trip is ended by a person", || {
        let reason = json!({ "reason": "another car takes the passenger" });
        let answer = world.http.post(&format!("/v1/trips/{trip}/fail"), &reason);
        if answer.status < 300 { Ok(()) } else { Err(json!([answer.body, world.trip_now(&trip)])) }
    });
    for verb in ["acknowledge", "investigate"] {
        simon.post(&format!("/v1/incidents/{incident}/{verb}"), &json!({})).ok();
    }
    let bootstrap = world.bootstrap(&vehicle);
    world.agents[n].kill();
    world.agents[n].start_again_with(&bootstrap);
    simon.post(&format!("/v1/incidents/{incident}/diagnostics"), &json!({})).ok();
    until_incident(&world, "looked at", |incident| {
        incident["artefacts"].as_array().unwrap().iter().any(|kept| kept["complete"] == true)
    });
    let restored = restored_by_two(&world, &incident, &simon, &sara);
    assert_eq!(restored["state"], "done", "{restored:#}");
    kill_and_start_again(&mut world);
    world.until_vehicle(n, "held by its brake alone", |now| {
        let kinds = kinds_of_holds(now);
        kinds.contains(&"grounded") && !kinds.contains(&"quarantine") && now["ready"] == false
    });

    // The brake is replaced and checked, but somebody is aboard still: nothing is installed, and while the update holds the vehicle
    // nobody returns it to service.
    let (ines, omar) = (world.principal("technician", "ines"), world.principal("technician", "omar"));
    let scheduled = world.until_order(&order, "SCHEDULED");
    work(&ines, &scheduled, "worn_replaced");
    omar.post(&format!("/v1/work-orders/{order}/verify"), &json!({})).ok();
    world.until("the update waits for the passenger", || {
        let shown = world.updates_of(&vehicle);
        if shown["current"]["code"] == "NOT_PARKED" { Ok(()) } else { Err(shown) }
    });
    let refused = ines.post(&format!("/v1/work-orders/{order}/return"), &json!({})).problem(403, "POLICY_VIOLATION");
    assert!(refused.to_string().contains("base.return-to-service.holds"), "{refused}");
    assert_eq!(world.updates_of(&vehicle)["installed"]["release"], "factory");
    assert_eq!(world.vehicle_now(n)["ready"], false);
    world.verify();
}

/// SECTOR-4, OTA-9
///
/// The sector changes under a rollout: neither loses anything of the other, and what the vehicle is told next is decided by the
/// new sector's rules.
#[test]
fn a_sector_is_put_in_force_while_a_rollout_runs() {
    let mut world = World::new();
    let subscription = json!({ "plan": "enterprise", "sectors": ["ride-hail", "mining"], "reason": "order 8" });
    let path = format!("/v1/tenants/{}/subscription", support::world::TENANT);
    world.server.platform().send("PUT", &path, Some(subscription.to_string().as_bytes()), &[]).unwrap().ok();
    let n = world.ready_vehicle(crossing(0, 0), FAST);
    let vehicle = world.vehicle_id(n).to_owned();
    let (release, _) = world.release("av-os-2.0", 10, true);
    let rollout = world.plan(&release, &[&vehicle], json!({ "bandwidth_max": 500_000 }));
    world.start_rollout(&rollout);
    world.until("it downloads", || {
        let shown = world.updates_of(&vehicle);
        if shown["current"]["status"] == "DOWNLOADING" { Ok(()) } else { Err(shown) }
    });
    let activated = world.http.post("/v1/sectors/mining/activate", &json!({ "reason": "the pit opens" })).ok();
    assert_eq!(activated["generation"], 1);
    kill_and_start_again(&mut world);
    let now = world.http.get("/v1/sector").ok();
    assert_eq!((&now["sector"], &now["generation"]), (&json!("mining"), &json!(1)));
    let over = world.until_rollout(&rollout, "COMPLETED");
    assert_eq!(over["counts"], json!({ "proven": 1, "failed": 0 }), "{over:#}");
    let from = world.entries_of("tenant.sector_activated")[0]["index"].as_u64().unwrap();
    let installs = world.entries(from).into_iter().filter(|entry| {
        entry["event"]["type"] == "policy.decided" && entry["event"]["body"]["action"] == "update.install"
    });
    let sectors: Vec<Value> = installs.map(|entry| entry["event"]["sector"].clone()).collect();
    assert!(!sectors.is_empty() && sectors.iter().all(|sector| sector == "mining"), "{sectors:?}");
    world.verify();
}

/// SAFE-17
///
/// Nobody answers for what somebody asked who has left: it is withdrawn at once, survives a kill as that, and cannot be approved.
#[test]
fn what_somebody_asked_for_who_leaves_is_withdrawn() {
    let mut world = World::new();
    let car = world.register("car");
    let [ana, ben, cleo, eva] =
        [("ana", "technician"), ("ben", "dispatcher"), ("cleo", "dispatcher"), ("eva", "safety_officer")]
            .map(|(name, role)| world.person(name, &[role]));
    let holds = format!("/v1/vehicles/{car}/holds");
    let place = || {
        let body = json!({ "kind": "grounded", "timing": "now", "reason": "brakes" });
        ana.post(&holds, &body).ok()["id"].as_str().unwrap().to_owned()
    };
    let reason = json!({ "reason": "the brakes are new" });
    let ask = |who: &support::Http| {
        who.post(&format!("{holds}/{}/release", place()), &reason).ok()["id"].as_str().unwrap().to_owned()
    };
    let (of_ben, of_cleo) = (ask(&ben), ask(&cleo));
    let id_of = |who: &support::Http| who.get("/v1/session").ok()["principal"].as_str().unwrap().to_owned();
    let shown = |world: &World, id: &str| world.http.get(&format!("/v1/approvals/{id}")).ok();
    // Ben leaves, and Cleo becomes a technician.
    world.http.delete(&format!("/v1/users/{}", id_of(&ben))).ok();
    let roles = json!({ "roles": ["technician"] }).to_string();
    world.http.put(&format!("/v1/users/{}/roles", id_of(&cleo)), roles.as_bytes(), "application/json").ok();
    for id in [&of_ben, &of_cleo] {
        world.until("it is withdrawn", || {
            let now = shown(&world, id);
            if now["state"] == "withdrawn" { Ok(()) } else { Err(now) }
        });
    }
    kill_and_start_again(&mut world);
    for id in [&of_ben, &of_cleo] {
        let refused = eva.post(&format!("/v1/approvals/{id}/approve"), &reason).problem(409, "ILLEGAL_TRANSITION");
        assert!(refused["detail"].as_str().unwrap().contains("withdrawn"), "{refused}");
    }
    let held = world.http.get(&format!("/v1/vehicles/{car}")).ok();
    assert_eq!(held["holds"].as_array().unwrap().len(), 2, "{held:#}");
    world.verify();
}

/// A tenant is deleted by two, once no vehicle serves and no legal hold keeps its records: then nobody is let in, what said who
/// its people were is gone, and its log still verifies.
#[test]
fn a_tenant_with_a_legal_hold_stays_and_without_one_is_deleted_and_still_verifies() {
    let mut world = World::new();
    let car = world.register("car");
    let sofia = world.person("sofia", &["safety_officer", "auditor"]);
    let principal = sofia.get("/v1/session").ok()["principal"].as_str().unwrap().to_owned();
    let hold = json!({ "subject": format!("user/{principal}"), "reason": "case 12" });
    let hold = world.http.post("/v1/evidence/holds", &hold).ok()["id"].as_str().unwrap().to_owned();
    let platform = world.server.platform();
    let second = platform.post("/v1/principals", &json!({ "role": "administrator", "name": "second" })).ok();
    let second = world.server.http(second["token"].as_str().unwrap());
    let reason = json!({ "reason": "the lease ended" });
    let path = format!("/v1/tenants/{}/delete", support::world::TENANT);
    let rules = |refused: &Value| refused["decision"]["reasons"].to_string();

    // Neither with a vehicle in service nor under a legal hold, and by nobody of the tenant.
    world.http.post(&path, &reason).problem(403, "FORBIDDEN");
    let refused = platform.post(&path, &reason).problem(403, "POLICY_VIOLATION");
    for rule in ["base.tenant-delete.vehicles", "base.tenant-delete.legal-hold"] {
        assert!(rules(&refused).contains(rule), "{refused:#}");
    }
    world.http.post(&format!("/v1/vehicles/{car}/decommission"), &json!({ "reason": "sold" })).ok();
    let refused = platform.post(&path, &reason).problem(403, "POLICY_VIOLATION");
    assert!(!rules(&refused).contains("vehicles") && rules(&refused).contains("legal-hold"), "{refused:#}");
    let released = world.http.post(&format!("/v1/evidence/holds/{hold}/release"), &json!({ "reason": "case closed" }));
    assert!(released.status < 300, "{}", released.body);

    // One asks, another decides; a hold that came in between is seen when it is done.
    let ask = || platform.post(&path, &reason).ok()["id"].as_str().unwrap().to_owned();
    let approval = ask();
    let approve = |who: &support::Http, id: &str| who.post(&format!("/v1/approvals/{id}/approve"), &reason);
    approve(&platform, &approval).problem(403, "FORBIDDEN");
    let hold = json!({ "subject": format!("user/{principal}"), "reason": "case 13" });
    let hold = world.http.post("/v1/evidence/holds", &hold).ok()["id"].as_str().unwrap().to_owned();
    approve(&second, &approval).ok();
    let ended = |id: &str, state: &str| {
        world.until(&format!("the approval is {state}"), || {
            let shown = platform.get(&format!("/v1/approvals/{id}")).ok();
            if shown["state"] == state { Ok(()) } else { Err(shown) }
        });
    };
    ended(&approval, "failed");
    world.http.post(&format!("/v1/evidence/holds/{hold}/release"), &json!({ "reason": "case closed" }));
    let approval = ask();
    approve(&second, &approval).ok();
    world.server.kill();
    world.server.start_again();
    let deadline = std::time::Instant::now() + support::server::PATIENCE;
    while platform.get(&format!("/v1/approvals/{approval}")).ok()["state"] != "done" {
        assert!(std::time::Instant::now() < deadline, "the deletion was never done");
    }

    // Nobody is let in, no value is left, and every entry is where it was.
    world.http.get("/v1/vehicles").problem(401, "UNAUTHENTICATED");
    sofia.get("/v1/session").problem(401, "UNAUTHENTICATED");
    let listed = platform.get("/v1/tenants").ok();
    let gone = listed["items"].as_array().unwrap().iter().find(|one| one["name"] == support::world::TENANT).unwrap();
    assert!(gone["deleted_at"].is_string(), "{listed:#}");
    platform.post(&path, &reason).problem(409, "ILLEGAL_TRANSITION");
    let again = json!({ "name": support::world::TENANT, "sector": "mining", "simulated": true });
    platform.post("/v1/tenants", &again).problem(409, "CONFLICT");
    world.server.stop();
    let store = std::fs::read(world.server.data().join("store/atlasmesh.sqlite")).unwrap();
    let email = b"sofia@mine.example";
    assert!(!store.windows(email.len()).any(|bytes| bytes == email), "an address is left in the store");
    world.server.verify_stopped();
}

//! What a tenant has of maintenance and security, one of everything, named with canaries.

use prognostics::catalog::ComponentClass;
use serde_json::{Value, json};

use super::World;
use super::maintenance::{lives, work, workshop};
use super::site::crossing;
use super::world::{FAST, PASSWORD, TENANT, profile, session_of};

/// What stands in the tenant's names and reasons, and in nothing that a stranger is told.
pub const CANARY: &str = "canary";

pub fn order_of(vehicle: &str) -> Value {
    json!({
        "vehicle": vehicle, "component": "coolant-pump", "class": "coolant_pump", "summary": CANARY, "priority": "low",
    })
}

/// A vehicle whose grounding waits for a person, a model that decides, and work orders before, in and after the work.
pub fn maintained(world: &mut World) -> [(&'static str, String); 7] {
    world.http.put("/v1/workshop", workshop().to_string().as_bytes(), "application/json").ok();
    let life = |n: u32| json!({ "label": "failed", "end_usage": 19_000 + 200 * n });
    world.import_lives("brake_pads", &(0..10).map(life).collect::<Vec<Value>>());
    world.import_lives("coolant_pump", &lives(ComponentClass::CoolantPump, 100, 60));
    let model = world.train("coolant_pump");
    assert_eq!(model["champion"], 1, "{model:#}");
    let wear = json!({ "used": { "brake-front-left": 0.96 }, "seed": 3, "every_ms": 300 });
    let worn = world.worn_vehicle(crossing(3, 0), FAST, &wear);
    let cleaning = json!({ "kind": "cleaning", "timing": "after_trip", "reason": CANARY });
    world.http.post(&format!("/v1/vehicles/{worn}/holds"), &cleaning).ok();
    world.until("a person is to decide", || {
        let health = world.health(&worn);
        if health["grounding"]["status"] == "WAITS_FOR_PERSON" { Ok(()) } else { Err(health) }
    });
    let technician = world.principal("technician", CANARY);
    let repairs = world.http.post("/v1/vehicles", &profile(&format!("{CANARY} in the workshop"))).ok();
    let repairs = repairs["id"].as_str().unwrap();
    let [order, repaired, doubted, superfluous] = [(); 4].map(|()| {
        let made = world.http.post("/v1/work-orders", &order_of(repairs)).ok();
        made["id"].as_str().unwrap().to_owned()
    });
    for done in [&repaired, &doubted] {
        technician.post(&format!("/v1/work-orders/{done}/approve"), &json!({})).ok();
        work(&technician, &world.order(done), "adjusted");
    }
    technician.post(&format!("/v1/work-orders/{repaired}/verify"), &json!({})).ok();
    [
        ("worn", worn),
        ("component", "brake-front-left".to_owned()),
        ("class", "coolant_pump".to_owned()),
        ("order", order),
        ("repaired", repaired),
        ("doubted", doubted),
        ("superfluous", superfluous),
    ]
}

/// A drill that is watched and not contained, with what its vehicle told of itself.
pub fn incident(world: &World, vehicle: &str) -> [(&'static str, String); 2] {
    let drill = world.http.post("/v1/drills", &json!({ "vehicle": vehicle, "severity": "medium" })).ok();
    let id = drill["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/incidents/{id}");
    world.until("somebody was called", || {
        let shown = world.http.get(&path).ok();
        if shown["call"].is_object() { Ok(()) } else { Err(shown) }
    });
    world.http.post(&format!("{path}/diagnostics"), &json!({})).ok();
    let artefact = world.until("the vehicle told of itself", || {
        let shown = world.http.get(&path).ok();
        let whole = shown["artefacts"].as_array().unwrap().iter().find(|kept| kept["complete"] == true);
        whole.map(|kept| kept["sha256"].as_str().unwrap().to_owned()).ok_or(shown)
    });
    [("incident", id), ("artefact", artefact)]
}

/// What applies to a tenant that reports updates and audits itself.
pub fn applies() -> Value {
    json!({
        "frameworks": ["un-r155", "un-r156", "nhtsa-sgo"],
        "forms": ["internal-audit"],
        "settings": { "reporting_entity": "Town Cars" },
        "assess_every_minutes": 1440,
    })
}

/// A collision of a vehicle, of which the authority wants to hear within five days.
pub fn collision(vehicle: &str) -> Value {
    json!({
        "vehicle": vehicle, "occurred_at": "2026-01-01T00:00:00Z", "noticed_at": "2026-01-01T01:00:00Z",
        "lat": -29.95, "lon": -71.34, "crash_with": "passenger car", "injury": "none", "airbags": true,
        "engaged": true, "narrative": CANARY,
    })
}

/// A report of everything until now, whose bundle is made and in which nothing is missing.
pub fn drafted(world: &World, form: &str) -> String {
    let until = super::time::text(super::time::now_us());
    let covered = json!({ "from": "2026-01-01T00:00:00Z", "until": until });
    let drafted = world.http.post("/v1/evidence/reports", &json!({ "form": form, "covered": covered })).ok();
    let id = drafted["id"].as_str().unwrap().to_owned();
    complete(world, &id);
    id
}

/// Gives what is missing in a report, and waits for the bundle that it rests on.
pub fn complete(world: &World, id: &str) {
    let path = format!("/v1/evidence/reports/{id}");
    let preview = world.http.get(&format!("{path}/preview")).ok();
    let form = world.http.get(&path).ok()["form"].clone();
    let forms = world.http.get("/v1/evidence/forms").ok();
    let form = forms["items"].as_array().unwrap().iter().find(|known| known["form"] == form).unwrap();
    let value = |id: &Value| {
        let field = form["fields"].as_array().unwrap().iter().find(|field| field["id"] == *id).unwrap();
        field["choices"].get(0).cloned().unwrap_or_else(|| "1".into())
    };
    let missing = preview["missing"].as_array().unwrap().iter();
    let values: serde_json::Map<String, Value> =
        missing.map(|id| (id.as_str().unwrap().to_owned(), value(id))).collect();
    let body = json!({ "values": values }).to_string();
    world.http.put(&format!("{path}/values"), body.as_bytes(), "application/json").ok();
    world.until("its bundle is made", || {
        let bundles = world.http.get("/v1/evidence/bundles").ok();
        let waits = bundles["items"].as_array().unwrap().iter().any(|bundle| bundle["status"] == "REQUESTED");
        if waits { Err(bundles) } else { Ok(()) }
    });
}

/// Evidence with one of everything: a bundle, an issue, a draft, a report that was submitted, a collision, a legal hold,
/// somebody of an authority, and a person who left.
pub fn evidence(world: &World, vehicle: &str) -> [(&'static str, String); 8] {
    let http = &world.http;
    let id = |made: &Value| made["id"].as_str().unwrap().to_owned();
    http.put("/v1/compliance/profile", applies().to_string().as_bytes(), "application/json").ok();
    let issue = world.until("an issue is raised", || {
        let open = http.get("/v1/compliance/issues?open=true").ok();
        open["items"].get(0).map(id).ok_or(open)
    });
    let hold = id(&http.post("/v1/evidence/holds", &json!({ "subject": "trip/none", "reason": CANARY })).ok());
    let collision = id(&http.post("/v1/collisions", &collision(vehicle)).ok());
    let (draft, report) = (drafted(world, "internal-audit"), drafted(world, "un-r156-updates"));
    http.post(&format!("/v1/evidence/reports/{report}/sign"), &json!({})).ok();
    let submitted = http.post(&format!("/v1/evidence/reports/{report}/submit"), &json!({})).ok();
    let bundle = submitted["versions"][0]["bundle"].as_str().unwrap().to_owned();
    let regulator = http.post("/v1/principals", &json!({ "role": "regulator", "name": CANARY })).ok();
    let mut profile = profile("a canary that was sold");
    profile["vin"] = "1FTFW1ET5DFC10312".into();
    let sold = id(&http.post("/v1/vehicles", &profile).ok());
    http.post(&format!("/v1/vehicles/{sold}/decommission"), &json!({ "reason": CANARY })).ok();
    [
        ("issue", issue),
        ("legal_hold", hold),
        ("collision", collision),
        ("draft", draft),
        ("report", report),
        ("bundle", bundle),
        ("regulator_token", regulator["token"].as_str().unwrap().to_owned()),
        ("erased", sold),
    ]
}

/// Ana signed in twice, Ben was invited and has not answered; a dispatcher asks for two holds of the administrator, and
/// placed a third.
pub fn people_and_approvals(world: &World, spare: &str) -> [(&'static str, String); 10] {
    let ana = world.person("ana", &["administrator", "viewer"]);
    let session = ana.get("/v1/sessions").ok()["items"][0]["id"].as_str().unwrap().to_owned();
    let sign_in = json!({ "tenant": TENANT, "email": "ana@mine.example", "password": PASSWORD });
    let ana = session_of(&world.server.http("").post("/v1/session", &sign_in));
    let ben =
        world.http.post("/v1/users", &json!({ "name": CANARY, "email": "ben@mine.example", "roles": ["viewer"] })).ok();
    let text = |name: &str| ben[name].as_str().unwrap().to_owned();
    let (user, invitation) = (text("id"), text("invitation"));
    let code = invitation.rsplit('/').next().unwrap().to_owned();
    let dispatcher = world.principal("dispatcher", CANARY);
    let asked = |hold: &Value| {
        let hold = world.http.post(&format!("/v1/vehicles/{spare}/holds"), hold).ok();
        let hold = hold["id"].as_str().unwrap();
        let path = format!("/v1/vehicles/{spare}/holds/{hold}/release");
        dispatcher.post(&path, &json!({ "reason": CANARY })).ok()["id"].as_str().unwrap().to_owned()
    };
    let cleaning = json!({ "kind": "cleaning", "timing": "after_trip", "reason": CANARY });
    let [approval, second_approval] = [(); 2].map(|()| asked(&cleaning));
    let body = json!({ "kind": "cleaning", "timing": "after_trip", "reason": CANARY });
    let others_hold =
        dispatcher.post(&format!("/v1/vehicles/{spare}/holds"), &body).ok()["id"].as_str().unwrap().to_owned();
    let stop = json!({ "class": "now", "reason": CANARY });
    let others_stop =
        dispatcher.post(&format!("/v1/vehicles/{spare}/stop"), &stop).ok()["stop"].as_str().unwrap().to_owned();
    let key = world.server.platform().post("/v1/keys", &json!({ "purpose": "certificate_authority" })).ok();
    [
        ("others_stop", others_stop),
        ("key", key["id"].as_str().unwrap().to_owned()),
        ("session", session),
        ("session_secret", ana),
        ("user", user),
        ("code_of_user", code),
        ("approval", approval),
        ("second_approval", second_approval),
        ("others_hold", others_hold),
        ("spare", spare.to_owned()),
    ]
}

/// A text with cases: a rule that can be waived.
pub fn own_rules(reason: &str) -> Value {
    let text = r#"
@id("tenant.shift")
@version("1")
@purpose("No road is opened during the shift.")
@reason("No road is opened during the shift")
@waivable("true")
forbid (principal, action == Fleet::Action::"closure.lift", resource)
unless { principal.role == Fleet::Role::"administrator" || context.request.waivers.contains("tenant.shift") };
"#;
    let cases = json!([{
        "action": "closure.lift", "resource": "site/any", "role": "safety_officer", "authentication": "token",
        "sector": "ride-hail", "facts": {},
        "cases": [
            { "name": "during the shift", "then": ["tenant.shift"] },
            { "name": "by an administrator", "given": { "role": "administrator" }, "then": "allow" },
        ],
    }]);
    json!({ "text": text, "cases": cases.to_string(), "reason": reason })
}

/// The same as a draft that is to be made.
pub fn new_draft(name: &str) -> Value {
    let mut draft = own_rules("calm");
    draft["name"] = json!(name);
    draft
}

/// Rules of the tenant's own that two people put in force, one of which is waived; and a draft that is tested and replayed.
pub fn policies(world: &World) -> [(&'static str, String); 5] {
    let [one, other] = ["safety_officer"; 2].map(|role| world.principal(role, CANARY));
    let approved = |asked: Value| {
        let path = format!("/v1/approvals/{}", asked["id"].as_str().unwrap());
        other.post(&format!("{path}/approve"), &json!({ "reason": CANARY })).ok();
        world.until("it is carried out", || {
            let shown = other.get(&path).ok();
            if shown["state"] == "done" { Ok(()) } else { Err(shown) }
        });
    };
    let draft = || {
        let made = one.post("/v1/policy-drafts", &new_draft(CANARY)).ok()["id"].as_str().unwrap().to_owned();
        one.post(&format!("/v1/policy-drafts/{made}/test"), &json!({})).ok();
        one.post(&format!("/v1/policy-drafts/{made}/replay"), &json!({ "limit": 10 })).ok();
        made
    };
    let first = draft();
    approved(one.post(&format!("/v1/policy-drafts/{first}/activate"), &json!({ "reason": CANARY })).ok());
    let soon = super::time::text(super::time::now_us() + 3_600_000_000);
    approved(one.post("/v1/waivers", &json!({ "rule": "tenant.shift", "until": soon, "reason": CANARY })).ok());
    let waiver = one.get("/v1/waivers").ok()["items"][0]["id"].as_str().unwrap().to_owned();
    [
        ("policy_draft", draft()),
        ("waiver", waiver),
        ("soon", soon),
        ("sector", "ride-hail".to_owned()),
        ("flag", "pooling".to_owned()),
    ]
}

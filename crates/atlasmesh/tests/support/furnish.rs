//! What a tenant has of maintenance and security, one of everything, named with canaries.

use prognostics::catalog::ComponentClass;
use serde_json::{Value, json};

use super::World;
use super::maintenance::{lives, work, workshop};
use super::site::crossing;
use super::world::{FAST, profile};

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

//! Predictive maintenance from a reading to a vehicle that is back in service, through the public surface.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod support;

use prognostics::catalog::ComponentClass;
use serde_json::{Value, json};
use support::World;
use support::maintenance::{lives, work, workshop};
use support::site::crossing;
use support::world::FAST;

fn set_workshop(world: &World) {
    world.http.put("/v1/workshop", workshop().to_string().as_bytes(), "application/json").ok();
}

/// PDM-1, PDM-2, PDM-3, PDM-4, PDM-5, PDM-6, PDM-8, SAFE-11, SAFE-17
///
/// A brake wears, is predicted to fail within the day, its vehicle is grounded and says so itself, is repaired by one
/// technician, checked by another, and returned.
#[test]
fn a_worn_brake_is_predicted_grounded_repaired_and_returned() {
    let mut world = World::new();
    set_workshop(&world);
    world.import_lives("brake_pads", &lives(ComponentClass::BrakePads, 100, 200));
    let model = world.train("brake_pads");
    assert_eq!(model["champion"], 1, "{model:#}");
    let version = &model["versions"][0];
    assert_eq!((version["calibrated"].clone(), version["comparison"]["better"].clone()), (json!(true), json!(true)));
    assert!(version["metrics"]["coverage90"].as_f64().unwrap() > 0.8, "{version:#}");
    let wear = json!({ "used": { "brake-front-left": 0.955 }, "seed": 3, "every_ms": 300 });
    let vehicle = world.worn_vehicle(crossing(0, 0), FAST, &wear);
    let brake = world.until_component(&vehicle, "brake-front-left", |known| known["assessment"]["verdict"] == "GROUND");
    assert_eq!(brake["assessment"]["basis"]["kind"], "model", "{brake:#}");
    assert!(brake["assessment"]["hours_left"].as_f64().unwrap() <= 24.0);
    assert!(!brake["assessment"]["features"].as_object().unwrap().is_empty());
    // Healthy is logged too, and a class without a model says that it is not known.
    let healthy = world.until_component(&vehicle, "tyre-front-left", |known| known["assessment"].is_object());
    assert_eq!(healthy["assessment"]["verdict"], "UNKNOWN", "{:#}", world.health(&vehicle)["set_aside"]);
    let grounded = world.until("the vehicle says that it stands", || {
        let health = world.health(&vehicle);
        if health["grounding"]["status"] == "CONFIRMED" { Ok(health) } else { Err(health) }
    });
    assert_eq!(grounded["grounding"]["component"], "brake-front-left");
    let signed = world.entries_of("grounding.confirmed").pop().unwrap()["event"]["body"]["signed"].clone();
    assert!(signed["statement"].as_str().unwrap().contains("\"maintenance_mode\":true"));
    assert!(signed["signature"].is_string() && signed["certificate"].is_string());
    // Dispatch obeys the hold.
    let trip = world.trip(crossing(0, 0), crossing(2, 0));
    world.until_trip(&trip, "waits", |trip| trip["status"] == "WAITING");
    let order = grounded["grounding"]["order"].as_str().unwrap().to_owned();
    let scheduled = world.until_order(&order, "SCHEDULED");
    assert_eq!((scheduled["slot"]["bay"].clone(), scheduled["priority"].clone()), (json!("lift-1"), json!("critical")));
    assert!(!scheduled["slot"]["reason"].as_str().unwrap().is_empty());
    let (ines, omar) = (world.principal("technician", "ines"), world.principal("technician", "omar"));
    let path = |verb: &str| format!("/v1/work-orders/{order}/{verb}");
    // Not before the work is done.
    ines.post(&path("return"), &json!({})).problem(409, "ILLEGAL_TRANSITION");
    work(&ines, &scheduled, "worn_replaced");
    ines.post(&path("verify"), &json!({})).problem(403, "FORBIDDEN");
    let refused = ines.post(&path("return"), &json!({})).problem(403, "POLICY_VIOLATION");
    assert!(refused["decision"]["reasons"].to_string().contains("base.return-to-service.work"), "{refused:#}");
    omar.post(&path("verify"), &json!({})).ok();
    ines.post(&path("return"), &json!({})).ok();
    let fitted = world.until_component(&vehicle, "brake-front-left", |known| {
        known["part"] == 2 && known["assessment"]["verdict"].as_str().is_some_and(|verdict| verdict != "GROUND")
    });
    assert!(fitted["order"].is_null(), "{fitted:#}");
    world.until("nothing holds the vehicle", || {
        let health = world.health(&vehicle);
        let known = world.http.get(&format!("/v1/vehicles/{vehicle}")).ok();
        if health["grounding"].is_null() && known["holds"] == json!([]) { Ok(()) } else { Err(json!([health, known])) }
    });
    world.until_trip(&trip, "goes on", |trip| trip["vehicle"] == vehicle.as_str());
    let closed = world.entries_of("component.case_closed").pop().unwrap();
    assert_eq!(closed["event"]["body"]["label"], "replaced_worn");
    // What the old part still says after its replacement is not the new one's.
    let of_part = |part: u32| {
        let readings = world.http.get(&format!("/v1/vehicles/{vehicle}/components/brake-front-left/readings")).ok();
        let rows = readings["rows"].as_array().unwrap().clone();
        rows.into_iter().filter(|row| row["unit"] == part).collect::<Vec<Value>>()
    };
    let new =
        world.until("the new part is read", || if of_part(2).is_empty() { Err(json!([])) } else { Ok(of_part(2)) });
    assert!(new.iter().all(|row| row["usage"].as_f64().unwrap() < 5_000.0), "{new:#?}");
    assert!(!of_part(1).is_empty());
    world.verify();
}

/// PDM-6, PDM-8, SAFE-10
///
/// Where there is no calibrated model a prediction grounds nobody by itself: a person does, and a cancelled order ends it.
#[test]
fn an_uncalibrated_prediction_waits_for_a_person() {
    let mut world = World::new();
    set_workshop(&world);
    // Parts of this operator last 20,000 km.
    let life = |n: u32| json!({ "label": "failed", "end_usage": 19_000 + 200 * n });
    world.import_lives("brake_pads", &(0..10).map(life).collect::<Vec<Value>>());
    let wear = json!({ "used": { "brake-front-left": 0.96 }, "seed": 3, "every_ms": 300 });
    let vehicle = world.worn_vehicle(crossing(0, 0), FAST, &wear);
    let waits = world.until("a person is to decide", || {
        let health = world.health(&vehicle);
        if health["grounding"]["status"] == "WAITS_FOR_PERSON" { Ok(health) } else { Err(health) }
    });
    assert!(waits["grounding"]["refused"].as_str().unwrap().contains("not good enough"), "{waits:#}");
    assert_eq!(waits["components"][0]["assessment"]["basis"]["kind"], "lives");
    let holds = || world.http.get(&format!("/v1/vehicles/{vehicle}")).ok()["holds"].clone();
    assert_eq!(holds(), json!([]));
    world
        .principal("dispatcher", "dora")
        .post(&format!("/v1/vehicles/{vehicle}/ground"), &json!({}))
        .problem(403, "FORBIDDEN");
    let officer = world.principal("safety_officer", "sofia");
    officer.post(&format!("/v1/vehicles/{vehicle}/ground"), &json!({})).ok();
    world.until("it is held", || if holds()[0]["kind"] == "grounded" { Ok(()) } else { Err(holds()) });
    let order = waits["grounding"]["order"].as_str().unwrap();
    let cancel = format!("/v1/work-orders/{order}/cancel");
    officer.post(&cancel, &json!({ "reason": "the pads were looked at" })).ok();
    world.until("nothing holds it", || if holds() == json!([]) { Ok(()) } else { Err(holds()) });
    world.verify();
}

/// PDM-7
///
/// The champion meets what it did not learn from: drift is noticed, a model is trained by itself, decides because it is
/// better, and is taken back in one step.
#[test]
fn drift_trains_a_better_model_which_is_promoted_and_rolled_back() {
    let mut world = World::new();
    let good = lives(ComponentClass::CoolantPump, 100, 60);
    // Books in which only the age of a part is known.
    let bare: Vec<Value> = good
        .iter()
        .map(|life| {
            let mut life = life.clone();
            life["rows"]
                .as_array_mut()
                .unwrap()
                .iter_mut()
                .for_each(|row| row["values"] = json!([null, null, null, null]));
            life
        })
        .collect();
    world.import_lives("coolant_pump", &bare);
    let first = world.train("coolant_pump");
    assert_eq!(first["champion"], 1, "{first:#}");
    // A version that is not better does not decide, whoever asks.
    world.import_lives("coolant_pump", &good);
    let wear = json!({ "used": { "coolant-pump": 0.0 }, "faster": 20_000, "every_ms": 200 });
    for n in 0..8 {
        world.worn_vehicle(crossing(n % 4, n / 4), FAST, &wear);
    }
    let drifted = world.until("drift is noticed", || {
        let model = world.model("coolant_pump");
        let trained = !world.entries_of("model.drift_noticed").is_empty();
        if trained { Ok(model) } else { Err(model) }
    });
    assert_eq!(drifted["champion"], 1, "{drifted:#}");
    let second = world.until_trained("coolant_pump", &json!(2));
    assert_eq!(second["champion"], 2, "{second:#}");
    assert_eq!((second["versions"][0]["trigger"].clone(), second["previous"].clone()), (json!("drift"), json!(1)));
    let officer = world.principal("safety_officer", "sofia");
    let back = officer.post("/v1/models/coolant_pump/roll-back", &json!({ "reason": "it grounds sound pumps" })).ok();
    assert_eq!(back["champion"], 1);
    let again = json!({ "number": 2, "reason": "it was the sensor" });
    assert_eq!(officer.post("/v1/models/coolant_pump/promote", &again).ok()["champion"], 2);
    world.principal("technician", "ines").post("/v1/models/coolant_pump/promote", &again).problem(403, "FORBIDDEN");
    world.verify();
}

//! Maintenance through the public surface: lives of parts, models, components and work orders.

use prognostics::catalog::ComponentClass;
use prognostics::wear::{Outcome, history};
use serde_json::{Value, json};

use super::{Http, World};

/// A workshop for every kind of work, at all times.
pub fn workshop() -> Value {
    let bay = |name: &str, kinds: &[&str]| json!({ "name": name, "kinds": kinds });
    let technician = |name: &str, skills: &[&str]| json!({ "name": name, "skills": skills, "shift_from_minute": 0, "shift_until_minute": 0 });
    json!({
        "bays": [bay("lift-1", &["lift", "pit"]), bay("tyres", &["tyre_bay"]), bay("hv", &["high_voltage_bay"])],
        "technicians": [
            technician("ines", &["mechanic", "tyre_fitter"]), technician("omar", &["high_voltage_technician", "mechanic"]),
        ],
        "utilisation": { "km_per_day": 3000.0, "hours_per_day": 16.0, "cycles_per_day": 60.0 },
        "vehicles_needed": 1, "alerts_a_day": 20,
    })
}

/// Lives of simulated parts, as they are imported.
pub fn lives(class: ComponentClass, parts: usize, rows: usize) -> Vec<Value> {
    let finite = |value: &f64| Some(*value).filter(|value| value.is_finite());
    let life = |life: prognostics::wear::UnitHistory| {
        let label = if life.outcome == Outcome::Failed { "failed" } else { "censored" };
        let rows: Vec<Value> = life
            .rows
            .iter()
            .map(|row| json!({ "at_ms": row.at_ms, "usage": row.usage, "values": row.values.iter().map(finite).collect::<Vec<_>>() }))
            .collect();
        json!({ "label": label, "end_usage": life.end_usage, "rows": rows })
    };
    history(class, parts, 7, rows).into_iter().map(life).collect()
}

impl World {
    /// Imports lives as `part-0`, `part-1`, …
    pub fn import_lives(&self, class: &str, lives: &[Value]) {
        for (n, life) in lives.iter().enumerate() {
            let path = format!("/v1/models/{class}/histories/part-{n}");
            self.http.put(&path, life.to_string().as_bytes(), "application/json").ok();
        }
    }

    pub fn model(&self, class: &str) -> Value {
        self.http.get(&format!("/v1/models/{class}")).ok()
    }

    /// Trains a model and waits for its version.
    pub fn train(&self, class: &str) -> Value {
        let number = self.http.post(&format!("/v1/models/{class}/train"), &json!({})).ok()["number"].clone();
        self.until_trained(class, &number)
    }

    pub fn until_trained(&self, class: &str, number: &Value) -> Value {
        self.until(&format!("version {number} of {class} is trained"), || {
            let model = self.model(class);
            assert!(model["failed"].is_null(), "{model:#}");
            let there = model["versions"].as_array().unwrap().iter().any(|version| version["number"] == *number);
            // It is moved right after it was kept.
            if there && model["training"].is_null() && model["challenger"].is_null() { Ok(model) } else { Err(model) }
        })
    }

    pub fn health(&self, vehicle: &str) -> Value {
        self.http.get(&format!("/v1/vehicles/{vehicle}/health")).ok()
    }

    /// Waits until a component is as wanted.
    pub fn until_component(&self, vehicle: &str, component: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        self.until(&format!("{component} is as wanted"), || {
            let health = self.health(vehicle);
            let found = health["components"].as_array().unwrap().iter().find(|known| known["component"] == component);
            match found.filter(|known| wanted(known)) {
                Some(known) => Ok(known.clone()),
                None => Err(health),
            }
        })
    }

    pub fn order(&self, order: &str) -> Value {
        self.http.get(&format!("/v1/work-orders/{order}")).ok()
    }

    pub fn until_order(&self, order: &str, status: &str) -> Value {
        self.until(&format!("the order is {status}"), || {
            let shown = self.order(order);
            if shown["status"] == status { Ok(shown) } else { Err(shown) }
        })
    }

    /// A vehicle whose components wear.
    pub fn worn_vehicle(&mut self, at: (f64, f64), speedup: f64, wear: &Value) -> String {
        let n = self.ready_vehicle_that(at, speedup, &["--wear", &wear.to_string()]);
        self.vehicle_id(n).to_owned()
    }
}

/// Begins the work on an order, ticks every step and completes it.
pub fn work(technician: &Http, order: &Value, closing: &str) {
    let id = order["id"].as_str().unwrap();
    let path = |verb: &str| format!("/v1/work-orders/{id}/{verb}");
    technician.post(&path("start"), &json!({})).ok();
    for step in 0..order["checklist"].as_array().unwrap().len() {
        technician.post(&path("step"), &json!({ "step": step })).ok();
    }
    technician.post(&path("complete"), &json!({ "closing": closing, "notes": "as predicted" })).ok();
}

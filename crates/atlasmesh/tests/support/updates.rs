//! Software updates through the public surface: images, releases, rollouts, and what vehicles say of them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use data_encoding::HEXLOWER;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::World;

/// The hardware of simulated vehicles.
pub const HARDWARE: &str = "sim-compute-1";

/// An image that a simulated vehicle boots; `works` or not.
pub fn image(release: &str, works: bool, length: usize) -> Vec<u8> {
    let result = if works { "pass" } else { "fail" };
    let mut bytes = format!("atlasmesh simulated image\nrelease: {release}\nself-test: {result}\n").into_bytes();
    bytes.resize(bytes.len().max(length), b'.');
    bytes
}

pub fn sha256(bytes: &[u8]) -> String {
    HEXLOWER.encode(&Sha256::digest(bytes))
}

impl World {
    /// Uploads an image in parts; its digest.
    pub fn upload(&self, bytes: &[u8]) -> String {
        let digest = sha256(bytes);
        let mut at = 0;
        for part in bytes.chunks(1 << 20) {
            let body = json!({ "length": bytes.len(), "at": at, "data": STANDARD.encode(part) });
            let state =
                self.http.put(&format!("/v1/images/{digest}"), body.to_string().as_bytes(), "application/json").ok();
            at += part.len();
            assert_eq!(state["received"], at);
        }
        digest
    }

    /// Publishes a release with the release that takes it back; their ids.
    pub fn release(&self, name: &str, counter: u64, works: bool) -> (String, String) {
        self.release_of(name, counter, &image(name, works, 3_000_000))
    }

    pub fn release_of(&self, name: &str, counter: u64, bytes: &[u8]) -> (String, String) {
        self.release_in(&format!("{name}.img"), name, counter, bytes)
    }

    /// Like [`Self::release_of`], with a name for the image's file.
    pub fn release_in(&self, file: &str, name: &str, counter: u64, bytes: &[u8]) -> (String, String) {
        let back = format!("{name}-back");
        let publish = |name: &str, counter: u64, bytes: &[u8], reverts_to: Value| {
            let file = (!reverts_to.is_null()).then_some(file);
            let body = json!({
                "name": name, "file": file, "sha256": self.upload(bytes), "hardware_ids": [HARDWARE],
                "counter": counter, "notes": "a better driver", "reverts_to": reverts_to,
            });
            self.http.post("/v1/releases", &body).ok()["id"].as_str().unwrap().to_owned()
        };
        let back_id = publish(&back, counter + 1, &image(&back, true, 1_000), Value::Null);
        (publish(name, counter, bytes, json!(back)), back_id)
    }

    /// Plans a rollout that begins with some vehicles and goes on with all; its id.
    pub fn plan(&self, release: &str, first: &[&str], changes: Value) -> String {
        let mut plan = json!({
            "name": "a rollout", "release": release, "first_vehicles": first, "control_ppm": 0, "at_once": 30,
            "stages": [{ "soak_s": 0 }, { "share_ppm": 1_000_000, "soak_s": 0 }],
        });
        for (name, value) in changes.as_object().unwrap() {
            plan[name] = value.clone();
        }
        self.http.post("/v1/rollouts", &plan).ok()["id"].as_str().unwrap().to_owned()
    }

    pub fn start_rollout(&self, rollout: &str) {
        self.http.post(&format!("/v1/rollouts/{rollout}/start"), &Value::Null).ok();
    }

    pub fn rollout(&self, rollout: &str) -> Value {
        self.http.get(&format!("/v1/rollouts/{rollout}")).ok()
    }

    pub fn updates_of(&self, vehicle: &str) -> Value {
        self.http.get(&format!("/v1/vehicles/{vehicle}/updates")).ok()
    }

    /// Waits until a rollout has a status.
    pub fn until_rollout(&self, rollout: &str, status: &str) -> Value {
        self.until(&format!("the rollout is {status}"), || {
            let shown = self.rollout(rollout);
            if shown["status"] == status { Ok(shown) } else { Err(shown) }
        })
    }

    /// Waits until the newest update of a vehicle that is over has a status.
    pub fn until_update(&self, vehicle: &str, status: &str) -> Value {
        self.until(&format!("the update is {status}"), || {
            let shown = self.updates_of(vehicle);
            if shown["history"][0]["status"] == status { Ok(shown["history"][0].clone()) } else { Err(shown) }
        })
    }
}

//! Update clients that nobody here wrote, before the listener for updates: python-tuf's, rauc-hawkbit's and SWUpdate (OTA).

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod support;

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use support::World;
use support::foreign::{enrolled, python, run, script};
use support::process::Process;
use support::proxy::Proxy;
use support::site::crossing;
use support::time::now_us;
use support::updates::{HARDWARE, image, sha256};
use support::world::FAST;

/// How long an image is.
const LENGTH: usize = 3_000_000;

#[test]
fn a_generic_tuf_client_gets_an_image_and_sees_every_alteration() {
    let world = World::new();
    let identity = enrolled(&world);
    world.release("av-os-1.0", 5, true);
    let wanted = image("av-os-2.0", true, LENGTH);
    world.release_of("av-os-2.0", 10, &wanted);
    let (address, saved) = (format!("https://{}", world.server.updates), world.server.folder.path().join("image"));
    let (done, said) = run(python("python"), |command| {
        command.arg(script("ngclient.py")).arg(address).arg(identity).arg("av-os-2.0.img").arg(&saved);
    });
    assert!(done, "{said}");
    let got: HashMap<&str, &str> = said.lines().filter_map(|line| line.split_once(' ')).collect();
    assert!(std::fs::read(&saved).unwrap() == wanted, "another image came");
    assert_eq!((got["counter"], got["unknown"]), ("10", "None"), "{said}");
    // Consistent snapshots: each document by its version, the image by its digest.
    let asked: Vec<&str> = got["asked"].split(',').collect();
    assert_eq!(asked.last(), Some(&format!("{}.av-os-2.0.img", sha256(&wanted)).as_str()), "{said}");
    assert!(asked[3].ends_with(".snapshot.json") && asked[4].ends_with(".targets.json"), "{said}");
    for signed in ["root", "timestamp"] {
        assert_eq!(got[format!("changed_{signed}").as_str()], "UnsignedMetadataError", "{said}");
    }
    for pinned in ["snapshot", "targets", "image"] {
        assert_eq!(got[format!("changed_{pinned}").as_str()], "LengthOrHashMismatchError", "{said}");
    }
    assert_eq!(got["no_certificate"], "401", "{said}");
}

/// A vehicle that is updated by another client than our agent's: its id, and the client's token.
fn vehicle(world: &mut World) -> (String, Value) {
    let id = world.register("car-1");
    let mut bootstrap = world.bootstrap(&id);
    bootstrap.as_object_mut().unwrap().remove("updates").expect("where updates are fetched");
    let n = world.start_agent("car-1", &bootstrap, crossing(0, 0), FAST);
    world.until_vehicle(n, "ready", |vehicle| vehicle["ready"] == true && vehicle["seen"]["position"].is_object());
    let token = token(world, &id);
    (id, token)
}

/// A new token for the update client of a vehicle.
fn token(world: &World, vehicle: &str) -> Value {
    world.http.post(&format!("/v1/vehicles/{vehicle}/update-token"), &json!({})).ok()
}

/// Runs rauc-hawkbit's client on a vehicle that says what it runs, until it has installed something, with this result, or has
/// polled so often; whether it came to that, and what it said.
fn hawkbit(world: &World, token: &Value, version: &str, polls: u32, result: u32) -> (bool, String) {
    let folder = world.server.folder.path();
    let file = folder.join("token.json");
    std::fs::write(&file, token.to_string()).unwrap();
    run(python("python"), |command| {
        command.arg(script("hawkbit_client.py")).arg(file).args([version, HARDWARE]).arg(folder);
        command.args([polls, result].map(|number| number.to_string()));
    })
}

/// OTA-7
///
/// "Done" of a client that signs nothing is a claim; what counts is the version that it names.
#[test]
fn what_rauc_hawkbit_calls_done_is_a_claim_until_it_names_the_new_version() {
    let mut world = World::new();
    let (vehicle, token) = vehicle(&mut world);
    let idle = |version: &str, polls: u32| {
        let (done, said) = hawkbit(&world, &token, version, polls, 0);
        assert!(done && said.ends_with("nothing\n"), "{said}");
    };
    idle("factory", 1);
    let first = image("av-os-2.0", true, LENGTH);
    let (release, _) = world.release_of("av-os-2.0", 10, &first);
    let rollout = world.plan(&release, &[&vehicle], json!({}));
    world.start_rollout(&rollout);
    let (done, said) = hawkbit(&world, &token, "factory", 100, 0);
    let got = format!("image {} {}\n", first.len(), sha256(&first));
    assert!(done && said.contains(&got) && said.ends_with("installed 0\n"), "{said}");
    // It is offered nothing more, and what it says it runs is what it ran before.
    idle("factory", 2);
    let shown = world.updates_of(&vehicle);
    assert_eq!((&shown["current"]["status"], &shown["history"]), (&json!("CLAIMED"), &json!([])), "{shown:#}");
    assert_eq!(shown["installed"]["release"], "factory", "{shown:#}");
    assert_eq!(world.rollout(&rollout)["counts"], json!({ "proven": 0, "failed": 0 }));
    idle("av-os-2.0", 1);
    world.until_update(&vehicle, "SUCCEEDED");
    let installed = &world.updates_of(&vehicle)["installed"];
    let told = (&installed["release"], &installed["truth"], &installed["sha256"]);
    assert_eq!(told, (&json!("av-os-2.0"), &json!("reported"), &json!(sha256(&first))));
    world.until_rollout(&rollout, "COMPLETED");
    // An installation that fails is told at once.
    let (release, _) = world.release("av-os-3.0", 20, true);
    world.start_rollout(&world.plan(&release, &[&vehicle], json!({})));
    let (done, said) = hawkbit(&world, &token, "av-os-2.0", 100, 1);
    assert!(done && said.ends_with("installed 1\n"), "{said}");
    let failed = world.until_update(&vehicle, "FAILED");
    assert_eq!(failed["code"], "CLIENT_FAILED", "{failed:#}");
    assert_eq!(failed["detail"], "Rauc bundle update completed with result: 1", "{failed:#}");
    world.verify();
}

#[test]
fn a_token_is_one_vehicles_and_ends_with_the_next_one() {
    let mut world = World::new();
    let (vehicle, first) = vehicle(&mut world);
    let refused = |token: &Value| {
        let (done, said) = hawkbit(&world, token, "factory", 1, 0);
        assert!(!done && said.contains("APIError: 401"), "{said}");
    };
    let second = token(&world, &vehicle);
    refused(&first);
    let (done, said) = hawkbit(&world, &second, "factory", 1, 0);
    assert!(done, "{said}");
    let mut of_another = token(&world, &world.register("car-2"));
    of_another["controller"] = json!(vehicle);
    refused(&of_another);
    // The first one spoiled nothing on its way.
    assert_eq!(world.updates_of(&vehicle)["installed"]["release"], "factory");
}

/// SWUpdate on a vehicle, with one slot that it writes to.
struct Swupdate {
    folder: PathBuf,
    token: Value,
    /// What else it is set to.
    settings: &'static str,
}

impl Swupdate {
    fn new(world: &World, token: Value) -> Self {
        let folder = world.server.folder.path().join("swupdate");
        std::fs::create_dir_all(folder.join("tmp")).unwrap();
        std::fs::write(folder.join("authority.pem"), token["authority_pem"].as_str().unwrap()).unwrap();
        std::fs::write(folder.join("slot"), vec![0; LENGTH]).unwrap();
        Self { folder, token, settings: "" }
    }

    fn slot(&self) -> Vec<u8> {
        std::fs::read(self.folder.join("slot")).unwrap()
    }

    /// An update that writes an image to the slot; its description names this digest of the image, if not the true one.
    fn package(&self, name: &str, image: &[u8], digest: Option<&str>) -> Vec<u8> {
        std::fs::write(self.folder.join("rootfs.img"), image).unwrap();
        let (done, said) = run("sh", |command| {
            command.arg(script("swu.sh")).arg(&self.folder).args(["rootfs.img", name]).arg(self.folder.join("slot"));
            command.args(digest);
        });
        assert!(done, "{said}");
        std::fs::read(self.folder.join(format!("{name}.swu"))).unwrap()
    }

    /// Starts it on a vehicle that runs a version. `confirm` is how it is told after a boot how that went.
    fn start(&self, address: &str, version: &str, confirm: &str) -> Process {
        let folder = self.folder.display();
        let text = |name: &str| self.token[name].as_str().unwrap();
        let (tenant, controller, token) = (text("tenant"), text("controller"), text("token"));
        let more = self.settings;
        let settings = format!(
            r#"globals: {{ loglevel = 5; public-key-file = "{folder}/c.pem"; }};
suricatta: {{
    tenant = "{tenant}"; id = "{controller}"; targettoken = "{token}";
    url = "https://{address}"; cafile = "{folder}/authority.pem";
    polldelay = 1; retry = 5; retrywait = 1; {more}
}};
identify: ( {{ name = "sw_version"; value = "{version}"; }}, {{ name = "hw_revision"; value = "{HARDWARE}"; }} );
"#
        );
        let file = self.folder.join("swupdate.cfg");
        std::fs::write(&file, settings).unwrap();
        let patience = format!("-w 1 -r 5 {confirm}");
        let mut command = Command::new("swupdate");
        command.arg("-v").arg("-f").arg(file).args(["-H", "default:1.0", "-u", patience.trim_end()]);
        // Its sockets are there: one for every vehicle of this machine.
        command.env("TMPDIR", self.folder.join("tmp"));
        Process::start("swupdate", &mut command)
    }
}

/// Waits until a client has said what its vehicle runs.
fn await_word(world: &World, vehicle: &str) {
    world.until("the vehicle says what it runs", || {
        let shown = world.updates_of(vehicle);
        if shown["installed"]["release"] == "factory" { Ok(()) } else { Err(shown) }
    });
}

/// OTA-5, OTA-7
#[test]
fn swupdate_goes_on_where_a_download_broke_and_has_its_boot_believed() {
    let mut world = World::new();
    let (vehicle, token) = vehicle(&mut world);
    let swupdate = Swupdate::new(&world, token);
    let image = image("av-os-2.0", true, LENGTH);
    let package = swupdate.package("av-os-2.0", &image, None);
    let (release, _) = world.release_in("av-os-2.0.swu", "av-os-2.0", 10, &package);
    let proxy = Proxy::before(&world.server.updates);
    let mut client = swupdate.start(&proxy.address, "factory", "");
    await_word(&world, &vehicle);
    proxy.break_after(proxy.carried() + LENGTH as u64 / 2);
    let rollout = world.plan(&release, &[&vehicle], json!({}));
    world.start_rollout(&rollout);
    world.until("the slot is written", || match swupdate.slot() == image {
        true => Ok(()),
        false => Err(world.updates_of(&vehicle)),
    });
    client.line_with("pending testing");
    assert!(proxy.has_broken());
    // What had come before the connection broke was not asked for again.
    assert!(proxy.carried() < LENGTH as u64 * 5 / 4, "{} bytes for {LENGTH}", proxy.carried());
    // Written, and not booted: nothing is claimed yet.
    let shown = world.updates_of(&vehicle);
    assert_eq!(shown["current"]["status"], "INSTALLING", "{shown:#}");
    client.signal("TERM");
    assert!(client.ended().success());
    let _client = swupdate.start(&proxy.address, "av-os-2.0", "-c 2");
    world.until_update(&vehicle, "SUCCEEDED");
    assert_eq!(world.updates_of(&vehicle)["installed"]["truth"], "reported");
    world.until_rollout(&rollout, "COMPLETED");
    world.verify();
}

/// OTA-3, OTA-5
#[test]
fn swupdate_is_offered_nothing_outside_its_window_and_says_so_when_an_image_is_another_one() {
    let mut world = World::new();
    let (vehicle, token) = vehicle(&mut world);
    let swupdate = Swupdate::new(&world, token);
    let image = image("av-os-2.0", true, LENGTH);
    let package = swupdate.package("av-os-2.0", &image, None);
    let (release, _) = world.release_in("av-os-2.0.swu", "av-os-2.0", 10, &package);
    let client = swupdate.start(&world.server.updates, "factory", "");
    await_word(&world, &vehicle);
    let minute = |from_now: i64| (now_us() / 60_000_000 + from_now) % 1_440;
    let window = json!({ "from_minute": minute(120), "until_minute": minute(180) });
    let rollout = world.plan(&release, &[&vehicle], json!({ "window": window }));
    world.start_rollout(&rollout);
    world.until("the update waits for its window", || {
        let current = world.updates_of(&vehicle)["current"].clone();
        if current["code"] == "base.update-offer.window" { Ok(()) } else { Err(current) }
    });
    // Were it told of the update, to be skipped, it would say that it had succeeded.
    let idle = "No pending action on server";
    while client.try_line_with(idle, Duration::from_millis(10)).is_some() {}
    for _ in 0..3 {
        client.line_with(idle);
    }
    let shown = world.updates_of(&vehicle);
    assert_eq!((&shown["current"]["status"], &shown["history"]), (&json!("SCHEDULED"), &json!([])), "{shown:#}");
    assert!(swupdate.slot() == vec![0; LENGTH], "the slot was written");
    world.http.post(&format!("/v1/rollouts/{rollout}/pause"), &json!({ "reason": "another one goes first" })).ok();
    world.until_update(&vehicle, "CANCELLED");
    // Signed, and its image is not the one that was signed for.
    let other = swupdate.package("av-os-3.0", &image, Some(&sha256(b"another image")));
    let (release, _) = world.release_in("av-os-3.0.swu", "av-os-3.0", 20, &other);
    let rollout = world.plan(&release, &[&vehicle], json!({}));
    world.start_rollout(&rollout);
    let failed = world.until_update(&vehicle, "FAILED");
    assert_eq!(
        (&failed["release_name"], &failed["code"]),
        (&json!("av-os-3.0"), &json!("CLIENT_FAILED")),
        "{failed:#}"
    );
    // It does not always tell the server why, and always says that there was a reason.
    client.line_with("HASH mismatch");
    assert!(failed["detail"].as_str().unwrap().ends_with("No suitable .swu image found"), "{failed:#}");
    assert_eq!(world.updates_of(&vehicle)["installed"]["release"], "factory");
    world.verify();
}

/// OTA-9
#[test]
fn swupdate_stops_in_its_download_when_the_rollout_is_paused() {
    let mut world = World::new();
    let (vehicle, token) = vehicle(&mut world);
    let mut swupdate = Swupdate::new(&world, token);
    swupdate.settings = r#"max-download-speed = "300k";"#;
    // More than the buffers of two sockets take.
    let image = image("av-os-2.0", true, 8 * LENGTH);
    let package = swupdate.package("av-os-2.0", &image, None);
    let (release, _) = world.release_in("av-os-2.0.swu", "av-os-2.0", 10, &package);
    let rollout = world.plan(&release, &[&vehicle], json!({}));
    let _client = swupdate.start(&world.server.updates, "factory", "");
    await_word(&world, &vehicle);
    world.start_rollout(&rollout);
    world.until("the slot is being written", || match swupdate.slot()[0] == image[0] {
        true => Ok(()),
        false => Err(world.updates_of(&vehicle)),
    });
    assert_eq!(world.updates_of(&vehicle)["current"]["status"], "DOWNLOADING");
    world.http.post(&format!("/v1/rollouts/{rollout}/pause"), &json!({ "reason": "a doubt" })).ok();
    world.until("the client has stopped", || {
        let last = world.updates_of(&vehicle)["history"][0].clone();
        if last["code"] == "CANCEL_CONFIRMED" { Ok(()) } else { Err(last) }
    });
    assert!(swupdate.slot() != image, "the whole image was written");
    assert_eq!(world.updates_of(&vehicle)["current"], Value::Null);
    world.verify();
}

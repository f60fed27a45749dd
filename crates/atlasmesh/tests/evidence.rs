//! Evidence and compliance through the public surface: from an entry to the clause that it speaks to, to a bundle that a
//! stranger verifies, to a report that an authority rejects and then accepts.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod support;

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use support::server::{Serve, atlasmesh};
use support::site::crossing;
use support::world::{FAST, profile};
use support::{Http, World, authority, furnish};

/// A server that a trip was driven on.
fn driven() -> (World, String) {
    let mut world = World::new();
    world.ready_vehicle(crossing(0, 0), FAST);
    let trip = world.trip(crossing(1, 0), crossing(2, 1));
    world.until_status(&trip, &["COMPLETED"]);
    (world, trip)
}

fn bundle(world: &World, wanted: &Value) -> Value {
    let asked = world.http.post("/v1/evidence/bundles", wanted).ok();
    let path = format!("/v1/evidence/bundles/{}", asked["id"].as_str().unwrap());
    world.until("the bundle is made", || {
        let shown = world.http.get(&path).ok();
        if shown["status"] == "REQUESTED" { Err(shown) } else { Ok(shown) }
    })
}

/// The bytes of an answer that is no JSON, in a file.
fn save(http: &Http, path: &str, file: &Path) {
    let answer = http.get(path);
    assert_eq!(answer.status, 200, "{path}");
    fs::write(file, &answer.bytes).unwrap();
}

fn unpack(folder: &Path, archive: &str) {
    let script = format!("mkdir looked && zstd -q -d -c {archive} | tar -xf - -C looked");
    assert!(Command::new("sh").args(["-c", &script]).current_dir(folder).status().unwrap().success());
}

/// Follows `VERIFY.md`, which is in the bundle itself: every block as it stands, in one shell.
fn follow(folder: &Path, verify_md: &str) -> (bool, String) {
    let blocks = verify_md.split("```sh\n").skip(1).map(|block| block.split("```").next().unwrap());
    let script: String = blocks.collect();
    let _ = fs::remove_dir_all(folder.join("unpacked"));
    let output = Command::new("sh").args(["-c", &script]).current_dir(folder).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

/// EVD-1, EVD-2
#[test]
fn entries_are_classified_and_signed() {
    let (world, trip) = driven();
    let entries = world.entries(0);
    let of = |kind: &str| {
        let entry = entries.iter().find(|entry| entry["event"]["type"] == kind && entry.to_string().contains(&trip));
        entry.unwrap()["event"]["id"].as_str().unwrap().to_owned()
    };
    let completed = world.http.get(&format!("/v1/evidence/entries/{}", of("trip.completed"))).ok();
    assert!(!completed["clauses"].as_array().unwrap().is_empty(), "{completed}");
    let created = world.http.get(&format!("/v1/evidence/entries/{}", of("trip.created"))).ok();
    assert!(created["decision"].is_string(), "{created}");
    let decided = entries.iter().find(|entry| entry["event"]["type"] == "policy.decided").unwrap();
    let decided = world.http.get(&format!("/v1/evidence/entries/{}", decided["event"]["id"].as_str().unwrap())).ok();
    assert!(!decided["clauses"].as_array().unwrap().is_empty(), "{decided}");
    // The signature is over the entry's own bytes, by the key that is published.
    let hint = &decided["signature"]["verificationMaterial"]["publicKey"]["hint"];
    assert_eq!(*hint, world.http.get("/v1/evidence-key").ok()["keyid"]);
    let compliance = world.http.get("/v1/compliance").ok();
    let frameworks = compliance["frameworks"].as_array().unwrap();
    assert_eq!(frameworks.len(), 11);
    let clauses = frameworks.iter().flat_map(|framework| framework["clauses"].as_array().unwrap());
    let verdicts: Vec<&str> = clauses.map(|clause| clause["verdict"].as_str().unwrap()).collect();
    for verdict in ["satisfied", "not_evaluable"] {
        assert!(verdicts.contains(&verdict), "{verdict}");
    }
    // What was counted goes on after a start.
    let mut world = world;
    world.server.kill();
    world.server.start_again();
    let again = world.http.get("/v1/compliance").ok();
    let evidence = |of: &Value| -> u64 {
        let clauses = of["frameworks"].as_array().unwrap().iter().flat_map(|of| of["clauses"].as_array().unwrap());
        clauses.map(|clause| clause["evidence"].as_u64().unwrap()).sum()
    };
    assert!(evidence(&again) >= evidence(&compliance));
}

/// EVD-3, EVD-4
#[test]
fn a_stranger_verifies_a_bundle_by_its_own_text_alone_and_finds_what_was_changed() {
    let (mut world, trip) = driven();
    let made = bundle(&world, &json!({ "purpose": "the day", "frameworks": ["nist-800-53", "soc2"] }));
    assert_eq!(made["status"], "COMPLETE", "{made}");
    let of_trip = bundle(&world, &json!({ "purpose": "the trip", "about": format!("trip/{trip}") }));
    assert_eq!(of_trip["status"], "COMPLETE", "{of_trip}");
    assert!(of_trip["archive"]["events"].as_u64() < made["archive"]["events"].as_u64());
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let pem = world.http.get("/v1/evidence-key").ok()["public_pem"].as_str().unwrap().to_owned();
    fs::write(folder.join("evidence.pem"), pem).unwrap();
    for of in [&made, &of_trip] {
        let id = of["id"].as_str().unwrap();
        save(&world.http, &format!("/v1/evidence/bundles/{id}/archive"), &folder.join("bundle.tar.zst"));
        let _ = fs::remove_dir_all(folder.join("looked"));
        unpack(folder, "bundle.tar.zst");
        let text = fs::read_to_string(folder.join("looked/VERIFY.md")).unwrap();
        let (holds, said) = follow(folder, &text);
        let events = of["archive"]["events"].as_u64().unwrap();
        assert!(holds && said.contains("the bundle is as it was signed"), "{said}");
        assert!(said.contains(&format!("{events} entries are in the log")), "{said}");
        let taken = world.http.get(&format!("/v1/evidence/bundles/{id}")).ok();
        assert_eq!(taken["disclosures_total"], 1, "{taken}");
    }
    offline(folder);
    let again = bundle(&world, &json!({ "purpose": "the trip", "about": format!("trip/{trip}") }));
    // The bundles themselves are about the trip too.
    assert!(again["archive"]["events"].as_u64() > of_trip["archive"]["events"].as_u64());
    // A bundle about a time without entries says so.
    let empty = json!({ "purpose": "nothing", "from": "2020-01-01T00:00:00Z", "until": "2020-02-01T00:00:00Z" });
    assert_eq!(bundle(&world, &empty)["status"], "INCOMPLETE");
    world
        .http
        .post("/v1/evidence/bundles", &json!({ "purpose": "x", "frameworks": ["un-r999"] }))
        .problem(400, "INVALID_REQUEST");
    world.server.stop();
    world.server.verify_stopped();
}

/// Our own check reads the same archive, and one changed byte is found.
fn offline(folder: &Path) {
    let archive = folder.join("bundle.tar.zst");
    let verify = |archive: &Path| {
        let output = atlasmesh()
            .args(["evidence", "verify", "--json", "--key"])
            .arg(folder.join("evidence.pem"))
            .arg(archive)
            .output()
            .unwrap();
        (output.status.success(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
    };
    let (holds, said) = verify(&archive);
    assert!(holds && said.contains("\"holds\": true"), "{said}");
    let mut bytes = fs::read(&archive).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(folder.join("changed.tar.zst"), bytes).unwrap();
    let (holds, said) = verify(&folder.join("changed.tar.zst"));
    assert!(!holds, "{said}");
}

/// EVD-4: a kill in the middle of sealing leaves one bundle and no half of one.
#[test]
fn a_bundle_is_archived_once_whenever_the_server_is_killed() {
    let (mut world, _) = driven();
    for _ in 0..3 {
        let asked = world.http.post("/v1/evidence/bundles", &json!({ "purpose": "the day" })).ok();
        world.server.kill();
        world.server.start_again();
        let id = asked["id"].as_str().unwrap();
        world.until("the bundle is made", || {
            let shown = world.http.get(&format!("/v1/evidence/bundles/{id}")).ok();
            if shown["status"] == "COMPLETE" { Ok(()) } else { Err(shown) }
        });
        let entries = world.entries(0);
        let archived = |entry: &&Value| {
            let event = &entry["event"];
            event["type"] == "bundle.archived" && event["stream"].as_str().unwrap().ends_with(id)
        };
        assert_eq!(entries.iter().filter(archived).count(), 1);
    }
    let folder = world.server.data().join("archives").join(support::world::TENANT);
    let parts = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    assert_eq!(parts.filter(|file| file.extension().is_some()).count(), 0);
}

/// EVD-5, EVD-6
#[test]
#[expect(clippy::too_many_lines, reason = "one story from its beginning to its end")]
fn a_report_is_rejected_by_the_authority_corrected_and_accepted() {
    let (mut world, _) = driven();
    let vehicle = world.vehicle_id(0).to_owned();
    let officer = world.person("sara", &["safety_officer"]);
    let regulator = world.person("rita", &["regulator"]);
    let profile =
        json!({ "frameworks": ["nhtsa-sgo"], "forms": ["nhtsa-sgo"], "settings": { "reporting_entity": "Town" } });
    officer.put("/v1/compliance/profile", profile.to_string().as_bytes(), "application/json").problem(403, "FORBIDDEN");

    // The authority's term begins with the notice: five days of its own calendar.
    let noticed = support::time::text(support::time::now_us() - 3_600_000_000);
    let mut collision = furnish::collision(&vehicle);
    collision["occurred_at"] = noticed.clone().into();
    collision["noticed_at"] = noticed.into();
    let collision = officer.post("/v1/collisions", &collision).ok();
    assert_eq!(collision["report"], "sgo-5-day");
    // Also where the form applies only afterwards.
    world.http.put("/v1/compliance/profile", profile.to_string().as_bytes(), "application/json").ok();
    let due = world.until("the report is due", || {
        let due = officer.get("/v1/evidence/obligations").ok();
        due["items"].get(0).cloned().ok_or(due)
    });
    assert_eq!((&due["form"], &due["zone"]), (&json!("nhtsa-sgo"), &json!("America/New_York")));
    let report = officer.post("/v1/evidence/reports", &json!({ "form": "nhtsa-sgo", "obligation": due["id"] })).ok();
    let id = report["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/evidence/reports/{id}");

    // What is missing is named, and nothing leaves without it.
    let preview = officer.get(&format!("{path}/preview")).ok();
    let field = |name: &str| preview["fields"].as_array().unwrap().iter().find(|field| field["id"] == name).unwrap();
    assert_eq!(field("reporting_entity")["from"], "setting");
    assert_eq!((&field("report_type")["value"], &field("report_type")["from"]), (&json!("5-Day"), &json!("entries")));
    assert!(!preview["missing"].as_array().unwrap().is_empty());
    let wrong = json!({ "values": { "no_such_field": "1" } }).to_string();
    officer.put(&format!("{path}/values"), wrong.as_bytes(), "application/json").problem(400, "INVALID_REQUEST");
    let sign = || {
        world.until("it is signed", || {
            let signed = officer.post(&format!("{path}/sign"), &json!({}));
            if signed.status == 200 { Ok(signed.ok()) } else { Err(json!(signed.status)) }
        })
    };
    sign();
    officer.post(&format!("{path}/submit"), &json!({})).problem(403, "POLICY_VIOLATION");
    furnish::complete(&world, &id);
    let signed = sign();
    assert_eq!(signed["versions"][0]["missing"], json!([]));
    let folder = tempfile::tempdir().unwrap();
    let pdf = folder.path().join("report.pdf");
    save(&officer, &format!("{path}/document?format=pdf"), &pdf);
    let checked = Command::new("qpdf").arg("--check").arg(&pdf).output().unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    let text = Command::new("pdftotext").arg(&pdf).arg("-").output().unwrap();
    assert!(String::from_utf8_lossy(&text.stdout).contains("Standing General Order"));
    regulator.get(&format!("/v1/submissions/{id}")).problem(404, "NOT_FOUND");
    let submitted = officer.post(&format!("{path}/submit"), &json!({})).ok();
    assert_eq!((&submitted["status"], &submitted["versions"][0]["late"]), (&json!("SUBMITTED"), &json!(false)));

    // The authority checks for itself, and answers by its own key; nobody else does.
    let theirs = format!("/v1/submissions/{id}");
    officer.get("/v1/submissions").problem(403, "FORBIDDEN");
    world.http.get("/v1/submissions").problem(403, "FORBIDDEN");
    let rejection = authority::decision(&regulator, &id);
    regulator.post(&format!("{theirs}/decision"), &rejection).problem(409, "ILLEGAL_TRANSITION");
    let key = json!({ "key": authority::public_key() }).to_string();
    regulator.put("/v1/submissions/key", key.as_bytes(), "application/json").ok();
    let mut forged = rejection.clone();
    forged["signature"] = "AAAA".into();
    regulator.post(&format!("{theirs}/decision"), &forged).problem(400, "INVALID_REQUEST");
    let accepting = json!({ "verdict": "accept", "confirmation": "N-17", "next_due_at": "2099-01-15T05:00:00Z" });
    let early = authority::signed(&regulator, &id, accepting.clone());
    regulator.post(&format!("{theirs}/decision"), &early).problem(403, "POLICY_VIOLATION");
    let check = regulator.post(&format!("{theirs}/check"), &json!({})).ok();
    assert_eq!((&check["format_valid"], &check["signature_valid"]), (&json!(true), &json!(true)), "{check}");
    save(&regulator, &format!("{theirs}/bundle"), &folder.path().join("bundle.tar.zst"));
    let rejected = regulator.post(&format!("{theirs}/decision"), &rejection).ok();
    assert_eq!(rejected["status"], "REJECTED");

    // What is to be corrected has an owner and a date, and is an issue until the authority accepts.
    let issue = world.until("the correction is an issue", || {
        let open = officer.get("/v1/compliance/issues?open=true").ok();
        let about = json!(format!("report/{id}"));
        open["items"].as_array().unwrap().iter().find(|issue| issue["about"] == about).cloned().ok_or(open)
    });
    assert_eq!(issue["owner"], "safety_officer");
    world.server.kill();
    world.server.start_again();
    officer.post(&format!("{path}/sign"), &json!({})).problem(409, "ILLEGAL_TRANSITION");
    officer.post(&format!("{path}/correct"), &json!({ "what": "the narrative says where it was hit" })).ok();
    let again = world.until("the next version is signed", || {
        let signed = officer.post(&format!("{path}/sign"), &json!({}));
        if signed.status == 200 { Ok(signed.ok()) } else { Err(json!(signed.status)) }
    });
    assert_eq!(again["version"], 2);
    officer.post(&format!("{path}/submit"), &json!({})).ok();
    regulator.post(&format!("{theirs}/check"), &json!({})).ok();
    let accepted = authority::signed(&regulator, &id, accepting);
    let accepted = regulator.post(&format!("{theirs}/decision"), &accepted).ok();
    assert_eq!(accepted["versions"][1]["answer"]["confirmation"], "N-17");
    world.until("the next one is due", || {
        let due = officer.get("/v1/evidence/obligations").ok();
        let is_next = |due: &Value| due["due_at"].as_str().unwrap().starts_with("2099-01-15");
        if due["items"].as_array().unwrap().iter().any(is_next) { Ok(()) } else { Err(due) }
    });
    world.until("the correction is over", || {
        let issues = officer.get("/v1/compliance/issues").ok();
        let about = json!(format!("report/{id}"));
        let of = issues["items"].as_array().unwrap().iter().find(|issue| issue["about"] == about).unwrap().clone();
        if of["status"] == "RESOLVED" { Ok(()) } else { Err(issues) }
    });
    world.server.stop();
    world.server.verify_stopped();
}

/// EVD-6: what no authority asks for is logged as an internal audit.
#[test]
fn a_report_for_the_house_is_logged_as_an_internal_audit() {
    let (world, _) = driven();
    let report = furnish::drafted(&world, "internal-audit");
    world.http.post(&format!("/v1/evidence/reports/{report}/sign"), &json!({})).ok();
    let logged = world.http.post(&format!("/v1/evidence/reports/{report}/submit"), &json!({})).ok();
    assert_eq!(logged["status"], "LOGGED");
    assert!(world.entries(0).iter().any(|entry| entry["event"]["type"] == "internal_audit.logged"));
}

/// EVD-7
#[test]
fn violations_and_gaps_raise_issues_that_policy_answers() {
    let (world, _) = driven();
    let vehicle = world.vehicle_id(0).to_owned();
    let mut applies = furnish::applies();
    applies["forms"] = json!(["nhtsa-sgo"]);
    world.http.put("/v1/compliance/profile", applies.to_string().as_bytes(), "application/json").ok();
    let open = || world.http.get("/v1/compliance/issues?open=true").ok()["items"].as_array().unwrap().clone();
    let until = |what: &str, wanted: &dyn Fn(&Value) -> bool| {
        world.until(what, || open().into_iter().find(|issue| wanted(issue)).ok_or_else(|| json!(open())))
    };
    // A clause that asks for evidence of which there is none.
    let gap = until("a gap is an issue", &|issue| issue["kind"] == "missing");
    until("somebody answers for it", &|issue| issue["id"] == gap["id"] && issue["steps"][0]["succeeded"] == true);
    // A violation: until the authority has its report.
    world.http.post("/v1/collisions", &furnish::collision(&vehicle)).ok();
    let violation = until("a violation is an issue", &|issue| issue["kind"] == "violation");
    let collected = until("its evidence is collected", &|issue| {
        let steps = issue["steps"].as_array().unwrap();
        issue["id"] == violation["id"]
            && steps.iter().any(|step| step["mitigation"] == "collect_evidence" && step["succeeded"] == true)
    });
    let id = violation["id"].as_str().unwrap();
    assert!(collected["clauses"].to_string().contains("nhtsa-sgo"), "{collected}");
    let bundles = world.until("the bundle is there", || {
        let bundles = world.http.get("/v1/evidence/bundles").ok();
        let of =
            bundles["items"].as_array().unwrap().iter().find(|of| of["wanted"]["purpose"].to_string().contains(id));
        of.filter(|of| of["status"] != "REQUESTED").cloned().ok_or(bundles)
    });
    assert_eq!(bundles["requested_by"], "atlasmesh");
    // The term of that collision is long over: what an authority did not get is an issue too.
    until("what is late is an issue", &|issue| {
        issue["kind"] == "late" && issue["about"].as_str().unwrap_or_default().starts_with("obligation/")
    });
    let due = world.http.get("/v1/evidence/obligations").ok();
    assert_eq!(due["items"][0]["status"], "MISSED", "{due}");
    // A rule holds no vehicle for papers; a person does.
    let hold = json!({ "mitigation": "hold_vehicle" });
    world.http.post(&format!("/v1/compliance/issues/{id}/mitigate"), &hold).ok();
    world.until("the vehicle is held", || {
        let shown = world.http.get(&format!("/v1/vehicles/{vehicle}")).ok();
        if shown["holds"].to_string().contains(id) { Ok(()) } else { Err(shown) }
    });
    let resolve = format!("/v1/compliance/issues/{id}/resolve");
    assert_eq!(world.http.post(&resolve, &json!({ "how": "it was reported by telephone" })).ok()["status"], "RESOLVED");
    world.http.post(&resolve, &json!({ "how": "again" })).problem(409, "ILLEGAL_TRANSITION");
    world.http.post(&format!("/v1/compliance/issues/{id}/mitigate"), &hold).problem(409, "ILLEGAL_TRANSITION");
    world
        .http
        .post("/v1/compliance/issues/issue_00000000000000000000000000/resolve", &json!({ "how": "x" }))
        .problem(404, "NOT_FOUND");
}

/// Erasure leaves every proof as it is, and a legal hold forbids it.
#[test]
fn personal_values_are_erased_unless_a_legal_hold_keeps_them() {
    let mut world = World::with(Serve::default());
    let mut profile = profile("spare");
    profile["vin"] = "1FTFW1ET5DFC10312".into();
    let vehicle = world.http.post("/v1/vehicles", &profile).ok()["id"].as_str().unwrap().to_owned();
    let erase = json!({ "subject": format!("vehicle/{vehicle}"), "reason": "its owner asked" });
    world.http.post("/v1/evidence/erasures", &erase).problem(403, "POLICY_VIOLATION");
    let decommission = format!("/v1/vehicles/{vehicle}/decommission");
    world.http.post(&decommission, &json!({ "reason": "it was sold" })).ok();
    let hold = world.http.post("/v1/evidence/holds", &json!({ "reason": "a court asked" })).ok();
    world.http.post("/v1/evidence/erasures", &erase).problem(403, "POLICY_VIOLATION");
    let release = format!("/v1/evidence/holds/{}/release", hold["id"].as_str().unwrap());
    world.http.post(&release, &json!({ "reason": "it is over" })).ok();
    assert_eq!(world.http.post("/v1/evidence/erasures", &erase).ok()["fields"], json!(["vin"]));
    world.http.post("/v1/evidence/erasures", &erase).problem(400, "INVALID_REQUEST");
    world.server.stop();
    world.server.verify_stopped();
}

//! People: invited, signed in, recognised by a cookie, with roles that can be taken away; and what two of them decide.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod support;

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use serde_json::{Value, json};
use support::site::crossing;
use support::world::{PASSWORD, TENANT, session_of};
use support::{Answer, Http, World};

fn sign_in(world: &World, email: &str, password: &str) -> Answer {
    let body = json!({ "tenant": TENANT, "email": email, "password": password });
    world.server.http("").post("/v1/session", &body)
}

fn me(http: &Http) -> Value {
    http.get("/v1/session").ok()
}

fn id_of(http: &Http) -> String {
    me(http)["principal"].as_str().unwrap().to_owned()
}

#[test]
fn a_person_is_invited_signs_in_and_is_named_in_the_journal() {
    let world = World::new();
    let ana = world.person("ana", &["dispatcher", "technician"]);
    let session = me(&ana);
    assert_eq!(
        (&session["name"], &session["kind"], &session["role"]),
        (&json!("ana"), &json!("person"), &json!("dispatcher"))
    );
    assert_eq!(session["email"], "ana@mine.example");
    let may = |session: &Value, operation: &str| session["may"].as_array().unwrap().contains(&json!(operation));
    assert!(may(&session, "post_v1_trips") && !may(&session, "post_v1_users"));
    // She acts in the other of her roles, and in no third one.
    let session = ana.send("PUT", "/v1/session/role", Some(br#"{"role":"technician"}"#), &[]).unwrap().ok();
    assert!(session["role"] == "technician" && may(&session, "post_v1_vehicles") && !may(&session, "post_v1_trips"));
    ana.send("PUT", "/v1/session/role", Some(br#"{"role":"administrator"}"#), &[]).unwrap().problem(403, "FORBIDDEN");
    let vehicle = ana.post("/v1/vehicles", &support::world::profile("car")).ok()["id"].as_str().unwrap().to_owned();
    let registered = world.entries_of("vehicle.registered").pop().unwrap();
    assert_eq!(registered["event"]["actor"]["id"], id_of(&ana).as_str(), "{vehicle}");
    assert_eq!(registered["event"]["actor"]["authentication"], "session");
    let people = ana.get("/v1/people").ok();
    assert!(people["items"].as_array().unwrap().contains(&json!({ "id": id_of(&ana), "name": "ana" })));
    // Neither the journal nor a list has an address or a secret that is nobody's business.
    let journal = json!(world.entries(0)).to_string();
    assert!(!journal.contains("ana@mine.example") && !journal.contains(PASSWORD) && !journal.contains("argon2"));
    world.verify();
}

#[test]
fn nobody_learns_whether_the_person_or_the_password_is_wrong_and_a_guesser_waits() {
    let world = World::new();
    world.person("ana", &["viewer"]);
    let wrong = |email: &str| sign_in(&world, email, "wrong horse battery").problem(401, "UNAUTHENTICATED");
    let without_type = |problem: Value| (problem["title"].clone(), problem["detail"].clone());
    assert_eq!(without_type(wrong("ana@mine.example")), without_type(wrong("nobody@mine.example")));
    let body = json!({ "tenant": "no-such-mine", "email": "ana@mine.example", "password": PASSWORD });
    world.server.http("").post("/v1/session", &body).problem(401, "UNAUTHENTICATED");
    // Somebody who is not there has to wait as soon as somebody who is.
    for email in ["ana@mine.example", "nobody@mine.example"] {
        (0..4).for_each(|_| drop(wrong(email)));
        sign_in(&world, email, PASSWORD).problem(429, "OVERLOADED");
    }
    assert_eq!(world.entries_of("user.sign_in_blocked").len(), 1);
    // Others at the same address sign in.
    let ben = world.person("ben", &["viewer"]);
    assert_eq!(sign_in(&world, "BEN@mine.example ", PASSWORD).status, 200);
    assert_eq!(me(&ben)["name"], "ben");
}

#[test]
fn a_session_is_a_cookie_of_this_page_and_ends_where_it_is_ended() {
    let world = World::new();
    let first = world.person("ana", &["viewer"]);
    let answer = sign_in(&world, "ana@mine.example", PASSWORD);
    let cookie = answer.header("set-cookie").unwrap().to_owned();
    for part in ["HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=43200"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    let second = world.server.http(&session_of(&answer));
    // Another page's request is refused, whatever cookie came along; so is a sign-in that it makes.
    for headers in [[("origin", "https://evil.example")], [("sec-fetch-site", "cross-site")]] {
        second.send("DELETE", "/v1/session", None, &headers).unwrap().problem(403, "FORBIDDEN");
        let body = json!({ "tenant": TENANT, "email": "ana@mine.example", "password": PASSWORD }).to_string();
        world
            .server
            .http("")
            .send("POST", "/v1/session", Some(body.as_bytes()), &headers)
            .unwrap()
            .problem(403, "FORBIDDEN");
    }
    // A password does not travel in the clear from afar: the proxy says that the client came without TLS.
    let afar = [("x-forwarded-for", "203.0.113.7"), ("x-forwarded-proto", "http")];
    let body = json!({ "tenant": TENANT, "email": "ana@mine.example", "password": PASSWORD }).to_string();
    world.server.http("").send("POST", "/v1/session", Some(body.as_bytes()), &afar).unwrap().problem(403, "FORBIDDEN");
    let near = [("x-forwarded-for", "203.0.113.7"), ("x-forwarded-proto", "https")];
    let secure = world.server.http("").send("POST", "/v1/session", Some(body.as_bytes()), &near).unwrap();
    assert!(secure.header("set-cookie").unwrap().contains("; Secure"));

    assert_eq!(second.get("/v1/sessions").ok()["items"].as_array().unwrap().len(), 3);
    assert_eq!(second.delete("/v1/sessions").ok()["ended"], 2);
    first.get("/v1/session").problem(401, "UNAUTHENTICATED");
    second.delete("/v1/session").ok();
    second.get("/v1/session").problem(401, "UNAUTHENTICATED");
}

#[test]
fn what_an_administrator_takes_away_is_gone_at_the_next_request() {
    let world = World::new();
    let ana = world.person("ana", &["dispatcher", "viewer"]);
    let id = id_of(&ana);
    let path = format!("/v1/users/{id}");
    let roles = |roles: Value| {
        world.http.put(&format!("{path}/roles"), json!({ "roles": roles }).to_string().as_bytes(), "application/json")
    };
    let mut events = ana.events("", &[]).unwrap();
    roles(json!(["viewer"])).ok();
    assert_eq!(me(&ana)["role"], "viewer");
    ana.post("/v1/trips", &support::world::passenger(crossing(0, 0), crossing(1, 1))).problem(403, "FORBIDDEN");
    while events.next_event().is_some() {}
    roles(json!([])).problem(400, "INVALID_REQUEST");
    // A reset ends sessions and the password; the code is used once.
    let link = world.http.post(&format!("{path}/reset"), &Value::Null).ok()["invitation"].as_str().unwrap().to_owned();
    ana.get("/v1/session").problem(401, "UNAUTHENTICATED");
    sign_in(&world, "ana@mine.example", PASSWORD).problem(401, "UNAUTHENTICATED");
    let code = link.rsplit('/').next().unwrap();
    let accept = |password: &str| {
        let body = json!({ "tenant": TENANT, "code": code, "password": password });
        world.server.http("").post("/v1/session/invitation", &body)
    };
    assert_eq!(accept("short").problem(400, "INVALID_REQUEST")["errors"][0]["field"], "/password");
    accept("another horse battery").ok();
    accept("a third horse battery").problem(404, "NOT_FOUND");
    world.http.delete(&path).ok();
    sign_in(&world, "ana@mine.example", "another horse battery").problem(401, "UNAUTHENTICATED");
    // Whoever comes back is invited anew, under the same address and with another id.
    assert_ne!(id_of(&world.person("ana", &["viewer"])), id);
    // The last administrator stays, once no program is one either.
    let eva = world.person("eva", &["administrator"]);
    let eva_path = format!("/v1/users/{}", id_of(&eva));
    eva.delete(&eva_path).problem(409, "ILLEGAL_TRANSITION");
    let program = world.http.get("/v1/principals").ok()["items"][0]["id"].as_str().unwrap().to_owned();
    eva.delete(&format!("/v1/principals/{program}")).ok();
    let body = json!({ "roles": ["viewer"] }).to_string();
    eva.put(&format!("{eva_path}/roles"), body.as_bytes(), "application/json").problem(409, "ILLEGAL_TRANSITION");
}

/// SAFE-17
#[test]
fn two_people_release_the_hold_of_a_third() {
    let world = World::new();
    let car = world.register("car");
    let [ana, ben, eva] = [("ana", "technician"), ("ben", "dispatcher"), ("eva", "safety_officer")]
        .map(|(name, role)| world.person(name, &[role]));
    let holds = format!("/v1/vehicles/{car}/holds");
    let place = |kind: &str| {
        let body = json!({ "kind": kind, "timing": "now", "reason": "brakes" });
        ana.post(&holds, &body).ok()["id"].as_str().unwrap().to_owned()
    };
    let (hold, lockout) = (place("grounded"), place("lockout"));
    let reason = json!({ "reason": "ana has left, the brakes are new" });
    ben.delete(&format!("{holds}/{hold}")).problem(403, "POLICY_VIOLATION");
    ana.post(&format!("{holds}/{hold}/release"), &reason).problem(409, "ILLEGAL_TRANSITION");
    ben.post(&format!("{holds}/{lockout}/release"), &reason).problem(409, "ILLEGAL_TRANSITION");
    let asked = ben.post(&format!("{holds}/{hold}/release"), &reason);
    assert_eq!(asked.status, 202);
    let path = format!("/v1/approvals/{}", asked.ok()["id"].as_str().unwrap());
    // Neither who asked nor a role that does not decide it.
    ben.post(&format!("{path}/approve"), &reason).problem(403, "FORBIDDEN");
    ana.post(&format!("{path}/approve"), &reason).problem(403, "FORBIDDEN");
    assert_eq!(ben.get(&path).ok()["may_decide"], false);
    assert_eq!(eva.get("/v1/approvals").ok()["items"][0]["may_decide"], true);
    let done = eva.post(&format!("{path}/approve"), &json!({ "reason": "I looked at it" })).ok();
    assert_eq!((&done["state"], &done["decided_by"]["id"]), (&json!("done"), &json!(id_of(&eva))), "{done}");
    eva.post(&format!("{path}/reject"), &reason).problem(409, "ILLEGAL_TRANSITION");
    let kinds = world.http.get(&format!("/v1/vehicles/{car}")).ok()["holds"].clone();
    assert_eq!(kinds.as_array().unwrap().len(), 1, "the lockout stays: {kinds}");
    let released = world.entries_of("vehicle.hold_released").pop().unwrap();
    let actor = &released["event"]["actor"];
    assert_eq!((actor["id"].as_str(), actor["second_approver"].as_str()), (Some(&*id_of(&ben)), Some(&*id_of(&eva))));
    world.verify();
}

/// SAFE-13: who ordered a stop clears it alone, anybody else with a second person.
#[test]
fn two_people_clear_the_stop_of_a_third() {
    let world = World::new();
    let car = world.register("car");
    let [ana, ben, eva] = [("ana", "technician"), ("ben", "dispatcher"), ("eva", "safety_officer")]
        .map(|(name, role)| world.person(name, &[role]));
    let path = format!("/v1/vehicles/{car}");
    let order = json!({ "class": "now", "reason": "smoke" });
    let stop = ana.post(&format!("{path}/stop"), &order).ok()["stop"].clone();
    assert_eq!(world.http.get(&path).ok()["stop"]["owner"], id_of(&ana).as_str());
    ben.post(&format!("{path}/clear"), &json!({ "stop": stop })).problem(403, "POLICY_VIOLATION");
    let ask = format!("{path}/stops/{}/clear", stop.as_str().unwrap());
    let reason = json!({ "reason": "the smoke was dust, ana is off shift" });
    let asked = ben.post(&ask, &reason).ok();
    assert_eq!(asked["arguments"], json!({ "stop": stop }));
    assert_eq!(eva.post(&ask, &reason).ok()["id"], asked["id"], "what waits is not asked again");
    let approval = format!("/v1/approvals/{}", asked["id"].as_str().unwrap());
    ben.post(&format!("{approval}/approve"), &reason).problem(403, "FORBIDDEN");
    assert_eq!(eva.post(&format!("{approval}/approve"), &reason).ok()["state"], "done");
    assert_eq!(world.http.get(&path).ok()["stop"], Value::Null);
    let actor = world.entries_of("vehicle.stop_cleared").pop().unwrap()["event"]["actor"].clone();
    assert_eq!((actor["id"].as_str(), actor["second_approver"].as_str()), (Some(&*id_of(&ben)), Some(&*id_of(&eva))));
    // Whoever ordered one needs nobody, and is told so.
    let own = ben.post(&format!("{path}/stop"), &order).ok()["stop"].clone();
    let ask = format!("{path}/stops/{}/clear", own.as_str().unwrap());
    ben.post(&ask, &reason).problem(409, "ILLEGAL_TRANSITION");
    ben.post(&format!("{path}/clear"), &json!({ "stop": own })).ok();
    world.verify();
}

#[test]
fn a_token_has_a_name_an_end_and_a_last_use() {
    let world = World::new();
    let listed = |id: &Value| {
        let all = world.http.get("/v1/principals").ok()["items"].as_array().unwrap().clone();
        all.into_iter().find(|known| known["id"] == *id).unwrap()
    };
    let past = json!({ "role": "viewer", "name": "screen", "expires_at": "2020-01-01T00:00:00Z" });
    world.http.post("/v1/principals", &past).problem(409, "ILLEGAL_TRANSITION");
    let end = kernel::Timestamp::from_us(support::time::now_us() + 2_000_000);
    let made =
        world.http.post("/v1/principals", &json!({ "role": "viewer", "name": "screen", "expires_at": end })).ok();
    assert_eq!(listed(&made["id"])["last_used_at"], Value::Null);
    let screen = world.server.http(made["token"].as_str().unwrap());
    screen.get("/v1/vehicles").ok();
    let known = listed(&made["id"]);
    assert!(known["last_used_at"].is_string() && known["expires_at"].is_string(), "{known}");
    world.until("the token has expired", || {
        let answer = screen.get("/v1/vehicles");
        if answer.status == 401 { Ok(()) } else { Err(answer.body) }
    });
    assert!(kernel::Timestamp::from_us(support::time::now_us()) >= end, "not before its time");
}

#[test]
fn people_work_from_the_command_line() {
    let world = World::new();
    let config = tempfile::tempdir().unwrap();
    let run = |token: Option<&str>, words: &[&str], input: &str| {
        let mut command = support::server::atlasmesh();
        command.env("XDG_CONFIG_HOME", config.path()).env("ATLASMESH_URL", &world.server.url).args(words);
        command.envs(token.map(|token| ("ATLASMESH_TOKEN", token)));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(said).unwrap())
    };
    let admin = Some(world.token.as_str());
    let words = ["users", "add", "--name", "Ana", "--email", "new@mine.example", "--role", "technician"];
    let (done, said) = run(admin, &words, "");
    assert!(done && said.contains("/welcome#town-cars/"), "{said}");
    assert!(run(admin, &["users", "list"], "").1.contains("new@mine.example"));
    let (_, one) = run(admin, &["users", "list", "--limit", "1", "--json"], "");
    assert!(!one.contains("more: use --limit"), "she is the only one: {one}");
    world.person("eva", &["safety_officer"]);
    let login = ["login", "--tenant", TENANT, "--email", "eva@mine.example"];
    let (_, said) = run(None, &login, "wrong horse battery\n");
    assert!(said.contains("UNAUTHENTICATED") && !said.contains("--token"), "it was a password, not a token: {said}");
    let (done, said) = run(None, &login, &format!("{PASSWORD}\n"));
    assert!(done && said.contains("eva") && !said.contains("ams_"), "{said}");
    let kept = config.path().join("atlasmesh/session.json");
    assert_eq!(std::fs::metadata(&kept).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(run(None, &["whoami"], "").1.contains("as safety_officer"));

    let car = world.register("car");
    let body = json!({ "kind": "cleaning", "timing": "now", "reason": "dust" });
    let hold = world.http.post(&format!("/v1/vehicles/{car}/holds"), &body).ok()["id"].as_str().unwrap().to_owned();
    let dispatcher = world.principal("dispatcher", "desk");
    let asking = dispatcher.token.as_deref();
    let (done, said) = run(asking, &["approvals", "release", "Car", &hold, "--reason", "it is clean"], "");
    assert!(done && said.contains("is pending"), "{said}");
    let approval = said.split_whitespace().find(|word| word.starts_with("appr_")).unwrap();
    assert!(run(None, &["approvals", "list"], "").1.contains(approval));
    let (done, said) = run(None, &["approvals", "approve", approval, "--reason", "I looked"], "");
    assert!(done && said.contains("is done"), "{said}");
    let released = world.entries_of("vehicle.hold_released").pop().unwrap();
    assert_eq!(released["event"]["actor"]["authentication"], "internal", "nobody presents anything then");

    assert!(run(None, &["logout"], "").0 && !kept.exists());
    assert!(!run(None, &["whoami"], "").0);
}

//! Others vouch for a log: a witness of its own program cosigns what the server publishes, an authority made of OpenSSL dates
//! it, and both are checked without the server. A store that is put back is refused by the witness and is an alarm.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use journal::{Checkpoint, Hash, NoteVerifier};
use serde_json::{Value, json};
use support::http::Http;
use support::process::Process;
use support::server::{PATIENCE, Serve, Server, atlasmesh};
use witness::{Policy, WitnessVerifier, monitoring_path};

const WITNESS_LINE: &str = "witness: ";

/// A witness of the logs, and what it says that it is: its key and address.
fn start_witness(folder: &Path, http: &str, logs: &[String]) -> (Process, String) {
    let mut command = atlasmesh();
    command.args(["witness", "--http", http, "--name", "witness.example/w1", "--data"]).arg(folder);
    for log in logs {
        command.args(["--log", log]);
    }
    let process = Process::start("witness", &mut command);
    let line = process.line_with(WITNESS_LINE);
    process.line_with(" ready");
    (process, line.split(WITNESS_LINE).nth(1).unwrap().trim().to_owned())
}

/// Looks until it happened. Between looks the server itself holds a request until its journal grows, a moment at most.
#[track_caller]
fn until<T>(http: &Http, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "never came: {what}");
        let size = http.get("/v1/journal/head").ok()["size"].as_u64().unwrap();
        http.get(&format!("/v1/journal?from={size}&limit=1&wait_ms=200"));
    }
}

fn witnessed(http: &Http) -> Option<String> {
    let answer = http.send("GET", "/v1/journal/checkpoint?witnessed=true", None, &[]).unwrap();
    (answer.status == 200).then(|| String::from_utf8(answer.bytes).unwrap())
}

fn entries(http: &Http, event_type: &str) -> Vec<Value> {
    let page = http.get("/v1/journal?from=0&limit=500").ok();
    let items = page["items"].as_array().unwrap().iter();
    items.map(|item| item["event"].clone()).filter(|event| event["type"] == event_type).collect()
}

struct Witnessed {
    server: Server,
    tenant: Http,
    log: NoteVerifier,
    witness: Process,
    at: String,
    folder: tempfile::TempDir,
}

impl Witnessed {
    fn verifier(&self) -> WitnessVerifier {
        self.at.split("@http").next().unwrap().parse().unwrap()
    }

    fn witness_address(&self) -> &str {
        self.at.split("@http://").nth(1).unwrap()
    }

    /// A cosigned head of so many entries or more, which was checked.
    fn cosigned(&self, size: u64) -> (String, Checkpoint) {
        let policy = Policy::of([self.log.clone()], [self.verifier()], 1).unwrap();
        until(&self.tenant, "a cosigned head", || {
            let note = witnessed(&self.tenant)?;
            let quorum = policy.check(&note).unwrap().expect("the witness's line stands under the note");
            (quorum.head.size >= size).then_some((note, quorum.head))
        })
    }
}

/// A server with one tenant, and a witness that knows the tenant's log.
fn start(authority: Option<&str>) -> Witnessed {
    let mut server = Server::start(Serve::default());
    let made = server
        .platform()
        .post("/v1/tenants", &json!({ "name": "north-pit", "sector": "mining", "simulated": true }))
        .ok();
    let token = made["token"].as_str().unwrap().to_owned();
    let tenant = server.http(&token);
    tenant.get("/v1/journal/checkpoint?witnessed=true").problem(404, "NOT_FOUND");
    let vkey = tenant.get("/v1/journal/head").ok()["vkey"].as_str().unwrap().to_owned();
    let folder = tempfile::tempdir().unwrap();
    let (witness, at) = start_witness(&folder.path().join("witness"), "127.0.0.1:0", std::slice::from_ref(&vkey));
    server.stop();
    let mut serve = Serve::default().with("--witness", &at);
    if let Some(authority) = authority {
        serve = serve.with("--timestamps", authority);
    }
    server.start_again_with(serve);
    let tenant = server.http(&token);
    Witnessed { server, tenant, log: vkey.parse().unwrap(), witness, at, folder }
}

/// An authority of OpenSSL's in a folder, behind a listener that ends with the test.
fn start_authority(folder: &Path) -> (PathBuf, String) {
    let config = "\
[req]\ndistinguished_name = dn\n[dn]\n\
[root]\nbasicConstraints = critical,CA:TRUE\nkeyUsage = critical,keyCertSign\n\
[stamps]\nextendedKeyUsage = critical,timeStamping\n\
[tsa]\ndefault_tsa = ours\n\
[ours]\nserial = serial\nsigner_cert = tsa.pem\nsigner_key = tsa.key\nsigner_digest = sha256\n\
default_policy = 1.2.3.4.1\ndigests = sha256\naccuracy = secs:1\ness_cert_id_alg = sha256\n";
    std::fs::write(folder.join("openssl.cnf"), config).unwrap();
    std::fs::write(folder.join("serial"), "01\n").unwrap();
    let new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-config", "openssl.cnf"];
    openssl(
        folder,
        &[
            &["req", "-x509", "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=Root", "-extensions", "root"],
            &new_key[..],
        ]
        .concat(),
    );
    openssl(
        folder,
        &[&["req", "-keyout", "tsa.key", "-out", "tsa.csr", "-subj", "/CN=Authority"], &new_key[..]].concat(),
    );
    let signed = ["x509", "-req", "-in", "tsa.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-out"];
    openssl(folder, &[&signed[..], &["tsa.pem", "-extfile", "openssl.cnf", "-extensions", "stamps"]].concat());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/tsa", listener.local_addr().unwrap());
    let here = folder.to_owned();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            answer_query(&here, stream);
        }
    });
    (folder.join("ca.pem"), url)
}

fn answer_query(folder: &Path, mut stream: TcpStream) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let (mut head, mut line) = (String::new(), String::new());
    while reader.read_line(&mut line).unwrap() > 2 {
        head += &line.to_ascii_lowercase();
        line.clear();
    }
    assert!(head.contains("content-type: application/timestamp-query\r\n"), "{head}");
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    let mut query = vec![0; length.parse().unwrap()];
    reader.read_exact(&mut query).unwrap();
    std::fs::write(folder.join("query.tsq"), query).unwrap();
    openssl(folder, &["ts", "-reply", "-config", "openssl.cnf", "-queryfile", "query.tsq", "-out", "reply.tsr"]);
    let reply = std::fs::read(folder.join("reply.tsr")).unwrap();
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/timestamp-reply\r\ncontent-length: ";
    stream.write_all(format!("{head}{}\r\n\r\n", reply.len()).as_bytes()).unwrap();
    stream.write_all(&reply).unwrap();
}

fn openssl(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("openssl").args(arguments).current_dir(folder).output().unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "openssl {}: {said}", arguments.join(" "));
    said
}

/// What the store of a server keeps of the tenant's timestamps.
fn kept_timestamps(server: &Server) -> Option<Value> {
    let store = server.data().join("store/atlasmesh.sqlite");
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    let database = rusqlite::Connection::open_with_flags(store, flags).unwrap();
    let select = "SELECT doc FROM t_cosigned_heads WHERE tenant = 'north-pit' AND key = 'timestamps'";
    let doc: Option<String> = database.query_row(select, [], |row| row.get(0)).ok();
    doc.map(|doc| serde_json::from_str(&doc).unwrap())
}

#[test]
fn a_witness_cosigns_each_head_and_goes_on_after_its_restart() {
    let mut world = start(None);
    let (note, head) = world.cosigned(1);
    assert_eq!(note.lines().filter(|line| line.starts_with('\u{2014}')).count(), 2, "{note}");
    assert_eq!(Checkpoint::open(&note, &world.log).unwrap(), head);
    let noted = until(&world.tenant, "the event", || entries(&world.tenant, "witness.cosigned").pop());
    assert_eq!(noted["body"]["witnesses"], json!(["witness.example/w1"]), "{noted}");

    // Whoever asks the witness gets the same, without the server.
    let shown = Http::new(&format!("http://{}", world.witness_address()), None);
    let shown = shown.send("GET", &format!("/{}", monitoring_path(world.log.name())), None, &[]).unwrap();
    let shown = String::from_utf8(shown.bytes).unwrap();
    assert!(world.verifier().check(&shown).unwrap().is_some() && Checkpoint::open(&shown, &world.log).is_ok());

    world.witness.kill();
    world.tenant.post("/v1/principals", &json!({ "role": "viewer", "name": "screen at gate 3" })).ok();
    let size = world.tenant.get("/v1/journal/head").ok()["size"].as_u64().unwrap();
    let address = world.witness_address().to_owned();
    let logs = [world.log.vkey()];
    let (witness, at) = start_witness(&world.folder.path().join("witness"), &address, &logs);
    assert_eq!(at, world.at, "the key is the same");
    world.witness = witness;
    world.cosigned(size);
    assert!(entries(&world.tenant, "log.alarm_raised").is_empty());
    world.server.stop();
    world.server.verify_stopped();
}

#[test]
fn a_store_that_is_put_back_is_refused_by_the_witness_and_is_an_alarm() {
    let mut world = start(None);
    let (_, before) = world.cosigned(1);
    world.server.stop();
    let (data, copy) = (world.server.data(), world.folder.path().join("copy"));
    let copied =
        |from: &Path, to: &Path| assert!(Command::new("cp").arg("-a").args([from, to]).status().unwrap().success());
    copied(&data, &copy);
    world.server.start_again();
    world.tenant.post("/v1/principals", &json!({ "role": "viewer", "name": "after the copy" })).ok();
    let size = world.tenant.get("/v1/journal/head").ok()["size"].as_u64().unwrap();
    world.cosigned(size.max(before.size + 1));

    // Everything of the older state, also what the server itself would notice it by.
    world.server.stop();
    std::fs::remove_dir_all(&data).unwrap();
    copied(&copy, &data);
    world.server.start_again();
    let alarm = until(&world.tenant, "the alarm", || entries(&world.tenant, "log.alarm_raised").pop());
    assert_eq!(alarm["body"]["seen_by"], "witness/witness.example/w1", "{alarm}");
    let refused = until(&world.tenant, "the refusal", || entries(&world.tenant, "witness.refused").pop());
    assert_eq!(refused["body"]["witness"], "witness.example/w1", "{refused}");
}

#[test]
fn an_authority_dates_the_head_and_openssl_agrees() {
    let folder = tempfile::tempdir().unwrap();
    let (root, url) = start_authority(folder.path());
    let world = start(Some(&url));
    world.cosigned(1);
    let kept = until(&world.tenant, "a timestamp", || kept_timestamps(&world.server));
    let newest = &kept["newest_first"][0];
    let note = newest["note"].as_str().unwrap();
    assert!(Checkpoint::open(note, &world.log).is_ok(), "{kept}");
    std::fs::write(folder.path().join("note"), note).unwrap();
    std::fs::write(folder.path().join("kept.tsr"), STANDARD.decode(newest["der"].as_str().unwrap()).unwrap()).unwrap();
    let verify = ["ts", "-verify", "-data", "note", "-in", "kept.tsr", "-CAfile", root.to_str().unwrap()];
    assert!(openssl(folder.path(), &verify).contains("Verification: OK"));
    std::fs::write(folder.path().join("note"), format!("{note} ")).unwrap();
    assert!(!Command::new("openssl").args(verify).current_dir(folder.path()).output().unwrap().status.success());
    assert_ne!(Hash::of_bytes(note.as_bytes()), Hash::of_empty_tree());
}

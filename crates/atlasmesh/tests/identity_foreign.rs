//! Vehicles' identities before programs that nobody here wrote: SPIFFE's client, a JWT library, a linter of certificates, and
//! two TLS libraries that share nothing with ours (ONB).

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod support;

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use support::World;
use support::foreign::{enrolled, python, run, script};
use support::site::crossing;
use support::world::FAST;

/// What PyJWT says to a token for an audience, knowing the trust bundle.
fn claims(world: &World, audience: &str, token: &str) -> String {
    let bundle = world.server.folder.path().join("bundle.json");
    std::fs::write(&bundle, world.server.http("").get("/v1/trust-bundle").ok().to_string()).unwrap();
    let (done, said) = run(python("python"), |command| {
        command.arg(script("jwt_svid.py")).arg(&bundle).args([audience, token]);
    });
    assert!(done, "{said}");
    said.trim().to_owned()
}

#[test]
fn a_program_on_a_vehicle_gets_certificate_and_token_by_the_workload_api() {
    let mut world = World::new();
    let socket = world.server.folder.path().join("workload.sock");
    let n = world.ready_vehicle_that(crossing(0, 0), FAST, &["--workload-socket", socket.to_str().unwrap()]);
    let (done, said) = run(python("python"), |command| {
        command.current_dir(socket.parent().unwrap()).arg(script("workload.py")).arg(socket.file_name().unwrap());
    });
    assert!(done, "{said}");
    let got: HashMap<&str, &str> = said.lines().filter_map(|line| line.split_once(' ')).collect();
    let id = format!("spiffe://atlasmesh.local/tenant/town-cars/vehicle/{}", world.vehicle_id(n));
    for name in ["x509_id", "jwt_id", "jwt_id_by_agent"] {
        assert_eq!(got[name], id, "{said}");
    }
    assert_eq!((got["key_fits"], got["authorities"], got["for_another"]), ("True", "1", "InvalidTokenError"), "{said}");
    // SPIFFE Workload Endpoint §5.1
    for name in ["unmarked_svid", "unmarked_bundles", "unmarked_jwt_bundles", "unmarked_jwt"] {
        assert_eq!(got[name], "INVALID_ARGUMENT", "{said}");
    }
    // Whoever gets the token needs nothing but the public bundle.
    let believed = claims(&world, "updates", got["token"]);
    let believed: Value = serde_json::from_str(&believed).unwrap_or_else(|_| panic!("{believed}"));
    assert_eq!((&believed["sub"], &believed["aud"]), (&json!(id), &json!(["updates"])), "{believed}");
    assert_eq!(claims(&world, "another", got["token"]), "InvalidAudienceError");
    let (signed, signature) = got["token"].rsplit_once('.').unwrap();
    let other = if signature.starts_with('A') { "B" } else { "A" };
    let forged = format!("{signed}.{other}{}", &signature[1..]);
    assert_eq!(claims(&world, "updates", &forged), "InvalidSignatureError");
    world.verify();
}

/// The first certificate in a file or in what `openssl s_client` said, in DER.
fn der(of: &Path) -> PathBuf {
    let der = of.with_extension("der");
    let (done, said) = run("openssl", |command| {
        command.args(["x509", "-in"]).arg(of).args(["-outform", "DER", "-out"]).arg(&der);
    });
    assert!(done, "{said}");
    der
}

/// What pkilint takes for an error and is none.
fn is_good(finding: &Value) -> bool {
    let message = finding["message"].as_str().unwrap();
    match finding["code"].as_str().unwrap() {
        // It knows no scheme of SPIFFE's.
        "pkix.invalid_uri_syntax" => message.contains("\"spiffe://"),
        // It asks for a top-level domain; RFC 5280 §4.2.1.6 asks for a name by RFC 1034 §3.5, where one label is enough.
        "pkix.invalid_domain_name_syntax" => message.ends_with("\"localhost\""),
        _ => false,
    }
}

/// The certificate that a listener shows, in a file.
fn shown(world: &World, name: &str, address: &str) -> PathBuf {
    let file = world.server.folder.path().join(name);
    let (_, said) = run("openssl", |command| {
        command.args(["s_client", "-showcerts", "-connect", address]);
    });
    std::fs::write(&file, said).unwrap();
    file
}

#[test]
fn a_linter_finds_no_error_in_any_kind_of_certificate() {
    let world = World::new();
    let identity = enrolled(&world);
    let ours = ["authorities.pem", "device-authorities.pem", "svid.pem", "device.pem"].map(|name| identity.join(name));
    let link = shown(&world, "link.txt", &world.server.link);
    let enrol = shown(&world, "enrol.txt", &world.server.enrol);
    for certificate in ours.into_iter().chain([link, enrol]) {
        let (_, said) = run(python("lint_pkix_cert"), |command| {
            command.args(["lint", "-s", "ERROR", "-f", "JSON", "--document-format", "DER"]).arg(der(&certificate));
        });
        let report: Value = serde_json::from_str(&said).unwrap_or_else(|_| panic!("{said}"));
        let results = report["results"].as_array().unwrap();
        let found: Vec<&Value> =
            results.iter().flat_map(|one| one["finding_descriptions"].as_array().unwrap()).collect();
        // Each names a SPIFFE id, so that one who was looked at has this one.
        assert!(found.iter().any(|finding| finding["code"] == "pkix.invalid_uri_syntax"), "{said}");
        let wrong: Vec<&&Value> = found.iter().filter(|finding| !is_good(finding)).collect();
        assert!(wrong.is_empty(), "{}: {wrong:#?}", certificate.display());
    }
}

/// A connection of GnuTLS to the link listener, which it ends itself after the handshake.
fn gnutls(world: &World, identity: &Path, with_svid: bool, more: &[&str]) -> (bool, String) {
    let (host, port) = world.server.link.rsplit_once(':').unwrap();
    run("gnutls-cli", |command| {
        command.arg("--x509cafile").arg(identity.join("authorities.pem")).args(["--alpn", "h2", "-p", port]).args(more);
        if with_svid {
            command.arg("--x509certfile").arg(identity.join("svid.pem"));
            command.arg("--x509keyfile").arg(identity.join("svid.key"));
        }
        command.arg(host);
    })
}

#[test]
fn gnutls_works_by_an_svid_and_gets_nowhere_without_one() {
    let world = World::new();
    let identity = enrolled(&world);
    let (done, said) = gnutls(&world, &identity, true, &[]);
    assert!(done && !said.contains("alert"), "{said}");
    for part in ["The certificate is trusted", "(TLS1.3-X.509)", "Application protocol: h2", "sent 1 certificate(s)"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let (done, said) = gnutls(&world, &identity, false, &[]);
    assert!(!done && said.contains("Certificate is required"), "{said}");
}

#[test]
fn no_listener_offers_a_session_that_could_outlive_a_revocation() {
    let world = World::new();
    let identity = enrolled(&world);
    let folder = world.server.folder.path();
    let (session, nonsense) = (folder.join("session"), folder.join("nonsense"));
    // Neither protocol: the server answers and closes, and a ticket would come before.
    std::fs::write(&nonsense, "nonsense\r\n\r\n").unwrap();
    for (address, protocol, name) in [(&world.server.link, "h2", "svid"), (&world.server.enrol, "http/1.1", "device")] {
        let own = identity.join(name);
        let (_, said) = run("openssl", |command| {
            command.args(["s_client", "-connect", address, "-alpn", protocol, "-ign_eof", "-sess_out"]).arg(&session);
            command.arg("-cert").arg(own.with_extension("pem")).arg("-key").arg(own.with_extension("key"));
            command.stdin(File::open(&nonsense).unwrap());
        });
        assert!(said.contains("New, TLSv1.3") && !said.contains("alert"), "{said}");
        assert!(!said.contains("Session Ticket") && !said.contains("session ticket"), "{said}");
        assert!(!said.contains("Reused") && !session.exists(), "{said}");
    }
    let (done, said) = gnutls(&world, &identity, true, &["--resume"]);
    assert!(done && said.contains("trying to resume previous session"), "{said}");
    assert!(!said.contains("This is a resumed session"), "{said}");
}

//! Other people's packages that must not be linked: a runtime into the pure crates, a second TLS or cryptography stack
//! into anything. And packages that would be built twice, for the demo and for the tests. Only cargo can resolve what is
//! linked, so this check asks it.

use std::collections::BTreeSet;

use anyhow::Result;

use super::Finding;
use super::layers::domains;
use crate::process;
use crate::repo::Repo;

/// Those of them below the domains: no runtime, no clock, no thread of their own.
const PURE_BELOW: [&str; 8] = ["kernel", "keys", "journal", "witness", "store", "policy", "routing", "link"];

/// Crates that must run in a simulation, every domain among them.
pub fn pure(repo: &Repo) -> Vec<&str> {
    PURE_BELOW.into_iter().chain(domains(repo)).collect()
}

/// Packages that nothing may link, with the reason.
const BANNED: [(&str, &str); 3] = [
    ("ring", "aws-lc-rs is the one cryptography: set the feature that picks it"),
    ("openssl-sys", "rustls with aws-lc-rs is the one TLS"),
    ("native-tls", "rustls with aws-lc-rs is the one TLS"),
];

pub fn check(repo: &Repo) -> Result<Vec<Finding>> {
    let tree = |args: &[&str]| {
        let mut tree = process::cargo(&repo.root);
        process::output(tree.arg("tree").args(args).args(["--prefix", "none", "--quiet"]), process::ANSWER_LIMIT)
    };
    let mut findings = Vec::new();
    for name in pure(repo) {
        let manifest = format!("crates/{name}/Cargo.toml");
        if repo.text(&manifest).is_some() && links(&tree(&["-p", name, "-e", "normal"])?, "tokio") {
            let what =
                format!("{name} links tokio: see `cargo tree -p {name} -e normal -i tokio`; keep it behind a port");
            findings.push(Finding::new(manifest, 1, what));
        }
    }
    let everything = tree(&["--workspace", "-e", "normal,build"])?;
    for (package, reason) in BANNED.into_iter().filter(|(package, _)| links(&everything, package)) {
        let what = format!("{package} is linked (`cargo tree --workspace -i {package}`): {reason}");
        findings.push(Finding::new("Cargo.lock", 1, what));
    }
    let with_features = ["--format", "{p} [{f}]"];
    // What build scripts use has features of its own, the same in both.
    let demo = tree(&[&["-p", "atlasmesh", "-p", "agent", "-e", "normal"], &with_features[..]].concat())?;
    let tests = tree(&[&["--workspace", "-e", "normal,build,dev"], &with_features[..]].concat())?;
    findings.extend(built_twice(&demo, &tests).into_iter().map(|package| {
        let what = format!(
            "the demo and the tests build {package} with different features, and all that uses it twice: \
             name the features that the tests ask for here"
        );
        Finding::new("crates/atlasmesh/Cargo.toml", 1, what)
    }));
    Ok(findings)
}

/// What the demo builds in a form that the tests do not.
fn built_twice<'a>(demo: &'a str, tests: &str) -> BTreeSet<&'a str> {
    let form = |line: &'a str| line.strip_suffix(" (*)").unwrap_or(line);
    let tests: BTreeSet<&str> = tests.lines().map(|line| line.strip_suffix(" (*)").unwrap_or(line)).collect();
    demo.lines().map(form).filter(|line| !tests.contains(line)).collect()
}

/// Whether a package stands in what `cargo tree --prefix none` prints.
fn links(tree: &str, package: &str) -> bool {
    tree.lines().any(|line| line.split(' ').next() == Some(package))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_is_found_by_its_whole_name() {
        let tree = "trips v0.1.0 (crates/trips)\ntokio-stream v0.1.17\nserde v1.0.0 (*)\n";
        for (package, expected) in [("tokio", false), ("tokio-stream", true), ("serde", true)] {
            assert_eq!(links(tree, package), expected, "{package}");
        }
    }

    #[test]
    fn a_package_that_demo_and_tests_build_differently_is_found() {
        let demo = "serde v1.0.0 [std]\nnum-traits v0.2.0 [libm]\nnum-traits v0.2.0 [libm] (*)\n";
        let tests = "num-traits v0.2.0 [libm,std]\nserde v1.0.0 [std] (*)\nproptest v1.0.0 [std]\n";
        assert_eq!(built_twice(demo, tests), BTreeSet::from(["num-traits v0.2.0 [libm]"]));
    }
}

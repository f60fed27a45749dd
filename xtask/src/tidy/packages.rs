//! Other people's packages that must not be linked: a runtime into the pure crates, a second TLS or cryptography stack
//! into anything. Only cargo can resolve what is linked, so this check asks it.

use anyhow::Result;

use super::Finding;
use crate::process;
use crate::repo::Repo;

/// Crates that must run in a simulation: no runtime, no clock, no thread of their own.
pub const PURE: [&str; 11] =
    ["kernel", "keys", "journal", "store", "policy", "tenancy", "fleet", "routing", "trips", "telemetry", "link"];

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
    for name in PURE {
        let manifest = format!("crates/{name}/Cargo.toml");
        if repo.text(&manifest).is_some() && links(&tree(&["-p", name, "-e", "normal"])?, "tokio") {
            let what =
                format!("{name} links tokio: see `cargo tree -p {name} -e normal -i tokio`; keep it behind a port");
            findings.push(Finding::new(manifest, 1, what));
        }
    }
    let everything = tree(&["--workspace", "-e", "normal,build"])?;
    for (package, reason) in BANNED.into_iter().filter(|(package, _)| links(&everything, package)) {
        findings.push(Finding::new(
            "Cargo.lock",
            1,
            format!("{package} is linked (`cargo tree --workspace -i {package}`): {reason}"),
        ));
    }
    Ok(findings)
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
}

//! Which crate may use which of our own. The table is the architecture: a new arrow is a decision, not an accident.

use super::Finding;
use crate::repo::Repo;

/// The crates that every domain stands on.
const FOUNDATION: &[&str] = &[
    "kernel",
    "keys",
    "pki",
    "uptane",
    "prognostics",
    "detections",
    "bundles",
    "reports",
    "flags",
    "entitlements",
    "journal",
    "witness",
    "store",
    "policy",
    "overlays",
];

/// What a domain is declared with, and what it tells vehicles through: the protocol, which is pure, and their commands.
const PLUGGED_IN: &[&str] = &["link", "commands", "domain"];

/// The crates that use no domain with what each may use, from the bottom up.
const BELOW: &[(&str, &[&[&str]])] = &[
    ("kernel", &[]),
    ("keys", &[&["kernel"]]),
    ("pki", &[&["kernel", "keys"]]),
    ("uptane", &[&["kernel"]]),
    ("prognostics", &[&["kernel"]]),
    ("detections", &[]),
    ("bundles", &[&["kernel"]]),
    ("reports", &[&["kernel", "bundles"]]),
    ("flags", &[]),
    ("entitlements", &[]),
    ("interop", &[]),
    ("authzen", &[]),
    ("journal", &[&["kernel", "keys"]]),
    ("witness", &[&["kernel", "keys", "journal"]]),
    ("store", &[&["kernel", "keys", "journal"]]),
    ("store-sqlite", &[&["kernel", "keys", "journal", "store"]]),
    ("policy", &[&["kernel"]]),
    ("overlays", &[&["kernel", "flags", "entitlements"]]),
    ("routing", &[&["kernel"]]),
    ("link", &[&["kernel"]]),
    ("commands", &[&["kernel", "keys", "journal", "store", "link"]]),
    ("domain", &[&["kernel", "store", "policy", "commands"]]),
    ("agent", &[&["kernel", "keys", "journal", "policy", "routing", "link", "pki", "uptane", "prognostics"]]),
    ("xtask", &[]),
];

/// The crates above the domains, which may use every domain, with what else each may use.
const ABOVE: &[(&str, &[&[&str]])] = &[
    ("api-types", &[FOUNDATION, PLUGGED_IN, &["routing"]]),
    ("gateway", &[FOUNDATION, PLUGGED_IN, &["routing", "interop", "authzen", "api-types"]]),
    ("atlasmesh", &[FOUNDATION, PLUGGED_IN, &["store-sqlite", "routing", "gateway", "agent"]]),
];

/// How the manifest of a domain says that it is one.
const IS_DOMAIN: &str = "room = \"domain\"";

/// The crates that are domains: their manifests say so under `[package.metadata.atlasmesh]`.
pub fn domains(repo: &Repo) -> Vec<&str> {
    let is_domain = |name: &str| {
        let manifest = repo.text(&format!("crates/{name}/Cargo.toml")).unwrap_or_default();
        manifest.lines().any(|line| line == IS_DOMAIN)
    };
    repo.crates().map(|(name, _)| name).filter(|name| is_domain(name)).collect()
}

/// Every crate of ours, from the bottom up, with what its manifest says of it.
pub fn described(repo: &Repo) -> Vec<(&str, &str)> {
    let below = BELOW.iter().map(|(name, _)| *name);
    let above = ABOVE.iter().map(|(name, _)| *name);
    let described = below.chain(domains(repo)).chain(above).filter_map(|name| {
        let manifest = repo.text(&format!("crates/{name}/Cargo.toml"))?;
        let description = manifest.lines().find_map(|line| line.strip_prefix("description = \"")?.strip_suffix("\""));
        Some((name, description.unwrap_or_default()))
    });
    described.collect()
}

pub fn check(repo: &Repo) -> Vec<Finding> {
    let ours: Vec<&str> = repo.crates().map(|(name, _)| name).collect();
    let domains = domains(repo);
    let mut findings = Vec::new();
    for file in repo.files.iter().filter(|file| file.path.ends_with("/Cargo.toml")) {
        let (Some(name), Some(text)) = (file.crate_name(), file.text()) else { continue };
        let of = |table: &[(&str, &[&[&str]])]| {
            let found = table.iter().find(|(known, _)| *known == name);
            found.map(|(_, groups)| groups.concat().into_iter().map(str::to_owned).collect::<Vec<_>>())
        };
        let domain = || domains.contains(&name).then(|| [FOUNDATION, PLUGGED_IN].concat());
        let domain = || domain().map(|allowed| allowed.into_iter().map(str::to_owned).collect());
        let above =
            || of(ABOVE).map(|allowed| allowed.into_iter().chain(domains.iter().map(|&name| name.into())).collect());
        let Some(allowed) = of(BELOW).or_else(domain).or_else(above) else {
            let what = format!(
                "the crate {name} is no domain (`{IS_DOMAIN}` in its manifest) and is not in the table of layers: \
                 add it to xtask/src/tidy/layers.rs"
            );
            findings.push(Finding::new(&file.path, 1, what));
            continue;
        };
        let wrong =
            dependencies(text).filter(|(_, used)| ours.contains(used) && !allowed.iter().any(|name| name == used));
        findings.extend(wrong.map(|(line, used)| {
            let what = format!(
                "{name} may not use {used}: declare what it needs as a trait under ports.rs, which the binary wires"
            );
            Finding::new(&file.path, line, what)
        }));
    }
    findings
}

/// The names under `[dependencies]` and `[build-dependencies]`, of all targets, with their lines. What tests use is
/// their own affair.
fn dependencies(manifest: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut inside = false;
    manifest.lines().enumerate().filter_map(move |(index, line)| {
        let line = line.split('#').next().unwrap_or_default().trim();
        if let Some(section) = line.strip_prefix('[') {
            let section = section.trim_end_matches(']');
            let (parent, last) = section.rsplit_once('.').unwrap_or(("", section));
            let holds = |name: &str| matches!(name.rsplit('.').next(), Some("dependencies" | "build-dependencies"));
            inside = holds(section);
            return holds(parent).then_some((index + 1, last));
        }
        let name = line.split(['.', '=']).next()?.trim().trim_matches('"');
        (inside && !name.is_empty()).then_some((index + 1, name))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOMAIN: &str = "[package.metadata.atlasmesh]\nroom = \"domain\"\n";

    fn check_trips(manifest: &str) -> Vec<String> {
        let repo = Repo::of(&[
            ("crates/fleet/Cargo.toml", DOMAIN),
            ("crates/kernel/Cargo.toml", ""),
            ("crates/trips/Cargo.toml", &format!("{DOMAIN}{manifest}")),
        ]);
        check(&repo).iter().map(|finding| format!("{}:{}", finding.path, finding.line)).collect()
    }

    #[test]
    fn an_arrow_between_domains_is_found_however_it_is_written() {
        let here = |line: usize| vec![format!("crates/trips/Cargo.toml:{}", line + 2)];
        let rows = [
            ("[dependencies]\nkernel.workspace = true\nserde = \"1\"\n", vec![]),
            ("[dependencies]\nfleet.workspace = true\n", here(2)),
            ("[dependencies]\nfleet = { path = \"../fleet\" }\n", here(2)),
            ("[dependencies.fleet]\npath = \"../fleet\"\n", here(1)),
            ("[target.'cfg(unix)'.dependencies]\nfleet.workspace = true\n", here(2)),
            ("[dependencies]\n# fleet.workspace = true\n", vec![]),
            ("[dev-dependencies]\nfleet.workspace = true\n", vec![]),
            ("[features]\nfleet = []\n", vec![]),
        ];
        for (manifest, expected) in rows {
            assert_eq!(check_trips(manifest), expected, "{manifest}");
        }
    }

    #[test]
    fn an_unknown_crate_is_found() {
        let findings = check(&Repo::of(&[("crates/attic/Cargo.toml", "")]));
        assert!(findings[0].to_string().starts_with("crates/attic/Cargo.toml:1: the crate attic is no domain"));
    }
}

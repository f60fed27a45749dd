//! Which crate may use which of our own. The table is the architecture: a new arrow is a decision, not an accident.

use super::Finding;
use crate::repo::Repo;

/// The crates that every domain stands on.
const FOUNDATION: &[&str] = &["kernel", "keys", "journal", "store", "policy"];

/// What a domain uses to tell vehicles something: the protocol, which is pure, and the room of its commands.
const TELLS_VEHICLES: &[&str] = &["link", "commands"];

/// Every crate with what it may use, from the bottom up: the crates named, and every one named by the groups.
const MAY_USE: &[(&str, &[&[&str]])] = &[
    ("kernel", &[]),
    ("keys", &[&["kernel"]]),
    ("journal", &[&["kernel", "keys"]]),
    ("store", &[&["kernel", "keys", "journal"]]),
    ("store-sqlite", &[&["kernel", "keys", "journal", "store"]]),
    ("policy", &[&["kernel"]]),
    ("routing", &[&["kernel"]]),
    ("link", &[&["kernel"]]),
    ("commands", &[&["kernel", "keys", "journal", "store", "link"]]),
    ("tenancy", &[FOUNDATION]),
    ("fleet", &[FOUNDATION, TELLS_VEHICLES]),
    ("trips", &[FOUNDATION, TELLS_VEHICLES]),
    ("telemetry", &[FOUNDATION]),
    ("gateway", &[FOUNDATION, TELLS_VEHICLES, &["tenancy", "fleet", "routing", "trips", "telemetry"]]),
    ("agent", &[&["kernel", "keys", "journal", "policy", "routing", "link"]]),
    (
        "atlasmesh",
        &[
            FOUNDATION,
            TELLS_VEHICLES,
            &["store-sqlite", "tenancy", "fleet", "routing", "trips", "telemetry", "gateway", "agent"],
        ],
    ),
    ("xtask", &[]),
];

pub fn check(repo: &Repo) -> Vec<Finding> {
    let ours: Vec<&str> = repo.crates().map(|(name, _)| name).collect();
    let mut findings = Vec::new();
    for file in repo.files.iter().filter(|file| file.path.ends_with("/Cargo.toml")) {
        let (Some(name), Some(text)) = (file.crate_name(), file.text()) else { continue };
        let Some((_, groups)) = MAY_USE.iter().find(|(known, _)| *known == name) else {
            let what = format!(
                "the crate {name} is not in the table of layers: add it to xtask/src/tidy/layers.rs and to ARCHITECTURE.md"
            );
            findings.push(Finding::new(&file.path, 1, what));
            continue;
        };
        let mut depended: Vec<(usize, &str)> = dependencies(text).filter(|(_, used)| ours.contains(used)).collect();
        depended.retain(|(_, used)| !groups.iter().any(|group| group.contains(used)));
        findings.extend(depended.into_iter().map(|(line, used)| {
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

    fn check_trips(manifest: &str) -> Vec<String> {
        let repo = Repo::of(&[
            ("crates/fleet/Cargo.toml", ""),
            ("crates/kernel/Cargo.toml", ""),
            ("crates/trips/Cargo.toml", manifest),
        ]);
        check(&repo).iter().map(|finding| format!("{}:{}", finding.path, finding.line)).collect()
    }

    #[test]
    fn an_arrow_between_domains_is_found_however_it_is_written() {
        let here = |line: usize| vec![format!("crates/trips/Cargo.toml:{line}")];
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
        assert!(findings[0].to_string().starts_with("crates/attic/Cargo.toml:1: the crate attic is not in the table"));
    }
}

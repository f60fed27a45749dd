//! The checks of what changed since `main`, for the minutes between two edits: `cargo xtask test` stays the judge.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::lanes::{self, Lane, Step};
use crate::{process, test};

/// What every crate is built or tested with.
const EVERY_CRATE: [&str; 5] = ["Cargo.toml", "Cargo.lock", "clippy.toml", ".cargo/", ".config/"];

/// Files outside of a crate's folder that its build or its tests read.
const READ_BY: [(&str, &str); 5] = [
    ("data/", "routing"),
    ("data/", "atlasmesh"),
    ("docs/guides/", "atlasmesh"),
    ("examples/", "atlasmesh"),
    ("policies/", "policy"),
];

/// What `cargo metadata` says, as far as it is needed here.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    manifest_path: PathBuf,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
}

pub fn run(root: &Path) -> Result<ExitCode> {
    let changed = changed(root)?;
    let mut metadata = process::cargo(root);
    metadata.args(["metadata", "--format-version", "1", "--no-deps"]);
    let Metadata { packages } = serde_json::from_str(&process::output(&mut metadata, process::ANSWER_LIMIT)?)?;
    let crates = affected(root, &packages, &changed);
    println!("files that differ from main: {}; crates to check: {}", changed.len(), crates.len());

    let tests = |root: &Path| tests(root, &crates);
    let mut lanes = vec![test::FORMAT, test::TIDY];
    if changed.iter().any(|path| path.starts_with("ui/")) {
        lanes.push(test::PAGE);
    }
    if !crates.is_empty() {
        lanes.extend([test::CLIPPY, Lane { name: "tests", step: Step::Runner(&tests, test::TESTS_LIMIT) }]);
    }
    Ok(lanes::run(root, &lanes))
}

/// The files that differ from where this branch left `main`: committed, not committed, and not known to git.
fn changed(root: &Path) -> Result<Vec<String>> {
    let git = |args: &[&str]| {
        process::output(Command::new("git").current_dir(root).args(args), process::ANSWER_LIMIT)
            .context("only git knows what changed")
    };
    let base = git(&["merge-base", "main", "HEAD"])?;
    let mut paths = git(&["diff", "--name-only", "--no-renames", "-z", base.trim()])?;
    paths += &git(&["ls-files", "--others", "--exclude-standard", "-z"])?;
    Ok(paths.split_terminator('\0').map(str::to_owned).collect())
}

/// The crates that changed and the crates that depend on them.
fn affected<'a>(root: &Path, packages: &'a [Package], changed: &[String]) -> BTreeSet<&'a str> {
    let touches = |package: &Package, path: &str| {
        let folder = package.manifest_path.parent().and_then(|folder| folder.strip_prefix(root).ok());
        let reads = |(read, by): &(&str, &str)| *by == package.name && path.starts_with(read);
        folder.is_some_and(|folder| Path::new(path).starts_with(folder))
            || EVERY_CRATE.iter().any(|shared| path.starts_with(shared))
            || READ_BY.iter().any(reads)
    };
    let changed = |package: &&Package| changed.iter().any(|path| touches(package, path));
    let mut affected: BTreeSet<&str> = packages.iter().filter(changed).map(|package| package.name.as_str()).collect();
    loop {
        let depends = |package: &&Package| package.dependencies.iter().any(|used| affected.contains(&*used.name));
        let dependents: Vec<&str> = packages.iter().filter(depends).map(|package| package.name.as_str()).collect();
        let before = affected.len();
        affected.extend(dependents);
        if affected.len() == before {
            return affected;
        }
    }
}

/// The tests of these crates. The filter leaves the features, and with them what is built already, as they are.
fn tests(root: &Path, crates: &BTreeSet<&str>) -> Result<Command> {
    let mut command = test::tests(root)?;
    if test::has_nextest(root) {
        let filter = crates.iter().map(|name| format!("package({name})")).collect::<Vec<_>>().join(" | ");
        command.args(["--no-tests", "pass", "-E", &filter]);
    }
    Ok(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, folder: &str, dependencies: &[&str]) -> Package {
        Package {
            name: name.into(),
            manifest_path: Path::new("root").join(folder).join("Cargo.toml"),
            dependencies: dependencies.iter().map(|name| Dependency { name: (*name).into() }).collect(),
        }
    }

    #[test]
    fn what_depends_on_a_changed_crate_is_checked_too() {
        let packages = [
            package("atlasmesh", "crates/atlasmesh", &["store-sqlite", "policy"]),
            package("policy", "crates/policy", &["serde"]),
            package("store", "crates/store", &[]),
            package("store-sqlite", "crates/store-sqlite", &["store"]),
            package("xtask", "xtask", &[]),
        ];
        let all = ["atlasmesh", "policy", "store", "store-sqlite", "xtask"];
        let rows: [(&[&str], &[&str]); 7] = [
            (&[], &[]),
            (&["ui/src/main.ts", "docs/tables.md"], &[]),
            (&["crates/store/src/lib.rs"], &["atlasmesh", "store", "store-sqlite"]),
            (&["crates/store-sqlite/src/lib.rs"], &["atlasmesh", "store-sqlite"]),
            (&["policies/base/trip.cedar"], &["atlasmesh", "policy"]),
            (&["docs/guides/api.md", "xtask/src/main.rs"], &["atlasmesh", "xtask"]),
            (&["Cargo.lock"], &all),
        ];
        for (changed, expected) in rows {
            let paths: Vec<String> = changed.iter().map(|path| (*path).to_owned()).collect();
            let found = affected(Path::new("root"), &packages, &paths);
            assert_eq!(found.into_iter().collect::<Vec<_>>(), expected, "{changed:?}");
        }
    }
}

//! `cargo xtask new-domain NAME`: a domain that compiles, from the first rule to the API, to be made into the one that is
//! wanted. It has an aggregate, an event, a policy action with its rules and cases, a command to vehicles and an endpoint.

use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::process::{self, Counts};
use crate::repo::Repo;

#[derive(clap::Args)]
pub struct Args {
    /// The name of its crate: a plural in lower case, such as `inspections`.
    name: String,
}

/// The files of the new crate. Its names are those of the example, which are replaced.
const CRATE: &[(&str, &str)] = &[
    ("Cargo.toml", include_str!("../template/Cargo.toml.txt")),
    ("policies/inspections.cedar", include_str!("../template/policies/inspections.cedar.txt")),
    ("policies/inspections.cedarschema", include_str!("../template/policies/inspections.cedarschema.txt")),
    ("policies/inspections.json", include_str!("../template/policies/inspections.json.txt")),
    ("src/actions.rs", include_str!("../template/src/actions.rs.txt")),
    ("src/inspection.rs", include_str!("../template/src/inspection.rs.txt")),
    ("src/lib.rs", include_str!("../template/src/lib.rs.txt")),
    ("src/service.rs", include_str!("../template/src/service.rs.txt")),
    ("tests/inspections.rs", include_str!("../template/tests/inspections.rs.txt")),
];

/// The endpoints, in the room of all endpoints.
const ENDPOINTS: (&str, &str) = ("crates/gateway/src/http/inspections.rs", include_str!("../template/http.rs.txt"));

/// Where the product learns of it: the file, before what something is written, and what.
const PLUGS: &[(&str, &str, &str)] = &[
    ("Cargo.toml", "gateway = { path", "inspections = { path = \"crates/inspections\" }\n"),
    ("crates/gateway/Cargo.toml", "axum.workspace", "inspections.workspace = true\n"),
    ("crates/atlasmesh/Cargo.toml", "anyhow.workspace", "inspections.workspace = true\n"),
    (
        "crates/gateway/src/lib.rs",
        "    /// What each domain tells vehicles",
        "    /// Inspections.\n    pub inspections: Arc<inspections::Inspections>,\n",
    ),
    ("crates/gateway/src/lib.rs", "    trips::DOMAIN,", "    inspections::DOMAIN,\n"),
    ("crates/gateway/src/http/mod.rs", "mod journal;", "mod inspections;\n"),
    ("crates/gateway/src/http/mod.rs", "    journal::ENDPOINTS,", "    inspections::ENDPOINTS,\n"),
    (
        "crates/atlasmesh/src/serve/wiring.rs",
        "    let mut workers = ",
        "    let inspections = Arc::new(inspections::Inspections::new(Arc::clone(&store), Arc::clone(&engine)));\n",
    ),
    (
        "crates/atlasmesh/src/serve/wiring.rs",
        "    let Workers { due, subscribers, commands } = workers;",
        "    workers.extend([inspections.workers()]);\n",
    ),
    ("crates/atlasmesh/src/serve/wiring.rs", "        commands,", "        inspections,\n"),
    (
        "crates/atlasmesh/tests/tenants_rows/mod.rs",
        "        // What policy said to the stranger's own attempts",
        "        (\n            \"post\",\n            \"/v1/inspections\",\n            \"\",\n            json!({ \"vehicle\": \
         \"{vehicle}\", \"urgent\": false, \"reason\": CANARY }),\n            UNKNOWN,\n        ),\n",
    ),
];

/// How long each of its builds may take.
const LIMIT: Duration = Duration::from_secs(15 * 60);

/// The most files outside of its own crate that a domain may need.
const OUTSIDE_MAX: usize = 8;

pub fn run(root: &Path, args: &Args) -> Result<ExitCode> {
    let name = Name::new(&args.name)?;
    let folder = root.join("crates").join(&name.plural);
    ensure!(!folder.exists(), "{} is there already", folder.display());
    for path in add(root, &name)? {
        println!("{path}");
    }
    let mut format = process::cargo(root);
    process::output(format.args(["fmt", "--all"]), process::ANSWER_LIMIT)?;
    println!(
        "now: ATLASMESH_BLESS=1 cargo nextest run --workspace -E 'package({})', then cargo xtask codegen",
        name.plural
    );
    Ok(ExitCode::SUCCESS)
}

/// What a domain is called, in the forms that code needs.
struct Name {
    plural: String,
    singular: String,
}

impl Name {
    fn new(plural: &str) -> Result<Self> {
        let is_word = !plural.is_empty() && plural.bytes().all(|byte| byte.is_ascii_lowercase());
        ensure!(is_word, "`{plural}` is no name: lower-case letters only, such as `inspections`");
        let Some(singular) = plural.strip_suffix('s') else {
            bail!("`{plural}` is no plural: an aggregate is named by the word without its last letter s");
        };
        Ok(Self { plural: plural.into(), singular: singular.into() })
    }

    /// A text of the example in terms of this domain.
    fn fill(&self, text: &str) -> String {
        let capital = |word: &str| word[..1].to_uppercase() + &word[1..];
        text.replace("inspection", &self.singular)
            .replace("Inspection", &capital(&self.singular))
            .replace("INSPECTION", &self.singular.to_uppercase())
    }
}

/// Writes the crate and plugs it in. Answers the files outside of the crate that were made or changed.
fn add(root: &Path, name: &Name) -> Result<Vec<String>> {
    for (path, text) in CRATE {
        write(root, &format!("crates/{}/{}", name.plural, name.fill(path)), &name.fill(text))?;
    }
    let mut outside = vec![name.fill(ENDPOINTS.0)];
    write(root, &outside[0], &name.fill(ENDPOINTS.1))?;
    for (path, anchor, text) in PLUGS {
        let old = fs::read_to_string(root.join(path)).with_context(|| format!("read {path}"))?;
        let (at, _) = old.match_indices(anchor).next().with_context(|| format!("{path} has no `{anchor}`"))?;
        write(root, path, &format!("{}{}{}", &old[..at], name.fill(text), &old[at..]))?;
        if !outside.iter().any(|known| known == path) {
            outside.push((*path).to_owned());
        }
    }
    Ok(outside)
}

fn write(root: &Path, path: &str, text: &str) -> Result<()> {
    let path = root.join(path);
    path.parent()
        .map_or(Ok(()), fs::create_dir_all)
        .and_then(|()| fs::write(&path, text))
        .with_context(|| format!("write {}", path.display()))
}

/// The lane: a copy of the project with a new domain compiles, its own tests pass, and it
/// touched no more files outside of its crate than a domain may.
pub fn check(root: &Path) -> Result<Counts> {
    let copy = root.join("target/new-domain");
    if copy.exists() {
        fs::remove_dir_all(&copy).context("remove the last copy")?;
    }
    for file in &Repo::open(root)?.files {
        let path = copy.join(&file.path);
        path.parent()
            .map_or(Ok(()), fs::create_dir_all)
            .and_then(|()| fs::write(&path, &file.bytes))
            .with_context(|| format!("copy {}", file.path))?;
    }
    let name = Name::new("inspections")?;
    let outside = add(&copy, &name)?;
    println!("files outside of its crate: {}", outside.join(", "));
    ensure!(outside.len() <= OUTSIDE_MAX, "a domain needs {} files outside of its crate", outside.len());
    let cargo = |args: &[&str]| {
        let mut command = process::cargo(&copy);
        // What is not of this project is built already, and the copy has the same lock file but for the new crate.
        command.env("CARGO_TARGET_DIR", root.join("target")).env("ATLASMESH_BLESS", "1").args(args);
        process::stream(&mut command, LIMIT)
    };
    cargo(&["test", "--workspace", "--test", "inspections"])?;
    cargo(&["check", "--workspace", "--all-targets"])?;
    fs::remove_dir_all(&copy).context("remove the copy")?;
    Ok(Counts { passed: 1, failed: 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_is_renamed_in_every_form() {
        let name = Name::new("recalls").unwrap();
        let text = "inspections::Inspections inspection InspectionOpened MAY_OPEN_INSPECTION";
        assert_eq!(name.fill(text), "recalls::Recalls recall RecallOpened MAY_OPEN_RECALL");
        for wrong in ["", "Recalls", "re-calls", "recall"] {
            assert!(Name::new(wrong).is_err(), "{wrong}");
        }
    }
}

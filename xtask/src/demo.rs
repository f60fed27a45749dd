//! Builds the page and the two programs and hands over to the product, which knows how to show itself.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::{page, process, setup};

/// The arguments go to `atlasmesh demo` as they are, so that the two can never disagree.
#[derive(clap::Args)]
#[command(disable_help_flag = true)]
pub struct Args {
    /// What `atlasmesh demo` takes: --tour, --sector S, --headless, --until-trips N, --vehicles N, --data DIR; --help shows all.
    /// Without any, its state is kept in target/demo, and the next demo goes on from there; with --sector mining and
    /// without --data in target/demo-mining.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,
}

/// Where the state of a demo without arguments is, below the root.
const KEPT_IN: &str = "target/demo";

/// A line of cargo's report, as far as it is needed here.
#[derive(Deserialize)]
struct Artifact {
    executable: Option<PathBuf>,
    target: Option<Target>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

pub fn run(root: &Path, args: &Args) -> Result<ExitCode> {
    for sentence in setup::missing() {
        eprintln!("{sentence}");
    }
    page::build(root)?;
    let atlasmesh = build(root, &[])?;
    // The product takes our place: signals, the terminal and the exit code are its own.
    let mut demo = Command::new(&atlasmesh);
    demo.arg("demo").args(&args.args);
    if let Some(folder) = kept_in(&args.args) {
        demo.args(["--data", &folder]);
    }
    let error = demo.exec();
    Err(error).with_context(|| format!("start {}", atlasmesh.display()))
}

/// Where the state of a demo with these arguments is kept, if they do not say it: a world has a folder of its own.
fn kept_in(args: &[String]) -> Option<String> {
    let says = |option: &str| args.iter().any(|arg| arg == option || arg.starts_with(&format!("{option}=")));
    if says("--data") || says("--help") || says("-h") {
        return None;
    }
    let inline = args.iter().find_map(|arg| arg.strip_prefix("--sector="));
    let apart = args.windows(2).find(|pair| pair[0] == "--sector").map(|pair| pair[1].as_str());
    match inline.or(apart) {
        Some(sector) => Some(format!("{KEPT_IN}-{sector}")),
        None => args.iter().all(|arg| arg == "--tour").then(|| KEPT_IN.to_owned()),
    }
}

/// Builds `atlasmesh` and, beside it, `atlasmesh-agent`; answers where cargo put the first.
pub fn build(root: &Path, more: &[&str]) -> Result<PathBuf> {
    let mut build = process::cargo(root);
    build
        .args(["build", "-p", "atlasmesh", "-p", "agent", "--bins", "--message-format", "json-render-diagnostics"])
        .args(more);
    let output = build.stdin(Stdio::null()).stderr(Stdio::inherit()).output().context("start cargo")?;
    if !output.status.success() {
        bail!("the product does not build ({})", output.status);
    }
    let report = String::from_utf8_lossy(&output.stdout);
    executable(&report, "atlasmesh").context("cargo built no program named atlasmesh")
}

fn executable(report: &str, name: &str) -> Option<PathBuf> {
    let artifacts = report.lines().filter_map(|line| serde_json::from_str::<Artifact>(line).ok());
    artifacts
        .filter(|artifact| artifact.target.as_ref().is_some_and(|t| t.name == name))
        .find_map(|artifact| artifact.executable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_world_has_a_folder_of_its_own() {
        let kept = |args: &[&str]| kept_in(&args.iter().map(|&arg| arg.to_owned()).collect::<Vec<_>>());
        assert_eq!(kept(&[]).as_deref(), Some("target/demo"));
        assert_eq!(kept(&["--sector", "mining"]).as_deref(), Some("target/demo-mining"));
        assert_eq!(kept(&["--headless", "--sector=defense"]).as_deref(), Some("target/demo-defense"));
        assert_eq!(kept(&["--tour"]).as_deref(), Some("target/demo"));
        assert_eq!(kept(&["--headless"]), None);
        assert_eq!(kept(&["--sector", "mining", "--data", "d"]), None);
    }

    #[test]
    fn the_program_is_found_in_cargos_report() {
        let report = r#"{"reason":"compiler-artifact","target":{"name":"atlasmesh"},"executable":null}
{"reason":"compiler-artifact","target":{"name":"atlasmesh-agent"},"executable":"out/atlasmesh-agent"}
{"reason":"compiler-artifact","target":{"name":"atlasmesh"},"executable":"out/atlasmesh"}
{"reason":"build-finished","success":true}"#;
        assert_eq!(executable(report, "atlasmesh"), Some("out/atlasmesh".into()));
        assert_eq!(executable(report, "other"), None);
    }
}

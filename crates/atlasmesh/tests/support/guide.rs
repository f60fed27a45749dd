//! Whoever reads a page and types its lines, in one environment and folder.

#![allow(dead_code, reason = "each test file uses its own part")]

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::agent::program;
use crate::support::foreign::root;
use crate::support::process::Process;

/// Seconds that a block may take: the longest one drives through a town.
const BLOCK_LIMIT_S: &str = "150";

/// A fenced block of a page.
pub struct Block {
    pub kind: String,
    pub text: String,
}

/// The blocks of a page that say what they are, in their order.
pub fn blocks(page: &str) -> Vec<Block> {
    let (mut blocks, mut open) = (Vec::new(), None);
    for line in page.lines() {
        open = match (open, line.strip_prefix("```")) {
            (None, Some(kind)) => Some(Block { kind: kind.to_owned(), text: String::new() }),
            (None, None) => None,
            (Some(block), Some(_)) => {
                blocks.push(block);
                None
            }
            (Some(block), None) => Some(Block { text: block.text + line + "\n", ..block }),
        };
    }
    blocks
}

/// Whoever reads a guide and types.
pub struct Reader {
    folder: TempDir,
    pub servers: Vec<Process>,
    /// Every process of a block is in a group that has the block's own id.
    groups: Vec<u32>,
}

impl Reader {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["data", "docs"] {
            symlink(root().join(name), folder.path().join(name)).unwrap();
        }
        fs::write(folder.path().join("environment"), "").unwrap();
        Self { folder, servers: Vec::new(), groups: Vec::new() }
    }

    /// A shell with what earlier blocks exported and defined.
    fn shell(&self, script: &str) -> Command {
        let mut command = Command::new("timeout");
        let script = format!("set -eo pipefail\n. ./environment\n{script}\n{{ export -p; declare -f; }} > environment");
        command.args(["--signal=KILL", BLOCK_LIMIT_S, "bash", "-c", &script]).current_dir(self.folder.path());
        let programs = program().parent().unwrap().to_owned();
        command.env("PATH", format!("{}:{}", programs.display(), std::env::var("PATH").unwrap()));
        command.env("XDG_CONFIG_HOME", self.folder.path().join("config"));
        command.env_remove("ATLASMESH_URL").env_remove("ATLASMESH_TOKEN").process_group(0);
        command
    }

    #[track_caller]
    pub fn types(&mut self, lines: &str) -> String {
        // What is to fail must fail; the shell itself would not mind.
        let line = |line: &str| match line.strip_prefix("! ") {
            Some(fails) => format!("if {fails}; then exit 1; fi\n"),
            None => format!("{line}\n"),
        };
        let script: String = lines.lines().map(line).collect();
        let mut command = self.shell(&script);
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        let child = command.spawn().unwrap();
        self.groups.push(child.id());
        let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&stdout).into_owned() + &String::from_utf8_lossy(&stderr);
        assert!(status.success(), "{lines}\n{said}");
        said
    }

    fn serves(&mut self, lines: &str) {
        let elsewhere = lines.replace(
            "atlasmesh serve",
            "atlasmesh serve --http 127.0.0.1:0 --link 127.0.0.1:0 --enrol 127.0.0.1:0 --updates 127.0.0.1:0",
        );
        assert_ne!(elsewhere, lines, "the block starts no server");
        let mut command = Command::new("bash");
        command.args(["-c", &elsewhere]).current_dir(self.folder.path()).process_group(0);
        command.env("PATH", self.shell("").get_envs().find(|(name, _)| *name == "PATH").unwrap().1.unwrap());
        let server = Process::start("server", &mut command);
        self.groups.push(server.pid());
        server.line_with(" ready");
        self.servers.push(server);
        let endpoints = fs::read(self.folder.path().join("fleet-data/endpoints.json")).unwrap();
        let endpoints: Value = serde_json::from_slice(&endpoints).unwrap();
        self.types(&format!("export ATLASMESH_URL={}", endpoints["http"].as_str().unwrap()));
    }

    /// Does all that a guide says; what was printed.
    pub fn follows(&mut self, guide: &str) -> String {
        let text = fs::read_to_string(root().join("docs/guides").join(guide)).unwrap();
        let mut said = String::new();
        for block in blocks(&text) {
            match block.kind.as_str() {
                "sh" => said += &self.types(&block.text),
                "sh server" => self.serves(&block.text),
                _ => {}
            }
        }
        said
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        for group in &self.groups {
            // Most have ended by themselves.
            let _ = Command::new("kill").args(["-KILL", "--", &format!("-{group}")]).output();
        }
    }
}

//! The server's program on a folder of its own.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use super::http::Http;
use super::process::{LIMIT, Process};

/// A port that is free.
const ANY: &str = "127.0.0.1:0";
const TOKEN_LINE: &str = "platform administrator's token, shown this once: ";

/// What a server is started with, beside its folder and ports.
#[derive(Debug, Clone, Default)]
pub struct Serve {
    pub arguments: Vec<String>,
    pub environment: Vec<(String, String)>,
    /// How many files it may open; as many as the test where it is not said.
    pub files: Option<u64>,
}

impl Serve {
    pub fn with(mut self, option: &str, value: impl ToString) -> Self {
        self.arguments.extend([option.to_owned(), value.to_string()]);
        self
    }

    pub fn files(mut self, most: u64) -> Self {
        self.files = Some(most);
        self
    }

    pub fn env(mut self, name: &str, value: impl ToString) -> Self {
        self.environment.push((name.to_owned(), value.to_string()));
        self
    }
}

/// A server.
#[derive(Debug)]
pub struct Server {
    pub process: Process,
    pub folder: TempDir,
    pub url: String,
    pub link: String,
    /// Where vehicles enrol.
    pub enrol: String,
    /// Where vehicles fetch updates.
    pub updates: String,
    pub platform_token: String,
    serve: Serve,
}

pub fn atlasmesh() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_atlasmesh"));
    command.env_remove("ATLASMESH_URL").env_remove("ATLASMESH_TOKEN");
    command
}

/// A demo in a folder, once its vehicles are online. Whatever it started ends with it.
pub fn demo(folder: &Path, vehicles: usize, speedup: u32) -> Process {
    let mut command = atlasmesh();
    command.args(["demo", "--vehicles", &vehicles.to_string(), "--speedup", &speedup.to_string(), "--data"]);
    let process = Process::start("demo", command.arg(folder));
    process.line_with("Ctrl-C ends the demo");
    process
}

fn start(data: &Path, [http, link, enrol, updates]: [&str; 4], serve: &Serve) -> Process {
    let mut command = match serve.files {
        None => atlasmesh(),
        Some(files) => {
            let mut command = Command::new("prlimit");
            command.arg(format!("--nofile={files}:{files}")).arg(atlasmesh().get_program());
            command.env_remove("ATLASMESH_URL").env_remove("ATLASMESH_TOKEN");
            command
        }
    };
    command
        .args(["serve", "--http", http, "--link", link, "--enrol", enrol, "--updates", updates])
        .args(["--update-poll-s", "1", "--data"])
        .arg(data)
        .args(&serve.arguments);
    command.envs(serve.environment.iter().map(|(name, value)| (name, value)));
    Process::start("server", &mut command)
}

/// A server that is expected to refuse its start: its exit code and what it said.
pub fn refused(data: &Path, http: &str, serve: &Serve) -> (Option<i32>, String) {
    let mut process = start(data, [http, ANY, ANY, ANY], serve);
    let status = process.ended();
    (status.code(), process.said())
}

impl Server {
    /// Starts on a folder that has a server's data already.
    pub fn on(data: PathBuf, serve: Serve) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::rename(data, folder.path().join("data")).unwrap();
        let process = start(&folder.path().join("data"), [ANY; 4], &serve);
        Self::ready(process, folder, String::new(), serve)
    }

    pub fn start(serve: Serve) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let process = start(&folder.path().join("data"), [ANY; 4], &serve);
        let token = process.line_with(TOKEN_LINE);
        let platform_token = token.split(TOKEN_LINE).nth(1).unwrap().trim().to_owned();
        Self::ready(process, folder, platform_token, serve)
    }

    fn ready(process: Process, folder: TempDir, platform_token: String, serve: Serve) -> Self {
        let mut server = Self {
            process,
            folder,
            url: String::new(),
            link: String::new(),
            enrol: String::new(),
            updates: String::new(),
            platform_token,
            serve,
        };
        server.await_ready();
        server
    }

    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn await_ready(&mut self) {
        self.process.line_with(" ready");
        let endpoints = std::fs::read(self.data().join("endpoints.json")).unwrap();
        let endpoints: Value = serde_json::from_slice(&endpoints).unwrap();
        let text = |name: &str| endpoints[name].as_str().unwrap().to_owned();
        assert_eq!(endpoints["pid"].as_u64(), Some(u64::from(self.process.pid())));
        (self.url, self.link, self.enrol) = (text("http"), text("link"), text("enrol"));
        self.updates = text("updates");
    }

    /// Keeps the store from every commit until the answer is dropped: reads go on, a commit hangs.
    pub fn hang_store(&self) -> rusqlite::Connection {
        let lock = rusqlite::Connection::open(self.data().join("store/atlasmesh.sqlite")).unwrap();
        lock.busy_timeout(LIMIT).unwrap();
        lock.execute_batch("BEGIN IMMEDIATE").unwrap();
        lock
    }

    pub fn http(&self, token: &str) -> Http {
        Http::new(&self.url, Some(token))
    }

    pub fn platform(&self) -> Http {
        self.http(&self.platform_token)
    }

    /// kill -9.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts it again on the same folder and ports.
    pub fn start_again(&mut self) {
        let serve = self.serve.clone();
        self.start_again_with(serve);
    }

    /// Starts it again on the same folder and ports, with other options.
    pub fn start_again_with(&mut self, serve: Serve) {
        self.serve = serve;
        let http = self.url.strip_prefix("http://").unwrap();
        self.process = start(&self.data(), [http, &self.link, &self.enrol, &self.updates], &self.serve);
        self.await_ready();
    }

    /// Ends it as a supervisor would, and waits.
    pub fn stop(&mut self) {
        self.process.signal("TERM");
        assert!(self.process.ended().success(), "{}", self.process.said());
    }

    /// Verifies the stopped server's folder with the program's own command.
    #[track_caller]
    pub fn verify_stopped(&self) -> Value {
        let output = atlasmesh().args(["verify", "--replay", "--json", "--data"]).arg(self.data()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stdout));
        let verdict: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(verdict["ok"], true, "{verdict}");
        verdict
    }
}

/// How long a test waits for anything.
pub const PATIENCE: std::time::Duration = LIMIT;

/// The shipped policies in a new folder below this one, as their user would get them.
pub fn exported_policies(folder: &Path) -> PathBuf {
    let policies = folder.join("policies");
    assert!(atlasmesh().args(["policy", "export"]).arg(&policies).status().unwrap().success());
    policies
}

//! A vehicle's agent: a program of its own, over the real protocol.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::{Value, json};

use super::process::Process;
use super::server::Server;

/// The agent's program, which stands beside the server's; built where it is missing.
pub fn program() -> PathBuf {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    let find = || {
        let program = PathBuf::from(env!("CARGO_BIN_EXE_atlasmesh")).with_file_name("atlasmesh-agent");
        if !program.exists() {
            let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
            let built =
                Command::new(cargo).args(["build", "-p", "agent", "--bin", "atlasmesh-agent"]).status().unwrap();
            assert!(built.success(), "the agent does not build");
        }
        program
    };
    PROGRAM.get_or_init(find).clone()
}

/// A registered vehicle and, while it runs, its agent.
#[derive(Debug)]
pub struct Agent {
    pub vehicle: String,
    pub name: String,
    /// What it was brought from the garage.
    bootstrap: Value,
    folder: PathBuf,
    start: (f64, f64),
    speedup: f64,
    /// What else it is told when it starts.
    more: Vec<String>,
    /// Where it connects, if not at the server itself.
    through: Option<String>,
    pub process: Process,
}

impl Agent {
    /// Starts the agent of a vehicle at a place.
    pub fn start(
        server: &Server,
        name: &str,
        bootstrap: &Value,
        start: (f64, f64),
        speedup: f64,
        more: &[&str],
    ) -> Self {
        let vehicle = bootstrap["vehicle"].as_str().unwrap().to_owned();
        let folder = server.folder.path().join("agents").join(&vehicle);
        std::fs::create_dir_all(&folder).unwrap();
        let more: Vec<String> = more.iter().map(|&text| text.to_owned()).collect();
        let process = run(&folder, bootstrap, start, speedup, &more);
        let (name, bootstrap) = (name.to_owned(), bootstrap.clone());
        let mut agent = Self { vehicle, name, bootstrap, folder, start, speedup, more, through: None, process };
        assert!(agent.process.runs(), "{}", agent.process.said());
        agent
    }

    /// kill -9.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Ends it and starts it again behind a proxy.
    pub fn go_through(&mut self, server: &Server, proxy: &str) {
        self.kill();
        self.through = Some(proxy.to_owned());
        self.start_again(server);
    }

    /// Starts it again on the same state, and from now on it drives at another pace.
    pub fn start_again_at(&mut self, server: &Server, speedup: f64) {
        self.speedup = speedup;
        self.start_again(server);
    }

    /// Starts it again on the same state.
    pub fn start_again(&mut self, server: &Server) {
        let link = self.through.as_deref().unwrap_or(&server.link);
        self.bootstrap["link"] = json!(link);
        self.process = run(&self.folder, &self.bootstrap, self.start, self.speedup, &self.more);
    }

    /// Starts it again on the same state, with another file from the garage.
    pub fn start_again_with(&mut self, bootstrap: &Value) {
        self.bootstrap = bootstrap.clone();
        self.process = run(&self.folder, &self.bootstrap, self.start, self.speedup, &self.more);
    }

    /// The folder of its state.
    pub fn state(&self) -> PathBuf {
        self.folder.join("state")
    }
}

fn run(folder: &Path, bootstrap: &Value, start: (f64, f64), speedup: f64, more: &[String]) -> Process {
    let (file, vehicle) = (folder.join("bootstrap.json"), bootstrap["vehicle"].as_str().unwrap());
    std::fs::write(&file, bootstrap.to_string()).unwrap();
    let mut command = Command::new(program());
    command.args(["run", "--bootstrap"]).arg(file).arg("--state").arg(folder.join("state"));
    command.args(["--simulate", &format!("--start={},{}", start.0, start.1), "--speedup", &speedup.to_string()]);
    command.args(["--capability", "passenger", "--capability", "delivery"]).args(more);
    // What it writes down is how a test sees it act while no server listens.
    command.env("ATLASMESH_LOG", "info,agent=debug").env("NO_COLOR", "1");
    Process::start(&format!("agent of {vehicle}"), &mut command)
}

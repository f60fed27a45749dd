//! A vehicle's agent: a program of its own, over the real protocol.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

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
    secret: PathBuf,
    state: PathBuf,
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
        (vehicle, name, secret): (&str, &str, &str),
        start: (f64, f64),
        speedup: f64,
        more: &[&str],
    ) -> Self {
        let folder = server.folder.path().join("agents").join(vehicle);
        std::fs::create_dir_all(&folder).unwrap();
        let (secret_file, state) = (folder.join("secret"), folder.join("state"));
        std::fs::write(&secret_file, secret).unwrap();
        let more: Vec<String> = more.iter().map(|&text| text.to_owned()).collect();
        let mut agent = Self {
            vehicle: vehicle.to_owned(),
            name: name.to_owned(),
            process: run(&server.link, server, vehicle, (&secret_file, &state), start, speedup, &more),
            through: None,
            secret: secret_file,
            state,
            start,
            speedup,
            more,
        };
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
        let files = (self.secret.as_path(), self.state.as_path());
        let link = self.through.as_deref().unwrap_or(&server.link);
        self.process = run(link, server, &self.vehicle, files, self.start, self.speedup, &self.more);
    }
}

fn run(
    link: &str,
    server: &Server,
    vehicle: &str,
    (secret, state): (&Path, &Path),
    start: (f64, f64),
    speedup: f64,
    more: &[String],
) -> Process {
    let mut command = Command::new(program());
    command.args(["run", "--server", link, "--ca-sha256", &server.certificate_sha256, "--vehicle", vehicle]);
    command.arg("--secret-file").arg(secret).arg("--state").arg(state);
    command.args(["--simulate", &format!("--start={},{}", start.0, start.1), "--speedup", &speedup.to_string()]);
    command.args(["--capability", "passenger", "--capability", "delivery"]).args(more);
    // What it writes down is how a test sees it act while no server listens.
    command.env("ATLASMESH_LOG", "info,agent=debug").env("NO_COLOR", "1");
    Process::start(&format!("agent of {vehicle}"), &mut command)
}

//! Programs that `cargo xtask test set-up` installs, because others wrote them.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use super::World;

/// Seconds after which a program that hangs is ended.
const HANGS_S: &str = "60";

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

pub fn python(name: &str) -> PathBuf {
    let program = root().join("target/foreign/bin").join(name);
    assert!(program.exists(), "{} is missing: run `cargo xtask test set-up`", program.display());
    program
}

/// A program's source beside the tests.
pub fn script(name: &str) -> PathBuf {
    root().join("crates/atlasmesh/tests").join(name)
}

/// A program in JavaScript beside the tests, whose packages are installed.
pub fn node(name: &str) -> PathBuf {
    let folder = script("node");
    assert!(folder.join("node_modules").exists(), "packages are missing: run `cargo xtask test set-up`");
    folder.join(name)
}

/// Runs a program to its end; whether it was content, and what it said.
#[track_caller]
pub fn run(program: impl AsRef<Path>, tell: impl FnOnce(&mut Command)) -> (bool, String) {
    let mut command = Command::new("timeout");
    command.args(["--kill-after=1", HANGS_S]).arg(program.as_ref()).stdin(Stdio::null());
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    tell(&mut command);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert_ne!(output.status.code(), Some(124), "hangs: {command:?}\n{said}");
    (output.status.success(), said)
}

/// A vehicle of a world that was enrolled with nothing but `openssl` and `curl`; the folder with what it proves itself by.
pub fn enrolled(world: &World) -> PathBuf {
    let bootstrap = world.bootstrap(&world.register("car-1"));
    enrol(&world.server.folder.path().join("device"), &bootstrap)
}

/// Enrols a vehicle with nothing but `openssl` and `curl`; the folder with what it proves itself by.
#[track_caller]
pub fn enrol(folder: &Path, bootstrap: &Value) -> PathBuf {
    let (done, said) = enrolment(folder, bootstrap);
    assert!(done, "{said}");
    folder.join("identity")
}

/// Whether an enrolment succeeds, and what was said.
pub fn enrolment(folder: &Path, bootstrap: &Value) -> (bool, String) {
    let (file, identity) = (folder.join("bootstrap.json"), folder.join("identity"));
    std::fs::create_dir_all(folder).unwrap();
    std::fs::write(&file, bootstrap.to_string()).unwrap();
    let output = Command::new("sh").arg(root().join("examples/enrol.sh")).arg(file).arg(&identity).output().unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    (output.status.success(), said)
}

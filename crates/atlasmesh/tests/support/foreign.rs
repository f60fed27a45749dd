//! Programs that `cargo xtask test set-up` installs, because others wrote them.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

pub fn python(name: &str) -> PathBuf {
    let program = root().join("target/foreign/bin").join(name);
    assert!(program.exists(), "{} is missing: run `cargo xtask test set-up`", program.display());
    program
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

//! Programs that `cargo xtask test set-up` installs, because others wrote them.

use std::path::{Path, PathBuf};

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

pub fn python(name: &str) -> PathBuf {
    let program = root().join("target/foreign/bin").join(name);
    assert!(program.exists(), "{} is missing: run `cargo xtask test set-up`", program.display());
    program
}

//! Builds the page before cargo builds the program that carries it. The packages are installed anew only when the lock
//! file changed since they were, and the page is built anew only when something of it changed: cargo builds the program
//! again for every page that is new.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use crate::process::{self, Counts};
use crate::repo::Repo;

/// The oldest Node that the page's tools run on.
const NODE_MIN: (u32, u32) = (20, 19);
/// Fetching some 100 packages over a slow line.
const INSTALL_LIMIT: Duration = Duration::from_secs(10 * 60);
/// Building takes seconds; a machine with other work may take longer.
const BUILD_LIMIT: Duration = Duration::from_secs(5 * 60);

/// What was installed, kept beside what was installed: a copy of the lock file.
const INSTALLED: &str = "node_modules/.installed-lock.json";
const LOCK: &str = "package-lock.json";
/// What the page's types are made of.
const API: &str = "docs/openapi.json";
/// What was built, kept beside what was built: a digest of everything that the build reads.
const BUILT: &str = "target/page-built";

/// Installs what the page needs and builds it.
pub fn build(root: &Path) -> Result<()> {
    let ui = root.join("ui");
    node_is_there()?;
    install(&ui)?;
    let wanted = digest(&Repo::open(root)?)?;
    if ui.join("dist/index.html").exists() && fs::read_to_string(root.join(BUILT)).is_ok_and(|built| built == wanted) {
        return Ok(());
    }
    npm(&ui, &["run", "--silent", "build", "--", "--logLevel=warn"], BUILD_LIMIT).context("the page does not build")?;
    fs::create_dir_all(root.join("target"))?;
    fs::write(root.join(BUILT), wanted).context("note what was built")
}

/// Installs a folder's packages as its lock file has them, where that changed since the last time.
pub fn install(folder: &Path) -> Result<()> {
    if is_installed(folder) {
        return Ok(());
    }
    println!("installing the packages of {}", folder.display());
    npm(folder, &["ci", "--no-audit", "--no-fund", "--loglevel=error"], INSTALL_LIMIT)
        .with_context(|| format!("{}: packages cannot be installed: npm needs its registry once", folder.display()))?;
    fs::copy(folder.join(LOCK), folder.join(INSTALLED)).context("note what was installed")?;
    Ok(())
}

/// Of every file of the page but its tests, and of the document that its types are made of, with their names.
fn digest(repo: &Repo) -> Result<String> {
    let mut all = Sha256::new();
    let is_part = |path: &str| path == API || path.starts_with("ui/") && !path.starts_with("ui/tests/");
    let parts = repo.files.iter().filter(|file| is_part(&file.path));
    for file in parts {
        all.update(format!("{} {}\n", file.path, file.bytes.len()));
        all.update(&file.bytes);
    }
    let mut text = String::new();
    all.finalize().iter().try_for_each(|byte| write!(text, "{byte:02x}"))?;
    Ok(text)
}

/// The build as a lane of the tests, with the types checked.
pub fn check(root: &Path) -> Result<Counts> {
    build(root)?;
    npm(&root.join("ui"), &["run", "--silent", "check"], BUILD_LIMIT).context("the page's types are wrong")?;
    Ok(Counts { passed: 2, failed: 0 })
}

fn npm(ui: &Path, arguments: &[&str], limit: Duration) -> Result<()> {
    process::stream(Command::new("npm").current_dir(ui).args(arguments), limit)
}

fn node_is_there() -> Result<()> {
    let (major, minor) = NODE_MIN;
    let wanted = format!("Node {major}.{minor} or newer with npm builds the page");
    let told = process::output(Command::new("node").arg("--version"), process::ANSWER_LIMIT)
        .with_context(|| format!("{wanted}, and there is no `node`: install the packages nodejs and npm"))?;
    if version(&told).is_none_or(|version| version < NODE_MIN) {
        bail!("{wanted}, and this is {}: install a newer one", told.trim());
    }
    if !process::works(Command::new("npm").arg("--version")) {
        bail!("{wanted}, and there is no `npm`: install the package npm");
    }
    Ok(())
}

/// Major and minor of `v20.19.2`.
fn version(told: &str) -> Option<(u32, u32)> {
    let mut numbers = told.trim().strip_prefix('v')?.split('.').map(|number| number.parse().ok());
    Some((numbers.next()??, numbers.next()??))
}

fn is_installed(ui: &Path) -> bool {
    let same = |installed: Vec<u8>| fs::read(ui.join(LOCK)).is_ok_and(|wanted| wanted == installed);
    fs::read(ui.join(INSTALLED)).is_ok_and(same)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_new_when_something_of_it_changed() {
        let of = |files| digest(&Repo::of(files)).unwrap();
        let page = of(&[("ui/src/main.ts", "a"), ("ui/tests/a.mjs", "a"), ("crates/a/src/a.rs", "a")]);
        assert_eq!(page, of(&[("ui/src/main.ts", "a"), ("ui/tests/a.mjs", "b"), ("crates/a/src/a.rs", "b")]));
        assert_ne!(page, of(&[("ui/src/main.ts", "b")]));
        assert_ne!(page, of(&[("ui/src/mein.ts", "a")]));
    }

    #[test]
    fn versions_of_node_are_read() {
        let rows =
            [("v20.19.2\n", Some((20, 19))), ("v9.0.0", Some((9, 0))), ("20.1", None), ("v20", None), ("", None)];
        for (told, expected) in rows {
            assert_eq!(version(told), expected, "{told}");
        }
    }
}

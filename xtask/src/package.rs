//! What is handed to those who run a fleet: both programs with the page inside, stripped; a Debian package with a systemd unit;
//! an archive; and the folder that a container is built from.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail, ensure};

use crate::process::{self, Counts};
use crate::{demo, page};

#[derive(clap::Args)]
pub struct Args {
    /// Package what the development build makes, to try the packaging itself.
    #[arg(long)]
    dev: bool,
}

const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Where everything is put, below the root.
const FOLDER: &str = "target/package";
const PROGRAMS: [&str; 2] = ["atlasmesh", "atlasmesh-agent"];

pub fn run(root: &Path, args: &Args) -> Result<ExitCode> {
    for made in package(root, args.dev)? {
        println!("{}", made.display());
    }
    Ok(ExitCode::SUCCESS)
}

/// Packages the development build, installs the package into a folder, and starts what is in it.
pub fn check(root: &Path) -> Result<Counts> {
    let made = package(root, true)?;
    let installed = root.join(FOLDER).join("installed");
    done(Command::new("dpkg-deb").arg("--extract").arg(&made[0]).arg(&installed))?;
    for program in PROGRAMS {
        let path = installed.join("usr/bin").join(program);
        let said = process::output(Command::new(path).arg("--version"), process::ANSWER_LIMIT)?;
        ensure!(said.contains(VERSION), "{program} says that it is {said}");
    }
    let unit = fs::read_to_string(installed.join("lib/systemd/system/atlasmesh.service"))?;
    ensure!(unit.contains("exec /usr/bin/atlasmesh serve "), "the unit starts something else");
    let listed = process::output(Command::new("tar").arg("-tzf").arg(&made[1]), process::ANSWER_LIMIT)?;
    ensure!(PROGRAMS.iter().all(|program| listed.contains(program)), "the archive lacks a program: {listed}");
    Ok(Counts { passed: 1, failed: 0 })
}

fn package(root: &Path, dev: bool) -> Result<[PathBuf; 3]> {
    page::build(root)?;
    let built = demo::build(root, if dev { &[] } else { &["--release"] })?;
    let folder = root.join(FOLDER);
    if folder.exists() {
        fs::remove_dir_all(&folder).context("clear target/package")?;
    }
    let tree = folder.join("tree");
    for program in PROGRAMS {
        let to = tree.join("usr/bin").join(program);
        copy(&built.with_file_name(program), &to, 0o755)?;
        // The development build's own size is nobody's concern, and its lines are what a failing check shows.
        if !dev {
            done(Command::new("strip").arg(&to))?;
        }
    }
    copy(&root.join("packaging/atlasmesh.service"), &tree.join("lib/systemd/system/atlasmesh.service"), 0o644)?;
    copy(&root.join("packaging/default"), &tree.join("etc/default/atlasmesh"), 0o644)?;
    copy(&root.join("README.md"), &tree.join("usr/share/doc/atlasmesh/README.md"), 0o644)?;
    copy(&root.join("LICENSE"), &tree.join("usr/share/doc/atlasmesh/copyright"), 0o644)?;
    Ok([debian(&folder, &tree)?, archive(&folder, &tree)?, container(root, &folder, &tree)?])
}

fn debian(folder: &Path, tree: &Path) -> Result<PathBuf> {
    let architecture = process::output(Command::new("dpkg").arg("--print-architecture"), process::ANSWER_LIMIT)
        .context("a Debian package is made on Debian")?;
    let control = format!(
        "Package: atlasmesh\nVersion: {VERSION}\nArchitecture: {}\nMaintainer: AtlasMesh <fleet@atlasmesh.example>\n\
         Depends: libc6, ca-certificates\nSection: admin\nPriority: optional\n\
         Description: control plane of an autonomous-vehicle fleet\n Trips, updates, maintenance, security and evidence of a \
         fleet, with every decision\n and every change in one tamper-evident journal.\n",
        architecture.trim()
    );
    write(&tree.join("DEBIAN/control"), &control)?;
    write(&tree.join("DEBIAN/conffiles"), "/etc/default/atlasmesh\n")?;
    let package = folder.join(format!("atlasmesh_{VERSION}_{}.deb", architecture.trim()));
    done(Command::new("dpkg-deb").args(["--build", "--root-owner-group"]).arg(tree).arg(&package))?;
    Ok(package)
}

fn archive(folder: &Path, tree: &Path) -> Result<PathBuf> {
    let archive = folder.join(format!("atlasmesh-{VERSION}.tar.gz"));
    let mut tar = Command::new("tar");
    tar.args(["--owner=0", "--group=0", "--exclude=DEBIAN", "-czf"]).arg(&archive).arg("-C").arg(tree).arg(".");
    done(&mut tar)?;
    Ok(archive)
}

fn container(root: &Path, folder: &Path, tree: &Path) -> Result<PathBuf> {
    let container = folder.join("container");
    for program in PROGRAMS {
        copy(&tree.join("usr/bin").join(program), &container.join(program), 0o755)?;
    }
    copy(&root.join("packaging/Containerfile"), &container.join("Containerfile"), 0o644)?;
    Ok(container)
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::create_dir_all(path.parent().context("a file is in a folder")?)?;
    fs::write(path, text).with_context(|| format!("write {}", path.display()))
}

fn copy(from: &Path, to: &Path, mode: u32) -> Result<()> {
    fs::create_dir_all(to.parent().context("a file is in a folder")?)?;
    fs::copy(from, to).with_context(|| format!("copy {}", from.display()))?;
    fs::set_permissions(to, fs::Permissions::from_mode(mode))?;
    Ok(())
}

fn done(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("start {}", command.get_program().display()))?;
    if !output.status.success() {
        bail!("{command:?}: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}

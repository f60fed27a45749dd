//! What the tests need from the machine beyond cargo. As root on Debian it is installed; elsewhere one line says what
//! is missing.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, bail};

use crate::page;
use crate::process::{self, Counts};

/// A program that something needs, and the Debian packages that bring it.
struct Need {
    program: &'static str,
    /// The variable that names another program to be used instead.
    named_by: Option<&'static str>,
    probe: &'static [&'static str],
    packages: &'static [&'static str],
    why: &'static str,
}

const COMPILER: Need = Need {
    program: "cc",
    named_by: None,
    probe: &["--version"],
    packages: &["gcc", "libc6-dev"],
    why: "SQLite and the cryptography are compiled from C",
};

const NPM: Need = Need {
    program: "npm",
    named_by: None,
    probe: &["--version"],
    packages: &["nodejs", "npm"],
    why: "the page is built from TypeScript and put into the program",
};

/// What the demo needs.
const OF_DEMO: &[Need] = &[COMPILER, NPM];

/// What the tests need.
const NEEDS: &[Need] = &[
    COMPILER,
    NPM,
    Need {
        program: "python3",
        named_by: None,
        probe: &["-c", "import ensurepip, venv"],
        packages: &["python3", "python3-venv"],
        why: "vehicles and clients that others wrote are tested in Python",
    },
    Need {
        program: "curl",
        named_by: None,
        probe: &["--version"],
        packages: &["curl"],
        why: "the lines of the API's guide are tested as they stand",
    },
    Need {
        program: "openssl",
        named_by: None,
        probe: &["version"],
        packages: &["openssl"],
        why: "a vehicle is enrolled by openssl and curl alone",
    },
    Need {
        program: "gnutls-cli",
        named_by: None,
        probe: &["--version"],
        packages: &["gnutls-bin"],
        why: "the listeners are tested by another TLS library",
    },
    Need {
        program: "swupdate",
        named_by: None,
        probe: &["--version"],
        packages: &["swupdate"],
        why: "an update client that others wrote is updated by the server",
    },
    Need {
        program: "jq",
        named_by: None,
        probe: &["--version"],
        packages: &["jq"],
        why: "evidence is verified by commands of others alone",
    },
    Need {
        program: "zstd",
        named_by: None,
        probe: &["--version"],
        packages: &["zstd"],
        why: "evidence is unpacked by commands of others alone",
    },
    Need {
        program: "pdftotext",
        named_by: None,
        probe: &["-v"],
        packages: &["poppler-utils"],
        why: "the text of reports is read by a program of others",
    },
    Need {
        program: "qpdf",
        named_by: None,
        probe: &["--version"],
        packages: &["qpdf"],
        why: "the files of reports are checked by a program of others",
    },
    Need {
        program: "cpio",
        named_by: None,
        probe: &["--version"],
        packages: &["cpio"],
        why: "updates for SWUpdate are packed",
    },
    Need {
        program: "faketime",
        named_by: None,
        probe: &["--version"],
        packages: &["faketime"],
        why: "a server whose clock is stepped is tested",
    },
    Need {
        program: "chromium",
        named_by: Some("ATLASMESH_CHROMIUM"),
        probe: &["--version"],
        packages: &["chromium"],
        why: "the page is tested in a browser",
    },
];

/// Where the Python of the foreign clients is installed, below the root; the tests look there.
const FOREIGN: &str = "target/foreign";
/// What they need of the package index: the examples, and the clients that the tests alone use.
const REQUIREMENTS: [&str; 3] = [
    "examples/requirements.txt",
    "crates/atlasmesh/tests/requirements.txt",
    "crates/atlasmesh/tests/schemathesis/requirements.txt",
];

/// Where those clients are that others wrote in JavaScript.
const NODE: &str = "crates/atlasmesh/tests/node";

/// And these without what they ask for themselves.
const ALONE: &str = "crates/atlasmesh/tests/requirements-alone.txt";

/// Parts of the Rust toolchain that only some distributions bring.
const COMPONENTS: [(&str, &str); 2] = [("fmt", "rustfmt"), ("clippy", "clippy")];

/// Installing a few packages over a slow line.
const INSTALL_LIMIT: Duration = Duration::from_secs(10 * 60);

/// One sentence for every program that is missing for a demo.
pub fn missing() -> Vec<String> {
    missing_of(OF_DEMO)
}

fn missing_of(needs: &[Need]) -> Vec<String> {
    let missing = needs.iter().filter(|need| !present(need));
    missing
        .map(|need| format!("`{}` is missing ({}): install {}", need.program, need.why, need.packages.join(" ")))
        .collect()
}

/// Installs what is missing where that is possible; an error says what is still missing.
pub fn run(root: &Path) -> Result<Counts> {
    let packages: Vec<&str> =
        NEEDS.iter().filter(|need| !present(need)).flat_map(|need| need.packages).copied().collect();
    if !packages.is_empty() && can_install() {
        println!("installing {}", packages.join(" "));
        process::stream(Command::new("apt-get").args(["update", "-q"]), INSTALL_LIMIT)?;
        let mut install = Command::new("apt-get");
        install.env("DEBIAN_FRONTEND", "noninteractive").args(["install", "-y", "-q", "--no-install-recommends"]);
        process::stream(install.args(&packages), INSTALL_LIMIT)?;
    }
    let mut missing = missing_of(NEEDS);
    for (command, component) in COMPONENTS {
        if !process::works(process::cargo(root).args([command, "--version"])) {
            missing.push(format!("`cargo {command}` is missing: rustup component add {component}"));
        }
    }
    if !missing.is_empty() {
        bail!("{}", missing.join("; "));
    }
    foreign_clients(root)?;
    page::install(&root.join(NODE))?;
    println!("nothing is missing");
    Ok(Counts { passed: 1, failed: 0 })
}

/// Installs the packages of the foreign clients into a folder of their own, where they changed since the last time.
fn foreign_clients(root: &Path) -> Result<()> {
    let folder = root.join(FOREIGN);
    let files = REQUIREMENTS.iter().chain([&ALONE]);
    let wanted: Vec<String> =
        files.map(|file| std::fs::read_to_string(root.join(file))).collect::<std::io::Result<_>>()?;
    let (installed, wanted) = (folder.join("requirements.txt"), wanted.concat());
    if std::fs::read_to_string(&installed).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    process::stream(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder), INSTALL_LIMIT)?;
    let install = |what: &[&str]| {
        let mut pip = Command::new(folder.join("bin/python"));
        pip.current_dir(root).args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
        process::stream(pip.args(what), INSTALL_LIMIT)
    };
    install(&REQUIREMENTS.map(|file| ["-r", file]).concat())?;
    install(&["--no-deps", "-r", ALONE])?;
    // Written last: an installation that was cut off is made again.
    Ok(std::fs::write(installed, wanted)?)
}

fn present(need: &Need) -> bool {
    let named = need.named_by.and_then(std::env::var_os);
    process::works(Command::new(named.unwrap_or_else(|| need.program.into())).args(need.probe))
}

fn can_install() -> bool {
    let root = process::output(Command::new("id").arg("-u"), process::ANSWER_LIMIT).is_ok_and(|uid| uid.trim() == "0");
    root && process::works(Command::new("apt-get").arg("--version"))
}

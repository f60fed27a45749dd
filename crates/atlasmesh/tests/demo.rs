//! What the demo invites to try, each line as it is printed.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use support::foreign::root;
use support::process::Process;
use support::server::{PATIENCE, atlasmesh, demo};

/// How long a package index may take.
const INSTALL_LIMIT: Duration = Duration::from_secs(240);

/// A shell at the root of the repository.
fn shell(script: &str) -> Command {
    let mut command = Command::new("bash");
    command.args(["-c", script]).current_dir(root()).env_remove("ATLASMESH_URL").env_remove("ATLASMESH_TOKEN");
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A running demo and the lines that it printed.
struct Demo {
    process: Process,
    lines: Vec<String>,
    folder: PathBuf,
}

/// The lines start agents that outlive their shell.
impl Drop for Demo {
    fn drop(&mut self) {
        let _ = shell(&format!("kill $(cat {}/*.pid)", self.folder.display())).output();
    }
}

impl Demo {
    fn start(folder: &Path) -> Self {
        let process = demo(folder, 6, 40);
        let said = process.said();
        let lines = said.lines().skip_while(|line| !line.starts_with("Try this")).map(str::to_owned).collect();
        Self { process, lines, folder: folder.to_owned() }
    }

    /// The command of the line with this title, after the exports.
    fn line(&self, title: &str) -> String {
        let export = self.lines.iter().find(|line| line.trim_start().starts_with("export ")).unwrap().trim();
        let numbered = |line: &str| line.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ').to_owned();
        let wanted = format!("{title}:");
        let found = self.lines.iter().map(|line| numbered(line)).find(|line| line.starts_with(&wanted));
        format!("{export}\n{}", found.unwrap_or_else(|| panic!("{title}"))[wanted.len()..].trim())
    }

    fn run(&self, name: &str) -> Output {
        shell(&self.line(name)).output().unwrap()
    }

    #[track_caller]
    fn works(&self, name: &str) -> String {
        let output = self.run(name);
        assert!(output.status.success(), "{name} {}{}", text(&output.stdout), text(&output.stderr));
        text(&output.stdout)
    }
}

impl Demo {
    #[track_caller]
    fn finds_the_changed_byte(&self, folder: &Path, copies: usize) {
        let changed = self.run("change a byte");
        let said = text(&changed.stdout);
        assert_eq!(changed.status.code(), Some(1), "{said}{}", text(&changed.stderr));
        assert!(said.contains("coquimbo-city") && said.contains("CHANGED"), "{said}");
        let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
        assert_eq!(names.filter(|name| name.to_string_lossy().starts_with("copy.")).count(), copies);
    }

    /// Waits until the vehicle that was registered by a line may be dispatched.
    fn until_ready(&self, folder: &Path) {
        let bootstrap = std::fs::read(folder.join("bootstrap.json")).unwrap();
        let bootstrap: serde_json::Value = serde_json::from_slice(&bootstrap).unwrap();
        let export = self.line("ask for a trip").lines().next().unwrap().to_owned();
        let show = format!("{export}\natlasmesh vehicles show {} --json", bootstrap["vehicle"].as_str().unwrap());
        let began = Instant::now();
        loop {
            let shown = shell(&show).output().unwrap();
            let vehicle: serde_json::Value = serde_json::from_slice(&shown.stdout).unwrap_or_default();
            if vehicle["ready"] == true && vehicle["seen"]["position"].is_object() {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "{}{}", text(&shown.stdout), text(&shown.stderr));
        }
    }
}

#[test]
fn every_line_that_the_demo_prints_works_as_it_is_printed() {
    let folder = tempfile::tempdir().unwrap();
    let demo = Demo::start(folder.path());
    // In the first second as later, and each time in a copy of its own.
    demo.finds_the_changed_byte(folder.path(), 1);
    assert!(demo.works("ask for a trip").contains("\"status\":\"CREATED\""));
    assert!(demo.works("close its end").contains("closed: "));
    let refused = demo.run("and ask again");
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("base.trip."), "no rule is named: {}", text(&refused.stderr));
    demo.works("open it again");
    demo.works("and ask again");
    let onboarded = demo.works("onboard one");
    assert!(onboarded.contains("shuttle-03") && onboarded.contains("ONLINE"), "{onboarded}");
    demo.process.line_with("→ COMPLETED");
    let why = demo.works("find out why");
    assert!(why.contains("COMPLETED") && why.contains("because"), "{why}");
    demo.finds_the_changed_byte(folder.path(), 2);
    demo.works("kill the server");
    demo.process.line_with("the server is back");
    demo.process.line_with("→ COMPLETED");
    let python = Process::start("vehicle.py", &mut shell(&demo.line("join by Python")));
    // Its packages are installed first.
    assert!(python.try_line_with("online", INSTALL_LIMIT).is_some(), "{}", python.said());
    demo.until_ready(folder.path());
    // The nearest vehicle takes a trip that begins beside it.
    let start = demo.line("join by Python").split(' ').rev().nth(1).unwrap().to_owned();
    let again = demo.line("and ask again");
    let (before, after) = again.split_once("--from=").unwrap();
    let (elsewhere, _) = after.split_once(' ').unwrap();
    let asked = format!("{before}--from={start} --to={elsewhere} --passengers 1");
    let asked = shell(&asked).output().unwrap();
    assert!(asked.status.success(), "{}", text(&asked.stderr));
    python.line_with("over");
    let export = demo.line("ask for a trip");
    assert!(export.contains("ATLASMESH_TOKEN=amt_coquimbo-city_"));
}

/// OTA-9
#[test]
fn the_demo_updates_its_fleet_and_catches_the_bad_release() {
    let folder = tempfile::tempdir().unwrap();
    let demo = Demo::start(folder.path());
    let good = demo.works("update them");
    assert!(good.contains("COMPLETED"), "{good}");
    let bad = demo.works("a bad one");
    assert!(bad.contains("PAUSED") && bad.contains("which fits a bad release"), "{bad}");
    let back = demo.works("take it back");
    assert!(back.contains("av-os-3.0 taken back"), "{back}");
}

/// PDM-6, PDM-8
#[test]
fn the_demo_grounds_a_worn_taxi_and_repairs_it() {
    let folder = tempfile::tempdir().unwrap();
    let demo = Demo::start(folder.path());
    let learned = demo.works("learn of wear");
    assert!(learned.contains("brake_pads"), "{learned}");
    let worn = demo.works("a worn brake");
    assert!(worn.contains("GROUND") && worn.contains("brake-front-left"), "{worn}");
    let repaired = demo.works("repair it");
    assert!(repaired.contains("CLOSED"), "{repaired}");
}

/// SEC-4, SEC-6, SEC-7, SEC-8
#[test]
fn the_demo_finds_a_stolen_key_and_brings_the_vehicle_back() {
    let folder = tempfile::tempdir().unwrap();
    let demo = Demo::start(folder.path());
    let found = demo.works("a stolen key");
    assert!(found.contains("critical") && found.contains("CONTAINED"), "{found}");
    let looked = demo.works("look into it");
    assert!(looked.contains("incident.artefact_kept"), "{looked}");
    let back = demo.works("bring it back");
    assert!(back.contains("CLOSED") && back.contains("a07_dead_certificate"), "{back}");
}

/// EVD-4, EVD-5, EVD-6
#[test]
fn the_demo_makes_evidence_that_a_stranger_checks_and_an_authority_rejects_its_report() {
    let folder = tempfile::tempdir().unwrap();
    let demo = Demo::start(folder.path());
    demo.process.line_with("→ COMPLETED");
    let made = demo.works("the evidence");
    assert!(made.contains("COMPLETE") && made.contains("un-r155"), "{made}");
    let checked = demo.works("check it");
    assert!(
        checked.contains("the bundle is as it was signed") && checked.contains("entries are in the log"),
        "{checked}"
    );
    let reported = demo.works("report it");
    assert!(reported.contains("signature valid: yes") && reported.contains("say what was tested"), "{reported}");
}

/// SECTOR-2, SECTOR-4, SECTOR-7
///
/// The other flows are tried by the tests above in their order; here the whole day is, backwards.
#[test]
fn a_day_of_the_demo_can_be_tried_backwards() {
    let folder = tempfile::tempdir().unwrap();
    let demo = Demo::start(folder.path());
    demo.process.line_with("→ COMPLETED");
    demo.works("kill the server");
    demo.process.line_with("the server is back");
    demo.finds_the_changed_byte(folder.path(), 1);
    let sector = demo.works("take on a sector");
    assert!(sector.contains("ride"), "{sector}");
    demo.works("and go back");
    let rule = demo.works("a rule of yours");
    assert!(rule.contains("tenant.trips.two"), "{rule}");
    for title in ["the evidence", "check it", "a stolen key", "learn of wear", "a worn brake"] {
        demo.works(title);
    }
    let bad = demo.works("a bad one");
    assert!(bad.contains("PAUSED"), "{bad}");
    demo.works("take it back");
    assert!(demo.works("find out why").contains("COMPLETED"));
    demo.works("close its end");
    demo.works("open it again");
    demo.works("ask for a trip");
    demo.works("onboard one");
}

#[test]
fn a_demo_goes_on_where_it_stood() {
    let folder = tempfile::tempdir().unwrap();
    let mut demo = Demo::start(folder.path());
    demo.process.line_with("→ COMPLETED");
    demo.process.signal("TERM");
    assert!(demo.process.ended().success());
    let trips = |demo: &Demo| {
        let export = demo.line("ask for a trip").lines().next().unwrap().to_owned();
        let output = shell(&format!("{export}\natlasmesh trips list --status COMPLETED --limit 100")).output().unwrap();
        text(&output.stdout)
    };
    let demo = Demo::start(folder.path());
    assert!(trips(&demo).contains("COMPLETED"), "the trips of the first run are gone");
    demo.process.line_with("→ COMPLETED");
}

/// The invented worlds, each headless to three trips and a verified journal, all at the same time.
#[test]
fn a_mine_a_port_and_a_range_are_played_as_the_city_is() {
    let worlds = ["mining", "logistics", "defense"].map(|sector| {
        let mut command = atlasmesh();
        let arguments = ["demo", "--headless", "--until-trips", "3", "--vehicles", "4", "--speedup", "60", "--sector"];
        (sector, Process::start(sector, command.args(arguments).arg(sector)))
    });
    for (sector, mut process) in worlds {
        process.line_with("trips done and verified");
        assert!(process.ended().success(), "{sector}: {}", process.said());
        assert!(process.said().contains("→ COMPLETED"), "{sector}");
    }
}

/// Each numbered line of the invented worlds, but the first, which is an address.
#[test]
fn every_line_of_a_mine_a_port_and_a_range_works_as_it_is_printed() {
    let worlds = ["mining", "logistics", "defense"].map(|sector| {
        let folder = tempfile::tempdir().unwrap();
        let mut command = atlasmesh();
        let arguments = ["demo", "--vehicles", "4", "--speedup", "60", "--sector", sector, "--data"];
        (sector, Process::start(sector, command.args(arguments).arg(folder.path())), folder)
    });
    for (sector, process, folder) in worlds {
        process.line_with("Ctrl-C ends the demo");
        let said = process.said();
        let lines = said.lines().skip_while(|line| !line.starts_with("Try this")).map(str::to_owned).collect();
        let demo = Demo { process, lines, folder: folder.path().to_owned() };
        demo.process.line_with("→ COMPLETED");
        let numbered = demo.lines.iter().filter(|line| line.starts_with(|first: char| first.is_ascii_digit()));
        let titles: Vec<&str> = numbered.filter_map(|line| Some(line.split_once(": ")?.0)).collect();
        assert!(titles.len() >= 6, "{sector}: {titles:?}");
        for title in &titles[1..] {
            let title = title.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ');
            if title == "be refused" {
                let refused = demo.run(title);
                assert_eq!(refused.status.code(), Some(1), "{sector}");
                assert!(text(&refused.stderr).contains(&format!("{sector}.trip.")), "{}", text(&refused.stderr));
            } else {
                demo.works(title);
            }
        }
    }
}

//! The pictures in the documentation, made anew from the page before a live fleet: the journeys take them as they walk.

use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::{page, process, test};

/// Building, and a journey per flow.
const LIMIT: Duration = Duration::from_secs(40 * 60);
/// Where the pictures stand, below the root.
pub const FOLDER: &str = "docs/pictures";

/// A picture of the documentation: the screenshot that it is, and the journey that takes it, by the beginning of its name.
struct Picture {
    name: &'static str,
    screenshot: &'static str,
    journey: &'static str,
}

const PICTURES: &[Picture] = &[
    Picture { name: "trips", screenshot: "story", journey: "read a trip’s whole story" },
    Picture { name: "onboarding", screenshot: "onboard-token", journey: "a technician onboards a vehicle" },
    Picture { name: "updates", screenshot: "rollout-paused", journey: "a bad release is paused by the gate" },
    Picture { name: "maintenance", screenshot: "fleet-health", journey: "a worn brake is grounded" },
    Picture { name: "incidents", screenshot: "room-proof", journey: "a drill goes the way of an attack" },
    Picture { name: "evidence", screenshot: "report-rejected", journey: "a report is signed and submitted" },
    Picture { name: "sectors", screenshot: "sector-activated", journey: "a sector is put in force" },
    Picture { name: "policies", screenshot: "policies-in-force", journey: "a rule comes into force by two people" },
];

/// Journeys that others build upon.
const BEFORE: [&str; 2] = ["a technician says what the workshop has", "who is on call is said by keyboard"];

pub fn run(root: &Path) -> Result<ExitCode> {
    page::build(root)?;
    let taken = root.join("target/pictures");
    if taken.exists() {
        fs::remove_dir_all(&taken).with_context(|| format!("empty {}", taken.display()))?;
    }
    let journeys: Vec<&str> = BEFORE.into_iter().chain(PICTURES.iter().map(|picture| picture.journey)).collect();
    let mut walk = test::apart(root, "journeys");
    walk.env("ATLASMESH_JOURNEYS", journeys.join("|")).env("ATLASMESH_SHOTS", &taken);
    process::stream(&mut walk, LIMIT)?;
    for Picture { name, screenshot, journey } in PICTURES {
        let (from, to) = (taken.join(format!("{screenshot}.png")), root.join(format!("{FOLDER}/{name}.png")));
        if !from.exists() {
            bail!("the journey `{journey}` took no picture named {screenshot}");
        }
        fs::copy(&from, &to).with_context(|| format!("write {}", to.display()))?;
        println!("{}", to.display());
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repo::{Repo, root};

    #[test]
    fn every_picture_has_its_journey_and_its_screenshot() {
        let repo = Repo::open(&root().unwrap()).unwrap();
        let journeys: Vec<&str> = repo
            .files
            .iter()
            .filter(|file| file.path.starts_with("ui/tests/"))
            .filter_map(|file| file.text())
            .collect();
        let stands = |text: &str| journeys.iter().any(|journey| journey.contains(text));
        let names = PICTURES.iter().map(|picture| picture.journey).chain(BEFORE);
        names.for_each(|name| assert!(stands(&format!("journey('{name}")), "{name}"));
        for Picture { name, screenshot, .. } in PICTURES {
            assert!(stands(&format!("'{screenshot}'")), "{screenshot}");
            assert!(repo.files.iter().any(|file| file.path == format!("{FOLDER}/{name}.png")), "{name}");
        }
    }
}

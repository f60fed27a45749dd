//! The guides of the roles: every line as it is printed, in one demo, under a principal of the very role that the guide is for.
//!
//! A block of `sh` is the reader's; one of `sh colleague` is another person's and says so in each of its commands. A block of
//! `text` behind either shows lines that must have been printed, with `…` for what differs each time.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

#[path = "support/guide.rs"]
mod guide;
mod support;

use std::fs;

use guide::{Block, Reader, blocks};
use serde_json::Value;
use support::foreign::root;
use support::server::{atlasmesh, demo};

const FOLDER: &str = "docs/guides/roles";
/// What keeps a colleague's session apart from the reader's.
const APART: &str = "XDG_CONFIG_HOME=$PWD/";
/// Enough that one of them meets an obstacle and asks for a person.
const VEHICLES: usize = 12;
const SPEEDUP: u32 = 40;

/// A line without what only aligns it.
fn words(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether a printed line is the one that is shown.
fn is_shown(shown: &str, printed: &str) -> bool {
    let (shown, printed) = (words(shown), words(printed));
    let parts: Vec<&str> = shown.split('…').collect();
    let Some(mut rest) = printed.strip_prefix(parts[0]) else { return false };
    let Some((last, between)) = parts[1..].split_last() else { return rest.is_empty() };
    for part in between {
        let Some((_, after)) = rest.split_once(part) else { return false };
        rest = after;
    }
    rest.ends_with(last)
}

/// The role in the product's words; a program of an integrator asks for trips.
fn role(guide: &str) -> String {
    if guide == "integrator" { "dispatcher".to_owned() } else { guide.replace('-', "_") }
}

/// Whether the commands of a block are those of whom it names.
#[track_caller]
fn keeps_to_its_reader(guide: &str, first: bool, block: &Block) {
    for line in block.text.lines().filter(|line| line.contains("atlasmesh ")) {
        let apart = line.contains(APART);
        assert_eq!(apart, block.kind == "sh colleague", "{guide}: whose is this? {line}");
        assert!(apart || first || !line.contains("atlasmesh login"), "{guide}: signs in twice: {line}");
    }
}

/// Does all that a guide says, and looks for all that it shows.
fn lives_by(guide: &str, url: &str) {
    let text = fs::read_to_string(root().join(FOLDER).join(guide).with_extension("md")).unwrap();
    let mut reader = Reader::new();
    reader.types(&format!("export ATLASMESH_URL={url}"));
    let all = blocks(&text);
    let mut own = 0;
    for (block, after) in all.iter().zip(all.iter().skip(1).map(Some).chain([None])) {
        match block.kind.as_str() {
            "sh" | "sh colleague" => {
                keeps_to_its_reader(guide, own == 0, block);
                own += usize::from(block.kind == "sh");
                let said = reader.types(&format!("set -a\n{}", block.text));
                let shown =
                    after.filter(|after| after.kind == "text").unwrap_or_else(|| panic!("{guide}: {}", block.text));
                for line in shown.text.lines() {
                    assert!(said.lines().any(|printed| is_shown(line, printed)), "{guide}: `{line}` is not in\n{said}");
                }
            }
            "text" => assert!(!block.text.trim().is_empty(), "{guide}: nothing is shown"),
            kind => panic!("{guide}: what is a block of `{kind}`?"),
        }
    }
    let who = reader.types("atlasmesh whoami");
    assert!(who.trim_end().ends_with(&format!("as {}", role(guide))), "{guide}: {who}");
    assert!(all.iter().any(|block| block.text.contains("refused (FORBIDDEN)") || block.text.contains("\"FORBIDDEN\"")));
}

/// The names of the guides.
fn guides() -> Vec<String> {
    let files = fs::read_dir(root().join(FOLDER)).unwrap().map(|entry| entry.unwrap().path());
    let mut guides: Vec<String> = files.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    guides.retain(|guide| guide != "README");
    guides.sort();
    assert_eq!(guides.len(), 8, "{guides:?}");
    guides
}

#[test]
fn every_role_lives_its_day_by_its_guide() {
    let folder = tempfile::tempdir().unwrap();
    let _demo = demo(folder.path(), VEHICLES, SPEEDUP);
    let kept: Value = serde_json::from_slice(&fs::read(folder.path().join("demo.json")).unwrap()).unwrap();
    let url = format!("http://{}", kept["http"].as_str().unwrap());
    for guide in guides() {
        lives_by(&guide, &url);
    }
}

/// The commands that a page names in its sentences and tables.
fn named(page: &str) -> Vec<String> {
    let prose: Vec<&str> = page.split("\n```").step_by(2).collect();
    let quoted = prose.iter().flat_map(|part| part.split('`').skip(1).step_by(2));
    quoted.filter(|text| text.starts_with("atlasmesh ")).map(str::to_owned).collect()
}

/// What is wrong with a command as it is named, by what its own help says.
fn misses(command: &str) -> Option<String> {
    let is_name = |word: &&str| word.chars().all(|c| c.is_ascii_lowercase() || c == '-') && !word.starts_with("--");
    let words: Vec<&str> = command.split_whitespace().skip(1).collect();
    let path: Vec<&str> = words.iter().copied().take_while(is_name).collect();
    let output = atlasmesh().args(&path).arg("--help").output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    let options =
        |text: &str| text.split_whitespace().filter(|w| w.starts_with("--")).map(str::to_owned).collect::<Vec<_>>();
    let unknown = options(command).into_iter().find(|option| !help.contains(option.as_str()));
    // Named without anything behind it, a command is only spoken of.
    let usage = help.lines().find(|line| line.starts_with("Usage: ")).filter(|_| words.len() > path.len());
    let needed = usage.and_then(|usage| options(usage).into_iter().find(|option| !command.contains(option.as_str())));
    (!output.status.success()).then(|| "there is no such command".to_owned()).or(unknown).or(needed)
}

#[test]
fn every_command_that_is_named_is_one_with_all_that_it_needs() {
    let mut pages: Vec<String> = guides().iter().map(|guide| format!("{FOLDER}/{guide}.md")).collect();
    pages.push("docs/guides/limits.md".to_owned());
    let mut held = 0;
    for page in pages {
        for command in named(&fs::read_to_string(root().join(&page)).unwrap()) {
            assert_eq!(misses(&command), None, "{page}: {command}");
            held += 1;
        }
    }
    assert!(held > 25, "{held} commands are named");
    assert_eq!(misses("atlasmesh maintenance reopen ORDER").as_deref(), Some("--reason"));
    assert_eq!(misses("atlasmesh vehicles stop VEHICLE --reason … --softly").as_deref(), Some("--softly"));
    assert!(misses("atlasmesh vehicles polish").is_some());
}

#[test]
fn a_line_is_shown_where_it_was_printed_and_only_there() {
    let rows = [
        ("STATUS CLOSED", "STATUS     CLOSED", true),
        ("STATUS CLOSED", "STATUS     CLOSED by", false),
        ("trip trip_… is …", "trip trip_01m is COMPLETED", true),
        ("trip trip_… is CREATED", "trip trip_01m is COMPLETED", false),
        ("… trip.completed done: … m in … s", "2026Z  trip.completed   done: 4947 m in 10 s", true),
        ("done: …", "not done: 1", false),
        ("…a…", "bab", true),
        ("a…a", "a", false),
    ];
    for (shown, printed, expected) in rows {
        assert_eq!(is_shown(shown, printed), expected, "{shown}: {printed}");
    }
}

//! Golden fixtures are events as they were once written; whoever has such an event in a journal must be able to read it
//! for ever. So a fixture that was listed once is never changed, deleted or taken off the list.

use anyhow::Result;
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use super::Finding;
use crate::process;
use crate::repo::{File, Repo};

/// The list: SHA-256, two spaces, path; the form that `sha256sum --check` reads.
pub const LIST: &str = "xtask/golden.sha256";

pub fn check(repo: &Repo) -> Result<Vec<Finding>> {
    let mut findings = check_files(repo);
    // Outside of a clone there is no history to compare with.
    if repo.root.join(".git").exists() {
        let mut log = std::process::Command::new("git");
        log.current_dir(&repo.root).args(["log", "-p", "--no-ext-diff", "--no-color", "--format=", "--", LIST]);
        findings.extend(check_history(repo, &process::output(&mut log, process::ANSWER_LIMIT)?));
    }
    Ok(findings)
}

/// The list with every fixture that is not on it yet.
pub fn with_new(repo: &Repo) -> String {
    let mut list = repo.text(LIST).unwrap_or_default().to_owned();
    let listed: Vec<String> = entries(&list).map(|(_, _, path)| path.to_owned()).collect();
    for file in fixtures(repo).filter(|file| !listed.contains(&file.path)) {
        list.push_str(&format!("{}  {}\n", hash(file), file.path));
    }
    list
}

fn check_files(repo: &Repo) -> Vec<Finding> {
    let list = repo.text(LIST).unwrap_or_default();
    let mut findings = Vec::new();
    for (line, expected, path) in entries(list) {
        match repo.files.iter().find(|file| file.path == path) {
            None => findings.push(Finding::new(
                LIST,
                line,
                format!("{path} is gone: bring it back, its events are still read"),
            )),
            Some(file) if hash(file) != expected => {
                findings.push(Finding::new(
                    path,
                    1,
                    "was changed: restore it and put the new shape into a fixture of its own",
                ));
            }
            Some(_) => {}
        }
    }
    for file in fixtures(repo).filter(|file| !entries(list).any(|(_, _, path)| path == file.path)) {
        findings.push(Finding::new(&file.path, 1, format!("is not in {LIST}: run `cargo xtask codegen`")));
    }
    findings
}

/// Entries that a commit took off the list and that are not on it again.
fn check_history(repo: &Repo, log: &str) -> Vec<Finding> {
    let list = repo.text(LIST).unwrap_or_default();
    let removed = log.lines().filter_map(|line| line.strip_prefix('-')).filter(|line| parse(line).is_some());
    let gone = removed.filter(|removed| !list.lines().any(|line| line == *removed));
    gone.map(|line| Finding::new(LIST, 1, format!("the entry `{line}` was taken off the list: put it back"))).collect()
}

fn fixtures(repo: &Repo) -> impl Iterator<Item = &File> {
    repo.files.iter().filter(|file| file.path.starts_with("crates/") && file.path.contains("/tests/golden/"))
}

fn entries(list: &str) -> impl Iterator<Item = (usize, &str, &str)> {
    list.lines().enumerate().filter_map(|(index, line)| parse(line).map(|(hash, path)| (index + 1, hash, path)))
}

fn parse(line: &str) -> Option<(&str, &str)> {
    line.split_once("  ").filter(|(hash, _)| hash.len() == 64)
}

fn hash(file: &File) -> String {
    HEXLOWER.encode(&Sha256::digest(&file.bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repo::Texts;

    const FIXTURE: &str = "crates/trips/tests/golden/created-1.json";
    /// SHA-256 of `abc` (FIPS 180-4, the example of one block).
    const LISTED: &str =
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  crates/trips/tests/golden/created-1.json\n";

    #[test]
    fn a_fixture_that_changed_vanished_or_is_new_is_found() {
        let rows: [(Texts, &[&str]); 4] = [
            (&[(FIXTURE, "abc"), (LIST, LISTED)], &[]),
            (&[(FIXTURE, "abd"), (LIST, LISTED)], &["was changed"]),
            (&[(LIST, LISTED)], &["is gone"]),
            (&[(FIXTURE, "abc")], &["is not in"]),
        ];
        for (files, expected) in rows {
            let findings = check_files(&Repo::of(files));
            assert_eq!(findings.len(), expected.len(), "{findings:?}");
            assert!(findings.iter().zip(expected).all(|(finding, part)| finding.what.contains(part)), "{findings:?}");
        }
    }

    #[test]
    fn the_list_only_grows() {
        assert_eq!(with_new(&Repo::of(&[(FIXTURE, "abc")])), LISTED);
        assert_eq!(with_new(&Repo::of(&[(FIXTURE, "abd"), (LIST, LISTED)])), LISTED);
    }

    #[test]
    fn an_entry_that_a_commit_took_off_is_found() {
        let log = format!("--- a/{LIST}\n+++ b/{LIST}\n-{LISTED}");
        assert_eq!(check_history(&Repo::of(&[(LIST, LISTED)]), &log), vec![]);
        assert!(check_history(&Repo::of(&[]), &log)[0].what.contains("was taken off"));
    }
}

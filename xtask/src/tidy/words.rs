//! Words that say something is unfinished, waits for luck, or was written for one machine only. They are put together
//! from pieces here, so that this file does not find itself.

use super::Finding;
use crate::repo::{File, Repo};

/// A word and where it may not stand.
struct Word {
    word: &'static str,
    whole: Whole,
    place: fn(&File) -> bool,
    why: &'static str,
}

#[derive(PartialEq, Eq)]
enum Whole {
    Yes,
    No,
}

const HERE_ONLY: &str = "names a machine or a host that others do not have: say it without";
const UNFINISHED: &str = "says that something is unfinished: finish it or take it out";
const NOT_RUN: &str = "is a test that cannot fail: let it run and hold something";
const SLEEPS: &str = "is a test that sleeps: wait for what it needs, with a limit";

const WORDS: &[Word] = &[
    Word { word: concat!("/wo", "rk/"), whole: Whole::No, place: written, why: HERE_ONLY },
    Word { word: concat!("/fa", "rm/"), whole: Whole::No, place: written, why: HERE_ONLY },
    Word { word: concat!("/ho", "me/"), whole: Whole::No, place: written, why: HERE_ONLY },
    Word { word: concat!("/Us", "ers/"), whole: Whole::No, place: written, why: HERE_ONLY },
    Word { word: concat!("../sha", "red/"), whole: Whole::No, place: written, why: HERE_ONLY },
    Word { word: concat!("cra", "tes.io"), whole: Whole::No, place: written, why: HERE_ONLY },
    Word { word: concat!("registry.n", "pmjs"), whole: Whole::No, place: written, why: HERE_ONLY },
    Word { word: concat!("pythonho", "sted"), whole: Whole::No, place: written, why: HERE_ONLY },
    Word { word: concat!("deb.de", "bian"), whole: Whole::No, place: written, why: HERE_ONLY },
    Word { word: concat!("TO", "DO"), whole: Whole::Yes, place: written, why: UNFINISHED },
    Word { word: concat!("FIX", "ME"), whole: Whole::Yes, place: written, why: UNFINISHED },
    Word { word: concat!("XX", "X"), whole: Whole::Yes, place: code, why: UNFINISHED },
    Word { word: concat!("HA", "CK"), whole: Whole::Yes, place: code, why: UNFINISHED },
    Word { word: concat!("to", "do!("), whole: Whole::No, place: code, why: UNFINISHED },
    Word { word: concat!("unimple", "mented!("), whole: Whole::No, place: code, why: UNFINISHED },
    Word { word: concat!("not imple", "mented"), whole: Whole::No, place: code, why: UNFINISHED },
    Word { word: concat!("not yet imple", "mented"), whole: Whole::No, place: code, why: UNFINISHED },
    Word { word: concat!("#[ig", "nore"), whole: Whole::No, place: code, why: NOT_RUN },
    Word {
        word: concat!("#[should_", "panic"),
        whole: Whole::No,
        place: code,
        why: "asserts a panic: return the error and check it",
    },
    Word { word: concat!("assert!(", "true)"), whole: Whole::No, place: code, why: NOT_RUN },
    Word { word: concat!("test", ".skip"), whole: Whole::No, place: script, why: NOT_RUN },
    Word { word: concat!("test", ".only"), whole: Whole::No, place: script, why: NOT_RUN },
    Word { word: concat!("it", ".skip"), whole: Whole::Yes, place: script, why: NOT_RUN },
    Word { word: concat!("thread::", "sleep"), whole: Whole::Yes, place: File::is_test, why: SLEEPS },
    Word { word: concat!("time::", "sleep"), whole: Whole::Yes, place: File::is_test, why: SLEEPS },
    Word { word: concat!("waitFor", "Timeout"), whole: Whole::Yes, place: script, why: SLEEPS },
];

/// Everything that people write; lock files name hosts by their nature.
fn written(file: &File) -> bool {
    !file.path.ends_with("Cargo.lock") && !file.path.ends_with("package-lock.json")
}

fn code(file: &File) -> bool {
    file.is_rust() || script(file) || [".proto", ".cedar"].iter().any(|end| file.path.ends_with(end))
}

fn script(file: &File) -> bool {
    [".ts", ".js", ".svelte"].iter().any(|end| file.path.ends_with(end))
}

pub fn check(repo: &Repo) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in &repo.files {
        let Some(text) = file.text() else { continue };
        for word in WORDS.iter().filter(|word| (word.place)(file)) {
            for (index, line) in text.lines().enumerate().filter(|(_, line)| contains(line, word)) {
                debug_assert!(line.contains(word.word));
                findings.push(Finding::new(&file.path, index + 1, format!("`{}` {}", word.word, word.why)));
            }
        }
    }
    findings
}

fn contains(line: &str, word: &Word) -> bool {
    let is_word = |c: char| c == '_' || c.is_alphanumeric();
    line.match_indices(word.word).any(|(at, found)| {
        let before = line[..at].chars().next_back().is_some_and(is_word);
        let after = line[at + found.len()..].chars().next().is_some_and(is_word);
        word.whole == Whole::No || !(before || after)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_found_where_it_may_not_stand() {
        for word in WORDS {
            for path in ["crates/a/tests/a.rs", "ui/tests/a.ts"] {
                let text = format!("x\n {} \n", word.word);
                let repo = Repo::of(&[(path, text.as_str())]);
                let expected = (word.place)(&repo.files[0]);
                let found = check(&repo).iter().any(|f| f.line == 2 && f.what.starts_with(&format!("`{}`", word.word)));
                assert_eq!(found, expected, "{} in {path}", word.word);
            }
        }
    }

    #[test]
    fn longer_words_and_lock_files_are_left_alone() {
        let rows = [
            ("crates/a/src/a.rs", concat!("MASTO", "DON TO", "DOS")),
            ("Cargo.lock", concat!("cra", "tes.io")),
            ("crates/a/src/a.rs", concat!("thread::", "sleep")),
        ];
        for (path, text) in rows {
            assert_eq!(check(&Repo::of(&[(path, text)])), vec![], "{path}: {text}");
        }
    }
}

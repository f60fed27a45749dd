//! A reader opens one file at a time: it begins with why it exists and is short enough to read whole.

use super::Finding;
use crate::repo::Repo;

/// More than this is two rooms behind one door.
const LINES_MAX: usize = 600;
/// What is larger slows every clone and belongs outside of the repository.
const FILE_BYTES_MAX: usize = 2 * 1024 * 1024;

pub fn check(repo: &Repo) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in &repo.files {
        if file.bytes.len() > FILE_BYTES_MAX {
            let what =
                format!("{} bytes are more than {FILE_BYTES_MAX}: keep it smaller or elsewhere", file.bytes.len());
            findings.push(Finding::new(&file.path, 1, what));
        }
        let (true, Some(text)) = (file.is_rust(), file.text()) else { continue };
        let lines = text.lines().count();
        if lines > LINES_MAX {
            let what = format!("{lines} lines are more than {LINES_MAX}: find the second room inside");
            findings.push(Finding::new(&file.path, lines, what));
        }
        if !text.starts_with("//!") {
            findings.push(Finding::new(&file.path, 1, "does not begin with `//!`: say first why this file exists"));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_and_unexplained_files_are_found() {
        let long = format!("//! Why.\n{}", "\n".repeat(LINES_MAX));
        let large = "x".repeat(FILE_BYTES_MAX + 1);
        let rows = [
            ("crates/a/src/a.rs", "//! Why.\n", 0),
            ("crates/a/src/a.rs", "use std::fmt;\n", 1),
            ("crates/a/src/a.rs", long.as_str(), 1),
            ("docs/a.md", "no comment needed", 0),
            ("data/map.bin", large.as_str(), 1),
        ];
        for (path, text, expected) in rows {
            assert_eq!(check(&Repo::of(&[(path, text)])).len(), expected, "{path}");
        }
    }
}

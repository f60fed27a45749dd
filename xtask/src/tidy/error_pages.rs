//! A code that a client meets has a page that says what to do next; the page lives as long as the code.

use serde_json::Value;

use super::Finding;
use crate::repo::Repo;

/// Where the codes are declared.
const CODES: &str = "crates/kernel/src/codes.rs";
/// Where their pages are, one by the name of each.
const PAGES: &str = "docs/errors/";
/// What every page tells.
const SECTIONS: [&str; 4] = ["## What it means", "## Typical causes", "## What to do next", "## Example"];

/// A code as the enum declares it.
#[derive(Debug, PartialEq, Eq)]
pub struct Code {
    pub name: String,
    /// What the code says of it, one sentence.
    pub what: String,
    line: usize,
}

/// Every code, in the order of the enum: a variant with its documentation above it.
pub fn codes(repo: &Repo) -> Vec<Code> {
    let Some(text) = repo.text(CODES) else { return Vec::new() };
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let first = lines.iter().position(|line| *line == "pub enum Code {").map_or(lines.len(), |at| at + 1);
    let variants = lines.iter().enumerate().skip(first).take_while(|(_, line)| **line != "}");
    let codes = variants.filter_map(|(at, line)| {
        let variant = line.strip_suffix(',').filter(|name| name.chars().all(char::is_alphanumeric))?;
        let what = lines[at - 1].trim_start_matches("///").trim().to_owned();
        Some(Code { name: screaming_snake(variant), what, line: at + 1 })
    });
    codes.collect()
}

/// `NotFound` as `NOT_FOUND`.
fn screaming_snake(name: &str) -> String {
    let words = name.char_indices().flat_map(|(at, letter)| {
        let gap = (at > 0 && letter.is_uppercase()).then_some('_');
        gap.into_iter().chain(letter.to_uppercase())
    });
    words.collect()
}

pub fn check(repo: &Repo) -> Vec<Finding> {
    let codes = codes(repo);
    let mut findings = Vec::new();
    for code in &codes {
        let path = format!("{PAGES}{}.md", code.name);
        match repo.text(&path) {
            None => findings.push(Finding::new(CODES, code.line, format!("{} has no page: write {path}", code.name))),
            Some(page) => findings.extend(check_page(&path, &code.name, page)),
        }
    }
    for file in &repo.files {
        let Some(name) = file.path.strip_prefix(PAGES).and_then(|name| name.strip_suffix(".md")) else { continue };
        if name != "README" && !codes.iter().any(|code| code.name == name) {
            findings.push(Finding::new(
                &file.path,
                1,
                format!("no code is named {name}: delete the page or fix its name"),
            ));
        }
    }
    findings
}

fn check_page(path: &str, code: &str, page: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    if page.lines().next() != Some(&format!("# {code}")) {
        findings.push(Finding::new(path, 1, format!("does not begin with `# {code}`")));
    }
    for section in SECTIONS.iter().filter(|section| !page.lines().any(|line| line == **section)) {
        findings.push(Finding::new(path, 1, format!("has no section `{section}`: write it")));
    }
    let example = page.split("```json\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap_or_default();
    let problem: Value = serde_json::from_str(example).unwrap_or_default();
    if problem["code"] != code || problem["type"] != format!("/docs/errors/{code}") || !problem["status"].is_u64() {
        let line = page.lines().position(|line| line == "```json").map_or(1, |index| index + 1);
        findings.push(Finding::new(
            path,
            line,
            "its example is not a problem of this code: show what the product answers",
        ));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repo::Texts;

    const ENUM: &str = "pub enum Code {\n    /// Not there.\n    Gone,\n}\nfn text(code: Code) { match code { Code::Gone => \"GONE\", } }\n";
    const PAGE: &str = "# GONE\n\n## What it means\n## Typical causes\n## What to do next\n## Example\n```json\n{\"code\":\"GONE\",\"type\":\"/docs/errors/GONE\",\"status\":404}\n```\n";

    #[test]
    fn missing_orphaned_and_wrong_pages_are_found() {
        let codes = (CODES, ENUM);
        let wrong = PAGE.replace("\"GONE\"", "\"LOST\"");
        let rows: [(Texts, &[&str]); 5] = [
            (&[codes, ("docs/errors/GONE.md", PAGE), ("docs/errors/README.md", "")], &[]),
            (&[codes], &["crates/kernel/src/codes.rs:3: GONE has no page: write docs/errors/GONE.md"]),
            (
                &[("docs/errors/LOST.md", "")],
                &["docs/errors/LOST.md:1: no code is named LOST: delete the page or fix its name"],
            ),
            (
                &[codes, ("docs/errors/GONE.md", wrong.as_str())],
                &["docs/errors/GONE.md:7: its example is not a problem of this code: show what the product answers"],
            ),
            (
                &[codes, ("docs/errors/GONE.md", &PAGE[..PAGE.len() - 1].replace("## Example\n", ""))],
                &["docs/errors/GONE.md:1: has no section `## Example`: write it"],
            ),
        ];
        for (files, expected) in rows {
            let findings: Vec<String> = check(&Repo::of(files)).iter().map(ToString::to_string).collect();
            assert_eq!(findings, expected);
        }
    }
}

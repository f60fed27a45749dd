//! Text that follows from the code, written into the documentation between two markers, so that it is never typed twice:
//!
//! ```text
//! <!-- generated: NAME -->
//! <!-- end -->
//! ```

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use crate::process::{self, Counts};
use crate::repo::Repo;
use crate::{steps, tidy};

mod reference;
mod shapes;

#[derive(clap::Args)]
pub struct Args {
    /// Write nothing; fail where the documentation no longer says what the code does.
    #[arg(long)]
    check: bool,
}

/// Who knows the text.
enum Source {
    Files(fn(&Repo) -> Result<String>),
    /// The product: `atlasmesh print NAME`.
    Product,
}

/// Every name that a marker can have.
const GENERATORS: &[(&str, Source)] = &[
    ("crates", Source::Files(crates)),
    ("tables", Source::Files(tables)),
    ("error-codes", Source::Files(error_codes)),
    ("steps", Source::Files(steps::table)),
    ("every-step", Source::Files(steps::every)),
    ("states", Source::Product),
    ("events", Source::Product),
    ("operations", Source::Product),
    ("roles", Source::Product),
    ("shapes", Source::Product),
    ("serve-options", Source::Product),
];

/// Files that are generated as a whole: `atlasmesh print NAME`.
const FILES: &[(&str, &str)] = &[(OPENAPI, "openapi")];

const OPENAPI: &str = "docs/openapi.json";

const BEGIN: &str = "<!-- generated: ";
const BEGIN_CLOSE: &str = " -->";
const END: &str = "<!-- end -->";

pub fn run(repo: &Repo, args: &Args) -> Result<ExitCode> {
    let drifted = drifted(repo)?;
    if args.check {
        drifted
            .iter()
            .for_each(|(path, _)| println!("{path}:1: differs from what the code says: run `cargo xtask codegen`"));
        return Ok(if drifted.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    for (path, text) in &drifted {
        let target = repo.root.join(path);
        target
            .parent()
            .map_or(Ok(()), fs::create_dir_all)
            .and_then(|()| fs::write(&target, text))
            .with_context(|| format!("write {path}"))?;
        println!("wrote {path}");
    }
    Ok(ExitCode::SUCCESS)
}

/// The check as a lane of the tests.
pub fn check(root: &Path) -> Result<Counts> {
    let drifted = drifted(&Repo::open(root)?)?;
    if drifted.is_empty() {
        return Ok(Counts { passed: 1, failed: 0 });
    }
    let paths: Vec<&str> = drifted.iter().map(|(path, _)| path.as_str()).collect();
    bail!("{} differ from what the code says: run `cargo xtask codegen`", paths.join(", "))
}

/// The files that would change, with their new content.
fn drifted(repo: &Repo) -> Result<Vec<(String, String)>> {
    let mut drifted = Vec::new();
    let golden = tidy::golden_with_new(repo);
    if golden != repo.text(tidy::GOLDEN_LIST).unwrap_or_default() {
        drifted.push((tidy::GOLDEN_LIST.to_owned(), golden));
    }
    for file in repo.files.iter().filter(|file| file.path.ends_with(".md")) {
        let Some(old) = file.text() else { continue };
        let new = filled(old, &|name| generate(repo, name)).with_context(|| format!("fill {}", file.path))?;
        if new != old {
            drifted.push((file.path.clone(), new));
        }
    }
    // Where the product itself is not among the files, nothing of it can be printed.
    for (path, name) in FILES.iter().filter(|_| repo.crates().any(|(name, _)| name == "atlasmesh")) {
        let new = print(repo, name)?;
        if *path == OPENAPI {
            drifted.extend(drifted_reference(repo, &new)?);
        }
        if repo.text(path) != Some(new.as_str()) {
            drifted.push(((*path).to_owned(), new));
        }
    }
    Ok(drifted)
}

/// The pages of the API's reference that would change.
fn drifted_reference(repo: &Repo, openapi: &str) -> Result<Vec<(String, String)>> {
    let pages = reference::pages(openapi)?;
    let is_kept = |path: &str| pages.iter().any(|(known, _)| known == path);
    let old = repo.files.iter().filter(|file| file.path.starts_with(reference::FOLDER) && !is_kept(&file.path));
    let old: Vec<&str> = old.map(|file| file.path.as_str()).collect();
    if !old.is_empty() {
        bail!("{} tell of nothing that the API has: remove them", old.join(", "));
    }
    Ok(pages.into_iter().filter(|(path, text)| repo.text(path) != Some(text.as_str())).collect())
}

/// What the product prints under a name.
fn print(repo: &Repo, name: &str) -> Result<String> {
    let mut print = process::cargo(&repo.root);
    print.args(["run", "--quiet", "-p", "atlasmesh", "--bin", "atlasmesh", "--", "print", name]);
    process::output(&mut print, process::ANSWER_LIMIT)
}

/// The text with everything between the markers made anew.
fn filled(text: &str, generate: &dyn Fn(&str) -> Result<String>) -> Result<String> {
    let mut filled = String::new();
    let mut lines = text.lines().enumerate();
    while let Some((index, line)) = lines.next() {
        filled.push_str(line);
        filled.push('\n');
        let Some(name) = line.strip_prefix(BEGIN).and_then(|rest| rest.strip_suffix(BEGIN_CLOSE)) else { continue };
        if !lines.any(|(_, line)| line == END) {
            bail!("the marker in line {} has no `{END}` after it", index + 1);
        }
        filled.push_str(generate(name)?.trim_end());
        filled.push_str(&format!("\n{END}\n"));
    }
    Ok(filled)
}

fn generate(repo: &Repo, name: &str) -> Result<String> {
    match GENERATORS.iter().find(|(known, _)| *known == name) {
        Some((_, Source::Files(text))) => text(repo),
        Some((name, Source::Product)) => print(repo, name),
        None => {
            let known: Vec<&str> = GENERATORS.iter().map(|(name, _)| *name).collect();
            bail!("nothing generates `{name}`: use one of {}", known.join(", "))
        }
    }
}

fn crates(repo: &Repo) -> Result<String> {
    let rows = tidy::described(repo).into_iter().map(|(name, what)| format!("| `{name}` | {what} |\n"));
    Ok(format!("| crate | room |\n|---|---|\n{}", rows.collect::<String>()))
}

fn tables(repo: &Repo) -> Result<String> {
    let rows = tidy::tables(repo).iter().map(|table| table.row() + "\n").collect::<String>();
    Ok(format!("| table | class | crate | what it holds |\n|---|---|---|---|\n{rows}"))
}

fn error_codes(repo: &Repo) -> Result<String> {
    let row = |code: &tidy::Code| format!("| [`{0}`]({0}.md) | {1} |\n", code.name, code.what);
    let rows = tidy::codes(repo).iter().map(row).collect::<String>();
    Ok(format!("| code | what it means |\n|---|---|\n{rows}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stands_between_the_markers_is_made_anew() {
        let rows = [
            ("a\nb\n", Some("a\nb\n")),
            (
                "a\n<!-- generated: x -->\nold\n<!-- end -->\nb\n",
                Some("a\n<!-- generated: x -->\nnew x\n<!-- end -->\nb\n"),
            ),
            ("<!-- generated: x -->\n<!-- end -->\n", Some("<!-- generated: x -->\nnew x\n<!-- end -->\n")),
            ("<!-- generated: x -->\nold\n", None),
            ("<!-- generated: unknown -->\n<!-- end -->\n", None),
        ];
        let generate = |name: &str| if name == "x" { Ok("new x\n".to_owned()) } else { generate(&Repo::of(&[]), name) };
        for (text, expected) in rows {
            assert_eq!(filled(text, &generate).ok().as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn a_page_of_the_reference_that_drifted_is_found_and_so_is_one_of_nothing() {
        let openapi = r#"{ "paths": { "/healthz": { "get": { "summary": "Alive" } } } }"#;
        let fresh = drifted_reference(&Repo::of(&[]), openapi).unwrap();
        let paths: Vec<&str> = fresh.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(paths, ["docs/reference/README.md", "docs/reference/server.md"]);
        let written: Vec<(&str, &str)> = fresh.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
        assert!(drifted_reference(&Repo::of(&written), openapi).unwrap().is_empty());
        let changed = [written[0], ("docs/reference/server.md", "typed by hand")];
        assert_eq!(drifted_reference(&Repo::of(&changed), openapi).unwrap()[0].0, "docs/reference/server.md");
        let gone = [written[0], written[1], ("docs/reference/gone.md", "")];
        assert!(drifted_reference(&Repo::of(&gone), openapi).is_err());
    }

    #[test]
    fn documentation_that_drifted_is_found() {
        let codes = "pub enum Code {\n/// Not there.\nGone,\n}\n";
        let page = "<!-- generated: error-codes -->\n<!-- end -->\n";
        let drifted =
            drifted(&Repo::of(&[("crates/kernel/src/codes.rs", codes), ("docs/errors/README.md", page)])).unwrap();
        assert_eq!(drifted[0].0, "docs/errors/README.md");
        assert!(drifted[0].1.contains("| [`GONE`](GONE.md) | Not there. |"), "{}", drifted[0].1);
    }
}

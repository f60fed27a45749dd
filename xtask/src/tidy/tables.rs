//! Which tables there are, read from the code. The class of a table decides what may write it, so no table may be without
//! one, and an operator finds them all in one list.

use super::Finding;
use super::source::Source;
use crate::repo::{File, Repo};

/// Where they are listed.
const PAGE: &str = "docs/tables.md";

/// A table as the code declares it.
#[derive(Debug, PartialEq, Eq)]
pub struct Table {
    pub name: String,
    pub class: &'static str,
    pub crate_name: String,
    /// What the code says of it, one sentence.
    pub what: String,
    path: String,
    line: usize,
}

impl Table {
    pub fn row(&self) -> String {
        format!("| `{}` | {} | `{}` | {} |", self.name, self.class, self.crate_name, self.what)
    }
}

/// The constructors that declare a table, with the class that each gives.
const DECLARED: [(&str, &str); 3] = [
    ("TableSpec::state(", "state"),
    ("TableSpec::observations(", "observations"),
    ("TableSpec::machinery(", "machinery"),
];

pub fn check(repo: &Repo) -> Vec<Finding> {
    let tables = tables(repo);
    let page = repo.text(PAGE).unwrap_or_default();
    let mut findings = Vec::new();
    for (index, table) in tables.iter().enumerate() {
        if let Some(first) = tables[..index].iter().find(|first| first.name == table.name) {
            let what = format!(
                "the table {} is declared in {}:{} too: use that one or another name",
                table.name, first.path, first.line
            );
            findings.push(Finding::new(&table.path, table.line, what));
        }
        if !page.lines().any(|line| line == table.row()) {
            let what =
                format!("the table {} ({}) is not in {PAGE}: run `cargo xtask codegen`", table.name, table.class);
            findings.push(Finding::new(&table.path, table.line, what));
        }
    }
    for (index, line) in page.lines().enumerate().filter(|(_, line)| line.starts_with("| `")) {
        if !tables.iter().any(|table| table.row() == line) {
            findings.push(Finding::new(PAGE, index + 1, "no code declares this table: run `cargo xtask codegen`"));
        }
    }
    findings
}

/// Every table that the product declares, by name.
pub fn tables(repo: &Repo) -> Vec<Table> {
    let mut tables = Vec::new();
    for file in repo.files.iter().filter(|file| file.is_rust() && !file.is_test()) {
        let (Some(crate_name), Some(text)) = (file.crate_name(), file.text()) else { continue };
        let source = Source::of(text);
        let found = declared(&source).chain(aggregates(&source));
        tables.extend(found.map(|(at, name, class, owner)| {
            let line = source.line(at);
            let what = match owner {
                None => said_above(text, line),
                Some(owner) => said_of_type(repo, crate_name, &owner),
            };
            Table { name, class, crate_name: crate_name.into(), what, path: file.path.clone(), line }
        }));
    }
    tables.sort_by(|a, b| (&a.name, &a.path, a.line).cmp(&(&b.name, &b.path, b.line)));
    tables
}

/// A place, a table's name, its class, and the type whose state it holds.
type Found = (usize, String, &'static str, Option<String>);

fn declared(source: &Source) -> impl Iterator<Item = Found> + '_ {
    DECLARED.into_iter().flat_map(move |(opening, class)| {
        source.find(opening).filter_map(move |at| Some((at, source.text_after(at, opening)?.to_owned(), class, None)))
    })
}

/// The table of an aggregate has the name of its streams.
fn aggregates(source: &Source) -> impl Iterator<Item = Found> + '_ {
    const IMPL: &str = "Aggregate for ";
    const KIND: &str = "const KIND: &'static str =";
    source.find(IMPL).filter_map(move |at| {
        let owner = source.bare[at + IMPL.len()..].split(|c: char| c != '_' && !c.is_alphanumeric()).next()?;
        let kind = at + source.bare[at..].find(KIND)?;
        Some((kind, source.text_after(kind, KIND)?.to_owned(), "state", Some(owner.to_owned())))
    })
}

fn said_of_type(repo: &Repo, crate_name: &str, owner: &str) -> String {
    let of_crate = |file: &&File| file.is_rust() && file.crate_name() == Some(crate_name);
    let said = repo.files.iter().filter(of_crate).filter_map(File::text).find_map(|text| {
        let source = Source::of(text);
        let at = ["struct ", "enum "].iter().find_map(|keyword| source.find(&format!("{keyword}{owner}")).next())?;
        Some(said_above(text, source.line(at)))
    });
    said.unwrap_or_default()
}

/// The first sentence of the documentation above a line. Attributes, and a declaration that began a line earlier, may
/// stand between.
fn said_above(text: &str, line: usize) -> String {
    let above: Vec<&str> = text.lines().take(line - 1).map(str::trim).collect();
    let between = |line: &&&str| !line.starts_with("///") && !line.is_empty() && !line.ends_with([';', '{', '}']);
    let mut said: Vec<&str> =
        above.iter().rev().skip_while(between).map_while(|line| line.strip_prefix("///")).collect();
    said.reverse();
    let said = said.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ");
    let sentence = said.split_once(". ").map_or(said.as_str(), |(first, _)| first);
    sentence.trim_end_matches(['.', ':']).replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repo::Texts;

    const LEASES: &str = "//! Why.\n/// Who works on what. Not for ever.\npub const LEASES: TableSpec =\n    TableSpec::machinery(\"leases\", &[]);\n";
    const TRIP: &str = "//! Why.\n/// One trip,\n/// from request to completion.\n#[derive(Clone)]\npub struct Trip {}\nimpl Aggregate for Trip {\n    const KIND: &'static str = \"trip\";\n}\n";
    const ROWS: &str = "| `leases` | machinery | `store` | Who works on what |\n| `trip` | state | `trips` | One trip, from request to completion |\n";

    #[test]
    fn tables_are_read_with_what_the_code_says_of_them() {
        let repo = Repo::of(&[("crates/store/src/due.rs", LEASES), ("crates/trips/src/trip.rs", TRIP)]);
        let rows: Vec<String> = tables(&repo).iter().map(Table::row).collect();
        assert_eq!(rows.join("\n") + "\n", ROWS);
    }

    #[test]
    fn a_table_that_is_unlisted_unknown_or_declared_twice_is_found() {
        let due = ("crates/store/src/due.rs", LEASES);
        let rows: [(Texts, &str); 4] = [
            (&[due, (PAGE, "")], "crates/store/src/due.rs:4: the table leases (machinery) is not in docs/tables.md"),
            (
                &[due, (PAGE, "| `leases` | state | `store` | Who works on what |")],
                "crates/store/src/due.rs:4: the table leases (machinery) is not in",
            ),
            (&[(PAGE, "| `gone` | state | `store` | x |")], "docs/tables.md:1: no code declares this table"),
            (
                &[due, ("crates/store/src/two.rs", LEASES), (PAGE, ROWS)],
                "crates/store/src/two.rs:4: the table leases is declared in",
            ),
        ];
        for (files, expected) in rows {
            let findings = check(&Repo::of(files));
            assert!(
                findings.iter().any(|finding| finding.to_string().starts_with(expected)),
                "{expected}: {findings:?}"
            );
        }
        let listed = [due, ("crates/trips/src/trip.rs", TRIP), (PAGE, ROWS)];
        assert_eq!(check(&Repo::of(&listed)), vec![]);
    }
}

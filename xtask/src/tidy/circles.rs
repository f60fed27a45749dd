//! Modules of a crate that use each other in a circle are one module in several files: none is understood or changed
//! without the others. The circles of today are listed, and the list only shrinks. Seen are paths that name a module of
//! the crate's root; a name that the root gives on is not.

use std::collections::{BTreeMap, BTreeSet};

use super::Finding;
use super::source::Source;
use crate::repo::{File, Repo};

/// Where the list is, for findings about it.
const LIST: &str = "xtask/src/tidy/circles.rs";

/// Circles that there are, by crate, each with all its modules.
const KNOWN: &[(&str, &[&str])] = &[
    ("atlasmesh", &["cli", "serve"]),
    ("kernel", &["ctx", "envelope"]),
    ("link", &["check", "from_vehicle", "restrict", "route", "rules", "to_vehicle"]),
    ("policy", &["bundle", "compile", "schema"]),
    ("routing", &["area", "bytes", "components", "constraints", "graph", "road", "search", "snap", "turns"]),
    ("store", &["port", "table"]),
    ("store-sqlite", &["read", "shape"]),
    ("telemetry", &["chunk", "record"]),
    ("xtask", &["steps", "tidy"]),
];

/// Modules of a crate's root, with those that each uses and where it does first.
type Uses<'a> = BTreeMap<&'a str, BTreeMap<&'a str, (&'a str, usize)>>;

pub fn check(repo: &Repo) -> Vec<Finding> {
    check_against(repo, KNOWN)
}

fn check_against(repo: &Repo, known: &[(&str, &[&str])]) -> Vec<Finding> {
    let mut found = BTreeSet::new();
    let mut findings = Vec::new();
    for name in repo.files.iter().filter_map(File::crate_name).collect::<BTreeSet<_>>() {
        let sources: Vec<(&File, Source)> = sources(repo, name).collect();
        let uses = uses(&sources);
        for circle in circles(&uses) {
            if !known.contains(&(name, circle.as_slice())) {
                let inside = |module: &&&str| circle.contains(*module);
                let (path, line) =
                    uses[circle[0]].iter().find(|(used, _)| inside(used)).map_or((name, 1), |(_, at)| *at);
                let what = format!(
                    "the modules {} of {name} use each other in a circle: move what they share below them; \
                     where a circle became smaller, say so in {LIST}",
                    circle.join(", ")
                );
                findings.push(Finding::new(path, line, what));
            }
            found.insert((name, circle));
        }
    }
    let gone = known.iter().filter(|(name, circle)| !found.contains(&(*name, circle.to_vec())));
    findings.extend(gone.map(|(name, circle)| {
        Finding::new(LIST, 1, format!("the circle {} of {name} is gone: take it off the list", circle.join(", ")))
    }));
    findings
}

fn sources<'a>(repo: &'a Repo, name: &'a str) -> impl Iterator<Item = (&'a File, Source)> {
    let files = repo.files.iter().filter(move |file| file.crate_name() == Some(name));
    files.filter(|file| file.is_rust() && !file.is_test()).filter_map(|file| Some((file, Source::of(file.text()?))))
}

/// The module of the root that a file is part of, and whether it is the module's own file.
fn module(file: &File) -> Option<(&str, bool)> {
    let (_, inside) = file.path.split_once("/src/")?;
    let (module, rest) = inside.split_once('/').unwrap_or((inside.strip_suffix(".rs")?, "mod.rs"));
    (!matches!(module, "lib" | "main")).then_some((module, rest == "mod.rs"))
}

fn uses<'a>(sources: &[(&'a File, Source)]) -> Uses<'a> {
    let mut uses: Uses = sources.iter().filter_map(|(file, _)| Some((module(file)?.0, BTreeMap::new()))).collect();
    let modules: BTreeSet<&str> = uses.keys().copied().collect();
    for (file, source) in sources {
        let Some((user, own_file)) = module(file) else { continue };
        for root in ["crate::", "super::"].iter().filter(|root| own_file || **root == "crate::") {
            for at in source.find(root) {
                let used =
                    names(&source.bare[at + root.len()..]).into_iter().filter_map(|used| modules.get(used).copied());
                let of_user = uses.entry(user).or_default();
                for used in used.filter(|used| *used != user) {
                    of_user.entry(used).or_insert((file.path.as_str(), source.line(at)));
                }
            }
        }
    }
    uses
}

/// The first names after a path's root: one, or those of a group in braces.
fn names(after: &str) -> Vec<&str> {
    let Some(group) = after.strip_prefix('{') else { return vec![word(after)] };
    let (mut names, mut depth) = (vec![word(group)], 1);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 1 => break,
            '}' => depth -= 1,
            ',' if depth == 1 => names.push(word(&group[at + 1..])),
            _ => {}
        }
    }
    names
}

fn word(text: &str) -> &str {
    text.trim_start().split(|c: char| c != '_' && !c.is_alphanumeric()).next().unwrap_or_default()
}

/// Sets of modules of which each reaches every other.
fn circles<'a>(uses: &Uses<'a>) -> BTreeSet<Vec<&'a str>> {
    let reached = |from: &'a str| {
        let (mut reached, mut next) = (BTreeSet::new(), vec![from]);
        while let Some(module) = next.pop() {
            next.extend(uses[module].keys().filter(|used| reached.insert(**used)));
        }
        reached
    };
    let reach: BTreeMap<&str, BTreeSet<&str>> = uses.keys().map(|module| (*module, reached(module))).collect();
    let circle = |(module, reached): (&&'a str, &BTreeSet<&'a str>)| {
        let circle: Vec<&str> = reached.iter().copied().filter(|other| reach[other].contains(module)).collect();
        (!circle.is_empty()).then_some(circle)
    };
    reach.iter().filter_map(circle).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_circle_is_found_and_a_listed_one_that_is_gone_too() {
        let repo = Repo::of(&[
            ("crates/x/src/lib.rs", "use crate::a::A;"),
            ("crates/x/src/a.rs", "use crate::{\n    X,\n    b::{c, D},\n};"),
            ("crates/x/src/b/mod.rs", "use super::c::C;"),
            ("crates/x/src/b/deep.rs", "use super::a::A;\nfn f() { crate::b::f() }"),
            ("crates/x/src/c/deep.rs", "//! use crate::a::A;\n#[cfg(test)]\nmod tests { use crate::a::A; }"),
        ]);
        assert_eq!(check_against(&repo, &[]), vec![]);
        let found = check_against(&repo, &[("x", &["a", "b"])]);
        assert_eq!((found.len(), found[0].path.as_str()), (1, LIST));
        let repo = Repo::of(&[
            ("crates/x/src/a.rs", "use crate::{\n    X,\n    b::{c, D},\n};"),
            ("crates/x/src/b/mod.rs", "use super::c::C;"),
            ("crates/x/src/c/deep.rs", "fn f() { crate::a::f() }"),
        ]);
        let found = check_against(&repo, &[]);
        assert!(found[0].to_string().starts_with("crates/x/src/a.rs:1: the modules a, b, c of x use"), "{found:?}");
        assert_eq!(check_against(&repo, &[("x", &["a", "b", "c"])]), vec![]);
    }
}

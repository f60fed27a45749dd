//! The repository as a value: every check reads the same list of files and can be tried on files that exist nowhere.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// What holds nothing written by hand; `.git` is a file in a second worktree.
const SKIPPED: [&str; 4] = ["target", ".git", "node_modules", "dist"];

/// One file, with its path from the root and `/` between its parts.
pub struct File {
    pub path: String,
    pub bytes: Vec<u8>,
}

impl File {
    /// The content, where it is text.
    pub fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.bytes).ok().filter(|text| !text.contains('\0'))
    }

    pub fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// The crate that the file belongs to.
    pub fn crate_name(&self) -> Option<&str> {
        let mut parts = self.path.split('/');
        match (parts.next()?, parts.next()?) {
            ("crates", name) if parts.next().is_some() => Some(name),
            ("xtask", _) => Some("xtask"),
            _ => None,
        }
    }

    /// Whether the whole file is test code. The suite that every storage engine passes is a test in a library's clothes.
    pub fn is_test(&self) -> bool {
        let mut folders = self.path.split('/').rev();
        let name = folders.next().unwrap_or_default();
        name == "tests.rs"
            || name.ends_with("_tests.rs")
            || folders.any(|folder| matches!(folder, "tests" | "benches" | "examples" | "conformance"))
    }
}

/// Files by path and content, for tests.
#[cfg(test)]
pub type Texts<'a> = &'a [(&'a str, &'a str)];

/// All files of the repository, sorted by path.
pub struct Repo {
    pub root: PathBuf,
    pub files: Vec<File>,
}

impl Repo {
    /// Reads everything below a folder that was written by hand.
    pub fn open(root: &Path) -> Result<Self> {
        let mut files = Vec::new();
        collect(root, root, &mut files).with_context(|| format!("read the files below {}", root.display()))?;
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Self { root: root.to_owned(), files })
    }

    /// A repository of these files only.
    #[cfg(test)]
    pub fn of(files: Texts) -> Self {
        let mut files: Vec<File> =
            files.iter().map(|(path, text)| File { path: (*path).into(), bytes: text.as_bytes().to_vec() }).collect();
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Self { root: PathBuf::from("nowhere"), files }
    }

    /// The text of the file with this path.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.files.iter().find(|file| file.path == path).and_then(File::text)
    }

    /// The crates, by folder; `xtask` is not among them.
    pub fn crates(&self) -> impl Iterator<Item = (&str, &File)> {
        self.files.iter().filter_map(|file| {
            let name = file.path.strip_prefix("crates/")?.strip_suffix("/Cargo.toml")?;
            (!name.contains('/')).then_some((name, file))
        })
    }
}

fn collect(root: &Path, folder: &Path, files: &mut Vec<File>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if SKIPPED.iter().any(|skipped| entry.file_name() == *skipped) {
            continue;
        }
        let (path, kind) = (entry.path(), entry.file_type()?);
        if kind.is_dir() {
            collect(root, &path, files)?;
        } else if kind.is_file() {
            let relative = path.strip_prefix(root)?.components();
            let parts: Vec<_> = relative.map(|part| part.as_os_str().to_string_lossy().into_owned()).collect();
            files.push(File { path: parts.join("/"), bytes: fs::read(&path)? });
        }
    }
    Ok(())
}

/// The root of the workspace that the command was called in.
pub fn root() -> Result<PathBuf> {
    let here = std::env::current_dir().context("find the current folder")?;
    for folder in here.ancestors() {
        let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap_or_default();
        if manifest.lines().any(|line| line.trim() == "[workspace]") {
            return Ok(folder.to_owned());
        }
    }
    bail!("{} is in no cargo workspace: call this from inside the repository", here.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_know_their_crate_and_whether_they_are_tests() {
        let rows = [
            ("crates/trips/src/lib.rs", Some("trips"), false),
            ("crates/trips/src/trip/tests.rs", Some("trips"), true),
            ("crates/trips/tests/golden.rs", Some("trips"), true),
            ("crates/store/src/conformance/mod.rs", Some("store"), true),
            ("xtask/src/main.rs", Some("xtask"), false),
            ("docs/README.md", None, false),
        ];
        for (path, crate_name, is_test) in rows {
            let file = File { path: path.into(), bytes: Vec::new() };
            assert_eq!((file.crate_name(), file.is_test()), (crate_name, is_test), "{path}");
        }
    }

    #[test]
    fn the_real_repository_is_found_and_read() {
        let repo = Repo::open(&root().unwrap()).unwrap();
        assert!(repo.text("xtask/src/repo.rs").is_some());
        assert!(repo.crates().any(|(name, _)| name == "kernel"));
    }
}

//! Puts the built page into the program, every file of `ui/dist`, named by its address, and the pages of errors. Where nothing was built, the
//! program has no page and says so; a program is never held up by a missing Node.

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("../..");
    fs::create_dir_all(root.join("ui/dist"))?;
    write("page.rs", "FILES", &root.join("ui/dist"))?;
    write("errors.rs", "PAGES", &root.join("docs/errors"))
}

/// Writes a table of the files below a folder, by their addresses.
fn write(name: &str, table: &str, root: &Path) -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={}", root.display());
    let mut files = Vec::new();
    collect(root, "", &mut files)?;
    files.sort();
    let mut text = format!("static {table}: &[(&str, &[u8])] = &[\n");
    for (address, path) in files {
        writeln!(text, "    ({address:?}, include_bytes!({path:?})),")?;
    }
    text.push_str("];\n");
    fs::write(Path::new(&env::var("OUT_DIR")?).join(name), text)?;
    Ok(())
}

fn collect(folder: &Path, prefix: &str, files: &mut Vec<(String, PathBuf)>) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let address = format!("{prefix}/{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), &address, files)?;
        } else {
            files.push((address, entry.path().canonicalize()?));
        }
    }
    Ok(())
}

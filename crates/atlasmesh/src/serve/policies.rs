//! The policy bundle: the shipped one, that of a folder, and the shipped one written into a folder.

use std::path::Path;

use anyhow::{Context, Result, anyhow, ensure};
use policy::{Action, Bundle};

use crate::cli::output::line;

/// The texts of the shipped policies, or of those of a folder, by their names.
pub fn texts(folder: Option<&Path>) -> Result<Vec<(String, String)>> {
    let Some(folder) = folder else {
        return gateway::policy_texts().map_err(|error| anyhow!("the shipped policies are wrong: {error}"));
    };
    let mut sources = Vec::new();
    read(folder, folder, &mut sources)
        .with_context(|| format!("the policies in {} cannot be read", folder.display()))?;
    Ok(sources)
}

/// The shipped policies, or those of a folder.
pub fn load(folder: Option<&Path>) -> Result<Bundle> {
    let sources = texts(folder)?;
    let modules = gateway::policy_modules();
    let actions: Vec<Action> = modules.iter().flat_map(|module| module.actions).copied().collect();
    Bundle::load(&actions, &sources).with_context(|| match folder {
        Some(folder) => format!("the policies in {} are wrong: nothing was started", folder.display()),
        None => "the shipped policies are wrong".to_owned(),
    })
}

fn read(root: &Path, folder: &Path, sources: &mut Vec<(String, String)>) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            read(root, &path, sources)?;
        } else if path.extension().is_some_and(|extension| extension == "cedar" || extension == "cedarschema") {
            let name = path.strip_prefix(root)?.to_string_lossy().into_owned();
            sources.push((name, std::fs::read_to_string(&path)?));
        }
    }
    sources.sort();
    Ok(())
}

/// Writes the shipped policies into a new folder.
pub fn export(folder: &Path) -> Result<()> {
    let is_empty = std::fs::read_dir(folder).map_or(true, |mut entries| entries.next().is_none());
    ensure!(is_empty, "{} is not empty: name a new folder", folder.display());
    for (name, text) in texts(None)? {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap_or(folder))
            .and_then(|()| std::fs::write(&path, text))
            .with_context(|| format!("{} cannot be written", path.display()))?;
    }
    line(format!("serve with it: atlasmesh serve --policies {}", folder.display()));
    Ok(())
}

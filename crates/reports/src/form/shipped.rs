//! The forms that come with the crate.

use super::FormFile;

macro_rules! shipped_files {
    ($($name:literal),* $(,)?) => {
        [$(FormFile::new($name, include_str!(concat!("../../forms/", $name)))),*]
    };
}

/// The forms that come with the crate. They are our reading of what authorities ask for and no legal advice; each says so.
#[must_use]
pub fn shipped() -> Vec<FormFile> {
    shipped_files!(
        "ca-dmv-collision.yaml",
        "ca-dmv-disengagement.yaml",
        "cpuc-quarterly.yaml",
        "internal-audit.yaml",
        "nhtsa-sgo.yaml",
        "un-r155-yearly.yaml",
        "un-r156-updates.yaml",
    )
    .into()
}

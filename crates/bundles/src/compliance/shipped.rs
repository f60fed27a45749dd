//! The frameworks that come with the crate.

use super::MappingFile;

macro_rules! shipped_files {
    ($($name:literal),* $(,)?) => {
        [$(MappingFile::new($name, include_str!(concat!("../../compliance/", $name)))),*]
    };
}

/// The mappings that come with the crate. They are our reading of the frameworks and no legal advice; each file says of which
/// edition and when.
#[must_use]
pub fn shipped() -> Vec<MappingFile> {
    shipped_files!(
        "ca-dmv.yaml",
        "eu-2022-1426.yaml",
        "eu-ai-act.yaml",
        "iso-21434.yaml",
        "iso-27001.yaml",
        "nhtsa-sgo.yaml",
        "nist-800-53.yaml",
        "soc2.yaml",
        "un-r155.yaml",
        "un-r156.yaml",
        "un-r157.yaml",
    )
    .into()
}

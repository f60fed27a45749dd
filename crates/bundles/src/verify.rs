//! A bundle checked as a whole. The order matters for what is named: a manifest that was changed would accuse the files that
//! it lists, so the signature comes first, then the manifest, then the files.

use std::io::{self, Read};

use crate::archive::{self, Contents, Finding, Limits, MANIFEST, Problem, SIGNATURE};
use crate::statement::{Bundle, Statement, Unverified};

/// A bundle that is as it was signed.
#[derive(Debug)]
pub struct Verified {
    pub contents: Contents,
    pub statement: Statement,
    /// The signature, with its timestamps.
    pub bundle: Bundle,
}

/// A bundle that is not.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    #[error(transparent)]
    Archive(#[from] Problem),
    #[error("{SIGNATURE} is missing: nobody signed this")]
    Unsigned,
    #[error("{SIGNATURE}: {0}")]
    Signature(Unverified),
    #[error("{MANIFEST} was changed or is another bundle's: {0}")]
    Manifest(Unverified),
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Files(Vec<Finding>),
}

/// Checks a bundle. `verify` gets the key's id, the message and the signature; `visit` gets every file as [`archive::read`]
/// gives it.
///
/// # Errors
/// [`VerifyError`], which names the file that is at fault.
pub fn verify<R: Read>(
    archive: R,
    limits: &Limits,
    verify: impl FnOnce(&str, &[u8], &[u8]) -> bool,
    visit: impl FnMut(&str, u64, &mut dyn Read) -> io::Result<()>,
) -> Result<Verified, VerifyError> {
    let mut contents = archive::read(archive, limits, visit)?;
    let bundle = Bundle::parse(contents.signature.as_deref().ok_or(VerifyError::Unsigned)?);
    let bundle = bundle.map_err(VerifyError::Signature)?;
    let statement = bundle.verify(verify).map_err(VerifyError::Signature)?;
    statement.check_about(MANIFEST, contents.digest).map_err(VerifyError::Manifest)?;
    if contents.findings.is_empty() {
        return Ok(Verified { contents, statement, bundle });
    }
    Err(VerifyError::Files(std::mem::take(&mut contents.findings)))
}

//! Heads are signed with the one key of purpose `audit`, from the sealed key store of the data folder.

use std::path::Path;

use anyhow::{Context, Result};
use journal::Hash;
use journal::checkpoint::{Checkpoint, origin};
use kernel::TenantId;
use keys::{Audit, Key, Keystore, Signer, VerifyingKey};
use store::port::Fault;
use store::sequence::HeadSigner;

/// The signer of heads.
pub struct AuditSigner {
    key: Key<Audit>,
}

impl AuditSigner {
    /// The active audit key of the key store in a folder; made there at the first start.
    pub fn in_folder(folder: &Path) -> Result<Self> {
        Ok(Self::under(folder, None)?.0)
    }

    /// The active audit key of the key store in a folder, and the key store; made there at the first start. The master key
    /// is in the folder too, unless it is kept elsewhere.
    pub fn under(folder: &Path, master: Option<&Path>) -> Result<(Self, Keystore)> {
        let opened = match master {
            Some(master) => Keystore::open_under(folder, master),
            None => Keystore::open_in(folder),
        };
        let mut keystore = opened.context("the key store cannot be opened")?;
        let key = keystore.active_or_first::<Audit>().context("there is no key to sign the journal with")?;
        Ok((Self { key }, keystore))
    }

    pub fn verifying_key(&self) -> VerifyingKey<Audit> {
        self.key.verifying_key()
    }
}

impl HeadSigner for AuditSigner {
    fn sign(&self, tenant: &TenantId, size: u64, root: Hash) -> Result<String, Fault> {
        let checkpoint = Checkpoint { origin: origin(tenant), size, root };
        checkpoint
            .sign(&self.key)
            .map_err(|source| Fault::Unavailable { what: "sign the head of a log", source: Box::new(source) })
    }
}

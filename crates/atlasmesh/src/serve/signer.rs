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
        let mut keystore = Keystore::open_in(folder).context("the key store cannot be opened")?;
        let key = keystore.active_or_first::<Audit>().context("there is no key to sign the journal with")?;
        Ok(Self { key })
    }

    /// The public half.
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

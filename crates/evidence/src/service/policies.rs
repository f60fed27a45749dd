//! The texts of policies by the digest of their bundle, so that a decision of the past is read with the rules of its time.

use kernel::TenantId;
use serde::{Deserialize, Serialize};
use store::port::{CommitError, Fault};
use store::{Expected, RowBody, RowWrite, TableSpec};

use super::Evidence;
use crate::ports::PolicyTexts;

/// The files of policies by the digest that decisions name. The same for every tenant.
pub const POLICY_TEXTS: TableSpec = TableSpec::machinery("policy_texts", &[]);

#[derive(Serialize, Deserialize)]
struct Kept {
    files: PolicyTexts,
}

impl Evidence {
    /// Keeps the policies that are in force. Called when the server starts.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn keep_policies(&self) -> Result<(), Fault> {
        let (platform, digest) = (TenantId::platform(), self.parts.policy.active().digest().to_owned());
        if self.parts.store.get(POLICY_TEXTS, &platform, &digest).await?.is_some() {
            return Ok(());
        }
        let kept = Kept { files: self.parts.policy_texts.clone() };
        let row = RowWrite::put(POLICY_TEXTS, digest, Expected::Any, RowBody::new(&kept, Vec::new())?);
        match self.parts.store.write(&platform, vec![row]).await {
            Ok(()) | Err(CommitError::Conflict { .. } | CommitError::Fenced(_)) => Ok(()),
            Err(CommitError::Fault(fault)) => Err(fault),
        }
    }

    /// The policies of a digest; `None` where they are not known here.
    pub(crate) async fn policy_texts(&self, digest: &str) -> Result<Option<PolicyTexts>, Fault> {
        let row = self.parts.store.get(POLICY_TEXTS, &TenantId::platform(), digest).await?;
        Ok(row.map(|row| row.decode::<Kept>()).transpose()?.map(|kept| kept.files))
    }
}

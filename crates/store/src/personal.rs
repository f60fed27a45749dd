//! Where personal values live: beside the journal, which has a salted commitment to each (`kernel::personal`), so that the
//! value can be erased and the history stays whole.

use kernel::id::{RequestId, TypedId};
use kernel::personal::commitment_preimage;
use kernel::{Ctx, Subject, TenantId};
use serde::{Deserialize, Serialize};

use crate::port::{Fault, ListQuery, Store};
use crate::table::{Expected, RowBody, RowWrite, TableSpec};

/// Personal values with their salts, by subject and field.
pub const PERSONAL: TableSpec = TableSpec::machinery("personal", &["subject"]);

#[derive(Serialize, Deserialize)]
struct Kept {
    value: String,
    salt: String,
}

/// The commitment to a personal value, and the row that keeps the value.
pub fn keep(ctx: &Ctx, of: &Subject, field: &str, value: &str) -> Result<(String, RowWrite), Fault> {
    let half = ctx.new_id::<RequestId>().as_u128().to_be_bytes();
    let entropy = keys::token::generate()
        .map_err(|source| Fault::Unavailable { what: "make a salt", source: Box::new(source) })?;
    let salt = *journal::Hash::of_bytes(&[half.as_slice(), entropy.expose().as_bytes()].concat()).as_bytes();
    let commitment = journal::Hash::of_bytes(&commitment_preimage(field, &salt, value.as_bytes()));
    let kept = Kept { value: value.into(), salt: journal::Hash::from_bytes(salt).to_string() };
    let body = RowBody::new(&kept, vec![of.to_string()])?;
    Ok((commitment.to_string(), RowWrite::put(PERSONAL, format!("{of}/{field}"), Expected::Absent, body)))
}

/// A personal value, where it is still kept.
pub async fn read(store: &dyn Store, tenant: &TenantId, of: &Subject, field: &str) -> Result<Option<String>, Fault> {
    let row = store.get(PERSONAL, tenant, &format!("{of}/{field}")).await?;
    row.map(|row| row.decode::<Kept>().map(|kept| kept.value)).transpose()
}

/// The fields of a subject of which a personal value is kept.
pub async fn fields(store: &dyn Store, tenant: &TenantId, of: &Subject) -> Result<Vec<String>, Fault> {
    let rows = store.list(PERSONAL, tenant, ListQuery::of("subject", of.to_string())).await?;
    let prefix = format!("{of}/");
    Ok(rows.iter().filter_map(|row| row.key.strip_prefix(&prefix).map(str::to_owned)).collect())
}

/// The rows by which personal values of a subject are gone. The entries that commit to them stay as they are.
pub fn erasing(of: &Subject, fields: &[String]) -> Vec<RowWrite> {
    fields.iter().map(|field| RowWrite::delete(PERSONAL, format!("{of}/{field}"), Expected::Any)).collect()
}

/// A personal value with the salt by which the journal commits to it, for whoever may check it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Disclosed {
    /// Whose it is.
    pub subject: Subject,
    /// Its name, which the commitment covers.
    pub field: String,
    /// The value itself.
    pub value: String,
    /// In hexadecimal.
    pub salt: String,
}

/// The personal values that are kept of a subject, with their salts.
pub async fn disclose(store: &dyn Store, tenant: &TenantId, of: &Subject) -> Result<Vec<Disclosed>, Fault> {
    let mut disclosed = Vec::new();
    for field in fields(store, tenant, of).await? {
        if let Some(row) = store.get(PERSONAL, tenant, &format!("{of}/{field}")).await? {
            let Kept { value, salt } = row.decode()?;
            disclosed.push(Disclosed { subject: of.clone(), field, value, salt });
        }
    }
    Ok(disclosed)
}

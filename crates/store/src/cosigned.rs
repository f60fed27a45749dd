//! What others vouch for of a tenant's log: the newest head that witnesses cosigned, and the timestamps of an authority.
//! Both can be asked for again, so they are machinery and no events.

use journal::Hash;
use kernel::{TenantId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::port::{CommitError, Fault, Store};
use crate::table::{Expected, RowBody, RowWrite, TableSpec};

/// The newest head of the log that witnesses cosigned, and the timestamps of an authority over heads.
pub const COSIGNED_HEADS: TableSpec = TableSpec::machinery("cosigned_heads", &[]);

/// The key of the newest head.
const NEWEST: &str = "newest";
/// The key of the timestamps.
const TIMESTAMPS: &str = "timestamps";

/// The most timestamps that are kept, the newest first: a day's, one an hour.
pub const TIMESTAMPS_MAX: usize = 24;

/// An authority's word that a note existed at a time (RFC 3161).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoteTimestamp {
    /// When, by the authority's clock.
    pub at: Timestamp,
    /// The note whose SHA-256 it is over, byte for byte.
    pub note: String,
    /// How many entries the head in the note covers.
    pub size: u64,
    /// The authority's whole reply (TimeStampResp), DER in base 64.
    pub der: String,
}

/// A head that others vouch for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CosignedHead {
    /// The number of entries.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
    /// The log's note with the lines of its witnesses (C2SP tlog-cosignature); with none where only an authority dates it.
    pub note: String,
    /// The newest timestamps first. Each is over the note within it, which may be an earlier one than this head's.
    pub timestamps: Vec<NoteTimestamp>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct KeptNote {
    size: u64,
    root: Hash,
    note: String,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct KeptTimestamps {
    /// The head of the newest one.
    head: Option<KeptNote>,
    newest_first: Vec<NoteTimestamp>,
}

async fn timestamps(store: &dyn Store, tenant: &TenantId) -> Result<KeptTimestamps, Fault> {
    let row = store.get(COSIGNED_HEADS, tenant, TIMESTAMPS).await?;
    row.map_or_else(|| Ok(KeptTimestamps::default()), |row| row.decode())
}

/// The newest head of a tenant's log that witnesses cosigned, with the timestamps that are kept; where no witness did, the
/// newest head with a timestamp. `None` where nobody vouches for the log.
///
/// # Errors
/// A fault of the store.
pub async fn newest_cosigned(store: &dyn Store, tenant: &TenantId) -> Result<Option<CosignedHead>, Fault> {
    let newest: Option<KeptNote> =
        store.get(COSIGNED_HEADS, tenant, NEWEST).await?.map(|row| row.decode()).transpose()?;
    let KeptTimestamps { head, newest_first } = timestamps(store, tenant).await?;
    let head = newest.or(head);
    Ok(head.map(|KeptNote { size, root, note }| CosignedHead { size, root, note, timestamps: newest_first }))
}

/// Keeps a note that witnesses cosigned as the newest.
///
/// # Errors
/// As the store's.
pub async fn keep_cosigned(
    store: &dyn Store,
    tenant: &TenantId,
    size: u64,
    root: Hash,
    note: &str,
) -> Result<(), CommitError> {
    let body = RowBody::new(&KeptNote { size, root, note: note.into() }, Vec::new())?;
    store.write(tenant, vec![RowWrite::put(COSIGNED_HEADS, NEWEST, Expected::Any, body)]).await
}

/// Keeps a timestamp as the newest, and as many of the others as there is room for.
///
/// # Errors
/// As the store's.
pub async fn keep_timestamp(
    store: &dyn Store,
    tenant: &TenantId,
    root: Hash,
    timestamp: NoteTimestamp,
) -> Result<(), CommitError> {
    let mut kept = timestamps(store, tenant).await?;
    kept.head = Some(KeptNote { size: timestamp.size, root, note: timestamp.note.clone() });
    kept.newest_first.insert(0, timestamp);
    kept.newest_first.truncate(TIMESTAMPS_MAX);
    let body = RowBody::new(&kept, Vec::new())?;
    store.write(tenant, vec![RowWrite::put(COSIGNED_HEADS, TIMESTAMPS, Expected::Any, body)]).await
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::MemoryStore;
    use crate::conformance::PlainSigner;

    #[test]
    fn the_newest_head_comes_with_the_newest_timestamps() {
        let store = MemoryStore::new(Arc::new(PlainSigner));
        let tenant: TenantId = "north".parse().unwrap();
        let newest = || pollster::block_on(newest_cosigned(&store, &tenant)).unwrap();
        assert_eq!(newest(), None);
        let root = Hash::of_bytes(b"root");
        for n in 0..30u64 {
            let at = Timestamp::from_ms(n as i64);
            let timestamp = NoteTimestamp { at, note: format!("note {n}"), size: n, der: "AA==".into() };
            pollster::block_on(keep_timestamp(&store, &tenant, root, timestamp)).unwrap();
        }
        let dated = newest().unwrap();
        assert_eq!((dated.size, dated.note.as_str(), dated.timestamps.len()), (29, "note 29", TIMESTAMPS_MAX));
        pollster::block_on(keep_cosigned(&store, &tenant, 31, root, "cosigned")).unwrap();
        let cosigned = newest().unwrap();
        assert_eq!((cosigned.size, cosigned.note.as_str()), (31, "cosigned"));
        assert_eq!(cosigned.timestamps, dated.timestamps);
    }
}

//! A log against a head of it that somebody kept: it must have the same entries, and maybe more.

use journal::Hash;
use kernel::TenantId;

use crate::port::{Fault, Store};
use crate::tiles;

/// What a log is to a head that was seen of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// The head is of its first entries.
    Fits,
    /// It has fewer entries.
    Shorter {
        /// How many.
        size: u64,
    },
    /// It has other entries.
    Other {
        /// How many.
        size: u64,
    },
}

/// Compares a tenant's log with a head of so many entries and that root.
pub async fn compare(store: &dyn Store, tenant: &TenantId, seen_size: u64, seen_root: Hash) -> Result<Seen, Fault> {
    let size = store.head(tenant).await?.map_or(0, |head| head.size);
    if seen_size > size {
        return Ok(Seen::Shorter { size });
    }
    let root = match seen_size {
        0 => Hash::of_empty_tree(),
        seen => tiles::root(store, tenant, seen).await?,
    };
    Ok(if root == seen_root { Seen::Fits } else { Seen::Other { size } })
}

//! Proofs and tiles of a tenant's log, of any length: the roots of full tiles are kept as rows once somebody asked for
//! them, so that a proof reads some hundreds of hashes and never the whole log. A row that is missing is made again from the
//! leaves; one that was tampered with gives a proof that does not hold.

use std::collections::BTreeMap;
use std::ops::Range;

use journal::tile::{HEIGHT, Node, WIDTH, nodes_of, root_of_nodes};
use journal::{Hash, proof};
use kernel::{BoxFuture, TenantId};

use crate::port::{CommitError, Fault, ListQuery, PAGE_LIMIT_MAX, Store};
use crate::table::{Expected, RowBody, RowWrite, TableSpec};

/// Roots of full tiles, by level of the tile and its index.
pub const TILE_ROOTS: TableSpec = TableSpec::machinery("tile_roots", &[]);

fn key(level: u32, index: u64) -> String {
    format!("{level}/{index:016x}")
}

/// Consecutive hashes of a level of tiles, which the log must have.
///
/// # Errors
/// When the store cannot answer.
pub async fn hashes(
    store: &dyn Store,
    tenant: &TenantId,
    level: u32,
    positions: Range<u64>,
) -> Result<Vec<Hash>, Fault> {
    let Some(below) = level.checked_sub(1) else {
        return store.leaves(tenant, positions.start, positions.end).await;
    };
    let mut kept = kept_roots(store, tenant, below, &positions).await?;
    let mut hashes = Vec::new();
    let mut made = Vec::new();
    for index in positions {
        let hash = match kept.remove(&key(below, index)) {
            Some(hash) => hash,
            None => {
                let root = root_of_tile(store, tenant, below, index).await?;
                made.push(RowWrite::put(
                    TILE_ROOTS,
                    key(below, index),
                    Expected::Any,
                    RowBody::new(&root, Vec::new())?,
                ));
                root
            }
        };
        hashes.push(hash);
    }
    if !made.is_empty() {
        keep(store, tenant, made).await;
    }
    Ok(hashes)
}

fn root_of_tile<'a>(
    store: &'a dyn Store,
    tenant: &'a TenantId,
    level: u32,
    index: u64,
) -> BoxFuture<'a, Result<Hash, Fault>> {
    Box::pin(async move {
        let below = hashes(store, tenant, level, index * WIDTH..(index + 1) * WIDTH).await?;
        Ok(proof::root_of(&below))
    })
}

async fn kept_roots(
    store: &dyn Store,
    tenant: &TenantId,
    level: u32,
    positions: &Range<u64>,
) -> Result<BTreeMap<String, Hash>, Fault> {
    let after = match positions.start.checked_sub(1) {
        Some(before) => key(level, before),
        None => format!("{level}/"),
    };
    let limit = usize::try_from(positions.end - positions.start).unwrap_or(PAGE_LIMIT_MAX);
    let query = ListQuery { after: Some(after), limit, ..ListQuery::all() };
    let rows = store.list(TILE_ROOTS, tenant, query).await?;
    rows.into_iter().map(|row| Ok((row.key.clone(), row.decode()?))).collect()
}

/// Whoever asks next finds them. A store that cannot take them now answers all the same.
async fn keep(store: &dyn Store, tenant: &TenantId, rows: Vec<RowWrite>) {
    if let Err(CommitError::Fault(fault)) = store.write(tenant, rows).await {
        tracing::warn!(%tenant, error = %fault, "roots of tiles cannot be kept");
    }
}

/// The root over the log's first `size` entries, which it must have; there is at least one.
///
/// # Errors
/// When the store cannot answer.
pub async fn root(store: &dyn Store, tenant: &TenantId, size: u64) -> Result<Hash, Fault> {
    root_of_part(store, tenant, &(0..size)).await
}

async fn root_of_part(store: &dyn Store, tenant: &TenantId, part: &Range<u64>) -> Result<Hash, Fault> {
    let mut roots = Vec::new();
    for node in nodes_of(part) {
        roots.push(root_of_node(store, tenant, node).await?);
    }
    Ok(root_of_nodes(&roots))
}

async fn root_of_node(store: &dyn Store, tenant: &TenantId, node: Node) -> Result<Hash, Fault> {
    let (level, positions) = node.in_tile();
    debug_assert!(node.level < HEIGHT * (level + 1));
    Ok(proof::root_of(&hashes(store, tenant, level, positions).await?))
}

async fn roots(
    store: &dyn Store,
    tenant: &TenantId,
    parts: Option<Vec<Range<u64>>>,
) -> Result<Option<Vec<Hash>>, Fault> {
    let Some(parts) = parts else { return Ok(None) };
    let mut path = Vec::new();
    for part in &parts {
        path.push(root_of_part(store, tenant, part).await?);
    }
    Ok(Some(path))
}

/// The path that proves the entry at `index` in the log's first `size` entries, which it must have; `None` where it is not
/// among them.
///
/// # Errors
/// When the store cannot answer.
pub async fn inclusion(
    store: &dyn Store,
    tenant: &TenantId,
    index: u64,
    size: u64,
) -> Result<Option<Vec<Hash>>, Fault> {
    roots(store, tenant, proof::inclusion_parts(index, size)).await
}

/// The proof that the log's first `old_size` entries are a beginning of its first `new_size`, which it must have; `None`
/// where they are not, or are none.
///
/// # Errors
/// When the store cannot answer.
pub async fn consistency(
    store: &dyn Store,
    tenant: &TenantId,
    old_size: u64,
    new_size: u64,
) -> Result<Option<Vec<Hash>>, Fault> {
    roots(store, tenant, proof::consistency_parts(old_size, new_size)).await
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::sync::Arc;

    use kernel::envelope::NewEvent;
    use kernel::{Actor, Ctx, Subject};
    use pollster::block_on;
    use serde_json::json;

    use super::*;
    use crate::MemoryStore;
    use crate::conformance::{CountingSource, PlainSigner};
    use crate::port::{COMMIT_EVENTS_MAX, Commit};

    fn log_of(entries: u64) -> (MemoryStore, TenantId) {
        let (store, tenant) = (MemoryStore::new(Arc::new(PlainSigner)), "north-pit".parse::<TenantId>().unwrap());
        let source = CountingSource::default();
        let ctx = Ctx::new(&source, tenant.clone(), Actor::automation("test"));
        let events: Vec<NewEvent> =
            (0..entries).map(|n| NewEvent::new(&ctx, Subject::new("thing", "a"), "thing.grew", 1, json!(n))).collect();
        for some in events.chunks(COMMIT_EVENTS_MAX) {
            block_on(store.commit(Commit::new(tenant.clone(), Vec::new(), some.to_vec()).unwrap())).unwrap();
        }
        (store, tenant)
    }

    #[test]
    fn proofs_from_tiles_are_those_from_all_leaves_with_and_without_kept_roots() {
        // Two full tiles of level 1 and some, so that level 2 has hashes.
        let size = 2 * WIDTH * WIDTH + 3 * WIDTH + 5;
        let (store, tenant) = log_of(size);
        let leaves = block_on(store.leaves(&tenant, 0, size)).unwrap();
        for _ in 0..2 {
            for index in [0, 1, 255, 256, 65_535, 65_536, 131_071, size - 6, size - 5, size - 1] {
                let path = block_on(inclusion(&store, &tenant, index, size)).unwrap();
                assert_eq!(path, proof::inclusion(&leaves, index as usize), "{index}");
            }
            for old in [1, 2, 255, 256, 257, 65_536, 70_000, size - 1, size] {
                let path = block_on(consistency(&store, &tenant, old, size)).unwrap();
                assert_eq!(path, proof::consistency(&leaves, old as usize), "{old}");
            }
        }
        assert_eq!(block_on(inclusion(&store, &tenant, size, size)).unwrap(), None);
        assert_eq!(block_on(consistency(&store, &tenant, 0, size)).unwrap(), None);
        let kept = block_on(store.list(TILE_ROOTS, &tenant, ListQuery::all())).unwrap();
        assert!(kept.iter().any(|row| row.key.starts_with("1/")), "level 1 has full tiles");
        let top = block_on(hashes(&store, &tenant, 2, 0..2)).unwrap();
        let whole = (WIDTH * WIDTH) as usize;
        assert_eq!(top, [proof::root_of(&leaves[..whole]), proof::root_of(&leaves[whole..2 * whole])]);
    }

    #[test]
    fn a_root_that_was_tampered_with_gives_a_proof_that_does_not_hold() {
        let size = 3 * WIDTH;
        let (store, tenant) = log_of(size);
        let leaves = block_on(store.leaves(&tenant, 0, size)).unwrap();
        let path = block_on(inclusion(&store, &tenant, 0, size)).unwrap().unwrap();
        assert!(proof::verify_inclusion(leaves[0], 0, size, &path, proof::root_of(&leaves)));
        let wrong = RowBody::new(&Hash::of_bytes(b"another"), Vec::new()).unwrap();
        block_on(store.write(&tenant, vec![RowWrite::put(TILE_ROOTS, key(0, 1), Expected::Any, wrong)])).unwrap();
        let path = block_on(inclusion(&store, &tenant, 0, size)).unwrap().unwrap();
        assert!(!proof::verify_inclusion(leaves[0], 0, size, &path, proof::root_of(&leaves)));
    }
}

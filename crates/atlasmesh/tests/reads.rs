//! Every list that the product can ask of its tables is read off an index, by each engine: with 200,000 ended trips in the
//! store the one trip that is open is found as fast as with ten.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use commands::VEHICLE_COMMANDS;
use gateway::vehicles::backend::REPORT_WATERMARKS;
use gateway::vehicles::rules::VEHICLE_RULES;
use store::conformance::{PlainSigner, lists_read_an_index};
use store::{MemoryStore, TableSpec};
use store_sqlite::{Options, SqliteStore};

/// Every table of the product; a list by other columns than these say is refused by the engine.
fn tables() -> Vec<TableSpec> {
    let of_domains = gateway::DOMAINS.iter().flat_map(|domain| domain.tables());
    of_domains
        .chain([VEHICLE_COMMANDS, VEHICLE_RULES, REPORT_WATERMARKS, store::due::LEASES, store::personal::PERSONAL])
        .collect()
}

#[test]
fn every_list_of_every_table_is_read_off_an_index() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { folder: folder.path().to_owned(), pages_max: None };
    let durable = SqliteStore::open(&options, Arc::new(PlainSigner)).unwrap();
    lists_read_an_index(&durable, &tables());
    lists_read_an_index(&MemoryStore::new(Arc::new(PlainSigner)), &tables());
}

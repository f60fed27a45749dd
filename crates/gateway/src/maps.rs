//! Road graphs as the edge needs them: imported from what a client sends, kept as files named by digest, loaded once.

use std::sync::Arc;

use kernel::BoxFuture;
use routing::import::{ImportError, ImportReport};
use routing::{GraphError, RoadGraph};

/// What a client sends to be imported.
#[derive(Debug)]
pub enum RoadNetwork {
    Osm(Vec<u8>),
    /// Nodes and links as CSV texts.
    Csv {
        nodes: String,
        links: String,
        turns: Option<String>,
        /// Links where a vehicle must not stop.
        no_stop: Option<String>,
    },
}

/// Why a graph is not there.
#[derive(Debug, thiserror::Error)]
pub enum MapError {
    /// What was sent is no road network.
    #[error(transparent)]
    Import(#[from] ImportError),
    /// The file cannot be read or written.
    #[error("the map {digest} cannot be read or written")]
    File {
        /// The graph's digest.
        digest: String,
        source: std::io::Error,
    },
    /// The file is not what its name says.
    #[error("the map {digest} cannot be used, {source}: import it again")]
    Damaged {
        /// The graph's digest.
        digest: String,
        /// Whether it is damaged or of a version that this program does not read.
        source: GraphError,
    },
}

/// The keeper of road graphs.
pub trait Maps: Send + Sync {
    /// Imports a network, keeps the graph as a file, and answers it with its digest.
    fn import<'a>(
        &'a self,
        network: &'a RoadNetwork,
    ) -> BoxFuture<'a, Result<(Arc<RoadGraph>, ImportReport), MapError>>;

    fn load<'a>(&'a self, digest: &'a str) -> BoxFuture<'a, Result<Arc<RoadGraph>, MapError>>;
}

//! Road graphs as files named by digest, each loaded once.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use gateway::maps::{MapError, Maps, RoadNetwork};
use kernel::BoxFuture;
use routing::import::ImportReport;
use routing::{GraphError, RoadGraph};

/// Graphs kept in memory: one per site of a small installation. The one that was loaded first goes first.
const GRAPHS_KEPT_MAX: usize = 16;

/// Road graphs in a folder.
#[derive(Debug)]
pub struct MapFolder {
    folder: PathBuf,
    loaded: Mutex<BTreeMap<String, Arc<RoadGraph>>>,
}

impl MapFolder {
    /// The graphs in a folder that is made when it is first written to.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder, loaded: Mutex::new(BTreeMap::new()) }
    }

    fn keep(&self, digest: &str, graph: &Arc<RoadGraph>) {
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if loaded.len() >= GRAPHS_KEPT_MAX {
            loaded.pop_first();
        }
        loaded.insert(digest.to_owned(), Arc::clone(graph));
    }

    fn path(&self, digest: &str) -> PathBuf {
        self.folder.join(format!("{digest}.graph"))
    }

    fn write(&self, digest: &str, bytes: &[u8]) -> std::io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        let part = self.folder.join(format!("{digest}.part"));
        let mut file = fs::File::create(&part)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(part, self.path(digest))?;
        fs::File::open(&self.folder)?.sync_all()
    }

    fn import_now(&self, network: &RoadNetwork) -> Result<(Arc<RoadGraph>, ImportReport), MapError> {
        let (graph, report) = match network {
            RoadNetwork::Osm(bytes) => routing::import::osm_pbf(bytes)?,
            RoadNetwork::Csv { nodes, links, turns, no_stop } => {
                routing::import::csv(nodes, links, turns.as_deref(), no_stop.as_deref())?
            }
        };
        let digest = graph.digest();
        self.write(&digest, &graph.to_bytes()).map_err(|source| MapError::File { digest: digest.clone(), source })?;
        let graph = Arc::new(graph);
        self.keep(&digest, &graph);
        Ok((graph, report))
    }

    fn load_now(&self, digest: &str) -> Result<Arc<RoadGraph>, MapError> {
        if let Some(graph) = self.loaded.lock().unwrap_or_else(PoisonError::into_inner).get(digest) {
            return Ok(Arc::clone(graph));
        }
        let bytes = fs::read(self.path(digest)).map_err(|source| MapError::File { digest: digest.into(), source })?;
        let damaged = |source| MapError::Damaged { digest: digest.into(), source };
        let graph = RoadGraph::from_bytes(&bytes).map_err(damaged)?;
        if graph.digest() != digest {
            return Err(damaged(GraphError::Damaged));
        }
        let graph = Arc::new(graph);
        self.keep(digest, &graph);
        Ok(graph)
    }
}

impl Maps for MapFolder {
    fn import<'a>(
        &'a self,
        network: &'a RoadNetwork,
    ) -> BoxFuture<'a, Result<(Arc<RoadGraph>, ImportReport), MapError>> {
        // An import takes seconds of pure computation: the other requests go on meanwhile.
        Box::pin(async move { tokio::task::block_in_place(|| self.import_now(network)) })
    }

    fn load<'a>(&'a self, digest: &'a str) -> BoxFuture<'a, Result<Arc<RoadGraph>, MapError>> {
        Box::pin(async move { tokio::task::block_in_place(|| self.load_now(digest)) })
    }
}

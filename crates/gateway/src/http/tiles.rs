//! The site's own roads as map tiles: encoded by `routing`, kept in memory within a limit, named by the map's digest.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use api_types::sites::Tiles;
use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::handler::Handler;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use fleet::actions::MAY_READ_FLEET;
use kernel::{Code, SiteId};
use routing::TileId;
use routing::tiles::{LAYER, ZOOM_MAX};
use serde_json::json;

use super::auth::Caller;
use super::endpoint::{self, Answer, Endpoint, TAGGED};
use super::extract::Id;
use super::problem::Problem;
use crate::Gateway;

/// What can be asked here.
pub const ENDPOINTS: &[Endpoint] = &[
    Endpoint {
        summary: "Where the tiles of a site's roads are and what they cover, as TileJSON 3.0",
        answer: endpoint::json::<Tiles>(),
        handle: |request, gateway| Handler::call(index, request, gateway),
        ..endpoint::get("/v1/sites/{site}/tiles", MAY_READ_FLEET)
    },
    Endpoint {
        summary: "A tile of a site's roads, zoom 0 to 16; the last part ends in .mvt and the ETag is the map's digest",
        headers: TAGGED,
        answer: Answer::Tile,
        handle: |request, gateway| Handler::call(show, request, gateway),
        ..endpoint::get("/v1/sites/{site}/tiles/{zoom}/{x}/{y}", MAY_READ_FLEET)
    },
];

/// The media type of a vector tile.
const VECTOR_TILE: HeaderValue = HeaderValue::from_static("application/vnd.mapbox-vector-tile");
/// A browser asks again each time, and is answered 304 as long as the map is the same.
const ASK_AGAIN: HeaderValue = HeaderValue::from_static("private, no-cache");
/// The most bytes of tiles that are kept: all tiles that a control room looks at in a city, many times.
const KEPT_BYTES_MAX: usize = 32 * 1024 * 1024;
/// What a kept tile takes beside its bytes.
const ENTRY_BYTES: usize = 256;

type Key = (String, TileId);

/// Tiles that were encoded before. The one that was encoded first goes first.
#[derive(Debug, Default)]
pub struct TileCache {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    tiles: BTreeMap<Key, Bytes>,
    order: VecDeque<Key>,
    bytes: usize,
}

impl TileCache {
    fn get(&self, key: &Key) -> Option<Bytes> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).tiles.get(key).cloned()
    }

    fn keep(&self, key: Key, tile: &Bytes) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.tiles.insert(key.clone(), tile.clone()).is_some() {
            return;
        }
        kept.order.push_back(key);
        kept.bytes += tile.len() + ENTRY_BYTES;
        while kept.bytes > KEPT_BYTES_MAX {
            let Some(oldest) = kept.order.pop_front() else { break };
            let gone = kept.tiles.remove(&oldest).map_or(0, |tile| tile.len() + ENTRY_BYTES);
            kept.bytes -= gone;
        }
    }
}

/// `GET /v1/sites/{site}/tiles/{zoom}/{x}/{y}.mvt`
pub async fn show(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    address: Result<Path<(String, String, String, String)>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let nowhere =
        || Problem::new(Code::NotFound, "there is no such tile: the address is zoom/x/y.mvt with a zoom from 0 to 16");
    let Path((site, zoom, x, y)) = address.map_err(|_| nowhere())?;
    let site: SiteId = site.parse().map_err(|_| Problem::not_found("site", site))?;
    let id = tile_id(&zoom, &x, &y).ok_or_else(nowhere)?;
    let digest = gateway.map_digest(&caller, &site).await?;
    let etag = HeaderValue::from_str(&format!("\"{digest}\""))
        .map_err(|_| Problem::new(Code::Unavailable, "the map has no digest"))?;
    let named: [(HeaderName, HeaderValue); 2] = [(header::ETAG, etag.clone()), (header::CACHE_CONTROL, ASK_AGAIN)];
    if headers.get(header::IF_NONE_MATCH) == Some(&etag) {
        return Ok((StatusCode::NOT_MODIFIED, named).into_response());
    }
    let key = (digest, id);
    let tile = match gateway.tiles.get(&key) {
        Some(tile) => tile,
        None => {
            let graph = gateway.maps.load(&key.0).await?;
            let tile = Bytes::from(tokio::task::block_in_place(|| graph.tile(id)));
            gateway.tiles.keep(key, &tile);
            tile
        }
    };
    Ok((named, [(header::CONTENT_TYPE, VECTOR_TILE)], tile).into_response())
}

/// `GET /v1/sites/{site}/tiles`: where the tiles are and what they cover, as TileJSON 3.0.
pub async fn index(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(site): Id<SiteId>,
) -> Result<Json<Tiles>, Problem> {
    let digest = gateway.map_digest(&caller, &site).await?;
    let fields = json!({ "class": "String", "name": "String", "no_stop": "String", "oneway": "Boolean" });
    Ok(Json(Tiles {
        tilejson: "3.0.0",
        bounds: gateway.maps.load(&digest).await?.bounds(),
        version: digest,
        minzoom: 0,
        maxzoom: ZOOM_MAX,
        tiles: vec![format!("/v1/sites/{site}/tiles/{{z}}/{{x}}/{{y}}.mvt")],
        vector_layers: vec![json!({ "id": LAYER, "fields": fields })],
        name: site,
    }))
}

impl Gateway {
    async fn map_digest(&self, caller: &Caller, site: &SiteId) -> Result<String, Problem> {
        let known = self.fleet.site(&caller.authenticated.tenant, site).await?;
        Ok(known.ok_or_else(|| Problem::not_found("map of site", site))?.map.digest)
    }
}

fn tile_id(zoom: &str, x: &str, y: &str) -> Option<TileId> {
    TileId::new(zoom.parse().ok()?, x.parse().ok()?, y.strip_suffix(".mvt")?.parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_tiles_are_read_strictly() {
        let rows = [
            ("14", "4949", "9628.mvt", true),
            ("14", "4949", "9628", false),
            ("17", "0", "0.mvt", false),
            ("2", "4", "0.mvt", false),
            ("x", "0", "0.mvt", false),
        ];
        for (zoom, x, y, exists) in rows {
            assert_eq!(tile_id(zoom, x, y).is_some(), exists, "{zoom}/{x}/{y}");
        }
    }

    #[test]
    fn the_cache_keeps_its_limit_and_forgets_the_oldest() {
        let cache = TileCache::default();
        let tile = Bytes::from(vec![0; KEPT_BYTES_MAX / 4]);
        let key = |x: u32| ("digest".to_owned(), TileId::new(10, x, 0).unwrap());
        (0..4).for_each(|x| cache.keep(key(x), &tile));
        assert!(cache.get(&key(0)).is_none() && cache.get(&key(1)).is_some() && cache.get(&key(3)).is_some());
    }
}

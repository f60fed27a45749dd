//! Tiles are read back by another decoder than the one that wrote them: `prost`, from the messages of the specification.

use std::collections::BTreeMap;

use prost::Message;

use super::*;
use crate::import::csv;

#[derive(Message)]
struct Tile {
    #[prost(message, repeated, tag = "3")]
    layers: Vec<Layer>,
}

#[derive(Message)]
struct Layer {
    #[prost(uint32, tag = "15")]
    version: u32,
    #[prost(string, tag = "1")]
    name: String,
    #[prost(message, repeated, tag = "2")]
    features: Vec<Feature>,
    #[prost(string, repeated, tag = "3")]
    keys: Vec<String>,
    #[prost(message, repeated, tag = "4")]
    values: Vec<Value>,
    #[prost(uint32, tag = "5")]
    extent: u32,
}

#[derive(Message)]
struct Feature {
    #[prost(uint64, tag = "1")]
    id: u64,
    #[prost(uint32, repeated, tag = "2")]
    tags: Vec<u32>,
    #[prost(uint32, tag = "3")]
    kind: u32,
    #[prost(uint32, repeated, tag = "4")]
    geometry: Vec<u32>,
}

#[derive(Message)]
struct Value {
    #[prost(string, optional, tag = "1")]
    text: Option<String>,
    #[prost(bool, optional, tag = "7")]
    yes: Option<bool>,
}

impl Layer {
    fn attributes(&self, feature: &Feature) -> BTreeMap<&str, String> {
        let pairs = feature.tags.chunks(2).map(|pair| {
            let value = &self.values[pair[1] as usize];
            let text = value.text.clone().unwrap_or_else(|| value.yes.unwrap().to_string());
            (self.keys[pair[0] as usize].as_str(), text)
        });
        pairs.collect()
    }
}

/// A main road both ways with a bend, a street one way, and a yard; all close to 0° N 0° E.
fn graph() -> RoadGraph {
    let nodes = "node_id,lon,lat\n1,0.001,0.001\n2,0.002,0.001\n3,0.002,0.002\n";
    let links = "link_id,a_node,b_node,direction,link_type,name,no_stop,geometry\n\
                 1,1,2,0,primary,Calle Larga,,\n\
                 2,2,3,0,residential,,bridge,0.002 0.001;0.0021 0.0015;0.002 0.002\n\
                 3,3,1,1,service,Calle Larga,,\n";
    csv(nodes, links, None, None).unwrap().0
}

fn about(zoom: u8) -> TileId {
    let half = 1u32 << (zoom - 1);
    TileId::new(zoom, half, half - 1).unwrap()
}

fn layer(graph: &RoadGraph, tile: TileId) -> Option<Layer> {
    Tile::decode(graph.tile(tile).as_slice()).unwrap().layers.pop()
}

#[test]
fn a_tile_says_class_name_stop_and_direction() {
    let layer = layer(&graph(), about(14)).unwrap();
    assert_eq!((layer.version, layer.name.as_str(), layer.extent), (2, "roads", 4096));
    let mut found: Vec<_> = layer.features.iter().map(|feature| layer.attributes(feature)).collect();
    found.sort_by_key(|attributes| attributes["class"].clone());
    let expected = [
        vec![("class", "primary"), ("name", "Calle Larga")],
        vec![("class", "residential"), ("no_stop", "bridge")],
        vec![("class", "service"), ("name", "Calle Larga"), ("oneway", "true")],
    ];
    let expected = expected.map(|pairs| pairs.into_iter().map(|(key, value)| (key, value.to_owned())).collect());
    assert_eq!(found, expected, "a road both ways is one line");
    assert!(layer.features.iter().all(|feature| feature.kind == 2 && feature.id > 0));
}

#[test]
fn small_roads_come_with_the_zoom_and_an_empty_tile_has_no_bytes() {
    let count = |zoom| layer(&graph(), about(zoom)).map_or(0, |layer| layer.features.len());
    assert_eq!([count(7), count(10), count(13), count(14)], [0, 1, 2, 3]);
    assert!(graph().tile(TileId::new(14, 0, 0).unwrap()).is_empty());
}

#[test]
fn a_line_runs_where_the_road_runs() {
    let layer = layer(&graph(), about(16)).unwrap();
    let main = layer.features.iter().find(|feature| layer.attributes(feature)["class"] == "primary").unwrap();
    // One move, then one line of one piece.
    let [move_to, x, y, line_to, dx, dy] = main.geometry[..] else { panic!("{:?}", main.geometry) };
    assert_eq!((move_to, line_to), (1 << 3 | 1, 1 << 3 | 2));
    let signed = |value: u32| (value >> 1) as i32 ^ -((value & 1) as i32);
    let unit = EXTENT * 65536.0 / 360.0;
    let expected = [0.001 * unit, EXTENT - 0.001 * unit, 0.001 * unit, 0.0];
    for (found, expected) in [x, y, dx, dy].map(signed).into_iter().zip(expected) {
        assert!((f64::from(found) - expected).abs() <= 1.0, "{found} {expected}");
    }
}

#[test]
fn only_what_lies_inside_is_kept_and_straight_points_are_not() {
    type Line<'a> = &'a [[f64; 2]];
    let rows: [(Line<'_>, &[Line<'_>]); 4] = [
        (&[[0.0, 0.0], [10.0, 0.0]], &[&[[0.0, 0.0], [10.0, 0.0]]]),
        (&[[-1000.0, 5.0], [1000.0, 5.0]], &[&[[-128.0, 5.0], [1000.0, 5.0]]]),
        (&[[-1000.0, -1000.0], [-1000.0, 9000.0]], &[]),
        (
            &[[100.0, 100.0], [100.0, -4000.0], [300.0, -4000.0], [300.0, 100.0]],
            &[&[[100.0, 100.0], [100.0, -128.0]], &[[300.0, -128.0], [300.0, 100.0]]],
        ),
    ];
    for (points, expected) in rows {
        assert_eq!(clipped(points), expected.iter().map(|line| line.to_vec()).collect::<Vec<_>>(), "{points:?}");
    }
    let bent = [[0.0, 0.0], [50.0, 1.0], [100.0, 0.0], [100.0, 50.0]];
    assert_eq!(simplified(&bent), [[0.0, 0.0], [100.0, 0.0], [100.0, 50.0]]);
}

#[test]
fn only_tiles_of_the_pyramid_exist() {
    assert!(TileId::new(1, 1, 1).is_some() && TileId::new(ZOOM_MAX, 0, 0).is_some());
    assert!(TileId::new(1, 2, 0).is_none() && TileId::new(ZOOM_MAX + 1, 0, 0).is_none());
    let corner = about(14).unproject([0.0, EXTENT]);
    assert!(corner[0].abs() < 1e-9 && corner[1].abs() < 1e-9, "{corner:?}");
}

#[test]
fn bounds_hold_every_node() {
    assert_eq!(graph().bounds(), Some([0.001, 0.001, 0.002, 0.002]));
}

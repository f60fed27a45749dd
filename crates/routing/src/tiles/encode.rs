//! The bytes of a vector tile: the few messages of protocol buffers that one layer of lines needs, written by hand.
//! See the specification of Mapbox Vector Tiles 2.1, sections 4.3 (geometry) and 4.4 (attributes).

use std::collections::BTreeMap;

/// The kinds of a field on the wire that are used here.
const VARINT: u64 = 0;
const BYTES: u64 = 2;
/// The version of the specification, as the layer tells it.
const VERSION: u64 = 2;
/// A feature of lines.
const LINE_STRING: u64 = 2;
/// The commands of a geometry.
const MOVE_TO: u32 = 1;
const LINE_TO: u32 = 2;

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn number(out: &mut Vec<u8>, field: u64, value: u64) {
    varint(out, field << 3 | VARINT);
    varint(out, value);
}

fn bytes(out: &mut Vec<u8>, field: u64, value: &[u8]) {
    varint(out, field << 3 | BYTES);
    varint(out, value.len() as u64);
    out.extend_from_slice(value);
}

fn packed(out: &mut Vec<u8>, field: u64, values: &[u32]) {
    let mut body = Vec::new();
    values.iter().for_each(|value| varint(&mut body, u64::from(*value)));
    bytes(out, field, &body);
}

/// Small numbers of either sign become small numbers.
fn zigzag(value: i32) -> u32 {
    (value << 1 ^ value >> 31) as u32
}

/// Names or values that features point to by number.
#[derive(Default)]
struct Table {
    numbers: BTreeMap<Vec<u8>, u32>,
    entries: Vec<Vec<u8>>,
}

impl Table {
    fn number_of(&mut self, entry: Vec<u8>) -> u32 {
        *self.numbers.entry(entry).or_insert_with_key(|entry| {
            self.entries.push(entry.clone());
            self.entries.len() as u32 - 1
        })
    }
}

/// A layer under way.
pub(super) struct Layer {
    body: Vec<u8>,
    keys: Table,
    values: Table,
    extent: u32,
    is_empty: bool,
}

impl Layer {
    pub(super) fn new(name: &str, extent: u32) -> Self {
        let mut body = Vec::new();
        number(&mut body, 15, VERSION);
        bytes(&mut body, 1, name.as_bytes());
        Self { body, keys: Table::default(), values: Table::default(), extent, is_empty: true }
    }

    pub(super) fn feature(&mut self, id: u64) -> Feature<'_> {
        Feature { layer: self, id, tags: Vec::new() }
    }

    /// The tile of this layer alone. Nothing drawn is no layer, and a tile without layers has no bytes.
    pub(super) fn into_tile(mut self) -> Vec<u8> {
        let mut tile = Vec::new();
        if self.is_empty {
            return tile;
        }
        self.keys.entries.iter().for_each(|key| bytes(&mut self.body, 3, key));
        self.values.entries.iter().for_each(|value| bytes(&mut self.body, 4, value));
        number(&mut self.body, 5, u64::from(self.extent));
        bytes(&mut tile, 3, &self.body);
        tile
    }
}

/// A feature under way; it is in the layer once its lines are told.
pub(super) struct Feature<'a> {
    layer: &'a mut Layer,
    id: u64,
    tags: Vec<u32>,
}

impl Feature<'_> {
    pub(super) fn text(&mut self, key: &str, text: &str) {
        let mut value = Vec::new();
        bytes(&mut value, 1, text.as_bytes());
        self.tag(key, value);
    }

    pub(super) fn yes(&mut self, key: &str) {
        let mut value = Vec::new();
        number(&mut value, 7, 1);
        self.tag(key, value);
    }

    fn tag(&mut self, key: &str, value: Vec<u8>) {
        self.tags.push(self.layer.keys.number_of(key.as_bytes().to_vec()));
        self.tags.push(self.layer.values.number_of(value));
    }

    /// Lines of two points or more each.
    pub(super) fn lines(self, lines: &[Vec<[i32; 2]>]) {
        let mut geometry = Vec::new();
        let mut at = [0i32; 2];
        for line in lines {
            for (place, point) in line.iter().enumerate() {
                match place {
                    0 => geometry.push(1 << 3 | MOVE_TO),
                    1 => geometry.push((line.len() as u32 - 1) << 3 | LINE_TO),
                    _ => {}
                }
                geometry.extend([zigzag(point[0] - at[0]), zigzag(point[1] - at[1])]);
                at = *point;
            }
        }
        let mut body = Vec::new();
        number(&mut body, 1, self.id);
        packed(&mut body, 2, &self.tags);
        number(&mut body, 3, LINE_STRING);
        packed(&mut body, 4, &geometry);
        bytes(&mut self.layer.body, 2, &body);
        self.layer.is_empty = false;
    }
}

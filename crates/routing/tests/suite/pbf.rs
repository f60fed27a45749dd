//! Writes OpenStreetMap extracts, as the format's documentation describes them: only what tests of the reader need.

use std::collections::BTreeMap;
use std::io::Write;

type Tags<'a> = &'a [(&'a str, &'a str)];

/// An extract in the making: one block for nodes, one for ways, one for relations.
#[derive(Default)]
pub struct Extract {
    nodes: Block,
    ways: Block,
    relations: Block,
}

#[derive(Default)]
struct Block {
    strings: BTreeMap<String, u64>,
    elements: Vec<u8>,
}

impl Block {
    fn string(&mut self, text: &str) -> u64 {
        let next = self.strings.len() as u64 + 1;
        *self.strings.entry(text.to_owned()).or_insert(next)
    }

    fn tags(&mut self, tags: Tags<'_>, element: &mut Vec<u8>) {
        let (mut keys, mut values) = (Vec::new(), Vec::new());
        for (key, value) in tags {
            varint(&mut keys, self.string(key));
            varint(&mut values, self.string(value));
        }
        bytes(element, 2, &keys);
        bytes(element, 3, &values);
    }

    /// The whole block as the format frames it, compressed.
    fn framed(&self, kind: &str) -> Vec<u8> {
        let mut by_number: Vec<_> = self.strings.iter().collect();
        by_number.sort_by_key(|(_, number)| **number);
        let mut table = Vec::new();
        bytes(&mut table, 1, b"");
        by_number.iter().for_each(|(text, _)| bytes(&mut table, 1, text.as_bytes()));
        let mut block = Vec::new();
        bytes(&mut block, 1, &table);
        bytes(&mut block, 2, &self.elements);
        framed(kind, &block)
    }
}

impl Extract {
    pub fn node(mut self, id: i64, lat: f64, lon: f64, tags: Tags<'_>) -> Self {
        let mut node = Vec::new();
        number(&mut node, 1, zigzag(id));
        self.nodes.tags(tags, &mut node);
        number(&mut node, 8, zigzag((lat * 1e7).round() as i64));
        number(&mut node, 9, zigzag((lon * 1e7).round() as i64));
        bytes(&mut self.nodes.elements, 1, &node);
        self
    }

    pub fn way(mut self, id: i64, nodes: &[i64], tags: Tags<'_>) -> Self {
        let mut way = Vec::new();
        number(&mut way, 1, id as u64);
        self.ways.tags(tags, &mut way);
        let (mut refs, mut before) = (Vec::new(), 0);
        for node in nodes {
            varint(&mut refs, zigzag(node - before));
            before = *node;
        }
        bytes(&mut way, 8, &refs);
        bytes(&mut self.ways.elements, 3, &way);
        self
    }

    /// Members are (role, type, id); types are 0 node, 1 way, 2 relation.
    pub fn relation(mut self, id: i64, tags: Tags<'_>, members: &[(&str, u64, i64)]) -> Self {
        let mut relation = Vec::new();
        number(&mut relation, 1, id as u64);
        self.relations.tags(tags, &mut relation);
        let (mut roles, mut ids, mut types, mut before) = (Vec::new(), Vec::new(), Vec::new(), 0);
        for (role, kind, member) in members {
            varint(&mut roles, self.relations.string(role));
            varint(&mut ids, zigzag(member - before));
            varint(&mut types, *kind);
            before = *member;
        }
        bytes(&mut relation, 8, &roles);
        bytes(&mut relation, 9, &ids);
        bytes(&mut relation, 10, &types);
        bytes(&mut self.relations.elements, 4, &relation);
        self
    }

    /// The extract's blocks: heading, nodes, ways, relations.
    pub fn blocks(&self) -> [Vec<u8>; 4] {
        let mut heading = Vec::new();
        bytes(&mut heading, 4, b"OsmSchema-V0.6");
        let data = |block: &Block| block.framed("OSMData");
        [framed("OSMHeader", &heading), data(&self.nodes), data(&self.ways), data(&self.relations)]
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        self.blocks().concat()
    }
}

fn framed(kind: &str, block: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(block).unwrap();
    let mut blob = Vec::new();
    number(&mut blob, 2, block.len() as u64);
    bytes(&mut blob, 3, &packer.finish().unwrap());
    let mut header = Vec::new();
    bytes(&mut header, 1, kind.as_bytes());
    number(&mut header, 3, blob.len() as u64);
    [&(header.len() as u32).to_be_bytes()[..], &header, &blob].concat()
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

fn number(out: &mut Vec<u8>, field: u64, value: u64) {
    varint(out, field << 3);
    varint(out, value);
}

fn bytes(out: &mut Vec<u8>, field: u64, value: &[u8]) {
    varint(out, field << 3 | 2);
    varint(out, value.len() as u64);
    out.extend_from_slice(value);
}

//! The tiles of a log in an archive (C2SP tlog-tiles): which prove some entries, how they are named, and the proof itself.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use sha2::{Digest, Sha256};

/// A hash of the tree.
pub type Hash = [u8; 32];

/// How many levels of the tree one tile spans.
const HEIGHT: u32 = 8;
/// The hashes of a full tile.
const WIDTH: u64 = 1 << HEIGHT;

/// Hashes of a tile: the level of the tree in tiles, and the positions on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    pub level: u32,
    pub positions: Range<u64>,
}

/// The tiles that prove entries under a head of `size` entries, by their names in the archive: those that the entries stand
/// in, those above them, and the right edge.
#[must_use]
pub fn of_entries(entries: &[u64], size: u64) -> BTreeMap<String, Part> {
    let mut found = BTreeMap::new();
    let mut wanted: BTreeSet<u64> = entries.iter().map(|entry| entry >> HEIGHT).collect();
    let mut level = 0;
    while let Some(hashes) = on_level(size, level) {
        if hashes % WIDTH > 0 {
            wanted.insert(hashes / WIDTH);
        }
        for tile in &wanted {
            let positions = tile * WIDTH..((tile + 1) * WIDTH).min(hashes);
            if positions.start < positions.end {
                found.insert(name(level, *tile, positions.end - positions.start), Part { level, positions });
            }
        }
        wanted = wanted.iter().map(|tile| tile >> HEIGHT).collect();
        level += 1;
    }
    found
}

/// How many hashes a level has; nothing above the top.
fn on_level(size: u64, level: u32) -> Option<u64> {
    size.checked_shr(HEIGHT * level).filter(|hashes| *hashes > 0)
}

fn name(level: u32, tile: u64, width: u64) -> String {
    let (mut name, mut rest) = (format!("{:03}", tile % 1_000), tile / 1_000);
    while rest > 0 {
        name = format!("x{:03}/{name}", rest % 1_000);
        rest /= 1_000;
    }
    if width < WIDTH { format!("tile/{level}/{name}.p/{width}") } else { format!("tile/{level}/{name}") }
}

/// An inner node (RFC 6962 §2.1).
fn node(left: &Hash, right: &Hash) -> Hash {
    let mut hash = Sha256::new();
    hash.update([1]);
    hash.update(left);
    hash.update(right);
    hash.finalize().into()
}

/// The root of a perfect subtree.
fn root_of(hashes: &[Hash]) -> Option<Hash> {
    let mut hashes = hashes.to_vec();
    while hashes.len() > 1 {
        hashes = hashes.chunks(2).map(|pair| Some(node(pair.first()?, pair.get(1)?))).collect::<Option<_>>()?;
    }
    hashes.first().copied()
}

/// A tree of which the right edge is proven, and more as it is asked for.
pub struct Tree<F> {
    size: u64,
    tile: F,
    proven: BTreeMap<(u32, u64), Vec<Hash>>,
}

impl<F: Fn(&str) -> Option<Vec<Hash>>> Tree<F> {
    /// A tree from its tiles; nothing where their right edge does not give the root.
    pub fn of(size: u64, root: Hash, tile: F) -> Option<Self> {
        let mut tree = Self { size, tile, proven: BTreeMap::new() };
        let levels = (0..).take_while(|level| on_level(size, *level).is_some()).count();
        let mut subtrees = Vec::new();
        for level in (0..u32::try_from(levels).ok()?).rev() {
            let hashes = on_level(size, level)?;
            if hashes % WIDTH == 0 {
                continue;
            }
            let edge = tree.read(level, hashes / WIDTH)?;
            let mut rest = edge.as_slice();
            for bit in (0..HEIGHT).rev().map(|bit| 1_usize << bit).filter(|bit| edge.len() & bit > 0) {
                let (part, behind) = rest.split_at_checked(bit)?;
                subtrees.push(root_of(part)?);
                rest = behind;
            }
            tree.proven.insert((level, hashes / WIDTH), edge);
        }
        let last = subtrees.pop()?;
        let top = subtrees.iter().rev().fold(last, |right, left| node(left, &right));
        (top == root).then_some(tree)
    }

    fn read(&self, level: u32, tile: u64) -> Option<Vec<Hash>> {
        let width = on_level(self.size, level)?.checked_sub(tile * WIDTH)?.min(WIDTH);
        let hashes = (self.tile)(&name(level, tile, width))?;
        (hashes.len() as u64 == width).then_some(hashes)
    }

    fn hash(&mut self, level: u32, position: u64) -> Option<Hash> {
        let tile = position >> HEIGHT;
        if !self.proven.contains_key(&(level, tile)) {
            let hashes = self.read(level, tile)?;
            // A partial tile is the right edge, which is proven already.
            if hashes.len() as u64 != WIDTH || self.hash(level + 1, tile)? != root_of(&hashes)? {
                return None;
            }
            self.proven.insert((level, tile), hashes);
        }
        let place = usize::try_from(position & (WIDTH - 1)).ok()?;
        self.proven.get(&(level, tile))?.get(place).copied()
    }

    /// Whether a leaf stands at a place of the tree.
    pub fn has(&mut self, index: u64, leaf: Hash) -> bool {
        index < self.size && self.hash(0, index) == Some(leaf)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(entries: &[u64], size: u64) -> Vec<String> {
        of_entries(entries, size).into_keys().collect()
    }

    #[test]
    fn tiles_are_those_of_the_entries_and_of_the_right_edge() {
        assert_eq!(names(&[0], 1), ["tile/0/000.p/1"]);
        assert_eq!(names(&[3], 256), ["tile/0/000", "tile/1/000.p/1"]);
        assert_eq!(names(&[3], 257), ["tile/0/000", "tile/0/001.p/1", "tile/1/000.p/1"]);
        assert_eq!(names(&[], 300), ["tile/0/001.p/44", "tile/1/000.p/1"]);
        let of_million = names(&[999_999], 1_000_000);
        assert_eq!(of_million, ["tile/0/x003/906.p/64", "tile/1/015.p/66", "tile/2/000.p/15"]);
    }

    /// Every hash of a level, from the leaves up.
    fn levels(size: u64) -> Vec<Vec<Hash>> {
        let leaf = |n: u64| Sha256::digest(n.to_be_bytes()).into();
        let mut levels: Vec<Vec<Hash>> = vec![(0..size).map(leaf).collect()];
        while let Some(below) = levels.last().filter(|below| below.len() >= 256) {
            let next = below.as_chunks::<256>().0.iter().map(|tile| root_of(tile).unwrap()).collect();
            levels.push(next);
        }
        levels
    }

    /// The root by the recursive definition (RFC 6962 §2.1).
    fn root(leaves: &[Hash]) -> Hash {
        match leaves {
            [only] => *only,
            _ => {
                let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
                node(&root(left), &root(right))
            }
        }
    }

    #[test]
    fn every_entry_of_every_size_is_proven_and_nothing_else_is() {
        for size in (1..=40).chain([255, 256, 257, 511, 512, 700, 65_536, 65_793]) {
            let levels = levels(size);
            let chosen = [0, size / 3, size - 1];
            let parts = of_entries(&chosen, size);
            let tile = |name: &str| {
                let part = parts.get(name)?;
                let range = usize::try_from(part.positions.start).ok()?..usize::try_from(part.positions.end).ok()?;
                levels.get(part.level as usize)?.get(range).map(<[Hash]>::to_vec)
            };
            let mut tree = Tree::of(size, root(&levels[0]), tile).unwrap_or_else(|| panic!("{size}"));
            for index in chosen {
                let leaf = levels[0][index as usize];
                assert!(tree.has(index, leaf), "{index} of {size}");
                let mut other = leaf;
                other[7] ^= 1;
                assert!(!tree.has(index, other), "{index} of {size}");
            }
            assert!(!tree.has(size, levels[0][0]));
            let flipped = |name: &str| {
                tile(name).map(|mut hashes| {
                    if let Some(byte) = hashes.first_mut().and_then(|hash| hash.first_mut()) {
                        *byte ^= 1;
                    }
                    hashes
                })
            };
            let broken = Tree::of(size, root(&levels[0]), flipped);
            assert!(broken.is_none_or(|mut tree| !tree.has(0, levels[0][0])), "{size}");
        }
    }
}

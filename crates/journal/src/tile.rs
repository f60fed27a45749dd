//! The tree in tiles (C2SP tlog-tiles v0.1.0): each holds up to 256 neighbouring hashes of one level, level 0 those of the
//! leaves and every higher level the roots of full tiles below. Any proof is made from a few of them, and a reader may keep
//! a full one for ever.

use std::fmt;
use std::ops::Range;

use crate::Hash;

/// How many levels of the tree one tile spans.
pub const HEIGHT: u32 = 8;
/// The hashes of a full tile, and the entries of a full bundle.
pub const WIDTH: u64 = 1 << HEIGHT;
/// The highest level of a tile that can have a hash: positions have 64 bits.
const LEVEL_MAX: u32 = 63 / HEIGHT;

/// A perfect subtree: the `index`-th of those that have 2^`level` leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Node {
    /// How many levels above the leaves.
    pub level: u32,
    /// Its place among those of its level, from 0.
    pub index: u64,
}

impl Node {
    /// Where the hashes that it is made of stand: the level of the tile, and their positions on that level. All of them
    /// are of one tile.
    pub fn in_tile(self) -> (u32, Range<u64>) {
        let within = self.level % HEIGHT;
        (self.level / HEIGHT, self.index << within..(self.index + 1) << within)
    }
}

/// The perfect subtrees of which a part of a tree consists, the leftmost first. The part is one of those that
/// [`crate::proof::inclusion_parts`] and [`crate::proof::consistency_parts`] name, or begins at 0.
pub fn nodes_of(part: &Range<u64>) -> Vec<Node> {
    let mut nodes = Vec::new();
    let mut begin = part.start;
    while begin < part.end {
        let level = u64::BITS - 1 - (part.end - begin).leading_zeros();
        nodes.push(Node { level, index: begin >> level });
        begin += 1 << level;
    }
    nodes
}

/// The root over the perfect subtrees of a part, in the order of [`nodes_of`].
pub fn root_of_nodes(hashes: &[Hash]) -> Hash {
    let from_the_right = hashes.iter().rev().copied().reduce(|right, left| Hash::of_node(&left, &right));
    from_the_right.unwrap_or_else(Hash::of_empty_tree)
}

/// What a tile holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// Hashes of a level.
    Hashes {
        /// 0 for those of the leaves.
        level: u32,
    },
    /// The entries themselves, each behind its length as two bytes, the most significant first.
    Entries,
}

/// A tile or bundle of entries by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tile {
    /// What it holds.
    pub content: Content,
    /// Its place among those of its content, from 0.
    pub index: u64,
    /// How much it holds: 1 to 256.
    pub width: u64,
}

impl Tile {
    /// The tile of a path behind `tile/`: `<level>/<index>` or `entries/<index>`, the index in elements of three digits of
    /// which all but the last begin with `x`, with `.p/<width>` where the tile is partial. `None` for any other text.
    pub fn parse(path: &str) -> Option<Self> {
        let (content, rest) = path.split_once('/')?;
        let content = match content {
            "entries" => Content::Entries,
            level => Content::Hashes { level: decimal(level).filter(|level| *level <= 63)? as u32 },
        };
        let (index, width) = match rest.split_once(".p/") {
            Some((index, width)) => (index, decimal(width).filter(|width| (1..WIDTH).contains(width))?),
            None => (rest, WIDTH),
        };
        Some(Self { content, index: index_of(index)?, width })
    }

    /// The positions of what it holds, on its level.
    pub fn positions(&self) -> Option<Range<u64>> {
        let begin = self.index.checked_mul(WIDTH)?;
        Some(begin..begin.checked_add(self.width)?)
    }

    /// Whether a tree of `size` leaves has all of it.
    pub fn is_in(&self, size: u64) -> bool {
        let available = match self.content {
            Content::Entries => size,
            Content::Hashes { level } if level > LEVEL_MAX => 0,
            Content::Hashes { level } => size >> (level * HEIGHT),
        };
        self.positions().is_some_and(|positions| positions.end <= available)
    }
}

impl fmt::Display for Tile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.content {
            Content::Hashes { level } => write!(f, "{level}/")?,
            Content::Entries => write!(f, "entries/")?,
        }
        let mut elements = vec![format!("{:03}", self.index % 1_000)];
        let mut rest = self.index / 1_000;
        while rest > 0 {
            elements.push(format!("x{:03}", rest % 1_000));
            rest /= 1_000;
        }
        elements.reverse();
        f.write_str(&elements.join("/"))?;
        if self.width < WIDTH { write!(f, ".p/{}", self.width) } else { Ok(()) }
    }
}

/// A number without leading zeros.
fn decimal(text: &str) -> Option<u64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|_| plain)
}

fn index_of(path: &str) -> Option<u64> {
    let elements: Vec<&str> = path.split('/').collect();
    let (last, before) = elements.split_last()?;
    let digits = |element: &str| -> Option<u64> {
        let plain = element.len() == 3 && element.bytes().all(|byte| byte.is_ascii_digit());
        element.parse().ok().filter(|_| plain)
    };
    let mut index = 0u64;
    for element in before {
        index = index.checked_mul(1_000)?.checked_add(digits(element.strip_prefix('x')?)?)?;
        // An element of zeros in front would give a second name to the same tile.
        if index == 0 {
            return None;
        }
    }
    index.checked_mul(1_000)?.checked_add(digits(last)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proof::{consistency_parts, inclusion_parts, root_of};

    fn hashes(level: u32, index: u64, width: u64) -> Tile {
        Tile { content: Content::Hashes { level }, index, width }
    }

    #[test]
    fn tiles_have_one_name_each() {
        let named = [
            ("0/000", hashes(0, 0, 256)),
            ("0/x001/x234/067", hashes(0, 1_234_067, 256)),
            ("1/x273/000.p/17", hashes(1, 273_000, 17)),
            ("63/999", hashes(63, 999, 256)),
            ("entries/x018/446.p/255", Tile { content: Content::Entries, index: 18_446, width: 255 }),
        ];
        for (name, tile) in named {
            assert_eq!((Tile::parse(name), tile.to_string().as_str()), (Some(tile), name));
        }
        let wrong = [
            "",
            "0",
            "0/",
            "0/0",
            "0/00",
            "0/0000",
            "00/000",
            "64/000",
            "-1/000",
            "+0/000",
            "0/x000/000",
            "0/001/000",
            "0/x001",
            "0/x01/000",
            "0/000.p/0",
            "0/000.p/256",
            "0/000.p/01",
            "0/000.p/",
            "0/000.p",
            "0/000/",
            "entry/000",
            "0/x999/x999/x999/x999/x999/x999/x999/999",
            "0/+01",
            "entries/000.p/1/",
            "0//000",
        ];
        for name in wrong {
            assert_eq!(Tile::parse(name), None, "{name}");
        }
    }

    #[test]
    fn a_tree_of_70_000_has_the_tiles_of_the_specification() {
        let size = 70_000;
        for (tile, is_there) in [
            (hashes(0, 272, 256), true),
            (hashes(0, 273, 112), true),
            (hashes(0, 273, 113), false),
            (hashes(0, 273, 256), false),
            (hashes(1, 0, 256), true),
            (hashes(1, 1, 17), true),
            (hashes(1, 1, 18), false),
            (hashes(2, 0, 1), true),
            (hashes(2, 0, 2), false),
            (hashes(7, 0, 1), false),
            (hashes(8, 0, 1), false),
            (hashes(63, u64::MAX, 256), false),
            (Tile { content: Content::Entries, index: 273, width: 112 }, true),
        ] {
            assert_eq!(tile.is_in(size), is_there, "{tile}");
        }
    }

    #[test]
    fn the_parts_of_every_proof_are_made_of_nodes_within_one_tile() {
        let leaves: Vec<Hash> = (0..300u64).map(|n| Hash::of_leaf(&n.to_be_bytes())).collect();
        let node = |node: Node| {
            let begin = (node.index << node.level) as usize;
            root_of(&leaves[begin..begin + (1 << node.level)])
        };
        // Trees of every small shape, and those about full tiles.
        for size in (1..=70).chain([127, 128, 129, 255, 256, 257, 300]) {
            let every = (0..size).flat_map(|index| inclusion_parts(index, size).unwrap());
            let older = (1..=size).flat_map(|old| consistency_parts(old, size).unwrap());
            for part in every.chain(older).chain(std::iter::once(0..size)) {
                let nodes = nodes_of(&part);
                let hashes: Vec<Hash> = nodes.iter().map(|of| node(*of)).collect();
                assert_eq!(
                    root_of_nodes(&hashes),
                    root_of(&leaves[part.start as usize..part.end as usize]),
                    "{part:?}"
                );
                for node in nodes {
                    let (level, positions) = node.in_tile();
                    assert_eq!(positions.start / WIDTH, (positions.end - 1) / WIDTH, "{node:?}");
                    assert!(positions.end <= size >> (HEIGHT * level), "{node:?} of {size}");
                }
            }
        }
    }
}

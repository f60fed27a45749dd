//! The tree's right edge: all that appending and the root need, at most 64 hashes however long the log is.

use crate::hash::Hash;

/// Bytes that are not a frontier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a tree size and one hash per complete subtree of it")]
pub struct FrontierError;

/// The compact range of a tree: the roots of its complete subtrees, largest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frontier {
    size: u64,
    roots: Vec<Hash>,
}

impl Frontier {
    /// The number of leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Appends a leaf.
    pub fn push(&mut self, leaf: Hash) {
        let mut node = leaf;
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.roots.pop() {
                node = Hash::of_node(&left, &node);
            }
        }
        self.roots.push(node);
        self.size += 1;
    }

    /// The root of the tree (RFC 6962 §2.1).
    pub fn root(&self) -> Hash {
        let mut smallest_first = self.roots.iter().rev();
        match smallest_first.next() {
            None => Hash::of_empty_tree(),
            Some(&smallest) => smallest_first.fold(smallest, |right, left| Hash::of_node(left, &right)),
        }
    }

    /// For keeping: the size, big endian, and the hashes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let hashes = self.roots.iter().flat_map(|root| root.as_bytes().iter().copied());
        self.size.to_be_bytes().into_iter().chain(hashes).collect()
    }

    /// What was kept.
    ///
    /// # Errors
    /// When the number of hashes is not that of the size's complete subtrees.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, FrontierError> {
        let (size, hashes) = bytes.split_first_chunk::<8>().ok_or(FrontierError)?;
        let size = u64::from_be_bytes(*size);
        let (roots, rest) = hashes.as_chunks::<32>();
        if !rest.is_empty() || roots.len() != size.count_ones() as usize {
            return Err(FrontierError);
        }
        Ok(Self { size, roots: roots.iter().map(|bytes| Hash::from_bytes(*bytes)).collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proof::root_of;

    #[test]
    fn known_roots() {
        // The reference vectors of Certificate Transparency's test data.
        let leaves: [&[u8]; 3] = [b"", b"\x00", b"\x10"];
        let roots = [
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        ];
        let mut frontier = Frontier::default();
        assert_eq!(frontier.root().to_string(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        for (leaf, root) in leaves.into_iter().zip(roots) {
            frontier.push(Hash::of_leaf(leaf));
            assert_eq!(frontier.root().to_string(), root);
        }
    }

    #[test]
    fn equals_the_recursive_definition_and_survives_keeping() {
        let mut frontier = Frontier::default();
        let mut leaves = Vec::new();
        for n in 0..300u32 {
            assert_eq!(frontier.root(), root_of(&leaves));
            assert_eq!(Frontier::from_bytes(&frontier.to_bytes()), Ok(frontier.clone()));
            let leaf = Hash::of_leaf(&n.to_be_bytes());
            leaves.push(leaf);
            frontier.push(leaf);
        }
        let bytes = frontier.to_bytes();
        assert_eq!(Frontier::from_bytes(&bytes[..bytes.len() - 1]), Err(FrontierError));
        assert_eq!(Frontier::from_bytes(&bytes[..bytes.len() - 32]), Err(FrontierError));
    }
}

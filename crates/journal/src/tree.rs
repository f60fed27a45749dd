//! The right edge of an RFC 6962 Merkle tree as a compact range: enough to append and to give the root, in at most 64
//! hashes, so that a log of any length is extended in constant memory.

use serde::{Deserialize, Serialize};

use crate::{Hash, JournalError};

/// The roots of the perfect subtrees that a tree consists of, the largest (leftmost) first: one for each bit that is
/// set in the tree's size.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frontier {
    size: u64,
    peaks: Vec<Hash>,
}

impl Frontier {
    /// The number of leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Appends a leaf's hash.
    pub fn push(&mut self, leaf: Hash) {
        let mut node = leaf;
        // Each trailing one bit of the size is a perfect subtree that the new leaf completes to one of twice the size.
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.peaks.pop() {
                node = Hash::of_node(&left, &node);
            }
        }
        self.peaks.push(node);
        self.size += 1;
    }

    /// The Merkle tree hash over everything pushed (RFC 6962 §2.1).
    pub fn root(&self) -> Hash {
        let from_the_right = self.peaks.iter().rev().copied().reduce(|right, left| Hash::of_node(&left, &right));
        from_the_right.unwrap_or_else(Hash::of_empty_tree)
    }

    /// The size as 8 bytes, most significant first, then the hashes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let hashes = self.peaks.iter().flat_map(|peak| peak.as_bytes());
        self.size.to_be_bytes().iter().chain(hashes).copied().collect()
    }

    /// What [`Frontier::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`JournalError::FrontierBytes`] when the length does not fit the size.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, JournalError> {
        let wrong = JournalError::FrontierBytes { length: bytes.len() };
        let Some((size, hashes)) = bytes.split_first_chunk::<8>() else { return Err(wrong) };
        let size = u64::from_be_bytes(*size);
        let (hashes, rest) = hashes.as_chunks::<32>();
        if !rest.is_empty() || hashes.len() != size.count_ones() as usize {
            return Err(wrong);
        }
        Ok(Self { size, peaks: hashes.iter().map(|hash| Hash::from_bytes(*hash)).collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proof::root_of;

    /// The test leaves and roots that implementations of RFC 6962 share (certificate-transparency's reference tests).
    const LEAVES: [&str; 8] =
        ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];
    const ROOTS: [&str; 9] = [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];

    fn bytes_of(hex: &str) -> Vec<u8> {
        (0..hex.len() / 2).map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap()).collect()
    }

    #[test]
    fn roots_are_those_of_the_reference_implementation() {
        let mut frontier = Frontier::default();
        assert_eq!(frontier.root().to_string(), ROOTS[0]);
        for (leaf, root) in LEAVES.iter().zip(&ROOTS[1..]) {
            frontier.push(Hash::of_leaf(&bytes_of(leaf)));
            assert_eq!(frontier.root().to_string(), *root, "after {}", frontier.size());
        }
    }

    #[test]
    fn equals_the_recursive_definition_and_survives_keeping() {
        let (mut frontier, mut leaves) = (Frontier::default(), Vec::new());
        for n in 0..=300u32 {
            assert_eq!((frontier.size(), frontier.root()), (u64::from(n), root_of(&leaves)));
            assert_eq!(Frontier::from_bytes(&frontier.to_bytes()).unwrap(), frontier);
            let leaf = Hash::of_leaf(&n.to_be_bytes());
            leaves.push(leaf);
            frontier.push(leaf);
        }
    }

    #[test]
    fn bytes_that_do_not_fit_the_size_are_refused() {
        let mut frontier = Frontier::default();
        (0..5u8).for_each(|n| frontier.push(Hash::of_leaf(&[n])));
        let good = frontier.to_bytes();
        assert_eq!(good.len(), 8 + 2 * 32);
        let mut longer = good.clone();
        longer.push(0);
        let mut other_size = good.clone();
        other_size[7] = 7;
        for bad in [&[][..], &good[..7], &good[..good.len() - 1], &good[..40], &longer, &other_size] {
            assert!(matches!(Frontier::from_bytes(bad), Err(JournalError::FrontierBytes { .. })), "{bad:?}");
        }
    }
}

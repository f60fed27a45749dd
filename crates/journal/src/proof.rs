//! Inclusion and consistency proofs, made from leaves and checked without them (RFC 6962 §2.1.1, §2.1.2; the checks
//! follow RFC 9162 §2.1.3.2 and §2.1.4.2).

use crate::hash::Hash;

/// The largest power of two below `n`; `n` is at least 2.
fn split(n: usize) -> usize {
    1 << (usize::BITS - 1 - (n - 1).leading_zeros())
}

/// The root over leaves, by the recursive definition.
pub fn root_of(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Hash::of_empty_tree(),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(split(leaves.len()));
            Hash::of_node(&root_of(left), &root_of(right))
        }
    }
}

/// The path that proves the leaf at `index` in the tree over `leaves`; `None` when there is no such leaf.
pub fn inclusion(leaves: &[Hash], index: usize) -> Option<Vec<Hash>> {
    if index >= leaves.len() {
        return None;
    }
    let mut path = Vec::new();
    let (mut leaves, mut index) = (leaves, index);
    while leaves.len() > 1 {
        let (left, right) = leaves.split_at(split(leaves.len()));
        if index < left.len() {
            path.push(root_of(right));
            leaves = left;
        } else {
            path.push(root_of(left));
            index -= left.len();
            leaves = right;
        }
    }
    path.reverse();
    Some(path)
}

/// Whether `path` proves that `leaf` stands at `index` of the tree of `size` leaves with this `root`.
pub fn verify_inclusion(leaf: Hash, index: u64, size: u64, path: &[Hash], root: Hash) -> bool {
    if index >= size {
        return false;
    }
    let (mut place, mut last, mut node) = (index, size - 1, leaf);
    for sibling in path {
        if last == 0 {
            return false;
        }
        if place & 1 == 1 || place == last {
            node = Hash::of_node(sibling, &node);
            while place & 1 == 0 && place != 0 {
                place >>= 1;
                last >>= 1;
            }
        } else {
            node = Hash::of_node(&node, sibling);
        }
        place >>= 1;
        last >>= 1;
    }
    last == 0 && node == root
}

/// The proof that the tree over the first `size` leaves is a beginning of the tree over `leaves`; `None` when it is
/// not shorter or equal, or empty.
pub fn consistency(leaves: &[Hash], size: usize) -> Option<Vec<Hash>> {
    if size == 0 || size > leaves.len() {
        return None;
    }
    let mut path = Vec::new();
    subproof(leaves, size, &mut path, Known::Yes);
    Some(path)
}

/// Whether the verifier knows the root of the subtree already: it does as long as it is the old tree itself.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Known {
    Yes,
    No,
}

fn subproof(leaves: &[Hash], size: usize, path: &mut Vec<Hash>, known: Known) {
    if size == leaves.len() {
        if known == Known::No {
            path.push(root_of(leaves));
        }
        return;
    }
    let (left, right) = leaves.split_at(split(leaves.len()));
    if size <= left.len() {
        subproof(left, size, path, known);
        path.push(root_of(right));
    } else {
        subproof(right, size - left.len(), path, Known::No);
        path.push(root_of(left));
    }
}

/// Whether `path` proves that the tree of `old_size` leaves with `old_root` is a beginning of the tree of `new_size`
/// leaves with `new_root`.
pub fn verify_consistency(old_size: u64, old_root: Hash, new_size: u64, new_root: Hash, path: &[Hash]) -> bool {
    if old_size == 0 || old_size > new_size {
        return false;
    }
    if old_size == new_size {
        return path.is_empty() && old_root == new_root;
    }
    let (mut place, mut last) = (old_size - 1, new_size - 1);
    while place & 1 == 1 {
        place >>= 1;
        last >>= 1;
    }
    let mut rest = path.iter();
    let start = if old_size.is_power_of_two() { Some(&old_root) } else { rest.next() };
    let Some(&start) = start else { return false };
    let (mut old, mut new) = (start, start);
    for sibling in rest {
        if last == 0 {
            return false;
        }
        if place & 1 == 1 || place == last {
            old = Hash::of_node(sibling, &old);
            new = Hash::of_node(sibling, &new);
            while place & 1 == 0 && place != 0 {
                place >>= 1;
                last >>= 1;
            }
        } else {
            new = Hash::of_node(&new, sibling);
        }
        place >>= 1;
        last >>= 1;
    }
    last == 0 && old == old_root && new == new_root
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaves(n: u32) -> Vec<Hash> {
        (0..n).map(|n| Hash::of_leaf(&n.to_be_bytes())).collect()
    }

    #[test]
    fn every_leaf_of_every_small_tree_is_proven_and_nothing_else_is() {
        for size in 1..=70usize {
            let leaves = leaves(size as u32);
            let root = root_of(&leaves);
            for index in 0..size {
                let path = inclusion(&leaves, index).unwrap();
                let holds = |leaf, at: usize, path: &[Hash]| verify_inclusion(leaf, at as u64, size as u64, path, root);
                assert!(holds(leaves[index], index, &path));
                assert!(!holds(Hash::ZERO, index, &path));
                assert!(size == 1 || !holds(leaves[index], (index + 1) % size, &path));
                let longer: Vec<Hash> = path.iter().copied().chain([Hash::ZERO]).collect();
                assert!(!holds(leaves[index], index, &longer));
                assert!(path.is_empty() || !holds(leaves[index], index, &path[1..]));
            }
            assert_eq!(inclusion(&leaves, size), None);
        }
    }

    #[test]
    fn every_pair_of_small_trees_is_consistent_and_a_fork_is_not() {
        for new in 1..=70usize {
            let leaves = leaves(new as u32);
            let new_root = root_of(&leaves);
            for old in 1..=new {
                let old_root = root_of(&leaves[..old]);
                let path = consistency(&leaves, old).unwrap();
                assert!(verify_consistency(old as u64, old_root, new as u64, new_root, &path), "{old} of {new}");
                assert!(!verify_consistency(old as u64, Hash::ZERO, new as u64, new_root, &path));
                assert!(!verify_consistency(old as u64, old_root, new as u64, Hash::ZERO, &path));
            }
        }
    }
}

//! Inclusion and consistency proofs, made from the hashes of a tree and checked without them (RFC 6962 §2.1.1, §2.1.2;
//! the checks follow RFC 9162 §2.1.3.2 and §2.1.4.2). Which parts of the tree a proof consists of follows from sizes alone:
//! whoever makes one fetches no more than their roots.

use std::ops::Range;

use crate::Hash;

/// The largest power of two below `n`; `n` is at least 2.
fn split(n: u64) -> u64 {
    1 << (u64::BITS - 1 - (n - 1).leading_zeros())
}

/// The two subtrees of a part of more than one leaf.
fn halves(part: &Range<u64>) -> (Range<u64>, Range<u64>) {
    let middle = part.start + split(part.end - part.start);
    (part.start..middle, middle..part.end)
}

/// The root over leaves, by the recursive definition.
pub fn root_of(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Hash::of_empty_tree(),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(split(leaves.len() as u64) as usize);
            Hash::of_node(&root_of(left), &root_of(right))
        }
    }
}

/// The parts, as positions of leaves, whose roots prove the leaf at `index` in the tree of `size` leaves: from the leaf's
/// sibling up. `None` when there is no such leaf.
pub fn inclusion_parts(index: u64, size: u64) -> Option<Vec<Range<u64>>> {
    if index >= size {
        return None;
    }
    let mut parts = Vec::new();
    let mut part = 0..size;
    while part.end - part.start > 1 {
        let (left, right) = halves(&part);
        let (within, beside) = if index < left.end { (left, right) } else { (right, left) };
        parts.push(beside);
        part = within;
    }
    parts.reverse();
    Some(parts)
}

/// The parts whose roots prove that the tree of `old_size` leaves is a beginning of the tree of `new_size`; `None` when it
/// is longer, or empty.
pub fn consistency_parts(old_size: u64, new_size: u64) -> Option<Vec<Range<u64>>> {
    if old_size == 0 || old_size > new_size {
        return None;
    }
    let mut parts = Vec::new();
    let mut part = 0..new_size;
    while old_size != part.end {
        let (left, right) = halves(&part);
        let (within, beside) = if old_size <= left.end { (left, right) } else { (right, left) };
        parts.push(beside);
        part = within;
    }
    // The verifier knows the root of the old tree itself.
    parts.extend((part.start > 0).then_some(part));
    parts.reverse();
    Some(parts)
}

fn roots(leaves: &[Hash], parts: Option<Vec<Range<u64>>>) -> Option<Vec<Hash>> {
    parts?.into_iter().map(|part| leaves.get(part.start as usize..part.end as usize).map(root_of)).collect()
}

/// The path that proves the leaf at `index` in the tree over `leaves`; `None` when there is no such leaf.
pub fn inclusion(leaves: &[Hash], index: usize) -> Option<Vec<Hash>> {
    roots(leaves, inclusion_parts(index as u64, leaves.len() as u64))
}

/// The proof that the tree over the first `size` leaves is a beginning of the tree over `leaves`; `None` when it is
/// not shorter or equal, or empty.
pub fn consistency(leaves: &[Hash], size: usize) -> Option<Vec<Hash>> {
    roots(leaves, consistency_parts(size as u64, leaves.len() as u64))
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
    use proptest::prelude::*;

    fn leaves(n: u64) -> Vec<Hash> {
        (0..n).map(|n| Hash::of_leaf(&n.to_be_bytes())).collect()
    }

    #[test]
    fn proofs_are_those_of_the_definition() {
        let d = leaves(7);
        let node = |l: usize, r: usize| root_of(&d[l..r]);
        // RFC 6962 §2.1.3, the example over seven leaves.
        assert_eq!(inclusion(&d, 0).unwrap(), [d[1], node(2, 4), node(4, 7)]);
        assert_eq!(inclusion(&d, 3).unwrap(), [d[2], node(0, 2), node(4, 7)]);
        assert_eq!(inclusion(&d, 4).unwrap(), [d[5], d[6], node(0, 4)]);
        assert_eq!(inclusion(&d, 6).unwrap(), [node(4, 6), node(0, 4)]);
        assert_eq!(consistency(&d, 3).unwrap(), [d[2], d[3], node(0, 2), node(4, 7)]);
        assert_eq!(consistency(&d, 4).unwrap(), [node(4, 7)]);
        assert_eq!(consistency(&d, 6).unwrap(), [node(4, 6), d[6], node(0, 4)]);
        assert_eq!(consistency(&d, 7).unwrap(), []);
    }

    #[test]
    fn leaves_of_every_tree_up_to_300_are_proven_and_nothing_else_is() {
        for size in 0..=300u64 {
            let leaves = leaves(size);
            let root = root_of(&leaves);
            // All leaves where trees of every shape stand; of the larger ones the edges and some between.
            for index in (0..size).filter(|index| size <= 130 || index % 17 == 0 || index + 2 >= size) {
                let (leaf, path) = (leaves[index as usize], inclusion(&leaves, index as usize).unwrap());
                assert!(verify_inclusion(leaf, index, size, &path, root), "{index} of {size}");
                assert!(!verify_inclusion(Hash::ZERO, index, size, &path, root));
                assert!(!verify_inclusion(leaf, index, size, &path, Hash::ZERO));
                assert!(size == 1 || !verify_inclusion(leaf, (index + 1) % size, size, &path, root));
                let longer: Vec<Hash> = path.iter().copied().chain([Hash::ZERO]).collect();
                assert!(!verify_inclusion(leaf, index, size, &longer, root));
                assert!(path.is_empty() || !verify_inclusion(leaf, index, size, &path[1..], root));
            }
            assert_eq!(inclusion(&leaves, size as usize), None);
            assert!(!verify_inclusion(Hash::ZERO, size, size, &[], root));
        }
    }

    #[test]
    fn pairs_of_trees_up_to_300_are_consistent_and_a_fork_is_not() {
        let all = leaves(300);
        let roots: Vec<Hash> = (0..=300).map(|size| root_of(&all[..size])).collect();
        for new in 0..=300usize {
            assert_eq!(consistency(&all[..new], 0), None);
            assert_eq!(consistency(&all[..new], new + 1), None);
            for old in (1..=new).filter(|old| new <= 130 || old % 17 == 0 || old + 2 >= new) {
                let path = consistency(&all[..new], old).unwrap();
                let holds = |old_root, new_root, path: &[Hash]| {
                    verify_consistency(old as u64, old_root, new as u64, new_root, path)
                };
                assert!(holds(roots[old], roots[new], &path), "{old} of {new}");
                assert!(!holds(Hash::ZERO, roots[new], &path), "{old} of {new}");
                assert!(!holds(roots[old], Hash::ZERO, &path), "{old} of {new}");
                assert!(path.is_empty() || !holds(roots[old], roots[new], &path[..path.len() - 1]));
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn large_trees_are_proven_and_each_changed_hash_is_found(
            size in 301u64..5_000, place in any::<prop::sample::Index>(), older in any::<prop::sample::Index>(),
            flip in any::<prop::sample::Index>(),
        ) {
            let leaves = leaves(size);
            let (root, index) = (root_of(&leaves), place.index(leaves.len()));
            let mut path = inclusion(&leaves, index).unwrap();
            prop_assert!(verify_inclusion(leaves[index], index as u64, size, &path, root));
            let at = flip.index(path.len());
            path[at] = Hash::of_leaf(path[at].as_bytes());
            prop_assert!(!verify_inclusion(leaves[index], index as u64, size, &path, root));

            let old = 1 + older.index(leaves.len() - 1);
            let old_root = root_of(&leaves[..old]);
            let mut path = consistency(&leaves, old).unwrap();
            prop_assert!(verify_consistency(old as u64, old_root, size, root, &path));
            prop_assert!(!verify_consistency(old as u64 + 1, old_root, size, root, &path));
            let at = flip.index(path.len());
            path[at] = Hash::of_leaf(path[at].as_bytes());
            prop_assert!(!verify_consistency(old as u64, old_root, size, root, &path));
        }

        #[test]
        fn no_proof_makes_the_verifier_panic(
            index in any::<u64>(), size in any::<u64>(), length in 0usize..80, old in any::<u64>(),
        ) {
            let path = vec![Hash::ZERO; length];
            verify_inclusion(Hash::ZERO, index, size, &path, Hash::ZERO);
            verify_consistency(old, Hash::ZERO, size, Hash::ZERO, &path);
        }
    }
}

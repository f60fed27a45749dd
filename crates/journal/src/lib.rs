//! The transparency log: Merkle tree, heads, proofs, chains and the verifier, without I/O.

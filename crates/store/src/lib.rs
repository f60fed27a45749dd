//! The storage port, the memory engine and the conformance suite of every engine.

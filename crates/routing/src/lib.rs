//! Road graphs and routes under constraints: pure computation over values.

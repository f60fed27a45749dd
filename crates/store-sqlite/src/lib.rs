//! The embedded engine: one SQLite file, one writer thread, group commit.

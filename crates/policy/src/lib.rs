//! The policy engine: Cedar layers, typed facts, decisions with constraints and reasons.

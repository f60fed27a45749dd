//! The vehicle agent: a sans-IO core, its vehicle port, and the process around it.

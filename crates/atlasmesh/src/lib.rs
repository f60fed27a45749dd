//! The atlasmesh binary: command line, configuration, wiring of every part.

//! The edges: HTTP API, vehicle listener, authentication.

//! A whole installation for a test: the server's program, agents' programs, an HTTP client that owes nothing to the
//! product's own, and waits for levels with deadlines. Nothing here looks inside the product.

#![allow(dead_code, unused_imports, reason = "each test file uses its own part of the harness")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a harness that cannot go on fails the test")]
#![allow(clippy::print_stderr, reason = "what a program said explains why its test failed")]

pub mod agent;
pub mod authority;
pub mod foreign;
pub mod furnish;
pub mod http;
pub mod live;
pub mod maintenance;
pub mod openapi;
pub mod process;
pub mod proxy;
pub mod receiver;
pub mod security;
pub mod server;
pub mod site;
pub mod time;
pub mod updates;
pub mod world;

pub use agent::Agent;
pub use http::{Answer, Http};
pub use server::{Serve, Server};
pub use world::World;

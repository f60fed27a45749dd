//! The generated messages of protocol version 1 and, with feature `grpc`, its client and server. What the messages
//! mean stands in `proto/atlasmesh/link/v1/link.proto`.
#![allow(missing_docs, reason = "generated; documented in the protocol file")]
#![allow(clippy::all, clippy::too_many_lines, reason = "generated")]

include!(concat!(env!("OUT_DIR"), "/atlasmesh.link.v1.rs"));

//! Who is who, by certificates: SPIFFE ids, the profiles of what an authority signs, certificate requests, enrolment
//! messages (EST, RFC 7030), trust bundles and tokens. Pure: the server signs and verifies with it, and so does the agent.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking"))]

pub mod bundle;
pub mod certificate;
pub mod est;
pub mod jwt;
pub mod peer;
pub mod request;
pub mod spiffe;
pub mod statement;
pub mod term;
pub mod verifier;

pub use certificate::{Authority, Issued, ServerNames};
pub use peer::PeerCertificate;
pub use request::{RequestError, SubjectKey};
pub use spiffe::{SpiffeId, SpiffeIdError, TrustDomain};
pub use term::Term;

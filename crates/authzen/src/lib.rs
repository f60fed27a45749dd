//! The OpenID AuthZEN Authorization API 1.0 without I/O: a body arrives as JSON, whoever decides is a [`DecisionPoint`],
//! and the answer is a value that serializes as the specification shows it.
//!
//! A denial is an answer; a [`Refusal`] is for who asked wrongly, and its status is 400 whatever was wrong. What the
//! specification does not name is ignored, because others extend it. An answer has a `context` only where there is
//! something to say: published test programs compare answers letter by letter.

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        reason = "a test fails by panicking"
    )
)]

mod answer;
mod metadata;
mod point;
mod question;
mod read;
mod search;

pub use answer::{Answer, Decided, Found, Hit, PageFound};
pub use metadata::{Metadata, WELL_KNOWN};
pub use point::{Candidates, DecisionPoint, decide, decide_all, find};
pub use question::{Action, Entity, Evaluation, Evaluations, Item, Properties, Semantic};
pub use read::{Fault, Refusal, is_json, read};
pub use search::{Page, Search, Wanted};

/// Evaluations that one request costs at most: the items of a batch, and the candidates that one page of a search looks at.
pub const EVALUATIONS_MAX: usize = 1000;
/// Results of a page where the client names no limit.
pub const PAGE_LIMIT: usize = 100;
/// The status of a request that is wrong.
pub const BAD_REQUEST: u16 = 400;

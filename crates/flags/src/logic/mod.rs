//! Rules in JsonLogic, as far as flagd uses it, with flagd's own operators. A rule is compiled once, with limits of depth
//! and size, and evaluated with a limit of steps, so every evaluation ends soon.

mod coerce;
mod compile;
mod custom;
mod eval;
mod op;

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::Value;

pub(crate) use compile::{Compiler, Evaluators};
pub(crate) use eval::Run;
use op::Op;

/// The deepest rule, references included.
pub const DEPTH_MAX: usize = 48;
/// The largest rule in nodes, references included.
pub const NODES_MAX: usize = 10_000;
/// The most nodes that one evaluation visits and copies; more only happens over long lists of the context.
pub const STEPS_MAX: u32 = 20_000;
/// The longest text that a rule may put together.
pub const TEXT_BYTES_MAX: usize = 64 * 1_024;

/// Why a rule cannot be compiled or evaluated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LogicError {
    #[error("the rule is nested deeper than {DEPTH_MAX} levels")]
    TooDeep,
    #[error("the rule has more than {NODES_MAX} nodes")]
    TooLarge,
    #[error("`{0}` is no operator")]
    UnknownOperator(String),
    #[error("`{operator}` takes {expected}, not {found}")]
    Operands { operator: &'static str, expected: &'static str, found: usize },
    #[error("$ref names `{0}`, which $evaluators does not have")]
    UnknownReference(String),
    #[error("$ref `{0}` leads back to itself")]
    Circle(String),
    #[error("the evaluation takes more than {STEPS_MAX} steps")]
    TooManySteps,
    #[error("the rule puts together more than {TEXT_BYTES_MAX} bytes, or too many levels")]
    TooLong,
    #[error("the result of `{0}` is no finite number")]
    NotFinite(&'static str),
    #[error("the context has no targetingKey to choose a bucket by")]
    NoTargetingKey,
    #[error("fractional: {0}")]
    Fractional(&'static str),
}

/// A compiled rule.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Expr {
    Constant(Value),
    /// A path that is known beforehand.
    Path(Box<[String]>, Option<Box<Expr>>),
    List(Vec<Expr>),
    Call(Op, Vec<Expr>),
    /// A rule of `$evaluators`, compiled once.
    Shared(Arc<Expr>),
}

/// What an expression gives: mostly something that lies in the rule or in the context.
pub(crate) type Given<'a> = Cow<'a, Value>;

//! The operators and how many operands each takes; what is none of them is refused when the flags are read.

/// An operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op {
    Var,
    Missing,
    MissingSome,
    If,
    And,
    Or,
    Not,
    Truthy,
    Equal,
    NotEqual,
    Identical,
    NotIdentical,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Max,
    Min,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Cat,
    Substr,
    In,
    Merge,
    Map,
    Filter,
    Reduce,
    All,
    Some,
    None,
    Fractional,
    StartsWith,
    EndsWith,
    SemVer,
}

/// An operator with its name and the least and the most operands that it takes.
type Row = (&'static str, Op, usize, usize);

const MANY: usize = usize::MAX;
const TABLE: &[Row] = &[
    ("var", Op::Var, 0, 2),
    ("missing", Op::Missing, 0, MANY),
    ("missing_some", Op::MissingSome, 2, 2),
    ("if", Op::If, 0, MANY),
    ("?:", Op::If, 0, MANY),
    ("and", Op::And, 1, MANY),
    ("or", Op::Or, 1, MANY),
    ("!", Op::Not, 1, 1),
    ("!!", Op::Truthy, 1, 1),
    ("==", Op::Equal, 2, 2),
    ("!=", Op::NotEqual, 2, 2),
    ("===", Op::Identical, 2, 2),
    ("!==", Op::NotIdentical, 2, 2),
    ("<", Op::Less, 2, 3),
    ("<=", Op::LessOrEqual, 2, 3),
    (">", Op::Greater, 2, 2),
    (">=", Op::GreaterOrEqual, 2, 2),
    ("max", Op::Max, 1, MANY),
    ("min", Op::Min, 1, MANY),
    ("+", Op::Add, 1, MANY),
    ("-", Op::Subtract, 1, 2),
    ("*", Op::Multiply, 1, MANY),
    ("/", Op::Divide, 2, 2),
    ("%", Op::Remainder, 2, 2),
    ("cat", Op::Cat, 0, MANY),
    ("substr", Op::Substr, 2, 3),
    ("in", Op::In, 2, 2),
    ("merge", Op::Merge, 0, MANY),
    ("map", Op::Map, 2, 2),
    ("filter", Op::Filter, 2, 2),
    ("reduce", Op::Reduce, 2, 3),
    ("all", Op::All, 2, 2),
    ("some", Op::Some, 2, 2),
    ("none", Op::None, 2, 2),
    ("fractional", Op::Fractional, 1, MANY),
    ("starts_with", Op::StartsWith, 2, 2),
    ("ends_with", Op::EndsWith, 2, 2),
    ("sem_ver", Op::SemVer, 3, 3),
];

/// What is known of an operator.
pub(crate) struct Known {
    pub(crate) name: &'static str,
    pub(crate) op: Op,
    least: usize,
    most: usize,
}

impl Known {
    pub(crate) fn takes(&self, operands: usize) -> bool {
        (self.least..=self.most).contains(&operands)
    }

    pub(crate) fn expected(&self) -> &'static str {
        match (self.least, self.most) {
            (1, 1) => "one operand",
            (2, 2) => "two operands",
            (3, 3) => "three operands",
            (2, 3) => "two or three operands",
            (1, 2) => "one or two operands",
            (0, 2) => "at most two operands",
            _ => "at least one operand",
        }
    }
}

/// The operator of a name.
pub(crate) fn named(name: &str) -> Option<Known> {
    let &(name, op, least, most) = TABLE.iter().find(|(known, ..)| *known == name)?;
    Some(Known { name, op, least, most })
}

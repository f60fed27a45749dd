//! From JSON to a compiled rule: operators are known, depth and size are within limits, references are resolved once and
//! lead nowhere in a circle.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::op::{Op, named};
use super::{DEPTH_MAX, Expr, LogicError, NODES_MAX};

/// A shared rule with its own depth and size, which every use adds to its place.
#[derive(Debug, Clone)]
struct Shared {
    expr: Arc<Expr>,
    depth: usize,
    nodes: usize,
    uses_time: bool,
}

/// The rules of `$evaluators`, as JSON until something uses them.
pub(crate) struct Evaluators {
    sources: Map<String, Value>,
    compiled: BTreeMap<String, Shared>,
}

impl Evaluators {
    pub(crate) fn new(sources: Map<String, Value>) -> Self {
        Self { sources, compiled: BTreeMap::new() }
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.sources.keys().cloned().collect()
    }
}

/// Compiles one rule.
pub(crate) struct Compiler<'a> {
    evaluators: &'a mut Evaluators,
    /// The references that lead here.
    path: Vec<String>,
    nodes: usize,
    deepest: usize,
    uses_time: bool,
}

impl<'a> Compiler<'a> {
    pub(crate) fn new(evaluators: &'a mut Evaluators) -> Self {
        Self { evaluators, path: Vec::new(), nodes: 0, deepest: 0, uses_time: false }
    }

    /// The rule, and whether its answer changes with time.
    pub(crate) fn compile(mut self, source: &Value) -> Result<(Expr, bool), LogicError> {
        let expr = self.expr(source, 1)?;
        Ok((expr, self.uses_time))
    }

    /// Compiles a shared rule even if nothing uses it, so that a fault in it is told.
    pub(crate) fn check_shared(mut self, name: &str) -> Result<(), LogicError> {
        self.shared(name, 1).map(drop)
    }

    fn visit(&mut self, depth: usize, nodes: usize) -> Result<(), LogicError> {
        self.deepest = self.deepest.max(depth);
        self.nodes = self.nodes.saturating_add(nodes);
        match (depth > DEPTH_MAX, self.nodes > NODES_MAX) {
            (true, _) => Err(LogicError::TooDeep),
            (_, true) => Err(LogicError::TooLarge),
            _ => Ok(()),
        }
    }

    fn expr(&mut self, source: &Value, depth: usize) -> Result<Expr, LogicError> {
        self.visit(depth, 1)?;
        match source {
            Value::Array(items) => {
                let items: Result<Vec<Expr>, LogicError> =
                    items.iter().map(|item| self.expr(item, depth + 1)).collect();
                Ok(folded(items?))
            }
            Value::Object(members) => match members.iter().next() {
                Some((name, operands)) if members.len() == 1 => self.call(name, operands, depth),
                // More or fewer members than one are data.
                _ => Ok(Expr::Constant(source.clone())),
            },
            scalar => Ok(Expr::Constant(scalar.clone())),
        }
    }

    fn call(&mut self, name: &str, operands: &Value, depth: usize) -> Result<Expr, LogicError> {
        if name == "$ref" {
            let name = operands.as_str().unwrap_or_default();
            return self.shared(name, depth);
        }
        let known = named(name).ok_or_else(|| LogicError::UnknownOperator(name.to_owned()))?;
        let operands = match operands {
            Value::Array(items) => items.as_slice(),
            one => std::slice::from_ref(one),
        };
        if !known.takes(operands.len()) {
            let (operator, expected) = (known.name, known.expected());
            return Err(LogicError::Operands { operator, expected, found: operands.len() });
        }
        let operands: Result<Vec<Expr>, LogicError> =
            operands.iter().map(|operand| self.expr(operand, depth + 1)).collect();
        let operands = operands?;
        if known.op == Op::Var {
            return Ok(self.var(operands));
        }
        Ok(Expr::Call(known.op, operands))
    }

    /// A path that stands in the rule is split once; one that is computed may name the time as well.
    fn var(&mut self, mut operands: Vec<Expr>) -> Expr {
        let path = match operands.first() {
            None => Some(String::new()),
            Some(Expr::Constant(Value::String(path))) => Some(path.clone()),
            Some(Expr::Constant(Value::Null)) => Some(String::new()),
            Some(Expr::Constant(Value::Number(number))) => Some(number.to_string()),
            _ => None,
        };
        match path {
            None => {
                self.uses_time = true;
                Expr::Call(Op::Var, operands)
            }
            Some(path) => {
                self.uses_time |= path == "$flagd" || path.starts_with("$flagd.timestamp");
                let default = (operands.len() > 1).then(|| operands.pop()).flatten().map(Box::new);
                let parts = if path.is_empty() { Box::default() } else { path.split('.').map(str::to_owned).collect() };
                Expr::Path(parts, default)
            }
        }
    }

    fn shared(&mut self, name: &str, depth: usize) -> Result<Expr, LogicError> {
        if !self.evaluators.compiled.contains_key(name) {
            self.compile_shared(name)?;
        }
        let shared = self.evaluators.compiled.get(name).cloned();
        let shared = shared.ok_or_else(|| LogicError::UnknownReference(name.to_owned()))?;
        self.visit(depth.saturating_add(shared.depth), shared.nodes)?;
        self.uses_time |= shared.uses_time;
        Ok(Expr::Shared(shared.expr))
    }

    fn compile_shared(&mut self, name: &str) -> Result<(), LogicError> {
        if self.path.iter().any(|outer| outer == name) {
            return Err(LogicError::Circle(name.to_owned()));
        }
        if self.path.len() > DEPTH_MAX {
            return Err(LogicError::TooDeep);
        }
        let source = self.evaluators.sources.get(name).cloned();
        let source = source.ok_or_else(|| LogicError::UnknownReference(name.to_owned()))?;
        let mut path = self.path.clone();
        path.push(name.to_owned());
        let mut inner = Compiler { evaluators: &mut *self.evaluators, path, nodes: 0, deepest: 0, uses_time: false };
        let expr = Arc::new(inner.expr(&source, 1)?);
        let shared = Shared { expr, depth: inner.deepest, nodes: inner.nodes, uses_time: inner.uses_time };
        self.evaluators.compiled.insert(name.to_owned(), shared);
        Ok(())
    }
}

/// A list of constants is a constant, so that it is never put together again.
fn folded(items: Vec<Expr>) -> Expr {
    let constants: Option<Vec<Value>> = items
        .iter()
        .map(|item| match item {
            Expr::Constant(value) => Some(value.clone()),
            _ => None,
        })
        .collect();
    constants.map_or(Expr::List(items), |values| Expr::Constant(Value::Array(values)))
}

//! The condition of a rule: names of selections, `and`, `or`, `not`, parentheses, `1 of …` and `all of …`.

use serde_json::{Map, Value};

use super::selection::Selection;
use crate::error::Fault;
use crate::limits::{DEPTH_MAX, SELECTIONS_MAX};
use crate::record::Record;

/// A compiled condition with its selections.
#[derive(Debug, Clone)]
pub(crate) struct Condition {
    selections: Vec<Selection>,
    root: Node,
}

#[derive(Debug, Clone)]
enum Node {
    And(Vec<Node>),
    Or(Vec<Node>),
    Not(Box<Node>),
    /// The index of a selection.
    Is(usize),
}

pub(crate) fn compile(detection: &Map<String, Value>) -> Result<Condition, Fault> {
    let condition = match detection.get("condition") {
        Some(Value::String(condition)) => condition,
        Some(Value::Array(_)) => return Err(Fault::new("condition", "is a list; join its items with `or`")),
        Some(_) => return Err(Fault::new("condition", "is no text")),
        None => return Err(Fault::new("condition", "is missing")),
    };
    let named: Vec<(&String, &Value)> = detection.iter().filter(|(name, _)| *name != "condition").collect();
    if named.len() > SELECTIONS_MAX {
        return Err(Fault::new("", format!("has more than {SELECTIONS_MAX} selections")));
    }
    if detection.contains_key("timeframe") {
        return Err(Fault::new("timeframe", "belongs to the old aggregations; write a correlation"));
    }
    let mut selections = Vec::with_capacity(named.len());
    for (name, value) in &named {
        selections.push(Selection::compile(value, 0).map_err(|fault| fault.within(name))?);
    }
    let names: Vec<&str> = named.iter().map(|(name, _)| name.as_str()).collect();
    let words = words(condition)?;
    let mut parser = Parser { words: &words, names: &names, next: 0 };
    let root = parser.any(0).map_err(|reason| Fault::new("condition", reason))?;
    if let Some(word) = parser.words.get(parser.next) {
        return Err(Fault::new("condition", format!("does not go on with `{word}`")));
    }
    Ok(Condition { selections, root })
}

/// The words of a condition; parentheses are words of their own.
fn words(condition: &str) -> Result<Vec<String>, Fault> {
    if condition.contains('|') {
        return Err(Fault::new("condition", "holds an old aggregation (`|`); write a correlation"));
    }
    let spaced = condition.replace('(', " ( ").replace(')', " ) ");
    Ok(spaced.split_whitespace().map(str::to_owned).collect())
}

struct Parser<'a> {
    words: &'a [String],
    names: &'a [&'a str],
    next: usize,
}

impl Parser<'_> {
    fn takes(&mut self, word: &str) -> bool {
        let found = self.words.get(self.next).is_some_and(|next| next.eq_ignore_ascii_case(word));
        self.next += usize::from(found);
        found
    }

    fn any(&mut self, depth: usize) -> Result<Node, String> {
        if depth > DEPTH_MAX {
            return Err(format!("is nested deeper than {DEPTH_MAX}"));
        }
        let mut nodes = vec![self.every(depth)?];
        while self.takes("or") {
            nodes.push(self.every(depth)?);
        }
        Ok(single(nodes, Node::Or))
    }

    fn every(&mut self, depth: usize) -> Result<Node, String> {
        let mut nodes = vec![self.negation(depth)?];
        while self.takes("and") {
            nodes.push(self.negation(depth)?);
        }
        Ok(single(nodes, Node::And))
    }

    fn negation(&mut self, depth: usize) -> Result<Node, String> {
        let mut is_negated = false;
        while self.takes("not") {
            is_negated = !is_negated;
        }
        let node = self.primary(depth)?;
        Ok(if is_negated { Node::Not(Box::new(node)) } else { node })
    }

    fn primary(&mut self, depth: usize) -> Result<Node, String> {
        if self.takes("(") {
            let node = self.any(depth + 1)?;
            return if self.takes(")") { Ok(node) } else { Err("lacks a closing parenthesis".to_owned()) };
        }
        let word = self.words.get(self.next).ok_or("ends too early")?.clone();
        self.next += 1;
        let is_of = self.words.get(self.next).is_some_and(|next| next.eq_ignore_ascii_case("of"));
        if is_of {
            self.next += 1;
            return self.quantified(&word);
        }
        let index = self.names.iter().position(|name| *name == word);
        index.map(Node::Is).ok_or_else(|| format!("names `{word}`, which is no selection of the rule"))
    }

    fn quantified(&mut self, quantity: &str) -> Result<Node, String> {
        let pattern = self.words.get(self.next).ok_or("ends after `of`")?.clone();
        self.next += 1;
        let nodes: Vec<Node> = self
            .names
            .iter()
            .enumerate()
            .filter(|(_, name)| meant(&pattern, name))
            .map(|(at, _)| Node::Is(at))
            .collect();
        if nodes.is_empty() {
            return Err(format!("names `{pattern}`, and no selection of the rule is called so"));
        }
        match quantity.to_ascii_lowercase().as_str() {
            "1" | "any" => Ok(single(nodes, Node::Or)),
            "all" => Ok(single(nodes, Node::And)),
            other => Err(format!("has `{other} of`; only `1 of`, `any of` and `all of` are known")),
        }
    }
}

/// Whether `1 of pattern` means the selection. `them` leaves out names with an underscore in front.
fn meant(pattern: &str, name: &str) -> bool {
    if pattern.eq_ignore_ascii_case("them") {
        return !name.starts_with('_');
    }
    match pattern.split_once('*') {
        None => pattern == name,
        Some((start, end)) => name.len() >= start.len() + end.len() && name.starts_with(start) && name.ends_with(end),
    }
}

fn single(mut nodes: Vec<Node>, many: fn(Vec<Node>) -> Node) -> Node {
    match nodes.pop() {
        Some(only) if nodes.is_empty() => only,
        last => {
            nodes.extend(last);
            many(nodes)
        }
    }
}

impl Condition {
    pub(crate) fn matches(&self, record: &Record) -> bool {
        self.holds(&self.root, record)
    }

    fn holds(&self, node: &Node, record: &Record) -> bool {
        match node {
            Node::And(nodes) => nodes.iter().all(|node| self.holds(node, record)),
            Node::Or(nodes) => nodes.iter().any(|node| self.holds(node, record)),
            Node::Not(node) => !self.holds(node, record),
            Node::Is(index) => self.selections.get(*index).is_some_and(|selection| selection.matches(record)),
        }
    }

    pub(crate) fn required(&self, field: &str) -> Option<Vec<String>> {
        self.required_by(&self.root, field)
    }

    fn required_by(&self, node: &Node, field: &str) -> Option<Vec<String>> {
        match node {
            Node::And(nodes) => nodes.iter().find_map(|node| self.required_by(node, field)),
            Node::Or(nodes) => {
                let each: Option<Vec<Vec<String>>> = nodes.iter().map(|node| self.required_by(node, field)).collect();
                each.map(|values| values.concat())
            }
            Node::Not(_) => None,
            Node::Is(index) => self.selections.get(*index)?.required(field),
        }
    }
}

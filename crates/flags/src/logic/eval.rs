//! Evaluation of a compiled rule. The depth is bounded by the compiler, the steps are counted, and what a rule puts together
//! has a greatest length.

use std::borrow::Cow;
use std::cmp::Ordering;

use serde_json::{Map, Value, json};

use super::custom::{fractional, of_texts, sem_ver};
use super::op::Op;
use super::{Expr, Given, LogicError, STEPS_MAX, TEXT_BYTES_MAX, coerce};
use crate::context::{Context, OWN};

/// One evaluation.
pub(crate) struct Run<'a> {
    context: &'a Map<String, Value>,
    targeting_key: Option<&'a str>,
    flag_key: &'a str,
    timestamp_s: i64,
    steps: u32,
}

/// What `var` looks into: the context, or an item of a list.
#[derive(Clone, Copy)]
enum Scope<'a, 's> {
    Context,
    Item(&'s Given<'a>),
    Reduce { current: &'s Given<'a>, accumulator: &'s Given<'a> },
}

type Result<T> = std::result::Result<T, LogicError>;

/// The deepest value that a rule may put together.
const VALUE_DEPTH_MAX: usize = 64;
/// How much of a text counts as a step when it is copied.
const BYTES_PER_STEP: usize = 64;

const NULL: Value = Value::Null;

fn owned<'a>(value: impl Into<Value>) -> Given<'a> {
    Cow::Owned(value.into())
}

fn nothing<'a>() -> Given<'a> {
    Cow::Owned(NULL)
}

/// What lies at a path inside of a value.
fn inside<'a>(value: &'a Value, parts: &[String]) -> Option<&'a Value> {
    parts.iter().try_fold(value, |value, part| match value {
        Value::Object(members) => members.get(part),
        Value::Array(items) => items.get(part.parse::<usize>().ok()?),
        _ => None,
    })
}

fn inside_given<'a>(given: &Given<'a>, parts: &[String]) -> Option<Given<'a>> {
    match given {
        Cow::Borrowed(value) => inside(value, parts).map(Cow::Borrowed),
        Cow::Owned(value) => inside(value, parts).cloned().map(Cow::Owned),
    }
}

impl<'a> Run<'a> {
    /// An evaluation of the flag `flag_key` at a time in seconds since 1970.
    pub(crate) fn new(context: &'a Context, flag_key: &'a str, timestamp_s: i64) -> Self {
        let targeting_key = context.targeting_key();
        Self { context: context.members(), targeting_key, flag_key, timestamp_s, steps: 0 }
    }

    /// What the rule gives.
    pub(crate) fn eval(&mut self, expr: &'a Expr) -> Result<Given<'a>> {
        self.expr(expr, Scope::Context)
    }

    fn step(&mut self) -> Result<()> {
        self.steps += 1;
        if self.steps > STEPS_MAX { Err(LogicError::TooManySteps) } else { Ok(()) }
    }

    /// Counts what a copy of the value costs. Without it a rule that puts its own result into a list, over a long list, would
    /// take all memory; and a value that is nested deeply enough could not even be dropped.
    fn weigh(&mut self, value: &Value, depth: usize) -> Result<()> {
        self.step()?;
        match value {
            _ if depth > VALUE_DEPTH_MAX => Err(LogicError::TooLong),
            Value::Array(items) => items.iter().try_for_each(|item| self.weigh(item, depth + 1)),
            Value::Object(members) => members.values().try_for_each(|member| self.weigh(member, depth + 1)),
            Value::String(text) => {
                self.steps = self.steps.saturating_add(u32::try_from(text.len() / BYTES_PER_STEP).unwrap_or(u32::MAX));
                self.step()
            }
            _ => Ok(()),
        }
    }

    fn copied(&mut self, given: Given<'a>) -> Result<Value> {
        self.weigh(&given, 1)?;
        Ok(given.into_owned())
    }

    fn expr(&mut self, expr: &'a Expr, scope: Scope<'a, '_>) -> Result<Given<'a>> {
        self.step()?;
        match expr {
            Expr::Constant(value) => Ok(Cow::Borrowed(value)),
            Expr::Shared(expr) => self.expr(expr, scope),
            Expr::List(items) => {
                let mut list = Vec::with_capacity(items.len());
                for item in items {
                    let given = self.expr(item, scope)?;
                    list.push(self.copied(given)?);
                }
                Ok(owned(list))
            }
            Expr::Path(parts, default) => match (self.find(parts, scope), default) {
                (Some(found), _) => self.counted(found),
                (None, Some(default)) => self.expr(default, scope),
                (None, None) => Ok(nothing()),
            },
            Expr::Call(op, operands) => self.call(*op, operands, scope),
        }
    }

    /// Counts a value that was copied to be found.
    fn counted(&mut self, found: Given<'a>) -> Result<Given<'a>> {
        if let Cow::Owned(value) = &found {
            self.weigh(value, 1)?;
        }
        Ok(found)
    }

    /// What a path names; `null` there is as good as nothing.
    fn find(&self, parts: &[String], scope: Scope<'a, '_>) -> Option<Given<'a>> {
        let found = match (parts.split_first(), scope) {
            (Some((first, rest)), Scope::Reduce { current, .. }) if first == "current" => inside_given(current, rest),
            (Some((first, rest)), Scope::Reduce { accumulator, .. }) if first == "accumulator" => {
                inside_given(accumulator, rest)
            }
            (Some((first, rest)), _) if first == OWN => match rest {
                [] => Some(owned(json!({"flagKey": self.flag_key, "timestamp": self.timestamp_s}))),
                [name] if name == "flagKey" => Some(owned(self.flag_key)),
                [name] if name == "timestamp" => Some(owned(self.timestamp_s)),
                _ => None,
            },
            (_, Scope::Item(item)) => inside_given(item, parts),
            (None, _) => Some(owned(Value::Object(self.context.clone()))),
            (Some((first, rest)), _) => inside(self.context.get(first)?, rest).map(Cow::Borrowed),
        };
        found.filter(|value| !value.is_null())
    }

    fn first(&mut self, operands: &'a [Expr], at: usize, scope: Scope<'a, '_>) -> Result<Given<'a>> {
        operands.get(at).map_or(Ok(nothing()), |operand| self.expr(operand, scope))
    }

    fn all(&mut self, operands: &'a [Expr], scope: Scope<'a, '_>) -> Result<Vec<Given<'a>>> {
        operands.iter().map(|operand| self.expr(operand, scope)).collect()
    }

    fn call(&mut self, op: Op, operands: &'a [Expr], scope: Scope<'a, '_>) -> Result<Given<'a>> {
        match op {
            Op::If => return self.choose(operands, scope),
            Op::And | Op::Or => return self.chain(op == Op::Or, operands, scope),
            Op::Map | Op::Filter | Op::All | Op::Some | Op::None => return self.each(op, operands, scope),
            Op::Reduce => return self.reduce(operands, scope),
            Op::Fractional => return self.fractional(operands, scope),
            _ => {}
        }
        let given = self.all(operands, scope)?;
        let at = |index: usize| given.get(index).map_or(&NULL, Cow::as_ref);
        let (a, b) = (at(0), at(1));
        let ordered = |test: fn(Ordering) -> bool| {
            given.windows(2).all(|pair| match pair {
                [a, b] => coerce::compare(a, b).is_some_and(test),
                _ => true,
            })
        };
        Ok(match op {
            Op::Not => owned(!coerce::truthy(a)),
            Op::Truthy => owned(coerce::truthy(a)),
            Op::Equal => owned(coerce::equal(a, b)),
            Op::NotEqual => owned(!coerce::equal(a, b)),
            Op::Identical => owned(coerce::identical(a, b)),
            Op::NotIdentical => owned(!coerce::identical(a, b)),
            Op::Less => owned(ordered(Ordering::is_lt)),
            Op::LessOrEqual => owned(ordered(Ordering::is_le)),
            Op::Greater => owned(ordered(Ordering::is_gt)),
            Op::GreaterOrEqual => owned(ordered(Ordering::is_ge)),
            Op::In => owned(is_in(a, b)),
            Op::StartsWith => owned(of_texts(a, b, |a, b| a.starts_with(b))),
            Op::EndsWith => owned(of_texts(a, b, |a, b| a.ends_with(b))),
            Op::SemVer => owned(sem_ver(a, b, at(2))),
            Op::Cat => owned(cat(&given)?),
            Op::Substr => owned(substr(a, b, given.get(2).map(Cow::as_ref))),
            Op::Merge => owned(self.merge(given)?),
            Op::Var => self.computed_var(a, given.get(1), scope)?,
            Op::Missing => owned(self.missing(&given, scope)?),
            Op::MissingSome => owned(self.missing_some(a, b, scope)?),
            _ => owned(arithmetic(op, &given)?),
        })
    }

    fn choose(&mut self, operands: &'a [Expr], scope: Scope<'a, '_>) -> Result<Given<'a>> {
        for pair in operands.chunks(2) {
            match pair {
                [condition, then] if coerce::truthy(&*self.expr(condition, scope)?) => return self.expr(then, scope),
                [otherwise] => return self.expr(otherwise, scope),
                _ => {}
            }
        }
        Ok(nothing())
    }

    /// `and` gives the first that is not true, `or` the first that is; else the last.
    fn chain(&mut self, until: bool, operands: &'a [Expr], scope: Scope<'a, '_>) -> Result<Given<'a>> {
        let mut last = nothing();
        for operand in operands {
            last = self.expr(operand, scope)?;
            if coerce::truthy(&last) == until {
                break;
            }
        }
        Ok(last)
    }

    /// The items of a list, each in its own hands; what is no list has none.
    fn items(&mut self, operands: &'a [Expr], scope: Scope<'a, '_>) -> Result<Vec<Given<'a>>> {
        Ok(match self.first(operands, 0, scope)? {
            Cow::Borrowed(Value::Array(items)) => items.iter().map(Cow::Borrowed).collect(),
            Cow::Owned(Value::Array(items)) => items.into_iter().map(Cow::Owned).collect(),
            _ => Vec::new(),
        })
    }

    fn each(&mut self, op: Op, operands: &'a [Expr], scope: Scope<'a, '_>) -> Result<Given<'a>> {
        let items = self.items(operands, scope)?;
        let count = items.len();
        let (mut mapped, mut kept, mut hold) = (Vec::new(), Vec::new(), 0usize);
        for item in items {
            let given = self.first(operands, 1, Scope::Item(&item))?;
            let truthy = coerce::truthy(&given);
            hold += usize::from(truthy);
            match op {
                Op::Map => mapped.push(self.copied(given)?),
                Op::Filter if truthy => kept.push(self.copied(item)?),
                _ => {}
            }
        }
        Ok(match op {
            Op::Map => owned(mapped),
            Op::Filter => owned(kept),
            Op::All => owned(count > 0 && hold == count),
            Op::Some => owned(hold > 0),
            _ => owned(hold == 0),
        })
    }

    fn reduce(&mut self, operands: &'a [Expr], scope: Scope<'a, '_>) -> Result<Given<'a>> {
        let items = self.items(operands, scope)?;
        let mut accumulator = self.first(operands, 2, scope)?;
        for current in &items {
            let next = self.first(operands, 1, Scope::Reduce { current, accumulator: &accumulator })?;
            accumulator = next;
        }
        Ok(accumulator)
    }

    fn computed_var(&mut self, path: &Value, default: Option<&Given<'a>>, scope: Scope<'a, '_>) -> Result<Given<'a>> {
        let found = self.look_up(path, scope);
        self.counted(found.or_else(|| default.cloned()).unwrap_or_else(nothing))
    }

    fn look_up(&self, path: &Value, scope: Scope<'a, '_>) -> Option<Given<'a>> {
        let path = coerce::text(path)?;
        let parts: Vec<String> = path.split('.').filter(|_| !path.is_empty()).map(str::to_owned).collect();
        self.find(&parts, scope)
    }

    fn absent(&mut self, names: &[Value], scope: Scope<'a, '_>) -> Result<Vec<Value>> {
        let mut absent = Vec::new();
        for name in names {
            self.step()?;
            let found = self.look_up(name, scope);
            if found.is_none_or(|value| value.as_str() == Some("")) {
                absent.push(name.clone());
            }
        }
        Ok(absent)
    }

    fn missing(&mut self, given: &[Given<'a>], scope: Scope<'a, '_>) -> Result<Vec<Value>> {
        match given.first().and_then(|first| first.as_array()) {
            Some(names) => self.absent(names, scope),
            None => {
                let names: Vec<Value> = given.iter().map(|name| name.as_ref().clone()).collect();
                self.absent(&names, scope)
            }
        }
    }

    fn missing_some(&mut self, needed: &Value, names: &Value, scope: Scope<'a, '_>) -> Result<Vec<Value>> {
        let names = names.as_array().map(Vec::as_slice).unwrap_or_default();
        let absent = self.absent(names, scope)?;
        let present = names.len().saturating_sub(absent.len());
        Ok(if present as f64 >= coerce::number(needed) { Vec::new() } else { absent })
    }

    fn merge(&mut self, given: Vec<Given<'a>>) -> Result<Vec<Value>> {
        let mut merged = Vec::new();
        for value in given {
            match self.copied(value)? {
                Value::Array(items) => merged.extend(items),
                one => merged.push(one),
            }
        }
        Ok(merged)
    }

    /// The first operand is the text that is hashed, unless it is a share already: then it is the flag's key followed by the
    /// targeting key. A first operand that is `null` gives `null`, which is the default variant.
    fn fractional(&mut self, operands: &'a [Expr], scope: Scope<'a, '_>) -> Result<Given<'a>> {
        let mut given = Vec::with_capacity(operands.len());
        for value in self.all(operands, scope)? {
            given.push(self.copied(value)?);
        }
        let (key, shares) = match given.split_first() {
            Some((Value::String(key), shares)) => (Cow::Borrowed(key.as_str()), shares),
            Some((Value::Null, _)) => return Ok(nothing()),
            Some((Value::Array(_), _)) => {
                let key = self.targeting_key.ok_or(LogicError::NoTargetingKey)?;
                (Cow::Owned(format!("{}{key}", self.flag_key)), given.as_slice())
            }
            _ => return Err(LogicError::Fractional("what is hashed is a text")),
        };
        fractional(&key, shares).map(|variant| owned(variant.clone()))
    }
}

fn is_in(needle: &Value, hay: &Value) -> bool {
    match hay {
        Value::String(hay) => needle.as_str().is_some_and(|needle| hay.contains(needle)),
        Value::Array(items) => items.iter().any(|item| coerce::identical(item, needle)),
        _ => false,
    }
}

fn cat(given: &[Given<'_>]) -> Result<String> {
    let mut text = String::new();
    for part in given {
        match part.as_ref() {
            Value::Null => {}
            part => text.push_str(&coerce::text(part).unwrap_or_default()),
        }
        if text.len() > TEXT_BYTES_MAX {
            return Err(LogicError::TooLong);
        }
    }
    Ok(text)
}

/// Characters from a place on, as many as said; places and counts below zero are told from the end.
fn substr(text: &Value, start: &Value, count: Option<&Value>) -> String {
    let text = coerce::text(text).unwrap_or_default();
    let length = text.chars().count();
    let from_end = |place: f64| if place < 0.0 { (length as f64 + place).max(0.0) } else { place.min(length as f64) };
    let start = from_end(coerce::number(start)) as usize;
    let end = match count.map(coerce::number) {
        None => length,
        Some(count) if count < 0.0 => from_end(count) as usize,
        Some(count) => start.saturating_add(count as usize),
    };
    text.chars().skip(start).take(end.saturating_sub(start)).collect()
}

fn arithmetic(op: Op, given: &[Given<'_>]) -> Result<Value> {
    let numbers: Vec<f64> = given.iter().map(|value| coerce::number(value)).collect();
    let at = |index: usize| numbers.get(index).copied().unwrap_or(0.0);
    let (name, result) = match op {
        Op::Max => ("max", numbers.iter().copied().reduce(f64::max).unwrap_or(f64::NAN)),
        Op::Min => ("min", numbers.iter().copied().reduce(f64::min).unwrap_or(f64::NAN)),
        Op::Add => ("+", numbers.iter().sum()),
        Op::Multiply => ("*", numbers.iter().product()),
        Op::Subtract if numbers.len() == 1 => ("-", -at(0)),
        Op::Subtract => ("-", at(0) - at(1)),
        Op::Divide => ("/", at(0) / at(1)),
        _ => ("%", at(0) % at(1)),
    };
    // Maximum and minimum would forget what is no number.
    let known = !numbers.iter().any(|number| number.is_nan());
    coerce::value_of(result).filter(|_| known).ok_or(LogicError::NotFinite(name))
}

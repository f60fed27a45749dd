//! One line of a selection: a field, its modifiers, and the values to compare with.

use std::net::IpAddr;

use regex::Regex;
use serde_json::Value;

use super::pattern::{Flags, Pattern, Place, bounded, folded, lies};
use crate::error::Fault;
use crate::record::{Record, Scalar};

/// Other dashes that a program may take for the one before an option.
const DASHES: [char; 5] = ['-', '/', '–', '—', '―'];
/// Modifiers of the specification that stand for things this engine does not have.
const UNSUPPORTED: [&str; 14] = [
    "expand",
    "base64",
    "base64offset",
    "wide",
    "utf16",
    "utf16le",
    "utf16be",
    "minute",
    "hour",
    "day",
    "week",
    "month",
    "year",
    "timestamp",
];

/// A compiled line.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    /// Nothing for keywords, which look into every field.
    field: Option<String>,
    tests: Vec<Test>,
    needs_all: bool,
    negated: bool,
}

#[derive(Debug, Clone)]
enum Test {
    Null,
    Exists(bool),
    Text(Pattern),
    /// The same text with each of the dashes.
    AnyOf(Vec<Pattern>),
    Number(f64),
    Regex(Regex),
    Network(IpAddr, u8),
    Compare(Order, f64),
    Field {
        name: String,
        place: Place,
        cased: bool,
    },
}

#[derive(Debug, Clone, Copy)]
enum Order {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Default)]
struct Modifiers {
    place: Option<Place>,
    all: bool,
    cased: bool,
    neq: bool,
    windash: bool,
    regex: Option<Flags>,
    main: Option<Main>,
}

#[derive(Clone, Copy)]
enum Main {
    Exists,
    Network,
    Field,
    Compare(Order),
}

impl Modifiers {
    fn read(names: &[&str]) -> Result<Self, String> {
        let mut read = Self::default();
        for name in names {
            let main = match *name {
                "contains" | "startswith" | "endswith" if read.place.is_some() => {
                    return Err(format!("has two places, the second is `{name}`"));
                }
                "contains" => {
                    read.place = Some(Place::Anywhere);
                    continue;
                }
                "startswith" => {
                    read.place = Some(Place::Start);
                    continue;
                }
                "endswith" => {
                    read.place = Some(Place::End);
                    continue;
                }
                "all" => {
                    read.all = true;
                    continue;
                }
                "cased" => {
                    read.cased = true;
                    continue;
                }
                "neq" => {
                    read.neq = true;
                    continue;
                }
                "windash" => {
                    read.windash = true;
                    continue;
                }
                "re" => {
                    read.regex = Some(Flags::default());
                    continue;
                }
                "i" | "m" | "s" => {
                    let flags = read.regex.as_mut().ok_or_else(|| format!("`{name}` may only follow `re`"))?;
                    flags.ignores_case |= *name == "i";
                    flags.multi_line |= *name == "m";
                    flags.dot_all |= *name == "s";
                    continue;
                }
                "exists" => Main::Exists,
                "cidr" => Main::Network,
                "fieldref" => Main::Field,
                "lt" => Main::Compare(Order::Less),
                "lte" => Main::Compare(Order::LessOrEqual),
                "gt" => Main::Compare(Order::Greater),
                "gte" => Main::Compare(Order::GreaterOrEqual),
                name if UNSUPPORTED.contains(&name) => return Err(format!("the modifier `{name}` is not supported")),
                name => return Err(format!("the modifier `{name}` is not known")),
            };
            if read.main.replace(main).is_some() {
                return Err(format!("`{name}` does not go with the modifiers before it"));
            }
        }
        read.checked()
    }

    fn checked(self) -> Result<Self, String> {
        let has_text = self.place.is_some() || self.windash;
        let clash = match self.main {
            Some(Main::Field) => self.regex.is_some() || self.windash,
            Some(_) => self.regex.is_some() || has_text || self.cased,
            None => self.regex.is_some() && (has_text || self.cased),
        };
        if clash { Err("has modifiers that exclude each other".to_owned()) } else { Ok(self) }
    }

    fn test(&self, value: &Value) -> Result<Test, String> {
        match (self.main, self.regex) {
            (Some(Main::Exists), _) => {
                value.as_bool().map(Test::Exists).ok_or_else(|| "takes true or false".to_owned())
            }
            (Some(Main::Network), _) => network(value),
            (Some(Main::Compare(order)), _) => number(value).map(|number| Test::Compare(order, number)),
            (Some(Main::Field), _) => {
                let name = value.as_str().ok_or_else(|| "takes the name of a field".to_owned())?.to_owned();
                Ok(Test::Field { name, place: self.place.unwrap_or(Place::Whole), cased: self.cased })
            }
            (None, Some(flags)) => {
                let pattern = value.as_str().ok_or_else(|| "takes a regular expression".to_owned())?;
                bounded(pattern, flags).map(Test::Regex)
            }
            (None, None) => self.plain(value),
        }
    }

    fn plain(&self, value: &Value) -> Result<Test, String> {
        let place = self.place.unwrap_or(Place::Whole);
        match value {
            Value::Null if self.place.is_none() => Ok(Test::Null),
            Value::Number(_) if self.place.is_none() => number(value).map(Test::Number),
            Value::String(text) if self.windash => {
                let variants = DASHES.iter().map(|dash| Pattern::compile(&dashed(text, *dash), place, self.cased));
                variants.collect::<Result<Vec<Pattern>, String>>().map(Test::AnyOf)
            }
            Value::String(text) => Pattern::compile(text, place, self.cased).map(Test::Text),
            Value::Number(number) => Pattern::compile(&number.to_string(), place, self.cased).map(Test::Text),
            Value::Bool(flag) => Pattern::compile(&flag.to_string(), place, self.cased).map(Test::Text),
            _ => Err("takes a text, a number, true, false or null".to_owned()),
        }
    }
}

/// The text with each dash or slash that begins a word replaced.
fn dashed(text: &str, dash: char) -> String {
    let mut begins = true;
    let mut replaced = String::with_capacity(text.len());
    for c in text.chars() {
        replaced.push(if begins && matches!(c, '-' | '/') { dash } else { c });
        begins = c == ' ';
    }
    replaced
}

fn number(value: &Value) -> Result<f64, String> {
    let number = value.as_f64().or_else(|| value.as_str().and_then(|text| text.parse().ok()));
    number.filter(|number: &f64| number.is_finite()).ok_or_else(|| "takes a number".to_owned())
}

fn network(value: &Value) -> Result<Test, String> {
    let wrong = || "takes a network such as 10.0.0.0/8".to_owned();
    let text = value.as_str().ok_or_else(wrong)?;
    let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
    let address: IpAddr = address.parse().map_err(|_| wrong())?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let bits = bits.map_or(Ok(most), str::parse::<u8>).map_err(|_| wrong())?;
    if bits > most { Err(wrong()) } else { Ok(Test::Network(address, bits)) }
}

fn lies_in(address: IpAddr, network: IpAddr, bits: u8) -> bool {
    let (address, network, width) = match (address.to_canonical(), network) {
        (IpAddr::V4(address), IpAddr::V4(network)) => (address.to_bits().into(), network.to_bits().into(), 32_u32),
        (IpAddr::V6(address), IpAddr::V6(network)) => (address.to_bits(), network.to_bits(), 128),
        _ => return false,
    };
    let host = width.saturating_sub(bits.into());
    let above = |bits: u128| bits.checked_shr(host).unwrap_or(0);
    above(address) == above(network)
}

impl Test {
    fn matches(&self, value: Option<&Scalar>, record: &Record) -> bool {
        match (self, value) {
            (Self::Null, value) => matches!(value, None | Some(Scalar::Null)),
            (Self::Exists(expected), value) => value.is_some() == *expected,
            (_, None) => false,
            (_, Some(Scalar::List(items))) => items.iter().any(|item| self.holds(item, record)),
            (_, Some(value)) => self.holds(value, record),
        }
    }

    fn holds(&self, value: &Scalar, record: &Record) -> bool {
        match self {
            Self::Null => matches!(value, Scalar::Null),
            Self::Exists(expected) => *expected,
            Self::Text(pattern) => value.text().is_some_and(|text| pattern.matches(&text)),
            Self::AnyOf(patterns) => {
                value.text().is_some_and(|text| patterns.iter().any(|pattern| pattern.matches(&text)))
            }
            Self::Number(expected) => value.number().is_some_and(|number| number == *expected),
            Self::Regex(regex) => value.text().is_some_and(|text| regex.is_match(&text)),
            Self::Network(network, bits) => value
                .text()
                .and_then(|text| text.parse().ok())
                .is_some_and(|address: IpAddr| lies_in(address, *network, *bits)),
            Self::Compare(order, bound) => value.number().is_some_and(|number| match order {
                Order::Less => number < *bound,
                Order::LessOrEqual => number <= *bound,
                Order::Greater => number > *bound,
                Order::GreaterOrEqual => number >= *bound,
            }),
            Self::Field { name, place, cased } => {
                let other = record.field(name).and_then(Scalar::text);
                match (value.text(), other) {
                    (Some(value), Some(other)) if *cased => lies(&value, &other, *place),
                    (Some(value), Some(other)) => lies(&folded(&value), &folded(&other), *place),
                    _ => false,
                }
            }
        }
    }
}

impl Item {
    /// Compiles `field|modifier|modifier: values`.
    pub(crate) fn compile(key: &str, values: &Value) -> Result<Self, Fault> {
        let fault = |reason: String| Fault::new(key, reason);
        let mut names = key.split('|');
        let field = names.next().filter(|field| !field.is_empty()).map(str::to_owned);
        let modifiers = Modifiers::read(&names.collect::<Vec<&str>>()).map_err(fault)?;
        let values = match values {
            Value::Array(values) if values.is_empty() => return Err(fault("is an empty list".to_owned())),
            Value::Array(values) => values.as_slice(),
            value => std::slice::from_ref(value),
        };
        if modifiers.all && values.len() < 2 {
            return Err(fault("`all` needs a list of two or more values".to_owned()));
        }
        let tests = values.iter().map(|value| modifiers.test(value)).collect::<Result<Vec<Test>, String>>();
        let tests = tests.map_err(fault)?;
        let is_keyword = tests.iter().all(|test| matches!(test, Test::Text(_) | Test::AnyOf(_) | Test::Regex(_)));
        if field.is_none() && !is_keyword {
            return Err(fault("keywords are texts or regular expressions".to_owned()));
        }
        Ok(Self { field, tests, needs_all: modifiers.all, negated: modifiers.neq })
    }

    /// Compiles a list of keywords, each of which may lie anywhere in any field.
    pub(crate) fn keyword(value: &Value) -> Result<Self, Fault> {
        Self::compile("|contains", value).map_err(|fault| Fault::new("", fault.reason))
    }

    pub(crate) fn matches(&self, record: &Record) -> bool {
        let holds = |test: &Test| match &self.field {
            Some(field) => test.matches(record.field(field), record),
            None => record.fields.values().any(|value| test.matches(Some(value), record)),
        };
        let found = if self.needs_all { self.tests.iter().all(holds) } else { self.tests.iter().any(holds) };
        found != self.negated
    }

    /// The only values of `field` with which the line can match.
    pub(crate) fn required(&self, field: &str) -> Option<Vec<String>> {
        if self.field.as_deref() != Some(field) || self.needs_all || self.negated {
            return None;
        }
        let only = |test: &Test| if let Test::Text(pattern) = test { pattern.only().map(str::to_owned) } else { None };
        self.tests.iter().map(only).collect()
    }
}

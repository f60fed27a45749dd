//! Texts with Sigma's wildcards: `*` for any run, `?` for one character, and a backslash before either or before itself.

use std::borrow::Cow;

use regex::Regex;

use crate::limits::PATTERN_BYTES_MAX;

/// Where a pattern must lie in the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Whole,
    Start,
    End,
    Anywhere,
}

/// A text to compare with, folded to lower case unless it is cased.
#[derive(Debug, Clone)]
pub(crate) struct Pattern {
    shape: Shape,
    cased: bool,
}

#[derive(Debug, Clone)]
enum Shape {
    Text(String, Place),
    Wild(Regex),
}

#[derive(Clone, Copy, PartialEq)]
enum Token {
    Char(char),
    Any,
    One,
}

fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(next) = chars.next() {
        tokens.push(match next {
            '*' => Token::Any,
            '?' => Token::One,
            '\\' => match chars.next_if(|escaped| matches!(escaped, '*' | '?' | '\\')) {
                Some(escaped) => Token::Char(escaped),
                None => Token::Char('\\'),
            },
            other => Token::Char(other),
        });
    }
    tokens
}

fn place_of(starts: bool, ends: bool) -> Place {
    match (starts, ends) {
        (true, true) => Place::Whole,
        (true, false) => Place::Start,
        (false, true) => Place::End,
        (false, false) => Place::Anywhere,
    }
}

pub(crate) fn lies(value: &str, text: &str, place: Place) -> bool {
    match place {
        Place::Whole => value == text,
        Place::Start => value.starts_with(text),
        Place::End => value.ends_with(text),
        Place::Anywhere => value.contains(text),
    }
}

pub(crate) fn folded(value: &str) -> Cow<'_, str> {
    let is_folded = value.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase());
    if is_folded { Cow::Borrowed(value) } else { Cow::Owned(value.to_lowercase()) }
}

/// A regular expression within the bounds.
pub(crate) fn bounded(pattern: &str, flags: Flags) -> Result<Regex, String> {
    regex::RegexBuilder::new(pattern)
        .case_insensitive(flags.ignores_case)
        .multi_line(flags.multi_line)
        .dot_matches_new_line(flags.dot_all)
        .size_limit(PATTERN_BYTES_MAX)
        .dfa_size_limit(PATTERN_BYTES_MAX)
        .nest_limit(64)
        .build()
        .map_err(|error| format!("is no pattern of bounded size: {error}"))
}

/// The sub-modifiers of `re`.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Flags {
    pub(crate) ignores_case: bool,
    pub(crate) multi_line: bool,
    pub(crate) dot_all: bool,
}

impl Pattern {
    pub(crate) fn compile(text: &str, place: Place, cased: bool) -> Result<Self, String> {
        let mut tokens = tokens(text);
        let mut starts = matches!(place, Place::Whole | Place::Start);
        let mut ends = matches!(place, Place::Whole | Place::End);
        while tokens.first() == Some(&Token::Any) {
            tokens.remove(0);
            starts = false;
        }
        while tokens.last() == Some(&Token::Any) {
            tokens.pop();
            ends = false;
        }
        let plain: Option<String> =
            tokens.iter().map(|token| if let Token::Char(c) = token { Some(*c) } else { None }).collect();
        let shape = match plain {
            Some(plain) if cased => Shape::Text(plain, place_of(starts, ends)),
            Some(plain) => Shape::Text(plain.to_lowercase(), place_of(starts, ends)),
            None => Shape::Wild(wild(&tokens, starts, ends, cased)?),
        };
        Ok(Self { shape, cased })
    }

    pub(crate) fn matches(&self, value: &str) -> bool {
        match &self.shape {
            Shape::Wild(regex) => regex.is_match(value),
            Shape::Text(text, place) if self.cased => lies(value, text, *place),
            Shape::Text(text, place) => lies(&folded(value), text, *place),
        }
    }

    /// The only text that matches, in lower case, where there is only one.
    pub(crate) fn only(&self) -> Option<&str> {
        match &self.shape {
            Shape::Text(text, Place::Whole) if !self.cased => Some(text),
            _ => None,
        }
    }
}

fn wild(tokens: &[Token], starts: bool, ends: bool, cased: bool) -> Result<Regex, String> {
    let mut pattern = String::from(if starts { "\\A" } else { "" });
    for token in tokens {
        match token {
            Token::Any => pattern.push_str(".*"),
            Token::One => pattern.push('.'),
            Token::Char(c) => pattern.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
        }
    }
    pattern.push_str(if ends { "\\z" } else { "" });
    bounded(&pattern, Flags { ignores_case: !cased, multi_line: false, dot_all: true })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, value: &str) -> bool {
        Pattern::compile(pattern, Place::Whole, false).unwrap().matches(value)
    }

    #[test]
    fn wildcards_and_escapes() {
        let table = [
            ("abc", "ABC", true),
            ("abc", "abcd", false),
            ("a*c", "aXXc", true),
            ("a*c", "a\nc", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*", "", true),
            ("", "", true),
            ("", "x", false),
            ("ab*", "abc", true),
            ("*bc", "abc", true),
            ("*b*", "abc", true),
            (r"a\*c", "a*c", true),
            (r"a\*c", "abc", false),
            (r"a\?", "a?", true),
            (r"c:\dir", r"C:\DIR", true),
            (r"c:\\dir", r"c:\dir", true),
            (r"a\\*", r"a\anything", true),
            ("ÄÖ", "äö", true),
            ("a.c", "abc", false),
        ];
        for (pattern, value, expected) in table {
            assert_eq!(matches(pattern, value), expected, "{pattern} on {value}");
        }
        assert!(!Pattern::compile("Abc", Place::Whole, true).unwrap().matches("abc"));
    }
}

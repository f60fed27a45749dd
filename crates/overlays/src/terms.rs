//! Words of a sector: a mine has haul cycles where the product has trips. Every word has all its forms, so that no sentence
//! breaks, and it changes what people read, never the name of a field.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::fault::Faults;
use crate::files::{Files, is_plain, yaml};

const FILE: &str = "terms.yaml";
/// The longest word.
const WORD_BYTES_MAX: usize = 40;

/// The things that have a word in every sector.
pub const NOUNS: [&str; 9] =
    ["trip", "vehicle", "dispatcher", "operator", "site", "stop", "origin", "destination", "load"];
/// The acts that have a word in every sector.
pub const VERBS: [&str; 4] = ["dispatch", "complete", "cancel", "load"];

/// A thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Noun {
    pub one: String,
    pub many: String,
    /// `a` or `an`.
    pub article: String,
}

/// An act: dispatch, dispatches, dispatched, dispatching.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Verb {
    pub base: String,
    pub third: String,
    pub past: String,
    pub gerund: String,
}

/// The words of a sector.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Terms {
    pub nouns: BTreeMap<String, Noun>,
    pub verbs: BTreeMap<String, Verb>,
}

/// A sentence that cannot be said.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TermError {
    #[error("`{{{0}}}` names no form of a word, such as {{trip.one}} or {{dispatch.past}}")]
    Unknown(String),
    #[error("a brace is not closed")]
    Open,
}

impl Terms {
    /// A sentence with the sector's words in it: `{trip.one}`, `{trip.many}`, `{trip.a}` (a haul cycle), `{dispatch.base}`,
    /// `.third`, `.past`, `.gerund`; with a capital first letter of the form (`{trip.One}`) it begins a sentence.
    ///
    /// # Errors
    /// [`TermError`].
    pub fn say(&self, sentence: &str) -> Result<String, TermError> {
        let mut said = String::with_capacity(sentence.len());
        let mut rest = sentence;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}').ok_or(TermError::Open)?;
            said.push_str(before);
            said.push_str(&self.form(name).ok_or_else(|| TermError::Unknown(name.to_owned()))?);
            rest = after;
        }
        said.push_str(rest);
        Ok(said)
    }

    /// A sentence of the product in the sector's words: `trip` and `trips` become `haul cycle` and `haul cycles`, with the
    /// article before them. What is no whole word, such as an id, stays.
    #[must_use]
    pub fn translate(&self, sentence: &str) -> String {
        let mut words: Vec<String> = Vec::new();
        for word in sentence.split(' ') {
            let letters = |c: char| !c.is_ascii_alphabetic();
            let bare = word.trim_matches(letters);
            let Some((said, article)) = self.instead_of(bare) else {
                words.push(word.to_owned());
                continue;
            };
            if let (Some(article), Some(last)) = (article, words.last_mut())
                && ["a", "an"].contains(&last.as_str())
            {
                *last = article.to_owned();
            }
            words.push(word.replacen(bare, &said, 1));
        }
        words.join(" ")
    }

    fn instead_of(&self, word: &str) -> Option<(String, Option<&str>)> {
        let lower = word.to_ascii_lowercase();
        let plain = |name: &str| self.nouns.get(name);
        let (said, article) = match (plain(&lower), lower.strip_suffix('s').and_then(plain)) {
            (Some(noun), _) => (noun.one.clone(), Some(noun.article.as_str())),
            (None, Some(noun)) => (noun.many.clone(), None),
            (None, None) => return None,
        };
        let is_capital = word.chars().next().is_some_and(char::is_uppercase);
        let mut letters = said.chars();
        let capital = || letters.next().map(|first| first.to_uppercase().chain(letters).collect::<String>());
        Some(if is_capital { (capital().unwrap_or_default(), article) } else { (said, article) })
    }

    fn form(&self, name: &str) -> Option<String> {
        let (word, form) = name.split_once('.')?;
        let lower = form.to_ascii_lowercase();
        let noun = self.nouns.get(word);
        let verb = self.verbs.get(word);
        let text = match lower.as_str() {
            "one" => noun?.one.clone(),
            "many" => noun?.many.clone(),
            "a" => noun.map(|noun| format!("{} {}", noun.article, noun.one))?,
            "base" => verb?.base.clone(),
            "third" => verb?.third.clone(),
            "past" => verb?.past.clone(),
            "gerund" => verb?.gerund.clone(),
            _ => return None,
        };
        if form == lower { Some(text) } else { Some(capital(&text)) }
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

pub(crate) fn read(files: &Files, faults: &mut Faults) -> Terms {
    let Some(terms) = yaml::<Terms>(files, FILE, faults) else { return Terms::default() };
    for (list, needed, has) in [
        ("nouns", NOUNS.as_slice(), terms.nouns.keys().collect::<Vec<_>>()),
        ("verbs", VERBS.as_slice(), terms.verbs.keys().collect::<Vec<_>>()),
    ] {
        for word in needed.iter().filter(|word| !has.iter().any(|has| has == *word)) {
            faults.add(FILE, format!("{list}.{word}"), "is missing");
        }
        for word in has.into_iter().filter(|word| !needed.contains(&word.as_str())) {
            faults.add(FILE, format!("{list}.{word}"), "is no word that the product uses");
        }
    }
    for (word, noun) in &terms.nouns {
        let field = |form: &str| format!("nouns.{word}.{form}");
        check_forms(&[("one", &noun.one), ("many", &noun.many)], &field, faults);
        let vowel = noun.one.to_lowercase().starts_with(['a', 'e', 'i', 'o']);
        if !["a", "an"].contains(&noun.article.as_str()) || (vowel && noun.article == "a") {
            faults.add(FILE, field("article"), format!("`{}` does not go before `{}`", noun.article, noun.one));
        }
    }
    for (word, verb) in &terms.verbs {
        let field = |form: &str| format!("verbs.{word}.{form}");
        let forms = [("base", &verb.base), ("third", &verb.third), ("past", &verb.past), ("gerund", &verb.gerund)];
        check_forms(&forms, &field, faults);
    }
    terms
}

/// Every form is a plain word in small letters (names may have capitals), and no two are the same: a plural like its singular
/// leaves the reader guessing.
fn check_forms(forms: &[(&str, &String)], field: &dyn Fn(&str) -> String, faults: &mut Faults) {
    for (at, (name, form)) in forms.iter().enumerate() {
        if !is_plain(form, WORD_BYTES_MAX) {
            faults.add(FILE, field(name), "is empty, too long or has marks in it");
        }
        if let Some((other, _)) = forms.iter().take(at).find(|(_, other)| other == form) {
            faults.add(FILE, field(name), format!("is the same as `{other}`"));
        }
    }
}

//! Clauses as data: which events speak to which clause of which framework, and what follows for the clause. A mapping that
//! says something it does not mean is refused as a whole; a clause about which nothing can be said is said to be just that.

mod assess;
mod error;
mod predicate;
mod read;
mod shipped;

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize, Serializer};

pub use assess::{
    Assessor, ClauseResult, Counts, EVIDENCE_MAX, Freshness, OPEN_MAX, OutOfOrder, Reason, Tally, Verdict, assess,
};
pub use error::MappingError;
pub use predicate::Match;
pub use shipped::shipped;

use crate::event::Event;
use kernel::digest::Sha256Digest;
use predicate::Rule;

/// A file of a mapping: one framework.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MappingFile {
    pub name: Cow<'static, str>,
    pub text: Cow<'static, str>,
}

impl MappingFile {
    #[must_use]
    pub fn new(name: impl Into<Cow<'static, str>>, text: impl Into<Cow<'static, str>>) -> Self {
        Self { name: name.into(), text: text.into() }
    }
}

/// What an event is to a clause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// It shows that what the clause asks for is done.
    Evidence,
    /// It shows that it is not, until a mitigation answers it.
    Violation,
    /// It answers a violation.
    Mitigation,
}

/// A clause of a framework, written `un-r155:7.2.2.2(g)`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClauseRef {
    pub framework: Arc<str>,
    pub clause: Arc<str>,
}

impl fmt::Display for ClauseRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.framework, self.clause)
    }
}

impl Serialize for ClauseRef {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A framework as its file says it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Framework {
    pub id: Arc<str>,
    pub title: String,
    /// The edition of the framework's own text.
    pub version: String,
    /// When the mapping was last compared with that text, such as `2026-11-23`.
    pub date: String,
    /// What a reader must not take the mapping for.
    pub disclaimer: String,
}

/// A clause, in our own words: the text of most frameworks is licensed and is not shipped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Clause {
    pub of: ClauseRef,
    pub words: String,
    /// Of what the events are all there are, for whoever draws a sample.
    pub population: String,
    pub needs: Needs,
}

/// What a clause needs to be said to be satisfied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Needs {
    /// Evidence that is no older than so many days.
    Fresh { days: u32 },
    /// Evidence of an occurrence; that none occurred is no gap.
    Occurrence,
    /// Evidence that does not stand in the journal, for the reason given.
    Elsewhere { reason: String },
}

/// The frameworks, their clauses and the rules by which events are classified.
#[derive(Debug, Clone)]
pub struct Mapping {
    frameworks: Vec<Framework>,
    /// By framework, then in the order of the file.
    clauses: Vec<Clause>,
    rules: Vec<Rule>,
    /// Rules by the type of event; an event that no rule names costs one look-up.
    by_type: HashMap<String, Vec<usize>>,
    digest: Sha256Digest,
}

impl Mapping {
    /// Compiles all files, or tells everything that is wrong with them.
    ///
    /// # Errors
    /// A [`MappingError`] for each fault.
    pub fn compile(files: &[MappingFile]) -> Result<Self, Vec<MappingError>> {
        let mut files: Vec<&MappingFile> = files.iter().collect();
        files.sort_by(|a, b| a.name.cmp(&b.name));
        let (mut mapping, mut errors) = (Self::empty(&files), Vec::new());
        for file in files {
            match read::framework(file) {
                Ok(document) => errors.extend(mapping.add(&file.name, document)),
                Err(error) => errors.push(error),
            }
        }
        for (number, rule) in mapping.rules.iter().enumerate() {
            for kind in &rule.types {
                mapping.by_type.entry(kind.clone()).or_default().push(number);
            }
        }
        if errors.is_empty() { Ok(mapping) } else { Err(errors) }
    }

    fn empty(files: &[&MappingFile]) -> Self {
        let texts: String = files
            .iter()
            .map(|file| format!("{}:{}{}:{}", file.name.len(), file.name, file.text.len(), file.text))
            .collect();
        Self {
            frameworks: Vec::new(),
            clauses: Vec::new(),
            rules: Vec::new(),
            by_type: HashMap::new(),
            digest: Sha256Digest::of(texts.as_bytes()),
        }
    }

    fn add(&mut self, file: &str, document: read::Document) -> Vec<MappingError> {
        let mut errors = Vec::new();
        if self.frameworks.iter().any(|known| known.id == document.framework.id) {
            let reason = format!("`{}` is the framework of another file too", document.framework.id);
            return vec![MappingError::new(file, "framework", reason)];
        }
        let first = self.clauses.len();
        let mut places = BTreeMap::new();
        for (at, clause) in document.clauses.into_iter().enumerate() {
            if places.insert(clause.of.clause.clone(), first + at).is_some() {
                let reason = format!("`{}` is the id of another clause too", clause.of.clause);
                errors.push(MappingError::new(file, format!("clauses[{at}].id"), reason));
            }
            self.clauses.push(clause);
        }
        for (at, rule) in document.rules.into_iter().enumerate() {
            let mut targets = Vec::new();
            for (which, clause) in rule.clauses.iter().enumerate() {
                match places.get(clause.as_str()) {
                    Some(place) if targets.contains(place) => {
                        let reason = format!("`{clause}` is named twice");
                        errors.push(MappingError::new(file, format!("maps[{at}].clauses[{which}]"), reason));
                    }
                    Some(place) => targets.push(*place),
                    None => {
                        let reason = format!("`{clause}` is no clause of this file");
                        errors.push(MappingError::new(file, format!("maps[{at}].clauses[{which}]"), reason));
                    }
                }
            }
            self.rules.push(rule.compile(targets));
        }
        errors.extend(self.check_elsewhere(file, first));
        self.frameworks.push(document.framework);
        errors
    }

    /// A clause whose evidence stands elsewhere cannot have rules, and one without rules must say where it stands.
    fn check_elsewhere(&self, file: &str, first: usize) -> Vec<MappingError> {
        let mut errors = Vec::new();
        for (place, clause) in self.clauses.iter().enumerate().skip(first) {
            let has_evidence =
                self.rules.iter().any(|rule| rule.role == Role::Evidence && rule.clauses.contains(&place));
            let is_elsewhere = matches!(clause.needs, Needs::Elsewhere { .. });
            let reason = match (is_elsewhere, has_evidence) {
                (true, true) => "the clause is `elsewhere` and has evidence in `maps`",
                (false, false) => "no entry of `maps` gives evidence for the clause: say `elsewhere` and why",
                _ => continue,
            };
            errors.push(MappingError::new(file, format!("clauses[{}].id", place - first), reason));
        }
        errors
    }

    #[must_use]
    pub fn frameworks(&self) -> &[Framework] {
        &self.frameworks
    }

    #[must_use]
    pub fn clauses(&self) -> &[Clause] {
        &self.clauses
    }

    /// Of all files, so that a result can say by which mapping it was found.
    #[must_use]
    pub fn digest(&self) -> Sha256Digest {
        self.digest
    }

    /// Every type of event that the mapping names, for the caller to compare with those that exist.
    #[must_use]
    pub fn event_types(&self) -> Vec<&str> {
        let mut types: Vec<&str> = self.by_type.keys().map(String::as_str).collect();
        types.sort_unstable();
        types
    }

    /// The clauses by type of event, in order: the content of OSCAL's mapping collection.
    #[must_use]
    pub fn pairs(&self) -> Vec<(&str, &Clause, Role)> {
        let mut pairs = Vec::new();
        for rule in &self.rules {
            let clauses: Vec<&Clause> = rule.clauses.iter().filter_map(|place| self.clauses.get(*place)).collect();
            for kind in &rule.types {
                pairs.extend(clauses.iter().map(|clause| (kind.as_str(), *clause, rule.role)));
            }
        }
        pairs.sort_by(|a, b| (a.0, &a.1.of, a.2).cmp(&(b.0, &b.1.of, b.2)));
        pairs.dedup_by(|a, b| (a.0, &a.1.of, a.2) == (b.0, &b.1.of, b.2));
        pairs
    }

    /// The clauses that an event speaks to, whatever it says of them, in the order of the mapping.
    #[must_use]
    pub fn classify(&self, event: &Event) -> Vec<ClauseRef> {
        self.roles(event).into_iter().map(|(clause, _)| clause).fold(Vec::new(), |mut clauses, clause| {
            if clauses.last() != Some(&clause) {
                clauses.push(clause);
            }
            clauses
        })
    }

    /// The clauses that an event speaks to and what it is to each, in the order of the mapping.
    #[must_use]
    pub fn roles(&self, event: &Event) -> Vec<(ClauseRef, Role)> {
        let mut found: Vec<(usize, Role)> = self
            .rules_for(event)
            .filter(|(_, matched)| *matched == Match::Yes)
            .flat_map(|(rule, _)| rule.clauses.iter().map(|place| (*place, rule.role)))
            .collect();
        found.sort_unstable();
        found.dedup();
        found.into_iter().filter_map(|(place, role)| Some((self.clauses.get(place)?.of.clone(), role))).collect()
    }

    /// The rules that name the event's type, with what each says of it.
    fn rules_for<'a>(&'a self, event: &'a Event) -> impl Iterator<Item = (&'a Rule, Match)> {
        let numbers = self.by_type.get(&event.r#type).into_iter().flatten();
        numbers.filter_map(|number| self.rules.get(*number)).map(|rule| (rule, rule.matches(event)))
    }
}

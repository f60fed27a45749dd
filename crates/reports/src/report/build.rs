//! From what was found to a report.

use bundles::adherence::Adherence;
use bundles::{ClauseResult, Mapping};

use super::{Period, Report, Section, Status, sections, summary};
use crate::fill::Filled;
use crate::form::Form;

/// What a report says of itself.
#[derive(Debug, Clone)]
pub struct Frame {
    pub period: Period,
    pub tenant: String,
    pub made_at_ms: i64,
    pub version: u32,
    pub status: Status,
}

/// What was found.
#[derive(Debug, Clone, Copy)]
pub struct Contents<'a> {
    pub filled: &'a Filled,
    /// The mapping that the results and the adherence were found by. For the numbers of one framework alone it holds that
    /// framework alone.
    pub mapping: &'a Mapping,
    /// Those of other frameworks than the form's are left out.
    pub results: &'a [ClauseResult],
    pub adherence: &'a Adherence<'a>,
    pub corrections: &'a [Correction],
    pub technical: &'a Technical,
}

/// What a version changed, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Correction {
    /// The version that it made.
    pub version: u32,
    pub at_ms: i64,
    pub what: String,
    pub why: String,
}

/// By what a reader can check the report.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Technical {
    pub bundle_digest: Option<String>,
    /// The signed head of the log: its origin, size and root.
    pub checkpoint: Option<String>,
    /// The key that signs.
    pub key_id: Option<String>,
    /// Anything else, by name.
    pub others: Vec<(String, String)>,
}

impl Report {
    /// Sets the filled form beside what is said of the clauses. The summary claims nothing that the results do not say.
    #[must_use]
    pub fn new(form: &Form, frame: Frame, contents: &Contents<'_>) -> Self {
        let is_of_form = |result: &&ClauseResult| match &form.framework {
            Some(framework) => *result.clause.framework == **framework,
            None => true,
        };
        let results: Vec<&ClauseResult> = contents.results.iter().filter(is_of_form).collect();
        let sections: Vec<Section> = [
            sections::fields(contents.filled),
            sections::clauses(&results, contents.mapping),
            sections::violations(&results),
            sections::adherence(contents.adherence, contents.mapping, form.framework.as_deref()),
            sections::corrections(contents.corrections),
            sections::technical(contents, frame.made_at_ms),
        ]
        .into();
        Self {
            form: form.id.clone(),
            title: form.title.clone(),
            authority: form.authority.clone(),
            period: frame.period,
            tenant: frame.tenant,
            made_at_ms: frame.made_at_ms,
            version: frame.version,
            status: frame.status,
            paper: form.paper,
            disclaimer: form.disclaimer.clone(),
            summary: summary::paragraphs(form, &results, contents),
            sections,
        }
    }
}

//! A report as data: paragraphs, tables and charts, before anything is drawn. HTML and PDF say the same because both read
//! this.

mod build;
mod sections;
mod summary;

use serde::Serialize;

pub use build::{Contents, Correction, Frame, Technical};

use crate::form::Paper;

/// Where a report stands on its way to the authority.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Draft,
    Signed,
    Submitted,
    Accepted,
    Rejected,
    /// A later version of the same report replaces it.
    Superseded,
}

impl Status {
    /// As people read it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Draft => "Draft",
            Self::Signed => "Signed",
            Self::Submitted => "Submitted",
            Self::Accepted => "Accepted",
            Self::Rejected => "Rejected",
            Self::Superseded => "Superseded",
        }
    }
}

/// The time that a report is about, in milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Period {
    pub from_ms: i64,
    /// The first instant that no longer belongs to it.
    pub to_ms: i64,
}

/// A report.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// The form's id.
    pub form: String,
    pub title: String,
    pub authority: String,
    pub period: Period,
    pub tenant: String,
    pub made_at_ms: i64,
    /// From 1; a correction is the next.
    pub version: u32,
    pub status: Status,
    pub paper: Paper,
    /// What a reader must not take the report for.
    pub disclaimer: String,
    pub summary: Vec<Paragraph>,
    pub sections: Vec<Section>,
}

/// A paragraph of plain text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Paragraph(pub String);

/// A part of the report with a heading.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Section {
    pub title: String,
    pub blocks: Vec<Block>,
}

/// What stands in a section.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Block {
    Text(Paragraph),
    Table(Table),
    Chart(Chart),
}

/// A table. Its first column heads the rows.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Table {
    pub caption: String,
    pub columns: Vec<Column>,
    /// Each with as many cells as there are columns.
    pub rows: Vec<Vec<Cell>>,
    /// How many rows were left out because there are too many.
    pub left_out: usize,
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Column {
    pub title: String,
    pub is_number: bool,
    /// Its part of the width, beside those of the others.
    pub share: f32,
}

/// A cell of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cell {
    pub text: String,
    pub tone: Tone,
}

/// What a reader should see at once. The text says it too.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Tone {
    #[default]
    Plain,
    Good,
    Bad,
    /// Nobody knows.
    Open,
}

/// Bars, one for each label.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Chart {
    pub caption: String,
    /// The same in words, for whoever does not see it.
    pub words: String,
    pub bars: Vec<Bar>,
}

/// A bar of a chart.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Bar {
    pub label: String,
    /// Between 0 and 1; nothing where there is none to show.
    pub part: Option<f64>,
    /// What stands beside the bar.
    pub text: String,
    pub tone: Tone,
}

impl Cell {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), tone: Tone::Plain }
    }

    pub(crate) fn toned(text: impl Into<String>, tone: Tone) -> Self {
        Self { text: text.into(), tone }
    }
}

impl Column {
    pub(crate) fn text(title: &str, share: f32) -> Self {
        Self { title: title.to_owned(), is_number: false, share }
    }

    pub(crate) fn number(title: &str, share: f32) -> Self {
        Self { title: title.to_owned(), is_number: true, share }
    }
}

impl Report {
    /// The lines of the head: what it is about, in pairs.
    #[must_use]
    pub fn facts(&self) -> Vec<(&'static str, String)> {
        let period = match self.period {
            Period { from_ms, to_ms } if to_ms > from_ms => {
                format!("{} to {} (UTC)", crate::time_text::date(from_ms), crate::time_text::date(to_ms - 1))
            }
            Period { from_ms, .. } => crate::time_text::minute(from_ms),
        };
        vec![
            ("Authority", self.authority.clone()),
            ("Reporting tenant", self.tenant.clone()),
            ("Period", period),
            ("Form", self.form.clone()),
            ("Version and status", format!("Version {}, {}", self.version, self.status.word().to_lowercase())),
            ("Made", crate::time_text::minute(self.made_at_ms)),
        ]
    }
}

//! A CSV text as rows whose columns are found by name, so that every problem can be told with its table and line.

use std::collections::BTreeMap;
use std::str::FromStr;

use csv::{Reader, StringRecord};

use super::{ITEMS_MAX, ImportError};

/// One row, with the places of its table's columns.
pub(super) struct Row<'a> {
    table: &'static str,
    line: u64,
    columns: &'a BTreeMap<String, usize>,
    record: &'a StringRecord,
}

impl Row<'_> {
    /// Its line, from 1, the heading included.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// What stands in a column; nothing where there is no such column.
    pub fn text(&self, column: &str) -> &str {
        self.columns.get(column).and_then(|&place| self.record.get(place)).unwrap_or_default().trim()
    }

    pub fn problem(&self, problem: String) -> ImportError {
        ImportError::Row { table: self.table, line: self.line, problem }
    }

    pub fn number<T: FromStr>(&self, column: &str) -> Result<T, ImportError> {
        let text = self.text(column);
        text.parse().map_err(|_| self.problem(format!("{column} {text:?} is not a number")))
    }
}

/// Hands out the rows of a text one by one; an empty text has none.
pub(super) fn rows(
    table: &'static str,
    text: &str,
    required: &[&'static str],
    mut each: impl FnMut(&Row<'_>) -> Result<(), ImportError>,
) -> Result<(), ImportError> {
    if text.is_empty() {
        return Ok(());
    }
    let unreadable = |error: csv::Error| {
        let line = error.position().map_or(1, csv::Position::line);
        let problem = "the row cannot be read: columns are missing or a quote is open".into();
        ImportError::Row { table, line, problem }
    };
    let mut reader = Reader::from_reader(text.as_bytes());
    let headings = reader.headers().map_err(unreadable)?;
    let columns: BTreeMap<String, usize> =
        headings.iter().enumerate().map(|(place, name)| (name.trim().to_owned(), place)).collect();
    if let Some(column) = required.iter().find(|column| !columns.contains_key(**column)) {
        return Err(ImportError::Column { table, column });
    }
    for (count, record) in reader.records().enumerate() {
        if count >= ITEMS_MAX {
            return Err(ImportError::TooMany { what: table });
        }
        let record = record.map_err(unreadable)?;
        let line = record.position().map_or(0, csv::Position::line);
        // An open quote swallows the rows behind it, and no name of a road has two lines.
        if record.iter().any(|field| field.contains('\n')) {
            let problem = "a quote is open: a field goes on over the end of the line".into();
            return Err(ImportError::Row { table, line, problem });
        }
        each(&Row { table, line, columns: &columns, record: &record })?;
    }
    Ok(())
}

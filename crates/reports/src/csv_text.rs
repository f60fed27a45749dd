//! The filled form as a table of one row, as authorities take it by upload.

use crate::fill::Filled;

/// The titles of the fields and, below them, their values; RFC 4180.
///
/// A value that a spreadsheet would run as a formula gets an apostrophe before it, unless it is a number.
#[must_use]
pub fn csv(filled: &Filled) -> String {
    let titles = filled.fields.iter().map(|field| field.title.clone());
    let values = filled.fields.iter().map(|field| harmless(field.value.as_deref().unwrap_or_default()));
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    let written = writer.write_record(titles).and_then(|()| writer.write_record(values));
    // Two rows of the same length into memory cannot fail.
    match written.ok().and_then(|()| writer.into_inner().ok()) {
        Some(bytes) => String::from_utf8(bytes).unwrap_or_default(),
        None => String::new(),
    }
}

fn harmless(value: &str) -> String {
    let shown: String =
        value.chars().filter(|character| !character.is_control() || matches!(character, '\n' | '\t')).collect();
    if shown.starts_with(['=', '+', '-', '@', '\t']) && shown.parse::<f64>().is_err() {
        format!("'{shown}")
    } else {
        shown
    }
}

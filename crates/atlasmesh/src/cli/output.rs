//! What the command line prints: JSON as it came, or tables for people.

use std::io::{self, Write};

use serde_json::Value;

/// How to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Human,
    /// For programs: the server's JSON, one document.
    Json,
}

/// Prints a line. A reader that went away (`| head`) ends the program without an error.
pub fn line(text: impl std::fmt::Display) {
    if writeln!(io::stdout().lock(), "{text}").is_err() {
        std::process::exit(0);
    }
}

pub fn bytes(bytes: &[u8]) {
    if io::stdout().lock().write_all(bytes).is_err() {
        std::process::exit(0);
    }
}

/// Prints an answer: as JSON, or through `human`.
pub fn answer(format: Format, value: &Value, human: impl FnOnce(&Value)) {
    match format {
        Format::Json => line(serde_json::to_string_pretty(value).unwrap_or_default()),
        Format::Human => human(value),
    }
}

/// Prints rows under headings, each column as wide as its widest cell.
pub fn table(headings: &[&str], rows: &[Vec<String>]) {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain([headings[column].chars().count()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..headings.len()).map(width).collect();
    let print = |cells: &[&str]| {
        let padded: Vec<String> = cells.iter().zip(&widths).map(|(cell, &width)| format!("{cell:width$}")).collect();
        line(padded.join("  ").trim_end());
    };
    print(headings);
    for row in rows {
        print(&row.iter().map(String::as_str).collect::<Vec<_>>());
    }
}

/// The text at a JSON pointer; numbers and other values as JSON, nothing as a dash.
pub fn text(value: &Value, pointer: &str) -> String {
    match value.pointer(pointer) {
        None | Some(Value::Null) => "-".into(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

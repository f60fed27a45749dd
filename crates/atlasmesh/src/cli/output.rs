//! What the command line prints: JSON as it came, or tables for people, with colours on a terminal.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use serde_json::Value;

/// How to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Human,
    /// For programs: the server's JSON, one document.
    Json,
}

/// Numbers from here on are printed without a fraction in tables.
const WHOLE_FROM: f64 = 100.0;
const HEADING: Style = Style::new().bold();

/// Prints a line, with its colours where a terminal shows them and NO_COLOR is not set. A reader that went away
/// (`| head`) ends the program without an error.
pub fn line(text: impl std::fmt::Display) {
    if writeln!(anstream::stdout().lock(), "{text}").is_err() {
        std::process::exit(0);
    }
}

/// Tells a person something that is not part of the answer.
pub fn note(text: impl std::fmt::Display) {
    // Nobody is left to be told when standard error is gone.
    let _ = writeln!(io::stderr().lock(), "{text}");
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
    line(row(headings.iter().map(|heading| (*heading, HEADING)), &widths));
    for cells in rows {
        line(row(cells.iter().map(|cell| (cell.as_str(), style_of(cell))), &widths));
    }
}

/// Prints what one thing is, a line for each part that it has.
pub fn summary(parts: &[(&str, String)]) {
    let parts = || parts.iter().filter(|(_, text)| !matches!(text.as_str(), "" | "-"));
    let widths = [parts().map(|(name, _)| name.len()).max().unwrap_or(0), 0];
    for (name, text) in parts() {
        line(row([(*name, HEADING), (text.as_str(), style_of(text))], &widths));
    }
}

/// Cells beside one another; nothing stands behind the last.
fn row<'a>(cells: impl IntoIterator<Item = (&'a str, Style)>, widths: &[usize]) -> String {
    let cells: Vec<(&str, Style)> = cells.into_iter().collect();
    let last = cells.iter().rposition(|(text, _)| !text.is_empty()).unwrap_or(0);
    let padded = cells.iter().zip(widths).take(last + 1).enumerate().map(|(n, ((text, style), &width))| {
        let width = if n == last { 0 } else { width };
        format!("{style}{text:width$}{style:#}")
    });
    padded.collect::<Vec<_>>().join("  ")
}

/// The colour of a word that says how something is.
fn style_of(word: &str) -> Style {
    let colour = match word {
        "ONLINE" | "COMPLETED" | "DONE" | "ACTIVE" | "active" | "done" | "intact" | "ready" => AnsiColor::Green,
        "WAITING" | "PAUSED" | "ASKED" | "invited" | "pending" | "blocked" => AnsiColor::Yellow,
        "OFFLINE" | "FAILED" | "EXPIRED" | "STRANDED" | "SAFE_STOPPED" | "AWAITING_ASSIST" | "CHANGED" => {
            AnsiColor::Red
        }
        "disabled" | "rejected" | "failed" | "expired" | "revoked" | "withdrawn" => AnsiColor::Red,
        "ASSIGNED" | "DISPATCHED" | "TO_PICKUP" | "AT_PICKUP" | "ON_TRIP" | "AT_DROPOFF" | "TAKEN" => AnsiColor::Cyan,
        "-" | "CANCELLED" | "DECOMMISSIONED" => return Style::new().dimmed(),
        _ => return Style::new(),
    };
    colour.on_default()
}

/// A word in the colour of what it says.
pub fn painted(word: &str) -> String {
    let style = style_of(word);
    format!("{style}{word}{style:#}")
}

/// The text at a JSON pointer; numbers and other values as JSON, nothing as a dash.
pub fn text(value: &Value, pointer: &str) -> String {
    match value.pointer(pointer) {
        None | Some(Value::Null) => "-".into(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

/// What stands at a JSON pointer, as a table has it: times to the second, numbers as exact as people read them.
pub fn cell(value: &Value, pointer: &str) -> String {
    let told = match value.pointer(pointer) {
        None | Some(Value::Null) => "-".into(),
        Some(Value::Bool(yes)) => if *yes { "yes" } else { "no" }.into(),
        Some(Value::String(text)) => seconds(text),
        Some(Value::Number(number)) if number.is_f64() => rounded(number.as_f64().unwrap_or_default()),
        Some(Value::Array(all)) => all.iter().map(|one| text(one, "")).collect::<Vec<_>>().join(", "),
        Some(other) => other.to_string(),
    };
    // Nothing that a server sends moves the cursor or begins a line.
    told.replace(char::is_control, " ")
}

/// A number as exact as people read it.
pub fn rounded(number: f64) -> String {
    let text = if number.abs() < WHOLE_FROM { format!("{number:.1}") } else { format!("{number:.0}") };
    text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
}

/// A time (RFC 3339, UTC) without what is below a second; any other text as it is.
fn seconds(text: &str) -> String {
    let is_time = text.len() > 20 && text.ends_with('Z') && text.as_bytes().get(10) == Some(&b'T');
    match text.split_once('.') {
        Some((whole, _)) if is_time && whole.len() == 19 => format!("{whole}Z"),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn cells_are_what_people_read() {
        let value = json!({
            "time": "2026-01-02T03:04:05.678901Z", "name": "a.b\u{1b}[2J\nc", "pct": 83.2718, "kg": 90_000.04, "none": null,
            "zero": 0.0, "ready": true, "roles": ["viewer", "auditor"], "count": 12_345,
        });
        let cells = ["time", "name", "pct", "kg", "none", "zero", "ready", "roles", "count"]
            .map(|name| cell(&value, &format!("/{name}")));
        let read = ["2026-01-02T03:04:05Z", "a.b [2J c", "83.3", "90000", "-", "0", "yes", "viewer, auditor", "12345"];
        assert_eq!(cells, read);
    }
}

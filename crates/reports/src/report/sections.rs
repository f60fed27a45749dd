//! The sections of a report, each from one kind of finding.

use std::collections::BTreeMap;

use bundles::adherence::{Adherence, Dimension, Numbers};
use bundles::compliance::Reason;
use bundles::{ClauseResult, Mapping, Verdict};

use super::build::{Contents, Correction};
use super::summary::{counted, with_verdict};
use super::{Bar, Block, Cell, Chart, Column, Paragraph, Section, Table, Tone};
use crate::fill::{Filled, FilledField, Origin};
use crate::time_text::{date, minute};

/// The most rows of a table; how many more there are is said.
const ROWS_MAX: usize = 500;
/// The most entries that a cell names.
const ENTRIES_SHOWN: usize = 12;
/// The most bars of a chart: the newest months.
const BARS_MAX: usize = 24;

fn text(words: impl Into<String>) -> Block {
    Block::Text(Paragraph(words.into()))
}

fn table(caption: &str, columns: Vec<Column>, mut rows: Vec<Vec<Cell>>) -> Block {
    let left_out = rows.len().saturating_sub(ROWS_MAX);
    rows.truncate(ROWS_MAX);
    Block::Table(Table { caption: caption.to_owned(), columns, rows, left_out })
}

fn section(title: &str, blocks: Vec<Block>) -> Section {
    Section { title: title.to_owned(), blocks }
}

/// The rate in percent with one decimal, rounded down so that it never says more than the numbers.
pub(super) fn rate(numbers: &Numbers) -> Option<String> {
    let all = numbers.adhering.count.checked_add(numbers.violations.count).filter(|all| *all > 0)?;
    let permille = u128::from(numbers.adhering.count) * 1_000 / u128::from(all);
    Some(format!("{}.{} %", permille / 10, permille % 10))
}

fn entries(list: &[u64], count: u64) -> String {
    let shown: Vec<String> = list.iter().take(ENTRIES_SHOWN).map(u64::to_string).collect();
    match count.saturating_sub(shown.len() as u64) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

pub(super) fn fields(filled: &Filled) -> Section {
    let faults: BTreeMap<&str, &str> =
        filled.faults.iter().map(|fault| (fault.field.as_str(), fault.reason.as_str())).collect();
    let row = |field: &FilledField| {
        let value = match (&field.value, faults.get(field.id.as_str())) {
            (Some(value), None) => Cell::new(value.clone()),
            (Some(value), Some(reason)) => Cell::toned(format!("{value} (fault: {reason})"), Tone::Bad),
            (None, Some(reason)) => Cell::toned(format!("No value: {reason}"), Tone::Bad),
            (None, None) if field.required => Cell::toned("Missing", Tone::Bad),
            (None, None) => Cell::toned("Not given", Tone::Open),
        };
        let from = match &field.from {
            Origin::Entries(_) if field.counted == 0 => "Journal: no such entry".to_owned(),
            Origin::Entries(list) => format!("Journal: {}", entries(list, field.counted)),
            Origin::Setting => "Setting".to_owned(),
            Origin::Person => "Person".to_owned(),
            Origin::Nothing => "None".to_owned(),
        };
        let title = if field.required { format!("{} *", field.title) } else { field.title.clone() };
        vec![Cell::new(title), value, Cell::new(from)]
    };
    let columns = vec![Column::text("Field", 3.2), Column::text("Value", 4.4), Column::text("Source", 2.4)];
    let unknown = filled.faults.iter().filter(|fault| filled.field(&fault.field).is_none());
    let mut blocks = vec![
        text("Fields with * are required. Numbers under Source are entries of the journal."),
        table("Fields of the form", columns, filled.fields.iter().map(row).collect()),
    ];
    blocks.extend(unknown.map(|fault| text(format!("{}: {}.", fault.field, fault.reason))));
    section("Form", blocks)
}

/// The reason in the words of `bundles`, with the right number for one violation.
fn reason(reason: &Reason) -> String {
    match reason {
        Reason::OpenViolations { open: 1 } => "1 violation is not answered by a mitigation".to_owned(),
        reason => reason.to_string(),
    }
}

fn verdict(verdict: Verdict) -> Cell {
    match verdict {
        Verdict::Satisfied => Cell::toned("Satisfied", Tone::Good),
        Verdict::NotSatisfied => Cell::toned("Not satisfied", Tone::Bad),
        Verdict::NotEvaluable => Cell::toned("Not evaluable", Tone::Open),
    }
}

fn verdict_chart(results: &[&ClauseResult]) -> Block {
    let verdicts = [Verdict::Satisfied, Verdict::NotSatisfied, Verdict::NotEvaluable];
    let bars: Vec<Bar> = verdicts
        .into_iter()
        .map(|wanted| {
            let count = with_verdict(results, wanted);
            let Cell { text, tone } = verdict(wanted);
            let part = (!results.is_empty()).then(|| count as f64 / results.len() as f64);
            Bar { label: text, part, text: count.to_string(), tone }
        })
        .collect();
    let words: Vec<String> = bars.iter().map(|bar| format!("{}: {}", bar.label, bar.text)).collect();
    Block::Chart(Chart { caption: "Clauses by verdict".to_owned(), words: words.join("; "), bars })
}

pub(super) fn clauses(results: &[&ClauseResult], mapping: &Mapping) -> Section {
    if results.is_empty() {
        return section("Clauses", vec![text("No clause was assessed.")]);
    }
    let words: BTreeMap<String, &str> =
        mapping.clauses().iter().map(|clause| (clause.of.to_string(), clause.words.as_str())).collect();
    let row = |result: &&ClauseResult| {
        let of = result.clause.to_string();
        let freshness = match (result.freshness.newest_at_ms, result.freshness.days) {
            (None, _) => "No evidence".to_owned(),
            (Some(at_ms), None) => date(at_ms),
            (Some(at_ms), Some(days)) => format!("{} (at most {})", date(at_ms), counted(days.into(), "day", "days")),
        };
        let counts = &result.counts;
        vec![
            Cell::new(match words.get(&of) {
                Some(words) => format!("{of}\n{words}"),
                None => of,
            }),
            verdict(result.verdict),
            Cell::new(reason(&result.reason)),
            Cell::new(freshness),
            Cell::new(counts.evidence.to_string()),
            Cell::new(format!("{} ({})", counts.violations, counts.open)),
            Cell::new(counts.mitigations.to_string()),
        ]
    };
    let columns = vec![
        Column::text("Clause", 3.0),
        Column::text("Verdict", 1.2),
        Column::text("Reason", 2.2),
        Column::text("Newest evidence", 1.4),
        Column::number("Evidence", 1.1),
        Column::number("Violations (open)", 1.3),
        Column::number("Mitigations", 1.3),
    ];
    let rows = results.iter().map(row).collect();
    section("Clauses", vec![verdict_chart(results), table("What is said of each clause", columns, rows)])
}

pub(super) fn violations(results: &[&ClauseResult]) -> Section {
    let open = results.iter().filter(|result| result.counts.open > 0);
    let rows: Vec<Vec<Cell>> = open
        .map(|result| {
            let counts = result.counts.open;
            let named = entries(&result.open, counts);
            vec![Cell::new(result.clause.to_string()), Cell::toned(counts.to_string(), Tone::Bad), Cell::new(named)]
        })
        .collect();
    if rows.is_empty() {
        return section("Open violations", vec![text("No violation of a clause that was assessed is open.")]);
    }
    let columns =
        vec![Column::text("Clause", 2.5), Column::number("Open", 1.0), Column::text("Entries of the journal", 6.5)];
    section("Open violations", vec![table("Violations that no mitigation answers", columns, rows)])
}

pub(super) fn adherence(adherence: &Adherence<'_>, mapping: &Mapping, framework: Option<&str>) -> Section {
    let titles: Vec<&str> = mapping.frameworks().iter().map(|framework| framework.title.as_str()).collect();
    let about = format!(
        "The rate is the part of adhering events among those that adhere or violate, rounded down. By clause, an event counts \
         for each clause that it speaks to; otherwise once. Clauses are those of the form, the other numbers are of the \
         whole mapping, which holds: {}.",
        titles.join("; ")
    );
    let mut blocks = vec![text(about)];
    let months = adherence.by(Dimension::Month);
    let mut clauses = adherence.by(Dimension::Clause);
    if let Some(framework) = framework {
        clauses.retain(|clause, _| clause.as_deref().and_then(|clause| clause.split(':').next()) == Some(framework));
    }
    if !months.is_empty() {
        blocks.push(month_chart(&months));
    }
    let tables = [
        ("Adherence by month", "Month", months),
        ("Adherence by clause", "Clause", clauses),
        ("Adherence by site", "Site", adherence.by(Dimension::Site)),
        ("Adherence by class of vehicle", "Class", adherence.by(Dimension::VehicleClass)),
    ];
    for (caption, first, numbers) in tables {
        let columns = vec![
            Column::text(first, 4.0),
            Column::number("Adhering", 1.5),
            Column::number("Violations", 1.5),
            Column::number("Mitigations", 1.5),
            Column::number("Rate", 1.5),
        ];
        let rows: Vec<Vec<Cell>> =
            numbers.iter().map(|(name, numbers)| adherence_row(name.as_deref(), numbers)).collect();
        if !rows.is_empty() {
            blocks.push(table(caption, columns, rows));
        }
    }
    section("Adherence", blocks)
}

fn adherence_row(name: Option<&str>, numbers: &Numbers) -> Vec<Cell> {
    let bad = numbers.violations.count;
    vec![
        name.map_or_else(|| Cell::toned("Not told", Tone::Open), Cell::new),
        Cell::new(numbers.adhering.count.to_string()),
        Cell::toned(bad.to_string(), if bad > 0 { Tone::Bad } else { Tone::Plain }),
        Cell::new(numbers.mitigations.count.to_string()),
        rate(numbers).map_or_else(|| Cell::toned("No rate", Tone::Open), Cell::new),
    ]
}

fn month_chart(months: &BTreeMap<Option<String>, Numbers>) -> Block {
    let skipped = months.len().saturating_sub(BARS_MAX);
    let bars: Vec<Bar> = months
        .iter()
        .skip(skipped)
        .map(|(month, numbers)| {
            let text = rate(numbers).unwrap_or_else(|| "No rate".to_owned());
            let label = month.clone().unwrap_or_else(|| "Not told".to_owned());
            Bar { label, part: numbers.rate(), text, tone: Tone::Plain }
        })
        .collect();
    let words: Vec<String> = bars.iter().map(|bar| format!("{}: {}", bar.label, bar.text)).collect();
    Block::Chart(Chart { caption: "Rate of adherence by month".to_owned(), words: words.join("; "), bars })
}

pub(super) fn corrections(corrections: &[Correction]) -> Section {
    if corrections.is_empty() {
        return section("Corrections", vec![text("This report corrects no earlier one.")]);
    }
    let row = |correction: &Correction| {
        vec![
            Cell::new(correction.version.to_string()),
            Cell::new(minute(correction.at_ms)),
            Cell::new(correction.what.clone()),
            Cell::new(correction.why.clone()),
        ]
    };
    let columns = vec![
        Column::text("Version", 1.0),
        Column::text("When", 2.0),
        Column::text("What was changed", 3.5),
        Column::text("Why", 3.5),
    ];
    section("Corrections", vec![table("Corrections", columns, corrections.iter().map(row).collect())])
}

pub(super) fn technical(contents: &Contents<'_>, made_at_ms: i64) -> Section {
    let technical = contents.technical;
    let or_none = |value: &Option<String>| match value {
        Some(value) => Cell::new(value.clone()),
        None => Cell::toned("None", Tone::Open),
    };
    let mut rows = vec![
        vec![Cell::new("Bundle of evidence (SHA-256)"), or_none(&technical.bundle_digest)],
        vec![Cell::new("Checkpoint of the log"), or_none(&technical.checkpoint)],
        vec![Cell::new("Key that signs"), or_none(&technical.key_id)],
        vec![Cell::new("Mapping of clauses (SHA-256)"), Cell::new(contents.mapping.digest().to_string())],
        vec![Cell::new("Made at"), Cell::new(format!("{} ({made_at_ms} ms since 1970)", minute(made_at_ms)))],
    ];
    rows.extend(technical.others.iter().map(|(name, value)| vec![Cell::new(name.clone()), Cell::new(value.clone())]));
    let columns = vec![Column::text("What", 3.0), Column::text("Value", 7.0)];
    let about = "By these a reader can check the evidence without the sender.";
    section("Technical details", vec![text(about), table("What the report rests on", columns, rows)])
}
